# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs in the guest: puts images of a power cut on a disk, and looks how solodisk goes on.

Every boundary between two writes is tried; with --sample those at tables and LUKS2 headers, and some of
the others. Of the images with torn or reordered writes all are looked at, and of those some are
tried. What is chosen is chosen by chance.
"""

import argparse
import os
import random
import sys
import time
from collections import Counter

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from disk import Disk, Wrong, expect, run  # noqa: E402
from gpt import Mark  # noqa: E402
from replay import (BLOCK, HEADER_AREA, MIB, count_boundaries, crash_images,  # noqa: E402
                    image_after, read_log)
from scenarios import SCENARIOS  # noqa: E402

_KEY_AREA = range((MIB + (32 << 10)) // BLOCK, (MIB + (32 << 10) + 258048) // BLOCK)
_ALL = 1 << 30


class Choice:
    """Some of many things, each as likely as any other, without knowing how many there will be."""

    def __init__(self, room, rng):
        self.room = room
        self.rng = rng
        self.seen = 0
        self.chosen = []

    def offer(self, thing):
        self.seen += 1
        if len(self.chosen) < self.room:
            self.chosen.append(thing)
        elif (place := self.rng.randrange(self.seen)) < self.room:
            self.chosen[place] = thing


class Trial:
    """One record, and what is to be seen at each of its images."""

    def __init__(self, options):
        self.options = options
        self.requests = read_log(options.log)
        self.last = options.last or len(self.requests)
        self.disk = Disk(options.disk, self.requests[0].sector)
        self.environment = dict(os.environ)
        self.scenario = SCENARIOS[options.scenario](self, options)
        self.marker = None
        self.marker_blocks = set()  # where it ever was
        self.key = {}  # the old key's blocks
        self.header = {}  # and those that say how it is kept
        self.counts = Counter()
        self.passed_by = set()  # numbers of writes
        self.wrong = 0
        self.with_marker = 0
        self.key_opened = Counter()

    def run(self):
        options, began = self.options, time.monotonic()
        everything = os.environ.get("CRASH") == "all"
        seed = int(os.environ.get("CRASH_SEED") or random.randrange(1 << 32))
        rng = random.Random(seed)
        self.find_content()
        try:
            self.scenario.check_record(self.requests[options.first:self.last])
        except Wrong as error:
            self.wrong += 1
            print(f"WRONG record: {error}")
        tables = Choice(_ALL if everything else options.tables, rng)
        inside = Choice(options.inside * (25 if everything else 1), rng)
        if options.sample and not everything:
            self.passed_by = self.choose_passed_by(rng)
        for crash in crash_images(self.requests, options.first, self.last, rng, self.kinds_of,
                                  8 if everything else 2):
            self.counts[crash.kind] += 1
            self.guarded(crash, self.look)
            if crash.kind == "boundary":
                self.guarded(crash, self.put_and_try)
            else:
                (tables if self.is_at_table(crash) else inside).offer(crash)
        for crash in tables.chosen + inside.chosen:
            self.guarded(crash, self.put_and_try)
        expect(not self.marker or self.with_marker, "the marker was on no image: nothing was tested")
        self.report(tables, inside, seed, time.monotonic() - began)
        return 1 if self.wrong or not self.counts["boundary"] else 0

    def report(self, tables, inside, seed, seconds):
        print(f"{self.options.scenario}: "
              f"{count_boundaries(self.requests, self.options.first, self.last)} write boundaries, "
              f"{len(self.passed_by)} of them passed by; of the others {self.counts['boundary']} are "
              f"different, all tried; {seconds:.0f} s (CRASH_SEED={seed})")
        if self.options.damaged:
            print(f"{self.counts['torn']} torn and {self.counts['reordered']} reordered, all looked at; "
                  f"tried {len(tables.chosen)} of {tables.seen} at the tables, {len(inside.chosen)} of "
                  f"{inside.seen} elsewhere")
        states = self.scenario.counts.items()
        print("found " + ", ".join(f"{count} {state}" for state, count in states))
        if self.options.old_key:
            print(f"the old key opened {self.key_opened['yes']} of them, not {self.key_opened['no']}")
        for reason, times in self.scenario.refusals.items():
            print(f"refused {times} times: {reason}")

    def guarded(self, crash, function):
        try:
            function(crash)
        except Wrong as error:
            self.wrong += 1
            print(f"WRONG {crash.kind} {crash.text}: {error}")

    def find_content(self):
        """Where the tenant's marker and the volume's old key are to be looked for."""
        if self.options.marker:
            with open(self.options.marker, "rb") as marker:
                self.marker = marker.read()
        image = image_after(self.requests, self.options.first)
        if self.options.key_gone:
            self.key = {b: image.blocks[b] for b in _KEY_AREA if b in image.blocks}
            self.header = {b: image.blocks.get(b) for b in HEADER_AREA}
            expect(len(self.key) > 32, "the volume had no key to begin with")
        if not self.marker:
            return
        self.marker_blocks = {b for b, data in image.blocks.items() if self.marker in data}
        for request in self.requests[self.options.first:self.last]:
            data = request.data or b""
            at = data.find(self.marker)
            while at >= 0:
                self.marker_blocks.add((request.at + at) // BLOCK)
                at = data.find(self.marker, at + 1)

    def choose_passed_by(self, rng):
        """Numbers of the writes that nothing is made of: of those between two writes of tables or LUKS2
        headers all but --sample."""
        passed_by, between = set(), []
        for request in [*self.requests[self.options.first:self.last], None]:
            if request and not request.writes:
                continue
            if request and request.at >= HEADER_AREA.stop * BLOCK and \
                    request.end <= self.disk.size - MIB:
                between.append(request.number)
                continue
            passed_by |= set(between) - set(rng.sample(between, min(self.options.sample, len(between))))
            between = []
        return passed_by

    def kinds_of(self, request):
        """What is made of a write. With --sample a header's copy that is not whole, which counts for nothing, is
        tried at its boundaries alone."""
        if request.number in self.passed_by:
            return ()
        if not self.options.damaged:
            return ("boundary",)
        if self.options.sample and self.is_at_header(request):
            previous = self.requests[request.number - 1]
            is_whole = self.is_at_header(previous) and previous.at == request.end
            return ("boundary", "reordered") if is_whole else ("boundary",)
        return ("boundary", "torn", "reordered")

    @staticmethod
    def is_at_header(request):
        return request.writes and request.at // BLOCK in HEADER_AREA

    def is_at_table(self, crash):
        """What differs in the midst of the partition alone is neither in the tables nor where any
        signature or LUKS header lies."""
        return any(request.at < self.options.head * MIB or request.end > self.disk.size - MIB
                   for request in crash.places)

    def key_blocks_left(self, image):
        return sum(image.blocks.get(b) == data for b, data in self.key.items())

    def look(self, crash):
        """What holds of every image, without running anything."""
        image = crash.image
        mark = Mark(image.read, self.disk.size, self.disk.sector)
        if self.key and mark.state not in ("used", "erasing"):
            left = self.key_blocks_left(image)
            expect(not left, f"{left} blocks of the key are left in state {mark.state}")
        if not self.marker:
            return
        there = any(self.marker in image.blocks.get(b, b"") for b in self.marker_blocks)
        self.with_marker += there
        expect(not there or mark.state in ("used", "erasing"),
               f"a tenant's data is there in state {mark.state}")

    def put_and_try(self, crash):
        self.disk.restore(crash.image)
        if self.options.old_key:
            self.try_old_key(crash.image)
        self.scenario.try_again(crash)

    def try_old_key(self, image):
        """With cryptsetup itself: it opens as long as the header is whole, and never after."""
        with self.disk.looked_at() as partition:
            code, out = run("cryptsetup", "open", "--test-passphrase", "--key-file",
                            self.options.old_key, partition)
        self.key_opened["no" if code else "yes"] += 1
        left = self.key_blocks_left(image)
        whole = left == len(self.key) and all(image.blocks.get(b) == data
                                              for b, data in self.header.items())
        expect(code or left == len(self.key), "the old key opens what should be destroyed")
        # else the test above could not fail
        expect(not code or not whole, f"the old key does not open what is whole: {out}")

    def check_gone(self):
        """After an erase that finished: no marker, no key, anywhere on the disk."""
        key, zero = set(self.key.values()), bytes(MIB)
        for data in self.disk.pieces():
            if data == zero[:len(data)]:  # most of the disk, and quick to tell
                continue
            expect(not self.marker or self.marker not in data, "the marker survived")
            expect(not key or not any(data[at:at + BLOCK] in key
                                      for at in range(0, len(data), BLOCK)), "the key survived")

    def check_kept(self, target, step=BLOCK):
        """What the tenant wrote before; of each step only the first block is read."""
        with open(self.options.keeps, "rb") as kept, open(f"{target}/marker", "rb") as now:
            os.posix_fadvise(now.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
            size = kept.seek(0, os.SEEK_END)
            expect(now.seek(0, os.SEEK_END) == size, "the tenant's file has another size")
            length = MIB if step == BLOCK else BLOCK
            for at in range(0, size, max(step, length)):
                expect(os.pread(kept.fileno(), length, at) == os.pread(now.fileno(), length, at),
                       f"the tenant's file is another at {at}")


def main():
    parser = argparse.ArgumentParser()
    add = parser.add_argument
    add("scenario", choices=SCENARIOS)
    add("--log", required=True)
    add("--first", type=int, required=True, help="requests before were not cut off")
    add("--last", type=int, default=0)
    add("--disk", required=True, help="the kernel's name")
    add("--words", default="", help="of the command; for use and reencrypt, the options' JSON; "
        "for rotate, both keys")
    add("--more", default="", help="words to add when the command refuses; reencrypt: the key")
    add("--before", default="", help="command: states that it may find, with commas")
    add("--after", default="", help="command: states that it may leave")
    add("--then", default="", help="command: what must succeed afterwards, in a shell")
    add("--driver")
    add("--target")
    add("--partition", default=0, help="use: bytes that it must have afterwards")
    add("--keeps", help="use, reencrypt: a file; the tenant's file \"marker\" has its content")
    add("--often", type=int, default=1, help="reencrypt: one of so many images is re-encrypted to the end")
    add("--marker", help="a file; its bytes were a tenant's")
    add("--key-gone", action="store_true", help="look for the LUKS key of the beginning")
    add("--old-key", help="a file; it opens LUKS as long as that key is there, and never after")
    add("--sample", type=int, default=0, help="look at so many of the writes between two that are at tables "
        "or LUKS2 headers")
    add("--damaged", action="store_true", help="also torn and reordered writes")
    add("--head", type=int, default=1, help="MiB at the disk's begin that matter")
    add("--tables", type=int, default=24, help="damaged images to try, of those that matter")
    add("--inside", type=int, default=4, help="and of the others")
    return Trial(parser.parse_args()).run()


sys.exit(main())
