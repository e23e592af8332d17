"""The organization that most system tests run: two sites, three hubs, a mailbox server.

London has london1 (takes mail from outside) and london2 (source of the Send connectors), Paris has
paris1 and the mailbox server. Nothing but the directory describes it.
"""

import smtplib
import ssl
import uuid

from .base import Place, free_port
from .directory import Directory, record
from .hub import Hub, in_force, in_step
from .peers import Dns, Sink
from .validator import validated_directory


class Organization:
    def __init__(self, dns_zones=None, mailbox=None, validated=False, directory=Directory,
                 **hub_settings):
        self.place = Place()
        try:
            self._build(dns_zones, mailbox, validated, directory, hub_settings)
        except BaseException:
            self.place.close()
            raise

    def _build(self, dns_zones, mailbox, validated, directory, hub_settings):
        if validated:
            self.directory, self.validator = validated_directory(self.place)
        else:
            self.directory = directory(self.place).start()
        self.dns = Dns(self.place, dns_zones).start() if dns_zones else None
        self.mailbox = mailbox(self.place) if mailbox else Sink(self.place, lmtp=True)
        self.smart_host = Sink(self.place)
        if self.dns is not None:
            hub_settings.setdefault("resolver", self.dns.server)
        self.london1 = Hub(self.place, self.directory, "london1", "London", **hub_settings)
        self.london2 = Hub(self.place, self.directory, "london2", "London", **hub_settings)
        self.paris1 = Hub(self.place, self.directory, "paris1", "Paris", **hub_settings)
        self.hubs = [self.london1, self.london2, self.paris1]
        self.internet_port = free_port()
        self.application_port = free_port()
        self.directory.add(self.text())

    def text(self):
        d, base = self.directory, self.directory.base
        return "".join([
            record(d.dn("London", "Sites"), "hubSite", cn="London"),
            record(d.dn("Paris", "Sites"), "hubSite", cn="Paris"),
            record(d.dn("London-Paris", "Site Links"), "hubSiteLink", cn="London-Paris",
                   hubSiteList=[d.dn("London", "Sites"), d.dn("Paris", "Sites")], hubCost="10"),
            *[hub.records(**self.server_extras()) for hub in self.hubs],
            record("cn=Internet,%s" % self.london1.dn(), "hubReceiveConnector", cn="Internet",
                   hubUsage="Internet", hubBinding="127.0.0.1:%d" % self.internet_port,
                   hubAuthMechanism="Tls", hubPermissionGroup="AnonymousUsers",
                   hubMaxInboundPerSource="0", hubMaxInboundPercentPerSource="100",
                   hubTarpitInterval="0"),
            record("cn=Applications,%s" % self.paris1.dn(), "hubReceiveConnector",
                   cn="Applications", hubBinding="127.0.0.1:%d" % self.application_port,
                   hubRemoteIPRange="127.0.0.0/8", hubAuthMechanism=["Tls",
                                                                     "ExternalAuthoritative"],
                   hubPermissionGroup="HubServers", hubMaxInboundPerSource="0",
                   hubMaxInboundPercentPerSource="100", hubTarpitInterval="0"),
            record(d.dn("mbx1", "Servers"), "hubMailboxServer", cn="mbx1",
                   hubServerSite=d.dn("Paris", "Sites"), hubFQDN="mbx1.contoso.com",
                   hubAddress="127.0.0.1:%d" % self.mailbox.port, hubDeliveryProtocol="LMTP"),
            record(d.dn("contoso.com", "Accepted Domains"), "hubAcceptedDomain", cn="contoso.com",
                   hubDomain="contoso.com", hubDomainType="Authoritative"),
            record(d.dn("To Internet", "Connectors"), "hubSendConnector", cn="To Internet",
                   hubAddressSpace="SMTP:*;10", hubSourceServer=self.london2.dn(),
                   hubSmartHost="[127.0.0.1]:%d" % self.smart_host.port, hubDNSRouting="FALSE"),
            record("ou=People," + d.suffix, "organizationalUnit", ou="People"),
            *[self.person(name) for name in ("anna", "bruno", "clara")],
        ])

    def server_extras(self):
        return {} if self.dns is None else {
            "hubExternalDNSServer": self.dns.server, "hubInternalDNSServer": self.dns.server}

    def person(self, name):
        return record("uid=%s,ou=People,%s" % (name, self.directory.suffix),
                      "inetOrgPerson inetLocalMailRecipient", uid=name, cn=name, sn=name,
                      mail=name + "@contoso.com", mailHost="mbx1.contoso.com",
                      userPassword="password-of-" + name)

    def start(self):
        for hub in self.hubs:
            hub.start(wait=False)
        for hub in self.hubs:
            hub.wait_listening()
        in_step(self.hubs)
        return self

    def close(self):
        self.place.close()

    def apply(self, change, hubs=None):
        """Makes a change in the directory and waits until every hub runs it."""
        change()
        in_force(self.directory, hubs or self.hubs)

    def connector(self, name):
        return self.directory.dn(name, "Connectors")

    def send_connector(self, name, **attributes):
        """A new Send connector, in force on every hub on return."""
        self.apply(lambda: self.directory.add(
            record(self.connector(name), "hubSendConnector", cn=name, **attributes)))

    def explain(self, server, address, size=0):
        """What hubctl says of it from the point of view of that server, on the live directory."""
        return self.hubs[0].ctl("route", "explain", address, "--from", server, "--size", str(size))

    def change(self, dn, **attributes):
        """An ldapmodify, in force on every hub on return."""
        self.apply(lambda: self.directory.change(dn, **attributes))


def message(token=None, body="Hello\r\n", sender="someone@outside.example", to="anna@contoso.com"):
    """A message and the token by which it is found again."""
    token = token or uuid.uuid4().hex
    return token, ("From: <%s>\r\nTo: <%s>\r\nSubject: test %s\r\nMessage-ID: <%s@test.example>\r\n"
                   "Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n\r\n%s" % (
                       sender, to, token, token, body)).encode()


def send(port, sender, recipients, data, login=None, tls=None, host="127.0.0.1",
         helo="client.example",
         options=()):
    """Hands one message in; raises what smtplib raises. Gives the reply to the final dot."""
    with smtplib.SMTP(host, port, local_hostname=helo, timeout=30) as client:
        client.ehlo()
        if tls or login:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            client.starttls(context=context)
            client.ehlo()
        if login:
            client.login(*login)
        refused = client.sendmail(sender, recipients, data, mail_options=list(options))
        if refused:
            raise smtplib.SMTPRecipientsRefused(refused)
