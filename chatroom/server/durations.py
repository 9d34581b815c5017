"""Times as people write them, `90d`, and as they read them, `90 days`. Knows words and arithmetic only."""

import re

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_NAMES = {"w": "week", "d": "day", "h": "hour", "m": "minute", "s": "second"}


def seconds(word: str) -> int | None:
    """Of a number and s, m, h, d or w; None if it is no such time."""
    if not re.fullmatch(r"[0-9]{1,6}[smhdw]", word) or int(word[:-1]) == 0:
        return None
    return int(word[:-1]) * SECONDS[word[-1]]


def in_words(length: int) -> str:
    """The largest unit that says it exactly."""
    unit = next(unit for unit in _NAMES if length % SECONDS[unit] == 0)
    count = length // SECONDS[unit]
    return f"{count} {_NAMES[unit]}{'s' if count != 1 else ''}"
