"""The whole server, given hundreds of sessions in which something is wrong: it goes on, says nothing of it that looks
like a bug, and gives everything back. CHATROOM_SEED=NUMBER repeats a run.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from chatroom import text
from chatroom.messages import Error, Welcome
from chatroom.wire import Unreadable, native
from tests.server.processes import ServerProcess, wait_until
from tests.server.wire_client import WireClient, fresh, hang_up_all, person
from tests.stress.intruders import Intruders
from tests.stress.scale import SEED, scaled
from tests.stress.soak import Sample
from tests.test_protocol_document import names, tables

if sys.platform != "linux":
    pytest.skip("what a process holds is read from /proc", allow_module_level=True)

WARM_UPS, ROUNDS = 2, scaled(3, 10)
EACH = scaled(200, 500)
"""So many connections a round."""

DOCUMENTED = {names(code)[0]: fatal for code, fatal, *_ in tables("Errors")[0]}
"""The errors that there are, and when they are fatal."""

ALLOWED = 6 << 20
"""So many bytes more it may hold after all rounds than after the first ones."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """At its end it must have said nothing on stderr, and no traceback on stdout, at the most talkative level."""
    with ServerProcess("--data", str(tmp_path), "--rate", "off", "--log-level", "debug") as server:
        yield server
    hang_up_all()


COMPLAINT = b"\x15\x03"
"""So TLS says that it does not understand: whoever's garbage begins with its first byte is answered by it."""


def judge(heard: list[bytes]) -> None:
    """Some were let in, and each error is one of the protocol's: fatal where it says so, and safe to show."""
    frames = [data for data in heard if not data.startswith(COMPLAINT)]
    events = [event for data in frames for event in native.events().receive(data)]
    assert [event for event in events if isinstance(event, Unreadable)] == []
    assert any(isinstance(event, Welcome) for event in events)
    for error in (event for event in events if isinstance(event, Error)):
        assert not error.fatal or DOCUMENTED[error.code].startswith("yes")
        assert error.code in DOCUMENTED
        assert error.code != "internal"
        assert text.visible(error.text) == error.text


class Pair:
    """Two colleagues, one of them over TLS: what one says, the other is shown, and finds again."""

    def __init__(self, port: int) -> None:
        self.ada, self.bob = person(port, "ada", "lobby", tls=True), person(port, "bob", "lobby")

    def talk(self) -> None:
        for speaker, listener in ((self.ada, self.bob), (self.bob, self.ada)):
            self._say(speaker, listener, fresh("word"))

    def _say(self, speaker: WireClient, listener: WireClient, word: str) -> None:
        assert speaker.say("lobby", word)["type"] == "message"
        listener.until(lambda event: event.get("message") == word)
        assert len(listener.ask("search", query=word, limit=1)["messages"]) == 1


def level_of(server: ServerProcess, base: Sample) -> Sample:
    """Once the visitors' threads and descriptors are given back."""
    wait_until(lambda: server.threads() <= base.threads and server.descriptors() <= base.descriptors)
    return Sample.of(server)


def test_damaged_sessions_harm_nobody_and_leave_nothing(server: ServerProcess) -> None:
    print(f"CHATROOM_SEED={SEED}")
    pair = Pair(server.port)
    pair.talk()
    base, levels = Sample.of(server), []
    for number in range(WARM_UPS + ROUNDS):
        intruders = Intruders(server.port, Random(f"{SEED} {number}"))
        intruders.come(EACH, f"round{number}")
        pair.talk()
        levels.append(level_of(server, base))
        judge(intruders.heard)
        assert not server.stderr.lines
    print(*levels, sep="\n")
    assert levels[-1].memory - levels[WARM_UPS - 1].memory < ALLOWED
