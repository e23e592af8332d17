"""hubd as a hostile or careless client sees it: every reply on the wire."""

import socket
import time
import unittest
import uuid

from .harness.base import free_port, wait_for
from .harness.client import Client, b64, mechanisms
from .harness.directory import record
from .harness.hub import Hub
from .harness.organization import Organization, message
from .harness.peers import Sink

E = ("EHLO client.example", "250")
M = ("MAIL FROM:<a@outside.example>", "250 2.1.0")
R = ("RCPT TO:<anna@contoso.com>", "250 2.1.5")
BINARY = ("MAIL FROM:<a@outside.example> BODY=BINARYMIME", "250 2.1.0")
ELSEWHERE = "RCPT TO:<x@elsewhere.example>"

# connector, then what is said and how the reply begins; bytes are sent as they are
DIALOGUES = {
    # lines, verbs, arguments
    "unknown verb": ("internet", E, ("FOO bar", "500 5.5.1"), ("NOOP", "250 2.0.0")),
    "empty line": ("internet", E, ("", "500 5.5.1")),
    "http": ("internet", ("GET / HTTP/1.1", "554 london1"), (b"", "")),
    "no enhanced code before EHLO": ("internet", ("FOO", "500 command")),
    "none for HELO": ("internet", ("HELO client.example", "250 london1"), ("NOOP", "250 OK")),
    "bare LF": ("internet", E, (b"NOOP\n", "500 5.5.2"), ("NOOP", "250")),
    "bare CR": ("internet", E, (b"NO\rOP\r\n", "500 5.5.2"), ("NOOP", "250")),
    "NUL": ("internet", E, (b"NO\0OP\r\n", "500 5.5.1"), (b"NOOP \0\r\n", "501 5.5.2")),
    "long line": ("internet", E, ("NOOP " + "x" * 5000, "500 5.5.6"), ("NOOP", "250")),
    "very long line": ("internet", E, ("NOOP " + "x" * 100000, "500 5.5.6"), ("NOOP", "250")),
    "EHLO without name": ("internet", ("EHLO", "501"), ("EHLO -bad-.example", "501")),
    "EHLO with a literal": ("internet", ("EHLO [192.0.2.1]", "250")),
    "needless argument": ("internet", E, ("RSET now", "501 5.5.4"), ("QUIT now", "501 5.5.4"),
                          ("STARTTLS now", "501 5.5.4")),
    "VRFY EXPN HELP NOOP": ("internet", E, ("VRFY anna", "252 2.1.5"), ("EXPN staff", "502 5.5.1"),
                            ("HELP", "214 2.0.0"), ("NOOP anything", "250 2.0.0"),
                            ("VRFY", "501 5.5.4")),
    "TURN": ("internet", E, ("TURN", "500 5.5.1"), ("ETRN x", "500 5.5.1")),
    "LHLO": ("internet", ("LHLO client.example", "502")),
    # addresses and parameters
    "bad senders": ("patient", E, ("MAIL", "501 5.5.4"), ("MAIL FROM", "501 5.5.4"),
                    ("MAIL FROM:", "501 5.1.7"), ("MAIL FROM:a@b.example", "501 5.1.7"),
                    ("MAIL FROM:<a@>", "501 5.1.7"), ("MAIL FROM:<@b.example>", "501 5.1.7"),
                    ("MAIL FROM:<a@b.example", "501 5.1.7"), ("MAIL FROM:<a b@c.d>", "501 5.1.7"),
                    ("MAIL FROM:<a@b.example>x", "501 5.1.7"),
                    ("MAIL FROM:<%s@b.example>" % ("x" * 65), "501 5.1.7"),
                    ("MAIL FROM:<a@%s.example>" % ("x" * 64), "501 5.1.7"),
                    ("MAIL FROM:<postmaster>", "501 5.1.7"),
                    ("MAIL FROM:<\u00e4@b.example>", "553 5.6.7"),
                    (b"MAIL FROM:<\xe4@b.example>\r\n", "501 5.1.7"),
                    ("MAIL FROM:<>", "250 2.1.0")),
    "bad recipients": ("patient", E, M, ("RCPT", "501 5.5.4"), ("RCPT TO:<>", "501 5.1.3"),
                       ("RCPT TO:anna@contoso.com", "501 5.1.3"), ("RCPT TO:<anna>", "501 5.1.3"),
                       ("RCPT TO:<nobody@contoso.com>", "550 5.1.1"),
                       ("RCPT TO:<a@[127.0.0.1]>", "550 5.7.1"),
                       ("RCPT TO:<@relay.example:anna@contoso.com>", "250 2.1.5"),
                       ("RCPT TO:<ANNA@Contoso.COM>", "250 2.1.5"),
                       ("RCPT TO:<\"anna\"@contoso.com>", "250 2.1.5")),
    "percent hack": ("internet", E, M, ("RCPT TO:<x%elsewhere.example@contoso.com>", "550 5.1.1")),
    "bad parameters": ("patient", E, ("MAIL FROM:<a@b.example> FOO=1", "555 5.5.4"),
                       ("MAIL FROM:<a@b.example> SIZE=x", "501 5.5.4"),
                       ("MAIL FROM:<a@b.example> SIZE=1 SIZE=1", "501 5.5.4"),
                       ("MAIL FROM:<a@b.example> SIZE=99999999999999999999999", "501 5.5.4"),
                       ("MAIL FROM:<a@b.example> BODY=9BIT", "501 5.5.4"),
                       ("MAIL FROM:<a@b.example> RET=SOME", "501 5.5.4"),
                       ("MAIL FROM:<a@b.example> ENVID=a+4", "501 5.5.4"),
                       ("MAIL FROM:<a@b.example> NOTIFY=NEVER", "555 5.5.4"), M,
                       ("RCPT TO:<anna@contoso.com> NOTIFY=NEVER,FAILURE", "501 5.5.4"),
                       ("RCPT TO:<anna@contoso.com> ORCPT=nothing", "501 5.5.4"), R),
    "parameters after HELO": ("internet", ("HELO client.example", "250"),
                              ("MAIL FROM:<a@b.example> SIZE=1", "555 ")),
    # order
    "no EHLO": ("internet", ("MAIL FROM:<a@b.example>", "503 "), E, M),
    "order": ("patient", E, ("RCPT TO:<anna@contoso.com>", "503 5.5.1"), ("DATA", "503 5.5.1"), M,
              ("DATA", "554 5.5.1"), ("MAIL FROM:<b@b.example>", "503 5.5.1"),
              ("STARTTLS", "503 5.5.1"), R, ("RSET", "250 2.0.0"), ("DATA", "503 5.5.1"), M, R,
              E, ("DATA", "503 5.5.1")),
    "too many errors": ("internet", E, *[("FOO", "500 5.5.1")] * 5, (b"", "421 4.7.0")),
    "errors of sequence count": ("internet", E, *[("DATA", "503 5.5.1")] * 5, (b"", "421 4.7.0")),
    # BDAT
    "BDAT": ("internet", E, M, R, (b"BDAT 4\r\nab\r\n", "250 2.0.0"), ("BDAT 0 LAST", "250 2.6.0")),
    "BDAT 0 LAST alone": ("internet", E, M, R, ("BDAT 0 LAST", "250 2.6.0"), M),
    "BDAT without RCPT": ("patient", E, M, (b"BDAT 6 LAST\r\nQUIT\r\n", "503 5.5.1"),
                          ("NOOP", "250")),
    "BDAT without MAIL": ("patient", E, (b"BDAT 6\r\nQUIT\r\n", "503 5.5.1"), ("NOOP", "250")),
    "BDAT before EHLO": ("internet", (b"BDAT 6\r\nNOOP\r\n", "503 "), (b"", "")),
    "BDAT bad size": ("internet", E, M, R, ("BDAT x LAST", "501 5.5.4"), (b"", "")),
    "BDAT size too large": ("internet", E, M, R, ("BDAT 99999999999999999999", "501 5.5.4"),
                            (b"", "")),
    "BDAT negative size": ("internet", E, M, R, ("BDAT -1 LAST", "501 5.5.4"), (b"", "")),
    "BDAT then DATA": ("patient", E, M, R, (b"BDAT 4\r\nab\r\n", "250"), ("DATA", "503 5.5.1"),
                       ("BDAT 0 LAST", "250 2.6.0")),
    "BDAT then RCPT": ("patient", E, M, R, (b"BDAT 4\r\nab\r\n", "250"),
                       ("RCPT TO:<anna@contoso.com>", "503 5.5.1"), ("RSET", "250")),
    "BDAT, RSET, again": ("internet", E, M, R, (b"BDAT 4\r\nab\r\n", "250"), ("RSET", "250"), M, R,
                          (b"BDAT 4 LAST\r\nab\r\n", "250 2.6.0")),
    "BDAT not offered": ("plain", E, M, R, (b"BDAT 6\r\nNOOP\r\n", "502 5.5.1"), (b"", "")),
    "bare LF in BDAT": ("internet", E, M, R, (b"BDAT 4 LAST\r\na\nb\n", "550 5.6.0"), M),
    "bare CR in BDAT": ("internet", E, M, R, (b"BDAT 2 LAST\r\na\r", "550 5.6.0")),
    "CRLF across chunks": ("internet", E, M, R, (b"BDAT 2\r\na\r", "250"),
                           (b"BDAT 1 LAST\r\n\n", "250 2.6.0")),
    "BINARYMIME": ("internet", E, BINARY, R, ("DATA", "503 5.5.1"),
                   (b"BDAT 5 LAST\r\na\nb\r\0", "250 2.6.0")),
    # limits
    "declared size": ("limits", E, ("MAIL FROM:<a@b.example> SIZE=70001", "552 5.3.4"),
                      ("MAIL FROM:<a@b.example> SIZE=70000", "250")),
    "real size": ("limits", E, M, R, ("DATA", "354"),
                  (b"a: b\r\n\r\n" + (b"x" * 78 + b"\r\n") * 900 + b".\r\n", "552 5.3.4"), M),
    "header size": ("limits", E, M, R, ("DATA", "354"),
                    (b"X: " + b"y" * 1100 + b"\r\n\r\n.\r\n", "552 5.3.4"), M),
    "recipients": ("limits", E, M, R, ("RCPT TO:<bruno@contoso.com>", "250"),
                   ("RCPT TO:<clara@contoso.com>", "250"),
                   ("RCPT TO:<anna@contoso.com>", "452 4.5.3"), ("DATA", "354"),
                   (b".\r\n", "250 2.6.0")),
    "hops": ("limits", E, M, R, ("DATA", "354"),
             (b"Received: x\r\n" * 4 + b"\r\n.\r\n", "554 5.4.6"), M),
    "fewer hops": ("limits", E, M, R, ("DATA", "354"),
                   (b"Received: x\r\n" * 3 + b"\r\n.\r\n", "250")),
    "local hops": ("limits", E, M, R, ("DATA", "354"),
                   (b"Received: from x by london1.contoso.com; now\r\n" * 2 + b"\r\n.\r\n",
                    "554 5.4.6")),
    # rights
    "relay refused": ("internet", E, M, (ELSEWHERE, "550 5.7.1")),
    "relay granted": ("relay", E, M, (ELSEWHERE, "250 2.1.5")),
    "submit denied": ("denied", E, ("MAIL FROM:<a@b.example>", "530 5.7.1")),
    "authoritative sender denied": ("nospoof", E, ("MAIL FROM:<anna@contoso.com>", "550 5.7.1"), M),
    "null sender": ("internet", E, ("MAIL FROM:<>", "250"), R),
    "postmaster": ("internet", E, M, ("RCPT TO:<Postmaster>", "250"),
                   ("RCPT TO:<PostMaster@contoso.com>", "250"),
                   ("RCPT TO:<postmaster@elsewhere.example>", "550 5.7.1")),
    "AUTH nowhere offered": ("internet", E, ("AUTH PLAIN AGEAYQ==", "502 5.5.1")),
    "AUTH before TLS": ("submission", E, ("AUTH PLAIN AGEAYQ==", "538 5.7.11"),
                        ("AUTH LOGIN", "538 5.7.11"),
                        ("MAIL FROM:<anna@contoso.com>", "530 5.7.1")),
    "TLS required": ("secure", E, ("MAIL FROM:<a@b.example>", "530 5.7.0"), ("VRFY x", "530 5.7.0"),
                     ("NOOP", "250"), (b"BDAT 6\r\nNOOP\r\n", "530 5.7.0"), (b"", "")),
}

