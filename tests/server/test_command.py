"""The command as a user types it: what it prints, how it refuses to start, how it ends, and what it keeps to itself."""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

import chatroom
from chatroom.server import cli
from tests.server.processes import COMMAND, LOCAL, ROOT, ServerProcess, environment, run
from tests.server.wire_client import Closed, Event, WireClient, framed, messages_of, person, said

if sys.platform == "win32":
    pytest.skip("signals, permissions and pipes are other things there", allow_module_level=True)

OPTIONS = (
    "--host", "--port", "--data", "--store", "--durability", "--max-clients", "--rate", "--history", "--name",
    "--log-level", "--version", "--help",
)  # fmt: skip
MEMORY = ("--store", "memory:", "--rate", "off")


# ------------------------------------------------------------------------------------------------------ what it prints


def test_it_says_where_it_listens_and_what_to_type_on_the_other_computers() -> None:
    with ServerProcess(*MEMORY, "--host", "0.0.0.0") as server:
        listening, invitation = server.stdout.lines[0], server.stdout.wait_for("chatroom-client")
        assert listening == f"[*] Listening as 0.0.0.0:{server.port}"
        assert server.port
        assert re.search(rf"chatroom-client --host (?!0\.0\.0\.0)[\w.-]+ --port {server.port}$", invitation)
        how = invitation.partition("chatroom-client")[2]
        server.stdout.wait_for(re.escape(f"in a checkout like this one: python3 scripts/client.py{how}") + "$")
        person(server.port, "ada").close()


@pytest.mark.parametrize("is_checkout", [True, False])
def test_scripts_are_named_where_there_are_any(
    is_checkout: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_checkout:
        monkeypatch.setattr(cli, "_SCRIPT", tmp_path / "scripts" / "client.py")
    with chatroom.Server(port=0) as server:
        told = "\n".join(cli._greeting(server))
    assert ("scripts/client.py" in told) is is_checkout


def test_it_says_who_connects_and_who_leaves_and_why() -> None:
    with ServerProcess(*MEMORY) as server:
        with WireClient(server.port) as client:
            address = client.socket.getsockname()
            server.stdout.wait_for(re.escape(f"[+] {address} connected.") + "$")
            client.hello("ada")
        assert re.search(r"left.*\w", server.stdout.wait_for(re.escape(f"[-] {address}")))
        with WireClient(server.port) as client:
            client.send_bytes(framed(b"bad"))
            client.rest()
            line = re.escape(f"[-] {client.socket.getsockname()}")
        assert "bad frame" in server.stdout.wait_for(line)


def test_the_port_that_is_given_is_used() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with ServerProcess(*MEMORY, "--port", str(port)) as server:
        assert server.port == port


def test_the_name_is_what_the_server_calls_itself() -> None:
    with ServerProcess(*MEMORY, "--name", "Büro 7") as server, WireClient(server.port) as client:
        assert client.hello("ada")["server"] == "Büro 7"


def test_version_is_that_of_the_package() -> None:
    version = re.search(r'^__version__ = "(.+)"$', (ROOT / "chatroom/__init__.py").read_text(), re.MULTILINE)
    assert version
    result = run("--version")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"chatroom {version[1]}\n", "")


def test_help_names_every_option() -> None:
    result = run("--help")
    assert (result.returncode, result.stderr) == (0, "")
    for option in OPTIONS:
        assert option in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("--port", "70000"),
        ("--port", "-1"),
        ("--port", "x"),
        ("--port", "²"),
        ("--rate", "0"),
        ("--rate", "fast"),
        ("--rate", "nan"),
        ("--rate", "-3"),
        ("--max-clients", "0"),
        ("--history", "soon"),
        ("--history", "0d"),
        ("--durability", "none"),
        ("--log-level", "loud"),
        ("--colour",),
        ("word",),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_said_and_nothing_is_started(words: tuple[str, ...], tmp_path: Path) -> None:
    result = run("--data", str(tmp_path / "data"), *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "data").exists()


# ------------------------------------------------------------------------------------------------ why it does not start


def assert_sentence(result: subprocess.CompletedProcess[str]) -> str:
    """Nothing but one sentence, and an exit code that says no."""
    assert result.returncode not in (0, 2), result
    assert "Listening" not in result.stdout
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    assert re.fullmatch(r"chatroom-server: .*\.", lines[0])
    return lines[0]


def contents(folder: Path) -> dict[str, str]:
    """Each file and what is in it. The lock, an empty log and SQLite's index may come and go: they hold nothing."""
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {
        str(path.relative_to(folder)): sha256(data).hexdigest()
        for path, data in files.items()
        if not path.name.endswith((".lock", "-shm")) and (data or not path.name.endswith("-wal"))
    }


