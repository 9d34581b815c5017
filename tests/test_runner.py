"""scripts/test.py: which tests it runs in which parts, and what it says of them. pytest itself is run but once.

The rest of the scripts is in test_scripts.py.
"""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from _setup import environment, launch, tools

ROOT = Path(__file__).resolve().parent.parent

Ran = list[list[str]]


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    """scripts/test.py, which has the name of a package of Python's own."""
    spec = importlib.util.spec_from_file_location("chatroom_test_runner", ROOT / "scripts" / "test.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Ran:
    """What was run in place of pytest: first it ends with 1, then with 0, and each time it tells of two tests."""
    commands: Ran = []

    def run(command: list[str], home: environment.Environment) -> int:
        commands.append(command)
        for word in command:
            if word.startswith("--junit-xml="):
                report = Path(word.removeprefix("--junit-xml="))
                report.write_text('<testsuites><testsuite tests="2" failures="1" errors="0" skipped="0"/></testsuites>')
        return 1 if len(commands) == 1 else 0

    monkeypatch.setattr(launch, "run_beside", run)
    monkeypatch.setattr(environment, "prepare", environment.describe)
    monkeypatch.setattr(tools, "missing", list)
    monkeypatch.setattr(tools, "may_install", lambda *_: False)
    monkeypatch.chdir(ROOT)
    return commands


def test_all_tests_run_side_by_side_but_for_those_that_a_neighbour_would_disturb(
    runner: ModuleType, ran: Ran, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["scripts/test.py"])
    assert runner.main() == 1, "the worst of both"
    first, second = ran
    assert first[-3:-1] == ["-m", "not alone"]
    assert "-n" in first
    assert second[-3:-1] == ["-m", "alone"]
    assert str(Path("tests/server/test_slow_readers.py")) in second
    assert str(Path("tests/test_room.py")) not in second
    assert "-n" not in second
    said = capsys.readouterr().out.splitlines()
    assert [line[:16] for line in said[:2]] == ["[*] Tests, part "] * 2
    assert re.fullmatch(r"\[-\] In all 4 tests, 2 failures, in \d+ s\.", said[2])


@pytest.mark.parametrize("asked", [["-k", "receipt"], ["tests/test_room.py"], ["--collect-only", "-q"]], ids=" ".join)
def test_who_asks_for_certain_tests_gets_just_these_in_one_process(
    runner: ModuleType, ran: Ran, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["scripts/test.py", *asked])
    assert runner.main() == 1
    assert [command[1:] for command in ran] == [["-m", "pytest", *asked]]


def test_ctrl_c_in_the_first_part_is_the_end(
    runner: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: Ran = []

    def interrupted(command: list[str], home: environment.Environment) -> int:
        ran.append(command)
        return int(runner.INTERRUPTED)

    monkeypatch.setattr(launch, "run_beside", interrupted)
    assert runner.run_all(["pytest"], environment.describe("test")) == runner.INTERRUPTED
    assert len(ran) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("[-] In all 0 tests")


@pytest.mark.parametrize(("codes", "worst"), [([0, 0], 0), ([1, 0], 1), ([0, 1], 1), ([1, 3], 3), ([0, -9], -9)])
def test_the_worst_exit_code_comes_back(runner: ModuleType, codes: list[int], worst: int) -> None:
    assert runner.worst(codes) == worst


def test_a_report_of_pytest_is_counted(runner: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\ndef test_a(): pass\ndef test_b(): assert 0\ndef test_c(): pytest.skip()\n"
    )
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "test_it.py", f"--junit-xml={report}"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert runner.Count.read(report) == (3, 1, 0, 1)
    assert runner.Count.read(tmp_path / "none.xml") == (0, 0, 0, 0)
