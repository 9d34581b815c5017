"""The comparison of servers: ratios, targets and tables from results that are made up; and one tiny one that runs."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from bench_parts import machine, page, rounds, table
from bench_parts.contest import FIGURES, PEERS, ROWS, TARGETS, Row, Target
from bench_parts.crowd import StuckError
from bench_parts.results import Results, Trial
from bench_parts.runs import Figures, Load
from bench_parts.servers import KINDS, Running, Setup

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
SPEED = "deliveries_per_second"
AT_LEAST = Target("room-100", SPEED, "chatroom", "inspircd", 2.0)
AT_MOST = Target("coming-in", "coming_in_s", "chatroom", None, 2.0, at_most=True, form="{:.2f} s")


def results(figure: str, *, quick: bool = False, **series: list[Trial]) -> Results:
    """As if these rows had been measured in this figure."""
    found = Results({figure: FIGURES[figure]}, dict.fromkeys(series, ""), {"nats": "it is not installed"}, quick=quick)
    for row, trials in series.items():
        for trial in trials:
            found.add(figure, row, trial)
    return found


def floods(*speeds: float, load: float = 0.5, others: float = 0.0) -> list[Trial]:
    return [Trial({SPEED: speed, "flood_load_share": load, "flood_others_share": others}) for speed in speeds]


def text_of(found: Results, *targets: Target) -> str:
    return "\n".join(table.lines(found, targets))


# The arithmetic


def test_a_ratio_is_the_median_of_those_within_the_rounds() -> None:
    found = results("room-100", chatroom=floods(10, 90, 30), inspircd=floods(10, 10, 15))
    assert found.ratios("room-100", SPEED, "chatroom", "inspircd") == [1.0, 9.0, 2.0]
    assert found.ratio("room-100", SPEED, "chatroom", "inspircd") == 2.0


def test_a_round_that_got_stuck_has_no_ratio_and_shifts_no_other() -> None:
    stuck = [*floods(10), Trial({}, "stuck: it fell silent"), *floods(10)]
    found = results("room-100", chatroom=floods(10, 20, 30), inspircd=stuck)
    assert found.ratios("room-100", SPEED, "chatroom", "inspircd") == [1.0, 3.0]


@pytest.mark.parametrize(("speed", "outcome"), [(19, "missed"), (20, "met"), (21, "met")])
def test_a_ratio_must_reach_its_target(speed: float, outcome: str) -> None:
    found = results("room-100", chatroom=floods(speed), inspircd=floods(10))
    assert found.judge(AT_LEAST).outcome() == outcome


@pytest.mark.parametrize(("seconds", "outcome"), [(1.9, "met"), (2.0, "met"), (2.1, "missed")])
def test_a_time_must_stay_below_its_target(seconds: float, outcome: str) -> None:
    found = results("coming-in", chatroom=[Trial({"coming_in_s": seconds})])
    assert found.judge(AT_MOST).outcome() == outcome


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    alone = results("room-100", chatroom=floods(10))
    stuck = results("room-100", chatroom=[Trial({}, "stuck")], inspircd=floods(10))
    quick = results("room-100", quick=True, chatroom=floods(30), inspircd=floods(10))
    elsewhere = results("room-10", chatroom=floods(30), inspircd=floods(10))
    assert {found.judge(AT_LEAST).outcome() for found in (alone, stuck, quick, elsewhere)} == {"not measured"}


# The tables of the contest


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_is_of_something_that_is_measured(target: Target) -> None:
    figure = FIGURES[target.figure]
    assert target.value in {value.name for value in figure.values}
    assert {target.row, target.against or target.row} <= set(figure.rows) <= set(ROWS)


@pytest.mark.parametrize("name", FIGURES)
def test_a_quick_figure_is_as_large_as_a_whole_one_in_nothing(name: str) -> None:
    quick = FIGURES[name].quick()
    assert quick.clients() <= 60
    assert quick.load.senders <= quick.load.clients
    assert quick.load.seconds + quick.load.warm_up < 0.2
    assert quick.load.history % quick.load.burst == 0


# How it is told


def test_the_table_names_each_row_with_its_median_and_its_ratio() -> None:
    text = text_of(results("room-100", chatroom=floods(3e6, 5e6), inspircd=floods(1e6, 1e6)))
    [ours] = [line for line in text.splitlines() if line.startswith("  chatroom, as it comes")]
    [theirs] = [line for line in text.splitlines() if line.startswith("  InspIRCd")]
    assert "4,000,000" in ours
    assert "×" not in ours
    assert "4.00 ×" in theirs
    assert "Left out: it is not installed." in text


@pytest.mark.parametrize(("load", "others", "mark"), [(0.5, 0.0, ""), (0.95, 0.0, "*"), (0.5, 0.5, "~"), (1, 1, "*~")])
def test_a_figure_is_marked_where_the_load_or_a_neighbour_was_in_the_way(load: float, others: float, mark: str) -> None:
    found = results("room-100", chatroom=floods(10, load=load, others=others))
    assert table.marks(found.series["room-100"]["chatroom"]) == mark


def test_a_target_says_so_where_the_load_or_a_neighbour_was_in_the_way_of_either_row() -> None:
    found = results("room-100", chatroom=floods(10, load=0.95), inspircd=floods(10, others=0.5))
    assert "missed *~" in text_of(found, AT_LEAST)
    assert '<td class="missed">missed *~</td>' in page.page(found, [AT_LEAST], "")


def test_the_memory_of_idle_clients_is_not_limited_by_the_load() -> None:
    found = results("idle", chatroom=[Trial({"idle_kib": 25.0, "idle_load_share": 1.0})])
    assert table.marks(found.series["idle"]["chatroom"]) == ""


def test_what_got_stuck_is_told_with_its_reason_and_how_often() -> None:
    found = results("room-100", chatroom=floods(1, 1), inspircd=[Trial({}, "stuck: nobody answers"), *floods(1)])
    assert "InspIRCd, 1 of 2 rounds: stuck: nobody answers" in text_of(found)
    assert "stuck: nobody answers" in page.page(found, TARGETS, "")


def test_the_page_is_well_formed_and_stands_alone() -> None:
    found = results("room-100", chatroom=floods(2e6), ngircd=floods(1e6), inspircd=[Trial({}, "stuck: <&> at 1 < 2")])
    root = ET.fromstring(page.page(found, TARGETS, "about <it> & more"))
    lengths = [float(bar.get("width", "")) for bar in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert lengths[0] == 2 * lengths[1] > 0
    assert lengths[2] == 0
    assert not [tag for tag in root.iter() if tag.get("src") or tag.get("href")]


# How it is measured


def _listens(server: Running, _load: Load) -> Figures:
    return {SPEED: float(server.port)}


def _gets_stuck(_server: Running, _load: Load) -> Figures:
    raise StuckError("nobody answers")


def test_what_gets_stuck_or_does_not_start_does_not_end_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ROWS, "process", Row("broken", KINDS["chatroom"], {"durability": "none"}))
    quick = FIGURES["room-10"].quick()
    figures = {"stuck": replace(quick, run=_gets_stuck), "well": replace(quick, run=_listens)}
    found = Results(figures, {"chatroom": "", "process": ""}, {})
    rounds.measure(found, 1, Setup(folder=tmp_path), lambda _text: None)
    [stuck], [well] = found.series["stuck"]["chatroom"].trials, found.series["well"]["chatroom"].trials
    assert stuck.trouble.startswith("stuck: nobody answers; the server said last: …")
    assert well.figures[SPEED]
    assert found.series["well"]["process"].trials[0].trouble.startswith("not started: ")


def test_the_disks_own_pace_is_that_of_pages_that_are_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda file: flushed.append(os.fstat(file).st_size), raising=False)
    assert machine.flush_ms(tmp_path, 3) > 0
    assert flushed == [4_096, 8_192, 12_288]
    assert list(tmp_path.iterdir()) == []


def test_a_peer_that_is_not_installed_is_named_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = replace(KINDS["nats"], program="no-such-server")
    monkeypatch.setitem(ROWS, "nats", Row("nats", nowhere))
    versions, left_out = rounds.installed(["chatroom", "nats"])
    assert versions == {"chatroom": ""}
    assert "no-such-server is not installed" in left_out["nats"]


def test_a_tiny_comparison_with_a_peer_if_there_is_one(tmp_path: Path) -> None:
    peers, _ = rounds.installed(PEERS)
    rows = ["chatroom", "tls", *list(peers)[:1]]
    figures = ["rooms", "coming-in", "idle", "catching-up"]
    html = tmp_path / "report.html"
    chosen = [word for name in rows for word in ("--server", name)] + [w for name in figures for w in ("--only", name)]
    command = [sys.executable, str(SCRIPTS / "bench.py"), "compare", "--quick", "--rounds", "1", "--json"]
    done = subprocess.run(
        [*command, *chosen, "--html", str(html)], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["figures"]
    assert [name for figure in found.values() for row in figure["rows"].values() for name in row["troubles"]] == []
    assert list(found["rooms"]["rows"]) == rows
    assert found["catching-up"]["rows"]["chatroom"]["values"]["replay_per_second"]["median"] > 0
    plots = list(ET.fromstring(html.read_text("utf-8")).iter("{http://www.w3.org/2000/svg}svg"))
    assert len(plots) == sum(len(FIGURES[name].values) for name in figures)
