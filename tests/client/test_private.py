"""Talk that is not for all, and who one is: direct rooms, whispers, what is seen once, passwords and sessions."""

import threading
from pathlib import Path
from typing import Any

import pytest

from chatroom import Refusal, Server
from chatroom.client.events import Back, ClientEvent, Ended, Gap, Offline, Online, Receipt, Reset, Unsayable
from chatroom.client.session import Client
from chatroom.messages import (
    ChangePassword,
    Error,
    Hello,
    Join,
    Leave,
    Left,
    Live,
    Message,
    Notice,
    Ok,
    Ping,
    Register,
    Registered,
    Room,
    Say,
    Skip,
    Stored,
)
from tests.client.conftest import Enter
from tests.client.peers import (
    TIMEOUT,
    Caller,
    Ear,
    Proxy,
    Script,
    in_lobby,
    meet,
    message,
    refusal,
    room_answer,
    texts,
    welcome,
)
from tests.client.stage import Stage, error

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

PASSWORD = "correct horse battery"
OFFICE = "the office's own"
BOBS: dict[str, Any] = {"room": "@bob", "epoch": "d"}
UNASKED = Ping()
"""Stands for no request: what is unasked bears no id."""


def said(seq: int, text: str = "", **more: Any) -> Message:
    return message(seq, text, **({"room": "@bob"} | more))


def take_in(caller: Caller, *messages: Message, since: int = 0, **more: Any) -> None:
    """Somebody talks to the client in a direct room, and so the server takes it in."""
    last = messages[-1].seq if messages else since
    caller.send(room_answer(UNASKED, since=since, **(BOBS | {"last": last} | more)), *messages, Live("@bob", last))


def in_direct(stage: Stage, *messages: Message) -> None:
    """The client enters the direct room, where these were said."""
    stage.client.join("@bob")
    stage.caller.let_into_room(*messages, **BOBS)
    stage.ear.until_a(Live)


def is_settled(stage: Stage) -> None:
    """All that was sent so far has been heard."""
    stage.caller.send(Notice("settled"))
    stage.ear.until(lambda event: event == Notice("settled"))


def asks_nothing_more(stage: Stage) -> None:
    stage.client.ping()
    stage.caller.expect(Ping)


# ------------------------------------------------------------------------------------------------- being taken in


def test_who_is_talked_to_is_taken_in(stage: Stage) -> None:
    take_in(stage.caller, said(1), said(2))
    room = stage.ear.until_a(Room)
    assert room.room == "@bob"
    assert texts(stage.shown("m2")) == ["m1", "m2"]
    assert stage.ear.until_a(Live) == Live("@bob", 2)
    assert stage.client.joined == ["lobby", "@bob"]
    asks_nothing_more(stage)


def test_who_was_taken_in_comes_back_to_it(stage: Stage) -> None:
    take_in(stage.caller, said(1))
    stage.shown("m1")
    stage.come_back()
    joins = [stage.caller.expect(Join) for _ in range(2)]
    assert [(join.room, join.since, join.epoch) for join in joins] == [("lobby", 2, "e"), ("@bob", 1, "d")]


def test_who_was_taken_in_may_answer(stage: Stage) -> None:
    take_in(stage.caller, said(1))
    stage.shown("m1")
    receipt = stage.client.say("@bob", "hi")
    say = stage.caller.expect(Say)
    stage.caller.send(said(2, "hi", by="ada", id=say.id))
    assert receipt.result(TIMEOUT) == Receipt("@bob", 2, 1_002, say.id)


def test_only_into_a_direct_room_one_is_taken(stage: Stage) -> None:
    stage.caller.send(room_answer(UNASKED, room="den"), message(1, room="den"), Live("den", 1))
    stage.caller.send(Notice("now"))
    assert stage.ear.until(lambda event: isinstance(event, Notice)) == [Notice("now")]
    assert stage.client.joined == ["lobby"]


