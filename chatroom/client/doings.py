"""The small parts of a dialogue: what is to be done, what is under way, and what is counted over an absence. Pure."""

from concurrent.futures import Future
from typing import Any, NamedTuple

from chatroom.client.events import ClientEvent, Gap, Reset
from chatroom.messages import Message, Numbered, Request

Answer = Future[Any]


class Doings:
    """What is to be done."""

    def __init__(self) -> None:
        self.sends: list[Request] = []
        self.tells: list[ClientEvent] = []
        self.settles: list[tuple[Answer, object]] = []
        """Futures, and what each gets: an answer or a Refusal."""
        self.done: list[str] = []
        """The ids of what needs no more saying."""


class Asked(NamedTuple):
    """A request under way. Without somebody who waits for the answer it is the dialogue's own, and dies with the
    connection."""

    request: Any
    answer: Answer | None = None
    until: int = 0
    """For a page of history that fills a hole: up to where the hole was known to go."""
    again: bool = False
    """Whether it was asked over an earlier connection too: it may be done already."""


class Absence(NamedTuple):
    """What will be told when it is over, also if the connection is lost again meanwhile."""

    seconds: float = 0.0
    new: int = 0
    missing: int = 0

    def plus(self, item: Numbered | Gap | Reset) -> "Absence":
        match item:
            case Message():
                return self._replace(new=self.new + 1)
            case Gap(_, first, last):
                return self._replace(missing=self.missing + last - first + 1)
        return self
