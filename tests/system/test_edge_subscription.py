"""The life of an edge's subscription by hubctl: made on the edge, imported inside, removed on both
sides, refused with the reason, interrupted and repeated. Both directories ask their validator.
"""

import base64
import contextlib
import hashlib
import json
import os
import pty
import re
import signal
import ssl
import subprocess
import threading
import time
import unittest
import uuid

from .harness.base import PATH, Place, build_path, free_port, run, wait_for
from .harness.directory import record
from .harness.client import Client
from .harness.edge import Edge, EdgeSync, der, publish_certificates
from .harness.hub import Hub
from .harness.keys import Key
from .harness.organization import Organization, message, send
from .harness.validator import validated_directory

TOOL = build_path("tools", "hubctl")
INTERNET, INBOUND = "EdgeSync - London to Internet", "EdgeSync - Inbound to London"
# what an administrator of an edge that stands alone may have made; names before what they name
OWN = ("Own", "Send"), ("own.example", "Accepted"), ("Other", "Remote")


def command(directory, *words):
    return [TOOL, "--directory", directory.uri, "--base", directory.base, "-D", directory.admin,
            "-y", directory.password_file, *words]


def entries(directory, base=None, filter="(objectClass=*)"):
    """DN to attributes, as the administrator sees them; values are base64 or plain texts."""
    told = run("ldapsearch", "-LLL", "-o", "ldif-wrap=no", *directory._bind(), "-b",
               base or directory.base, filter).stdout
    found = {}
    for block in told.strip().split("\n\n"):
        lines = [re.match(r"([^:]+)::? ?(.*)", line).groups() for line in block.split("\n") if line]
        if lines:
            found[lines[0][1]] = sorted(lines[1:])
    return found


@contextlib.contextmanager
def access(directory, validator, rule):
    """One rule more, before all others."""
    def restart(how):
        before = len(validator.states())
        directory.stop()
        directory.access(how, rule)
        directory.start()
        wait_for("the validator is in step", lambda: "in step" in validator.states()[before:])
    restart("add")
    try:
        yield
    finally:
        restart("delete")


class EdgeSide:
    """An edge's own slapd with its validator; its hubd is only an entry here."""

    def __init__(self, place, name):
        self.place, self.name = place, name
        self.port = free_port()
        self.directory, self.validator = validated_directory(
            place, name=name + "-slapd", account="validator",
            options=("--edge", "--uri", "ldaps://127.0.0.1:%d" % self.port))
        self.hub = Hub(place, self.directory, name, "London")
        self.file = os.path.join(place.path, name + ".subscription")
        self.directory.add(self.hub.records(hubRole="Edge", hubServerSite=None))
        publish_certificates(self.directory, [self.hub])
        self.passwords = []

    def ctl(self, *words, check=True, stdin=None):
        return run(*command(self.directory, "edge-subscription", *words), check=check, stdin=stdin)

    def new(self, *words, check=True):
        done = self.ctl("new", "--file", self.file, "--port", str(self.port), *words, check=check)
        if done.returncode == 0 and os.path.exists(self.file):
            self.passwords.append(read(self.file)["userPassword"][0])
        return done

    def fresh(self):
        """A new file, whatever there was before."""
        self.new("--force")
        return self.file

    def own_objects(self):
        d = self.directory
        for name, kind in OWN:
            text = {
                "Send": record(d.dn("Own", "Connectors"), "hubSendConnector", cn="Own",
                               hubAddressSpace="*", hubSourceServer=self.hub.dn(),
                               hubComment="ours"),
                "Accepted": record(d.dn(name, "Accepted Domains"), "hubAcceptedDomain", cn=name,
                                   hubDomain=name),
                "Remote": record(d.dn(name, "Remote Domains"), "hubRemoteDomain", cn=name,
                                 hubDomain="*"),
            }[kind]
            d.add(text)
        d.change(d.base, hubDefaultAcceptedDomain=d.dn("own.example", "Accepted Domains"),
                 hubMaxRecipients="77")

    def state(self):
        found = entries(self.directory, "cn=Edge State," + self.directory.base)
        return dict(next(iter(found.values())))

    def below(self, container):
        dn = "cn=%s,%s" % (container, self.directory.base)
        return sorted(name.split(",")[0][3:] for name in entries(self.directory, dn) if name != dn)


def read(path):
    """A subscription file: attributes to lists of texts, in its order."""
    with open(path) as text:
        lines = re.sub(r"\n ", "", text.read()).splitlines()
    found = {}
    for line in lines:
        name, twice, value = re.match(r"([^:]+)(::?) ?(.*)", line).groups()
        if twice == "::" and name == "userPassword":
            value = base64.b64decode(value).decode()
        found.setdefault(name, []).append(value)
    return found


def write(path, values):
    """The same back, with a digest that is right."""
    text = ""
    for name, list_ in values.items():
        for value in list_:
            if name != "hubFileDigest":
                text += "%s%s %s\n" % (name, "::" if name.endswith("Certificate") else ":", value)
    with open(path, "w") as out:
        out.write("%shubFileDigest: %s\n" % (text, hashlib.sha256(text.encode()).hexdigest()))
    return path


def moment(ahead_s):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + ahead_s))


