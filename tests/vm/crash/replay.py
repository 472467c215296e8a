# SPDX-License-Identifier: GPL-2.0-or-later
"""What is on a disk when the power goes: images made from a record of its writes.

The record is QEMU's (blklogwrites), in the format of Linux' dm-log-writes: a superblock, then for
each request a header of one sector and its data. It begins with a disk full of zeros, so that the
first n requests are the disk as it was after the nth.
"""

import hashlib
import itertools
import os
import struct

BLOCK = 4096
MIB = 1 << 20
HEADER_AREA = range(MIB // BLOCK, (MIB + (32 << 10)) // BLOCK)  # blocks of both copies of a LUKS2 header
_MAGIC = 0x6A736677736872
_FLUSH, _DISCARD, _MARK = 1, 4, 8
_ZERO = bytes(BLOCK)
_EXHAUSTIVE = 4  # up to so many sectors, or unflushed writes: each subset of them


class Request:
    """One request: at, length in bytes. data is None when it wrote zeros or discarded; what is in the
    record (a function reads it) may be more than fits into memory."""

    def __init__(self, number, at, length, flags, data, sector):
        self.number = number
        self.sector = sector
        self.at = at
        self.length = length
        self.is_flush = bool(flags & _FLUSH)
        self._data = data

    @property
    def data(self):
        return self._data() if callable(self._data) else self._data

    @property
    def writes(self):
        return self.length > 0

    @property
    def end(self):
        return self.at + self.length

    def part(self, first, last):
        """Its sectors first to last (exclusive), as a request."""
        first, last = first * self.sector, last * self.sector
        data = self.data
        data = data and data[first:last]
        return Request(self.number, self.at + first, last - first, 0, data, self.sector)

    def parts(self, sectors):
        """These of its sectors, as requests."""
        sectors = sorted(sectors)
        while sectors:
            length = 1
            while length < len(sectors) and sectors[length] == sectors[0] + length:
                length += 1
            yield self.part(sectors[0], sectors[0] + length)
            del sectors[:length]


def _reader(log, place, length):
    return lambda: os.pread(log, length, place)


def read_log(path):
    """The requests in a record, which stays open."""
    requests = []
    kept = os.open(path, os.O_RDONLY)
    with open(path, "rb") as log:
        magic, _, count, sector = struct.unpack("<QQQI", log.read(28))
        if magic != _MAGIC:
            raise ValueError(f"{path} is no record of writes")
        place = sector
        for number in range(count):
            log.seek(place)
            at, length, flags, _ = struct.unpack("<QQQQ", log.read(32))
            place += sector
            at, length = at * sector, length * sector
            data = None
            if flags & _MARK:
                raise ValueError("a mark, which nobody has set")
            if length and not flags & _DISCARD:
                log.seek(place)
                data = log.read(length)
                if len(data) != length:
                    raise ValueError(f"{path} ends within request {number}")
                data = _reader(kept, place, length) if any(data) else None
                place += length
            requests.append(Request(number, at, length, flags, data, sector))
    return requests


class Image:
    """The blocks of a disk that are not zero, and a digest of all of it."""

    def __init__(self):
        self.blocks = {}
        self._digests = {}  # of blocks
        self._digest = 0  # all of those together
        self._changed = set()  # blocks whose digest is not known

    def copy(self):
        other = Image()
        other.blocks = dict(self.blocks)
        other._digests = dict(self._digests)
        other._digest = self._digest
        other._changed = set(self._changed)
        return other

    @property
    def digest(self):
        for block in self._changed:
            self._digest ^= self._digests.pop(block, 0)
            if data := self.blocks.get(block):
                self._digests[block] = _block_digest(block, data)
                self._digest ^= self._digests[block]
        self._changed.clear()
        return self._digest

    def apply(self, request):
        data = request.data
        first, last = request.at // BLOCK, -(-(request.at + request.length) // BLOCK)
        if data is None and last - first > 2:
            touched = [b for b in self.blocks if first < b < last - 1]
            for block in touched:
                self._put(block, _ZERO)
            blocks = (first, last - 1)
        else:
            blocks = range(first, last)
        for block in blocks:
            self._put(block, self._merged(block, request, data))

    def _merged(self, block, request, all_data):
        """A block after a request that may cover only part of it."""
        start = max(request.at, block * BLOCK)
        end = min(request.at + request.length, (block + 1) * BLOCK)
        data = _ZERO[:end - start]
        if all_data is not None:
            data = all_data[start - request.at:end - request.at]
        if end - start == BLOCK:
            return data
        old = self.blocks.get(block, _ZERO)
        return old[:start - block * BLOCK] + data + old[end - block * BLOCK:]

    def _put(self, block, data):
        if data == self.blocks.get(block, _ZERO):
            return
        self._changed.add(block)
        if data == _ZERO:
            del self.blocks[block]
        else:
            self.blocks[block] = data

    def read(self, at, length):
        first = at // BLOCK
        data = b"".join(self.blocks.get(b, _ZERO) for b in range(first, -(-(at + length) // BLOCK)))
        return data[at - first * BLOCK:at - first * BLOCK + length]

    def runs(self):
        """Its content as (offset, bytes), neighbours joined."""
        run, start, after = [], None, None
        for block in sorted(self.blocks):
            if block != after and run:
                yield start * BLOCK, b"".join(run)
                run = []
            if not run:
                start = block
            run.append(self.blocks[block])
            after = block + 1
        if run:
            yield start * BLOCK, b"".join(run)


def _block_digest(block, data):
    digest = hashlib.blake2b(data, digest_size=16, salt=struct.pack("<Q", block)).digest()
    return int.from_bytes(digest, "little")


def image_after(requests, count):
    image = Image()
    for request in requests[:count]:
        if request.writes:
            image.apply(request)
    return image


def _new_sectors(image, request):
    """Those sectors of a request that change the image: the others cannot be torn."""
    size, found, data = request.sector, [], request.data
    if data is None:
        blocks = [b for b in image.blocks if request.at < (b + 1) * BLOCK and b * BLOCK < request.end]
    else:
        blocks = range(request.at // BLOCK, -(-request.end // BLOCK))
    for block in sorted(blocks):
        start, end = max(request.at, block * BLOCK), min(request.end, (block + 1) * BLOCK)
        new = bytes(end - start)
        if data is not None:
            new = data[start - request.at:end - request.at]
        old = image.read(start, end - start)
        if old != new:
            found += [(start + at - request.at) // size for at in range(0, end - start, size)
                      if old[at:at + size] != new[at:at + size]]
    return found


def _subsets(things, rng, samples):
    """Subsets of a list, neither empty nor all of it: each one, or where they are many the ends of
    the list, all but one, one alone, and some by chance."""
    count = len(things)
    if count <= _EXHAUSTIVE:
        for size in range(1, count):
            yield from itertools.combinations(things, size)
        return
    for cut in sorted({1, 2, count // 2, count - 1}):
        yield things[:cut]
        yield things[cut:]
    for one in rng.sample(range(count), min(count, samples)):
        yield things[:one] + things[one + 1:]
        yield [things[one]]
    for _ in range(samples):
        chosen = [thing for thing in things if rng.random() < 0.5]
        if 0 < len(chosen) < count:
            yield chosen


class Crash:
    """One image that a power cut leaves: kind is boundary, torn or reordered; places are the
    requests that matter to it."""

    def __init__(self, kind, text, image, places):
        self.kind = kind
        self.text = text
        self.image = image
        self.places = places

    def may_damage_a_filesystem(self, size):
        """Whether writes between the tables of a disk of this size are torn or reordered: a filesystem
        need not stand the first, nor the second where it asked for FUA, which the record may not tell."""
        return self.kind != "boundary" and any(MIB <= request.at and request.end <= size - MIB
                                               for request in self.places)


def crash_images(requests, first, last, rng, kinds_of, samples=2):
    """Each different image that a power cut within requests[first:last] leaves; that of a boundary is
    valid until the next is asked for.

    boundary: all writes up to some point are there. torn: of the latest write only some sectors
    arrived. reordered: of the writes since the last flush the latest is there, but not all before it,
    and perhaps one of them is torn. kinds_of(request) has the words for what is made of a write.
    """
    seen = set()
    image = image_after(requests, first)
    flushed, waiting = image.copy(), []

    def new(crash):
        if crash.image.digest not in seen:
            seen.add(crash.image.digest)
            yield crash

    yield from new(Crash("boundary", f"before request {first}", image, []))
    for request in requests[first:last]:
        if request.is_flush:
            flushed, waiting = image.copy(), []
        if not request.writes:
            continue
        kinds = kinds_of(request)
        if "torn" in kinds:
            for crash in _torn(image, request, rng, samples):
                yield from new(crash)
        image.apply(request)
        waiting.append(request)
        if "boundary" in kinds:
            yield from new(Crash("boundary", f"after request {request.number}", image, [request]))
        if "reordered" in kinds:
            for crash in _reordered(flushed, waiting, rng, samples):
                yield from new(crash)


def count_boundaries(requests, first, last):
    """How many places there are for a power cut, if no write is torn: before, and after each."""
    return 1 + sum(request.writes for request in requests[first:last])


def _torn(image, request, rng, samples):
    for sectors in _subsets(_new_sectors(image, request), rng, samples):
        candidate = image.copy()
        for part in request.parts(sectors):
            candidate.apply(part)
        yield Crash("torn", f"of request {request.number} only sectors {_spell(sectors)}", candidate,
                    [request])


def _reordered(flushed, waiting, rng, samples):
    """waiting[-1] was just sent."""
    earlier, latest = waiting[:-1], waiting[-1]
    if not earlier:
        return
    for arrived in [(), *_subsets(earlier, rng, samples)]:
        candidate = flushed.copy()
        torn = rng.choice(arrived) if arrived and rng.random() < 0.25 else None
        for request in [*arrived, latest]:
            sectors = _new_sectors(candidate, request) if request is torn else []
            if len(sectors) > 1:
                for part in request.parts(rng.sample(sectors, len(sectors) // 2)):
                    candidate.apply(part)
            else:
                candidate.apply(request)
        numbers = [request.number for request in arrived]
        yield Crash("reordered", f"of the requests since the last flush only {_spell(numbers)} and "
                    f"{latest.number}{f', {torn.number} in part' if torn else ''}", candidate, waiting)


def _spell(numbers):
    numbers = list(numbers)
    if len(numbers) > 8:
        return ", ".join(map(str, numbers[:6])) + f", ... {numbers[-1]} ({len(numbers)})"
    return ", ".join(map(str, numbers)) or "none"
