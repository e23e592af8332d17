"""What a lab consists of, in DIR/lab.json: written before anything is made, so that "down" finds
all of it after any crash. Whoever changes the lab holds the lock of its directory."""

import fcntl
import json
import os
import shutil

from .errors import LabError

NAME = "lab.json"


class State:
    """Plain values only; hosts are dictionaries, in the order in which they start.

    id, router (its namespace), build, base, suffix, admin, uris, validator; hosts: name, kind
    (directory, outside, mailbox, hub, edge), site, addresses, namespace, services; cuts: pairs of
    names; fences: what a host may reach; line: delay_ms, loss, by.
    """

    def __init__(self, directory, values, lock=None):
        self.directory = directory
        self.values = values
        self.lock = lock

    def __getitem__(self, name):
        return self.values[name]

    def __setitem__(self, name, value):
        self.values[name] = value

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def save(self):
        partial = self.path(NAME + ".new")
        with open(partial, "w") as out:
            json.dump(self.values, out, indent=1)
            out.write("\n")
        os.replace(partial, self.path(NAME))

    def host(self, name):
        for host in self["hosts"]:
            if host["name"].lower() == name.lower():
                return host
        raise LabError("no host %s; there are: %s" % (
            name, ", ".join(host["name"] for host in self["hosts"])))

    def hosts_of(self, kind):
        return [host for host in self["hosts"] if host["kind"] == kind]

    def place(self, names):
        """The hosts that a list like "London,paris1" means, each name a host or all of a site."""
        found = [host for name in names.split(",") for host in self.named(name)]
        return [host for number, host in enumerate(found) if host not in found[:number]]

    def named(self, name):
        kind, _, plain = name.rpartition(":")
        hosts = [h for h in self["hosts"] if h["name"].lower() == plain.lower()]
        site = [h for h in self["hosts"] if (h["site"] or "").lower() == plain.lower()]
        if kind == "site":
            hosts = []
        elif kind == "host":
            site = []
        if hosts and site:
            raise LabError("%s is a host and a site: say host:%s or site:%s" % (name, name, name))
        if not hosts and not site:
            raise LabError("no host or site %s" % name)
        return hosts or site


def create(directory, values):
    """The directory must be new or empty."""
    try:
        os.makedirs(directory, mode=0o711, exist_ok=True)
        if os.listdir(directory):
            raise LabError("%s is not empty%s" % (directory, (
                ": a lab is there already; lab down ends it" if exists(directory) else "")))
    except OSError as problem:
        raise LabError("cannot make %s: %s" % (directory, problem.strerror)) from None
    os.chmod(directory, 0o711)
    state = State(directory, values, locked(directory))
    state.save()
    return state


def locked(directory):
    """Held until this process ends."""
    lock = open(os.path.join(directory, "lock"), "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def exists(directory):
    return os.path.exists(os.path.join(directory, NAME))


def load(directory, change=False):
    """To change it, too, one at a time; else just to read."""
    if not exists(directory):
        raise LabError("no lab in %s" % directory)
    try:
        lock = locked(directory) if change else None
        with open(os.path.join(directory, NAME)) as text:
            return State(directory, json.load(text), lock)
    except FileNotFoundError:
        raise LabError("no lab in %s any more" % directory) from None


def remove(state):
    """The mark goes last, so that an interrupted removal can be repeated."""
    for name in os.listdir(state.directory):
        path = state.path(name)
        if name != NAME and os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        elif name != NAME:
            os.unlink(path)
    os.unlink(state.path(NAME))
    try:
        os.rmdir(state.directory)
    except OSError:
        pass
