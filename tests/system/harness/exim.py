"""Debian's Exim with a private configuration and spool.

It cannot be installed beside Postfix, so its package is only unpacked, under the build directory.
It wants to know a certain user who is not root: libnss_wrapper shows it one that the machine does
not have, with the number of another. It runs as that user altogether, without the right to change.
"""

import os
import shutil
import signal
import subprocess

from .base import PATH, answers_smtp, build_path, run, wait_for

UID = os.getuid() or 65534
USERS = "root:x:0:0::/root:/bin/sh\nDebian-exim:x:%d:%d::/:/bin/false\n" % (UID, UID)
GROUPS = "root:x:0:\nDebian-exim:x:%d:\n" % UID


def unpacked(package):
    """The folder with the files of a package of Debian, downloaded once."""
    folder = build_path("unpacked", package)
    if not os.path.isdir(folder):
        os.makedirs(folder + ".new", exist_ok=True)
        download = ["apt-get", "-q", "download", package]
        if subprocess.run(download, cwd=folder + ".new", capture_output=True).returncode != 0:
            run("apt-get", "-q", "update", timeout=300)  # a machine may come without lists
            subprocess.run(download, cwd=folder + ".new", check=True)
        for name in os.listdir(folder + ".new"):
            if name.endswith(".deb"):
                run("dpkg", "-x", os.path.join(folder + ".new", name), folder + ".new", check=True)
        # nothing here runs with other rights than the test's; and libraries can be preloaded
        run("chmod", "-R", "u-s,g-s", folder + ".new", check=True)
        os.rename(folder + ".new", folder)
    return folder


class Exim:
    """settings: text of the main section; sections: what follows it."""

    def __init__(self, place, settings, sections, name="exim"):
        self.folder = place.directory(name)
        os.chmod(place.path, 0o755)
        # a copy where its user gets at it: not everybody may look into the folder of a build
        self.program = os.path.join(self.folder, "exim4")
        shutil.copy(os.path.join(unpacked("exim4-daemon-light"), "usr/sbin/exim4"), self.program)
        self.user = {}
        if os.getuid() == 0:
            os.chown(self.folder, UID, UID)
            self.user = dict(user=UID, group=UID, extra_groups=[])
        self.environment = dict(
            os.environ, PATH=PATH, LD_PRELOAD="libnss_wrapper.so",
            NSS_WRAPPER_PASSWD=place.file("exim.passwd", USERS, 0o644),
            NSS_WRAPPER_GROUP=place.file("exim.group", GROUPS, 0o644))
        self.daemon = None
        place.at_end(self.stop)
        self.settings = place.file(name + ".conf", (
            "exim_path = %s\nspool_directory = %s/spool\nlog_file_path = %s/%%slog\n"
            "primary_hostname = exim.example\nkeep_environment = LD_PRELOAD : ^NSS_WRAPPER_\n"
            "add_environment = PATH=/usr/bin\ndeliver_drop_privilege\n%s\n%s\n" % (
                self.program, self.folder, self.folder, settings, sections)), 0o644)

    def start(self):
        """As a daemon; settings name its port."""
        with open(os.path.join(self.folder, "output"), "ab") as out:
            self.daemon = subprocess.Popen(
                [self.program, "-C", self.settings, "-bdf"], stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, env=self.environment, start_new_session=True, **self.user)
        return self

    def wait_listening(self, port):
        wait_for(lambda: "exim listens\n" + self.log()[-3000:], lambda: answers_smtp(port))
        return self

    def stop(self):
        """The daemon with all its sessions."""
        if self.daemon is not None:
            os.killpg(self.daemon.pid, signal.SIGKILL)
            self.daemon.wait()
            self.daemon = None

    def run(self, *options, data=b""):
        done = subprocess.run([self.program, "-C", self.settings, *options], input=data, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=self.environment, **self.user)
        if done.returncode != 0:
            raise AssertionError("exim %s: %d %s\n%s" % (" ".join(options), done.returncode,
                                                         done.stdout.decode(), self.log()))
        return done.stdout.decode(errors="replace")

    def send(self, sender, recipient, data, how="-odf"):
        """Delivers it as far as it can before it returns, or (-odq) only keeps it."""
        self.forget()
        return self.run(how, "-i", "-f", sender, recipient, data=data.replace(b"\r\n", b"\n"))

    def forget(self):
        """What it knows of hosts that failed, so that they are tried at once."""
        shutil.rmtree(os.path.join(self.folder, "spool", "db"), ignore_errors=True)

    def log(self):
        text = ""
        for name in ("output", "mainlog", "paniclog"):
            path = os.path.join(self.folder, name)
            if os.path.exists(path):
                with open(path, errors="replace") as log:
                    text += log.read()
        return text

    def lines(self, recipient):
        """What the log says of the recipient."""
        return [line for line in self.log().splitlines() if recipient in line]
