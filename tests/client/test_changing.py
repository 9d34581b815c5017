"""What becomes of what was said, as a person at a terminal sees it: corrected, deleted, reacted to, and found again."""

import sys
import time
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from chatroom import Server
from chatroom.client.events import Receipt
from chatroom.client.pipe import Errand, Pipe
from chatroom.client.session import Client
from chatroom.messages import Deleted, Edited, Event, Join, Live, Message, Reacted, Room
from tests.client.conftest import Enter
from tests.client.peers import TIMEOUT
from tests.client.screens import ALT, ENTER, Actor, Terminal
from tests.server.processes import wait_until

NOON = 1_767_268_800_000


def said(seq: int, text: str, **more: Any) -> Message:
    facts: dict[str, Any] = {"room": "lobby", "time": NOON, "username": "bob", "id": str(seq)}
    return Message(seq=seq, message=text, **(facts | more))


def change(seq: int, target: int, by: str = "bob", **more: Any) -> dict[str, Any]:
    return {"room": "lobby", "seq": seq, "time": NOON, "username": by, "target": target, **more}


def reacted(seq: int, target: int, by: str, emoji: str = "👍", *, on: bool = True) -> Reacted:
    return Reacted(**change(seq, target, by, emoji=emoji, on=on))


def come_in(home: Path, actor: Actor, *arguments: str) -> Terminal:
    return Terminal(home, "--port", str(actor.port), "--name", "ada", "--mute", *arguments)


# ------------------------------------------------------------------------------------------------------- corrected


def test_a_correction_is_a_line_that_quotes_what_it_corrects(ada: Terminal, bob: Client) -> None:
    bob.say("lobby", "we meet at tow").result(TIMEOUT)
    ada.sees("] bob: we meet at tow")
    bob.edit("lobby", 1, "we meet at two").result(TIMEOUT)
    ada.sees('] bob corrected 1 "we meet at tow": we meet at two')
    ada.type(f"/show 1{ENTER}")
    ada.sees("] 1 bob: we meet at two")
    ada.type(f"/reply 1 I will come{ENTER}")
    ada.sees("ada: ↪ bob: we meet at two")


def test_one_can_correct_oneself_by_a_handle(ada: Terminal, bob: Client) -> None:
    ada.type(f"helo :wave:{ENTER}")
    ada.stored("] ada: helo 👋")
    ada.type(f"/correct 1 hello :wave:{ENTER}")
    ada.sees('] ada corrected 1 "helo 👋": hello 👋')
    assert [each.message for each in bob.history("lobby").result(TIMEOUT).said()] == ["hello 👋"]


def test_what_others_said_cannot_be_corrected(ada: Terminal, bob: Client) -> None:
    bob.say("lobby", "mine").result(TIMEOUT)
    ada.sees("] bob: mine")
    ada.type(f"/correct 1 yours{ENTER}")
    ada.sees("[!] Only who wrote a message may edit it.")


def test_what_is_replayed_with_its_new_text_needs_no_word_of_that(server: Server, bob: Client, tmp_path: Path) -> None:
    bob.say("lobby", "the old text").result(TIMEOUT)
    bob.edit("lobby", 1, "the new text").result(TIMEOUT)
    bob.say("lobby", "gone soon").result(TIMEOUT)
    bob.delete("lobby", 3).result(TIMEOUT)
    with Terminal(tmp_path / "ada", "--port", str(server.port), "--name", "ada", "--mute") as ada:
        ada.sees("] bob: (deleted)")
        ada.sees("You are in lobby")
        assert ada.count("the new text") == 1
        assert not ada.count("corrected") + ada.count("gone soon") + ada.count("deleted a message")
        ada.type(f"/history{ENTER}")
        ada.sees("Nothing older")
        ada.type(f"/show 3{ENTER}")
        ada.sees("What 3 named was deleted.")


# --------------------------------------------------------------------------------------------------------- deleted


def test_what_is_deleted_is_told_and_not_remembered(ada: Terminal, bob: Client) -> None:
    ada.type(f"too much said{ENTER}")
    ada.stored("] ada: too much said")
    ada.type(f"/delete 1{ENTER}")
    ada.sees("[*] ada deleted a message.")
    ada.type(f"/handles{ENTER}")
    ada.sees("Nothing was said in lobby yet.")
    assert ada.count("too much said") == 1
    assert [each.message for each in bob.history("lobby").result(TIMEOUT).said()] == []


def test_a_moderator_deletes_a_message_of_somebody(tmp_path: Path) -> None:
    with Actor() as actor, come_in(tmp_path, actor) as ada:
        ada.sees("You are in lobby")
        actor.say(said(1, "rude words"), Deleted(**change(2, 1, "eve")))
        ada.sees("[*] eve deleted a message of bob.")


def test_what_was_deleted_in_another_room_meanwhile_is_not_shown_there(tmp_path: Path) -> None:
    ops: dict[str, Any] = {"room": "ops"}

    def answers(request: Any) -> Sequence[Event]:
        if isinstance(request, Join) and request.room == "ops":
            room = Room(
                room="ops", epoch="o", topic="", members=["ada"], first=0, last=0, since=0, gap=False, reset=False,
                id=request.id,
            )  # fmt: skip
            return [room, Live("ops", 0)]
        return ()

    with Actor(first=answers) as actor, come_in(tmp_path, actor) as ada:
        ada.sees("You are in lobby")
        ada.type(f"/join ops{ENTER}")
        ada.prompt("ops> ")
        ada.type(f"{ALT}1")
        ada.prompt("lobby> ")
        actor.say(
            said(1, "a password", **ops), said(2, "oh no", reply_to=1, **ops),
            Edited(**change(3, 1, message="another password") | ops),
            Reacted(**change(4, 1, emoji="👍", on=True) | ops),
            Deleted(**change(5, 1) | ops), said(6, "sorry", **ops),
        )  # fmt: skip
        ada.prompt("lobby · ops 3> ")
        ada.type(f"{ALT}2")
        ada.sees("] bob: sorry")
        ada.sees("] bob: (deleted)")
        ada.sees("bob: ↪ 1")
        assert ada.place("(deleted)") < ada.place("oh no") < ada.place("bob deleted a message.") < ada.place("sorry")
        assert not ada.count("password")


