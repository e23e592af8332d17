"""How many connections there are, to peers that are fast, slow, or want few; and connectors that
come and go under load. What is measured is what the peers counted."""

import collections
import datetime
import queue
import random
import smtplib
import threading
import unittest
import uuid

from .harness.base import free_port, wait_for
from .harness.delivery import QUICK
from .harness.directory import record
from .harness.hub import in_force
from .harness.peers import Dns, Sink, _Handler
from .harness.protocol_log import ProtocolLog
from .harness.relay import CONNECTORS, Relay

SENDER = "anna@contoso.com"
SLOW, FAST = "127.0.0.2", "127.0.0.3"
ZONES = {"slow.example": "host A %s\n* MX 10 host\n" % SLOW,
         "fast.example": "host A %s\n* MX 10 host\n" % FAST}


class _Watched(_Handler):
    domain = None

    def handle(self):
        sink = self.server.sink
        with sink.changed:
            sink.open += 1
            sink.peak = max(sink.peak, sink.open)
        self.began = self.ended = 0
        try:
            super().handle()
        finally:
            with sink.changed:
                sink.open -= 1
                sink.domains[self.domain] -= 1
                sink.cut += self.began != self.ended

    def on_mail(self, text):
        self.began += 1
        return super().on_mail(text)

    def reset(self):
        super().reset()
        self.ended = self.began = 0

    def on_rcpt(self, text):
        domain = text[text.index("@") + 1:text.index(">")]
        sink = self.server.sink
        if domain != self.domain:
            with sink.changed:
                sink.domains[self.domain] -= 1
                sink.domains[domain] += 1
                sink.peaks[domain] = max(sink.peaks[domain], sink.domains[domain])
                sink.begun.append(domain)
            self.domain = domain
        return super().on_rcpt(text)


class Watched(Sink):
    """Counts its sessions while they are open, by domain of the recipients, too."""

    handler = _Watched

    def __init__(self, *arguments, **options):
        self.open = self.peak = self.cut = 0    # cut: sessions that ended inside a transaction
        self.domains, self.peaks = collections.Counter(), collections.Counter()
        self.begun = []         # domains, in the order in which sessions had their first message
        super().__init__(*arguments, **options)

    def hold(self, what, gate, seconds=60):
        """What would answer that waits at the gate, a semaphore's or an event's, or so long."""
        def answer():
            gate(timeout=seconds)
        self.answer(what, answer)


class Gate:
    """Who came first goes first; of a semaphore's waiters one that comes late may overtake all."""

    def __init__(self):
        self.line, self.is_open = queue.SimpleQueue(), False

    def acquire(self, timeout):
        turn = threading.Event()
        self.line.put(turn)
        if not self.is_open:
            turn.wait(timeout)

    def release(self):
        self.line.get(timeout=30).set()

    def open(self):
        self.is_open = True
        while not self.line.empty():
            self.release()


class One(Relay):
    def _build(self, connectors, scram, hub_settings):
        self.dns = Dns(self.place, ZONES).start()
        super()._build(connectors, scram, dict(hub_settings, resolver=self.dns.server))


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.relay = relay = One({"open": CONNECTORS["open"]})
        cls.addClassCleanup(relay.close)
        cls.place, cls.hub, cls.directory = relay.place, relay.hub, relay.directory
        cls.directory.change(cls.hub.dn(), hubInternalDNSServer=relay.dns.server, **QUICK)
        cls.log = ProtocolLog.sent(cls.hub)
        relay.start()

    def apply(self, change):
        change()
        in_force(self.directory, [self.hub])

    def dn(self, name):
        return self.directory.dn(name, "Connectors")

    def connector(self, name, sink, space=None, **attributes):
        given = dict(hubAddressSpace=space or "SMTP:%s.example" % name, cn=name,
                     hubSourceServer=self.hub.dn(), hubDNSRouting="FALSE",
                     hubSmartHost="[%s]:%d" % sink.address)
        given.update(attributes)
        if given["hubDNSRouting"] == "TRUE":
            given.update(hubSmartHost=None, hubPort=str(sink.port))
        self.apply(lambda: self.directory.add(
            record(self.dn(name), "hubSendConnector", **given)))

    def change(self, dn, **attributes):
        self.apply(lambda: self.directory.change(dn, **attributes))

    def submit(self, *addresses):
        """A message to each, in one session; their tokens."""
        tokens = []
        with smtplib.SMTP("127.0.0.1", self.relay.ports["open"], timeout=60) as client:
            for address in addresses:
                token = uuid.uuid4().hex
                client.sendmail(SENDER, [address], "From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\n\r\n"
                                "Hello\r\n" % (SENDER, address, token))
                tokens.append(token)
        return tokens

    def arrived(self, sink, tokens):
        """All of them, each once."""
        def missing():
            with sink.changed:
                text = [m.data for m in sink.messages]
            return [t for t in tokens if not any(t.encode() in data for data in text)]
        wait_for(lambda: "%d messages are missing" % len(missing()), lambda: not missing())
        for token in tokens:
            self.assertEqual(len(sink.find(token)), 1)

    def queues(self, name):
        return [q for q in self.hub.ctl("queue", "list")["queues"]
                if q["next_hop_connector"] == name]

    def queued(self, name):
        return sum(q["message_count"] for q in self.queues(name))


