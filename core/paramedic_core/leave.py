"""Which healing mode counts for a container, who said so, and what would have to change for us to act.

Pure. Healer and runtime each judge by it, runtime by its own reading of configuration, grants and labels, so that no
message from a sibling role can lend a leave that nobody gave (design §6, "Which mode counts").
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from paramedic_core.model import Container
from paramedic_core.settings import HealerSettings, Mode

LABEL = "paramedic.heal"
_WORDS = {mode.value: mode for mode in Mode} | {"true": Mode.ENFORCE, "false": Mode.OFF}
_NO_APPROVAL = "approval by a person is not there yet, so it only records"
_AUTOHEAL_WORDS = {"true": Mode.ENFORCE, "false": Mode.OFF}


@dataclass(frozen=True, slots=True)
class Leave:
    """The mode that counts, and its story in words."""

    mode: Mode
    source: str
    """Who decided it, one of: file, grant, label, default, max, restraint, freeze."""
    why: str
    """Where the mode came from, as a clause: `the label paramedic.heal=true`."""
    allow: str = ""
    """The one change (or, when several things hold, each of them) that would allow acting; empty when it is allowed."""
    warnings: tuple[str, ...] = ()
    """Labels that are wrong or do not count, each as a sentence for the page."""

    @property
    def allowed(self) -> bool:
        """Whether we may act on it."""
        return self.mode is Mode.ENFORCE


@dataclass(frozen=True, slots=True)
class _Voice:
    """One that speaks of a mode."""

    mode: Mode
    source: str
    why: str
    allow: str


def leave(
    container: Container,
    settings: HealerSettings,
    grants: Mapping[str, str],
    *,
    restraint: Mode | None = None,
    frozen: bool = False,
) -> Leave:
    """The mode that counts for `container`.

    The first that speaks of file, grant, label and default; then the lowest of that, `healer.max`, the hub's restraint
    and FREEZE (which leaves observing).

    Args:
        container: its name, service and labels are read.
        settings: `healer.services`, `healer.default`, `healer.max`.
        grants: service key → mode, as in `World.grants`.
        restraint: to what the hub lowers every service.
        frozen: whether the FREEZE file is there.
    """
    warnings: list[str] = []
    base = (
        _from_file(container, settings)
        or _from_grant(container, grants, warnings)
        or _from_labels(container, settings.autoheal_label, warnings)
        or _from_default(container, settings)
    )
    voices = [base, *_lids(settings, restraint, frozen=frozen)]
    # min() keeps the first of equals: who spoke for the service is named before a lid that changes nothing.
    lowest = min(voices, key=lambda voice: voice.mode.rank)
    holding = [voice.allow for voice in voices if voice.mode is not Mode.ENFORCE]
    why = lowest.why + (f": {_NO_APPROVAL}" if lowest.mode is Mode.APPROVE else "")
    return Leave(lowest.mode, lowest.source, why, "; and ".join(holding), tuple(warnings))


def read_mode(text: str) -> Mode | None:
    """A mode as people write it in a label or a grant; `true` is enforce, `false` is off. None: it is no mode."""
    return _WORDS.get(text.strip().lower())


def _from_file(container: Container, settings: HealerSettings) -> _Voice | None:
    # The most specific name first: one container, then one service of one project, then that service anywhere.
    for key in (container.name, container.service_key, container.service):
        mode = settings.services.get(key)
        if mode is not None:
            why = f"healer.services says {key}: {mode.value}"
            return _Voice(mode, "file", why, f"set healer.services {key}: enforce in the configuration file")
    return None


def _from_grant(container: Container, grants: Mapping[str, str], warnings: list[str]) -> _Voice | None:
    text = grants.get(container.service_key)
    if text is None:
        return None
    mode = read_mode(text)
    if mode is None:
        warnings.append(f"the grant for {container.service_key} has the value {_short(text)}, which is no mode")
    shown = (mode or Mode.OBSERVE).value
    return _Voice(mode or Mode.OBSERVE, "grant", f"a grant says {container.service_key}: {shown}", _enable(container))


def _from_labels(container: Container, autoheal: str, warnings: list[str]) -> _Voice | None:
    # Whoever set docker-autoheal's label to true asked for this (https://github.com/willfarrell/docker-autoheal).
    for name, words in ((LABEL, _WORDS), (autoheal, _AUTOHEAL_WORDS)):
        text = container.own_label(name)
        if text is None:
            if name in container.labels:
                warnings.append(
                    f"the label {name}={_short(container.labels[name])} came with the image: it never counts"
                )
            continue
        mode = words.get(text.strip().lower())
        if mode is None and name == LABEL:
            wrong = f"the label {name}={_short(text)} is none of {', '.join(_WORDS)}: it counts as observe"
            warnings.append(wrong)
            return _Voice(Mode.OBSERVE, "label", wrong, _enable(container))
        if mode is None:
            warnings.append(f"the label {name}={_short(text)} is neither true nor false: it does not count")
        else:
            instead = f", or label it {LABEL}=true" if mode is Mode.APPROVE else ""
            return _Voice(mode, "label", f"the label {name}={_short(text)}", _enable(container) + instead)
    return None


def _from_default(container: Container, settings: HealerSettings) -> _Voice:
    why = f"nothing speaks of it, and healer.default is {settings.default.value}"
    return _Voice(settings.default, "default", why, f"{_enable(container)}, or label it {LABEL}=true")


def _lids(settings: HealerSettings, restraint: Mode | None, *, frozen: bool) -> Iterator[_Voice]:
    # FREEZE first: of equal lids, the one that a person put on by hand is the one to name.
    if frozen:
        yield _Voice(Mode.OBSERVE, "freeze", "the FREEZE file is there", "remove FREEZE from the data directory")
    if restraint is not None:
        yield _Voice(restraint, "restraint", f"the hub restrains all to {restraint.value}", "lift the hub's restraint")
    why = f"healer.max is {settings.max.value}"
    yield _Voice(settings.max, "max", why, "set healer.max: enforce in the configuration file")


def _enable(container: Container) -> str:
    # Foreign text in a command that root is to paste.
    return f"`paramedic heal enable {shlex.quote(container.service_key)}`"


def _short(text: str) -> str:
    """A foreign value for a message: at most 40 characters, nothing unprintable."""
    clean = "".join(c if c.isprintable() else "?" for c in text[:40])
    return f"{clean}…" if len(text) > 40 else clean
