"""Organizations of any size for the benches of routing: sites in a net, servers dealt out, and
connectors of all sorts. The same size gives the same organization again."""

import random

from harness.directory import record

FULL_SIZE = {"sites": 1000, "links": 5000, "servers": 3000, "connectors": 10000}


def sized(connectors):
    """The full size, scaled to so many connectors."""
    return {name: n * connectors // FULL_SIZE["connectors"] for name, n in FULL_SIZE.items()}


class Topology:
    """dn(name, container) gives DNs; digest stands for every server's key."""

    def __init__(self, dn, size, digest):
        self.dn, self.size, self.digest = dn, size, digest
        self.random = random.Random("topology")

    def site(self, i):
        return self.dn("site%d" % (i % self.size["sites"]), "Sites")

    def server(self, i):
        return self.dn("server%d" % (i % self.size["servers"]), "Servers")

    def records(self):
        yield from self.sites()
        yield from self.links()
        yield from self.servers()
        yield from self.connectors()
        yield from self.domains()

    def sites(self):
        for i in range(self.size["sites"]):
            yield record(self.site(i), "hubSite", cn="site%d" % i,
                         hubHubSite="TRUE" if i % 50 == 7 else None)

    def links(self):
        """First a tree, so that every site is reached, then links between near and far."""
        for i in range(self.size["links"]):
            a = i + 1 if i + 1 < self.size["sites"] else self.random.randrange(self.size["sites"])
            b = self.random.randrange(a) if i + 1 < self.size["sites"] else self.random.choice(
                [a + 1 + self.random.randrange(9), a + 1 + self.random.randrange(
                    self.size["sites"] - 1)])
            yield record(self.dn("link%d" % i, "Site Links"), "hubSiteLink", cn="link%d" % i,
                         hubSiteList=[self.site(a), self.site(b)],
                         hubCost=str(self.random.randint(1, 100)),
                         hubMaxMessageSize="50000000" if i % 40 == 3 else None)

    def servers(self):
        """One in fifty is an edge of its site."""
        for i in range(self.size["servers"]):
            edge = self.is_edge(i)
            yield record(self.server(i), "hubServer", cn="server%d" % i,
                         hubRole="Edge" if edge else "Hub",
                         hubServerSite=None if edge else self.site(i),
                         hubFQDN="server%d.contoso.com" % i,
                         hubAddress="10.%d.%d.1" % (i // 250, i % 250), hubKeyDigest=self.digest)
            if edge:
                yield record(self.dn("edge%d" % i, "Edge Subscriptions"), "hubEdgeSubscription",
                             cn="edge%d" % i, hubServerRef=self.server(i),
                             hubServerSite=self.site(i))

    def is_edge(self, i):
        return i // self.size["sites"] == 2 and i % 17 == 5

    def connectors(self):
        """A tenth share *; of the others half take subdomains. Both servers are of one site."""
        for i in range(self.size["connectors"]):
            first = i % self.size["sites"]
            space = "SMTP:*;%d" % (1 + i % 100) if i % 10 == 0 else "SMTP:%sdomain%d.example" % (
                "*." if i % 2 else "", i)
            edge = 2 * self.size["sites"] + first
            edge = edge if i % 10 == 0 and edge < self.size["servers"] and self.is_edge(edge) \
                else None
            yield record(self.dn("connector%d" % i, "Connectors"), "hubSendConnector",
                         cn="connector%d" % i, hubAddressSpace=space,
                         hubSmartHost="[192.0.2.%d]" % (i % 250 + 1), hubDNSRouting="FALSE",
                         hubMaxMessageSize=str(10485760 + i) if i % 3 == 0 else None,
                         hubScoped="TRUE" if i % 61 == 0 else None,
                         hubSourceServer=[self.server(edge)] if edge is not None else
                         [self.server(first), self.server(first + self.size["sites"])])

    def domains(self):
        for i in range(5):
            yield record(self.dn("accepted%d" % i, "Accepted Domains"), "hubAcceptedDomain",
                         cn="accepted%d" % i, hubDomain="contoso%d.com" % i)
        for i in range(self.size["sites"]):
            yield record(self.dn("mailbox%d" % i, "Servers"), "hubMailboxServer",
                         cn="mailbox%d" % i, hubServerSite=self.site(i),
                         hubFQDN="mailbox%d.contoso.com" % i, hubAddress="10.100.%d.%d" % (
                             i // 250, i % 250))
