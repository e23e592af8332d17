"""Connector failover: mail goes by the dearer connection while the cheaper one fails, and back."""

import time
import unittest

from .harness.base import wait_for
from .harness.client import Client
from .harness.delivery import QUICK, Peers
from .harness.organization import Organization, message, send
from .harness.peers import Sink

FIELD = b"X-Hub-Organization-Excluded-Connector"


# A sink that stops would go on with the session it has.
ONE_EACH = {"hubMaxMessagesPerConnection": "1"}


def smart_host(sink):
    return dict(ONE_EACH, hubSmartHost="[127.0.0.1]:%d" % sink.port, hubDNSRouting="FALSE")


class Case(unittest.TestCase):
    """London2 has the cheap connectors, Paris the dear ones; mail comes from Paris."""

    dns_zones = None

    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization(dns_zones=cls.dns_zones).start()
        cls.addClassCleanup(org.close)
        cls.transport = "cn=Transport," + org.directory.suffix
        org.change(org.directory.dn("London-Paris", "Site Links"), hubCost="3")
        for hub in org.hubs:
            org.change(hub.dn(), **QUICK)
        cls.delay(1)

    @classmethod
    def delay(cls, seconds):
        cls.org.change(cls.transport, hubConnectorFailoverDelay=str(seconds))

    def submit(self, address, header=b""):
        token, data = message(sender="anna@contoso.com", to=address)
        send(self.org.application_port, "anna@contoso.com", [address], header + data)
        return token

    def failed(self, connector, count=1, hub=None):
        hub = hub or self.org.london2
        return wait_for(lambda: "%s fails\n%s" % (connector, hub.log()[-2000:]), lambda: (
            hub.events("connector-failed", connector=connector)[count - 1:]))

    def back(self, connector, count=1, hub=None):
        hub = hub or self.org.london2
        return wait_for(lambda: "%s is back\n%s" % (connector, hub.log()[-2000:]), lambda: (
            hub.events("connector-back", connector=connector)[count - 1:]))

    def came(self, sink, token, hops, by):
        """It came once, over that many servers of ours, without a word of ours in its header."""
        got = sink.wait(token)
        self.assertEqual(len(got), 1)
        self.assertEqual(got[0].helo, by.fqdn)
        self.assertEqual(got[0].data.count(b"Received: "), hops, got[0].data)
        self.assertNotIn(b"X-Hub", got[0].data)

    def queue(self, hub, connector):
        return [q for q in hub.ctl("queue", "list")["queues"]
                if q["next_hop_connector"] == connector]


