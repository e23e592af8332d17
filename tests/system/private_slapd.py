"""A private slapd for the tests of ldap-schema, and the small organization they share."""

import base64
import os
import shlex
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.parse

from harness.base import free_port

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
            raw = value if isinstance(value, bytes) else value.encode()
            lines.append("%s:: %s" % (name, base64.b64encode(raw).decode()))
    return "\n".join(lines) + "\n\n"


class Slapd:
    """A slapd in a temporary directory; who = None is anonymous, (dn, password) binds.

    schema: the folder whose new-directory makes it.
    """

    def __init__(self, *options, schemes=("ldapi", "ldap"), port=None, suffix=SUFFIX,
                 schema=SCHEMA):
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
        made = run(os.path.join(schema, "new-directory"), self.dir, "--suffix", suffix,
                   "--uri", *[uris[s] for s in schemes], *options)
        if made.returncode != 0:
            raise AssertionError(made.stderr)
        self.command = shlex.split(made.stdout)
        generated = os.path.join(self.dir, "admin.password")
        self.password = None
        if os.path.exists(generated):
            with open(generated) as lines:
                # as ldapmodify -y takes it
                self.password = lines.read()
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
    ldif("uid=ann," + SUFFIX,
         "inetOrgPerson inetLocalMailRecipient hubRecipient authPasswordObject", cn="Ann",
         sn="A", mail="ann@fabrikam.example", mailHost="mail1", userPassword="ann",
         authPassword="SCRAM-SHA-256$4096:c2FsdA==$%s:%s" % (("A" * 43 + "=",) * 2),
         hubRefuseOutsideMail="FALSE"),
] + [
    ldif("uid=%s,%s" % (uid, SUFFIX), "inetOrgPerson", cn=uid, sn=uid, userPassword=uid)
    for uid in ("sm", "cm", "vo")])
ROLES = (("sm", "Server Management"), ("cm", "Connector Management"), ("vo", "View-Only"))
PEOPLE = {uid: ("uid=%s,%s" % (uid, SUFFIX), uid) for uid in ("ann", "sm", "cm", "vo")}
HUBS = {cn: ("cn=%s,cn=Servers,%s" % (cn, TREE), cn) for cn in ("hub1", "hub2", "edge1")}


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
