"""What becomes of what was said, and what is done to people: each change is told once and in order, and what must not
be done twice is not asked twice."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from chatroom import ConnectionFailed, Server
from chatroom.client import feed
from chatroom.client.asking import UNREPEATABLE
from chatroom.client.events import Back, ClientEvent, Gap, Offline
from chatroom.client.session import Client
from chatroom.messages import (
    AskHistory,
    Delete,
    Deleted,
    Edit,
    Edited,
    Found,
    History,
    Kick,
    Live,
    Message,
    Notice,
    Numbered,
    Ok,
    Ping,
    Pong,
    React,
    Reacted,
    Request,
    Search,
    SetRole,
    Skip,
    Who,
)
from tests.client.conftest import Enter
from tests.client.peers import TIMEOUT, Ear, Proxy, in_lobby, message, refusal, room_answer, texts
from tests.client.stage import Stage, error

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


def edited(seq: int, target: int, *, by: str = "bob", id: str | None = None) -> Edited:
    return Edited(room="lobby", seq=seq, time=seq, username=by, target=target, message=f"e{seq}", id=id)


def deleted(seq: int, target: int, *, by: str = "bob", id: str | None = None) -> Deleted:
    return Deleted(room="lobby", seq=seq, time=seq, username=by, target=target, id=id)


def reacted(seq: int, target: int, *, by: str = "bob", id: str | None = None) -> Reacted:
    return Reacted(room="lobby", seq=seq, time=seq, username=by, target=target, emoji="👍", on=True, id=id)


def numbered(heard: list[ClientEvent]) -> list[ClientEvent]:
    return [event for event in heard if isinstance(event, Message | Edited | Deleted | Reacted | Skip | Gap)]


ALL: list[Numbered] = [edited(3, 1), reacted(4, 2), Skip("lobby", 5), deleted(6, 2), message(7)]
TOLD = [event for event in ALL if not isinstance(event, Skip)]


# ------------------------------------------------------------------------------------------------------- numbers


def test_changes_are_told_like_messages_and_what_is_not_for_us_is_not_told(stage: Stage) -> None:
    stage.caller.send(*ALL)
    assert numbered(stage.shown("m7")) == TOLD


def test_each_change_is_told_once(stage: Stage) -> None:
    stage.caller.send(edited(3, 1), edited(3, 1), Skip("lobby", 4), Skip("lobby", 4), edited(3, 1), message(5))
    assert numbered(stage.shown("m5")) == [edited(3, 1), message(5)]


def test_a_hole_may_be_before_any_of_them_and_filled_by_any_of_them(stage: Stage) -> None:
    stage.caller.send(ALL[-2], ALL[-1])
    stage.page(*ALL[:3], after=2)
    assert numbered(stage.shown("m7")) == TOLD


def test_a_skip_behind_a_hole_is_seen(stage: Stage) -> None:
    stage.caller.send(Skip("lobby", 4))
    stage.page(message(3), Skip("lobby", 4), after=2)
    stage.caller.send(message(5))
    assert numbered(stage.shown("m5")) == [message(3), message(5)]


def test_a_page_of_nothing_but_skips_goes_on_to_the_next(stage: Stage) -> None:
    stage.caller.send(message(7))
    stage.page(Skip("lobby", 3), Skip("lobby", 4), after=2, more=True)
    stage.page(Skip("lobby", 5), deleted(6, 6), after=4)
    assert numbered(stage.shown("m7")) == [deleted(6, 6), message(7)]


def test_a_replay_may_hold_any_of_them(stage: Stage) -> None:
    join = stage.reconnect()
    assert join.since == 2
    stage.caller.send(room_answer(join, since=2, last=7), *ALL, Live("lobby", 7))
    heard = stage.ear.until(lambda event: isinstance(event, Back))
    assert numbered(heard) == TOLD
    assert stage.reconnect().since == 7


def test_where_a_skip_was_the_last_one_goes_on_after_it(stage: Stage) -> None:
    stage.caller.send(Skip("lobby", 3), Notice("now"))
    stage.ear.until_a(Notice)
    assert stage.reconnect().since == 3


def test_only_messages_of_others_are_new_after_an_outage(stage: Stage) -> None:
    join = stage.reconnect()
    events = (*ALL, message(8, by="ada"), message(9))
    stage.caller.send(room_answer(join, since=2, last=9), *events, Live("lobby", 9))
    assert (back := stage.ear.until_a(Back)).new == 2
    assert back.missing == 0


def test_who_listens_too_slowly_gets_them_later(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nobody takes them they are not kept, and then they are asked for."""
    with monkeypatch.context() as slow:
        slow.setattr(feed.Feed, "is_overflowing", lambda _: True)
        stage.caller.send(*ALL)
        heard = stage.client.ping()
        stage.caller.send(Pong(id=stage.caller.expect(Ping).id))
        heard.result(TIMEOUT)
    stage.client._catch_up()
    stage.page(*ALL, after=2)
    assert numbered(stage.shown("m7")) == TOLD


