"""A client in the lobby of a server that follows a script: where most of what a server may do begins."""

from chatroom.client.events import ClientEvent
from chatroom.client.session import Client
from chatroom.messages import AskHistory, Error, History, Join, Live, Message, Numbered
from tests.client.peers import Ear, Script, meet, message


class Stage:
    """A client in the lobby, up to message 2, the ear that hears it, and the caller that it is to the script."""

    def __init__(self, script: Script, client: Client) -> None:
        self.script = script
        self.client = client
        self.caller = meet(script, client)
        self.ear = Ear(client)
        client.join("lobby")
        self.caller.let_into_room(message(1), message(2))
        self.ear.until_a(Live)

    def reconnect(self) -> Join:
        """The line breaks, and holds again: the client's join."""
        self.come_back()
        return self.caller.expect(Join)

    def come_back(self) -> None:
        """The same, before the client asks for anything."""
        self.caller.hang_up()
        self.caller = self.script.caller()
        self.caller.let_in()

    def page(self, *events: Numbered, after: int, more: bool = False) -> None:
        """The client asks for what follows, and gets it."""
        asked = self.caller.expect(AskHistory)
        assert (asked.room, asked.after) == ("lobby", after)
        self.caller.send(History(room="lobby", messages=list(events), more=more, id=asked.id))

    def shown(self, text: str) -> list[ClientEvent]:
        """What is told up to this message."""
        return self.ear.until(lambda event: isinstance(event, Message) and event.message == text)


def error(id: str | None, code: str) -> Error:
    return Error(code=code, text=f"About {code}.", fatal=False, id=id)