def without_rights() -> tuple[str, ...]:
    """What takes a root's power away; others have none."""
    if os.geteuid():
        return ()
    setpriv = shutil.which("setpriv")
    assert setpriv, "setpriv, a part of util-linux, is not installed: root may do anything, so nothing is shown"
    return (setpriv, "--inh-caps=-all", "--bounding-set=-all")


def run_without_rights(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*without_rights(), *COMMAND, *arguments],
        capture_output=True, encoding="utf-8", env=environment(), timeout=10, check=False,
    )  # fmt: skip


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with ServerProcess(*MEMORY) as server:
        result = run("--host", "127.0.0.1", "--port", str(server.port), "--data", str(tmp_path / "data"))
        assert str(server.port) in assert_sentence(result)
        person(server.port, "ada").close()
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("host", ["192.0.2.77", "x" * 70, "no address"])
def test_an_address_that_is_not_this_computers_is_one_sentence(host: str) -> None:
    assert host in assert_sentence(run(*MEMORY, "--port", "0", "--host", host))


def test_a_port_for_which_one_needs_rights_is_one_sentence() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) if sys.platform == "linux" else 1024
    if first <= 1:
        return  # this system gives every port to everybody
    assert_sentence(run_without_rights(*MEMORY, "--host", "127.0.0.1", "--port", str(min(first - 1, 811))))


def test_a_data_folder_that_may_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    for data in (folder, folder / "below"):
        assert "read-only" in assert_sentence(run_without_rights(*LOCAL, "--data", str(data)))
    assert list(folder.iterdir()) == []


def test_a_database_that_may_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    with ServerProcess("--data", str(tmp_path)):
        pass
    for path in tmp_path.iterdir():
        path.chmod(0o444)
    before = contents(tmp_path)
    assert_sentence(run_without_rights(*LOCAL, "--data", str(tmp_path)))
    assert contents(tmp_path) == before


def test_a_data_folder_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    for data in (tmp_path / "file", tmp_path / "file" / "below", Path("/dev/null/x")):
        assert_sentence(run(*LOCAL, "--data", str(data)))
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("url", ["sqlite:", "memory", "postgres://x", "sqlite:/", "sqlite:.", "sqlite:/proc"])
def test_a_store_that_is_none_is_one_sentence(url: str, tmp_path: Path) -> None:
    assert_sentence(run(*LOCAL, "--data", str(tmp_path), "--store", url))


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 100)


def scribble(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4_096:] = os.urandom(len(data) - 4_096)
    path.write_bytes(data)


def scribble_over_the_head(path: Path) -> None:
    path.write_bytes(os.urandom(100) + path.read_bytes()[100:])


def replace_by_text(path: Path) -> None:
    path.write_text("These are my notes, not a database.\n" * 300)


def replace_by_anothers(path: Path) -> None:
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE bookmarks (url TEXT)")
    db.execute("INSERT INTO bookmarks VALUES ('https://example.org')")
    db.commit()
    db.close()


