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
                ("moved", {"mail": "moved@contoso.com", "mailRoutingAddress": "anna@contoso.com"}),
                ("shy", {"mail": "shy@contoso.com", "mailHost": "mbx1",
                         "hubRefuseOutsideMail": "TRUE"}),
                ("way", {"mail": "way@contoso.com", "mailRoutingAddress": "shy@contoso.com"})):
            org.directory.add(record(
                people % name, "inetOrgPerson inetLocalMailRecipient hubRecipient",
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
                ("club", [people % "clara", people % "shy", people % "way", group % "private"], {}),
                ("club-at-paris", [people % "clara", people % "shy", group % "private"],
                 {"hubExpansionServer": org.paris1.dn()}),
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

    def refused(self, token, *members):
        """Each of them is reported to the sender, and clara alone has the message."""
        for member in members:
            report = wait_report(self.org.mailbox, token, member)
            self.assertEqual(report.recipient(member)["Status"], "5.7.1")
            self.assertEqual(report.envelope.recipients, ["bruno@contoso.com"])
        self.assertEqual([m.recipients for m in self.org.mailbox.find(token) if m.sender],
                         [["clara@contoso.com"]])

    def test_members_that_want_no_mail_from_outside(self):
        """An open group is no way to them: not as a member, by a rewriting or a group within."""
        self.refused(self.submit("club@contoso.com"), "shy@contoso.com", "way@contoso.com",
                     "private@contoso.com")
        token = self.submit("club@contoso.com", port=self.org.application_port)
        got = self.org.mailbox.wait(token)
        self.assertEqual(
            [sorted(m.recipients) for m in got],
            [["anna@contoso.com", "bruno@contoso.com", "clara@contoso.com", "shy@contoso.com"]])

    def test_where_a_message_comes_from_goes_with_it(self):
        """london1 takes it from a stranger, paris1 opens the group."""
        self.refused(self.submit("club-at-paris@contoso.com"), "shy@contoso.com",
                     "private@contoso.com")
        self.assertTrue(self.org.paris1.events("failed", to="shy@contoso.com"))

    def test_rewritten_to_one_who_wants_no_mail_from_outside(self):
        with Client(self.org.internet_port) as client:
            client.ehlo()
            client.say("MAIL FROM:<someone@outside.example>")
            self.assertRegex(client.say("RCPT TO:<way@contoso.com>"), r"^550 5\.7\.1")
        got = self.org.mailbox.wait(self.submit("way@contoso.com", port=self.org.application_port))
        self.assertEqual([m.recipients for m in got], [["shy@contoso.com"]])

    def test_the_postmaster_is_written_to_all_the_same(self):
        self.org.change(self.org.directory.base, hubPostmaster="shy@contoso.com")
        self.addCleanup(self.org.change, self.org.directory.base, hubPostmaster=None)
        for address in ("postmaster@contoso.com", "shy@contoso.com"):
            got = self.org.mailbox.wait(self.submit(address))
            self.assertEqual([m.recipients for m in got], [["shy@contoso.com"]])

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
