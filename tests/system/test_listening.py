"""Whose connection it is, and how many may come: bindings, ranges, usages, limits; on the wire.

In a network of its own, so the ports are those of the real world and addresses come and go.
"""

import resource
import smtplib
import socket
import ssl
import threading
import unittest

from .harness import own_network
from .harness.base import Place, build_path, free_port, run, wait_for
from .harness.client import Client
from .harness.directory import Directory, record
from .harness.hub import Hub, in_force
from .harness.organization import message
from .harness.peers import Sink

# Who connects: one source per usage, and others.
SOURCES = {"Internet": "10.1.0.1", "Internal": "10.2.0.1", "Client": "10.3.0.1",
           "Partner": "10.4.0.1", "Custom": "10.5.0.1"}
HOST, SUBNET, INSIDE, OUTSIDE = "10.9.1.7", "10.9.1.8", "10.9.2.1", "203.0.113.9"
HOST6, SUBNET6, OUTSIDE6 = "fd09:1::7", "fd09:1::8", "fd08::1"
SECOND, SECOND6 = "192.0.2.2", "fd02::2"
ADDRESSES = [*SOURCES.values(), HOST, SUBNET, INSIDE, OUTSIDE, HOST6, SUBNET6, OUTSIDE6, SECOND,
             SECOND6]
UNLIMITED = dict(hubMaxInboundConnections="0", hubMaxInboundPerSource="0",
                 hubMaxInboundPercentPerSource="100")
ANONYMOUS = dict(hubUsage="Internet", hubTarpitInterval="0")
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CONTEXT.check_hostname = False
CONTEXT.verify_mode = ssl.CERT_NONE


