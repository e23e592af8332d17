"""The kinds of directory that new-directory makes: with TLS, replicated, an edge's, validated."""

import base64
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from private_slapd import (ADMIN, CONSTRAINT, DEADLINE, EDGE1, HUB1, HUBS, INSUFFICIENT, LONDON,
                           NO_OBJECT, PARIS, SCHEMA, SUFFIX, TREE, Slapd, free_port, ldif, run,
                           wait_for)


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
            for options, port in ((["--provider", *uris], ports[0]), (["--provider", *uris],
                                                                      ports[1]),
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


def stamp(seconds):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + seconds))


class Edge(unittest.TestCase):
    """Who may do what in the own directory of an edge."""

    ACCOUNTS = {name: ("cn=%s,cn=Sync Accounts,%s" % (name, TREE), name)
                for name in ("hub1.1", "hub2.1", "bootstrap.ab")}
    CONNECTOR = "cn=Out,cn=Connectors," + TREE
    SITE = "cn=London,cn=Sites," + TREE
    BUCKET = "cn=0a7,cn=Recipients," + TREE
    PUSH = "cn=Recipients,cn=Push," + TREE
    STATE = "cn=Edge State," + TREE
    KEY = bytes(range(32))

    @classmethod
    def setUpClass(cls):
        cls.slapd = Slapd("--edge", schemes=("ldapi", "ldaps"))
        cls.addClassCleanup(cls.slapd.remove)
        cls.slapd.uri = cls.slapd.local
        text = ldif(EDGE1, "hubServer", hubRole="Edge", userPassword="edge1")
        text += ldif(cls.CONNECTOR, "hubSendConnector", hubAuthPassword="s")
        text += "".join(ldif(dn, "hubSyncAccount", userPassword=password)
                        for dn, password in cls.ACCOUNTS.values())
        added = cls.slapd.add(text)
        if added != 0:
            raise AssertionError("first entries: %d" % added)

    def may(self, code):
        self.assertEqual(code, 0)

    def may_not(self, code, what=None):
        self.assertEqual(code, INSUFFICIENT, what)

    def subscribe(self, subscribed="TRUE"):
        holder = self.ACCOUNTS["hub1.1"]
        self.may(self.slapd.replace(self.STATE, "hubLeaseHolder", holder[0], who=holder))
        self.may(self.slapd.replace(self.STATE, "hubSubscribed", subscribed, who=holder))
        return holder

    def test_subscribed_edge_is_read_only(self):
        """To its administrators, what is pushed; not its own entry. hubd reads, nobody else."""
        holder = self.subscribe()
        for dn in (self.CONNECTOR, TREE, "cn=Push," + TREE, "cn=Recipients," + TREE):
            self.may_not(self.slapd.replace(dn, "hubComment", "x"), dn)
            self.assertIsInstance(self.slapd.read(dn), list)
            self.may(self.slapd.replace(dn, "hubComment", "x", who=holder))
        self.may_not(self.slapd.add(ldif(self.SITE, "hubSite")))
        self.may_not(self.slapd.delete(self.CONNECTOR))
        self.may(self.slapd.replace(EDGE1, "hubAdminAddress", "127.0.0.1:1"))
        self.may(self.slapd.add(ldif("cn=In," + EDGE1, "hubReceiveConnector")))
        for who in (HUBS["edge1"], *self.ACCOUNTS.values()):
            self.assertIn("hubAuthPassword: s",
                          self.slapd.read(self.CONNECTOR, "hubAuthPassword", who=who))
        self.assertNotIn("hubAuthPassword: s", self.slapd.read(self.CONNECTOR, "hubAuthPassword"))
        self.may_not(self.slapd.replace(self.CONNECTOR, "hubComment", "x", who=HUBS["edge1"]))
        self.assertEqual(self.slapd.read(TREE, who=None), NO_OBJECT)
        local = run("ldapwhoami", "-Q", "-Y", "EXTERNAL", "-H", self.slapd.local)
        self.assertNotIn("cn=admin", local.stdout)

    def test_only_the_holder_pushes(self):
        """The lease is the fence: who lost it, and who never had it, gets 50 for every write."""
        holder, other = self.subscribe(), self.ACCOUNTS["hub2.1"]
        value = b"\x0a\x70" + bytes(14)
        bucket = ldif(self.BUCKET, "hubRecipientBucket", hubBucketHash=value)
        marker = ldif(self.PUSH, "hubPushMarker", hubPushDigest="0" * 64, hubHashKey=self.KEY)
        for text in (bucket, marker, ldif(self.SITE, "hubSite")):
            for who in (other, self.ACCOUNTS["bootstrap.ab"], HUBS["edge1"], "admin"):
                self.may_not(self.slapd.add(text, who=who), who)
            self.may(self.slapd.add(text, who=holder))
        self.may(self.slapd.replace(self.STATE, "hubLeaseHolder", other[0], who=other))
        for dn in (self.BUCKET, self.PUSH, self.SITE, self.CONNECTOR, TREE):
            self.may_not(self.slapd.replace(dn, "hubComment", "x", who=holder), dn)
        self.may_not(self.slapd.delete(self.BUCKET, who=holder))
        for dn in (self.BUCKET, self.PUSH, self.SITE):
            self.may(self.slapd.delete(dn, who=other))

    def test_key_of_the_hashes(self):
        """Whoever has it can try addresses: hubd and the accounts, no person."""
        holder = self.subscribe()
        line = "hubHashKey:: " + base64.b64encode(self.KEY).decode()
        self.may(self.slapd.add(ldif(self.PUSH, "hubPushMarker", hubPushDigest="0" * 64,
                                     hubHashKey=self.KEY), who=holder))
        for who in (HUBS["edge1"], *self.ACCOUNTS.values()):
            self.assertIn(line, self.slapd.read(self.PUSH, who=who))
        for subscribed in ("TRUE", "FALSE"):
            self.subscribe(subscribed)
            self.assertNotIn(line, self.slapd.read(self.PUSH))
            self.assertEqual(self.slapd.read(self.PUSH, "1.1", filter="(hubHashKey=*)"), [])
        # unsubscribed, the administrators take away what was pushed, markers included
        self.may(self.slapd.delete(self.PUSH))

    def unsubscribed(self):
        """By the local administrators, which is theirs to do; the pushed tree is theirs then."""
        self.may(self.slapd.replace(self.STATE, "hubSubscribed", "FALSE"))

    @staticmethod
    def account(cn):
        """Name and password of one, and the record that makes it."""
        who = ("cn=%s,cn=Sync Accounts,%s" % (cn, TREE), cn)
        return who, ldif(who[0], "hubSyncAccount", userPassword=cn)

    def session(self, tool, who, *options):
        """An OpenLDAP client that stays bound and does what it reads."""
        client = subprocess.Popen(
            ["stdbuf", "-oL", tool, *self.slapd.bind(who), *options], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(client.stdout.close)
        self.addCleanup(client.wait, DEADLINE)
        self.addCleanup(client.stdin.close)
        return client

    def test_administrators_become_no_account(self):
        """While subscribed: neither by the name in the lease nor by an account of their own."""
        admin, holder = self.slapd.admin[0], self.subscribe()
        for attribute, value in (("hubLeaseHolder", admin), ("hubLeasePreferred", admin),
                                 ("hubLeaseExpiry", stamp(60)), ("hubComment", "x")):
            self.may_not(self.slapd.replace(self.STATE, attribute, value), attribute)
        self.may_not(self.slapd.delete(self.STATE))
        who, text = self.account("own.1")
        self.may_not(self.slapd.add(text))
        self.may_not(self.slapd.replace(holder[0], "userPassword", "x"))
        self.may_not(self.slapd.replace(holder[0], "pwdEndTime", stamp(60)))
        move = "dn: %s\nchangetype: modrdn\nnewrdn: cn=own.2\ndeleteoldrdn: 1\n" % holder[0]
        self.may_not(self.slapd.change(move).returncode)
        # elsewhere they may make what looks like one; it is none, and can be moved nowhere
        fake = ("cn=own.3," + SUFFIX, "own.3")
        self.may(self.slapd.add(ldif(fake[0], "hubSyncAccount", userPassword=fake[1])))
        self.assertEqual(self.slapd.read(self.CONNECTOR, who=fake), NO_OBJECT)
        move = "dn: %s\nchangetype: modrdn\nnewrdn: cn=own.3\ndeleteoldrdn: 1\n" % fake[0]
        move += "newsuperior: cn=Sync Accounts,%s\n" % TREE
        self.may_not(self.slapd.change(move).returncode)
        self.may(self.slapd.delete(fake[0]))
        # not subscribed, they put in order what they like, but for the lease
        self.unsubscribed()
        self.may_not(self.slapd.replace(self.STATE, "hubLeaseHolder", admin))
        self.may(self.slapd.add(text))
        self.may(self.slapd.replace(who[0], "userPassword", "x"))
        self.may(self.slapd.delete(who[0]))

    def test_a_name_in_the_lease_is_no_right(self):
        """Of whoever is no account: the administrator, the edge, somebody deleted."""
        account = self.subscribe()
        for dn in (self.slapd.admin[0], HUBS["edge1"][0]):
            self.may(self.slapd.replace(self.STATE, "hubLeaseHolder", dn, who=account))
            for who in ("admin", HUBS["edge1"]):
                self.may_not(self.slapd.replace(self.CONNECTOR, "hubComment", "x", who=who))
            self.assertNotIn("hubAuthPassword: s", self.slapd.read(self.CONNECTOR))

    def test_only_servers_are_the_edge(self):
        """What looks like the edge's entry and stands elsewhere reads nothing."""
        fake = ("cn=edge2," + SUFFIX, "edge2")
        self.may(self.slapd.add(ldif(fake[0], "hubServer", hubRole="Edge", userPassword="edge2")))
        self.addCleanup(self.slapd.delete, fake[0])
        self.assertEqual(self.slapd.read(self.CONNECTOR, who=fake), NO_OBJECT)

    def test_administrators_take_the_subscription_away(self):
        """In one write, as hubctl does, and accounts one by one, also while subscribed."""
        self.subscribe()
        who, text = self.account("hub4.1")
        self.may(self.slapd.add(text, who=self.ACCOUNTS["hub1.1"]))
        self.may(self.slapd.delete(who[0]))
        self.may(self.slapd.change(
            "dn: %s\nchangetype: modify\nreplace: hubSubscribed\nhubSubscribed: FALSE\n-\n"
            "replace: hubLeaseHolder\n-\nreplace: hubLeaseExpiry\n-\n"
            "replace: hubLeasePreferred\n" % self.STATE).returncode)
        self.assertNotIn("hubLeaseHolder", str(self.slapd.read(self.STATE)))

    def test_deleted_account_has_no_rights(self):
        """Nor those who are bound as it: no lease, no write, no account, no reading."""
        self.subscribe()
        who, text = self.account("hub5.1")
        other, more = self.account("hub5.2")
        self.may(self.slapd.add(text, who=self.ACCOUNTS["hub1.1"]))
        self.may(self.slapd.replace(self.STATE, "hubLeaseHolder", who[0], who=who))
        writer = self.session("ldapmodify", who, "-c")
        reader = self.session("ldapsearch", who, "-LLL", "-b", self.CONNECTOR, "-s", "base",
                              "-f", "-", "(%s)", "hubAuthPassword")
        modify = "dn: %s\nchangetype: modify\nreplace: %s\n%s: %s\n\n"
        comment = modify % (self.CONNECTOR, "hubComment", "hubComment", "%s")
        writer.stdin.write(comment % "before")
        reader.stdin.write("cn=Out\n")
        writer.stdin.flush()
        reader.stdin.flush()
        wait_for("the account writes", lambda: "hubComment: before" in self.slapd.read(
            self.CONNECTOR))
        for line in reader.stdout:
            if line == "hubAuthPassword: s\n":
                break
        self.may(self.slapd.delete(who[0]))
        reader.stdin.write("cn=Out\n")
        reader.stdin.close()
        self.assertNotIn("hubAuthPassword", reader.stdout.read())
        self.assertEqual(reader.wait(DEADLINE), NO_OBJECT)
        tries = (comment % "after", modify % (self.STATE, *["hubLeaseHolder"] * 2, who[0]),
                 more.replace("objectClass", "changetype: add\nobjectClass", 1))
        writer.stdin.write("".join(tries))
        writer.stdin.close()
        said = writer.stdout.read()
        writer.wait(DEADLINE)
        self.assertEqual(said.count("Insufficient access (50)"), len(tries), said)
        self.assertIn("hubComment: before", self.slapd.read(self.CONNECTOR))
        self.assertEqual(self.slapd.read(other[0]), NO_OBJECT)

    def test_accounts(self):
        """Any account makes and deletes accounts; what they know of each other is no password."""
        new = ("cn=hub3.1,cn=Sync Accounts," + TREE, "hub3.1")
        text = ldif(new[0], "hubSyncAccount", userPassword=new[1], hubAccountServer="hub3",
                    hubValidTo=stamp(60), pwdEndTime=stamp(60))
        self.may_not(self.slapd.add(text, who=HUBS["edge1"]))
        self.may(self.slapd.add(text, who=self.ACCOUNTS["bootstrap.ab"]))
        self.assertIsInstance(self.slapd.read(self.STATE, who=new), list)
        for who in ("admin", new, HUBS["edge1"]):
            lines = self.slapd.read(new[0], "userPassword", who=who)
            self.assertNotIn("userPassword", str(lines), who)
        self.may(self.slapd.delete(new[0], who=self.ACCOUNTS["hub2.1"]))

    def test_accounts_end(self):
        """slapd itself refuses one after its pwdEndTime, and before its pwdStartTime."""
        times = {"ended": {"pwdEndTime": stamp(-1)}, "begins": {"pwdStartTime": stamp(3600)},
                 "good": {"pwdStartTime": stamp(-1), "pwdEndTime": stamp(3600)}}
        for name, wish in times.items():
            who = ("cn=%s,cn=Sync Accounts,%s" % (name, TREE), "secret")
            self.may(self.slapd.add(ldif(who[0], "hubSyncAccount", userPassword="secret", **wish),
                                    who=self.ACCOUNTS["hub1.1"]))
            found = self.slapd.read(self.STATE, who=who)
            if name == "good":
                self.assertIsInstance(found, list)
                self.assertEqual(self.slapd.read(self.STATE, who=(who[0], "wrong")), 49)
                self.assertIsInstance(self.slapd.read(self.STATE, who=who), list)
            else:
                self.assertEqual(found, 49, name)

    def test_local_side_stays_local(self):
        """No account touches the edge's own entry's connectors, roles or administrators."""
        holder = self.subscribe()
        for dn in ("cn=Organization Management,cn=Roles," + TREE, "cn=admin," + SUFFIX):
            self.may_not(self.slapd.replace(dn, "description", "x", who=holder), dn)
        self.may_not(self.slapd.add(ldif("cn=Bad," + EDGE1, "hubReceiveConnector"), who=holder))
        self.may_not(self.slapd.replace("cn=admin," + SUFFIX, "userPassword", "x", who=holder))

    def test_self_signed_key_pair(self):
        """Made where an edge listens with ldaps and no --certificate is given."""
        self.assertEqual(os.stat(os.path.join(self.slapd.dir, "directory.key")).st_mode & 0o77, 0)
        shown = ssl.get_server_certificate(("127.0.0.1", self.slapd.port))
        with open(os.path.join(self.slapd.dir, "directory.crt")) as made:
            self.assertEqual(shown.split(), made.read().split())


# bash's, which finds one of several programs and says so, without the one that is hidden.
HIDING_COMMAND = """
command()
{
	local name found=1

	for name in "${@:2}"; do
		[ "$name" = "$HIDDEN" ] || { builtin command -v "$name" && found=0; }
	done
	return $found
}
"""


def earlier_schema(path):
    """ldap-schema as it was before hubSyncSite."""
    shutil.copytree(SCHEMA, path)
    for name, changes in {
            "hub-transport.schema": [
                (r"(?m)^attributetype \( hubAttribute:143 .*\n([ \t].*\n)*", ""),
                (r" \$ hubSyncSite", "")],
            "constraints": [(r"(?m)^.*hubSyncSite.*\n", "")],
            "access": [(r"(?m)^.*hubSyncSite.*\n", "")],
            "new-directory": [(r" \\\| this/hubSyncSite", ""), (r",hubSyncSite", "")]}.items():
        with open(os.path.join(path, name), "r+") as file:
            text = file.read()
            for pattern, new in changes:
                text, count = re.subn(pattern, new, text)
                assert count, (name, pattern)
            file.seek(0)
            file.write(text)
            file.truncate()
    with open(os.path.join(path, "hub-transport.schema")) as made:
        assert "NAME 'hubSyncSite'" not in made.read()


class Update(unittest.TestCase):
    """Schema and rules of an earlier version, and an administrator's own, become today's."""

    def tool(self, slapd, name, *arguments, stdin=None):
        done = run(name, "-F", os.path.join(slapd.dir, "slapd.d"), "-n0", *arguments, stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def settings(self, slapd, *arguments):
        told = self.tool(slapd, "slapcat", "-o", "ldif-wrap=no", *arguments)
        return sorted(line for line in told.splitlines() if not line.startswith((
            "entryCSN: ", "entryUUID: ", "createTimestamp: ", "modifyTimestamp: ",
            "modifiersName: ")))

    def update(self, slapd, *options, schema=SCHEMA):
        return run(os.path.join(schema, "new-directory"), slapd.dir, "--update", *options)

    def refused(self, slapd, why, schema=SCHEMA):
        before = self.everything(slapd)
        done = self.update(slapd, schema=schema)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(why, done.stderr)
        self.assertEqual(self.everything(slapd), before)

    def everything(self, slapd):
        """Every file with its mode, owner, and, of the configuration, its content."""
        found = {}
        for folder, folders, files in os.walk(slapd.dir):
            for name in folders + files:
                path = os.path.join(folder, name)
                state, content = os.stat(path), None
                if "slapd.d" in path and name in files:
                    with open(path, "rb") as file:
                        content = file.read()
                found[path] = state.st_mode, state.st_uid, state.st_gid, content
        return found

    def modes(self, slapd, name):
        return {path[len(os.path.join(slapd.dir, name)):]: state[:3]
                for path, state in self.everything(slapd).items()
                if (path + "/").startswith(os.path.join(slapd.dir, name, ""))}

    def test_update(self):
        for options in ((), ("--edge",)):
            with self.subTest(options):
                self.updated(*options)

    def updated(self, *options):
        slapd = Slapd(*options)
        self.addCleanup(slapd.remove)
        before, entries = self.settings(slapd), slapd.read(TREE, scope="sub")
        done = self.update(slapd)
        self.assertEqual(done.returncode, 2)
        self.assertIn("stop it first", done.stderr)
        slapd.stop()
        done = self.update(slapd)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("already", done.stderr)
        self.assertEqual(self.settings(slapd), before)
        names = ["slapd.d.before"] + ([] if options else ["slapd.d.before.2"])
        for kept in names:
            self.tool(slapd, "slapmodify", stdin=(
                "dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\nreplace: olcAccess\n"
                "olcAccess: {0}to * by dn.exact=\"cn=%s\" read by * none\n" % kept))
            old = self.settings(slapd)
            self.assertNotEqual(old, before)
            done = self.update(slapd)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(kept + "\n", done.stderr)
            self.assertEqual(self.settings(slapd), before)
            self.assertEqual(self.settings(slapd, "-F", os.path.join(slapd.dir, kept)), old)
        self.assertEqual(sorted(name for name in os.listdir(slapd.dir) if "." in name and
                                name.startswith(("slapd.d", "work"))),
                         ["slapd.d", *names])
        self.cut_short(slapd, names[-1])
        slapd.start()
        self.assertEqual(slapd.read(TREE, scope="sub"), entries)

    def cut_short(self, slapd, last):
        """Between the two renames; the command that is told puts the configuration back."""
        kept = {name: self.settings(slapd, "-F", os.path.join(slapd.dir, name))
                for name in ("slapd.d", last)}
        os.rename(os.path.join(slapd.dir, "slapd.d"), os.path.join(slapd.dir, "new"))
        os.utime(os.path.join(slapd.dir, last))
        done = self.update(slapd)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
        self.assertIn("cut short", done.stderr)
        done = run("sh", "-c", done.stderr[done.stderr.index("mv -T "):])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.settings(slapd), kept[last])
        os.rename(os.path.join(slapd.dir, "slapd.d"), os.path.join(slapd.dir, last))
        os.rename(os.path.join(slapd.dir, "new"), os.path.join(slapd.dir, "slapd.d"))

    def test_programs_are_missing(self):
        """One of several is no more use than none."""
        with tempfile.TemporaryDirectory() as top:
            os.mkdir(os.path.join(top, "slapd.d"))
            hidden = os.path.join(top, "hidden")
            with open(hidden, "w") as out:
                out.write(HIDING_COMMAND)
            for program, words in (
                    ("slapmodify", [top, "--update"]),
                    ("slapadd", [os.path.join(top, "new"), "--suffix", "o=x", "--uri",
                                 "ldap://127.0.0.1:1"])):
                done = run("env", "BASH_ENV=" + hidden, "HIDDEN=" + program,
                           os.path.join(SCHEMA, "new-directory"), *words)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn("cannot find " + program, done.stderr)

    def test_earlier_schema(self):
        """Rules of today name what the schema of then does not have: they come together."""
        with tempfile.TemporaryDirectory() as top:
            earlier, broken = os.path.join(top, "earlier"), os.path.join(top, "broken")
            earlier_schema(earlier)
            slapd = Slapd(schema=earlier)
            self.addCleanup(slapd.remove)
            entries = slapd.read(TREE, scope="sub")
            slapd.stop()
            os.chmod(os.path.join(slapd.dir, "slapd.d"), 0o750)

            shutil.copytree(SCHEMA, broken)
            with open(os.path.join(broken, "access"), "a") as out:
                out.write("to attrs=hubNobodyKnowsIt by @HUB@ read by * none\n")
            self.refused(slapd, "nothing was changed", schema=broken)

            modes = self.modes(slapd, "slapd.d")
            done = self.update(slapd)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("are new", done.stderr)
            self.assertEqual(self.modes(slapd, "slapd.d"), modes)
            self.assertEqual(self.modes(slapd, "slapd.d.before"), modes)
            self.assertIn("already", self.update(slapd).stderr)
        slapd.start()
        self.assertEqual(slapd.read(TREE, scope="sub"), entries)
        self.assertEqual(slapd.add(ldif(LONDON, "hubSite")), 0)
        name = "cn=edge1,cn=Edge Subscriptions," + TREE
        self.assertEqual(slapd.add(ldif(EDGE1, "hubServer", hubRole="Edge")), 0)
        self.assertEqual(slapd.add(ldif(name, "hubEdgeSubscription", hubSyncSite=LONDON,
                                        hubServerSite=LONDON)), 0)

    def test_schema_alone(self):
        """Rules of today with a schema of yesterday are not up to date."""
        slapd = Slapd()
        self.addCleanup(slapd.remove)
        slapd.stop()
        today = self.settings(slapd)
        dn = next(line for line in today if re.match("dn: .*hub-transport,", line))
        told = self.tool(slapd, "slapcat", "-o", "ldif-wrap=no", "-a", "(cn=*hub-transport)")
        classes = [line.replace(" $ hubRemoved ", " ") for line in told.splitlines()
                   if line.startswith("olcObjectClasses")]
        self.tool(slapd, "slapmodify", stdin="%s\nchangetype: modify\nreplace: olcObjectClasses\n"
                  "%s\n" % (dn, "\n".join(classes)))
        self.assertNotEqual(self.settings(slapd), today)
        done = self.update(slapd)
        self.assertIn("are new", done.stderr)
        self.assertEqual(self.settings(slapd), today)

    def test_organization_with_a_password_policy(self):
        """It is no edge for that."""
        slapd = Slapd()
        self.addCleanup(slapd.remove)
        slapd.stop()
        self.tool(slapd, "slapmodify", stdin=(
            "dn: cn=module{0},cn=config\nchangetype: modify\nadd: olcModuleLoad\n"
            "olcModuleLoad: ppolicy\n"))
        self.tool(slapd, "slapadd", stdin=(
            "dn: olcOverlay=ppolicy,olcDatabase={1}mdb,cn=config\n"
            "objectClass: olcOverlayConfig\nobjectClass: olcPPolicyConfig\n"
            "olcOverlay: ppolicy\nolcPPolicyDefault: cn=passwords,%s\n" % SUFFIX))
        before = self.settings(slapd)
        done = self.update(slapd)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("already", done.stderr)
        self.assertEqual(self.settings(slapd), before)

    def test_of_neither_kind(self):
        """An edge's directory that has no policy yet does not get an organization's rules."""
        slapd = Slapd("--edge")
        self.addCleanup(slapd.remove)
        slapd.stop()
        self.tool(slapd, "slapmodify", stdin=(
            "dn: olcOverlay={1}ppolicy,olcDatabase={1}mdb,cn=config\nchangetype: modify\n"
            "delete: olcPPolicyDefault\n"))
        self.refused(slapd, "neither")

    def test_refused(self):
        with tempfile.TemporaryDirectory() as top:
            new = os.path.join(SCHEMA, "new-directory")
            for arguments in (["--update"], [top, "--update"], [top, "--update", "--edge"],
                              [top, "--update", "--suffix", "o=x"]):
                done = run(new, *arguments)
                self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), arguments)
            self.assertEqual(os.listdir(top), [])


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
            text = "dn: %s\nchangetype: modify\nreplace: hubComment\n" % LONDON
            text += "hubComment: forbidden\n"
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
