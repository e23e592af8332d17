"""Extensions of SMTP, switched on and off one by one: what EHLO offers, what is taken, refused."""

import unittest
import uuid

from .harness.base import free_port, wait_for
from .harness.client import Client
from .harness.delivery import QUICK, wait_report
from .harness.directory import record
from .harness.organization import Organization, message
from .harness.peers import Sink

SENDER = "anna@contoso.com"
M, R = "MAIL FROM:<a@outside.example>", "RCPT TO:<anna@contoso.com>"

# A choice of hubExtension: its keyword, and with it off what is said and how the reply begins.
CHOICES = {
    "Pipelining": ("PIPELINING",),
    "8BitMime": ("8BITMIME", (M + " BODY=8BITMIME", "555 5.5.4")),
    "BinaryMime": ("BINARYMIME", (M + " BODY=BINARYMIME", "555 5.5.4")),
    "Chunking": ("CHUNKING", (M, "250"), (R, "250"), (b"BDAT 6\r\nNOOP\r\n", "502 5.5.1"),
                 (b"", "")),
    "DSN": ("DSN", (M + " RET=HDRS", "555 5.5.4"), (M + " ENVID=x", "555 5.5.4"), (M, "250"),
            (R + " NOTIFY=NEVER", "555 5.5.4"), (R + " ORCPT=rfc822;a@b", "555 5.5.4")),
    "EnhancedStatusCodes": ("ENHANCEDSTATUSCODES", ("NOOP", "250 OK"), ("FOO", "500 command"),
                            (M, "250 sender"), ("DATA", "554 no valid")),
    "Size": ("SIZE", (M + " SIZE=1", "555 5.5.4")),
    "SmtpUtf8": ("SMTPUTF8", (M + " SMTPUTF8", "555 5.5.4"),
                 ("MAIL FROM:<\u00e4@outside.example>", "501 5.1.7")),
    "Limits": ("LIMITS",),
}

U = M + " SMTPUTF8"
ORCPT = R + " ORCPT="

# With everything on: one session each.
DIALOGUES = {
    "SIZE": ((M + " SIZE", "501 5.5.4"), (M + " SIZE=", "501 5.5.4"), (M + " SIZE=-1", "501 5.5.4"),
             (M + " SIZE=1x", "501 5.5.4"), (M + " SIZE=18446744073709551615", "552 5.3.4"),
             (M + " SIZE=18446744073709551616", "501 5.5.4"), (M + " SIZE=10001", "552 5.3.4"),
             (M + " size=0", "250"), ("RSET", "250"), (M + " SIZE=10000", "250")),
    "SIZE lies": ((M + " SIZE=1", "250"), (R, "250"), ("DATA", "354"),
                  (b"a: b\r\n\r\n" + b"x\r\n" * 4000 + b".\r\n", "552 5.3.4"), (M, "250")),
    "BODY": ((M + " BODY=7BIT", "250"), ("RSET", "250"), (M + " body=8bitmime", "250"),
             ("RSET", "250"), (M + " BODY", "501 5.5.4"), (M + " BODY=", "501 5.5.4"),
             (M + " BODY=9BIT", "501 5.5.4"), (M + " BODY=7BIT BODY=7BIT", "501 5.5.4")),
    "BINARYMIME needs BDAT": ((M + " BODY=BINARYMIME", "250"), (R, "250"), ("DATA", "503 5.5.1"),
                              (b"BDAT 4 LAST\r\na\n\0\r", "250 2.6.0")),
    "BDAT": ((M, "250"), (R, "250"), *[(b"BDAT 1\r\nx", "250 2.0.0")] * 20,
             ("BDAT 0", "250 2.0.0"), ("BDAT 0 LAST", "250 2.6.0"), (M, "250")),
    "BDAT in any case of letters": ((M, "250"), (R, "250"), (b"bdat 2 last\r\nx\n", "550 5.6.0")),
    "BDAT, RSET": ((M, "250"), (R, "250"), (b"BDAT 3\r\nx\r\n", "250"), ("RSET", "250"),
                   ("DATA", "503 5.5.1"), (M, "250"), (R, "250"), ("DATA", "354")),
    "BDAT, EHLO": ((M, "250"), (R, "250"), (b"BDAT 3\r\nx\r\n", "250"), ("HELO x", "250"),
                   ("DATA", "503 ")),
    "BDAT then DATA": ((M, "250"), (R, "250"), (b"BDAT 3\r\nx\r\n", "250"), ("DATA", "503 5.5.1"),
                       (R, "503 5.5.1"), (M, "503 5.5.1"), ("BDAT 0 LAST", "250 2.6.0")),
    "BDAT after no recipient": ((M, "250"), ("RCPT TO:<nobody@contoso.com>", "550 5.1.1"),
                                (b"BDAT 6\r\nNOOP\r\n", "503 5.5.1"),
                                (b"BDAT 6 LAST\r\nQUIT\r\n", "503 5.5.1"), ("NOOP", "250 2.0.0")),
    "a chunk too large ends it": ((M, "250"), (R, "250"),
                                  (b"BDAT 20000\r\n" + b"x" * 20000, "552 5.3.4"),
                                  (b"BDAT 6\r\nNOOP\r\n", "503 5.5.1"), ("DATA", "503 5.5.1"),
                                  (R, "503 5.5.1"), (b"BDAT 6 LAST\r\nNOOP\r\n", "503 5.5.1"),
                                  (M, "250")),
    "a chunk with bare LF ends it": ((M, "250"), (R, "250"), (b"BDAT 3\r\na\nb", "550 5.6.0"),
                                     ("RSET", "250"), (M, "250")),
    "BDAT lies": ((M, "250"), (R, "250"), (b"BDAT 2 LAST\r\nx\r\nNOOP\r\n", "550 5.6.0")),
    "BDAT without size": (("BDAT", "501 5.5.4"), (b"", "")),
}
DIALOGUES.update({
    "BDAT size %s" % size: ((M, "250"), (R, "250"), ("BDAT %s LAST" % size, "501 5.5.4"), (b"", ""))
    for size in ("x", "-1", "0x10", "1.5", "18446744073709551616", "9" * 30)})
