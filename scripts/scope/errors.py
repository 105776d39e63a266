"""The one error that people are meant to read: what is wrong, where, and what to write instead."""


class InputError(ValueError):
    """Bad input from outside: a config key, a file, a row, a model folder, a server's answer.

    The command lines print its message alone, without a traceback, and exit with status 2. `code` names the problem in
    one to four words, such as "missing-column": tests compare the code, so that the sentence is free to improve.
    """

    def __init__(self, message: str, code: str):
        super().__init__(message, code)  # pickling, as between processes, calls the class with these
        self.code = code

    def __str__(self) -> str:
        return self.args[0]
