"""Clients that mean no good: nothing is smuggled in or out, nothing grows, nobody else notices."""

import os
import re
import select
import signal
import socket
import unittest
import uuid

from .harness.base import sanitized, wait_for
from .harness.client import Client, b64
from .harness.directory import record
from .harness.hostile import Lenient, SmtpSink, openssl_client, reset
from .harness.relay import PASSWORD, Relay, without_trace

EVIL = b"MAIL FROM:<evil@outside.example>\r\nRCPT TO:<x@lenient.example>\r\nDATA\r\nevil\r\n"

# what only looks like the end of a message, and what becomes of the message that has it
BARE, NUL, TAKEN = "550 5.6.0 bare", "550 5.6.0 NUL", "250 2.6.0"
ENDS = {
    "LF.LF": (b"\n.\n", BARE), "LF.CRLF": (b"\n.\r\n", BARE), "LF.CR": (b"\n.\r", BARE),
    "CR.CR": (b"\r.\r", BARE), "CR.LF": (b"\r.\n", BARE), "CR.CRLF": (b"\r.\r\n", BARE),
    "CRLF.LF": (b"\r\n.\n", BARE), "CRLF.CR": (b"\r\n.\r", BARE),
    "CRCRLF.CRLF": (b"x\r\r\n.x\r\n", BARE), "CRLF.CRCRLF": (b"\r\n.\r\r\n", BARE),
    "CRLF.CRCRLF.CRLF": (b"\r\n.\r\r\n.x\r\n", BARE), "LFLF.": (b"\n\n.\n\n", BARE),
    "CR NUL LF.": (b"\r\0\n.\r\n", BARE), "CRLF.CR NUL LF": (b"\r\n.\r\0\n", BARE),
    "CR NUL.": (b"\r\0.\r\0", BARE), "CRLF NUL.": (b"\r\n\0.\r\n", NUL),
    "CRLF.NUL": (b"\r\n.\0\r\n", NUL), "NUL CRLF.": (b"\0\r\n..\r\n\0", NUL),
    "CRLF..": (b"\r\n..\r\n", TAKEN), "CRLF. .": (b"\r\n. \r\n .\r\n", TAKEN),
    "VT FF": (b"\v.\v\f.\f", TAKEN), "NEL": (b"\x85.\x85", TAKEN),
    "U+2028": (b"\xe2\x80\xa8.\xe2\x80\xa8\xe2\x80\xa9.\xe2\x80\xa9", TAKEN),
    "ESC": (b"\x1b.\x1b\x1a.\x1a", TAKEN), "quoted": (b"\\r\\n.\\r\\n=0D=0A.=0D=0A", TAKEN),
}

# what a client has said when it goes away, by state
STATES = {
    "greeting": b"", "half a command": b"EHL", "EHLO": b"EHLO c.example\r\n",
    "MAIL": b"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\n",
    "RCPT": b"EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<x@lenient.example>\r\n",
}
STATES["DATA"] = STATES["RCPT"] + b"DATA\r\n"
STATES["header"] = STATES["DATA"] + b"Subject: gone\r\nX-Hub-Organ"
STATES["body"] = STATES["DATA"] + b"Subject: gone\r\n\r\n" + b"gone\r\n" * 20000
STATES["dot"] = STATES["DATA"] + b"Subject: gone\r\n\r\ngone\r\n."
STATES["chunk"] = STATES["RCPT"] + b"BDAT 100 LAST\r\ngone"
STATES["between chunks"] = STATES["RCPT"] + b"BDAT 6\r\ngone\r\n"
STATES["STARTTLS"] = b"EHLO c.example\r\nSTARTTLS\r\n"
STATES["handshake"] = STATES["STARTTLS"] + b"\x16\x03\x01\x02\x00\x01\x00"
STATES["AUTH"] = b"EHLO c.example\r\nAUTH LOGIN\r\n"
STATES["QUIT"] = b"QUIT\r\n"

ANYONE = dict(hubAuthMechanism="Tls", hubPermissionGroup="AnonymousUsers",
              hubGrant="AnonymousUsers Accept-Any-Recipient")
