"""Programs that people send mail with, against a hub: what they send arrives byte for byte, and
what the hub refuses they report as it should be."""

import email.message
import email.policy
import email.utils
import hashlib
import re
import smtplib
import ssl
import unittest
import uuid

from .harness import programs
from .harness.base import wait_for
from .harness.keys import Key
from .harness.relay import PASSWORD, Relay, message, with_protocol, without_trace

PROGRAMS = {name: getattr(programs, name) for name in ("python", "swaks", "msmtp", "nodemailer")}

# connector, TLS, mechanism, and what the hub's Received field has to call it
WAYS = {
    "plain": ("open", None, None, "ESMTP"),
    "STARTTLS": ("open", "starttls", None, "ESMTPS"),
    "PLAIN in clear": ("clear", None, "PLAIN", "ESMTPA"),
    "PLAIN": ("users", "starttls", "PLAIN", "ESMTPSA"),
    "LOGIN": ("users", "starttls", "LOGIN", "ESMTPSA"),
    "SCRAM": ("users", "starttls", "SCRAM-SHA-256", "ESMTPSA"),
    "SCRAM in clear": ("clear", None, "SCRAM-SHA-256", "ESMTPA"),
    # by what the program likes best
    "any": ("users", "starttls", "ON", "ESMTPSA"),
    "implicit": ("implicit", "implicit", None, "ESMTPS"),
    "implicit PLAIN": ("implicit", "implicit", "PLAIN", "ESMTPSA"),
}

