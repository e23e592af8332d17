"""Linked connectors: what comes in by one Receive connector goes out to a filter, and back.

What comes to Internet of london1 goes to the first filter and back to First, from there to the
second and back to Second, which is no more than a Receive connector.
"""

import re
import smtplib
import unittest

from .harness.base import free_port, wait_for
from .harness.delivery import QUICK, wait_report
from .harness.directory import record
from .harness.filter import Filter
from .harness.organization import Organization, message, send

FIRST, SECOND, ECHO, GUARD = "127.0.31.1", "127.0.31.2", "127.0.31.3", "127.0.31.4"


class Linked(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        for hub in org.hubs:
            org.directory.change(hub.dn(), **QUICK)
        cls.ports = {name: free_port() for name in (
            "First", "Second", "Circle", "Entrance", "Gate", "Behind")}
        cls.first = Filter(org.place, "first", FIRST, cls.ports["First"])
        cls.second = Filter(org.place, "second", SECOND, cls.ports["Second"])
        cls.guard = Filter(org.place, "guard", GUARD, cls.ports["Behind"])
        cls.echo = Filter(org.place, "echo", ECHO, cls.ports["Circle"])
        org.directory.add("".join([
            cls.receive("First", FIRST), cls.receive("Second", SECOND),
            cls.receive("Circle", "127.0.0.0/8"), cls.receive("Entrance", "127.0.0.1"),
            cls.filter("To first", "Internet", cls.first),
            cls.filter("To second", "First", cls.second),
            cls.filter("To echo", "Circle", cls.echo),
            cls.outside("Gate", "127.0.0.1"), cls.outside("Behind", GUARD),
            cls.filter("To guard", "Gate", cls.guard),
            record("cn=insiders,ou=People," + org.directory.suffix,
                   "groupOfNames hubMailGroup hubRecipient", cn="insiders",
                   mail="insiders@contoso.com", hubRefuseOutsideMail="TRUE",
                   member="uid=bruno,ou=People," + org.directory.suffix),
            record("cn=most,ou=People," + org.directory.suffix, "groupOfNames hubMailGroup",
                   cn="most", mail="most@contoso.com",
                   member=["%s,ou=People,%s" % (name, org.directory.suffix)
                           for name in ("uid=anna", "cn=insiders")]),
            record("cn=everybody,ou=People," + org.directory.suffix,
                   "groupOfNames hubMailGroup", cn="everybody", mail="everybody@contoso.com",
                   member=["uid=%s,ou=People,%s" % (name, org.directory.suffix)
                           for name in ("anna", "bruno")])]))
        org.directory.change("cn=Internet," + org.london1.dn(),
                             hubGrant="AnonymousUsers Accept-Any-Recipient")
        org.start()

    @classmethod
    def receive(cls, name, remote):
        return record(
            "cn=%s,%s" % (name, cls.org.london1.dn()), "hubReceiveConnector", cn=name,
            hubBinding="127.0.0.1:%d" % cls.ports[name], hubRemoteIPRange=remote,
            hubAuthMechanism=["Tls", "ExternalAuthoritative"], hubPermissionGroup="HubServers")

    @classmethod
    def outside(cls, name, remote):
        return record(
            "cn=%s,%s" % (name, cls.org.london1.dn()), "hubReceiveConnector", cn=name,
            hubUsage="Internet", hubBinding="127.0.0.1:%d" % cls.ports[name],
            hubRemoteIPRange=remote, hubGrant="AnonymousUsers Accept-Any-Recipient")

    @classmethod
    def filter(cls, name, receive, sink, **attributes):
        return record(cls.org.connector(name), "hubSendConnector", **dict(dict(
            cn=name, hubDNSRouting="FALSE", hubMaxMessageSize="0", hubMaxMessagesPerConnection="1",
            hubSmartHost="[%s]:%d" % sink.address,
            hubLinkedReceiveConnector="cn=%s,%s" % (receive, cls.org.london1.dn())), **attributes))

    def setUp(self):
        self.first.refusals.clear()
        self.second.refusals.clear()

    def submit(self, *recipients, port=None, sender="someone@outside.example"):
        token, data = message(sender=sender, to=recipients[0])
        send(port or self.org.internet_port, sender, recipients, data)
        return token

    def passed(self, data):
        """The filters that it went through, the last one first."""
        return re.findall(rb"^X-Filter: (\w+)\r$", data, re.M)

    def test_two_filters_in_a_row(self):
        """Accepted and foreign recipients, in one copy, through each filter once."""
        org = self.org
        token = self.submit("anna@contoso.com", "x@elsewhere.example", "bruno@contoso.com")
        inside, = org.mailbox.wait(token)
        outside, = org.smart_host.wait(token)
        self.assertEqual(sorted(inside.recipients), ["anna@contoso.com", "bruno@contoso.com"])
        self.assertEqual(outside.recipients, ["x@elsewhere.example"])
        for got in (inside, outside):
            self.assertEqual(self.passed(got.data), [b"second", b"first"])
            self.assertEqual(got.sender, "someone@outside.example")
            self.assertEqual(len(re.findall(rb"^\tby london1.contoso.com|by london1.contoso.com",
                                            got.data, re.M)), 3, got.data[:2000])
        for sink in (self.first, self.second):
            got, = sink.find(token)
            self.assertEqual(sorted(got.recipients), [
                "anna@contoso.com", "bruno@contoso.com", "x@elsewhere.example"])
        queues = {q["next_hop_connector"]: q for q in org.london1.ctl("queue", "list")["queues"]}
        self.assertEqual((queues["To first"]["delivery_type"],
                          queues["To first"]["next_hop_domain"]),
                         ("SmartHostConnectorDelivery", "[%s]:%d" % self.first.address))

    def test_a_group_is_expanded_behind_the_filters(self):
        token = self.submit("everybody@contoso.com")
        wait_for("both have it", lambda: sorted(
            r for m in self.org.mailbox.find(token) for r in m.recipients) == [
                "anna@contoso.com", "bruno@contoso.com"])
        for sink in (self.first, self.second):
            got, = sink.find(token)
            self.assertEqual(got.recipients, ["everybody@contoso.com"])

    def test_only_what_came_in_there(self):
        """By other connectors of the same server, and reports, mail goes its usual way."""
        org = self.org
        token = self.submit("anna@contoso.com", "x@elsewhere.example",
                            port=self.ports["Entrance"])
        for sink in (org.mailbox, org.smart_host):
            self.assertEqual(self.passed(sink.wait(token)[0].data), [])
        with self.subTest("a report about filtered mail"):
            self.second.answer("MAIL", "550 5.7.1 not that", times=1)
            token = self.submit("x@elsewhere.example", sender="clara@contoso.com")
            fields = wait_report(org.mailbox, token, "x@elsewhere.example")
            self.second.answer("MAIL", None)
            self.assertIn("not that", fields.recipient("x@elsewhere.example")["Diagnostic-Code"])
            self.assertEqual(len(self.second.find(token)), 0)

    def test_outside_mail_stays_outside_mail(self):
        """A filter that vouches for nobody, as in hub-routing(7): groups are expanded behind it."""
        org = self.org
        token = self.submit("most@contoso.com", "x@elsewhere.example", port=self.ports["Gate"])
        outside, = wait_for("it is outside", lambda: [
            m for m in org.smart_host.find(token) if m.sender])
        self.assertEqual(outside.recipients, ["x@elsewhere.example"])
        refused, = wait_for("the others are refused", lambda: org.london1.events(
            "failed", to="insiders@contoso.com"))
        self.assertEqual(refused["status"], "5.7.1")
        inside, = org.mailbox.wait(token)
        self.assertEqual(inside.recipients, ["anna@contoso.com"])
        for got in (inside, outside):
            self.assertEqual(self.passed(got.data), [b"guard"])
        # from within it goes
        token = self.submit("most@contoso.com", sender="anna@contoso.com",
                            port=self.ports["Entrance"])
        wait_for("both have it", lambda: sorted(
            r for m in org.mailbox.find(token) for r in m.recipients) == [
                "anna@contoso.com", "bruno@contoso.com"])

    def test_a_filter_refuses_and_puts_off(self):
        """Its answers are those of any next hop."""
        org = self.org
        self.second.answer("RCPT TO:<x@", "550 5.1.1 nobody", times=1)
        self.second.answer("RCPT TO:<y@", "451 4.2.0 later", times=1)
        token = self.submit("x@elsewhere.example", "y@elsewhere.example", "z@elsewhere.example",
                            sender="clara@contoso.com")
        report = wait_report(org.mailbox, token, "x@elsewhere.example")
        self.assertEqual(report.addresses(), ["x@elsewhere.example"])
        wait_for("the others arrive", lambda: sorted(
            r for m in org.smart_host.find(token) for r in m.recipients) == [
                "y@elsewhere.example", "z@elsewhere.example"])
        self.second.answer("RCPT TO:<x@", None)
        self.second.answer("RCPT TO:<y@", None)
        for sink in (self.second, org.smart_host):
            self.assertEqual(len(sink.find(token)), 2)

    def test_mail_waits_for_its_filter(self):
        """Until that is back; and no longer than the connector is linked."""
        org = self.org

        def waiting(name="To first"):
            return [q for q in org.london1.ctl("queue", "list")["queues"]
                    if q["next_hop_connector"] == name and q["message_count"]]
        self.first.stop()
        token = self.submit("anna@contoso.com")
        wait_for("it waits", lambda: [q for q in waiting() if q["status"] == "Retry"])
        self.assertEqual(org.mailbox.find(token), [])
        self.first.start()
        self.assertEqual(self.passed(org.mailbox.wait(token)[0].data), [b"second", b"first"])
        dn = org.connector("To first")
        in_dn = "cn=Internet," + org.london1.dn()
        for what, change, back in (
                ("disabled", {"hubEnabled": "FALSE"}, {"hubEnabled": None}),
                ("not linked", {"hubLinkedReceiveConnector": None,
                                "hubAddressSpace": "SMTP:first.example",
                                "hubSourceServer": org.london1.dn()},
                 {"hubLinkedReceiveConnector": in_dn, "hubAddressSpace": None,
                  "hubSourceServer": None})):
            with self.subTest(what):
                self.first.stop()
                token = self.submit("anna@contoso.com")
                wait_for("it waits", waiting)
                org.change(dn, **change)
                self.assertEqual(self.passed(org.mailbox.wait(token)[0].data), [])
                straight = self.submit("anna@contoso.com")
                self.assertEqual(self.passed(org.mailbox.wait(straight)[0].data), [])
                org.change(dn, **back)
                self.first.start()
                token = self.submit("anna@contoso.com")
                self.assertEqual(len(self.passed(org.mailbox.wait(token)[0].data)), 2)
        with self.subTest("removed while the hub is down"):
            self.first.stop()
            token = self.submit("anna@contoso.com")
            wait_for("it waits", waiting)
            org.london1.stop()
            org.directory.delete(dn)
            org.london1.start()
            self.assertEqual(self.passed(org.mailbox.wait(token)[0].data), [])
            self.first.start()
            org.apply(lambda: org.directory.add(self.filter("To first", "Internet", self.first)))

    def test_a_filter_that_sends_back_to_the_same_connector(self):
        """Goes round until hubMaxLocalHopCount, then the sender has a report with 5.4.6."""
        org, address = self.org, "x@elsewhere.example"
        token = self.submit(address, port=self.ports["Circle"], sender="clara@contoso.com")
        fields = wait_report(org.mailbox, token, address).recipient(address)
        self.assertEqual((fields["Status"], fields["Diagnostic-Code"][:15]),
                         ("5.4.6", "smtp; 554 5.4.6"))
        self.assertIn("mail loop", fields["Diagnostic-Code"])
        self.assertEqual((len(self.echo.find(token)), self.echo.refusals), (7, [554]))
        self.assertEqual(org.smart_host.find(token), [])
        with self.subTest("live"):
            org.change("cn=Circle," + org.london1.dn(), hubMaxLocalHopCount="2")
            token = self.submit(address, port=self.ports["Circle"], sender="clara@contoso.com")
            wait_report(org.mailbox, token, address)
            self.assertEqual(len(self.echo.find(token)), 1)

    def test_strangers_are_checked_before_the_filter(self):
        """As on any Receive connector: unknown recipients, and foreign ones without the right."""
        org = self.org
        dn = "cn=Internet," + org.london1.dn()
        org.change(dn, hubGrant=None)
        self.addCleanup(org.change, dn, hubGrant="AnonymousUsers Accept-Any-Recipient")
        for address in ("nobody@contoso.com", "x@elsewhere.example"):
            with self.assertRaises(smtplib.SMTPRecipientsRefused):
                self.submit(address)
        token = self.submit("anna@contoso.com")
        self.assertEqual(self.passed(org.mailbox.wait(token)[0].data), [b"second", b"first"])


if __name__ == "__main__":
    unittest.main()
