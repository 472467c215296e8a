# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's side of the test guest: see ../README.md."""


class HarnessError(Exception):
    """The harness could not do its part; the text is for the person who ran it."""
