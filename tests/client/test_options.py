"""The command line: what is asked for, what makes no sense, and a help text that fits a screen."""

import re
from pathlib import Path

import pytest

from chatroom import __version__
from chatroom.client import exits
from chatroom.client.options import Options, help_text, read
from chatroom.client.pipe import Errand
from chatroom.client.settings import SETTINGS, Setting, SettingError

NOTHING = Options("chat", {}, None, None)


def errand(**facts: object) -> Options:
    return NOTHING._replace(errand=Errand(**{"room": "", **facts}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("", NOTHING),
        ("--port 6667 --room=ops", NOTHING._replace(flags={"port": "6667", "room": "ops"})),
        ("--mute --no-plain", NOTHING._replace(flags={"mute": True, "plain": False})),
        ("--time-format %H:%M", NOTHING._replace(flags={"time-format": "%H:%M"})),
        ("--port 1 --port 2", NOTHING._replace(flags={"port": "2"})),
        ("--config mine.toml", NOTHING._replace(config=Path("mine.toml"))),
        ("config", NOTHING._replace(action="config")),
        ("config --config mine.toml", NOTHING._replace(action="config", config=Path("mine.toml"))),
        ("doctor --host office", NOTHING._replace(action="doctor", flags={"host": "office"})),
        ("--host office doctor", NOTHING._replace(action="doctor", flags={"host": "office"})),
        ("--no-tls", NOTHING._replace(flags={"tls": False})),
        ("trust --port 1", NOTHING._replace(action="trust", flags={"port": "1"})),
        ("--mute doctor", NOTHING._replace(action="doctor", flags={"mute": True})),
        ("--test-sound", NOTHING._replace(action="test-sound")),
        ("--json", errand(json=True)),
        ("--listen", errand(listen=True)),
        ("--listen --json --once --wait 0.5", errand(listen=True, json=True, once=True, wait=0.5)),
        ("--since 0", errand(listen=True, since=0)),
        ("--since 17 --once", errand(listen=True, since=17, once=True)),
        ("--send #ops hello --port 1", errand(room="ops", send="hello")._replace(flags={"port": "1"})),
        ("--send ops -", errand(room="ops", send="-")),
        ("--send ops hello --once", errand(room="ops", send="hello", once=True)),
        ("--send ops hello --wait 10", errand(room="ops", send="hello", wait=10.0)),
    ],
)
def test_what_is_asked_for(line: str, wanted: Options) -> None:
    assert read(line.split()) == wanted


@pytest.mark.parametrize("text", ["--help", "-x", "--", "-5", "", "--port", "--send", "two words", "doctor"])
def test_a_text_to_send_is_never_an_option(text: str) -> None:
    assert read(["--mute", "--send", "ops", text, "--host", "office"]) == Options(
        "chat", {"mute": True, "host": "office"}, None, Errand("ops", send=text)
    )


LEGAL = "A room's name has 1 to 50 letters, digits, '_', '-' or '.', and starts with a letter or a digit."
HINT = "chatroom-client --help shows how."


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--xyz", "There is no option --xyz; chatroom-client --help shows what there is."),
        ("--hots office", "There is no option --hots; did you mean --host?"),
        ("--colour=never", "There is no option --colour=never; did you mean --color?"),
        ("--hos office", "There is no option --hos; did you mean --host?"),
        ("docter", "There is no command docter; did you mean doctor?"),
        ("hello", "There is no command hello; chatroom-client --help shows what there is."),
        ("config doctor", "config and doctor: one at a time."),
        ("config --test-sound", "config and test-sound: one at a time."),
        ("--port", f"--port needs a value; {HINT}"),
        ("--mute=yes", f"--mute/--no-mute takes no value; {HINT}"),
        ("--send", '--send needs a room and a text, such as --send ops "build done".'),
        ("--send ops", '--send needs a room and a text, such as --send ops "build done".'),
        ("--send a b --send c d", '--send can be given once; with - it says each line of stdin.'),
        ("--send a/b c", f"--send: 'a/b' is no room. {LEGAL}"),
        ("--send ops hello --listen", "--send ends once it has said it; leave out --listen and --since."),
        ("--send ops hello --since 1", "--send ends once it has said it; leave out --listen and --since."),
        ("--since x", "--since: 'x' is no number of a message; give 0 or more."),
        ("--since -1", "--since: '-1' is no number of a message; give 0 or more."),
        ("--wait x", "--wait: 'x' is no number of seconds; give one such as 10 or 0.5."),
        ("--wait nan", "--wait: 'nan' is no number of seconds; give one such as 10 or 0.5."),
        ("doctor --json", "doctor has nothing to do with messages; leave out the options for scripts."),
        ("--test-sound --listen", "test-sound has nothing to do with messages; leave out the options for scripts."),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told_in_a_sentence(line: str, sentence: str) -> None:
    with pytest.raises(SettingError) as caught:
        read(line.split())
    assert caught.value.text == sentence


# ---------------------------------------------------------------------------------------------------------- the help


def test_the_help_fits_a_screen() -> None:
    lines = help_text().splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) < 80
    assert not [line for line in lines if line.rstrip() != line]


def test_it_begins_with_three_examples_that_are_understood() -> None:
    usage, empty, *examples = help_text().splitlines()[:5]
    assert usage.startswith("usage: chatroom-client ")
    assert not empty
    for example in examples:
        command = re.fullmatch(r"  chatroom-client (.*?)   +[a-z].*", example)
        assert command
        assert read(command[1].replace('"build done"', "done").split()) != NOTHING


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_it_explains_every_setting(setting: Setting) -> None:
    assert re.search(rf"  {setting.flag} +{setting.metavar} +{re.escape(setting.help)}", help_text())


def test_it_names_all_the_rest() -> None:
    options = ("send", "listen", "since", "once", "wait", "json", "test-sound", "config", "version", "help")
    others = ("q quits", "/help", "chatroom-client config", "chatroom-client doctor", "CHATROOM_HOST")
    words = [*(f"--{option} " for option in options), *others]
    assert [word for word in words if word not in help_text()] == []


def test_it_names_every_exit_code() -> None:
    text = " ".join(help_text().split())
    assert [code for code, meaning in exits.MEANINGS.items() if f"{code} {meaning}" not in text] == []


@pytest.mark.parametrize(("flag", "shown"), [("--help", help_text()), ("-h", help_text()), ("--version", __version__)])
def test_it_is_printed(flag: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        read(["--mute", flag])
    assert caught.value.code == 0
    assert shown in capsys.readouterr().out
