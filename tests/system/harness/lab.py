"""A lab of its own for a class of tests, and a place inside its hosts' networks."""

import ctypes
import json
import os
import socket
import threading
import unittest

from .base import TOP, Place, run, wait_for
from .deploy import lab_state, network, perimeter
from .hub import parse_event
from .organization import message, send

LAB = os.path.join(TOP, "deploy", "lab")
CLONE_NEWNET = 0x40000000


def example(name):
    return os.path.join(TOP, "deploy", "organizations", name + ".ldif")


def inside(namespace, function):
    """Calls the function in that network; its sockets stay there. Only its own thread is moved."""
    results, problems = [], []

    def work():
        try:
            with open("/run/netns/" + namespace) as there:
                if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns " + namespace)
            results.append(function())
        except BaseException as problem:
            problems.append(problem)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
    return results[0]


class Lab:
    """Runs until close; skips the test where namespaces cannot be made."""

    def __init__(self, organization, *options):
        why_not = network.possible()
        if why_not:
            raise unittest.SkipTest(why_not)
        self.place = Place("hub-lab-")
        os.chmod(self.place.path, 0o711)
        self.directory = os.path.join(self.place.path, "lab")
        self.place.at_end(lambda: self("down"))
        try:
            self("up", organization, *options)
        except BaseException:
            self.close()
            raise

    def __call__(self, *words, check=True, stdin=None):
        return run(LAB, "--state", self.directory, *words, check=check, stdin=stdin)

    def close(self):
        self.place.close()

    def state(self):
        with open(os.path.join(self.directory, "lab.json")) as text:
            return json.load(text)

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def hosts(self):
        return {host["name"]: host for host in self.state()["hosts"]}

    def address(self, name):
        return self.hosts()[name]["addresses"][0]

    def inside(self, name, function):
        return inside(self.hosts()[name]["namespace"], function)

    def admin(self, directory):
        """
        Options of the LDAP tools for the administrator of that host's directory; no network is
        needed.
        """
        host = self.hosts()[directory]
        return ["-x", "-H", host["local"], "-D", host["directory_admin"], "-y",
                host["password_file"]]

    def loaded(self):
        """Its state as deploy/hublab has it."""
        return lab_state.load(self.directory)

    def perimeter(self):
        """First packets so far at the firewall around the edges, by what became of them."""
        return perimeter.counts(self.loaded())

    def connects(self, source, target, port=25, seconds=10):
        """Does the target answer, or say no, or is there silence so long?"""
        def attempt():
            try:
                with socket.create_connection((self.address(target), port), seconds):
                    return "answer"
            except ConnectionRefusedError:
                return "refusal"
            except TimeoutError:
                return "silence"
        return self.inside(source, attempt)

    def give_up_early(self, host):
        """An address that is silent is given up after 3 s there, not after half a minute."""
        self("exec", host, "sh", "-c", "cd /proc/sys/net/ipv4; echo 1 > tcp_syn_retries;"
             "[ ! -e tcp_syn_linear_timeouts ] || echo 0 > tcp_syn_linear_timeouts")

    def hubctl(self, host, *words):
        return json.loads(self("exec", host, "hubctl", "-o", "json", *words).stdout)

    def events(self, hub, event, **fields):
        """Log lines of that hub as dictionaries."""
        with open(os.path.join(self.directory, "log", hub + ".log"), errors="replace") as log:
            lines = map(parse_event, log)
            return [values for values in lines if values.get("event") == event and
                    all(values.get(k) == v for k, v in fields.items())]

    def wait_event(self, hub, event, count=1, **fields):
        return wait_for(lambda: "%d %s %s at %s" % (count, event, fields, hub), lambda: [
            events for events in [self.events(hub, event, **fields)] if len(events) >= count])[0]

    def submit(self, hub, *people, body="Hello\r\n"):
        """From outside, at that hub, to people at contoso.com; gives the message's token."""
        token, data = message(body=body)
        address = self.address(hub)
        self.inside("outside", lambda: send(25, "x@outside.example", [
            name + "@contoso.com" for name in people], data, host=address))
        return token

    def received(self, hub, *tokens):
        """What the hub's log says of taking those messages."""
        return [event for event in self.events(hub, "received")
                if event["message_id"][1:].partition("@")[0] in tokens]

    def change(self, name, line, hub="celle1"):
        """Replaces an attribute of the base or of an entry below it; that hub runs it on return."""
        before = self.events(hub, "configuration")[-1]["fingerprint"]
        dn = ",".join(filter(None, (name, self.state()["base"])))
        run("ldapmodify", *self.admin("directory1"), check=True,
            stdin="dn: %s\nchangetype: modify\nreplace: %s\n%s\n" % (
                dn, line.partition(":")[0], line))
        wait_for("the change at " + hub, lambda: self.events(
            hub, "configuration")[-1]["fingerprint"] != before)

    def mails(self, host, token):
        """Files below the host's directory that hold the token."""
        done = run("grep", "-rlF", "--exclude=dovecot*", token,
                   os.path.join(self.directory, host))
        return done.stdout.split()

    def wait_mail(self, host, token, count=1, deadline=None):
        return wait_for(lambda: "%d mails with %s at %s" % (count, token, host), lambda: [
            found for found in [self.mails(host, token)] if len(found) >= count], deadline)[0]
