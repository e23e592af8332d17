"""Mail to a group reaches each member once, through groups in groups and round a loop."""

import re
import unittest

from .harness.base import wait_for
from .harness.client import Client
from .harness.delivery import wait_report
from .harness.directory import record
from .harness.organization import Organization, message, send


def passed(message):
    """The hubs that a message passed, the last one first."""
    return re.findall(rb"\tby (\w+)\.contoso\.com", message.data)


class Groups(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        people = "uid=%s,ou=People," + org.directory.suffix
        group = "cn=%s,ou=People," + org.directory.suffix
        for name, attributes in (
                ("outsider", {"mail": "o@outside.example"}),
                ("moved", {"mail": "moved@contoso.com", "mailRoutingAddress": "anna@contoso.com"})):
            org.directory.add(record(people % name, "inetOrgPerson inetLocalMailRecipient",
                                     uid=name, cn=name, sn=name, **attributes))
        pair = [people % "anna", people % "bruno"]
        for name, members, more in (
                ("team", [*pair, group % "crew"], {}),
                ("crew", [group % "team", people % "clara", people % "anna"], {}),
                ("mixed", [people % "anna", people % "outsider", people % "moved"], {}),
                ("at-paris", pair, {"hubExpansionServer": org.paris1.dn()}),
                ("at-london", pair, {"hubExpansionServer": org.london2.dn().upper()}),
                ("nested", [group % "at-london", group % "at-paris", people % "clara"],
                 {"hubExpansionServer": org.paris1.dn()}),
                ("private", pair, {"hubRefuseOutsideMail": "TRUE"}),
                ("empty", [people % "nobody"], {})):
            org.directory.add(record(group % name, "groupOfNames hubMailGroup hubRecipient",
                                     cn=name, mail=name + "@contoso.com", member=members, **more))
        org.start()

    def submit(self, *addresses, port=None, sender="bruno@contoso.com"):
        token, data = message(sender=sender, to=addresses[0])
        send(port or self.org.internet_port, sender, addresses, data)
        return token

    def both(self, token):
        """The one message for anna and bruno, and nothing else."""
        got = self.org.mailbox.wait(token)
        self.assertEqual([sorted(m.recipients) for m in got],
                         [["anna@contoso.com", "bruno@contoso.com"]])
        return got[0]

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

    def test_members_outside_and_rewritten(self):
        """One copy for anna, who is a member twice by her addresses, and one goes outside."""
        token = self.submit("mixed@contoso.com")
        self.assertEqual([m.recipients for m in self.org.mailbox.wait(token)],
                         [["anna@contoso.com"]])
        self.assertEqual([m.recipients for m in self.org.smart_host.wait(token)],
                         [["o@outside.example"]])

    # --- hubExpansionServer ---

    def test_expanded_at_a_hub_of_another_site(self):
        """london1 hands the group on as it is; paris1 opens it."""
        told = self.org.explain("london1", "at-paris@contoso.com")
        self.assertEqual((told["decision"], told["next_servers"]), ("relay", ["paris1"]))
        self.assertEqual(len(told["then"]["members"]), 2)
        got = self.both(self.submit("at-paris@contoso.com"))
        self.assertEqual(passed(got), [b"paris1", b"london1"])
        self.assertFalse(self.org.london1.events("delivered", to="anna@contoso.com"))

    def test_expanded_at_a_hub_of_this_site(self):
        """The members are at Paris, and it is london2 that opens the group all the same."""
        told = self.org.explain("london1", "at-london@contoso.com")
        self.assertEqual((told["next_servers"], told["queue"]["type"]),
                         (["london2"], "SmtpRelayWithinSite"))
        got = self.both(self.submit("at-london@contoso.com"))
        self.assertEqual(passed(got), [b"paris1", b"london2", b"london1"])

    def test_expanded_there_from_another_site(self):
        got = self.both(self.submit("at-london@contoso.com", port=self.org.application_port))
        hops = passed(got)
        self.assertEqual((hops[0], hops[-1]), (b"paris1", b"paris1"))
        self.assertEqual(hops[1], b"london2")

    def test_groups_within_are_opened_by_the_same_hub(self):
        token = self.submit("nested@contoso.com")
        got = self.org.mailbox.wait(token)
        self.assertEqual([sorted(m.recipients) for m in got],
                         [["anna@contoso.com", "bruno@contoso.com", "clara@contoso.com"]])
        self.assertEqual(passed(got[0]), [b"paris1", b"london1"])

    def test_a_hub_that_is_disabled_expands_nothing(self):
        org = self.org
        org.change(org.london2.dn(), hubEnabled="FALSE")
        self.addCleanup(org.change, org.london2.dn(), hubEnabled=None)
        got = self.both(self.submit("at-london@contoso.com"))
        self.assertEqual(passed(got), [b"paris1", b"london1"])
        self.assertEqual(len(org.explain("london1", "at-london@contoso.com")["members"]), 2)

    def test_the_expansion_server_is_live(self):
        dn = "cn=at-paris,ou=People," + self.org.directory.suffix
        self.org.directory.change(dn, hubExpansionServer=self.org.london2.dn())
        self.addCleanup(self.org.directory.change, dn, hubExpansionServer=self.org.paris1.dn())

        def by_london2():
            return b"london2" in passed(self.both(self.submit("at-paris@contoso.com")))
        wait_for("the next message follows", by_london2)

    # --- who may write to it ---

    def test_no_mail_from_outside(self):
        with Client(self.org.internet_port) as client:
            client.ehlo()
            client.say("MAIL FROM:<someone@outside.example>")
            self.assertRegex(client.say("RCPT TO:<private@contoso.com>"), r"^550 5\.7\.1")
        self.both(self.submit("private@contoso.com", port=self.org.application_port))

    def test_a_loop_of_rewriting_within_a_group_is_reported(self):
        suffix = self.org.directory.suffix
        for name, to in (("x", "y"), ("y", "x")):
            self.org.directory.add(record(
                "uid=%s,ou=People,%s" % (name, suffix), "inetOrgPerson inetLocalMailRecipient",
                uid=name, cn=name, sn=name, mail=name + "@contoso.com",
                mailRoutingAddress=to + "@contoso.com"))
        self.org.directory.add(record(
            "cn=looping,ou=People," + suffix, "groupOfNames hubMailGroup", cn="looping",
            mail="looping@contoso.com", member="uid=x,ou=People," + suffix))

        def taken():
            try:
                return self.submit("looping@contoso.com")
            except OSError:
                return None  # 550 until the mirror of recipients has the group
        token = wait_for("the group is taken", taken)
        report = wait_report(self.org.mailbox, token, "x@contoso.com")
        self.assertEqual(report.recipient("x@contoso.com")["Status"], "5.4.6")


if __name__ == "__main__":
    unittest.main()
