"""Postfix and Exim relay through a hub, as an application's own mail server does."""

import re
import smtplib
import unittest

from .harness.base import free_port, wait_for
from .harness.exim import Exim
from .harness.keys import Key
from .harness.postfix import Postfix
from .harness.relay import PASSWORD, Relay, message, with_protocol, without_trace

VERIFY = ("smtp_tls_security_level=secure", "smtp_tls_CAfile={trusted}",
          "smtp_tls_secure_cert_match=hub1.contoso.com")
LOGIN = ("smtp_sasl_auth_enable=yes", "smtp_sasl_security_options=noanonymous",
         "smtp_sasl_password_maps=texthash:{passwords}")
EXIM_VERIFY = ("hosts_require_tls = *", "tls_verify_hosts = *",
               "tls_verify_certificates = {trusted}")

# What goes to NAME.example: connector, how the hub has to call it, settings of Postfix and Exim.
WAYS = {
    "plain": ("open", "ESMTP", ("smtp_tls_security_level=none",), ("hosts_avoid_tls = *",)),
    "encrypted": ("open", "ESMTPS", ("smtp_tls_security_level=encrypt",),
                  ("hosts_require_tls = *", "tls_try_verify_hosts = :")),
    "verified": ("open", "ESMTPS", VERIFY, EXIM_VERIFY),
    "plainauth": ("users", "ESMTPSA", (*VERIFY, *LOGIN, "smtp_sasl_mechanism_filter=plain"),
                  (*EXIM_VERIFY, "hosts_require_auth = *")),
    "loginauth": ("users", "ESMTPSA", (*VERIFY, *LOGIN, "smtp_sasl_mechanism_filter=login"),
                  (*EXIM_VERIFY, "hosts_require_auth = *")),
    "scram": ("users", "ESMTPSA", (*VERIFY, *LOGIN, "smtp_sasl_mechanism_filter=scram-sha-256"),
              None),
    "implicit": ("implicit", "ESMTPS", (*VERIFY, "smtp_tls_wrappermode=yes"),
                 (*EXIM_VERIFY, "protocol = smtps")),
    # Postfix by what it likes best of what is offered
    "implicitauth": ("implicit", "ESMTPSA", (*VERIFY, *LOGIN, "smtp_tls_wrappermode=yes"),
                     (*EXIM_VERIFY, "protocol = smtps", "hosts_require_auth = *")),
    "many": ("open", None, ("smtp_tls_security_level=none",
                            "smtp_connection_cache_destinations=127.0.0.1"), EXIM_VERIFY),
    # what does not arrive
    "password": ("users", None, (*VERIFY, *LOGIN[:-1], LOGIN[-1].replace("passwords", "wrong")),
                 (*EXIM_VERIFY, "hosts_require_auth = *")),
    "untrusted": ("open", None, [s.replace("trusted", "stranger") for s in VERIFY],
                  [s.replace("trusted", "stranger") for s in EXIM_VERIFY]),
}
SUCCEED = [name for name, way in WAYS.items() if way[1] is not None]

# Exim's plaintext driver: ^ stands for NUL, a transport named like its way
EXIM_AUTHENTICATORS = """
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  client_condition = ${if !eq{$transport_name}{loginauth}}
  client_send = <; ^anna^${if eq{$transport_name}{password}{bad}{%(password)s}}
login:
  driver = plaintext
  public_name = LOGIN
  client_condition = ${if eq{$transport_name}{loginauth}}
  client_send = <; ; anna ; %(password)s
begin retry
* * F,1h,15m
""" % {"password": PASSWORD}


