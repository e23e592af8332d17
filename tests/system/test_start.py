"""How hubd begins and ends when something is in the way."""

import os
import signal
import socket
import threading
import time
import unittest

from .harness.base import build_path, free_port, run, wait_for
from .harness.directory import record
from .harness.organization import Organization, message, send


class Start(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = Organization().start()
        cls.addClassCleanup(cls.org.close)

    def settings(self, name="other", **changes):
        """london1's settings with changes, and a state directory of its own."""
        lines = dict(line.split(" = ", 1) for line in
                     open(self.org.london1.settings).read().splitlines())
        lines["state"] = self.org.place.directory(name + ".state")
        lines["control"] = os.path.join(self.org.place.path, name + ".ctl")
        lines.update(changes)
        return self.org.place.file(name + ".conf", "".join(
            "%s = %s\n" % item for item in lines.items() if item[1] is not None))

    def refuses(self, settings, *words, status=2):
        done = run(build_path("hubd", "hubd"), "-f", settings)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, status, said)
        for word in words:
            self.assertIn(word, said)

    def test_a_state_directory_in_use(self):
        self.refuses(self.settings(state=self.org.london1.state), self.org.london1.state,
                     "another process uses it")
        self.assertTrue(self.org.london1.process.running())

    def test_a_key_that_cannot_be_read(self):
        self.refuses(self.settings(key="/nonexistent.key"), "/nonexistent.key")
        broken = self.org.place.file("broken.key", "-----BEGIN PRIVATE KEY-----\n")
        self.refuses(self.settings(key=broken), broken)
        other = self.org.paris1.key.key
        self.refuses(self.settings(key=other), other)

    def test_a_spool_of_another_format(self):
        settings = self.settings("format")
        spool = os.path.join(self.org.place.path, "format.state", "spool")
        os.mkdir(spool)
        with open(os.path.join(spool, "incarnation"), "w") as out:
            out.write("hub-spool 99 middle-endian\n")
        self.refuses(settings, spool, "hub-spool 1")

    def test_sockets_that_cannot_be(self):
        self.refuses(self.settings(control="/tmp/" + "x" * 120), "x" * 120)
        self.refuses(self.settings(control="/nonexistent/hub.ctl"), "/nonexistent/hub.ctl")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            self.refuses(self.settings(admin=address), address)

    def test_a_server_that_the_directory_does_not_have_yet(self):
        org = self.org
        hub = type(org.london1)(org.place, org.directory, "late", "London")
        org.directory.add(record(hub.dn(), "hubServer", cn="late", hubRole="Hub",
                                 hubServerSite=org.directory.dn("London", "Sites"),
                                 hubFQDN=hub.fqdn, userPassword=hub.password))
        before = org.london1.fingerprint()
        # it may read the directory, but is not the server that its settings name
        text = open(hub.settings).read()
        with open(hub.settings, "w") as out:
            out.write(text.replace("server = late\n", "server = later\n"))
        hub.start(wait=False)
        self.addCleanup(hub.kill)
        refused = wait_for("it says so", lambda: hub.events("configuration-refused"))
        self.assertEqual(refused[0]["server"], "later")
        self.assertFalse(hub.listening())
        self.assertTrue(hub.process.running())
        hub.name, hub.password = "later", "x"
        org.directory.add(hub.records())
        hub.wait_listening()
        self.assertNotEqual(before, org.london1.fingerprint())
        self.assertEqual(hub.stop(), 0)

    def test_a_stop_before_any_configuration(self):
        hub = type(self.org.london1)(self.org.place, self.org.directory, "nobody", "London")
        text = open(hub.settings).read()
        with open(hub.settings, "w") as out:
            out.write(text.replace(self.org.directory.uri, "ldap://127.0.0.1:%d" % free_port()))
        hub.start(wait=False)
        self.addCleanup(hub.kill)
        wait_for("it runs", lambda: hub.events("directory-down"))
        self.assertEqual(hub.stop(), 0)


