# SPDX-License-Identifier: GPL-2.0-or-later
"""What is done on a disk after a power cut, and what must come of it: a class for each command."""

import json
import re
from collections import Counter

from disk import expect, run
from replay import BLOCK, HEADER_AREA, MIB

_REFUSED = 3
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Scenario:
    """A command that is given again after the power cut."""

    may_be = ()  # states that it may find; empty: any

    def __init__(self, trial, options):
        self.trial = trial
        self.crash = None  # what is on the disk
        self.tried = 0
        self.disk = trial.disk
        self.options = options
        self.words = options.words.split()
        self.counts = Counter()
        self.refusals = Counter()

    def check_record(self, requests):
        """What must hold of the record itself."""

    def state(self):
        """As list shows it. Where the table is whole nothing is asked: it starts slowly here."""
        mark = self.disk.mark()
        if mark.agrees and mark.state != "foreign":
            return mark.state
        code, out = run("solodisk", "list", "--json", self.disk.name)
        expect(code == 0, f"list: exit {code}: {out}")
        state = json.loads(out)["disks"][0]["state"]
        expect(mark.state in ("none", "foreign", state), f"list says {state}, not {mark.state}")
        return state

    def try_again(self, crash):
        self.crash = crash
        before = self.state()
        self.counts[before] += 1
        expect(not self.may_be or before in self.may_be, f"before it is {before}")
        self.act(before)

    def act(self, before):
        raise NotImplementedError

    def solodisk(self, *words, yes=("--yes",)):
        """Whether it did it; if not, it refused with a reason."""
        code, out = run("solodisk", *words, *yes, self.disk.name)
        if code == 0:
            return True
        expect(code == _REFUSED, f"{' '.join(words)}: exit {code}: {out}")
        self.refuse(out)
        return False

    def refuse(self, reason):
        expect(len(reason) > 30, f"refused without a reason: {reason}")
        self.refusals[_ID.sub("ID", reason.replace(self.disk.name, "DISK"))] += 1

    def check_sound(self, *states):
        mark = self.disk.mark()
        expect(mark.agrees, f"the copies do not agree afterwards (state {mark.state})")
        expect(mark.state in states, f"afterwards it is {mark.state}")
        return mark


class Prepare(Scenario):
    """The same preparation finishes, whatever was there."""

    may_be = ("blank", "preparing", "ready")

    def act(self, before):
        expect(self.solodisk("prepare", *self.words), f"it did not prepare a disk in state {before}")
        self.check_sound("ready")


class Force(Prepare):
    """The same, of a disk that was somebody else's."""

    may_be = ("foreign", *Prepare.may_be)


class Use(Scenario):
    """The driver mounts it for a tenant, who finds it used and as large as the disk allows. Damage to the
    filesystem's own blocks may keep it from being mounted: then that is said."""

    may_be = ("ready", "used")

    def call(self, *words):
        """The answer, unless it is Success."""
        code, out = run(self.options.driver, *words)
        if code == 0 and '"Success"' in out:
            return None
        expect(code == 1 and '"Failure"' in out, f"{words[0]}: exit {code}: {out}")
        return out

    def act(self, before):
        failure = self.call("mount", self.options.target, self.options.words)
        mark = self.check_sound("used")
        if failure:
            expect("ext4" in failure or "xfs" in failure, failure)
            expect(self.crash.may_damage_a_filesystem(self.disk.size), failure)
            self.refuse(failure)
            return
        wanted = int(self.options.partition)
        expect(not wanted or mark.bytes == wanted, f"the partition has {mark.bytes} bytes")
        if self.options.keeps:
            self.trial.check_kept(self.options.target)
        expect(not self.call("unmount", self.options.target), "unmount failed")


class Erase(Scenario):
    """The same erase finishes, and nothing of the tenant is left. Where it refuses, what it was cannot
    be told any more, and then it is enough to say it (--more)."""

    may_be = ("used", "erasing", "preparing", "ready")

    def act(self, before):
        if not self.solodisk("erase", *self.words):
            expect(before != "used", "refused in state used")
            expect(self.options.more, "refused, and there is no more to say")
            expect(self.solodisk("erase", *self.words, *self.options.more.split()),
                   "refused, although all is said")
        self.check_sound("preparing" if "--no-prepare" in self.words else "ready")
        self.trial.check_gone()


