"""Fault points have literal, unique names, so that a test can find them all."""

from __future__ import annotations

import ast
from collections import Counter

from support_repo import modules, packages


def test_fault_points_are_literal_and_unique() -> None:
    names: Counter[str] = Counter()
    tops = {package.parts for package in packages()}
    for path, text in modules().items():
        if path.parts[:2] not in tops:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "fault":
                assert len(node.args) == 1, f"{path}:{node.lineno}"
                (name,) = node.args
                assert isinstance(name, ast.Constant), f"{path}:{node.lineno}: the name must be a literal"
                assert isinstance(name.value, str), f"{path}:{node.lineno}: the name must be a text"
                assert name.value.count(".") >= 1, f"{path}:{node.lineno}: {name.value} is not PART.POINT"
                names[name.value] += 1
    twice = [name for name, count in names.items() if count > 1]
    assert not twice, f"the same fault point in two places: {twice}"
