"""The firewall around the edges of a lab: rules of nftables in the router.

An edge stands outside the organization's network. What may pass, whoever answers included:

  hub -> edge       SMTP, and LDAP over TLS to the edge's own directory
  edge -> hub       SMTP
  outside -> edge   SMTP
  edge -> outside   SMTP, and questions to its name server

All else from or to an edge is dropped without a word, counted, and remembered by who wanted what
of whom. Packets of an edge to a directory of the organization are counted before anything else is
decided about them, cuts included: that counter stays 0.
"""

import json
import shutil
import subprocess

from . import processes
from .errors import LabError

TABLE = "perimeter"
LDAPS = 636
REMEMBERED = 1024

RULES = """
table ip %(table)s {
%(sets)s    set refusals {
        type ipv4_addr . ipv4_addr . inet_proto . inet_service
        size %(remembered)d
        flags dynamic
        counter
    }
%(counters)s
    chain watch {
        type filter hook prerouting priority raw
        ip saddr @edges ip daddr @directories counter name edge-directory
    }
    chain forward {
        type filter hook forward priority filter
        ip saddr @edges goto guarded
        ip daddr @edges goto guarded
    }
    chain guarded {
        ct state established,related accept
        ct state != new drop
        ip saddr @hubs ip daddr . tcp dport @edge_smtp counter name hub-edge-smtp accept
        ip saddr @hubs ip daddr @edges tcp dport %(ldaps)d counter name hub-edge-ldaps accept
        ip saddr @edges ip daddr . tcp dport @hub_smtp counter name edge-hub-smtp accept
        ip saddr @outside ip daddr . tcp dport @edge_smtp counter name outside-edge-smtp accept
        ip saddr @edges ip daddr . tcp dport @outside_smtp counter name edge-outside-smtp accept
        ip saddr @edges ip daddr @outside tcp dport 53 counter name edge-outside-dns accept
        ip saddr @edges ip daddr @outside udp dport 53 counter name edge-outside-dns accept
        counter name refused
        update @refusals { ip saddr . ip daddr . ip protocol . tcp dport }
        update @refusals { ip saddr . ip daddr . ip protocol . udp dport }
        drop
    }
}
"""
COUNTERS = ("hub-edge-smtp", "hub-edge-ldaps", "edge-hub-smtp", "outside-edge-smtp",
            "edge-outside-smtp", "edge-outside-dns", "refused", "edge-directory")


def nft(state, *words, text=None):
    """In the router; gives the output."""
    command = processes.inside(state["router"], "nft", *words)
    done = subprocess.run(command, input=text, capture_output=True, text=True,
                          env=processes.environment())
    if done.returncode != 0:
        raise LabError("nft: %s" % (done.stderr.strip().splitlines() or ["failed"])[0])
    return done.stdout


def possible():
    """None, or why there can be no firewall here."""
    if shutil.which("nft", path=processes.ENVIRONMENT_PATH) is None:
        return "nft not found: deploy/install-packages installs what is missing"
    done = subprocess.run(["unshare", "--net", "nft", "add", "table", "ip", TABLE],
                          capture_output=True, text=True, env=processes.environment())
    return None if done.returncode == 0 else "no nftables here: " + done.stderr.strip()


def sets(state):
    """Addresses of each kind of host, and their ports for SMTP, as sets of the rules."""
    def some(name, kind, elements):
        known = "; elements = { %s }" % ", ".join(elements) if elements else ""
        return "    set %s { type %s%s }\n" % (name, kind, known)

    def addresses(kind):
        return [address for host in state.hosts_of(kind) for address in host["addresses"]]

    def smtp(kind):
        return ["%s . %d" % (address, host["port"]) for host in state.hosts_of(kind)
                for address in host["addresses"]]
    sinks = ["%s . %d" % tuple(one) for host in state.hosts_of("outside") for one in host["sinks"]]
    return "".join([
        some("edges", "ipv4_addr", addresses("edge")), some("hubs", "ipv4_addr", addresses("hub")),
        some("directories", "ipv4_addr", addresses("directory")),
        some("outside", "ipv4_addr", addresses("outside")),
        some("edge_smtp", "ipv4_addr . inet_service", smtp("edge")),
        some("hub_smtp", "ipv4_addr . inet_service", smtp("hub")),
        some("outside_smtp", "ipv4_addr . inet_service", sinks)])


def build(state):
    """Connections count as known only from their first packet on, not by a later one."""
    nft(state, "-f", "-", text=RULES % {
        "table": TABLE, "ldaps": LDAPS, "remembered": REMEMBERED, "sets": sets(state),
        "counters": "".join("    counter %s { }\n" % name for name in COUNTERS)})
    processes.set_kernel(state["router"], netfilter__nf_conntrack_tcp_loose=0)


def counts(state):
    """Packets that were first of their connection, by counter; of edge-directory all."""
    listed = json.loads(nft(state, "-j", "list", "counters", "table", "ip", TABLE))["nftables"]
    return {row["counter"]["name"]: row["counter"]["packets"] for row in listed
            if "counter" in row}


def refusals(state):
    """Who wanted what of whom, and how often: (source, destination, protocol, port, packets)."""
    listed = json.loads(nft(state, "-j", "list", "set", "ip", TABLE, "refusals"))["nftables"]
    found = next(row["set"] for row in listed if "set" in row).get("elem", [])
    return [tuple(one["elem"]["val"]["concat"]) + (one["elem"]["counter"]["packets"],)
            for one in found]


def forget(state):
    """Who wanted what."""
    nft(state, "flush", "set", "ip", TABLE, "refusals")


def name_of(state, address):
    return next((host["name"] for host in state["hosts"] if address in host["addresses"]), address)


def told(state, most=5):
    """Lines for people."""
    now = counts(state)
    lines = ["perimeter: " + ", ".join("%s %d" % (name, now[name]) for name in COUNTERS)]
    wanted = sorted(refusals(state), key=lambda row: -row[-1])
    lines += ["  refused: %s to %s, %s %s, %d packets" % (
        name_of(state, row[0]), name_of(state, row[1]), *row[2:]) for row in wanted[:most]]
    if len(wanted) > most:
        lines.append("  refused: %d more" % (len(wanted) - most))
    return lines
