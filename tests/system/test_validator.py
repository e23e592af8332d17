"""What hub-validator refuses in front of the administrator, and what it lets through."""

import os
import re
import threading
import time
import unittest

from .harness.base import Place, free_port, run, wait_for
from .harness.directory import Directory, record
from .harness.organization import Organization, message, send
from .harness.validator import Validator, validated_directory

CONSTRAINT = 19
OTHER = 80
BUSY = 51
# after which the validator takes a change that it does not see for refused
PENDING_S = 3

SMART = {"hubSmartHost": "relay.example", "hubDNSRouting": "FALSE"}
DNS = {"hubDNSRouting": "TRUE"}
NO_HOST = {"hubSmartHost": None, "hubDNSRouting": "TRUE"}


def ref(text, base):
    """Names "Servers/hub1" become DNs."""
    container, name = text.split("/", 1)
    return "cn=%s,cn=%s,%s" % (name, container, base)


# What a Send connector is, the change that is refused, what the refusal says, the neighbour that
# passes. Sources and references are "@Container/name".
SEND = [
    ("smart hosts with DNS routing", DNS, {"hubSmartHost": "relay.example"},
     'hubDNSRouting TRUE and hubSmartHost "relay.example" exclude each other', SMART),
    ("neither smart hosts nor DNS routing", SMART, {"hubSmartHost": None},
     "hubDNSRouting FALSE needs a hubSmartHost", NO_HOST),
    ("authentication with DNS routing", DNS, {"hubSmartHostAuth": "HubServer"},
     "hubSmartHostAuth HubServer needs smart hosts", {**SMART, "hubSmartHostAuth": "HubServer"}),
    ("BasicAuth without credential", SMART,
     {"hubSmartHostAuth": "BasicAuth", "hubAuthUser": "relay"}, "hubAuthPassword is missing",
     {"hubSmartHostAuth": "BasicAuth", "hubAuthUser": "relay", "hubAuthPassword": "secret"}),
    ("BasicAuth without user", SMART,
     {"hubSmartHostAuth": "BasicAuthRequireTLS", "hubAuthPassword": "secret"},
     "hubAuthUser is missing",
     {"hubSmartHostAuth": "BasicAuthRequireTLS", "hubAuthUser": "relay",
      "hubAuthPassword": "secret"}),
    ("not SMTP without smart host", DNS, {"hubAddressSpace": "FAX:*"},
     "is not SMTP and needs a hubSmartHost", {**SMART, "hubAddressSpace": "FAX:*"}),
    ("not SMTP from an edge", SMART,
     {"hubSourceServer": "@Servers/edge1", "hubAddressSpace": "FAX:*"},
     "is not SMTP: edges send SMTP only", {**SMART, "hubAddressSpace": "FAX:*"}),
    ("hub and edge sources mixed", DNS, {"hubSourceServer": ["@Servers/hub1", "@Servers/edge1"]},
     "mixes hubs and edges", {"hubSourceServer": ["@Servers/hub1", "@Servers/hub2"]}),
    ("hubs of different sites", DNS, {"hubSourceServer": ["@Servers/hub1", "@Servers/paris1"]},
     "hubs of different sites: hub1 (London) and paris1 (Paris)",
     {"hubSourceServer": ["@Servers/hub2"]}),
    ("no source server", DNS, {"hubSourceServer": None}, "hubSourceServer is missing",
     {"hubSourceServer": "@Servers/paris1"}),
    ("RequireTLS with IgnoreSTARTTLS", DNS,
     {"hubRequireTLS": "TRUE", "hubIgnoreSTARTTLS": "TRUE"},
     "hubRequireTLS and hubIgnoreSTARTTLS exclude", {"hubIgnoreSTARTTLS": "TRUE"}),
    ("TLSAuthLevel without RequireTLS", DNS, {"hubTLSAuthLevel": "EncryptionOnly"},
     "hubTLSAuthLevel EncryptionOnly needs hubRequireTLS",
     {"hubTLSAuthLevel": "EncryptionOnly", "hubRequireTLS": "TRUE"}),
    ("TLSDomain without DomainValidation", DNS,
     {"hubTLSAuthLevel": "CertificateValidation", "hubRequireTLS": "TRUE",
      "hubTLSDomain": "mx.example"}, "hubTLSDomain mx.example needs hubTLSAuthLevel",
     {"hubTLSAuthLevel": "DomainValidation", "hubRequireTLS": "TRUE",
      "hubTLSDomain": "mx.example"}),
    ("DomainValidation with smart hosts without TLSDomain", SMART,
     {"hubTLSAuthLevel": "DomainValidation", "hubRequireTLS": "TRUE"}, "needs hubTLSDomain",
     {"hubTLSAuthLevel": "DomainValidation", "hubRequireTLS": "TRUE",
      "hubTLSDomain": "mx.example"}),
    ("DomainSecure without DNS routing", SMART, {"hubDomainSecure": "TRUE"},
     "hubDomainSecure needs DNS routing", {**NO_HOST, "hubDomainSecure": "TRUE"}),
    ("ForceHELO with TLS", DNS, {"hubForceHELO": "TRUE", "hubRequireTLS": "TRUE"},
     "hubForceHELO excludes TLS: hubRequireTLS", {"hubForceHELO": "TRUE"}),
    ("ForceHELO with authentication", SMART,
     {"hubForceHELO": "TRUE", "hubSmartHostAuth": "HubServer"},
     "hubForceHELO excludes authentication: hubSmartHostAuth is HubServer",
     {"hubForceHELO": "TRUE", "hubSmartHostAuth": "None"}),
    ("cost out of range", DNS, {"hubAddressSpace": "SMTP:*;101"}, "hubAddressSpace",
     {"hubAddressSpace": "SMTP:*;100"}),
    ("port out of range", DNS, {"hubPort": "65536"}, "hubPort", {"hubPort": "65535"}),
    ("size out of range", DNS, {"hubMaxMessageSize": "-1"}, "hubMaxMessageSize",
     {"hubMaxMessageSize": "0"}),
    ("time out of range", DNS, {"hubConnectionInactivityTimeout": "0"},
     "hubConnectionInactivityTimeout", {"hubConnectionInactivityTimeout": "1"}),
    ("wildcard inside a label", DNS, {"hubAddressSpace": "SMTP:a*.example"}, "hubAddressSpace",
     {"hubAddressSpace": "SMTP:*.a.example"}),
    ("X400 space that is none", SMART, {"hubAddressSpace": "X400:MyOrg;1"}, "RFC 1685",
     {"hubAddressSpace": "X400:o=MySite;p=MyOrg;a=adatum;c=us;5"}),
]

