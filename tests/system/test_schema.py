"""Schema and constraints, seen through a real slapd made by ldap-schema/new-directory.

Every range of ldap-schema/constraints is tried at both ends and one beyond, every enumeration
and pattern with values that must and must not pass, every reference with what is there, what
is not, and what is of another class.
"""

import base64
import os
import re
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from private_slapd import (ADMIN, CONSTRAINT, EDGE1, HUB1, INTERNET, LONDON, OBJECTS, PARIS, SCHEMA,
                           SYNTAX, TREE, OneDirectory, ldif, run)


def names_of(kind):
    """attribute or class -> its definition in the schema source."""
    with open(os.path.join(SCHEMA, "hub-transport.schema")) as lines:
        text = "".join(line for line in lines if not line.startswith("#"))
    found = {}
    for block in re.split(r"\n(?=attributetype|objectclass|objectidentifier)", text):
        if block.startswith(kind):
            found[re.search(r"NAME '(\w+)'", block).group(1)] = " ".join(block.split())
    return found


def constraints():
    with open(os.path.join(SCHEMA, "constraints")) as lines:
        for line in lines:
            words = line.split()
            if words and not line.startswith("#"):
                attribute, _, scope = words[1].partition("[")
                yield words[0], attribute, scope.rstrip("]"), words[2:]


LABELS = ["example", "a.example", "xn--bcher-kva.example", "_x.example", "a" * 63 + ".example"]
NO_LABELS = ["-a.example", "a-.example", "a..example", ".example", "a example", "a,b", "*a.example",
             "192.0.2.1", "a" * 64 + ".example", "a." * 128 + "example"]
ADDRESSES = ["192.0.2.1", "2001:db8::1", "::"]
NO_ADDRESSES = ["192.0.2", "192.0.2.256", "2001:db8:::1", "1:2:3:4:5:6:7:8:9", "192.0.2.1 "]

