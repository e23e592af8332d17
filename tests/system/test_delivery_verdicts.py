"""What a peer's answers lead to: another try, another host, a report, or the end of the wait."""

import unittest

from .harness.base import wait_for
from .harness.delivery import QUICK, Peers, wait_report
from .harness.organization import Organization, message, send

# name, where the script says something else, what, how often, then: a status of the report, or
# "deferred" (this message again), "host" (the host is no use, the queue in Retry), None (nothing)
CASES = (
    ("banner4", "(banner)", "450 4.3.2 busy", 1, "host"),
    ("banner5", "(banner)", "554 5.3.2 no mail here", 1, "host"),
    ("banner421", "(banner)", "421 4.3.2 closing", 1, "host"),
    ("bannerclose", "(banner)", "close", 1, "host"),
    ("bannernonsense", "(banner)", "SSH-2.0-OpenSSH_9.2", 1, "host"),
    ("ehlo4", "EHLO", "451 4.3.0 later", 1, "host"),
    ("ehlo5", "EHLO", "502 5.5.1 what", 1, None),
    ("ehlo421", "EHLO", "421 4.3.2 closing", 1, "host"),
    ("ehloclose", "EHLO", "close", 1, "host"),
    ("mail4", "MAIL", "451 4.7.1 greylisted", 1, "deferred"),
    ("mail5", "MAIL", "550 5.7.1 not from you", None, "5.7.1"),
    ("mail421", "MAIL", "421 4.3.2 closing", 1, "host"),
    ("mailclose", "MAIL", "close", 1, "deferred"),
    ("rcpt4", "RCPT", "450 4.2.1 full", 1, "deferred"),
    ("rcpt5", "RCPT", "550 5.1.1 unknown", None, "5.1.1"),
    ("rcpt5plain", "RCPT", "550 no words of class", None, "5.0.0"),
    ("rcpt552", "RCPT", "552 too many recipients", 1, "deferred"),
    ("rcpt552many", "RCPT", "552 5.5.3 too many recipients", 1, "deferred"),
    ("rcpt552full", "RCPT", "552 5.2.2 mailbox full", None, "5.2.2"),
    ("rcpt421", "RCPT", "421 4.3.2 closing", 1, "deferred"),
    ("rcptclose", "RCPT", "close", 1, "deferred"),
    ("data4", "DATA", "451 4.3.0 later", 1, "deferred"),
    ("data5", "DATA", "554 5.7.0 never", None, "5.7.0"),
    ("data421", "DATA", "421 4.3.2 closing", 1, "deferred"),
    ("dataclose", "DATA", "close", 1, "deferred"),
    ("body4", "(body)", "452 4.3.1 disk full", 1, "deferred"),
    ("body5", "(body)", "554 5.6.0 spam", None, "5.6.0"),
    ("body421", "(body)", "421 4.3.2 closing", 1, "deferred"),
    ("bodyclose", "(body)", "close", 1, "deferred"),
    ("bodynonsense", "(body)", "354 go on", 1, "deferred"),
)


def zone():
    lines = ["%s A 127.0.20.%d" % (case[0], number + 1) for number, case in enumerate(CASES)]
    return "\n".join(lines + ["mixed A 127.0.21.1", "gone A 127.0.21.2",
                              "slow A 127.0.21.3"]) + "\n"


