"""The terminal: the line being typed below, what arrives above it, and what is not stored yet in between.

Knows pastes, drafts and the screen. Knows nothing of chats: what was typed is handed on, and lines to print are given
to it. It is one prompt from the first key to the last: between two lines there is no moment in which the terminal
itself would echo keys into the picture. A flood costs one picture for many lines.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import ANSI, StyleAndTextTuples, to_formatted_text
from prompt_toolkit.history import DummyHistory
from prompt_toolkit.layout.processors import ConditionalProcessor, Processor
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style

from chatroom.client import keys
from chatroom.client.glimpse import Glimpse
from chatroom.client.page import Page, output
from chatroom.client.partner import Partner
from chatroom.client.secret import Question, Unseen

PAUSE_SECONDS = 0.03
"""So long after a print what arrives is collected, and keys have the terminal to themselves."""
AT_ONCE = 500
"""More lines than this wait for the next print, so that typing goes on in between."""
MOST_WAITING = 5_000
TICK_SECONDS = 1.0
READ_SECONDS = 1.0
"""So long what is to be seen once is there before a key hides it: a key that was on its way does not."""

_STYLE = Style.from_dict({"bottom-toolbar": "noreverse bold"})


def ask(question: str, *, is_secret: bool = False) -> str:
    """One line from the person, before there is a conversation; what is secret is not seen while it is typed. Ctrl-D
    raises EOFError, Ctrl-C KeyboardInterrupt."""
    processors: list[Processor] = [Unseen()] if is_secret else []
    session: PromptSession[str] = PromptSession(question, output=output(), input_processors=processors)
    return session.prompt()


def say(*lines: str) -> None:
    """Prints, where there is no conversation yet, or no more."""
    print(*lines, sep="\n", flush=True)


class _Words(Completer):
    def __init__(self, partner: Partner) -> None:
        self._partner = partner

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        words = self._partner.complete(document.text_before_cursor)
        return [Completion(word.text, start_position=word.start) for word in words]


def _indent(width: int, line_number: int, wraps: int) -> str:
    """Further lines of a paste stand below its first one; what is only too wide begins at the edge."""
    return "" if wraps else " " * width


class Terminal:
    """One thread runs it; any thread may call the other methods."""

    def __init__(self, *, vi: bool = False, colour: bool = True) -> None:
        self._name = ""
        """The partner's prompt, as it is seen."""
        self._unstored: Sequence[str] = ()
        """The partner's lines above the prompt, as they are seen."""
        self._paste = ""
        """What was pasted and is asked about."""
        self._began_with_paste = False
        self._question: Question | None = None
        """What is asked in place of the prompt."""
        self._glimpse = Glimpse()
        self._drafts: dict[str, str] = {}
        self._drafting = ""
        """The room that the line being typed is for."""
        self._is_lent = False
        """Whether an editor has the screen."""
        self._waiting: deque[str] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._next_print = 0.0
        self._print_is_due = False
        self._result: int | None = None
        self._over = threading.Event()
        self._output = output()
        self._page = self._output if isinstance(self._output, Page) else None
        self._session = self._new_session(vi=vi, colour=colour)
        self._buffer = self._session.default_buffer
        self._buffer.accept_handler = self._accept
        self._buffer.on_text_changed += self._changed
        self._app = self._session.app
        if page := self._page:
            self._app.after_render += lambda _: page.let_go()

    def _new_session(self, *, vi: bool, colour: bool) -> PromptSession[int]:
        return PromptSession(
            output=self._output,
            prompt_continuation=_indent,
            input_processors=[ConditionalProcessor(Unseen(), Condition(self.asks_secret))],
            complete_while_typing=False,
            key_bindings=keys.bindings(self),
            editing_mode=EditingMode.VI if vi else EditingMode.EMACS,
            color_depth=None if colour else ColorDepth.DEPTH_1_BIT,
            style=_STYLE,
            enable_suspend=True,
            erase_when_done=True,
        )

    def run(self, partner: Partner) -> int:
        """Reads keys until `leave`, and returns what that was told; or 0 at Ctrl-D."""
        self._partner = partner
        self._session.message = self._prompt
        self._session.completer = _Words(partner)
        self._thread = threading.get_ident()
        try:
            return self._session.prompt(pre_run=self._begin)
        except EOFError:
            return 0
        finally:
            self._over.set()
            self._loop = None
            if self._page:
                self._page.let_go()
            self._print_all()

    def columns(self) -> int:
        return self._output.get_size().columns

    def show(self, *lines: str) -> None:
        """Prints the lines, escape sequences and all, above the line being typed: soon, whole and in order."""
        self._waiting.extend(lines)
        self._call(self._print_soon)

    def refresh(self) -> None:
        """Draws prompt and bar anew: what they show has changed."""
        self._call(self._refresh)

    def wait_for_room(self) -> None:
        """For whoever shows much: waits while the terminal is slow, or stopped by Ctrl-S."""
        while len(self._waiting) > MOST_WAITING and not self._over.wait(PAUSE_SECONDS):
            pass

    def bell(self) -> None:
        self._call(self._output.bell)

    def edit(self, text: str) -> None:
        """Opens the person's editor on the text; what it leaves is the line being typed."""
        self._call(lambda: self._edit(text))

    def ask_secret(self, question: str, then: Callable[[str], object]) -> None:
        """Asks, in place of the prompt, for what is not seen while it is typed and never kept. Who does not want to
        answer answers with nothing. In the terminal's own thread it is at once, or what was typed ahead would be
        taken for a line."""
        if threading.get_ident() == self._thread:
            self._begin_question(Question(question, then))
        else:
            self._call(lambda: self._begin_question(Question(question, then)))

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
        self._loop.set_exception_handler(self._fail)
        self._print_soon()
        self._tick()
        self._loop.call_soon(self._exit)

    def _tick(self) -> None:
        if self._loop:
            self._partner.tick()
            self._refresh()
            self._loop.call_later(TICK_SECONDS, self._tick)

    def _fail(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A bug ends the run by its exception, once the terminal is as it was; prompt_toolkit would print a trace."""
        error = context.get("exception") or RuntimeError(context["message"])
        if self._app.future and not self._app.future.done():
            self._app.exit(exception=error)

    def _exit(self) -> None:
        if self._result is not None and self._app.future and not self._app.future.done():
            self._app.exit(result=self._result)

    # -------------------------------------------------------------------------------------------- typing

    def _prompt(self) -> StyleAndTextTuples:
        above = [*self._unstored, *self._glimpse.lines(self._output.get_size().rows - len(self._unstored))]
        if self._paste:
            count = self._paste.count("\n") + 1
            above.append(f"[?] paste {count} lines? [y]es [e]dit [n]o")
        lines = "".join(f"{line}\n" for line in above)
        if self._question:
            return [*to_formatted_text(ANSI(lines)), ("bold", self._question.text)]
        return [*to_formatted_text(ANSI(lines)), ("bold", self._name), ("", "> ")]

    def _refresh(self) -> None:
        self._name = self._partner.prompt()  # first: it may be late, but names no room before its line is here
        if not self._question and self._partner.room != self._drafting:
            self._turn_to(self._partner.room)
        self._look_at_glimpse()
        self._session.bottom_toolbar = self._partner.bar() or None
        self._look_at_unstored()
        self._app.invalidate()

    def _look_at_unstored(self) -> None:
        """What is stored leaves its place below in the same moment in which it is printed above."""
        if not self._waiting:
            self._unstored = self._partner.unstored()

    def _turn_to(self, room: str) -> None:
        """The line being typed belongs to its room: each has its own draft and its own history. What is typed before
        one has come into any goes along into the first."""
        draft = self._drafts.pop(room, "")
        if self._drafting:
            self._drafts[self._drafting] = self._buffer.text
        else:
            draft = draft or self._buffer.text
        self._drafting = room
        self._buffer.history = self._partner.history()
        self._buffer.reset(Document(draft))

    def _accept(self, buffer: Buffer) -> bool:
        """Takes the line; the buffer then is emptied, and is what is drawn next."""
        if self._question:
            self._answer_question(buffer.text)
            return False
        pasted, self._began_with_paste = self._began_with_paste, False
        self._partner.typed(buffer.text, pasted)
        self._call(self._refresh)
        return False

    def _changed(self, buffer: Buffer) -> None:
        if not buffer.text:
            self._began_with_paste = False

    def _edit(self, text: str) -> None:
        self._buffer.document = Document(text)
        self._is_lent = True
        self._buffer.open_in_editor().add_done_callback(self._take_back)

    def _take_back(self, editing: "asyncio.Task[None]") -> None:
        """What an editor leaves may be many lines, as a paste may."""
        self._is_lent = False
        self._began_with_paste = bool(self._buffer.text)
        self._print_soon()

    # -------------------------------------------------------------------------- keys that do more than type

    def interrupted(self) -> None:
        self._partner.interrupted()

    def go_to(self, number: int) -> None:
        self._partner.go_to(number)
        self._refresh()

    def go_on(self) -> None:
        self._partner.go_on()
        self._refresh()

    def pasted(self, text: str) -> None:
        """One line is typed text; about many lines we ask first."""
        text = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
        if "\n" in text:
            self._paste = text
        else:
            self._insert(text)

    def asks(self) -> bool:
        return bool(self._paste)

    def answered(self, answer: str) -> None:
        text, self._paste = self._paste, ""
        if answer == "n":
            return
        self._insert(text)
        if answer == "y":
            self._buffer.validate_and_handle()

    def _insert(self, text: str) -> None:
        if text and not self._buffer.text:
            self._began_with_paste = True
        self._buffer.insert_text(text)

    # ------------------------------------------------------------------------------ what is not to be seen, or once

    def asks_secret(self) -> bool:
        return self._question is not None

    def gives_no_answer(self) -> None:
        self._buffer.reset()
        self._answer_question("")

    def _begin_question(self, question: Question) -> None:
        self._question = question
        self._session.completer = None
        self._buffer.history = DummyHistory()
        self._refresh()

    def _answer_question(self, answer: str) -> None:
        """The next question may follow at once; else all is as it was."""
        question, self._question = self._question, None
        if question:
            question.then(answer)
        self._call(self._end_questions)

    def _end_questions(self) -> None:
        """Only now the buffer has let go of the answer, and it is in no history."""
        if not self._question:
            self._session.completer = _Words(self._partner)
            self._buffer.history = self._partner.history()
            self._refresh()

    def hides(self) -> bool:
        return self._glimpse.is_ripe

    def hidden(self) -> None:
        """A key was pressed: it has no other meaning."""
        if self._glimpse.turn_page():
            self._partner.glimpsed()
        self._refresh()

    def _look_at_glimpse(self) -> None:
        """It opens where nobody types: who looks at the keys would miss it."""
        is_free = not (self._question or self._paste or self._is_lent or self._buffer.text)
        opened = self._glimpse.offer(self._partner.glimpse(), is_free=is_free)
        if opened and self._loop:
            self._loop.call_later(READ_SECONDS, self._ripen, opened)

    def _ripen(self, opened: int) -> None:
        self._glimpse.ripen(opened)
        self._app.invalidate()

    # ------------------------------------------------------------------------------------------ printing

    def _print_soon(self) -> None:
        """Prints at once, or, right after another print, when its pause is over."""
        if self._loop and not self._print_is_due:
            self._print_is_due = True
            self._loop.call_at(max(self._loop.time(), self._next_print), self._print)

    def _print(self) -> None:
        self._print_is_due = False
        if not (self._loop and self._waiting) or self._is_lent:
            return
        if self._page:
            self._page.hold()
        self._app.renderer.erase()
        self._output.write_raw(self._take(AT_ONCE))
        self._output.flush()
        self._look_at_unstored()
        self._app.invalidate()
        self._next_print = self._loop.time() + PAUSE_SECONDS
        self._print_soon()

    def _print_all(self) -> None:
        print(self._take(len(self._waiting)), end="", flush=True)

    def _take(self, most: int) -> str:
        count = min(most, len(self._waiting))
        return "".join(f"{self._waiting.popleft()}\n" for _ in range(count))
