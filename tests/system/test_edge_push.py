"""What the organization pushes to an edge: everything the edge needs, attribute by attribute, and
nothing else; changes of every kind, live; recipients as hashes; what is refused, held or edited.
"""

import signal
import unittest

from .harness.base import wait_for
from .harness.client import Client
from .harness.directory import record
from .harness.edge import Edge, EdgeDirectory, EdgeSync, publish_certificates
from .harness.hub import in_force
from .harness.organization import Organization

# What the organization's objects look like on the edge, beside their names: those that go.
PUSHED = {
    "Accepted Domains": None, "Remote Domains": None, "Connectors": None,
    "Sites": {"hubhubsite", "hubinboundmail"},
    "Servers": {"hubrole", "hubserversite", "hubfqdn", "hubaddress", "hubcertificate",
                "hubkeydigest", "hubenabled"},
    "Edge Subscriptions": {"hubserverref", "hubserversite"},
}
SETTINGS = dict(
    hubMaxSendSize="11000000", hubMaxReceiveSize="12000000", hubMaxRecipients="120",
    hubTLSSendDomainSecure=["send.example", "both.example"],
    hubTLSReceiveDomainSecure=["receive.example", "both.example"],
    hubPostmaster="postmaster@contoso.com", hubInternalSMTPServer=["10.0.0.0/8", "192.0.2.7"],
    hubConnectorFailoverDelay="77", hubPlusAddressing="TRUE")
LOCAL = dict(hubShadowRedundancy="FALSE", hubShadowHeartbeatInterval="33")


def values(entry):
    """Without what is nobody's business: {attribute: sorted values}."""
    return {name: sorted(found) for name, found in entry.items() if name != "dn"}