class Stop(unittest.TestCase):
    def setUp(self):
        self.org = Organization()
        self.addCleanup(self.org.close)

    def talk(self, address):
        """A session that has said EHLO and stays."""
        peer = socket.create_connection(address, 20)
        self.addCleanup(peer.close)
        peer.recv(500)
        peer.sendall(b"EHLO client.example\r\n")
        peer.recv(500)
        return peer

    def test_a_busy_hub_ends_in_time_without_its_directory(self):
        org = self.org.start()
        hub = org.london2
        idle = [self.talk(hub.address) for _ in range(20)]
        middle = self.talk(hub.address)
        middle.sendall(b"MAIL FROM:<>\r\n")
        middle.recv(500)
        stop = threading.Event()

        def flow():
            while not stop.is_set():
                _, data = message(sender="bruno@contoso.com", to="x@steady.example")
                try:
                    send(org.application_port, "bruno@contoso.com", ["x@steady.example"], data)
                except (OSError, EOFError):
                    pass

        flowing = [threading.Thread(target=flow, daemon=True) for _ in range(3)]
        for thread in flowing:
            thread.start()
        self.addCleanup(lambda: [thread.join() for thread in flowing])
        self.addCleanup(stop.set)
        wait_for("mail flows through it", lambda: len(hub.events("relayed")) > 10)
        org.directory.stop()
        wait_for("it noticed", lambda: hub.events("directory-down"))
        begun = time.monotonic()
        self.assertEqual(hub.process.stop(timeout=60), 0, hub.log()[-3000:])
        self.assertLess(time.monotonic() - begun, 40)
        self.assertEqual(hub.events("stopped")[-1]["event"], "stopped")
        for peer in idle:
            self.assertIn(b"421", peer.recv(500))

    def test_changes_while_it_stops(self):
        """A peer that never answers keeps one worker busy; the other one has ended long before."""
        org = self.org
        silent = socket.socket()
        self.addCleanup(silent.close)
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        org.start()
        hub = org.london2
        org.send_connector("Silent", hubAddressSpace="SMTP:silent.example", hubDNSRouting="FALSE",
                           hubSourceServer=hub.dn(),
                           hubSmartHost="[127.0.0.1]:%d" % silent.getsockname()[1])
        _, data = message(sender="anna@contoso.com", to="x@silent.example")
        send(org.application_port, "anna@contoso.com", ["x@silent.example"], data)
        peer, _ = silent.accept()
        self.addCleanup(peer.close)
        hub.process.signal(signal.SIGTERM)
        wait_for("it stops", lambda: hub.events("stopping"))
        for number in range(20):
            org.directory.change(org.connector("Silent"), hubComment="change %d" % number)
            hub.process.signal(signal.SIGHUP)
        self.assertEqual(hub.process.popen.wait(60), 0, hub.log()[-3000:])
        self.assertTrue(hub.events("stopped"))

    def test_stopping_twice(self):
        """A peer that says nothing more holds up the end; a second signal does not wait for it."""
        org, go_on = self.org, threading.Event()
        org.start()
        hub = org.london2
        org.smart_host.answer("MAIL", lambda: go_on.wait(60) and "421 close")
        self.addCleanup(go_on.set)
        token, data = message(sender="anna@contoso.com", to="x@silent.example")
        send(org.application_port, "anna@contoso.com", ["x@silent.example"], data)
        wait_for("MAIL", lambda: [c for c in org.smart_host.commands if c.startswith("MAIL")])
        hub.process.signal(signal.SIGTERM)
        wait_for("it stops", lambda: hub.events("stopping"))
        hub.process.signal(signal.SIGTERM)
        self.assertEqual(hub.process.popen.wait(20), 0, hub.log()[-3000:])
        self.assertTrue(hub.events("stopped"))
        org.smart_host.answer("MAIL", None)
        hub.start()
        org.smart_host.wait(token)


if __name__ == "__main__":
    unittest.main()
