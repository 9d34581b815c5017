"""What a client makes of a server's stranger stories: holes, gaps, repeats, refusals, forgeries, nonsense."""

import struct
from typing import Any

import pytest

from chatroom.client.events import Back, Ended, Gap, Offline, Online, Receipt, Reset, Unsayable
from chatroom.messages import (
    AskHistory,
    Error,
    Join,
    Leave,
    Left,
    Live,
    Notice,
    Ping,
    Say,
    Seen,
    Stored,
    Who,
)
from tests.client.peers import TIMEOUT, message, refusal, room_answer, texts
from tests.client.stage import Stage, error

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


# ---------------------------------------------------------------------------------------------------- numbers


def test_repeats_are_dropped(stage: Stage) -> None:
    stage.caller.send(message(2), message(1), message(3), message(3), message(4))
    assert texts(stage.shown("m4")) == ["m3", "m4"]


def test_a_hole_is_filled_before_anything_goes_on(stage: Stage) -> None:
    stage.caller.send(message(5), message(6), Notice("holding"))
    assert texts(stage.ear.until(lambda event: isinstance(event, Notice))) == []
    stage.page(message(3), message(4), after=2)
    assert texts(stage.shown("m6")) == ["m3", "m4", "m5", "m6"]


def test_a_hole_may_take_several_pages(stage: Stage) -> None:
    stage.caller.send(message(9))
    stage.page(message(3), message(4), after=2, more=True)
    stage.page(message(5), message(6), message(7), after=4, more=True)
    stage.caller.send(message(10))
    stage.page(message(8), message(9), after=7)
    assert texts(stage.shown("m10")) == [f"m{n}" for n in range(3, 11)]


def test_what_history_leaves_out_is_gone(stage: Stage) -> None:
    stage.caller.send(message(6), message(9))
    stage.page(message(4), message(6), after=2)
    heard = stage.shown("m9")
    assert [(event.first, event.last) if isinstance(event, Gap) else texts([event]) for event in heard] == [
        (3, 3), ["m4"], (5, 5), ["m6"], (7, 8), ["m9"],
    ]  # fmt: skip


def test_a_page_that_helps_nothing_is_the_last(stage: Stage) -> None:
    """A server that always says there is more, and gives nothing, does not keep us asking."""
    stage.caller.send(message(5))
    stage.page(message(1), after=2, more=True)
    assert stage.shown("m5")[0] == Gap("lobby", 3, 4)


def test_a_hole_before_live_is_seen(stage: Stage) -> None:
    stage.caller.send(Live("lobby", 4))
    stage.page(message(3), message(4), after=2)
    assert texts(stage.shown("m4")) == ["m3", "m4"]


def test_history_that_is_refused_for_good_leaves_a_gap(stage: Stage) -> None:
    stage.caller.send(message(4))
    stage.caller.send(error(stage.caller.expect(AskHistory).id, "forbidden"))
    assert stage.shown("m4")[0] == Gap("lobby", 3, 3)


def test_history_that_fails_is_asked_again(stage: Stage) -> None:
    stage.caller.send(message(4))
    stage.caller.send(error(stage.caller.expect(AskHistory).id, "store_failed"))
    stage.page(message(3), after=2)
    assert texts(stage.shown("m4")) == ["m3", "m4"]


def test_what_is_held_behind_a_hole_is_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatroom.client.position.HELD", 2)
    stage.caller.send(*(message(n) for n in range(4, 9)))
    stage.page(message(3), message(4), after=2, more=True)
    stage.page(message(6), message(7), message(8), after=5)
    assert texts(stage.shown("m8")) == [f"m{n}" for n in range(3, 9)]


# ------------------------------------------------------------------------------------------------ rooms, again


def test_a_room_is_entered_again_where_it_was_left(stage: Stage) -> None:
    join = stage.reconnect()
    assert (join.room, join.since, join.epoch) == ("lobby", 2, "e")


def test_who_is_in_goes_on_from_there_whatever_is_asked(stage: Stage) -> None:
    stage.client.join("lobby", since=0, epoch="old")
    join = stage.caller.expect(Join)
    assert (join.since, join.epoch) == (2, "e")


def test_who_comes_again_begins_anew(stage: Stage) -> None:
    """What was said meanwhile is not made up for, is not missing, and what was shown is not shown again."""
    left = stage.client.leave("lobby")
    stage.caller.send(Left("lobby", "ada", "left", stage.caller.expect(Leave).id))
    left.result(TIMEOUT)
    stage.client.join("lobby", recent=7)
    join = stage.caller.expect(Join)
    assert (join.since, join.recent) == (None, 7)
    stage.caller.send(room_answer(join, since=5, last=6), message(6), Live("lobby", 6))
    heard = stage.shown("m6")
    assert texts(heard) == ["m6"]
    assert not any(isinstance(event, Gap) for event in heard)


