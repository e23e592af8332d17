"""Edges of an organization: an edge's own slapd and hubd, edgesyncd at the hubs, and the line.

    org = Organization()
    syncs = [EdgeSync(hub, lease_time=3) for hub in (org.london1, org.london2)]
    edge = Edge(org.place, "edge1")
    org.start(); edge.start()
    edge.subscribe(org.london1, "London")
    for sync in syncs: sync.start()
    edge.wait_in_step(org, syncs)

All connections of edgesyncd to the edge go through edge.line (a Proxy).
"""

import base64
import http.client
import json
import os
import signal
import socket
import ssl

from .base import Process, build_path, free_port, run, wait_for
from .clock import Clock
from .delivery import QUICK
from .directory import Directory, record
from .hub import Hub, in_force, parse_event
from .keys import Key
from .proxy import Proxy
from .write_log import WriteLog, records


def publish_certificates(directory, hubs):
    """What is sealed for a hub is sealed to these."""
    for hub in hubs:
        directory.modify("dn: %s\nchangetype: modify\nreplace: hubCertificate\n"
                         "hubCertificate:: %s\n" % (hub.dn(), der(hub.key)))


def der(key):
    with open(key.certificate) as text:
        return base64.b64encode(ssl.PEM_cert_to_DER_cert(text.read())).decode()


