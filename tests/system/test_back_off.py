"""Mail for a site that does not answer: who takes it, after how many connections, and how it moves.

The sites stand in a row, a - b - c - d - e - n - f; n has no hub, f the mailbox server. Beside b
stands s, whose hub is a sink that answers as it is told.
"""

import re
import signal
import unittest

from .harness.base import Place, wait_for
from .harness.delivery import QUICK
from .harness.directory import Directory, record
from .harness.hub import Hub, in_force, in_step
from .harness.keys import Key
from .harness.organization import message, send
from .harness.peers import Sink

# For what must not be tried again while a test looks.
SLOW = {"hubGlitchRetryInterval": "600"}


class Row:
    """One small hub at each of the sites that have one, a mailbox server at the last."""

    def __init__(self, sites, links, hubs, last):
        self.place = Place()
        self.frozen = set()
        try:
            self.build(sites, links, hubs, last)
        except BaseException:
            self.place.close()
            raise

    def build(self, sites, links, hubs, last):
        self.directory = d = Directory(self.place).start()
        self.mailbox = Sink(self.place, lmtp=True)
        self.hubs = {name: Hub(self.place, d, name, site, workers="1") for name, site in hubs}
        d.add("".join(
            [record(d.dn(site, "Sites"), "hubSite", cn=site) for site in sites]
            + [record(d.dn(link, "Site Links"), "hubSiteLink", cn=link, hubCost="10",
                      hubSiteList=[d.dn(site, "Sites") for site in link.split("-")])
               for link in links]
            + [hub.records(hubIntraOrgMaxMessagesPerConnection="1", **QUICK)
               for hub in self.hubs.values()]
            + [record("cn=Applications,%s" % hub.dn(), "hubReceiveConnector", cn="Applications",
                      hubBinding="127.0.0.2:%d" % hub.port, hubRemoteIPRange="127.0.0.0/8",
                      hubAuthMechanism="ExternalAuthoritative", hubPermissionGroup="HubServers",
                      hubMaxInboundPerSource="0", hubMaxInboundPercentPerSource="100",
                      hubTarpitInterval="0") for hub in self.hubs.values()]
            + [record(d.dn("mbx1", "Servers"), "hubMailboxServer", cn="mbx1",
                      hubServerSite=d.dn(last, "Sites"), hubFQDN="mbx1.contoso.com",
                      hubAddress="127.0.0.1:%d" % self.mailbox.port, hubDeliveryProtocol="LMTP"),
               record(d.dn("contoso.com", "Accepted Domains"), "hubAcceptedDomain",
                      cn="contoso.com", hubDomain="contoso.com"),
               record("ou=People," + d.suffix, "organizationalUnit", ou="People"),
               record("uid=anna,ou=People," + d.suffix, "inetOrgPerson inetLocalMailRecipient",
                      uid="anna", cn="anna", sn="anna", mail="anna@contoso.com",
                      mailHost="mbx1.contoso.com")]))

    def start(self):
        for hub in self.hubs.values():
            hub.start(wait=False)
        for hub in self.hubs.values():
            hub.wait_listening()
        in_step(self.hubs.values())
        return self

    def close(self):
        self.place.close()

    def apply(self, change):
        """A change in the directory, in force on every hub that runs."""
        running = [hub for hub in self.hubs.values() if hub.process.running()]
        change()
        in_force(self.directory, running)

    def change(self, dn, **attributes):
        self.apply(lambda: self.directory.change(dn, **attributes))

    def kill(self, names):
        for name in names:
            self.hubs[name].kill()

    def freeze(self, name):
        self.frozen.add(name)
        self.hubs[name].process.signal(signal.SIGSTOP)

    def thaw(self):
        for name in self.frozen:
            self.hubs[name].process.signal(signal.SIGCONT)
        self.frozen.clear()

    def heal(self):
        """All are there again, the last first: nothing is taken by one before it on the way."""
        for hub in reversed(self.hubs.values()):
            if not hub.process.running():
                hub.start()
        in_step(self.hubs.values())

    def submit(self, name, recipient="anna@contoso.com"):
        """A message handed to that hub by an application of its host."""
        token, data = message(sender="app@contoso.com", to=recipient)
        send(self.hubs[name].port, "app@contoso.com", [recipient], data, host="127.0.0.2")
        return token

    def arrived(self, token):
        return wait_for(lambda: "%s arrives\n%s" % (token, self.where()),
                        lambda: self.mailbox.find(token))[0]

    def trace(self, token):
        """The hubs the delivered message went through, in order."""
        data = self.arrived(token).data.decode()
        return re.findall(r"\sby (\w+)\.contoso\.com", data.split("\r\n\r\n")[0])[::-1]

    def where(self):
        """(hub, queue, status, messages) of every queue that holds mail."""
        return [(name, "%s/%s" % (queue["delivery_type"], queue["next_hop_domain"]),
                 queue["status"], queue["message_count"])
                for name, hub in self.hubs.items()
                if hub.process.running() and name not in self.frozen
                for queue in hub.ctl("queue", "list")["queues"] if queue["message_count"]]

    def waits(self, *expected):
        wait_for(lambda: "%s\n%s" % (expected, self.where()),
                 lambda: self.where() == list(expected))

    def attempts(self, name, since=0):
        """What the hub's connections came to, in order: (event, hub or site)."""
        ports = {hub.port: other for other, hub in self.hubs.items()}
        found = []
        for line in self.hubs[name].log()[since:].splitlines():
            hit = re.search(r"event=(host-failed|site-answers|backed-off) .*hop=\"?\S*:(\d+)", line)
            if hit:
                found.append((hit.group(1), ports.get(int(hit.group(2)), hit.group(2))))
        return found