# what only looks like the end of a message; accepted or not, what follows it belongs to the message
SMUGGLING = {
    "LF.LF": (b"\n.\n", "550 5.6.0"), "LF.CRLF": (b"\n.\r\n", "550 5.6.0"),
    "CRLF.LF": (b"\r\n.\n", "550 5.6.0"), "CR.CR": (b"\r.\r", "550 5.6.0"),
    "CR.CRLF": (b"\r.\r\n", "550 5.6.0"), "CRLF.CR": (b"\r\n.\r", "550 5.6.0"),
    "CR.LF": (b"\r.\n", "550 5.6.0"), "CRCRLF.CRCRLF": (b"\r\r\n.\r\r\n", "550 5.6.0"),
    "NUL.": (b"\r\n\0.\r\n", "550 5.6.0"), "blank.": (b"\r\n .\r\n", "250 2.6.0"),
    ".blank": (b"\r\n. \r\n", "250 2.6.0"), "..": (b"\r\n..\r\n", "250 2.6.0"),
    ".NUL": (b"\r\n.\0\r\n", "550 5.6.0"),
}

EVERYTHING = ("PIPELINING", "8BITMIME", "SIZE 0", "ENHANCEDSTATUSCODES", "DSN", "CHUNKING",
              "BINARYMIME", "SMTPUTF8")