def test_back_counts_over_an_outage_within_an_outage(stage: Stage) -> None:
    stage.caller.send(message(3, "before"))
    stage.shown("before")
    join = stage.reconnect()
    stage.caller.send(room_answer(join, since=3, last=5), message(4))
    stage.shown("m4")
    join = stage.reconnect()
    assert join.since == 4
    stage.caller.send(room_answer(join, since=4, last=5), message(5), Live("lobby", 5))
    back = stage.ear.until_a(Back)
    assert back.new == 2


def test_numbers_no_longer_held_are_a_gap(stage: Stage) -> None:
    join = stage.reconnect()
    stage.caller.send(room_answer(join, since=6, last=7, gap=True), message(7), Live("lobby", 7))
    heard = stage.ear.until(lambda event: isinstance(event, Back))
    assert Gap("lobby", 3, 6) in heard
    assert texts(heard) == ["m7"]
    back = heard[-1]
    assert isinstance(back, Back)
    assert (back.new, back.missing) == (1, 4)


def test_numbers_pruned_while_we_were_slow_are_a_gap(stage: Stage) -> None:
    stage.caller.send(room_answer(Join(room="lobby"), since=5, last=6, gap=True), message(6))
    assert stage.shown("m6")[0] == Gap("lobby", 3, 5)


def test_another_history_is_told(stage: Stage) -> None:
    join = stage.reconnect()
    stage.caller.send(room_answer(join, since=0, last=1, epoch="f", reset=True), message(1, "new"), Live("lobby", 1))
    heard = stage.shown("new")
    assert Reset("lobby") in heard
    assert stage.reconnect().epoch == "f"


def test_a_reset_is_believed_without_another_name_for_the_history(stage: Stage) -> None:
    join = stage.reconnect()
    stage.caller.send(room_answer(join, since=2, last=3, reset=True), message(3), Live("lobby", 3))
    assert Reset("lobby") in stage.shown("m3")


def test_a_history_that_went_back_is_another_one(stage: Stage) -> None:
    """Else what is said anew, under numbers that we have shown, would never be seen."""
    join = stage.reconnect()
    stage.caller.send(room_answer(join, since=1, last=1), message(2, "anew"), Live("lobby", 2))
    assert Reset("lobby") in stage.shown("anew")


def test_back_is_told_when_the_hole_is_filled_too(stage: Stage) -> None:
    join = stage.reconnect()
    stage.caller.send(room_answer(join, since=2, last=4), message(4), Live("lobby", 4))
    stage.page(message(3), after=2)
    assert texts(stage.ear.until(lambda event: isinstance(event, Back))) == ["m3", "m4"]


def test_a_room_that_is_closed_to_us_now_is_told(stage: Stage) -> None:
    join = stage.reconnect()
    stage.caller.send(error(join.id, "forbidden"))
    assert stage.ear.until_a(Left) == Left("lobby", "ada", "About forbidden.")
    stage.ear.until_a(Back)
    assert stage.client.joined == []


def test_a_room_that_cannot_be_entered_just_now_is_tried_again(stage: Stage) -> None:
    den = stage.client.join("den")
    stage.caller.send(error(stage.caller.expect(Join).id, "store_failed"))
    stage.caller.let_into_room(room="den")
    assert den.result(TIMEOUT).room == "den"


def test_a_room_we_are_put_out_of(stage: Stage) -> None:
    stage.caller.send(Left("lobby", "ada", "kicked"), message(3), Notice("out"))
    heard = stage.ear.until(lambda event: isinstance(event, Notice))
    assert heard == [Left("lobby", "ada", "kicked"), Notice("out")]
    assert stage.client.joined == []


def test_other_peoples_ids_answer_nothing(stage: Stage) -> None:
    """Whoever guesses the id of a request that is open cannot answer it by saying something under it."""
    present = stage.client.who("lobby")
    asked = stage.caller.expect(Who)
    assert asked.id
    stage.caller.send(message(3, id=asked.id), Notice("now"))
    stage.shown("m3")
    assert not present.done()


# ---------------------------------------------------------------------------------------------- read positions


