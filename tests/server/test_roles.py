"""Roles as strangers see them: what a moderator does, and what those see to whom it is done, over the wire."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from chatroom.messages import Role
from chatroom.server.accounts import Accounts
from chatroom.server.store.sqlite import SqliteStore
from tests.server.processes import ServerProcess
from tests.server.wire_client import MADE, Event, WireClient, fresh

PASSWORD = "correct horse battery"
ROLES: tuple[Role, ...] = ("guest", "member", "moderator", "admin")


def prepared(data: Path, **roles: Role) -> None:
    """Accounts that are there before the server starts, as its operator makes them."""
    data.mkdir(exist_ok=True)
    with closing(SqliteStore(data / "chatroom.db")) as store:
        for name, role in roles.items():
            Accounts(store.people).add(name, PASSWORD, role, 1)


class Office(NamedTuple):
    """A server, and a session of each account: nobody has to wait for a hashing."""

    port: int
    sessions: dict[str, str]

    def enter(self, name: str, *rooms: str, session: str = "") -> WireClient:
        client = WireClient(self.port)
        session = session or self.sessions.get(name, "")
        client.hello(name, **({"session": session} if session else {}))
        for room in rooms:
            client.join(room)
        return client

    def of_role(self, role: Role, whose: str, *rooms: str) -> WireClient:
        return self.enter(fresh("guest") if role == "guest" else f"{whose}-{role}", *rooms)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    data = tmp_path_factory.mktemp("office")
    accounts: dict[str, Role] = {f"{whose}-{role}": role for whose in ("actor", "target") for role in ROLES[1:]}
    prepared(data, **accounts)
    with ServerProcess("--data", str(data), "--rate", "off", "--durability", "process") as process:
        sessions = {}
        for name in accounts:
            with WireClient(process.port) as client:
                sessions[name] = client.hello(name, password=PASSWORD)["session"]
        MADE.clear()
        yield Office(process.port, sessions)


# For each command the roles that may do it at all. Nobody does it to somebody of their own rank or higher.
MAY: dict[str, tuple[Role, ...]] = {
    "kick": ("moderator", "admin"),
    "mute": ("moderator", "admin"),
    "ban": ("moderator", "admin"),
    "delete": ("moderator", "admin"),
    "role": ("admin",),
    "edit": (),
}
SAME = {f"target-{role}": role for role in ROLES}
"""The role that a target has already: so one who is given it stays who it is."""
ASK: dict[str, Callable[[WireClient, str, str], Event]] = {
    "kick": lambda actor, room, name: actor.ask("kick", username=name, room=room),
    "mute": lambda actor, room, name: actor.ask("mute", username=name, room=room, seconds=1),
    "ban": lambda actor, room, name: actor.ask("ban", username=name, seconds=1),
    "delete": lambda actor, room, name: actor.ask("delete", room=room, seq=1),
    "role": lambda actor, room, name: actor.ask("role", username=name, role=SAME.get(name, "member")),
    "edit": lambda actor, room, name: actor.ask("edit", room=room, seq=1, message="otherwise"),
}
DONE = {"delete": "deleted", "edit": "edited"}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("command", MAY)
def test_every_command_by_every_role_on_every_role(office: Office, command: str, role: Role) -> None:
    for target_role in ROLES:
        room = fresh("room")
        with office.of_role(target_role, "target", room) as target, office.of_role(role, "actor", room) as actor:
            target.say(room, "mine")
            answer = ASK[command](actor, room, target.username)
            is_allowed = role in MAY[command] and ROLES.index(role) > ROLES.index(target_role)
            if is_allowed and command == "ban":
                assert target.rest()[-1]["code"] == "banned"
                office.enter("actor-admin").ask("unban", username=target.username)
            if is_allowed and (command, target_role) == ("role", "guest"):
                assert answer["code"] == "no_such_user", "it has no account that could have a role"
            else:
                assert answer.get("code", answer["type"]) == (DONE.get(command, "ok") if is_allowed else "forbidden")


def test_who_is_kicked_from_a_room_is_told_with_everybody_and_may_come_again(office: Office) -> None:
    room = fresh("room")
    mod, bob, eve = (
        office.enter("actor-moderator", room),
        office.enter(fresh("bob"), room),
        office.enter(fresh("eve"), room),
    )
    assert mod.ask("kick", username=bob.username, room=room, reason="too loud")["type"] == "ok"
    for client in (bob, eve):
        left = client.until_type("left")[-1]
        assert (left["room"], left["username"]) == (room, bob.username)
        assert left["reason"] == "kicked by actor-moderator: too loud"
    assert bob.say(room, "hey")["code"] == "not_joined"
    assert bob.join(room)[0]["type"] == "room"


def test_who_is_kicked_out_is_told_why_and_its_name_is_free_at_once(office: Office) -> None:
    room, name = fresh("room"), fresh("bob")
    mod, bob = office.enter("actor-moderator", room), office.enter(name, room)
    assert mod.ask("kick", username=name.upper(), reason="enough")["type"] == "ok"
    assert mod.ask("who", room=room)["members"] == ["actor-moderator"]
    assert office.enter(name, room).username == name
    last = bob.rest()[-1]
    assert (last["type"], last["code"], last["fatal"]) == ("error", "kicked", True)
    assert last["text"] == "You were kicked by actor-moderator: enough."


def test_who_is_muted_reads_on_and_is_told_how_long(office: Office) -> None:
    room = fresh("room")
    mod, bob = office.enter("actor-moderator", room), office.enter(fresh("bob"), room)
    assert mod.ask("mute", username=bob.username, room=room, seconds=600)["type"] == "ok"
    notice = bob.until_type("notice")[-1]
    assert notice["text"] == f"actor-moderator muted you in {room} for 10 minutes."
    assert bob.say(room, "hey")["code"] == "muted"
    mod.say(room, "calm down")
    assert bob.until_type("message")[-1]["message"] == "calm down"
    assert mod.ask("unmute", username=bob.username, room=room)["type"] == "ok"
    assert bob.say(room, "thank you")["type"] == "message"


def test_who_is_banned_is_ended_and_stays_out_until_an_admin_lifts_it(office: Office) -> None:
    mod, bob = office.enter("actor-moderator"), office.enter(fresh("bob"))
    assert mod.ask("ban", username=bob.username, seconds=2 * 86_400, reason="spam")["type"] == "ok"
    assert bob.rest()[-1]["code"] == "banned"
    client = WireClient(office.port)
    client.send("hello", protocol=1, username=bob.username.upper(), session=bob.session)
    [error] = client.rest()
    assert (error["code"], error["fatal"]) == ("banned", True)
    assert error["text"].startswith("You are banned from this server until ")
    assert error["text"].endswith(": spam.")
    assert mod.ask("unban", username=bob.username)["code"] == "forbidden"
    assert office.enter("actor-admin").ask("unban", username=bob.username)["type"] == "ok"
    assert office.enter(bob.username, session=bob.session).username == bob.username


def test_an_address_is_banned_and_who_has_a_rank_there_stays(office: Office) -> None:
    """All of them come from one address here."""
    admin, mod, bob = office.enter("actor-admin"), office.enter("actor-moderator"), office.enter(fresh("bob"))
    assert mod.ask("ban", address="127.0.0.1", reason="a flood")["type"] == "ok"
    try:
        assert bob.rest()[-1]["code"] == "banned"
        client = WireClient(office.port)
        client.send("hello", protocol=1, username=fresh("eve"))
        assert client.rest()[0]["code"] == "banned"
    finally:
        assert admin.ask("unban", address="::ffff:127.0.0.1")["type"] == "ok"
    assert mod.settled() == []
    assert office.enter(fresh("eve")).session


def test_another_role_holds_at_once(office: Office) -> None:
    room = fresh("room")
    admin, member = office.enter("actor-admin", room), office.enter("target-member", room)
    assert member.ask("topic", room=room, topic="plans")["code"] == "forbidden"
    assert admin.ask("role", username="target-member", role="moderator")["type"] == "ok"
    assert "a moderator" in member.until_type("notice")[-1]["text"]
    assert member.ask("topic", room=room, topic="plans")["type"] == "topic"
    assert admin.ask("role", username="target-member", role="member")["type"] == "ok"
    assert member.ask("topic", room=room, topic="other plans")["code"] == "forbidden"


def test_only_the_invited_come_into_a_private_room_or_know_of_it(office: Office) -> None:
    room = fresh("room")
    ada, bob, eve = office.enter(fresh("ada"), room), office.enter(fresh("bob"), room), office.enter(fresh("eve"))
    ada.say(room, "a surprise for eve")
    assert bob.ask("access", room=room, private=True)["code"] == "forbidden"
    assert ada.ask("access", room=room, private=True)["type"] == "ok"
    assert eve.ask("join", room=room)["code"] == "forbidden"
    assert eve.ask("who", room=room)["code"] == "no_such_room"
    assert room not in [info["room"] for info in eve.ask("rooms")["rooms"]]
    assert eve.ask("search", query="surprise")["messages"] == []
    assert ada.ask("invite", room=room, username=eve.username)["type"] == "ok"
    assert room in eve.until_type("notice")[-1]["text"]
    assert eve.ask("who", room=room)["members"] == sorted([ada.username, bob.username])
    assert [event["type"] for event in eve.join(room)] == ["room", "message", "live"]
    assert ada.ask("access", room="lobby", private=True)["code"] in ("forbidden", "not_joined")


def test_only_a_moderator_who_may_learns_whether_somebody_is_there(office: Office) -> None:
    bob, nobody = office.enter(fresh("bob")), fresh("nobody")
    for name in (bob.username, nobody):
        assert office.enter("actor-member").ask("kick", username=name)["code"] == "forbidden"
    assert office.enter("actor-moderator").ask("kick", username=nobody)["code"] == "no_such_user"
