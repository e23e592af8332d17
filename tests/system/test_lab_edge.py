"""deploy/lab with edges: mail through the firewall around them, and nothing else."""

import re
import unittest

from .harness import packets
from .harness.base import run, wait_for
from .harness.client import Client
from .harness.deploy import perimeter
from .harness.edge import ask
from .harness.lab import Lab, example, inside
from .harness.organization import message, send

EDGES = ("edge1", "edge2")
INTERNET, INWARDS = "EdgeSync - East to Internet", "EdgeSync - Inbound to East"


def read(path):
    with open(path) as file:
        return file.read()


class Edges(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        why_not = perimeter.possible()
        if why_not:
            raise unittest.SkipTest(why_not)
        cls.lab = Lab(example("edge"))
        cls.addClassCleanup(cls.lab.close)
        cls.lab.change("cn=Client west1,cn=west1,cn=Servers", "hubMessageRateLimit: 0", "west1")
        for hub in ("east1", "east2"):  # an address that is silent is given up after 3 s
            cls.lab.give_up_early(hub)
        cls.tried = 0  # packets to the directory that a test sent from an edge on purpose

    def setUp(self):
        self.addCleanup(self.check_that_no_edge_seeks_the_directory)
        self.addCleanup(self.wait_in_step)
        self.addCleanup(self.lab, "heal")

    # --- the organization's directory, and the firewall before it ---

    def check_that_no_edge_seeks_the_directory(self):
        self.assertEqual(self.lab.perimeter()["edge-directory"], self.tried)

    def on_purpose(self, attempt):
        """What it sends to the directory is ours."""
        before = self.lab.perimeter()["edge-directory"]
        try:
            return attempt()
        finally:
            type(self).tried += self.lab.perimeter()["edge-directory"] - before

    def counted(self, source, target, kind, ports):
        """What passes of first packets to these ports, by the counters of the firewall."""
        lab = self.lab
        before = lab.perimeter()
        lab.inside(source, lambda: kind(lab.address(source), lab.address(target), ports))
        wait_for("all are counted", lambda: sum(self.grown(before).values()) >= len(ports))
        return self.grown(before)

    def grown(self, before):
        return {name: count - before[name] for name, count in self.lab.perimeter().items()
                if count > before[name] and name != "edge-directory"}

    def test_nothing_else_passes(self):
        """Every port of TCP and UDP, both ways; of kinds of hosts that are alike, the low ones."""
        self.addCleanup(perimeter.forget, self.lab.loaded())
        some = range(1, 1025)
        for source, target, kind, ports, passes in (
                ("edge1", "east1", packets.tcp, packets.ALL_PORTS, {"edge-hub-smtp": 1}),
                ("east1", "edge1", packets.tcp, packets.ALL_PORTS,
                 {"hub-edge-smtp": 1, "hub-edge-ldaps": 1}),
                ("edge1", "directory1", packets.tcp, packets.ALL_PORTS, {}),
                ("edge1", "directory1", packets.udp, packets.ALL_PORTS, {}),
                ("outside", "edge1", packets.tcp, packets.ALL_PORTS, {"outside-edge-smtp": 1}),
                ("directory1", "edge1", packets.tcp, some, {}),
                ("edge1", "mail-west", packets.tcp, some, {}),
                ("mail-west", "edge1", packets.tcp, some, {}),
                ("edge1", "edge2", packets.tcp, some, {}),
                ("edge1", "west1", packets.tcp, some, {"edge-hub-smtp": 1}),
                ("edge1", "outside", packets.tcp, some,
                 {"edge-outside-smtp": 1, "edge-outside-dns": 1}),
                ("edge1", "east1", packets.udp, some, {}),
                ("east1", "edge1", packets.udp, some, {}),
                ("edge1", "outside", packets.udp, some, {"edge-outside-dns": 1})):
            with self.subTest("%s from %s to %s" % (kind.__name__, source, target)):
                self.assertEqual(
                    self.on_purpose(lambda: self.counted(source, target, kind, ports)),
                    dict(passes, refused=len(ports) - sum(passes.values())))

    def test_no_other_protocol_passes(self):
        """ICMP, and tunnels and the like over IP; IPv6 has no addresses, and no way."""
        lab = self.lab
        self.addCleanup(perimeter.forget, lab.loaded())
        others = (4, 41, 47, 50, 51, 89, 253)
        for one, another in (("edge1", "directory1"), ("edge1", "east1"), ("edge1", "edge2"),
                             ("edge1", "outside"), ("edge1", "mail-west")):
            for source, target in ((one, another), (another, one)):
                for kind, numbers in ((packets.echo, range(8)), (packets.protocols, others)):
                    with self.subTest("%s from %s to %s" % (kind.__name__, source, target)):
                        self.assertEqual(self.on_purpose(lambda: self.counted(
                            source, target, kind, numbers)), {"refused": len(numbers)})
        router = lab.state()["router"]
        self.assertEqual(inside(router, lambda: read("/proc/sys/net/ipv6/conf/all/forwarding")),
                         "0\n")
        for edge in EDGES:
            self.assertEqual([line for line in lab.inside(edge, lambda: read(
                "/proc/thread-self/net/if_inet6")).splitlines()
                if not line.startswith("fe80") and not line.endswith(" lo")], [])

    def test_the_directory_from_an_edge(self):
        lab = self.lab
        self.assertEqual(self.on_purpose(lambda: lab.connects("edge1", "directory1", 389, 0.4)),
                         "silence")
        self.assertGreater(self.tried, 0)
        self.assertRegex(lab("status").stdout, "refused: edge1 to directory1, tcp 389, ")
        self.assertEqual(lab.connects("east1", "directory1", 389), "answer")

    # --- subscriptions ---

    def told(self, edge, hub):
        """What the edgesyncd of that hub says of the edge; {} if it does not run."""
        answer = ask(self.lab.path("control", hub + "-edgesyncd"), "/test", "POST", {"edge": edge})
        return (answer or {}).get("edges", [{}])[0]

    def in_step(self, edge):
        steps = [self.told(edge, hub).get("in_step", {"": None}) for hub in ("east1", "east2")]
        return any(all(step.values()) for step in steps)

    def wait_in_step(self, *edges):
        for edge in edges or EDGES:
            wait_for("%s is in step" % edge, lambda: self.in_step(edge))

    def connectors(self, host):
        """The Send connectors as hubctl shows them on that host, by name."""
        found = self.lab.hubctl(host, "send-connector", "list")
        return {one["name"]: dict(one, sources={
            dn.split(",")[0].partition("=")[2] for dn in one["source-server"]}) for one in found}

    def modify(self, *lines):
        """A change inside, with the base for BASE; given to the organization's directory."""
        text = "\n".join(lines).replace("BASE", self.lab.state()["base"]) + "\n"
        run("ldapmodify", *self.lab.admin("directory1"), stdin=text, check=True)

    # --- mail ---

    def outwards(self):
        """From Anna, logged on at a hub of West; gives the message's token."""
        token, data = message(sender="anna@contoso.com", to="x@partner.example")
        self.lab.inside("outside", lambda: send(
            587, "anna@contoso.com", ["x@partner.example"], data, host=self.lab.address("west1"),
            login=("anna", "password-of-anna")))
        return token

    def way(self, token):
        """The three servers that took it, the first one first."""
        hosts = [name for name, host in self.lab.hosts().items() if host["kind"] in ("hub", "edge")]
        return [host for _, host in wait_for("three servers", lambda: [found for found in [sorted(
            (event["time"], host) for host in hosts for event in self.lab.received(host, token))]
            if len(found) == 3])[0]]

    def passed_inwards(self, edge):
        """A message from outside by that edge to its mailbox: the servers that took it."""
        token = self.lab.submit(edge, "anna")
        self.lab.wait_mail("mail-west", token)
        return self.way(token)

    def passed_outwards(self):
        token = self.outwards()
        self.lab.wait_mail("outside", token, deadline=60)
        return self.way(token)

    def answer(self, edge, address):
        """What the edge says to a stranger's RCPT."""
        def ask():
            with Client(25, self.lab.address(edge)) as client:
                client.ehlo()
                client.say("MAIL FROM:<x@outside.example>")
                return client.say("RCPT TO:<%s>" % address)
        return self.lab.inside("outside", ask)

    def test_inwards(self):
        for edge in EDGES:
            first, second, third = self.passed_inwards(edge)
            self.assertEqual((first, third), (edge, "west1"))
            self.assertIn(second, ("east1", "east2"))

    def test_outwards(self):
        first, second, third = self.passed_outwards()
        self.assertEqual(first, "west1")
        self.assertIn(second, ("east1", "east2"))
        self.assertIn(third, EDGES)

    def test_unknown_recipients(self):
        self.assertRegex(self.answer("edge1", "nobody@contoso.com"), r"^550 5\.1\.1")
        self.assertRegex(self.answer("edge1", "x@elsewhere.example"), r"^550 5\.7\.1")
        self.assertRegex(self.answer("edge1", "bruno@contoso.com"), "^250")

    def test_connectors_of_a_subscription(self):
        """None before; then one outwards and one inwards, for all edges of the site."""
        with open(self.lab.path("organization.ldif")) as first:
            self.assertNotIn("hubSendConnector", first.read())
        found = self.connectors("east1")
        outwards, inwards = found[INTERNET], found[INWARDS]
        self.assertEqual(len(found), 2)
        self.assertEqual((outwards["address-space"], outwards["sources"]),
                         (["SMTP:*;100"], set(EDGES)))
        self.assertTrue(outwards["dns-routing"] and outwards["domain-secure"])
        self.assertEqual((inwards["address-space"], inwards["sources"], inwards["smart-host"],
                          inwards["smart-host-auth"]),
                         (["SMTP:--;1"], set(EDGES), ["--"], "HubServer"))
        for edge in EDGES:
            there = self.connectors(edge)
            self.assertEqual({name: one["sources"] for name, one in there.items()},
                             {name: {edge} for name in found})

    def test_what_belongs_to_the_edge(self):
        """Its Receive connectors are known to itself, and stay in its administrator's hands."""
        lab = self.lab
        self.assertEqual([one for one in lab.hubctl("east1", "receive-connector", "list")
                          if "edge" in one["name"]], [])
        lab("exec", "edge1", "hubctl", "receive-connector", "set", "Default edge1", "--comment",
            "mine")
        refused = lab("exec", "edge1", "hubctl", "send-connector", "set", INTERNET, "--comment",
                      "mine", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("this edge is subscribed; change it in the organization", refused.stderr)
        inside, there = (lab("exec", host, "hubctl", "send-connector", "list").stdout.split("\n")[0]
                         for host in ("east1", "edge1"))
        self.assertEqual(inside.split(), there.split())

    def test_a_change_inside(self):
        """A person's new address, and a connector: each in force on both edges."""
        self.assertRegex(self.answer("edge2", "second@contoso.com"), r"^550 5\.1\.1")
        person = "dn: uid=anna,ou=People," + self.lab.state()["suffix"]
        self.modify(person, "changetype: modify", "add: mailLocalAddress",
                    "mailLocalAddress: second@contoso.com")
        self.addCleanup(self.modify, person, "changetype: modify", "delete: mailLocalAddress")
        connector = "dn: cn=Partner,cn=Connectors,BASE"
        self.modify(connector, "changetype: add", "objectClass: hubSendConnector", "cn: Partner",
                    "hubAddressSpace: partner.example", "hubDNSRouting: TRUE",
                    "hubSourceServer: cn=edge2,cn=Servers,BASE")
        self.addCleanup(self.modify, connector, "changetype: delete")
        for edge in EDGES:
            wait_for("the address at " + edge, lambda: self.answer(
                edge, "second@contoso.com").startswith("250"))
        self.wait_in_step()
        self.assertEqual(self.passed_outwards()[2], "edge2")
        sent = self.lab.wait_event("edge2", "relayed", to="x@partner.example")[-1]
        self.assertIn("Partner", sent["queue"])

    def test_linked(self):
        """A Receive connector of the edge that is named inside, too, may be linked there."""
        lab = self.lab
        for host in ("edge1", "east1"):
            lab("exec", host, "hubctl", "receive-connector", "new", "edge1/Gate", "--usage",
                "Internet", "--binding", "0.0.0.0:2525")
            self.addCleanup(lab, "exec", host, "hubctl", "receive-connector", "remove",
                            "edge1/Gate")
        lab("exec", "east1", "hubctl", "send-connector", "new", "To filter", "--source-server",
            "edge1", "--linked-receive-connector", "edge1/Gate", "--dns-routing", "FALSE",
            "--smart-host", "[198.51.100.1]", "--max-message-size", "0")
        self.addCleanup(wait_for, "it is gone", lambda: "To filter" not in self.connectors("edge1"))
        self.addCleanup(lab, "exec", "east1", "hubctl", "send-connector", "remove", "To filter")
        wait_for("it is there", lambda: "To filter" in self.connectors("edge1"))
        self.wait_in_step()
        token, data = message()
        lab.inside("edge1", lambda: send(2525, "x@outside.example", ["anna@contoso.com"], data,
                                         host=lab.address("edge1")))
        lab.wait_mail("outside", token)

    # --- edges for one direction ---

    def sources(self, connector, *edges):
        self.modify("dn: cn=%s,cn=Connectors,BASE" % connector, "changetype: modify",
                    "replace: hubSourceServer",
                    *("hubSourceServer: cn=%s,cn=Servers,BASE" % edge for edge in edges))
        wait_for("sources are " + " ".join(edges), lambda: all(
            (connector in self.connectors(edge)) == (edge in edges) for edge in EDGES))

    def test_taken_out_of_the_source_servers(self):
        """It loses the connector, and is an edge for mail inwards only."""
        self.addCleanup(self.sources, INTERNET, *EDGES)
        self.sources(INTERNET, "edge1")
        for _ in range(2):
            self.assertEqual(self.passed_outwards()[2], "edge1")
        self.assertEqual(self.passed_inwards("edge2")[0], "edge2")

    def test_outwards_only(self):
        """It sends to the outside. What comes for us there waits until it has a way again."""
        self.addCleanup(self.sources, INTERNET, *EDGES)
        self.sources(INWARDS, "edge1")
        self.sources(INTERNET, "edge2")
        try:
            self.assertEqual(self.passed_outwards()[2], "edge2")
            self.assertEqual(self.passed_inwards("edge1")[0], "edge1")
            token = self.lab.submit("edge2", "anna")
            self.lab.wait_event("edge2", "unreachable", to="anna@contoso.com")
        finally:
            self.sources(INWARDS, *EDGES)
        self.lab.wait_mail("mail-west", token)

    # --- failures ---

    def holder(self, edge, hub):
        """The hub that holds the lease of the edge, as the edgesyncd of a hub knows."""
        return (self.told(edge, hub).get("lease") or {}).get("holder") or ""

    def test_a_hub_dies(self):
        """The other hub of the site takes the lease, and what changes gets to the edge."""
        first = wait_for("a holder", lambda: re.search(
            "east[12]", self.holder("edge1", "east1")))[0]
        other = {"east1": "east2", "east2": "east1"}[first]
        self.lab("kill", first)
        self.addCleanup(self.lab, "start", first)
        wait_for("%s takes the lease" % other, lambda: other in self.holder("edge1", other))
        self.change_seen_at("edge1", "edge2")
        self.assertEqual(self.passed_inwards("edge1"), ["edge1", other, "west1"])

    def change_seen_at(self, *edges):
        """A new address of Bruno is known there; it goes at the end of the test."""
        address = "%s@contoso.com" % self.id().rpartition(".")[2].lower()
        person = "dn: uid=bruno,ou=People," + self.lab.state()["suffix"]
        self.modify(person, "changetype: modify", "add: mailLocalAddress",
                    "mailLocalAddress: " + address)
        self.addCleanup(self.modify, person, "changetype: modify", "delete: mailLocalAddress")
        for edge in edges:
            wait_for("the address at " + edge,
                     lambda: self.answer(edge, address).startswith("250"))
        return address

    def test_cut_off_and_back(self):
        """Meanwhile the other edge is kept up, and has all the mail; then it is caught up."""
        self.lab("cut", "edge1")
        address = self.change_seen_at("edge2")
        self.assertEqual(self.passed_outwards()[2], "edge2")
        self.assertFalse(self.in_step("edge1"))
        self.lab("heal")
        wait_for("the address at edge1",
                 lambda: self.answer("edge1", address).startswith("250"), 60)

    def test_restarts(self):
        """An edge, and the hubs of its site, as after a failure of power."""
        for hosts in (["edge1"], ["east1", "east2"], ["edge1", "east1", "east2", "directory1"]):
            self.lab("kill", *hosts)
            self.lab("start", *reversed(hosts))
            self.assertEqual(self.passed_inwards("edge1")[0], "edge1")
            self.wait_in_step()


if __name__ == "__main__":
    unittest.main()
