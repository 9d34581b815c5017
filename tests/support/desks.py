"""People at desks: a real hub, real rooms, the real table of requests; no sockets. What each is sent is kept."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from chatroom.messages import AnyRequest, Error, Hello, Join, Message, Ping, Pong, Role, Say
from chatroom.server.accounts import Accounts
from chatroom.server.commands import Desk
from chatroom.server.hub import Hub
from chatroom.server.limits import Bucket
from chatroom.server.member import Member
from chatroom.server.store import Store
from chatroom.server.store.people import Account
from chatroom.text import fold
from tests.support.rooms import Clock, FakeOutbox, Later, decoded, only

_ids = count(1)


class Visitor:
    """Somebody who is in, by one connection."""

    def __init__(self, office: "Office", username: str, address: str = "192.168.1.7", **hello: Any) -> None:
        self.office = office
        self.outbox = FakeOutbox()
        request = Hello(protocol=1, username=username, **hello)
        self.member, self.session = office.hub.enter(request, address, self._welcome)
        self.desk = Desk(office.hub, self.member, Bucket(0, 1, 0))

    def _welcome(self, owner: int, username: str) -> Member:
        return Member(owner, username, self.outbox)

    @property
    def name(self) -> str:
        return self.member.username

    def asks(self, *requests: AnyRequest) -> list[Any]:
        """Asks for these, and what it is sent until all is done; what others made it hear before is forgotten."""
        self.hears()
        self.desk.serve([*requests, Ping()])
        return [event for event in self.hears() if not isinstance(event, Pong)]

    def hears(self) -> list[Any]:
        """What it was sent since this was last asked."""
        self.office.later.run()
        return self.outbox.read()

    def last_word(self) -> Any:
        return decoded([self.outbox.last])[0] if self.outbox.last else None

    def all_bytes(self) -> bytes:
        """Every byte that it was ever sent."""
        return b"".join(self.outbox.taken) + (self.outbox.last or b"")

    def joins(self, room: str, **how: Any) -> list[Any]:
        return self.asks(Join(room=room, **how))

    def says(self, room: str, text: str, **how: Any) -> Message:
        """Its receipt."""
        [message] = only(Message, self.asks(Say(id=f"id{next(_ids)}", room=room, message=text, **how)))
        return message

    def is_refused(self, *requests: AnyRequest) -> str:
        """The code of the one error."""
        [error] = only(Error, self.asks(*requests))
        return error.code

    def leaves(self) -> None:
        self.office.hub.go(self.member, "left")


class Office:
    """A hub and all that it stands on. Passwords are not hashed here: `account` puts a role where it belongs."""

    def __init__(self, store: Store, clock: Clock | None = None, **accounts: Any) -> None:
        self.store = store
        self.clock = clock or Clock()
        self.later = Later()
        self.hub = Hub(
            store, self.later, max_clients=1_000, accounts=Accounts(store.people, **accounts), clock=self.clock
        )

    def visitor(self, username: str, *rooms: str, role: Role = "guest", **hello: Any) -> Visitor:
        """Somebody new of this role, in these rooms."""
        visitor = Visitor(self, username, **hello)
        if role != "guest":
            self.register(visitor, role)
        for room in rooms:
            visitor.joins(room)
        return visitor

    def register(self, visitor: Visitor, role: Role) -> None:
        owner, name = visitor.member.owner, visitor.name
        self.store.people.add_account(Account(owner, name, fold(name), "member", "no hash", 0))
        self.hub.accounts.set_role(owner, role)
        visitor.member.role = role


def hush(*visitors: Visitor) -> None:
    for visitor in visitors:
        visitor.hears()


def seqs(events: Sequence[Any]) -> list[int]:
    return [event.seq for event in events if hasattr(event, "seq")]
