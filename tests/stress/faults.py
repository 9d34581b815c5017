"""All that may happen to a chat, as a table: each fault breaks something, sees that it is broken and that whoever is
not hit by it goes on, and mends it again. What it picks, it picks by the chance that it is given.

Knows the office, the system, and how each of them shows that it is broken. Judges nothing of what people lived through.
"""

import os
import shutil
import signal
import sqlite3
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from random import Random

if sys.platform != "linux":
    raise ImportError("limits of another process are Linux's")

import resource

from chatroom.net.certificate import make_certificate
from tests.server.processes import PATIENCE, run
from tests.server.trouble import (
    assert_store_failed,
    empty_the_disk,
    fill_the_disk,
    knock,
    knock_until_let_in,
    say_until_it_fails,
)
from tests.server.wire_client import Closed, WireClient, fresh, person
from tests.stress.bad_line import byte_by_byte, slowly, straight
from tests.stress.office import Office
from tests.stress.scale import scaled

Fault = Callable[[Office, Random], None]

SOME = scaled(20, 60)
"""So many receipts are awaited while something is broken, and after it."""

STOPPED = scaled(3, 160)
"""So many times as many while a client is stopped: minutes, in a long run."""

DAY = 24 * 3_600


def go_on(office: Office) -> None:
    """Whoever can, does."""
    office.pulse.wait_for_more(SOME)


# ------------------------------------------------------------------------------------------------ processes that end


def kill_the_server(office: Office, chance: Random) -> None:
    """Again and again, at times before anybody is back."""
    for _ in range(chance.randint(1, 3)):
        office.kill_server()
        office.restart_server()
        if chance.random() < 0.5:
            go_on(office)


def stop_the_server(office: Office, _: Random) -> None:
    office.stop_server()
    office.restart_server()


def kill_a_client(office: Office, chance: Random) -> None:
    client = chance.choice(office.apart)
    client.kill()
    go_on(office)
    client.start()


def stop_a_client(office: Office, chance: Random) -> None:
    """It is connected, and reads nothing."""
    client = chance.choice(office.apart)
    client.stop()
    for _ in range(STOPPED):
        go_on(office)
    client.go_on()


# ------------------------------------------------------------------------------------------------------------ the line


def slow_the_line(office: Office, _: Random) -> None:
    office.line.behave(slowly)
    go_on(office)
    office.line.behave(straight)


def hack_the_line(office: Office, _: Random) -> None:
    office.line.behave(byte_by_byte)
    go_on(office)
    office.line.behave(straight)


def cut_the_line(office: Office, chance: Random) -> None:
    for _ in range(chance.randint(1, 5)):
        office.line.cut()
        office.pulse.wait_for_more(chance.randint(1, SOME))


def freeze_the_line(office: Office, _: Random) -> None:
    """Nothing passes, and neither end is told."""
    office.line.freeze()
    go_on(office)
    office.line.cut()


def stop_the_line_in_mid_frame(office: Office, _: Random) -> None:
    office.line.stop_in_mid_frame()
    go_on(office)
    office.line.tear()


# ----------------------------------------------------------------------------------------------------------- the store


def fill_the_store(office: Office, _: Random) -> None:
    """Whoever says something then is told that it was not stored, and says it again later."""
    with person(office.port, fresh("filler"), "lobby") as stranger:
        fill_the_disk(office.server, office.data)
        try:
            say_until_it_fails(stranger)
        finally:
            empty_the_disk(office.server)


def lock_the_store(office: Office, chance: Random) -> None:
    """For so long that it is an error, or for a moment."""
    with closing(sqlite3.connect(office.database, isolation_level=None)) as db:
        stranger = person(office.port, fresh("locker"), "lobby")
        with stranger:
            db.execute("BEGIN IMMEDIATE")
            if chance.random() < 0.5:
                stranger.send("say", id="locked", room="lobby", message="while it is locked")
                assert_store_failed(stranger.until(lambda event: event.get("id") == "locked")[-1], "locked")
            db.execute("ROLLBACK")


def cut_the_store_short(office: Office, chance: Random) -> None:
    """A server does not start on half a file, says so in a sentence, and leaves it as it is."""
    office.stop_server()
    database, whole = office.database, office.folder / "whole"
    shutil.copyfile(database, whole)
    os.truncate(database, int(database.stat().st_size * chance.uniform(0.05, 0.95)))
    left = database.read_bytes()
    refused = run("--host", "127.0.0.1", "--port", "0", *office.arguments)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("chatroom-server: The store ")
    assert refused.stderr.count("\n") == 1, refused.stderr
    assert database.read_bytes() == left
    shutil.move(whole, database)
    office.restart_server()