class EdgePush(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        cls.inside = d = org.directory
        publish_certificates(d, [org.london1])
        cls.sync = EdgeSync(org.london1, lease_time=3, recipient_delay=1)
        cls.edge = Edge(org.place, "edge1")
        org.start()
        cls.edge.start()
        cls.edge.subscribe(org.london1, "London")
        cls.sync.start()
        cls.there = cls.edge.directory
        cls.wait()

    @classmethod
    def wait(cls):
        cls.edge.wait_in_step(cls.org, [cls.sync])
        wait_for(lambda: "the edge has it in force: %s" % cls.edge.hub.status()["edge"],
                 cls.in_force)

    @classmethod
    def in_force(cls):
        told = cls.edge.hub.status()["edge"]["configuration"] or {}
        return told.get("in_step") and told["fingerprint"] == cls.org.london1.fingerprint()

    def names(self, container):
        """What stands in a container of the edge."""
        return {entry["cn"][0].decode() for entry in self.there.find(
            "cn=%s,%s" % (container, self.there.base), "cn", scope="one")}

    def pushed(self, name, container):
        return values(self.there.entry(self.there.dn(name, container)))

    def add_domain(self, name, **attributes):
        self.inside.add(record(self.inside.dn(name, "Accepted Domains"), "hubAcceptedDomain",
                               cn=name, hubDomain=name, **attributes))
        self.addCleanup(self.remove, name, "Accepted Domains")

    def remove(self, name, container):
        self.inside.modify("dn: %s\nchangetype: delete\n" % self.inside.dn(name, container),
                           check=False)

    def offline(self, tool, text):
        """A change on the edge that no access rule is asked about."""
        self.there.stop()
        self.there.offline(tool, "-b", self.there.suffix, stdin=text)
        self.there.start()

    def rcpt(self, address):
        with Client(self.edge.outside) as client:
            client.ehlo()
            client.say("MAIL FROM:<someone@outside.example>")
            return client.say("RCPT TO:<%s>" % address)[:9]

    def wait_rcpt(self, address, code):
        wait_for(lambda: "%s is %s: %s" % (address, code, self.rcpt(address)),
                 lambda: self.rcpt(address).startswith(code))

    def start(self, *options):
        return self.sync.ctl("edge-sync", "start", "edge1", *options, check=False)

    # --- what arrives ---

    def test_settings_of_the_organization(self):
        self.inside.change(self.inside.base, **SETTINGS, **LOCAL)
        self.addCleanup(self.inside.change, self.inside.base, **dict.fromkeys(
            list(SETTINGS) + list(LOCAL)))
        epoch = self.there.entry(self.there.base)["hubepoch"]
        self.wait()
        root = self.there.entry(self.there.base)
        for name, value in SETTINGS.items():
            wanted = value if isinstance(value, list) else [value]
            self.assertEqual({v.decode() for v in root[name.lower()]}, set(wanted), name)
        for name in LOCAL:
            self.assertNotIn(name.lower(), root)
        self.assertEqual(root["hubepoch"], epoch)
        self.inside.change(self.inside.base, hubTLSSendDomainSecure=["send.example"],
                           hubInternalSMTPServer=None)
        self.wait()
        root = self.there.entry(self.there.base)
        self.assertEqual(root["hubtlssenddomainsecure"], [b"send.example"])
        self.assertNotIn("hubinternalsmtpserver", root)

    def test_nothing_else_arrives(self):
        """Of every entry that was pushed: the attributes listed, with the values from inside."""
        d, there = self.inside, self.there
        d.change(self.org.london1.dn(), hubDropRoot="/var/drop", description="for us alone",
                 hubAdminAddress="127.0.0.1:8025")
        self.addCleanup(d.change, self.org.london1.dn(), hubDropRoot=None, description=None,
                        hubAdminAddress=None)
        d.change(d.dn("London", "Sites"), hubSubnet=["10.99.0.0/16"])
        self.addCleanup(d.change, d.dn("London", "Sites"), hubSubnet=None)
        d.change(d.dn("EdgeSync - London to Internet", "Connectors"), hubFQDN="out.contoso.com",
                 hubComment="travels", hubMaxMessageSize="5000000")
        self.wait()
        self.assertEqual(self.names("Servers"), {"london1", "london2", "edge1"})
        self.assertEqual(self.names("Sites"), {"London"})
        self.assertEqual(self.names("Connectors"), {
            "EdgeSync - London to Internet", "EdgeSync - Inbound to London"})
        self.assertEqual(self.names("Edge Subscriptions"), {"edge1"})
        self.assertEqual(self.names("Accepted Domains"), {"contoso.com"})
        for container, allowed in PUSHED.items():
            for name in self.names(container):
                if (container, name) != ("Servers", "edge1"):
                    self.same_as_inside(name, container, allowed)
        text = repr([entry for dn, entry in there.dump().items() if "cn=Recipients" not in dn and
                     "cn=Sync Accounts" not in dn])
        for word in ("aris", "mbx1", "Contoso", "To Internet'", "10.99", "/var/drop", "for us"):
            self.assertNotIn(word, text)

    def same_as_inside(self, name, container, allowed):
        here, there = self.inside.base.encode(), self.there.base.encode()
        wanted = {attribute: [v.replace(here, there) for v in found] for attribute, found in
                  self.inside_entry(name, container).items()
                  if attribute == "cn" or allowed is None or attribute in allowed}
        if container == "Connectors":
            wanted["hubsourceserver"] = [self.edge.hub.dn().encode()]
        entry = self.pushed(name, container)
        self.assertEqual(len(entry.pop("objectclass")), 1)
        wanted.pop("objectclass", None)
        self.assertEqual(entry, wanted, name)

    def inside_entry(self, name, container):
        found = EdgeDirectory.find(self.inside, self.inside.dn(name, container))
        return values(found[0])

    def test_marker(self):
        marker = self.edge.marker()
        self.assertEqual(marker["hubpushholder"], "london1")
        self.assertEqual(marker["hubpushfingerprint"], self.org.london1.fingerprint())
        self.assertRegex(marker["hubpushdigest"], "^[0-9a-f]{64}$")
        self.assertRegex(marker["hubpushtime"], r"^\d{14}Z$")
        marker = self.edge.marker("Recipients")
        self.assertEqual(marker["hubpushholder"], "london1")
        # the key of the hashes is the holder's and the edge's, and nobody else's
        self.assertNotIn("hubhashkey", marker)

    # --- live ---

    def test_domains(self):
        d = self.inside
        self.add_domain("fabrikam.com", hubDomainType="InternalRelay")
        d.add(record(d.dn("partner", "Remote Domains"), "hubRemoteDomain", cn="partner",
                     hubDomain="partner.example", hubNDR="FALSE"))
        self.addCleanup(self.remove, "partner", "Remote Domains")
        self.wait()
        self.assertTrue(self.rcpt("anyone@fabrikam.com").startswith("250"))
        self.assertIn("partner", self.names("Remote Domains"))
        d.change(d.dn("fabrikam.com", "Accepted Domains"), hubDomainType="Authoritative")
        d.delete(d.dn("partner", "Remote Domains"))
        self.wait()
        self.assertEqual(self.rcpt("anyone@fabrikam.com"), "550 5.1.1")
        self.assertNotIn("partner", self.names("Remote Domains"))
        d.delete(d.dn("fabrikam.com", "Accepted Domains"))
        self.wait()
        self.assertTrue(self.rcpt("anyone@fabrikam.com").startswith("550 5.7"))

    def test_two_exchange_their_domains(self):
        """No two entries may have the same one, on the edge neither."""
        d = self.inside
        for name in ("one.example", "two.example"):
            self.add_domain(name, hubDomainType="InternalRelay")
        self.wait()
        # edgesyncd sees them at once
        self.sync.process.signal(signal.SIGSTOP)
        for name, domain in (("one", "three"), ("two", "one"), ("one", "two")):
            d.change(d.dn(name + ".example", "Accepted Domains"), hubDomain=domain + ".example")
        self.sync.process.signal(signal.SIGCONT)
        self.wait()
        self.assertEqual(self.pushed("one.example", "Accepted Domains")["hubdomain"],
                         [b"two.example"])

    def test_hubs(self):
        d = self.inside
        d.change(self.org.london2.dn(), hubEnabled="FALSE")
        self.addCleanup(d.change, self.org.london2.dn(), hubEnabled=None)
        self.wait()
        self.assertEqual(self.names("Servers"), {"london1", "edge1"})
        d.change(self.org.london2.dn(), hubEnabled=None)
        self.wait()
        self.assertEqual(self.names("Servers"), {"london1", "london2", "edge1"})

    def test_source_list(self):
        """A connector leaves the edge when the edge leaves its source list."""
        d, name = self.inside, "Secrets"
        d.add(record(d.dn(name, "Connectors"), "hubSendConnector", cn=name,
                     hubAddressSpace="SMTP:secret.example;1", hubSmartHost="relay.example",
                     hubDNSRouting="FALSE", hubSmartHostAuth="BasicAuthRequireTLS",
                     hubAuthUser="edge", hubAuthPassword="of the edge",
                     hubSourceServer=self.inside_edge()))
        self.addCleanup(self.remove, name, "Connectors")
        self.wait()
        self.assertIn(name, self.names("Connectors"))
        self.assertIn("SMTP:secret.example;1", repr(self.pushed(name, "Connectors")))
        # what the edge needs to send goes, and only there: its administrators may not read it
        self.assertNotIn("hubauthpassword", self.pushed(name, "Connectors"))
        self.assertEqual(self.there.dump()[self.there.dn(name, "Connectors")]["hubauthpassword"],
                         [b"of the edge"])
        d.change(d.dn(name, "Connectors"), hubSourceServer=[self.org.london2.dn()])
        self.wait()
        self.assertNotIn(name, self.names("Connectors"))

    def inside_edge(self):
        return self.inside.dn("edge1", "Servers")

    def test_recipients(self):
        d = self.inside
        self.wait_rcpt("anna@contoso.com", "250")
        self.assertEqual(self.rcpt("dora@contoso.com"), "550 5.1.1")
        d.add(self.org.person("dora"))
        dora = "uid=dora,ou=People," + d.suffix
        self.addCleanup(d.modify, "dn: %s\nchangetype: delete\n" % dora, check=False)
        self.wait_rcpt("DORA@contoso.com", "250")
        d.change(dora, mail="dorothea@contoso.com", mailLocalAddress="d.d@contoso.com")
        for address, code in (("dora", "550"), ("dorothea", "250"), ("d.d", "250")):
            self.wait_rcpt(address + "@contoso.com", code)
        d.modify("dn: %s\nchangetype: modify\nadd: objectClass\nobjectClass: hubRecipient\n-\n"
                 "add: hubRefuseOutsideMail\nhubRefuseOutsideMail: TRUE\n" % dora)
        self.wait_rcpt("dorothea@contoso.com", "550")
        d.change(dora, hubRefuseOutsideMail="FALSE")
        self.wait_rcpt("dorothea@contoso.com", "250")
        d.delete(dora)
        self.wait_rcpt("dorothea@contoso.com", "550")
        self.wait_rcpt("d.d@contoso.com", "550")
        self.assertNotIn(b"dorothea", repr(self.there.dump()).encode())

    def test_two_claim_an_address(self):
        d = self.inside
        people = ["uid=%s,ou=People,%s" % (name, d.suffix) for name in ("erna", "egon")]
        for name, dn in zip(("erna", "egon"), people):
            d.add(self.org.person(name))
            self.addCleanup(d.modify, "dn: %s\nchangetype: delete\n" % dn, check=False)
        self.wait_rcpt("erna@contoso.com", "250")
        d.change(people[1], mailLocalAddress="erna@contoso.com")
        d.delete(people[0])
        d.change(people[1], mail="egon2@contoso.com")
        self.wait_rcpt("egon2@contoso.com", "250")
        self.assertTrue(self.rcpt("erna@contoso.com").startswith("250"))
        d.delete(people[1])
        self.wait_rcpt("erna@contoso.com", "550")

    # --- what is not as it should be ---

    def test_too_much_would_go(self):
        """Held, with an alarm, until an administrator says that it is right."""
        d, names = self.inside, ["loss%d.example" % i for i in range(12)]
        for name in names:
            self.add_domain(name)
        self.wait()
        d.modify("".join("dn: %s\nchangetype: delete\n\n" % d.dn(name, "Accepted Domains")
                         for name in names[:-1]))

        def held():
            return self.sync.edge("edge1").get("held")
        wait_for(lambda: "held: %s" % self.sync.edge("edge1"), held)
        self.assertIn("accepted domains", str(held()))
        # the first ones may have gone before the others did
        self.assertIn(names[-2], self.names("Accepted Domains"))
        self.assertNotEqual(self.start("--full").returncode, 0)
        self.assertEqual(self.start("--full", "--allow-loss").returncode, 0)
        self.wait()
        self.assertEqual(self.names("Accepted Domains"), {"contoso.com", names[-1]})
        self.assertFalse(held())

    def test_refused(self):
        """
        An entry that cannot be written is named; the edge keeps what it had, all of it, until the
        rest of the push has its marker too.
        """
        stray = "cn=Stray,cn=london2,cn=Servers," + self.there.base
        self.offline("slapadd", record(stray, "hubReceiveConnector", cn="Stray"))
        marker = self.edge.marker()["hubpushdigest"]
        self.inside.change(self.org.london2.dn(), hubEnabled="FALSE")
        self.addCleanup(self.inside.change, self.org.london2.dn(), hubEnabled=None)
        self.add_domain("half.example", hubDomainType="InternalRelay")
        wait_for(lambda: "an error: %s" % self.sync.edge("edge1"),
                 lambda: "cn=london2,cn=Servers" in str(self.sync.edge("edge1").get("error")))
        wait_for("the domain stands there", lambda: "half.example" in self.names(
            "Accepted Domains"))
        self.assertEqual(self.edge.marker()["hubpushdigest"], marker)
        self.assertTrue(self.rcpt("anyone@half.example").startswith("550 5.7"))
        self.offline("slapmodify", "dn: %s\nchangetype: delete\n" % stray)
        self.wait()
        self.assertTrue(self.rcpt("anyone@half.example").startswith("250"))
        self.assertFalse(self.sync.edge("edge1").get("error"))

    def test_edited_on_the_edge(self):
        """Whoever gets past the access rules: what he did is put right, and counted."""
        there = self.there
        self.offline(
            "slapmodify",
            "dn: %s\nchangetype: modify\nreplace: hubDomainType\nhubDomainType: ExternalRelay\n\n"
            "dn: %s\nchangetype: delete\n\n" % (
                there.dn("contoso.com", "Accepted Domains"), there.dn("london2", "Servers")))
        wait_for("london2 is back", lambda: "london2" in self.names("Servers"))
        self.wait()
        in_force(there, [self.edge.hub])
        self.assertNotIn("ExternalRelay", repr(self.pushed("contoso.com", "Accepted Domains")))
        told = self.sync.events("edge-pushed", data="configuration")
        self.assertIn("2", [event["repaired"] for event in told])


if __name__ == "__main__":
    unittest.main()
