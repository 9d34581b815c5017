"""Who may do what, to whom: every cell of roles x commands x targets, against a table that is written out here."""

import pytest

from chatroom.addresses import ip_of
from chatroom.errors import Refusal
from chatroom.messages import (
    AnyRequest,
    AskRooms,
    Ban,
    Delete,
    Edit,
    Error,
    Found,
    Invite,
    Join,
    Kick,
    Left,
    Mute,
    Notice,
    Ok,
    React,
    Role,
    Rooms,
    Say,
    Search,
    SetAccess,
    SetRole,
    SetTopic,
    Unban,
    Unmute,
    Who,
)
from chatroom.server import duties, rights
from chatroom.server.commands import COSTLY, HANDLERS
from chatroom.server.store.memory import MemoryStore
from tests.support.desks import Office, Visitor, hush
from tests.support.rooms import Aside, only

ROLES: tuple[Role, ...] = ("guest", "member", "moderator", "admin")

# For each command and each role that asks: the roles of those to whom it may be done.
NOBODY: tuple[Role, ...] = ()
BELOW_MODERATOR: tuple[Role, ...] = ("guest", "member")
BELOW_ADMIN: tuple[Role, ...] = ("guest", "member", "moderator")
MODERATORS = {"guest": NOBODY, "member": NOBODY, "moderator": BELOW_MODERATOR, "admin": BELOW_ADMIN}
ADMINS = {"guest": NOBODY, "member": NOBODY, "moderator": NOBODY, "admin": BELOW_ADMIN}
AUTHORS = {"guest": NOBODY, "member": NOBODY, "moderator": NOBODY, "admin": NOBODY}
TABLE: dict[str, dict[str, tuple[Role, ...]]] = {
    "kick": MODERATORS,
    "kick from room": MODERATORS,
    "mute": MODERATORS,
    "mute in room": MODERATORS,
    "unmute": MODERATORS,
    "ban": MODERATORS,
    "role": {**ADMINS, "admin": ("member", "moderator")},  # a guest has no account that could have a role
    "delete": MODERATORS,
    "edit": AUTHORS,
}
ROOM_TABLE = {"topic": ("moderator", "admin"), "access": ("moderator", "admin"), "invite": ("moderator", "admin")}


def request_for(command: str, target: Visitor) -> AnyRequest:
    name = target.name
    requests: dict[str, AnyRequest] = {
        "kick": Kick(username=name),
        "kick from room": Kick(username=name, room="den"),
        "mute": Mute(username=name),
        "mute in room": Mute(username=name, room="den", seconds=60),
        "unmute": Unmute(username=name, room="den"),
        "ban": Ban(username=name),
        "role": SetRole(username=name, role="member"),
        "delete": Delete(room="den", seq=1),
        "edit": Edit(room="den", seq=1, message="otherwise"),
        "topic": SetTopic(room="den", topic="plans"),
        "access": SetAccess(room="den", private=True),
        "invite": Invite(room="den", username=name),
    }
    return requests[command]


@pytest.fixture
def office() -> Office:
    office = Office(MemoryStore())
    office.visitor("founder", "den")
    office.visitor("moderates", role="moderator")
    return office


@pytest.mark.parametrize("target_role", ROLES)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("command", TABLE)
def test_a_command_on_somebody(office: Office, command: str, role: Role, target_role: Role) -> None:
    target, actor = office.visitor("target", "den", role=target_role), office.visitor("actor", "den", role=role)
    target.says("den", "something")
    office.hub.moderation.mute(target.member.owner, office.hub.directory.find(actor.member, "den").record.key, None)
    codes = [error.code for error in only(Error, actor.asks(request_for(command, target)))]
    if target_role in TABLE[command][role]:
        assert codes == []
    elif (command, role, target_role) == ("role", "admin", "guest"):
        assert codes == ["no_such_user"]
    else:
        assert codes == ["forbidden"]
        assert not target.last_word()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("command", ROOM_TABLE)
def test_a_command_on_a_room(office: Office, command: str, role: Role) -> None:
    target, actor = office.visitor("target", "den"), office.visitor("actor", "den", role=role)
    codes = [error.code for error in only(Error, actor.asks(request_for(command, target)))]
    assert codes == ([] if role in ROOM_TABLE[command] else ["forbidden"])


@pytest.mark.parametrize("role", ROLES)
def test_only_an_admin_lifts_a_ban(office: Office, role: Role) -> None:
    office.hub.moderation.ban("mallory", is_address=False, by="x", seconds=None, reason="")
    actor = office.visitor("actor", role=role)
    codes = [error.code for error in only(Error, actor.asks(Unban(username="Mallory")))]
    assert codes == ([] if role == "admin" else ["forbidden"])


