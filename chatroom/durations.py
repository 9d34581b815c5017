"""Times as people write them, `90d` or `1h30m`, and as they read them, `90 days`. Knows words and arithmetic only."""

import re

_SECONDS = {"w": 7 * 86_400, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_NAMES = {"w": "week", "d": "day", "h": "hour", "m": "minute", "s": "second"}

_PART = re.compile("([0-9]{1,6})([wdhms])")
_TIME = re.compile(f"({_PART.pattern})+")


def seconds(text: str) -> int | None:
    """None for what is no such time, or none at all."""
    if not _TIME.fullmatch(text):
        return None
    return sum(int(count) * _SECONDS[unit] for count, unit in _PART.findall(text)) or None


def in_words(length: int) -> str:
    """The largest unit that says it exactly."""
    unit = next(unit for unit in _NAMES if length % _SECONDS[unit] == 0)
    count = length // _SECONDS[unit]
    return f"{count} {_NAMES[unit]}{'s' if count != 1 else ''}"
