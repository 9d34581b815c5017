"""The library's Client: it says, hears and remembers, over as many connections as that takes.

Joins the parts: a Dialogue (what is asked and answered), a Link (one connection), a Shelf (what lies on disk) and a
Feed (what is heard). Knows when to connect, when to come back, and when not to. Prints nothing.

Lock order: the client's, then the link's. Under the client's lock is decided, written down and queued what to send;
events are put and futures settled after it, so that whoever is woken by one may call the client at once.
"""

import contextlib
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from chatroom import messages, text
from chatroom.client.asks import Asks
from chatroom.client.clock import Clock, Moment, now
from chatroom.client.credentials import Credentials
from chatroom.client.dialogue import Dialogue
from chatroom.client.doings import Doings
from chatroom.client.events import ClientEvent, Ended, Offline, Outage, Receipt, Unsayable
from chatroom.client.feed import Feed
from chatroom.client.line import Line, LineUser, pause
from chatroom.client.link import Batch
from chatroom.client.trust import Trust, data_folder
from chatroom.client.unsent import Shelf, folder_of
from chatroom.errors import ChatError, ConnectionFailed, Refusal, Untrusted
from chatroom.messages import (
    DEFAULT_RECENT,
    REQUEST_FRAME,
    Hello,
    Join,
    Kind,
    Leave,
    Limits,
    Notice,
    Registered,
    Request,
    Say,
    Welcome,
)
from chatroom.text import MESSAGE_LENGTH
from chatroom.wire import native

CLOSING_SECONDS = 0.5
"""So long a closing client waits for the server to take what was said just before."""

ENDING_SECONDS = 2.0
"""So long it waits at most for its own threads: looking up a host's name cannot be hurried."""

ID_ROOM = 100
"""So many bytes the id takes that a request gets last."""

_ID = re.compile(r"[ -~]{1,64}")

R = TypeVar("R", bound=Request)


