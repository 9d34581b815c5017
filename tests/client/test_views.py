"""A room as its visitor has it, and words on their way: without a screen."""

from typing import Any

import pytest
from msgspec.structs import replace

from chatroom.client.outgoing import Outgoing, Words
from chatroom.client.render import status
from chatroom.client.views import KEPT, KNOWN, View
from chatroom.messages import Deleted, Edited, Joined, Left, Message, Reacted, Room, Say


@pytest.fixture
def view() -> View:
    facts = {"epoch": "e", "topic": "", "first": 0, "last": 0, "since": 0, "gap": False, "reset": False}
    return View(Room(room="lobby", members=["ada", "bob", "Zoë"], **facts))  # type: ignore[arg-type]


def said(seq: int, by: str) -> Message:
    return Message("lobby", seq, 0, by, f"m{seq}", str(seq))


def test_who_comes_and_goes_in_one_breath_is_not_told(view: View) -> None:
    view.comes(Joined("lobby", "eve"))
    view.goes(Left("lobby", "eve", "left"))
    view.goes(Left("lobby", "bob", "left"))
    view.comes(Joined("lobby", "bob"))
    view.comes(Joined("lobby", "joe"))
    assert view.take_comings() == (["joe"], [])
    assert view.take_comings() == ([], [])


def test_who_was_there_before_an_outage_never_left(view: View) -> None:
    view.goes(Left("lobby", "zoë", "the server is shutting down"))
    view.lose()
    view.comes(Joined("lobby", "bob"))
    view.comes(Joined("lobby", "zoë"))
    view.comes(Joined("lobby", "eve"))
    assert view.take_comings() == (["eve"], [])
    view.goes(Left("lobby", "bob", "left"))
    view.take_comings()
    view.comes(Joined("lobby", "bob"))
    assert view.take_comings() == (["bob"], [])


def test_long_after_an_outage_everybody_who_comes_is_told(view: View) -> None:
    view.lose()
    view.settle()
    view.comes(Joined("lobby", "bob"))
    assert view.take_comings() == (["bob"], [])


def test_the_last_speakers_come_first(view: View) -> None:
    for seq, name in enumerate(["bob", "Zoë", "bob", "gone"], 1):
        view.take(said(seq, name))
    assert view.speakers_first() == ["bob", "Zoë", "ada"]


def test_what_is_kept_of_a_room_that_nobody_looks_at_is_bounded(view: View) -> None:
    view.unread = KEPT + 5
    view.keep(status("*", str(number)) for number in range(KEPT + 5))
    kept, dropped = view.look()
    assert (len(kept), dropped, view.unread) == (KEPT, 5, 0)
    assert kept[0] == status("*", "5")
    assert view.look() == ([], 0)


def test_the_newest_messages_are_known_by_their_numbers(view: View) -> None:
    for seq in range(1, KNOWN + 3):
        view.take(said(seq, "bob"))
    assert view.message(2) is None
    assert view.message(3) == said(3, "bob")
    assert [each.seq for each in view.latest(2)] == [KNOWN + 1, KNOWN + 2]


def test_who_looks_has_seen_all_that_was_said(view: View) -> None:
    for seq in (1, 2, 3):
        view.take(said(seq, "bob"))
    assert view.shown == 0
    view.look()
    assert view.shown == 3


def test_a_history_that_starts_over_takes_the_numbers_along_but_no_lines(view: View) -> None:
    view.take(said(7, "bob"))
    view.keep([status("*", "a line")])
    view.look()
    view.keep([status("*", "another")])
    view.restart()
    assert (view.message(7), view.shown, view.read, view.told) == (None, 0, 0, 0)
    view.take(said(2, "bob"))
    assert view.oldest == 2
    assert view.look()[0] == [status("*", "another")]


def change(seq: int, target: int, by: str = "bob") -> dict[str, Any]:
    return {"room": "lobby", "seq": seq, "time": 0, "username": by, "target": target}


