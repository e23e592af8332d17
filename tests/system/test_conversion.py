"""Mail for next hops that take less than it is: converted, sent without, or returned."""

import email
import smtplib
import unittest
import uuid

from .harness.base import wait_for
from .harness.client import Client
from .harness.delivery import QUICK, wait_report
from .harness.organization import Organization
from .harness.peers import Sink

SENDER = "anna@contoso.com"
PLAIN = ("PIPELINING", "ENHANCEDSTATUSCODES", "SIZE 0")
OFFERS = {
    "seven": PLAIN,
    "seven-dsn": (*PLAIN, "DSN"),
    "eight": (*PLAIN, "8BITMIME"),
    "binary": (*PLAIN, "8BITMIME", "CHUNKING", "BINARYMIME"),
    "all": (*PLAIN, "8BITMIME", "CHUNKING", "BINARYMIME", "SMTPUTF8", "DSN"),
}

MIME = b"MIME-Version: 1.0\r\n"
TEXT = b"Content-Type: text/plain; charset=utf-8\r\n"
EIGHT = b"Content-Transfer-Encoding: 8bit\r\n"
BINARY = b"Content-Transfer-Encoding: binary\r\n"
UML = "Gr\u00fc\u00dfe aus K\u00f6ln".encode()
IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9


def multipart(kind, *parts, boundary=b"=_b"):
    return MIME + b"Content-Type: multipart/%s; boundary=\"%s\"\r\n" % (kind, boundary) + EIGHT + \
        b"\r\n" + b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts) + \
        b"--%s--\r\n" % boundary


INNER = multipart(b"alternative", TEXT + EIGHT + b"\r\n" + UML, TEXT + b"\r\nplain",
                  boundary=b"=_inner")

# Parameters of MAIL, the message, and what becomes of it at each hop: "same" octets, "decoded" to
# the same by Python's parser, or the status of the report.
MAILS = {
    "8-bit text": ("BODY=8BITMIME", MIME + TEXT + EIGHT + b"\r\n" + UML + b"\r\n.dot =\r\n",
                   dict(seven="decoded", eight="same", binary="same", all="same")),
    "8-bit text in one long line": ("BODY=8BITMIME", MIME + TEXT + EIGHT + b"\r\n" + UML * 45 +
                                    b"\r\n", dict(seven="decoded", eight="same")),
    "7-bit text that is called 8-bit": ("BODY=8BITMIME", MIME + TEXT + EIGHT + b"\r\nabc\r\n",
                                        dict(seven="same", eight="same")),
    "Japanese": ("BODY=8BITMIME", MIME + TEXT + EIGHT + b"\r\n" + "\u65e5\u672c\u8a9e\r\n".encode()
                 * 30, dict(seven="decoded", eight="same")),
    "parts": ("BODY=8BITMIME", multipart(
        b"mixed", INNER, b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64"
        b"\r\n\r\nw6Q=", b"Content-Type: message/rfc822\r\n" + EIGHT +
        b"\r\nSubject: inside\r\n" + INNER), dict(seven="decoded", eight="same")),
    "not declared": ("", MIME + TEXT + EIGHT + b"\r\n" + UML + b"\r\n",
                     dict(seven="decoded", eight="same")),
    "not declared, 8-bit in the header": ("", b"Subject: " + UML + b"\r\n\r\n" + UML + b"\r\n",
                                          dict(seven="same", eight="same")),
    "8-bit in the header": ("BODY=8BITMIME", b"Subject: " + UML + b"\r\n\r\n" + UML + b"\r\n",
                            dict(seven="5.6.3", eight="same")),
    "signed": ("BODY=8BITMIME", multipart(b"signed", TEXT + EIGHT + b"\r\n" + UML,
                                          b"Content-Type: application/pgp-signature\r\n\r\nx"),
               dict(seven="5.6.3", eight="same")),
    "signed in ASCII": ("BODY=8BITMIME", multipart(
        b"mixed", multipart(b"signed", TEXT + EIGHT + b"\r\nabc",
                            b"Content-Type: application/pgp-signature\r\n\r\nx",
                            boundary=b"=_s").removeprefix(MIME), TEXT + EIGHT + b"\r\n" + UML),
        dict(seven="decoded", eight="same")),
    "binary": ("BODY=BINARYMIME", multipart(
        b"mixed", TEXT + BINARY + b"\r\n" + UML + b"\r\n", b"Content-Type: image/png\r\n" +
        BINARY + b"\r\n" + IMAGE).replace(b"multipart/mixed", b"multipart/MIXED"),
        dict(seven="decoded", eight="decoded", binary="same")),
    "text that is called binary": ("BODY=BINARYMIME", MIME + TEXT + BINARY + b"\r\n" + UML +
                                   b"\r\n", dict(seven="decoded", eight="decoded",
                                                 binary="same")),
    "binary data, signed": ("BODY=BINARYMIME", multipart(
        b"signed", b"Content-Type: image/png\r\n" + BINARY + b"\r\n" + IMAGE),
        dict(seven="5.6.3", eight="5.6.3", binary="same")),
    "UTF-8 for nothing": ("BODY=8BITMIME SMTPUTF8", MIME + TEXT + EIGHT + b"\r\n" + UML + b"\r\n",
                          dict(seven="decoded", eight="same", all="same")),
    "UTF-8 header": ("BODY=8BITMIME SMTPUTF8", b"Subject: " + UML + b"\r\n\r\nabc\r\n",
                     dict(seven="5.6.9", eight="5.6.9", binary="5.6.9", all="same")),
    "UTF-8 message enclosed": ("BODY=8BITMIME SMTPUTF8", multipart(
        b"mixed", b"Content-Type: message/global\r\n" + EIGHT + b"\r\nSubject: " + UML +
        b"\r\n\r\nabc"), dict(seven="decoded", eight="same", all="same")),
}


