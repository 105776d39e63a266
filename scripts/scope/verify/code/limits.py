"""How long programs may run."""

TEST_S = 6.0
"""Wall-clock seconds of one test, or one call, where the tests set no other limit."""
PROGRAM_S = 60.0
"""Wall-clock seconds of all tests of a program."""
