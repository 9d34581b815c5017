"""PROTOCOL part 5, points 1 to 6: one order without a hole, stored before shown, each id once, nothing lost on joining.

What slow readers cost stands in test_slow_readers.py; what a kill leaves, in test_kill.py; what time takes, in
test_waiting.py.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.server.conftest import Enter, Stranger
from tests.server.processes import ServerProcess
from tests.server.wire_client import Event, WireClient, frame, fresh, messages_of, said, seqs_of, texts_of

SENDERS = 8
EACH = 200


def together(*jobs: Callable[[], object]) -> None:
    """Does the jobs at the same moment, each in a thread; what one raises is raised here."""
    barrier = threading.Barrier(len(jobs))

    def do(job: Callable[[], object]) -> None:
        barrier.wait()
        job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        for future in [pool.submit(do, job) for job in jobs]:
            future.result()


def speak(client: WireClient, room: str, events: list[Event], prefix: str) -> None:
    """Says EACH things, some alone and some many at a time, and keeps what comes."""
    for start in range(0, EACH, 20):
        texts = [f"{prefix} {n}" for n in range(start, start + 20)]
        says = [frame({"type": "say", "id": f"{prefix}-{text}", "room": room, "message": text}) for text in texts]
        for data in says if start % 40 else [b"".join(says)]:
            client.send_bytes(data)
        events += client.settled()


# ------------------------------------------------------------------------------------------------- 1. one order for all


def test_everybody_is_sent_the_same_messages_in_one_order_without_a_hole(enter: Enter, room: str) -> None:
    clients = [enter(room) for _ in range(SENDERS)]
    heard: list[list[Event]] = [client.settled()[:0] for client in clients]
    together(*(partial(speak, client, room, heard[n], str(n)) for n, client in enumerate(clients)))
    for n, client in enumerate(clients):
        heard[n] += client.settled()
    assert seqs_of(heard[0]) == list(range(1, SENDERS * EACH + 1))
    for events in heard:
        assert messages_of(events) == messages_of(heard[0])


def test_what_one_person_says_keeps_its_order(enter: Enter, room: str) -> None:
    clients = [enter(room) for _ in range(4)]
    heard: list[list[Event]] = [[] for _ in clients]
    together(*(partial(speak, client, room, heard[n], str(n)) for n, client in enumerate(clients)))
    texts = texts_of(enter().join(room, since=0))
    for n in range(4):
        assert [text for text in texts if text.startswith(f"{n} ")] == [f"{n} {k}" for k in range(EACH)]


def test_each_room_has_numbers_of_its_own(enter: Enter) -> None:
    one, other = fresh("room"), fresh("room")
    ada = enter(one, other)
    assert [ada.say(room, "x")["seq"] for room in (one, other, one, other, other)] == [1, 1, 2, 2, 3]


def test_what_is_refused_takes_no_number(enter: Enter, room: str) -> None:
    ada = enter(room)
    ada.send_bytes(said(room, ["a", "", "b", "x" * 5_000, "c"]))
    assert seqs_of(ada.settled()) == [1, 2, 3]


def test_replayed_and_live_messages_are_the_same_but_for_the_mark(enter: Enter, room: str) -> None:
    ada = enter(room)
    live = [ada.say(room, text) for text in ("x", "😀", "a\nb")]
    assert messages_of(enter().join(room)) == [{**message, "replayed": True} for message in live]


def test_members_of_other_rooms_hear_nothing(enter: Enter, room: str) -> None:
    ada, bob = enter(room), enter(fresh("room"))
    ada.say(room, "not for bob")
    assert bob.settled() == []


# --------------------------------------------------------------------------------------------- 2. stored before shown


def test_what_was_shown_is_in_the_history_at_once(enter: Enter, room: str) -> None:
    people = [enter(room) for _ in range(12)]  # the more are there, the longer handing out takes
    ada, bob = people[0], people[1]
    for n in range(100):
        ada.send("say", id=f"i{n}", room=room, message=str(n))
        shown = bob.until_type("message")[-1]
        assert bob.ask("history", room=room, limit=1)["messages"][0]["seq"] == shown["seq"]


def test_what_was_shown_may_be_replied_to_at_once(enter: Enter, room: str) -> None:
    people = [enter(room) for _ in range(12)]  # the more are there, the longer handing out takes
    ada, bob = people[0], people[1]
    for n in range(100):
        ada.send("say", id=f"i{n}", room=room, message=str(n))
        shown = bob.until(lambda event: event["username"] == ada.username)[-1]
        assert bob.say(room, "indeed", reply_to=shown["seq"]).get("reply_to") == shown["seq"]


# ----------------------------------------------------------------------------------------------------- 3. each id once


def assert_stored(answer: Event, receipt: Event) -> None:
    keys = ("id", "room", "seq", "time")
    assert answer == {"type": "stored"} | {key: receipt[key] for key in keys}


def test_a_second_say_with_the_same_id_adds_nothing_and_gets_stored(enter: Enter, room: str) -> None:
    ada, bob = enter(room), enter(room)
    receipt = ada.say(room, "once", "the id")
    ada.say(room, "between")
    assert_stored(ada.say(room, "once", "the id"), receipt)
    assert texts_of(bob.settled()) == ["once", "between"]
    assert texts_of(enter().join(room)) == ["once", "between"]


def test_a_resend_is_known_also_by_what_is_left_of_its_text(enter: Enter, room: str) -> None:
    ada = enter(room)
    receipt = ada.say(room, "a\x00b\r\n", "the id")
    assert_stored(ada.say(room, "a\x00b\r\n", "the id"), receipt)


def test_a_resend_is_known_by_whatever_form_of_the_rooms_name(enter: Enter, room: str) -> None:
    ada = enter(room)
    receipt = ada.say(room, "x", "the id")
    assert_stored(ada.say(room.upper(), "x", "the id"), receipt)


@pytest.mark.parametrize("text", ["other", "ONCE", "once ", "ｏｎｃｅ"])
def test_the_same_id_with_another_text_is_a_conflict(enter: Enter, room: str, text: str) -> None:
    ada, bob = enter(room), enter(room)
    ada.say(room, "once", "the id")
    error = ada.say(room, text, "the id")
    assert (error["type"], error["code"], error["fatal"]) == ("error", "id_conflict", False)
    assert texts_of(bob.settled()) == ["once"]
    assert ada.say(room, "next")["seq"] == 2


def test_the_same_id_in_another_room_is_a_conflict(enter: Enter, room: str) -> None:
    other = fresh("room")
    ada = enter(room, other)
    ada.say(room, "once", "the id")
    assert ada.say(other, "once", "the id")["code"] == "id_conflict"
    assert texts_of(enter().join(other)) == []


def test_ids_are_compared_exactly(enter: Enter, room: str) -> None:
    ada = enter(room)
    assert [ada.say(room, "x", id)["seq"] for id in ("a", "A", "a ", " a")] == [1, 2, 3, 4]


def test_ids_belong_to_their_owner(enter: Enter, room: str) -> None:
    ada, bob = enter(room), enter(room)
    for client in (ada, bob, ada):
        client.send("say", id="the id", room=room, message="x")
        client.settled()
    assert [(event["username"], event["seq"]) for event in messages_of(enter().join(room))] == [
        (ada.username, 1), (bob.username, 2),
    ]  # fmt: skip


def test_who_takes_a_freed_name_does_not_inherit_its_ids(enter: Enter, room: str) -> None:
    watcher, ada = enter(room), enter(room)
    ada.say(room, "x", "the id")
    ada.close()
    watcher.until_type("left")
    impostor = enter(room, username=ada.username)
    assert impostor.say(room, "x", "the id")["seq"] == 2


def test_repeats_and_conflicts_are_told_within_one_read_too(enter: Enter, room: str) -> None:
    ada = enter(room)
    says = [("a", "first"), ("a", "first"), ("b", "second"), ("a", "changed"), ("b", "second"), ("c", "third")]
    ada.send_bytes(
        b"".join(frame({"type": "say", "id": id, "room": room, "message": text}) for id, text in says)
    )  # fmt: skip
    answers = ada.settled()
    assert sorted((event["id"], event["type"]) for event in answers) == [
        ("a", "error"), ("a", "message"), ("a", "stored"), ("b", "message"), ("b", "stored"), ("c", "message"),
    ]  # fmt: skip
    assert [(event["id"], event["seq"]) for event in messages_of(answers)] == [("a", 1), ("b", 2), ("c", 3)]
    assert texts_of(enter().join(room)) == ["first", "second", "third"]


def test_an_id_in_two_rooms_at_the_same_moment_is_stored_in_one(enter: Enter, room: str) -> None:
    other = fresh("room")
    ada = enter(room, other)
    for n in range(30):
        ada.send_bytes(
            frame({"type": "say", "id": f"i{n}", "room": room, "message": "x"})
            + frame({"type": "say", "id": f"i{n}", "room": other, "message": "x"})
        )
        answers = sorted(event["type"] for event in ada.settled())
        assert answers == ["error", "message"]


def come_back_and_say(old: WireClient, new: WireClient, room: str, say: bytes) -> None:
    new.hello(old.username, session=old.session)
    new.join(room, recent=0)
    new.send_bytes(say)


def test_a_say_and_its_resend_that_race_over_two_connections_are_stored_once(stranger: Stranger, room: str) -> None:
    watcher = stranger()
    watcher.hello(fresh("watcher"))
    watcher.join(room)
    old = stranger()
    old.hello(fresh("racer"))
    old.join(room)
    for n in range(30):
        new = stranger()
        say = frame({"type": "say", "id": f"race{n}", "room": room, "message": f"race {n}"})

        together(partial(old.send_bytes, say), partial(come_back_and_say, old, new, room, say))
        answers = [event for event in new.settled() if event.get("id") == f"race{n}"]
        assert {event["type"] for event in answers} <= {"message", "stored"}
        assert len({event["seq"] for event in answers}) == 1
        old = new
    events = messages_of(watcher.settled())
    assert [event["message"] for event in events] == [f"race {n}" for n in range(30)]


def test_ids_outlive_a_restart(tmp_path: Path) -> None:
    with ServerProcess("--data", str(tmp_path)) as server, WireClient(server.port) as ada:
        ada.hello("ada")
        epoch = ada.join("lobby")[0]["epoch"]
        receipt = ada.say("lobby", "once", "the id")
        ada.ask("topic", room="lobby", topic="kept too")
    with ServerProcess("--data", str(tmp_path)) as server, WireClient(server.port) as again:
        assert again.hello("ada", session=ada.session)["session"] == ada.session
        events = again.join("lobby", since=1, epoch=epoch)
        assert (events[0].get("reset", False), events[0]["topic"], events[0]["last"]) == (False, "kept too", 1)
        assert_stored(again.say("lobby", "once", "the id"), receipt)
        assert again.say("lobby", "changed", "the id")["code"] == "id_conflict"
        assert again.say("lobby", "next")["seq"] == 2


def test_what_was_said_in_one_go_is_known_and_changed_one_by_one_after_a_restart(tmp_path: Path) -> None:
    options = ("--data", str(tmp_path), "--rate", "off")
    texts = [f"number {n}" for n in range(300)]
    with ServerProcess(*options) as server, WireClient(server.port) as ada:
        ada.hello("ada")
        ada.join("lobby")
        ada.send_bytes(said("lobby", texts))
        receipts = messages_of(ada.settled())
        assert [receipt["message"] for receipt in receipts] == texts
    with ServerProcess(*options) as server, WireClient(server.port) as again:
        again.hello("ada", session=ada.session)
        assert texts_of(again.join("lobby", since=0)) == texts
        for n in (0, 9, 10, 150, 299):
            assert_stored(again.say("lobby", texts[n], f"m{n}"), receipts[n])
            assert again.say("lobby", "changed", f"m{n}")["code"] == "id_conflict"
        assert again.ask("edit", room="lobby", seq=151, message="the middle")["seq"] == 301
        assert again.ask("delete", room="lobby", seq=152)["seq"] == 302
        page = again.ask("history", room="lobby", after=148, limit=6)["messages"]
        assert [event.get("message") for event in page] == [*texts[148:150], "the middle", None, *texts[152:154]]
        assert texts_of(again.ask("search", query="number 29", limit=3)["messages"]) == [*reversed(texts[297:])]
        assert_stored(again.say("lobby", texts[150], "m150"), receipts[150])
        assert_stored(again.say("lobby", texts[151], "m151"), receipts[151])


# -------------------------------------------------------------------------------------- 5. nothing lost while one joins


def test_a_join_loses_nothing_between_the_replay_and_the_live_stream(
    enter: Enter, stranger: Stranger, room: str
) -> None:
    """Some speak without a pause; another comes in again and again where it stopped, and leaves no hole."""
    done = threading.Event()

    def chatter() -> None:
        speaker = enter(room)
        n = 0
        while not done.is_set():
            speaker.send_bytes(said(room, map(str, range(n, n + 10)), f"{n}-"))
            speaker.settled()
            n += 10

    def come_and_go() -> None:
        try:
            client = stranger()
            client.hello(fresh("guest"))
            seen, epoch = 0, ""
            for _ in range(150):
                events = client.join(room, since=seen, **({"epoch": epoch} if epoch else {}))
                epoch = events[0]["epoch"]
                live = events[-1]["seq"]
                while events[-1].get("seq", 0) < live + 5:
                    events.append(client.receive())
                assert seqs_of(events) == list(range(seen + 1, events[-1]["seq"] + 1))
                seen = seqs_of(events)[-1]
                client.send("leave", room=room)
                client.settled()
        finally:
            done.set()

    together(chatter, chatter, chatter, come_and_go)


def test_people_who_join_together_while_one_speaks_all_get_everything(enter: Enter, room: str) -> None:
    speaker = enter(room)
    clients = [enter() for _ in range(10)]
    heard: list[list[Event]] = [[] for _ in clients]

    def come(client: WireClient, events: list[Event]) -> None:
        events += client.join(room, since=0)
        if "the last" not in texts_of(events):
            events += client.until(lambda event: event.get("message") == "the last")

    def talk() -> None:
        speak(speaker, room, [], "x")
        speaker.say(room, "the last")

    together(talk, *(partial(come, client, events) for client, events in zip(clients, heard, strict=True)))
    for events in heard:
        assert seqs_of(events) == list(range(1, EACH + 2))


def test_presence_in_the_stream_adds_up_to_the_members(enter: Enter, stranger: Stranger, room: str) -> None:
    """Whoever follows `room`, `joined` and `left` knows at any time who is there."""
    watcher = enter()
    known = set(watcher.join(room)[0]["members"])

    def come_and_go() -> None:
        client = stranger()
        client.hello(fresh("guest"))
        for _ in range(20):
            client.join(room)
            client.ask("leave", room=room)
        client.join(room)

    together(*[come_and_go] * 5)
    for event in watcher.settled():
        if event["type"] == "joined":
            assert event["username"] not in known
            known.add(event["username"])
        elif event["type"] == "left":
            known.remove(event["username"])
    assert sorted(known) == watcher.ask("who", room=room)["members"]
    assert len(known) == 6
