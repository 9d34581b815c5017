"""What is measured of those who come: a crowd at the door, and somebody who catches up with all that was said.

Each run takes a server that listens and gives figures by name, as those of ``runs``. Catching up is a matter of
chatroom alone: its peers keep no history.
"""

from .crowd import Client, Crowd, Room, StuckError
from .dialects import Step, native_page, native_replay
from .runs import ROOM, Clocks, Figures, Load, Pump, beyond, gather, over
from .servers import Running

SPEAKERS = 10  # in the room whose history is caught up with


def coming_in(server: Running, load: Load) -> Figures:
    """How long it takes until so many have connected, each by itself, and have been greeted."""
    with gather(server, load) as crowd:
        start = Clocks.read(server)
        crowd.come_in(load.clients)
        took = Clocks.read(server).since(start)
    return {
        "coming_in_s": took.passed,
        "coming_in_server_share": over(took.server, took.passed),
        "coming_in_load_share": took.load / took.passed,
        "coming_in_others_share": over(took.others(), took.passed),
    }


def catching_up(server: Running, load: Load) -> Figures:
    """How fast one newcomer is sent a whole history at once, and then page by page as it asks."""
    with gather(server, load) as crowd:
        crowd.enter(SPEAKERS, lambda _: ROOM)
        Pump(crowd, load).run(beyond(crowd, load.history))
        [newcomer] = crowd.come_in(1)
        newcomer.move(Room("what was said"))
        start = Clocks.read(server)
        _hear(crowd, newcomer, native_replay(ROOM))
        replayed = Clocks.read(server)
        _must_be_whole(newcomer, crowd.said)
        while newcomer.room.levels[0] < 2 * crowd.said:
            _hear(crowd, newcomer, native_page(ROOM, newcomer.room.levels[0] - crowd.said))
        replay, pages = replayed.since(start), Clocks.read(server).since(replayed)
        _must_be_whole(newcomer, 2 * crowd.said)
    return {
        "replay_per_second": crowd.said / replay.passed,
        "pages_per_second": crowd.said / pages.passed,
        "catching_up_server_share": over(replay.server, replay.passed),
        "catching_up_load_share": replay.load / replay.passed,
        "catching_up_others_share": over(replay.others(), replay.passed),
    }


def _hear(crowd: Crowd, client: Client, step: Step) -> None:
    before = client.room.levels[0]
    crowd.ask([(client, step)])
    if client.room.levels[0] == before:
        raise StuckError("an answer held no message")


def _must_be_whole(client: Client, due: int) -> None:
    if client.room.levels[0] != due:
        raise StuckError(f"{client.room.levels[0]:,} messages came where {due:,} were due")
