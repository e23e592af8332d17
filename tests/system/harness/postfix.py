"""A private Postfix: its own configuration, queue and ports."""

import os
import pwd
import shutil
import socket
import subprocess

from .base import PATH, wait_for

# nothing of the machine's own mail, no look-ups, no TLS unless the settings say so
MAIN = {
    "compatibility_level": "3.6",
    "myhostname": "postfix.example",
    "mydomain": "example",
    "mydestination": "",
    "mynetworks": "127.0.0.0/8",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "alias_maps": "",
    "alias_database": "",
    "local_recipient_maps": "",
    "transport_maps": "",
    "biff": "no",
    "smtpd_relay_restrictions": "permit_mynetworks, reject",
    "smtp_dns_support_level": "disabled",
    "smtp_host_lookup": "native",
    "smtp_tls_security_level": "none",
    "smtpd_tls_security_level": "none",
}

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
    """settings: of main.cf besides those above; services: lines of master.cf."""

    def __init__(self, place, port, settings, services="", name="postfix"):
        self.port = port
        self.folder = place.directory(name)
        os.chmod(place.path, 0o755)
        os.chmod(self.folder, 0o755)
        for name in ("queue", "data", "etc"):
            os.makedirs(os.path.join(self.folder, name))
        owner = pwd.getpwnam("postfix")
        os.chown(os.path.join(self.folder, "data"), owner.pw_uid, owner.pw_gid)
        self.etc = os.path.join(self.folder, "etc")
        own = {"queue_directory": "queue", "data_directory": "data", "maillog_file": "maillog",
               "maillog_file_prefixes": ""}
        values = dict(MAIN, **{name: os.path.join(self.folder, path) for name, path in own.items()})
        values.update(settings)
        for name, text in (
                ("main.cf", "".join("%s = %s\n" % item for item in values.items())),
                ("master.cf", MASTER.format(port=port) + services)):
            with open(os.path.join(self.etc, name), "w") as out:
                out.write(text)
        for name in ("postfix-files", "postfix-script", "post-install"):
            if os.path.exists("/etc/postfix/" + name):
                shutil.copy("/etc/postfix/" + name, self.etc)
        self.output = os.path.join(self.folder, "output")
        self.popen = None
        place.at_end(self.stop)

    @property
    def pid(self):
        """Of master, below which all others are."""
        with open(os.path.join(self.folder, "queue", "pid", "master.pid")) as pid:
            return int(pid.read())

    def set(self, name, value):
        """A setting more, before it starts."""
        with open(os.path.join(self.etc, "main.cf"), "a") as out:
            out.write("%s = %s\n" % (name, value))

    def start(self, wait=True):
        with open(self.output, "w") as out:
            self.popen = subprocess.Popen([have("postfix"), "-c", self.etc, "start-fg"],
                                          stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        if wait:
            self.wait_listening()
        return self

    def wait_listening(self):
        wait_for(lambda: "postfix listens\n" + self.log()[-4000:], self.listening)

    def log(self):
        text = ""
        for path in (self.output, os.path.join(self.folder, "maillog")):
            if os.path.exists(path):
                with open(path, errors="replace") as log:
                    text += log.read()
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


def have(tool):
    return shutil.which(tool, path=PATH)
