"""What tests may not do."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from support_repo import files, modules


def test_no_package_below_tests() -> None:
    assert not [f for f in files() if f.parts[0] == "tests" and f.name == "__init__.py"], (
        "an __init__.py below tests/ would hide dnspython behind tests/dns"
    )


def test_every_skip_has_its_reason() -> None:
    bare = []
    for path, text in modules().items():
        if path.parts[0] == "tests":
            bare += [f"{path}:{line}" for line in _bare_skips(ast.parse(text))]
    assert not bare, f"a skip without a reason: {bare}"


def _bare_skips(tree: ast.AST) -> Iterator[int]:
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name.endswith("mark.skipif") and not any(k.arg == "reason" for k in node.keywords):
                yield node.lineno
            if name in ("pytest.skip", "pytest.mark.skip", "pytest.xfail") and not (node.args or node.keywords):
                yield node.lineno
        elif isinstance(node, ast.Attribute) and id(node) not in called and ast.unparse(node) == "pytest.mark.skip":
            yield node.lineno