class Servers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.relay = relay = Relay(scram=True).start()
        cls.addClassCleanup(relay.close)
        stranger = Key(relay.place, "stranger.example")
        cls.files = {name: relay.place.file(name, text, 0o644) for name, text in {
            "trusted": read(relay.hub.key.certificate), "stranger": read(stranger.certificate),
            "passwords": "".join("[127.0.0.1]:%d anna:%s\n" % (port, PASSWORD)
                                 for port in relay.ports.values()),
            "wrong": "[127.0.0.1]:%d anna:bad\n" % relay.ports["users"]}.items()}
        cls.ways = {name: (relay.ports[where], postfix, exim)
                    for name, (where, _, postfix, exim) in WAYS.items()}

    def arrives(self, name, send):
        protocol = WAYS[name][1]
        recipient = "x@%s.example" % name
        token, data = message("anna@contoso.com", recipient)
        send("anna@contoso.com", recipient, data)
        got = self.relay.sink.wait(token)[0]
        self.assertEqual(without_trace(got.data), data)
        self.assertEqual(with_protocol(got.data), protocol)
        self.assertEqual((got.sender, got.recipients), ("anna@contoso.com", [recipient]))
        return got


class PostfixClient(Servers):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        transports = ", ".join("{ %s.example = %s:[127.0.0.1]:%d }" % (name, name, port)
                               for name, (port, _, _) in cls.ways.items())
        services = "".join("%s unix - - n - - smtp%s\n" % (
            name, "".join("\n  -o { %s }" % s.replace("=", " = ", 1).format(**cls.files)
                          for s in settings)) for name, (_, settings, _) in cls.ways.items())
        cls.postfix = Postfix(cls.relay.place, free_port(), {
            "transport_maps": "inline:{ %s }" % transports, "smtp_tls_loglevel": "1",
            "relayhost": "[127.0.0.1]:%d" % cls.relay.ports["open"],
            "minimal_backoff_time": "1000", "queue_run_delay": "1000"}, services).start()

    def send(self, sender, recipient, data, mail=(), rcpt=()):
        with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=20) as client:
            client.sendmail(sender, [recipient], data, ["BODY=8BITMIME", *mail], rcpt)

    def outcome(self, recipient):
        """The log's line of the recipient."""
        found = re.compile(r"to=<%s>, .*status=.*" % re.escape(recipient))
        return wait_for(lambda: "an outcome for %s\n%s" % (recipient, self.postfix.log()[-4000:]),
                        lambda: found.search(self.postfix.log())).group()

    def test_arrives_byte_for_byte(self):
        for name in SUCCEED:
            with self.subTest(name):
                self.arrives(name, self.send)
                self.assertIn("status=sent (250 2.6.0", self.outcome("x@%s.example" % name))

    def test_refusals_are_reported(self):
        for name, complaint in (
                ("password", r"dsn=4\.7\.8, status=deferred \(SASL authentication failed; "
                             r"server .* said: 535 5\.7\.8 "),
                ("untrusted", r"status=deferred \(Server certificate not verified\)")):
            with self.subTest(name):
                recipient = "x@%s.example" % name
                token, data = message("anna@contoso.com", recipient)
                self.send("anna@contoso.com", recipient, data)
                self.assertRegex(self.outcome(recipient), complaint)
                self.assertFalse(self.relay.sink.find(token))

    def test_a_refused_recipient_is_bounced(self):
        token, data = message("a@plain.example", "nobody@contoso.com")
        self.send("a@plain.example", "nobody@contoso.com", data)
        self.assertIn("status=bounced (host 127.0.0.1[127.0.0.1] said: 550 5.1.1",
                      self.outcome("nobody@contoso.com"))
        got = self.relay.sink.wait(token)[0]
        self.assertEqual((got.sender, got.recipients), ("", ["a@plain.example"]))

    def test_many_messages_over_one_connection(self):
        """And what was asked for about reports goes on with each."""
        tokens = []
        for i in range(5):
            token, data = message("anna@contoso.com", "%d@many.example" % i)
            tokens.append(token)
            self.send("anna@contoso.com", "%d@many.example" % i, data,
                      ("RET=HDRS", "ENVID=" + token),
                      ("NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;first+2B@%d.example" % i))
            self.relay.sink.wait(token)
        for i, token in enumerate(tokens):
            self.assertRegex(self.outcome("%d@many.example" % i),
                             "conn_use=%d.*=sent " % (i + 1) if i else "=sent ")
            said = self.relay.sink.commands
            mail = [line for line in said if "ENVID=" + token in line]
            self.assertTrue(mail and "RET=HDRS" in mail[0], mail)
            rcpt = [line for line in said if line.startswith("RCPT TO:<%d@many.example>" % i)]
            self.assertIn("NOTIFY=SUCCESS,FAILURE", rcpt[0])
            self.assertIn("ORCPT=rfc822;first+2B@%d.example" % i, rcpt[0])