def connector(org, name, port, groups="AnonymousUsers", auth="Tls", **attributes):
    given = dict(hubTarpitInterval="0", hubMaxInboundPerSource="0",
                 hubMaxInboundPercentPerSource="100")
    given.update(attributes)
    return record("cn=%s,%s" % (name, org.london1.dn()), "hubReceiveConnector", cn=name,
                  hubBinding="127.0.0.1:%d" % port, hubPermissionGroup=groups,
                  hubAuthMechanism=auth, **given)


CONNECTORS = {
    "patient": dict(hubMaxProtocolErrors="0"),
    "plain": dict(hubExtension=["Size", "EnhancedStatusCodes"]),
    "limits": dict(hubMaxMessageSize="70000", hubMaxHeaderSize="1000", hubMaxRecipients="3",
                   hubMaxHopCount="4", hubMaxLocalHopCount="2"),
    "relay": dict(hubGrant="AnonymousUsers Accept-Any-Recipient"),
    "denied": dict(hubDeny="AnonymousUsers Submit"),
    "nospoof": dict(hubDeny="AnonymousUsers Accept-Authoritative-Domain-Sender"),
    "secure": dict(hubRequireTLS="TRUE"),
    "idle": dict(hubConnectionInactivityTimeout="1", hubConnectionTimeout="60"),
    "short": dict(hubConnectionInactivityTimeout="1", hubConnectionTimeout="2"),
    "total": dict(hubMaxInboundConnections="2"),
    "source": dict(hubMaxInboundPerSource="2"),
    "percent": dict(hubMaxInboundConnections="10", hubMaxInboundPercentPerSource="20"),
    "rate": dict(hubMessageRateLimit="2", hubMessageRateSource="IPAddress"),
    "tarpit": dict(hubTarpitInterval="1"),
    "clear": dict(auth=["Tls", "BasicAuth"], groups="HubUsers"),
    "trusted": dict(auth=["Tls", "ExternalAuthoritative"], groups="HubServers"),
    "logons": dict(auth=["BasicAuth"], groups="HubUsers", hubMaxLogonFailures="2"),
}


