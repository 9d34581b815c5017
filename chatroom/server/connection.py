"""One connection's thread: it reads, finds out who is there, greets, and has requests done until the peer is gone.

Knows a stream, a codec and the hub. Knows nothing of what a request does.
"""

import logging
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from chatroom.addresses import is_loopback
from chatroom.errors import Refusal, StoreFailed
from chatroom.messages import (
    PROTOCOL,
    REQUEST_FRAME,
    AnyRequest,
    Error,
    Event,
    Farewell,
    Hello,
    Limits,
    Operate,
    Ping,
    Pong,
    Welcome,
)
from chatroom.net.stream import DEAD_AFTER, Stream
from chatroom.net.tls import TlsLayer, TlsStream
from chatroom.server.admission import Handshakes
from chatroom.server.budget import Budget
from chatroom.server.commands import Desk, refusal_of
from chatroom.server.facts import facts
from chatroom.server.figures import Figures
from chatroom.server.flusher import Flusher
from chatroom.server.hub import Hub
from chatroom.server.limits import FAREWELL_SECONDS, HELLO_SECONDS, Caps
from chatroom.server.member import Member, reason
from chatroom.server.outbox import Outbox
from chatroom.text import MESSAGE_LENGTH
from chatroom.wire import NATIVE, TLS, Codec, Dialect, Unreadable, fatal, who_is_there

log = logging.getLogger(__name__)

# An idle connection keeps a small buffer; one that sends much is read in large bites, handled as one batch each.
SMALL_READ, LARGE_READ = 1_024, 65_536

Items = Sequence[AnyRequest | Unreadable]
Plain = Literal["always", "loopback", "never"]

SERVES_PLAIN: dict[Plain, Callable[[str], bool]] = {
    "always": lambda ip: True,
    "loopback": is_loopback,
    "never": lambda ip: False,
}
"""Who is served without encryption, by the peer's IP address."""


class House(NamedTuple):
    """What every connection shares."""

    hub: Hub
    flusher: Flusher
    name: str
    caps: Caps
    budget: Budget
    handshakes: Handshakes
    figures: Figures
    tls: Callable[[], ssl.SSLContext]
    """What a new connection is encrypted by."""
    plain: Plain = "loopback"
    operator: Callable[[Operate], Event] | None = None
    """Does what the operator of the server asks, by the secret that stands in it; may raise Refusal."""


def _nothing() -> None:
    """Nobody waits for it."""


