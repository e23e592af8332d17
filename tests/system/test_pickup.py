"""Pickup and replay: mail that comes as files, whole, once, and by whom the folder lets write."""

import contextlib
import glob
import os
import re
import socket
import stat
import threading
import time
import unittest
import uuid

from .harness.base import run, wait_for
from .harness.delivery import QUICK, wait_report
from .harness.directory import record
from .harness.organization import Organization

NOBODY = NOBODY_GROUP = 65534
PICKUP = "From: Anna <anna@contoso.com>\nTo: bruno@contoso.com\nSubject: %s\n\n%s\n"
REPLAY = "X-Sender: <anna@contoso.com>\nX-Receiver: <bruno@contoso.com>\n%sSubject: %s\n\n%s\n"


def head(message):
    return re.split(rb"\r?\n\r?\n", message.data, 1)[0].decode("utf-8", "replace")


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = org = Organization()
        cls.addClassCleanup(org.close)
        cls.hub = org.london1
        cls.pickup = org.place.directory("pickup")
        cls.replay = org.place.directory("replay")
        cls.outside = org.place.directory("compose")
        for folder in (cls.pickup, cls.replay):
            os.chmod(folder, 0o770)
        for hub in org.hubs:
            org.directory.change(hub.dn(), **QUICK)
        org.directory.change(cls.hub.dn(), hubPickupDirectory=cls.pickup,
                             hubReplayDirectory=cls.replay, hubPickupMaxMessagesPerMinute="0")
        org.start()

    def tearDown(self):
        for folder in (self.pickup, self.replay):
            for name in os.listdir(folder):
                path = os.path.join(folder, name)
                if os.path.isdir(path):
                    os.rmdir(path)
                else:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(path)

    def put(self, folder, text, name=None, mode=0o640, owner=None):
        """As one should: made elsewhere, moved in."""
        name = name or uuid.uuid4().hex + ".eml"
        path = os.path.join(self.outside, name)
        with open(path, "wb") as out:
            out.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)
        if owner is not None:
            os.chown(path, owner, -1)
        os.rename(path, os.path.join(folder, name))
        return name

    def drop_off(self, folder=None, form=PICKUP, **options):
        token = uuid.uuid4().hex
        folder = folder or self.pickup
        return token, self.put(folder, form.replace("Subject: %s", "Subject: " + token)
                               .replace("%s", "Hello"), **options)

    def passes(self, folder):
        """A scan of the folder is over: what lay there before has been looked at."""
        form = PICKUP if folder == self.pickup else REPLAY.replace("%s", "", 1)
        token, _ = self.drop_off(folder, form, name="~%s.eml" % uuid.uuid4().hex)
        self.org.mailbox.wait(token)

    def set(self, **attributes):
        self.org.change(self.hub.dn(), **attributes)

    def bad(self, name):
        return wait_for("%s is put aside" % name, lambda: self.hub.events("badmail", file=name))[0]


