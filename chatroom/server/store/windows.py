"""A part of a history, out of pieces of it. Knows numbers; knows nothing of where the pieces come from."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TypeVar

from chatroom.messages import Numbered

N = TypeVar("N", bound=Numbered)


def window(pieces: Iterable[Sequence[N]], after: int, before: int, limit: int, *, newest: bool) -> list[N]:
    """Of the events with after < seq < before the oldest or the newest, as many as asked for, in order. The pieces come
    from that side on, and no more of them are looked at than it takes."""
    found: list[list[N]] = []
    wanted = limit
    for piece in pieces:
        found.append([event for event in piece if after < event.seq < before])
        wanted -= len(found[-1])
        if wanted <= 0:
            break
    events = [*chain.from_iterable(reversed(found) if newest else found)]
    return events[-limit:] if newest else events[:limit]
