"""The kinds of directory that new-directory makes: with TLS, replicated, an edge's, validated."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from private_slapd import (ADMIN, CONSTRAINT, DEADLINE, EDGE1, HUB1, HUBS, INSUFFICIENT, LONDON,
                           NO_OBJECT, PARIS, SCHEMA, TREE, Slapd, free_port, ldif, run, wait_for)


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


class Edge(unittest.TestCase):
    def test_subscribed_edge_is_read_only(self):
        slapd = Slapd("--edge")
        self.addCleanup(slapd.remove)
        connector = "cn=Out,cn=Connectors," + TREE
        self.assertIsInstance(slapd.read("cn=Recipients," + TREE), list)
        self.assertEqual(slapd.add(ldif(EDGE1, "hubServer", hubRole="Edge", userPassword="edge1")),
                         0)
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
        self.assertEqual(slapd.replace(connector, "hubComment", "x", who=HUBS["edge1"]),
                         INSUFFICIENT)
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
