"""The floors of the house, as a table: what may import what, who may print, how large things may be.

Each rule is a function from modules to complaints. It must find nothing in chatroom, and something in a small module
that breaks it.
"""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parent.parent

FLOORS = {
    "chatroom.claims": 0,
    "chatroom.durations": 0,
    "chatroom.addresses": 0,
    "chatroom.errors": 0,
    "chatroom.text": 0,
    "chatroom.messages": 0,
    "chatroom.wire": 1,
    "chatroom.net": 1,
    "chatroom.server": 2,
    "chatroom.client": 2,
    "chatroom.server.cli": 3,
    "chatroom.server.admin": 3,
    "chatroom.client.cli": 3,
    "chatroom": 4,
    "chatroom.__main__": 4,
}
"""Imports go down, or stay in the same house on the same floor. Whoever is not named lives where its package does."""

SOCKETS = ("socket", "ssl", "select", "selectors", "socketserver", "asyncio", "chatroom.net")
PURE = (*SOCKETS, "threading", "time", "sqlite3", "subprocess")
FORBIDDEN = {
    "chatroom.errors": PURE,
    "chatroom.text": PURE,
    "chatroom.durations": (*PURE, "chatroom"),
    "chatroom.addresses": (*PURE, "chatroom"),
    "chatroom.messages": PURE,
    "chatroom.wire": PURE,
    "chatroom.net": ("chatroom.messages", "chatroom.wire", "sqlite3"),
    "chatroom.net.stream": ("threading",),
    "chatroom.net.words": PURE,
    "chatroom.net.certificate": ("socket", "threading"),
    "chatroom.server.room": (*SOCKETS, "sqlite3", "time"),
    "chatroom.server.agenda": (*SOCKETS, "sqlite3", "time"),
    "chatroom.server.handout": (*PURE, "chatroom.server.store"),
    "chatroom.server.paging": (*PURE, "chatroom.server"),
    "chatroom.server.directory": (*SOCKETS, "sqlite3"),
    "chatroom.server.rights": (*PURE, "chatroom.server"),
    "chatroom.server.accounts": (*SOCKETS, "sqlite3"),
    "chatroom.server.moderation": (*SOCKETS, "sqlite3"),
    "chatroom.server.duties": PURE,
    "chatroom.server.changing": PURE,
    "chatroom.server.operator": (*SOCKETS, "sqlite3", "threading"),
    "chatroom.server.exporting": ("socket", "ssl", "threading", "sqlite3"),
    "chatroom.client.asks": PURE,
    "chatroom.client.asking": PURE,
    "chatroom.client.dialogue": PURE,
    "chatroom.server.batch": (*SOCKETS, "sqlite3", "time"),
    "chatroom.server.hub": (*SOCKETS, "sqlite3"),
    "chatroom.server.member": (*SOCKETS, "sqlite3", "time"),
    "chatroom.server.commands": (*SOCKETS, "sqlite3", "threading"),
    "chatroom.server.limits": (*PURE, "chatroom"),
    "chatroom.server.reading": (*SOCKETS, "sqlite3", "time"),
    "chatroom.server.store": SOCKETS,
    "chatroom.server.outbox": ("chatroom.messages", "chatroom.wire", "chatroom.server.member", "chatroom.server.room"),
    "chatroom.server.flusher": ("chatroom",),
    "chatroom.client.session": ("colorama", "prompt_toolkit", "playsound3"),
    "chatroom.client.clock": (*SOCKETS, "threading", "sqlite3", "chatroom"),
    "chatroom.client.render": (*PURE, "prompt_toolkit", "colorama"),
    "chatroom.client.paint": (*PURE, "prompt_toolkit", "chatroom.messages"),
    "chatroom.client.wrap": (*PURE, "prompt_toolkit", "chatroom.messages"),
    "chatroom.client.views": (*PURE, "prompt_toolkit"),
    "chatroom.client.outgoing": (*PURE, "prompt_toolkit"),
    "chatroom.client.complete": (*PURE, "prompt_toolkit"),
    "chatroom.client.checks": (*PURE, "prompt_toolkit"),
    "chatroom.client.answers": (*PURE, "prompt_toolkit"),
    "chatroom.client.settings": (*PURE, "prompt_toolkit", "msgspec"),
    "chatroom.client.options": (*PURE, "prompt_toolkit", "msgspec"),
    "chatroom.client.emoji": (*PURE, "prompt_toolkit"),
    "chatroom.client.commands": (*SOCKETS, "prompt_toolkit"),
    "chatroom.client.chat": (*SOCKETS, "prompt_toolkit", "colorama", "playsound3"),
    "chatroom.client.keys": ("chatroom",),
}

