"""The library's Client in good weather: what it asks, hears and says, the way in and the way out."""

import socket
import sys
import threading
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from chatroom import ConnectionFailed, Refusal, Server
from chatroom.client import clock, line, link
from chatroom.client.events import Ended, Offline, Online, Receipt, Unsayable
from chatroom.client.session import Client
from chatroom.errors import NotAChatroom
from chatroom.messages import Error, Hello, Joined, Left, Live, Message, Room, Topic
from chatroom.wire import native
from tests.client.conftest import Enter
from tests.client.peers import TIMEOUT, Ear, Proxy, Script, acquaint, in_lobby, meet, refusal, texts

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


# ---------------------------------------------------------------------------------------------------- in good weather


def test_five_lines(server: Server, tmp_path: Path) -> None:
    acquaint(tmp_path, server.port)
    with Client(port=server.port, username="ada", data=tmp_path) as ada:
        ada.join("lobby")
        receipt = ada.say("lobby", "hello").result(TIMEOUT)
        online, room, live, said = islice(ada.events(), 4)
    assert (type(online), type(room), live) == (Online, Room, Live("lobby", 0))
    assert isinstance(said, Message)
    assert (said.username, said.message) == ("ada", "hello")
    assert receipt == Receipt("lobby", said.seq, said.time, said.id)


def test_every_request_has_its_answer(server: Server, enter: Enter) -> None:
    with enter(server.port) as ada, enter(server.port, "bob") as bob:
        assert ada.join("lobby").result(TIMEOUT).members == ["ada"]
        bob.join("lobby").result(TIMEOUT)
        seq = ada.say("lobby", "waves", kind="action").result(TIMEOUT).seq
        assert bob.say("lobby", "why?", reply_to=seq).result(TIMEOUT).seq == seq + 1
        assert ada.who("lobby").result(TIMEOUT).members == ["ada", "bob"]
        assert ada.topic("lobby", "tea").result(TIMEOUT).topic == "tea"
        assert [info.topic for info in ada.rooms().result(TIMEOUT).rooms] == ["tea"]
        page = ada.history("lobby", after=0, limit=1).result(TIMEOUT)
        assert (page.said()[0].kind, page.more) == ("action", True)
        assert ada.history("lobby", before=seq + 2, limit=1).result(TIMEOUT).said()[0].reply_to == seq
        ada.ping().result(TIMEOUT)
        assert ada.leave("lobby").result(TIMEOUT).room == "lobby"
        assert ada.joined == []


def test_names_are_as_the_server_writes_them(server: Server, enter: Enter) -> None:
    with enter(server.port, "ａda") as ada:
        assert ada.username == "ada"
        assert ada.server == "chatroom"
        assert ada.limits.message == 4_000
        ada.join("Lobby").result(TIMEOUT)
        assert ada.joined == ["lobby"]
        ada.say("LOBBY", "hello").result(TIMEOUT)


def test_comings_and_goings_are_heard(server: Server, enter: Enter) -> None:
    ear = in_lobby(enter(server.port))
    with enter(server.port, "bob") as bob:
        bob.join("lobby")
        assert ear.until_a(Joined) == Joined("lobby", "bob")
        bob.topic("lobby", "tea")
        assert ear.until_a(Topic) == Topic("lobby", "tea", "bob")
    assert ear.until_a(Left).username == "bob"


def test_a_refused_say_does_not_vanish_silently(server: Server, enter: Enter) -> None:
    ada = enter(server.port).start()
    refused = refusal(ada.say("nowhere", "hello"))
    assert refused.code == "no_such_room"
    unsayable = Ear(ada).until_a(Unsayable)
    assert (unsayable.room, unsayable.text, unsayable.error) == ("nowhere", "hello", refused)
    assert ada.unsent == []


@pytest.mark.parametrize("text", ["x" * 70_000, "half a \ud83d character"], ids=["huge", "surrogate"])
def test_what_cannot_be_sent_is_refused_at_once(server: Server, enter: Enter, text: str) -> None:
    ada = enter(server.port).start()
    refused = refusal(ada.say("lobby", text))
    assert Ear(ada).until_a(Unsayable).error is refused
    ada.ping().result(TIMEOUT)  # and the connection is whole


def test_what_is_said_can_be_named_and_known_again(server: Server, enter: Enter) -> None:
    ada = enter(server.port)
    ear = in_lobby(ada)
    assert ada.say("lobby", "hello", id="my own ~1").result(TIMEOUT).id == "my own ~1"
    assert ear.until_a(Message).id == "my own ~1"
    for room, text, id in (("nowhere", "hello", "2"), ("lobby", "x" * 70_000, "3")):
        refusal(ada.say(room, text, id=id))
        assert ear.until_a(Unsayable).id == id