class Release(Scenario):
    """The same release finishes; or there is nothing left to release, and it says so."""

    may_be = ("ready", "preparing", "blank")

    def act(self, before):
        if not self.solodisk("release", *self.words):
            expect(before == "blank", f"refused in state {before}")
        expect(self.state() == "blank", "not blank afterwards")
        pieces = list(self.disk.pieces())
        zero = bytes(MIB)
        expect(pieces[0][:MIB] == zero and b"".join(pieces[-2:])[-MIB:] == zero,
               "something is left at an end of the disk")


class Command(Scenario):
    """Any command (--words, without the disk): it finishes in one of the states --after, each time from
    one of the states --before; then --then, a shell command with $DISK and $PARTITION, succeeds."""

    def __init__(self, trial, options):
        super().__init__(trial, options)
        self.may_be = tuple(options.before.split(","))

    def act(self, before):
        if not self.solodisk(*self.words, yes=()):
            expect(self.options.more and
                   self.solodisk(*self.words, *self.options.more.split(), yes=()),
                   f"refused in state {before}")
        self.check_sound(*self.options.after.split(","))
        if self.options.then:
            code, out = run("sh", "-c", self.options.then,
                            env={**self.trial.environment, "DISK": self.disk.node,
                                 "PARTITION": self.disk.partition})
            expect(code == 0, f"then: exit {code}: {out}")


class Rotate(Scenario):
    """One of the two keys (--words) always opens the volume, as another program than ours sees it; the
    same rotation finishes, and nothing of the old keyslot is left."""

    may_be = ("used",)

    def opens(self, key):
        code, out = run("cryptsetup", "open", "--test-passphrase", "--key-file",
                        f"/etc/solodisk/keys/{key}", self.disk.partition)
        expect(code in (0, 2), f"cryptsetup: exit {code}: {out}")
        return code == 0

    def header(self):
        code, out = run("cryptsetup", "luksDump", "--dump-json-metadata", self.disk.partition)
        expect(code == 0, f"cryptsetup: exit {code}: {out}")
        return json.loads(out)

    def check_clean(self):
        header = self.header()
        expect(len(header["keyslots"]) == 1 and not header["tokens"] and
               not header["config"].get("requirements"), f"left over: {header}")

    def finish(self, *words):
        code, out = run("solodisk", *words, self.disk.name)
        expect(code == 0, f"{words[0]}: exit {code}: {out}")

    def act(self, before):
        old, new = self.words
        opened = "new" if self.opens(new) else "old" if self.opens(old) else None
        self.counts[f"opened by {opened}"] += 1
        expect(opened, "no key opens it")
        self.finish("rotate", "--key", f"file:{old}", "--new-key", f"file:{new}")
        expect(self.opens(new), "the new key does not open it afterwards")
        self.check_clean()
        self.trial.check_gone()


class Reencrypt(Rotate):
    """A pod finds its data on every image that is tried, and on some of them (one of --often) the same
    re-encryption finishes (--more: the key). After a write of the header, which is about a whole zone of MiBs, a
    block of each 64 KiB is looked at, else all."""

    def check_record(self, requests):
        """Keyslots and checksums were flushed before the header that tells of them, which may be there alone
        otherwise; and its first copy before the second."""
        waiting, flushes = [], 0
        for request in requests:
            if request.is_flush:
                waiting, flushes = [], flushes + 1
            elif self.trial.is_at_header(request):
                copy = request.at // BLOCK < HEADER_AREA.start + len(HEADER_AREA) // 2
                expect(all(copy == other for other in waiting),
                       f"request {request.number}, of the header, was not flushed apart from those before")
                waiting.append(copy)
            elif request.writes and request.at < self.options.head * MIB:
                waiting.append(None)  # behind it a pod writes, too
        expect(flushes, "there is not one flush in the record")

    def use(self, step=BLOCK):
        code, out = run(self.options.driver, "mount", self.options.target, self.options.words)
        expect(code == 0 and '"Success"' in out, f"mount: {out}")
        try:
            self.trial.check_kept(self.options.target, step)
        finally:
            code, out = run(self.options.driver, "unmount", self.options.target)
        expect(code == 0 and '"Success"' in out, f"unmount: {out}")

    def act(self, before):
        is_about_zones = self.crash.kind == "boundary" and all(map(self.trial.is_at_header, self.crash.places))
        self.use(64 << 10 if is_about_zones else BLOCK)
        self.tried += 1
        if self.tried % int(self.options.often):
            return
        self.finish("reencrypt", "--key", f"file:{self.options.more}")
        self.counts["finished"] += 1
        self.check_clean()
        self.use()


SCENARIOS = {"rotate": Rotate, "reencrypt": Reencrypt, "prepare": Prepare, "force": Force, "use": Use,
             "erase": Erase, "release": Release, "command": Command}
