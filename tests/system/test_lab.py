"""deploy/lab: hosts that reach each other, cuts, fences, slow lines, and hosts that die."""

import socket
import time
import unittest

from .harness.base import run, wait_for
from .harness.lab import LAB, Lab, example

ORGANIZATION = example("pair")


class Running(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(ORGANIZATION)
        cls.addClassCleanup(cls.lab.close)

    def tearDown(self):
        self.lab("heal")
        self.lab("line")

    def check(self, source, target, expected, port=25):
        seconds = 0.4 if expected == "silence" else 10
        self.assertEqual(self.lab.connects(source, target, port, seconds), expected,
                         "%s to %s:%d" % (source, target, port))

    def test_everybody_reaches_everybody(self):
        for target, port in (("east1", 25), ("west1", 25), ("mail-west", 24), ("directory1", 389),
                             ("outside", 25)):
            for source in ("east1", "mail-west", "outside"):
                self.check(source, target, "answer", port)
        self.check("east1", "west1", "refusal", 26)
        self.assertEqual(self.lab.connects("east1", "east1"), "answer")

    def test_addresses_of_the_organization_are_kept(self):
        """Given ones, assigned ones, and the outside's for a smart host that is no server."""
        self.assertEqual(self.lab.address("west1"), "192.0.2.17")
        self.assertEqual(self.lab.address("east1"), "10.0.1.1")
        self.assertIn("203.0.113.10", self.lab.hosts()["outside"]["addresses"])

    def test_cut_is_silent_both_ways_until_healed(self):
        lab = self.lab
        lab("cut", "east1", "west1")
        self.check("east1", "west1", "silence")
        self.check("west1", "east1", "silence")
        self.check("east1", "mail-west", "answer", 24)
        self.check("east2", "west1", "answer")
        lab("heal", "west1", "EAST1")
        self.check("east1", "west1", "answer")

    def test_cut_ends_what_is_open(self):
        """Nothing more passes on a connection that was there before."""
        def talk():
            with socket.create_connection((self.lab.address("west1"), 25), 5) as peer:
                peer.recv(1000)
                self.lab("cut", "West", "East")
                peer.settimeout(0.4)
                peer.sendall(b"NOOP\r\n")
                with self.assertRaises(TimeoutError):
                    peer.recv(1000)
                self.lab("heal")
                peer.settimeout(20)
                return peer.recv(1000)
        self.assertRegex(self.lab.inside("east1", talk), b"^[25]")

    def test_sites_are_cut_as_a_whole(self):
        lab = self.lab
        lab("cut", "West", "East")
        for source in ("east1", "east2"):
            self.check(source, "west1", "silence")
        self.check("west1", "mail-west", "answer", 24)
        self.check("west1", "directory1", "answer", 389)
        lab("cut", "west1")
        self.check("west1", "directory1", "silence", 389)
        self.check("west1", "mail-west", "silence", 24)
        self.check("mail-west", "directory1", "answer", 389)
        lab("heal", "west1")
        self.check("west1", "directory1", "answer", 389)
        self.check("west1", "east1", "silence")
        self.assertIn("cut: West from East\n", lab("status").stdout)

    def test_fence_lets_through_only_what_it_names(self):
        lab = self.lab
        self.addCleanup(lab, "fence", "east1", "off")
        lab("fence", "east1", "West:25", "directory1")
        self.check("east1", "west1", "answer")
        self.check("west1", "east1", "answer")
        self.check("east1", "west1", "silence", 587)
        self.check("west1", "east1", "silence", 587)
        self.check("east1", "east2", "silence")
        self.check("east1", "directory1", "answer", 389)
        lab("fence", "east1", "east2")
        self.check("east1", "west1", "silence")
        self.check("east1", "east2", "answer", 587)
        lab("fence", "east1", "off")
        self.check("east1", "west1", "answer", 587)

    def test_line_delays_between_places_only(self):
        lab = self.lab

        def taken(source, target, port):
            began = time.monotonic()
            self.check(source, target, "answer", port)
            return time.monotonic() - began
        lab("line", "--delay", "300")
        self.assertGreater(taken("east1", "west1", 25), 0.6)
        self.assertGreater(taken("east1", "directory1", 389), 0.6)
        self.assertLess(taken("east1", "east2", 25), 0.6)
        self.assertLess(taken("west1", "mail-west", 24), 0.6)
        lab("cut", "East", "West")
        self.check("east1", "west1", "silence")
        lab("line")
        lab("heal")
        self.assertLess(taken("east1", "west1", 25), 0.6)

    def test_line_loses(self):
        """About half of 400 datagrams arrive."""
        lab = self.lab
        lab("line", "--loss", "50")
        receiver = lab.inside("west1", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.addCleanup(receiver.close)
        receiver.bind((lab.address("west1"), 7000))
        receiver.settimeout(1)
        sender = lab.inside("east1", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.addCleanup(sender.close)
        for _ in range(400):
            sender.sendto(b"x", (lab.address("west1"), 7000))
        got = 0
        try:
            while receiver.recv(10):
                got += 1
        except TimeoutError:
            pass
        self.assertTrue(120 < got < 280, got)

    def test_kill_and_start(self):
        lab = self.lab
        before = lab("status").stdout
        for host in ("west1", "mail-west", "directory1", "outside"):
            with self.subTest(host):
                lab("kill", host)
                self.assertRegex(lab("status").stdout, r"%s .* 0 of \d\n" % host)
                self.assertEqual(run("ip", "netns", "pids",
                                     lab.hosts()[host]["namespace"]).stdout, "")
                lab("start", host)
                self.assertEqual(lab("status").stdout, before)
        wait_for("all in step", lambda: all(
            row["in_step"] for row in lab.hubctl("east1", "config", "status")["servers"]))

    def test_exec(self):
        lab = self.lab
        self.assertIn("192.0.2.17", lab("exec", "west1", "ip", "-4", "addr").stdout)
        self.assertEqual(lab("exec", "west1", "sh", "-c", "exit 7", check=False).returncode, 7)
        self.assertEqual(lab("exec", "west1", "cat", stdin="hello").stdout, "hello")
        self.assertIn("from west1\n", lab("exec", "west1", "hubctl", "route", "explain",
                                         "somebody@example.net").stdout)
        done = lab("exec", "nowhere", "true", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no host nowhere; there are: directory1, outside,", done.stderr)

    def test_says_what_is_wrong(self):
        for words, text in ((["cut", "East", "North"], "no host or site North"),
                            (["cut", "East", "east1"], "East and east1 are not apart"),
                            (["heal", "East", "West"], "no such cut; there are: none"),
                            (["up", ORGANIZATION], "a lab is there already"),
                            (["line", "--loss", "101"], "101 is not between 0 and 100")):
            done = self.lab(*words, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(text, done.stderr)
            self.assertNotIn("Traceback", done.stderr)

    def test_status_to_who_has_seen_enough(self):
        done = run("bash", "-c", 'set -o pipefail; "$@" status | true; echo ${PIPESTATUS[0]}', "-",
                   LAB, "--state", self.lab.directory)
        self.assertEqual((done.stdout, done.stderr), ("0\n", ""))
        done = run("bash", "-c", '"$@" status > /dev/full', "-", LAB, "--state", self.lab.directory)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "lab: [Errno 28] No space left on device\n")


if __name__ == "__main__":
    unittest.main()
