"""Strangers who take their time, each in a thread; and people of a server that forgets: what they are told later.

Knows the clock, which others must not wait for.
"""

import threading
import time
from collections.abc import Callable

from tests.server.wire_client import Closed, Event, WireClient, frame, person, said

HELLO = frame({"type": "hello", "protocol": 1, "username": "dribbling"})


class Visit(threading.Thread):
    """One connection, spent in one way. It is made at once, so that its time runs from then."""

    def __init__(self, port: int, spend: "Callable[[Visit], None]") -> None:
        super().__init__(daemon=True)
        self.client = WireClient(port)
        self.began = time.monotonic()
        self.last: Event | None = None
        self.seconds = 0.0
        self._spend = spend

    def run(self) -> None:
        try:
            self._spend(self)
        except (Closed, ConnectionError):
            pass
        finally:
            self.seconds = time.monotonic() - self.began
            self.client.close()

    def listen_until(self, seconds: float) -> None:
        """Keeps the last thing that is said; the end of the stream ends the visit."""
        while (left := self.began + seconds - time.monotonic()) > 0:
            try:
                self.last = self.client.receive(left)
            except TimeoutError:
                return

    def wait(self) -> None:
        self.join(20)
        assert not self.is_alive()


def say_nothing(visit: Visit) -> None:
    visit.listen_until(20)


def send_a_byte_now_and_then(visit: Visit) -> None:
    for place in range(20):
        visit.client.send_bytes(HELLO[place : place + 1])
        visit.listen_until(place + 1)


def ping_now_and_then(visit: Visit) -> None:
    for second in range(20):
        visit.client.send("ping")
        visit.listen_until(second + 1)


def say_hello_wrongly_now_and_then(visit: Visit) -> None:
    for second in range(20):
        visit.client.send("hello", username="no protocol")
        visit.listen_until(second + 1)


def say_hello_late(visit: Visit) -> None:
    visit.listen_until(8)
    visit.client.hello("latecomer")
    visit.listen_until(13)
    visit.client.send("ping", data="still here")
    visit.last = visit.client.receive()


SILENT_WAYS = {
    "silence": say_nothing,
    "a byte now and then": send_a_byte_now_and_then,
    "a ping now and then": ping_now_and_then,
    "a wrong hello now and then": say_hello_wrongly_now_and_then,
}


def all_visits(port: int) -> dict[str, Visit]:
    """One for each way, all under way."""
    ways = SILENT_WAYS | {"hello after eight seconds": say_hello_late}
    visits = {name: Visit(port, spend) for name, spend in ways.items()}
    for visit in visits.values():
        visit.start()
    return visits


class Aging:
    """Somebody said much on a server that keeps it for a moment, and somebody who was there has read nothing of it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.stalled = person(port, "stalled", "hall", receive_buffer=4_096)
        self.ada = person(port, "ada", "hall")
        self.receipt = self.ada.say("hall", "once", "the id")
        self.ada.send_bytes(said("hall", ["x" * 3_000] * 4_000))
        self.ada.settled()
        self.last = 4_001

    def close(self) -> None:
        self.stalled.close()
        self.ada.close()
