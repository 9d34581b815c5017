"""The client where there is no terminal: what a script has to say, what it is told, and when it is done.

Knows text streams, and when to stop. Knows nothing of prompts and commands: in a pipe everything is text. Messages go
out as one line each; whatever else happens is told on the stream for errors.
"""

import contextlib
import errno
import json
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Literal, NamedTuple, TextIO

from msgspec.structs import replace

from chatroom.client import exits, happenings, render
from chatroom.client.events import ClientEvent, Ended, Offline, Receipt, Unsayable
from chatroom.client.paint import Painter
from chatroom.client.progress import Progress
from chatroom.client.render import Line, Look
from chatroom.client.session import Client
from chatroom.errors import ConnectionFailed, Refusal
from chatroom.messages import Left, Message, Notice, Room

PATIENCE_SECONDS = 30.0
"""Receipts come in order; so long without one is too long, where the errand does not say otherwise."""
AHEAD = 500
"""So many lines may wait for their receipts before the next one is read."""
FAREWELL_SECONDS = 5.0
"""So long what was said may take when nobody reads what comes out any more."""
CATCH_UP_SECONDS = 5.0
"""So long nothing may come, when the time is over and what was said before we came is still being printed."""
LAST_LINE_SECONDS = 1.0
"""So long the line that is being written at an interruption may take."""

STDIN = "-"
"""Stands for the lines that come in, where there could be a text to send."""

_TROUBLE = (Notice, Offline, Unsayable, Ended)
"""Of what happens, all that is told to one who only sends."""

_NOBODY_READS = frozenset((errno.EPIPE, errno.ECONNRESET, errno.EINVAL))
"""How a system says that a pipe has no other end; the last is Windows."""


class Errand(NamedTuple):
    """What a script wants. With no more than a room: to say each line that comes in, and to hear what is said."""

    room: str
    json: bool = False
    """Messages go out as JSON, one object a line."""
    send: str | None = None
    """To say this text, or by STDIN each line that comes in; what others say is not printed."""
    listen: bool = False
    """To read nothing and say nothing."""
    since: int | None = None
    """To hear first what was said after this number."""
    once: bool = False
    """To print a single message, the first of somebody else, and to be done with it."""
    wait: float | None = None
    """To be done after so many seconds: from the start, or from the end of the lines that come in."""

    def reads(self) -> bool:
        """Whether the lines that come in are said."""
        return not self.listen and self.send in (None, STDIN)

    def prints(self, *, own: bool) -> bool:
        """Whether a message goes out: one's own, or another's."""
        if own:
            return not self.once and (self.send is None or self.json)
        return self.once or self.send is None

    def owes_everything(self) -> bool:
        """Whether the end may not come before all is printed that was said before."""
        return not self.listen or self.since is not None

    def patience(self) -> float | None:
        """How long the next receipt, or message, may take while nobody counts the seconds to wait; None: for ever."""
        if self.wait is None and (self.listen or self.once):
            return None
        return max(PATIENCE_SECONDS, self.wait or 0.0)


class Manner(NamedTuple):
    """How lines are written. Who has no painter gets text alone."""

    look: Look = Look()
    out: Painter | None = None
    err: Painter | None = None


TEXT = Manner()