class Pickup(Base):
    def test_message(self):
        token = uuid.uuid4().hex
        name = self.put(self.pickup, (
            "Received: from somewhere by elsewhere; Sat, 21 Nov 2026 12:00:00 +0000\n"
            "Resent-From: x@y.example\nX-Hub-Organization-Secret: 1\nX-Hub-Forest-Secret: 1\n"
            "From: \"Anna, of Contoso\" <anna@contoso.com> (me)\n"
            "To: friends: bruno@contoso.com,\n\t<clara@contoso.com>;\n"
            "Bcc: far@away.example\nDate: yesterday\nX-Sender: <not@read.example>\n"
            "Subject: %s\n\n.dot\nthe end" % token))
        got = self.org.mailbox.wait(token)[0]
        self.assertEqual(got.sender, "anna@contoso.com")
        self.assertEqual(sorted(got.recipients), ["bruno@contoso.com", "clara@contoso.com"])
        blind = self.org.smart_host.wait(token)[0]
        self.assertEqual(blind.recipients, ["far@away.example"])
        for message in (got, blind):
            lines = head(message)
            self.assertTrue(message.data.endswith(b"\r\n\r\n.dot\r\nthe end\r\n"), message.data)
            for gone in ("somewhere", "Resent", "X-Hub", "Bcc", "yesterday"):
                self.assertNotIn(gone, lines)
            self.assertRegex(lines, r"Received: from localhost\r\n\tby london1.contoso.com with "
                                    r"Pickup id [0-9a-f]{16};")
            self.assertRegex(lines, r"\r\nMessage-ID: <\S+@london1.contoso.com>")
            self.assertRegex(lines, r"\r\nDate: \w{3}, \d+ \w{3} \d{4} \d\d:\d\d:\d\d [-+]\d{4}")
            self.assertIn("X-Sender: <not@read.example>", lines)
        self.assertEqual(os.listdir(self.pickup), [])
        received = wait_for("said", lambda: self.hub.events("received", file=name))[0]
        self.assertEqual((received["connector"], received["owner"]), ("Pickup", "0"))
        self.assertIn('hub_pickup_messages_total{directory="pickup"}', self.hub.ctl("metrics"))

    def test_senders(self):
        for lines, sender in (
                ("From: anna@contoso.com\nSender: bruno@contoso.com", "anna@contoso.com"),
                ("From: anna@contoso.com, clara@contoso.com\nSender: bruno@contoso.com",
                 "bruno@contoso.com"),
                ("Sender: bruno@contoso.com", "bruno@contoso.com")):
            token, _ = self.drop_off(form=PICKUP.replace("From: Anna <anna@contoso.com>", lines))
            self.assertEqual(self.org.mailbox.wait(token)[0].sender, sender)

    def test_only_blind(self):
        token, _ = self.drop_off(form=PICKUP.replace("To:", "Bcc:"))
        got = self.org.mailbox.wait(token)[0]
        self.assertIn("\r\nTo: undisclosed-recipients:;", head(got))
        self.assertNotIn("Bcc", head(got))

    def test_codes(self):
        """8-bit text, UTF-8 in the header, CRLF; a date and an identity that are there stay."""
        token, _ = self.drop_off(form=PICKUP.replace("Hello", "").replace(
            "Subject:", "Comments: Gr\u00fc\u00dfe\nMessage-ID: <my@own>\n"
            "Date: Sat, 21 Nov 2026 12:00:00 GMT\nSubject:").replace("\n", "\r\n"))
        got = self.org.mailbox.wait(token)[0]
        self.assertIn("Gr\u00fc\u00dfe", head(got))
        self.assertIn("Message-ID: <my@own>\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\n", head(got))

    def test_report_to_the_author(self):
        token, _ = self.drop_off(form=PICKUP.replace("bruno@", "nobody@"))
        report = wait_report(self.org.mailbox, token, "nobody@contoso.com")
        self.assertEqual(report.recipient("nobody@contoso.com")["Status"], "5.1.1")

    def test_invalid_type(self):
        """No session refused it: a report does."""
        address = "IMCEATELEX-1@contoso.com"
        token, _ = self.drop_off(form=PICKUP.replace("bruno@contoso.com", address))
        report = wait_report(self.org.mailbox, token, address)
        self.assertEqual(report.recipient(address)["Status"], "5.1.2")

    # --- rules ---

    BROKEN = [
        ("sender", "To: bruno@contoso.com\n\nx\n"),
        ("sender", "From: a@b.example, c@d.example\nTo: bruno@contoso.com\n\nx\n"),
        ("sender", "From: a@b.example\nSender: c@d.example, e@f.example\n"
                   "To: bruno@contoso.com\n\nx\n"),
        ("address", "From: anna\nTo: bruno@contoso.com\n\nx\n"),
        ("address", "From: a@b.example\nTo: bruno@contoso.com, <\n\nx\n"),
        ("recipients", "From: a@b.example\n\nx\n"),
        ("recipients", "From: a@b.example\nTo: none:;\n\nx\n"),
        ("recipients", "From: a@b.example\nTo: %s\n\nx\n" % ", ".join(
            "a%d@contoso.com" % i for i in range(101))),
        ("header-field", "From a@b Sat\nFrom: a@b.example\nTo: bruno@contoso.com\n\nx\n"),
        ("header-field", " folded\nFrom: a@b.example\nTo: bruno@contoso.com\n\nx\n"),
        ("empty-line", "From: a@b.example\nTo: bruno@contoso.com\n"),
        ("empty-line", ""),
        ("header-size", "From: a@b.example\nTo: bruno@contoso.com\nX: %s\n\nx\n" % ("y" * 65536)),
        ("control-byte", "From: a@b.example\nTo: bruno@contoso.com\nX: \0\n\nx\n"),
        ("control-byte", "From: a@b.example\rTo: bruno@contoso.com\n\nx\n"),
        ("message", "From: a@b.example\nTo: bruno@contoso.com\n\nx\0\n"),
        ("message", "From: a@b.example\nTo: bruno@contoso.com\n\nx\ry\n"),
    ]

    def test_rules(self):
        for i, (rule, text) in enumerate(self.BROKEN):
            with self.subTest(rule=rule, i=i):
                name = self.put(self.pickup, text, "broken%d.eml" % i)
                self.assertEqual(self.bad(name)["rule"], rule)
                with open(os.path.join(self.pickup, "broken%d.bad" % i), "rb") as kept:
                    self.assertEqual(kept.read(), text.encode())
        self.assertIn('hub_pickup_bad_total{directory="pickup"} ', self.hub.ctl("metrics"))
        # the name is taken: the time is added
        self.put(self.pickup, self.BROKEN[0][1], "broken0.eml")
        wait_for("both", lambda: len(glob.glob(os.path.join(self.pickup, "broken0*.bad"))) == 2)

    def test_size(self):
        org = self.org
        org.change(org.directory.base, hubMaxReceiveSize="1000")
        self.addCleanup(org.change, org.directory.base, hubMaxReceiveSize=None)
        name = self.put(self.pickup, PICKUP % ("large", "x" * 1000))
        self.assertIn("size limit of 1000 bytes", self.bad(name)["reason"])

    def test_limits_are_live(self):
        three = "From: a@b.example\nTo: anna@contoso.com, bruno@contoso.com\n" \
                "Cc: clara@contoso.com\nSubject: %s\n\n%s\n"
        self.set(hubPickupMaxRecipients="2")
        self.addCleanup(self.set, hubPickupMaxRecipients=None)
        self.assertEqual(self.bad(self.drop_off(form=three)[1])["rule"], "recipients")
        self.set(hubPickupMaxRecipients="3")
        self.org.mailbox.wait(self.drop_off(form=three)[0])
        self.set(hubPickupMaxHeaderSize="100")
        self.addCleanup(self.set, hubPickupMaxHeaderSize=None)
        self.assertEqual(self.bad(self.drop_off(form=three)[1])["rule"], "header-size")

    def test_rate(self):
        self.set(hubPickupMaxMessagesPerMinute="2")
        tokens = [self.drop_off(name="%d.eml" % i)[0] for i in range(4)]
        wait_for("two", lambda: sum(bool(self.org.mailbox.find(t)) for t in tokens) == 2)
        self.assertEqual(len(os.listdir(self.pickup)), 2)
        # each directory has its own count
        self.org.mailbox.wait(self.drop_off(self.replay, REPLAY.replace("%s", "", 1))[0])
        self.set(hubPickupMaxMessagesPerMinute="0")
        for token in tokens:
            self.org.mailbox.wait(token)

    # --- what is no file of somebody who may ---

    def test_odd_files(self):
        secret = os.path.join(self.outside, "secret")
        with open(secret, "w") as out:
            out.write(PICKUP % ("secret", "secret"))
        self.addCleanup(os.unlink, secret)
        os.symlink(secret, os.path.join(self.pickup, "link.eml"))
        os.mkfifo(os.path.join(self.pickup, "pipe.eml"))
        os.mkdir(os.path.join(self.pickup, "folder.eml"))
        os.mknod(os.path.join(self.pickup, "null.eml"), stat.S_IFCHR | 0o600, os.makedev(1, 3))
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(os.path.join(self.pickup, "s.eml"))
            self.passes(self.pickup)
            for name in ("link", "pipe", "folder", "null", "s"):
                self.assertEqual(self.bad(name + ".eml")["rule"], "file-type")
        for name in ("anybody", "others"):
            self.drop_off(name=name + ".eml", mode=0o666 if name == "anybody" else 0o660,
                          owner=NOBODY)
            if name == "others":
                continue
            self.assertEqual(self.bad(name + ".eml")["rule"], "permissions")
        self.assertFalse(self.org.mailbox.find("secret"))

    def test_hard_link(self):
        """Whose file it is says nothing when it has another name elsewhere."""
        token, name = self.drop_off(self.outside, name="linked.eml")
        path = os.path.join(self.outside, name)
        os.link(path, os.path.join(self.pickup, name))
        self.passes(self.pickup)
        self.assertTrue(os.path.exists(os.path.join(self.pickup, name)))
        # the way in of some programs: it is taken when the other name is gone
        os.unlink(path)
        self.org.mailbox.wait(token)

    def test_group_of_others(self):
        token, _ = self.drop_off(mode=0o660)
        self.org.mailbox.wait(token)
        path = os.path.join(self.outside, "foreign.eml")
        with open(path, "w") as out:
            out.write(PICKUP % ("x", "x"))
        os.chmod(path, 0o660)
        os.chown(path, -1, NOBODY)
        os.rename(path, os.path.join(self.pickup, "foreign.eml"))
        self.assertEqual(self.bad("foreign.eml")["rule"], "permissions")

    def test_directory_of_everybody(self):
        os.chmod(self.pickup, 0o777)
        self.addCleanup(os.chmod, self.pickup, 0o770)
        token, name = self.drop_off()
        wait_for("said", lambda: [e for e in self.hub.events("mail-directory", path=self.pickup)
                                  if "everybody" in e.get("reason", "")])
        self.assertEqual(os.listdir(self.pickup), [name])
        os.chmod(self.pickup, 0o770)
        self.org.mailbox.wait(token)

    def test_temporary_name_is_taken(self):
        """Nothing is renamed onto another file; it is said once, and goes when it can."""
        in_the_way = os.path.join(self.pickup, "twice.london1.tmp")
        with open(in_the_way, "w") as out:
            out.write("precious")
        token, name = self.drop_off(name="twice.eml")
        wait_for("said", lambda: self.hub.events("file-left", file=name))
        for _ in range(3):
            self.passes(self.pickup)
        with open(in_the_way) as kept:
            self.assertEqual(kept.read(), "precious")
        self.assertEqual(len(self.hub.events("file-left", file=name)), 1)
        self.assertFalse(self.org.mailbox.find(token))
        os.unlink(in_the_way)
        self.org.mailbox.wait(token)

    def test_names(self):
        """Only .eml, nothing hidden; a .tmp of another program is not ours."""
        for name in ("a.txt", ".hidden.eml", "b.tmp", "c.eml.part", "d.EML~"):
            self.drop_off(name=name)
        self.passes(self.pickup)
        self.assertEqual(len(os.listdir(self.pickup)), 5)

    def test_long_names(self):
        """Up to the last byte, and several that only end differently; UTF-8 is cut between."""
        long = "n" * 250
        names = [long + "%d.eml" % i for i in range(3)] + ["\u00e4" * 125 + "x.eml"]
        for name in names:
            self.assertEqual(len(name.encode()), 255)
            token, _ = self.drop_off(name=name)
            self.org.mailbox.wait(token)
        tokens = [self.drop_off(name=name)[0] for name in names]
        for token in tokens:
            self.org.mailbox.wait(token)
        for _ in range(2):
            self.put(self.pickup, self.BROKEN[0][1], names[0])
            self.bad(names[0])
            wait_for("it is put aside", lambda: names[0] not in os.listdir(self.pickup))
        left = sorted(os.listdir(self.pickup))
        self.assertEqual(len(left), 2, left)
        self.assertEqual(left[0 if left[0].endswith("0.bad") else 1], names[0][:-4] + ".bad")
        for name in left:
            self.assertTrue(name.endswith(".bad") and len(name) == 255, name)

    def test_long_names_after_a_crash(self):
        name = "l" * 251 + ".eml"
        self.hub.kill()
        # as it is named while under way
        token, _ = self.drop_off(name="l" * 200 + "~0123abcd.london1.tmp")
        other, _ = self.drop_off(name=name)
        self.hub.start()
        self.org.mailbox.wait(token)
        self.org.mailbox.wait(other)

    def test_read_only_folder(self):
        """What can be neither taken nor put aside is said once, and costs no more than a look."""
        folder, view = self.org.place.directory("frozen"), self.org.place.directory("view")
        os.chmod(folder, 0o770)
        mounted = run("mount", "--bind", folder, view)
        if mounted.returncode != 0:
            self.skipTest("cannot mount: " + mounted.stderr.strip())
        self.addCleanup(run, "umount", "-l", view)
        run("mount", "-o", "remount,bind,ro", view, check=True)
        good, _ = self.drop_off(folder, name="good.eml")
        self.put(folder, self.BROKEN[0][1], "broken.eml")
        os.symlink("nowhere", os.path.join(folder, "link.eml"))
        self.set(hubPickupDirectory=view)
        self.addCleanup(self.set, hubPickupDirectory=self.pickup)
        for i in range(10):
            # each is told of by the kernel, and makes it look at all of them
            self.drop_off(folder, name="more%d.eml" % i)
            wait_for("it was looked at", lambda n=i: self.hub.events(
                "file-left", file="more%d.eml" % n))
        for name in ("good", "broken", "link"):
            self.assertEqual([e["reason"] for e in self.hub.events(
                "file-left", file=name + ".eml", path=view)], ["Read-only file system"])
        self.assertFalse(self.org.mailbox.find(good))
        began, spent = time.monotonic(), cpu_seconds(self.hub)
        run("mount", "-o", "remount,bind,rw", view, check=True)
        self.org.mailbox.wait(good)
        spent, took = cpu_seconds(self.hub) - spent, time.monotonic() - began
        self.assertLess(spent, 0.2 + took / 2)
        self.bad("broken.eml")
        self.bad("link.eml")

    def test_being_written(self):
        """A file that somebody writes in place is taken when he is done, whole."""
        token = uuid.uuid4().hex
        with open(os.path.join(self.pickup, "slow.eml"), "w") as out:
            out.write((PICKUP % (token, "first half"))[:-1])
            out.flush()
            self.passes(self.pickup)
            self.passes(self.pickup)
            self.assertEqual(os.listdir(self.pickup), ["slow.eml"])
            out.write(", second half\n")
        self.assertIn(b"first half, second half", self.org.mailbox.wait(token)[0].data)
        self.assertEqual(len(self.org.mailbox.find(token)), 1)

    def test_directory_changes(self):
        other = self.org.place.directory("other")
        os.chmod(other, 0o700)
        token, _ = self.drop_off(other)
        self.set(hubPickupDirectory=other)
        self.org.mailbox.wait(token)
        old, name = self.drop_off()
        self.set(hubPickupDirectory=os.path.join(other, "missing"))
        wait_for("said", lambda: [
            e for e in self.hub.events("mail-directory", path=os.path.join(other, "missing"))
            if "No such file" in e["reason"]])
        os.mkdir(os.path.join(other, "missing"), 0o700)
        token, _ = self.drop_off(os.path.join(other, "missing"))
        self.org.mailbox.wait(token)
        self.set(hubPickupDirectory=None)
        self.assertEqual(os.listdir(self.pickup), [name])
        self.set(hubPickupDirectory=self.pickup)
        self.org.mailbox.wait(old)


