"""`python -m chatroom server ...` and `python -m chatroom client ...`: the two commands, where no script is at hand."""

import sys
from importlib import import_module

_COMMANDS = {"server": "chatroom.server.cli", "client": "chatroom.client.cli"}


def main() -> int:
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in _COMMANDS:
        print("Say which: python -m chatroom server, or python -m chatroom client; --help shows more.", file=sys.stderr)
        return 2
    return int(import_module(_COMMANDS[name]).main(sys.argv[2:]))


if __name__ == "__main__":
    sys.exit(main())
