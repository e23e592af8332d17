"""Settings of servers, mailbox servers, domains and the organization take effect, and live.

What has a module of its own is not here: tests/lint/attributes.txt says which test shows what.
"""

import base64
import smtplib
import ssl
import threading
import unittest

from .harness.base import free_port, wait_for
from .harness.client import Client
from .harness.delivery import QUICK, wait_report
from .harness.directory import record
from .harness.keys import Key
from .harness.organization import Organization, message, send
from .harness.peers import Dns, Sink

ZONE = "mbx A 127.0.0.1\nsink A 127.0.0.1\n* MX 10 sink\n"


def der(key):
    with open(key.certificate) as pem:
        return base64.b64encode(ssl.PEM_cert_to_DER_cert(pem.read())).decode()


class Attributes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization(dns_zones={"dns.example": ZONE})
        cls.addClassCleanup(org.close)
        cls.entrance = free_port()
        for hub in org.hubs:
            org.directory.change(hub.dn(), **QUICK)
        org.directory.add(record(
            "cn=In,%s" % org.london1.dn(), "hubReceiveConnector", cn="In",
            hubBinding="127.0.0.1:%d" % cls.entrance, hubPermissionGroup="HubServers",
            hubAuthMechanism=["Tls", "ExternalAuthoritative"]))
        org.directory.add(record(
            "uid=homeless,ou=People," + org.directory.suffix,
            "inetOrgPerson inetLocalMailRecipient", uid="homeless", cn="homeless", sn="homeless",
            mail="nobody@contoso.com",
            mailLocalAddress=["nobody%d@contoso.com" % i for i in range(1, 6)]))
        org.start()

    def submit(self, address, at=None, sender="anna@contoso.com", padding=0, **options):
        token, data = message(sender=sender, to=address,
                              body="x\r\n" + ("y" * 70 + "\r\n") * (padding // 72))
        send(at or self.entrance, sender, [address], data, **options)
        return token

    def set(self, dn, **attributes):
        """Until the end of the test, or doCleanups."""
        self.org.change(dn, **attributes)
        self.addCleanup(self.org.change, dn, **{name: None for name in attributes})

    def retries(self, hub, queue):
        return [e for e in hub.events("queue-retry") if e["queue"].startswith(queue)]

    @staticmethod
    def queues(hub, sink):
        """How many messages wait in queues to it."""
        return [q["message_count"] for q in hub.ctl("queue", "list")["queues"]
                if ":%d" % sink.port in q["identity"]]

    # --- hubServer ---

    def test_fqdn(self):
        org, hub = self.org, self.org.london1
        org.change(hub.dn(), hubFQDN="renamed.contoso.com")
        self.addCleanup(org.change, hub.dn(), hubFQDN=hub.fqdn)
        with Client(hub.port) as client:
            self.assertTrue(client.greeting.startswith("220 renamed.contoso.com "))
        got = org.mailbox.wait(self.submit("anna@contoso.com"))[0]
        self.assertIn(b"by renamed.contoso.com with", got.data)
        self.assertIn(b"from renamed.contoso.com (", got.data)

    def test_address(self):
        """Peers go where it says now, to each in turn; mail that waited follows."""
        org, paris1 = self.org, self.org.paris1
        nobody = "127.0.0.1:%d" % free_port()
        right = "127.0.0.1:%d" % paris1.port
        org.change(paris1.dn(), hubAddress=nobody)
        token = self.submit("anna@contoso.com")
        wait_for("Retry", lambda: self.retries(org.london1, "SmtpRelayToSite/Paris"))
        self.assertFalse(org.mailbox.find(token))
        org.change(paris1.dn(), hubAddress=[nobody, right])
        org.mailbox.wait(token)
        org.mailbox.wait(self.submit("anna@contoso.com"))
        org.change(paris1.dn(), hubAddress=right)

    def test_certificate_is_pinned_like_a_digest(self):
        """hubCertificate instead of hubKeyDigest; neither means that nobody talks to it."""
        org, paris1 = self.org, self.org.paris1

        def pin(text):
            org.apply(lambda: org.directory.modify("dn: %s\nchangetype: modify\n%s" % (
                paris1.dn(), text)))
        pin("delete: hubKeyDigest\n-\n")
        token = self.submit("anna@contoso.com")
        events = wait_for("Retry", lambda: [
            e for e in self.retries(org.london1, "SmtpRelayToSite/Paris") if "key" in e["reason"]])
        self.assertIn("paris1", events[-1]["reason"])
        pin("add: hubCertificate\nhubCertificate:: %s\n-\n" % der(paris1.key))
        org.mailbox.wait(token)
        # and as the one who knocks
        org.smart_host.wait(self.submit("x@outside.example", at=org.application_port))
        pin("delete: hubCertificate\n-\nadd: hubKeyDigest\nhubKeyDigest: %s\n-\n" %
            paris1.key.digest)

    def test_dns_servers(self):
        """hubInternalDNSServer, or hubExternalDNSServer where the connector says hubExternalDNS."""
        org, dn = self.org, self.org.london2.dn()
        sinks = [Sink(org.place, address=address, port=port) for port in [free_port("0.0.0.0")]
                 for address in ("127.0.31.1", "127.0.31.2")]
        other = Dns(org.place, {"dns.example": "sink A 127.0.31.2\n* MX 10 sink\n"},
                    name="knot2").start()
        first = Dns(org.place, {"dns.example": "sink A 127.0.31.1\n* MX 10 sink\n"},
                    name="knot3").start()
        for name, external in (("Inner", "FALSE"), ("Outer", "TRUE")):
            org.send_connector(name, hubAddressSpace="SMTP:*.%s.dns.example" % name.lower(),
                               hubSourceServer=dn, hubPort=str(sinks[0].port),
                               hubDNSRouting="TRUE", hubExternalDNS=external)
        for name, attribute in (("inner", "hubInternalDNSServer"),
                                ("outer", "hubExternalDNSServer")):
            for i, server in enumerate((first.server, other.server)):
                with self.subTest(attribute, server=i):
                    org.change(dn, **{attribute: server})
                    sinks[i].wait(self.submit("x@d%d.%s.dns.example" % (i, name)))
            org.change(dn, **{attribute: org.dns.server})

    def test_retry_schedule(self):
        """Glitches, then transient failures, then for ever; an interval changed while it waits."""
        org, hub = self.org, self.org.london2
        org.change(hub.dn(), hubGlitchRetryCount="2", hubGlitchRetryInterval="1",
                   hubTransientRetryCount="1", hubTransientRetryInterval="2",
                   hubConnectionFailureRetryInterval="3")
        self.addCleanup(org.change, hub.dn(), **QUICK, hubTransientRetryCount=None)
        dead = Sink(org.place)
        dead.stop()
        org.send_connector("Dead", hubAddressSpace="SMTP:dead.example", hubDNSRouting="FALSE",
                           hubSourceServer=hub.dn(), hubSmartHost="[127.0.0.1]:%d" % dead.port)
        token = self.submit("x@dead.example")
        queue = "SmartHostConnectorDelivery/[127.0.0.1]:%d" % dead.port
        events = wait_for("five failures", lambda: len(self.retries(hub, queue)) >= 5 and
                          self.retries(hub, queue))
        self.assertEqual([int(e["wait_s"]) for e in events[:5]], [1, 1, 2, 3, 3])
        dead.start()
        dead.wait(token)

    def test_message_retry_interval(self):
        org, hub = self.org, self.org.london2
        org.change(hub.dn(), hubMessageRetryInterval="3600")
        org.smart_host.answer("RCPT TO:<later", "450 4.2.1 come back", times=1)
        token = self.submit("later@outside.example")
        wait_for("put off", lambda: hub.events("deferred", to="later@outside.example"))
        self.assertFalse(org.smart_host.find(token))
        # a shorter interval counts for the next time it is put off
        org.change(hub.dn(), hubMessageRetryInterval="1")
        org.smart_host.answer("RCPT TO:<soon", "450 4.2.1 come back", times=1)
        org.smart_host.wait(self.submit("soon@outside.example"))
        self.assertFalse(org.smart_host.find(token))
        for queue in hub.ctl("queue", "list")["queues"]:
            hub.ctl("queue", "retry", queue["identity"])
        org.smart_host.wait(token)

    def test_queue_idle_time(self):
        org, hub = self.org, self.org.london2
        org.change(hub.dn(), hubQueueMaxIdleTime="1")
        self.addCleanup(org.change, hub.dn(), hubQueueMaxIdleTime=None)
        org.smart_host.wait(self.submit("x@outside.example"))
        wait_for("it is gone", lambda: not self.queues(hub, org.smart_host))
        org.change(hub.dn(), hubQueueMaxIdleTime="3600")
        org.smart_host.wait(self.submit("x@outside.example"))
        wait_for("it is empty", lambda: self.queues(hub, org.smart_host) == [0])

    def test_connections_of_the_server(self):
        """One at a time: the second waits for the first, whoever it goes to."""
        org, hub = self.org, self.org.london2
        held, free = Sink(org.place), Sink(org.place)
        let_go = threading.Event()
        self.addCleanup(let_go.set)
        held.answer("(body)", lambda: None if let_go.wait(30) else "421 held close")
        for name, sink in (("Held", held), ("Free", free)):
            org.send_connector(name, hubAddressSpace="SMTP:%s.example" % name.lower(),
                               hubSourceServer=hub.dn(), hubDNSRouting="FALSE",
                               hubSmartHost="[127.0.0.1]:%d" % sink.port)
        org.change(hub.dn(), hubMaxOutboundConnections="1", hubMaxPerDomainConnections="1")
        self.addCleanup(org.change, hub.dn(), hubMaxOutboundConnections=None,
                        hubMaxPerDomainConnections=None)
        first = self.submit("x@held.example")
        wait_for("it is held", lambda: [c for c in held.commands if c == "DATA"])
        second = self.submit("x@free.example")
        wait_for("it is queued", lambda: [
            n for n in self.queues(hub, free) if n == 1])
        self.assertFalse(free.find(second))
        let_go.set()
        held.wait(first)
        free.wait(second)
        with self.subTest("more at a time"):
            let_go.clear()
            org.change(hub.dn(), hubMaxOutboundConnections="2")
            count = len(held.commands)
            first = self.submit("x@held.example")
            wait_for("it is held", lambda: "DATA" in held.commands[count:])
            free.wait(self.submit("x@free.example"))
            self.assertFalse(held.find(first))
            let_go.set()
            held.wait(first)

    # --- hubMailboxServer ---

    def test_mailbox_server_address_port_and_protocol(self):
        org, dn = self.org, self.org.directory.dn("mbx1", "Servers")
        address = "127.0.0.1:%d" % org.mailbox.port
        second, smtp = Sink(org.place, lmtp=True), Sink(org.place)
        self.addCleanup(org.change, dn, hubAddress=address, hubPort=None,
                        hubFQDN="mbx1.contoso.com", hubDeliveryProtocol="LMTP")
        with self.subTest("another address"):
            org.change(dn, hubAddress="127.0.0.1:%d" % second.port)
            second.wait(self.submit("anna@contoso.com"))
        with self.subTest("the port where the address names none"):
            org.change(dn, hubAddress="127.0.0.1", hubPort=str(org.mailbox.port))
            org.mailbox.wait(self.submit("anna@contoso.com"))
        with self.subTest("by its name"):
            token = self.submit("anna@contoso.com")
            org.mailbox.wait(token)
            org.change(dn, hubAddress=None, hubFQDN="mbx.dns.example", hubPort=str(second.port))
            person = "uid=clara,ou=People," + org.directory.suffix
            org.directory.change(person, mailHost="MBX.dns.example")
            self.addCleanup(org.directory.change, person, mailHost="mbx1.contoso.com")

            def arrives():
                try:
                    return second.wait(self.submit("clara@contoso.com"), deadline=1)
                except AssertionError:
                    return None  # the mirror of recipients had the old name
            wait_for("mail for clara", arrives)
        with self.subTest("SMTP"):
            org.change(dn, hubAddress="127.0.0.1:%d" % smtp.port, hubDeliveryProtocol="SMTP",
                       hubFQDN="mbx1.contoso.com")
            smtp.wait(self.submit("anna@contoso.com"))
            self.assertTrue([c for c in smtp.commands if c.startswith("EHLO")])
            self.assertFalse([c for c in smtp.commands if c.startswith("LHLO")])

    def test_certificate_of_a_mailbox_server(self):
        """With hubCertificate it must show that key; the mail waits until it does."""
        org, dn = self.org, self.org.directory.dn("mbx1", "Servers")
        right, wrong = Key(org.place, "right.contoso.com"), Key(org.place, "wrong.contoso.com")
        secure = Sink(org.place, lmtp=True, key=right)

        def pin(key):
            org.apply(lambda: org.directory.modify(
                "dn: %s\nchangetype: modify\nreplace: hubCertificate\nhubCertificate:: %s\n-\n"
                "replace: hubAddress\nhubAddress: 127.0.0.1:%d\n-\n" % (
                    dn, der(key), secure.port)))
        self.addCleanup(org.change, dn, hubCertificate=None,
                        hubAddress="127.0.0.1:%d" % org.mailbox.port)
        pin(wrong)
        token = self.submit("anna@contoso.com")
        events = wait_for("Retry", lambda: self.retries(org.paris1, "MailboxDelivery/mbx1"))
        self.assertIn("key", events[-1]["reason"])
        self.assertFalse(secure.find(token))
        pin(right)
        self.assertTrue(secure.wait(token)[0].tls)

    # --- hubOrganization ---

    def too_large(self, **options):
        with self.assertRaises(smtplib.SMTPResponseException) as refused:
            self.submit("bruno@contoso.com", padding=6000, **options)
        self.assertEqual(refused.exception.smtp_code, 552)

    def test_sizes_of_the_organization(self):
        """For users what they send, for all others what is received; the connector has its own."""
        org, base = self.org, self.org.directory.base
        user = dict(at=org.london1.submission_port, login=("anna", "password-of-anna"))
        stranger = dict(at=org.internet_port, sender="someone@outside.example")
        self.set("cn=Client london1," + org.london1.dn(), hubMessageRateLimit="0")
        for attribute, small, other in (("hubMaxSendSize", user, stranger),
                                        ("hubMaxReceiveSize", stranger, user)):
            with self.subTest(attribute):
                self.set(base, **{attribute: "5000"})
                self.too_large(**small)
                org.mailbox.wait(self.submit("bruno@contoso.com", padding=6000, **other))
                self.doCleanups()
                org.mailbox.wait(self.submit("bruno@contoso.com", padding=6000, **small))
                self.set("cn=Client london1," + org.london1.dn(), hubMessageRateLimit="0")

    def test_recipients_of_the_organization(self):
        self.set(self.org.directory.base, hubMaxRecipients="2")
        with Client(self.org.internet_port) as client:
            client.begin(recipients=("anna@contoso.com", "bruno@contoso.com"))
            self.assertRegex(client.say("RCPT TO:<clara@contoso.com>"), r"^452 4\.5\.3")
        self.doCleanups()
        with Client(self.org.internet_port) as client:
            client.begin(recipients=("anna@contoso.com", "bruno@contoso.com", "clara@contoso.com"))

    # --- hubRemoteDomain ---

    def test_reports_to_a_remote_domain(self):
        """hubNDR for failures, hubDeliveryReports for the rest; the most specific domain counts."""
        org, dn = self.org, self.org.directory.dn("Partner", "Remote Domains")
        sender = "someone@sub.partner.example"

        def report(address, *options):
            token, data = message(sender=sender, to=address)
            with smtplib.SMTP("127.0.0.1", self.entrance, timeout=30) as client:
                client.ehlo()
                client.mail(sender)
                client.rcpt(address, options)
                client.data(data)
            return token

        def wait_end(address):
            wait_for("its end", lambda: org.london1.events("failed", to=address))

        org.apply(lambda: org.directory.add(record(dn, "hubRemoteDomain", cn="Partner",
                                                   hubDomain="*.partner.example", hubNDR="FALSE",
                                                   hubDeliveryReports="FALSE")))
        silent = [report("nobody1@contoso.com"), report("anna@contoso.com", "NOTIFY=SUCCESS")]
        wait_end("nobody1@contoso.com")
        org.mailbox.wait(silent[1])
        with self.subTest("failures only"):
            org.change(dn, hubNDR="TRUE")
            told = wait_report(org.smart_host, report("nobody2@contoso.com"), "nobody2@contoso.com")
            self.assertEqual(told.envelope.recipients, [sender])
        with self.subTest("success only"):
            org.change(dn, hubNDR="FALSE", hubDeliveryReports="TRUE")
            token = report("anna@contoso.com", "NOTIFY=SUCCESS")
            wait_report(org.smart_host, token, "anna@contoso.com")
            silent.append(report("nobody3@contoso.com"))
            wait_end("nobody3@contoso.com")
        with self.subTest("a more specific one says otherwise, until it is disabled"):
            exact = org.directory.dn("Sub", "Remote Domains")
            org.apply(lambda: org.directory.add(record(exact, "hubRemoteDomain", cn="Sub",
                                                       hubDomain="sub.partner.example")))
            wait_report(org.smart_host, report("nobody4@contoso.com"), "nobody4@contoso.com")
            org.change(exact, hubEnabled="FALSE")
            silent.append(report("nobody5@contoso.com"))
            wait_end("nobody5@contoso.com")
        last = self.submit("x@outside.example")
        org.smart_host.wait(last)
        for token in silent:
            self.assertFalse(org.smart_host.find(token))

    def test_machines_and_remote_domains(self):
        """hubAutoReply and hubAutoForward: what is not wanted ends in silence, with a log line."""
        org, dn = self.org, self.org.directory.dn("Quiet", "Remote Domains")
        org.apply(lambda: org.directory.add(record(dn, "hubRemoteDomain", cn="Quiet",
                                                   hubDomain="quiet.example")))
        kinds = {"hubAutoReply": b"Auto-Submitted: auto-replied (vacation)\r\n",
                 "hubAutoForward": b"Autoforwarded: TRUE\r\n"}

        def automatic(field, *addresses):
            token, data = message(sender="anna@contoso.com")
            send(self.entrance, "anna@contoso.com", addresses, field + data)
            return token

        for attribute, field in kinds.items():
            with self.subTest(attribute):
                address = attribute + "@quiet.example"
                dropped = automatic(field, address, "x@loud.example", "clara@contoso.com")
                self.assertEqual([m.recipients for m in org.smart_host.wait(dropped)],
                                 [["x@loud.example"]])
                org.mailbox.wait(dropped)
                wait_for("the log", lambda: org.london1.events("discarded", to=address))
                org.smart_host.wait(automatic(b"Auto-Submitted: no\r\n", address))
                org.smart_host.wait(automatic(
                    field + b"Content-Type: multipart/report; boundary=x\r\n", address))
                org.change(dn, **{attribute: "TRUE"})
                org.smart_host.wait(automatic(field, address))
                self.assertEqual(len(org.smart_host.find(dropped)), 1)
                self.assertFalse([m for m in org.mailbox.find(dropped) if m.sender == ""])


if __name__ == "__main__":
    unittest.main()
