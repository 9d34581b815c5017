"""Who is let in, by number: strangers make place for newcomers, and no address has more than its share."""

import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatroom.server.admission import Doorkeeper, Handshakes, NoRoom, Place
from tests.support.rooms import Aside, at_once

FAR, OTHER, THIRD, HOME = "192.0.2.1", "192.0.2.2", "2001:db8::3", "127.0.0.1"


class Porch:
    """A doorkeeper, and who came. Whoever is hung up goes when it is told to."""

    def __init__(self, *, max_clients: int = 100, strangers: int = 5, per_address: int | None = None) -> None:
        self.keeper = Doorkeeper(max_clients=max_clients, strangers=strangers, per_address=per_address)
        self.hung_up: list[str] = []
        self.places: dict[str, Place] = {}

    def come(self, name: str, address: str = FAR) -> None:
        self.places[name] = self.keeper.let_in(address, lambda: self.hung_up.append(name))

    def is_welcomed(self, *names: str) -> None:
        for name in names:
            self.keeper.seat(self.places[name])

    def goes(self, *names: str) -> None:
        for name in names:
            self.keeper.let_out(self.places.pop(name))


def test_the_oldest_stranger_makes_place_when_there_are_too_many() -> None:
    porch = Porch(strangers=3)
    for name in "abc":
        porch.come(name)
    assert porch.hung_up == []
    porch.come("d")
    porch.come("e")
    assert porch.hung_up == ["a", "b"]
    assert porch.keeper.strangers == 3


def test_it_is_of_the_address_that_has_the_most_strangers() -> None:
    porch = Porch(strangers=5)
    porch.come("honest", OTHER)
    for name in "abcd":
        porch.come(name, FAR)
    porch.come("newcomer", THIRD)
    assert porch.hung_up == ["a"]
    porch.come("second", THIRD)
    porch.come("third", THIRD)
    assert porch.hung_up == ["a", "b", "c"], "two of the third address are as many as are left of the first"


def test_who_was_welcomed_makes_place_for_nobody() -> None:
    porch = Porch(strangers=2)
    porch.come("ada")
    porch.is_welcomed("ada")
    for name in "abc":
        porch.come(name)
    assert porch.hung_up == ["a"]


def test_who_went_by_itself_leaves_its_place() -> None:
    porch = Porch(strangers=2)
    porch.come("a")
    porch.come("b")
    porch.goes("a")
    porch.come("c")
    assert porch.hung_up == []
    porch.come("d")
    assert porch.hung_up == ["b"]


def test_who_is_hung_up_while_it_is_welcomed_is_counted_once() -> None:
    porch = Porch(strangers=1)
    porch.come("a")
    porch.come("b")
    porch.is_welcomed("a")
    assert (porch.keeper.strangers, porch.keeper.leaving) == (1, 1)
    porch.goes("a")
    assert (porch.keeper.strangers, porch.keeper.leaving) == (1, 0)


def test_newcomers_are_turned_away_while_too_many_are_still_on_their_way_out() -> None:
    """Each of them still has a thread and a descriptor."""
    porch = Porch(strangers=3)
    for name in "abcdef":
        porch.come(name)
    assert porch.keeper.leaving == 3
    with pytest.raises(NoRoom):
        porch.come("g")
    assert porch.keeper.turned_away == 1
    porch.goes("a")
    porch.come("g")


def test_a_server_full_of_clients_turns_newcomers_away() -> None:
    porch = Porch(max_clients=1, strangers=1)
    for name in ("ada", "bob"):  # the second was let in before it was known who it is; it is told by the hub
        porch.come(name)
        porch.is_welcomed(name)
    with pytest.raises(NoRoom, match=r"no room for you just now; try later\.$"):
        porch.come("eve")
    porch.goes("ada")
    porch.come("eve")


def test_an_address_has_no_more_than_its_share() -> None:
    porch = Porch(per_address=2)
    for name in ("ada", "bob"):
        porch.come(name)
        porch.is_welcomed(name)
    with pytest.raises(NoRoom, match=r"^Your address has 2 connections already; close one of them first\.$"):
        porch.come("eve")
    porch.come("eve", OTHER)
    porch.goes("ada")
    porch.come("again")


