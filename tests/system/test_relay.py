"""No open relay: what relays have been talked into, tried against every usage of a connector."""

import unittest

from .harness.base import wait_for
from .harness.client import Client
from .harness.directory import record
from .harness.organization import send
from .harness.peers import Sink
from .harness.relay import PASSWORD, Relay

USAGES = ("Custom", "Internet", "Internal", "Client", "Partner")
LOOKALIKE = "br\u0430nch.example"  # a Cyrillic letter

# RCPT TO:<...>: the reply, and with 250 the recipient that the domain's own server gets. The domain
# branch.example is ours, passed on unseen; contoso.com is ours, its recipients are known.
VECTORS = (
    ("user@evil.example", "550 5.7.1", None),
    ("USER@EVIL.EXAMPLE", "550 5.7.1", None),
    ("\"user\"@evil.example", "550 5.7.1", None),
    ("postmaster@evil.example", "550 5.7.1", None),
    ("user@localhost", "550 5.7.1", None),
    ("user@hub1.contoso.com", "550 5.7.1", None),
    ("user@branch.example.evil.example", "550 5.7.1", None),
    ("user@sub.branch.example", "550 5.7.1", None),
    ("user@evilbranch.example", "550 5.7.1", None),
    # source routes (RFC 5321 appendix C): passed over, the mailbox alone counts
    ("@branch.example:user@evil.example", "550 5.7.1", None),
    ("@branch.example,@contoso.com:user@evil.example", "550 5.7.1", None),
    ("@[127.0.0.1]:user@evil.example", "550 5.7.1", None),
    ("@evil.example,@worse.example:user@branch.example", "250", "user@branch.example"),
    ("@evil.example:user@branch.example@evil.example", "501", None),
    ("@evil.example:", "501", None),
    # the percent hack: a local part like any other
    ("user%evil.example@branch.example", "250", "user%evil.example@branch.example"),
    ("user%evil.example@contoso.com", "550 5.1.1", None),
    ("user%branch.example@evil.example", "550 5.7.1", None),
    ("user%evil.example", "501", None),
    ("postmaster%evil.example", "501", None),
    ("user%evil.example@", "501", None),
    # quoted local parts
    ("\"user@evil.example\"@branch.example", "250", "\"user@evil.example\"@branch.example"),
    ("\"user@evil.example\"@contoso.com", "550 5.1.1", None),
    ("\"user%evil.example\"@branch.example", "250", "user%evil.example@branch.example"),
    ("\"user@branch.example\"@evil.example", "550 5.7.1", None),
    ("\"user@evil.example\"", "501", None),
    ("\"@evil.example:user\"@contoso.com", "550 5.1.1", None),
    # bang paths
    ("evil.example!user@branch.example", "250", "evil.example!user@branch.example"),
    ("evil.example!user@contoso.com", "550 5.1.1", None),
    ("branch.example!user@evil.example", "550 5.7.1", None),
    ("evil.example!user", "501", None),
    # more than one @
    ("user@branch.example@evil.example", "501", None),
    ("user@evil.example@branch.example", "501", None),
    # address literals, ours as well
    ("user@[127.0.0.1]", "550 5.7.1", None),
    ("anna@[127.0.0.1]", "550 5.7.1", None),
    ("user@[IPv6:::1]", "550 5.7.1", None),
    ("user@[branch.example]", "501", None),
    ("user@127.0.0.1", "501", None),
    # spellings of a domain
    ("user@BRANCH.Example", "250", "user@branch.example"),
    ("user@branch.example.", "501", None),
    ("user@evil.example.", "501", None),
    ("user@.branch.example", "501", None),
    ("user@branch..example", "501", None),
    ("user@" + LOOKALIKE.encode("idna").decode(), "550 5.7.1", None),
    ("user@" + LOOKALIKE, "550 5.7.1", None),
    # IDNA maps a wide letter and an ideographic full stop before anybody judges
    ("user@\uff42ranch.example", "250", "user@branch.example"),
    ("user@branch\u3002example", "250", "user@branch.example"),
    ("user@\uff45vil.example", "550 5.7.1", None),
    ("user@branch.example\u200b.evil.example", "550 5.7.1", None),
    ("user\uff20evil.example", "501", None),            # a wide @
    ("", "501", None),
)
SENDERS = ("", "x@evil.example", "anna@contoso.com", "@branch.example:anna@contoso.com")


