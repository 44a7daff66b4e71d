"""Every setting, as plain immutable dataclasses: what it means stands where it is defined.

`config` fills these from YAML, environment, flags and `--set`; `docs/reference/settings.md` is made from them. Durations
are seconds here and `90s`, `5m`, `2h`, `7d` in a file; sizes are bytes here and `64MiB`, `2GiB` in a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from paramedic_core import node_settings as node
from paramedic_core.limits import Window


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the most that a number may be."""

    least: float = 0.0
    most: float = float("inf")


@dataclass(frozen=True, slots=True)
class OneOf:
    """The words that a text may be."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A window that may be made narrower, never wider."""

    window: Window


class Secret(str):
    """A value that is never shown; every such setting NAME has a twin NAME_file that names a file with the value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(hidden)"


Duration = Annotated[float, "duration"]
"""Seconds; in a file a number with a unit."""
Size = Annotated[int, "size"]
"""Bytes; in a file a number with a unit."""
Address = Annotated[str, "address"]
"""`HOST:PORT`, or empty for off."""
LocalAddress = Annotated[str, "local address"]
"""One IPv4 address of this host."""
DnsAddress = Annotated[str, "DNS server"]
"""`ADDRESS`, or `ADDRESS:PORT`."""
Domain = Annotated[str, "domain"]
"""A domain name of two labels at least."""
Url = Annotated[str, "URL"]
"""`http://HOST/PATH/` or `https://…`, or empty."""
Network = Annotated[str, "network"]
"""An IP address, or a network as `10.0.0.0/8`."""
CallUrl = Annotated[Secret, "URL to call"]
"""`http://…` or `https://…`. A secret: who knows such an address can often write to it."""
Folder = Annotated[str, "folder"]
"""An absolute path."""
TARGET_CEILING = Window(10, 3600)
"""The most acts on one target, whatever is configured."""
HOST_CEILING = Window(30, 3600)
"""The most acts on one host, whatever is configured."""


class Mode(StrEnum):
    """What healing may do to a service, from least to most."""

    OFF = "off"
    """Nothing, not even decisions."""
    OBSERVE = "observe"
    """Decide and record what would have been done; touch nothing."""
    APPROVE = "approve"
    """Ask a person before each action; that is not there yet, so until then it only records, as `observe` does."""
    ENFORCE = "enforce"
    """Act, under the guards."""

    @property
    def rank(self) -> int:
        """0 for off, up to 3 for enforce."""
        return list(Mode).index(self)


@dataclass(frozen=True, slots=True)
class HubSettings:
    """The role that serves the API and the page, once per fleet."""

    listen: Address = "127.0.0.1:9110"
    """Where the API and the page are served. Beyond loopback every request needs a token."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names, besides loopback and `listen`, by which browsers may call it (against DNS rebinding)."""
    public_url: Url = ""
    """Where people find it behind a proxy, as `https://ops.example/paramedic/`: its host is then allowed, and every request needs a token."""
    trusted_proxies: tuple[Network, ...] = ()
    """Proxies, as `127.0.0.1` or `172.18.0.0/16`, whose X-Forwarded-For, -Proto and -Host are believed; from all others they are ignored."""
    scrape_interval: Annotated[Duration, Bounds(1)] = 15.0
    """How often it reads the collectors for the page."""
    streams: Annotated[int, Bounds(0, 1000)] = 24
    """How many pages may be live at once; the next one polls instead."""


@dataclass(frozen=True, slots=True)
class ScrapeSettings:
    """The metrics that containers expose themselves, where their labels say so."""

    targets: Annotated[int, Bounds(0, 10_000)] = 200
    """How many containers may be scraped; 0: none."""
    timeout: Annotated[Duration, Bounds(0.1, 60)] = 10.0
    """How long one may take to answer."""
    body_size_limit: Annotated[Size, Bounds(1 << 10, 256 << 20)] = 16 << 20
    """How much one may say at a time; of more, nothing is taken."""
    sample_limit: Annotated[int, Bounds(1)] = 10_000
    """How many samples one may have; of more, nothing is taken."""
    label_limit: Annotated[int, Bounds(1)] = 64
    """How many labels a sample may have."""
    label_name_length_limit: Annotated[int, Bounds(1)] = 256
    """How long a label's name may be, in bytes."""
    label_value_length_limit: Annotated[int, Bounds(1)] = 1024
    """How long a label's value may be, in bytes."""


