"""Delivery agents: programs that own a queue, well-behaved ones and others. See hub-agent(7).

All agents are registered on paris1, which is the source of their connectors.
"""

import contextlib
import glob
import json
import os
import pwd
import re
import shutil
import smtplib
import subprocess
import unittest

from .harness.base import TOP, Place, wait_for
from .harness.delivery import QUICK, wait_report
from .harness.directory import record
from .harness.organization import Organization, message, send
from .harness.relay import without_trace

TIMEOUT_S = 2
# What an agent does wrong in its first process; in the next one it behaves.
VICES = ["dies", "is-never-ready", "says-junk", "says-an-endless-line", "never-stops-talking",
         "leaves-a-child", "hides-a-child", "judges-before-it-reads", "stops-reading",
         "ends-in-the-midst", "hangs", "ends", "crashes", "closes-and-stays",
         "answers-for-a-stranger", "answers-twice", "changes-its-mind",
         "answers-in-the-wrong-class", "answers-half-a-line", "is-ready-twice"]

# Who is still to be delivered by the second process: a verdict before a breach counts.
KEPT = {"answers-twice": "", "changes-its-mind": "b"}
LONG = ("stops-reading", "judges-before-it-reads")  # a short message is theirs before they know it
WILD_QUEUES = 100
WILD = """#!/bin/sh
message() {
    echo READY
    while read -r line; do
        [ "$line" != END ] || return
    done
}
case $(($$ % 7)) in
0) exit 3;;
1) echo junk; exec sleep 1000;;
2) sleep 1000 & exit 0;;
3) echo complaint >&2; message; kill -9 $$;;
4) message; echo DELIVERED 99; exec sleep 1000;;
5) message; exec sleep 1000 <&- >&-;;
6) message; exec sleep 1000;;
esac
"""
COMMAND = """#!/bin/sh
cat > $2/$1.new
case $1 in
fine*) mv $2/$1.new $2/$1;;
later*) exit 75;;
never*) echo x; echo not here; exit 67;;
crash*) kill -9 $$;;
esac
"""