def test_rank_is_checked_before_anybody_is_looked_for(office: Office) -> None:
    """Whoever may not kick learns nothing of who is here."""
    guest = office.visitor("guest")
    assert guest.is_refused(Kick(username="nobody")) == guest.is_refused(Kick(username="founder")) == "forbidden"


def test_while_nobody_moderates_everybody_sets_topics() -> None:
    office = Office(MemoryStore())
    guest = office.visitor("guest", "den")
    assert not only(Error, guest.asks(SetTopic(room="den", topic="plans")))
    office.visitor("mod", role="moderator")
    assert guest.is_refused(SetTopic(room="den", topic="others")) == "forbidden"


def test_who_founded_a_room_rules_who_comes_in(office: Office) -> None:
    founder, other = office.visitor("ada", "attic"), office.visitor("bob", "attic")
    assert other.is_refused(SetAccess(room="attic", private=True)) == "forbidden"
    assert only(Ok, founder.asks(SetAccess(room="attic", private=True)))


# ------------------------------------------------------------------------------------------ what each of them does


def test_a_kick_out_ends_the_connection_and_a_kick_from_a_room_does_not(office: Office) -> None:
    mod, bob = office.visitor("mod", "den", role="moderator"), office.visitor("bob", "den")
    bob.hears()
    mod.asks(Kick(username="bob", room="den", reason="too loud"))
    assert Left("den", "bob", "kicked by mod: too loud") in bob.hears()
    assert bob.is_refused(Say(id="1", room="den", message="x")) == "not_joined"
    assert not bob.last_word()
    mod.asks(Kick(username="bob"))
    assert (bob.last_word().code, bob.last_word().fatal) == ("kicked", True)


def test_who_is_muted_reads_and_does_not_speak_until_it_is_over(office: Office) -> None:
    mod, bob = office.visitor("mod", "den", "lobby", role="moderator"), office.visitor("bob", "den", "lobby")
    bob.says("den", "before")
    mod.asks(Mute(username="bob", room="den", seconds=60, reason="calm down"))
    assert [notice.text for notice in only(Notice, bob.hears())] == ["mod muted you in den for 1 minute: calm down."]
    for request in (Say(id="1", room="den", message="x"), Edit(room="den", seq=1, message="x")):
        assert bob.is_refused(request) == "muted"
    assert bob.says("lobby", "here I may").seq == 1
    office.clock.now += 60_000
    assert bob.says("den", "and here again").seq == 2
    mod.asks(Mute(username="bob"))
    assert bob.is_refused(Say(id="2", room="lobby", message="x")) == "muted"
    mod.asks(Unmute(username="bob"))
    assert bob.says("lobby", "at last").seq == 2


def test_a_ban_ends_who_is_here_and_keeps_the_name_and_the_address_out(office: Office) -> None:
    mod = office.visitor("mod", role="moderator")
    bob, near = office.visitor("bob", address="10.0.0.9"), office.visitor("near", address="10.0.0.9")
    mod.asks(Ban(username="bob", address="::ffff:10.0.0.9", seconds=3_600, reason="spam"))
    for gone in (bob, near):
        assert gone.last_word().code == "banned"
    with pytest.raises(Exception, match="spam"):
        office.visitor("BOB")
    with pytest.raises(Exception, match="banned"):
        office.visitor("other", address="10.0.0.9")
    office.clock.now += 3_600_000
    assert office.visitor("bob").name == "bob"


def test_a_private_room_is_for_who_was_invited(office: Office) -> None:
    ada, bob, eve = office.visitor("ada", "plans"), office.visitor("bob", "plans"), office.visitor("eve")
    ada.says("plans", "a surprise")
    ada.asks(SetAccess(room="plans", private=True))
    assert eve.is_refused(Join(room="plans")) == "forbidden"
    assert eve.is_refused(Who(room="plans")) == "no_such_room"
    assert "plans" not in [info.room for info in only(Rooms, eve.asks(AskRooms()))[0].rooms]
    assert only(Found, eve.asks(Search(query="surprise")))[0].messages == []
    assert not only(Error, bob.joins("plans")), "who was in it is invited"
    ada.asks(Invite(room="plans", username="eve"))
    assert only(Notice, eve.hears())
    assert not only(Error, eve.joins("plans"))
    assert ada.is_refused(Join(room="lobby"), SetAccess(room="lobby", private=True)) == "forbidden"


