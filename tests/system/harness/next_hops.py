"""Postfix, Exim and OpenSMTPD as next hops of a hub, each with a mailbox for every user.

Two of these are put off until release() is called for them: "grey" as by a greylist, "full" as over
quota; "ghost" is unknown. `port` is the peer's usual one; `strict` has limits: RECIPIENTS of a
transaction, MESSAGES of a session, CONNECTIONS at once.
"""

import os
import signal
import socketserver
import threading

from .base import free_port
from .exim import Exim
from .opensmtpd import OpenSmtpd
from .postfix import Postfix

RECIPIENTS, MESSAGES, CONNECTIONS, SIZE = 5, 3, 2, 300000
MANY = ["r%d" % i for i in range(12)]
USERS = ["anna", "bruno", "grey", "full", "slow", "hold", *MANY]
UNICODE = "j\u00f6rg"
USER, PASSWORD = "hub", "p@ss w0rd"


class Policy(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Postfix's access policy (SMTPD_POLICY_README), as a greylist is."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Asked)
        self.port = self.server_address[1]
        self.lock = threading.Condition()
        self.put_off = {"grey": "450 4.2.0 Greylisted, try later", "full": "452 4.2.2 Over quota"}
        self.held = 0       # sessions that wait after the data
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def answer(self, asked):
        user = asked.get("recipient", "").split("@")[0]
        with self.lock:
            if asked["protocol_state"] == "END-OF-MESSAGE":
                if user != "hold" or "hold" not in self.put_off:
                    return "DUNNO"
                self.held += 1
                self.lock.wait_for(lambda: "hold" not in self.put_off, 30)
                return "DUNNO"
            return self.put_off.get(user, "DUNNO")

    def hold(self):
        with self.lock:
            self.put_off["hold"] = "DUNNO"

    def release(self, user):
        with self.lock:
            self.put_off.pop(user, None)
            self.lock.notify_all()


class _Asked(socketserver.StreamRequestHandler):
    def handle(self):
        asked = {}
        for line in self.rfile:
            name, _, value = line.decode("utf-8").strip().partition("=")
            if name:
                asked[name] = value
                continue
            self.wfile.write(b"action=%s\n\n" % self.server.answer(asked).encode())
            asked = {}


class PostfixPeer:
    name = "postfix"

    def __init__(self, place, domains, key, back):
        """back: the hub's port, where it sends what is for Exim's first domain."""
        self.policy = policy = Policy()
        place.at_end(policy.server_close)
        place.at_end(policy.shutdown)
        self.strict = free_port()
        boxes = place.file("postfix.boxes", "".join(
            "%s@%s %s/\n" % (user, domain, user) for domain in domains
            for user in [*USERS, UNICODE]), 0o644)
        ask = "check_policy_service inet:127.0.0.1:%d" % policy.port
        self.server = Postfix(place, free_port(), {
            "virtual_mailbox_domains": ", ".join(domains),
            "virtual_mailbox_maps": "texthash:" + boxes, "virtual_uid_maps": "static:65534",
            "virtual_gid_maps": "static:65534", "message_size_limit": SIZE,
            "transport_maps": "inline:{ plain.exim.example=smtp:[127.0.0.1]:%d }" % back,
            "smtpd_recipient_restrictions": ask, "smtpd_end_of_data_restrictions": ask,
            "smtpd_tls_cert_file": key.certificate, "smtpd_tls_key_file": key.key,
            "smtpd_tls_security_level": "may", "smtpd_tls_received_header": "yes",
        }, "127.0.0.1:%d inet n - n - 100 smtpd\n -o smtpd_recipient_limit=%d\n"
           " -o smtpd_client_connection_count_limit=%d\n"
           " -o smtpd_client_event_limit_exceptions=\n"
           "virtual unix - n n - - virtual\n" % (self.strict, RECIPIENTS, CONNECTIONS))
        self.mail = place.directory("postfix-mail")
        self.server.set("virtual_mailbox_base", self.mail)
        os.chmod(self.mail, 0o777)
        self.port = self.server.port
        self.log = self.server.log

    def start(self):
        self.server.start(wait=False)
        return self

    def wait(self):
        self.server.wait_listening()

    def stop(self):
        self.server.stop()

    def hold(self):
        """No answer to the end of a message."""
        self.policy.hold()

    def unhold(self):
        self.policy.release("hold")

    def holds(self):
        return self.policy.held

    def release(self, user):
        self.policy.release(user)


EXIM = """
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts = *
tls_certificate = {certificate}
tls_privatekey = {key}
chunking_advertise_hosts = *
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
host_lookup =
rfc1413_hosts =
message_size_limit = {size}
domainlist ours = {domains}
acl_smtp_rcpt = rcpt
acl_smtp_data = data
log_selector = +smtp_connection +received_recipients
{limits}
"""

EXIM_SECTIONS = """
begin acl
rcpt:
  defer local_parts = grey
    condition = ${{if !exists{{{folder}/grey}}}}
    message = 450 4.2.0 Greylisted, try later
  defer local_parts = full
    condition = ${{if !exists{{{folder}/full}}}}
    message = 452 4.2.2 Over quota
  deny !verify = recipient
    message = 550 5.1.1 No such user
  accept local_parts = slow
    delay = 1s
  accept
data:
  accept condition = ${{if exists{{{folder}/hold}}}}
    logwrite = held
    delay = 30s
  accept

begin routers
here:
  driver = accept
  domains = +ours
  local_parts = lsearch;{users}
  transport = maildir
back:
  driver = manualroute
  domains = back.example
  transport = smtp
  route_list = * 127.0.0.1::{back} byname
  self = send

begin transports
maildir:
  driver = appendfile
  maildir_format
  directory = {folder}/mail/$local_part_data
  create_directory
smtp:
  driver = smtp
  hosts_avoid_tls = *

begin retry
* * F,1h,1m

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_advertise_condition = ${{if def:tls_in_cipher}}
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
"""


class EximPeer:
    name = "exim"

    def __init__(self, place, domains, key, back):
        self.port, self.strict = free_port(), free_port()
        users = place.file("exim.users", "".join(
            "%s: %s\n" % (user, user) for user in [*USERS, UNICODE]), 0o644)
        self.servers = []
        for name, port, limits in (
                ("exim", self.port, "smtp_accept_max_per_connection = 1000"),
                ("exim-strict", self.strict,
                 "recipients_max = %d\nsmtp_accept_max_per_connection = %d\n"
                 "smtp_accept_max_per_host = %d" % (RECIPIENTS, MESSAGES, CONNECTIONS))):
            folder = place.directory(name)
            self.servers.append(Exim(place, EXIM.format(
                port=port, certificate=key.certificate, key=key.key, size=SIZE, limits=limits,
                domains=" : ".join(domains)), EXIM_SECTIONS.format(
                    folder=folder, users=users, back=back, user=USER,
                    password=PASSWORD), name))
        self.folder = self.servers[0].folder
        self.mail = place.path  # of both

    def log(self):
        return "".join(server.log() for server in self.servers)

    def start(self):
        for server in self.servers:
            server.start()
        return self

    def wait(self):
        for server, port in zip(self.servers, (self.port, self.strict)):
            server.wait_listening(port)

    def stop(self):
        for server in self.servers:
            server.stop()

    def hold(self):
        self.release("hold")

    def unhold(self):
        for server in self.servers:
            os.remove(os.path.join(server.folder, "hold"))

    def holds(self):
        return "held\n" in self.log()

    def release(self, user):
        for server in self.servers:
            with open(os.path.join(server.folder, user), "w"):
                pass


OPENSMTPD = """
pki peer cert "/etc/peer.crt"
pki peer key "/etc/peer.key"
table domains file:/etc/domains
table users {{ "@" = mail }}
table known file:/etc/known
table grey file:/etc/grey
table full file:/etc/full
smtp max-message-size {size}
smtp limit max-rcpt {recipients}
smtp limit max-mails {messages}
filter greylist phase rcpt-to match rcpt-to <grey> reject "450 4.2.0 Greylisted, try later"
filter quota phase rcpt-to match rcpt-to <full> reject "452 4.2.2 Over quota"
filter both chain {{ greylist, quota }}
listen on 127.0.0.1 port {port} hostname opensmtpd.example tls pki peer filter both
action keep maildir "/var/mail/%{{rcpt.user}}" virtual <users>
match from any for domain <domains> rcpt-to <known> action keep
"""


class OpenSmtpdPeer:
    """Offers TLS that always fails: Debian's 6.8 cannot use a key of its own with OpenSSL 3."""

    name = "opensmtpd"

    def __init__(self, place, domains, key, back):
        self.port = self.strict = free_port()
        with open(key.certificate) as certificate, open(key.key) as secret:
            files = {"peer.crt": certificate.read(), "peer.key": secret.read()}
        files.update(
            domains="".join(domain + "\n" for domain in domains),
            known="".join("%s@%s\n" % (user, domain) for user in USERS for domain in domains),
            grey="".join("grey@%s\n" % domain for domain in domains),
            full="".join("full@%s\n" % domain for domain in domains))
        self.server = OpenSmtpd(place, self.port, OPENSMTPD.format(
            size=SIZE, recipients=RECIPIENTS, messages=MESSAGES, port=self.port),
            files)
        self.mail, self.log = self.server.mail, self.server.log

    def start(self):
        self.server.start()
        return self

    def wait(self):
        self.server.wait_listening()

    def stop(self):
        self.server.stop()

    def hold(self):
        os.killpg(self.server.popen.pid, signal.SIGSTOP)

    def unhold(self):
        pass

    def holds(self):
        return True

    def release(self, user):
        with open(os.path.join(self.server.root, "etc", user), "w") as table:
            table.write("nobody@nowhere.example\n")
        self.server.control("update", "table", user)
