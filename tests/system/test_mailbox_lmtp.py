"""Dovecot's LMTP as mailbox server of a hub: each recipient has a fate of its own."""

import os
import signal
import smtplib
import unittest

from .harness import certificates
from .harness.base import run, wait_for
from .harness.delivery import QUICK, wait_report
from .harness.directory import record
from .harness.dovecot import Dovecot
from .harness.maildir import mails
from .harness.relay import CONNECTORS, Relay, message

SENDER = "boss@outside.example"     # its mail goes to the hub's sink, reports too
MANY = ["r%d" % i for i in range(30)]
KNOWN = ["bruno", "clara", "full", "over", "pinned", "forged", "hold", *MANY]
SERVERS = {"pinned": "mbx2", "forged": "mbx3"}      # of whom; of the others mbx1


def at(user):
    return user + "@contoso.com"


class Mailboxes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.relay = relay = Relay({"open": CONNECTORS["open"]})
        cls.addClassCleanup(relay.close)
        cls.hub, cls.sink = relay.hub, relay.sink
        key = certificates.make(relay.place.path, "dovecot", ["mbx.contoso.com"])
        cls.dovecot = Dovecot(relay.place, [at(user) for user in KNOWN], {
            at("full"): ("1k", 4), at("over"): ("1k", 5)}, key).start()
        d = relay.directory
        d.add("".join(
            record("uid=%s,ou=People,%s" % (user, d.suffix),
                   "inetOrgPerson inetLocalMailRecipient", uid=user, cn=user, sn=user,
                   mail=at(user), mailHost=SERVERS.get(user, "mbx1") + ".contoso.com")
            for user in [*KNOWN, "ghost"]) +
            cls.server("mbx1") + cls.server("mbx2", digest(key.certificate)) +
            cls.server("mbx3", cls.hub.key.digest))
        d.change(cls.hub.dn(), **QUICK)
        relay.start()

    @classmethod
    def server(cls, name, pin=None):
        d = cls.relay.directory
        return record(d.dn(name, "Servers"), "hubMailboxServer", cn=name, hubKeyDigest=pin,
                      hubServerSite=d.dn("Only", "Sites"), hubFQDN=name + ".contoso.com",
                      hubAddress="127.0.0.1:%d" % cls.dovecot.port, hubDeliveryProtocol="LMTP")

    def submit(self, *users, data=None, notify="FAILURE"):
        token, text = message(SENDER, at(users[0]))
        if data is not None:
            text = text + data
        with smtplib.SMTP("127.0.0.1", self.relay.ports["open"], timeout=30) as client:
            client.ehlo()
            client.sendmail(SENDER, [at(user) for user in users], text, ["BODY=8BITMIME"],
                            ["NOTIFY=" + notify])
        return token, text

    def arrived(self, token, *users):
        """Exactly these have a copy, and the hub knows; the copies."""
        for user in users:
            self.outcome("delivered", user, token)
        found = mails(self.dovecot.mail, token)
        self.assertEqual([user for user, _ in found], sorted(map(at, users)))
        return [data for _, data in found]

    def outcome(self, event, user, token=None):
        """The events about the user, once there are any (and mail, with a token)."""
        return wait_for(
            lambda: "%s %s\n%s\n%s" % (event, user, self.hub.log()[-3000:],
                                       self.dovecot.log()[-2000:]),
            lambda: (token is None or at(user) in dict(mails(self.dovecot.mail, token))) and
            self.hub.events(event, to=at(user)))

    def test_a_fate_for_each(self):
        """After one transaction: delivered, no room now, no room, unknown."""
        token, data = self.submit("bruno", "full", "over", "ghost", "clara")
        report = wait_report(self.sink, token, at("over"))
        self.assertEqual(report.recipient(at("over"))["Status"], "5.2.2")
        self.assertIn("552 5.2.2", report.recipient(at("over"))["Diagnostic-Code"])
        report = wait_report(self.sink, token, at("ghost"))
        self.assertEqual(report.recipient(at("ghost"))["Status"], "5.1.1")
        self.assertIn(" 4.2.2 ", self.outcome("deferred", "full")[0]["reply"])
        for got in self.arrived(token, "bruno", "clara"):
            self.assertTrue(got.endswith(data))
        self.dovecot.set_quota({})
        self.arrived(token, "bruno", "clara", "full")
        told = sorted(address for r in self.sink.find(token)
                      for address in (at("over"), at("ghost"), at("full"), at("bruno"))
                      if b"Final-Recipient: rfc822; " + address.encode() in r.data)
        self.assertEqual(told, [at("ghost"), at("over")])

    def test_many_recipients(self):
        token, data = self.submit(*MANY)
        for got in self.arrived(token, *MANY):
            self.assertTrue(got.endswith(data))
        event = self.outcome("delivered", MANY[0])[0]
        self.assertTrue(event["tls"].startswith("TLSv1"), event)    # since it is offered

    def test_large_message(self):
        token, data = self.submit("clara", data=b"x" * 76 + b"\r\n" + (
            b"0123456789" * 7 + b"\r\n") * 110000)
        self.assertTrue(self.arrived(token, "clara")[0].endswith(data))

    def test_success_is_reported(self):
        """The end of the way: Dovecot knows nothing of reports, so it is the hub that tells."""
        token, _ = self.submit("bruno", notify="SUCCESS")
        report = wait_report(self.sink, token, at("bruno")).recipient(at("bruno"))
        self.assertEqual((report["Action"], report["Status"][:2]), ("delivered", "2."))

    def test_pinned_key(self):
        token, _ = self.submit("pinned")
        self.arrived(token, "pinned")
        token, _ = self.submit("forged")
        wait_for("Retry", lambda: [e for e in self.hub.events("queue-retry")
                                   if "is not in the directory for mbx3" in e["reason"]])
        self.assertFalse(mails(self.dovecot.mail, token))

    def test_restart(self):
        """Between messages, and while it is silent about one: nothing is lost or comes twice."""
        token, _ = self.submit("bruno")
        self.arrived(token, "bruno")
        self.dovecot.process.stop()
        token, _ = self.submit("bruno")
        wait_for("Retry", lambda: [e for e in self.hub.events("queue-retry")
                                   if "refused" in e["reason"]])
        self.dovecot.start()
        self.arrived(token, "bruno")
        sessions = self.dovecot.sessions()
        for pid in sessions:
            os.kill(pid, signal.SIGSTOP)
        token, data = self.submit("hold")
        wait_for("in flight", lambda: [m for m in self.hub.ctl("message", "list")["messages"]
                                       if m["status"] == "Active"])
        self.dovecot.process.kill()
        for pid in sessions:
            os.kill(pid, signal.SIGKILL)
        self.assertFalse(mails(self.dovecot.mail, token))
        self.dovecot.start()
        self.assertTrue(self.arrived(token, "hold")[0].endswith(data))


def digest(certificate):
    """As hubKeyDigest has it."""
    public = run("openssl", "x509", "-in", certificate, "-noout", "-pubkey", check=True).stdout
    return "sha256:" + run("sh", "-c", "openssl pkey -pubin -outform DER | sha256sum",
                           stdin=public, check=True).stdout.split()[0]


if __name__ == "__main__":
    unittest.main()
