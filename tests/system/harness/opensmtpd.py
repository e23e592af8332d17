"""Debian's OpenSMTPD with a private configuration and queue.

It cannot be installed beside Postfix, and its paths and users are built into it: the unpacked
package runs in a root folder of its own, with copies of the libraries that it needs.
"""

import os
import re
import shutil
import signal
import subprocess

from .base import PATH, answers_smtp, run, wait_for
from .exim import unpacked

# numbers that nobody has: it changes to these users
USERS = {"opensmtpd": 64991, "opensmtpq": 64992, "mail": 64993}
FOLDERS = ("usr/sbin", "usr/lib/x86_64-linux-gnu", "lib64", "bin", "etc", "tmp", "dev", "var/run",
           "var/mail", "var/spool/smtpd", "var/lib/opensmtpd/empty")


class OpenSmtpd:
    """settings: text of smtpd.conf; files: name -> text of what lies beside it in /etc."""

    def __init__(self, place, port, settings, files):
        self.port = port
        self.root = place.directory("opensmtpd")
        self.log_path = os.path.join(place.path, "opensmtpd.log")
        self.mail = os.path.join(self.root, "var/mail")
        self.popen = None
        self._build()
        for name, text in dict(files, **{
                "smtpd.conf": settings,
                "passwd": "root:x:0:0::/:/bin/sh\n" + "".join(
                    "%s:x:%d:%d::/var/lib/opensmtpd/empty:/bin/sh\n" % (user, number, number)
                    for user, number in USERS.items()),
                "group": "root:x:0:\n" + "".join(
                    "%s:x:%d:\n" % item for item in USERS.items())}).items():
            with open(os.path.join(self.root, "etc", name), "w") as out:
                out.write(text)
            os.chmod(out.name, 0o600 if name.endswith(".key") else 0o644)
        place.at_end(self.stop)

    def _build(self):
        package = unpacked("opensmtpd")
        for name in FOLDERS:
            os.makedirs(os.path.join(self.root, name))
        os.symlink("usr/lib", os.path.join(self.root, "lib"))
        os.chmod(os.path.join(self.root, "var/spool/smtpd"), 0o711)
        os.chown(self.mail, USERS["mail"], USERS["mail"])
        for name in ("smtpd", "smtpctl"):
            shutil.copy(os.path.join(package, "usr/sbin", name),
                        os.path.join(self.root, "usr/sbin"))
        control = os.path.join(self.root, "usr/sbin/smtpctl")
        os.chown(control, 0, USERS["opensmtpq"])
        os.chmod(control, 0o2755)   # it insists
        shutil.copytree(os.path.join(package, "usr/libexec"),
                        os.path.join(self.root, "usr/libexec"))
        shutil.copy("/bin/sh", os.path.join(self.root, "bin/sh"))
        listed = run("ldd", os.path.join(package, "usr/sbin/smtpd"), check=True).stdout
        for library in re.findall(r"(/lib\S*) \(", listed):
            shutil.copy(library, self.root + library)

    def start(self):
        with open(self.log_path, "a") as log:
            self.popen = subprocess.Popen(
                ["chroot", self.root, "/usr/sbin/smtpd", "-d"], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=dict(os.environ, PATH=PATH), start_new_session=True)
        return self

    def wait_listening(self):
        wait_for(lambda: "opensmtpd listens\n" + self.log()[-3000:],
                 lambda: answers_smtp(self.port))
        return self

    def control(self, *arguments):
        return run("chroot", self.root, "/usr/sbin/smtpctl", *arguments, check=True).stdout

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def stop(self):
        """With all its sessions; what it has taken lies in its queue."""
        if self.popen is not None:
            os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()
            self.popen = None
