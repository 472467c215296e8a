#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Throughput of direct I/O in directories, one against others: throughput.py ROUNDS OURS NAME=DIRECTORY...

Each round runs fio once in each directory for each pattern, and begins with another directory each time.
Prints the medians, and of the rounds' ratios the median and the quartiles: above 1, ours is faster.
"""

import json
import os
import statistics
import subprocess
import sys

SECONDS = 2
SIZE = "64m"
PATTERNS = {  # name: fio's rw, block size, queue depth
    "sequential read": ("read", "256k", 4),
    "sequential write": ("write", "256k", 4),
    "random read": ("randread", "4k", 8),
    "random write": ("randwrite", "4k", 8),
}


def throughput(directory, pattern, block, depth):
    """KiB a second."""
    done = subprocess.run(
        ["fio", "--name=bench", f"--filename={os.path.join(directory, 'bench')}", f"--size={SIZE}",
         f"--rw={pattern}", f"--bs={block}", f"--iodepth={depth}", "--ioengine=libaio", "--direct=1",
         "--time_based", f"--runtime={SECONDS}", "--overwrite=1", "--randrepeat=1",
         "--output-format=json"],
        stdout=subprocess.PIPE, check=True)
    job = json.loads(done.stdout)["jobs"][0]
    if job["error"]:
        raise RuntimeError(f"fio in {directory}: error {job['error']}")
    return job["read" if "read" in pattern else "write"]["bw"]


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0], values[0]
    return statistics.quantiles(values, n=4, method="inclusive")


def main(rounds, ours, *others):
    names = ["", *(other.partition("=")[0] for other in others)]
    directories = [ours, *(other.partition("=")[2] for other in others)]
    print(f"{'':18} {'MiB/s':>8}   {'compared with':18} {'MiB/s':>8}  {'ratio':>7} quartiles")
    for title, pattern in PATTERNS.items():
        found = [[] for _ in directories]
        for turn in range(-1, int(rounds)):  # the first does not count: it makes the file
            for place in range(len(directories)):
                at = (place + turn) % len(directories)
                value = throughput(directories[at], *pattern)
                if turn >= 0:
                    found[at].append(value)
        for other in range(1, len(directories)):
            low, middle, high = quartiles([a / b for a, b in zip(found[0], found[other])])
            print(f"{title:18} {statistics.median(found[0]) / 1024:8.1f}   {names[other]:18} "
                  f"{statistics.median(found[other]) / 1024:8.1f}  {middle:7.3f} ({low:.3f}-{high:.3f})",
                  flush=True)


main(*sys.argv[1:])
