# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's kernel and initramfs, made once and kept in the user's cache directory.

The kernel is Debian's own package, unpacked and never installed. The kernel image is
decompressed here: QEMU starts an ELF vmlinux through its PVH entry, which spares an emulated
CPU three seconds of xz.
"""

import contextlib
import fcntl
import gzip
import hashlib
import lzma
import os
import random
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from . import HarnessError

META_PACKAGE = "linux-image-amd64"
INIT = Path(__file__).resolve().parent.parent / "inside" / "init"

# What the initramfs can load, by the name that init knows the group by.
MODULE_GROUPS = {
    "base": ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"],
    "common": ["dm_mod", "loop"],
    "nvme": ["nvme"],
    "scsi": ["virtio_scsi", "sd_mod"],
    "virtio": ["virtio_blk"],
    "network": ["virtio_net"],
}
APPLETS = ["sh", "cp", "insmod", "ip", "ln", "mkdir", "mount", "switch_root"]
# Never needed in a guest that has only virtual hardware; half of the package's 390 MB.
UNUSED_MODULES = ["sound", "drivers/gpu", "drivers/media", "drivers/net/wireless",
                  "drivers/net/ethernet", "drivers/infiniband", "drivers/iio",
                  "drivers/staging", "drivers/usb"]


INITRAMFS_KEPT = 7 * 86400  # seconds


def cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(base) / "solodisk" / "vm"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def _locked(name):
    """Two guests that start at once must not both fill an empty cache."""
    with open(cache_dir() / f".{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def slots(wanted):
    """A core of this machine for each of the guest's, whoever else starts guests: a crowd only times
    out. All at once or none, so that no two guests wait for each other's. VM_SLOTS allows more."""
    cores = int(os.environ.get("VM_SLOTS") or os.cpu_count() or 1)
    while True:
        with contextlib.ExitStack() as stack:
            free = min(wanted, cores)
            for number in range(cores):
                lock = stack.enter_context(
                    open(cache_dir() / f".slot-{number}", "w", encoding="ascii"))
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                free -= 1
                if free == 0:
                    yield
                    return
        time.sleep(0.2 + random.random() / 5)


class Kernel:
    """An unpacked kernel: version, image to boot, and its modules directory."""

    def __init__(self, root):
        self.root = root
        self.modules = next((root / "lib/modules").iterdir())
        self.version = self.modules.name
        elf = root / "vmlinux"
        self.is_elf = elf.exists()
        self.image = elf if self.is_elf else next((root / "boot").glob("vmlinuz-*"))


def ensure_kernel(update=False):
    """The cached kernel; the first call (or update) downloads it with apt."""
    link = cache_dir() / "kernel"
    with _locked("kernel"):
        if update or not (link / "complete").exists():
            root = _fetch_kernel()
            temporary = cache_dir() / f".kernel.{os.getpid()}"
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(root.name)
            temporary.replace(link)
        return Kernel(link.resolve())


def _run(*command, **options):
    return subprocess.run(command, check=True, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options).stdout


def _kernel_package():
    found = re.findall(r"Depends: (linux-image-\S+)", _run("apt-cache", "depends", META_PACKAGE))
    if not found:
        raise HarnessError(f"apt knows no {META_PACKAGE}")
    return found[0]


def _download(directory):
    """The package file. A stale or empty package list is refreshed once."""
    try:
        _run("apt-get", "download", _kernel_package(), cwd=directory)
    except (subprocess.CalledProcessError, HarnessError):
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        try:
            _run(*sudo, "apt-get", "update")
            _run("apt-get", "download", _kernel_package(), cwd=directory)
        except (subprocess.CalledProcessError, OSError) as error:
            raise HarnessError("cannot download the guest's kernel with apt: "
                               f"{getattr(error, 'stderr', '') or error}\n"
                               "Run tests/install-deps first.") from error
    return next(Path(directory).glob("*.deb"))


