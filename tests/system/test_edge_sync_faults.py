"""Whatever happens to edgesyncd, its accounts, the clocks or the organization's directory: in the
end the edge is in step without an administrator, or one clear alarm says why not. Mail goes on.
"""

import signal
import unittest

from .harness.base import run, wait_for
from .harness.directory import record
from .harness.subscribed import MANY, EdgeCase

DAY_S = 86400


class SyncFaults(EdgeCase):
    # --- accounts on the edge ---

    def remove(self, *names):
        d = self.edge.directory
        for name in names:
            d.delete(d.dn(name, "Sync Accounts"))

    def of(self, sync):
        return [name for name in self.edge.accounts() if name.startswith(sync.name + ".")]

    def test_account_of_who_waits_is_deleted(self):
        """The holder makes him a new one."""
        holder = self.s.wait_holder()
        other = self.other(holder)
        made = len(holder.events("account-made"))
        self.remove(*self.of(other))
        # it stands on the edge before its secret stands inside
        wait_for("it is there again", lambda: len(holder.events("account-made")) > made)
        self.assertTrue(self.s.all_enrolled())
        holder.stop()
        self.s.wait_holder([other])

    def test_account_of_the_holder_is_deleted(self):
        holder = self.s.wait_holder()
        self.remove(*self.of(holder))
        wait_for("it is there again", self.s.all_enrolled)
        self.s.arrives("with another account")

    def test_all_accounts_are_deleted(self):
        """
        Of the holder while he is connected, and there is nobody else: he has no rights any more,
        and gives himself none. The alarm says what is wrong, and which commands mend it.
        """
        holder = self.s.wait_holder()
        self.other(holder).stop()
        self.remove(*self.of(holder), *self.of(self.other(holder)))
        self.other(holder).start()
        self.s.wait_error("refuses the bind")
        for command in ("edge-subscription remove edge1", "edge-subscription new --force --file",
                        "edge-subscription import FILE --site"):
            self.s.wait_error("hubctl " + command)
        self.assertEqual(self.edge.accounts(), [])
        self.mail_passes()
        self.edge.subscribe(self.org.london1, "London")
        wait_for("all are enrolled", self.s.all_enrolled)

    # --- clocks ---

    def test_clocks_days_off(self):
        """At the edge or at hubs, in either direction."""
        for name, clocks in (("edge", [self.edge.directory.clock]),
                             ("hubs", [sync.clock for sync in self.syncs])):
            for offset in (2 * DAY_S, -2 * DAY_S):
                with self.subTest(name, offset=offset):
                    for clock in clocks:
                        clock.set(offset)
                    self.s.arrives("%s %d" % (name, offset))
                    for sync in self.syncs:
                        self.kill(sync)
                        sync.start()
                    self.s.arrives("again %s %d" % (name, offset))
                    self.heal()

    def test_clock_of_the_edge_a_year_ahead(self):
        """All accounts have run out there: the alarm says so, and a right clock ends it."""
        for sync in self.syncs:
            self.kill(sync)
        self.edge.directory.clock.set(400 * DAY_S)
        for sync in self.syncs:
            sync.start()
        self.s.wait_error("refuses the bind")
        self.mail_passes()

    # --- the holder of the lease ---

    def test_holder_is_killed_in_the_middle_of_a_push(self):
        holder = self.in_the_middle_of_a_push()
        holder.kill()
        self.nothing_by_half()
        self.edge.line.set("pass")
        self.s.wait_holder([self.other(holder)])
        self.all_there()
        # before they go: it would not believe at its start that so many have gone
        holder.start()
        wait_for("it waits", lambda: holder.edge("edge1").get("state") == "standby")

    def test_holder_is_stopped_in_the_middle_of_a_push(self):
        """Another takes over; when the first goes on it writes nothing more, and waits."""
        holder = self.in_the_middle_of_a_push()
        holder.process.signal(signal.SIGSTOP)
        self.edge.line.set("pass")
        other = self.s.wait_holder([self.other(holder)])
        self.all_there()
        holder.process.signal(signal.SIGCONT)
        wait_for("the first knows", lambda: holder.edge("edge1").get("state") == "standby")
        self.s.arrives("by the other")
        self.assertIs(self.s.holding(), other)
        log = self.edge.directory.log.all()
        taken = max(i for i, write in enumerate(log)
                    if write.result == 0 and write.value("hubLeaseHolder") and
                    "cn=%s." % other.name in write.who)
        self.assertEqual([write for write in log[taken:] if write.result == 0 and
                          "cn=%s." % holder.name in write.who.lower() and
                          not write.dn.lower().startswith("cn=edge state,") and
                          "cn=sync accounts" not in write.dn.lower()], [])

    def test_no_edgesyncd_runs(self):
        """Mail goes in and out all the same, even when the edge starts without its slapd."""
        for sync in self.syncs:
            self.kill(sync)
        self.mail_passes()
        self.edge.hub.stop()
        self.edge.directory.stop()
        self.edge.hub.start()
        self.mail_passes()
        self.assertRegex(self.s.accepts("nobody@contoso.com"), "^550 5.1.1")

    # --- the organization's directory ---

    def test_directory_down(self):
        """The lease is kept, the edge too, and what came in the meantime arrives."""
        d, holder = self.org.directory, self.s.wait_holder()
        d.stop()
        expiry = self.edge.state()["hubleaseexpiry"]
        wait_for("it is renewed", lambda: self.edge.state()["hubleaseexpiry"] > expiry)
        self.assertIs(self.s.holding(), holder)
        self.mail_passes()
        d.start()

    def cut_off(self, sync):
        """The organization's directory is out of that edgesyncd's reach, and it knows."""
        wait_for("it has seen it", lambda: sync.edge("edge1").get("state") in (
            "standby", "holder"))
        before = len(sync.events("directory-down", tree="organization"))
        self.s.lines[sync.name].set("refuse")
        wait_for("it knows", lambda: len(
            sync.events("directory-down", tree="organization")) > before)

    def test_directory_out_of_reach_of_who_waits(self):
        """It takes no lease, even one that nobody has: it would push what is old."""
        holder = self.s.wait_holder()
        other = self.other(holder)
        self.cut_off(other)
        self.s.arrives("while it does not see it")
        before = self.stands()
        holder.stop()
        done = other.ctl("edge-sync", "start", "edge1", "--full", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("organization's directory is not settled", done.stdout + done.stderr)
        self.assertEqual(self.edge.holder(), "")
        self.assertEqual(self.stands(), before)
        self.s.lines[other.name].set("pass")
        self.s.wait_holder([other])
        self.s.arrives("when it sees it again")

    def test_directory_out_of_reach_of_the_holder(self):
        """Another who sees it takes over; neither writes what is old, not even at its return."""
        holder = self.s.wait_holder()
        lost = len(holder.events("lease-lost"))
        other = self.other(holder)
        old = self.edge.marker()["hubpushfingerprint"].encode()
        self.cut_off(holder)
        self.s.change("while the holder does not see it")
        self.s.wait_holder([other])
        self.s.wait_in_step()
        self.assertEqual(len(holder.events("lease-lost")), lost)
        log = len(self.edge.directory.log.all())
        other.stop()
        self.s.lines[holder.name].set("pass")
        self.s.wait_holder([holder])
        self.s.arrives("when it sees it again")
        self.assertNotIn(old, [write.value("hubPushFingerprint") for write in
                               self.edge.directory.log.all()[log:]
                               if write.dn.lower().startswith("cn=configuration,")])

    def test_directory_hangs_for_who_takes_the_lease(self):
        """He does not know that yet, nor of what came since, and pushes nothing older."""
        holder = self.s.wait_holder()
        other = self.other(holder)
        down = len(other.events("directory-down", tree="organization"))
        self.s.lines[other.name].set("hang")
        self.s.arrives("while it hangs for the other")
        before, log = self.stands(), len(self.edge.directory.log.all())
        holder.stop()
        # on a slow machine he may find out before he takes it
        wait_for("he says that he has not heard", lambda: "not answered since the lease" in
                 self.s.error(other) or
                 len(other.events("directory-down", tree="organization")) > down)
        self.assertEqual([write for write in self.edge.directory.log.all()[log:]
                          if ",cn=push," in write.dn.lower()], [])
        self.assertEqual(self.stands(), before)
        self.s.lines[other.name].set("pass")
        self.s.wait_holder([other])
        self.s.arrives("when it answers again")

    def stands(self):
        """What stands at the edge, by name, and its marker."""
        return [self.s.there(name) for name in ("Accepted Domains", "Servers", "Connectors")] + [
            self.edge.marker()["hubpushdigest"]]

    def held(self, spoil, mend):
        """The organization's directory, changed while it is stopped, is not believed."""
        d, before = self.org.directory, self.stands()
        since = {sync: len(sync.events("directory-held")) for sync in self.syncs}
        d.stop()
        spoil()
        d.start()
        try:
            for sync in self.syncs:
                wait_for("it is held", lambda: len(sync.events("directory-held")) > since[sync])
                done = sync.ctl("edge-sync", "test", "edge1", check=False)
                self.assertNotEqual(done.returncode, 0, done.stdout)
            self.assertEqual(self.stands(), before)
            self.assertRegex(self.s.accepts("anna@contoso.com"), "^250")
        finally:
            d.stop()
            mend()
            d.start()

    def test_access_rule_is_gone(self):
        d = self.org.directory
        rule = 'to dn.subtree="cn=Accepted Domains,%s" by * none' % d.base
        self.held(lambda: d.access("add", rule), lambda: d.access("delete", rule))

    def test_empty_restore(self):
        d, kept = self.org.directory, []

        def spoil():
            kept.append(d.backup())
            d.restore("\n\n".join(
                part for part in kept[0].split("\n\n")
                if not part.splitlines()[:1] or
                not part.splitlines()[0].lower().endswith((
                    ",cn=accepted domains," + d.base.lower(), ",cn=connectors," + d.base.lower(),
                    ",ou=people," + d.suffix.lower()))))
        self.held(spoil, lambda: d.restore(kept[0]))

    def test_more_goes_than_is_likely(self):
        """Somebody removes most of the domains: held until it is said that this is meant."""
        d = self.org.directory
        d.add("".join(record(d.dn(name, "Accepted Domains"), "hubAcceptedDomain", cn=name,
                             hubDomain=name) for name in MANY))
        self.s.wait_in_step()
        self.s.wait_holder()
        self.addCleanup(lambda: self.s.wait_holder().ctl(
            "edge-sync", "start", "edge1", "--allow-loss", check=False))
        self.edge.line.set("hang")  # that it sees most of it at once
        run("ldapdelete", *d._bind(), *[d.dn(name, "Accepted Domains") for name in MANY],
            check=True)
        self.edge.line.set("pass")

        def held():
            holder = self.s.holding()
            return holder and holder.edge("edge1").get("held") and holder
        holder = wait_for("it is held", held)
        self.assertGreaterEqual(len(self.s.there("Accepted Domains")), len(MANY) + 1 - 10)
        self.assertNotEqual(holder.ctl("edge-sync", "test", "edge1", check=False).returncode, 0)
        holder.ctl("edge-sync", "start", "edge1", "--full", "--allow-loss")
        self.s.wait_in_step()
        self.assertEqual(self.s.there("Accepted Domains"), {"contoso.com"})


if __name__ == "__main__":
    unittest.main()