def make_newer(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 1000")
    db.close()


@pytest.mark.parametrize(
    "damage", [cut_short, scribble, scribble_over_the_head, replace_by_text, replace_by_anothers, make_newer]
)
def test_a_database_that_cannot_be_used_is_one_sentence_and_stays_as_it_is(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    with ServerProcess("--data", str(tmp_path), "--rate", "off") as server, person(server.port, "ada", "lobby") as ada:
        ada.send_bytes(said("lobby", ["precious " * 100] * 200))
        ada.settled()
    (database,) = tmp_path.glob("*.db")
    damage(database)
    before = contents(tmp_path)
    assert str(database) in assert_sentence(run(*LOCAL, "--data", str(tmp_path)))
    assert contents(tmp_path) == before


def test_a_newer_database_whose_log_was_not_yet_moved_into_it_stays_as_it_is(tmp_path: Path) -> None:
    """As after a crash of the newer server: what it wrote last lies in the log beside the file."""
    data, copy = tmp_path / "data", tmp_path / "copy"
    with ServerProcess("--data", str(data)):
        pass
    (database,) = data.glob("*.db")
    db = sqlite3.connect(database)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA user_version = 1000")
    db.execute("CREATE TABLE better (x)")
    db.commit()
    shutil.copytree(data, copy)
    db.close()
    before = contents(copy)
    assert any(name.endswith("-wal") for name in before)
    assert_sentence(run(*LOCAL, "--data", str(copy)))
    assert contents(copy) == before


def test_a_second_server_on_the_same_data_is_one_sentence_and_the_first_goes_on(tmp_path: Path) -> None:
    with ServerProcess("--data", str(tmp_path)) as server, person(server.port, "ada", "lobby") as ada:
        ada.say("lobby", "before")
        assert_sentence(run(*LOCAL, "--data", str(tmp_path)))
        ada.say("lobby", "after")
        assert len(ada.ask("history", room="lobby")["messages"]) == 2


def test_the_data_are_free_again_when_a_server_was_killed(tmp_path: Path) -> None:
    server = ServerProcess("--data", str(tmp_path))
    server.kill()
    with ServerProcess("--data", str(tmp_path)):
        pass


def test_the_port_is_free_again_at_once_when_a_server_has_ended(tmp_path: Path) -> None:
    with ServerProcess("--data", str(tmp_path)) as first, person(first.port, "ada"):
        port = first.port
        assert first.stop() == 0
    with ServerProcess("--data", str(tmp_path), "--port", str(port)) as second, person(second.port, "ada"):
        assert second.port == port


def test_history_is_kept_in_the_folder_that_is_named_and_nowhere_else(tmp_path: Path) -> None:
    data = tmp_path / "some" / "folder"
    with ServerProcess("--data", str(data)) as server, person(server.port, "ada", "lobby") as ada:
        ada.say("lobby", "hello")
    assert {path.name for path in tmp_path.iterdir()} == {"some"}
    assert any(path.suffix == ".db" for path in data.iterdir())


# ---------------------------------------------------------------------------------------------------------- how it ends


def assert_ends_well(server: ServerProcess, number: int) -> None:
    started = time.monotonic()
    assert server.stop(number) == 0
    assert time.monotonic() - started < 5
    assert server.stderr.lines == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: signal.Signals(number).name)
def test_a_signal_says_bye_to_everybody_and_ends_it(number: int) -> None:
    with ServerProcess(*MEMORY) as server:
        people = [person(server.port, f"p{n}", "lobby") for n in range(10)]
        with WireClient(server.port) as stranger:
            stranger.settled()
            assert_ends_well(server, number)
            for client in people:
                last = client.rest()[-1]
                assert last["type"] == "bye"
                assert last["reason"]
                assert type(last.get("retry", 1)) is int
                client.close()
            assert {event["type"] for event in stranger.rest()} <= {"bye", "error"}
        with pytest.raises(ConnectionRefusedError):
            WireClient(server.port)


def test_a_signal_ends_it_also_with_people_who_read_nothing_and_strangers_who_say_nothing() -> None:
    with ServerProcess(*MEMORY) as server, person(server.port, "talker", "lobby") as talker:
        stalled = [person(server.port, f"stalled{n}", "lobby", receive_buffer=4_096) for n in range(5)]
        strangers = [WireClient(server.port) for _ in range(50)]
        strangers[0].send_bytes(b"\x00\x00")
        for _ in range(20):
            talker.send_bytes(said("lobby", ["x" * 3_000] * 100, str(time.monotonic_ns())))
            talker.settled()
        assert_ends_well(server, signal.SIGTERM)
        assert talker.rest()[-1]["type"] == "bye"
        for client in stalled + strangers:
            client.close()


def write_without_end(client: WireClient) -> None:
    with contextlib.suppress(OSError):  # the server has gone
        for n in range(100_000):
            client.send_bytes(said("lobby", [f"{client.username} {n}"], f"{client.username}-{n}-"))


def read_to_the_end(client: WireClient, heard: threading.Semaphore) -> list[Event]:
    """Takes the bytes as they come and looks at them later: who is three seconds behind is cut off without a bye."""
    with contextlib.suppress(ConnectionError):
        while piece := client.take():
            if count := piece.count(b'"type":"message"'):
                heard.release(count)
    events: list[Event] = []
    with contextlib.suppress(Closed, ConnectionError):
        while True:
            events.append(client.receive())
    return events


@pytest.mark.alone
def test_a_signal_while_messages_pour_in_loses_nothing_that_was_receipted(tmp_path: Path) -> None:
    heard = threading.Semaphore(0)
    with ServerProcess("--data", str(tmp_path), "--rate", "off") as server, ThreadPoolExecutor(10) as pool:
        clients = [person(server.port, f"p{n}", "lobby") for n in range(5)]
        readers = [pool.submit(read_to_the_end, client, heard) for client in clients]
        for client in clients:
            pool.submit(write_without_end, client)
        for _ in range(5_000):
            assert heard.acquire(timeout=10)
        assert_ends_well(server, signal.SIGTERM)
        records = [reader.result() for reader in readers]
        for client in clients:
            client.close()
    with ServerProcess("--data", str(tmp_path)) as server:
        later = person(server.port, "later")
        stored = [(event["seq"], event["id"]) for event in messages_of(later.join("lobby", since=0))]
    for events in records:
        assert events[-1]["type"] == "bye"
        # What was accepted was handed out to everybody before the bye.
        assert [(event["seq"], event["id"]) for event in messages_of(events)] == stored


def test_a_signal_while_people_come_in_ends_it() -> None:
    with ServerProcess(*MEMORY) as server:
        enough = threading.Semaphore(0)

        def come_in(n: int) -> None:
            try:
                for k in range(10_000):
                    with WireClient(server.port) as client:
                        client.hello(f"p{n}-{k}")
                        enough.release()
            except (OSError, Closed, AssertionError):
                pass  # the server has gone

        with ThreadPoolExecutor(4) as pool:
            for n in range(4):
                pool.submit(come_in, n)
            for _ in range(100):
                assert enough.acquire(timeout=10)
            assert_ends_well(server, signal.SIGTERM)


# ---------------------------------------------------------------------------------------------- what it keeps to itself


def test_output_that_nobody_reads_stops_nobody() -> None:
    """The pipe for stdout is full, as under a paused pager."""
    process = subprocess.Popen(
        [*COMMAND, *LOCAL, *MEMORY, "--log-level", "debug"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    assert process.stdout
    assert process.stderr
    try:
        if sys.platform == "linux":
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4_096)
        port = int(process.stdout.readline().rpartition(b":")[2])
        for n in range(300 if sys.platform == "linux" else 1_500):
            with WireClient(port) as client:
                client.hello(f"p{n}")
        with WireClient(port) as client:
            client.hello("ada")
            client.join("lobby")
            client.say("lobby", "still served")
            process.send_signal(signal.SIGTERM)
            started = time.monotonic()
            assert client.rest()[-1]["type"] == "bye"
        assert process.wait(5) == 0
        assert time.monotonic() - started < 5
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_goes_nowhere_stops_nobody(unbuffered: str) -> None:
    """Whoever read stdout has gone, as with `chatroom-server | head -1`."""
    process = subprocess.Popen(
        [*COMMAND, *LOCAL, *MEMORY],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment() | {"PYTHONUNBUFFERED": unbuffered},
    )  # fmt: skip
    assert process.stdout
    assert process.stderr
    try:
        port = int(process.stdout.readline().rpartition(b":")[2])
        process.stdout.close()
        for n in range(20):
            with person(port, f"p{n}", "lobby") as client:
                client.say("lobby", "still served")
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert b"Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_every_line_is_written_together_with_its_end() -> None:
    """Else the line of one thread gets between another's and its end. In a socket for datagrams each write is one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.settimeout(30)
    process = subprocess.Popen(
        [*COMMAND, *LOCAL, *MEMORY], stdout=theirs.fileno(), env=environment() | {"PYTHONUNBUFFERED": "1"}
    )
    try:
        written = [ours.recv(65_536)]
        port = int(written[0].splitlines()[0].rpartition(b":")[2])
        with WireClient(port):
            written.append(ours.recv(65_536))
        written.append(ours.recv(65_536))
        assert [data[-1:] for data in written] == [b"\n"] * 3
        assert [data.count(b"\n") for data in written[1:]] == [1, 1]
    finally:
        process.kill()
        process.wait()
        ours.close()
        theirs.close()


def test_the_log_holds_no_message_no_topic_and_no_session(tmp_path: Path) -> None:
    secret = "pssst-7f3a"
    with ServerProcess("--data", str(tmp_path), "--log-level", "debug") as server:
        ada, bob = person(server.port, "ada", "lobby"), person(server.port, "bob", "lobby")
        ada.say("lobby", secret, id=f"id-{secret}")
        ada.say("lobby", secret, id=f"id-{secret}")
        ada.say("lobby", f"{secret} other", id=f"id-{secret}")
        ada.ask("topic", room="lobby", topic=secret)
        bob.send("say", id="x", room="lobby", message=secret, kind=secret)
        bob.settled()
        bob.send_bytes(framed(secret.encode()))
        bob.rest()
        sessions = [ada.session, bob.session]
    log = "\n".join(server.stdout.lines + server.stderr.lines)
    for word in (secret, *sessions):
        assert word not in log


def test_nothing_that_a_stranger_says_is_printed_raw() -> None:
    with ServerProcess(*MEMORY, "--log-level", "debug") as server:
        for words in (b"\x1b]0;owned\x07", b"GET /\x1b[2J HTTP/1.1\r\n\r\n", framed(b'{"type":"\\u001b[2J"}')):
            with WireClient(server.port) as client:
                client.send_bytes(words)
                client.rest()
    assert all(line.isprintable() for line in server.stdout.lines)


def test_log_level_error_prints_nothing_of_comings_and_goings() -> None:
    with ServerProcess(*MEMORY, "--log-level", "error") as server, person(server.port, "ada") as ada:
        ada.send("bye")
        ada.rest()
    assert not any(line.startswith(("[+]", "[-]")) for line in server.stdout.lines)


def test_the_long_form_works_too() -> None:
    words = [sys.executable, "-m", "chatroom", "server", "--version"]
    result = subprocess.run(words, capture_output=True, encoding="utf-8", env=environment(), timeout=10, check=False)
    assert result.returncode == 0
    assert result.stdout.startswith("chatroom ")
