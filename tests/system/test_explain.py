"""hubctl route explain: every rule by which a connector loses, ties, limits and hub sites."""

import json
import unittest

from oracle.model import Object, dn_of, line, to_ldif

from .harness.base import build_path, run
from .harness.offline import OfflineCase

RULES = ("disabled", "invalid", "no-source", "unreachable", "scope", "no-match", "less-specific",
         "size", "cost", "proximity", "name", "failed")


def site(name):
    return dn_of("hubSite", name)


def server(name):
    return dn_of("hubServer", name)


def link(name, cost, *sites, **more):
    return Object("hubSiteLink", name, hubSiteList=[site(s) for s in sites], hubCost=cost, **more)


def connector(name, space, *sources, **more):
    return Object("hubSendConnector", name, hubAddressSpace=space,
                  hubSourceServer=[server(s) for s in sources], **more)


def organization():
    """Aachen - Bonn or Celle, at equal cost - Dresden, a hub site - Essen; Island by itself."""
    yield Object("hubOrganization", "Transport")
    for name in ("Aachen", "Bonn", "Celle", "Dresden", "Essen", "Island"):
        yield Object("hubSite", name, hubHubSite="TRUE" if name == "Dresden" else None)
        if name != "Bonn":
            yield Object("hubServer", name.lower() + "1", hubRole="Hub", hubServerSite=site(name))
    yield Object("hubServer", "off1", hubRole="Hub", hubServerSite=site("Essen"),
                 hubEnabled="FALSE")
    yield link("a-b", 5, "Aachen", "Bonn")
    yield link("a-c", 5, "Aachen", "Celle")
    yield link("b-d", 5, "Bonn", "Dresden", hubMaxMessageSize="5000000")
    yield link("c-d", 5, "Celle", "Dresden")
    yield link("d-e", 7, "Dresden", "Essen")
    yield connector("Chosen", "partner.example;3", "essen1")
    yield connector("Dearer", "partner.example;4", "essen1")
    yield connector("Equal", "partner.example;3", "essen1")
    yield connector("Nearer", "partner.example;10", "dresden1", hubMaxMessageSize="1000")
    yield connector("Off", "partner.example", "essen1", hubEnabled="FALSE")
    yield connector("Broken", "partner.example", "essen1", hubUsage="Internal")
    yield connector("Without", "partner.example", "off1")
    yield connector("Cut off", "partner.example", "island1")
    yield connector("Scoped", "partner.example", "celle1", hubScoped="TRUE")
    yield connector("Other", "other.example", "celle1")
    yield connector("Wide", "*", "aachen1")
    yield connector("Wide as near", "*;6", "celle1")


class Explain(OfflineCase):
    def organization(self):
        return to_ldif(organization())

    def text(self, *arguments, server="aachen1"):
        done = run(build_path("tools", "hubctl"), "--directory", "file:" + self.file, "route",
                   "explain", *arguments, "--from", server)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def explain(self, *arguments, **options):
        return json.loads(self.text("-o", "json", *arguments, **options))

    def lost(self, *arguments, **options):
        return {c["connector"]: c["lost_by"] for c in
                self.explain(*arguments, **options)["candidates"]}

    def test_every_rule_by_which_a_connector_loses(self):
        lost = self.lost("x@partner.example", "--size", "2000")
        self.assertEqual(lost, {
            "Chosen": None, "Dearer": "cost", "Equal": "name", "Nearer": "size",
            "Off": "disabled", "Broken": "invalid", "Without": "no-source",
            "Cut off": "unreachable", "Scoped": "scope", "Other": "no-match",
            "Wide": "less-specific", "Wide as near": "less-specific"})
        # Of a small message Dresden's costs as much, and is nearer.
        near = self.lost("x@partner.example", "--size", "500")
        self.assertEqual((near["Nearer"], near["Chosen"]), (None, "proximity"))
        failed = self.lost("x@partner.example", "--size", "2000", "--failed", "Chosen")
        self.assertEqual((failed["Chosen"], failed["Equal"]), ("failed", None))
        self.assertEqual(set(RULES), {*lost.values(), *near.values(), *failed.values()} - {None})

    def test_text_has_each_rule_and_what_it_means(self):
        text = self.text("x@partner.example", "--size", "2000")
        for rule in RULES:
            if rule not in ("proximity", "failed", "no-match"):
                self.assertIn("  %s: " % rule, text)
        self.assertIn("   no match   Other\n", text)
        self.assertIn("  chosen\n", text)

    def test_path_has_costs_ties_limits_and_hub_sites(self):
        told = self.explain("x@partner.example", "--size", "2000")
        hops = told["hops"]
        self.assertEqual([(h["site"], h["link"], h["cost"], h["max_size"], h["hubs"],
                           h["hub_site"]) for h in hops],
                         [("Bonn", "a-b", 5, 0, 0, False), ("Dresden", "b-d", 5, 5000000, 1, True),
                          ("Essen", "d-e", 7, 0, 1, False)])
        self.assertEqual([h["ties"] for h in hops],
                         [[], [{"instead_of": "Celle", "by": "name"}], []])
        text = self.text("x@partner.example", "--size", "2000")
        for part in ("\n1. aachen1 relays to Dresden: dresden1\n",
                     "> Bonn     cost 5 by a-b; has no hub\n",
                     "> Dresden  cost 5 by b-d, at most 5000000 bytes; hub site: mail stops here; "
                     "by way of Celle it costs the same in as many hops, by a higher name\n",
                     "> Essen    cost 7 by d-e\n", "\n2. dresden1 relays to Essen: essen1\n",
                     "\n3. essen1 delivers by Chosen\n"):
            self.assertIn(part, text)

    def test_a_link_too_small(self):
        told = self.explain("x@partner.example", "--size", "6000000")
        self.assertEqual((told["decision"], told["status"]), ("report", "5.3.4"))
        self.assertIn("1. aachen1 reports 5.3.4: message of 6000000 bytes is larger than the limit "
                      "of 5000000 of the site link b-d\n",
                      self.text("x@partner.example", "--size", "6000000"))

    def test_hop_by_hop_from_any_server(self):
        told = self.explain("x@partner.example", "--size", "2000")
        servers = []
        while told is not None:
            servers.append((told["server"], told["decision"]))
            told = told["then"]
        self.assertEqual(servers, [("aachen1", "relay"), ("dresden1", "relay"),
                                   ("essen1", "connector")])
        told = self.explain("x@partner.example", "--size", "2000", server="celle1")
        self.assertEqual((told["connector"], told["path"][0]), ("Scoped", "Celle"))
        told = self.explain("x@partner.example", server="island1")
        self.assertEqual(told["connector"], "Cut off")

    def test_with_a_proposed_change(self):
        change = self.write("change.ldif", line("dn", dn_of("hubSendConnector", "Chosen")) +
                            "changetype: delete\n")
        self.assertEqual(self.explain("x@partner.example", "--size", "2000", "--ldif",
                                      change)["connector"], "Equal")
        self.assertEqual(self.explain("x@partner.example", "--size", "2000")["connector"],
                         "Chosen")


if __name__ == "__main__":
    unittest.main()
