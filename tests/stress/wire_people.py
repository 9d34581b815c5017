"""People who speak the protocol by hand, by the letter of its delivery rules: nothing that the server does wrong is
mended before it is written down, not even what comes twice.

Knows frames and events. Knows nothing of the package under test.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from tests.server.wire_client import Closed, Event, WireClient, frame
from tests.stress.people import Ended, Part, Person
from tests.stress.record import Departed, Entered, Found, Missed, Receipted, Record, Refused, Restarted, Shown, Typed

PASSING = ("store_failed", "slow_down", "internal", "shutting_down")


class WirePerson(Person):
    """Each life is a connection. Its memory is its own, and outlives them."""

    def __init__(self, part: Part, record: Record) -> None:
        super().__init__(part, record)
        self._session = ""
        self._unsent: dict[str, Typed] = {}
        self._again: set[str] = set()
        """The ids of what was refused for now."""
        self._entering: set[str] = set()
        """The rooms that it has asked to be in, and was not answered yet."""
        self._present: set[str] = set()
        """The rooms that this connection has asked to be in, and was let into."""

    def live(self) -> None:
        with suppress(OSError, Closed, Ended), WireClient(self.part.port, tls=self.part.tls) as self._client:
            self._come_in()
            self._entering.clear()
            self._present.clear()
            self._again.clear()
            for room in self._rooms_to_be_in():
                self.enter(room)
            self._send(*self._unsent.values())
            self.stay()

    def _rooms_to_be_in(self) -> Iterable[str]:
        """Where one was, and where something is to be said again: that is refused of who is not in."""
        return dict.fromkeys([*(self.record.inside() or ["lobby"]), *(typed.room for typed in self._unsent.values())])

    def _come_in(self) -> None:
        session = {"session": self._session} if self._session else {}
        self._client.send("hello", protocol=1, username=self.part.name, **session)
        answer = self._client.receive()
        if answer["type"] != "welcome":
            raise Ended(answer)
        self._session = answer["session"]

    def enter(self, room: str) -> None:
        """But not twice at a time: the second answer would tell again what the first one told."""
        if room in self._entering:
            return
        self._entering.add(room)
        place = self.record.place(room)
        since = {"since": place.shown, "epoch": place.epoch} if place.epoch else {"recent": 20}
        self._client.send("join", id=f"join {room}", room=room, **since)

    def leave(self, room: str) -> None:
        """But not while it might have to say something there again."""
        if room not in self._present or any(typed.room == room for typed in self._unsent.values()):
            return
        self.record.add(Departed(room))
        self._present.discard(room)
        self._client.send("leave", room=room)

    def unsent(self) -> int:
        return len(self._unsent)

    def say(self, *typed: Typed) -> None:
        for each in typed:
            self._unsent[each.id] = each
            self.taken(each)
        self._send(*typed)

    def _send_again(self) -> None:
        """But nothing of which an answer is still due: the first might be no, and the second yes."""
        self._send(*(typed for id, typed in self._unsent.items() if id in self._again))
        self._again.clear()

    def _send(self, *typed: Typed) -> None:
        self._client.send_bytes(b"".join(map(_say, typed)))

    def search(self, query: str) -> None:
        self._client.send("search", query=query, limit=100)

    # ---------------------------------------------------------------------------------------------------- listening

    def listen(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with suppress(TimeoutError):
            while (left := deadline - time.monotonic()) > 0:
                self._hear(self._client.receive(left))
        if self._again:
            self._send_again()

    def _hear(self, event: Event) -> None:
        if handle := _HANDLERS.get(event["type"]):
            handle(self, event)

    def _on_room(self, event: Event) -> None:
        """Unasked, it tells of a gap, or that somebody talks to us in a direct room: where we want to be in any case,
        the answer to our own join tells more."""
        room, place = event["room"], self.record.place(event["room"])
        if id := event.get("id"):
            self._entering.discard(id.removeprefix("join "))
        if not event.get("id") and place.inside and room not in self._present:
            return
        self._present.add(room)
        if event["reset"]:
            self.record.add(Restarted(room))
        elif event["gap"]:
            self.record.add(Missed(room, place.shown + 1, event["since"]))
        self.record.add(Entered(room, event["epoch"], event["since"]))

    def _on_message(self, event: Event) -> None:
        if event["room"] not in self._present:
            return
        if self.knew_before_a_call(event["room"], event["seq"], replayed=bool(event.get("replayed"))):
            return
        self.record.add(_shown(event))
        if event["username"] == self.part.name:
            self._on_receipt(event)
        if event.get("once"):
            self._client.send("seen", room=event["room"], seq=event["seq"])

    def _on_receipt(self, event: Event) -> None:
        if self._unsent.pop(event["id"], None):
            self.record.add(Receipted(event["id"], event["room"], event["seq"]))

    def _on_error(self, event: Event) -> None:
        id, code = event.get("id") or "", event["code"]
        self._entering.discard(id.removeprefix("join "))
        if event["fatal"]:
            raise Ended(event)
        if id in self._unsent and code in PASSING:
            self._again.add(id)
        elif self._unsent.pop(id, None):
            self.record.add(Refused(id, code))
        elif id.startswith("join ") and code in PASSING:
            raise Ended("not let in for now")
        elif id.startswith("join "):
            self.record.add(Departed(id.removeprefix("join ")))

    def _on_left(self, event: Event) -> None:
        if event["username"] == self.part.name:
            self._present.discard(event["room"])
            self.record.add(Departed(event["room"]))

    def _on_found(self, event: Event) -> None:
        self.record.add(Found([_shown(message) for message in event["messages"]]))


def _say(typed: Typed) -> bytes:
    more: Mapping[str, Any] = {"to": typed.to} if typed.to is not None else {}
    return frame({
        "type": "say", "id": typed.id, "room": typed.room, "message": typed.text, "once": typed.once, **more,
    })  # fmt: skip


def _shown(event: Event) -> Shown:
    return Shown(event["room"], event["seq"], event["id"], event["username"], event["message"])


_HANDLERS: dict[str, Callable[[WirePerson, Event], None]] = {
    "room": WirePerson._on_room,
    "message": WirePerson._on_message,
    "stored": WirePerson._on_receipt,
    "error": WirePerson._on_error,
    "left": WirePerson._on_left,
    "found": WirePerson._on_found,
}
