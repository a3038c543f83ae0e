"""Remove from a response what is not its answer: the thinking, chat markers, and later turns of the conversation."""

import re
from collections.abc import Sequence

_OPEN = r"(?:think|thinking|thought|reasoning|reason|scratchpad|analysis|seed:think|\|begin_of_thought\|)"
_CLOSING = re.compile(
    rf"</\s*{_OPEN}\s*>|\[/THINK\]|<\|end_of_thought\|>|<\|/think\|>|<\|end_thinking\|>|◁/think▷|</\|?think\|?>",
    re.IGNORECASE,
)
_OPENING = re.compile(
    rf"<\s*{_OPEN}\s*>|\[THINK\]|<\|begin_of_thought\|>|<\|think\|>|<\|START_THINKING\|>|◁think▷", re.IGNORECASE
)
_OPENED = re.compile(rf"({_OPENING.pattern})\s*\Z", re.IGNORECASE)
_LONGEST_END = 200  # characters at the end of a prompt in which an opening tag is looked for
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<]{0,200}<\|message\|>")
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
_UNMARKED = re.compile(r"\Aanalysis(?=[A-Z])")  # gpt-oss channels if the server drops special tokens
_NEXT_TURN = re.compile(
    r"<\|im_start\|>\s*(?:user|system)|<\|start_header_id\|>\s*(?:user|system)|<start_of_turn>\s*user|<\|user\|>"
    r"|<｜User｜>|\[INST\]|<\|start\|>\s*(?:user|system)|\n(?:Human|User):|\n[ \t]{0,8}\n(?:Question|Q):"
    r"|\n### (?:Human|User|Instruction|Question)"
)
_SPECIAL = re.compile(
    r"<\|[A-Za-z0-9_ ]{1,40}\|>|<｜[^<>｜\n]{1,40}｜>|</?s>|<end_of_turn>|<start_of_turn>\s*(?:model|assistant)?"
    r"|<eos>|<bos>|<pad>|\[/INST\]"
    r"|<\|start_header_id\|>\s*\w{1,20}\s*<\|end_header_id\|>"
)


def visible(response: str) -> str:
    """The response without its thinking; empty if the thinking was opened and never closed.

    >>> visible("<think>so 4?</think>It is 5.<|im_end|>")
    'It is 5.'
    >>> visible("let me see, 4? no</think> 5"), visible("<think> 4")
    (' 5', '')
    """
    text = _final_channel(response)
    closings = list(_CLOSING.finditer(text))
    if closings:
        text = text[closings[-1].end() :]
    opening = _OPENING.search(text)
    if opening:
        text = text[: opening.start()] if text[: opening.start()].strip() else _answer_inside(text)
    turn = _NEXT_TURN.search(text, 1)
    if turn and text[: turn.start()].strip():
        text = text[: turn.start()]
    return _SPECIAL.sub("", text)


def opened_by(prompt: str) -> str:
    """The opening tag at the end of a prompt, which chat templates of reasoning models put there; else "".

    The response then begins inside the thinking, so it must be graded with the tag in front of it.

    >>> opened_by("<|im_start|>assistant\\n<think>\\n"), opened_by("<think>\\n\\n</think>\\n\\n")
    ('<think>', '')
    """
    opened = _OPENED.search(prompt[-_LONGEST_END:])
    return opened.group(1) if opened else ""


def opened_unseen(whole_responses: Sequence[str]) -> str:
    """The opening tag at the end of a prompt that is not known, inferred from the responses that were not truncated.

    If most of them close a thought that they never opened, the server's template opened it: "<think>"; else "".

    >>> opened_unseen(["so 4</think>4", "is it 5?</think>6", "7"]), opened_unseen(["<think>4</think>4", "5"])
    ('<think>', '')
    """
    closing = sum(_closes_first(response) for response in whole_responses)
    return "<think>" if closing > len(whole_responses) / 2 else ""


def _closes_first(response: str) -> bool:
    closing = _CLOSING.search(response)
    return closing is not None and not _OPENING.search(response, 0, closing.start())


def _final_channel(text: str) -> str:
    """The last final channel of a response in gpt-oss channels, or nothing if there is none; other texts unchanged.

    >>> _final_channel("analysisIs it 4?assistantfinalIt is 5."), _final_channel("analysisIs it 4?")
    ('It is 5.', '')
    """
    channels = list(_CHANNEL.finditer(text))
    if not channels and _UNMARKED.match(text):
        return text.partition("assistantfinal")[2]
    if not channels:
        return text
    for channel in reversed(channels):
        if channel.group(1) == "final":
            end = _CHANNEL_END.search(text, channel.end())
            return text[channel.end() : end.start() if end else len(text)]
    return ""


def _answer_inside(text: str) -> str:
    """A complete <answer> element inside thinking that was never closed: it still counts as a stated answer."""
    start = text.rfind("<answer>")
    return text[start:] if start >= 0 and "</answer>" in text[start:] else ""
