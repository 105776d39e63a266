"""Runs an untrusted program: once for each input, or once and then its functions for each call.

The program may forge replies, but a forged reply is only a wrong answer: expected values never come here.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from scope.verify.sandbox.inside.wire import open_wire, pack, unpack

Answer = Callable[[dict[str, Any]], dict[str, Any]]

# Imports that contest sites make before they call a function of a solution.
PRELUDE = (
    "from typing import *\nfrom collections import *\nfrom functools import *\nfrom itertools import *\n"
    "from heapq import *\nfrom bisect import *\nfrom math import *\nfrom builtins import *\n"
    "import sys, math, re, random, string, heapq, bisect, itertools, functools, collections, copy\n"
)


def main() -> None:
    """Read the program, then one request a line; write one reply a line."""
    requests, replies = open_wire()
    job = json.loads(requests.readline())
    answer = run_once(job["program"]) if job["kind"] == "stdio" else open_calls(job)
    for line in requests:
        replies.write(json.dumps(answer(json.loads(line))) + "\n")
        replies.flush()


def run_once(program: str) -> Answer:
    """A handler that returns the output of a new process for each input, bounded by the file size limit."""
    with open("program.py", "w", encoding="utf-8") as file:
        file.write(program)

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        for name, content in (("input", request["stdin"]), ("output", "")):
            with open(name, "w", encoding="utf-8") as file:
                file.write(content)
        child = os.fork()
        if child == 0:
            os.dup2(os.open("input", os.O_RDONLY), 0)
            os.dup2(os.open("output", os.O_WRONLY), 1)
            os.execv(sys.executable, [sys.executable, "-I", "-X", "utf8", "program.py"])
        _, status = os.waitpid(child, 0)
        with open("output", encoding="utf-8", errors="replace", newline="") as file:
            return {"stdout": file.read(), "status": os.waitstatus_to_exitcode(status)}

    return answer


def open_calls(job: dict[str, Any]) -> Answer:
    """A handler that calls functions of the first source that runs and defines them all."""
    failure = "NameError"
    for source in job["sources"]:
        names: dict[str, Any] = {"__name__": "candidate"}
        try:
            exec(PRELUDE if job["prelude"] else "", names)
            for name in job["functions"]:  # the program has to define these itself
                names.pop(name, None)
            exec(compile(source, "program.py", "exec"), names)
            functions = {name: find(name, names) for name in job["functions"]}
        except BaseException as error:
            failure = type(error).__name__
            continue
        return lambda request: call(functions, request)
    return lambda _: {"raised": failure}


def find(name: str, names: dict[str, Any]) -> Any:
    """The function of the program, or the method of its class Solution."""
    return names[name] if name in names else getattr(names["Solution"](), name)


def call(functions: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """The value that a function returns, or the name of the exception that it raises."""
    try:
        return {"value": pack(functions[request["call"]](*unpack(request["args"]), **unpack(request["kwargs"])))}
    except BaseException as error:
        return {"raised": type(error).__name__}
