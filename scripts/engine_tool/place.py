"""Where a private engine lives, and what is written down of it, so that all it made can be found again.

One JSON file in its own folder, and one in the register of this machine (/run, gone at a boot as the engines are).
"""

from __future__ import annotations

import fcntl
import hashlib
import ipaddress
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

REGISTER = Path("/run/paramedic-engines")
MARK = "paramedic-engine.json"
_MOST_SOCKET = 107
_LONGEST_TAIL = "exec/containerd/containerd.sock.ttrpc"


@dataclass
class Place:
    """One private engine's folder, and what belongs to it."""

    folder: Path
    checkout: str
    pool: str
    """The IPv4 addresses of its networks: no other private engine has them."""
    cgroup: str
    owner: str = ""
    """`PID:START` of the process that it is for; empty: nobody's."""

    @property
    def socket(self) -> Path:
        return self.folder / "s"

    @property
    def address(self) -> str:
        return f"unix://{self.socket}"

    @property
    def stale(self) -> bool:
        """It was for a process that has ended."""
        pid, _, start = self.owner.partition(":")
        return bool(pid) and start_of(int(pid)) != start

    @property
    def _register(self) -> Path:
        return REGISTER / f"{_digest(self.folder)}.json"

    def forget(self) -> None:
        self._register.unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: Path) -> Place:
        """The engine in `folder`.

        Raises:
            OSError: there is none.
        """
        return cls._read(folder.absolute() / MARK)

    @classmethod
    def _read(cls, file: Path) -> Place:
        kept = json.loads(file.read_text())
        return cls(**{**kept, "folder": Path(kept["folder"])})

    @classmethod
    def claim(cls, folder: Path, checkout: Path, owner: int = 0) -> Place:
        """Make `folder` a private engine's, or find that it is one already.

        Raises:
            OSError: the path is too long for a unix socket, the folder has other content, or no address range is free.
        """
        folder = folder.absolute()
        longest = str(folder / _LONGEST_TAIL)
        if len(longest) > _MOST_SOCKET:
            raise OSError(
                f"{folder} is too long a path for unix sockets: take one of {_MOST_SOCKET - 38} bytes at most"
            )
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / MARK).exists():
            return cls.load(folder)
        if any(folder.iterdir()):
            raise OSError(f"{folder} is not empty, and holds no engine of ours: name another folder")
        with locked():
            place = cls(
                folder,
                str(checkout),
                _free_pool(),
                f"/pme-{_digest(folder)}",
                f"{owner}:{start_of(owner)}" if owner else "",
            )
            text = json.dumps({**asdict(place), "folder": str(folder)}, indent=1)
            (folder / MARK).write_text(text)
            place._register.write_text(text)
        return place


def registered(checkout: Path) -> list[Place]:
    """The private engines that this checkout made, on this machine."""
    places = []
    for file in sorted(REGISTER.glob("*.json")):
        try:
            place = Place._read(file)  # noqa: SLF001  its own module
        except (OSError, ValueError, TypeError):
            continue
        if place.checkout == str(checkout):
            places.append(place)
    return places


def start_of(pid: int) -> str:
    """When a process began, in clock ticks since the boot, as text; empty where there is none (proc(5), field 22)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


@contextmanager
def locked() -> Iterator[None]:
    """Alone among all who change the register."""
    REGISTER.mkdir(mode=0o755, exist_ok=True)
    fd = os.open(REGISTER / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _free_pool() -> str:
    """A /20 that no private engine has and no route of this machine overlaps; 198.18.0.0/15 is RFC 2544's for tests."""
    taken = [ipaddress.ip_network(json.loads(f.read_text())["pool"]) for f in REGISTER.glob("*.json")]
    taken += _routes()
    for base in ("10.208.0.0/12", "198.18.0.0/15"):
        for pool in ipaddress.ip_network(base).subnets(new_prefix=20):
            if not any(pool.overlaps(other) for other in taken if other.version == 4):
                return str(pool)
    raise OSError("no address range is free for a private engine's networks: see `ip route` and `scripts/engine list`")


def _routes() -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    found: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        fields = line.split()
        mask = _address(fields[7])
        if mask != "0.0.0.0":
            found.append(ipaddress.ip_network(f"{_address(fields[1])}/{mask}", strict=False))
    return found


def _address(hexadecimal: str) -> str:
    return str(ipaddress.IPv4Address(bytes.fromhex(hexadecimal)[::-1]))


def _digest(folder: Path) -> str:
    return hashlib.sha256(str(folder).encode()).hexdigest()[:10]
