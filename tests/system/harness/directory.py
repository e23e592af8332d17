"""A private slapd with the organization's schema, and changes to it."""

import glob
import os
import shlex
import urllib.parse

from .base import TOP, Process, run, wait_for


class Directory:
    def __init__(self, place, suffix="o=Contoso", name="slapd", options=(), port=None):
        from .base import free_port
        self.place = place
        self.suffix = suffix
        self.base = "cn=Transport," + suffix
        self.admin = "cn=admin," + suffix
        self.port = port or free_port()
        self.socket = os.path.join(place.path, name + ".sock")
        self.local = "ldapi://" + urllib.parse.quote(self.socket, safe="")
        self.uri = "ldap://127.0.0.1:%d" % self.port
        self.password_file = place.file("admin.password", "secret")
        made = run(os.path.join(TOP, "ldap-schema", "new-directory"),
                   os.path.join(place.path, name), "--suffix", suffix, "--uri", self.local,
                   self.uri, "--password-file", self.password_file, *options, check=True)
        command = shlex.split([line for line in made.stdout.splitlines() if "slapd" in line][-1])
        self.folder = os.path.join(place.path, name)
        self._spare_the_disk()
        self.process = Process(name, command, place.path)
        place.at_end(self.process.kill)

    def _spare_the_disk(self):
        """It need not outlive a crash of the machine, and each change waits for the disk."""
        self.offline("slapmodify", "-b", "cn=config", stdin=(
            "dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\n"
            "replace: olcDbNoSync\nolcDbNoSync: TRUE\n"))

    def start(self):
        self.process.start()
        wait_for("slapd answers", lambda: run(
            "ldapsearch", "-x", "-H", self.uri, "-s", "base", "-b", "").returncode == 0)
        return self

    def stop(self):
        self.process.stop()

    def offline(self, tool, *arguments, stdin=None):
        """slapcat, slapadd or slapmodify while slapd is stopped (slapcat always); its output."""
        return run(tool, "-F", os.path.join(self.folder, "slapd.d"), *arguments, stdin=stdin,
                   check=True).stdout

    def access(self, how, rule):
        """Adds a rule in front of the others, or deletes it again, of a stopped slapd."""
        self.offline("slapmodify", "-b", "cn=config", stdin=(
            "dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\n"
            "%s: olcAccess\nolcAccess: {0}%s\n" % (how, rule)))

    def backup(self):
        return self.offline("slapcat", "-b", self.suffix)

    def restore(self, backup):
        """Instead of all that a stopped slapd has."""
        for path in glob.glob(os.path.join(self.folder, "db", "*.mdb")):
            os.remove(path)
        self.offline("slapadd", "-q", "-b", self.suffix, stdin=backup)

    def _bind(self):
        return ["-x", "-H", self.uri, "-D", self.admin, "-y", self.password_file]

    def modify(self, text, check=True):
        """Change records, as an administrator gives them to ldapmodify."""
        return run("ldapmodify", *self._bind(), stdin=text, check=check)

    def add(self, text, check=True):
        return run("ldapmodify", "-a", *self._bind(), stdin=text, check=check)

    def delete(self, dn):
        return run("ldapdelete", *self._bind(), dn, check=True)

    def change(self, dn, check=True, **attributes):
        """Replaces attributes: a text, a list, or None to remove one."""
        lines = ["dn: " + dn, "changetype: modify"]
        for name, values in attributes.items():
            lines.append("replace: " + name)
            if values is not None:
                for value in values if isinstance(values, (list, tuple)) else [values]:
                    lines.append("%s: %s" % (name, value))
            lines.append("-")
        return self.modify("\n".join(lines) + "\n", check=check)

    def newest_change(self):
        """Its change sequence number; they compare as texts."""
        found = run("ldapsearch", "-LLL", *self._bind(), "-s", "base", "-b", self.suffix,
                    "contextCSN", check=True).stdout
        return max(line.split(": ")[1] for line in found.splitlines()
                   if line.startswith("contextCSN: "))

    def dn(self, name, container):
        return "cn=%s,cn=%s,%s" % (name, container, self.base)


def record(dn, classes, **attributes):
    lines = ["dn: " + dn] + ["objectClass: " + c for c in classes.split()]
    for name, values in attributes.items():
        if values is None:
            continue
        for value in values if isinstance(values, (list, tuple)) else [values]:
            lines.append("%s: %s" % (name, value))
    return "\n".join(lines) + "\n\n"
