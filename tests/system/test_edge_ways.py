"""
Mail by what `hubctl edge-subscription import` makes and edgesyncd pushes, nothing by hand: edge1 is
imported for mail from outside only, edge2 for mail to the outside only.
"""

import os
import re
import unittest

from .harness.base import run, wait_for
from .harness.client import Client
from .harness.delivery import QUICK
from .harness.directory import record
from .harness.edge import Edge, EdgeSync, publish_certificates
from .harness.organization import Organization, message, send
from .harness.partners import Partners
from .harness.write_log import records

INWARDS, OUTWARDS = "EdgeSync - Inbound to London", "EdgeSync - London to Internet"


def passed(got):
    """The servers, the first one first."""
    return [name.decode() for name in reversed(re.findall(rb"\tby (\w+)\.contoso\.com",
                                                          got.data))]


class EdgeWays(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        cls.partners = p = Partners(org.place)
        d = org.directory
        publish_certificates(d, org.hubs)
        for hub in org.hubs:
            d.change(hub.dn(), **QUICK)
        d.delete(org.connector("To Internet"))
        cls.domains()
        cls.sync = EdgeSync(org.london1, lease_time=3, recipient_delay=0)
        cls.edges = {name: Edge(org.place, name, log=name == "edge1", **p.hub_settings(
            os.path.join(org.place.path, name + ".contoso.com"))) for name in ("edge1", "edge2")}
        org.start()
        for name, option in (("edge1", "--no-internet-connector"),
                             ("edge2", "--no-inbound-connector")):
            edge = cls.edges[name].start()
            edge.directory.change(edge.hub.dn(), hubInternalDNSServer=p.dns.server)
            edge.subscribe(org.london1, "London", option)
        # the partners are not at port 25
        d.change(org.connector(OUTWARDS), hubPort=str(p.port), hubFQDN="out.contoso.com")
        cls.sync.start()
        cls.in_step()

    @classmethod
    def domains(cls):
        org, d = cls.org, cls.org.directory
        for name, kind in (("relay.example", "InternalRelay"),
                           ("elsewhere.example", "ExternalRelay")):
            d.add(record(d.dn(name, "Accepted Domains"), "hubAcceptedDomain", cn=name,
                         hubDomain=name, hubDomainType=kind))
        d.add(record(org.connector("Relay"), "hubSendConnector", cn="Relay",
                     hubAddressSpace="relay.example", hubSourceServer=org.london2.dn(),
                     hubDNSRouting="FALSE", hubSmartHost="[127.0.0.1]:%d" % org.smart_host.port))
        d.change(d.base, hubTLSSendDomainSecure=["partner.example", "impostor.example"])

    @classmethod
    def in_step(cls):
        for edge in cls.edges.values():
            edge.wait_in_step(cls.org, [cls.sync])

    # --- what the tests say ---

    def inwards(self, address):
        token, data = message(to=address)
        send(self.edges["edge1"].outside, "someone@outside.example", [address], data)
        return token

    def outwards(self, address):
        token, data = message(sender="anna@contoso.com", to=address)
        send(self.org.application_port, "anna@contoso.com", [address], data)
        return token

    def rcpt(self, edge, *addresses):
        with Client(self.edges[edge].outside) as client:
            client.ehlo()
            client.say("MAIL FROM:<someone@outside.example>")
            return [client.say("RCPT TO:<%s>" % address)[:9] for address in addresses]

    # --- each way ---

    def test_inwards_only(self):
        """By `--` to a hub of the site; nobody, not even a hub, gets out by it."""
        edge = self.edges["edge1"]
        hops = passed(self.org.mailbox.wait(self.inwards("anna@contoso.com"))[0])
        self.assertEqual(hops[0], "edge1")
        self.assertIn(hops[1], ("london1", "london2"))
        self.no_way("edge1", "x@outside.example", INWARDS)
        self.assertEqual(self.rcpt("edge1", "x@outside.example"), ["550 5.7.1"])
        token, data = message(sender="anna@contoso.com", to="x@outside.example")
        with Client(edge.hub.port) as client:
            client.ehlo()
            client.starttls(self.org.london1.key)
            client.begin("anna@contoso.com", ["x@outside.example"]).data(data + b"\r\n.\r\n")
        self.unreachable("edge1", "x@outside.example")
        self.assertFalse(self.partners.partner.find(token))

    def test_outwards_only(self):
        """From hubs to the world; what comes for us there has no way, and waits."""
        hops = passed(self.partners.partner.wait(self.outwards("x@outside.example"))[0])
        self.assertEqual((hops[0], hops[-1]), ("paris1", "edge2"))
        self.no_way("edge2", "anna@contoso.com", OUTWARDS)
        self.assertEqual(self.rcpt("edge2", "nobody@contoso.com", "x@elsewhere.example",
                                   "x@outside.example"),
                         ["550 5.1.1", "550 5.4.4", "550 5.7.1"])
        token, data = message()
        send(self.edges["edge2"].outside, "someone@outside.example", ["anna@contoso.com"], data)
        self.unreachable("edge2", "anna@contoso.com")
        self.assertFalse(self.org.mailbox.find(token))

    def no_way(self, edge, address, connector):
        """It knows that one connector, which does not lead there."""
        told = self.edges[edge].hub.ctl("route", "explain", address, "--from", edge)
        self.assertEqual((told["decision"], told["text"]), (
            "unreachable", "no connector that this server can use matches " +
            address.partition("@")[2]))
        self.assertEqual([(one["connector"], one["lost_by"]) for one in told["candidates"]],
                         [(connector, "no-match")])

    def unreachable(self, edge, address):
        hub = self.edges[edge].hub
        wait_for("%s has no way to %s" % (edge, address),
                 lambda: hub.events("unreachable", to=address))

    # --- what goes with it ---

    def test_bootstrap_account(self):
        """It is used once, and gone."""
        log = self.edges["edge1"].directory.log
        binds = [(who, result) for who, result in log.binds() if "cn=bootstrap." in who.lower()]
        self.assertEqual([result for _, result in binds], [0])
        who = binds[0][0].lower()
        self.assertEqual([(write.what, write.result) for write in log.all()
                          if write.dn.lower() == who], [("add", 0), ("delete", 0)])
        # its password stands in the file, and opens nothing any more
        with open(self.edges["edge1"].file) as file:
            password = next(records(file.read()))["userpassword"][0].decode()
        done = run("ldapwhoami", "-x", "-H", self.edges["edge1"].directory.uri, "-D", who, "-w",
                   password)
        self.assertEqual(done.returncode, 49, done.stderr)

    def test_domain_types(self):
        """Of the organization, at the edge: whom it knows, need not know, and who is not its."""
        self.assertEqual(self.rcpt("edge1", "anna@contoso.com", "nobody@contoso.com",
                                   "whoever@relay.example", "x@elsewhere.example",
                                   "x@outside.example"),
                         ["250 2.1.5", "550 5.1.1", "250 2.1.5", "550 5.4.4", "550 5.7.1"])
        hops = passed(self.org.smart_host.wait(self.inwards("whoever@relay.example"))[0])
        self.assertEqual(hops[0], "edge1")

    def test_domain_secure(self):
        """The connector is made with it: a partner without the right certificate gets nothing."""
        p, edge = self.partners, self.edges["edge2"]
        self.assertTrue(p.proven(p.partner.wait(self.outwards("x@partner.example"))[0]))
        token = self.outwards("x@impostor.example")
        wait_for(lambda: "it waits: %s" % edge.hub.events("queue-retry")[-3:], lambda: any(
            "impostor.example" in event["queue"] and "self-signed" in event["reason"]
            for event in edge.hub.events("queue-retry")))
        self.assertFalse(p.impostor.find(token))
        self.org.directory.change(self.org.directory.base,
                                  hubTLSSendDomainSecure="partner.example")
        p.impostor.wait(token)


if __name__ == "__main__":
    unittest.main()
