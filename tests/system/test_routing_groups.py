"""Routing groups: mail for other systems, by routing group connectors, and what comes back.

London1 takes mail in, london2 is source of "To Internet"; paris1 is at Paris, ten away.
"""

import smtplib
import unittest

from .harness.base import free_port, wait_for
from .harness.client import Client
from .harness.delivery import QUICK, Peers, wait_report
from .harness.directory import record
from .harness.filter import Filter
from .harness.organization import Organization, message, send


class RoutingGroups(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        cls.peers = Peers(org.place)
        cls.old1, cls.old2 = cls.peers.sink("127.0.21.1"), cls.peers.sink("127.0.21.2")
        cls.far = cls.peers.sink("127.0.21.3")
        cls.london_port = free_port()
        cls.group = org.directory.dn("Old systems", "Routing Groups")
        for hub in org.hubs:
            org.directory.change(hub.dn(), **QUICK)
        org.directory.add(record(
            "cn=In,%s" % org.london1.dn(), "hubReceiveConnector", cn="In",
            hubBinding="127.0.0.1:%d" % cls.london_port, hubRemoteIPRange="127.0.0.1",
            hubAuthMechanism=["Tls", "ExternalAuthoritative"], hubPermissionGroup="HubServers"))
        org.directory.add(record(cls.group, "hubRoutingGroup", cn="Old systems",
                                 hubAddressSpace=["SMTP:*.old.example;3", "SMTP:legacy.example"]))
        org.directory.add(cls.connector("To old", org.london2, cls.old1, cls.old2, hubCost="5",
                                        hubBidirectional="TRUE"))
        org.start()

    @classmethod
    def connector(cls, name, source, *targets, **attributes):
        return record(cls.org.connector(name), "hubRoutingGroupConnector", **dict({
            "cn": name, "hubSourceServer": source.dn(), "hubTargetRoutingGroup": cls.group,
            "hubTargetServer": ["[%s]:%d" % s.address for s in targets]}, **attributes))

    def submit(self, address, at=None, padding=0):
        token, data = message(sender="anna@contoso.com", to=address,
                              body="x\r\n" + ("y" * 70 + "\r\n") * (padding // 72))
        send(at or self.london_port, "anna@contoso.com", [address], data)
        return token

    def arrives(self, token, *sinks):
        return wait_for(lambda: "%s at one of %s" % (token, sinks),
                        lambda: [m for s in sinks for m in s.find(token)])[0]

    def explain(self, server, address, size=0, **known):
        told = self.org.explain(server, address, size)
        for key, value in known.items():
            self.assertEqual(told[key], value, (key, told))
        return told

    def test_reached_by_its_connector(self):
        """From another site, from the source server's site, and from the source server."""
        org = self.org
        targets = ",".join(sorted("[%s]:%d" % s.address for s in (self.old1, self.old2)))
        for port, server, cost in ((org.application_port, "paris1", 10 + 5 + 3),
                                   (self.london_port, "london1", 5 + 3)):
            got = self.arrives(self.submit("x@sub.old.example", at=port), self.old1, self.old2)
            self.assertEqual((got.helo, got.recipients), ("london2.contoso.com",
                                                          ["x@sub.old.example"]))
            told = self.explain(server, "x@sub.old.example", decision="relay", connector="To old",
                                cost=cost, next_servers=["london2"])
            self.assertEqual((told["then"]["decision"], told["then"]["queue"]), ("connector", {
                "type": "SmtpRelayToRoutingGroup", "domain": targets, "connector": "To old"}))
        self.explain("paris1", "x@legacy.example", cost=10 + 5 + 1)
        with self.subTest("other domains go another way"):
            self.arrives(self.submit("x@older.example"), org.smart_host)

    def test_target_servers_share_and_stand_in(self):
        org = self.org
        org.change(org.london2.dn(), hubIntraOrgMaxMessagesPerConnection="1")
        self.addCleanup(org.change, org.london2.dn(), hubIntraOrgMaxMessagesPerConnection=None)

        def counts(n):
            tokens = []
            for _ in range(n):
                tokens.append(self.submit("x@legacy.example"))
                self.arrives(tokens[-1], self.old1, self.old2)
            return [len([t for t in tokens if s.find(t)]) for s in (self.old1, self.old2)]

        self.assertEqual(counts(6), [3, 3])
        self.old1.stop()
        self.assertEqual(counts(4), [0, 4])
        self.old2.stop()
        token = self.submit("x@legacy.example")
        wait_for("it waits in Retry", lambda: [
            e for e in org.london2.events("queue-retry")
            if e["queue"].startswith("SmtpRelayToRoutingGroup/")])
        self.old1.start()
        self.arrives(token, self.old1)
        self.old2.start()
        wait_for("the second takes its share again", lambda: counts(2)[1])

    def test_source_servers_share_and_stand_in(self):
        """Several on our side: each has its turn, and the rest goes on without one that is gone."""
        org = self.org
        org.change(org.connector("To old"), hubSourceServer=[org.london1.dn(), org.london2.dn()])
        self.addCleanup(org.change, org.connector("To old"), hubSourceServer=org.london2.dn())
        org.change(org.paris1.dn(), hubIntraOrgMaxMessagesPerConnection="1")
        self.addCleanup(org.change, org.paris1.dn(), hubIntraOrgMaxMessagesPerConnection=None)

        def sources(n):
            return sorted(self.arrives(self.submit("x@legacy.example", at=org.application_port),
                                       self.old1, self.old2).helo for _ in range(n))

        london1, london2 = "london1.contoso.com", "london2.contoso.com"
        self.assertEqual(sources(4), [london1, london1, london2, london2])
        told = self.explain("paris1", "x@legacy.example", cost=10 + 5 + 1)
        self.assertEqual((told["queue"]["type"], told["next_servers"]),
                         ("SmtpRelayToConnectorSources", ["london1", "london2"]))
        self.assertEqual(org.london2.stop(), 0)
        self.assertEqual(sources(3), [london1] * 3)
        org.london2.start()
        wait_for("it takes its share again", lambda: london2 in sources(2))

    def add(self, text, name):
        self.org.apply(lambda: self.org.directory.add(text))
        self.addCleanup(self.org.apply,
                        lambda: self.org.directory.delete(self.org.connector(name)))

    def test_competes_with_send_connectors(self):
        """Specificity first, then the cost of way, connector and address space, then the name."""
        org, address = self.org, "x@a.old.example"
        self.add(record(org.connector("Rival"), "hubSendConnector", cn="Rival",
                        hubAddressSpace="SMTP:*.old.example;9", hubDNSRouting="FALSE",
                        hubSourceServer=org.london2.dn(),
                        hubSmartHost="[%s]:%d" % self.far.address), "Rival")
        self.arrives(self.submit(address), self.old1, self.old2)
        lost = {c["connector"]: c["lost_by"]
                for c in self.explain("london1", address)["candidates"]}
        self.assertEqual(lost, {"Rival": "cost", "To Internet": "less-specific", "To old": None})
        for cost, winner in (("7", "Rival"), ("6", "Rival"), ("5", "To old")):
            org.change(org.connector("To old"), hubCost=cost)
            self.explain("london1", address, connector=winner)
            self.arrives(self.submit(address), *([self.far] if winner == "Rival" else
                                                 [self.old1, self.old2]))

    def test_nearest_connector_to_the_group(self):
        """A second one from Paris: each site takes its own, until that is disabled."""
        org = self.org
        self.add(self.connector("By Paris", org.paris1, self.far, hubCost="1"), "By Paris")
        for port, server, name, sinks in (
                (org.application_port, "paris1", "By Paris", [self.far]),
                (self.london_port, "london1", "To old", [self.old1, self.old2])):
            self.arrives(self.submit("x@legacy.example", at=port), *sinks)
            self.explain(server, "x@legacy.example", connector=name)
        org.change(org.connector("By Paris"), hubEnabled="FALSE")
        self.arrives(self.submit("x@legacy.example", at=org.application_port), self.old1, self.old2)
        self.explain("paris1", "x@legacy.example", connector="To old")

    def test_failover_to_another_connector(self):
        """hubConnectorFailoverDelay: all target servers fail, the next connector takes over."""
        org, address = self.org, "x@legacy.example"
        self.add(self.connector("By Paris", org.paris1, self.far, hubCost="1"), "By Paris")
        self.explain("london1", address, connector="To old")
        org.change(org.directory.base, hubConnectorFailoverDelay="1")
        self.addCleanup(org.change, org.directory.base, hubConnectorFailoverDelay=None)
        self.old1.stop()
        self.old2.stop()
        token = self.submit(address)
        got = self.arrives(token, self.far)
        self.assertEqual(got.helo, "paris1.contoso.com")
        self.assertTrue(org.london2.events("connector-failed", connector="To old"))
        self.old1.start()
        self.old2.start()
        wait_for("it is back", lambda: org.london2.events("connector-back", connector="To old"))
        self.arrives(self.submit(address), self.old1, self.old2)

    def test_size_limit(self):
        org, address = self.org, "x@legacy.example"
        org.change(org.connector("To old"), hubMaxMessageSize="5000")
        self.addCleanup(org.change, org.connector("To old"), hubMaxMessageSize=None)
        token = self.submit(address, padding=6000)
        self.assertEqual(wait_report(org.mailbox, token, address).recipient(address)["Status"],
                         "5.3.4")
        self.explain("london1", address, 6000, decision="report", status="5.3.4")
        self.arrives(self.submit(address), self.old1, self.old2)

    def test_group_changes_live(self):
        """Its address spaces, the reference to it, and it disabled: mail goes by * then."""
        org, address = self.org, "x@new.example"
        self.arrives(self.submit(address), org.smart_host)
        spaces = ["SMTP:*.old.example;3", "SMTP:legacy.example"]
        org.change(self.group, hubAddressSpace=spaces + ["SMTP:new.example"])
        self.arrives(self.submit(address), self.old1, self.old2)
        for dn, attribute, value, back in (
                (self.group, "hubEnabled", "FALSE", None),
                (org.connector("To old"), "hubTargetRoutingGroup", None, self.group),
                (org.connector("To old"), "hubEnabled", "FALSE", None)):
            with self.subTest(attribute, dn=dn):
                org.change(dn, **{attribute: value})
                self.arrives(self.submit(address), org.smart_host)
                self.explain("london1", address, connector="To Internet")
                org.change(dn, **{attribute: back})
                self.arrives(self.submit(address), self.old1, self.old2)
        org.change(self.group, hubAddressSpace=spaces)
        self.arrives(self.submit(address), org.smart_host)

    def test_source_server_moves(self):
        org = self.org
        org.change(org.connector("To old"), hubSourceServer=org.paris1.dn())
        self.addCleanup(org.change, org.connector("To old"), hubSourceServer=org.london2.dn())
        got = self.arrives(self.submit("x@legacy.example"), self.old1, self.old2)
        self.assertEqual(got.helo, "paris1.contoso.com")

    # --- the way back ---

    def relay(self, port, source):
        """Mail from a stranger's address that the source server is to carry outside."""
        token, data = message(sender="someone@old.example", to="x@outside.example")
        with smtplib.SMTP("127.0.0.1", port, source_address=(source, 0), timeout=30) as client:
            client.sendmail("someone@old.example", ["x@outside.example"], data)
        return token

    def test_loops_are_cut(self):
        """A system of the group that takes us for the way there: a report, not mail for ever."""
        org, address = self.org, "x@legacy.example"
        back = Filter(org.place, "old", "127.0.21.4", org.london2.port)
        targets = ["[%s]:%d" % sink.address for sink in (self.old1, self.old2)]
        org.change(org.connector("To old"), hubTargetServer="[%s]:%d" % back.address)
        self.addCleanup(org.change, org.connector("To old"), hubTargetServer=targets)
        token = self.submit(address)
        fields = wait_report(org.mailbox, token, address).recipient(address)
        self.assertEqual(fields["Status"], "5.4.6")
        self.assertIn("mail loop", fields["Diagnostic-Code"])
        self.assertEqual((len(back.find(token)), back.refusals), (7, [554]))

    def test_from_one_group_to_another(self):
        """What the one sends is carried to the other, by the connector of that."""
        org = self.org
        other = org.directory.dn("Other systems", "Routing Groups")
        org.directory.add(record(other, "hubRoutingGroup", cn="Other systems",
                                 hubAddressSpace="SMTP:other.example"))
        self.addCleanup(org.directory.delete, other)
        self.add(self.connector("To other", org.paris1, self.far, hubTargetRoutingGroup=other,
                                hubCost="2"), "To other")
        token, data = message(sender="someone@old.example", to="x@other.example")
        with smtplib.SMTP("127.0.0.1", org.london2.port, source_address=("127.0.21.1", 0),
                          timeout=30) as client:
            client.sendmail("someone@old.example", ["x@other.example", "anna@contoso.com"], data)
        got = self.arrives(token, self.far)
        self.assertEqual((got.helo, got.recipients), ("paris1.contoso.com", ["x@other.example"]))
        self.arrives(token, org.mailbox)
        self.explain("london2", "x@other.example", connector="To other", cost=10 + 2 + 1)

    def test_two_way_connector_trusts_its_targets(self):
        """By address, on a source server; what they send is routed like mail from within."""
        org = self.org
        self.arrives(self.relay(org.london2.port, "127.0.21.1"), org.smart_host)
        for port, source, why in ((org.london2.port, "127.0.21.3", "no target server"),
                                  (org.london1.port, "127.0.21.1", "no source server")):
            with self.subTest(why), self.assertRaises(smtplib.SMTPException):
                self.relay(port, source)
        with self.subTest("one-way"):
            org.change(org.connector("To old"), hubBidirectional="FALSE")
            with self.assertRaises(smtplib.SMTPException):
                self.relay(org.london2.port, "127.0.21.1")
            org.change(org.connector("To old"), hubBidirectional="TRUE")
        with self.subTest("where the Receive connector does not list LegacyServers"):
            dn = "cn=Default london2," + org.london2.dn()
            org.change(dn, hubPermissionGroup=["HubUsers", "HubServers"])
            with Client(org.london2.port, source="127.0.21.1") as client:
                client.ehlo()
                self.assertRegex(client.say("MAIL FROM:<a@old.example>"), "^530")
            org.change(dn, hubPermissionGroup=["HubUsers", "HubServers", "LegacyServers"])


if __name__ == "__main__":
    unittest.main()
