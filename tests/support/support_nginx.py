"""A real nginx in front of a hub, on a loopback port of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support_ports import free_port
from support_wait import wait_until

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
_WHOLE = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log info;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
{server}
    }}
}}
"""


@contextlib.contextmanager
def nginx(server: str) -> Iterator[str]:
    """Run nginx with these directives in its one server block; gives its address, `http://127.0.0.1:PORT`.

    Args:
        server: directives, as of `docs/how-to/behind-a-proxy.md`.
    """
    program = shutil.which("nginx", path=_PATH)
    if program is None:
        pytest.skip("nginx is not installed: scripts/test-tools installs it")
    with tempfile.TemporaryDirectory(prefix="pm-nginx-") as name:
        folder = Path(name)
        port = free_port()
        (folder / "conf").write_text(_WHOLE.format(folder=folder, port=port, server=server))
        process = subprocess.Popen([program, "-p", name, "-c", f"{name}/conf"], stderr=subprocess.PIPE)
        try:
            wait_until(lambda: _answers(port) or process.poll() is not None)
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.communicate(timeout=10)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