def test_every_act_is_in_the_audit_log(office: Office) -> None:
    admin, bob = office.visitor("boss", "den", role="admin"), office.visitor("bob", "den", role="member")
    bob.says("den", "something")
    admin.asks(
        Mute(username="bob"), Unmute(username="bob"), SetRole(username="bob", role="moderator"),
        Delete(room="den", seq=1), Invite(room="den", username="bob"), SetAccess(room="den", private=True),
        Kick(username="bob", reason="so"), Ban(username="bob"), Unban(username="bob"),
    )  # fmt: skip
    acts = office.store.people.acts(20)[::-1]
    assert [act.what for act in acts] == [
        "mute", "unmute", "role", "delete", "invite", "private", "kick", "ban", "unban",
    ]  # fmt: skip
    assert {act.by for act in acts} == {"boss"}
    assert not any("something" in act.detail for act in acts)


# ---------------------------------------------------------------------------------------------- the finer points


def test_nobody_acts_on_themselves(office: Office) -> None:
    boss = office.visitor("boss", "den", role="admin")
    for request in (
        Kick(username="BOSS"),
        Mute(username="boss"),
        Ban(username="boss"),
        SetRole(username="boss", role="member"),
    ):
        assert boss.is_refused(request) == "forbidden"


def test_rank_counts_also_of_who_is_not_here(office: Office) -> None:
    admin, mod = office.visitor("away", role="admin"), office.visitor("mod", role="moderator")
    admin.leaves()
    for request in (Ban(username="Away"), Mute(username="@away")):
        assert mod.is_refused(request) == "forbidden"


def test_another_role_holds_at_once_on_every_connection_and_is_told(office: Office) -> None:
    boss, bob = office.visitor("boss", role="admin"), office.visitor("bob", "den", role="member")
    again = Visitor(office, "bob", session=bob.session)
    again.joins("den")
    boss.asks(SetRole(username="bob", role="moderator"))
    for connection in (bob, again):
        [notice] = only(Notice, connection.hears())
        assert notice.text == "You are a moderator now; boss made you one."
        assert not only(Error, connection.asks(SetTopic(room="den", topic="plans")))
    boss.asks(SetRole(username="bob", role="member"))
    for connection in (bob, again):
        assert connection.is_refused(SetTopic(room="den", topic="plans")) == "forbidden"


def test_once_nobody_moderates_any_more_topics_are_everybodys_again() -> None:
    office = Office(MemoryStore())
    guest, boss = office.visitor("guest", "den"), office.visitor("boss", role="admin")
    assert guest.is_refused(SetTopic(room="den", topic="plans")) == "forbidden"
    office.hub.accounts.remove(boss.member.owner)
    assert not only(Error, guest.asks(SetTopic(room="den", topic="plans")))


def test_a_moderator_rules_a_room_from_outside_and_on_every_connection_of_the_one_who_is_kicked(office: Office) -> None:
    mod, bob = office.visitor("mod", role="moderator"), office.visitor("bob", "den", role="member")
    again, eve = Visitor(office, "bob", session=bob.session), office.visitor("eve", "den")
    again.joins("den")
    hush(bob, again, eve)
    assert only(Ok, mod.asks(Kick(username="bob", room="den", id="k"))) == [Ok("k")]
    for connection in (bob, again, eve):
        assert connection.hears() == [Left("den", "bob", "kicked by mod")]
    assert mod.is_refused(Kick(username="bob", room="den")) == "no_such_user"
    assert mod.is_refused(Kick(username="bob", room="attic")) == "no_such_room"


def test_who_is_not_here_cannot_be_kicked(office: Office) -> None:
    mod, bob = office.visitor("mod", role="moderator"), office.visitor("bob", role="member")
    bob.leaves()
    assert mod.is_refused(Kick(username="bob")) == "no_such_user"
    assert office.store.people.acts(9) == []


def test_nobody_rules_a_direct_room_and_its_inner_name_is_told_to_nobody(office: Office) -> None:
    mod, bob = office.visitor("mod", role="moderator"), office.visitor("bob")
    mod.joins("@bob")
    bob.joins("@mod")
    for request in (
        Kick(username="bob", room="@bob"), Mute(username="bob", room="@bob"), Unmute(username="bob", room="@bob"),
        SetAccess(room="@bob", private=True), Invite(room="@bob", username="founder"),
    ):  # fmt: skip
        assert mod.is_refused(request) == "forbidden"
    pair = f"@{bob.member.owner}".encode(), f"@{mod.member.owner}".encode()
    assert not any(inner in visitor.all_bytes() for inner in pair for visitor in (mod, bob))


def test_a_private_room_is_hidden_from_moderators_too(office: Office) -> None:
    ada, mod = office.visitor("ada", "plans"), office.visitor("mod", role="moderator")
    ada.asks(SetAccess(room="plans", private=True))
    for request in (Kick(username="ada", room="plans"), Mute(username="ada", room="plans"), Who(room="plans")):
        assert mod.is_refused(request) == "no_such_room"


