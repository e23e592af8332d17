"""Encryption on the way out: towards strangers where they offer it, between hubs always."""

import smtplib
import unittest

from .harness.base import free_port, wait_for
from .harness.delivery import QUICK
from .harness.directory import record
from .harness.keys import Key
from .harness.organization import Organization, message, send
from .harness.peers import Sink


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization().start()
        cls.addClassCleanup(org.close)
        cls.key = Key(org.place, "peer.example")
        for hub in org.hubs:
            org.change(hub.dn(), **QUICK)

    def submit(self, address):
        token, data = message(sender="anna@contoso.com", to=address)
        send(self.org.application_port, "anna@contoso.com", [address], data)
        return token

    def connector(self, domain, sink, **attributes):
        self.org.send_connector(domain, hubAddressSpace="SMTP:" + domain, hubDNSRouting="FALSE",
                                hubSourceServer=self.org.london2.dn(),
                                hubSmartHost="[127.0.0.1]:%d" % sink.port, **attributes)

    def retry(self, hub, queue, reason):
        def find():
            return [e for e in hub.events("queue-retry")
                    if queue in e["queue"] and reason in e["reason"]]
        return wait_for(lambda: "Retry of %s for %r\n%s" % (queue, reason, hub.log()[-2000:]), find)

    def test_used_when_offered(self):
        sink = Sink(self.org.place, key=self.key)
        self.connector("offers.example", sink)
        token = self.submit("x@offers.example")
        self.assertTrue(sink.wait(token)[0].tls)
        self.assertEqual([line.split()[0] for line in sink.in_clear], ["EHLO", "STARTTLS"])
        event = wait_for("outcome", lambda: self.org.london2.events("relayed",
                                                                    to="x@offers.example"))
        self.assertEqual(event[0]["tls"], "TLSv1.3")

    def test_ignored_where_told_so(self):
        sink = Sink(self.org.place, key=self.key)
        self.connector("ignores.example", sink, hubIgnoreSTARTTLS="TRUE")
        self.assertFalse(sink.wait(self.submit("x@ignores.example"))[0].tls)

    def test_required(self):
        """Not offered, refused, or broken: the mail waits, not a word of it goes out in clear."""
        for name, script in (("none", None), ("refused", "454 4.7.0 not now"), ("broken",
                                                                                "220 go close")):
            with self.subTest(name):
                sink = Sink(self.org.place, key=None if script is None else self.key)
                if script is not None:
                    sink.answer("STARTTLS", script)
                domain = name + ".required.example"
                self.connector(domain, sink, hubRequireTLS="TRUE")
                token = self.submit("x@" + domain)
                self.retry(self.org.london2, domain, "")
                wait_for("asked again", lambda: sink.sessions > 1)
                self.assertFalse([c for c in sink.commands if c.startswith(("MAIL", "RCPT"))])
                if script is not None:
                    sink.answer("STARTTLS", None)
                    self.assertTrue(sink.wait(token)[0].tls)

    def test_broken_handshake_is_no_obstacle(self):
        """Opportunistic: in clear on a later connection. A refusal needs no new connection."""
        for name, script, sessions in (("broken", "220 go close", 2), ("refused", "454 4.7.0 no",
                                                                       1)):
            with self.subTest(name):
                sink = Sink(self.org.place, key=self.key)
                sink.answer("STARTTLS", script)
                self.connector(name + ".opportunistic.example", sink)
                got = sink.wait(self.submit("x@%s.opportunistic.example" % name))[0]
                self.assertFalse(got.tls)
                self.assertEqual(got.session, sessions)

    def test_broken_handshake_with_a_host_that_failed_before(self):
        """In clear in the same attempt: that the host rests for others is no reason to wait."""
        hub, domain = self.org.london2, "troubled.opportunistic.example"
        sink = Sink(self.org.place, key=self.key)
        sink.answer("(banner)", "421 4.3.2 not now close", times=1)
        sink.answer("STARTTLS", "220 go close")
        self.connector(domain, sink)
        token = self.submit("x@" + domain)
        self.retry(hub, domain, "421 4.3.2 not now")
        self.assertFalse(sink.wait(token)[0].tls)
        self.assertEqual(len([e for e in hub.events("queue-retry") if domain in e["queue"]]), 1)
        self.assertEqual(sink.sessions, 3)

    def test_wrong_key_between_hubs(self):
        org = self.org
        stranger = Key(org.place, "stranger.example")
        org.change(org.paris1.dn(), hubKeyDigest=stranger.digest)
        token, data = message()
        send(org.internet_port, "a@outside.example", ["bruno@contoso.com"], data)
        event = self.retry(org.london1, "Paris", "not in the directory for paris1")[0]
        self.assertEqual(event["status"], "4.7.0")
        self.assertFalse(org.mailbox.find(token))
        org.change(org.paris1.dn(), hubKeyDigest=[stranger.digest, org.paris1.key.digest])
        org.mailbox.wait(token)
        org.change(org.paris1.dn(), hubKeyDigest=org.paris1.key.digest)

    def test_nothing_in_clear_between_hubs(self):
        """A peer in a hub's place gets no mail without TLS, nor with the key of somebody else."""
        org = self.org
        impostor = Sink(org.place)
        dn, site = org.directory.dn("york1", "Servers"), org.directory.dn("York", "Sites")
        org.apply(lambda: org.directory.add(
            record(site, "hubSite", cn="York") +
            record(org.directory.dn("York-Paris", "Site Links"), "hubSiteLink", cn="York-Paris",
                   hubSiteList=[site, org.directory.dn("Paris", "Sites")]) +
            record(dn, "hubServer", cn="york1", hubRole="Hub", hubServerSite=site,
                   hubFQDN="york1.contoso.com", hubAddress="127.0.0.1:%d" % impostor.port,
                   hubKeyDigest="sha256:" + "ab" * 32)))
        org.send_connector("Via York", hubAddressSpace="SMTP:york.example", hubSourceServer=dn,
                           hubDNSRouting="FALSE", hubSmartHost="[127.0.0.1]:%d" % free_port())
        token = self.submit("x@york.example")
        self.retry(org.paris1, "york1", "the peer does not offer it")
        self.assertEqual({c.split()[0] for c in impostor.commands} - {"QUIT"}, {"EHLO"})
        with self.subTest("the wrong key"):
            impostor.tls_context = Sink(org.place, key=self.key).tls_context
            impostor.offers.append("STARTTLS")
            self.retry(org.paris1, "york1", "not in the directory for york1")
            self.assertEqual({c.split()[0] for c in impostor.commands} - {"QUIT"},
                             {"EHLO", "STARTTLS"})
        with self.subTest("the right one"):
            org.change(dn, hubKeyDigest=self.key.digest)
            self.assertTrue(impostor.wait(token)[0].tls)
            self.assertFalse([c for c in impostor.in_clear if c.startswith(("MAIL", "RCPT"))])

    def test_retry_ends_when_the_mailbox_server_shows_its_key(self):
        """A pinned mailbox server is given mail by TLS with that key only."""
        org = self.org
        sink = Sink(org.place, lmtp=True, key=self.key)
        dn = org.directory.dn("mbx9", "Servers")
        org.apply(lambda: org.directory.add(
            record(dn, "hubMailboxServer", cn="mbx9", hubFQDN="mbx9.contoso.com",
                   hubServerSite=org.directory.dn("Paris", "Sites"), hubDeliveryProtocol="LMTP",
                   hubAddress="127.0.0.1:%d" % sink.port,
                   hubKeyDigest=Key(org.place, "other.example").digest)))
        org.directory.add(record(
            "uid=pia,ou=People," + org.directory.suffix, "inetOrgPerson inetLocalMailRecipient",
            uid="pia", cn="pia", sn="pia", mail="pia@contoso.com", mailHost="mbx9.contoso.com"))
        token = wait_for("the recipient is known", lambda: self.try_submit("pia@contoso.com"))
        self.retry(org.paris1, "mbx9", "not in the directory for mbx9")
        self.assertFalse([c for c in sink.commands if c.startswith(("MAIL", "RCPT"))])
        org.change(dn, hubKeyDigest=self.key.digest)
        self.assertTrue(sink.wait(token)[0].tls)

    def try_submit(self, address):
        try:
            return self.submit(address)
        except smtplib.SMTPRecipientsRefused:
            return None


if __name__ == "__main__":
    unittest.main()