# class, attribute, values that pass, values that do not
VALUES = [
    ("hubSendConnector", "hubAddressSpace",
     ["*", "SMTP:*;1", "smtp:*.example;100", "a.example", "--", "SMTP:--;1", "FAX:*", "FAX:a;b;7",
      "X400:c=us;a= ;p=org;5", "*.xn--bcher-kva.example"],
     ["*;0", "*;101", "*;", "a.*.example", "*example", "**", "SMTP:*.example.*", "SMTP:", "a b",
      "SMTP:a.example;x", "SMTP:a.example;01", "FAX:", "FAX:a;b", "Sx:a;b", "x" * 600]),
    ("hubForeignConnector", "hubAddressSpace", ["FAX:*;3"], ["*;999"]),
    ("hubSendConnector", "hubSmartHost",
     ["[192.0.2.1]", "[IPv6:2001:db8::1]", "[192.0.2.1]:2525", "[IPv6:::1]:25", "relay.example",
      "relay.example:587", "--", "relay"],
     ["192.0.2.1", "192.0.2.1:25", "[2001:db8::1]", "2001:db8::1", "[192.0.2.256]",
      "relay.example:0", "relay.example:65536", "relay.example:", "relay example", "-relay",
      "[relay.example]", "*.example"]),
    ("hubSendConnector", "hubSourceAddress", ADDRESSES + ["hub1 192.0.2.1", "hub 1 2001:db8::1"],
     ["192.0.2.256", "hub1", " 192.0.2.1"]),
    ("hubSendConnector", "hubFQDN", LABELS, NO_LABELS + ["bücher.example"]),
    ("hubSendConnector", "hubTLSDomain", LABELS + ["*.example"], NO_LABELS + ["*", "a.*"]),
    ("hubReceiveConnector", "hubBinding",
     ["0.0.0.0:25", "[::]:25", "127.0.0.1:65535", "[2001:db8::1]:587", "0.0.0.0:465 tls",
      "[::]:465 tls"],
     ["0.0.0.0", "0.0.0.0:0", "0.0.0.0:65536", "::25", "[::1%lo]:25", "localhost:25", "[::]",
      "0.0.0.0:465 ssl", "0.0.0.0 tls"]),
    ("hubReceiveConnector", "hubRemoteIPRange",
     ADDRESSES + ["192.0.2.1-192.0.2.9", "192.0.2.0/24", "0.0.0.0/0", "::/0", "2001:db8::/128",
                  "::1-::9"],
     NO_ADDRESSES + ["192.0.2.0/33", "::/129", "192.0.2.1-::1", "192.0.2.1-", "a.example", "*"]),
    ("hubReceiveConnector", "hubBanner", ["220 hello"], ["220", "220-hello", "hello", "250 hello"]),
    ("hubReceiveConnector", "hubGrant",
     ["AnonymousUsers Accept-Any-Recipient", "HubUsers Submit",
      "uid=ann,o=Fabrikam Inc Bypass-Message-Size-Limit"],
     ["AnonymousUsers", "Accept-Any-Recipient", "AnonymousUsers Anything",
      "X accept-any-recipient"]),
    ("hubReceiveConnector", "hubDeny", ["HubUsers Submit"], ["Submit"]),
    ("hubReceiveConnector", "hubDefaultDomain", LABELS, NO_LABELS),
    ("hubForeignConnector", "hubDropDirectory", ["Fax", "a b"], ["../x", "/x", "a/b", ".", ".."]),
    ("hubDeliveryAgentConnector", "hubDeliveryProtocol", ["MOBILE", "x-y.1"], ["a b", "../x", "."]),
    ("hubRoutingGroupConnector", "hubTargetServer",
     LABELS + ["old.example:2525", "[192.0.2.1]", "[IPv6:2001:db8::1]:25"],
     NO_LABELS[:-1] + ["--", "old.example:0", "[old.example]"]),
    ("hubSite", "hubSubnet", ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"], ["10.0.0.0/33",
                                                                            "London"]),
    ("hubServer", "hubAddress", ["192.0.2.1", "192.0.2.1:2525", "2001:db8::1", "[::1]:25", "[::1]"],
     ["192.0.2.1:0", "a.example", "[::1", "192.0.2.1:"]),
    ("hubServer", "hubAdminAddress", ["192.0.2.1:8025", "[::1]:8025"], ["192.0.2.1",
                                                                        "a.example:1"]),
    ("hubServer", "hubKeyDigest", ["sha256:" + "0a" * 32], ["sha256:0a", "md5:" + "0a" * 32]),
    ("hubServer", "hubExternalDNSServer", ["192.0.2.1", "[::1]:5353"], ["a.example"]),
    ("hubServer", "hubInternalDNSServer", ["192.0.2.1:53"], ["a.example"]),
    ("hubServer", "hubDropRoot", ["/var/spool/drop"], ["drop"]),
    ("hubServer", "hubPickupDirectory", ["/var/spool/pickup"], ["pickup"]),
    ("hubServer", "hubReplayDirectory", ["/var/spool/replay"], ["replay"]),
    ("hubOrganization", "hubTLSSendDomainSecure", LABELS, NO_LABELS + ["*.example"]),
    ("hubOrganization", "hubTLSReceiveDomainSecure", LABELS, NO_LABELS + ["*.example"]),
    ("hubOrganization", "hubPostmaster", ["postmaster@a.example"], ["postmaster", "a b@example"]),
    ("hubOrganization", "hubInternalSMTPServer", ADDRESSES, NO_ADDRESSES),
    ("hubOrganization", "hubEpoch", ["6f1d2c7e-93b4-4c1a-8d5f-2a7be04c9e31"], ["1"]),
    ("hubAcceptedDomain", "hubDomain", LABELS + ["*.example", "fabrikam.example"],
     NO_LABELS + ["*", "bücher.example"]),
    ("hubRemoteDomain", "hubDomain", LABELS + ["*.example", "*"], NO_LABELS + ["a.*"]),
    # one per boolean would test slapd, not us
    ("hubSendConnector", "hubScoped", ["TRUE", "FALSE"], ["true", "yes", "1"]),
]
SERVERS = ["cn=nobody,cn=Servers," + TREE, LONDON, "cn=hub1", ADMIN]
REFERENCES = [
    ("hubSendConnector", "hubSourceServer", HUB1, SERVERS + [OBJECTS["hubMailboxServer"]]),
    ("hubSendConnector", "hubLinkedReceiveConnector", OBJECTS["hubReceiveConnector"],
     [HUB1, "cn=none,cn=hub1,cn=Servers," + TREE]),
    ("hubRoutingGroupConnector", "hubTargetRoutingGroup", OBJECTS["hubRoutingGroup"], [HUB1]),
    ("hubSiteLink", "hubSiteList", LONDON, [HUB1, "cn=Rome,cn=Sites," + TREE]),
    ("hubServer", "hubServerSite", LONDON, [HUB1, "cn=Rome,cn=Sites," + TREE]),
    ("hubMailboxServer", "hubServerSite", LONDON, ["cn=Rome,cn=Sites," + TREE]),
    ("hubEdgeSubscription", "hubServerRef", EDGE1, SERVERS),
    ("hubOrganization", "hubDefaultAcceptedDomain", OBJECTS["hubAcceptedDomain"],
     [OBJECTS["hubRemoteDomain"], "cn=none,cn=Accepted Domains," + TREE]),
    ("hubMailGroup", "hubExpansionServer", HUB1, SERVERS),
]
# ranges that the directory contract states in words
STATED = {("hubPort", ""): (1, 65535), ("hubConnectionInactivityTimeout", ""): (1, 86400),
          ("hubCost", "hubSiteLink"): (1, 99999)}


