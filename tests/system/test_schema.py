"""Schema, constraints and access rules, seen through a real slapd.

A private slapd made by ldap-schema/new-directory, on ldapi and a loopback port. Every range of
ldap-schema/constraints is tried at both ends and one beyond, every enumeration and pattern
with values that must and must not pass, every role with what it may and may not do.
"""

import base64
import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCHEMA = os.path.join(TOP, "ldap-schema")
SUFFIX = "o=Fabrikam Inc"
TREE = "cn=Transport," + SUFFIX
ADMIN = "cn=admin," + SUFFIX
DEADLINE = 20

SYNTAX = 21
CONSTRAINT = 19
INSUFFICIENT = 50
NO_OBJECT = 32
REFUSED_ACCESS = (INSUFFICIENT, NO_OBJECT, 8, 19, 122)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(*command, stdin=None):
    environment = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin", LDAPNOINIT="1")
    return subprocess.run(command, input=stdin, capture_output=True, text=True,
                          env=environment, timeout=60)


def wait_for(what, condition):
    """Asks until the condition holds; every question is a process of its own, so no pause."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if condition():
            return
    raise AssertionError("not within %d s: %s" % (DEADLINE, what))


def ldif(dn, classes, **attributes):
    lines = ["dn: " + dn] + ["objectClass: " + c for c in classes.split()]
    for name, values in attributes.items():
        for value in values if isinstance(values, list) else [values]:
            lines.append("%s:: %s" % (name, base64.b64encode(value.encode()).decode()))
    return "\n".join(lines) + "\n\n"


class Slapd:
    """A slapd in a temporary directory; who = None is anonymous, (dn, password) binds."""

    def __init__(self, *options, schemes=("ldapi", "ldap"), port=None, suffix=SUFFIX):
        self.top = tempfile.mkdtemp(prefix="hub-schema-")
        self.dir = os.path.join(self.top, "d")
        self.suffix = suffix
        self.port = port or free_port()
        socket_path = os.path.join(self.top, "s")
        uris = {"ldapi": "ldapi://" + urllib.parse.quote(socket_path, safe=""),
                "ldap": "ldap://127.0.0.1:%d" % self.port,
                "ldaps": "ldaps://127.0.0.1:%d" % self.port}
        self.local = uris["ldapi"]
        self.uri = uris[schemes[1]]
        self.process = None
        made = run(os.path.join(SCHEMA, "new-directory"), self.dir, "--suffix", suffix,
                   "--uri", *[uris[s] for s in schemes], *options)
        if made.returncode != 0:
            raise AssertionError(made.stderr)
        self.command = shlex.split(made.stdout)
        generated = os.path.join(self.dir, "admin.password")
        self.password = None
        if os.path.exists(generated):
            with open(generated) as lines:
                self.password = lines.readline().strip()
        self.admin = ("cn=admin," + suffix, self.password)
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        wait_for("slapd answers", lambda: self.process.poll() is not None or run(
            "ldapsearch", "-x", "-LLL", "-H", self.local, "-s", "base", "-b", "",
            "1.1").returncode == 0)
        if self.process.poll() is not None:
            raise AssertionError("slapd ended: %s" % " ".join(self.command))

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(DEADLINE)
            self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.top)

    def bind(self, who):
        return ["-x", "-H", self.uri] + (["-D", who[0], "-w", who[1]] if who else [])

    def change(self, text, who="admin"):
        who = self.admin if who == "admin" else who
        return run("ldapmodify", *self.bind(who), stdin=text)

    def add(self, text, who="admin"):
        who = self.admin if who == "admin" else who
        return run("ldapadd", *self.bind(who), stdin=text).returncode

    def replace(self, dn, attribute, values, who="admin"):
        text = "dn: %s\nchangetype: modify\nreplace: %s\n" % (dn, attribute)
        for value in values if isinstance(values, list) else [values]:
            raw = value if isinstance(value, bytes) else value.encode()
            text += "%s:: %s\n" % (attribute, base64.b64encode(raw).decode())
        return self.change(text, who).returncode

    def delete(self, dn, who="admin"):
        return self.change("dn: %s\nchangetype: delete\n" % dn, who).returncode

    def read(self, dn, *attributes, who="admin", scope="base", filter="(objectClass=*)"):
        """The unfolded LDIF lines of a search, or its result code if that is not 0."""
        who = self.admin if who == "admin" else who
        found = run("ldapsearch", "-LLL", "-o", "ldif-wrap=no", *self.bind(who), "-b", dn,
                    "-s", scope, filter, *attributes)
        return found.stdout.splitlines() if found.returncode == 0 else found.returncode


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


# One object of every class; the values of the table are written into these.
OBJECTS = {
    "hubOrganization": TREE,
    "hubSite": "cn=London,cn=Sites," + TREE,
    "hubSiteLink": "cn=London-Paris,cn=Site Links," + TREE,
    "hubServer": "cn=hub1,cn=Servers," + TREE,
    "hubMailboxServer": "cn=mail1,cn=Servers," + TREE,
    "hubReceiveConnector": "cn=Default hub1,cn=hub1,cn=Servers," + TREE,
    "hubSendConnector": "cn=Internet,cn=Connectors," + TREE,
    "hubForeignConnector": "cn=Fax,cn=Connectors," + TREE,
    "hubDeliveryAgentConnector": "cn=Text,cn=Connectors," + TREE,
    "hubRoutingGroupConnector": "cn=Old,cn=Connectors," + TREE,
    "hubRoutingGroup": "cn=First,cn=Routing Groups," + TREE,
    "hubAcceptedDomain": "cn=Fabrikam,cn=Accepted Domains," + TREE,
    "hubRemoteDomain": "cn=Everybody,cn=Remote Domains," + TREE,
    "hubEdgeSubscription": "cn=edge1,cn=Edge Subscriptions," + TREE,
    "hubMailGroup": "cn=All," + SUFFIX,
}
HUB1 = OBJECTS["hubServer"]
EDGE1 = "cn=edge1,cn=Servers," + TREE
LONDON = OBJECTS["hubSite"]
PARIS = "cn=Paris,cn=Sites," + TREE
INTERNET = OBJECTS["hubSendConnector"]
SUBSCRIPTION = OBJECTS["hubEdgeSubscription"]

ORGANIZATION = "".join([
    ldif(LONDON, "hubSite", hubSubnet="10.1.0.0/16"),
    ldif(PARIS, "hubSite"),
    ldif(OBJECTS["hubSiteLink"], "hubSiteLink", hubSiteList=[LONDON, PARIS], hubCost="10"),
    ldif(HUB1, "hubServer", hubRole="Hub", hubServerSite=LONDON, userPassword="hub1"),
    ldif("cn=hub2,cn=Servers," + TREE, "hubServer", hubRole="Hub", hubServerSite=PARIS,
         userPassword="hub2"),
    ldif(EDGE1, "hubServer", hubRole="Edge", hubServerSite=LONDON, userPassword="edge1"),
    ldif(OBJECTS["hubMailboxServer"], "hubMailboxServer", hubServerSite=PARIS),
    ldif(OBJECTS["hubReceiveConnector"], "hubReceiveConnector"),
    ldif(INTERNET, "hubSendConnector", hubAddressSpace="SMTP:*;1", hubSourceServer=HUB1,
         hubAuthUser="relay", hubAuthPassword="connector secret"),
    ldif(OBJECTS["hubForeignConnector"], "hubForeignConnector", hubAddressSpace="FAX:*",
         hubSourceServer=HUB1),
    ldif(OBJECTS["hubDeliveryAgentConnector"], "hubDeliveryAgentConnector",
         hubAddressSpace="MOBILE:*", hubDeliveryProtocol="MOBILE", hubSourceServer=HUB1),
    ldif(OBJECTS["hubRoutingGroupConnector"], "hubRoutingGroupConnector", hubSourceServer=HUB1,
         hubTargetServer="old.example"),
    ldif(OBJECTS["hubRoutingGroup"], "hubRoutingGroup"),
    ldif(OBJECTS["hubAcceptedDomain"], "hubAcceptedDomain", hubDomain="fabrikam.example"),
    ldif(OBJECTS["hubRemoteDomain"], "hubRemoteDomain", hubDomain="*"),
    ldif(SUBSCRIPTION, "hubEdgeSubscription", hubServerRef=EDGE1, hubServerSite=LONDON,
         hubCredential="sealed"),
    ldif("cn=All," + SUFFIX, "groupOfNames hubMailGroup", member=ADMIN,
         mail="all@fabrikam.example"),
    ldif("uid=ann," + SUFFIX, "inetOrgPerson inetLocalMailRecipient hubRecipient", cn="Ann",
         sn="A", mail="ann@fabrikam.example", mailHost="mail1", userPassword="ann",
         hubRefuseOutsideMail="FALSE"),
] + [
    ldif("uid=%s,%s" % (uid, SUFFIX), "inetOrgPerson", cn=uid, sn=uid, userPassword=uid)
    for uid in ("sm", "cm", "vo")])
ROLES = (("sm", "Server Management"), ("cm", "Connector Management"), ("vo", "View-Only"))
PEOPLE = {uid: ("uid=%s,%s" % (uid, SUFFIX), uid) for uid in ("ann", "sm", "cm", "vo")}
HUBS = {cn: ("cn=%s,cn=Servers,%s" % (cn, TREE), cn) for cn in ("hub1", "hub2", "edge1")}

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
     ["0.0.0.0:25", "[::]:25", "127.0.0.1:65535", "[2001:db8::1]:587"],
     ["0.0.0.0", "0.0.0.0:0", "0.0.0.0:65536", "::25", "[::1%lo]:25", "localhost:25", "[::]"]),
    ("hubReceiveConnector", "hubRemoteIPRange",
     ADDRESSES + ["192.0.2.1-192.0.2.9", "192.0.2.0/24", "0.0.0.0/0", "::/0", "2001:db8::/128",
                  "::1-::9"],
     NO_ADDRESSES + ["192.0.2.0/33", "::/129", "192.0.2.1-::1", "192.0.2.1-", "a.example", "*"]),
    ("hubReceiveConnector", "hubBanner", ["220 hello"], ["220", "220-hello", "hello", "250 hello"]),
    ("hubReceiveConnector", "hubGrant",
     ["AnonymousUsers Accept-Any-Recipient", "HubUsers Submit",
      "uid=ann,o=Fabrikam Inc Bypass-Message-Size-Limit"],
     ["AnonymousUsers", "Accept-Any-Recipient", "AnonymousUsers Anything", "X accept-any-recipient"]),
    ("hubReceiveConnector", "hubDeny", ["HubUsers Submit"], ["Submit"]),
    ("hubReceiveConnector", "hubDefaultDomain", LABELS, NO_LABELS),
    ("hubForeignConnector", "hubDropDirectory", ["Fax", "a b"], ["../x", "/x", "a/b", ".", ".."]),
    ("hubDeliveryAgentConnector", "hubDeliveryProtocol", ["MOBILE", "x-y.1"], ["a b", "../x", "."]),
    ("hubRoutingGroupConnector", "hubTargetServer", LABELS, NO_LABELS),
    ("hubSite", "hubSubnet", ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"], ["10.0.0.0/33", "London"]),
    ("hubServer", "hubAddress", ["192.0.2.1", "192.0.2.1:2525", "2001:db8::1", "[::1]:25", "[::1]"],
     ["192.0.2.1:0", "a.example", "[::1", "192.0.2.1:"]),
    ("hubServer", "hubAdminAddress", ["192.0.2.1:8025", "[::1]:8025"], ["192.0.2.1", "a.example:1"]),
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


class OneDirectory(unittest.TestCase):
    """Base of the tests that share a slapd with the organization above."""

    @classmethod
    def setUpClass(cls):
        cls.slapd = Slapd()
        added = run("ldapadd", *cls.slapd.bind(cls.slapd.admin), stdin=ORGANIZATION)
        if added.returncode != 0:
            cls.slapd.remove()
            raise AssertionError(added.stdout[-300:] + added.stderr)
        for uid, role in ROLES:
            code = cls.slapd.replace("cn=%s,cn=Roles,%s" % (role, TREE), "member", PEOPLE[uid][0])
            assert code == 0, code

    @classmethod
    def tearDownClass(cls):
        cls.slapd.remove()

    def assertPasses(self, dn, attribute, value):
        with self.subTest(attribute=attribute, good=value):
            self.assertEqual(self.slapd.replace(dn, attribute, value), 0)

    def assertRefused(self, dn, attribute, value):
        with self.subTest(attribute=attribute, bad=value):
            self.assertIn(self.slapd.replace(dn, attribute, value), (CONSTRAINT, SYNTAX))


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
        for name, command in (("a", ["slaptest", "-f", conf]), ("b", ["slapadd", "-n0", "-l", form])):
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
        integers = {n for n, text in names_of("attributetype").items() if text.find("121.1.27 ") > 0}
        self.assertEqual(integers, {a for kind, a, _, _ in constraints() if kind == "range"})
        known = set(names_of("attributetype")) | {"cn"}
        self.assertLessEqual({a for kind, a, _, _ in constraints() if kind != "define"}, known)


class Values(OneDirectory):
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


class Access(OneDirectory):
    def assertMay(self, code, what):
        self.assertEqual(code, 0, what)

    def assertMayNot(self, code, what):
        self.assertIn(code, REFUSED_ACCESS, what)

    def assertSees(self, who, dn, *attributes):
        lines = self.slapd.read(dn, *attributes, who=who)
        self.assertIsInstance(lines, list, (who, dn))
        for attribute in attributes:
            self.assertTrue(any(l.startswith(attribute + ":") for l in lines), (who, attribute))

    def assertSeesNot(self, who, dn, attribute):
        lines = self.slapd.read(dn, attribute, who=who)
        if isinstance(lines, list):
            self.assertFalse(any(l.startswith(attribute + ":") for l in lines), (who, attribute))

    def test_nobody_sees_anything(self):
        for who in (None, PEOPLE["ann"], HUBS["edge1"]):
            for base in (SUFFIX, TREE, INTERNET, "uid=ann," + SUFFIX):
                self.assertEqual(self.slapd.read(base, who=who), NO_OBJECT, (who, base))
            self.assertMayNot(self.slapd.replace(INTERNET, "hubComment", "x", who=who), who)

    def test_wrong_password(self):
        self.assertEqual(self.slapd.read(TREE, who=(HUBS["hub1"][0], "wrong")), 49)

    def test_password_hashes_are_hidden(self):
        for who in [self.slapd.admin, *PEOPLE.values(), *HUBS.values(), None]:
            for dn in (ADMIN, HUB1, "uid=ann," + SUFFIX, "cn=replicator," + SUFFIX):
                self.assertSeesNot(who, dn, "userPassword")
                found = self.slapd.read(dn, "1.1", who=who, filter="(userPassword=*)")
                self.assertIn(found, ([], NO_OBJECT), (who, dn))

    def test_connector_secret(self):
        self.assertSees(HUBS["hub1"], INTERNET, "hubAuthUser", "hubAuthPassword")
        for who in [self.slapd.admin, HUBS["edge1"], *PEOPLE.values()]:
            self.assertSeesNot(who, INTERNET, "hubAuthPassword")
        for who in (self.slapd.admin, PEOPLE["cm"]):
            self.assertMay(self.slapd.replace(INTERNET, "hubAuthPassword", "new", who=who), who)
        self.assertMayNot(self.slapd.replace(INTERNET, "hubAuthPassword", "x", who=PEOPLE["sm"]), "sm")

    def test_hub_reads_everything_and_writes_nothing(self):
        for who in (HUBS["hub1"], HUBS["hub2"]):
            self.assertSees(who, TREE, "hubEpoch")
            self.assertSees(who, OBJECTS["hubSiteLink"], "hubSiteList")
            self.assertSees(who, "cn=View-Only,cn=Roles," + TREE, "member")
            self.assertSees(who, "uid=ann," + SUFFIX, "mail", "mailHost")
            self.assertSees(who, "cn=All," + SUFFIX, "member", "mail")
            for dn in (TREE, INTERNET, who[0], "uid=ann," + SUFFIX, LONDON):
                self.assertMayNot(self.slapd.replace(dn, "description", "x", who=who), (who, dn))

    def test_hub_that_becomes_an_edge_reads_nothing(self):
        new = ("cn=hub3,cn=Servers," + TREE, "hub3")
        self.assertEqual(self.slapd.add(ldif(new[0], "hubServer", hubRole="Hub",
                                             userPassword="hub3")), 0)
        self.assertSees(new, TREE, "hubEpoch")
        self.assertEqual(self.slapd.replace(new[0], "hubRole", "Edge"), 0)
        self.assertEqual(self.slapd.read(TREE, who=new), NO_OBJECT)

    def test_hub_writes_credentials_of_its_site(self):
        self.assertMay(self.slapd.replace(SUBSCRIPTION, "hubCredential", "s", who=HUBS["hub1"]), 1)
        self.assertMayNot(self.slapd.replace(SUBSCRIPTION, "hubCredential", "s", who=HUBS["hub2"]), 2)
        self.assertMayNot(self.slapd.replace(SUBSCRIPTION, "hubDirectoryPort", "1", who=HUBS["hub1"]), 3)
        self.assertSees(HUBS["hub2"], SUBSCRIPTION, "hubCredential")
        self.assertSeesNot(self.slapd.admin, SUBSCRIPTION, "hubCredential")

    def may_write(self, who, may, may_not):
        for dn in may:
            self.assertMay(self.slapd.replace(dn, "hubComment", "by " + who, who=PEOPLE[who]), dn)
        for dn in may_not:
            code = self.slapd.replace(dn, "hubComment", "by " + who, who=PEOPLE[who])
            self.assertMayNot(code, (who, dn))
            self.assertSees(PEOPLE[who], dn, "objectClass")

    def test_server_management(self):
        self.may_write("sm", [HUB1, OBJECTS["hubReceiveConnector"], OBJECTS["hubMailboxServer"]],
                       [INTERNET, OBJECTS["hubAcceptedDomain"], LONDON, TREE, SUBSCRIPTION,
                        OBJECTS["hubSiteLink"]])
        sm = PEOPLE["sm"]
        for attribute, value in (("userPassword", "x"), ("hubCertificate", "x"),
                                 ("hubKeyDigest", "sha256:" + "00" * 32)):
            self.assertMayNot(self.slapd.replace(HUB1, attribute, value, who=sm), attribute)
        new = "cn=hub9,cn=Servers," + TREE
        self.assertMayNot(self.slapd.add(
            ldif(new, "hubServer", hubRole="Hub", userPassword="mine"), who=sm), "with a password")
        self.assertMay(self.slapd.add(ldif(new, "hubServer", hubRole="Hub"), who=sm), "without")
        self.assertMay(self.slapd.add(ldif("cn=R," + new, "hubReceiveConnector"), who=sm), "connector")
        self.assertMay(self.slapd.delete("cn=R," + new, who=sm), "delete")
        self.assertMay(self.slapd.delete(new, who=sm), "delete")
        self.assertMayNot(self.slapd.add(
            ldif("cn=C,cn=Connectors," + TREE, "hubSendConnector"), who=sm), "connector")

    def test_connector_management(self):
        self.may_write("cm", [INTERNET, OBJECTS["hubForeignConnector"], OBJECTS["hubAcceptedDomain"],
                              OBJECTS["hubRemoteDomain"]],
                       [HUB1, OBJECTS["hubReceiveConnector"], LONDON, TREE, SUBSCRIPTION])
        cm = PEOPLE["cm"]
        new = "cn=C,cn=Connectors," + TREE
        self.assertMay(self.slapd.add(ldif(new, "hubSendConnector", hubAuthPassword="s"), who=cm), 1)
        self.assertMay(self.slapd.delete(new, who=cm), 2)
        self.assertMayNot(self.slapd.delete("cn=Connectors," + TREE, who=cm), 3)
        self.assertMayNot(self.slapd.add(
            ldif("cn=hub9,cn=Servers," + TREE, "hubServer", hubRole="Hub"), who=cm), 4)
        self.assertMayNot(self.slapd.replace("cn=Connector Management,cn=Roles," + TREE, "member",
                                             PEOPLE["ann"][0], who=cm), 5)

    def test_view_only(self):
        self.may_write("vo", [], list(OBJECTS[n] for n in OBJECTS if n != "hubMailGroup"))

    def test_organization_management(self):
        for name, dn in OBJECTS.items():
            attribute = "description" if name == "hubMailGroup" else "hubComment"
            self.assertMay(self.slapd.replace(dn, attribute, "by admin"), dn)
        self.assertMay(self.slapd.replace(HUB1, "userPassword", "hub1"), "password of a server")
        self.assertMay(self.slapd.replace(HUB1, "hubCertificate", "x"), "certificate")
        self.assertMayNot(self.slapd.add(ldif("cn=root," + SUFFIX, "organizationalRole",
                                              cn="root")), "the database's identity")

    def test_no_size_limit_for_hubs(self):
        many = "".join(ldif("cn=many%d,cn=Connectors,%s" % (i, TREE), "hubSendConnector")
                       for i in range(520))
        self.assertEqual(self.slapd.add(many), 0)
        for who in (HUBS["hub1"], self.slapd.admin, PEOPLE["vo"]):
            found = self.slapd.read("cn=Connectors," + TREE, "1.1", who=who, scope="one")
            self.assertIsInstance(found, list, who)
            self.assertGreater(len([l for l in found if l]), 519)

    def test_local_administrator(self):
        who = run("ldapwhoami", "-Q", "-Y", "EXTERNAL", "-H", self.slapd.local)
        self.assertEqual(who.stdout.strip().lower(), "dn:" + ADMIN.lower())


class Arguments(unittest.TestCase):
    def test_bad_arguments_are_one_line(self):
        with tempfile.TemporaryDirectory() as top:
            new, empty = os.path.join(top, "d"), os.path.join(top, "empty")
            open(empty, "w").close()
            uri = ["--uri", "ldap://127.0.0.1:1"]
            o = ["--suffix", "o=x"]
            for arguments in (
                    [], [new], [new] + o, [new] + uri, [new, "--suffix", "x"] + uri,
                    [new, "--suffix", "cn=x"] + uri, [new, "--suffix", "o=a\"b"] + uri,
                    [new, "--uri"] + o, [new, "--uri", "http://x"] + o, [top] + o + uri,
                    [new, "second"] + o + uri, [new, "--nonsense"] + o + uri, [new, "--suffix"],
                    [new] + o + ["--uri", "ldaps://127.0.0.1:1"],
                    [new, "--ca", empty] + o + uri, [new, "--password-file", "/nowhere"] + o + uri,
                    [new, "--password-file", empty] + o + uri,
                    [new, "--provider", "ldap://a"] + o + uri,
                    [new, "--edge", "--consumer-of", "ldap://a"] + o + uri,
                    [new, "--consumer-of", "ldap://a"] + o + uri):
                with self.subTest(arguments=arguments):
                    made = run(os.path.join(SCHEMA, "new-directory"), *arguments)
                    self.assertEqual(made.returncode, 2, made.stderr)
                    self.assertEqual(made.stderr.count("\n"), 1, made.stderr)
                    self.assertEqual(made.stdout, "")
                    self.assertFalse(os.path.exists(new) and os.listdir(new))


class Certificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.top = tempfile.mkdtemp(prefix="hub-schema-")
        cls.addClassCleanup(shutil.rmtree, cls.top)
        cls.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", cls.path("ca.key"),
                    "-out", cls.path("ca.crt"), "-subj", "/CN=Test CA", "-days", "2")
        for name, subject in (("slapd", "/CN=slapd"), ("hub1", "/O=Fabrikam/OU=Mail/CN=hub1")):
            key, request, signed = (cls.path(name + end) for end in (".key", ".csr", ".crt"))
            cls.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request,
                        "-subj", subject, "-addext", "subjectAltName=IP:127.0.0.1")
            cls.openssl("x509", "-req", "-in", request, "-CA", cls.path("ca.crt"), "-CAkey",
                        cls.path("ca.key"), "-out", signed, "-days", "2",
                        "-copy_extensions", "copy")
        cls.options = ["--ca", cls.path("ca.crt"), "--certificate", cls.path("slapd.crt"),
                       "--key", cls.path("slapd.key")]

    @classmethod
    def path(cls, name):
        return os.path.join(cls.top, name)

    @classmethod
    def openssl(cls, *arguments):
        done = run("openssl", *arguments)
        if done.returncode != 0:
            raise AssertionError(done.stderr)

    def client(self, *command, **environment):
        """Runs an OpenLDAP client that trusts the test's authority."""
        environment = dict(os.environ, LDAPTLS_CACERT=self.path("ca.crt"), **environment)
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30)

    def test_certificate_is_the_server(self):
        slapd = Slapd(*self.options, schemes=("ldapi", "ldaps"))
        self.addCleanup(slapd.remove)
        who = self.client("ldapwhoami", "-Q", "-Y", "EXTERNAL", "-H", slapd.uri,
                          LDAPTLS_CERT=self.path("hub1.crt"), LDAPTLS_KEY=self.path("hub1.key"))
        self.assertEqual(who.stdout.strip().lower(), "dn:" + HUB1.lower(), who.stderr)
        who = self.client("ldapwhoami", "-Q", "-Y", "EXTERNAL", "-H", slapd.uri)
        self.assertNotEqual(who.returncode, 0)

    def test_replica_of_one_provider(self):
        secret, port = self.path("secret"), free_port()
        with open(secret, "w") as out:
            out.write("shared secret\n")
        uri = "ldaps://127.0.0.1:%d" % port
        for role in ("--provider", "--consumer-of"):
            slapd = Slapd(*self.options, "--password-file", secret, role, uri,
                          schemes=("ldapi", "ldaps"), port=port)
            self.addCleanup(slapd.remove)
            port = None
        wait_for("the replica has the tree", lambda: self.client(
            "ldapsearch", "-x", "-LLL", "-H", slapd.uri, "-D", ADMIN, "-w", "shared secret",
            "-s", "base", "-b", "cn=View-Only,cn=Roles," + TREE, "1.1").returncode == 0)


