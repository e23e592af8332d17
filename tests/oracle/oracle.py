"""Where mail goes, a second time: hub-routing(7) read literally, by brute force, with no index.

Every simple path is walked and the best is kept; every connector is looked at for every question.
Where hub-routing(7) is silent, both sides do what the comments marked "Decided:" say.
"""

from .model import RECIPIENTS, fold

POOL = ("hubSendConnector", "hubForeignConnector", "hubDeliveryAgentConnector",
        "hubRoutingGroupConnector")
DEFAULT_SIZE = 10485760


class Invalid(Exception):
    pass


class Space:
    """[type:]space[;cost]"""

    def __init__(self, text):
        self.type, colon, rest = text.partition(":")
        if not colon:
            self.type, rest = "SMTP", text
        self.type = self.type.upper()
        rest, semicolon, cost = rest.rpartition(";")
        if not semicolon:
            rest, cost = cost, "1"
        self.text = rest.lower() if self.type == "SMTP" else rest
        self.cost = int(cost)

    def specificity(self, kind, text):
        """Higher is more specific (section 5.2); None: does not match."""
        mine, text = self.text.lower(), text.lower()
        if kind != self.type or mine == "--":
            return None
        if mine == "*":
            return 0
        if kind == "SMTP" and mine.startswith("*."):
            return len(mine) if ("." + text).endswith(mine[1:]) else None
        if kind != "SMTP" and mine.endswith("*"):
            return len(mine) if text.startswith(mine[:-1]) else None
        return float("inf") if text == mine else None


def fits(limit, size):
    return limit == 0 or size <= limit


