"""Clients as they are in the field: old devices, small libraries, people with telnet. What they do
wrong is let by where it is clear what they mean, and otherwise refused in words that tell them."""

import contextlib
import socket
import ssl
import struct
import unittest
import uuid

from .harness.base import wait_for
from .harness.client import Client, b64
from .harness.relay import CONNECTORS, PASSWORD, Relay, without_trace

PATIENT = dict(hubMaxProtocolErrors="0", hubMaxLogonFailures="0")
PLACES = {
    "open": CONNECTORS["open"],
    "patient": dict(CONNECTORS["open"], **PATIENT),
    "clear": dict(CONNECTORS["clear"], **PATIENT),
    "users": dict(CONNECTORS["users"], **PATIENT),
    "implicit": CONNECTORS["implicit"],
}
E = ("EHLO client.example", "250")
M = ("MAIL FROM:<a@b.example>", "250 2.1.0")
R = ("RCPT TO:<x@y.example>", "250 2.1.5")
LOGIN = "AUTH PLAIN " + b64("\0anna\0" + PASSWORD)


def each(*pairs):
    """Every MAIL in a transaction of its own."""
    return [step for pair in pairs for step in (pair, ("RSET", "250"))]


# connector, then what is said and how the reply begins; bytes are sent as they are
DIALOGUES = {
    # how they call themselves
    "names": ("patient", *[("EHLO " + name, "250") for name in (
        "my_pc", "PC_1.contoso.com", "localhost", "localhost.localdomain", "WIN-ABC123",
        "host.contoso.com.", "123456789012", "192.0.2.1", "[192.0.2.1]", "::1", "[::1]",
        "[IPv6:::1]", "[fe80:0:0:0:0:0:0:1%eth0]", "office pc", "ylmf-pc")]),
    "no names": ("patient", E, *[("EHLO " + name, "501 5.5.4") for name in (
        "(null)", "%h", "*", "-pc", "J\u00fcrgens-PC", "user@host", "[127.0.0.1", "a..b")]),
    "no name": ("patient", ("EHLO", "501 EHLO needs"), ("HELO ", "501 HELO needs"), E),
    "a name in another charset": ("open", (b"EHLO J\xfcrgens-PC\r\n", "501"), E),
    # how they write
    "lower case": ("open", ("ehlo client.example", "250"), ("mail from:<a@b.example>", "250"),
                   ("rcpt to:<x@y.example>", "250"), ("data", "354"), (b".\r\n", "250 2.6.0"),
                   ("quit", "221")),
    "mixed case": ("open", ("Helo client.example", "250"), ("Mail From:<a@b.example>", "250"),
                   ("Rcpt To:<x@y.example>", "250"), ("Rset", "250"), ("Noop", "250"),
                   ("QuiT", "221")),
    "blanks": ("open", ("EHLO  client.example ", "250"), *each(
        ("MAIL FROM: <a@b.example>", "250"), ("MAIL  FROM:<a@b.example>", "250"),
        ("MAIL FROM :<a@b.example>", "250"), ("MAIL FROM:<a@b.example> \t ", "250"),
        ("MAIL FROM:<a@b.example>   SIZE=1  BODY=8BITMIME ", "250")), M,
        ("RCPT TO: <x@y.example>", "250"), ("RCPT  TO :<x@y.example> ", "250"), ("DATA ", "354"),
        (b".\r\n", "250"), ("RSET  ", "250"), ("QUIT\t", "221")),
    "parameters in lower case": ("open", E, ("MAIL FROM:<a@b.example> size=1 body=8bitmime",
                                             "250")),
    # addresses
    "senders": ("patient", E, *each(
        ("MAIL FROM:<root@localhost>", "250"), ("MAIL FROM:<scanner@device>", "250"),
        ("MAIL FROM:<a@b_c.example>", "250"), ("MAIL FROM:<a@[192.0.2.1]>", "250"),
        ("MAIL FROM:<SRS0=ab/c+d=ef=b.example=a@c.example>", "250"),
        ("MAIL FROM:<o'hara@b.example>", "250"), ("MAIL FROM:<\"a b\"@b.example>", "250"),
        ("MAIL FROM:<%s@b.example>" % ("v" * 64), "250"))),
    "no senders": ("patient", E, *[("MAIL FROM:" + path, "501 5.1.7") for path in (
        "a@b.example", " a@b.example", "\"a@b.example\"", "Scanner <a@b.example>",
        "<mailto:a@b.example>", "< a@b.example >", "<<a@b.example>>", "<a@b.example>>",
        "<a@b.example", "<a@192.0.2.1>", "<a@b.example;c@d.example>", "<a@b@c.example>", "< >",
        "<scanner>", "<Scanner 2nd floor@contoso.com>", "<a@b.example>SIZE=5",
        "<a..b@b.example>")]),
    "no recipients": ("patient", E, M, *[("RCPT TO:" + path, "501 5.1.3") for path in (
        "x@y.example", "<x@y.example>,<z@y.example>", "<x@y.example,z@y.example>",
        "Xaver <x@y.example>", "< x@y.example>", "anna")],
        ("RCPT TO:<x@y.example> <z@y.example>", "555 5.5.4"), ("DATA", "554 5.5.1")),
    # order
    "EHLO twice": ("open", E, E, M, R, ("DATA", "354"), (b".\r\n", "250")),
    "EHLO forgets": ("patient", E, M, R, E, ("RCPT TO:<x@y.example>", "503"), ("DATA", "503"), M),
    "HELO after EHLO": ("patient", E, ("HELO client.example", "250"),
                        ("MAIL FROM:<a@b.example> SIZE=1", "555"), M[:1] + ("250",)),
    "MAIL twice": ("patient", E, M, ("MAIL FROM:<c@b.example>", "503 5.5.1"), R, ("DATA", "354"),
                   (b".\r\n", "250")),
    "DATA twice": ("patient", E, M, R, ("DATA", "354"), (b"DATA\r\n.\r\n", "250"),
                   ("DATA", "503 5.5.1")),
    "the dot sent twice": ("open", E, M, R, ("DATA", "354"), (b"x: y\r\n\r\n.\r\n", "250"),
                           (b".\r\n", "500 5.5.1"), M),
    "dots unstuffed": ("patient", E, M, R, ("DATA", "354"), (b"x: y\r\n\r\none\r\n.\r\n", "250"),
                       ("two", "500 5.5.1"), (b".\r\n", "500 5.5.1"), M),
    # devices that end lines by LF are told so at once, not when they have waited long enough
    "bare LF": ("open", (b"HELO client.example\n", "500"), (b"MAIL FROM:<a@b.example>\n", "500"),
                (b"RCPT TO:<x@y.example>\n", "500"), (b"DATA\n", "500"), (b"QUIT\n", "500"),
                (b"", "421")),
    "bare LF in a message": ("open", E, M, R, ("DATA", "354"), (b"a: b\n\nc\n.\n\r\n.\r\n",
                                                                "550 5.6.0"), M),
    # what else comes along
    "telnet": ("patient", (b"\xff\xfd\x03\xff\xfb\x18EHLO x\r\n", "500"), E,
               ("NOOPP\b", "500 5.5.1"), ("help", "214"), ("", "500 5.5.1"), ("\x1b[A", "500")),
    "proxy": ("open", ("PROXY TCP4 192.0.2.1 192.0.2.2 5 25", "500"), E),
    "Exchange": ("patient", E, ("X-EXPS GSSAPI", "500"), ("XEXCH50 9 2", "500"),
                 ("MAIL FROM:<a@b.example> XOORG=contoso.com", "555 5.5.4"), M),
    # AUTH
    "LOGIN at once": ("clear", E, ("AUTH LOGIN " + b64("anna"), "334 UGFzc3dvcmQ6"),
                      (b64(PASSWORD), "235 2.7.0")),
    "LOGIN in lower case": ("clear", E, ("auth login", "334 VXNlcm5hbWU6"),
                            (b64("anna"), "334 UGFzc3dvcmQ6"), (b64(PASSWORD), "235 2.7.0")),
    "PLAIN in two steps": ("clear", E, ("AUTH PLAIN", "334 "), (LOGIN[11:], "235 2.7.0")),
    "as oneself": ("clear", E, ("AUTH PLAIN " + b64("anna\0anna\0" + PASSWORD), "235")),
    "by address": ("clear", E, ("AUTH PLAIN " + b64("\0anna@contoso.com\0" + PASSWORD), "235")),
    "with AUTH of MAIL": ("clear", E, (LOGIN, "235"),
                          ("MAIL FROM:<anna@contoso.com> AUTH=<>", "250"), R),
    "AUTH=": ("clear", E, ("AUTH=" + LOGIN[5:], "500"), (LOGIN, "235")),
    "next mechanism": ("clear", E, ("AUTH NTLM", "504 5.5.4"), ("AUTH CRAM-MD5", "504 5.5.4"),
                       ("AUTH DIGEST-MD5", "504 5.5.4"), ("AUTH", "501"), (LOGIN, "235")),
    "another password": ("clear", E, ("AUTH LOGIN", "334"), (b64("anna"), "334"),
                         (b64("secret"), "535 5.7.8"), ("AUTH LOGIN", "334"), (b64("anna"), "334"),
                         ("*", "501"), (LOGIN, "235"), (LOGIN, "503 5.5.1")),
    "not base64": ("clear", E, ("AUTH LOGIN", "334"), ("anna@contoso.com", "501 5.5.2"),
                   (LOGIN, "235")),
    "before TLS": ("users", E, (LOGIN, "538 5.7.11"), ("MAIL FROM:<anna@contoso.com>", "530"),
                   ("STARTTLS", "220")),
}


