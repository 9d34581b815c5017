"""Bans and mutes: who may not come in, and who may not speak, for how long; and the log of who decided so.

Knows names, addresses, owners and times. Knows nothing of ranks, and of who is here. What holds is kept in the store,
and remembered here: it is asked at every door and for every word.
"""

import threading
import time
from collections.abc import Callable

from chatroom import text
from chatroom.addresses import normal
from chatroom.durations import in_words
from chatroom.errors import Refusal
from chatroom.server.store.people import Act, Ban, Mute, People

EVERYWHERE = 0
"""In place of a room's key: a mute that holds in all rooms."""


class Moderation:
    """Any thread may call any method."""

    def __init__(self, people: People, clock: Callable[[], int]) -> None:
        self._people = people
        self._clock = clock
        self._lock = threading.Lock()
        self._bans = {ban.what: ban for ban in people.bans(clock())}
        self._mutes = {(mute.owner, mute.room): mute.until for mute in people.mutes(clock())}

    # ------------------------------------------------------------------------------------------------ bans

    def check_ban(self, folded: str, address: str) -> None:
        """Raises `banned` for a name or an address that may not come in."""
        for what in (folded, address):
            ban = self._bans.get(what)
            if ban and self._holds(ban.until):
                raise Refusal("banned", sentence(ban))

    def _holds(self, until: int) -> bool:
        return until == 0 or self._clock() < until

    def ban(self, what: str, *, is_address: bool, by: str, seconds: int | None, reason: str) -> Ban:
        """`what` is a folded name or a normal address. No act is without its line in the log: that comes first."""
        ban = Ban(what, is_address, self._until(seconds), reason, by, self._clock())
        self.note(by, "ban", what, _how_long(seconds, reason))
        with self._lock:
            self._people.add_ban(ban)
            self._bans[what] = ban
        return ban

    def unban(self, what: str, *, by: str) -> bool:
        """Whether there was a ban to lift."""
        ban = self._bans.get(what)
        if ban is None or not self._holds(ban.until):
            return False
        self.note(by, "unban", what)
        with self._lock:
            self._bans.pop(what, None)
            return self._people.remove_ban(what)

    # ----------------------------------------------------------------------------------------------- mutes

    def is_muted(self, owner: int, room: int) -> bool:
        """Asked for all that is said: cheap while nobody is muted."""
        if not self._mutes:
            return False
        return self.is_muted_there(owner, room) or self.is_muted_there(owner, EVERYWHERE)

    def mute(self, owner: int, room: int, seconds: int | None) -> None:
        mute = Mute(owner, room, self._until(seconds))
        with self._lock:
            self._people.add_mute(mute)
            self._mutes[owner, room] = mute.until

    def unmute(self, owner: int, room: int) -> None:
        with self._lock:
            self._mutes.pop((owner, room), None)
            self._people.remove_mute(owner, room)

    def is_muted_there(self, owner: int, room: int) -> bool:
        """Whether there is a mute of its own for that place."""
        until = self._mutes.get((owner, room))
        return until is not None and self._holds(until)

    def _until(self, seconds: int | None) -> int:
        return 0 if seconds is None else self._clock() + seconds * 1_000

    # ------------------------------------------------------------------------------------------------- log

    def note(self, by: str, what: str, target: str, detail: str = "") -> None:
        self._people.note(Act(self._clock(), by, what, target, detail))


def address_called(raw: str) -> str:
    """An address in the form by which addresses are compared, or `bad_request`."""
    try:
        return normal(raw.strip())
    except ValueError:
        raise Refusal("bad_request", "This is no address; write one such as 192.168.1.7.") from None


def sentence(ban: Ban) -> str:
    """What who is banned is told."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(ban.until / 1_000)) if ban.until else ""
    until = f" until {when}" if when else ""
    return f"You are banned from this server{until}{f': {text.visible(ban.reason)}' if ban.reason else ''}."


def _how_long(seconds: int | None, reason: str) -> str:
    length = in_words(seconds) if seconds else "for ever"
    return f"{length}: {reason}" if reason else length
