"""The options of `chatroom-server` that set a limit or say what is told of it, and how their words are read.

Knows arguments and what they may be. Knows nothing of the server.
"""

import argparse
import re
from collections.abc import Callable

from chatroom.server.limits import BURST_SECONDS, Caps

_CAPS = Caps()


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Everything that has an end, and where it is."""
    option = parser.add_argument_group("limits").add_argument
    option(
        "--max-clients", metavar="N", type=count_of("people"), default=_CAPS.max_clients,
        help="how many people fit (default: %(default)s)",
    )  # fmt: skip
    option(
        "--strangers", metavar="N", type=count_of("strangers"), default=_CAPS.strangers,
        help="how many more may be connected without having said hello; the oldest makes place for a newcomer"
        " (default: %(default)s)",
    )  # fmt: skip
    option(
        "--per-address", metavar="N", type=count_of("connections"),
        help="how many connections one address may have (default: 256, and any number for this PC itself)",
    )  # fmt: skip
    option(
        "--rooms-each", metavar="N", type=count_of("rooms"), default=_CAPS.rooms_each,
        help="in how many rooms one client may be at a time (default: %(default)s)",
    )  # fmt: skip
    option(
        "--rate", metavar="N", type=_rate, default=_CAPS.rate,
        help="how many messages a second one client may say, or off (default: %(default)g)",
    )  # fmt: skip
    option(
        "--burst", metavar="N", type=count_of("messages"),
        help=f"how many of them may come at once (default: those of {BURST_SECONDS} seconds)",
    )  # fmt: skip
    _add_costs(option)


def _add_costs(option: Callable[..., object]) -> None:
    option(
        "--handshakes", metavar="N", type=count_of("handshakes"), default=_CAPS.handshakes,
        help="how many TLS handshakes may be computed at once (default: %(default)s)",
    )  # fmt: skip
    option(
        "--waiting", metavar="KIB", type=count_of("KiB"), default=_CAPS.waiting,
        help="how much may wait for one client that does not read (default: %(default)s)",
    )  # fmt: skip
    option(
        "--memory", metavar="MIB", type=count_of("MiB"), default=_CAPS.memory,
        help="how much may wait for all clients together (default: %(default)s)",
    )  # fmt: skip


def add_figures(parser: argparse.ArgumentParser) -> None:
    """What the server tells of itself while it runs."""
    option = parser.add_argument_group("logs and figures").add_argument
    option(
        "--log-level", choices=("debug", "info", "warning", "error"), default="info",
        help="how much is printed while it runs (default: %(default)s)",
    )  # fmt: skip
    option(
        "--log-format", choices=("text", "json"), default="text",
        help="lines for people, or a JSON object a line (default: %(default)s)",
    )  # fmt: skip
    option(
        "--metrics", metavar="PORT", type=port_number,
        help="tell figures for Prometheus to this PC, at this port; 0 takes any free one (default: tell none)",
    )  # fmt: skip


def port_number(word: str) -> int:
    if not (_is_number(word) and int(word) <= 65_535):
        raise argparse.ArgumentTypeError(f"'{word}' is no port; give a number from 0 to 65535")
    return int(word)


def count_of(things: str) -> Callable[[str], int]:
    """Reads how many of them there may be."""

    def read(word: str) -> int:
        if not (_is_number(word) and int(word) > 0):
            raise argparse.ArgumentTypeError(f"'{word}' is no number of {things}; give 1 or more")
        return int(word)

    return read


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 10


def _rate(word: str) -> float:
    if word == "off":
        return 0.0
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", word) or float(word) == 0:
        raise argparse.ArgumentTypeError(f"'{word}' is no rate; give messages a second, such as 10, or off")
    return float(word)
