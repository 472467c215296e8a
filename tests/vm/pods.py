#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writing pods: pods.py DIRECTORY NAME=TARGET...

One process a target, which writes a record, fsyncs it, and only then notes its number in
DIRECTORY/NAME.acked, as a database acknowledges a transaction. At an error it notes that in
DIRECTORY/NAME.ended and ends. DIRECTORY/NAME.pid has its number.
"""

import os
import sys

RECORD = 4096
FILES_EVERY = 8  # records; a new file, so that metadata changes too


def note(path, text):
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(f"{text}\n")
    os.rename(path + ".new", path)


def write(target, acked):
    folder = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, dir_fd=folder)
    os.fsync(folder)
    number = 0
    while True:
        number += 1
        os.write(log, f"{number}\n".encode().rjust(RECORD, b"."))
        os.fsync(log)
        if number % FILES_EVERY == 0:
            os.close(os.open(f"file-{number}", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
            os.fsync(folder)
        note(acked, number)


def main(directory, *pods):
    for pod in pods:
        name, _, target = pod.partition("=")
        path = os.path.join(directory, name)
        pid = os.fork()
        if pid:
            note(path + ".pid", pid)
            continue
        try:
            write(target, path + ".acked")
        except OSError as error:
            note(path + ".ended", error.strerror)
        os._exit(0)


main(*sys.argv[1:])
