"""What the operator of a server may have done: accounts, bans, backups, exports; on a running server, or on its files.

Knows the store, accounts and moderation, and whom to end. Knows no sockets, and nothing of how it is asked: that is
`chatroom-admin`, over the server's own port or in a process of its own.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import json

from chatroom import text
from chatroom.durations import in_words
from chatroom.errors import Refusal
from chatroom.messages import LONGEST, Error
from chatroom.server.duties import ban_all, give_role, unban_all
from chatroom.server.hub import Hub
from chatroom.server.rights import role_called
from chatroom.server.store import RoomRecord
from chatroom.server.store.people import Account

Arguments = Mapping[str, str | int | None]

OPERATOR = "the operator"
"""So the audit log calls whoever runs the server: a name that nobody can have."""

EXPORTED_AT_ONCE = 200


class Operator:
    """Any thread may call `do`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._store = hub.store
        self._people = hub.store.people

    def do(self, action: str, arguments: Arguments) -> list[str]:
        """Lines for people, or the Refusal."""
        act = ACTIONS.get(action)
        if act is None:
            raise Refusal("bad_request", f"There is no action {text.visible(action)}.")
        return act(self, arguments)

    def _note(self, what: str, target: str, detail: str = "") -> None:
        self._hub.moderation.note(OPERATOR, what, target, detail)

    # ------------------------------------------------------------------------------------------ accounts

    def add_account(self, arguments: Arguments) -> list[str]:
        username, role = text.username(_word(arguments, "username")), role_called(_word(arguments, "role"))
        account = self._hub.accounts.add(username, _word(arguments, "password"), role, self._hub.clock())
        self._end_guests(account)
        self._note("account add", username, role)
        return [f"{account.username} is registered, as {role}."]

    def _end_guests(self, account: Account) -> None:
        """Who had this name until now speaks under it no more."""
        sentence = f"The name {account.username} is registered now: come in with its password, or by another name."
        taken = Error(code="name_taken", text=sentence, fatal=True, registered=True)
        for member in self._hub.all_members():
            if text.fold(member.username) == account.folded and member.owner != account.owner:
                self._hub.expel(member, taken)

    def list_accounts(self, arguments: Arguments) -> list[str]:
        return [
            f"{account.username:<32} {account.role:<10} since {_day(account.created)}"
            for account in self._people.accounts()
        ]

    def set_password(self, arguments: Arguments) -> list[str]:
        account = self._account(arguments)
        self._hub.accounts.reset(account.owner, _word(arguments, "password"))
        self._end_all(account.owner, "Your password was changed; come in again with the new one.")
        self._note("account password", account.username)
        return [f"{account.username} has a new password, and every session by the old one has ended."]

    def set_role(self, arguments: Arguments) -> list[str]:
        account, role = self._account(arguments), role_called(_word(arguments, "role"))
        give_role(self._hub, OPERATOR, account.owner, account.username, role)
        return [f"{account.username} is {role} now."]

    def remove_account(self, arguments: Arguments) -> list[str]:
        account = self._account(arguments)
        self._hub.accounts.remove(account.owner)
        self._end_all(account.owner, "Your account was removed.")
        self._note("account remove", account.username)
        return [f"{account.username} is registered no more; what was said by it stays."]

    def _account(self, arguments: Arguments) -> Account:
        username = text.username(_word(arguments, "username"))
        account = self._people.account(text.fold(username))
        if account is None:
            raise Refusal("no_such_user", f"Nobody has registered the name {username}.")
        return account

    def _end_all(self, owner: int, sentence: str) -> None:
        for member in self._hub.members_of(owner):
            self._hub.expel(member, Error(code="auth_failed", text=sentence, fatal=True))

    # ---------------------------------------------------------------------------------------------- bans

    def ban(self, arguments: Arguments) -> list[str]:
        length = _seconds(arguments)
        name, address = _perhaps(arguments, "username"), _perhaps(arguments, "address")
        ban_all(self._hub, OPERATOR, name, address, length, _perhaps(arguments, "reason") or "")
        return [f"{name or address} is banned, {f'for {in_words(length)}' if length else 'for ever'}."]

    def unban(self, arguments: Arguments) -> list[str]:
        unban_all(self._hub, OPERATOR, _perhaps(arguments, "username"), _perhaps(arguments, "address"))
        return ["The ban is lifted."]

    def bans(self, arguments: Arguments) -> list[str]:
        return [
            f"{ban.what:<32} until {_day(ban.until) if ban.until else 'ever'}, by {ban.by}: {ban.reason or 'no reason'}"
            for ban in self._people.bans(self._hub.clock())
        ]

    def audit(self, arguments: Arguments) -> list[str]:
        limit = arguments.get("limit")
        acts = self._people.acts(limit if isinstance(limit, int) else 100)
        return [f"{_day(act.time)} {act.by}: {act.what} {act.target} {act.detail}".rstrip() for act in acts]

    # ------------------------------------------------------------------------------------------- history

    def backup(self, arguments: Arguments) -> list[str]:
        path = Path(_word(arguments, "file"))
        if path.exists():
            raise Refusal("bad_request", f"{path} is there already; name a new file.")
        self._store.backup(path)
        return [f"All that is stored stands in {path}."]

    def export(self, arguments: Arguments) -> list[str]:
        """A page of a room, each event as a line of JSON; what is not for all is left out."""
        room, after = self._room(arguments), arguments.get("after")
        page = self._store.page(
            room, after if isinstance(after, int) else 0, room.last + 1, EXPORTED_AT_ONCE, reader=0, history=True
        )
        return [json.encode(event).decode() for event in page]

    def prune(self, arguments: Arguments) -> list[str]:
        now, older = self._hub.clock(), _seconds(arguments)
        if not older:
            raise Refusal("bad_request", "Say how old what is erased must be.")
        before, first = 0, -1
        while before != first:
            first = before
            self._store.prune(now - older * 1_000, now)
            before = sum(room.first for room in self._store.rooms())
        self._note("prune", "", in_words(older))
        return [f"What was older than {in_words(older)} is erased."]

    def keep(self, arguments: Arguments) -> list[str]:
        """For how long a room's history is kept: so many seconds, 0 for ever, or as the server says."""
        room, length = self._room(arguments), _seconds(arguments)
        self._store.set_keeps(room, None if length is None else length * 1_000)
        kept = in_words(length) if length else "for ever"
        return [f"The history of {room.name} is kept {'as the server says' if length is None else kept}."]

    def _room(self, arguments: Arguments) -> RoomRecord:
        folded = text.fold(text.room_name(_word(arguments, "room")))
        for room in self._store.rooms():
            if room.folded == folded:
                return room
        raise Refusal("no_such_room", f"There is no room {_word(arguments, 'room')}.")


ACTIONS: dict[str, Callable[[Operator, Arguments], list[str]]] = {
    "account add": Operator.add_account,
    "account list": Operator.list_accounts,
    "account password": Operator.set_password,
    "account role": Operator.set_role,
    "account remove": Operator.remove_account,
    "ban": Operator.ban,
    "unban": Operator.unban,
    "bans": Operator.bans,
    "audit": Operator.audit,
    "backup": Operator.backup,
    "export": Operator.export,
    "prune": Operator.prune,
    "keep": Operator.keep,
}


def _word(arguments: Arguments, name: str) -> str:
    word = arguments.get(name)
    if not isinstance(word, str) or not word:
        raise Refusal("bad_request", f"The {name} is missing.")
    return word


def _seconds(arguments: Arguments) -> int | None:
    """None where no time is given."""
    length = arguments.get("seconds")
    if length is not None and not (isinstance(length, int) and 0 <= length <= LONGEST):
        raise Refusal("bad_request", "This is no time, or one of more than a hundred years.")
    return length


def _perhaps(arguments: Arguments, name: str) -> str | None:
    word = arguments.get(name)
    return word if isinstance(word, str) and word else None


def _day(ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(ms / 1_000))
