"""Writing in the terminal: keys, pastes, drafts, history, an editor, and what is not sent by mistake."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from chatroom import Server
from chatroom.client.session import Client
from tests.client.screens import ALT, CTRL_C, CTRL_U, ENTER, TAB, UP, Terminal


def comes_in(server: Server, home: Path, *arguments: str, editor: str = "") -> Terminal:
    return Terminal(home, "--port", str(server.port), "--name", "ada", "--mute", *arguments, VISUAL=editor)


# ------------------------------------------------------------------------------------------------- many lines


@pytest.mark.parametrize("newline", [f"{ALT}{ENTER}", f"\\{ENTER}"], ids=["alt-enter", "backslash"])
def test_a_line_can_have_more_lines(ada: Terminal, bob: Client, newline: str) -> None:
    ada.type(f"one{newline}two")
    ada.prompt("       two")
    ada.type(ENTER)
    ada.stored("] ada: one")
    assert [said.message for said in bob.history("lobby").result(10).said()] == ["one\ntwo"]


def test_a_paste_of_many_lines_is_asked_about_and_is_one_message(ada: Terminal, bob: Client) -> None:
    ada.paste("one\r\nq\r\n/quit\r\n")
    ada.sees("paste 3 lines? [y]es [e]dit [n]o")
    ada.type("xz")  # no answer
    ada.type("y")
    ada.stored("] ada: one")
    ada.prompt("lobby> ")
    assert [said.message for said in bob.history("lobby").result(10).said()] == ["one\nq\n/quit"]


def test_a_paste_can_be_edited_first(ada: Terminal, bob: Client) -> None:
    ada.type("look: ")
    ada.paste("one\ntwo")
    ada.sees("paste 2 lines?")
    ada.type("e")
    ada.prompt("       two")
    ada.type(f"!{ENTER}")
    ada.stored("] ada: look: one")
    assert bob.history("lobby").result(10).said()[0].message == "look: one\ntwo!"


@pytest.mark.parametrize("no", ["n", CTRL_C])
def test_a_paste_can_be_dropped(ada: Terminal, bob: Client, no: str) -> None:
    ada.type("kept ")
    ada.paste("one\ntwo\nthree")
    ada.sees("paste 3 lines?")
    ada.type(no)
    ada.until(lambda: not ada.shows("paste 3 lines?"), "the end of the question")
    ada.prompt("lobby> kept ")
    ada.type(f"line{ENTER}")
    ada.sees("] ada: kept line")


def test_five_hundred_pasted_lines_are_one_message_that_is_not_torn(ada: Terminal, bob: Client) -> None:
    lines = [f"{number:03d}" for number in range(500)]
    ada.paste("\n".join(lines))
    ada.sees("paste 500 lines?")
    ada.type("y")
    ada.counts("] ada: 000", 1)
    ada.stored("499")
    ada.prompt("lobby> ")
    ada.until(lambda: bob.history("lobby").result(10).said(), "that it is stored")
    [said] = bob.history("lobby").result(10).said()
    assert said.message.split("\n") == lines
    [start] = [place for place, line in enumerate(ada.lines()) if "] ada: 000" in line]
    assert [line.strip() for line in ada.lines()[start + 1 : start + 500]] == lines[1:]


def test_a_pasted_line_is_typed_text(ada: Terminal) -> None:
    ada.paste("q")
    ada.prompt("lobby> q")
    ada.type(ENTER)
    ada.sees("] ada: q")
    ada.paste("/topic tea\n")
    ada.prompt("lobby> /topic tea")
    ada.type(ENTER)
    ada.sees("topic of lobby: tea")


def test_an_editor_writes_the_line(server: Server, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "dear all\\n%s\\n" "$(cat "$1")" > "$1"\n')
    editor.chmod(0o755)
    with comes_in(server, tmp_path / "ada", editor=str(editor)) as ada:
        ada.prompt("lobby> ")
        ada.type(f"/edit tea is ready{ENTER}")
        ada.prompt("       tea is ready")
        ada.type(ENTER)
        ada.sees("] ada: dear all")


# -------------------------------------------------------------------------------------------- not by mistake


def test_ctrl_c_clears_a_line_and_else_explains(ada: Terminal, bob: Client) -> None:
    ada.type("half a thought")
    ada.prompt("lobby> half a thought")
    ada.type(CTRL_C)
    ada.prompt("lobby> ")
    assert not ada.shows("Ctrl-C only clears a line")
    ada.type(CTRL_C)
    ada.sees("q leaves")
    ada.prompt("lobby> ")
    assert bob.history("lobby").result(10).said() == []


@pytest.fixture(scope="module")
def still() -> Iterator[Server]:
    """A server for all tests in which nothing is said."""
    with Server(port=0) as still:
        yield still


@pytest.fixture(scope="module")
def witness(still: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Client(port=still.port, username="bob", data=tmp_path_factory.mktemp("bob")) as witness:
        witness.join("lobby").result(10)
        yield witness


@pytest.fixture(scope="module")
def idle(still: Server, witness: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with comes_in(still, tmp_path_factory.mktemp("ada")) as idle:
        idle.prompt("lobby> ")
        yield idle


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/jion ops", "Did you mean /join?"),
        ("/xyzzy", "There is no /xyzzy; nothing was sent."),
        (" /join ops", "Did you mean /join?"),
        (" /jion ops", "Did you mean /join?"),
        ("/me", "Type it so: /me TEXT"),
        ("/reply", "Type it so: /reply HANDLE TEXT"),
        ("/reply zz hello", "No line of lobby is named zz"),
        ("/history lots", "from 1 to 200"),
        ("/mute forever", "Type it so: /mute"),
        ("/notify sometimes", "Type it so: /notify"),
        ("/help nothing", "There is no /nothing."),
    ],
)
def test_what_is_no_command_is_not_sent(idle: Terminal, witness: Client, line: str, told: str) -> None:
    before = idle.count(told)
    idle.type(f"{line}{ENTER}")
    idle.counts(told, before + 1)
    assert witness.history("lobby").result(10).said() == []
    assert witness.who("ops").exception(10) is not None


@pytest.mark.parametrize(("line", "said"), [("//etc/hosts", "/etc/hosts"), ("/say /quit", "/quit"), ("/say q", "q")])
def test_a_slash_can_be_said(ada: Terminal, line: str, said: str) -> None:
    ada.type(f"{line}{ENTER}")
    ada.sees(f"] ada: {said}")


# ----------------------------------------------------------------------------------------- history, completion


def test_what_was_typed_comes_back_over_restarts_in_its_room(server: Server, tmp_path: Path) -> None:
    with comes_in(server, tmp_path) as ada:
        ada.prompt("lobby> ")
        ada.type(f"first words{ENTER}/join ops{ENTER}")
        ada.prompt("ops> ")
        ada.type(f"in ops{ENTER}")
        ada.sees("] ada: in ops")
        ada.type(f"/password hunter2{ENTER}")
        ada.sees("Type /password alone")
        ada.type(f"q{ENTER}")
        ada.ends()
    with comes_in(server, tmp_path) as ada:
        ada.prompt("lobby> ")
        ada.type(UP)
        ada.prompt("lobby> /join ops")
        ada.type(UP)
        ada.prompt("lobby> first words")
        ada.type(f"{CTRL_U}/join ops{ENTER}")
        ada.prompt("ops> ")
        ada.type(UP)
        ada.prompt("ops> q")
        ada.type(UP)
        ada.prompt("ops> in ops")
    assert "hunter2" not in "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())


def test_each_room_has_a_draft_of_its_own(ada: Terminal, bob: Client) -> None:
    ada.type(f"/join ops{ENTER}")
    ada.prompt("ops> ")
    ada.type("half in ops")
    ada.prompt("ops> half in ops")
    ada.type(f"{ALT}1")
    ada.prompt("lobby> ")
    ada.type(f"{ALT}2")
    ada.prompt("ops> half in ops")


def test_names_rooms_commands_and_emoji_complete(ada: Terminal, bob: Client) -> None:
    ada.sees("bob joined")
    for typed, completed in [
        (f"bo{TAB}", "lobby> bob: "),
        (f"{CTRL_U}hello BO{TAB}", "lobby> hello bob"),
        (f"{CTRL_U}/top{TAB}", "lobby> /topic"),
        (f"{CTRL_U}/join lob{TAB}", "lobby> /join lobby"),
        (f"{CTRL_U}/help jo{TAB}", "lobby> /help join"),
    ]:
        ada.type(typed)
        ada.becomes(completed)
    ada.type(f"{CTRL_U}done :tada:{ENTER}")
    ada.stored("] ada: done 🎉")
    assert bob.history("lobby").result(10).said()[0].message == "done 🎉"


def test_a_word_is_completed_before_the_next_key_however_fast_one_types(ada: Terminal, bob: Client) -> None:
    ada.sees("bob joined")
    ada.type(f"bo{TAB}lunch?{ENTER}/to{TAB}{CTRL_U}and then")
    ada.stored("] ada: bob: lunch?")
    ada.prompt("lobby> and then")


def test_what_several_words_have_in_common_is_put_in_and_tab_goes_through_them(ada: Terminal, bob: Client) -> None:
    ada.type(f"/un{TAB}")
    ada.until(lambda: ada.shows("/unban") and ada.shows("/unmute"), "what there is")
    ada.prompt("lobby> /un")
    ada.type(f"{TAB}{TAB}")
    ada.until(lambda: ada.line() in ("lobby> /unmute ", "lobby> /unreact "), "the second of them")


def test_vi_keys(server: Server, tmp_path: Path) -> None:
    with comes_in(server, tmp_path, "--keys", "vi") as ada:
        ada.prompt("lobby> ")
        ada.type("hello world")
        ada.prompt("lobby> hello world")
        ada.type("\x1b")
        ada.until(lambda: ada.screen.cursor.x == len("lobby> hello worl"))
        ada.type("0dwA!")
        ada.prompt("lobby> world!")