DIALOGUES.update({
    "RET and ENVID": ((M + " RET", "501 5.5.4"), (M + " RET=", "501 5.5.4"),
                      (M + " RET=FULL RET=FULL", "501 5.5.4"), (M + " RET=BODY", "501 5.5.4"),
                      (M + " ENVID", "501 5.5.4"), (M + " ENVID=", "501 5.5.4"),
                      (M + " ENVID=a ENVID=a", "501 5.5.4"), (M + " ENVID=a+4", "501 5.5.4"),
                      (M + " ENVID=a+0A", "501 5.5.4"), (M + " ENVID=a=b", "501 5.5.4"),
                      (M + " ENVID=" + "x" * 101, "501 5.5.4"), (M + " NOTIFY=NEVER", "555 5.5.4"),
                      (M + " envid=" + "x" * 100 + " ret=hdrs", "250")),
    "NOTIFY": ((M, "250"), (R + " NOTIFY", "501 5.5.4"), (R + " NOTIFY=", "501 5.5.4"),
               (R + " NOTIFY=SUCCESS,", "501 5.5.4"), (R + " NOTIFY=,DELAY", "501 5.5.4"),
               (R + " NOTIFY=SOMETIMES", "501 5.5.4"), (R + " NOTIFY=NEVER,DELAY", "501 5.5.4"),
               (R + " NOTIFY=DELAY NOTIFY=DELAY", "501 5.5.4"), (R + " RET=FULL", "555 5.5.4"),
               (R + " notify=success,FAILURE,Delay", "250"), (R + " NOTIFY=NEVER", "250")),
    "ORCPT": ((M, "250"), (R + " ORCPT", "501 5.5.4"), (ORCPT, "501 5.5.4"),
              (ORCPT + "rfc822", "501 5.5.4"), (ORCPT + ";a@b", "501 5.5.4"),
              (ORCPT + "rfc822;", "501 5.5.4"), (ORCPT + "rfc822;a+2", "501 5.5.4"),
              (ORCPT + "rfc822;a+00b", "501 5.5.4"), (ORCPT + "rfc822;" + "x" * 494, "501 5.5.4"),
              (ORCPT + "rfc822;a ORCPT=rfc822;a", "501 5.5.4"),
              (ORCPT + "utf-8;\\x{4", "501 5.5.4"), (ORCPT + "utf-8;\\x{D800}", "501 5.5.4"),
              (ORCPT + "rfc822;" + "x" * 493, "250"), (ORCPT + "utf-8;\\x{E4}@b", "250"),
              (ORCPT + "X400;/C=us/", "501 5.5.4"), (ORCPT + "X400;/C+3Dus/", "250")),
    "SMTPUTF8": ((M + " SMTPUTF8=1", "501 5.5.4"), ("MAIL FROM:<\u00e4@b.example>", "553 5.6.7"),
                 (M, "250"), ("RCPT TO:<\u00e4@contoso.com>", "553 5.6.7"), ("RSET", "250"),
                 (U, "250"), (ORCPT + "utf-8;\u00e4@b.example", "250"),
                 (b"RCPT TO:<\xe4@contoso.com>\r\n", "501 5.1.3")),
    "HELO gives none": (("HELO client.example", "250 "), ("NOOP", "250 OK"),
                        (M + " SIZE=1", "555 parameter"), (M, "250 sender"), (R, "250 recipient"),
                        (b"BDAT 6\r\nNOOP\r\n", "502 CHUNKING")),
    "DSN's parameters change no reply": (
        (M + " RET=FULL ENVID=x", "250 2.1.0 sender OK"),
        ("RCPT TO:<nobody@contoso.com> NOTIFY=NEVER ORCPT=rfc822;x@y",
         "550 5.1.1 <nobody@contoso.com>: no such recipient here")),
})


