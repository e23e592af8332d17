"""Mail over real lines: copies counted on the wire, slow and lossy lines, a hub that is cut off
from its directories."""

import os
import unittest

from .harness.base import wait_for
from .harness.lab import Lab, example
from .harness.wire import wire_of

MIB = 1 << 20
FREIBURG = ("freiburg1", "freiburg2", "freiburg3")


class Chain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(example("chain"), "--providers", "2")
        cls.addClassCleanup(cls.lab.close)

    def setUp(self):
        self.addCleanup(self.lab, "heal")

    # --- fan-out ---

    def test_one_copy_for_each_fork(self):
        """To Erfurt, Freiburg and Gotha: parted at Celle, and again at Erfurt."""
        hops = (("outside", "aachen1"), ("aachen1", "celle1"), ("celle1", "gotha1"),
                ("celle1", "erfurt1"), ("erfurt1", "freiburg"))
        size = 3 * MIB
        with wire_of(self.lab) as wire:
            token = self.lab.submit("aachen1", "anna", "bruno", "clara",
                                    body=("x" * 78 + "\r\n") * (size // 80))
            for host in ("mail-freiburg", "mail-erfurt", "mail-gotha"):
                self.lab.wait_mail(host, token)
        seen = {}
        for (source, target), count in wire.bytes.items():
            pair = (source, "freiburg" if target in FREIBURG else target)
            seen[pair] = seen.get(pair, 0) + count
        for pair in hops:
            self.assertEqual(round(seen.get(pair, 0) / size, 1), 1.0, (pair, seen))
        carried = {pair for pair, count in seen.items() if count > size // 2}
        self.assertEqual({pair for pair in carried if not pair[1].startswith("mail-")}, set(hops))
        for hub, recipients in (("aachen1", "3"), ("celle1", "3"), ("gotha1", "1"),
                                ("erfurt1", "2")):
            self.assertEqual([e["recipients"] for e in self.lab.received(hub, token)], [recipients])
        self.assertEqual([e["recipients"] for hub in FREIBURG
                          for e in self.lab.received(hub, token)], ["1"])
        for hub in ("bremen1", "dresden1"):
            self.assertEqual(self.lab.received(hub, token), [])

    # --- a hub without its directory ---

    def configuration(self, hub):
        return self.lab.events(hub, "configuration")[-1]["fingerprint"]

    def follows(self, hub):
        """Does a change come to the hub? It is given what celle1, next to the directory, has."""
        wait_for("%s follows" % hub, lambda: self.configuration(hub) == self.configuration(
            "celle1"))

    def provider(self, hub):
        """The directory that the hub follows now."""
        uri = self.lab.events(hub, "directory-live", tree="organization")[-1]["uri"]
        return "directory%d" % (self.lab.state()["uris"].index(uri) + 1)

    def test_one_of_two_directories_is_cut_off(self):
        """The hub goes to the other one, and the change comes from there."""
        lab = self.lab
        before = self.provider("aachen1")
        lab("cut", "aachen1", before)
        lab.change("cn=Gotha,cn=Sites", "description: without " + before)
        self.follows("aachen1")
        self.assertNotEqual(self.provider("aachen1"), before)
        lab.wait_mail("mail-freiburg", lab.submit("aachen1", "anna"))

    def test_cut_off_from_all_directories(self):
        """Mail goes on by the last snapshot, after a restart too; changes come when all heals."""
        lab = self.lab
        cache = os.path.join(lab.directory, "state", "aachen1", "cache")
        wait_for("the caches are written", lambda: {"organization.ldif", "recipients"}.issubset(
            os.listdir(cache)))
        lab("cut", "aachen1", "directory1,directory2")
        before = self.configuration("aachen1")
        lab.change("cn=Gotha,cn=Sites", "description: not seen in Aachen")
        lab.wait_mail("mail-freiburg", self.lab.submit("aachen1", "anna"))
        lab("kill", "aachen1")
        lab("start", "aachen1")
        lab.wait_mail("mail-gotha", self.lab.submit("aachen1", "clara"))
        self.assertEqual(self.configuration("aachen1"), before)
        lab("heal")
        self.follows("aachen1")
        self.assertNotEqual(self.configuration("aachen1"), before)

    # --- slow and lossy lines ---

    def test_slow_and_lossy_lines(self):
        """50 ms there and back, then 2 % lost, too: the mail arrives, once."""
        for options in (("--delay", "25"), ("--delay", "25", "--loss", "2")):
            with self.subTest(options):
                self.lab("line", *options)
                self.addCleanup(self.lab, "line")
                tokens = [self.lab.submit("aachen1", "anna", "clara", body="x" * 900 + "\r\n")
                          for _ in range(5)]
                for token in tokens:
                    for host in ("mail-freiburg", "mail-gotha"):
                        self.assertEqual(len(self.lab.wait_mail(host, token)), 1)


if __name__ == "__main__":
    unittest.main()