LINKED = {"hubSmartHost": "relay.example", "hubLinkedReceiveConnector": "@linked",
          "hubMaxMessageSize": "0", "hubAddressSpace": None, "hubSourceServer": None}
LINKED_ROWS = [
    ("linked with address space", {"hubAddressSpace": "SMTP:*"},
     'hubLinkedReceiveConnector excludes hubAddressSpace "*"'),
    ("linked with DNS routing", NO_HOST, "hubLinkedReceiveConnector needs smart hosts"),
    ("linked and scoped", {"hubScoped": "TRUE"}, "hubLinkedReceiveConnector excludes hubScoped"),
    ("linked with limited size", {"hubMaxMessageSize": "1000"},
     "hubLinkedReceiveConnector needs an unlimited size"),
]

RECEIVE = [
    ("bindings and ranges overlap", {"hubBinding": "0.0.0.0:25", "hubRemoteIPRange": "10.0.0.0/8"},
     "without one containing the other",
     {"hubBinding": "0.0.0.0:25", "hubRemoteIPRange": "10.1.0.0/16"}),
    ("TLS from the first byte without Tls", {"hubBinding": "0.0.0.0:465 tls"},
     "hubBinding 0.0.0.0:465 tls needs hubAuthMechanism Tls",
     {"hubBinding": "0.0.0.0:465 tls", "hubAuthMechanism": "Tls"}),
    ("TLS from the first byte for one of two",
     {"hubBinding": "0.0.0.0:25 tls", "hubRemoteIPRange": "10.1.0.0/16", "hubAuthMechanism": "Tls"},
     "for both or for neither",
     {"hubBinding": "0.0.0.0:25", "hubRemoteIPRange": "10.1.0.0/16", "hubAuthMechanism": "Tls"}),
    ("BasicAuthRequireTLS without BasicAuth",
     {"hubAuthMechanism": ["Tls", "BasicAuthRequireTLS"]},
     "hubAuthMechanism BasicAuthRequireTLS needs BasicAuth",
     {"hubAuthMechanism": ["Tls", "BasicAuth", "BasicAuthRequireTLS"]}),
    ("BasicAuthRequireTLS without Tls",
     {"hubAuthMechanism": ["BasicAuth", "BasicAuthRequireTLS"]},
     "hubAuthMechanism BasicAuthRequireTLS needs Tls", {"hubAuthMechanism": "BasicAuth"}),
    ("ExternalAuthoritative beside others",
     {"hubAuthMechanism": ["Tls", "BasicAuth", "ExternalAuthoritative"],
      "hubPermissionGroup": "HubServers"},
     "ExternalAuthoritative stands beside nothing but Tls",
     {"hubAuthMechanism": ["Tls", "ExternalAuthoritative"], "hubPermissionGroup": "HubServers"}),
    ("ExternalAuthoritative without HubServers",
     {"hubAuthMechanism": ["Tls", "ExternalAuthoritative"], "hubPermissionGroup": "HubUsers"},
     "ExternalAuthoritative needs hubPermissionGroup HubServers",
     {"hubAuthMechanism": "ExternalAuthoritative", "hubPermissionGroup": "HubServers"}),
    ("DomainSecure with ExternalAuthoritative",
     {"hubAuthMechanism": ["Tls", "ExternalAuthoritative"], "hubPermissionGroup": "HubServers",
      "hubDomainSecure": "TRUE"},
     "hubDomainSecure and hubAuthMechanism ExternalAuthoritative exclude each other",
     {"hubAuthMechanism": "Tls", "hubDomainSecure": "TRUE"}),
    ("inactivity timeout not below connection timeout",
     {"hubConnectionInactivityTimeout": "600", "hubConnectionTimeout": "600"},
     "hubConnectionInactivityTimeout 600 is not below hubConnectionTimeout 600",
     {"hubConnectionInactivityTimeout": "599", "hubConnectionTimeout": "600"}),
]


