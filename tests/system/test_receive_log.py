"""The Receive protocol log: what it shows of a session, what it never shows, and its files."""

import datetime
import os
import re
import signal
import types
import unittest

from .harness.base import free_port, wait_for
from .harness.client import Client, b64
from .harness.directory import record
from .harness.disk import SmallDisk
from .harness.organization import Organization, message
from .harness.protocol_log import FIELDS, ProtocolLog, lines_of

PASSWORD = "password-of-anna"
SECRETS = [PASSWORD, b64(PASSWORD), b64("\0anna\0" + PASSWORD), b64("anna"), "anna\0"]


def files(folder):
    return ProtocolLog(folder, "smtp-receive").files()


def text(folder):
    return ProtocolLog(folder, "smtp-receive").text()


def rows(folder):
    return ProtocolLog(folder, "smtp-receive").rows()


def listens(port):
    try:
        Client(port).close()
        return True
    except OSError:
        return False


def add_settings(hub, **settings):
    with open(hub.settings, "a", encoding="ascii") as lines:
        lines.write("".join("%s = %s\n" % item for item in settings.items()))


class ReceiveLog(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        cls.folder = os.path.join(org.london1.state, "log", "protocol")
        cls.small = org.place.directory("small")
        add_settings(org.paris1, protocol_log=cls.small, protocol_log_file_size="4K",
                protocol_log_total_size="16K")
        add_settings(org.london2, protocol_log="off")
        cls.port = free_port()
        org.directory.add(record(
            cls.dn(), "hubReceiveConnector", cn="Logged",
            hubBinding="127.0.0.1:%d" % cls.port, hubAuthMechanism=["Tls", "BasicAuth"],
            hubPermissionGroup=["AnonymousUsers", "HubUsers"], hubMaxInboundPerSource="0",
            hubMaxInboundPercentPerSource="100", hubTarpitInterval="0", hubMaxProtocolErrors="0",
            hubMaxLogonFailures="0", hubMaxMessageSize="100000", hubProtocolLogging="Verbose"))
        for hub in (org.london2, org.paris1):
            org.directory.change("cn=Default %s,%s" % (hub.name, hub.dn()),
                                 hubProtocolLogging="Verbose")
        org.start()
        wait_for("the connector listens", lambda: listens(cls.port))

    @classmethod
    def dn(cls):
        return "cn=Logged,%s" % cls.org.london1.dn()

    def session(self, *said, port=None):
        """What the log has of a session in which that is said, once it is complete."""
        with Client(port or self.port) as client:
            remote = "127.0.0.1:%d" % client.socket.getsockname()[1]
            client.replies = [client.say(one) for one in said]
            client.say("QUIT")
        return self.logged(remote)

    def logged(self, remote):
        def complete():
            found = [row for row in rows(self.folder) if row["remote-endpoint"] == remote]
            return found if found and found[-1]["event"] == "-" else None
        return wait_for(lambda: "session of %s:\n%s" % (remote, text(self.folder)[-2000:]),
                        complete)

    # --- what it shows ---

    def test_lines_of_a_session(self):
        token, data = message()
        found = self.session(
            "EHLO client.example", "MAIL FROM:<a@outside.example>", "RCPT TO:<anna@contoso.com>",
            "RCPT TO:<nobody@contoso.com>", "DATA", data + b".\r\n", "MAIL FROM:<b@b.example>",
            "RSET")
        self.assertEqual([row["sequence-number"] for row in found],
                         [str(n) for n in range(len(found))])
        self.assertEqual(len({row["session-id"] for row in found}), 1)
        for row in found:
            self.assertEqual(row["connector-id"], "london1\\Logged")
            self.assertEqual(row["local-endpoint"], "127.0.0.1:%d" % self.port)
            when = datetime.datetime.strptime(row["date-time"], "%Y-%m-%dT%H:%M:%S.%fZ")
            now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
            self.assertLess(abs((now - when).total_seconds()), 60)
        said = lines_of(found, "<>+-")
        self.assertEqual(said[:3], ["+", ">220 london1.contoso.com ESMTP Hub Transport",
                                    "<EHLO client.example"])
        self.assertIn(">250-SIZE 100000", said)
        where = said.index("<MAIL FROM:<a@outside.example>")
        self.assertEqual([re.sub(r"queued as .*", "queued as X", line) for line in said[where:]], [
            "<MAIL FROM:<a@outside.example>", ">250 2.1.0 sender OK",
            "<RCPT TO:<anna@contoso.com>", ">250 2.1.5 recipient OK",
            "<RCPT TO:<nobody@contoso.com>",
            ">550 5.1.1 <nobody@contoso.com>: no such recipient here",
            "<DATA", ">354 end with <CRLF>.<CRLF>", ">250 2.6.0 queued as X",
            "<MAIL FROM:<b@b.example>", ">250 2.1.0 sender OK", "<RSET", ">250 2.0.0 reset",
            "<QUIT", ">221 2.0.0 london1.contoso.com closing", "-"])
        queued = next(row["data"] for row in found if "queued as" in row["data"]).split()[-1]
        self.assertIn(("*", queued, "receiving message"),
                      [(row["event"], row["data"], row["context"]) for row in found])
        self.assertEqual(found[-1]["context"], "Local")
        self.assertNotIn(token, text(self.folder))

    def test_header_lines(self):
        self.session("NOOP")
        with open(files(self.folder)[0], encoding="utf-8") as log:
            head = [next(log).rstrip("\n") for _ in range(5)]
        self.assertRegex(head[0], r"^#Software: Hub Transport [0-9.]+$")
        self.assertRegex(head[1], r"^#Version: ")
        self.assertEqual(head[2], "#Log-Type: SMTP Receive Protocol Log")
        self.assertRegex(head[3], r"^#Date: 20..-..-..T..:..:..\....Z$")
        self.assertEqual(head[4], "#Fields: " + ",".join(FIELDS))
        day = head[3][7:17].replace("-", "")
        self.assertIn("RECV%s-1.log" % day, [os.path.basename(f) for f in files(self.folder)])

    def test_peer_that_just_goes(self):
        client = Client(self.port)
        remote = "127.0.0.1:%d" % client.socket.getsockname()[1]
        client.close()
        self.assertEqual(self.logged(remote)[-1]["context"], "Remote")

    def test_starttls(self):
        with Client(self.port) as client:
            remote = "127.0.0.1:%d" % client.socket.getsockname()[1]
            client.ehlo()
            client.starttls()
            client.say("NOOP")
        said = lines_of(self.logged(remote))
        where = said.index("<STARTTLS")
        self.assertTrue(said[where + 1].startswith(">220 2.0.0"), said)
        self.assertIn("<NOOP", said)

    def test_tarpit_is_told(self):
        org = self.org
        org.change(self.dn(), hubTarpitInterval="1")
        try:
            found = self.session("EHLO client.example", "MAIL FROM:<a@b.example>",
                                 "RCPT TO:<x@elsewhere.example>")
        finally:
            org.change(self.dn(), hubTarpitInterval="0")
        self.assertIn("*Tarpit for '1 s' due to '550 5.7.1 unable to relay'", lines_of(found))

    # --- what it never shows ---

    def test_whatever_a_client_sends_stays_one_line(self):
        forged = "2026-01-01T00:00:00.000Z,x,1,0,a,b,+,,"
        found = self.session(
            b"EHLO client.example\r\n", b"NOOP a,b \"c\" \\x41\r\n", b"NOOP x\n" + forged.encode() +
            b"\n\r\n", b"NOOP \0\x1b[31m\r\n", b"NOOP \xff\xfe\r\n", b"NOOP gr\xc3\xbcn\r\n",
            b"NOOP " + b"y" * 20000 + b"\r\n", b"MAIL FROM:<a@b.example>\rRSET\r\n", b"\r\n")
        said = lines_of(found, "<")
        self.assertIn("<NOOP a,b \"c\" \\x5Cx41", said)
        self.assertIn("<NOOP \\x00\\x1B[31m", said)
        self.assertIn("<NOOP \\xFF\\xFE", said)
        self.assertIn("<NOOP gr\u00fcn", said)
        self.assertIn("bare CR or LF", [row["context"] for row in found])
        self.assertIn("line too long", [row["context"] for row in found])
        self.assertNotIn(forged[:24], [row["date-time"] for row in rows(self.folder)])
        self.assertNotIn("\r", text(self.folder))
        self.assertNotIn("\0", text(self.folder))

    def test_credentials(self):
        plain = b64("\0anna\0" + PASSWORD)
        dialogues = [
            ["AUTH PLAIN " + plain],
            ["AUTH PLAIN", plain],
            ["auth login", b64("anna"), b64(PASSWORD)],
            ["AUTH LOGIN " + b64("anna"), b64(PASSWORD)],
            ["AUTH  PLAIN  " + plain],
            ["AUTH LOGIN", "*", b64(PASSWORD)],         # it goes on all the same
            ["AUTH CRAM-MD5", b64("anna"), PASSWORD],
            ["AUTH " + plain],
            ["AUTH PLAIN " + plain + " " + plain],
            ["AUTH"], ["AUTHPLAIN " + plain], ["AUTH:" + plain],
            ["Authorization: Basic " + plain],
            ["PASS " + PASSWORD],
            ["MAIL FROM:<a@b.example>", "AUTH PLAIN " + plain, plain],
            ["AUTH LOGIN", b64("anna") + "\n" + b64(PASSWORD)],
            ["AUTH PLAIN " + plain + "\rx"],
            ["AUTH LOGIN", PASSWORD * 2000],
        ]
        shown = []
        for dialogue in dialogues:
            shown.append(lines_of(self.session("EHLO client.example", *dialogue), "<")[1:])
        for secret in SECRETS:
            self.assertNotIn(secret, text(self.folder))
        self.assertEqual(shown[0][0], "<AUTH PLAIN <%d bytes>" % len(plain))
        self.assertEqual(shown[1][:2], ["<AUTH PLAIN", "<<%d bytes>" % len(plain)])
        self.assertEqual(shown[5][2], "<<%d bytes>" % len(b64(PASSWORD)))
        # and AUTH before EHLO, or where nobody is to log in
        self.session("AUTH PLAIN " + plain, plain)
        # nor the server's part of it
        self.assertNotIn(">334 V", "".join(lines_of(rows(self.folder), ">")))

    def test_content_sent_at_the_wrong_moment(self):
        secret = "confidential"
        self.session("EHLO client.example", "DATA", "Subject: " + secret, secret, "",
                     "help me, %s" % secret, "mail me the %s" % secret, ".")
        self.session("EHLO client.example", "MAIL FROM:<a@b.example>",
                     "RCPT TO:<x@elsewhere.example>", "BDAT 12 LAST\r\n%s" % secret[:10], secret,
                     "noop " + secret)
        self.assertNotIn(secret, text(self.folder))

    # --- live ---

    def test_on_and_off_while_a_session_runs(self):
        org = self.org
        with Client(self.port) as client:
            remote = "127.0.0.1:%d" % client.socket.getsockname()[1]
            client.say("NOOP first")
            org.change(self.dn(), hubProtocolLogging="None")
            client.say("NOOP second")
            org.change(self.dn(), hubProtocolLogging="Verbose")
            client.say("NOOP third")
            client.say("QUIT")
            said = lines_of(self.logged(remote), "<")
        self.assertEqual(said, ["<NOOP first", "<NOOP third", "<QUIT"])

    def test_others_are_not_logged(self):
        with Client(self.org.internet_port) as client:
            remote = "127.0.0.1:%d" % client.socket.getsockname()[1]
            client.say("QUIT")
        self.session("NOOP")
        self.assertNotIn(remote, text(self.folder))

    def test_switched_off_for_the_server(self):
        self.assertEqual(
            self.org.london2.events("protocol-log-off")[0]["connector"], "Default london2")
        with Client(self.org.london2.port) as client:
            client.say("QUIT")
        self.assertFalse(os.path.exists(os.path.join(self.org.london2.state, "log")))

    def test_counted(self):
        self.session("NOOP")
        metrics = self.org.london1.ctl("metrics")
        lines = re.search(r'hub_protocol_log_lines_total\{log="receive"\} (\d+)', metrics)
        self.assertGreaterEqual(int(lines.group(1)), len(rows(self.folder)))
        self.assertIn('hub_protocol_log_lost_total{log="receive"} 0\n', metrics)

    # --- files ---

    def test_rotation_and_total(self):
        for _ in range(30):
            with Client(self.org.paris1.port) as client:
                client.say("EHLO client.example")
                client.say("QUIT")
        wait_for(lambda: "numbers in %s" % files(self.small),
                 lambda: any(re.search(r"-([6-9]|[1-9]\d+)\.log$", f) for f in files(self.small)))
        sizes = [os.path.getsize(f) for f in files(self.small)]
        self.assertLessEqual(sum(sizes), 16 << 10)
        self.assertLessEqual(max(sizes), 4 << 10)
        self.assertGreaterEqual(len(sizes), 3)
        self.assertFalse([f for f in files(self.small) if f.endswith("-1.log")])
        self.assertTrue(rows(self.small))

    def test_hangup_opens_anew(self):
        self.session("NOOP")
        newest = files(self.folder)[-1]
        moved = os.path.join(self.org.place.path, "moved.log")
        os.rename(newest, moved)
        self.org.london1.process.signal(signal.SIGHUP)
        found = self.session("NOOP after")
        self.assertIn("<NOOP after", lines_of(found))
        self.assertTrue(os.path.exists(newest))
        with open(moved, encoding="utf-8") as log:
            self.assertNotIn("NOOP after", log.read())


class FullDisk(unittest.TestCase):
    def test_mail_goes_on_and_the_log_comes_back(self):
        org = Organization()
        self.addCleanup(org.close)
        hub = org.london1
        folder = org.place.directory("log")
        disk = SmallDisk(self, types.SimpleNamespace(state=folder, kill=hub.kill), 1)
        add_settings(hub, protocol_log=folder)
        internet = "cn=Internet," + hub.dn()
        org.directory.change(internet, hubProtocolLogging="Verbose")
        hub.start()

        def mail():
            _, data = message()
            with Client(org.internet_port) as client:
                reply = client.begin().data(data + b".\r\n")
                self.assertTrue(reply.startswith("250"), reply)

        wait_for("the connector listens", lambda: listens(org.internet_port))
        mail()
        wait_for("lines", lambda: rows(folder))
        disk.fill()
        wait_for("the failure is told", lambda: mail() or hub.events("protocol-log-failed"))
        mail()
        disk.free()
        wait_for("the log is back", lambda: mail() or hub.events("protocol-log-resumed"))
        self.assertEqual(len(hub.events("protocol-log-failed")), 1)
        self.assertGreater(int(hub.events("protocol-log-resumed")[0]["lines_lost"]), 0)
        rows(folder)        # none is torn
        self.assertEqual(hub.stop(), 0)
