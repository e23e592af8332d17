"""ldapmodify while mail flows: the next message follows the change, on every hub."""

import threading
import unittest

from .harness.base import free_port, wait_for
from .harness.directory import record
from .harness.organization import Organization, message, send
from .harness.peers import Sink


class LiveChanges(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = Organization().start()
        cls.addClassCleanup(cls.org.close)
        cls.london_port = free_port()
        cls.org.apply(lambda: cls.org.directory.add(record(
            "cn=Applications,%s" % cls.org.london1.dn(), "hubReceiveConnector", cn="Applications",
            hubBinding="127.0.0.1:%d" % cls.london_port,
            hubAuthMechanism=["Tls", "ExternalAuthoritative"], hubPermissionGroup="HubServers")))
        cls.second = Sink(cls.org.place)
        cls.third = Sink(cls.org.place)
        cls.background = threading.Thread(target=cls.keep_flowing, daemon=True)
        cls.stop_flow = threading.Event()
        cls.flowed = []
        cls.background.start()
        cls.addClassCleanup(cls.end_flow)

    @classmethod
    def keep_flowing(cls):
        """Mail to another domain all the while; none of it may be lost by the changes."""
        while not cls.stop_flow.is_set():
            token, data = message(sender="bruno@contoso.com", to="flow@steady.example")
            send(cls.org.application_port, "bruno@contoso.com", ["flow@steady.example"], data)
            cls.flowed.append(token)
            cls.stop_flow.wait(0.05)

    @classmethod
    def end_flow(cls):
        cls.stop_flow.set()
        cls.background.join()

    def goes_to(self, sink, address):
        """Sends to address at Paris and at London; both must come out at sink. By which hub?"""
        last = []
        for entrance in (self.org.application_port, self.london_port):
            token, data = message(sender="anna@contoso.com", to=address)
            send(entrance, "anna@contoso.com", [address], data)
            last.append(sink.wait(token)[0].helo)
        self.assertEqual(last[0], last[1])
        return last[0]

    def test_more_specific_space_disabling_cost_source_and_smart_host(self):
        org, target = self.org, "x@shop.partner.example"
        self.assertEqual(self.goes_to(org.smart_host, target), "london2.contoso.com")

        with self.subTest("a new connector for a more specific address space"):
            org.send_connector("Partner", hubAddressSpace="SMTP:*.partner.example;5",
                               hubSourceServer=org.london2.dn(), hubDNSRouting="FALSE",
                               hubSmartHost="[127.0.0.1]:%d" % self.second.port)
            self.assertEqual(self.goes_to(self.second, target), "london2.contoso.com")
        with self.subTest("its source server changes"):
            org.change(org.connector("Partner"), hubSourceServer=org.paris1.dn())
            self.assertEqual(self.goes_to(self.second, target), "paris1.contoso.com")
        with self.subTest("its smart host changes"):
            org.change(org.connector("Partner"), hubSmartHost="[127.0.0.1]:%d" % self.third.port)
            self.goes_to(self.third, target)
        with self.subTest("a rival of lower cost wins, then loses again"):
            org.send_connector("Partner rival", hubAddressSpace="SMTP:*.partner.example;4",
                               hubSourceServer=org.paris1.dn(), hubDNSRouting="FALSE",
                               hubSmartHost="[127.0.0.1]:%d" % self.second.port)
            self.goes_to(self.second, target)
            org.change(org.connector("Partner rival"), hubAddressSpace="SMTP:*.partner.example;6")
            self.goes_to(self.third, target)
        with self.subTest("disabled, the next best takes over; with all disabled it is * again"):
            org.change(org.connector("Partner"), hubEnabled="FALSE")
            self.goes_to(self.second, target)
            org.change(org.connector("Partner rival"), hubEnabled="FALSE")
            self.goes_to(org.smart_host, target)
        with self.subTest("nothing that flowed meanwhile was lost"):
            self.end_flow()
            self.assertGreater(len(self.flowed), 5)
            for token in self.flowed:
                org.smart_host.wait(token)

    def test_receive_connector_opens_and_closes_its_binding(self):
        org, port = self.org, free_port()
        dn = "cn=Extra,%s" % org.london1.dn()
        org.apply(lambda: org.directory.add(record(
            dn, "hubReceiveConnector", cn="Extra", hubBinding="127.0.0.1:%d" % port,
            hubUsage="Internet", hubPermissionGroup="AnonymousUsers", hubAuthMechanism="Tls")))
        token, data = message()
        send(port, "a@outside.example", ["anna@contoso.com"], data)
        org.mailbox.wait(token)
        org.change(dn, hubEnabled="FALSE")

        def closed():
            try:
                send(port, "a@outside.example", ["anna@contoso.com"], data)
            except OSError:
                return True
            return False
        wait_for("the binding is closed", closed)

    def test_queued_mail_follows_a_change(self):
        """Mail that waits in Retry leaves at once when its connector's smart host is mended."""
        org = self.org
        dead = Sink(org.place)
        dead.stop()
        org.send_connector("Dead", hubAddressSpace="SMTP:dead.example", hubDNSRouting="FALSE",
                           hubSourceServer=org.london2.dn(),
                           hubSmartHost="[127.0.0.1]:%d" % dead.port)
        token, data = message(sender="anna@contoso.com", to="x@dead.example")
        send(org.application_port, "anna@contoso.com", ["x@dead.example"], data)
        wait_for("the queue is in Retry", lambda: org.london2.events("queue-retry"))
        org.change(org.connector("Dead"), hubSmartHost="[127.0.0.1]:%d" % self.third.port)
        self.third.wait(token)


if __name__ == "__main__":
    unittest.main()
