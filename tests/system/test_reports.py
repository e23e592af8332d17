"""What reports say: to whom, for every kind of end, over hops that know DSN and hops that do not.

Each report that is looked at here keeps all rules of harness/report_rules.py as well.
"""

import os
import unittest
import uuid

from .harness.base import free_port, wait_for
from .harness.client import Client
from .harness.delivery import QUICK, Report, wait_report
from .harness.directory import record
from .harness.organization import Organization
from .harness.peers import Sink
from .harness.postfix import Postfix

SENDER = "anna@contoso.com"
OUTSIDE = "someone@outside.example"
PLAIN = ("PIPELINING", "ENHANCEDSTATUSCODES", "SIZE 0")

# What a next hop says to RCPT, and of the text for people: what happened, what to do.
WORDS = {
    "550 5.1.1 no such user": ("does not exist", "Check the address"),
    "550 5.1.2 no such domain": ("leads nowhere", "behind the @"),
    "553 5.1.3 bad syntax": ("not written as", "blanks"),
    "550 5.1.6 moved": ("has moved", "new address"),
    "550 5.1.8 who are you": ("your own address", "mail administrator"),
    "556 5.1.10 null MX": ("takes no mail at all", "in another way"),
    "550 5.2.1 disabled": ("switched off", "Tell the recipient"),
    "552 5.2.2 over quota": ("is full", "in a few days"),
    "552 5.2.3 too long": ("larger than this recipient", "without attachments"),
    "552 5.3.4 too big for us": ("too large", "without attachments"),
    "554 5.4.6 loop": ("in a circle", "forwarding"),
    "554 5.5.3 crowd": ("more recipients", "fewer"),
    "554 5.6.1 ugly": ("content", "plain text"),
    "550 5.7.1 not for you": ("not permitted", "ask its owner"),
    "550 5.7.26 DMARC says no": ("that the message is yours", "administrator"),
    "550 5.7.509 blocked": ("reasons of security", "links and attachments"),
    "550 nothing more": ("was refused", "mail administrator"),
}


