"""Says, hop by hop, what works between this computer and a server, and what to try about what does not.

Knows connections, names and the clock, and what to ask in which order. Knows nothing of what it means, which
`checks`, `answers` and `surroundings` tell, and prints nothing. Each hop ends by a moment of its own, whatever the
other side does or does not do.
"""

import contextlib
import secrets
import socket
import statistics
import string
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from chatroom import __version__
from chatroom.client import answers, checks, surroundings
from chatroom.client.answers import NoAnswer
from chatroom.client.aside import begin
from chatroom.client.checks import Attempt, Finding, Sealed
from chatroom.client.handshake import what_failed
from chatroom.client.probe import Line, Unanswered, seconds_to
from chatroom.client.surroundings import Console, console
from chatroom.client.trust import Trust
from chatroom.errors import Refusal, Untrusted
from chatroom.messages import PROTOCOL, Bye, Error, Hello, Ping, Pong, Welcome
from chatroom.wire import native

__all__ = ["Console", "Finding", "Patience", "console", "examine", "summary"]

PINGS = 5
MOST_ADDRESSES = 8

_NO_ANSWERS = (socket.EAI_AGAIN, socket.EAI_FAIL)

# JSON may end in empty lines, and a web server that waits for the end of a line answers because of them.
_PING_BODY = b'{"type":"ping"}\r\n\r\n'
_FIRST_WORDS = struct.pack(">I", len(_PING_BODY)) + _PING_BODY


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
    trust: Trust | None = None,
) -> Iterator[Finding]:
    """Finds and tells, one after the other. A hop that fails ends the way to the server, not what is looked at here.
    Encrypted, if it is told whom to trust."""
    yield from _Way(host, port, system, patience, now, trust).findings()
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
            sock.settimeout(seconds_to(until))
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
    trust: Trust | None

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
                    yield from self._meet(Line(each.sock), each.address)
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

    def _meet(self, line: Line, address: _Address) -> Iterator[Finding]:
        if not self.trust:
            yield from self._talk(line, address)
            return
        try:
            sealed = line.shake_hands(time.monotonic() + self.patience.encryption)
        except Unanswered:
            yield self._unsealed(line, self.trust, address)
            return
        yield checks.encrypted(sealed)
        certificate = self._certificate(sealed, self.trust)
        yield certificate
        if certificate.is_well:
            yield from self._talk(line, address)

    def _certificate(self, sealed: Sealed, trust: Trust) -> Finding:
        try:
            trust.check(sealed.certificate, self.now())
            return checks.trusted(sealed) if trust.known() else checks.not_known(sealed)
        except Untrusted as error:
            return checks.untrusted("certificate", error.text)

    def _unsealed(self, line: Line, trust: Trust, address: _Address) -> Finding:
        """Why no encryption came about."""
        try:
            error = what_failed(line.layer, trust)
        except Untrusted as problem:
            error = problem
        if isinstance(error, Refusal):
            return answers.refused("protocol", Error(code=error.code, text=error.text, fatal=True))
        if not error:
            return checks.no_agreement(str(line.layer.failure and line.layer.failure.reason))
        who = answers.IS_CHATROOM if line.layer.heard_tls() else self._who_is_there(line.layer.heard, address)
        return checks.untrusted("encryption", error.text) if who is answers.IS_CHATROOM else who

    def _who_is_there(self, heard: bytes, address: _Address) -> Finding:
        """Asked without encryption, on a connection of its own."""
        until = time.monotonic() + self.patience.protocol
        try:
            with address.connect(until) as sock:
                line = Line(sock)
                try:
                    answer = line.ask(_FIRST_WORDS, Pong, until)
                except Unanswered as end:
                    return answers.stranger(end.how, line.heard or heard, self.port, self.system)
        except OSError as problem:
            return self._no_second_connection(problem, address)
        return answers.IS_CHATROOM if isinstance(answer, Pong) else answers.refused("protocol", answer)

    def _talk(self, line: Line, address: _Address) -> Iterator[Finding]:
        try:
            answer = line.ask(_FIRST_WORDS, Pong, time.monotonic() + self.patience.protocol)
        except Unanswered as end:
            yield self._stranger(end.how, line.heard, address)
            return
        if isinstance(answer, Pong):
            yield answers.IS_CHATROOM
            if not self.trust:
                yield self._encryption(address)
            yield from self._round_trip(line, address)
            return
        yield answers.refused("protocol", answer)
        if answers.asks_for_tls(answer):
            yield self._encryption(address)

    def _stranger(self, how: NoAnswer, heard: bytes, address: _Address) -> Finding:
        if not self.trust and answers.may_speak_tls(heard):
            with contextlib.suppress(OSError):
                if sealed := self._seal(address):
                    return answers.sealed_stranger(sealed, self.port, self.system)
        return answers.stranger(how, heard, self.port, self.system)

    def _encryption(self, address: _Address) -> Finding:
        """Whether the server could do what nobody wants of it."""
        try:
            return checks.not_encrypted(self._seal(address))
        except OSError as problem:
            return self._no_second_connection(problem, address)

    def _no_second_connection(self, problem: OSError, address: _Address) -> Finding:
        return checks.no_second_connection(problem, self.port, self.system, str(address))

    def _seal(self, address: _Address) -> Sealed | None:
        """On a connection of its own: whoever does not know TLS cannot use one any more after it."""
        until = time.monotonic() + self.patience.encryption
        with address.connect(until) as sock, contextlib.suppress(Unanswered):
            return Line(sock).shake_hands(until)
        return None

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
