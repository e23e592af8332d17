"""Hubs that die and lines that are cut: who takes the load, and where mail waits."""

import datetime
import unittest

from .harness.base import wait_for
from .harness.lab import Lab, example
from .harness.wire import wire_of

FREIBURG = ("freiburg1", "freiburg2", "freiburg3")


class Failures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(example("chain"))
        cls.addClassCleanup(cls.lab.close)

        cls.lab.change("cn=aachen1,cn=Servers", "hubIntraOrgMaxMessagesPerConnection: 1",
                       "aachen1")
        cls.hubs = [h["name"] for h in cls.lab.state()["hosts"] if h["kind"] == "hub"]
        for hub in cls.hubs:
            cls.lab.give_up_early(hub)

    def setUp(self):
        self.addCleanup(self.lab, "heal")
        # what is sent on a connection that is open when the line is cut waits for TCP to give up
        wait_for("connections are closed", lambda: not any(
            queue["connections"] for _, queue in self.queues()))
        self.begun = datetime.datetime.utcnow().isoformat()

    # --- where mail waits ---

    def queues(self):
        return [(hub, queue) for hub in self.hubs
                for queue in self.lab.hubctl(hub, "queue", "list")["queues"]]

    def waiting(self):
        """(hub, queue) of every message that waits anywhere."""
        return [(hub, queue["identity"].strip("/")) for hub, queue in self.queues()
                for _ in range(queue["message_count"])]

    def tried(self, hub, queue):
        """Has the hub, in this test, found nobody to give the queue to?"""
        return [event for event in self.lab.events(hub, "queue-retry", queue=queue + "/")
                if event["time"] > self.begun]

    def waits(self, *expected):
        """Exactly these, tried in vain; a message on its way is at two places for a moment."""
        wait_for(lambda: "waits at %s: %s" % (expected, self.waiting()), lambda: all(
            self.tried(*place) for place in expected) and self.waiting() == list(expected), 60)

    def moves(self, token, host, hub):
        """When all is healed the mail gets to its mailbox, once, from where it waited."""
        self.lab("heal")
        self.assertEqual(len(self.lab.wait_mail(host, token)), 1)
        here, = self.lab.received(hub, token)
        self.lab.wait_event(hub, "relayed", message=here["message"])
        self.waits()

    def test_waits_before_a_site_that_is_cut_off(self):
        """Erfurt is gone: the mail waits in the last site before it."""
        self.lab("cut", "Erfurt")
        token = self.lab.submit("aachen1", "bruno")
        self.waits(("dresden1", "SmtpRelayToSite/Erfurt"))
        for hub in ("bremen1", "celle1"):
            self.assertEqual(self.lab.received(hub, token), [])
        self.moves(token, "mail-erfurt", "dresden1")

    def test_waits_where_the_line_is_broken(self):
        """Between Celle and Dresden, five hops from the end; the copy for Gotha is not kept."""
        self.lab("cut", "Aachen,Bremen,Celle,Gotha", "Dresden,Erfurt,Freiburg")
        token = self.lab.submit("aachen1", "anna")
        other = self.lab.submit("aachen1", "anna", "clara")
        self.lab.wait_mail("mail-gotha", other)
        self.waits(*2 * [("celle1", "SmtpRelayToSite/Freiburg")])
        for hub in ("bremen1", "dresden1", "erfurt1"):
            self.assertEqual(self.lab.received(hub, token, other), [])
        self.moves(token, "mail-freiburg", "celle1")
        self.assertEqual(len(self.lab.wait_mail("mail-freiburg", other)), 1)

    def test_waits_at_home_when_nobody_answers(self):
        self.lab("cut", "Aachen", "Bremen,Celle,Dresden,Erfurt,Freiburg,Gotha")
        token = self.lab.submit("aachen1", "clara")
        self.waits(("aachen1", "SmtpRelayToSite/Gotha"))
        self.moves(token, "mail-gotha", "aachen1")

    def test_cut_in_the_middle_of_a_message(self):
        """Nobody says that the connection is gone; half a minute later the mail waits elsewhere."""
        # so slow and so large that it is not there before the line is cut, on any machine
        self.lab("line", "--delay", "300")
        self.addCleanup(self.lab, "line")
        with wire_of(self.lab) as wire:
            token = self.lab.submit("aachen1", "bruno", body=8000 * ("x" * 998 + "\r\n"))
            wait_for("some of it is on the wire", lambda: wire.bytes[
                ("aachen1", "erfurt1")] > 100000)
            self.lab("cut", "Erfurt")
        self.lab("line")
        self.waits(("dresden1", "SmtpRelayToSite/Erfurt"))
        self.moves(token, "mail-erfurt", "dresden1")

    def test_dead_hubs_are_passed_by(self):
        """Freiburg's hubs and Erfurt's are dead: Dresden keeps it, and hands on to who is back."""
        lab, dead = self.lab, FREIBURG + ("erfurt1",)
        lab("kill", *dead)
        self.addCleanup(lab, "start", *dead)
        token = lab.submit("aachen1", "anna")
        self.hubs = [hub for hub in self.hubs if hub not in dead]
        self.waits(("dresden1", "SmtpRelayToSite/Freiburg"))
        lab("start", "freiburg3")
        self.moves(token, "mail-freiburg", "dresden1")

    # --- servers of a site ---

    def share(self, count):
        """
        How many of so many messages each hub of Freiburg gets, and by how many connections. One at
        a time: more at once might have a connection opened that finds nothing left to do.
        """
        tokens = []
        with wire_of(self.lab) as wire:
            for _ in range(count):
                tokens.append(self.lab.submit("aachen1", "anna"))
                self.lab.wait_mail("mail-freiburg", tokens[-1])
        return ([len(self.lab.received(hub, *tokens)) for hub in FREIBURG],
                [wire.connections("aachen1", hub) for hub in FREIBURG])

    def test_one_of_three_hubs_dies(self):
        """Thirds, then halves, then thirds again. A connection has one message here."""
        lab = self.lab
        self.assertEqual(self.share(12), ([4, 4, 4], [4, 4, 4]))
        lab("kill", "freiburg2")
        self.addCleanup(lab, "start", "freiburg2")
        self.share(1)
        messages, (first, dead, third) = self.share(12)
        self.assertEqual((messages, first, third), ([6, 0, 6], 6, 6))
        self.assertLess(dead, 6)  # it is tried again now and then
        lab("start", "freiburg2")
        wait_for("the third has its share again", lambda: self.share(3)[0] == [1, 1, 1])
        self.assertEqual(self.share(12), ([4, 4, 4], [4, 4, 4]))


if __name__ == "__main__":
    unittest.main()
