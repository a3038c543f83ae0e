"""Compare times of day and dates."""

import re

_TIME = re.compile(
    r"(\d{1,2})(?:\s*:\s*(\d{2}))?(?:\s*:\s*(\d{2}))?\s*(?:([ap])\.?\s*m\b\.?|(o'?clock)|(noon|midnight))?",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"\\(?:text(?:bf|rm)?|mathrm|mbox)\s*|\\[,;:! ]|\\(?:quad|colon)\b|[{}$~]|\\[()\[\]]")
_MONTHS = "january february march april may june july august september october november december".split()
_MONTH_NAME = re.compile(r"\b(" + "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS) + r")\b\.?", re.IGNORECASE)

Time = tuple[int, int, int, str]


def time_of_day(text: str) -> Time | None:
    r"""(hour, minute, second, "a" or "p" or "") if a text is a time of day and nothing else; else None.

    >>> time_of_day(r"4\!:\!30\text{ p.m.}"), time_of_day("16:30"), time_of_day("4:3")
    ((4, 30, 0, 'p'), (16, 30, 0, ''), None)
    """
    bare = " ".join(_MARKUP.sub(" ", text).replace("\\", "").split()).strip(" .")
    match = _TIME.fullmatch(re.sub(r"\s*:\s*", ":", bare)) if len(bare) < 40 else None
    if match is None or not (match.group(2) or match.group(4) or match.group(5) or match.group(6)):
        return None
    hour, minute, second = (int(part or 0) for part in match.group(1, 2, 3))
    half = (match.group(4) or {"n": "p", "m": "a"}.get((match.group(6) or " ")[0].lower(), "")).lower()
    return (hour, minute, second, half) if hour <= 24 and minute < 60 and second < 60 else None


def same_time(gold: Time, answer: Time) -> bool:
    """Whether two times are the same moment of the day. One of them may lack its a.m. or p.m."""
    if gold[1:3] != answer[1:3]:
        return False
    if gold[3] and answer[3]:
        return gold[0] % 12 == answer[0] % 12 and gold[3] == answer[3]
    if not gold[3] and not answer[3]:
        return gold[0] == answer[0]
    halved, plain = (gold, answer) if gold[3] else (answer, gold)
    return plain[0] in (halved[0], halved[0] % 12 + (12 if halved[3] == "p" else 0))


def must_be_time(gold: Time, text: str) -> bool:
    """Whether a text can only be a time and not a ratio, because it has a.m. or p.m., or a leading zero as in 7:05."""
    return bool(gold[3]) or re.search(r":\s*0\d", text) is not None


def date(text: str) -> tuple[int, int, int] | None:
    """(month, day, year) if a text is a date with the name of a month, with 0 for a missing day or year; else None.

    >>> date("5th of May, 1999"), date("May 5"), date("Maybe 5")
    ((5, 5, 1999), (5, 5, 0), None)
    """
    bare = _MARKUP.sub(" ", text)
    month = _MONTH_NAME.search(bare)
    if month is None or len(bare) > 60:
        return None
    numbers = [int(number) for number in re.findall(r"\d{1,4}", bare)]
    left = re.sub(r"\d{1,4}(?:st|nd|rd|th)?\b|\bof\b|\bthe\b|[\s.,]+", "", bare[: month.start()] + bare[month.end() :])
    if left or len(numbers) > 2 or not numbers:
        return None
    day = next((number for number in numbers if number <= 31), 0)
    year = next((number for number in numbers if number > 31), 0)
    return [name[:3] for name in _MONTHS].index(month.group(1)[:3].lower()) + 1, day, year


def same_date(gold: tuple[int, int, int], answer: tuple[int, int, int]) -> bool:
    return all(one == two for one, two in zip(gold[:2], answer[:2], strict=True)) and (
        not gold[2] or not answer[2] or gold[2] == answer[2]
    )