class OpenRelay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        plain = {usage: dict(hubUsage=usage, hubMaxProtocolErrors="0") for usage in USAGES}
        # so that strangers come as far as RCPT by every usage
        let_in = {usage + " let in": dict(attributes, hubGrant="AnonymousUsers Submit")
                  for usage, attributes in plain.items()}
        cls.relay = relay = Relay({**plain, **let_in})
        cls.addClassCleanup(relay.close)
        d = relay.directory
        cls.branch = Sink(relay.place, offers=("PIPELINING", "8BITMIME", "SMTPUTF8"))
        d.add("".join([
            record(d.dn("branch", "Accepted Domains"), "hubAcceptedDomain", cn="branch",
                   hubDomain="branch.example", hubDomainType="InternalRelay"),
            record(d.dn("To branch", "Connectors"), "hubSendConnector", cn="To branch",
                   hubAddressSpace="SMTP:branch.example", hubSourceServer=relay.hub.dn(),
                   hubSmartHost="[127.0.0.1]:%d" % cls.branch.port, hubDNSRouting="FALSE")]))
        for name in ("Default hub1", "Client hub1"):
            d.change("cn=%s,%s" % (name, relay.hub.dn()), hubMaxProtocolErrors="0")
        relay.start()

    def tearDown(self):
        """What a user sends leaves, so there is a way; nothing else has gone it."""
        token = "marker-" + self.id()
        send(self.relay.hub.submission_port, "anna@contoso.com", ["x@evil.example"],
             b"From: anna@contoso.com\r\nSubject: %s\r\n\r\n" % token.encode(),
             login=("anna", PASSWORD))
        self.relay.sink.wait(token)
        self.assertEqual([m.recipients for m in self.relay.sink.messages
                          if b"marker-" not in m.data], [])

    def begin(self, port, sender):
        client = Client(port)
        self.addCleanup(client.close)
        client.ehlo()
        return client, client.say("MAIL FROM:<%s> SMTPUTF8" % sender)

    def try_all(self, port, sender, token):
        """The recipients that the branch has to get."""
        client, reply = self.begin(port, sender)
        self.assertTrue(reply.startswith("250"), reply)
        wanted = set()
        for path, code, recipient in VECTORS:
            reply = client.say(("RCPT TO:<%s>\r\n" % path).encode())
            with self.subTest(path):
                self.assertTrue(reply.startswith(code), reply)
            if recipient is not None:
                wanted.add(recipient)
        reply = client.data(b"From: <x@evil.example>\r\nSubject: %s\r\n\r\n.\r\n" % token)
        self.assertTrue(reply.startswith("250"), reply)
        return wanted

    def test_vectors(self):
        for usage in USAGES:
            for sender in SENDERS:
                with self.subTest(usage, sender=sender):
                    port = self.relay.ports[usage + " let in"]
                    if "anna" in sender and usage != "Internet":
                        # Accept-Authoritative-Domain-Sender came with AnonymousUsers only
                        self.assertRegex(self.begin(port, sender)[1], "^550 5.7.1")
                        continue
                    token = ("%s-%d" % (usage, SENDERS.index(sender))).encode()
                    wanted = self.try_all(port, sender, token)
                    got = wait_for("at the branch", lambda t=token: {
                        r for m in self.branch.find(t) for r in m.recipients})
                    self.assertEqual(got, wanted)

    def test_strangers_are_let_in_by_usage_internet_only(self):
        ports = dict({usage: self.relay.ports[usage] for usage in USAGES},
                     Default=self.relay.hub.port, submission=self.relay.hub.submission_port)
        for usage, port in ports.items():
            for sender in SENDERS:
                with self.subTest(usage, sender=sender):
                    client, reply = self.begin(port, sender)
                    self.assertRegex(reply, "^250" if usage == "Internet" else "^530 5.7.1")
                    self.assertRegex(client.say("RCPT TO:<user@evil.example>"),
                                     "^550 5.7.1" if usage == "Internet" else "^503")

    def test_a_name_in_ehlo_opens_nothing(self):
        for name in ("hub1.contoso.com", "contoso.com", "localhost", "[127.0.0.1]"):
            with self.subTest(name), Client(self.relay.ports["Internet"]) as client:
                client.ehlo(name)
                client.say("MAIL FROM:<anna@contoso.com>")
                self.assertRegex(client.say("RCPT TO:<user@evil.example>"), "^550 5.7.1")

    def test_one_allowed_recipient_opens_nothing_for_the_next(self):
        client, _ = self.begin(self.relay.ports["Internet"], "")
        self.assertRegex(client.say("RCPT TO:<user@branch.example>"), "^250")
        self.assertRegex(client.say(
            "RCPT TO:<user@evil.example> ORCPT=rfc822;user@branch.example"), "^550 5.7.1")
        self.assertRegex(client.say(
            "RCPT TO:<user@branch.example> ORCPT=rfc822;user@evil.example"), "^250")
        reply = client.data(b"To: <user@evil.example>\r\nBcc: <user@evil.example>\r\n"
                            b"Resent-To: <user@evil.example>\r\nSubject: once\r\n\r\n.\r\n")
        self.assertRegex(reply, "^250")
        got, = self.branch.wait("Subject: once")
        self.assertEqual(set(got.recipients), {"user@branch.example"})


if __name__ == "__main__":
    unittest.main()
