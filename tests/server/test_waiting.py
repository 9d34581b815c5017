"""What takes time: ten seconds for `hello` (PROTOCOL part 1), and history that is pruned (part 5, points 3 and 6).

The strangers and the server of these tests came when the session began (see conftest.py) and have waited while all
others ran.
"""

import time

import pytest

from tests.server.strangers import SILENT_WAYS, Aging, Visit
from tests.server.wire_client import messages_of, person, seqs_of


@pytest.fixture
def pruned(aging: Aging) -> Aging:
    """What was said is older than it may be, and gone."""
    deadline = time.monotonic() + 15
    while any(message["seq"] <= aging.last for message in aging.ada.ask("history", room="hall", after=0)["messages"]):
        assert time.monotonic() < deadline
    return aging


def test_who_fell_behind_what_is_held_is_told_of_the_gap_before_the_stream_goes_on(pruned: Aging) -> None:
    pruned.ada.say("hall", "after the gap")
    events = pruned.stalled.until(lambda event: event.get("message") == "after the gap")
    (gap,) = [place for place, event in enumerate(events) if event["type"] == "room"]
    assert events[gap]["gap"] is True
    before, behind = seqs_of(events[:gap]), seqs_of(events[gap:])
    assert before == list(range(1, len(before) + 1))
    assert len(before) < events[gap]["since"]
    assert behind == list(range(events[gap]["since"] + 1, behind[-1] + 1))


def test_who_asks_for_what_is_no_longer_held_is_told_of_the_gap(pruned: Aging) -> None:
    newest = pruned.ada.say("hall", "held")["seq"]
    events = person(pruned.port, "late").join("hall", since=5)
    assert events[0]["gap"] is True
    assert events[0]["first"] == events[0]["since"] + 1
    assert events[0]["last"] == newest
    assert seqs_of(events) == list(range(events[0]["first"], newest + 1))


def test_who_asks_for_what_is_held_is_told_of_no_gap(pruned: Aging) -> None:
    newest = pruned.ada.say("hall", "held")["seq"]
    events = person(pruned.port, "exact").join("hall", since=newest - 1)
    assert not events[0].get("gap")
    assert seqs_of(events) == [newest]


def test_ids_outlive_what_was_said_with_them(pruned: Aging) -> None:
    stored = pruned.ada.say("hall", "once", "the id")
    assert stored == {"type": "stored", "id": "the id", "room": "hall", "seq": 1, "time": pruned.receipt["time"]}
    assert pruned.ada.say("hall", "changed", "the id")["code"] == "id_conflict"


def test_numbers_go_on_where_they_were_when_all_was_pruned(pruned: Aging) -> None:
    assert pruned.ada.say("hall", "next")["seq"] > pruned.last
    assert messages_of(person(pruned.port, "newcomer").join("hall", recent=1))[0]["message"] == "next"


@pytest.mark.parametrize("way", SILENT_WAYS)
def test_a_stranger_is_closed_after_ten_seconds_however_it_spends_them(visits: dict[str, Visit], way: str) -> None:
    visit = visits[way]
    visit.wait()
    assert visit.last is not None
    assert (visit.last["type"], visit.last["code"], visit.last["fatal"]) == ("error", "timeout", True)
    assert 9.9 <= visit.seconds <= 12.5


def test_who_says_hello_late_but_in_time_stays(visits: dict[str, Visit]) -> None:
    visit = visits["hello after eight seconds"]
    visit.wait()
    assert visit.last == {"type": "pong", "data": "still here"}
    assert visit.seconds >= 13
