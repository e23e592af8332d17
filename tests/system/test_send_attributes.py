"""Attributes of Send connectors, each seen by the next hop, and changed while mail flows."""

import os
import resource
import smtplib
import unittest

from .harness.base import Place, free_port, wait_for
from .harness.delivery import QUICK, wait_report
from .harness.directory import record
from .harness.hub import in_force
from .harness.keys import Key
from .harness.peers import Dns, Sink
from .harness.protocol_log import ProtocolLog, lines_of
from .harness.relay import CONNECTORS, Relay

SENDER = "anna@contoso.com"
MESSAGE = ("From: <%s>\r\nTo: <%%s>\r\nSubject: test %%s\r\n\r\nHello\r\n" % SENDER).encode()
NOT_OURS = "192.0.2.77"     # RFC 5737
PEER = "127.0.32.1"


class Attributes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        place = Place()
        cls.addClassCleanup(place.close)
        cls.dns = Dns(place, {"dns.example": "* MX 10 peer\npeer A %s\n" % PEER}).start()
        cls.relay = relay = Relay({"open": CONNECTORS["open"]}, resolver=cls.dns.server)
        cls.addClassCleanup(relay.close)
        cls.place, cls.hub, cls.directory = relay.place, relay.hub, relay.directory
        cls.directory.change(cls.hub.dn(), hubInternalDNSServer=cls.dns.server, **QUICK)
        cls.log = ProtocolLog.sent(cls.hub)
        cls.mailbox = Sink(cls.place, lmtp=True)
        cls.directory.add(record(
            cls.directory.dn("mbx1", "Servers"), "hubMailboxServer", cn="mbx1",
            hubServerSite=cls.directory.dn("Only", "Sites"), hubDeliveryProtocol="LMTP",
            hubAddress="127.0.0.1:%d" % cls.mailbox.port))
        cls.directory.change("uid=anna,ou=People," + cls.directory.suffix, mailHost="mbx1")
        relay.start()

    def apply(self, change):
        change()
        in_force(self.directory, [self.hub])

    def dn(self, name):
        return self.directory.dn(name, "Connectors")

    def connector(self, name, sink=None, **attributes):
        given = dict(hubAddressSpace="SMTP:%s.example" % name, hubDNSRouting="FALSE",
                     hubSourceServer=self.hub.dn(), hubProtocolLogging="Verbose")
        if sink is not None:
            host = "[IPv6:%s]" if ":" in sink.address[0] else "[%s]"
            given["hubSmartHost"] = "%s:%d" % (host % sink.address[0], sink.port)
        given.update(attributes)
        self.apply(lambda: self.directory.add(
            record(self.dn(name), "hubSendConnector", cn=name, **given)))

    def sink(self, name, address="127.0.0.1", offers=("PIPELINING",), key=None, **attributes):
        sink = Sink(self.place, address=address, offers=offers, key=key)
        self.connector(name, sink, **attributes)
        return sink

    def change(self, name, **attributes):
        self.apply(lambda: self.directory.change(self.dn(name), **attributes))

    def submit(self, name, padding=0):
        token = os.urandom(12).hex()
        to = "x@%s.example" % name
        with smtplib.SMTP("127.0.0.1", self.relay.ports["open"], timeout=30) as client:
            client.sendmail(SENDER, [to], MESSAGE % (to.encode(), token.encode()) +
                            b"x" * padding)
        return token

    def retry(self, name, reason):
        return wait_for(lambda: "Retry of %s for %r\n%s" % (name, reason, self.hub.log()[-3000:]),
                        lambda: [e for e in self.hub.events("queue-retry")
                                 if e["queue"].endswith("/" + name) and reason in e["reason"]])[0]

    def logged(self, name):
        return [row for row in self.log.rows() if row["connector-id"] == name]

    # --- hubUsage ---

    def decision(self, address, size):
        told = self.hub.ctl("route", "explain", address, "--from", "hub1", "--size", str(size))
        return told["decision"], told["connector"]

    def test_usages(self):
        """What may be seen of us, how large mail may be, and which ways there are."""
        large = 20 << 20
        for usage, organization, any_size in (("Custom", False, False), ("Internet", False, False),
                                              ("Internal", True, True)):
            with self.subTest(usage):
                sink = self.sink("u" + usage, hubUsage=usage)
                data = sink.wait(self.submit("u" + usage))[0].data
                self.assertEqual(b"X-Hub-Organization-" in data, organization, data)
                self.assertIn(b"Received: ", data)
                self.assertEqual(self.decision("x@u%s.example" % usage, large)[0],
                                 "connector" if any_size else "report")
        self.connector("uPartner", hubUsage="Partner", hubDNSRouting="TRUE")
        self.assertEqual(self.decision("x@uPartner.example", 1000), ("connector", "uPartner"))
        self.submit("uPartner")
        self.retry("uPartner", "hubTLSSendDomainSecure")

    def test_usage_allows_ways(self):
        """Internal goes by smart hosts only, Partner by MX only; usage and rights are live."""
        self.connector("wInternal", hubUsage="Internal", hubDNSRouting="TRUE")
        self.connector("wPartner", hubUsage="Partner", hubSmartHost="[127.0.0.1]")
        status = str(self.hub.ctl("config", "status", check=False)) + self.hub.log()
        self.assertIn("hubUsage Internal needs smart hosts", status)
        self.assertIn("hubUsage Partner needs DNS routing", status)
        sink = self.sink("wLive")
        self.assertNotIn(b"X-Hub-Organization-", sink.wait(self.submit("wLive"))[0].data)
        self.change("wLive", hubUsage="Internal")
        self.assertIn(b"X-Hub-Organization-", sink.wait(self.submit("wLive"))[0].data)
        self.change("wLive", hubSendRight="Forest")
        data = sink.wait(self.submit("wLive"))[0].data
        self.assertNotIn(b"X-Hub-Organization-", data)
        self.assertNotIn(b"Received: ", data)

    # --- where it goes, and what ---

    def test_dns_or_smart_hosts(self):
        """hubDNSRouting, absent and written, changed while mail waits."""
        peer, host = Sink(self.place, address=PEER), Sink(self.place)
        self.connector("routed", host, hubAddressSpace="SMTP:*.dns.example", hubDNSRouting=None)
        host.wait(self.submit("a.dns"))
        self.change("routed", hubSmartHost=None, hubPort=str(peer.port))
        peer.wait(self.submit("a.dns"))
        self.change("routed", hubDNSRouting="FALSE", hubSmartHost="[127.0.0.1]:%d" % host.port)
        host.wait(self.submit("a.dns"))
        self.change("routed", hubSmartHost="[127.0.0.1]:%d" % free_port())
        token = self.submit("a.dns")
        self.retry("routed", "refused")
        self.change("routed", hubDNSRouting="TRUE", hubSmartHost=None)
        peer.wait(token)

    def test_error_policy_of_dns(self):
        """What DNS says for good is believed, or with DowngradeDNSFailures waited for."""
        peer = Sink(self.place, address=PEER)
        self.connector("strictly", hubAddressSpace="SMTP:*.nowhere.dns.example",
                       hubDNSRouting="TRUE", hubPort=str(peer.port))
        self.dns.write("dns.example", "")
        self.dns.reload()
        self.submit("a.nowhere.dns")
        wait_for("it fails", lambda: self.hub.events("failed", to="x@a.nowhere.dns.example"))
        self.change("strictly", hubErrorPolicy="DowngradeDNSFailures")
        token = self.submit("b.nowhere.dns")
        self.retry("strictly", "b.nowhere.dns.example")
        self.assertFalse(self.hub.events("failed", to="x@b.nowhere.dns.example"))
        self.dns.write("dns.example", self.dns.zones["dns.example"])
        self.dns.reload()
        peer.wait(token)

    def test_size(self):
        """10 MiB by default, of any size with 0; no byte more, and live."""
        sink = self.sink("size")
        self.assertEqual([self.decision("x@size.example", n)[0] for n in (10485760, 10485761)],
                         ["connector", "report"])
        self.change("size", hubMaxMessageSize="3000")
        sink.wait(self.submit("size", 1000))
        report = wait_report(self.mailbox, self.submit("size", 4000), "x@size.example")
        self.assertEqual(report.recipient("x@size.example")["Status"], "5.3.4")
        self.change("size", hubMaxMessageSize="0")
        sink.wait(self.submit("size", 4000))
        self.assertEqual(self.decision("x@size.example", 1 << 30)[0], "connector")
        self.assertEqual(len(sink.messages), 2)

    def test_too_large_for_the_cheaper(self):
        """One that takes the size stands in, but of the same space; * is no way around it."""
        small, large = (self.sink(name, hubAddressSpace="SMTP:*.large.example;%d" % cost,
                                  hubMaxMessageSize=size)
                        for name, cost, size in (("small", 1, "3000"), ("large", 2, "5000")))
        small.wait(self.submit("a.large"))
        large.wait(self.submit("a.large", 4000))
        report = wait_report(self.mailbox, self.submit("a.large", 6000), "x@a.large.example")
        self.assertEqual(report.recipient("x@a.large.example")["Status"], "5.3.4")
        self.change("small", hubMaxMessageSize="5000")
        small.wait(self.submit("a.large", 4000))
        self.change("small", hubAddressSpace="SMTP:*.large.example;3")
        large.wait(self.submit("a.large"))
        self.change("small", hubAddressSpace="SMTP:a.large.example;100")
        small.wait(self.submit("a.large"))

    def test_messages_per_connection(self):
        """20 by default, 0 is no limit; live."""
        sink = self.sink("many")

        def sessions(count):
            before = len(sink.messages)
            for _ in range(count):
                sink.wait(self.submit("many"))
            seen = [m.session for m in sink.messages[before:]]
            return [seen.count(n) for n in sorted(set(seen))]

        self.assertEqual(sessions(21), [20, 1])
        self.change("many", hubMaxMessagesPerConnection="2")
        self.assertEqual(sessions(5), [2, 2, 1])
        self.change("many", hubMaxMessagesPerConnection="0")
        self.assertEqual(sessions(22), [22])

    # --- names, ports ---

    def test_fqdn(self):
        sink = self.sink("fqdn")
        self.assertEqual(sink.wait(self.submit("fqdn"))[0].helo, "hub1.contoso.com")
        self.change("fqdn", hubFQDN="mail.contoso.com")
        self.assertEqual(sink.wait(self.submit("fqdn"))[0].helo, "mail.contoso.com")
        # and where there is no EHLO, as the next hop writes it into its Received field
        self.change("fqdn", hubForceHELO="TRUE")
        self.assertEqual(sink.wait(self.submit("fqdn"))[0].helo, "mail.contoso.com")
        self.change("fqdn", hubFQDN=None)
        self.assertEqual(sink.wait(self.submit("fqdn"))[0].helo, "hub1.contoso.com")

    def test_force_helo(self):
        """No EHLO, so nothing of what it would have offered."""
        sink = self.sink("helo", offers=["PIPELINING", "SIZE 5", "CHUNKING"],
                         key=Key(self.place, "peer"), hubForceHELO="TRUE")
        self.assertFalse(sink.wait(self.submit("helo"))[0].tls)
        self.assertEqual([c.split()[0] for c in sink.commands],
                         ["HELO", "MAIL", "RCPT", "DATA"])
        self.assertNotIn("SIZE", sink.commands[1])
        sink.offers.remove("SIZE 5")
        self.change("helo", hubForceHELO="FALSE")
        self.assertTrue(sink.wait(self.submit("helo"))[0].tls)

    def test_port(self):
        """Where the smart host names none."""
        first, second = Sink(self.place), Sink(self.place)
        self.connector("port", hubSmartHost="[127.0.0.1]", hubPort=str(first.port))
        first.wait(self.submit("port"))
        self.change("port", hubPort=str(second.port))
        second.wait(self.submit("port"))
        self.change("port", hubSmartHost="[127.0.0.1]:%d" % first.port)
        first.wait(self.submit("port"))

    # --- hubSourceAddress ---

    def test_source_address(self):
        sink = self.sink("source", hubSourceAddress="127.0.0.2")
        sink.wait(self.submit("source"))
        self.assertEqual(sink.peers, ["127.0.0.2"])
        self.change("source", hubSourceAddress=["other 127.0.0.5", "hub1 127.0.0.3"],
                    hubSourceServer=[self.hub.dn(), self.other()])
        sink.wait(self.submit("source"))
        self.change("source", hubSourceAddress="other 127.0.0.5")
        sink.wait(self.submit("source"))
        self.change("source", hubSourceAddress=["127.0.0.4", "::1"])
        sink.wait(self.submit("source"))
        self.assertEqual(sink.peers[1:], ["127.0.0.3", "127.0.0.1", "127.0.0.4"])
        wait_for("four connections in the log",
                 lambda: lines_of(self.logged("source"), "+") == ["+"] * 4)
        self.assertIn("127.0.0.2:", [r["local-endpoint"][:10] for r in self.logged("source")])

    def other(self):
        """Another server, which never runs."""
        d = self.directory
        self.apply(lambda: d.add(record(
            d.dn("other", "Servers"), "hubServer", cn="other", hubRole="Hub",
            hubServerSite=d.dn("Only", "Sites"), hubFQDN="other.contoso.com")))
        return d.dn("other", "Servers")

    def test_source_address_by_family(self):
        """IPv6 from its own; where only the other family has one, that way is not taken."""
        six = self.sink("six", address="::1", hubSourceAddress=["127.0.0.2", "::1"])
        six.wait(self.submit("six"))
        self.assertEqual(six.peers, ["::1"])
        four = Sink(self.place)
        self.change("six", hubSourceAddress="127.0.0.2")
        token = self.submit("six")
        self.retry("six", "hubSourceAddress has no address of that family")
        self.change("six", hubSmartHost=["[IPv6:::1]:%d" % six.port, "[127.0.0.1]:%d" % four.port])
        four.wait(token)
        for _ in range(3):
            four.wait(self.submit("six"))
        self.assertEqual(len(six.peers), 1)
        self.assertEqual(set(four.peers), {"127.0.0.2"})

    def test_source_address_that_this_host_lacks(self):
        """An alarm, and mail that waits; not a word from another address, nobody else is blamed."""
        sink = self.sink("lacks", hubSourceAddress=NOT_OURS)
        token = self.submit("lacks")
        event = self.retry("lacks", "cannot send from hubSourceAddress " + NOT_OURS)
        self.assertEqual(event["status"], "4.3.5")
        self.retry("lacks", "Cannot assign requested address")
        alarms = self.hub.events("source-address-missing", address=NOT_OURS)
        self.assertEqual([(a["level"], a["connector"]) for a in alarms], [("error", "lacks")])
        self.assertEqual(sink.peers, [])
        self.assertFalse(self.hub.events("failed", to="x@lacks.example"))
        self.change("lacks", hubSourceAddress=None)
        sink.wait(token)

    def test_several_source_addresses_that_this_host_lacks(self):
        """Each is told of once, however often it is tried."""
        missing = ["192.0.2.91", "192.0.2.92", "192.0.2.93"]
        for i, address in enumerate(missing):
            self.sink("lacks%d" % i, hubSourceAddress=address)
            self.submit("lacks%d" % i)
        wait_for("three tries of each", lambda: all(len([
            e for e in self.hub.events("queue-retry") if address in e["reason"]]) >= 3
            for address in missing))
        self.assertEqual(sorted(e["address"] for e in self.hub.events("source-address-missing")
                                if e["address"] in missing), missing)
        for i in range(len(missing)):
            self.change("lacks%d" % i, hubSourceAddress=None)

    def test_source_address_and_no_descriptors(self):
        """A want of descriptors says nothing about the address."""
        sink = self.sink("lean", hubSourceAddress="127.0.0.9")
        sink.stop()
        token = self.submit("lean")
        self.retry("lean", "refused")
        before = resource.prlimit(self.hub.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.hub.process.pid, resource.RLIMIT_NOFILE, (5, before[1]))
        try:
            event = self.retry("lean", "Too many open files")
        finally:
            resource.prlimit(self.hub.process.pid, resource.RLIMIT_NOFILE, before)
        self.assertEqual(event["status"], "4.3.0")
        self.assertFalse(self.hub.events("source-address-missing", address="127.0.0.9"))
        sink.start()
        sink.wait(token)

    # --- hubConnectionInactivityTimeout ---

    def test_a_silent_peer(self):
        """It is waited for so long, and no longer; then the mail is tried anew."""
        sink = self.sink("silent", hubConnectionInactivityTimeout="1")
        free = []
        sink.answer("EHLO", lambda: wait_for("the end", lambda: free) and None, times=1)
        token = self.submit("silent")
        self.retry("silent", "inactivity timeout")
        free.append(True)
        sink.wait(token)

    def test_a_kept_connection(self):
        """It rests no longer than that, either, and else two seconds."""
        sink = self.sink("kept", hubConnectionInactivityTimeout="1")

        def rest():
            sink.wait(self.submit("kept"))
            row = wait_for("QUIT", lambda: [r for r in self.logged("kept")
                                            if r["data"] == "QUIT"][sink.sessions - 1:])[0]
            session = [r for r in self.logged("kept") if r["session-id"] == row["session-id"]]
            taken = [r for r in session if r["data"] == "250 2.0.0 taken"][-1]
            return (seconds(row) - seconds(taken)) % 60
        self.assertGreater(rest(), 0.8)
        # a machine that is busy may be late, but not each time
        wait_for("short rests", lambda: rest() < 1.9)
        self.change("kept", hubConnectionInactivityTimeout="60")
        self.assertGreater(rest(), 1.9)


def seconds(row):
    return float(row["date-time"][17:23])
