"""What the scripts share to make their environment on a machine that has only Python and this checkout.

Knows which Python is too old, and says so before anything newer is read: even a Python 2 can read this file and the two
scripts for users, which import it first. Does not know how an environment is made.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - here an older Python is the point
    sys.exit(
        "chatroom needs Python 3.11 or newer and this is Python "
        + sys.version.split()[0]
        + ": start it with a newer one, for example `python3.12 "
        + sys.argv[0]
        + "`."
    )
