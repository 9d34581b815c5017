"""The line being typed, while much arrives: whole, where it belongs, and quick."""

import itertools
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from chatroom import Server
from chatroom.client.session import Client
from tests.client.screens import CTRL_U, ENTER, Terminal

RATE = 200
"""Messages a second."""

LATENCY = 0.05
"""So many seconds a key may take to be echoed, and a message to be seen."""

ROUNDS = 12
"""One quiet round of these must keep to it: a busy machine proves nothing."""


@contextmanager
def flooding(bob: Client, rate: float = RATE) -> Iterator["itertools.count[int]"]:
    """Bob says that much until the end; what is given counts what he said."""
    numbers, over = itertools.count(), threading.Event()

    def flood() -> None:
        while not over.wait(1 / rate):
            bob.say("lobby", f"message {next(numbers)}.")

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        yield numbers
    finally:
        over.set()
        thread.join()
        assert bob.flush(20)


def test_the_typed_line_is_whole_while_much_arrives(ada: Terminal, bob: Client) -> None:
    typed = "lobby> "
    with flooding(bob) as numbers:
        for key in "the quick brown fox jumps over the lazy dog":
            ada.type(key)
            typed += key
            ada.prompt(typed)
            # Cell by cell: the line stands there once, and nothing is below it.
            assert [line.rstrip() for line in ada.screen.display if "> the" in line] in ([typed.rstrip()], [])
            assert not "".join(ada.screen.display[ada.screen.cursor.y + 1 :]).strip()
    count = next(numbers)
    ada.sees(f"bob: message {count - 1}.")
    said = [line.partition("] bob: ")[2] for line in ada.lines() if "message" in line]
    assert said == [f"message {number}." for number in range(count)]
    ada.type(ENTER)
    ada.sees("] ada: the quick brown fox jumps over the lazy dog")


def test_the_window_is_resized_while_much_arrives(ada: Terminal, bob: Client) -> None:
    ada.type("half a thought")
    with flooding(bob) as numbers:
        for columns, rows in [(60, 20), (100, 30), (44, 12), (80, 24)]:
            ada.resize(columns, rows)
            for key in "!!":
                ada.type(key)
            before = next(numbers)
            ada.sees(f"message {before + 3}.")
    bob.say("lobby", "that was all").result(10)
    ada.sees("bob: that was all")
    ada.prompt("lobby> half a thought!!!!!!!!")
    ada.type(ENTER)
    ada.sees("] ada: half a thought!!!!!!!!")


@pytest.mark.parametrize("columns", [40, 20])
def test_a_narrow_screen(server: Server, bob: Client, tmp_path: Path, columns: int) -> None:
    arguments = ("--port", str(server.port), "--name", "ada", "--mute")
    with Terminal(tmp_path / "eve", *arguments, columns=columns, rows=10) as ada:
        ada.prompt("lobby> ")
        for number in range(20):
            bob.say("lobby", f"{number} wide 界界 and e\u0301 and שלום world, and so on to the end.")
        bob.say("lobby", "last").result(10)
        ada.sees("bob: last")
        ada.prompt("lobby> ")
        assert ada.count("end.") == 20


@pytest.mark.alone
def test_a_key_is_echoed_and_a_message_seen_at_once(ada: Terminal, bob: Client) -> None:
    """While 200 messages a second arrive."""
    slowest: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        with flooding(bob):
            echoes = sorted(second for _ in range(4) for second in _seconds_of_keys(ada, "twenty-five keys in line"))
            arrivals = sorted(_seconds_of_a_message(ada, bob, number) for number in range(30))
        slowest.append((echoes[int(len(echoes) * 0.99)], arrivals[-1]))
        if max(slowest[-1]) < LATENCY:
            return
    pytest.fail(f"seconds of the slowest echo and arrival in each round: {slowest}")


def _seconds_of_keys(ada: Terminal, text: str) -> Iterator[float]:
    """How long each key takes to be seen where the cursor is; the line is cleared after them."""
    typed = "lobby> "
    for key in text:
        typed += key
        start = time.perf_counter()
        ada.type(key)
        ada.prompt(typed)
        yield time.perf_counter() - start
    ada.type(CTRL_U)
    ada.prompt("lobby> ")


def _seconds_of_a_message(ada: Terminal, bob: Client, number: int) -> float:
    """From when bob has his receipt, who gets it no later than ada the message. Only the screen is looked at: to look
    through all that has left it takes longer with every line."""
    text = f"mark-{time.monotonic_ns()}-{number}"
    bob.say("lobby", text).result(10)
    start = time.perf_counter()
    ada.until(lambda: ada.shows(text), text)
    return time.perf_counter() - start
