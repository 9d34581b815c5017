"""Which people are here: coming in, going, and whose name is whose. Their rooms are the directory's.

Knows members and the store of people. Knows no sockets. The hub's lock comes first in the lock order. It is held for
look-ups and the store's small writes, never while something is handed out or a password is hashed.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from chatroom import text
from chatroom.errors import Refusal
from chatroom.messages import Error, Hello, Role
from chatroom.server.accounts import Accounts
from chatroom.server.directory import Directory
from chatroom.server.member import Member, Person, reason
from chatroom.server.moderation import Moderation
from chatroom.server.store import Store
from chatroom.server.store.people import Account

_REPLACED = Error(code="replaced", text="You came in by another connection; this one ends.", fatal=True)

BUSY_SECONDS = 3.0
"""So long one who expels another waits until that one has done what it was at: two who expel each other in the same
moment, as they may while a role is given, would wait for ever."""
SESSION_DAYS = 30
_DAY_MS = 24 * 60 * 60 * 1_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Admission(NamedTuple):
    """Who came in, and the secret to come back with."""

    member: Member
    session: str


class Identity(NamedTuple):
    """To whom a newcomer's words will belong: an owner that is known already, if any, and its account, if any."""

    owner: int | None = None
    account: Account | None = None
    has_session: bool = False
    """Whether it showed a session of that owner's."""


