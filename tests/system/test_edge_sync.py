"""hubctl edge-sync, the metrics of edgesyncd and its end, with an edge and two hubs of its site.

What is told must be true at both hubs, whichever holds the lease.
"""

import base64
import calendar
import http.client
import json
import re
import ssl
import time
import unittest

from .harness.base import build_path, free_port, run, wait_for
from .harness.directory import record
from .harness.edge import EdgeSync as HubSync
from .harness.subscribed import LEASE_S, Subscribed

DATA = ("configuration", "recipients")


def seconds(text, form="%Y-%m-%dT%H:%M:%S.%fZ"):
    return calendar.timegm(time.strptime(text, form))


def not_after(certificate):
    """When it ends, says openssl."""
    told = run("openssl", "x509", "-in", certificate, "-noout", "-enddate", check=True).stdout
    return seconds(told.strip().partition("=")[2], "%b %d %H:%M:%S %Y %Z")


class EdgeSync(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.s = Subscribed()
        cls.addClassCleanup(cls.s.close)
        # somebody who may write what nobody may
        cls.s.edge.directory.offline("slapmodify", "-b", "cn=config", stdin=(
            "dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\n"
            "replace: olcRootPW\nolcRootPW: root\n"))
        cls.s.start()
        cls.edge, cls.d = cls.s.edge, cls.s.org.directory

    # --- asking ---

    def ask(self, sync, verb, *arguments, status=0):
        """The one edge in the answer."""
        done = sync.ctl("edge-sync", verb, *arguments, check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["server"], sync.name)
        self.assertEqual([edge["name"] for edge in answer["edges"]], ["edge1"])
        return answer["edges"][0]

    def words(self, sync, *arguments, status=0):
        """What people see."""
        done = run(build_path("tools", "hubctl"), "--control", sync.control, "edge-sync",
                   *arguments)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def in_step_at_all(self):
        for sync in self.s.syncs:
            wait_for(lambda s=sync: "in step, says %s: %s" % (s.name, s.edge("edge1")),
                     lambda s=sync: s.ctl("edge-sync", "test", "edge1",
                                          check=False).returncode == 0)

    def holder(self):
        return self.s.wait_holder()

    def other(self):
        holder = self.holder()
        return next(sync for sync in self.s.syncs if sync is not holder)

    def metrics(self, sync):
        """Samples by name, of an edge without that label."""
        done = run(build_path("tools", "hubctl"), "--control", sync.control, "metrics", check=True)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[-1], "# EOF")
        samples = {}
        families = []
        for line in lines[:-1]:
            if line.startswith("# TYPE "):
                families.append(line.split()[2])
                continue
            if line.startswith("# HELP "):
                continue
            name, value = line.rsplit(" ", 1)
            self.assertTrue(name.startswith(families[-1]), line)
            samples[re.sub(r"\{edge=\"edge1\",", "{", name).replace('{edge="edge1"}', "")] = (
                int(value))
        self.assertEqual(len(families), len(set(families)))
        return samples

    # --- in step ---

    def test_in_step(self):
        self.in_step_at_all()
        holder = self.holder()
        for sync in self.s.syncs:
            edge = self.ask(sync, "test")
            self.assertEqual(edge["in_step"], {"configuration": True, "recipients": True})
            self.assertEqual(edge["fingerprint"]["here"], self.s.org.london1.fingerprint())
            self.assertEqual(edge["fingerprint"]["edge"], self.s.org.london1.fingerprint())
            for data in DATA:
                self.assertEqual(edge[data]["edge"], edge[data]["here"])
                self.assertEqual(edge[data]["edge"], self.edge.marker(data.title())[
                    "hubpushdigest"])
            self.assertEqual(edge["lease"]["holder"], holder.name)
            self.assertEqual(edge["lease"]["mine"], sync is holder)
            self.assertEqual([(hub["name"], hub["enrolled"]) for hub in edge["hubs"]],
                             [("london1", True), ("london2", True)])
            self.assertGreater(edge["account_expires"], "2026")
            self.assertGreater(edge["certificate_expires"], "2026")
            self.assertIsNone(edge["error"])
            self.assertIsNone(edge["held"])
            self.assertNotEqual(edge["configuration"]["count"], 0)
            text = self.words(sync, "test")
            self.assertRegex(text, r"(?m)^edge1 +in step +\d+ .* %s +2/2 " % holder.name)

    def as_root(self, *command, stdin=None):
        """At the edge's slapd, past every access rule."""
        d = self.edge.directory
        return run(command[0], "-x", "-H", d.uri, "-D", "cn=root," + d.suffix, "-w", "root",
                   *command[1:], stdin=stdin, check=True).stdout

    def bucket(self):
        """DN and value of one of them."""
        found = self.as_root("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", "cn=Recipients," +
                             self.edge.directory.base, "(hubBucketHash=*)", "hubBucketHash")
        return re.search(r"(?m)^dn: (\S+.*)\nhubBucketHash:: (\S+)$", found).groups()

    def tamper(self):
        """One object is changed, one is gone, one is too much, and one bucket is another."""
        d = self.edge.directory
        bucket, value = self.bucket()
        value = base64.b64decode(value)
        other = value[:2] + bytes(255 - byte for byte in value[2:])  # of the same bucket
        self.as_root("ldapmodify", stdin=(
            "dn: %s\nchangetype: modify\nreplace: hubComment\nhubComment: tampered\n\n"
            "dn: %s\nchangetype: delete\n\n"
            "dn: %s\nchangetype: modify\nreplace: hubBucketHash\nhubBucketHash:: %s\n" % (
                d.dn("contoso.com", "Accepted Domains"), d.dn("By edge", "Connectors"), bucket,
                base64.b64encode(other).decode())))
        self.as_root("ldapadd", stdin=record(d.dn("surplus.example", "Remote Domains"),
                                             "hubRemoteDomain", cn="surplus.example",
                                             hubDomain="surplus.example"))
        return [("configuration", "different", d.dn("contoso.com", "Accepted Domains").lower()),
                ("configuration", "missing", d.dn("By edge", "Connectors").lower()),
                ("configuration", "surplus", d.dn("surplus.example", "Remote Domains").lower()),
                ("recipients", "different", "recipients %s: 1 missing, 1 too many" % (
                    bucket.partition(",")[0].partition("=")[2]))]

    def test_every_object_that_differs(self):
        self.in_step_at_all()
        repaired = {data: self.holder().edge("edge1")[data]["repaired"] for data in DATA}
        before = self.stands()
        wanted = self.tamper()
        self.assertNotEqual(self.stands(), before)
        try:
            # what the holder notices it puts right at once
            for sync in (self.other(), self.other(), self.holder()):
                edge = self.ask(sync, "test", "--full", status=1)
                self.assertEqual(edge["different"], len(wanted))
                self.assertEqual(sorted((o["data"], o["what"], o["object"].lower())
                                        for o in edge["differences"]), wanted)
        finally:
            done = self.ask(self.holder(), "start", "--full")
        for data in DATA:
            self.assertEqual(done[data]["failed"], 0)
        self.assertGreaterEqual(done["configuration"]["scanned"], 5)
        self.assertGreaterEqual(done["recipients"]["scanned"], 3)
        told = self.holder().edge("edge1")
        self.assertEqual({data: told[data]["repaired"] - repaired[data] for data in DATA},
                         {"configuration": 3, "recipients": 1})
        for sync in self.s.syncs:
            self.assertEqual(self.ask(sync, "test", "--full")["different"], 0)
        self.assertEqual(self.stands(), before)

    def stands(self):
        """What stands at the edge that is pushed."""
        found = self.as_root("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b",
                             self.edge.directory.base, "(|(objectClass=hubAcceptedDomain)"
                             "(objectClass=hubRemoteDomain)(objectClass=hubSendConnector)"
                             "(objectClass=hubRecipientBucket))", "*")
        return sorted(sorted(part.splitlines()) for part in found.split("\n\n"))

    # --- what ends, and when ---

    def account_ends(self, sync):
        """When the account ends by which it is connected, as the edge has it."""
        name = sync.events("edge-connected")[-1]["account"].partition(",")[0]
        entry = self.edge.directory.entry("%s,cn=Sync Accounts,%s" % (
            name, self.edge.directory.base))
        return seconds(entry["hubvalidto"][0].decode(), "%Y%m%d%H%M%SZ")

    def test_what_ends_when(self):
        """Of the certificate and of each account: at all hubs, for people, and as metrics."""
        self.in_step_at_all()
        certificate = not_after(self.edge.directory.key.certificate)
        ends = {sync.name: self.account_ends(sync) for sync in self.s.syncs}
        for sync in self.s.syncs:
            edge, told = self.ask(sync, "test"), self.metrics(sync)
            self.assertEqual(seconds(edge["certificate_expires"]), certificate)
            self.assertEqual(told["hub_edge_certificate_expiry_timestamp_seconds"], certificate)
            self.assertEqual(seconds(edge["account_expires"]), ends[sync.name])
            self.assertEqual(told["hub_edge_account_expiry_timestamp_seconds"], ends[sync.name])
            self.assertEqual({hub["name"]: seconds(hub["account_expires"])
                              for hub in edge["hubs"]}, ends)
            text = run(build_path("tools", "hubctl"), "-o", "wide", "--control", sync.control,
                       "edge-sync", "test", check=True).stdout
            for what in ("certificate", "account"):
                self.assertIn(" until %s\n" % edge[what + "_expires"], text)

    def test_age(self):
        """Since what stands there was pushed or found right: since a push at most, and it grows."""
        self.in_step_at_all()
        holder = self.holder()
        begun = time.time()
        self.ask(holder, "start", "--full")
        edge = self.ask(holder, "test")
        self.assertLessEqual(edge["age_s"], time.time() - begun + 1)
        for data in DATA:
            self.assertGreaterEqual(seconds(edge[data]["pushed"]), int(begun))
        self.assertRegex(self.words(holder, "test"), r"(?m)^edge1 +in step +\d+ ")
        wait_for("it grows", lambda: holder.edge("edge1")["age_s"] > edge["age_s"])

    def test_a_hub_without_an_account(self):
        """Nothing can be sealed for a hub without a certificate: it is told which one that is."""
        self.in_step_at_all()
        dn = self.d.dn("london3", "Servers")
        self.d.add(record(dn, "hubServer", cn="london3", hubRole="Hub", hubFQDN="london3.example",
                          hubAddress="127.0.0.1", hubServerSite=self.d.dn("London", "Sites")))
        try:
            for sync in self.s.syncs:
                wait_for("the hub is seen", lambda s=sync: any(
                    not h["enrolled"] for h in s.edge("edge1").get("hubs", ())))
                done = run(build_path("tools", "hubctl"), "--control", sync.control, "edge-sync",
                           "test")
                self.assertIn("edge1: hub london3 has no account there\n", done.stdout)
                self.assertRegex(done.stdout, r"(?m)^edge1 .* 2/3 ")
                self.assertNotIn("hub london1 has", done.stdout)
        finally:
            self.d.delete(dn)
        self.in_step_at_all()

    def test_verify_recipient(self):
        self.in_step_at_all()
        for sync in self.s.syncs:
            for address, known in (("anna@contoso.com", True), ("ANNA@Contoso.COM", True),
                                   ("nobody@contoso.com", False)):
                edge = self.ask(sync, "test", "--verify-recipient", address,
                                status=0 if known else 1)
                self.assertEqual(edge["verified"],
                                 {"address": address, "here": known, "edge": known})
            self.assertIn("edge1: anna@contoso.com is known there", self.words(
                sync, "test", "edge1", "--verify-recipient", "anna@contoso.com"))
            # both sides agree that there is nobody
            self.assertRegex(self.words(
                sync, "test", "--verify-recipient", "nobody@contoso.com", status=1),
                r"(?m)^edge1 +in step [^$]*is known neither here nor there")

    def test_control_behind_the_noun(self):
        """It counts as before the noun; where nobody listens, path and reason are named."""
        sync = self.s.syncs[0]
        env = {"EDGESYNCD_CONF": sync.settings}
        hubctl = build_path("tools", "hubctl")
        done = run(hubctl, "edge-sync", "test", "--control", sync.control + ".not", env=env)
        self.assertEqual((done.returncode, done.stderr), (
            1, "hubctl: edgesyncd at %s.not: No such file or directory\n" % sync.control))
        done = run(hubctl, "edge-sync", "test", "--control", sync.control)
        self.assertIn("edge1", done.stdout)

    # --- not in step ---

    def test_held(self):
        """Much that goes away is held back until an administrator says that it is meant."""
        self.in_step_at_all()
        names = ["held%d" % n for n in range(20)]
        self.d.add("".join(self.s.org.person(name) for name in names))
        wait_for("people are there", lambda: self.ask_quietly("held19@contoso.com"))
        self.d.modify("".join("dn: uid=%s,ou=People,%s\nchangetype: delete\n\n" % (
            name, self.d.suffix) for name in names[:15]))
        self.in_step_held()

    def ask_quietly(self, address):
        return all(sync.ctl("edge-sync", "test", "--verify-recipient", address,
                            check=False).returncode == 0 for sync in self.s.syncs)

    def in_step_held(self):
        holder, other = self.holder(), self.other()
        wait_for(lambda: "held: %s" % holder.edge("edge1"), lambda: holder.edge("edge1")["held"])
        self.assertIn("recipients", self.ask(holder, "test", status=1)["held"])
        self.assertRegex(self.words(holder, "test", status=1), r"(?m)^edge1 +held ")
        self.assertEqual(self.ask(other, "test", status=1)["in_step"]["recipients"], False)
        self.assertEqual(self.metrics(holder)['hub_edge_held{data="recipients"}'], 1)
        self.assertIsNotNone(self.ask(holder, "start", "--full", status=1)["held"])
        done = self.ask(holder, "start", "--full", "--allow-loss")
        self.assertEqual(done["recipients"]["deleted"], 15)
        self.in_step_at_all()
        self.assertEqual(self.metrics(holder)['hub_edge_held{data="recipients"}'], 0)

    def test_unreachable(self):
        self.in_step_at_all()
        self.edge.directory.stop()
        try:
            for sync in self.s.syncs:
                wait_for(lambda s=sync: "%s notices: %s" % (s.name, s.edge("edge1")),
                         lambda s=sync: s.edge("edge1")["state"] == "waiting")
                edge = self.ask(sync, "test", "--full", status=1)
                self.assertEqual(edge["in_step"], {"configuration": None, "recipients": None})
                self.assertIn(edge["uri"].partition("//")[2], edge["error"])
                self.assertRegex(self.words(sync, "test", status=1), r"(?m)^edge1 +unreachable ")
                # which is said before anybody's lease could end
                begun = time.monotonic()
                self.assertIsNotNone(self.ask(sync, "start", status=1)["error"])
                self.assertLess(time.monotonic() - begun, LEASE_S)
                self.assertIsNone(edge["configuration"]["count"])
                self.assertEqual(self.metrics(sync)["hub_edge_connected"], 0)
        finally:
            self.edge.directory.start()
        self.in_step_at_all()

    def test_organization_unknown(self):
        """Edges may be in step with what was known last; whether they are, nobody knows."""
        self.in_step_at_all()
        self.d.stop()
        try:
            for sync in self.s.syncs:
                wait_for("noticed", lambda s=sync: s.status()["directory"]["state"] != "live")
                self.ask(sync, "test", status=1)
                self.assertIn("does not have the organization's directory", self.words(
                    sync, "test", status=1))
        finally:
            self.d.start()
        self.in_step_at_all()

    # --- the lease ---

    def test_start_moves_the_lease(self):
        self.in_step_at_all()
        other = self.other()
        done = self.ask(other, "start", "edge1")
        self.assertEqual((done["in_step"], done["error"], done["held"]), (True, None, None))
        self.assertIs(self.holder(), other)

    def test_term_gives_the_lease_back(self):
        self.in_step_at_all()
        holder, other = self.holder(), self.other()
        self.assertEqual(holder.stop(), 0)
        try:
            self.assertNotEqual(self.edge.holder(), holder.name)
            self.assertIn("event=stopped", holder.log())
            self.assertIs(self.s.wait_holder([other]), other)
        finally:
            holder.start()
        self.in_step_at_all()

    # --- metrics ---

    def test_metrics(self):
        self.in_step_at_all()
        for sync in self.s.syncs:
            edge, told = sync.edge("edge1"), self.metrics(sync)
            self.assertEqual(told["hub_edges"], 1)
            self.assertEqual(told["hub_recipients"], sync.status()["recipients"]["count"])
            self.assertEqual(told["hub_edge_connected"], 1)
            self.assertEqual(told["hub_edge_lease_mine"], int(edge["lease"]["mine"]))
            self.assertEqual(told["hub_edge_leased"], 1)
            self.assertEqual((told["hub_edge_hubs"], told["hub_edge_hubs_enrolled"]), (2, 2))
            self.assertEqual(told["hub_edge_leases_total"], edge["leases_taken"])
            for data in DATA:
                self.assertEqual(told['hub_edge_in_step{data="%s"}' % data], 1)
                if sync is not self.holder():
                    continue
                self.assertEqual(told['hub_edge_objects{data="%s"}' % data],
                                 edge[data]["count"])
                self.assertEqual(told['hub_edge_pushes_total{data="%s"}' % data],
                                 edge[data]["pushes"])
                for count in ("added", "changed", "deleted"):
                    self.assertEqual(told['hub_edge_%s_total{data="%s"}' % (count, data)],
                                     edge[data]["total"][count])

    # --- who asks whom ---

    def test_refused(self):
        sync = self.s.syncs[0]
        hubctl = build_path("tools", "hubctl")
        rows = [
            (["--control", sync.control, "edge-sync", "test", "edge9"], 1, "knows no edge edge9"),
            (["--control", sync.hub.control, "edge-sync", "test"], 1, "is hubd, not edgesyncd"),
            (["--control", sync.control + "x", "edge-sync", "test"], 1, sync.control + "x"),
            (["--control", sync.control, "--server", "paris1", "edge-sync", "test"], 2, "--admin"),
            (["--control", sync.control, "edge-sync", "test", "--admin", "x:1"], 2, "--server"),
            (["--control", sync.control, "edge-sync", "test", "--allow-loss"], 2, "--allow-loss"),
            (["--control", sync.control, "edge-sync", "test", "a", "b"], 2, "usage"),
        ]
        for arguments, status, text in rows:
            with self.subTest(arguments):
                done = run(hubctl, *arguments)
                self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
                self.assertIn(text, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)

    def test_where_it_is_found(self):
        sync = self.s.syncs[1]
        done = run(build_path("tools", "hubctl"), "-o", "json", "edge-sync", "test",
                   env={"EDGESYNCD_CONF": sync.settings, "HUBD_CONF": sync.hub.settings})
        self.assertEqual(json.loads(done.stdout)["server"], sync.name, done.stderr)
        done = run(build_path("tools", "hubctl"), "-o", "json", "-f", sync.settings, "edge-sync",
                   "test")
        self.assertEqual(json.loads(done.stdout)["server"], sync.name, done.stderr)
        done = run(build_path("tools", "hubctl"), "edge-sync", "test", env={
            "EDGESYNCD_CONF": "/does/not/exist"})
        self.assertEqual(done.returncode, 2)
        self.assertIn("which edgesyncd?", done.stderr)

    def test_another_hub(self):
        """Its edgesyncd is known by the hub's key, and people by their roles; it has no edges."""
        port, paris = free_port(), self.s.org.paris1
        sync = HubSync(paris, admin="127.0.0.1:%d" % port).start()
        self.addCleanup(sync.stop)
        wait_for("it knows the organization", lambda: (sync.status() or {}).get("fingerprint"))
        d = self.d
        for server, status, text in (("paris1", 0, "no edge is subscribed to its site"),
                                     ("london1", 1, "does not hold a key")):
            done = run(build_path("tools", "hubctl"), "--directory", d.uri, "--base", d.base, "-D",
                       d.admin, "-y", d.password_file, "--client-certificate",
                       paris.key.certificate, "--client-key", paris.key.key, "--server", server,
                       "edge-sync", "test", "--admin", "127.0.0.1:%d" % port)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(text, done.stdout + done.stderr)
        for key, status in ((paris.key, 200), (self.edge.hub.key, 401)):
            context = ssl._create_unverified_context()
            context.load_cert_chain(key.certificate, key.key)
            client = http.client.HTTPSConnection("127.0.0.1", port, context=context)
            client.request("GET", "/status")
            self.assertEqual(client.getresponse().status, status)
            client.close()

    def test_requests(self):
        """What hubctl never sends."""
        sync = self.s.syncs[0]
        for path, method, body, text in (
                ("/queue", "GET", None, "there is no path /queue: /status, /metrics, /start and"),
                ("/start", "GET", None, "/start takes POST only"),
                ("/start", "POST", {"edge": 1}, "edge must be a text"),
                ("/test", "POST", {"full": "yes"}, "full must be true or false"),
                ("/test", "POST", [], "body is no JSON object")):
            with self.subTest(path=path, body=body):
                self.assertIn(text, sync.ask(path, method, body)["error"])


if __name__ == "__main__":
    unittest.main()