def test_what_was_read_is_told_once_and_nobody_hears_what_becomes_of_it(stage: Stage) -> None:
    """Not even that an older server knows no such thing."""
    for seq in (1, 2):
        stage.client.seen("LOBBY", seq)
    told = [stage.caller.expect(Seen) for _ in range(2)]
    assert [(seen.room, seen.seq) for seen in told] == [("lobby", 1), ("lobby", 2)]
    stage.caller.send(*(error(seen.id, "unknown_type") for seen in told), Notice("now"))
    assert stage.ear.until(lambda event: isinstance(event, Notice)) == [Notice("now")]


def test_what_was_read_elsewhere_or_without_a_connection_is_not_told(stage: Stage) -> None:
    stage.client.seen("den", 2)
    stage.client.ping()
    stage.caller.expect(Ping)
    stage.caller.hang_up()
    stage.ear.until_a(Offline)
    stage.client.seen("lobby", 2)
    stage.caller = stage.script.caller()
    stage.caller.let_in()
    stage.client.seen("lobby", 2)
    stage.caller.let_into_room(since=2)
    stage.client.ping()
    assert [stage.caller.expect(Ping) for _ in range(2)]


def test_who_has_left_reads_nothing_there(stage: Stage) -> None:
    stage.client.leave("lobby")
    stage.client.seen("lobby", 2)
    stage.client.ping()
    stage.caller.expect(Leave)
    stage.caller.expect(Ping)
    stage.client.close()
    stage.client.seen("lobby", 2)


# ------------------------------------------------------------------------------------------------------ receipts


def said(stage: Stage, text: str = "hello") -> tuple[Any, Say]:
    future = stage.client.say("lobby", text)
    return future, stage.caller.expect(Say)


def test_stored_is_a_receipt(stage: Stage) -> None:
    future, say = said(stage)
    stage.caller.send(Stored(say.id, "lobby", 2, 99))
    assert future.result(TIMEOUT) == Receipt("lobby", 2, 99, say.id)


def test_the_echo_is_a_receipt_also_when_it_comes_from_history(stage: Stage) -> None:
    """A client that was behind is sent its own words from the store."""
    future, say = said(stage)
    stage.caller.send(message(3, by="ada", id=say.id, replayed=True))
    assert future.result(TIMEOUT).seq == 3


@pytest.mark.parametrize(("by", "room", "seq"), [("bob", "lobby", 3), ("ada", "den", 3), ("ada", "lobby", 2)])
def test_a_forged_echo_is_no_receipt(stage: Stage, by: str, room: str, seq: int) -> None:
    """Not by another, not in another room, and not from before we had the name: it says nothing of our words."""
    stage.client.join("den")
    stage.caller.let_into_room(room="den")
    future, say = said(stage)
    stage.caller.send(message(seq, by=by, room=room, id=say.id), Notice("now"))
    stage.ear.until_a(Notice)
    assert not future.done()
    assert stage.client.unsent == [say]


def test_who_took_our_name_while_we_were_away_gives_no_receipt(stage: Stage) -> None:
    future, say = said(stage)
    join = stage.reconnect()
    forged = message(3, "not mine", by="ada", id=say.id, replayed=True)
    stage.caller.send(room_answer(join, since=2, last=3), forged, Live("lobby", 3))
    assert stage.caller.expect(Say) == say
    stage.caller.send(message(4, "hello", by="ada", id=say.id))
    assert future.result(TIMEOUT).seq == 4


def test_a_failing_store_is_not_the_end_of_it(stage: Stage) -> None:
    """What was said while it fails waits, so that it keeps its order."""
    first, say = said(stage, "first")
    stage.caller.send(error(say.id, "store_failed"), Notice("failed"))
    stage.ear.until_a(Notice)
    second = stage.client.say("lobby", "second")
    assert not first.done()
    again = [stage.caller.expect(Say) for _ in range(2)]
    assert [item.message for item in again] == ["first", "second"]
    assert again[0] == say
    stage.caller.send(*(message(3 + n, item.message, by="ada", id=item.id) for n, item in enumerate(again)))
    assert (first.result(TIMEOUT).seq, second.result(TIMEOUT).seq) == (3, 4)


