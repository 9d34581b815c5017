"""What takes minutes, not seconds: no test of the ordinary run. `pytest tests/stress` runs it, and
CHATROOM_STRESS=long makes it thorough."""
