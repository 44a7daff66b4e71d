"""The first start: an admin token is made, so that a person can log in."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

from paramedic_core.errors import ConfigError
from paramedic_core.settings import Settings
from paramedic_core.sys.files import write_atomic
from paramedic_core.sys.page import page
from paramedic_core.sys.tokens import TokenStore

log = logging.getLogger("paramedic.supervisor")


def first_token(data: Path, settings: Settings) -> None:
    """Make one admin token, if there is none yet; only root can read what is kept of it.

    In our image (PARAMEDIC_LOGIN_LINK is 1, or the page's address) a link that logs in is said once in the log, and the token itself is kept nowhere:
    nobody reads files in a volume, and whoever can read that log is as good as root already.
    """
    store = TokenStore(data / "tokens.json")
    kept = data / "admin-token"
    if kept.exists() or store.list():
        return
    text = store.create("admin", "admin")
    if os.environ.get("PARAMEDIC_LOGIN_LINK", "0") not in ("", "0"):
        log.warning("made an admin token; log in, it is said this once: %slogin#%s", page(settings.hub), text)
        return
    write_atomic(kept, f"{text}\n".encode(), 0o600)
    log.info("made an admin token: it is in %s", kept)


def wait_first(data: Path, within: float = 60.0) -> None:
    """Where another container alone may write the data directory: wait until its first start has made the token.

    Raises:
        ConfigError: it does not within `within` seconds.
    """
    end = time.monotonic() + within
    while not os.access(data, os.W_OK) and not (data / "tokens.json").exists():
        if time.monotonic() > end:
            raise ConfigError(
                f"{data} is read-only here, and nobody has made its tokens.json: start runtime's container"
            )
        time.sleep(0.2)
