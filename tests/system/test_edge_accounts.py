"""
Accounts of hubs on an edge: who gets one and who loses it, how they are replaced before they end,
which keys are trusted while they change, and how a subscription ends.
"""


import base64
import os
import re
import shutil
import time
import unittest

from .harness import hostile_ldaps
from .harness.base import build_path, run, wait_for
from .harness.directory import record
from .harness.edge import Edge, EdgeSync, der, publish_certificates
from .harness.hub import Hub
from .harness.keys import Key
from .harness.organization import Organization, message, send

LEASE_S = 3
SHORT_S = 2  # where nothing but the time counts
OFTEN_S = 4  # a hub looks at the accounts four times in account_renewal
DAY_S = 24 * 3600
EDGE = "edge1"
ANEW = ('"hubctl edge-subscription new --force --file FILE" on the edge',
        '"hubctl edge-subscription import FILE --site SITE" here')


class EdgeAccounts(unittest.TestCase):
    """One edge, as time goes by: the tests run in the order of their names."""

    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.place.close)
        cls.d = org.directory
        cls.subscription = cls.d.dn(EDGE, "Edge Subscriptions")
        cls.sync1, cls.sync2, cls.paris = (
            EdgeSync(hub, clock=hub is org.london1, lease_time=LEASE_S, account_renewal=OFTEN_S)
            for hub in (org.london1, org.london2, org.paris1))
        cls.edge = Edge(org.place, EDGE)
        publish_certificates(cls.d, org.hubs)
        org.start()
        cls.edge.start()
        cls.edge.subscribe(org.london1, "London")

    # --- what there is ---

    def credentials(self):
        """How many there are; nobody may read them, but they are no secrets to slapcat."""
        return self.d.backup().count("\nhubCredential:")

    def hubctl(self, *arguments, check=False):
        d = self.d
        return run(build_path("tools", "hubctl"), "--directory", d.uri, "--base", d.base, "-D",
                   d.admin, "-y", d.password_file, *arguments, check=check)

    def replace(self, dn, attribute, *keys):
        self.d.modify("dn: %s\nchangetype: modify\nreplace: %s\n%s" % (
            dn, attribute, "".join("%s:: %s\n" % (attribute, der(key)) for key in keys)))

    def wait_accounts(self, *names):
        wait_for(lambda: "accounts %s, not %s" % (self.edge.accounts(), names),
                 lambda: self.edge.accounts() == sorted(names))

    def wait_state(self, sync, state):
        wait_for(lambda: "%s %s: %s" % (sync.name, state, sync.edge(EDGE)),
                 lambda: sync.edge(EDGE).get("state") == state)

    def wait_error(self, sync, *texts):
        def told():
            error = sync.edge(EDGE).get("error") or ""
            return error if all(text in error for text in texts) else None
        return wait_for(lambda: "%s says %s: %s" % (sync.name, texts, sync.edge(EDGE)), told)

    def wait_enrolled(self, sync, hub, enrolled, deadline=None):
        wait_for("%s is enrolled: %s" % (hub, enrolled), lambda: any(
            row["name"] == hub and row["enrolled"] is enrolled
            for row in sync.edge(EDGE).get("hubs", ())), deadline)

    def account_of(self, sync):
        return sync.events("edge-connected")[-1]["account"].split(",")[0].split("=")[1]

    def use_lease_time(self, seconds):
        for sync in (self.sync1, self.sync2):
            sync.stop()
            sync.set(lease_time=seconds)
            sync.start()

    def wait_failures(self, more):
        """Both have been refused so many times more, the last time at once."""
        for sync in (self.sync1, self.sync2):
            before = sync.edge(EDGE).get("failures", 0)
            sync.try_now(EDGE)
            wait_for("%s is refused" % sync.name,
                     lambda: sync.edge(EDGE).get("failures", 0) >= before + more)

    def in_step(self):
        self.edge.wait_in_step(self.org, [self.sync1, self.sync2])

    # --- the beginning ---

    def test_01_wrong_key(self):
        other = Key(self.org.place, "other")
        self.replace(self.subscription, "hubDirectoryCertificate", other)
        self.sync1.start()
        error = self.wait_error(self.sync1, "presents a certificate that is not pinned: sha256:")
        self.assertIn(self.edge.directory.key.digest, error)
        self.assertEqual(len(self.edge.accounts()), 1)

    def test_02_expired_bootstrap(self):
        self.sync1.clock.set(2 * DAY_S)
        self.replace(self.subscription, "hubDirectoryCertificate", self.edge.directory.key)
        self.wait_error(self.sync1, "has expired", *ANEW)
        self.assertEqual(len(self.edge.accounts()), 1)
        self.sync1.clock.set(0)

    def test_03_first_account(self):
        self.in_step()
        # the hub of the site whose edgesyncd does not run yet too; the bootstrap account is gone
        self.wait_accounts("london1.1", "london2.1")
        wait_for("its credentials", lambda: self.credentials() == 2)
        self.sync2.start()
        self.wait_state(self.sync2, "standby")
        hubs = {h["name"]: h for h in self.sync1.edge(EDGE)["hubs"]}
        self.assertEqual({name: h["enrolled"] for name, h in hubs.items()},
                         {"london1": True, "london2": True})
        self.assertIsNotNone(hubs["london2"]["account_expires"])
        wait_for("london2 knows who holds the lease",
                 lambda: self.sync2.edge(EDGE)["lease"]["holder"] == "london1")

    def test_04_restart(self):
        self.sync1.stop()
        wait_for("london2 has the lease", lambda: self.edge.holder() == "london2")
        self.sync1.start()
        self.wait_state(self.sync1, "standby")
        self.assertEqual(self.account_of(self.sync1), "london1.1")

    # --- who belongs to the site ---

    def test_05_hub_joins_and_leaves(self):
        d, org = self.d, self.org
        hub = Hub(org.place, d, "london3", "London")
        sync = EdgeSync(hub, lease_time=LEASE_S, account_renewal=OFTEN_S)
        d.add(hub.records())
        publish_certificates(d, [hub])
        self.wait_accounts("london1.1", "london2.1", "london3.1")
        sync.start()
        self.wait_state(sync, "standby")
        d.change(hub.dn(), hubServerSite=d.dn("Paris", "Sites"))
        wait_for("london3 lets go", lambda: sync.status()["edges"] == [])
        self.wait_accounts("london1.1", "london2.1")
        wait_for("its credential is gone", lambda: self.credentials() == 2)
        sync.stop()

    def test_06_hub_without_certificate(self):
        d = self.d
        hub = Hub(self.org.place, d, "london4", "London")
        d.add(hub.records())
        wait_for("it is shown", lambda: "london4" in [
            h["name"] for h in self.sync2.edge(EDGE)["hubs"]])
        self.wait_accounts("london1.1", "london2.1")
        self.assertFalse([h for h in self.sync2.edge(EDGE)["hubs"]
                          if h["name"] == "london4"][0]["enrolled"])
        # nor can anything be sealed to a key that only signs, and the others do not suffer from it
        key = os.path.join(self.org.place.path, "london4-signs")
        run("openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "9", "-subj",
            "/CN=london4", "-keyout", os.devnull, "-out", key, "-outform", "DER", check=True)
        self.edge.directory.delete(self.edge.directory.dn("london1.1", "Sync Accounts"))
        with open(key, "rb") as certificate:
            d.modify("dn: %s\nchangetype: modify\nreplace: hubCertificate\nhubCertificate:: %s\n" %
                     (hub.dn(), base64.b64encode(certificate.read()).decode()))
        self.wait_error(self.sync2, "no account can be made for london4", "sealed")
        self.wait_accounts("london1.1", "london2.1")
        for name in ("Default london4", "Client london4"):
            d.delete("cn=%s,%s" % (name, hub.dn()))
        d.delete(hub.dn())

    # --- keys that change ---

    def test_07_hub_certificate(self):
        """Of london1, who waits: it brings a new account; the old one goes when that is used."""
        hub = self.org.london1
        new = Key(self.org.place, "london1-new")
        self.replace(hub.dn(), "hubCertificate", hub.key, new)
        self.wait_state(self.sync1, "standby")
        self.wait_accounts("london1.2", "london2.1")
        self.assertEqual(self.account_of(self.sync1), "london1.2")
        self.sync1.stop()
        shutil.copy(new.certificate, hub.key.certificate)
        shutil.copy(new.key, hub.key.key)
        self.sync1.start()
        self.wait_state(self.sync1, "standby")
        self.replace(hub.dn(), "hubCertificate", new)
        self.wait_accounts("london1.3", "london2.1")
        wait_for("no more credentials than needed", lambda: self.credentials() == 2)

    def test_08_holders_certificate(self):
        hub = self.org.london2
        new = Key(self.org.place, "london2-new")
        self.replace(hub.dn(), "hubCertificate", hub.key, new)
        self.wait_accounts("london1.3", "london2.2")
        wait_for("it holds the lease by the new one",
                 lambda: self.edge.state().get("hubleaseholder", "").startswith("cn=london2.2,"))
        self.in_step()

    def test_09_edge_certificate(self):
        d = self.edge.directory
        new = Key(self.org.place, "edge1-ldaps-new")
        self.replace(self.subscription, "hubDirectoryCertificate", d.key, new)
        d.stop()
        for name in ("certificate", "key"):
            shutil.copy(getattr(new, name), getattr(d.key, name))
        d.start()
        for sync in (self.sync1, self.sync2):
            wait_for("%s is back" % sync.name,
                     lambda: sync.edge(EDGE).get("state") in ("standby", "holder"))
        self.replace(self.subscription, "hubDirectoryCertificate", new)
        d.key = new
        self.in_step()
        self.assertEqual(len(self.sync2.events("edge-trouble", level="error")), 0)

    # --- accounts that are lost ---

    def test_10_account_deleted(self):
        d = self.edge.directory
        holder, other = self.edge.holder(), None
        other = "london1" if holder == "london2" else "london2"
        for hub in (other, holder):
            name = [n for n in self.edge.accounts() if n.startswith(hub + ".")][0]
            d.delete(d.dn(name, "Sync Accounts"))
            wait_for("another account of %s" % hub, lambda: any(
                n.startswith(hub + ".") for n in self.edge.accounts()))
        self.in_step()
        wait_for("two accounts", lambda: len(self.edge.accounts()) == 2)

    def test_11_directory_down(self):
        """
        A holder who does not see the directory makes and deletes no account; one who sees it but
        cannot write there leaves none that nobody knows the secret of.
        """
        d, inside = self.edge.directory, self.d
        holder = self.edge.holder()
        sync, other = ((self.sync1, "london2") if holder == "london1" else
                       (self.sync2, "london1"))
        refuse = "to attrs=hubCredential by * read"
        inside.stop()
        for name in self.edge.accounts():
            if name.startswith(other + "."):
                d.delete(d.dn(name, "Sync Accounts"))
        before = self.edge.accounts()
        self.wait_enrolled(sync, other, False)
        # what that look led to would have gone before
        expiry = self.edge.state()["hubleaseexpiry"]
        wait_for("it is renewed", lambda: self.edge.state()["hubleaseexpiry"] > expiry)
        self.assertEqual(self.edge.accounts(), before)
        self.assertIsNone(sync.edge(EDGE).get("error"))
        inside.access("add", refuse)
        inside.start()
        self.wait_error(sync, "cannot be written inside")
        self.assertEqual(len(self.edge.accounts()), 1)
        self.assertEqual(self.edge.holder(), holder)
        inside.stop()
        inside.access("delete", refuse)
        inside.start()
        # when it is back, not when it would be tried again
        self.wait_enrolled(sync, other, True, 12)
        self.assertEqual(len(self.edge.accounts()), 2)
        wait_for("no more credentials than needed", lambda: self.credentials() == 2)
        self.in_step()

    # --- another site ---

    def wait_hubs(self, *names):
        """Each of these has one account, and nobody else."""
        wait_for(lambda: "accounts %s of %s" % (self.edge.accounts(), names), lambda: [
            name.split(".")[0] for name in self.edge.accounts()] == list(names))

    def move(self, site):
        self.hubctl("edge-subscription", "set", EDGE, "--server-site", site, check=True)

    def entered_by(self):
        """The hub by which a message comes in."""
        token, data = message()
        send(self.edge.outside, "someone@outside.example", ["anna@contoso.com"], data)
        return re.findall(rb"\tby (\w+)\.contoso\.com",
                          self.org.mailbox.wait(token)[0].data)[-2].decode()

    def test_12_other_site(self):
        """The hubs of the former site hand it over, whoever of them is there; and back again."""
        d, london = self.d, [self.sync1, self.sync2]
        lost = {sync.name: len(sync.events("lease-lost")) for sync in london}
        york = d.dn("York", "Sites")
        d.add(record(york, "hubSite", cn="York"))
        self.assertIn(self.entered_by(), ("london1", "london2"))
        with self.subTest("nobody is there to take it: it goes on as before"):
            self.move("York")
            holder = wait_for("who has it", lambda: [
                sync for sync in london if sync.holds(EDGE)])[0]
            other = london[int(holder is self.sync1)]
            self.wait_error(holder, "cannot be handed over to site York")
            self.assertEqual(other.edge(EDGE)["former_site"], "London")
            self.assertIn(self.entered_by(), ("london1", "london2"))
        with self.subTest("moved on, and its holder goes: another one hands it over"):
            holder.kill()
            self.move("Paris")
            wait_for("%s goes on" % other.name, lambda: other.holds(EDGE))
            self.edge.wait_in_step(self.org, london)
            self.assertEqual(self.entered_by(), "paris1")
            self.assertIn("moved to Paris, the hubs of London hand it over",
                          other.ctl("-o", "wide", "edge-sync", "test", EDGE).stdout)
        with self.subTest("the hub of Paris takes it; another one there has an account too"):
            self.paris.start()
            self.wait_hubs("london3", "paris1")
            self.edge.wait_in_step(self.org, [self.paris])
            self.assertEqual(other.status()["edges"], [])
            self.assertIsNone(self.paris.edge(EDGE)["former_site"])
        with self.subTest("and back"):
            holder.start()
            self.move("London")
            self.wait_hubs("london1", "london2")
            wait_for("it is nobody's in Paris", lambda: self.paris.status()["edges"] == [])
            self.in_step()
            self.assertIn(self.entered_by(), ("london1", "london2"))
        with self.subTest("there and back at once"):
            self.move("Paris")
            self.move("London")
            self.wait_hubs("london1", "london2")
            self.in_step()
        self.assertEqual(len(other.events("lease-lost")), lost[other.name])
        self.assertEqual(self.paris.events("lease-lost"), [])
        d.delete(york)
        self.paris.stop()

    # --- the end ---

    def remove(self, *options):
        return self.hubctl("edge-subscription", "remove", EDGE, *options)

    def cleared(self):
        """Nothing of the organization is left there."""
        d = self.edge.directory
        left = {dn for dn in d.dump() if dn.count(",") > d.base.count(",") + 1}
        self.assertEqual([dn for dn in left if not dn.startswith("cn=edge1,cn=Servers") and
                          ",cn=edge1,cn=Servers," not in dn and ",cn=Roles," not in dn], [])
        self.assertEqual(self.edge.state().get("hubsubscribed"), "FALSE")
        self.assertEqual(self.edge.accounts(), [])

    def test_13_removed(self):
        done = self.remove()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.d_names("Edge Subscriptions"), [])
        wait_for("no edges any more", lambda: self.sync1.status()["edges"] == [])
        self.cleared()

    def test_14_removed_while_down(self):
        self.edge.subscribe(self.org.london1, "London")
        self.in_step()
        self.edge.line.set("refuse")
        self.wait_error(self.sync1, "ldaps://")
        done = self.remove("--timeout", "1")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.d_names("Edge Subscriptions"), [EDGE])
        # an edge in trouble is none that has been cleared
        other = hostile_ldaps.Server(self.org.place, self.edge.directory.key, "refuses")
        self.edge.line.lead_to(other.port)
        self.edge.line.set("pass")
        self.use_lease_time(SHORT_S)
        self.wait_failures(1)
        begun = time.monotonic()
        self.wait_failures(3)
        wait_for("it is so for three leases", lambda: time.monotonic() - begun > 3 * SHORT_S)
        self.wait_failures(1)
        self.assertGreaterEqual(other.sessions, 2 * (1 + 3 + 1))
        self.assertEqual(self.d_names("Edge Subscriptions"), [EDGE])
        self.edge.line.lead_to(self.edge.directory.ldaps_port)
        for sync in (self.sync1, self.sync2):
            sync.try_now(EDGE)
        wait_for("the subscription is gone", lambda: self.d_names("Edge Subscriptions") == [])
        wait_for("no edges any more", lambda: self.sync1.status()["edges"] == [])
        self.cleared()

    def test_15_ended_on_the_edge(self):
        self.remove()
        self.use_lease_time(LEASE_S)
        self.edge.subscribe(self.org.london1, "London")
        self.in_step()
        self.edge.ctl("edge-subscription", "remove", EDGE)
        # as seen, or as guessed once it lets nobody in
        self.wait_error(self.sync1, "its own administrator has ended")
        self.wait_error(self.sync2, "its own administrator has ended")
        self.cleared()
        # neither knows whether the edge will ever come back; nobody there lets them in any more
        self.use_lease_time(SHORT_S)
        done = self.remove("--timeout", "30")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.d_names("Edge Subscriptions"), [])
        wait_for("it is told", lambda: any(
            "deleted without being cleared" in event.get("text", "")
            for sync in (self.sync1, self.sync2) for event in sync.events("edge-removed")))

    def test_16_all_expired(self):
        """A subscription that ends when nobody is let in any more is removed without the edge."""
        self.use_lease_time(LEASE_S)
        self.edge.subscribe(self.org.london1, "London")
        self.in_step()
        for sync in (self.sync1, self.sync2):
            sync.stop()
        for name in self.edge.accounts():
            self.edge.directory.delete(self.edge.directory.dn(name, "Sync Accounts"))
        self.sync1.clock.set(400 * DAY_S)
        self.assertIn("--now", self.remove("--timeout", "0").stdout)
        self.sync1.start()
        self.wait_error(self.sync1, "have expired",
                        '"hubctl edge-subscription remove edge1 --now" ends it')
        told = self.remove("--now").stdout
        self.assertIn('"hubctl edge-subscription remove edge1" is done on the edge itself', told)
        self.assertEqual(self.d_names("Edge Subscriptions"), [])
        self.assertNotIn(EDGE, self.d_names("Servers"))
        wait_for("no edges any more", lambda: self.sync1.status()["edges"] == [])

    def d_names(self, container):
        found = run("ldapsearch", "-LLL", *self.d._bind(), "-s", "one", "-b",
                    "cn=%s,%s" % (container, self.d.base), "cn").stdout
        return [line[4:] for line in found.splitlines() if line.startswith("cn: ")]


class Rotation(unittest.TestCase):
    def test_rotation(self):
        """Accounts that last for seconds: each is replaced in time, no lease is lost over it."""
        org = Organization()
        self.addCleanup(org.place.close)
        syncs = [EdgeSync(hub, lease_time=2 * LEASE_S, account_lifetime=10, account_renewal=7)
                 for hub in (org.london1, org.london2)]
        edge = Edge(org.place, EDGE)
        publish_certificates(org.directory, org.hubs)
        org.start()
        edge.start()
        edge.subscribe(org.london1, "London")
        for sync in syncs:
            sync.start()

        def number(hub):
            return max([int(n.split(".")[1]) for n in edge.accounts() if n.startswith(hub + ".")],
                       default=0)
        for hub in ("london1", "london2"):
            wait_for("three accounts of " + hub, lambda: number(hub) >= 3, 60)
        edge.wait_in_step(org, syncs)
        for sync in syncs:
            self.assertEqual(sync.events("lease-lost"), [])
        # those that ended are not kept
        self.assertLessEqual(len(edge.accounts()), 6)


if __name__ == "__main__":
    unittest.main()
