"""Rights of a session: what each allows, who has it by its group, and what adds and takes it."""

import csv
import datetime
import glob
import os
import unittest

from .harness.base import wait_for
from .harness.client import Client
from .harness.directory import record
from .harness.relay import PASSWORD, Relay

ANYBODY = dict(hubAuthMechanism=["Tls", "BasicAuth"],
               hubPermissionGroup=["AnonymousUsers", "HubUsers"], hubProtocolLogging="Verbose",
               hubMaxProtocolErrors="0", hubMaxLogonFailures="0")
EXTERNAL = dict(hubAuthMechanism=["Tls", "ExternalAuthoritative"], hubPermissionGroup="HubServers")
STRANGER = ("Submit Accept-Any-Sender Accept-Authoritative-Domain-Sender Accept-Headers-Routing")
USER = "Submit Accept-Any-Recipient Accept-Headers-Routing Bypass-Anti-Spam"
HUB = ("Submit Accept-Any-Recipient Accept-Any-Sender Accept-Authoritative-Domain-Sender "
       "Accept-Authentication-Flag Accept-Headers-Routing Accept-Headers-Organization "
       "Accept-Headers-Forest Bypass-Anti-Spam Bypass-Message-Size-Limit")
EXTERNALLY = HUB.replace("Accept-Headers-Organization Accept-Headers-Forest ", "")
OUT = "RCPT TO:<x@outside.example>"
TO_ANNA = "RCPT TO:<anna@contoso.com>"


def mail(sender, parameters=""):
    return "MAIL FROM:<%s>%s" % (sender, parameters)


# Connector attributes beside those of ANYBODY, who (None: a stranger), what is said and answered.
TABLE = (
    ("Submit", {}, None, ((mail("a@b.example"), "250"),)),
    ("Submit", {"hubDeny": "AnonymousUsers Submit"}, None, ((mail("a@b.example"), "530 5.7.1"),)),
    ("Submit", {"hubDeny": "AnonymousUsers Submit"}, "anna", ((mail("anna@contoso.com"), "250"),)),
    ("Accept-Any-Recipient", {}, None, ((mail("a@b.example"), "250"), (OUT, "550 5.7.1"),
                                        (TO_ANNA, "250"))),
    ("Accept-Any-Recipient", {"hubGrant": "AnonymousUsers Accept-Any-Recipient"}, None,
     ((mail("a@b.example"), "250"), (OUT, "250"))),
    ("Accept-Any-Recipient", {"hubGrant": "HubUsers Accept-Any-Recipient"}, None,
     ((mail("a@b.example"), "250"), (OUT, "550 5.7.1"))),
    ("Accept-Any-Recipient", {}, "anna", ((mail("anna@contoso.com"), "250"), (OUT, "250"))),
    ("Accept-Any-Recipient", {"hubDeny": "HubUsers Accept-Any-Recipient"}, "anna",
     ((mail("anna@contoso.com"), "250"), (OUT, "550 5.7.1"), (TO_ANNA, "250"))),
    ("denial beats a grant", {"hubGrant": "AnonymousUsers Accept-Any-Recipient",
                              "hubDeny": "AnonymousUsers Accept-Any-Recipient"}, None,
     ((mail("a@b.example"), "250"), (OUT, "550 5.7.1"))),
    ("Accept-Any-Sender", {}, "anna", ((mail("bruno@contoso.com"), "550 5.7.1"),
                                       (mail("x@outside.example"), "550 5.7.1"),
                                       (mail("alias@contoso.com"), "250"))),
    ("Accept-Any-Sender", {}, "anna", ((mail(""), "250"),)),
    ("Accept-Any-Sender", {"hubGrant": "HubUsers Accept-Any-Sender"}, "anna",
     ((mail("bruno@contoso.com"), "250"),)),
    ("Accept-Authoritative-Domain-Sender", {}, None, ((mail("anna@contoso.com"), "250"),)),
    ("Accept-Authoritative-Domain-Sender",
     {"hubDeny": "AnonymousUsers Accept-Authoritative-Domain-Sender"}, None,
     ((mail("anna@contoso.com"), "550 5.7.1"), (mail("ANNA@CONTOSO.COM"), "550 5.7.1"),
      (mail("@b.example:anna@contoso.com"), "550 5.7.1"), (mail("a@b.example"), "250"))),
    ("Accept-Authoritative-Domain-Sender",
     {"hubDeny": "AnonymousUsers Accept-Authoritative-Domain-Sender"}, None, ((mail(""), "250"),)),
    ("Bypass-Message-Size-Limit", {"hubMaxMessageSize": "1000"}, None,
     ((mail("a@b.example", " SIZE=1001"), "552 5.3.4"), (mail("a@b.example", " SIZE=1000"),
                                                         "250"))),
    ("Bypass-Message-Size-Limit", {"hubMaxMessageSize": "1000",
                                   "hubGrant": "AnonymousUsers Bypass-Message-Size-Limit"}, None,
     ((mail("a@b.example", " SIZE=1001"), "250"),)),
    # AUTH= is taken, believed or not; where nobody can log in, of those that are trusted with it
    ("Accept-Authentication-Flag", {}, None, ((mail("a@b.example", " AUTH=x@y.example"), "250"),)),
    ("Accept-Authentication-Flag", {"hubAuthMechanism": "Tls"}, None,
     ((mail("a@b.example", " AUTH=x@y.example"), "555 5.5.4"),)),
    ("Accept-Authentication-Flag",
     {"hubAuthMechanism": "Tls", "hubGrant": "AnonymousUsers Accept-Authentication-Flag"}, None,
     ((mail("a@b.example", " AUTH=x@y.example"), "250"),)),
    # a stranger's delay after a refusal is ten minutes here
    ("Bypass-Anti-Spam", {"hubTarpitInterval": "600",
                          "hubGrant": "AnonymousUsers Bypass-Anti-Spam"}, None,
     ((mail("a@b.example"), "250"), (OUT, "550 5.7.1"), ("NOOP", "250"))),
)

