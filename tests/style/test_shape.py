"""One idea a module, functions that fit a screen."""

from __future__ import annotations

import ast

from support_repo import modules

MOST_LINES = 500
MOST_FUNCTION = 60


def test_modules_are_short() -> None:
    long = {str(path): text.count("\n") for path, text in modules().items() if text.count("\n") > MOST_LINES}
    assert not long, f"more than {MOST_LINES} lines: {long}"


def test_functions_fit_a_screen() -> None:
    long = []
    for path, text in modules().items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MOST_FUNCTION:
                    long.append(f"{path}:{node.lineno} {node.name}: {length}")
    assert not long, f"more than {MOST_FUNCTION} lines: {long}"


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path)
        for path, text in modules().items()
        if path.parts[0] != "tests" and text.strip() and not ast.get_docstring(ast.parse(text))
    ]
    assert not silent, f"no docstring: {silent}"
