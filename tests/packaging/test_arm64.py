"""The lock can be installed on linux/arm64 without a compiler: what pip chose there when the lock was made still holds."""

from __future__ import annotations

import re

from locked import entries, needed, normal
from support_repo import ROOT

LOCK = (ROOT / "requirements.lock").read_text()


def _chosen() -> dict[str, tuple[str, str, str]]:
    """Each package's version, wheel and hash, as pip resolved them for arm64."""
    found = {}
    for line in (ROOT / "deploy/arm64.txt").read_text().splitlines():
        digest, _, name = line.partition("  ")
        package, version = name.split("-")[:2]
        found[normal(package)] = (version, name, digest)
    return found


def _run_time() -> dict[str, str]:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return needed(LOCK, project["dependencies"])


def test_every_package_of_an_installation_has_a_wheel_there() -> None:
    assert set(_chosen()) == set(_run_time()), "the lock has changed: run `make lock`"


def test_it_is_the_locked_file() -> None:
    for name, entry in _run_time().items():
        version, wheel, digest = _chosen()[name]
        assert entry.startswith(f"{name}=={version} "), f"{name}: the lock has changed: run `make lock`"
        assert f"--hash=sha256:{digest}" in entry, f"{wheel} is not the locked file"


def test_each_fits_arm64() -> None:
    for _, wheel, _ in _chosen().values():
        assert re.search(r"-(any|[a-z0-9_.]*_aarch64)\.whl$", wheel), f"{wheel} is for another machine"


def test_what_developers_need_is_left_out_and_nothing_else() -> None:
    assert {"mypy", "ruff", "pytest", "hypothesis"} <= set(entries(LOCK))
    assert not {"mypy", "ruff", "pytest", "hypothesis"} & set(_run_time())
    assert {"click", "flask", "jinja2", "numpy", "msgpack"} <= set(_run_time())
