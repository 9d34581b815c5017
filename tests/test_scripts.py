"""The scripts beside the project: what they decide and say, what they lock, and what the checkout holds.

Nothing here makes an environment: that takes as long as the whole suite. The decisions are tried instead, with facts
of machines that are not here; files are read as they lie in the checkout.
"""

import re
import shutil
import subprocess
import sys
import threading
import tomllib
import wave
from pathlib import Path
from typing import Any

import pytest
import sounds
import stress
from _setup import advice, environment, launch, tools
from _setup.advice import Facts
from _setup.turns import turn

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {kind: (ROOT / "scripts" / f"lock-{kind}.txt").read_text(encoding="utf-8") for kind in ("run", "test")}
DEBIAN = Facts(
    python="/usr/bin/python3.11",
    version=(3, 11),
    manager="apt",
    is_root=False,
    is_system_python=True,
    is_default_python=True,
    has_package_lists=True,
)


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def package_name(requirement: str) -> str:
    """The name in a requirement, as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement.strip())[0]).lower()


def entries(lock: str) -> list[str]:
    """The packages of a lock, each with all its lines."""
    return re.findall(r"^[^\s#].*(?:\n[ ]+.*)*", lock, re.MULTILINE)


# What to say


@pytest.mark.parametrize(
    ("changed", "command"),
    [
        ({}, "sudo apt install python3-venv"),
        ({"is_root": True}, "apt install python3-venv"),
        ({"is_root": True, "has_package_lists": False}, "apt update && apt install python3-venv"),
        ({"has_package_lists": False}, "sudo apt update && sudo apt install python3-venv"),
        ({"is_default_python": False, "version": (3, 12)}, "sudo apt install python3.12-venv"),
        ({"manager": "dnf"}, "sudo dnf install python3 python3-pip"),
        ({"manager": "apk", "is_root": True}, "apk add python3 py3-pip"),
        ({"manager": "pacman"}, "sudo pacman -S python python-pip"),
        ({"manager": "brew"}, "brew install python3"),
    ],
)
def test_a_python_without_venv_names_the_one_command(changed: dict[str, Any], command: str) -> None:
    said = advice.on_missing_parts(["ensurepip"], DEBIAN._replace(**changed))
    assert "comes without ensurepip" in said
    assert f"\n    {command}\n" in said


@pytest.mark.parametrize("changed", [{"manager": None}, {"is_system_python": False, "python": "/opt/bin/python3"}])
def test_where_no_package_helps_another_python_is_named(changed: dict[str, Any]) -> None:
    said = advice.on_missing_parts(["venv", "ensurepip"], DEBIAN._replace(**changed))
    assert "without venv and ensurepip" in said
    assert "https://www.python.org/downloads/" in said
    assert "install " not in said


def test_this_python_has_all_parts() -> None:
    assert advice.missing_parts() == []
    assert advice.look_around().version == sys.version_info[:2]


def test_no_network_is_one_sentence() -> None:
    said = advice.on_failed_step(
        "the packages",
        "WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection "
        "broken by 'NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection object at 0x7f>: Failed to "
        "establish a new connection: [Errno 111] Connection refused')': /simple/colorama/\n"
        "ERROR: Could not find a version that satisfies the requirement colorama==0.4.6 (from versions: none)\n"
        "ERROR: No matching distribution found for colorama==0.4.6\n",
    )
    assert said.startswith("The package index cannot be reached")
    assert "\n" not in said


def test_a_failed_step_shows_its_last_lines_and_what_to_do() -> None:
    said = advice.on_failed_step("the packages", "\n".join(f"line {n}" for n in range(100)))
    assert "line 87\n" not in said
    assert said.startswith("line 88\n")
    assert "line 99\n\nThe step that failed: the packages. Mend what it names and start again" in said


def test_a_refusal_by_the_system_is_told_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"Permission denied \(/x/.venv\)"), launch.in_plain_words():
        raise PermissionError(13, "Permission denied", "/x/.venv")
    with pytest.raises(SystemExit) as stop, launch.in_plain_words():
        raise KeyboardInterrupt
    assert stop.value.code == launch.INTERRUPTED
    assert "the next start begins again" in capsys.readouterr().err


def test_too_old_a_python_is_told_in_one_sentence() -> None:
    """Judged by an older Python where one is here, otherwise by telling this one that it is older."""
    old = "import sys; sys.version_info, sys.version, sys.argv = (3, 10, 4), '3.10.4 (main)', ['scripts/server.py']"
    run = subprocess.run(
        [sys.executable, "-c", f"{old}; sys.path.insert(0, {str(ROOT / 'scripts')!r}); import _setup"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr == (
        "chatroom needs Python 3.11 or newer and this is Python 3.10.4: "
        "start it with a newer one, for example `python3.12 scripts/server.py`.\n"
    )


@pytest.mark.parametrize("script", ["server", "client"])
def test_any_python_can_read_a_script_up_to_the_judgement(script: str) -> None:
    """The first import is the one that judges, and both files are plain ASCII, as Python 2 wants it."""
    text = (ROOT / "scripts" / f"{script}.py").read_bytes()
    assert re.findall(rb"^(?:import|from) .*", text, re.MULTILINE) == [b"from _setup import launch"]
    assert text.isascii()
    assert (ROOT / "scripts" / "_setup" / "__init__.py").read_bytes().isascii()


# Making an environment


@pytest.fixture
def made(tmp_path: Path) -> environment.Environment:
    """What looks like a whole environment."""
    lock = tmp_path / "lock.txt"
    lock.write_text("a==1 --hash=sha256:00")
    home = environment.Environment(home=tmp_path / "home", lock=lock)
    home.bin.mkdir(parents=True)
    Path(home.command("python")).touch()
    environment.write_stamp(home)
    return home


def test_an_environment_is_ready_once_stamped(made: environment.Environment) -> None:
    assert environment.is_ready(made)
    made.stamp.unlink()
    assert not environment.is_ready(made)


def test_a_changed_lock_makes_it_anew(made: environment.Environment) -> None:
    made.lock.write_text("a==2 --hash=sha256:00")
    assert not environment.is_ready(made)


def test_a_moved_checkout_makes_it_anew(made: environment.Environment) -> None:
    moved = made._replace(home=made.home.rename(made.home.with_name("moved")))
    assert not environment.is_ready(moved)


def test_a_python_that_is_gone_makes_it_anew(made: environment.Environment) -> None:
    Path(made.command("python")).unlink()
    assert not environment.is_ready(made)


def test_each_kind_and_each_python_has_its_own() -> None:
    run, test = environment.describe("run"), environment.describe("test")
    assert run.home != test.home
    assert "{}.{}.{}".format(*sys.version_info) in run.home.name
    assert run.home.parent == test.home.parent == ROOT / ".venv"


def test_only_one_step_may_use_the_network_and_it_checks_hashes() -> None:
    _, (_, packages), (_, project) = environment.steps(environment.describe("run"))
    assert "--require-hashes" in packages
    assert {"--no-index", "--no-build-isolation", "--no-deps"} <= set(project)


def test_a_failing_step_raises_with_what_it_said() -> None:
    with pytest.raises(advice.SetupError, match=r"no such wheel\n\nThe step that failed: the packages"):
        environment.run_step("the packages", [sys.executable, "-c", "import sys; sys.exit('no such wheel')"])


def test_programs_find_the_environment_first_and_no_other_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/elsewhere")
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    home = environment.describe("run")
    variables = environment.variables(home)
    assert variables["PATH"].startswith(str(home.bin))
    assert "/elsewhere" not in variables.values()


def test_of_two_at_once_the_second_waits(tmp_path: Path) -> None:
    waiting, order = threading.Event(), []

    def second() -> None:
        with turn(tmp_path / "lock", on_wait=waiting.set):
            order.append("second")

    other = threading.Thread(target=second)
    with turn(tmp_path / "lock", on_wait=pytest.fail):
        other.start()
        assert waiting.wait(10)
        order.append("first")
    other.join(10)
    assert order == ["first", "second"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a file's lock with the process that took it")
def test_the_turn_outlives_a_killed_run_with_its_installer(tmp_path: Path) -> None:
    """Its installer may still write for a moment: only when that has ended too may somebody begin anew."""
    child = [sys.executable, "-c", "import sys; sys.stdin.read()"]

    def end_installer() -> None:
        installer.communicate()

    with turn(tmp_path / "lock", on_wait=pytest.fail):
        installer = subprocess.Popen(child, stdin=subprocess.PIPE, close_fds=False)
    with installer, turn(tmp_path / "lock", on_wait=end_installer):
        assert installer.returncode == 0


def test_a_program_beside_us_hands_back_its_exit_code() -> None:
    home = environment.describe("test")
    assert launch.run_beside([sys.executable, "-c", "raise SystemExit(7)"], home) == 7


# Stress


def test_what_is_asked_of_the_stress_suite_reaches_pytest() -> None:
    asked, others = stress.options(["--short", "--seed", "7", "-k", "history"])
    assert (asked.short, asked.seed) == (True, 7)
    told = stress.command(asked, others)
    assert told[0] == "tests/stress"
    assert told[-3:] == ["--hypothesis-seed=7", "-k", "history"]


def test_a_soak_is_asked_for_in_seconds() -> None:
    assert stress.options(["--soak", "3600"])[0].soak == 3_600


def test_without_a_seed_each_stress_run_has_another() -> None:
    assert len({stress.options([])[0].seed for _ in range(20)}) > 1


def test_an_ordinary_run_leaves_the_stress_suite_out() -> None:
    assert "stress" in pyproject()["tool"]["pytest"]["ini_options"]["norecursedirs"]


# Tools outside Python


def test_tools_that_are_missing_are_named_with_their_origin() -> None:
    strace, *_, git = tools.TOOLS
    said = tools.table([strace, git], DEBIAN)
    assert "git" in said
    assert "sudo apt install git" in said
    origin = "sudo apt install strace" if sys.platform == "linux" else "only on linux"
    assert origin in said
    assert tools.table([], DEBIAN).count("\n") == 0


def test_tools_are_installed_only_by_root_on_a_debian_made_for_checks() -> None:
    root = DEBIAN._replace(is_root=True)
    assert tools.may_install(root, {"CI": "true"})
    assert not tools.may_install(root, {})
    assert not tools.may_install(DEBIAN, {"CI": "true"})
    assert not tools.may_install(root._replace(manager="brew"), {"CI": "true"})


# Locks


@pytest.mark.parametrize("kind", LOCKS)
def test_every_package_is_pinned_and_hashed(kind: str) -> None:
    for entry in entries(LOCKS[kind]):
        assert re.match(r"[\w.-]+==[\w.]+ ", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}(?: |$)", entry, re.MULTILINE), entry
    assert "://" not in LOCKS[kind], "a lock names no index: where packages come from is the machine's own business"
    assert "--index" not in LOCKS[kind]


def test_the_locks_hold_what_pyproject_names() -> None:
    project = pyproject()
    groups = project["dependency-groups"]
    run = {*map(package_name, [*project["project"]["dependencies"], *groups["build"]])}
    test = run | {*map(package_name, groups["test"])}
    assert run <= {*map(package_name, entries(LOCKS["run"]))}
    assert test <= {*map(package_name, entries(LOCKS["test"]))}
    assert groups["build"] == project["build-system"]["requires"]


def test_what_is_tested_is_what_runs() -> None:
    """The same versions with the same hashes, so that a run has nothing in it that the tests have not seen."""

    def bare(lock: str) -> set[str]:
        return {re.sub(r"\s*\\?\n\s+#.*", "", entry) for entry in entries(lock)}

    assert bare(LOCKS["run"]) <= bare(LOCKS["test"])


def test_the_version_stands_in_one_place() -> None:
    assert "version" in pyproject()["project"]["dynamic"]
    assert re.search(r'^__version__ = "[\d.]+"$', (ROOT / "chatroom" / "__init__.py").read_text("utf-8"), re.MULTILINE)


# Sounds


def test_the_sounds_are_what_the_script_makes() -> None:
    assert sounds.stale(sounds.SOUNDS) == []


def test_a_changed_sound_is_noticed(tmp_path: Path) -> None:
    sounds.write(tmp_path)
    (tmp_path / "direct.wav").write_bytes(b"")
    assert sounds.stale(tmp_path) == ["direct"]


@pytest.mark.parametrize("name", sounds.CHIMES)
def test_a_sound_is_short_and_small(name: str) -> None:
    file = ROOT / "chatroom" / "sounds" / f"{name}.wav"
    with wave.open(str(file)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 44_100)
        assert 0.1 <= sound.getnframes() / sound.getframerate() <= 0.3
    assert file.stat().st_size < 30_000


# The checkout


def test_ci_calls_three_commands_and_nothing_clever() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert [line for line in lines if line and not line.startswith("#")] == [
        "set -euo pipefail",
        'cd "$(dirname "${BASH_SOURCE[0]}")/.."',
        "python3 scripts/check.py",
        "python3 scripts/test.py",
        "python3 scripts/stress.py --short --seed 1",
    ]


def tracked() -> list[str]:
    """The files of the checkout as git knows them; of an unpacked archive, those that lie there."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        safe = f"safe.directory={ROOT.as_posix()}"
        run = subprocess.run(["git", "-c", safe, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
        return [name for name in run.stdout.decode().split("\0") if name]
    return [path.name for path in ROOT.iterdir()]


def test_the_top_of_the_checkout_holds_only_what_it_should() -> None:
    allowed = {"chatroom", "tests", "scripts", "pyproject.toml", "README.md", "LICENSE"}
    top = {name.split("/")[0] for name in tracked()}
    assert {name for name in top if not name.startswith(".")} <= allowed
