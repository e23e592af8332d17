"""Delivery status notifications as their reader and his programs get them."""

import smtplib
import unittest

from .harness.base import wait_for
from .harness.delivery import QUICK, wait_report
from .harness.organization import Organization, message

SENDER = "anna@contoso.com"


class Reports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization().start()
        cls.addClassCleanup(org.close)
        for hub in org.hubs:
            org.change(hub.dn(), **QUICK)
        org.smart_host.answer("RCPT TO:<no", "550-5.1.1 There is no such person here,\r\n"
                              "550 5.1.1 nor was there ever")
        org.smart_host.answer("RCPT TO:<later", "450 4.2.1 come back")

    def submit(self, *recipients, sender=SENDER, options=(), port=None, body="The body\r\n"):
        """Recipients are (address, options...) tuples."""
        token, data = message(sender=sender, to=recipients[0][0], body=body)
        with smtplib.SMTP("127.0.0.1", port or self.org.application_port,
                          local_hostname="client.example", timeout=30) as client:
            client.ehlo()
            self.assertEqual(client.mail(sender, list(options))[0], 250)
            for address, *rcpt_options in recipients:
                self.assertEqual(client.rcpt(address, rcpt_options)[0], 250)
            self.assertEqual(client.data(data)[0], 250)
        return token

    def outcome(self, hub, event, address):
        return wait_for("%s %s" % (event, address), lambda: hub.events(event, to=address))[0]

    def test_every_field(self):
        token = self.submit(
            ("no.body@far.example", "NOTIFY=FAILURE,DELAY",
             "ORCPT=rfc822;first+2Bname@old.example"),
            ("no.other@far.example",), ("good@far.example",),
            options=["RET=HDRS", "ENVID=QQ+2B314"])
        report = wait_report(self.org.mailbox, token, "no.body@far.example")
        with self.subTest("the message"):
            head = report.message
            self.assertEqual(report.envelope.sender, "")
            self.assertEqual(report.envelope.recipients, [SENDER])
            self.assertEqual(head["To"].addresses[0].addr_spec, SENDER)
            self.assertEqual(head["From"].addresses[0].username, "postmaster")
            self.assertEqual(head["Auto-Submitted"], "auto-replied")
            self.assertTrue(head["Message-ID"] and head["Date"].datetime)
            self.assertNotIn(b"\n", report.envelope.data.replace(b"\r\n", b""))
            self.assertLess(max(map(len, report.envelope.data.split(b"\r\n"))), 999)
        with self.subTest("for people"):
            text = report.text.get_content()
            for words in ("no.body@far.example", "There is no such person here",
                          "nor was there ever"):
                self.assertIn(words, text)
            self.assertNotIn("good@far.example", text)
        with self.subTest("per message"):
            self.assertEqual(report.per_message["Original-Envelope-Id"], "QQ+314")
            self.assertEqual(report.per_message["Reporting-MTA"], "dns; london2.contoso.com")
            self.assertTrue(report.per_message["Arrival-Date"])
        with self.subTest("per recipient"):
            self.assertEqual(report.addresses(), ["no.body@far.example", "no.other@far.example"])
            fields = report.recipient("no.body@far.example")
            self.assertEqual(fields["Original-Recipient"], "rfc822; first+name@old.example")
            self.assertEqual(fields["Action"], "failed")
            self.assertEqual(fields["Status"], "5.1.1")
            self.assertTrue(fields["Diagnostic-Code"].startswith("smtp; 550 5.1.1 There is no"))
            self.assertIn("nor was there ever", fields["Diagnostic-Code"])
            self.assertTrue(fields["Last-Attempt-Date"])
            self.assertIsNone(report.recipient("no.other@far.example")["Original-Recipient"])
        with self.subTest("RET=HDRS"):
            self.assertEqual(report.original.get_content_type(), "text/rfc822-headers")
            self.assertIn(token, report.original.get_content())
            self.assertNotIn(b"The body", report.envelope.data)

    def test_whole_message_comes_back(self):
        big = "".join("line %05d of something long enough to count\r\n" % i for i in range(3000))
        for name, options, body, whole in (
                ("no.full", ["RET=FULL"], big, True), ("no.small", [], "Small\r\n", True),
                ("no.big", [], big, False)):
            with self.subTest(name):
                address = name + "@far.example"
                token = self.submit((address,), options=options, body=body)
                report = wait_report(self.org.mailbox, token, address)
                if whole:
                    self.assertEqual(report.original.get_content_type(), "message/rfc822")
                    self.assertIn(body.encode(), report.envelope.data)
                else:
                    self.assertEqual(report.original.get_content_type(), "text/rfc822-headers")

    def test_none_is_sent(self):
        """NOTIFY without FAILURE, and the null sender: the failure is recorded, nobody is told."""
        silent = [self.submit(("no.never@far.example", "NOTIFY=NEVER")),
                  self.submit(("no.success@far.example", "NOTIFY=SUCCESS")),
                  self.submit(("no.null@far.example",), sender="")]
        for name in ("never", "success", "null"):
            self.outcome(self.org.london2, "failed", "no.%s@far.example" % name)
        last = self.submit(("no.last@far.example",))
        wait_report(self.org.mailbox, last, "no.last@far.example")
        for token in silent:
            self.assertFalse(self.org.mailbox.find(token))
            self.assertFalse(self.org.smart_host.find(token))

    def test_to_a_sender_outside(self):
        """From its mailbox server's refusal back to where the message came from."""
        org = self.org
        org.mailbox.answer("RCPT TO:<clara", "550 5.2.1 mailbox disabled")
        token = self.submit(("clara@contoso.com",), sender="someone@outside.example",
                            port=org.internet_port)
        report = wait_report(org.smart_host, token, "clara@contoso.com")
        org.mailbox.answer("RCPT TO:<clara", None)
        self.assertEqual(report.envelope.recipients, ["someone@outside.example"])
        self.assertEqual(report.recipient("clara@contoso.com")["Status"], "5.2.1")
        self.assertEqual(report.per_message["Reporting-MTA"], "dns; paris1.contoso.com")

    def test_success(self):
        org = self.org
        with self.subTest("delivered to a mailbox"):
            token = self.submit(("bruno@contoso.com", "NOTIFY=SUCCESS"))
            report = wait_report(org.mailbox, token, "bruno@contoso.com")
            self.assertEqual(report.recipient("bruno@contoso.com")["Action"], "delivered")
            self.assertEqual(report.recipient("bruno@contoso.com")["Status"][0], "2")
        with self.subTest("to a mailbox server that reports itself"):
            org.mailbox.offers.insert(0, "DSN")
            org.change(org.paris1.dn(), hubComment="new sessions")
            token = self.submit(("clara@contoso.com", "NOTIFY=SUCCESS"))
            self.outcome(org.paris1, "delivered", "clara@contoso.com")
            org.mailbox.offers.remove("DSN")
            org.change(org.paris1.dn(), hubComment=None)
            self.assertEqual([m.sender for m in org.mailbox.find(token)], [SENDER])
        with self.subTest("to a hop without DSN"):
            token = self.submit(("a@far.example", "NOTIFY=SUCCESS"), ("b@far.example",))
            report = wait_report(org.mailbox, token, "a@far.example")
            self.assertEqual(report.addresses(), ["a@far.example"])
            self.assertEqual(report.recipient("a@far.example")["Action"], "relayed")
        with self.subTest("to a hop that takes it over"):
            org.smart_host.offers.insert(0, "DSN")
            org.change(org.connector("To Internet"), hubComment="new sessions")
            token = self.submit(("c@far.example", "NOTIFY=SUCCESS,FAILURE"), options=["RET=FULL"])
            org.smart_host.wait(token)
            self.outcome(org.london2, "relayed", "c@far.example")
            org.smart_host.offers.remove("DSN")
            self.assertIn("RCPT TO:<c@far.example> NOTIFY=SUCCESS,FAILURE",
                          org.smart_host.commands)
            self.assertFalse(org.mailbox.find(token))

    def test_delayed(self):
        """Once, while the message goes on; and none for who does not want it."""
        org = self.org
        token = self.submit(("later@far.example",), ("later.quiet@far.example", "NOTIFY=FAILURE"))
        # before an attempt there is nothing to say but that there was none
        wait_for("an attempt", lambda: org.london2.events("deferred", to="later@far.example"))
        org.change(org.london2.dn(), hubDelayNotification="1")
        report = wait_report(org.mailbox, token, "later@far.example")
        self.assertEqual(report.addresses(), ["later@far.example"])
        fields = report.recipient("later@far.example")
        self.assertEqual((fields["Action"], fields["Status"]), ("delayed", "4.2.1"))
        self.assertTrue(fields["Will-Retry-Until"])
        wait_for("more attempts", lambda: len(
            org.london2.events("deferred", to="later@far.example")) > 2)
        org.smart_host.answer("RCPT TO:<later", None)
        org.smart_host.wait(token)
        self.assertEqual(len([m for m in org.mailbox.find(token) if m.sender == ""]), 1)
        org.change(org.london2.dn(), hubDelayNotification=None)

    def test_stop_amidst_reports(self):
        """A hub that is told to stop ends in order, and everybody is told once."""
        org = self.org
        org.smart_host.answer("(banner)", "421 4.3.2 not yet")
        tokens = [self.submit(("no.%d@far.example" % i,)) for i in range(150)]
        wait_for("all wait", lambda: len(org.london2.events("received")) >= 150)
        org.smart_host.answer("(banner)", None)
        wait_for("the first failure", lambda: org.london2.events("failed", to="no.0@far.example"))
        self.assertEqual(org.london2.stop(), 0, org.london2.log()[-2000:])
        org.london2.start()
        for number, token in enumerate(tokens):
            wait_report(org.mailbox, token, "no.%d@far.example" % number)
        self.assertEqual({len(org.mailbox.find(token)) for token in tokens}, {1})


if __name__ == "__main__":
    unittest.main()
