"""PROTOCOL part 6, its first points: a guest's session takes its name and its ids back."""

import contextlib
import re
from functools import partial
from pathlib import Path

import pytest

from tests.server.conftest import Enter, Stranger
from tests.server.processes import ServerProcess
from tests.server.test_5_delivery import together
from tests.server.wire_client import WireClient, frame, fresh, said, texts_of


def test_a_session_takes_its_name_back_after_the_connection_is_gone(
    enter: Enter, stranger: Stranger, room: str
) -> None:
    watcher, ada = enter(room), enter(room)
    ada.close()
    watcher.until_type("left")
    welcome = stranger().hello(ada.username, session=ada.session)
    assert (welcome["username"], welcome["session"]) == (ada.username, ada.session)


def test_a_session_takes_its_name_back_while_the_old_connection_is_alive(enter: Enter, stranger: Stranger) -> None:
    ada, again = enter("lobby"), stranger()
    assert again.hello(ada.username, session=ada.session)["username"] == ada.username
    last = [event for event in ada.rest() if event["type"] == "error"]
    assert [(event["code"], event["fatal"]) for event in last] == [("replaced", True)]


def test_a_session_is_taken_back_from_a_connection_that_reads_nothing(server: ServerProcess, room: str) -> None:
    with (
        WireClient(server.port, receive_buffer=4_096) as stalled,
        WireClient(server.port) as bob,
        WireClient(server.port) as again,
    ):
        stalled.hello(fresh("stalled"))
        stalled.join(room)
        bob.hello(fresh("bob"))
        bob.join(room)
        bob.send_bytes(said(room, ["x" * 4_000] * 3_000))
        bob.settled()
        again.hello(stalled.username, session=stalled.session)
        bob.say(room, "who is there?")
        assert bob.ask("who", room=room)["members"] == [bob.username]
        again.join(room, recent=1)
        assert again.say(room, "I am back")["username"] == stalled.username


def test_the_one_who_was_replaced_is_in_no_room_any_more(enter: Enter, stranger: Stranger, room: str) -> None:
    watcher, ada, again = enter(room), enter(room), stranger()
    again.hello(ada.username, session=ada.session)
    assert watcher.until_type("left")[-1]["username"] == ada.username
    assert watcher.ask("who", room=room)["members"] == [watcher.username]
    again.join(room)
    assert watcher.ask("who", room=room)["members"] == sorted([watcher.username, ada.username])


def test_a_session_keeps_its_ids(enter: Enter, stranger: Stranger, room: str) -> None:
    ada, again = enter(room), stranger()
    receipt = ada.say(room, "once", "the id")
    again.hello(ada.username, session=ada.session)
    again.join(room)
    stored = again.say(room, "once", "the id")
    assert (stored["type"], stored["seq"]) == ("stored", receipt["seq"])
    assert again.say(room, "other", "the id")["code"] == "id_conflict"


def test_a_session_may_be_used_again_and_again(enter: Enter, stranger: Stranger) -> None:
    ada = enter()
    for _ in range(5):
        assert stranger().hello(ada.username, session=ada.session)["session"] == ada.session


def test_one_session_over_many_connections_at_once_leaves_exactly_one(stranger: Stranger, room: str) -> None:
    name, watcher = fresh("many"), stranger()
    watcher.hello(fresh("watcher"))
    watcher.join(room)
    first = stranger()
    first.hello(name)
    for _ in range(15):
        clients = [stranger() for _ in range(4)]

        def come_in(client: WireClient) -> None:
            client.send_bytes(
                frame({"type": "hello", "protocol": 1, "username": name, "session": first.session})
                + frame({"type": "join", "room": room, "recent": 0})
            )

        together(*(partial(come_in, client) for client in clients))
        welcomed = [client for client in clients if answers_a_ping(client)]
        assert len([client for client in welcomed if answers_a_ping(client)]) == 1  # by now all have come in
        assert watcher.ask("who", room=room)["members"] == sorted([name, watcher.username])


def answers_a_ping(client: WireClient) -> bool:
    """Whether this connection lives on; else it was replaced, perhaps before it could be welcomed."""
    with contextlib.suppress(OSError):
        client.send("ping", data="alive?")
    events = client.until(lambda event: event["type"] == "pong" or event.get("fatal"))
    assert {event["type"] for event in events} <= {"welcome", "room", "joined", "left", "live", "error", "pong"}
    if events[-1]["type"] == "error":
        assert events[-1]["code"] == "replaced"
        return False
    return True


@pytest.mark.parametrize("session", ["", "x", "x" * 43, "ü\x00"], ids=repr)
def test_a_session_that_was_never_given_out_opens_nothing(enter: Enter, stranger: Stranger, session: str) -> None:
    ada = enter()
    for name in (ada.username, fresh("new")):
        thief = stranger()
        thief.send("hello", protocol=1, username=name, session=session)
        events = thief.rest()
        assert [(event["type"], event["fatal"]) for event in events] == [("error", True)]
        assert session in ("", "x") or session not in events[0]["text"]
    assert ada.settled() == []


def test_a_refused_hello_disturbs_nobody(enter: Enter, stranger: Stranger) -> None:
    ada, bob, rival = enter(), enter(), stranger()
    rival.send("hello", protocol=1, username=bob.username, session=ada.session)
    (error,) = rival.rest()
    assert error["code"] == "name_taken"
    assert ada.settled() == []
    assert bob.settled() == []


def test_two_who_want_one_name_at_the_same_moment_do_not_both_get_it(stranger: Stranger) -> None:
    for _ in range(20):
        name, clients = fresh("wanted"), [stranger() for _ in range(4)]
        together(*(partial(client.send, "hello", protocol=1, username=name) for client in clients))
        outcomes = sorted(client.receive()["type"] for client in clients)
        assert outcomes == ["error", "error", "error", "welcome"]


def test_sessions_and_names_outlive_a_restart_and_no_session_lies_in_the_files(tmp_path: Path) -> None:
    with ServerProcess("--data", str(tmp_path)) as server, WireClient(server.port) as ada:
        ada.hello("ada")
        ada.join("lobby")
        ada.say("lobby", "hello")
        assert_nowhere(tmp_path, ada.session)
        log = server.stdout.lines
    assert_nowhere(tmp_path, ada.session)
    assert not any(ada.session in line for line in log)
    with ServerProcess("--data", str(tmp_path)) as server, WireClient(server.port) as again:
        assert again.hello("ada", session=ada.session)["session"] == ada.session
        assert texts_of(again.join("lobby")) == ["hello"]


def assert_nowhere(folder: Path, session: str) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert not re.search(re.escape(session.encode()), path.read_bytes())
