"""What is to be seen once: it waits, is shown, and is nowhere else but there."""

from pathlib import Path

from chatroom import Client, Server
from chatroom.client.once import Once
from chatroom.messages import Message
from tests.client.peers import TIMEOUT
from tests.client.screens import ENTER, Terminal


def said(seq: int, room: str = "@bob") -> Message:
    return Message(room, seq, 0, "bob", f"text {seq}", str(seq), once=True)


def test_it_waits_until_it_is_asked_for_and_is_hidden_once() -> None:
    once = Once()
    for seq in (3, 5, 3):
        once.add(said(seq))
    assert once.shown is None
    assert once.reveal()
    assert once.shown == said(3)
    assert once.hide() == said(3)
    assert once.hide() is None
    assert once.reveal()
    assert not once.reveal(), "the same was not added twice"


def test_what_waits_there_is_not_read_yet() -> None:
    once = Once()
    once.add(said(3))
    assert (once.before("@bob", 9), once.before("lobby", 9)) == (2, 9)
    once.reveal()
    assert once.before("@bob", 9) == 2, "it is still being read"
    once.hide()
    assert once.before("@bob", 9) == 9


def test_a_key_takes_it_from_the_screen_and_it_is_in_no_file(server: Server, tmp_path: Path) -> None:
    with (
        Client(port=server.port, username="bob", data=tmp_path / "bob") as bob,
        Terminal(tmp_path / "ada", "--port", str(server.port), "--name", "ada", "--mute") as ada,
    ):
        ada.prompt("lobby> ")
        bob.join("lobby").result(TIMEOUT)
        bob.say("lobby", "burn this", once=True, to=["ada"]).result(TIMEOUT)
        ada.sees("(to be seen once)")
        assert not ada.shows("burn this")
        ada.type(f"/once{ENTER}")
        ada.sees("[view once]")
        assert ada.shows("burn this")
        ada.type("x")
        ada.until(lambda: not ada.shows("burn this"))
        ada.prompt("lobby> x")
    for file in (tmp_path / "ada").rglob("*"):
        assert not file.is_file() or b"burn this" not in file.read_bytes()
