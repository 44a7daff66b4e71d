"""What somebody who has taken over the hub would try: run inside the roles' container, as the hub's uid.

A program of its own, given on stdin to the image's Python. Arguments: the victim's id, its process id on the host, the
host's path of the engine's socket. It prints what each attempt gave, as JSON.
"""

import contextlib
import http.client
import json
import os
import socket
import sys
from pathlib import Path

DATA = Path("/var/lib/paramedic")
ENGINE_CALLS = (
    ("POST", "/containers/{victim}/restart"),
    ("POST", "/containers/create"),
    ("POST", "/containers/{victim}/exec"),
    ("GET", "/containers/{victim}/attach/ws?stream=1&stdin=1"),
    ("GET", "/containers/{victim}/archive?path=/etc"),
    ("GET", "/containers/{victim}/export"),
    ("GET", "/containers/{victim}/json"),
    ("GET", "/v1.41/containers/{victim}/json"),
)


def ask(path, method, url, body=None, token=""):
    """One request to a unix socket: its status and text, or the name of what went wrong."""
    connection = http.client.HTTPConnection("localhost", timeout=10)
    try:
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(10)
        connection.sock.connect(str(path))
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        connection.request(method, url, json.dumps(body).encode() if body is not None else None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(1 << 22).decode("utf-8", "replace")
    except OSError as error:
        return type(error).__name__, ""
    finally:
        connection.close()


def attempt(function):
    """`done`, or the name of the error."""
    try:
        function()
    except OSError as error:
        return type(error).__name__
    return "done"


def bind(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def sockets():
    """Every unix socket file that can be seen, but the roles' own."""
    found = []
    for top in ("/run", "/var/run", "/tmp", "/host/run", "/host/var/run", "/host/tmp"):
        with contextlib.suppress(OSError):
            for folder, _, files in os.walk(top):
                found += [str(Path(folder, name)) for name in files if Path(folder, name).is_socket()]
    return sorted(found)


def refused(answer):
    """A refusal's status and code."""
    status, text = answer
    with contextlib.suppress(ValueError, AttributeError):
        document = json.loads(text)
        return [status, document.get("code") or document.get("type", "").rpartition(":")[2]]
    return [status, text[:200]]


def main():
    victim, pid, engine = sys.argv[1:4]
    runtime = DATA / "run/runtime.sock"
    forged = "paramedic_" + "A" * 43
    wish = {"target": victim, "key": "k", "expected": {"state": "running"}, "incident": "i", "reason": "r"}
    grant = {"service": "victim", "mode": "enforce"}
    world = ask(runtime, "GET", "/world")
    findings = {
        "who": [os.getuid(), os.getgid(), Path("/proc/self/status").read_text().partition("CapEff:\t")[2][:16]],
        "engine": [attempt(lambda p=p: reach(p)) for p in (engine, f"/host{engine}", "/run/docker.sock")],
        "usable sockets": [path for path in sockets() if attempt(lambda p=path: reach(p)) == "done"],
        "engine's calls at runtime": [refused(ask(runtime, m, u.format(victim=victim), {} if m == "POST" else None))
                                      for m, u in ENGINE_CALLS],
        "verbs": [refused(ask(runtime, "POST", f"/verbs/{verb}", wish)) for verb in ("restart", "stop", "start", "kill")],
        "grant": refused(ask(runtime, "POST", "/grants", grant)),
        "grant with a forged token": refused(ask(runtime, "POST", "/grants", grant, forged)),
        "lifting the freeze": refused(ask(runtime, "POST", "/freeze", {"on": False})),
        "world": [world[0], "hush" in world[1], victim in world[1]],
        "environment in /proc": [attempt(Path(f"{proc}/{pid}/environ").read_bytes) for proc in ("/host/proc",)],
        "memory of the supervisor": attempt(Path("/proc/1/mem").read_bytes),
        "another role's socket": {
            "unlink": attempt(runtime.unlink),
            "bind over": attempt(lambda: bind(runtime)),
            "bind beside": attempt(lambda: bind(DATA / "run/x.sock")),
            "rename": attempt(lambda: (DATA / "run/hub.sock").rename(runtime)),
        },
        "files": {
            "tokens": attempt(lambda: (DATA / "tokens.json").write_text("{}")),
            "grants": attempt(lambda: (DATA / "runtime/grants.json").write_text("{}")),
            "freeze": attempt((DATA / "FREEZE").unlink),
            "healer": attempt(lambda: list((DATA / "healer").iterdir())),
            "host": attempt(lambda: Path("/host/etc/paramedic-was-here").write_text("x")),
            "kernel": attempt(lambda: Path("/host/proc/sys/kernel/core_pattern").write_text("x")),
            "volumes": attempt(lambda: list(Path(sys.argv[4]).iterdir())),
        },
    }  # fmt: skip
    print(json.dumps(findings))


def reach(path):
    with socket.socket(socket.AF_UNIX) as plug:
        plug.settimeout(5)
        plug.connect(path)


if __name__ == "__main__":
    main()
