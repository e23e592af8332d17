"""Processes, ports, waiting. Everything ends with the test that made it."""

import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.environ.get("HUB_BUILD", os.path.join(TOP, "build"))
DEADLINE = float(os.environ.get("HUB_TEST_DEADLINE", "30"))
PATH = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


def build_path(*parts):
    return os.path.join(BUILD, *parts)


def sanitized():
    """Is the build one with sanitizers? They keep freed memory, so its size tells nothing."""
    with open(build_path("config.log"), errors="replace") as log:
        return any("--enable-sanitizers" in line and line.lstrip().startswith("$") for line in log)


def wait_for(what, condition, deadline=None):
    """Asks until the condition gives something true, and returns that."""
    limit = DEADLINE if deadline is None else deadline
    end = time.monotonic() + limit
    pause = threading.Event()
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError("not within %g s: %s" % (limit,
                                                          what() if callable(what) else what))
        pause.wait(0.005)


PORTS = range(10000, 30000)  # below those that the kernel gives to outgoing connections
_ports_given = set()
_ports_locked = None


def _lock_port(port):
    """Keeps other runs of these tests off the port until this one ends. False: one has it."""
    global _ports_locked
    if _ports_locked is None:
        path = os.path.join(tempfile.gettempdir(), "hub-tests-ports.%d" % os.getuid())
        _ports_locked = open(path, "a")
    try:
        fcntl.lockf(_ports_locked, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def free_port(address="127.0.0.1"):
    """A port nobody listens on now, never the same twice, in no two runs at a time."""
    while True:
        port = random.choice(PORTS)
        if port in _ports_given or not _lock_port(port):
            continue
        _ports_given.add(port)
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
        return port


def answers_smtp(port):
    """Does an SMTP or LMTP server greet there?"""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as probe:
            probe.settimeout(5)
            return probe.recv(200).startswith(b"220")
    except OSError:
        return False


def run(*command, stdin=None, check=False, timeout=60, env=None):
    done = subprocess.run([str(c) for c in command], input=stdin, capture_output=True, text=True,
                          env=dict(os.environ, PATH=PATH, LDAPNOINIT="1", **(env or {})),
                          timeout=timeout)
    if check and done.returncode != 0:
        raise AssertionError("%s: exit %d\n%s%s" % (" ".join(map(str, command)), done.returncode,
                                                    done.stdout, done.stderr))
    return done


def using(directory):
    """Processes whose command line names the directory."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as words:
                line = words.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if directory in line and int(pid) != os.getpid():
            found.append(line)
    return found


class Process:
    """A program in the foreground with its output in a file."""

    def __init__(self, name, command, directory, env=None):
        self.name = name
        self.command = [str(c) for c in command]
        self.log_path = os.path.join(directory, name + ".log")
        self.env = dict(os.environ, PATH=PATH, LDAPNOINIT="1", **(env or {}))
        self.popen = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, env=self.env)
        return self

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def log(self):
        with open(self.log_path, "r", errors="replace") as log:
            return log.read()

    def signal(self, number):
        self.popen.send_signal(number)

    def stop(self, timeout=40):
        """SIGTERM, then the exit status."""
        if self.popen is None:
            return None
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.popen.terminate()
            try:
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
                raise AssertionError("%s does not end by SIGTERM\n%s" % (self.name,
                                                                         self.log()[-3000:]))
        status, self.popen = self.popen.returncode, None
        return status

    def kill(self):
        if self.popen is not None:
            self.popen.kill()
            self.popen.wait()
            self.popen = None


class Place:
    """A temporary directory and what runs in it; ends in the reverse order of its making."""

    open = []

    def __init__(self, prefix="hub-test-"):
        self.path = tempfile.mkdtemp(prefix=prefix)
        self.tellers = []
        self._endings = []
        self.open.append(self)

    def file(self, name, text=None, mode=0o600):
        path = os.path.join(self.path, name)
        if text is not None:
            with open(path, "w") as out:
                out.write(text)
            os.chmod(path, mode)
        return path

    def directory(self, name):
        path = os.path.join(self.path, name)
        os.makedirs(path, exist_ok=True)
        return path

    def at_end(self, ending):
        self._endings.append(ending)

    def at_failure(self, name, tell):
        """What tell gives is kept with the logs when a test fails (evidence.py)."""
        self.tellers.append((name, tell))

    def close(self):
        if self in self.open:
            self.open.remove(self)
        problems = []
        while self._endings:
            try:
                self._endings.pop()()
            except Exception as problem:  # every ending must have its turn
                problems.append(problem)
        if os.environ.get("HUB_TEST_KEEP"):
            print("kept:", self.path)
        else:
            shutil.rmtree(self.path, ignore_errors=True)
        if problems:
            raise problems[0]
