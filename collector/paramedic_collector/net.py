"""/proc/net/dev and /proc/PID/net/dev (proc_pid_net(5))."""

from __future__ import annotations

# Their names are in the file's header, and have been the same since Linux 2.2.
RECEIVE = ("bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast")
TRANSMIT = ("bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed")


def parse(data: bytes) -> dict[str, list[bytes]]:
    """The numbers of each interface: those of `RECEIVE`, then those of `TRANSMIT`.

    Raises:
        ValueError: the file has another form.
    """
    rows: dict[str, list[bytes]] = {}
    for line in data.splitlines()[2:]:
        device, colon, rest = line.rpartition(b":")
        words = rest.split()
        if not colon or len(words) < len(RECEIVE) + len(TRANSMIT):
            raise ValueError(f"net/dev has a line of another form: {line[:80]!r}")
        rows[device.strip().decode("utf-8", "replace")] = words
    return rows
