"""hubctl route what-if, table and map, and explain with changes that are not made yet."""

import base64
import json
import os
import random
import unittest
import xml.etree.ElementTree as ElementTree

from oracle.generate import Generator
from oracle.model import Object, dn_of, to_ldif

from .harness.base import build_path, run
from .harness.offline import OfflineCase
from .harness.organization import Organization

SVG = "{http://www.w3.org/2000/svg}"


def site(name):
    return dn_of("hubSite", name)


def server(name):
    return dn_of("hubServer", name)


def organization():
    """London - Paris (hub site) - New York, an edge at London, a way out at each end."""
    yield Object("hubOrganization", "Transport")
    for name in ("London", "New York", "Paris"):
        yield Object("hubSite", name, hubHubSite="TRUE" if name == "Paris" else None)
    yield Object("hubSiteLink", "Channel", hubSiteList=[site("London"), site("Paris")], hubCost=10)
    yield Object("hubSiteLink", "Atlantic", hubSiteList=[site("Paris"), site("New York")],
                 hubCost=25, hubMaxMessageSize=5000000)
    for name, place in (("london1", "London"), ("london2", "London"), ("paris1", "Paris"),
                        ("ny1", "New York")):
        yield Object("hubServer", name, hubRole="Hub", hubServerSite=site(place))
    yield Object("hubServer", "edge1", hubRole="Edge")
    yield Object("hubEdgeSubscription", "edge1", hubServerRef=server("edge1"),
                 hubServerSite=site("London"))
    yield Object("hubMailboxServer", "mbx", hubServerSite=site("New York"))
    yield Object("hubSendConnector", "Internet", hubAddressSpace="*",
                 hubSourceServer=server("edge1"))
    yield Object("hubSendConnector", "Inbound", hubAddressSpace="--", hubSmartHost="--",
                 hubSourceServer=server("edge1"))
    yield Object("hubSendConnector", "Fabrikam",
                 hubAddressSpace=["fabrikam.com", "*.fabrikam.net;5"],
                 hubSourceServer=server("ny1"), hubMaxMessageSize=0)
    yield Object("hubForeignConnector", "Fax & more",
                 hubAddressSpace="FAX:*", hubSourceServer=server("paris1"))
    yield Object("hubAcceptedDomain", "Contoso", hubDomain="contoso.com")


