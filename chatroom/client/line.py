"""A line to a server that is kept up: one Link after the other, until there is a reason to stop.

Knows when to come back, and when not to. Knows nothing of what is said on the line, but for its first words.
"""

import random
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from chatroom.client.clock import LOOK_SECONDS, Clock, Moment, Watch
from chatroom.client.link import Batch, Link, LinkLost, Overslept
from chatroom.client.refusals import is_final
from chatroom.client.trust import Trust
from chatroom.errors import ChatError, ConnectionFailed, Refusal
from chatroom.messages import Bye, Hello, Request, Welcome

ENTRY_SECONDS = 15.0
"""So long it may take from the first knock until a server lets us in."""

STEADY_SECONDS = 5.0
"""A connection that lasted so long was a good one: after it, the first new attempt is made at once."""

LONGEST_PAUSE = 15.0

LONGEST_ABSENCE = 3_600.0
"""A server that goes may ask us to stay away so long, and no longer."""


class LineUser(NamedTuple):
    """Whose line it is; called by the thread that runs the line."""

    hello: Callable[[], Hello]
    """The first words."""
    forget_session: Callable[[], bool]
    """The server does not know the session of our hello; whether there is another hello to try."""
    hear: Callable[[Batch], None]
    """What the server tells. A connection begins with its welcome."""
    lose: Callable[[str, Moment, float], None]
    """A connection in which we were welcome is over: why, since when, and in how many seconds we try again."""


class Line:
    """`run` has a thread of its own; any thread may call the other methods."""

    def __init__(self, host: str, port: int, user: LineUser, clock: Clock, trust: Trust | None = None) -> None:
        """Encrypted, if it is told whom to trust."""
        self._host = host
        self._port = port
        self._user = user
        self._clock = clock
        self._trust = trust
        self._changed = threading.Condition()
        self._closing = False
        self._link = Link(host, port, clock, trust)
        self._welcome_at: Moment | None = None
        self._was_welcome = False
        self.retry_at: float | None = None
        """When the next attempt is due, by the monotonic clock; None if none is waited for."""

    def run(self) -> ChatError:
        """Connects, and comes back after each loss. Returns why it does so no more."""
        failures = 0
        while True:
            end, lasted = self._converse()
            if self._closing:
                return ConnectionFailed("This client was closed.")
            if lasted is None and _code(end) == "auth_failed" and self._user.forget_session():
                continue
            if is_final(end) or not (self._was_welcome or isinstance(end, Overslept)):
                return end if isinstance(end, Refusal | ConnectionFailed) else ConnectionFailed(end.text)
            failures = 0 if lasted and lasted > STEADY_SECONDS else failures
            self._plan(end, _absence(end, failures), was_welcome=lasted is not None)
            failures = 1 if self._rest() else failures + 1

    def _plan(self, end: ChatError, wait: float, *, was_welcome: bool) -> None:
        """When the next attempt is made, is known before anybody is told of the loss."""
        now = self._clock()
        self.retry_at = now.monotonic + wait
        if was_welcome:
            self._user.lose(end.text, end.since if isinstance(end, Overslept) else now, wait)

    def _rest(self) -> bool:
        """Waits for the next attempt; no longer if somebody cannot wait, or once the computer slept. Whether it did."""
        watch = Watch(self._clock)
        with self._changed:
            while not (slept := watch.asleep_since()) and (wait := self._seconds_left()) > 0:
                self._changed.wait(min(wait, LOOK_SECONDS))
            self.retry_at = None
        return slept is not None

    def _seconds_left(self) -> float:
        if self._closing or self.retry_at is None:
            return 0.0
        return self.retry_at - self._clock().monotonic

    def _converse(self) -> tuple[ChatError, float | None]:
        """One connection, from the knock to its end: why it ended, and for how long we were welcome."""
        link = self._new_link()
        end: ChatError = ConnectionFailed("The connection ended.")
        try:
            for batch in link.batches():
                if self._welcome_at is None and any(isinstance(event, Welcome) for event in batch):
                    self._come_in(link)
                self._user.hear(batch)
        except (Refusal, LinkLost, ConnectionFailed) as error:
            end = error
        finally:
            link.close()
        welcome_at, self._welcome_at = self._welcome_at, None
        return end, None if welcome_at is None else welcome_at.until(self._clock())

    def _new_link(self) -> Link:
        link = Link(self._host, self._port, self._clock, self._trust)
        with self._changed:
            self._link = link
            if self._closing:
                link.hang_up()
        link.send([self._user.hello()])
        link.after(ENTRY_SECONDS, lambda: self._give_up_knocking(link))
        return link

    def _give_up_knocking(self, link: Link) -> None:
        if self._welcome_at is None:
            where = f"{self._host}:{self._port}"
            link.hang_up(LinkLost(f"{where} does not answer; check the address, and that it is the server's."))

    def _come_in(self, link: Link) -> None:
        self._welcome_at = self._clock()
        self._was_welcome = True

    # ------------------------------------------------------------------------------------------------ any thread

    def send(self, requests: Sequence[Request]) -> None:
        """Over the connection that there is; what it does not send is lost with it. Never blocks."""
        self._link.send(requests)

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Has this called by another thread then, if the connection lasts so long."""
        self._link.after(seconds, call)

    def hurry(self) -> None:
        """Makes the next attempt now, if one is waited for."""
        with self._changed:
            self.retry_at = None
            self._changed.notify()

    def close(self) -> None:
        """Says bye once what was asked before is done, and does not come back."""
        with self._changed:
            self._closing = True
            self._changed.notify()
            link = self._link
        if self._welcome_at is None:
            link.hang_up()
        else:
            link.send([Bye()])
            link.finish()

    def hang_up(self) -> None:
        """Ends the connection now."""
        self._link.hang_up()


def pause(failures: int) -> float:
    """How long to wait after so many failures in a row: not at all, then ever longer, never in step with others."""
    if failures == 0:
        return 0.0
    return random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, 0.25 * 2.0 ** min(failures, 10))


def _absence(end: ChatError, failures: int) -> float:
    if isinstance(end, LinkLost) and end.retry is not None:
        return min(max(end.retry, 0.0), LONGEST_ABSENCE) * random.uniform(1.0, 1.25)
    return pause(failures)


def _code(end: ChatError) -> str:
    return end.code if isinstance(end, Refusal) else ""