# how each program ends, and what it says besides, after a wrong password, a certificate that it
# does not trust, a refused recipient
COMPLAINTS = {
    "python": (("SMTPAuthenticationError", "(535, b'5.7.8 "), ("SSLCertVerificationError", ""),
               ("SMTPRecipientsRefused", "(550, b'5.1.1 <nobody@contoso.com>")),
    "swaks": (("28 ", "535 5.7.8 "), ("29 ", "TLS startup failed"),
              ("24 ", "550 5.1.1 <nobody@contoso.com>")),
    "msmtp": (("77 ", "authentication failed"), ("69 ", "certificate is NOT trusted"),
              ("65 ", "nobody@contoso.com not accepted")),
    "nodemailer": (("1 EAUTH ", "535 5.7.8 "), ("1 ESOCKET ", "self-signed certificate"),
                   ("1 EENVELOPE ", "550 5.1.1 <nobody@contoso.com>")),
}


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.relay = Relay(scram=True).start()
        cls.addClassCleanup(cls.relay.close)
        cls.stranger = Key(cls.relay.place, "stranger.example")

    def task(self, way, data, recipient="x@elsewhere.example", **changes):
        where, tls, mechanism, _ = WAYS[way]
        given = dict(port=self.relay.ports[where], tls=tls, mechanism=mechanism,
                     sender="anna@contoso.com", recipient=recipient)
        if tls is not None:
            given["trust"] = self.relay.hub.key.certificate
        if mechanism is not None:
            given.update(user="anna", password=PASSWORD)
        given.update(changes)
        return programs.Task(self.relay.place, data=data, **given)

    def test_arrives_byte_for_byte(self):
        for name, program in PROGRAMS.items():
            for way, (_, _, mechanism, protocol) in WAYS.items():
                if mechanism in ("SCRAM-SHA-256", "ON") and name != "msmtp":
                    continue
                with self.subTest("%s %s" % (name, way)):
                    token, data = message("anna@contoso.com", "x@elsewhere.example")
                    said = program(self.task(way, data))
                    self.assertTrue(said.taken, said.text)
                    got = self.relay.sink.wait(token)
                    self.assertEqual(without_trace(got[0].data), data)
                    self.assertEqual(with_protocol(got[0].data), protocol)
                    self.assertEqual((got[0].sender, got[0].recipients),
                                     ("anna@contoso.com", ["x@elsewhere.example"]))

    def test_refusals_are_reported(self):
        for name, program in PROGRAMS.items():
            password, certificate, recipient = COMPLAINTS[name]
            for what, complaint, way, changes in (
                    ("password", password, "PLAIN", dict(password="wrong")),
                    ("password", password, "LOGIN", dict(password="wrong")),
                    ("user", password, "PLAIN", dict(user="nobody")),
                    ("certificate", certificate, "STARTTLS",
                     dict(trust=self.stranger.certificate)),
                    ("certificate", certificate, "implicit",
                     dict(trust=self.stranger.certificate)),
                    ("recipient", recipient, "plain", dict(recipient="nobody@contoso.com"))):
                with self.subTest("%s %s %s" % (name, way, what)):
                    token, data = message("anna@contoso.com", "x@elsewhere.example")
                    said = program(self.task(way, data, **changes))
                    self.assertFalse(said.taken)
                    self.assertTrue(said.text.startswith(complaint[0]), said.text)
                    self.assertIn(complaint[1], said.text)
                    self.assertFalse(self.relay.sink.find(token))

    def test_msmtp_by_fingerprint(self):
        """Of the certificate, instead of who issued it."""
        for key, taken in ((self.relay.hub.key, True), (self.stranger, False)):
            with self.subTest(key.certificate):
                token, data = message("anna@contoso.com", "x@elsewhere.example")
                with open(key.certificate) as text:
                    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(text.read())).hexdigest()
                said = programs.msmtp(self.task("STARTTLS", data, trust=None, fingerprint=":".join(
                    re.findall("..", digest))))
                self.assertEqual(said.taken, taken, said.text)
                self.assertEqual(len(self.relay.sink.wait(token)) if taken else
                                 len(self.relay.sink.find(token)), int(taken))

    def test_python_sends_utf8_addresses(self):
        """send_message asks for SMTPUTF8 where an address needs it, and for 8BITMIME."""
        for sender, recipient, relayed in (
                ("\u00e5sa@outside.example", "bj\u00f8rn@elsewhere.example",
                 "bj\u00f8rn@elsewhere.example"),
                ("a@outside.example", "\u7528\u6237@\u4f8b\u5b50.example",
                 "\u7528\u6237@xn--fsqu00a.example")):
            with self.subTest(recipient):
                data = email.message.EmailMessage(policy=email.policy.SMTPUTF8)
                data["From"], data["To"], data["Subject"] = sender, recipient, "Gr\u00fc\u00dfe"
                data["Message-ID"] = email.utils.make_msgid(domain="test.example")
                data.set_content("Gr\u00fc\u00dfe \u20ac\r\n", cte="8bit")
                with smtplib.SMTP("127.0.0.1", self.relay.ports["open"], timeout=20) as client:
                    client.starttls()
                    self.assertEqual(client.send_message(data), {})
                got = self.relay.sink.wait(data["Message-ID"])[0]
                self.assertEqual((got.sender, got.recipients), (sender, [relayed]))
                self.assertEqual(with_protocol(got.data), "UTF8SMTPS")
                self.assertEqual(without_trace(got.data), data.as_bytes())

    def test_smtp_source(self):
        """Ten sessions at a time, one for each message or one for many: each exactly once."""
        for options in ((), ("-d",)):
            with self.subTest(options):
                token = uuid.uuid4().hex
                said = self.smtp_source(*options, "-s", 10, "-m", 200, "-l", 5000, "-S", token)
                self.assertTrue(said.taken, said.text)
                got = self.relay.sink.wait(token, 200)
                self.assertEqual(len({m.recipients[0] for m in got}), 200)
                wait_for("the queues are empty", lambda: not self.waiting())
                self.assertEqual(len(self.relay.sink.find(token)), 200)

    def test_smtp_source_is_refused(self):
        """Without a greeting of its own, for a recipient."""
        for options, complaint in ((("-o",), "sender rejected: 503 "),
                                   (("-t", "nobody@contoso.com"),
                                    "recipient rejected: 550 <1nobody@")):
            with self.subTest(options):
                said = self.smtp_source(*options)
                self.assertFalse(said.taken)
                self.assertIn(complaint, said.text)

    def smtp_source(self, *options):
        return programs.run("smtp-source", "-N", "-f", "a@outside.example", "-t",
                            "x@elsewhere.example", *options,
                            "127.0.0.1:%d" % self.relay.ports["open"])

    def waiting(self):
        queues = self.relay.hub.ctl("queue", "list")["queues"]
        return sum(queue["message_count"] for queue in queues)


if __name__ == "__main__":
    unittest.main()
