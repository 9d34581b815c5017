"""What is said, as a store is given it."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from chatroom.messages import Message, Numbered, Say
from chatroom.server.store import (
    Change,
    Query,
    RoomRecord,
    Said,
    Speech,
    Store,
    Talk,
    Whisper,
    Words,
    bursts,
    open_store,
)

ADA, BOB, EVE = 1_000_001, 1_000_002, 1_000_003
"""Three owners."""
NAMES = {ADA: "ada", BOB: "bob", EVE: "eve"}
FAR = 1 << 62

STORES = ("memory", "sqlite", "bursts")
"""The last is SQLite again, where all is kept in bursts that may stand in one, however little it is."""


@contextmanager
def opened(name: str, folder: Path) -> Iterator[Store]:
    url = "memory:" if name == "memory" else f"sqlite:{folder / 'chat.db'}"
    least = 1 if name == "bursts" else bursts.LEAST
    with patch.object(bursts, "LEAST", least), closing(open_store(url, flush=False)) as store:
        yield store


def say(id: str, message: str = "hi", room: str = "lobby") -> Say:
    return Say(id=id, room=room, message=message)


def said(*ids: str, owner: int = ADA, username: str = "ada") -> Talk:
    return Talk(owner, username, ["hi"] * len(ids), ids)


def whisper(id: str, message: str, *readers: int, **more: Any) -> Whisper:
    return Whisper(Say(id=id, room="lobby", message=message, **more), frozenset(readers))


def once(id: str, message: str, *readers: int) -> Whisper:
    return whisper(id, message, *readers, once=True)


def edit(target: int, text: str) -> Change:
    return Change("e", "edited", target, text)


def delete(target: int) -> Change:
    return Change("d", "deleted", target)


def react(target: int, emoji: str = "👍", *, on: bool = True) -> Change:
    return Change("r", "reacted", target, emoji, on)


def by(owner: int, *words: Words) -> Speech:
    """Anything that may be said, in one go: as talk, if it can be."""
    says = [word for word in words if isinstance(word, Say)]
    if len(says) < len(words) or any(say.kind != "text" or say.reply_to is not None for say in says):
        return Said(owner, NAMES[owner], words)
    return Talk(owner, NAMES[owner], [say.message for say in says], [say.id for say in says])


def ids(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last + 1)]


def fill(store: Store, room: RoomRecord, first: int, last: int, now: int = 0) -> None:
    """Has Ada say 1, 2, 3 ... as far as asked, so that ids and numbers are the same."""
    store.append(room, [said(*ids(first, last))], now)


def seqs(messages: Sequence[Numbered]) -> list[int]:
    return [message.seq for message in messages]


def messages(events: Sequence[Numbered]) -> list[Message]:
    return [event for event in events if isinstance(event, Message)]


def page_of(store: Store, room: RoomRecord, reader: int, *, history: bool = False) -> list[Numbered]:
    """All of it, as this owner may see it."""
    return store.page(room, 0, FAR, FAR, reader=reader, history=history)


def found(store: Store, words: str, *rooms: RoomRecord, reader: int = ADA, by: str | None = None) -> list[str]:
    return [message.message for message in store.search(Query(words, reader, rooms, by, 100))]


def everything(store: Store, room: RoomRecord) -> list[Message]:
    return messages(page_of(store, room, ADA))
