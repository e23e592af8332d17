"""What stays behind of passwords: in hubd's memory, its logs and files, and what hubctl shows."""

import os
import resource
import signal
import stat
import subprocess
import unittest
import uuid

from .harness.base import build_path, run, sanitized, wait_for
from .harness.client import Client, b64
from .harness.directory import record
from .harness.hub import Hub, in_force
from .harness.memory import in_files, in_memory, in_text
from .harness.organization import message
from .harness.peers import Sink
from .harness.protocol_log import ProtocolLog
from .harness.relay import Relay

# how somebody says his password: connector, TLS first
WAYS = {
    "plain": ("clear", False), "plain-late": ("clear", False), "login": ("clear", False),
    "tls-plain": ("users", True), "tls-plain-late": ("users", True), "tls-login": ("users", True),
    "wrong": ("clear", False), "tls-wrong": ("users", True), "no-command": ("clear", False),
}
WRONG = ("wrong", "tls-wrong", "no-command")


class Secrets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.secrets = {way: "Secret-%s-%s" % (way, uuid.uuid4().hex) for way in WAYS}
        cls.connector = {"connector": "Secret-connector-%s" % uuid.uuid4().hex}
        cls.relay = relay = Relay()
        cls.addClassCleanup(relay.close)
        cls.hub = relay.hub
        cls.host = Sink(relay.place, offers=["AUTH PLAIN"])
        cls.host.answer("AUTH", "235 2.7.0 welcome")
        d = relay.directory
        d.add(record(d.dn("Host", "Connectors"), "hubSendConnector", cn="Host",
                     hubAddressSpace="SMTP:host.example", hubSourceServer=cls.hub.dn(),
                     hubDNSRouting="FALSE", hubSmartHost="[127.0.0.1]:%d" % cls.host.port,
                     hubSmartHostAuth="BasicAuth", hubAuthUser="hub", hubIgnoreSTARTTLS="TRUE",
                     hubAuthPassword=cls.connector["connector"], hubProtocolLogging="Verbose") +
              "".join(record("uid=%s,ou=People,%s" % (way, d.suffix),
                             "inetOrgPerson inetLocalMailRecipient", uid=way, cn=way, sn=way,
                             mail=way + "@contoso.com", userPassword=cls.secrets[way])
                      for way in WAYS if way not in WRONG))
        for name in relay.ports:
            d.change("cn=%s,%s" % (name, cls.hub.dn()), hubProtocolLogging="Verbose")
        relay.start()

    def log_in(self, way):
        name, tls = WAYS[way]
        client = Client(self.relay.ports[name])
        self.addCleanup(client.close)
        client.ehlo()
        if tls:
            client.starttls().ehlo()
        password = self.secrets[way]
        if way == "no-command":
            client.say("AUTH PLAIN =")
            reply = client.say(password)
        elif way.endswith("login"):
            client.say("AUTH LOGIN")
            client.say(b64(way))
            reply = client.say(b64(password))
        elif way.endswith("late"):
            client.say("AUTH PLAIN")
            reply = client.say(b64("\0%s\0%s" % (way, password)))
        else:
            reply = client.plain(way, password)
        expected = "500" if way == "no-command" else "535" if way in WRONG else "235"
        self.assertEqual(reply[:3], expected)
        return client

    def mail(self, client, sender="a@outside.example", recipient="x@elsewhere.example"):
        token, data = message(sender=sender)
        client.begin(sender, [recipient])
        self.assertEqual(client.data(data + b".\r\n")[:3], "250")
        return token

    def left(self, secrets):
        return in_memory(self.hub.process.pid, secrets)

    @unittest.skipIf(sanitized(), "sanitizers map terabytes, and keep what was freed")
    def test_passwords_of_clients(self):
        clients = {way: self.log_in(way) for way in WAYS}
        # (the last of them may be on its way through the kernel)
        wait_for(lambda: "nothing of a password left: %s" % self.left(self.secrets),
                 lambda: not self.left(self.secrets))
        for way, client in clients.items():
            if way not in WRONG:
                self.mail(client, way + "@contoso.com")
            client.close()
        self.assertEqual(self.left(self.secrets), {})
        # the search finds what is there
        here = in_memory(os.getpid(), {"plain": self.secrets["plain"]})
        self.assertTrue(here["plain"])

    @unittest.skipIf(sanitized(), "sanitizers map terabytes, and keep what was freed")
    def test_password_of_a_connector(self):
        token = self.mail(Client(self.relay.ports["open"]), recipient="x@host.example")
        self.host.wait(token)
        said = [line for line in self.host.commands if line.startswith("AUTH PLAIN ")]
        self.assertEqual(in_text(said[0].encode(), self.connector), ["connector"])
        # the configuration has it, once; what was said with it, read and saved is gone
        def left():
            return [(one.encoded, one.mapping) for one in
                    self.left(self.connector).get("connector", [])]
        wait_for(lambda: "one place, not " + str(left()), lambda: left() == [(False, "[heap]")])
        directory = self.relay.directory
        dn = directory.dn("Host", "Connectors")
        self.addCleanup(in_force, directory, [self.hub])
        self.addCleanup(directory.change, dn, hubAuthPassword=self.connector["connector"])
        directory.change(dn, hubAuthPassword="another")
        in_force(directory, [self.hub])
        self.host.wait(self.mail(Client(self.relay.ports["open"]), recipient="x@host.example"))
        wait_for(lambda: "no place, not " + str(left()), lambda: not left())

    def test_files_and_logs(self):
        for way in WAYS:
            self.log_in(way).close()
        token = self.mail(Client(self.relay.ports["open"]), recipient="x@host.example")
        self.host.wait(token)
        folder = os.path.join(self.hub.state, "log", "protocol")
        for side in "smtp-receive", "smtp-send":
            wait_for("the log tells of a login",
                     lambda log=ProtocolLog(folder, side): "AUTH PLAIN" in log.text())
        every = dict(self.secrets, **self.connector, hub=self.hub.password)
        # for a start without the directory; as it was said to nobody else
        self.assertEqual(in_files(self.hub.state, every),
                         {"cache/organization.ldif": ["connector"]})
        self.assertEqual(in_text(self.hub.log().encode(), every), [])
        for path, _, names in os.walk(self.hub.state):
            for file in (os.path.join(path, name) for name in names):
                # logs have no secrets, and an administrators' group may read them
                others = 0o007 if path.startswith(folder) else 0o077
                if stat.S_ISREG(os.stat(file).st_mode):
                    self.assertEqual(os.stat(file).st_mode & others, 0, file)

    def test_hubctl(self):
        every = dict(self.secrets, **self.connector, hub=self.hub.password)
        words = [["config", "status"], ["metrics", "show"], ["metrics"], ["queue", "list"],
                 ["send-connector", "get", "Host"], ["server", "get", "hub1"],
                 ["send-connector", "list"], ["route", "explain", "x@host.example"]]
        for form in "table", "wide", "json", "ldif":
            for command in words:
                done = run(build_path("tools", "hubctl"), "-o", form, "--control",
                           self.hub.control, "--directory", self.relay.directory.uri, "--base",
                           self.relay.directory.base, "-D", self.relay.directory.admin, "-y",
                           self.relay.directory.password_file, *command)
                said = done.stdout + done.stderr
                self.assertEqual(in_text(said.encode(), every), [], (form, command))
        self.assertIn("Host", said)

    def crash(self, **settings):
        """Whether a hub that aborts leaves a core file."""
        place, name = self.relay.place, "core-%s" % settings.get("core_files", "absent")
        state = place.directory(name)
        hub = Hub(place, self.relay.directory, name, "Only", state=state, **settings)

        def unlimited():
            os.chdir(state)
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)

        with open(os.devnull, "wb") as nothing:
            child = subprocess.Popen(hub.process.command, preexec_fn=unlimited, stderr=nothing)
        wait_for("the hub has begun", lambda: os.path.exists(os.path.join(state, "spool")))
        child.send_signal(signal.SIGABRT)
        status = os.waitpid(child.pid, 0)[1]
        child.returncode = 0
        self.assertEqual(os.WTERMSIG(status), signal.SIGABRT)
        return os.WCOREDUMP(status)

    def test_core_files(self):
        self.assertFalse(self.crash())
        if sanitized() or resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY:
            return    # there is none in any case
        self.assertTrue(self.crash(core_files="on"))