# The header of a message that anna sends, and whether it may be sent.
AUTHORS = (
    (b"From: anna@contoso.com", True), (b"From: <anna@contoso.com>", True),
    (b"From: \"Anna, the (first)\" <ANNA@contoso.com>", True), (b"From: Anna\r\n <alias@contoso"
                                                                b".com>", True),
    (b"From: (c) anna@contoso.com (<bruno@contoso.com>)", True),
    (b"From: anna@contoso.com, alias@contoso.com", True),
    (b"From: Team: anna@contoso.com, <alias@contoso.com>;", True), (b"Subject: no author", True),
    (b"From: anna@contoso.com\r\nSender: alias@contoso.com", True),
    (b"From: anna@contoso.com\r\nReply-To: bruno@contoso.com", True),
    (b"From: anna@contoso.com\r\nResent-From: alias@contoso.com\r\nResent-To: bruno@contoso.com",
     True),
    (b"From: anna@contoso.com\r\nResent-From: bruno@contoso.com", False),
    (b"Resent-Sender: bruno@contoso.com\r\nFrom: anna@contoso.com", False),
    (b"From: bruno@contoso.com", False), (b"From: \"anna@contoso.com\" <bruno@contoso.com>", False),
    (b"from : bruno@contoso.com", False), (b"From:\r\n\tbruno@contoso.com", False),
    (b"From: anna@contoso.com, bruno@contoso.com", False),
    (b"From: anna@contoso.com\r\nFrom: bruno@contoso.com", False),
    (b"From: <anna@contoso.com> <bruno@contoso.com>", False),
    (b"From: (anna@contoso.com) bruno@contoso.com", False),
    (b"From: Team: bruno@contoso.com;", False), (b"From: Team:;", False), (b"From: anna", False),
    (b"From: \"anna@contoso.com", False), (b"From: <anna@contoso.com", False),
    (b"From: (anna@contoso.com", False), (b"From: x@outside.example", False),
    (b"From: anna@contoso.com\r\nSender: bruno@contoso.com", False),
    (b"From: " + b"x" * 1000 + b" <anna@contoso.com>", False),
)