def test_who_is_on_the_way_in_is_not_told_twice(stage: Stage) -> None:
    """What the server begins by itself meanwhile is told by the answer to our own join, from where we were."""
    in_direct(stage, said(1), said(2))
    stage.come_back()
    lobby, direct = stage.caller.expect(Join), stage.caller.expect(Join)
    take_in(stage.caller, said(7), since=6)
    stage.caller.send(room_answer(lobby, since=2), Live("lobby", 2))
    stage.caller.send(room_answer(direct, since=2, last=7, **BOBS))
    stage.caller.send(*(said(n) for n in range(3, 8)), Live("@bob", 7))
    heard = stage.ear.until(lambda event: isinstance(event, Back))
    assert texts(heard) == ["m3", "m4", "m5", "m6", "m7"]
    assert not any(isinstance(event, Gap) for event in heard)
    assert sum(event == Live("@bob", 7) for event in heard) == 1


def test_who_left_a_direct_room_is_taken_in_anew(stage: Stage) -> None:
    """What was said meanwhile is not missing, and what was shown is not shown again."""
    in_direct(stage, said(1), said(2))
    stage.client.leave("@bob")
    stage.caller.send(Left("@bob", "ada", "left", stage.caller.expect(Leave).id))
    stage.ear.until_a(Left)
    take_in(stage.caller, said(5), said(6), since=4)
    heard = stage.shown("m6")
    assert texts(heard) == ["m5", "m6"]
    assert not any(isinstance(event, Gap) for event in heard)


def test_words_that_cross_our_leaving_call_us_back(stage: Stage) -> None:
    """Else they would be heard only with the next ones."""
    in_direct(stage, said(1))
    stage.client.leave("@bob")
    leave = stage.caller.expect(Leave)
    stage.caller.send(said(2, "wait"), Left("@bob", "ada", "left", leave.id))
    join = stage.caller.expect(Join)
    assert (join.room, join.since, join.epoch) == ("@bob", 1, "d")
    stage.caller.send(room_answer(join, since=1, last=2, **BOBS), said(2, "wait", replayed=True), Live("@bob", 2))
    assert texts(stage.shown("wait")) == ["wait"]


def test_a_replay_that_we_turned_away_from_does_not_call_us_back(stage: Stage) -> None:
    stage.client.join("@bob")
    join = stage.caller.expect(Join)
    stage.caller.send(room_answer(join, since=0, last=9, **BOBS))
    stage.ear.until_a(Room)
    stage.client.leave("@bob")
    stage.caller.expect(Leave)
    stage.caller.send(said(1, replayed=True), said(2, by="ada"))
    is_settled(stage)
    asks_nothing_more(stage)


def test_who_is_put_out_of_a_room_is_out_of_it(stage: Stage) -> None:
    """And does not come back to it by itself."""
    in_direct(stage)
    stage.caller.send(Left("lobby", "ada", "kicked by eve"))
    assert stage.ear.until_a(Left).reason == "kicked by eve"
    assert stage.client.joined == ["@bob"]
    assert stage.reconnect().room == "@bob"


# ---------------------------------------------------------------------------------------- whose room it is by now


def test_the_room_with_another_of_that_name_is_another_room(stage: Stage) -> None:
    in_direct(stage, said(1), said(2))
    stage.come_back()
    stage.caller.let_into_room(since=2)
    join = stage.caller.expect(Join)
    stage.caller.send(room_answer(join, **(BOBS | {"epoch": "other", "reset": True})), Live("@bob", 0))
    assert stage.ear.until_a(Reset) == Reset("@bob")


def test_another_takes_the_name_while_we_are_there(stage: Stage) -> None:
    """The server takes us into the room with this one; its numbers begin anew, and our receipts too."""
    in_direct(stage, said(1), said(2))
    take_in(stage.caller, said(1, "anew"), epoch="other")
    heard = stage.shown("anew")
    assert Reset("@bob") in heard
    receipt = stage.client.say("@bob", "who are you?")
    say = stage.caller.expect(Say)
    stage.caller.send(said(2, "who are you?", by="ada", id=say.id))
    assert receipt.result(TIMEOUT).seq == 2


