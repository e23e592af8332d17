"""Whatever happens to an edge or to the line: in the end the edge is in step without an
administrator, or one clear alarm says why not. Mail goes on.
"""

import os
import shutil
import signal
import threading
import unittest

from .harness import hostile_ldaps
from .harness.base import run, sanitized, wait_for
from .harness.directory import record
from .harness.disk import SmallDisk
from .harness.edge import der
from .harness.keys import Key
from .harness.subscribed import EdgeCase


class Database:
    """The directory of a stopped slapd's database, as SmallDisk wants it."""

    def __init__(self, directory):
        self.state = os.path.join(directory.folder, "db")
        self.kept = self.state + ".kept"
        self.kill = directory.process.kill
        shutil.copytree(self.state, self.kept, copy_function=self.copy)

    @staticmethod
    def copy(source, target):
        run("cp", "--sparse=always", source, target, check=True)

    def put(self):
        for name in os.listdir(self.kept):
            self.copy(os.path.join(self.kept, name), self.state)


def memory_kib(sync):
    with open("/proc/%d/status" % sync.process.pid) as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))


class Halting:
    """A process that goes on only now and then, as on a machine that has other things to do."""

    def __init__(self, process, stands_s=0.4, goes_s=0.02):
        self.process, self.rhythm = process, (stands_s, goes_s)
        self.times, self._end = 0, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._end.is_set():
            self.process.signal(signal.SIGSTOP)
            self.times += 1
            self._end.wait(self.rhythm[0])
            self.process.signal(signal.SIGCONT)
            self._end.wait(self.rhythm[1])

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()


