"""The little of D-Bus that reading systemd takes: method calls with texts, answers of any type, over a unix socket.

Source: the D-Bus Specification 0.43, "Message Protocol", "Marshaling" and "Authentication Protocol". Whoever sits at the other
end is not trusted: messages, depth and time are bounded.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from paramedic_collector.dbuswire import Reader, align, marshal_text

_CALL, _ANSWER, _ERROR = 1, 2, 3
_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY, _DESTINATION, _SIGNATURE = 1, 2, 3, 4, 5, 6, 8
_MOST = 16 << 20
"""Bytes of a message; systemd's list of a thousand units is a third of one MiB."""
_AT_ONCE = 64
"""Calls that are under way together."""
_PATIENCE = 3.0
_LONGEST_LINE = 4096


@dataclass(frozen=True, slots=True)
class Call:
    """One method call; all of its arguments are texts."""

    path: str
    interface: str
    member: str
    arguments: tuple[str, ...] = ()
    destination: str = ""
    """A name on the bus; empty on a connection without one."""


class Refusal(Exception):
    """The other end answered with an error.

    Args:
        name: as `org.freedesktop.DBus.Error.NoSuchObject`.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Connection:
    """A connection to a bus, or to one program directly.

    Args:
        path: of the unix socket.
        bus: whether it is a bus, which wants a greeting first.

    Raises:
        OSError: nobody is there, or does not let us in.
        ValueError: what answers does not speak D-Bus.
    """

    def __init__(self, path: str, *, bus: bool = True) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._serial = 0
        self._data = b""
        try:
            self._socket.settimeout(_PATIENCE)
            self._socket.connect(path)
            self._authenticate()
            if bus:
                name = "org.freedesktop.DBus"
                self.ask([Call("/org/freedesktop/DBus", name, "Hello", destination=name)])
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """End it."""
        self._socket.close()

    def ask(self, calls: Sequence[Call]) -> list[tuple[Any, ...] | Refusal]:
        """The answers to some calls, in their order; an error that was answered stands for its answer.

        Raises:
            OSError: the connection has ended, or an answer took too long.
            ValueError: an answer has not the form that the specification says.
        """
        found: list[tuple[Any, ...] | Refusal] = []
        for at in range(0, len(calls), _AT_ONCE):
            some = calls[at : at + _AT_ONCE]
            first = self._serial + 1
            self._socket.sendall(b"".join([self._message(call) for call in some]))
            answers: dict[int, tuple[Any, ...] | Refusal] = {}
            while len(answers) < len(some):
                serial, answer = self._receive()
                if first <= serial <= self._serial:  # else a signal, or nothing that we asked for
                    answers[serial] = answer
            found += [answers[serial] for serial in range(first, self._serial + 1)]
        return found

    def _authenticate(self) -> None:
        """`EXTERNAL`: the kernel tells who we are."""
        uid = str(os.geteuid()).encode().hex()
        self._socket.sendall(f"\0AUTH EXTERNAL {uid}\r\n".encode())
        line = self._line()
        if not line.startswith(b"OK "):
            raise PermissionError(f"the bus does not let uid {os.geteuid()} in: {line[:80]!r}")
        self._socket.sendall(b"BEGIN\r\n")

    def _line(self) -> bytes:
        while b"\r\n" not in self._data:
            if len(self._data) > _LONGEST_LINE:
                raise ValueError("what answers does not speak D-Bus")
            self._more()
        line, _, self._data = self._data.partition(b"\r\n")
        return line

    def _more(self) -> None:
        piece = self._socket.recv(1 << 16)
        if not piece:
            raise ConnectionError("the bus closed the connection")
        self._data += piece

    def _message(self, call: Call) -> bytes:
        self._serial += 1
        body = b""
        for text in call.arguments:
            body = align(body, 4) + marshal_text(text)
        fields = b""
        for code, kind, text in (
            (_PATH, "o", call.path),
            (_INTERFACE, "s", call.interface),
            (_MEMBER, "s", call.member),
            (_DESTINATION, "s", call.destination),
            (_SIGNATURE, "g", "s" * len(call.arguments)),
        ):
            if text:
                value = marshal_text(text) if kind != "g" else bytes([len(text)]) + text.encode() + b"\0"
                # A field is a structure of its code and a variant; its text begins at the next fourth byte anyway.
                fields = align(fields, 8) + bytes([code, 1]) + kind.encode() + b"\0" + value
        head = struct.pack("<cBBBIII", b"l", _CALL, 0, 1, len(body), self._serial, len(fields))
        return align(head + fields, 8) + body

    def _receive(self) -> tuple[int, tuple[Any, ...] | Refusal]:
        """The next message: to which call it is the answer (0: to none), and what it holds."""
        while len(self._data) < 16:
            self._more()
        order = "<" if self._data[:1] == b"l" else ">"
        size, _, fields = struct.unpack_from(f"{order}III", self._data, 4)
        whole = 16 + fields + -fields % 8 + size
        if whole > _MOST:
            raise ValueError(f"a message of {whole} bytes is too large")
        while len(self._data) < whole:
            self._more()
        message, self._data = self._data[:whole], self._data[whole:]
        known: dict[int, Any] = dict(Reader(message, order, 12).read("a(yv)"))
        kind, serial = message[1], known.get(_REPLY, 0)
        if kind == _ERROR:
            return serial, Refusal(str(known.get(_ERROR_NAME, "?")))
        if kind != _ANSWER:
            return 0, ()
        body = Reader(message, order, whole - size)
        return serial, body.all(str(known.get(_SIGNATURE, "")))
