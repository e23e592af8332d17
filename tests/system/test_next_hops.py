"""A hub hands mail to Postfix, Exim and OpenSMTPD: seen on the wire, in their mailboxes, and in
what the hub writes down of it."""

import collections
import functools
import os
import re
import smtplib
import unittest

from .harness import certificates
from .harness.base import Place, free_port, wait_for
from .harness.delivery import QUICK, wait_report
from .harness.directory import record
from .harness.maildir import mails
from .harness.next_hops import (CONNECTIONS, MANY, MESSAGES, PASSWORD, RECIPIENTS, SIZE, UNICODE,
                                USER, EximPeer, OpenSmtpdPeer, PostfixPeer)
from .harness.protocol_log import ProtocolLog, lines_of
from .harness.relay import CONNECTORS, Relay, message

SENDER = "boss@outside.example"     # its mail goes to the hub's sink, reports too
VERIFIED = dict(hubRequireTLS="TRUE", hubTLSAuthLevel="CertificateValidation")
WAYS = {
    "plain": dict(hubIgnoreSTARTTLS="TRUE"),
    "tls": {},
    "verified": VERIFIED,
    "wrongname": dict(hubRequireTLS="TRUE", hubTLSAuthLevel="DomainValidation",
                      hubTLSDomain="other.example"),
    "auth": dict(hubSmartHostAuth="BasicAuthRequireTLS", hubRequireTLS="TRUE",
                 hubTLSAuthLevel="DomainValidation", hubTLSDomain="peer.example",
                 hubAuthUser=USER, hubAuthPassword=PASSWORD),
    "three": dict(hubMaxMessagesPerConnection="3"),
    "strict": {},
}


def domain(way, peer):
    return "%s.%s.example" % (way, peer.name)


def body_of(data):
    """A message without the fields that servers put before it."""
    return data[data.index(b"\r\nFrom: ") + 2:] if b"\r\nFrom: " in data else data


def each(*names):
    """The test is one for each of these peers."""
    def wrap(test):
        @functools.wraps(test)
        def run(self):
            for peer in self.peers:
                if not names or peer.name in names:
                    with self.subTest(peer.name):
                        test(self, peer)
        return run
    return wrap


