"""Chat templates of model families, rewritten by us and reduced to prompts of one turn.

They keep the facts: the markers and their order, the argument that switches thinking on or off, the end of the prompt,
and how the answer is separated from the thinking. {system} and {user} are placeholders for the two messages.
"""

from dataclasses import dataclass, field
from typing import Any

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CHATML_PROMPT = "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"
OFF = "{% if add_generation_prompt and enable_thinking is defined and not enable_thinking %}"
QWEN3 = CHATML + OFF + "<think>\n\n</think>\n\n{% endif %}"
DEEPSEEK = (
    "<｜begin▁of▁sentence｜>{% for m in messages %}{% if m.role == 'user' %}<｜User｜>{% endif %}{{ m.content }}"
    "{% endfor %}{% if add_generation_prompt %}<｜Assistant｜>"
)
DEEPSEEK_PROMPT = "<｜begin▁of▁sentence｜>{system}<｜User｜>{user}<｜Assistant｜>"
GRANITE = (
    "{% set think = ' Think inside <think>, answer inside <response>.' if thinking is defined and thinking else '' %}"
    "{% for m in messages %}<|start_of_role|>{{ m.role }}<|end_of_role|>{{ m.content }}"
    "{{ think if m.role == 'system' else '' }}<|end_of_text|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start_of_role|>assistant<|end_of_role|>{% endif %}"
)
GRANITE_PROMPT = (
    "<|start_of_role|>system<|end_of_role|>{system}%s<|end_of_text|>\n"
    "<|start_of_role|>user<|end_of_role|>{user}<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>"
)
GPT_OSS = (
    "<|start|>system<|message|>Reasoning: {{ reasoning_effort or 'medium' }}\n"
    "# Valid channels: analysis, commentary, final.<|end|>{% for m in messages %}"
    "<|start|>{{ 'developer' if m.role == 'system' else m.role }}<|message|>"
    "{{ '# Instructions\n\n' if m.role == 'system' else '' }}{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
GPT_OSS_PROMPT = (
    "<|start|>system<|message|>Reasoning: %s\n# Valid channels: analysis, commentary, final.<|end|>"
    "<|start|>developer<|message|># Instructions\n\n{system}<|end|>"
    "<|start|>user<|message|>{user}<|end|><|start|>assistant"
)
GLM = (
    "[gMASK]<sop>{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}"
    "{{ '/nothink' if m.role == 'user' and enable_thinking is defined and not enable_thinking }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>" + "{{ '\n<think></think>' if enable_thinking is defined and "
    "not enable_thinking }}{% endif %}"
)
LLAMA = (
    "<|begin_of_text|>{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content }}"
    "<|eot_id|>{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
LLAMA_PROMPT = (
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n{system}<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\n{user}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
)
MAGISTRAL = (
    "<s>{% for m in messages %}{% if m.role == 'system' %}[SYSTEM_PROMPT]{{ m.content }}[/SYSTEM_PROMPT]"
    "{% else %}[INST]{{ m.content }}[/INST]{% endif %}{% endfor %}"
)
EXAONE = (
    "{% for m in messages %}[|{{ m.role }}|]{{ m.content }}{{ '[|endofturn|]' if m.role == 'system' }}\n{% endfor %}"
    "{% if add_generation_prompt %}[|assistant|]<thought>\n{% endif %}"
)
KIMI = (
    "{% for m in messages %}<|im_{{ m.role }}|>{{ m.role }}<|im_middle|>{{ m.content }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_assistant|>assistant<|im_middle|>{% endif %}"
)
SEED = (
    "{% for m in messages %}<seed:bos>{{ m.role }}\n{{ m.content }}<seed:eos>{% endfor %}"
    "{% if add_generation_prompt %}<seed:bos>assistant\n"
    "{{ '<seed:think>\n</seed:think>' if thinking_budget is defined and thinking_budget == 0 }}{% endif %}"
)
GEMMA = (
    "<bos>{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ m.role }}\n{{ m.content }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


@dataclass(frozen=True)
class Family:
    """A template with its arguments, the prompt that it makes, and the form of responses.

    `before` is what the model writes before its thinking (None: it does not think), `between` what it writes between
    thinking and answer, and `after` the special token that ends the response.
    """

    name: str
    template: str
    prompt: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    before: str | None = None
    between: str = ""
    after: str = ""


THINK, CLOSE = "<think>\n", "\n</think>\n\n"
CHANNEL, FINAL = "<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"
GLM_PROMPT = "[gMASK]<sop><|system|>\n{system}<|user|>\n{user}"
SEED_PROMPT = "<seed:bos>system\n{system}<seed:eos><seed:bos>user\n{user}<seed:eos><seed:bos>assistant\n"

FAMILIES = [
    Family("llama 3", LLAMA, LLAMA_PROMPT, after="<|eot_id|>"),
    Family("qwen2.5", CHATML, CHATML_PROMPT, after="<|im_end|>"),
    Family("qwen3", QWEN3, CHATML_PROMPT, {}, THINK, CLOSE, "<|im_end|>"),
    Family("qwen3 on", QWEN3, CHATML_PROMPT, {"enable_thinking": True}, THINK, CLOSE),
    Family("qwen3 off", QWEN3, CHATML_PROMPT + "<think>\n\n</think>\n\n", {"enable_thinking": False}),
    Family("qwen3 thinking, qwq", CHATML + "{{ '<think>\n' }}", CHATML_PROMPT + THINK, {}, "", CLOSE),
    Family("deepseek r1", DEEPSEEK + "{{ '<think>\n' }}{% endif %}", DEEPSEEK_PROMPT + THINK, {}, "", CLOSE),
    Family("deepseek v3.1 on", DEEPSEEK + "{{ '<think>' if thinking else '</think>' }}{% endif %}",
           DEEPSEEK_PROMPT + "<think>", {"thinking": True}, "", "</think>", "<｜end▁of▁sentence｜>"),
    Family("deepseek v3.1 off", DEEPSEEK + "{{ '<think>' if thinking else '</think>' }}{% endif %}",
           DEEPSEEK_PROMPT + "</think>", {"thinking": False}),
    Family("granite off", GRANITE, GRANITE_PROMPT % ""),
    Family("granite on", GRANITE, GRANITE_PROMPT % " Think inside <think>, answer inside <response>.",
           {"thinking": True}, "<think>", "</think>\n<response>", "</response>"),
    Family("gpt-oss", GPT_OSS, GPT_OSS_PROMPT % "medium", {}, CHANNEL, FINAL, "<|return|>"),
    Family("gpt-oss high", GPT_OSS, GPT_OSS_PROMPT % "high", {"reasoning_effort": "high"}, CHANNEL, FINAL),
    Family("gpt-oss without its markers", GPT_OSS, GPT_OSS_PROMPT % "medium", {}, "analysis", "assistantfinal"),
    Family("glm 4.5", GLM, GLM_PROMPT + "<|assistant|>", {}, "\n<think>", "</think>\n"),
    Family("glm 4.5 off", GLM, GLM_PROMPT + "/nothink<|assistant|>\n<think></think>", {"enable_thinking": False}),
    Family("magistral", MAGISTRAL, "<s>[SYSTEM_PROMPT]{system}[/SYSTEM_PROMPT][INST]{user}[/INST]",
           {}, "[THINK]", "[/THINK]", "</s>"),
    Family("exaone deep", EXAONE, "[|system|]{system}[|endofturn|]\n[|user|]{user}\n[|assistant|]<thought>\n",
           {}, "", "\n</thought>\n\n", "[|endofturn|]"),
    Family("kimi", KIMI, "<|im_system|>system<|im_middle|>{system}<|im_end|>"
           "<|im_user|>user<|im_middle|>{user}<|im_end|><|im_assistant|>assistant<|im_middle|>",
           {}, "◁think▷", "◁/think▷"),
    Family("seed-oss", SEED, SEED_PROMPT, {}, "<seed:think>", "</seed:think>", "<seed:eos>"),
    Family("seed-oss off", SEED, SEED_PROMPT + "<seed:think>\n</seed:think>", {"thinking_budget": 0}),
]  # fmt: skip