class Replication(unittest.TestCase):
    def test_two_providers_and_a_replica(self):
        with tempfile.NamedTemporaryFile("w") as secret:
            secret.write("shared secret\n")
            secret.flush()
            ports = [free_port(), free_port()]
            uris = ["ldap://127.0.0.1:%d" % port for port in ports]
            servers = []
            for options, port in ((["--provider", *uris], ports[0]), (["--provider", *uris], ports[1]),
                                  (["--consumer-of", *uris], None)):
                slapd = Slapd(*options, "--password-file", secret.name, port=port)
                self.addCleanup(slapd.remove)
                slapd.admin = (ADMIN, "shared secret")
                servers.append(slapd)
            first, second, replica = servers

            def has(slapd, dn):
                return lambda: isinstance(slapd.read(dn, "1.1"), list)

            wait_for("the second provider has the tree", has(second, "cn=Roles," + TREE))
            wait_for("the replica has the tree", has(replica, "cn=Roles," + TREE))
            self.assertEqual(first.add(ldif(LONDON, "hubSite")), 0)
            wait_for("a change of the first", has(second, LONDON))
            self.assertEqual(second.add(ldif(HUB1, "hubServer", hubRole="Hub", hubServerSite=LONDON,
                                             userPassword="hub1")), 0)
            wait_for("a change of the second on the first", has(first, HUB1))
            wait_for("and on the replica", has(replica, HUB1))
            self.assertIsInstance(replica.read(HUB1, who=HUBS["hub1"]), list)
            self.assertEqual(replica.add(ldif(PARIS, "hubSite")), 10)


