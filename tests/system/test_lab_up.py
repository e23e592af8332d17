"""deploy/lab: organizations of all kinds come up beside each other, and nothing is left behind."""

import json
import os
import signal
import subprocess
import unittest

from .harness.base import Place, run, using, wait_for
from .harness.lab import LAB, Lab, example, network

ORGANIZATION = example("pair")
EDGE = """
dn: cn=edge1,cn=Servers,cn=Transport,o=Contoso
objectClass: hubServer
cn: edge1
hubRole: Edge
hubServerSite: cn=East,cn=Sites,cn=Transport,o=Contoso
"""


def namespaces(lab):
    """Of the lab of that id; other labs may come and go meanwhile."""
    names = [line.split()[0] for line in run("ip", "netns", "list").stdout.splitlines() if line]
    return [name for name in names if name == lab or name.startswith(lab + "-")]


class Others(unittest.TestCase):
    def lab(self, *arguments):
        lab = Lab(*arguments)
        self.addCleanup(lab.close)
        return lab

    def test_two_labs_do_not_meet(self):
        one, other = self.lab(ORGANIZATION), self.lab(ORGANIZATION)
        other("cut", "East", "West")
        self.assertEqual(one.connects("east1", "west1"), "answer")
        self.assertEqual(other.connects("east1", "west1", seconds=0.4), "silence")
        other.close()
        self.assertEqual(one.connects("east1", "west1"), "answer")

    def test_an_organization_that_was_saved_comes_up(self):
        """What ldapsearch gives, the entries that new-directory makes included."""
        lab = self.lab(ORGANIZATION)
        lab.change("", "hubMaxRecipients: 77", "east1")
        saved = run("ldapsearch", "-LLL", *lab.admin("directory1"), "-b", lab.state()["suffix"],
                    check=True).stdout
        other = self.lab(lab.place.file("saved.ldif", saved))
        self.assertEqual(other.address("west1"), "192.0.2.17")
        self.assertIn("hubMaxRecipients: 77", other(
            "exec", "east1", "hubctl", "-o", "ldif", "organization", "get").stdout)

    def test_validators(self):
        """Each of two directories asks its own; one that is killed comes back."""
        lab = self.lab(ORGANIZATION, "--providers", "2", "--validator")
        east = "cn=East,cn=Sites," + lab.state()["base"]
        for host in ("directory1", "directory2"):
            lab("exec", host, "hubctl", "--directory", "ldap://" + lab.address(host), "site", "set",
                "East", "--comment", "seen by " + host)
            refused = run("ldapdelete", *lab.admin(host), east)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("east1", refused.stderr)
            lab("kill", host)
            lab("start", host)

    def test_an_edge_is_a_host(self):
        place = Place()
        self.addCleanup(place.close)
        with open(ORGANIZATION) as text:
            lab = self.lab(place.file("edge.ldif", text.read() + EDGE))
        lab("fence", "edge1", "East:25", "outside")
        self.assertEqual(lab.connects("edge1", "east1"), "answer")
        self.assertEqual(lab.connects("edge1", "outside"), "answer")
        self.assertEqual(lab.connects("edge1", "directory1", 389, 0.4), "silence")
        self.assertEqual(lab.connects("edge1", "west1", 25, 0.4), "silence")


class Leftovers(unittest.TestCase):
    """Whatever happens, "down" leaves neither namespaces nor processes nor files."""

    def setUp(self):
        why_not = network.possible()
        if why_not:
            self.skipTest(why_not)
        self.place = Place("hub-lab-")
        self.addCleanup(self.place.close)
        os.chmod(self.place.path, 0o711)
        self.directory = os.path.join(self.place.path, "lab")
        self.addCleanup(run, LAB, "--state", self.directory, "down")

    def check_gone(self):
        self.assertFalse(os.path.exists(self.directory))
        self.assertEqual(using(self.directory), [])

    def down(self):
        return run(LAB, "--state", self.directory, "down", check=True)

    def lab_id(self):
        try:
            with open(os.path.join(self.directory, "lab.json")) as text:
                return json.load(text)["id"]
        except FileNotFoundError:
            return None

    def test_down_after_up_was_killed(self):
        """At any moment: here when so many namespaces are there, and when the hubs start."""
        log = os.path.join(self.directory, "log", "east1.log")
        for moment in (lambda lab: len(namespaces(lab)) >= 3, lambda _: os.path.exists(log)):
            up = subprocess.Popen([LAB, "--state", self.directory, "up", ORGANIZATION],
                                  stdout=subprocess.DEVNULL)
            lab = wait_for("a lab", self.lab_id)
            wait_for("the moment", lambda: moment(lab))
            up.send_signal(signal.SIGKILL)
            up.wait()
            self.assertNotEqual(namespaces(lab), [])
            self.down()
            self.assertEqual(namespaces(lab), [])
            self.check_gone()
            self.assertIn("no lab in", self.down().stdout)

    def test_up_that_fails_cleans_up(self):
        with open(ORGANIZATION) as text:
            broken = text.read().replace("hubDomainType: Authoritative", "hubDomainType: Perhaps")
        up = subprocess.Popen([LAB, "--state", self.directory, "up", self.place.file(
            "broken.ldif", broken)], stderr=subprocess.PIPE, text=True)
        lab = wait_for("a lab", self.lab_id)
        self.assertIn("slapd refuses the organization", up.communicate()[1])
        self.assertEqual(up.returncode, 1)
        self.assertEqual(namespaces(lab), [])
        self.check_gone()

    def test_refuses_what_is_not_its_own(self):
        os.mkdir(self.directory)
        with open(os.path.join(self.directory, "mine"), "w"):
            pass
        done = run(LAB, "--state", self.directory, "up", ORGANIZATION)
        self.assertIn("is not empty", done.stderr)
        self.down()
        self.assertTrue(os.path.exists(os.path.join(self.directory, "mine")))

    def test_refuses_what_no_lab_can_be(self):
        with open(ORGANIZATION) as text:
            good = text.read()
        for old, new, reason in (
                ("192.0.2.17", "127.0.0.1", "server west1: hubAddress 127.0.0.1: a lab takes"),
                ("hubRole: Hub", "hubRole: Hump", "server east1: hubRole is Hub or Edge"),
                ("cn: east1\n", "cn: east 1\n", "a lab needs plain names of servers"),
                ("cn=West,cn=Sites,cn=Transport,o=Contoso\nhubA", "cn=North\nhubA", "no site cn=N"),
                ("192.0.2.17", "10.0.1.1", "10.0.1.1 is east1 and west1"),
                ("\ncn: East\n", "\ncn East\n", "no line of LDIF: cn East"),
                ("cn=Transport,o=Contoso", "o=Contoso", "entries below no cn=Transport")):
            with self.subTest(reason):
                self.assertIn(old, good)
                path = self.place.file("bad.ldif", good.replace(old, new))
                done = run(LAB, "--state", self.directory, "up", path)
                self.assertEqual(done.returncode, 1)
                self.assertIn(reason, done.stderr)
                self.assertNotIn("Traceback", done.stderr)
                self.check_gone()


if __name__ == "__main__":
    unittest.main()
