"""A room that one is in, as its visitor has it: who is there, what was said, what was not looked at yet.

Knows messages and lines. Knows nothing of which room is looked at, of screens, or of the server.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec.structs import replace

from chatroom.client.render import Line, redacted
from chatroom.messages import Deleted, Edited, Joined, Left, Message, Reacted, Room
from chatroom.text import fold

KEPT = 1_000
"""So many lines of a room that is not looked at are kept; the oldest go."""

KNOWN = 2_000
"""So many of the newest messages can be named by a handle."""

FAR = (1 << 63) - 1
"""Behind every number."""


def is_direct(room: str) -> bool:
    """Whether a room of this name is a conversation with one person."""
    return room.startswith("@")


class Kept(NamedTuple):
    """A line to be shown later: which message it shows, and which other it quotes; or 0."""

    line: Line
    seq: int = 0
    quotes: int = 0


class View:
    """Used by one thread at a time."""

    def __init__(self, room: Room) -> None:
        self.name = room.room
        self.oldest = room.since + 1
        """The number of the oldest message that was shown."""
        self.read = room.seen
        """Up to here everything was looked at before, here or on another device; what follows is new."""
        self.shown = 0
        """The newest message that was looked at here."""
        self.told = room.seen
        """So much of it the server knows."""
        self.newest = 0
        """The newest number that was heard of."""
        self.unread = 0
        self.mentions = 0
        self.day = ""
        """The day of the newest line."""
        self.is_marked = not room.seen
        """Whether the line between old and new needs no drawing: it stands there, or nothing is old."""
        self.once: dict[int, Message] = {}
        """What is to be seen once, and was not yet. Nothing else here knows its text."""
        self._said: OrderedDict[int, Message] = OrderedDict()
        self._reactions: dict[int, list[Reacted]] = {}
        self._speakers: dict[str, str] = {}
        self._kept: deque[Kept] = deque(maxlen=KEPT)
        self._dropped = 0
        self._joined: dict[str, str] = {}
        self._left: dict[str, Left] = {}
        self._before: set[str] = set()
        self.enter(room)

    # ---------------------------------------------------------------------------------------------- people

    def enter(self, room: Room) -> None:
        """The server tells how the room stands."""
        self.topic = room.topic
        self.read = max(self.read, room.seen)
        self._people = {fold(name): name for name in room.members}

    def people(self) -> list[str]:
        return sorted(self._people.values(), key=fold)

    def speakers_first(self) -> list[str]:
        """Everybody here, whoever spoke last first."""
        spoke = [name for key, name in reversed(self._speakers.items()) if key in self._people]
        return [*spoke, *(name for name in self.people() if fold(name) not in self._speakers)]

    def comes(self, event: Joined) -> None:
        key = fold(event.username)
        self._people[key] = event.username
        was_here = key in self._before
        self._before.discard(key)
        if not self._left.pop(key, None) and not was_here:
            self._joined[key] = event.username

    def goes(self, event: Left) -> None:
        key = fold(event.username)
        self._people.pop(key, None)
        if not self._joined.pop(key, None):
            self._left[key] = event

    def lose(self) -> None:
        """The link is lost: nobody hears any more who comes and goes, and who comes back after it never left."""
        untold = self.take_comings()[1]
        self._before = {*self._people, *(fold(event.username) for event in untold)}

    def settle(self) -> None:
        """The outage is long over: from now on everybody who comes is told."""
        self._before.clear()

    def take_comings(self) -> tuple[list[str], list[Left]]:
        """Who came and who went since this was asked last. Who did both is passed over: nothing has changed."""
        comings = list(self._joined.values()), list(self._left.values())
        self._joined, self._left = {}, {}
        return comings

    # -------------------------------------------------------------------------------------------- messages

    def take(self, said: Message) -> None:
        self.oldest = min(self.oldest, said.seq)
        self.newest = max(self.newest, said.seq)
        self.remember([said])
        key = fold(said.username)
        self._speakers.pop(key, None)
        self._speakers[key] = said.username

    def remember(self, said: Iterable[Message]) -> None:
        """From now on these can be named by their handles."""
        for message in said:
            self._said[message.seq] = redacted(message)
        while len(self._said) > KNOWN:
            self._said.popitem(last=False)

    def message(self, seq: int | None) -> Message | None:
        return None if seq is None else self._said.get(seq)

    def latest(self, count: int) -> list[Message]:
        """The newest messages that are known, in order."""
        return [self._said[seq] for seq in sorted(self._said)[-count:]]

    def hold(self, said: Message) -> None:
        """To be seen once; the oldest are given up if there are very many."""
        if len(self.once) == KEPT:
            del self.once[min(self.once)]
        self.once[said.seq] = said

    def read_until(self) -> int:
        """Up to here all was seen. What is still to be seen once is not."""
        return min([self.shown, *(seq - 1 for seq in self.once)])

    # ------------------------------------------------------------------------------------ what becomes of them

    def correct(self, event: Edited) -> Message | None:
        """The message as it was, if it is known."""
        self.newest = max(self.newest, event.seq)
        before = self._said.get(event.target)
        if before:
            self._said[event.target] = replace(before, message=event.message)
        return before

    def forget(self, event: Deleted) -> Message | None:
        """The message as it was, if it is known. Now it is not."""
        self.newest = max(self.newest, event.seq)
        self.once.pop(event.target, None)
        self._reactions.pop(event.target, None)
        return self._said.pop(event.target, None)

    def react(self, event: Reacted) -> None:
        """To be told in a moment. Who takes back a reaction of this very moment has not reacted."""
        self.newest = max(self.newest, event.seq)
        events = self._reactions.setdefault(event.target, [])
        who = fold(event.username)
        if undone := [e for e in events if (fold(e.username), e.emoji) == (who, event.emoji)]:
            events[:] = [e for e in events if e not in undone]
        if not undone or undone[-1].on == event.on:
            events.append(event)

    def take_reactions(self) -> list[list[Reacted]]:
        """What there was since this was asked last, to one message after another."""
        reactions, self._reactions = [events for events in self._reactions.values() if events], {}
        return reactions

    # ----------------------------------------------------------------------------- while it is not looked at

    def keep(self, lines: Iterable[Line], seq: int = 0, quotes: int = 0) -> None:
        """To be shown when somebody looks."""
        for line in lines:
            self._dropped += len(self._kept) == KEPT
            self._kept.append(Kept(line, seq, quotes))

    def withdraw(self, seq: int, instead: Line, again: Callable[[Message], Line]) -> None:
        """Shows this message no more: `instead` stands in its place, and replies to it are made `again`."""
        kept = [
            Kept(instead, seq) if each.seq == seq else self._without_quote(each, again) if each.quotes == seq else each
            for each in self._kept
        ]
        self._kept = deque((each for each in kept if each), KEPT)

    def _without_quote(self, kept: Kept, again: Callable[[Message], Line]) -> Kept | None:
        said = self._said.get(kept.seq)
        return Kept(again(said), kept.seq) if said else None

    def look(self) -> tuple[list[Line], int]:
        """What was kept, and how many lines before it could not be. Nothing is unread any more."""
        kept, dropped = [each.line for each in self._kept], self._dropped
        self._kept.clear()
        self._dropped = self.unread = self.mentions = 0
        self.shown = max(self.shown, self.newest)
        return kept, dropped

    def restart(self) -> None:
        """The numbers start over: no message is known by its number any more. The lines that are kept stay."""
        self._said.clear()
        self._reactions.clear()
        self.once.clear()
        self.read = self.shown = self.told = self.newest = 0
        self.oldest = FAR
        self.is_marked = True
