"""One hub that takes mail from clients and hands what is for elsewhere to a sink."""

import uuid

from .base import Place, free_port, wait_for
from .directory import Directory, record
from .hub import Hub
from .peers import Sink
from .scram import verifier

EVERYTHING = ("PIPELINING", "8BITMIME", "SIZE 0", "ENHANCEDSTATUSCODES", "DSN", "CHUNKING",
              "SMTPUTF8")
CONNECTORS = {
    "open": dict(hubAuthMechanism="Tls", hubPermissionGroup="AnonymousUsers",
                 hubGrant="AnonymousUsers Accept-Any-Recipient"),
    "clear": dict(hubAuthMechanism=["Tls", "BasicAuth"], hubPermissionGroup="HubUsers"),
    "users": dict(hubUsage="Client",
                  hubAuthMechanism=["Tls", "BasicAuth", "BasicAuthRequireTLS"]),
    "implicit": dict(flags=" tls", hubUsage="Client",
                     hubAuthMechanism=["Tls", "BasicAuth", "BasicAuthRequireTLS"],
                     hubPermissionGroup=["AnonymousUsers", "HubUsers"],
                     hubGrant="AnonymousUsers Accept-Any-Recipient"),
}
PASSWORD = "p@ss:w0rd +="


class Relay:
    """
    connectors: name to attributes, besides those of Hub; ports: name to port. scram: people's
    passwords have verifiers.
    """

    def __init__(self, connectors=None, scram=False, **hub_settings):
        self.place = Place()
        try:
            self._build(connectors or CONNECTORS, scram, hub_settings)
        except BaseException:
            self.place.close()
            raise

    def _build(self, connectors, scram, hub_settings):
        self.directory = d = Directory(self.place).start()
        self.hub = Hub(self.place, d, "hub1", "Only", **hub_settings)
        self.sink = Sink(self.place, offers=EVERYTHING)
        self.ports = {name: free_port() for name in connectors}
        d.add("".join([
            record(d.dn("Only", "Sites"), "hubSite", cn="Only"),
            self.hub.records(),
            *[self.connector(name, **attributes) for name, attributes in connectors.items()],
            record(d.dn("Elsewhere", "Connectors"), "hubSendConnector", cn="Elsewhere",
                   hubAddressSpace="SMTP:*", hubSourceServer=self.hub.dn(), hubDNSRouting="FALSE",
                   hubSmartHost="[127.0.0.1]:%d" % self.sink.port, hubMaxMessageSize="0"),
            record(d.dn("contoso.com", "Accepted Domains"), "hubAcceptedDomain", cn="contoso.com",
                   hubDomain="contoso.com", hubDomainType="Authoritative"),
            record("ou=People," + d.suffix, "organizationalUnit", ou="People"),
            record("uid=anna,ou=People," + d.suffix, "inetOrgPerson inetLocalMailRecipient" +
                   (" authPasswordObject" if scram else ""), uid="anna", cn="anna", sn="anna",
                   mail="anna@contoso.com", userPassword=PASSWORD,
                   authPassword=verifier(PASSWORD) if scram else None),
        ]))

    def connector(self, name, flags="", **attributes):
        given = dict(hubMaxInboundPerSource="0", hubMaxInboundPercentPerSource="100",
                     hubTarpitInterval="0", hubMessageRateLimit="0")
        given.update(attributes)
        return record("cn=%s,%s" % (name, self.hub.dn()), "hubReceiveConnector", cn=name,
                      hubBinding="127.0.0.1:%d%s" % (self.ports[name], flags), **given)

    def start(self):
        self.hub.start()
        wait_for(lambda: "all connectors listen\n" + self.hub.log()[-3000:],
                 lambda: len(self.hub.events("listening")) >= len(self.ports) + 2)
        return self

    def close(self):
        """After all that: no crash, and (built with sanitizers) no leak."""
        status = self.hub.stop()
        log = self.hub.log()
        self.place.close()
        if status != 0:
            raise AssertionError("exit %s\n%s" % (status, log[-5000:]))


def message(sender, recipient):
    """What programs are tempted to change, with CRLF, and the token by which it is found again."""
    token = uuid.uuid4().hex
    lines = [
        "From: <%s>" % sender, "To: <%s>" % recipient, "Subject: test %s" % token,
        "Date: Sun, 22 Nov 2026 12:00:00 +0000", "Message-ID: <%s@test.example>" % token,
        "X-Long: " + "x" * 900, "X-Folded: a", *["\t%d %s" % (i, "y" * 70) for i in range(100)],
        "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=\"=_b\"", "",
        "--=_b", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", "",
        "Gr\u00fc\u00dfe \u20ac", ".", "..", "...", ". ", ".a", " .", "trailing blanks  ",
        "\ttab\t", "From here",
        "z" * 990, "%s $x \\x41 &amp; `id`", "QUIT", "",
        "--=_b", "Content-Type: application/octet-stream; name=a.bin",
        "Content-Disposition: attachment; filename=a.bin", "Content-Transfer-Encoding: base64", "",
        *["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4"] * 500,
        "--=_b--", "", ".", ""]
    return token, "\r\n".join(lines).encode() + b"\xe4\xf6\xfc\r\n..\r\n"


def without_trace(data):
    """The data without its first fields as far as they are Received."""
    while data.startswith(b"Received:"):
        end = data.index(b"\r\n") + 2
        while data[end:end + 1] in (b" ", b"\t"):
            end = data.index(b"\r\n", end) + 2
        data = data[end:]
    return data


def with_protocol(data):
    """How the hub says it was given the message: ESMTP, ESMTPS, ESMTPSA."""
    words = data[:data.index(b";")].split()
    return words[words.index(b"with", words.index(b"by")) + 1].decode()