def test_what_was_for_one_person_is_not_told_to_the_next_of_that_name(stage: Stage) -> None:
    in_direct(stage, said(1))
    stage.caller.hang_up()
    stage.ear.until_a(Offline)
    secret = stage.client.say("@bob", "secret")
    public = stage.client.say("lobby", "not secret")
    stage.caller = stage.script.caller()
    stage.caller.let_in()
    stage.caller.let_into_room(since=2)
    join = stage.caller.expect(Join)
    say = stage.caller.expect(Say)
    assert say.message == "not secret"
    stage.caller.send(Stored(say.id, "lobby", 3, 1))
    public.result(TIMEOUT)
    stage.caller.send(room_answer(join, **(BOBS | {"epoch": "other", "reset": True})), Live("@bob", 0))
    assert refusal(secret).code == "no_such_user"
    assert stage.ear.until_a(Unsayable).text == "secret"
    asks_nothing_more(stage)
    stage.client.say("@bob", "who are you?")
    assert stage.caller.expect(Say).message == "who are you?"


def test_what_was_for_one_person_is_told_to_that_person_in_order(stage: Stage) -> None:
    in_direct(stage, said(1))
    stage.caller.hang_up()
    stage.ear.until_a(Offline)
    stage.client.say("@bob", "one")
    stage.caller = stage.script.caller()
    stage.caller.let_in()
    stage.caller.let_into_room(since=2)
    join = stage.caller.expect(Join)
    stage.client.say("@bob", "two")
    asks_nothing_more(stage)
    stage.caller.send(room_answer(join, since=1, **BOBS), Live("@bob", 1))
    assert [stage.caller.expect(Say).message for _ in range(2)] == ["one", "two"]
    stage.client.say("@bob", "three")
    assert stage.caller.expect(Say).message == "three"


def test_once_it_is_known_whose_the_room_is_nothing_is_held_back(stage: Stage) -> None:
    """Not even while we ask for the room again."""
    in_direct(stage, said(1))
    stage.come_back()
    stage.caller.let_into_room(since=2)
    stage.caller.let_into_room(since=1, **BOBS)
    stage.ear.until_a(Back)
    stage.client.join("@bob")
    stage.client.say("@bob", "hello")
    stage.caller.expect(Join)
    assert stage.caller.expect(Say).message == "hello"


def test_what_is_said_in_a_room_that_was_left_is_not_held_for_ever(stage: Stage) -> None:
    """Nobody is on the way into it; so the server says what becomes of it."""
    in_direct(stage, said(1))
    stage.client.leave("@bob")
    stage.caller.send(Left("@bob", "ada", "left", stage.caller.expect(Leave).id))
    stage.ear.until_a(Left)
    stage.come_back()
    stage.caller.let_into_room(since=2)
    stage.ear.until_a(Back)
    receipt = stage.client.say("@bob", "hello")
    stage.caller.send(error(stage.caller.expect(Say).id, "not_joined"))
    assert refusal(receipt).code == "not_joined"


def test_what_was_for_somebody_who_is_gone_is_not_said(stage: Stage) -> None:
    in_direct(stage, said(1))
    stage.caller.hang_up()
    stage.ear.until_a(Offline)
    secret = stage.client.say("@bob", "secret")
    stage.caller = stage.script.caller()
    stage.caller.let_in()
    stage.caller.let_into_room(since=2)
    stage.caller.send(error(stage.caller.expect(Join).id, "no_such_user"))
    assert refusal(secret).code == "no_such_user"
    assert stage.ear.until_a(Left).room == "@bob"
    assert stage.client.flush(TIMEOUT)


def test_in_an_empty_room_there_is_nobody_to_be_mistaken_for(stage: Stage) -> None:
    """It may have been made anew for the same two: what is said is said."""
    in_direct(stage)
    stage.caller.hang_up()
    stage.ear.until_a(Offline)
    stage.client.say("@bob", "hello")
    stage.caller = stage.script.caller()
    stage.caller.let_in()
    stage.caller.let_into_room(since=2)
    stage.caller.expect(Join)
    assert stage.caller.expect(Say).message == "hello"