def setUpModule():
    Field.relay = Relay(PLACES).start()
    unittest.addModuleCleanup(Field.relay.close)


class Field(unittest.TestCase):
    relay = None

    def client(self, name="open"):
        client = Client(self.relay.ports[name])
        self.addCleanup(client.close)
        return client


class Dialogues(Field):
    def test_dialogues(self):
        for name, (where, *steps) in DIALOGUES.items():
            with self.subTest(name), Client(self.relay.ports[where]) as client:
                for said, expected in steps:
                    reply = client.say(said)
                    self.assertTrue(reply.startswith(expected) and bool(reply) == bool(expected),
                                    "%r: %r, not %r" % (said, reply, expected))

    def offers_without_scram(self):
        offers = self.client("clear").ehlo()
        return None if any("SCRAM" in offer for offer in offers) else offers

    def test_login_is_offered_in_one_way(self):
        """
        Old Outlook looked for AUTH=LOGIN, which is no keyword. And where nobody can log in by
        SCRAM it is not offered: Postfix would choose it and, having failed, try nothing else.
        """
        offers = wait_for("the hub knows that there are no verifiers", self.offers_without_scram)
        self.assertEqual([o for o in offers if o.startswith("AUTH")], ["AUTH PLAIN LOGIN"])
        self.assertFalse([o for o in self.client("users").ehlo() if o.startswith("AUTH")])


