"""The real image and the real Compose: a base made by debootstrap, built and started on a private engine.

Nothing of this machine but its certificates and its mirror gets into the base, and nothing of that into the repository.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from support_engine import PrivateEngine
from support_ports import free_port
from support_repo import ROOT

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "paramedic"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_SHARED = """#!/bin/sh
# A daemon whose / is a shared mount, as systemd makes it on a host; and with a socket below /run, as a host's has it.
exec unshare --mount sh -c 'mount --make-rshared / && PATH={folder}:$PATH exec {dockerd} "$@" {more}' dockerd "$@"
"""


def run(*command: str | Path, within: float = 300.0, **more: Any) -> str:
    """Run a command; its output, stripped.

    Raises:
        AssertionError: it failed.
    """
    done = subprocess.run(command, capture_output=True, text=True, timeout=within, check=False, **more)
    assert done.returncode == 0, f"{command}: {done.returncode}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout.strip()


@contextlib.contextmanager
def host_like_engine() -> Iterator[PrivateEngine]:
    """A private engine that looks like a host's own; its usual socket is `engine.public`."""
    dockerd = os.environ.get("DOCKERD") or shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin") or ""
    with tempfile.TemporaryDirectory(prefix="pm-") as tools:
        public = Path(f"/run/pm-{secrets.token_hex(3)}/docker.sock")
        public.parent.mkdir()
        wrapper = Path(tools, "dockerd")
        more = f"-H unix://{public}"
        wrapper.write_text(_SHARED.format(folder=Path(dockerd).parent, dockerd=dockerd, more=more))
        wrapper.chmod(0o755)
        environment = {**os.environ, "DOCKERD": str(wrapper)}
        address = run(ROOT / "scripts/engine", "up", "--owner", str(os.getpid()), env=environment)
        folder = Path(address.removeprefix("unix://")).parent
        engine = PrivateEngine(folder, address)
        engine.public = public  # type: ignore[attr-defined]
        try:
            yield engine
        finally:
            engine.close()
            run(ROOT / "scripts/engine", "down", folder)
            shutil.rmtree(public.parent)


def base(engine: PrivateEngine, name: str = "paramedic/base:1") -> str:
    """Import a slim Debian, made once by debootstrap and kept; returns its name."""
    kept = _CACHE / "debian-bookworm.tar"
    if not kept.exists():
        if shutil.which("debootstrap") is None:
            pytest.skip("debootstrap is not installed")
        with tempfile.TemporaryDirectory(prefix="pm-base-") as folder:
            root = Path(folder, "root")
            mirror = _mirror()
            run("debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", root, mirror, within=900)
            shutil.copyfile(_CERTIFICATES, root / "etc/ssl/certs/ca-certificates.crt")
            (root / "etc/apt/apt.conf.d/99stored").write_text('Acquire::Check-Valid-Until "false";\n')
            (root / "etc/apt/sources.list").write_text(f"deb {mirror} bookworm main\n")
            for rubbish in ("var/cache/apt/archives", "var/lib/apt/lists"):
                shutil.rmtree(root / rubbish, ignore_errors=True)
            kept.parent.mkdir(parents=True, exist_ok=True)
            run("tar", "-C", root, "-cf", f"{kept}.new", ".")
            Path(f"{kept}.new").rename(kept)
    engine.docker("import", str(kept), name, timeout=300)
    return name


def _mirror() -> str:
    """The machine's own Debian mirror."""
    said = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").split()
    found = next((uri for uri in said if uri.rstrip("/").endswith("/debian")), None)
    if found is None:
        pytest.skip("apt names no mirror of Debian here")
    return found


def pip_settings() -> dict[str, str]:
    """What pip was told on this machine, as build arguments; certificates are in the base at Debian's own place."""
    found = {}
    for name in ("index-url", "extra-index-url", "trusted-host"):
        variable = f"PIP_{name.upper().replace('-', '_')}"
        asked = subprocess.run(
            [sys.executable, "-m", "pip", "config", "get", f"global.{name}"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        value = os.environ.get(variable) or asked.stdout.strip()
        if value:
            found[variable] = value
    return {**found, "PIP_CERT": str(_CERTIFICATES)}


def build(engine: PrivateEngine, tag: str = "paramedic") -> float:
    """Build the image; returns the seconds that it took."""
    settings = {"BASE": base(engine), **pip_settings()}
    arguments = [word for name, value in settings.items() for word in ("--build-arg", f"{name}={value}")]
    command = [
        "docker", "-H", engine.host, "build", "-q", "--network", "host", *arguments, "-f", "deploy/Dockerfile", "-t", tag, ".",
    ]  # fmt: skip
    began = time.monotonic()
    run(*command, within=1200, cwd=ROOT, env={**os.environ, "DOCKER_BUILDKIT": "0"})
    return time.monotonic() - began


class Composed:
    """One of our Compose files, on an engine.

    Args:
        engine: as `host_like_engine` gives it.
        form: `small` or `full`.
        folder: for Docker's client settings and the override file.
        override: a further Compose file's content.
    """

    def __init__(self, engine: PrivateEngine, form: str, folder: Path, override: Mapping[str, Any]) -> None:
        self.engine, self.form = engine, form
        plugins = folder / "cli-plugins"
        plugins.mkdir(parents=True)
        (plugins / "docker-compose").symlink_to(
            Path(run(ROOT / "scripts/engine-current", "compose", within=1800), "docker-compose")
        )
        self.port = free_port()
        more = folder / "mine.json"
        more.write_text(json.dumps(override))
        self._files = ["-f", str(ROOT / f"deploy/compose/{form}.yaml"), "-f", str(more)]
        self._environment = {
            **os.environ, "DOCKER_HOST": engine.host, "DOCKER_CONFIG": str(folder), "PARAMEDIC_PORT": str(self.port),
            "DOCKER_SOCKET": str(engine.public),  # type: ignore[attr-defined]
            "PARAMEDIC_DNS_PORT": "53",
        }  # fmt: skip

    def compose(self, *words: str, within: float = 120.0) -> str:
        """`docker compose …`."""
        return run("docker", "compose", *self._files, *words, env=self._environment, within=within)

    def name(self, service: str) -> str:
        """The container of a service."""
        return self.compose("ps", "-aq", service)

    def cli(self, service: str, *words: str) -> subprocess.CompletedProcess[str]:
        """`paramedic …` inside a service's container."""
        command = ["docker", "-H", self.engine.host, "exec", self.name(service), "paramedic", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def up(self) -> float:
        """Start it; returns the seconds until every role of it is ready."""
        began = time.monotonic()
        self.compose("up", "-d", "--no-build", "--pull", "never")
        service = "paramedic" if self.form == "small" else "roles"
        # logs has nothing to read in the small form, and is never ready there.
        names = ("healer", "hub", "collector", "dns", *(("logs",) if self.form == "full" else ()))
        wanted = [word for name in ("runtime", *names) for word in ("--role", name)]
        end = began + 90
        while (said := self.cli(service, "healthcheck", "--ready", *wanted)).returncode:
            assert time.monotonic() < end, f"{said.stdout}{said.stderr}{self.compose('logs')}"
        return time.monotonic() - began

    def down(self) -> None:
        """Remove it, volumes and all."""
        self.compose("down", "-v", "--remove-orphans", "-t", "6")
