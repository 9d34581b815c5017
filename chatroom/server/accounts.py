"""Passwords: whose name is whose, the office's password, and how often somebody may be wrong.

Knows argon2id, accounts and addresses. Knows nothing of who is here. At most two passwords are hashed at a time, so
that a storm of logins cannot eat the machine, and a name that nobody has costs as long as one that somebody has.
"""

import functools
import hmac
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from chatroom import text
from chatroom.errors import Refusal
from chatroom.messages import Role
from chatroom.server.rights import RANK
from chatroom.server.store.people import Account, People

if TYPE_CHECKING:
    import argon2

SHORTEST, LONGEST = 8, 256
"""Characters of a password."""

HASHED_AT_ONCE = 2
MOST_WAITING = 32
"""So many logins may wait for their hashing; more are asked to come back."""

FAILURES = 5
FAILURE_SECONDS = 60
"""Who is wrong so often in such a time is not listened to for as long again."""

MOST_ADDRESSES = 10_000

Policy = Literal["open", "closed", "required"]


@functools.cache
def _hasher() -> "argon2.PasswordHasher":
    import argon2  # only who uses passwords waits for it

    # OWASP's parameters: 19 MiB, two passes, one lane.
    return argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


NOBODYS_SECRET = "$argon2id$v=19$m=19456,t=2,p=1$v3ICmN8CdK1EKCIgr22gxw$4QGDdo8mvHELxExl821m/4mhbvLf0yah8LWtHY0xITk"
"""Against this is hashed what is given for a name that nobody has."""


def _fits(password: str, secret: str) -> bool:
    import argon2

    try:
        return _hasher().verify(secret, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


class Accounts:
    """Any thread may call any method. While its lock is held only the store's is taken."""

    def __init__(
        self,
        people: People,
        *,
        policy: Policy = "open",
        server_password: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.policy = policy
        self._people = people
        self._server_password = server_password
        self._failures = Failures(monotonic)
        self._hashing = threading.Semaphore(HASHED_AT_ONCE)
        self._waiting = threading.Semaphore(HASHED_AT_ONCE + MOST_WAITING)
        self._changing = threading.Lock()
        self._has_moderators: bool | None = None
        """None: not known, because accounts have changed."""

    # ---------------------------------------------------------------------------------------- coming in

    def check_server_password(self, given: str | None, address: str) -> None:
        """The office's password, where there is one."""
        expected = self._server_password
        if expected is None:
            return
        if given is None:
            raise Refusal("server_password", "This server asks everyone for the office's password.")
        self._failures.check(address)
        if not hmac.compare_digest(given.encode(), expected.encode()):
            self._failures.note(address)
            raise Refusal("server_password", "This is not the office's password.")

    def open_with(self, name: str, password: str, address: str) -> Account:
        """The account that the password opens."""
        self._failures.check(address)
        account = self._people.account(text.fold(name))
        with self._turn():
            self._failures.check(address)  # those who waited beside this one may have been wrong too often by now
            if not _fits(password, account.secret if account else NOBODYS_SECRET) or account is None:
                self._failures.note(address)
                raise Refusal("auth_failed", f"The name {name} and this password do not belong together.")
        return account

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._waiting.acquire(blocking=False):
            raise Refusal("slow_down", "Many people are coming in just now; try again in a moment.")
        try:
            with self._hashing:
                yield
        finally:
            self._waiting.release()

    # ------------------------------------------------------------------------------------------- accounts

    def hash_password(self, password: str) -> str:
        if not SHORTEST <= len(password) <= LONGEST:
            raise Refusal("bad_request", f"A password has {SHORTEST} to {LONGEST} characters.")
        with self._turn():
            return _hasher().hash(password)

    def register(self, owner: int, username: str, password: str, now: int) -> Account:
        """A guest's name becomes an account's; all that the guest said is the account's."""
        if self.policy == "closed":
            raise Refusal("forbidden", "Nobody can register here; ask who runs the server for an account.")
        if self._people.account_of(owner):
            raise Refusal("bad_request", "This name is registered already; /password gives it another password.")
        return self._add(Account(owner, username, text.fold(username), "member", self.hash_password(password), now))

    def add(self, username: str, password: str, role: Role, now: int) -> Account:
        """A new account, of nobody who was here."""
        return self._add(Account(0, username, text.fold(username), role, self.hash_password(password), now))

    def _add(self, account: Account) -> Account:
        with self._changed():
            added = self._people.add_account(account)
        if added is None:
            raise Refusal("name_taken", f"The name {account.username} is registered already.")
        return added

    @contextmanager
    def _changed(self) -> Iterator[None]:
        with self._changing:
            self._has_moderators = None
            yield

    def change(self, owner: int, old: str, new: str, address: str, keep: bytes) -> None:
        """Another password. Every other session ends."""
        account = self._people.account_of(owner)
        if account is None:
            raise Refusal("forbidden", "You have no password yet; /register protects your name with one.")
        self.open_with(account.username, old, address)
        self._people.set_secret(owner, self.hash_password(new))
        self._people.revoke_sessions(owner, but=keep)

    def reset(self, owner: int, password: str) -> None:
        """Another password, by whoever runs the server. Every session ends."""
        self._people.set_secret(owner, self.hash_password(password))
        self._people.revoke_sessions(owner)

    def set_role(self, owner: int, role: Role) -> None:
        with self._changed():
            self._people.set_role(owner, role)

    def remove(self, owner: int) -> None:
        with self._changed():
            self._people.remove_account(owner)

    def has_moderators(self) -> bool:
        """Whether there is anybody who moderates. Cheap: it is remembered."""
        known = self._has_moderators
        if known is None:
            with self._changing:  # or else an account that changes meanwhile could be remembered as it was
                known = any(RANK[account.role] >= RANK["moderator"] for account in self._people.accounts())
                self._has_moderators = known
        return known


class Failures:
    """How often each address was wrong lately. Any thread may call any method."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._times: dict[str, deque[float]] = {}

    def check(self, address: str) -> None:
        """Raises `slow_down` for whom it is too early."""
        with self._lock:
            times = self._times.get(address)
            if times and len(times) == FAILURES:
                is_storm = times[-1] - times[0] < FAILURE_SECONDS
                if is_storm and self._monotonic() - times[-1] < FAILURE_SECONDS:
                    raise Refusal("slow_down", "Too many wrong passwords came from your address; wait for a minute.")

    def note(self, address: str) -> None:
        """One more. The addresses that were wrong longest ago are forgotten, so that no stranger can fill this."""
        with self._lock:
            times = self._times.pop(address, None) or deque(maxlen=FAILURES)
            times.append(self._monotonic())
            self._times[address] = times
            if len(self._times) > MOST_ADDRESSES:
                del self._times[next(iter(self._times))]
