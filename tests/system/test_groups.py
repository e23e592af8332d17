"""Mail to a group reaches each member once, through groups in groups and round a loop."""

import unittest

from .harness.base import wait_for
from .harness.directory import record
from .harness.organization import Organization, message, send


class Groups(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization().start()
        cls.addClassCleanup(org.close)
        people = "uid=%s,ou=People," + org.directory.suffix
        group = "cn=%s,ou=People," + org.directory.suffix
        for name, members in (("team", [people % "anna", people % "bruno", group % "crew"]),
                              ("crew", [group % "team", people % "clara", people % "anna"]),
                              ("empty", [people % "nobody"])):
            org.directory.add(record(group % name, "groupOfNames hubMailGroup", cn=name,
                                     mail=name + "@contoso.com", member=members))

    def submit(self, address):
        token, data = message(sender="bruno@contoso.com", to=address)

        def taken():
            try:
                send(self.org.internet_port, "bruno@contoso.com", [address], data)
            except OSError:
                return False  # 550 until the mirror of recipients has the group
            return True
        wait_for("the group is taken", taken)
        return token

    def test_each_member_once(self):
        token = self.submit("team@contoso.com")
        got = self.org.mailbox.wait(token)
        self.assertEqual([sorted(m.recipients) for m in got],
                         [["anna@contoso.com", "bruno@contoso.com", "clara@contoso.com"]])
        self.assertEqual(got[0].sender, "bruno@contoso.com")

    def test_group_without_members_is_reported(self):
        token = self.submit("empty@contoso.com")
        report = self.org.mailbox.wait(token)[0]
        self.assertEqual((report.sender, report.recipients), ("", ["bruno@contoso.com"]))
        self.assertIn(b"Status: 5.1.1", report.data)
        self.assertIn(b"no members", report.data)


if __name__ == "__main__":
    unittest.main()
