"""One hubd process with its state, and what an administrator sees of it."""

import http.client
import json
import os
import re
import shutil
import signal
import socket

from .base import Process, build_path, free_port, run, wait_for
from .directory import record
from .keys import Key


class _Control(http.client.HTTPConnection):
    """HTTP over a hub's control socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=5)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Hub:
    """cn name in the directory, FQDN name.contoso.com, on free ports of 127.0.0.1."""

    def __init__(self, place, directory, name, site, **settings):
        self.place = place
        self.directory = directory
        self.name = name
        self.site = site
        self.fqdn = name + ".contoso.com"
        self.key = Key(place, self.fqdn)
        self.port = free_port()
        self.submission_port = free_port()
        self.admin_port = free_port()
        self.address = ("127.0.0.1", self.port)
        self.state = place.directory(name)
        self.control = os.path.join(place.path, name + ".ctl")
        self.password = "secret-of-" + name
        password_file = place.file(name + ".password", self.password)
        lines = {
            "server": name,
            "directory": directory.uri,
            "base": directory.base,
            "bind": "simple cn=%s,cn=Servers,%s %s" % (name, directory.base, password_file),
            "certificate": self.key.certificate,
            "key": self.key.key,
            "state": self.state,
            "control": self.control,
            "admin": "127.0.0.1:%d" % self.admin_port,
            "workers": "2",
        }
        lines.update(settings)
        self.settings = place.file(name + ".conf", "".join(
            "%s = %s\n" % item for item in lines.items() if item[1] is not None))
        self.process = Process(name, [build_path("hubd", "hubd"), "-f", self.settings], place.path)
        place.at_end(self.process.kill)
        place.at_failure(name + ".status", lambda: json.dumps(self.status(), indent=1))

    def dn(self):
        return "cn=%s,cn=Servers,%s" % (self.name, self.directory.base)

    def records(self, **attributes):
        """The hubServer entry with its two Receive connectors, as LDIF."""
        given = dict(hubRole="Hub", hubServerSite="cn=%s,cn=Sites,%s" % (self.site,
                                                                         self.directory.base),
                     hubFQDN=self.fqdn, hubAddress="127.0.0.1:%d" % self.port,
                     hubAdminAddress="127.0.0.1:%d" % self.admin_port,
                     hubKeyDigest=self.key.digest, userPassword=self.password)
        given.update(attributes)
        return record(self.dn(), "hubServer", cn=self.name, **given) + record(
            "cn=Default %s,%s" % (self.name, self.dn()), "hubReceiveConnector",
            cn="Default " + self.name, hubBinding="127.0.0.1:%d" % self.port,
            hubAuthMechanism=["Tls", "BasicAuth", "BasicAuthRequireTLS", "HubServer"],
            hubPermissionGroup=["HubUsers", "HubServers", "LegacyServers"],
            hubMaxRecipients="5000", hubMaxInboundPerSource="0",
            hubMaxInboundPercentPerSource="100", hubTarpitInterval="0") + record(
            "cn=Client %s,%s" % (self.name, self.dn()), "hubReceiveConnector",
            cn="Client " + self.name, hubUsage="Client",
            hubBinding="127.0.0.1:%d" % self.submission_port,
            hubAuthMechanism=["Tls", "BasicAuth", "BasicAuthRequireTLS"],
            hubPermissionGroup="HubUsers", hubMaxInboundPerSource="0",
            hubMaxInboundPercentPerSource="100", hubTarpitInterval="0")

    def start(self, wait=True):
        self.process.start()
        if wait:
            self.wait_listening()
        return self

    def listening(self):
        if not self.process.running():
            raise AssertionError("%s ended\n%s" % (self.name, self.process.log()[-3000:]))
        try:
            with socket.create_connection(self.address, 5) as probe:
                probe.settimeout(5)
                return probe.recv(200).startswith(b"220")
        except OSError:
            return False

    def wait_listening(self):
        wait_for(lambda: "%s listens\n%s" % (self.name, self.process.log()[-3000:]), self.listening)

    def stop(self):
        return self.process.stop()

    def kill(self):
        self.process.kill()

    def hangup(self):
        """Files of the settings are read again (SIGHUP); what they say is in force on return."""
        before = len(self.events("reloaded")), len(self.events("configuration"))
        self.process.signal(signal.SIGHUP)
        wait_for("the files are read and in force", lambda: (
            len(self.events("reloaded")) > before[0] and
            len(self.events("configuration")) > before[1]))

    def wipe_spool(self):
        shutil.rmtree(os.path.join(self.state, "spool"))

    def log(self):
        return self.process.log()

    def memory_kib(self):
        """Anonymous memory of the process: what it holds, without mapped files."""
        with open("/proc/%d/status" % self.process.pid) as status:
            return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))

    def cache(self, tree):
        """The text of an offline cache file (of recipients: bytes as such), "" before it is."""
        name = tree if tree == "recipients" else tree + ".ldif"
        try:
            with open(os.path.join(self.state, "cache", name), encoding="latin-1") as text:
                return text.read()
        except FileNotFoundError:
            return ""

    def events(self, event, **fields):
        """Log lines of that event whose fields have those values, as dictionaries."""
        found = []
        for line in self.log().splitlines():
            values = parse_event(line)
            if values.get("event") == event and all(values.get(k) == v for k, v in fields.items()):
                found.append(values)
        return found

    def fingerprint(self):
        """Of the configuration in force; of a hub that has ended, of the last one."""
        told = self.status()
        if told is not None:
            return told["fingerprint"] if told["in_force"] else None
        return self.logged_fingerprint()

    def logged_fingerprint(self):
        found = self.events("configuration")
        return found[-1]["fingerprint"] if found else None

    def status(self):
        """What it tells of itself (GET /status); None while it does not."""
        asked = _Control(self.control)
        try:
            asked.request("GET", "/status")
            return json.loads(asked.getresponse().read())
        except OSError:
            return None
        finally:
            asked.close()

    def ctl(self, *arguments, check=True):
        """hubctl on this server's control socket; JSON where the command gives some."""
        done = run(build_path("tools", "hubctl"), "-o", "json", "--control", self.control,
                   "--directory", self.directory.uri, "--base", self.directory.base,
                   "-D", self.directory.admin, "-y", self.directory.password_file,
                   *arguments, check=check)
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout


FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')


def parse_event(line):
    values = {}
    for name, value in FIELD.findall(line):
        if value.startswith('"'):
            try:
                value = json.loads(value)
            except ValueError:
                value = value[1:-1]
        values[name] = value
    return values


def in_step(hubs):
    """Waits until all run the same configuration; gives its fingerprint."""
    def same():
        prints = {hub.fingerprint() for hub in hubs}
        return None if len(prints) != 1 or None in prints else prints.pop()
    return wait_for(lambda: "hubs in step: %s" % [hub.fingerprint() for hub in hubs], same)


def in_force(directory, hubs):
    """
    Waits until all hubs run what the directory holds now, however many changes that were, and
    have logged it.
    """
    newest = directory.newest_change()

    def known():
        return [((hub.status() or {}).get("directory") or {}).get("newest_change") or ""
                for hub in hubs]
    wait_for(lambda: "%s in force: %s" % (newest, known()), lambda: min(known()) >= newest)
    wait_for("it is logged", lambda: all(
        hub.fingerprint() in (None, hub.logged_fingerprint()) for hub in hubs))
