"""Entries that no administrator would write, put into the directory behind its checks, as a
restored backup or another tool would: hubs, hubctl and hub-validator say a clear thing, and all
else works.
"""

import base64
import json
import os
import unittest

from .harness.base import build_path, run
from .harness.directory import record
from .harness.organization import Organization, message, send

LONG = "x" * 200
SCRIPT = "M\u00fcnchen \U0001f4e7"


def b64(text):
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


class HostileDirectory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = Organization(validated=True)
        cls.addClassCleanup(cls.org.close)
        d = cls.org.directory
        d.stop()
        cls.put_behind_its_back(d, cls.entries(cls.org))
        d.start()
        cls.org.start()

    @classmethod
    def put_behind_its_back(cls, directory, text):
        place = cls.org.place
        loaded = run("slapadd", "-F", os.path.join(place.path, "slapd", "slapd.d"), "-b",
                     directory.suffix, "-l", place.file("hostile.ldif", text))
        assert loaded.returncode == 0, loaded.stderr

    @staticmethod
    def far(directory):
        """Names of twelve containers, each in the one before."""
        dns = ["cn=Connectors," + directory.base]
        for _ in range(12):
            dns.append("description=%sy,%s" % (LONG, dns[-1]))
        return dns[1:]

    @staticmethod
    def entries(org):
        d = org.directory
        source = {"hubSourceServer": org.london1.dn()}

        def send_connector(rdn, container="cn=Connectors," + d.base, **attributes):
            given = {"hubAddressSpace": "bad.example", **source, **attributes}
            return record("%s,%s" % (rdn, container), "hubSendConnector", **given)
        deep = "cn=Connectors," + d.base
        nested = ""
        for _ in range(60):
            deep = "cn=deep," + deep
            nested += record(deep, "hubContainer", cn="deep")
        # slapd takes names of any length, step by step
        for dn in HostileDirectory.far(d):
            nested += record(dn, "hubContainer", cn="far", description=LONG + "y")
        return "".join([
            # as big as slapd allows, and too many values
            send_connector("cn=Huge", cn="Huge", description="x" * 3000000),
            send_connector("cn=Many", cn="Many",
                           hubAddressSpace=["a%d.example" % i for i in range(10000)]),
            record(d.dn("ManySites", "Site Links"), "hubSiteLink", cn="ManySites",
                   hubSiteList=["cn=s%d,cn=Sites,%s" % (i, d.base) for i in range(10000)]),
            # to be removed
            send_connector("cn=ManyToo", cn="ManyToo",
                           hubAddressSpace=["c%d.example" % i for i in range(10000)]),
            send_connector("cn=go\\,ne", cn="go,ne"),
            # names
            send_connector("cn=a\\,b\\+c", cn="a,b+c"),
            send_connector("cn=Two+description=x", cn="Two", description="x"),
            send_connector("description=" + LONG, cn="Long", description=LONG),
            send_connector("cn=Trail\\20", **{"cn:": b64("Trail ")}),
            "dn:: %s\nobjectClass: hubSite\ncn:: %s\n\n" % (
                b64("cn=%s,cn=Sites,%s" % (SCRIPT, d.base)), b64(SCRIPT)),
            # classes, and places where they do not belong
            record("cn=Stranger," + org.connector("To Internet"), "device", cn="Stranger"),
            record("cn=Device,cn=Connectors," + d.base, "device", cn="Device"),
            record("cn=Site,cn=Servers," + d.base, "hubSite", cn="Site"),
            record("cn=Second,cn=Connectors," + d.base, "hubOrganization", cn="Second"),
            send_connector("cn=Below", container="cn=london1,cn=Servers," + d.base, cn="Below"),
            nested,
            send_connector("cn=Deep", container=deep, cn="Deep", hubAddressSpace="deep.example"),
            send_connector("cn=Far", container=dn, cn="Far"),
            # references
            record(d.dn("Dangling", "Site Links"), "hubSiteLink", cn="Dangling",
                   hubSiteList=[d.dn("London", "Sites"), d.dn("Atlantis", "Sites")]),
            send_connector("cn=Nobody", cn="Nobody", hubSourceServer=d.dn("nobody", "Servers")),
            record(d.dn("Own", "Site Links"), "hubSiteLink", cn="Own",
                   hubSiteList=[d.dn("Own", "Site Links"), d.dn("Own", "Site Links") + "x"]),
            record(d.dn("zagain", "Accepted Domains"), "hubAcceptedDomain", cn="zagain",
                   hubDomain="CONTOSO.com", hubDomainType="ExternalRelay"),
            # people that are forwarded round
            *[record("uid=%s,ou=People,%s" % (name, d.suffix),
                     "inetOrgPerson inetLocalMailRecipient", uid=name, cn=name, sn=name,
                     mail=name + "@contoso.com", mailRoutingAddress=other + "@contoso.com")
              for name, other in (("ping", "pong"), ("pong", "ping"))],
            # each with a server of their own that does not exist
            *[record("uid=made%d,ou=People,%s" % (i, d.suffix),
                     "inetOrgPerson inetLocalMailRecipient", uid="made%d" % i, cn="x", sn="x",
                     mail="made%d@contoso.com" % i, mailHost="made%d.example" % i)
              for i in range(60)],
        ])

    def hubctl(self, *arguments):
        d = self.org.directory
        return run(build_path("tools", "hubctl"), "--directory", d.uri, "--base", d.base, "-D",
                   d.admin, "-y", d.password_file, *arguments)

    def json(self, *arguments, status=0):
        done = self.hubctl("-o", "json", *arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        return json.loads(done.stdout)

    def test_mail_and_configuration_go_on(self):
        org = self.org
        token, data = message(sender="anna@contoso.com", to="x@faraway.example")
        send(org.application_port, "anna@contoso.com", ["x@faraway.example"], data)
        org.smart_host.wait(token)
        token, data = message()
        send(org.internet_port, "a@outside.example", ["anna@contoso.com"], data)
        org.mailbox.wait(token)
        org.apply(lambda: org.directory.change(org.connector("To Internet"), hubComment="live"))

    def test_each_bad_object_is_told_with_its_reason(self):
        report = self.json("config", "check", status=1)
        rejected = {r["dn"]: r["reason"] for r in report["rejected"]}
        for rdn, reason in (
                ("cn=Huge,", "larger than 1 MiB"), ("cn=Many,", "more than 1000 values"),
                ("cn=ManySites,", "more than 1000 values"), ("cn=a\\2C", "none of [ ]"),
                ("cn=Second,", "at the base only"), ("cn=zagain,", "has it"),
                ("cn=Site,", "directly below cn=sites"),
                ("cn=Below,", "directly below cn=connectors"),
                ("cn=Deep,", "directly below cn=connectors"),
                ("cn=Two+", "cn alone"), ("description=x", "cn alone"),
                ("cn=Trail", "with a space")):
            found = [text for dn, text in rejected.items() if dn.startswith(rdn)]
            self.assertEqual(len(found), 1, (rdn, sorted(rejected)))
            self.assertIn(reason, found[0])
        # references to nothing count as absent, and are told
        for rdn, name in (("cn=Nobody,", "cn=nobody,"), ("cn=Dangling,", "cn=Atlantis,"),
                          ("cn=Own,", "cn=Own,")):
            self.assertTrue([w for w in report["warnings"] if w.startswith(rdn) and name in w],
                            (rdn, report["warnings"]))
        status = self.json("config", "status", status=1)
        for server in status["servers"]:
            self.assertEqual({r["dn"] for r in server["rejected"]}, set(rejected), server["server"])

    def test_made_up_mailbox_servers_do_not_flood_the_status(self):
        for server in self.json("config", "status", status=1)["servers"]:
            told = [w for w in server["warnings"] if "mailHost" in w]
            self.assertEqual(len(told), 51)
            self.assertEqual(len([w for w in told if w.startswith("and more")]), 1)

    def test_what_has_too_long_a_name_is_told(self):
        told = [line for line in self.org.london1.log().splitlines()
                if "event=directory-entry-skipped" in line and "cn=Far," in line]
        self.assertTrue(told)
        self.assertIn("longer than 2048 bytes", told[0])

    def test_hubctl_shows_and_removes_it(self):
        names = {o["name"] for o in self.json("send-connector", "list")}
        self.assertLessEqual({"To Internet", "Many", "Huge", "a,b+c"}, names)
        for form in ("table", "wide", "ldif"):
            done = self.hubctl("-o", form, "send-connector", "list")
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.json("site", "get", SCRIPT)["name"], SCRIPT)
        self.assertIn("invalid", self.json("send-connector", "get", "a,b+c"))
        for name in ("go,ne", "ManyToo"):
            done = self.hubctl("send-connector", "remove", name)
            self.assertEqual(done.returncode, 0, done.stderr)
        names = {o["name"] for o in self.json("send-connector", "list")}
        self.assertFalse({"go,ne", "ManyToo"} & names)

    def test_the_validator_still_judges(self):
        d = self.org.directory
        done = d.change(self.org.connector("To Internet"), check=False, hubDNSRouting="TRUE")
        self.assertEqual(done.returncode, 19, done.stderr)
        self.assertIn("exclude each other", done.stderr)
        big = record(d.dn("Big", "Connectors"), "hubSendConnector", cn="Big",
                     hubAddressSpace="big.example", hubSourceServer=self.org.london1.dn(),
                     description="x" * 2000000)
        done = d.add(big, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("larger than 1 MiB", done.stderr.replace("\n  ", ""))
        many = record(d.dn("Big", "Connectors"), "hubSendConnector", cn="Big",
                      hubSourceServer=self.org.london1.dn(),
                      hubAddressSpace=["b%d.example" % i for i in range(10000)])
        done = d.add(many, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("more than 1000 values", done.stderr.replace("\n  ", ""))
        far = "cn=Big," + self.far(d)[-1]
        done = d.add(record(far, "hubContainer", cn="Big"), check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("a name longer than 2048 bytes", done.stderr.replace("\n  ", ""))

    def test_a_circle_of_forwards_ends(self):
        explained = self.json("route", "explain", "ping@contoso.com", "--from", "london1")
        self.assertEqual(explained["decision"], "report")


if __name__ == "__main__":
    unittest.main()