def whole(token, end=b"QUIT\r\n"):
    """A session said in one breath, without a look at the replies."""
    return (b"EHLO client.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<x@y.example>\r\nDATA\r\n"
            b"Subject: %s\r\n\r\ntext\r\n.\r\n%s" % (token, end))


class Leaving(Field):
    """Connections end otherwise than by QUIT and its reply."""

    def setUp(self):
        self.token = uuid.uuid4().hex.encode()
        self.seen = len(self.relay.hub.log())

    def still_takes_mail(self):
        """What came before is done with, as is everything that the hub logged of it."""
        token = uuid.uuid4().hex
        with Client(self.relay.ports["open"]) as client:
            client.begin(recipients=["x@y.example"])
            self.assertTrue(client.data("x: %s\r\n.\r\n" % token).startswith("250"))
        self.relay.sink.wait(token)

    def warnings(self):
        """Of the hub; logons that failed in another test may be logged a little late."""
        return [line for line in self.relay.hub.log()[self.seen:].splitlines()
                if "level=info" not in line and "logon-failed" not in line]

    def test_half_closed(self):
        """As "printf ... | nc -N" does: everything is said, the replies are still read."""
        for end, last in ((b"QUIT\r\n", "221"), (b"", "250 2.6.0")):
            with self.subTest(end):
                token = uuid.uuid4().hex.encode()
                client = self.client()
                client.send(whole(token, end)).socket.shutdown(socket.SHUT_WR)
                self.assertTrue(client.rest()[-1].startswith(last))
                self.relay.sink.wait(token)

    def test_gone_after_the_dot(self):
        """The message was taken or was not, but no part of it and not twice."""
        for reset in (False, True):
            with self.subTest(reset=reset):
                token = uuid.uuid4().hex.encode()
                client = self.client()
                client.send(whole(token))
                leave(client, reset)
                self.still_takes_mail()
                self.assertIn([without_trace(m.data) for m in self.relay.sink.find(token)],
                              ([], [b"Subject: %s\r\n\r\ntext\r\n" % token]))
        self.assertEqual(self.warnings(), [])

    def test_gone_within_a_message(self):
        for reset in (False, True):
            with self.subTest(reset=reset):
                client = self.client().begin(recipients=["x@y.example"])
                self.assertTrue(client.say("DATA").startswith("354"))
                client.send(b"Subject: %s\r\n\r\nhalf a" % self.token)
                leave(client, reset)
                self.still_takes_mail()
        self.assertFalse(self.relay.sink.find(self.token))
        self.assertEqual(self.warnings(), [])

    def test_looks_whether_somebody_listens(self):
        """Load balancers and monitors do so every few seconds: nobody wants to read of it."""
        for name in ("open", "implicit"):
            for reset in (False, True):
                client = socket.create_connection(("127.0.0.1", self.relay.ports[name]), 10)
                leave(client, reset)
        self.still_takes_mail()
        self.assertEqual(self.warnings(), [])

    def test_leaves_tls_without_a_word(self):
        """Most programs close without close_notify, after QUIT or instead of it."""
        for last in ("QUIT", "NOOP"):
            client = self.client()
            client.ehlo()
            client.starttls().ehlo()
            self.assertRegex(client.say(last), "^2")
            socket.socket(fileno=client.socket.detach()).close()
        self.still_takes_mail()
        self.assertEqual(self.warnings(), [])

    def test_the_wrong_port(self):
        """TLS where there is none yet, and none where there is: told or left, but not waiting."""
        with socket.create_connection(("127.0.0.1", self.relay.ports["open"]), 10) as plain:
            with self.assertRaises(ssl.SSLError):
                unverified().wrap_socket(plain)
        with socket.create_connection(("127.0.0.1", self.relay.ports["implicit"]), 10) as plain:
            plain.sendall(b"EHLO client.example\r\n")
            with contextlib.suppress(ConnectionResetError):
                while data := plain.recv(1000):
                    self.assertNotIn(b"220", data)
        self.still_takes_mail()


