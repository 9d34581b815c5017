"""What a client asks. Knows what each request holds; knows nothing of rights."""

from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from chatroom.messages.words import DEFAULT_RECENT, Id, Kind, Role, Seconds, Seq

_SECRET = frozenset(("arguments", "new", "old", "password", "secret", "server_password", "session"))


class Request(Struct, frozen=True, gc=False, tag_field="type", kw_only=True, omit_defaults=True):
    """What a client asks. The answer, or the error, carries the same `id`."""

    id: Id | None = None

    def __repr__(self) -> str:
        """Without what is secret: a request may end up in a log."""
        shown = (f"{name}={'...' if name in _SECRET else repr(getattr(self, name))}" for name in self.__struct_fields__)
        return f"{type(self).__name__}({', '.join(shown)})"


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


class Edit(Request, frozen=True, tag="edit"):
    """Say it otherwise. Only its author may."""

    room: str
    seq: Seq
    message: str


class Delete(Request, frozen=True, tag="delete"):
    """Take it back. Its author may, and who moderates."""

    room: str
    seq: Seq


class React(Request, frozen=True, tag="react"):
    room: str
    seq: Seq
    emoji: str
    on: bool


class AskHistory(Request, frozen=True, tag="history"):
    """A page of a room: `before` a seq, `after` a seq, or the newest."""

    room: str
    before: Seq | None = None
    after: Seq | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class Search(Request, frozen=True, tag="search"):
    """All words of the query, in what the asker may read: everywhere, or in one `room`, or said by one person."""

    query: str
    room: str | None = None
    from_: str | None = field(default=None, name="from")
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


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


class Register(Request, frozen=True, tag="register"):
    """Protect the name that one came in by."""

    password: str


class ChangePassword(Request, frozen=True, tag="password"):
    old: str
    new: str


class Kick(Request, frozen=True, tag="kick"):
    """Out of a room, or out of the server."""

    username: str
    room: str | None = None
    reason: str = ""


class Mute(Request, frozen=True, tag="mute"):
    """In a room, or in all."""

    username: str
    room: str | None = None
    seconds: Seconds | None = None
    reason: str = ""


class Unmute(Request, frozen=True, tag="unmute"):
    username: str
    room: str | None = None


class Ban(Request, frozen=True, tag="ban"):
    """A name, an address, or both; for a while, or for ever."""

    username: str | None = None
    address: str | None = None
    seconds: Seconds | None = None
    reason: str = ""


class Unban(Request, frozen=True, tag="unban"):
    username: str | None = None
    address: str | None = None


class SetRole(Request, frozen=True, tag="role"):
    username: str
    role: Role


class SetAccess(Request, frozen=True, tag="access"):
    """Whether a room is private: only who was invited may come in, or knows that it is there."""

    room: str
    private: bool


class Invite(Request, frozen=True, tag="invite"):
    room: str
    username: str


class Operate(Request, frozen=True, tag="operate"):
    """What the operator of the server asks, in place of a hello: by the secret that lies in the data folder."""

    secret: str
    action: str
    arguments: dict[str, str | int | None] = {}


class Ping(Request, frozen=True, tag="ping"):
    """Answered once all that this client asked for before is done."""

    data: Raw | UnsetType = UNSET


class Bye(Request, frozen=True, tag="bye"):
    pass


AnyRequest = (
    Hello | Join | Leave | Say | Edit | Delete | React | AskHistory | Search | Who | AskRooms | SetTopic | Seen
    | Register | ChangePassword | Kick | Mute | Unmute | Ban | Unban | SetRole | SetAccess | Invite | Operate
    | Ping | Bye
)  # fmt: skip