class SmtpSession(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization(
            mailbox=lambda place: Sink(place, lmtp=True, offers=EVERYTHING))
        cls.addClassCleanup(org.close)
        cls.ports = {name: free_port() for name in CONNECTORS}
        org.directory.add("".join(connector(org, name, cls.ports[name], **attributes)
                                  for name, attributes in CONNECTORS.items()))
        org.start()
        cls.addClassCleanup(cls.ends_cleanly)
        cls.ports.update(internet=org.internet_port, submission=org.london1.submission_port,
                         applications=org.application_port)
        for name, port in cls.ports.items():
            wait_for("connector %s listens" % name, lambda p=port: cls.listens(p))

    @classmethod
    def ends_cleanly(cls):
        """After all that: no crash, and (built with sanitizers) no leak."""
        for hub in cls.org.hubs:
            status = hub.stop()
            if status != 0:
                raise AssertionError("%s: exit %d\n%s" % (hub.name, status, hub.log()[-5000:]))

    @staticmethod
    def listens(port, address="127.0.0.1"):
        with socket.socket() as probe:
            return probe.connect_ex((address, port)) == 0

    def client(self, name, **options):
        client = Client(self.ports[name], **options)
        self.addCleanup(client.close)
        return client

    def login(self, name="anna"):
        client = self.client("submission")
        client.ehlo()
        client.starttls().ehlo()
        self.assertTrue(client.plain(name, "password-of-" + name).startswith("235 2.7.0"))
        return client

    def test_dialogues(self):
        for name, (where, *steps) in DIALOGUES.items():
            with self.subTest(name), Client(self.ports[where]) as client:
                for said, expected in steps:
                    reply = client.say(said)
                    self.assertTrue(reply.startswith(expected) and bool(reply) == bool(expected),
                                    "%r: %r, not %r" % (said[:80], reply, expected))

    def test_only_crlf_dot_crlf_ends_a_message(self):
        evil = b"MAIL FROM:<evil@outside.example>\r\nRCPT TO:<anna@contoso.com>\r\nDATA\r\nevil\r\n"
        for name, (end, expected) in SMUGGLING.items():
            with self.subTest(name), Client(self.ports["internet"]) as client:
                client.begin()
                reply = client.data(b"Subject: x\r\n\r\none" + end + evil + b".\r\n")
                self.assertTrue(reply.startswith(expected), reply)
                self.assertTrue(client.say("NOOP").startswith("250 2.0.0 OK"))
                self.assertTrue(client.say("QUIT").startswith("221"))
        token, data = message()
        with Client(self.ports["internet"]) as client:
            self.assertTrue(client.begin().data(data + b".\r\n").startswith("250"))
        self.org.mailbox.wait(token)
        self.assertFalse([m for m in self.org.mailbox.messages if m.sender.startswith("evil")])

    def test_nothing_of_an_unfinished_message_is_kept(self):
        for part in (b"Subject: half %s\r\n\r\ntext\r\n", b"Subject: half %s\r\n\r\ntext\r\n."):
            token = uuid.uuid4().hex.encode()
            with Client(self.ports["internet"]) as client:
                client.begin().say("DATA")
                client.send(part % token)
                client.socket.shutdown(socket.SHUT_WR)
                self.assertEqual(client.rest(), [])
            other, data = message()
            with Client(self.ports["internet"]) as client:
                client.begin().data(data + b".\r\n")
            self.org.mailbox.wait(other)
            self.assertFalse(self.org.mailbox.find(token))

    def test_pipelining_answers_in_order(self):
        client = self.client("internet")
        client.send(b"EHLO client.example\r\nMAIL FROM:<a@b.example>\r\n"
                    b"RCPT TO:<anna@contoso.com>\r\n"
                    b"RCPT TO:<nobody@contoso.com>\r\nRCPT TO:<bruno@contoso.com>\r\nDATA\r\n"
                    b"Subject: x\r\n\r\n..\r\n.\r\nMAIL FROM:<>\r\nRSET\r\nFOO\r\n"
                    b"MAIL FROM:<a@b.example>\r\nRCPT TO:<anna@contoso.com>\r\n"
                    b"BDAT 4\r\nab\r\nBDAT 0 LAST\r\nQUIT\r\nNOOP\r\n")
        self.assertEqual([r[:3] for r in client.rest()], [
            "250", "250", "250", "550", "250", "354", "250", "250", "250", "500",
            "250", "250", "250", "250", "221"])

    def test_bytes_one_by_one(self):
        client = self.client("internet")
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in (b"EHLO client.example\r\nMAIL FROM:<a@b.example>\r\n"
                     b"RCPT TO:<anna@contoso.com>\r\nDATA\r\na: b\r\n\r\n..\r\n.\r\nQUIT\r\n"):
            client.send(bytes([byte]))
        self.assertEqual([r[:3] for r in client.rest()], ["250", "250", "250", "354", "250", "221"])

    # --- TLS and logins ---

    def test_starttls_throws_away_what_was_injected(self):
        client = self.client("internet")
        client.ehlo()
        client.send(b"STARTTLS\r\nMAIL FROM:<evil@outside.example>\r\n")
        replies = client.rest()
        self.assertEqual([r[:9] for r in replies], ["421 4.7.0"])

    def test_starttls_forgets_what_was_before(self):
        client = self.client("clear")
        self.assertIn("PLAIN", mechanisms(client.ehlo()))
        self.assertTrue(client.plain("anna", "password-of-anna").startswith("235"))
        client.starttls()
        self.assertTrue(client.say("MAIL FROM:<anna@contoso.com>").startswith("503"))
        offers = client.ehlo()
        self.assertNotIn("STARTTLS", offers)
        # the login was before: RFC 3207 section 4.2
        self.assertTrue(client.say("MAIL FROM:<anna@contoso.com>").startswith("530"))
        self.assertTrue(client.say("STARTTLS").startswith("502"))

    def test_garbage_instead_of_a_handshake_ends_that_session_alone(self):
        for garbage in (b"\x16\x03\x01\x00\x05hello", b"NOOP\r\n" * 10, b"\x16\x03\x01\xff\xff",
                        b""):
            client = self.client("internet")
            client.ehlo()
            self.assertTrue(client.say("STARTTLS").startswith("220"))
            client.send(garbage)
            client.socket.shutdown(socket.SHUT_WR)
            client.socket.settimeout(10)
            try:
                while client.socket.recv(1000):
                    pass
            except ConnectionResetError:
                pass
        self.assertTrue(self.client("internet").greeting.startswith("220"))

    def test_logins(self):
        self.assertTrue(self.login().say("MAIL FROM:<anna@contoso.com>").startswith("250"))
        good, bad = "password-of-anna", "wrong"
        rows = [
            (["AUTH PLAIN " + b64("\0anna\0" + good)], "235 2.7.0"),
            (["AUTH PLAIN", b64("\0anna\0" + good)], "235 2.7.0"),
            (["AUTH PLAIN " + b64("anna\0anna\0" + good)], "235 2.7.0"),
            (["auth plain " + b64("\0anna@contoso.com\0" + good)], "235 2.7.0"),
            (["AUTH LOGIN", b64("anna"), b64(good)], "235 2.7.0"),
            (["AUTH LOGIN " + b64("anna"), b64(good)], "235 2.7.0"),
            (["AUTH PLAIN " + b64("bruno\0anna\0" + good)], "535 5.7.8"),
            (["AUTH PLAIN " + b64("\0anna\0" + bad)], "535 5.7.8"),
            (["AUTH PLAIN " + b64("\0nobody\0" + bad)], "535 5.7.8"),
            (["AUTH PLAIN " + b64("\0*\0" + good)], "535 5.7.8"),
            (["AUTH PLAIN " + b64("\0an*\0" + good)], "535 5.7.8"),
            (["AUTH PLAIN " + b64("\0anna)(uid=*\0" + good)], "535 5.7.8"),
            (["AUTH PLAIN " + b64("\0anna\0")], "535 5.7.8"),
            (["AUTH PLAIN " + b64("\0\0" + good)], "535 5.7.8"),
            (["AUTH LOGIN", b64("anna"), b64(bad)], "535 5.7.8"),
            (["AUTH LOGIN", "*"], "501 5.7.0"),
            (["AUTH PLAIN", "*"], "501 5.7.0"),
            (["AUTH PLAIN ="], "501 5.5.2"),
            (["AUTH PLAIN AGFubmE"], "501 5.5.2"),
            (["AUTH PLAIN !!!!"], "501 5.5.2"),
            (["AUTH PLAIN AAAA----"], "501 5.5.2"),
            (["AUTH PLAIN " + b64("no nul")], "501 5.5.2"),
            (["AUTH PLAIN " + b64("\0a\0b\0c")], "501 5.5.2"),
            (["AUTH PLAIN " + "A" * 4000], "501 5.5.2"),
            (["AUTH LOGIN", "A" * 20000], "500 5.5.6"),
            (["AUTH CRAM-MD5"], "504 5.5.4"),
            (["AUTH"], "501 5.5.4"),
        ]
        for lines, expected in rows:
            with self.subTest(lines), Client(self.ports["submission"]) as client:
                client.ehlo()
                client.starttls()
                self.assertIn("PLAIN", mechanisms(client.ehlo()))
                for line in lines[:-1]:
                    self.assertTrue(client.say(line).startswith("334"))
                reply = client.say(lines[-1])
                self.assertTrue(reply.startswith(expected), reply)
                self.assertTrue(client.say("NOOP").startswith("250"))

    def test_second_login_is_refused(self):
        client = self.login()
        self.assertTrue(client.plain("bruno", "password-of-bruno").startswith("503 5.5.1"))

    def test_login_within_a_transaction_is_refused(self):
        client = self.login()
        client.say("MAIL FROM:<anna@contoso.com>")
        self.assertTrue(client.plain("anna", "password-of-anna").startswith("503 5.5.1"))

    def test_user_sends_as_itself_only(self):
        client = self.login()
        for sender in ("bruno@contoso.com", "x@outside.example", "annax@contoso.com"):
            reply = client.say("MAIL FROM:<%s>" % sender)
            self.assertTrue(reply.startswith("550 5.7.1"), reply)
        self.assertTrue(client.say("MAIL FROM:<Anna@CONTOSO.com>").startswith("250"))
        self.assertTrue(client.say(ELSEWHERE).startswith("250"))

    def test_failed_logons_end_the_session(self):
        client = self.client("logons")
        client.ehlo()
        self.assertTrue(client.plain("anna", "wrong").startswith("535"))
        self.assertTrue(client.plain("anna", "wrong").startswith("535"))
        self.assertTrue(client.reply().startswith("421 4.7.0"))
        self.assertEqual(client.reply(), "")

    def test_slapd_down_is_a_temporary_failure(self):
        org = self.org
        org.directory.stop()
        try:
            client = self.client("logons")
            client.ehlo()
            for _ in range(3):    # not the user's fault: no limit counts these
                reply = client.plain("anna", "password-of-anna")
                self.assertTrue(reply.startswith("454 4.7.0"), reply)
        finally:
            org.directory.start()
        wait_for("logins work again",
                 lambda: client.plain("anna", "password-of-anna").startswith(("235", "503")))

    # --- limits of time and number ---

    def test_inactivity(self):
        client = self.client("idle")
        client.begin().say("DATA")
        client.send(b"Subject: half\r\n")
        self.assertTrue(client.reply().startswith("421 4.4.2"))
        self.assertEqual(client.reply(), "")

    def test_absolute_timeout(self):
        client = self.client("short", timeout=20)
        client.ehlo()
        begun = time.monotonic()
        replies = []
        while replies[-1:] != [""] and time.monotonic() - begun < 10:
            try:
                replies.append(client.say("NOOP"))
            except (ConnectionResetError, BrokenPipeError):
                replies.append("")
        self.assertIn("421 4.4.2", [r[:9] for r in replies])
        self.assertLess(1.5, time.monotonic() - begun)

    def test_connection_limits(self):
        for name in ("total", "source", "percent"):
            with self.subTest(name):
                # the probe of setUpClass may still be leaving
                wait_for("room", lambda: self.full(name) == 2 - (name == "percent"))

    def full(self, name):
        """How many connections are let in until one is refused."""
        clients = []
        try:
            while len(clients) < 5:
                clients.append(Client(self.ports[name]))
                if not clients[-1].greeting.startswith("220"):
                    self.assertTrue(clients[-1].greeting.startswith("421 4.3.2"))
                    self.assertEqual(clients[-1].reply(), "")
                    return len(clients) - 1
        finally:
            for client in clients:
                client.close()
        return len(clients)

    def test_other_source_has_its_own_share(self):
        one = [self.client("source") for _ in range(3)]
        wait_for("the third is refused", lambda: one[-1].greeting.startswith("421"))
        other = self.client("source", source="127.0.0.2")
        self.assertTrue(other.greeting.startswith("220"), other.greeting)

    def test_a_flood_of_refused_connections_is_a_few_lines(self):
        logged = self.org.london1.events
        kept = [self.client("source", source="127.0.0.9") for _ in range(2)]
        before, told = len(logged("connection-refused")), len(logged("connections-refused"))
        flood = 150
        for _ in range(flood):
            client = self.client("source", source="127.0.0.9")
            self.assertTrue(client.greeting.startswith("421 4.3.2"), client.greeting)
            client.close()
        wait_for("the rest is told of", lambda: len(logged("connections-refused")) > told)
        lines = len(logged("connection-refused")) - before
        left_out = sum(int(e["not_logged"]) for e in logged("connections-refused")[told:])
        self.assertLessEqual(lines, 60)
        self.assertGreaterEqual(lines + left_out, flood)
        for client in kept:
            client.close()

    def test_message_rate(self):
        client = self.client("rate")
        client.ehlo()
        for _ in range(2):
            self.assertTrue(client.say("MAIL FROM:<a@b.example>").startswith("250"))
            client.say("RSET")
        self.assertTrue(client.say("MAIL FROM:<a@b.example>").startswith("421 4.4.2"))
        self.assertEqual(client.reply(), "")
        other = self.client("rate", source="127.0.0.3")
        other.ehlo()
        self.assertTrue(other.say("MAIL FROM:<a@b.example>").startswith("250"))

    def test_tarpit_holds_back_strangers_only(self):
        client = self.client("tarpit")
        client.ehlo()
        client.say("MAIL FROM:<a@b.example>")
        begun = time.monotonic()
        self.assertTrue(client.say("RCPT TO:<nobody@contoso.com>").startswith("550"))
        self.assertTrue(client.say("NOOP").startswith("250"))
        self.assertGreater(time.monotonic() - begun, 0.9)
        begun = time.monotonic()
        self.assertTrue(client.say("NOOP").startswith("250"))
        self.assertLess(time.monotonic() - begun, 0.9)

    # --- what goes on to the next server ---

    def submit(self, port, sender, recipient, data, mail="", rcpt="", chunks=False):
        with Client(port) as client:
            client.ehlo()
            for line in ("MAIL FROM:<%s>%s" % (sender, mail), "RCPT TO:<%s>%s" % (recipient, rcpt)):
                reply = client.say(line)
                self.assertTrue(reply.startswith("250"), reply)
            if chunks:
                reply = client.say(b"BDAT %d LAST\r\n" % len(data) + data)
            else:
                self.assertTrue(client.say("DATA").startswith("354"))
                reply = client.say(data + b".\r\n")
            self.assertTrue(reply.startswith("250 2.6.0"), reply)

    def test_delivery_status_parameters_are_kept_across_two_hubs(self):
        envid = uuid.uuid4().hex
        token, data = message()
        self.submit(self.ports["internet"], "a@outside.example", "anna@contoso.com", data,
                    mail=" RET=HDRS ENVID=%s+2B" % envid,
                    rcpt=" NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Other+2Bone@contoso.com")
        self.org.mailbox.wait(token)
        mail = [c for c in self.org.mailbox.commands if envid in c]
        self.assertEqual(len(mail), 1)
        self.assertIn("RET=HDRS", mail[0])
        self.assertIn("ENVID=%s+2B" % envid, mail[0])
        rcpt = [c for c in self.org.mailbox.commands if "Other+2Bone" in c]
        self.assertEqual(len(rcpt), 1)
        self.assertIn("ORCPT=rfc822;Other+2Bone@contoso.com", rcpt[0])
        self.assertIn("NOTIFY=", rcpt[0])
        self.assertEqual(set(rcpt[0].split("NOTIFY=")[1].split()[0].split(",")),
                         {"SUCCESS", "DELAY"})

    def test_a_strangers_organization_fields_are_removed(self):
        token, data = message()
        forged = (b"X-Hub-Organization-OriginalSize: 1\r\n"
                  b"x-hub-organization-other: a\r\n\tfolded\r\nX-Hub-Forest-B: 2\r\n")
        for port, sender in (("internet", "a@outside.example"),
                             ("trusted", "someone@partner.example")):
            self.submit(self.ports[port], sender, "anna@contoso.com", forged + data)
        for got in self.org.mailbox.wait(token, count=2):
            self.assertNotIn(b"x-hub-", got.data.lower())
            self.assertTrue(got.data.endswith(data))

    def test_external_authoritative_relays_and_sends_as_anyone(self):
        token, data = message()
        self.submit(self.ports["trusted"], "anna@contoso.com", "x@elsewhere.example", data)
        self.assertEqual(self.org.smart_host.wait(token)[0].sender, "anna@contoso.com")

    def test_null_sender_and_postmaster_arrive(self):
        token, data = message()
        self.submit(self.ports["internet"], "", "anna@contoso.com", data)
        self.assertEqual(self.org.mailbox.wait(token)[0].sender, "")

    def test_kinds_of_bodies_to_a_peer_that_takes_them(self):
        mailbox = self.org.mailbox
        token, data = message(body="gr\u00fc\u00dfe\r\n")
        self.submit(self.ports["internet"], "a@outside.example", "anna@contoso.com", data,
                    mail=" BODY=8BITMIME")
        self.assertTrue(mailbox.wait(token)[0].data.endswith(data))
        token, data = message(body="x")
        data += b"\nbare\rand\0binary\n.\n"
        self.submit(self.ports["internet"], "binary@outside.example", "anna@contoso.com", data,
                    mail=" BODY=BINARYMIME", chunks=True)
        self.assertTrue(mailbox.wait(token)[0].data.endswith(data))
        self.assertTrue([c for c in mailbox.commands if "binary@" in c and "BODY=BINARYMIME" in c])
        token, data = message()
        self.submit(self.ports["internet"], "j\u00fcrgen@outside.example", "anna@contoso.com", data,
                    mail=" SMTPUTF8")
        self.assertEqual(mailbox.wait(token)[0].sender, "j\u00fcrgen@outside.example")

    def test_hub_without_a_certificate_takes_mail_in_clear(self):
        org = self.org
        hub = Hub(org.place, org.directory, "bare", "London", certificate=None, key=None,
                  admin=None)
        org.directory.add(hub.records(hubKeyDigest=None) + record(
            "cn=In,%s" % hub.dn(), "hubReceiveConnector", cn="In", hubAuthMechanism="Tls",
            hubBinding="127.0.0.2:%d" % hub.port, hubPermissionGroup="AnonymousUsers"))
        hub.start()
        wait_for("second binding", lambda: self.listens(hub.port, "127.0.0.2"))
        with Client(hub.port, "127.0.0.2") as client:
            self.assertNotIn("STARTTLS", client.ehlo())
            self.assertTrue(client.say("STARTTLS").startswith("502 5.5.1"))
            client.begin()
        self.assertEqual(hub.stop(), 0)
        org.directory.delete("cn=In," + hub.dn())
        for name in ("Default bare", "Client bare"):
            org.directory.delete("cn=%s,%s" % (name, hub.dn()))
        org.directory.delete(hub.dn())

    def test_postmaster_arrives_at_the_postmaster(self):
        org = self.org
        org.change(org.directory.base, hubPostmaster="clara@contoso.com")
        for address in ("Postmaster", "postmaster@contoso.com"):
            token, data = message(to="postmaster")
            self.submit(self.ports["internet"], "a@outside.example", address, data)
            self.assertEqual(org.mailbox.wait(token)[0].recipients, ["clara@contoso.com"])

    def test_sizes_offered_are_those_in_force(self):
        client = self.client("limits")
        self.assertIn("SIZE 70000", client.ehlo())
        # whoever may pass any size is told so
        self.assertIn("SIZE 0", self.client("trusted").ehlo())


if __name__ == "__main__":
    unittest.main()
