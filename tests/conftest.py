"""How hypothesis is set for all tests: nothing depends on how fast this machine is, and nothing is left behind."""

from hypothesis import settings

settings.register_profile("chatroom", deadline=None, database=None, print_blob=True)
settings.load_profile("chatroom")
