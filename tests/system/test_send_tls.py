"""TLS on the way out: each level of trust with each kind of certificate, what is resumed, what a
kept connection may carry, all of it live. The peers are Python's ssl and OpenSSL's server."""

import functools
import re
import signal
import ssl
import threading
import unittest

from .harness.base import Place, free_port, wait_for
from .harness.certificates import authority, make, ocsp_response, revocation_list
from .harness.delivery import QUICK, wait_report
from .harness.directory import Directory, record
from .harness.hub import Hub, in_force
from .harness.organization import message, send
from .harness.peers import Dns, Sink, Staple

ADDRESS = "127.0.0.2"
ZONE = "host A %s\n* MX 10 host\n" % ADDRESS

LEVELS = {
    "opportunistic": {},
    "required": dict(hubRequireTLS="TRUE"),
    "encryption": dict(hubRequireTLS="TRUE", hubTLSAuthLevel="EncryptionOnly"),
    "certificate": dict(hubRequireTLS="TRUE", hubTLSAuthLevel="CertificateValidation"),
    "named": dict(hubRequireTLS="TRUE", hubTLSAuthLevel="DomainValidation",
                  hubTLSDomain="mail.partner.example"),
    "wild": dict(hubRequireTLS="TRUE", hubTLSAuthLevel="DomainValidation",
                 hubTLSDomain="*.partner.example"),
    "recipient": dict(hubRequireTLS="TRUE", hubTLSAuthLevel="DomainValidation",
                      hubDNSRouting="TRUE"),
    "secure": dict(hubDomainSecure="TRUE", hubDNSRouting="TRUE", hubFQDN="out.contoso.com"),
}
VALIDATING = ("certificate", "named", "wild", "recipient", "secure")
NAMING = ("named", "wild", "recipient", "secure")

# What a validating level has against each; None: nothing. A name alone: only levels that look at it
REASONS = {
    "good": None, "stapled": None, "must-stapled": None, "silent": None,
    "elsewhere": None, "wildcard": None,
    "expired": "certificate has expired", "early": "certificate is not yet valid",
    "stranger": "unable to get local issuer certificate", "self": "self-signed certificate",
    "revoked": "certificate revoked", "staple-revoked": "revoked, as its stapled",
    "must-staple": "has to come with an OCSP response that proves it good, but nothing is stapled",
    "staple-of-other": None, "must-staple-of-other": "but it is about another certificate",
    "must-staple-late": "but it is not of now", "must-staple-undated": "but it is not of now",
}
NO_TLS = {
    "clear": "required, but the peer does not offer it", "refused": "454",
    "broken": "TLS handshake failed",
}


def names(kind):
    return ["mail.partner.example", kind + ".recipient.example", kind + ".secure.example"]


class Peers:
    """Each kind of certificate, at a peer that has it."""

    def __init__(self, place, trusted):
        self.place, self.trusted = place, trusted
        path = place.path
        stranger = authority(path, "stranger-authority")
        past, future = ("20200101000000Z", "20210101000000Z"), ("20480101000000Z",
                                                                "20490101000000Z")
        must = ["tlsfeature=status_request"]
        self.certificates = {kind: make(path, kind, names(kind), trusted) for kind in (
            "good", "stapled", "staple-revoked", "staple-of-other", "revoked", "renewed")}
        self.certificates |= {kind: make(path, kind, names(kind), trusted, extensions=must)
                              for kind in REASONS if kind.startswith("must-")}
        self.certificates |= {
            "silent": make(path, "silent", names("silent"), trusted),
            "elsewhere": make(path, "elsewhere", ["elsewhere.example"], trusted),
            "wildcard": make(path, "wildcard", ["*.partner.example"], trusted),
            "expired": make(path, "expired", names("expired"), trusted, time=past),
            "early": make(path, "early", names("early"), trusted, time=future),
            "stranger": make(path, "stranger", names("stranger"), stranger),
            "self": make(path, "self", names("self")),
        }

    @functools.cached_property
    def sinks(self):
        sinks = {kind: self.sink(kind) for kind in REASONS}
        sinks |= {kind: self.sink("good") for kind in NO_TLS}
        sinks["clear"].offers.remove("STARTTLS")
        sinks["refused"].answer("STARTTLS", "454 4.7.0 not now")
        sinks["broken"].answer("STARTTLS", "220 go close")
        return sinks

    def sink(self, kind):
        sink = Sink(self.place, address=ADDRESS, key=self.certificates[kind])
        if kind != "silent":
            self.ask(sink.tls_context)
        if "staple" in kind:
            sink.staple = self.staple(kind)
        return sink

    def ask(self, context):
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(self.trusted.certificate)

    def staple(self, kind):
        certificate, response = self.certificates[kind], None
        if kind.endswith("of-other"):
            response = ocsp_response(self.place.path, kind, self.trusted, self.certificates["good"])
        elif kind != "must-staple":
            late, undated = kind.endswith("late"), kind.endswith("undated")
            response = ocsp_response(self.place.path, kind, self.trusted, certificate,
                                     revoked=kind == "staple-revoked", until=not undated,
                                     time="2026-01-01" if late or undated else None)
        return Staple(self.place, certificate, response)


