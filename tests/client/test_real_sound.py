"""A real sound: ALSA's own player plays to a device that writes down what it is given, and that is no silence.

aplay and mpg123 must be there on Linux; scripts/test.py says what installs it.
"""

import array
import os
import select
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatroom.client import exits
from chatroom.client.notify import SOUNDS
from chatroom.client.wishes import Kind
from chatroom.messages import Message
from tests.client.screens import COMMAND, ENTER, PATIENCE, Actor, Terminal, environment

if sys.platform != "linux":
    pytest.skip("ALSA is Linux's", allow_module_level=True)

RATE = 44_100
LOUD = 0x7FFF // 10
LONGEST_REST = 0.15
"""In seconds: the player fills up its last buffer with silence."""
FEW = 3

# What is played goes into the file that the player names.
DEVICE = """\
pcm.!default {
  type file
  slave.pcm { type null }
  file { @func getenv vars [ RECORDING ] default "/dev/null" }
  format wav
}
"""
# Once a sound is played, its name is told.
PLAYER = """\
#!/bin/sh
for sound; do :; done
name=${{sound##*/}}
RECORDING="{folder}/$name" {aplay} "$@" || exit
case $name in *.wav) echo "$name" >"{folder}/told" ;; esac
"""
HANGING_PLAYER = """\
#!/bin/sh
[ "$1" = --version ] && exit
echo hangs >"{folder}/told"
exec cat "{folder}/never"
"""


class Recorder:
    """A sound device, and a player on PATH that plays to it."""

    def __init__(self, folder: Path) -> None:
        aplay = shutil.which("aplay")
        assert aplay, "aplay is not installed: without it nobody can tell whether anything is heard"
        self.folder = folder
        self.told, self.never = (_pipe(folder / name) for name in ("told", "never"))
        (folder / "device").write_text(DEVICE)
        self.install(PLAYER.format(folder=folder, aplay=aplay))
        self.variables: dict[str, Any] = {
            "ALSA_CONFIG_PATH": str(folder / "device"),
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PLAYSOUND3_BACKEND": "alsa",  # also where there are other players
        }

    def install(self, player: str) -> None:
        """A shell script that takes the place of aplay."""
        (self.folder / "aplay").write_text(player)
        (self.folder / "aplay").chmod(0o755)

    def find_only_these(self) -> None:
        """Leaves no other programs on PATH, and the choice of the player to the library."""
        del self.variables["PLAYSOUND3_BACKEND"]
        self.variables["PATH"] = str(self.folder)

    def hears(self, name: str) -> list[str]:
        """The names of what is played, up to this one."""
        heard = ""
        while not heard.endswith(f"{name}\n"):
            assert select.select([self.told], [], [], PATIENCE)[0], f"waited in vain for {name}, after {heard}"
            heard += os.read(self.told, 4096).decode()
        return heard.split()


def _pipe(path: Path) -> int:
    """Opened for both ends: for one alone it would wait for the other."""
    os.mkfifo(path)
    return os.open(path, os.O_RDWR)


@pytest.fixture
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    monkeypatch.delenv("PLAYSOUND3_BACKEND", raising=False)
    (tmp_path / "device").mkdir()
    recorder = Recorder(tmp_path / "device")
    yield recorder
    os.close(recorder.told)
    os.close(recorder.never)


def play_each(home: Path, recorder: Recorder, *arguments: str) -> tuple[list[str], str]:
    """What `--test-sound` says, and what it does where a terminal's bell would be."""
    command = [*COMMAND, "--test-sound", *arguments]
    variables = environment(home, **recorder.variables)
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return done.stdout.splitlines(), done.stderr


def frames_of(file: Path) -> bytes:
    """16 bits each."""
    with wave.open(str(file)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, RATE)
        frames: bytes = sound.readframes(sound.getnframes())
        return frames


def loudest(frames: bytes) -> int:
    return max(map(abs, array.array("h", frames)))


