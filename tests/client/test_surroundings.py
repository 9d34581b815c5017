"""What the doctor sees of a terminal and of a player of sounds, and what it means."""

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from chatroom.client import surroundings
from chatroom.client.checks import Finding
from chatroom.client.surroundings import Console, console
from tests.client.peers import TIMEOUT
from tests.client.screens import ROOT

WIDE = Console(True, True, "utf-8", 80, 24)
SYSTEMS = ("linux", "darwin", "win32")


# ---------------------------------------------------------------------------------------------------- the terminal


def told(facts: Console = WIDE, system: str = "linux", environ: Mapping[str, str] | None = None) -> dict[str, Finding]:
    return {finding.what: finding for finding in surroundings.terminal(facts, environ or {}, system)}


@pytest.mark.parametrize(
    ("encoding", "is_well"),
    [("utf-8", True), ("UTF8", True), ("cp1252", False), ("ascii", False), ("", False), ("x\0y", False)],
)
def test_an_encoding_that_lacks_characters_is_named(encoding: str, is_well: bool) -> None:
    assert told(WIDE._replace(encoding=encoding))["encoding"].is_well == is_well


@pytest.mark.parametrize(("system", "command"), [*zip(SYSTEMS, ("C.UTF-8", "en_US.UTF-8", "PYTHONUTF8"), strict=True)])
def test_each_system_has_its_way_to_utf8(system: str, command: str) -> None:
    assert command in told(WIDE._replace(encoding="cp437"), system)["encoding"].advice


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"TERM": "xterm-256color"}, "256 colours"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "all colours"),
        ({"WT_SESSION": "1"}, "all colours"),
        ({"TERM": "xterm"}, "16 colours"),
        ({}, "16 colours"),
        ({"TERM": "dumb"}, "no colours, because TERM is dumb"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "no colours, because NO_COLOR is set"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "256 colours"),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, "16 colours"),
        ({"TERM": "dumb", "FORCE_COLOR": "0"}, "no colours, because TERM is dumb"),
    ],
)
def test_colours_are_told(environ: dict[str, str], said: str) -> None:
    assert said in told(environ=environ)["colours"].text


def test_colours_that_are_forced_into_a_pipe_are_told() -> None:
    pipe = WIDE._replace(writes_terminal=False)
    assert "because stdout is not a terminal" in told(pipe)["colours"].text
    assert "because FORCE_COLOR is set" in told(pipe, environ={"FORCE_COLOR": "1"})["colours"].text


@pytest.mark.parametrize(("columns", "is_well"), [(39, False), (40, True), (200, True)])
def test_a_narrow_window_is_named(columns: int, is_well: bool) -> None:
    finding = told(WIDE._replace(columns=columns))["window"]
    assert finding.is_well == is_well
    assert f"{columns} columns and 24 rows" in finding.text


@pytest.mark.parametrize(("reads", "writes"), [(True, False), (False, True), (False, False)])
def test_a_pipe_is_no_fault(reads: bool, writes: bool) -> None:
    findings = told(WIDE._replace(reads_terminal=reads, writes_terminal=writes, columns=80 * writes))
    assert all(finding.is_well for finding in findings.values())
    assert "as in a pipe" in findings["terminal"].text
    assert ("window" in findings) == writes


def test_the_facts_of_a_terminal_are_seen() -> None:
    if sys.platform == "win32":
        raise NotImplementedError
    import termios

    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (30, 100))
    with os.fdopen(theirs, encoding="latin-1") as stream:
        assert console(stream, stream) == (True, True, "latin-1", 100, 30)
    os.close(ours)


def test_streams_that_are_no_terminal_have_no_size() -> None:
    with Path(os.devnull).open(encoding="ascii") as closed:
        pass
    for stream in (None, io.StringIO(), closed):
        assert console(stream, stream)._replace(encoding="") == (False, False, "", 0, 0)


# ------------------------------------------------------------------------------------------------------- the sound


def test_the_player_is_named() -> None:
    assert "played by bells" in surroundings.sound("bells", "linux").text


@pytest.mark.parametrize(("system", "command"), [*zip(SYSTEMS, ("apt", "brew", "winget"), strict=True)])
def test_each_system_installs_a_player_in_its_way(system: str, command: str) -> None:
    assert f"`{command} install" in surroundings.sound(None, system).advice.replace("sudo ", "")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a player")
def test_the_player_is_the_one_that_the_library_uses_and_nothing_is_written(tmp_path: Path) -> None:
    def look(**environ: str) -> str:
        command = [sys.executable, "-c", "from chatroom.client.surroundings import player; print(player())"]
        variables = {"PATH": str(tmp_path), "PYTHONPATH": str(ROOT), **environ}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=TIMEOUT, check=True)
        assert done.stderr == ""
        return done.stdout.strip()

    assert look() == "None"
    assert look(PLAYSOUND3_BACKEND="nonsense") == "None"
    player = tmp_path / "gst-play-1.0"
    player.write_text("#!/bin/sh\n", encoding="ascii")
    player.chmod(0o700)
    assert look() == "gstreamer"
