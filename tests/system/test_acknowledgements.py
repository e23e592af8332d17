"""hubMaxAcknowledgementDelay: when the 250 for a message comes, by what became of the message."""

import select
import socket
import struct
import threading
import time
import unittest

from .harness.base import free_port, wait_for
from .harness.client import Client
from .harness.directory import record
from .harness.keys import Key
from .harness.organization import message
from .harness.peers import Sink
from .harness.relay import Relay

OPEN = dict(hubAuthMechanism="Tls", hubPermissionGroup="AnonymousUsers",
            hubGrant="AnonymousUsers Accept-Any-Recipient", hubProtocolLogging="Verbose")
LONG = "60"      # longer than anything here waits
CONNECTORS = {
    "off": OPEN,
    "waits": dict(OPEN, hubMaxAcknowledgementDelay=LONG),
    "second": dict(OPEN, hubMaxAcknowledgementDelay="1"),
    "live": dict(OPEN, hubMaxAcknowledgementDelay=LONG),
    "brief": dict(OPEN, hubMaxAcknowledgementDelay=LONG, hubConnectionTimeout="2",
                  hubConnectionInactivityTimeout="1"),
    "hubs": dict(OPEN, hubAuthMechanism=["Tls", "HubServer"], hubMaxAcknowledgementDelay=LONG,
                 hubPermissionGroup=["AnonymousUsers", "HubServers"]),
}
HERE, THERE, NOWHERE = "x@here.example", "y@there.example", "z@nowhere.example"


class Gate:
    """Where a sink holds messages that it was given, until it is opened."""

    def __init__(self, sink, reply="250 2.0.0 taken"):
        self.opened, self.reached, self.reply = threading.Event(), threading.Event(), reply
        self.sink = sink
        sink.answer("(body)", self.hold)

    def hold(self):
        self.reached.set()
        self.opened.wait(60)
        return self.reply

    def wait(self):
        wait_for("the sink has the message", self.reached.is_set)
        return self

    def open(self):
        self.sink.answer("(body)", None)
        self.opened.set()


def metric(hub, until):
    text = hub.ctl("metrics")
    name = 'hub_receive_acknowledgements_held_total{until="%s"} ' % until
    return int(next(line for line in text.splitlines() if line.startswith(name)).split()[-1])


