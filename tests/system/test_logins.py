"""Who logs in how: each mechanism, by clients of others and byte by byte, and what stays behind."""

import base64
import os
import re
import signal
import smtplib
import time
import unittest

from .harness.base import free_port, run, wait_for
from .harness.client import Client, b64, mechanisms
from .harness.directory import record
from .harness.kerberos import Kdc
from .harness.keys import Key
from .harness.organization import Organization
from .harness.providers import is_stopped
from .harness.scram import Scram, verifier

REALM, ELSEWHERE = "CONTOSO.COM", "ELSEWHERE.EXAMPLE"
GOOD = "password-of-anna"
SECRET = "the-only-secret-of-"    # of authPassword; never sent in clear by anybody
BROKEN = (b"A\n", "500 5.5.2"), (b"A" * 13000 + b"\r\n", "500 5.5.6")
BY_USERS = ["Tls", "BasicAuth", "BasicAuthRequireTLS", "Integrated"]

# connector: groups, mechanisms, more
CONNECTORS = {
    "users": ("HubUsers", BY_USERS, {}),
    "clear": ("HubUsers", ["Tls", "BasicAuth", "Integrated"], {}),
    "patient": ("HubUsers", ["BasicAuth"], dict(hubMaxLogonFailures="0")),
    "strict": ("HubUsers", ["BasicAuth"], dict(hubMaxLogonFailures="2")),
    "tarpit": ("HubUsers", ["BasicAuth"], dict(hubTarpitInterval="1")),
    # (gsasl overlooks STARTTLS in the last line of a reply to EHLO)
    "certificates": ("HubUsers", ["Tls", "Integrated"], {}),
    "hubs": ("HubServers", ["Tls", "HubServer"], {}),
    "strangers": ("AnonymousUsers", ["Tls", "BasicAuth", "Integrated"], {}),
    "denied": ("HubUsers", ["BasicAuth"], dict(hubDeny="HubUsers Submit")),
}


def connector(org, name, port):
    groups, auth, more = CONNECTORS[name]
    given = dict(hubTarpitInterval="0", hubMaxInboundPerSource="0",
                 hubMaxInboundPercentPerSource="100", hubMaxLogonFailures="0",
                 hubProtocolLogging="Verbose")
    given.update(more)
    return record("cn=%s,%s" % (name, org.london1.dn()), "hubReceiveConnector", cn=name,
                  hubBinding="127.0.0.1:%d" % port, hubPermissionGroup=groups,
                  hubAuthMechanism=auth, **given)


def der(key):
    with open(key.certificate) as pem:
        body = re.search("-----BEGIN CERTIFICATE-----(.*?)-----END", pem.read(), re.S).group(1)
    return "".join(body.split())


def person(org, name, **attributes):
    given = dict(uid=name, cn=name, sn=name, mail=name + "@contoso.com",
                 mailHost="mbx1.contoso.com")
    given.update(attributes)
    return record("uid=%s,ou=People,%s" % (name, org.directory.suffix),
                  "inetOrgPerson inetLocalMailRecipient authPasswordObject", **given)


