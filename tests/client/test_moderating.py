"""Names and order at the terminal: passwords that nobody sees, who is put out, silenced, banned and let in."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from chatroom import Server
from chatroom.client.session import Client
from chatroom.errors import Refusal
from chatroom.server import admin
from tests.client.conftest import Enter
from tests.client.peers import TIMEOUT, Ear, refusal
from tests.client.screens import CTRL_C, CTRL_D, ENTER, UP, Terminal

PASSWORD = "correct horse"


def register(ada: Terminal, password: str = PASSWORD) -> None:
    ada.type(f"/register{ENTER}")
    ada.prompt("New password for ada: ")
    ada.type(f"{password}{ENTER}")
    ada.prompt("Once more: ")
    ada.type(f"{password}{ENTER}")
    ada.sees("[+] ada is yours from now on")
    ada.prompt("lobby> ")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """One that an operator can speak to."""
    with Server(port=0, rate=0, data=tmp_path / "server") as server:
        yield server


@pytest.fixture
def boss(ada: Terminal, bob: Client, tmp_path: Path) -> Terminal:
    """Ada, whom the operator has made an admin; bob is here too."""
    register(ada)
    assert admin.main(["--data", str(tmp_path / "server"), "account", "role", "ada", "admin"]) == 0
    ada.sees("You are an admin now")
    return ada


# ------------------------------------------------------------------------------------------------------- passwords


def test_a_password_is_typed_unseen_and_kept_nowhere(ada: Terminal, server: Server, tmp_path: Path) -> None:
    ada.type(f"/register{ENTER}")
    ada.prompt("New password for ada: ")
    ada.type(PASSWORD)
    ada.type(ENTER)
    ada.prompt("Once more: ")
    ada.type(f"{PASSWORD}{ENTER}")
    ada.sees("ada is yours from now on")
    ada.prompt("lobby> ")
    ada.type(UP)
    ada.type(f"hello{ENTER}")
    ada.stored("] ada: hello")
    assert PASSWORD.encode() not in ada.raw
    assert b"*" not in ada.raw.partition(b"New password")[2].partition(b"yours")[0]
    assert PASSWORD not in "".join(p.read_text(errors="replace") for p in tmp_path.rglob("*") if p.is_file())
    with Client(port=server.port, username="ada", password=PASSWORD, data=tmp_path / "elsewhere") as again:
        assert again.role == "member"


def test_a_password_that_was_typed_ahead_is_not_said(ada: Terminal, bob: Client) -> None:
    ada.type(f"/register{ENTER}{PASSWORD}{ENTER}{PASSWORD}{ENTER}and now this{ENTER}")
    ada.stored("] ada: and now this")
    ada.sees("ada is yours from now on")
    assert [said.message for said in bob.history("lobby").result(TIMEOUT).said()] == ["and now this"]


def test_a_slip_changes_nothing(ada: Terminal) -> None:
    ada.type(f"/register{ENTER}")
    ada.prompt("New password for ada: ")
    ada.type(f"one password{ENTER}")
    ada.prompt("Once more: ")
    ada.type(f"another one{ENTER}")
    ada.sees("[!] These two differ. Nothing was changed.")
    ada.prompt("lobby> ")
    ada.type(f"/register{ENTER}")
    ada.prompt("New password for ada: ")
    ada.type(f"short{ENTER}")
    ada.prompt("Once more: ")
    ada.type(f"short{ENTER}")
    ada.sees("[!] A password has")
    assert not ada.count("is yours")


@pytest.mark.parametrize("no", [ENTER, CTRL_C, CTRL_D, f"half{CTRL_C}", f"half{CTRL_D}"])
def test_who_does_not_want_to_answer_is_back_at_the_prompt(ada: Terminal, bob: Client, no: str) -> None:
    ada.type(f"/register{ENTER}")
    ada.prompt("New password for ada: ")
    ada.type(no)
    ada.sees("[*] Nothing was changed.")
    ada.prompt("lobby> ")
    ada.type(f"still here{ENTER}")
    ada.stored("] ada: still here")


def test_keys_that_go_elsewhere_do_not_while_a_password_is_typed(ada: Terminal, bob: Client) -> None:
    ada.type(f"/join ops{ENTER}")
    ada.prompt("ops> ")
    ada.type(f"/register{ENTER}")
    ada.prompt("New password for ada: ")
    ada.type("half a pass")
    ada.type(f"\x1b1\t{UP}")
    ada.type(f"{ENTER}")
    ada.prompt("Once more: ")
    ada.type(f"{CTRL_C}")
    ada.prompt("ops> ")
    ada.type("\x1b1")
    ada.prompt("lobby> ")


@pytest.mark.parametrize("command", ["register", "password"])
def test_a_password_in_the_line_is_not_taken(ada: Terminal, command: str) -> None:
    ada.type(f"/{command} {PASSWORD}{ENTER}")
    ada.sees(f"Type /{command} alone")
    ada.type(f"hello{ENTER}")
    ada.stored("] ada: hello")
    ada.type(f"{UP}{UP}")
    ada.prompt("lobby> hello")


def test_a_password_is_changed_by_who_knows_the_old_one(ada: Terminal, server: Server, tmp_path: Path) -> None:
    register(ada)
    for old, told in [("not the one", "[!] "), (PASSWORD, "[+] Your password is another one from now on")]:
        ada.type(f"/password{ENTER}")
        ada.prompt("Password of ada until now: ")
        ada.type(f"{old}{ENTER}")
        ada.prompt("New password for ada: ")
        ada.type(f"battery staple{ENTER}")
        ada.prompt("Once more: ")
        ada.type(f"battery staple{ENTER}")
        ada.sees(told)
        ada.prompt("lobby> ")
    with pytest.raises(Refusal):
        Client(port=server.port, username="ada", password=PASSWORD, data=tmp_path / "old").start()


# --------------------------------------------------------------------------------------------------- who keeps order


def test_nobody_is_put_out_by_a_guest(ada: Terminal, bob: Client) -> None:
    ada.type(f"/kick bob{ENTER}")
    ada.sees("[!] Only moderators may do that.")


def test_somebody_is_put_out_of_a_room_and_of_the_server(boss: Terminal, bob: Client) -> None:
    ear = Ear(bob)
    bob.say("lobby", "la la la").result(TIMEOUT)
    boss.sees("] bob: la la la")
    boss.type(f"/kick bob too loud{ENTER}")
    boss.sees("[+] bob is out of lobby.")
    boss.type(f"at last{ENTER}")
    boss.sees("[-] bob left lobby (kicked by ada: too loud).")
    bob.join("lobby").result(TIMEOUT)
    boss.type(f"/kick @bob everywhere enough{ENTER}")
    boss.sees("[+] bob is out of this server.")
    assert "You were kicked by ada: enough." in repr(ear.rest()[-1])


@pytest.mark.parametrize("command", ["/silence bob", "/mute bob", "/mute @bob"])
def test_somebody_is_silenced_for_a_while_and_may_speak_again(boss: Terminal, bob: Client, command: str) -> None:
    boss.type(f"{command} 1h too loud{ENTER}")
    boss.sees("[+] bob is silent in lobby for 1h. /unmute bob ends that.")
    assert refusal(bob.say("lobby", "but")).code == "muted"
    boss.type(f"/unsilence bob{ENTER}")
    boss.sees("[+] bob may speak in lobby again.")
    bob.say("lobby", "thank you").result(TIMEOUT)
    boss.sees("] bob: thank you")


def test_mute_without_a_name_is_about_sounds(boss: Terminal, bob: Client) -> None:
    boss.type(f"/mute 1h{ENTER}")
    boss.sees("Sounds are off for 1h.")
    boss.type(f"/mute nobody{ENTER}")
    boss.sees("to silence somebody:")
    boss.type(f"/silence nobody{ENTER}")
    boss.sees("[!] ")


def test_somebody_is_banned_by_name_or_address_and_let_in_again(
    boss: Terminal, bob: Client, server: Server, enter: Enter, tmp_path: Path
) -> None:
    boss.type(f"/ban bob 7d spam{ENTER}")
    boss.sees("[+] bob is banned for 7d.")
    with pytest.raises(Refusal, match="spam"):
        enter(server.port, "bob", data=tmp_path / "again").start()
    boss.type(f"/unban bob{ENTER}")
    boss.sees("[+] bob may come in again.")
    enter(server.port, "bob", data=tmp_path / "then").start()
    boss.type(f"/ban 192.168.1.7{ENTER}")
    boss.sees("[+] 192.168.1.7 is banned.")
    boss.type(f"/unban 192.168.1.8{ENTER}")
    boss.sees("[!] 192.168.1.8: there is no such ban.")
    boss.type(f"/unban 192.168.1.7{ENTER}")
    boss.sees("[+] 192.168.1.7 may come in again.")


def test_a_role_is_given_and_only_one_that_there_is(boss: Terminal, bob: Client) -> None:
    bob.register(PASSWORD).result(TIMEOUT)
    boss.type(f"/role bob emperor{ENTER}")
    boss.sees("a role is one of guest, member, moderator,")
    boss.type(f"/role bob moderator{ENTER}")
    boss.sees("[+] bob has the role moderator now.")


def test_a_room_is_closed_to_all_but_the_invited(ada: Terminal, bob: Client) -> None:
    ear = Ear(bob)
    ada.type(f"/join den{ENTER}")
    ada.prompt("den> ")
    ada.type(f"/room secret{ENTER}")
    ada.sees("Type it so: /room private, or /room open")
    ada.type(f"/room private{ENTER}")
    ada.sees("[+] den is private from now on")
    assert refusal(bob.join("den")).code == "forbidden"
    ada.type(f"/rooms{ENTER}")
    ada.sees("den (1 here, private)")
    ada.type(f"/invite bob{ENTER}")
    ada.sees("[+] bob is invited to den.")
    ear.until(lambda event: "invites you" in repr(event))
    bob.join("den").result(TIMEOUT)
    ada.type(f"/room open{ENTER}")
    ada.sees("[+] den is open to everybody from now on.")


# ------------------------------------------------------------------------------------------------------ coming in


@pytest.fixture
def come_in(server: Server, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    with ExitStack() as stack:
        yield lambda *arguments, port=server.port: stack.enter_context(
            Terminal(tmp_path / "somebody", "--port", str(port), "--mute", *arguments)
        )


def test_a_protected_name_asks_for_its_password(bob: Client, come_in: Callable[..., Terminal]) -> None:
    bob.register(PASSWORD).result(TIMEOUT)
    somebody = come_in("--name", "bob")
    somebody.sees("Password for bob (empty for another name):")
    somebody.type(f"a wrong one{ENTER}")
    somebody.counts("Password for bob (empty for another name):", 2)
    somebody.type(f"{PASSWORD}{ENTER}")
    somebody.prompt("lobby> ")
    assert PASSWORD.encode() not in somebody.raw
    assert b"a wrong one" not in somebody.raw


def test_who_has_no_password_comes_in_by_another_name(bob: Client, come_in: Callable[..., Terminal]) -> None:
    bob.register(PASSWORD).result(TIMEOUT)
    somebody = come_in("--name", "bob")
    somebody.sees("Password for bob (empty for another name):")
    somebody.type(ENTER)
    somebody.sees("Enter your name:")
    somebody.type(f"rob{ENTER}")
    somebody.prompt("lobby> ")
    somebody.type(f"it is me{ENTER}")
    somebody.stored("] rob: it is me")


def test_the_office_has_a_password(tmp_path: Path, come_in: Callable[..., Terminal]) -> None:
    with Server(port=0, server_password="open sesame") as server:
        somebody = come_in("--name", "eve", port=server.port)
        somebody.sees("Password of this server:")
        somebody.type(f"open barley{ENTER}")
        somebody.counts("Password of this server:", 2)
        somebody.type(f"open sesame{ENTER}")
        somebody.prompt("lobby> ")
        assert b"sesame" not in somebody.raw
        somebody.type(f"q{ENTER}")
        assert somebody.ends() == 0
        somebody = come_in("--name", "eve", port=server.port)
        somebody.sees("Password of this server:")
        somebody.type(CTRL_D)
        assert somebody.ends() == 0