class Permissions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rows = {"row %d" % n: dict(ANYBODY, **row[1]) for n, row in enumerate(TABLE)}
        rows.update({"open": ANYBODY, "external": dict(EXTERNAL, hubProtocolLogging="Verbose"),
                     "no users": dict(ANYBODY, hubDeny="HubUsers Submit"),
                     "trusts users": dict(ANYBODY, hubGrant="HubUsers Accept-Any-Sender"),
                     "hubs": dict(ANYBODY, hubAuthMechanism=["Tls", "HubServer"],
                                  hubPermissionGroup="HubServers")})
        cls.relay = relay = Relay(rows)
        cls.addClassCleanup(relay.close)
        d = relay.directory
        d.change("uid=anna,ou=People," + d.suffix, mailLocalAddress="alias@contoso.com")
        d.add(record("uid=bruno,ou=People," + d.suffix,
                     "inetOrgPerson inetLocalMailRecipient hubRecipient", uid="bruno", cn="bruno",
                     sn="bruno", mail="bruno@contoso.com", hubRefuseOutsideMail="TRUE"))
        d.add(record("uid=clara,ou=People," + d.suffix, "inetOrgPerson inetLocalMailRecipient",
                     uid="clara", cn="clara", sn="clara", userPassword=PASSWORD,
                     mailLocalAddress=["clara@contoso.com", "c.smith@contoso.com"]))
        relay.start()

    def client(self, name, user=None):
        client = Client(self.relay.ports[name])
        self.addCleanup(client.close)
        client.ehlo()
        if user is not None:
            self.assertRegex(client.plain(user, PASSWORD), "^235")
        return client

    def test_rights(self):
        for n, (what, attributes, user, said) in enumerate(TABLE):
            with self.subTest(what, **attributes):
                client = self.client("row %d" % n, user)
                for line, reply in said:
                    self.assertTrue(client.say(line).startswith(reply), (line, reply))

    def test_authors(self):
        """Without Accept-Any-Sender a user stands in From and Sender itself, or nobody does."""
        for header, own in AUTHORS:
            for name in ("open", "trusts users"):
                with self.subTest(header, connector=name):
                    client = self.client(name, "anna").begin("anna@contoso.com",
                                                             ["x@outside.example"])
                    reply = client.data(header + b"\r\n\r\nHello\r\n.\r\n")
                    self.assertRegex(reply, "^250" if own or name != "open" else "^550 5.7.1")
        with self.subTest("a stranger"):
            client = self.client("open").begin("a@b.example", ["anna@contoso.com"])
            self.assertRegex(client.data(b"From: bruno@contoso.com\r\n\r\n.\r\n"), "^250")

    def test_one_without_mail_has_addresses_too(self):
        for address, own in (("clara@contoso.com", True), ("C.Smith@contoso.com", True),
                             ("anna@contoso.com", False)):
            with self.subTest(address):
                client = self.client("open", "clara")
                self.assertRegex(client.say(mail(address)), "^250" if own else "^550 5.7.1")
        client = self.client("open", "clara").begin("clara@contoso.com", ["x@outside.example"])
        self.assertRegex(client.data(b"From: c.smith@contoso.com\r\n\r\nHello\r\n.\r\n"), "^250")

    def test_a_nul_hides_nobody(self):
        """Behind one some read no further: BINARYMIME has them in the body only."""
        for content, reply in (
                (b"From: bruno@contoso.com\0 <anna@contoso.com>\r\n\r\n", "^550 5.6.0"),
                (b"From: anna@contoso.com\r\n\r\n\0", "^250 2.6.0")):
            client = self.client("open", "anna").begin("anna@contoso.com", ["x@outside.example"],
                                                       " BODY=BINARYMIME")
            client.send(b"BDAT %d LAST\r\n" % len(content) + content)
            self.assertRegex(client.reply(), reply)

    def test_login_without_submit(self):
        with Client(self.relay.ports["no users"]) as client:
            self.assertFalse([word for word in client.ehlo() if word.startswith("AUTH")])
        client = self.client("no users")
        self.assertRegex(client.plain("anna", PASSWORD), "^502 5.5.1")
        self.assertRegex(client.say(mail("a@b.example")), "^250")

    def test_auth_says_whether_mail_is_from_outside(self):
        """For one who takes no mail from outside: AUTH=<> of a trusted peer is a stranger's."""
        bruno = "RCPT TO:<bruno@contoso.com>"
        for name, user, parameter, reply in (
                ("external", None, "", "^250"), ("external", None, " AUTH=x@y.example", "^250"),
                ("external", None, " AUTH=<>", "^550 5.7.1"), ("open", None, "", "^550 5.7.1"),
                ("open", None, " AUTH=bruno@contoso.com", "^550 5.7.1"),
                ("open", "anna", "", "^250"), ("open", "anna", " AUTH=<>", "^250")):
            with self.subTest(name, user=user, parameter=parameter):
                client = self.client(name, user)
                self.assertRegex(client.say(mail("anna@contoso.com", parameter)), "^250")
                self.assertRegex(client.say(bruno), reply)

    # --- the protocol log ---

    def noted(self, port):
        """The rights that the log says the session from that port had, one after the other."""
        def rows():
            found = []
            for name in sorted(glob.glob(os.path.join(self.relay.hub.state, "log", "protocol",
                                                      "smtp-receive", "*"))):
                with open(name, encoding="utf-8", newline="") as log:
                    found += [row for row in csv.reader(
                        line for line in log if not line.startswith("#"))
                              if len(row) == 9 and row[5] == "127.0.0.1:%d" % port]
            # the kernel gives a port again: sessions of earlier tests may have had it
            new = [row[2] for row in found if row[6] == "+" and row[0] >= self.began]
            found = [row for row in found if new and row[2] == new[-1]]
            return found if found and found[-1][6] == "-" else None
        return [row[7] for row in wait_for("the session in the log", rows)
                if row[8] == "Set Session Permissions"]

    def setUp(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        self.began = now.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (now.microsecond // 1000)

    def ended(self, client):
        port = client.socket.getsockname()[1]
        client.say("QUIT")
        client.close()
        return self.noted(port)

    def test_rights_are_shown_when_they_are_judged(self):
        """At the beginning, after STARTTLS, and after AUTH."""
        client = self.client("open")
        client.starttls().ehlo()
        client.plain("anna", PASSWORD)
        self.assertEqual(self.ended(client), ["anonymous: " + STRANGER, "anonymous: " + STRANGER,
                                              "user: " + USER])
        client = self.client("hubs").starttls(self.relay.hub.key)
        client.ehlo()
        self.assertEqual(self.ended(client), ["anonymous: None", "hub: " + HUB])
        self.assertEqual(self.ended(self.client("external")), ["external: " + EXTERNALLY])

    def test_live(self):
        """A grant and a denial of today hold for whoever comes now."""
        relay, name = self.relay, "cn=open," + self.relay.hub.dn()

        def reply(expected):
            with Client(relay.ports["open"]) as client:
                client.ehlo()
                client.say(mail("a@b.example"))
                return client.say(OUT).startswith(expected)

        self.assertTrue(reply("550 5.7.1"))
        for attributes, expected in ((dict(hubGrant="AnonymousUsers Accept-Any-Recipient"), "250"),
                                     (dict(hubDeny="AnonymousUsers Submit"), "503"),
                                     (dict(hubGrant=None, hubDeny=None), "550 5.7.1")):
            relay.directory.change(name, **attributes)
            wait_for(expected, lambda e=expected: reply(e))


if __name__ == "__main__":
    unittest.main()
