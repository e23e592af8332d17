"""deploy/lab with edges: mail through the firewall around them, and nothing else."""

import unittest

from .harness import packets
from .harness.base import wait_for
from .harness.deploy import perimeter
from .harness.lab import Lab, example


class Perimeter(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        why_not = perimeter.possible()
        if why_not:
            raise unittest.SkipTest(why_not)
        cls.lab = Lab(example("edge"))
        cls.addClassCleanup(cls.lab.close)

    def counted(self, source, target, kind, ports=packets.ALL_PORTS):
        """What passes of first packets to these ports, by the counters of the firewall."""
        lab = self.lab
        before = lab.perimeter()
        lab.inside(source, lambda: kind(lab.address(source), lab.address(target), ports))
        wait_for("all are counted", lambda: sum(self.grown(before).values()) >= len(ports))
        return self.grown(before)

    def grown(self, before):
        return {name: count - before[name] for name, count in self.lab.perimeter().items()
                if count > before[name] and name != "edge-directory"}

    def test_nothing_but_mail_and_the_directory_of_the_edge(self):
        """Every port of TCP and UDP, both ways, by every pair of kinds of hosts."""
        for source, target, passes in (
                ("edge1", "east1", {"edge-hub-smtp": 1}),
                ("east1", "edge1", {"hub-edge-smtp": 1, "hub-edge-ldaps": 1}),
                ("edge1", "directory1", {}), ("directory1", "edge1", {}),
                ("edge1", "mail-west", {}), ("mail-west", "edge1", {}), ("edge1", "edge2", {}),
                ("edge1", "outside", {"edge-outside-smtp": 1, "edge-outside-dns": 1}),
                ("outside", "edge1", {"outside-edge-smtp": 1})):
            with self.subTest("TCP from %s to %s" % (source, target)):
                self.assertEqual(self.counted(source, target, packets.tcp), dict(
                    passes, refused=65535 - sum(passes.values())))
        for source, target in (("edge1", "east1"), ("east1", "edge1"), ("edge1", "directory1")):
            with self.subTest("UDP from %s to %s" % (source, target)):
                self.assertEqual(self.counted(source, target, packets.udp), {"refused": 65535})


if __name__ == "__main__":
    unittest.main()
