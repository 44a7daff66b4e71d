"""Finds plug-ins: one module, one class with a `name`, no list to edit."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure:
    """A module that could not be used, and why."""

    module: str
    reason: str


@dataclass(slots=True)
class Registry(Generic[T]):
    """The plug-ins of one package, by name, with those that failed."""

    plugins: dict[str, type[T]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


def discover(package: ModuleType, kind: type[T]) -> Registry[T]:
    """Import every module of `package` and collect its subclasses of `kind` that have a `name`.

    A module that fails to import is reported by name and breaks nothing else; so is a second plug-in of one name.

    Args:
        package: a package whose modules are plug-ins.
        kind: the base class.
    """
    registry: Registry[T] = Registry()
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda i: i.name):
        module_name = f"{package.__name__}.{info.name}"
        try:
            module = importlib.import_module(module_name)
        except Exception as error:  # noqa: BLE001  a plug-in's import may fail in any way, and must break nothing else
            registry.failures.append(Failure(module_name, f"{type(error).__name__}: {error}"))
            continue
        for plugin in _plugins(module, kind):
            name = str(plugin.__dict__["name"])
            if name in registry.plugins:
                other = registry.plugins[name].__module__
                registry.failures.append(Failure(module_name, f"the name {name!r} is taken by {other}"))
            else:
                registry.plugins[name] = plugin
    return registry


def _plugins(module: ModuleType, kind: type[T]) -> list[type[T]]:
    found: list[Any] = [
        c
        for _, c in inspect.getmembers(module, inspect.isclass)
        if issubclass(c, kind) and c.__module__ == module.__name__ and "name" in c.__dict__
    ]
    return found