def ask(control, path, method="GET", body=None, timeout=5):
    """What the program with that control socket answers, from JSON; None if nobody does."""
    asked = http.client.HTTPConnection("localhost", timeout=timeout)
    asked.sock = socket.socket(socket.AF_UNIX)
    asked.sock.settimeout(timeout)
    try:
        asked.sock.connect(control)
        asked.request(method, path, None if body is None else json.dumps(body))
        return json.loads(asked.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        asked.close()


class EdgeSync:
    """The edgesyncd of a hub: its name, its keys, a state of its own. Settings are its file's."""

    def __init__(self, hub, clock=False, **settings):
        place = hub.place
        self.hub, self.name = hub, hub.name
        self.state = place.directory(hub.name + "-edgesync")
        self.control = os.path.join(place.path, hub.name + "-edgesync.ctl")
        self.clock = Clock(place, hub.name + "-edgesync") if clock else None
        self.place = place
        self.lines = {
            "server": hub.name,
            "directory": hub.directory.uri,
            "base": hub.directory.base,
            "bind": "simple %s %s" % (hub.dn(), os.path.join(place.path, hub.name + ".password")),
            "certificate": hub.key.certificate,
            "key": hub.key.key,
            "state": self.state,
            "control": self.control,
        }
        self.settings = self.set(**settings)
        self.process = Process(hub.name + "-edgesyncd", [
            build_path("edgesyncd", "edgesyncd"), "-f", self.settings], place.path,
            self.clock.env() if self.clock else None)
        place.at_end(self.process.kill)
        place.at_failure(hub.name + "-edgesyncd.status",
                         lambda: json.dumps(self.status(), indent=1))

    def set(self, **settings):
        """From the next start on. Gives the file's name."""
        self.lines.update(settings)
        return self.place.file(self.name + "-edgesync.conf", "".join(
            "%s = %s\n" % item for item in self.lines.items() if item[1] is not None))

    def start(self):
        self.process.start()
        return self

    def stop(self):
        return self.process.stop()

    def kill(self):
        self.process.kill()

    def log(self):
        return self.process.log()

    def cache(self):
        """What it would start with: the organization, as LDIF."""
        with open(os.path.join(self.state, "edgesyncd", "organization.ldif")) as file:
            return file.read()

    def events(self, event, **fields):
        found = map(parse_event, self.log().splitlines())
        return [values for values in found if values.get("event") == event and
                all(values.get(k) == v for k, v in fields.items())]

    def ask(self, path, method="GET", body=None, timeout=5):
        return ask(self.control, path, method, body, timeout)

    def try_now(self, name):
        """If it waits before the next try of that edge it does not wait any longer."""
        if self.edge(name).get("state") == "waiting":
            self.process.signal(signal.SIGHUP)

    def status(self):
        return self.ask("/status") if self.process.running() else None

    def edge(self, name):
        """What it says of that edge; {} while it says nothing."""
        for edge in (self.status() or {}).get("edges", []):
            if edge["name"] == name:
                return edge
        return {}

    def holds(self, name):
        return bool(self.edge(name).get("lease", {}).get("mine"))

    def ctl(self, *arguments, check=True):
        """hubctl at this edgesyncd; what it says and its exit status."""
        d = self.hub.directory
        return run(build_path("tools", "hubctl"), "-o", "json", "--control", self.control,
                   "--directory", d.uri, "--base", d.base, "-D", d.admin, "-y", d.password_file,
                   *arguments, check=check)


class EdgeDirectory(Directory):
    """
    The edge's own slapd. certificate and key stand in the place as NAME-ldaps.crt and .key; its
    administrators' line is plain LDAP.
    """

    def __init__(self, place, name, clock, log):
        self.ldaps_port = free_port()
        self.key = Key(place, name + "-ldaps")
        super().__init__(place, suffix="o=Edge", name=name + "-slapd", options=(
            "--edge", "--uri", "ldaps://127.0.0.1:%d" % self.ldaps_port, "--ca",
            self.key.certificate, "--certificate", self.key.certificate, "--key", self.key.key))
        self.clock = Clock(place, name + "-slapd") if clock else None
        if clock:
            self.process.env.update(self.clock.env())
        self.log = WriteLog(self) if log else None

    def find(self, dn, *attributes, scope="base"):
        """Entries as their administrator may read them: lists of bytes by small name."""
        done = run("ldapsearch", "-LLL", "-o", "ldif-wrap=no", *self._bind(), "-s", scope, "-b",
                   dn, "(objectClass=*)", *attributes, timeout=10)
        return list(records(done.stdout))

    def entry(self, dn):
        found = self.find(dn)
        return found[0] if found else {}

    def dump(self):
        """All that is there, also of a slapd that hangs or is stopped: DN to entry."""
        return {entry["dn"][0].decode(): entry for entry in records(self.offline(
            "slapcat", "-b", self.suffix, "-o", "ldif-wrap=no"))}


class Edge:
    """
    Its hubd takes mail from outside on port `outside`; what it sends by a connector with DNS
    routing asks hub_settings' resolver. clock: slapd has one of its own (directory.clock). log:
    what is written to its slapd is kept (directory.log).
    """

    directory_class = EdgeDirectory

    def __init__(self, place, name="edge1", clock=False, log=False, **hub_settings):
        self.place, self.name = place, name
        self.directory = self.directory_class(place, name, clock, log)
        self.line = Proxy(place, self.directory.ldaps_port)
        self.hub = Hub(place, self.directory, name, "London", **hub_settings)
        self.outside = free_port()
        self.file = os.path.join(place.path, name + ".subscription")

    def start(self):
        d = self.directory.start()
        d.add(self.hub.records(hubRole="Edge", hubServerSite=None, **QUICK))
        d.add(record("cn=Outside,%s" % self.hub.dn(), "hubReceiveConnector", cn="Outside",
                     hubUsage="Internet", hubBinding="127.0.0.1:%d" % self.outside,
                     hubPermissionGroup="AnonymousUsers", hubAuthMechanism="Tls",
                     hubTarpitInterval="0", hubMessageRateLimit="0"))
        publish_certificates(d, [self.hub])
        self.hub.start()
        return self

    def ctl(self, *arguments, check=True):
        """hubctl as the edge's administrator runs it."""
        d = self.directory
        return run(build_path("tools", "hubctl"), "--control", self.hub.control, "--directory",
                   d.uri, "--base", d.base, "-D", d.admin, "-y", d.password_file, *arguments,
                   check=check)

    def subscribe(self, hub, site, *options):
        """On the edge, then inside. `options` are those of the import."""
        if os.path.exists(self.file):
            os.unlink(self.file)
        self.ctl("edge-subscription", "new", "--file", self.file, "--force", "--port",
                 str(self.line.port))
        return self.import_file(hub, site, *options)

    def import_file(self, hub, site, *options, check=True):
        d = hub.directory
        return run(build_path("tools", "hubctl"), "--directory", d.uri, "--base", d.base, "-D",
                   d.admin, "-y", d.password_file, "edge-subscription", "import", self.file,
                   "--site", site, *options, check=check)

    def state(self):
        """cn=Edge State, each attribute as a text."""
        return texts(self.directory.entry("cn=Edge State," + self.directory.base))

    def holder(self):
        """Name of the account that has the lease, without its number: the hub's."""
        dn = self.state().get("hubleaseholder", "")
        return dn.partition(",")[0].partition("=")[2].rpartition(".")[0]

    def marker(self, kind="Configuration"):
        """cn=Configuration or cn=Recipients of the last push."""
        return texts(self.directory.entry("cn=%s,cn=Push,%s" % (kind, self.directory.base)))

    def accounts(self):
        """Names of those that may write here."""
        found = self.directory.find("cn=Sync Accounts," + self.directory.base, "cn", scope="one")
        return sorted(entry["cn"][0].decode() for entry in found)

    def in_step(self, org, syncs):
        """Does a holder say that what the organization has now stands here?"""
        here = {hub.fingerprint() for hub in org.hubs if hub.process.running()}
        for edge in (sync.edge(self.name) for sync in syncs):
            prints = edge.get("fingerprint") or {}
            if edge.get("lease", {}).get("mine") and all(edge["in_step"].values()) and here == {
                    prints.get("here")} == {prints.get("edge")}:
                return True
        return False

    def wait_in_step(self, org, syncs, deadline=None):
        """What stands in the organization's directory now stands here, and is in force."""
        in_force(org.directory, [hub for hub in org.hubs if hub.process.running()])
        wait_for(lambda: "%s in step: %s" % (self.name, [
            sync.edge(self.name) for sync in syncs]), lambda: self.in_step(org, syncs), deadline)
        in_force(self.directory, [self.hub])


def texts(entry):
    return {name: values[0].decode("latin-1") for name, values in entry.items()}
