"""From files, environment, `--set` and flags to Settings. Of two that speak of one setting, the later of these counts."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, TypeVar

from paramedic_core.config import autoheal, given, secret_files
from paramedic_core.config.lint import contradictions, findings
from paramedic_core.config.mistakes import Finding, Mistake, Place, summary
from paramedic_core.config.readers import unwrap
from paramedic_core.config.schema import Path, check, leaves
from paramedic_core.config.text import Parsed, read_file
from paramedic_core.errors import ConfigError
from paramedic_core.settings import Settings

T = TypeVar("T")
_MOST_FILES = 100
USUAL_FILE = FilePath("/etc/paramedic/paramedic.yaml")
Values = dict[Path, tuple[Any, Place]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration."""

    settings: Settings
    origins: Mapping[str, str]
    """Dotted setting (`healer.services.web` for an entry of a mapping) → `default`, `FILE:LINE`, `environment NAME`, …"""
    warnings: Sequence[Finding]
    """What is allowed, and probably not meant."""


def load(
    files: Iterable[FilePath | str] = (),
    env: Mapping[str, str] | None = None,
    sets: Iterable[str] = (),
    flags: Mapping[str, str] | None = None,
) -> Loaded:
    """Read everything, then check everything.

    Args:
        files: YAML files; of two, the later one counts.
        env: environment variables, as `os.environ`.
        sets: `section.field=value`, each from one `--set`.
        flags: dotted setting → value, from flags such as `--data`.

    Raises:
        ConfigError: its text lists every mistake there is, each with its place; they are in `mistakes` too.
    """
    paths = [FilePath(f) for f in files]
    mistakes: list[Mistake] = []
    if len(paths) > _MOST_FILES:
        mistakes.append(Mistake(Place("command line"), "", f"more than {_MOST_FILES} configuration files"))
    from_env, warnings = given.from_environment(env or {})
    borrowed, more = autoheal.from_environment(env or {})
    trees = [
        *borrowed,
        *(read_file(p) for p in paths[:_MOST_FILES]),
        *from_env,
        *given.from_sets(sets),
        *given.from_flags(flags or {}),
    ]
    values: Values = {}
    for tree in trees:
        found, wrong = _read(tree)
        values |= found
        mistakes += wrong
    settings = _build(Settings, (), values) if not mistakes else Settings()
    mistakes += contradictions(settings, values) if not mistakes else []
    if mistakes:
        raise ConfigError(summary(mistakes), mistakes=mistakes)
    said = [*warnings, *more, *_outvoted(borrowed, values), *findings(settings, values)]
    return Loaded(settings, _origins(values), said)


def default_files(env: Mapping[str, str]) -> list[FilePath]:
    """The files that count when none is named: PARAMEDIC_CONFIG (several with colons between), else the usual one if it is there."""
    named = [FilePath(name) for name in env.get("PARAMEDIC_CONFIG", "").split(":") if name]
    return named or [USUAL_FILE] * USUAL_FILE.exists()


def _outvoted(borrowed: Iterable[Parsed], values: Values) -> list[Finding]:
    """What docker-autoheal's variables say in vain."""
    found = []
    for tree in borrowed:
        for path, (_, place) in _read(tree)[0].items():
            if values[path][1] != place:
                found.append(Finding(place, ".".join(path), f"does not count: {values[path][1].origin} says it too"))
    return found


def _read(tree: Parsed) -> tuple[Values, list[Mistake]]:
    mistakes = list(tree.mistakes)
    if tree.root is None:
        return {}, mistakes
    mistakes += secret_files.resolve(tree.root, leaves())
    values, wrong = check(tree.root)
    return values, sorted(mistakes + wrong, key=lambda m: (m.place.line, m.place.column))


def _build(kind: type[T], above: Path, values: Values) -> T:
    """The dataclass at `above`, with what was given for it."""
    hints = typing.get_type_hints(kind, include_extras=True)
    found: dict[str, Any] = {}
    for field in dataclasses.fields(typing.cast(Any, kind)):
        path = (*above, field.name)
        leaf = leaves().get(path)
        if leaf is None:
            found[field.name] = _build(unwrap(hints[field.name])[0], path, values)
        elif leaf.shape == "mapping":
            entries = {p[-1]: v for p, (v, _) in values.items() if p[:-1] == path}
            if entries:
                found[field.name] = entries
        elif path in values:
            found[field.name] = values[path][0]
    return kind(**found)


def _origins(values: Values) -> dict[str, str]:
    origins = {leaf.dotted: "default" for leaf in leaves().values()}
    for path, (_, place) in values.items():
        if path[:-1] in leaves():
            origins.pop(".".join(path[:-1]), None)
        origins[".".join(path)] = place.origin
    return origins
