"""hubctl as an administrator uses it: objects in a real directory, live state of real hubs."""

import base64
import http.client
import json
import os
import socket
import ssl
import unittest

from .harness.base import build_path, free_port, run, wait_for
from .harness.directory import record
from .harness.hub import Hub, in_step
from .harness.keys import Key
from .harness.organization import Organization, message, send
from .harness.peers import Sink


def hubctl(org, *arguments, who=None, password_file=None, directory=None, stdin=None):
    d = org.directory
    identity = ["-D", who or d.admin, "-y", password_file or d.password_file]
    if directory is not None:
        identity = []
    return run(build_path("tools", "hubctl"), "--directory", directory or d.uri, "--base", d.base,
               *identity, *arguments, stdin=stdin)


class Objects(unittest.TestCase):
    """Needs no hub."""

    @classmethod
    def setUpClass(cls):
        cls.org = Organization()
        cls.addClassCleanup(cls.org.close)

    def ok(self, *arguments, **options):
        done = hubctl(self.org, *arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def json(self, *arguments, **options):
        return json.loads(self.ok("-o", "json", *arguments, **options))

    def refused(self, text, *arguments, status=1, **options):
        done = hubctl(self.org, *arguments, **options)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertIn(text, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def exists(self, dn):
        d = self.org.directory
        return run("ldapsearch", "-x", "-LLL", "-H", d.uri, "-D", d.admin, "-y", d.password_file,
                   "-s", "base", "-b", dn).returncode == 0

    def test_life_of_a_send_connector(self):
        made = self.json("send-connector", "new", "To Fabrikam", "--address-space",
                         "fabrikam.com,*.fabrikam.net;5", "--source-server", "london1,london2",
                         "--smart-host", "[192.0.2.7]:2525", "--comment", "J\u00fcrgen's")
        self.assertEqual(made["name"], "To Fabrikam")
        self.assertEqual(made["address-space"], ["SMTP:*.fabrikam.net;5", "SMTP:fabrikam.com;1"])
        self.assertEqual(len(made["source-server"]), 2)
        self.assertFalse(made["dns-routing"])
        self.assertEqual(self.json("send-connector", "get", "to fabrikam"), made)
        self.assertIn(made, self.json("send-connector", "list"))
        self.ok("send-connector", "set", "To Fabrikam", "--port", "26", "--no-comment",
                "--smart-host", "relay.fabrikam.com")
        changed = self.json("send-connector", "get", "To Fabrikam")
        self.assertEqual(changed["port"], 26)
        self.assertEqual(changed["smart-host"], ["relay.fabrikam.com"])
        self.assertNotIn("comment", changed)
        self.ok("send-connector", "disable", "To Fabrikam")
        self.assertFalse(self.json("send-connector", "get", "To Fabrikam")["enabled"])
        self.ok("send-connector", "enable", "To Fabrikam")
        self.assertTrue(self.json("send-connector", "get", "To Fabrikam")["enabled"])
        self.assertEqual(self.json("send-connector", "remove", "To Fabrikam"),
                         {"removed": self.org.connector("To Fabrikam")})
        self.assertFalse(self.exists(self.org.connector("To Fabrikam")))
        self.refused('there is no send-connector "To Fabrikam"', "send-connector", "get",
                     "To Fabrikam")

    def test_single_values(self):
        connector = ("send-connector", "set", "Many")
        spaces = lambda: self.json("send-connector", "get", "Many")["address-space"]
        self.ok("send-connector", "new", "Many", "--address-space", "a.example,b.example",
                "--source-server", "london1")
        self.ok(*connector, "--add-address-space", "SMTP:c.example;7")
        # by what it means, not by how it was written
        self.ok(*connector, "--remove-address-space", "smtp:A.example;1",
                "--add-address-space", "d.example")
        self.assertEqual(spaces(), ["SMTP:b.example;1", "SMTP:c.example;7", "SMTP:d.example;1"])
        self.refused("--remove-address-space: a.example is not there", *connector,
                     "--remove-address-space", "a.example")
        self.refused("--add-address-space: b.example is there already", *connector,
                     "--add-address-space", "b.example")
        self.refused("--address-space gives all values already", *connector,
                     "--address-space", "x.example", "--add-address-space", "y.example")
        self.refused("hubs of different sites", *connector, "--add-source-server", "paris1")
        self.ok(*connector, "--add-source-server", "london2", "--remove-source-server", "london1")
        self.refused("no source server", *connector, "--remove-source-server", "london2")
        self.refused("there is no option --add-port", *connector, "--add-port", "7", status=2)
        ldif = self.ok("--what-if", *connector, "--add-address-space", "e.example",
                       "--remove-address-space", "b.example")
        self.assertIn("delete: hubAddressSpace\nhubAddressSpace: b.example\n-\n"
                      "add: hubAddressSpace\nhubAddressSpace: e.example\n-\n", ldif)
        self.assertEqual(self.org.directory.modify(ldif).returncode, 0)
        self.ok("send-connector", "remove", "Many")

    def test_single_values_keep_what_is_in_force_by_default(self):
        """One value alone would put an end to the defaults by usage."""
        name = "london1/Added"
        connector = ("receive-connector", "set", name)

        def made(usage, *more, binding="127.0.0.1:2525"):
            self.addCleanup(hubctl, self.org, "receive-connector", "remove", name)
            done = hubctl(self.org, "receive-connector", "new", name,
                          *(("--binding", binding) if binding else ()),
                          *(("--usage", usage) if usage else ()), *more)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stderr

        def has(**expected):
            got = self.json("receive-connector", "get", name)
            for option, values in expected.items():
                self.assertEqual(got[option.replace("_", "-")], values)

        def noted(*arguments):
            done = hubctl(self.org, *connector, *arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stderr
        self.assertEqual(made("Internet"), "")
        ldif = self.ok("--what-if", *connector, "--add-permission-group", "HubServers")
        self.assertIn("add: hubPermissionGroup\nhubPermissionGroup: AnonymousUsers\n"
                      "hubPermissionGroup: HubServers\n", ldif)
        self.assertIn("hubPermissionGroup had no value: what was in force by default "
                      "(AnonymousUsers) is written with it",
                      noted("--add-permission-group", "HubServers"))
        has(permission_group=["AnonymousUsers", "HubServers"], auth_mechanism=["Tls"])
        self.assertEqual(noted("--add-permission-group", "Partners"), "")
        has(permission_group=["AnonymousUsers", "HubServers", "Partners"])
        self.assertIn("(Tls)", noted("--add-auth-mechanism", "HubServer"))
        has(auth_mechanism=["HubServer", "Tls"])
        self.ok(*connector, "--no-permission-group", "--no-auth-mechanism")
        with self.subTest("removed"):
            self.refused("hubPermissionGroup: without any value the default is in force",
                         *connector, "--remove-permission-group", "AnonymousUsers")
            self.refused("HubServers is not there", *connector, "--remove-permission-group",
                         "HubServers")
            self.ok(*connector, "--usage", "Internal")
            noted("--remove-permission-group", "LegacyServers")
            has(permission_group=["HubServers"])
            self.ok(*connector, "--no-permission-group")
        with self.subTest("removed and another added"):
            self.ok(*connector, "--usage", "Internet")
            removed = ("--remove-permission-group", "AnonymousUsers")
            added = ("--add-permission-group", "Partners")
            for edits in (removed + added, added + removed):
                noted(*edits)
                has(permission_group=["Partners"])
                self.ok(*connector, "--no-permission-group")
            self.refused("hubPermissionGroup: without any value the default is in force",
                         *connector, *added, "--remove-permission-group", "Partners", *removed)
            self.ok(*connector, "--permission-group", "HubServers")
            noted(*added, "--remove-permission-group", "Partners", "--add-permission-group",
                  "HubUsers")
            has(permission_group=["HubServers", "HubUsers"])
            self.ok(*connector, "--no-permission-group", "--usage", "Internal")
        with self.subTest("with the usage"):
            self.assertIn("(HubUsers)", noted("--add-permission-group", "HubServers", "--usage",
                                              "Client"))
            has(permission_group=["HubServers", "HubUsers"])
            self.doCleanups()
        with self.subTest("of a new one"):
            self.assertIn("(AnonymousUsers)", made("Internet", "--add-permission-group",
                                                   "HubServers"))
            has(permission_group=["AnonymousUsers", "HubServers"])
            self.doCleanups()
        with self.subTest("of a new one, a default already"):
            made("Internal", "--add-permission-group", "hubservers")
            has(permission_group=["HubServers", "LegacyServers"])
            self.doCleanups()
        with self.subTest("of a new one, sockets"):
            self.assertEqual(made("Internet", "--add-binding", "127.0.0.1:2525",
                                  "--add-binding", "127.0.0.1:2526", binding=None), "")
            has(binding=["127.0.0.1:2525", "127.0.0.1:2526"])
            self.doCleanups()
        with self.subTest("no default"):
            self.assertEqual(made(None, "--permission-group", "Partners"), "")
            self.assertEqual(noted("--add-auth-mechanism", "Tls"), "")
            has(auth_mechanism=["Tls"])

    def test_errors_tell_what_there_is(self):
        self.refused('there is no send-connector "Nowhere"; there are: To Internet',
                     "send-connector", "get", "Nowhere")
        self.refused('there is no routing-group "Old"; there are none', "routing-group", "get",
                     "Old")
        self.refused("there are: Applications, Client paris1", "receive-connector", "get",
                     "paris1/Nothing")
        self.refused('--site-list: there is no site "Rome"; there are: London, Paris',
                     "site-link", "new", "x", "--site-list", "Rome,Paris")
        self.refused('hubUsage "internet": none of Custom, Internal, Internet, Partner',
                     "send-connector", "set", "To Internet", "--usage", "internet")
        self.refused('hubMaxMessageSize "10MB": no whole number', "send-connector", "set",
                     "To Internet", "--max-message-size", "10MB")
        self.refused("--port needs a value: hubctl send-connector --help", "send-connector",
                     "set", "To Internet", "--port", status=2)
        self.refused("there is no option --prots: hubctl send-connector --help",
                     "send-connector", "set", "To Internet", "--prots", "x", status=2)
        done = run(build_path("tools", "hubctl"), "--directory", self.org.directory.uri, "-D",
                   self.org.directory.admin, "-y", self.org.directory.password_file, "--base",
                   self.org.directory.suffix, "site", "list")
        self.assertEqual(done.returncode, 1)
        self.assertIn("is no hubOrganization; without --base it is looked for", done.stderr)

    def test_the_other_nouns(self):
        self.ok("site", "new", "Rome", "--subnet", "10.9.0.0/16")
        self.ok("site-link", "new", "Rome-Paris", "--site-list", "Rome,Paris", "--cost", "7")
        self.assertEqual(self.json("site-link", "get", "Rome-Paris")["cost"], 7)
        self.ok("accepted-domain", "new", "fabrikam.org", "--domain", "fabrikam.org",
                "--domain-type", "ExternalRelay")
        self.ok("mailbox-server", "new", "mbx9", "--site", "Rome", "--fqdn", "mbx9.contoso.com")
        self.ok("--server", "paris1", "receive-connector", "new", "Scanner", "--binding",
                "127.0.0.1:2601", "--remote-ip-range", "10.1.1.0/24", "--permission-group",
                "AnonymousUsers", "--grant", "AnonymousUsers Accept-Any-Recipient")
        found = self.json("receive-connector", "get", "paris1/Scanner")
        self.assertEqual(found["server"], "paris1")
        names = [c["name"] for c in self.json("--server", "paris1", "receive-connector", "list")]
        self.assertIn("Scanner", names)
        self.assertNotIn("Default london1", names)
        # the identity may say the server, as everywhere else
        self.ok("receive-connector", "new", "paris1/Printer", "--binding", "127.0.0.1:2602")
        self.assertEqual(self.json("receive-connector", "get", "paris1/Printer")["server"],
                         "paris1")
        self.ok("receive-connector", "remove", "paris1/Printer")
        self.refused('no server "rome7"', "receive-connector", "new", "rome7/Printer")
        self.refused("cannot be a name", "receive-connector", "new", "paris1/a/b", status=2)
        self.ok("organization", "set", "--postmaster", "postmaster@contoso.com")
        self.assertEqual(self.json("organization", "get")["postmaster"], "postmaster@contoso.com")
        self.refused("is still named by", "site", "remove", "Rome")
        for noun, name in (("mailbox-server", "mbx9"), ("site-link", "Rome-Paris"), ("site",
                                                                                     "Rome"),
                           ("receive-connector", "paris1/Scanner"),
                           ("accepted-domain", "fabrikam.org")):
            self.ok(noun, "remove", name)
        table = self.ok("site", "list")
        self.assertIn("London", table)
        self.assertNotIn("Rome", table)

    def test_rules_are_told_before_anything_is_written(self):
        new = ("send-connector", "new", "Bad", "--address-space", "bad.example", "--source-server",
               "london1")
        self.refused("exclude each other", *new, "--smart-host", "[192.0.2.7]", "--dns-routing",
                     "TRUE")
        self.refused("hubTLSAuthLevel", *new, "--tls-auth-level", "EncryptionOnly")
        self.refused("hubPort", *new, "--port", "70000")
        self.refused('there is no server "nowhere"', *new, "--source-server", "nowhere")
        self.refused("london1", "send-connector", "new", "Bad", "--address-space", "bad.example",
                     "--source-server", "london1,paris1")
        self.refused("cannot be a name", "send-connector", "new", "B*d", "--address-space", "x.y",
                     "--source-server", "london1", status=2)
        self.refused("it is there already", "site", "new", "London")
        for name in (b"bad\xff", "two\nlines"):
            done = hubctl(self.org, "--what-if", "site", "new", os.fsdecode(name))
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("a name is UTF-8 without control characters", done.stderr)
        self.assertFalse(self.exists(self.org.connector("Bad")))
        self.refused("exclude each other", "send-connector", "set", "To Internet",
                     "--dns-routing", "TRUE")

    def test_what_is_odd_is_warned_of(self):
        """A slip that can be nothing else is refused; what is legal but odd is told."""
        connector = ("receive-connector", "set", "paris1/Applications")
        self.refused("less than any header", *connector, "--max-header-size", "1")
        done = hubctl(self.org, *connector, "--max-hop-count", "7")
        self.addCleanup(self.ok, *connector, "--no-max-hop-count")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("hubMaxLocalHopCount 8 is never reached", done.stderr)
        status = hubctl(self.org, "-o", "json", "config", "check").stdout
        self.assertIn("hubMaxLocalHopCount 8 is never reached", status)

    def test_wrong_command_lines(self):
        for arguments in (("nothing", "list"), ("send-connector",), ("send-connector", "explode"),
                          ("send-connector", "get"), ("send-connector", "get", "a", "b"),
                          ("send-connector", "list", "--bad"), ("-o", "xml", "site", "list"),
                          ("send-connector", "set", "To Internet"), ("-Y", "GSSAPI", "site",
                                                                     "list"),
                          ("receive-connector", "new", "Lost"), ("route", "explain"),
                          ("route", "explain", "a@b.example"), ("queue", "get")):
            done = hubctl(self.org, *arguments)
            self.assertEqual(done.returncode, 2, (arguments, done.stdout, done.stderr))
            self.assertTrue(done.stderr.startswith("hubctl: "), done.stderr)

    def test_settings_file(self):
        d = self.org.directory
        settings = self.org.place.file("hubctl.conf",
                                       "directory = %s\nbase = %s\nbind = simple %s %s\n"
                                       % (d.uri, d.base, d.admin, d.password_file))
        tool = build_path("tools", "hubctl")
        done = run(tool, "-f", settings, "site", "list", check=True)
        self.assertIn("Paris", done.stdout)
        done = run(tool, "-f", self.org.london1.settings, "-o", "json", "server", "list",
                   check=True)
        self.assertEqual([s["name"] for s in json.loads(done.stdout)], ["london1", "london2",
                                                                        "paris1"])
        bad = self.org.place.file("bad.conf", "directory = %s\ncolour = red\n" % d.uri)
        done = run(tool, "-f", bad, "site", "list")
        self.assertEqual(done.returncode, 2)
        self.assertIn("bad.conf:2: unknown key: colour", done.stderr)

    def test_what_if_writes_nothing(self):
        dn = self.org.connector("Maybe")
        ldif = self.ok("send-connector", "new", "Maybe", "--address-space", "maybe.example",
                       "--source-server", "london1", "--smart-host", "[192.0.2.7]",
                       "--smart-host-auth", "BasicAuth", "--auth-user", "us", "--auth-password",
                       "hush-hush", "--what-if")
        self.assertIn("dn: %s\nchangetype: add\n" % dn, ldif)
        self.assertNotIn("hush-hush", ldif)
        self.assertFalse(self.exists(dn))
        before = self.json("send-connector", "get", "To Internet")
        ldif = self.ok("--what-if", "send-connector", "set", "To Internet", "--no-smart-host",
                       "--dns-routing", "TRUE")
        self.assertIn("changetype: modify\nreplace: hubSmartHost\n-\nreplace: hubDNSRouting\n"
                      "hubDNSRouting: TRUE\n-\n", ldif)
        self.assertIn("changetype: delete", self.ok("--what-if", "send-connector", "remove",
                                                    "To Internet"))
        self.assertEqual(self.json("send-connector", "get", "To Internet"), before)

    def test_secrets_are_written_and_never_shown(self):
        secret = self.org.place.file("relay.password", "s3cret-of-relay\n")
        self.ok("send-connector", "new", "Secret", "--address-space", "secret.example",
                "--source-server", "london1", "--smart-host", "[192.0.2.7]", "--smart-host-auth",
                "BasicAuth", "--auth-user", "us", "--auth-password", "@" + secret)
        for form in ("table", "wide", "json", "ldif"):
            self.assertNotIn("s3cret", self.ok("-o", form, "send-connector", "get", "Secret"))
            self.assertNotIn("s3cret", self.ok("-o", form, "send-connector", "list"))
        # the password cannot be read, and the connector is not taken for broken all the same
        self.ok("send-connector", "set", "Secret", "--port", "26")
        self.assertNotIn("invalid", self.json("send-connector", "get", "Secret"))
        self.ok("send-connector", "remove", "Secret")

    def test_roles(self):
        org, d = self.org, self.org.directory
        password = org.place.file("anna.password", "password-of-anna")
        anna = {"who": "uid=anna,ou=People," + d.suffix, "password_file": password}
        wrong = org.place.file("wrong.password", "guess")
        self.refused("not readable", "site", "list", **anna)
        self.refused("does not know", "site", "list", who=anna["who"], password_file=wrong)
        d.modify("dn: cn=View-Only,cn=Roles,%s\nchangetype: modify\nadd: member\nmember: %s\n"
                 % (d.base, anna["who"]))
        self.assertIn("London", self.ok("site", "list", **anna))
        self.refused("not allowed: needs Connector Management", "send-connector", "disable",
                     "To Internet", **anna)
        self.refused("not allowed: needs Server Management", "server", "set", "london1",
                     "--comment", "mine", **anna)
        self.refused("not allowed: needs Organization Management", "site", "new", "Mine", **anna)

    def test_route_explain_says_the_same_of_the_directory_and_of_a_file(self):
        org, d = self.org, self.org.directory
        dump = run("ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", d.uri, "-D", d.admin,
                   "-y", d.password_file, "-b", d.suffix, "*", "entryUUID", check=True).stdout
        saved = org.place.file("org.ldif", dump)
        lines = org.place.file("lines", "".join(
            "%s %s\n" % pair for pair in (
                ("paris1", "x@faraway.example"), ("london1", "anna@contoso.com"),
                ("london2", "nobody@contoso.com"), ("paris1", "x@faraway.example 99999999"),
                ("london2", "x@faraway.example 1000"))))
        live = self.ok("route", "explain", "--batch", lines)
        self.assertEqual(live, self.ok("route", "explain", "--batch", lines,
                                       directory="file:" + saved))
        hops = [json.loads(line) for line in live.splitlines()]
        self.assertEqual([h["decision"] for h in hops],
                         ["relay", "relay", "report", "report", "connector"])
        self.assertEqual(hops[0]["next_servers"], ["london2"])
        self.assertEqual(hops[0]["then"]["decision"], "connector")
        self.assertEqual(hops[1]["path"], ["London", "Paris"])
        self.assertEqual(hops[2]["status"], "5.1.1")
        self.assertEqual(hops[3]["status"], "5.3.4")
        one = self.json("route", "explain", "x@faraway.example", "--from", "paris1")
        self.assertEqual(one, hops[0])
        self.assertIn("To Internet", self.ok("route", "explain", "x@faraway.example", "--from",
                                             "paris1"))
        self.refused("no server named", "route", "explain", "x@y.example", "--from", "nowhere")

    def test_config_check_of_a_file(self):
        org, d = self.org, self.org.directory
        good = record(d.base, "hubOrganization", cn="Transport") + record(
            d.dn("Here", "Sites"), "hubSite", cn="Here")
        path = org.place.file("good.ldif", good)
        report = self.json("config", "check", path)
        self.assertEqual((report["objects"], report["rejected"]), (2, []))
        path = org.place.file("bad.ldif", good + record(
            d.dn("Link", "Site Links"), "hubSiteLink", cn="Link", hubSiteList=d.dn("Here",
                                                                                   "Sites")))
        done = hubctl(org, "-o", "json", "config", "check", path)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads(done.stdout)["rejected"][0]["object_class"], "hubSiteLink")
        odd = base64.b64encode(b"cn=\xff\xfe,cn=Sites," + d.base.encode()).decode()
        path = org.place.file("odd.ldif", good + "dn:: %s\nobjectClass: hubSite\ncn:: //4=\n"
                              "description:: //4=\n\n" % odd)
        for command in (("config", "check", path), ("--directory", "file:" + path, "site", "list")):
            done = hubctl(org, "-o", "json", *command)
            self.assertIn(done.returncode, (0, 1), done.stderr)
            json.loads(done.stdout)
        change = "dn: %s\nchangetype: modify\nreplace: hubDNSRouting\nhubDNSRouting: %%s\n" % (
            org.connector("To Internet"))
        path = org.place.file("change.ldif", change % "FALSE")
        report = self.json("config", "check", path)
        self.assertEqual((report["entries"], report["rejected"]), (1, []))
        path = org.place.file("change.ldif", change % "TRUE")
        done = hubctl(org, "config", "check", path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("1 entries to change, 1 refused", done.stdout)
        self.assertIn("hubDNSRouting TRUE and hubSmartHost", done.stdout)
        path = org.place.file("broken.ldif", "dn: o=x\nnonsense\n")
        self.refused("broken.ldif:2: ", "config", "check", path)
        for text in (good, change % "TRUE"):
            done = hubctl(org, "config", "check", "/dev/stdin", stdin=text)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("/dev/stdin: not a regular file", done.stderr)


class Refused(unittest.TestCase):
    """What the directory itself says, in a person's words; hubctl's own look is left out."""

    def test_by_patterns_validator_and_access(self):
        org = Organization(validated=True)
        self.addCleanup(org.close)
        d = org.directory
        change = ("--force", "send-connector", "set", "To Internet")

        def said(*arguments, **options):
            done = hubctl(org, *arguments, **options)
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            return done.stderr.splitlines()[-1]
        self.assertRegex(said(*change, "--port", "70000"),
                         "cn=To Internet,.*: the directory refuses: .*hubPort")
        self.assertRegex(said(*change, "--dns-routing", "TRUE"),
                         'cn=To Internet,.*: the directory refuses: .*hubSendConnector '
                         '"To Internet": hubDNSRouting TRUE and hubSmartHost .* exclude')
        self.assertRegex(said("--force", "site", "remove", "Paris"),
                         'the directory refuses: .*hubSite "Paris" cannot be removed')
        password = org.place.file("anna.password", "password-of-anna")
        anna = {"who": "uid=anna,ou=People," + d.suffix, "password_file": password}
        d.modify("dn: cn=View-Only,cn=Roles,%s\nchangetype: modify\nadd: member\nmember: %s\n"
                 % (d.base, anna["who"]))
        for role, arguments in (
                ("Connector Management", ("send-connector", "disable", "To Internet")),
                ("Connector Management", ("accepted-domain", "new", "x", "--domain", "x.example")),
                ("Server Management", ("receive-connector", "disable", "paris1/Default paris1")),
                ("Organization Management", ("site", "new", "Rome")),
                ("Organization Management", ("site-link", "remove", "London-Paris")),
                ("Organization Management", ("organization", "set", "--max-recipients", "7"))):
            self.assertTrue(said(*arguments, **anna).endswith("not allowed: needs " + role),
                            (arguments, said(*arguments, **anna)))
        d.modify("dn: cn=Connector Management,cn=Roles,%s\nchangetype: modify\nadd: member\n"
                 "member: %s\n" % (d.base, anna["who"]))
        done = hubctl(org, "send-connector", "set", "To Internet", "--comment", "x", **anna)
        self.assertEqual(done.returncode, 0, done.stderr)


class NewServer(unittest.TestCase):
    def test_a_new_server_starts_and_listens(self):
        org = Organization()
        self.addCleanup(org.close)
        org.start()
        hub = Hub(org.place, org.directory, "rome1", "Rome")
        password = org.place.file("rome1.new", hub.password)

        def ok(*arguments):
            done = hubctl(org, *arguments)
            self.assertEqual(done.returncode, 0, done.stderr)

        ok("site", "new", "Rome", "--subnet", "127.0.0.0/8")
        ok("site-link", "new", "Rome-Paris", "--site-list", "Rome,Paris")
        ok("server", "new", "rome1", "--fqdn", hub.fqdn, "--address", "127.0.0.1:%d" % hub.port,
           "--admin-address", "127.0.0.1:%d" % hub.admin_port, "--certificate", hub.key.certificate,
           "--password-file", password)
        made = json.loads(hubctl(org, "-o", "json", "server", "get", "rome1").stdout)
        self.assertEqual(made["key-digest"], [hub.key.digest])
        self.assertEqual(made["server-site"], org.directory.dn("Rome", "Sites"))
        default = json.loads(hubctl(org, "-o", "json", "receive-connector", "get",
                                    "rome1/Default rome1").stdout)
        self.assertEqual(default["binding"], ["0.0.0.0:25", "[::]:25"])
        self.assertEqual(default["max-recipients"], 5000)
        # ports that a test may use
        ok("receive-connector", "set", "rome1/Default rome1", "--binding", "127.0.0.1:%d"
           % hub.port)
        ok("receive-connector", "set", "rome1/Client rome1", "--binding",
           "127.0.0.1:%d" % hub.submission_port)
        hub.start()
        in_step(org.hubs + [hub])
        status = hub.ctl("config", "status")
        self.assertEqual({s["server"] for s in status["servers"]},
                         {"london1", "london2", "paris1", "rome1"})
        self.assertTrue(all(s["in_step"] and s["key_in_directory"] for s in status["servers"]))
        token, data = message(sender="anna@contoso.com", to="x@faraway.example")
        send(hub.submission_port, "anna@contoso.com", ["x@faraway.example"], data,
             login=("anna", "password-of-anna"))
        org.smart_host.wait(token)
        hub.stop()
        ok("server", "remove", "rome1")
        self.assertEqual(hubctl(org, "server", "get", "rome1").returncode, 1)


class Live(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = Organization().start()
        cls.addClassCleanup(cls.org.close)

    def stuck_message(self, name):
        """A message that waits on london2; nothing listens yet where its connector leads."""
        org, domain = self.org, name.lower() + ".example"
        self.port = free_port()
        org.send_connector(name, hubAddressSpace=domain, hubSourceServer=org.london2.dn(),
                           hubSmartHost="[127.0.0.1]:%d" % self.port, hubDNSRouting="FALSE")
        token, data = message(sender="anna@contoso.com", to="x@" + domain)
        send(org.application_port, "anna@contoso.com", ["x@" + domain], data)
        queue = wait_for("queue waits", lambda: [
            q for q in org.london2.ctl("queue", "list")["queues"]
            if q["next_hop_connector"] == name and q["status"] == "Retry"])[0]
        self.assertEqual(queue["message_count"], 1)
        return token, queue["identity"]

    def messages(self, queue):
        return self.org.london2.ctl("message", "list", "--queue", queue)["messages"]

    def test_queue_is_suspended_and_resumed(self):
        org, hub = self.org, self.org.london2
        token, queue = self.stuck_message("Suspended")
        self.assertEqual(hub.ctl("queue", "suspend", queue), {"changed": 1})
        self.assertEqual(hub.ctl("queue", "get", queue)["status"], "Suspended")
        sink = Sink(org.place, port=self.port)
        self.assertEqual(hub.ctl("queue", "retry", queue), {"changed": 1})
        self.assertEqual(len(self.messages(queue)), 1)
        self.assertEqual(sink.find(token), [])
        self.assertEqual(hub.ctl("queue", "resume", queue), {"changed": 1})
        hub.ctl("queue", "retry", queue, check=False)
        sink.wait(token)
        wait_for("queue is empty", lambda: not self.messages(queue))
        self.refused_by(hub, "Nowhere/at/all", "queue", "get", "Nowhere/at/all")

    def test_queue_is_retried(self):
        org, hub = self.org, self.org.london2
        token, queue = self.stuck_message("Retried")
        sink = Sink(org.place, port=self.port)
        self.assertEqual(hub.ctl("queue", "retry", queue), {"changed": 1})
        sink.wait(token)

    def test_queue_is_routed_again(self):
        org, hub = self.org, self.org.london2
        token, queue = self.stuck_message("Resubmitted")
        sink = Sink(org.place, port=self.port)
        self.assertEqual(hub.ctl("queue", "retry", queue, "--resubmit"), {"changed": 1})
        hub.ctl("queue", "retry", queue, check=False)
        sink.wait(token)

    def test_message_is_shown_suspended_and_removed(self):
        hub = self.org.london2
        token, queue = self.stuck_message("Removed")
        found = self.messages(queue)[0]
        self.assertEqual((found["queue"], found["from"]), (queue, "anna@contoso.com"))
        number = [q["id"] for q in hub.ctl("queue", "list")["queues"] if q["identity"] == queue][0]
        self.assertEqual(hub.ctl("queue", "get", str(number))["identity"], queue)
        shown = hub.ctl("message", "get", found["id"])["messages"]
        self.assertEqual([m["id"] for m in shown], [found["id"]])
        self.assertEqual(hub.ctl("message", "suspend", found["id"]), {"changed": 1})
        self.assertEqual(self.messages(queue)[0]["status"], "Suspended")
        self.assertEqual(hub.ctl("message", "resume", found["id"]), {"changed": 1})
        self.assertEqual(hub.ctl("message", "remove", found["id"], "--no-report"), {"changed": 1})
        wait_for("message is gone", lambda: not self.messages(queue))
        self.refused_by(hub, "", "message", "get", found["id"])
        self.assertEqual(self.org.mailbox.find(token), [])

    def refused_by(self, hub, text, *arguments):
        done = run(build_path("tools", "hubctl"), "--control", hub.control, *arguments)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(text, done.stderr)

    def test_other_servers_are_asked_over_tls(self):
        org = self.org
        listed = hubctl(org, "-o", "json", "--server", "paris1", "queue", "list")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn("queues", json.loads(listed.stdout))
        metrics = hubctl(org, "--server", "paris1", "metrics")
        self.assertTrue(metrics.stdout.endswith("# EOF\n"), metrics.stderr)
        self.assertEqual(org.paris1.ctl("metrics")[:6], "# TYPE")
        anna = "uid=anna,ou=People," + org.directory.suffix
        password = org.place.file("anna.password", "password-of-anna")
        d = org.directory
        d.modify("dn: cn=View-Only,cn=Roles,%s\nchangetype: modify\nadd: member\nmember: %s\n"
                 % (d.base, anna))
        done = hubctl(org, "--server", "paris1", "queue", "list", who=anna, password_file=password)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = hubctl(org, "--server", "paris1", "queue", "suspend", "x", who=anna,
                      password_file=password)
        self.assertEqual(done.returncode, 1)
        self.assertIn("not allowed", done.stderr)

    def test_a_server_without_its_pinned_key_is_not_talked_to(self):
        org = self.org
        dn = org.paris1.dn()
        other = "sha256:" + "0" * 64
        org.directory.change(dn, hubKeyDigest=other)
        self.addCleanup(org.directory.change, dn, hubKeyDigest=org.paris1.key.digest)
        done = hubctl(org, "--server", "paris1", "queue", "list")
        self.assertEqual(done.returncode, 1)
        self.assertIn("does not hold a key", done.stderr)


class Http(unittest.TestCase):
    """What the endpoint itself answers, to clients that are not hubctl."""

    @classmethod
    def setUpClass(cls):
        cls.org = Organization().start()
        cls.addClassCleanup(cls.org.close)
        cls.hub = cls.org.paris1

    def ask(self, method, path, body=None, login=None, certificate=None, headers=None):
        context = ssl.create_default_context(cafile=self.hub.key.certificate)
        context.check_hostname = False
        if certificate is not None:
            context.load_cert_chain(certificate.certificate, certificate.key)
        connection = http.client.HTTPSConnection("127.0.0.1", self.hub.admin_port, context=context,
                                                 timeout=30)
        headers = dict(headers or {})
        if login is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, data

    def admin(self):
        return self.org.directory.admin + ":secret"

    def test_who_may(self):
        self.assertEqual(self.ask("GET", "/status")[0], 401)
        self.assertEqual(self.ask("GET", "/status", login=self.admin() + "x")[0], 401)
        self.assertEqual(self.ask("GET", "/status", login=self.org.directory.admin + ":")[0], 401)
        self.assertEqual(self.ask("GET", "/status", login="anna:password-of-anna")[0], 403)
        self.assertEqual(self.ask("GET", "/status", login="anna:wrong")[0], 401)
        self.assertEqual(self.ask("GET", "/status", headers={"Authorization": "Basic !!!"})[0], 401)
        self.assertEqual(self.ask("GET", "/status", login="no colon")[0], 401)
        status, data = self.ask("GET", "/status", login=self.admin())
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(data)["server"], "paris1")
        status, data = self.ask("GET", "/status", certificate=self.org.london1.key)
        self.assertEqual(status, 200)
        stranger = Key(self.org.place, "stranger")
        self.assertEqual(self.ask("GET", "/status", certificate=stranger)[0], 401)

    def test_metrics(self):
        status, data = self.ask("GET", "/metrics", login=self.admin())
        self.assertEqual(status, 200)
        self.assertTrue(data.endswith(b"# EOF\n"))
        self.assertIn(b"\nhub_spool_committed_total ", data)

    def test_bad_requests_get_a_reason(self):
        for method, path, body, status, text in (
                ("GET", "/nothing", None, 404, "/nothing"),
                ("POST", "/status", "{}", 405, "GET"),
                ("GET", "/queue", None, 405, "POST"),
                ("POST", "/queue", None, 400, "body"),
                ("POST", "/queue", "{", 400, "JSON"),
                ("POST", "/queue", "[]", 400, "op"),
                ("POST", "/queue", '{"op": 7}', 400, "op"),
                ("POST", "/queue", '{"op": "a", "op": "b"}', 400, "JSON"),
                ("POST", "/queue", "[" * 60000, 400, "JSON")):
            got, data = self.ask(method, path, body, login=self.admin())
            self.assertEqual(got, status, (path, body and body[:40], data))
            self.assertIn(text, json.loads(data)["error"])
        got, data = self.ask("POST", "/queue", '{"op": "queue-explode"}', login=self.admin())
        self.assertIn("queue-explode", json.loads(data)["error"])
        # refused by its head: what follows is not waited for
        self.assertEqual(self.ask("POST", "/queue", headers={"Content-Length": "100000"},
                                  login=self.admin())[0], 413)
        self.assertEqual(self.ask("GET", "/status", headers={"X": "y" * 10000},
                                  login=self.admin())[0], 400)
        self.assertEqual(self.ask("DELETE", "/status", login=self.admin())[0], 501)

    def test_those_who_hang_are_dropped_and_hinder_nobody(self):
        silent = [socket.create_connection(("127.0.0.1", self.hub.admin_port), 30)
                  for _ in range(20)]
        local = socket.socket(socket.AF_UNIX)
        local.settimeout(30)
        local.connect(self.hub.control)
        local.sendall(b"GET /status HT")
        self.assertEqual(self.ask("GET", "/status", login=self.admin())[0], 200)
        for waiting in silent + [local]:
            waiting.settimeout(30)
            self.assertEqual(waiting.recv(100), b"")
            waiting.close()

    def test_more_than_enough_connections(self):
        many = [socket.create_connection(("127.0.0.1", self.hub.admin_port),
                                         30) for _ in range(100)]
        for one in many:
            one.close()
        self.assertEqual(self.ask("GET", "/status", login=self.admin())[0], 200)

    def test_hub_stops_with_sessions_open(self):
        hub = self.org.london2
        context = ssl.create_default_context(cafile=hub.key.certificate)
        context.check_hostname = False
        with socket.create_connection(("127.0.0.1", hub.admin_port), 30) as raw:
            with context.wrap_socket(raw) as session:
                session.sendall(b"GET /status HT")
                self.assertEqual(hub.stop(), 0, hub.log()[-3000:])
                self.assertEqual(session.recv(100), b"")
        self.assertFalse(os.path.exists(hub.control))
        hub.start()

    def test_local_socket_is_for_the_owner(self):
        mode = os.stat(self.hub.control).st_mode & 0o777
        self.assertEqual(mode, 0o660)


class ConfigStatus(unittest.TestCase):
    def setUp(self):
        self.org = Organization().start()
        self.addCleanup(self.org.close)

    def status(self, expect):
        done = hubctl(self.org, "--control", self.org.london1.control, "-o", "json", "config",
                      "status")
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        out = json.loads(done.stdout)
        return out, {s["server"]: s for s in out["servers"]}

    def test_one_down_and_one_object_rejected(self):
        org = self.org
        out, servers = self.status(0)
        self.assertEqual(set(servers), {"london1", "london2", "paris1"})
        for server in servers.values():
            self.assertTrue(server["reachable"] and server["in_step"])
            self.assertTrue(server["key_in_directory"])
            self.assertEqual(server["fingerprint"], out["directory_fingerprint"])
            self.assertEqual(server["rejected"], [])
        # without secrets it is the fingerprint of the log
        self.assertEqual(org.paris1.fingerprint(), out["directory_fingerprint"])
        org.paris1.stop()
        out, servers = self.status(1)
        self.assertFalse(servers["paris1"]["reachable"])
        self.assertFalse(servers["paris1"]["in_step"])
        self.assertTrue(servers["london2"]["in_step"])
        org.paris1.start()
        # a rule across attributes, which slapd alone does not know
        org.directory.change(org.connector("To Internet"), hubDNSRouting="TRUE")
        wait_for("rejections", lambda: all(
            len(s["rejected"]) == 1 for s in self.status(1)[1].values()))
        out, servers = self.status(1)
        self.assertEqual(servers["london2"]["rejected"][0]["dn"], org.connector("To Internet"))
        self.assertTrue(servers["london2"]["rejected"][0]["last_good"])
        self.assertIn("hubDNSRouting", servers["london2"]["rejected"][0]["reason"])
        text = hubctl(org, "--control", org.london1.control, "config", "status").stdout
        self.assertIn("rejected: cn=To Internet", text)

    def test_one_out_of_step(self):
        """It runs what it has kept, for its way to the directory is closed."""
        org = self.org
        org.paris1.stop()
        with open(org.paris1.settings) as lines:
            text = lines.read()
        with open(org.paris1.settings, "w") as lines:
            lines.write(text.replace("directory = " + org.directory.uri,
                                     "directory = ldap://127.0.0.1:%d" % free_port()))
        org.directory.change(org.connector("To Internet"), hubPort="2525")
        in_step([org.london1, org.london2])
        org.paris1.start()
        key = org.london1.key
        asked = ("--control", org.london1.control, "--client-certificate", key.certificate,
                 "--client-key", key.key, "config", "status")

        def status():
            return {s["server"]: s for s in json.loads(
                hubctl(org, "-o", "json", *asked).stdout)["servers"]}
        wait_for("all others in step", lambda: [
            name for name, s in status().items() if s["in_step"]] == ["london1", "london2"])
        paris1 = status()["paris1"]
        self.assertTrue(paris1["reachable"] and paris1["from_cache"], paris1)
        done = hubctl(org, *asked)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"(?m)^paris1 +differs ")
        self.assertRegex(done.stdout, r"(?m)^london2 +in step ")

    def test_without_a_directory_the_server_here_is_told_of(self):
        self.org.directory.stop()
        wait_for("seen by the hub", lambda:
                 self.status(1)[1]["london1"]["directory"]["state"] != "live")
        out, servers = self.status(1)
        self.assertIsNone(out["directory_fingerprint"])
        self.assertEqual(list(servers), ["london1"])
        self.assertTrue(servers["london1"]["reachable"])
        self.assertTrue(servers["london1"]["directory"]["error"])
        self.assertRegex(hubctl(self.org, "--control", self.org.london1.control, "config",
                                "status").stdout, r"(?m)^london1 +not known ")

    def test_secrets_do_not_hide_whether_hubs_are_in_step(self):
        org = self.org
        org.send_connector("With password", hubAddressSpace="p.example", hubDNSRouting="FALSE",
                           hubSourceServer=org.london1.dn(), hubSmartHost="[192.0.2.1]",
                           hubSmartHostAuth="BasicAuth", hubAuthUser="us", hubAuthPassword="pass")
        out, servers = self.status(0)
        self.assertTrue(out["secrets_in_step"])
        self.assertNotEqual(org.paris1.fingerprint(), out["directory_fingerprint"])


if __name__ == "__main__":
    unittest.main()