def test_what_is_not_named_gets_a_name(server: Server, enter: Enter) -> None:
    ada = enter(server.port)
    ear = in_lobby(ada)
    receipts = [ada.say("lobby", "hello").result(TIMEOUT) for _ in range(2)]
    assert [receipt.id for receipt in receipts] == [ear.until_a(Message).id for _ in range(2)]
    assert receipts[0].id < receipts[1].id < ada.new_id()


@pytest.mark.parametrize("id", ["", "x" * 65, "ä", "a\nb", "\x7f", "\ud83d"])
def test_a_name_that_no_message_can_have_is_an_error(server: Server, enter: Enter, id: str) -> None:
    ada = enter(server.port).start()
    with pytest.raises(ValueError, match="printable ASCII"):
        ada.say("lobby", "hello", id=id)
    assert ada.unsent == []


def test_how_far_one_has_read_is_there_on_the_next_day(server: Server, enter: Enter) -> None:
    with enter(server.port) as ada:
        assert ada.join("Lobby").result(TIMEOUT).seen == 0
        seq = [ada.say("lobby", text).result(TIMEOUT).seq for text in ("one", "two")][-1]
        ada.seen("lobby", seq)
        ada.seen("Lobby", seq - 1)
        ada.ping().result(TIMEOUT)
    with enter(server.port) as ada, enter(server.port, "bob") as bob:
        assert ada.join("lobby").result(TIMEOUT).seen == seq
        assert bob.join("lobby").result(TIMEOUT).seen == 0


def test_a_callback_may_call_the_client(server: Server, enter: Enter) -> None:
    ada = enter(server.port)
    ear = in_lobby(ada)
    ada.say("lobby", "one").add_done_callback(lambda _: ada.say("lobby", "two"))
    assert ear.until_said("two") == ["one", "two"]


def test_a_message_is_shown_once_however_often_one_comes_in(server: Server, enter: Enter) -> None:
    ada = enter(server.port)
    ear = in_lobby(ada)
    ada.say("lobby", "one").result(TIMEOUT)
    ada.join("lobby").result(TIMEOUT)
    ada.say("lobby", "two").result(TIMEOUT)
    ada.leave("lobby").result(TIMEOUT)
    ada.join("lobby", recent=500).result(TIMEOUT)
    ada.say("lobby", "three").result(TIMEOUT)
    assert ear.until_said("three") == ["one", "two", "three"]


def test_since_goes_on_where_another_client_was(server: Server, enter: Enter) -> None:
    with enter(server.port) as ada:
        room = ada.join("lobby").result(TIMEOUT)
        receipts = [ada.say("lobby", f"m{n}").result(TIMEOUT) for n in range(3)]
    bob = enter(server.port, "bob").start()
    bob.join("lobby", since=receipts[0].seq, epoch=room.epoch)
    assert texts(Ear(bob).until(lambda event: isinstance(event, Live))) == ["m1", "m2"]


# ------------------------------------------------------------------------------------------------- the way in, and out


def test_a_taken_name_is_refused(server: Server, enter: Enter) -> None:
    with enter(server.port), pytest.raises(Refusal) as caught:
        enter(server.port).start()
    assert caught.value.code == "name_taken"


@pytest.mark.parametrize("name", ["", "a b", "../ada", "half \ud83d", "x" * 33])
def test_a_name_that_is_none_is_refused(server: Server, enter: Enter, tmp_path: Path, name: str) -> None:
    with pytest.raises(Refusal) as caught:
        enter(server.port, name).start()
    assert caught.value.code == "bad_name"
    assert not (tmp_path / "data").exists()


def test_a_client_that_was_never_started(enter: Enter) -> None:
    ada = enter(1)
    assert isinstance(ada.say("lobby", "hello").exception(TIMEOUT), ConnectionFailed)
    ada.close()
    assert list(ada.events()) == []


def test_nobody_is_there(enter: Enter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ConnectionFailed, match=rf"No server answers at 127\.0\.0\.1:{port}; check") as caught:
        enter(port).start()
    assert not isinstance(caught.value, NotAChatroom)


