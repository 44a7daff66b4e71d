"""Source: what every file in `sources/` is. It turns /proc, /sys, cgroups or the World into samples."""

from __future__ import annotations

import abc
import functools
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from paramedic_collector.exposition import Exposition, Family
from paramedic_collector.files import Files
from paramedic_core.settings import CollectorSettings
from paramedic_core.world import World

if TYPE_CHECKING:
    from paramedic_collector.coarse import Coarse
    from paramedic_collector.ends import Ends


@dataclass(frozen=True, slots=True)
class Paths:
    """Where the host's file systems are seen from here; in a container that is `/host/proc` and so on."""

    procfs: str = "/proc"
    sysfs: str = "/sys"
    rootfs: str = "/"
    udev: str = ""
    """udev's database; empty: `run/udev/data` below `rootfs`."""

    def proc(self, *parts: str) -> str:
        """A path below the host's /proc."""
        return "/".join((self.procfs.rstrip("/"), *parts))

    def sys(self, *parts: str) -> str:
        """A path below the host's /sys."""
        return "/".join((self.sysfs.rstrip("/"), *parts))

    def root(self, path: str) -> str:
        """Where the host's absolute `path` is seen."""
        return self.rootfs.rstrip("/") + path or "/"

    def net(self, *parts: str) -> str:
        """A path below the host's /proc/net: process 1's is the host's also when we live in a container; else our own."""
        first = self.proc("1/net", *parts)
        return first if os.access(first, os.R_OK) else self.proc("net", *parts)

    @property
    def udev_data(self) -> str:
        """The folder of udev's database."""
        return self.udev or self.root("/run/udev/data")


@dataclass(frozen=True, slots=True)
class Context:
    """What a source may know in one scrape."""

    paths: Paths = field(default_factory=Paths)
    now: float = 0.0
    """Unix seconds."""
    world: World | None = None
    """The last World; None before the first."""
    host: str = ""
    """This host's id."""
    node: str = ""
    """This host's name."""
    labels: tuple[str, ...] = ()
    """More container labels to put on container series (`collector.container_labels`)."""
    timeout: float = 5.0
    """Seconds that a source may take."""
    settings: CollectorSettings = field(default_factory=CollectorSettings)
    """What is left out and what is added."""
    coarse: Coarse | None = None
    """Who asks runtime about containers whose cgroups cannot be seen; None: nobody."""
    ends: Ends | None = None
    """Who hears each change of the World and counts ends; None: a source counts those that its scrapes show."""


class Source(abc.ABC):
    """One source; the first line of its docstring is its help.

    The registry finds each subclass in `sources/` and makes one object of it, which lives as long as the role: it may hold
    descriptors and prepared lines between scrapes. `collect` is never called twice at once on one object.
    """

    name: ClassVar[str]
    """As in `node_scrape_collector_success{collector="…"}`; node_exporter's own name where it has the source."""
    families: ClassVar[tuple[Family, ...]]
    """Every family that it may emit; `*` in a name stands for what the kernel has."""
    on: ClassVar[bool] = True
    """Whether it is on unless `collector.disable` names it; else it is off unless `collector.enable` does."""
    deaths: int = 0
    """Ends that this source was first to see; only containers have such."""

    @functools.cached_property
    def files(self) -> Files:
        """The files that this source holds open."""
        return Files()

    @abc.abstractmethod
    def collect(self, context: Context, out: Exposition) -> None:
        """Write the present samples.

        Raises:
            OSError: what it reads is not there: the source is reported as failed, the others go on.
            ValueError: a file is not in the form that it should have; the same follows.
        """

    def close(self) -> None:
        """Let go of descriptors; also safe when nothing is held."""
        self.files.close()


def help_of(source: type[Source]) -> str:
    """The first line of the docstring."""
    return (source.__doc__ or "").strip().split("\n", 1)[0]
