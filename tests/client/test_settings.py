"""Settings: what counts more, where each value comes from, and which place a complaint names."""

import os
from pathlib import Path
from typing import get_type_hints

import pytest

from chatroom.client import settings
from chatroom.client.paint import THEMES
from chatroom.client.settings import BY_NAME, DEFAULT, SETTINGS, Setting, SettingError, Settings, load, wants_colour
from chatroom.net.words import WORDS

TWO_VALUES = {
    "host": ("10.0.0.2", "fe80::1%eth0"),
    "port": ("1", "65535"),
    "tls": ("no", "yes"),
    "fingerprint": (" ".join(WORDS[:10]), ":".join(["AB"] * 32)),
    "name": ("ada", "éva-2"),
    "room": ("ops", "Dev.3"),
    "all": ("yes", "no"),
    "mute": ("on", "off"),
    "plain": ("true", "FALSE"),
    "color": ("always", "never"),
    "theme": ("contrast", "calm"),
    "time-format": ("%H:%M", "at %I %p"),
    "keys": ("vi", "emacs"),
    "highlight": ("lunch, two words,", "ops"),
    "notify": ("mentions", "none"),
    "quiet": ("22:00-07:00", "00:00-23:59"),
    "desktop": ("1", "0"),
    "sounds": (".", ".."),
    "handles": ("Yes", "No"),
}
"""For each setting, as one types them; each other than the default, or at least one of them."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "client.toml"
    path.write_text("", "utf-8")
    return path


def write(file: Path, text: str) -> Path:
    file.write_text(text, "utf-8")
    return file


def value(setting: Setting, found: Settings) -> object:
    return getattr(found, setting.attribute)


each_setting = pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)

# ---------------------------------------------------------------------------------------------------------- the table


def test_every_setting_is_tried_here() -> None:
    assert [*TWO_VALUES] == [setting.name for setting in SETTINGS]


def test_the_table_and_what_is_made_of_it_agree() -> None:
    assert [setting.attribute for setting in SETTINGS] == [
        name for name in get_type_hints(Settings) if name != "origins"
    ]


@each_setting
def test_each_default_is_what_its_own_reader_makes_of_it(setting: Setting) -> None:
    assert setting.read(setting.default or ("" if setting.metavar else False)) == setting.default


def test_there_are_no_other_themes_than_can_be_painted() -> None:
    for theme in THEMES:
        BY_NAME["theme"].read(theme)
    assert BY_NAME["theme"].help == "({}), {}".format(*THEMES)


@each_setting
def test_the_help_names_each_default(setting: Setting) -> None:
    assert setting.is_switch or f"({setting.show(setting.default).strip('()')})" in setting.help


@each_setting
def test_a_value_is_shown_so_that_it_can_be_written_again(setting: Setting) -> None:
    for raw in TWO_VALUES[setting.name]:
        read = setting.read(raw)
        assert setting.read(setting.show(read)) == read


def test_what_is_empty_is_shown_as_what_it_means() -> None:
    assert [BY_NAME[name].show(value) for name, value in (("name", ""), ("highlight", ()), ("sounds", None))] == [
        "(asked)",
        "(none)",
        "(built in)",
    ]


# ----------------------------------------------------------------------------------------------------- what counts more


@each_setting
def test_flags_count_over_variables_over_the_file_over_defaults(setting: Setting, file: Path) -> None:
    one, other = TWO_VALUES[setting.name]
    assert setting.read(one) != setting.read(other)

    def origin_and_value(flags: dict[str, str | bool], environ: dict[str, str]) -> tuple[str, object]:
        found = load(flags, environ, file)
        return found.origins[setting.name], value(setting, found)

    assert origin_and_value({}, {}) == (DEFAULT, setting.default)
    write(file, f"\n{setting.name} = '{one}'\n")
    assert origin_and_value({}, {}) == (f"{file}, line 2", setting.read(one))
    environ = {setting.variable: other}
    assert origin_and_value({}, environ) == (setting.variable, setting.read(other))
    assert origin_and_value({setting.name: one}, environ) == (setting.flag, setting.read(one))


@each_setting
def test_an_empty_variable_is_none(setting: Setting, file: Path) -> None:
    assert value(setting, load({}, {setting.variable: ""}, file)) == setting.default


def test_variables_are_named_after_the_settings() -> None:
    assert [BY_NAME[name].variable for name in ("host", "all", "time-format")] == [
        "CHATROOM_HOST",
        "CHATROOM_ALL",
        "CHATROOM_TIME_FORMAT",
    ]


def test_a_flag_turns_off_what_the_file_turns_on(file: Path) -> None:
    write(file, "mute = true")
    found = load({"mute": False}, {}, file)
    assert (found.mute, found.origins["mute"]) == (False, "--no-mute")


def test_an_empty_flag_is_a_value(file: Path) -> None:
    write(file, "name = 'ada'\nquiet = '22:00-07:00'\nsounds = '.'\nhighlight = 'lunch'\ntime-format = '%H'")
    empty = ("name", "quiet", "sounds", "highlight", "time-format")
    found = load(dict.fromkeys(empty, ""), {}, file)
    assert [value(BY_NAME[name], found) for name in empty] == ["", "", None, (), ""]


# ----------------------------------------------------------------------------------------------------------- the file


def test_the_file_has_the_types_of_toml(file: Path) -> None:
    found = load({}, {}, write(file, 'port = 6667\nmute = true\nplain = false\nhighlight = ["a, b", " c "]\n'))
    assert (found.port, found.mute, found.plain, found.highlight) == (6667, True, False, ("a, b", "c"))


@pytest.mark.parametrize("key", ["time-format", "time_format", '"time-format"'])
def test_a_key_may_be_written_in_either_way(key: str, file: Path) -> None:
    assert load({}, {}, write(file, f"{key} = '%H'")).time_format == "%H"


def test_lines_are_counted_also_below_values_of_many_lines(file: Path) -> None:
    write(
        file,
        '# mine\n\nhighlight = [\n  "port = 1", # port\n\n  "x",\n]\nname = """\\\n  ada"""\nport = 1 # the first\n',
    )
    origins = load({}, {}, file).origins
    assert [origins[name].rpartition(" ")[2] for name in ("highlight", "name", "port")] == ["3", "8", "10"]


def test_a_file_made_by_notepad_is_read(file: Path) -> None:
    file.write_bytes("\ufeffhost = 'büro'\r\nport = 1\r\n".encode())
    found = load({}, {}, file)
    assert (found.host, found.port, found.origins["port"]) == ("büro", 1, f"{file}, line 2")


def test_the_systems_own_place_is_looked_at_and_may_be_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "chatroom" / "client.toml"
    monkeypatch.setattr(settings, "default_file", lambda: path)
    assert load({}, {}).port == 5002
    path.parent.mkdir()
    write(path, "port = 1")
    assert load({}, {}).origins["port"] == f"{path}, line 1"


def test_that_place_is_the_users() -> None:
    assert settings.default_file().parts[-2:] == ("chatroom", "client.toml")


# ---------------------------------------------------------------------------------------------------- what is refused

_LEGAL = "letters, digits, '_', '-' or '.', and starts with a letter or a digit."

_SWITCHES = ("tls", "all", "mute", "plain", "desktop", "handles")
_PRINTED = "give the ten words, or the 64 digits, that the server prints."

WRONG = [
    ("host", "", "'' is no host; give a name or an address, such as 192.168.1.2."),
    ("host", "a b", "'a b' is no host; give a name or an address, such as 192.168.1.2."),
    ("host", "a\x1b[2J", r"'a\x1b[2J' is no host; give a name or an address, such as 192.168.1.2."),
    *[
        ("port", port, f"'{port}' is no port; give a number from 1 to 65535.")
        for port in ("x", "0", "65536", "-1", "5002.0", "٣", "1_000", "999999")
    ],
    ("name", "a b", f"'a b' is no name. A username has 1 to 32 {_LEGAL}"),
    ("room", "", f"'' is no room. A room's name has 1 to 50 {_LEGAL}"),
    *[(switch, "maybe", "'maybe' is neither yes nor no.") for switch in _SWITCHES],
    *[("fingerprint", raw, f"'{raw}' is no fingerprint; {_PRINTED}") for raw in ("onion window", "abcd", "0g" * 10)],
    ("color", "pink", "'pink' is none of auto, always, never."),
    ("color", "", "'' is none of auto, always, never."),
    ("theme", "dark", "'dark' is none of calm, contrast."),
    ("keys", "VI", "'VI' is none of emacs, vi."),
    ("notify", "some", "'some' is none of all, mentions, none."),
    ("time-format", "%H\n", r"'%H\n' is no format of a time; give one such as %H:%M."),
    ("time-format", "%H%n", "'%H%n' is no format of a time; give one such as %H:%M."),
    ("time-format", "\x1b[1m%H", r"'\x1b[1m%H' is no format of a time; give one such as %H:%M."),
    ("time-format", "\ud800", r"'\ud800' is no format of a time; give one such as %H:%M."),
    ("time-format", "%c" * 20, f"'{'%c' * 20}' is no format of a time; give one such as %H:%M."),
    *[
        ("quiet", hours, f"'{hours}' are no hours; give two times of the day, such as 22:00-07:00.")
        for hours in ("22:00", "22-7", "24:00-07:00", "22:60-07:00", "22:00-07:00-", "22:00-07:0٣")
    ],
    ("sounds", "/no/such", "'/no/such' is no folder; give one with message.wav, mention.wav or direct.wav in it."),
    ("sounds", "x" * 300, f"'{'x' * 59}… is no folder; give one with message.wav, mention.wav or direct.wav in it."),
    ("host", " " * 100, f"'{' ' * 59}… is no host; give a name or an address, such as 192.168.1.2."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "raw", "sentence"), WRONG)
def test_a_wrong_value_is_named_with_its_place(name: str, raw: str, sentence: str, file: Path) -> None:
    setting = BY_NAME[name]
    with pytest.raises(SettingError) as caught:
        load({name: raw}, {}, file)
    assert caught.value.text == f"{setting.flag}: {sentence}"
    if raw:
        with pytest.raises(SettingError) as caught:
            load({}, {setting.variable: raw}, file)
        assert caught.value.text == f"{setting.variable}: {sentence}"


@pytest.mark.parametrize(("name", "raw", "sentence"), [row for row in WRONG if row[1].isprintable()])
def test_a_wrong_value_in_the_file_is_named_with_its_line(name: str, raw: str, sentence: str, file: Path) -> None:
    write(file, f"# mine\n\n{name} = '{raw}'\n")
    with pytest.raises(SettingError) as caught:
        load({name: TWO_VALUES[name][0]}, {}, file)  # though it does not count
    assert caught.value.text == f"{file}, line 3: {name}: {sentence}"


FILES = [
    ("port = true", "line 1: port: true is no port; give a number from 1 to 65535."),
    ("port = 5002.0", "line 1: port: 5002.0 is no port; give a number from 1 to 65535."),
    ("host = 5", "line 1: host: 5 is no text; put it in quotes."),
    ("name = 0", "line 1: name: 0 is no text; put it in quotes."),
    ("quiet = false", "line 1: quiet: false is no text; put it in quotes."),
    ("quiet = 22:00:00", "line 1: quiet: 22:00:00 is no text; put it in quotes."),
    ("highlight = ['a', 5]", "line 1: highlight: 5 is no text; put it in quotes."),
    ("mute = 1", "line 1: mute: 1 is neither yes nor no."),
    ("color = true", "line 1: color: true is none of auto, always, never."),
    ("theme = ['calm']", "line 1: theme: ['calm'] is none of calm, contrast."),
    ("[port]\nx = 1", "line 1: port: {'x': 1} is no port; give a number from 1 to 65535."),
    ("time_format = '%n'", "line 1: time_format: '%n' is no format of a time; give one such as %H:%M."),
    ("port = 1\nprot = 2", "line 2: there is no setting 'prot'; did you mean port?"),
    ("timeformat = 2", "line 1: there is no setting 'timeformat'; did you mean time-format?"),
    ("\n[network]\nport = 1", "line 2: there is no setting 'network'; chatroom-client --help shows what there is."),
    ('"\\u202e" = 1', r"line 1: there is no setting '\u202e'; chatroom-client --help shows what there is."),
    ("port = 1\ntime-format = ''\ntime_format = ''", "line 3: time_format: this is set in line 2 already."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), FILES)
def test_what_the_file_cannot_hold_is_named(text: str, sentence: str, file: Path) -> None:
    with pytest.raises(SettingError) as caught:
        load({}, {}, write(file, text))
    assert caught.value.text == f"{file}, {sentence}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("port = 1\nname = ada\n", 2), ("port", 1), ("a = '''\n\n", 2), ("port = 1\nport = 2", 2), ("x = '\x1b'", 1),
        pytest.param("x = " + "[" * 9_000, 1, id="nested too deep"),
    ],
)  # fmt: skip
def test_what_is_no_toml_is_named_with_its_line(text: str, line: int, file: Path) -> None:
    with pytest.raises(SettingError) as caught:
        load({}, {}, write(file, text))
    assert caught.value.text.startswith(f"{file}, line {line}: this is no TOML (")
    assert caught.value.text.endswith("; write lines such as port = 5002, and text in quotes.")


def test_what_is_no_text_is_named_with_its_line(file: Path) -> None:
    file.write_bytes(b"port = 1\nname = 'caf\xe9'\n")
    with pytest.raises(SettingError) as caught:
        load({}, {}, file)
    assert caught.value.text == f"{file}, line 2: this is no UTF-8; save the file in that encoding."


def test_a_file_that_was_chosen_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as caught:
        load({}, {}, tmp_path / "none.toml")
    assert caught.value.text == f"{tmp_path / 'none.toml'}: there is no such file."


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as caught:
        load({}, {}, tmp_path)
    assert caught.value.text.startswith(f"{tmp_path} cannot be read (")


def test_a_folder_of_sounds_may_begin_with_home(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert load({"sounds": f"~{os.sep}"}, {}, file).sounds == tmp_path


# ------------------------------------------------------------------------------------------------------------- colour


@pytest.mark.parametrize(
    ("color", "is_terminal", "environ", "wanted"),
    [
        ("auto", True, {}, True),
        ("auto", False, {}, False),
        ("auto", True, {"NO_COLOR": "1"}, False),
        ("auto", True, {"NO_COLOR": ""}, True),
        ("auto", False, {"FORCE_COLOR": "1"}, True),
        ("auto", False, {"FORCE_COLOR": "0"}, False),
        ("auto", True, {"FORCE_COLOR": "0"}, True),
        ("auto", False, {"FORCE_COLOR": ""}, False),
        ("auto", True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ("auto", True, {"TERM": "dumb"}, False),
        ("auto", True, {"TERM": "xterm"}, True),
        ("auto", True, {"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ("always", False, {"NO_COLOR": "1", "TERM": "dumb"}, True),
        ("never", True, {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colour(color: str, is_terminal: bool, environ: dict[str, str], wanted: bool) -> None:
    assert wants_colour(color, is_terminal=is_terminal, environ=environ) is wanted