class One:
    """One hub, with its own certificate and one of an authority that its peers know."""

    def __init__(self):
        self.place = Place()
        self.directory = d = Directory(self.place).start()
        self.dns = Dns(self.place, {name: ZONE for name in (
            "recipient.example", "secure.example", "partner.example")}).start()
        path = self.place.path
        self.authority = authority(path, "authority")
        self.peers = Peers(self.place, self.authority)
        self.out = make(path, "out", ["out.contoso.com", "contoso.com"], self.authority)
        self.lists = revocation_list(path, "lists", self.authority,
                                     [self.peers.certificates["revoked"]])
        self.hub = Hub(self.place, d, "hub1", "Only", ca=self.authority.certificate,
                       crl=self.lists, resolver=self.dns.server)
        with open(self.hub.settings) as settings:
            text = settings.read()
        for one, more in ((self.hub.key.certificate, self.out.certificate),
                          (self.hub.key.key, self.out.key)):
            text = text.replace(one, one + " " + more)
        self.place.file("hub1.conf", text)
        self.port = free_port()
        self.mailbox = Sink(self.place, lmtp=True)
        d.add(record(d.dn("Only", "Sites"), "hubSite", cn="Only") + self.hub.records(
            hubInternalDNSServer=self.dns.server) + record(
            "cn=Applications," + self.hub.dn(), "hubReceiveConnector", cn="Applications",
            hubBinding="127.0.0.1:%d" % self.port, hubPermissionGroup="HubServers",
            hubAuthMechanism=["Tls", "ExternalAuthoritative"], hubTarpitInterval="0",
            hubMaxInboundPerSource="0", hubMaxInboundPercentPerSource="100") + record(
            d.dn("mbx1", "Servers"), "hubMailboxServer", cn="mbx1", hubFQDN="mbx1.contoso.com",
            hubServerSite=d.dn("Only", "Sites"), hubAddress="127.0.0.1:%d" % self.mailbox.port,
            hubDeliveryProtocol="LMTP") + record(
            d.dn("contoso.com", "Accepted Domains"), "hubAcceptedDomain", cn="contoso.com",
            hubDomain="contoso.com", hubDomainType="Authoritative") + record(
            "ou=People," + d.suffix, "organizationalUnit", ou="People") + record(
            "uid=anna,ou=People," + d.suffix, "inetOrgPerson inetLocalMailRecipient", uid="anna",
            cn="anna", sn="anna", mail="anna@contoso.com", mailHost="mbx1.contoso.com"))
        self.hub.start()

    def apply(self, change):
        change()
        in_force(self.directory, [self.hub])

    def change(self, dn, **attributes):
        self.apply(lambda: self.directory.change(dn, **attributes))

    def connector_text(self, domain, sink, **attributes):
        given = dict(cn=domain, hubAddressSpace="SMTP:" + domain, hubSourceServer=self.hub.dn())
        if attributes.get("hubDNSRouting") == "TRUE":
            given["hubPort"] = str(sink.port)
        else:
            given.update(hubDNSRouting="FALSE", hubSmartHost="[%s]:%d" % sink.address)
        given.update(attributes)
        return record(self.directory.dn(domain, "Connectors"), "hubSendConnector", **given)

    def connector(self, domain, sink, **attributes):
        self.apply(lambda: self.directory.add(self.connector_text(domain, sink, **attributes)))
        return self.directory.dn(domain, "Connectors")

    def submit(self, address):
        token, data = message(sender="anna@contoso.com", to=address)
        send(self.port, "anna@contoso.com", [address], data)
        return token

    def retries(self, domain):
        return [e for e in self.hub.events("queue-retry") if domain in e["queue"]]

    def wait_retry(self, domain, reason, after=0):
        def find():
            return [e for e in self.retries(domain)[after:] if reason in e["reason"]]
        return wait_for(lambda: "Retry of %s for %r: %s" % (domain, reason, self.retries(domain)),
                        find)[0]

    def counter(self, name, **labels):
        inside = ",".join('%s="%s"' % item for item in labels.items())
        found = re.search(r"^%s_total%s (\d+)$" % (
            re.escape(name), re.escape("{%s}" % inside) if inside else ""),
            self.hub.ctl("metrics"), re.MULTILINE)
        return int(found[1]) if found else None


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.one = One()
        cls.addClassCleanup(cls.one.place.close)
        cls.addClassCleanup(cls.ends_cleanly)
        cls.peers = cls.one.peers

    @classmethod
    def ends_cleanly(cls):
        status = cls.one.hub.stop()
        if status != 0:
            raise AssertionError("exit %d\n%s" % (status, cls.one.hub.log()[-5000:]))