def test_a_store_that_goes_on_failing_is_asked_less_and_less(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    failures: list[int] = []

    def pause(count: int) -> float:
        failures.append(count)
        return 0.001

    monkeypatch.setattr("chatroom.client.session.pause", pause)
    future, say = said(stage)
    for _ in range(4):
        stage.caller.send(error(say.id, "store_failed"))
        say = stage.caller.expect(Say)
    stage.caller.send(Stored(say.id, "lobby", 3, 1))
    future.result(TIMEOUT)
    assert failures == [1, 2, 3, 4]


def test_what_waits_for_its_receipt_keeps_its_id_for_itself(stage: Stage) -> None:
    first = stage.client.say("lobby", "hello", id="mine")
    with pytest.raises(ValueError, match="use another"):
        stage.client.say("lobby", "hello again", id="mine")
    assert stage.caller.expect(Say).message == "hello"
    stage.caller.send(Stored("mine", "lobby", 3, 1))
    assert first.result(TIMEOUT) == Receipt("lobby", 3, 1, "mine")
    stage.client.say("lobby", "hello again", id="mine")
    assert stage.caller.expect(Say).message == "hello again"


def test_a_say_and_a_request_are_never_taken_for_each_other(stage: Stage) -> None:
    asked = stage.client.who("lobby")
    taken = stage.caller.expect(Who).id
    assert taken
    with pytest.raises(ValueError, match="use another"):
        stage.client.say("lobby", "hello", id=taken)
    following = f"?{int(taken[1:]) + 1}"
    said = stage.client.say("lobby", "hello", id=following)
    other = stage.client.who("lobby")
    assert stage.caller.expect(Say).id == following
    stage.caller.send(error(following, "muted"))
    assert refusal(said).code == "muted"
    stage.caller.send(error(stage.caller.expect(Who).id, "no_such_room"), error(taken, "forbidden"))
    assert (refusal(asked).code, refusal(other).code) == ("forbidden", "no_such_room")


@pytest.mark.parametrize("code", ["id_conflict", "not_joined", "muted", "too_long", "empty_message"])
def test_what_is_refused_for_good_is_not_said_again(stage: Stage, code: str) -> None:
    future, say = said(stage)
    stage.caller.send(error(say.id, code))
    assert refusal(future).code == code
    unsayable = stage.ear.until_a(Unsayable)
    assert (unsayable.room, unsayable.text, unsayable.error.code, unsayable.id) == ("lobby", "hello", code, say.id)
    assert stage.client.flush(TIMEOUT)
    stage.reconnect()
    stage.client.ping()
    stage.caller.expect(Ping)


def test_a_room_that_failed_to_open_does_not_cost_what_was_said_in_it(stage: Stage) -> None:
    stage.client.join("den")
    future = stage.client.say("den", "hello")
    join, say = stage.caller.expect(Join), stage.caller.expect(Say)
    stage.caller.send(error(join.id, "store_failed"), error(say.id, "no_such_room"))
    stage.caller.let_into_room(room="den")
    assert stage.caller.expect(Say) == say
    stage.caller.send(message(1, room="den", by="ada", id=say.id))
    assert future.result(TIMEOUT).room == "den"


def test_ids_grow_and_are_short(stage: Stage) -> None:
    ids = [said(stage)[1].id for _ in range(20)]
    assert ids == sorted(set(ids))
    assert max(map(len, ids)) <= 20


# ------------------------------------------------------------------------------------------------------ nonsense


@pytest.mark.parametrize(
    "nonsense",
    [struct.pack(">I", (1 << 20) + 1), struct.pack(">I", 0), b"\0\0\0\2[]", b'\0\0\0\x12{"type":"message"}'],
    ids=["over 1 MiB", "empty", "no object", "half a message"],
)
def test_nonsense_is_a_lost_line(stage: Stage, nonsense: bytes) -> None:
    stage.caller.send_raw(nonsense)
    assert stage.ear.until_a(Offline).reason == "The server sent something that makes no sense."
    assert stage.caller.has_hung_up()
    stage.script.caller().let_in()
    stage.ear.until_a(Online)


def test_what_only_newer_servers_say_is_passed_over(stage: Stage) -> None:
    body = b'{"type":"painted","room":"lobby","seq":3}'
    stage.caller.send_raw(struct.pack(">I", len(body)) + body)
    stage.caller.send(Notice("still here"))
    assert stage.ear.until_a(Notice).text == "still here"


def test_the_servers_sentences_are_safe_to_show(stage: Stage) -> None:
    future, say = said(stage)
    stage.caller.send(Error(code="muted", text="\x1b[2J boo", fatal=False, id=say.id))
    assert "\x1b" not in str(refusal(future))
    stage.caller.send(Error(code="banned", text="\x1b]0;boo\a", fatal=True))
    *_, ended = stage.ear.rest()
    assert isinstance(ended, Ended)
    assert "\x1b" not in ended.reason
