"""A store that lives as long as the process: for tests, notebooks, and rooms that shall leave no trace.

Keeps every promise of a store but to survive. Holds the newest messages of each room, and all ids. Knows no files.
"""

import threading
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count

from msgspec import Struct
from msgspec.structs import replace

from chatroom.messages import Message, Say, Stored
from chatroom.server.store import Appended, IdConflict, Reader, RoomRecord, Said, new_epoch

HELD = 100_000
"""So many messages of a room are held at least; a quarter more, and the oldest are forgotten."""


class _Spoken(Struct, frozen=True, gc=False):
    """What one owner said in one go, as far as it is remembered for ever. Its ids share it, so that what is kept of
    a message is little beside its id, and nothing that the garbage collector must visit."""

    room: int
    first: int
    time: int
    ids: tuple[str, ...]
    hashes: "array[int]"
    """Of the texts."""


class MemoryStore:
    """See Store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._said: dict[RoomRecord, list[Message]] = {}
        self._ids: defaultdict[int, dict[str, _Spoken]] = defaultdict(dict)
        self._guests: dict[bytes, tuple[int, int]] = {}
        self._seen: defaultdict[RoomRecord, dict[int, int]] = defaultdict(dict)

    def rooms(self) -> list[RoomRecord]:
        with self._lock:
            return list(self._said)

    def add_room(self, name: str, folded: str) -> RoomRecord:
        with self._lock:
            room = RoomRecord(next(self._numbers), name, folded, new_epoch())
            self._said[room] = []
        return room

    def drop_room(self, room: RoomRecord) -> None:
        with self._lock:
            del self._said[room]
            self._seen.pop(room, None)

    def set_topic(self, room: RoomRecord, topic: str) -> None:
        room.topic = topic

    def append(self, room: RoomRecord, said: Sequence[Said], now: int) -> Appended:
        with self._lock:
            time = max(now, room.time)
            messages: list[Message] = []
            repeats: list[tuple[int, Stored | IdConflict]] = []
            for place, group in enumerate(said):
                repeats += [(place, repeat) for repeat in self._append(room, group, time, messages)]
            self._said[room] += messages
            room.last, room.time = room.last + len(messages), time
            self._forget_overflow(room)
        return Appended(messages, repeats)

    def _append(
        self, room: RoomRecord, said: Said, time: int, messages: list[Message]
    ) -> Iterable[Stored | IdConflict]:
        """Adds what is new to the messages, and gives the answers to what is not."""
        name, username, says, known = room.name, said.username, said.says, self._ids[said.owner]
        first = room.last + 1 + len(messages)
        ids = tuple([say.id for say in says])
        spoken = _Spoken(room.key, first, time, ids, array("q", [hash(say.message) for say in says]))
        new = dict.fromkeys(ids, spoken)
        if len(new) < len(says) or not known.keys().isdisjoint(new):
            return self._append_new(room, said, time, messages)
        known.update(new)
        messages += [
            Message(name, seq, time, username, say.message, say.id, say.kind, say.reply_to)
            for seq, say in enumerate(says, first)
        ]
        return ()

    def _append_new(
        self, room: RoomRecord, said: Said, time: int, messages: list[Message]
    ) -> Iterator[Stored | IdConflict]:
        """The same, where something was said before."""
        for say in said.says:
            if spoken := self._ids[said.owner].get(say.id):
                yield _repeat(spoken, room, say)
            else:
                self._append(room, said._replace(says=[say]), time, messages)

    def _forget_overflow(self, room: RoomRecord) -> None:
        said = self._said[room]
        if len(said) > HELD * 5 // 4:
            self._forget(room, len(said) - HELD)

    def _forget(self, room: RoomRecord, oldest: int) -> None:
        del self._said[room][:oldest]
        room.first += oldest

    def page(self, room: RoomRecord, after: int, before: int, limit: int, *, newest: bool = False) -> list[Message]:
        with self._lock:
            said = self._said.get(room, [])
            start = max(0, after + 1 - room.first)
            end = max(start, min(len(said), before - room.first))
            if newest:
                start = max(start, end - limit)
            page = said[start : min(end, start + limit)]
        return [replayed(message) for message in page]

    def seen(self, reader: Reader) -> int:
        with self._lock:
            return self._seen.get(reader.room, {}).get(reader.owner, 0)

    def keep_seen(self, positions: Mapping[Reader, int]) -> None:
        with self._lock:
            for (owner, room), seq in positions.items():
                self._seen[room][owner] = max(seq, self._seen[room].get(owner, 0))

    def add_guest(self, username: str, token: bytes, now: int) -> int:
        with self._lock:
            number = next(self._numbers)
            self._guests[token] = (number, now)
        return number

    def guest(self, token: bytes, now: int) -> int | None:
        with self._lock:
            known = self._guests.get(token)
            if known is None:
                return None
            self._guests[token] = (known[0], now)
        return known[0]

    def touch_guests(self, owners: Iterable[int], now: int) -> None:
        present = set(owners)
        with self._lock:
            for token, (owner, _) in self._guests.items():
                if owner in present:
                    self._guests[token] = (owner, now)

    def forget_guests(self, unused_since: int) -> None:
        with self._lock:
            self._guests = {token: guest for token, guest in self._guests.items() if guest[1] >= unused_since}
            owners = {owner for owner, _ in self._guests.values()}
            for seen in self._seen.values():
                for owner in seen.keys() - owners:
                    del seen[owner]

    def prune(self, before: int) -> None:
        with self._lock:
            for room, said in self._said.items():
                self._forget(room, sum(message.time < before for message in said))

    def close(self) -> None:
        pass


def _repeat(spoken: _Spoken, room: RoomRecord, say: Say) -> Stored | IdConflict:
    place = spoken.ids.index(say.id)
    if spoken.room == room.key and spoken.hashes[place] == hash(say.message):
        return Stored(say.id, room.name, spoken.first + place, spoken.time)
    return IdConflict(say.id)


def replayed(message: Message) -> Message:
    """The message as it is sent from history."""
    return replace(message, replayed=True)
