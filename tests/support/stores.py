"""What is said, as a store is given it."""

from collections.abc import Sequence

from chatroom.messages import Message, Say
from chatroom.server.store import RoomRecord, Said, Store

ADA, BOB = 1_000_001, 1_000_002
"""Two owners."""
FAR = 1 << 62


def say(id: str, message: str = "hi", room: str = "lobby") -> Say:
    return Say(id=id, room=room, message=message)


def said(*ids: str, owner: int = ADA, username: str = "ada") -> Said:
    return Said(owner, username, [say(id) for id in ids])


def ids(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last + 1)]


def fill(store: Store, room: RoomRecord, first: int, last: int, now: int = 0) -> None:
    """Has Ada say 1, 2, 3 ... as far as asked, so that ids and numbers are the same."""
    store.append(room, [said(*ids(first, last))], now)


def seqs(messages: Sequence[Message]) -> list[int]:
    return [message.seq for message in messages]


def everything(store: Store, room: RoomRecord) -> list[Message]:
    return store.page(room, 0, FAR, FAR)