class Agents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = place = Place()
        cls.addClassCleanup(place.close)
        os.chmod(place.path, 0o755)
        cls.folder, cls.journal = place.directory("agents"), place.directory("journal")
        os.chmod(cls.journal, 0o777)
        cls.program = place.file("agent.py")
        shutil.copy(os.path.join(TOP, "tests/system/harness/agent.py"), cls.program)
        os.chmod(cls.program, 0o644)
        cls.org = org = Organization(agents=cls.folder, agent_timeout=str(TIMEOUT_S))
        cls.addClassCleanup(org.close)
        cls.addClassCleanup(cls.stop)
        for hub in org.hubs:
            org.directory.change(hub.dn(), **QUICK)
        cls.register("good", "behaves")
        org.directory.add(cls.connector("good"))
        for vice in VICES:
            cls.register(vice, vice, "1")
            org.directory.add(cls.connector(vice))
        org.start()

    @classmethod
    def stop(cls):
        """After all that: no crash, and (built with sanitizers) no leak."""
        status = cls.org.paris1.stop()
        if status != 0:
            raise AssertionError("exit %s\n%s" % (status, cls.org.paris1.log()[-5000:]))

    @classmethod
    def register(cls, name, *arguments):
        """An executable of that name for the protocol of that name."""
        path = os.path.join(cls.folder, name)
        with open(path + ".new", "w") as out:
            out.write("#!/bin/sh\nexec python3 %s %s %s %s\n" % (
                cls.program, name, cls.journal, " ".join(arguments)))
        os.chmod(path + ".new", 0o755)
        os.rename(path + ".new", path)

    @classmethod
    def connector(cls, name, **attributes):
        return record(cls.org.connector(name), "hubDeliveryAgentConnector", **dict(dict(
            cn=name, hubDeliveryProtocol=name, hubAddressSpace="SMTP:%s.example" % name,
            hubSourceServer=cls.org.paris1.dn()), **attributes))

    def add(self, name, *arguments, **attributes):
        self.register(name, *arguments)
        self.org.apply(lambda: self.org.directory.add(self.connector(name, **attributes)))

    def change(self, name, **attributes):
        self.org.change(self.org.connector(name), **attributes)

    def submit(self, *recipients, sender="anna@contoso.com", padding=0):
        token, data = message(sender=sender, to=recipients[0],
                              body="x\r\n" + ("y" * 70 + "\r\n") * (padding // 72))
        send(self.org.application_port, sender, recipients, data)
        return token

    def notes(self, name, key=None):
        try:
            with open(os.path.join(self.journal, name)) as journal:
                found = [json.loads(line) for line in journal if line.endswith("\n")]
        except FileNotFoundError:
            return []
        return [note[key] for note in found if key in note] if key else found

    def delivered(self, name, *addresses):
        return wait_for(lambda: "delivered by %s: %s; has %s\n%s" % (
            name, addresses, self.notes(name), self.org.paris1.log()[-3000:]),
            lambda: sorted(self.notes(name, "address")) == sorted(addresses))

    def queue(self, name):
        for queue in self.org.paris1.ctl("queue", "list")["queues"]:
            if queue["next_hop_connector"] == name:
                return queue
        return None

    def children(self):
        """pid and state of the hub's children."""
        found = []
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(path) as text:
                    words = text.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(words[1]) == self.org.paris1.process.pid:
                found.append((int(path.split("/")[2]), words[0]))
        return found

    def test_vices_cost_retries(self):
        """Each fails once in its way; who was not answered for before is delivered by the next."""
        for vice in VICES:
            self.submit("a@%s.example" % vice, "b@%s.example" % vice,
                        padding=300000 if vice in LONG else 0)
        wanted = ["%s@%s.example" % (who, vice) for vice in VICES for who in "ab"]
        wait_for("all of it is done", lambda: sorted(
            event["to"] for event in self.org.paris1.events("delivered")
            if event["to"] in wanted) == sorted(wanted))
        for vice in VICES:
            with self.subTest(vice):
                self.delivered(vice, *["%s@%s.example" % (who, vice)
                                       for who in KEPT.get(vice, "ab")])
                self.assertTrue(self.org.paris1.events("agent-failed", agent=vice))
        for path in glob.glob(os.path.join(self.journal, "*.hidden")):
            with open(path) as text:
                os.kill(int(text.read()), 9)
        wait_for(lambda: "no process is left: %s" % self.children(), lambda: not self.children())

    def test_a_message_as_the_agent_sees_it(self):
        """Envelope and body, and a process that has nothing of ours."""
        org = self.org
        body = "Gr\u00fc\u00dfe\r\n.\r\nEND\r\nCHUNK 5\r\n" + ("z" * 900 + "\r\n") * 200
        token, data = message(sender="anna@contoso.com", to="x@good.example", body=body)
        data = b"X-Hub-Organization-Secret: 1\r\n" + data
        with smtplib.SMTP("127.0.0.1", org.application_port, timeout=30) as client:
            client.ehlo()
            client.mail("anna@contoso.com", ["BODY=8BITMIME", "ENVID=e+2B1", "RET=HDRS"])
            client.rcpt("x@good.example", ["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;y@z"])
            client.rcpt('"o d+"@good.example', ["NOTIFY=NEVER"])
            client.data(data)
        self.delivered("good", "x@good.example", '"o d+"@good.example')
        envelope, = self.notes("good", "envelope")
        self.assertRegex(envelope[0], "^MESSAGE [0-9A-Fa-f]{16}$")
        size = int(envelope[2].split()[1])
        self.assertEqual([x for x in envelope if not x.startswith(("MESSAGE ", "SIZE "))], [
            "SENDER <anna@contoso.com>", "BODY 8BITMIME", "ENVID e+2B1", "RET HDRS",
            "RECIPIENT 1 <x@good.example>", "ORCPT rfc822;y@z", "NOTIFY FAILURE,DELAY",
            'RECIPIENT 2 <"o d+"@good.example>', "NOTIFY NEVER"])
        path, = glob.glob(os.path.join(self.journal, "good.*.1"))
        with open(path, "rb") as got:
            got = got.read()
        self.assertTrue(got.startswith(b"Received: "), got[:200])
        self.assertEqual(without_trace(got), data.partition(b"\r\n")[2])
        self.assertLessEqual(len(got), size)
        started = self.notes("good")[0]
        self.assertEqual((started["session"], started["cwd"], started["fds"]),
                         (True, "/", [0, 1, 2]))
        self.assertEqual({k: v for k, v in started["environment"].items() if k != "PWD"}, {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/",
            "HUB_AGENT": "1"})
        self.assertEqual(set(started["capabilities"]), {"0" * 16})
        if os.getuid() == 0:
            self.assertEqual(started["uid"], pwd.getpwnam("nobody").pw_uid)
            self.assertNotIn(0, started["gids"])
        self.assertEqual(self.notes("good", "opening")[0], [
            "HUB-AGENT 1", "PROTOCOL good", "CONNECTOR good", "QUEUE good.example",
            "SERVER paris1.contoso.com", "MESSAGES 20", "SIZE 0", "OPEN"])
        queue = self.queue("good")
        self.assertEqual((queue["delivery_type"], queue["next_hop_domain"]),
                         ("DeliveryAgent", "good.example"))

    def test_a_verdict_per_recipient(self):
        """Delivered, relayed, failed and put off side by side; the sender is told what it asked."""
        org = self.org
        self.add("mixed", "behaves")
        addresses = ["%s@mixed.example" % kind for kind in (
            "delivered", "relayed", "failed", "deferred")]
        token, data = message(sender="anna@contoso.com", to=addresses[0])
        with smtplib.SMTP("127.0.0.1", org.application_port, timeout=30) as client:
            client.ehlo()
            client.mail("anna@contoso.com")
            for address in addresses:
                client.rcpt(address, ["NOTIFY=SUCCESS,FAILURE"])
            client.data(data)
        for address, action, status, text in (
                (addresses[0], "delivered", "2.1.5", None),
                (addresses[1], "relayed", "2.1.5", None),
                (addresses[2], "failed", "5.1.1", "nobody has this number")):
            fields = wait_report(org.mailbox, token, address).recipient(address)
            self.assertEqual((fields["Action"], fields["Status"]), (action, status))
            if text:
                self.assertIn(text, fields["Diagnostic-Code"])
        wait_for("it tries again", lambda: len(org.paris1.events("deferred", to=addresses[3])) > 2)
        waiting, = [m for m in org.paris1.ctl("message", "list")["messages"]
                    if m["recipients"] == [addresses[3]]]
        self.assertIn("engaged", json.dumps(waiting))
        self.delivered("mixed", *addresses[:2])
        org.paris1.ctl("message", "remove", waiting["id"], "--no-report")

    def test_the_agent_that_comes_with_it(self):
        """hub-agent: into folders, and to a command whose exit status counts."""
        org = self.org
        program = shutil.copy(os.path.join(TOP, "tools", "hub-agent"), self.place.path)
        boxes = self.place.directory("boxes")
        for path in (boxes, self.place.directory("boxes/x"), self.place.directory("boxes/.y")):
            os.chmod(path, 0o777)
        command = self.place.file("command", COMMAND)
        os.chmod(command, 0o755)
        for name, words in (("boxes", "folders " + boxes),
                            ("command", "command %s {} %s" % (command, self.journal))):
            path = os.path.join(self.folder, name)
            with open(path, "w") as out:
                out.write("#!/bin/sh\nexec %s %s\n" % (program, words))
            os.chmod(path, 0o755)
            org.directory.add(self.connector(name))
        org.change(org.connector("good"), hubComment="both are there")
        bad = ["nobody@boxes.example", '".y"@boxes.example']
        token = self.submit("x@boxes.example", *bad)
        for address in bad:
            fields = wait_report(org.mailbox, token, address).recipient(address)
            self.assertEqual(fields["Status"], "5.1.1")
        path, = wait_for("it is in its folder", lambda: glob.glob(boxes + "/x/new/*"))
        with open(path) as text:
            text = text.read()
        self.assertTrue(text.startswith("Return-Path: <anna@contoso.com>\n"), text)
        self.assertIn(token, text)
        self.assertEqual(os.listdir(boxes + "/x/tmp"), [])
        token = self.submit(*["%s@command.example" % who for who in (
            "fine", "later", "never", "crash")])
        fields = wait_report(org.mailbox, token, "never@command.example")
        self.assertEqual(fields.addresses(), ["never@command.example"])
        self.assertIn("not here", fields.recipient("never@command.example")["Diagnostic-Code"])
        wait_for("it has come", lambda: os.path.exists(
            os.path.join(self.journal, "fine@command.example")))
        for who in ("later", "crash"):
            wait_for("put off", lambda to=who: org.paris1.events(
                "deferred", to=to + "@command.example"))
        for waiting in org.paris1.ctl("message", "list")["messages"]:
            if "command" in waiting["queue"]:
                org.paris1.ctl("message", "remove", waiting["id"], "--no-report")

    def test_addresses_of_other_types(self):
        """The agent sees what is encapsulated; so does the command of hub-agent."""
        address = "IMCEAFAX-+2B12_4@contoso.com"
        self.add("faxes", "behaves", hubAddressSpace="FAX:*")
        self.submit(address, "x@good.example")
        self.delivered("faxes", address)
        envelope, = self.notes("faxes", "envelope")
        self.assertEqual(envelope[-2:], ["RECIPIENT 1 <%s>" % address, "ADDRESS FAX:+12/4"])
        self.assertEqual(self.notes("faxes", "opening")[0][3], "QUEUE *")
        self.change("faxes", hubEnabled="FALSE")
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
            self.submit(address)
        self.assertIn(b"no connector takes FAX", refused.exception.recipients[address][1])
        boxes = self.place.directory("numbers")
        self.place.directory("numbers/4711")
        for words, fax, verdict in (
                (["folders", boxes], "4711", "DELIVERED 1 2.0.0 in its folder"),
                (["folders", boxes], "../4711", "FAILED 1 5.1.1 there is no folder of that name"),
                (["command", "echo", "to {}"], "+12/4", "DELIVERED 1 2.0.0 to +12/4"),
                (["command", "echo", "{}"], "-n",
                 "FAILED 1 5.1.3 an address must not begin with a hyphen here")):
            with self.subTest(words, fax=fax):
                done = subprocess.run(
                    [os.path.join(TOP, "tools", "hub-agent"), *words], text=True, timeout=60,
                    input="OPEN\nMESSAGE 1\nSENDER <>\nRECIPIENT 1 <IMCEAFAX-x@contoso.com>\n"
                    "ADDRESS FAX:%s\nDATA\nCHUNK 2\n\r\nEND\nCLOSE\n" % fax,
                    capture_output=True, check=True)
                self.assertEqual(done.stdout.split("\n")[1], verdict, done.stderr)

    def test_folders_that_cannot_be_seen(self):
        """Only a folder that is surely not there fails; a full disk leaves nothing behind."""
        boxes = self.place.directory("unseen")
        for name in ("x", "full"):
            self.place.directory("unseen/" + name)
        os.symlink("loop", boxes + "/loop")
        for path, name, size, verdict in (
                (boxes, "x", 5, "DELIVERED 1 2.0.0"), (boxes, "nobody", 5, "FAILED 1 5.1.1"),
                (boxes, "n" * 300, 5, "FAILED 1 5.1.1"), (boxes, "loop", 5, "DEFERRED 1 4.3.0"),
                (boxes + "/missing", "x", 5, "DEFERRED 1 4.3.0"),
                (boxes, "full", 99995, "DEFERRED 1 4.3.0")):
            with self.subTest(name=name, path=path):
                done = subprocess.run(
                    ["prlimit", "--fsize=100000", os.path.join(TOP, "tools", "hub-agent"),
                     "folders", path] if name == "full" else
                    [os.path.join(TOP, "tools", "hub-agent"), "folders", path],
                    input="OPEN\nMESSAGE 1\nSENDER <>\nRECIPIENT 1 <%s@b.example>\n"
                    "%sEND\nCLOSE\n"
                    % (name, "CHUNK 5\nabcd\n" * (size // 5)),
                    capture_output=True, text=True, timeout=60, check=True)
                self.assertEqual(done.stdout.split("\n")[1][:len(verdict)], verdict, done.stderr)
        self.assertEqual([len(os.listdir(boxes + "/x/" + part)) for part in ("new", "tmp")], [1, 0])
        self.assertEqual(os.listdir(boxes + "/full/tmp"), [])

    def test_an_agent_answers_for_its_queue(self):
        """FAIL-QUEUE and DEFER-QUEUE, at once and after a verdict."""
        for name, mode in (("late", "defers-its-queue"), ("soon", "defers-its-queue-at-once")):
            with self.subTest(mode):
                self.add(name, mode, "1")
                self.submit("a@%s.example" % name, "b@%s.example" % name)
                half = name == "late"
                self.delivered(name, *["%s@%s.example" % (who, name)
                                       for who in ("b" if half else "ab")])
                event, = self.org.paris1.events("queue-retry", status="4.3.2",
                                                queue="DeliveryAgent/%s.example/%s" % (name, name))
                self.assertEqual(event["wait_s"], "1")
        for name, mode in (("last", "fails-its-queue"), ("closed", "fails-its-queue-at-once")):
            with self.subTest(mode):
                self.add(name, mode)
                addresses = ["%s@%s.example" % (who, name) for who in "ab"]
                token = self.submit(*addresses)
                report = wait_report(self.org.mailbox, token, addresses[1])
                self.assertEqual(report.addresses(), addresses[name == "last":])
                self.assertEqual(report.recipient(addresses[1])["Status"], "5.3.2")

    def test_always_wrong(self):
        """It is tried less and less often, as a host that does not answer; its mail waits."""
        for name in ("dies", "ends", "answers-for-a-stranger"):
            self.add("always-" + name, name)
            self.submit("a@always-%s.example" % name)
        for name in ("dies", "ends", "answers-for-a-stranger"):
            wait_for("it fails", lambda n=name: [
                event["failures"] for event in self.org.paris1.events(
                    "queue-retry", queue="DeliveryAgent/always-%s.example/always-%s" % (n, n))
            ][:4] == ["1", "2", "3", "4"])
            self.org.apply(lambda n=name: self.org.directory.delete(
                self.org.connector("always-" + n)))

    def test_queue_put_off_beside_others(self):
        """DEFER-QUEUE while another agent is at work: that one ends its message, and no more."""
        name = "beside"
        self.add(name, "defers-beside", "2", hubMaxConcurrentConnections="2")
        self.submit(*["work%d@beside.example" % i for i in range(150)])
        wait_for("one works", lambda: len(self.notes(name, "envelope")) == 1)
        self.submit("defer@beside.example")
        wait_for("it is put off", lambda: self.queue(name)["status"] == "Retry")
        for _ in range(3):
            self.submit("new@beside.example")
        wait_for("they wait", lambda: self.queue(name)["message_count"] == 5)
        self.assertEqual((self.queue(name)["connections"], len(self.notes(name, "envelope"))),
                         (1, 2))
        self.place.file("journal/beside.go", "")
        wait_for("it is done", lambda: "work149@beside.example" in self.notes(name, "address"))
        wait_for("its agent ends", lambda: self.queue(name)["connections"] == 0)
        queue = self.queue(name)
        self.assertEqual((queue["status"], queue["message_count"]), ("Retry", 4))
        self.assertIn("not today", queue["last_error"])
        event, = self.org.paris1.events("queue-retry",
                                        queue="DeliveryAgent/beside.example/beside")
        self.assertEqual((event["wait_s"], event["status"]), ("3600", "4.3.2"))
        self.assertEqual(len(self.notes(name, "started")), 2)
        self.org.paris1.ctl("queue", "retry", str(queue["id"]))
        wait_for("the others as well", lambda: sorted(
            address for address in self.notes(name, "address") if "work" not in address) == [
                "defer@beside.example"] + ["new@beside.example"] * 3)

    def test_failures_leave_nothing(self):
        """Agents that die, lie, hang and leave things behind: no descriptor, process or memory."""
        path = os.path.join(self.folder, "wild")
        with open(path, "w") as out:
            out.write(WILD)
        os.chmod(path, 0o755)
        wait_for("no process is left", lambda: not self.children())
        before, after = self.fail_often(WILD_QUEUES), self.fail_often(200)
        if before["VmSize"] < 1 << 30:
            # an address sanitizer keeps what was freed, and looks for leaks itself at the end
            self.assertLess(after["VmRSS"] - before["VmRSS"], 1000)
        # sockets of sessions come and go
        self.assertLess(after["fds"] - before["fds"], 20)

    def fail_often(self, times):
        """So many failures of agents; then what the hub has."""
        hub, theirs = self.org.paris1, self.descriptors("pidfd", "pipe:")
        failed = len(hub.events("agent-failed", agent="wild"))
        spaces = ["SMTP:wild%d.example" % i for i in range(WILD_QUEUES)]
        self.org.apply(lambda: self.org.directory.add(self.connector(
            "wild", hubAddressSpace=spaces)))
        self.submit(*["x@" + space.partition(":")[2] for space in spaces])
        wait_for("they fail", lambda: len(
            hub.events("agent-failed", agent="wild")) >= failed + times)
        self.org.apply(lambda: self.org.directory.delete(self.org.connector("wild")))
        wait_for(lambda: "no process is left: %s" % self.children(), lambda: not self.children())
        wait_for(lambda: "nor a descriptor of one: %d" % self.descriptors("pidfd", "pipe:"),
                 lambda: self.descriptors("pidfd", "pipe:") == theirs)
        with open("/proc/%d/status" % hub.process.pid) as status:
            sizes = re.findall(r"^(VmRSS|VmSize):\s*(\d+) kB", status.read(), re.M)
        return dict({name: int(size) for name, size in sizes}, fds=self.descriptors(""))

    def descriptors(self, *kinds):
        """How many of the hub's are of these."""
        found = []
        folder = "/proc/%d/fd" % self.org.paris1.process.pid
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                found.append(os.readlink(os.path.join(folder, name)))
        return sum(any(kind in name for kind in kinds) for name in found)

    def test_killed_after_half_the_answers(self):
        """What it said before it ended counts; the other recipient is tried again."""
        self.add("half", "answers-for-one", "1")
        self.submit("a@half.example", "b@half.example")
        self.delivered("half", "b@half.example")

    def test_connections_and_messages_per_connection(self):
        org = self.org
        self.add("slow", "waits", hubMaxConcurrentConnections="2")
        tokens = [self.submit("%d@slow.example" % i) for i in range(12)]
        self.assertEqual(len(tokens), 12)
        wait_for("two are at work", lambda: len(self.notes("slow", "envelope")) == 2)
        self.assertEqual((len(self.notes("slow", "started")), self.queue("slow")["connections"]),
                         (2, 2))
        self.change("slow", hubMaxConcurrentConnections="3")
        self.place.file("journal/go", "")
        self.addCleanup(os.unlink, os.path.join(self.journal, "go"))
        self.delivered("slow", *["%d@slow.example" % i for i in range(12)])
        for limit in (1, 3):
            self.change("slow", hubMaxMessagesPerConnection=str(limit),
                        hubMaxConcurrentConnections="1")
            wait_for("no agent is left", lambda: not self.queue("slow")["connections"])
            before = len(self.notes("slow", "address")), len(self.notes("slow", "started"))
            org.paris1.ctl("queue", "suspend", str(self.queue("slow")["id"]))
            for i in range(6):
                self.submit("more@slow.example")
            wait_for("they wait", lambda: self.queue("slow")["message_count"] == 6)
            org.paris1.ctl("queue", "resume", str(self.queue("slow")["id"]))
            wait_for("six more", lambda: len(self.notes("slow", "address")) == before[0] + 6)
            self.assertEqual(len(self.notes("slow", "started")) - before[1], 6 // limit)

    def test_registration_is_live(self):
        """hubDeliveryProtocol names the agent; one that is not there, or not safe, waits."""
        org, address = self.org, "x@names.example"
        org.apply(lambda: org.directory.add(self.connector("names", hubDeliveryProtocol="none")))
        self.submit(address)
        wait_for("it waits in Retry", lambda: "No such file" in str(
            (self.queue("names") or {}).get("last_error")))
        self.register("first", "behaves")
        self.change("names", hubDeliveryProtocol="first")
        self.delivered("first", address)
        os.chmod(os.path.join(self.folder, "first"), 0o777)
        self.change("names", hubDeliveryProtocol="good")
        self.change("names", hubDeliveryProtocol="first")
        self.submit(address)
        wait_for("nor is it run then", lambda: "could be changed by others" in str(
            self.queue("names")["last_error"]))
        os.chmod(os.path.join(self.folder, "first"), 0o755)
        self.delivered("first", address, address)

    def test_size_and_scope(self):
        org, address = self.org, "x@small.example"
        self.add("small", "behaves", hubMaxMessageSize="5000")
        token = self.submit(address, padding=6000)
        fields = wait_report(org.mailbox, token, address).recipient(address)
        self.assertEqual(fields["Status"], "5.3.4")

        def chosen():
            return [org.explain(hub, address)["connector"] for hub in ("london1", "paris1")]

        self.assertEqual(chosen(), ["small", "small"])
        self.change("small", hubScoped="TRUE")
        self.assertEqual(chosen(), ["To Internet", "small"])
        self.submit(address)
        self.delivered("small", address)

    def test_space_and_source_are_live(self):
        """Another hub's agent has the mail, then another space's."""
        org = self.org
        self.add("moves", "behaves")
        first, second, third = addresses = ["%s@%s.example" % (n, d) for n, d in (
            ("a", "moves"), ("b", "moves"), ("c", "moved"))]
        self.submit(first)
        self.delivered("moves", first)
        self.change("moves", hubSourceServer=org.london1.dn())
        self.submit(second)
        self.delivered("moves", first, second)
        self.change("moves", hubAddressSpace="SMTP:moved.example")
        self.assertEqual(org.explain("paris1", second)["connector"], "To Internet")
        self.submit(third)
        self.delivered("moves", *addresses)
        for address, hub in zip(addresses, (org.paris1, org.london1, org.london1)):
            wait_for("%s by %s" % (address, hub.name), lambda hub=hub, address=address: [
                e for e in hub.events("delivered", to=address) if "moves" in e["queue"]])

    def test_one_that_does_not_go(self):
        """It is told to end after its message, and killed when it does not."""
        self.add("lasting", "stays", hubMaxMessagesPerConnection="1")
        self.submit("x@lasting.example")
        self.delivered("lasting", "x@lasting.example")
        wait_for("it is killed", lambda: self.org.paris1.events("agent-ended", agent="lasting",
                                                                how="signal 9"))

    def test_complaints_are_logged_not_all(self):
        self.add("loud", "complains")
        self.submit("x@loud.example")
        self.delivered("loud", "x@loud.example")
        wait_for("they are logged", lambda: len(
            self.org.paris1.events("agent-says", agent="loud")) >= 50)
        said = [event["text"] for event in self.org.paris1.events("agent-says", agent="loud")]
        self.assertEqual(said, ["complaint %d" % i for i in range(50)])

    def test_the_hub_stops_and_starts(self):
        """An agent that does not end is killed; what it had is delivered after the start."""
        org = self.org
        self.add("stubborn", "hangs", "1")
        self.submit("x@stubborn.example")
        wait_for("it has the message", lambda: self.notes("stubborn", "envelope"))
        pid = self.notes("stubborn")[0]["pid"]
        self.assertEqual(org.paris1.stop(), 0)
        self.assertFalse(os.path.exists("/proc/%d" % pid))
        org.paris1.start()
        self.delivered("stubborn", "x@stubborn.example")


if __name__ == "__main__":
    unittest.main()
