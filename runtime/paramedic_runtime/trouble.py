"""What a failed call to an engine means, in words, with the command that mends it. Pure."""

from __future__ import annotations

from paramedic_core.errors import EngineAway, NotAnEngine
from paramedic_runtime.labels import text
from paramedic_runtime.lean import docker, requests, urllib3

BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError, docker.errors.DockerException)
"""Everything that docker-py and what is below it raise when a call fails."""


def alien(address: str, why: str) -> NotAnEngine:
    """What answers there is something else."""
    return NotAnEngine(f"what answers at {address} is not a Docker Engine: {why}; set runtime.engine")


def explain(error: BaseException, address: str, timeout: float) -> EngineAway | NotAnEngine:
    """What a failed call means.

    Args:
        error: what was raised; its causes are looked at too.
        address: who was called.
        timeout: how long was waited, in seconds.
    """
    chain = _chain(error)
    path = address.removeprefix("unix://")
    if any(isinstance(e, FileNotFoundError) for e in chain):
        return EngineAway(f"there is no socket at {path}: start the engine (systemctl start docker)")
    if any(isinstance(e, PermissionError) for e in chain):
        return EngineAway(
            f"no right to open {path}: run paramedic as root, or let its user in (usermod -aG docker USER)"
        )
    if any(isinstance(e, ConnectionRefusedError) for e in chain):
        return EngineAway(f"nobody listens at {address}: start the engine (systemctl start docker)")
    if any(isinstance(e, (TimeoutError, requests.Timeout)) for e in chain):
        return EngineAway(f"{address} does not answer within {timeout:g} s", retry_after=2.0)
    words = " ".join(type(e).__name__ for e in chain)
    if "BadStatusLine" in words or "UnknownProtocol" in words or "LineTooLong" in words:
        return alien(address, "it does not speak HTTP")
    return EngineAway(f"{address} broke off: {text(str(error), 200)}")


def _chain(error: BaseException | None) -> list[BaseException]:
    """An exception with all that caused it; requests and urllib3 wrap each other's, some only in `args`."""
    found: list[BaseException] = []
    queue = [error]
    while queue and len(found) < 20:
        current = queue.pop()
        if current is None or any(current is f for f in found):
            continue
        found.append(current)
        queue += [current.__cause__, current.__context__, getattr(current, "reason", None)]
        queue += [a for a in current.args if isinstance(a, BaseException)]
    return [e for e in found if isinstance(e, BaseException)]
