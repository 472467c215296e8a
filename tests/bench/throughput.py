#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Throughput of direct I/O in directories, one against others: throughput.py ROUNDS OURS NAME=DIRECTORY...

Each round is one run of fio, which has for each pattern a job in each directory, one after the other; which
directory goes first changes with the round. Prints the medians, and of the rounds' ratios the median and the
quartiles: above 1, ours is faster.
"""

import json
import statistics
import subprocess
import sys

SECONDS = 2  # a job
SIZE = "64m"
PATTERNS = {  # name: fio's rw, block size, queue depth
    "sequential read": ("read", "256k", 4),
    "sequential write": ("write", "256k", 4),
    "random read": ("randread", "4k", 8),
    "random write": ("randwrite", "4k", 8),
}


def measure(directories):
    """KiB a second, by pattern's name and directory."""
    words = ["fio", "--ioengine=libaio", "--direct=1", f"--size={SIZE}", f"--runtime={SECONDS}",
             "--time_based", "--overwrite=1", "--thread", "--output-format=json"]
    jobs = [(name, directory) for name in PATTERNS for directory in directories]
    for name, directory in jobs:
        pattern, block, depth = PATTERNS[name]
        words += [f"--name={name}", "--stonewall", f"--filename={directory}/bench", f"--rw={pattern}",
                  f"--bs={block}", f"--iodepth={depth}"]
    done = subprocess.run(words, stdout=subprocess.PIPE, check=True)
    found = {}
    for job, result in zip(jobs, json.loads(done.stdout)["jobs"], strict=True):
        side = result["read" if "read" in job[0] else "write"]
        if result["error"] or not side["bw"]:
            raise RuntimeError(f"fio: {job[0]} in {job[1]}: error {result['error']}")
        found[job] = side["bw"]
    return found


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0], values[0]
    return statistics.quantiles(values, n=4, method="inclusive")


def main(rounds, ours, *others):
    names = dict(other.partition("=")[::2] for other in others)
    directories = [ours, *names.values()]
    found = []
    for turn in range(int(rounds) + 1):
        first = turn % len(directories)
        found.append(measure(directories[first:] + directories[:first]))
    del found[0]  # it made the files
    print("medians; ratio: median of the rounds, with quartiles; above 1 ours is faster\n")
    print(f"{'':18} {'MiB/s':>8}   {'compared with':18} {'MiB/s':>8}  {'ratio':>7} {'quartiles':13} {'n':>4}")
    for pattern in PATTERNS:
        for name, directory in names.items():
            mine = [values[pattern, ours] for values in found]
            theirs = [values[pattern, directory] for values in found]
            low, middle, high = quartiles([a / b for a, b in zip(mine, theirs)])
            print(f"{pattern:18} {statistics.median(mine) / 1024:8.1f}   {name:18} "
                  f"{statistics.median(theirs) / 1024:8.1f}  {middle:7.3f} ({low:.3f}-{high:.3f}) {rounds:>4}")


main(*sys.argv[1:])
