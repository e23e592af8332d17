"""Two directory servers that replicate each other, used as one directory."""

import re
import signal
import threading
import time

from .base import free_port, run, wait_for
from .directory import Directory


class Providers:
    """What a Directory does, by the one called writer; hubs are told of both, the first first."""

    def __init__(self, place):
        ports = [free_port(), free_port()]
        uris = ["ldap://127.0.0.1:%d" % port for port in ports]
        self.first, self.second = (
            Directory(place, name="slapd%d" % (i + 1), port=ports[i],
                      options=("--provider", *uris)) for i in range(2))
        self.both = (self.first, self.second)
        self.writer = self.first
        self.uri = " ".join(uris)
        self.suffix, self.base, self.admin = (self.first.suffix, self.first.base, self.first.admin)
        self.password_file = self.first.password_file

    def __getattr__(self, name):
        return getattr(self.writer, name)

    def start(self):
        for one in self.both:
            one.start()
        self.wait_agreed()
        return self

    def wait_agreed(self):
        """Both have the same newest changes of each other."""
        def agreed():
            first, second = (sequence_numbers(one) for one in self.both)
            return first and first == second
        wait_for("the providers agree", agreed)


def sequence_numbers(directory):
    found = run("ldapsearch", "-LLL", "-o", "ldif-wrap=no", *directory._bind(), "-s", "base", "-b",
                directory.suffix, "contextCSN")
    return sorted(re.findall(r"^contextCSN: (\S+)$", found.stdout, re.M))


class Writer:
    """An administrator who makes one change after the other, each another fingerprint."""

    def __init__(self, directory, dn, pause_s=0.05):
        self.directory = directory
        self.dn = dn
        self.pause_s = pause_s
        self.written = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._end.wait(self.pause_s):
            self.directory.change(self.dn, hubMaxMessageSize=str(1000000 + self.written))
            self.written += 1

    def start(self):
        self._thread.start()
        return self

    def wait_more(self, n=5):
        before = self.written
        wait_for("the administrator goes on", lambda: self.written >= before + n)

    def stop(self):
        """The number of the last change."""
        self._end.set()
        self._thread.join()
        return self.written - 1


def strike(directory, how):
    """Kills, or stops without a word, the slapd; gives the time, in the log's milliseconds."""
    when = int(time.time() * 1000) / 1000
    if how == signal.SIGKILL:
        directory.process.kill()
    else:
        directory.process.signal(how)
        wait_for("it is stopped", lambda: is_stopped(directory.process.pid))
    return when


def is_stopped(pid):
    with open("/proc/%d/stat" % pid) as stat:
        return stat.read().rpartition(")")[2].split()[0] == "T"
