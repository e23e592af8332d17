"""The disk of the spool is full: mail is refused for now, none is lost, and it ends by itself."""

import smtplib
import unittest

from .harness.base import wait_for
from .harness.disk import SmallDisk
from .harness.organization import Organization, message, send

DISK_MB = 256
BODY = ("x" * 900 + "\r\n") * 9000      # 8 MB


class FullDisk(unittest.TestCase):
    def setUp(self):
        self.org = org = Organization()
        self.addCleanup(org.close)
        self.disk = SmallDisk(self, org.london1, DISK_MB)
        for hub in org.hubs:
            org.directory.change(hub.dn(), hubGlitchRetryInterval="1", hubGlitchRetryCount="15",
                                 hubTransientRetryInterval="1", hubMessageRetryInterval="1",
                                 hubConnectionFailureRetryInterval="1")
        org.start()

    def send(self, body="text\r\n"):
        """The token if it was accepted, None if refused as it should be."""
        token, data = message(body=body)
        try:
            send(self.org.internet_port, "a@outside.example", ["anna@contoso.com"], data)
            return token
        except smtplib.SMTPDataError as refused:
            self.assertEqual(refused.smtp_code, 452, refused)
            self.assertTrue(refused.smtp_error.startswith(b"4.3.1"), refused)
            return None

    def arrivals(self, token):
        """How often; looks at the beginning alone, the bodies are large."""
        mailbox = self.org.mailbox
        with mailbox.changed:
            return sum(token.encode() in m.data[:4096] for m in mailbox.messages)

    def arrived(self, token):
        wait_for("%s arrives" % token, lambda: self.arrivals(token), deadline=60)

    def send_until_refused(self):
        accepted = []
        for _ in range(2 * DISK_MB // 4):
            token = self.send(BODY)
            if token is None:
                return accepted
            accepted.append(token)
            self.disk.fill()
        self.fail("never refused")

    def test_full_disk(self):
        org = self.org
        org.paris1.stop()       # what london1 accepts stays with it
        self.disk.fill()
        accepted = self.send_until_refused()
        self.assertIsNone(self.send(BODY))
        # the others go on: what is queued is delivered, its outcome recorded
        org.paris1.start()
        for token in accepted:
            self.arrived(token)
        relayed = lambda: len(org.london1.events("relayed", to="anna@contoso.com"))
        wait_for("all relayed", lambda: relayed() >= len(accepted))
        # still full: it starts, and delivers nothing a second time
        org.london1.kill()
        self.disk.fill()
        org.london1.start()
        self.disk.free()
        token = wait_for("mail is accepted again", lambda: self.send(BODY))
        self.arrived(token)
        self.arrived(wait_for("small mail too", self.send))
        twice = [t for t in accepted if self.arrivals(t) != 1]
        # an outcome is durable within a second: the last ones may be repeated after kill -9
        self.assertLessEqual(len(twice), 1, "%d of %d twice" % (len(twice), len(accepted)))
        self.assertEqual(org.london1.stop(), 0)
        print("\n%d messages accepted until the disk was full" % len(accepted))


if __name__ == "__main__":
    unittest.main()
