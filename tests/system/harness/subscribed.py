"""An organization with one edge subscribed to London, and what can be seen of it being in step."""

import signal
import unittest

from .base import wait_for
from .client import Client
from .directory import record
from .edge import Edge, EdgeSync, publish_certificates
from .hub import Hub, in_force
from .organization import Organization, message, send
from .peers import Sink
from .proxy import Proxy

LEASE_S = 3
MANY = ["%s.example" % name for name in "abcdefghijklmnopqrstuvwxyz"]


class Subscribed:
    """
    hubs: of London, whose edgesyncd run; those that the organization does not have are made, and
    no hubd of theirs runs. clocks: slapd and every edgesyncd have their own. lines: every edgesyncd
    has its own line (a Proxy) to the organization's directory.
    """

    def __init__(self, hubs=("london1", "london2"), clocks=False, log=False, lines=False,
                 **settings):
        self.org = Organization()
        try:
            self._build(hubs, clocks, log, lines, settings)
        except BaseException:
            self.org.close()
            raise

    def _build(self, hubs, clocks, log, lines, settings):
        org, d = self.org, self.org.directory
        known = {hub.name: hub for hub in org.hubs}
        for name in hubs:
            if name not in known:
                known[name] = Hub(org.place, d, name, "London")
                d.add(known[name].records())
        publish_certificates(d, known.values())
        given = dict(lease_time=LEASE_S, recipient_delay=1)
        given.update(settings)
        self.lines = {name: Proxy(org.place, d.port) for name in hubs} if lines else {}
        self.syncs = [EdgeSync(known[name], clock=clocks, **dict(given, **(
            {"directory": "ldap://127.0.0.1:%d" % self.lines[name].port} if lines else {})))
                      for name in hubs]
        self.edge = Edge(org.place, "edge1", clock=clocks, log=log)
        self.outside = Sink(org.place)

    def start(self):
        self.org.start()
        self.edge.start()
        self.edge.subscribe(self.org.london1, "London")
        org, d = self.org, self.org.directory
        d.add(record(org.connector("By edge"), "hubSendConnector", cn="By edge",
                     hubAddressSpace="SMTP:out.example", hubDNSRouting="FALSE",
                     hubSourceServer=d.dn(self.edge.name, "Servers"),
                     hubSmartHost="[127.0.0.1]:%d" % self.outside.port))
        for sync in self.syncs:
            sync.start()
        self.wait_in_step()
        wait_for(lambda: "all are enrolled: %s" % self.edge.accounts(), self.all_enrolled)
        return self

    def close(self):
        self.org.close()

    # --- who is there ---

    def all_enrolled(self):
        return {name.partition(".")[0] for name in self.edge.accounts()} == {
            sync.name for sync in self.syncs}

    def running(self):
        return [sync for sync in self.syncs if sync.process.running()]

    def holding(self):
        """The edgesyncd that has the lease, as the edge says; None if none of ours has it."""
        name = self.edge.holder()
        return next((sync for sync in self.syncs if sync.name == name), None)

    def wait_holder(self, among=None):
        """The edgesyncd that has the lease, and knows it."""
        def found():
            sync = self.holding()
            return sync if sync and sync in (among or self.running()) and sync.holds(
                self.edge.name) else None
        return wait_for(lambda: "somebody holds the lease: %s" % self.edge.state(), found)

    # --- what stands there ---

    def wait_in_step(self, deadline=None):
        """
        The organization's configuration is in force at the edge, as the edge's hubd says. It is
        the organization's hubs that tell which that is.
        """
        org, hub = self.org, self.edge.hub
        in_force(org.directory, org.hubs)

        def told():
            return ((hub.status() or {}).get("edge") or {}).get("configuration") or {}

        def in_step():
            # edgesyncd writes inside, too: what is to be there may change on the way
            return told().get("in_step") and told()["fingerprint"] == org.london1.fingerprint()
        wait_for(lambda: "in force at the edge: %s\n%s" % (
            told(), [sync.edge("edge1") for sync in self.running()]), in_step, deadline)

    def remote_domain(self, name, **attributes):
        """Its entry inside, as LDIF."""
        return record(self.org.directory.dn(name, "Remote Domains"), "hubRemoteDomain", cn=name,
                      hubDomain=name, **attributes)

    def there(self, container="Remote Domains"):
        """Names of the entries in that container of the edge."""
        d = self.edge.directory
        return {entry["cn"][0].decode() for entry in d.find(
            "cn=%s,%s" % (container, d.base), "cn", scope="one")}

    def change(self, text="changed"):
        """A change inside that concerns the edge."""
        d = self.org.directory
        d.change(d.dn("contoso.com", "Accepted Domains"), hubComment=text)

    def arrives(self, text):
        """A change, and it is in force at the edge."""
        self.change(text)
        self.wait_in_step()

    def accepts(self, address):
        """The reply to a recipient at the edge's door."""
        with Client(self.edge.outside) as client:
            client.ehlo()
            client.say("MAIL FROM:<someone@outside.example>")
            return client.say("RCPT TO:<%s>" % address)

    def person(self, name):
        """A new one inside."""
        self.org.directory.add(self.org.person(name))

    # --- what is said of it ---

    def error(self, sync):
        """What it says is wrong, "" for nothing."""
        return sync.edge(self.edge.name).get("error") or ""

    def wait_error(self, text, syncs=None, deadline=None):
        """Every one of them tells it as the edge's fault, and hubctl ends with a status of it."""
        syncs = syncs or self.running()
        wait_for(lambda: "%r: %s" % (text, [self.error(sync) for sync in syncs]), lambda: all(
            text in self.error(sync) for sync in syncs), deadline)
        for sync in syncs:
            done = sync.ctl("edge-sync", "test", self.edge.name, check=False)
            if done.returncode == 0 or text not in done.stdout + done.stderr:
                raise AssertionError("hubctl edge-sync test: %d\n%s%s" % (
                    done.returncode, done.stdout, done.stderr))