@pytest.mark.parametrize(
    ("host", "port"), [("no-such-host.invalid", 5002), ("127.0.0.1", 700_000), ("\ud83d", 1), ("x" * 300, 1)]
)
def test_an_address_that_is_none(enter: Enter, host: str, port: int) -> None:
    with pytest.raises(ConnectionFailed, match="check"):
        enter(port, host=host).start()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_something_else_answers(script: Script, enter: Enter, answer: bytes) -> None:
    with Answering(script, answer), pytest.raises(NotAChatroom, match="no chatroom server; check"):
        enter(script.port).start()


def test_a_server_of_another_version_is_told_from_one_that_is_none(script: Script, enter: Enter) -> None:
    other = native.encode([Error(code="protocol", text="Use version 2.", fatal=True)])
    with Answering(script, other), pytest.raises(Refusal, match="Use version 2") as caught:
        enter(script.port).start()
    assert caught.value.code == "protocol"


class Answering:
    """The first caller gets this, and no more."""

    def __init__(self, script: Script, answer: bytes) -> None:
        self._thread = threading.Thread(target=self._answer, args=(script, answer))

    def _answer(self, script: Script, answer: bytes) -> None:
        caller = script.caller()
        caller.expect(Hello)
        caller.send_raw(answer)
        caller.hang_up()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join()


def test_a_server_that_says_nothing(script: Script, enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "ENTRY_SECONDS", 0.1)
    with pytest.raises(ConnectionFailed, match="does not answer; check") as caught:
        enter(script.port).start()
    assert not isinstance(caught.value, NotAChatroom)


def test_a_folder_that_cannot_be_written(server: Server, enter: Enter, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConnectionFailed, match="choose another folder"):
        enter(server.port, data=tmp_path / "file").start()


def test_closing_answers_what_is_open_and_ends_the_events(script: Script, enter: Enter) -> None:
    ada = enter(script.port)
    meet(script, ada)
    ear = Ear(ada)
    open_requests: list[Future[Any]] = [
        ada.say("lobby", "hello"),
        ada.join("lobby"),
        ada.who("lobby"),
        ada.leave("den"),
    ]
    ada.close()
    assert all(isinstance(future.exception(TIMEOUT), ConnectionFailed) for future in open_requests)
    assert [type(event) for event in ear.rest()] == [Online]
    assert isinstance(ada.say("lobby", "late").exception(TIMEOUT), ConnectionFailed)
    assert [say.message for say in ada.unsent] == ["hello"]
    assert ada.flush(TIMEOUT) is False


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
def test_closing_leaves_nothing_open(script: Script, enter: Enter) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = descriptors()
    ada = enter(script.port)
    caller = meet(script, ada)
    caller.hang_up()
    again = script.caller()
    again.let_in()
    ada.close()
    again.hang_up()
    assert descriptors() == before


def test_what_was_said_just_before_closing_is_said(server: Server, enter: Enter) -> None:
    ear = in_lobby(enter(server.port, "bob"))
    with enter(server.port) as ada:
        ada.join("lobby")
        ada.say("lobby", "goodbye")
    ear.until_said("goodbye")


def test_a_client_closes_at_once_while_it_cannot_connect(server: Server, enter: Enter) -> None:
    with Proxy(server.port) as proxy:
        ada = enter(proxy.port).start()
        ear = Ear(ada)
        proxy.shut_the_door()
        ear.until_a(Offline)
        ada.close()
        assert not any(isinstance(event, Ended) for event in ear.rest())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the attempt ends by itself, after a while")
def test_an_attempt_to_connect_can_be_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "CONNECT_SECONDS", TIMEOUT * 2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
        host, port = full.getsockname()
        attempt = link.Link(host, port, clock.now)
        thread = threading.Thread(target=fail_to_connect, args=(attempt,))
        thread.start()
        while not is_knocking(attempt):
            threading.Event().wait(0.01)
        attempt.hang_up()
        thread.join(TIMEOUT)
        assert not thread.is_alive()
        attempt.close()


def fail_to_connect(attempt: link.Link) -> None:
    with pytest.raises(link.LinkLost):
        next(attempt.batches())


def test_giving_up_a_moment_before_connecting_counts_too(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = link.Link("127.0.0.1", script.port, clock.now)
    monkeypatch.setattr(socket.socket, "settimeout", lambda sock, seconds: attempt.hang_up())
    thread = threading.Thread(target=fail_to_connect, args=(attempt,), daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    assert not thread.is_alive()
    attempt.close()


def is_knocking(attempt: link.Link) -> bool:
    if sys.platform != "linux" or attempt._socket is None:
        return False
    return attempt._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\x02"  # SYN_SENT