class Logins(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # a hub has one keytab, made before it starts
        cls.org = org = Organization(keytab="%s/hub.keytab")
        cls.addClassCleanup(org.close)
        cls.hub = org.london1
        cls.kerberos(org)
        cls.keys = {name: Key(org.place, name) for name in ("clara", "stranger")}
        cls.ports = {name: free_port() for name in CONNECTORS}
        org.directory.add(
            "".join(connector(org, name, cls.ports[name]) for name in CONNECTORS) +
            person(org, "erika", authPassword=verifier(SECRET + "erika", b"salt of 16 bytes")) +
            person(org, "fred", authPassword=["MD5$x$y", verifier(SECRET + "fred", b"f", 5000)],
                   **{"userCertificate;binary:": der(cls.keys["clara"])}) +
            person(org, "gerd", authPassword="SCRAM-SHA-256$1:AA==$AA==:AA==") +
            # two of one name
            person(org, "twin") + person(org, "other", mail="twin@contoso.com") +
            # mail is the principal's name, uid is not
            person(org, "u4711", mail="hanna@contoso.com"))
        cls.hub.start()
        cls.addClassCleanup(cls.ends_cleanly)
        for name, port in cls.ports.items():
            wait_for("connector %s listens" % name, lambda p=port: cls.listens(p))
        cls.wait_for_scram()

    @classmethod
    def wait_for_scram(cls):
        """It is offered once the directory was asked whether anybody has a verifier."""
        def offered():
            with Client(cls.ports["patient"]) as client:
                return "SCRAM-SHA-256" in mechanisms(client.ehlo())
        wait_for("SCRAM is offered", offered)

    @classmethod
    def kerberos(cls, org):
        cls.elsewhere = Kdc(org.place, ELSEWHERE)
        cls.kdc = Kdc(org.place, REALM, [cls.elsewhere])
        for name in ("anna", "hanna", "nobody", "anna/admin", "twin"):
            cls.kdc.add(name, "ticket-" + name)
        cls.kdc.add("smtp/" + cls.hub.fqdn)
        keytab = cls.kdc.keytab("hub.keytab", "smtp/" + cls.hub.fqdn)
        cls.kdc.start()
        with open(cls.hub.settings) as text:
            lines = text.read().replace("%s/hub.keytab", keytab)
        org.place.file("london1.conf", lines)
        # libgssglue has it make a list once, which stays
        leaks = org.place.file("leaks", "leak:libgssapi_krb5.so\n")
        cls.hub.process.env.update(KRB5_CONFIG=cls.kdc.config, KRB5RCACHENAME="dfl:",
                                   KRB5RCACHEDIR=org.place.path,
                                   LSAN_OPTIONS="print_suppressions=0:suppressions=" + leaks)

    @classmethod
    def ends_cleanly(cls):
        status = cls.hub.stop()
        if status != 0:
            raise AssertionError("exit %d\n%s" % (status, cls.hub.log()[-5000:]))

    @staticmethod
    def listens(port):
        try:
            with Client(port):
                return True
        except OSError:
            return False

    def client(self, name, key=None, tls=None):
        """After EHLO, with TLS unless the connector's own name says that there is none."""
        client = Client(self.ports[name])
        self.addCleanup(client.close)
        client.offers = client.ehlo()
        if tls is not False and "STARTTLS" in client.offers:
            client.starttls(key)
            client.offers = client.ehlo()
        return client

    def gsasl(self, name, mechanism, *options, env=None):
        """GNU SASL's own client: True if it got in."""
        done = run("gsasl", "--smtp", "--connect=127.0.0.1:%d" % self.ports[name], "-m", mechanism,
                   "--x509-ca-file=", "--hostname=" + self.hub.fqdn, *options,
                   stdin="QUIT\r\n", env=env)
        self.said = done.stdout + done.stderr
        return "235 2.7.0" in self.said

    def scram(self, client, exchange, nonce=None, last=""):
        """The replies to an exchange up to its end."""
        reply = client.say("AUTH SCRAM-SHA-256 " + b64(exchange.first))
        if not reply.startswith("334 "):
            return reply
        challenge = base64.b64decode(reply[4:]).decode()
        reply = client.say(b64(exchange.final(challenge, nonce)))
        if not reply.startswith("334 "):
            return reply
        self.assertEqual(base64.b64decode(reply[4:]).decode(), "v=" + exchange.signature)
        return client.say(last)

    # --- what is offered ---

    def test_offers(self):
        plain = ["PLAIN", "LOGIN", "SCRAM-SHA-256"]
        rows = [("users", False, ["GSSAPI"]),
                ("users", True, plain + ["SCRAM-SHA-256-PLUS", "GSSAPI"]),
                ("clear", False, plain + ["GSSAPI"]), ("patient", None, plain),
                ("certificates", True, ["GSSAPI"]), ("hubs", True, []), ("strangers", True, []),
                ("denied", None, [])]
        for name, tls, expected in rows:
            with self.subTest(name, tls=tls):
                self.assertEqual(mechanisms(self.client(name, tls=tls).offers), expected)

    def test_external_is_offered_to_who_shows_a_certificate(self):
        for name in ("users", "certificates"):
            client = self.client(name, self.keys["stranger"])
            self.assertIn("EXTERNAL", mechanisms(client.offers))
        self.assertEqual(mechanisms(self.client("hubs", self.keys["stranger"]).offers), [])
        self.assertEqual(mechanisms(self.client("hubs", self.org.paris1.key).offers), ["EXTERNAL"])

    def test_not_offered(self):
        anna = b64("\0anna\0" + GOOD)
        rows = [("users", False, "PLAIN " + anna, "538 5.7.11"),
                ("users", False, "SCRAM-SHA-256 " + anna, "538 5.7.11"),
                ("users", True, "CRAM-MD5", "504 5.5.4"), ("users", True, "NTLM", "504 5.5.4"),
                ("users", True, "EXTERNAL =", "504 5.5.4"),
                ("clear", False, "SCRAM-SHA-256-PLUS", "504 5.5.4"),
                ("patient", None, "GSSAPI", "504 5.5.4"),
                ("strangers", True, "PLAIN " + anna, "502 5.5.1"),
                ("denied", None, "PLAIN " + anna, "502 5.5.1"),
                ("certificates", True, "PLAIN " + anna, "504 5.5.4")]
        for name, tls, said, expected in rows:
            with self.subTest(name, said=said):
                client = self.client(name, tls=tls)
                self.assertTrue(client.say("AUTH " + said).startswith(expected))
                self.assertTrue(client.say("NOOP").startswith("250"))

    # --- SCRAM ---

    def test_scram_by_gsasl(self):
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"):
            for name, password, expected in (
                    ("erika", SECRET + "erika", True),
                    ("erika@contoso.com", SECRET + "erika", True),
                    ("fred", SECRET + "fred", True), ("erika", "wrong", False),
                    ("anna", GOOD, False), ("nobody", "x", False)):
                with self.subTest(mechanism, name=name, password=password):
                    # who is able to bind must insist on it: RFC 5802 section 6
                    binding = () if mechanism.endswith("PLUS") else ("--no-cb",)
                    self.assertEqual(self.gsasl("users", mechanism, "-a", name, "-p", password,
                                                *binding), expected)

    def test_scram_byte_by_byte(self):
        rows = [
            (Scram("erika", SECRET + "erika"), {}, "235 2.7.0"),
            (Scram("erika", SECRET + "erika", "n,a=erika,"), {}, "235 2.7.0"),
            (Scram("erika", "wrong"), {}, "535 5.7.8"),
            (Scram("gerd", "a damaged verifier"), {}, "535 5.7.8"),
            (Scram("anna", GOOD), {}, "535 5.7.8"),
            (Scram("twin@contoso.com", "x"), {}, "535 5.7.8"),
            (Scram("*", SECRET + "erika"), {}, "535 5.7.8"),
            # the client is told that there is no channel binding
            (Scram("erika", SECRET + "erika", "y,,"), {}, "235 2.7.0"),
            (Scram("erika", SECRET + "erika", "n,a=anna,"), {}, "535 5.7.8"),
            (Scram("erika", SECRET + "erika"), dict(nonce="other"), "535 5.7.8"),
            (Scram("erika", SECRET + "erika"), dict(last="eHh4"), "501 5.5.2"),
            (Scram("erika", SECRET + "erika"), dict(last="*"), "501 5.7.0"),
            (Scram("erika", SECRET + "erika", "p=tls-exporter,,"), {}, "535 5.7.8"),
            (Scram("erika\0", SECRET + "erika"), {}, "501 5.5.2"),
        ]
        for exchange, options, expected in rows:
            with self.subTest(exchange.first, **options):
                client = self.client("clear", tls=False)
                reply = self.scram(client, exchange, **options)
                self.assertTrue(reply.startswith(expected), reply)
                self.assertTrue(client.say("NOOP").startswith("250"))

    def test_scram_where_the_client_was_made_to_believe_there_is_no_binding(self):
        client = self.client("users")
        reply = self.scram(client, Scram("erika", SECRET + "erika", "y,,"))
        self.assertTrue(reply.startswith("535 5.7.8"), reply)

    def test_scram_after_an_empty_challenge(self):
        client, exchange = self.client("users"), Scram("erika", SECRET + "erika")
        self.assertEqual(client.say("AUTH SCRAM-SHA-256"), "334 ")
        reply = client.say(b64(exchange.first))
        self.assertTrue(client.say(b64(exchange.final(base64.b64decode(reply[4:]).decode())))
                        .startswith("334"))
        self.assertTrue(client.say("").startswith("235 2.7.0"))
        for said in ("MAIL FROM:<erika@contoso.com>", "RCPT TO:<x@elsewhere.example>"):
            self.assertTrue(client.say(said).startswith("250"))

    def test_scram_damaged(self):
        for said in ("=", b64("n,,"), b64("hello"), b64("n,,n=,r=x"), b64("n,,r=x,n=erika"),
                     b64("n,,n=erika"), b64("n,,m=x,n=erika,r=x"), b64("\0" * 50), "!", "AAA"):
            with self.subTest(said):
                client = self.client("patient")
                reply = client.say("AUTH SCRAM-SHA-256 " + said)
                self.assertIn(reply[:9], ("501 5.5.2", "535 5.7.8"))
                self.assertTrue(client.say("NOOP").startswith("250"))
        client = self.client("patient")
        self.assertTrue(client.say("AUTH SCRAM-SHA-256 " + b64("n,,n=erika,r=" + "x" * 200))
                        .startswith("334 "))
        self.assertTrue(client.say(b64("hello")).startswith("501 5.5.2"))

    def test_unknown_looks_like_a_wrong_password(self):
        def seen(name):
            exchange = Scram(name, "wrong")
            reply = self.scram(self.client("patient"), exchange)
            return reply, len(base64.b64decode(exchange.salt)), exchange.iterations, exchange.salt
        known = seen("erika")
        for name in ("nobody", "anna", "gerd", "nobody@contoso.com"):
            first, again, shouted = seen(name), seen(name), seen(name.upper())
            self.assertEqual(first[:3], known[:3])
            self.assertEqual((first[3], first[3]), (again[3], shouted[3]))
        self.assertNotEqual(seen("nobody")[3], seen("somebody")[3])
        # not by a restart either
        before = seen("nobody")[3]
        self.ends_cleanly()
        self.hub.start()
        self.wait_for_scram()
        self.assertEqual(seen("erika")[1:3], known[1:3])
        self.assertEqual(seen("nobody")[3], before)

    def test_similar_names_tell_nothing(self):
        """The directory takes them for one name, which nobody has who is not there."""
        def salt(name):
            exchange = Scram(name, SECRET + "erika")
            self.assertTrue(self.scram(self.client("patient"), exchange).startswith("535"), name)
            return exchange.salt
        for name in ("erika", "nobody"):
            similar = [" " + name, name + " ", "\uff45" + name[1:], name + "\u00ad"]
            salts = {salt(n) for n in similar}
            self.assertEqual(len(salts), len(similar), name)
            self.assertNotIn(b64("salt of 16 bytes"), salts)
        for name in ("erika", "ERIKA", "Erika@Contoso.com"):
            self.assertTrue(self.scram(self.client("patient"), Scram(
                name, SECRET + "erika")).startswith("235"), name)

    # --- GSSAPI ---

    def test_kerberos_by_gsasl(self):
        rows = [("anna", (), True), ("anna", ("-z", "anna"), True), ("hanna", (), True),
                ("anna", ("-z", "bruno"), False), ("nobody", (), False),
                ("anna/admin", (), False), ("twin", (), False)]
        for name, options, expected in rows:
            with self.subTest(name, options=options):
                ticket = self.kdc.ticket(name, "ticket-" + name)
                for where, tls in (("clear", ("--no-starttls",)), ("users", ())):
                    self.assertEqual(self.gsasl(where, "GSSAPI", "-a", name, *tls, *options,
                                                env=ticket), expected, self.said)
        logged = [e["identity"] for e in self.hub.events("logon-failed", mechanism="GSSAPI")
                  if "identity" in e]
        self.assertEqual(logged, [])

    def test_kerberos_damaged(self):
        for said in (["=", "="], ["", "AAAA"], ["AAAA"], [b64("\x60" + "x" * 5000)]):
            with self.subTest(said):
                client = self.client("clear", tls=False)
                reply = client.say("AUTH GSSAPI " + said[0] if said[0] else "AUTH GSSAPI")
                for line in said[1:]:
                    self.assertTrue(reply.startswith("334 "), reply)
                    reply = client.say(line)
                self.assertIn(reply[:9], ("535 5.7.8", "501 5.5.2"))
                self.assertTrue(client.say("NOOP").startswith("250"))

    # --- EXTERNAL ---

    def test_external_by_gsasl(self):
        def attempt(key, *options):
            return self.gsasl("certificates", "EXTERNAL", *options,
                              "--x509-cert-file=" + key.certificate, "--x509-key-file=" + key.key)
        self.assertTrue(attempt(self.keys["clara"]), self.said)
        self.assertTrue(attempt(self.keys["clara"], "-z", "fred"))
        self.assertFalse(attempt(self.keys["clara"], "-z", "anna"))
        self.assertFalse(attempt(self.keys["stranger"]))
        self.assertFalse(attempt(self.keys["stranger"], "-z", "fred"))

    def test_external_means_the_very_certificate(self):
        """Another key under the same issuer and serial number is found, and is not it."""
        forged = Key(self.org.place, "forged")
        serial = run("openssl", "x509", "-in", self.keys["clara"].certificate, "-noout", "-serial",
                     check=True).stdout.strip().split("=")[1]
        run("openssl", "req", "-x509", "-key", forged.key, "-out", forged.certificate, "-subj",
            "/CN=clara", "-set_serial", "0x" + serial, "-days", "30", check=True)
        client = self.client("certificates", forged)
        self.assertTrue(client.say("AUTH EXTERNAL =").startswith("535 5.7.8"))
        client = self.client("certificates", self.keys["clara"])
        self.assertTrue(client.say("AUTH EXTERNAL =").startswith("235 2.7.0"))
        self.assertTrue(client.say("MAIL FROM:<fred@contoso.com>").startswith("250"))

    def test_external_of_a_hub(self):
        key = self.org.paris1.key
        for said, expected in (("AUTH EXTERNAL =", "235 2.7.0"),
                               ("AUTH EXTERNAL " + b64("paris1"), "235 2.7.0"),
                               ("AUTH EXTERNAL " + b64("london2"), "535 5.7.8"),
                               ("AUTH EXTERNAL " + b64("a\0b"), "501 5.5.2")):
            client = self.client("hubs", key)
            self.assertTrue(client.say(said).startswith(expected), said)
            # it is a hub either way, by its key
            self.assertTrue(client.say("MAIL FROM:<>").startswith("250"))
            self.assertTrue(client.say("RCPT TO:<x@elsewhere.example>").startswith("250"))

    # --- the command ---

    def test_login_twice(self):
        client = self.client("patient")
        self.assertTrue(client.plain("anna", GOOD).startswith("235 2.7.0"))
        self.assertTrue(client.plain("anna", GOOD).startswith("503 5.5.1"))
        self.assertTrue(client.say("AUTH SCRAM-SHA-256").startswith("503 5.5.1"))

    def test_empty_response_is_a_sign_of_initial_responses_only(self):
        client = self.client("patient")
        self.assertTrue(client.say("AUTH LOGIN =").startswith("334 UGFzc3dvcmQ6"))
        self.assertTrue(client.say("=").startswith("501 5.5.2"))

    def test_base64(self):
        for said in ("A", "AA", "AAA", "A===", "AA=A", "====", "AAAA=", " AAAA", "AAAA AAAA",
                     "AAAA\tAAAA", "AAAA\x7f", "\xe4\xe4\xe4\xe4"):
            with self.subTest(said):
                client = self.client("patient")
                client.say("AUTH PLAIN")
                self.assertTrue(client.say(said.encode("latin-1") + b"\r\n").startswith("501 5.5"))
                self.assertTrue(client.say("NOOP").startswith("250"))

    def test_long_lines(self):
        """RFC 4954 section 4: 12288 bytes are taken, more are not."""
        client = self.client("patient")
        client.say("AUTH PLAIN")
        self.assertTrue(client.say("A" * 12288).startswith("501 5.5.2"))
        client.say("AUTH PLAIN")
        self.assertTrue(client.say("A" * 12292).startswith("500 5.5.6"))
        self.assertTrue(client.say("AUTH PLAIN " + "A" * 12288).startswith("500 5.5.6"))
        self.assertTrue(client.plain("anna", GOOD).startswith("235 2.7.0"))

    def test_dialogue_that_a_broken_line_ends(self):
        """What was said before it counts for no other mechanism."""
        scram = "AUTH SCRAM-SHA-256 " + b64("n,,n=erika,r=x")
        begun = ["AUTH LOGIN " + b64("twin")], ["AUTH LOGIN", b64("erika")], [scram]
        after = ((scram, "334"), ("AUTH PLAIN " + b64("\0anna\0" + GOOD), "235"),
                 ("AUTH LOGIN " + b64("anna"), "334"), ("AUTH EXTERNAL =", "535"))
        for name in ("patient", "users"):
            for lines in begun:
                for broken, reply in BROKEN:
                    for said, expected in after:
                        if "EXTERNAL" in said and name != "users":
                            continue
                        client = self.client(name, self.keys["stranger"])
                        for line in lines:
                            self.assertTrue(client.say(line).startswith("334"))
                        self.assertTrue(client.say(broken).startswith(reply))
                        answer = client.say(said)
                        self.assertTrue(answer.startswith(expected), (lines, said, answer))
                        client.close()

    def test_broken_lines_are_failures(self):
        for broken, reply in BROKEN:
            client = self.client("strict")
            for _ in range(2):
                self.assertTrue(client.say("AUTH LOGIN").startswith("334"))
                self.assertTrue(client.say(broken).startswith(reply))
            self.assertTrue(client.reply().startswith("421 4.7.0"))

    def test_in_a_transaction(self):
        client = self.client("clear", tls=False)
        client.plain("anna", GOOD)
        client.say("MAIL FROM:<anna@contoso.com>")
        self.assertTrue(client.plain("anna", GOOD).startswith("503 5.5.1"))
        self.assertTrue(client.say("RCPT TO:<bruno@contoso.com>").startswith("250"))

    def test_failures_end_the_session(self):
        cases = (["AUTH PLAIN " + b64("\0anna\0wrong")], ["AUTH PLAIN", "*"],
                 ["AUTH PLAIN !"], ["AUTH SCRAM-SHA-256 " + b64("n,,n=erika,r=x"), b64("x")])
        for case in cases:
            with self.subTest(case):
                client = self.client("strict")
                for _ in range(2):
                    replies = [client.say(said) for said in case]
                    self.assertIn(replies[-1][:3], ("535", "501"))
                self.assertTrue(client.reply().startswith("421 4.7.0"))
                self.assertEqual(client.reply(), "")

    def test_tarpit_after_a_failure(self):
        client = self.client("tarpit")
        self.assertTrue(client.plain("anna", "wrong").startswith("535"))
        begun = time.monotonic()
        self.assertTrue(client.plain("anna", GOOD).startswith("235"))
        self.assertGreater(time.monotonic() - begun, 0.9)
        begun = time.monotonic()
        self.assertTrue(client.say("NOOP").startswith("250"))
        self.assertLess(time.monotonic() - begun, 0.9)

    def test_client_that_leaves_in_the_midst(self):
        for lines in (["AUTH SCRAM-SHA-256 " + b64("n,,n=erika,r=x")], ["AUTH LOGIN", b64("anna")]):
            client = self.client("patient")
            for line in lines:
                client.say(line)
            client.close()
        client = self.client("patient")
        client.send("AUTH PLAIN %s\r\n" % b64("\0anna\0" + GOOD)).close()
        self.assertTrue(self.client("patient").plain("anna", GOOD).startswith("235"))

    # --- clients of others ---

    def test_smtplib(self):
        for mechanism in ("PLAIN", "LOGIN"):
            with smtplib.SMTP("127.0.0.1", self.ports["clear"], timeout=10) as client:
                client.ehlo()
                client.user, client.password = "anna", GOOD
                code, _ = client.auth(mechanism, getattr(client, "auth_" + mechanism.lower()))
                self.assertEqual(code, 235)

    def test_swaks(self):
        for mechanism in ("PLAIN", "LOGIN"):
            for password, status in ((GOOD, 0), ("wrong", 28)):
                done = run("swaks", "--server", "127.0.0.1", "--port", self.ports["users"], "-tls",
                           "--auth", mechanism, "--auth-user", "anna", "--auth-password", password,
                           "--from", "anna@contoso.com", "--to", "bruno@contoso.com",
                           "--quit-after", "AUTH")
                self.assertEqual(done.returncode, status, done.stdout)

    # --- what stays behind ---

    def test_nothing_stays(self):
        """No password, and nothing to try passwords on, is in any file of the hub."""
        marks = ["mistyped-" + os.urandom(6).hex() for _ in range(4)]
        for name in ("clear", "patient"):
            for said in (["AUTH PLAIN " + b64("\0anna\0" + marks[0])],
                         ["AUTH PLAIN", b64("\0anna\0" + marks[1])],
                         ["AUTH LOGIN", b64("anna"), b64(marks[2])],
                         ["AUTH LOGIN " + b64("anna"), b64(marks[3])],
                         ["AUTH PLAIN " + b64("\0anna\0" + GOOD)]):
                client = self.client(name)
                for line in said:
                    reply = client.say(line)
            self.assertTrue(reply.startswith("235"))
            self.assertTrue(client.say("MAIL FROM:<anna@contoso.com>").startswith("250"))
            self.assertTrue(client.say("RCPT TO:<bruno@contoso.com>").startswith("250"))
            self.assertTrue(client.data("Subject: x\r\n\r\nx\r\n.\r\n").startswith("250"))
            self.scram(self.client(name), Scram("erika", SECRET + "erika"))
        secrets = [GOOD, SECRET + "erika", *marks]
        secrets += [part for v in (verifier(SECRET + "erika", b"salt of 16 bytes"),)
                    for part in re.split("[$:]", v)[3:]]
        secrets += [b64("\0anna\0" + p) for p in secrets] + [b64(p) for p in secrets]
        files = [self.hub.process.log_path]
        for folder, _, names in os.walk(self.hub.state):
            files += [os.path.join(folder, name) for name in names]
        self.assertTrue(any("spool" in f for f in files) and any("cache" in f for f in files))
        for path in files:
            try:
                with open(path, "rb") as content:
                    data = content.read()
            except FileNotFoundError:    # a message that has been delivered meanwhile
                continue
            for secret in secrets:
                self.assertNotIn(secret.encode(), data, path)

    # --- a directory that hangs ---

    def test_hung_directory(self):
        slapd = self.org.directory.process
        clients = [(self.client("patient"), "AUTH PLAIN " + b64("\0anna\0" + GOOD)),
                   (self.client("patient"), "AUTH SCRAM-SHA-256 " + b64("n,,n=erika,r=x")),
                   (self.client("certificates", self.keys["clara"]), "AUTH EXTERNAL =")]
        slapd.signal(signal.SIGSTOP)
        wait_for("slapd stands still", lambda: is_stopped(slapd.pid))
        try:
            for client, said in clients:
                client.send(said + "\r\n")
                client.socket.settimeout(20)
            # the others' sessions go on
            self.assertTrue(self.client("patient").say("NOOP").startswith("250"))
            for client, said in clients:
                reply = client.reply()
                self.assertTrue(reply.startswith("454 4.7.0"), (said, reply))
        finally:
            slapd.signal(signal.SIGCONT)
        for client, said in clients:
            self.assertTrue(client.say("NOOP").startswith("250"))
        wait_for("logins work again", lambda: clients[0][0].plain("anna", GOOD)[:3] in
                 ("235", "503"))


if __name__ == "__main__":
    unittest.main()