class EximClient(Servers):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        routers, transports = [], []
        for name, (port, _, settings) in cls.ways.items():
            if settings is None:
                continue
            routers.append("%s:\n driver = manualroute\n domains = %s.example\n transport = %s\n"
                           " route_list = * 127.0.0.1::%d byname\n self = send\n" % (
                               name, name, name, port))
            transports.append("%s:\n driver = smtp\n%s" % (name, "".join(
                " %s\n" % line.format(**cls.files) for line in settings)))
        routers.append("rest:\n driver = manualroute\n transport = plain\n self = send\n"
                       " route_list = * 127.0.0.1::%d byname\n" % cls.relay.ports["open"])
        cls.exim = Exim(cls.relay.place, "log_selector = +pipelining +tls_certificate_verified",
                        "begin routers\n%s\nbegin transports\n%s\n%s" % (
                            "".join(routers), "".join(transports), EXIM_AUTHENTICATORS))

    def test_arrives_byte_for_byte(self):
        """By BDAT, as Exim does where it is offered. Debian's knows no SCRAM."""
        for name in set(SUCCEED) - {"scram"}:
            with self.subTest(name):
                self.arrives(name, self.exim.send)
                lines = self.exim.lines("x@%s.example" % name)
                self.assertRegex(lines[-1], r" => .* L .*K C=\"250 2\.6\.0 ")

    def test_refusals_are_reported(self):
        for name, complaint in (
                ("password", r"plain authenticator failed .* 535 5\.7\.8 .*\n.* == "
                             r"x@password\.example .* authentication attempt\(s\) failed"),
                ("untrusted", r" == x@untrusted\.example .*certificate verification failed")):
            with self.subTest(name):
                recipient = "x@%s.example" % name
                token, data = message("anna@contoso.com", recipient)
                self.exim.send("anna@contoso.com", recipient, data)
                self.assertRegex(self.exim.log(), complaint)
                self.assertFalse(self.relay.sink.find(token))

    def test_a_refused_recipient_is_bounced(self):
        token, data = message("a@plain.example", "nobody@contoso.com")
        self.exim.send("a@plain.example", "nobody@contoso.com", data)
        self.assertIn("550 5.1.1", self.exim.lines("** nobody@contoso.com")[-1])
        got = self.relay.sink.wait(token)[0]
        self.assertEqual((got.sender, got.recipients), ("", ["a@plain.example"]))

    def test_many_messages_over_one_connection(self):
        tokens = []
        for i in range(5):
            token, data = message("anna@contoso.com", "%d@many.example" % i)
            tokens.append(token)
            self.exim.send("anna@contoso.com", "%d@many.example" % i, data, "-odq")
        self.exim.run("-qqff")
        for token in tokens:
            self.relay.sink.wait(token)
        marks = [" H=127.0.0.1 [127.0.0.1]* " in line for line in self.exim.log().splitlines()
                 if re.search(" => [0-9]@many.example ", line)]
        self.assertEqual(sorted(marks), [False] + [True] * 4, self.exim.log())


def read(path):
    with open(path) as text:
        return text.read()


del Servers

if __name__ == "__main__":
    unittest.main()
