"""What keys do beside what they do in any shell: a table of keys, and what each has a desk do.

Knows the names of keys and the buffer that is typed into. Knows nothing of screens and chats.
"""

from collections.abc import Callable
from typing import Protocol

from prompt_toolkit.buffer import Buffer, CompletionState
from prompt_toolkit.completion import CompleteEvent, get_common_complete_suffix
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, emacs_insert_mode, has_focus, vi_insert_mode
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

ROOMS = range(1, 10)
"""Alt and one of these digits goes to a room."""


class Desk(Protocol):
    """Whoever does what the keys ask."""

    def interrupted(self) -> None:
        """Ctrl-C, with nothing typed."""

    def go_to(self, number: int) -> None:
        """Alt-1 to Alt-9: to the room of that number."""

    def go_on(self) -> None:
        """Alt-a: to the next room in which something is unread."""

    def asks(self) -> bool:
        """Whether a question about a paste is open."""

    def pasted(self, text: str) -> None:
        """Something was pasted."""

    def answered(self, answer: str) -> None:
        """The question about a paste got one of the ANSWERS."""

    def asks_secret(self) -> bool:
        """Whether something is typed that nobody may see."""

    def gives_no_answer(self) -> None:
        """Nothing will be typed there."""

    def hides(self) -> bool:
        """Whether something is shown until a key is pressed."""

    def hidden(self) -> None:
        """That key was pressed."""


ANSWERS = {"y": "yes", "e": "edit", "n": "no"}
_NO = (Keys.Escape, Keys.ControlC, Keys.ControlD)


def bindings(desk: Desk) -> KeyBindings:
    """The table, for this desk."""
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER) & ~Condition(desk.asks) & ~Condition(desk.asks_secret)
    table: dict[tuple[Keys | str, ...], Callable[[KeyPressEvent], None]] = {
        (Keys.Enter,): lambda event: _enter(event.current_buffer),
        (Keys.Escape, Keys.Enter): lambda event: event.current_buffer.insert_text("\n"),
        (Keys.ControlC,): lambda event: _interrupt(event.current_buffer, desk),
        (Keys.Escape, "a"): lambda _: desk.go_on(),
        (Keys.BracketedPaste,): lambda event: desk.pasted(event.data),
        **{(Keys.Escape, str(number)): _go_to(desk, number) for number in ROOMS},
    }
    for sequence, do in table.items():
        keys.add(*sequence, filter=typing)(do)
    inserting = vi_insert_mode | emacs_insert_mode
    keys.add(Keys.Tab, filter=typing & inserting)(lambda event: _complete(event.current_buffer))
    _add_answers(keys, desk)
    _add_secrets(keys, desk)
    return keys


def _add_secrets(keys: KeyBindings, desk: Desk) -> None:
    """A secret is typed as in any shell; no key takes anybody elsewhere meanwhile. What is shown once takes any key."""
    secret = Condition(desk.asks_secret)
    for no in (Keys.ControlC, Keys.ControlD):
        keys.add(no, filter=secret, eager=True)(lambda _: desk.gives_no_answer())
    for search in (Keys.ControlR, Keys.ControlS):
        keys.add(search, filter=secret, eager=True)(lambda _: None)
    keys.add(Keys.Any, filter=Condition(desk.hides), eager=True)(lambda _: desk.hidden())


def _add_answers(keys: KeyBindings, desk: Desk) -> None:
    """While a question is open, any other key leaves it open."""
    asking = Condition(desk.asks)
    keys.add(Keys.Any, filter=asking, eager=True)(lambda _: None)
    keys.add(Keys.BracketedPaste, filter=asking, eager=True)(lambda _: None)
    for key in ANSWERS:
        for written in (key, key.upper()):
            keys.add(written, filter=asking, eager=True)(_answer(desk, key))
    for no in _NO:
        keys.add(no, filter=asking, eager=True)(_answer(desk, "n"))


def _go_to(desk: Desk, number: int) -> Callable[[KeyPressEvent], None]:
    return lambda _: desk.go_to(number)


def _answer(desk: Desk, answer: str) -> Callable[[KeyPressEvent], None]:
    return lambda _: desk.answered(answer)


def _enter(buffer: Buffer) -> None:
    """Hands the line on; a backslash at its end makes a newline instead."""
    if buffer.document.is_cursor_at_the_end and buffer.text.endswith("\\"):
        buffer.delete_before_cursor()
        buffer.insert_text("\n")
    else:
        buffer.validate_and_handle()


def _complete(buffer: Buffer) -> None:
    """Before the next key is looked at: who types on at once must not find the word in another place, or line."""
    if buffer.complete_state:
        buffer.complete_next()
        return
    offers = [*buffer.completer.get_completions(buffer.document, CompleteEvent(completion_requested=True))]
    if len(offers) == 1:
        buffer.apply_completion(offers[0])
    elif offers:
        common = get_common_complete_suffix(buffer.document, offers)
        buffer.insert_text(common)
        shown = [offer.new_completion_from_position(len(common)) for offer in offers]
        buffer.complete_state = CompletionState(buffer.document, shown)


def _interrupt(buffer: Buffer, desk: Desk) -> None:
    """Clears what is typed; nothing that was typed by mistake is sent, and nobody leaves by mistake."""
    if buffer.text:
        buffer.reset()
    else:
        desk.interrupted()
