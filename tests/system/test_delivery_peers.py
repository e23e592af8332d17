"""Delivery to mail systems that others wrote: Dovecot's LMTP and Postfix's smtp-sink."""

import glob
import os
import smtplib
import unittest

from .harness.base import Process, answers_smtp, free_port, wait_for
from .harness.delivery import wait_report
from .harness.directory import record
from .harness.dovecot import Dovecot
from .harness.maildir import mails
from .harness.organization import Organization, message, send

class Peers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = Organization().start()
        cls.addClassCleanup(cls.org.close)

    def test_dovecot_with_mixed_recipients(self):
        """One LMTP transaction, an answer for each: two have the mail, one comes back."""
        org = self.org
        dovecot = Dovecot(org.place, ["dora@contoso.com", "emil@contoso.com"]).start()
        org.apply(lambda: org.directory.add(record(
            org.directory.dn("mbx2", "Servers"), "hubMailboxServer", cn="mbx2",
            hubServerSite=org.directory.dn("Paris", "Sites"), hubFQDN="mbx2.contoso.com",
            hubAddress="127.0.0.1:%d" % dovecot.port, hubDeliveryProtocol="LMTP")))
        people = ["dora@contoso.com", "ghost@contoso.com", "emil@contoso.com"]
        for name in ("dora", "ghost", "emil"):
            org.directory.add(org.person(name).replace("mbx1.", "mbx2."))
        token, data = message(sender="anna@contoso.com", to=people[0],
                              body=".a line with a dot\r\n\r\n..\r\nlast\r\n")
        wait_for("the new people are known", lambda: self.known(people))
        send(org.application_port, "anna@contoso.com", people, data)
        report = wait_report(org.mailbox, token, "ghost@contoso.com")
        self.assertEqual(report.addresses(), ["ghost@contoso.com"])
        self.assertEqual(report.recipient("ghost@contoso.com")["Status"], "5.1.1")
        kept = mails(dovecot.mail, token)
        self.assertEqual([user for user, _ in kept], ["dora@contoso.com", "emil@contoso.com"])
        for name, (_, mail) in zip(("dora", "emil"), kept):
            self.assertTrue(mail.endswith(data), mail)
            wait_for("outcome", lambda: org.paris1.events("delivered", to=name + "@contoso.com"))

    def known(self, people):

        with smtplib.SMTP("127.0.0.1", self.org.application_port) as client:
            client.ehlo()
            client.mail("anna@contoso.com")
            return all(client.rcpt(address)[0] == 250 for address in people)

    def test_postfix_smtp_sink(self):
        org, port = self.org, free_port()
        os.chmod(org.place.path, 0o711)
        kept = org.place.directory("smtp-sink")
        os.chmod(kept, 0o777)
        process = Process("smtp-sink", ["smtp-sink", "-u", "nobody", "-d", kept + "/%s.",
                                        "127.0.0.1:%d" % port, "10"], org.place.path).start()
        org.place.at_end(process.kill)
        wait_for(lambda: "smtp-sink answers\n" + process.log(), lambda: answers_smtp(port))
        org.send_connector("To sink", hubAddressSpace="SMTP:sink.example", hubDNSRouting="FALSE",
                           hubSourceServer=org.london2.dn(), hubSmartHost="[127.0.0.1]:%d" % port)
        sent = [message(to="x@sink.example", body=".\r\n..\r\nnumber %d\r\n" % i)
                for i in range(12)]
        for _, data in sent:
            send(org.application_port, "anna@contoso.com", ["x@sink.example"], data)
        wait_for("outcomes", lambda: len(org.london2.events("relayed", to="x@sink.example")) == 12)
        mails = []
        for name in glob.glob(kept + "/*"):
            with open(name, "rb") as mail:
                mails.append(mail.read())
        for token, data in sent:
            found = [m for m in mails if token.encode() in m]
            self.assertEqual(len(found), 1)
            self.assertIn(data.replace(b"\r\n", b"\n"), found[0])


if __name__ == "__main__":
    unittest.main()
