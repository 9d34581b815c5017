"""A server for everybody, which keeps its history in a file, and people who come in by sockets."""

from collections.abc import Callable, Iterator

import pytest

from tests.server.processes import ServerProcess
from tests.server.strangers import Aging, Visit, all_visits
from tests.server.wire_client import MADE, WireClient, fresh, hang_up_all

Stranger = Callable[[], WireClient]
Enter = Callable[..., WireClient]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One for all tests that need nothing special; what a stranger does to it must not print anything on stderr."""
    data = tmp_path_factory.mktemp("data")
    with ServerProcess("--data", str(data), "--durability", "process", "--rate", "off") as process:
        yield process


@pytest.fixture(scope="session", autouse=True)
def _what_takes_time_begins_first(request: pytest.FixtureRequest) -> None:
    """Before the first test, so that none has to wait for it alone; where nothing asks for it, it is not begun."""
    asked_for = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    for name in asked_for & {"visits", "aging"}:
        request.getfixturevalue(name)


@pytest.fixture(scope="session")
def visits(server: ServerProcess) -> dict[str, Visit]:
    """Strangers who take their time."""
    visits = all_visits(server.port)
    MADE.clear()  # they stay beyond the first test
    return visits


@pytest.fixture(scope="session")
def aging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aging]:
    """A server that keeps what was said for a second, and some who were there long before the test that asks them."""
    data = tmp_path_factory.mktemp("aging")
    with ServerProcess("--data", str(data), "--history", "1s", "--rate", "off") as process:
        aging = Aging(process.port)
        MADE.clear()
        yield aging
        aging.close()


@pytest.fixture(autouse=True)
def _no_connection_outlives_its_test() -> Iterator[None]:
    yield
    hang_up_all()


@pytest.fixture
def tls() -> bool:
    """Whether strangers are encrypted; `both_ways` where the same must hold for either."""
    return False


both_ways = pytest.fixture(name="tls", params=[False, True], ids=["plain", "TLS"])(lambda request: request.param)


@pytest.fixture
def stranger(server: ServerProcess, tls: bool) -> Stranger:
    """Makes connections that have said nothing yet."""
    return lambda: WireClient(server.port, tls=tls)


@pytest.fixture
def enter(stranger: Stranger) -> Enter:
    """Makes people who are in, and in the rooms that are named; each has a name of its own."""

    def come_in(*rooms: str, username: str = "", **hello: object) -> WireClient:
        client = stranger()
        client.hello(username or fresh("ada"), **hello)
        for room in rooms:
            client.join(room)
        return client

    return come_in


@pytest.fixture
def room() -> str:
    """A room that no other test uses."""
    return fresh("room")
