"""The command `chatroom-server`: its options, what it prints, and how it ends.

Knows arguments, signals and the screen. Knows nothing of how the server works.
"""

import argparse
import contextlib
import queue
import signal
import socket
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from chatroom import __version__
from chatroom.durations import seconds
from chatroom.errors import StartError
from chatroom.net.words import as_words
from chatroom.server.folders import data_folder
from chatroom.server.lines import in_form, logging_lines
from chatroom.server.listener import want_descriptors
from chatroom.server.options import add_figures, add_limits, port_number
from chatroom.server.server import DEFAULT_PORT, Server
from chatroom.server.trim import be_frugal

_EVERYWHERE = {"0.0.0.0", "::"}
_SCRIPT = Path(__file__).parents[2] / "scripts" / "client.py"
"""What starts a client from a checkout, where this is one."""


def main(arguments: list[str] | None = None) -> int:
    """Runs the server until it is told to stop. The exit status: 0, 1 where it cannot start, 2 for wrong usage."""
    options = vars(_parser().parse_args(arguments))
    signals = Signals()
    be_frugal()
    want_descriptors(options["max_clients"] + 2 * options["strangers"])
    form = options.pop("log_format")
    with logging_lines(options.pop("log_level"), form):
        try:
            with Server(**options) as server:
                _show(in_form(line, form) for line in _greeting(server))
                for _ in signals.hangups():
                    server.reload_certificate()
        except StartError as error:
            print(f"chatroom-server: {error.text}", file=sys.stderr)
            return 1
    return 0


def _show(lines: Iterable[str]) -> None:
    """In one piece: others come already, and the log's thread must not write between a line and its end."""
    with contextlib.suppress(OSError):  # nobody reads it; then nobody needs it
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chatroom-server",
        description="A chat server for offices and LANs. Start it on one PC; everybody else runs chatroom-client.",
        epilog="Example: chatroom-server --port 5002 --name Office. Ctrl-C stops it; nothing that was said is lost.",
    )
    option = parser.add_argument
    option("--host", default="0.0.0.0", help="the address to listen on (default: %(default)s, all of this PC's)")
    option(
        "--port", type=port_number, default=DEFAULT_PORT, help="the port; 0 takes any free one (default: %(default)s)"
    )
    option(
        "--data", metavar="DIR", type=Path, default=data_folder(), help="where history is kept (default: %(default)s)"
    )
    option("--store", metavar="URL", help="memory: or sqlite:PATH (default: a SQLite file in --data)")
    option(
        "--durability", choices=("power", "process"), default="power",
        help="what a message survives before it is shown: a power cut, or this process's end, which is faster"
        " (default: %(default)s)",
    )  # fmt: skip
    option(
        "--history", metavar="TIME", type=_duration,
        help="how long what was said is kept, such as 12h, 90d or 52w (default: for ever)",
    )  # fmt: skip
    option("--name", default="chatroom", help="what the server calls itself (default: %(default)s)")
    option("--version", action="version", version=f"chatroom {__version__}")
    _add_encryption(parser)
    _add_people(parser)
    add_limits(parser)
    add_figures(parser)
    return parser


def _add_encryption(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument_group("encryption").add_argument
    option(
        "--cert", metavar="FILE", type=Path,
        help="a certificate of your own, loaded anew on SIGHUP (default: one that the server makes, in --data)",
    )  # fmt: skip
    option("--key", metavar="FILE", type=Path, help="the key of --cert (default: it is in the same file)")
    option(
        "--plain", choices=("always", "loopback", "never"), default="loopback",
        help="who is served without encryption: anybody, this PC alone, or nobody (default: %(default)s)",
    )  # fmt: skip


def _add_people(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument_group("people").add_argument
    option(
        "--accounts", choices=("open", "closed", "required"), default="open",
        help="anybody may register a name; only chatroom-admin may; or only who has an account comes in"
        " (default: %(default)s)",
    )  # fmt: skip
    option(
        "--server-password-file", metavar="FILE", type=_first_line, dest="server_password",
        help="everyone is asked for the password that stands in this file (default: nobody is)",
    )  # fmt: skip


def _first_line(path: str) -> str:
    try:
        password = Path(path).read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError):
        raise argparse.ArgumentTypeError(f"{path} cannot be read; name a file with the password in it") from None
    if not password:
        raise argparse.ArgumentTypeError(f"{path} is empty; write the password into it")
    return password


def _duration(word: str) -> float | None:
    if word == "forever":
        return None
    length = seconds(word)
    if length is None:
        raise argparse.ArgumentTypeError(f"'{word}' is no time; give a number and s, m, h, d or w, such as 90d")
    return float(length)


def _greeting(server: Server) -> list[str]:
    """What to know: where it listens, and what to type on the other PCs."""
    host = f"[{server.host}]" if ":" in server.host else server.host
    port = "" if server.port == DEFAULT_PORT else f" --port {server.port}"
    reachable = _lan_address() if server.host in _EVERYWHERE else server.host
    where = "this PC" if reachable == "::1" or reachable.startswith("127.") else "the other PCs"
    figures = [f"[*] Figures for Prometheus: http://127.0.0.1:{server.metrics_port}/metrics"]
    python = "py" if sys.platform == "win32" else "python3"
    script = [f"    or, in a checkout like this one: {python} scripts/client.py --host {reachable}{port}"]
    return [
        f"[*] Listening as {host}:{server.port}",
        f"[*] On {where}, type: chatroom-client --host {reachable}{port}",
        *(script if _SCRIPT.is_file() else ()),
        "[*] The fingerprint of its certificate, which every client shows at first:",
        f"    {as_words(server.fingerprint)}",
        f"    SHA-256 {server.fingerprint}",
        *(figures if server.metrics_port else ()),
    ]


def _lan_address() -> str:
    """The address by which this PC speaks to others. Nothing is sent to find it out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address that is reserved for examples
        except OSError:
            return socket.gethostname()
        return str(probe.getsockname()[0])


class Signals:
    """The signals that this process gets. Made in the main thread, which takes them between two waits."""

    def __init__(self) -> None:
        self._taken: queue.SimpleQueue[int] = queue.SimpleQueue()  # a handler may put, whatever it interrupts
        self._at_terminal = _is_at_terminal()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        if sys.platform != "win32":
            signal.signal(signal.SIGHUP, lambda number, frame: self._taken.put(number))

    def _stop(self, number: int, frame: object) -> None:
        """By the first Ctrl-C or SIGTERM; the next one ends the process as it would any other."""
        signal.signal(number, signal.SIG_DFL)
        self._taken.put(number)

    def hangups(self) -> Iterator[None]:
        """One for each SIGHUP that asks for what is in the files now, until it is time to stop."""
        while not self._is_last(self._next()):
            yield

    def _next(self) -> int:
        while True:
            with contextlib.suppress(queue.Empty):
                return self._taken.get(timeout=1)  # Windows takes a signal only between waits

    def _is_last(self, number: int) -> bool:
        """SIGHUP too, where its old meaning holds: the terminal in which the server was started is gone."""
        return number in (signal.SIGINT, signal.SIGTERM) or (self._at_terminal and not _is_at_terminal())


def _is_at_terminal() -> bool:
    try:
        return sys.stdin.isatty()
    except (AttributeError, ValueError):  # there is none, or it was closed
        return False


if __name__ == "__main__":
    sys.exit(main())