class Forms(unittest.TestCase):
    """The schema loads in both forms, and both say the same."""

    def setUp(self):
        self.top = tempfile.mkdtemp(prefix="hub-schema-")
        self.addCleanup(shutil.rmtree, self.top)
        base = next(d for d in ("/etc/ldap/schema", "/etc/openldap/schema") if os.path.isdir(d))
        self.standard = [os.path.join(base, n) for n in ("core", "cosine")]
        self.source = os.path.join(SCHEMA, "hub-transport.schema")

    def made(self, folder):
        inside = os.path.join(folder, "cn=config", "cn=schema")
        name, = [n for n in os.listdir(inside) if "hub-transport" in n]
        with open(os.path.join(inside, name)) as lines:
            return re.findall(r"^olc.*(?:\n .*)*", lines.read(), re.M)

    def test_both_forms_are_the_same(self):
        conf, folders = os.path.join(self.top, "slapd.conf"), []
        with open(conf, "w") as out:
            for path in [s + ".schema" for s in self.standard] + [self.source]:
                out.write("include %s\n" % path)
        converted = run(os.path.join(SCHEMA, "schema2ldif"), self.source)
        self.assertEqual(converted.returncode, 0, converted.stderr)
        form = os.path.join(self.top, "config.ldif")
        with open(form, "w") as out:
            out.write("dn: cn=config\nobjectClass: olcGlobal\ncn: config\n\n"
                      "dn: cn=schema,cn=config\nobjectClass: olcSchemaConfig\ncn: schema\n\n")
            out.write("".join("include: file://%s.ldif\n\n" % s for s in self.standard))
            out.write(converted.stdout)
        for name, command in (("a", ["slaptest", "-f", conf]), ("b", ["slapadd", "-n0", "-l",
                                                                      form])):
            folder = os.path.join(self.top, name)
            os.mkdir(folder)
            loaded = run(*command, "-F", folder)
            self.assertEqual(loaded.returncode, 0, loaded.stderr)
            folders.append(self.made(folder))
        self.assertEqual(folders[0], folders[1])
        self.assertGreater(len(folders[0]), 100)

    def test_bad_directive_is_named(self):
        bad = os.path.join(self.top, "bad.schema")
        with open(bad, "w") as out:
            out.write("# x\nattributtype ( 1.1 NAME 'x' )\n")
        converted = run(os.path.join(SCHEMA, "schema2ldif"), bad)
        self.assertEqual(converted.returncode, 1)
        self.assertIn("bad.schema:2:", converted.stderr)

    def test_registry_is_whole(self):
        """Numbers are unique, without gaps, and the registry names what is defined."""
        with open(self.source) as lines:
            head = " ".join(line[1:].strip() for line in lines if line.startswith("# "))
        for kind, macro in (("attributetype", "hubAttribute"), ("objectclass", "hubClass")):
            numbers = {}
            for name, text in names_of(kind).items():
                numbers[int(re.search(macro + r":(\d+)", text).group(1))] = name
            self.assertEqual(sorted(numbers), list(range(1, len(names_of(kind)) + 1)))
            for number, name in numbers.items():
                self.assertIn(" %d %s" % (number, name), head)

    def test_every_integer_has_a_range(self):
        integers = {n for n, text in names_of("attributetype").items()
                    if text.find("121.1.27 ") > 0}
        integers.remove("hubFormatVersion")  # of a file, whose reader looks at it
        self.assertEqual(integers, {a for kind, a, _, _ in constraints() if kind == "range"})
        known = set(names_of("attributetype")) | {"cn"}
        self.assertLessEqual({a for kind, a, _, _ in constraints() if kind != "define"}, known)


