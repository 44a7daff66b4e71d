"""Who is asked for names that are not ours: `dns.upstreams`, else the servers of /etc/resolv.conf (resolv.conf(5))."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Sequence
from pathlib import Path

from paramedic_core.errors import BadInput, ConfigError
from paramedic_core.sys.files import read_bounded

Server = tuple[str, int]
_MOST = 3
_LOOK_EVERY = 5.0


def parse(value: str) -> Server:
    """A server from a setting: `192.0.2.53`, `192.0.2.53:5353`, `[2001:db8::53]:53`.

    Raises:
        ConfigError: it is none.
    """
    host, port = value.strip(), "53"
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    try:
        number = int(port)
        if not 0 < number < 65536:
            raise ValueError("port")
        return str(ipaddress.ip_address(host)), number
    except ValueError:
        raise ConfigError(
            f"dns.upstreams: {value!r} is no server; give an IP address, with :PORT if it is not 53"
        ) from None


class Upstreams:
    """The servers, read again when the file has changed.

    Args:
        configured: those of the settings; without any the file counts.
        path: the file.
    """

    def __init__(self, configured: Sequence[str], path: Path = Path("/etc/resolv.conf")) -> None:
        self._fixed = tuple(parse(c) for c in configured)
        self._path = path
        self._found: tuple[Server, ...] = ()
        self._seen: tuple[int, int] | None = None
        self._looked = float("-inf")
        self._down: dict[Server, float] = {}

    def now(self, own: frozenset[Server]) -> list[Server]:
        """The servers, those that lately did not answer last; never ourselves.

        Args:
            own: where we answer.
        """
        moment = time.monotonic()
        if not self._fixed and moment - self._looked > _LOOK_EVERY:
            self._looked = moment
            self._read()
        servers = [s for s in (self._fixed or self._found) if s not in own]
        return sorted(servers, key=lambda s: self._down.get(s, 0.0) > moment)

    def went(self, server: Server, *, well: bool) -> None:
        """Remember how it went with a server."""
        if well:
            self._down.pop(server, None)
        else:
            self._down[server] = time.monotonic() + 10.0

    def _read(self) -> None:
        try:
            stat = self._path.stat()
            if (stat.st_mtime_ns, stat.st_ino) == self._seen:
                return
            content = read_bounded(self._path, 1 << 16).decode("utf-8", "replace")
            self._seen = (stat.st_mtime_ns, stat.st_ino)
        except (OSError, BadInput):
            return  # the last servers that were known go on being asked
        found = []
        for line in content.splitlines():
            words = line.split()
            if len(words) >= 2 and words[0] == "nameserver":
                try:
                    found.append((str(ipaddress.ip_address(words[1].partition("%")[0])), 53))
                except ValueError:
                    continue  # resolv.conf(5): what is not understood is passed over
        self._found = tuple(dict.fromkeys(found))[:_MOST]
