"""TLS on Receive connectors: which certificate is shown, which sessions are resumed, what is
refused, and partners that are known by theirs (DomainSecure). The clients are OpenSSL's and
Python's."""

import os
import re
import signal
import socket
import ssl
import subprocess
import unittest

from .harness.base import Place, free_port, run, wait_for
from .harness.certificates import authority, make
from .harness.client import Client
from .harness.directory import Directory, record
from .harness.hub import Hub, in_force

QUICK = dict(hubTarpitInterval="0", hubMaxInboundPerSource="0",
             hubMaxInboundPercentPerSource="100", hubPermissionGroup="AnonymousUsers",
             hubAuthMechanism="Tls")

CONNECTORS = {
    "plain": {},
    "named": dict(hubFQDN="mail.contoso.com"),
    "other": dict(hubFQDN="other.contoso.com"),
    "required": dict(hubRequireTLS="TRUE"),
    "implicit": {},
    "short": dict(hubConnectionInactivityTimeout="1", hubConnectionTimeout="60"),
    "partner": dict(hubDomainSecure="TRUE", hubProtocolLogging="Verbose",
                    hubPermissionGroup=["AnonymousUsers", "Partners"],
                    hubDeny="AnonymousUsers Accept-Headers-Routing"),
    "partners": dict(hubUsage="Partner", hubDomainSecure="TRUE", hubPermissionGroup="Partners"),
}

OLD = {"TLS 1.0": "-tls1", "TLS 1.1": "-tls1_1", "SSL 3": "-ssl3"}


class One:
    """One hub with several certificates: its own, another that is named, those of a folder."""

    def __init__(self):
        self.place = Place()
        self.directory = Directory(self.place).start()
        d, folder = self.directory, self.place.directory("certificates")
        self.folder = folder
        self.authority = authority(self.place.path, "authority")
        self.mail = make(self.place.path, "mail", ["mail.contoso.com"], self.authority)
        make(folder, "mail-rsa", ["mail.contoso.com"], self.authority, rsa=True)
        make(folder, "any", ["*.contoso.com"], self.authority)
        self.hub = Hub(self.place, d, "hub1", "Only", ca=self.authority.certificate)
        with open(self.hub.settings) as settings:
            text = settings.read()
        text = text.replace(self.hub.key.certificate, "%s %s %s" % (
            self.hub.key.certificate, self.mail.certificate, folder))
        text = text.replace(self.hub.key.key, "%s %s %s" % (
            self.hub.key.key, self.mail.key, folder))
        self.place.file("hub1.conf", text)
        self.ports = {name: free_port() for name in CONNECTORS}
        d.add(record(d.dn("Only", "Sites"), "hubSite", cn="Only") + self.hub.records() + record(
            d.dn("contoso.com", "Accepted Domains"), "hubAcceptedDomain", cn="contoso.com",
            hubDomain="contoso.com", hubDomainType="Authoritative",
            hubRecipientValidation="FALSE") + "".join(
            record(self.connector(name), "hubReceiveConnector", cn=name, **dict(
                QUICK, hubBinding="127.0.0.1:%d%s" % (
                    port, " tls" if name == "implicit" else ""), **{}) | CONNECTORS[name])
            for name, port in self.ports.items()))
        d.change(d.base, hubTLSReceiveDomainSecure=["partner.example", "second.example"])
        self.hub.start()

    def connector(self, name):
        return "cn=%s,%s" % (name, self.hub.dn())

    def apply(self, change):
        change()
        in_force(self.directory, [self.hub])

    def change(self, name, **attributes):
        self.apply(lambda: self.directory.change(self.connector(name), **attributes))

    def domains(self, *domains):
        self.apply(lambda: self.directory.change(self.directory.base,
                                                 hubTLSReceiveDomainSecure=list(domains)))

    def counter(self, name, **labels):
        text = self.hub.ctl("metrics")
        inside = ",".join('%s="%s"' % item for item in labels.items())
        found = re.search(r"^%s_total\{%s\} (\d+)$" % (re.escape(name), re.escape(inside)), text,
                          re.MULTILINE)
        return int(found[1]) if found else None


def s_client(port, *options, said="QUIT\n", starttls=True):
    command = ["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-ign_eof", "-crlf"]
    if starttls:
        command += ["-starttls", "smtp"]
    done = subprocess.run(command + list(options), input=said, capture_output=True, text=True,
                          timeout=20)
    return done.stdout + done.stderr


