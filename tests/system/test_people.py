"""Recipients that change while a hub or the directory is down, and what a hub keeps of them."""

import os
import smtplib
import unittest
import uuid

from .harness.base import wait_for
from .harness.organization import Organization, message, send

PEOPLE = 20


class People(unittest.TestCase):
    def setUp(self):
        self.org = Organization()
        self.addCleanup(self.org.close)
        self.directory = self.org.directory
        self.directory.add("".join(self.org.person("person%d" % i) for i in range(PEOPLE)))
        self.org.start()
        # of what they know all do the same; this one is looked at
        self.hub = self.org.london1
        wait_for("the cache is written", lambda: "person%d" % (PEOPLE - 1) in
                 self.hub.cache("recipients"))
        self.total = int(self.refreshed()["recipients"])

    def refreshed(self):
        return self.hub.events("recipients-refreshed")[-1]

    def dn(self, name):
        return "uid=%s,ou=People,%s" % (name, self.directory.suffix)

    def add(self, name):
        self.directory.add(self.org.person(name))

    def change_people(self):
        """One goes, one comes, one gets another address; what of it is plain by mail."""
        self.directory.delete(self.dn("person1"))
        self.add("newcomer")
        self.directory.change(self.dn("person2"), mail="second@contoso.com")

    def takes(self, address):
        """Whether the hub takes a message for the address; if so it arrives."""
        token, data = message(to=address)
        try:
            send(self.org.internet_port, "a@outside.example", [address], data)
        except smtplib.SMTPRecipientsRefused as refused:
            self.assertEqual(refused.recipients[address][0], 550, refused.recipients)
            return False
        self.org.mailbox.wait(token)
        return True

    def check_changed(self):
        self.assertFalse(self.takes("person1@contoso.com"))
        self.assertTrue(self.takes("newcomer@contoso.com"))
        self.assertTrue(self.takes("second@contoso.com"))
        self.assertFalse(self.takes("person2@contoso.com"))
        self.assertTrue(self.takes("person3@contoso.com"))

    def wait_followed(self):
        """Until all hubs know, and have written down, the last change of change_people."""
        wait_for("all hubs have followed", lambda: all(
            "second" in hub.cache("recipients") for hub in self.org.hubs))

    def wait_refreshed(self, times):
        return wait_for("refreshed\n" + self.hub.log()[-1500:],
                        lambda: len(self.hub.events("recipients-refreshed")) > times and
                        self.refreshed())

    def again(self, between):
        """The hub is stopped, between happens, it comes back; how its recipients were refreshed."""
        self.assertEqual(self.hub.stop(), 0)
        between()
        times = len(self.hub.events("recipients-refreshed"))
        self.hub.start()
        return self.wait_refreshed(times)

    def test_a_hub_that_was_down_is_sent_only_what_changed(self):
        event = self.again(self.change_people)
        self.assertEqual((event["sent"], event["present"], event["gone"]), ("2", "0", "1"))
        self.assertEqual(int(event["recipients"]), self.total)
        self.check_changed()
        # what it has followed by then is not sent again either
        self.add("later")
        wait_for("it is known", lambda: "later" in self.hub.cache("recipients"))
        event = self.again(lambda: None)
        self.assertEqual((event["sent"], event["present"], event["gone"]), ("0", "0", "0"))
        self.check_changed()

    def test_a_directory_that_has_forgotten_names_what_there_is(self):
        def restart():
            self.change_people()
            self.directory.stop()
            self.directory.start()
        event = self.again(restart)
        self.assertEqual((event["sent"], event["gone"]), ("2", "1"))
        self.assertGreater(int(event["present"]), PEOPLE)
        self.check_changed()

    def test_a_directory_restarted_under_a_hub(self):
        times = len(self.hub.events("recipients-refreshed"))
        self.directory.stop()
        self.assertTrue(self.takes("person1@contoso.com"))
        self.directory.start()
        self.wait_refreshed(times)
        self.change_people()
        self.wait_followed()
        self.check_changed()

    def test_everybody_stays_known_while_all_are_sent_anew(self):
        def renew():
            self.change_people()
            self.directory.change(self.directory.base, hubEpoch=str(uuid.uuid4()))
        event = self.again(renew)
        self.assertEqual(len(self.hub.events("directory-sent-anew")), 1)
        self.assertGreater(int(event["sent"]), PEOPLE)
        self.check_changed()

    def test_a_renamed_unit_takes_its_people_along(self):
        def rename():
            self.directory.modify("dn: ou=People,%s\nchangetype: modrdn\nnewrdn: ou=Staff\n"
                                  "deleteoldrdn: 1\n" % self.directory.suffix)
            self.directory.add(
                "dn: cn=Team,%s\nobjectClass: groupOfNames\nobjectClass: hubMailGroup\ncn: Team\n"
                "mail: team@contoso.com\nmember: uid=person3,ou=Staff,%s\n" % (
                    (self.directory.suffix,) * 2))
        event = self.again(rename)
        self.assertGreater(int(event["sent"]), PEOPLE)
        self.assertTrue(self.takes("team@contoso.com"))

    def test_a_start_without_the_directory_and_with_a_damaged_cache(self):
        self.change_people()
        self.wait_followed()
        self.hub.stop()
        self.directory.stop()
        self.hub.start()
        wait_for("the cache is loaded",
                 lambda: self.hub.events("cache-loaded", tree="recipients"))
        self.check_changed()
        self.hub.kill()
        # the last bytes are lost, as by a crash: what comes before is good
        path = os.path.join(self.hub.state, "cache", "recipients")
        os.truncate(path, os.path.getsize(path) - 1)
        self.hub.start()
        wait_for("the cache is cut", lambda: self.hub.events("cache-cut"))
        self.assertTrue(self.takes("person3@contoso.com"))
        self.hub.stop()
        with open(path, "r+b") as file:
            file.seek(60)
            file.write(b"damaged")
        self.hub.process.start()
        wait_for("the cache is refused", lambda: self.hub.events("cache-refused"))
        # nobody is refused for that, and with the directory everybody is known again
        self.directory.start()
        self.hub.wait_listening()
        self.wait_refreshed(1)
        self.check_changed()


if __name__ == "__main__":
    unittest.main()
