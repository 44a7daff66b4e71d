"""scripts/engine: a private Docker Engine for tests and the demo, beside whatever else runs on the machine.

    engine up [DIR]       start it (again) and print its address; DIR is made where none is given
    engine stop DIR       end the daemon, keep its data (--kill: as a crash would)
    engine down DIR       end it and remove everything that it made
    engine image DIR      import the image paramedic/busybox:1 (`up` does it too)
    engine install NAME…  install Debian packages, without starting their services
    engine list           the private engines of this checkout
    engine sweep          take all of those down (--stale: only those whose owner has ended)

Needs root, and on a machine without Docker also apt. It has its own data root, exec root, socket, cgroup, address pool
and configuration file; it never opens another engine's socket. ENGINE=host uses the machine's own engine instead.
Ends with 0; 1: something went wrong; 2: wrong use; 75: no engine can be had here, and what is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from pathlib import Path

import cleanup
import daemon
import hostengine
import image
import need
from place import Place, locked, registered

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/engine", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("up", "stop", "down", "image", "install", "list", "sweep"):
        sub = verbs.add_parser(verb)
        if verb in ("up", "stop", "down", "image"):
            sub.add_argument("dir", type=Path, nargs="?" if verb == "up" else None)
        if verb == "up":
            sub.add_argument("--owner", type=int, default=0, help="a process; when it has ended, the engine is stale")
        if verb == "install":
            sub.add_argument("names", nargs="+")
        if verb == "stop":
            sub.add_argument("--kill", action="store_true", help="SIGKILL, as a crash would")
        if verb == "sweep":
            sub.add_argument("--stale", action="store_true", help="only those whose owner has ended")
    arguments = parser.parse_args()
    try:
        return globals()[f"_{arguments.verb}"](arguments)  # type: ignore[no-any-return]
    except need.CannotHave as error:
        print(f"scripts/engine: no engine can be had here: {error}", file=sys.stderr)
        return 75
    except (daemon.EngineFailed, OSError) as error:
        print(f"scripts/engine: {error}", file=sys.stderr)
        return 1


def _up(arguments: argparse.Namespace) -> int:
    folder = arguments.dir or Path(tempfile.mkdtemp(prefix="pme-", dir=_short_tmp()))
    if os.environ.get("ENGINE") == "host":
        print(hostengine.up(folder, CHECKOUT))
        return 0
    need.check_root()
    _take_down(stale_only=True)
    need.install_engine()
    place = Place.claim(folder, CHECKOUT, arguments.owner)
    daemon.start(place)
    image.ensure(place.socket, place.folder)
    print(place.address)
    return 0


def _stop(arguments: argparse.Namespace) -> int:
    daemon.stop(Place.load(arguments.dir), kill=arguments.kill)
    return 0


def _down(arguments: argparse.Namespace) -> int:
    if hostengine.is_host(arguments.dir):
        hostengine.down(arguments.dir)
        return 0
    with locked():  # a sweep may be at the same one
        if arguments.dir.exists():
            cleanup.down(Place.load(arguments.dir))
    return 0


def _image(arguments: argparse.Namespace) -> int:
    image.ensure(Place.load(arguments.dir).socket, arguments.dir)
    return 0


def _install(arguments: argparse.Namespace) -> int:
    need.check_root()
    need.install(arguments.names)
    return 0


def _list(_arguments: argparse.Namespace) -> int:
    for place in registered(CHECKOUT):
        print(f"{place.folder}  {'runs' if daemon.answers(place.socket) else 'down'}  {'stale' if place.stale else ''}")
    return 0


def _sweep(arguments: argparse.Namespace) -> int:
    _take_down(stale_only=arguments.stale)
    return 0


def _take_down(*, stale_only: bool) -> None:
    with locked():  # several sessions may sweep at once
        for place in registered(CHECKOUT):
            if place.stale or not stale_only:
                cleanup.down(place)


def _short_tmp() -> str:
    # Unix sockets have 108 bytes for their path, and containerd adds some 60 of them below DIR.
    chosen = tempfile.gettempdir()
    return chosen if len(chosen) <= 20 else "/tmp"


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
