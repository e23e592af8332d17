"""libhub and the oracle of tests/oracle agree on where mail goes, in random organizations."""

import json
import os
import random
import tempfile
import unittest

from oracle import changes
from oracle.campaign import Difference, Driver, campaign, shrink
from oracle.generate import Generator
from oracle.model import BASE, Object, dn_of, to_ldif
from oracle.oracle import POOL, Oracle

from .harness.base import build_path, run

ORGANIZATIONS = int(os.environ.get("HUB_ORGANIZATIONS", "300"))
CHANGES = int(os.environ.get("HUB_CHANGES", "400"))


class Agreement(unittest.TestCase):
    def test_random_organizations(self):
        try:
            answers = campaign(build_path("tests", "oracle", "driver"), ORGANIZATIONS)
        except Difference as difference:
            self.fail("organization %d: %s" % (difference.number, difference))
        self.assertGreaterEqual(answers, ORGANIZATIONS)


class WhatIf(unittest.TestCase):
    """hubctl route what-if with a connector less, against the oracle before and after."""

    def what_if(self, place, objects, change):
        for name, text in (("org", to_ldif(objects)), ("change", change)):
            with open(os.path.join(place, name), "w") as out:
                out.write(text)
        done = run(build_path("tools", "hubctl"), "--directory", "file:%s/org" % place, "-o",
                   "json", "route", "what-if", os.path.join(place, "change"))
        self.assertEqual(done.stderr, "")
        return json.loads(done.stdout)["changes"]

    def check(self, place, objects, gone):
        change = "dn: %s\nchangetype: delete\n" % gone.dn
        changes = self.what_if(place, objects, change)
        # A change of something else, without effect: then every destination is looked at.
        more = "\ndn: %s\nchangetype: modify\nadd: description\ndescription: x\n" % BASE
        self.assertEqual(self.what_if(place, objects, change + more), changes)
        left = [o for o in objects if o is not gone]
        for side, oracle in (("before", Oracle(objects)), ("after", Oracle(left))):
            for row in changes:
                name = row["destination"]
                if ":" in name or "*" in name or row[side]["decision"] in ("directory", "none"):
                    continue
                answer = oracle.answer(row["server"], "any@" + name, row["size"])
                for key in ("decision", "connector", "cost", "path", "next_site", "next_servers",
                            "fallback", "status"):
                    self.assertEqual(row[side][key], answer[key], (key, row))
        return len(changes)

    def test_a_connector_less(self):
        total = 0
        with tempfile.TemporaryDirectory() as place:
            for number in range(60):
                generator = Generator(random.Random("what-if/%d" % number))
                # Recipients are not looked up, so there are none.
                objects = [o for o in generator.organization() if o.kind != "inetOrgPerson"]
                connectors = [o for o in objects if o.kind in POOL]
                total += self.check(place, objects, generator.random.choice(connectors))
        self.assertGreater(total, 100)


class BackedOff(unittest.TestCase):
    """Mail handed to a site of the ladder goes on from there, or waits, and never comes back."""

    def check(self, oracle, question):
        answer = oracle.answer(*question)
        here = oracle.where(next(o for o in oracle.kind("hubServer") if o.name == question[0]))
        at = {s.name: oracle.where(s) for s in oracle.kind("hubServer")}
        path = answer["path"]
        ladder = [names[0] for names in answer["fallback"]
                  if at[names[0]].name != answer["next_site"]]
        for name in ladder:
            self.assertIsNot(at[name], here)
            then = oracle.answer(name, *question[1:])
            behind = path[:path.index(at[name].name)]
            for other in then["next_servers"] + sum(then["fallback"], []):
                self.assertNotIn(at[other].name, behind, (question, name, then))
            if then["connector"] == answer["connector"]:
                self.assertEqual(then["path"], path[len(behind):], (question, name))
        return len(ladder), answer["bisect"]

    def test_never_back(self):
        steps = bisections = 0
        for number in range(300):
            generator = Generator(random.Random("backed off/%d" % number))
            oracle = Oracle(generator.organization())
            if not generator.long:
                continue
            for question in generator.questions(30):
                more, bisect = self.check(oracle, question)
                steps += more
                bisections += bisect
        self.assertGreater(steps, 200)
        self.assertGreater(bisections, 5)


class RandomChanges(unittest.TestCase):
    def test_what_if_and_asking_everybody(self):
        """What-if leaves out what cannot have changed, and nothing else."""
        try:
            altered = changes.run(build_path("tests", "oracle", "what_if_driver"), CHANGES)
        except changes.Differs as differs:
            self.fail(str(differs))
        self.assertGreater(altered, CHANGES)


class Shrinking(unittest.TestCase):
    def test_a_difference_is_shrunk(self):
        """An oracle that takes the first of two links for the only one is found out."""
        def add_first_hop(self, a, b, cost, limit):
            neighbours = self.hops.setdefault(id(a), {})
            neighbours.setdefault(id(b), (b, (cost,), cost, limit))

        sites = [Object("hubSite", name) for name in ("a", "b", "c")]
        objects = [Object("hubOrganization", "Transport"), *sites]
        for name, cost, ends in (("1", 7, sites[:2]), ("2", 3, sites[:2]), ("3", 1, sites[1:])):
            objects.append(Object("hubSiteLink", name, hubCost=cost,
                                  hubSiteList=[s.dn for s in ends]))
        for name, site in (("x", "a"), ("y", "b"), ("z", "c")):
            objects.append(Object("hubServer", name, hubRole="Hub",
                                  hubServerSite=dn_of("hubSite", site)))
        objects.append(Object("hubSendConnector", "out", hubAddressSpace="*",
                              hubSourceServer=dn_of("hubServer", "y")))
        right = Oracle.add_hop
        driver = Driver(build_path("tests", "oracle", "driver"))
        self.addCleanup(driver.close)
        Oracle.add_hop = add_first_hop
        try:
            found = shrink(driver, objects, ("x", "u@example.org", 0))
        finally:
            Oracle.add_hop = right
        self.assertNotEqual(found.ours["cost"], found.theirs["cost"])
        self.assertEqual(sorted(o.name for o in found.objects),
                         ["1", "2", "Transport", "a", "b", "out", "x", "y"])
        self.assertIn("oracle %s" % found.ours["cost"], str(found))
