"""From a domain to the host that gets its mail: exchangers of a real DNS server, both families of
addresses, ourselves among them; and servers that are slow, broken, or lie.

In a network of its own, so hosts have addresses of both families and listen at port 25.
"""

import smtplib
import socket
import struct
import time
import unittest

from .harness import own_network
from .harness.base import wait_for
from .harness.delivery import QUICK, wait_report
from .harness.dns import (AAAA, FORMERR, NOTIMP, NXDOMAIN, REFUSED, SERVFAIL, A, Liar, a, aaaa,
                          cname, mx)
from .harness.organization import Organization, message, send
from .harness.peers import Dns, Sink

GOOD, EVIL, GOOD6 = "127.1.0.1", "127.1.0.2", "fd00::1:1"
OURS, OURS6 = "10.1.2.3", "fd00::3"     # this host's, where our own connector listens everywhere
THEIRS = "127.1.0.9"
OWN_PORT = 2525
DEAD, TURNED_AWAY = "127.2.0.1", "127.2.0.2"
LAST, EQUAL = "127.2.0.3", ("127.2.1.1", "127.2.1.2", "127.2.1.3")
BOTH, BOTH6 = "127.3.0.1", "fd00::3:1"
HOLE, HOLE6 = "127.3.0.2", "fd00::3:2"  # packets to them get lost
SHY6 = "fd00::3:3"                      # connects, and wants no mail
NOBODY6 = "fd00::3:4"
FAR, FAR6 = "127.3.0.3", "fd00::3:5"    # slow to connect

ZONE = """
order MX 30 last
order MX 10 dead
order MX 20 away
dead A %(DEAD)s
away A %(TURNED_AWAY)s
last A %(LAST)s
equal MX 10 equal1
equal MX 10 equal2
equal MX 10 equal3
equal MX 20 last
equal1 A 127.2.1.1
equal2 A 127.2.1.2
equal3 A 127.2.1.3
standin MX 20 last
standin MX 10 dead
noexchanger A %(GOOD)s
noexchanger6 AAAA %(GOOD6)s
both A %(BOTH)s
both AAAA %(BOTH6)s
onlytext TXT "no address"
nothing MX 10 nowhere
nothing MX 20 onlytext
nothing A %(GOOD)s
null MX 0 .
null A %(GOOD)s
notnull MX 0 .
notnull MX 10 good
good A %(GOOD)s
us A %(OURS)s
us6 AAAA %(OURS6)s
ours MX 10 london2.contoso.com.
equalname MX 10 good
equalname MX 10 good2
equalname MX 10 london2.contoso.com.
good2 A %(GOOD)s
betterthanwe MX 5 good
betterthanwe MX 10 london2.contoso.com.
betterthanwe MX 10 evil
betterthanwe MX 20 evil
evil A %(EVIL)s
byaddress MX 10 us
byaddress MX 10 far
byaddress MX 10 far2
byaddress MX 10 far3
byaddress MX 20 far
far2 A 192.0.2.78
far3 A 192.0.2.79
byaddress6 MX 10 us6
loopback A 127.0.0.1
zero A 0.0.0.0
theirs A %(THEIRS)s
better MX 5 far
far A 192.0.2.77
better MX 10 us
better MX 10 evil
alias CNAME noexchanger
aliasmx CNAME order
aliastarget MX 10 aliashost
aliashost CNAME good
dangling CNAME missing
hole6 A %(BOTH)s
hole6 AAAA %(HOLE6)s
hole4 A %(HOLE)s
hole4 AAAA %(BOTH6)s
refused6 A %(BOTH)s
refused6 AAAA %(NOBODY6)s
shy6 A %(BOTH)s
shy6 AAAA %(SHY6)s
faraway A %(FAR)s
faraway AAAA %(FAR6)s
$TTL 3600
kept MX 10 good
""" % globals()

ARRIVES = (
    ("order", LAST), ("noexchanger", GOOD), ("noexchanger6", GOOD6), ("both", BOTH6),
    ("notnull", GOOD), ("betterthanwe", GOOD), ("alias", GOOD), ("aliasmx", LAST),
    ("aliastarget", GOOD), ("refused6", BOTH), ("shy6", BOTH),
)
RETURNED = (
    ("onlytext", "5.4.4"), ("missing", "5.1.2"), ("nothing", "5.4.4"), ("null", "5.1.10"),
    ("ours", "5.4.6"), ("equalname", "5.4.6"), ("dangling", "5.1.2"),
)
# At the port where we listen too.
OWN = (("byaddress", "5.4.6"), ("byaddress6", "5.4.6"), ("loopback", "5.4.6"), ("zero", "5.4.6"),
       ("better", None))


