"""The command without a chat: its settings, its complaints, and how it ends when it is itself at fault."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from chatroom import Server
from chatroom.client import cli, exits, settings, trace
from chatroom.client.options import help_text
from chatroom.client.settings import SETTINGS
from tests.client.screens import COMMAND, PATIENCE, environment


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CHATROOM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(settings, "default_file", lambda: tmp_path / "client.toml")
    monkeypatch.setattr(trace, "default_file", lambda: tmp_path / "log" / "client.log")


@pytest.fixture
def at_fault(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], int]], None]:
    """Has the command do this in place of chatting."""
    return lambda act: monkeypatch.setitem(cli._ACTIONS, "chat", lambda asked, chosen: act())


def run(home: Path, text: str, *arguments: str, **more: str) -> tuple[int, str, str]:
    """The exit code of a process that reads this text, and what it wrote to stdout and to stderr."""
    done = subprocess.run(
        [*COMMAND, *arguments], input=text, capture_output=True, encoding="utf-8", timeout=PATIENCE,
        env=environment(home, **more), check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


# ----------------------------------------------------------------------------------------------------------- settings


def test_config_prints_each_setting_its_value_and_where_that_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "client.toml").write_text("room = 'ops'\nhighlight = ['lunch', 'tea']\n")
    monkeypatch.setenv("CHATROOM_MUTE", "yes")
    assert cli.main(["config", "--port", "6667"]) == 0
    *table, empty, file = capsys.readouterr().out.splitlines()
    rows = {row.split("  ")[0].strip(): row.split(maxsplit=1)[1] for row in table}
    assert [*rows] == [setting.name for setting in SETTINGS]
    words = {name: " ".join(row.split()) for name, row in rows.items()}
    assert words["port"] == "6667 --port"
    assert words["room"] == f"ops {tmp_path / 'client.toml'}, line 1"
    assert words["highlight"] == f"lunch, tea {tmp_path / 'client.toml'}, line 2"
    assert words["mute"] == "yes CHATROOM_MUTE"
    assert words["name"] == "(asked) default"
    assert not empty
    assert file == f"The file for settings is {tmp_path / 'client.toml'}."


def test_config_names_the_file_that_is_not_there_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["config"]) == 0
    assert f"The file for settings is {tmp_path / 'client.toml'}, which is not there." in capsys.readouterr().out


def test_its_columns_stand_one_below_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["config"])
    rows = capsys.readouterr().out.splitlines()[: len(SETTINGS)]
    assert len({row.index("default") for row in rows}) == 1


def test_nothing_in_a_setting_reaches_the_screen_raw(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHATROOM_HIGHLIGHT", "\x1b]0;owned\x07")
    assert cli.main(["config"]) == 0
    monkeypatch.setenv("CHATROOM_HOST", "\x1b[2J\u202e")
    assert cli.main(["config"]) == 2
    assert cli.main(["--\x1b[2J"]) == 2
    out, err = capsys.readouterr()
    assert all(character.isprintable() or character == "\n" for character in out + err)


@pytest.mark.parametrize("action", [[], ["config"], ["doctor"], ["--test-sound"]])
def test_a_wrong_setting_is_one_sentence_with_its_place(
    action: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "client.toml"
    file.write_text("\n\nport = 'x'\n")
    assert cli.main(action) == exits.USAGE
    sentence = f"chatroom-client: {file}, line 3: port: 'x' is no port; give a number from 1 to 65535.\n"
    assert capsys.readouterr() == ("", sentence)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--port", "65536"], "--port: '65536' is no port; give a number from 1 to 65535."),
        (["--send", "ops"], '--send needs a room and a text, such as --send ops "build done".'),
        (["--hots", "office"], "There is no option --hots; did you mean --host?"),
        (["--config", "/no/such.toml"], "/no/such.toml: there is no such file."),
    ],
)
def test_wrong_usage_is_one_sentence(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == exits.USAGE
    assert capsys.readouterr() == ("", f"chatroom-client: {sentence}\n")


def test_a_process_looks_in_the_systems_own_place_and_ends_with_2(tmp_path: Path) -> None:
    code, out, err = run(tmp_path, "", "--port", "0")
    assert (code, out, err.count("\n")) == (2, "", 1)
    code, out, err = run(tmp_path, "", "config", CHATROOM_ROOM="ops")
    assert (code, err) == (0, "")
    assert f"The file for settings is {tmp_path}" in out
    assert " ops " in out


# -------------------------------------------------------------------------------------------------- how fast it starts


def test_the_help_loads_nothing_that_takes_long(tmp_path: Path) -> None:
    watch = (
        "import sys; from chatroom.client import cli\n"
        "try: cli.main(['--help'])\n"
        "finally: print([name for name in sys.modules if name.split('.')[0] in sys.argv[1:]], file=sys.stderr)"
    )
    slow = ("prompt_toolkit", "playsound3", "emoji", "msgspec", "asyncio", "socket", "wcwidth", "colorama", "ssl")
    done = subprocess.run(
        [sys.executable, "-c", watch, *slow], capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False,
        env=environment(tmp_path),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, help_text(), "[]\n")


# --------------------------------------------------------------------------------------------------------- how it looks


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(port=0) as server:
        yield server


@pytest.mark.parametrize(
    ("options", "variables", "is_coloured"),
    [
        ([], {}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        ([], {"CHATROOM_COLOR": "always"}, True),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        (["--color", "always", "--json"], {}, False),
    ],
)
def test_a_pipe_is_coloured_on_demand(
    options: list[str], variables: dict[str, str], is_coloured: bool, server: Server, tmp_path: Path
) -> None:
    code, out, err = run(tmp_path, "hello\n", "--port", str(server.port), "--name", "ci", *options, **variables)
    assert code == 0
    assert "hello" in out
    assert ("\x1b[" in out) is is_coloured
    assert ("\x1b[" in err) is (is_coloured or "--json" in options)


def test_plain_is_words_for_marks_also_in_a_pipe(server: Server, tmp_path: Path) -> None:
    code, _, err = run(tmp_path, "hello\n", "--port", str(server.port), "--name", "ci", "--plain")
    assert code == 0
    assert "[*]" not in err
    assert "[+]" not in err
    assert "Connecting to " in err


def test_the_format_of_times_is_that_of_the_settings(server: Server, tmp_path: Path) -> None:
    arguments = ["--port", str(server.port), "--name", "ci", "--time-format", "at %H"]
    assert re.fullmatch(r"\[at \d\d\] ci: hello\n", run(tmp_path, "hello\n", *arguments)[1])


def test_a_dumb_terminal_is_a_plain_pipe(server: Server, tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("there are no such terminals")
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [*COMMAND, "--port", str(server.port), "--name", "ci"], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE,
        encoding="utf-8", env=environment(tmp_path, TERM="dumb"),
    ) as process:  # fmt: skip
        os.write(ours, b"hello\n\x04")
        err = process.communicate(timeout=PATIENCE)[1]
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert process.returncode == 0
    assert "ci: hello" in shown
    assert "\x1b" not in shown + err
    assert "[" not in err


def test_the_doctor_prints_what_it_finds_and_what_to_try(tmp_path: Path) -> None:
    code, out, err = run(tmp_path, "", "doctor", "--port", "1")
    assert (code, err) == (1, "")
    assert re.search(r"^\[!\] connection: .* refuses: nobody listens.*\n    .*`chatroom-server --port 1`", out, re.M)
    assert all(line.isprintable() for line in out.splitlines())


def test_the_doctor_ends_with_0_only_if_all_is_well(server: Server, tmp_path: Path) -> None:
    code, out, _ = run(tmp_path, "", "doctor", "--port", str(server.port), PYTHONUTF8="1")
    assert (code, "[!]" in out) == (0, False)


def test_each_sound_is_tried_and_it_is_told_which_way_it_went(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def playsound(file: Path, *, block: bool) -> SimpleNamespace:
        if file.stem == "mention":
            raise OSError("the player\x1b[2J is busy")
        return SimpleNamespace(subprocess=SimpleNamespace(wait=lambda: 0))

    monkeypatch.setitem(sys.modules, "playsound3", SimpleNamespace(DEFAULT_BACKEND="aplay", playsound=playsound))
    assert cli.main(["--test-sound", "--mute"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "[*] message: played by aplay",
        "[*] mention: bell: the player\ufffd[2J is busy",
        "[*] direct: played by aplay",
    ]
    assert err == "\a"


# ---------------------------------------------------------------------------------------------------- nobody reads it


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe without a reader is another thing there")
@pytest.mark.parametrize("arguments", [["--help"], ["config"], ["--version"], ["doctor", "--port", "1"]])
def test_a_closed_stdout_is_quiet(arguments: list[str], tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(
        [*COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE, encoding="utf-8",
        env=environment(tmp_path, PYTHONUNBUFFERED=""),
    ) as process:  # fmt: skip
        os.close(writer)
        assert process.communicate(timeout=PATIENCE)[1] == ""
    assert process.returncode == 0


# ------------------------------------------------------------------------------------------------- when it is at fault


def fail() -> int:
    raise RuntimeError("a fault")


def test_a_fault_is_one_sentence_that_names_the_log(
    at_fault: Callable[[Callable[[], int]], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at_fault(fail)
    assert cli.main([]) == exits.FAILED
    log = tmp_path / "log" / "client.log"
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"chatroom-client: This program failed; see {log}. What was said is kept.\n")
    assert "in fail" in log.read_text("utf-8")
    assert "RuntimeError: a fault" in log.read_text("utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="its shells do not know ~")
def test_the_log_at_home_is_named_so_that_it_fits_a_line(
    at_fault: Callable[[Callable[[], int]], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    at_fault(fail)
    cli.main([])
    assert "see ~/log/client.log." in capsys.readouterr().err


def test_a_fault_in_a_thread_is_told_at_the_end_and_not_by_code_0(
    at_fault: Callable[[Callable[[], int]], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def act() -> int:
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        return 0

    at_fault(act)
    assert cli.main([]) == exits.FAILED
    assert capsys.readouterr().err.count("\n") == 1
    assert "in fail" in (tmp_path / "log" / "client.log").read_text("utf-8")


def test_a_log_that_cannot_be_written_is_not_named(
    at_fault: Callable[[Callable[[], int]], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log").write_text("in the way")
    at_fault(fail)
    assert cli.main([]) == exits.FAILED
    assert capsys.readouterr().err == "chatroom-client: This program failed. What was said is kept.\n"


def raise_interrupt() -> int:
    raise KeyboardInterrupt


def test_ctrl_c_has_its_own_code(
    at_fault: Callable[[Callable[[], int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    at_fault(raise_interrupt)
    assert cli.main([]) == exits.INTERRUPTED
    assert capsys.readouterr() == ("", "")