def test_each_sound_is_heard_as_it_is_and_in_its_length(tmp_path: Path, recorder: Recorder) -> None:
    said, bells = play_each(tmp_path, recorder)
    for kind, line in zip(Kind, said, strict=True):
        assert line.endswith(f"{kind}: played by alsa")
    assert bells == ""
    recorded = {kind: frames_of(recorder.folder / f"{kind}.wav") for kind in Kind}
    for kind, frames in recorded.items():
        sound = frames_of(SOUNDS / f"{kind}.wav")
        assert loudest(frames) > LOUD
        assert frames.startswith(sound)
        assert len(frames) - len(sound) < LONGEST_REST * RATE * 2
    assert len({*recorded.values()}) == len(Kind)


def test_a_sound_of_ones_own_is_heard_in_place_of_ours(tmp_path: Path, recorder: Recorder) -> None:
    own = tmp_path / "own"
    own.mkdir()
    shutil.copy(SOUNDS / "direct.wav", own / "message.wav")
    play_each(tmp_path, recorder, "--sounds", str(own))
    played = {kind: frames_of(recorder.folder / f"{kind}.wav") for kind in Kind}
    assert played[Kind.MESSAGE] == played[Kind.DIRECT] != played[Kind.MENTION]


def test_alsa_is_found_by_its_two_players(tmp_path: Path, recorder: Recorder) -> None:
    mpg123 = shutil.which("mpg123")
    assert mpg123, "mpg123 is not installed: without it nobody can tell whether a player is found"
    (recorder.folder / "mpg123").symlink_to(mpg123)
    recorder.find_only_these()
    said, bells = play_each(tmp_path, recorder)
    assert [line.split(": ")[-1] for line in said] == ["played by alsa"] * len(Kind)
    assert bells == ""


def test_where_no_player_is_found_the_bell_rings_and_nothing_else_is_written(
    tmp_path: Path, recorder: Recorder
) -> None:
    (recorder.folder / "aplay").unlink()
    recorder.find_only_these()
    said, bells = play_each(tmp_path, recorder)
    assert [line.split(": ", 1)[-1] for line in said] == ["bell: no player of sounds is found"] * len(Kind)
    assert bells == "\a" * len(Kind)


def test_where_there_is_no_sound_device_the_bell_rings_and_it_says_why(tmp_path: Path, recorder: Recorder) -> None:
    (recorder.folder / "device").write_text("")
    said, bells = play_each(tmp_path, recorder)
    for kind, line in zip(Kind, said, strict=True):
        assert f"{kind}: bell: alsa could not play" in line
    assert bells == "\a" * len(Kind)


def test_a_burst_of_a_hundred_messages_is_heard_but_a_few_times(tmp_path: Path, recorder: Recorder) -> None:
    """Whatever the hundred still have to sound comes before what is said after them."""
    with Actor() as actor, Terminal(tmp_path, "--port", str(actor.port), "--name", "ada", **recorder.variables) as ada:
        ada.sees("You are in lobby")
        actor.say(*(Message("lobby", n, 0, "bob", f"news {n}", f"id{n}") for n in range(1, 101)))
        ada.sees("news 100")
        assert recorder.hears("message.wav") == ["message.wav"]
        actor.say(Message("lobby", 101, 0, "bob", "ada: are you there?", "id101"))
        assert 1 <= len(recorder.hears("mention.wav")) <= FEW


def test_a_player_that_hangs_does_not_keep_the_program_from_ending(tmp_path: Path, recorder: Recorder) -> None:
    recorder.install(HANGING_PLAYER.format(folder=recorder.folder))
    with Actor() as actor, Terminal(tmp_path, "--port", str(actor.port), "--name", "ada", **recorder.variables) as ada:
        ada.sees("You are in lobby")
        actor.say(Message("lobby", 1, 0, "bob", "hello", "id1"))
        recorder.hears("hangs")
        ada.type(f"q{ENTER}")
        assert ada.ends() == exits.OK