class Table(Base):
    @staticmethod
    def expected(level, kind):
        """(True, "") by TLS, (False, "") in clear, else (None, why not)."""
        if kind in NO_TLS:
            return (False, "") if level == "opportunistic" else (None, NO_TLS[kind])
        if level in VALIDATING and REASONS[kind] is not None:
            return None, REASONS[kind]
        if kind == "elsewhere" and level in NAMING:
            return None, "certificate is not for"
        if kind == "wildcard" and level in ("recipient", "secure"):
            return None, "certificate is not for wildcard.%s.example" % level
        if level == "secure" and kind == "silent":
            return None, "does not ask for our certificate"
        return True, ""

    def test_levels_and_certificates(self):
        one = self.one
        cases = [(level, kind) for level in LEVELS for kind in self.peers.sinks]
        domains = ["%s.%s.example" % (kind, level) for level, kind in cases]
        one.change(one.directory.base, hubTLSSendDomainSecure=[
            d for d in domains if d.endswith(".secure.example")])
        one.apply(lambda: one.directory.add("".join(
            one.connector_text(domain, self.peers.sinks[kind], **LEVELS[level])
            for domain, (level, kind) in zip(domains, cases))))
        tokens = [one.submit("x@" + domain) for domain in domains]
        for (level, kind), domain, token in zip(cases, domains, tokens):
            with self.subTest(level=level, kind=kind):
                self.outcome(self.peers.sinks[kind], domain, token, *self.expected(level, kind))
        self.report()

    def outcome(self, sink, domain, token, tls, reason):
        if tls is not None:
            self.assertEqual(sink.wait(token)[0].tls, tls)
            return
        event = self.one.wait_retry(domain, reason)
        self.assertTrue(event["status"].startswith("4.7."), event)
        # not a word of it, neither in clear nor to who was not believed
        self.assertFalse([c for c in sink.commands if domain in c])

    def report(self):
        """DomainSecure that failed: in the queue, the log, the counters."""
        one = self.one
        with self.subTest("reported"):
            event = one.hub.events("domain-secure-failed", domain="self.secure.example")[0]
            self.assertIn("self-signed", event["reason"])
            shown = str(one.hub.ctl("queue", "list"))
            self.assertIn("mail for clear.secure.example is sent with mutual TLS only "
                          "(hubTLSSendDomainSecure): STARTTLS: required", shown)
            for result in ("proven", "no_tls", "not_proven"):
                self.assertGreater(one.counter("hub_send_domain_secure", result=result), 0, result)
            self.assertGreater(one.counter("hub_send_tls_clear"), 0)
            self.assertGreater(one.counter("hub_send_tls_sessions", handshake="not_trusted"), 0)
        with self.subTest("the certificate for hubFQDN"):
            with open(one.out.certificate) as text:
                ours = ssl.PEM_cert_to_DER_cert(text.read())
            # the level without hubFQDN has none that an authority signed: nothing is shown
            self.assertEqual(set(self.peers.sinks["good"].clients), {None, ours})
        with self.subTest("the sender is told"):
            one.change(one.hub.dn(), hubMessageExpiration="5")
            token = one.submit("y@self.secure.example")
            report = wait_report(one.mailbox, token, "y@self.secure.example")
            said = report.recipient("y@self.secure.example")["Diagnostic-Code"]
            self.assertIn("mutual TLS only", said.replace("\r\n", ""))


