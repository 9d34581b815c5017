"""The SQLite file's form, as the steps that led to it. Append-only: a step that was released never changes.

Knows SQL. Knows nothing of when it is run.
"""

APPLICATION = 0x43684174
"""In the file's header: this is chatroom's."""

MIGRATIONS = (
    """
    CREATE TABLE room (
        key     INTEGER PRIMARY KEY AUTOINCREMENT,
        name    TEXT NOT NULL,
        folded  TEXT NOT NULL UNIQUE,
        epoch   TEXT NOT NULL,
        topic   TEXT NOT NULL DEFAULT '',
        first   INTEGER NOT NULL DEFAULT 1,  -- the oldest seq that is held; last + 1 when none is
        last    INTEGER NOT NULL DEFAULT 0,  -- the newest seq that was ever given
        time    INTEGER NOT NULL DEFAULT 0   -- when that was, in ms
    ) STRICT;

    CREATE TABLE owner (                     -- whom what was said belongs to; a number is never used again
        number    INTEGER PRIMARY KEY AUTOINCREMENT,
        username  TEXT NOT NULL
    ) STRICT;

    CREATE TABLE session (
        token  BLOB PRIMARY KEY,             -- only its hash
        owner  INTEGER NOT NULL REFERENCES owner,
        used   INTEGER NOT NULL              -- when it was last used, in ms
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE event (
        room      INTEGER NOT NULL,
        seq       INTEGER NOT NULL,
        time      INTEGER NOT NULL,
        owner     INTEGER NOT NULL,
        id        TEXT NOT NULL,
        username  TEXT NOT NULL,
        message   TEXT,                      -- NULL once pruned
        kind      TEXT NOT NULL,
        reply_to  INTEGER,
        digest    BLOB,                      -- of a pruned message, so that a repeat is still told from a conflict
        PRIMARY KEY (room, seq)
    ) STRICT, WITHOUT ROWID;

    CREATE INDEX session_owner ON session (owner);

    CREATE UNIQUE INDEX event_once ON event (owner, id);
    """,
    """
    CREATE TABLE seen (                      -- how far an owner has read a room
        owner  INTEGER NOT NULL,
        room   INTEGER NOT NULL,
        seq    INTEGER NOT NULL,
        PRIMARY KEY (room, owner)
    ) STRICT, WITHOUT ROWID;
    """,
)
