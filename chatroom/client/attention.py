"""What is worth a person's attention: which sound, for what, and what never makes one.

Knows messages and the person's wishes. Knows nothing of players and bells: a Notifier has those. Nothing one says
oneself comes here; what was said while one was away makes one sound in all.
"""

from collections.abc import Callable

from chatroom.client.notify import Notifier
from chatroom.client.views import is_direct
from chatroom.client.wishes import URGENCY, Kind, Wishes, what_rings
from chatroom.messages import Message


class Attention:
    """Used by one thread at a time."""

    def __init__(self, notifier: Notifier, wishes: Wishes, popup: Callable[[Message], str] = lambda _: "") -> None:
        self.notifier = notifier
        self.wishes = wishes
        self._popup = popup
        self._missed: list[tuple[Kind, Message]] = []

    def catch(self, said: Message, *, is_mention: bool) -> str:
        """Somebody else said this. Returns what is to be told, if something about it does not work."""
        kind = Kind.DIRECT if is_direct(said.room) else Kind.MENTION if is_mention else Kind.MESSAGE
        if not what_rings(kind, self.wishes.of(said.room)):
            return ""
        if not said.replayed:
            return self._call(kind, said)
        self._missed.append((kind, said))
        return ""

    def settle(self) -> str:
        """All that was missed has been shown: one sound for it, the most urgent. Returns the same."""
        missed, self._missed = self._missed, []
        return self._call(*max(missed, key=lambda each: URGENCY.index(each[0]))) if missed else ""

    def _call(self, kind: Kind, said: Message) -> str:
        return self._popup(said) if self.notifier.ring(kind) else ""