def short(attempts):
    """f! failed, d? answered and was passed, e+ got the mail."""
    marks = {"host-failed": "!", "site-answers": "?", "backed-off": "+"}
    return " ".join(name + marks[event] for event, name in attempts)


class InARow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.row = row = Row("abcdenfs", ["a-b", "b-c", "c-d", "d-e", "e-n", "n-f", "b-s"],
                            [(name, name) for name in "abcdef"], "f")
        cls.addClassCleanup(row.close)
        cls.key = Key(row.place, "s.contoso.com")
        cls.sink = Sink(row.place, key=cls.key)
        d = row.directory
        d.add(record(d.dn("s", "Servers"), "hubServer", cn="s", hubRole="Hub",
                     hubServerSite=d.dn("s", "Sites"), hubFQDN="s.contoso.com",
                     hubAddress="127.0.0.1:%d" % cls.sink.port, hubKeyDigest=cls.key.digest)
              + record(d.dn("To s", "Connectors"), "hubSendConnector", cn="To s",
                       hubAddressSpace="SMTP:s.example", hubSourceServer=d.dn("s", "Servers")))
        row.start()

    def setUp(self):
        self.row.heal()
        self.row.waits()
        # Nothing is remembered from before: addresses that failed, sites that answered.
        self.row.hubs["a"].stop()
        self.row.heal()
        self.log = len(self.row.hubs["a"].log())

    def slowly(self, name):
        self.row.change(self.row.hubs[name].dn(), **SLOW)
        self.addCleanup(self.row.change, self.row.hubs[name].dn(), hubGlitchRetryInterval="1")

    def attempts(self):
        return short(self.row.attempts("a", self.log))

    def test_straight(self):
        """With all alive nobody between is asked, however long the way."""
        self.assertEqual(self.row.trace(self.row.submit("a")), ["a", "f"])
        self.assertEqual(self.attempts(), "")

    def test_explained(self):
        explain = ("route", "explain", "anna@contoso.com", "--from", "a")
        told = self.row.hubs["a"].ctl(*explain)
        self.assertEqual(told["fallback"], [["e"], ["d"], ["c"], ["b"]])
        self.assertTrue(told["bisect"])
        self.assertIn("e; d; c; b (sites by bisection)\n",
                      self.row.hubs["a"].ctl("-o", "table", *explain))

    def test_last_is_dead(self):
        """It waits one site before; the site without hub is passed over; then it moves on."""
        row = self.row
        self.slowly("a")
        row.kill("f")
        first = row.submit("a")
        row.waits(("e", "SmtpRelayToSite/f", "Retry", 1))
        # Between b, c, d and e the middle one answers, then the one behind it: three connections.
        self.assertEqual(self.attempts(), "f! d? e+")
        second = row.submit("a")
        row.waits(("e", "SmtpRelayToSite/f", "Retry", 2))
        # What is known is not asked for again.
        self.assertEqual(self.attempts(), "f! d? e+ e+")
        row.heal()
        for token in (first, second):
            self.assertEqual(row.trace(token), ["a", "e", "f"])
        row.waits()

    def test_direct_again(self):
        """When the destination is back, mail goes straight to it again."""
        row = self.row
        row.kill("f")
        row.submit("a")
        row.waits(("e", "SmtpRelayToSite/f", "Retry", 1))
        row.heal()
        wait_for("mail goes straight", lambda: row.trace(row.submit("a")) == ["a", "f"])
        row.waits()

    def test_some_in_a_row_are_dead(self):
        """A failure that cuts the path: the farthest that answers, by bisection."""
        for dead, keeper, attempts in (("ef", "d", "f! d? e! d+"), ("def", "c", "f! d! c+"),
                                       ("cdef", "b", "f! d! c! b+")):
            with self.subTest(dead):
                self.setUp()
                self.row.kill(dead)
                token = self.row.submit("a")
                self.row.waits((keeper, "SmtpRelayToSite/f", "Retry", 1))
                self.assertEqual(self.attempts(), attempts)
                self.row.heal()
                self.assertEqual(self.row.trace(token), ["a", keeper, "f"])

    def test_middle_is_dead(self):
        """The site that the search ends at looks further when it has the mail."""
        self.row.kill("fd")
        token = self.row.submit("a")
        self.row.waits(("e", "SmtpRelayToSite/f", "Retry", 1))
        self.assertEqual(self.attempts(), "f! d! c+")
        self.row.heal()
        self.assertEqual(self.row.trace(token), ["a", "c", "e", "f"])

    def test_who_was_passed_by(self):
        """Only one answers, and the search went the other way: it is found all the same."""
        self.row.kill("fdcb")
        token = self.row.submit("a")
        self.row.waits(("e", "SmtpRelayToSite/f", "Retry", 1))
        self.assertEqual(self.attempts(), "f! d! c! b! e+")
        self.row.heal()
        self.assertEqual(self.row.trace(token), ["a", "e", "f"])

    def test_nobody_answers(self):
        self.slowly("a")
        self.row.kill("bcdef")
        token = self.row.submit("a")
        self.row.waits(("a", "SmtpRelayToSite/f", "Retry", 1))
        self.assertEqual(self.attempts(), "f! d! c! b! e!")
        queue = self.row.hubs["a"].ctl("queue", "list")["queues"][0]
        self.assertIn("%d" % self.row.hubs["f"].port, queue["last_error"])
        self.row.heal()
        self.row.hubs["a"].ctl("queue", "retry", queue["identity"])
        self.assertEqual(self.row.trace(token), ["a", "f"])

    def test_few_hops(self):
        """Up to four hops one site after the other, the nearest to the destination first."""
        row = self.row
        row.kill("fe")
        since = len(row.hubs["c"].log())
        token = row.submit("c")
        row.waits(("d", "SmtpRelayToSite/f", "Retry", 1))
        self.assertEqual(short(row.attempts("c", since)), "f! e! d+")
        row.heal()
        self.assertEqual(row.trace(token), ["c", "d", "f"])

    def test_hub_site(self):
        """Mail stops at the hub site; when that is dead it waits before it, never behind it."""
        row = self.row
        site = row.directory.dn("c", "Sites")
        row.change(site, hubHubSite="TRUE")
        self.addCleanup(row.change, site, hubHubSite=None)
        self.assertEqual(row.trace(row.submit("a")), ["a", "c", "f"])
        row.kill("c")
        token = row.submit("a")
        row.waits(("b", "SmtpRelayToSite/c", "Retry", 1))
        self.assertEqual(self.attempts(), "c! b+")
        row.heal()
        self.assertEqual(row.trace(token), ["a", "b", "c", "f"])

    def test_hub_site_is_where_the_ladder_begins(self):
        """The last is dead: the hub site has the mail and backs off on its own side."""
        row = self.row
        site = row.directory.dn("c", "Sites")
        row.change(site, hubHubSite="TRUE")
        self.addCleanup(row.change, site, hubHubSite=None)
        row.kill("fe")
        token = row.submit("a")
        row.waits(("d", "SmtpRelayToSite/f", "Retry", 1))
        row.heal()
        self.assertEqual(row.trace(token), ["a", "c", "d", "f"])

    def test_what_is_no_answer(self):
        """A refusal to begin, and a key that is not in the directory: the site before takes it."""
        row = self.row
        server = row.directory.dn("s", "Servers")
        self.addCleanup(self.sink.answer, "(banner)", None)
        self.addCleanup(row.directory.change, server, hubKeyDigest=self.key.digest)
        for text in ("421 4.3.2 closing", "554 5.3.2 no"):
            with self.subTest(text):
                self.sink.answer("(banner)", text)
                token = row.submit("a", "x@s.example")
                row.waits(("b", "SmtpRelayToConnectorSources/s", "Retry", 1))
                self.sink.answer("(banner)", None)
                wait_for("delivery", lambda: self.sink.find(token))
        row.change(server, hubKeyDigest=row.hubs["a"].key.digest)
        token = row.submit("a", "x@s.example")
        row.waits(("b", "SmtpRelayToConnectorSources/s", "Retry", 1))
        row.change(server, hubKeyDigest=self.key.digest)
        wait_for("delivery", lambda: self.sink.find(token))

    def test_hanging(self):
        """A server that takes connections and says nothing is given up after a while."""
        row = self.row
        row.freeze("f")
        self.addCleanup(row.thaw)
        row.submit("a")
        wait_for("it is at e", lambda: [q[0] for q in row.where()] == ["e"])
        self.assertEqual(self.attempts(), "f! d? e+")
        row.thaw()
        row.waits()

    def test_what_concerns_one_message(self):
        """4yz to MAIL or RCPT is no failure of the site: the message waits where it is."""
        row = self.row
        for command in ("MAIL", "RCPT"):
            with self.subTest(command):
                self.sink.answer(command, "450 4.2.0 not now")
                self.addCleanup(self.sink.answer, command, None)
                before = len(self.sink.commands)
                token = row.submit("a", "x@s.example")
                wait_for("another attempt", lambda: len([
                    line for line in self.sink.commands[before:] if line.startswith(command)]) > 1)
                self.assertEqual([(hub, count) for hub, _, _, count in row.where()], [("a", 1)])
                self.sink.answer(command, None)
                wait_for("delivery", lambda: self.sink.find(token))
        self.assertEqual(self.attempts(), "")


