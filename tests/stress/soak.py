"""An hour of talk, 500 messages a second, among people who also come, go, and read slowly: what the server weighs must
be level in the end, and every message have its receipt. `python3 scripts/stress.py --soak SECONDS`.

Knows the server's process from outside, and people. Knows nothing of how the server works.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Self

from chatroom import Client
from chatroom.client.events import Receipt
from tests.server.processes import ServerProcess
from tests.server.wire_client import WireClient, person
from tests.support.rooms import Aside

RATE, SPEAKERS = 500, 10
SAMPLES = 360
"""So often the server is weighed in a run, but not more often than each second."""
TIMEOUT = 60.0
DOZE_SECONDS = 10.0


class Sample(NamedTuple):
    """What the server holds at one moment."""

    memory: int
    threads: int
    descriptors: int

    @classmethod
    def of(cls, server: ServerProcess) -> Self:
        return cls(server.memory(), server.threads(), server.descriptors())


ALLOWED = Sample(memory=8 << 20, threads=3, descriptors=3)
"""So much more it may hold in the last third than in the one before: people come and go in both."""


def growth(samples: Sequence[Sample]) -> Sample:
    """From the middle third to the last, by their medians. In the first third it warms up."""
    third = len(samples) // 3
    middle, last = _medians(samples[third : 2 * third]), _medians(samples[2 * third :])
    return Sample(*(int(after - before) for before, after in zip(middle, last, strict=True)))


def _medians(samples: Iterable[Sample]) -> list[float]:
    return [median(values) for values in zip(*samples, strict=True)]


def is_level(samples: Sequence[Sample]) -> bool:
    return all(grown <= allowed for grown, allowed in zip(growth(samples), ALLOWED, strict=True))


class Speaker:
    """Says so many messages a second, hears what all say, and counts what it was given a receipt for."""

    def __init__(self, client: Client, number: int, over: threading.Event) -> None:
        self.said = 0
        self.receipted = 0
        self._client = client
        self._number = number
        self._over = over

    def talk(self) -> None:
        started = time.monotonic()
        pending = []
        for number in count(1):
            if self._over.wait(max(0.0, started + number * SPEAKERS / RATE - time.monotonic())):
                break
            pending.append(self._client.say("lobby", f"message {number} of speaker {self._number}"))
            self.said += 1
            if pending[0].done():
                self._count(pending.pop(0).result())
        for receipt in pending:
            self._count(receipt.result(TIMEOUT))

    def _count(self, receipt: Receipt) -> None:
        self.receipted += 1

    def hear(self) -> None:
        for _ in self._client.events():
            """All of it, and nothing is done with it."""


def wander(port: int, over: threading.Event) -> None:
    """Somebody new each second, who reads nothing for that long, then all, and goes."""
    for number in count():
        with person(port, f"guest{number}", "lobby", tls=True) as guest:
            if over.wait(1):
                return
            guest.settled()


def commute(port: int, over: threading.Event) -> None:
    """Somebody whose line breaks each second, and who goes on by the same session from where it was."""
    how: dict[str, str] = {}
    place: dict[str, Any] = {}
    while not over.is_set():
        with WireClient(port, tls=True) as commuter:
            how["session"] = commuter.hello("commuter", **how)["session"]
            room, *missed = commuter.join("lobby", **place)
            over.wait(1)
            heard = [event["seq"] for event in [*missed, *commuter.settled()] if event["type"] == "message"]
            assert heard == [*range(room["since"] + 1, room["since"] + 1 + len(heard))], "each once, in order"
            place = {"since": heard[-1] if heard else room["since"], "epoch": room["epoch"]}
            commuter.reset()


def doze(port: int, over: threading.Event) -> None:
    """Somebody who reads nothing for so long that nothing more waits for them, and then is gone."""
    for number in count():
        with person(port, f"sleeper{number}", "lobby", receive_buffer=4_096, tls=True) as sleeper:
            if over.wait(DOZE_SECONDS):
                return
            sleeper.reset()


WAYS = (wander, commute, doze)


class Soak:
    """One run, on one server."""

    def __init__(self, server: ServerProcess, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._over = threading.Event()
        self.samples: list[Sample] = []
        self.speakers: list[Speaker] = []

    def run(self, seconds: float) -> None:
        with ExitStack() as stack:
            others = [Aside(way, self._server.port, self._over) for way in WAYS]
            threads: list[threading.Thread] = []
            for number in range(SPEAKERS):
                speaker = self._bring(stack, number)
                threads += [threading.Thread(target=speaker.talk), threading.Thread(target=speaker.hear, daemon=True)]
            for thread in threads:
                thread.start()
            self._watch(seconds)
            self._over.set()
            for other in others:
                other.finish()
            for thread in threads:
                if not thread.daemon:
                    thread.join(TIMEOUT)

    def _bring(self, stack: ExitStack, number: int) -> Speaker:
        client = Client(port=self._server.port, username=f"speaker{number}", data=self._folder / str(number))
        stack.enter_context(client).join("lobby").result(TIMEOUT)
        self.speakers.append(Speaker(client, number, self._over))
        return self.speakers[-1]

    def _watch(self, seconds: float) -> None:
        step = max(1.0, seconds / SAMPLES)
        started, told = time.monotonic(), 0.0
        while (passed := time.monotonic() - started) < seconds:
            self.samples.append(Sample.of(self._server))
            if passed >= told:
                print(self._line(passed), flush=True)
                told += 60
            time.sleep(step)

    def _line(self, passed: float) -> str:
        now = self.samples[-1]
        said = sum(speaker.said for speaker in self.speakers)
        return f"{passed:5.0f} s: {said} said; {now.memory >> 20} MiB, {now.threads} threads, {now.descriptors} open"

    def verdict(self) -> list[str]:
        """What is wrong; nothing, if all is as it should be."""
        said, receipted = (sum(getattr(each, what) for each in self.speakers) for what in ("said", "receipted"))
        wrong = [] if said == receipted else [f"{said} were said, and {receipted} have a receipt"]
        return wrong if is_level(self.samples) else [*wrong, f"not level, but grown by {growth(self.samples)}"]


def soak(seconds: float) -> list[str]:
    """Runs so long, and says what was wrong in the end."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        with ServerProcess("--data", str(data / "server"), "--rate", "off", "--log-level", "warning") as server:
            run = Soak(server, data)
            run.run(seconds)
            print(run._line(seconds), flush=True)
            return run.verdict()


if __name__ == "__main__":
    complaints = soak(float(sys.argv[1]))
    print("\n".join(complaints) or "[+] Level, and every message has its receipt.")
    sys.exit(bool(complaints))