# ---------------------------------------------------------------------------------------------------------- the system


def shift_the_clock(office: Office, chance: Random) -> None:
    """Forth and back by days, but not by so many that sessions end."""
    for _ in range(3):
        office.whims.shift_clock(chance.randint(-10 * DAY, 10 * DAY))
        office.pulse.wait_for_more(SOME // 2)
    office.whims.shift_clock(0)


@contextmanager
def two_inside(office: Office) -> Iterator[Callable[[], None]]:
    """Two who go on to talk and to hear each other, where nobody may be able to come in."""
    with person(office.port, fresh("ada"), "lobby") as ada, person(office.port, fresh("bob"), "lobby") as bob:

        def talk() -> None:
            for n in range(SOME):
                ada.say("lobby", f"still here {n}")
            bob.until(lambda event: event.get("message") == f"still here {SOME - 1}")

        yield talk


@contextmanager
def few_descriptors(office: Office) -> Iterator[None]:
    limits = resource.prlimit(office.server.pid, resource.RLIMIT_NOFILE)
    few = office.server.descriptors() + 10
    resource.prlimit(office.server.pid, resource.RLIMIT_NOFILE, (few, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(office.server.pid, resource.RLIMIT_NOFILE, limits)


def run_out_of_descriptors(office: Office, _: Random) -> None:
    crowd: list[WireClient] = []
    try:
        with two_inside(office) as talk, few_descriptors(office):
            crowd_in(office.port, crowd)
            talk()
    finally:
        for client in crowd:
            client.close()
    knock_until_let_in(office.port)


def crowd_in(port: int, crowd: list[WireClient]) -> None:
    """Until one is turned away."""
    while len(crowd) < 100:
        client = WireClient(port)
        crowd.append(client)
        with suppress(ConnectionError, Closed):
            client.send("hello", protocol=1, username=fresh("crowd"))
            if client.receive()["type"] == "welcome":
                continue
        return
    raise AssertionError("descriptors do not run out")


def run_out_of_threads(office: Office, _: Random) -> None:
    with two_inside(office) as talk:
        office.whims.forbid_threads()
        try:
            answer = knock(office.port)
            assert answer is None or answer["code"] == "full", answer
            talk()
        finally:
            office.whims.allow_threads()
    knock_until_let_in(office.port)


def change_the_certificate(office: Office, _: Random) -> None:
    """Who comes then is stopped, as by any impostor; and let in once the known one is back."""
    key, certificate = make_certificate(office.data)
    old = {path: path.read_bytes() for path in (key, certificate)}
    other = office.folder / fresh("certificate")
    other.mkdir()
    for mine, its in zip(make_certificate(other), (key, certificate), strict=True):
        its.write_bytes(mine.read_bytes())
    with two_inside(office) as talk:
        show(office, certificate)
        office.line.cut()
        talk()
    for path, content in old.items():
        path.write_bytes(content)
    show(office, certificate)


def show(office: Office, file: Path) -> None:
    """Has the server load its certificate anew, which it does when it comes to the signal."""
    office.server.process.send_signal(signal.SIGHUP)
    expected = ssl.PEM_cert_to_DER_cert(file.read_text())
    deadline = time.monotonic() + PATIENCE
    while shown_by(office.port) != expected:
        assert time.monotonic() < deadline, "the certificate was not loaded anew"


def shown_by(port: int) -> bytes | None:
    with WireClient(port, tls=True) as client:
        assert isinstance(client.socket, ssl.SSLSocket)
        return client.socket.getpeercert(binary_form=True)


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        kill_the_server,
        stop_the_server,
        kill_a_client,
        stop_a_client,
        slow_the_line,
        hack_the_line,
        cut_the_line,
        freeze_the_line,
        stop_the_line_in_mid_frame,
        fill_the_store,
        lock_the_store,
        cut_the_store_short,
        shift_the_clock,
        run_out_of_descriptors,
        run_out_of_threads,
        change_the_certificate,
    )
}


def plan(seed: int, rounds: int) -> list[str]:
    """Every fault once a round, each round in another order; the same for the same seed."""
    chance = Random(seed)
    return [name for _ in range(rounds) for name in chance.sample(sorted(FAULTS), len(FAULTS))]
