"""People who use the library's Client, as programs do: it comes back, resends and fills holes by itself.

Knows the Client and its events. Started as a process of its own, `python -m tests.stress.library_people PART RECORD`,
it is one person who can be killed and stopped; what it is told comes by stdin, and what it has done goes to stdout.
"""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

import msgspec

from chatroom import messages
from chatroom.client import events
from chatroom.client.events import ClientEvent
from chatroom.client.session import Client
from chatroom.errors import ChatError, ConnectionFailed
from tests.stress.people import Ended, Order, Part, Person
from tests.stress.record import (
    AnyFact,
    Departed,
    Entered,
    Found,
    Missed,
    Receipted,
    Record,
    Refused,
    Restarted,
    Shown,
    Typed,
)


class LibraryPerson(Person):
    """Each life is a client. What one of them did not get rid of, the next one says."""

    def __init__(self, part: Part, record: Record) -> None:
        super().__init__(part, record)
        self._client = self._new_client()
        self._lost = threading.Event()
        self._visited: set[str] = set()

    def _new_client(self) -> Client:
        part = self.part
        return Client(port=part.port, username=part.name, data=Path(part.folder, part.name), tls=part.tls)

    def live(self) -> None:
        self._client = self._new_client()
        self._lost, self._visited = threading.Event(), set()
        ear = threading.Thread(target=self._hear, args=(self._client.events(), self._lost))
        try:
            with suppress(ChatError, Ended), self._client:
                ear.start()
                self._go_where_one_was()
                self.stay()
        finally:
            if ear.ident:
                ear.join()

    def _go_where_one_was(self) -> None:
        for room in self.record.inside() or ["lobby"]:
            self.enter(room)

    def enter(self, room: str) -> None:
        """A new client does not know how far its user has read, and is told."""
        place = self.record.place(room)
        if place.epoch and room not in self._visited:
            self._client.join(room, since=place.shown, epoch=place.epoch)
        else:
            self._client.join(room, recent=20)
        self._visited.add(room)

    def leave(self, room: str) -> None:
        self.record.add(Departed(room))
        self._client.leave(room)

    def unsent(self) -> int:
        return len(self._client.unsent)

    def listen(self, seconds: float) -> None:
        if self._lost.wait(seconds):
            raise Ended("refused for good, for now")

    def say(self, *typed: Typed) -> None:
        for each in typed:
            receipt = self._client.say(each.room, each.text, to=each.to, once=each.once, id=each.id)
            if not (receipt.done() and isinstance(receipt.exception(), ConnectionFailed)):
                self.taken(each)
            receipt.add_done_callback(self._note_receipt)

    def _note_receipt(self, receipt: Future[events.Receipt]) -> None:
        """A refusal is heard as an event, too."""
        if not receipt.exception():
            told = receipt.result()
            self.record.add(Receipted(told.id, told.room, told.seq))

    def search(self, query: str) -> None:
        self._client.search(query, limit=100).add_done_callback(self._note_found)

    def _note_found(self, found: Future[messages.Found]) -> None:
        if not found.exception():
            self.record.add(Found([_shown(message) for message in found.result().messages]))

    # -------------------------------------------------------------------------------------------------- its ear

    def _hear(self, heard: Iterator[ClientEvent], lost: threading.Event) -> None:
        for event in heard:
            if isinstance(event, messages.Room):
                self._visited.add(event.room)
            if fact := self._fact_of(event):
                self.record.add(fact)
            if isinstance(event, messages.Message) and event.once:
                self._client.seen(event.room, event.seq)
        lost.set()

    def _fact_of(self, event: ClientEvent) -> AnyFact | None:
        match event:
            case messages.Message(room=room, seq=seq, replayed=replayed):
                return None if self.knew_before_a_call(room, seq, replayed=replayed) else _shown(event)
            case messages.Room(room=room, epoch=epoch, since=since):
                return Entered(room, epoch, since)
            case events.Reset(room=room):
                return Restarted(room)
            case events.Gap(room=room, first=first, last=last):
                return Missed(room, first, last)
            case messages.Left(room=room, username=self.part.name):
                return Departed(room)
            case events.Unsayable(id=id, error=error):
                return Refused(id, error.code)
        return None


def _shown(message: messages.Message) -> Shown:
    return Shown(message.room, message.seq, message.id, message.username, message.message)


# ---------------------------------------------------------------------------------------------- a process of its own


def main(part: str, record: str) -> None:
    person = LibraryPerson(msgspec.json.decode(part, type=Part), Record(Path(record)))
    person.start()
    try:
        for line in sys.stdin:
            print(_obey(person, msgspec.json.decode(line, type=Order)), flush=True)
    finally:
        person.end()


def _obey(person: Person, order: Order) -> str:
    if order.goals is not None:
        return "shown" if person.finish(order.goals, order.patience) else "not shown"
    person.hush()
    return "silent" if person.wait_until_silent(order.patience) else "not silent"


if __name__ == "__main__":
    main(*sys.argv[1:])
