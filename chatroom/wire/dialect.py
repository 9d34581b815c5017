"""What a dialect and a codec are. Knows their shape only; each dialect is a module beside this one."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from chatroom.messages import AnyRequest, Error, Event

M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)


class Unreadable(NamedTuple):
    """Stands in the place of what could not be read: the error to answer, and the `type` where it was legible."""

    error: Error
    type: str | None = None


class Printable(list[M]):
    """Messages whose strings hold nothing but printable ASCII: a codec may know that of much at once, where asking
    each text would take as long as storing it."""


class Codec(Protocol[M_co]):
    """Reads one connection. Keeps what is incomplete, but never more than one frame of the largest size."""

    def receive(self, data: bytes) -> Sequence[M_co | Unreadable]:
        """The messages that `data` completes, in order. A fatal `Unreadable` is the last that it ever gives."""


class Dialect:
    """How one kind of client is written to and read from."""

    __slots__ = ("encode", "name", "requests")

    def __init__(
        self, name: str, encode: Callable[[Sequence[Event]], bytes], requests: Callable[[], Codec[AnyRequest]]
    ) -> None:
        self.name = name
        self.encode = encode
        self.requests = requests
