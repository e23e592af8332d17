"""Three edgesyncd and one edge, while they are killed, stopped and told wrong times at random.

Afterwards the edge's own log of what was written to it is gone through. At no time did anybody
write who did not hold the lease, every marker said the truth about what stood there, and what the
edge's hubd ran was never a part of a push.
"""

import collections
import contextlib
import os
import random
import re
import signal
import threading
import unittest

from .harness.base import wait_for
from .harness.directory import record
from .harness.replay import Replay, normal
from .harness.subscribed import LEASE_S, Subscribed

FAULTS = int(os.environ.get("HUB_LEASES", "6"))
HUBS = ("london1", "london2", "london3")
WINDOW = 8
TRIES = 20      # to catch a holder between a write and its arrival
STEADY = 200    # people who stay, so that those who go are no suspicious part of them


class Changes(threading.Thread):
    """Accepted domains that come and go, and people; some of both are always there."""

    def __init__(self, org):
        super().__init__(daemon=True)
        self.org, self.d = org, org.directory
        self.made = 0
        self.ended = threading.Event()
        self.problem = None

    def run(self):
        try:
            while not self.ended.wait(0.05):
                self.one()
        except Exception as problem:  # told by stop()
            self.problem = problem

    def one(self):
        n, name = self.made, "d%d.example" % self.made
        self.d.add(self.org.person("p%d" % n) + record(
            self.d.dn(name, "Accepted Domains"), "hubAcceptedDomain", cn=name, hubDomain=name,
            hubDomainType="InternalRelay"))
        if n >= WINDOW:
            self.d.delete("uid=p%d,ou=People,%s" % (n - WINDOW, self.d.suffix))
            self.d.delete(self.d.dn("d%d.example" % (n - WINDOW), "Accepted Domains"))
        self.made += 1

    def wait_more(self, n):
        before = self.made
        wait_for("changes go on: %s" % self.problem, lambda: self.made >= before + n)

    def stop(self):
        self.ended.set()
        self.join()
        if self.problem:
            raise self.problem


class Observer(threading.Thread):
    """
    What the edge's hubd ran: fingerprints of the organization whose push is in force, and of what
    it runs, which follows a moment later.
    """

    def __init__(self, hub):
        super().__init__(daemon=True)
        self.hub = hub
        self.seen = []
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.01):
            told = self.hub.status()
            if told and told.get("edge") and told["edge"]["configuration"]:
                seen = told["edge"]["configuration"]["fingerprint"], told["fingerprint"]
                if seen[0] and seen not in self.seen[-1:]:
                    self.seen.append(seen)

    def stop(self):
        self.ended.set()
        self.join()


