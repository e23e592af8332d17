"""Random organizations: small, with many ties, odd names and things that are switched off.

Everything comes from the generator of random numbers given, so a seed gives the same organization
again.
"""

from .model import RECIPIENTS, Object, dn_of, fold
from .oracle import POOL, Oracle

# Names that fold, sort or lower differently by script, width and length.
NAMES = [
    "alpha", "Alpha2", "ALPHA-3", "alpha b", "Alpha_c", "beta", "Zulu", "zebra", "a", "B", "10",
    "9",
    "Straße", "strasse 2", "STRASSE-A", "straz", "ẞ-1", "Ωmega", "ωmega 2", "ΟΔΟΣ", "οδος 2",
    "οδοσα",
    "ΐota", "İzmir", "izmir", "Izmit", "ızmir", "ﬁsch", "FISCI", "ǰan", "Åre", "åse", "A\u030ako",
    "Ärger", "ärgo", "Ж", "ж2", "ё", "中", "Ⅷ", "ⅷ-2", "𐐀", "𐐨2", "ŉ-1", "ᾳ", "\u1fb3b", "µ", "μ2",
    "K\u212a", "kk2", "ſ3", "s2", "ꭰ", "Ა",
]
DOMAINS = ["contoso.com", "mail.contoso.com", "a.mail.contoso.com", "xcontoso.com", "fabrikam.net",
           "x.fabrikam.net", "example.org"]
SPACES = ["*", "*", "*", "*", "*", "*.com", "*.contoso.com", "*.Mail.Contoso.com", "contoso.com",
          "Mail.contoso.COM", "fabrikam.net", "*.fabrikam.net", "*.net", "smtp:*.org", "SMTP:*"]
OTHER_SPACES = ["FAX:*", "FAX:+1*", "fax:+1 2*", "FAX:+1 234", "FAX:+1 ABC", "Pager:*"]
OTHER_ADDRESSES = ["FAX:+1 234", "fax:+1 299", "FAX:+1 abc", "FAX:+49", "PAGER:1", "TELEX:2"]
SIZES = [0, 0, 3000, 3000, 7000, 20000, 20000000]
LIMITS = ["0", "5000", "10000", "10000"]
COSTS = [["1"], ["1", "2"], ["1", "2", "3"], ["1", "1", "2", "2", "3", "4", "10", None]]
WALKS_MAX = 1200


