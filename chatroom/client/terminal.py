"""The terminal: the line being typed below, and what arrives above it.

Knows keys, pastes and the screen. Knows nothing of chats: what was typed is handed on, and lines to print are given
to it. It is one prompt from the first key to the last: between two lines there is no moment in which the terminal
itself would echo keys into the picture.

prompt_toolkit's own ways to print above a prompt either wait 0.2 s between bursts, or hand the terminal back for
each print, echo and all. Here what arrives is collected, and erasing the prompt, the new lines and the prompt again
go out in one write: nothing flickers, a paste never meets a terminal that is not ready for it, and a flood costs
one picture for many lines.
"""

import asyncio
import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol, TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import ColorDepth, Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output

from chatroom.text import visible

PAUSE_SECONDS = 0.03
"""So long after a print what arrives is collected, and keys have the terminal to themselves."""
AT_ONCE = 500
"""More lines than this wait for the next print, so that typing goes on in between."""
MOST_WAITING = 5_000


class _Page(Vt100_Output):
    """While held, it collects what is drawn; let go, it writes it all at once."""

    def __init__(self, stdout: TextIO) -> None:
        # It never asks the terminal where the cursor is: the answer would come among the keys, on a slow line late.
        super().__init__(
            stdout, self._size, os.environ.get("TERM"), default_color_depth=ColorDepth.from_env(), enable_cpr=False
        )
        self._held = False

    def _size(self) -> Size:
        try:
            columns, rows = os.get_terminal_size(self.fileno())
        except OSError:  # the terminal is gone
            columns = rows = 0
        return Size(rows=rows or 24, columns=columns or 80)

    def flush(self) -> None:
        if not self._held:
            super().flush()

    def hold(self) -> None:
        self._held = True

    def let_go(self) -> None:
        self._held = False
        self.flush()


def _output() -> Output:
    return create_output() if sys.platform == "win32" else _Page(sys.stdout)


def ask(question: str) -> str:
    """One line from the person, before there is a conversation. Ctrl-D raises EOFError, Ctrl-C KeyboardInterrupt."""
    session: PromptSession[str] = PromptSession(question, output=_output())
    return session.prompt()


class Partner(Protocol):
    """Whoever the typed lines are for."""

    @property
    def room(self) -> str:
        """What the prompt shows."""

    def typed(self, text: str, pasted: bool) -> None:
        """A line was typed; or it began with a paste."""

    def complete(self, before: str) -> Iterable[str]:
        """The words that the last word before the cursor may become."""


class _Words(Completer):
    def __init__(self, partner: Partner) -> None:
        self._partner = partner

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        before = document.text_before_cursor
        length = len(before.rpartition(" ")[2])
        return [Completion(word, start_position=-length) for word in self._partner.complete(before)]


def _indent(width: int, line_number: int, wraps: int) -> str:
    """Further lines of a paste stand below its first one; what is only too wide begins at the edge."""
    return "" if wraps else " " * width


class Terminal:
    """One thread runs it; any thread may call the other methods."""

    def __init__(self) -> None:
        self._began_with_paste = False
        self._waiting: deque[str] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next_print = 0.0
        self._print_is_due = False
        self._result: int | None = None
        self._over = threading.Event()
        self._output = _output()
        self._page = self._output if isinstance(self._output, _Page) else None
        self._session: PromptSession[int] = PromptSession(
            output=self._output,
            prompt_continuation=_indent,
            complete_while_typing=False,
            key_bindings=self._keys(),
            enable_suspend=True,
            erase_when_done=True,
        )
        self._session.default_buffer.accept_handler = self._accept
        self._session.default_buffer.on_text_changed += self._changed
        self._app = self._session.app
        if page := self._page:
            self._app.after_render += lambda _: page.let_go()

    def run(self, partner: Partner) -> int:
        """Reads keys until `leave`, and returns what that was told; or 0 at Ctrl-D. Ctrl-C raises KeyboardInterrupt."""
        self._partner = partner
        self._session.message = self._prompt
        self._session.completer = _Words(partner)
        try:
            return self._session.prompt(pre_run=self._begin)
        except EOFError:
            return 0
        finally:
            self._over.set()
            self._loop = None
            self._print_all()

    def show(self, *lines: str) -> None:
        """Prints the lines, escape sequences and all, above the line being typed: soon, whole and in order."""
        self._waiting.extend(lines)
        self._call(self._print_soon)

    def wait_for_room(self) -> None:
        """For whoever shows much: waits while the terminal is slow, or stopped by Ctrl-S."""
        while len(self._waiting) > MOST_WAITING and not self._over.wait(PAUSE_SECONDS):
            pass

    def bell(self) -> None:
        self._call(self._output.bell)

    def leave(self, result: int = 0) -> None:
        """The first call decides; it may come before the terminal runs."""
        if self._result is None:
            self._result = result
        self._call(self._exit)

    def _call(self, function: Callable[[], object]) -> None:
        """Has the terminal's own thread do it; where none runs any more, or yet, nobody does."""
        loop = self._loop
        if loop:
            with contextlib.suppress(RuntimeError):  # it was closed in between
                loop.call_soon_threadsafe(function)

    def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._print_soon()
        self._loop.call_soon(self._exit)

    def _exit(self) -> None:
        if self._result is not None and self._app.future and not self._app.future.done():
            self._app.exit(result=self._result)

    # --------------------------------------------------------------------------------------------- keys

    def _prompt(self) -> StyleAndTextTuples:
        return [("bold", visible(self._partner.room)), ("", "> ")]

    def _accept(self, buffer: Buffer) -> bool:
        """Takes the line; the buffer then is emptied, and is what is drawn next."""
        pasted, self._began_with_paste = self._began_with_paste, False
        self._partner.typed(buffer.text, pasted)
        return False

    def _changed(self, buffer: Buffer) -> None:
        if not buffer.text:
            self._began_with_paste = False

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        keys.add(Keys.BracketedPaste)(self._paste)
        return keys

    def _paste(self, event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if not buffer.text:
            self._began_with_paste = True
        buffer.insert_text(event.data.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n"))

    # ------------------------------------------------------------------------------------------ printing

    def _print_soon(self) -> None:
        """Prints at once, or, right after another print, when its pause is over."""
        if self._loop and not self._print_is_due:
            self._print_is_due = True
            self._loop.call_at(max(self._loop.time(), self._next_print), self._print)

    def _print(self) -> None:
        self._print_is_due = False
        if not (self._loop and self._waiting):
            return
        if self._page:
            self._page.hold()
        self._app.renderer.erase()
        self._output.write_raw(self._take(AT_ONCE))
        self._output.flush()
        self._app.invalidate()
        self._next_print = self._loop.time() + PAUSE_SECONDS
        self._print_soon()

    def _print_all(self) -> None:
        print(self._take(len(self._waiting)), end="", flush=True)

    def _take(self, most: int) -> str:
        count = min(most, len(self._waiting))
        return "".join(f"{self._waiting.popleft()}\n" for _ in range(count))