# ------------------------------------------------------------------------------------------------------- reactions


def test_a_reaction_is_a_short_dim_line(ada: Terminal, bob: Client) -> None:
    ada.type(f"lunch at that new place on the corner, who comes?{ENTER}")
    ada.stored("who comes?")
    bob.react("lobby", 1, "👍").result(TIMEOUT)
    ada.sees('bob reacted 👍 to "lunch at that new place on the corner,…"')
    line = ada.raw.partition(b"reacted")[0].rpartition(b"\n")[2]
    assert b"\x1b[2m" in line
    ada.type(f"/react 1 tada{ENTER}")
    ada.sees("ada reacted 🎉 to")
    ada.type(f"/unreact 1 :tada:{ENTER}")
    ada.sees("ada took back 🎉 from")
    ada.type(f"/react 1{ENTER}")
    ada.sees("Type it so: /react HANDLE EMOJI")


def test_reactions_of_one_moment_are_one_line_before_what_is_said_next(tmp_path: Path) -> None:
    with Actor() as actor, come_in(tmp_path, actor) as ada:
        ada.sees("You are in lobby")
        actor.say(
            said(1, "done!"), reacted(2, 1, "eve"), reacted(3, 1, "joe"), reacted(4, 1, "eve", "🎉"),
            reacted(5, 1, "kim"), reacted(6, 1, "kim", on=False), said(7, "thanks"),
        )  # fmt: skip
        ada.sees("bob: thanks")
        told = [line for line in ada.lines() if "reacted" in line]
        assert told == ['[*] eve and joe reacted 👍, eve 🎉 to "done!"']
        assert ada.place("done!") < ada.place("reacted") < ada.place("thanks")


def test_what_was_read_covers_what_became_of_it(server: Server, bob: Client, tmp_path: Path) -> None:
    come_in = ("--port", str(server.port), "--name", "ada", "--mute")
    with Terminal(tmp_path / "ada", *come_in) as ada:
        ada.sees("You are in lobby")
        bob.join("@ada").result(TIMEOUT)
        bob.say("@ada", "hello").result(TIMEOUT)
        ada.prompt("lobby · @bob 1> ")
        ada.type(f"{ALT}a")
        ada.sees("] bob: hello")
        bob.react("@ada", 1, "👍").result(TIMEOUT)
        ada.sees("bob reacted")
        ada.type(f"q{ENTER}")
        assert ada.ends() == 0
    with Terminal(tmp_path / "ada", *come_in) as ada:
        ada.sees("You are in lobby")
        ada.type(f"/rooms{ENTER}")
        ada.sees("] lobby (")
        assert not ada.count(" new)")


# ---------------------------------------------------------------------------------------------------------- found


def until_after(receipt: Receipt) -> None:
    """Of what is said in one moment, none is the newer."""
    wait_until(lambda: time.time() * 1000 >= receipt.time + 1)


def test_what_was_said_is_found_again(ada: Terminal, bob: Client) -> None:
    bob.join("ops").result(TIMEOUT)
    for room, text in [
        ("lobby", "the printer burns"),
        ("ops", "the printer is off"),
        ("lobby", "printer? what printer?"),
    ]:
        until_after(bob.say(room, text).result(TIMEOUT))
    ada.type(f"the printer is mine{ENTER}")
    ada.stored("the printer is mine")
    ada.type(f"/search the printer{ENTER}")
    ada.sees("That was 3 found.")
    assert ada.place("1 #lobby bob: the printer burns") < ada.place("#ops bob: the printer is off")
    ada.type(f"/search the printer in:#lobby from:@bob{ENTER}")
    ada.sees("That was 1 found.")
    ada.type(f"/search nowhere to be found{ENTER}")
    ada.sees("Nothing was found that holds all these words.")
    ada.type(f"/search in:lobby{ENTER}")
    ada.sees("Type it so: /search WORDS")
    ada.type(f"/search x from:no/body{ENTER}")
    ada.sees("[!] ")


@pytest.mark.parametrize(
    ("is_json", "lines"),
    [
        (False, ["bob: one ⏎ two", "bob whispers to bot: for the bot", "bob: (view once)"]),
        (True, ['"message": "one\\ntwo"', '"to": ["bot"]}', '"message": "(view once)"', '"once": true}']),
    ],
)
def test_who_listens_in_a_pipe_is_told_what_became_of_it_on_the_side(
    server: Server, bob: Client, enter: Enter, is_json: bool, lines: list[str]
) -> None:
    bob.say("lobby", "first").result(TIMEOUT)
    bob.edit("lobby", 1, "one\ntwo").result(TIMEOUT)
    bot = enter(server.port, "bot").start()
    bot.join("lobby").result(TIMEOUT)
    bob.say("lobby", "for the bot", to=["bot"]).result(TIMEOUT)
    bob.say("lobby", "only once", once=True).result(TIMEOUT)
    out, err = StringIO(), StringIO()
    Pipe(bot, Errand("lobby", json=is_json, listen=True, since=0, wait=0.1), [], out, err).run()
    assert [line for line in lines if line not in out.getvalue()] == []
    assert "only once" not in out.getvalue() + err.getvalue()
    assert "bob corrected 1: one ⏎ two" in err.getvalue()