class EdgeCase(unittest.TestCase):
    """One edge, two hubs that keep it in step; every test begins and ends in step."""

    @classmethod
    def setUpClass(cls):
        # a hub looks at the accounts four times in account_renewal
        cls.s = s = Subscribed(clocks=True, log=True, lines=True, account_renewal=4)
        cls.addClassCleanup(s.close)
        s.start()
        cls.org, cls.edge, cls.syncs = s.org, s.edge, s.syncs

    def setUp(self):
        self.addCleanup(self.heal)

    def kill(self, sync):
        """With a cache of what is there: it would believe no directory that has lost that much."""
        def is_cached(name):
            return "\ndn: cn=%s," % name in sync.cache()
        wait_for("%s has saved what it sees" % sync.name,
                 lambda: not any(map(is_cached, MANY)))
        sync.kill()

    def heal(self):
        """All run, by the right time, and find each other now."""
        for clock in [self.edge.directory.clock] + [sync.clock for sync in self.syncs]:
            clock.set(0)
        for directory in (self.org.directory, self.edge.directory):
            if not directory.process.running():
                directory.start()
        for process in [self.edge.directory.process] + [sync.process for sync in self.syncs]:
            if process.running():
                process.signal(signal.SIGCONT)
            else:
                process.start()
        self.edge.line.lead_to(self.edge.directory.ldaps_port)
        for line in [self.edge.line, *self.s.lines.values()]:
            line.set("pass")
        self.try_now()
        self.s.arrives("healed after " + self.id())
        for sync in self.syncs:
            wait_for(lambda: "no error: " + self.s.error(sync), lambda: not self.s.error(sync))

    def try_now(self):
        """Whoever waits before the next try does not wait any longer."""
        for sync in self.s.running():
            sync.try_now("edge1")

    def mail_passes(self):
        """In from outside, and out by way of the edge."""
        token, data = message()
        send(self.edge.outside, "someone@outside.example", ["anna@contoso.com"], data)
        self.org.mailbox.wait(token)
        token, data = message(sender="anna@contoso.com", to="x@out.example")
        send(self.org.application_port, "anna@contoso.com", ["x@out.example"], data)
        self.s.outside.wait(token)

    def other(self, sync):
        return next(other for other in self.syncs if other is not sync)

    # --- pushes that take long ---

    def add_many(self):
        self.org.directory.add("".join(self.s.remote_domain(name) for name in MANY))
        self.addCleanup(self.remove_many)

    def remove_many(self):
        for name in MANY:
            self.org.directory.delete(self.org.directory.dn(name, "Remote Domains"))

    def in_the_middle_of_a_push(self):
        """A push of many entries has begun, and goes so slowly that it cannot be over."""
        holder = self.s.wait_holder()
        self.edge.line.set("slow", 4000)
        self.add_many()
        wait_for(lambda: "some are there: %s" % self.s.there(),
                 lambda: 0 < len(self.s.there()) < len(MANY) - 5)
        return holder

    def nothing_by_half(self):
        """What the edge runs has none of those, although some stand there."""
        told = wait_for("it sees them", lambda: [
            told for told in [self.edge.hub.status()["edge"]["configuration"]]
            if not told["in_step"]])[0]
        self.assertNotEqual(told["fingerprint"], self.org.london1.fingerprint())

    def all_there(self):
        self.s.wait_in_step()
        self.assertEqual(self.s.there(), set(MANY))
