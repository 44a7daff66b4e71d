"""/proc/net/dev and /proc/PID/net/dev (proc_pid_net(5))."""

from __future__ import annotations

# Their names are in the file's header, and have been the same since Linux 2.2.
RECEIVE = ("bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast")
TRANSMIT = ("bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed")
LONGEST = 512
"""Bytes that a row of it may have: a name, and 16 numbers of 20 digits; and the header."""


def rows(data: bytes) -> dict[str, bytes]:
    """The row of each interface, without its name.

    Raises:
        ValueError: the file has another form.
    """
    found: dict[str, bytes] = {}
    for line in data.splitlines()[2:]:
        device, colon, rest = line.rpartition(b":")
        if not colon:
            raise ValueError(f"net/dev has a line of another form: {line[:80]!r}")
        found[device.strip().decode("utf-8", "replace")] = rest
    return found


def words(row: bytes) -> list[bytes]:
    """The numbers of a row: those of `RECEIVE`, then those of `TRANSMIT`.

    Raises:
        ValueError: there are fewer.
    """
    found = row.split()
    if len(found) < len(RECEIVE) + len(TRANSMIT):
        raise ValueError(f"net/dev has a row of another form: {row[:80]!r}")
    return found


def parse(data: bytes) -> dict[str, list[bytes]]:
    """The numbers of each interface: those of `RECEIVE`, then those of `TRANSMIT`.

    Raises:
        ValueError: the file has another form.
    """
    return {device: words(row) for device, row in rows(data).items()}