class Client(Asks):
    """Somebody in a chat: `with Client("192.168.1.2", username="ada") as ada: ada.say("lobby", "hello")`.

    Any thread may call any method. Nothing that asks the server blocks: it gives a future, also while there is no
    connection. A request that is refused sets a Refusal, a client that is closed or ended a ConnectionFailed.

    What is said is written below `data` before it is sent, and said again, by the next client with this name and
    this server if need be, until it has its receipt; two running clients never share it. Unless `tls` is false, the
    server's certificate is pinned there, too; it must have the `fingerprint`, where one is given. The `password` of
    one's name and the `server_password` of the office are kept nowhere; what lies there is a session that needs none.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 5002,
        *,
        username: str,
        password: str | None = None,
        server_password: str | None = None,
        data: Path | str | None = None,
        tls: bool = True,
        fingerprint: str | None = None,
        agent: str = "chatroom library",
        clock: Clock = now,
    ) -> None:
        self._credentials = Credentials(agent, password, server_password)
        self._clock = clock
        data = Path(data) if data else data_folder()
        self._prefix = f"{int(clock().wall):08x}{secrets.token_hex(3)}"
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._receipted = threading.Condition(self._lock)
        self._talk = Dialogue(username)
        self._feed = Feed(self._catch_up)
        user = LineUser(self._hello, self._forget_session, self._hear, self._lose)
        self._line = Line(host, port, user, clock, Trust(data, host, port, fingerprint) if tls else None)
        self._thread = threading.Thread(target=self._run, name=f"chatroom client {username}", daemon=True)
        self._shelf = Shelf(folder_of(data, host, port, username))
        self._entered: Future[None] = Future()
        self._over: str | None = "This client is not connected yet; start it first."
        self._closing = False
        self._retrying = False
        self._lost_at: Moment | None = None
        self.server = ""
        """What the server calls itself."""
        self.role = "guest"
        """What the server lets one do, as it was when one came in or registered."""
        self.limits = Limits(REQUEST_FRAME, MESSAGE_LENGTH, 0)

    # ------------------------------------------------------------------------------------------- start and end

    def start(self) -> Self:
        """Connects, and returns once the server has let us in; or raises ConnectionFailed (NotAChatroom, if something
        else answers there), or the Refusal.

        From then on the client comes back by itself whenever the connection is lost. A client is started once.
        """
        if not self._thread.ident:
            text.username(self.username)
            self._open_shelf()
            self._thread.start()
        try:
            self._entered.result()
        except BaseException:
            self.close()
            raise
        return self

    def _open_shelf(self) -> None:
        try:
            self._shelf.claim()
        except OSError as error:
            raise ConnectionFailed(
                f"Nothing can be kept in {self._shelf.folder} ({error.strerror}); choose another folder for the data."
            ) from error
        self._talk = Dialogue(self.username, self._shelf.unsent)
        self._over = None

    def close(self) -> None:
        """Leaves. What was said just before is still sent if the server takes it at once, and else kept for the next
        start; `flush` waits for it."""
        self._closing = True
        self._line.close()
        if not self._thread.ident:
            self._feed.end()
        self._wait_for_end(CLOSING_SECONDS)
        self._line.hang_up()
        self._wait_for_end(ENDING_SECONDS)

    def _wait_for_end(self, seconds: float) -> None:
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(seconds)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------------------------------------------ to look at

    @property
    def username(self) -> str:
        """One's name, as the server writes it."""
        return self._talk.username

    @property
    def unsent(self) -> list[Say]:
        """What was said and has no receipt yet, in order."""
        with self._lock:
            return list(self._talk.unsent.values())

    @property
    def outage(self) -> Outage | None:
        """How things stand while the connection is lost, now as after each attempt that failed; else None."""
        lost_at, retry_at = self._lost_at, self._line.retry_at
        return lost_at and Outage(int(lost_at.wall * 1_000), retry_at)

    @property
    def joined(self) -> list[str]:
        """The rooms that one is in, or enters as soon as there is a connection."""
        with self._lock:
            return self._talk.joined()

    # ------------------------------------------------------------------------------------------------ to say and ask

    def say(
        self, room: str, text: str, *, kind: Kind = "text", reply_to: int | None = None,
        to: Sequence[str] | None = None, once: bool = False, id: str | None = None,
    ) -> Future[Receipt]:  # fmt: skip
        """Says something, now or when there is a connection again; the future has the receipt. With `to` it is a
        whisper to these people; with `once` it is to be seen once.

        By its `id`, 1 to 64 printable ASCII characters and never used before, one knows it again wherever it appears.
        """
        if id is None:
            id = self.new_id()
        elif not _ID.fullmatch(id):
            raise ValueError("An id has 1 to 64 printable ASCII characters.")
        names = None if to is None else [to] if isinstance(to, str) else list(to)
        say = Say(id=id, room=room, message=text, kind=kind, reply_to=reply_to, to=names, once=once)
        return self._ask(self._say, say)

    def new_id(self) -> str:
        """One for `say`. Each is greater than the one before: so stores find the quickest that it is new."""
        with self._lock:
            return f"{self._prefix}{next(self._numbers):06x}"

    def join(
        self, room: str, *, recent: int = DEFAULT_RECENT, since: int | None = None, epoch: str | None = None
    ) -> Future[messages.Room]:
        """Enters a room, and stays in it over outages, until `leave`. Its events begin with the `recent` newest
        messages, or with what follows on `since` in the history called `epoch`."""
        return self._ask(Dialogue.join, Join(room=room, recent=recent, since=since, epoch=epoch))

    def leave(self, room: str) -> Future[messages.Left]:
        """Leaves a room. What was shown of it is not shown again, if one comes back."""
        return self._ask(Dialogue.leave, Leave(room=room))

    def seen(self, room: str, seq: int) -> None:
        """The user has read this room up to there. Without a connection, or outside of the room, it is not passed on:
        whoever says this will say a later one."""
        with self._acting() as talk:
            if not self._over:
                talk.seen(room, seq)

    def reconnect(self) -> None:
        """Tries again now, if the connection is lost, whatever the next attempt waits for."""
        self._line.hurry()

    def flush(self, timeout: float | None = None) -> bool:
        """Waits until everything that was said has its receipt, or was refused; whether it has."""
        with self._receipted:
            self._receipted.wait_for(lambda: not self._talk.unsent or self._over, timeout)
            return not self._talk.unsent

    def events(self) -> Iterator[ClientEvent]:
        """What happens, each event once; each message of a room once and in order. Ends when the client does.

        Threads that iterate share the events. With nobody iterating, the newest 10,000 are kept.
        """
        return self._feed.listen()

    # ------------------------------------------------------------------------------------------------ how it is done

    def _ask_for(self, request: Request) -> Future[Any]:
        answer = self._ask(Dialogue.ask, request)
        self._credentials.follow(request, answer)
        return answer

    def _ask(self, act: Callable[[Dialogue, R, Future[Any]], None], request: R) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # what is asked cannot be taken back
        with self._acting() as talk:
            problem = self._problem_with(request)
            if problem is None:
                act(talk, request, future)
            else:
                future.set_exception(problem)
                if isinstance(request, Say) and isinstance(problem, Refusal):
                    talk.tell(Unsayable(request.room, request.message, problem, request.id))
        return future

    def _problem_with(self, request: Request) -> ConnectionFailed | Refusal | None:
        """Why the request cannot be sent, ever."""
        if self._over:
            return ConnectionFailed(self._over)
        try:
            too_long = len(native.encode([request])) + ID_ROOM > self.limits.frame
        except UnicodeEncodeError:
            return Refusal("bad_request", "This holds half a character, which cannot be sent.")
        return Refusal("too_long", "This is too long to be sent.") if too_long else None

    def _say(self, talk: Dialogue, say: Say, receipt: Future[Receipt]) -> None:
        if talk.knows(say.id):
            raise ValueError("What was said with this id still waits for its receipt; use another.")
        try:
            self._shelf.add(say)
        except OSError as error:
            talk.tell(Notice(f"What you say cannot be kept in {self._shelf.folder} ({error.strerror}), only sent."))
        talk.say(say, receipt)

    @contextlib.contextmanager
    def _acting(self) -> Iterator[Dialogue]:
        """The dialogue, for this thread alone; after it, what follows is done."""
        with self._lock:
            yield self._talk
            doings = self._talk.take_doings()
            self._set_going(doings)
        self._feed.put(doings.tells)
        for future, result in doings.settles:
            _settle(future, result)

    def _set_going(self, doings: Doings) -> None:
        if doings.done:
            with contextlib.suppress(OSError):  # then it is said once more after a restart, which adds nothing
                self._shelf.done(doings.done)
            self._receipted.notify_all()
        if doings.sends:
            self._line.send(doings.sends)
        if self._talk.is_stalled and not self._retrying:
            self._retrying = True
            self._line.after(pause(self._talk.stalls), self._retry)

    def _retry(self) -> None:
        """Called by the link's sending thread."""
        with self._acting() as talk:
            self._retrying = False
            if talk.is_stalled:
                talk.retry()

    def _catch_up(self) -> None:
        """Called by a listener's thread when it has made room."""
        with self._acting() as talk:
            talk.overflowing = False
            talk.catch_up()

    # ------------------------------------------------------------------------------------- the receiver's thread

    def _run(self) -> None:
        end: ChatError = ConnectionFailed("Something went wrong in this program, and it cannot go on.")
        try:
            end = self._line.run()
        finally:
            self._finish(end)

    def _hello(self) -> Hello:
        return self._credentials.hello(self.username, self._shelf.session)

    def _forget_session(self) -> bool:
        known = self._shelf.session is not None
        self._remember(None)
        return known

    def _remember(self, session: str | None) -> None:
        with contextlib.suppress(OSError):  # then it is remembered as long as this client runs
            self._shelf.remember(session)

    def _hear(self, batch: Batch) -> None:
        overflowing = self._feed.is_overflowing()
        with self._acting() as talk:
            talk.overflowing = overflowing
            for event in batch:
                if isinstance(event, Welcome):
                    self._come_in(event)
                elif isinstance(event, Registered):
                    self.role = event.role
                talk.receive(event)
            talk.end_batch()

    def _come_in(self, welcome: Welcome) -> None:
        self.server, self.limits, self.role = welcome.server, welcome.limits, welcome.role
        self._remember(welcome.session)
        self._retrying = False
        away = self._lost_at and self._lost_at.until(self._clock())
        self._lost_at = None
        self._talk.online(welcome.username, away)
        if not self._entered.done():
            self._entered.set_result(None)

    def _lose(self, reason: str, since: Moment, retry_in: float) -> None:
        with self._acting() as talk:
            self._lost_at = since
            talk.offline(Offline(reason, retry_in))

    def _finish(self, end: ChatError) -> None:
        """Nothing will be answered any more. What is unsent stays on disk for the next start."""
        with self._lock:
            self._over = end.text
            self._lost_at = None
            unanswered = self._talk.give_up()
            self._shelf.close()
            self._receipted.notify_all()
        for future in unanswered:
            future.set_exception(ConnectionFailed(end.text))
        if not self._entered.done():
            self._entered.set_exception(end)
        elif not self._closing:
            self._feed.put([Ended(end.text, end.code if isinstance(end, Refusal | Untrusted) else "")])
        self._feed.end()


def _settle(future: Future[Any], result: object) -> None:
    if isinstance(result, ChatError):
        future.set_exception(result)
    else:
        future.set_result(result)