class Connection:
    """`run` is the connection's own thread; any other may call the other public methods."""

    __slots__ = (
        "_address", "_deadline", "_desk", "_dialect", "_ending", "_house", "_ip", "_last_word", "_may_be_plain",
        "_member", "_outbox", "_stream", "is_talking_on", "on_welcome",
    )  # fmt: skip

    def __init__(self, stream: Stream, address: object, ip: str, house: House) -> None:
        self._stream = stream
        self._address = address
        self._ip = ip
        # Asked here, by the thread that accepts: each connection's own keeps what its stack grew to, for as long as it
        # lives, and taking an address apart is what it would grow most for.
        self._may_be_plain = SERVES_PLAIN[house.plain](ip)
        self._house = house
        self._outbox = Outbox(stream, house.flusher, house.budget)
        self._dialect: Dialect = NATIVE
        self._member: Member | None = None
        self._desk: Desk | None = None
        self._ending = False
        self._last_word: Event | None = None
        self.is_talking_on = False
        """Whether the peer still sent something after it was ended. To close on it would cut off its last words."""
        self._deadline: float | None = time.monotonic() + HELLO_SECONDS
        self.on_welcome: Callable[[], object] = _nothing
        """Called by its own thread once it is no stranger any more."""

    # ------------------------------------------------------------------------------------- its own thread

    def run(self) -> None:
        try:
            self._converse()
        except Exception:  # a bug ends this connection, with a clear error, and disturbs nobody else
            log.exception("Something went wrong with %s.", self._address, extra=self._facts("bug"))
            self.end(fatal("internal", "Something went wrong in the server; come in again."))
        finally:
            self._part()

    def _converse(self) -> None:
        """Until the peer is gone. Once the connection is ending, bytes are read and forgotten, so that closing it
        does not cut off its last words."""
        codec, size = None, SMALL_READ
        while data := self._stream.recv(size):
            size = LARGE_READ if len(data) >= SMALL_READ else SMALL_READ
            if self._is_ending():
                self.is_talking_on = True
            elif codec := codec or self._meet(data):
                self._serve(codec.receive(data))
                self._outbox.wait_until_read()

    def _meet(self, first: bytes) -> Codec[AnyRequest] | None:
        """How to read this peer; nothing yet if it wants encryption first, or if it cannot be served."""
        is_encrypted = isinstance(self._stream, TlsStream)
        if first[0] == TLS and not is_encrypted:
            self._encrypt(first)
            return None
        if is_encrypted:
            self._house.figures.handshake(done=True)
        who = who_is_there(first[0])
        if isinstance(who, Dialect) and not (is_encrypted or self._may_be_plain):
            who = fatal("tls_required", "This server wants to be spoken to encrypted, by TLS; connect with it.")
        if isinstance(who, Error):
            self.end(who)
            return None
        self._dialect = who
        return who.requests()

    def _encrypt(self, first: bytes) -> None:
        """What was read is the beginning of a handshake; `recv` goes on with it."""
        stream = TlsStream(self._stream, TlsLayer(self._house.tls(), server_side=True), first)
        stream.on_owed = self._pass_on
        stream.handshaking = self._house.handshakes
        self._outbox.encrypt(stream)
        self._stream = stream

    def _pass_on(self) -> None:
        """Sends what TLS itself has to say; if that was of a fault, it is the last thing."""
        self._outbox.pass_on()
        if isinstance(self._stream, TlsStream) and (failure := self._stream.layer.failure):
            told = self._facts("tls_failed", reason=failure.reason)
            log.info("[!] %s does not keep to TLS: %s.", self._address, failure.reason, extra=told)
            self.end(fatal("bad_frame", "What you send does not keep to TLS."))

    def _serve(self, items: Items) -> None:
        for place, item in enumerate(items):
            if self._desk:
                self._desk.serve(items[place:] if place else items)  # as it is: it may be known to be printable
                return
            self._greet(item)
            if self._ending:
                return

    def _greet(self, item: AnyRequest | Unreadable) -> None:
        """Until the welcome, only `hello` and `ping` are answered."""
        match item:
            case Hello():
                self._welcome(item)
            case Ping():
                self._answer(Pong(item.data, item.id))
            case Operate() if self._house.operator and is_loopback(self._ip):
                self._operate(item, self._house.operator)
            case Unreadable(error, kind) if error.fatal or kind in ("hello", "ping"):
                (self.end if error.fatal else self._answer)(error)
            case _:
                id = item.error.id if isinstance(item, Unreadable) else item.id
                self.end(fatal("hello_first", "Say hello before anything else.", id))

    def _operate(self, request: Operate, operator: Callable[[Operate], Event]) -> None:
        """However long that takes: the time to say hello begins again after it."""
        self._deadline = None
        try:
            self._answer(operator(request))
        except (Refusal, StoreFailed) as error:
            self._answer(refusal_of(error, request.id))
        finally:
            self._deadline = time.monotonic() + HELLO_SECONDS

    def _welcome(self, hello: Hello) -> None:
        try:
            if hello.protocol != PROTOCOL:
                raise Refusal("protocol", f"This server speaks version {PROTOCOL} of the protocol; use that.")
            member, session = self._house.hub.enter(hello, self._ip, self._new_member)
        except (Refusal, StoreFailed) as error:
            self.end(refusal_of(error, hello.id, fatal=True))
            return
        self._desk = Desk(self._house.hub, member, self._house.caps.bucket(time.monotonic()))
        self._member, self._deadline = member, None
        self.on_welcome()
        self._outbox.on_drained, self._outbox.on_broken = member.feed, member.stop
        member.answer(
            Welcome(
                protocol=PROTOCOL,
                server=self._house.name,
                username=member.username,
                session=session,
                role=member.role,
                limits=Limits(REQUEST_FRAME, MESSAGE_LENGTH, self._house.caps.rate),
                time=self._house.hub.clock(),
                id=hello.id,
            )
        )

    def _new_member(self, owner: int, username: str) -> Member:
        member = Member(owner, username, self._outbox, self._dialect)
        member.on_refused = self._note_refusal
        return member

    def _answer(self, event: Event) -> None:
        if isinstance(event, Error):
            self._note_refusal(event)
        self._outbox.answer(self._dialect.encode([event]))

    def _part(self) -> None:
        try:
            if self._member:
                self._member.stop()
                self._last_word = self._member.last_word or self._last_word
                self._house.hub.go(self._member, reason(self._last_word))
        finally:
            self._outbox.close()
            self._stream.close()
            self.note_end()
            self._let_go()

    def _let_go(self) -> None:
        """Two that hold each other wait for the garbage collector, and what OpenSSL keeps for a connection is large."""
        self.on_welcome = _nothing
        if self._member:
            self._member.let_go()

    def note_beginning(self) -> None:
        """By the thread that accepts, as `_may_be_plain`: the log grows a stack as well."""
        log.info("[+] %s connected.", self._address, extra=self._facts("connected"))

    def note_end(self) -> None:
        if isinstance(self._stream, TlsStream) and not self._stream.layer.is_open:
            self._house.figures.handshake(done=False)
        why = reason(self._last_word)
        code = _code_of(self._last_word)
        log.info("[-] %s left: %s.", self._address, why, extra=self._facts("left", reason=why, code=code))

    def _note_refusal(self, error: Error) -> None:
        """Any thread may tell this peer an error."""
        self._house.figures.refuse(error.code)
        if log.isEnabledFor(logging.DEBUG):
            why = error.code.replace("_", " ")
            log.debug("[!] %s was refused: %s.", self._address, why, extra=self._facts("refused", code=error.code))

    def _facts(self, event: str, **more: object) -> dict[str, object]:
        """Who it is, for a line of the log."""
        port = self._address[1] if isinstance(self._address, tuple) else None
        username = self._member.username if self._member else None
        return facts(event, address=self._ip, port=port, username=username, **more)

    # ----------------------------------------------------------------------------------------- any thread

    def end(self, last: Event) -> None:
        """Says this as the last thing; the peer has a moment to read it."""
        self._ending = True
        self._deadline = time.monotonic() + FAREWELL_SECONDS
        self._last_word = self._last_word or last
        if self._member:
            self._member.end(last)
        else:
            if isinstance(last, Error):
                self._note_refusal(last)
            self._outbox.finish(self._dialect.encode([last]))

    def _is_ending(self) -> bool:
        return self._ending or (self._member is not None and self._member.has_ended())

    def stop(self) -> None:
        """Does nothing more of what this peer asks; it is still sent what others say."""
        if self._member:
            self._member.stop()

    def wait_until_idle(self, timeout: float) -> None:
        """Waits until what this peer asked for and was begun is done."""
        if self._member and self._member.busy.acquire(timeout=timeout):
            self._member.busy.release()

    def wait_until_sent(self, timeout: float) -> None:
        self._outbox.wait_until_sent(timeout)

    def hang_up(self) -> None:
        self._stream.shut_down()

    def check(self, now: float) -> None:
        """Ends what is overdue, and has fed who is still behind."""
        if self._deadline is None:
            if self._is_ending():
                self._deadline = now + FAREWELL_SECONDS
        elif now > self._deadline:
            self._overdue()
        if self._member and self._member.is_behind() and self._member.has_room():
            self._house.flusher.call(self._member.feed)

    def _overdue(self) -> None:
        if self._is_ending():
            self.hang_up()
        elif not self._member:
            self.end(fatal("timeout", f"You did not say hello within {HELLO_SECONDS} seconds."))

    def check_life(self) -> None:
        """Ends the connection if its peer is dead."""
        if self._stream.is_dead():
            self._last_word = Farewell(f"Nothing was heard for {DEAD_AFTER} seconds")
            self.hang_up()


def _code_of(last_word: Event | None) -> str | None:
    return last_word.code if isinstance(last_word, Error) else None
