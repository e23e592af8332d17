"""changes.py: random changes of random organizations, for what-if against the plain way
(what_if_driver.c, which asks every server about everything).

By hand, from the top of the tree:
    python3 -m tests.oracle.changes DRIVER [--changes N] [--seed N]
"""

import argparse
import copy
import os
import random
import subprocess
import sys
import tempfile

from .generate import COSTS, LIMITS, Generator
from .model import RECIPIENTS, line, to_ldif

SEED = 20070102
FLAGS = ("hubEnabled", "hubScoped", "hubHubSite", "hubInboundMail")
CONNECTORS = ("hubSendConnector", "hubForeignConnector", "hubDeliveryAgentConnector",
              "hubRoutingGroupConnector")


class Change:
    """Edits the objects of a generator one by one; ldif() tells what came of it."""

    def __init__(self, generator):
        self.generator, self.random = generator, generator.random
        self.before = [copy.deepcopy(o) for o in generator.objects]

    def pick(self, *kinds):
        found = [o for o in self.generator.objects if not kinds or o.kind in kinds]
        return self.random.choice(found) if found else None

    def delete(self):
        gone = self.pick()
        if gone.kind != "hubOrganization":
            self.generator.objects.remove(gone)

    def flag(self):
        kinds = {"hubScoped": CONNECTORS, "hubHubSite": ("hubSite",), "hubInboundMail":
                 ("hubSite",), "hubEnabled": CONNECTORS + ("hubSite", "hubSiteLink", "hubServer",
                                                           "hubMailboxServer")}
        name = self.random.choice(FLAGS)
        o = self.pick(*kinds[name])
        if o is not None and not (name == "hubScoped" and "RoutingGroup" in o.kind):
            default = name in ("hubEnabled", "hubInboundMail")
            self.set(o, name, "FALSE" if o.flag(name, default) else "TRUE")

    @staticmethod
    def set(o, name, *values):
        o.attributes[name] = list(values)

    def link(self):
        o = self.pick("hubSiteLink")
        if o is None:
            return
        what = self.random.choice(["hubCost", "hubMaxMessageSize", "hubSiteList"])
        sites = [s.dn for s in self.generator.some(self.generator.sites, 2, 3)]
        if what == "hubSiteList" and len(sites) >= 2:
            self.set(o, what, *sites)
        elif what != "hubSiteList":
            self.set(o, what, self.random.choice([c for c in COSTS[3] if c] if what == "hubCost"
                                                 else LIMITS))

    def place(self):
        o = self.pick("hubServer", "hubMailboxServer", "hubEdgeSubscription")
        if o is not None:
            self.set(o, "hubServerSite", self.random.choice(self.generator.sites).dn)

    def connector(self):
        o = self.pick(*CONNECTORS[:3])
        if o is None:
            return
        what = self.random.choice(["hubMaxMessageSize", "hubAddressSpace", "hubSourceServer",
                                   "hubSmartHost"])
        if what == "hubMaxMessageSize":
            self.set(o, what, self.random.choice(LIMITS))
        elif what == "hubSourceServer":
            self.set(o, what, *[s.dn for s in self.generator.source_servers()])
        elif what == "hubAddressSpace" and o.all(what) != ["--"]:
            other = self.pick(o.kind)
            if other.all(what) != ["--"]:
                self.set(o, what, *self.random.choice([
                    other.all(what), [text.partition(";")[0] + ";%d" % self.random.randint(1, 9)
                                      for text in o.all(what)[:1]]]))
        elif what == "hubSmartHost" and o.all(what) not in ([], ["--"]):
            self.set(o, what, "other.example.org")

    def domain(self):
        o = self.pick("hubAcceptedDomain")
        if o is not None:
            self.set(o, "hubDomainType", self.random.choice(
                ["Authoritative", "InternalRelay", "ExternalRelay"]))

    def more(self):
        """Something new, as the generator makes it."""
        choice = self.random.randrange(4)
        if choice == 0:
            self.generator.connector()
        elif choice == 1 and len(self.generator.sites) >= 2:
            self.generator.link(self.generator.some(self.generator.sites, 2, 3))
        elif choice == 2:
            self.generator.add("hubServer", hubRole="Hub", hubServerSite=self.generator.reference(
                self.random.choice(self.generator.sites)))
        else:
            self.generator.sites.append(self.generator.add("hubSite"))

    def make(self):
        edits = [self.delete, self.flag, self.flag, self.link, self.link, self.place,
                 self.connector, self.connector, self.domain, self.more]
        for _ in range(self.random.choice([1, 1, 1, 2, 4])):
            self.random.choice(edits)()
        return self

    def ldif(self):
        old, new = ({o.dn: o for o in objects} for objects in (self.before, self.generator.objects))
        out = []
        for dn, o in old.items():
            if dn not in new:
                out.append(line("dn", dn) + "changetype: delete\n\n")
            elif o.attributes != new[dn].attributes:
                out.append(self.modify(o, new[dn]))
        out.extend(to_ldif([o]) for dn, o in new.items() if dn not in old)
        return "".join(out)

    @staticmethod
    def modify(old, new):
        parts = [line("dn", old.dn) + "changetype: modify\n"]
        for name, values in new.attributes.items():
            if old.all(name) != values:
                parts.append("replace: %s\n%s-\n" % (name, "".join(line(name, v) for v in values)))
        return "".join(parts) + "\n"


class Differs(Exception):
    pass


def run(driver, changes, seed=SEED, progress=None):
    """How many decisions changed in all, in so many changes; raises what differs."""
    total = 0
    with tempfile.TemporaryDirectory() as place:
        org, ldif = os.path.join(place, "org"), os.path.join(place, "change")
        with subprocess.Popen([driver], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as process:
            for number in range(changes):
                generator = Generator(random.Random("%d/%d" % (seed, number)))
                generator.organization()
                # Recipients are not looked up.
                generator.objects = [o for o in generator.objects if o.kind not in RECIPIENTS]
                change = Change(generator).make()
                for path, text in ((org, to_ldif(change.before)), (ldif, change.ldif())):
                    with open(path, "w") as out:
                        out.write(text)
                process.stdin.write("%s\t%s\n" % (org, ldif))
                process.stdin.flush()
                answer = process.stdout.readline().strip()
                if not answer.isdigit():
                    raise Differs("change %d: %s\n\n%s\n%s" % (
                        number, answer or "the driver ended", to_ldif(change.before, True),
                        change.ldif()))
                total += int(answer)
                if progress is not None:
                    progress(number, total)
            process.stdin.close()
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("driver")
    parser.add_argument("--changes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=SEED)
    o = parser.parse_args()
    try:
        total = run(o.driver, o.changes, o.seed)
    except Differs as differs:
        sys.exit(str(differs))
    print("%d changes, %d decisions altered, no difference" % (o.changes, total))


if __name__ == "__main__":
    main()