PRINTERS = {
    "chatroom.__main__",
    "chatroom.server.cli",
    "chatroom.server.admin",
    "chatroom.client.cli",
    "chatroom.client.terminal",
    "chatroom.client.page",
    "chatroom.client.pipe",
    "chatroom.server.lines",  # the log
}

FILE, FUNCTION, MEDIAN = 400, 40, 9
LOCKS = {"Lock", "RLock", "Condition", "Semaphore"}


class Module:
    """One file, parsed."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.source = source
        self.tree = ast.parse(source)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        return [node for node in self.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    @property
    def classes(self) -> list[ast.ClassDef]:
        return [node for node in self.nodes if isinstance(node, ast.ClassDef)]

    def imports(self) -> Iterator[str]:
        """All names of modules, and of what is taken from them; also those that are only written in a string."""
        for node in self.nodes:
            match node:
                case ast.Import(names=names):
                    yield from (alias.name for alias in names)
                case ast.ImportFrom(module=str(module), names=names, level=0):
                    yield from (f"{module}.{alias.name}" for alias in names)
                case ast.ImportFrom():
                    yield "."
                case ast.Constant(value=str(text)) if re.fullmatch(r"chatroom\.(server|client)(\.\w+)*", text):
                    yield text


Rule = Callable[[list[Module]], list[str]]


def home_of(name: str) -> str:
    """Of FLOORS, the place where this module lives."""
    while name not in FLOORS:
        name = name.rpartition(".")[0]
    return name


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


# The rules


def imports_go_down(modules: list[Module]) -> list[str]:
    return [
        f"{module.name} imports {name}"
        for module in modules
        for name in module.imports()
        if name == "." or (is_within(name, "chatroom") and name != "chatroom.__version__")
        if name == "." or not _may_import(home_of(module.name), home_of(name))
    ]


def _may_import(home: str, target: str) -> bool:
    if {_side_of(home), _side_of(target)} == {"server", "client"}:
        return False
    if FLOORS[home] == FLOORS[target]:
        return home == target or FLOORS[home] == 0
    return FLOORS[home] > FLOORS[target]


def _side_of(home: str) -> str:
    return f"{home}.".split(".")[1]


def each_floor_does_without(modules: list[Module]) -> list[str]:
    return [
        f"{module.name} imports {name}"
        for module in modules
        for place, forbidden in FORBIDDEN.items()
        if is_within(module.name, place)
        for name in module.imports()
        if any(is_within(name, each) for each in forbidden)
    ]


def no_module_needs_one_that_needs_it(modules: list[Module]) -> list[str]:
    """While they are loaded; an import inside a function comes later."""
    names = {module.name for module in modules}
    needs = {module.name: {n for n in _needed_at_once(module, names) if n != module.name} for module in modules}
    while loose := [name for name, needed in needs.items() if not needed & needs.keys()]:
        for name in loose:
            del needs[name]
    return [f"{name} needs {', '.join(sorted(needed & needs.keys()))}" for name, needed in needs.items()]


def _needed_at_once(module: Module, names: set[str]) -> Iterator[str]:
    for node in module.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names} & names
            yield from inside or {node.module}
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def only_printers_print(modules: list[Module]) -> list[str]:
    return [
        f"{module.name}:{node.lineno} prints"
        for module in modules
        if module.name not in PRINTERS
        for node in module.nodes
        if isinstance(node, ast.Name | ast.Attribute | ast.ImportFrom) and _prints(node)
    ]


def _prints(node: ast.Name | ast.Attribute | ast.ImportFrom) -> bool:
    streams = {"stdout", "stderr", "__stdout__", "__stderr__"}
    match node:
        case ast.Name(id=name):
            return name in ("print", "input")
        case ast.Attribute(value=ast.Name(id="sys"), attr=name):
            return name in streams
        case ast.ImportFrom(module="sys", names=names):
            return any(alias.name in streams for alias in names)
    return False


def files_are_short(modules: list[Module]) -> list[str]:
    lengths = {module.name: len(module.source.splitlines()) for module in modules}
    return [f"{name} has {length} lines" for name, length in lengths.items() if length >= FILE]


def functions_are_short(modules: list[Module]) -> list[str]:
    return [
        f"{module.name}.{function.name} has {lines_of(function)} lines"
        for module in modules
        for function in module.functions
        if lines_of(function) > FUNCTION
    ]


def most_functions_are_very_short(modules: list[Module]) -> list[str]:
    middle = median([lines_of(function) for module in modules for function in module.functions] or [0])
    return [f"the median function has {middle} lines"] if middle >= MEDIAN else []


def modules_say_what_they_know(modules: list[Module]) -> list[str]:
    """And what they do not know."""
    return [
        f"{module.name} does not say what it knows"
        for module in modules
        if not re.search(r"\b(know|pure\b)", ast.get_docstring(module.tree) or "", re.IGNORECASE)
        if len(module.tree.body) > 1 and module.name not in ("chatroom", "chatroom.__main__")  # they have names alone
    ]


def every_module_has_a_docstring(modules: list[Module]) -> list[str]:
    return [f"{module.name} has no docstring" for module in modules if not ast.get_docstring(module.tree)]


def shared_objects_say_who_may_call_them(modules: list[Module]) -> list[str]:
    """What holds a lock is shared: its docstring, or that of each public method, or the module's says by whom."""
    return [
        f"{module.name}.{shared.name}.{method.name} does not say which threads may call it"
        for module in modules
        for shared in module.classes
        if _holds_a_lock(shared) and not _speaks_of_threads(shared) and not _speaks_of_threads(module.tree)
        for method in shared.body
        if isinstance(method, ast.FunctionDef)
        if not method.name.startswith("_") and not _speaks_of_threads(method)
    ]