class Shares(unittest.TestCase):
    """Three hubs of one site; every message has a connection of its own."""

    @classmethod
    def setUpClass(cls):
        cls.row = Row(["near", "far"], ["near-far"], [("near1", "near")] + [
            ("far%d" % i, "far") for i in (1, 2, 3)], "far")
        cls.addClassCleanup(cls.row.close)
        cls.row.start()

    def share(self, count):
        """How many of so many messages each of the three took."""
        taken = [self.row.trace(self.row.submit("near1"))[1] for _ in range(count)]
        return [taken.count("far%d" % i) for i in (1, 2, 3)]

    def test_shares(self):
        row = self.row
        self.assertEqual(self.share(12), [4, 4, 4])
        row.kill(["far2"])
        self.assertEqual(self.share(20), [10, 0, 10])
        row.heal()
        wait_for("the second takes its share again", lambda: self.share(1)[1])
        # One after it came back it has no more than its share.
        self.assertEqual(self.share(12), [4, 4, 4])

    def test_another_hub_than_the_source(self):
        """The source server is dead: another hub of its site has the mail, and waits with it."""
        row, sink = self.row, Sink(self.row.place)
        d = row.directory
        row.apply(lambda: d.add(record(
            d.dn("Out", "Connectors"), "hubSendConnector", cn="Out",
            hubAddressSpace="SMTP:out.example", hubSourceServer=row.hubs["far1"].dn(),
            hubSmartHost="[127.0.0.1]:%d" % sink.port, hubDNSRouting="FALSE")))
        row.kill(["far1"])
        token = row.submit("near1", "x@out.example")
        wait_for("a hub beside the source", lambda: [
            (queue, status, count) for _, queue, status, count in row.where()] == [
                ("SmtpRelayWithinSite/far1", "Retry", 1)])
        self.assertIn(row.where()[0][0], ("far2", "far3"))
        row.heal()
        wait_for("delivery", lambda: sink.find(token))


if __name__ == "__main__":
    unittest.main()