# --------------------------------------------------------------------------------------------- errands and receipts


def restart(script: Script, enter: Enter, room: str, **more: Any) -> tuple[Client, Ear, Caller, Say]:
    """Ada says something and dies; she starts again, and is on the way to say it. What she said."""
    ada = enter(script.port)
    caller = meet(script, ada)
    ada.say(room, "hi", **more)
    say = caller.expect(Say)
    ada.close()
    caller.hang_up()
    again = enter(script.port)
    return again, Ear(again), meet(script, again), say


def test_after_a_restart_it_is_said_in_a_direct_room_too(script: Script, enter: Enter) -> None:
    again, ear, caller, say = restart(script, enter, "@bob")
    join = caller.let_into_room(since=7, **BOBS)
    assert (join.room, join.recent) == ("@bob", 0)
    assert caller.expect(Say) == say
    caller.send(said(8, "hi", by="ada", id=say.id))
    assert caller.expect(Leave).room == "@bob"
    assert again.flush(TIMEOUT)
    again.close()
    assert [type(event) for event in ear.rest()] == [Online]


@pytest.mark.parametrize("on_leaving", [False, True], ids=["before the receipt", "after it"])
def test_who_is_answered_on_an_errand_stays(script: Script, enter: Enter, on_leaving: bool) -> None:
    again, ear, caller, say = restart(script, enter, "@bob")
    caller.let_into_room(since=7, **BOBS)
    caller.expect(Say)
    if on_leaving:
        caller.send(said(8, "hi", by="ada", id=say.id))
        leave = caller.expect(Leave)
        caller.send(said(9, "hello ada"), Left("@bob", "ada", "left", leave.id))
    else:
        caller.send(said(8, "hello ada"))
    join = caller.expect(Join)
    assert join.since == 7 + on_leaving
    replayed = said(8 + on_leaving, "hello ada", replayed=True)
    caller.send(room_answer(join, since=7 + on_leaving, last=replayed.seq, **BOBS), replayed)
    caller.send(Live("@bob", replayed.seq))
    assert ear.until_said("hello ada") == ["hello ada"]
    assert again.joined == ["@bob"]


def test_who_is_taken_in_before_its_errand_begins_stays(script: Script, enter: Enter) -> None:
    again, ear, caller, say = restart(script, enter, "@bob")
    join = caller.expect(Join)
    caller.expect(Say)
    take_in(caller, said(8, "hello ada"), since=7)
    caller.send(room_answer(join, since=8, **BOBS), Live("@bob", 8))
    assert ear.until_said("hello ada") == ["hello ada"]
    caller.send(said(9, "hi", by="ada", id=say.id))
    assert again.flush(TIMEOUT)
    assert again.joined == ["@bob"]


@pytest.mark.parametrize("more", [{"to": ["bob", "eve"]}, {"once": True}, {"to": ["bob"], "once": True}], ids=str)
def test_whispers_and_what_is_seen_once_stay_so_over_a_restart(
    script: Script, enter: Enter, more: dict[str, Any]
) -> None:
    _, _, caller, say = restart(script, enter, "lobby", **more)
    assert (say.to, say.once) == (more.get("to"), more.get("once", False))
    caller.let_into_room(since=7)
    assert caller.expect(Say) == say


@pytest.mark.parametrize("names", ["bob", ["bob"], ("bob",)], ids=repr)
def test_one_name_is_one_name(stage: Stage, names: Any) -> None:
    """Not a name for each letter."""
    stage.client.say("lobby", "psst", to=names)
    assert stage.caller.expect(Say).to == ["bob"]


def test_a_whisper_to_nobody_is_not_for_everybody(stage: Stage) -> None:
    stage.client.say("lobby", "psst", to=[])
    assert stage.caller.expect(Say).to == []


