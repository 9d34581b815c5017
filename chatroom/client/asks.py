"""All that a client may ask of its server, each with a future for the answer.

Knows requests and what answers them. Knows nothing of connections, or of when an answer comes.
"""

from abc import ABC, abstractmethod
from concurrent.futures import Future
from typing import Any

from chatroom import messages
from chatroom.messages import (
    AskHistory,
    AskRooms,
    Ban,
    ChangePassword,
    Delete,
    Edit,
    Invite,
    Kick,
    Mute,
    Ok,
    Ping,
    React,
    Register,
    Request,
    Role,
    Search,
    SetAccess,
    SetRole,
    SetTopic,
    Unban,
    Unmute,
    Who,
)


class Asks(ABC):
    """Any thread may call any method."""

    @abstractmethod
    def _ask_for(self, request: Request) -> Future[Any]:
        """Has it asked, now or when there is a connection again."""

    # ------------------------------------------------------------------------------------------------ to know

    def history(
        self, room: str, *, before: int | None = None, after: int | None = None, limit: int = 50
    ) -> Future[messages.History]:
        """A page of a room one is in: before a number, after one, or the newest. Besides messages there stands what
        became of them, and a Skip for what is not for one's eyes."""
        return self._ask_for(AskHistory(room=room, before=before, after=after, limit=limit))

    def search(
        self, query: str, *, room: str | None = None, author: str | None = None, limit: int = 20
    ) -> Future[messages.Found]:
        """The newest messages that hold all these words, of all that one may read."""
        return self._ask_for(Search(query=query, room=room, from_=author, limit=limit))

    def who(self, room: str) -> Future[messages.Members]:
        """Who is in a room."""
        return self._ask_for(Who(room=room))

    def rooms(self) -> Future[messages.Rooms]:
        """Which rooms there are."""
        return self._ask_for(AskRooms())

    def ping(self) -> Future[messages.Pong]:
        """Answered once all that was asked before is done."""
        return self._ask_for(Ping())

    # ---------------------------------------------------------------------------------------------- to change

    def topic(self, room: str, text: str) -> Future[messages.Topic]:
        """Sets the topic of a room one is in."""
        return self._ask_for(SetTopic(room=room, topic=text))

    # Who is behind with a room has an Ok in place of the event, which then comes in its turn.

    def edit(self, room: str, seq: int, text: str) -> Future[messages.Edited | Ok]:
        """Says otherwise what one said under this number."""
        return self._ask_for(Edit(room=room, seq=seq, message=text))

    def delete(self, room: str, seq: int) -> Future[messages.Deleted | Ok]:
        """Takes back what was said under this number."""
        return self._ask_for(Delete(room=room, seq=seq))

    def react(self, room: str, seq: int, emoji: str, *, on: bool = True) -> Future[messages.Reacted | Ok]:
        """Reacts to what was said under this number, or takes that back."""
        return self._ask_for(React(room=room, seq=seq, emoji=emoji, on=on))

    # ------------------------------------------------------------------------------------------ one's own name

    def register(self, password: str) -> Future[messages.Registered]:
        """Protects one's name by a password."""
        return self._ask_for(Register(password=password))

    def change_password(self, old: str, new: str) -> Future[Ok]:
        """Another password; every other session of one's own ends."""
        return self._ask_for(ChangePassword(old=old, new=new))

    # --------------------------------------------------------------------------------------------- to moderate

    # What acts on somebody, or on a password, is never asked twice. It fails while there is no connection, and when
    # the connection is lost before there is an answer.

    def kick(self, username: str, *, room: str | None = None, reason: str = "") -> Future[Ok]:
        """Out of a room, or out of the server."""
        return self._ask_for(Kick(username=username, room=room, reason=reason))

    def mute(
        self, username: str, *, room: str | None = None, seconds: int | None = None, reason: str = ""
    ) -> Future[Ok]:
        """Somebody may not speak, in a room or in all, for a while or until `unmute`."""
        return self._ask_for(Mute(username=username, room=room, seconds=seconds, reason=reason))

    def unmute(self, username: str, *, room: str | None = None) -> Future[Ok]:
        """Somebody may speak again."""
        return self._ask_for(Unmute(username=username, room=room))

    def ban(
        self, username: str | None = None, *, address: str | None = None, seconds: int | None = None, reason: str = ""
    ) -> Future[Ok]:
        """A name, an address or both may not come in, for a while or until `unban`."""
        return self._ask_for(Ban(username=username, address=address, seconds=seconds, reason=reason))

    def unban(self, username: str | None = None, *, address: str | None = None) -> Future[Ok]:
        """A name, an address or both may come in again."""
        return self._ask_for(Unban(username=username, address=address))

    def give_role(self, username: str, role: Role) -> Future[Ok]:
        """What somebody with an account may do from now on."""
        return self._ask_for(SetRole(username=username, role=role))

    def set_private(self, room: str, *, private: bool) -> Future[Ok]:
        """Whether only who was invited may come into the room."""
        return self._ask_for(SetAccess(room=room, private=private))

    def invite(self, room: str, username: str) -> Future[Ok]:
        """Somebody may come into a private room, and is told so."""
        return self._ask_for(Invite(room=room, username=username))