class SmartHosts(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        org = cls.org
        cls.cheap, cls.dear, cls.partner = org.smart_host, Sink(org.place), Sink(org.place)
        org.change(org.connector("To Internet"), hubAddressSpace="SMTP:*;1", **ONE_EACH)
        org.send_connector("Dear", hubAddressSpace="SMTP:*;10", hubSourceServer=org.paris1.dn(),
                           **smart_host(cls.dear))
        org.send_connector("Partner", hubAddressSpace="SMTP:*.partner.example;1",
                           hubSourceServer=org.london2.dn(), **smart_host(cls.partner))

    def test_around_and_back(self):
        org, hub = self.org, self.org.london2
        token = self.submit("x@outside.example")
        self.came(self.cheap, token, 2, hub)
        self.cheap.stop()
        self.partner.stop()
        token, partner = self.submit("x@outside.example"), self.submit("x@shop.partner.example")

        with self.subTest("what waited goes to the dear one, which keeps it"):
            self.failed("To Internet")
            self.came(self.dear, token, 3, org.paris1)
        with self.subTest("so does new mail"):
            self.came(self.dear, self.submit("y@outside.example"), 3, org.paris1)
        with self.subTest("mail for an address space of its own stays for its connector"):
            self.failed("Partner")
            self.assertEqual([(q["message_count"], q["connector_failed"])
                              for q in self.queue(hub, "Partner")], [(1, True)])
            self.assertFalse(self.dear.find(partner))
        with self.subTest("an administrator sees it"):
            servers = {s["server"]: s for s in hub.ctl("config", "status")["servers"]}
            self.assertEqual({f["connector"] for f in servers["london2"]["failed_connectors"]},
                             {"Partner", "To Internet"})
            self.assertEqual(servers["paris1"]["failed_connectors"], [])
            self.assertIn("hub_connectors_failed 2\n", hub.ctl("metrics"))
        with self.subTest("and can have the way explained"):
            told = hub.ctl("route", "explain", "x@outside.example", "--from", "london2",
                           "--failed", "To Internet", "--failed", "partner")
            self.assertEqual((told["connector"], told["next_servers"]), ("Dear", ["paris1"]))
            self.assertEqual({c["connector"]: c["lost_by"] for c in told["candidates"]
                              if c["connector"] in ("Dear", "Partner", "To Internet")},
                             {"Dear": None, "Partner": "no-match", "To Internet": "failed"})
            self.assertEqual(told["then"]["decision"], "connector")
            self.assertRegex(hub.ctl("-o", "table", "config", "status"),
                             r"london2: connector To Internet has failed since \S+: .*refused")
        with self.subTest("it comes back by a probe, without any mail"):
            self.assertEqual(self.queue(hub, "To Internet")[0]["message_count"], 0)
            self.cheap.start()
            self.back("To Internet")
            self.came(self.cheap, self.submit("z@outside.example"), 2, hub)
            self.assertIn("hub_connectors_failed 1\n", hub.ctl("metrics"))
        with self.subTest("the partner's mail leaves when the partner is back"):
            self.partner.start()
            self.came(self.partner, partner, 2, hub)
            self.back("Partner")

    def by_hub(self, field):
        """Mail as a hub hands it over, with a field in front."""
        token, data = message(sender="anna@contoso.com", to="x@outside.example")
        with Client(self.org.london1.port) as client:
            client.ehlo("test.contoso.com")
            client.starttls(self.org.paris1.key)
            client.begin("anna@contoso.com", ["x@outside.example"])
            reply = client.data(field + data + b"\r\n.\r\n")
            self.assertEqual(reply[:3], "250", reply)
        return token

    def test_expiry(self):
        """What has to wait where it was sent to goes back when the exclusion expires."""
        paris, expires = self.org.paris1, int(time.time()) + 5
        self.delay(0)
        self.addCleanup(self.delay, 1)
        self.dear.stop()
        self.addCleanup(self.dear.start)
        token = self.by_hub(FIELD + b": To%%20Internet; expires=%d; lasts=5\r\n" % expires)
        wait_for("it waits in Paris", lambda: [
            q for q in self.queue(paris, "Dear") if q["message_count"] == 1])
        self.came(self.cheap, token, 3, self.org.london2)
        self.assertGreaterEqual(time.time(), expires)

    def test_who_is_believed(self):
        """The field counts from our own servers only, while it has not expired."""
        now = int(time.time())
        value = FIELD + b": To%%20Internet; expires=%d; lasts=600\r\n"
        valid, expired = value % (now + 600), value % (now - 1)
        for name, field, sink, by in (
                ("a hub", valid, self.dear, self.org.paris1),
                ("a hub, but it has expired", expired, self.cheap, self.org.london2),
                ("a hub, but it is no exclusion", FIELD + b": x\r\n", self.cheap,
                 self.org.london2)):
            with self.subTest(name):
                self.came(sink, self.by_hub(field), 2, by)
        with self.subTest("an application that is trusted otherwise"):
            self.came(self.cheap, self.submit("x@outside.example", valid), 2, self.org.london2)
        with self.subTest("anybody"):
            token, data = message()
            send(self.org.internet_port, "a@outside.example", ["anna@contoso.com"], valid + data)
            self.assertNotIn(b"X-Hub", self.org.mailbox.wait(token)[0].data)

    def fail_over_a_restart(self, domain, end):
        """How often each message came when all connectors fail and the hub is begun anew."""
        org, hub = self.org, self.org.london2
        cheap, dear = Sink(org.place), Sink(org.place)
        cheap.stop()
        dear.stop()
        org.send_connector("Cheap " + domain, hubAddressSpace="SMTP:%s;1" % domain,
                           hubSourceServer=hub.dn(), **smart_host(cheap))
        org.send_connector("Dear " + domain, hubAddressSpace="SMTP:%s;10" % domain,
                           hubSourceServer=org.paris1.dn(), **smart_host(dear))
        tokens = [self.submit("x@" + domain) for _ in range(3)]
        self.failed("Cheap " + domain)
        self.failed("Dear " + domain, hub=org.paris1)
        end()
        hub.start()
        tokens += [self.submit("x@" + domain) for _ in range(3)]
        dear.start()
        cheap.start()
        for token in tokens:
            wait_for("either", lambda: cheap.find(token) or dear.find(token))
        self.back("Dear " + domain, hub=org.paris1)
        return [len(cheap.find(token) + dear.find(token)) for token in tokens]

    def test_restart(self):
        """Everything comes; once, but for what was in flight when the hub was killed."""
        hub = self.org.london2
        self.assertEqual(self.fail_over_a_restart("stopped.example", hub.stop), [1] * 6)
        self.assertTrue(all(self.fail_over_a_restart("killed.example", hub.kill)))

        def direct():
            """Paris leaves a hub out for a moment that it found closed."""
            token = self.submit("x@outside.example")
            return self.cheap.wait(token)[0].data.count(b"Received: ") == 2
        wait_for("the ordinary way", direct)

    def test_never(self):
        """With a delay of 0 nothing is judged; a change of the delay holds for what fails."""
        org, hub = self.org, self.org.london2
        cheap, dear = Sink(org.place), Sink(org.place)
        cheap.stop()
        self.delay(0)
        self.addCleanup(self.delay, 1)
        org.send_connector("Cheap N", hubAddressSpace="SMTP:n.example;1",
                           hubSourceServer=hub.dn(), **smart_host(cheap))
        org.send_connector("Dear N", hubAddressSpace="SMTP:n.example;10",
                           hubSourceServer=hub.dn(), **smart_host(dear))
        token = self.submit("x@n.example")
        wait_for("four failures", lambda: [
            e for e in hub.events("queue-retry")
            if e["queue"].endswith("/Cheap N") and int(e["failures"]) >= 4])
        self.assertFalse(hub.events("connector-failed", connector="Cheap N"))
        self.assertFalse(dear.find(token))
        self.delay(1)
        self.came(dear, token, 2, hub)
        with self.subTest("0 again: back at once"):
            self.delay(0)
            self.back("Cheap N")
            token = self.submit("y@n.example")
            cheap.start()
            self.came(cheap, token, 2, hub)

    def test_change_of_smart_host(self):
        """Another smart host is tried at once, and what went around it has gone."""
        org, hub = self.org, self.org.london2
        cheap, other, dear = Sink(org.place), Sink(org.place), Sink(org.place)
        cheap.stop()
        org.send_connector("Cheap C", hubAddressSpace="SMTP:c.example;1",
                           hubSourceServer=hub.dn(), **smart_host(cheap))
        org.send_connector("Dear C", hubAddressSpace="SMTP:c.example;10",
                           hubSourceServer=hub.dn(), **smart_host(dear))
        token = self.submit("x@c.example")
        self.failed("Cheap C")
        self.came(dear, token, 2, hub)
        org.change(org.connector("Cheap C"), hubSmartHost="[127.0.0.1]:%d" % other.port)
        self.came(other, self.submit("y@c.example"), 2, hub)
        self.assertEqual(self.back("Cheap C")[0]["reason"], "the configuration changed")


ZONE = """
d1 MX 10 h1
d2 MX 10 h2
d3 MX 10 h3
live MX 10 h4
h1 A 127.0.21.1
h2 A 127.0.21.2
h3 A 127.0.21.3
h4 A 127.0.21.4
"""


class Mx(Case):
    dns_zones = {"mx.example": ZONE}

    def test_three_domains(self):
        org, hub = self.org, self.org.london2
        peers, dear = Peers(org.place), Sink(org.place)
        org.send_connector("By MX", hubAddressSpace="SMTP:*.mx.example;1", hubExternalDNS="TRUE",
                           hubSourceServer=hub.dn(), hubPort=str(peers.port),
                           hubDNSRouting="TRUE", **ONE_EACH)
        org.send_connector("Dear", hubAddressSpace="SMTP:*.mx.example;10",
                           hubSourceServer=org.paris1.dn(), **smart_host(dear))
        tokens = [self.submit("x@d1.mx.example"), self.submit("x@d2.mx.example")]
        with self.subTest("two domains are their own fault"):
            for domain in ("d1", "d2"):
                wait_for("failures of " + domain, lambda: [
                    e for e in hub.events("queue-retry")
                    if "/%s.mx" % domain in e["queue"] and int(e["failures"]) >= 3])
            self.assertFalse(hub.events("connector-failed"))
        with self.subTest("three are the connector's"):
            tokens.append(self.submit("x@d3.mx.example"))
            self.failed("By MX")
            for token in tokens:
                self.came(dear, token, 3, org.paris1)
        with self.subTest("one that failed answers again"):
            sink = peers.sink("127.0.21.2")
            self.back("By MX")
            self.came(sink, self.submit("x@d2.mx.example"), 2, hub)
            sink.stop()
        with self.subTest("dead domains alone do not keep it out"):
            live = peers.sink("127.0.21.4")
            tokens = [self.submit("x@d%d.mx.example" % i) for i in (1, 2, 3)]
            self.failed("By MX", 2)
            for token in tokens:
                self.came(dear, token, 3, org.paris1)

            def back_by_mail():
                token = self.submit("x@live.mx.example")
                wait_for("either way", lambda: live.find(token) or dear.find(token))
                return len(hub.events("connector-back")) == 2
            wait_for("mail that a probe can follow", back_by_mail)
            self.came(live, self.submit("y@live.mx.example"), 2, hub)


if __name__ == "__main__":
    unittest.main()
