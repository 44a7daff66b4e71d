"""The registry finds plug-ins by themselves; a broken one breaks nothing else."""

import importlib
import sys

import pytest

from paramedic_core.registry import discover

BASE = "class Plugin:\n    name = ''\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Make an importable package of the given modules."""
    made = []

    def make(**modules):
        name = f"plugins_{tmp_path.name}_{len(made)}"
        folder = tmp_path / name
        folder.mkdir()
        for module, text in {"__init__": "", "base": BASE, **modules}.items():
            (folder / f"{module}.py").write_text(text.replace("PACKAGE", name))
        made.append(name)
        importlib.invalidate_caches()
        return importlib.import_module(name), importlib.import_module(f"{name}.base").Plugin

    monkeypatch.syspath_prepend(str(tmp_path))
    yield make
    for name in [n for n in sys.modules if n.split(".")[0] in made]:
        del sys.modules[name]


def plugin(name):
    return f"from PACKAGE.base import Plugin\nclass One(Plugin):\n    name = {name!r}\n"


def test_plugins_are_found(package):
    registry = discover(*package(one=plugin("first"), two=plugin("second")))
    assert sorted(registry.plugins) == ["", "first", "second"]
    assert registry.failures == []


def test_a_module_that_fails_is_named_and_breaks_nothing(package):
    broken = {
        "raises": "raise RuntimeError('no library')",
        "syntax": "def (",
        "missing": "import no_such_module_anywhere",
    }
    registry = discover(*package(good=plugin("good"), **broken))
    assert "good" in registry.plugins
    assert {f.module.rpartition(".")[2] for f in registry.failures} == set(broken)
    assert any("RuntimeError: no library" in f.reason for f in registry.failures)


def test_a_name_is_taken_once(package):
    registry = discover(*package(a=plugin("same"), b=plugin("same")))
    assert registry.plugins["same"].__module__.endswith(".a")
    assert "is taken by" in registry.failures[0].reason


def test_what_is_no_plugin(package):
    text = plugin("x") + "class Helper(Plugin):\n    pass\nclass Stranger:\n    name = 'stranger'\n"
    imported = "from PACKAGE.one import One\n"
    registry = discover(*package(one=text, two=imported))
    assert sorted(registry.plugins) == ["", "x"]
    assert registry.failures == []
