"""How hubs prove who they are to smart hosts: every mechanism, to a hub, to Postfix with Dovecot's
SASL, to a realm that is down; what becomes of the mail when it fails; and where no credential is
ever seen."""

import os
import smtplib
import unittest

from .harness import certificates
from .harness.base import Place, build_path, free_port, run, wait_for
from .harness.client import b64
from .harness.delivery import QUICK
from .harness.directory import record
from .harness.dovecot_auth import DovecotAuth
from .harness.hub import in_force
from .harness.kerberos import Kdc
from .harness.keys import Key
from .harness.peers import Dns, Sink
from .harness.postfix import Postfix
from .harness.protocol_log import ProtocolLog, lines_of
from .harness.relay import CONNECTORS, PASSWORD, Relay, with_protocol

SENDER = "anna@contoso.com"
NEW = "another-secret-of-anna"
FAR = "smtp.far.example"
MESSAGE = ("From: <%s>\r\nTo: <%%s>\r\nSubject: test %%s\r\n\r\nHello\r\n" % SENDER).encode()


def secrets():
    found = []
    for password in (PASSWORD, NEW):
        found += [password, b64(password), b64("\0anna\0" + password)]
    return found


class Auth(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = place = Place()
        cls.addClassCleanup(place.close)
        cls.authority = certificates.authority(place.path, "authority")
        names = certificates.make(place.path, "far", [FAR], cls.authority)
        cls.kerberos(place)
        cls.far = far = Relay(dict(
            CONNECTORS, users=dict(CONNECTORS["users"], hubFQDN=FAR,
                                   hubAuthMechanism=["Tls", "BasicAuth", "BasicAuthRequireTLS",
                                                     "Integrated"], hubMaxLogonFailures="0",
                                   hubGrant="HubUsers Accept-Any-Sender")),
            scram=True, certificate=names.certificate, key=names.key, keytab=cls.far_keytab)
        cls.addClassCleanup(far.close)
        cls.dns = Dns(place, {"far.example": "smtp A 127.0.0.1\nother A 127.0.0.1"}).start()
        cls.near = near = Relay({"open": CONNECTORS["open"]}, ca=cls.authority.certificate,
                                resolver=cls.dns.server, keytab=cls.near_keytab)
        cls.addClassCleanup(near.close)
        for hub in (far.hub, near.hub):
            hub.process.env.update(cls.kerberos_env)
        far.directory.add("".join(
            record("uid=%s,ou=People,%s" % (name, far.directory.suffix),
                   "inetOrgPerson inetLocalMailRecipient", uid=name, cn=name, sn=name,
                   mail=name + "@contoso.com", userPassword=PASSWORD) for name in ("out", "paul")))
        near.directory.change(near.hub.dn(), hubProtocolLogging=None, **QUICK)
        cls.log = ProtocolLog.sent(near.hub)
        cls.key = Key(place, "peer")
        far.start()
        near.start()

    @classmethod
    def kerberos(cls, place):
        cls.kdc = kdc = Kdc(place, "CONTOSO.COM")
        for name in ("smtp/" + FAR, "smtp/hub1.contoso.com", "smtp/postfix.far.example", "out"):
            kdc.add(name)
        cls.far_keytab = kdc.keytab("far.keytab", "smtp/" + FAR)
        cls.near_keytab = kdc.keytab("near.keytab", "smtp/hub1.contoso.com", "out")
        cls.postfix_keytab = kdc.keytab("postfix.keytab", "smtp/postfix.far.example")
        kdc.start()
        leaks = place.file("leaks", "leak:libgssapi_krb5.so\nleak:libkrb5.so\n")
        cls.kerberos_env = dict(KRB5_CONFIG=kdc.config, KRB5RCACHENAME="none:",
                                LSAN_OPTIONS="print_suppressions=0:suppressions=" + leaks)

    # --- what happens ---

    @classmethod
    def apply(cls, change):
        change()
        in_force(cls.near.directory, [cls.near.hub])

    @classmethod
    def dn(cls, name):
        return cls.near.directory.dn(name, "Connectors")

    def connector(self, name, host, **attributes):
        given = dict(hubAddressSpace="SMTP:%s.example" % name, hubDNSRouting="FALSE",
                     hubSourceServer=self.near.hub.dn(), hubSmartHost=host,
                     hubProtocolLogging="Verbose", hubSmartHostAuth="BasicAuth",
                     hubAuthUser="anna", hubAuthPassword=PASSWORD)
        given.update(attributes)
        self.apply(lambda: self.near.directory.add(
            record(self.dn(name), "hubSendConnector", cn=name, **given)))

    def change(self, name, **attributes):
        self.apply(lambda: self.near.directory.change(self.dn(name), **attributes))

    def submit(self, name):
        token = os.urandom(12).hex()
        to = "x@%s.example" % name
        with smtplib.SMTP("127.0.0.1", self.near.ports["open"], timeout=30) as client:
            client.sendmail(SENDER, [to], MESSAGE % (to.encode(), token.encode()))
        return token

    def delivered(self, name, token=None):
        """Sends one through the connector to the sink behind the far side; what arrives there."""
        token = token or self.submit(name)
        return wait_for(lambda: "mail by %s\n%s" % (name, "\n".join(
            lines_of(self.logged(name))[-40:])), lambda: self.far.sink.find(token))

    def retry(self, name, reason):
        """The queue waits for that reason; the event."""
        hub = self.near.hub
        return wait_for(lambda: "Retry of %s for %r\n%s" % (name, reason, hub.log()[-3000:]),
                        lambda: [e for e in hub.events("queue-retry")
                                 if e["queue"].endswith("/" + name) and reason in e["reason"]])[0]

    def logged(self, name):
        """All that the protocol log has of the connector."""
        return [row for row in self.log.rows() if row["connector-id"] == name]

    def authenticated(self, name):
        rows = wait_for(lambda: "authenticated: " + self.log.text()[-3000:], lambda: [
            row for row in self.logged(name) if "authenticated" in row["data"]])
        return rows[-1]["data"]

    def far_host(self, connector):
        return "%s:%d" % (FAR, self.far.ports[connector])

    # --- to a hub ---

    def test_scram_with_channel_binding(self):
        self.connector("plus", self.far_host("users"))
        got = self.delivered("plus")[0]
        self.assertEqual(with_protocol(got.data), "ESMTPSA")
        self.assertEqual(self.authenticated("plus"),
                         "AUTH SCRAM-SHA-256-PLUS: authenticated as anna")

    def test_scram_in_clear(self):
        self.connector("scram", self.far_host("clear"), hubIgnoreSTARTTLS="TRUE")
        self.delivered("scram")
        self.assertEqual(self.authenticated("scram"), "AUTH SCRAM-SHA-256: authenticated as anna")
        self.assertNotIn(">AUTH PLAIN", "".join(lines_of(self.logged("scram"))))

    def test_a_user_without_verifier(self):
        """SCRAM is offered and refused, so the password is told after all."""
        self.connector("paul", self.far_host("users"), hubAuthUser="paul")
        self.delivered("paul")
        self.assertEqual(self.authenticated("paul"), "AUTH PLAIN: authenticated as paul")

    def test_tls_required(self):
        """The certificate has to have the smart host's name; without it not a word is said."""
        host = self.far_host("users")
        self.connector("strict", host, hubSmartHostAuth="BasicAuthRequireTLS")
        self.delivered("strict")
        self.connector("wrongname", host.replace("smtp.", "other."),
                       hubSmartHostAuth="BasicAuthRequireTLS")
        token = self.submit("wrongname")
        self.retry("wrongname", "not for other.far.example")
        sink = Sink(self.place, offers=["AUTH PLAIN LOGIN"])
        self.connector("notls", "%s:%d" % (FAR, sink.port), hubSmartHostAuth="BasicAuthRequireTLS")
        self.submit("notls")
        self.retry("notls", "does not offer it")
        stranger = Sink(self.place, offers=["AUTH PLAIN LOGIN"], key=self.key)
        self.connector("stranger", "%s:%d" % (FAR, stranger.port),
                       hubSmartHostAuth="BasicAuthRequireTLS")
        self.submit("stranger")
        self.retry("stranger", "TLS handshake")
        for peer in (sink, stranger):
            self.assertFalse([c for c in peer.commands if c.startswith(("AUTH", "MAIL"))])
        self.assertFalse([line for line in lines_of(self.logged("wrongname"))
                          if line.startswith((">AUTH", ">MAIL"))])
        self.change("wrongname", hubSmartHost=host)
        self.delivered("wrongname", token)

    def test_tls_domain(self):
        """The name that hubTLSDomain has counts; an address would have none."""
        address = "[127.0.0.1]:%d" % self.far.ports["users"]
        strict = dict(hubRequireTLS="TRUE", hubTLSAuthLevel="DomainValidation")
        self.connector("literal", address, hubSmartHostAuth="BasicAuthRequireTLS",
                       hubTLSDomain="other.far.example", **strict)
        token = self.submit("literal")
        self.retry("literal", "certificate is not for other.far.example")
        self.assertFalse([line for line in lines_of(self.logged("literal"))
                          if line.startswith((">AUTH", ">MAIL"))])
        self.change("literal", hubTLSDomain=FAR)
        self.delivered("literal", token)

    def test_tls_that_fails_is_no_reason_to_speak_in_clear(self):
        sink = Sink(self.place, offers=["AUTH PLAIN LOGIN", "STARTTLS"])
        for reply in ("454 4.7.0 not now", "220 go close"):
            with self.subTest(reply):
                sink.answer("STARTTLS", reply)
                name = "fail" + reply[:3]
                self.connector(name, "[127.0.0.1]:%d" % sink.port)
                self.submit(name)
                self.retry(name, "TLS handshake" if reply[0] == "2" else "454 4.7.0 not now")
        self.assertFalse([c for c in sink.commands if c.startswith("AUTH")])

    # --- Kerberos, and servers of the organization ---

    def test_gssapi(self):
        self.connector("gssapi", self.far_host("users"), hubSmartHostAuth="HubServer",
                       hubAuthUser="out", hubAuthPassword=None)
        self.delivered("gssapi")
        self.assertEqual(self.authenticated("gssapi"), "AUTH GSSAPI: authenticated as out")

    def test_gssapi_and_a_certificate(self):
        """GSSAPI alone does not tell who ends the TLS session; hubTLSAuthLevel does."""
        host = self.far_host("users").replace("smtp.", "other.")
        sink = Sink(self.place, key=self.key, offers=["AUTH GSSAPI"])
        strict = dict(hubSmartHostAuth="HubServer", hubAuthUser="out", hubAuthPassword=None,
                      hubRequireTLS="TRUE", hubTLSAuthLevel="CertificateValidation")
        self.connector("between", "%s:%d" % (FAR, sink.port), **strict)
        self.submit("between")
        self.retry("between", "self-signed certificate")
        self.assertFalse([c for c in sink.commands if c.startswith(("AUTH", "MAIL"))])
        self.connector("certified", host, **dict(
            strict, hubTLSAuthLevel="DomainValidation", hubTLSDomain="other.far.example"))
        token = self.submit("certified")
        self.retry("certified", "certificate is not for other.far.example")
        self.change("certified", hubTLSDomain=FAR, hubSmartHost=self.far_host("users"))
        self.delivered("certified", token)
        self.assertEqual(self.authenticated("certified"), "AUTH GSSAPI: authenticated as out")

    def test_a_realm_that_is_down(self):
        """Mail waits for its return; other mail does not wait for it."""
        self.connector("realm", self.far_host("users"), hubSmartHostAuth="HubServer",
                       hubAuthUser="nobody-has-that-key", hubAuthPassword=None)
        token = self.submit("realm")
        event = self.retry("realm", "no Kerberos ticket for nobody-has-that-key")
        self.assertIn("AUTH", event["reason"])
        self.kdc.process.stop()
        try:
            self.change("realm", hubAuthUser="smtp/hub1.contoso.com")
            self.retry("realm", "no Kerberos ticket for smtp/hub1.contoso.com")
            self.connector("other", self.far_host("users"))
            self.delivered("other")
        finally:
            self.kdc.start()
        self.change("realm", hubAuthUser="out")
        self.delivered("realm", token)

    def test_direct_trust(self):
        """A key that the directory has for a server is enough, any other is not."""
        sink = Sink(self.place, key=self.key, offers=["AUTH PLAIN"])
        self.connector("trusted", "[127.0.0.1]:%d" % sink.port, hubSmartHostAuth="HubServer",
                       hubAuthUser=None, hubAuthPassword=None)
        token = self.submit("trusted")
        self.retry("trusted", "none of the mechanisms GSSAPI")
        d = self.near.directory
        self.apply(lambda: d.add(record(
            d.dn("ghost", "Servers"), "hubServer", cn="ghost", hubRole="Hub",
            hubServerSite=d.dn("Only", "Sites"), hubKeyDigest=self.key.digest)))
        sink.wait(token)
        self.assertFalse([c for c in sink.commands if c.startswith("AUTH")])
        wait_for("the reason in the log", lambda: [
            row for row in self.logged("trusted")
            if row["data"] == "the peer's key is that of a server in the directory"])

    # --- when it fails ---

    def test_refused(self):
        """By default that is the end of the mail; downgraded, it waits for the right password."""
        self.connector("refused", self.far_host("users"), hubAuthPassword="wrong-" + NEW)
        self.submit("refused")
        event = wait_for("it fails", lambda: self.near.hub.events(
            "failed", to="x@refused.example"))[0]
        self.assertIn("5.7.8", str(event))
        self.change("refused", hubErrorPolicy="DowngradeAuthFailures")
        token = self.submit("refused")
        self.retry("refused", "535")
        self.change("refused", hubAuthPassword=PASSWORD)
        self.delivered("refused", token)

    def test_not_offered_or_not_now(self):
        sink = Sink(self.place, offers=["PIPELINING"])
        self.connector("later", "[127.0.0.1]:%d" % sink.port)
        token = self.submit("later")
        self.retry("later", "does not offer AUTH")
        sink.answer("AUTH", "454 4.7.0 not now")
        sink.offers = ["AUTH EXTERNAL XOAUTH2"]
        self.retry("later", "SCRAM-SHA-256, PLAIN, LOGIN")
        sink.offers = ["AUTH=LOGIN PLAIN"]
        self.retry("later", "454 4.7.0 not now")
        sink.answer("AUTH", "235 2.7.0 welcome")
        sink.wait(token)
        self.assertFalse(self.near.hub.events("failed", to="x@later.example"))

    # --- live ---

    def test_a_new_credential_makes_a_new_connection(self):
        sink = Sink(self.place, offers=["AUTH PLAIN"])
        sink.answer("AUTH PLAIN", "235 2.7.0 welcome")
        self.connector("kept", "[127.0.0.1]:%d" % sink.port, hubMaxMessagesPerConnection="0")

        def said():
            return [c.split()[-1] for c in sink.commands if c.startswith("AUTH")]
        for _ in range(2):
            sink.wait(self.submit("kept"))
        self.assertEqual(said(), [b64("\0anna\0" + PASSWORD)])
        self.change("kept", hubAuthPassword=NEW)
        sink.wait(self.submit("kept"))
        self.assertEqual(said()[1:], [b64("\0anna\0" + NEW)])
        self.change("kept", hubAuthUser="berta")
        sink.wait(self.submit("kept"))
        self.assertEqual(said()[2:], [b64("\0berta\0" + NEW)])
        self.change("kept", hubSmartHostAuth="None")
        sink.wait(self.submit("kept"))
        self.assertEqual(len(said()), 3)

    # --- ExternalAuthoritative ---

    def test_external(self):
        """Nothing is proven: the administrator vouches for the way, and usage for the headers."""
        sink = Sink(self.place, offers=["AUTH PLAIN"])
        for usage, shown in (("Custom", False), ("Internal", True)):
            with self.subTest(usage):
                self.connector("ext" + usage, "[127.0.0.1]:%d" % sink.port,
                               hubSmartHostAuth="ExternalAuthoritative", hubUsage=usage,
                               hubAuthUser=None, hubAuthPassword=None)
                data = sink.wait(self.submit("ext" + usage))[0].data
                self.assertEqual(b"X-Hub-Organization-" in data, shown, data)
                self.assertIn(b"Received: ", data)
        self.change("extCustom", hubSendRight=["Organization", "Routing"])
        data = sink.wait(self.submit("extCustom"))[0].data
        self.assertIn(b"X-Hub-Organization-", data)
        self.assertFalse([c for c in sink.commands if c.startswith("AUTH")])

    # --- what others wrote ---

    def test_postfix_with_dovecot(self):
        """SCRAM, LOGIN, PLAIN and GSSAPI, one after the other, at a server of others."""
        host = "postfix.far.example"
        auth = DovecotAuth(self.place, ["plain", "login", "scram-sha-256", "gssapi"],
                           {"anna": PASSWORD}, host, self.kdc, self.postfix_keytab).start()
        tls = certificates.make(self.place.path, "postfix", [host], self.authority)
        postfix = Postfix(self.place, free_port(), {
            "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": auth.socket, "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": tls.certificate, "smtpd_tls_key_file": tls.key,
            "mynetworks": "192.0.2.0/24",
            "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
            "smtpd_recipient_restrictions": "permit_sasl_authenticated, reject",
            "relayhost": "[127.0.0.1]:%d" % self.far.sink.port,
        }).start()
        self.dns.write("far.example", "smtp A 127.0.0.1\nother A 127.0.0.1\npostfix A 127.0.0.1")
        self.dns.reload()
        kerberos = dict(hubSmartHostAuth="HubServer", hubAuthUser=None, hubAuthPassword=None)
        for name, attributes, how in (
                ("pfscram", dict(hubSmartHostAuth="BasicAuthRequireTLS"), "SCRAM-SHA-256"),
                ("pfgssapi", kerberos, "GSSAPI")):
            with self.subTest(name):
                self.connector(name, "%s:%d" % (host, postfix.port), **attributes)
                try:
                    self.delivered(name)
                except AssertionError as e:
                    raise AssertionError(auth.log()[-3000:]) from e
                self.assertIn("AUTH %s: authenticated" % how, self.authenticated(name))

    # --- nothing leaks ---

    def test_where_no_credential_stands(self):
        """After all of the above: in no log, no output of hubctl, no report, not in the spool."""
        sink = Sink(self.place, offers=["AUTH PLAIN"])
        sink.answer("AUTH", "535 5.7.8 %s is not the password, %s is wrong" % (
            PASSWORD, b64("\0anna\0" + PASSWORD)))
        self.connector("leak", "[127.0.0.1]:%d" % sink.port, hubErrorPolicy="DowngradeAuthFailures")
        self.submit("leak")
        self.retry("leak", "repeats the credential")
        hub = self.near.hub
        shown = [self.log.text(), hub.log()]
        for arguments in (
                ("queue", "list"), ("config", "status"), ("route", "explain", "x@leak.example"),
                ("route", "table"), ("send-connector", "get", "leak"), ("message", "list"),
                ("-o", "ldif", "send-connector", "list"), ("-o", "wide", "send-connector", "list"),
                ("send-connector", "set", "leak", "--port", "26", "--what-if"),
                ("send-connector", "set", "leak", "--auth-password", "whatever", "--what-if")):
            shown.append(self.ctl(*arguments))
        self.assertIn("leak", "".join(shown))
        for secret in secrets():
            for text in shown:
                where = text.find(secret)
                self.assertEqual(where, -1, text[max(0, where - 500):where])
        found = run("grep", "-rlaF", PASSWORD, hub.state).stdout.split()
        self.assertEqual([f for f in found if "/cache/" not in f], [])

    def ctl(self, *arguments):
        """All it prints to an administrator who may read everything."""
        hub, d = self.near.hub, self.near.directory
        done = run(build_path("tools", "hubctl"), "--control", hub.control, "--directory", d.uri,
                   "--base", d.base, "-D", d.admin, "-y", d.password_file, *arguments)
        return done.stdout + done.stderr
