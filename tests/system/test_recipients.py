"""What becomes of a recipient: rewritten, refused, accepted (hub-routing(7), section 4).

Each address is also asked of "hubctl route explain", which must say what came to pass.
"""

import os
import smtplib
import unittest

from .harness.base import wait_for
from .harness.client import Client
from .harness.delivery import wait_report
from .harness.directory import record
from .harness.hub import in_step
from .harness.organization import Organization, message, send

STEPS = 20
ODD = {
    # mailRoutingAddress beside mailHost: the envelope is rewritten, nothing is looked up again
    "rewritten": {"mailRoutingAddress": "box-7@inside.contoso.com", "mailHost": "mbx1"},
    "moved": {"mailRoutingAddress": "moved@outside.example"},
    "renamed": {"mailRoutingAddress": "anna@contoso.com"},
    "ping": {"mailRoutingAddress": "pong@contoso.com"},
    "pong": {"mailRoutingAddress": "ping@contoso.com"},
    "homeless": {},
    "lost": {"mailHost": "gone.contoso.com"},
    "twin1": {"mailLocalAddress": "twin@contoso.com", "mailHost": "mbx1"},
    "twin2": {"mailLocalAddress": "twin@contoso.com", "mailHost": "mbx1"},
    "many": {"mailLocalAddress": ["many2@contoso.com", "Many3@Contoso.COM"], "mailHost": "MBX1"},
    "shy": {"mailHost": "mbx1", "hubRefuseOutsideMail": "TRUE"},
    "shy.relay": {"mail": "shy@relay.example", "mailHost": "mbx1", "hubRefuseOutsideMail": "TRUE"},
    "shy.free": {"mail": "shy@unvalidated.example", "mailHost": "mbx1",
                 "hubRefuseOutsideMail": "TRUE"},
    "known.relay": {"mail": "known@relay.example", "mailHost": "mbx1"},
    "deep": {"mail": "deep@deep.wild.example", "mailHost": "mbx1"},
    **{"step%d" % i: {"mailRoutingAddress": "step%d@contoso.com" % (i + 1)}
       for i in range(STEPS)},
    "step%d" % STEPS: {"mailHost": "mbx1"},
    "before": {"mailRoutingAddress": "step0@contoso.com"},
}
DOMAINS = {
    "relay.example": ("relay.example", "InternalRelay", None),
    "elsewhere.example": ("elsewhere.example", "ExternalRelay", None),
    "unvalidated.example": ("unvalidated.example", "Authoritative", "FALSE"),
    "wild.example": ("*.wild.example", "ExternalRelay", None),
    "deep.wild.example": ("deep.wild.example", "Authoritative", None),
}