def test_a_page_that_is_asked_for_has_all_that_stands_there(stage: Stage) -> None:
    page = stage.client.history("lobby", after=2)
    stage.caller.send(History(room="lobby", messages=ALL, more=False, id=stage.caller.expect(AskHistory).id))
    assert page.result(TIMEOUT).messages == ALL


# ---------------------------------------------------------------------------------------------- asking for changes

Ask = Callable[[Client], Future[Any]]

CHANGES: dict[str, tuple[Ask, Callable[..., Numbered]]] = {
    "edit": (lambda ada: ada.edit("lobby", 1, "e3"), edited),
    "delete": (lambda ada: ada.delete("lobby", 1), deleted),
    "react": (lambda ada: ada.react("lobby", 1, "👍"), reacted),
}
changes = pytest.mark.parametrize(("ask", "change"), CHANGES.values(), ids=CHANGES)


@changes
def test_the_change_itself_is_the_answer_and_is_told(stage: Stage, ask: Ask, change: Callable[..., Numbered]) -> None:
    answer = ask(stage.client)
    asked = stage.caller.expect(Request)
    event = change(3, 1, by="ada", id=asked.id)
    stage.caller.send(event)
    assert answer.result(TIMEOUT) == event
    assert stage.ear.until_a(type(event)) == event


@changes
def test_nobody_else_can_answer(stage: Stage, ask: Ask, change: Callable[..., Numbered]) -> None:
    """Neither by a change of their own that bears our id, nor by one of another kind."""
    answer, present = ask(stage.client), stage.client.who("lobby")
    asked, who = stage.caller.expect(Request), stage.caller.expect(Who)
    stage.caller.send(change(3, 1, id=asked.id), change(4, 1, by="ada", id=who.id), Ok(who.id), message(5))
    stage.shown("m5")
    assert not answer.done()
    assert not present.done()


@changes
def test_a_change_that_is_refused(stage: Stage, ask: Ask, change: Callable[..., Numbered]) -> None:
    answer = ask(stage.client)
    stage.caller.send(error(stage.caller.expect(Request).id, "forbidden"))
    assert refusal(answer).code == "forbidden"


@changes
def test_who_is_behind_is_told_that_it_is_done_and_sees_it_later(
    stage: Stage, ask: Ask, change: Callable[..., Numbered]
) -> None:
    answer = ask(stage.client)
    id = stage.caller.expect(Request).id
    stage.caller.send(Ok(id))
    assert answer.result(TIMEOUT) == Ok(id)
    stage.caller.send(change(3, 1, by="ada"), message(4))
    assert numbered(stage.shown("m4")) == [change(3, 1, by="ada"), message(4)]


@changes
def test_a_change_is_asked_for_again_after_an_outage(stage: Stage, ask: Ask, change: Callable[..., Numbered]) -> None:
    answer = ask(stage.client)
    asked = stage.caller.expect(Request)
    join = stage.reconnect()
    again = stage.caller.expect(type(asked))
    assert isinstance(again, Edit | Delete | React)
    assert (again.room, again.seq) == ("lobby", 1)
    stage.caller.send(room_answer(join, since=2, last=2), Live("lobby", 2), change(3, 1, by="ada", id=again.id))
    assert answer.result(TIMEOUT).seq == 3


def test_who_deletes_twice_because_of_an_outage_has_deleted(stage: Stage) -> None:
    answer = stage.client.delete("lobby", 1)
    stage.caller.expect(Delete)
    join = stage.reconnect()
    again = stage.caller.expect(Delete)
    replayed = deleted(3, 1, by="ada")
    stage.caller.send(
        room_answer(join, since=2, last=3), replayed, Live("lobby", 3), error(again.id, "no_such_message")
    )
    done = answer.result(TIMEOUT)
    assert isinstance(done, Deleted)
    assert (done.username, done.target) == ("ada", 1)
    assert numbered(stage.ear.until(lambda event: isinstance(event, Back))) == [replayed]


def test_what_is_not_there_the_first_time_is_not_deleted(stage: Stage) -> None:
    answer = stage.client.delete("lobby", 9)
    stage.caller.send(error(stage.caller.expect(Delete).id, "no_such_message"))
    assert refusal(answer).code == "no_such_message"


def test_a_search_has_its_answer_also_after_an_outage(stage: Stage) -> None:
    found = stage.client.search("tea cake", room="lobby", author="bob", limit=3)
    asked = stage.caller.expect(Search)
    assert (asked.query, asked.room, asked.from_, asked.limit) == ("tea cake", "lobby", "bob", 3)
    stage.reconnect()
    again = stage.caller.expect(Search)
    stage.caller.send(Found([message(1)], more=True, id=again.id))
    assert found.result(TIMEOUT).messages == [message(1)]


# ------------------------------------------------------------------------------------------ what is done to people

