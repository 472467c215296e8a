# SPDX-License-Identifier: GPL-2.0-or-later
"""A small client for QEMU's machine protocol."""

import json
import select
import time

from . import HarnessError

_TIMEOUT = 120  # seconds; QEMU answers at once, unless it hangs


class QmpError(HarnessError):
    """QEMU refused a command."""


class Qmp:
    """One connection. Commands wait for their answer; events are kept until asked for."""

    def __init__(self, socket):
        self.socket = socket
        self.socket.settimeout(_TIMEOUT)
        self._buffer = b""
        self._events = []
        self.closed = False
        self._read_message()  # the greeting
        self.command("qmp_capabilities")

    def _read_message(self):
        while b"\n" not in self._buffer:
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                self.closed = True
                raise HarnessError("QEMU does not answer") from None
            except ConnectionError:
                data = b""
            if not data:
                self.closed = True
                raise HarnessError("QEMU is gone")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)

    def command(self, name, arguments=None, **more):
        """Runs a command; its result. In more, an underscore stands for a dash."""
        arguments = {**(arguments or {}), **{k.replace("_", "-"): v for k, v in more.items()}}
        self.socket.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        while True:
            message = self._read_message()
            if "event" in message:
                self._events.append(message)
            elif "error" in message:
                raise QmpError(f"{name}: {message['error']['desc']}")
            else:
                return message["return"]

    def take_event(self, name, **wanted):
        """The data of the first such event that came, or None. Never waits."""
        while b"\n" in self._buffer or select.select([self.socket], [], [], 0)[0]:
            try:
                self._events.append(self._read_message())
            except HarnessError:
                break
        for event in self._events:
            data = event.get("data", {})
            if event["event"] == name and wanted.items() <= data.items():
                self._events.remove(event)
                return data
        return None

    def wait_event(self, name, seconds, **wanted):
        """Waits for such an event. None: it did not come in time."""
        end = time.monotonic() + seconds
        while (data := self.take_event(name, **wanted)) is None and not self.closed:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
        return data
