"""One connection to a server: events come in, frames go out, and silence is noticed. It is used once and thrown away.

Knows sockets, frames and the clock. Knows nothing of rooms, and nothing of what to do when the connection is lost.
The thread that iterates over `batches` connects and reads; a thread of the link's own sends, so that nobody who has
something to say waits for a full socket, and keeps the clock.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence

from chatroom import text
from chatroom.client.clock import LOOK_SECONDS, Clock, Moment, Watch
from chatroom.errors import ChatError, NotAChatroom, Refusal
from chatroom.messages import AnyEvent, Error, Farewell, Ping, Request
from chatroom.net.stream import Stream
from chatroom.wire import Unreadable, native

CONNECT_SECONDS = 5.0
"""So long an address may take to answer at all."""

PING_AFTER = 20.0
"""After so many seconds of silence the server is asked whether it is still there."""

LOST_AFTER = 60.0
"""After so many seconds of silence the connection counts as lost."""

READ = 64 * 1024

ASLEEP = "This computer was asleep."
LOST = "The connection to the server was lost."
SENSELESS = "The server sent something that makes no sense."

Batch = list[AnyEvent]


class LinkLost(ChatError):
    """The connection is over, or never was. `retry` is when the server wants us back, in seconds."""

    def __init__(self, text: str, retry: float | None = None) -> None:
        super().__init__(text)
        self.retry = retry


class Overslept(LinkLost):
    """The computer was asleep: what is left of the connection is not worth waiting for, but a new one is."""

    def __init__(self, since: Moment) -> None:
        super().__init__(ASLEEP, retry=0.0)
        self.since = since


class Link:
    """`batches` and `close` belong to one thread; any thread may call the other methods."""

    def __init__(self, host: str, port: int, clock: Clock) -> None:
        self._host = host
        self._port = port
        self._clock = clock
        self._socket: socket.socket | None = None
        self._stream: Stream | None = None
        self._sender = threading.Thread(target=self._send_all, name=f"chatroom to {host}:{port}", daemon=True)
        self._changed = threading.Condition()
        self._queue: list[bytes] = []
        self._finishing = False
        self._end: ChatError = NotAChatroom(
            f"What answers at {host}:{port} is no chatroom server; check the address and the port."
        )
        self._hung_up = False
        self._watch = Watch(clock)
        self._heard = self._now()
        self._asked = self._heard
        self._alarms: list[tuple[float, Callable[[], object]]] = []

    def _now(self) -> float:
        return self._clock().monotonic

    # ---------------------------------------------------------------------------------------- the reading thread

    def batches(self) -> Iterator[Batch]:
        """Connects, and gives what the server tells, a read at a time. Ends by LinkLost, NotAChatroom, or a fatal
        Refusal."""
        stream = self._stream = Stream(self._connect())
        self._heard = self._now()
        self._watch = Watch(self._clock)
        self._sender.start()
        codec = native.events()
        while data := stream.recv(READ):
            self._heard = self._now()
            events, end = self._sort(codec.receive(data))
            if events:
                self._understand()
                yield events
            if end:
                raise end
        raise self._end

    def _understand(self) -> None:
        """Whoever answers speaks our protocol."""
        with self._changed:
            if isinstance(self._end, NotAChatroom):
                self._end = LinkLost(LOST)

    def close(self) -> None:
        """Gives everything back."""
        self.hang_up()
        if self._sender.is_alive():
            self._sender.join()
        if self._socket:
            self._socket.close()

    def _connect(self) -> socket.socket:
        """The first of the host's addresses that answers."""
        problem: Exception = OSError()
        try:
            addresses = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            for family, kind, protocol, _, address in addresses:
                try:
                    return self._connect_to(socket.socket(family, kind, protocol), address)
                except OSError as error:
                    problem = error
        except (OSError, UnicodeError, OverflowError) as error:
            problem = error
        raise LinkLost(self._why_not(problem)) from problem

    def _connect_to(self, sock: socket.socket, address: object) -> socket.socket:
        """Whoever hangs up meanwhile ends the attempt."""
        with self._changed:
            if self._hung_up:
                sock.close()
                raise LinkLost(LOST)
            self._socket = sock
        try:
            sock.settimeout(CONNECT_SECONDS)
            sock.connect(address)  # type: ignore[arg-type]
            if self._hung_up:  # a moment before, when there was nothing yet to shut down
                raise ConnectionAbortedError
        except BaseException:
            sock.close()
            raise
        return sock

    def _why_not(self, problem: Exception) -> str:
        where = f"{self._host}:{self._port}"
        match problem:
            case socket.gaierror() | UnicodeError() | OverflowError():
                return f"There is no address {where}; check the host's name and the port."
            case ConnectionRefusedError():
                return f"No server answers at {where}; check the address, and that chatroom-server runs there."
            case OSError(errno=number) if number:
                return f"{where} cannot be reached ({os.strerror(number)}); check the address and the network."
        return f"{where} cannot be reached: it does not answer; check the address and the network."

    def _sort(self, items: Sequence[AnyEvent | Unreadable]) -> tuple[Batch, ChatError | None]:
        """What can be used, and what ends the connection after it. What only a newer server tells is passed over."""
        events: Batch = []
        for item in items:
            match item:
                case Unreadable(Error(code="unknown_type")):
                    continue
                case Unreadable():
                    return events, self._end if isinstance(self._end, NotAChatroom) else LinkLost(SENSELESS)
                case Error(fatal=True):
                    return events, Refusal(item.code, text.visible(item.text), fatal=True)
                case Farewell(reason, retry):
                    return events, LinkLost(text.visible(reason), None if retry is None else retry / 1_000)
                case _:
                    events.append(item)
        return events, None

    # ------------------------------------------------------------------------------------------------ any thread

    def send(self, requests: Sequence[Request]) -> None:
        """Has the requests sent, after what was given before. Never blocks."""
        with self._changed:
            self._queue.append(native.encode(requests))
            self._changed.notify()

    def finish(self) -> None:
        """Sends what waits, and tells the server that nothing follows."""
        with self._changed:
            self._finishing = True
            self._changed.notify()

    def hang_up(self, end: ChatError | None = None) -> None:
        """Ends the connection now, and so wakes its threads. `end` says why."""
        with self._changed:
            if end and not self._hung_up:
                self._end = end
            self._hung_up = True
            self._changed.notify()
            if self._socket:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Has the sending thread call this then, if the connection lasts so long."""
        with self._changed:
            self._alarms.append((self._now() + seconds, call))
            self._changed.notify()

    # ---------------------------------------------------------------------------------------- the sending thread

    def _send_all(self) -> None:
        while not self._hung_up:
            with self._changed:
                if not (self._queue or self._finishing or self._hung_up):
                    self._changed.wait(self._seconds_to_next())
                data, self._queue = b"".join(self._queue), []
                last = self._finishing
            self._send(data)
            if last:
                self._end_sending()
                return
            self._look_at_the_clock()

    def _send(self, data: bytes) -> None:
        """Waits as long as the server does not read but lives."""
        rest = memoryview(data)
        try:
            while rest and self._stream and not self._hung_up:
                rest = rest[self._stream.send(rest) :]
                if rest:
                    self._stream.wait_to_send(self._seconds_to_next())
                    self._look_at_the_clock()
        except OSError:
            self.hang_up()

    def _end_sending(self) -> None:
        if self._stream:
            self._stream.end_sending()

    def _seconds_to_next(self) -> float:
        """How long nothing is due."""
        silence = min(self._heard + LOST_AFTER, max(self._heard, self._asked) + PING_AFTER)
        due = min([silence, *(when for when, _ in self._alarms)])
        return min(max(0.0, due - self._now()), LOOK_SECONDS)

    def _look_at_the_clock(self) -> None:
        if since := self._watch.asleep_since():
            self.hang_up(Overslept(since))
            return
        now = self._now()
        with self._changed:
            due = [alarm for alarm in self._alarms if alarm[0] <= now]
            self._alarms = [alarm for alarm in self._alarms if alarm not in due]
        for _, call in due:
            call()
        if now - self._heard >= LOST_AFTER:
            self.hang_up(LinkLost(f"Nothing was heard from the server for {LOST_AFTER:g} seconds."))
        elif now - max(self._heard, self._asked) >= PING_AFTER:
            self._asked = now
            self.send([Ping()])