class Edge(unittest.TestCase):
    def test_subscribed_edge_is_read_only(self):
        slapd = Slapd("--edge")
        self.addCleanup(slapd.remove)
        connector = "cn=Out,cn=Connectors," + TREE
        self.assertIsInstance(slapd.read("cn=Recipients," + TREE), list)
        self.assertEqual(slapd.add(ldif(EDGE1, "hubServer", hubRole="Edge", userPassword="edge1")), 0)
        self.assertEqual(slapd.add(ldif(connector, "hubSendConnector", hubAuthPassword="s")), 0)
        account = ("cn=hub1,cn=Sync Accounts," + TREE, "sync")
        self.assertEqual(slapd.add(ldif(account[0], "organizationalRole simpleSecurityObject",
                                        userPassword="sync")), 0)
        state = "cn=Edge State," + TREE
        self.assertEqual(slapd.replace(state, "hubLeaseHolder", account[0], who=account), 0)
        self.assertEqual(slapd.replace(state, "hubSubscribed", "TRUE", who=account), 0)
        self.assertEqual(slapd.replace(connector, "hubComment", "x"), INSUFFICIENT)
        self.assertEqual(slapd.replace(TREE, "hubComment", "x"), INSUFFICIENT)
        self.assertEqual(slapd.replace(connector, "hubComment", "x", who=account), 0)
        self.assertEqual(slapd.replace(EDGE1, "hubAdminAddress", "127.0.0.1:1"), 0)
        self.assertEqual(slapd.add(ldif("cn=In," + EDGE1, "hubReceiveConnector")), 0)
        secret = slapd.read(connector, "hubAuthPassword", who=HUBS["edge1"])
        self.assertIn("hubAuthPassword: s", secret)
        self.assertEqual(slapd.replace(connector, "hubComment", "x", who=HUBS["edge1"]), INSUFFICIENT)
        self.assertEqual(slapd.read(TREE, who=None), NO_OBJECT)
        local = run("ldapwhoami", "-Q", "-Y", "EXTERNAL", "-H", slapd.local)
        self.assertNotIn("cn=admin", local.stdout)


