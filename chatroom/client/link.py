"""One connection to a server: events come in, frames go out, and silence is noticed. It is used once and thrown away.

Knows sockets, TLS, frames and the clock. Knows nothing of rooms, of which certificate is the right one, and of what to
do when the connection is lost. The thread that iterates over `batches` connects, shakes hands and reads; a thread of
the link's own sends, so that nobody who has something to say waits for a full socket, and keeps the clock. With TLS
that thread alone seals, and sends also what reading owes: in the order of sealing, or the server could not read it.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence

from chatroom import text
from chatroom.client.clock import LOOK_SECONDS, Clock, Moment, Watch
from chatroom.client.handshake import Layer, what_failed
from chatroom.client.trust import Pin, Trust
from chatroom.errors import ChatError, NotAChatroom, Refusal
from chatroom.messages import AnyEvent, Error, Farewell, Notice, Ping, Request
from chatroom.net.stream import Stream
from chatroom.net.tls import TlsStream, client_context
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
NO_TLS = "no encryption could be agreed on; see what `chatroom-client doctor` says."

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

    def __init__(self, host: str, port: int, clock: Clock, trust: Trust | None = None) -> None:
        """Encrypted, if it is told whom to trust."""
        self._host = host
        self._port = port
        self._where = f"{host}:{port}"
        self._clock = clock
        self._trust = trust
        self._pin: Pin | None = None
        """The certificate that was found to be right, until it is kept."""
        self._socket: socket.socket | None = None
        self._stream: Stream | None = None
        self._tls: TlsStream | None = None
        """The same, if it is encrypted."""
        self._sender = threading.Thread(target=self._send_all, name=f"chatroom to {host}:{port}", daemon=True)
        self._changed = threading.Condition()
        self._queue: list[bytes] = []
        self._is_agreed = False
        """Whether frames may be sent: to whom, and how."""
        self._owes = False
        """Whether TLS has something to send by itself."""
        self._finishing = False
        self._end: ChatError = NotAChatroom(
            f"What answers at {self._where} is no chatroom server; check the address and the port."
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
        stream = self._open()
        codec = native.events()
        while data := stream.recv(READ):
            self._heard = self._now()
            events, end = self._sort(codec.receive(data))
            if events or isinstance(end, Refusal):
                events[:0] = self._understand()
            if events:
                yield events
            if end:
                raise end
        raise self._end

    def knock(self) -> Pin | None:
        """Connects, and no more: raises what `batches` would. With TLS, the certificate that the server has."""
        self._open()
        return self._pin

    def _open(self) -> Stream:
        stream: Stream = Stream(self._connect())
        layer = self._trust and Layer(client_context(), server_side=False)
        self._tls = TlsStream(stream, layer) if layer else None
        self._stream = self._tls or stream
        self._heard = self._now()
        self._watch = Watch(self._clock)
        self._sender.start()
        if self._tls and self._trust and layer:
            self._tls.on_owed = self._owe
            self._pin = self._agree(self._tls, layer, self._trust)
        with self._changed:
            self._is_agreed = True
            self._changed.notify()
        return self._stream

    def _agree(self, tls: TlsStream, layer: Layer, trust: Trust) -> Pin:
        """Shakes hands; the certificate, if it is the right one."""
        if tls.handshake():
            self._heard = self._now()
            return trust.check(layer.peer_certificate(), self._clock().wall)
        if layer.failure:
            raise what_failed(layer, trust) or LinkLost(f"{self._where} speaks TLS, but {NO_TLS}")
        if isinstance(self._end, NotAChatroom) and trust.known():
            raise LinkLost(LOST)
        raise self._end

    def _owe(self) -> None:
        with self._changed:
            self._owes = True
            self._changed.notify()

    def _understand(self) -> Sequence[Notice]:
        """Whoever answers speaks our protocol, and so is known from now on. What there is to tell of that."""
        with self._changed:
            if isinstance(self._end, NotAChatroom):
                self._end = LinkLost(LOST)
        pin, self._pin = self._pin, None
        sentence = self._trust.keep(pin) if self._trust and pin else ""
        return [Notice(sentence)] if sentence else []

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
        match problem:
            case socket.gaierror() | UnicodeError() | OverflowError():
                return f"There is no address {self._where}; check the host's name and the port."
            case ConnectionRefusedError():
                return f"No server answers at {self._where}; check the address, and that chatroom-server runs there."
            case OSError(errno=number) if number:
                return f"{self._where} cannot be reached ({os.strerror(number)}); check the address and the network."
        return f"{self._where} cannot be reached: it does not answer; check the address and the network."

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
                    end = Refusal(item.code, text.visible(item.text), fatal=True, registered=item.registered)
                    return events, end
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
                if not (self._owes or self._has_frames() or self._hung_up):
                    self._changed.wait(self._seconds_to_next())
                data, is_last = self._take()
            self._send(data)
            if is_last:
                self._end_sending()
                return
            self._look_at_the_clock()

    def _take(self) -> tuple[bytes, bool]:
        """The frames to send now, and whether they are the last ones. Before both ends are agreed, there are none."""
        self._owes = False
        if not self._is_agreed:
            return b"", False
        data, self._queue = b"".join(self._queue), []
        return data, self._finishing

    def _has_frames(self) -> bool:
        """Whether there is something of ours to send, or to end."""
        return self._is_agreed and bool(self._queue or self._finishing)

    def _send(self, data: bytes) -> None:
        """Waits as long as the server does not read but lives."""
        if not self._stream:
            return
        rest = memoryview(self._stream.seal(data) if data else self._stream.drain())
        try:
            while rest and not self._hung_up:
                rest = rest[self._stream.send(rest) :]
                if rest:
                    self._stream.wait_to_send(self._seconds_to_next())
                    self._look_at_the_clock()
        except OSError:
            self.hang_up()
        if self._tls and self._tls.layer.failure:  # which it has told the server by now
            self.hang_up(LinkLost(SENSELESS))

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
