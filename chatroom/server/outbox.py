"""What one member is owed, as bytes: bounded, and never blocking the one who puts.

Knows a stream and the order of bytes. Knows nothing of messages. In the good case `put` hands the bytes to the system
at once and nothing is queued; what the system does not take waits here, and the flusher finishes it. All that leaves
leaves through here, also what only TLS itself has to send: it is sealed as it is taken, so that records go out in the
order in which they were made.
"""

import threading
from collections.abc import Callable

from chatroom.net.stream import Stream
from chatroom.net.tls import TlsStream
from chatroom.server.budget import Budget
from chatroom.server.flusher import Flusher


class _Answer(bytes):
    """What was asked for and has to wait. It is told from other bytes until it is sent whole, so that whoever reads
    its answers is not held up by what others say."""


class Outbox:
    """Any thread may call any method."""

    __slots__ = (
        "_answers", "_booked", "_broken", "_budget", "_finishing", "_flusher", "_lock", "_queue", "_seal", "_stream",
        "_waiting", "_watched", "on_broken", "on_drained",
    )  # fmt: skip

    def __init__(self, stream: Stream, flusher: Flusher, budget: Budget) -> None:
        self._stream = stream
        self._seal: Callable[[bytes], bytes] | None = None
        """How bytes are sealed; where that changes nothing, nothing is called."""
        self._flusher = flusher
        self._budget = budget
        self._lock = threading.Lock()
        self._queue: list[bytes | memoryview] = []  # seldom used, and smaller than a deque
        self._waiting = 0
        self._booked = 0
        """How much of what waits the budget knows of."""
        self._answers = 0
        self._watched = False
        self._finishing = False
        self._broken = False
        self.on_drained: Callable[[], object] = lambda: None
        """Called by the flusher's thread each time that what had to wait is gone."""
        self.on_broken: Callable[[], object] = lambda: None
        """Called by the flusher's thread once nothing can be sent any more."""

    def encrypt(self, stream: TlsStream) -> None:
        """From here on everything is sealed by this stream, which takes the place of the other."""
        with self._lock:
            self._stream, self._seal = stream, stream.seal

    def put(self, data: bytes) -> bool:
        """Takes the bytes whole, or refuses them whole because too much is waiting."""
        with self._lock:
            if self._waiting and not self.has_room():
                return False
            self._take(self._seal(data) if self._seal else data)
            return True

    def answer(self, data: bytes) -> None:
        """Takes the bytes in any case. Bounded, since nothing is asked before `wait_until_read` has returned."""
        with self._lock:
            self._take_answer(self._seal(data) if self._seal else data)

    def pass_on(self) -> None:
        """Sends what the reading side of TLS has to send. It counts as an answer: whoever makes TLS speak and does not
        listen is read no further. Called by the reading thread."""
        with self._lock:
            self._take_answer(self._stream.drain())
        self.wait_until_read()

    def finish(self, last: bytes) -> None:
        """Sends these last bytes after what waits, and tells the peer that nothing follows."""
        with self._lock:
            self._take((self._seal(last) if self._seal else last) + self._stream.seal_end())
            already, self._finishing = self._finishing, True
            if not (already or self._queue):
                self._stream.end_sending()

    def wait_until_read(self) -> None:
        """Waits while too many answers have not been read."""
        if self._answers:
            self._wait_for(lambda: self._answers <= self._budget.bound())

    def wait_until_sent(self, timeout: float) -> None:
        """Waits while the system has not taken everything, but no longer than that many seconds."""
        self._wait_for(lambda: not self._queue, timeout)

    def _wait_for(self, reached: Callable[[], bool], timeout: float | None = None) -> None:
        with self._flusher.progress:
            self._flusher.progress.wait_for(reached, timeout)

    def has_room(self) -> bool:
        return self._waiting <= self._budget.bound()

    def close(self) -> None:
        """Forgets everything, and wakes who waits. Afterwards the stream may be closed."""
        with self._lock:
            watched = self._watched
            self._break()
        if watched:
            self._flusher.forget(self._stream)
        self.on_drained = self.on_broken = lambda: None  # a member, who has this outbox

    def _take_answer(self, data: bytes) -> None:
        if self._watched and not (self._broken or self._finishing):
            data = _Answer(data)
            self._answers += len(data)
        self._take(data)

    def _take(self, data: bytes) -> None:
        if self._broken or self._finishing:
            return  # nobody will read it
        if rest := data if self._watched else self._offer(data):
            self._keep(rest)

    def _offer(self, data: bytes | memoryview) -> bytes | memoryview:
        """Hands it to the system. Gives back what that did not take."""
        try:
            sent = self._stream.send(data)
        except OSError:
            self._break()
            self._stream.shut_down()
            return b""
        return memoryview(data)[sent:] if sent < len(data) else b""

    def _keep(self, data: bytes | memoryview) -> None:
        self._queue.append(data)
        self._waiting += len(data)
        self._book()
        if not self._watched:
            self._watched = True
            self._flusher.watch(self._stream, self._flush)

    def _send(self) -> None:
        """As much of what waits as the system takes."""
        while self._queue:
            data = self._queue[0]
            rest = self._offer(data)
            if self._broken:
                return
            self._waiting -= len(data) - len(rest)
            if rest:
                self._queue[0] = rest
                return
            del self._queue[0]
            if self._answers:
                self._count_off(data)

    def _count_off(self, sent: bytes | memoryview) -> None:
        whole = sent.obj if isinstance(sent, memoryview) else sent
        if isinstance(whole, _Answer):
            self._answers -= len(whole)

    def _break(self) -> None:
        self._broken = True
        self._queue.clear()
        self._waiting = self._answers = 0
        self._book()
        self._tell_progress()
        self._flusher.call(self.on_broken)

    def _book(self) -> None:
        self._budget.move(self._waiting - self._booked)
        self._booked = self._waiting

    def _tell_progress(self) -> None:
        with self._flusher.progress:
            self._flusher.progress.notify_all()

    def _flush(self) -> bool:
        """The flusher's turn: whether more must wait."""
        with self._lock:
            answers = self._answers
            self._send()
            self._book()
            if self._answers < answers or not self._queue:
                self._tell_progress()
            if self._queue:
                return True
            self._watched = False
            if self._finishing:
                self._stream.end_sending()
        self._flusher.call(self.on_drained)
        return False
