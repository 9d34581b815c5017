"""The outbox and its flusher, over real sockets: whole, in order, bounded, and nobody who puts ever waits."""

import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from chatroom.net.stream import Stream
from chatroom.net.tls import TlsLayer, TlsStream
from chatroom.server.budget import BOUND, Budget
from chatroom.server.flusher import Flusher
from chatroom.server.outbox import Outbox
from tests.support.rooms import Aside, at_once
from tests.support.tls import certificate, encrypted

PACKET = bytes(range(256)) * 64  # 16 KiB


class Line:
    """An outbox, and the peer at the other end of its socket."""

    def __init__(self, flusher: Flusher, budget: Budget | None = None) -> None:
        ours, self.peer = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        self.peer.settimeout(20)
        self.flusher = flusher
        self.stream = Stream(ours)
        self.outbox = Outbox(self.stream, flusher, budget or Budget())
        self.drained = threading.Event()
        self.outbox.on_drained = self.drained.set

    def encrypt(self) -> None:
        """As a server does it, and a client whose TLS is not ours."""
        stream = TlsStream(self.stream, TlsLayer(certificate()[0], server_side=True))
        stream.on_owed = self.outbox.pass_on
        self.outbox.encrypt(stream)
        self.stream = stream
        shaking = Aside(stream.handshake)
        self.peer = encrypted(self.peer)
        shaking.finish()

    def read(self, size: int) -> bytes:
        """Exactly so much."""
        data = bytearray()
        while len(data) < size:
            piece = self.peer.recv(size - len(data))
            assert piece, "the line ended"
            data += piece
        return bytes(data)

    def read_to_the_end(self) -> bytes:
        data = bytearray()
        while piece := self.peer.recv(65_536):
            data += piece
        return bytes(data)

    def fill(self) -> int:
        """Puts packets until one is refused. How many were taken."""
        taken = 0
        while self.outbox.put(PACKET):
            taken += 1
            assert taken * len(PACKET) < 4 * BOUND, "it takes without bound"
        return taken

    def close(self) -> None:
        if self.stream.fileno() >= 0:
            self.outbox.close()
            self.stream.close()
        self.peer.close()


def wait_for(flusher: Flusher) -> None:
    """Until it has done what it was asked before."""
    done = threading.Event()
    flusher.call(done.set)
    assert done.wait(timeout=20)


@pytest.fixture
def flusher(caplog: pytest.LogCaptureFixture) -> Iterator[Flusher]:
    """It must not have anything to complain of."""
    flusher = Flusher()
    flusher.start()
    yield flusher
    flusher.stop()
    assert not caplog.get_records("call")


@pytest.fixture(params=["plain", "TLS"])
def line(request: pytest.FixtureRequest, flusher: Flusher) -> Iterator[Line]:
    """What holds for one holds for the other."""
    line = Line(flusher)
    if request.param == "TLS":
        line.encrypt()
    yield line
    line.close()


def test_what_is_put_goes_out_at_once(line: Line) -> None:
    line.peer.setblocking(False)
    assert line.outbox.put(b"hello ")
    assert line.peer.recv(100) == b"hello "
    line.outbox.answer(b"world")
    assert line.peer.recv(100) == b"world"
    wait_for(line.flusher)
    assert not line.drained.is_set(), "nothing had to wait"


def test_what_the_system_does_not_take_is_finished_whole_and_in_order(line: Line) -> None:
    big = bytes(range(251)) * 8_000  # 2 MB
    assert line.outbox.put(big)
    line.outbox.answer(b"after it")
    assert line.read(len(big)) == big
    assert line.read(8) == b"after it"
    assert line.drained.wait(timeout=20)


def test_past_its_bound_it_refuses_whole_packets_and_nobody_waits(line: Line) -> None:
    taken = line.fill()
    assert taken * len(PACKET) > BOUND
    assert not line.outbox.has_room()
    assert not line.outbox.put(b"x")
    line.outbox.answer(b"end")
    assert line.read(taken * len(PACKET) + 3) == PACKET * taken + b"end"


# What waits in all outboxes together


def test_what_the_system_takes_at_once_costs_no_memory(flusher: Flusher) -> None:
    budget = Budget(total=0)
    line = Line(flusher, budget)
    for _ in range(10):
        assert line.outbox.put(b"hello")
        assert line.read(5) == b"hello"
    assert budget.waiting == 0
    line.close()