class Refusals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = Place()
        cls.addClassCleanup(cls.place.close)
        cls.directory, cls.validator = validated_directory(cls.place)
        d = cls.directory
        cls.hub1 = d.dn("hub1", "Servers")
        cls.linked = "cn=Applications," + cls.hub1
        d.add("".join([
            record(d.dn("London", "Sites"), "hubSite", cn="London"),
            record(d.dn("Paris", "Sites"), "hubSite", cn="Paris"),
            record(d.dn("Rome", "Sites"), "hubSite", cn="Rome"),
            record(d.dn("London-Paris", "Site Links"), "hubSiteLink", cn="London-Paris",
                   hubSiteList=[d.dn("London", "Sites"), d.dn("Paris", "Sites")]),
            *[record(d.dn(name, "Servers"), "hubServer", cn=name, hubRole=role,
                      hubServerSite=d.dn(site, "Sites"))
              for name, role, site in (("hub1", "Hub", "London"), ("hub2", "Hub", "London"),
                                       ("paris1", "Hub", "Paris"), ("edge1", "Edge", "London"))],
            record("cn=Default hub1," + cls.hub1, "hubReceiveConnector", cn="Default hub1",
                   hubBinding="0.0.0.0:25", hubRemoteIPRange="10.0.0.0/8"),
            record(cls.linked, "hubReceiveConnector", cn="Applications",
                   hubBinding="0.0.0.0:2525"),
        ]))

    def resolved(self, attributes):
        def one(value):
            if value == "@linked":
                return self.linked
            return ref(value[1:], self.directory.base) if value.startswith("@") else value
        return {name: value if value is None else one(value) if isinstance(value, str) else
                [one(v) for v in value] for name, value in attributes.items()}

    def change(self, dn, **attributes):
        return self.directory.change(dn, check=False, **self.resolved(attributes))

    def refused(self, done, text, culprit=""):
        """culprit: whom a refusal of the validator names; slapd's own name the attribute only."""
        said = done.stderr.replace("\n  ", "")
        self.assertEqual(done.returncode, CONSTRAINT, done.stderr)
        self.assertIn(text, said)
        if re.search(r"additional info: \w+\b: failed|constraint", said) is None:
            self.assertIn(culprit, said)

    def passes(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)

    def add_send(self, name, **attributes):
        given = {"hubAddressSpace": "SMTP:*", "hubSourceServer": "@Servers/hub1", **attributes}
        return self.directory.add(record(
            self.directory.dn(name, "Connectors"), "hubSendConnector", cn=name,
            **self.resolved(given)), check=False)

    def test_send_connectors(self):
        dn = self.directory.dn("T", "Connectors")
        for name, base, bad, text, good in SEND:
            with self.subTest(name):
                # as it is written, and as a new connector
                self.refused(self.add_send("T", **{**base, **bad}), text, 'hubSendConnector "T": ')
                self.passes(self.add_send("T", **base))
                self.refused(self.change(dn, **bad), text, 'hubSendConnector "T": ')
                self.passes(self.change(dn, **good))
                self.directory.delete(dn)

    def test_linked_connectors(self):
        dn = self.directory.dn("L", "Connectors")
        self.passes(self.add_send("L", **LINKED))
        for name, bad, text in LINKED_ROWS:
            with self.subTest(name):
                self.refused(self.change(dn, **bad), text)
        with self.subTest("already linked"):
            self.refused(self.add_send("L2", **LINKED), "already linked")
            self.passes(self.add_send("L2", **{**LINKED, "hubEnabled": "FALSE"}))
            self.refused(self.change(self.directory.dn("L2", "Connectors"), hubEnabled="TRUE"),
                         "already linked")
            self.passes(self.change(dn, hubEnabled="FALSE"))
            self.passes(self.change(self.directory.dn("L2", "Connectors"), hubEnabled="TRUE"))
        with self.subTest("legal neighbours"):
            self.directory.delete(self.directory.dn("L2", "Connectors"))
            self.passes(self.change(dn, hubEnabled="TRUE", hubSmartHost="other.example"))
        self.directory.delete(dn)

    def test_receive_connectors(self):
        dn = "cn=R," + self.hub1
        for name, bad, text, good in RECEIVE:
            with self.subTest(name):
                start = {"hubBinding": "0.0.0.0:2600"}
                self.refused(self.directory.add(record(
                    dn, "hubReceiveConnector", cn="R", **{**start, **bad}), check=False), text)
                self.directory.add(record(dn, "hubReceiveConnector", cn="R", **start))
                self.refused(self.change(dn, **bad), text, 'hubReceiveConnector "R": ')
                self.passes(self.change(dn, **good))
                self.directory.delete(dn)

    def test_servers_and_links(self):
        d = self.directory
        with self.subTest("per-domain connections above the total"):
            self.refused(self.change(self.hub1, hubMaxOutboundConnections="10",
                                     hubMaxPerDomainConnections="11"),
                         "hubMaxPerDomainConnections 11 (0 is unlimited) is above")
            self.passes(self.change(self.hub1, hubMaxOutboundConnections="10",
                                    hubMaxPerDomainConnections="10"))
        with self.subTest("a site link with fewer than two sites"):
            link = d.dn("London-Paris", "Site Links")
            self.refused(self.change(link, hubSiteList="@Sites/London"),
                         "hubSiteList needs two sites or more")
            self.passes(self.change(link, hubSiteList=["@Sites/London", "@Sites/Paris"]))
        with self.subTest("a site that moves a server away from its partner"):
            self.passes(self.add_send("Pair", hubSourceServer=["@Servers/hub1", "@Servers/hub2"]))
            self.refused(self.change(d.dn("hub2", "Servers"), hubServerSite="@Sites/Paris"),
                         'this would break hubSendConnector "Pair": hubSourceServer names hubs '
                         "of different sites")
            self.refused(self.change(d.dn("hub2", "Servers"), hubRole="Edge"),
                         'this would break hubSendConnector "Pair"')
            self.passes(self.change(d.dn("hub2", "Servers"), hubFQDN="hub2.example"))
            d.delete(d.dn("Pair", "Connectors"))
        with self.subTest("names that stand in the DN alone"):
            dn = d.dn("a[b]", "Sites")
            self.refused(d.add(record(dn, "hubSite"), check=False), "none of [ ]")
            self.passes(d.add(record(d.dn("a-b", "Sites"), "hubSite"), check=False))
            self.refused(d.modify("dn: %s\nchangetype: modrdn\nnewrdn: cn=a/b\ndeleteoldrdn: 1\n" %
                                  d.dn("a-b", "Sites"), check=False), "cn")
            d.delete(d.dn("a-b", "Sites"))

    def test_what_is_named_stays(self):
        d = self.directory
        self.passes(self.add_send("Names", **{**LINKED, "hubSourceServer": "@Servers/hub1"}))
        named = [
            (d.dn("Paris", "Sites"), ['hubSiteLink "London-Paris" (hubSiteList)',
                                      'hubServer "paris1" (hubServerSite)']),
            (self.hub1, ['hubSendConnector "Names" (hubSourceServer)',
                         'hubReceiveConnector "Applications" below it']),
            (self.linked, ['hubSendConnector "Names" (hubLinkedReceiveConnector)']),
        ]
        for dn, who in named:
            with self.subTest(dn):
                removed = d.modify("dn: %s\nchangetype: delete\n" % dn, check=False)
                renamed = d.modify("dn: %s\nchangetype: modrdn\nnewrdn: cn=Other\n"
                                   "deleteoldrdn: 1\n" % dn, check=False)
                for text in who:
                    self.refused(removed, text)
                    self.refused(renamed, text)
        with self.subTest("what nobody names may go and be renamed"):
            self.passes(d.modify("dn: %s\nchangetype: modrdn\nnewrdn: cn=Roma\ndeleteoldrdn: 1\n" %
                                 d.dn("Rome", "Sites"), check=False))
            self.passes(d.modify("dn: %s\nchangetype: modrdn\nnewrdn: cn=Rome\ndeleteoldrdn: 1\n" %
                                 d.dn("Roma", "Sites"), check=False))
            d.delete(d.dn("Names", "Connectors"))
        with self.subTest("moves of what is named, too, and out of the organization"):
            self.passes(self.add_send("Moved", **LINKED))
            def moved(dn, rdn, to):
                return d.modify("dn: %s\nchangetype: modrdn\nnewrdn: %s\ndeleteoldrdn: 1\n"
                                "newsuperior: %s\n" % (dn, rdn, to), check=False)
            hub2 = d.dn("hub2", "Servers")
            self.refused(moved(self.linked, "cn=Applications", hub2),
                         'cannot be renamed, 1 still names it: hubSendConnector "Moved"')
            self.refused(moved(d.dn("Paris", "Sites"), "cn=Paris", "cn=Servers," + d.base),
                         'hubSiteLink "London-Paris" (hubSiteList)')
            self.refused(moved(d.dn("Rome", "Sites"), "cn=Rome", d.suffix),
                         "cannot be moved out of the organization")
            self.passes(self.change(d.dn("Moved", "Connectors"), hubLinkedReceiveConnector=None,
                                    hubAddressSpace="moved.example",
                                    hubSourceServer="@Servers/hub1"))
            self.passes(moved(self.linked, "cn=Applications", hub2))
            self.passes(moved("cn=Applications," + hub2, "cn=Applications", self.hub1))
            d.delete(d.dn("Moved", "Connectors"))
        with self.subTest("a container with entries keeps its name"):
            done = d.modify("dn: cn=Sites,%s\nchangetype: modrdn\nnewrdn: cn=Places\n"
                            "deleteoldrdn: 1\n" % d.base, check=False)
            self.refused(done, "entries below it")

    def test_lines_of_one_file_see_each_other(self):
        d = self.directory
        text = "".join([
            record(d.dn("Oslo", "Sites"), "hubSite", cn="Oslo"),
            record(d.dn("oslo1", "Servers"), "hubServer", cn="oslo1", hubRole="Hub",
                   hubServerSite=d.dn("Oslo", "Sites")),
            record("cn=Default oslo1," + d.dn("oslo1", "Servers"), "hubReceiveConnector",
                   cn="Default oslo1"),
            record(d.dn("Oslo out", "Connectors"), "hubSendConnector", cn="Oslo out",
                   hubAddressSpace="SMTP:*", hubSourceServer=d.dn("oslo1", "Servers")),
        ])
        back = "".join("dn: %s\nchangetype: delete\n\n" % dn for dn in (
            d.dn("Oslo out", "Connectors"), "cn=Default oslo1," + d.dn("oslo1", "Servers"),
            d.dn("oslo1", "Servers"), d.dn("Oslo", "Sites")))
        for _ in range(20):
            self.passes(d.add(text, check=False))
            self.passes(d.modify(back, check=False))
        with self.subTest("and the second is refused because of the first"):
            dn = d.dn("Twice", "Connectors")
            self.passes(self.add_send("Twice", **DNS))
            done = d.modify("dn: %s\nchangetype: modify\nreplace: hubIgnoreSTARTTLS\n"
                            "hubIgnoreSTARTTLS: TRUE\n\ndn: %s\nchangetype: modify\n"
                            "replace: hubRequireTLS\nhubRequireTLS: TRUE\n" % (dn, dn),
                            check=False)
            self.refused(done, "exclude each other")
            d.delete(dn)

    def test_two_writers_at_once(self):
        """Each alone is legal, both are not: exactly one must get through."""
        d = self.directory
        dn = d.dn("Race", "Connectors")
        self.passes(self.add_send("Race", **DNS))
        changes = [{"hubRequireTLS": "TRUE"}, {"hubIgnoreSTARTTLS": "TRUE"}]
        for _ in range(15):
            done = [None, None]
            barrier = threading.Barrier(2)

            def write(i):
                barrier.wait()
                done[i] = self.change(dn, **changes[i])
            writers = [threading.Thread(target=write, args=(i,)) for i in range(2)]
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join()
            self.assertEqual(sorted(r.returncode for r in done), [0, CONSTRAINT],
                             [r.stderr for r in done])
            self.passes(self.change(dn, hubRequireTLS=None, hubIgnoreSTARTTLS=None))
        d.delete(dn)

    def test_relax_does_not_pass_by(self):
        d = self.directory
        dn = d.dn("Relaxed", "Connectors")
        self.passes(self.add_send("Relaxed", **DNS))
        done = run("ldapmodify", "-e", "relax", *d._bind(), stdin="dn: %s\nchangetype: modify\n"
                   "replace: hubSmartHost\nhubSmartHost: relay.example\n" % dn)
        # slapd wants more than write access for it, or asks as ever
        self.assertIn(done.returncode, (CONSTRAINT, 50), done.stderr)
        found = run("ldapsearch", *d._bind(), "-b", dn, "-s", "base", "hubSmartHost", check=True)
        self.assertNotIn("relay.example", found.stdout)
        d.delete(dn)

    def test_what_slapd_refuses_afterwards_influences_no_verdict(self):
        """The validator lets it through, slapd does not: an attribute of another class."""
        d = self.directory
        dn = d.dn("Phantom", "Connectors")
        self.passes(self.add_send("Phantom", **DNS))
        done = self.change(dn, hubIgnoreSTARTTLS="TRUE", sn="not allowed here")
        self.assertNotIn(done.returncode, (0, CONSTRAINT))
        with self.subTest("what is good or bad either way is told at once"):
            began = time.monotonic()
            self.passes(self.change(d.dn("Paris", "Sites"), hubComment="unrelated"))
            self.passes(self.change(dn, hubComment="the same entry"))
            self.refused(self.change(dn, hubSmartHost="a.example"), "exclude each other")
            self.assertLess(time.monotonic() - began, PENDING_S)
        with self.subTest("what depends on it waits, and is judged right"):
            self.change(dn, hubIgnoreSTARTTLS="TRUE", sn="not allowed here")
            self.passes(self.change(dn, hubRequireTLS="TRUE"))
            self.change(dn, hubRequireTLS=None, sn="not allowed here")
            self.refused(self.change(dn, hubIgnoreSTARTTLS="TRUE"), "exclude each other")
            d.delete(dn)
        with self.subTest("a new entry may come again corrected, at once"):
            self.assertNotIn(self.add_send("Phantom", **DNS, sn="x").returncode, (0, CONSTRAINT))
            self.passes(self.add_send("Phantom", **DNS))
            self.refused(self.change(dn, hubSmartHost="a.example"), "exclude each other")
            d.delete(dn)
        with self.subTest("a name that slapd did not take is not there for others"):
            nowhere = d.dn("Nowhere", "Sites")
            self.assertNotIn(d.add(record(nowhere, "hubSite", cn="Nowhere", sn="x"),
                                   check=False).returncode, (0, CONSTRAINT))
            done = self.change(self.hub1, hubServerSite=nowhere)
            self.assertEqual(done.returncode, CONSTRAINT, done.stderr)
            self.passes(self.change(self.hub1, hubServerSite=d.dn("London", "Sites")))

    def test_other_entries_pass(self):
        d = self.directory
        self.passes(d.modify("dn: cn=View-Only,cn=Roles,%s\nchangetype: modify\nadd: member\n"
                             "member: %s\n" % (d.base, d.admin), check=False))
        self.passes(d.modify("dn: cn=View-Only,cn=Roles,%s\nchangetype: modify\ndelete: member\n"
                             "member: %s\n" % (d.base, d.admin), check=False))
        self.passes(d.add(record("uid=ann," + d.suffix, "inetOrgPerson", uid="ann", cn="Ann",
                                 sn="A"), check=False))
        self.passes(d.change(self.hub1, check=False, userPassword="secret"))

    def test_a_hub_still_writes_credentials_and_nothing_else(self):
        d = self.directory
        dn = d.dn("edge1", "Edge Subscriptions")
        d.add(record(dn, "hubEdgeSubscription", cn="edge1", hubServerRef=d.dn("edge1", "Servers"),
                     hubServerSite=d.dn("London", "Sites")))
        d.change(d.dn("hub2", "Servers"), userPassword="secret-of-hub2")

        def as_hub(text):
            return run("ldapmodify", "-x", "-H", d.uri, "-D", d.dn("hub2", "Servers"),
                       "-w", "secret-of-hub2", stdin="dn: %s\nchangetype: %s\n" % (dn, text))
        self.passes(as_hub("modify\nreplace: hubCredential\nhubCredential: sealed"))
        for text in ("modify\nreplace: hubComment\nhubComment: x", "delete",
                     "modrdn\nnewrdn: cn=other\ndeleteoldrdn: 1"):
            self.assertEqual(as_hub(text).returncode, 50, text)
        # what slapd refused afterwards does not count
        self.passes(self.change(dn, hubDirectoryPort="1636"))
        # but for the end of one that is removed, which is theirs to bring about
        self.passes(self.change(dn, hubRemoved="TRUE"))
        self.passes(as_hub("delete"))

    def test_a_validator_that_cannot_read_refuses(self):
        """Its password is wrong: never in step, so every write is put off."""
        place = Place()
        self.addCleanup(place.close)
        directory, validator = validated_directory(place)
        validator.process.stop()
        wrong = Validator(place, validator.socket, directory, place.file("wrong", "wrong"))
        wrong.process.start()
        wait_for("it listens", lambda: directory.add(record(
            directory.dn("A", "Sites"), "hubSite", cn="A"), check=False).returncode == BUSY)
        done = directory.add(record(directory.dn("A", "Sites"), "hubSite", cn="A"), check=False)
        self.assertIn("not in step with the directory", done.stderr)


