"""The header firewall: fields of the organization, the forest and of routing at every border.

Mail comes in at london1 from a hub (by its key), a stranger, a user, or a connector that trusts its
peers; it goes out to a hub, an edge, a mailbox server, Send connectors with several rights, and in
reports. The hub's and the edge's peers are sinks that have their keys.
"""

import re
import unittest

from .harness.base import free_port
from .harness.client import Client
from .harness.delivery import QUICK, wait_report
from .harness.directory import record
from .harness.keys import Key
from .harness.organization import Organization, message, send
from .harness.peers import Sink

PREFIX = "x-hub-organization-"
AUTH = ("PIPELINING", "8BITMIME", "CHUNKING", "SMTPUTF8", "AUTH PLAIN")
# What a peer may try to say.
CLAIM = (b"X-Hub-Organization-AuthAs: Partner\r\nX-Hub-Organization-AuthSource: edge9.example\r\n"
         b"X-Hub-Organization-AuthMechanism: 07\r\nx-hub-organization-authdomain:\r\n\tpartner."
         b"example\r\nX-Hub-Organization-OriginalArrivalTime: 2026-11-21T18:00:00.123Z\r\n"
         b"X-Hub-Organization-OriginalSize: 4711\r\n")
OWN = b"X-Hub-Organization-Foo: bar\r\n\tfolded\r\nX-Hub-Forest-Baz : qux\r\n"
ROUTING = b"Received: from before by mx.example; now\r\nResent-From: <x@resent.example>\r\n"
WAYS = ("hub.example", "edge.example", "inside.example", "forest.example", "internet.example",
        "organization.example")


def header(got):
    """Field names in lower case with their unfolded values, in their order."""
    text = got.data.split(b"\r\n\r\n", 1)[0].decode("latin-1")
    lines = re.sub(r"\r\n(?=[ \t])", "", text).split("\r\n")
    return [(name.strip().lower(), value.strip()) for name, value in (
        line.split(":", 1) for line in lines)]


def names(got):
    return {name for name, _ in header(got)}


def told(got):
    """What the fields of the organization say, by their last word."""
    return {name[len(PREFIX):]: value for name, value in header(got) if name.startswith(PREFIX)}


