"""What the tests of several floors share: frames written by hand, rooms without sockets, a clock that is set."""
