"""What was written to a slapd, in the order in which it was (slapo-accesslog)."""

import base64
import os
import shutil

from .base import run

MODULE = """dn: cn=module{0},cn=config
changetype: modify
add: olcModuleLoad
olcModuleLoad: accesslog
"""
DATABASE = """
dn: olcDatabase={2}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {2}mdb
olcDbDirectory: %s
olcSuffix: cn=log
olcRootDN: cn=root,cn=log
olcDbNoSync: TRUE
olcDbMaxSize: 2147483648

dn: olcOverlay=accesslog,olcDatabase={1}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcAccessLogConfig
olcOverlay: accesslog
olcAccessLogDB: cn=log
olcAccessLogOps: writes bind
"""


def records(ldif):
    """The entries of an LDIF text, as dictionaries of lists; names of attributes in small letters,
    values are bytes."""
    for part in ldif.replace("\n ", "").split("\n\n"):
        entry = {}
        for line in part.splitlines():
            name, _, value = line.partition(":")
            if not name or name.startswith("#"):
                continue
            data = base64.b64decode(value[1:]) if value.startswith(":") else value.lstrip(
                " ").encode()
            entry.setdefault(name.lower(), []).append(data)
        if entry:
            yield entry


class Write:
    """One attempt to write: who, what (add, modify, delete, modrdn), where, and what came of it."""

    def __init__(self, entry):
        def text(name):
            return entry.get(name, [b""])[0].decode()
        self.who, self.what, self.dn = text("reqauthzid"), text("reqtype"), text("reqdn")
        self.result = int(text("reqresult") or 0)
        self.time = text("reqstart")  # by slapd's clock
        self.changes = [value.partition(b" ") for value in entry.get("reqmod", [])]

    def value(self, attribute):
        """The last value given to the attribute, None if it is not touched, "" if taken away."""
        found = None
        for name, _, value in self.changes:
            name, _, how = name.decode().partition(":")
            if name.lower() == attribute.lower():
                found = value if how in ("+", "=") else b""
        return found

    def __repr__(self):
        return "%s %s %s by %s: %d" % (self.time, self.what, self.dn, self.who, self.result)


class WriteLog:
    """Begins with the next start of the slapd."""

    def __init__(self, directory):
        """slapmodify cannot add a database; the configuration is loaded anew."""
        self.directory = directory
        folder = directory.place.directory(os.path.basename(directory.folder) + "-log")
        directory.offline("slapmodify", "-b", "cn=config", stdin=MODULE)
        config = directory.offline("slapcat", "-b", "cn=config")
        there = os.path.join(directory.folder, "slapd.d")
        shutil.rmtree(there)
        os.mkdir(there)
        directory.offline("slapadd", "-n", "0", stdin=config + DATABASE % folder)

    def all(self):
        return [Write(entry) for entry in self._entries() if entry["reqtype"] != [b"bind"]]

    def binds(self):
        """(who, result) of each bind."""
        return [(entry["reqdn"][0].decode(), int(entry["reqresult"][0]))
                for entry in self._entries() if entry["reqtype"] == [b"bind"]]

    def _entries(self):
        """In the order of the database, whatever its clock said."""
        text = run("slapcat", "-F", os.path.join(self.directory.folder, "slapd.d"), "-b", "cn=log",
                   "-o", "ldif-wrap=no", "-a", "(reqType=*)").stdout
        return [entry for entry in records(text) if b"auditContainer" not in entry["objectclass"]]
