"""
Mail through a subscribed edge, of which edgesyncd is not there: what it once pushed is all that the
edge has. The organization's hubs are real, what they would have pushed is written by hand.
"""

import os
import re
import unittest

from .harness.base import free_port, wait_for
from .harness.client import Client
from .harness.delivery import QUICK
from .harness.directory import Directory, record
from .harness.hub import Hub, in_force
from .harness.organization import Organization, message, send
from .harness.partners import Partners
from .harness.peers import Sink
from .harness.replica import Pusher, values_of

def passed(got):
    """The servers, the first one first."""
    return [name.decode() for name in reversed(re.findall(rb"\tby (\w+)\.contoso\.com",
                                                          got.data))]


class EdgeMail(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        cls.directory = Directory(org.place, "o=Edge", "edge-slapd", ["--edge"]).start()
        cls.world()
        cls.make_edge()
        cls.inside()
        cls.push()
        org.start()
        cls.edge.start()
        in_force(cls.directory, [cls.edge])

    @classmethod
    def world(cls):
        """Partners, and a relay that takes what is left."""
        cls.partners = p = Partners(cls.org.place)
        cls.partner, cls.impostor = p.partner, p.impostor
        cls.elsewhere = Sink(cls.org.place)

    @classmethod
    def make_edge(cls):
        """What its administrators make, before it is subscribed."""
        place, d = cls.org.place, cls.directory
        own = os.path.join(place.path, "edge1.contoso.com")
        cls.edge = edge = Hub(place, d, "edge1", "London", **cls.partners.hub_settings(own))
        d.add(edge.records(hubRole="Edge", hubServerSite=None,
                           hubInternalDNSServer=cls.partners.dns.server, **QUICK))
        cls.ports = {name: free_port() for name in ("Outside", "Slow", "Partners")}
        for name, more in (("Outside", {}), ("Slow", dict(hubTarpitInterval="600")),
                           ("Partners", dict(hubDomainSecure="TRUE",
                                             hubPermissionGroup=["AnonymousUsers", "Partners"]))):
            given = dict(hubUsage="Internet", hubBinding="127.0.0.1:%d" % cls.ports[name],
                         hubPermissionGroup="AnonymousUsers", hubAuthMechanism="Tls",
                         hubTarpitInterval="0", hubMessageRateLimit="0")
            d.add(record("cn=%s,%s" % (name, edge.dn()), "hubReceiveConnector", cn=name,
                         **{**given, **more}))

    @classmethod
    def inside(cls):
        """As hubctl edge-subscription import leaves it."""
        org, d = cls.org, cls.org.directory
        dn = d.dn("edge1", "Servers")
        for hub in org.hubs:
            d.change(hub.dn(), **QUICK)
        d.add(record(dn, "hubServer", cn="edge1", hubRole="Edge", hubFQDN=cls.edge.fqdn,
                     hubKeyDigest=cls.edge.key.digest,
                     hubAddress="127.0.0.1:%d" % cls.edge.port))
        d.add(record(d.dn("edge1", "Edge Subscriptions"), "hubEdgeSubscription", cn="edge1",
                     hubServerRef=dn, hubServerSite=d.dn("London", "Sites")))
        d.change(org.connector("To Internet"), hubSourceServer=dn, hubDNSRouting="TRUE",
                 hubSmartHost=None)
        d.add(record(d.dn("relay.example", "Accepted Domains"), "hubAcceptedDomain",
                     cn="relay.example", hubDomain="relay.example",
                     hubDomainType="InternalRelay"))
        d.add(record(org.connector("Relay"), "hubSendConnector", cn="Relay",
                     hubAddressSpace="relay.example", hubSourceServer=org.london2.dn(),
                     hubDNSRouting="FALSE", hubSmartHost="[127.0.0.1]:%d" % org.smart_host.port))

    @classmethod
    def push(cls):
        cls.pusher = p = Pusher(cls.directory)
        p.subscribe()
        edge = cls.edge.dn()
        with p.change() as wanted:
            wanted[""] = values_of(
                hubMaxReceiveSize="300000", hubMaxRecipients="5",
                hubTLSSendDomainSecure=["partner.example", "impostor.example"],
                hubTLSReceiveDomainSecure="partner.example")
            wanted.update(p.entry("London", "Sites", "hubSite"))
            for hub in (cls.org.london1, cls.org.london2):
                wanted.update(p.entry(
                    hub.name, "Servers", "hubServer", hubRole="Hub", hubFQDN=hub.fqdn,
                    hubServerSite=p.dn("cn=London,cn=Sites"), hubKeyDigest=hub.key.digest,
                    hubAddress="127.0.0.1:%d" % hub.port))
            for name, kind in (("contoso.com", "Authoritative"),
                               ("relay.example", "InternalRelay"),
                               ("elsewhere.example", "ExternalRelay")):
                wanted.update(p.entry(name, "Accepted Domains", "hubAcceptedDomain",
                                      hubDomain=name, hubDomainType=kind))
            wanted.update(p.entry(
                "EdgeSync - Inbound to London", "Connectors", "hubSendConnector",
                hubUsage="Internal", hubAddressSpace="SMTP:--;1", hubSmartHost="--",
                hubDNSRouting="FALSE", hubSmartHostAuth="HubServer", hubSourceServer=edge,
                hubMaxMessagesPerConnection="1"))
            wanted.update(p.entry(
                "To Internet", "Connectors", "hubSendConnector", hubAddressSpace="SMTP:*;10",
                hubDNSRouting="TRUE", hubDomainSecure="TRUE", hubSourceServer=edge,
                hubPort=str(cls.partners.port), hubFQDN="out.contoso.com"))
            wanted.update(p.entry("edge1", "Edge Subscriptions", "hubEdgeSubscription",
                                  hubServerRef=edge, hubServerSite=p.dn("cn=London,cn=Sites")))
        p.recipients({name + "@contoso.com" for name in ("anna", "bruno", "clara")})

    # --- what the tests say ---

    def change(self, name, **attributes):
        """Of one pushed entry, until the end of the test; None takes one away."""
        before = self.pusher.entries
        self.addCleanup(in_force, self.directory, [self.edge])
        self.addCleanup(self.pusher.push, before)
        with self.pusher.change() as wanted:
            for attribute, values in attributes.items():
                wanted[name].pop(attribute, None)
                if values is not None:
                    wanted[name].update(values_of(**{attribute: values}))
        in_force(self.directory, [self.edge])

    def way_elsewhere(self):
        """To the domain that anybody may send to by the edge, until the end of the test."""
        before = self.pusher.entries
        self.addCleanup(in_force, self.directory, [self.edge])
        self.addCleanup(self.pusher.push, before)
        with self.pusher.change() as wanted:
            wanted.update(self.pusher.entry(
                "Elsewhere", "Connectors", "hubSendConnector", hubSourceServer=self.edge.dn(),
                hubAddressSpace="elsewhere.example", hubDNSRouting="FALSE",
                hubSmartHost="[127.0.0.1]:%d" % self.elsewhere.port))
        in_force(self.directory, [self.edge])

    def submit(self, address, port="Outside", sender="someone@outside.example"):
        token, data = message(sender=sender, to=address)
        send(self.ports[port], sender, [address], data)
        return token

    def outwards(self, address):
        token, data = message(sender="anna@contoso.com", to=address)
        send(self.org.application_port, "anna@contoso.com", [address], data)
        return token

    def entered_by(self, count):
        """The hubs by which so many messages came in."""
        return {passed(self.org.mailbox.wait(self.submit("anna@contoso.com"))[0])[1]
                for _ in range(count)}

    def both_again(self):
        """A hub that was passed over rests for a while."""
        wait_for("none of them rests", lambda: len(self.entered_by(2)) == 2)

    def rcpt(self, *addresses, port="Outside"):
        with Client(self.ports[port]) as client:
            client.ehlo()
            client.say("MAIL FROM:<someone@outside.example>")
            return " ".join(client.say("RCPT TO:<%s>" % address)[:9] for address in addresses)

    def waits(self, reason, queue, where=None):
        def retries():
            return [e for hub in where or [self.edge] for e in hub.events("queue-retry")]
        wait_for(lambda: "Retry of %s for %r: %s" % (queue, reason, retries()[-3:]),
                 lambda: [e for e in retries() if queue in e["queue"] and reason in e["reason"]])

    # --- inwards ---

    def test_inwards_to_the_hubs_of_its_site(self):
        self.assertEqual(self.entered_by(4), {"london1", "london2"})
        sent = self.edge.events("relayed", to="anna@contoso.com")[-1]
        self.assertEqual(sent["tls"], "TLSv1.3")
        self.assertIn("/EdgeSync - Inbound to London", sent["queue"])
        with self.subTest("one is disabled"):
            self.change("cn=london2,cn=Servers", hubEnabled="FALSE")
            self.assertEqual(self.entered_by(3), {"london1"})
            self.doCleanups()
            self.both_again()

    def test_a_hub_that_is_not_the_one(self):
        """With another key than was pushed it gets nothing; two keys count while one changes."""
        wrong, right = "sha256:" + "ab" * 32, self.org.london1.key.digest
        self.change("cn=london1,cn=Servers", hubKeyDigest=wrong)
        self.assertEqual(self.entered_by(3), {"london2"})
        self.change("cn=london1,cn=Servers", hubKeyDigest=[wrong, right])
        self.both_again()

    def test_an_edge_that_is_not_the_one(self):
        """Hubs take nothing from a key they do not know; mail waits on the edge, not lost."""
        d = self.org.directory
        dn = d.dn("edge1", "Servers")

        def known_by(digest):
            self.org.change(dn, hubKeyDigest=digest)
        known_by("sha256:" + "ab" * 32)
        self.addCleanup(known_by, self.edge.key.digest)
        token = self.submit("anna@contoso.com")
        self.waits("530 5.7.1 client was not authenticated", "/EdgeSync - Inbound to London")
        self.assertFalse(self.org.mailbox.find(token))
        self.addCleanup(self.both_again)
        told = [e for hub in (self.org.london1, self.org.london2)
                for e in hub.events("unknown-key")]
        self.assertEqual({(e["level"], e["key"], e["subject"]) for e in told},
                         {("warning", self.edge.key.digest, "CN=" + self.edge.fqdn)})
        self.assertLessEqual(len(told), 2 * len(self.org.hubs))
        known_by(["sha256:" + "ab" * 32, self.edge.key.digest])
        self.assertEqual(passed(self.org.mailbox.wait(token)[0])[0], "edge1")

    def test_an_edge_that_gives_hubs_no_rights(self):
        """Its administrators' mistake is not the sender's: mail waits on the hub."""
        connector = "cn=Default edge1," + self.edge.dn()
        hubs = [self.org.london1, self.org.london2]
        given = dict(hubUsage=None, hubPermissionGroup=["HubUsers", "HubServers", "LegacyServers"],
                     hubAuthMechanism=["Tls", "BasicAuth", "BasicAuthRequireTLS", "HubServer"])

        def configure(**attributes):
            self.directory.change(connector, **attributes)
            in_force(self.directory, [self.edge])
        self.addCleanup(configure, **given)
        with self.subTest("nobody's mail passes"):
            configure(hubPermissionGroup="AnonymousUsers")
            token = self.outwards("x@partner.example")
            self.waits("MAIL: 530 5.7.1 client was not authenticated", "", hubs)
            self.assertFalse(self.partner.find(token))
            configure(**given)
            self.partner.wait(token)
        with self.subTest("what it takes from everybody passes those that wait"):
            self.way_elsewhere()
            configure(hubUsage="Internet", hubPermissionGroup=None, hubAuthMechanism=None)
            token = self.outwards("z@partner.example")
            hub = wait_for("it waits", lambda: [
                hub for hub in hubs for m in hub.ctl("message", "list")["messages"]
                if m["recipients"] == ["z@partner.example"] and
                "550 5.7.1 unable to relay" in (m["last_error"] or "")])[0]
            wait_for("other mail by that hub", lambda: hub.name in passed(
                self.elsewhere.wait(self.outwards("x@elsewhere.example"))[0]))
            self.assertFalse(self.partner.find(token))
            self.assertFalse([e for h in hubs for e in h.events("host-failed")
                              if "unable to relay" in e["reason"]])
            configure(**given)
            self.partner.wait(token)

    # --- recipients and domains ---

    def test_unknown_recipients(self):
        self.assertEqual(self.rcpt("anna@contoso.com", "nobody@contoso.com",
                                   "Bruno@CONTOSO.com", "postmaster@contoso.com"),
                         "250 2.1.5 550 5.1.1 250 2.1.5 250 2.1.5")
        with Client(self.ports["Slow"]) as client:
            client.ehlo()
            client.say("MAIL FROM:<someone@outside.example>")
            self.assertRegex(client.say("RCPT TO:<anna@contoso.com>"), "^250")
            self.assertRegex(client.say("RCPT TO:<nobody@contoso.com>"), r"^550 5\.1\.1")
            client.send("NOOP\r\n").socket.settimeout(0.5)
            with self.assertRaises(TimeoutError):
                client.reply()

    def test_explained(self):
        """On the edge by its own administrators, who cannot read the hashes."""
        for address, connector in (("anna@contoso.com", "EdgeSync - Inbound to London"),
                                   ("x@relay.example", "EdgeSync - Inbound to London"),
                                   ("x@outside.example", "To Internet")):
            told = self.edge.ctl("route", "explain", address, "--from", "edge1")
            self.assertEqual((told["decision"], told["connector"]), ("connector", connector))
        self.assertEqual(self.edge.ctl("route", "explain", "anna@contoso.com", "--from",
                                       "edge1")["next_servers"], ["london1", "london2"])

    def test_internal_relay(self):
        """Nobody is looked up; a hub knows where it goes."""
        token = self.submit("whoever@relay.example")
        hops = passed(self.org.smart_host.wait(token)[0])
        self.assertEqual(hops[0], "edge1")
        self.assertIn(hops[1], ("london1", "london2"))

    def test_external_relay(self):
        """Never by the widest space, for its MX is this edge."""
        address = "x@elsewhere.example"
        self.assertEqual(self.rcpt(address), "550 5.4.4")
        self.way_elsewhere()
        self.elsewhere.wait(self.submit(address))

    def test_strangers_cannot_relay(self):
        self.assertEqual(self.rcpt("x@outside.example"), "550 5.7.1")

    # --- outwards ---

    def test_outwards(self):
        hops = passed(self.partner.wait(self.outwards("x@outside.example"))[0])
        self.assertEqual((hops[0], hops[-1], len(hops)), ("paris1", "edge1", 3))

    def test_domain_secure_to_partners(self):
        got = self.partner.wait(self.outwards("x@partner.example"))[0]
        self.assertTrue(self.partners.proven(got))
        token = self.outwards("x@impostor.example")
        self.waits("self-signed", "impostor.example")
        self.assertFalse(self.impostor.find(token))
        self.change("", hubTLSSendDomainSecure="partner.example")
        self.impostor.wait(token)

    def test_domain_secure_from_partners(self):
        """The organization's list, on the edge's own connector."""
        def reply(certificate, sender):
            with Client(self.ports["Partners"]) as client:
                client.ehlo()
                if certificate:
                    client.starttls(certificate)
                    client.ehlo()
                return client.say("MAIL FROM:<%s>" % sender)[:9]
        self.assertEqual(reply(None, "a@partner.example"), "530 5.7.0")
        self.assertEqual(reply(self.partners.partner_key, "a@partner.example"), "250 2.1.0")
        self.assertEqual(reply(self.partners.out, "a@partner.example"), "550 5.7.1")
        self.assertEqual(reply(None, "a@other.example"), "250 2.1.0")
        self.change("", hubTLSReceiveDomainSecure="other.example")
        self.assertEqual(reply(None, "a@partner.example"), "250 2.1.0")
        self.assertEqual(reply(None, "a@other.example"), "530 5.7.0")

    # --- limits of the organization ---

    def test_limits(self):
        relay = ["x%d@relay.example" % i for i in range(6)]
        self.assertEqual(self.rcpt(*relay), " ".join(["250 2.1.5"] * 5 + ["452 4.5.3"]))
        with Client(self.ports["Outside"]) as client:
            client.ehlo()
            self.assertRegex(client.say("MAIL FROM:<someone@outside.example> SIZE=300001"),
                             r"^552 5\.3\.4")
        self.change("", hubMaxReceiveSize="400000", hubMaxRecipients="6")
        self.assertEqual(self.rcpt(*relay), " ".join(["250 2.1.5"] * 6))
        with Client(self.ports["Outside"]) as client:
            client.ehlo()
            self.assertRegex(client.say("MAIL FROM:<someone@outside.example> SIZE=300001"),
                             r"^250")

    # --- and without a directory ---

    def test_without_its_directory(self):
        wait_for("the cache", lambda: "hubSubscribed: TRUE" in self.edge.cache("organization"))
        wait_for("the cache", lambda: "hubBucketHash::" in self.edge.cache("buckets"))
        self.directory.stop()
        self.addCleanup(in_force, self.directory, [self.edge])
        self.addCleanup(self.directory.start)
        for restarted in (False, True):
            with self.subTest(restarted=restarted):
                if restarted:
                    self.edge.stop()
                    self.edge.start()
                self.assertEqual(self.rcpt("anna@contoso.com", "nobody@contoso.com"),
                                 "250 2.1.5 550 5.1.1")
                self.org.mailbox.wait(self.submit("anna@contoso.com"))
                self.partner.wait(self.outwards("x@partner.example"))


if __name__ == "__main__":
    unittest.main()
