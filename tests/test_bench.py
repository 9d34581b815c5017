"""The benchmark counts right: markers cut anywhere, percentiles, what a witness must notice; and one tiny run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench_parts import report
from bench_parts.dialects import IRC, NATIVE, NATS, Dialect, Flood
from bench_parts.figures import Counter, Heard, Stamps, flaw, marker_of, middle, percentile, ratios, stamped, text_of

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
IRC_LINE = b":u1!u1@host PRIVMSG #bench :%s\r\n"


def chopped(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def counted(counter: Counter, chunks: list[bytes]) -> int:
    total, tail = 0, counter.blank
    for chunk in chunks:
        counter.room[: len(chunk)] = chunk
        found, tail = counter.count(tail, len(chunk))
        total += found
    return total


@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 17, 18, 19, 64, 1000])
def test_a_marker_counts_once_wherever_the_stream_is_cut(size: int) -> None:
    counter = Counter(b'"type":"message"', size)
    stream = b'{"type":"joined"}' + b'{"type":"message","seq":1}' * 9 + b'{"type":"mess'
    assert counted(counter, chopped(stream, size)) == 9


def test_streams_that_share_the_buffer_do_not_mix() -> None:
    counter = Counter(b"MARK", 16)
    tails = [counter.blank, counter.blank]
    totals = [0, 0]
    for half in (b"xxMA", b"RKyy"):
        for stream in (0, 1):
            data = half if stream == 0 else b"RK"
            counter.room[: len(data)] = data
            found, tails[stream] = counter.count(tails[stream], len(data))
            totals[stream] += found
    assert totals == [1, 0]


@pytest.mark.parametrize("size", [32, 64, 400])
@pytest.mark.parametrize("dialect", [NATIVE, IRC, NATS])
def test_each_message_of_a_blob_holds_one_marker(dialect: Dialect, size: int) -> None:
    blob = Flood.of(dialect, "bench", 3, size, 16).blob(7)
    assert blob.count(marker_of(size)) == 16
    assert stamped(1, size).encode().count(marker_of(size)) == 1
    for words, answer in (dialect.greet("u1"), dialect.join("bench"), dialect.barrier):
        assert marker_of(size) not in words + answer


@pytest.mark.parametrize("dialect", [NATIVE, IRC, NATS])
def test_the_blobs_of_a_flood_differ_in_their_number_alone(dialect: Dialect) -> None:
    flood = Flood.of(dialect, "bench", 3, 64, 16)
    first, later = flood.blob(0), flood.blob(12345678)
    assert len(first) == len(later)
    assert first != later
    assert b"#" not in later.replace(b" #bench", b"")


def test_ids_never_repeat_and_always_increase() -> None:
    flood = Flood.of(NATIVE, "bench", 0, 64, 4)
    stream = flood.blob(9) + flood.blob(10)
    ids = [frame.split(b'"')[0].decode() for frame in stream.split(b'"id":"')[1:]]
    assert len(set(ids)) == 8
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    ("dialect", "delivered"),
    [
        (IRC, b":irc 001 u1 :hi\r\n" + IRC_LINE % b"one" + IRC_LINE % b"two"),
        (NATS, b"PONG\r\nMSG bench 1 3\r\none\r\nMSG bench 1 3\r\ntwo\r\nMSG bench 1 9\r\ncut"),
    ],
)
def test_a_witness_reads_lines_and_leaves_a_cut_one(dialect: Dialect, delivered: bytes) -> None:
    assert [heard.text for heard in dialect.heard(delivered)] == ["one", "two"]


def test_a_witness_reads_frames_and_leaves_a_cut_one() -> None:
    body = b'{"type":"message","seq":7,"message":"one"}'
    frame = len(body).to_bytes(4, "big") + body
    assert list(NATIVE.heard(frame + frame[:-1])) == [Heard(7, "one")]


def conversation(*ordinals: int, numbered: bool = True) -> list[Heard]:
    return [
        Heard(seq if numbered else 0, text_of(1, f"{ordinal // 2:08d}", ordinal % 2, 64))
        for seq, ordinal in enumerate(ordinals, 1)
    ]


def test_a_whole_conversation_has_no_flaw() -> None:
    assert flaw(conversation(0, 1, 2, 3), burst=2) == ""
    assert flaw(conversation(0, 1, numbered=False), burst=2) == ""


@pytest.mark.parametrize("ordinals", [(0, 2), (0, 1, 1), (1, 0), (1, 2)])
def test_a_lost_doubled_or_swapped_message_is_a_flaw(ordinals: tuple[int, ...]) -> None:
    assert "was due" in flaw(conversation(*ordinals), burst=2)


def test_a_hole_in_the_numbers_is_a_flaw() -> None:
    first, second = conversation(0, 1)
    assert flaw([first, second._replace(seq=3)], burst=2) == "seq 3 came where 2 was due"


def test_percentiles() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.99, 0.999)] == [50.0, 99.0, 100.0]
    assert percentile([4.0], 0.5) == 4.0
    assert percentile([], 0.5) is None


@pytest.mark.parametrize("size", [1, 5, 21, 22, 23, 200])
def test_a_send_time_is_read_once_wherever_the_stream_is_cut(size: int) -> None:
    stamps = Stamps()
    stream = b"".join(b'"message":"@%020d@ hello"' % sent for sent in (1_000_000_000, 2_000_000_000))
    for chunk in chopped(stream, size):
        stamps.hear(chunk, 3_000_000_000)
    assert stamps.delays == [2.0, 1.0]


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios([2.0, 9.0, None], [1.0, 3.0, 5.0]) == [2.0, 3.0]
    assert middle([1.0, None, 3.0]) == 2.0
    assert middle([None]) is None


def test_the_report_says_when_the_load_was_the_limit() -> None:
    assert not any("was the limit" in line for line in report.results("it", {"flood_load_share": [0.5]}))
    assert any("was the limit" in line for line in report.results("it", {"flood_load_share": [0.99]}))


def test_what_is_not_measured_is_said() -> None:
    lines = list(report.lines({"it": {"idle_kib": [None]}, "other": {"idle_kib": [None]}}))
    assert any("not measured" in line for line in lines)


def test_a_tiny_flood() -> None:
    flood = _bench("--rate", "off", "--seconds", "0.2", "--store", "memory:")
    assert flood["deliveries_per_second"]["median"] > 0
    assert 0 < flood["flood_load_share"]["median"] < 1.5


def test_a_tiny_paced_run() -> None:
    paced = _bench("--rate", "100", "--messages", "20")
    assert 0 < paced["p50_ms"]["median"] <= paced["p99_ms"]["median"]


def _bench(*words: str) -> dict[str, dict[str, float]]:
    small = ["--clients", "4", "--senders", "2", "--json"]
    command = [sys.executable, str(SCRIPTS / "bench.py"), *small, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, float]] = json.loads(done.stdout)["servers"]["chatroom"]
    return found