def test_what_waits_is_counted_until_it_is_sent_or_given_up(flusher: Flusher) -> None:
    budget = Budget()
    read, left = Line(flusher, budget), Line(flusher, budget)
    taken = read.fill()
    alone = budget.waiting
    assert BOUND < alone < taken * len(PACKET)
    left.fill()
    assert budget.waiting > alone + BOUND
    read.read(taken * len(PACKET))
    assert read.drained.wait(timeout=20)
    assert budget.waiting > BOUND
    left.close()
    assert budget.waiting == 0
    read.close()


def test_when_the_memory_for_all_is_spent_who_has_something_waiting_gets_no_more(flusher: Flusher) -> None:
    budget = Budget(total=BOUND // 2)
    greedy, modest = Line(flusher, budget), Line(flusher, budget)
    while greedy.outbox.put(PACKET):
        assert budget.waiting < BOUND // 2 + len(PACKET)
    assert budget.waiting >= BOUND // 2
    assert not greedy.outbox.has_room()
    assert modest.outbox.put(b"at once"), "nothing waits for it"
    assert modest.read(7) == b"at once"
    reading = Aside(greedy.read_to_the_end)
    assert greedy.drained.wait(timeout=20)
    assert greedy.outbox.put(b"again")
    greedy.outbox.finish(b"")
    reading.finish()
    greedy.close()
    modest.close()


def test_when_the_memory_for_all_is_spent_nobody_asks_more_before_its_answers_are_read(flusher: Flusher) -> None:
    budget = Budget(total=1)
    line = Line(flusher, budget)
    while not budget.waiting:
        line.outbox.answer(PACKET)
    line.outbox.answer(b"little")
    waiting = Aside(line.outbox.wait_until_read)
    assert waiting.still_waits()
    reading = Aside(line.read_to_the_end)
    waiting.finish()
    line.outbox.finish(b"")
    reading.finish()
    line.close()


def test_once_it_is_drained_it_says_so_and_takes_again(line: Line) -> None:
    taken = line.fill()
    assert not line.drained.is_set()
    line.read(taken * len(PACKET))
    assert line.drained.wait(timeout=20)
    assert line.outbox.has_room()
    assert line.outbox.put(b"again")
    assert line.read(5) == b"again"


def test_it_is_drained_again_and_again(line: Line) -> None:
    for _ in range(5):
        line.drained.clear()
        taken = line.fill()
        assert line.read(taken * len(PACKET)) == PACKET * taken
        assert line.drained.wait(timeout=20)


def test_packets_of_many_threads_stay_whole(line: Line) -> None:
    def put(letter: bytes) -> None:
        for _ in range(50):
            assert line.outbox.put(letter * 64)

    received: list[bytes] = []
    reading = Aside(lambda: received.append(line.read(8 * 50 * 64)))
    at_once(*(partial(put, bytes([letter])) for letter in b"abcdefgh"))
    reading.finish()
    pieces = [received[0][start : start + 64] for start in range(0, len(received[0]), 64)]
    assert all(len(set(piece)) == 1 for piece in pieces)


def test_answers_are_taken_in_any_case_but_whoever_does_not_read_them_asks_no_more(line: Line) -> None:
    line.fill()
    line.outbox.wait_until_read()  # what others say is not what was asked for
    line.outbox.answer(PACKET)
    line.outbox.wait_until_read()
    line.outbox.answer(bytes(BOUND))
    waiting = Aside(line.outbox.wait_until_read)
    assert waiting.still_waits()
    reading = Aside(line.read_to_the_end)
    waiting.finish()
    line.outbox.finish(b"")
    reading.finish()


def test_whoever_reads_its_answers_is_not_held_up_by_what_others_go_on_to_say(line: Line) -> None:
    taken = line.fill()
    for _ in range(2):
        line.outbox.answer(bytes(BOUND // 2))
    line.outbox.answer(b"more")
    waiting = Aside(line.outbox.wait_until_read)
    assert waiting.still_waits()
    line.read(taken * len(PACKET))
    while not line.outbox.put(PACKET):  # what others say waits behind the answers, and takes their place
        line.read(1_024)
    while line.outbox.put(PACKET):
        pass
    line.read(BOUND // 2)
    waiting.finish()


def test_one_can_wait_until_all_is_sent_but_no_longer_than_one_likes(line: Line) -> None:
    line.outbox.wait_until_sent(timeout=20)
    taken = line.fill()
    line.outbox.wait_until_sent(timeout=0.01)
    waiting = Aside(line.outbox.wait_until_sent, 20)
    assert waiting.still_waits()
    line.read(taken * len(PACKET))
    waiting.finish()


def test_the_last_word_is_sent_after_what_waits_and_then_the_line_ends(line: Line) -> None:
    taken = line.fill()
    line.outbox.finish(b"bye")
    line.outbox.put(b"never")
    line.outbox.answer(b"never")
    line.outbox.finish(b"never")
    assert line.read_to_the_end() == PACKET * taken + b"bye"


def test_the_last_word_ends_an_idle_line_at_once_and_the_peer_may_still_speak(line: Line) -> None:
    line.outbox.finish(b"bye")
    assert line.read_to_the_end() == b"bye"
    line.peer.sendall(b"wait!")
    assert line.stream.recv(100) == b"wait!"


def gone(peer: socket.socket) -> None:
    peer.close()


def deaf(peer: socket.socket) -> None:
    """It reads no more, but has not hung up: nothing else would wake who reads from it."""
    peer.shutdown(socket.SHUT_RD)


@pytest.mark.parametrize(("become", "queued"), [(gone, False), (gone, True), (deaf, False)])
def test_a_peer_that_is_gone_is_no_error_and_the_reader_wakes(
    line: Line, become: Callable[[socket.socket], None], queued: bool
) -> None:
    broken = threading.Event()
    line.outbox.on_broken = broken.set
    if queued:
        line.fill()
    reader = Aside(line.stream.recv, 100)
    become(line.peer)
    while not broken.is_set():
        assert line.outbox.put(b"x") or queued
        wait_for(line.flusher)
    reader.finish()
    assert line.outbox.put(b"x"), "nobody will read it, so nobody is behind"
    assert line.outbox.has_room()
    line.outbox.answer(b"x")
    line.outbox.finish(b"x")
    line.outbox.wait_until_read()
    line.outbox.wait_until_sent(timeout=20)


def test_closing_wakes_whoever_waits(line: Line) -> None:
    line.fill()
    line.outbox.answer(bytes(BOUND + 1))
    waiting = [Aside(line.outbox.wait_until_read), Aside(line.outbox.wait_until_sent, 20)]
    assert all(each.still_waits() for each in waiting)
    line.outbox.close()
    for each in waiting:
        each.finish()


def test_nothing_of_a_closed_line_reaches_the_next_owner_of_its_descriptor(line: Line, flusher: Flusher) -> None:
    line.fill()
    descriptor = line.stream.fileno()
    line.outbox.close()
    line.stream.close()
    lines = [Line(flusher) for _ in range(2)]
    assert descriptor in [each.stream.fileno() for each in lines] + [each.peer.fileno() for each in lines]
    for each in lines:
        taken = each.fill()
        each.outbox.finish(b"bye")
        assert each.read_to_the_end() == PACKET * taken + b"bye"
        each.close()


def test_a_stalled_line_delays_no_other(line: Line, flusher: Flusher) -> None:
    line.fill()
    other = Line(flusher)
    taken = other.fill()
    assert other.read(taken * len(PACKET)) == PACKET * taken
    assert other.drained.wait(timeout=20)
    assert not line.drained.is_set()
    other.close()


# The flusher by itself


def test_jobs_are_done_one_after_the_other_by_one_thread(flusher: Flusher) -> None:
    done: list[tuple[int, str]] = []

    def note(number: int) -> None:
        done.append((number, threading.current_thread().name))

    for number in range(100):
        flusher.call(partial(note, number))
    wait_for(flusher)
    assert done == [(number, "chatroom flusher") for number in range(100)]


def test_no_job_is_forgotten_however_many_come_at_once(flusher: Flusher) -> None:
    done: list[int] = []

    def ask() -> None:
        for _ in range(1_000):
            flusher.call(lambda: done.append(1))

    at_once(*[ask] * 4)
    wait_for(flusher)
    assert len(done) == 4_000


def test_a_job_that_fails_is_logged_and_the_others_are_done(flusher: Flusher, caplog: pytest.LogCaptureFixture) -> None:
    flusher.call(lambda: 1 / 0)
    wait_for(flusher)
    assert "ZeroDivisionError" in caplog.text
    caplog.clear()


def test_a_job_may_ask_for_another(flusher: Flusher) -> None:
    done = threading.Event()
    flusher.call(lambda: flusher.call(done.set))
    assert done.wait(timeout=20)


def test_a_flusher_that_has_stopped_takes_no_more_jobs_and_keeps_nobody_waiting() -> None:
    flusher = Flusher()
    flusher.start()
    line = Line(flusher)
    flusher.stop()
    flusher.call(lambda: None)
    line.close()