def black_hole(case, address):
    """A socket there whose queue is full: who connects to it hears nothing until it is closed."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    hole = socket.socket(family, socket.SOCK_STREAM)
    case.addClassCleanup(hole.close)
    hole.bind((address, 25))
    hole.listen(0)
    for _ in range(3):
        one = socket.socket(family, socket.SOCK_STREAM)
        case.addClassCleanup(one.close)
        one.setblocking(False)
        one.connect_ex((address, 25))
    return hole


def count_waiting(address):
    """The connections to an IPv4 address that have no answer yet."""
    to = "%08X:0019" % struct.unpack("=I", socket.inet_aton(address))[0]
    with open("/proc/net/tcp", encoding="ascii") as table:
        return sum(line.split()[2:4] == [to, "02"] for line in table)


class Base(unittest.TestCase):
    zones = {}
    addresses = ()

    @classmethod
    def setUpClass(cls):
        own_network.enter(cls, OURS, OURS6, GOOD6, BOTH6, HOLE6, SHY6, NOBODY6, FAR6)
        cls.org = org = Organization(dns_zones=cls.zones).start()
        cls.addClassCleanup(org.close)
        cls.hub = org.london2
        cls.sinks = {address: Sink(org.place, address=address, port=25)
                     for address in cls.addresses}
        org.change(cls.hub.dn(), **QUICK)

    @classmethod
    def connector(cls, name, space, external, **attributes):
        cls.org.send_connector(name, hubAddressSpace="SMTP:" + space, hubDNSRouting="TRUE",
                               hubSourceServer=cls.hub.dn(), hubExternalDNS=external,
                               hubMaxMessagesPerConnection="1", **attributes)

    def submit(self, domain):
        token, data = message(sender="anna@contoso.com", to="x@" + domain)
        send(self.org.application_port, "anna@contoso.com", ["x@" + domain], data)
        return token

    def arrives(self, token, address):
        self.assertEqual(len(self.sinks[address].wait(token)), 1)
        for other, sink in self.sinks.items():
            self.assertTrue(other == address or not sink.find(token), other)

    def returned(self, token, domain, status):
        report = wait_report(self.org.mailbox, token, "x@" + domain)
        self.assertEqual(report.recipient("x@" + domain)["Status"], status)
        self.assertFalse([a for a, sink in self.sinks.items() if sink.find(token)])
        return report

    def deferred(self, domain, status, reason="."):
        events = wait_for(lambda: "Retry of %s\n%s" % (domain, self.hub.log()[-3000:]), lambda: [
            e for e in self.hub.events("queue-retry")
            if e["queue"].startswith("DnsConnectorDelivery/%s/" % domain) or
            e["queue"] == "DnsConnectorDelivery/" + domain])
        self.assertEqual(events[0]["status"], status)
        self.assertRegex(events[0]["reason"], reason)
        self.assertFalse(self.hub.events("failed", to="x@" + domain))


class Exchangers(Base):
    zones = {"real.example": ZONE}
    addresses = (GOOD, GOOD6, EVIL, THEIRS, TURNED_AWAY, LAST, *EQUAL, BOTH, BOTH6, SHY6)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        black_hole(cls, HOLE)
        black_hole(cls, HOLE6)
        cls.inner = Liar(cls.org.place, "127.0.0.54")
        cls.org.change(cls.hub.dn(), hubInternalDNSServer=cls.inner.server)
        cls.connector("By MX", "*.real.example", "TRUE")

    def test_where_it_goes(self):
        away, shy = self.sinks[TURNED_AWAY], self.sinks[SHY6]
        away.answer("(banner)", "554 5.3.2 not here close")
        shy.answer("(banner)", "554 5.3.2 not here close")
        self.addCleanup(away.answer, "(banner)", None)
        self.addCleanup(shy.answer, "(banner)", None)
        tokens = {name: self.submit(name + ".real.example") for name, _ in ARRIVES + RETURNED}
        for name, address in ARRIVES:
            with self.subTest(name):
                self.arrives(tokens[name], address)
        for name, status in RETURNED:
            with self.subTest(name):
                self.returned(tokens[name], name + ".real.example", status)
        self.assertTrue(away.sessions and shy.sessions)
        # hubExternalDNS: not a word of it to the servers inside
        self.assertFalse([q for q in self.inner.asked if "real.example" in q[0]])

    def test_by_preference(self):
        """The order in which they are connected to is that of their preferences."""
        seen, names = [], [str(i) for i in range(5)]
        hosts = {name: Sink(self.org.place, address="127.4.0." + name, port=25)
                 for name in names[1:]}
        for name, host in hosts.items():
            host.answer("(banner)", lambda name=name: seen.append(name) or (
                "220 hello" if name == "4" else "421 4.3.2 busy close"))
        zone = "".join("ranks MX %s h%s\nh%s A 127.4.0.%s\n" % (rank, n, n, n) for n, rank in (
            ("4", 65535), ("2", 256), ("1", 0), ("3", 300)))
        self.org.dns.write("real.example", ZONE + zone)
        self.org.dns.reload()
        hosts["4"].wait(self.submit("ranks.real.example"))
        self.assertEqual(seen, ["1", "2", "3", "4"])

    def test_equal_ones_share(self):
        """
        For each connection anew, also while DNS is not asked again: of 90 each of three gets 9 or
        more, which chance lets fail once in a million times.
        """
        tokens = []
        with smtplib.SMTP("127.0.0.1", self.org.application_port, timeout=30) as client:
            for _ in range(90):
                token, data = message(sender="anna@contoso.com", to="x@equal.real.example")
                client.sendmail("anna@contoso.com", ["x@equal.real.example"], data)
                tokens.append(token)
        equals = [self.sinks[address] for address in EQUAL]
        wait_for("all of them", lambda: sum(len(sink.messages) for sink in equals) >= len(tokens))
        self.assertTrue(all(len(sink.messages) >= 9 for sink in equals),
                        [len(sink.messages) for sink in equals])

    def test_ourselves_by_address(self):
        """The exchanger is this host, where a connector of ours listens everywhere."""
        self.org.apply(lambda: self.org.directory.add(
            "dn: cn=Everywhere,%s\nobjectClass: hubReceiveConnector\ncn: Everywhere\n"
            "hubBinding: 0.0.0.0:%d\nhubBinding: [::]:%d\nhubUsage: Internet\n\n" % (
                self.hub.dn(), OWN_PORT, OWN_PORT)))
        theirs = Sink(self.org.place, port=2526)
        self.connector("At our port", "*.own.real.example", "TRUE", hubPort=str(OWN_PORT))
        self.connector("Beside it", "*.beside.real.example", "TRUE", hubPort="2526")
        zone = "".join(line.replace(" ", ".%s " % port, 1) + "\n" for port in ("own", "beside")
                       for line in ZONE.splitlines() if line.split(" ")[0] in dict(OWN))
        self.org.dns.write("real.example", ZONE + zone)
        self.org.dns.reload()
        tokens = {name: self.submit(name + ".own.real.example") for name, _ in OWN}
        for name, status in OWN:
            with self.subTest(name):
                if status is not None:
                    self.returned(tokens[name], name + ".own.real.example", status)
                else:
                    self.deferred(name + ".own.real.example", "4.4.1", "unreachable")
        # another port of this host is not ours
        theirs.wait(self.submit("loopback.beside.real.example"))

    # --- smart hosts ---

    def via(self, name, *hosts, **attributes):
        self.org.send_connector(name, hubAddressSpace="SMTP:%s.example" % name,
                                hubDNSRouting="FALSE", hubSmartHost=hosts, hubExternalDNS="TRUE",
                                hubSourceServer=self.hub.dn(), hubMaxMessagesPerConnection="1",
                                **attributes)
        return name + ".example"

    def test_smart_hosts_by_name(self):
        """MX in their order, then addresses of both families; ports; who has no address is left."""
        elsewhere = Sink(self.org.place, address=GOOD, port=2526)
        for name, host, address in (
                ("by-mx", "standin.real.example", LAST), ("by-a", "noexchanger.real.example", GOOD),
                ("by-aaaa", "noexchanger6.real.example", GOOD6),
                ("by-both", "hole6.real.example", BOTH), ("by-alias", "alias.real.example", GOOD),
                ("literal6", "[IPv6:%s]" % GOOD6, GOOD6), ("literal", "[%s]" % GOOD, GOOD)):
            with self.subTest(name):
                self.arrives(self.submit(self.via(name, host)), address)
        elsewhere.wait(self.submit(self.via("port", "betterthanwe.real.example:2526")))
        elsewhere.wait(self.submit(self.via("own-port", "good.real.example", hubPort="2526")))
        domain = self.via("some", "missing.real.example", "null.real.example",
                          "onlytext.real.example", "good.real.example")
        for _ in range(4):
            self.arrives(self.submit(domain), GOOD)

    def test_smart_hosts_without_address(self):
        """The administrator's mistake, not the sender's: it waits until it is mended."""
        waiting = {}
        for name in ("missing", "null", "nothing"):
            domain = self.via("to-" + name, name + ".real.example")
            waiting[domain] = self.submit(domain)
        for domain, token in waiting.items():
            with self.subTest(domain):
                name = domain.split(".")[0]
                event = wait_for("Retry", lambda: [
                    e for e in self.hub.events("queue-retry")
                    if name[3:] + ".real.example" in e["queue"]])[0]
                self.assertEqual(event["status"][:2], "4.")
                self.assertFalse(self.hub.events("failed", to="x@" + domain))
                self.org.change(self.org.connector(name), hubSmartHost="good.real.example")
                self.arrives(token, GOOD)

    def test_smart_hosts_share(self):
        """Each connection to the next of them, whatever it is; one that is back has its share."""
        domain = self.via("shared", "[%s]" % GOOD, "onlyone.real.example", "[IPv6:%s]" % GOOD6)
        self.org.dns.write("real.example", ZONE + "onlyone MX 10 best\nonlyone MX 20 last\n"
                           "best A %s\n" % THEIRS)
        self.org.dns.reload()
        sinks = [self.sinks[address] for address in (GOOD, THEIRS, GOOD6)]

        def shares(count):
            tokens = []
            for _ in range(count):
                tokens.append(self.submit(domain))
                wait_for("one of them", lambda: any(s.find(tokens[-1])
                                                    for s in self.sinks.values()))
            return [len([t for t in tokens if sink.find(t)]) for sink in sinks]
        self.assertEqual(shares(9), [3, 3, 3])
        sinks[0].stop()
        self.assertEqual(shares(6), [0, 3, 3])
        # of the second its MX of less preference takes its place
        sinks[1].stop()
        token = self.submit(domain)
        wait_for("the other two", lambda: self.sinks[LAST].find(token) or sinks[2].find(token))
        sinks[0].start()
        sinks[1].start()
        wait_for("the first takes its share again", lambda: shares(3)[0])
        wait_for("the second as well", lambda: shares(3) == [1, 1, 1])

    def test_black_holes(self):
        """A family that leads nowhere costs a moment, and the next message not even that."""
        for name, address in (("hole6", BOTH), ("hole4", BOTH6)):
            with self.subTest(name):
                began = time.monotonic()
                self.arrives(self.submit(name + ".real.example"), address)
                self.assertLess(time.monotonic() - began, 10)   # of 30 for a connection
        self.assertFalse([e for e in self.hub.events("host-failed") if "hole6" in e["queue"]])

    def test_who_loses_the_race(self):
        """Both are slow, the first to connect wants no mail: the other is tried without a wait."""
        far, far6 = (Sink(self.org.place, address=address, port=25) for address in (FAR, FAR6))
        far.stop()
        far6.stop()
        slow, slow6 = black_hole(self, FAR), black_hole(self, FAR6)
        ours = count_waiting(FAR)

        def refuse():
            """The winner is known: the loser may connect now."""
            if slow.fileno() >= 0:
                slow.close()
                far.start()
            return "554 5.3.2 not here close"
        far6.answer("(banner)", refuse)
        token = self.submit("faraway.real.example")
        wait_for("both run", lambda: count_waiting(FAR) > ours)
        slow6.close()
        far6.start()
        far.wait(token)
        wait_for("the outcome", lambda: [e for e in self.hub.events("relayed")
                                         if e["hop"].startswith("faraway")])
        failed = [e["hop"] for e in self.hub.events("host-failed") if "faraway" in e["queue"]]
        self.assertEqual(failed, ["faraway.real.example[%s]:25" % FAR6])
        self.assertFalse([e for e in self.hub.events("queue-retry") if "faraway" in e["queue"]])

    def test_servers_that_changed(self):
        """What the old ones said is forgotten, whatever its time to live."""
        org = self.org
        self.addCleanup(org.change, self.hub.dn(), hubExternalDNSServer=org.dns.server)
        other = Dns(org.place, {"real.example": "kept MX 10 host\nhost A %s\n" % EVIL},
                    name="other").start()
        self.arrives(self.submit("kept.real.example"), GOOD)
        org.change(self.hub.dn(), hubExternalDNSServer=other.server)
        self.arrives(self.submit("kept.real.example"), EVIL)
        # the first does not answer, the second does
        org.change(self.hub.dn(), hubExternalDNSServer=["127.0.0.99", org.dns.server])
        self.arrives(self.submit("noexchanger.real.example"), GOOD)
        # nobody does
        org.change(self.hub.dn(), hubExternalDNSServer="127.0.0.99")
        token = self.submit("alias.real.example")
        self.deferred("alias.real.example", "4.4.3")
        org.change(self.hub.dn(), hubExternalDNSServer=org.dns.server)
        self.arrives(token, GOOD)


# --- lies: each row is what is answered to MX, A and AAAA ---

HOST = "host.%s"


def good(q, address=GOOD):
    """MX host.NAME, and that host's address."""
    if q.name.startswith("host."):
        return [q.answer(a(address))] if q.type == "A" else [q.answer()]
    return [q.answer(mx(10, HOST % q.name))] if q.type == "MX" else [q.answer()]


