"""Sessions and copies: how few of them carry the mail, and what one message costs on the wire."""

import email
import smtplib
import unittest

from .harness.base import sanitized, wait_for
from .harness.delivery import QUICK, wait_report
from .harness.directory import record
from .harness.organization import Organization, message, send
from .harness.peers import Sink

SENDER = "anna@contoso.com"


class Sessions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization().start()
        cls.addClassCleanup(org.close)
        for hub in org.hubs:
            org.change(hub.dn(), **QUICK)

    def submit(self, *recipients, body="Hello\r\n", options=()):
        token, data = message(sender=SENDER, to=recipients[0], body=body)
        send(self.org.application_port, SENDER, list(recipients), data, options=options)
        return token

    def connector(self, domain, *sinks, sources=None, **attributes):
        given = dict(hubAddressSpace="SMTP:" + domain, hubDNSRouting="FALSE",
                     hubSourceServer=sources or self.org.london2.dn(),
                     hubSmartHost=["[127.0.0.1]:%d" % sink.port for sink in sinks])
        given.update(attributes)
        self.org.send_connector(domain, **given)

    def test_many_messages_in_few_sessions(self):
        """One after the other they share a session; a burst takes no more than it may."""
        org, sink = self.org, Sink(self.org.place)
        self.connector("reuse.example", sink, hubMaxMessagesPerConnection="0")
        for _ in range(10):
            sink.wait(self.submit("x@reuse.example"))
        self.assertEqual(sink.sessions, 1)
        org.change(org.london2.dn(), hubMaxPerDomainConnections="2")
        tokens = [self.submit("x@reuse.example") for _ in range(30)]
        for token in tokens:
            sink.wait(token)
        self.assertLessEqual(sink.sessions, 3)  # the old configuration's, and two
        org.change(org.london2.dn(), hubMaxPerDomainConnections=None)

    def test_messages_per_connection(self):
        sink = Sink(self.org.place)
        self.connector("limit.example", sink, hubMaxMessagesPerConnection="4")
        tokens = [self.submit("x@limit.example") for _ in range(13)]
        for token in tokens:
            sink.wait(token)
        counts = {}
        for m in sink.messages:
            counts[m.session] = counts.get(m.session, 0) + 1
        self.assertEqual(max(counts.values()), 4)
        self.assertEqual(sum(counts.values()), 13)

    def test_source_servers_share_and_stand_in(self):
        org, sink = self.org, Sink(self.org.place)
        self.connector("shared.example", sink, sources=[org.london1.dn(), org.london2.dn()])
        org.change(org.paris1.dn(), hubIntraOrgMaxMessagesPerConnection="1")

        def deliver(count):
            tokens = [self.submit("x@shared.example") for _ in range(count)]
            return {sink.wait(token)[0].helo.split(".")[0] for token in tokens}

        self.assertEqual(deliver(4), {"london1", "london2"})
        org.london1.kill()
        self.assertEqual(deliver(4), {"london2"})
        org.london1.start()
        wait_for("the one that is back takes its share", lambda: "london1" in deliver(2))
        org.change(org.paris1.dn(), hubIntraOrgMaxMessagesPerConnection=None)

    def test_one_copy_for_each_next_hop(self):
        org, sink = self.org, Sink(self.org.place)
        self.connector("elsewhere.example", sink)
        people = ["anna@contoso.com", "bruno@contoso.com"]
        token = self.submit(*people, "a@far.example", "b@far.example", "c@other.example",
                            "x@elsewhere.example", "y@elsewhere.example")
        for place, recipients in ((org.mailbox, people), (sink, ["x@elsewhere.example",
                                                                 "y@elsewhere.example"]),
                                  (org.smart_host, ["a@far.example", "b@far.example",
                                                    "c@other.example"])):
            got = place.wait(token)
            self.assertEqual(len(got), 1)
            self.assertEqual(sorted(got[0].recipients), recipients)
        # both connectors leave from london2: one copy of the message went there
        wait_for("outcome", lambda: org.london2.events("relayed", to="y@elsewhere.example"))
        came = {e["message"] for e in org.london2.events("relayed") if e["to"] in (
            "a@far.example", "x@elsewhere.example")}
        self.assertEqual(len(came), 1)

    def test_sizes(self):
        """Too large for the connector, for the link between the sites, for the peer."""
        org, sink = self.org, Sink(self.org.place)
        small = Sink(org.place, offers=["SIZE 2000", "8BITMIME"])
        body = "x" * 70 + "\r\n"
        self.connector("limited.example", sink, hubMaxMessageSize="3000")
        self.connector("peer.example", small)

        def refused(address, words):
            report = wait_report(org.mailbox, self.submit(address, body=body * 60), address)
            self.assertEqual(report.recipient(address)["Status"], "5.3.4")
            self.assertIn(words, report.recipient(address)["Diagnostic-Code"])

        with self.subTest("connector"):
            sink.wait(self.submit("x@limited.example", body=body * 30))
            refused("x@limited.example", "limited.example")
            self.assertEqual(len(sink.messages), 1)
        with self.subTest("peer"):
            small.wait(self.submit("x@peer.example"))
            refused("x@peer.example", "2000")
            self.assertEqual(len([c for c in small.commands if c.startswith("MAIL")]), 1)
        with self.subTest("link"):
            link = org.directory.dn("London-Paris", "Site Links")
            org.change(link, hubMaxMessageSize="4000")
            sink.wait(self.submit("x@limited.example", body=body * 30))
            refused("x@far.example", "London-Paris")
            org.change(link, hubMaxMessageSize=None)

    def test_unreachable_waits_for_a_connector(self):
        org = self.org
        org.change(org.connector("To Internet"), hubEnabled="FALSE")
        token = self.submit("x@nowhere.example")
        org.change(org.london1.dn(), hubComment="another configuration, and still no way")
        self.assertFalse(org.paris1.events("failed", to="x@nowhere.example"))
        sink = Sink(org.place)
        self.connector("nowhere.example", sink)
        self.assertEqual(len(sink.wait(token)), 1)
        org.change(org.connector("To Internet"), hubEnabled=None)

    @unittest.skipIf(sanitized(), "memory cannot be measured under sanitizers")
    def test_large_message_takes_no_memory(self):
        org, sink = self.org, Sink(self.org.place)
        self.connector("large.example", sink, hubMaxMessageSize="0")
        for dn in ["cn=Applications," + org.paris1.dn(), "cn=Default london2," + org.london2.dn()]:
            org.change(dn, hubMaxMessageSize="0")
        org.change(org.directory.base, hubMaxReceiveSize="0")
        sink.wait(self.submit("x@large.example", body="small\r\n"))
        before = [hub.memory_kib() for hub in (org.paris1, org.london2)]
        body = ("y" * 76 + "\r\n") * (30 * 1024 * 1024 // 78)
        peak = [0, 0]

        def arrived():
            for i, hub in enumerate((org.paris1, org.london2)):
                peak[i] = max(peak[i], hub.memory_kib())
            return sink.find(token)

        token = self.submit("x@large.example", body=body)
        wait_for("the large message", arrived)
        self.assertTrue(sink.find(token)[0].data.endswith(body.encode()))
        for i in range(2):
            self.assertLess(peak[i] - before[i], 6 * 1024)

    def test_what_a_peer_cannot_take(self):
        """RFC 6152 section 3, RFC 3030 section 3, RFC 6531 section 3.6."""
        org = self.org
        plain, able = (Sink(org.place, offers=["PIPELINING"]),
                       Sink(org.place, offers=["8BITMIME", "CHUNKING", "BINARYMIME", "SMTPUTF8"]))
        self.connector("plain.example", plain)
        self.connector("able.example", able)
        rows = (
            ("8BITMIME", ["BODY=8BITMIME"], "h\u00e9llo\r\n".encode()),
            ("in name only", ["BODY=8BITMIME"], b"hello\r\n"),
            ("BINARYMIME", ["BODY=BINARYMIME"], b"\x00\x80 bare\nline"),
            ("SMTPUTF8", ["BODY=8BITMIME", "SMTPUTF8"], "h\u00e9llo\r\n".encode()),
        )
        for name, options, body in rows:
            with self.subTest(name):
                token = self.bdat("x@able.example", options, body)
                self.assertTrue(able.wait(token)[0].data.endswith(body))
                line = [c for c in able.commands if c.startswith("MAIL")][-1]
                for option in options:
                    self.assertIn(option, line)
                token = self.bdat("x@plain.example", options, body)
                data = plain.wait(token)[0].data
                self.assertLess(max(data), 128)
                self.assertEqual(email.message_from_bytes(data).get_payload(decode=True), body)
                line = [c for c in plain.commands if c.startswith("MAIL")][-1]
                self.assertTrue(line.endswith(">"), line)

    def bdat(self, address, options, body):
        token, data = message(sender=SENDER, to=address, body="")
        data += body
        with smtplib.SMTP("127.0.0.1", self.org.application_port, timeout=30) as client:
            client.ehlo()
            self.assertEqual(client.mail(SENDER, options)[0], 250)
            self.assertEqual(client.rcpt(address)[0], 250)
            client.sock.sendall(b"BDAT %d LAST\r\n" % len(data) + data)
            self.assertEqual(client.getreply()[0], 250)
        return token


class Chain(Organization):
    """Four sites in a row, each with a hub and a mailbox server: A - B - C - D."""

    NAMES = ("alpha", "beta", "gamma", "delta")

    def _build(self, dns_zones, mailbox, validated, directory, hub_settings):
        from .harness.directory import Directory
        from .harness.hub import Hub
        from .harness.base import free_port
        self.directory = Directory(self.place).start()
        self.dns = None
        self.application_port = free_port()
        self.mailboxes = [Sink(self.place, lmtp=True) for _ in self.NAMES]
        self.hubs = [Hub(self.place, self.directory, name, name.upper()) for name in self.NAMES]
        self.directory.add(self.text())

    def text(self):
        d = self.directory
        sites = [d.dn(name.upper(), "Sites") for name in self.NAMES]
        parts = [record(site, "hubSite", cn=name.upper()) for site, name in zip(sites, self.NAMES)]
        for one, two in zip(range(3), range(1, 4)):
            name = "%s-%s" % (self.NAMES[one], self.NAMES[two])
            parts.append(record(d.dn(name, "Site Links"), "hubSiteLink", cn=name,
                                hubSiteList=[sites[one], sites[two]]))
        parts += [hub.records() for hub in self.hubs]
        parts.append(record(
            "cn=Applications," + self.hubs[0].dn(), "hubReceiveConnector", cn="Applications",
            hubBinding="127.0.0.1:%d" % self.application_port, hubPermissionGroup="HubServers",
            hubAuthMechanism=["Tls", "ExternalAuthoritative"], hubTarpitInterval="0"))
        parts.append(record(d.dn("contoso.com", "Accepted Domains"), "hubAcceptedDomain",
                            cn="contoso.com", hubDomain="contoso.com",
                            hubDomainType="Authoritative"))
        parts.append(record("ou=People," + d.suffix, "organizationalUnit", ou="People"))
        for site, name, sink in zip(sites, self.NAMES, self.mailboxes):
            box = "mbx-" + name
            parts.append(record(d.dn(box, "Servers"), "hubMailboxServer", cn=box,
                                hubServerSite=site, hubFQDN=box + ".contoso.com",
                                hubAddress="127.0.0.1:%d" % sink.port, hubDeliveryProtocol="LMTP"))
            for number in "12":
                person = name + number
                parts.append(record(
                    "uid=%s,ou=People,%s" % (person, d.suffix),
                    "inetOrgPerson inetLocalMailRecipient", uid=person, cn=person, sn=person,
                    mail=person + "@contoso.com", mailHost=box + ".contoso.com"))
        return "".join(parts)


class DelayedFanOut(unittest.TestCase):
    def test_one_copy_on_every_link(self):
        """Eight recipients in four sites: three copies between hubs, each split at its fork."""
        org = Chain().start()
        self.addCleanup(org.close)
        people = [name + number + "@contoso.com" for name in org.NAMES for number in "12"]
        token, data = message(sender="app@contoso.com", to=people[0])
        send(org.application_port, "app@contoso.com", people, data)
        for name, sink in zip(org.NAMES, org.mailboxes):
            got = sink.wait(token)
            self.assertEqual([sorted(m.recipients) for m in got],
                             [[name + "1@contoso.com", name + "2@contoso.com"]])
        for number, hub in enumerate(org.hubs):
            wait_for("outcomes of " + hub.name, lambda: len(
                hub.events("delivered") + hub.events("relayed")) == 8 - 2 * number)
            self.assertEqual(len(hub.events("received")), 1, hub.name)
            # the trace tells the way: one Received field for each hub passed
            trace = org.mailboxes[number].find(token)[0].data.count(b"Received: from")
            self.assertEqual(trace, number + 1)


if __name__ == "__main__":
    unittest.main()