class Generator:
    def __init__(self, random):
        self.random = random
        self.objects = []
        self.taken = set()
        # How often, in percent, something is switched off or names what does not exist: often
        # enough to matter, and in half of the organizations never, so that long ways exist.
        self.faults = self.random.choice([0, 0, 3, 8])
        self.costs = self.random.choice(COSTS)

    def chance(self, percent):
        return self.random.random() * 100 < percent

    def add(self, kind, **attributes):
        """With a name that is new in its folder, however it is written."""
        container = dn_of(kind, "")
        while True:
            name = self.random.choice(NAMES)
            if self.chance(40):
                name = self.random.choice([name.upper(), name.title(), name + "2", "x" + name])
            if (container, fold(name)) not in self.taken:
                break
        self.taken.add((container, fold(name)))
        if self.chance(self.faults):
            attributes["hubEnabled"] = "FALSE"
        o = Object(kind, name, **attributes)
        self.objects.append(o)
        return o

    def some(self, things, low, high):
        return self.random.sample(things, min(len(things), self.random.randint(low, high)))

    def reference(self, o):
        """Its DN, now and then written otherwise, or of something that does not exist."""
        if self.chance(self.faults / 3):
            return dn_of(o.kind, "nowhere")
        return o.dn.replace("cn=", "CN=", 1) if self.chance(20) else o.dn

    def topology(self):
        self.sites = [self.add("hubSite", hubHubSite="TRUE" if self.chance(25) else None,
                               hubInboundMail="FALSE" if self.chance(self.faults) else None)
                      for _ in range(max(self.random.randint(1, 12) for _ in "ab"))]
        n = len(self.sites)
        # One in five is stretched out, so that there are ways of many hops.
        self.long = self.chance(20)
        for i in range(1, n):
            if not self.chance(self.faults):
                self.link([self.sites[i], self.sites[i - 1 if self.long and self.chance(90)
                                                     else self.random.randrange(i)]])
        for _ in range(self.random.randint(0, 2 if self.long else 2 * n)):
            if n >= 2:
                self.link(self.some(self.sites, 2, 4 if self.chance(20) else 2))
                if self.walks() > WALKS_MAX:
                    self.objects.pop()

    def link(self, sites):
        self.add("hubSiteLink", hubSiteList=[self.reference(s) for s in sites],
                 hubCost=self.random.choice(self.costs),
                 hubTransportCost=self.random.choice(self.costs) if self.chance(15) else None,
                 hubMaxMessageSize=self.random.choice(LIMITS) if self.chance(8) else None)

    def walks(self):
        """How many simple paths the oracle would have to walk from the site with most of them."""
        hops = Oracle(self.objects).hops

        def count(here, seen):
            total = 1
            for there in hops.get(here, {}):
                if there not in seen and total <= WALKS_MAX:
                    total += count(there, seen | {there})
            return total

        return max(count(id(site), {id(site)}) for site in self.sites)

    def servers(self):
        self.hubs, self.edges = [], []
        places = [self.random.choice(self.sites) for _ in range(self.random.randint(1, 10))]
        if self.long:
            places += self.some(self.sites, len(self.sites) // 2, len(self.sites))
        for site in places:
            self.hubs.append(self.add(
                "hubServer", hubRole="Hub",
                hubServerSite=self.reference(site) if not self.chance(self.faults / 3) else None))
        for _ in range(self.random.choice([0, 0, 0, 1, 2, 3])):
            edge = self.add("hubServer", hubRole="Edge",
                            hubServerSite=self.reference(self.random.choice(self.sites))
                            if self.chance(20) else None)
            self.edges.append(edge)
            for _ in range(self.random.choice([0, 1, 1, 1, 2])):
                self.add("hubEdgeSubscription", hubServerRef=self.reference(edge),
                         hubServerSite=self.reference(self.random.choice(self.sites)))
        self.mailbox_servers = [
            self.add("hubMailboxServer", hubFQDN="mbx%d.contoso.com"
                     % i if self.chance(50) else None,
                     hubServerSite=self.reference(self.random.choice(self.sites)))
            for i in range(self.random.randint(1, 4))]

    def source_servers(self):
        if self.edges and self.chance(40):
            return self.some(self.edges, 1, 3)
        first = self.random.choice(self.hubs)
        beside = [h for h in self.hubs if h is not first
                  and h.one("hubServerSite", "").lower() == first.one("hubServerSite", "").lower()]
        if self.chance(3):
            beside = self.hubs
        return [first] + [h for h in self.some(beside, 0, 2) if h is not first]

    def space(self, spaces):
        text = self.random.choice(spaces)
        return text + self.random.choice(["", "", ";1", ";2", ";3", ";10"])

    def spaces(self, choices):
        return sorted({self.space(choices) for _ in range(self.random.choice([1, 1, 2, 3]))})

    def connector(self):
        sources = self.source_servers()
        edge = sources[0].one("hubRole") == "Edge"
        kind = "hubSendConnector" if edge or self.chance(75) else self.random.choice(
            ["hubForeignConnector", "hubDeliveryAgentConnector"])
        common = {
            "hubSourceServer": [self.reference(s) for s in sources],
            "hubScoped": "TRUE" if self.chance(15) else None,
            "hubMaxMessageSize": self.random.choice(LIMITS) if self.chance(30) else None,
        }
        if kind != "hubSendConnector":
            self.add(kind, hubAddressSpace=self.spaces(SPACES + OTHER_SPACES),
                     hubDeliveryProtocol="X" if kind == "hubDeliveryAgentConnector" else None,
                     **common)
        elif edge and self.chance(40):
            self.add(kind, hubAddressSpace=["--"], hubSmartHost=["--"], **common)
        elif self.chance(50):
            self.add(kind, hubAddressSpace=self.spaces(SPACES), **common)
        else:
            hosts = ["relay.example.org", "[192.0.2.1]:2525", "b.example.org"]
            self.add(kind, hubAddressSpace=self.spaces(
                SPACES + ([] if edge else OTHER_SPACES)), hubSmartHost=self.some(hosts, 1, 3),
                     hubUsage="Internal" if self.chance(30) else None, **common)

    def routing_groups(self):
        groups = [self.add("hubRoutingGroup", hubAddressSpace=self.spaces(SPACES + OTHER_SPACES))
                  for _ in range(self.random.choice([0, 0, 0, 1, 2]))]
        hosts = ["old1.example.org", "old2.example.org:2525", "[192.0.2.9]"]
        for group in groups:
            for _ in range(self.random.choice([1, 1, 2])):
                sources = [s for s in self.source_servers() if s.one("hubRole") == "Hub"]
                self.add("hubRoutingGroupConnector",
                         hubSourceServer=[self.reference(s) for s in sources or self.hubs[:1]],
                         hubTargetServer=self.some(hosts, 1, 3),
                         hubTargetRoutingGroup=self.reference(group)
                         if not self.chance(self.faults) else None,
                         hubCost=self.random.choice([None, "1", "2", "20"]),
                         hubMaxMessageSize=self.random.choice(LIMITS) if self.chance(30) else None)

    def domains(self):
        for domain in self.some(["contoso.com", "*.contoso.com", "fabrikam.net", "*.fabrikam.net",
                                 "mail.contoso.com"], 1, 3):
            self.add("hubAcceptedDomain", hubDomain=domain,
                     hubDomainType=self.random.choice(
                         ["Authoritative", "Authoritative", "InternalRelay", "ExternalRelay"]))

    def people(self):
        for i, home in enumerate(self.mailbox_servers):
            for domain in self.some(DOMAINS, 2, 4):
                self.objects.append(Object(
                    "inetOrgPerson", "person %d %s" % (i, domain), sn="x",
                    mail="p%d@%s" % (i, domain), mailHost=self.mail_host(home)))
        domain = self.random.choice(DOMAINS)
        known = [o.one("mail") for o in self.objects if o.kind == "inetOrgPerson"]
        targets = known + ["nobody@" + d for d in DOMAINS] + ["FAX:+1 234", "moved1@" + domain]
        for i in range(self.random.randint(0, 3)):
            host = self.random.choice([None, None, None, "nowhere.example",
                                       self.mail_host(self.mailbox_servers[0])])
            self.objects.append(Object(
                "inetOrgPerson", "moved %d" % i, sn="x", mail="moved%d@%s" % (i, domain),
                mailRoutingAddress=self.random.choice(targets), mailHost=host))
        # Who is known by an address of another is nobody's (two entries for one address).
        if self.chance(self.faults):
            self.objects.append(Object("inetOrgPerson", "twin", sn="x", mail="twin@" + domain,
                                       mailLocalAddress=self.random.choice(known),
                                       mailHost=self.mail_host(self.mailbox_servers[0])))
        for i in range(self.random.randint(0, 2)):
            self.objects.append(Object(
                "groupOfNames", "group %d" % i, mail="group%d@%s" % (i, domain),
                member=dn_of("inetOrgPerson", "moved 0"),
                hubExpansionServer=self.reference(self.random.choice(self.hubs + self.edges))
                if self.chance(75) else None))
        if self.chance(30):
            self.objects[0].attributes["hubPostmaster"] = [self.random.choice(targets[:-2])]

    def mail_host(self, home):
        if self.chance(self.faults):
            return None
        host = home.one("hubFQDN", home.name)
        return host.upper() if self.chance(20) and host.isascii() else host

    def organization(self):
        self.objects.append(Object("hubOrganization", "Transport"))
        self.topology()
        self.servers()
        for _ in range(self.random.randint(1, 10)):
            self.connector()
        self.routing_groups()
        self.domains()
        if self.chance(92):
            self.people()
        return self.objects

    def questions(self, count):
        """Of all servers of both kinds, about all sorts of recipients; a third with failures."""
        connectors = [o.name for o in self.objects if o.kind in POOL]
        servers = [o.name for o in self.objects if o.kind == "hubServer"]
        people = [o.one("mail") for o in self.objects if o.kind in RECIPIENTS]
        for i in range(count):
            address = "nobody@" + self.random.choice(DOMAINS)
            if people and self.chance(40):
                address = self.random.choice(people)
            elif self.chance(4):
                address = self.random.choice(["postmaster", "postmaster@"
                                              + self.random.choice(DOMAINS)])
            elif self.chance(8):
                address = self.random.choice(OTHER_ADDRESSES)
            if self.chance(10):
                address = address.upper()
            failed = self.some(connectors, 1, 3) if self.chance(35) else []
            if self.chance(10):
                failed = [name.upper() for name in failed]
            yield (servers[i % len(servers)], address, self.random.choice(SIZES), *failed)
