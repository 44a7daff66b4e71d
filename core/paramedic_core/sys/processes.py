"""What one of our processes does to itself: rights, death with its parent, descriptors, title. Linux only.

The order matters (prctl(2), capabilities(7)): changing the uid clears the death signal, so `die_with_parent` comes last
(and once more at the very start, for the time until then).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import os
import re
import resource
import signal
from collections.abc import Collection, Iterator
from enum import IntEnum
from pathlib import Path

from setproctitle import setproctitle

from paramedic_core.errors import ConfigError

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_KEEPCAPS, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 8, 24, 38
_CAPABILITY_VERSION_3 = 0x20080522
_M_ARENA_MAX = -8
"""Of malloc.h."""
_MADV_DONTNEED = 4
"""Of sys/mman.h."""
_SMAPS_HEAD = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+ *(.*)")


class Capability(IntEnum):
    """The few capabilities that a role may keep, with their numbers (linux/capability.h)."""

    DAC_OVERRIDE = 1
    """Reach an engine's socket that belongs to another user (rootless engines)."""
    DAC_READ_SEARCH = 2
    """Read any file: container logs."""
    NET_BIND_SERVICE = 10
    """Listen below port 1024: DNS."""


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, however it ends (PR_SET_PDEATHSIG).

    Args:
        parent: the parent's process id, as the parent itself knew it before the fork: when it has ended meanwhile, no
            signal will come, and this process ends here.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def drop_rights(uid: int, gid: int, capabilities: Collection[Capability]) -> None:
    """Become `uid` and `gid` for good: no supplementary groups, these capabilities and never more.

    Only for a process that runs as root; root itself (uid 0) keeps its uid and still loses all other capabilities. One that
    this process was not given itself (in a container) is left out: its role says what it cannot do then.

    Raises:
        ConfigError: this process may not (a container without CAP_SETUID, CAP_SETGID or CAP_SETPCAP).
    """
    permitted = _permitted()
    capabilities = [capability for capability in capabilities if permitted >> capability & 1]
    try:
        _narrow_bounds(capabilities)
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        if uid != 0:
            _prctl(_PR_SET_KEEPCAPS, 1)
            os.setresuid(uid, uid, uid)
        _set_capabilities(capabilities)
        # Its own /proc/self would otherwise stay root's: a role reads its descriptors and its share of I/O there.
        _prctl(_PR_SET_DUMPABLE, 1)
    except PermissionError as error:
        raise ConfigError(
            f"cannot become uid {uid}, gid {gid} ({error.strerror}): give the container CAP_SETUID, CAP_SETGID and"
            " CAP_SETPCAP, or start paramedic as a plain user (then there is no boundary between its parts)"
        ) from error
    if os.getresuid() != (uid, uid, uid) or os.getresgid() != (gid, gid, gid):
        raise ConfigError(f"the kernel did not make this process uid {uid}, gid {gid}")


def seal() -> None:
    """No program that this process starts gains rights (PR_SET_NO_NEW_PRIVS), and no crash writes its memory to a disk."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def close_inherited(keep: Collection[int]) -> None:
    """Close every descriptor but the standard three and `keep`."""
    for entry in list(Path("/proc/self/fd").iterdir()):
        fd = int(entry.name)
        if fd > 2 and fd not in keep:
            # The descriptor that listed the folder is in the list too, and is closed already.
            with contextlib.suppress(OSError):
                os.close(fd)


def title(text: str) -> None:
    """What `ps` shows for this process."""
    setproctitle(text)


def one_pool() -> None:
    """Have all threads take memory from one pool: with the interpreter's lock they never do so at the same moment, and each
    pool of glibc's keeps its own slack. To be called while there is one thread.
    """
    _told_malloc("mallopt", _M_ARENA_MAX, 1)


def give_back() -> None:
    """Return what is free to the system: starting up leaves holes of some hundred KB to 1 MB."""
    gc.collect()
    _told_malloc("malloc_trim", 0)


def let_go_of_code() -> int:
    """Unmap what importing has read of libraries' code: whatever still runs comes back from the page cache, 64 KB at a time,
    and most of a large library (NumPy, pydantic) never does. To be called while no thread may load a library.

    Returns:
        bytes of the mappings, of which only some were resident.
    """
    size = 0
    for start, end in _clean_code():
        if _LIBC.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED) == 0:
            size += end - start
    return size


def _clean_code() -> list[tuple[int, int]]:
    """Files' code (proc_pid_smaps(5)); not where a page is our own (a breakpoint, a text relocation), which would be lost."""
    found: list[tuple[int, int]] = []
    here: tuple[int, int] | None = None
    try:
        with Path("/proc/self/smaps").open() as listing:
            for line in listing:  # all of it at once would leave holes of half a megabyte
                if head := _SMAPS_HEAD.match(line):
                    code = head[3] == "r-xp" and head[4].startswith("/")
                    here = (int(head[1], 16), int(head[2], 16)) if code else None
                elif here and line.startswith("Anonymous:") and line.split()[1] == "0":
                    found.append(here)
    except OSError:
        return []  # a kernel without CONFIG_PROC_PAGE_MONITOR, or a policy: its pages stay where they are
    return found


def _told_malloc(name: str, *arguments: int) -> None:
    # musl has neither function, and keeps little.
    call = getattr(_LIBC, name, None)
    if call is not None:
        call(*arguments)


@contextlib.contextmanager
def signals_blocked() -> Iterator[None]:
    """For a fork: until the child has handlers of its own, a signal to it would be told to the parent's wakeup pipe."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def reset_signals() -> None:
    """Undo a parent's handlers; the terminal's signals are the supervisor's business, so they are ignored here."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _narrow_bounds(keep: Collection[Capability]) -> None:
    for number in range(64):
        if number in keep:
            continue
        try:
            _prctl(_PR_CAPBSET_DROP, number)
        except OSError as error:
            if error.errno == errno.EINVAL:
                return  # past the last capability of this kernel
            raise


def _permitted() -> int:
    """This process' permitted capabilities as a bit mask (proc_pid_status(5), CapPrm)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("CapPrm:")[2].split(maxsplit=1)[0], 16)


def _set_capabilities(keep: Collection[Capability]) -> None:
    bits = sum(1 << number for number in keep)
    low, high = bits & 0xFFFFFFFF, bits >> 32
    data = (_Data * 2)(_Data(low, low, 0), _Data(high, high, 0))
    if _LIBC.capset(ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), data) != 0:
        raise OSError(ctypes.get_errno(), "capset failed")


def _prctl(option: int, value: int) -> None:
    none = ctypes.c_ulong(0)
    if _LIBC.prctl(option, ctypes.c_ulong(value), none, none, none) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl {option}: {os.strerror(code)}")
