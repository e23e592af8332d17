"""From the entries of ORG.ldif to hosts, and to entries that fit them.

Every server of the organization becomes a host. What an organization on paper does not say is put
in: addresses, administration endpoints, the two Receive connectors that "hubctl server new" makes,
keys and passwords. The directories and the outside world are hosts, too.
"""

import re

from . import network
from .errors import LabError
from .ldif import Entry, plain_dn, same_dn

ADMIN_PORT = 8025
OUTSIDE = "198.51.100.1"
KINDS = ("directory", "outside", "mailbox", "edge", "hub")  # in the order of their start
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,40}")


class Organization:
    """entries is what the directory gets; hosts and sinks are what the LDIF asks for."""

    def __init__(self, entries):
        self.entries = entries
        self.base = find_base(entries)
        self.suffix = self.base.split(",", 1)[1]
        self.sites = sorted((e.name() for e in entries if e.has_class("hubSite")), key=str.lower)
        self.domains = [e.value("hubDomain", "").lower() for e in entries
                        if e.has_class("hubAcceptedDomain")]
        self.servers = [e for e in entries if e.has_class("hubServer") or
                        e.has_class("hubMailboxServer")]
        self.subscriptions = [e for e in entries if e.has_class("hubEdgeSubscription")]
        self.hosts = []

    def plan(self, providers):
        """Makes the list of hosts: directories first, hubs last."""
        self.hosts = [new_host("directory%d" % n, "directory", None, "10.0.0.%d" % n)
                      for n in range(1, providers + 1)]
        self.hosts.append(new_host("outside", "outside", None, OUTSIDE))
        if not self.servers:
            raise LabError("the organization has no servers")
        for server in self.servers:
            self.hosts.append(self.host_of(server))
        self.outside()["sinks"] = self.sinks()
        self.outside()["addresses"] += sorted({a for a, _ in self.outside()["sinks"]} - {OUTSIDE})
        self.hosts.sort(key=lambda host: KINDS.index(host["kind"]))
        self.check_hosts()

    def outside(self):
        return next(host for host in self.hosts if host["kind"] == "outside")

    def host_of(self, server):
        name = server.name()
        if not PLAIN.fullmatch(name):
            raise LabError("server \"%s\": a lab needs plain names of servers" % name)
        kind = "mailbox" if server.has_class("hubMailboxServer") else \
            server.value("hubRole", "").lower()
        if kind not in KINDS:
            raise LabError("server %s: hubRole is Hub or Edge" % name)
        site = self.site_of(server)
        addresses = [address_of(name, text) for text in server.values("hubAddress")] or \
            [(self.free_address(site), None)]
        default = server.number("hubPort", 24) if kind == "mailbox" else 25
        host = new_host(name, kind, site, *dict.fromkeys(a for a, _ in addresses))
        host["port"] = addresses[0][1] or default
        host["fqdn"] = server.value("hubFQDN") or "%s.%s" % (name, (self.domains or [
            "lab.example"])[0])
        host["protocol"] = server.value("hubDeliveryProtocol", "LMTP")
        if kind == "edge":
            host["suffix"] = "o=" + name
            host["base"] = "cn=Transport," + host["suffix"]
        return host

    def site_of(self, server):
        """An edge's is that of its subscription, if the file has one."""
        dn = next((e.value("hubServerSite") for e in self.subscriptions
                   if same_dn(e.value("hubServerRef", ""), server.dn)),
                  server.value("hubServerSite"))
        for site in self.sites:
            if dn and same_dn(dn, "cn=%s,cn=Sites,%s" % (site, self.base)):
                return site
        raise LabError("server %s: no site %s" % (server.name(), dn))

    def free_address(self, site):
        number = self.sites.index(site) + 1
        used = {address for host in self.hosts for address in host["addresses"]}
        return next(address for address in ("10.%d.%d.%d" % (number // 250, number % 250, n)
                                            for n in range(1, 255)) if address not in used)

    def sinks(self):
        """Where the outside world takes mail: port 25, and each smart host that is no server."""
        servers = {address for host in self.hosts for address in host["addresses"]} - {OUTSIDE}
        found = {(OUTSIDE, 25)}
        for entry in self.entries:
            port = entry.number("hubPort", 25)
            if entry.has_class("hubSendConnector") and not entry.values("hubSmartHost"):
                found.add((OUTSIDE, port))
            for text in entry.values("hubSmartHost"):
                match = re.fullmatch(r"(?:\[([\d.]+)\]|[A-Za-z][\w.-]*)(?::(\d+))?", text)
                if match is None:
                    continue
                address = match.group(1) or OUTSIDE
                if address not in servers:
                    found.add((address, int(match.group(2) or port)))
        return sorted(found)

    def smart_host_names(self):
        return sorted({re.sub(r":\d+$", "", text) for entry in self.entries
                       for text in entry.values("hubSmartHost") if text[:1].isalpha()})

    def check_hosts(self):
        names, addresses = {}, {}
        for host in self.hosts:
            for seen, key in [(names, host["name"].lower())] + [(addresses, a)
                                                                for a in host["addresses"]]:
                if key in seen:
                    raise LabError("%s is %s and %s" % (key, seen[key], host["name"]))
                seen[key] = host["name"]

    # --- completion ---

    def complete(self, keys):
        """The servers' entries as their hosts are; keys: digest, certificate, password by name."""
        for server in self.servers:
            host = next(h for h in self.hosts if h["name"] == server.name())
            if not server.values("hubAddress"):
                server.replace("hubAddress", host["addresses"][0])
            server.replace("hubFQDN", host["fqdn"])
            if host["kind"] == "mailbox":
                continue
            digest, certificate, password = keys[host["name"]]
            server.replace("hubCertificate", certificate)
            server.replace("hubKeyDigest", digest)
            server.replace("userPassword", password)
            if host["kind"] == "hub":
                host["admin"] = server.value("hubAdminAddress") or "%s:%d" % (
                    host["addresses"][0], ADMIN_PORT)
                server.replace("hubAdminAddress", host["admin"])
            if not self.has_receive_connector(server):
                at = self.entries.index(server) + 1
                self.entries[at:at] = RECEIVE_CONNECTORS[host["kind"]](server.dn, host)

    def has_receive_connector(self, server):
        return any(e.has_class("hubReceiveConnector") and
                   plain_dn(e.dn).endswith("," + plain_dn(server.dn)) for e in self.entries)

    # --- edges ---

    def own_entries(self, host):
        """What an edge has in its own directory before it is subscribed: itself."""
        server = self.server_of(host)
        inside = re.compile(r"\s*,\s*".join(map(re.escape, self.base.split(","))) + "$", re.I)
        found = []
        for entry in self.entries:
            if entry is server or plain_dn(entry.dn).endswith("," + plain_dn(server.dn)):
                found.append(Entry(inside.sub(host["base"], entry.dn), [
                    (name, inside.sub(host["base"], value) if isinstance(value, str) else value)
                    for name, value in entry.attributes if name.lower() != "hubserversite"]))
        return found

    def server_of(self, host):
        return next(server for server in self.servers if server.name() == host["name"])

    def has_connectors(self, host):
        """Has the file Send connectors whose source is that edge?"""
        return any(same_dn(dn, self.server_of(host).dn) for entry in self.by_edges()
                   for dn in entry.values("hubSourceServer"))

    def by_edges(self):
        """Send connectors whose source are edges: they wait until there are subscriptions."""
        edges = {plain_dn(self.server_of(host).dn) for host in self.hosts if host["kind"] == "edge"}
        return [entry for entry in self.entries if entry.has_class("hubSendConnector") and
                edges & set(map(plain_dn, entry.values("hubSourceServer")))]

    def first(self):
        """All entries that the organization's directory gets before its edges are subscribed."""
        edges = ["," + plain_dn(self.server_of(host).dn) for host in self.hosts
                 if host["kind"] == "edge"]
        later = self.subscriptions + self.by_edges()
        return [entry for entry in self.entries if entry not in later and not any(
            ("," + plain_dn(entry.dn)).endswith(edge) for edge in edges)]


def records(entries, present):
    """For ldapmodify -a; an entry that new-directory has made gets the file's attributes."""
    there = set(map(plain_dn, present))
    return "".join(entry.replacement() if plain_dn(entry.dn) in there else entry.record()
                   for entry in entries)


def new_host(name, kind, site, *addresses):
    return {"name": name, "kind": kind, "site": site, "addresses": list(addresses),
            "services": []}


def find_base(entries):
    found = {}
    for entry in entries:
        match = re.search(r"(?i)(?:^|,)\s*(cn\s*=\s*Transport\s*,.+)$", entry.dn)
        if match:
            found.setdefault(plain_dn(match.group(1)), match.group(1))
    if len(found) != 1:
        raise LabError("entries below %s; a lab needs one organization, cn=Transport,<suffix>" % (
            " and ".join(found.values()) or "no cn=Transport"))
    return next(iter(found.values()))


def address_of(name, text):
    address, _, port = text.partition(":")
    if not network.usable(address) or (port and not port.isdigit()):
        raise LabError("server %s: hubAddress %s: a lab takes addresses of IPv4 that are not "
                       "loopback; without hubAddress it finds some" % (name, text))
    return address, int(port) if port else None


def connector(dn, host, kind, port, **attributes):
    name = "%s %s" % (kind, host["name"])
    entry = Entry("cn=%s,%s" % (name, dn), [("objectClass", "hubReceiveConnector"), ("cn", name)])
    entry.replace("hubBinding", "0.0.0.0:%d" % port, "[::]:%d" % port)
    for attribute, values in attributes.items():
        entry.replace(attribute, *values.split())
    return entry


def of_a_hub(dn, host):
    """As "hubctl server new" makes them, at the port of the server's hubAddress."""
    return [
        connector(dn, host, "Default", host["port"], hubMaxRecipients="5000",
                  hubAuthMechanism="Tls BasicAuth BasicAuthRequireTLS Integrated HubServer",
                  hubPermissionGroup="HubUsers HubServers LegacyServers",
                  hubMaxInboundPerSource="0", hubMaxInboundPercentPerSource="100"),
        connector(dn, host, "Client", 587, hubUsage="Client", hubPermissionGroup="HubUsers",
                  hubAuthMechanism="Tls BasicAuth BasicAuthRequireTLS Integrated",
                  hubMessageRateLimit="5", hubMessageRateSource="User")]


def of_an_edge(dn, host):
    """One for everybody: the outside world, and the hubs, known by their keys."""
    return [connector(dn, host, "Default", host["port"], hubAuthMechanism="Tls HubServer",
                      hubPermissionGroup="AnonymousUsers HubServers")]


RECEIVE_CONNECTORS = {"hub": of_a_hub, "edge": of_an_edge}
