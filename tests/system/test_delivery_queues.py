"""Queues as an administrator sees and steers them, by hubctl on the server's control socket."""

import glob
import os
import threading
import unittest

from .harness.base import wait_for
from .harness.delivery import Report, wait_report
from .harness.organization import Organization, message, send
from .harness.peers import Sink

SENDER = "anna@contoso.com"


class Queues(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization().start()
        cls.addClassCleanup(org.close)
        cls.hub = org.london2

    def setUp(self):
        """Each test has a domain, a connector and a peer of its own; retries are far away."""
        self.domain = self.id().rsplit(".", 1)[1].replace("_", "-") + ".example"
        self.address = "x@" + self.domain
        self.sink = Sink(self.org.place)
        self.org.send_connector(self.domain, hubAddressSpace="SMTP:" + self.domain,
                                hubDNSRouting="FALSE", hubSourceServer=self.hub.dn(),
                                hubSmartHost="[127.0.0.1]:%d" % self.sink.port)

    def submit(self):
        token, data = message(sender=SENDER, to=self.address)
        send(self.org.application_port, SENDER, [self.address], data)
        return token

    def queue(self):
        found = [q for q in self.hub.ctl("queue", "list")["queues"]
                 if q["next_hop_connector"] == self.domain]
        return found[0] if found else None

    def messages(self):
        return [m for m in self.hub.ctl("message", "list")["messages"]
                if m["queue"].endswith(self.domain)]

    def wait_queue(self, **fields):
        def fits():
            queue = self.queue()
            return queue and all(queue[k] == v for k, v in fields.items()) and queue
        return wait_for(lambda: "%s, is %s" % (fields, self.queue()), fits)

    def test_retry_at_once(self):
        self.sink.answer("(banner)", "450 4.3.2 too busy now")
        tokens = [self.submit() for _ in range(3)]
        queue = self.wait_queue(status="Retry", message_count=3)
        self.assertIn("450 4.3.2 too busy now", queue["last_error"])
        self.assertTrue(queue["next_retry_time"] and queue["last_retry_time"])
        self.assertEqual(queue["delivery_type"], "SmartHostConnectorDelivery")
        self.sink.answer("(banner)", None)
        self.hub.ctl("queue", "retry", queue["identity"])
        for token in tokens:
            self.sink.wait(token)
        self.wait_queue(status="Ready", message_count=0, retry_count=0)

    def test_suspended_queue_keeps_its_mail(self):
        self.sink.wait(self.submit())
        queue = self.wait_queue(message_count=0)
        self.hub.ctl("queue", "suspend", queue["identity"])
        token = self.submit()
        self.wait_queue(status="Suspended", message_count=1)
        # also when its connector changes and everything is routed again
        self.org.change(self.org.connector(self.domain), hubComment="changed")
        self.wait_queue(status="Suspended", message_count=1)
        self.assertFalse(self.sink.find(token))
        self.hub.ctl("queue", "resume", queue["identity"])
        self.sink.wait(token)

    def test_suspended_message_lets_others_pass(self):
        self.sink.answer("(banner)", "450 4.3.2 too busy now")
        token = self.submit()
        self.wait_queue(status="Retry")
        identity = self.messages()[0]["id"]
        self.hub.ctl("message", "suspend", identity)
        self.sink.answer("(banner)", None)
        self.hub.ctl("queue", "retry", self.queue()["identity"])
        self.sink.wait(self.submit())
        self.assertFalse(self.sink.find(token))
        self.assertEqual([m["status"] for m in self.messages()], ["Suspended"])
        self.hub.ctl("message", "resume", identity)
        self.sink.wait(token)

    def test_remove(self):
        """With a report to its sender, and without."""
        self.sink.answer("(banner)", "450 4.3.2 too busy now")
        loud, quiet = self.submit(), self.submit()
        self.wait_queue(status="Retry", message_count=2)
        identity = {token: m["id"] for token in (loud, quiet) for m in self.messages()
                    if token in m["message_id"]}
        self.hub.ctl("message", "remove", identity[quiet], "--no-report")
        self.wait_queue(message_count=1)
        self.hub.ctl("message", "remove", identity[loud])
        wait_report(self.org.mailbox, loud, self.address)
        self.assertFalse(self.org.mailbox.find(quiet))
        self.assertEqual(len(self.hub.events("removed", to=self.address)), 2)
        self.wait_queue(message_count=0)

    def test_remove_of_a_damaged_message(self):
        """What the disk has lost cannot come back with the report, but the report comes."""
        self.sink.answer("(banner)", "450 4.3.2 too busy now")
        token, data = message(sender=SENDER, to=self.address, body="line of it\r\n" * 20000)
        send(self.org.application_port, SENDER, [self.address], data, options=["RET=FULL"])
        self.wait_queue(status="Retry")
        self.assertGreater(self.damage(token.encode()), 0)
        self.hub.ctl("message", "remove", self.messages()[0]["id"])
        report = wait_for("a report", lambda: [
            m for m in self.org.mailbox.find("Final-Recipient: rfc822; " + self.address)])[0]
        self.assertEqual(Report(report).per_recipient[0]["Status"], "5.7.0")
        wait_for("it is said", lambda: self.hub.events("report-without-original"))

    def damage(self, text):
        """Overwrites the text wherever the spool has it."""
        count = 0
        for name in glob.glob(self.hub.state + "/spool/**", recursive=True):
            if not os.path.isfile(name):
                continue
            with open(name, "r+b") as segment:
                data = segment.read()
                at = data.find(text)
                while at >= 0:
                    segment.seek(at)
                    segment.write(b"?" * len(text))
                    count += 1
                    at = data.find(text, at + 1)
        return count

    def remove_in_flight(self, answer):
        """Removes a message whose end the peer has yet to answer."""
        go = threading.Event()
        self.sink.answer("(body)", lambda: go.wait(30) and answer)
        token = self.submit()
        wait_for("in flight", lambda: [m for m in self.messages() if m["status"] == "Active"])
        self.hub.ctl("message", "remove", self.messages()[0]["id"])
        self.assertEqual(self.messages()[0]["status"], "PendingRemove")
        go.set()
        return token

    def test_remove_in_flight_that_arrives(self):
        token = self.remove_in_flight(None)
        self.sink.wait(token)
        wait_for("outcome", lambda: self.hub.events("relayed", to=self.address))
        self.assertFalse(self.hub.events("removed", to=self.address))

    def test_remove_in_flight_that_is_put_off(self):
        token = self.remove_in_flight("451 4.3.0 later")
        wait_report(self.org.mailbox, token, self.address)
        self.assertTrue(self.hub.events("removed", to=self.address))
        self.wait_queue(message_count=0)
        self.assertFalse(self.sink.find(token))

    def test_connector_goes_while_in_flight(self):
        """Put off by who is not its next hop any more, a message takes the new way at once."""
        for number, change in enumerate(("disabled", "another smart host")):
            with self.subTest(change):
                go = threading.Event()
                sink = Sink(self.org.place)
                self.org.change(self.org.connector(self.domain), hubEnabled=None,
                                hubSmartHost="[127.0.0.1]:%d" % sink.port)
                sink.answer("(body)", lambda: go.wait(30) and "451 4.3.0 later")
                token = self.submit()
                wait_for("in flight", lambda: [m for m in self.messages()
                                               if m["status"] == "Active"])
                if number == 0:
                    self.org.change(self.org.connector(self.domain), hubEnabled="FALSE")
                else:
                    self.org.change(self.org.connector(self.domain),
                                    hubSmartHost="[127.0.0.1]:%d" % self.sink.port)
                go.set()
                arrived = (self.org.smart_host, self.sink)[number].wait(token)
                self.assertEqual(len(arrived), 1)


if __name__ == "__main__":
    unittest.main()