def _fetch_kernel():
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache_dir()) as scratch:
        package = _download(scratch)
        tree = Path(scratch) / "tree"
        tree.mkdir()
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package],
                              stdout=subprocess.PIPE) as tar:
            excluded = [f"--exclude=*/kernel/{directory}" for directory in UNUSED_MODULES]
            subprocess.run(["tar", "-x", "-C", tree, *excluded, "./boot", "./lib/modules"],
                           stdin=tar.stdout, check=True)
        kernel = Kernel(tree)
        subprocess.run(["/sbin/depmod", "-b", tree, kernel.version], check=True)
        image = _decompress(kernel.image.read_bytes())
        if image:
            (tree / "vmlinux").write_bytes(image)
        (tree / "complete").touch()
        final = cache_dir() / package.stem
        shutil.rmtree(final, ignore_errors=True)
        tree.rename(final)
        return final


def _decompress(bzimage):
    """The ELF kernel inside a bzImage, or None if its compression is not known here."""
    for magic, opener in ((b"\xfd7zXZ\0", lzma.LZMADecompressor().decompress),
                          (b"\x1f\x8b\x08", gzip.decompress)):
        at = bzimage.find(magic)
        if at >= 0:
            with contextlib.suppress(lzma.LZMAError, OSError, EOFError):
                image = opener(bzimage[at:])
                if image.startswith(b"\x7fELF"):
                    return image
    return None


def _module_files(kernel, names):
    """The .ko files of the named modules and of all they need, in loading order."""
    files = {}
    for name in names:
        listing = _run("/sbin/modprobe", "-d", str(kernel.root), "-S", kernel.version,
                       "--show-depends", name)
        for line in listing.splitlines():
            kind, _, path = line.partition(" ")
            if kind == "insmod":
                files[Path(path.strip())] = None
    return list(files)


class _Cpio:
    """An initramfs in the "newc" format."""

    def __init__(self):
        self._parts = []
        self._inode = 0

    def _add(self, name, mode, data):
        self._inode += 1
        encoded = name.encode() + b"\0"
        fields = [self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        self._parts += [head, bytes(-len(head) % 4), data, bytes(-len(data) % 4)]

    def directory(self, name):
        self._add(name, 0o040755, b"")

    def file(self, name, data):
        self._add(name, 0o100755, data)

    def symlink(self, name, target):
        self._add(name, 0o120777, target.encode())

    def bytes(self):
        self._add("TRAILER!!!", 0, b"")
        return b"".join(self._parts)


def _busybox():
    for path in ("/bin/busybox", "/usr/bin/busybox"):
        with contextlib.suppress(OSError):
            data = Path(path).read_bytes()
            if b"ld-linux" not in data[:4096]:
                return data
    raise HarnessError("no static busybox: install busybox-static")


def ensure_initramfs(kernel):
    """The initramfs for this kernel, this init and this busybox."""
    busybox = _busybox()
    init = INIT.read_bytes()
    key = hashlib.sha256()
    for part in (kernel.version.encode(), init, busybox, Path(__file__).read_bytes()):
        key.update(hashlib.sha256(part).digest())
    path = cache_dir() / f"initramfs-{key.hexdigest()[:16]}.cpio"
    with _locked("initramfs"):
        if not path.exists():
            for old in cache_dir().glob("initramfs-*.cpio"):
                if time.time() - old.stat().st_mtime > INITRAMFS_KEPT:
                    old.unlink()
            temporary = path.with_suffix(".new")
            temporary.write_bytes(_initramfs(kernel, busybox, init))
            temporary.replace(path)
    return path


def _initramfs(kernel, busybox, init):
    cpio = _Cpio()
    for directory in ("bin", "dev", "proc", "sys", "lower", "upper", "new", "all", "modules"):
        cpio.directory(directory)
    cpio.file("bin/busybox", busybox)
    for applet in APPLETS:
        cpio.symlink(f"bin/{applet}", "busybox")
    cpio.file("init", init)
    packed = set()
    for group, names in MODULE_GROUPS.items():
        files = _module_files(kernel, names)
        cpio.file(f"modules/{group}", "".join(f"{f.name}\n" for f in files).encode())
        for file in files:
            if file not in packed:
                packed.add(file)
                cpio.file(f"modules/{file.name}", file.read_bytes())
    return cpio.bytes()