class Listening(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        own_network.enter(cls, *ADDRESSES)
        cls.place = Place()
        cls.addClassCleanup(cls.place.close)
        cls.directory = d = Directory(cls.place).start()
        cls.mailbox = Sink(cls.place, lmtp=True)
        cls.hub = Hub(cls.place, d, "hub1", "London")
        d.add("".join([
            record(d.dn("London", "Sites"), "hubSite", cn="London"),
            record(d.dn("mbx1", "Servers"), "hubMailboxServer", cn="mbx1",
                   hubServerSite=d.dn("London", "Sites"), hubFQDN="mbx1.contoso.com",
                   hubAddress="127.0.0.1:%d" % cls.mailbox.port, hubDeliveryProtocol="LMTP"),
            record(d.dn("contoso.com", "Accepted Domains"), "hubAcceptedDomain", cn="contoso.com",
                   hubDomain="contoso.com", hubDomainType="Authoritative"),
            record("ou=People," + d.suffix, "organizationalUnit", ou="People"),
            record("uid=anna,ou=People," + d.suffix, "inetOrgPerson inetLocalMailRecipient",
                   uid="anna", cn="anna", sn="anna", mail="anna@contoso.com",
                   mailHost="mbx1.contoso.com", userPassword="password-of-anna")]))
        cls.hubctl("server", "new", "hub1", "--fqdn", cls.hub.fqdn, "--address", "127.0.0.1",
                   "--site", "London", "--admin-address", "127.0.0.1:%d" % cls.hub.admin_port,
                   "--certificate", cls.hub.key.certificate, "--password-file",
                   cls.place.file("new.password", cls.hub.password))
        for name in "Default hub1", "Client hub1":
            d.change("cn=%s,%s" % (name, cls.hub.dn()), hubTarpitInterval="0")
        cls.hub.address = ("127.0.0.1", 25)
        cls.hub.start()
        cls.addClassCleanup(cls.ends_cleanly)

    @classmethod
    def ends_cleanly(cls):
        if cls.hub.stop() != 0:
            raise AssertionError(cls.hub.log()[-2000:])

    @classmethod
    def hubctl(cls, *arguments):
        d = cls.directory
        return run(build_path("tools", "hubctl"), "--directory", d.uri, "--base", d.base, "-D",
                   d.admin, "-y", d.password_file, *arguments, check=True).stdout

    def apply(self, change, *arguments, **attributes):
        change(*arguments, **attributes)
        in_force(self.directory, [self.hub])

    def dn(self, name):
        return "cn=%s,%s" % (name, self.hub.dn())

    def connector(self, name, **attributes):
        """A new one that says its name, until the end of the test."""
        self.apply(self.directory.add, record(
            self.dn(name), "hubReceiveConnector", cn=name, hubBanner="220 " + name, **attributes))
        self.addCleanup(self.apply, self.directory.delete, self.dn(name))

    def change(self, name, **attributes):
        self.apply(self.directory.change, self.dn(name), **attributes)

    def who(self, port, address="127.0.0.1", source=None):
        """The name in the greeting, or what is said instead of one."""
        with Client(port, address, source) as client:
            return client.greeting.removeprefix("220 ")

    def metric(self, name):
        lines = self.hub.ctl("metrics").splitlines()
        return next(int(line.split()[1]) for line in lines if line.split()[0] == name)

    def limited(self, limit):
        return self.metric('hub_receive_limit_total{limit="%s"}' % limit)

    def closed(self, port, address="127.0.0.1"):
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            return probe.connect_ex((address, port)) != 0

    # --- usages ---

    def test_a_new_server_serves_users_and_no_strangers(self):
        for port in 25, 587:
            for address in "127.0.0.1", "::1":
                with self.subTest(port=port, address=address), Client(port, address) as client:
                    offered = client.ehlo()
                    self.assertIn("STARTTLS", offered)
                    self.assertFalse([line for line in offered if line.startswith("AUTH")])
                    self.assertRegex(client.say("MAIL FROM:<a@outside.example>"), "^5")
                    client.starttls()
                    offered = client.ehlo()
                    self.assertNotIn("STARTTLS", offered)
                    self.assertTrue([line for line in offered if line.startswith("AUTH")])
                    self.assertRegex(client.plain("anna", "password-of-anna"), "^235")
                    token, data = message(sender="anna@contoso.com")
                    client.begin("anna@contoso.com")
                    self.assertRegex(client.data(data + b".\r\n"), "^250")
                    self.mailbox.wait(token)

    def test_usages(self):
        """Bindings, mechanisms and groups that each usage brings along."""
        expected = {
            "Internet": (25, ["Tls"], ["AnonymousUsers"]),
            "Internal": (25, ["Tls", "HubServer"], ["HubServers", "LegacyServers"]),
            "Client": (587, ["Tls", "BasicAuth", "BasicAuthRequireTLS", "Integrated"],
                       ["HubUsers"]),
            "Partner": (25, ["Tls"], ["Partners"]),
            "Custom": (25, ["None"], []),
        }
        for usage, (port, mechanisms, groups) in expected.items():
            with self.subTest(usage):
                source = SOURCES[usage]
                self.connector(usage, hubUsage=usage, hubRemoteIPRange=source,
                               hubTarpitInterval="0")
                shown = self.hub.ctl("receive-connector", "get", "hub1/" + usage)
                self.assertEqual(shown["binding"], ["0.0.0.0:%d" % port, "[::]:%d" % port])
                self.assertEqual(sorted(shown["auth-mechanism"]), sorted(mechanisms))
                self.assertEqual(sorted(shown.get("permission-group", [])), sorted(groups))
                self.assertEqual(shown["message-rate-limit"], 5 if usage == "Client" else 0)
                with Client(port, source=source) as client:
                    self.assertEqual(client.greeting, "220 " + usage)
                    offered = client.ehlo()
                    self.assertEqual("STARTTLS" in offered, "Tls" in mechanisms)
                    # the default is what is announced, and nothing else
                    self.assertEqual({word.split()[0] for word in offered} - {"STARTTLS"},
                                     {word.upper() for word in shown["extension"]})
                    stranger = client.say("MAIL FROM:<a@outside.example>")
                    self.assertEqual(stranger[:1], "2" if usage == "Internet" else "5")
                    client.say("RSET")
                    if "Tls" in mechanisms:
                        offered = client.starttls().ehlo()
                    self.assertEqual(any(line.startswith("AUTH") for line in offered),
                                     "BasicAuth" in mechanisms)
        with self.subTest("a usage is live"):
            self.change("Internet", hubUsage="Partner")
            with Client(25, source=SOURCES["Internet"]) as client:
                client.ehlo()
                self.assertRegex(client.say("MAIL FROM:<a@outside.example>"), "^5")

    # --- TLS from the first byte ---

    def secure(self, port, address="127.0.0.1"):
        plain = socket.create_connection((address, port), 10)
        return CONTEXT.wrap_socket(plain)

    def test_tls_from_the_first_byte(self):
        name = "Client hub1"
        plain = ["0.0.0.0:587", "[::]:587"]
        self.change(name, hubBinding=plain + ["0.0.0.0:465 tls", "[::]:465 tls"])
        self.addCleanup(self.change, name, hubBinding=plain)
        # the log follows what it tells
        wait_for("the log of it", lambda: self.hub.events("listening", binding="0.0.0.0:465 tls"))
        self.assertEqual(len(self.hub.events("listening", binding="0.0.0.0:465 tls")), 1)
        for address in "127.0.0.1", "::1":
            with smtplib.SMTP_SSL(address, 465, "client.example", timeout=10,
                                  context=CONTEXT) as client:
                client.ehlo()
                self.assertFalse(client.has_extn("STARTTLS"))
                client.login("anna", "password-of-anna")
                token, data = message(sender="anna@contoso.com")
                client.sendmail("anna@contoso.com", ["anna@contoso.com"], data)
            self.assertIn(b"ESMTPSA", self.mailbox.wait(token)[0].data)
        with self.subTest("nothing is said in clear"), socket.create_connection(
                ("127.0.0.1", 465), 10) as clear:
            clear.sendall(b"EHLO client.example\r\n")
            said = b""
            try:
                while data := clear.recv(1000):
                    said += data
            except ConnectionResetError:
                pass
            self.assertNotIn(b"2", said[:1])
        with self.subTest("587 is as it was"), Client(587) as client:
            self.assertIn("STARTTLS", client.ehlo())
        with self.subTest("the flag is live, and the socket stays"):
            before = len(self.hub.events("not-listening"))
            self.change(name, hubBinding=plain + ["0.0.0.0:465"])
            with Client(465) as client:
                self.assertIn("STARTTLS", client.ehlo())
            self.assertTrue(self.closed(465, "::1"))
            wait_for("the log of it", lambda: len(self.hub.events("not-listening")) > before)
            self.assertEqual(len(self.hub.events("not-listening")), before + 1)

    def test_hub_proves_itself_where_tls_comes_first(self):
        self.connector("hubs", hubUsage="Internal", hubBinding="127.0.0.1:4650 tls",
                       hubTarpitInterval="0")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for key, code in ((None, b"5"), (self.hub.key, b"2")):
            if key is not None:
                context.load_cert_chain(key.certificate, key.key)
            with context.wrap_socket(socket.create_connection(("127.0.0.1", 4650), 10)) as peer:
                wire = peer.makefile("rwb", 0)
                self.assertEqual(wire.readline(), b"220 hubs\r\n")
                wire.write(b"EHLO hub1.contoso.com\r\n")
                while wire.readline()[3:4] != b" ":
                    pass
                wire.write(b"MAIL FROM:<a@outside.example>\r\n")
                self.assertEqual(wire.readline()[:1], code)

    # --- whose connection it is ---

    def test_the_most_specific_wins(self):
        port = 2525
        both = ["0.0.0.0:%d" % port, "[::]:%d" % port]
        self.connector("all", hubBinding=both)
        self.connector("inside", hubBinding=both,
                       hubRemoteIPRange=["10.9.0.0/16", "fd09::/16"])
        self.connector("subnet", hubBinding=both, hubRemoteIPRange=[
            "10.9.1.0-10.9.1.255", "fd09:1::-fd09:1::ffff"])
        self.connector("host", hubBinding=both, hubRemoteIPRange=[HOST, HOST6])
        self.connector("second", hubBinding=["%s:%d" % (SECOND, port),
                                             "[%s]:%d" % (SECOND6, port)])
        self.connector("off", hubBinding=both, hubRemoteIPRange=SUBNET, hubEnabled="FALSE")
        rows = [("127.0.0.1", OUTSIDE, "all"), ("127.0.0.1", INSIDE, "inside"),
                ("127.0.0.1", SUBNET, "subnet"), ("127.0.0.1", HOST, "host"),
                (SECOND, OUTSIDE, "second"), (SECOND, HOST, "second"),
                ("::1", OUTSIDE6, "all"), ("::1", SUBNET6, "subnet"), ("::1", HOST6, "host"),
                (SECOND6, HOST6, "second")]
        for address, source, name in rows:
            with self.subTest(address=address, source=source):
                self.assertEqual(self.who(port, address, source), name)
        with self.subTest("ranges are live"):
            self.change("host", hubRemoteIPRange=SUBNET)
            self.assertEqual(self.who(port, source=HOST), "subnet")
            self.assertEqual(self.who(port, source=SUBNET), "host")
        with self.subTest("those whom nobody takes"):
            self.change("all", hubRemoteIPRange="203.0.113.0/24")
            self.assertEqual(self.who(port, source=OUTSIDE), "all")
            self.assertEqual(self.who(port, "::1", OUTSIDE6),
                             "421 4.3.2 no connector for your address")
        with self.subTest("a connector that overlaps is refused alone"):
            self.directory.add(record(self.dn("zz clash"), "hubReceiveConnector", cn="zz clash",
                                      hubBinding=both[0], hubRemoteIPRange="10.9.1.128-10.9.2.5"))
            self.addCleanup(self.directory.delete, self.dn("zz clash"))
            wait_for("it is refused", lambda: self.hub.events(
                "object-refused", dn=self.dn("zz clash")))
            self.assertIn("without one containing the other", self.hub.events(
                "object-refused", dn=self.dn("zz clash"))[0]["reason"])
            self.assertEqual(self.who(port, source=INSIDE), "inside")

    # --- bindings that come and go ---

    def bindings_off(self):
        status = self.hub.ctl("config", "status", check=False)["servers"][0]["listeners"]
        return {b["binding"]: b["problem"] for b in status if b["problem"] is not None}

    def test_an_absent_address_is_off_alone(self):
        absent, absent6 = "198.51.100.7", "fd0a::7"
        alone = ["%s:2526" % absent, "[%s]:2526" % absent6]
        covered = "%s:25" % absent
        self.connector("visitor", hubBinding=alone + [covered, "127.0.0.1:2526"])
        self.assertEqual(self.who(2526), "visitor")
        self.assertEqual(self.bindings_off(), dict.fromkeys(
            alone + [covered], "Cannot assign requested address"))
        self.assertEqual(self.metric("hub_bindings_off"), 3)
        self.assertIn("level=error", next(line for line in self.hub.log().splitlines()
                                          if "binding-off" in line and covered in line))
        told = run(build_path("tools", "hubctl"), "--control", self.hub.control, "--directory",
                   self.directory.uri, "--base", self.directory.base, "-D", self.directory.admin,
                   "-y", self.directory.password_file, "config", "status").stdout
        self.assertIn("hub1: binding %s is off: Cannot assign" % covered, told)
        own_network.add_address(absent)
        own_network.add_address(absent6)
        wait_for("all are on", lambda: self.bindings_off() == {})
        self.assertEqual(self.metric("hub_bindings_off"), 0)
        for address, port in ((absent, 2526), (absent6, 2526), (absent, 25)):
            self.assertEqual(self.who(port, address), "visitor")
        own_network.remove_address(absent6)
        wait_for("it is off again", lambda: list(self.bindings_off()) == [alone[1]])
        own_network.remove_address(absent)

    def test_sessions_and_callers_outlive_bindings(self):
        port = free_port()
        one, wild, other = ("%s:%d" % (a, port) for a in ("127.0.0.1", "0.0.0.0", SECOND))
        self.connector("moving", hubBinding=one, **ANONYMOUS, **UNLIMITED)
        stop, refused, served = threading.Event(), [], []

        def call():
            while not stop.is_set():
                try:
                    served.append(self.who(port))
                except OSError as problem:
                    refused.append(problem)
        caller = threading.Thread(target=call)
        with Client(port) as early, Client(port) as late:
            early.begin()
            self.assertRegex(early.say("DATA"), "^354")
            caller.start()
            try:
                for binding in wild, one, [one, other], [wild, other], [other, one], [wild], one:
                    seen = len(served)
                    self.change("moving", hubBinding=binding)
                    wait_for("callers came", lambda: len(served) > seen + 10 or refused)
            finally:
                stop.set()
                caller.join()
            self.assertEqual(refused, [])
            self.assertEqual(set(served), {"moving"})
            self.change("moving", hubBinding="127.0.0.1:%d" % free_port())
            wait_for("nothing listens", lambda: self.closed(port))
            token, data = message()
            self.assertRegex(early.say(data + b".\r\n"), "^250")
            self.mailbox.wait(token)
            token, data = message()
            self.assertRegex(late.begin().data(data + b".\r\n"), "^250")
            self.mailbox.wait(token)

    def test_a_session_follows_its_connector(self):
        port, changed = free_port(), "421 4.3.2 hub1.contoso.com the configuration has changed"
        self.connector("followed", hubBinding="127.0.0.1:%d" % port, **ANONYMOUS, **UNLIMITED)
        with Client(port) as client:
            client.begin()
            self.change("followed", hubDeny="AnonymousUsers Submit")
            with self.subTest("a transaction ends as it began"):
                token, data = message()
                self.assertRegex(client.data(data + b".\r\n"), "^250")
                self.mailbox.wait(token)
            with self.subTest("the next one has the new rights"):
                self.assertRegex(client.say("MAIL FROM:<a@outside.example>"), "^5")
            with self.subTest("and gets them back"):
                self.change("followed", hubDeny=None)
                self.assertRegex(client.say("MAIL FROM:<a@outside.example>"), "^250")
        for what, attributes in (("disabled", dict(hubEnabled="FALSE")),
                                 ("not for this peer", dict(hubRemoteIPRange="10.0.0.0/8")),
                                 ("other proofs", dict(hubAuthMechanism=["Tls", "HubServer"]))):
            with self.subTest(what), Client(port) as client:
                client.begin()
                self.change("followed", **attributes)
                token, data = message()
                self.assertRegex(client.data(data + b".\r\n"), "^250")
                self.mailbox.wait(token)
                self.assertEqual(client.say("NOOP")[:len(changed)], changed)
                self.assertEqual(client.rest(), [])
            self.change("followed", **dict.fromkeys(attributes))

    # --- how many ---

    def test_limits(self):
        """Each says so, counts itself, and is live."""
        port = free_port()
        binding = dict(hubBinding=["127.0.0.1:%d" % port, "%s:%d" % (SECOND, port)])
        self.connector("narrow", **binding)
        too_many = "421 4.3.2 too many concurrent connections"
        rows = [("hubMaxInboundConnections", "3", [HOST, INSIDE, SUBNET], "connections", too_many),
                ("hubMaxInboundPerSource", "3", [HOST] * 3, "connections_per_source",
                 too_many + " from your address"),
                # 40 % of 10, of 9 and of 8 that are left let a third one in, 40 % of 7 do not
                ("hubMaxInboundPercentPerSource", "40", [HOST] * 3,
                 "connections_percent_per_source", "421 4.3.2 too large a share")]
        for attribute, value, sources, name, refusal in rows:
            limits = dict(UNLIMITED, **{attribute: value})
            if name.endswith("percent_per_source"):
                limits["hubMaxInboundConnections"] = "10"
            with self.subTest(attribute):
                self.change("narrow", **limits)
                before = self.limited(name)
                held = [Client(port, source=source) for source in sources]
                try:
                    self.assertEqual({c.greeting for c in held}, {"220 narrow"})
                    with Client(port, source=HOST) as client:
                        self.assertEqual(client.greeting[:len(refusal)], refusal)
                        self.assertEqual(client.rest(), [])
                    self.assertEqual(self.limited(name), before + 1)
                    if name != "connections":
                        self.assertEqual(self.who(port, SECOND, INSIDE), "narrow")
                    self.change("narrow", **UNLIMITED)
                    self.assertEqual(self.who(port, source=HOST), "narrow")
                    self.change("narrow", **limits)
                    held.pop().close()
                    wait_for("one left, one comes",
                             lambda: self.who(port, source=HOST) == "narrow")
                finally:
                    for client in held:
                        client.close()

    def test_thousands_that_say_nothing(self):
        """They take the room of their connector, of no other, and are sent away in the end."""
        count, port, patience = 5000, free_port(), 10
        resource.setrlimit(resource.RLIMIT_NOFILE,
                           (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        self.connector("crowded", hubBinding="127.0.0.1:%d" % port, hubMaxInboundPerSource="0",
                       hubMaxInboundPercentPerSource="100", hubConnectionTimeout="60",
                       hubConnectionInactivityTimeout=str(patience))
        refused = self.limited("connections")
        silent = [socket.create_connection(("127.0.0.1", port), 30, ("127.1.%d.%d" % (
            i // 200, 1 + i % 200), 0)) for i in range(count)]
        try:
            for one in silent:
                self.assertEqual(one.recv(100), b"220 crowded\r\n")
            for _ in range(100):
                self.assertEqual(self.who(port), "421 4.3.2 too many concurrent connections")
            self.assertEqual(self.limited("connections"), refused + 100)
            with smtplib.SMTP("127.0.0.1", 587, "client.example", timeout=10) as client:
                client.starttls(context=CONTEXT)
                client.login("anna", "password-of-anna")
                token, data = message(sender="anna@contoso.com")
                client.sendmail("anna@contoso.com", ["anna@contoso.com"], data)
            self.mailbox.wait(token)
            for one in silent:
                self.assertRegex(one.recv(200), b"^421 .*timeout")
        finally:
            for one in silent:
                one.close()
        wait_for("all are gone", lambda: self.metric("hub_connections") == 0)
        self.assertEqual(self.who(port), "crowded")
        # refusals do not fill the log
        wait_for("those not logged are told", lambda: self.hub.events("connections-refused"))
        self.assertLess(len(self.hub.events("connection-refused", connector="crowded")), 50)


if __name__ == "__main__":
    unittest.main()
