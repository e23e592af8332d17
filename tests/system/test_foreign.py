"""Foreign connectors: a message leaves as a complete file in a drop directory, or waits."""

import glob
import os
import re
import shutil
import stat
import threading
import unittest

from .harness.base import run, wait_for
from .harness.delivery import QUICK, wait_report
from .harness.directory import record
from .harness.organization import Organization, message, send

SENDER = "anna@contoso.com"
FAX = "IMCEAFAX-+2B1234@contoso.com"
SECRET = b"X-Hub-Organization-Secret: 1\r\nX-Hub-Forest-Secret: 1\r\n"


class File:
    """A dropped file: the lines of the envelope, and the message."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as data:
            self.whole = data.read()
        end = re.search(rb"^X-EndOfInjectedXHeaders: (\d+)\r\n", self.whole, re.M)
        self.counted, self.head = int(end.group(1)), self.whole[:end.start()]
        self.lines = self.head.decode().split("\r\n")[:-1]
        self.message = self.whole[end.end():]


class Foreign(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        cls.root = org.place.directory("drop")
        cls.folder = os.path.join(cls.root, "Fax")
        os.mkdir(cls.folder)
        os.chmod(cls.folder, 0o2775)
        for hub in org.hubs:
            org.directory.change(hub.dn(), **QUICK)
        org.directory.change(org.london2.dn(), hubDropRoot=cls.root)
        org.directory.add(record(
            org.connector("Fax"), "hubForeignConnector", cn="Fax", hubAddressSpace="FAX:*",
            hubSourceServer=org.london2.dn()))
        org.start()

    def setUp(self):
        self.addCleanup(self.empty)

    def empty(self):
        for path in glob.glob(os.path.join(self.root, "*", "*")):
            os.unlink(path)

    def submit(self, to=FAX, body="Hello\r\n", header=b"", **options):
        token, data = message(sender=SENDER, to="fax@contoso.com", body=body)
        send(self.org.application_port, SENDER, [to], header + data, **options)
        return token

    def files(self, folder=None):
        return [File(path) for path in glob.glob(os.path.join(folder or self.folder, "*.eml"))]

    def find(self, token, folder=None):
        return [f for f in self.files(folder) if token.encode() in f.whole]

    def wait_file(self, token, folder=None):
        return wait_for("a file of %s" % token, lambda: self.find(token, folder))[0]

    def set(self, **attributes):
        """Of the connector, until the end of the test."""
        self.org.change(self.org.connector("Fax"), **attributes)
        self.addCleanup(self.org.change, self.org.connector("Fax"),
                        **{name: None for name in attributes})

    def last_error(self):
        for queue in self.org.london2.ctl("queue", "list")["queues"]:
            if queue["identity"].endswith("NonSmtpGatewayDelivery/*/Fax"):
                return queue["last_error"] or ""
        return ""

    # --- the file ---

    def test_file(self):
        token = self.submit(header=SECRET, options=["BODY=8BITMIME"])
        got = self.wait_file(token)
        self.assertEqual(got.lines, [
            "X-Sender: <%s> BODY=8BITMIME" % SENDER, "X-Receiver: <%s>" % FAX,
            "X-Receiver-Address: FAX:+1234", "X-CreatedBy: hub-transport"])
        self.assertEqual(got.counted, len(got.head))
        self.assertTrue(got.message.endswith(b"\r\n\r\nHello\r\n"), got.message)
        # how it went stays, what is the organization's own does not
        self.assertIn(b"Received: from", got.message)
        self.assertNotIn(b"X-Hub-", got.whole)
        self.assertEqual(stat.S_IMODE(os.stat(got.path).st_mode), 0o664)
        self.assertTrue(os.path.basename(got.path).startswith("london2.contoso.com-"))
        self.assertEqual(len(os.listdir(self.folder)), 1)
        wait_for("said so", lambda: self.org.london2.events("relayed", to=FAX, hop=got.path))

    def test_large_and_many(self):
        """More than one piece; and recipients of one message share a file."""
        token, data = message(sender=SENDER, body=("x" * 70 + "\r\n") * 10000)
        several = [FAX] + ["IMCEAFAX-%d@contoso.com" % i for i in range(50)]
        send(self.org.application_port, SENDER, several, data)
        got = self.wait_file(token)
        self.assertTrue(got.message.endswith(("x" * 70 + "\r\n").encode() * 10000))
        receivers = [line for line in got.lines if line.startswith("X-Receiver: ")]
        self.assertEqual(receivers, ["X-Receiver: <%s>" % to for to in several])
        self.assertEqual(len(self.find(token)), 1)

    # --- reports ---

    DSN = ["RET=HDRS", "ENVID=q1"]

    def submit_dsn(self, notify):
        import smtplib
        token, data = message(sender=SENDER)
        with smtplib.SMTP("127.0.0.1", self.org.application_port, timeout=30) as client:
            client.ehlo("client.example")
            client.mail(SENDER, self.DSN)
            client.rcpt(FAX, ["NOTIFY=" + notify, "ORCPT=rfc822;fax@contoso.com"])
            self.assertEqual(client.data(data)[0], 250)
        return token

    def test_reports_are_the_gateways(self):
        got = self.wait_file(self.submit_dsn("SUCCESS,FAILURE"))
        self.assertEqual(got.lines[0], "X-Sender: <%s> BODY=7BIT RET=HDRS ENVID=q1" % SENDER)
        self.assertEqual(got.lines[1], "X-Receiver: <%s> NOTIFY=SUCCESS,FAILURE "
                         "ORcpt=rfc822;fax@contoso.com" % FAX)

    def test_relay_dsn_required(self):
        self.set(hubRelayDSNRequired="TRUE")
        for notify, left in (("SUCCESS", "NEVER"), ("SUCCESS,DELAY", "DELAY")):
            token = self.submit_dsn(notify)
            got = self.wait_file(token)
            self.assertIn(" NOTIFY=%s " % left, got.lines[1])
            report = wait_report(self.org.mailbox, token, FAX)
            self.assertEqual(report.recipient(FAX)["Action"], "relayed")
            self.assertEqual(report.per_message["Original-Envelope-Id"], "q1")
        # nobody asked: nobody is told
        self.wait_file(self.submit())
        self.assertEqual(len(self.org.london2.events("received", connector="report")), 0)

    # --- where ---

    def test_drop_directory(self):
        other = os.path.join(self.root, "other one")
        os.mkdir(other)
        self.addCleanup(shutil.rmtree, other)
        self.set(hubDropDirectory="other one")
        self.wait_file(self.submit(), other)
        self.assertEqual(self.files(), [])
        for name in ("../elsewhere", "..", "a/b", "/tmp"):
            refused = self.org.directory.modify(
                "dn: %s\nchangetype: modify\nreplace: hubDropDirectory\nhubDropDirectory: %s\n"
                % (self.org.connector("Fax"), name), check=False)
            self.assertEqual(refused.returncode, 19, refused)

    def test_missing_folder_and_root(self):
        shutil.rmtree(self.folder)
        token = self.submit()
        wait_for("it says why", lambda: "Fax: No such file or directory" in self.last_error())
        os.mkdir(self.folder)
        self.wait_file(token)
        self.org.change(self.org.london2.dn(), hubDropRoot=None)
        token = self.submit()
        wait_for("it says why", lambda: "no hubDropRoot" in self.last_error())
        self.org.change(self.org.london2.dn(), hubDropRoot=self.root)
        self.wait_file(token)

    def test_symbolic_link(self):
        """Whoever may write in hubDropRoot does not say where mail goes."""
        elsewhere = self.org.place.directory("elsewhere")
        os.rename(self.folder, self.folder + "-")
        os.symlink(elsewhere, self.folder)
        token = self.submit()
        wait_for("it says why", lambda: "Fax: Not a directory" in self.last_error() or
                 "Too many levels" in self.last_error())
        self.assertEqual(os.listdir(elsewhere), [])
        os.unlink(self.folder)
        os.rename(self.folder + "-", self.folder)
        self.wait_file(token)

    def test_source_servers_stand_in(self):
        """Of several, each writes to its own folder; the others go on without one that is gone."""
        org = self.org
        root = org.place.directory("drop1")
        other = os.path.join(root, "Fax")
        os.mkdir(other)
        org.change(org.london1.dn(), hubDropRoot=root)
        org.change(org.connector("Fax"), hubSourceServer=[org.london1.dn(), org.london2.dn()])
        self.addCleanup(org.change, org.connector("Fax"), hubSourceServer=org.london2.dn())
        org.london2.stop()
        self.wait_file(self.submit(), other)
        org.london2.start()
        org.london1.stop()
        self.wait_file(self.submit())
        org.london1.start()

    # --- no room ---

    def test_quota(self):
        body = ("y" * 70 + "\r\n") * 100
        first = self.wait_file(self.submit(body=body))
        size = os.path.getsize(first.path)
        self.set(hubDropQuota=str(2 * size - 1))
        token = self.submit(body=body)
        wait_for("it says why", lambda: "hubDropQuota of %d bytes: %d lie in" % (
            2 * size - 1, size) in self.last_error())
        self.assertEqual(os.listdir(self.folder), [os.path.basename(first.path)])
        os.unlink(first.path)
        self.wait_file(token)
        # one that is too large by itself is told of at once
        token = self.submit(body=body * 3)
        report = wait_report(self.org.mailbox, token, FAX)
        self.assertEqual(report.recipient(FAX)["Status"], "5.3.4")
        self.assertIn("larger than hubDropQuota", report.recipient(FAX)["Diagnostic-Code"])

    def test_full_disk(self):
        os.chmod(self.folder, 0o2775)
        mounted = run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", self.folder)
        if mounted.returncode != 0:
            self.skipTest("cannot mount a small tmpfs: " + mounted.stderr.strip())
        self.addCleanup(run, "umount", "-l", self.folder)
        token = self.submit(body=("z" * 70 + "\r\n") * 2000)
        wait_for("it says why", lambda: "No space left on device" in self.last_error())
        self.assertEqual(os.listdir(self.folder), [])
        run("mount", "-o", "remount,size=1m", self.folder, check=True)
        self.wait_file(token)

    # --- crashes ---

    def test_left_by_a_crash(self):
        """Hidden files that nobody writes any more go away; what is not ours stays."""
        left = os.path.join(self.folder, ".hub-0123456789abcdef.tmp")
        other = os.path.join(self.folder, ".other.tmp")
        for path in (left, other):
            with open(path, "w") as out:
                out.write("half a mess")
        # a new connection of the queue looks at the folder
        self.org.change(self.org.connector("Fax"), hubComment="again")
        self.wait_file(self.submit())
        self.assertFalse(os.path.exists(left))
        self.assertTrue(os.path.exists(other))

    def test_kill(self):
        """Whenever it dies: what ends in .eml is whole, and nothing is lost."""
        hub, tokens, broken = self.org.london2, [], []
        stop = threading.Event()

        def read():
            """As a foreign system would, and it takes nothing."""
            while not stop.is_set():
                for path in glob.glob(os.path.join(self.folder, "*.eml")):
                    with open(path, "rb") as data:
                        if not data.read().endswith(b"the end\r\n"):
                            broken.append(path)

        reader = threading.Thread(target=read)
        reader.start()
        self.addCleanup(reader.join)
        self.addCleanup(stop.set)
        for _ in range(4):
            some = len(self.files())
            tokens += [self.submit(body="q" * 900 + "\r\nthe end\r\n") for _ in range(10)]
            wait_for("some are there", lambda: len(self.files()) > some)
            hub.kill()
            hub.start()
        for token in tokens:
            self.wait_file(token)
        self.assertEqual(broken, [])
        # what Paris sent again is another message here; one written again replaced itself
        stored = [os.path.basename(f.path).split("-")[1] for f in self.files()]
        self.assertEqual(len(set(stored)), len(stored))


if __name__ == "__main__":
    unittest.main()
