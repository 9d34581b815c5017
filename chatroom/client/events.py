"""What a client tells besides the server's own messages: small frozen facts about the connection and what was missed.

Knows their shape only. `ClientEvent` is all that `Client.events()` ever gives.
"""

from msgspec import Struct

from chatroom.errors import Refusal
from chatroom.messages import Entry, Joined, Left, Live, Notice, Room, Topic


class Receipt(Struct, frozen=True):
    """What was said with this id is stored, in this room, under this number, at this time (ms)."""

    room: str
    seq: int
    time: int
    id: str


class Online(Struct, frozen=True):
    """The server has let us in: the first time, or again."""


class Offline(Struct, frozen=True):
    """The connection is lost. What is said meanwhile is kept; the first new attempt is made in `retry_in` seconds."""

    reason: str
    retry_in: float


class Outage(Struct, frozen=True):
    """No event, but how things stand without a connection: `since` when (ms since 1970), and at which moment of
    `time.monotonic()` the next attempt is made; None while one is under way."""

    since: int
    retry_at: float | None


class Back(Struct, frozen=True):
    """All rooms are live again after an outage of so many seconds; so many messages were shown, so many are gone."""

    seconds: float
    new: int
    missing: int


class Reset(Struct, frozen=True):
    """The server's history of this room is another one now; what was known of it no longer holds."""

    room: str


class Gap(Struct, frozen=True):
    """The server no longer holds these numbers; they cannot be shown."""

    room: str
    first: int
    last: int


class Unsayable(Struct, frozen=True):
    """This was said, and refused for good: it will not be said again."""

    room: str
    text: str
    error: Refusal
    id: str = ""


class Ended(Struct, frozen=True):
    """The server has refused this client for good. Nothing follows."""

    reason: str
    code: str


ClientEvent = (
    Entry | Joined | Left | Topic | Room | Live | Notice | Online | Offline | Back
    | Reset | Gap | Unsayable | Ended
)  # fmt: skip
