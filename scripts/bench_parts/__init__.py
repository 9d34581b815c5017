"""The parts of ``scripts/bench.py``, lowest floor first.

figures    counting markers, percentiles, medians, ratios: pure
dialects   what a client says to each kind of server, and how to read what it hears: pure bytes
machine    cores, limits, and what a process has used of them, as the system tells it
servers    how each server is configured, started and ended
crowd      many clients in rooms, over real sockets in one thread; sends and counts
runs       what is measured: a flood, a paced conversation, a crowd that is idle
arrivals   a crowd that comes in, and a newcomer who catches up
report     figures as lines, a table of ratios, or JSON

and on them the comparison of all servers:

contest    which servers in which ways, which figures, which targets: tables
results    medians, ratios round by round, targets met or missed: pure
rounds     every figure on every server by turns, each on one freshly started
table      the results in words
page       the results as a page with plots
compare    the command and its options
"""
