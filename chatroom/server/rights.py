"""Who may do what: one table of requests and least roles, and the rule that nobody acts on equals.

Knows roles and requests. Knows no members, and nothing of how a request is done.
"""

from typing import get_args

from chatroom.errors import Refusal
from chatroom.messages import Ban, Delete, Kick, Mute, Role, SetAccess, SetRole, SetTopic, Unban, Unmute

ROLES: tuple[Role, ...] = get_args(Role)
RANK = {role: rank for rank, role in enumerate(ROLES)}

LEAST: dict[type, Role] = {
    SetTopic: "moderator",
    Kick: "moderator",
    Mute: "moderator",
    Unmute: "moderator",
    Ban: "moderator",
    Unban: "admin",
    SetRole: "admin",
}
"""What is not here may be asked by everybody."""

LEAST_FOR_OTHERS: dict[type, Role] = {Delete: "moderator", SetAccess: "moderator"}
"""What everybody may do with their own messages and rooms, and these with what is others'."""

WHILE_MODERATED = frozenset((SetTopic,))
"""Everybody's, as long as the server has nobody whom it could be left to."""


def require(role: Role, request: type, *, is_moderated: bool = True) -> None:
    """Raises `forbidden` for whom the request is not."""
    if is_moderated or request not in WHILE_MODERATED:
        _require(role, LEAST.get(request, "guest"))


def require_for_others(role: Role, request: type) -> None:
    """The same for a request that concerns what is somebody else's."""
    _require(role, LEAST_FOR_OTHERS[request])


def _require(role: Role, least: Role) -> None:
    if RANK[role] < RANK[least]:
        raise Refusal("forbidden", f"Only {_PLURALS[least]} may do that.")


_PLURALS = {"guest": "guests", "member": "members", "moderator": "moderators", "admin": "admins"}


def require_above(actor: Role, target: Role) -> None:
    """Nobody acts on somebody of their own rank or higher."""
    if RANK[actor] <= RANK[target]:
        raise Refusal("forbidden", "You may do that only to people of a lower rank than yours.")


def role_called(name: str) -> Role:
    """The role of that name, or `bad_request`."""
    for role in ROLES:
        if role == name:
            return role
    raise Refusal("bad_request", f"A role is one of {', '.join(ROLES)}.")