def test_the_echo_of_a_whisper_is_its_receipt(stage: Stage) -> None:
    receipt = stage.client.say("lobby", "psst", to=["bob"], once=True)
    say = stage.caller.expect(Say)
    echo = Message("lobby", 3, 9, "ada", "psst", say.id, to=["bob"], once=True)
    stage.caller.send(echo)
    assert receipt.result(TIMEOUT) == Receipt("lobby", 3, 9, say.id)
    assert stage.ear.until_a(Message) == echo


def test_where_the_echo_is_a_skip_the_receipt_is_the_stored(stage: Stage) -> None:
    """So what was said once, and seen, comes back to its author: by number alone."""
    receipt = stage.client.say("lobby", "psst", once=True)
    say = stage.caller.expect(Say)
    join = stage.reconnect()
    assert stage.caller.expect(Say) == say
    stage.caller.send(room_answer(join, since=2, last=3), Skip("lobby", 3), Live("lobby", 3))
    stage.caller.send(Stored(say.id, "lobby", 3, 9))
    assert receipt.result(TIMEOUT).seq == 3
    assert texts(stage.ear.until(lambda event: isinstance(event, Back))) == []


# ------------------------------------------------------------------------------------------ passwords and sessions


def knock(script: Script, client: Client) -> tuple[Caller, threading.Thread]:
    """The client begins to come in."""
    thread = threading.Thread(target=_start, args=(client,))
    thread.start()
    return script.caller(), thread


def _start(client: Client) -> None:
    try:
        client.start()
    except Refusal:
        return


def test_a_password_is_told_until_there_is_a_session(script: Script, enter: Enter) -> None:
    ada = enter(script.port, password=PASSWORD, server_password=OFFICE)
    caller, thread = knock(script, ada)
    hello = caller.let_in()
    thread.join(TIMEOUT)
    assert (hello.password, hello.server_password, hello.session) == (PASSWORD, OFFICE, None)
    caller.hang_up()
    hello = script.caller().let_in()
    assert (hello.password, hello.server_password, hello.session) == (None, OFFICE, "secret")


def test_a_session_that_has_ended_is_followed_by_the_password(script: Script, enter: Enter) -> None:
    ada = enter(script.port, password=PASSWORD)
    meet(script, ada)
    ada.close()
    caller, thread = knock(script, enter(script.port, password=PASSWORD))
    assert (hello := caller.expect(Hello)).session == "secret"
    assert hello.password is None
    caller.send(Error(code="auth_failed", text="It has ended.", fatal=True))
    hello = script.caller().let_in("another")
    assert (hello.session, hello.password) == (None, PASSWORD)
    thread.join(TIMEOUT)


def test_a_wrong_password_is_told_once(script: Script, enter: Enter) -> None:
    ada = enter(script.port, password="not this one")
    caller, thread = knock(script, ada)
    caller.expect(Hello)
    caller.send(Error(code="auth_failed", text="No.", fatal=True))
    assert caller.has_hung_up()
    thread.join(TIMEOUT)
    with pytest.raises(Refusal) as refused:
        ada.start()
    assert refused.value.code == "auth_failed"


@pytest.mark.parametrize("registered", [True, False])
def test_whether_a_name_is_registered_is_told(script: Script, enter: Enter, registered: bool) -> None:
    ada = enter(script.port)
    caller, thread = knock(script, ada)
    caller.expect(Hello)
    caller.send(Error(code="name_taken", text="Taken.", fatal=True, registered=registered))
    thread.join(TIMEOUT)
    with pytest.raises(Refusal) as refused:
        ada.start()
    assert refused.value.registered is registered


def test_the_role_is_the_one_that_the_server_gives(stage: Stage) -> None:
    assert stage.client.role == "guest"
    registered = stage.client.register(PASSWORD)
    stage.caller.send(Registered("ada", "member", stage.caller.expect(Register).id))
    assert registered.result(TIMEOUT).role == "member"
    assert stage.client.role == "member"
    stage.caller.hang_up()
    stage.caller = stage.script.caller()
    stage.caller.expect(Hello)
    facts = welcome()
    stage.caller.send(
        type(facts)(**{name: getattr(facts, name) for name in facts.__struct_fields__} | {"role": "admin"})
    )
    stage.caller.expect(Join)
    assert stage.client.role == "admin"


