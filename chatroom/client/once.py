"""What was sent to be seen once: it waits until it is asked for, is shown until the next key, and then is gone.

Knows messages. Knows nothing of screens, nor of the server, which is told what was seen. Used by one thread at a time.
"""

from collections import deque

from chatroom.messages import Message


class Once:
    def __init__(self) -> None:
        self._waiting: deque[Message] = deque()
        self.shown: Message | None = None
        """What is on the screen until the next key."""

    def add(self, said: Message) -> None:
        if said not in self._waiting and said != self.shown:
            self._waiting.append(said)

    def reveal(self) -> bool:
        """Shows the oldest that waits; whether there was one."""
        if not self._waiting:
            return False
        self.shown = self._waiting.popleft()
        return True

    def hide(self) -> Message | None:
        """What was shown, and is no more."""
        hidden, self.shown = self.shown, None
        return hidden

    def before(self, room: str, seq: int) -> int:
        """Up to `seq`, but not beyond what still waits there to be seen."""
        held = [said for said in (*self._waiting, self.shown) if said and said.room == room]
        return min([seq, *(said.seq - 1 for said in held)])