class HeaderFirewall(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        d = org.directory
        cls.trusted = free_port()
        cls.keys = {name: Key(org.place, name + ".contoso.com") for name in ("peer1", "edge1",
                                                                             "edge2")}
        cls.sinks = {name: Sink(org.place, key=cls.keys[name], offers=AUTH)
                     for name in ("peer1", "edge1")}
        cls.ways = {"hub.example": cls.sinks["peer1"], "edge.example": cls.sinks["edge1"]}
        d.change(org.london1.dn(), **QUICK)
        d.add(record("cn=Trusted,%s" % org.london1.dn(), "hubReceiveConnector", cn="Trusted",
                     hubBinding="127.0.0.1:%d" % cls.trusted, hubPermissionGroup="HubServers",
                     hubAuthMechanism=["Tls", "ExternalAuthoritative"]))
        for name, role in (("peer1", "Hub"), ("edge1", "Edge"), ("edge2", "Edge")):
            site = d.dn("Far" if role == "Hub" else "London", "Sites")
            d.add((record(site, "hubSite", cn="Far") if role == "Hub" else "") + record(
                d.dn(name, "Servers"), "hubServer", cn=name, hubRole=role, hubServerSite=site,
                hubFQDN=name + ".contoso.com", hubKeyDigest=cls.keys[name].digest,
                hubAddress="127.0.0.1:%d" % cls.sinks.get(name, cls.sinks["edge1"]).port))
        d.add("".join([
            record(d.dn("London-Far", "Site Links"), "hubSiteLink", cn="London-Far",
                   hubSiteList=[d.dn("London", "Sites"), d.dn("Far", "Sites")], hubCost="1"),
            record(d.dn("edge1", "Edge Subscriptions"), "hubEdgeSubscription", cn="edge1",
                   hubServerRef=d.dn("edge1", "Servers"), hubServerSite=d.dn("London", "Sites")),
            record(org.connector("By hub"), "hubSendConnector", cn="By hub",
                   hubAddressSpace="SMTP:hub.example", hubSourceServer=d.dn("peer1", "Servers")),
            record(org.connector("By edge"), "hubSendConnector", cn="By edge",
                   hubAddressSpace="SMTP:edge.example",
                   hubSourceServer=d.dn("edge1", "Servers"))]))
        for domain, attributes in (
                ("inside.example", dict(hubUsage="Internal")),
                ("internet.example", dict(hubUsage="Internet")),
                ("forest.example", dict(hubSendRight="Forest")),
                ("organization.example", dict(hubSendRight=["Organization", "Routing"]))):
            cls.ways[domain] = sink = Sink(org.place, offers=AUTH)
            d.add(record(org.connector(domain), "hubSendConnector", cn=domain,
                         hubAddressSpace="SMTP:" + domain, hubSourceServer=org.london1.dn(),
                         hubSmartHost="[127.0.0.1]:%d" % sink.port, hubDNSRouting="FALSE",
                         **attributes))
        org.start()

    # --- ways in ---

    def hand_in(self, client, data, sender, recipients, parameters=""):
        token, text = message(to=recipients[0], sender=sender or "a@outside.example")
        client.begin(sender, recipients, parameters)
        reply = client.data(data + text + b".\r\n")
        self.assertRegex(reply, "^250")
        return token

    def from_server(self, data, *recipients, key=None, sender="a@outside.example", parameters=""):
        """As a server of ours says it that has the key."""
        with Client(self.org.london1.port) as client:
            client.ehlo()
            client.starttls(key or self.keys["peer1"])
            return self.hand_in(client, data, sender, recipients, parameters)

    def from_trusted(self, data, *recipients, sender="a@outside.example", parameters=""):
        with Client(self.trusted) as client:
            return self.hand_in(client, data, sender, recipients, parameters)

    def from_stranger(self, data, *recipients):
        with Client(self.org.internet_port) as client:
            return self.hand_in(client, data, "a@outside.example", recipients)

    def at(self, domain, token):
        got, = self.ways[domain].wait(token)
        return got

    # --- out ---

    def test_every_exit(self):
        """What a hub hands in, with fields of somebody's own making, at all exits of one hub."""
        token = self.from_server(CLAIM + OWN + ROUTING, "anna@contoso.com",
                                 *["x@" + domain for domain in WAYS])
        claim = {"authas": "Partner", "authsource": "edge9.example", "authmechanism": "07",
                 "authdomain": "partner.example", "originalsize": "4711",
                 "originalarrivaltime": "2026-11-21T18:00:00.123Z"}
        everything = dict(claim, foo="bar\tfolded")
        table = (("hub.example", everything, True, True), ("edge.example", everything, True, True),
                 ("inside.example", everything, True, True),
                 ("organization.example", everything, False, True),
                 ("forest.example", {}, True, False), ("internet.example", {}, False, True))
        for domain, organization, forest, routing in table:
            with self.subTest(domain):
                got = self.at(domain, token)
                self.assertEqual(told(got), organization)
                self.assertEqual(len([n for n, _ in header(got) if n.startswith(PREFIX)]),
                                 len(organization))
                self.assertEqual("x-hub-forest-baz" in names(got), forest)
                for name in ("received", "resent-from"):
                    self.assertEqual(name in names(got), routing)
                self.assertTrue(got.data.endswith(b"\r\n\r\nHello\r\n"))
        with self.subTest("a mailbox server, by another hub"):
            got, = self.org.mailbox.wait(token)
            self.assertNotIn(b"x-hub-", got.data.lower())
            self.assertIn(b"by paris1.contoso.com", got.data)
            self.assertIn("resent-from", names(got))

    def test_long_headers_are_taken_out_as_they_come(self):
        """Fields cut by every buffer on the way, and a body of some megabytes behind them."""
        fields = b"".join(b"X-Hub-Organization-F%d: %s\r\nX-Stays-%d: %s\r\n" % (
            i, b"a" * (i * 37 % 900), i, b"b" * (i * 91 % 900)) for i in range(60))
        body = b"0123456789abcde\r\n" * 200000
        token, text = message(to="x@internet.example", body=body.decode())
        with Client(self.org.london1.port, timeout=30) as client:
            client.ehlo()
            client.starttls(self.keys["peer1"])
            client.begin("a@outside.example", ["x@internet.example", "x@hub.example"])
            self.assertRegex(client.data(fields + text + b".\r\n"), "^250")
        got = self.at("internet.example", token)
        self.assertEqual([(n, len(v)) for n, v in header(got) if n.startswith("x-")],
                         [("x-stays-%d" % i, i * 91 % 900) for i in range(60)])
        self.assertTrue(got.data.endswith(text))
        got = self.at("hub.example", token)
        self.assertIn(fields + text, got.data)

    def test_reports(self):
        """The original comes back without them, and outside without the way it went."""
        for sender, sink, routing in (
                ("anna@contoso.com", self.org.mailbox, True),
                ("x@internet.example", self.ways["internet.example"], False)):
            with self.subTest(sender):
                token = self.from_server(CLAIM + OWN + ROUTING, "nobody@contoso.com",
                                         sender=sender)
                report = wait_report(sink, token, "nobody@contoso.com")
                original = report.original.get_payload()[0] if report.original.is_multipart() \
                    else report.original
                text = original.as_string().lower()
                self.assertNotIn("x-hub-", text)
                # of Diagnostic-Code there is X-Hub-Transport
                self.assertNotRegex(report.envelope.data.lower(), b"x-hub-(organ|forest)")
                self.assertEqual(("resent-from" in text, "mx.example" in text), (routing,) * 2)

    def test_a_report_says_where_it_comes_from(self):
        token = self.from_server(b"", "nobody@contoso.com", sender="x@hub.example")
        report = wait_report(self.ways["hub.example"], token, "nobody@contoso.com")
        said = told(report.envelope)
        self.assertEqual((said["authas"], said["authsource"], said["authmechanism"]),
                         ("Internal", "london1.contoso.com", "08"))

    # --- in ---

    def test_nobody_else_is_believed(self):
        """Neither a stranger nor a peer without proof nor an edge that is not subscribed."""
        stranger = self.from_stranger(CLAIM + OWN, "anna@contoso.com")
        for got in self.org.mailbox.wait(stranger):
            self.assertNotIn(b"x-hub-", got.data.lower())
        token = self.from_trusted(CLAIM + OWN + ROUTING, "x@hub.example")
        got = self.at("hub.example", token)
        said = told(got)
        self.assertEqual((said["authas"], said["authsource"], said["authmechanism"]),
                         ("External", "london1.contoso.com", "10"))
        self.assertEqual(sorted(said), ["authas", "authmechanism", "authsource",
                                        "originalarrivaltime", "originalsize"])
        self.assertNotEqual(said["originalsize"], "4711")
        self.assertNotIn("x-hub-forest-baz", names(got))
        self.assertIn("resent-from", names(got))
        with self.subTest("an edge without subscription"), \
                Client(self.org.london1.port) as client:
            client.ehlo()
            client.starttls(self.keys["edge2"]).ehlo()
            self.assertRegex(client.say("MAIL FROM:<a@outside.example>"), "^530")
        with self.subTest("an edge with one"):
            token = self.from_server(CLAIM, "x@hub.example", key=self.keys["edge1"])
            self.assertEqual(told(self.at("hub.example", token))["authas"], "Partner")

    def test_half_a_claim_is_none(self):
        for claim in (b"X-Hub-Organization-AuthAs: Internal\r\n",
                      CLAIM.replace(b"Partner", b"Owner"), CLAIM.replace(b": 07", b": 7"),
                      CLAIM.replace(b"edge9.example", b"edge9 example"),
                      CLAIM.replace(b"18:00:00", b"18:00")):
            with self.subTest(claim):
                said = told(self.at("hub.example", self.from_server(claim, "x@hub.example")))
                self.assertEqual((said["authas"], said["authsource"], said["authmechanism"]),
                                 ("Anonymous", "london1.contoso.com", "06"))

    def test_users_and_how_they_logged_in(self):
        token, data = message(sender="anna@contoso.com", to="x@hub.example")
        send(self.org.london1.submission_port, "anna@contoso.com", ["x@hub.example"],
             CLAIM + OWN + data, login=("anna", "password-of-anna"))
        got = self.at("hub.example", token)
        said = told(got)
        self.assertEqual((said["authas"], said["authsource"]), ("Internal", "london1.contoso.com"))
        self.assertIn(said["authmechanism"], ("01", "02", "03"))
        self.assertNotIn("foo", said)
        self.assertTrue([c for c in self.ways["hub.example"].commands
                         if c.startswith("MAIL FROM:<anna@contoso.com>")
                         and c.endswith(" AUTH=anna@contoso.com")])

    def test_fields_cannot_hide(self):
        """A first line that looks folded would be read as part of our own Received by the next."""
        for first in (b" folded\r\n", b"\tfolded\r\n", b"no field\r\n", b"From me today\r\n"):
            with self.subTest(first):
                token = self.from_stranger(first + CLAIM + OWN, "anna@contoso.com")
                got, = self.org.mailbox.wait(token)
                self.assertTrue(names(got) <= {"received"}, names(got))
                self.assertIn(b"\r\n\r\n" + first + CLAIM, got.data)

    def test_routing_fields_that_are_not_accepted_still_count(self):
        """hubDeny Accept-Headers-Routing: they are taken out, and loops are found all the same."""
        org, dn = self.org, "cn=Internet," + self.org.london1.dn()
        org.change(dn, hubDeny="AnonymousUsers Accept-Headers-Routing", hubMaxHopCount="5")
        self.addCleanup(org.change, dn, hubDeny=None, hubMaxHopCount=None)
        token = self.from_stranger(ROUTING + b"Received-SPF: none\r\n", "anna@contoso.com")
        got, = org.mailbox.wait(token)
        self.assertNotIn(b"mx.example", got.data)
        self.assertNotIn("resent-from", names(got))
        self.assertIn("received-spf", names(got))
        self.assertEqual(len([n for n, _ in header(got) if n == "received"]), 2)
        with Client(org.internet_port) as client:
            client.begin()
            self.assertRegex(client.data(b"Received: x\r\n" * 5 + b"\r\n.\r\n"), "^554 5.4.6")

    # --- AUTH= (RFC 4954 section 5) ---

    def said_of(self, domain, sender):
        return [c for c in self.ways[domain].commands if c.startswith("MAIL FROM:<%s>" % sender)]

    def test_submitter(self):
        """Believed of who may say it, told within the organization and nowhere else."""
        for n, (parameter, relayed) in enumerate((
                (" AUTH=<>", " AUTH=<>"), (" AUTH=b+2Bc@old.example", " AUTH=b+2Bc@old.example"),
                ("", ""))):
            with self.subTest(parameter):
                sender = "s%d@old.example" % n
                token = self.from_trusted(b"", "x@inside.example", "x@internet.example",
                                          sender=sender, parameters=parameter)
                got = self.at("inside.example", token)
                self.assertEqual(told(got)["authas"],
                                 "Anonymous" if parameter == " AUTH=<>" else "External")
                inside, = self.said_of("inside.example", sender)
                self.assertEqual(re.findall(r" AUTH=\S+", inside), [relayed] if relayed else [])
                self.at("internet.example", token)
                outside, = self.said_of("internet.example", sender)
                self.assertNotIn("AUTH=", outside)


if __name__ == "__main__":
    unittest.main()
