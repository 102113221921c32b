"""Reading what other processes use: CPU seconds and memory of a process and all its descendants."""

from __future__ import annotations

import sys
import threading
import time

import psutil


def family(pid: int) -> list[psutil.Process]:
    """Return the process and its descendants: a server may fork workers."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def cpu_seconds(pid: int) -> float:
    """Return user plus system CPU seconds that the process family has used so far."""
    return sum(_cpu_seconds_of(process) for process in family(pid))


def _cpu_seconds_of(process: psutil.Process) -> float:
    if sys.platform == "linux":
        # The kernel's CPU clock of another process, as clock_getcpuclockid(3) computes it: nanoseconds,
        # where /proc/PID/stat counts hundredths of a second, too coarse for one burst.
        return time.clock_gettime((~process.pid << 3) | 2)
    times = process.cpu_times()
    return float(times.user + times.system)


def memory_bytes(pid: int) -> int:
    """Return the memory that would be free if the process family ended (unique set size)."""
    return sum(process.memory_full_info().uss for process in family(pid))


def resident_bytes(pid: int) -> int:
    """Return the resident set size of the process family; cheaper than `memory_bytes`, for sampling."""
    return sum(process.memory_info().rss for process in family(pid))


class PeakMemory:
    """Samples the resident memory of a process family while a ``with`` block runs.

    ``grown`` is the highest sample minus the one taken on entry, in bytes.
    """

    def __init__(self, pid: int, interval: float = 0.02) -> None:
        self._pid = pid
        self._interval = interval
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._before = 0
        self._peak = 0

    def __enter__(self) -> PeakMemory:
        self._before = self._peak = resident_bytes(self._pid)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def grown(self) -> int:
        return self._peak - self._before

    def _sample(self) -> None:
        while not self._done.wait(self._interval):
            self._peak = max(self._peak, resident_bytes(self._pid))


class CpuReading:
    """The CPU seconds that process families use from its creation to `stop`."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self._before = self._total()

    def stop(self) -> float:
        return self._total() - self._before

    def _total(self) -> float:
        return sum(cpu_seconds(pid) for pid in self._pids)