def evil(q):
    return good(q, EVIL)


def first_time(how):
    """At the first question of each kind; then the truth is told."""
    seen = set()

    def row(q):
        if (q.name, q.type) in seen:
            return good(q)
        seen.add((q.name, q.type))
        return how(q)
    return row


def of_mx(how):
    return lambda q: how(q) if q.type == "MX" else good(q)


def of_host(kind, how):
    return lambda q: how(q) if q.name.startswith("host.") and q.type == kind else good(q)


def both_addresses(how):
    """Of the host, whose IPv6 is good."""
    return of_host("AAAA", lambda q: [q.answer(aaaa(GOOD6))]) if how is None else (
        lambda q: how(q) if q.name.startswith("host.") and q.type == "A" else
        [q.answer(aaaa(GOOD6))] if q.name.startswith("host.") and q.type == "AAAA" else good(q))


def other_question(q):
    return q.asked.replace(b"\x04lies", b"\x04tree")


def by_tcp(how):
    return of_mx(lambda q: how(q) if q.tcp else [q.answer(truncated=True)])


def hang_up(connection, _):
    connection.shutdown(socket.SHUT_RDWR)


def short_message(connection, _):
    connection.sendall(b"\xff\xff\0\0\0")
    connection.shutdown(socket.SHUT_RDWR)


