"""What a server tells. Knows what each event holds; knows nothing of who gets it."""

from msgspec import UNSET, Raw, Struct, UnsetType

from chatroom.messages.words import Kind


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
    to: list[str] | None = None
    once: bool = False


class Change(Event, frozen=True, kw_only=True):
    """Something became of the message `target`. It takes a number of its own, and stands in history."""

    room: str
    seq: int
    time: int
    username: str
    target: int
    replayed: bool = False
    id: str | None = None


class Edited(Change, frozen=True, tag="edited"):
    message: str


class Deleted(Change, frozen=True, tag="deleted"):
    """Where `target` is its own `seq`, it stands in the place of a message whose text is gone."""


class Reacted(Change, frozen=True, tag="reacted"):
    emoji: str
    on: bool


class Skip(Event, frozen=True, tag="skip"):
    """At this number stands something that is not for you."""

    room: str
    seq: int


Entry = Message | Edited | Deleted | Reacted
"""What stands in a room's history under a number."""

Numbered = Entry | Skip
"""The same, as somebody is told it for whom it may not be."""


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


class RoomInfo(Struct, frozen=True, gc=False, omit_defaults=True):
    """One room of the list: how many are there, and the newest number of its history."""

    room: str
    topic: str
    members: int
    last: int
    unread: int = 0
    """Of a direct room: how many of its numbers the asker has not read."""
    private: bool = False


class Rooms(Event, frozen=True, tag="rooms"):
    rooms: list[RoomInfo]
    id: str | None = None


class History(Event, frozen=True, tag="history", kw_only=True):
    room: str
    messages: list[Numbered]
    more: bool
    id: str | None = None

    def said(self) -> list[Message]:
        """The messages among them, as they read now."""
        return [event for event in self.messages if isinstance(event, Message)]


class Found(Event, frozen=True, tag="found"):
    """What a search found, the newest first."""

    messages: list[Message]
    more: bool
    id: str | None = None


class Topic(Event, frozen=True, tag="topic"):
    room: str
    topic: str
    username: str
    id: str | None = None


class Registered(Event, frozen=True, tag="registered"):
    username: str
    role: str
    id: str | None = None


class Ok(Event, frozen=True, tag="ok"):
    """Done, as asked."""

    id: str | None = None


class Report(Event, frozen=True, tag="report"):
    """The answer to an operator: lines for people."""

    lines: list[str]
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
    registered: bool = False
    """The name that was asked for is an account's: its password opens it."""


AnyEvent = (
    Welcome | Room | Message | Edited | Deleted | Reacted | Skip | Stored | Live | Joined | Left | Members | Rooms
    | History | Found | Topic | Registered | Ok | Report | Pong | Notice | Farewell | Error
)  # fmt: skip