def lose_session(stage: Stage) -> Hello:
    """The line breaks, and the server knows the session no more: the next hello."""
    stage.caller.hang_up()
    caller = stage.script.caller()
    caller.expect(Hello)
    caller.send(Error(code="auth_failed", text="It has ended.", fatal=True))
    stage.caller = stage.script.caller()
    return stage.caller.let_in()


def test_a_password_that_was_set_is_the_one_to_come_back_with(stage: Stage) -> None:
    registered = stage.client.register(PASSWORD)
    stage.caller.send(Registered("ada", "member", stage.caller.expect(Register).id))
    registered.result(TIMEOUT)
    assert lose_session(stage).password == PASSWORD
    stage.caller.let_into_room(since=2)
    changed = stage.client.change_password(PASSWORD, "another one")
    stage.caller.send(Ok(stage.caller.expect(ChangePassword).id))
    changed.result(TIMEOUT)
    assert lose_session(stage).password == "another one"


def test_a_password_that_was_refused_is_not(stage: Stage) -> None:
    registered = stage.client.register(PASSWORD)
    stage.caller.send(error(stage.caller.expect(Register).id, "forbidden"))
    refusal(registered)
    assert lose_session(stage).password is None


def test_passwords_are_kept_nowhere_and_shown_nowhere(script: Script, enter: Enter, tmp_path: Path) -> None:
    ada = enter(script.port, password=PASSWORD, server_password=OFFICE)
    caller, thread = knock(script, ada)
    caller.let_in()
    thread.join(TIMEOUT)
    ada.say("lobby", "hello")
    caller.expect(Say)
    registered = ada.register(PASSWORD)
    caller.send(Registered("ada", "member", caller.expect(Register).id))
    registered.result(TIMEOUT)
    shown = repr(ada) + "".join(repr(value) for value in vars(ada).values())
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for password in (PASSWORD, OFFICE):
        assert password not in shown
        assert password.encode() not in kept
    assert b"hello" in kept


# ------------------------------------------------------------------------------------------------- with a real server


def until_in(ear: Ear, text: str) -> list[ClientEvent]:
    return ear.until(lambda event: isinstance(event, Message) and event.message == text)


def test_two_talk_and_nobody_else_hears_it(server: Server, enter: Enter) -> None:
    ada, bob, eve = (enter(server.port, name) for name in ("ada", "bob", "eve"))
    ears = [in_lobby(client) for client in (ada, bob, eve)]
    ada.join("@bob").result(TIMEOUT)
    ada.say("@bob", "hello bob").result(TIMEOUT)
    heard = until_in(ears[1], "hello bob")
    assert {event.room for event in heard if isinstance(event, Room | Message)} == {"@ada"}
    assert bob.joined == ["lobby", "@ada"]
    bob.say("@ada", "hello ada").result(TIMEOUT)
    assert texts(until_in(ears[0], "hello ada")) == ["hello bob", "hello ada"]
    ada.say("lobby", "end").result(TIMEOUT)
    assert texts(until_in(ears[2], "end")) == ["end"]


def test_a_direct_room_survives_the_line(server: Server, enter: Enter) -> None:
    with Proxy(server.port) as proxy:
        ada, bob = enter(proxy.port), enter(server.port, "bob")
        ears = [in_lobby(ada), in_lobby(bob)]
        ada.join("@bob").result(TIMEOUT)
        ada.say("@bob", "one").result(TIMEOUT)
        until_in(ears[1], "one")
        proxy.shut_the_door()
        ears[0].until_a(Offline)
        bob.say("@ada", "two").result(TIMEOUT)
        receipt = ada.say("@bob", "three")
        proxy.open_the_door()
        assert receipt.result(TIMEOUT).seq == 3
        assert texts(until_in(ears[0], "three")) == ["two", "three"]
        assert texts(until_in(ears[1], "three")) == ["two", "three"]


