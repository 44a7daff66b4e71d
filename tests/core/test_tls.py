"""TLS on a role's listener: agreed, renewed without a restart, and never in the way of others."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic_core.errors import ConfigError
from paramedic_core.sys.server import Request, Response, RoleServer, tcp_listener, unix_listener
from paramedic_core.sys.tls import ServerTls
from support_wait import wait_until


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, under a common name."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("there is no openssl (Debian: openssl)")
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run([program, "req", *options, *names, *files], check=True, capture_output=True)
    return cert, key


def say(request: Request) -> Response:
    return Response(request.path.encode())


class Served:
    """A server over TLS."""

    def __init__(self, folder: Path) -> None:
        self.cert, self.key = certificate(folder, "one")
        listener = tcp_listener("127.0.0.1:0")
        self.port = listener.getsockname()[1]
        unix = unix_listener(folder / "s")
        self.server = RoleServer({"GET /a": say}, [listener, unix], tls=ServerTls(self.cert, self.key))
        self.server.start()

    def get(self, trusted: Path) -> bytes:
        context = ssl.create_default_context(cafile=str(trusted))
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=5)
        connection.request("GET", "/a")
        found = connection.getresponse().read()
        connection.close()
        return found


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    found = Served(tmp_path)
    yield found
    found.server.stop()


def test_it_serves_over_tls_and_plain_on_its_own_socket(served: Served, tmp_path: Path) -> None:
    assert served.get(served.cert) == b"/a"
    with socket.socket(socket.AF_UNIX) as plain:
        plain.connect(str(tmp_path / "s"))
        plain.sendall(b"GET /a HTTP/1.0\r\n\r\n")
        assert plain.recv(9).startswith(b"HTTP/1.")
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as plain:
        plain.sendall(b"GET /a HTTP/1.0\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert not plain.recv(100).startswith(b"HTTP")


def test_a_new_certificate_counts_at_once_and_a_wrong_one_never(served: Served, tmp_path: Path) -> None:
    assert served.get(served.cert) == b"/a"
    new_cert, new_key = certificate(tmp_path, "two")
    old = served.cert.read_bytes()
    trusted = tmp_path / "old.pem"
    trusted.write_bytes(old)
    served.cert.write_bytes(b"half a certif")  # as between two writes
    assert served.get(trusted) == b"/a"
    os.replace(new_key, served.key)
    served.cert.write_bytes(new_cert.read_bytes())
    assert served.get(new_cert) == b"/a"
    with pytest.raises(ssl.SSLError):
        served.get(trusted)


def test_a_caller_who_says_nothing_is_let_go_and_hinders_nobody(served: Served) -> None:
    silent = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(20)]
    assert served.get(served.cert) == b"/a"
    for one in silent:
        one.close()
    wait_until(lambda: not served.server._open)


def test_files_that_do_not_belong_together_are_an_error_at_the_start(tmp_path: Path) -> None:
    cert, _ = certificate(tmp_path, "one")
    _, key = certificate(tmp_path, "two")
    with pytest.raises(ConfigError, match="TLS cannot be had"):
        ServerTls(cert, key)
    with pytest.raises(ConfigError, match="No such file"):
        ServerTls(tmp_path / "none", key)
