"""Many clients that mean no good at once: a bound for each, and the next good one is served."""

import re
import resource
import socket
import time
import unittest

from .harness.base import sanitized, wait_for
from .harness.client import Client
from .harness.relay import Relay, message

ANYONE = dict(hubAuthMechanism="Tls", hubPermissionGroup="AnonymousUsers",
              hubGrant="AnonymousUsers Accept-Any-Recipient")
SILENT, HALF_OPEN, DEAF, SLOW = 5000, 300, 50, 300
CONNECTORS = {"good": dict(ANYONE, hubMaxInboundConnections="10"),
              "crowd": dict(ANYONE, hubMaxInboundConnections=str(SILENT))}
# KiB of anonymous memory a connection
IDLE_KIB, TLS_KIB, DEAF_KIB, SLOW_KIB = 20, 60, 150, 150
GOOD_S = 10  # for what a quiet machine does in a tenth of a second


class HostileLoad(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < SILENT + 500:
            raise unittest.SkipTest("only %d files may be open" % hard)
        cls.addClassCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        cls.relay = Relay(CONNECTORS)
        cls.addClassCleanup(cls.relay.close)
        cls.relay.start()
        cls.hub, cls.ports = cls.relay.hub, cls.relay.ports

    def connections(self):
        return int(re.search(r"^hub_connections (\d+)$", self.hub.ctl("metrics"), re.M).group(1))

    def counter(self, limit):
        return int(re.search(r'^hub_receive_limit_total\{limit="%s"\} (\d+)$' % limit,
                             self.hub.ctl("metrics"), re.M).group(1))

    def crowd(self, n, buffer=None):
        """So many connections, a hundred from an address; buffer: bytes kept for who reads."""
        found = []
        self.addCleanup(lambda: [one.close() for one in found])
        for i in range(n):
            one = socket.socket()
            one.bind(("127.0.0.%d" % (2 + i // 100), 0))
            one.settimeout(30)
            if buffer:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            one.connect(("127.0.0.1", self.ports["crowd"]))
            found.append(one)
        return found

    def greeted(self, crowd):
        for one in crowd:
            self.assertTrue(one.recv(200).startswith(b"220"))

    def good_client_is_served(self):
        """Meanwhile: a session, a login's worth of TLS, a message that arrives."""
        begun = time.monotonic()
        token, data = message("a@outside.example", "x@elsewhere.example")
        with Client(self.ports["good"], timeout=GOOD_S) as client:
            client.ehlo()
            client.starttls().begin(recipients=["x@elsewhere.example"])
            reply = client.data(data.replace(b"\n.", b"\n..") + b".\r\n")
            self.assertTrue(reply.startswith("250 2.6.0"), reply)
        self.relay.sink.wait(token)
        self.assertLess(time.monotonic() - begun, GOOD_S)

    def costs(self, before, n, most, what):
        each = (self.hub.memory_kib() - before) / n
        print("%s: %.1f KiB each" % (what, each))
        if not sanitized():
            self.assertLess(each, most)

    def leave(self, crowd):
        for one in crowd:
            one.close()
        wait_for("all connections end", lambda: self.connections() == 0)
        self.good_client_is_served()
        turns = [int(e["ms"]) for e in self.hub.events("loop-turn-long")]
        print("turns of loops over 50 ms: %s" % turns)

    def test_5000_that_say_nothing(self):
        before, refused = self.hub.memory_kib(), self.counter("connections")
        crowd = self.crowd(SILENT)
        self.greeted(crowd)
        self.assertEqual(self.connections(), SILENT)
        self.costs(before, SILENT, IDLE_KIB, "silent")
        self.good_client_is_served()
        for _ in range(100):
            with Client(self.ports["crowd"], source="127.0.0.99") as one_more:
                self.assertTrue(one_more.greeting.startswith("421 4.3.2"), one_more.greeting)
        self.assertEqual(self.counter("connections"), refused + 100)
        self.good_client_is_served()
        self.leave(crowd)

    def test_handshakes_that_do_not_go_on(self):
        before = self.hub.memory_kib()
        crowd = self.crowd(HALF_OPEN)
        self.greeted(crowd)
        for one in crowd:
            one.sendall(b"EHLO c.example\r\n")
            self.assertIn(b"STARTTLS", one.recv(1000))
            one.sendall(b"STARTTLS\r\n")
            self.assertTrue(one.recv(100).startswith(b"220"))
            one.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 300)
        self.good_client_is_served()
        self.costs(before, HALF_OPEN, TLS_KIB, "half a handshake")
        self.leave(crowd)

    def test_who_never_reads(self):
        before = self.hub.memory_kib()
        crowd = self.crowd(DEAF, buffer=4096)
        self.greeted(crowd)
        for one in crowd:
            one.setblocking(False)
        said, full = b"EHLO c.example\r\n" * 20000, set()
        while len(full) < DEAF:
            self.good_client_is_served()
            for one in crowd:
                try:
                    one.send(said)
                except BlockingIOError:
                    full.add(one)
        self.costs(before, DEAF, DEAF_KIB, "deaf")
        self.leave(crowd)

    def test_messages_byte_by_byte(self):
        before = self.hub.memory_kib()
        crowd = self.crowd(SLOW)
        self.greeted(crowd)
        for one in crowd:
            one.sendall(b"EHLO c.example\r\n")
            self.assertIn(b"STARTTLS", one.recv(1000))
            one.sendall(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\n")
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"Subject: slowly\r\n":
            for one in crowd:
                one.sendall(bytes([byte]))
        self.good_client_is_served()
        self.costs(before, SLOW, SLOW_KIB, "slow message")
        self.leave(crowd)
        self.assertEqual(self.relay.sink.find("slowly"), [])


if __name__ == "__main__":
    unittest.main()