class Limits(Base):
    def test_both_at_once(self):
        """No place stays empty while somebody waits for it, and all have their turn."""
        sink, gate = Watched(self.place, address=SLOW), Gate()
        self.addCleanup(gate.open)
        domains = ["d%d.both.slow.example" % i for i in range(8)]
        self.change(self.hub.dn(), hubMaxPerDomainConnections="2")
        self.addCleanup(self.change, self.hub.dn(), hubMaxPerDomainConnections=None)
        sink.hold("DATA", gate.acquire)
        self.connector("both", sink, "SMTP:*.both.slow.example", hubDNSRouting="TRUE",
                       hubMaxConcurrentConnections="6", hubMaxMessagesPerConnection="1")
        tokens = self.submit(*["x@" + d for d in domains])
        wait_for("each has a queue", lambda: self.queued("both") == len(tokens))
        tokens += self.submit(*["x@" + d for _ in range(4) for d in domains])
        wait_for("all are there", lambda: self.queued("both") == len(tokens))
        for ended in range(20):
            wait_for(lambda: "six sessions, are %d, after %d" % (sink.open, ended),
                     lambda: (sink.open, len(sink.begun)) == (6, 6 + ended))
            gate.release()
        # each had a second turn at most when all had one
        self.assertEqual(len(set(sink.begun[:8])), 8, sink.begun)
        self.assertEqual(len(set(sink.begun[8:16])), 8, sink.begun)
        # one that follows another may come before the QUIT of that is seen: only where they end
        # one by one there is a bound
        self.assertLessEqual(sink.peak, 6 + 1)
        self.assertLessEqual(max(sink.peaks.values()), 2 + 1)
        gate.open()
        self.arrived(sink, tokens)

    def test_one_domain(self):
        """Its own limit holds where the connector leaves room for more."""
        sink, go = Watched(self.place, address=SLOW), threading.Event()
        self.addCleanup(go.set)
        self.change(self.hub.dn(), hubMaxPerDomainConnections="2")
        self.addCleanup(self.change, self.hub.dn(), hubMaxPerDomainConnections=None)
        sink.hold("MAIL", go.wait)
        self.connector("one", sink, "SMTP:*.one.slow.example", hubDNSRouting="TRUE",
                       hubMaxConcurrentConnections="100", hubMaxMessagesPerConnection="0")
        tokens = self.submit(*["x@a.one.slow.example"] * 20, *["x@b.one.slow.example"] * 20)
        wait_for("two for each", lambda: sink.open == 4)
        wait_for("all are there", lambda: self.queued("one") == 40)
        self.assertEqual(sorted(q["connections"] for q in self.queues("one")), [2, 2])
        go.set()
        self.arrived(sink, tokens)
        self.assertEqual((sink.peak, sink.sessions), (4, 4))

    def test_slow_one_beside_a_fast_one(self):
        """One takes nothing at all for now; all that is for the other gets through meanwhile."""
        port, go = free_port("0.0.0.0"), threading.Event()
        self.addCleanup(go.set)
        slow, fast = (Watched(self.place, address=a, port=port) for a in (SLOW, FAST))
        slow.hold("MAIL", go.wait)
        self.connector("pair", slow, ["SMTP:*.pair.slow.example", "SMTP:*.fast.example"],
                       hubDNSRouting="TRUE", hubMaxConcurrentConnections="4")
        late = self.submit(*["x@a.pair.slow.example"] * 30)
        wait_for("the slow one is busy", lambda: slow.open >= 1)
        for _ in range(3):
            self.arrived(fast, self.submit(*["x@b.fast.example"] * 40))
            self.assertEqual(slow.messages, [])
        go.set()
        self.arrived(slow, late)
        self.assertLessEqual(slow.peak, 4)

    def test_slow_replies(self):
        """Each reply is late: more connections make up for it, never more than may be."""
        sink, never = Watched(self.place), threading.Event()
        self.change(self.hub.dn(), hubMaxPerDomainConnections="5")
        self.addCleanup(self.change, self.hub.dn(), hubMaxPerDomainConnections=None)
        for what in ("(banner)", "EHLO", "MAIL", "RCPT", "(body)"):
            sink.hold(what, never.wait, 0.05)
        self.connector("late", sink)
        self.arrived(sink, self.submit(*["x@late.example"] * 60))
        self.assertEqual(sink.peak, 5)
        self.assertLessEqual(sink.sessions, 5 + 60 // 20)

    def test_messages_per_connection(self):
        """hubMaxMessagesPerConnection: unlimited, one, and the default."""
        self.change(self.hub.dn(), hubMaxPerDomainConnections="1")
        self.addCleanup(self.change, self.hub.dn(), hubMaxPerDomainConnections=None)
        for value, expected in (("0", [46]), ("1", [1] * 46), (None, [6, 20, 20])):
            with self.subTest(value):
                name = "each%s" % value
                sink = Watched(self.place)
                gate = threading.Event()
                self.addCleanup(gate.set)
                sink.hold("MAIL", gate.wait)
                self.connector(name, sink, hubMaxMessagesPerConnection=value)
                tokens = self.submit(*["x@%s.example" % name] * 46)
                wait_for("all are there", lambda: self.queued(name) == 46)
                # what does not concern it ends no session
                self.change(self.dn("Elsewhere"), hubComment="for " + name)
                wait_for("they are back", lambda: self.queued(name) == 46)
                gate.set()
                self.arrived(sink, tokens)
                counts = collections.Counter(m.session for m in sink.messages)
                self.assertEqual(sorted(counts.values()), expected)


class Unwilling(Base):
    def attempts(self, sink, word):
        with sink.changed:
            return sum(c.startswith(word) for c in sink.commands)

    def retries(self, name):
        return [e for e in self.hub.events("queue-retry") if e["queue"].endswith("/" + name)]

    def test_more_when_it_may_be_more(self):
        """421 beyond two connections; later the peer takes as many as there are."""
        sink, never, limit = Watched(self.place), threading.Event(), [2]

        def banner():
            with sink.changed:
                return "421 4.7.0 too many close" if sink.open > limit[0] else None
        sink.answer("(banner)", banner)
        sink.hold("(body)", never.wait, 0.03)
        self.connector("few", sink, hubMaxMessagesPerConnection="5")
        tokens = self.submit(*["x@few.example"] * 40)
        self.arrived(sink, tokens)
        refused = sink.sessions - len({m.session for m in sink.messages})
        self.assertGreater(refused, 0)
        # one that follows another may come before the end of that is seen
        self.assertLessEqual(refused, 1 + 8)
        self.assertLessEqual(sink.peak, 2 + 2)
        limit[0], sink.peak = 100, 0
        tokens = self.submit(*["x@few.example"] * 200)
        # an administrator, or time, ends the pause
        self.hub.ctl("queue", "retry", self.queues("few")[0]["identity"])
        self.arrived(sink, tokens)
        self.assertGreater(sink.peak, 2)

    def test_nothing_for_a_time(self):
        """421 to whoever connects: one attempt for each time that the queue is tried."""
        sink = Watched(self.place)
        sink.answer("(banner)", "421 4.3.2 not now close", times=4)
        self.connector("shut", sink, hubMaxMessagesPerConnection="0")
        self.arrived(sink, self.submit(*["x@shut.example"] * 30))
        self.assertEqual(len(self.retries("shut")), 4)
        self.assertEqual(sink.script["(banner)"][1], 0)
        self.assertLessEqual(sink.sessions, 4 + 20)

    def test_full_disk(self):
        """452 4.3.1 to each message: after a few the others are spared, and so it goes on."""
        sink = Watched(self.place)
        sink.answer("MAIL", "452 4.3.1 no space")
        self.change(self.hub.dn(), hubMaxPerDomainConnections="2")
        self.addCleanup(self.change, self.hub.dn(), hubMaxPerDomainConnections=None)
        self.connector("full", sink)
        tokens = self.submit(*["x@full.example"] * 60)
        wait_for("three retries", lambda: len(self.retries("full")) >= 3)
        self.assertIn("452 4.3.1 no space", self.retries("full")[0]["reason"])
        attempts, retries = self.attempts(sink, "MAIL"), len(self.retries("full"))
        # ten and the other connection's each time, the one that has just begun included
        self.assertLessEqual(attempts, (10 + 1) * (retries + 1))
        sink.answer("MAIL", None)
        self.arrived(sink, tokens)


class ComesAndGoes(Base):
    CHANGES = 20

    def feed(self, stop, tokens):
        while not stop.is_set():
            tokens += self.submit(*["x@toggled.example"] * 5)

    def states(self):
        """Of the connector, with the time since when and until when nobody doubts it."""
        on = True
        for _ in range(self.CHANGES):
            on = not on
            before = datetime.datetime.utcnow()
            self.change(self.dn("first"), hubEnabled="TRUE" if on else "FALSE")
            self.queues("first")    # all workers have answered
            yield on, before, datetime.datetime.utcnow()

    def test_under_load(self):
        """Mail goes by it, or around it: none is lost, none comes twice, none is cut off."""
        chance = random.Random(5)
        first, second = Watched(self.place), Watched(self.place)
        self.connector("first", first, "SMTP:toggled.example;1", hubProtocolLogging="Verbose")
        self.connector("second", second, "SMTP:toggled.example;2")
        stop, batches = threading.Event(), [[], []]
        feeders = [threading.Thread(target=self.feed, args=(stop, b)) for b in batches]
        for feeder in feeders:
            feeder.start()
        self.addCleanup(stop.set)
        silence = []        # (from, to): it is disabled
        since = None
        for on, before, after in self.states():
            if on:
                silence.append((since, before))
            else:
                since = after
            sink = first if on else second
            wanted = len(sink.messages) + chance.randrange(1, 30)
            wait_for("mail flows", lambda: len(sink.messages) >= wanted)
        stop.set()
        for feeder in feeders:
            feeder.join()
        tokens = [t for b in batches for t in b]
        wait_for("all are through", lambda: len(first.messages) + len(second.messages) >=
                 len(tokens))
        data = [m.data for sink in (first, second) for m in sink.messages]
        self.assertEqual(sorted(t for d in data for t in [d.split(b"Subject: ")[1][:32].decode()]),
                         sorted(tokens))
        self.assertEqual((first.cut, second.cut), (0, 0))
        self.assertGreater(min(len(first.messages), len(second.messages)), self.CHANGES)
        mails = self.mails("first", len(first.messages))
        for begin, end in silence:
            self.assertEqual([m for m in mails if begin < m < end], [], (begin, end))
        self.assertFalse(self.hub.events("failed") + self.hub.events("deferred"))

    def mails(self, name, count):
        def find():
            rows = [r for r in self.log.rows() if r["connector-id"] == name and
                    r["event"] == ">" and r["data"].startswith("MAIL")]
            return rows if len(rows) >= count else None
        return [datetime.datetime.fromisoformat(r["date-time"].rstrip("Z"))
                for r in wait_for("MAIL in the log", find)]

    def test_without_another_way(self):
        """While nothing else leads there it waits, and goes when the connector is back."""
        sink, other = Watched(self.place), self.relay.sink
        self.connector("only", sink)
        self.arrived(sink, self.submit("x@only.example"))
        self.change(self.dn("only"), hubEnabled="FALSE")
        self.change(self.dn("Elsewhere"), hubAddressSpace="SMTP:elsewhere.example")
        self.addCleanup(self.change, self.dn("Elsewhere"), hubAddressSpace="SMTP:*")
        tokens = self.submit(*["x@only.example"] * 5)
        wait_for("they wait", lambda: sum(
            q["message_count"] for q in self.hub.ctl("queue", "list")["queues"]
            if q["delivery_type"] == "Unreachable") == 5)
        self.change(self.dn("only"), hubEnabled="TRUE")
        self.arrived(sink, tokens)
        self.assertEqual(other.messages, [])


if __name__ == "__main__":
    unittest.main()
