"""The command `chatroom-server`: its options, what it prints, and how it ends.

Knows arguments, signals and the screen. Knows nothing of how the server works.
"""

import argparse
import contextlib
import re
import signal
import socket
import sys
import threading
from pathlib import Path

import platformdirs

from chatroom import __version__
from chatroom.errors import StartError
from chatroom.server.lines import logging_lines
from chatroom.server.server import DEFAULT_PORT, Server

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_EVERYWHERE = {"0.0.0.0", "::"}


def main(arguments: list[str] | None = None) -> int:
    """Runs the server until it is told to stop. The exit status: 0, 1 where it cannot start, 2 for wrong usage."""
    options = vars(_parser().parse_args(arguments))
    stopped = _stop_signals()
    with logging_lines(options.pop("log_level")):
        try:
            with Server(**options) as server:
                with contextlib.suppress(OSError):  # nobody reads it; then nobody needs it
                    print(*_greeting(server), sep="\n", flush=True)
                _wait(stopped)
        except StartError as error:
            print(f"chatroom-server: {error.text}", file=sys.stderr)
            return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chatroom-server",
        description="A chat server for offices and LANs. Start it on one PC; everybody else runs chatroom-client.",
        epilog="Example: chatroom-server --port 5002 --name Office. Ctrl-C stops it; nothing that was said is lost.",
    )
    option = parser.add_argument
    option("--host", default="0.0.0.0", help="the address to listen on (default: %(default)s, all of this PC's)")
    option("--port", type=_port, default=DEFAULT_PORT, help="the port; 0 takes any free one (default: %(default)s)")
    option(
        "--data", metavar="DIR", type=Path, default=_data_folder(), help="where history is kept (default: %(default)s)"
    )
    option("--store", metavar="URL", help="memory: or sqlite:PATH (default: a SQLite file in --data)")
    option(
        "--durability", choices=("power", "process"), default="power",
        help="what a message survives before it is shown: a power cut, or this process's end, which is faster"
        " (default: %(default)s)",
    )  # fmt: skip
    option("--max-clients", metavar="N", type=_count, default=10_000, help="how many people fit (default: %(default)s)")
    option(
        "--rate", metavar="N", type=_rate, default=10.0,
        help="how many messages a second one client may say, or off (default: %(default)g)",
    )  # fmt: skip
    option(
        "--history", metavar="TIME", type=_duration,
        help="how long what was said is kept, such as 12h, 90d or 52w (default: for ever)",
    )  # fmt: skip
    option("--name", default="chatroom", help="what the server calls itself (default: %(default)s)")
    option(
        "--log-level", choices=("debug", "info", "warning", "error"), default="info",
        help="how much is printed while it runs (default: %(default)s)",
    )  # fmt: skip
    option("--version", action="version", version=f"chatroom {__version__}")
    return parser


def _data_folder() -> Path:
    return platformdirs.user_data_path("chatroom", appauthor=False) / "server"


def _port(word: str) -> int:
    if not (word.isascii() and word.isdigit() and int(word) <= 65_535):
        raise argparse.ArgumentTypeError(f"'{word}' is no port; give a number from 0 to 65535")
    return int(word)


def _count(word: str) -> int:
    if not (word.isascii() and word.isdigit() and int(word) > 0):
        raise argparse.ArgumentTypeError(f"'{word}' is no number of people; give 1 or more")
    return int(word)


def _rate(word: str) -> float:
    if word == "off":
        return 0.0
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", word) or float(word) == 0:
        raise argparse.ArgumentTypeError(f"'{word}' is no rate; give messages a second, such as 10, or off")
    return float(word)


def _duration(word: str) -> float | None:
    if word == "forever":
        return None
    if not re.fullmatch(r"[0-9]{1,6}[smhdw]", word) or int(word[:-1]) == 0:
        raise argparse.ArgumentTypeError(f"'{word}' is no time; give a number and s, m, h, d or w, such as 90d")
    return float(int(word[:-1]) * _SECONDS[word[-1]])


def _greeting(server: Server) -> list[str]:
    """What to know: where it listens, and what to type on the other PCs."""
    host = f"[{server.host}]" if ":" in server.host else server.host
    port = "" if server.port == DEFAULT_PORT else f" --port {server.port}"
    reachable = _lan_address() if server.host in _EVERYWHERE else server.host
    where = "this PC" if reachable == "::1" or reachable.startswith("127.") else "the other PCs"
    return [
        f"[*] Listening as {host}:{server.port}",
        f"[*] On {where}, type: chatroom-client --host {reachable}{port}",
    ]


def _lan_address() -> str:
    """The address by which this PC speaks to others. Nothing is sent to find it out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address that is reserved for examples
        except OSError:
            return socket.gethostname()
        return str(probe.getsockname()[0])


def _stop_signals() -> threading.Event:
    """Set by the first Ctrl-C or SIGTERM; the next one ends the process as it would any other."""
    stopped = threading.Event()

    def stop(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return stopped


def _wait(stopped: threading.Event) -> None:
    while not stopped.wait(timeout=1):  # Windows takes a signal only between waits
        pass


if __name__ == "__main__":
    sys.exit(main())
