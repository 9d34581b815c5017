"""A store that lives as long as the process: for tests, notebooks, and rooms that shall leave no trace.

Keeps every promise of a store but to survive. Holds the newest messages of each room, and all ids. Knows no files.
"""

import bisect
import threading
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, count, islice, repeat
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from chatroom import text
from chatroom.errors import StoreFailed
from chatroom.messages import Change as Changed
from chatroom.messages import Deleted, Edited, Entry, Message, Numbered, Reacted, Say, Skip, Stored
from chatroom.server.store import (
    Appended,
    Change,
    IdConflict,
    Query,
    Reader,
    RoomRecord,
    Said,
    Standing,
    Whisper,
    Words,
    new_epoch,
)
from chatroom.server.store.memory_people import MemoryPeople
from chatroom.server.store.spoken import Run, Spoken
from chatroom.server.store.words import asked_for, newest, words_in

HELD = 100_000
"""So many messages of a room are held at least; a quarter more, and the oldest are forgotten."""


class _Private(NamedTuple):
    """Who may read a number, and of a view-once message, who waits to be shown it."""

    readers: frozenset[int]
    waiting: set[int]
    once: bool


class _History:
    """What is held of one room. The authors stand beside the events: plain numbers, which nobody must collect."""

    __slots__ = ("events", "gone", "invited", "owners", "private")

    def __init__(self) -> None:
        self.events: list[Entry] = []
        self.owners = array("q")
        self.private: dict[int, _Private] = {}
        self.invited: set[int] = set()
        self.gone: list[int] = []
        """Erased just now; what edits made of these is still to be taken back."""

    def erased(self, message: Message) -> Deleted:
        """What stands in its place from now on. Nobody waits for it any more."""
        room, seq = message.room, message.seq
        if rule := self.private.get(seq):
            rule.waiting.clear()
        self.gone.append(seq)
        return Deleted(room=room, seq=seq, time=message.time, username=message.username, target=seq)

    def withdraw(self, first: int) -> None:
        """What edits made of a text that is gone is gone too: its number is left, and nobody reads it."""
        for target in self.gone:
            for place in range(target + 1 - first, len(self.events)):
                event = self.events[place]
                if isinstance(event, Edited) and event.target == target:
                    self.events[place] = replace(event, message="")
                    self.private[event.seq] = _Private(frozenset(), set(), once=False)
        self.gone.clear()


