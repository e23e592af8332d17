"""Mail flows between sites by what the directory says."""

import re
import smtplib
import unittest

from .harness.base import wait_for
from .harness.organization import Organization, message, send

ZONES = {
    "partner.example": "@ MX 10 mx1\n@ MX 20 mx2\nmx1 A 127.0.0.1\nmx2 A 127.0.0.1\n",
    "hostonly.example": "@ A 127.0.0.1\n",
    "nomail.example": "@ MX 0 .\n@ A 127.0.0.1\n",
}


def received_fields(data):
    header = data.split(b"\r\n\r\n", 1)[0].decode()
    unfolded = re.sub(r"\r\n[ \t]+", " ", header)
    return [line for line in unfolded.split("\r\n") if line.startswith("Received: ")]


class MailFlow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = Organization(dns_zones=ZONES).start()
        cls.addClassCleanup(cls.org.close)

    def test_outside_to_mailbox_in_another_site(self):
        org = self.org
        token, data = message()
        send(org.internet_port, "someone@outside.example", ["anna@contoso.com"], data)
        got = org.mailbox.wait(token)[0]
        self.assertEqual(got.recipients, ["anna@contoso.com"])
        self.assertEqual(got.sender, "someone@outside.example")
        # byte for byte what was sent, under the trace of both hubs
        self.assertTrue(got.data.endswith(data), got.data)
        trace = received_fields(got.data[:-len(data)] + b"\r\n\r\n")
        self.assertEqual(len(trace), 2)
        self.assertIn("by paris1.contoso.com with ESMTPS", trace[0])
        self.assertIn("from london1.contoso.com", trace[0])
        self.assertIn("by london1.contoso.com with ESMTP ", trace[1])
        # the log is written behind the mail
        wait_for("relayed", lambda: org.london1.events("relayed", to="anna@contoso.com"))
        wait_for("delivered", lambda: org.paris1.events("delivered", to="anna@contoso.com"))

    def test_inside_to_smart_host_in_another_site(self):
        org = self.org
        token, data = message(sender="anna@contoso.com", to="x@faraway.example")
        send(org.paris1.submission_port, "anna@contoso.com", ["x@faraway.example"], data,
             login=("anna", "password-of-anna"))
        got = org.smart_host.wait(token)[0]
        self.assertTrue(got.data.endswith(data))
        trace = received_fields(got.data[:-len(data)] + b"\r\n\r\n")
        self.assertIn("by london2.contoso.com with ESMTPS", trace[0])
        self.assertIn("by paris1.contoso.com with ESMTPSA", trace[1])
        self.assertNotIn(b"X-Hub-", got.data)

    def test_inside_to_mx_in_another_site(self):
        org = self.org
        org.send_connector("To partner", hubAddressSpace=["SMTP:partner.example",
                                                          "SMTP:hostonly.example",
                                                          "SMTP:nomail.example"],
                           hubSourceServer=org.london2.dn(), hubPort=str(org.smart_host.port),
                           hubDNSRouting="TRUE", hubExternalDNS="TRUE")
        for domain in ("partner.example", "hostonly.example"):
            token, data = message(sender="anna@contoso.com", to="x@" + domain)
            send(org.application_port, "anna@contoso.com", ["x@" + domain], data)
            got = org.smart_host.wait(token)[0]
            self.assertTrue(got.data.endswith(data))
            relayed = wait_for("outcome", lambda: org.london2.events("relayed", to="x@" + domain))
            self.assertIn("DnsConnectorDelivery", relayed[0]["queue"])
        # null MX: a report comes back to the sender in Paris
        token, data = message(sender="anna@contoso.com", to="x@nomail.example")
        send(org.application_port, "anna@contoso.com", ["x@nomail.example"], data)
        report = org.mailbox.wait(token)[0]
        self.assertEqual(report.sender, "")
        self.assertEqual(report.recipients, ["anna@contoso.com"])
        self.assertIn(b"Status: 5.1.10", report.data)

    def test_session_goes_on_after_messages_larger_than_the_disk_takes_at_once(self):
        """Reading pauses while much waits for the disk; the session must come out of it."""
        for number in range(12):
            size = 1200 + 40 * number
            token, data = message(body=("y" * 998 + "\r\n") * size)
            with smtplib.SMTP("127.0.0.1", self.org.internet_port, timeout=20) as client:
                client.sendmail("someone@outside.example", ["anna@contoso.com"], data)
                # not left to the end of with, which forgives a silent server
                self.assertEqual(client.noop()[0], 250)
                self.assertEqual(client.quit()[0], 221)
            self.assertTrue(self.org.mailbox.wait(token)[0].data.endswith(data))

    def test_unknown_recipient_is_refused_at_rcpt(self):
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
            send(self.org.internet_port, "a@outside.example", ["nobody@contoso.com"],
                 message()[1])
        code, text = refused.exception.recipients["nobody@contoso.com"]
        self.assertEqual(code, 550)
        self.assertTrue(text.startswith(b"5.1.1"), text)

    def test_stranger_may_not_relay(self):
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
            send(self.org.internet_port, "a@outside.example", ["b@elsewhere.example"],
                 message()[1])
        code, text = refused.exception.recipients["b@elsewhere.example"]
        self.assertEqual(code, 550)
        self.assertTrue(text.startswith(b"5.7.1"), text)

    def test_hubs_speak_tls_with_pinned_keys_only(self):
        """A key that is not in the directory is no hub: it may not relay."""
        with self.assertRaises(smtplib.SMTPSenderRefused) as refused:
            send(self.org.paris1.port, "a@outside.example", ["b@elsewhere.example"],
                 message()[1], tls=True)
        self.assertEqual(refused.exception.smtp_code, 530)


if __name__ == "__main__":
    unittest.main()