def test_a_stranger_of_the_same_address_makes_place_first() -> None:
    porch = Porch(per_address=2)
    porch.come("ada")
    porch.is_welcomed("ada")
    porch.come("stalled")
    porch.come("colleague")
    assert porch.hung_up == ["stalled"]


@pytest.mark.parametrize("address", [HOME, "127.8.9.10", "::1"])
def test_this_computer_has_no_share_unless_one_is_given(address: str) -> None:
    free, bound = Porch(strangers=500), Porch(strangers=500, per_address=256)
    for number in range(257):
        free.come(str(number), address)
        bound.come(str(number), address)
    assert (free.hung_up, bound.hung_up) == ([], ["0"])


def test_the_share_of_others_is_256_unless_one_is_given() -> None:
    porch = Porch(max_clients=1_000)
    for number in range(256):
        porch.come(str(number))
        porch.is_welcomed(str(number))
    with pytest.raises(NoRoom):
        porch.come("256")


def test_where_the_system_has_no_room_a_stranger_makes_way_if_there_is_one() -> None:
    porch = Porch()
    assert not porch.keeper.make_way()
    porch.come("ada")
    porch.is_welcomed("ada")
    assert not porch.keeper.make_way()
    porch.come("stranger")
    assert porch.keeper.make_way()
    assert porch.hung_up == ["stranger"]
    assert not porch.keeper.make_way()


DEEDS = st.lists(
    st.tuples(st.sampled_from(["come", "come", "come", "seat", "go", "way"]), st.integers(0, 30), st.integers(0, 3)),
    max_size=120,
)


@given(DEEDS, st.integers(1, 6), st.integers(1, 6))
def test_whatever_happens_the_counts_are_right_and_the_bounds_hold(
    deeds: list[tuple[str, int, int]], strangers: int, per_address: int
) -> None:
    porch = Porch(max_clients=4, strangers=strangers, per_address=per_address)
    addresses = ["192.0.2.0", "192.0.2.1", "192.0.2.2", "2001:db8::3"]
    for number, (deed, which, where) in enumerate(deeds):
        names = list(porch.places)
        if deed == "come":
            waiting = Counter(place.address for place in porch.places.values() if place.state == "stranger")
            before = len(porch.hung_up)
            try:
                porch.come(str(number), addresses[where])
            except NoRoom:
                assert not porch.hung_up[before:]
            for name in porch.hung_up[before:]:
                address = porch.places[name].address
                assert address == addresses[where] or waiting[address] == max(waiting.values())
        elif deed == "way":
            porch.keeper.make_way()
        elif names:
            name = names[which % len(names)]
            porch.is_welcomed(name) if deed == "seat" else porch.goes(name)
        states = Counter(place.state for place in porch.places.values())
        assert (porch.keeper.strangers, porch.keeper.leaving) == (states["stranger"], states["leaving"])
        assert states["stranger"] <= strangers
        staying = Counter(place.address for place in porch.places.values() if place.state != "leaving")
        assert max(staying.values(), default=0) <= per_address
        assert sum(staying.values()) <= 4 + strangers


def test_many_threads_come_and_go_and_every_place_is_given_back() -> None:
    porch = Porch(max_clients=1_000, strangers=50)

    def come_and_go() -> None:
        for number in range(500):
            place = porch.keeper.let_in(FAR, lambda: None)
            if number % 2:
                porch.keeper.seat(place)
            porch.keeper.let_out(place)

    at_once(*[come_and_go] * 4)
    assert (porch.keeper.strangers, porch.keeper.leaving) == (0, 0)
    for number in range(256):
        porch.come(str(number))
        porch.is_welcomed(str(number))


# Handshakes


def test_no_more_handshakes_are_computed_at_once_than_may_be() -> None:
    handshakes, inside, most = Handshakes(2), threading.Semaphore(0), []
    leave = threading.Event()

    def compute() -> None:
        with handshakes:
            most.append(1)
            inside.release()
            assert leave.wait(20)

    computing = [Aside(compute) for _ in range(5)]
    for _ in range(2):
        assert inside.acquire(timeout=20)
    assert all(each.still_waits() for each in computing)
    assert len(most) == 2
    leave.set()
    for each in computing:
        each.finish()
    assert len(most) == 5


def test_a_handshake_that_fails_gives_its_turn_back() -> None:
    handshakes = Handshakes(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), handshakes:
            raise ValueError("broken")
