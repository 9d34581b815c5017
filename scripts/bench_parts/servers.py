"""How each server is configured at its best, started, found listening, and ended. Says nothing to it.

The peers get every limit opened that stands between them and their speed: penalties, queues, connections an address,
look-ups of names; and as few timers and as little logging as they allow.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from . import dialects, machine
from .dialects import Dialect

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 20.0  # seconds for a server to start, and again for it to end
BACKLOG = 1000  # connections: as many strangers as chatroom has a place for, and less than the others let wait
LISTENING = re.compile(r"Listening as \S*:(\d+)")


class NotStarted(Exception):
    """The server is not installed, or it does not listen."""


@dataclass(frozen=True)
class Setup:
    """What a server is asked for. The peers know only ``clients``."""

    clients: int = 100
    store: str = "sqlite"
    durability: str = "power"
    folder: Path | None = None
    core: int | None = None
    python: str = sys.executable


@dataclass(frozen=True)
class Kind:
    """A server that can be measured: its dialect, and how it is started in a folder of its own at a port.

    ``program``: what has to be installed, if it is not this project. ``announces``: it picks its port itself and
    prints it. ``backlog``: the connections that it lets wait. ``encrypted``: it is spoken to over TLS.
    """

    dialect: Dialect
    command: Callable[[Path, int, Setup], list[str]]
    program: str = ""
    announces: bool = False
    backlog: int = BACKLOG
    encrypted: bool = False


@dataclass(frozen=True)
class Running:
    kind: Kind
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2000:].strip()


def find(program: str) -> str:
    """Where a program lies; servers are often out of a user's way."""
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    found = shutil.which(program, path=places)
    if not found:
        raise NotStarted(f"{program} is not installed; on Debian: apt-get install {program}")
    return found


def version(program: str) -> str:
    """What it calls its version, without its name; NotStarted if it is not installed."""
    said = subprocess.run([find(program), "--version"], capture_output=True, text=True, check=False, timeout=PATIENCE)
    found = re.search(r"\d+(\.\d+)+", said.stdout + said.stderr)
    return found[0] if found else ""


NGIRCD = """\
[Global]
Name = bench.local
AdminInfo1 = bench
AdminEMail = bench@bench.local
Info = bench
Listen = 127.0.0.1
Ports = {port}
MotdPhrase = bench
PidFile = {folder}/pid
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxNickLength = 20
MaxPenaltyTime = 0
PingTimeout = 36000
PongTimeout = 36000
[Options]
DNS = no
Ident = no
PAM = no
"""

INSPIRCD = """\
<server name="bench.local" description="bench" network="bench">
<admin name="bench" nick="bench" email="bench@bench.local">
<bind address="127.0.0.1" port="{port}" type="clients">
<connect name="all" allow="*" localmax="{most}" globalmax="{most}" limit="{most}" maxchans="1000" maxconnwarn="no"
  timeout="600" pingfreq="36000" hardsendq="2000000000" softsendq="2000000000" recvq="2000000000"
  threshold="2000000000" commandrate="2000000000" fakelag="no" useident="no" resolvehostnames="no">
<performance netbuffersize="65534" somaxconn="4096" softlimit="{most}" quietbursts="yes">
<path datadir="{folder}" logdir="{folder}">
<log method="file" type="*" level="default" target="{folder}/inspircd.log">
<pid file="{folder}/pid">
"""

NATS_SERVER = """\
listen: 127.0.0.1:{port}
max_connections: {most}
max_pending: 2000000000
write_deadline: "60s"
ping_interval: "10h"
"""


def _peer(dialect: Dialect, program: str, text: str, *options: str, backlog: int = BACKLOG) -> Kind:
    """A server that gets its configuration in a file, whose path is added to its options."""

    def write(folder: Path, port: int, setup: Setup) -> list[str]:
        conf = folder / "conf"
        conf.write_text(text.format(port=port, folder=folder, most=setup.clients + 1000))
        return [find(program), *options, "--config", str(conf)]

    return Kind(dialect, write, program, backlog=backlog)


def _chatroom(folder: Path, port: int, setup: Setup) -> list[str]:
    store = f"sqlite:{folder / 'bench.sqlite'}" if setup.store == "sqlite" else setup.store
    options = {
        "--host": "127.0.0.1",
        "--port": port,
        "--rate": "off",
        "--data": folder,
        "--store": store,
        "--durability": setup.durability,
        "--max-clients": setup.clients + 1000,
    }
    words = [str(word) for option in options.items() for word in option]
    return [setup.python, "-m", "chatroom.server.cli", *words]


KINDS = {
    "chatroom": Kind(dialects.NATIVE, _chatroom, announces=True),
    "chatroom-tls": Kind(dialects.NATIVE, _chatroom, announces=True, encrypted=True),
    "ngircd": _peer(dialects.IRC, "ngircd", NGIRCD, "--nodaemon", backlog=10),
    "inspircd": _peer(dialects.IRC, "inspircd", INSPIRCD, "--nofork", "--runasroot"),
    "nats": _peer(dialects.NATS, "nats-server", NATS_SERVER),
}


@contextmanager
def started(kind: Kind, setup: Setup) -> Iterator[Running]:
    """The server, listening; ended and its folder removed at the end of the body, whatever ends it."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=setup.folder, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # a server that gives up root must still reach its files
        port = 0 if kind.announces else _free_port()
        command = kind.command(folder, port, setup)
        with _process(command, folder / "log", setup.core) as process:
            yield _listening(Running(kind, port, process, folder / "log"))


@contextmanager
def _process(command: list[str], log: Path, core: int | None) -> Iterator[subprocess.Popen[bytes]]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with log.open("wb") as output, machine.pinned(core):
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,  # a file: nobody has to drain it
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for us; we end the server
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listening(server: Running) -> Running:
    """The same server with its real port, once it accepts."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.process.poll() is None:
        if port := _announced(server) if server.kind.announces else server.port:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return replace(server, port=port)
        time.sleep(0.02)
    raise NotStarted(f"{server.process.args!r} does not listen; it said:\n{server.last_words()}")


def _announced(server: Running) -> int:
    found = LISTENING.search(server.log.read_text(errors="replace"))
    return int(found[1]) if found else 0