@dataclass(frozen=True, slots=True)
class CollectorSettings:
    """The role that reads node and containers and serves Prometheus' format."""

    listen: Address = "127.0.0.1:9112"
    """Where Prometheus scrapes it."""
    tls_cert: str = ""
    """A certificate (PEM, with its chain) to serve `listen` over TLS; read again when it changes. Empty: plain HTTP."""
    tls_key: str = ""
    """The certificate's key (PEM, no password), readable by the collector's own user."""
    token: Secret = field(default_factory=Secret)
    """A bearer token that `listen` asks for, on loopback too, besides those of `paramedic token`. Empty: beyond loopback only."""
    path_rootfs: Folder = "/"
    """Where the host's root file system is seen from here."""
    path_procfs: Folder = "/proc"
    """Where the host's /proc is seen from here."""
    path_sysfs: Folder = "/sys"
    """Where the host's /sys is seen from here."""
    source_timeout: Annotated[Duration, Bounds(0.1, 60)] = 5.0
    """A source that takes longer is left behind and reported; the scrape goes on without it."""
    container_labels: tuple[str, ...] = ()
    """More container labels to put on container series, besides Compose's and Swarm's names."""
    path_udev_data: str = ""
    """Where udev's database is seen from here; empty: `run/udev/data` below `path_rootfs`."""
    enable: tuple[str, ...] = ()
    """Sources to switch on that are off by default, as `processes`."""
    disable: tuple[str, ...] = ()
    """Sources to switch off, as `netclass`."""
    arp: node.ArpSettings = field(default_factory=node.ArpSettings)
    cpu: node.CpuSettings = field(default_factory=node.CpuSettings)
    diskstats: node.DiskstatsSettings = field(default_factory=node.DiskstatsSettings)
    filesystem: node.FilesystemSettings = field(default_factory=node.FilesystemSettings)
    hwmon: node.HwmonSettings = field(default_factory=node.HwmonSettings)
    interrupts: node.InterruptsSettings = field(default_factory=node.InterruptsSettings)
    netclass: node.NetclassSettings = field(default_factory=node.NetclassSettings)
    netdev: node.NetdevSettings = field(default_factory=node.NetdevSettings)
    netstat: node.NetstatSettings = field(default_factory=node.NetstatSettings)
    powersupply: node.PowersupplySettings = field(default_factory=node.PowersupplySettings)
    rapl: node.RaplSettings = field(default_factory=node.RaplSettings)
    stat: node.StatSettings = field(default_factory=node.StatSettings)
    systemd: node.SystemdSettings = field(default_factory=node.SystemdSettings)
    textfile: node.TextfileSettings = field(default_factory=node.TextfileSettings)
    vmstat: node.VmstatSettings = field(default_factory=node.VmstatSettings)
    scrape: ScrapeSettings = field(default_factory=ScrapeSettings)
    container_processes: Annotated[int, Bounds(0, 20)] = 0
    """How many processes of each container to tell of, the busiest; 0: none, for each costs a read and two series."""
    docker_only: bool = False
    """Leave out the host's root cgroup and those just below it, which are measured like containers, as cAdvisor does."""


@dataclass(frozen=True, slots=True)
class RuntimeSettings:
    """The role that alone talks to the engine."""

    engine: str = ""
    """The engine's address, as `unix:///run/docker.sock`; empty: DOCKER_HOST, else the usual sockets."""
    resync: Annotated[Duration, Bounds(1, 3600)] = 30.0
    """How often everything is listed, besides following events."""
    connect_timeout: Annotated[Duration, Bounds(0.1, 300)] = 5.0
    """How long a read call to the engine may take."""
    acts_per_target: Annotated[Window, Ceiling(TARGET_CEILING)] = TARGET_CEILING
    """The outer ceiling a target, whatever the healer wants; it can be lowered, never raised above 10 an hour."""
    acts_per_host: Annotated[Window, Ceiling(HOST_CEILING)] = HOST_CEILING
    """The outer ceiling of the whole host; it can be lowered, never raised above 30 an hour."""
    stop_timeout: Annotated[Duration, Bounds(0, 3600)] = 10.0
    """How long a container may take to stop before it is killed, when neither its own stop timeout nor the label `autoheal.stop.timeout` says so."""


