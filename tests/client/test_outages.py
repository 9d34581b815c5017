"""What a client does when the line, the server or its own process breaks: nothing said is lost, or shown twice."""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import pytest

from chatroom import Server
from chatroom.client import clock
from chatroom.client.clock import Moment
from chatroom.client.events import Back, Ended, Offline, Online, Outage, Reset
from chatroom.client.line import pause
from chatroom.client.link import CONNECT_SECONDS
from chatroom.client.session import Client
from chatroom.client.unsent import Shelf, folder_of
from chatroom.messages import Error, Farewell, Hello, Join, Leave, Left, Live, Message, Ping, Pong, Room, Say, Stored
from tests.client.conftest import Enter
from tests.client.peers import TIMEOUT, Ear, Proxy, Script, in_lobby, meet, message, room_answer, texts
from tests.client.stage import Stage
from tests.server.processes import ServerProcess, environment

T = TypeVar("T")

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


# ------------------------------------------------------------------------------------------------------- a bad line


def test_what_is_said_offline_is_said_later_in_order(server: Server, enter: Enter) -> None:
    with Proxy(server.port) as proxy:
        ada = enter(proxy.port)
        ear = in_lobby(ada)
        proxy.shut_the_door()
        ear.until_a(Offline)
        said = [ada.say("lobby", f"m{n}") for n in range(10)]
        assert [say.message for say in ada.unsent] == [f"m{n}" for n in range(10)]
        assert not ada.flush(0)
        proxy.open_the_door()
        assert ada.flush(TIMEOUT)
        assert [future.result(TIMEOUT).seq for future in said] == list(range(1, 11))
        assert ear.until_said("m9") == [f"m{n}" for n in range(10)]


def test_requests_outlive_the_connection(server: Server, enter: Enter) -> None:
    with Proxy(server.port) as proxy:
        ada = enter(proxy.port)
        ear = in_lobby(ada)
        proxy.shut_the_door()
        ear.until_a(Offline)
        entered, present, left = ada.join("den"), ada.who("den"), ada.leave("lobby")
        proxy.open_the_door()
        assert entered.result(TIMEOUT).room == "den"
        assert present.result(TIMEOUT).members == ["ada"]
        assert left.result(TIMEOUT).room == "lobby"
        assert ada.joined == ["den"]


def test_cut_again_and_again(server: Server, enter: Enter) -> None:
    """Two talk while their line is cut: both hear all of it, once, in one order."""
    with Proxy(server.port) as proxy:
        people = [enter(proxy.port, name) for name in ("ada", "bob")]
        ears = [in_lobby(person) for person in people]
        for turn in range(6):
            for person in people:
                for n in range(20):
                    person.say("lobby", f"{person.username} {turn}.{n}")
            proxy.cut()
        assert all(person.flush(TIMEOUT) for person in people)
        people[0].say("lobby", "done").result(TIMEOUT)
        heard = [ear.until_said("done") for ear in ears]
    assert heard[0] == heard[1]
    for person in people:
        mine = [text for text in heard[0] if text.startswith(person.username)]
        assert mine == [f"{person.username} {turn}.{n}" for turn in range(6) for n in range(20)]


def test_bytes_may_come_one_by_one(server: Server, enter: Enter) -> None:
    with Proxy(server.port, piece=1) as proxy:
        ada = enter(proxy.port)
        ear = in_lobby(ada)
        ada.say("lobby", "wörds, words")
        ada.say("lobby", "end")
        assert ear.until_said("end") == ["wörds, words", "end"]


def test_back_tells_what_was_missed(server: Server, enter: Enter) -> None:
    with Proxy(server.port) as proxy:
        ear = in_lobby(enter(proxy.port))
        bob = enter(server.port, "bob")
        in_lobby(bob)
        proxy.shut_the_door()
        assert ear.until_a(Offline).retry_in == 0
        for n in range(3):
            bob.say("lobby", f"m{n}").result(TIMEOUT)
        proxy.open_the_door()
        heard = ear.until(lambda event: isinstance(event, Back))
        back = heard[-1]
        assert isinstance(back, Back)
        assert (back.new, back.missing) == (3, 0)
        assert 0 < back.seconds < TIMEOUT
        assert texts(heard) == ["m0", "m1", "m2"]
        assert [type(event) for event in heard if not isinstance(event, Message)] == [Online, Room, Live, Back]