class TwoProviders(unittest.TestCase):
    def test_each_judges_what_it_is_given_and_takes_what_the_other_took(self):
        place = Place()
        self.addCleanup(place.close)
        ports = [free_port(), free_port()]
        uris = ["ldap://127.0.0.1:%d" % port for port in ports]
        providers = []
        for i, port in enumerate(ports):
            socket = os.path.join(place.path, "validator%d" % i)
            directory = Directory(place, name="slapd%d" % i, port=port, options=(
                "--provider", *uris, "--validator", socket)).start()
            # the second directory is empty: its validator is in step once it is replicated
            Validator(place, socket, directory, os.path.join(
                place.path, "slapd%d" % i, "validator.password")).start()
            providers.append(directory)
        first, second = providers

        def has(directory, dn):
            return run("ldapsearch", *directory._bind(), "-b", dn, "-s", "base").returncode == 0
        link = first.dn("Link", "Site Links")
        for name in ("A", "B"):
            first.add(record(first.dn(name, "Sites"), "hubSite", cn=name))
        wait_for("replicated", lambda: has(second, first.dn("B", "Sites")))
        # what came from the other provider counts here
        wait_for("in step there too", lambda: second.add(record(
            link, "hubSiteLink", cn="Link", hubSiteList=[
                first.dn("A", "Sites"), first.dn("B", "Sites")]), check=False).returncode == 0)
        wait_for("replicated back", lambda: has(first, link))
        for directory in providers:
            done = directory.modify(
                "dn: %s\nchangetype: modify\nreplace: hubSiteList\nhubSiteList: %s\n" % (
                    link, first.dn("A", "Sites")), check=False)
            self.assertEqual(done.returncode, CONSTRAINT, done.stderr)
            self.assertIn("two sites or more", done.stderr)


