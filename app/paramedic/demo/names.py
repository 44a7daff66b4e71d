"""The demo asks for a name from inside a container, as an application would: before, during and after a heal."""

from __future__ import annotations

import re
import threading
import time

from paramedic.demo import project
from paramedic.demo.engine import PROJECT, Engine
from paramedic_core.errors import ParamedicError
from paramedic_core.sys.client import RoleClient

NAME = f"web.{PROJECT}.svc.paramedic.internal"
ASKER = f"{PROJECT}-database"
"""The container from which is asked: it shares the project's network, and is never ill."""
# The server's own line has its port behind the address.
_ADDRESS = re.compile(r"^Address(?: \d+)?: +(\d+\.\d+\.\d+\.\d+)\s*$", re.MULTILINE)
_MOST_ANSWERS = 1000


class Names:
    """What the name of the service `web` gives in the container `database`.

    Args:
        engine: the engine.
        dns: the dns role's client.
        gateway: the host's address on the project's network: where containers ask, on port 53.
    """

    def __init__(self, engine: Engine, dns: RoleClient, gateway: str) -> None:
        self._engine, self._dns, self._gateway = engine, dns, gateway
        self.why_not = "they were not asked for"
        """Why nobody can ask; empty when they can."""
        self.before: frozenset[str] = frozenset()
        self.during: list[frozenset[str]] = []
        self.after: frozenset[str] = frozenset()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def wait(self, within: float) -> bool:
        """Whether both containers of the service are given, within so many seconds; else `why_not` says what is wrong."""
        deadline = time.monotonic() + within
        while True:
            self.why_not = self._shut()
            if not self.why_not:
                self.before = self.ask()
                if len(self.before) == project.REPLICAS:
                    return True
                self.why_not = f"{NAME} gives {shown(self.before)}"
            if time.monotonic() > deadline:
                return False
            time.sleep(0.3)

    def ask(self) -> frozenset[str]:
        """The addresses that the name gives now."""
        try:
            said = self._engine.docker("exec", ASKER, "nslookup", "-type=a", NAME, self._gateway, timeout=30.0)
        except ParamedicError:
            # nslookup ends so when nothing is found.
            return frozenset()
        return frozenset(_ADDRESS.findall(said))

    def watch(self) -> None:
        """Ask over and over from now on, until `settle`."""
        self._thread = threading.Thread(target=self._watch, daemon=True, name="demo-names")
        self._thread.start()

    def settle(self, within: float) -> None:
        """End `watch`, and wait until the name gives again what it gave before."""
        self.close()
        deadline = time.monotonic() + within
        while (found := self.ask()) != self.before and time.monotonic() < deadline:
            time.sleep(0.3)
        self.after = found

    def close(self) -> None:
        """Stop asking."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(35.0)

    def _watch(self) -> None:
        while not self._stop.wait(0.2) and len(self.during) < _MOST_ANSWERS:
            self.during.append(self.ask())

    def _shut(self) -> str:
        try:
            known = self._dns.get("/records")
        except ParamedicError as error:
            return str(error)
        place = f"{self._gateway}:53"
        return "" if place in known["listen"] else str(known["shut"].get(place) or f"{place} is not answered on")


def shown(found: frozenset[str]) -> str:
    """Addresses in a sentence."""
    return ", ".join(sorted(found)) or "nothing"
