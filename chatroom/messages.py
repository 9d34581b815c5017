"""The vocabulary: every message of the protocol as a frozen struct. These structs are the protocol's documentation.

Knows what each message holds. Knows nothing of bytes, dialects, sockets or rights. A new message is a new struct and
a place in `Request` or `Event`; nothing else here changes.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

PROTOCOL = 1

REQUEST_FRAME = 65_536
"""The longest frame a client may send."""
EVENT_FRAME = 1 << 20
"""The longest frame a server may send: a page of history."""

DEFAULT_RECENT = 50

Id = Annotated[str, Meta(min_length=1, max_length=64)]
"""Printable ASCII. That it is, the codec sees to: a pattern here would cost half of all decoding."""
Seq = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Kind = Literal["text", "action"]


# ---------------------------------------------------------------------------------------------- client to server


class Request(Struct, frozen=True, gc=False, tag_field="type", kw_only=True, omit_defaults=True):
    """What a client asks. The answer, or the error, carries the same `id`."""

    id: Id | None = None


class Hello(Request, frozen=True, tag="hello"):
    """The first words: who wants to come in."""

    protocol: int
    username: str
    password: str | None = None
    server_password: str | None = None
    session: str | None = None
    agent: str | None = None


class Join(Request, frozen=True, tag="join"):
    """Enter a room: resume after `since` (in the history called `epoch`), or begin with the `recent` newest."""

    room: str
    since: Seq | None = None
    epoch: str | None = None
    recent: Annotated[int, Meta(ge=0, le=500)] = DEFAULT_RECENT


class Leave(Request, frozen=True, tag="leave"):
    room: str


class Say(Request, frozen=True, tag="say"):
    """Say something. The `id` is required: a second say with the same id adds nothing."""

    id: Id
    room: str
    message: str
    kind: Kind = "text"
    reply_to: Seq | None = None
    to: list[str] | None = None
    once: bool = False


class AskHistory(Request, frozen=True, tag="history"):
    """A page of a room: `before` a seq, `after` a seq, or the newest."""

    room: str
    before: Seq | None = None
    after: Seq | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class Who(Request, frozen=True, tag="who"):
    room: str


class AskRooms(Request, frozen=True, tag="rooms"):
    pass


class SetTopic(Request, frozen=True, tag="topic"):
    room: str
    topic: str


class Seen(Request, frozen=True, tag="seen"):
    """The user has read the room up to there. Has no answer."""

    room: str
    seq: Seq


class Ping(Request, frozen=True, tag="ping"):
    """Answered once all that this client asked for before is done."""

    data: Raw | UnsetType = UNSET


class Bye(Request, frozen=True, tag="bye"):
    pass


AnyRequest = Hello | Join | Leave | Say | AskHistory | Who | AskRooms | SetTopic | Seen | Ping | Bye


# ---------------------------------------------------------------------------------------------- server to client


class Event(Struct, frozen=True, gc=False, tag_field="type", omit_defaults=True):
    """What a server tells."""


class Limits(Struct, frozen=True, gc=False):
    """What the server allows: bytes in a frame, characters in a message, messages a second (0: any number)."""

    frame: int
    message: int
    rate: float


class Welcome(Event, frozen=True, tag="welcome", kw_only=True):
    protocol: int
    server: str
    username: str
    session: str
    role: str
    limits: Limits
    time: int
    id: str | None = None


class Room(Event, frozen=True, tag="room", kw_only=True):
    """The answer to a join, and the word before a replay with a gap. `seen` is how far the user has read it."""

    room: str
    epoch: str
    topic: str
    members: list[str]
    first: int
    last: int
    since: int
    gap: bool
    reset: bool
    seen: int = 0
    id: str | None = None


class Message(Event, frozen=True, tag="message"):
    """Something said, as it stands in the store. To the one who said it, it is the receipt."""

    room: str
    seq: int
    time: int
    username: str
    message: str
    id: str
    kind: Kind = "text"
    reply_to: int | None = None
    replayed: bool = False


class Stored(Event, frozen=True, tag="stored"):
    """This id was said already; nothing was added."""

    id: str
    room: str
    seq: int
    time: int


class Live(Event, frozen=True, tag="live"):
    """All up to `seq` has been sent; what follows is live."""

    room: str
    seq: int


class Joined(Event, frozen=True, tag="joined"):
    room: str
    username: str


class Left(Event, frozen=True, tag="left"):
    room: str
    username: str
    reason: str
    id: str | None = None


class Members(Event, frozen=True, tag="members"):
    room: str
    members: list[str]
    id: str | None = None


class RoomInfo(Struct, frozen=True, gc=False):
    """One room of the list: how many are there, and the newest number of its history."""

    room: str
    topic: str
    members: int
    last: int


class Rooms(Event, frozen=True, tag="rooms"):
    rooms: list[RoomInfo]
    id: str | None = None


class History(Event, frozen=True, tag="history", kw_only=True):
    room: str
    messages: list[Message]
    more: bool
    id: str | None = None


class Topic(Event, frozen=True, tag="topic"):
    room: str
    topic: str
    username: str
    id: str | None = None


class Pong(Event, frozen=True, tag="pong"):
    data: Raw | UnsetType = UNSET
    id: str | None = None


class Notice(Event, frozen=True, tag="notice"):
    text: str


class Farewell(Event, frozen=True, tag="bye"):
    """The server goes; come back after `retry` milliseconds, where it is given."""

    reason: str
    retry: int | None = None
    id: str | None = None


class Error(Event, frozen=True, tag="error", kw_only=True):
    """`text` is a whole sentence for people. After a fatal one the server closes."""

    code: str
    text: str
    fatal: bool
    id: str | None = None


AnyEvent = (
    Welcome | Room | Message | Stored | Live | Joined | Left | Members | Rooms | History | Topic | Pong | Notice
    | Farewell | Error
)  # fmt: skip
