"""A crowd: many people in one process, fifty in a room, who say nothing. `python -m tests.stress.crowd PORT NUMBER`
says a word when all are in, and holds their lines until it is ended or its stdin is closed: then all break in the same
moment."""

import sys

if sys.platform == "win32":
    sys.exit("The limit of descriptors is POSIX's.")

import resource

from tests.server.wire_client import WireClient, person

COMPANY = 50


def main(port: int, number: int) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    crowd: list[WireClient] = [person(port, f"crowd-{n}", f"room-{n // COMPANY}") for n in range(number)]
    print(f"{len(crowd)} are in", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
