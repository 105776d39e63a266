"""The part of a module's code that can change a result, as a syntax tree without the rest.

Left out, because nothing but a reader sees it:

- docstrings;
- text that is passed to an exception where it is raised: `raise InputError("...")`; its class, its other arguments and
  its keywords stay;
- statements that only log: `print(..., file=sys.stderr)`, calls of a function that does nothing but such a print (here
  or imported), always or under a condition without effects, `log`, `logger` or `logging` with the name of a level, and
  descriptions of progress bars;
- the text of `warnings.warn`, and what tqdm shows beside the numbers;
- help, metavar, description and epilog of argparse.

A print to standard output stays: it is what a command gives to its caller. Where a left-out expression may do more than
make text (an assignment `:=`, `await`, `yield`, a call that is not known to be free of effects), that part stays.
"""

import ast
from collections.abc import Callable

LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
LOGGERS = {"log", "logger", "logging"}
DESCRIBES = {"set_description", "set_description_str", "set_postfix", "set_postfix_str"}
PROGRESS_TEXT = {"desc", "unit", "mininterval", "maxinterval", "leave", "ncols", "colour", "postfix", "unit_scale"}
HELP = {"help", "metavar", "description", "epilog"}
HELPED = {"add_argument", "add_argument_group", "add_mutually_exclusive_group", "add_parser", "add_subparsers"}

PURE_FUNCTIONS = {
    "abs", "all", "any", "bool", "dict", "enumerate", "float", "format", "int", "isinstance", "len", "list", "max",
    "min", "range", "repr", "round", "set", "sorted", "str", "sum", "tuple", "type", "zip",
}  # fmt: skip
PURE_METHODS = {
    "as_posix", "decode", "endswith", "hex", "isoformat", "items", "keys", "ljust", "lower", "lstrip", "removeprefix",
    "removesuffix", "rjust", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "total_seconds", "upper",
    "values",
}  # fmt: skip
PURE_OF_MODULES = {
    ("dist", "get_rank"),
    ("dist", "is_initialized"),
    ("json", "dumps"),
    ("os", "getpid"),
    ("shlex", "join"),
    ("shlex", "quote"),
    ("time", "monotonic"),
    ("time", "strftime"),
    ("time", "time"),
}
CONSUMERS = {"map", "filter"}  # pure where the function that they call is


def canonical(tree: ast.Module, find: Callable[[str], frozenset[str]]) -> ast.Module:
    """The tree without what cannot change a result. The tree that is passed is changed.

    `find` gives the functions of a module, by its dotted name, that only print to standard error.
    """
    names = set(log_functions(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and (theirs := find(node.module)):
            names |= {alias.asname or alias.name for alias in node.names if alias.name in theirs}
    _Canonical(names).visit(tree)
    return tree


def log_functions(tree: ast.Module) -> frozenset[str]:
    """Names of the functions of a module that do nothing but print to standard error."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.decorator_list:
            body = node.body[1:] if _is_docstring(node.body[0]) else node.body
            if _only_prints(body):
                found.add(node.name)
    return frozenset(found)


def _only_prints(body: list[ast.stmt]) -> bool:
    match body:
        case [ast.If(test=test, body=inner, orelse=[])] if not _effects(test):
            return _only_prints(inner)
        case [ast.Expr(value=value)]:
            return _prints_to_stderr(value)
    return False


class _Canonical(ast.NodeTransformer):
    def __init__(self, log_functions: set[str]):
        self.log_functions = log_functions

    def visit(self, node: ast.AST) -> ast.AST:
        """Leave out the docstring of any block, then go on below."""
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            del body[0]
        return super().visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call):
            node.exc.args = [kept for arg in node.exc.args for kept in (_effects(arg) if _is_text(arg) else [arg])]
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt]:
        if isinstance(node.value, ast.Call) and self._only_logs(node.value):
            arguments = [*node.value.args, *(keyword.value for keyword in node.value.keywords)]
            return [ast.Expr(effect) for argument in arguments for effect in _effects(argument)]
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = _called(node)
        if name == "tqdm":
            node.args = [*node.args[:1], *(kept for arg in node.args[1:2] for kept in _effects(arg)), *node.args[2:]]
            _leave_out(node, PROGRESS_TEXT)
        elif name in HELPED or name.endswith("Parser"):
            _leave_out(node, HELP)
        elif name == "warn" and _base(node) == "warnings":
            node.args = [*(kept for arg in node.args[:1] for kept in _effects(arg)), *node.args[1:]]
        return self.generic_visit(node)

    def _only_logs(self, call: ast.Call) -> bool:
        if isinstance(call.func, ast.Name):
            return _prints_to_stderr(call) or call.func.id in self.log_functions
        return (_base(call) in LOGGERS and _called(call) in LEVELS) or _called(call) in DESCRIBES


def _leave_out(call: ast.Call, names: set[str]) -> None:
    call.keywords = [word for word in call.keywords if word.arg not in names or _effects(word.value)]


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_text(node: ast.expr) -> bool:
    """Whether an expression is written as text: a literal, an f-string, or text joined from such."""
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            return True
        case ast.BinOp(op=ast.Add() | ast.Mod()):
            return _is_text(node.left) or _is_text(node.right)
        case ast.IfExp():
            return _is_text(node.body) and _is_text(node.orelse)
        case ast.Call(func=ast.Attribute(attr="join" | "format", value=text)):
            return _is_text(text)
    return False


def _effects(node: ast.AST) -> list[ast.expr]:
    """The outermost parts of an expression that may do more than give a value."""
    if isinstance(node, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
        return [node]
    if isinstance(node, ast.Call) and not _is_pure(node):
        return [node]
    return [effect for child in ast.iter_child_nodes(node) for effect in _effects(child)]


def _is_pure(call: ast.Call) -> bool:
    """Whether a call is known to give a value and do nothing else, apart from its arguments."""
    passed = [*(word.value for word in call.keywords if word.arg == "key")]
    match call.func:
        case ast.Name(id=name) if name in CONSUMERS:
            passed += call.args[:1]
        case ast.Name(id=name) if name in PURE_FUNCTIONS:
            pass
        case ast.Attribute(attr="join" | "format", value=ast.Constant(value=str())):
            pass
        case ast.Attribute(attr=name, value=ast.Name(id=module)) if (module, name) in PURE_OF_MODULES:
            pass
        case ast.Attribute(attr=name) if name in PURE_METHODS:
            pass
        case _:
            return False
    return all(isinstance(function, ast.Lambda) or _name(function) in PURE_FUNCTIONS for function in passed)


def _prints_to_stderr(node: ast.expr) -> bool:
    if not (isinstance(node, ast.Call) and _name(node.func) == "print"):
        return False
    return any(word.arg == "file" and ast.unparse(word.value) == "sys.stderr" for word in node.keywords)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _called(call: ast.Call) -> str:
    """The last part of the name of what is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else _name(call.func)


def _base(call: ast.Call) -> str:
    return _name(call.func.value) if isinstance(call.func, ast.Attribute) else ""
