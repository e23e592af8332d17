"""
An edge's own directory, written to by hand as an organization does: what was pushed counts when all
of it is there, and nothing of half a push, whatever happens amid it.
"""

import copy
import re
import unittest

from .harness.base import Place, build_path, free_port, run, wait_for
from .harness.client import Client
from .harness.directory import Directory, record
from .harness.hub import Hub, in_force
from .harness.replica import Pusher, buckets_digest, buckets_of, digest, values_of

PEOPLE = {"anna@contoso.com", "bruno@contoso.com", "Jörg@contoso.com"}


class EdgeReplica(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = Place()
        cls.addClassCleanup(cls.place.close)
        cls.directory = d = Directory(cls.place, suffix="o=Edge", options=["--edge"]).start()
        cls.edge = Hub(cls.place, d, "edge1", "London")
        cls.outside = free_port()
        d.add(cls.edge.records(hubRole="Edge", hubServerSite=None))
        d.add(record("cn=Outside,%s" % cls.edge.dn(), "hubReceiveConnector", cn="Outside",
                     hubUsage="Internet", hubBinding="127.0.0.1:%d" % cls.outside,
                     hubPermissionGroup="AnonymousUsers", hubAuthMechanism="Tls",
                     hubTarpitInterval="0", hubMessageRateLimit="0",
                     hubMaxProtocolErrors="0"))
        cls.pusher = Pusher(d)
        cls.edge.start()
        cls.before_all = {"not subscribed": cls.edge.status()["edge"],
                          "stranger": cls.rcpt("anna@contoso.com")}
        cls.pusher.subscribe()
        in_force(d, [cls.edge])
        cls.before_all["new"] = cls.edge.status()["edge"]
        cls.before_all["anna"] = cls.rcpt("anna@contoso.com")
        cls.first()

    @classmethod
    def first(cls):
        p = cls.pusher
        own = cls.edge.dn()
        with p.change() as wanted:
            wanted[""] = values_of(hubMaxReceiveSize="20000000", hubPlusAddressing="TRUE")
            wanted.update(p.entry("London", "Sites", "hubSite"))
            for name in ("london1", "london2"):
                wanted.update(p.entry(
                    name, "Servers", "hubServer", hubRole="Hub", hubServerSite=p.dn(
                        "cn=London,cn=Sites"), hubFQDN=name + ".contoso.com",
                    hubAddress="127.0.0.1:%d" % free_port(),
                    hubKeyDigest="sha256:" + "ab" * 32))
            for name, kind in (("contoso.com", "Authoritative"),
                               ("relay.example", "InternalRelay")):
                wanted.update(p.entry(name, "Accepted Domains", "hubAcceptedDomain",
                                      hubDomain=name, hubDomainType=kind))
            wanted.update(p.entry(
                "EdgeSync - Inbound to London", "Connectors", "hubSendConnector",
                hubUsage="Internal", hubAddressSpace="SMTP:--;1", hubSmartHost="--",
                hubDNSRouting="FALSE", hubSmartHostAuth="HubServer", hubSourceServer=own))
            wanted.update(p.entry("edge1", "Edge Subscriptions", "hubEdgeSubscription",
                                  hubServerRef=own, hubServerSite=p.dn("cn=London,cn=Sites")))
        p.recipients(PEOPLE)
        in_force(cls.directory, [cls.edge])

    @classmethod
    def rcpt(cls, *addresses):
        """Codes of the replies to RCPT, joined."""
        with Client(cls.outside) as client:
            client.ehlo()
            client.say("MAIL FROM:<someone@outside.example> SMTPUTF8")
            return " ".join(client.say("RCPT TO:<%s>" % address)[:9] for address in addresses)

    def setUp(self):
        self.addCleanup(self.restore, copy.deepcopy(self.pusher.entries))

    def restore(self, entries):
        """What the class began with is pushed and in force, whatever a test left."""
        if not self.edge.process.running():
            self.edge.start()
        if self.pusher.entries != entries:
            self.pusher.forget()
        self.pusher.push(entries)
        self.seen()
        self.assertTrue(self.part("configuration")["in_step"], self.edge.status()["edge"])

    def seen(self):
        in_force(self.directory, [self.edge])

    def part(self, which):
        return self.edge.status()["edge"][which]

    def domain(self, name):
        return self.pusher.entry(name, "Accepted Domains", "hubAcceptedDomain", hubDomain=name,
                                 hubDomainType="InternalRelay")

    def known(self, *domains):
        """Those domains that the edge takes mail for."""
        return [name for name in domains if self.rcpt("x@" + name).startswith("250")]

    # --- the beginning ---

    def test_before_the_first_push(self):
        self.assertEqual(self.before_all["not subscribed"],
                         {"subscribed": False, "configuration": None, "recipients": None})
        self.assertEqual(self.before_all["stranger"], "550 5.7.1")
        self.assertTrue(self.before_all["new"]["subscribed"])
        self.assertIn("nothing was pushed yet", self.before_all["new"]["recipients"]["reason"])
        self.assertEqual(self.before_all["anna"], "451 4.3.0")

    def test_what_is_told(self):
        told = self.part("configuration")
        self.assertEqual((told["in_step"], told["holder"], told["reason"]),
                         (True, "london1", None))
        self.assertRegex(told["fingerprint"], "^[0-9a-f]{64}$")
        for name in ("pushed", "in_force_since"):
            self.assertRegex(told[name], r"^20\d\d-.*Z$")
        self.assertEqual(self.edge.status()["recipients"]["count"], len(PEOPLE))
        done = run_ctl(self.edge, "config", "status")
        self.assertIn("edge1: subscribed, 3 recipients known", done.stdout)
        self.assertRegex(done.stdout, "configuration pushed 20.* by london1, fingerprint ")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        metrics = run_ctl(self.edge, "metrics").stdout
        for line in ("hub_edge_configuration_in_step 1", "hub_recipients 3",
                     "hub_edge_recipients_incomplete_seconds 0"):
            self.assertIn(line + "\n", metrics)

    # --- a directory that seems to be older ---

    def years_ago(self, *edit):
        """
        The directory stopped and begun anew as if it had been written long ago (so it looks when
        slapd was killed while its clock was wrong), perhaps with another text in it. How often
        the edge did not believe it.
        """
        d, edge = self.directory, self.edge
        held = len(edge.events("directory-held"))
        live = len(edge.events("directory-live", tree="organization"))
        d.stop()
        kept = d.backup()
        text = re.sub(r"(?m)^(entryCSN|contextCSN): 20\d\d", r"\1: 2001", kept)
        if edit:
            self.assertIn(edit[0], text)
        d.restore(text.replace(*edit) if edit else text)
        d.start()
        wait_for("it has looked", lambda: len(
            edge.events("directory-live", tree="organization")) > live)
        self.addCleanup(lambda: (d.stop(), d.restore(kept), d.start()))
        return len(edge.events("directory-held")) - held

    def test_older_directory_with_a_whole_push(self):
        """The digest proves it; nobody has to be asked."""
        self.assertEqual(self.years_ago(), 0)
        self.assertTrue(self.part("configuration")["in_step"])

    def test_older_directory_with_something_else_of_the_edge(self):
        """Which no digest proves: a backup, perhaps."""
        self.assertEqual(self.years_ago("hubTarpitInterval: 0", "hubTarpitInterval: 7"), 1)

    # --- pushes ---

    def test_every_prefix_of_a_push(self):
        p, before = self.pusher, self.edge.fingerprint()
        wanted = copy.deepcopy(p.entries)
        del wanted["cn=relay.example,cn=Accepted Domains"]
        wanted.update(self.domain("new.example"))
        wanted[""]["hubMaxReceiveSize"] = [b"1000000"]
        wanted["cn=london2,cn=Servers"]["hubEnabled"] = [b"FALSE"]
        wanted.update(p.entry("To Internet", "Connectors", "hubSendConnector",
                              hubAddressSpace="SMTP:*;100", hubSourceServer=self.edge.dn()))
        *operations, marker = p.operations(wanted)
        self.assertEqual(len(operations), 5)
        for operation in operations:
            p.write(operation)
            self.seen()
            told = self.part("configuration")
            self.assertEqual((self.edge.fingerprint(), told["in_step"]), (before, False))
            self.assertIn("not finished", told["reason"])
        self.assertIsNotNone(told["incomplete_since"])
        self.assertEqual(run_ctl(self.edge, "config", "status").returncode, 1)
        self.assertEqual(self.known("relay.example", "new.example"), ["relay.example"])
        p.write(marker)
        p.entries = wanted
        self.seen()
        self.assertTrue(self.part("configuration")["in_step"])
        self.assertEqual(self.known("relay.example", "new.example"), ["new.example"])

    def test_a_marker_with_another_digest(self):
        p, before = self.pusher, self.edge.fingerprint()
        wanted = {**p.entries, **self.domain("new.example")}
        *operations, marker = p.operations(wanted)
        wrong = ("not finished", p.marker("Configuration", "0" * 64)), (
            "no digest", p.marker("Configuration", digest(wanted), hubPushDigest=None))
        p.write("\n".join(operations))
        for reason, text in wrong:
            p.write(text)
            self.seen()
            self.assertEqual(self.edge.fingerprint(), before)
            self.assertIn(reason, self.part("configuration")["reason"])
        p.write(marker)
        p.entries = wanted
        self.seen()
        self.assertNotEqual(self.edge.fingerprint(), before)

    def half_push(self):
        """Its marker is returned; new.example is not known until it is written."""
        p = self.pusher
        wanted = {**p.entries, **self.domain("new.example")}
        *operations, marker = p.operations(wanted)
        p.write("\n".join(operations))
        p.entries = wanted
        return marker

    def test_restarts_amid_a_push(self):
        p = self.pusher
        marker = self.half_push()
        self.seen()
        wait_for("the cache", lambda: "hubSubscribed: TRUE" in self.edge.cache("organization"))
        wait_for("the cache", lambda: "hubBucketHash::" in self.edge.cache("buckets"))
        for end in (self.edge.kill, self.edge.stop):
            with self.subTest(end=end.__name__):
                end()
                self.edge.start()
                self.seen()
                self.assertEqual(self.known("relay.example", "new.example"), ["relay.example"])
                self.assertEqual(self.rcpt("anna@contoso.com", "nobody@contoso.com"),
                                 "250 2.1.5 550 5.1.1")
                self.assertFalse(self.part("configuration")["in_step"])
                self.assertTrue(self.part("recipients")["in_step"])
        with self.subTest("without slapd"):
            self.edge.stop()
            self.directory.stop()
            self.edge.start()
            self.assertEqual(self.known("relay.example", "new.example"), ["relay.example"])
            self.assertEqual(self.rcpt("anna@contoso.com", "nobody@contoso.com"),
                             "250 2.1.5 550 5.1.1")
            self.assertTrue(self.edge.status()["from_cache"])
            self.directory.start()
            self.seen()
            self.assertEqual(self.known("new.example"), [])
        p.write(marker)
        self.seen()
        self.assertEqual(self.known("new.example"), ["new.example"])

    def test_slapd_vanishes_amid_a_push(self):
        marker = self.half_push()
        self.seen()
        self.directory.stop()
        wait_for("it is seen", lambda: self.edge.status()["directory"]["state"] != "live")
        self.assertEqual(self.known("relay.example", "new.example"), ["relay.example"])
        self.directory.start()
        self.pusher.write(marker)
        self.seen()
        self.assertEqual(self.known("relay.example", "new.example"),
                         ["relay.example", "new.example"])

    # --- the guard (guard.h) ---

    def many(self, count):
        return {name: values for i in range(count)
                for name, values in self.domain("d%d.example" % i).items()}

    def test_large_losses_that_were_pushed(self):
        """While nobody watched: it is what the marker says, so it is believed."""
        p = self.pusher
        small = dict(p.entries)
        p.push({**small, **self.many(30)})
        self.seen()
        self.assertEqual(self.known("d0.example"), ["d0.example"])
        wait_for("the cache", lambda: "d29.example" in self.edge.cache("organization"))
        self.edge.stop()
        p.push(small)
        self.edge.start()
        self.seen()
        self.assertIsNone(self.edge.status()["directory"]["held"])
        self.assertEqual(self.known("d0.example", "relay.example"), ["relay.example"])

    def test_a_restored_backup(self):
        """Is older than what is in force, which stays until a push makes it right again."""
        p, d = self.pusher, self.directory
        backup = d.backup()
        with p.change() as wanted:
            wanted.update(self.domain("new.example"))
        self.seen()
        d.stop()
        d.restore(backup)
        d.start()
        wait_for("held", lambda: self.edge.status()["directory"]["held"])
        self.assertEqual(self.known("new.example"), ["new.example"])
        entries = p.entries
        p.forget()
        p.push(entries)
        wait_for("believed", lambda: self.edge.status()["directory"]["held"] is None)
        self.seen()
        self.assertTrue(self.part("configuration")["in_step"])
        self.assertTrue(self.part("recipients")["in_step"])
        self.assertEqual(self.known("new.example"), ["new.example"])

    def test_end_of_a_subscription_while_nobody_watched(self):
        p, d = self.pusher, self.directory
        self.edge.stop()
        gone = [p.dn(name) for name in p.entries if name and "Sites" not in name]
        p.write("\n".join("dn: %s\nchangetype: delete\n" % dn for dn in gone))
        d.change("cn=Edge State," + d.base, hubSubscribed="FALSE")
        self.edge.start()
        self.seen()
        told = self.edge.status()
        self.assertIsNone(told["directory"]["held"])
        self.assertFalse(told["edge"]["subscribed"])
        self.assertEqual(self.rcpt("anna@contoso.com"), "550 5.7.1")
        # and again: what was in force without a marker stays until the first push is complete
        d.change("cn=Edge State," + d.base, hubSubscribed="TRUE")
        entries = p.entries
        p.entries = {name: values for name, values in entries.items() if p.dn(name) not in gone}
        p.push(entries)
        self.seen()
        self.assertEqual(self.rcpt("anna@contoso.com", "x@relay.example"), "250 2.1.5 250 2.1.5")

    # --- others who write there ---

    def test_what_local_administrators_write(self):
        d, before = self.directory, self.edge.fingerprint()
        dn = d.dn("relay.example", "Accepted Domains")
        done = d.change(dn, check=False, hubDomainType="ExternalRelay")
        self.assertIn("Insufficient access", done.stdout + done.stderr)
        with self.subTest("their own entries"):
            self.addCleanup(d.change, self.edge.dn(), hubComment=None)
            d.change(self.edge.dn(), hubComment="ours")
            self.seen()
            self.assertNotEqual(self.edge.fingerprint(), before)
            self.assertTrue(self.part("configuration")["in_step"])
            d.change(self.edge.dn(), hubComment=None)
            self.seen()
            self.assertEqual(self.edge.fingerprint(), before)
        with self.subTest("past the access rules"):
            d.stop()
            d.offline("slapmodify", "-b", d.suffix, stdin=(
                "dn: %s\nchangetype: modify\nreplace: hubDomainType\n"
                "hubDomainType: ExternalRelay\n" % dn))
            d.start()
            wait_for("it is seen", lambda: not self.part("configuration")["in_step"])
            self.assertEqual(self.edge.fingerprint(), before)
            self.assertIn("not finished", self.part("configuration")["reason"])
        self.pusher.write("dn: %s\nchangetype: modify\nreplace: hubDomainType\n"
                          "hubDomainType: InternalRelay\n" % dn)
        self.seen()
        self.assertTrue(self.part("configuration")["in_step"])

    def test_what_is_here_is_right(self):
        """hubEpoch of an edge is its own, as are the settings of shadows."""
        before = self.edge.fingerprint()
        done = run_ctl(self.edge, "config", "accept")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.seen()
        self.assertTrue(self.part("configuration")["in_step"])
        self.assertNotEqual(self.edge.fingerprint(), before)
        self.directory.change(self.directory.base, hubShadowTakeoverTime="60")
        self.addCleanup(self.directory.change, self.directory.base, hubShadowTakeoverTime=None)
        done = self.directory.change(self.directory.base, check=False, hubMaxReceiveSize="1")
        self.assertIn("Insufficient access", done.stdout + done.stderr)

    # --- recipients ---

    def test_recipients(self):
        for addresses, codes in (
                (("anna@contoso.com", "ANNA@Contoso.COM"), "250 2.1.5 250 2.1.5"),
                (("anna+news@contoso.com", "+anna@contoso.com"), "250 2.1.5 550 5.1.1"),
                (("nobody@contoso.com", "postmaster@contoso.com"), "550 5.1.1 250 2.1.5"),
                (("anybody@relay.example",), "250 2.1.5")):
            self.assertEqual(self.rcpt(*addresses), codes, addresses)

    def test_every_prefix_of_a_push_of_recipients(self):
        p = self.pusher
        self.addCleanup(self.seen)
        self.addCleanup(p.recipients, PEOPLE)
        wanted = buckets_of(p.key, {"carl@contoso.com", "dora@contoso.com"})
        *operations, marker = p.recipient_operations(wanted)
        for operation in operations:
            p.write(operation)
            self.seen()
            self.assertFalse(self.part("recipients")["in_step"])
            self.assertEqual(self.rcpt("anna@contoso.com", "carl@contoso.com"),
                             "250 2.1.5 550 5.1.1")
        p.write(marker)
        p.buckets = wanted
        self.seen()
        self.assertEqual(self.rcpt("anna@contoso.com", "carl@contoso.com"),
                         "550 5.1.1 250 2.1.5")

    def test_buckets_of_nonsense(self):
        p = self.pusher
        self.addCleanup(self.seen)
        self.addCleanup(p.recipients, PEOPLE)
        number, value = next(iter(p.buckets.items()))
        free = next(n for n in range(4096) if n not in p.buckets)
        for what, bad in (("size", value[:-1]), ("twice", value + value), (
                "another bucket", bytes(16) if number else b"\xff" * 16)):
            with self.subTest(what):
                p.write(p.bucket(number, bad))
                p.write(p.marker("Recipients", buckets_digest({**p.buckets, number: bad}),
                                 hubHashKey=p.key))
                self.seen()
                self.assertIn("cn=%03x" % number, self.part("recipients")["reason"])
                self.assertEqual(self.rcpt("anna@contoso.com", "nobody@contoso.com"),
                                 "250 2.1.5 550 5.1.1")
        p.write(p.bucket(number, value))
        with self.subTest("no bucket"):
            dn = "cn=nothing,cn=Recipients," + p.base
            p.write("dn: %s\nchangetype: add\nobjectClass: hubRecipientBucket\ncn: nothing\n" % dn)
            p.write(p.marker("Recipients", buckets_digest(p.buckets), hubHashKey=p.key))
            self.seen()
            self.assertTrue(self.part("recipients")["in_step"])
            p.write("dn: %s\nchangetype: delete\n" % dn)
        with self.subTest("no key"):
            p.write(p.marker("Recipients", buckets_digest(p.buckets), hubHashKey=None))
            self.seen()
            self.assertIn("hubHashKey", self.part("recipients")["reason"])
            self.assertEqual(self.rcpt("anna@contoso.com"), "250 2.1.5")
        self.assertNotIn(free, p.buckets)

    def test_twenty_thousand(self):
        p = self.pusher
        self.addCleanup(self.seen)
        self.addCleanup(p.recipients, PEOPLE)
        many = PEOPLE | {"user%d@contoso.com" % i for i in range(20000)}
        p.recipients(many)
        self.seen()
        self.assertEqual(self.edge.status()["recipients"]["count"], len(many))
        self.assertEqual(self.rcpt("user0@contoso.com", "user19999@contoso.com",
                                   "user20000@contoso.com", "jÖrg@contoso.com"),
                         "250 2.1.5 250 2.1.5 550 5.1.1 250 2.1.5")
        with self.subTest("one comes, one goes"):
            p.recipients(many - {"user0@contoso.com"} | {"new@contoso.com"})
            self.seen()
            self.assertEqual(self.rcpt("user0@contoso.com", "new@contoso.com"),
                             "550 5.1.1 250 2.1.5")
        with self.subTest("after a restart without slapd"):
            self.edge.stop()
            self.directory.stop()
            self.edge.start()
            self.assertEqual(self.rcpt("user0@contoso.com", "new@contoso.com"),
                             "550 5.1.1 250 2.1.5")
            self.directory.start()
            self.seen()
        # 50 ms are the aim; what a busy machine takes from it is not ours
        self.assertFalse([e for e in self.edge.events("loop-turn-long") if int(e["ms"]) > 1000])


def run_ctl(hub, *arguments):
    d = hub.directory
    return run(build_path("tools", "hubctl"), "--control", hub.control, "--directory", d.uri,
               "--base", d.base, "-D", d.admin, "-y", d.password_file, *arguments)


if __name__ == "__main__":
    unittest.main()