class OtherDirectories(unittest.TestCase):
    def setUp(self):
        self.place = Place()
        self.addCleanup(self.place.close)

    def test_an_edge(self):
        d, _ = validated_directory(self.place, options=("--edge",), account="validator")
        edge, out = d.dn("edge1", "Servers"), d.dn("Out", "Connectors")
        d.add(record(edge, "hubServer", cn="edge1", hubRole="Edge"))
        # its reading account sees the credential: with one it is complete
        d.add(record(out, "hubSendConnector", cn="Out", hubAddressSpace="SMTP:*",
                     hubSourceServer=edge, hubSmartHost="relay.example", hubAuthUser="us",
                     hubAuthPassword="hush"))
        self.assertEqual(d.change(out, check=False, hubSmartHostAuth="BasicAuth").returncode, 0)
        done = d.change(out, check=False, hubAuthPassword=None)
        self.assertEqual(done.returncode, CONSTRAINT, done.stderr)
        self.assertIn('hubSendConnector "Out": hubSmartHostAuth BasicAuth', done.stderr)
        with self.subTest("nobody takes the account over"):
            reader = "cn=validator," + d.suffix
            done = d.change(reader, check=False, userPassword="mine")
            self.assertEqual(done.returncode, 50, done.stderr)
            password = os.path.join(self.place.path, "slapd", "validator.password")
            found = run("ldapsearch", "-x", "-H", d.uri, "-D", reader, "-y", password, "-b",
                        d.suffix, "userPassword")
            self.assertNotIn("userPassword::", found.stdout)

    def test_several_ways_to_the_directory(self):
        """They are tried in order, also when one fails later."""
        socket = os.path.join(self.place.path, "slapd.validator")
        d = Directory(self.place, options=("--validator", socket)).start()
        nobody = "ldap://127.0.0.1:%d" % free_port()
        validator = Validator(self.place, socket, d, os.path.join(
            self.place.path, "slapd", "validator.password"), uris=[nobody, d.local, d.uri]).start()
        site = record(d.dn("A", "Sites"), "hubSite", cn="A")
        d.add(site)
        self.assertIn("uri=" + d.local, validator.process.log())
        os.rename(d.socket, d.socket + ".away")
        d.stop()
        d.start()
        wait_for("in step by the third", lambda: d.change(
            d.dn("A", "Sites"), check=False, hubComment="x").returncode == 0)
        done = d.add(record(d.dn("Link", "Site Links"), "hubSiteLink", cn="Link",
                            hubSiteList=d.dn("A", "Sites")), check=False)
        self.assertEqual(done.returncode, CONSTRAINT, done.stderr)


