"""Addresses of other types travel through SMTP in IMCEA form, and leave by their connectors."""

import os
import glob
import unittest

from .harness.base import wait_for
from .harness.client import Client
from .harness.delivery import QUICK, wait_report
from .harness.directory import record
from .harness.organization import Organization, message, send

SENDER = "anna@contoso.com"
FAX = "IMCEAFAX-+2B1234@contoso.com"
PAGER = "IMCEAPAGER-7_8@contoso.com"


class Encapsulated(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        cls.root = org.place.directory("drop")
        for hub in org.hubs:
            org.directory.change(hub.dn(), **QUICK)
        org.directory.change(org.london2.dn(), hubDropRoot=cls.root)
        for name, space in (("Fax", "FAX:*"), ("Near", "FAX:+12*")):
            os.mkdir(os.path.join(cls.root, name))
            org.directory.add(record(
                org.connector(name), "hubForeignConnector", cn=name, hubAddressSpace=space,
                hubSourceServer=org.london2.dn()))
        org.directory.add(record(
            org.connector("Pager"), "hubSendConnector", cn="Pager", hubAddressSpace="PAGER:*",
            hubSourceServer=org.london1.dn(), hubDNSRouting="FALSE",
            hubSmartHost="[127.0.0.1]:%d" % org.smart_host.port))
        org.directory.add(record(
            "uid=faxed,ou=People," + org.directory.suffix, "inetOrgPerson inetLocalMailRecipient",
            uid="faxed", cn="faxed", sn="faxed", mail="faxed@contoso.com",
            mailRoutingAddress="FAX:+49 1/2"))
        org.directory.add(record(
            "uid=known,ou=People," + org.directory.suffix, "inetOrgPerson inetLocalMailRecipient",
            uid="known", cn="known", sn="known", mail="known@contoso.com",
            mailLocalAddress="IMCEAEX-_O=Old_CN=known@contoso.com", mailHost="mbx1.contoso.com"))
        org.start()

    def submit(self, to):
        token, data = message(sender=SENDER)
        send(self.org.application_port, SENDER, [to], data)
        return token

    def wait_file(self, folder, token):
        def find():
            for path in glob.glob(os.path.join(self.root, folder, "*.eml")):
                with open(path, encoding="utf-8") as text:
                    whole = text.read()
                if token in whole:
                    return whole
            return None
        return wait_for("a file in " + folder, find)

    def asked(self, port, address):
        """The reply to RCPT."""
        with Client(port) as client:
            client.say("EHLO client.example")
            client.say("MAIL FROM:<someone@outside.example>")
            return client.say("RCPT TO:<%s>" % address)

    def test_connector_by_type(self):
        """From Paris over London to the source of the most specific address space."""
        self.assertIn("X-Receiver-Address: FAX:+1234\n",
                      self.wait_file("Near", self.submit(FAX)).replace("\r", ""))
        self.wait_file("Fax", self.submit("imceafax-99@contoso.com"))
        explained = self.org.explain("paris1", FAX)
        self.assertEqual(explained["connector"], "Near")

    def test_send_connector(self):
        """A connector that speaks SMTP passes it on as it came."""
        got = self.org.smart_host.wait(self.submit(PAGER))[0]
        self.assertEqual(got.recipients, [PAGER])

    def test_mail_routing_address(self):
        text = self.wait_file("Fax", self.submit("faxed@contoso.com"))
        self.assertIn("X-Receiver: <IMCEAFAX-+2B49+201_2@contoso.com>", text)
        self.assertIn("X-Receiver-Address: FAX:+49 1/2", text)

    def test_somebody_has_it(self):
        address = "IMCEAEX-_O=Old_CN=known@contoso.com"
        self.assertEqual(self.asked(self.org.internet_port, address)[:3], "250")
        self.org.mailbox.wait(self.submit(address))

    def test_invalid(self):
        port = self.org.application_port
        for address in ("IMCEATELEX-1@contoso.com", "IMCEAFAX-@contoso.com",
                        "IMCEAFAX-+2@contoso.com", "IMCEAFAX-+0D+0A@contoso.com",
                        "IMCEA-1@contoso.com", "IMCEAFAX-a.b@contoso.com",
                        "IMCEASMTP-x+40far.example@contoso.com"):
            with self.subTest(address=address):
                self.assertEqual(self.asked(port, address)[:10], "550 5.1.2 ")

    def test_no_relay(self):
        """A fax costs money: whoever may not relay may not send one through our domain."""
        for address in (FAX, "IMCEASMTP-x+40far.example@contoso.com", "IMCEAFAX-@contoso.com"):
            self.assertEqual(self.asked(self.org.internet_port, address)[:10], "550 5.7.1 ")

    def test_no_relay_by_reports(self):
        """Reports go to the sender: whoever may not send a fax may not have one caused."""
        for sender, expected in ((FAX, "550 5.7.1 "), ("IMCEASMTP-x+40far.example@contoso.com",
                                                       "550 5.7.1 "),
                                 ("IMCEAEX-_O=Old_CN=known@contoso.com", "250 2.1.0 "),
                                 ("IMCEAFAX-1@elsewhere.example", "250 2.1.0 ")):
            with Client(self.org.internet_port) as client:
                client.ehlo()
                self.assertEqual(client.say("MAIL FROM:<%s>" % sender)[:10], expected)

    def test_report(self):
        """What was taken while there was a connector, and is not taken any more."""
        org = self.org
        org.change(org.connector("Pager"), hubSmartHost="[127.0.0.1]:1")
        token = self.submit(PAGER)
        wait_for("it waits", lambda: [e for e in org.london1.events("queue-retry")
                                      if "Pager" in e["queue"]])
        org.change(org.connector("Pager"), hubEnabled="FALSE")
        report = wait_report(org.mailbox, token, PAGER)
        self.assertEqual(report.recipient(PAGER)["Status"], "5.1.2")
        org.change(org.connector("Pager"), hubEnabled=None,
                   hubSmartHost="[127.0.0.1]:%d" % org.smart_host.port)


if __name__ == "__main__":
    unittest.main()
