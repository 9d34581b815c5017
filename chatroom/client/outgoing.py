"""What was typed and is not stored yet: it is seen below the conversation until its receipt comes, or for as long as
its writer wants to try again.

Knows words and what became of them. Knows nothing of connections: whoever says the words tells what happened to them.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from chatroom.messages import Kind, Say
from chatroom.text import fold


class Words(NamedTuple):
    """Something typed; with the reason, where the server would not have it."""

    id: str
    room: str
    text: str
    kind: Kind
    reply_to: int | None = None
    to: tuple[str, ...] | None = None
    once: bool = False
    refusal: str = ""


def _words_of(say: Say) -> Words:
    names = None if say.to is None else tuple(say.to)
    return Words(say.id, say.room, say.message, say.kind, say.reply_to, names, say.once)


class Outgoing:
    """In the order in which it was typed. Used by one thread at a time."""

    def __init__(self, unsent: Iterable[Say] = ()) -> None:
        self._words = {say.id: _words_of(say) for say in unsent}
        self._stored: set[str] = set()

    def __len__(self) -> int:
        return len(self._words)

    def add(self, words: Words) -> None:
        self._words[words.id] = words

    def shown(self, id: str) -> bool:
        """It stands in the conversation now; whether it was ours."""
        self._stored.discard(id)
        return self._words.pop(id, None) is not None

    def stored(self, id: str) -> None:
        """It has its receipt. It stays to be seen until it is shown, or swept away."""
        if id in self._words:
            self._stored.add(id)

    def sweep(self) -> None:
        """Forgets what is stored and was not shown: it was said in a room that is not looked at any more."""
        for id in self._stored:
            self._words.pop(id, None)
        self._stored.clear()

    def refused(self, id: str, refusal: str) -> bool:
        """The server would not have it; whether it was ours."""
        words = self._words.get(id)
        if words:
            self._words[id] = words._replace(refusal=refusal)
        return words is not None

    def take_refused(self) -> list[Words]:
        """Everything that was refused, to be said again or forgotten."""
        refused = [words for words in self._words.values() if words.refusal]
        for words in refused:
            del self._words[words.id]
        return refused

    def has_refused(self) -> bool:
        return any(words.refusal for words in self._words.values())

    def waiting(self) -> int:
        """How much still waits for its receipt."""
        return sum(not words.refusal for words in self._words.values()) - len(self._stored)

    def within(self, room: str | None) -> Iterator[Words]:
        """What was typed in this room, or, without one, in any."""
        return (words for words in self._words.values() if room is None or fold(words.room) == fold(room))