def test_the_first_attempt_is_made_at_once_and_later_ones_are_not() -> None:
    assert pause(0) == 0
    assert all(0 < pause(failures) <= 15 for failures in range(1, 2_000))
    assert all(pause(later) * 2.5 > pause(sooner) for sooner, later in pairwise(range(1, 20)))
    assert len({pause(5) for _ in range(10)}) > 1


@pytest.mark.parametrize(("steady", "at_once"), [(0.0, True), (60.0, False)])
def test_only_after_a_good_connection_one_comes_back_at_once(
    script: Script, enter: Enter, monkeypatch: pytest.MonkeyPatch, steady: float, at_once: bool
) -> None:
    monkeypatch.setattr("chatroom.client.line.STEADY_SECONDS", steady)
    ada = enter(script.port)
    meet(script, ada).hang_up()
    ear = Ear(ada)
    assert ear.until_a(Offline).retry_in == 0
    again = script.caller()
    again.let_in()
    again.hang_up()
    assert (ear.until_a(Offline).retry_in == 0) is at_once


def test_the_server_says_when_to_come_back(script: Script, enter: Enter) -> None:
    ada = enter(script.port)
    caller = meet(script, ada)
    ear = Ear(ada)
    caller.send(Farewell("Back in a moment.", retry=40))
    offline = ear.until_a(Offline)
    assert offline.reason == "Back in a moment."
    assert 0.04 <= offline.retry_in <= 0.05
    script.caller().let_in()
    ear.until_a(Back)


def test_a_server_cannot_send_us_away_for_long(script: Script, enter: Enter) -> None:
    ada = enter(script.port)
    meet(script, ada).send(Farewell("Never come back.", retry=10**15))
    assert Ear(ada).until_a(Offline).retry_in <= 4_500


@pytest.mark.parametrize("code", ["replaced", "banned", "protocol", "name_taken", "auth_failed"])
def test_some_refusals_are_for_good(script: Script, enter: Enter, code: str) -> None:
    ada = enter(script.port)
    caller = meet(script, ada)
    said = ada.say("lobby", "hello")
    caller.send(Error(code=code, text="Go away.", fatal=True))
    *_, last = Ear(ada).rest()
    assert last == Ended("Go away.", code)
    assert said.exception(TIMEOUT) is not None


def test_others_are_not(script: Script, enter: Enter) -> None:
    ada = enter(script.port)
    caller = meet(script, ada)
    ear = Ear(ada)
    caller.hang_up()
    again = script.caller()
    again.expect(Hello)
    again.send(Error(code="full", text="Full.", fatal=True))
    assert again.has_hung_up()
    script.caller().let_in()
    assert ear.until_a(Back).missing == 0


def test_who_replaces_us_ends_us(server: Server, enter: Enter, tmp_path: Path) -> None:
    ada = enter(server.port).start()
    (session,) = (tmp_path / "data").glob("*/1/session")
    twin = tmp_path / "twin" / session.relative_to(tmp_path / "data")
    twin.parent.mkdir(parents=True)
    twin.write_bytes(session.read_bytes())
    with enter(server.port, data=tmp_path / "twin"):
        *_, last = Ear(ada).rest()
        assert isinstance(last, Ended)
        assert last.code == "replaced"


# ------------------------------------------------------------------------------------------------------- silence