def net(sites):
    """A tree with chords, hub sites, limits, edges, connectors of all kinds, a routing group."""
    rolls = random.Random("map/%d" % sites)
    names = ["Site %s%d" % ("of a long name " if i % 7 == 3 else "", i) for i in range(sites)]
    yield Object("hubOrganization", "Transport")
    yield Object("hubRoutingGroup", "Legacy", hubAddressSpace="*.legacy.example")
    for i, name in enumerate(names):
        yield Object("hubSite", name, hubHubSite="TRUE" if i % 9 == 1 else None)
        for j in range(1 + i % 3):
            yield Object("hubServer", "hub%d-%d" % (i, j), hubRole="Hub", hubServerSite=site(name))
        if i % 4 == 0:
            yield Object("hubSendConnector", "Partner %d" % i, hubAddressSpace="p%d.example" % i,
                         hubSourceServer=server("hub%d-0" % i))
        if i % 13 == 0:
            yield Object("hubServer", "edge%d" % i, hubRole="Edge")
            yield Object("hubEdgeSubscription", "edge%d" % i, hubServerSite=site(name),
                         hubServerRef=server("edge%d" % i))
    yield Object("hubRoutingGroupConnector", "To Legacy", hubTargetRoutingGroup=dn_of(
        "hubRoutingGroup", "Legacy"), hubSourceServer=server("hub0-0"), hubCost=7,
                 hubTargetServer="old.contoso.com")
    for i in range(1, sites + sites // 2):
        ends = rolls.sample(names, 2 + (i % 11 == 10)) if i >= sites else [
            names[i], names[(i - 1) // 3]]
        yield Object("hubSiteLink", "link%d" % i, hubSiteList=[site(n) for n in ends],
                     hubCost=rolls.randint(1, 99),
                     hubMaxMessageSize="10000000" if i % 9 == 4 else None)


def rectangles(root, kind):
    return [[float(r.get(k)) for k in ("x", "y", "width", "height")]
            for r in root.iter(SVG + "rect") if r.get("class") == kind]


def meet(a, b):
    return (a[0] < b[0] + b[2] - 0.2 and b[0] < a[0] + a[2] - 0.2
            and a[1] < b[1] + b[3] - 0.2 and b[1] < a[1] + a[3] - 0.2)


class Views(OfflineCase):
    def organization(self):
        return to_ldif(organization())

    def hubctl(self, *arguments, status=0):
        done = run(build_path("tools", "hubctl"), "--directory", "file:" + self.file, *arguments)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def what_if(self, text, status=0):
        return json.loads(self.hubctl("-o", "json", "route", "what-if",
                                      self.write("change.ldif", text), status=status).stdout)

    def changes(self, text):
        """{(server, destination, size): (before, after)} of what comes out."""
        out = self.what_if(text)
        self.assertFalse(out["refused"])
        return {(c["server"], c["destination"], c["size"]): (c["before"], c["after"])
                for c in out["changes"]}

    def modify(self, kind, name, lines):
        return "dn: %s\nchangetype: modify\n%s\n" % (dn_of(kind, name), lines)

    # --- what-if ---

    def test_nothing_changes(self):
        out = self.what_if(self.modify("hubSite", "Paris", "add: description\ndescription: x\n-"))
        self.assertEqual(out["changes"], [])
        self.assertIn("no decision changes", self.hubctl(
            "route", "what-if", os.path.join(self.place, "change.ldif")).stdout)

    def test_hub_site_becomes_a_site_as_others(self):
        changes = self.changes(self.modify("hubSite", "Paris",
                                           "replace: hubHubSite\nhubHubSite: FALSE\n-"))
        before, after = changes["london1", "New York", 0]
        self.assertEqual((before["next_site"], after["next_site"]), ("Paris", "New York"))
        self.assertEqual(after["next_servers"], ["ny1"])
        self.assertIn(("ny1", "*", 0), changes)
        self.assertEqual({key[0] for key in changes}, {"london1", "london2", "ny1"})
        self.assertNotIn(("london1", "*", 0), changes)

    def test_the_same_as_explain_after_the_change(self):
        text = self.modify("hubSendConnector", "Fabrikam", "replace: hubSourceServer\n"
                           "hubSourceServer: %s\n-" % server("paris1"))
        before, after = self.changes(text)["london2", "fabrikam.com", 0]
        change = os.path.join(self.place, "change.ldif")
        for expected, more in ((before, ()), (after, ("--ldif", change))):
            told = json.loads(self.hubctl("-o", "json", "route", "explain", "u@fabrikam.com",
                                          "--from", "london2", *more).stdout)
            for key in ("decision", "connector", "cost", "path", "next_site", "next_servers",
                        "fallback", "status"):
                self.assertEqual(told[key], expected[key], key)

    def test_a_limit_tells_the_size(self):
        changes = self.changes(self.modify(
            "hubSiteLink", "Atlantic", "replace: hubMaxMessageSize\nhubMaxMessageSize: 2000\n-"))
        self.assertEqual({key[2] for key in changes}, {2001})
        before, after = changes["london1", "fabrikam.com", 2001]
        self.assertEqual((before["decision"], after["status"]), ("relay", "5.3.4"))
        self.assertNotIn(("london1", "*", 2001), changes)

    def test_add_delete_and_rename(self):
        changes = self.changes(
            "version: 1\n# a new way out\n\n" +
            to_ldif([Object("hubSendConnector", "Tailspin", hubAddressSpace="tailspin.com",
                            hubSourceServer=server("london1"))]) +
            "dn: %s\nchangetype: delete\n\n" % dn_of("hubSendConnector", "Fabrikam") +
            "dn: %s\nchangetype: modrdn\nnewrdn: cn=World\ndeleteoldrdn: 1\n" %
            dn_of("hubSendConnector", "Internet"))
        before, after = changes["london1", "tailspin.com", 0]
        self.assertEqual((before["connector"], after["connector"]), ("Internet", "Tailspin"))
        before, after = changes["paris1", "fabrikam.com", 0]
        self.assertEqual((before["connector"], after["connector"]), ("Fabrikam", "World"))

    def test_server_that_comes_and_one_that_goes(self):
        out = self.what_if(
            "dn: %s\nchangetype: delete\n\n" % server("london2") +
            to_ldif([Object("hubServer", "ny2", hubRole="Hub", hubServerSite=site("New York"))]))
        self.assertEqual((out["servers_added"], out["servers_removed"]), (["ny2"], ["london2"]))
        after = [c["after"] for c in out["changes"]
                 if (c["server"], c["destination"]) == ("paris1", "New York")]
        self.assertEqual(after[0]["next_servers"], ["ny1", "ny2"])

    def refusal(self, text):
        out = self.what_if(text, status=1)
        self.assertTrue(out["refused"])
        return [(r["dn"].split(",")[0], r["reason"]) for r in out["rejected"]]

    def test_refused_by_a_rule(self):
        (culprit, reason), = self.refusal(self.modify(
            "hubSendConnector", "Fabrikam", "add: hubSourceServer\nhubSourceServer: %s\n-" %
            server("edge1")))
        self.assertEqual(culprit, "cn=Fabrikam")
        self.assertIn("mixes hubs and edges", reason)

    def test_refused_because_others_name_it(self):
        culprits = {culprit for culprit, _ in self.refusal(
            "dn: %s\nchangetype: delete\n" % site("Paris"))}
        self.assertEqual(culprits, {"cn=Channel", "cn=Atlantic", "cn=paris1"})

    def test_refused_as_the_directory_would(self):
        for text, reason in (
                (to_ldif([Object("hubSite", "paris")]), "there already"),
                ("dn: %s\nchangetype: delete\n" % site("Rome"), "no such entry"),
                (self.modify("hubSite", "Paris", "delete: hubSubnet\n-"), "no such attribute"),
                (self.modify("hubSite", "Paris", "delete: hubHubSite\nhubHubSite: FALSE\n-"),
                 "not there"),
                (self.modify("hubSite", "Paris", "add: hubHubSite\nhubHubSite: TRUE\n-"),
                 "there already")):
            self.assertIn(reason, self.refusal(text)[0][1])

    def test_refused_in_words_that_are_not_utf8(self):
        """A refusal repeats what it is about, and must not get lost where that is no text."""
        dn = base64.b64encode(b"cn=\xff," + site("x").partition(",")[2].encode()).decode()
        self.assertIn("is no DN", self.refusal("dn:: %s\nchangetype: delete\n" % dn)[0][1])
        # cut in the middle of a character, one or the other
        for value in ("\u00fc" * 60, "x" + "\u00fc" * 60):
            text = base64.b64encode(value.encode()).decode()
            self.refusal(self.modify("hubSite", "Paris", "add: description\ndescription: y\n-\n"
                                     "delete: description\ndescription:: %s\n-" % text))

    def test_file_that_is_no_change(self):
        for text, reason in (("hello\n", "not a change record"),
                             ("\n\ndn: %s\ncn:< file:///etc/passwd\n" % site("x"), ":3: ")):
            done = self.hubctl("route", "what-if", self.write("bad.ldif", text), status=1)
            self.assertIn(reason, done.stderr)
        self.assertIn("nowhere", self.hubctl("route", "what-if", "/nowhere", status=1).stderr)

    def test_nothing_is_written(self):
        organization = Organization()
        self.addCleanup(organization.close)
        d = organization.directory
        who = ["-D", d.admin, "-y", d.password_file]
        dump = ["ldapsearch", "-x", "-LLL", "-H", d.uri, *who, "-b", d.base]
        before = run(*dump, check=True).stdout
        change = self.write("live.ldif", "dn: cn=Paris2,cn=Sites,%s\nobjectClass: hubSite\n"
                            "cn: Paris2\n" % d.base)
        out = json.loads(run(build_path("tools", "hubctl"), "--directory", d.uri, "--base", d.base,
                             *who, "-o", "json", "route", "what-if", change, check=True).stdout)
        self.assertTrue(out["changes"])
        self.assertEqual(out["changes"][0]["destination"], "Paris2")
        self.assertEqual(run(*dump, check=True).stdout, before)

    # --- table and map ---

    def test_verbs_tell_the_routes_they_would_change(self):
        """--what-if of an object verb: LDIF, and as comments in it what route what-if says."""
        verb = ("--what-if", "site", "set", "Paris", "--hub-site", "FALSE")
        text = self.hubctl(*verb).stdout
        self.assertIn("changetype: modify\nreplace: hubHubSite\nhubHubSite: FALSE\n-\n", text)
        ldif, _, rest = text.partition("\n\n")
        self.assertTrue(rest and all(line.startswith("# ") for line in rest.splitlines()), text)
        change = self.write("verb.ldif", ldif + "\n")
        self.assertEqual([line[2:] for line in rest.splitlines()],
                         self.hubctl("route", "what-if", change).stdout.splitlines())
        document = json.loads(self.hubctl("-o", "json", *verb).stdout)
        self.assertEqual(document["ldif"].strip(), ldif.strip())
        told = json.loads(self.hubctl("-o", "json", "route", "what-if", change).stdout)
        self.assertEqual(document["changes"], told["changes"])
        self.assertTrue(told["changes"])
        text = self.hubctl("--what-if", "site", "set", "Paris", "--comment", "x").stdout
        self.assertTrue(text.endswith("\n# no decision changes\n"), text)

    def test_table(self):
        out = json.loads(self.hubctl("-o", "json", "--server", "london1", "route", "table").stdout)
        self.assertEqual((out["server"], out["site"]), ("london1", "London"))
        sites = {row["site"]: row for row in out["sites"]}
        self.assertEqual(sites["New York"]["path"], ["London", "Paris", "New York"])
        self.assertEqual((sites["New York"]["cost"], sites["New York"]["next_site"]), (35, "Paris"))
        self.assertEqual(sites["London"]["decision"], "mailbox")
        spaces = {row["address_space"]: row for row in out["address_spaces"]}
        self.assertEqual(list(spaces), ["*", "*.fabrikam.net", "contoso.com", "fabrikam.com",
                                        "FAX:*"])
        self.assertEqual((spaces["*.fabrikam.net"]["connector"], spaces["*.fabrikam.net"]["cost"]),
                         ("Fabrikam", 40))
        self.assertEqual(spaces["contoso.com"]["decision"], "directory")
        edge = json.loads(self.hubctl("-o", "json", "route", "table", "--server", "edge1").stdout)
        self.assertEqual(edge["sites"], [])
        self.assertEqual({row["address_space"]: row["connector"] for row in edge["address_spaces"]}
                         ["contoso.com"], "Inbound")
        self.assertIn("New York", self.hubctl("--server", "london1", "route", "table").stdout)
        self.assertIn("--server", self.hubctl("route", "table", status=2).stderr)
        self.assertIn("nobody", self.hubctl("route", "table", "--server", "nobody",
                                            status=1).stderr)

    def test_map_as_text_and_dot(self):
        text = self.hubctl("route", "map").stdout
        for line in ("Paris (hub site)", "hubs        london1, london2", "edges       edge1",
                     "Paris (Atlantic, cost 25, at most 5000000 bytes)", "Fabrikam (",
                     "mailboxes   mbx"):
            self.assertIn(line, text)
        dot = self.hubctl("route", "map", "--format", "dot").stdout
        self.assertIn('"London" -- "Paris" [label="cost 10"];', dot)
        out = json.loads(self.hubctl("-o", "json", "route", "map").stdout)
        self.assertEqual([s["site"] for s in out["sites"]], ["London", "New York", "Paris"])
        self.assertIn("--format", self.hubctl("route", "map", "--format", "png", status=2).stderr)

    def check_svg(self, objects):
        """All there is is in the picture, and no label or box lies on another one."""
        self.file = self.write("map.ldif", to_ldif(objects))
        told = json.loads(self.hubctl("-o", "json", "route", "map").stdout)
        root = ElementTree.fromstring(self.hubctl("route", "map", "--format", "svg").stdout)
        boxes, plates = rectangles(root, "box"), rectangles(root, "plate")
        both = boxes + plates
        for i, one in enumerate(both):
            for other in both[:i]:
                self.assertFalse(meet(one, other), (one, other))
        self.assertEqual(len(boxes), len(told["sites"]))
        titles = [t.text for t in root.iter(SVG + "title")]
        links = [link["link"] for link in told["links"] if len(link["sites"]) >= 2]
        self.assertEqual(sorted(titles), sorted(links))
        self.assertEqual(len(plates), len(links))
        lines = [line for line in root.iter(SVG + "line") if line.get("x1") != "85"]
        self.assertEqual(len(lines), sum(len(link["sites"]) if len(link["sites"]) > 2 else 1
                                         for link in told["links"] if len(link["sites"]) >= 2))
        shown = [t.text for t in root.iter(SVG + "text")]
        text = self.hubctl("route", "map").stdout
        for place in told["sites"]:
            self.assertIn(place["site"], shown)
            self.assertIn(place["site"], text)
            wanted = ["edge " + place["edges"][0]] if place["edges"] else []
            wanted += ["\u2192 " + row["connector"] for row in place["connectors"]]
            for begin in wanted:
                self.assertTrue(any(s.startswith(begin) for s in shown), (begin, shown))
        return len(told["sites"])

    def test_svg_at_3_and_at_40_sites(self):
        self.assertEqual(self.check_svg(list(net(3))), 3)
        self.assertEqual(self.check_svg(list(net(40))), 40)
        self.assertIn("connector   To Legacy (routing group Legacy, *.legacy.example)",
                      self.hubctl("route", "map").stdout)

    def test_svg_of_random_organizations(self):
        for number in range(12):
            generator = Generator(random.Random("map/%d" % number))
            self.check_svg(generator.organization())

    def test_map_as_svg(self):
        text = self.hubctl("route", "map", "--format", "svg").stdout
        self.assertEqual(text, self.hubctl("route", "map", "--format", "svg").stdout)
        root = ElementTree.fromstring(text)
        shown = [t.text for t in root.iter(SVG + "text")]
        for expected in ("London", "Paris", "New York", "10", "25, \u2264 5 MB", "edge edge1",
                         "\u2192 Fax & more: FAX:*"):
            self.assertIn(expected, shown)
        boxes = [[float(r.get(k)) for k in ("x", "y", "width", "height")]
                 for r in root.iter(SVG + "rect") if r.get("class") == "box"]
        self.assertEqual(len(boxes), 3)
        for i, (x, y, width, height) in enumerate(boxes):
            for left, top, w, h in boxes[:i]:
                self.assertTrue(x >= left + w or left >= x + width or y >= top + h
                                or top >= y + height, "boxes overlap")
