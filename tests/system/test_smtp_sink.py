"""Postfix's smtp-sink as next hop, with each of its ways to misbehave: what the hub makes of it."""

import glob
import os
import re
import smtplib
import unittest
import uuid

from .harness.base import Process, free_port, wait_for
from .harness.delivery import QUICK, wait_report
from .harness.directory import record
from .harness.protocol_log import ProtocolLog, lines_of
from .harness.relay import CONNECTORS, Relay

SENDER = "boss@outside.example"
HARD, SOFT = "500 5.3.0 Error: command failed", "450 4.3.0 Error: command failed"
LOST, CLOSING = "the peer closed the connection", "421 "

# options of the sink -> what becomes of a message, and what is said about that
TABLE = {
    "": ("relayed", "250 2.0.0 Ok"),
    "-8": ("relayed", "250 2.0.0 Ok"),
    "-a": ("relayed", "250 2.0.0 Ok"),
    "-e": ("relayed", "250 2.0.0 Ok"),
    "-E": ("relayed", "250 2.0.0 Ok"),
    "-N": ("relayed", "250 2.0.0 Ok"),
    "-p": ("relayed", "250 2.0.0 Ok"),
    "-P": ("relayed", "250 2.0.0 Ok"),
    "-h odd_name-": ("relayed", "250 2.0.0 Ok"),
    "-T 1000": ("relayed", "250 2.0.0 Ok"),
    "-H 1": ("relayed", "250 2.0.0 Ok"),
    "-w 1": ("relayed", "250 2.0.0 Ok"),
    "-A 0": ("failed", "550 "),
    "-A 1": ("failed", "550 "),
    # another host might do better, and another time this one
    "-f CONNECT": ("queue-retry", HARD),
    "-r CONNECT": ("queue-retry", SOFT),
    "-q CONNECT": ("queue-retry", LOST),
    "-Q CONNECT": ("queue-retry", CLOSING),
    "-f EHLO": ("relayed", "250 2.0.0 Ok"),     # HELO instead
    "-f EHLO,HELO": ("queue-retry", HARD),
    "-r EHLO": ("queue-retry", SOFT),
    "-q EHLO": ("queue-retry", LOST),
    "-Q EHLO": ("queue-retry", CLOSING),
    "-f MAIL": ("failed", HARD),
    "-r MAIL": ("deferred", SOFT),
    "-q MAIL": ("deferred", LOST),
    "-Q MAIL": ("queue-retry", CLOSING),
    "-f RCPT": ("failed", HARD),
    "-r RCPT": ("deferred", SOFT),
    "-q RCPT": ("deferred", LOST),
    "-Q RCPT": ("deferred", CLOSING),
    "-f DATA": ("failed", HARD),
    "-r DATA": ("deferred", SOFT),
    "-q DATA": ("deferred", LOST),
    "-Q DATA": ("deferred", CLOSING),
    "-f .": ("failed", HARD),
    "-r .": ("deferred", SOFT),
    "-q .": ("deferred", LOST),
    "-Q .": ("deferred", CLOSING),
    "-f QUIT": ("relayed", "250 2.0.0 Ok"),
    "-q QUIT": ("relayed", "250 2.0.0 Ok"),
    "-B '554 5.7.1 Not for you' -f RCPT": ("failed", "554 5.7.1 Not for you"),
    "-b '451 4.7.1 Not today' -r RCPT": ("deferred", "451 4.7.1 Not today"),
}


class SmtpSink:
    def __init__(self, place, number, options):
        self.domain = "n%d.sink.example" % number
        self.port = free_port()
        self.folder = place.directory("smtp-sink-%d" % number)
        os.chmod(self.folder, 0o777)
        words = [word.strip("'") for word in re.findall(r"'[^']*'|\S+", options)]
        self.process = Process("smtp-sink-%d" % number, [
            "smtp-sink", "-u", "nobody", *words, "-d", self.folder + "/%s.",
            "127.0.0.1:%d" % self.port, "100"], place.path)
        place.at_end(self.process.kill)

    def copies(self, token):
        """What it keeps of complete messages, each with what it was told of them before."""
        found = []
        for name in glob.glob(self.folder + "/*"):
            with open(name, "rb") as mail:
                found.append(mail.read())
        return [data for data in found if token.encode() in data]


