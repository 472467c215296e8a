# SPDX-License-Identifier: GPL-2.0-or-later
"""What is on a disk when the power goes: images made from a record of its writes.

The record is QEMU's (blklogwrites), in the format of Linux' dm-log-writes: a superblock, then for
each request a header of one sector and its data. It begins with a disk full of zeros, so that the
first n requests are the disk as it was after the nth.
"""

import hashlib
import struct

BLOCK = 4096
SECTOR = 512
_MAGIC = 0x6A736677736872
_FLUSH, _DISCARD, _MARK = 1, 4, 8
_ZERO = bytes(BLOCK)
_KEPT_SINGLE = 6  # unflushed writes that are left out, or kept, one by one


class Request:
    """One request: at, length in bytes. data is None when it wrote zeros or discarded."""

    def __init__(self, number, at, length, flags, data):
        self.number = number
        self.at = at
        self.length = length
        self.is_flush = bool(flags & _FLUSH)
        self.data = data

    @property
    def writes(self):
        return self.length > 0

    def part(self, first, last):
        """Its sectors first to last (exclusive), as a request."""
        data = self.data and self.data[first * SECTOR:last * SECTOR]
        return Request(self.number, self.at + first * SECTOR, (last - first) * SECTOR, 0, data)


def read_log(path):
    """The requests in a record."""
    requests = []
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
                place += length
                if len(data) != length:
                    raise ValueError(f"{path} ends within request {number}")
                if not any(data):
                    data = None
            requests.append(Request(number, at, length, flags, data))
    return requests


class Image:
    """The blocks of a disk that are not zero, and a digest of all of it."""

    def __init__(self):
        self.blocks = {}
        self.digest = 0

    def copy(self):
        other = Image()
        other.blocks = dict(self.blocks)
        other.digest = self.digest
        return other

    def apply(self, request):
        first, last = request.at // BLOCK, -(-(request.at + request.length) // BLOCK)
        if request.data is None and last - first > 2:
            touched = [b for b in self.blocks if first < b < last - 1]
            for block in touched:
                self._put(block, _ZERO)
            blocks = (first, last - 1)
        else:
            blocks = range(first, last)
        for block in blocks:
            self._put(block, self._merged(block, request))

    def _merged(self, block, request):
        """A block after a request that may cover only part of it."""
        start = max(request.at, block * BLOCK)
        end = min(request.at + request.length, (block + 1) * BLOCK)
        data = _ZERO[:end - start]
        if request.data is not None:
            data = request.data[start - request.at:end - request.at]
        if end - start == BLOCK:
            return data
        old = self.blocks.get(block, _ZERO)
        return old[:start - block * BLOCK] + data + old[end - block * BLOCK:]

    def _put(self, block, data):
        old = self.blocks.get(block, _ZERO)
        if data == old:
            return
        if old != _ZERO:
            self.digest ^= _block_digest(block, old)
            del self.blocks[block]
        if data != _ZERO:
            self.digest ^= _block_digest(block, data)
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


def crash_images(requests, first, last, damaged=False):
    """(what happened, image) for each different image that a power cut within requests[first:last]
    leaves; the image is valid until the next is asked for.

    In order: all writes up to some point are there. With damaged, too: one write of which only some
    sectors arrived; and of the writes since the last flush one alone missing, or one alone there.
    """
    seen = set()
    image = image_after(requests, first)
    flushed, waiting = image.copy(), []

    def new(what, candidate):
        if candidate.digest not in seen:
            seen.add(candidate.digest)
            yield what, candidate

    yield from new(f"before request {first}", image)
    for request in requests[first:last]:
        if request.is_flush:
            flushed, waiting = image.copy(), []
        if not request.writes:
            continue
        if damaged:
            for what, candidate in _torn(image, request):
                yield from new(what, candidate)
        image.apply(request)
        waiting.append(request)
        yield from new(f"after request {request.number}", image)
        if damaged:
            for what, candidate in _reordered(flushed, waiting):
                yield from new(what, candidate)


def _torn(image, request):
    sectors = request.length // SECTOR
    cuts = {1, 2, 3, sectors // 2, sectors - 2, sectors - 1}
    for cut in sorted(c for c in cuts if 0 < c < sectors):
        for first, last in ((0, cut), (cut, sectors)):
            candidate = image.copy()
            candidate.apply(request.part(first, last))
            yield f"of request {request.number} only sectors {first} to {last - 1}", candidate


def _reordered(flushed, waiting):
    """waiting[-1] was just sent."""
    if len(waiting) < 2:
        return
    candidate = flushed.copy()
    candidate.apply(waiting[-1])
    yield f"request {waiting[-1].number} overtook all since the last flush", candidate
    for missing in waiting[:_KEPT_SINGLE]:
        candidate = flushed.copy()
        for request in waiting:
            if request is not missing:
                candidate.apply(request)
        yield f"after request {waiting[-1].number}, without {missing.number}", candidate