class Acknowledgements(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.relay = relay = Relay(CONNECTORS)
        cls.addClassCleanup(relay.close)
        cls.hub = relay.hub
        cls.other = Sink(relay.place)
        cls.key = Key(relay.place, "hub2.contoso.com")
        d = relay.directory
        d.add(record(d.dn("There", "Connectors"), "hubSendConnector", cn="There",
                     hubAddressSpace="SMTP:there.example", hubSourceServer=cls.hub.dn(),
                     hubDNSRouting="FALSE", hubSmartHost="[127.0.0.1]:%d" % cls.other.port) +
              record(d.dn("Nowhere", "Connectors"), "hubSendConnector", cn="Nowhere",
                     hubAddressSpace="SMTP:nowhere.example", hubSourceServer=cls.hub.dn(),
                     hubDNSRouting="FALSE", hubSmartHost="[127.0.0.1]:%d" % free_port()) +
              record(d.dn("hub2", "Servers"), "hubServer", cn="hub2", hubRole="Hub",
                     hubServerSite=d.dn("Only", "Sites"), hubFQDN="hub2.contoso.com",
                     hubKeyDigest=cls.key.digest))
        relay.start()

    def tearDown(self):
        for sink in (self.relay.sink, self.other):
            sink.answer("(body)", None)

    def gate(self, sink=None, **options):
        gate = Gate(sink or self.relay.sink, **options)
        self.addCleanup(gate.open)
        return gate

    def client(self, name):
        client = Client(self.relay.ports[name], timeout=30)
        self.addCleanup(client.close)
        return client

    def sent(self, client, *recipients, sender="a@outside.example"):
        """A message whose reply has not been read yet; its token."""
        token, data = message()
        client.begin(sender, recipients or (HERE,))
        self.assertEqual(client.say("DATA")[:3], "354")
        client.send(data + b".\r\n")
        return token

    def assert_silent(self, client):
        self.assertEqual(select.select([client.socket], [], [], 0)[0], [])

    def assert_queued(self, client):
        self.assertRegex(client.reply(), r"^250 2\.6\.0 queued as ")

    def delivered(self, address, since):
        wait_for("%s is delivered" % address,
                 lambda: len(self.hub.events("relayed", to=address)) > since)

    def test_reply_follows_the_delivery(self):
        before = metric(self.hub, "delivered")
        gate = self.gate()
        client = self.client("waits")
        self.sent(client)
        gate.wait()
        self.assert_silent(client)
        gate.open()
        self.assert_queued(client)
        self.assertEqual(client.say("NOOP")[:3], "250")
        self.assertEqual(metric(self.hub, "delivered"), before + 1)

    def test_reply_follows_the_last_of_several_hops(self):
        first, last = self.gate(), self.gate(self.other)
        seen = len(self.hub.events("relayed", to=HERE))
        client = self.client("waits")
        self.sent(client, HERE, THERE)
        first.wait()
        last.wait()
        first.open()
        self.delivered(HERE, seen)
        self.assert_silent(client)
        last.open()
        self.assert_queued(client)

    def test_what_was_pipelined_comes_after_it(self):
        gate = self.gate()
        client = self.client("waits").begin(recipients=(HERE,))
        data = message()[1]
        client.send(b"BDAT %d LAST\r\n%sMAIL FROM:<>\r\nNOOP\r\n" % (len(data), data))
        gate.wait()
        self.assert_silent(client)
        gate.open()
        self.assert_queued(client)
        self.assertEqual(client.reply()[:9], "250 2.1.0")
        self.assertEqual(client.reply()[:9], "250 2.0.0")

    def test_refused_mail_is_acknowledged_when_its_report_is_safe(self):
        self.other.answer("RCPT", "550 5.1.1 nobody of that name")
        self.addCleanup(self.other.answer, "RCPT", None)
        client = self.client("waits")
        token = self.sent(client, THERE)
        self.assert_queued(client)
        report = self.relay.sink.wait(token)[0]
        self.assertEqual(report.sender, "")

    def assert_waited_a_second(self, began):
        """But for what a loop's coarse clock may be ahead."""
        waited = time.monotonic() - began
        self.assertTrue(0.95 <= waited < 20, waited)

    def test_limit_ends_the_wait(self):
        before = metric(self.hub, "limit")
        gate = self.gate()
        client = self.client("second")
        began = time.monotonic()
        self.sent(client)
        gate.wait()
        self.assert_queued(client)
        self.assert_waited_a_second(began)
        self.assertEqual(metric(self.hub, "limit"), before + 1)
        gate.open()
        # what is delivered later has nobody to tell
        self.sent(client)
        self.assert_queued(client)

    def test_dead_hop(self):
        client = self.client("second")
        began = time.monotonic()
        self.sent(client, NOWHERE)
        self.assert_queued(client)
        self.assert_waited_a_second(began)

    def test_absent_delays_nothing(self):
        gate = self.gate()
        client = self.client("off")
        self.sent(client)
        self.assert_queued(client)
        gate.wait()

    def test_changes_count_for_the_next_message(self):
        gate = self.gate()
        client = self.client("live")
        name = "cn=live,%s" % self.hub.dn()
        self.sent(client)
        gate.wait()
        before = self.hub.fingerprint()
        self.relay.directory.change(name, hubMaxAcknowledgementDelay="0")
        wait_for("the change is in force", lambda: self.hub.fingerprint() != before)
        self.assert_silent(client)
        gate.open()
        self.assert_queued(client)
        gate = self.gate()
        self.sent(client)
        self.assert_queued(client)
        gate.wait().open()

    def test_hubs_do_not_wait(self):
        gate = self.gate()
        client = self.client("hubs")
        client.ehlo()
        client.starttls(self.key)
        self.sent(client)
        self.assert_queued(client)
        gate.wait()
        gate.open()
        gate = self.gate()
        stranger = self.client("hubs")
        self.sent(stranger)
        gate.wait()
        self.assert_silent(stranger)
        gate.open()
        self.assert_queued(stranger)

    def test_clients_that_are_gone(self):
        for leave in (lambda s: s.close(),
                      lambda s: (s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                              struct.pack("ii", 1, 0)), s.close())):
            seen = len(self.hub.events("relayed", to=HERE))
            gate = self.gate()
            client = self.client("waits")
            self.sent(client)
            gate.wait()
            leave(client.socket)
            gate.open()
            self.delivered(HERE, seen)
        client = self.client("waits")
        self.sent(client)
        self.assert_queued(client)

    def test_silence_is_ours_and_the_session_ends_in_time(self):
        """Waiting is no inactivity of the peer; when its time is up, it is told both."""
        self.gate()
        client = self.client("brief")
        self.sent(client)
        self.assert_queued(client)
        self.assertRegex(client.reply(), r"^421 4\.4\.2 .*the session takes too long")
        self.assertEqual(client.reply(), "")

    def test_stop_does_not_wait(self):
        gate = self.gate()
        client = self.client("waits")
        seen = len(self.hub.events("relayed", to=HERE))
        self.sent(client)
        gate.wait()
        self.hub.process.signal(15)
        self.assert_queued(client)
        self.assertEqual(client.reply()[:9], "421 4.3.2")
        gate.open()
        self.assertEqual(self.hub.stop(), 0)
        self.hub.start()
        self.delivered(HERE, seen)
