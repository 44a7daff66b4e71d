"""Gathers the facts: from the roles, and from this machine."""

from __future__ import annotations

import os
import time
from pathlib import Path

from paramedic.console.peers import Away, NoRights, Peers
from paramedic.console.processes import role_states
from paramedic.console.report import read_report
from paramedic.doctor.base import Facts, Role
from paramedic_core.errors import ParamedicError
from paramedic_core.settings import Settings
from paramedic_core.world import World

_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))


def gather(data: Path, settings: Settings) -> Facts:
    """Ask every role once. Whoever does not answer is a fact too.

    Args:
        data: the data directory.
        settings: the configuration that paramedic runs with, or would.
    """
    peers = Peers(data, timeout=3.0)
    common = {
        "data": data,
        "settings": settings,
        "now": time.time(),
        "uid": os.geteuid(),
        "environ": os.environ,
    }
    try:
        roles = {s.role: Role("away" if s.state == "silent" else s.state, s.reason) for s in role_states(peers)}
    except NoRights as error:
        return Facts(**common, denied=error.message)  # type: ignore[arg-type]
    common["elsewhere"] = read_report(data).elsewhere
    world, denied = _world(peers)
    common["contained"] = _contained(world)
    freeze, _ = peers.maybe("runtime", "/freeze") if world else ({}, "")
    modes, _ = peers.maybe("healer", "/modes") if world else (None, "")
    common["named"] = tuple(str(name) for name in (modes or {}).get("named", ()))
    common["damage"] = _damage(peers) if "hub" in roles and roles["hub"].state != "away" else ""
    return Facts(**common, world=world, denied=denied, roles=roles, freeze=freeze or {})  # type: ignore[arg-type]


def _contained(world: World | None) -> bool:
    """Whether this is a container of the engine that is looked after.

    The mark alone proves less: this machine may itself be a container, with an engine of its own inside.
    """
    marked = any(mark.exists() for mark in _MARKS)
    if world is None or not world.engine.connected:
        return marked
    return marked and any(c.is_self for c in world.containers.values())


def _damage(peers: Peers) -> str:
    """What of the stored metrics is damaged, as far as the hub knows."""
    answer, _ = peers.maybe("hub", "/damage")
    return str(answer.get("metrics") or "") if isinstance(answer, dict) else ""


def _world(peers: Peers) -> tuple[World | None, str]:
    try:
        return peers.world(), ""
    except NoRights as error:
        return None, error.message
    except (Away, ParamedicError):
        return None, ""
