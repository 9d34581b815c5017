"""Says, hop by hop, what works between this computer and a server, and what to try about what does not.

Knows sockets, names, TLS and the clock, and what to ask in which order. Knows nothing of what it means, which
`checks`, `answers` and `surroundings` tell, and prints nothing. Each hop ends by a moment of its own, whatever the
other side does or does not do.
"""

import contextlib
import secrets
import socket
import ssl
import statistics
import string
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

from chatroom import __version__
from chatroom.client import answers, checks, surroundings
from chatroom.client.answers import NoAnswer
from chatroom.client.aside import begin
from chatroom.client.checks import Attempt, Finding, Sealed
from chatroom.client.surroundings import Console, console
from chatroom.messages import PROTOCOL, AnyEvent, Bye, Error, Farewell, Hello, Ping, Pong, Welcome
from chatroom.wire import Unreadable, native

__all__ = ["Console", "Finding", "Patience", "console", "examine", "summary"]

READ = 64 * 1024
PINGS = 5
MOST_ADDRESSES = 8

_HEARD = 256
_NO_ANSWERS = (socket.EAI_AGAIN, socket.EAI_FAIL)

# JSON may end in empty lines, and a web server that waits for the end of a line answers because of them.
_PING_BODY = b'{"type":"ping"}\r\n\r\n'
_FIRST_WORDS = struct.pack(">I", len(_PING_BODY)) + _PING_BODY

A = TypeVar("A", Pong, Welcome)
Pin = Callable[[bytes], Finding]


class Patience(NamedTuple):
    """So many seconds each hop may take at most."""

    name: float = 3.5
    connection: float = 3.0
    protocol: float = 2.0
    encryption: float = 2.0
    round_trip: float = 1.5
    entry: float = 1.5
    sound: float = 1.5


PATIENCE = Patience()


def examine(
    host: str,
    port: int,
    *,
    environ: Mapping[str, str],
    console: Console,
    system: str = sys.platform,
    patience: Patience = PATIENCE,
    now: Callable[[], float] = time.time,
    find_player: Callable[[], str | None] = surroundings.player,
    pin: Pin | None = None,
) -> Iterator[Finding]:
    """Finds and tells, one after the other. A hop that fails ends the way to the server, not what is looked at here.
    `pin` judges the server's certificate, where there is one."""
    yield from _Way(host, port, system, patience, now, pin).findings()
    yield from surroundings.terminal(console, environ, system)
    yield surroundings.sound(_found_within(patience.sound, find_player), system)


def summary(findings: Iterable[Finding]) -> int:
    """The exit code: 0 only when all is well."""
    return int(not all(finding.is_well for finding in findings))


def _found_within(seconds: float, find: Callable[[], str | None]) -> str | None:
    try:
        return begin(find, "doctor").result(seconds)
    except Exception:  # whatever is wrong with a player, it does not play
        return None


# ------------------------------------------------------------------------------------------------ a connection


class Unanswered(Exception):
    """The peer hung up, was silent for too long, or said what makes no sense."""

    def __init__(self, how: NoAnswer) -> None:
        super().__init__(how)
        self.how: NoAnswer = how


class Line:
    """A connection of one thread, on which every wait has an end. `heard` is how the peer began."""

    def __init__(self, sock: socket.socket) -> None:
        self.heard = b""
        self._socket = sock
        self._codec = native.events()
        self._events: list[AnyEvent | Unreadable] = []

    def ask(self, request: bytes, wanted: type[A], until: float) -> A | Error | Farewell:
        """The answer of this kind, or the server's refusal; Unanswered where there is neither."""
        with contextlib.suppress(Unanswered):  # what it said before it hung up tells more
            self.send(request, until)
        while not isinstance(event := self._next(until), (wanted, Error, Farewell)):
            pass
        return event

    def send(self, data: bytes, until: float) -> None:
        with self._patient(until):
            self._socket.sendall(data)

    def receive(self, until: float) -> bytes:
        """What has arrived, as soon as anything has."""
        with self._patient(until):
            data = self._socket.recv(READ)
        if not data:
            raise Unanswered("closed")
        self.heard = (self.heard + data)[:_HEARD]
        return data

    def _next(self, until: float) -> AnyEvent:
        while True:
            while self._events:
                event = self._events.pop(0)
                if not isinstance(event, Unreadable):
                    return event
                if event.error.fatal:  # and not only of a type that is newer than this program
                    raise Unanswered("foreign")
            self._events += self._codec.receive(self.receive(until))

    @contextlib.contextmanager
    def _patient(self, until: float) -> Iterator[None]:
        try:
            self._socket.settimeout(_seconds_to(until))
            yield
        except TimeoutError:
            raise Unanswered("silent") from None
        except OSError:
            raise Unanswered("closed") from None


