"""Keeps the last World on disk, so that names resolve after a restart of this role while runtime is away."""

from __future__ import annotations

import json
import logging
import threading
import zlib
from pathlib import Path

from paramedic_core.codec import from_plain, to_plain
from paramedic_core.errors import BadInput
from paramedic_core.lifecycle import Readiness
from paramedic_core.sys.files import read_bounded, write_atomic
from paramedic_core.world import World
from paramedic_dns.stats import Stats

log = logging.getLogger("paramedic.dns")
EVERY = 10.0
"""Seconds between two writes, at least."""
_MOST = 32 << 20


class Keep:
    """A Component that writes in a thread of its own: a slow disk delays no answer.

    Args:
        path: the file; its folder must be there.
        stats: counts failures.
        every: seconds between two writes.
    """

    name = "last-world"

    def __init__(self, path: Path, stats: Stats, every: float = EVERY) -> None:
        self._path, self._stats, self._every = path, stats, every
        self._latest: World | None = None
        self._event, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="keep")
        self.trouble = ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is not written yet, and end."""
        self._stop.set()
        self._event.set()
        if self._thread.ident:
            self._thread.join(2.0)

    def ready(self) -> Readiness:
        """Always: without it names resolve all the same."""
        return Readiness(ready=True, reason=self.trouble)

    def healthy(self) -> Readiness:
        """Whether its thread is alive."""
        alive = self._thread.is_alive() or not self._thread.ident
        return Readiness(ready=alive, reason="" if alive else "the thread that writes the last World has ended")

    def offer(self, world: World) -> None:
        """Have it written soon; only the latest is."""
        self._latest = world
        self._event.set()

    def load(self) -> World | None:
        """What was kept; None when there is nothing, or it is damaged (which is said)."""
        try:
            data = read_bounded(self._path, _MOST)
            return from_plain(World, json.loads(zlib.decompressobj().decompress(data, _MOST)), "world")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, zlib.error, BadInput, RecursionError) as error:
            self.trouble = f"the last World in {self._path} cannot be used ({error}); waiting for runtime's"
            log.warning("%s", self.trouble)
            return None

    def _run(self) -> None:
        while not self._stop.is_set():
            self._event.wait()
            self._event.clear()
            self._write()
            self._stop.wait(self._every)
        self._write()

    def _write(self) -> None:
        world, self._latest = self._latest, None
        if world is None:
            return
        data = zlib.compress(json.dumps(to_plain(world), separators=(",", ":")).encode(), 1)
        try:
            # Not waited for: after a crash of the machine its containers are gone too.
            write_atomic(self._path, data, durable=False)
            self.trouble = ""
        except OSError as error:
            self._stats.add("paramedic_dns_persist_failures_total")
            self.trouble = f"the last World cannot be written to {self._path} ({error}): a restart would know no names"
            log.warning("%s", self.trouble)
