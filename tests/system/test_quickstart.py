"""deploy/quickstart does what the README promises, and leaves nothing behind."""

import os
import re
import shutil
import tempfile
import unittest

from .harness.base import TOP, run, using

QUICKSTART = os.path.join(TOP, "deploy", "quickstart")
INWARDS = [r"edge1 received", r"edge1 relayed to london", r"london\d received from edge1\.",
           r"london\d relayed to paris1", r"paris1 received", r"paris1 delivered"]
OUTWARDS = [r"paris1 received", r"paris1 relayed to london", r"london\d received from paris1\.",
            r"london\d relayed to edge1", r"edge1 received from london\d\.", r"edge1 relayed"]
WAYS = [
    [r"\$ hubctl edge-subscription new --file edge1\.subscription",
     r"\$ hubctl edge-subscription import edge1\.subscription --site London"],
    # from outside to the mailbox in Paris
    INWARDS + [r"it is in mailbox1/mail/anna/new/"],
    [r"-> sales@contoso\.com", r"550 5\.1\.1 <sales@contoso\.com>"],
    # from inside by the smart host
    OUTWARDS + [r"it is in outside/smarthost/"],
    [r"in force on london1 london2 paris1 within \d+ ms", r"in force on edge1 within \d+ ms"],
    # the same after ldapmodify
    INWARDS + [r"it is in mailbox1/mail/sales/new/"],
    OUTWARDS + [r"it is in outside/partner/"],
]


class Quickstart(unittest.TestCase):
    def setUp(self):
        self.parent = tempfile.mkdtemp(prefix="hub-qs-")
        os.chmod(self.parent, 0o755)
        self.addCleanup(shutil.rmtree, self.parent, ignore_errors=True)
        self.dir = os.path.join(self.parent, "demo")
        self.addCleanup(lambda: run(QUICKSTART, "--stop", self.dir))

    def go(self, *arguments):
        return run(QUICKSTART, *arguments, timeout=600)

    def check_ways(self, output):
        """Each step of each way, in order."""
        text = re.sub(r"[ \t]+", " ", output)
        at = 0
        for step in sum(WAYS, []):
            found = re.compile(step).search(text, at)
            self.assertIsNotNone(found, "%r is not told (in that order) in\n%s" % (step, output))
            at = found.end()

    def check_gone(self):
        self.assertEqual(using(self.dir), [])
        self.assertFalse(os.path.exists(self.dir))

    def test_shows_the_hops_and_cleans_up(self):
        done = self.go("--dir", self.dir)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.check_ways(done.stdout)
        self.check_gone()

    def test_keep_and_stop(self):
        done = self.go("--dir", self.dir, "--keep")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(len([line for line in using(self.dir) if "/hubd " in line]), 4)
        use = run("bash", "-c", ". %s/use && send_out bob@fabrikam.com && search "
                  "'(objectClass=hubSendConnector)' cn" % self.dir)
        self.assertEqual(use.returncode, 0, use.stdout + use.stderr)
        self.assertIn("cn: To Fabrikam", use.stdout)
        use = run("bash", "-c", ". %s/use && hubctl edge-sync test && send_in anna@contoso.com && "
                  "edge_search '(objectClass=hubSendConnector)' cn" % self.dir)
        self.assertEqual(use.returncode, 0, use.stdout + use.stderr)
        self.assertIn("cn: To Fabrikam", use.stdout)
        done = self.go("--stop", self.dir)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check_gone()

    def test_says_what_failed_and_cleans_up(self):
        """A hub that cannot start: its log is shown, nothing is left."""
        build = os.path.join(self.parent, "build")
        shutil.copytree(os.path.join(TOP, "deploy"), os.path.join(self.parent, "deploy"))
        os.symlink(os.path.join(TOP, "ldap-schema"), os.path.join(self.parent, "ldap-schema"))
        os.makedirs(os.path.join(build, "hubd"))
        for path, text in (("deploy/build", "exit 0"), ("build/hubd/hubd",
                           '[ "$1" = -t ] && exit 0; echo no spool today >&2; exit 1')):
            with open(os.path.join(self.parent, path), "w") as out:
                out.write("#!/bin/sh\n%s\n" % text)
            os.chmod(os.path.join(self.parent, path), 0o755)
        done = run(os.path.join(self.parent, "deploy", "quickstart"), "--dir", self.dir,
                   env={"HUB_BUILD": build})
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("FAILED: london1 has ended", done.stderr)
        self.assertIn("no spool today", done.stderr)
        self.check_gone()

    def test_refuses_what_is_not_its_own(self):
        os.mkdir(self.dir)
        with open(os.path.join(self.dir, "mine"), "w"):
            pass
        for arguments, why in ((["--dir", self.dir], "is not empty"),
                               (["--stop", self.dir], "is no directory of this demonstration"),
                               (["--dirt"], "unknown argument")):
            done = self.go(*arguments)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertIn(why, done.stderr)
        self.assertTrue(os.path.exists(os.path.join(self.dir, "mine")))


if __name__ == "__main__":
    unittest.main()
