"""The one image of tests and demo: a static busybox, imported from the machine's own file. No registry is asked."""

from __future__ import annotations

import contextlib
import io
import subprocess
import tarfile
import tempfile
from pathlib import Path
from urllib.parse import urlencode

import daemon
import need

NAME, TAG = "paramedic/busybox", "1"
_PASSWD = b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"
_GROUP = b"root:x:0:\nnobody:x:65534:\n"
_FOLDERS = {"bin": 0o755, "dev": 0o755, "etc": 0o755, "proc": 0o755, "sys": 0o755, "tmp": 0o1777, "var": 0o755}


def ensure(socket: Path, folder: Path) -> bool:
    """Import the image where the engine does not have it yet; return whether it was imported.

    Raises:
        CannotHave: no static busybox can be had.
    """
    with contextlib.suppress(daemon.EngineFailed):
        daemon.ask(socket, "GET", f"/images/{NAME}:{TAG}/json")
        return False
    query = urlencode(
        {"fromSrc": "-", "repo": NAME, "tag": TAG, "changes": ["ENV PATH=/bin", 'CMD ["/bin/sh"]']}, doseq=True
    )
    daemon.ask(socket, "POST", f"/images/create?{query}", _rootfs(_busybox(folder)), timeout=120.0)
    return True


def _rootfs(busybox: Path) -> bytes:
    """A root file system as a tar: the program, a link for each of its applets, and the few files libc asks for."""
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, timeout=30, check=True).stdout.split()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, mode in _FOLDERS.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        files = {"bin/busybox": busybox.read_bytes(), "etc/passwd": _PASSWD, "etc/group": _GROUP}
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode, entry.size = (0o755 if name.startswith("bin/") else 0o644), len(content)
            tar.addfile(entry, io.BytesIO(content))
        for applet in sorted(set(applets) - {"busybox"}):
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
    return out.getvalue()


def _busybox(folder: Path) -> Path:
    for candidate in ("/bin/busybox", "/usr/bin/busybox", "/usr/local/bin/busybox"):
        path = Path(candidate)
        if path.exists() and _static(path):
            return path
    unpacked = folder / "busybox"
    if not (unpacked / "bin/busybox").exists():
        _fetch(unpacked)
    return next(p for p in (unpacked / "bin/busybox", unpacked / "usr/bin/busybox") if p.exists())


def _fetch(target: Path) -> None:
    """Unpack Debian's busybox-static beside the engine: installing it would replace the machine's own busybox."""
    apt, dpkg = need.tool("apt-get"), need.tool("dpkg-deb")
    if apt is None or dpkg is None:
        raise need.CannotHave(
            "missing: a static busybox (Debian: busybox-static), and there is no apt-get to get it with"
        )
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)
        command = [apt, "download", "-qq", "busybox-static"]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            subprocess.run([apt, "update", "-qq"], capture_output=True, timeout=300, check=False)
            done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=300, check=False)
        packages = list(Path(scratch).glob("*.deb"))
        if not packages:
            raise need.CannotHave(f"missing: a static busybox; `{' '.join(command)}` failed:\n{done.stderr[-800:]}")
        target.mkdir(parents=True, exist_ok=True)
        subprocess.run([dpkg, "-x", str(packages[0]), str(target)], timeout=120, check=True)


def _static(path: Path) -> bool:
    """Whether an ELF program needs no interpreter: no program header of type PT_INTERP (elf(5)), read crudely by name."""
    return b"/ld-linux" not in path.read_bytes()[:8192] and b"/ld-musl" not in path.read_bytes()[:8192]
