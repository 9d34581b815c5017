"""PROTOCOL parts 3 and 4: each request, its answer, and what the members of the answer mean."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.server.conftest import Enter, Stranger
from tests.server.processes import ServerProcess
from tests.server.wire_client import Event, WireClient, frame, fresh, messages_of, person, said, seqs_of, texts_of


def fill(client: WireClient, room: str, count: int) -> None:
    """Says so many things: "0", "1", ..."""
    client.send_bytes(said(room, map(str, range(count)), fresh("fill") + "-"))
    client.settled()


# ------------------------------------------------------------------------------------------------------------- hello


def test_hello_is_answered_by_a_welcome_with_all_its_members(stranger: Stranger) -> None:
    name = fresh("ada")
    welcome = stranger().hello(name, agent="tests/1", id="h")
    assert welcome.keys() == {"type", "protocol", "server", "username", "session", "role", "limits", "time", "id"}
    assert (welcome["protocol"], welcome["server"], welcome["username"]) == (1, "chatroom", name)
    assert welcome["role"] == "guest"
    assert len(welcome["session"]) >= 22
    assert welcome["limits"].keys() == {"frame", "message", "rate"}
    assert (welcome["limits"]["frame"], welcome["limits"]["message"]) == (65_536, 4_000)
    assert abs(welcome["time"] - time.time() * 1_000) < 5_000


def test_another_version_of_the_protocol_is_refused(stranger: Stranger) -> None:
    for version in (0, 2, -1):
        client = stranger()
        client.send("hello", protocol=version, username=fresh("ada"))
        assert [(event["code"], event["fatal"]) for event in client.rest()] == [("protocol", True)]


def test_a_name_in_use_is_refused_and_a_free_one_is_suggested(enter: Enter, stranger: Stranger) -> None:
    ada, rival = enter(), stranger()
    rival.send("hello", protocol=1, username=ada.username, id="r")
    (error,) = rival.rest()
    assert (error["code"], error["fatal"], error["id"]) == ("name_taken", True, "r")
    suggested = set(re.findall(r"[\w.-]*\w", error["text"])) - {ada.username}
    free = [name for name in suggested if name.startswith(ada.username[:3])]
    assert len(free) == 1
    assert stranger().hello(free[0])["username"] == free[0]


def test_a_free_name_is_suggested_also_for_the_longest_name(stranger: Stranger) -> None:
    name = fresh("n" * 32)[-32:].lstrip("-")
    name = name.rjust(32, "n")
    stranger().hello(name)
    rival = stranger()
    rival.send("hello", protocol=1, username=name)
    (error,) = rival.rest()
    (free,) = set(re.findall(r"n{4,}[\w.-]*\w", error["text"])) - {name}
    assert stranger().hello(free)["username"] == free


def test_a_name_is_free_again_once_its_holder_has_left(enter: Enter, stranger: Stranger, room: str) -> None:
    watcher, ada = enter(room), enter(room)
    ada.close()
    watcher.until_type("left")
    assert stranger().hello(ada.username)["username"] == ada.username


def test_a_name_is_free_again_once_its_holder_has_said_bye_and_seen_the_end(enter: Enter, stranger: Stranger) -> None:
    ada = enter()
    ada.send("bye")
    ada.rest()
    assert stranger().hello(ada.username)["username"] == ada.username


def test_each_session_is_a_secret_of_its_own(enter: Enter) -> None:
    assert len({enter().session for _ in range(20)}) == 20


# -------------------------------------------------------------------------------------------------------------- join


def test_a_join_brings_the_room_then_the_messages_then_live(enter: Enter, room: str) -> None:
    ada, bob = enter(room), enter()
    fill(ada, room, 3)
    events = bob.join(room)
    assert [event["type"] for event in events] == ["room", "message", "message", "message", "live"]
    assert seqs_of(events) == [1, 2, 3]
    assert all(event["replayed"] is True for event in messages_of(events))
    assert events[-1] == {"type": "live", "room": room, "seq": 3}


def test_the_room_has_all_its_members(enter: Enter, room: str) -> None:
    ada = enter(room)
    fill(ada, room, 3)
    ada.ask("topic", room=room, topic="work")
    first = enter().join(room, id="j")[0]
    assert first.keys() >= {"room", "epoch", "topic", "members", "first", "last", "since"}
    assert (first["room"], first["topic"], first["first"], first["last"], first["since"]) == (room, "work", 1, 3, 0)
    assert first["epoch"]
    assert not first.get("gap")
    assert not first.get("reset")
    assert first["id"] == "j"


def test_the_members_are_sorted_and_include_the_newcomer(stranger: Stranger, room: str) -> None:
    mark = fresh("s")
    names = [f"{start}{mark}" for start in ("b", "Z", "a", "ä", "0")]
    members: list[str] = []
    for name in names:
        client = stranger()
        client.hello(name)
        members = client.join(room)[0]["members"]
    assert members == sorted(names)


def test_an_empty_room_holds_nothing(enter: Enter, room: str) -> None:
    events = enter().join(room)
    assert [event["type"] for event in events] == ["room", "live"]
    assert (events[0]["first"], events[0]["last"], events[0]["since"], events[1]["seq"]) == (0, 0, 0, 0)


@pytest.mark.parametrize(("recent", "count"), [(None, 50), (0, 0), (1, 1), (7, 7), (500, 500)])
def test_a_join_brings_as_many_recent_messages_as_it_asks_for(
    enter: Enter, room: str, recent: int | None, count: int
) -> None:
    fill(enter(room), room, 510)
    events = enter().join(room, **({} if recent is None else {"recent": recent}))
    assert seqs_of(events) == list(range(511 - count, 511))
    assert events[0]["since"] == 510 - count


def test_a_join_brings_all_there_are_if_they_are_fewer(enter: Enter, room: str) -> None:
    fill(enter(room), room, 3)
    assert seqs_of(enter().join(room, recent=500)) == [1, 2, 3]


def test_more_than_500_recent_messages_are_refused_or_not_given(enter: Enter, room: str) -> None:
    ada = enter()
    error = ada.ask("join", room=room, recent=501)
    assert (error["type"], error["code"], error["fatal"]) == ("error", "bad_request", False)


@pytest.mark.parametrize("since", [0, 1, 4, 5])
@pytest.mark.parametrize("with_epoch", [True, False])
def test_a_join_with_since_brings_what_came_after_it(enter: Enter, room: str, since: int, with_epoch: bool) -> None:
    ada, bob = enter(), enter()
    epoch = ada.join(room)[0]["epoch"]
    fill(ada, room, 5)
    events = bob.join(room, since=since, **({"epoch": epoch} if with_epoch else {}))
    assert seqs_of(events) == list(range(since + 1, 6))
    assert (events[0]["since"], events[0]["epoch"], events[-1]["seq"]) == (since, epoch, 5)
    assert not events[0].get("gap")
    assert not events[0].get("reset")


def test_since_brings_more_than_500(enter: Enter, room: str) -> None:
    fill(enter(room), room, 1_500)
    assert seqs_of(enter().join(room, since=10)) == list(range(11, 1_501))


def test_a_join_with_another_epoch_is_reset_and_brings_the_recent_ones(enter: Enter, room: str) -> None:
    fill(enter(room), room, 60)
    events = enter().join(room, since=58, epoch="another")
    assert events[0]["reset"] is True
    assert events[0]["since"] == 10
    assert seqs_of(events) == list(range(11, 61))


def test_a_reset_brings_as_many_recent_ones_as_were_asked_for(enter: Enter, room: str) -> None:
    fill(enter(room), room, 20)
    events = enter().join(room, since=19, epoch="another", recent=3)
    assert events[0]["reset"] is True
    assert seqs_of(events) == [18, 19, 20]


def test_a_room_that_is_made_again_has_a_new_epoch(enter: Enter, room: str) -> None:
    ada = enter()
    first = ada.join(room)[0]["epoch"]
    ada.ask("leave", room=room)
    assert ada.join(room)[0]["epoch"] != first
    assert enter().join(fresh("room"))[0]["epoch"] != first


def test_the_epoch_is_the_same_for_all_and_does_not_change(enter: Enter, room: str) -> None:
    ada = enter()
    epochs = {ada.join(room)[0]["epoch"]}
    ada.say(room, "x")
    ada.ask("leave", room=room)
    assert epochs | {ada.join(room)[0]["epoch"], enter().join(room)[0]["epoch"]} == epochs


def test_those_in_the_room_see_who_joins(enter: Enter, room: str) -> None:
    ada, bob = enter(room), enter(room)
    assert ada.settled() == [{"type": "joined", "room": room, "username": bob.username}]


def test_a_second_join_answers_again_and_is_no_news_to_others(enter: Enter, room: str) -> None:
    ada, bob = enter(room), enter(room)
    fill(bob, room, 3)
    ada.settled()
    assert seqs_of(bob.join(room, since=1)) == [2, 3]
    assert ada.settled() == []
    ada.say(room, "live")
    assert texts_of(bob.settled()) == ["live"]


# ------------------------------------------------------------------------------------------------------------- leave


def test_a_leave_is_answered_by_left_and_seen_by_the_others(enter: Enter, room: str) -> None:
    ada, bob = enter(room), enter(room)
    left = bob.ask("leave", room=room)
    assert (left["type"], left["room"], left["username"]) == ("left", room, bob.username)
    (seen,) = [event for event in ada.settled() if event["type"] == "left"]
    assert (seen["room"], seen["username"]) == (room, bob.username)
    assert isinstance(seen["reason"], str)
    assert seen.get("id") is None


def test_who_has_left_gets_nothing_more_of_the_room(enter: Enter, room: str) -> None:
    ada, bob = enter(room), enter(room)
    bob.ask("leave", room=room)
    ada.say(room, "gossip")
    assert bob.settled() == []
    assert bob.say(room, "may I?")["code"] == "not_joined"


@pytest.mark.alone
@pytest.mark.parametrize("end", ["bye", "close", "reset"])
def test_those_in_the_room_see_who_goes_however_it_goes(enter: Enter, room: str, end: str) -> None:
    ada, bob = enter(room), enter(room)
    started = time.monotonic()
    bob.send("bye") if end == "bye" else getattr(bob, end)()
    left = ada.until_type("left")[-1]
    assert (left["username"], left["room"]) == (bob.username, room)
    assert left["reason"]
    assert time.monotonic() - started < 1
    assert ada.ask("who", room=room)["members"] == [ada.username]


def test_leaving_a_room_one_is_not_in_is_an_error(enter: Enter, room: str) -> None:
    ada = enter()
    enter(room)
    assert ada.ask("leave", room=room)["code"] == "not_joined"
    assert ada.ask("leave", room=fresh("nowhere"))["code"] in ("no_such_room", "not_joined")


# --------------------------------------------------------------------------------------------------------------- say


def test_what_is_said_goes_to_all_its_sender_included_and_the_echo_is_the_receipt(enter: Enter, room: str) -> None:
    ada, bob = enter(room), enter(room)
    receipt = bob.say(room, "hello", "the id")
    assert receipt.keys() == {"type", "room", "seq", "time", "username", "message", "id"}
    assert (receipt["room"], receipt["seq"], receipt["username"]) == (room, 1, bob.username)
    assert (receipt["message"], receipt["id"]) == ("hello", "the id")
    assert messages_of(ada.settled()) == [receipt]


def test_an_action_says_so_and_a_plain_text_need_not(enter: Enter, room: str) -> None:
    ada = enter(room)
    assert ada.say(room, "waves", kind="action")["kind"] == "action"
    assert ada.say(room, "hello", kind="text").get("kind", "text") == "text"
    replayed = messages_of(enter().join(room))
    assert [event.get("kind", "text") for event in replayed] == ["action", "text"]


def test_a_reply_names_the_message_it_answers(enter: Enter, room: str) -> None:
    ada = enter(room)
    ada.say(room, "question")
    assert ada.say(room, "answer", reply_to=1)["reply_to"] == 1
    assert messages_of(enter().join(room))[1]["reply_to"] == 1
    assert "reply_to" not in messages_of(enter().join(room))[0]


def test_a_reply_to_what_is_not_there_is_an_error(enter: Enter, room: str) -> None:
    ada = enter(room)
    error = ada.say(room, "answer", reply_to=99)
    assert (error["type"], error["code"], error["fatal"]) == ("error", "no_such_message", False)


def test_nobody_speaks_in_a_room_without_being_in_it(enter: Enter, room: str) -> None:
    ada, bob = enter(room), enter()
    assert bob.say(room, "psst")["code"] == "not_joined"
    assert bob.say(fresh("nowhere"), "psst")["code"] in ("no_such_room", "not_joined")
    assert bob.say("not a name!", "psst")["code"] == "bad_name"
    assert messages_of(ada.settled()) == []


def test_errors_and_receipts_of_one_read_match_their_requests(enter: Enter, room: str) -> None:
    ada = enter(room)
    texts = ["good", "", "also good", "x" * 4_001, "the last"]
    ada.send_bytes(said(room, texts))
    answers = {event["id"]: event.get("code", "said") for event in ada.settled()}
    assert answers == {"m0": "said", "m1": "empty_message", "m2": "said", "m3": "too_long", "m4": "said"}
    assert texts_of(enter().join(room)) == ["good", "also good", "the last"]


# ----------------------------------------------------------------------------------------------------------- history


@pytest.mark.parametrize(
    ("members", "seqs", "more"),
    [
        ({"before": 5}, [1, 2, 3, 4], False),
        ({"before": 5, "limit": 2}, [3, 4], True),
        ({"before": 1}, [], False),
        ({"before": 3, "limit": 2}, [1, 2], False),
        ({"after": 17}, [18, 19, 20], False),
        ({"after": 5, "limit": 3}, [6, 7, 8], True),
        ({"after": 17, "limit": 3}, [18, 19, 20], False),
        ({"after": 20}, [], False),
        ({"after": 0, "limit": 200}, list(range(1, 21)), False),
        ({"before": 1_000_000, "limit": 1}, [20], True),
        ({"limit": 2}, [19, 20], True),
    ],
    ids=str,
)
def test_history_is_a_page_in_order_and_says_whether_there_is_more_on_that_side(
    enter: Enter, room: str, members: dict[str, object], seqs: list[int], more: bool
) -> None:
    ada = enter(room)
    fill(ada, room, 20)
    page = ada.ask("history", room=room, **members)
    assert (page["type"], page["room"]) == ("history", room)
    assert [message["seq"] for message in page["messages"]] == seqs
    assert page["more"] is more


def test_the_messages_of_a_page_are_whole(enter: Enter, room: str) -> None:
    ada = enter(room)
    receipt = ada.say(room, "hello", kind="action")
    (message,) = ada.ask("history", room=room)["messages"]
    assert {key: message.get(key) for key in receipt if key != "type"} == {
        key: value for key, value in receipt.items() if key != "type"
    }


@pytest.mark.parametrize("text", ["😀", "\n", '"', "x"], ids=ascii)
@pytest.mark.parametrize("forwards", [True, False], ids=["forwards", "backwards"])
def test_a_page_of_long_messages_fits_a_frame_and_all_pages_together_are_everything(
    enter: Enter, room: str, text: str, forwards: bool
) -> None:
    ada = enter(room)
    ada.send_bytes(said(room, [text * 4_000] * 200, fresh("long") + "-"))
    ada.settled()
    seen: list[int] = []
    more = True
    while more:
        edge = {"after": seen[-1] if seen else 0} if forwards else {"before": seen[0] if seen else 201}
        page = ada.ask("history", room=room, limit=200, **edge)  # the client refuses a frame of more than 1 MiB
        seqs = [message["seq"] for message in page["messages"]]
        assert seqs
        seen = seen + seqs if forwards else seqs + seen
        more = page["more"]
    assert seen == list(range(1, 201))


def test_a_long_history_is_replayed_in_frames_that_a_client_may_expect(enter: Enter, room: str) -> None:
    ada = enter(room)
    ada.send_bytes(said(room, ["😀" * 4_000] * 300, fresh("long") + "-"))
    ada.settled()
    assert seqs_of(enter().join(room, since=0)) == list(range(1, 301))


def test_history_of_a_room_that_is_not_there_is_an_error(enter: Enter) -> None:
    assert enter().ask("history", room=fresh("nowhere"))["code"] in ("no_such_room", "not_joined")


# -------------------------------------------------------------------------------------------------- who, rooms, topic


def test_who_is_answered_by_the_members_sorted(enter: Enter, room: str) -> None:
    people = [enter(room).username for _ in range(3)]
    answer = enter().ask("who", room=room)
    assert (answer["type"], answer["room"], answer["members"]) == ("members", room, sorted(people))


def test_rooms_lists_the_rooms_there_are(enter: Enter, room: str) -> None:
    ada = enter(room)
    enter(room)
    ada.say(room, "x")
    answer = ada.ask("rooms")
    assert answer["type"] == "rooms"
    assert {"lobby", room} <= {entry["room"] for entry in answer["rooms"]}


def test_a_topic_goes_to_all_and_newcomers_find_it(enter: Enter, room: str) -> None:
    ada, bob = enter(room), enter(room)
    answer = ada.ask("topic", room=room, topic="the topic")
    assert (answer["type"], answer["room"], answer["topic"]) == ("topic", room, "the topic")
    (seen,) = [event for event in bob.settled() if event["type"] == "topic"]
    assert (seen["topic"], seen["username"], seen.get("id")) == ("the topic", ada.username, None)
    assert enter().join(room)[0]["topic"] == "the topic"


def test_a_topic_holds_no_control_characters(enter: Enter, room: str) -> None:
    assert "\x1b" not in enter(room).ask("topic", room=room, topic="a\x1b[2Jb")["topic"]


def test_nobody_sets_the_topic_of_a_room_without_being_in_it(enter: Enter, room: str) -> None:
    enter(room)
    assert enter().ask("topic", room=room, topic="x")["code"] in ("not_joined", "forbidden")


# --------------------------------------------------------------------------------------------------------- ping, bye


@pytest.mark.parametrize(
    "data", ["x", "", 0, -1.5, 12345678901234567890, True, None, [], [1, [2]], {"a": {"b": None}}, "😀\n\x00"], ids=repr
)
def test_a_pong_carries_the_same_data(enter: Enter, data: object) -> None:
    ada = enter()
    ada.send("ping", data=data)
    pong = ada.receive()
    assert "data" in pong
    assert pong == {"type": "pong", "data": data}


def test_a_pong_to_a_ping_without_data_has_none(enter: Enter) -> None:
    ada = enter()
    ada.send("ping")
    assert ada.receive() == {"type": "pong"}


def test_a_pong_comes_behind_all_answers_to_what_was_asked_before(enter: Enter, room: str) -> None:
    ada = enter(room)
    for n in range(50):
        id = fresh("asked")
        ada.send_bytes(
            frame({"type": "say", "id": f"{id}-1", "room": room, "message": "a"})
            + frame({"type": "history", "id": f"{id}-2", "room": room})
            + frame({"type": "say", "id": f"{id}-3", "room": room, "message": "b"})
            + frame({"type": "say", "id": f"{id}-3", "room": room, "message": "b"})
            + frame({"type": "say", "id": f"{id}-4", "room": room, "message": ""})
            + frame({"type": "ping", "data": n})
        )
        ids = [event.get("id") for event in ada.until_type("pong")[:-1]]
        assert sorted(map(str, ids)) == [f"{id}-1", f"{id}-2", f"{id}-3", f"{id}-3", f"{id}-4"]


def test_a_pong_waits_also_for_what_another_thread_stores(enter: Enter, room: str) -> None:
    """Whoever comes first hands out for all: the pong of another must not overtake what is still on its way."""
    people = [enter(room) for _ in range(6)]

    def say_and_ping(client: WireClient) -> None:
        for n in range(100):
            client.send_bytes(said(room, [f"{n}"], f"{n}-") + frame({"type": "ping", "data": n}))
            own = [
                event
                for event in client.until_type("pong")
                if event.get("username", client.username) == client.username
            ]
            assert [event["type"] for event in own] == ["message", "pong"]

    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(say_and_ping, people))


def test_a_history_asked_for_behind_a_say_holds_what_was_said(enter: Enter, room: str) -> None:
    ada = enter(room)
    for n in range(30):
        ada.send("say", id=f"s{n}", room=room, message=str(n))
        assert ada.ask("history", room=room, limit=1)["messages"][0]["message"] == str(n)


def test_after_the_pong_others_have_been_handed_what_was_said(enter: Enter, room: str) -> None:
    ada, bob, eve = enter(room), enter(room), enter(room)
    eve.settled()
    bob.settled()
    for n in range(50):
        ada.send("say", id=f"s{n}", room=room, message=str(n))
        ada.settled()
        assert texts_of(bob.settled()) == [str(n)]
        assert texts_of(eve.settled()) == [str(n)]


def test_bye_is_followed_by_the_end_of_the_stream(enter: Enter, room: str) -> None:
    ada = enter(room)
    ada.send_bytes(said(room, ["my last words"]) + frame({"type": "bye"}))
    events = ada.rest()
    assert texts_of(events) == ["my last words"]
    assert [event["type"] for event in events[1:]] in ([], ["bye"])


def test_what_follows_a_bye_is_not_done(enter: Enter, room: str) -> None:
    ada, bob = enter(room), enter(room)
    ada.send_bytes(frame({"type": "bye"}) + said(room, ["from the grave"]))
    ada.rest()
    assert texts_of(bob.until_type("left")) == []
    assert texts_of(enter().join(room)) == []


# -------------------------------------------------------------------------------------------------------------- seen


def test_seen_has_no_answer_and_comes_back_with_the_room(enter: Enter, stranger: Stranger, room: str) -> None:
    ada, again = enter(room), stranger()
    fill(ada, room, 5)
    ada.send("seen", room=room, seq=3, id="s")
    assert ada.settled() == []
    again.hello(ada.username, session=ada.session)
    assert again.join(room)[0]["seen"] == 3


def test_who_has_read_nothing_is_told_of_nothing(enter: Enter, room: str) -> None:
    fill(enter(room), room, 5)
    ada = enter()
    assert "seen" not in ada.join(room)[0]
    ada.send("seen", room=room, seq=0)
    assert "seen" not in ada.join(room)[0]


def test_nobody_reads_beyond_the_newest_message_nor_back(enter: Enter, room: str) -> None:
    ada = enter(room)
    fill(ada, room, 5)
    for seq, position in ((4, 4), (2, 4), (2**63 - 1, 5), (1, 5)):
        ada.send("seen", room=room, seq=seq)
        assert ada.join(room)[0]["seen"] == position


def test_a_position_is_that_of_one_person_in_one_room(enter: Enter, room: str) -> None:
    ada, bob, other = enter(room), enter(room), fresh("room")
    fill(ada, room, 2)
    ada.join(other)
    fill(ada, other, 2)
    ada.send("seen", room=room, seq=2)
    ada.settled()
    assert "seen" not in bob.join(room)[0]
    assert "seen" not in ada.join(other)[0]


def test_who_takes_a_freed_name_finds_no_position(enter: Enter, stranger: Stranger, room: str) -> None:
    ada = enter(room)
    fill(ada, room, 2)
    ada.send_bytes(frame({"type": "seen", "room": room, "seq": 2}) + frame({"type": "bye"}))
    ada.rest()
    eve = stranger()
    eve.hello(ada.username)
    assert "seen" not in eve.join(room)[0]


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"room": "nowhere", "seq": 1}, "no_such_room"),
        ({"room": "lobby", "seq": 1}, "not_joined"),
        ({"room": "a b", "seq": 1}, "bad_name"),
        ({"room": "lobby"}, "bad_request"),
        ({"room": "lobby", "seq": -1}, "bad_request"),
        ({"room": "lobby", "seq": 2**63}, "bad_request"),
        ({"room": "lobby", "seq": "1"}, "bad_request"),
        ({"seq": 1}, "bad_request"),
    ],
    ids=str,
)
def test_a_seen_that_cannot_be_is_an_error_with_its_id(enter: Enter, members: Event, code: str) -> None:
    error = enter().ask("seen", **members)
    assert (error["type"], error["code"], error["fatal"]) == ("error", code, False)


def test_a_flood_of_seen_is_taken_in_and_only_the_newest_counts(enter: Enter, room: str) -> None:
    ada = enter(room)
    fill(ada, room, 200)
    ada.send_bytes(b"".join(frame({"type": "seen", "room": room, "seq": n % 190}) for n in range(20_000)))
    assert ada.settled() == []
    assert ada.join(room)[0]["seen"] == 189


# ------------------------------------------------------------------------------------------------------------- rates


@pytest.mark.alone
def test_who_speaks_faster_than_the_rate_is_slowed_down_and_loses_nothing() -> None:
    with ServerProcess("--store", "memory:", "--rate", "50") as server:
        ada, bob = WireClient(server.port), person(server.port, "bob", "lobby")
        assert ada.hello("ada")["limits"]["rate"] == 50
        ada.join("lobby")
        started = time.monotonic()
        ada.send_bytes(said("lobby", map(str, range(150))))
        bob.say("lobby", "I am not slowed down")
        assert time.monotonic() - started < 0.5
        texts = texts_of(ada.settled())
        assert [text for text in texts if text.isdigit()] == [str(n) for n in range(150)]
        assert 0.5 < time.monotonic() - started < 5


def test_one_who_is_slowed_down_keeps_nobody_from_ending_the_server() -> None:
    with ServerProcess("--store", "memory:", "--rate", "1") as server:
        ada = person(server.port, "ada", "lobby")
        ada.send_bytes(said("lobby", ["x"] * 100))
        ada.until_type("message")
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 5
        assert ada.rest()[-1]["type"] == "bye"
