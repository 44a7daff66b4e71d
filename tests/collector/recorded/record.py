"""Record a container's cgroup as `ttar` text: `record.py PID >NAME.ttar`, as root on the machine to be recorded.

The recordings beside this file were made by it from a real container each: `docker run -m 64m --cpus 0.5 --pids-limit 50
--memory-reservation 32m` of a busybox that writes and reads a file, then sleeps.
"""

import re
import sys
from pathlib import Path

BASE = Path("/sys/fs/cgroup")
WANTED = re.compile(
    r"(cpu|cpuacct|memory|pids|io)\.(stat|usage|cfs_\w+|shares|max|weight|pressure|current|peak|high|low|events|failcnt"
    r"|swap\.\w+|(memsw\.|kmem\.)?(usage|limit|max_usage|soft_limit)_in_bytes|oom_control)|blkio\.throttle\.io_service.*"
)


def main(pid: str) -> None:
    """Print the recording."""
    members = (Path("/proc") / pid / "cgroup").read_text()
    show(Path("proc") / pid / "cgroup", members)
    show(Path("proc") / pid / "net/dev", (Path("/proc") / pid / "net/dev").read_text())
    done = set()
    for line in members.splitlines():
        _, controllers, path = line.split(":", 2)
        for root in [BASE, BASE / "unified"] if not controllers else [BASE / c for c in controllers.split(",")]:
            folder = Path(f"{root}{path}").resolve()
            if not folder.is_dir() or folder in done or path == "/":
                continue
            done.add(folder)
            for name in ("cgroup.controllers", "cgroup.procs") if not controllers else ():
                show(root.relative_to("/") / name, (root / name).read_text() if name != "cgroup.procs" else "")
            for file in sorted(folder.iterdir()):
                if WANTED.fullmatch(file.name):
                    show(file.relative_to("/"), file.read_text())
    for number in ("253:0", "254:0", "8:0"):
        event = Path("/sys/dev/block") / number / "uevent"
        if event.exists():
            show(event.relative_to("/"), event.read_text())


def show(name: Path, text: str) -> None:
    """One file, in ttar's form."""
    lines = text.removesuffix("\n").split("\n") if text else []
    print(f"Path: {name}\nLines: {len(lines)}", *lines, "Mode: 644", sep="\n")


if __name__ == "__main__":
    main(sys.argv[1])
