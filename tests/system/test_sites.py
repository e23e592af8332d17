"""Sites and links on the wire: paths, hub sites, limits; drained and disabled; all changed live.

London (london1, london2) -10- Paris (paris1, mbx1) -10- Rome (rome1, mbx2), and London -100- Rome.
"""

import glob
import os
import re
import unittest

from .harness.base import free_port, wait_for
from .harness.delivery import wait_report
from .harness.directory import record
from .harness.hub import Hub
from .harness.organization import Organization, message, send
from .harness.peers import Sink


def passed(message):
    """The hubs that a message passed, the first one first."""
    return [name.decode() for name in reversed(re.findall(rb"\tby (\w+)\.contoso\.com",
                                                          message.data))]


def told(explained):
    """The hubs that explain says it passes."""
    names = []
    while explained is not None:
        names.append(explained["server"])
        explained = explained["then"]
    return names


class Sites(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        d = org.directory
        cls.rome1 = Hub(org.place, d, "rome1", "Rome")
        org.hubs.append(cls.rome1)
        cls.mbx2 = Sink(org.place, lmtp=True)
        cls.rome_relay = Sink(org.place)
        site = {name: d.dn(name, "Sites") for name in ("London", "Paris", "Rome")}
        cls.site = site
        d.add(record(site["Rome"], "hubSite", cn="Rome") + cls.rome1.records())
        for a, b, cost in (("Paris", "Rome", "10"), ("London", "Rome", "100")):
            d.add(record(d.dn(a + "-" + b, "Site Links"), "hubSiteLink", cn=a + "-" + b,
                         hubSiteList=[site[a], site[b]], hubCost=cost))
        d.add(record(d.dn("mbx2", "Servers"), "hubMailboxServer", cn="mbx2",
                     hubServerSite=site["Rome"], hubAddress="127.0.0.1:%d" % cls.mbx2.port,
                     hubDeliveryProtocol="LMTP"))
        d.add(record("uid=dora,ou=People," + d.suffix, "inetOrgPerson inetLocalMailRecipient",
                     uid="dora", cn="dora", sn="dora", mail="dora@contoso.com", mailHost="mbx2"))
        d.add(record(org.connector("By Rome"), "hubSendConnector", cn="By Rome",
                     hubAddressSpace="SMTP:rome.example", hubSourceServer=cls.rome1.dn(),
                     hubSmartHost="[127.0.0.1]:%d" % cls.rome_relay.port, hubDNSRouting="FALSE"))
        cls.entrance = {org.paris1: org.application_port}
        for hub in (org.london1, cls.rome1):
            cls.entrance[hub] = free_port()
            d.add(record("cn=In,%s" % hub.dn(), "hubReceiveConnector", cn="In",
                         hubBinding="127.0.0.1:%d" % cls.entrance[hub],
                         hubAuthMechanism=["Tls", "ExternalAuthoritative"],
                         hubPermissionGroup="HubServers"))
        org.start()

    def submit(self, hub, address, padding=0):
        token, data = message(sender="anna@contoso.com", to=address,
                              body="x" * 70 + "\r\n" if padding == 0 else
                              ("x" * 70 + "\r\n") * (padding // 72 + 1))
        send(self.entrance[hub], "anna@contoso.com", [address], data)
        return token, len(data)

    def goes(self, hub, address, sink, *hops):
        """From hub by hops to the sink, and explain says the same."""
        token, _ = self.submit(hub, address)
        got = sink.wait(token)[0]
        self.assertEqual(passed(got), [h if isinstance(h, str) else h.name for h in (hub, *hops)])
        self.assertEqual(told(self.org.explain(hub.name, address)), passed(got))

    def waits(self, hub, address, reason):
        """In the Unreachable queue, and explain gives the same reason."""
        token, _ = self.submit(hub, address)
        event = wait_for("unreachable at " + hub.name, lambda: [
            e for e in hub.events("unreachable", to=address)
            if re.search(reason, e["reason"])])[-1]
        explained = self.org.explain(hub.name, address)
        self.assertEqual((explained["decision"], explained["text"]), ("unreachable",
                                                                      event["reason"]))
        return token

    def set(self, dn, **attributes):
        """Until the end of the test, or doCleanups."""
        self.org.change(dn, **attributes)
        self.addCleanup(self.org.change, dn, **{name: None for name in attributes})

    def link(self, name):
        return self.org.directory.dn(name, "Site Links")

    # --- paths ---

    def test_hub_site(self):
        london1, paris1, rome1 = self.org.london1, self.org.paris1, self.rome1
        self.goes(london1, "dora@contoso.com", self.mbx2, rome1)
        self.set(self.site["Paris"], hubHubSite="TRUE")
        self.goes(london1, "dora@contoso.com", self.mbx2, paris1, rome1)
        self.goes(london1, "x@rome.example", self.rome_relay, paris1, rome1)
        self.goes(rome1, "x@outside.example", self.org.smart_host, paris1, "london2")
        with self.subTest("off the path it is not looked at"):
            self.org.change(self.link("London-Rome"), hubTransportCost="5")
            self.goes(london1, "dora@contoso.com", self.mbx2, rome1)
            self.org.change(self.link("London-Rome"), hubTransportCost=None)
            self.goes(london1, "dora@contoso.com", self.mbx2, paris1, rome1)

    def test_transport_cost_replaces_cost(self):
        """With Paris as hub site the way can be seen on the wire."""
        self.set(self.site["Paris"], hubHubSite="TRUE")
        london1, paris1, rome1 = self.org.london1, self.org.paris1, self.rome1
        for name, attribute, cost, hops in (
                ("London-Rome", "hubTransportCost", "20", (rome1,)),  # a tie: fewest hops
                ("London-Rome", "hubTransportCost", "21", (paris1, rome1)),
                ("London-Paris", "hubTransportCost", "200", (rome1,)),
                ("London-Paris", "hubCost", "200", (rome1,)),
                ("London-Paris", "hubTransportCost", "1", (paris1, rome1))):
            with self.subTest(name=name, attribute=attribute, cost=cost):
                before = "10" if attribute == "hubCost" else None
                self.org.change(self.link(name), **{attribute: cost})
                self.goes(london1, "dora@contoso.com", self.mbx2, *hops)
                self.org.change(self.link(name), **{attribute: before})

    # --- limits ---

    def test_size_limit_of_a_link(self):
        """A link on the path refuses it; that another way is open does not help."""
        self.set(self.link("Paris-Rome"), hubMaxMessageSize="5000")
        london1 = self.org.london1
        for address in ("dora@contoso.com", "x@rome.example"):
            with self.subTest(address):
                token, size = self.submit(london1, address, padding=6000)
                report = wait_report(self.org.mailbox, token, address)
                self.assertEqual(report.recipient(address)["Status"], "5.3.4")
                self.assertIn("Paris-Rome", report.recipient(address)["Diagnostic-Code"])
                self.assertEqual(self.org.explain("london1", address, size)["status"], "5.3.4")
        self.goes(london1, "dora@contoso.com", self.mbx2, self.rome1)
        token, _ = self.submit(london1, "anna@contoso.com", padding=6000)
        self.org.mailbox.wait(token)

    def test_size_is_that_of_the_first_acceptance(self):
        """Exactly as large as a link allows, it passes two hubs that each add to its header."""
        self.set(self.site["Paris"], hubHubSite="TRUE")
        size = len(message(body="x" * 70 + "\r\n", sender="anna@contoso.com",
                           to="dora@contoso.com")[1])
        self.set(self.link("Paris-Rome"), hubMaxMessageSize=str(size))
        token, sent = self.submit(self.org.london1, "dora@contoso.com")
        self.assertEqual(sent, size)
        got = self.mbx2.wait(token)[0]
        self.assertEqual(passed(got), ["london1", "paris1", "rome1"])
        self.assertGreater(len(got.data), size)
        self.assertNotIn(b"OriginalSize", got.data)
        self.org.change(self.link("Paris-Rome"), hubMaxMessageSize=str(size - 1))
        token, _ = self.submit(self.org.london1, "dora@contoso.com")
        wait_report(self.org.mailbox, token, "dora@contoso.com")

    # --- drained ---

    def test_drained_site(self):
        org, london1, rome1 = self.org, self.org.london1, self.rome1
        self.set(self.site["Rome"], hubInboundMail="FALSE")
        waiting = self.waits(london1, "dora@contoso.com", "Rome.*drained")
        with self.subTest("its own servers go on"):
            self.goes(rome1, "dora@contoso.com", self.mbx2)
            self.goes(rome1, "x@rome.example", self.rome_relay)
            self.goes(rome1, "x@outside.example", org.smart_host, "london2")
            self.goes(rome1, "anna@contoso.com", org.mailbox, org.paris1)
        with self.subTest("its connectors are used from within only"):
            self.goes(london1, "x@rome.example", org.smart_host, "london2")
        with self.subTest("opened again, what waited comes in"):
            self.doCleanups()
            self.mbx2.wait(waiting)
            self.goes(london1, "x@rome.example", self.rome_relay, rome1)

    def test_drained_hub_site_is_passed(self):
        self.set(self.site["Paris"], hubHubSite="TRUE", hubInboundMail="FALSE")
        self.goes(self.org.london1, "dora@contoso.com", self.mbx2, self.rome1)
        self.assertEqual(self.org.explain("london1", "dora@contoso.com")["path"],
                         ["London", "Paris", "Rome"])

    def test_scoped_connector(self):
        """Seen by the hubs of its source servers' site only."""
        org, address = self.org, "x@rome.example"
        self.set(org.connector("By Rome"), hubScoped="TRUE")
        self.goes(self.rome1, address, self.rome_relay)
        self.goes(org.london1, address, org.smart_host, "london2")
        lost = {c["connector"]: c["lost_by"] for c in org.explain("london1", address)["candidates"]}
        self.assertEqual(lost, {"By Rome": "scope", "To Internet": None})
        self.doCleanups()
        self.goes(org.london1, address, self.rome_relay, self.rome1)

    def test_foreign_connector(self):
        """Sources, scope, size, spaces of another kind of connector: the same rules, live."""
        org, dn, address = self.org, self.org.connector("Gateway"), "x@a.gateway.example"
        roots = {hub: org.place.directory("drop-" + hub.name) for hub in (org.london1, self.rome1)}
        for hub, root in roots.items():
            os.mkdir(os.path.join(root, "Gateway"))
            org.change(hub.dn(), hubDropRoot=root)
        org.apply(lambda: org.directory.add(record(
            dn, "hubForeignConnector", cn="Gateway", hubAddressSpace="SMTP:*.gateway.example",
            hubSourceServer=self.rome1.dn())))
        self.addCleanup(org.apply, lambda: org.directory.delete(dn))

        def dropped(at, hub, padding=0):
            token, _ = self.submit(at, address, padding)

            def found():
                return [path for path in glob.glob(os.path.join(roots[hub], "*", "*.eml"))
                        if token in open(path, errors="replace").read()]
            wait_for("a file of " + hub.name, found)

        dropped(org.paris1, self.rome1)
        org.change(dn, hubSourceServer=org.london1.dn())
        dropped(self.rome1, org.london1)
        with self.subTest("scope"):
            org.change(dn, hubScoped="TRUE")
            dropped(org.london1, org.london1)
            self.assertEqual([org.explain(hub, address)["connector"] for hub in (
                "london2", "rome1", "paris1")], ["Gateway", "To Internet", "To Internet"])
            org.change(dn, hubScoped=None)
        with self.subTest("size"):
            org.change(dn, hubMaxMessageSize="5000")
            dropped(org.paris1, org.london1)
            token, _ = self.submit(org.paris1, address, 6000)
            report = wait_report(org.mailbox, token, address)
            self.assertEqual(report.recipient(address)["Status"], "5.3.4")
            org.change(dn, hubMaxMessageSize=None)
            dropped(org.paris1, org.london1, 6000)
        with self.subTest("space"):
            org.change(dn, hubAddressSpace="SMTP:gateway.example")
            self.goes(org.london1, address, org.smart_host, "london2")

    # --- hubEnabled ---

    def test_disabled_link(self):
        org, london1, rome1 = self.org, self.org.london1, self.rome1
        self.set(self.link("Paris-Rome"), hubEnabled="FALSE")
        self.goes(london1, "dora@contoso.com", self.mbx2, rome1)
        self.assertEqual(org.explain("london1", "dora@contoso.com")["cost"], 100)
        self.set(self.link("London-Rome"), hubEnabled="FALSE")
        waiting = self.waits(london1, "dora@contoso.com", "no path leads to site Rome")
        self.doCleanups()
        self.mbx2.wait(waiting)

    def test_disabled_site(self):
        self.set(self.site["Rome"], hubEnabled="FALSE")
        waiting = self.waits(self.org.london1, "dora@contoso.com", "site of mailbox server mbx2")
        self.goes(self.org.london1, "x@rome.example", self.org.smart_host, "london2")
        self.doCleanups()
        self.mbx2.wait(waiting)

    def test_disabled_site_is_no_way_for_others(self):
        self.set(self.site["Paris"], hubEnabled="FALSE")
        self.goes(self.org.london1, "dora@contoso.com", self.mbx2, self.rome1)
        self.assertEqual(self.org.explain("london1", "dora@contoso.com")["path"],
                         ["London", "Rome"])

    def test_disabled_mailbox_server(self):
        dn = self.org.directory.dn("mbx2", "Servers")
        self.set(dn, hubEnabled="FALSE")
        waiting = self.waits(self.org.london1, "dora@contoso.com", "mbx2 is disabled")
        self.doCleanups()
        self.mbx2.wait(waiting)

    def test_disabled_server(self):
        """A site without an enabled hub: its mailboxes wait, its connectors have no source."""
        self.set(self.rome1.dn(), hubEnabled="FALSE")
        waiting = self.waits(self.org.london1, "dora@contoso.com", "Rome.*no enabled hub")
        self.goes(self.org.london1, "x@rome.example", self.org.smart_host, "london2")
        lost = {c["connector"]: c["lost_by"] for c in self.org.explain(
            "london1", "x@rome.example")["candidates"]}
        self.assertEqual(lost["By Rome"], "no-source")
        self.doCleanups()
        self.mbx2.wait(waiting)

    def test_mailbox_server_moves(self):
        """hubServerSite of a mailbox server and of a hub, changed under the mail."""
        org, dn = self.org, self.org.directory.dn("mbx2", "Servers")
        org.change(dn, hubServerSite=self.site["Paris"])
        self.goes(org.london1, "dora@contoso.com", self.mbx2, org.paris1)
        org.change(dn, hubServerSite=self.site["London"])
        self.goes(org.london1, "dora@contoso.com", self.mbx2)
        org.change(dn, hubServerSite=self.site["Rome"])
        org.change(self.rome1.dn(), hubServerSite=self.site["London"])
        self.addCleanup(org.change, self.rome1.dn(), hubServerSite=self.site["Rome"])
        self.waits(org.london1, "dora@contoso.com", "Rome.*no enabled hub")
        told = org.explain("london1", "x@rome.example")
        self.assertEqual((told["queue"]["type"], told["next_servers"]),
                         ("SmtpRelayWithinSite", ["rome1"]))
        self.goes(org.london1, "x@rome.example", self.rome_relay, self.rome1)


if __name__ == "__main__":
    unittest.main()
