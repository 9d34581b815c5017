"""How far everybody has read, as several connections of one person tell it."""

import pytest

from chatroom.server.reading import Reading
from chatroom.server.store import Reader
from tests.support.rooms import ShakyStore, at_once
from tests.support.stores import ADA, BOB


@pytest.fixture
def store() -> ShakyStore:
    return ShakyStore()


@pytest.fixture
def ada(store: ShakyStore) -> Reader:
    return Reader(ADA, store.add_room("lobby", "lobby"))


def test_the_connection_that_is_behind_takes_nothing_back(store: ShakyStore, ada: Reader) -> None:
    reading = Reading(store)
    positions = []
    for seq in (5, 3):
        reading.note(ada, seq)
        positions.append(reading.position(ada))
    reading.write()
    for seq in (4, 6):
        reading.note(ada, seq)
        positions.append(reading.position(ada))
    assert positions == [5, 5, 5, 6]


def test_each_reader_has_a_position_of_its_own(store: ShakyStore, ada: Reader) -> None:
    reading = Reading(store)
    reading.note(ada, 5)
    assert reading.position(ada._replace(owner=BOB)) == 0
    assert reading.position(Reader(ADA, store.add_room("den", "den"))) == 0


def test_no_position_is_lost_or_goes_back_however_they_race(store: ShakyStore, ada: Reader) -> None:
    reading = Reading(store)
    found: list[int] = []

    def read() -> None:
        for seq in range(1, 500):
            reading.note(ada, seq)
            assert reading.position(ada) >= seq

    def write() -> None:
        for _ in range(200):
            reading.write()
            found.append(reading.position(ada))

    at_once(read, read, write)
    reading.write()
    assert found == sorted(found)
    assert store.seen(ada) == 499
