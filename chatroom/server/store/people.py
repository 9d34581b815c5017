"""What is kept of people: whose session is whose, accounts, bans, mutes, and what moderators did.

Says what such a store is, as `Store.people`. Knows nothing of passwords but their hashes, and nothing of who is here.
Every method may be called from any thread; those that write raise StoreFailed when nothing was written.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from chatroom.messages import Role


class Account(NamedTuple):
    """A registered name, and the owner to whom all belongs that was said by it."""

    owner: int
    username: str
    folded: str
    role: Role
    secret: str
    """The password's hash, as argon2 writes it."""
    created: int

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Account({self.owner}, {self.username!r}, {self.role})"


class Ban(NamedTuple):
    """`what` is a folded name or an address; `until` in ms, 0 is for ever."""

    what: str
    is_address: bool
    until: int
    reason: str
    by: str
    time: int


class Mute(NamedTuple):
    """In one room, by its key, or in all: 0. `until` in ms, 0 is for ever."""

    owner: int
    room: int
    until: int


class Act(NamedTuple):
    """One line of the audit log."""

    time: int
    by: str
    what: str
    target: str
    detail: str


class People(Protocol):
    def add_guest(self, username: str, token: bytes, now: int) -> int:
        """A new owner's number; the owner comes back with the token of which this is the hash."""

    def add_session(self, owner: int, token: bytes, now: int) -> None:
        """One more token for an owner."""

    def owner_of(self, token: bytes, now: int) -> int | None:
        """The owner to whom the token belongs; it is in use now."""

    def rename(self, owner: int, username: str) -> None:
        """By what the owner is called from now on, by those who talk to it."""

    def name_of(self, owner: int) -> str: ...

    def touch_sessions(self, owners: Iterable[int], now: int) -> None:
        """These owners' sessions are in use."""

    def forget_sessions(self, unused_since: int) -> None:
        """Ends the sessions that were last used before that time."""

    def revoke_sessions(self, owner: int, *, but: bytes | None = None) -> None:
        """Ends the owner's sessions, but perhaps for one token."""

    def accounts(self) -> list[Account]:
        """By name."""

    def account(self, folded: str) -> Account | None: ...

    def account_of(self, owner: int) -> Account | None: ...

    def add_account(self, account: Account) -> Account | None:
        """The account as it was added; with owner 0 it gets a new owner. None if the name is registered already."""

    def set_secret(self, owner: int, secret: str) -> None: ...

    def set_role(self, owner: int, role: Role) -> None: ...

    def remove_account(self, owner: int) -> None:
        """With its sessions. What it said stays, and belongs to nobody any more."""

    def bans(self, now: int) -> list[Ban]:
        """Those that hold, the newest first."""

    def add_ban(self, ban: Ban) -> None:
        """In place of an older one of the same name or address."""

    def remove_ban(self, what: str) -> bool:
        """Whether there was one."""

    def mutes(self, now: int) -> list[Mute]: ...

    def add_mute(self, mute: Mute) -> None: ...

    def remove_mute(self, owner: int, room: int) -> bool:
        """Whether there was one."""

    def note(self, act: Act) -> None:
        """Adds to the audit log."""

    def acts(self, limit: int) -> list[Act]:
        """The newest, the newest first."""
