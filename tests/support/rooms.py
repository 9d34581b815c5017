"""People without sockets: real members over an outbox that keeps what it takes, and can refuse. A clock that is set,
stores that fail when they are told to, and jobs that are done when it is asked for."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from queue import SimpleQueue
from typing import Any, TypeVar

from chatroom.errors import StoreFailed
from chatroom.messages import Event, Join, Message, Numbered
from chatroom.server.member import Member
from chatroom.server.room import Room
from chatroom.server.store import Appended, Reader, RoomRecord, Speech
from chatroom.server.store.memory import MemoryStore
from chatroom.wire import Unreadable, native

E = TypeVar("E", bound=Event)


class Clock:
    """Milliseconds, as they are set."""

    def __init__(self, now: int = 1_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class Later:
    """Jobs that were put off, until somebody has them done."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], object] | None] = SimpleQueue()

    def __call__(self, job: Callable[[], object]) -> None:
        self._jobs.put(job)

    def run(self) -> int:
        """Does them, and what they put off in turn. How many there were."""
        done = 0
        while not self._jobs.empty():
            if job := self._jobs.get():
                job()
                done += 1
        return done

    @contextmanager
    def running(self) -> Iterator[None]:
        """Done by a thread of their own, as in a server."""

        def work() -> None:
            while job := self._jobs.get():
                job()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._jobs.put(None)
            thread.join()


class FakeOutbox:
    """Keeps what it takes. `space` is how many more packets it takes; None: any number."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.offered = 0
        self.space: int | None = None
        self.last: bytes | None = None
        self._read = 0

    def put(self, data: bytes) -> bool:
        self.offered += 1
        if not self.has_room():
            return False
        if self.space is not None:
            self.space -= 1
        self.taken.append(data)
        return True

    def answer(self, data: bytes) -> None:
        self.taken.append(data)

    def finish(self, last: bytes) -> None:
        self.last = last

    def has_room(self) -> bool:
        return self.space is None or self.space > 0

    def read(self) -> list[Any]:
        """What it took since this was last asked. Others may go on putting something in."""
        already, self._read = self._read, len(self.taken)
        return decoded(self.taken[already : self._read])


_owners = count(1_000)


class Person:
    """A member, what it says, and what it was sent."""

    def __init__(self, username: str, owner: int | None = None) -> None:
        self.outbox = FakeOutbox()
        self.member = Member(owner or next(_owners), username, self.outbox)
        self._said = count(1)

    def joins(self, room: Room, **members: Any) -> list[Any]:
        """What it was answered: the room, what was asked for of its history, and `live`."""
        room.join(self.member, Join(room=room.record.name, **members))
        return self.hears()

    def says(self, room: Room, *texts: str) -> None:
        """In one go, with ids of its own."""
        self.says_with(room, *((f"{self.member.username} {next(self._said)}", text) for text in texts))

    def says_with(self, room: Room, *ids_and_texts: tuple[str, str]) -> None:
        self.member.post(room, [text for _, text in ids_and_texts], [id for id, _ in ids_and_texts])

    def hears(self) -> list[Any]:
        """What it was sent since this was last asked."""
        return self.outbox.read()

    def last_word(self) -> Event | None:
        return decoded([self.outbox.last])[0] if self.outbox.last else None


def decoded(packets: Sequence[bytes]) -> list[Any]:
    codec = native.events()
    events = [event for packet in packets for event in codec.receive(packet)]
    assert not any(isinstance(event, Unreadable) for event in events)
    return events


def only(kind: type[E], events: Sequence[Event]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def shown(events: Sequence[Event]) -> list[tuple[int, str]]:
    """The messages, as their numbers and texts."""
    return [(message.seq, message.message) for message in only(Message, events)]


def numbers(events: Sequence[Event]) -> list[int]:
    return [message.seq for message in only(Message, events)]


def hush(*people: Person) -> None:
    """What they were sent so far is of no interest."""
    for person in people:
        person.hears()


class ShakyStore(MemoryStore):
    """Fails when it is told to, and can be watched and held up at its work."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = False
        self.before_append: Callable[[RoomRecord], object] = lambda room: None
        self.before_page: Callable[[RoomRecord], object] = lambda room: None
        self.after_page: Callable[[RoomRecord], object] = lambda room: None
        self.after_keeping: Callable[[], object] = lambda: None
        self.kept: list[dict[str, int]] = []
        """The read positions that it was given each time, by the room's name."""

    def _check(self) -> None:
        if self.fails:
            raise StoreFailed("The disk is full; nothing was stored.")

    def append(self, room: RoomRecord, said: Sequence[Speech], now: int) -> Appended:
        self.before_append(room)
        self._check()
        return super().append(room, said, now)

    def page(self, room: RoomRecord, after: int, before: int, limit: int, **how: Any) -> list[Numbered]:
        self.before_page(room)
        self._check()
        page = super().page(room, after, before, limit, **how)
        self.after_page(room)
        return page

    def set_topic(self, room: RoomRecord, topic: str) -> None:
        self._check()
        super().set_topic(room, topic)

    def keep_seen(self, positions: Mapping[Reader, int]) -> None:
        self._check()
        self.kept.append({reader.room.name: seq for reader, seq in positions.items()})
        super().keep_seen(positions)
        self.after_keeping()

    def drop_room(self, room: RoomRecord) -> None:
        self._check()
        super().drop_room(room)


class House:
    """One room, its store, and whatever it puts off."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = ShakyStore()
        self.later = Later()
        self.room = self.open(self.store.add_room("lobby", "lobby"))

    def open(self, record: RoomRecord) -> Room:
        return Room(record, self.store, self.clock, self.later)

    def person(self, username: str, **join: Any) -> Person:
        """Somebody who is in the room and has heard all that comes with joining."""
        person = Person(username)
        person.joins(self.room, **join)
        return person


class Aside:
    """A call in a thread of its own."""

    def __init__(self, call: Callable[..., object], *arguments: object) -> None:
        self._wrong: BaseException | None = None
        self._thread = threading.Thread(target=self._do, args=(call, arguments), daemon=True)
        self._thread.start()

    def _do(self, call: Callable[..., object], arguments: tuple[object, ...]) -> None:
        try:
            call(*arguments)
        except BaseException as error:
            self._wrong = error

    def still_waits(self) -> bool:
        """It is given a moment to be wrong in."""
        self._thread.join(timeout=0.02)
        return self._thread.is_alive()

    def finish(self) -> None:
        """Waits for its end, and hands on what went wrong."""
        self._thread.join(timeout=20)
        assert not self._thread.is_alive(), "somebody waits for ever"
        if self._wrong:
            raise self._wrong


def at_once(*jobs: Callable[[], object]) -> None:
    """Does them all in threads, as nearly at once as can be."""
    start = threading.Barrier(len(jobs))
    for aside in [Aside(lambda job=job: (start.wait(), job())) for job in jobs]:
        aside.finish()


class Gate:
    """Holds up the first who comes, until it is opened."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._opened = threading.Event()

    def __call__(self, _: object = None) -> None:
        if not self._reached.is_set():
            self._reached.set()
            assert self._opened.wait(timeout=20)

    def wait_until_reached(self) -> None:
        assert self._reached.wait(timeout=20)

    def open(self) -> None:
        self._opened.set()
