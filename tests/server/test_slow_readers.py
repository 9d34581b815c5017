"""PROTOCOL part 5, point 6: a member that does not read costs a bounded amount, delays nobody, and loses nothing."""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.server.processes import ServerProcess
from tests.server.wire_client import Event, WireClient, frame, fresh, messages_of, person, said, seqs_of

if sys.platform != "linux":
    pytest.skip("what a process weighs is read from /proc", allow_module_level=True)

pytestmark = pytest.mark.alone

MIB = 1 << 20
FLOOD = 8_000
TEXT = "x" * 2_400
AT_ONCE = 125


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("busy")
    with ServerProcess("--data", str(data), "--durability", "process", "--rate", "off") as server:
        yield server


def flood(client: WireClient, room: str, count: int, text: str = TEXT) -> list[Event]:
    """Says so many things, reading all the while; the receipts."""
    receipts: list[Event] = []
    for _ in range(0, count, AT_ONCE):
        client.send_bytes(said(room, [text] * AT_ONCE, fresh("flood") + "-"))
        receipts += client.settled()
    return messages_of(receipts)


def test_who_stops_reading_costs_little_delays_nobody_and_gets_everything_once_and_in_order(
    busy: ServerProcess,
) -> None:
    with (
        person(busy.port, "speaker", "hall") as speaker,
        person(busy.port, "listener", "hall") as listener,
        person(busy.port, "bystander", "yard") as bystander,
        ExitStack() as stack,
    ):
        flood(speaker, "hall", 2_000)
        listener.settled()
        stalled = [
            stack.enter_context(person(busy.port, f"stalled{n}", "hall", receive_buffer=4_096)) for n in range(5)
        ]
        before = busy.memory()
        started = time.monotonic()
        receipts = flood(speaker, "hall", FLOOD)
        assert time.monotonic() - started < 20
        assert seqs_of(receipts) == list(range(2_001, 2_001 + FLOOD))
        assert seqs_of(listener.settled()) == seqs_of(receipts)
        started = time.monotonic()
        bystander.say("yard", "am I delayed?")
        assert time.monotonic() - started < 1
        # All that was said weighs 18 MiB, even if its bytes are shared by the five.
        assert busy.memory() - before < 10 * MIB
        for client in stalled:
            events = client.until(lambda event: event["type"] == "message" and event["seq"] == 2_000 + FLOOD)
            assert seqs_of(events) == seqs_of(receipts)
            assert [(event["id"], event["time"]) for event in messages_of(events)] == [
                (event["id"], event["time"]) for event in receipts
            ]
            client.settled()
            speaker.say("hall", "live again")
            (live,) = messages_of(client.settled())
            assert (live["message"], "replayed" in live) == ("live again", False)


def test_who_reads_slowly_is_in_time_again_when_the_flood_ends(busy: ServerProcess) -> None:
    """It reads a little while everybody else reads everything, and falls behind more than once."""
    with person(busy.port, "fast", "brook") as fast, person(busy.port, "slow", "brook", receive_buffer=4_096) as slow:
        seen: list[Event] = []
        for start in range(0, 15_000, 1_500):
            fast.send_bytes(said("brook", ["y" * 300] * 1_500, f"{start}-"))
            fast.settled()
            seen += [slow.receive() for _ in range(200)]
        fast.say("brook", "the last")
        seen += slow.until(lambda event: event.get("message") == "the last")
        assert seqs_of(seen) == list(range(1, 15_002))


def test_pongs_and_receipts_stay_in_order_for_who_reads_late(busy: ServerProcess) -> None:
    """It asks more than fits on the way and reads nothing: the server waits with it, and with nobody else."""
    with person(busy.port, "late", "dock", receive_buffer=4_096) as late, person(busy.port, "prompt", "dock") as prompt:
        data = b"".join(
            frame({"type": "say", "id": f"n{n}", "room": "dock", "message": "z" * 500})
            + frame({"type": "ping", "data": [n, "p" * 3_000]})
            for n in range(3_000)
        )
        asked = late.send_until_stuck(data)
        started = time.monotonic()
        prompt.say("dock", "not delayed")
        assert time.monotonic() - started < 1
        with ThreadPoolExecutor(1) as pool:
            rest = pool.submit(late.socket.sendall, data[asked:])
            events = late.until(lambda event: event["type"] == "pong" and event["data"][0] == 2_999)
            rest.result()
        receipted = -1
        for event in events:
            if event.get("username") == "late":
                receipted += 1
                assert (event["type"], event["id"]) == ("message", f"n{receipted}")
            elif event["type"] == "pong":
                assert event["data"][0] <= receipted
        assert [event["data"][0] for event in events if event["type"] == "pong"] == list(range(3_000))


def test_who_asks_without_end_and_reads_nothing_costs_little(busy: ServerProcess) -> None:
    with (
        person(busy.port, "greedy", "attic", receive_buffer=4_096) as greedy,
        person(busy.port, "calm", "attic") as calm,
    ):
        flood(calm, "attic", 1_000, "w" * 1_000)
        before = busy.memory()
        greedy.send_until_stuck(frame({"type": "history", "room": "attic", "limit": 200}) * 200_000)
        started = time.monotonic()
        calm.say("attic", "not delayed")
        assert time.monotonic() - started < 1
        assert busy.memory() - before < 20 * MIB


def test_joins_without_end_from_who_reads_nothing_cost_little(busy: ServerProcess) -> None:
    with person(busy.port, "keen", receive_buffer=4_096) as keen, person(busy.port, "cool", "cellar") as cool:
        flood(cool, "cellar", 1_000, "w" * 1_000)
        before = busy.memory()
        keen.send_until_stuck(frame({"type": "join", "room": "cellar", "since": 0}) * 200_000)
        cool.say("cellar", "not delayed")
        assert busy.memory() - before < 20 * MIB


def test_a_member_that_never_reads_does_not_keep_others_from_leaving_and_coming(busy: ServerProcess) -> None:
    with person(busy.port, "deaf", "lane", receive_buffer=4_096), person(busy.port, "talker", "lane") as talker:
        flood(talker, "lane", 5_000, "u" * 500)
        for n in range(20):
            with person(busy.port, f"visitor{n}", "lane") as visitor:
                visitor.send("bye")
        started = time.monotonic()
        talker.ask("rooms")
        assert time.monotonic() - started < 1