def test_a_whisper_is_heard_by_whom_it_is_for(server: Server, enter: Enter) -> None:
    clients = [enter(server.port, name) for name in ("ada", "bob", "eve")]
    ears = [in_lobby(client) for client in clients]
    receipt = clients[0].say("lobby", "psst", to=["bob"]).result(TIMEOUT)
    clients[0].say("lobby", "end").result(TIMEOUT)
    assert receipt.seq == 1
    assert [texts(until_in(ear, "end")) for ear in ears] == [["psst", "end"], ["psst", "end"], ["end"]]


def test_what_is_seen_once_is_gone_then(server: Server, enter: Enter) -> None:
    ada, bob = enter(server.port), enter(server.port, "bob")
    in_lobby(ada)
    ear = in_lobby(bob)
    seq = ada.say("lobby", "burn this", once=True).result(TIMEOUT).seq
    until_in(ear, "burn this")
    bob.seen("lobby", seq)
    bob.ping().result(TIMEOUT)
    eve = enter(server.port, "eve").start()
    eve.join("lobby").result(TIMEOUT)
    assert eve.history("lobby").result(TIMEOUT).messages == [Skip("lobby", seq)]
    assert "burn this" not in str(ada.history("lobby").result(TIMEOUT).messages)


def test_who_registers_comes_back_by_password_only(server: Server, enter: Enter, tmp_path: Path) -> None:
    with enter(server.port) as ada:
        assert ada.register(PASSWORD).result(TIMEOUT).role == "member"
    with pytest.raises(Refusal) as refused:
        enter(server.port, data=tmp_path / "elsewhere").start()
    assert (refused.value.code, refused.value.registered) == ("name_taken", True)
    with enter(server.port, data=tmp_path / "elsewhere", password=PASSWORD) as elsewhere:
        assert elsewhere.role == "member"
        elsewhere.change_password(PASSWORD, "another password").result(TIMEOUT)
    with pytest.raises(Refusal) as refused:
        enter(server.port, data=tmp_path / "third", password=PASSWORD).start()
    assert refused.value.code == "auth_failed"


def test_a_session_that_was_revoked_gives_way_to_the_new_password(server: Server, enter: Enter, tmp_path: Path) -> None:
    with enter(server.port) as ada:
        ada.register(PASSWORD).result(TIMEOUT)
    with enter(server.port, data=tmp_path / "elsewhere", password=PASSWORD) as elsewhere:
        elsewhere.change_password(PASSWORD, "another password").result(TIMEOUT)
    with enter(server.port, password="another password") as again:
        assert again.role == "member"


def test_who_is_revoked_while_here_ends(server: Server, enter: Enter, tmp_path: Path) -> None:
    ada = enter(server.port).start()
    ear = Ear(ada)
    ada.register(PASSWORD).result(TIMEOUT)
    with enter(server.port, data=tmp_path / "elsewhere", password=PASSWORD) as elsewhere:
        elsewhere.change_password(PASSWORD, "another password").result(TIMEOUT)
        assert ear.until_a(Ended).code == "auth_failed"


def test_who_is_no_moderator_moderates_nobody(server: Server, enter: Enter) -> None:
    ada, bob = enter(server.port).start(), enter(server.port, "bob").start()
    for answer in (ada.kick("bob"), ada.mute("bob"), ada.ban("bob"), ada.give_role("bob", "admin")):
        assert refusal(answer).code == "forbidden"
    bob.ping().result(TIMEOUT)


def test_who_is_invited_may_come_in(server: Server, enter: Enter) -> None:
    ada, bob = enter(server.port).start(), enter(server.port, "bob").start()
    ear = Ear(bob)
    ada.join("den").result(TIMEOUT)
    ada.set_private("den", private=True).result(TIMEOUT)
    assert refusal(bob.join("den")).code == "forbidden"
    ada.invite("den", "bob").result(TIMEOUT)
    assert "den" in ear.until_a(Notice).text
    assert bob.join("den").result(TIMEOUT).members == ["ada", "bob"]