class Values(OneDirectory):
    def assertPasses(self, dn, attribute, value):
        with self.subTest(attribute=attribute, good=value):
            self.assertEqual(self.slapd.replace(dn, attribute, value), 0)

    def assertRefused(self, dn, attribute, value):
        with self.subTest(attribute=attribute, bad=value):
            self.assertIn(self.slapd.replace(dn, attribute, value), (CONSTRAINT, SYNTAX))

    def classes_with(self, attribute, scope):
        for name, text in names_of("objectclass").items():
            if scope in ("", name) and re.search(r"\b%s\b" % attribute, text) and name in OBJECTS:
                yield name

    def test_skeleton(self):
        names = [line for line in self.slapd.read(TREE, "1.1", scope="one") if line]
        for container in ("Connectors", "Accepted Domains", "Remote Domains", "Sites", "Site Links",
                          "Routing Groups", "Servers", "Edge Subscriptions", "Roles"):
            self.assertIn("dn: cn=%s,%s" % (container, TREE), names)
        members = self.slapd.read("cn=Organization Management,cn=Roles," + TREE, "member")
        self.assertIn("member: " + ADMIN, members)

    def test_ranges(self):
        seen = {}
        for kind, attribute, scope, words in constraints():
            if kind != "range":
                continue
            low, high = int(words[0]), int(words[1])
            seen[attribute, scope] = (low, high)
            classes = list(self.classes_with(attribute, scope))
            self.assertTrue(classes, attribute)
            for name in classes:
                for value in (low, high):
                    self.assertPasses(OBJECTS[name], attribute, str(value))
                for value in (low - 1, high + 1, -high, high * 10, "0%d" % high, "many"):
                    self.assertRefused(OBJECTS[name], attribute, str(value))
                self.assertEqual(self.slapd.replace(OBJECTS[name], attribute, []), 0)
        for key, stated in STATED.items():
            self.assertEqual(seen[key], stated, key)

    def test_enumerations(self):
        for kind, attribute, scope, words in constraints():
            if kind != "enum":
                continue
            for name in self.classes_with(attribute, scope):
                for word in words:
                    self.assertPasses(OBJECTS[name], attribute, word)
                for word in ("Nonsense", words[0].swapcase(), words[0] + "x", " ", words[0] + "|"):
                    self.assertRefused(OBJECTS[name], attribute, word)
        for name in ("hubServer",):
            self.assertPasses(OBJECTS[name], "hubRole", "Hub")

    def test_client_usage_is_for_receive_connectors(self):
        self.assertPasses(OBJECTS["hubReceiveConnector"], "hubUsage", "Client")
        self.assertRefused(INTERNET, "hubUsage", "Client")

    def test_patterns(self):
        for name, attribute, good, bad in VALUES:
            self.assertIn(attribute, names_of("objectclass")[name])
            for value in good:
                self.assertPasses(OBJECTS[name], attribute, value)
            for value in bad:
                self.assertRefused(OBJECTS[name], attribute, value)

    def test_references(self):
        for name, attribute, good, bad in REFERENCES:
            self.assertPasses(OBJECTS[name], attribute, good)
            for value in bad + ["no name at all"]:
                self.assertRefused(OBJECTS[name], attribute, value)

    def test_sizes_and_counts(self):
        certificate = b"\x30\x82\x00\xff" * 2048
        self.assertPasses(HUB1, "hubCertificate", [certificate])
        self.assertRefused(HUB1, "hubCertificate", [certificate + b"x"])
        self.assertPasses(HUB1, "hubCertificate", [b"1", b"2", b"3", b"4"])
        self.assertRefused(HUB1, "hubCertificate", [b"1", b"2", b"3", b"4", b"5"])
        edge = OBJECTS["hubEdgeSubscription"]
        self.assertPasses(edge, "hubDirectoryCertificate", [certificate])
        self.assertRefused(edge, "hubDirectoryCertificate", [certificate + b"x"])
        self.assertPasses(edge, "hubDirectoryCertificate", [b"1", b"2", b"3", b"4"])
        self.assertRefused(edge, "hubDirectoryCertificate", [b"1", b"2", b"3", b"4", b"5"])
        self.assertRefused(INTERNET, "hubAuthPassword", ["x" * 1025])

    def test_names(self):
        for cn, good in (("x" * 64, True), ("x" * 65, False), ("Bücher-Büro 1", True),
                         ("ü" * 64, True), ("a*b", False), ("a(b)", False), ("a[b]", False),
                         ("a/b", False), ("a`b", False), ("ü*", False), ("a\tb", False),
                         (" !$%&'-.:?@^_{|}~", True)):
            with self.subTest(cn=cn):
                dn = "cn=%s,cn=Sites,%s" % (cn, TREE)
                encoded = base64.b64encode(dn.encode()).decode()
                code = self.slapd.add(ldif("", "hubSite", cn=cn).replace("dn: ", "dn:: " + encoded))
                self.assertEqual(code, 0 if good else CONSTRAINT)
        for escaped in ("a\\,b", "a\\+b", "a\\;b", "a\\<b", "a\\>b", "a\\=b", "a\\#b", "a\\\"b",
                        "a\\\\b"):
            with self.subTest(cn=escaped):
                code = self.slapd.add(ldif("cn=%s,cn=Sites,%s" % (escaped, TREE), "hubSite",
                                           cn=escaped[:1] + escaped[2:]))
                self.assertEqual(code, CONSTRAINT)
        renamed = "dn: %s\nchangetype: modrdn\nnewrdn: cn=a*b\ndeleteoldrdn: 1\n" % PARIS
        self.assertEqual(self.slapd.change(renamed).returncode, CONSTRAINT)
        second = "dn: %s\nchangetype: modify\nadd: cn\ncn: Londres\n" % LONDON
        self.assertEqual(self.slapd.change(second).returncode, CONSTRAINT)

    def test_required(self):
        for name, container in (("hubServer", "Servers"), ("hubAcceptedDomain", "Accepted Domains"),
                                ("hubRemoteDomain", "Remote Domains"),
                                ("hubSiteLink", "Site Links"),
                                ("hubForeignConnector", "Connectors"),
                                ("hubDeliveryAgentConnector", "Connectors"),
                                ("hubRoutingGroupConnector", "Connectors")):
            dn = "cn=Bare,cn=%s,%s" % (container, TREE)
            self.assertEqual(self.slapd.add(ldif(dn, name)), 65, name)

    def test_domains_are_unique(self):
        for container, name in (("Accepted Domains", "hubAcceptedDomain"),
                                ("Remote Domains", "hubRemoteDomain")):
            first, second = ["cn=%s,cn=%s,%s" % (cn, container, TREE) for cn in ("u1", "u2")]
            self.assertEqual(self.slapd.add(ldif(first, name, hubDomain="u.example")), 0)
            self.assertEqual(self.slapd.add(ldif(second, name, hubDomain="U.example")), CONSTRAINT)
            self.assertEqual(self.slapd.add(ldif(second, name, hubDomain="v.example")), 0)
            self.assertRefused(second, "hubDomain", "u.EXAMPLE")


if __name__ == "__main__":
    unittest.main()