class Hub:
    """Any thread may call any method."""

    def __init__(
        self,
        store: Store,
        later: Callable[[Callable[[], object]], None],
        *,
        max_clients: int,
        rooms_each: int = 100,
        accounts: Accounts | None = None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self.clock = clock
        self.store = store
        self.accounts = accounts or Accounts(store.people)
        self.moderation = Moderation(store.people, clock)
        self.directory = Directory(store, self, later, rooms_each=rooms_each, clock=clock)
        self._people = store.people
        self._max_clients = max_clients
        self._lock = threading.Lock()
        self._here: dict[int, list[Member]] = {}
        """By owner. A guest has one connection, an account any number."""
        self._owners: dict[str, int] = {}
        """Who is here, by folded name."""
        self._count = 0
        """How many connections are here."""

    # ------------------------------------------------------------------------------------------- coming in

    def enter(self, hello: Hello, address: str, welcome: Callable[[int, str], Member]) -> Admission:
        """Lets somebody in, or raises the Refusal. A guest's session takes its name over from its old connection."""
        username = text.username(hello.username)
        self.moderation.check_ban(text.fold(username), address)
        self.accounts.check_server_password(hello.server_password, address)
        identity = self._identify(hello, username, address)
        if identity.account:
            username = identity.account.username
        with self._lock:
            # Whoever bans, demotes or revokes does so first and then looks who is here: seen there, or seen here.
            self.moderation.check_ban(text.fold(username), address)
            identity = self._confirm(hello, username, identity)
            replaced = self._check_place(username, identity)
            owner, session = self._open_session(hello, username, identity)
            member = welcome(owner, username)
            member.role = identity.account.role if identity.account else "guest"
            member.address, member.token = address, _hash(session)
            if replaced:
                self._forget(replaced)
            self._owners[text.fold(username)] = owner
            self._here.setdefault(owner, []).append(member)
            self._count += 1
        if replaced:
            self._part(replaced, _REPLACED)
        return Admission(member, session)

    def _identify(self, hello: Hello, username: str, address: str) -> Identity:
        """By the session, by the password, or as a new guest."""
        account = self._people.account(text.fold(username))
        owner = hello.session and self._people.owner_of(_hash(hello.session), self.clock())
        if owner:
            own = self._people.account_of(owner)
            if own == account and (own or self.accounts.policy != "required"):
                return Identity(owner, account, has_session=True)
        if hello.password is not None:
            account = self.accounts.open_with(username, hello.password, address)
            return Identity(account.owner, account)
        if hello.session is not None:
            raise Refusal("auth_failed", "This session has ended, or is another name's; come in without it.")
        self._check_guest(username, account)
        return Identity()

    def _confirm(self, hello: Hello, username: str, identity: Identity) -> Identity:
        """The same, with the account's role as it is by now. Under the lock."""
        account = self._people.account(text.fold(username))
        is_same = _but_role(account) == _but_role(identity.account)
        if identity.has_session and hello.session:
            is_same = is_same and self._people.owner_of(_hash(hello.session), self.clock()) == identity.owner
        if not is_same:
            raise Refusal("auth_failed", f"The account {username} was changed a moment ago; come in again.")
        return identity._replace(account=account)

    def _check_guest(self, username: str, account: Account | None) -> None:
        if account:
            raise Refusal(
                "name_taken",
                f"The name {username} is registered: come in with its password, or as {self._free_name(username)}.",
                registered=True,
            )
        if self.accounts.policy == "required":
            raise Refusal("auth_required", "Only who has an account may come in here; ask for one, and its password.")

    def _check_place(self, username: str, identity: Identity) -> Member | None:
        """The guest's old connection, which has to go. Under the lock."""
        holder = self._owners.get(text.fold(username))
        if holder and holder != identity.owner:
            raise Refusal("name_taken", f"The name {username} is taken; {self._free_name(username)} is free.")
        old = self._here.get(identity.owner or 0, []) if not identity.account else []
        if not old and self._count >= self._max_clients:
            raise Refusal("full", f"The server is full: it has room for {self._max_clients} people. Try again later.")
        return old[0] if old else None

    def _open_session(self, hello: Hello, username: str, identity: Identity) -> tuple[int, str]:
        """The owner and the session of who comes in now."""
        owner, now = identity.owner, self.clock()
        if owner and identity.has_session and hello.session:
            if self._people.name_of(owner) != username:
                self._people.rename(owner, username)
            return owner, hello.session
        session = secrets.token_urlsafe(32)
        if owner:
            self._people.add_session(owner, _hash(session), now)
            return owner, session
        return self._people.add_guest(username, _hash(session), now), session

    def _free_name(self, username: str) -> str:
        number = 2
        while self._is_taken(name := f"{username[: text.USERNAME_LENGTH - 8]}-{number}"):
            number += 1
        return name

    def _is_taken(self, name: str) -> bool:
        folded = text.fold(name)
        return folded in self._owners or self._people.account(folded) is not None

    # ------------------------------------------------------------------------------------------------- going

    def go(self, member: Member, reason: str) -> None:
        """Takes the member out of every room and gives its name back. May be called again."""
        with self._lock:
            self._forget(member)
        self.directory.leave_all(member, reason)

    def expel(self, member: Member, last: Error) -> None:
        """Ends somebody who is here. Called by a thread of one who is of a higher rank, or of nobody."""
        with self._lock:
            self._forget(member)
        self._part(member, last, BUSY_SECONDS)

    def _part(self, member: Member, last: Error, patience: float = -1) -> None:
        """Gone before it is told so: whoever knows of it finds it in no room. What it is at now is its last."""
        member.stop()
        is_idle = member.busy.acquire(timeout=patience)
        try:
            self.directory.leave_all(member, reason(last))
        finally:
            if is_idle:
                member.busy.release()
        member.end(last)

    def _forget(self, member: Member) -> None:
        connections = self._here.get(member.owner, [])
        if member in connections:
            connections.remove(member)
            self._count -= 1
            if not connections:
                del self._here[member.owner], self._owners[text.fold(member.username)]

    # ---------------------------------------------------------------------------------------- who is who

    def person(self, name: str) -> Person:
        """Who is here by that name, or has registered it."""
        username = text.username(name.removeprefix("@"))
        folded = text.fold(username)
        with self._lock:
            here = self._here.get(self._owners.get(folded, 0))
        if here:
            return Person(here[0].owner, here[0].username, here[0].role)
        account = self._people.account(folded)
        if account is None:
            raise Refusal("no_such_user", f"Nobody here is called {username}, and nobody has registered that name.")
        return Person(account.owner, account.username, account.role)

    def role_of(self, owner: int) -> Role:
        """Also of somebody who is not here."""
        account = self._people.account_of(owner)
        return account.role if account else "guest"

    def members_of(self, owner: int) -> list[Member]:
        """Its connections."""
        with self._lock:
            return list(self._here.get(owner, ()))

    def all_members(self) -> list[Member]:
        with self._lock:
            return [member for connections in self._here.values() for member in connections]

    # ------------------------------------------------------------------------------------------ housekeeping

    def tidy_sessions(self) -> None:
        """Ends the sessions that nobody used for long; who is here uses theirs."""
        now = self.clock()
        with self._lock:
            present = list(self._here)
        self._people.touch_sessions(present, now)
        self._people.forget_sessions(now - SESSION_DAYS * _DAY_MS)


def _but_role(account: Account | None) -> Account | None:
    return account and account._replace(role="guest")


def _hash(session: str) -> bytes:
    return hashlib.sha256(session.encode()).digest()
