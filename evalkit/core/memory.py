"""How much memory a process takes at its height, and giving it back."""

from __future__ import annotations

import ctypes
import re
import resource
import sys
from contextlib import suppress
from pathlib import Path

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
_HEIGHT = re.compile(rb"^VmHWM:\s*(\d+) kB", re.MULTILINE)


def forget_peak() -> None:
    """From now on the peak is that of what follows, where the system can: Linux."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    """The most that was resident, of this process alone, since ``forget_peak``; since the process
    began where that is not to be had."""
    with suppress(OSError):
        if found := _HEIGHT.search(Path("/proc/self/status").read_bytes()):
            return 1024 * int(found[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def keep_freed(most: int = 1 << 26) -> None:
    """From now on up to ``most`` bytes that were freed stay with the process, where that can be
    asked for: glibc would give them back at once, and the system zero their pages anew for the
    next utterance, which takes a thirtieth of the time of small models."""
    with suppress(AttributeError, OSError):  # other systems
        libc = ctypes.CDLL(None)
        libc.mallopt(_TRIM_THRESHOLD, most)
        libc.mallopt(_MMAP_THRESHOLD, most // 2)  # what is larger goes back by itself


def give_back() -> None:
    """Gives what is free of the process's memory back to the system, where that is kept for later:
    glibc and pyarrow do so with what many small pieces took."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    with suppress(AttributeError, OSError):  # other systems
        ctypes.CDLL(None).malloc_trim(0)
