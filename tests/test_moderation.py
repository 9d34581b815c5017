"""Bans, mutes and the log: how long they hold, by what somebody is known, and that they outlive a restart."""

import re
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chatroom.errors import Refusal, StoreFailed
from chatroom.server.moderation import EVERYWHERE, Moderation, address_called
from chatroom.server.store.memory import MemoryStore
from chatroom.server.store.memory_people import MemoryPeople
from chatroom.server.store.people import Act
from chatroom.server.store.sqlite import SqliteStore
from tests.support.rooms import Clock

ADA, BOB = 1_001, 1_002
DEN = 7
MINUTE = 60_000


class House:
    """Moderation over a store, and over it again."""

    def __init__(self, path: Path | None) -> None:
        self.clock = Clock()
        self._path = path
        self._open()

    def _open(self) -> None:
        self.store = SqliteStore(self._path, flush=False) if self._path else MemoryStore()
        self.moderation = Moderation(self.store.people, self.clock)

    def restart(self) -> None:
        if self._path:
            self.store.close()
            self._open()
        self.moderation = Moderation(self.store.people, self.clock)

    def ban(self, what: str, seconds: int | None = None, reason: str = "", *, is_address: bool = False) -> None:
        self.moderation.ban(what, is_address=is_address, by="mod", seconds=seconds, reason=reason)

    def refuses(self, name: str, address: str = "10.0.0.1") -> str:
        """What it says to one who may not come in."""
        try:
            self.moderation.check_ban(name, address)
        except Refusal as refusal:
            return refusal.text if refusal.code == "banned" else ""
        return ""

    def acts(self) -> list[tuple[str, str, str, str]]:
        return [(act.by, act.what, act.target, act.detail) for act in self.store.people.acts(100)[::-1]]


@pytest.fixture(params=["memory", "sqlite"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "chat.db" if request.param == "sqlite" else None)
    with closing(house.store):
        yield house
    house.store.close()


def test_a_name_is_banned_at_every_address_and_an_address_under_every_name(house: House) -> None:
    house.ban("ada")
    house.ban("10.0.0.9", is_address=True)
    assert house.refuses("ada")
    assert house.refuses("bob", "10.0.0.9")
    assert not house.refuses("bob")


def test_a_ban_holds_for_as_long_as_it_says_over_restarts_too(house: House) -> None:
    house.ban("ada", 60)
    house.ban("bob")
    house.restart()
    house.clock.now += MINUTE - 1
    assert house.refuses("ada")
    house.clock.now += 1
    assert not house.refuses("ada")
    house.restart()
    assert not house.refuses("ada")
    house.clock.now += 10**12
    assert house.refuses("bob")


def test_who_is_banned_is_told_why_and_until_when_in_one_sentence(house: House) -> None:
    house.ban("ada", 60, "spam")
    house.ban("bob")
    when = re.fullmatch(r"You are banned from this server until (.*): spam\.", house.refuses("ada"))
    assert when
    assert time.mktime(time.strptime(when[1], "%Y-%m-%d %H:%M")) == 60, "by the server's own clock, without seconds"
    assert house.refuses("bob") == "You are banned from this server."


def test_a_ban_is_lifted_and_stays_lifted(house: House) -> None:
    house.ban("ada")
    assert house.moderation.unban("ada", by="boss")
    assert not house.moderation.unban("ada", by="boss")
    assert not house.refuses("ada")
    house.restart()
    assert not house.refuses("ada")


def test_a_ban_that_is_over_cannot_be_lifted(house: House) -> None:
    house.ban("ada", 60)
    house.clock.now += MINUTE
    assert not house.moderation.unban("ada", by="boss")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("192.168.1.7", "192.168.1.7"),
        (" 192.168.1.7 ", "192.168.1.7"),
        ("::ffff:192.168.1.7", "192.168.1.7"),
        ("FE80:0::1", "fe80::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::1", "::1"),
    ],
)
def test_an_address_is_the_same_however_it_is_written(written: str, meant: str) -> None:
    assert address_called(written) == meant


@pytest.mark.parametrize("written", ["", "ada", "192.168.1", "192.168.1.256", "192.168.1.0/24", "1", "%eth0"])
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(Refusal, match=r"such as 192\.168\.1\.7") as refused:
        address_called(written)
    assert refused.value.code == "bad_request"


def test_a_mute_is_in_one_room_or_in_all_until_it_is_over_or_taken_back(house: House) -> None:
    mutes = house.moderation
    assert not mutes.is_muted(ADA, DEN)
    mutes.mute(ADA, DEN, 60)
    mutes.mute(BOB, EVERYWHERE, None)
    assert mutes.is_muted(ADA, DEN)
    assert not mutes.is_muted(ADA, DEN + 1)
    assert mutes.is_muted(BOB, DEN)
    assert not mutes.is_muted_there(BOB, DEN), "everywhere, but not there in particular"
    mutes.unmute(BOB, EVERYWHERE)
    assert not mutes.is_muted(BOB, DEN)
    house.clock.now += MINUTE
    assert not mutes.is_muted(ADA, DEN)


def test_mutes_outlive_a_restart(house: House) -> None:
    house.moderation.mute(ADA, DEN, 60)
    house.moderation.mute(BOB, EVERYWHERE, None)
    house.moderation.unmute(BOB, EVERYWHERE)
    house.restart()
    assert house.moderation.is_muted(ADA, DEN)
    assert not house.moderation.is_muted(BOB, DEN)
    house.clock.now += MINUTE
    house.restart()
    assert not house.moderation.is_muted(ADA, DEN)


def test_bans_are_in_the_log_with_how_long_and_why(house: House) -> None:
    house.ban("ada", 600, "spam")
    house.ban("10.0.0.9", 2 * 86_400, is_address=True)
    house.ban("bob")
    house.moderation.unban("bob", by="boss")
    assert house.acts() == [
        ("mod", "ban", "ada", "10 minutes: spam"),
        ("mod", "ban", "10.0.0.9", "2 days"),
        ("mod", "ban", "bob", "for ever"),
        ("boss", "unban", "bob", ""),
    ]


class FullLog(MemoryPeople):
    def note(self, act: Act) -> None:
        raise StoreFailed("The disk is full; nothing was stored.")


def test_what_cannot_be_logged_is_not_done() -> None:
    people = FullLog(lambda owners: None)
    moderation = Moderation(people, Clock())
    with pytest.raises(StoreFailed):
        moderation.ban("ada", is_address=False, by="mod", seconds=None, reason="")
    moderation.check_ban("ada", "")
    assert people.bans(0) == []
