"""What holds for all tests: nothing depends on how fast this machine is, on who started them, or leaves anything."""

import signal

from hypothesis import HealthCheck, settings

slow = [HealthCheck.too_slow]  # says something of this machine, not of the test
settings.register_profile("chatroom", deadline=None, database=None, print_blob=True, suppress_health_check=slow)
settings.load_profile("chatroom")

# A shell lets what it starts in the background ignore Ctrl-C, and so would every process that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
