"""One connection's thread: it reads, tells who is there, greets, and has requests done until the peer is gone.

Knows a stream, a codec and the hub. Knows nothing of what a request does.
"""

import logging
import time
from collections.abc import Sequence
from typing import NamedTuple

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
    Ping,
    Pong,
    Welcome,
)
from chatroom.net.stream import DEAD_AFTER, Stream
from chatroom.server.commands import Desk, refusal_of
from chatroom.server.flusher import Flusher
from chatroom.server.hub import Hub
from chatroom.server.limits import BURST_SECONDS, FAREWELL_SECONDS, HELLO_SECONDS, Bucket
from chatroom.server.member import Member, reason
from chatroom.server.outbox import Outbox
from chatroom.text import MESSAGE_LENGTH
from chatroom.wire import NATIVE, Codec, Dialect, Unreadable, who_is_there

log = logging.getLogger(__name__)

# An idle connection keeps a small buffer; one that sends much is read in large bites, handled as one batch each.
SMALL_READ, LARGE_READ = 1_024, 65_536

Items = Sequence[AnyRequest | Unreadable]


class House(NamedTuple):
    """What every connection shares."""

    hub: Hub
    flusher: Flusher
    name: str
    rate: float


class Connection:
    """`run` is the connection's own thread; any other may call the other public methods."""

    __slots__ = (
        "_address", "_deadline", "_desk", "_dialect", "_ending", "_house", "_last_word", "_member", "_outbox",
        "_stream", "is_talking_on",
    )  # fmt: skip

    def __init__(self, stream: Stream, address: object, house: House) -> None:
        self._stream = stream
        self._address = address
        self._house = house
        self._outbox = Outbox(stream, house.flusher)
        self._dialect: Dialect = NATIVE
        self._member: Member | None = None
        self._desk: Desk | None = None
        self._ending = False
        self._last_word: Event | None = None
        self.is_talking_on = False
        """Whether the peer still sent something after it was ended. To close on it would cut off its last words."""
        self._deadline: float | None = time.monotonic() + HELLO_SECONDS

    # ------------------------------------------------------------------------------------- its own thread

    def run(self) -> None:
        log.info("[+] %s connected.", self._address)
        try:
            self._converse()
        except Exception:  # a bug ends this connection, with a clear error, and disturbs nobody else
            log.exception("Something went wrong with %s.", self._address)
            self.end(_fatal("internal", "Something went wrong in the server; come in again."))
        finally:
            self._part()

    def _converse(self) -> None:
        """Until the peer is gone. Once the connection is ending, bytes are read and forgotten, so that closing it
        does not cut off its last words."""
        codec, size = None, SMALL_READ
        while data := self._stream.recv(size):
            size = LARGE_READ if len(data) >= SMALL_READ else SMALL_READ
            codec = codec or self._meet(data[0])
            if self._is_ending():
                self.is_talking_on = True
            elif codec:
                self._serve(codec.receive(data))
                self._outbox.wait_until_read()

    def _meet(self, first_byte: int) -> Codec[AnyRequest] | None:
        """How to read this peer, or nothing if it cannot be understood."""
        who = who_is_there(first_byte)
        if isinstance(who, Error):
            self.end(who)
            return None
        self._dialect = who
        return who.requests()

    def _serve(self, items: Items) -> None:
        for place, item in enumerate(items):
            if self._desk:
                self._desk.serve(items[place:])
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
            case Unreadable(error, kind) if error.fatal or kind in ("hello", "ping"):
                (self.end if error.fatal else self._answer)(error)
            case _:
                id = item.error.id if isinstance(item, Unreadable) else item.id
                self.end(_fatal("hello_first", "Say hello before anything else.", id))

    def _welcome(self, hello: Hello) -> None:
        try:
            if hello.protocol != PROTOCOL:
                raise Refusal("protocol", f"This server speaks version {PROTOCOL} of the protocol; use that.")
            member, session = self._house.hub.enter(hello, self._new_member)
        except (Refusal, StoreFailed) as error:
            self.end(refusal_of(error, hello.id, fatal=True))
            return
        rate = self._house.rate
        self._desk = Desk(self._house.hub, member, Bucket(rate, rate * BURST_SECONDS, time.monotonic()))
        self._member, self._deadline = member, None
        self._outbox.on_drained, self._outbox.on_broken = member.feed, member.stop
        member.answer(
            Welcome(
                protocol=PROTOCOL,
                server=self._house.name,
                username=member.username,
                session=session,
                role=member.role,
                limits=Limits(REQUEST_FRAME, MESSAGE_LENGTH, rate),
                time=self._house.hub.clock(),
                id=hello.id,
            )
        )

    def _new_member(self, owner: int, username: str) -> Member:
        return Member(owner, username, self._outbox, self._dialect)

    def _answer(self, event: Event) -> None:
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
            log.info("[-] %s left: %s.", self._address, reason(self._last_word))

    # ----------------------------------------------------------------------------------------- any thread

    def end(self, last: Event) -> None:
        """Says this as the last thing; the peer has a moment to read it."""
        self._ending = True
        self._deadline = time.monotonic() + FAREWELL_SECONDS
        self._last_word = last
        if self._member:
            self._member.end(last)
        else:
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
            self.end(_fatal("timeout", f"You did not say hello within {HELLO_SECONDS} seconds."))

    def check_life(self) -> None:
        """Ends the connection if its peer is dead."""
        if self._stream.is_dead():
            self._last_word = Farewell(f"Nothing was heard for {DEAD_AFTER} seconds")
            self.hang_up()


def _fatal(code: str, text: str, id: str | None = None) -> Error:
    return Error(code=code, text=text, fatal=True, id=id)
