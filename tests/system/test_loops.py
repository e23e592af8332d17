"""Loops are cut: by the count of all hops, by how often this server was passed, with a report."""

import re
import smtplib
import threading
import unittest

from .harness.base import free_port
from .harness.delivery import QUICK, Report, wait_report
from .harness.directory import record
from .harness.organization import Organization, message, send
from .harness.peers import Sink


class Boomerang(Sink):
    """A relay outside that sends whatever it takes back to where it came from."""

    def __init__(self, place, port):
        self.back = port
        self.returned, self.refusals = 0, []
        self.sending = []
        super().__init__(place)

    def keep(self, message):
        thread = threading.Thread(target=self.send_back, args=(message,), daemon=True)
        thread.start()
        # whoever sees the message finds the thread
        self.sending.append(thread)
        super().keep(message)

    def send_back(self, message):
        """As a relay does: what is refused is reported to the sender, through the hubs."""
        try:
            with smtplib.SMTP("127.0.0.1", self.back, timeout=30) as client:
                client.sendmail(message.sender, message.recipients,
                                b"Received: from hub by relay.outside.example\r\n" + message.data)
            self.returned += 1
        except smtplib.SMTPResponseException as refusal:
            self.refusals.append((refusal.smtp_code, refusal.smtp_error.decode()))


class Loops(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        cls.entrance, cls.back_door = free_port(), free_port()
        org.directory.change(org.london2.dn(), **QUICK)
        for hub, name, port in ((org.london1, "In", cls.entrance),
                                (org.london2, "Back", cls.back_door)):
            org.directory.add(record(
                "cn=%s,%s" % (name, hub.dn()), "hubReceiveConnector", cn=name,
                hubBinding="127.0.0.1:%d" % port, hubPermissionGroup="HubServers",
                hubAuthMechanism=["Tls", "ExternalAuthoritative"], hubTarpitInterval="0"))
        cls.boomerang = Boomerang(org.place, cls.back_door)
        # two hubs that think the other one is the way out
        for name, source, port in (
                ("Round by relay", org.london2, cls.boomerang.port),
                ("Round one", org.london1, cls.back_door),
                ("Round two", org.london2, cls.entrance)):
            org.directory.add(record(
                org.connector(name), "hubSendConnector", cn=name, hubDNSRouting="FALSE",
                hubAddressSpace="SMTP:%s.example" % name.lower().replace(" ", "-"),
                hubSourceServer=source.dn(), hubSmartHost="[127.0.0.1]:%d" % port))
        org.start()

    def setUp(self):
        self.boomerang.returned = 0
        self.boomerang.refusals.clear()

    def submit(self, address):
        token, data = message(sender="anna@contoso.com", to=address)
        send(self.entrance, "anna@contoso.com", [address], data)
        return token

    def test_relay_outside_that_sends_back(self):
        """The hub refuses it at the eighth return; nothing goes round after that."""
        token = self.submit("x@round-by-relay.example")
        self.boomerang.wait(token, count=8)
        for thread in self.boomerang.sending:
            thread.join()
        (code, text), = self.boomerang.refusals
        self.assertEqual((code, text[:5]), (554, "5.4.6"))
        self.assertIn("mail loop", text)
        rounds = [m for m in self.boomerang.find(token)]
        self.assertEqual((len(rounds), self.boomerang.returned), (8, 7))
        self.assertEqual(len(re.findall(b"by london2.contoso.com", rounds[-1].data)), 8)

    def loop_of_hubs(self):
        """Each believes the other is the way out: ends with a report to the sender, once."""
        org, address = self.org, "x@round.example"
        token = self.submit(address)
        report = wait_report(org.mailbox, token, address)
        fields = report.recipient(address)
        self.assertEqual(fields["Status"], "5.4.6")
        self.assertIn("mail loop", fields["Diagnostic-Code"])
        # whatever was still going round would arrive before mail that is sent after it
        last, data = message(sender="anna@contoso.com")
        send(self.entrance, "anna@contoso.com", ["anna@contoso.com"], data)
        org.mailbox.wait(last)
        self.assertEqual(len(org.mailbox.find(token)), 1)
        return Report(org.mailbox.find(token)[0]).original.as_bytes().count(b"Received:")

    def test_two_hubs_that_send_to_each_other(self):
        org = self.org
        # the same address space, and each server its own connector: it delivers by what is nearest
        for name in ("Round one", "Round two"):
            org.change(org.connector(name), hubAddressSpace="SMTP:round.example")
        self.assertEqual(org.explain("london1", "x@round.example")["connector"], "Round one")
        self.assertEqual(org.explain("london2", "x@round.example")["connector"], "Round two")
        with self.subTest("by how often a server was passed"):
            self.assertEqual(self.loop_of_hubs(), 16)
        with self.subTest("by all hops, where that limit is lower"):
            for dn in ("cn=In," + org.london1.dn(), "cn=Back," + org.london2.dn()):
                org.change(dn, hubMaxHopCount="5")
            self.assertEqual(self.loop_of_hubs(), 5)
        with self.subTest("passes of this server are not counted at 0"):
            for dn in ("cn=In," + org.london1.dn(), "cn=Back," + org.london2.dn()):
                org.change(dn, hubMaxHopCount="30", hubMaxLocalHopCount="0")
            self.assertEqual(self.loop_of_hubs(), 30)

    def test_connector_by_another_name(self):
        """hubFQDN of a Receive connector names this server as well."""
        org = self.org
        dn = "cn=Back," + org.london2.dn()
        org.change(dn, hubFQDN="mx.contoso.com", hubMaxLocalHopCount="2")
        self.addCleanup(org.change, dn, hubFQDN=None, hubMaxLocalHopCount=None)
        token = self.submit("x@round-by-relay.example")
        # london2 as a hub, then twice as mx.contoso.com
        self.boomerang.wait(token, count=2)
        for thread in list(self.boomerang.sending):
            thread.join()
        self.assertEqual([code for code, _ in self.boomerang.refusals], [554])
        self.assertEqual(len(self.boomerang.find(token)), 2)


if __name__ == "__main__":
    unittest.main()