class Extensions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        cls.able = Sink(org.place, offers=("PIPELINING", "8BITMIME", "SIZE 0", "SMTPUTF8", "DSN",
                                           "ENHANCEDSTATUSCODES"))
        cls.ascii = Sink(org.place, offers=("PIPELINING", "DSN", "ENHANCEDSTATUSCODES"))
        cls.few = Sink(org.place, offers=("PIPELINING", "8BITMIME", "LIMITS RCPTMAX=3 MAILMAX=5"))
        cls.ports = {"open": free_port(), "switched": free_port()}
        org.directory.add("".join(record(
            "cn=%s,%s" % (name, org.london1.dn()), "hubReceiveConnector", cn=name,
            hubBinding="127.0.0.1:%d" % port, hubPermissionGroup="AnonymousUsers",
            hubAuthMechanism="Tls", hubTarpitInterval="0", hubMaxInboundPerSource="0",
            hubMaxInboundPercentPerSource="100", hubMaxMessageSize="10000",
            hubMaxRecipients="42", hubMaxProtocolErrors="0") for name, port in cls.ports.items()))
        org.start()
        org.apply(lambda: [org.directory.change(hub.dn(), **QUICK) for hub in org.hubs])
        for name, sink in (("able", cls.able), ("ascii", cls.ascii), ("few", cls.few)):
            org.send_connector("To " + name, hubAddressSpace="SMTP:%s.example" % name,
                               hubSmartHost="[127.0.0.1]:%d" % sink.port, hubDNSRouting="FALSE",
                               hubSourceServer=org.london2.dn())

    def play(self, client, steps):
        for said, expected in steps:
            reply = client.say(said)
            self.assertTrue(reply.startswith(expected) and bool(reply) == bool(expected),
                            "%r: %r, not %r" % (said[:80], reply, expected))

    def wait_offered(self, wanted):
        """A worker may still be on its way to a configuration that is in force."""
        def offered():
            with Client(self.ports["switched"]) as client:
                return {line.split(" ")[0] for line in client.ehlo()}
        wait_for(lambda: "%s are offered, have %s" % (wanted, offered()),
                 lambda: offered() == wanted)

    def test_one_by_one(self):
        """Each choice taken out of a running connector, then none and all."""
        dn = "cn=switched,%s" % self.org.london1.dn()
        all_on = {row[0] for row in CHOICES.values()}
        for off, (keyword, *steps) in CHOICES.items():
            gone = {keyword, "BINARYMIME"} if off == "Chunking" else {keyword}
            with self.subTest(off):
                self.org.change(dn, hubExtension=[
                    choice for choice in CHOICES
                    if choice != off and (off, choice) != ("Chunking", "BinaryMime")])
                self.wait_offered(all_on - gone | {"STARTTLS"})
                with Client(self.ports["switched"]) as client:
                    client.ehlo()
                    self.play(client, steps)
        self.org.change(dn, hubExtension=["Size", "DeliverBy", "MtPriority", "FutureRelease",
                                          "RequireTls"])
        self.wait_offered({"SIZE", "STARTTLS"})
        self.org.change(dn, hubExtension=None)
        self.wait_offered(all_on | {"STARTTLS"})

    def test_a_session_keeps_what_it_was_offered(self):
        dn = "cn=switched,%s" % self.org.london1.dn()
        with Client(self.ports["switched"]) as before:
            before.ehlo()
            self.org.change(dn, hubExtension="Size")
            self.play(before, ((M + " RET=FULL", "250 2.1.0"), ("RSET", "250 2.0.0")))
            wait_for("the new offer", lambda: before.ehlo() == ["SIZE 10000", "STARTTLS"])
            self.play(before, ((M + " RET=FULL", "555 parameter"),))
        self.org.change(dn, hubExtension=None)

    def test_what_is_true_of_this_connector(self):
        with Client(self.ports["open"]) as client:
            offered = client.ehlo()
            self.assertIn("SIZE 10000", offered)
            self.assertIn("LIMITS RCPTMAX=42", offered)
            self.assertEqual(len(offered), len(set(offered)))
            self.assertFalse([line for line in offered if line.startswith("AUTH")])
            self.assertEqual(client.ehlo(), offered)
            client.starttls()
            self.assertEqual(client.ehlo(), [line for line in offered if line != "STARTTLS"])
        with Client(self.org.london1.submission_port) as client:
            self.assertFalse([line for line in client.ehlo() if line.startswith("AUTH")])
            client.starttls()
            self.assertTrue([line for line in client.ehlo() if line.startswith("AUTH ")])

    def test_recipients_as_announced(self):
        with Client(self.ports["open"]) as client:
            client.ehlo()
            client.say(M)
            replies = [client.say(R) for _ in range(43)]
            self.assertTrue(all(reply.startswith("250") for reply in replies[:42]))
            self.assertTrue(replies[42].startswith("452 4.5.3"), replies[42])

    def test_dialogues(self):
        for name, steps in DIALOGUES.items():
            with self.subTest(name), Client(self.ports["open"]) as client:
                client.ehlo()
                self.play(client, steps)

    def test_pipelined_without_the_keyword(self):
        """Nothing is lost, whatever was announced."""
        for hello in ("EHLO client.example", "HELO client.example"):
            with self.subTest(hello), Client(self.ports["open"]) as client:
                token, data = message()
                client.say(hello)
                client.send("%s\r\n%s\r\nDATA\r\n" % (M, R))
                self.assertEqual([client.reply()[:3] for _ in range(3)], ["250", "250", "354"])
                client.send(data + b".\r\nNOOP\r\n%s\r\nQUIT\r\n" % M.encode())
                self.assertEqual([reply[:3] for reply in client.rest()],
                                 ["250", "250", "250", "221"])
                self.org.mailbox.wait(token)

    def submit(self, recipients, parameters="", sender=SENDER, port=None):
        token = uuid.uuid4().hex
        with Client(port or self.org.application_port) as client:
            client.ehlo()
            for line in ["MAIL FROM:<%s> %s" % (sender, parameters)] + [
                    "RCPT TO:" + recipient.replace("%s", token) for recipient in recipients]:
                self.assertTrue(client.say(line.strip()).startswith("250"), line)
            self.assertTrue(client.data(b"X-Token: %s\r\n\r\n.\r\n" % token.encode())
                            .startswith("250"))
        return token

    def said(self, sink, token):
        """MAIL and RCPT of the message, as the sink heard them."""
        sink.wait(token)
        at = next(i for i, line in enumerate(sink.commands) if line.startswith("RCPT") and
                  token in line)
        return sink.commands[at - 1], sink.commands[at]

    def test_dsn_across_two_hubs(self):
        """RFC 3461 section 5.2.1: what came goes on as it came, and nothing is made up."""
        rows = (
            ("", "<%s@able.example>", "", ""),
            (" RET=FULL ENVID=a+2Bb", "<%s@able.example> NOTIFY=NEVER", " RET=FULL ENVID=a+2Bb",
             " NOTIFY=NEVER"),
            (" ret=hdrs", "<%s@able.example> notify=delay,success ORCPT=RFC822;Bob+2B@Old.Example",
             " RET=HDRS", " NOTIFY=SUCCESS,DELAY ORCPT=RFC822;Bob+2B@Old.Example"),
            (" SMTPUTF8", "<%s@able.example> ORCPT=utf-8;j\u00f6rg@old.example", " SMTPUTF8",
             " ORCPT=utf-8;j\u00f6rg@old.example"),
        )
        for parameters, recipient, mail, rcpt in rows:
            with self.subTest(parameters):
                token = self.submit([recipient], parameters)
                heard = self.said(self.able, token)
                self.assertEqual(heard[0].split(">")[1].split("SIZE=")[-1].lstrip("0123456789"),
                                 mail.replace(" SMTPUTF8", "") + (
                                     " SMTPUTF8" if "UTF8" in mail else ""))
                self.assertEqual(heard[1].split(">")[1], rcpt)
        with self.subTest("a hop that takes no UTF-8"):
            token = self.submit(["<%s@ascii.example> ORCPT=utf-8;j\u00f6rg@old.example"],
                                "SMTPUTF8")
            self.assertTrue(self.said(self.ascii, token)[1].endswith(
                " ORCPT=utf-8;j\\x{F6}rg@old.example"))

    def test_dsn_to_a_hop_without(self):
        """RFC 3461 section 5.2.2: none of it is said; who asked for success hears "relayed"."""
        org = self.org
        token = self.submit(["<%s@far.example> NOTIFY=SUCCESS ORCPT=rfc822;old@far.example",
                             "<b@far.example> NOTIFY=NEVER", "<c@far.example>"],
                            "RET=FULL ENVID=id")
        mail, rcpt = self.said(org.smart_host, token)
        self.assertTrue(rcpt.endswith("@far.example>"), rcpt)
        self.assertNotIn("RET", mail)
        self.assertNotIn("ENVID", mail)
        report = wait_report(org.mailbox, token, token + "@far.example")
        self.assertEqual(report.addresses(), [token + "@far.example"])
        self.assertEqual(report.per_message["Original-Envelope-Id"], "id")
        fields = report.per_recipient[0]
        self.assertEqual(fields["Action"], "relayed")
        self.assertEqual(fields["Original-Recipient"], "rfc822; old@far.example")
        # section 4.3: RET is for failures
        self.assertEqual(report.original.get_content_type(), "text/rfc822-headers")

    def test_utf8_in_reports(self):
        """RFC 6533: Original-Recipient in the form that the kind of report has."""
        org = self.org
        org.smart_host.answer("RCPT TO:<no", "550 5.1.1 not here")
        self.addCleanup(org.smart_host.answer, "RCPT TO:<no", None)
        token = self.submit(["<no.%s@far.example> ORCPT=utf-8;j\u00f6rg\\x{2B}@old.example"],
                            "SMTPUTF8")
        report = wait_report(org.mailbox, token, "no.%s@far.example" % token)
        self.assertEqual(report.status.get_content_type(), "message/delivery-status")
        self.assertEqual(report.per_recipient[0]["Original-Recipient"],
                         "utf-8; j\\x{F6}rg\\x{2B}@old.example")

    def test_limits_of_a_next_hop(self):
        """Ten recipients, three at once, and five transactions on a connection."""
        people = ["<%d.%%s@few.example>" % i for i in range(10)]
        tokens = [self.submit(people) for _ in range(3)]
        for token in tokens:
            mails = self.few.wait(token, 4)
            self.assertEqual(sorted(r for m in mails for r in m.recipients),
                             ["%d.%s@few.example" % (i, token) for i in range(10)])
            self.assertLessEqual(max(len(m.recipients) for m in mails), 3)
        sessions = [m.session for m in self.few.messages]
        self.assertLessEqual(max(sessions.count(s) for s in sessions), 5)
        wait_for("all are done", lambda: len(
            [e for e in self.org.london2.events("relayed") if "few.example" in str(e)]) >= 30)


if __name__ == "__main__":
    unittest.main()