ACTS: dict[str, Ask] = {
    "kick": lambda ada: ada.kick("bob", room="lobby", reason="noise"),
    "mute": lambda ada: ada.mute("bob", seconds=60),
    "unmute": lambda ada: ada.unmute("bob"),
    "ban": lambda ada: ada.ban("bob", address="192.168.1.9", seconds=60, reason="noise"),
    "unban": lambda ada: ada.unban(address="192.168.1.9"),
    "role": lambda ada: ada.give_role("bob", "moderator"),
    "access": lambda ada: ada.set_private("lobby", private=True),
    "invite": lambda ada: ada.invite("lobby", "bob"),
    "register": lambda ada: ada.register("a long password"),
    "password": lambda ada: ada.change_password("a long password", "a longer password"),
}
acts = pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)


def test_the_table_has_every_act() -> None:
    assert len(ACTS) == len(UNREPEATABLE)


@acts
def test_an_act_is_asked_once(stage: Stage, act: Ask) -> None:
    """It may have been done before the line was lost; to do it again is not ours to decide."""
    answer = act(stage.client)
    assert isinstance(stage.caller.expect(Request), UNREPEATABLE)
    stage.caller.hang_up()
    stage.ear.until_a(Offline)
    with pytest.raises(ConnectionFailed, match="look whether it was done"):
        answer.result(TIMEOUT)
    stage.come_back()
    stage.caller.let_into_room(since=2)
    stage.client.ping()
    stage.caller.expect(Ping)


@acts
def test_an_act_does_not_wait_for_a_connection(stage: Stage, act: Ask) -> None:
    """Who knows what is right when it comes back."""
    stage.caller.hang_up()
    stage.ear.until_a(Offline)
    with pytest.raises(ConnectionFailed, match="ask again when there is"):
        act(stage.client).result(TIMEOUT)
    stage.come_back()
    stage.caller.let_into_room(since=2)
    stage.client.ping()
    stage.caller.expect(Ping)


@acts
def test_an_act_that_is_refused(stage: Stage, act: Ask) -> None:
    answer = act(stage.client)
    stage.caller.send(error(stage.caller.expect(Request).id, "forbidden"))
    assert refusal(answer).code == "forbidden"


def test_an_act_has_its_answer(stage: Stage) -> None:
    kicked, promoted = stage.client.kick("bob"), stage.client.give_role("eve", "moderator")
    stage.caller.send(Ok(stage.caller.expect(Kick).id), Ok(stage.caller.expect(SetRole).id))
    assert isinstance(kicked.result(TIMEOUT), Ok)
    assert isinstance(promoted.result(TIMEOUT), Ok)


# ------------------------------------------------------------------------------------------------- with a real server


def test_what_was_said_changes_for_everybody(server: Server, enter: Enter) -> None:
    ada, bob = enter(server.port), enter(server.port, "bob")
    ears = [in_lobby(ada), in_lobby(bob)]
    first = ada.say("lobby", "helo").result(TIMEOUT).seq
    second = ada.say("lobby", "oops").result(TIMEOUT).seq
    ada.edit("lobby", first, "hello").result(TIMEOUT)
    bob.react("lobby", first, "👍").result(TIMEOUT)
    bob.react("lobby", first, "👍", on=False).result(TIMEOUT)
    ada.delete("lobby", second).result(TIMEOUT)
    assert refusal(bob.edit("lobby", first, "mine")).code == "forbidden"
    ada.say("lobby", "end")
    for ear in ears:
        heard = numbered(ear.until(lambda event: isinstance(event, Message) and event.message == "end"))
        assert [type(event) for event in heard] == [Message, Message, Edited, Reacted, Reacted, Deleted, Message]
    assert [found.message for found in bob.search("hello").result(TIMEOUT).messages] == ["hello"]


def test_who_comes_later_sees_what_became_of_it(server: Server, enter: Enter) -> None:
    ada = enter(server.port)
    in_lobby(ada)
    for text in ("helo", "oops"):
        ada.say("lobby", text).result(TIMEOUT)
    ada.edit("lobby", 1, "hello").result(TIMEOUT)
    ada.delete("lobby", 2).result(TIMEOUT)
    bob = enter(server.port, "bob").start()
    ear = Ear(bob)
    bob.join("lobby")
    heard = numbered(ear.until(lambda event: isinstance(event, Live)))
    assert texts(heard) == ["hello"]
    assert [event.target for event in heard if isinstance(event, Deleted)] == [2, 2]


def test_changes_outlive_the_line(server: Server, enter: Enter) -> None:
    """Whoever asks for one while there is no connection has it done when there is."""
    with Proxy(server.port) as proxy:
        ada = enter(proxy.port)
        ear = in_lobby(ada)
        for text in ("helo", "oops"):
            ada.say("lobby", text).result(TIMEOUT)
        proxy.shut_the_door()
        ear.until_a(Offline)
        answers: list[Future[Any]] = [
            ada.edit("lobby", 1, "hello"),
            ada.delete("lobby", 2),
            ada.react("lobby", 1, "👍"),
        ]
        proxy.open_the_door()
        assert sorted(answer.result(TIMEOUT).target for answer in answers) == [1, 1, 2]
        assert [found.message for found in ada.search("hello").result(TIMEOUT).messages] == ["hello"]