class MemoryStore:
    """See Store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.people = MemoryPeople(self._keep_seen_of)
        self._numbers = count(1)
        self._said: dict[RoomRecord, _History] = {}
        self._spoken: defaultdict[int, Spoken] = defaultdict(Spoken)
        """By owner."""
        self._seen: defaultdict[RoomRecord, dict[int, int]] = defaultdict(dict)

    def rooms(self) -> list[RoomRecord]:
        with self._lock:
            return list(self._said)

    def add_room(self, name: str, folded: str, *, founder: int = 0, pair: tuple[int, int] | None = None) -> RoomRecord:
        with self._lock:
            room = RoomRecord(next(self._numbers), name, folded, new_epoch())
            room.founder, room.pair = founder, pair
            self._said[room] = _History()
        return room

    def drop_room(self, room: RoomRecord) -> None:
        with self._lock:
            del self._said[room]
            self._seen.pop(room, None)

    def set_topic(self, room: RoomRecord, topic: str) -> None:
        room.topic = topic

    def set_access(self, room: RoomRecord, *, private: bool) -> None:
        room.private = private

    def set_keeps(self, room: RoomRecord, ms: int | None) -> None:
        room.keeps = ms

    def invite(self, room: RoomRecord, owners: Iterable[int]) -> None:
        with self._lock:
            self._said[room].invited.update(owners)

    def invited(self, room: RoomRecord) -> set[int]:
        with self._lock:
            return set(self._said[room].invited)

    def append(self, room: RoomRecord, said: Sequence[Said], now: int) -> Appended:
        with self._lock:
            time = max(now, room.time)
            events: list[Entry] = []
            repeats: list[tuple[int, Stored | IdConflict]] = []
            for place, group in enumerate(said):
                add = self._append if group.plain else self._append_each
                repeats += [(place, repeat) for repeat in add(room, group, time, events)]
            history = self._said[room]
            readers = _readers(events, history.private) if history.private else {}
            history.events += events
            history.withdraw(room.first)
            if events:
                room.last, room.time = room.last + len(events), time
            self._forget_overflow(room)
        return Appended(events, repeats, readers)

    def _append(self, room: RoomRecord, said: Said, time: int, events: list[Entry]) -> Iterable[Stored | IdConflict]:
        """Adds what is new to the messages, and gives the answers to what is not."""
        name, username = room.name, said.username
        says: Sequence[Say] = said.says  # type: ignore[assignment]
        first = room.last + 1 + len(events)
        ids = tuple([say.id for say in says])
        run = Run(room.key, first, time, ids, array("q", [hash(say.message) for say in says]))
        if not self._spoken[said.owner].add(run):
            return self._append_each(room, said, time, events)
        self._said[room].owners.extend(repeat(said.owner, len(says)))
        events += [
            Message(name, seq, time, username, say.message, say.id, say.kind, say.reply_to)
            for seq, say in enumerate(says, first)
        ]
        return ()

    def _append_each(
        self, room: RoomRecord, said: Said, time: int, events: list[Entry]
    ) -> Iterator[Stored | IdConflict]:
        """The same, where something was said before, or is not for all, or changes what was said."""
        for word in said.says:
            say = word.say if isinstance(word, Whisper) else word
            if isinstance(say, Change):
                self._change(room, said, say, time, events)
            elif run := self._spoken[said.owner].find(say.id):
                yield _repeat(run, room, say)
            else:
                self._append(room, said._replace(says=[say]), time, events)
                self._restrict(room, said.owner, word, events)

    def _restrict(self, room: RoomRecord, owner: int, word: Words, events: list[Entry]) -> None:
        """What was said last is perhaps not for all."""
        if isinstance(word, Whisper):
            say, message = word.say, events[-1]
            events[-1] = replace(message, to=say.to, once=say.once)
            waiting = set(word.readers - {owner}) if say.once else set()
            self._said[room].private[message.seq] = _Private(word.readers | {owner}, waiting, say.once)

    def _change(self, room: RoomRecord, said: Said, change: Change, time: int, events: list[Entry]) -> None:
        """One that comes too late changes nothing, so it is for its author alone."""
        history, seq = self._said[room], room.last + 1 + len(events)
        events.append(_change_of(room, seq, time, said.username, change))
        history.owners.append(said.owner)
        place = change.target - room.last - 1
        among, at = (events, place) if place >= 0 else (history.events, change.target - room.first)
        target = among[at] if 0 <= at < len(among) else None
        if not isinstance(target, Message):
            history.private[seq] = _Private(frozenset([said.owner]), set(), once=False)
            return
        if rule := history.private.get(change.target):
            history.private[seq] = _Private(rule.readers, set(), once=False)
        if change.what == "edited":
            among[at] = replace(target, message=change.text)
        elif change.what == "deleted":
            among[at] = history.erased(target)

    def repeat(self, room: RoomRecord, owner: int, say: Say) -> Stored | IdConflict | None:
        with self._lock:
            run = self._spoken[owner].find(say.id)
            return _repeat(run, room, say) if run else None

    def _forget_overflow(self, room: RoomRecord) -> None:
        held = len(self._said[room].events)
        if held > HELD * 5 // 4:
            self._forget(room, held - HELD)

    def _forget(self, room: RoomRecord, oldest: int) -> None:
        history = self._said[room]
        del history.events[:oldest], history.owners[:oldest]
        room.first += oldest
        if history.private:
            history.private = {seq: private for seq, private in history.private.items() if seq >= room.first}

    # ---------------------------------------------------------------------------------------------- reading

    def page(
        self, room: RoomRecord, after: int, before: int, limit: int, *, reader: int, newest: bool = False,
        history: bool = False,
    ) -> list[Numbered]:  # fmt: skip
        with self._lock:
            held = self._said.get(room) or _History()
            start = max(0, after + 1 - room.first)
            end = max(start, min(len(held.events), before - room.first))
            if newest:
                start = max(start, end - limit)
            page = held.events[start : min(end, start + limit)]
            if held.private:
                return [_as_seen(event, held.private, reader, history=history) for event in page]
        return [replayed(event) for event in page]

    def standing(self, room: RoomRecord, seq: int) -> Standing | None:
        with self._lock:
            held, place = self._said[room], seq - room.first
            event = held.events[place] if 0 <= place < len(held.events) else None
            if not isinstance(event, Message):
                return None
            private = held.private.get(seq)
            return Standing(held.owners[place], event.username, private and private.readers, event.once)

    def search(self, query: Query) -> list[Message]:
        words = asked_for(query.words)
        if not words:
            return []
        found = (islice(self._find(room, query, words), query.limit) for room in query.rooms)
        return newest(chain.from_iterable(found), query.limit)

    def _find(self, room: RoomRecord, query: Query, words: Sequence[str]) -> Iterator[Message]:
        """The newest first. While it looks, everybody goes on."""
        with self._lock:
            held = self._said.get(room) or _History()
            events, private = held.events[::-1], dict(held.private)
        for event in events:
            rule = private.get(event.seq)
            if not isinstance(event, Message) or event.once or (rule and query.reader not in rule.readers):
                continue
            if query.author in (None, text.fold(event.username)) and _has_words(event, words):
                yield replace(event, replayed=True)

    def index(self) -> bool:
        return False

    def unseen_once(self, room: RoomRecord) -> int:
        with self._lock:
            return min((seq for seq, private in self._said[room].private.items() if private.waiting), default=0)

    def seen_once(self, reader: Reader, seq: int) -> None:
        with self._lock:
            held, first = self._said[reader.room], reader.room.first
            for shown, rule in list(held.private.items()):
                if shown <= seq and reader.owner in rule.waiting:
                    rule.waiting.discard(reader.owner)
                    message = held.events[shown - first]
                    if not rule.waiting and isinstance(message, Message):
                        held.events[shown - first] = held.erased(message)
            held.withdraw(first)

    def seen(self, reader: Reader) -> int:
        with self._lock:
            return self._seen.get(reader.room, {}).get(reader.owner, 0)

    def keep_seen(self, positions: Mapping[Reader, int]) -> None:
        with self._lock:
            for (owner, room), seq in positions.items():
                self._seen[room][owner] = max(seq, self._seen[room].get(owner, 0))

    def _keep_seen_of(self, owners: set[int]) -> None:
        """All others have neither a session nor an account any more."""
        with self._lock:
            for seen in self._seen.values():
                for owner in seen.keys() - owners:
                    del seen[owner]

    # ------------------------------------------------------------------------------------------------- age

    def prune(self, before: int | None, now: int) -> None:
        with self._lock:
            for room, history in self._said.items():
                limit = before if room.keeps is None else now - room.keeps if room.keeps else None
                if limit is not None:
                    self._forget(room, bisect.bisect_left(history.events, limit, key=lambda event: event.time))

    def backup(self, path: Path) -> None:
        raise StoreFailed("This server keeps everything in memory, so there is nothing to back up.")

    def close(self) -> None:
        pass


def _as_seen(event: Entry, private: Mapping[int, _Private], reader: int, *, history: bool) -> Numbered:
    if (rule := private.get(event.seq)) and not _may_see(event, rule, reader, history=history):
        return Skip(event.room, event.seq)
    return replayed(event)


def _may_see(event: Entry, rule: _Private, reader: int, *, history: bool) -> bool:
    if rule.once and isinstance(event, Message):
        return not history and reader in rule.waiting
    return reader in rule.readers


def _readers(events: Iterable[Entry], private: Mapping[int, _Private]) -> dict[int, frozenset[int]]:
    return {event.seq: private[event.seq].readers for event in events if event.seq in private}


def _change_of(room: RoomRecord, seq: int, time: int, username: str, change: Change) -> Entry:
    common = {"room": room.name, "seq": seq, "time": time, "username": username, "target": change.target}
    common["id"] = change.id
    match change.what:
        case "edited":
            return Edited(message=change.text, **common)  # type: ignore[arg-type]
        case "deleted":
            return Deleted(**common)  # type: ignore[arg-type]
    return Reacted(emoji=change.text, on=change.on, **common)  # type: ignore[arg-type]


def _has_words(message: Message, words: Sequence[str]) -> bool:
    """All of them; the last may be the beginning of one."""
    said = words_in(message.message)
    return all(word in said for word in words[:-1]) and any(word.startswith(words[-1]) for word in said)


def _repeat(run: Run, room: RoomRecord, say: Say) -> Stored | IdConflict:
    place = run.ids.index(say.id)
    if run.room == room.key and run.hashes[place] == hash(say.message):
        return Stored(say.id, room.name, run.first + place, run.time)
    return IdConflict(say.id)


def replayed(event: Entry) -> Entry:
    """The event as it is sent from history."""
    return replace(event, replayed=True, id=None) if isinstance(event, Changed) else replace(event, replayed=True)