class Oracle:
    def __init__(self, objects):
        self.objects = objects
        self.by_dn = {fold(o.dn): o for o in objects}
        self.hops = {}
        self.known_paths = {}
        self.good = {}
        self.link_hops()

    # --- what is in force ---

    def kind(self, *kinds):
        """Valid objects, in the order of names."""
        found = [o for o in self.objects if o.kind in kinds and self.valid(o)]
        return sorted(found, key=lambda o: (fold(o.name), fold(o.dn)))

    def valid(self, o):
        if id(o) not in self.good:
            try:
                self.check(o)
                self.good[id(o)] = True
            except Invalid:
                self.good[id(o)] = False
        return self.good[id(o)]

    def check(self, o):
        """The rules of hub-directory(7) section 9 that organizations of the generator can break."""
        if o.kind == "hubSiteLink" and len({fold(dn) for dn in o.all("hubSiteList")}) < 2:
            raise Invalid
        if o.kind == "hubRoutingGroup" and any(
                Space(text).text == "--" for text in o.all("hubAddressSpace")):
            raise Invalid
        if o.kind == "hubServer" and o.one("hubRole") is None:
            raise Invalid
        if o.kind == "hubAcceptedDomain" and o.one("hubDomain") is None:
            raise Invalid
        if o.kind == "hubEdgeSubscription":
            server = self.target(o.one("hubServerRef"), "hubServer")
            if server is not None and server.one("hubRole") != "Edge":
                raise Invalid
        if o.kind in POOL:
            self.check_connector(o)

    def check_connector(self, o):
        sources = [self.target(dn, "hubServer") for dn in o.all("hubSourceServer")]
        sources = [s for s in sources if s is not None]
        roles = {s.one("hubRole") for s in sources}
        spaces = [Space(text) for text in o.all("hubAddressSpace")]
        hosts = o.all("hubSmartHost")
        if not o.all("hubSourceServer") or len(roles) > 1:
            raise Invalid
        if o.kind == "hubRoutingGroupConnector":
            if roles == {"Edge"} or not o.all("hubTargetServer"):
                raise Invalid
        elif not spaces:
            raise Invalid
        if roles == {"Hub"} and len({id(self.target(s.one("hubServerSite"), "hubSite"))
                                     for s in sources}) > 1:
            raise Invalid
        if any(s.text == "--" and (roles != {"Edge"} or o.kind != "hubSendConnector")
               for s in spaces):
            raise Invalid
        if o.kind == "hubForeignConnector" and roles == {"Edge"}:
            raise Invalid
        if o.kind == "hubDeliveryAgentConnector" and o.one("hubDeliveryProtocol") is None:
            raise Invalid
        if o.kind == "hubSendConnector":
            if any(s.type != "SMTP" and (not hosts or roles == {"Edge"}) for s in spaces):
                raise Invalid
            if "--" in hosts and roles != {"Edge"}:
                raise Invalid
            if o.one("hubUsage") == "Internal" and not hosts:
                raise Invalid

    def target(self, dn, kind):
        """A reference that dangles, or names another kind of object, counts as absent."""
        o = self.by_dn.get(fold(dn)) if dn is not None else None
        return o if o is not None and o.kind == kind and self.valid(o) else None

    @staticmethod
    def enabled(o):
        return o is not None and o.flag("hubEnabled", True)

    def site(self, dn):
        site = self.target(dn, "hubSite")
        return site if self.enabled(site) else None

    def where(self, server):
        """The site a server counts for, or None."""
        if not self.enabled(server):
            return None
        if server.one("hubRole") == "Hub":
            return self.site(server.one("hubServerSite"))
        mine = [s for s in self.kind("hubEdgeSubscription")
                if self.target(s.one("hubServerRef"), "hubServer") is server]
        # Decided: of several enabled subscriptions the first by name counts; an edge without any,
        # as in its own directory, stands where its own entry says.
        for subscription in mine:
            if self.enabled(subscription):
                return self.site(subscription.one("hubServerSite"))
        return None if mine else self.site(server.one("hubServerSite"))

    def seen(self, server):
        """
        The site it counts for as far as others may send mail there. Decided: a drained site is, for
        servers elsewhere, one without servers.
        """
        site = self.where(server)
        if site is None or site is self.where(self.me) or site.flag("hubInboundMail", True):
            return site
        return None

    def servers_at(self, site, role):
        return [s for s in self.kind("hubServer")
                if s.one("hubRole") == role and site is not None and self.seen(s) is site]

    # --- sections 1 and 2 ---

    def link_hops(self):
        """(site, site) -> (cost, size limit) of the hop, by names' folded form."""
        for link in self.kind("hubSiteLink"):
            if not self.enabled(link):
                continue
            sites = {id(s): s for s in map(self.site, link.all("hubSiteList")) if s is not None}
            cost = link.number("hubTransportCost", link.number("hubCost", 100))
            limit = link.number("hubMaxMessageSize", 0)
            for a in sites.values():
                for b in sites.values():
                    if a is not b:
                        self.add_hop(a, b, cost, limit)

    def add_hop(self, a, b, cost, limit):
        # Decided: of two links that cost the same, the one that refuses less counts.
        order = (cost, limit != 0, -limit)
        neighbours = self.hops.setdefault(id(a), {})
        if id(b) not in neighbours or order < neighbours[id(b)][1]:
            neighbours[id(b)] = (b, order, cost, limit)

    def paths(self, start):
        """id of a site -> (key, sites, limits) of the best of all simple paths from start."""
        if start is None:
            return {}
        if id(start) in self.known_paths:
            return self.known_paths[id(start)]
        best = {}

        def walk(sites, cost, limits):
            here = sites[-1]
            key = (cost, len(sites) - 1, [fold(s.name) for s in reversed(sites)])
            if id(here) not in best or key < best[id(here)][0]:
                best[id(here)] = (key, sites, limits)
            for site, _, hop_cost, limit in self.hops.get(id(here), {}).values():
                if all(s is not site for s in sites):
                    walk(sites + [site], cost + hop_cost, limits + [limit])

        walk([start], 0, [])
        self.known_paths[id(start)] = best
        return best

    # --- section 5 ---

    def reachable_sources(self, connector, me):
        """(any source at all, those this server can hand mail to with their site)"""
        existing = [self.target(dn, "hubServer") for dn in connector.all("hubSourceServer")]
        existing = [s for s in existing if self.enabled(s)]
        ways = self.paths(self.where(me))
        found = []
        for source in existing:
            site = self.seen(source)
            if source is me:
                found.append((source, site))
            elif me.one("hubRole") == "Edge":
                continue    # Decided: an edge delivers by itself only.
            elif site is not None and id(site) in ways:
                # Section 6: edges are reached through a hub of their site.
                if (source.one("hubRole") == "Hub" or site is self.where(me)
                        or self.servers_at(site, "Hub")):
                    found.append((source, site))
        return existing, found

    def spaces(self, connector):
        """Section 8: by a routing group connector its group's address spaces are reached."""
        owner = connector
        if connector.kind == "hubRoutingGroupConnector":
            owner = self.target(connector.one("hubTargetRoutingGroup"), "hubRoutingGroup")
            if not self.enabled(owner):
                return []
        return [Space(text) for text in owner.all("hubAddressSpace")]

    @staticmethod
    def own_cost(connector):
        if connector.kind == "hubRoutingGroupConnector":
            return connector.number("hubCost", 1)
        return 0

    def limit(self, connector):
        default = 0
        if connector.kind == "hubSendConnector" and connector.one("hubUsage") != "Internal":
            default = DEFAULT_SIZE
        return connector.number("hubMaxMessageSize", default)

    def usable(self, connector, me):
        """(why not or None, nearness, site of the nearest sources, cost of the way, hops)"""
        if not self.valid(connector):
            return ("invalid",)
        if not self.enabled(connector):
            return ("disabled",)
        existing, found = self.reachable_sources(connector, me)
        if not existing:
            return ("no-source",)
        if not found:
            return ("unreachable",)
        here = self.where(me)
        if connector.flag("hubScoped", False) and not any(
                s is me or (here is not None and self.where(s) is here) for s in existing):
            return ("scope",)
        if any(s is me for s, _ in found):
            return (None, 0, None, 0, 0)
        # Decided: of source sites at the same cost the one with fewest hops, then the lowest name.
        ways = self.paths(here)
        key, site = min(((ways[id(site)][0][:2], fold(site.name)), i)
                        for i, (_, site) in enumerate(found))
        site = found[site][1]
        return (None, 1 if site is here else 2, site, key[0][0], key[0][1])

    def choose(self, me, kind, text, size, inbound, failed):
        """(winner or None, its view, space and cost, all candidates, did any match)

        failed: folded names of connectors that do not compete with others as specific.
        """
        candidates = {}
        matches = []
        for connector in (o for o in self.objects if o.kind in POOL):
            view = self.usable(connector, me)
            name = (connector.kind, connector.name)
            if view[0] is not None:
                candidates[name] = view[0]
                continue
            candidates[name] = "no-match"
            best = None
            for space in self.spaces(connector):
                if inbound:
                    level = 0 if space.text == "--" and space.type == "SMTP" else None
                else:
                    level = space.specificity(kind, text)
                if level is None:
                    continue
                # A connector competes by its most specific space, of equals the cheapest.
                if best is None or (-level, space.cost) < best[0]:
                    best = ((-level, space.cost), level, space)
            if best is not None:
                matches.append((connector, name, view, best[1], best[2]))
        if not matches:
            return None, candidates, False
        most = max(m[3] for m in matches)
        for _, name, _, level, _ in matches:
            if level != most:
                candidates[name] = "less-specific"
        matches = [m for m in matches if m[3] == most]
        for connector, name, _, _, _ in matches:
            if fold(connector.name) in failed:
                candidates[name] = "failed"
        matches = [m for m in matches if fold(m[0].name) not in failed]
        for connector, name, _, _, _ in matches:
            if not fits(self.limit(connector), size):
                candidates[name] = "size"
        matches = [m for m in matches if fits(self.limit(m[0]), size)]
        if not matches:
            return None, candidates, True

        def order(match):
            connector, _, (_, nearness, _, way, hops), _, space = match
            return (way + self.own_cost(connector) + space.cost, (nearness, hops),
                    (fold(connector.name), fold(connector.dn)))

        winner = min(matches, key=order)
        for match in matches:
            mine, theirs = order(winner), order(match)
            lost = next((i for i in range(3) if mine[i] != theirs[i]), None)
            candidates[match[1]] = None if lost is None else ("cost", "proximity", "name")[lost]
        return (winner[0], winner[2], winner[4], order(winner)[0]), candidates, True

    # --- sections 3, 4 and 6 ---

    def answer(self, server, address, size, *failed):
        """What libhub's explain says of it, as far as the two are compared."""
        # Decided: failover must not cost a message its delivery. When the mail would be left with
        # a report or without a connector, it is as if nothing had failed.
        plain = self.route(server, address, size, frozenset())
        around = self.route(server, address, size, frozenset(map(fold, failed)))
        return plain if around["decision"] in ("report", "unreachable") else around

    def route(self, server, address, size, failed):
        me = next(o for o in self.kind("hubServer") if o.name == server)
        self.me = me
        self.postmaster_tried = False
        return self.resolve(me, address, size, failed, 0)

    def resolve(self, me, address, size, failed, steps):
        kind, colon, text = address.partition(":")
        if colon and kind.upper() != "SMTP":
            return self.external(me, kind.upper(), text, size, failed)
        if colon:
            address = text
        if "@" not in address and self.is_postmaster(address):
            return self.postmaster(me, size, failed, steps)
        domain = address.rpartition("@")[2].lower()
        return self.smtp(me, address, domain, size, failed, steps)

    def accepted(self, domain):
        best = None
        for o in self.kind("hubAcceptedDomain"):
            space = Space(o.one("hubDomain"))
            level = space.specificity("SMTP", domain)
            if self.enabled(o) and level is not None and (best is None or level > best[0]):
                best = (level, o)
        return best[1] if best is not None else None

    def smtp(self, me, address, domain, size, failed, steps):
        accepted = self.accepted(domain)
        if accepted is None:
            return self.external(me, "SMTP", domain, size, failed)
        kind = accepted.one("hubDomainType", "Authoritative")
        edge = me.one("hubRole") == "Edge"
        if kind == "ExternalRelay":
            if edge and not self.has_own(me, domain):
                return self.nothing("report", "5.4.4")
            return self.external(me, "SMTP", domain, size, failed)
        people = [o for o in self.objects if o.kind in RECIPIENTS
                  and address.lower() in map(str.lower, o.all("mail") + o.all("mailLocalAddress"))]
        # No recipient in the file at all: it holds the organization only.
        examined = any(o.kind in RECIPIENTS and (o.one("mail") or o.one("mailLocalAddress"))
                       for o in self.objects)
        if edge:
            validation = accepted.flag("hubRecipientValidation", kind == "Authoritative")
            if validation and examined and not people and not self.is_postmaster(address):
                return self.nothing("report", "5.1.1")
            return self.external(me, "SMTP", domain, size, failed, inbound=True)
        if not examined:
            return self.nothing(None, "4.3.0")
        if not people:
            if kind == "InternalRelay":
                return self.external(me, "SMTP", domain, size, failed)
            if self.is_postmaster(address):
                return self.postmaster(me, size, failed, steps)
            return self.nothing("report", "5.1.1")
        if len(people) > 1:
            return self.nothing("report", "5.1.4")
        if people[0].kind == "groupOfNames":
            return self.group(me, people[0], size)
        forward = people[0].one("mailRoutingAddress")
        if people[0].one("mailHost") is None and forward is not None:
            if steps == 20:
                return self.nothing("report", "5.4.6")
            return self.resolve(me, forward, size, failed, steps + 1)
        return self.mailbox(me, people[0], size)

    @staticmethod
    def is_postmaster(address):
        return address.partition("@")[0].lower() == "postmaster"

    def postmaster(self, me, size, failed, steps):
        # Decided: it waits until hubPostmaster is set, and leads to somebody.
        organization = next((o for o in self.objects if o.kind == "hubOrganization"), None)
        address = organization.one("hubPostmaster") if organization is not None else None
        if address is None or self.postmaster_tried:
            return self.nothing("unreachable")
        self.postmaster_tried = True
        if steps == 20:
            return self.nothing("report", "5.4.6")
        return self.resolve(me, address, size, failed, steps + 1)

    def group(self, me, group, size):
        """Who names no hub that exists and is enabled is expanded anywhere."""
        hub = self.target(group.one("hubExpansionServer"), "hubServer")
        if not self.enabled(hub) or hub.one("hubRole") != "Hub" or hub is me:
            return self.nothing(None)
        site, here = self.seen(hub), self.where(me)
        ways = self.paths(here)
        if site is None or id(site) not in ways:
            return self.nothing("unreachable")
        key, sites, limits = ways[id(site)]
        path = [s.name for s in sites]
        if not all(fits(limit, size) for limit in limits):
            return self.nothing("report", "5.3.4", path=path)
        known = {"path": path, "cost": key[0]}
        if site is not here:
            return self.to_site(self.stop(sites) or site, sites, known)
        return self.nothing("relay", next_site=site.name, next_servers=[hub.name], queue={
            "type": "SmtpRelayWithinSite", "domain": hub.name, "connector": ""}, **known)

    def has_own(self, me, domain):
        for connector in self.kind(*POOL):
            if self.usable(connector, me)[0] is None:
                for space in self.spaces(connector):
                    if space.specificity("SMTP", domain):
                        return True
        return False

    @staticmethod
    def nothing(decision, status=None, **known):
        """No next hop; connector, cost and path as far as they are known."""
        return dict({"decision": decision, "connector": None, "cost": None, "path": [],
                     "next_site": None, "next_servers": [], "fallback": [],
                     "bisect": False, "status": status,
                     "queue": None if decision != "unreachable" else
                     {"type": "Unreachable", "domain": "", "connector": ""},
                     "candidates": {}}, **known)

    def mailbox(self, me, person, size):
        host = person.one("mailHost")
        home = next((o for o in self.kind("hubMailboxServer") if host is not None
                     and (o.one("hubFQDN", "").lower() == host.lower()
                          or fold(o.name) == fold(host))), None)
        if home is None:
            return self.nothing("report", "5.1.1")
        site = self.site(home.one("hubServerSite"))
        here = self.where(me)
        ways = self.paths(here)
        # Decided: mail for a site without an enabled hub waits as Unreachable: nobody there could
        # hand it to the mailbox server.
        if (not self.enabled(home) or site is None or id(site) not in ways
                or (site is not here and not self.servers_at(site, "Hub"))):
            return self.nothing("unreachable")
        key, sites, limits = ways[id(site)]
        path = [s.name for s in sites]
        if not all(fits(limit, size) for limit in limits):
            return self.nothing("report", "5.3.4", path=path)
        known = {"path": path, "cost": key[0]}
        if site is here:
            return self.nothing("mailbox", **known, queue={
                "type": "MailboxDelivery", "domain": home.name, "connector": ""})
        return self.to_site(self.stop(sites) or site, sites, known)

    def stop(self, sites):
        """The first hub site on a path after its start."""
        for site in sites[1:]:
            if site.flag("hubHubSite", False) and self.servers_at(site, "Hub"):
                return site
        return None

    def hub_names(self, site):
        return [s.name for s in self.servers_at(site, "Hub")]

    def ladder(self, site, sites):
        """Who takes mail when nobody at site does: between us and it, the nearest to it first."""
        between = sites[1:next(i for i, s in enumerate(sites) if s is site)]
        return [self.hub_names(s) for s in reversed(between) if self.hub_names(s)]

    def bisect(self, site, sites):
        """More than four hops away, and anything to search."""
        hops = next(i for i, s in enumerate(sites) if s is site)
        return hops > 4 and self.ladder(site, sites) != []

    def to_site(self, site, sites, known):
        return self.nothing("relay", next_site=site.name, next_servers=self.hub_names(site),
                            fallback=self.ladder(site, sites), bisect=self.bisect(site, sites),
                            queue={"type": "SmtpRelayToSite", "domain": site.name,
                                   "connector": ""}, **known)

    def external(self, me, kind, text, size, failed, inbound=False):
        chosen, candidates, matched = self.choose(me, kind, text, size, inbound, failed)
        if chosen is None:
            if matched:
                return self.nothing("report", "5.3.4", candidates=candidates)
            if kind == "SMTP":
                return self.nothing("unreachable", candidates=candidates)
            return self.nothing("report", "5.1.2", candidates=candidates)
        connector, (_, nearness, site, _, _), space, cost = chosen
        known = {"connector": connector.name, "cost": cost, "candidates": candidates}
        here = self.where(me)
        if nearness == 0:
            return self.deliver(me, connector, space, text, known)
        sources = self.sources_at(connector, site)
        names = [s.name for s in sources]
        edges = sources[0].one("hubRole") == "Edge"
        _, sites, limits = self.paths(here)[id(site)]
        known["path"] = [s.name for s in sites]
        if nearness == 1:
            return self.nothing("relay", next_site=site.name, next_servers=names, queue={
                "type": "SmtpRelayToEdge" if edges else "SmtpRelayWithinSite",
                "domain": ",".join(names), "connector": ""}, **known)
        if not all(fits(limit, size) for limit in limits):
            return self.nothing("report", "5.3.4", **known)
        stop = self.stop(sites)
        if stop is not None and stop is not site:
            return self.to_site(stop, sites, known)
        if edges:
            return self.to_site(site, sites, known)
        others = [s.name for s in self.servers_at(site, "Hub") if s not in sources]
        fallback = ([others] if others else []) + self.ladder(site, sites)
        return self.nothing("relay", next_site=site.name, next_servers=names, fallback=fallback,
                            bisect=self.bisect(site, sites), queue={
                                "type": "SmtpRelayToConnectorSources",
                                "domain": ",".join(names), "connector": ""}, **known)

    def sources_at(self, connector, site):
        named = {id(self.target(dn, "hubServer")) for dn in connector.all("hubSourceServer")}
        return [s for s in self.kind("hubServer") if id(s) in named and self.seen(s) is site]

    def deliver(self, me, connector, space, text, known):
        here = self.where(me)
        hosts = connector.all("hubSmartHost")
        servers = []
        if connector.kind == "hubForeignConnector":
            queue = ("NonSmtpGatewayDelivery", space.text)
        elif connector.kind == "hubDeliveryAgentConnector":
            queue = ("DeliveryAgent", space.text)
        elif connector.kind == "hubRoutingGroupConnector":
            queue = ("SmtpRelayToRoutingGroup", ",".join(sorted(connector.all("hubTargetServer"))))
        elif hosts:
            queue = ("SmartHostConnectorDelivery", ",".join(sorted(hosts)))
            if "--" in hosts:
                servers = [s.name for s in self.servers_at(here, "Hub")]
        else:
            queue = ("DnsConnectorDelivery", text)
        return self.nothing("connector", path=[here.name] if here is not None else [],
                            next_servers=servers,
                            queue={"type": queue[0], "domain": queue[1],
                                   "connector": connector.name}, **known)
