"""A private Postfix that relays everything to one host, set up so that nothing holds it back."""

import os
import pwd
import shutil
import socket
import subprocess

from common import have

MAIN = """\
compatibility_level = 3.6
myhostname = postfix.example
mydomain = example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = [127.0.0.1]:{sink}
queue_directory = {place}/queue
data_directory = {place}/data
maillog_file = {place}/maillog
maillog_file_prefixes = {place}
alias_maps =
alias_database =
local_recipient_maps =
transport_maps =
biff = no
# no checks on the way in
smtpd_peername_lookup = no
smtpd_client_restrictions =
smtpd_helo_required = no
smtpd_sender_restrictions =
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
receive_override_options = no_address_mappings, no_header_body_checks
# no brakes
in_flow_delay = 0
default_process_limit = 100
max_use = 1000000
default_destination_concurrency_limit = {concurrency}
initial_destination_concurrency = {concurrency}
smtp_destination_concurrency_limit = {concurrency}
qmgr_message_active_limit = 100000
qmgr_message_recipient_limit = 100000
# no look-ups and no TLS on the way out
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtp_tls_security_level = none
smtp_connection_cache_on_demand = {cache}
smtpd_tls_security_level = none
"""

MASTER = """\
127.0.0.1:{port} inet n - n - 100 smtpd
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
tlsmgr    unix  - - n 1000? 1 tlsmgr
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    def __init__(self, place, sink, port, concurrency=100, cache=True):
        self.port = port
        self.folder = place.directory("postfix")
        os.chmod(place.path, 0o755)
        os.chmod(self.folder, 0o755)
        for name in ("queue", "data", "etc"):
            os.makedirs(os.path.join(self.folder, name))
        owner = pwd.getpwnam("postfix")
        os.chown(os.path.join(self.folder, "data"), owner.pw_uid, owner.pw_gid)
        self.etc = os.path.join(self.folder, "etc")
        values = dict(place=self.folder, sink=sink, port=port, concurrency=concurrency,
                      cache="yes" if cache else "no")
        for name, text in (("main.cf", MAIN), ("master.cf", MASTER)):
            with open(os.path.join(self.etc, name), "w") as out:
                out.write(text.format(**values))
        for name in ("postfix-files", "postfix-script", "post-install"):
            if os.path.exists("/etc/postfix/" + name):
                shutil.copy("/etc/postfix/" + name, self.etc)
        self.popen = None
        place.at_end(self.stop)

    @property
    def pid(self):
        """Of master, below which all others are."""
        with open(os.path.join(self.folder, "queue", "pid", "master.pid")) as pid:
            return int(pid.read())

    def start(self, wait_for):
        self.output = os.path.join(self.folder, "output")
        with open(self.output, "w") as out:
            self.popen = subprocess.Popen([have("postfix"), "-c", self.etc, "start-fg"],
                                          stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        wait_for(lambda: "postfix listens\n" + self.log(), self.listening)
        return self

    def log(self):
        text = ""
        for path in (self.output, os.path.join(self.folder, "maillog")):
            if os.path.exists(path):
                with open(path, errors="replace") as log:
                    text += log.read()[-2000:]
        return text

    def listening(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as probe:
                return probe.recv(200).startswith(b"220")
        except OSError:
            return False

    def stop(self):
        if self.popen is not None and self.popen.poll() is None:
            subprocess.run([have("postfix"), "-c", self.etc, "stop"], capture_output=True)
            try:
                self.popen.wait(20)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
