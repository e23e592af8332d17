"""libhub and the oracle of tests/oracle agree on where mail goes, in random organizations."""

import os
import unittest

from oracle.campaign import Difference, Driver, campaign, shrink
from oracle.model import Object, dn_of
from oracle.oracle import Oracle

from .harness.base import build_path

ORGANIZATIONS = int(os.environ.get("HUB_ORGANIZATIONS", "300"))


class Agreement(unittest.TestCase):
    def test_random_organizations(self):
        try:
            answers = campaign(build_path("tests", "oracle", "driver"), ORGANIZATIONS)
        except Difference as difference:
            self.fail("organization %d: %s" % (difference.number, difference))
        self.assertGreaterEqual(answers, ORGANIZATIONS)


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
