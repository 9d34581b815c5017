"""What people in a chat might ask for, as hypothesis draws it: few names, few rooms, low numbers, so that they meet.

Knows requests. Knows nothing of who is here, nor of what comes of it.
"""

from hypothesis import strategies as st

from chatroom.messages import (
    AskHistory,
    AskRooms,
    Ban,
    Delete,
    Invite,
    Kick,
    Mute,
    React,
    Search,
    Seen,
    SetAccess,
    SetRole,
    SetTopic,
    Unban,
    Unmute,
    Who,
)

GUESTS = ("ada", "bob", "eve")
STAFF = {"mod": "moderator", "root": "admin"}
NAMES = (*GUESTS, *STAFF)
ROOMS = ("lobby", "den", "attic", *(f"@{name}" for name in NAMES))
ADDRESSES = ("192.168.1.7", "192.168.1.8")
HOUR = 3_600_000

few = st.integers(0, 14)
place = st.integers(0, 1_000)
aim = st.integers(0, 4)
"""0: anywhere; or else at one of the rooms in which somebody is."""
name, room, seq = st.sampled_from(NAMES), st.sampled_from(ROOMS), few
perhaps = st.none() | st.sampled_from(ROOMS)
seconds = st.none() | st.integers(1, 5_000)
id = st.none() | st.sampled_from(["x1", "x2"])
words = st.sampled_from(["tea", "milk", "sugar", "te", "tea milk", "sugar te"])

LOOKS = (
    st.builds(AskHistory, id=id, room=room, before=st.none() | few, after=st.none() | few, limit=st.integers(1, 6)),
    st.builds(Search, id=id, query=words, room=perhaps, from_=st.none() | name, limit=st.integers(1, 6)),
    st.builds(Who, id=id, room=room),
    st.builds(AskRooms, id=id),
)
CHANGES = (
    st.builds(Delete, id=id, room=room, seq=seq),
    st.builds(React, id=id, room=room, seq=seq, emoji=st.sampled_from("👍🎉"), on=st.booleans()),
    st.builds(Seen, room=room, seq=seq),
)
ORDERS = (
    st.builds(SetTopic, id=id, room=room, topic=st.sampled_from(["", "tea", "lunch at noon"])),
    st.builds(Kick, id=id, username=name, room=perhaps),
    st.builds(Mute, id=id, username=name, room=perhaps, seconds=seconds),
    st.builds(Unmute, id=id, username=name, room=perhaps),
    st.builds(Ban, id=id, username=st.none() | name, address=st.none() | st.sampled_from(ADDRESSES), seconds=seconds),
    st.builds(Unban, id=id, username=st.none() | name, address=st.none() | st.sampled_from(ADDRESSES)),
    st.builds(SetRole, id=id, username=name, role=st.sampled_from(["member", "moderator"])),
)
ROOM_ORDERS = (
    st.builds(SetAccess, id=id, room=room, private=st.booleans()),
    st.builds(Invite, id=id, room=room, username=name),
)
