"""What a search finds, in every store: what was said, by its words, and nothing that is not for who asks."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatroom.messages import Message
from chatroom.server.store import Query, Reader, RoomRecord, Store, open_store
from chatroom.server.store import finding as finding_module
from chatroom.server.store.sqlite import SqliteStore
from chatroom.server.store.words import words_in
from tests.support.stores import ADA, BOB, EVE, STORES, by, delete, edit, found, once, opened, say, whisper


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with opened(request.param, tmp_path) as store:
        yield store


@pytest.fixture
def lobby(store: Store) -> RoomRecord:
    return store.add_room("lobby", "lobby")


@pytest.fixture(params=[True, False], ids=["indexed", "not indexed yet"])
def indexed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def tell(store: Store, room: RoomRecord, *texts: str, owner: int = ADA, now: int = 0) -> None:
    says = [say(f"{room.key} {room.last + number:05}", text) for number, text in enumerate(texts)]
    store.append(room, [by(owner, *says)], now)


def index_all(store: Store) -> None:
    while store.index():
        pass


def test_what_is_found_is_the_message_as_it_stands(store: Store, lobby: RoomRecord) -> None:
    store.append(lobby, [by(ADA, say("a", "one"), whisper("w", "one more", BOB, to=["bob"]))], 7)
    assert store.search(Query("one", ADA, [lobby], None, 9)) == [
        Message("lobby", 2, 7, "ada", "one more", "w", replayed=True, to=["bob"]),
        Message("lobby", 1, 7, "ada", "one", "a", replayed=True),
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("apple", ["red apple", "Äpple pie"]),
        ("APPLE red", ["red apple"]),
        ("red apple", ["red apple"]),
        ("pie apple", ["Äpple pie"]),
        ("app", ["red apple", "Äpple pie"]),
        ("app red", []),
        ("re apple", []),
        ("pple", []),
        ("ａｐｐｌｅ", ["red apple", "Äpple pie"]),
        ("strasse", ["die Straße, 42!"]),
        ("STRASSE 4", ["die Straße, 42!"]),
        ("моё", ["Моё дело"]),
        ("𝄞 дело", ["Моё дело"]),
        ("it's", ["it's"]),
        ("its", []),
    ],
)
def test_all_words_must_occur_and_the_last_may_be_the_beginning_of_one(
    store: Store, lobby: RoomRecord, indexed: bool, words: str, expected: list[str]
) -> None:
    tell(store, lobby, "it's", "Моё дело", "die Straße, 42!", "Äpple pie", "red apple", "nothing")
    if indexed:
        index_all(store)
    assert found(store, words, lobby) == expected


@pytest.mark.parametrize("words", ["", " ", "!?", "𝄞", "\n", '"', "*", "_", "\u0301"])
def test_where_there_is_nothing_to_search_for_nothing_is_found(store: Store, lobby: RoomRecord, words: str) -> None:
    tell(store, lobby, "a", "!?", "𝄞", '"', "_")
    assert found(store, words, lobby) == []


@pytest.mark.parametrize(
    "words",
    [
        '"a',
        'a"b',
        "a OR b",
        "NOT a",
        "a AND b",
        "NEAR(a b)",
        "message:a",
        "a*",
        "^a",
        "a + b",
        "(a",
        "-a",
        "a\0b",
        "';--",
    ],
)
def test_no_word_means_anything_to_a_database(store: Store, lobby: RoomRecord, words: str) -> None:
    texts = ["b a", "b or a", "not a", "b and a", "near a b", "message a", "a"]
    tell(store, lobby, *texts)
    expected = [text for text in texts[::-1] if set(words_in(words)) <= {*text.split()}]
    assert found(store, words, lobby) == (expected if words_in(words) else [])


def test_the_newest_are_found_first_in_whatever_room(store: Store, lobby: RoomRecord) -> None:
    den = store.add_room("den", "den")
    tell(store, lobby, "word 1", now=10)
    tell(store, den, "word 2", now=20)
    tell(store, den, "word 3", now=20)
    tell(store, lobby, "word 4", now=30)
    assert found(store, "word", lobby, den) == ["word 4", "word 3", "word 2", "word 1"]
    assert found(store, "word", den) == ["word 3", "word 2"]
    assert found(store, "word") == []
    newest = store.search(Query("word", ADA, [lobby, den], None, 3))
    assert [message.message for message in newest] == ["word 4", "word 3", "word 2"]


def test_of_what_was_said_in_one_go_the_newest_is_found_first(store: Store, lobby: RoomRecord) -> None:
    tell(store, lobby, *(f"hello {number}" for number in range(20)))
    assert [message.seq for message in store.search(Query("hello", ADA, [lobby], None, 3))] == [20, 19, 18]


def test_a_search_may_be_for_what_one_person_said(store: Store, lobby: RoomRecord) -> None:
    tell(store, lobby, "word by ada", owner=ADA)
    tell(store, lobby, "word by bob", owner=BOB)
    assert found(store, "word", lobby, by="bob") == ["word by bob"]
    assert found(store, "word", lobby, by="Bob") == [], "names are folded already"
    assert found(store, "word", lobby, by="eve") == []


def test_a_whisper_is_found_by_its_readers_alone(store: Store, lobby: RoomRecord, indexed: bool) -> None:
    store.append(lobby, [by(ADA, say("a", "word aloud"), whisper("w", "word whispered", BOB))], 0)
    if indexed:
        index_all(store)
    assert found(store, "word", lobby, reader=EVE) == ["word aloud"]
    for reader in (ADA, BOB):
        assert found(store, "word", lobby, reader=reader) == ["word whispered", "word aloud"]


def test_a_view_once_message_is_found_by_nobody(store: Store, lobby: RoomRecord) -> None:
    store.append(lobby, [by(ADA, once("o", "word", BOB))], 0)
    assert found(store, "word", lobby, reader=ADA) == found(store, "word", lobby, reader=BOB) == []


def test_what_was_edited_is_found_by_its_new_words_alone(store: Store, lobby: RoomRecord, indexed: bool) -> None:
    tell(store, lobby, "old word", "other")
    if indexed:
        index_all(store)
    store.append(lobby, [by(ADA, edit(1, "new word"))], 0)
    store.append(lobby, [by(ADA, edit(1, "newer word"))], 0)
    assert (found(store, "old", lobby), found(store, "new", lobby)) == ([], ["newer word"])
    assert found(store, "word", lobby) == ["newer word"], "once, and not the edit itself too"


def test_what_was_deleted_or_pruned_is_not_found(store: Store, lobby: RoomRecord, indexed: bool) -> None:
    tell(store, lobby, "word 1", now=10)
    tell(store, lobby, "word 2", "word 3", now=20)
    if indexed:
        index_all(store)
    store.append(lobby, [by(ADA, delete(2))], 20)
    assert found(store, "word", lobby) == ["word 3", "word 1"]
    store.prune(20, 0)
    assert found(store, "word", lobby) == ["word 3"]
    store.prune(100, 0)
    assert found(store, "word", lobby) == []


def test_a_room_that_is_gone_is_searched_in_vain(store: Store, lobby: RoomRecord) -> None:
    tell(store, lobby, "word")
    store.drop_room(lobby)
    assert found(store, "word", lobby) == []


# The index of the SQLite store


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(tmp_path / "chat.db", flush=False)) as store:
        yield store


def test_the_index_is_filled_little_by_little(sqlite: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding_module, "CHUNK", 3)
    lobby = sqlite.add_room("lobby", "lobby")
    tell(sqlite, lobby, *["word"] * 7)
    assert [sqlite.index() for _ in range(4)] == [True, True, False, False]
    tell(sqlite, lobby, *["word"] * 4)
    assert len(found(sqlite, "word", lobby)) == 11, "a search does the rest"
    assert not sqlite.index()


def test_the_index_is_there_again_and_goes_on_where_it_was(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        with closing(open_store(f"sqlite:{tmp_path / 'chat.db'}", flush=False)) as store:
            lobby = store.rooms()[0] if store.rooms() else store.add_room("lobby", "lobby")
            tell(store, lobby, f"word {number}")
            assert len(found(store, "word", lobby)) == number
            store.append(lobby, [by(ADA, edit(1, f"word and {number}"))], 0)


def indexed_words(store: SqliteStore) -> set[str]:
    with store._database.looking() as db:
        db.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.terms USING fts5vocab (main, words, row)")
        return {term for (term,) in db.execute("SELECT term FROM temp.terms")}


def test_the_index_holds_no_word_that_is_gone_or_was_to_be_seen_once(sqlite: SqliteStore) -> None:
    lobby = sqlite.add_room("lobby", "lobby")
    tell(sqlite, lobby, "pruned", now=10)
    tell(sqlite, lobby, "deleted", "edited", "kept", now=20)
    sqlite.append(lobby, [by(ADA, once("o", "burns", BOB))], 20)
    index_all(sqlite)
    assert indexed_words(sqlite) == {"pruned", "deleted", "edited", "kept"}
    sqlite.append(lobby, [by(ADA, delete(2), edit(3, "anew"))], 20)
    sqlite.prune(20, 0)
    index_all(sqlite)
    assert indexed_words(sqlite) == {"kept", "anew"}


def test_what_could_not_be_indexed_is_indexed_later(sqlite: SqliteStore) -> None:
    lobby = sqlite.add_room("lobby", "lobby")
    tell(sqlite, lobby, "old word")
    with sqlite._database.looking() as db:
        db.execute("CREATE TEMP TRIGGER full BEFORE UPDATE ON main.room BEGIN SELECT RAISE(FAIL, 'full'); END")
        with pytest.raises(sqlite3.IntegrityError, match="full"):
            sqlite.index()
        db.execute("DROP TRIGGER full")
    sqlite.append(lobby, [by(ADA, edit(1, "new word"))], 0)
    assert found(sqlite, "new", lobby) == ["new word"]
    assert indexed_words(sqlite) == {"new", "word"}


letters = st.text(st.sampled_from("aAäb1 ,.'é\u0301Σςσ日本𝄞🤣\n"), max_size=6)
messages = st.lists(st.tuples(st.sampled_from([ADA, BOB]), letters), max_size=8)
queries = st.lists(letters, min_size=1, max_size=4)


@pytest.mark.parametrize("name", STORES[1:])
@settings(max_examples=60, deadline=None)
@given(said=messages, queries=queries)
def test_every_store_finds_the_same(name: str, said: list[tuple[int, str]], queries: list[str]) -> None:
    with TemporaryDirectory() as folder, opened(name, Path(folder)) as sqlite:
        pairs = [(store, store.add_room("lobby", "lobby")) for store in (open_store("memory:"), sqlite)]
        for store, room in pairs:
            for now, (owner, text) in enumerate(said):
                tell(store, room, text, owner=owner, now=now // 2)
            store.append(room, [by(ADA, edit(1, "ab 1"))], 9)
            store.seen_once(Reader(BOB, room), 1)
        for query in queries:
            for author in (None, "bob"):
                one, other = (store.search(Query(query, ADA, [room], author, 5)) for store, room in pairs)
                assert one == other