class Replay(Base):
    def test_message(self):
        token = uuid.uuid4().hex
        name = self.put(self.replay, (
            "X-Sender: <anna@contoso.com> BODY=8BITMIME RET=HDRS ENVID=q1\r\n"
            "X-Receiver: <bruno@contoso.com> NOTIFY=NEVER\r\n"
            "X-Receiver: <nobody@contoso.com> NOTIFY=FAILURE ORcpt=rfc822;old@contoso.com\r\n"
            "X-CreatedBy: Notes\r\nX-HeloDomain: gateway\r\nX-SourceIPAddress: 192.0.2.1\r\n"
            "X-ExtendedMessageProps: x\r\nX-Source: y\r\nX-EndOfInjectedXHeaders: 10\r\n"
            "X-Sender: <content@of.example>\r\nReceived: from far by away; "
            "Sat, 21 Nov 2026 12:00:00 +0000\r\nFrom: somebody@else.example\r\n"
            "To: somebody@else.example\r\nBcc: x@y.example\r\nSubject: %s\r\n\r\nHello\r\n"
            % token))
        got = wait_for("the message", lambda: [
            m for m in self.org.mailbox.find(token) if m.sender != ""])[0]
        self.assertEqual((got.sender, got.recipients), ("anna@contoso.com", ["bruno@contoso.com"]))
        lines = head(got)
        self.assertRegex(lines, r"Received: from london1.contoso.com\r\n\tby london1.contoso.com "
                                r"with Replay id [0-9a-f]{16};")
        self.assertIn("Received: from far by away", lines)
        self.assertIn("X-Sender: <content@of.example>\r\n", lines)
        for gone in ("X-Receiver", "X-CreatedBy", "X-EndOf", "Bcc"):
            self.assertNotIn(gone, lines)
        report = wait_report(self.org.mailbox, token, "nobody@contoso.com")
        self.assertEqual(report.per_message["Original-Envelope-Id"], "q1")
        self.assertEqual(report.recipient("nobody@contoso.com")["Original-Recipient"],
                         "rfc822; old@contoso.com")
        said = wait_for("said", lambda: self.hub.events("received", file=name))[0]
        self.assertEqual(said["connector"], "Replay")

    BROKEN = [
        ("envelope", "From: a@b.example\n\nx\n"),
        ("envelope", "X-Sender: <a@b.example>\nFrom: a@b.example\n\nx\n"),
        ("envelope", "X-Receiver: <a@b.example>\n\nx\n"),
        ("envelope", "X-Sender: <a@b.example>\nX-Sender: <a@b.example>\nX-Receiver: <c@d>\n\nx\n"),
        ("envelope", "X-Sender: a b\nX-Receiver: <c@d.example>\n\nx\n"),
        ("envelope", "X-Sender: <a@b.example> FOO=1\nX-Receiver: <c@d.example>\n\nx\n"),
        ("envelope", "X-Sender: <>\nX-Receiver: <>\n\nx\n"),
        ("envelope", "X-Sender: <>\nX-Receiver: <c@d.example> NOTIFY=MAYBE\n\nx\n"),
        ("envelope", "X-Sender: <>\nX-Receiver: <c@d.example>\nX-CreatedBy:\n\nx\n"),
        ("envelope", "X-Sender: <>\nX-Receiver: <c@d.example>\nX-SourceIPAddress: far\n\nx\n"),
        ("envelope", "X-Sender: <>\nX-Receiver: <c@d.example>\nX-EndOfInjectedXHeaders: ?\n\nx\n"),
        ("header-field", "X-Sender: <>\nX-Receiver: <c@d.example>\nno field\n\nx\n"),
        ("empty-line", "X-Sender: <>\nX-Receiver: <c@d.example>\n"),
        ("message", "X-Sender: <>\nX-Receiver: <c@d.example>\n%s\nx\n" % (
            "Received: from a by b; Sat, 21 Nov 2026 12:00:00 +0000\n" * 60)),
    ]

    def test_rules(self):
        for i, (rule, text) in enumerate(self.BROKEN):
            with self.subTest(text=text):
                name = self.put(self.replay, text, "broken%d.eml" % i)
                self.assertEqual(self.bad(name)["rule"], rule)

    def test_limits_of_pickup_are_not_its(self):
        """More than 100 recipients, and a header of more than 64 KB in the file."""
        many = "".join("X-Receiver: <%s%d@far.example>\n" % ("r" * 60, i) for i in range(800))
        token, _ = self.drop_off(self.replay, REPLAY.replace(
            "X-Receiver: <bruno@contoso.com>\n", many).replace("%s", "", 1))
        wait_for("all have it", lambda: sum(
            len(m.recipients) for m in self.org.smart_host.find(token)) == 800)

    def test_null_sender_and_binary(self):
        token = uuid.uuid4().hex
        self.put(self.replay, b"X-Sender: <> BODY=BINARYMIME\nX-Receiver: <bruno@contoso.com>\n"
                 b"Subject: %s\nMIME-Version: 1.0\nContent-Type: application/octet-stream\n"
                 b"Content-Transfer-Encoding: binary\n\n\0a\nb\r\n" % token.encode())
        self.assertEqual(self.org.mailbox.wait(token)[0].sender, "")

    def test_trust_is_by_file(self):
        """No line of a file makes it trusted, but whose it is and who may write to it."""
        org = self.org
        org.change(org.connector("To Internet"), hubSendRight=["Organization", "Routing"])
        self.addCleanup(org.change, org.connector("To Internet"), hubSendRight=None)
        form = "X-Sender: <anna@contoso.com>\nX-Receiver: <x@far.example>\n" \
               "X-CreatedBy: hub-transport\nX-EndOfInjectedXHeaders: 1\n" \
               "X-Hub-Organization-Mark: 1\nX-Hub-Organization-AuthAs: Partner\n" \
               "X-Hub-Organization-AuthSource: x.contoso.com\n" \
               "X-Hub-Organization-AuthMechanism: 07\nSubject: %s\n\n%s\n"
        for mode, owner, trusted in ((0o640, 0, True), (0o660, 0, False), (0o640, NOBODY, False)):
            with self.subTest(mode=oct(mode), owner=owner):
                token, _ = self.drop_off(self.replay, form, mode=mode, owner=owner)
                lines = head(org.smart_host.wait(token)[0])
                self.assertEqual("X-Hub-Organization-Mark: 1" in lines, trusted, lines)
                self.assertIn("X-Hub-Organization-AuthAs: %s\r\n" % (
                    "Partner" if trusted else "External"), lines)
                # AUTH=<>: a trusted one says that nobody vouches for it
                token, _ = self.drop_off(
                    self.replay, "X-Sender: <anna@contoso.com> AUTH=<>\n"
                    "X-Receiver: <x@far.example>\nSubject: %s\n\n%s\n", mode=mode, owner=owner)
                self.assertIn("X-Hub-Organization-AuthAs: %s\r\n" % (
                    "Anonymous" if trusted else "External"),
                    head(org.smart_host.wait(token)[0]))

    def test_origin_of_a_trusted_file(self):
        """It comes from within if it says so; if it says nothing, from outside."""
        org = self.org
        org.change(org.connector("To Internet"), hubSendRight=["Organization", "Routing"])
        self.addCleanup(org.change, org.connector("To Internet"), hubSendRight=None)
        form = "X-Sender: <anna@contoso.com>\nX-Receiver: <x@far.example>\n" \
               "X-EndOfInjectedXHeaders: 1\n%sSubject: %s\n\n%s\n"
        for told, origin in (
                ("", "External"), ("X-Hub-Organization-Mark: 1\n", "External"),
                ("X-Hub-Organization-AuthAs: Internal\n"
                 "X-Hub-Organization-AuthSource: x.contoso.com\n"
                 "X-Hub-Organization-AuthMechanism: 04\n", "Internal")):
            with self.subTest(told):
                token, _ = self.drop_off(self.replay, form.replace("%s", told, 1))
                self.assertIn("X-Hub-Organization-AuthAs: %s\r\n" % origin,
                              head(org.smart_host.wait(token)[0]))

    def test_what_was_dropped_is_replayed(self):
        """Drop and replay speak the same language."""
        org, root = self.org, self.org.place.directory("drop")
        os.mkdir(os.path.join(root, "Fax"))
        org.change(self.hub.dn(), hubDropRoot=root)
        org.apply(lambda: org.directory.add(record(
            org.connector("Fax"), "hubForeignConnector", cn="Fax", hubAddressSpace="FAX:*",
            hubSourceServer=self.hub.dn())))
        marks = "X-Hub-Organization-Mark: 1\nX-Hub-Forest-Mark: 1\n"
        token, _ = self.drop_off(self.replay, REPLAY.replace("%s", marks, 1).replace(
            "bruno@", "IMCEAFAX-1@"))
        path = wait_for("dropped", lambda: glob.glob(os.path.join(root, "Fax", "*.eml")))[0]
        with open(path, "rb") as data:
            text = data.read().replace(b"<IMCEAFAX-1@contoso.com>", b"<bruno@contoso.com>")
        # what a trusted file may say does not leave
        self.assertNotIn(b"Mark", text)
        self.assertIn(b"with Replay id", text)
        self.put(self.replay, text)
        self.org.mailbox.wait(token)


