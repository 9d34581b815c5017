"""Talk that is not for all, as a person at a terminal has it: with one alone, whispered, and to be seen once."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from chatroom import Server
from chatroom.client.session import Client
from chatroom.messages import Deleted, Joined, Message, Skip
from tests.client.conftest import Enter
from tests.client.peers import TIMEOUT, Ear
from tests.client.screens import ALT, CTRL_U, ENTER, TAB, Actor, Terminal, state

HIDES = "[view once] press any key to hide"
SECRET = "the code is 4711"


def is_there(client: Client) -> Callable[[], object]:
    return lambda: "ada" in client.who("lobby").result(TIMEOUT).members


@pytest.fixture
def eve(server: Server, enter: Enter, tmp_path: Path) -> Client:
    """Eve, who is in the lobby."""
    eve = enter(server.port, "eve", data=tmp_path / "eve").start()
    eve.join("lobby").result(TIMEOUT)
    return eve


# ------------------------------------------------------------------------------------------------- with one alone


def test_msg_tells_one_person_without_going_there_and_the_answer_is_unread(ada: Terminal, bob: Client) -> None:
    ear = Ear(bob)
    ada.type(f"/msg bob hello :tada: bob{ENTER}")
    ada.sees("[+] Said in @bob: hello 🎉 bob (/go @bob goes there)")
    ada.prompt("lobby> ")
    assert ear.until_said("hello 🎉 bob")
    bob.say("@ada", "hello yourself").result(TIMEOUT)
    ada.prompt("lobby · @bob 1> ")
    assert not ada.count("yourself")
    ada.type(f"/go @bob{ENTER}")
    ada.prompt("@bob> ")
    ada.sees("] bob: hello yourself")
    assert ada.place("── @bob") < ada.place("] ada: hello 🎉 bob") < ada.place("] bob: hello yourself")
    ada.type(f"here I am{ENTER}")
    ada.stored("] ada: here I am")


@pytest.mark.parametrize("go", ["/join @bob", "/go @bob", "/join @BOB"])
def test_one_can_go_to_where_one_talks_with_somebody_alone(ada: Terminal, bob: Client, go: str) -> None:
    ada.type(f"{go}{ENTER}")
    ada.prompt("@bob> ")
    ada.sees("[*] What you say here is for bob alone, who is away and can read it later.")
    ada.type(f"just us{ENTER}")
    ada.stored("] ada: just us")
    assert bob.history("lobby").result(TIMEOUT).said() == []
    assert not ada.count("joined @bob")


def test_who_is_talked_to_alone_sees_it_in_the_prompt_unasked(ada: Terminal, bob: Client) -> None:
    bob.join("@ada").result(TIMEOUT)
    bob.say("@ada", "psst").result(TIMEOUT)
    ada.prompt("lobby · @bob 1> ")
    ada.type(f"{ALT}a")
    ada.prompt("@bob> ")
    ada.sees("] bob: psst")


def test_what_was_said_to_one_alone_while_away_is_unread_at_the_next_start(
    server: Server, bob: Client, tmp_path: Path
) -> None:
    come_in = ("--port", str(server.port), "--name", "ada", "--mute")
    with Terminal(tmp_path / "ada", *come_in) as ada:
        ada.sees("You are in lobby")
        ada.type(f"/msg bob back at noon{ENTER}")
        ada.sees("Said in @bob")
        ada.type(f"q{ENTER}")
        assert ada.ends() == 0
    bob.join("@ada").result(TIMEOUT)
    bob.say("@ada", "said while away").result(TIMEOUT)
    with Terminal(tmp_path / "ada", *come_in) as ada:
        ada.prompt("lobby · @bob 1> ")
        ada.type(f"{ALT}a")
        ada.sees("] bob: said while away")


def test_nobody_of_that_name_is_one_sentence_and_the_words_are_kept_to_be_sent_again(ada: Terminal) -> None:
    ada.type(f"/msg nobody hello?{ENTER}")
    ada.sees("[!]")
    ada.until(lambda: ada.shows("not sent: /retry or /discard"), "the bar")
    assert sum(line.startswith("[!]") for line in ada.lines()) == 1
    ada.type(f"/discard{ENTER}")
    ada.sees("1 discarded.")
    ada.type(f"/go @nobody{ENTER}")
    ada.until(lambda: sum(line.startswith("[!]") for line in ada.lines()) == 2, "the sentence")
    ada.prompt("lobby> ")


def test_what_could_not_be_said_to_one_alone_is_told_at_once(ada: Terminal, bob: Client) -> None:
    ada.type(f"/msg bob hello{ENTER}")
    ada.sees("Said in @bob: hello")
    ada.type(f"/msg bob {'x' * 4_001}{ENTER}")
    ada.sees("[!] Not said in @bob:")


# --------------------------------------------------------------------------------------------------------- whispers


def test_a_whisper_is_shown_as_one_to_those_it_is_for_and_to_nobody_else(
    ada: Terminal, bob: Client, eve: Client
) -> None:
    bob_hears, eve_hears = Ear(bob), Ear(eve)
    ada.type(f"/w bob only you{ENTER}")
    ada.stored("] ada whispers to bob: only you")
    ada.type(f"for all{ENTER}")
    ada.stored("] ada: for all")
    assert bob_hears.until_said("for all") == ["only you", "for all"]
    assert eve_hears.until_said("for all") == ["for all"]
    eve.say("lobby", "the cake is at three", to=["bob", "ada"]).result(TIMEOUT)
    ada.sees("» eve whispers to you, bob: the cake is at three")


def test_a_whisper_without_words_or_to_nobody_is_not_sent(ada: Terminal, bob: Client) -> None:
    ada.type(f"/w bob{ENTER}")
    ada.sees("Type it so: /w NAME[,NAME...] TEXT")
    ada.type(f"/w bob,nobody psst{ENTER}")
    ada.until(lambda: ada.shows("not sent: /retry or /discard"), "the bar")
    assert bob.history("lobby").result(TIMEOUT).messages == []


def test_names_complete_behind_the_commands_that_take_some(ada: Terminal, bob: Client, eve: Client) -> None:
    ada.sees("eve joined lobby")
    for typed, completed in [
        (f"/msg bo{TAB}", "lobby> /msg bob"),
        (f"{CTRL_U}/w bob,ev{TAB}", "lobby> /w bob,eve"),
        (f"{CTRL_U}/once @bo{TAB}", "lobby> /once @bob"),
        (f"{CTRL_U}/go @bo{TAB}", "lobby> /go @bob"),
        (f"{CTRL_U}/kick ev{TAB}", "lobby> /kick eve"),
    ]:
        ada.type(typed)
        ada.becomes(completed)


# ------------------------------------------------------------------------------------------------------- seen once


def hide(ada: Terminal, key: str = "x") -> None:
    ada.until(lambda: ada.shows(HIDES), "that a key hides it")
    ada.type(key)
    ada.until(lambda: not ada.shows("[view once]"), "that it is hidden")


@pytest.mark.parametrize("key", ["x", ENTER, "\x1b[A", " "], ids=["letter", "enter", "arrow", "blank"])
def test_what_is_to_be_seen_once_is_gone_from_screen_scrollback_and_server_after_a_key(
    ada: Terminal, bob: Client, key: str
) -> None:
    bob.join("@ada").result(TIMEOUT)
    bob.say("lobby", f"{SECRET}", once=True).result(TIMEOUT)
    ada.sees(SECRET)
    ada.sees("] bob: (view once)")
    assert [type(event) for event in bob.history("lobby").result(TIMEOUT).messages] == [Skip]
    hide(ada, key)
    assert not ada.count(SECRET)
    ada.prompt("lobby> ")  # the key meant nothing else
    bob.say("lobby", "gone?").result(TIMEOUT)
    ada.sees("] bob: gone?")
    assert not ada.count(SECRET)
    ada.until(lambda: isinstance(bob.history("lobby").result(TIMEOUT).messages[0], Deleted), "that it is erased")
    ada.type(f"/handles{ENTER}")
    ada.sees("] 1 bob: (view once)")
    assert not ada.count(SECRET)


def test_scrolling_leaves_nothing_of_it_behind(server: Server, bob: Client, tmp_path: Path) -> None:
    with Terminal(tmp_path, "--port", str(server.port), "--name", "ada", "--mute", rows=8) as ada:
        ada.sees("You are in lobby")
        bob.say("lobby", SECRET, once=True).result(TIMEOUT)
        ada.sees(SECRET)
        for number in range(40):
            bob.say("lobby", f"line {number}.").result(TIMEOUT)
        ada.sees("line 39.")
        ada.until(lambda: ada.count(SECRET) == 1, "that it is shown below, and nowhere else")
        hide(ada)
        ada.until(lambda: not ada.count(SECRET), "that nothing of it is left")


def test_what_is_longer_than_the_screen_is_seen_page_by_page(server: Server, bob: Client, tmp_path: Path) -> None:
    with Terminal(tmp_path, "--port", str(server.port), "--name", "ada", "--mute", rows=10) as ada:
        ada.sees("You are in lobby")
        bob.say("lobby", "\n".join(f"part {number:02d}." for number in range(12)), once=True).result(TIMEOUT)
        ada.sees("part 00.")
        assert not ada.count("part 11.")
        ada.until(lambda: ada.shows("press any key to see more"), "that there is more")
        ada.type(" ")
        ada.sees("part 11.")
        assert not ada.count("part 00.")
        hide(ada)
        ada.until(lambda: not ada.count("part "), "that nothing of it is left")


def test_it_waits_while_one_types(ada: Terminal, bob: Client) -> None:
    ada.type("half a thought")
    ada.prompt("lobby> half a thought")
    bob.say("lobby", SECRET, once=True).result(TIMEOUT)
    ada.sees("[view once] shown as soon as nothing is typed")
    assert not ada.count(SECRET)
    ada.type(f"!{ENTER}")
    ada.sees(SECRET)
    ada.stored("] ada: half a thought!")
    hide(ada)


def test_several_are_seen_one_after_another(ada: Terminal, bob: Client) -> None:
    for number in (1, 2):
        bob.say("lobby", f"{SECRET} {number}.", once=True).result(TIMEOUT)
    ada.sees(f"{SECRET} 1.")
    ada.until(lambda: ada.shows(HIDES), "that a key hides it")
    assert not ada.count(f"{SECRET} 2.")
    ada.type("x")
    ada.sees(f"{SECRET} 2.")
    assert not ada.count(f"{SECRET} 1.")
    hide(ada)
    assert not ada.count(SECRET)


def test_in_another_room_it_waits_until_one_goes_there(ada: Terminal, bob: Client) -> None:
    bob.join("@ada").result(TIMEOUT)
    bob.say("@ada", SECRET, once=True).result(TIMEOUT)
    ada.prompt("lobby · @bob 1> ")
    assert not ada.count(SECRET)
    ada.type(f"/once{ENTER}")
    ada.sees("Nothing waits here to be seen once.")
    ada.type(f"/go @bob{ENTER}")
    ada.sees(SECRET)
    hide(ada)
    assert not ada.count(SECRET)
    ada.until(lambda: isinstance(bob.history("@ada").result(TIMEOUT).messages[0], Deleted), "that it is erased")


def test_what_was_not_seen_yet_comes_again_at_the_next_start(server: Server, bob: Client, tmp_path: Path) -> None:
    come_in = ("--port", str(server.port), "--name", "ada", "--mute")
    with Terminal(tmp_path / "ada", *come_in) as ada:
        ada.sees("You are in lobby")
        bob.say("lobby", SECRET, once=True).result(TIMEOUT)
        ada.sees(SECRET)
        bob.say("lobby", "and more").result(TIMEOUT)
        ada.sees("] bob: and more")
        ada.process.terminate()  # what was read is told even so
        ada.ends()
        assert not ada.count(SECRET)
    with Terminal(tmp_path / "ada", *come_in) as ada:
        ada.sees(SECRET)
        hide(ada)
        ada.type(f"q{ENTER}")
        assert ada.ends() == 0
    with Terminal(tmp_path / "ada", *come_in) as ada:
        ada.sees("] bob: and more")
        ada.sees("You are in lobby")
        assert not ada.count(SECRET)


def test_of_what_one_says_oneself_nothing_is_kept(ada: Terminal, bob: Client, tmp_path: Path) -> None:
    bob_hears = Ear(bob)
    ada.type(f"/once @bob {SECRET}{ENTER}")
    ada.sees("[+] Said in @bob (/go @bob goes there)")
    assert bob_hears.until_said(SECRET)
    ada.until(lambda: not ada.count(SECRET), "that it is gone")
    ada.type(f"/once {SECRET}{ENTER}")
    ada.stored("] ada: (view once)")
    ada.until(lambda: not ada.count(SECRET), "that it is gone")
    assert b"code is" not in b"".join(path.read_bytes() for path in state(tmp_path / "ada").rglob("input-*"))


def test_without_redrawing_it_is_shown_on_a_word(server: Server, bob: Client, tmp_path: Path) -> None:
    with Terminal(tmp_path, "--port", str(server.port), "--name", "ada", "--mute", "--plain") as ada:
        ada.sees("You are in lobby")
        bob.say("lobby", SECRET, once=True).result(TIMEOUT)
        ada.sees("That is to be seen once; /once shows it.")
        assert not ada.count(SECRET)
        ada.type(f"/once{ENTER}")
        ada.sees(f"bob: {SECRET}")
        ada.until(lambda: isinstance(bob.history("lobby").result(TIMEOUT).messages[0], Deleted), "that it is erased")
        ada.type(f"/once{ENTER}")
        ada.sees("Nothing waits here to be seen once.")


def test_what_its_author_deletes_is_hidden_at_once(tmp_path: Path) -> None:
    with Actor() as actor, Terminal(tmp_path, "--port", str(actor.port), "--name", "ada", "--mute") as ada:
        ada.sees("You are in lobby")
        actor.say(Message("lobby", 1, 0, "bob", SECRET, "1", once=True))
        ada.sees(SECRET)
        actor.say(Deleted(room="lobby", seq=2, time=0, username="bob", target=1))
        ada.until(lambda: not ada.count(SECRET), "that it is gone")
        ada.sees("bob deleted a message.")


def test_nobody_is_called_by_the_words(tmp_path: Path) -> None:
    popup = tmp_path / "bin" / "notify-send"
    popup.parent.mkdir()
    popup.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path / "popups"}\n')
    popup.chmod(0o755)
    with Actor() as actor, Terminal(
        tmp_path, "--port", str(actor.port), "--name", "ada", "--desktop", PATH=f"{popup.parent}:/bin:/usr/bin"
    ) as ada:  # fmt: skip
        ada.sees("You are in lobby")
        actor.say(Joined("lobby", "bob"), Message("lobby", 1, 0, "bob", f"ada: {SECRET}", "1", once=True))
        ada.sees(SECRET)
        ada.until(lambda: (tmp_path / "popups").exists() or ada.process.poll() is not None, "the notification")
        assert SECRET not in (tmp_path / "popups").read_text()
