"""Where mail for another domain goes: MX records of a real DNS server, and smart hosts."""

import unittest

from .harness.base import wait_for
from .harness.delivery import QUICK, Peers, wait_report
from .harness.organization import Organization, message, send

ZONE = """
order MX 20 order2
order MX 10 order1
order1 A 127.0.11.1
order2 A 127.0.11.2
*.equal MX 10 equal1
*.equal MX 10 equal2
equal1 A 127.0.12.1
equal2 A 127.0.12.2
dead MX 10 dead1
dead MX 20 dead2
dead1 A 127.0.13.1
dead2 A 127.0.13.2
nomx A 127.0.14.1
v6 MX 10 v6host
v6host AAAA ::1
alias CNAME target
target MX 10 targethost
targethost A 127.0.14.2
null MX 0 .
null A 127.0.14.1
noaddress MX 10 nowhere
noaddress A 127.0.14.1
ourselves MX 10 london2.contoso.com.
worse MX 10 london2.contoso.com.
worse MX 20 order1
better MX 10 order1
better MX 20 london2.contoso.com.
undecided MX 10 host.broken.example.
undecided MX 20 london2.contoso.com.
ouraddress MX 10 us
us A 127.0.0.1
halfdead MX 10 host.broken.example.
halfdead MX 20 order2
relay A 127.0.15.1
relaymx MX 10 relayhost
relayhost A 127.0.15.2
"""
BROKEN = "host A 127.0.16.1\n@ MX 10 host\n"
SINKS = ("127.0.11.1", "127.0.11.2", "127.0.12.1", "127.0.12.2", "127.0.13.2", "127.0.14.1",
         "127.0.14.2", "::1", "127.0.15.1", "127.0.15.2", "127.0.16.1")

ARRIVES = (
    ("order", "127.0.11.1"),
    ("dead", "127.0.13.2"),
    ("nomx", "127.0.14.1"),
    ("v6", "::1"),
    ("alias", "127.0.14.2"),
    ("better", "127.0.11.1"),
    ("halfdead", "127.0.11.2"),
)
REPORTED = (
    ("null", "5.1.10"),
    ("missing", "5.1.2"),
    ("noaddress", "5.4.4"),
    ("ourselves", "5.4.6"),
    ("worse", "5.4.6"),
)
# and what the sender reads
WORDS = {"5.1.10": "takes no mail at all", "5.1.2": "leads nowhere",
         "5.4.4": "No mail system that takes mail for the address", "5.4.6": "in a circle"}


