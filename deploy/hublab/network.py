"""The network of a lab: every host in a namespace of its own, all joined by one router.

The router is a namespace, too. A host has one veth, "eth0", whose other end is port p0, p1, ... of
the router; addresses are single ones, so a host may have any address that its organization gives
it. What the router does with a packet is decided by rules, in this order:

  CUT     from A to B blackhole: dropped, and nobody is told, as by a line that is cut
  FENCE   from a fenced host: what its list allows goes on, all else is dropped
  PASS    the end of FENCE
  LINE    came in at a port: by the table of its site, where other places are behind the line
  main    each address is behind its port

The line, if there is one, makes packets between different places (sites, the outside, the
directories) late and loses some: a veth pair with netem in the router; where the kernel has no
netem, a tun device and the program wire.py. What comes out of it is routed by the main table.
"""

import ipaddress
import itertools
import json
import os
import re
import subprocess
import sys

from . import processes
from .errors import LabError

GATEWAY = "169.254.1.1"
FAR_END = "169.254.1.2"
CUT, FENCE, FENCE_REST, PASS, LINE = 100, 200, 300, 1000, 2000
TABLES = 1000
PACKETS_ON_LINE = 20000


def ip(commands, namespace=None):
    """Several commands of ip(8), in the namespace; the first that fails ends it."""
    where = ["-n", namespace] if namespace else []
    done = subprocess.run(["ip", *where, "-batch", "-"], input="".join(c + "\n" for c in commands),
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError("ip: %s" % (done.stderr.strip().splitlines() or ["failed"])[0])


def ip_json(namespace, *words):
    done = subprocess.run(["ip", "-n", namespace, "-j", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError("ip: " + done.stderr.strip())
    return json.loads(done.stdout or "[]")


def possible():
    """None, or why there can be no lab here."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    done = subprocess.run(["unshare", "--net", "ip", "link", "add", "veth0", "type", "veth", "peer",
                           "name", "veth1"], capture_output=True, text=True)
    if done.returncode != 0:
        return "no network namespaces and veth here: " + done.stderr.strip()
    return None


def build(state):
    router, hosts = state["router"], state["hosts"]
    ip("netns add " + name for name in [router] + [host["namespace"] for host in hosts])
    processes.set_kernel(router, ipv4__ip_forward=1, ipv4__conf__all__rp_filter=0,
                         ipv4__conf__default__rp_filter=0, ipv4__conf__all__send_redirects=0,
                         ipv4__conf__default__send_redirects=0)
    ip(["link set lo up", "addr add %s/32 dev lo" % GATEWAY,
        "rule add priority %d nop" % PASS], router)
    for number, host in enumerate(hosts):
        port = "p%d" % number
        ip(["link add %s type veth peer name eth0 netns %s" % (port, host["namespace"]),
            "link set %s up" % port] +
           ["route add %s/32 dev %s" % (address, port) for address in host["addresses"]], router)
        ip(["link set lo up", "link set eth0 up"] +
           ["addr add %s/32 dev eth0" % address for address in host["addresses"]] +
           ["route add %s dev eth0 scope link" % GATEWAY,
            "route add default via %s src %s" % (GATEWAY, host["addresses"][0])],
           host["namespace"])
        # a service of a lab may listen at port 25 whatever account it has
        processes.set_kernel(host["namespace"], ipv4__ip_unprivileged_port_start=0)


def tear_down(state):
    """Ends all that runs in the namespaces, and removes them; those that are gone already, too."""
    there = [name for name in [host["namespace"] for host in state["hosts"]] + [state["router"]]
             if os.path.exists(processes.namespace_path(name))]
    processes.end_all(there)
    for name in there:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)
    left = [name for name in there if os.path.exists(processes.namespace_path(name))]
    if left:
        raise LabError("cannot remove the namespaces " + " ".join(left))


# --- cuts ---

def pairs(one, others):
    for a, b in itertools.product(one, others):
        if a["namespace"] != b["namespace"]:
            for x, y in itertools.product(a["addresses"], b["addresses"]):
                yield x, y
                yield y, x


def sides(state, cut):
    """The hosts on the two sides of a cut; without a second name, all others."""
    one = state.place(cut[0])
    if cut[1] is not None:
        return one, state.place(cut[1])
    names = {host["name"] for host in one}
    return one, [host for host in state["hosts"] if host["name"] not in names]


def apply_cuts(state):
    """Makes the router's rules those of state["cuts"]."""
    wanted = set()
    for cut in state["cuts"]:
        wanted.update(pairs(*sides(state, cut)))
    router = state["router"]
    have = {(rule["src"], rule["dst"]) for rule in ip_json(router, "rule", "show")
            if rule["priority"] == CUT}
    rule = "rule %%s priority %d from %%s to %%s blackhole" % CUT
    ip([rule % ("add", a, b) for a, b in sorted(wanted - have)] +
       [rule % ("del", a, b) for a, b in sorted(have - wanted)], router)


# --- fences ---

def apply_fences(state):
    """
    A host in state["fences"] has nothing but what its list allows: all traffic with PEER, or, for
    PEER:PORT, connections to that TCP port, whoever of the two opens them.
    """
    rules = []
    for name, allowed in state["fences"].items():
        host = state.host(name)
        for text in allowed:
            peer, port = re.fullmatch(r"(.*?)(?::(\d+))?", text).groups()
            ends = ["ipproto tcp %s %d" % (end, int(port)) for end in ("sport", "dport")] \
                if port else [""]
            rules += ["rule add priority %d from %s to %s %s goto %d" % (FENCE, a, b, end, PASS)
                      for a, b in pairs([host], state.place(peer)) for end in ends]
        rules += ["rule add priority %d %s %s blackhole" % (FENCE_REST, way, address)
                  for address in host["addresses"] for way in ("from", "to")]
    clear_rules(state["router"], FENCE, FENCE_REST)
    ip(dict.fromkeys(rules), state["router"])


def clear_rules(router, *priorities):
    ip(["rule del priority %d" % rule["priority"] for rule in ip_json(router, "rule", "show")
        if rule["priority"] in priorities], router)


# --- the line ---

def set_line(state, delay_ms, loss):
    """Packets from place to place take delay_ms longer, each way; loss percent get lost."""
    router = state["router"]
    remove_line(state)
    state["line"] = {"delay_ms": delay_ms, "loss": loss, "by": None}
    if delay_ms == 0 and loss == 0:
        return
    state["line"]["by"] = "netem" if netem_line(router, delay_ms, loss) else "wire"
    if state["line"]["by"] == "wire":
        wire_line(state, delay_ms, loss)
    places = sorted({host["site"] or host["kind"] for host in state["hosts"]})
    for number, host in enumerate(state["hosts"]):
        table = TABLES + places.index(host["site"] or host["kind"])
        ip(["route add %s/32 dev p%d table %d" % (address, number, table)
            for address in host["addresses"]] +
           ["rule add priority %d iif p%d lookup %d" % (LINE, number, table)], router)
    via = "via %s onlink" % FAR_END if state["line"]["by"] == "netem" else ""
    ip(["route add default %s dev line0 table %d" % (via, TABLES + number)
        for number in range(len(places))], router)


def netem_line(router, delay_ms, loss):
    """False where the kernel has no netem."""
    ip(["link add line0 type veth peer name line1", "link set line0 up", "link set line1 up"],
       router)
    netem = ["netem", "delay", "%gms" % delay_ms, "loss", "%g%%" % loss, "limit",
             str(PACKETS_ON_LINE)]
    done = subprocess.run(["tc", "-n", router, "qdisc", "add", "dev", "line0", "root", *netem],
                          capture_output=True, text=True)
    if done.returncode != 0:
        ip(["link del line0"], router)
        return False
    address = next(link["address"] for link in ip_json(router, "link", "show", "dev", "line1"))
    ip(["neigh add %s lladdr %s dev line0" % (FAR_END, address)], router)
    return True


def wire_line(state, delay_ms, loss):
    if not os.path.exists("/dev/net/tun"):
        raise LabError("delay and loss need netem or /dev/net/tun, and this kernel has neither")
    wire = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wire.py")
    processes.start(state, state["router"], "wire", [
        sys.executable, wire, "line0", "%g" % delay_ms, "%g" % loss, str(PACKETS_ON_LINE)])
    processes.wait_for("the wire", lambda: processes.has_said(state, "wire", "ready"), state,
                       "wire")
    ip(["link set line0 txqueuelen 10000", "link set line0 up"], state["router"])


def remove_line(state):
    router = state["router"]
    clear_rules(router, LINE)
    ip(["route flush table %d" % table for table in used_tables(router)], router)
    processes.end_all([router])
    if any(link["ifname"] == "line0" for link in ip_json(router, "link", "show")):
        ip(["link del line0"], router)


def used_tables(router):
    return sorted({int(route["table"]) for route in ip_json(router, "route", "show", "table", "all")
                   if str(route.get("table", "")).isdigit()})


# --- addresses ---

def usable(address):
    """Is the text an IPv4 address that a host of a lab may have?"""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return parsed.version == 4 and not (parsed.is_loopback or parsed.is_unspecified or
                                        parsed.is_multicast or parsed.is_link_local)