class Validator(unittest.TestCase):
    """A responder of three lines in the validator's place: what is asked, what is obeyed."""

    def answer(self, listener, asked):
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                text = self.request(peer)
                asked.append(text)
                if text.startswith("RESULT"):
                    continue
                bad = "hubComment: forbidden" in text
                peer.sendall(b"RESULT\ncode: 19\ninfo: the rule\n" if bad else b"CONTINUE\n")

    @staticmethod
    def request(peer):
        text = b""
        while not text.endswith(b"\n\n"):
            more = peer.recv(65536)
            if not more:
                break
            text += more
        return text.decode()

    def test_every_write_is_asked(self):
        with tempfile.TemporaryDirectory() as top:
            path, asked = os.path.join(top, "v"), []
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            listener.listen()
            thread = threading.Thread(target=self.answer, args=(listener, asked), daemon=True)
            thread.start()
            slapd = Slapd("--validator", path)
            self.addCleanup(slapd.remove)
            self.assertEqual(slapd.add(ldif(LONDON, "hubSite")), 0)
            self.assertEqual(slapd.add(ldif(PARIS, "hubSite")), 0)
            text = "dn: %s\nchangetype: modify\nreplace: hubComment\nhubComment: forbidden\n" % LONDON
            refused = slapd.change(text)
            self.assertEqual(refused.returncode, CONSTRAINT)
            self.assertIn("the rule", refused.stderr)
            self.assertEqual(slapd.replace(LONDON, "hubComment", "allowed"), 0)
            self.assertEqual(slapd.delete(PARIS), 0)
            kinds = [text.split("\n")[0] for text in asked]
            for kind, count in (("ADD", 2), ("MODIFY", 2), ("DELETE", 1)):
                self.assertEqual(kinds.count(kind), count, kinds)
            self.assertIn("binddn: " + ADMIN, asked[0])
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join(DEADLINE)
            os.unlink(path)
            self.assertEqual(slapd.replace(LONDON, "hubComment", "nobody there"), 80)
            self.assertIsInstance(slapd.read(LONDON), list)


if __name__ == "__main__":
    unittest.main()