class Verdicts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization(dns_zones={"verdict.example": zone()}).start()
        cls.addClassCleanup(org.close)
        cls.peers = Peers(org.place)
        org.change(org.london2.dn(), **QUICK)
        org.send_connector("By MX", hubAddressSpace="SMTP:*.verdict.example",
                           hubSourceServer=org.london2.dn(), hubPort=str(cls.peers.port),
                           hubDNSRouting="TRUE", hubExternalDNS="TRUE")

    def submit(self, *recipients, sender="anna@contoso.com"):
        token, data = message(sender=sender, to=recipients[0])
        send(self.org.application_port, sender, list(recipients), data)
        return token

    def history(self, address):
        """The events of one recipient in their order."""
        found = []
        for line in self.org.london2.log().splitlines():
            if " to=%s " % address in line:
                found.append(line.split(" event=")[1].split(" ")[0])
        return found

    def retries(self, name):
        return [e for e in self.org.london2.events("queue-retry") if
                e["queue"].startswith("DnsConnectorDelivery/%s.verdict" % name)]

    def test_every_answer(self):
        sinks, tokens = {}, {}
        for number, (name, where, answer, times, _) in enumerate(CASES):
            sinks[name] = self.peers.sink("127.0.20.%d" % (number + 1))
            sinks[name].answer(where, answer, times)
            tokens[name] = self.submit("x@%s.verdict.example" % name)
        for name, _, answer, _, then in CASES:
            with self.subTest(name):
                self.check(name, sinks[name], tokens[name], answer, then)

    def check(self, name, sink, token, answer, then):
        address = "x@%s.verdict.example" % name
        if then not in ("host", "deferred", None):
            fields = wait_report(self.org.mailbox, token, address).recipient(address)
            self.assertEqual(fields["Status"], then)
            self.assertEqual(fields["Diagnostic-Code"], "smtp; " + answer)
            self.assertEqual(self.history(address), ["failed"])
            self.assertFalse(sink.find(token))
            return
        self.assertEqual(len(sink.wait(token)), 1)
        wait_for("the outcome", lambda: "relayed" in self.history(address))
        self.assertEqual(self.history(address),
                         ["deferred", "relayed"] if then == "deferred" else ["relayed"])
        self.assertEqual(len(self.retries(name)), 1 if then == "host" else 0)
        self.assertFalse(self.org.mailbox.find(token))
        said = answer.removesuffix("close").strip() or "closed"
        if then == "deferred":
            event = self.org.london2.events("deferred", to=address)[0]
            self.assertIn(said, event["reply"])
            self.assertEqual(event["status"][0], "4")
        elif then == "host":
            self.assertIn(said.split(" ")[-1], self.retries(name)[0]["reason"])

    def test_each_recipient_on_its_own(self):
        """Some are taken, some refused, some put off: three ends of one message."""
        sink = self.peers.sink("127.0.21.1")
        sink.answer("RCPT TO:<b", "550 5.1.1 b is unknown")
        sink.answer("RCPT TO:<c", "451 4.2.1 c is busy", 2)
        a, b, c = ["%s@mixed.verdict.example" % name for name in "abc"]
        token = self.submit(a, b, c)
        report = wait_report(self.org.mailbox, token, b)
        self.assertEqual(report.addresses(), [b])
        copies = sink.wait(token, 2)
        self.assertEqual([m.recipients for m in copies], [[a], [c]])
        wait_for("the outcome", lambda: "relayed" in self.history(c))
        self.assertEqual(self.history(a), ["relayed"])
        self.assertEqual(self.history(b), ["failed"])
        self.assertEqual(self.history(c), ["deferred", "deferred", "relayed"])

    def test_expires(self):
        """A peer that is never there, and one that always puts off: 4.4.7 in the end."""
        sink = self.peers.sink("127.0.21.3")
        sink.answer("RCPT", "450 4.2.1 never now")
        addresses = ["x@gone.verdict.example", "x@slow.verdict.example"]
        tokens = [self.submit(address) for address in addresses]
        wait_for("Retry", lambda: self.retries("gone"))
        wait_for("put off", lambda: "deferred" in self.history(addresses[1]))
        self.org.change(self.org.london2.dn(), hubMessageExpiration="5")
        for token, address, why in zip(tokens, addresses, ("refused", "4.2.1 never now")):
            with self.subTest(address):
                report = wait_report(self.org.mailbox, token, address)
                self.assertEqual(report.recipient(address)["Status"], "4.4.7")
                self.assertEqual(report.recipient(address)["Action"], "failed")
                self.assertIn(why, report.recipient(address)["Diagnostic-Code"])
                self.assertEqual(self.history(address)[-1], "failed")
        self.org.change(self.org.london2.dn(), hubMessageExpiration=None)


if __name__ == "__main__":
    unittest.main()
