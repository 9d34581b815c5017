"""The terminal on a console that is no POSIX terminal, such as that of Windows: keys by a pipe, a recording output."""

from collections.abc import Iterable, Iterator, Sequence

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.history import History, InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from chatroom.client import terminal
from chatroom.client.complete import Word
from chatroom.client.terminal import Terminal


class Console(DummyOutput):
    """What is written raw, above the prompt, is kept; so is the bell."""

    def __init__(self) -> None:
        self.printed = ""
        self.bells = 0

    def write_raw(self, data: str) -> None:
        self.printed += data

    def bell(self) -> None:
        self.bells += 1


class Partner:
    """Takes down what is typed, answers it, and leaves at `q`."""

    room = "lobby"

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.heard: list[tuple[str, bool]] = []

    def typed(self, text: str, pasted: bool) -> None:
        self.heard.append((text, pasted))
        if text == "q":
            self._terminal.bell()
            self._terminal.leave(5)
        else:
            self._terminal.show(f"answer to {text}")

    def prompt(self) -> str:
        return self.room

    def unstored(self) -> Sequence[str]:
        return ("[sending] words",)

    def bar(self) -> str:
        return "link lost"

    def interrupted(self) -> None:
        self.heard.append(("Ctrl-C", False))

    def go_to(self, number: int) -> None:
        self.room = f"room{number}"

    def go_on(self) -> None:
        self.room = "next"

    def complete(self, before: str) -> Iterable[Word]:
        return [Word("hello", -len(before))]

    def history(self) -> History:
        return InMemoryHistory()

    def glimpse(self) -> Sequence[str]:
        return ()

    def glimpsed(self) -> None:
        pass

    def tick(self) -> None:
        pass


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        yield keys


def test_it_types_answers_rings_and_leaves(keys: PipeInput, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console()
    monkeypatch.setattr(terminal, "output", lambda: console)
    screen = Terminal()
    partner = Partner(screen)
    keys.send_text("hello\r")
    keys.send_text("\x03\x1b2a line\\\rand more\r")
    keys.send_text("\x1b[200~two\nlines\x1b[201~y")
    keys.send_text("q\r")
    assert screen.run(partner) == 5
    assert partner.heard == [
        ("hello", False),
        ("Ctrl-C", False),
        ("a line\nand more", False),
        ("two\nlines", True),
        ("q", False),
    ]
    assert partner.room == "room2"
    assert console.bells == 1


def test_what_is_shown_is_whole_and_in_order(
    keys: PipeInput, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console()
    monkeypatch.setattr(terminal, "output", lambda: console)
    screen = Terminal(vi=True, colour=False)
    lines = [f"line {number}" for number in range(1_200)]
    screen.show(*lines)
    keys.send_text("q\r")
    screen.run(Partner(screen))
    assert (console.printed + capsys.readouterr().out).split("\n") == [*lines, ""]
