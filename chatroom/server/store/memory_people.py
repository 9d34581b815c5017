"""What is kept of people, as long as the process lives. Knows nothing of rooms, and of who is here."""

import threading
from collections.abc import Callable, Iterable
from itertools import count

from chatroom.messages import Role
from chatroom.server.store.people import Account, Act, Ban, Mute


class MemoryPeople:
    """See People."""

    def __init__(self, keep_seen_of: Callable[[set[int]], object]) -> None:
        self._lock = threading.Lock()
        self._keep_seen_of = keep_seen_of
        """Is told which owners still have a session or an account."""
        self._numbers = count(1)
        self._names: dict[int, str] = {}
        self._sessions: dict[bytes, tuple[int, int]] = {}
        self._accounts: dict[int, Account] = {}
        self._bans: dict[str, Ban] = {}
        self._mutes: dict[tuple[int, int], Mute] = {}
        self._acts: list[Act] = []

    # -------------------------------------------------------------------------------------------- sessions

    def add_guest(self, username: str, token: bytes, now: int) -> int:
        with self._lock:
            owner = self._new_owner(username)
            self._sessions[token] = (owner, now)
        return owner

    def _new_owner(self, username: str) -> int:
        owner = next(self._numbers)
        self._names[owner] = username
        return owner

    def add_session(self, owner: int, token: bytes, now: int) -> None:
        with self._lock:
            self._sessions[token] = (owner, now)

    def owner_of(self, token: bytes, now: int) -> int | None:
        with self._lock:
            known = self._sessions.get(token)
            if known is None:
                return None
            self._sessions[token] = (known[0], now)
        return known[0]

    def rename(self, owner: int, username: str) -> None:
        with self._lock:
            self._names[owner] = username

    def name_of(self, owner: int) -> str:
        with self._lock:
            return self._names.get(owner, "")

    def touch_sessions(self, owners: Iterable[int], now: int) -> None:
        present = set(owners)
        with self._lock:
            for token, (owner, _) in self._sessions.items():
                if owner in present:
                    self._sessions[token] = (owner, now)

    def forget_sessions(self, unused_since: int) -> None:
        with self._lock:
            self._sessions = {token: known for token, known in self._sessions.items() if known[1] >= unused_since}
            owners = {owner for owner, _ in self._sessions.values()} | self._accounts.keys()
        self._keep_seen_of(owners)

    def revoke_sessions(self, owner: int, *, but: bytes | None = None) -> None:
        with self._lock:
            self._revoke(owner, but)

    def _revoke(self, owner: int, but: bytes | None) -> None:
        self._sessions = {t: known for t, known in self._sessions.items() if known[0] != owner or t == but}

    # -------------------------------------------------------------------------------------------- accounts

    def accounts(self) -> list[Account]:
        with self._lock:
            return sorted(self._accounts.values(), key=lambda account: account.folded)

    def account(self, folded: str) -> Account | None:
        with self._lock:
            return self._called(folded)

    def _called(self, folded: str) -> Account | None:
        return next((account for account in self._accounts.values() if account.folded == folded), None)

    def account_of(self, owner: int) -> Account | None:
        with self._lock:
            return self._accounts.get(owner)

    def add_account(self, account: Account) -> Account | None:
        with self._lock:
            if self._called(account.folded) or account.owner in self._accounts:
                return None
            if not account.owner:
                account = account._replace(owner=self._new_owner(account.username))
            self._accounts[account.owner] = account
        return account

    def set_secret(self, owner: int, secret: str) -> None:
        with self._lock:
            if owner in self._accounts:
                self._accounts[owner] = self._accounts[owner]._replace(secret=secret)

    def set_role(self, owner: int, role: Role) -> None:
        with self._lock:
            if owner in self._accounts:
                self._accounts[owner] = self._accounts[owner]._replace(role=role)

    def remove_account(self, owner: int) -> None:
        with self._lock:
            self._accounts.pop(owner, None)
            self._revoke(owner, None)

    # ----------------------------------------------------------------------------------------- moderation

    def bans(self, now: int) -> list[Ban]:
        with self._lock:
            holding = [ban for ban in self._bans.values() if not 0 < ban.until <= now]
        return sorted(holding, key=lambda ban: (-ban.time, ban.what))

    def add_ban(self, ban: Ban) -> None:
        with self._lock:
            self._bans[ban.what] = ban

    def remove_ban(self, what: str) -> bool:
        with self._lock:
            return self._bans.pop(what, None) is not None

    def mutes(self, now: int) -> list[Mute]:
        with self._lock:
            return [mute for mute in self._mutes.values() if not 0 < mute.until <= now]

    def add_mute(self, mute: Mute) -> None:
        with self._lock:
            self._mutes[mute.owner, mute.room] = mute

    def remove_mute(self, owner: int, room: int) -> bool:
        with self._lock:
            return self._mutes.pop((owner, room), None) is not None

    def note(self, act: Act) -> None:
        with self._lock:
            self._acts.append(act)

    def acts(self, limit: int) -> list[Act]:
        with self._lock:
            return self._acts[: -limit - 1 : -1]
