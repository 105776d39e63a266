"""The one error that people are meant to read: what is wrong, where, and what to write instead."""


class InputError(ValueError):
    """Bad input from outside: a config key, a file, a row, a model folder, a server's answer.

    The command lines print its message alone, without a traceback, and exit with status 2.
    """
