# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs in the guest: puts images of a power cut on a disk, and looks how solodisk goes on."""

import argparse
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from gpt import Mark  # noqa: E402
from replay import BLOCK, crash_images, image_after, read_log  # noqa: E402

_BLKDISCARD, _BLKRRPART, _BLKFLSBUF = 0x1277, 0x125F, 0x1261
_REFUSED = 3
MIB = 1 << 20
_KEY_AREA = range((MIB + (32 << 10)) // BLOCK, (MIB + (32 << 10) + 258048) // BLOCK)


class Disk:
    """The disk on which images are tried."""

    def __init__(self, name):
        self.name = name
        self.node = f"/dev/{name}"
        with open(self.node, "rb") as disk:
            self.size = disk.seek(0, os.SEEK_END)

    def restore(self, image):
        """As after a boot: nothing cached, the partition that the kernel finds, an empty /run."""
        disk = os.open(self.node, os.O_RDWR)
        try:
            fcntl.ioctl(disk, _BLKDISCARD, self.size.to_bytes(8, "little").rjust(16, b"\0"))
            for at, data in image.runs():
                while data:
                    done = os.pwrite(disk, data, at)
                    at, data = at + done, data[done:]
            os.fsync(disk)
            fcntl.ioctl(disk, _BLKFLSBUF, 0)
            fcntl.ioctl(disk, _BLKRRPART, 0)
        finally:
            os.close(disk)
        shutil.rmtree("/run/solodisk", ignore_errors=True)

    def mark(self):
        disk = os.open(self.node, os.O_RDONLY)
        try:
            os.fsync(disk)
            fcntl.ioctl(disk, _BLKFLSBUF, 0)
            return Mark(lambda at, length: os.pread(disk, length, at), self.size)
        finally:
            os.close(disk)


class Wrong(Exception):
    """A promise was broken."""


def run(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors="replace").strip()


def expect(condition, text):
    if not condition:
        raise Wrong(text)


class Trial:
    """One record, and what is to be seen at each of its images."""

    def __init__(self, options):
        self.options = options
        self.disk = Disk(options.disk)
        self.requests = read_log(options.log)
        self.marker = None
        self.key_blocks = set()
        self.counts = Counter()
        self.refusals = {}

    def run(self):
        options, wrong, began = self.options, 0, time.monotonic()
        if options.marker:
            with open(options.marker, "rb") as marker:
                self.marker = marker.read()
        if options.key_gone:
            base = image_after(self.requests, options.first)
            self.key_blocks = {base.blocks[b] for b in _KEY_AREA if b in base.blocks}
            expect(len(self.key_blocks) > 32, "the volume had no key to begin with")
        last = options.last or len(self.requests)
        with_marker = 0
        for what, image in crash_images(self.requests, options.first, last, options.damaged):
            self.counts["images"] += 1
            try:
                with_marker += self.look(image)
                if self.counts["images"] % options.every == 0 or self.matters(what):
                    self.counts["tried"] += 1
                    self.disk.restore(image)
                    self.try_again()
            except Wrong as error:
                wrong += 1
                print(f"WRONG {what}: {error}")
        if self.marker:
            expect(with_marker, "the marker was on no image: nothing was tested")
        words = [f"{count} {word}" for word, count in self.counts.items()]
        print(f"requests {options.first} to {last}: {', '.join(words)}; "
              f"{time.monotonic() - began:.0f} s")
        for reason, times in self.refusals.items():
            print(f"refused {times} times: {reason}")
        return 1 if wrong or not self.counts["tried"] else 0

    def matters(self, what):
        """Whether an image must be tried, not only looked at. What differs in the midst of the
        partition alone is neither in the tables nor where any signature or LUKS header lies."""
        words = [word.rstrip(",") for word in what.split()]
        request = self.requests[min(int(next(w for w in words if w.isdigit())),
                                    len(self.requests) - 1)]
        return (what.startswith("before") or request.at < self.options.head * MIB or
                request.at + request.length > self.disk.size - 2 * MIB)

    def look(self, image):
        """What holds of every image, without running anything. 1: the marker is there."""
        mark = Mark(image.read, self.disk.size)
        if self.key_blocks and mark.state not in ("used", "erasing"):
            left = sum(block in self.key_blocks for block in image.blocks.values())
            expect(not left, f"{left} blocks of the key are left in state {mark.state}")
        if not self.marker:
            return 0
        there = any(self.marker in block for block in image.blocks.values())
        expect(not there or mark.state in ("used", "erasing"),
               f"a tenant's data is there in state {mark.state}")
        return int(there)

    def list_state(self):
        code, out = run("solodisk", "list", "--json", self.disk.name)
        expect(code == 0, f"list: exit {code}: {out}")
        return json.loads(out)["disks"][0]["state"]

    def note_refusal(self, code, out):
        expect(code == _REFUSED and len(out) > 30, f"exit {code}: {out}")
        reason = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID",
                        out.replace(self.disk.name, "DISK"))
        self.refusals[reason] = self.refusals.get(reason, 0) + 1

    def try_again(self):
        getattr(self, f"try_{self.options.scenario}")()

    def check_sound(self, *states):
        mark = self.disk.mark()
        expect(mark.agrees, f"the copies do not agree afterwards (state {mark.state})")
        expect(mark.state in states, f"afterwards it is {mark.state}")

    def solodisk(self, *words):
        """Exit status; -1: it refused, with a reason."""
        code, out = run("solodisk", *words, "--yes", self.disk.name)
        if code == 0:
            self.counts["finished"] += 1
            return 0
        self.note_refusal(code, out)
        return -1

    def try_prepare(self):
        before = self.list_state()
        self.counts[f"were {before}"] += 1
        if self.solodisk("prepare", *self.options.words.split()) == 0:
            self.check_sound("ready")
        else:
            # entries of a table without its header: nobody can tell whose they are
            expect(before in ("damaged", "foreign"), f"refused in state {before}")

    def try_use(self):
        before = self.list_state()
        self.counts[f"were {before}"] += 1
        expect(before in ("ready", "used"), f"before it is {before}")
        target = self.options.target
        code, out = run(self.options.driver, "mount", target, self.options.words)
        expect(code == 0 and '"Success"' in out, f"mount: {out}")
        self.check_sound("used")
        code, out = run(self.options.driver, "unmount", target)
        expect(code == 0 and '"Success"' in out, f"unmount: {out}")
        self.counts["finished"] += 1

    def try_erase(self):
        before = self.list_state()
        self.counts[f"were {before}"] += 1
        expect(before in ("used", "erasing", "preparing", "ready"), f"before it is {before}")
        words = self.options.words.split()
        if self.solodisk("erase", *words) < 0:
            # what it was cannot be told any more: then it is said
            expect(before in ("erasing", "preparing", "ready"), f"refused in state {before}")
            expect(self.options.more, "refused, and there is no more to say")
            expect(self.solodisk("erase", *words, *self.options.more.split()) == 0,
                   "refused, although all is said")
        self.check_sound("preparing" if "--no-prepare" in words else "ready")
        self.check_gone()

    def try_release(self):
        before = self.list_state()
        self.counts[f"were {before}"] += 1
        if self.solodisk("release") < 0:
            expect(before in ("blank", "damaged", "foreign"), f"refused in state {before}")
        else:
            expect(self.list_state() == "blank", "not blank afterwards")

    def check_gone(self):
        """After an erase that finished: no marker, no key, anywhere on the disk."""
        with open(self.disk.node, "rb") as disk:
            while data := disk.read(4 * MIB):
                expect(not self.marker or self.marker not in data, "the marker survived")
                expect(not any(data[at:at + BLOCK] in self.key_blocks
                               for at in range(0, len(data), BLOCK) if self.key_blocks),
                       "the key survived")


def main():
    parser = argparse.ArgumentParser()
    add = parser.add_argument
    add("scenario", choices=["prepare", "use", "erase", "release"])
    add("--log", required=True)
    add("--first", type=int, required=True, help="requests before were not cut off")
    add("--last", type=int, default=0)
    add("--disk", required=True, help="the kernel's name")
    add("--words", default="", help="of the command; for use, the options' JSON")
    add("--more", default="", help="words to add when the command refuses")
    add("--driver")
    add("--target")
    add("--marker", help="a file; its bytes were a tenant's")
    add("--key-gone", action="store_true", help="look for the LUKS key of the beginning")
    add("--damaged", action="store_true", help="also torn and reordered writes")
    add("--head", type=int, default=2, help="MiB at the disk's begin that matter")
    add("--every", type=int, default=10, help="of the images that do not matter, try every nth")
    return Trial(parser.parse_args()).run()


sys.exit(main())