class Live(Base):
    """Each attribute takes effect on mail that waits, and on connections that are kept."""

    def setUp(self):
        self.domain = self.id().rsplit(".", 1)[1].replace("_", "-") + ".partner.example"

    def connector(self, kind, **attributes):
        """To a peer of its own: it and the connector's DN."""
        sink = self.peers.sink(kind)
        return sink, self.one.connector(self.domain, sink, **attributes)

    def refused(self, reason):
        """A message that waits for that reason."""
        token = self.one.submit("x@" + self.domain)
        self.one.wait_retry(self.domain, reason)
        return token

    def released(self, sink, token, tls=True):
        """It goes as soon as it is tried."""
        queue = [q for q in self.one.hub.ctl("queue", "list")["queues"]
                 if self.domain in q["identity"]]
        self.assertTrue(queue, self.one.hub.ctl("queue", "list"))
        self.one.hub.ctl("queue", "retry", queue[0]["identity"])
        self.assertEqual(sink.wait(token)[0].tls, tls)

    def test_required_or_ignored(self):
        sink, dn = self.connector("good", hubRequireTLS="TRUE")
        sink.offers.remove("STARTTLS")
        token = self.refused("required, but the peer does not offer it")
        self.one.change(dn, hubRequireTLS=None)
        self.released(sink, token, tls=False)
        sink.offers.append("STARTTLS")
        seen = []
        for ignored in ("TRUE", "FALSE"):
            self.one.change(dn, hubIgnoreSTARTTLS=ignored)
            seen.append(sink.wait(self.one.submit("x@" + self.domain))[0].tls)
        self.assertEqual(seen, [False, True])

    def test_auth_level(self):
        sink, dn = self.connector("self", **LEVELS["certificate"])
        token = self.refused("self-signed")
        self.one.change(dn, hubTLSAuthLevel="EncryptionOnly")
        self.released(sink, token)

    def test_domain(self):
        sink, dn = self.connector("good", **dict(LEVELS["named"],
                                                 hubTLSDomain="other.partner.example"))
        token = self.refused("certificate is not for other.partner.example")
        self.one.change(dn, hubTLSDomain="mail.partner.example")
        self.released(sink, token)

    def test_domain_secure(self):
        one = self.one
        sink, dn = self.connector("self", **LEVELS["secure"])
        one.change(one.directory.base, hubTLSSendDomainSecure=self.domain)
        token = self.refused("mutual TLS only")
        one.change(dn, hubDomainSecure="FALSE")
        self.released(sink, token)

    def test_send_list(self):
        """A Partner connector delivers to listed domains only."""
        one = self.one
        one.change(one.directory.base, hubTLSSendDomainSecure="other.example")
        self.domain = "renewed.secure.example"
        sink, _ = self.connector("renewed", hubUsage="Partner", **LEVELS["secure"])
        token = self.refused("the domain is not in hubTLSSendDomainSecure")
        one.change(one.directory.base, hubTLSSendDomainSecure=self.domain)
        self.released(sink, token)

    def send(self, sink):
        """The session in which a message arrives."""
        return sink.wait(self.one.submit("x@" + self.domain))[0].session

    def test_fqdn_chooses_the_certificate(self):
        sink, dn = self.connector("good", hubMaxMessagesPerConnection="1",
                                  **dict(LEVELS["named"], hubFQDN="out.contoso.com"))
        self.send(sink)
        self.one.change(dn, hubFQDN="elsewhere.contoso.com")
        self.send(sink)
        self.assertEqual([c is not None for c in sink.clients], [True, False])
        self.assertEqual(sink.messages[1].helo, "elsewhere.contoso.com")

    def test_resumed_by_its_like_only(self):
        one = self.one
        sink, dn = self.connector("good", hubMaxMessagesPerConnection="1",
                                  **LEVELS["certificate"])
        before = one.counter("hub_send_tls_sessions", handshake="resumed")
        self.send(sink)
        self.send(sink)
        self.assertEqual(sink.resumed, [False, True])
        self.assertEqual(one.counter("hub_send_tls_sessions", handshake="resumed"), before + 1)
        one.change(dn, hubComment="of no account to the peer")
        self.send(sink)
        one.change(dn, hubTLSAuthLevel="DomainValidation", hubTLSDomain="mail.partner.example")
        self.send(sink)
        one.change(dn, hubTLSAuthLevel=None, hubTLSDomain=None)
        self.send(sink)
        self.assertEqual(sink.resumed[2:], [True, False, False])

    def test_inactivity(self):
        """A peer that is silent for longer has left."""
        release = threading.Event()
        sink, dn = self.connector("good", hubConnectionInactivityTimeout="1")
        self.addCleanup(release.set)
        sink.answer("MAIL", lambda: release.wait(60) and None, times=1)
        token = self.one.submit("x@" + self.domain)
        event = wait_for("it is put off", lambda: self.one.hub.events(
            "deferred", to="x@" + self.domain))[0]
        self.assertEqual((event["status"], event["reply"]), ("4.4.2", "MAIL: inactivity timeout"))
        self.one.change(dn, hubConnectionInactivityTimeout=None)
        release.set()
        self.released(sink, token)

    def test_kept_until_something_changes(self):
        sink, dn = self.connector("good", hubRequireTLS="TRUE")
        self.assertEqual([self.send(sink), self.send(sink)], [1, 1])
        self.one.change(dn, hubTLSAuthLevel="EncryptionOnly")
        self.assertEqual([self.send(sink), self.send(sink)], [2, 2])
        self.one.hub.hangup()
        self.assertEqual(self.send(sink), 3)

    def test_revocation_lists_are_read_again(self):
        """Who was good and has been revoked is not believed, resumed or kept or not."""
        one = self.one
        sink, _ = self.connector("renewed", **LEVELS["certificate"])
        self.assertEqual(self.send(sink), 1)
        revoked = [self.peers.certificates[kind] for kind in ("revoked", "renewed")]
        revocation_list(one.place.path, "lists", one.authority, revoked)
        one.hub.hangup()
        token = self.refused("certificate revoked")
        revocation_list(one.place.path, "lists", one.authority, revoked[:1], "20210101000000Z")
        one.hub.hangup()
        self.one.hub.ctl("queue", "retry", [
            q for q in one.hub.ctl("queue", "list")["queues"]
            if self.domain in q["identity"]][0]["identity"])
        one.wait_retry(self.domain, "CRL has expired")
        revocation_list(one.place.path, "lists", one.authority, revoked[:1])
        one.hub.hangup()
        self.released(sink, token)

    def test_a_list_that_cannot_be_read(self):
        """The old ones stay in force, and it is said."""
        one = self.one
        before = len(one.hub.events("configuration"))
        with open(one.lists) as text:
            good = text.read()
        with open(one.lists, "w") as out:
            out.write("no list")
        one.hub.process.signal(signal.SIGHUP)
        wait_for("it is refused", lambda: "revocation lists %s" % one.lists in one.hub.log())
        with open(one.lists, "w") as out:
            out.write(good)
        one.hub.hangup()
        self.assertGreater(len(one.hub.events("configuration")), before)