@pytest.mark.parametrize(
    "request_", [Ban(), Unban(), Ban(address="nowhere"), Ban(address=""), Unban(address="10.0.0.0/8")]
)
def test_a_ban_says_whom_it_is_about(office: Office, request_: AnyRequest) -> None:
    assert office.visitor("boss", role="admin").is_refused(request_) == "bad_request"


def test_an_empty_name_bans_nobody_and_is_no_name(office: Office) -> None:
    boss = office.visitor("boss", role="admin")
    assert boss.is_refused(Ban(username="")) == boss.is_refused(Unban(username="", address="10.0.0.1")) == "bad_name"
    assert office.store.people.bans(0) == []


def test_a_ban_by_address_spares_who_is_of_ones_own_rank_or_higher(office: Office) -> None:
    mod = office.visitor("mod", role="moderator", address="10.0.0.9")
    boss = office.visitor("boss", role="admin", address="10.0.0.9")
    bob = office.visitor("bob", role="member", address="10.0.0.9")
    mod.asks(Ban(address="10.0.0.9"))
    assert bob.last_word().code == "banned"
    assert mod.last_word() is boss.last_word() is None


def test_a_ban_of_both_is_lifted_together_and_once(office: Office) -> None:
    boss = office.visitor("boss", role="admin")
    boss.asks(Ban(username="eve", address="10.0.0.9"))
    assert only(Ok, boss.asks(Unban(address="10.0.0.9"))), "one of them"
    assert only(Ok, boss.asks(Unban(username="eve", address="10.0.0.9"))), "what is left of them"
    assert boss.is_refused(Unban(username="eve", address="10.0.0.9")) == "no_such_user"
    assert office.store.people.bans(0) == []


def test_a_peer_who_came_by_ipv6_has_the_address_that_people_know(office: Office) -> None:
    office.visitor("boss", role="admin").asks(Ban(address="10.0.0.9"))
    with pytest.raises(Refusal, match="banned"):
        office.visitor("eve", address=ip_of(("::ffff:10.0.0.9", 5002, 0, 0)))


@pytest.mark.parametrize("request_type", [Kick, Mute, Ban])
def test_a_reason_has_an_end_and_is_one_line(office: Office, request_type: type[Kick | Mute | Ban]) -> None:
    mod, _ = office.visitor("mod", role="moderator"), office.visitor("bob")
    assert mod.is_refused(request_type(username="bob", reason="x" * 201)) == "too_long"
    assert office.store.people.acts(9) == []
    mod.asks(request_type(username="bob", reason="so\x1b[31m\nand so"))
    assert "so[31m and so" in office.store.people.acts(1)[0].detail


def test_what_founders_do_in_their_own_rooms_fills_no_log(office: Office) -> None:
    ada = office.visitor("ada", "attic")
    ada.asks(SetAccess(room="attic", private=True), Invite(room="attic", username="founder"))
    assert office.store.people.acts(9) == []


def test_what_is_done_to_people_takes_a_token_as_a_say_does() -> None:
    """Or else a founder could send somebody any number of invitations."""
    assert set(duties.HANDLERS) <= COSTLY


def test_every_request_with_a_least_role_has_a_handler() -> None:
    assert set(rights.LEAST) | set(rights.LEAST_FOR_OTHERS) <= set(HANDLERS)


def test_who_is_muted_everywhere_is_muted_in_direct_rooms_and_may_take_back_what_it_said(office: Office) -> None:
    mod, bob = office.visitor("mod", role="moderator"), office.visitor("bob", "den", "@founder")
    said = bob.says("den", "sorry")
    mod.asks(Mute(username="bob"))
    assert bob.is_refused(Say(id="1", room="@founder", message="x")) == "muted"
    assert bob.is_refused(React(room="den", seq=said.seq, emoji="👍", on=True)) == "muted"
    assert not only(Error, bob.asks(Delete(room="den", seq=said.seq)))


def test_a_mute_goes_with_the_owner_not_with_the_name(office: Office) -> None:
    mod, bob = office.visitor("mod", role="moderator"), office.visitor("bob", "den")
    mod.asks(Mute(username="bob"))
    bob.leaves()
    other = office.visitor("bob", "den")
    assert other.says("den", "I am another bob").username == "bob"
    again = Visitor(office, "robert", session=bob.session)
    again.joins("den")
    assert again.is_refused(Say(id="1", room="den", message="x")) == "muted"


def test_a_kick_while_the_other_is_at_work_waits_for_it_and_no_more(office: Office) -> None:
    mod, bob = office.visitor("mod", role="moderator"), office.visitor("bob", "den")
    with bob.member.busy:
        kick = Aside(mod.asks, Kick(username="bob"))
        assert kick.still_waits()
        assert bob.member.has_ended(), "it does nothing more"
    kick.finish()
    assert bob.last_word().code == "kicked"
