"""The server is killed in full load, again and again: what was receipted is shown to everybody, once and in order.

The people here resume by the letter of PROTOCOL part 5, point 4: they resend what has no receipt with the same id, and
join with the last seq they have shown and the epoch they know.
"""

import random
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.server.processes import ServerProcess
from tests.server.wire_client import Closed, Event, WireClient, frame

if sys.platform == "win32":
    pytest.skip("there is no kill -9", allow_module_level=True)

KILLS = 20
TALKERS = 4
LISTENERS = 2
AT_ONCE = 60
BETWEEN_KILLS = 600
PATIENCE = 60.0


class Progress:
    """How much has been shown in all, for whoever waits for more of it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._last = 0
        self.failed = threading.Event()

    def shown(self, seq: int) -> None:
        with self._changed:
            self._last = max(self._last, seq)
            self._changed.notify_all()

    def wait_for_more(self, count: int) -> None:
        with self._changed:
            goal = self._last + count
            assert self._changed.wait_for(lambda: self._last >= goal or self.failed.is_set(), PATIENCE)
        assert not self.failed.is_set()


class Person(threading.Thread):
    """Talks until told to be quiet, and then until all has its receipt; listens until it has seen a certain seq."""

    def __init__(self, name: str, port: int, progress: Progress, *, talks: bool) -> None:
        super().__init__(name=name)
        self.port = port
        self.progress = progress
        self.talks = talks
        self.session = self.epoch = ""
        self.last = 0
        self.shown: list[Event] = []
        self.unsent: dict[str, str] = {}
        self.receipted: dict[str, int] = {}
        self.problem: BaseException | None = None
        self.quiet = threading.Event()
        self.until: int | None = None
        self.lives = 0

    def run(self) -> None:
        try:
            deadline = time.monotonic() + PATIENCE
            while not self.is_done():
                assert time.monotonic() < deadline
                self.live_once()
        except BaseException as problem:
            self.problem = problem
            self.progress.failed.set()
            raise

    def is_done(self) -> bool:
        if self.talks:
            return self.quiet.is_set() and not self.unsent
        return self.until is not None and self.last >= self.until

    def live_once(self) -> None:
        """One connection, from hello to its end."""
        try:
            with WireClient(self.port) as client:
                client.hello(self.name, **({"session": self.session} if self.session else {}))
                self.session = client.session
                client.send("join", room="lobby", since=self.last, **({"epoch": self.epoch} if self.epoch else {}))
                self.lives += 1
                self.converse(client)
        except (ConnectionError, Closed):
            self.quiet.wait(0.02)  # the server is down; it will be back

    def converse(self, client: WireClient) -> None:
        while not any(event["type"] == "live" for event in [self.hear(client)]):
            pass
        while not self.is_done():
            if self.talks:
                self.say_more(client)
            try:
                self.hear(client, 0.1)
            except TimeoutError:
                continue

    def say_more(self, client: WireClient) -> None:
        """Resends, or says something new, and listens until all of it has its receipt."""
        while not self.quiet.is_set() and len(self.unsent) < AT_ONCE:
            number = len(self.unsent) + len(self.receipted)
            self.unsent[f"{self.name}-{number}"] = f"{self.name} says {number}"
        client.send_bytes(
            b"".join(
                frame({"type": "say", "id": id, "room": "lobby", "message": text}) for id, text in self.unsent.items()
            )
        )
        while self.unsent:
            self.hear(client)

    def hear(self, client: WireClient, patience: float = 10.0) -> Event:
        event = client.receive(patience)
        match event["type"]:
            case "room":
                assert not event.get("reset"), event
                assert not event.get("gap"), event
                self.epoch = event["epoch"]
            case "message":
                self.show(event)
            case "stored":
                self.take_receipt(event)
            case "error":
                raise AssertionError(event)
        return event

    def show(self, event: Event) -> None:
        if event["seq"] > self.last:
            assert event["seq"] == self.last + 1, f"a hole before {event}, after {self.last}"
            self.last = event["seq"]
            self.shown.append(event)
            self.progress.shown(self.last)
        if event["username"] == self.name:
            self.take_receipt(event)

    def take_receipt(self, event: Event) -> None:
        if self.unsent.pop(event["id"], None):
            self.receipted[event["id"]] = event["seq"]
        else:
            assert self.receipted[event["id"]] == event["seq"], "one id has two places"


def hush(talkers: list[Person], listeners: list[Person]) -> None:
    """The talkers go once all they said has its receipt, the listeners once they have seen all of that."""
    for talker in talkers:
        talker.quiet.set()
    for talker in talkers:
        talker.join(PATIENCE)
    last = max(max(talker.receipted.values(), default=0) for talker in talkers)
    for listener in listeners:
        listener.quiet.set()
        listener.until = -1 if listener.progress.failed.is_set() else last
        listener.join(PATIENCE)


@pytest.mark.parametrize("durability", ["power", "process"])
def test_twenty_kills_in_full_load_lose_nothing_and_show_nothing_twice(tmp_path: Path, durability: str) -> None:
    arguments = ("--data", str(tmp_path), "--durability", durability, "--rate", "off", "--log-level", "error")
    progress = Progress()
    server = ServerProcess(*arguments)
    port = server.port
    talkers = [Person(f"talker{n}", port, progress, talks=True) for n in range(TALKERS)]
    listeners = [Person(f"listener{n}", port, progress, talks=False) for n in range(LISTENERS)]
    people = talkers + listeners
    chance = random.Random(2)
    try:
        for person in people:
            person.start()
        for _ in range(KILLS):
            progress.wait_for_more(chance.randrange(1, BETWEEN_KILLS))
            server.kill()
            server = ServerProcess(*arguments, "--port", str(port))
        progress.wait_for_more(BETWEEN_KILLS)
    finally:
        hush(talkers, listeners)
        server.kill()
    assert [person.problem for person in people] == [None] * len(people)
    total = max(person.last for person in people)
    receipted = {(id, seq) for talker in talkers for id, seq in talker.receipted.items()}
    for person in listeners:
        assert [event["seq"] for event in person.shown] == list(range(1, total + 1))
        assert {(event["id"], event["seq"]) for event in person.shown} == receipted
        assert len({event["id"] for event in person.shown}) == total
    reference = [(event["seq"], event["id"], event["message"], event["time"]) for event in listeners[0].shown]
    for person in people:
        shown = [(event["seq"], event["id"], event["message"], event["time"]) for event in person.shown]
        assert shown == reference[: len(shown)]
    for talker in talkers:
        ids = [event["id"] for event in listeners[0].shown if event["username"] == talker.name]
        assert ids == [f"{talker.name}-{n}" for n in range(len(ids))]
        assert talker.lives > KILLS / 2
    times = [time for *_, time in reference]
    assert times == sorted(times)


def test_a_message_receipted_by_one_byte_before_the_kill_is_there_afterwards(tmp_path: Path) -> None:
    """The kill comes at once after the receipt, without any load that might have helped it to the disk."""
    epoch, texts = "", list[str]()
    for n in range(5):
        server = ServerProcess("--data", str(tmp_path))
        try:
            with WireClient(server.port) as ada:
                ada.hello("ada")
                events = ada.join("lobby", recent=500)
                assert epoch in ("", events[0]["epoch"])
                epoch = events[0]["epoch"]
                assert [event["message"] for event in events if event["type"] == "message"] == texts
                ada.say("lobby", f"words {n}")
                texts.append(f"words {n}")
                server.process.kill()
        finally:
            server.kill()