class Sinks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.relay = relay = Relay({"open": CONNECTORS["open"]})
        cls.addClassCleanup(relay.close)
        cls.hub = relay.hub
        os.chmod(relay.place.path, 0o755)
        cls.sinks = {options: SmtpSink(relay.place, i, options)
                     for i, options in enumerate([*TABLE, "-m 2", "-M 1"])}
        for sink in cls.sinks.values():
            sink.process.start()
        plain = cls.sinks[""]
        relay.directory.add("".join(cls.connector(sink.domain, sink.port)
                                    for sink in cls.sinks.values()) +
                            cls.connector("tls.example", plain.port, hubRequireTLS="TRUE") +
                            cls.connector("auth.example", plain.port, hubAuthUser="anna",
                                          hubSmartHostAuth="BasicAuth", hubAuthPassword="pass"))
        relay.directory.change(cls.hub.dn(), **QUICK)
        cls.log = ProtocolLog.sent(cls.hub)
        relay.start()

    @classmethod
    def connector(cls, name, port, **attributes):
        return record(cls.relay.directory.dn(name, "Connectors"), "hubSendConnector", cn=name,
                      hubAddressSpace="SMTP:" + name, hubDNSRouting="FALSE",
                      hubSourceServer=cls.hub.dn(), hubSmartHost="[127.0.0.1]:%d" % port,
                      hubProtocolLogging="Verbose", **attributes)

    def submit(self, domain, size=0):
        token = uuid.uuid4().hex
        with smtplib.SMTP("127.0.0.1", self.relay.ports["open"], timeout=30) as client:
            client.ehlo()
            client.sendmail(SENDER, ["x@" + domain], (
                "From: <%s>\r\nTo: <x@%s>\r\nSubject: test %s\r\nMIME-Version: 1.0\r\n"
                "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
                "\r\nGr\u00fc\u00dfe\r\n.\r\n..\r\n%s" % (
                    SENDER, domain, token, ("x" * 70 + "\r\n") * (size // 72))).encode(),
                            ["BODY=8BITMIME"], ["NOTIFY=FAILURE"])
        return token

    def became(self, event, domain, said):
        """The events of that kind about what is for the domain."""
        return [e for e in self.hub.events(event)
                if domain in e.get("to", "") + e.get("queue", "") and
                said in e.get("reply", "") + e.get("reason", "")]

    def said(self, domain):
        return "\n".join(lines_of([row for row in self.log.rows()
                                   if row["connector-id"] == domain]))

    def wait_said(self, domain, pattern):
        return wait_for(lambda: "%s\n%s" % (pattern, self.said(domain)[-3000:]),
                        lambda: re.search(pattern, self.said(domain), re.M))

    def check(self, options, token):
        event, said = TABLE[options]
        sink = self.sinks[options]
        wait_for(lambda: "%s %r\n%s" % (event, said, self.said(sink.domain)[-2000:]),
                 lambda: self.became(event, sink.domain, said))
        self.assertEqual(len(sink.copies(token)) if event == "relayed" else 0,
                         1 if event == "relayed" else 0)
        others = {"relayed", "failed", "deferred", "queue-retry"} - {event}
        self.assertEqual([e for other in others for e in self.became(other, sink.domain, "")], [])
        if event == "failed":
            address = "x@" + sink.domain
            report = wait_report(self.relay.sink, token, address).recipient(address)
            self.assertIn(said, report["Diagnostic-Code"])
            self.assertEqual(report["Action"], "failed")

    def test_table(self):
        tokens = {options: self.submit(self.sinks[options].domain) for options in TABLE}
        for options, token in tokens.items():
            with self.subTest(options):
                self.check(options, token)
        with self.subTest("converted for who lacks 8BITMIME, and for nobody else"):
            for options, want in (("-8", False), ("", True)):
                copy = self.sinks[options].copies(tokens[options])[0]
                self.assertEqual(any(byte >= 0x80 for byte in copy), want)
        with self.subTest("pipelined where it may be"):
            self.wait_said(self.sinks[""].domain, r"^>MAIL.*\n>RCPT.*\n>DATA\n")
            self.wait_said(self.sinks["-p"].domain, r"^>MAIL.*\n<250.*\n>RCPT.*\n<250.*\n>DATA\n")
        with self.subTest("parameters only where they are offered"):
            self.wait_said(self.sinks[""].domain, "^>RCPT TO:<.*> NOTIFY=FAILURE$")
            self.wait_said(self.sinks["-N"].domain, "^>RCPT TO:<.*>$")

    def test_aborted_amid_a_large_message(self):
        """It says 550 and reads no further."""
        sink = self.sinks["-A 0"]
        token = self.submit(sink.domain, 3000000)
        wait_report(self.relay.sink, token, "x@" + sink.domain)

    def test_what_it_does_not_offer(self):
        token = self.submit("tls.example")
        wait_for("Retry", lambda: self.became("queue-retry", "tls.example", "does not offer it"))
        self.assertNotIn(">MAIL", self.said("tls.example"))
        self.assertFalse(self.sinks[""].copies(token))

    def test_credentials(self):
        token = self.submit("auth.example")
        wait_for("arrives", lambda: self.sinks[""].copies(token))
        self.wait_said("auth.example", "authenticated as anna")

    def test_two_at_once(self):
        """The others wait in the kernel: no failure, and all arrive."""
        sink = self.sinks["-m 2"]
        tokens = [self.submit(sink.domain) for _ in range(20)]
        for token in tokens:
            wait_for("arrives", lambda t=token: sink.copies(t))
        wait_for("outcomes", lambda: len(self.became("relayed", sink.domain, "")) == 20)
        self.assertFalse(self.became("deferred", sink.domain, ""))

    def test_gone_after_one_message(self):
        """And back later."""
        sink = self.sinks["-M 1"]
        first = self.submit(sink.domain)
        wait_for("it ends", lambda: not sink.process.running())
        self.assertEqual(len(sink.copies(first)), 1)
        second = self.submit(sink.domain)
        wait_for("Retry", lambda: self.became("queue-retry", sink.domain, "refused"))
        sink.process.start()
        wait_for("arrives", lambda: sink.copies(second))
        self.assertEqual(len(sink.copies(first)), 1)


if __name__ == "__main__":
    unittest.main()