class Reports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization(mailbox=lambda place: Sink(
            place, lmtp=True, offers=(*PLAIN, "8BITMIME", "SMTPUTF8")))
        cls.addClassCleanup(org.close)
        cls.able = Sink(org.place, offers=(*PLAIN, "8BITMIME", "SMTPUTF8", "DSN"))
        cls.seven = Sink(org.place, offers=PLAIN)
        cls.after_postfix = Sink(org.place)
        people = "uid=%s,ou=People," + org.directory.suffix
        for name, members in (("staff", ("bruno", "clara")), ("hidden", ("secretname",))):
            org.directory.add(record(
                "cn=%s,ou=People,%s" % (name, org.directory.suffix),
                "groupOfNames hubMailGroup hubRecipient", cn=name, mail=name + "@contoso.com",
                member=[people % member for member in members]))
        org.directory.add(org.person("secretname"))
        # who has left: his address leads outside
        org.directory.add(record(people % "left", "inetOrgPerson inetLocalMailRecipient",
                                 uid="left", cn="left", sn="left", mail="left@contoso.com",
                                 mailRoutingAddress="private.address@far.example"))
        org.start()
        drop = org.place.directory("drop")
        os.mkdir(os.path.join(drop, "To fax"))
        org.apply(lambda: [
            *[org.directory.change(hub.dn(), **QUICK) for hub in org.hubs],
            org.directory.change("cn=Applications,%s" % org.paris1.dn(), hubMaxRecipients="2000"),
            org.directory.change(org.london2.dn(), hubDropRoot=drop),
            org.directory.add(record(org.connector("To fax"), "hubForeignConnector", cn="To fax",
                                     hubAddressSpace="FAX:*", hubDropQuota="10",
                                     hubSourceServer=org.london2.dn()))])
        cls.postfix = Postfix(org.place, free_port(), {
            "relayhost": "[127.0.0.1]:%d" % cls.after_postfix.port,
            "transport_maps": "inline:{ contoso.com=smtp:[127.0.0.1]:%d }" % org.internet_port,
        }).start()
        for name, port in (("able", cls.able.port), ("seven", cls.seven.port),
                           ("postfix", cls.postfix.port)):
            org.send_connector("To " + name, hubAddressSpace="SMTP:%s.example" % name,
                               hubSmartHost="[127.0.0.1]:%d" % port, hubDNSRouting="FALSE",
                               hubSourceServer=org.london2.dn())

    def submit(self, *recipients, sender=SENDER, parameters="", port=None, header=b"",
               body=b"Hello\r\n"):
        """Recipients with their parameters behind a blank, "%s" for the token; returns that."""
        token = uuid.uuid4().hex
        with Client(port or self.org.application_port) as client:
            client.ehlo()
            said = ["MAIL FROM:<%s> %s" % (sender, parameters)]
            for recipient in recipients:
                address, _, options = recipient.replace("%s", token).partition(" ")
                said.append("RCPT TO:<%s> %s" % (address, options))
            client.send("".join(line.strip() + "\r\n" for line in said))
            for line in said:
                self.assertEqual(client.reply()[:3], "250", line)
            self.assertEqual(client.data(
                b"Message-ID: <%s@test.example>\r\n" % token.encode() + header + b"\r\n" + body +
                b".\r\n")[:3], "250")
        return token

    def answer(self, sink, prefix, reply):
        sink.answer(prefix, reply)
        self.addCleanup(sink.answer, prefix, None)

    def reports(self, sink, token):
        return [Report(m) for m in sink.find(token) if m.sender == ""]

    def test_words(self):
        """Every kind of refusal in one message: one report, each recipient with its own words."""
        sink = self.org.smart_host
        addresses = {reply: "w%d@far.example" % i for i, reply in enumerate(WORDS)}
        for reply, address in addresses.items():
            self.answer(sink, "RCPT TO:<%s" % address, reply)
        token = self.submit("fine@far.example", *addresses.values(),
                            header=b"Subject: Figures of the quarter\r\n")
        report = wait_report(self.org.mailbox, token, "w0@far.example")
        text = " ".join(report.text.get_content().split())
        for reply, (what, todo) in WORDS.items():
            with self.subTest(reply):
                fields = report.recipient(addresses[reply])
                self.assertEqual(fields["Diagnostic-Code"], "smtp; " + reply)
                self.assertEqual(fields["Remote-MTA"], "dns; [127.0.0.1]")
                # its own paragraph: from its address to the next one
                own = text.partition(addresses[reply])[2].partition("Your message could not")[0]
                self.assertIn("The mail server 127.0.0.1 answered: " + reply, own)
                self.assertIn(what, own.partition(reply)[0])
                self.assertIn(todo, own.partition(reply)[2])
        with self.subTest("the message"):
            self.assertEqual(report.message["Subject"], "Undeliverable: Figures of the quarter")
            self.assertEqual(report.message["In-Reply-To"], "<%s@test.example>" % token)
            self.assertEqual(report.message["References"], "<%s@test.example>" % token)
            self.assertIn("subject: Figures of the quarter", text)
            self.assertNotIn("fine@", text)
            self.assertEqual(len(self.reports(self.org.mailbox, token)), 1)

    def test_mixed_in_one_report(self):
        """What one attempt brought about: one delivered, one refused, one full at the end."""
        mailbox = self.org.mailbox
        self.answer(mailbox, "RCPT TO:<secretname", "550 5.2.1 off")
        self.answer(mailbox, "(body) clara", "552 5.2.2 full")
        token = self.submit("anna@contoso.com", "bruno@contoso.com NOTIFY=SUCCESS",
                            "clara@contoso.com", "secretname@contoso.com NOTIFY=SUCCESS,FAILURE",
                            parameters="ENVID=m1")
        report = wait_report(mailbox, token, "clara@contoso.com")
        self.assertEqual({f["Final-Recipient"].split("; ")[1]: f["Action"]
                          for f in report.per_recipient},
                         {"bruno@contoso.com": "delivered", "clara@contoso.com": "failed",
                          "secretname@contoso.com": "failed"})
        self.assertTrue(report.message["Subject"].startswith("Undeliverable"))
        self.assertEqual(len(self.reports(mailbox, token)), 1)
        self.assertEqual(report.original.get_content_type(), "message/rfc822")

    def test_group(self):
        """RFC 3461 section 5.2.7.3: success ends at the group, failure names the member."""
        org = self.org
        with self.subTest("success"):
            token = self.submit("staff@contoso.com NOTIFY=SUCCESS ORCPT=rfc822;Staff@contoso.com")
            report = wait_report(org.mailbox, token, "staff@contoso.com")
            fields = report.recipient("staff@contoso.com")
            self.assertEqual((fields["Action"], fields["Status"]), ("expanded", "2.1.5"))
            self.assertEqual(fields["Original-Recipient"], "rfc822; Staff@contoso.com")
            wait_for("both have it", lambda: len(
                [m for m in org.mailbox.find(token) if m.sender == SENDER]) == 1)
            self.assertEqual(len(self.reports(org.mailbox, token)), 1)
            # told of what is safe: the members' copy was in the spool first
            told = report.message["Message-ID"].strip("<").partition(".")[0]
            copy = wait_for("the end of it", lambda: org.paris1.events(
                "delivered", to="clara@contoso.com", **{"from": SENDER}))[-1]["message"]
            self.assertLess(int(copy, 16), int(told, 16))
        self.answer(org.mailbox, "RCPT TO:<clara", "550 5.2.1 clara@contoso.com is off")
        with self.subTest("a member fails, and success was not all"):
            token = self.submit("staff@contoso.com NOTIFY=SUCCESS,FAILURE")
            report = wait_report(org.mailbox, token, "clara@contoso.com")
            self.assertEqual(report.addresses(), ["clara@contoso.com"])
            self.assertIn("you wrote to staff@contoso.com", report.text.get_content())
            wait_report(org.mailbox, token, "staff@contoso.com")
        with self.subTest("only success: no word of the member"):
            token = self.submit("staff@contoso.com NOTIFY=SUCCESS")
            wait_report(org.mailbox, token, "staff@contoso.com")
            wait_for("it failed", lambda: len(
                org.paris1.events("failed", to="clara@contoso.com")) >= 2)

    def test_outside_is_told_no_secrets(self):
        """Neither who is in a group nor where an address leads nor how servers are called."""
        org = self.org
        self.answer(org.mailbox, "RCPT TO:<secretname",
                    "550 5.2.2 <SecretName@contoso.com> is full")
        self.answer(org.smart_host, "RCPT TO:<private", "550 5.1.1 private.address left")
        # london1 rewrites, and another hub reports; whoever gives an ORCPT has his own back
        made_up = " ORCPT=rfc822;x@evil.example"
        cases = (("hidden@contoso.com", "", "5.2.2", "<hidden@contoso.com> is full"),
                 ("left@contoso.com", "", "5.1.1", "550 5.1.1"),
                 ("hidden@contoso.com", made_up, "5.2.2", "550 5.2.2 <x@evil.example> is full"),
                 ("left@contoso.com", made_up, "5.1.1", "550 5.1.1"))
        for address, orcpt, status, words in cases:
            with self.subTest(address + orcpt):
                token = self.submit(address + orcpt, sender=OUTSIDE, port=org.internet_port)
                address = "x@evil.example" if orcpt else address
                report = wait_report(org.smart_host, token, address)
                fields = report.recipient(address)
                self.assertEqual((fields["Status"], report.addresses()), (status, [address]))
                self.assertTrue(fields["Diagnostic-Code"].endswith(words))
                self.assertIsNone(fields["Remote-MTA"])
                self.assertIsNone(report.per_message["Received-From-MTA"])
                data = report.envelope.data.lower()
                for secret in (b"secretname", b"private", b"mbx1", b"127.0.0.1]:", b"london1"):
                    self.assertNotIn(secret, data.partition(b"from: mail delivery")[2])
        with self.subTest("a colleague is told"):
            token = self.submit("hidden@contoso.com")
            fields = wait_report(org.mailbox, token, "secretname@contoso.com").per_recipient[0]
            self.assertEqual(fields["Diagnostic-Code"],
                             "smtp; 550 5.2.2 <SecretName@contoso.com> is full")
            self.assertEqual(fields["Remote-MTA"], "dns; mbx1.contoso.com")

    def test_outside_is_told_once_for_a_group(self):
        self.answer(self.org.mailbox, "RCPT TO:<", "550 5.7.1 nobody")
        token = self.submit("staff@contoso.com", sender=OUTSIDE, port=self.org.internet_port)
        report = wait_report(self.org.smart_host, token, "staff@contoso.com")
        self.assertEqual(report.addresses(), ["staff@contoso.com"])

    def test_over_postfix(self):
        """A hop that knows DSN: what we hand over comes back in its own reports, and only there."""
        org = self.org
        self.answer(self.after_postfix, "RCPT TO:<no", "550 5.1.1 never heard of")
        token = self.submit(
            "no.%s@postfix.example NOTIFY=FAILURE ORCPT=rfc822;alias+2B@old.example",
            "yes@postfix.example NOTIFY=SUCCESS ORCPT=rfc822;second@old.example",
            "silent@postfix.example NOTIFY=NEVER", "no.quiet@postfix.example NOTIFY=NEVER",
            parameters="RET=HDRS ENVID=our+2Bid")
        self.after_postfix.wait(token)
        found = wait_for("both reports of Postfix", lambda: [
            m for m in org.mailbox.find(token) if m.sender == "" and
            b"Original-Envelope-Id: our+id" in m.data] if len(org.mailbox.find(token)) >= 2
            else None)
        text = b"".join(m.data for m in found)
        self.assertIn(b"Original-Recipient: rfc822;alias+@old.example", text.replace(b"; ", b";"))
        self.assertIn(b"Original-Recipient: rfc822;second@old.example", text.replace(b"; ", b";"))
        self.assertIn(b"Action: relayed", text)
        self.assertNotIn(b"silent@", text.partition(b"text/rfc822-headers")[0])
        self.assertNotIn(b"no.quiet@", text)
        self.assertEqual(text.count(b"Reporting-MTA: dns; postfix.example"), 2)
        self.assertNotIn(b".contoso.com\r\nReceived-From", text)
        self.assertEqual(len([m for m in org.mailbox.find(token) if m.sender == ""]), 2)

    def test_utf8(self):
        """RFC 6533, and the same for a sender whose way takes seven bits only."""
        org = self.org
        self.answer(self.able, "RCPT TO:<no", "550 5.1.1 not here")
        subject = "Gr\u00fc\u00dfe"
        with self.subTest("all of it"):
            token = self.submit("no.j\u00f6rg@able.example ORCPT=utf-8;j\u00f6rg@old.example",
                                parameters="SMTPUTF8 BODY=8BITMIME",
                                header=b"Subject: " + subject.encode() + b"\r\n")
            report = wait_for("the report", lambda: self.reports(org.mailbox, token))[0]
            self.assertEqual([part.get_content_type() for part in report.message.get_payload()],
                             ["text/plain", "message/global-delivery-status", "message/global"])
            raw = report.envelope.data
            self.assertIn("Final-Recipient: utf-8; no.j\u00f6rg@able.example".encode(), raw)
            self.assertIn("Original-Recipient: utf-8; j\u00f6rg@old.example".encode(), raw)
            self.assertEqual(report.message["Subject"], "Undeliverable: " + subject)
            self.assertIn(subject, report.text.get_content())
        with self.subTest("headers only"):
            token = self.submit("no.j\u00f6rg@able.example", parameters="SMTPUTF8 RET=HDRS")
            report = wait_for("the report", lambda: self.reports(org.mailbox, token))[0]
            self.assertEqual(report.original.get_content_type(), "message/global-headers")
        with self.subTest("seven bits"):
            token = self.submit("no.j\u00f6rg@able.example", sender="x@seven.example",
                                parameters="SMTPUTF8 BODY=8BITMIME",
                                body="Gr\u00fc\u00dfe\r\n".encode())
            report = wait_for("the report", lambda: self.reports(self.seven, token))[0]
            self.assertTrue(report.envelope.data.isascii())
            self.assertIn("no.j\u00f6rg@able.example", report.text.get_content())
            self.assertEqual(report.status.get_content_type(), "message/global-delivery-status")
            self.assertIn(b"Final-Recipient: utf-8; no.j=C3=B6rg@able.example",
                          report.envelope.data)

    def test_eight_bits_over_seven(self):
        self.answer(self.org.smart_host, "RCPT TO:<no", "550 5.1.1 not here")
        token = self.submit(
            "no@far.example", sender="x@seven.example", parameters="BODY=8BITMIME RET=FULL",
            header=b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                   b"Content-Transfer-Encoding: 8bit\r\n", body="Gr\u00fc\u00dfe\r\n".encode())
        report = wait_report(self.seven, token, "no@far.example")
        self.assertTrue(report.envelope.data.isascii())
        inner = report.original.get_payload()[0]
        self.assertEqual(inner.get_content().strip(), "Gr\u00fc\u00dfe")

    def test_delay_tells_of_each(self):
        """What each was put off with; delivered later, who asked for that is told as well."""
        org = self.org
        rows = {"full": "452 4.2.2 full for now", "grey": "451 4.7.1 come back in a minute"}
        for name, reply in rows.items():
            self.answer(org.smart_host, "RCPT TO:<late." + name, reply)
        token = self.submit("late.full@far.example NOTIFY=DELAY,SUCCESS",
                            "late.grey@far.example", "late.full2@far.example NOTIFY=SUCCESS")
        for name in rows:
            wait_for("put off", lambda: org.london2.events(
                "deferred", to="late.%s@far.example" % name))
        self.addCleanup(org.change, org.london2.dn(), hubDelayNotification=None)
        org.change(org.london2.dn(), hubDelayNotification="1")
        report = wait_report(org.mailbox, token, "late.full@far.example")
        self.assertEqual(report.addresses(), ["late.full@far.example", "late.grey@far.example"])
        for name, reply in rows.items():
            fields = report.recipient("late.%s@far.example" % name)
            self.assertEqual(fields["Diagnostic-Code"], "smtp; " + reply)
            self.assertEqual(fields["Status"], reply.split()[1])
            self.assertEqual(fields["Remote-MTA"], "dns; [127.0.0.1]")
        text = " ".join(report.text.get_content().split())
        self.assertIn("You need not do anything", text)
        self.assertTrue(report.message["Subject"].startswith("Delayed: "))
        with self.subTest("once, also over a restart"):
            self.assertEqual(org.london2.stop(), 0)
            org.london2.start()
            wait_for("tried again", lambda: len([c for c in org.smart_host.commands
                                                 if c.startswith("RCPT TO:<late.full")]) > 2)
        for name in rows:
            org.smart_host.answer("RCPT TO:<late." + name, None)
        org.smart_host.wait(token)
        wait_for("the report of success", lambda: len(self.reports(org.mailbox, token)) > 1)
        delayed, done = self.reports(org.mailbox, token)
        self.assertEqual(done.addresses(), ["late.full2@far.example", "late.full@far.example"])
        self.assertEqual({f["Action"] for f in done.per_recipient}, {"relayed"})

    def test_expired(self):
        """With the last words of the peer, for those who may have them."""
        org = self.org
        self.answer(org.smart_host, "RCPT TO:<old", "452 4.2.2 full all the time")
        token = self.submit("old@far.example", "old.silent@far.example NOTIFY=DELAY")
        wait_for("put off", lambda: org.london2.events("deferred", to="old@far.example"))
        self.addCleanup(org.change, org.london2.dn(), hubMessageExpiration=None)
        org.change(org.london2.dn(), hubMessageExpiration="5")
        report = wait_report(org.mailbox, token, "old@far.example")
        fields = report.recipient("old@far.example")
        self.assertEqual((fields["Action"], fields["Status"], fields["Diagnostic-Code"]),
                         ("failed", "4.4.7", "smtp; 452 4.2.2 full all the time"))
        self.assertEqual(report.addresses(), ["old@far.example"])
        self.assertIn("in the time allowed", report.text.get_content())

    def test_no_report_of_a_report(self):
        """It cannot be delivered, and that is all."""
        org = self.org
        self.answer(org.smart_host, "MAIL FROM:<>", "550 5.7.1 no bounces here")
        self.answer(org.mailbox, "RCPT TO:<anna", "550 5.2.1 off")
        token = self.submit("anna@contoso.com", sender=OUTSIDE)
        wait_for("it fails", lambda: [
            e for hub in org.hubs for e in hub.events("failed", to=OUTSIDE) if e["from"] == ""])
        for sink in (org.mailbox, org.smart_host, self.able, self.seven):
            self.assertFalse(sink.find(token))

    def test_another_type_of_address(self):
        """fax:, whose folder is full."""
        token = self.submit("IMCEAFAX-+2B49+2030@contoso.com")
        report = wait_report(self.org.mailbox, token, "IMCEAFAX-+2B49+2030@contoso.com")
        self.assertEqual(report.per_recipient[0]["Status"], "5.3.4")
        self.assertIn("FAX:+49 30", report.text.get_content())

    def test_long_words(self):
        """A reply of 100 KB, and one word without an end."""
        sink = self.org.smart_host
        self.answer(sink, "RCPT TO:<long", "\r\n".join(
            ["550-5.1.1 " + "endless talk \t\x07\u00e4 " * 70] * 90 + ["550 5.1.1 end"]))
        self.answer(sink, "RCPT TO:<word", "550 5.1.1 " + "x" * 1900)
        token = self.submit("long@far.example", "word@far.example")
        report = wait_report(self.org.mailbox, token, "long@far.example")
        words = report.recipient("long@far.example")["Diagnostic-Code"]
        self.assertTrue(words.endswith("[...]") and 1900 < len(words) < 2400, words[-80:])
        self.assertIn("x" * 300, report.recipient("word@far.example")["Diagnostic-Code"])

    def test_large_original(self):
        """Long lines and a long header come back; what is larger than is sensible does not."""
        org = self.org
        self.answer(org.smart_host, "RCPT TO:<no", "550 5.1.1 not here")
        header = b"".join(b"X-Filler-%d: %s\r\n" % (i, b"y" * 900) for i in range(60))
        with self.subTest("header"):
            token = self.submit("no@far.example", parameters="RET=HDRS", header=header)
            report = wait_report(org.mailbox, token, "no@far.example")
            self.assertIn(b"X-Filler-59", report.envelope.data)
        with self.subTest("a line that should not be so long"):
            token = self.submit("no@far.example", body=b"w" * 5000 + b"\r\n")
            report = wait_report(org.mailbox, token, "no@far.example")
            self.assertIn(b"w" * 5000, report.envelope.data)
        with self.subTest("RET=FULL has an end"):
            token = self.submit("no@far.example", parameters="RET=FULL",
                                body=(b"z" * 78 + b"\r\n") * 132000)
            report = wait_report(org.mailbox, token, "no@far.example")
            self.assertEqual(report.original.get_content_type(), "text/rfc822-headers")

    def test_many_recipients(self):
        """A report about a thousand names some to its reader and all to programs."""
        self.answer(self.org.smart_host, "RCPT TO:<m", "550 5.1.1 not here")
        addresses = ["m%d@far.example" % i for i in range(1000)]
        token = self.submit(*addresses)
        report = wait_report(self.org.mailbox, token, "m0@far.example")
        self.assertEqual(report.addresses(), sorted(addresses))
        text = report.text.get_content()
        self.assertIn("and 950 more", text)
        self.assertLess(len(text), 10000)
        self.assertLess(len(report.envelope.data), 400000)

    def test_same_mailbox_twice(self):
        """One copy, and what was asked for either name is told."""
        org = self.org
        token = self.submit("bruno@contoso.com NOTIFY=NEVER", "Bruno@contoso.com NOTIFY=SUCCESS")
        report = wait_report(org.mailbox, token, "bruno@contoso.com")
        self.assertEqual(report.per_recipient[0]["Action"], "delivered")
        self.assertEqual(len([m for m in org.mailbox.find(token) if m.sender == SENDER]), 1)

    def test_own_words_stay_inside(self):
        """What our servers say of each other is for colleagues."""
        org = self.org
        self.answer(org.smart_host, "RCPT TO:<private", "450 4.2.0 private.address")
        for sender, sink, port in ((SENDER, org.mailbox, org.application_port),
                                   (OUTSIDE, org.smart_host, org.internet_port)):
            token = self.submit("left@contoso.com", sender=sender, port=port)
            wait_for("put off", lambda: org.london2.events(
                "deferred", to="private.address@far.example", **{"from": sender}))
            waiting = [m for m in org.london2.ctl("message", "list")["messages"]
                       if m["from"] == sender]
            org.london2.ctl("message", "remove", waiting[0]["id"])
            address = "private.address@far.example" if sender == SENDER else "left@contoso.com"
            report = wait_report(sink, token, address)
            fields = report.recipient(address)
            self.assertEqual(fields["Status"], "5.7.0")
            text = " ".join(report.text.get_content().split())
            self.assertIn("A rule or an administrator stopped the message", text)
            said = "X-Hub-Transport; removed by an administrator"
            self.assertEqual(fields["Diagnostic-Code"], said if sender == SENDER else None)

    def test_notify_in_every_combination(self):
        """Who is told of what, by RFC 3461 section 4.1."""
        org = self.org
        self.answer(org.smart_host, "RCPT TO:<no", "550 5.1.1 not here")
        words = ("SUCCESS", "FAILURE", "DELAY")
        rows = [()] + [("NEVER",)] + [
            tuple(word for i, word in enumerate(words) if bits >> i & 1) for bits in range(1, 8)]
        recipients = [(kind + "%d@far.example" % i, row) for i, row in enumerate(rows)
                      for kind in ("no", "yes")]
        token = self.submit(*[address + (" NOTIFY=" + ",".join(row) if row else "")
                              for address, row in recipients])
        wanted = {}
        for address, row in recipients:
            if address.startswith("no") and (not row or "FAILURE" in row):
                wanted[address] = "failed"
            elif address.startswith("yes") and "SUCCESS" in row:
                wanted[address] = "relayed"
        report = wait_report(org.mailbox, token, "no0@far.example")
        self.assertEqual({f["Final-Recipient"].split("; ")[1]: f["Action"]
                          for f in report.per_recipient}, wanted)
        self.assertEqual(len(self.reports(org.mailbox, token)), 1)


if __name__ == "__main__":
    unittest.main()