CONNECTORS = {
    "open": dict(ANYONE, hubMaxProtocolErrors="0"),
    "five": ANYONE,
    "big": dict(ANYONE, hubMaxRecipients="0", hubMaxHeaderSize="0", hubMaxMessageSize="0"),
    "tarpit": dict(ANYONE, hubTarpitInterval="600", hubMaxProtocolErrors="0"),
    "users": dict(hubAuthMechanism=["Tls", "BasicAuth"], hubPermissionGroup="HubUsers"),
    "trusted": dict(hubAuthMechanism=["Tls", "ExternalAuthoritative"],
                    hubPermissionGroup="HubServers"),
    "small": dict(ANYONE, hubMaxMessageSize="1000"),
    "halfopen": dict(ANYONE, hubMaxInboundConnections="20", hubConnectionInactivityTimeout="1"),
}
TURN_MAX_MS = 500  # LOOP_TURN_MAX_MS is for machines that do nothing else


def evil(command):
    return b"evil" in command


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # one worker: what came before on another connection has been read when this one answers
        cls.relay = relay = Relay(CONNECTORS, workers="1")
        cls.addClassCleanup(relay.close)
        cls.hub, cls.ports = relay.hub, relay.ports
        cls.lenient = Lenient(relay.place)
        cls.postfix = SmtpSink(relay.place).start()
        d = relay.directory
        d.modify("dn: %s\nchangetype: modify\nreplace: hubMaxRecipients\nhubMaxRecipients: 0\n-\n"
                 "replace: hubMaxReceiveSize\nhubMaxReceiveSize: 0\n-\n"
                 "replace: hubMaxSendSize\nhubMaxSendSize: 0\n\n" % d.base)
        for name, port in (("lenient", cls.lenient.port), ("postfix", cls.postfix.port)):
            d.add(record(d.dn(name, "Connectors"), "hubSendConnector", cn=name,
                         hubAddressSpace="SMTP:%s.example" % name, hubDNSRouting="FALSE",
                         hubSourceServer=cls.hub.dn(), hubMaxMessageSize="0",
                         hubSmartHost="[127.0.0.1]:%d" % port))
        relay.start()

    def setUp(self):
        self.slow_turns = len(self.hub.events("loop-turn-long"))
        self.addCleanup(self.is_well)

    def is_well(self):
        """The hub serves the next client, nothing hangs, no loop was held up."""
        with Client(self.ports["open"]) as client:
            client.begin(recipients=["x@lenient.example"])
        wait_for("all connections end", lambda: self.connections() == 0)
        slow = [int(e["ms"]) for e in self.hub.events("loop-turn-long")[self.slow_turns:]]
        if not sanitized():
            self.assertLess(max(slow, default=0), TURN_MAX_MS)

    def connections(self):
        return int(re.search(r"^hub_connections (\d+)$", self.hub.ctl("metrics"), re.M).group(1))

    def client(self, name="open", **options):
        client = Client(self.ports[name], **options)
        self.addCleanup(client.close)
        return client

    def in_step(self):
        """All that was sent so far has been read."""
        with Client(self.ports["open"]) as other:
            other.say("NOOP")

    def grows_by(self, before):
        """MiB since then; sanitizers keep what was freed."""
        return 0 if sanitized() else (self.hub.memory_kib() - before) / 1024

    def arrives(self, sink, token):
        """The message as that sink has it, the only one."""
        found = wait_for("%s has %s" % (type(sink).__name__, token), lambda: sink.find(token))
        self.assertEqual(len(found), 1)
        return found[0]

    # --- the end of a message ---

    def test_only_one_end_of_a_message_in_and_out(self):
        recipients = ["x@lenient.example", "x@postfix.example"]
        taken = []
        for name, (end, expected) in ENDS.items():
            with self.subTest(name), Client(self.ports["open"]) as client:
                token = uuid.uuid4().hex
                client.begin(recipients=recipients)
                reply = client.data(b"Subject: " + token.encode() + b"\r\n\r\none" + end + EVIL +
                                    b".\r\n")
                self.assertTrue(reply.startswith(expected), reply)
                self.assertTrue(client.say("NOOP").startswith("250 2.0.0 OK"))
                if expected == TAKEN:
                    taken.append((token, end))
        for token, end in taken:
            with self.subTest(end):
                data = self.arrives(self.lenient, token)
                self.assertTrue(data.endswith(b"one" + end.replace(b"\r\n.", b"\r\n") + EVIL), data)
                self.assertIn(b"\nevil", self.arrives(self.postfix, token))
        self.assertEqual(list(filter(evil, self.lenient.commands)), [])
        self.assertEqual(self.hub.events("received", **{"from": "evil@outside.example"}), [])

    def test_the_end_in_chunks_is_content(self):
        """BDAT has no end of a message: on the way out by DATA it must not become one."""
        parts = [b"\r\n.\r\n" + EVIL + b".\r\n", b".\r\n" + EVIL, b"\r\n..\r\n.", b"\r\n.\r",
                 b"\n" + EVIL + b".\r\nQUIT\r\n"]
        token = uuid.uuid4().hex
        client = self.client().begin(recipients=["x@lenient.example", "x@postfix.example"])
        sent = b"Subject: " + token.encode() + b"\r\n\r\n.\r\n"
        self.assertTrue(client.say(b"BDAT %d\r\n%s" % (len(sent), sent)).startswith("250"))
        for part in parts:
            self.assertTrue(client.say(b"BDAT %d\r\n%s" % (len(part), part)).startswith("250"))
            sent += part
        self.assertTrue(client.say("BDAT 0 LAST").startswith("250 2.6.0"))
        self.assertEqual(without_trace(self.arrives(self.lenient, token)), sent)
        self.assertIn(b"QUIT", self.arrives(self.postfix, token))
        self.assertEqual(list(filter(evil, self.lenient.commands)), [])

    def test_bare_line_ends_of_binary_mail(self):
        """BINARYMIME may have them, but in the header they would hide fields from the firewall."""
        hidden = b"X-Hub-Organization-AuthAs: Internal"
        for text in (b"Subject: a\r" + hidden + b"\r\n\r\n", b"Subject: a\n" + hidden +
                     b"\r\n\r\n", b"Subject: a\r\n\n" + hidden, b"Subject: a\r\r\n\r\n"):
            with self.subTest(text), Client(self.ports["open"]) as client:
                client.begin(recipients=["x@lenient.example"], parameters=" BODY=BINARYMIME")
                reply = client.say(b"BDAT %d LAST\r\n%s" % (len(text), text))
                self.assertTrue(reply.startswith("550 5.6.0"), reply)

    def test_binary_mail_to_a_server_without_chunks(self):
        token = uuid.uuid4().hex
        text = b"Subject: %s\r\n\r\n\0\r.\r" % token.encode() + EVIL.replace(
            b"\r\n", b"\r") + b".\r\n.\n" + EVIL.replace(b"\r\n", b"\n") + b"\r\n.\r\n" + EVIL
        client = self.client().begin(recipients=["x@lenient.example"],
                                     parameters=" BODY=BINARYMIME")
        reply = client.say(b"BDAT %d LAST\r\n%s" % (len(text), text))
        self.assertTrue(reply.startswith("250 2.6.0"), reply)
        self.assertRegex(self.arrives(self.lenient, token),
                         b"Content-Transfer-Encoding: (base64|quoted-printable)")
        self.assertEqual(list(filter(evil, self.lenient.commands)), [])

    def test_dots_across_segments(self):
        """However the end is cut, also byte by byte, it is the end, and nothing else is."""
        token = uuid.uuid4().hex
        text = b"Subject: %s\r\n\r\n..\r\n.x\r\n...\r\n" % token.encode()
        end = b"..\r\n.\r\nNOOP\r\n"
        for cut in range(len(end)):
            client = self.client()
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.begin(recipients=["x@lenient.example"]).say("DATA")
            for piece in (text + end[:cut], end[cut:cut + 1], end[cut + 1:]):
                client.send(piece)
                self.in_step()
            self.assertTrue(client.reply().startswith("250 2.6.0"))
            self.assertTrue(client.reply().startswith("250 2.0.0 OK"))
            client.close()
        wait_for("all arrive", lambda: len(self.lenient.find(token)) == len(end))
        for data in self.lenient.find(token):
            self.assertEqual(without_trace(data), text.replace(b"\n.", b"\n") + b".\r\n")

    def test_dots_at_borders(self):
        token = uuid.uuid4().hex
        text = b"Subject: %s\r\n\r\n" % token.encode()
        for border in (1024, 4096, 16384, 32768 - 64, 32768, 65536, 131072, 262144):
            for offset in (-3, -2, -1, 0, 1):
                fill = border + offset - len(text)
                if fill > 4:
                    text += b"x" * ((fill - 2) % 900) + b"\r\n" + (b"y" * 898 + b"\r\n") * (
                        (fill - 2) // 900)
                text += b".\r\n..\r\n"
        client = self.client().begin(recipients=["x@lenient.example", "x@postfix.example"])
        stuffed = text.replace(b"\n.", b"\n..")
        self.assertTrue(client.data(stuffed + b".\r\n").startswith("250"))
        self.assertEqual(without_trace(self.arrives(self.lenient, token)), text)
        self.assertIn(text.replace(b"\r\n", b"\n"), self.arrives(self.postfix, token))

    # --- sizes ---

    def test_a_long_command_line(self):
        before, client = self.hub.memory_kib(), self.client()
        client.ehlo()
        client.send(b"NOOP " + b"x" * (1 << 20) + b"\r\nNOOP\r\n")
        self.assertTrue(client.reply().startswith("500 5.5.6"))
        self.assertTrue(client.reply().startswith("250 2.0.0 OK"))
        client.send(b"NOOP " + b"x" * (8 << 20))  # that never ends
        self.assertTrue(client.reply().startswith("500 5.5.6"))
        self.assertLess(self.grows_by(before), 2)

    def test_a_long_line_of_a_message(self):
        """RFC 5321 section 4.5.3.1.6 lets us take more than 1000; it goes on as it came."""
        token = uuid.uuid4().hex
        text = b"Subject: %s\r\n\r\n" % token.encode() + b"x" * (1 << 20) + b".\r\n"
        before, client = self.hub.memory_kib(), self.client()
        client.begin(recipients=["x@lenient.example", "x@postfix.example"])
        self.assertTrue(client.data(text + b".\r\n").startswith("250 2.6.0"))
        self.assertEqual(without_trace(self.arrives(self.lenient, token)), text)
        self.assertIn(b"x" * (1 << 20) + b".", self.arrives(self.postfix, token))
        self.assertLess(self.grows_by(before), 8)

    def test_100000_header_fields(self):
        token = uuid.uuid4().hex
        text = b"Subject: %s\r\n" % token.encode() + b"".join(
            b"X-%d: y\r\n" % i for i in range(100000)) + b"\r\n"
        before, client = self.hub.memory_kib(), self.client()
        client.begin(recipients=["x@lenient.example"])
        self.assertTrue(client.data(text + b".\r\n").startswith("552 5.3.4 header"))
        self.assertTrue(client.say("NOOP").startswith("250"))
        client = self.client("big").begin(recipients=["x@lenient.example"])
        self.assertTrue(client.data(text + b".\r\n").startswith("250 2.6.0"))
        self.assertEqual(without_trace(self.arrives(self.lenient, token)), text)
        self.assertLess(self.grows_by(before), 8)

    def recipients(self, client, n, domain="lenient.example"):
        """Says RCPT so often without waiting; how often each reply came."""
        counts, left = {}, n
        while left:
            some, left = min(left, 1000), max(left - 1000, 0)
            client.send(b"".join(b"RCPT TO:<r%d@%s>\r\n" % (left + i, domain.encode())
                                 for i in range(some)))
            for _ in range(some):
                reply = client.reply()[:9]
                counts[reply] = counts.get(reply, 0) + 1
        return counts

    def test_100000_recipients(self):
        before, client = self.hub.memory_kib(), self.client("five", timeout=60)
        client.begin(recipients=[])
        self.assertEqual(self.recipients(client, 100000),
                         {"250 2.1.5": 200, "452 4.5.3": 100000 - 200})
        self.assertLess(self.grows_by(before), 2)
        self.assertTrue(client.say("RSET").startswith("250"))
        client = self.client("big", timeout=60).begin(recipients=[])
        self.assertEqual(self.recipients(client, 100010),
                         {"250 2.1.5": 100000, "452 4.5.3": 10})
        self.assertLess(self.grows_by(before), 40)
        client.say("RSET")

    def test_recipients_nobody_knows_are_slow(self):
        client = self.client("tarpit").begin(recipients=[])
        client.send(b"RCPT TO:<nobody@contoso.com>\r\n" * 100)
        self.assertTrue(client.reply().startswith("550 5.1.1"))
        self.in_step()
        client.socket.setblocking(False)
        self.assertEqual(client.input, b"")
        self.assertRaises(BlockingIOError, client.socket.recv, 1)

    def test_declared_sizes_that_are_lies(self):
        big, small = b"x" * 1200 + b"\r\n.\r\n", b"x\r\n.\r\n"
        for declared, content, replies in (
                (10, big, ("250", "552 5.3.4")), (0, big, ("250", "552 5.3.4")),
                (1000, small, ("250", "250 2.6.0")), (1001, small, ("552 5.3.4",)),
                (2 ** 64 - 1, small, ("552 5.3.4",)), (2 ** 64, small, ("501 5.5.4",)),
                (-1, small, ("501 5.5.4",))):
            with self.subTest(declared), Client(self.ports["small"]) as client:
                client.ehlo()
                reply = client.say("MAIL FROM:<a@b.example> SIZE=%d" % declared)
                self.assertTrue(reply.startswith(replies[0]), reply)
                if reply.startswith("250"):
                    client.say("RCPT TO:<x@lenient.example>")
                    reply = client.data(b"\r\n" + content)
                    self.assertTrue(reply.startswith(replies[1]), reply)

    def test_chunks_that_are_lies(self):
        token = uuid.uuid4().hex.encode()
        text = b"Subject: " + token + b"\r\n\r\n"
        rows = {
            "too short, then gone": (b"BDAT 1000 LAST\r\n" + text, []),
            "eats the next command": (b"BDAT %d\r\n%sNOOP\r\n" % (len(text) + 6, text), ["250"]),
            "too long is commands": (b"BDAT 1 LAST\r\n\r\nFOO\r\n", ["550 5.6.0", "500", "500"]),
            "negative": (b"BDAT -1 LAST\r\n", ["501 5.5.4"]),
            "2^64": (b"BDAT 18446744073709551616 LAST\r\n" + text, ["501 5.5.4"]),
            "2^64-1": (b"BDAT 18446744073709551615 LAST\r\n" + text, []),
            "hexadecimal": (b"BDAT 0x10 LAST\r\n" + text, ["501 5.5.4"]),
            "sign": (b"BDAT +5 LAST\r\n" + text, ["501 5.5.4"]),
            "no size": (b"BDAT LAST\r\n" + text, ["501 5.5.4"]),
            "overflow by sum": (b"BDAT %d\r\n%sBDAT 18446744073709551615 LAST\r\nx" % (
                len(text), text), ["250"]),
        }
        for name, (said, replies) in rows.items():
            with self.subTest(name), Client(self.ports["open"]) as client:
                client.begin(recipients=["x@lenient.example"])
                client.send(said)
                client.socket.shutdown(socket.SHUT_WR)
                got = client.rest()
                self.assertEqual([g[:len(r)] for g, r in zip(got, replies)], replies)
                self.assertEqual(len(got), len(replies), got)
        with Client(self.ports["open"]) as client:
            client.begin(recipients=["x@lenient.example"])
            client.send(b"BDAT 2 LAST\r\n\r\nBDAT 2 LAST\r\n\r\nNOOP\r\n")
            self.assertEqual([client.reply()[:9] for _ in range(3)],
                             ["250 2.6.0", "503 5.5.1", "250 2.0.0"])
        self.assertEqual(self.lenient.find(token.decode()), [])

    # --- out of turn ---

    def test_who_speaks_first_is_no_mail_client(self):
        self.hub.process.signal(signal.SIGSTOP)
        try:
            wait_for("all threads are stopped", self.is_stopped)
            early = {}
            for name in ("open", "trusted"):
                early[name] = socket.create_connection(("127.0.0.1", self.ports[name]), 10)
                self.addCleanup(early[name].close)
                early[name].sendall(STATES["RCPT"] + b"QUIT\r\n")
        finally:
            self.hub.process.signal(signal.SIGCONT)
        self.assertTrue(self.all_from(early["open"]).startswith(b"554 hub1"))
        self.assertEqual(self.all_from(early["open"]), b"")
        self.assertIn(b"\r\n221 ", self.all_from(early["trusted"]))

    def is_stopped(self):
        threads = "/proc/%d/task/" % self.hub.process.pid
        for thread in os.listdir(threads):
            with open(threads + thread + "/stat") as stat:
                if stat.read().rpartition(")")[2].split()[0] != "T":
                    return False
        return True

    @staticmethod
    def all_from(connection):
        data = b""
        while True:
            try:
                more = connection.recv(65536)
            except ConnectionResetError:
                return data
            if not more:
                return data
            data += more

    def test_http(self):
        commands = STATES["RCPT"].replace(b"\r\n", b"\r\n")
        for request in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.0\n\n",
                        b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n" + commands,
                        b"CONNECT mail.example:25 HTTP/1.1\r\n\r\n" + commands,
                        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            with self.subTest(request), Client(self.ports["open"]) as client:
                client.send(request)
                replies = client.rest()
                self.assertEqual([r[:9] for r in replies], ["554 hub1."])

    def test_commands_behind_others(self):
        hello, mail = b"EHLO c.example\r\n", b"MAIL FROM:<a@b.example>\r\n"
        rcpt, evil_mail = b"RCPT TO:<x@lenient.example>\r\n", b"Subject: x\r\n\r\nx\r\n.\r\n"
        plain = b"AUTH PLAIN " + b64("\0anna\0" + PASSWORD).encode() + b"\r\n"
        rows = {
            # in order all the same: a reply each
            "EHLO": ("open", hello + mail + rcpt + b"QUIT\r\n", "250 250 250 221"),
            "DATA": ("open", hello + mail + rcpt + b"DATA\r\n" + evil_mail + b"QUIT\r\n",
                     "250 250 250 354 250 221"),
            # a message behind a DATA that is refused is no commands
            "refused DATA": ("open", hello + mail + b"DATA\r\nMAIL FROM:<evil@b.example>\r\n",
                             "250 250 554 421"),
            "DATA before EHLO": ("open", b"DATA\r\n" + hello + mail, "503 250 250"),
            "DATA for BINARYMIME": ("open", hello + mail.replace(b">", b"> BODY=BINARYMIME") +
                                    rcpt + b"DATA\r\n" + mail, "250 250 250 503 421"),
            # RFC 3207 section 5
            "STARTTLS": ("open", hello + b"STARTTLS\r\nMAIL FROM:<evil@b.example>\r\n",
                         "250 421"),
            "STARTTLS and TLS": ("open", hello + b"STARTTLS\r\n\x16\x03\x01\0\0", "250 421"),
            # no encryption begins here: what follows is in order
            "AUTH": ("users", hello + plain + b"MAIL FROM:<anna@contoso.com>\r\nRSET\r\n",
                     "250 235 250 250"),
            "AUTH that fails": ("users", hello + b"AUTH PLAIN AGFubmEAeA==\r\n" + mail,
                                "250 535 530"),
            "QUIT": ("open", b"QUIT\r\n" + hello + mail, "221"),
        }
        for name, (where, said, replies) in rows.items():
            with self.subTest(name), Client(self.ports[where]) as client:
                client.send(said)
                client.socket.shutdown(socket.SHUT_WR)
                self.assertEqual([r[:3] for r in client.rest()], replies.split())

    def test_bytes_that_no_command_has(self):
        client = self.client()
        client.ehlo()
        for said, reply in (
                (b"\xff\xfe\r\n", "500"), (b"N\xd6\xd6P\r\n", "500"), (b"NOOP \xe4\r\n", "250"),
                (b"MAIL FROM:<\xe4@b.example>\r\n", "501"),
                (b"MAIL FROM:<a\0@b.example>\r\n", "501"),
                (b"MAIL FROM:<a@b.example>\0\r\n", "501"), (b"\0\r\n", "500"),
                (b"EHLO \xe4\r\n", "501"),
                (b"EHLO a\0b\r\n", "501"), (b"MAIL FROM:<\"a\rb\"@b.example>\r\n", "500 5.5.2"),
                (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\r\n", "500"), (b"\x1b[2J\r\n", "500"),
                (b"VRFY \xe4\r\n", "252"), (b"HELP \0\r\n", "501"),
                (b"XCLIENT ADDR=::1\r\n", "500"),
                (b"XFORWARD NAME=x\r\n", "500"), (b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n", "500"),
                (b"ETRN contoso.com\r\n", "500"), (b"TURN\r\n", "500"), (b"EXPN staff\r\n", "502"),
                (b"DEBUG\r\n", "500"), (b"WIZ\r\n", "500"), (b"NOOP\r\n", "250")):
            with self.subTest(said):
                got = client.say(said)
                self.assertTrue(got.startswith(reply), got)

    # --- what never ends ---

    def test_replies_that_nobody_reads(self):
        """What waits to be fetched is bounded, then nothing more is obeyed; all of it comes."""
        before = self.hub.memory_kib()
        sender = socket.socket()
        self.addCleanup(sender.close)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sender.connect(("127.0.0.1", self.ports["open"]))
        sender.settimeout(10)
        self.assertTrue(sender.recv(1000).startswith(b"220"))
        sender.setblocking(False)
        group, sent = b"HELP\r\n" * 1000, 0
        while select.select([], [sender], [], 1)[1]:
            sent += sender.send(group[sent % 6:])
            self.assertLess(sent, 32 << 20)
        self.assertLess(self.grows_by(before), 2)
        sender.settimeout(10)
        replies = sender.recv(1 << 20).count(b"\n")
        while replies < sent // 6:
            replies += sender.recv(1 << 20).count(b"\n")
        sender.sendall(b"HELP\r\n"[sent % 6:])
        self.assertTrue(sender.recv(1 << 20).startswith(b"214"))

    def test_10000_commands_without_effect(self):
        before, client = self.hub.memory_kib(), self.client("five")
        client.ehlo()
        for group in (b"RSET\r\n", b"NOOP\r\n", b"MAIL FROM:<a@b.example>\r\nRSET\r\n",
                      b"VRFY x\r\n", b"EHLO c.example\r\n"):
            for _ in range(10):
                client.send(group * 1000)
                for _ in range(1000 * group.count(b"\n")):
                    self.assertTrue(client.reply().startswith("25"))
        self.assertLess(self.grows_by(before), 2)
        for _ in range(5):
            self.assertTrue(client.say("FOO").startswith("500"))
        self.assertTrue(client.reply().startswith("421 4.7.0"))

    def test_handshakes_that_do_not_go_on(self):
        """They count against the limit of connections, and end by the inactivity timeout."""
        begun = [Client(self.ports["halfopen"]) for _ in range(20)]
        for i, client in enumerate(begun):
            self.addCleanup(client.close)
            client.ehlo()
            self.assertTrue(client.say("STARTTLS").startswith("220"))
            client.send((b"", b"\x16", b"\x16\x03\x01\x01\x00\x01\0\0\xfc\x03\x03")[i % 3])
        with Client(self.ports["halfopen"]) as one_more:
            self.assertTrue(one_more.greeting.startswith("421 4.3.2"), one_more.greeting)
        for client in begun:
            self.assertEqual(self.all_from(client.socket), b"")
        self.room("halfopen")

    def test_leave_is_taken_before_the_next_may_come(self):
        """Who does not close after QUIT still has its connection."""
        gone = [Client(self.ports["halfopen"]) for _ in range(20)]
        for client in gone:
            self.addCleanup(client.close)
            self.assertTrue(client.say("QUIT").startswith("221"))
        with Client(self.ports["halfopen"]) as one_more:
            self.assertTrue(one_more.greeting.startswith("421 4.3.2"), one_more.greeting)
        for client in gone:
            client.close()
        self.room("halfopen")

    def room(self, name):
        def greets():
            with Client(self.ports[name]) as client:
                return client.greeting.startswith("220")
        wait_for("there is room again", greets)

    def test_tls_without_end(self):
        port = self.ports["open"]
        for options, said in ((["-tls1_2"], b"R\n" * 100), (["-tls1_3"], b"K\n" * 1000),
                              (["-tls1_3"], b"k\n" * 1000)):
            with self.subTest(options):
                heard = openssl_client(port, b"NOOP\r\n" + said + b"Q\n", *options)
                self.assertIn(b"250", heard)

    def test_clients_that_go_away(self):
        """In every state, by FIN and by RST: nothing is committed, nothing is left."""
        for name, said in STATES.items():
            for leave in (socket.socket.close, reset):
                with self.subTest(name, leave=leave):
                    client = self.client("users" if name == "AUTH" else "open")
                    client.send(said)
                    self.in_step()
                    leave(client.socket)
        self.assertEqual(self.lenient.find("gone"), [])
        self.assertFalse(re.search(r"bug:|Sanitizer", self.hub.log()))


if __name__ == "__main__":
    unittest.main()
