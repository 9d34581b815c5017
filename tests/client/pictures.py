"""The pictures in the README: captures of a real session on an emulated screen, so that they cannot lie.

Run by scripts/pictures.py, which writes them into the README; a test plays the same scene and compares. Times and
ports differ from one day to the next, and so does how long an outage was: `timeless` leaves them out.
"""

import contextlib
import re
import tempfile
from pathlib import Path

from chatroom import Client, Server
from tests.client.peers import Proxy, acquaint
from tests.client.screens import CTRL_U, ENTER, ROOT, Terminal

README = ROOT / "README.md"
WAIT = 20.0

_PICTURE = "<!-- picture: {} -->\n```\n{}\n```\n"


def played(home: Path) -> dict[str, str]:
    """The scene; the screens that ada saw, by name."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(port=0, data=home / "server"))
        cable = stack.enter_context(Proxy(server.port))
        bob = stack.enter_context(Client(port=server.port, username="bob", data=home / "bob"))
        acquaint(home / "ada" / "chatroom" / "client", cable.port)  # the words of a fingerprint are others each time
        ada = stack.enter_context(Terminal(home / "ada", "--port", str(cable.port), "--mute", columns=88, rows=30))
        ada.sees("Enter your name:")
        ada.type(f"ada{ENTER}")
        ada.sees("nobody else is here yet")
        bob.join("lobby").result(WAIT)
        ada.sees("bob joined")
        bob.say("lobby", "hello ada, how are you?").result(WAIT)
        ada.sees("how are you?")
        ada.type(f"fine :smile: and you?{ENTER}")
        ada.sees("] ada: fine")
        ada.until(lambda: not ada.shows("sending"))
        bob.say("lobby", "waves", kind="action").result(WAIT)
        bob.topic("lobby", "lunch at noon").result(WAIT)
        bob.join("ops").result(WAIT)
        ada.type(f"/join ops{ENTER}")
        ada.prompt("ops> ")
        ada.sees("You are in ops")
        ada.type(f"/go lobby{ENTER}")
        ada.prompt("lobby> ")
        bob.say("ops", "the build is red").result(WAIT)
        ada.prompt("lobby · ops 1> ")
        cable.shut_the_door()
        ada.sees("link lost")
        bob.say("lobby", "said while your cable was out").result(WAIT)
        ada.type(f"are you still there?{ENTER}")
        ada.sees("1 unsent")
        ada.type("typing this whi")
        ada.until(lambda: ada.line().endswith("typing this whi"))
        ada.sees("retrying in")
        trouble = ada.picture()
        cable.open_the_door()
        ada.sees("[+] back after")
        ada.sees("] ada: are you still there?")
        ada.until(lambda: not (ada.shows("sending") or ada.shows("link lost")))
        bob.say("lobby", "I am, and so is all that was said").result(WAIT)
        ada.sees("so is all that was said")
        ada.prompt("lobby · ops 1> typing this whi")
        talk = ada.picture()
        ada.type(f"{CTRL_U}q{ENTER}")
        ada.ends()
    return {"talk": talk, "trouble": "\n".join(trouble.splitlines()[-3:])}


def written(readme: str, pictures: dict[str, str]) -> str:
    """The README with these pictures in their places."""
    for name, picture in pictures.items():
        place = re.compile(re.escape(f"<!-- picture: {name} -->\n") + "```\n.*?```\n", re.DOTALL)
        readme = _PICTURE.format(name, picture).join(place.split(readme))
    return readme


def timeless(text: str) -> str:
    """With every time, span of time and port the same."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "DAY TIME", text)
    text = re.sub(r"\b\d\d:\d\d\b", "TIME", text)
    return re.sub(r"(127\.0\.0\.1:|in |after )\d+", r"\1N", text)


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        README.write_text(written(README.read_text("utf-8"), played(Path(home))), "utf-8")


if __name__ == "__main__":
    main()
