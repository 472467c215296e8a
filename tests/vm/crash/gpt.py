# SPDX-License-Identifier: GPL-2.0-or-later
"""A reader of a volume's mark that has nothing in common with the one under test."""

import binascii
import struct
import uuid

_OURS = uuid.UUID("C2B0E314-76AD-4578-A8B0-A0C361A991D7").bytes_le


def _copy(read, lba, sector):
    """The entries' bytes and (volume ID, state, the partition's bytes) of the copy with its header
    there; None: invalid."""
    header = bytearray(read(lba * sector, sector))
    if header[:8] != b"EFI PART":
        return None
    size, crc = struct.unpack_from("<II", header, 12)
    own, = struct.unpack_from("<Q", header, 24)
    header[16:20] = bytes(4)
    if not 92 <= size <= sector or binascii.crc32(header[:size]) != crc or own != lba:
        return None
    entries_lba, count, entry_size, entries_crc = struct.unpack_from("<QIII", header, 72)
    if count > 1024 or entry_size != 128:
        return None
    entries = read(entries_lba * sector, count * entry_size)
    if binascii.crc32(entries) != entries_crc:
        return None
    for at in range(0, len(entries), entry_size):
        entry = entries[at:at + entry_size]
        if entry[:16] == _OURS:
            name = entry[56:128].decode("utf-16-le").rstrip("\0")
            start, end = struct.unpack_from("<QQ", entry, 32)
            return entries, (str(uuid.UUID(bytes_le=entry[16:32])), name.split("-")[1],
                             (end + 1 - start) * sector)
    return entries, (None, "foreign", 0)


class Mark:
    """What a disk's table says: of the disk (read(at, length)) of this size."""

    def __init__(self, read, size, sector):
        primary, backup = _copy(read, 1, sector), _copy(read, size // sector - 1, sector)
        self.has_mbr = read(510, 2) == b"\x55\xaa" and read(450, 1) == b"\xee"
        self.agrees = bool(self.has_mbr and primary and backup and primary[0] == backup[0])
        counts = primary or backup
        self.id, self.state, self.bytes = counts[1] if counts else (None, "none", 0)
