"""Queued mail after a change of the directory: what has another way takes it at once.

Retries are as far apart as by default, so whatever comes within the time of a test did not wait for
one.
"""

import unittest

from .harness.base import wait_for
from .harness.delivery import Peers
from .harness.organization import Organization, message, send
from .harness.peers import Sink

ZONE = "mode MX 10 host\nhost A 127.0.23.1\n"


class Resubmission(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization(dns_zones={"r.example": ZONE}).start()
        cls.addClassCleanup(org.close)
        cls.dead = Sink(org.place)
        cls.dead.stop()
        cls.peers = Peers(org.place)

    def smart_host(self, sink):
        return {"hubSmartHost": "[127.0.0.1]:%d" % sink.port, "hubDNSRouting": "FALSE"}

    def submit(self, address):
        token, data = message(sender="anna@contoso.com", to=address)
        send(self.org.application_port, "anna@contoso.com", [address], data)
        return token

    def waits(self, name, **attributes):
        """A token that waits in Retry for a new connector to NAME.r.example whose host is dead."""
        org = self.org
        org.send_connector(name, **dict(
            {"hubAddressSpace": "SMTP:%s.r.example" % name, "hubSourceServer": org.london2.dn(),
             "hubPort": str(self.peers.port)}, **self.smart_host(self.dead), **attributes))
        token = self.submit("x@%s.r.example" % name)
        self.in_retry(name)
        return token

    def in_retry(self, connector):
        return wait_for("mail waits for " + connector, lambda: [
            q for q in self.queues(self.org.london2, next_hop_connector=connector)
            if q["status"] == "Retry" and q["message_count"] == 1])

    @staticmethod
    def queues(hub, **fields):
        return [q for q in hub.ctl("queue", "list")["queues"]
                if all(q[name] == value for name, value in fields.items())]

    def test_connector(self):
        """Removed, disabled, without the address space: it leaves by the wider one."""
        org = self.org
        changes = (
            ("removed", lambda dn: org.apply(lambda: org.directory.delete(dn))),
            ("disabled", lambda dn: org.change(dn, hubEnabled="FALSE")),
            ("emptied", lambda dn: org.change(dn, hubAddressSpace="SMTP:other.example")),
        )
        for name, change in changes:
            with self.subTest(name):
                token = self.waits(name)
                change(org.connector(name))
                self.assertEqual(len(org.smart_host.wait(token)), 1)

    def test_mode(self):
        """From smart hosts to MX."""
        sink = self.peers.sink("127.0.23.1")
        token = self.waits("mode")
        self.org.change(self.org.connector("mode"), hubSmartHost=None, hubDNSRouting="TRUE")
        sink.wait(token)

    def test_source_servers(self):
        """It moves to the new source, and waits there for the same dead host."""
        org = self.org
        token = self.waits("source")
        org.change(org.connector("source"), hubSourceServer=org.paris1.dn())
        wait_for("it waits in Paris", lambda: self.queues(
            org.paris1, next_hop_connector="source", message_count=1))
        wait_for("and no more in London", lambda: not self.queues(
            org.london2, next_hop_connector="source", message_count=1))
        org.change(org.connector("source"), **self.smart_host(org.smart_host))
        org.smart_host.wait(token)

    def test_what_is_not_concerned_keeps_its_turn(self):
        org = self.org
        token = self.waits("same")
        before = self.in_retry("same")[0]
        org.send_connector("unconcerned", hubAddressSpace="SMTP:unconcerned.example",
                           hubSourceServer=org.london2.dn(), **self.smart_host(org.smart_host))
        after = self.in_retry("same")[0]
        for name in ("id", "retry_count", "first_retry_time", "last_retry_time", "status",
                     "message_count", "last_error"):
            self.assertEqual(before[name], after[name], name)
        org.change(org.connector("same"), **self.smart_host(org.smart_host))
        org.smart_host.wait(token)

    def hold(self, address):
        """A token that Paris does not hand over to London2, its next hop now."""
        paris = self.org.paris1
        self.submit(address)
        name = "SmtpRelayToConnectorSources/london2/"
        wait_for("the queue to London2", lambda: self.queues(paris, identity=name))
        paris.ctl("queue", "suspend", name)
        token = self.submit(address)
        wait_for("mail is held", lambda: self.queues(paris, identity=name, message_count=1))
        return name, token

    def test_links_and_sites(self):
        """Mail leaves the queue it waits in when another way is cheaper, or the next hop near."""
        org, paris = self.org, self.org.paris1
        link = org.directory.dn("London-Paris", "Site Links")
        near, far = Sink(org.place), Sink(org.place)
        org.send_connector("far", hubAddressSpace="SMTP:way.example;1",
                           hubSourceServer=org.london2.dn(), **self.smart_host(far))
        org.send_connector("near", hubAddressSpace="SMTP:way.example;20",
                           hubSourceServer=paris.dn(), **self.smart_host(near))
        with self.subTest("a link costs more"):
            name, token = self.hold("x@way.example")
            org.change(link, hubCost="50")
            near.wait(token)
            self.assertFalse(far.find(token))
            org.change(link, hubCost="10")
        with self.subTest("a server moves"):
            paris.ctl("queue", "resume", name)
            name, token = self.hold("x@way.example")
            org.change(org.london2.dn(), hubServerSite=org.directory.dn("Paris", "Sites"))
            far.wait(token)
            org.change(org.london2.dn(), hubServerSite=org.directory.dn("London", "Sites"))
        paris.ctl("queue", "resume", name)

    def test_unreachable(self):
        """The Unreachable queue is routed again: without a link, then without a connector."""
        org = self.org
        link = org.directory.dn("London-Paris", "Site Links")
        for dn in (link, org.connector("To Internet")):
            with self.subTest(dn):
                org.change(dn, hubEnabled="FALSE")
                token = self.submit("x@outside.example")
                wait_for("it is unreachable", lambda: self.queues(
                    org.paris1, delivery_type="Unreachable", message_count=1))
                org.change(self.org.paris1.dn(), description="no way by " + dn)
                self.assertTrue(wait_for("it still is", lambda: self.queues(
                    org.paris1, delivery_type="Unreachable", message_count=1)))
                org.change(dn, hubEnabled="TRUE")
                org.smart_host.wait(token)


if __name__ == "__main__":
    unittest.main()
