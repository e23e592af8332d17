"""Edges as source servers: who speaks to them, how they are proven, and what an edge sends inwards.

Internet mail leaves by edge servers subscribed to London; the sinks have the edges' keys.
"""

import re
import unittest

from .harness.base import free_port, wait_for
from .harness.client import Client
from .harness.delivery import QUICK, wait_report
from .harness.directory import Directory, record
from .harness.hub import Hub, in_force
from .harness.keys import Key
from .harness.organization import Organization, message, send
from .harness.peers import Sink


def passed(message):
    return [name.decode() for name in reversed(re.findall(rb"\tby (\w+)\.contoso\.com",
                                                          message.data))]


def edge_records(directory, name, site, **attributes):
    """An edge server and its subscription, as LDIF."""
    dn = directory.dn(name, "Servers")
    return record(dn, "hubServer", cn=name, hubRole="Edge", **attributes) + record(
        directory.dn(name, "Edge Subscriptions"), "hubEdgeSubscription", cn=name,
        hubServerRef=dn, hubServerSite=directory.dn(site, "Sites"))


class Edges(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        d = org.directory
        cls.entrance = free_port()
        for hub in org.hubs:
            d.change(hub.dn(), **QUICK)
        d.add(record("cn=In,%s" % org.london1.dn(), "hubReceiveConnector", cn="In",
                     hubBinding="127.0.0.1:%d" % cls.entrance, hubPermissionGroup="HubServers",
                     hubAuthMechanism=["Tls", "ExternalAuthoritative"]))
        cls.edges, cls.keys = {}, {}
        for name in ("edge1", "edge2"):
            cls.keys[name] = Key(org.place, name + ".contoso.com")
            cls.edges[name] = Sink(org.place, key=cls.keys[name])
            d.add(edge_records(d, name, "London", hubKeyDigest=cls.keys[name].digest,
                               hubFQDN=name + ".contoso.com",
                               hubAddress="127.0.0.1:%d" % cls.edges[name].port))
        d.add(record(org.connector("By edge"), "hubSendConnector", cn="By edge",
                     hubAddressSpace="SMTP:*.example", hubSourceServer=d.dn("edge1", "Servers")))
        d.add(record(org.connector("By both"), "hubSendConnector", cn="By both",
                     hubAddressSpace="SMTP:both.example",
                     hubSourceServer=[d.dn(name, "Servers") for name in cls.edges]))
        org.start()

    def submit(self, address="x@partner.example", at=None):
        token, data = message(sender="anna@contoso.com", to=address)
        send(at or self.entrance, "anna@contoso.com", [address], data)
        return token

    def subscription(self, name="edge1"):
        return self.org.directory.dn(name, "Edge Subscriptions")

    def site(self, name):
        return self.org.directory.dn(name, "Sites")

    def at_edge(self, token, name="edge1"):
        """By TLS, to the key that is pinned; gives the hubs that it passed."""
        got, = self.edges[name].wait(token)
        self.assertTrue(got.tls)
        self.assertEqual(got.helo, passed(got)[-1] + ".contoso.com")
        return passed(got)

    def test_from_its_site(self):
        self.assertEqual(self.at_edge(self.submit()), ["london1"])
        told = self.org.explain("london1", "x@partner.example")
        self.assertEqual((told["decision"], told["next_servers"], told["queue"]["type"]),
                         ("relay", ["edge1"], "SmtpRelayToEdge"))
        self.assertEqual((told["then"]["decision"], told["then"]["connector"]),
                         ("connector", "By edge"))

    def test_from_another_site_by_any_hub_of_its_site(self):
        seen = set()
        for _ in range(4):
            first, second = self.at_edge(self.submit(at=self.org.application_port))
            self.assertEqual(first, "paris1")
            seen.add(second)
        self.assertLessEqual(seen, {"london1", "london2"})
        told = self.org.explain("paris1", "x@partner.example")
        self.assertEqual((told["next_site"], told["next_servers"], told["queue"]["type"]),
                         ("London", ["london1", "london2"], "SmtpRelayToSite"))
        with self.subTest("one of them is gone"):
            self.org.london1.stop()
            try:
                self.assertEqual(self.at_edge(self.submit(at=self.org.application_port)),
                                 ["paris1", "london2"])
            finally:
                self.org.london1.start()

    def test_edges_share_and_stand_in(self):
        org, (one, two) = self.org, self.edges.values()
        org.change(org.london1.dn(), hubIntraOrgMaxMessagesPerConnection="1")
        self.addCleanup(org.change, org.london1.dn(), hubIntraOrgMaxMessagesPerConnection=None)

        def counts(n):
            tokens = []
            for _ in range(n):
                tokens.append(self.submit("x@both.example"))
                wait_for("at an edge", lambda: one.find(tokens[-1]) or two.find(tokens[-1]))
            return [len([t for t in tokens if sink.find(t)]) for sink in (one, two)]

        self.assertEqual(counts(6), [3, 3])
        one.stop()
        self.assertEqual(counts(4), [0, 4])
        one.start()
        wait_for("the first takes its share again", lambda: counts(2)[0])

    def test_wrong_key(self):
        """Whoever answers there without the edge's key gets nothing, and the reason is shown."""
        org, dn = self.org, self.org.directory.dn("edge1", "Servers")
        org.change(dn, hubKeyDigest=org.london1.key.digest[:-4] + "0000")
        token = self.submit()
        events = wait_for("Retry", lambda: [
            e for e in org.london1.events("queue-retry")
            if e["queue"].startswith("SmtpRelayToEdge/edge1")])
        self.assertIn("key", events[-1]["reason"])
        self.assertFalse(self.edges["edge1"].find(token))
        org.change(dn, hubKeyDigest=self.keys["edge1"].digest)
        self.at_edge(token)

    def test_subscription_moves(self):
        """Only hubs of the site it is subscribed to speak to it, whatever it is now."""
        org = self.org
        org.change(self.subscription(), hubServerSite=self.site("Paris"))
        self.addCleanup(org.change, self.subscription(), hubServerSite=self.site("London"))
        self.assertEqual(self.at_edge(self.submit()), ["london1", "paris1"])
        self.assertEqual(self.at_edge(self.submit(at=org.application_port)), ["paris1"])

    def waits(self, at, hub):
        token = self.submit(at=at)
        wait_for("unreachable", lambda: [
            e for e in hub.events("unreachable", to="x@partner.example")])
        self.assertEqual(self.org.explain(hub.name, "x@partner.example")["decision"],
                         "unreachable")
        return token

    def test_unreachable(self):
        """Its site has no enabled hub, or it is subscribed nowhere: not a candidate elsewhere."""
        org = self.org
        org.change(org.connector("To Internet"), hubEnabled="FALSE")
        self.addCleanup(org.change, org.connector("To Internet"), hubEnabled=None)
        lost = {"hubs": [(hub.dn(), "hubEnabled", "FALSE", None)
                         for hub in (org.london1, org.london2)],
                "subscription": [(self.subscription(), "hubEnabled", "FALSE", None)],
                "site": [(self.site("London"), "hubInboundMail", "FALSE", None)]}
        for name, changes in lost.items():
            with self.subTest(name):
                for dn, attribute, value, _ in changes:
                    org.change(dn, **{attribute: value})
                token = self.waits(org.application_port, org.paris1)
                rows = org.explain("paris1", "x@partner.example")["candidates"]
                self.assertIn({"connector": "By edge", "lost_by": "unreachable", "space": None,
                               "cost": None}, rows)
                for dn, attribute, _, back in changes:
                    org.change(dn, **{attribute: back})
                self.at_edge(token)

    def test_disabled_edge(self):
        org, dn = self.org, self.org.directory.dn("edge1", "Servers")
        org.change(dn, hubEnabled="FALSE")
        self.addCleanup(org.change, dn, hubEnabled=None)
        self.assertEqual(self.at_edge(self.submit("x@both.example"), "edge2"), ["london1"])
        self.org.smart_host.wait(self.submit())


class EdgeItself(unittest.TestCase):
    """
    A server of role Edge on an edge's own directory, filled here by hand with what it may know of
    the organization: its site's hubs, domains and the connectors that have it as source.
    """

    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        cls.own = own = Directory(org.place, name="edge-slapd", options=("--edge",)).start()
        cls.edge = edge = Hub(org.place, own, "edge1", "London")
        cls.outside, cls.relay = free_port(), Sink(org.place)
        org.directory.add(edge_records(
            org.directory, "edge1", "London", hubFQDN=edge.fqdn, hubKeyDigest=edge.key.digest,
            hubAddress="127.0.0.1:%d" % edge.port))
        org.directory.add(record(org.connector("Outwards"), "hubSendConnector", cn="Outwards",
                                 hubAddressSpace="*", hubSourceServer=edge.dn(),
                                 hubDNSRouting="FALSE",
                                 hubSmartHost="[127.0.0.1]:%d" % cls.relay.port))
        org.directory.add(record(
            "uid=shy,ou=People," + org.directory.suffix,
            "inetOrgPerson inetLocalMailRecipient hubRecipient", uid="shy", cn="shy", sn="shy",
            mail="shy@contoso.com", mailHost="mbx1", hubRefuseOutsideMail="TRUE"))
        own.add(record(own.dn("London", "Sites"), "hubSite", cn="London"))
        for hub in (org.london1, org.london2):
            own.add(record(own.dn(hub.name, "Servers"), "hubServer", cn=hub.name, hubRole="Hub",
                           hubServerSite=own.dn("London", "Sites"), hubFQDN=hub.fqdn,
                           hubAddress="127.0.0.1:%d" % hub.port, hubKeyDigest=hub.key.digest))
        own.add(edge.records(hubRole="Edge", **QUICK))
        own.add(record("cn=Outside,%s" % edge.dn(), "hubReceiveConnector", cn="Outside",
                       hubUsage="Internet", hubBinding="127.0.0.1:%d" % cls.outside,
                       hubPermissionGroup="AnonymousUsers", hubAuthMechanism="Tls",
                       hubTarpitInterval="0", hubMessageRateLimit="0"))
        own.add(record(own.dn("Inwards", "Connectors"), "hubSendConnector", cn="Inwards",
                       hubAddressSpace="--", hubSmartHost="--", hubSourceServer=edge.dn(),
                       hubDNSRouting="FALSE", hubMaxMessagesPerConnection="1"))
        own.add(record(own.dn("Outwards", "Connectors"), "hubSendConnector", cn="Outwards",
                       hubAddressSpace="*", hubSourceServer=edge.dn(), hubDNSRouting="FALSE",
                       hubSmartHost="[127.0.0.1]:%d" % cls.relay.port))
        for domain, kind, validation in (("contoso.com", "Authoritative", "FALSE"),
                                         ("checked.example", "Authoritative", None),
                                         ("relay.example", "InternalRelay", None),
                                         ("elsewhere.example", "ExternalRelay", None)):
            own.add(record(own.dn(domain, "Accepted Domains"), "hubAcceptedDomain", cn=domain,
                           hubDomain=domain, hubDomainType=kind,
                           hubRecipientValidation=validation))
        org.directory.change(org.connector("To Internet"), hubEnabled="FALSE")
        org.start()
        edge.start()

    def submit(self, address):
        token, data = message(to=address)
        send(self.outside, "someone@outside.example", [address], data)
        return token

    def explain(self, address):
        return self.edge.ctl("route", "explain", address, "--from", "edge1")

    def test_inwards_to_the_hubs_of_its_site(self):
        seen = set()
        for _ in range(4):
            hops = passed(self.org.mailbox.wait(self.submit("anna@contoso.com"))[0])
            self.assertEqual((hops[0], hops[-1], len(hops)), ("edge1", "paris1", 3))
            seen.add(hops[1])
        self.assertLessEqual(seen, {"london1", "london2"})
        told = self.explain("anna@contoso.com")
        self.assertEqual((told["decision"], told["connector"], told["next_servers"]),
                         ("connector", "Inwards", ["london1", "london2"]))

    def test_a_hub_that_is_gone_is_passed_over(self):
        self.org.london1.stop()
        try:
            got = self.org.mailbox.wait(self.submit("bruno@contoso.com"))[0]
            self.assertEqual(passed(got), ["edge1", "london2", "paris1"])
        finally:
            self.org.london1.start()

    # --- the smart host -- ---

    def change(self, dn, **attributes):
        """In the edge's directory, until the end of the test."""
        self.own.change(dn, **attributes)
        self.addCleanup(in_force, self.own, [self.edge])
        self.addCleanup(self.own.change, dn, **{name: None for name in attributes})
        in_force(self.own, [self.edge])

    def entered_by(self, count):
        """The hubs by which so many messages came in."""
        return {passed(self.org.mailbox.wait(self.submit("anna@contoso.com"))[0])[1]
                for _ in range(count)}

    def server(self, name):
        return self.own.dn(name, "Servers")

    def test_as_a_subscription_writes_it(self):
        """By TLS to hubs whose key the edge knows; they believe what it says of the origin."""
        inwards = self.own.dn("Inwards", "Connectors")
        self.own.change(inwards, hubAddressSpace="SMTP:--;1")
        self.change(inwards, hubUsage="Internal", hubSmartHostAuth="HubServer")
        hops = passed(self.org.mailbox.wait(self.submit("anna@contoso.com"))[0])
        self.assertEqual((hops[0], hops[-1], len(hops)), ("edge1", "paris1", 3))
        sent = wait_for("outcome", lambda: self.edge.events(
            "relayed", to="anna@contoso.com"))[-1]
        self.assertEqual(sent["tls"], "TLSv1.3")
        self.assertIn("/Inwards", sent["queue"])
        wait_report(self.relay, self.submit("shy@contoso.com"), "shy@contoso.com")

    def test_hubs_come_and_go(self):
        """Enabled, disabled, of another site: as the edge's directory has it, live."""
        both = {"london1", "london2"}
        wait_for("none of them rests", lambda: self.entered_by(2) == both)
        self.change(self.server("london2"), hubEnabled="FALSE")
        self.assertEqual(self.entered_by(3), {"london1"})
        self.doCleanups()
        self.assertEqual(self.entered_by(2), both)
        self.own.add(record(self.own.dn("York", "Sites"), "hubSite", cn="York"))
        self.own.change(self.server("london1"), hubServerSite=self.own.dn("York", "Sites"))
        self.addCleanup(self.own.change, self.server("london1"),
                        hubServerSite=self.own.dn("London", "Sites"))
        in_force(self.own, [self.edge])
        self.assertEqual(self.entered_by(3), {"london2"})

    def test_hubs_of_the_site_of_its_subscription(self):
        """As the organization pushes it; its own entry need not say where it is."""
        both = {"london1", "london2"}
        self.own.add(edge_records(self.own, "edge1", "London").split("\n\n", 1)[1])
        self.addCleanup(in_force, self.own, [self.edge])
        self.addCleanup(self.own.delete, self.own.dn("edge1", "Edge Subscriptions"))
        self.own.change(self.edge.dn(), hubServerSite=None)
        self.addCleanup(self.own.change, self.edge.dn(),
                        hubServerSite=self.own.dn("London", "Sites"))
        in_force(self.own, [self.edge])
        self.assertEqual(self.entered_by(2), both)

    def test_a_hub_with_another_key(self):
        """Is none; with nobody left mail waits, and not a word of it was said."""
        digests = {hub: hub.key.digest for hub in (self.org.london1, self.org.london2)}
        self.addCleanup(in_force, self.own, [self.edge])
        for hub, digest in digests.items():
            self.addCleanup(self.own.change, self.server(hub.name), hubKeyDigest=digest)
        wrong = "sha256:" + "ab" * 32
        self.own.change(self.server("london1"), hubKeyDigest=wrong)
        in_force(self.own, [self.edge])
        self.assertEqual(self.entered_by(2), {"london2"})
        self.own.change(self.server("london2"), hubKeyDigest=wrong)
        in_force(self.own, [self.edge])
        token = self.submit("anna@contoso.com")
        wait_for("Retry", lambda: [
            e for e in self.edge.events("queue-retry") if "/Inwards" in e["queue"]
            and "not in the directory for london" in e["reason"]])
        self.assertFalse(self.org.mailbox.find(token))
        self.doCleanups()
        self.org.mailbox.wait(token)

    def test_domains_come_and_go(self):
        """-- is what the accepted domains are at the moment."""
        dn = self.own.dn("new.example", "Accepted Domains")
        address = "x@new.example"
        self.assertEqual(self.explain(address)["connector"], "Outwards")
        self.own.add(record(dn, "hubAcceptedDomain", cn="new.example", hubDomain="new.example",
                            hubDomainType="InternalRelay"))
        self.addCleanup(in_force, self.own, [self.edge])
        self.addCleanup(self.own.delete, dn)
        in_force(self.own, [self.edge])
        self.assertEqual(self.explain(address)["connector"], "Inwards")
        self.own.change(dn, hubDomainType="ExternalRelay")
        in_force(self.own, [self.edge])
        told = self.explain(address)
        self.assertEqual((told["decision"], told["connector"]), ("report", None))

    def test_at_the_door(self):
        with Client(self.outside) as client:
            client.ehlo()
            client.say("MAIL FROM:<someone@outside.example>")
            for address, reply in (("nobody@checked.example", r"^550 5\.1\.1"),
                                   ("x@outside.example", r"^550 5\.7\.1"),
                                   ("postmaster@checked.example", "^250"),
                                   ("x@relay.example", "^250"), ("x@contoso.com", "^250")):
                self.assertRegex(client.say("RCPT TO:<%s>" % address), reply, address)

    def test_no_mail_from_outside_by_an_edge_either(self):
        """The edge does not know who wants none, and tells the hub whom it had it from."""
        token = self.submit("shy@contoso.com")
        told = wait_report(self.relay, token, "shy@contoso.com").recipient("shy@contoso.com")
        self.assertEqual(told["Status"], "5.7.1")
        self.assertFalse(self.org.mailbox.find(token))

    def test_reports_of_an_edge_are_no_mail_from_outside(self):
        self.relay.answer("RCPT TO:<gone@outside.example>", "550 5.1.1 nobody")
        self.addCleanup(self.relay.answer, "RCPT TO:<gone@outside.example>", None)
        token, data = message(sender="shy@contoso.com", to="gone@outside.example")
        send(self.org.application_port, "shy@contoso.com", ["gone@outside.example"], data)
        report = wait_report(self.org.mailbox, token, "gone@outside.example")
        self.assertEqual(report.envelope.recipients, ["shy@contoso.com"])

    def test_what_is_ours_goes_inwards_only(self):
        for address in ("x@contoso.com", "x@relay.example"):
            self.assertEqual(self.explain(address)["connector"], "Inwards")

    def test_external_relay_is_never_sent_by_the_widest_space(self):
        """Its MX is this edge. With a connector of its own it goes."""
        address = "x@elsewhere.example"
        told = self.explain(address)
        self.assertEqual((told["decision"], told["status"]), ("report", "5.4.4"))
        with Client(self.outside) as client:
            client.ehlo()
            client.say("MAIL FROM:<someone@outside.example>")
            self.assertRegex(client.say("RCPT TO:<%s>" % address), r"^550 5\.4\.4")
        self.own.add(record(self.own.dn("Elsewhere", "Connectors"), "hubSendConnector",
                            cn="Elsewhere", hubAddressSpace="elsewhere.example",
                            hubSourceServer=self.edge.dn(), hubDNSRouting="FALSE",
                            hubSmartHost="[127.0.0.1]:%d" % self.relay.port))
        in_force(self.own, [self.edge])
        self.relay.wait(self.submit(address))

    def test_outwards(self):
        token, data = message(sender="anna@contoso.com", to="x@outside.example")
        send(self.org.application_port, "anna@contoso.com", ["x@outside.example"], data)
        hops = passed(self.relay.wait(token)[0])
        self.assertEqual((hops[0], hops[-1], len(hops)), ("paris1", "edge1", 3))

    def test_as_a_smart_host(self):
        """Of a connector whose source is a hub; each knows the other by its key."""
        org, name = self.org, self.org.connector("By smart host")
        org.directory.add(record(name, "hubSendConnector", cn="By smart host",
                                 hubAddressSpace="smart.example", hubDNSRouting="FALSE",
                                 hubSourceServer=org.london1.dn(), hubSmartHostAuth="HubServer",
                                 hubSmartHost="[127.0.0.1]:%d" % self.edge.port))
        self.addCleanup(in_force, org.directory, org.hubs)
        self.addCleanup(org.directory.delete, name)
        in_force(org.directory, org.hubs)
        token, data = message(sender="anna@contoso.com", to="x@smart.example")
        send(org.application_port, "anna@contoso.com", ["x@smart.example"], data)
        self.assertEqual(passed(self.relay.wait(token)[0]), ["paris1", "london1", "edge1"])
        sent, = wait_for("outcome", lambda: org.london1.events("relayed", to="x@smart.example"))
        self.assertTrue(sent["queue"].startswith("SmartHostConnectorDelivery/"), sent["queue"])

    def test_linked(self):
        """What comes in at one connector of the edge is sent to a filter, whomever it is for."""
        port, inlet = free_port(), "cn=Unfiltered,%s" % self.edge.dn()
        self.own.add(record(inlet, "hubReceiveConnector", cn="Unfiltered", hubUsage="Internet",
                            hubBinding="127.0.0.1:%d" % port))
        outlet = self.own.dn("To filter", "Connectors")
        self.own.add(record(outlet, "hubSendConnector", cn="To filter", hubDNSRouting="FALSE",
                            hubMaxMessageSize="0", hubLinkedReceiveConnector=inlet,
                            hubSmartHost="[127.0.0.1]:%d" % self.relay.port))
        self.addCleanup(in_force, self.own, [self.edge])
        self.addCleanup(self.own.delete, inlet)
        self.addCleanup(self.own.delete, outlet)
        in_force(self.own, [self.edge])
        token, data = message(to="anna@contoso.com")
        send(port, "someone@outside.example", ["anna@contoso.com"], data)
        self.assertEqual(passed(self.relay.wait(token)[0]), ["edge1"])
        self.assertFalse(self.org.mailbox.find(token))


if __name__ == "__main__":
    unittest.main()