def shown(port, name=None, *options, **more):
    """The certificate that OpenSSL's client is shown, PEM."""
    asked = ["-servername", name] if name else ["-noservername"]
    text = s_client(port, *asked, *options, **more)
    found = re.search("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", text, re.DOTALL)
    return found[0] if found else text


def context(certificate=None, version=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    if version is not None:
        c.maximum_version = version
    if certificate is not None:
        c.load_cert_chain(certificate.certificate, certificate.key)
    return c


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.one = One()
        cls.addClassCleanup(cls.one.place.close)
        for name, port in cls.one.ports.items():
            wait_for(name + " listens", lambda p=port: cls.listens(p))
        cls.addClassCleanup(cls.ends_cleanly)

    @classmethod
    def ends_cleanly(cls):
        status = cls.one.hub.stop()
        if status != 0:
            raise AssertionError("exit %d\n%s" % (status, cls.one.hub.log()[-5000:]))

    @staticmethod
    def listens(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def client(self, name, tls=None, **options):
        """Past EHLO; with TLS if a context is given."""
        client = Client(self.one.ports[name], **options)
        self.addCleanup(client.close)
        client.ehlo()
        if tls is not None:
            self.secure(client, tls)
        return client

    def secure(self, client, tls, session=None, name=None):
        self.assertTrue(client.say("STARTTLS").startswith("220 2.0.0"))
        client.socket = tls.wrap_socket(client.socket, session=session, server_hostname=name)
        client.ehlo()
        return client


class Certificates(Base):
    def test_by_name_then_by_connector_then_the_own(self):
        one = self.one
        own = make_pem(one.hub.key.certificate)
        wild = make_pem(os.path.join(one.folder, "any.crt"))
        rsa = make_pem(os.path.join(one.folder, "mail-rsa.crt"))
        only_rsa = ("-sigalgs", "rsa_pss_rsae_sha256")
        for where, name, options, expected in (
                # the server's name is hub1.contoso.com: its own certificate is for just that,
                # but signed by itself; the exact name counts more
                ("plain", None, (), own),
                ("plain", "hub1.contoso.com", (), own),
                ("plain", "nowhere.example", (), own),
                ("plain", "mail.contoso.com", (), one.mail.pem),
                ("plain", "MAIL.Contoso.Com", (), one.mail.pem),
                ("plain", "mail.contoso.com", only_rsa, rsa),
                ("plain", "imap.contoso.com", (), wild),
                ("plain", "a.b.contoso.com", (), own),
                ("named", None, (), one.mail.pem),
                ("named", None, only_rsa, rsa),
                ("named", None, ("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"), rsa),
                ("named", None, ("-tls1_2",), one.mail.pem),
                ("named", "imap.contoso.com", (), wild),
                ("named", "nowhere.example", (), one.mail.pem),
                ("other", None, (), wild),
                # what hubs ask each other for
                ("named", "hub.invalid", (), own)):
            with self.subTest(where=where, name=name, options=options):
                self.assertEqual(shown(one.ports[where], name, *options), expected)
        self.assertEqual(shown(one.ports["implicit"], "mail.contoso.com", starttls=False),
                         one.mail.pem)

    def test_a_client_that_verifies_is_content(self):
        tls = ssl.create_default_context(cafile=self.one.authority.certificate)
        client = self.client("plain")
        self.secure(client, tls, name="mail.contoso.com")
        # its list begins with AES-256; the server's is what counts
        self.assertEqual(client.socket.cipher()[0], "TLS_AES_128_GCM_SHA256")
        self.assertTrue(client.say("NOOP").startswith("250"))

    def test_names_of_connectors_are_live(self):
        one, port = self.one, self.one.ports["plain"]
        held = self.client("plain", context())
        one.change("plain", hubFQDN="mail.contoso.com")
        self.assertEqual(shown(port), one.mail.pem)
        one.change("plain", hubFQDN="nowhere.example")
        self.assertEqual(shown(port), make_pem(one.hub.key.certificate))
        wait_for("it is told", lambda: one.hub.events("certificate-missing", connector="plain",
                                                      name="nowhere.example"))
        missing = one.hub.ctl("config", "status", check=False)["servers"][0]["missing_certificates"]
        self.assertEqual([(m["connector"], m["name"]) for m in missing],
                         [("plain", "nowhere.example")])
        one.change("plain", hubFQDN=[])
        self.assertEqual(shown(port), make_pem(one.hub.key.certificate))
        self.assertTrue(held.say("NOOP").startswith("250"))

    def test_files_are_read_at_sighup(self):
        one, port = self.one, self.one.ports["plain"]
        held = self.client("plain", context())
        new = make(one.folder, "new", ["new.example"], one.authority)
        self.assertEqual(shown(port, "new.example"), make_pem(one.hub.key.certificate))
        one.hub.hangup()
        self.assertEqual(shown(port, "new.example"), new.pem)
        renewed = make(one.folder, "new", ["new.example"], one.authority)
        one.hub.hangup()
        self.assertEqual(shown(port, "new.example"), renewed.pem)
        # one that cannot be used changes nothing
        failed = len(one.hub.events("reload-failed"))
        os.rename(renewed.key, renewed.key + ".away")
        one.hub.process.signal(signal.SIGHUP)
        wait_for("it says so", lambda: len(one.hub.events("reload-failed")) > failed)
        self.assertTrue([e for e in one.hub.events("reload-failed") if "new.key" in str(e)])
        self.assertEqual(shown(port, "new.example"), renewed.pem)
        os.unlink(renewed.certificate)
        one.hub.hangup()
        self.assertEqual(shown(port, "new.example"), make_pem(one.hub.key.certificate))
        self.assertTrue(held.say("NOOP").startswith("250"))

    def test_the_key_that_the_directory_names(self):
        """Of those in the files; hubs are shown that one whatever the others are for."""
        one, port = self.one, self.one.ports["plain"]
        digest = key_digest(one.mail.certificate)
        try:
            one.apply(lambda: one.directory.change(one.hub.dn(), hubKeyDigest=digest))
            wait_for("it is in use", lambda: one.hub.events("key-in-use", key=digest))
            self.assertEqual(shown(port, "hub.invalid"), one.mail.pem)
        finally:
            one.apply(lambda: one.directory.change(one.hub.dn(), hubKeyDigest=one.hub.key.digest))
        self.assertEqual(shown(port, "hub.invalid"), make_pem(one.hub.key.certificate))

    def test_without_any_certificate(self):
        one = self.one
        bare = Hub(one.place, one.directory, "bare", "Only", certificate=None, key=None,
                   admin=None)
        required, implicit = free_port(), free_port()
        one.directory.add(bare.records() + record(
            "cn=required,%s" % bare.dn(), "hubReceiveConnector", cn="required",
            hubBinding="127.0.0.1:%d" % required, **dict(QUICK, hubRequireTLS="TRUE")) + record(
            "cn=implicit,%s" % bare.dn(), "hubReceiveConnector", cn="implicit",
            hubBinding="127.0.0.1:%d tls" % implicit, **QUICK))
        bare.start()
        with Client(required) as client:
            self.assertNotIn("STARTTLS", client.ehlo())
            self.assertTrue(client.say("MAIL FROM:<a@b.example>").startswith("530 5.7.0"))
            self.assertTrue(client.say("STARTTLS").startswith("502"))
        with socket.create_connection(("127.0.0.1", implicit), 10) as channel:
            self.assertEqual(channel.recv(100), b"")
        for name in ("required", "implicit"):
            wait_for("it is told of " + name, lambda n=name: bare.events(
                "certificate-missing", connector=n))
        self.assertEqual(bare.stop(), 0)


class Resumption(Base):
    """Sessions are resumed by tickets."""

    def resumes(self, options, between=lambda: None, first="plain", second="plain", names=None):
        one, path = self.one, self.one.place.file("session")
        name, other = names or ("mail.contoso.com",) * 2
        text = s_client(one.ports[first], "-servername", name, "-sess_out", path, *options,
                        said="EHLO x\nNOOP\nQUIT\n")
        self.assertIn("New, TLS", text)
        between()
        found = set()
        # connections go to the workers in turn
        for _ in range(4):
            text = s_client(one.ports[second], "-servername", other, "-sess_in", path, *options,
                            said="EHLO x\nQUIT\n")
            self.assertIn("221 2.0.0", text)
            found.add(re.search(r"^(New|Reused), TLS", text, re.MULTILINE)[1])
        self.assertEqual(len(found), 1, found)
        return found == {"Reused"}

    def test_by_all_workers_and_over_sighup(self):
        before = self.one.counter("hub_receive_tls_sessions", handshake="resumed")
        for version in ("-tls1_3", "-tls1_2"):
            with self.subTest(version):
                self.assertTrue(self.resumes([version]))
                self.assertTrue(self.resumes([version], self.one.hub.hangup))
        self.assertEqual(self.one.counter("hub_receive_tls_sessions", handshake="resumed"),
                         before + 16)

    def test_nowhere_else(self):
        for version in ("-tls1_3", "-tls1_2"):
            with self.subTest(version):
                self.assertFalse(self.resumes([version], second="named"))
                self.assertFalse(self.resumes([version], second="partner"))
                self.assertFalse(self.resumes(
                    [version], names=("mail.contoso.com", "imap.contoso.com")))

    def test_one_ticket(self):
        text = s_client(self.one.ports["plain"], "-tls1_3", "-msg", said="EHLO x\nNOOP\nQUIT\n")
        self.assertEqual(text.count("NewSessionTicket"), 1, text)

    def test_a_resumed_hub_is_looked_for_again(self):
        """The key came with the ticket; whether it is one of ours the directory says now."""
        one, path = self.one, self.one.place.file("hub-session")
        options = ("-cert", one.hub.key.certificate, "-key", one.hub.key.key, "-tls1_3",
                   "-servername", "hub.invalid")
        said = "EHLO hub1.contoso.com\nMAIL FROM:<a@b.example>\nQUIT\n"
        text = s_client(one.hub.port, *options, "-sess_out", path, said=said)
        self.assertIn("250 2.1.0", text)
        text = s_client(one.hub.port, *options, "-sess_in", path, said=said)
        self.assertIn("Reused, TLS", text)
        self.assertIn("250 2.1.0", text)
        other = make(one.place.path, "elsewhere", ["elsewhere.example"])
        try:
            one.apply(lambda: one.directory.change(
                one.hub.dn(), hubKeyDigest=key_digest(other.certificate)))
            text = s_client(one.hub.port, *options, "-sess_in", path, said=said)
            self.assertIn("Reused, TLS", text)
            self.assertIn("530 5.7.1", text)
        finally:
            one.apply(lambda: one.directory.change(one.hub.dn(), hubKeyDigest=one.hub.key.digest))


    def test_a_key_that_is_withdrawn(self):
        """Whoever has a session by it keeps no right of ours."""
        one = self.one
        client = Client(one.hub.port)
        self.addCleanup(client.close)
        client.ehlo()
        self.secure(client, context(one.hub.key))
        self.assertTrue(client.say("MAIL FROM:<a@b.example>").startswith("250"))
        self.assertTrue(client.say("RSET").startswith("250"))
        other = make(one.place.path, "withdrawn", ["elsewhere.example"])
        try:
            one.apply(lambda: one.directory.change(
                one.hub.dn(), hubKeyDigest=key_digest(other.certificate)))
            self.assertTrue(client.say("MAIL FROM:<a@b.example>").startswith("421 4.3.2"))
        finally:
            one.apply(lambda: one.directory.change(one.hub.dn(), hubKeyDigest=one.hub.key.digest))


class Hostile(Base):
    def test_old_versions(self):
        for name, option in OLD.items():
            with self.subTest(name):
                text = s_client(self.one.ports["plain"], option, "-cipher", "ALL:@SECLEVEL=0")
                self.assertNotIn("BEGIN CERTIFICATE", text)
        self.assertIn("BEGIN CERTIFICATE", s_client(self.one.ports["plain"], "-tls1_2"))

    def test_renegotiation(self):
        command = ["openssl", "s_client", "-connect", "127.0.0.1:%d" % self.one.ports["plain"],
                   "-starttls", "smtp", "-tls1_2", "-crlf"]
        done = subprocess.run(command, input="R\n", capture_output=True, text=True, timeout=20)
        self.assertIn("RENEGOTIATING", done.stdout + done.stderr)
        self.assertIn("no renegotiation", done.stdout + done.stderr)

    def test_clear_text_where_tls_is(self):
        before = self.one.counter("hub_receive_tls_sessions", handshake="failed")
        for said in (b"EHLO client.example\r\n", b"\r\n", b"GET / HTTP/1.0\r\n\r\n",
                     b"MAIL FROM:<a@b.example>\r\n" * 100, bytes(range(256)) * 100):
            with self.subTest(said[:20]), socket.create_connection(
                    ("127.0.0.1", self.one.ports["implicit"]), 10) as channel:
                try:
                    channel.sendall(said)
                    channel.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # it has closed already
                answer = everything(channel)
                self.assertNotIn(b"\r\n", answer)
                self.assertLess(len(answer), 50)
        wait_for("all have failed", lambda: self.one.counter(
            "hub_receive_tls_sessions", handshake="failed") >= before + 5)

    def test_injected_before_starttls(self):
        """What came in clear is never obeyed as if it had come by TLS."""
        evil = b"MAIL FROM:<evil@outside.example>\r\n"
        for what, pieces in {
                "behind it": [b"STARTTLS\r\n" + evil],
                "its end and more in the next": [b"STARTTLS\r", b"\n" + evil],
                "half a command": [b"STARTTLS\r\nMA"],
                "one byte": [b"STARTTLS\r\n\r"]}.items():
            with self.subTest(what):
                client = self.client("plain")
                client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for piece in pieces:
                    client.send(piece)
                self.assertEqual([r[:9] for r in client.rest()], ["421 4.7.0"])

    def test_clear_text_instead_of_a_handshake(self):
        client = self.client("plain")
        self.assertTrue(client.say("STARTTLS").startswith("220"))
        client.send(b"MAIL FROM:<evil@outside.example>\r\n")
        # an alert or nothing
        self.assertNotIn(b"250", everything(client.socket))

    def test_nothing_in_front_of_the_handshake(self):
        """By a client that says something in clear and goes on with a proper handshake."""
        tls = context()
        with socket.create_connection(("127.0.0.1", self.one.ports["implicit"]), 10) as channel:
            channel.sendall(b"EHLO a.example\r\n")
            with self.assertRaises((ssl.SSLError, OSError)):
                tls.wrap_socket(channel)
        client = self.client("plain")
        self.assertTrue(client.say("STARTTLS").startswith("220"))
        client.send(b"EHLO a.example\r\n")
        with self.assertRaises((ssl.SSLError, OSError)):
            tls.wrap_socket(client.socket)

    def test_half_open(self):
        """Nothing, half a handshake, and one byte now and then: the time-out ends it."""
        hello = client_hello()
        for what, said in {"nothing": b"", "half": hello[:len(hello) // 2],
                           "a header": b"\x16\x03\x01\x40\x00"}.items():
            with self.subTest(what):
                client = self.client("short")
                self.assertTrue(client.say("STARTTLS").startswith("220"))
                client.send(said)
                answer = everything(client.socket)
                self.assertNotIn(b"250", answer)
                self.assertLess(len(answer), 50)
        # others are not disturbed
        self.assertTrue(self.client("short", context()).say("NOOP").startswith("250"))

    def test_a_hello_without_end(self):
        client = self.client("plain")
        self.assertTrue(client.say("STARTTLS").startswith("220"))
        # a handshake message of 16 MB, in records of 16 KB
        record_ = b"\x16\x03\x01\x40\x00" + b"\x01\xff\xff\xff" + b"\x00" * (16384 - 4)
        with self.assertRaises(OSError):
            for _ in range(1000):
                client.socket.sendall(record_)
        self.assertTrue(self.client("plain", context()).say("NOOP").startswith("250"))


class Required(Base):
    def test_nothing_before_tls(self):
        client = self.client("required")
        for said, expected in (("MAIL FROM:<a@b.example>", "530 5.7.0"), ("VRFY x", "530 5.7.0"),
                               ("NOOP", "250"), ("RSET", "250"), ("HELP", "214"),
                               ("EHLO x.example", "250")):
            self.assertTrue(client.say(said).startswith(expected), said)
        self.secure(client, context())
        self.assertTrue(client.say("MAIL FROM:<a@b.example>").startswith("250"))

    def test_live(self):
        self.assertTrue(self.client("other").say("MAIL FROM:<a@b.example>").startswith("250"))
        self.one.change("other", hubRequireTLS="TRUE")
        self.assertTrue(self.client("other").say("MAIL FROM:<a@b.example>").startswith("530 5.7.0"))
        self.one.change("other", hubRequireTLS="FALSE")
        self.assertTrue(self.client("other").say("MAIL FROM:<a@b.example>").startswith("250"))


class DomainSecure(Base):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        path, one = cls.one.place.path, cls.one
        usage = "extendedKeyUsage=serverAuth"
        cls.both = make(path, "both", ["partner.example", "second.example"], one.authority)
        cls.partner = make(path, "partner", ["mx.partner.example", "partner.example"],
                           one.authority, extensions=[usage])
        cls.second = make(path, "second", ["second.example"], one.authority)
        cls.common = make(path, "common", [], one.authority, subject="/CN=partner.example")
        cls.wild = make(path, "wild", ["*.partner.example"], one.authority)
        cls.stranger = make(path, "stranger", ["stranger.example"], one.authority)
        cls.self_signed = make(path, "self", ["partner.example"])
        cls.mail_only = make(path, "mail-only", ["partner.example"], one.authority,
                             extensions=["extendedKeyUsage=emailProtection"])
        cls.expired = make(path, "expired", ["partner.example"], one.authority,
                           time=("20200101000000Z", "20210101000000Z"))
        cls.too_early = make(path, "too-early", ["partner.example"], one.authority,
                             time=("20480101000000Z", "20490101000000Z"))

    def reply(self, where, certificate, sender):
        """To MAIL; certificate None: TLS without, False: no TLS."""
        client = self.client(where, None if certificate is False else context(certificate))
        return client.say("MAIL FROM:<%s>" % sender)

    def test_who_may_send_for_a_listed_domain(self):
        ok, no_tls, no = "250 2.1.0", "530 5.7.0", "550 5.7.1"
        for what, where, certificate, sender, expected in (
                ("proven", "partner", self.partner, "a@partner.example", ok),
                ("proven, in capitals", "partner", self.partner, "a@PARTNER.Example", ok),
                ("proven by the common name", "partner", self.common, "a@partner.example", ok),
                ("one of two", "partner", self.both, "a@second.example", ok),
                ("other of two", "partner", self.both, "a@partner.example", ok),
                ("no TLS", "partner", False, "a@partner.example", no_tls),
                ("no certificate", "partner", None, "a@partner.example", no),
                ("another partner", "partner", self.second, "a@partner.example", no),
                ("a stranger", "partner", self.stranger, "a@partner.example", no),
                ("signed by itself", "partner", self.self_signed, "a@partner.example", no),
                ("not for hosts", "partner", self.mail_only, "a@partner.example", no),
                ("expired", "partner", self.expired, "a@partner.example", no),
                ("not valid yet", "partner", self.too_early, "a@partner.example", no),
                ("only below the domain", "partner", self.wild, "a@partner.example", no),
                ("below the domain is not listed", "partner", False, "a@mx.partner.example", ok),
                ("not listed", "partner", False, "a@elsewhere.example", ok),
                ("null sender", "partner", False, "", ok),
                ("not here", "plain", False, "a@partner.example", ok),
                # no Anonymous here: who is no partner may nothing
                ("a partner", "partners", self.partner, "a@partner.example", ok),
                ("a partner's other mail", "partners", self.partner, "a@elsewhere.example", ok),
                ("no partner", "partners", self.stranger, "a@elsewhere.example", "530 5.7.1"),
                ("no TLS at all", "partners", False, "a@partner.example", no_tls)):
            with self.subTest(what):
                self.assertTrue(self.reply(where, certificate, sender).startswith(expected))

    def test_counted_and_logged(self):
        def count(result):
            return self.one.counter("hub_receive_domain_secure", result=result)
        before = [count(r) for r in ("proven", "no_tls", "not_proven")]
        self.reply("partner", self.partner, "a@partner.example")
        self.reply("partner", False, "a@partner.example")
        self.reply("partner", self.stranger, "a@partner.example")
        self.assertEqual([count(r) for r in ("proven", "no_tls", "not_proven")],
                         [n + 1 for n in before])
        for why in ("no TLS", "certificate is not for partner.example"):
            wait_for(why, lambda w=why: self.one.hub.events(
                "domain-secure-refused", connector="partner", domain="partner.example", why=w))

    def test_certificate_is_in_the_protocol_log(self):
        self.reply("partner", self.partner, "a@partner.example")
        thumbprint = run("openssl", "x509", "-in", self.partner.certificate, "-noout",
                         "-fingerprint", "-sha256", check=True).stdout
        thumbprint = thumbprint.strip().split("=")[1].replace(":", "").lower()
        wait_for("it is there", lambda: thumbprint in self.protocol_log())
        text = self.protocol_log()
        for expected in ("CN=authority", "mx.partner.example partner.example",
                         "certificate proves the domain partner.example"):
            self.assertIn(expected, text)

    def protocol_log(self):
        text = ""
        for folder, _, files in os.walk(self.one.hub.state):
            for name in files:
                if name.startswith("RECV"):
                    with open(os.path.join(folder, name), errors="replace") as log:
                        text += log.read()
        return text

    def test_the_list_is_live(self):
        proven = self.client("partners", context(self.stranger))
        partner = self.client("partners", context(self.partner))
        clear = self.client("partner")
        self.assertTrue(proven.say("MAIL FROM:<a@stranger.example>").startswith("530 5.7.1"))
        try:
            self.one.domains("stranger.example")
            # also for sessions that were there before
            wait_for("a partner now", lambda: proven.say(
                "MAIL FROM:<a@stranger.example>").startswith("250"))
            wait_for("none any more", lambda: not partner.say(
                "MAIL FROM:<a@partner.example>").startswith("250") or partner.say("RSET") == "")
            self.assertTrue(clear.say("MAIL FROM:<a@partner.example>").startswith("250"))
            self.assertTrue(clear.say("RSET").startswith("250"))
            self.assertTrue(clear.say("MAIL FROM:<a@stranger.example>").startswith("530 5.7.0"))
        finally:
            self.one.domains("partner.example", "second.example")

    def test_the_flag_is_live(self):
        self.one.change("plain", hubDomainSecure="TRUE")
        self.assertTrue(self.reply("plain", False, "a@partner.example").startswith("530 5.7.0"))
        self.assertTrue(self.reply("plain", self.partner, "a@partner.example").startswith("250"))
        self.one.change("plain", hubDomainSecure="FALSE")
        self.assertTrue(self.reply("plain", False, "a@partner.example").startswith("250"))

    def test_servers_of_ours_bring_it_all_the_same(self):
        """They have taken it by these rules themselves."""
        one = self.one
        dn = "cn=Default hub1," + one.hub.dn()
        one.apply(lambda: one.directory.change(dn, hubDomainSecure="TRUE"))
        client = Client(one.hub.port)
        self.addCleanup(client.close)
        client.ehlo()
        self.secure(client, context(one.hub.key))
        self.assertTrue(client.say("MAIL FROM:<a@partner.example>").startswith("250"))
        one.apply(lambda: one.directory.change(dn, hubDomainSecure="FALSE"))

    def test_an_expired_partner(self):
        """Its certificate is shown, known to our authority and for the domain, but too old."""
        client = self.client("partners", context(self.expired))
        self.assertTrue(client.say("MAIL FROM:<a@partner.example>").startswith(
            "550 5.7.1 mail of partner.example is taken with mutual TLS only: certificate not "
            "accepted: certificate has expired"))
        self.assertTrue(client.say("MAIL FROM:<a@elsewhere.example>").startswith("530 5.7.1"))
        wait_for("it is logged", lambda: self.one.hub.events(
            "domain-secure-refused", connector="partners",
            why="certificate not accepted: certificate has expired"))

    def test_a_resumed_partner(self):
        """The certificate comes with the ticket, and what it proves is asked again."""
        one, path = self.one, self.one.place.file("partner-session")
        options = ("-cert", self.partner.certificate, "-key", self.partner.key, "-tls1_3")
        said = "EHLO x.example\nMAIL FROM:<a@partner.example>\nQUIT\n"
        text = s_client(one.ports["partner"], *options, "-sess_out", path, said=said)
        self.assertIn("250 2.1.0", text)
        text = s_client(one.ports["partner"], *options, "-sess_in", path, said=said)
        self.assertIn("Reused, TLS", text)
        self.assertIn("250 2.1.0", text)


def make_pem(path):
    return run("openssl", "x509", "-in", path, check=True).stdout


def key_digest(path):
    public = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-pubkey"],
                            capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=public,
                         capture_output=True, check=True).stdout
    digest = subprocess.run(["openssl", "dgst", "-sha256", "-r"], input=der, capture_output=True,
                            check=True).stdout
    return "sha256:" + digest.split()[0].decode()


def everything(channel):
    """Up to the end of the connection."""
    data = b""
    while True:
        try:
            more = channel.recv(65536)
        except ConnectionResetError:
            return data
        if not more:
            return data
        data += more


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context().wrap_bio(incoming, outgoing)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


if __name__ == "__main__":
    unittest.main()
