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
    """
    ALTER TABLE room ADD COLUMN low INTEGER;       -- of a direct room: its two owners, the lower first
    ALTER TABLE room ADD COLUMN high INTEGER;
    ALTER TABLE room ADD COLUMN private INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE room ADD COLUMN founder INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE room ADD COLUMN keeps INTEGER;     -- ms; NULL as the server says, 0 for ever
    ALTER TABLE room ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;  -- up to this seq it can be searched

    ALTER TABLE event ADD COLUMN target INTEGER;   -- of what changes another one
    ALTER TABLE event ADD COLUMN addressees TEXT;  -- of a whisper: their usernames, as JSON
    ALTER TABLE event ADD COLUMN private INTEGER NOT NULL DEFAULT 0;  -- 1: for its readers alone; 2: view-once too

    CREATE INDEX event_edits ON event (room, target) WHERE kind = 'edited';

    CREATE TABLE reader (                          -- who may read what is not for all, its author among them
        room   INTEGER NOT NULL,
        seq    INTEGER NOT NULL,
        owner  INTEGER NOT NULL,
        waits  INTEGER NOT NULL DEFAULT 0,         -- 1: a view-once message that this one has not been shown
        PRIMARY KEY (room, seq, owner)
    ) STRICT, WITHOUT ROWID;

    CREATE INDEX reader_waits ON reader (room, seq) WHERE waits;

    CREATE TABLE invited (
        room   INTEGER NOT NULL,
        owner  INTEGER NOT NULL,
        PRIMARY KEY (room, owner)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE account (
        owner    INTEGER PRIMARY KEY,
        folded   TEXT NOT NULL UNIQUE,
        username TEXT NOT NULL,
        role     TEXT NOT NULL,
        secret   TEXT NOT NULL,
        created  INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE ban (
        what       TEXT PRIMARY KEY,               -- a folded name, or an address
        is_address INTEGER NOT NULL,
        until      INTEGER NOT NULL,
        reason     TEXT NOT NULL,
        by         TEXT NOT NULL,
        time       INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE mute (
        owner  INTEGER NOT NULL,
        room   INTEGER NOT NULL,                   -- 0: in all
        until  INTEGER NOT NULL,
        PRIMARY KEY (owner, room)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE act (                             -- what moderators did
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        time   INTEGER NOT NULL,
        by     TEXT NOT NULL,
        what   TEXT NOT NULL,
        target TEXT NOT NULL,
        detail TEXT NOT NULL
    ) STRICT;

    CREATE VIRTUAL TABLE words USING fts5 (message, content = '', tokenize = 'unicode61 remove_diacritics 2');
    """,
    """
    CREATE TABLE burst (                           -- much that somebody said in one go, all of it for all
        room      INTEGER NOT NULL,
        last      INTEGER NOT NULL,                -- of its seqs, which have no hole
        first     INTEGER NOT NULL,
        time      INTEGER NOT NULL,
        owner     INTEGER NOT NULL,
        username  TEXT NOT NULL,
        kind      TEXT NOT NULL,
        least     TEXT NOT NULL,                   -- of its ids, which are of one length and count upwards
        greatest  TEXT NOT NULL,
        said      BLOB NOT NULL,                   -- JSON: the texts, and the ids
        PRIMARY KEY (room, last)
    ) STRICT, WITHOUT ROWID;

    CREATE UNIQUE INDEX burst_once ON burst (owner, length(greatest), greatest);

    CREATE TRIGGER burst_again BEFORE INSERT ON burst WHEN  -- no id of an owner twice, in bursts or rows
        (SELECT least FROM burst WHERE owner = NEW.owner AND length(greatest) = length(NEW.least)
            AND greatest >= NEW.least ORDER BY greatest LIMIT 1) <= NEW.greatest
        OR EXISTS (SELECT 1 FROM event WHERE owner = NEW.owner AND id BETWEEN NEW.least AND NEW.greatest
            AND length(id) = length(NEW.least))
    BEGIN
        SELECT RAISE(ABORT, 'some of it may have been said before');
    END;

    CREATE TRIGGER event_again BEFORE INSERT ON event WHEN
        (SELECT least FROM burst WHERE owner = NEW.owner AND length(greatest) = length(NEW.id)
            AND greatest >= NEW.id ORDER BY greatest LIMIT 1) <= NEW.id
    BEGIN
        SELECT RAISE(ABORT, 'it may have been said before');
    END;
    """,
)
