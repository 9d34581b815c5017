"""The README agrees with the code: what it names exists, and what exists and matters to a newcomer is named."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import chatroom
from chatroom.client import cli as client_cli
from chatroom.client import options
from chatroom.client.commands import COMMANDS
from chatroom.client.settings import BY_NAME
from chatroom.server import cli as server_cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def _help_of(command: object, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        command.main(["--help"])  # type: ignore[attr-defined]
    return capsys.readouterr().out


def test_it_is_short_enough_to_be_read() -> None:
    assert len(README.splitlines()) <= 150


def test_every_file_and_folder_it_names_is_there() -> None:
    named = set(re.findall(r"(?:chatroom|scripts|tests)/[\w/.]*\w", README))
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_it_names_every_option_of_the_server_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    options = set(re.findall(r"--[a-z-]+", _help_of(server_cli, capsys))) - {"--help", "--version"}
    [paragraph] = [part for part in README.split("\n\n") if "`chatroom-server --help` explains" in part]
    assert set(re.findall(r"`(--[a-z-]+)`", paragraph)) == options


def test_every_option_it_gives_the_client_exists(capsys: pytest.CaptureFixture[str]) -> None:
    options = _help_of(client_cli, capsys)
    for line in re.findall(r"chatroom-client (.*)|scripts/client\.py (.*)", README):
        for option in re.findall(r"--[a-z-]+", " ".join(line)):
            assert option in options


def test_it_explains_every_command_of_the_client_and_no_other() -> None:
    table = "\n".join(line for line in README.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(/[a-z]+)", table)) - {"/this"} == {f"/{name}" for name in COMMANDS}


def test_the_examples_of_the_client_are_options_that_exist() -> None:
    """Each line of the block of examples, as its parser reads it."""
    [block] = [part for part in re.findall(r"```\n(.*?)```", README, re.DOTALL) if "--send" in part]
    for line in block.splitlines():
        words = shlex.split(line.partition("chatroom-client ")[2].partition(" | ")[0])
        assert options.read(words).action == "chat"


def test_it_names_the_settings_that_matter() -> None:
    assert "CHATROOM_NAME" in README
    assert BY_NAME["name"].variable == "CHATROOM_NAME"


def test_its_example_runs(tmp_path: Path) -> None:
    [example] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "LOCALAPPDATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", example], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "ada in lobby: hello\n"


def test_every_public_name_can_be_had() -> None:
    assert all(getattr(chatroom, name) for name in chatroom.__all__)
    with pytest.raises(AttributeError):
        chatroom.nothing_of_the_kind  # noqa: B018
