"""What is kept of people, in the SQLite file. Knows SQL; knows nothing of rooms, and of who is here."""

import sqlite3
from collections.abc import Iterable
from typing import Any

from chatroom.messages import Role
from chatroom.server.store.database import Database, new_key
from chatroom.server.store.people import Account, Act, Ban, Mute

_ACCOUNT = "SELECT owner, username, folded, role, secret, created FROM account"
_FORGET_SEEN = (
    "DELETE FROM seen WHERE owner NOT IN (SELECT owner FROM session) AND owner NOT IN (SELECT owner FROM account)"
)


class SqlitePeople:
    """See People."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._database.reading() as db:
            return db.execute(query, values).fetchall()

    def _write(self, query: str, *values: Any, safe: bool = True) -> sqlite3.Cursor:
        with self._database.transaction(safe=safe) as db:
            return db.execute(query, values)

    # -------------------------------------------------------------------------------------------- sessions

    def add_guest(self, username: str, token: bytes, now: int) -> int:
        with self._database.transaction() as db:
            owner = new_key(db.execute("INSERT INTO owner (username) VALUES (?)", (username,)))
            db.execute("INSERT INTO session (token, owner, used) VALUES (?,?,?)", (token, owner, now))
        return owner

    def add_session(self, owner: int, token: bytes, now: int) -> None:
        self._write("INSERT INTO session (token, owner, used) VALUES (?,?,?)", token, owner, now, safe=False)

    def owner_of(self, token: bytes, now: int) -> int | None:
        with self._database.transaction() as db:
            row = db.execute("UPDATE session SET used = ? WHERE token = ? RETURNING owner", (now, token)).fetchone()
        return row and int(row[0])

    def rename(self, owner: int, username: str) -> None:
        self._write("UPDATE owner SET username = ? WHERE number = ?", username, owner, safe=False)

    def name_of(self, owner: int) -> str:
        rows = self._rows("SELECT username FROM owner WHERE number = ?", owner)
        return str(rows[0][0]) if rows else ""

    def touch_sessions(self, owners: Iterable[int], now: int) -> None:
        with self._database.transaction() as db:
            db.executemany("UPDATE session SET used = ? WHERE owner = ?", [(now, owner) for owner in owners])

    def forget_sessions(self, unused_since: int) -> None:
        with self._database.transaction() as db:
            db.execute("DELETE FROM session WHERE used < ?", (unused_since,))
            db.execute(_FORGET_SEEN)

    def revoke_sessions(self, owner: int, *, but: bytes | None = None) -> None:
        self._write("DELETE FROM session WHERE owner = ? AND token IS NOT ?", owner, but)

    # -------------------------------------------------------------------------------------------- accounts

    def accounts(self) -> list[Account]:
        return [Account(*row) for row in self._rows(f"{_ACCOUNT} ORDER BY folded")]

    def account(self, folded: str) -> Account | None:
        rows = self._rows(f"{_ACCOUNT} WHERE folded = ?", folded)
        return Account(*rows[0]) if rows else None

    def account_of(self, owner: int) -> Account | None:
        rows = self._rows(f"{_ACCOUNT} WHERE owner = ?", owner)
        return Account(*rows[0]) if rows else None

    def add_account(self, account: Account) -> Account | None:
        try:
            with self._database.transaction(safe=True) as db:
                if not account.owner:
                    key = new_key(db.execute("INSERT INTO owner (username) VALUES (?)", (account.username,)))
                    account = account._replace(owner=key)
                db.execute(
                    "INSERT INTO account (owner, username, folded, role, secret, created) VALUES (?,?,?,?,?,?)", account
                )
        except sqlite3.IntegrityError:
            return None
        return account

    def set_secret(self, owner: int, secret: str) -> None:
        self._write("UPDATE account SET secret = ? WHERE owner = ?", secret, owner)

    def set_role(self, owner: int, role: Role) -> None:
        self._write("UPDATE account SET role = ? WHERE owner = ?", role, owner)

    def remove_account(self, owner: int) -> None:
        with self._database.transaction(safe=True) as db:
            db.execute("DELETE FROM account WHERE owner = ?", (owner,))
            db.execute("DELETE FROM session WHERE owner = ?", (owner,))

    # ----------------------------------------------------------------------------------------- moderation

    def bans(self, now: int) -> list[Ban]:
        query = "SELECT what, is_address, until, reason, by, time FROM ban WHERE until = 0 OR until > ?"
        rows = self._rows(f"{query} ORDER BY time DESC, what", now)
        return [Ban(what, bool(is_address), *rest) for what, is_address, *rest in rows]

    def add_ban(self, ban: Ban) -> None:
        self._write("REPLACE INTO ban (what, is_address, until, reason, by, time) VALUES (?,?,?,?,?,?)", *ban)

    def remove_ban(self, what: str) -> bool:
        return self._write("DELETE FROM ban WHERE what = ?", what).rowcount > 0

    def mutes(self, now: int) -> list[Mute]:
        rows = self._rows("SELECT owner, room, until FROM mute WHERE until = 0 OR until > ?", now)
        return [Mute(*row) for row in rows]

    def add_mute(self, mute: Mute) -> None:
        self._write("REPLACE INTO mute (owner, room, until) VALUES (?,?,?)", *mute)

    def remove_mute(self, owner: int, room: int) -> bool:
        return self._write("DELETE FROM mute WHERE owner = ? AND room = ?", owner, room).rowcount > 0

    def note(self, act: Act) -> None:
        self._write("INSERT INTO act (time, by, what, target, detail) VALUES (?,?,?,?,?)", *act)

    def acts(self, limit: int) -> list[Act]:
        rows = self._rows("SELECT time, by, what, target, detail FROM act ORDER BY number DESC LIMIT ?", limit)
        return [Act(*row) for row in rows]