def _seconds_to(until: float) -> float:
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _handshake(line: Line, until: float) -> Sealed | None:
    """A TLS handshake with whoever it is. By hand, as only so the bytes are ours, and every wait has its end."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing)
    try:
        while not _is_done(tls):
            line.send(outgoing.read(), until)
            incoming.write(line.receive(until))
        line.send(outgoing.read(), until)
    except (Unanswered, ssl.SSLError):
        return None
    return Sealed(tls.version() or "TLS", tls.getpeercert(binary_form=True) or b"")


def _is_done(tls: ssl.SSLObject) -> bool:
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


# ---------------------------------------------------------------------------------------------------- the hops


class _Address(NamedTuple):
    """Of what getaddrinfo answers, what a socket needs."""

    family: int
    address: Any

    def __str__(self) -> str:
        return str(self.address[0])

    def connect(self, until: float) -> socket.socket:
        sock = socket.socket(self.family, socket.SOCK_STREAM)
        try:
            sock.settimeout(_seconds_to(until))
            sock.connect(self.address)
        except BaseException:
            sock.close()
            raise
        return sock


class _Reached(NamedTuple):
    attempt: Attempt
    address: _Address
    sock: socket.socket | None


def _reach(address: _Address, until: float) -> _Reached:
    begun = time.perf_counter()
    try:
        sock = address.connect(until)
    except (OSError, OverflowError) as problem:
        return _Reached(Attempt(str(address), 0, problem), address, None)
    return _Reached(Attempt(str(address), _milliseconds_since(begun)), address, sock)


def _milliseconds_since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1_000


class _Way(NamedTuple):
    """From here to a server."""

    host: str
    port: int
    system: str
    patience: Patience
    now: Callable[[], float]
    pin: Pin | None

    def findings(self) -> Iterator[Finding]:
        """As far as one gets."""
        try:
            addresses = self._look_up()
        except (OSError, ValueError, OverflowError) as problem:
            is_answered = not isinstance(problem, TimeoutError) and getattr(problem, "errno", 0) not in _NO_ANSWERS
            yield checks.not_found(self.host, self.system, is_answered=is_answered)
            return
        yield checks.found(self.host, [*map(str, addresses)])
        with contextlib.ExitStack() as opened:
            reached = self._reach_all(addresses[:MOST_ADDRESSES])
            for each in reached:
                opened.enter_context(each.sock or contextlib.nullcontext())
            yield from checks.connections([each.attempt for each in reached], self.port, self.system)
            for each in reached:
                if each.sock:  # as a client does, with the first
                    yield from self._talk(Line(each.sock), each.address)
                    return

    def _look_up(self) -> list[_Address]:
        """The system may take minutes for it, and cannot be interrupted."""
        lookup = begin(lambda: socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM), "doctor")
        found = lookup.result(self.patience.name)
        return [*dict.fromkeys(_Address(family, address) for family, _, _, _, address in found)]

    def _reach_all(self, addresses: list[_Address]) -> list[_Reached]:
        """At the same time, so that those which are silent do not add up."""
        until = time.monotonic() + self.patience.connection
        calls = [begin(partial(_reach, address, until), "doctor") for address in addresses]
        return [call.result() for call in calls]

    def _talk(self, line: Line, address: _Address) -> Iterator[Finding]:
        try:
            answer = line.ask(_FIRST_WORDS, Pong, time.monotonic() + self.patience.protocol)
        except Unanswered as end:
            yield self._stranger(end.how, line.heard, address)
            return
        if isinstance(answer, Pong):
            yield answers.IS_CHATROOM
            yield from self._encryption(address)
            yield from self._round_trip(line, address)
            return
        yield answers.refused("protocol", answer)
        if answers.asks_for_tls(answer):
            yield from self._encryption(address)

    def _stranger(self, how: NoAnswer, heard: bytes, address: _Address) -> Finding:
        if answers.may_speak_tls(heard):
            with contextlib.suppress(OSError):
                if sealed := self._seal(address):
                    return answers.sealed_stranger(sealed, self.port, self.system)
        return answers.stranger(how, heard, self.port, self.system)

    def _encryption(self, address: _Address) -> Iterator[Finding]:
        try:
            sealed = self._seal(address)
        except OSError as problem:
            yield checks.no_second_connection(problem, self.port, self.system, str(address))
            return
        yield checks.encryption(sealed)
        if sealed and self.pin:
            yield self.pin(sealed.certificate)

    def _seal(self, address: _Address) -> Sealed | None:
        """On a connection of its own: whoever does not know TLS cannot use one any more after it."""
        until = time.monotonic() + self.patience.encryption
        with address.connect(until) as sock:
            return _handshake(Line(sock), until)

    def _round_trip(self, line: Line, address: _Address) -> Iterator[Finding]:
        until = time.monotonic() + self.patience.round_trip
        took: list[float] = []
        with contextlib.suppress(Unanswered):
            while len(took) < PINGS:
                begun = time.perf_counter()
                if not isinstance(line.ask(native.encode([Ping()]), Pong, until), Pong):
                    break
                took.append(_milliseconds_since(begun))
        yield checks.round_trip(statistics.median(took) if took else None, str(address))
        if took:
            yield from self._entry(line)

    def _entry(self, line: Line) -> Iterator[Finding]:
        """As a guest who enters no room, and so is seen by nobody; the welcome holds the server's time."""
        until = time.monotonic() + self.patience.entry
        hello = Hello(protocol=PROTOCOL, username=f"doctor-{_random(4)}", agent=f"chatroom-doctor {__version__}")
        asked = self.now()
        try:
            answer = line.ask(native.encode([hello]), Welcome, until)
        except Unanswered as end:
            yield answers.no_word_on_entry(end.how)
            return
        here = (asked + self.now()) / 2
        if isinstance(answer, Welcome):
            _say_goodbye(line, until)
            yield answers.LETS_IN
            yield checks.clock(int(here * 1_000) - answer.time, self.system)
        else:
            yield answers.refused("entry", answer)


def _random(length: int) -> str:
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(length))


def _say_goodbye(line: Line, until: float) -> None:
    """And waits until the server has closed: to close on what it still says could cut off the goodbye."""
    with contextlib.suppress(Unanswered):
        line.send(native.encode([Bye()]), until)
        while True:
            line.receive(until)
