"""What the container may use, by its control group where there is one: processors and memory."""

from __future__ import annotations

import ctypes
import math
import os
from pathlib import Path

_GROUP = Path("/sys/fs/cgroup")
_MEMINFO, _STATUS = Path("/proc/meminfo"), Path("/proc/self/statm")
# glibc, malloc.h: the number of areas that threads allocate from. Each keeps what it once had.
_M_ARENA_MAX = -8


def cpus() -> int:
    """Return the processors that this process may use, at least 1."""
    there = len(os.sched_getaffinity(0))
    quota, _, period = _read(_GROUP / "cpu.max").partition(" ")
    if quota.isdigit() and period.strip().isdigit():
        there = min(there, math.ceil(int(quota) / int(period)))
    return max(1, there)


def available_bytes() -> float:
    """Return how much more memory may be taken: the control group's, or the machine's where that is less."""
    free = float("inf")
    for line in _read(_MEMINFO).splitlines():
        if line.startswith("MemAvailable:"):
            free = int(line.split()[1]) * 1024
    limit, used = _read(_GROUP / "memory.max").strip(), _read(_GROUP / "memory.current").strip()
    if limit.isdigit() and used.isdigit():
        # What the kernel could give back at once counts as free, as the kernel itself counts.
        free = min(free, int(limit) - int(used) + _inactive_file())
    return free


def resident_bytes() -> int:
    """Return the memory that this process holds in RAM."""
    return int(_read(_STATUS).split()[1]) * os.sysconf("SC_PAGE_SIZE")


def give_back() -> None:
    """Give memory that models no longer use back to the system; glibc keeps it otherwise."""
    _libc().malloc_trim(0)


def one_thread() -> None:
    """Keep numerical libraries from starting threads: models share the processors by requests. Call it before they load."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def one_area() -> None:
    """Let all threads allocate from one area, which is the difference between 626 and 423 MB after forty models."""
    _libc().mallopt(_M_ARENA_MAX, 1)


def _inactive_file() -> int:
    rows = dict(line.split(" ", 1) for line in _read(_GROUP / "memory.stat").splitlines() if " " in line)
    return int(rows.get("inactive_file", 0))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL("libc.so.6")


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
