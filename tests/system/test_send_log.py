"""The Send protocol log: what it shows of a session, what it never shows, live."""

import os
import re
import signal
import unittest

from .harness.base import wait_for
from .harness.client import b64
from .harness.delivery import QUICK
from .harness.keys import Key
from .harness.organization import Organization, message, send
from .harness.peers import Sink
from .harness.protocol_log import FIELDS, ProtocolLog, lines_of

SENDER = "anna@contoso.com"
PASSWORD = "open-sesame-of-the-smart-host"


class SendLog(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        cls.log = ProtocolLog.sent(org.london2)
        cls.intra = ProtocolLog.sent(org.paris1)
        cls.key = Key(org.place, "sink")
        for hub in org.hubs:
            org.directory.change(hub.dn(), **QUICK)
        org.start()

    def connector(self, name, *hosts, **attributes):
        given = dict(hubAddressSpace="SMTP:%s.example" % name, hubDNSRouting="FALSE",
                     hubSourceServer=self.org.london2.dn(), hubSmartHost=list(hosts),
                     hubProtocolLogging="Verbose", hubMaxMessagesPerConnection="1")
        given.update(attributes)
        self.org.send_connector(name, **given)

    def sink(self, name, *more, **options):
        """With a connector of its own, whose sessions end after a message."""
        attributes = {k: options.pop(k) for k in list(options) if k.startswith("hub")}
        sink = Sink(self.org.place, **options)
        self.connector(name, "[127.0.0.1]:%d" % sink.port, *more, **attributes)
        return sink

    def submit(self, name):
        token, data = message(sender=SENDER, to="x@%s.example" % name)
        send(self.org.application_port, SENDER, ["x@%s.example" % name], data)
        return token

    def sessions(self, count=1, **fields):
        """So many complete sessions of which all lines have these fields."""
        def complete():
            found = self.log.sessions(**fields)
            return found if len(found) >= count and found[-1][-1]["event"] == "-" else None
        return wait_for(lambda: "sessions %s in\n%s" % (fields, self.log.text()[-3000:]), complete)

    def logged(self, name, text):
        """A line of the connector with that text."""
        return wait_for(lambda: "%s in\n%s" % (text, self.log.text()[-3000:]), lambda: [
            row for row in self.log.rows()
            if row["connector-id"] == name and text in row["data"]])[0]

    # --- what it shows ---

    def test_lines_of_a_session(self):
        sink = self.sink("plain")
        token = self.submit("plain")
        sink.wait(token)
        found = self.sessions(connector_id="plain")[0]
        self.assertEqual(list(found[0]), FIELDS)
        self.assertEqual([row["sequence-number"] for row in found],
                         [str(n) for n in range(len(found))])
        self.assertEqual({row["remote-endpoint"] for row in found}, {"127.0.0.1:%d" % sink.port})
        for row in found[1:]:
            self.assertRegex(row["local-endpoint"], r"^127\.0\.0\.1:[1-9]\d*$")
            self.assertRegex(row["date-time"], r"^20..-..-..T..:..:..\....Z$")
        said = [re.sub(r"SIZE=\d+", "SIZE=n", line) for line in lines_of(found, "<>+-")]
        self.assertEqual(said, [
            "+", "<220 sink.example ESMTP", ">EHLO london2.contoso.com", "<250-sink.example",
            "<250-PIPELINING", "<250-8BITMIME", "<250-SIZE 0", "<250 ENHANCEDSTATUSCODES",
            ">MAIL FROM:<anna@contoso.com> SIZE=n", ">RCPT TO:<x@plain.example>", ">DATA",
            "<250 2.1.0 ok", "<250 2.1.5 ok", "<354 go", "<250 2.0.0 taken", ">QUIT", "-"])
        self.assertEqual(found[-1]["context"], "Local")
        notes = [row for row in found if row["event"] == "*"]
        self.assertEqual(notes[0]["data"], "attempting to connect")
        self.assertEqual(notes[1]["context"], "sending message")
        self.assertRegex(notes[1]["data"], r"^\S+$")
        self.assertNotIn(token, self.log.text())

    def test_header_lines(self):
        sink = self.sink("head")
        sink.wait(self.submit("head"))
        self.sessions(connector_id="head")
        with open(self.log.files()[0], encoding="utf-8") as log:
            head = [next(log).rstrip("\n") for _ in range(5)]
        self.assertEqual(head[2], "#Log-Type: SMTP Send Protocol Log")
        self.assertEqual(head[4], "#Fields: " + ",".join(FIELDS))
        day = head[3][7:17].replace("-", "")
        self.assertIn("SEND%s-1.log" % day, [os.path.basename(f) for f in self.log.files()])

    def test_starttls_and_chunks(self):
        sink = self.sink("tls", key=self.key, offers=["PIPELINING", "CHUNKING", "DSN"])
        sink.wait(self.submit("tls"))
        found = self.sessions(connector_id="tls")[0]
        said = lines_of(found)
        where = said.index(">STARTTLS")
        self.assertEqual(said[where + 1], "<220 go")
        self.assertRegex(said[where + 2], r"^\*TLSv1\.3 with TLS_")
        contexts = [row["context"] for row in found]
        self.assertIn("Certificate subject", contexts)
        self.assertIn("Certificate thumbprint", contexts)
        self.assertEqual(len([line for line in said if line.startswith(">EHLO")]), 2)
        self.assertTrue(any(re.match(r">BDAT \d+ LAST$", line) for line in said), said)
        self.assertIn(">RCPT TO:<x@tls.example>", [line.split(" NOTIFY")[0] for line in said])

    def test_a_peer_that_cannot_be_reached_or_refuses(self):
        dead = Sink(self.org.place)
        dead.stop()
        sink = self.sink("dead")
        sink.answer("(banner)", "554 5.3.2 no service close", times=1)
        self.org.change(self.org.connector("dead"), hubSmartHost=[
            "[127.0.0.1]:%d" % dead.port, "[127.0.0.1]:%d" % sink.port])
        tokens = [self.submit("dead") for _ in range(4)]
        for token in tokens:
            sink.wait(token)
        row = self.logged("dead", "connect: Connection refused")
        self.assertEqual((row["event"], row["remote-endpoint"]),
                         ("*", "127.0.0.1:%d" % dead.port))
        found = [s for s in self.log.sessions(connector_id="dead") if s[0]["session-id"] ==
                 self.logged("dead", "554 5.3.2")["session-id"]][0]
        self.assertEqual(found[-1]["event"], "-")

    def test_a_peer_that_goes(self):
        sink = self.sink("gone")
        sink.answer("RCPT", "close", times=1)
        sink.wait(self.submit("gone"))
        found = self.sessions(2, connector_id="gone")
        self.assertEqual(found[0][-1]["context"], "Remote")
        self.assertIn("the peer closed the connection", found[0][-2]["data"])

    # --- what it never shows ---

    def test_credentials(self):
        secrets = [PASSWORD, b64(PASSWORD), b64("\0hub\0" + PASSWORD), b64("hub")]
        for name, offer, shown in (("pl", "AUTH PLAIN LOGIN", [">AUTH PLAIN <%d bytes>" %
                                                               len(secrets[2])]),
                                   ("lo", "AUTH LOGIN", [">AUTH LOGIN", "><4 bytes>",
                                                         "><%d bytes>" % len(secrets[1])])):
            sink = self.sink(name, offers=["PIPELINING", offer], hubSmartHostAuth="BasicAuth",
                             hubAuthUser="hub", hubAuthPassword=PASSWORD)
            sink.answer("AUTH PLAIN", "235 2.7.0 welcome")
            sink.answer("AUTH LOGIN", "334 " + b64("Username:"))
            sink.answer(b64("hub"), "334 " + b64("Password:"))
            sink.answer(b64(PASSWORD), "235 2.7.0 welcome")
            sink.wait(self.submit(name))
            said = lines_of(self.sessions(connector_id=name)[0])
            where = said.index(shown[0])
            self.assertEqual([s for s in said[where:where + 6] if s[0] == ">"][:len(shown)], shown)
        for secret in secrets:
            self.assertNotIn(secret, self.log.text())
        self.assertNotIn("334 V", self.log.text())

    def test_whatever_a_peer_says_stays_one_line(self):
        sink = self.sink("odd")
        sink.answer("(banner)", "220 odd, \"peer\" \x1b[31m \u00e4", times=1)
        sink.wait(self.submit("odd"))
        said = lines_of(self.sessions(connector_id="odd")[0])
        self.assertIn("<220 odd, \"peer\" \\x1B[31m \u00e4", said)

    # --- live ---

    def test_on_and_off_while_a_session_runs(self):
        org = self.org
        held, sink = [], self.sink("live")

        def reply():
            held.append(1)
            wait_for("it is switched", lambda: len(held) != 1)
            return "250 held"

        sink.answer("EHLO", reply, times=1)
        token = self.submit("live")
        wait_for("EHLO", lambda: held)
        org.change(org.connector("live"), hubProtocolLogging="None")
        held.append(2)
        sink.wait(token)
        sink.wait(self.submit("live"))
        org.change(org.connector("live"), hubProtocolLogging="Verbose")
        sink.wait(self.submit("live"))
        found = wait_for("two sessions", lambda: len(self.log.sessions(connector_id="live")) == 2
                         and self.sessions(connector_id="live"))
        self.assertIn(">EHLO london2.contoso.com", lines_of(found[0]))
        self.assertNotIn("<250 held", lines_of(found[0]))
        self.assertIn(">QUIT", lines_of(found[1]))

    def test_on_while_a_session_runs(self):
        """What is said from then on, in the session that is there."""
        org, held = self.org, []
        sink = self.sink("later", hubProtocolLogging="None")

        def reply():
            held.append(1)
            wait_for("it is switched", lambda: len(held) != 1)
            return None

        sink.answer("RCPT", reply, times=1)
        token = self.submit("later")
        wait_for("RCPT", lambda: held)
        self.assertEqual(self.log.sessions(connector_id="later"), [])
        org.change(org.connector("later"), hubProtocolLogging="Verbose")
        held.append(2)
        session = sink.wait(token)[0].session
        said = lines_of(self.sessions(connector_id="later")[0])
        self.assertEqual(session, 1)
        self.assertNotIn(">EHLO london2.contoso.com", said)
        self.assertIn("<250 2.0.0 taken", said)

    def test_others_are_not_logged(self):
        sink = self.sink("quiet", hubProtocolLogging="None")
        sink.wait(self.submit("quiet"))
        other = self.sink("loud")
        other.wait(self.submit("loud"))
        self.sessions(connector_id="loud")
        self.assertEqual(self.log.sessions(connector_id="quiet"), [])
        self.assertNotIn("127.0.0.1:%d" % sink.port, self.log.text())

    def test_between_servers(self):
        """hubIntraOrgProtocolLogging, of the server that sends: to hubs and to mailbox servers."""
        org = self.org
        sink = self.sink("hubs")
        sink.wait(self.submit("hubs"))
        self.assertEqual(self.intra.rows(), [])
        org.change(org.paris1.dn(), hubIntraOrgProtocolLogging="Verbose")
        sink.wait(self.submit("hubs"))
        token, data = message(sender=SENDER)
        send(org.application_port, SENDER, [SENDER], data)
        org.mailbox.wait(token)

        def ports():
            return {row["remote-endpoint"] for row in self.intra.rows()
                    if row["connector-id"] == "Intra-Organization" and row["event"] == "+"}
        wait_for(lambda: "hub and mailbox server in " + self.intra.text(), lambda: ports() >= {
            "127.0.0.1:%d" % org.london2.port, "127.0.0.1:%d" % org.mailbox.port})
        org.change(org.paris1.dn(), hubIntraOrgProtocolLogging="None")
        before = len(self.intra.sessions())
        sink.wait(self.submit("hubs"))
        self.assertEqual(len(self.intra.sessions()), before)

    def test_counted_and_opened_anew(self):
        hub = self.org.london2
        sink = self.sink("hup")
        sink.wait(self.submit("hup"))
        self.sessions(connector_id="hup")
        newest = self.log.files()[-1]
        moved = os.path.join(self.org.place.path, "moved.log")
        os.rename(newest, moved)
        hub.process.signal(signal.SIGHUP)
        sink.wait(self.submit("hup"))
        self.sessions(connector_id="hup")
        self.assertTrue(os.path.exists(newest))
        metrics = hub.ctl("metrics")
        self.assertRegex(metrics, r'hub_protocol_log_lines_total\{log="send"\} [1-9]')
        self.assertIn('hub_protocol_log_lost_total{log="send"} 0\n', metrics)