def _holds_a_lock(shared: ast.ClassDef) -> bool:
    made = [node.func for node in ast.walk(shared) if isinstance(node, ast.Call)]
    return any((f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "")) in LOCKS for f in made)


def _speaks_of_threads(node: ast.ClassDef | ast.FunctionDef | ast.Module) -> bool:
    docstring = ast.get_docstring(node) or ""
    return bool(re.search(r"\bthreads?\b", docstring) or re.match(r"See \w+\.$", docstring))


# They hold, and each can fail


@cache
def chatroom() -> list[Module]:
    """All of it. Read when the first test asks, for whoever only looks which tests there are."""
    return [
        Module(
            ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"),
            path.read_text(encoding="utf-8"),
        )
        for path in sorted((ROOT / "chatroom").rglob("*.py"))
    ]


LONG = "def long():\n" + "    pass\n" * FUNCTION
LOCKED = (
    "class Shared:\n    def __init__(self):\n        self.lock = threading.Lock()\n    def call(self): '''Calls.'''"
)

BROKEN: list[tuple[Rule, str, str]] = [
    (imports_go_down, "chatroom.wire.native", "from chatroom.server.room import Room"),
    (imports_go_down, "chatroom.wire", "from chatroom.net import stream"),
    (imports_go_down, "chatroom.text", "import chatroom.wire"),
    (imports_go_down, "chatroom.server.hub", "from chatroom.client import session"),
    (imports_go_down, "chatroom.client.session", "from chatroom.server.limits import Bucket"),
    (imports_go_down, "chatroom.client.cli", "from chatroom.server.limits import Bucket"),
    (imports_go_down, "chatroom.server.cli", "import chatroom.client.cli"),
    (imports_go_down, "chatroom.server.server", "from chatroom.server.cli import main"),
    (imports_go_down, "chatroom.server.server", "def later():\n    import chatroom.client.session"),
    (imports_go_down, "chatroom.server.server", "import_module('chatroom.client.session')"),
    (imports_go_down, "chatroom.server.server", "from chatroom import Client"),
    (imports_go_down, "chatroom.server.server", "from . import room"),
    *[(each_floor_does_without, "chatroom.wire.native", f"import {name}") for name in PURE],
    *[(each_floor_does_without, "chatroom.errors", f"from {name} import x") for name in PURE],
    (each_floor_does_without, "chatroom.server.room", "import socket"),
    (each_floor_does_without, "chatroom.server.hub", "def later():\n    from socket import socket"),
    (each_floor_does_without, "chatroom.server.member", "from chatroom.net.stream import Stream"),
    (each_floor_does_without, "chatroom.server.limits", "import time"),
    (no_module_needs_one_that_needs_it, "chatroom.text", "import chatroom.text2"),
    (only_printers_print, "chatroom.server.room", "print('hello')"),
    (only_printers_print, "chatroom.server.room", "def f(say=print): pass"),
    (only_printers_print, "chatroom.client.session", "import sys\nsys.stdout.write('hello')"),
    (only_printers_print, "chatroom.client.session", "from sys import stderr"),
    (files_are_short, "chatroom.text", "\n" * FILE),
    (functions_are_short, "chatroom.text", LONG),
    (functions_are_short, "chatroom.text", "class C:\n    async " + LONG.replace("\n", "\n    ")),
    (most_functions_are_very_short, "chatroom.text", "def f():\n" + "    pass\n" * (MEDIAN - 1)),
    (every_module_has_a_docstring, "chatroom.text", "import re"),
    (modules_say_what_they_know, "chatroom.text", "'''Text.'''\nimport re"),
    (shared_objects_say_who_may_call_them, "chatroom.server.hub", LOCKED),
]
COMPANION = Module("chatroom.text2", '"""Knows."""\nimport chatroom.text')
RULES = list(dict.fromkeys(rule for rule, _, _ in BROKEN))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.__name__))
def test_the_house_keeps(rule: Rule) -> None:
    assert rule(chatroom()) == []


@pytest.mark.parametrize(
    ("rule", "name", "source"), BROKEN, ids=[f"{rule.__name__}: {source[:40]}" for rule, _, source in BROKEN]
)
def test_a_module_that_breaks_a_rule_is_found(rule: Rule, name: str, source: str) -> None:
    assert rule([Module(name, source), COMPANION])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.__name__))
def test_a_module_that_keeps_the_rules_is_left_alone(rule: Rule) -> None:
    good = '"""Knows words."""\nimport re\nfrom chatroom.errors import Refusal\n\ndef short():\n    return re'
    locked = LOCKED.replace("'''Calls.'''", "'''Any thread.'''")
    assert rule([Module("chatroom.text", good), Module("chatroom.server.hub", f'"""Knows."""\n{locked}')]) == []


def test_every_module_is_judged() -> None:
    names = {module.name for module in chatroom()}
    assert {"chatroom", "chatroom.server.room", "chatroom.wire.native", "chatroom.client.session"} <= names
    assert {place for place in FORBIDDEN if place not in names} <= {"chatroom.server.batch"}
    assert names >= PRINTERS
