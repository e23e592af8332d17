"""Processes in the namespaces of a lab.

A service has its process id, the kernel's start time and the place in its log in DIR/run, so that
no other process with that id is taken for it. A host is killed as a whole: all that runs in its
namespace, which is the lab's alone.
"""

import os
import signal
import subprocess
import time

from .errors import LabError

ENVIRONMENT_PATH = "/usr/bin:%s:/usr/sbin:/sbin" % os.environ.get("PATH", "/bin")


def namespace_path(namespace):
    return os.path.join("/run/netns", namespace)


def inside(namespace, *command):
    return ["nsenter", "--net=" + namespace_path(namespace), "--", *command]


def set_kernel(namespace, **values):
    script = "".join("echo %s > /proc/sys/net/%s\n" % (value, name.replace("__", "/"))
                     for name, value in values.items())
    done = subprocess.run(inside(namespace, "sh", "-ec", script), capture_output=True,
                          text=True)
    if done.returncode != 0:
        raise LabError("%s: %s" % (namespace, done.stderr.strip()))


def environment(**extra):
    return dict(os.environ, PATH=ENVIRONMENT_PATH, LDAPNOINIT="1", **extra)


def log_of(state, name, since=0):
    try:
        with open(state.path("log", name + ".log"), "rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def start(state, namespace, name, command):
    """In the background, with its output in log/NAME.log."""
    with open(state.path("log", name + ".log"), "ab") as log:
        size = log.tell()
        child = subprocess.Popen(inside(namespace, *command), stdin=subprocess.DEVNULL, stdout=log,
                                 stderr=log, env=environment(), cwd="/", start_new_session=True,
                                 umask=0o077)
    with open(state.path("run", name), "w") as out:
        out.write("%d %s %d\n" % (child.pid, start_time(child.pid), size))


def start_time(pid):
    """None if there is no such process, or it has ended."""
    try:
        with open("/proc/%d/stat" % pid) as stat:
            # the name in brackets may hold anything; state is field 1 behind it, the time field 20
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def recorded(state, name):
    """Process id, start time, and where its log begins; None before the first start."""
    try:
        with open(state.path("run", name)) as text:
            pid, started, log = text.read().split()
    except (FileNotFoundError, ValueError):
        return None
    return int(pid), started, int(log)


def pid_of(state, name):
    """The process of a service, None if it does not run."""
    known = recorded(state, name)
    return known[0] if known and start_time(known[0]) == known[1] else None


def has_said(state, name, text):
    """Since its last start, in its log."""
    known = recorded(state, name)
    return known is not None and text in log_of(state, name, known[2])


def pids_in(namespace):
    done = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True)
    return [int(word) for word in done.stdout.split()]


def end_all(namespaces, number=signal.SIGKILL):
    """Everything that runs in them, whatever forks meanwhile."""
    end = time.monotonic() + 10
    while True:
        left = [pid for namespace in namespaces for pid in pids_in(namespace)
                if pid != os.getpid()]
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        if time.monotonic() > end:
            raise LabError("does not end: " + " ".join(map(str, left)))
        time.sleep(0.01)


def bound(pid, port):
    """Does anything in the network of the process listen at the port, or take UDP there?"""
    for table, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        try:
            with open("/proc/%d/net/%s" % (pid, table)) as lines:
                for words in map(str.split, lines):
                    if words[1].endswith(":%04X" % port) and words[3] == state:
                        return True
        except OSError:
            return False
    return False


def wait_for(what, condition, state, name, seconds=30):
    """Until the condition holds; says why not, with the end of the service's log."""
    end = time.monotonic() + seconds
    while not condition():
        ended = pid_of(state, name) is None
        if ended or time.monotonic() > end:
            raise LabError("%s: %s\n--- end of %s:\n%s" % (
                what, "has ended" if ended else "not within %d s" % seconds,
                state.path("log", name + ".log"), log_of(state, name)[-2000:]))
        time.sleep(0.01)