def leave(client, reset):
    plain = client.socket if isinstance(client, Client) else client
    if reset:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    plain.close()


def unverified():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


# what stands in messages, and goes through as it is; SMTPUTF8 is asked for by none of them
CONTENTS = {
    "8-bit header": "Subject: Gr\u00fc\u00dfe\r\n\r\ntext\r\n".encode(),
    "another charset": b"Subject: Gr\xfc\xdfe\r\n\r\n\xe4\r\n",
    "empty": b"",
    "no header": b"\r\ntext\r\n",
    "no empty line": b"text\r\nmore text\r\n",
    "header only": b"Subject: x\r\n",
    "mbox": b"From a@b.example Sun Nov 22 12:00:00 2026\r\nSubject: x\r\n\r\ntext\r\n",
    "blank before the colon": b"Subject : x\r\n\r\ntext\r\n",
    "fields twice": b"From: <a@b.example>\r\nFrom: <c@d.example>\r\nTo:\r\nTo: x\r\n\r\n",
    "long lines": b"Subject: %s\r\n\r\n%s\r\n" % (b"s" * 2000, b"l" * 5000),
    "blank lines at the end": b"Subject: x\r\n\r\ntext\r\n\r\n\r\n\r\n",
    "no BODY": b"Subject: x\r\n\r\n\xc3\xa4\xff\xfe\r\n",
}
# A first line that is no field is text: an empty line says so to whoever reads it next, or fields
# behind it would be in the header for some and not for others.
BEGUN_BY_TEXT = ("no empty line", "mbox")


class Contents(Field):
    def test_go_through(self):
        for i, (name, content) in enumerate(CONTENTS.items()):
            with self.subTest(name), self.client() as client:
                client.begin(recipients=["%d@content.example" % i])
                reply = client.data(content + b".\r\n")
                self.assertTrue(reply.startswith("250 2.6.0"), reply)
                got = wait_for("it arrives", lambda to=["%d@content.example" % i]: [
                    m for m in self.relay.sink.messages if m.recipients == to])
                expected = b"\r\n" + content if name in BEGUN_BY_TEXT else content
                self.assertEqual(without_trace(got[0].data), expected)


if __name__ == "__main__":
    unittest.main()
