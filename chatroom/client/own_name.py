"""The commands that protect one's own name by a password.

Knows which passwords are asked for, and in which order. Knows nothing of how they are typed without being seen: a
Screen does; none is ever part of a line, kept, or shown. Called by the thread in which lines are typed; answers come
in another.
"""

from collections.abc import Callable

from chatroom.client.chat import Chat
from chatroom.client.command import Command

CANCELLED = "Nothing was changed."


def _ask_new(chat: Chat, question: str, then: Callable[[str], object]) -> None:
    """A password that is chosen is typed twice: nobody sees a slip."""

    def again(first: str) -> None:
        if not first:
            chat.tell("*", CANCELLED)
        else:
            chat.screen.ask_secret("Once more: ", lambda second: compare(first, second))

    def compare(first: str, second: str) -> None:
        if not second:
            chat.tell("*", CANCELLED)
        elif first == second:
            then(first)
        else:
            chat.tell("!", f"These two differ. {CANCELLED}")

    chat.screen.ask_secret(question, again)


def _is_typed_in_the_open(chat: Chat, command: str, argument: str) -> bool:
    if argument:
        chat.tell(
            "!", f"Type /{command} alone: passwords are asked for where nobody sees them. Choose another one now."
        )
    return bool(argument)


def _register(chat: Chat, argument: str) -> None:
    if _is_typed_in_the_open(chat, "register", argument):
        return
    name = chat.client.username
    protected = f"{name} is yours from now on: it opens with this password alone. /password changes it."

    def register(password: str) -> None:
        chat.ask(chat.client.register(password), lambda _: chat.tell("+", protected))

    _ask_new(chat, f"New password for {name}: ", register)


def _password(chat: Chat, argument: str) -> None:
    if _is_typed_in_the_open(chat, "password", argument):
        return
    name = chat.client.username

    def ask_new(old: str) -> None:
        if old:
            _ask_new(chat, f"New password for {name}: ", lambda new: change(old, new))
        else:
            chat.tell("*", CANCELLED)

    def change(old: str, new: str) -> None:
        sentence = "Your password is another one from now on; who came in by the old one elsewhere is out."
        chat.ask(chat.client.change_password(old, new), lambda _: chat.tell("+", sentence))

    chat.screen.ask_secret(f"Password of {name} until now: ", ask_new)


COMMANDS = (
    Command(
        "register", "", "protect your name by a password", _register,
        more="It is asked for where nobody sees it.",
    ),
    Command("password", "", "choose another password", _password, more="It is asked for where nobody sees it."),
)  # fmt: skip
