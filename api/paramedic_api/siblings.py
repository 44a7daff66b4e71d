"""The metrics of the roles that listen on no port: the hub hands them on, so that one scrape has them all."""

from __future__ import annotations

import logging

from paramedic_api.hub import Hub
from paramedic_core.counters import Counters
from paramedic_core.errors import ParamedicError
from paramedic_core.sys.client import RoleClient
from paramedic_core.sys.identity import socket_path

log = logging.getLogger("paramedic.siblings")
ROLES = ("runtime", "healer", "dns", "logs")
"""The collector has a port of its own."""
_WITHIN = 1.0
_MOST = 1 << 20
_HEARD = "paramedic_role_scraped"


def exposition(hub: Hub) -> str:
    """What each role of this host says of itself, as text exposition, and for each whether it answered in time."""
    counters = Counters()
    counters.gauge(_HEARD, "Whether a role answered when the hub asked for its metrics.")
    texts = []
    for role in ROLES:
        try:
            text = RoleClient(socket_path(hub.data, role), role).text("/metrics", timeout=_WITHIN)
        except ParamedicError as error:
            log.debug("no metrics of %s: %s", role, error)
            text = ""
        heard = bool(text) and len(text) <= _MOST
        counters.set(_HEARD, float(heard), role=role)
        texts.append(text if heard else "")
    return "".join(texts) + counters.render()