def raw(packet):
    return lambda q: [struct.pack(">H", q.id) + packet]


MANY = [mx(100 + i, "a-long-name-for-a-host-%d.lies.example" % i) for i in range(1000)]

DELIVERED = {
    "honest": good,
    "wrong-id": lambda q: [q.answer(mx(1, "evil.lies.example"), wrong_id=True)] + good(q),
    "wrong-question": lambda q: [q.answer(mx(1, "evil.lies.example"),
                                          asked=other_question(q))] + good(q),
    "wrong-sender": lambda q: [LIAR[0].from_elsewhere(q.answer(mx(1, "evil.lies.example")))] +
    good(q),
    "noise": lambda q: [b"", b"\0" * 11, b"\xff" * 40] + good(q),
    "upper-case": lambda q: [p.replace(q.asked, q.asked.upper().replace(b"\0\1\0\1", b"\0\1\0\1"))
                             for p in good(q)],
    "other-name": of_mx(lambda q: [q.answer((*mx(1, "evil.lies.example"), "tree.example"),
                                            mx(10, HOST % q.name))]),
    "other-address": of_host("A", lambda q: [q.answer((*a(EVIL), "evil.lies.example"),
                                                      a(GOOD))]),
    "aliases": of_mx(lambda q: [q.answer(*[
        (*cname("c%d.lies.example" % (i + 1)), "c%d.lies.example" % i if i else q.name)
        for i in range(5)], (*mx(10, HOST % q.name), "c5.lies.example"))]),
    "aliases-mixed": of_mx(lambda q: [q.answer(
        (*mx(10, HOST % q.name), "c2.lies.example"), (*cname("c2.lies.example"),
                                                      "c1.lies.example"),
        cname("c1.lies.example"))]),
    "big": by_tcp(lambda q: [q.answer(*MANY, mx(10, HOST % q.name))]),
    "servfail-once": first_time(lambda q: [q.answer(rcode=SERVFAIL)]),
    "silent-once": first_time(lambda q: []),
    "no-edns": lambda q: [q.answer(rcode=FORMERR)] if q.has_edns else good(q),
    "aaaa-silent": of_host("AAAA", lambda q: []),
    "aaaa-servfail": of_host("AAAA", lambda q: [q.answer(rcode=SERVFAIL)]),
    "aaaa-nxdomain": of_host("AAAA", lambda q: [q.answer(rcode=NXDOMAIN)]),
    "ttl-0": lambda q: [p.replace(struct.pack(">I", 60), struct.pack(">I", 0))
                        for p in good(q)],
    "huge-ttl": of_mx(lambda q: [q.answer(mx(10, HOST % q.name), ttl=0xffffffff)]),
}
DELIVERED6 = {
    "a-silent": both_addresses(lambda q: []),
    "a-servfail": both_addresses(lambda q: [q.answer(rcode=SERVFAIL)]),
    "a-damaged": both_addresses(lambda q: [q.answer((A, b"\x7f\1\0"))]),
}
# Put off with 4.4.3, and delivered when the server has come to its senses.
PUT_OFF = {
    "silent": lambda q: [],
    "servfail": lambda q: [q.answer(rcode=SERVFAIL)],
    "refused": lambda q: [q.answer(rcode=REFUSED)],
    "notimp": lambda q: [q.answer(rcode=NOTIMP)],
    "formerr": lambda q: [q.answer(rcode=FORMERR)],
    "host-servfail": of_host("A", lambda q: [q.answer(rcode=SERVFAIL)]),
    "alias-loop": of_mx(lambda q: [q.answer(cname("b." + q.name), (*cname(q.name),
                                                                  "b." + q.name))]),
    "alias-to-itself": of_mx(lambda q: [q.answer(cname(q.name))]),
    "aliases-without-end": of_mx(lambda q: [q.answer(*[
        (*cname("c%d.lies.example" % (i + 1)), "c%d.lies.example" % i if i else q.name)
        for i in range(30)])]),
    "cut-short": of_mx(lambda q: [q.answer(mx(10, HOST % q.name))[:-4]]),
    "more-than-there-is": of_mx(lambda q: [q.answer(mx(10, HOST % q.name), count=9)]),
    "pointer-loop": of_mx(lambda q: [q.answer((15, b"\0\x0a\xc0" + bytes([26 + len(q.asked)])))]),
    "short-mx": of_mx(lambda q: [q.answer((15, b"\0"))]),
    "short-address": of_host("A", lambda q: [q.answer((A, b"\x7f\1\0"))]),
    "tcp-closed": by_tcp(lambda q: [hang_up]),
    "tcp-hung": by_tcp(lambda q: []),
    "tcp-short": by_tcp(lambda q: [short_message]),
    "tcp-truncated": by_tcp(lambda q: [raw(b"\x81\x80\0\1\xff\xff\0\0\0\0")(q)[0] + q.asked]),
}
RETURNED_LIES = {
    "no-such-domain": (lambda q: [q.answer(rcode=NXDOMAIN)], "5.1.2"),
    "nothing": (lambda q: [q.answer()], "5.4.4"),
    "exchanger-missing": (lambda q: [q.answer(rcode=NXDOMAIN)] if q.name.startswith("host.")
                          else good(q), "5.4.4"),
    "exchanger-empty": (of_host("A", lambda q: [q.answer()]), "5.4.4"),
    "literal": (of_mx(lambda q: [q.answer(mx(10, EVIL))]), "5.4.4"),
    "words": (of_mx(lambda q: [q.answer((15, b"\0\x0a\x09two words\0"))]), "5.4.4"),
    "null": (of_mx(lambda q: [q.answer(mx(0, ""))]), "5.1.10"),
    "only-other-name": (of_mx(lambda q: [q.answer((*mx(1, "evil.lies.example"),
                                                   "tree.example"))]), "5.4.4"),
    "only-other-address": (of_host("A", lambda q: [q.answer((*a(EVIL), "evil.lies.example"))]),
                           "5.4.4"),
}
LIAR = []


