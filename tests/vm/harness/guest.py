# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest from its first boot to its exit status, over as many boots as its script asks for."""

import contextlib
import fcntl
import os
import selectors
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

from . import HarnessError, kernel
from .apiserver import ApiServer
from .controls import Controls
from .disks import parse_disks
from .machine import Machine, choose_accelerator

TIMED_OUT = 124
DIED = 125
TICK = 0.2  # seconds between two looks at the console file and the clock


class Guest:
    """What to run, on which disks, and what became of it."""

    def __init__(self, options, source, command):
        self.options = options
        self.source = source
        self.command = command
        self.disks = parse_disks(options.disk)
        self.kubernetes = ""
        self.provided = {}
        self.apiserver = None
        self.boot = 0
        self.machine = None
        self.controls = None
        self.exit_status = None
        self.next_boot = False
        self.power_cut_at = None
        self.console = None
        self._failure = None
        self._selector = None
        self._console_shown = 0
        self._stdin_waiting = b""

    def run(self):
        """Runs the command in the guest; the exit status for our own caller."""
        options = self.options
        if options.keep:
            directory = Path(options.keep).absolute()
            directory.mkdir(parents=True, exist_ok=True)
        else:
            directory = Path(tempfile.mkdtemp(prefix="solodisk-vm-"))
        try:
            return self._run_in(directory)
        finally:
            if self.machine:
                self.machine.kill()
            if self.apiserver:
                self.apiserver.end()
            if not options.keep:
                shutil.rmtree(directory, ignore_errors=True)

    def _run_in(self, directory):
        options = self.options
        options.accelerator = choose_accelerator(options.accelerator)
        if options.kubernetes or options.apiserver:
            self.kubernetes = _output(self.source / "tests/e2e/build-kubernetes")
        for name, _, script in (words.partition("=") for words in options.provide):
            self.provided[name] = _output(self.source / script)
        (directory / "guest" / "state").mkdir(parents=True, exist_ok=True)
        if options.apiserver:
            self.apiserver = ApiServer(self.source, directory / "guest" / "state" / "kube")
        self.console = directory / "console.log"
        self.console.write_bytes(b"")
        for disk in self.disks:
            disk.prepare(directory)
        deadline = time.monotonic() + options.timeout if options.timeout else None
        with _terminal_restored():
            while self._one_boot(directory, deadline):
                pass
        if options.save_console:
            shutil.copyfile(self.console, options.save_console)
        if self.exit_status in (TIMED_OUT, DIED) and self._failure:
            self._explain(directory)
        return self.exit_status

    def _write_job(self, directory):
        """The files that the guest's own scripts read; see inside/start."""
        options = self.options
        build = options.build or os.environ.get("BUILD") or str(self.source / "build")
        absent = [d.name for d in self.disks if d.is_pci and not d.plugged]
        variables = {
            "SRC": self.source, "BOOT": self.boot, "STATE": "/state",
            "STRICT": os.environ.get("STRICT", ""), "VM_BUILD": Path(build).absolute(),
            "VM_KERNEL_MODULES": kernel.ensure_kernel().modules,
            "VM_DISK_COUNT": sum(disk.plugged or disk.is_pci for disk in self.disks),
            "VM_ABSENT": " ".join(absent), "VM_UDEV": "1" if options.udev else "",
            "VM_SYSTEMD": "1" if options.systemd else "",
            "VM_MERGE": "1" if options.merge else "", "VM_KEEP": "1" if options.keep else "",
            "KUBERNETES": self.kubernetes,
            "VM_STDIN": "1" if options.stdin else "", "VM_SHELL": "1" if options.shell else "",
            "TERM": os.environ.get("TERM", "dumb"),
        }
        variables |= self.provided
        variables |= dict(setting.partition("=")[::2] for setting in options.env)
        job = "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in variables.items())
        (directory / "guest" / "job").write_text(job, encoding="utf-8")
        visible = [self.source, variables["VM_BUILD"], variables["VM_KERNEL_MODULES"],
                   *(Path(path).absolute() for path in options.visible),
                   *filter(None, [self.kubernetes]), *self.provided.values()]
        (directory / "guest" / "visible").write_text("".join(f"{path}\n" for path in visible),
                                                     encoding="utf-8")
        arguments = "set -- " + " ".join(map(shlex.quote, self.command)) + "\n"
        (directory / "guest" / "arguments").write_text(arguments, encoding="utf-8")

    def _one_boot(self, directory, deadline):
        """Runs the machine until it ends. True: its script wants another boot."""
        self.boot += 1
        self.next_boot = False
        self.power_cut_at = None
        self._write_job(directory)
        for disk in self.disks:
            if disk.new_size:
                disk.resize_image(disk.new_size)
                disk.new_size = None
        self.machine = Machine(self.options, directory, self.disks)
        self.controls = Controls(self)
        self._selector = selectors.SelectSelector()  # regular files, too
        for name in ("control", "out", "err"):
            self._selector.register(self.machine.channels[name], selectors.EVENT_READ, name)
        self._selector.register(self.machine.qmp.socket, selectors.EVENT_READ, "qmp")
        if self.options.stdin and self.boot == 1:
            self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ, "stdin")
        while self.exit_status is None and not self.next_boot:
            self._step(deadline)
        self._drain_output()
        self._selector.close()
        self.machine.kill()
        self.machine = None
        self._show_console()
        return self.next_boot

    def _step(self, deadline):
        for key, _ in self._selector.select(TICK):
            if key.data == "qmp":
                self._check_events()
            elif key.data == "control":
                self._serve_request(key.fileobj)
            elif key.data == "stdin":
                self._read_stdin()
            elif key.data == "in":
                self._forward_stdin()
            else:
                self._forward_output(key.data)
        self._show_console()
        now = time.monotonic()
        if self.power_cut_at and now >= self.power_cut_at:
            self.next_boot = True
        elif deadline and now > deadline and self.exit_status is None:
            self._failure = f"timed out after {self.options.timeout} s"
            self.exit_status = TIMED_OUT

    def _check_events(self):
        shutdown = self.machine.qmp.take_event("SHUTDOWN")
        if shutdown is not None and self.exit_status is None:
            self._die(f"the guest went down: {shutdown.get('reason')}")
        if self.machine.qmp.closed and self.exit_status is None:
            self._die("QEMU died")

    def _die(self, reason):
        self._failure = reason
        self.exit_status = DIED

    def _serve_request(self, channel):
        data = channel.recv(1 << 20)
        if not data:
            self._selector.unregister(channel)
            return
        while not data.endswith(b"\n"):
            data += channel.recv(1 << 20)
        for line in data.decode(errors="replace").splitlines():
            # Output that was written before the request is shown before its effect.
            self._drain_output()
            answer = self.controls.answer(line)
            if answer is not None:
                with contextlib.suppress(OSError):
                    channel.sendall(answer.encode() + b"\n")

    def _forward_output(self, name, flags=0):
        """Passes on one piece of the guest's output. False: there was none."""
        channel = self.machine.channels[name]
        try:
            data = channel.recv(1 << 16, flags)
        except (BlockingIOError, ConnectionError):
            return False
        if not data:
            with contextlib.suppress(KeyError):
                self._selector.unregister(channel)
            return False
        stream = sys.stdout.buffer if name == "out" else sys.stderr.buffer
        stream.write(data)
        stream.flush()
        return True

    def _drain_output(self):
        for name in ("out", "err"):
            while self._forward_output(name, socket.MSG_DONTWAIT):
                pass

    def _read_stdin(self):
        """Takes one piece of our input, and then waits for the guest to take it in turn."""
        data = os.read(sys.stdin.fileno(), 1 << 16)
        self._selector.unregister(sys.stdin.fileno())
        channel = self.machine.channels["in"]
        if data:
            self._stdin_waiting = data
            channel.setblocking(False)
            self._selector.register(channel, selectors.EVENT_WRITE, "in")
        else:
            # Not close(): QEMU would forget what it has not read yet.
            channel.shutdown(socket.SHUT_WR)

    def _forward_stdin(self):
        channel = self.machine.channels["in"]
        with contextlib.suppress(BlockingIOError):
            self._stdin_waiting = self._stdin_waiting[channel.send(self._stdin_waiting):]
        if not self._stdin_waiting:
            self._selector.unregister(channel)
            self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ, "stdin")

    def _show_console(self):
        if not self.options.verbose:
            return
        with open(self.console, "rb") as console:
            console.seek(self._console_shown)
            data = console.read()
        self._console_shown += len(data)
        sys.stderr.buffer.write(data)
        sys.stderr.buffer.flush()

    def _explain(self, directory):
        lines = self.console.read_text(errors="replace").splitlines()
        lines += (directory / "qemu.log").read_text(errors="replace").splitlines()
        print(f"vm: {self._failure} (boot {self.boot})", file=sys.stderr)
        if not self.options.verbose:
            for line in lines[-40:]:
                print(f"vm: | {line}", file=sys.stderr)


def _output(script):
    """What a script prints that makes something for the guest, usually where it is."""
    done = subprocess.run([script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise HarnessError(f"{script} failed")
    return done.stdout.strip()


@contextlib.contextmanager
def _terminal_restored():
    """QEMU makes the terminal raw for --shell, and is killed before it can undo that."""
    try:
        settings = termios.tcgetattr(0)
    except termios.error:
        yield
        return
    flags = fcntl.fcntl(0, fcntl.F_GETFL)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, settings)
        fcntl.fcntl(0, fcntl.F_SETFL, flags)

