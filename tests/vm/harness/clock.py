# SPDX-License-Identifier: GPL-2.0-or-later
"""The speed of the machine's time stamp counter.

An emulated CPU reads the host's counter. Linux in the guest would find out how fast it is by
counting along with an emulated timer, and on a busy host it gets that wrong: the guest's clock
then runs several times too fast, and every timeout in a test with it. So it is told.
"""

import ctypes
import mmap
import time
from pathlib import Path

from . import kernel

_RDTSC = bytes.fromhex("0f31"      # rdtsc
                       "48c1e220"  # shl rdx, 32
                       "4809d0"    # or rax, rdx
                       "c3")       # ret
_INTERVAL = 0.1  # seconds; what disturbs a reading is below a microsecond
_READINGS = 50


def tsc_khz():
    """In kHz, measured once since the host has booted."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    known = kernel.cache_dir() / f"tsc-{boot}"
    try:
        return int(known.read_text(encoding="ascii"))
    except (OSError, ValueError):
        pass
    for old in kernel.cache_dir().glob("tsc-*"):
        old.unlink(missing_ok=True)
    khz = _measure()
    known.write_text(str(khz), encoding="ascii")
    return khz


def _measure():
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as page:
        page.write(_RDTSC)
        start = ctypes.c_char.from_buffer(page)
        rdtsc = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(start))

        def reading():
            """The counter and the time, from the least disturbed of several readings."""
            samples = []
            for _ in range(_READINGS):
                before = time.monotonic_ns()
                counter = rdtsc()
                after = time.monotonic_ns()
                samples.append((after - before, counter, (before + after) // 2))
            return min(samples)[1:]

        counter, began = reading()
        time.sleep(_INTERVAL)
        counter_end, ended = reading()
        del rdtsc, start
    return (counter_end - counter) * 1_000_000 // (ended - began)
