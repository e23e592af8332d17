"""A disk too full for reports: what was decided stands, and the sender hears of it later."""

import unittest

from .harness.base import wait_for
from .harness.delivery import QUICK, wait_report
from .harness.disk import SmallDisk
from .harness.organization import Organization, message, send

SENDER = "anna@contoso.com"
BODY = ("x" * 900 + "\r\n") * 9000      # 8 MB
DISK_MB = 256     # no more than three segments of the spool


class FullDisk(unittest.TestCase):
    def setUp(self):
        self.org = org = Organization()
        self.addCleanup(org.close)
        self.disk = SmallDisk(self, org.london2, DISK_MB)
        for hub in org.hubs:
            org.directory.change(hub.dn(), **QUICK)
        org.start()

    def submit(self, address, body="Hello\r\n"):
        token, data = message(sender=SENDER, to=address, body=body)
        send(self.org.application_port, SENDER, [address], data)
        return token

    def refused(self):
        return [e for e in self.org.paris1.events("deferred") if e["status"] == "4.3.1"]

    def test_report_comes_when_there_is_room(self):
        org, hub = self.org, self.org.london2
        org.smart_host.answer("(banner)", "421 4.3.2 not yet")
        token = self.submit("no@far.example")
        wait_for("it waits", lambda: hub.events("received"))
        identity = hub.ctl("message", "list")["messages"][0]["id"]
        while not self.refused():
            self.disk.fill()
            taken = len(org.paris1.events("relayed", to="big@far.example"))
            self.submit("big@far.example", BODY)
            # one at a time: taken, or the disk is full
            wait_for("taken or refused", lambda: self.refused() or len(
                org.paris1.events("relayed", to="big@far.example")) > taken)
        hub.ctl("message", "remove", identity)
        wait_for("no room for the report", lambda: hub.events("report-failed"))
        # removed is removed: it does not go out although its peer is back
        org.smart_host.answer("(banner)", None)
        wait_for("the others go", lambda: hub.events("relayed", to="big@far.example"))
        self.assertEqual(len(hub.events("removed", to="no@far.example")), 1)
        self.disk.free()
        report = wait_report(org.mailbox, token, "no@far.example")
        self.assertEqual(report.recipient("no@far.example")["Status"], "5.7.0")
        self.assertFalse(org.smart_host.find(token))


if __name__ == "__main__":
    unittest.main()