class OnTheEdge(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = Place()
        cls.addClassCleanup(cls.place.close)
        cls.edge = EdgeSide(cls.place, "edge1")

    def setUp(self):
        self.edge.new("--force")
        self.edge.ctl("remove", "edge1")
        os.unlink(self.edge.file)

    def test_file(self):
        edge, before = self.edge, time.time()
        told = json.loads(edge.new("-o", "json").stdout)
        values = read(edge.file)
        self.assertEqual(os.stat(edge.file).st_mode & 0o777, 0o600)
        self.assertEqual(values["cn"], ["edge1"])
        self.assertEqual(values["hubFormatVersion"], ["1"])
        self.assertEqual(values["hubFQDN"], ["edge1.contoso.com"])
        self.assertEqual(values["hubDirectoryPort"], [str(edge.port)])
        self.assertEqual(values["hubAddress"], ["127.0.0.1:%d" % edge.hub.port])
        self.assertEqual(values["hubKeyDigest"], [edge.hub.key.digest])
        self.assertEqual(values["hubCertificate"], [der(edge.hub.key)])
        shown = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", edge.port)))
        self.assertEqual(values["hubDirectoryCertificate"], [base64.b64encode(shown).decode()])
        begin, end = (time.mktime(time.strptime(values[name][0], "%Y%m%d%H%M%SZ"))
                      for name in ("hubValidFrom", "hubValidTo"))
        self.assertEqual(end - begin, 1440 * 60)
        self.assertLess(abs(begin - time.mktime(time.gmtime(before))), 60)
        self.assertEqual((told["name"], told["file"], told["account"]),
                         ("edge1", edge.file, values["hubAccountRef"][0]))

        # the account is there, and the password is its password
        done = run("ldapwhoami", "-x", "-H", edge.directory.uri, "-D", values["hubAccountRef"][0],
                   "-w", values["userPassword"][0])
        self.assertEqual(done.returncode, 0, done.stderr)
        # and slapd itself takes it for no longer than the file says
        self.assertIn("\npwdEndTime: %s\n" % values["hubValidTo"][0], edge.directory.backup())
        self.assertEqual(edge.state()["hubSubscribed"], "TRUE")
        self.assertEqual(edge.below("Push"), ["Configuration", "Recipients"])

    def test_valid_for_and_certificates(self):
        edge, key = self.edge, Key(self.place, "next-directory")
        edge.new("--valid-for", "5", "--certificate", key.certificate, "--certificate",
                 edge.hub.key.certificate)
        values = read(edge.file)
        self.assertEqual(values["hubDirectoryCertificate"], [der(key), der(edge.hub.key)])
        begin, end = (time.mktime(time.strptime(values[name][0], "%Y%m%d%H%M%SZ"))
                      for name in ("hubValidFrom", "hubValidTo"))
        self.assertEqual(end - begin, 300)
        for wrong in ("0", "525601", "x"):
            self.assertEqual(edge.new("--valid-for", wrong, check=False).returncode, 1)

    def test_without_a_certificate_nothing_is_done(self):
        edge = self.edge
        done = edge.ctl("new", "--file", edge.file, "--port", str(free_port()), check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("shows no certificate on port", done.stderr)
        self.assertEqual((edge.state()["hubSubscribed"], edge.below("Sync Accounts"),
                          os.path.exists(edge.file)), ("FALSE", [], False))

    def test_own_objects_go_after_a_question(self):
        """Not without an answer, not in silence; the edge's own server and its doors stay."""
        edge, d = self.edge, self.edge.directory
        edge.own_objects()
        before = entries(d)
        done = edge.new(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("would remove 3 of the edge's own", done.stderr)
        self.assertEqual(entries(d), before)
        told = edge.new("--what-if").stdout
        for name in ("Own", "own.example", "Other"):
            self.assertRegex(told, r"dn: cn=%s,[^\n]*\nchangetype: delete" % re.escape(name))
        self.assertNotIn("SSHA", told)
        self.assertEqual((entries(d), os.path.exists(edge.file)), (before, False))

        self.assertEqual(self.at_terminal("n\n"), 1)
        self.assertEqual((entries(d), os.path.exists(edge.file)), (before, False))
        self.assertEqual(self.at_terminal("y\n"), 0)
        self.assertTrue(os.path.exists(edge.file))
        for container in ("Connectors", "Accepted Domains", "Remote Domains", "Sites"):
            self.assertEqual(edge.below(container), [])
        self.assertEqual(edge.below("Servers"), ["Client edge1", "Default edge1", "edge1"])
        root = dict(entries(d, d.base, "(objectClass=hubOrganization)")[d.base])
        self.assertEqual(set(root), {"objectClass", "cn", "hubEpoch"})

    def at_terminal(self, answer):
        outer, inner = pty.openpty()
        try:
            os.write(outer, answer.encode())
            done = subprocess.run(
                command(self.edge.directory, "edge-subscription", "new", "--file", self.edge.file,
                        "--port", str(self.edge.port)), stdin=inner, capture_output=True,
                text=True, timeout=60, env=dict(os.environ, PATH=PATH, LDAPNOINIT="1"))
        finally:
            os.close(outer)
            os.close(inner)
        self.assertIn("[y/N]", done.stderr)
        return done.returncode

    def test_never_written_over(self):
        edge = self.edge
        with open(edge.file, "w") as out:
            out.write("mine")
        done = edge.new(check=False)
        self.assertEqual((done.returncode, edge.state()["hubSubscribed"]), (1, "FALSE"))
        self.assertIn("is there already", done.stderr)
        with open(edge.file) as kept:
            self.assertEqual(kept.read(), "mine")
        edge.new("--force")
        self.assertEqual(os.stat(edge.file).st_mode & 0o777, 0o600)
        done = edge.ctl("new", "--file", "/nowhere/at/all", "--port", str(edge.port), "--force",
                        check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nowhere/at/all", done.stderr)

    def test_a_second_one(self):
        """Refused while subscribed; with --force the earlier file counts no more."""
        edge = self.edge
        edge.new()
        first = read(edge.file)
        os.unlink(edge.file)
        done = edge.new(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("this edge is subscribed", done.stderr)
        edge.new("--force")
        self.assertEqual(edge.below("Sync Accounts"),
                         [read(edge.file)["hubAccountRef"][0].split(",")[0][3:]])
        self.assertNotEqual(read(edge.file)["hubFileSerial"], first["hubFileSerial"])

    def test_failure_leaves_everything_as_it_was(self):
        """What comes last is refused: all that was written before is taken back."""
        edge, d = self.edge, self.edge.directory
        edge.own_objects()
        before = entries(d)
        with access(d, edge.validator, 'to dn.base="cn=Edge State,%s" by * read' % d.base):
            done = edge.new("--force", check=False)
            after = entries(d)
        self.assertEqual(done.returncode, 1)
        self.assertIn("not allowed", done.stderr)
        self.assertNotIn("could not be taken back", done.stderr)
        self.assertEqual(after, before)
        self.assertEqual([name for name in os.listdir(self.place.path) if "subscription" in name],
                         [])

    def test_temporary_name_is_taken(self):
        """Whoever has it keeps it: another run, or a user with a file of his own."""
        edge, d, part = self.edge, self.edge.directory, self.edge.file + ".part"
        before = entries(d)
        for make in (lambda: os.symlink("/nowhere/at/all", part),
                     lambda: self.write(part, "mine")):
            make()
            for words in ((), ("--force",), ("--what-if",)):
                done = edge.new(*words, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn(".part is there", done.stderr)
                self.assertTrue(os.path.lexists(part))
            self.assertEqual((entries(d), os.path.exists(edge.file)), (before, False))
            with contextlib.suppress(FileNotFoundError), open(part) as kept:
                self.assertEqual(kept.read(), "mine")
            os.unlink(part)
        edge.new("--what-if")
        self.assertFalse(os.path.lexists(part))

    @staticmethod
    def write(path, text):
        with open(path, "w") as out:
            out.write(text)

    def test_killed(self):
        """Between the file and the directory: what is left has to be removed by hand."""
        edge, validator = self.edge, self.edge.validator.process.popen

        def files():
            return [name for name in os.listdir(self.place.path) if "subscription" in name]
        validator.send_signal(signal.SIGSTOP)
        try:
            making = subprocess.Popen(command(
                edge.directory, "edge-subscription", "new", "--file", edge.file, "--port",
                str(edge.port)))
            wait_for("the file is made", files)
            making.kill()
            making.wait()
        finally:
            validator.send_signal(signal.SIGCONT)
        self.assertFalse(os.path.exists(edge.file))
        part = edge.file + ".part"
        self.assertEqual(files(), [os.path.basename(part)])
        self.assertEqual(os.stat(part).st_mode & 0o777, 0o600)
        done = edge.new(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("remove it", done.stderr)
        os.unlink(part)
        edge.new()
        self.assertEqual(files(), [os.path.basename(edge.file)])

    def test_interrupted_anywhere(self):
        """Killed after any of its writes: the next one makes it whole."""
        edge, d = self.edge, self.edge.directory
        edge.own_objects()
        steps = edge.new("--what-if").stdout.split("# server")[0].strip().split("\n\n")
        edge.new("--force")
        whole = self.as_made()
        for done in range(1, len(steps)):
            edge.ctl("remove", "edge1")
            edge.own_objects()
            d.modify("\n\n".join(step.replace("# userPassword: not shown", "userPassword: x")
                                 for step in steps[:done]) + "\n")
            edge.new("--force")
            self.assertEqual(self.as_made(), whole, steps[done - 1])

    def as_made(self):
        return {re.sub(r"bootstrap\.[0-9a-f]+", "bootstrap", dn): [
            (name, value) for name, value in attributes
            if name not in ("hubValidFrom", "hubValidTo", "hubPushTime") and "bootstrap" not in
            value] for dn, attributes in entries(self.edge.directory).items()}

    def test_whose_the_tree_is(self):
        edge, d = self.edge, self.edge.directory
        mine = record(d.dn("mine.example", "Accepted Domains"), "hubAcceptedDomain",
                      cn="mine.example", hubDomain="mine.example")
        edge.new()
        self.assertEqual(d.add(mine, check=False).returncode, 50)
        d.change("cn=Default edge1," + edge.hub.dn(), hubMaxRecipients="4000")
        told = edge.ctl("remove", "edge1", "--what-if").stdout
        self.assertIn("hubSubscribed: FALSE", told)
        self.assertEqual(edge.state()["hubSubscribed"], "TRUE")
        told = json.loads(edge.ctl("remove", "edge1", "-o", "json").stdout)
        self.assertEqual((told["name"], told["state"]), ("edge1", "removed"))
        self.assertEqual((edge.state()["hubSubscribed"], edge.below("Sync Accounts"),
                          edge.below("Push")), ("FALSE", [], []))
        d.add(mine)
        self.addCleanup(d.delete, d.dn("mine.example", "Accepted Domains"))
        done = edge.ctl("remove", "edge1", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("edge1 is not subscribed", done.stderr)
        self.assertEqual(edge.below("Accepted Domains"), ["mine.example"])
        self.assertIn('no server "edge9"', edge.ctl("remove", "edge9", check=False).stderr)

    def test_removal_clears_what_was_pushed(self):
        """Written as the holder of the lease does; in an order that the validator permits."""
        edge, d = self.edge, self.edge.directory
        edge.new()
        values = read(edge.file)
        account, b = values["hubAccountRef"][0], d.base
        lease = "dn: cn=Edge State,%s\nchangetype: modify\n" % b
        lease += "replace: hubLeaseHolder\nhubLeaseHolder: %s\n-\n" % account
        lease += "replace: hubLeaseExpiry\nhubLeaseExpiry: %s\n\n" % moment(60)
        site = d.dn("London", "Sites")
        hub = d.dn("london1", "Servers")
        pushed = "".join([
            lease, record(site, "hubSite", cn="London"),
            record(hub, "hubServer", cn="london1", hubRole="Hub", hubServerSite=site),
            record(d.dn("contoso.com", "Accepted Domains"), "hubAcceptedDomain", cn="contoso.com",
                   hubDomain="contoso.com"),
            record(d.dn("In", "Connectors"), "hubSendConnector", cn="In", hubUsage="Internal",
                   hubAddressSpace="--", hubSmartHost="--", hubDNSRouting="FALSE",
                   hubSourceServer=edge.hub.dn()),
            record(d.dn("edge1", "Edge Subscriptions"), "hubEdgeSubscription", cn="edge1",
                   hubServerRef=edge.hub.dn(), hubServerSite=site),
            record("cn=00a,cn=Recipients," + b, "hubRecipientBucket", cn="00a"),
            "dn: %s\nchangetype: modify\nreplace: hubDefaultAcceptedDomain\n"
            "hubDefaultAcceptedDomain: %s\n" % (b, d.dn("contoso.com", "Accepted Domains"))])
        done = run("ldapmodify", "-a", "-x", "-H", d.uri, "-D", account, "-w",
                   values["userPassword"][0], stdin=pushed)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("5 objects", edge.ctl("remove", "edge1").stdout)
        for container in ("Connectors", "Accepted Domains", "Sites", "Edge Subscriptions",
                          "Recipients", "Push", "Sync Accounts"):
            self.assertEqual(edge.below(container), [], container)
        self.assertEqual(edge.state(), {"cn": "Edge State", "objectClass": "hubEdgeState",
                                        "hubSubscribed": "FALSE"})


class Inside(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = Organization(validated=True)
        cls.addClassCleanup(cls.org.close)
        cls.place = cls.org.place
        publish_certificates(cls.org.directory, [cls.org.london1, cls.org.paris1])
        cls.edge = EdgeSide(cls.place, "edge1")
        cls.second = EdgeSide(cls.place, "edge2")
        cls.said = []

    def ctl(self, *words, check=True):
        done = run(*command(self.org.directory, *words), check=check)
        self.said.append(done.stdout + done.stderr)
        return done

    def take(self, path, *words, site="London", check=True):
        return self.ctl("edge-subscription", "import", path, "--site", site, *words, check=check)

    def drop(self, name="edge1"):
        self.ctl("edge-subscription", "remove", name, "--now", check=False)

    def get(self, noun, name):
        return json.loads(self.ctl("-o", "json", noun, "get", name).stdout)

    def names(self, noun):
        return [o["name"] for o in json.loads(self.ctl("-o", "json", noun, "list").stdout)]

    def organization(self):
        """What stands there, but for what is sealed and numbered differently each time."""
        return {dn: [(name, value) for name, value in attributes if name != "hubCredential"]
                for dn, attributes in entries(self.org.directory).items()}

    def tearDown(self):
        for name in ("edge1", "edge2"):
            self.drop(name)

    def test_subscribed(self):
        """All that an import makes, what it says, and the file counts once."""
        d, path = self.org.directory, self.edge.fresh()
        before = self.organization()
        told = self.take(path, "--what-if").stdout
        self.assertEqual(self.organization(), before)
        self.assertEqual(len(re.findall("^changetype: add", told, re.M)), 4)
        told = self.take(path, "-o", "json")
        said = json.loads(told.stdout)
        self.assertEqual(said["connectors"], [{"name": INTERNET, "state": "created"},
                                              {"name": INBOUND, "state": "created"}])
        self.assertEqual([(hub["name"], hub["sealed"]) for hub in said["hubs"]],
                         [("london1", True), ("london2", False)])
        self.assertIn("hub london2 cannot reach the edge", told.stderr)
        values = read(path)
        server = self.get("server", "edge1")
        self.assertEqual((server["role"], server["fqdn"], server["address"], server["key-digest"]),
                         ("Edge", "edge1.contoso.com", values["hubAddress"],
                          values["hubKeyDigest"]))
        self.assertEqual(server["certificate"], values["hubCertificate"])
        sub = self.get("edge-subscription", "edge1")
        self.assertEqual((sub["server-ref"], sub["server-site"], sub["directory-port"]),
                         (server["dn"], d.dn("London", "Sites"), self.edge.port))
        self.assertEqual(sub["directory-certificate"], values["hubDirectoryCertificate"])
        self.assertEqual(self.names("edge-subscription"), ["edge1"])
        out = self.get("send-connector", INTERNET)
        self.assertEqual((out["usage"], out["address-space"], out["dns-routing"],
                          out["domain-secure"], out["source-server"]),
                         ("Internet", ["SMTP:*;100"], True, True, [server["dn"]]))
        back = self.get("send-connector", INBOUND)
        self.assertEqual((back["usage"], back["address-space"], back["dns-routing"],
                          back["smart-host"], back["smart-host-auth"], back["source-server"]),
                         ("Internal", ["SMTP:--;1"], False, ["--"], "HubServer", [server["dn"]]))
        self.assertNotIn("credential", json.dumps(sub))
        check = json.loads(self.ctl("-o", "json", "config", "check").stdout)
        self.assertEqual((check["rejected"], check["warnings"]), ([], []))
        self.refused(path, "imported before")

    def refused(self, path, reason, *words, site="London"):
        before = self.organization()
        done = self.take(path, *words, site=site, check=False)
        self.assertEqual(done.returncode, 1, reason)
        self.assertIn(reason, done.stderr)
        self.assertEqual(self.organization(), before)

    def altered(self, **changes):
        """A copy of the file in which attributes have other values, and the digest fits."""
        values = read(self.edge.file)
        values.update({name: value if isinstance(value, list) else [value]
                       for name, value in changes.items() if value is not None})
        for name in [name for name, value in changes.items() if value is None]:
            del values[name]
        return write(self.edge.file + ".altered", values)

    def test_damaged(self):
        text = open(self.edge.fresh()).read()
        port = "hubDirectoryPort: %d" % self.edge.port
        for name, damage in {
                "a digit": text.replace(port, port[:-1] + str((int(port[-1]) + 1) % 10)),
                "the end": text[:-30],
                "a line": text.replace("hubFQDN: edge1.contoso.com\n", ""),
                "after the end": text + "cn: edge2\n",
                "two records": text + "\n" + text,
                "empty": "", "no LDIF": "\0\1\2" * 100, "long": "cn: edge1\n" * 100000}.items():
            with self.subTest(name):
                path = self.edge.file + ".damaged"
                with open(path, "w") as out:
                    out.write(damage)
                self.refused(path, path)
        for name, changes in {"version": {"hubFormatVersion": "2"},
                              "no password": {"userPassword": None},
                              "no certificate": {"hubDirectoryCertificate": None},
                              "certificate": {"hubDirectoryCertificate": "AAAA"},
                              "port": {"hubDirectoryPort": "70000"},
                              "name": {"cn": "a,b"},
                              "time": {"hubValidTo": "yesterday"}}.items():
            with self.subTest(name):
                path = self.altered(**changes)
                self.refused(path, path)
        self.refused("/nowhere", "/nowhere")

    def test_time(self):
        self.edge.fresh()
        self.refused(self.altered(hubValidFrom=moment(-7200), hubValidTo=moment(-10)), "expired")
        self.refused(self.altered(hubValidFrom=moment(3600), hubValidTo=moment(7200)),
                     "not valid before")
        self.take(self.altered(hubValidFrom=moment(60), hubValidTo=moment(7200)))

    def test_foreign(self):
        """Names, addresses and keys that are others'."""
        key = Key(self.place, "stranger")
        self.edge.fresh()
        for name, changes, reason in (
                ("hub", {"cn": "london1"}, "the name of a hub"),
                ("mailbox server", {"cn": "mbx1"}, "the name of a mailbox server"),
                ("FQDN of a hub", {"hubFQDN": "paris1.contoso.com"}, "that of paris1"),
                ("key of a hub", {"hubKeyDigest": self.org.paris1.key.digest}, "that of paris1"),
                ("certificate of a hub", {"hubCertificate": der(self.org.london1.key)},
                 "that of london1")):
            with self.subTest(name):
                self.refused(self.altered(**changes), reason)
        self.take(self.edge.file)
        later = {"hubFileSerial": str(uuid.uuid4()), "hubValidFrom": moment(30)}
        other = {"hubFQDN": "edge9.contoso.com"}
        for name, changes, reason in (
                ("other FQDN", other, "edge1 is subscribed as edge1.contoso.com"),
                ("other certificate", {"hubDirectoryCertificate": der(key)}, "not the key"),
                ("directory of another edge", {
                    "cn": "edge3", "hubFQDN": "edge3.contoso.com", "hubKeyDigest": key.digest,
                    "hubCertificate": der(key)}, "that of edge1"),
                ("older", {"hubFileSerial": str(uuid.uuid4()), "hubValidFrom": moment(-100)},
                 "newer file")):
            with self.subTest(name):
                self.refused(self.altered(**{**later, **changes}), reason)
        self.refused(self.altered(**later), "subscribed to site London already", site="Paris")
        self.refused(self.altered(**later), "there is no site", site="Rome")

        # installed anew: the same name, all else may differ
        anew = self.altered(**later, **other, hubDirectoryCertificate=der(key),
                            hubAddress="127.0.0.2:25", hubKeyDigest=key.digest,
                            hubCertificate=der(key))
        told = self.take(anew, "--replace").stdout
        self.assertNotIn("created", told)
        server = self.get("server", "edge1")
        self.assertEqual((server["fqdn"], server["address"], server["key-digest"]),
                         ("edge9.contoso.com", ["127.0.0.2:25"], [key.digest]))
        self.assertEqual(self.get("edge-subscription", "edge1")["directory-certificate"],
                         [der(key)])

    def test_nobody_to_seal_to(self):
        d = self.org.directory
        path = self.edge.fresh()
        d.add(record(d.dn("Rome", "Sites"), "hubSite", cn="Rome"))
        self.addCleanup(d.delete, d.dn("Rome", "Sites"))
        self.refused(path, "site Rome has no enabled hub", site="Rome")
        d.change(self.org.london1.dn(), hubCertificate=None)
        self.addCleanup(publish_certificates, d, [self.org.london1])
        self.refused(path, "it has no hubCertificate")
        self.assertEqual(self.take(path, check=False, site="Moscow").returncode, 1)
        self.assertEqual(self.ctl("edge-subscription", "import", path, check=False).returncode, 2)

    def test_not_at_the_edge(self):
        done = self.edge.ctl("import", self.edge.fresh(), "--site", "London", check=False)
        self.assertEqual(done.returncode, 1)

    def test_elsewhere(self):
        done = self.ctl("edge-subscription", "new", "--file", self.edge.file, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no edge's own directory", done.stderr)

    def test_without_connectors(self):
        self.take(self.edge.fresh(), "--no-internet-connector")
        self.assertEqual(self.names("send-connector"), [INBOUND, "To Internet"])
        self.drop()
        self.take(self.edge.fresh(), "--no-inbound-connector")
        self.assertEqual(self.names("send-connector"), [INTERNET, "To Internet"])
        self.drop()
        self.take(self.edge.fresh(), "--no-inbound-connector", "--no-internet-connector")
        self.assertEqual(self.names("send-connector"), ["To Internet"])

    def test_second_edge(self):
        """It joins both connectors; the first one's removal leaves them to it."""
        d = self.org.directory
        self.take(self.edge.fresh())
        told = self.take(self.second.fresh(), "-o", "json").stdout
        self.assertEqual([c["state"] for c in json.loads(told)["connectors"]],
                         ["joined", "joined"])
        for name in (INTERNET, INBOUND):
            self.assertEqual(self.get("send-connector", name)["source-server"],
                             [d.dn("edge1", "Servers"), d.dn("edge2", "Servers")])
        d.change(d.dn(INTERNET, "Connectors"), hubSourceAddress=["edge1 127.0.0.3",
                                                                 "edge2 127.0.0.4"])
        told = json.loads(self.ctl("-o", "json", "edge-subscription", "remove", "edge1",
                                   "--now").stdout)
        self.assertEqual(sorted((c["name"], c["removed"]) for c in told["connectors"]),
                         [(INBOUND, False), (INTERNET, False)])
        left = self.get("send-connector", INTERNET)
        self.assertEqual((left["source-server"], left["source-address"]),
                         ([d.dn("edge2", "Servers")], ["edge2 127.0.0.4"]))
        told = self.ctl("edge-subscription", "remove", "edge2", "--now").stdout
        self.assertEqual(told.count("was its only source"), 2)
        self.assertEqual(self.names("send-connector"), ["To Internet"])
        self.assertNotIn("edge2", self.names("server"))

    def test_interrupted_anywhere(self):
        """Killed after any of its writes: the same file is imported again, and that is all."""
        path = self.edge.fresh()
        steps = self.take(path, "--what-if").stdout.split("# server")[0].strip().split("\n\n")
        self.take(path)
        whole = self.organization()
        self.drop()
        empty = self.organization()
        for done in range(1, len(steps)):
            self.org.directory.modify("\n\n".join(steps[:done]) + "\n")
            self.take(path)
            self.assertEqual(self.organization(), whole, steps[done - 1])
            self.drop()
            self.assertEqual(self.organization(), empty)

    def test_refused_at_the_end(self):
        """The directory refuses the last entry: nothing of the others is left."""
        d = self.org.directory
        self.take(self.second.fresh())
        path, before = self.edge.fresh(), self.organization()
        with access(d, self.org.validator, 'to dn.onelevel="cn=Edge Subscriptions,%s" '
                    'attrs=hubDirectoryPort by * read' % d.base):
            done = self.take(path, check=False)
            after = self.organization()
        self.assertEqual(done.returncode, 1)
        self.assertIn("needs Organization Management", done.stderr)
        self.assertNotIn("could not be taken back", done.stderr)
        self.assertEqual(after, before)
        self.take(path)

    def test_removed_by_a_hub(self):
        """It waits for edgesyncd, which ends with the subscription; then the server goes."""
        d, hub = self.org.directory, self.org.london1
        self.take(self.edge.fresh())
        told = self.ctl("edge-subscription", "remove", "edge1", "--what-if").stdout
        self.assertIn("hubRemoved: TRUE", told)
        self.assertFalse(self.get("edge-subscription", "edge1")["removed"])
        told = self.ctl("edge-subscription", "remove", "edge1", "--timeout", "0")
        self.assertIn("not cleared yet", told.stdout)
        self.assertTrue(self.get("edge-subscription", "edge1")["removed"])
        self.assertIn("edge1", self.names("server"))
        self.assertEqual(self.names("send-connector"), ["To Internet"])
        self.refused(self.edge.fresh(), "being removed")

        def hub_deletes():
            run("ldapdelete", "-x", "-H", d.uri, "-D", hub.dn(), "-w", hub.password,
                d.dn("edge1", "Edge Subscriptions"), check=True)
        late = threading.Timer(0.5, hub_deletes)
        late.start()
        told = json.loads(self.ctl("-o", "json", "edge-subscription", "remove", "edge1",
                                   "--timeout", "20").stdout)
        late.join()
        self.assertEqual((told["state"], self.names("edge-subscription")), ("removed", []))
        self.assertNotIn("edge1", self.names("server"))
        done = self.ctl("edge-subscription", "remove", "edge1", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no edge-subscription", done.stderr)

    def test_removal_that_nobody_ended(self):
        """The subscription went while nobody waited: the same command removes the rest."""
        d = self.org.directory
        self.take(self.edge.fresh())
        self.ctl("edge-subscription", "remove", "edge1", "--timeout", "0")
        d.delete(d.dn("edge1", "Edge Subscriptions"))
        self.ctl("edge-subscription", "remove", "edge1")
        self.assertNotIn("edge1", self.names("server"))

    def test_certificates_with_overlap(self):
        """A second one before the change, the first one taken out after it; digests follow."""
        key = Key(self.place, "second-key")
        self.take(self.edge.fresh())
        values = read(self.edge.file)
        first, = values["hubDirectoryCertificate"]
        self.ctl("edge-subscription", "set", "edge1", "--add-directory-certificate",
                 key.certificate)
        self.assertEqual(self.get("edge-subscription", "edge1")["directory-certificate"],
                         sorted([first, der(key)]))
        old = self.place.file("first.der", mode=0o600)
        with open(old, "wb") as out:
            out.write(base64.b64decode(first))
        self.ctl("edge-subscription", "set", "edge1", "--remove-directory-certificate", old)
        self.assertEqual(self.get("edge-subscription", "edge1")["directory-certificate"],
                         [der(key)])
        for options, why in (
                (("--remove-directory-certificate", old), old + " is not there"),
                (("--add-directory-certificate", self.edge.file), self.edge.file +
                 ": no certificate")):
            done = self.ctl("edge-subscription", "set", "edge1", *options, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(why, done.stderr)
        self.ctl("edge-subscription", "set", "edge1", "--directory-certificate", key.certificate,
                 "--directory-certificate", old)
        self.assertEqual(len(self.get("edge-subscription", "edge1")["directory-certificate"]), 2)

        def last(*options):
            done = self.ctl(*options, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("without a hubDirectoryCertificate no hub connects to the edge's "
                          "directory", done.stderr)
            self.assertIn("--force", done.stderr)
        change = ("edge-subscription", "set", "edge1")
        last(*change, "--no-directory-certificate")
        last(*change, "--remove-directory-certificate", old, "--remove-directory-certificate",
             key.certificate)
        self.ctl("--force", *change, "--no-directory-certificate")
        self.assertNotIn("directory-certificate", self.get("edge-subscription", "edge1"))
        self.ctl(*change, "--directory-certificate", key.certificate)

        lone = "sha256:" + "ab" * 32
        self.org.directory.change(self.org.directory.dn("edge1", "Servers"), hubKeyDigest=[
            self.edge.hub.key.digest, lone])
        self.ctl("server", "set", "edge1", "--add-certificate", key.certificate)
        server = self.get("server", "edge1")
        self.assertEqual(len(server["certificate"]), 2)
        self.assertEqual(sorted(server["key-digest"]),
                         sorted([self.edge.hub.key.digest, key.digest, lone]))
        self.ctl("server", "set", "edge1", "--remove-certificate", self.edge.hub.key.certificate)
        server = self.get("server", "edge1")
        self.assertEqual((server["certificate"], sorted(server["key-digest"])),
                         ([der(key)], sorted([key.digest, lone])))

    def test_routes(self):
        """config check and route explain know subscribed edges, and those that are removed not."""
        self.take(self.edge.fresh())

        def told():
            return json.loads(self.ctl("-o", "json", "route", "explain", "x@outside.example",
                                       "--from", "london1", "--size", "1").stdout)
        d = self.org.directory
        d.change(d.dn("To Internet", "Connectors"), hubEnabled="FALSE")
        self.addCleanup(d.change, d.dn("To Internet", "Connectors"), hubEnabled=None)
        self.assertEqual((told()["connector"], told()["next_servers"]), (INTERNET, ["edge1"]))
        d.change(d.dn("edge1", "Edge Subscriptions"), hubRemoved="TRUE")
        self.assertEqual(told()["decision"], "unreachable")

    def test_password_is_nowhere(self):
        self.take(self.edge.fresh())
        password = self.edge.passwords[-1]
        store = self.org.directory.backup()
        places = self.said + [store, self.edge.directory.backup()]
        places += [base64.b64decode(value).decode("latin-1") for value in
                   re.findall(r":: (\S+)", re.sub(r"\n ", "", "\n".join(places[-2:])))]
        for name in os.listdir(self.place.path):
            if name.endswith(".log"):
                with open(os.path.join(self.place.path, name), errors="replace") as log:
                    places.append(log.read())
        self.assertIn("hubCredential::", store)
        self.assertGreater(len(places), 10)
        for text in places:
            self.assertNotIn(password, text)


class Life(unittest.TestCase):
    """With edgesyncd at two hubs and hubd on the edge, from the file to the end."""

    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization(validated=True)
        cls.addClassCleanup(org.close)
        publish_certificates(org.directory, [org.london1, org.london2])
        cls.syncs = [EdgeSync(hub, lease_time=3) for hub in (org.london1, org.london2)]
        cls.edge = Edge(org.place, "edge1")
        org.start()
        cls.edge.start()
        for sync in cls.syncs:
            sync.start()

    def setUp(self):
        self.said = []
        self.addCleanup(self.ctl, "edge-subscription", "remove", "edge1", "--now", check=False)

    def ctl(self, *words, check=True):
        done = run(*command(self.org.directory, *words), check=check)
        self.said.append(done.stdout + done.stderr)
        return done

    def subscribe(self, *options):
        """In step on return; gives the one-time password."""
        done = self.edge.subscribe(self.org.london1, "London", *options)
        self.said.append(done.stdout + done.stderr)
        self.edge.wait_in_step(self.org, self.syncs)
        # one that makes its own while the holder of the lease does so for it has two
        wait_for(lambda: "both are let in, the bootstrap account is gone: %s" %
                 self.edge.accounts(), lambda: {
                     name.split(".")[0] for name in self.edge.accounts()} == {"london1",
                                                                              "london2"})
        return read(self.edge.file)["userPassword"][0]

    def replicated(self):
        """Names of what stands on the edge that its administrators did not make."""
        d = self.edge.directory
        names = set()
        for container in ("Connectors", "Accepted Domains", "Remote Domains", "Sites",
                          "Edge Subscriptions", "Recipients", "Push", "Sync Accounts"):
            found = d.find("cn=%s,%s" % (container, d.base), "cn", scope="one")
            names |= {entry["cn"][0].decode() for entry in found}
        servers = d.find("cn=Servers," + d.base, "cn", scope="one")
        return names | {entry["cn"][0].decode() for entry in servers} - {"edge1"}

    def removed(self, *options):
        return json.loads(self.ctl("-o", "json", "edge-subscription", "remove", "edge1",
                                   *options).stdout)["state"]

    def test_from_the_file_to_the_end(self):
        org, edge = self.org, self.edge
        password = self.subscribe()
        self.assertLessEqual({INTERNET, INBOUND, "contoso.com", "London", "london1", "london2"},
                             self.replicated())
        token, data = message()
        send(edge.outside, "someone@outside.example", ["anna@contoso.com"], data)
        org.mailbox.wait(token)
        with Client(edge.outside) as client:
            client.ehlo()
            client.say("MAIL FROM:<x@outside.example>")
            self.assertIn("550", str(client.say("RCPT TO:<nobody@contoso.com>")))

        self.assertEqual(self.removed(), "removed")
        self.assertEqual(self.replicated(), set())
        self.assertEqual(edge.state()["hubsubscribed"], "FALSE")
        self.assertNotIn("edge1", self.ctl("server", "list").stdout)
        self.assertEqual(json.loads(edge.ctl("-o", "json", "config", "status").stdout)["servers"][
            0]["edge"]["subscribed"], False)
        d = edge.directory
        mine = d.dn("mine.example", "Accepted Domains")
        d.add(record(mine, "hubAcceptedDomain", cn="mine.example", hubDomain="mine.example"))
        d.delete(mine)
        for name in os.listdir(org.place.path):
            if name.endswith(".log"):
                with open(os.path.join(org.place.path, name), errors="replace") as log:
                    self.said.append(log.read())
        for text in self.said:
            self.assertNotIn(password, text)

    def test_removed_while_the_edge_is_away(self):
        """It says so; edgesyncd ends it when the edge is back, and the next one takes the rest."""
        self.subscribe()
        self.edge.line.set("refuse")
        try:
            self.assertEqual(self.removed("--timeout", "0"), "removing")
            self.assertEqual(self.removed("--timeout", "0"), "removing")
        finally:
            self.edge.line.set("pass")
        self.assertEqual(self.removed("--timeout", "30"), "removed")
        self.assertEqual(self.replicated(), set())

    def test_ended_on_the_edge(self):
        """The holder of the lease writes nothing there any more; inside --now removes the rest."""
        self.subscribe()
        self.edge.ctl("edge-subscription", "remove", "edge1")
        self.org.directory.change(self.org.directory.dn("contoso.com", "Accepted Domains"),
                                  hubComment="changed")
        wait_for("it is noticed", lambda: all(
            not sync.holds("edge1") and sync.edge("edge1").get("error") for sync in self.syncs))
        self.assertEqual(self.replicated(), set())
        self.assertEqual(self.edge.state()["hubsubscribed"], "FALSE")
        self.assertEqual(self.removed("--now"), "removed")

    def test_any_hub_can_begin(self):
        """What is sealed at the import opens for each hub of the site, whoever comes first."""
        for first, second in (self.syncs, reversed(self.syncs)):
            with self.subTest(first=first.name):
                second.stop()
                try:
                    self.subscribe()
                    self.assertEqual(self.edge.holder(), first.name)
                finally:
                    second.start()
                wait_for("the other opens what was sealed for it", lambda: second.edge(
                    "edge1").get("state") == "standby")
                self.assertEqual(self.removed(), "removed")

    def test_moved_to_another_site(self):
        """Removed and subscribed again: nothing of the first site is left, mail enters there."""
        org, edge = self.org, self.edge
        self.subscribe()
        self.assertEqual(self.removed(), "removed")
        publish_certificates(org.directory, [org.paris1])
        sync = EdgeSync(org.paris1, lease_time=3).start()
        self.addCleanup(sync.stop)
        self.addCleanup(self.ctl, "edge-subscription", "remove", "edge1", check=False)
        edge.subscribe(org.paris1, "Paris")
        edge.wait_in_step(org, [sync])
        names = self.replicated()
        self.assertLessEqual({"Paris", "paris1", "EdgeSync - Inbound to Paris",
                              "EdgeSync - Paris to Internet"}, names)
        self.assertEqual({name for name in names if "ondon" in name}, set())
        token, data = message()
        send(edge.outside, "someone@outside.example", ["anna@contoso.com"], data)
        received = org.mailbox.wait(token)[0].data
        self.assertEqual(re.findall(rb"\tby (\w+)\.contoso\.com", received),
                         [b"paris1", b"edge1"])
        for london in self.syncs:
            self.assertEqual(london.status()["edges"], [])

    def test_installed_anew(self):
        """Another key of its directory: refused, then taken with --replace and pushed to."""
        self.subscribe()
        directory, key = self.edge.directory, Key(self.org.place, "anew")
        directory.stop()
        for ending in ("certificate", "key"):
            path = getattr(directory.key, ending)
            os.replace(getattr(key, ending), path)
        directory.start()
        done = self.edge.ctl("edge-subscription", "new", "--file", self.edge.file, "--force",
                             "--port", str(self.edge.line.port))
        self.assertEqual(done.returncode, 0)
        done = self.edge.import_file(self.org.london1, "London", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("--replace", done.stderr)
        self.edge.import_file(self.org.london1, "London", "--replace")
        self.edge.wait_in_step(self.org, self.syncs)
        self.assertLessEqual({INTERNET, INBOUND, "contoso.com"}, self.replicated())
