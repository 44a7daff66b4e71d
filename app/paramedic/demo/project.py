"""The sample project: seven containers on a network of their own, and the way in which each one breaks."""

from __future__ import annotations

import time
from dataclasses import dataclass

from paramedic.demo.engine import IMAGE, LABEL, PROJECT, Engine

# A start makes each of them well again, as it does with most things in life, save the one that stays broken.
_SERVE = "mkdir -p /tmp/www && echo well >/tmp/www/health && exec httpd -f -v -p 80 -h /tmp/www"
_HANG = "mkdir -p /tmp/www && echo well >/tmp/www/health; trap 'exit 0' TERM; httpd -f -p 80 -h /tmp/www & wait"
_WORK = "rm -f /tmp/crash && while [ ! -e /tmp/crash ]; do sleep 0.5; done; echo 'out of ideas' >&2; exit 3"
_LOOP = "[ -e /tmp/bad-data ] && { echo 'cannot read my data' >&2; exit 1; }; trap 'exit 0' TERM; sleep 100000 & wait"
_IDLE = "trap 'exit 0' TERM; sleep 100000 & wait"
_ASK = "wget -q -O /dev/null http://127.0.0.1/health"
_ORDINARY_START = 2.0
"""Seconds within which an ordinary machine starts a container and sees it end."""
_MOST_PATIENCE = 30.0
_MOST_PAUSE = 10.0
"""Seconds between two health checks, at most."""


@dataclass(frozen=True, slots=True)
class Service:
    """One container of the sample project."""

    name: str
    command: str
    leave: bool = True
    """It carries `paramedic.heal=true`."""
    health: str = ""
    options: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
    """What is run inside it to break it; empty: it is left alone."""
    told: str = ""
    """What breaking it means, in words."""
    heals_by: str = ""
    """The engine's event that tells of the act that heals it; empty: nothing does."""
    of: str = ""
    """The service that it is a container of; empty: one of its own name."""
    says: str = ""
    """What it says of its trouble, by which its lines are known among those kept as evidence."""

    @property
    def container(self) -> str:
        return f"{PROJECT}-{self.name}"


SERVICES: tuple[Service, ...] = (
    Service(
        "web", _SERVE, health=_ASK, breaks=("rm", "/tmp/www/health"), heals_by="restart",  # noqa: S108  inside the container
        told="its page answers 404, so its health check fails", says="404",
    ),
    Service("web-2", _SERVE, health=_ASK, of="web"),
    Service(
        "worker", _HANG, health=_ASK, breaks=("killall", "-STOP", "httpd"), heals_by="restart",
        told="its process hangs: the port is open, nobody answers, the health check times out",
    ),
    Service(
        "mailer", _WORK, breaks=("touch", "/tmp/crash"), heals_by="start",  # noqa: S108  inside the container
        told="it ends with exit code 3, and it has no restart policy", says="out of ideas",
    ),
    Service(
        "cache", _LOOP, options=("--restart", "always"), breaks=("sh", "-c", "touch /tmp/bad-data; (sleep 0.5; kill -TERM 1) &"),
        told="its data is damaged for good: it crashes at every start",
    ),
    Service("database", _IDLE, health="true"),
    Service(
        "legacy", _SERVE, leave=False, health=_ASK, breaks=("rm", "/tmp/www/health"),  # noqa: S108  inside the container
        told="it breaks as web did, but nobody has allowed paramedic to touch it",
    ),
)  # fmt: skip
HEALED = tuple(s for s in SERVICES if s.heals_by)
LOOPS = next(s for s in SERVICES if s.name == "cache")
REPLICAS = sum((s.of or s.name) == "web" for s in SERVICES)
UNTOUCHED = tuple(s for s in SERVICES if not s.leave or not s.breaks)


def start(engine: Engine) -> float:
    """Make the network and the containers; what an earlier demo left is removed first.

    Returns:
        how many times slower than an ordinary machine this one starts a container: 1 or more. Every wait of the demo is
        so many times longer.
    """
    engine.remove_project()
    engine.docker("network", "create", "--label", LABEL, PROJECT)
    began = time.monotonic()
    engine.docker("run", "--rm", "--label", LABEL, "--network", PROJECT, IMAGE, "true", timeout=600.0)
    patience = min(_MOST_PATIENCE, max(1.0, (time.monotonic() - began) / _ORDINARY_START))
    for service in SERVICES:
        options = _options(service, patience)
        engine.docker(
            "run", "-d", "--name", service.container, *options, IMAGE, "sh", "-c", service.command, timeout=600.0
        )
    return round(patience, 1)


def gateway(engine: Engine) -> str:
    """The host's address on the project's network."""
    asked = ("network", "inspect", PROJECT, "--format", "{{(index .IPAM.Config 0).Gateway}}")
    return engine.docker(*asked).partition("/")[0]


def break_it(engine: Engine, service: Service) -> None:
    """Break one of them from within, as life would."""
    engine.docker("exec", service.container, *service.breaks)


def _options(service: Service, patience: float) -> list[str]:
    options = [
        "--network", PROJECT, "--label", LABEL, "--label", f"com.docker.compose.service={service.of or service.name}",
        "--label", f"com.docker.compose.container-number={2 if service.of else 1}",
        "--stop-timeout", "2", "--memory", "64m", *service.options,
    ]  # fmt: skip
    if service.leave:
        options += ["--label", "paramedic.heal=true"]
    if service.health:
        options += ["--health-cmd", service.health, "--health-retries", "2"]
        # A probe costs a slow machine as much as a start: it must not be busy with nothing else.
        options += ["--health-interval", f"{min(patience, _MOST_PAUSE):.1f}s"]
        options += ["--health-timeout", f"{patience if patience == 1 else 2 * patience:.1f}s"]
    return options
