"""A room that one is in, as its visitor has it: who is there, what was said, what was not looked at yet.

Knows messages and lines. Knows nothing of which room is looked at, of screens, or of the server.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable

from msgspec.structs import replace

from chatroom.client.render import Line
from chatroom.messages import Deleted, Edited, Joined, Left, Message, Reacted, Room
from chatroom.text import fold

KEPT = 1_000
"""So many lines of a room that is not looked at are kept; the oldest go."""

KNOWN = 2_000
"""So many of the newest messages can be named by a handle."""

FAR = (1 << 63) - 1
"""Behind every number."""


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
        self.unread = 0
        self.mentions = 0
        self.day = ""
        """The day of the newest line."""
        self.is_marked = not room.seen
        """Whether the line between old and new needs no drawing: it stands there, or nothing is old."""
        self._said: OrderedDict[int, Message] = OrderedDict()
        self._speakers: dict[str, str] = {}
        self._kept: deque[Line] = deque(maxlen=KEPT)
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
        self.remember([said])
        key = fold(said.username)
        self._speakers.pop(key, None)
        self._speakers[key] = said.username

    def remember(self, said: Iterable[Message]) -> None:
        """From now on these can be named by their handles."""
        for message in said:
            self._said[message.seq] = message
        while len(self._said) > KNOWN:
            self._said.popitem(last=False)

    def message(self, seq: int | None) -> Message | None:
        return None if seq is None else self._said.get(seq)

    def forget(self, seq: int) -> None:
        self._said.pop(seq, None)

    def change(self, event: Edited | Deleted | Reacted) -> None:
        """What is remembered reads as it does now."""
        said = self._said.get(event.target)
        if isinstance(event, Deleted):
            self.forget(event.target)
        elif said and isinstance(event, Edited):
            self._said[event.target] = replace(said, message=event.message)

    def newest(self, count: int) -> list[Message]:
        """The newest messages that are known, in order."""
        return [self._said[seq] for seq in sorted(self._said)[-count:]]

    # ----------------------------------------------------------------------------- while it is not looked at

    def keep(self, lines: Iterable[Line]) -> None:
        """To be shown when somebody looks."""
        for line in lines:
            self._dropped += len(self._kept) == KEPT
            self._kept.append(line)

    def look(self) -> tuple[list[Line], int]:
        """What was kept, and how many lines before it could not be. Nothing is unread any more."""
        kept, dropped = list(self._kept), self._dropped
        self._kept.clear()
        self._dropped = self.unread = self.mentions = 0
        self.shown = max(self._said, default=self.shown)
        return kept, dropped

    def restart(self) -> None:
        """The numbers start over: no message is known by its number any more. The lines that are kept stay."""
        self._said.clear()
        self.read = self.shown = self.told = 0
        self.oldest = FAR
        self.is_marked = True