class Leases(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.s = s = Subscribed(HUBS, clocks=True, log=True, account_renewal=4)
        cls.addClassCleanup(s.close)
        cls.before = s.edge.directory.dump()
        s.start()
        cls.edge, cls.syncs = s.edge, s.syncs
        s.org.directory.add("".join(s.org.person("steady%d" % n) for n in range(STEADY)))

    # --- faults; each ends with the process as it was ---

    def takes_over(self, gone):
        """Somebody else does, if it was the holder who is gone."""
        if self.held_by is gone:
            self.s.wait_holder([sync for sync in self.syncs if sync is not gone])

    def killed(self, sync):
        sync.kill()
        self.takes_over(sync)
        sync.start()

    def stopped(self, sync):
        sync.process.signal(signal.SIGSTOP)
        self.takes_over(sync)
        sync.process.signal(signal.SIGCONT)

    def asked_for(self, sync):
        """An administrator wants it to have the lease; nobody waits for that."""
        sync.ask("/start", "POST", {"edge": "edge1"})

    def its_clock(self, sync):
        sync.clock.step(self.random.choice((-4000, -LEASE_S, LEASE_S, 4000)))

    def the_edges_clock(self, _):
        """A little ahead, or days off; never to the same time twice, for the log would lose it."""
        clock = self.edge.directory.clock
        if self.random.random() < 0.3:
            clock.step(LEASE_S)
        else:
            clock.set(10000 * self.times.pop(self.random.randrange(len(self.times))))

    def the_edges_slapd(self, _):
        """
        It may end what it has begun: its log comes after the write, and would miss the last. Nor
        does it forget the number of its last change: with its clock set back as well, the edge's
        hubd would see an older directory than it runs, and hold until an administrator agrees.
        """
        self.edge.directory.stop()
        self.edge.directory.start()

    def strike(self):
        self.held_by = self.s.holding()
        sync = self.held_by if self.held_by and self.random.random() < 0.6 else \
            self.random.choice(self.syncs)
        fault = self.random.choice((self.killed, self.killed, self.stopped, self.stopped,
                                    self.asked_for, self.its_clock, self.the_edges_clock,
                                    self.the_edges_slapd))
        self.told.append("%s %s" % (fault.__name__, sync.name))
        fault(sync)

    def another_writes(self):
        """Somebody takes over and pushes; then what the former holder had sent before arrives."""
        holder = self.held_by = self.s.wait_holder()
        self.told.append("late %s" % holder.name)
        self.edge.line.hold()
        wait_for("it pushes", lambda: holder.edge("edge1").get("busy"))
        holder.process.signal(signal.SIGSTOP)
        self.takes_over(holder)
        pushed = self.edge.marker()
        wait_for("a push by somebody else", lambda: self.edge.marker() != pushed)
        self.edge.line.release()
        # while it is stopped: it takes back what it sent when it finds that it was silent so long
        with contextlib.suppress(AssertionError):
            wait_for("it is refused", self.refused, 3)
        holder.process.signal(signal.SIGCONT)

    def refused(self):
        return [write for write in self.edge.directory.log.all() if write.result == 50]

    def come_too_late(self):
        """Whatever chance has struck so far: at least once the edge itself refuses a write."""
        for _ in range(TRIES):
            self.another_writes()
            if self.refused():
                return

    def test_faults_at_random(self):
        seed = os.environ.get("HUB_SEED") or str(random.SystemRandom().randrange(1 << 32))
        self.random, self.told = random.Random(seed), ["seed " + seed]
        self.times = [n for n in range(-200, 200) if n]
        self.s.org.place.at_failure("faults", lambda: "\n".join(self.told))
        # a push is under way most of the time, and some of it after who sent it was stopped
        self.edge.line.set("slow", 20000)
        changes, observer = Changes(self.s.org), Observer(self.edge.hub)
        changes.start()
        observer.start()
        try:
            for _ in range(FAULTS):
                changes.wait_more(self.random.randrange(1, 30))
                self.strike()
            self.come_too_late()
        finally:
            changes.stop()
        self.s.wait_in_step()
        observer.stop()
        self.in_step(changes)
        log = self.edge.directory.log.all()
        writes, refused = self.one_writer(log)
        markers = self.markers(log)
        self.nothing_by_half(observer.seen)
        faults = collections.Counter(fault.partition(" ")[0] for fault in self.told[1:])
        print("\n%s; %d writes by %d holders, %d refused, %d markers" % (
            ", ".join("%d %s" % (n, fault) for fault, n in sorted(faults.items())),
            sum(writes.values()), len(writes), refused, markers))

    # --- what was ---

    def in_step(self, changes):
        last = changes.made
        self.assertEqual(self.s.there("Accepted Domains"), {"contoso.com"} | {
            "d%d.example" % n for n in range(last - WINDOW, last)})
        for n, reply in ((last - 1, "^250"), (last - WINDOW, "^250"), (last - WINDOW - 1, "^550")):
            wait_for("p%d: %s" % (n, reply), lambda: re.match(
                reply, self.s.accepts("p%d@contoso.com" % n)))

    def nothing_by_half(self, seen):
        """While one push is in force, the edge runs one configuration, once it does so."""
        ran, before = [], None
        for (push, own), following in zip(seen, seen[1:] + [(None, None)]):
            if own != before:
                ran.append(own)
            if following[0] != push:
                self.assertLessEqual(len(ran), 1, "in the course of push %s: %s" % (push, ran))
                ran, before = [], own
        self.assertGreater(len(seen), 2)

    def one_writer(self, log):
        """Who writes is who holds the lease at that place of the log."""
        replay = Replay(self.before, self.edge.directory.base)
        holder, writes, refused = None, {}, 0
        for write in log:
            refused += write.result == 50
            if write.result != 0:
                continue
            rdn = replay.rdn(write.dn)
            if rdn == "cn=edge state":
                taken = write.value("hubLeaseHolder")
                holder = holder if taken is None else normal(taken.decode())
            elif "cn=sync accounts" in normal(write.who) and "cn=sync accounts" not in rdn:
                self.assertEqual(normal(write.who), holder, write)
                writes[holder] = writes.get(holder, 0) + 1
        self.assertGreater(len(writes), 1, "nobody else ever wrote")
        self.assertGreater(refused, 0, "nobody ever came too late")
        return writes, refused

    def markers(self, log):
        """Each says what stands there when it is written."""
        replay = Replay(self.before, self.edge.directory.base)
        checked = {"cn=configuration,cn=push": 0, "cn=recipients,cn=push": 0}
        for write in log:
            if write.result != 0:
                continue
            replay.apply(write)
            rdn, digest = replay.rdn(write.dn), write.value("hubPushDigest")
            if digest is not None and rdn in checked:
                now = replay.configuration_digest() if "configuration" in rdn else \
                    replay.recipients_digest()
                self.assertEqual(digest.decode(), now, write)
                checked[rdn] += 1
        self.assertGreater(min(checked.values()), 2)
        return sum(checked.values())


if __name__ == "__main__":
    unittest.main()
