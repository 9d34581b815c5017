"""Run the chat client from a checkout: the first run makes all that it needs, every run hands its arguments on.

Knows which command it stands for; does not know how an environment is made.
"""

from _setup import launch

if __name__ == "__main__":
    launch.start("chatroom-client")