def leaves(data):
    """Type and decoded content of each part that is no multipart."""
    return [(part.get_content_type(), part.get_payload(decode=True))
            for part in email.message_from_bytes(data).walk() if not part.is_multipart()]


class Conversion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization(mailbox=lambda place: Sink(place, lmtp=True,
                                                                offers=OFFERS["all"]))
        cls.addClassCleanup(org.close)
        cls.sinks = {name: Sink(org.place, offers=offers) for name, offers in OFFERS.items()}
        org.start()
        org.apply(lambda: [org.directory.change(hub.dn(), **QUICK) for hub in org.hubs])
        for name, sink in cls.sinks.items():
            spaces = ["SMTP:%s.example" % name]
            if name == "seven":
                spaces.append("SMTP:xn--bcher-kva.example")
            org.send_connector("To " + name, hubAddressSpace=spaces,
                               hubSmartHost="[127.0.0.1]:%d" % sink.port, hubDNSRouting="FALSE",
                               hubSourceServer=org.london2.dn())

    def submit(self, parameters, recipients, data, sender=SENDER):
        """Over the application's connector; recipients with their parameters."""
        with Client(self.org.application_port) as client:
            client.ehlo()
            lines = ["MAIL FROM:<%s> %s" % (sender, parameters)] + [
                "RCPT TO:" + recipient for recipient in recipients]
            for line in lines:
                self.assertTrue(client.say(line.strip()).startswith("250"), line)
            reply = client.say(b"BDAT %d LAST\r\n" % len(data) + data)
            self.assertTrue(reply.startswith("250 2.6.0"), reply)

    @staticmethod
    def marked(data):
        token = uuid.uuid4().hex
        return token, b"X-Token: %s\r\n" % token.encode() + data

    @staticmethod
    def stripped(data):
        """Without what the hubs put before it."""
        return data[data.index(b"X-Token"):]

    def check(self, name, token, data, hop, wanted):
        if wanted[0] == "5":
            report = wait_report(self.org.mailbox, token, "x@%s.example" % hop)
            fields = report.recipient("x@%s.example" % hop)
            self.assertEqual((fields["Action"], fields["Status"]), ("failed", wanted))
            self.assertFalse(self.sinks[hop].find(token))
            return
        got = self.stripped(self.sinks[hop].wait(token)[0].data)
        if wanted == "same":
            self.assertEqual(got, data)
            return
        self.assertNotEqual(got, data)
        self.assertEqual(leaves(got), leaves(data))
        self.assertLessEqual(max(map(len, got.split(b"\r\n"))), 998)
        self.assertNotIn(b"\n", got.replace(b"\r\n", b""))
        if hop.startswith("seven"):
            self.assertLess(max(got), 128)

    def test_mails(self):
        sent = {}
        for name, (parameters, data, hops) in MAILS.items():
            token, data = sent[name] = self.marked(data)
            self.submit(parameters, ["<x@%s.example>" % hop for hop in hops], data)
        for name, (token, data) in sent.items():
            for hop, wanted in MAILS[name][2].items():
                with self.subTest(name, hop=hop):
                    self.check(name, token, data, hop, wanted)

    def said(self, hop, address):
        """The commands of the transaction for the address."""
        commands = self.sinks[hop].commands
        at = next(i for i, line in enumerate(commands) if line.startswith("RCPT TO:<" + address))
        return commands[at - 1], commands[at]

    def test_what_is_declared(self):
        """No hop is told a parameter that it did not offer."""
        data = MIME + TEXT + EIGHT + b"\r\n" + UML + b"\r\n"
        for parameters, hop, said in (
                ("BODY=8BITMIME", "seven", ""), ("BODY=8BITMIME", "eight", " BODY=8BITMIME"),
                ("BODY=BINARYMIME", "eight", " BODY=8BITMIME"),
                ("BODY=BINARYMIME", "all", " SIZE=%d BODY=BINARYMIME"),
                ("BODY=8BITMIME SMTPUTF8", "eight", " SIZE=%d BODY=8BITMIME"),
                ("BODY=8BITMIME SMTPUTF8", "all", " BODY=8BITMIME SMTPUTF8")):
            with self.subTest(parameters, hop=hop):
                token, marked = self.marked(data)
                self.submit(parameters, ["<%s@%s.example>" % (token, hop)], marked)
                size = len(self.sinks[hop].wait(token)[0].data)
                mail, _ = self.said(hop, token)
                self.assertTrue(mail.endswith(said % size if "%" in said else said), mail)
                self.assertEqual("BODY=" in mail, "BODY=" in said)

    def test_size_is_not_guessed(self):
        token, data = self.marked(MIME + TEXT + EIGHT + b"\r\n" + UML + b"\r\n")
        self.submit("BODY=8BITMIME", ["<%s@seven.example>" % token], data)
        self.sinks["seven"].wait(token)
        self.assertNotIn("SIZE", self.said("seven", token)[0])

    def test_large(self):
        """Far more than is held at a time, through both hubs and the conversion."""
        body = (UML + b" %06d\r\n") * 100000 % tuple(range(100000))
        token, data = self.marked(MIME + TEXT + EIGHT + b"\r\n" + body)
        self.submit("BODY=8BITMIME", ["<x@seven.example>", "<x@eight.example>"], data)
        for hop, wanted in (("seven", "decoded"), ("eight", "same")):
            self.check("large", token, data, hop, wanted)

    def test_addresses(self):
        """Who is not ASCII fails alone."""
        token, data = self.marked(b"\r\nabc\r\n")
        self.submit("SMTPUTF8", ["<j\u00f6rg@eight.example>", "<x@eight.example>",
                                 "<j\u00f6rg@all.example>"], data)
        self.assertEqual(self.sinks["eight"].wait(token)[0].recipients, ["x@eight.example"])
        self.assertEqual(self.sinks["all"].wait(token)[0].recipients, ["j\u00f6rg@all.example"])
        report = wait_for("the report", lambda: [
            m for m in self.org.mailbox.find(token) if m.sender == ""])[0]
        status = email.message_from_bytes(report.data).get_payload()[1]
        self.assertEqual(status.get_content_type(), "message/global-delivery-status")
        self.assertIn("Final-Recipient: utf-8; j\u00f6rg@eight.example".encode(), report.data)
        self.assertIn(b"Status: 5.6.7", report.data)

    def test_domain(self):
        """A domain that is not ASCII is its A-labels, which any hop takes."""
        token, data = self.marked(b"\r\nabc\r\n")
        self.submit("SMTPUTF8", ["<%s@b\u00fccher.example>" % token], data)
        self.assertEqual(self.sinks["seven"].wait(token)[0].recipients,
                         [token + "@xn--bcher-kva.example"])
        self.assertNotIn("UTF8", self.said("seven", token)[0])

    def test_sender(self):
        """A sender that is not ASCII; the report goes to him with SMTPUTF8, or nowhere."""
        token, data = self.marked(b"\r\nabc\r\n")
        self.submit("SMTPUTF8", ["<x@eight.example>"], data, sender="j\u00f6rg@all.example")
        report = self.sinks["all"].wait(token)[0]
        self.assertEqual(report.recipients, ["j\u00f6rg@all.example"])
        self.assertIn(b"Status: 5.6.7", report.data)
        self.assertIn(" SMTPUTF8", self.said("all", "j\u00f6rg")[0])


if __name__ == "__main__":
    unittest.main()