def cpu_seconds(hub):
    with open("/proc/%d/stat" % hub.process.pid) as text:
        ticks = text.read().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def capabilities(process, kind):
    with open("/proc/%s/status" % process) as text:
        return int(re.search(r"^%s:\s*(\w+)" % kind, text.read(), re.M).group(1), 16)


class Unprivileged(unittest.TestCase):
    """The hub runs as another user than root: what it may not read is left, nothing is forced."""

    def test_files(self):
        org = Organization(user="nobody")
        self.addCleanup(org.close)
        pickup, root = org.place.directory("pickup"), org.place.directory("drop")
        os.mkdir(os.path.join(root, "Fax"))
        for folder, _, names in os.walk(org.place.path):
            for path in [folder, *(os.path.join(folder, name) for name in names)]:
                os.chown(path, NOBODY, -1)
        # a directory of root's, whose group is the hub's
        os.chown(pickup, 0, NOBODY_GROUP)
        os.chmod(pickup, 0o770)
        org.directory.change(org.london1.dn(), hubPickupDirectory=pickup, hubDropRoot=root)
        org.directory.add(record(
            org.connector("Fax"), "hubForeignConnector", cn="Fax", hubAddressSpace="FAX:*",
            hubSourceServer=org.london1.dn()))
        org.start()
        # low ports, and leases on files of others, where we have these ourselves
        self.assertEqual(capabilities(org.london1.process.pid, "CapEff"),
                         capabilities("self", "CapBnd") & (1 << 10 | 1 << 28))
        token = uuid.uuid4().hex
        path = os.path.join(org.place.path, "made.eml")
        with open(path, "w") as out:
            out.write(PICKUP.replace("bruno@", "IMCEAFAX-1@") % (token, "Hello"))
        os.chmod(path, 0o600)
        os.utime(path, (0, 0))
        os.rename(path, os.path.join(pickup, "made.eml"))
        other = os.path.join(pickup, "other.eml")
        with open(other, "w") as out:
            out.write("no header\n")
        wait_for("the other is put aside", lambda: os.path.exists(
            os.path.join(pickup, "other.bad")))
        self.assertTrue(os.path.exists(os.path.join(pickup, "made.eml")))
        # which is said, and once however often it is looked at
        for name in ("more", "yet more"):
            with open(os.path.join(pickup, name + ".eml"), "w") as out:
                out.write("no header\n")
            wait_for("put aside", lambda n=name: os.path.exists(
                os.path.join(pickup, n + ".bad")))
            os.unlink(os.path.join(pickup, name + ".bad"))
        self.assertEqual([e["reason"] for e in wait_for("it is said", lambda: org.london1.events(
            "file-left", file="made.eml"))], ["Permission denied"])
        os.chmod(os.path.join(pickup, "made.eml"), 0o644)
        dropped = wait_for("it is dropped", lambda: glob.glob(os.path.join(root, "Fax", "*.eml")))
        self.assertEqual(os.stat(dropped[0]).st_uid, NOBODY)
        self.assertEqual(os.listdir(pickup), ["other.bad"])
        self.many_unreadable(org, pickup)

    def many_unreadable(self, org, pickup):
        """However many files cannot be taken, and wherever they lie: others are."""
        tokens = [uuid.uuid4().hex for _ in range(20)]
        text = PICKUP.replace("bruno@", "IMCEAFAX-1@")
        folder = org.place.directory("many")
        os.chown(folder, 0, NOBODY_GROUP)
        os.chmod(folder, 0o770)
        for i in range(2500):
            # between them, whatever the order of names in the file system
            good = i % 125 == 60
            path = os.path.join(folder, "%d.eml" % i)
            with open(path, "w") as out:
                out.write(text % (tokens[i // 125], "Hello"))
            os.chmod(path, 0o644 if good else 0o600)
        org.change(org.london1.dn(), hubPickupDirectory=folder)
        wait_for("all that can be", lambda: len(os.listdir(folder)) == 2480)
        org.change(org.london1.dn(), hubPickupDirectory=pickup)


class Crashes(Base):
    def test_left_over(self):
        """What was under way when it died is taken again, and said."""
        self.hub.kill()
        token, _ = self.drop_off(name="left.london1.tmp")
        self.drop_off(name="left.paris1.tmp")
        self.hub.start()
        self.org.mailbox.wait(token)
        self.assertTrue(self.hub.events("file-again", file="left.eml"))
        self.assertEqual(os.listdir(self.pickup), ["left.paris1.tmp"])

    def test_kill(self):
        """Whenever it dies, each message arrives, and no file is left."""
        tokens, stop = [], threading.Event()

        def write():
            end = len(tokens) + 150
            while not stop.is_set() and len(tokens) < end:
                tokens.append(self.drop_off()[0])

        for _ in range(3):
            stop.clear()
            writer = threading.Thread(target=write)
            writer.start()
            taken = len(self.hub.events("received", connector="Pickup"))
            wait_for("some are taken", lambda: len(self.hub.events(
                "received", connector="Pickup")) > taken + 20)
            self.hub.kill()
            stop.set()
            writer.join()
            self.hub.start()
        for token in tokens:
            self.org.mailbox.wait(token)
        wait_for("no file is left", lambda: not os.listdir(self.pickup))

    def test_stop(self):
        """A stop in good order takes nothing twice."""
        tokens = [self.drop_off()[0] for _ in range(200)]
        wait_for("some are taken", lambda: any(self.org.mailbox.find(t) for t in tokens[:3]) or
                 len(os.listdir(self.pickup)) < 190)
        self.assertEqual(self.hub.stop(), 0)
        self.hub.start()
        for token in tokens:
            self.org.mailbox.wait(token)
        wait_for("no file is left", lambda: not os.listdir(self.pickup))
        self.assertEqual([t for t in tokens if len(self.org.mailbox.find(t)) != 1], [])


if __name__ == "__main__":
    unittest.main()