class Pipe:
    """Runs one errand. Three threads: the one that calls `run` waits, one speaks and sees to the end, one prints."""

    def __init__(
        self, client: Client, errand: Errand, lines: Iterable[str], out: TextIO, err: TextIO, manner: Manner = TEXT
    ) -> None:
        self._client = client
        self._errand = errand
        self._lines = lines
        self._out = out
        self._err = err
        self._err_lock = threading.Lock()
        self._manner = manner
        self._said: deque[Future[Receipt]] = deque()
        self._say_lock = threading.Lock()
        self._is_reading = errand.reads()
        self._newest = 0
        """The number of the newest receipt."""
        self._deadline: float | None = None
        self._progress = Progress()
        self._code = exits.OK
        self._has_come_in = False
        self._is_done_printing = False
        self._crash: Exception | None = None

    def run(self) -> int:
        """Does the errand, and returns how that ended: one of the codes of `exits`. Why is told on err."""
        # An event: a `join` that Ctrl-C interrupts takes a thread for ended that is not.
        is_printed = threading.Event()
        try:
            self._start("printer", self._print, is_printed)
            self._start("speaker", self._speak, threading.Event())
            while not is_printed.wait(0.2):  # without an end to the wait, Windows would not let Ctrl-C through
                pass
        except KeyboardInterrupt:
            self._is_done_printing = True
            self._client.close()
            is_printed.wait(LAST_LINE_SECONDS)
            raise
        if self._crash:
            raise self._crash
        return self._code

    def _start(self, name: str, part: Callable[[], None], is_over: threading.Event) -> None:
        # A daemon: a read that never ends must not keep the program from ending. What is said is safe without it.
        threading.Thread(target=self._do, args=(part, is_over), name=f"chatroom {name}", daemon=True).start()

    def _do(self, part: Callable[[], None], is_over: threading.Event) -> None:
        """A thread's part, which ends the other's too. What nobody foresaw is raised by `run`."""
        try:
            part()
        except Exception as error:
            self._crash = error
        self._progress.end()
        self._client.close()
        is_over.set()

    def _fail(self, code: int, why: str = "") -> None:
        """Of several failures the one with the highest code counts."""
        self._code = max(self._code, code)
        if why:
            self._tell(render.status("!", why))

    def _fail_unsent(self) -> None:
        why = "not confirmed by the server yet: kept, and said at the next start under this name."
        rest = " What came in after that was not read." if self._is_reading else ""
        self._fail(exits.UNSENT, f"{len(self._client.unsent)} {why}{rest}")

    def _tell(self, *lines: Line) -> None:
        """That nobody reads it is no reason to stop. Any thread may call it."""
        with self._err_lock, contextlib.suppress(OSError):
            for line in lines:
                self._err.write(_drawn(line, self._manner.err) + "\n")
            self._err.flush()

    # ------------------------------------------------------------------------------------------ the speaker

    def _speak(self) -> None:
        try:
            self._come_in()
            self._say_all()
            self._see_to_the_end()
        except TimeoutError:
            self._fail_unsent()
        except Refusal as refusal:
            self._fail(exits.of(refusal), refusal.text)
        except ConnectionFailed:
            pass  # the client was closed, or has ended: the printer tells why

    def _come_in(self) -> None:
        """Who is not let in in time speaks all the same: it is kept, and said later."""
        if not self._errand.reads():
            self._start_the_clock()
        with contextlib.suppress(TimeoutError):
            self._client.join(self._errand.room, recent=0, since=self._errand.since).result(self._patience())

    def _say_all(self) -> None:
        if self._errand.reads():
            self._say_lines()
            self._start_the_clock()
        elif self._errand.send is not None:
            self._say(self._errand.send)
        while self._said:
            self._await_oldest()

    def _read(self) -> Iterator[str]:
        """The lines that come in, as far as they can be read."""
        try:
            yield from self._lines
        except OSError as error:
            self._fail(exits.FAILED, f"What comes in cannot be read ({error.strerror}).")

    def _say_lines(self) -> None:
        for line in self._read():
            with self._say_lock:
                if self._progress.is_over:
                    return
                if text := line.strip("\r\n"):
                    self._say(text)
            if len(self._said) > AHEAD:
                self._await_oldest()
        self._is_reading = False

    def _say(self, text: str) -> None:
        self._said.append(self._client.say(self._errand.room, text))

    def _await_oldest(self) -> None:
        try:
            self._newest = self._said[0].result(self._patience()).seq
        except Refusal as refusal:
            self._fail(exits.of(refusal))  # the printer tells: it comes as an event too
        self._said.popleft()

    def _see_to_the_end(self) -> None:
        is_done = self._progress.wait_for(self._is_done, self._patience)
        if not is_done and self._errand.since is not None:
            is_done = self._progress.wait_for(self._is_level, lambda: CATCH_UP_SECONDS)
        if self._progress.is_over:
            return
        if self._errand.once and not self._progress.is_answered:
            self._fail(exits.FAILED, "Nobody said anything in time.")
        elif not is_done and self._errand.owes_everything():
            self._fail(exits.FAILED, "Not everything that was said could be printed in time.")

    def _is_done(self) -> bool:
        if self._errand.once and not self._progress.is_answered:
            return False
        return self._errand.once if self._errand.listen else self._is_level()

    def _is_level(self) -> bool:
        return self._progress.is_level_with(self._newest)

    def _start_the_clock(self) -> None:
        if self._errand.wait is not None:
            self._deadline = time.monotonic() + min(self._errand.wait, threading.TIMEOUT_MAX)

    def _patience(self) -> float | None:
        """So long the next thing may take; None: for ever."""
        if self._deadline is None:
            return self._errand.patience()
        return max(0.0, self._deadline - time.monotonic())

    # ------------------------------------------------------------------------------------------ the printer

    def _print(self) -> None:
        try:
            for event in self._client.events():
                self._take(event)
                if self._is_done_printing:
                    return
        except OSError as error:
            self._print_no_more(error)

    def _print_no_more(self, error: OSError) -> None:
        """Like `| head -1`: what was said so far still gets its receipts, as long as any come."""
        if error.errno not in _NOBODY_READS:
            self._fail(exits.FAILED, f"What is said cannot be written ({error.strerror}).")
        with self._say_lock:
            self._progress.end()
        before = 0
        while (left := len(self._client.unsent)) and left != before:
            self._client.flush(FAREWELL_SECONDS)
            before = left
        if left:
            self._fail_unsent()

    def _take(self, event: ClientEvent) -> None:
        match event:
            case Message():
                self._take_message(event)
            case Room():
                self._take_entry(event)
            case Left(username=name) if name == self._client.username:
                self._is_done_printing = True
                why = f": {event.reason}" if event.reason else "."
                self._fail(exits.REMOVED, f"You are out of {event.room}{why}")
            case _:
                self._take_happening(event)

    def _take_entry(self, room: Room) -> None:
        """The first one is told, before all messages; the others follow from an outage, which is told itself."""
        if self._errand.send is None and not self._has_come_in:
            self._tell(render.status("+", "Connected."))
        self._has_come_in = True
        self._progress.note(room)

    def _take_happening(self, event: ClientEvent) -> None:
        if isinstance(event, Ended):
            self._fail(exits.of_code(event.code) if event.code else exits.FAILED)
        if self._errand.send is None or isinstance(event, _TROUBLE):
            self._tell(*happenings.happening(event, now=time.time_ns() // 1_000_000))
        self._progress.note(event)

    def _take_message(self, said: Message) -> None:
        is_own = said.username == self._client.username
        if self._errand.prints(own=is_own) and not (self._errand.once and self._progress.is_answered):
            self._out.write(self._line_of(render.redacted(said)) + "\n")
            self._out.flush()
        self._progress.note(said, is_answer=not is_own)

    def _line_of(self, said: Message) -> str:
        return _object(said) if self._errand.json else _drawn(_on_one_line(said, self._manner.look), self._manner.out)


def _drawn(line: Line, painter: Painter | None) -> str:
    return "".join(painter.draw([line], 0)) if painter else render.in_one(line)


def _on_one_line(said: Message, look: Look) -> Line:
    """A newline becomes a mark; what it replies to is left out."""
    line = render.message(replace(said, replayed=False, reply_to=None), look)
    return line._replace(
        body=tuple(span._replace(text=span.text.replace("\n", render.LINE_MARK)) for span in line.body)
    )


def _object(said: Message) -> str:
    """The message exactly, as a line of JSON in which nothing is hidden: what cannot be seen is escaped. What is to be
    seen once has no text by now: whoever reads a file could see it twice."""
    facts: dict[str, Any] = {
        "room": said.room, "seq": said.seq, "time": said.time, "username": said.username, "message": said.message,
        "replayed": said.replayed,
    }  # fmt: skip
    if said.kind != "text":
        facts["kind"] = said.kind
    if said.to is not None:
        facts["to"] = said.to
    if said.once:
        facts["once"] = True
    line = json.dumps(facts, ensure_ascii=False)
    return line if line.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


# ---------------------------------------------------------------------------------------------------- this process


def run(client: Client, errand: Errand, manner: Manner = TEXT) -> int:
    """Runs the errand on this process's stdin, stdout and stderr, in its main thread. SIGTERM interrupts it as Ctrl-C
    does: by a KeyboardInterrupt."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    lines, out = _ours(sys.stdin, "r"), _ours(sys.stdout, "w", "utf-8" if errand.json else None)
    try:
        return Pipe(client, errand, lines, out, _ours(sys.stderr, "w"), manner).run()
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _ours(stream: TextIO | None, mode: Literal["r", "w"], encoding: str | None = None) -> TextIO:
    """A stream by a file of our own: the interpreter cannot end while a thread is at one of its own. A character that
    it lacks becomes a `?`; what is closed is empty, or takes everything."""
    if stream is None:
        return Path(os.devnull).open(mode, encoding="utf-8")
    try:
        number = stream.fileno()
    except OSError:  # something of Python's that only looks like a file
        return stream
    return open(number, mode, encoding=encoding or stream.encoding, errors="replace", closefd=False)