class Outage(unittest.TestCase):
    """The validator is killed while mail flows."""

    def test_killed_and_restarted(self):
        org = Organization(validated=True).start()
        self.addCleanup(org.close)
        d, validator = org.directory, org.validator
        connector = org.connector("To Internet")
        validator.process.kill()
        with self.subTest("writes fail closed"):
            self.assertEqual(d.change(connector, check=False, hubComment="x").returncode, OTHER)
        with self.subTest("reads go on"):
            found = run("ldapsearch", *d._bind(), "-b", connector, "-s", "base", check=True)
            self.assertIn("hubSmartHost", found.stdout)
        with self.subTest("mail goes on"):
            token, data = message(sender="anna@contoso.com", to="x@faraway.example")
            send(org.application_port, "anna@contoso.com", ["x@faraway.example"], data)
            org.smart_host.wait(token)
        with self.subTest("people are not its business"):
            self.assertEqual(d.change("uid=anna,ou=People," + d.suffix, check=False,
                                      description="x").returncode, 0)
        validator.start()
        with self.subTest("restarted it knows all"):
            self.assertEqual(d.change(connector, check=False, hubComment="y").returncode, 0)
            done = d.change(connector, check=False, hubDNSRouting="TRUE")
            self.assertEqual(done.returncode, CONSTRAINT, done.stderr)
        with self.subTest("the directory restarts: in step again by itself"):
            d.stop()
            wait_for("noticed", lambda: validator.states()[-1] != "in step")
            d.start()
            wait_for("in step", lambda: d.change(connector, check=False,
                                                 hubComment="z").returncode == 0)


if __name__ == "__main__":
    unittest.main()