class Growth(Base):
    """How many connections a peer is given that says it wants fewer."""

    LIMIT = 3

    def test_follows_the_peer(self):
        """It refuses the fourth and later: what it takes is kept up, and it is not hammered."""
        one, taken = self.one, []
        one.change(one.hub.dn(), **QUICK)
        sink = Sink(one.place, address=ADDRESS)

        def banner():
            with sink.changed:
                open_now = sink.sessions - len(closed) - len(taken)
                if open_now > self.LIMIT:
                    taken.append(sink.sessions)
                    return "421 4.7.0 too many connections close"
            return None

        closed = []
        sink.answer("(banner)", banner)
        sink.answer("QUIT", lambda: closed.append(1) or "221 2.0.0 bye close")
        dn = one.connector("limited.example", sink, hubMaxMessagesPerConnection="5",
                           hubEnabled="FALSE")
        tokens = [one.submit("x@limited.example") for _ in range(60)]
        one.change(dn, hubEnabled="TRUE")
        for token in tokens:
            sink.wait(token)
        self.assertGreater(len(taken), 0)
        # twelve sessions carry them; one that follows another may come before its QUIT is seen
        self.assertLessEqual(len(taken), 15)
        self.assertLessEqual(sink.sessions, 12 + len(taken) + self.LIMIT)

    def test_connections_of_a_connector(self):
        """Over all its domains and hosts, live; everybody has a turn."""
        one = self.one
        sink = Sink(one.place, address=ADDRESS)
        dn = one.connector("Narrow", sink, hubDNSRouting="TRUE", hubEnabled="FALSE",
                           hubAddressSpace="SMTP:*.recipient.example",
                           hubMaxConcurrentConnections="2", hubMaxMessagesPerConnection="2")

        def burst(expected):
            """All the mail is queued before any peer answers."""
            release, before = threading.Event(), sink.sessions
            self.addCleanup(release.set)
            sink.answer("MAIL", lambda: release.wait(60) and None)
            tokens = [one.submit("x@d%d.recipient.example" % (n % 8)) for n in range(40)]
            one.change(dn, hubEnabled="TRUE")
            wait_for("all are queued", lambda: sum(
                q["message_count"] for q in one.hub.ctl("queue", "list")["queues"]
                if "recipient.example" in q["identity"] and "Narrow" in q["identity"]) == 40)
            wait_for("sessions", lambda: sink.sessions - before >= expected)
            held = sink.sessions - before
            release.set()
            for token in tokens:
                sink.wait(token)
            one.change(dn, hubEnabled="FALSE")
            return held

        self.assertEqual(burst(2), 2)
        one.change(dn, hubMaxConcurrentConnections=None)
        self.assertGreaterEqual(burst(8), 8)


if __name__ == "__main__":
    unittest.main()
