"""Edges are subscribed as an administrator does it: a file of the edge, imported inside."""

import os
import subprocess

from . import processes, services
from .errors import LabError


def hubctl(state, host, *words):
    """As the administrator on that host."""
    done = subprocess.run(
        processes.inside(host["namespace"], os.path.join(state["build"], "tools/hubctl"), *words),
        capture_output=True, text=True,
        env=processes.environment(HUBD_CONF=state.path("run", host["name"] + ".hubctl"),
                                  EDGESYNCD_CONF=state.path(host["name"] + "-edgesyncd.conf")))
    if done.returncode != 0:
        raise LabError("hubctl %s on %s: %s" % (" ".join(words), host["name"],
                                                done.stderr.strip() or done.stdout.strip()))
    return done.stdout


def subscribe(state, organization):
    """
    Each edge to its site. One that has Send connectors in the file gets just those, any other the
    two that come with a subscription.
    """
    edges = state.hosts_of("edge")
    for edge in edges:
        path = state.path("run", edge["name"] + ".subscription")
        hubctl(state, edge, "edge-subscription", "new", "--file", path, "--force")
        own = ["--no-internet-connector", "--no-inbound-connector"] \
            if organization.has_connectors(edge) else []
        hubctl(state, state.hosts_of("hub")[0], "edge-subscription", "import", path, "--site",
               edge["site"], *own)
    if edges:
        services.load(state, state.hosts_of("directory")[0], organization.by_edges())
    for edge in edges:
        wait_in_step(state, edge)


def wait_in_step(state, edge):
    hubs = [host for host in state.hosts_of("hub") if host["site"] == edge["site"]]
    processes.wait_for("%s is in step" % edge["name"], lambda: any(
        in_step(state, hub, edge) for hub in hubs), state, hubs[0]["name"] + "-edgesyncd")


def in_step(state, hub, edge):
    """By what the hub's edgesyncd says; who holds the lease knows best."""
    try:
        hubctl(state, hub, "edge-sync", "test", edge["name"])
    except LabError:
        return False
    return True
