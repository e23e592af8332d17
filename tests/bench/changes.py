"""Changes in the directory, and when each hub has them in force."""

import datetime
import os
import random
import subprocess
import time

import common  # noqa: F401  (finds the harness)

from harness.base import PATH, wait_for
from harness.hub import in_step, parse_event


class LogTail:
    """The configuration events of one hub since the last look."""

    def __init__(self, hub):
        self.hub = hub
        self.file = open(hub.process.log_path, errors="replace")
        self.file.seek(0, os.SEEK_END)
        self.part = ""

    def configurations(self):
        self.part += self.file.read()
        *lines, self.part = self.part.split("\n")
        for line in lines:
            if "event=configuration " in line:
                event = parse_event(line)
                yield timestamp(event["time"]), event["fingerprint"]


def timestamp(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()


class Modifier:
    """One ldapmodify that stays connected: only the change is measured, no start and no bind."""

    def __init__(self, directory):
        self.popen = subprocess.Popen(
            ["stdbuf", "-oL", "ldapmodify", "-v", "-x", "-H", directory.uri, "-D", directory.admin,
             "-y", directory.password_file], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, env=dict(os.environ, PATH=PATH, LDAPNOINIT="1"))

    def replace(self, dn, attribute, value):
        """The times when the change was sent and when slapd had answered it."""
        sent = time.time()
        self.popen.stdin.write("dn: %s\nchangetype: modify\nreplace: %s\n%s: %s\n\n" % (
            dn, attribute, attribute, value))
        self.popen.stdin.flush()
        for line in self.popen.stdout:
            if line.startswith("modify complete"):
                return sent, time.time()
        raise SystemExit("ldapmodify ended")

    def close(self):
        self.popen.stdin.close()
        self.popen.wait()


def measure(directory, hubs, dn, changes):
    """Milliseconds until the last hub had each change, from its sending and from slapd's answer."""
    tails = [LogTail(hub) for hub in hubs]
    modifier = Modifier(directory)
    current = in_step(hubs)
    from_sent, from_result = [], []
    # Fixed, so that every run has the same pauses; they keep changes out of step with any timer.
    pauses = random.Random(1)
    for i in range(changes):
        for tail in tails:
            list(tail.configurations())
        sent, result = modifier.replace(dn, "hubMaxMessageSize", 20000000 + i)
        last, current = all_in_force(tails, current)
        from_sent.append((last - sent) * 1000)
        from_result.append(max(0.0, (last - result) * 1000))
        time.sleep(pauses.random() * 0.05)
    modifier.close()
    return from_sent, from_result


def all_in_force(tails, before):
    """When the last hub had a new configuration, and its fingerprint."""
    seen = {}

    def same():
        for tail in tails:
            for when, fingerprint in tail.configurations():
                if fingerprint != before:
                    seen[tail] = (when, fingerprint)
        if len(seen) == len(tails) and len({f for _, f in seen.values()}) == 1:
            # The log cuts to the millisecond; counted against us.
            return max(when for when, _ in seen.values()) + 0.001, seen[tails[0]][1]
        return None
    return wait_for("the change is in force on every hub", same)
