"""A store that lives as long as the process: for tests, notebooks, and rooms that shall leave no trace.

Keeps every promise of a store but to survive. Holds the newest messages of each room, and all ids. Knows no files.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, count, islice
from pathlib import Path

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
    Repeat,
    RoomRecord,
    Speech,
    Standing,
    Talk,
    Whisper,
    Words,
    new_epoch,
)
from chatroom.server.store.held import History, Private
from chatroom.server.store.memory_people import MemoryPeople
from chatroom.server.store.spoken import Run, Spoken
from chatroom.server.store.words import asked_for, newest, words_in

HELD = 100_000
"""So many messages of a room are held at least; a quarter more, and the oldest are forgotten."""


class MemoryStore:
    """See Store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.people = MemoryPeople(self._keep_seen_of)
        self._numbers = count(1)
        self._held: dict[RoomRecord, History] = {}
        self._spoken: defaultdict[int, Spoken] = defaultdict(Spoken)
        """By owner."""
        self._seen: defaultdict[RoomRecord, dict[int, int]] = defaultdict(dict)

    def rooms(self) -> list[RoomRecord]:
        with self._lock:
            return list(self._held)

    def add_room(self, name: str, folded: str, *, founder: int = 0, pair: tuple[int, int] | None = None) -> RoomRecord:
        with self._lock:
            room = RoomRecord(next(self._numbers), name, folded, new_epoch())
            room.founder, room.pair = founder, pair
            self._held[room] = History(room.name)
        return room

    def drop_room(self, room: RoomRecord) -> None:
        with self._lock:
            del self._held[room]
            self._seen.pop(room, None)

    def set_topic(self, room: RoomRecord, topic: str) -> None:
        room.topic = topic

    def set_access(self, room: RoomRecord, *, private: bool) -> None:
        room.private = private

    def set_keeps(self, room: RoomRecord, ms: int | None) -> None:
        room.keeps = ms

    def invite(self, room: RoomRecord, owners: Iterable[int]) -> None:
        with self._lock:
            self._held[room].invited.update(owners)

    def invited(self, room: RoomRecord) -> set[int]:
        with self._lock:
            return set(self._held[room].invited)

    def append(self, room: RoomRecord, said: Sequence[Speech], now: int) -> Appended:
        with self._lock:
            time, history = max(now, room.time), self._held[room]
            events: list[Entry] = []
            repeats: list[tuple[int, Repeat]] = []
            for place, group in enumerate(said):
                if not (isinstance(group, Talk) and self._append_talk(room, group, time, events)):
                    repeats += [(place, repeat) for repeat in self._append_each(room, group, time, events)]
            readers = _readers(events, history.private) if history.private else {}
            history.withdraw()
            if events:
                room.last, room.time = room.last + len(events), time
            self._forget_overflow(room)
        return Appended(events, repeats, readers)

    def _append_talk(self, room: RoomRecord, talk: Talk, time: int, events: list[Entry]) -> bool:
        """Adds it to the events, if nothing of it was said before."""
        first = room.last + 1 + len(events)
        run = self._spoken[talk.owner].add(room.key, first, time, talk.texts, talk.ids)
        if run:
            self._held[room].add_talk(run, talk)
            events += talk.messages(room.name, first, time)
        return run is not None

    def _append_each(self, room: RoomRecord, said: Speech, time: int, events: list[Entry]) -> Iterator[Repeat]:
        """Adds what is new to the events, and gives the answers to what is not."""
        for word in said.words(room.name):
            if isinstance(word, Change):
                self._change(room, said, word, time, events)
                continue
            say = word.say if isinstance(word, Whisper) else word
            if known := self._spoken[said.owner].find(say.id):
                yield _repeat(known, room, say)
            else:
                events.append(self._append_one(room, said, say, room.last + 1 + len(events), time))
                self._restrict(room, said.owner, word, events[-1].seq)

    def _append_one(self, room: RoomRecord, said: Speech, say: Say, seq: int, time: int) -> Message:
        self._spoken[said.owner].add(room.key, seq, time, [say.message], [say.id])
        more = say.kind, say.reply_to, False, say.to, say.once
        message = Message(room.name, seq, time, said.username, say.message, say.id, *more)
        self._held[room].add(message, said.owner)
        return message

    def _restrict(self, room: RoomRecord, owner: int, word: Words, seq: int) -> None:
        """What was said last is perhaps not for all."""
        if isinstance(word, Whisper):
            waiting = set(word.readers - {owner}) if word.say.once else set()
            self._held[room].private[seq] = Private(word.readers | {owner}, waiting, word.say.once)

    def _change(self, room: RoomRecord, said: Speech, change: Change, time: int, events: list[Entry]) -> None:
        """One that comes too late changes nothing, so it is for its author alone."""
        history, seq = self._held[room], room.last + 1 + len(events)
        events.append(event := _change_of(room, seq, time, said.username, change))
        history.add(event, said.owner)
        target, _ = history.at(change.target) or (None, 0)
        if not isinstance(target, Message):
            history.private[seq] = Private(frozenset([said.owner]), set(), once=False)
            return
        if rule := history.private.get(change.target):
            history.private[seq] = Private(rule.readers, set(), once=False)
        if change.what == "edited":
            history.put(replace(target, message=change.text))
        elif change.what == "deleted":
            history.erase(target)

    def repeat(self, room: RoomRecord, owner: int, say: Say) -> Repeat | None:
        with self._lock:
            known = self._spoken[owner].find(say.id)
        return _repeat(known, room, say) if known else None

    def _forget_overflow(self, room: RoomRecord) -> None:
        if room.last - room.first + 1 > HELD * 5 // 4:
            self._forget(room, room.last - HELD + 1)

    def _forget(self, room: RoomRecord, first: int) -> None:
        """All that is older than this number."""
        self._held[room].forget(first)
        room.first = first

    # ---------------------------------------------------------------------------------------------- reading

    def page(
        self, room: RoomRecord, after: int, before: int, limit: int, *, reader: int, newest: bool = False,
        history: bool = False,
    ) -> list[Numbered]:  # fmt: skip
        with self._lock:
            held = self._held.get(room) or History(room.name)
            page = held.page(after, before, limit, newest=newest)
            if held.private:
                return [_as_seen(event, held.private, reader, history=history) for event in page]
        return [replayed(event) for event in page]

    def standing(self, room: RoomRecord, seq: int) -> Standing | None:
        with self._lock:
            held = self._held[room]
            event, owner = held.at(seq) or (None, 0)
            if not isinstance(event, Message):
                return None
            private = held.private.get(seq)
            return Standing(owner, event.username, private and private.readers, event.once)

    def search(self, query: Query) -> list[Message]:
        words = asked_for(query.words)
        if not words:
            return []
        found = (islice(self._find(room, query, words), query.limit) for room in query.rooms)
        return newest(chain.from_iterable(found), query.limit)

    def _find(self, room: RoomRecord, query: Query, words: Sequence[str]) -> Iterator[Message]:
        """The newest first. While it looks, everybody goes on."""
        with self._lock:
            held = self._held.get(room) or History(room.name)
            events, private = held.newest_first(), dict(held.private)
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
            return min((seq for seq, private in self._held[room].private.items() if private.waiting), default=0)

    def seen_once(self, reader: Reader, seq: int) -> None:
        with self._lock:
            held = self._held[reader.room]
            for shown, rule in list(held.private.items()):
                if shown <= seq and reader.owner in rule.waiting:
                    rule.waiting.discard(reader.owner)
                    message, _ = held.at(shown) or (None, 0)
                    if not rule.waiting and isinstance(message, Message):
                        held.erase(message)
            held.withdraw()

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
            for room, history in self._held.items():
                limit = before if room.keeps is None else now - room.keeps if room.keeps else None
                if limit is not None:
                    self._forget(room, history.first_since(limit, otherwise=room.last + 1))

    def backup(self, path: Path) -> None:
        raise StoreFailed("This server keeps everything in memory, so there is nothing to back up.")

    def close(self) -> None:
        pass


def _as_seen(event: Entry, private: Mapping[int, Private], reader: int, *, history: bool) -> Numbered:
    if (rule := private.get(event.seq)) and not _may_see(event, rule, reader, history=history):
        return Skip(event.room, event.seq)
    return replayed(event)


def _may_see(event: Entry, rule: Private, reader: int, *, history: bool) -> bool:
    if rule.once and isinstance(event, Message):
        return not history and reader in rule.waiting
    return reader in rule.readers


def _readers(events: Iterable[Entry], private: Mapping[int, Private]) -> dict[int, frozenset[int]]:
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


def _repeat(known: tuple[Run, int], room: RoomRecord, say: Say) -> Repeat:
    run, place = known
    if run.room == room.key and run.hashes[place] == hash(say.message):
        return Stored(say.id, room.name, run.first + place, run.time)
    return IdConflict(say.id)


def replayed(event: Entry) -> Entry:
    """The event as it is sent from history."""
    return replace(event, replayed=True, id=None) if isinstance(event, Changed) else replace(event, replayed=True)