class Lies(Base):
    zones = {"other.example": "@ A " + EVIL}
    addresses = (GOOD, GOOD6, EVIL)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.liar = Liar(cls.org.place, "127.0.0.54")
        LIAR[:] = [cls.liar]
        cls.liar.rows["evil.lies.example"] = lambda q: [
            q.answer(a(EVIL))] if q.type == "A" else [q.answer()]
        cls.org.change(cls.hub.dn(), hubInternalDNSServer=cls.liar.server)
        cls.connector("Lies", "*.lies.example", "FALSE")
        cls.connector("Mild", "*.mild.example", "FALSE", hubErrorPolicy="DowngradeDNSFailures")

    def row(self, name, how, under="lies.example"):
        domain = "%s.%s" % (name, under)
        self.liar.rows[domain] = self.liar.rows["host." + domain] = how
        return domain

    def send_all(self, rows, under="lies.example"):
        return {name: self.submit(self.row(name, how, under)) for name, how in rows.items()}

    def test_lies(self):
        """All rows at once: those that time out take their time side by side."""
        tokens = self.send_all({**DELIVERED, **DELIVERED6, **PUT_OFF, **{
            name: row for name, (row, _) in RETURNED_LIES.items()}})
        for name in {**DELIVERED, **DELIVERED6}:
            with self.subTest(name):
                self.arrives(tokens[name], GOOD6 if name in DELIVERED6 else GOOD)
        for name, (_, status) in RETURNED_LIES.items():
            with self.subTest(name):
                self.returned(tokens[name], name + ".lies.example", status)
        for name in PUT_OFF:
            with self.subTest(name):
                self.deferred(name + ".lies.example", "4.4.3")
                self.row(name, good)
        for name in PUT_OFF:
            with self.subTest(name, healed=True):
                self.arrives(tokens[name], GOOD)
        self.assertEqual(self.sinks[EVIL].sessions, 0)

    def test_a_family_that_is_not_answered(self):
        """It is not waited for; nobody's mail hangs on a server that drops such questions."""
        for name in ("aaaa-silent", "a-silent"):
            began = time.monotonic()
            token = self.submit(self.row("quick-" + name, {**DELIVERED, **DELIVERED6}[name]))
            self.arrives(token, GOOD6 if name in DELIVERED6 else GOOD)
            self.assertLess(time.monotonic() - began, 6)    # of 9 until the question is given up

    def test_time_to_live(self):
        """At 0 each connection asks anew; a minute is kept."""
        for ttl, asked in ((0, 3), (60, 1)):
            domain = self.row("ttl%d" % ttl, lambda q, ttl=ttl: [
                p.replace(struct.pack(">I", 60), struct.pack(">I", ttl)) for p in good(q)])
            for _ in range(3):
                self.arrives(self.submit(domain), GOOD)
            # each worker knows for itself
            self.assertIn(self.liar.count(domain, "MX"), range(asked, 3 * asked + 1))

    def test_no_tcp(self):
        """The rest of an answer cannot be had."""
        mute = Liar(self.org.place, "127.0.0.55", tcp=False)
        mute.rows = self.liar.rows
        self.org.change(self.hub.dn(), hubInternalDNSServer=mute.server)
        token = self.submit(self.row("no-tcp", DELIVERED["big"]))
        self.deferred("no-tcp.lies.example", "4.4.3", "contact DNS servers")
        self.org.change(self.hub.dn(), hubInternalDNSServer=self.liar.server)
        self.arrives(token, GOOD)

    def test_downgraded(self):
        """hubErrorPolicy DowngradeDNSFailures: nothing is returned for what DNS says."""
        rows = {name: RETURNED_LIES[name][0] for name in ("no-such-domain", "nothing", "literal",
                                                          "exchanger-missing", "null")}
        rows["ourselves"] = of_mx(lambda q: [q.answer(mx(10, self.hub.fqdn))])
        tokens = self.send_all(rows, "mild.example")
        for name in rows:
            with self.subTest(name):
                self.deferred(name + ".mild.example", "4.4.4")
                self.row(name, good, "mild.example")
        for name in rows:
            self.arrives(tokens[name], GOOD)


if __name__ == "__main__":
    unittest.main()
