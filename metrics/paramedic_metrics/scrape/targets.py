"""From what was discovered to a target: labels, address and parameters, as Prometheus' scrape/target.go makes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from paramedic_core.errors import BadInput
from paramedic_metrics.scrape.config import Job
from paramedic_metrics.scrape.fields import duration
from paramedic_metrics.scrape.relabel import relabel
from paramedic_metrics.series import Labels


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked, and the labels that its samples get. Equal targets are one."""

    labels: Labels
    """Sorted; without any that begins with `__`."""
    url: str
    interval: float
    timeout: float
    address: str
    path: str
    """With the parameters."""
    https: bool = False
    pool: str = ""
    socket: str = ""
    """A unix socket, for the roles of this host."""
    spread: bool = True
    """As the job has it."""

    @property
    def key(self) -> str:
        """What tells it from all others, also after a restart."""
        return f"{self.pool} {self.url} {self.labels}"


def make_target(discovered: Mapping[str, str], job: Job) -> Target | None:
    """The target; None when relabelling drops it.

    Raises:
        BadInput: what is left after relabelling is no target.
    """
    labels = relabel(before(discovered, job), job.relabel)
    if labels is None:
        return None
    address = labels.get("__address__", "")
    if not address:
        raise BadInput("no address is left after relabelling")
    if "/" in address and not job.socket:
        raise BadInput(f"{address[:100]!r} is no HOST:PORT")
    interval, timeout = _time(labels, "__scrape_interval__"), _time(labels, "__scrape_timeout__")
    if timeout > interval:
        raise BadInput(f"the scrape timeout of {timeout:g} s is longer than the interval of {interval:g} s")
    scheme = labels.get("__scheme__", "http")
    if scheme not in ("http", "https"):
        raise BadInput(f"{scheme[:20]!r} is no scheme: http or https")
    path = _path(labels, job)
    try:
        f"{address}{path}{''.join(labels)}{''.join(labels.values())}".encode()
    except UnicodeEncodeError:
        raise BadInput("a label has half a character, which is no UTF-8") from None
    kept = {name: value for name, value in labels.items() if not name.startswith("__")}
    kept.setdefault("instance", address)
    if len(kept) > 200:
        raise BadInput("more than 200 target labels")
    return Target(
        labels=tuple(sorted(kept.items())),
        url=f"{scheme}://{address}{path}",
        interval=interval,
        timeout=timeout,
        address=address,
        path=path,
        https=scheme == "https",
        pool=job.pool,
        socket=job.socket,
        spread=job.spread,
    )


def before(discovered: Mapping[str, str], job: Job) -> dict[str, str]:
    """A target's labels before relabelling."""
    labels = {
        "job": job.name,
        "__scrape_interval__": duration_text(job.interval),
        "__scrape_timeout__": duration_text(job.timeout),
        "__metrics_path__": job.path,
        "__scheme__": job.scheme,
        **{f"__param_{name}": values[0] for name, values in job.params if values},
    }
    # What was discovered counts more, as its author is nearer to the target.
    return labels | {name: value for name, value in discovered.items() if value}


def _path(labels: Mapping[str, str], job: Job) -> str:
    params = {name: list(values) for name, values in job.params}
    for name, value in labels.items():
        if name.startswith("__param_"):
            held = params.setdefault(name.removeprefix("__param_"), [])
            held[:1] = [value]
    path = labels.get("__metrics_path__", "/metrics")
    path = path if path.startswith("/") else f"/{path}"
    if not params:
        return path
    return f"{path}{'&' if '?' in path else '?'}{urlencode(sorted(params.items()), doseq=True)}"


def _time(labels: Mapping[str, str], name: str) -> float:
    text = labels.get(name, "")
    seconds = duration(text)
    if not seconds:
        raise BadInput(f"{name} is {text[:40]!r}, which is no duration of more than 0")
    return max(seconds, 0.05)


def duration_text(seconds: float) -> str:
    """A duration as Prometheus writes it."""
    whole = round(seconds * 1000)
    if whole % 1000:
        return f"{whole}ms"
    whole //= 1000
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if whole % size == 0:
            return f"{whole // size}{unit}"
    return f"{whole}s"