class Recipients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        for name, attributes in ODD.items():
            org.directory.add(record(
                "uid=%s,ou=People,%s" % (name, org.directory.suffix),
                "inetOrgPerson inetLocalMailRecipient hubRecipient", uid=name, cn=name, sn=name,
                **dict({"mail": name + "@contoso.com"}, **attributes)))
        for name, (domain, kind, validation) in DOMAINS.items():
            org.directory.add(record(org.directory.dn(name, "Accepted Domains"),
                                     "hubAcceptedDomain", cn=name, hubDomain=domain,
                                     hubDomainType=kind, hubRecipientValidation=validation))
        org.start()

    def submit(self, *addresses, sender="bruno@contoso.com"):
        """At Paris, from an application: nothing is refused there but by the directory's word."""
        token, data = message(sender=sender, to=addresses[0])
        send(self.org.application_port, sender, addresses, data)
        return token

    def mailbox(self, address, **submission):
        """The recipients that the mailbox server was given, message by message."""
        token = self.submit(address, **submission)
        return [m.recipients for m in self.org.mailbox.wait(token)]

    def outside(self, address):
        token = self.submit(address)
        return [m.recipients for m in self.org.smart_host.wait(token)]

    def reported(self, address, status):
        token = self.submit(address)
        fields = wait_report(self.org.mailbox, token, address).recipient(address)
        self.assertEqual(fields["Status"], status)
        return fields["Diagnostic-Code"]

    def refusal(self, address, port=None):
        """What a stranger is told at RCPT; None if the address is taken."""
        with Client(port or self.org.internet_port) as client:
            client.ehlo()
            client.say("MAIL FROM:<someone@outside.example>")
            reply = client.say("RCPT TO:<%s>" % address)
        return None if reply.startswith("250") else reply[:9]

    def explain(self, address, decision, server="paris1", **known):
        told = self.org.explain(server, address)
        self.assertEqual(told["decision"], decision, told)
        for key, value in known.items():
            self.assertEqual(told[key], value, key)
        return told

    # --- mailRoutingAddress ---

    def test_rewritten_for_the_mailbox_server(self):
        self.assertEqual(self.mailbox("rewritten@contoso.com"), [["box-7@inside.contoso.com"]])
        self.explain("rewritten@contoso.com", "mailbox", envelope="box-7@inside.contoso.com")
        # a hub that only relays keeps the address, so that the last one finds the mailbox by it
        self.explain("rewritten@contoso.com", "relay", "london1", envelope="rewritten@contoso.com")

    def test_rewritten_address_is_looked_up_again(self):
        self.assertEqual(self.outside("moved@contoso.com"), [["moved@outside.example"]])
        self.explain("moved@contoso.com", "relay", connector="To Internet",
                     envelope="moved@outside.example")
        self.assertEqual(self.mailbox("renamed@contoso.com"), [["anna@contoso.com"]])

    def test_twenty_steps_and_no_more(self):
        self.assertEqual(self.mailbox("step0@contoso.com"), [["step%d@contoso.com" % STEPS]])
        self.explain("step0@contoso.com", "mailbox")
        for address in ("before@contoso.com", "ping@contoso.com"):
            with self.subTest(address):
                self.assertIn("mailRoutingAddress", self.reported(address, "5.4.6"))
                self.explain(address, "report", status="5.4.6")

    # --- who is nobody's ---

    def test_without_a_mailbox_server(self):
        self.assertIn("no mailHost", self.reported("homeless@contoso.com", "5.1.1"))
        self.assertIn("gone.contoso.com", self.reported("lost@contoso.com", "5.1.1"))
        for address in ("homeless@contoso.com", "lost@contoso.com"):
            self.explain(address, "report", status="5.1.1")
        warned = ["1 recipient has mailHost gone.contoso.com, which names no mailbox server",
                  "1 recipient has no mailHost"]
        status = self.org.paris1.ctl("config", "status")
        for server in status["servers"]:
            self.assertEqual(sorted(w for w in server["warnings"] if "mailHost" in w), warned)

    def test_warning_follows_the_directory(self):
        org, dn = self.org, self.org.directory.dn("new1", "Servers")

        def warnings():
            return org.paris1.ctl("config", "status")["servers"][0]["warnings"]
        org.apply(lambda: org.directory.add(record(dn, "hubMailboxServer", cn="new1",
                                                   hubFQDN="gone.contoso.com")))
        self.assertFalse([w for w in warnings() if "gone" in w])
        org.apply(lambda: org.directory.delete(dn))
        self.assertTrue([w for w in warnings() if "gone" in w])

    def test_two_entries_for_one_address(self):
        self.assertEqual(self.refusal("twin@contoso.com"), "550 5.1.4")
        with self.assertRaises(smtplib.SMTPRecipientsRefused):
            self.submit("twin@contoso.com")
        self.explain("twin@contoso.com", "report", status="5.1.4")
        # accepted before anybody looked: a report, and the mailboxes get nothing
        self.org.change(self.domain("contoso.com"), hubRecipientValidation="FALSE")
        self.addCleanup(self.org.change, self.domain("contoso.com"), hubRecipientValidation=None)
        self.reported("twin@contoso.com", "5.1.4")

    def domain(self, name):
        return self.org.directory.dn(name, "Accepted Domains")

    def test_one_mailbox_gets_one_copy(self):
        token = self.submit("many@contoso.com", "MANY2@contoso.com", "many3@contoso.com",
                            "anna@contoso.com", "renamed@contoso.com")
        last = self.submit("anna@contoso.com")
        self.org.mailbox.wait(last)
        got = self.org.mailbox.wait(token)
        self.assertEqual([m.recipients for m in got], [["many@contoso.com", "anna@contoso.com"]])

    # --- accepted domains ---

    def test_unknown_is_refused_where_validation_is_on(self):
        for address, reply in (("nobody@contoso.com", "550 5.1.1"),
                               ("nobody@deep.wild.example", "550 5.1.1"),
                               ("nobody@unvalidated.example", None),
                               ("nobody@relay.example", None),
                               ("nobody@elsewhere.example", None),
                               ("nobody@other.wild.example", None),
                               ("nobody@wild.example", None),
                               ("nobody@nowhere.example", "550 5.7.1")):
            with self.subTest(address):
                self.assertEqual(self.refusal(address), reply)
        self.assertIn("no recipient", self.reported("nobody@unvalidated.example", "5.1.1"))

    def test_internal_relay(self):
        self.assertEqual(self.mailbox("known@relay.example"), [["known@relay.example"]])
        self.assertEqual(self.outside("unknown@relay.example"), [["unknown@relay.example"]])
        self.explain("known@relay.example", "mailbox", connector=None)
        self.explain("unknown@relay.example", "relay", connector="To Internet")

    def test_external_relay(self):
        self.assertEqual(self.outside("any@elsewhere.example"), [["any@elsewhere.example"]])
        self.explain("any@elsewhere.example", "relay", connector="To Internet")

    def test_the_most_specific_accepted_domain_counts(self):
        self.assertEqual(self.mailbox("deep@deep.wild.example"), [["deep@deep.wild.example"]])
        self.assertEqual(self.outside("deep@wild.example"), [["deep@wild.example"]])
        self.assertEqual(self.outside("deep@high.wild.example"), [["deep@high.wild.example"]])

    def test_accepted_domains_are_live(self):
        org, dn = self.org, self.domain("late.example")
        self.assertEqual(self.refusal("a@late.example"), "550 5.7.1")
        org.apply(lambda: org.directory.add(record(
            dn, "hubAcceptedDomain", cn="late.example", hubDomain="late.example")))
        self.assertEqual(self.refusal("a@late.example"), "550 5.1.1")
        org.change(dn, hubDomainType="InternalRelay")
        self.assertEqual(self.outside("a@late.example"), [["a@late.example"]])
        org.change(dn, hubEnabled="FALSE")
        self.assertEqual(self.refusal("a@late.example"), "550 5.7.1")

    # --- postmaster ---

    def test_postmaster(self):
        org = self.org
        self.addCleanup(org.change, org.directory.base, hubPostmaster=None)
        for address in ("postmaster", "Postmaster@contoso.com", "postmaster@unvalidated.example"):
            self.assertIsNone(self.refusal(address), address)
        waiting = self.submit("postmaster")
        wait_for("it waits", lambda: org.paris1.events("unreachable", to="postmaster"))
        self.explain("postmaster", "unreachable")
        org.change(org.directory.base, hubPostmaster="clara@contoso.com")
        self.assertEqual([m.recipients for m in org.mailbox.wait(waiting)], [["clara@contoso.com"]])
        self.explain("postmaster@contoso.com", "mailbox", envelope="clara@contoso.com")
        self.assertEqual(self.mailbox("POSTMASTER@unvalidated.example"), [["clara@contoso.com"]])
        org.change(org.directory.base, hubPostmaster="anna@contoso.com")
        self.assertEqual(self.mailbox("postmaster"), [["anna@contoso.com"]])
        # a domain that is relayed has a postmaster of its own
        self.assertEqual(self.outside("postmaster@elsewhere.example"),
                         [["postmaster@elsewhere.example"]])

    def test_reports_come_from_the_postmaster(self):
        org, base = self.org, self.org.directory.base
        self.addCleanup(org.change, base, hubPostmaster=None, hubDefaultAcceptedDomain=None)

        def sender():
            token = self.submit("homeless@contoso.com")
            return wait_report(org.mailbox, token, "homeless@contoso.com").message["From"]
        self.assertIn("<postmaster@paris1.contoso.com>", sender())
        org.change(base, hubDefaultAcceptedDomain=self.domain("relay.example"))
        self.assertIn("<postmaster@relay.example>", sender())
        org.change(base, hubPostmaster="clara@contoso.com")
        self.assertIn("<clara@contoso.com>", sender())

    # --- plus-addressing, and who wants no mail from outside ---

    def test_plus_addressing_is_off_by_default(self):
        org, base = self.org, self.org.directory.base
        self.assertEqual(self.refusal("anna+list@contoso.com"), "550 5.1.1")
        self.explain("anna+list@contoso.com", "report", status="5.1.1")
        org.change(base, hubPlusAddressing="TRUE")
        self.addCleanup(org.change, base, hubPlusAddressing=None)
        self.assertEqual(self.mailbox("anna+list@contoso.com"), [["anna+list@contoso.com"]])
        self.explain("anna+list@contoso.com", "mailbox")
        self.assertEqual(self.refusal("nobody+list@contoso.com"), "550 5.1.1")
        token = self.submit("anna+list@contoso.com", "anna@contoso.com")
        self.assertEqual([len(m.recipients) for m in org.mailbox.wait(token)], [1])

    def test_no_mail_from_outside(self):
        self.assertEqual(self.refusal("shy@contoso.com"), "550 5.7.1")
        self.assertEqual(self.mailbox("shy@contoso.com"), [["shy@contoso.com"]])

    def test_no_mail_from_outside_where_nobody_must_exist(self):
        """Internal relay domains, and those whose recipients are not checked at RCPT."""
        for domain in ("relay.example", "unvalidated.example"):
            self.assertEqual(self.refusal("shy@" + domain), "550 5.7.1", domain)
            self.assertIsNone(self.refusal("nobody@" + domain), domain)
            self.assertEqual(self.mailbox("shy@" + domain), [["shy@" + domain]])


class NotLoaded(unittest.TestCase):
    def test_before_the_recipients_are_there(self):
        """A hub that knows the organization by its cache, but nobody yet, asks to wait."""
        org = Organization().start()
        self.addCleanup(org.close)
        hub = org.london1
        wait_for("the cache", lambda: "london1" in hub.cache("organization"))
        org.directory.stop()
        hub.stop()
        cache = os.path.join(hub.state, "cache")
        for name in os.listdir(cache):
            if name.startswith("recipients"):
                os.unlink(os.path.join(cache, name))
        hub.start()
        with Client(org.internet_port) as client:
            client.ehlo()
            client.say("MAIL FROM:<someone@outside.example>")
            self.assertRegex(client.say("RCPT TO:<anna@contoso.com>"), r"^451 4\.3\.0")
            self.assertRegex(client.say("RCPT TO:<postmaster>"), "^250")
        org.directory.start()
        in_step(org.hubs)

        def taken():
            try:
                token, data = message()
                send(org.internet_port, "a@outside.example", ["anna@contoso.com"], data)
                return token
            except OSError:
                return None
        org.mailbox.wait(wait_for("anna is known", taken))


if __name__ == "__main__":
    unittest.main()