def test_a_silent_server_is_asked_and_then_left(script: Script, enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatroom.client.link.PING_AFTER", 0.05)
    monkeypatch.setattr("chatroom.client.link.LOST_AFTER", 0.3)
    ada = enter(script.port)
    caller = meet(script, ada)
    ear = Ear(ada)
    for _ in range(4):
        caller.expect(Ping)
    assert caller.has_hung_up()
    assert ear.until_a(Offline).reason == "Nothing was heard from the server for 0.3 seconds."


def test_a_server_that_reads_nothing_is_left_too(script: Script, enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatroom.client.link.LOST_AFTER", 0.3)
    ada = enter(script.port)
    meet(script, ada)
    for _ in range(10_000):  # more than sockets hold; and saying it does not wait for them
        ada.say("lobby", "x" * 3_000)
    assert Ear(ada).until_a(Offline).reason.startswith("Nothing was heard")


# ------------------------------------------------------------------------------------------------- the laptop's lid


class Laptop:
    """The computer's own clock, until it sleeps: then one clock goes on, and the other does so on some systems."""

    def __init__(self) -> None:
        self._slept = Moment(0.0, 0.0)

    def __call__(self) -> Moment:
        real = clock.now()
        return Moment(real.monotonic + self._slept.monotonic, real.wall + self._slept.wall)

    def sleep(self, seconds: float, *, stands_still: bool = True) -> None:
        monotonic, wall = self._slept
        self._slept = Moment(monotonic if stands_still else monotonic + seconds, wall + seconds)


@pytest.fixture
def laptop(monkeypatch: pytest.MonkeyPatch) -> Laptop:
    """One on which a client looks at the clock all the time."""
    for place in ("line", "link"):
        monkeypatch.setattr(f"chatroom.client.{place}.LOOK_SECONDS", 0.01)
    return Laptop()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> SimpleQueue[int]:
    """After how many failures it rests, each time for so long that nobody waits for it."""
    pauses: SimpleQueue[int] = SimpleQueue()

    def rest(failures: int) -> float:
        pauses.put(failures)
        return 10_000.0

    monkeypatch.setattr("chatroom.client.line.pause", rest)
    return pauses


def until(fact: Callable[[], T | None]) -> T:
    """Waits for what another thread does."""
    deadline = time.monotonic() + TIMEOUT
    while not (found := fact()):
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)
    return found


@pytest.mark.parametrize("stands_still", [True, False])
def test_after_a_sleep_one_comes_back_at_once(
    script: Script, enter: Enter, laptop: Laptop, pauses: SimpleQueue[int], stands_still: bool
) -> None:
    ada = enter(script.port, clock=laptop)
    caller = meet(script, ada)
    ear = Ear(ada)
    for _ in range(3):
        laptop.sleep(3_600, stands_still=stands_still)
        assert caller.has_hung_up()
        assert ear.until_a(Offline) == Offline("This computer was asleep.", 0.0)
        caller = script.caller()
        caller.let_in()
        assert ear.until_a(Back).seconds > 3_599
    assert pauses.empty()


@pytest.mark.parametrize("stands_still", [True, False])
def test_a_pause_ends_with_the_sleep_and_the_next_ones_are_short_again(
    script: Script, enter: Enter, laptop: Laptop, pauses: SimpleQueue[int], stands_still: bool
) -> None:
    ada = enter(script.port, clock=laptop)
    meet(script, ada).hang_up()
    assert pauses.get(timeout=TIMEOUT) == 0
    for failures in (1, 2, 3):
        until(lambda: ada.outage and ada.outage.retry_at)
        ada.reconnect()
        script.caller().hang_up()
        assert pauses.get(timeout=TIMEOUT) == failures
    for _ in range(2):
        until(lambda: ada.outage and ada.outage.retry_at)
        laptop.sleep(60, stands_still=stands_still)
        caller = script.caller()
        assert ada.outage
        assert ada.outage.retry_at is None
        caller.hang_up()
        assert pauses.get(timeout=TIMEOUT) == 1


def test_who_falls_asleep_at_the_door_knocks_again(script: Script, enter: Enter, laptop: Laptop) -> None:
    ada = enter(script.port, clock=laptop)
    starting = threading.Thread(target=ada.start)
    starting.start()
    caller = script.caller()
    caller.expect(Hello)
    laptop.sleep(60)
    assert caller.has_hung_up()
    script.caller().let_in()
    starting.join(TIMEOUT)
    assert not starting.is_alive()


def test_a_connection_that_was_made_after_the_sleep_is_kept(
    script: Script, enter: Enter, laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    settimeout = socket.socket.settimeout

    def sleep_before_connecting(sock: socket.socket, seconds: float) -> None:
        if seconds == CONNECT_SECONDS:
            laptop.sleep(60)
        settimeout(sock, seconds)

    monkeypatch.setattr(socket.socket, "settimeout", sleep_before_connecting)
    ada = enter(script.port, clock=laptop)
    caller = meet(script, ada)
    ada.ping()
    caller.expect(Ping)


def test_a_clock_that_is_set_costs_a_connection_and_nothing_else(server: Server, enter: Enter, laptop: Laptop) -> None:
    ada = enter(server.port, clock=laptop)
    ear = in_lobby(ada)
    for turn in range(5):
        for n in range(20):
            ada.say("lobby", f"{turn}.{n}")
        laptop.sleep(60)
        ear.until_a(Offline)
        ear.until_a(Back)
    ada.say("lobby", "end")
    assert ada.flush(TIMEOUT)
    bob = history(enter(server.port, "bob"))
    assert bob == [*(f"{turn}.{n}" for turn in range(5) for n in range(20)), "end"]


def test_a_clock_that_is_set_back_or_a_little_forward_costs_nothing(
    script: Script, enter: Enter, laptop: Laptop
) -> None:
    ada = enter(script.port, clock=laptop)
    caller = meet(script, ada)
    for seconds in (-3_600, 5):
        laptop.sleep(seconds)
        ada.ping()
        caller.expect(Ping)
    assert ada.outage is None


# ------------------------------------------------------------------------------------------------- how things stand


def test_the_outage_is_known_from_its_beginning_to_its_end(
    script: Script, enter: Enter, pauses: SimpleQueue[int]
) -> None:
    ada = enter(script.port)
    assert ada.outage is None
    began = time.time() * 1_000
    meet(script, ada).hang_up()
    ear = Ear(ada)
    ear.until_a(Offline)
    first = ada.outage
    assert first
    assert began - 1 <= first.since <= time.time() * 1_000
    assert first.retry_at
    assert 9_000 < first.retry_at - time.monotonic() <= 10_000
    for _ in range(2):
        ada.reconnect()
        caller = script.caller()
        assert ada.outage == Outage(first.since, None), "an attempt is under way"
        caller.hang_up()
        later = until(lambda: ada.outage and ada.outage.retry_at and ada.outage)
        assert later.since == first.since
        assert later.retry_at
        assert later.retry_at > first.retry_at
    ada.reconnect()
    script.caller().let_in()
    ear.until_a(Back)
    assert ada.outage is None


def test_who_slept_was_away_since_it_fell_asleep(script: Script, enter: Enter, laptop: Laptop) -> None:
    ada = enter(script.port, clock=laptop)
    meet(script, ada)
    ear = Ear(ada)
    before = laptop().wall
    laptop.sleep(3_600)
    ear.until_a(Offline)
    outage = ada.outage
    assert outage
    assert abs(outage.since / 1_000 - before) < TIMEOUT


def test_a_client_that_has_ended_has_no_outage(script: Script, enter: Enter, pauses: SimpleQueue[int]) -> None:
    ada = enter(script.port)
    meet(script, ada).hang_up()
    ear = Ear(ada)
    ear.until_a(Offline)
    ada.reconnect()
    again = script.caller()
    again.expect(Hello)
    again.send(Error(code="banned", text="Go away.", fatal=True))
    assert ear.rest() == [Ended("Go away.", "banned")]
    assert ada.outage is None


def test_who_is_online_is_not_in_a_hurry(script: Script, enter: Enter, pauses: SimpleQueue[int]) -> None:
    """And the next pause is as long as it would have been."""
    ada = enter(script.port)
    ada.reconnect()
    caller = meet(script, ada)
    ada.reconnect()
    ada.ping()
    caller.expect(Ping)
    caller.hang_up()
    assert Ear(ada).until_a(Offline).retry_in == 10_000
    assert ada.outage
    assert ada.outage.retry_at


# ------------------------------------------------------------------------------------------------------- sessions


def test_a_session_takes_the_name_back(server: Server, enter: Enter) -> None:
    """Also while the server still believes in the old connection."""
    with Proxy(server.port) as proxy:
        ada = enter(proxy.port)
        ear = in_lobby(ada)
        proxy.freeze()
        ada._line.hang_up()
        ear.until_a(Offline)
        ear.until_a(Back)
        assert ada.username == "ada"


def test_a_session_that_has_ended_is_left_behind(server: Server, enter: Enter) -> None:
    """The server starts anew, in memory: nobody knows our session, nor the lobby's history. Its certificate is a new
    one, too, which would be the end."""
    with Proxy(server.port) as proxy, Server(port=0, rate=0) as another:
        ada = enter(proxy.port, tls=False)
        ear = in_lobby(ada)
        ada.say("lobby", "one").result(TIMEOUT)
        proxy.shut_the_door()
        ear.until_a(Offline)
        said = ada.say("lobby", "two")
        proxy.redirect(another.port)
        proxy.open_the_door()
        assert ear.until_a(Reset) == Reset("lobby")
        assert ear.until_said("two") == ["two"]
        assert said.result(TIMEOUT).seq == 1


def test_an_unknown_session_is_not_tried_for_ever(script: Script, enter: Enter) -> None:
    ada = enter(script.port)
    caller = meet(script, ada)
    ear = Ear(ada)
    caller.hang_up()
    for session in ("secret", None):
        again = script.caller()
        assert again.expect(Hello).session == session
        again.send(Error(code="auth_failed", text="No.", fatal=True))
        assert again.has_hung_up()
    assert ear.until_a(Ended).code == "auth_failed"


# --------------------------------------------------------------------------------------------- the process is killed


def test_who_comes_to_say_what_was_unsent_and_then_wants_to_be_there_misses_nothing(
    script: Script, enter: Enter
) -> None:
    """It enters to say it, wherever the room is by now; the user's own join, which follows, tells what to show."""
    before = enter(script.port)
    caller = meet(script, before)
    before.join("lobby")
    caller.let_into_room(message(1))
    before.say("lobby", "unsent")
    caller.expect(Say)
    before.close()
    ada = enter(script.port)
    caller = meet(script, ada)
    errand, ear = caller.expect(Join), Ear(ada)
    assert (errand.since, errand.recent) == (None, 0)
    caller.expect(Say)
    entered = ada.join("lobby", since=1, epoch="e")
    asked = caller.expect(Join)
    caller.send(room_answer(errand, since=3), Live("lobby", 3), message(4))
    caller.send(room_answer(asked, since=1, last=4), *map(message, (2, 3, 4)), Live("lobby", 4), message(5))
    assert ear.until_said("m5") == ["m2", "m3", "m4", "m5"]
    assert entered.result(TIMEOUT).since == 1


def test_who_leaves_and_comes_back_without_a_connection_is_there_in_the_end(stage: Stage) -> None:
    """The line may have broken before the server heard of either."""
    stage.caller.hang_up()
    stage.ear.until_a(Offline)
    stage.client.leave("lobby")
    stage.client.join("lobby")
    stage.caller = stage.script.caller()
    stage.caller.let_in()
    stage.caller.let_into_room(since=2)
    leave = stage.caller.expect(Leave)
    stage.caller.send(Left("lobby", "ada", "left", leave.id))
    stage.caller.let_into_room(message(3), since=2)
    stage.shown("m3")
    assert stage.client.joined == ["lobby"]


def test_what_was_said_on_an_errand_into_a_room_made_anew_is_shown_once(script: Script, enter: Enter) -> None:
    """The room in which the user was ended, and is another one: that is told by the answer to the user's own join."""
    before = enter(script.port)
    caller = meet(script, before)
    before.join("lobby")
    caller.let_into_room()
    before.say("lobby", "unsent")
    caller.expect(Say)
    before.close()
    ada = enter(script.port)
    caller = meet(script, ada)
    errand, ear = caller.expect(Join), Ear(ada)
    caller.expect(Say)
    ada.join("lobby", since=0, epoch="e")
    asked = caller.expect(Join)
    caller.send(room_answer(errand, epoch="new"), Live("lobby", 0), message(1), message(2))
    answer = room_answer(asked, epoch="new", last=2, reset=True)
    caller.send(answer, *map(message, (1, 2)), Live("lobby", 2), message(3))
    assert ear.until_said("m3") == ["m1", "m2", "m3"]


def test_what_was_unsent_is_said_at_the_next_start(script: Script, enter: Enter) -> None:
    """In the same session, with the same ids, in order; in rooms that are entered only for that, and left again."""
    ada = enter(script.port)
    caller = meet(script, ada)
    said = []
    for room, text in (("den", "1"), ("lobby", "2"), ("den", "3")):
        ada.say(room, text)
        said.append(caller.expect(Say))
    caller.send(Stored(said[0].id, "den", 1, 1), Pong())
    ada.close()
    caller.hang_up()

    again = enter(script.port)
    ear = Ear(again)
    thread = threading.Thread(target=again.start)
    thread.start()
    caller = script.caller()
    assert caller.let_in().session == "secret"
    thread.join(TIMEOUT)
    for room in ("lobby", "den"):
        join = caller.let_into_room(room=room, since=7)
        assert (join.room, join.recent, join.since) == (room, 0, None)
    assert [caller.expect(Say) for _ in range(2)] == said[1:]
    caller.send(message(8, "2", by="ada", id=said[1].id), message(9, "not for us"))
    assert caller.expect(Leave).room == "lobby"
    caller.send(Stored(said[2].id, "den", 4, 1))
    assert caller.expect(Leave).room == "den"
    assert again.flush(TIMEOUT)
    again.close()
    assert [type(event) for event in ear.rest()] == [Online]


TALKER = """
import sys
from chatroom.client.session import Client

port, data, turn = int(sys.argv[1]), sys.argv[2], sys.argv[3]
with Client(port=port, username="talker", data=data) as talker:
    talker.join("lobby", recent=0)
    for n in range(500):
        talker.say("lobby", f"{turn}.{n}")
        print(n, flush=True)
    talker.flush()
"""


def kill_a_talker(proxy: Proxy, data: Path, turn: str, said: int) -> None:
    """Kills it as soon as it has said so much; half of that, or more, is on the way then and does not arrive."""
    command = [sys.executable, "-c", TALKER, str(proxy.port), str(data), turn]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8", env=environment()) as talker:
        assert talker.stdout
        for line in talker.stdout:
            if int(line) == said // 2:
                proxy.freeze()
            if int(line) == said:
                talker.kill()
        talker.wait(TIMEOUT)


def left_unsent(data: Path, port: int) -> list[Say]:
    """What the next client that is started will say."""
    shelf = Shelf(folder_of(data, "127.0.0.1", port, "talker"))
    shelf.claim()
    shelf.close()
    return shelf.unsent


def test_kill_9_in_the_midst_of_sending(tmp_path: Path, enter: Enter) -> None:
    turns = {"0": 120, "1": 450}
    with Server(port=0, rate=0) as server, Proxy(server.port) as proxy:
        for turn, said in turns.items():
            kill_a_talker(proxy, tmp_path / "talker", turn, said)
        assert left_unsent(tmp_path / "talker", proxy.port)
        talker = enter(proxy.port, "talker", data=tmp_path / "talker").start()
        assert talker.flush(TIMEOUT)
        stored = history(enter(server.port, "bob"))
    for turn, said in turns.items():
        mine = [text for text in stored if text.startswith(f"{turn}.")]
        assert len(mine) > said
        assert mine == [f"{turn}.{n}" for n in range(len(mine))]
    assert stored == sorted(stored, key=lambda text: text[0])


def history(client: Client) -> list[str]:
    """All that the lobby holds."""
    ear = Ear(client.start())
    client.join("lobby", since=0)
    return texts(ear.until(lambda event: isinstance(event, Live)))


def test_kill_9_of_the_server_in_full_load(tmp_path: Path, enter: Enter) -> None:
    arguments = ("--data", str(tmp_path / "server"), "--rate", "off")
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(ServerProcess(*arguments))
        proxy = stack.enter_context(Proxy(server.port))
        ada, bob = enter(proxy.port), enter(proxy.port, "bob")
        ears = [in_lobby(ada), in_lobby(bob)]
        receipts = []
        for n in range(500):
            receipts.append(ada.say("lobby", f"m{n}"))
            if n in (100, 300, 499):
                receipts[n // 2].result(TIMEOUT)
                server.kill()
                server = stack.enter_context(ServerProcess(*arguments))
                proxy.redirect(server.port)
        assert ada.flush(TIMEOUT)
        ada.say("lobby", "end")
        expected = [f"m{n}" for n in range(500)]
        assert [ear.until_said("end") for ear in ears] == [[*expected, "end"]] * 2
        assert [receipt.result(TIMEOUT).seq for receipt in receipts] == list(range(1, 501))