def reacted(seq: int, by: str, emoji: str = "👍", *, on: bool = True) -> Reacted:
    return Reacted(**change(seq, 1, by), emoji=emoji, on=on)


def test_what_is_remembered_reads_as_it_does_now(view: View) -> None:
    view.take(said(1, "bob"))
    assert view.correct(Edited(**change(2, 1), message="new")) == said(1, "bob")
    assert view.message(1) == replace(said(1, "bob"), message="new")
    assert view.correct(Edited(**change(3, 9), message="new")) is None
    assert view.forget(Deleted(**change(4, 1))) is not None
    assert view.message(1) is None
    assert view.newest == 4


def test_of_what_is_to_be_seen_once_only_that_is_remembered(view: View) -> None:
    once = replace(said(1, "bob"), once=True)
    view.take(once)
    assert view.message(1) == replace(once, message="(view once)")
    view.hold(once)
    view.take(said(2, "bob"))
    view.look()
    assert view.read_until() == 0, "who saw what came after it has not seen it"
    view.once.clear()
    assert view.read_until() == 2


def test_what_is_to_be_seen_once_is_bounded(view: View) -> None:
    for seq in range(1, KEPT + 3):
        view.hold(said(seq, "bob"))
    assert (len(view.once), min(view.once)) == (KEPT, 3)


@pytest.mark.parametrize(
    ("events", "left"),
    [
        ([reacted(2, "bob"), reacted(3, "eve")], [[2, 3]]),
        ([reacted(2, "bob"), reacted(3, "BOB", on=False)], []),
        ([reacted(2, "bob", on=False), reacted(3, "bob")], []),
        ([reacted(2, "bob"), reacted(3, "bob", on=False), reacted(4, "bob")], [[4]]),
        ([reacted(2, "bob"), reacted(3, "bob")], [[3]]),
        ([reacted(2, "bob"), reacted(3, "bob", "🎉", on=False)], [[2, 3]]),
    ],
)
def test_reactions_of_a_moment_that_undo_each_other_are_none(
    view: View, events: list[Reacted], left: list[list[int]]
) -> None:
    for event in events:
        view.react(event)
    assert [[event.seq for event in some] for some in view.take_reactions()] == left
    assert view.take_reactions() == []


def test_what_is_deleted_is_withdrawn_from_what_is_kept(view: View) -> None:
    for seq, quotes in [(1, 0), (2, 1), (3, 0)]:
        view.take(said(seq, "bob"))
        view.keep([status("*", f"line {seq}")], seq, quotes)
    view.keep([status("*", "a correction of 1")], quotes=1)
    view.forget(Deleted(**change(4, 1)))
    view.withdraw(1, status("*", "gone"), lambda reply: status("*", f"{reply.seq} without a quote"))
    assert view.look()[0] == [status("*", text) for text in ("gone", "2 without a quote", "line 3")]


def test_words_stay_until_they_are_shown_or_given_up() -> None:
    outgoing = Outgoing([Say(id="a", room="lobby", message="words a", reply_to=5)])
    assert [words.reply_to for words in outgoing.within(None)] == [5]
    for id in "bc":
        outgoing.add(Words(id, "lobby", f"words {id}", "text"))
    assert outgoing.waiting() == 3
    assert outgoing.shown("a")
    assert not outgoing.shown("a")
    outgoing.stored("b")
    assert outgoing.waiting() == 1
    assert [words.id for words in outgoing.within("LOBBY")] == ["b", "c"]
    outgoing.sweep()
    assert [words.id for words in outgoing.within(None)] == ["c"]
    assert outgoing.refused("c", "You are muted.")
    assert not outgoing.refused("x", "You are muted.")
    assert outgoing.has_refused()
    assert [words.refusal for words in outgoing.take_refused()] == ["You are muted."]
    assert len(outgoing) == 0