@dataclass(frozen=True, slots=True)
class HealerSettings:
    """The role that decides."""

    default: Mode = Mode.OBSERVE
    """The mode of services that nothing else speaks of."""
    max: Mode = Mode.ENFORCE
    """No service gets a mode above this."""
    services: Mapping[str, Mode] = field(default_factory=dict)
    """Service (`project/service`, `service`, or a container's name) → mode."""
    autoheal_label: str = "autoheal"
    """A second label that gives leave with `true` (and takes it with `false`), for those who come from docker-autoheal."""
    only_running: bool = False
    """Heal only what runs: a container that ended with an error is left as it is."""
    startup_grace: Duration = 10.0
    """No action in the first seconds of the healer's life."""
    stale_after: Annotated[Duration, Bounds(1)] = 90.0
    """No action on a World that the engine last confirmed longer ago than this."""
    windows: tuple[Window, ...] = (Window(5, 900), Window(10, 86400))
    """The most actions a target, in each of these windows."""
    backoff_first: Duration = 10.0
    """The wait after the first action on a target; it doubles with each."""
    backoff_most: Duration = 300.0
    """The longest such wait. A target that was well for max(10m, 2 × the last wait) starts from the first again."""
    confirm: Duration = 0.0
    """How long a fault must last before anything is decided. The engine's health check has its own retries before this."""
    recovered_after: Annotated[Duration, Bounds(0.1)] = 10.0
    """Running and healthy for this long after an action: recovered."""
    verified_after: Duration = 60.0
    """The trigger clear for this long after an action: verified."""
    verify_deadline: Annotated[Duration, Bounds(1)] = 300.0
    """Not recovered this long (plus the start period) after an action: it had no effect."""
    give_up_after: Annotated[int, Bounds(1, 100)] = 3
    """How many actions without effect, on one target in a day, until it is left to a person."""
    exited_after: Duration = 0.0
    """How long a container must have been down with an error, with nothing to restart it."""
    crash_loop_restarts: Annotated[int, Bounds(2, 16)] = 5
    """So many starts by the engine's restart policy …"""
    crash_loop_window: Annotated[Duration, Bounds(1)] = 600.0
    """… within this time are a crash loop."""


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """The role that answers names, for this host and its containers only."""

    listen: tuple[LocalAddress, ...] = ()
    """Local addresses to answer on; empty: 127.0.0.1 and the host's address on each of the engine's networks. Never a wildcard."""
    port: Annotated[int, Bounds(1, 65535)] = 5311
    """UDP and TCP. Containers can ask no port but 53; it is refused, saying so, while something else holds it."""
    zone: Domain = "paramedic.internal"
    """The domain of its own names."""
    ttl: Annotated[Duration, Bounds(1, 3600)] = 5.0
    """How long others may remember an answer from the zone."""
    upstreams: tuple[DnsAddress, ...] = ()
    """Who is asked for all other names, as `192.0.2.53` or `192.0.2.53:5353`; empty: those of /etc/resolv.conf."""
    forward_timeout: Annotated[Duration, Bounds(0.2, 30)] = 3.5
    """How long they may take, all of them together. Docker's own resolver gives up after 4 seconds."""


@dataclass(frozen=True, slots=True)
class LogsForwardSettings:
    """Log lines that others send, as Fluentd's Forward protocol."""

    listen: Address = ""
    """Where they are taken, as `127.0.0.1:24224`; empty: nowhere. The protocol names no sender: keep it on loopback."""


@dataclass(frozen=True, slots=True)
class LogsEventsSettings:
    """Healing events sent to an application's own Fluentd or Fluent Bit."""

    fluentd: Address = ""
    """Where they are sent, as `127.0.0.1:24224`; empty: nowhere."""
    tag: str = "paramedic"
    """The first part of their tag; the second is the kind, as in `paramedic.closed`."""


@dataclass(frozen=True, slots=True)
class LogsSettings:
    """The role that keeps and searches containers' logs."""

    retention_bytes: Annotated[Size, Bounds(16 << 20)] = 2 << 30
    """How much of the disk lines may take; the oldest go first. Evidence of incidents has 64 MiB of its own."""
    retention: Annotated[Duration, Bounds(60)] = 30 * 86400.0
    """How long lines are kept, at most."""
    seal_after: Annotated[Duration, Bounds(0.1, 60)] = 10.0
    """How long a line may wait for others before it is made durable; until then Docker's own file is what keeps it. Less makes more writes."""
    path_rootfs: Folder = "/"
    """Where the host's root file system is seen from here."""
    forward: LogsForwardSettings = field(default_factory=LogsForwardSettings)
    events: LogsEventsSettings = field(default_factory=LogsEventsSettings)


_NONE = Secret("")