class NextHops(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = place = Place()
        cls.addClassCleanup(place.close)
        os.chmod(place.path, 0o755)
        authority = certificates.authority(place.path, "authority")
        key = certificates.make(place.path, "peer", ["peer.example"], authority)
        os.chmod(key.key, 0o644)
        cls.relay = relay = Relay({"open": dict(CONNECTORS["open"], hubMaxMessageSize="0")},
                                  ca=authority.certificate)
        cls.addClassCleanup(relay.close)
        cls.hub, cls.sink = relay.hub, relay.sink
        cls.peers = []
        for kind in (PostfixPeer, EximPeer, OpenSmtpdPeer):
            domains = [domain(way, kind) for way in WAYS] + ["back.example"] * (
                kind is PostfixPeer)
            cls.peers.append(kind(place, domains, key, back=relay.ports["open"]).start())
        cls.postfix, cls.exim, cls.opensmtpd = cls.peers
        relay.directory.add("".join(
            cls.connector(domain(way, peer), peer.strict if way == "strict" else peer.port, **how)
            for way, how in WAYS.items() for peer in cls.peers) +
            cls.connector("back.example", cls.postfix.port))
        relay.directory.change(cls.hub.dn(), hubDelayNotification="100000", **QUICK)
        cls.log = ProtocolLog.sent(cls.hub)
        relay.start()
        for peer in cls.peers:
            peer.wait()

    @classmethod
    def connector(cls, name, port, **attributes):
        return record(cls.relay.directory.dn(name, "Connectors"), "hubSendConnector", cn=name,
                      hubAddressSpace="SMTP:" + name, hubDNSRouting="FALSE",
                      hubSourceServer=cls.hub.dn(), hubSmartHost="[127.0.0.1]:%d" % port,
                      hubProtocolLogging="Verbose", hubMaxMessageSize="0", **attributes)

    # --- what happens ---

    def submit(self, way, peer, *users, data=None, options=(), rcpt=()):
        to = ["%s@%s" % (user, domain(way, peer)) for user in users or ["anna"]]
        token, text = message(SENDER, to[0])
        text = text if data is None else data(token)
        with smtplib.SMTP("127.0.0.1", self.relay.ports["open"], timeout=30) as client:
            client.ehlo()
            client.sendmail(SENDER, to, text, ["BODY=8BITMIME", *options], rcpt)
        return token, text

    def arrived(self, peer, token, *users):
        """Exactly these have a copy in the end; the copies."""
        def look():
            found = mails(peer.mail, token)
            return found if len(found) >= len(users) else None
        found = wait_for(lambda: "%s: %d of %r\n%s\n%s" % (
            peer.name, len(mails(peer.mail, token)), users, self.said_last(),
            peer.log()[-3000:]), look)
        self.assertEqual(sorted(os.path.basename(user) for user, _ in found), sorted(users))
        return [data for _, data in found]

    def said_last(self):
        return "\n".join(lines_of(self.log.rows())[-60:])

    def sessions(self, way, peer):
        """The lines of each session of the connector."""
        return [lines_of(rows) for rows in self.log.sessions(connector_id=domain(way, peer))]

    def said(self, way, peer):
        return "\n".join(sum(self.sessions(way, peer), []))

    def wait_said(self, way, peer, pattern):
        """The log is written a little later than mail arrives."""
        return wait_for(lambda: "%s\n%s" % (pattern, self.said(way, peer)[-5000:]),
                        lambda: re.search(pattern, self.said(way, peer), re.M))

    def retry(self, way, peer, reason):
        """The queue waits for that reason."""
        return wait_for(lambda: "Retry for %r\n%s" % (reason, self.hub.log()[-3000:]), lambda: [
            e for e in self.hub.events("queue-retry")
            if domain(way, peer) in e["queue"] and reason in e["reason"]])

    def outcome(self, event, address):
        return wait_for(lambda: "%s %s\n%s" % (event, address, self.hub.log()[-3000:]),
                        lambda: self.hub.events(event, to=address))

    # --- the message as it is, in clear and encrypted ---

    @each()
    def test_byte_for_byte(self, peer):
        """By the best that each offers, with the size and the body's type said."""
        for way in ("plain", "tls", "verified") if peer is not self.opensmtpd else ("plain",):
            token, data = self.submit(way, peer, options=["RET=HDRS", "ENVID=id" + way],
                                      rcpt=["NOTIFY=FAILURE", "ORCPT=rfc822;x@y.example"])
            got = self.arrived(peer, token, "anna")[0]
            self.assertEqual(body_of(got), data)
            event = self.outcome("relayed", "anna@" + domain(way, peer))[0]
            modern = peer is not self.opensmtpd     # PIPELINING, CHUNKING
            self.wait_said(way, peer, (
                r"^>MAIL FROM:<%s> SIZE=\d+ BODY=8BITMIME RET=HDRS ENVID=id%s\n%s"
                r">RCPT TO:<anna@%s> NOTIFY=FAILURE ORCPT=rfc822;x@y.example\n%s") % (
                    SENDER, way, "" if modern else "<250.*\n", domain(way, peer),
                    r">BDAT \d+ LAST\n<250" if modern else "<250.*\n>DATA\n<354"))
            self.assertEqual(">STARTTLS" in self.said(way, peer), way != "plain")
            self.assertEqual(event.get("tls", "")[:4], "" if way == "plain" else "TLSv")
            self.assertEqual("esmtps" in got.decode("latin-1").lower(), way != "plain")

    @each("opensmtpd")
    def test_handshake_that_always_fails(self, peer):
        """Opportunistic TLS does without it the next moment, required TLS waits."""
        token, data = self.submit("tls", peer)
        self.assertEqual(body_of(self.arrived(peer, token, "anna")[0]), data)
        self.wait_said("tls", peer, "^>MAIL")
        failed, clear = self.sessions("tls", peer)[:2]
        self.assertIn(">STARTTLS", failed)
        self.assertNotIn(">STARTTLS", clear)
        self.assertFalse(self.hub.events("deferred", to="anna@" + domain("tls", peer)))
        token, _ = self.submit("verified", peer)
        self.retry("verified", peer, "TLS handshake")
        self.assertFalse(mails(peer.mail, token))

    @each("postfix", "exim")
    def test_untrusted(self, peer):
        """A certificate for another name: not a word about the message."""
        token, _ = self.submit("wrongname", peer)
        self.retry("wrongname", peer, "not for other.example")
        for said in self.sessions("wrongname", peer):
            self.assertNotIn(">MAIL", "\n".join(said))
        self.assertFalse(mails(peer.mail, token))

    @each("exim")
    def test_credentials(self, peer):
        token, data = self.submit("auth", peer)
        got = self.arrived(peer, token, "anna")[0]
        self.assertEqual(body_of(got), data)
        self.assertIn(b" with esmtpsa ", got)
        self.wait_said("auth", peer, "AUTH PLAIN: authenticated as " + USER)
        self.assertNotIn(PASSWORD, self.log.text())

    @each()
    def test_utf8_addresses(self, peer):
        """To who offers SMTPUTF8; who does not gets nothing, and the sender is told."""
        token, data = self.submit("plain", peer, UNICODE, options=["SMTPUTF8"])
        if peer is self.opensmtpd:
            self.outcome("failed", "%s@%s" % (UNICODE, domain("plain", peer)))
            self.assertIn(b"\r\nStatus: 5.6.7\r\n", self.sink.wait(token)[0].data)
            self.assertFalse(mails(peer.mail, token))
        else:
            self.assertEqual(body_of(self.arrived(peer, token, UNICODE)[0]), data)
            self.wait_said("plain", peer, "^>MAIL.* SMTPUTF8")

    # --- what the peer refuses ---

    @each()
    def test_larger_than_the_peer_takes(self, peer):
        """Known from its EHLO: nothing of it is said, and the sender is told."""
        before = self.said("three", peer)
        token, _ = self.submit("three", peer, data=lambda t: (
            b"From: <a@b>\r\nSubject: %s\r\n\r\n" % t.encode() +
            (b"x" * 70 + b"\r\n") * (SIZE // 70)))
        address = "anna@" + domain("three", peer)
        report = wait_report(self.sink, token, address).recipient(address)
        self.assertEqual((report["Action"], report["Status"]), ("failed", "5.3.4"))
        self.assertNotIn(">MAIL", self.said("three", peer)[len(before):])
        self.assertFalse(mails(peer.mail, token))

    @each()
    def test_a_verdict_for_each_recipient(self, peer):
        """Two are taken, one is unknown, one is greylisted, one has no room: one copy for each."""
        users = ["anna", "ghost", "grey", "full", "bruno"]
        token, data = self.submit("plain", peer, *users)
        at = {user: "%s@%s" % (user, domain("plain", peer)) for user in users}
        report = wait_report(self.sink, token, at["ghost"])
        self.assertEqual(report.addresses(), [at["ghost"]])
        self.assertEqual(report.recipient(at["ghost"])["Action"], "failed")
        self.assertIn("550", report.recipient(at["ghost"])["Diagnostic-Code"])
        for user, said in ("grey", "^450 4.2.0 .*Greylisted"), ("full", "^452 4.2.2 .*Over quota"):
            self.assertRegex(self.outcome("deferred", at[user])[0]["reply"], said)
        self.arrived(peer, token, "anna", "bruno")
        for user in ("grey", "full"):
            peer.release(user)
        for got in self.arrived(peer, token, "anna", "bruno", "full", "grey"):
            self.assertEqual(body_of(got), data)
        for user in ("grey", "full"):
            self.outcome("relayed", at[user])
        self.assertEqual(len(self.sink.find(token)), 1)

    @each()
    def test_more_recipients_than_the_peer_takes(self, peer):
        """The rest goes in further transactions, at once; nobody is missed, nobody gets two."""
        token, data = self.submit("strict", peer, *MANY)
        for got in self.arrived(peer, token, *MANY):
            self.assertEqual(body_of(got), data)
        for user in MANY:
            address = "%s@%s" % (user, domain("strict", peer))
            self.assertEqual(len(self.outcome("relayed", address)), 1)
            self.assertFalse(self.hub.events("deferred", to=address))
        named = [len(MANY), RECIPIENTS, len(MANY) - 2 * RECIPIENTS]     # it learns the limit
        wait_for("all in the log", lambda: self.said("strict", peer).count(">RCPT") >= sum(named))
        self.assertEqual([part.count(">RCPT") for part in
                          self.said("strict", peer).split(">MAIL")[1:4]], named)

    # --- sessions ---

    def mails_by_session(self, way, peer):
        """How many messages the peer let begin in each session."""
        counts = [len(re.findall(r"^>MAIL", "\n".join(said), re.M))
                  for said in self.sessions(way, peer)]
        return [n for n in counts if n > 0]

    def put_off(self, way, peer, user="anna"):
        return self.hub.events("deferred", to="%s@%s" % (user, domain(way, peer)))

    @each()
    def test_messages_of_a_session(self, peer):
        """As many as the connector says."""
        for _ in range(7):
            token, _ = self.submit("three", peer)
            self.arrived(peer, token, "anna")
        counts = wait_for("all in the log", lambda: sum(self.mails_by_session(
            "three", peer)) >= 7 and self.mails_by_session("three", peer))
        self.assertEqual((max(counts), sum(counts)), (3, 7))

    @each("exim", "opensmtpd")
    def test_the_peer_limits_messages(self, peer):
        """Its 421 or 452 between two messages is no failure of the next one."""
        for _ in range(2 * MESSAGES + 1):
            token, _ = self.submit("strict", peer)
            self.arrived(peer, token, "anna")
        self.assertFalse(self.put_off("strict", peer))

    @each("postfix", "exim")
    def test_the_peer_limits_connections(self, peer):
        """421 to each beyond that: all arrives, and it is not asked all the time."""
        tokens = [self.submit("strict", peer)[0] for _ in range(30)]
        for token in tokens:
            self.arrived(peer, token, "anna")
        self.assertFalse(self.put_off("strict", peer))
        # too many connections, or too many concurrent ones
        self.wait_said("strict", peer, "^<421.*[tT]oo many con")
        self.assertLess(len(re.findall("^<421.*[tT]oo many con", self.said("strict", peer), re.M)),
                        15)

    @each()
    def test_restart_between_messages(self, peer):
        """The kept session is gone: a new one is made, and nothing is put off."""
        for restart in (False, True):
            if restart:
                self.restart(peer)
            token, _ = self.submit("plain", peer, "bruno")
            self.arrived(peer, token, "bruno")
        self.assertFalse(self.put_off("plain", peer, "bruno"))

    def restart(self, peer):
        peer.stop()
        peer.start()
        peer.wait()

    @each()
    def test_restart_amid_a_message(self, peer):
        """Before it has answered for the message: it comes again, and only once."""
        token, _ = self.submit("plain", peer, "slow")
        self.arrived(peer, token, "slow")
        begun = self.said("plain", peer).count(">MAIL")
        peer.hold()
        token, data = self.submit("plain", peer, "hold")
        wait_for("it begins", lambda: self.said("plain", peer).count(">MAIL") > begun)
        wait_for("the peer holds", peer.holds)
        self.assertFalse(mails(peer.mail, token))
        peer.stop()
        peer.unhold()
        peer.start()
        peer.wait()
        self.assertEqual(body_of(self.arrived(peer, token, "hold")[0]), data)
        self.outcome("relayed", "hold@" + domain("plain", peer))
        # the peer was there: its session ended without an answer, and another one had to do
        self.assertEqual(len(self.put_off("plain", peer, "hold")), peer is not self.opensmtpd)
        self.assertEqual(len(mails(peer.mail, token)), 1)

    @each("exim")
    def test_tarpit(self, peer):
        """A second for each recipient: nobody else waits for that."""
        slow, _ = self.submit("plain", peer, "slow")
        for other in self.peers:
            token, _ = self.submit("three", other)
            self.arrived(other, token, "anna")
        self.assertFalse(mails(peer.mail, slow))
        self.arrived(peer, slow, "slow")

    # --- from one to the other ---

    def test_reports_across_systems(self):
        """Postfix by the hub to Exim: what was asked for comes there, and the reports back."""
        with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=30) as client:
            for user, status, server in (
                    ("anna", "2.0.0", "exim.example"), ("ghost", "5.1.1", "hub1.contoso.com")):
                token, data = message("anna@back.example", user + "@plain.exim.example")
                client.ehlo()
                client.sendmail(
                    "anna@back.example", [user + "@plain.exim.example"], data,
                    ["BODY=8BITMIME", "RET=HDRS", "ENVID=id+2B" + token],
                    ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;first+2B@old.example"])
                report = wait_for(lambda: "report\n" + self.exim.log(), lambda: [
                    data for _, data in mails(self.postfix.mail, token)])[0].decode("latin-1")
                # Exim does not decode what it was given
                self.assertRegex(report, r"\r\nOriginal-Envelope-I[dD]: id\+(2B)?" + token)
                self.assertRegex(report, r"\r\nOriginal-Recipient: rfc822; ?first\+(2B)?@old.ex")
                self.assertRegex(report, r"\r\nStatus: %s\r\n" % status)
                self.assertRegex(report, r"\r\nReporting-MTA: dns; ?%s\r\n" % server)
                self.assertNotIn(data[-50:].decode("latin-1"), report)


if __name__ == "__main__":
    unittest.main()
