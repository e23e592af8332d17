"""A directory that suddenly shows much less than before, or an older state, is not believed."""

import re
import smtplib
import unittest

from .harness.base import wait_for
from .harness.directory import record
from .harness.hub import in_force, in_step
from .harness.organization import Organization, message, send

PEOPLE = 30


class Guards(unittest.TestCase):
    def setUp(self):
        self.org = Organization()
        self.addCleanup(self.org.close)
        self.directory = self.org.directory
        self.directory.add("".join(self.org.person("person%d" % i) for i in range(PEOPLE)))
        self.org.start()
        self.before = in_step(self.org.hubs)
        wait_for("caches are written", lambda: all(
            "cn: To Internet" in hub.cache("organization") and
            "person29" in hub.cache("recipients") for hub in self.org.hubs))

    def access(self, how, rule):
        self.directory.stop()
        self.directory.access(how, rule)
        self.directory.start()

    def restore(self, backup):
        self.directory.stop()
        self.directory.restore(backup)
        self.directory.start()

    def status(self):
        return self.org.london1.ctl("config", "status", check=False)["servers"]

    def held(self, tree):
        """Why each hub does not believe the directory, once all do not."""
        def reasons():
            found = [server[tree]["held"] for server in self.status()]
            return all(found) and found
        return wait_for("all hubs hold", reasons)

    def wait_believed(self):
        def believed():
            return all(server["directory"]["held"] is None and server["recipients"]["held"] is None
                       and server["directory"]["state"] == server["recipients"]["state"] == "live"
                       for server in self.status())
        wait_for("all hubs believe", believed)

    def metric(self, name):
        text = self.org.london1.ctl("metrics")
        return float(re.search(r"^hub_%s (\S+)$" % name, text, re.M).group(1))

    def flows(self, recipient="anna@contoso.com"):
        token, data = message()
        send(self.org.internet_port, "a@outside.example", [recipient], data)
        self.org.mailbox.wait(token)
        token, data = message(sender="anna@contoso.com", to="x@faraway.example")
        send(self.org.application_port, "anna@contoso.com", ["x@faraway.example"], data)
        self.org.smart_host.wait(token)

    def unchanged(self):
        self.assertEqual([hub.fingerprint() for hub in self.org.hubs],
                         [self.before] * len(self.org.hubs))
        self.flows()
        self.flows("person7@contoso.com")

    def accept(self):
        self.org.london1.ctl("config", "accept")

    def test_connectors_hidden_by_an_access_rule(self):
        rule = 'to dn.subtree="cn=Connectors,%s" by * none' % self.directory.base
        self.access("add", rule)
        for reason in self.held("directory"):
            self.assertIn("missing: 1 of", reason)
            self.assertIn("containers", reason)
        self.assertEqual(self.metric("directory_held"), 1)
        self.unchanged()
        for hub in self.org.hubs:
            self.assertEqual(len(hub.events("directory-held", tree="organization")), 1)
        # a hub that starts now knows it from its cache
        self.org.london2.stop()
        self.org.london2.start()
        self.held("directory")
        self.unchanged()
        self.access("delete", rule)
        self.wait_believed()
        self.assertEqual(self.metric("directory_held"), 0)
        self.unchanged()

    def test_account_loses_everything_while_live(self):
        """The canary: without the organization's entry nothing is believed, whoever says so."""
        group = "cn=hub servers," + self.directory.suffix
        members = "ldap:///cn=Servers,%s??one?(hubRole=Hub)" % self.directory.base.replace(
            " ", "%20")
        self.directory.delete(group)
        wait_for("all hubs notice", lambda: all(
            hub.events("directory-down", tree="organization") for hub in self.org.hubs))
        self.unchanged()
        self.directory.add(record(group, "groupOfURLs", cn="hub servers", memberURL=members))
        self.wait_believed()
        self.unchanged()

    def test_half_of_the_people_restored(self):
        backup = self.directory.backup()
        half = "\n\n".join(
            entry for entry in backup.split("\n\n")
            if not re.match(r"dn: uid=person[0-9]*[02468],", entry))
        for hub in self.org.hubs:
            hub.stop()
        self.restore(half)
        # a write that slapd no longer remembers: it has to name all who are there
        self.directory.add(self.org.person("newcomer"))
        self.directory.stop()
        self.directory.start()
        for hub in self.org.hubs:
            hub.start()
        for reason in self.held("recipients"):
            self.assertIn("missing: 15 of %d recipients" % (PEOPLE + 4), reason)
        self.flows("person8@contoso.com")
        self.assertEqual(self.metric("recipients_held"), 1)
        # people who are there are followed all the while
        self.flows("newcomer@contoso.com")
        self.directory.add(self.org.person("latecomer"))
        wait_for("the latecomer is known", lambda: self.takes("latecomer@contoso.com"))
        self.accept()
        self.wait_believed()
        wait_for("person8 is gone", lambda: not self.takes("person8@contoso.com"))
        self.flows("person7@contoso.com")

    def takes(self, recipient):
        with smtplib.SMTP("127.0.0.1", self.org.internet_port, timeout=30) as client:
            client.ehlo()
            client.mail("a@outside.example")
            code, _ = client.rcpt(recipient)
            return code == 250

    def test_deleted_one_by_one_is_believed(self):
        people = ",ou=People," + self.directory.suffix
        self.directory.modify("".join("dn: uid=person%d%s\nchangetype: delete\n\n" % (i, people)
                                      for i in range(20)))
        wait_for("they are gone", lambda: not self.takes("person19@contoso.com"))
        self.assertTrue(self.takes("person20@contoso.com"))
        self.wait_believed()

    def test_an_older_backup_is_taken_only_when_told(self):
        backup = self.directory.backup()
        connector = self.org.connector("To Internet")
        self.org.change(connector, hubMaxMessageSize="12345678")
        self.before = in_step(self.org.hubs)
        self.restore(backup)
        for reason in self.held("directory"):
            self.assertIn("older", reason)
        self.unchanged()
        self.accept()
        self.wait_believed()
        in_force(self.directory, self.org.hubs)
        after = in_step(self.org.hubs)
        self.assertNotEqual(after, self.before)
        limit = self.org.london1.ctl("send-connector", "get", "To Internet")["max-message-size"]
        self.assertNotEqual(limit, 12345678)
        self.flows()
        self.assertEqual(in_step(self.org.hubs), after)

    def test_an_older_backup_is_noticed_after_a_restart(self):
        backup = self.directory.backup()
        self.org.change(self.org.connector("To Internet"), hubMaxMessageSize="12345678")
        self.before = in_step(self.org.hubs)
        wait_for("caches are written", lambda: all(
            "12345678" in hub.cache("organization") for hub in self.org.hubs))
        for hub in self.org.hubs:
            hub.stop()
        self.restore(backup)
        for hub in self.org.hubs:
            hub.start()
        for reason in self.held("directory"):
            self.assertIn("older", reason)
        self.unchanged()

    def test_a_new_epoch_reads_everything_anew(self):
        before = {hub.name: len(hub.events("directory-live")) for hub in self.org.hubs}
        self.accept()
        wait_for("both trees are read anew", lambda: all(
            len(hub.events("directory-live")) >= before[hub.name] + 2 for hub in self.org.hubs))
        self.wait_believed()
        self.flows()


if __name__ == "__main__":
    unittest.main()
