"""How much of a history goes out at a time. Knows counts and weights; knows nothing of who gets it, or from where."""

from itertools import accumulate
from typing import TypeVar

from chatroom.messages import Event

E = TypeVar("E", bound=Event)

PAGE = 320
"""So many events a seat that is behind is sent at a time: of short ones as many as `FEED_WEIGHT` lets pass. What is
read beyond it is read again."""

PAGES = 16
"""So many pages one thread feeds before it looks at what else there is to do."""

FEED_WEIGHT = 256 * 1024
"""At most so many bytes a page that is fed weighs, unless one message alone is heavier."""

MESSAGE_WEIGHT = 640
"""At most so much a message weighs in a frame beside its text; the text counts double, for JSON may escape it."""

NAME_WEIGHT = 40
"""And so much each name in it to whom it is whispered."""


def as_fit(page: list[E], weight: int) -> list[E]:
    """As many of the oldest events as weigh so much together, and at least one."""
    total = accumulate(map(_weight_of, page))
    return page[: max(1, sum(so_far <= weight for so_far in total))]


def _weight_of(event: Event) -> int:
    text, to = getattr(event, "message", ""), getattr(event, "to", None)
    return len(text.encode()) * 2 + MESSAGE_WEIGHT + NAME_WEIGHT * 4 * len(to or ())
