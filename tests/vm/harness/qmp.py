# SPDX-License-Identifier: GPL-2.0-or-later
"""A small client for QEMU's machine protocol."""

import json
import select

from . import HarnessError


class QmpError(HarnessError):
    """QEMU refused a command."""


class Qmp:
    """One connection. Commands wait for their answer; events are kept until asked for."""

    def __init__(self, socket):
        self.socket = socket
        self._buffer = b""
        self._events = []
        self.closed = False
        self._read_message()  # the greeting
        self.command("qmp_capabilities")

    def _read_message(self):
        while b"\n" not in self._buffer:
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                self.closed = True
                raise HarnessError("QEMU is gone")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)

    def command(self, name, **arguments):
        """Runs a command; its result. An underscore in an argument's name stands for a dash."""
        arguments = {key.replace("_", "-"): value for key, value in arguments.items()}
        self.socket.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        while True:
            message = self._read_message()
            if "event" in message:
                self._events.append(message)
            elif "error" in message:
                raise QmpError(f"{name}: {message['error']['desc']}")
            else:
                return message["return"]

    def events(self):
        """The events so far; call it when the socket is readable or after commands."""
        while b"\n" in self._buffer or _readable(self.socket):
            try:
                message = self._read_message()
            except HarnessError:
                break
            self._events.append(message)
        events, self._events = self._events, []
        return events

    def wait_event(self, name, matches, timeout):
        """Waits for an event whose data matches; other events stay queued. False: timed out."""
        self.socket.settimeout(timeout)
        try:
            while True:
                for event in self._events:
                    if event["event"] == name and matches(event.get("data", {})):
                        self._events.remove(event)
                        return True
                self._events.append(self._read_message())
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(None)


def _readable(socket):
    return bool(select.select([socket], [], [], 0)[0])
