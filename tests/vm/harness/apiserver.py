# SPDX-License-Identifier: GPL-2.0-or-later
"""The API server on this side: an emulated CPU needs a minute for what the machine does in seconds."""

import subprocess

from . import HarnessError


class ApiServer:
    """tests/e2e/host-apiserver, which ends with us, however we end: its standard input does."""

    def __init__(self, source, directory):
        self.process = subprocess.Popen([source / "tests/e2e/host-apiserver", directory], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._wait_for_answer("it did not start")

    def command(self, *words):
        """As host-apiserver has them."""
        print(*words, file=self.process.stdin, flush=True)
        self._wait_for_answer(f"{words[0]} failed")

    def end(self):
        self.process.stdin.close()
        self.process.wait()

    def _wait_for_answer(self, otherwise):
        if self.process.stdout.readline() != "ok\n":
            raise HarnessError(f"API server: {otherwise}")