class EdgeFaults(EdgeCase):
    # --- it is not there, or only half ---

    def test_down(self):
        self.edge.directory.stop()
        self.s.change("while it is down")
        self.s.wait_error("cannot connect")
        self.mail_passes()

    def test_hangs(self):
        """It is found out, told, and over when slapd goes on."""
        self.edge.directory.process.signal(signal.SIGSTOP)
        self.s.change("while it hangs")
        self.s.wait_error("answer")
        self.mail_passes()

    def test_is_slow(self):
        """Its slapd stands still most of the time: all arrives, and nobody gives it up."""
        def connects():
            return [sync.edge("edge1")["connects"] for sync in self.syncs]
        before = connects()
        with Halting(self.edge.directory.process) as halting:
            self.add_many()
            self.s.wait_in_step()
            while halting.times < 10:
                self.s.arrives("slowly, %d" % halting.times)
            self.mail_passes()
        self.all_there()
        self.assertEqual(connects(), before)

    def test_the_line_hangs(self):
        self.edge.line.set("hang")
        self.s.change("while the line hangs")
        self.s.wait_error("answer")

    def test_the_line_is_slow(self):
        self.edge.line.set("slow", 20000)
        self.s.arrives("slowly")

    def test_the_line_is_cut_in_the_middle_of_a_push(self):
        self.in_the_middle_of_a_push()
        self.edge.line.set("refuse")
        self.nothing_by_half()
        self.edge.line.set("pass")
        self.all_there()

    def test_ends_in_the_middle_of_a_push(self):
        for how in ("stop", "kill"):
            with self.subTest(how):
                self.in_the_middle_of_a_push()
                getattr(self.edge.directory.process, how)()
                self.edge.line.set("pass")
                self.edge.directory.start()
                self.all_there()
                self.doCleanups()

    def test_disk_full(self):
        """Of the edge's database. The alarm says what slapd says; room ends it."""
        d = self.edge.directory
        d.stop()
        database = Database(d)
        self.addCleanup(database.put)   # an old backup, in the end
        disk = SmallDisk(self, database, 4)
        database.put()
        d.start()
        self.s.arrives("on a small disk")
        disk.fill()
        names = ["full%d.example" % n for n in range(300)]
        self.org.directory.add("".join(self.s.remote_domain(
            name, hubComment="x" * 1000) for name in names))
        self.addCleanup(run, "ldapdelete", *self.org.directory._bind(), *[
            self.org.directory.dn(name, "Remote Domains") for name in names], check=True)
        holder = self.s.wait_holder()
        wait_for("it is told", lambda: self.s.error(holder))
        self.s.wait_error(self.s.error(holder), [holder])
        self.mail_passes()
        disk.free()
        self.s.wait_in_step()

    # --- its administrator ---

    def test_an_administrator_of_the_edge(self):
        """May not change what is replicated; what is his own he may."""
        d = self.edge.directory
        domain = d.dn("contoso.com", "Accepted Domains")
        self.assertEqual(d.change(domain, check=False, hubComment="mine").returncode, 50)
        self.assertEqual(d.add(record(d.dn("y.example", "Remote Domains"), "hubRemoteDomain",
                                      cn="y.example", hubDomain="y.example"),
                               check=False).returncode, 50)
        d.change("cn=Outside," + self.edge.hub.dn(), hubComment="mine")

    def test_changed_behind_its_back(self):
        """Not in force for a moment, put right as soon as edgesyncd is back, and told."""
        d = self.edge.directory
        self.assertRegex(self.s.accepts("nobody@open.example"), "^550 5.7")
        d.stop()
        d.offline("slapmodify", "-b", d.suffix, stdin=(
            "dn: %s\nchangetype: modify\nreplace: hubComment\nhubComment: forged\n\n"
            "dn: %s\nchangetype: add\nobjectClass: hubAcceptedDomain\ncn: open.example\n"
            "hubDomain: open.example\nhubDomainType: ExternalRelay\n\n" % (
                d.dn("contoso.com", "Accepted Domains"), d.dn("open.example",
                                                              "Accepted Domains"))))
        d.start()
        self.try_now()

        def repaired():
            self.assertRegex(self.s.accepts("nobody@open.example"), "^550 5.7")
            return "open.example" not in self.s.there("Accepted Domains")
        wait_for("it is gone", repaired)
        self.s.wait_in_step()
        self.assertNotEqual(d.entry(d.dn("contoso.com", "Accepted Domains")).get("hubcomment"),
                            [b"forged"])
        wait_for("it is told", lambda: any(
            event["repaired"] == "2" for sync in self.syncs for event in sync.events(
                "edge-pushed", data="configuration")))

    # --- its certificate, pinned by the organization ---

    def pins(self, *keys):
        d = self.org.directory
        d.modify("dn: %s\nchangetype: modify\nreplace: hubDirectoryCertificate\n%s" % (
            d.dn("edge1", "Edge Subscriptions"),
            "".join("hubDirectoryCertificate:: %s\n" % der(key) for key in keys)))

    def use(self, key):
        d = self.edge.directory
        for source, target in ((key.certificate, d.key.certificate), (key.key, d.key.key)):
            shutil.copy(source, target)
        d.stop()
        d.start()
        self.try_now()

    def keys(self):
        """A copy of the one in use, and another."""
        d, name = self.edge.directory, self.id().rpartition(".")[2]
        old, new = (Key(self.org.place, when + name) for when in ("old-", "new-"))
        shutil.copy(d.key.certificate, old.certificate)
        shutil.copy(d.key.key, old.key)
        return old, new

    def test_certificate_replaced_with_overlap(self):
        old, new = self.keys()
        self.pins(old, new)
        self.use(new)
        self.s.arrives("with the new certificate")
        self.pins(new)
        self.s.arrives("with the new certificate alone")

    def test_certificate_replaced_without(self):
        """The alarm says so; nothing is said to whoever has that certificate."""
        _, new = self.keys()
        self.use(new)
        self.s.change("for whoever is there")
        self.s.wait_error("certificate")
        self.pins(new)

    def test_somebody_else_answers(self):
        """A server that would take any password hears none."""
        other = hostile_ldaps.Server(self.org.place, Key(self.org.place, "impostor"), "says_yes")
        self.edge.line.lead_to(other.port)
        self.s.wait_error("certificate")
        self.assertEqual(other.heard(), b"")

    def test_nonsense(self):
        """Its certificate is right, but what it says is not LDAP, or not true."""
        other = hostile_ldaps.Server(self.org.place, self.edge.directory.key,
                                     *hostile_ldaps.MANNERS)
        self.edge.line.lead_to(other.port)

        def all_tried():
            self.try_now()
            return other.sessions >= len(hostile_ldaps.MANNERS) + len(self.syncs)
        wait_for(lambda: "all is tried: %s" % other.sessions, all_tried, 60)
        for sync in self.syncs:
            wait_for("it is told", lambda: self.s.error(sync))
            self.assertTrue(sync.process.running(), sync.log()[-3000:])
            self.assertLess(0 if sanitized() else memory_kib(sync), 100000)


if __name__ == "__main__":
    unittest.main()