class Told(StrEnum):
    """What a person can be told of."""

    FAILED = "failed"
    """An action could not be done, or did not help."""
    REFUSED = "refused"
    """A fault lasts, and a guard says no: somebody else must change something."""
    GAVE_UP = "gave_up"
    """It is left to a person."""
    HEALED = "healed"
    """It is well again."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to reach a person."""

    kind: Annotated[str, OneOf(("webhook", "ntfy", "apprise"))]
    """How it is sent: `webhook` (JSON by POST), `ntfy` (publishes to a topic), `apprise` (an Apprise API server)."""
    url: CallUrl
    """Where to, as `https://ntfy.sh/TOPIC`. Redirects are not followed."""
    name: str = ""
    """What it is called here; empty: its kind."""
    token: Secret = _NONE
    """Sent as `Authorization: Bearer …`, when there is one."""
    gets: tuple[Told, ...] = tuple(Told)
    """What it is told of."""
    digest: Annotated[Duration, Bounds(0, 86400)] = 3600.0
    """What was healed is collected for so long and told in one message; `0s`: each at once. All else is sent at once."""
    text_key: str = ""
    """Of a webhook: send nothing but the text, under this key, as chat programs want it (`text` for Slack, `content` for Discord); empty: everything, as JSON."""
    timeout: Annotated[Duration, Bounds(0.1, 60)] = 10.0
    """How long one try may take."""

    @property
    def title(self) -> str:
        """The name, or its kind."""
        return self.name or self.kind


@dataclass(frozen=True, slots=True)
class HeartbeatSettings:
    """A sign of life to a service that notices when it stays out."""

    url: CallUrl = _NONE
    """Called (GET) while runtime and healer are well, as `https://ping.example/…`; empty: nothing is called."""
    interval: Annotated[Duration, Bounds(1, 3600)] = 60.0
    """How often."""


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Recent history of metrics, kept by the hub and asked in Prometheus' query language."""

    retention: Annotated[Duration, Bounds(600)] = 15 * 86400.0
    """How long samples are kept, at most."""
    retention_bytes: Annotated[Size, Bounds(16 << 20)] = 4 << 30
    """How much of the disk samples may take; the oldest go first."""
    out_of_order: Annotated[Duration, Bounds(0, 86400)] = 300.0
    """A sample older than its series' newest is taken when it is at most this much older than the newest of all; 0s refuses it, as Prometheus does by default."""
    series: Annotated[int, Bounds(1000, 10_000_000)] = 500_000
    """How many series may be known at once; samples of more are refused and counted until old ones are past `retention`."""
    label_bytes: Annotated[Size, Bounds(1 << 20)] = 256 << 20
    """How much memory the labels of all series may take, each pair counted once; samples of new series are refused beyond that, as beyond `series`."""
    cache_bytes: Annotated[Size, Bounds(1 << 20)] = 64 << 20
    """How much memory unpacked samples may take, so that the next query finds them."""
    scrape_file: str = ""
    """A file in Prometheus' own syntax whose `scrape_configs` are scraped too, as `/etc/paramedic/prometheus.yml`; it is read again when it changes."""
    scrape_interval: Annotated[Duration, Bounds(1, 3600)] = 15.0
    """How often the collectors are scraped, and every job that does not say itself."""
    query_concurrency: Annotated[int, Bounds(1, 64)] = 2
    """How many queries run at once; the rest waits its turn. One of these places is never a heavy query's (2 million samples and more)."""
    query_waiting: Annotated[int, Bounds(0, 1000)] = 20
    """How many queries may wait; what is beyond is answered 503 at once."""
    query_timeout: Annotated[Duration, Bounds(0.1, 3600)] = 120.0
    """How long a query may wait and run, together."""
    query_samples: Annotated[int, Bounds(1000, 10_000_000_000)] = 50_000_000
    """How many samples a query may hold at any one moment, at 8 bytes each and more; one that needs more is refused."""
    promql_experimental_functions: bool = False
    """Whether queries may use functions and aggregations that Prometheus calls experimental (`--enable-feature=promql-experimental-functions`), such as `limitk`, `sort_by_label`, `mad_over_time` and `double_exponential_smoothing`; `info` is not among them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything."""

    data: Folder = "/var/lib/paramedic"
    """The one data directory."""
    node: str = ""
    """This host's name on the page and in metrics; empty: its host name."""
    log_level: Annotated[str, OneOf(("debug", "info", "warning", "error"))] = "info"
    """How much the roles say on stderr."""
    hub: HubSettings = field(default_factory=HubSettings)
    collector: CollectorSettings = field(default_factory=CollectorSettings)
    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)
    healer: HealerSettings = field(default_factory=HealerSettings)
    dns: DnsSettings = field(default_factory=DnsSettings)
    logs: LogsSettings = field(default_factory=LogsSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    notify: tuple[Channel, ...] = ()
    """Where a person is told what failed, what is refused, what was given up, and what was healed; sent by the hub."""
    heartbeat: HeartbeatSettings = field(default_factory=HeartbeatSettings)
