"""What a private engine needs of the machine, and how it gets there."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PATH = os.pathsep.join([*os.environ.get("PATH", "").split(os.pathsep), "/usr/local/sbin", "/usr/sbin", "/sbin"])
_POLICY = Path("/usr/sbin/policy-rc.d")
_APT_MOST = 900
_WAIT = ("-o", "DPkg::Lock::Timeout=600")
"""Another apt-get may be at work: it is waited for."""


class CannotHave(Exception):
    """No engine can be had here; the text says what is missing."""


def tool(name: str) -> str | None:
    """Where a program is, also in the folders that only root has on its path."""
    return shutil.which(name, path=PATH)


def check_root() -> None:
    """Raise CannotHave unless root."""
    if os.geteuid() != 0:
        raise CannotHave(
            "a private Docker daemon needs root. Run it as root (`sudo make …`), "
            "or with ENGINE=host to use the machine's own engine, of which only our own containers are touched"
        )


def install_engine() -> None:
    """Install Debian's Docker Engine and what it calls, where missing.

    Raises:
        CannotHave: something is missing and cannot be installed.
    """
    wanted = {
        "dockerd": "docker.io",
        "containerd": "containerd",
        "runc": "runc",
        "iptables": "iptables",
        "ip": "iproute2",
    }
    packages = [package for name, package in wanted.items() if tool(name) is None]
    if _apparmor_on() and tool("apparmor_parser") is None:
        packages.append("apparmor")
    if packages:
        install(packages)
    if tool("docker") is None:
        install(["docker-cli"])  # newer Debians ship the client apart from the daemon
    missing = [name for name in (*wanted, "docker") if tool(name) is None]
    if missing:
        raise CannotHave(f"{', '.join(missing)} is still missing after the installation")


def install(packages: list[str]) -> None:
    """Install Debian packages; services that come with them are not started.

    Raises:
        CannotHave: there is no apt here, or it failed.
    """
    apt = tool("apt-get")
    names = " ".join(packages)
    if apt is None:
        raise CannotHave(f"missing: {names} (as Debian names them), and there is no apt-get to install them with")
    print(f"scripts/engine: installing {names} with apt-get", file=sys.stderr)
    had_docker = tool("dockerd") is not None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _no_service_starts():
        for command in (
            [apt, "update", "-qq"],
            [apt, "install", *_WAIT, "-y", "-qq", "--no-install-recommends", *packages],
        ):
            try:
                done = subprocess.run(
                    command,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    timeout=_APT_MOST,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise CannotHave(f"`{' '.join(command)}` took more than {_APT_MOST} s") from None
            if done.returncode and command[1] == "install":
                tail = done.stdout.decode("utf-8", "replace")[-1500:]
                raise CannotHave(f"missing: {names}; `{' '.join(command)}` failed:\n{tail}")
    if not had_docker and tool("dockerd") and tool("systemctl"):
        # It came for private engines only: the machine does not get an engine of its own at its next boot.
        subprocess.run(
            ["systemctl", "disable", "docker.service", "docker.socket", "containerd.service"],
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip


@contextlib.contextmanager
def _no_service_starts() -> Iterator[None]:
    """Let no package start its service meanwhile (Debian's policy-rc.d); an existing policy stays."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)


def _apparmor_on() -> bool:
    try:
        return Path("/sys/module/apparmor/parameters/enabled").read_text().startswith("Y")
    except OSError:
        return False
