"""The limits of Receive connectors on the wire: the reply, the counter, and that they are live."""

import contextlib
import re
import socket
import unittest
import uuid

from .harness.base import free_port, wait_for
from .harness.client import Client
from .harness.directory import record
from .harness.organization import Organization

SENDER = "MAIL FROM:<a@outside.example>"
RECIPIENT = "RCPT TO:<anna@contoso.com>"


def connector(org, name, port, groups="AnonymousUsers", auth="Tls", **attributes):
    given = dict(hubTarpitInterval="0", hubMaxInboundPerSource="0",
                 hubMaxInboundPercentPerSource="100", hubMaxProtocolErrors="0")
    given.update(attributes)
    return record("cn=%s,%s" % (name, org.london1.dn()), "hubReceiveConnector", cn=name,
                  hubBinding="127.0.0.1:%d" % port, hubPermissionGroup=groups,
                  hubAuthMechanism=auth, **given)


CONNECTORS = {
    "live": dict(),
    "user": dict(groups=["AnonymousUsers", "HubUsers"], auth=["Tls", "BasicAuth"],
                 hubMessageRateLimit="2", hubMessageRateSource="User"),
    "all": dict(groups="HubUsers", auth=["Tls", "BasicAuth"], hubMessageRateLimit="2",
                hubMessageRateSource="All"),
    "none": dict(hubMessageRateLimit="1", hubMessageRateSource="None"),
    "idle": dict(hubConnectionInactivityTimeout="1", hubConnectionTimeout="60"),
    "short": dict(hubConnectionInactivityTimeout="1", hubConnectionTimeout="2"),
    "trusted": dict(groups="HubServers", auth=["Tls", "ExternalAuthoritative"],
                    hubMaxMessageSize="1000", hubTarpitInterval="600"),
}


class Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        cls.ports = {name: free_port() for name in CONNECTORS}
        org.directory.add("".join(connector(org, name, cls.ports[name], **attributes)
                                  for name, attributes in CONNECTORS.items()))
        org.start()
        for name, port in cls.ports.items():
            wait_for("connector %s listens" % name, lambda p=port: cls.listens(p))

    @staticmethod
    def listens(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def client(self, name, **options):
        client = Client(self.ports[name], **options)
        self.addCleanup(client.close)
        return client

    def said(self, client, *lines):
        """The reply to the last."""
        for line in lines:
            reply = client.say(line)
        return reply

    def begins(self, reply, expected):
        self.assertTrue(reply.startswith(expected), reply)

    def setUp(self):
        self.changed = {}
        self.addCleanup(self.restore)

    def change(self, **attributes):
        """Of the connector "live", in force on return, taken back after the test."""
        always = dict(hubMaxProtocolErrors="0", hubTarpitInterval="0")
        self.changed.update({name: always.get(name) for name in attributes})
        self.write(attributes)

    def restore(self):
        if self.changed:
            self.write(self.changed)

    def write(self, attributes):
        """The comment makes it a change in any case, which can be waited for."""
        dn = "cn=live,%s" % self.org.london1.dn()
        self.org.apply(lambda: self.org.directory.change(dn, hubComment=uuid.uuid4().hex,
                                                         **attributes), [self.org.london1])

    @contextlib.contextmanager
    def counted(self, limit, times=1):
        """The metric of that limit goes up by so many."""
        before = self.count(limit)
        yield
        wait_for(lambda: "%s is %d after %d" % (limit, self.count(limit), before),
                 lambda: self.count(limit) == before + times)

    def count(self, limit):
        found = re.search(r'^hub_receive_limit_total\{limit="%s"\} (\d+)$' % limit,
                          self.org.london1.ctl("metrics"), re.M)
        return int(found.group(1))

    # --- what a message may be ---

    def test_message_size(self):
        self.change(hubMaxMessageSize="1000")
        with self.counted("message_size", 2):
            client = self.client("live")
            self.assertIn("SIZE 1000", client.ehlo())
            self.begins(client.say(SENDER + " SIZE=1001"), "552 5.3.4")
            self.begins(self.said(client, SENDER + " SIZE=1000", RECIPIENT), "250")
            self.begins(client.data(b"\r\n" + b"x" * 997 + b"\r\n.\r\n"), "552 5.3.4")
            self.begins(self.said(client, SENDER, RECIPIENT), "250")
            self.begins(client.data(b"\r\n" + b"x" * 996 + b"\r\n.\r\n"), "250 2.6.0")
        self.change(hubMaxMessageSize="0")
        client = self.client("live")
        self.assertIn("SIZE 10485760", client.ehlo())      # the organization's
        self.begins(client.say(SENDER + " SIZE=10485760"), "250")

    def test_message_size_is_not_for_those_who_may_pass_it(self):
        client = self.client("trusted")
        self.assertIn("SIZE 0", client.ehlo())
        self.begins(self.said(client, SENDER + " SIZE=5000", RECIPIENT), "250")
        self.begins(client.data(b"\r\n" + b"x" * 5000 + b"\r\n.\r\n"), "250 2.6.0")

    def test_header_size(self):
        self.change(hubMaxHeaderSize="1000")
        field = b"X: " + b"y" * 95 + b"\r\n"
        with self.counted("header_size"):
            client = self.client("live").begin()
            self.begins(client.data(field * 9 + b"\r\n" + field * 100 + b".\r\n"), "250 2.6.0")
            self.begins(self.said(client, SENDER, RECIPIENT), "250")
            self.begins(client.data(field * 11 + b"\r\ntext\r\n.\r\n"), "552 5.3.4")
            self.begins(client.say("NOOP"), "250")
        self.change(hubMaxHeaderSize="0")
        client = self.client("live").begin()
        self.begins(client.data(field * 3000 + b"\r\ntext\r\n.\r\n"), "250 2.6.0")

    def test_hops(self):
        self.change(hubMaxHopCount="3", hubMaxLocalHopCount="2")
        elsewhere = b"Received: from a by b.example; Sat, 21 Nov 2026 12:00:00 +0000\r\n"
        here = elsewhere.replace(b"b.example", b"london1.contoso.com")
        client = self.client("live").begin()
        self.begins(client.data(elsewhere * 2 + b"\r\n.\r\n"), "250 2.6.0")
        with self.counted("hops"):
            self.said(client, SENDER, RECIPIENT)
            self.begins(client.data(elsewhere * 3 + b"\r\n.\r\n"), "554 5.4.6")
        with self.counted("local_hops"):
            self.said(client, SENDER, RECIPIENT)
            self.begins(client.data(here * 2 + b"\r\n.\r\n"), "554 5.4.6")
        self.change(hubMaxHopCount="60", hubMaxLocalHopCount="0")
        client = self.client("live").begin()
        self.begins(client.data(here * 9 + b"\r\n.\r\n"), "250 2.6.0")

    def test_recipients(self):
        """The first N get the message, the others may be sent another."""
        self.change(hubMaxRecipients="2")
        people = ["RCPT TO:<%s@contoso.com>" % name for name in ("anna", "bruno", "clara")]
        with self.counted("recipients", 2):
            client = self.client("live")
            client.ehlo()
            self.begins(self.said(client, SENDER, *people[:2]), "250")
            self.begins(client.say(people[2]), "452 4.5.3")
            self.begins(client.say(people[0]), "452 4.5.3")
            self.begins(client.data(b"\r\ntext\r\n.\r\n"), "250 2.6.0")
        self.assertEqual(self.org.london1.events("received")[-1]["recipients"], "2")
        self.change(hubMaxRecipients="0")
        client = self.client("live")
        client.ehlo()
        self.begins(self.said(client, SENDER, *people), "250")

    # --- how many, by whom ---

    def login(self, connector_name, person, password, source=None):
        client = self.client(connector_name, source=source)
        client.ehlo()
        self.begins(client.plain(person, "password-of-" + password), "235")
        return client

    def test_rate_by_user(self):
        """However a user writes its name, and wherever it comes from."""
        one, other = (self.login("user", name, "anna") for name in ("anna", "Anna@Contoso.COM"))
        for client in (one, other):
            self.begins(client.say("MAIL FROM:<anna@contoso.com>"), "250")
            client.say("RSET")
        with self.counted("message_rate"):
            self.begins(one.say("MAIL FROM:<anna@contoso.com>"), "421 4.4.2")
            self.assertEqual(one.reply(), "")
        self.begins(self.login("user", "bruno", "bruno").say("MAIL FROM:<bruno@contoso.com>"),
                    "250")

    def test_rate_by_user_of_strangers_is_by_address(self):
        for source in ("127.0.0.1", "127.0.0.2"):
            for expected in ("250", "250", "421 4.4.2"):
                client = self.client("user", source=source)
                client.ehlo()
                self.begins(client.say(SENDER), expected)

    def test_rate_by_all(self):
        """A user from many addresses, and many users from one."""
        def mail(person, source):
            client = self.login("all", person, person, source)
            return client.say("MAIL FROM:<%s@contoso.com>" % person)[:9]
        self.assertEqual(mail("anna", "127.0.0.3"), "250 2.1.0")
        self.assertEqual(mail("anna", "127.0.0.4"), "250 2.1.0")
        self.assertEqual(mail("anna", "127.0.0.5"), "421 4.4.2")
        self.assertEqual(mail("bruno", "127.0.0.5"), "250 2.1.0")
        self.assertEqual(mail("clara", "127.0.0.5"), "250 2.1.0")
        self.assertEqual(mail("bruno", "127.0.0.5"), "421 4.4.2")

    def test_rate_by_none(self):
        client = self.client("none")
        client.ehlo()
        for _ in range(10):
            self.begins(client.say(SENDER), "250")
            client.say("RSET")

    def test_rate_is_live(self):
        self.change(hubMessageRateLimit="1")
        client = self.client("live", source="127.0.0.7")
        client.ehlo()
        self.begins(client.say(SENDER), "250")
        client = self.client("live", source="127.0.0.7")
        client.ehlo()
        self.begins(client.say(SENDER), "421 4.4.2")
        self.change(hubMessageRateLimit="2")
        client = self.client("live", source="127.0.0.7")
        client.ehlo()
        self.begins(client.say(SENDER), "250")

    # --- patience ---

    def test_protocol_errors(self):
        self.change(hubMaxProtocolErrors="3")
        with self.counted("protocol_errors"):
            client = self.client("live")
            client.ehlo()
            self.begins(self.said(client, "FOO", "NOOP", "BAR"), "500")
            self.begins(client.say("NOOP"), "250")
            self.begins(client.say("RCPT TO:<anna@contoso.com>"), "503")
            self.begins(client.reply(), "421 4.7.0")
            self.assertEqual(client.reply(), "")
        self.change(hubMaxProtocolErrors="0")
        client = self.client("live")
        for _ in range(50):
            self.begins(client.say("FOO"), "500")

    def test_inactivity(self):
        with self.counted("inactivity"):
            client = self.client("idle").begin()
            client.say("DATA")
            client.send(b"Subject: half")
            self.begins(client.reply(), "421 4.4.2")
            self.assertEqual(client.reply(), "")

    def test_slow_client_has_no_longer_than_others(self):
        """Byte after byte it is never idle."""
        with self.counted("connection_timeout"):
            client = self.client("short").begin()
            self.begins(client.say("DATA"), "354")
            client.socket.settimeout(0.2)
            replies = []
            for _ in range(100):
                try:
                    client.send(b"x")
                    replies.append(client.reply())
                    break
                except TimeoutError:
                    pass
                except (ConnectionResetError, BrokenPipeError):
                    self.fail("no reply: %s" % replies)
            self.begins(replies[0], "421 4.4.2")

    def test_tarpit_is_not_for_those_who_are_known(self):
        client = self.client("trusted")
        client.ehlo()
        self.begins(client.say("FOO"), "500")
        self.begins(client.say("NOOP"), "250")

    def test_tarpit_is_live(self):
        self.change(hubTarpitInterval="600")
        client = self.client("live")
        self.begins(client.say("FOO"), "500")
        client.send("NOOP\r\n").socket.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            client.reply()

    # --- names ---

    def test_banner(self):
        self.change(hubBanner="220 mail.example ESMTP, speak")
        self.assertEqual(self.client("live").greeting, "220 mail.example ESMTP, speak")
        self.change(hubBanner=None)
        self.assertEqual(self.client("live").greeting,
                         "220 london1.contoso.com ESMTP Hub Transport")

    def test_default_domain(self):
        self.change(hubDefaultDomain="contoso.com")
        client = self.client("live")
        client.ehlo()
        self.begins(self.said(client, "MAIL FROM:<bruno>"), "250")
        self.begins(client.say("RCPT TO:<anna>"), "250")
        self.begins(client.say("RCPT TO:<nobody>"), "550 5.1.1")
        self.begins(client.say("RCPT TO:<x!y>"), "550 5.1.1")
        self.begins(client.say("RCPT TO:<x%elsewhere.example>"), "550 5.1.1")
        self.begins(client.data(b"Subject: by a short name\r\n\r\n.\r\n"), "250 2.6.0")
        delivered = wait_for("it arrives", lambda: [
            m for m in self.org.mailbox.messages if b"by a short name" in m.data])[0]
        self.assertEqual(delivered.sender, "bruno@contoso.com")
        self.change(hubDefaultDomain=None)
        client = self.client("live")
        client.ehlo()
        self.begins(client.say("MAIL FROM:<bruno>"), "501 5.1.7")
        self.begins(self.said(client, SENDER, "RCPT TO:<anna>"), "501 5.1.3")


class Stopping(unittest.TestCase):
    def test_who_dawdles_in_a_transaction_does_not_hold_up_the_end(self):
        org = Organization()
        self.addCleanup(org.close)
        hub = org.london1.start()
        wait_for("the connector listens", lambda: Limits.listens(org.internet_port))
        with Client(org.internet_port) as idle, Client(org.internet_port) as dawdling, \
                Client(org.internet_port) as busy:
            idle.ehlo()
            dawdling.begin()
            busy.begin()
            self.assertTrue(busy.say("DATA").startswith("354"))
            hub.process.signal(15)
            self.assertEqual([r[:9] for r in idle.rest()], ["421 4.3.2"])
            self.assertEqual([r[:9] for r in dawdling.rest()], ["421 4.3.2"])
            self.assertTrue(busy.say(b"\r\ntext\r\n.\r\n").startswith("250 2.6.0"))
            self.assertEqual([r[:9] for r in busy.rest()], ["421 4.3.2"])
        # to ask again would end it at once
        wait_for("the hub ends", lambda: not hub.process.running())
        self.assertEqual(hub.stop(), 0)
        self.assertIn("\"nothing in flight\"", hub.log())