class Hops(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization(dns_zones={"mx.example": ZONE, "broken.example": None}).start()
        cls.addClassCleanup(org.close)
        cls.peers = Peers(org.place)
        cls.sinks = {address: cls.peers.sink(address) for address in SINKS}
        org.change(org.london2.dn(), **QUICK)
        org.send_connector("By MX", hubAddressSpace=["SMTP:*.mx.example", "SMTP:broken.example"],
                           hubSourceServer=org.london2.dn(), hubPort=str(cls.peers.port),
                           hubDNSRouting="TRUE", hubExternalDNS="TRUE")

    def submit(self, domain):
        token, data = message(sender="anna@contoso.com", to="x@" + domain)
        send(self.org.application_port, "anna@contoso.com", ["x@" + domain], data)
        return token

    def arrives(self, token, address):
        got = self.sinks[address].wait(token)
        self.assertEqual(len(got), 1)
        for other, sink in self.sinks.items():
            self.assertTrue(other == address or not sink.find(token), other)
        return got[0]

    def wait_retry(self, domain, reason):
        """The queue is in Retry for that reason, and nobody was told that it failed."""
        hub = self.org.london2
        events = wait_for(lambda: "Retry of %s\n%s" % (domain, hub.log()[-2000:]), lambda: [
            e for e in hub.events("queue-retry")
            if e["queue"].startswith("DnsConnectorDelivery/" + domain)])
        self.assertRegex(events[0]["reason"], reason)
        self.assertFalse(hub.events("failed", to="x@" + domain))

    def test_mx(self):
        tokens = {domain: self.submit(domain + ".mx.example")
                  for domain, _ in ARRIVES + REPORTED}
        for domain, address in ARRIVES:
            with self.subTest(domain):
                self.arrives(tokens[domain], address)
        for domain, status in REPORTED:
            with self.subTest(domain):
                address = "x@%s.mx.example" % domain
                report = wait_report(self.org.mailbox, tokens[domain], address)
                self.assertEqual(report.recipient(address)["Status"], status)
                text = " ".join(report.text.get_content().split())
                self.assertIn(WORDS[status], text)
                self.assertFalse([s for s in self.sinks.values() if s.find(tokens[domain])])

    def test_equal_preference_shares(self):
        tokens = [self.submit("d%d.equal.mx.example" % i) for i in range(24)]
        pair = [self.sinks["127.0.12.1"], self.sinks["127.0.12.2"]]
        for token in tokens:
            wait_for("one of the two", lambda: pair[0].find(token) or pair[1].find(token))
        for sink in pair:
            self.assertGreater(len([t for t in tokens if sink.find(t)]), 2)

    def test_own_address_is_a_loop(self):
        """An exchanger whose address is ours is ourselves, by whatever name."""
        org = self.org
        org.send_connector("To our port", hubAddressSpace="SMTP:ouraddress.mx.example",
                           hubSourceServer=org.london2.dn(), hubPort=str(org.london2.port),
                           hubDNSRouting="TRUE", hubExternalDNS="TRUE")
        token = self.submit("ouraddress.mx.example")
        report = wait_report(org.mailbox, token, "x@ouraddress.mx.example")
        self.assertEqual(report.per_recipient[0]["Status"], "5.4.6")

    def test_no_answer_is_no_failure(self):
        """SERVFAIL, for the domain or its exchanger's address, then a server that is gone."""
        waiting = {domain: self.submit(domain) for domain in ("broken.example",
                                                              "undecided.mx.example")}
        for domain in waiting:
            self.wait_retry(domain, "DNS|no answer")
        self.org.dns.write("broken.example", BROKEN)
        self.org.dns.reload()
        for domain, token in waiting.items():
            self.arrives(token, "127.0.16.1")
        self.org.dns.stop()
        token = self.submit("late.equal.mx.example")
        self.wait_retry("late.equal.mx.example", ".")
        self.org.dns.start()
        wait_for("delivery by DNS that is back", lambda: self.sinks["127.0.12.1"].find(token) or
                 self.sinks["127.0.12.2"].find(token))

    def test_smart_host_by_name(self):
        for name, address in (("relay", "127.0.15.1"), ("relaymx", "127.0.15.2")):
            with self.subTest(name):
                domain = "to-%s.example" % name
                self.org.send_connector(
                    "Via " + name, hubAddressSpace="SMTP:" + domain, hubDNSRouting="FALSE",
                    hubSourceServer=self.org.london2.dn(),
                    hubSmartHost="%s.mx.example:%d" % (name, self.peers.port))
                self.arrives(self.submit(domain), address)

    def test_smart_hosts_share_and_stand_in(self):
        one, two = self.peers.sink("127.0.17.1"), self.peers.sink("127.0.17.2")
        self.org.send_connector(
            "Balanced", hubAddressSpace="SMTP:balanced.example", hubDNSRouting="FALSE",
            hubSourceServer=self.org.london2.dn(), hubMaxMessagesPerConnection="1",
            hubSmartHost=["[127.0.17.1]:%d" % self.peers.port,
                          "[127.0.17.2]:%d" % self.peers.port])

        def deliver(count):
            tokens = []
            for _ in range(count):
                token = self.submit("balanced.example")
                # of several connections at a time one may take more than its turn of messages
                wait_for("either", lambda: one.find(token) or two.find(token))
                tokens.append(token)
            return [len([t for t in tokens if sink.find(t)]) for sink in (one, two)]

        self.assertEqual(deliver(8), [4, 4])
        one.stop()
        self.assertEqual(deliver(4), [0, 4])
        one.start()
        wait_for("the first takes its share again", lambda: deliver(2)[0])


if __name__ == "__main__":
    unittest.main()
