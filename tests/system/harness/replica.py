"""
What an organization writes to an edge's own directory, written by hand: the layout, digests, hashes
and markers of hub-directory(7) section 8 a second time, so that one can prove the other.

    pusher = Pusher(directory)          # of the edge, and running
    pusher.subscribe()
    with pusher.change() as wanted:     # names relative to the tree: attributes
        wanted.update(pusher.entry("contoso.com", "Accepted Domains", "hubAcceptedDomain", ...))
    pusher.recipients({"anna@contoso.com"})
"""

import base64
import contextlib
import copy
import hashlib
import hmac
import os
import time

from .base import run
from .write_log import records

REFERENCES = {"hubserverref", "hubserversite", "hubsourceserver", "hubdefaultaccepteddomain",
              "hublinkedreceiveconnector"}
# Targets of references first; deleted the other way round.
ORDER = ["Sites", "Servers", "Accepted Domains", "Remote Domains", "", "Connectors",
         "Edge Subscriptions"]


def values_of(**attributes):
    """Each as a list of bytes."""
    made = {}
    for name, values in attributes.items():
        if not isinstance(values, (list, tuple)):
            values = [values]
        made[name] = [v if isinstance(v, bytes) else v.encode() for v in values]
    return made


def _number(n):
    return n.to_bytes(4, "big")


def _string(data):
    return _number(len(data)) + data


def entry_digest(name, attributes):
    """name: relative to the tree. References are DNs as slapd would write them."""
    text = _string(name.lower().encode()) + _number(len(attributes))
    for attribute in sorted(attributes, key=str.lower):
        values = attributes[attribute]
        if attribute.lower() in REFERENCES:
            values = [value.lower() for value in values]
        text += _string(attribute.lower().encode()) + _number(len(values))
        text += b"".join(_string(value) for value in sorted(values))
    return hashlib.sha256(text).digest()


def digest(entries):
    """Of all that is pushed, in hex."""
    return hashlib.sha256(b"".join(sorted(
        entry_digest(*item) for item in entries.items()))).hexdigest()


def recipient_hash(key, address):
    return hmac.new(key, address.casefold().encode(), "sha256").digest()[:16]


def buckets_of(key, addresses):
    """Their values, by number: of those that are not empty."""
    buckets = {}
    for address in addresses:
        value = recipient_hash(key, address)
        buckets.setdefault(int.from_bytes(value[:2], "big") >> 4, set()).add(value)
    return {number: b"".join(sorted(values)) for number, values in buckets.items()}


def buckets_digest(buckets):
    return hashlib.sha256(b"".join(
        hashlib.sha256(buckets.get(number, b"")).digest() for number in range(4096))).hexdigest()


def _lines(attribute, values):
    return "".join("%s:: %s\n" % (attribute, base64.b64encode(value).decode())
                   for value in values)


class Pusher:
    """Has the lease of an edge for ever and writes what it is told to."""

    def __init__(self, directory, hub="london1"):
        self.directory, self.base, self.hub = directory, directory.base, hub
        self.account = "cn=%s.1,cn=Sync Accounts,%s" % (hub, self.base)
        self.password = directory.place.file(hub + ".account", "secret of the account")
        self.key = os.urandom(32)
        self.entries = {"": {}}  # as pushed; "" is the organization's own entry
        self.buckets = {}

    def dn(self, name):
        return name + "," + self.base if name else self.base

    def entry(self, cn, container, object_class, **attributes):
        """For the dictionary of what is wanted."""
        return {"cn=%s,cn=%s" % (cn, container): values_of(
            objectClass=object_class, cn=cn, **attributes)}

    def write(self, text, check=True):
        """Change records, as the holder of the lease."""
        return run("ldapmodify", "-x", "-H", self.directory.uri, "-D", self.account, "-y",
                   self.password, stdin=text, check=check, timeout=60)

    def subscribe(self):
        """As hubctl edge-subscription new leaves an edge, and with somebody who has the lease."""
        with open(self.password) as password:
            secret = password.read()
        self.directory.add(
            "dn: %s\nobjectClass: hubSyncAccount\ncn: %s.1\nuserPassword: %s\n" %
            (self.account, self.hub, secret))
        self.write("dn: cn=Edge State,%s\nchangetype: modify\nreplace: hubSubscribed\n"
                   "hubSubscribed: TRUE\n-\nreplace: hubLeaseHolder\nhubLeaseHolder: %s\n-\n"
                   "replace: hubLeaseExpiry\nhubLeaseExpiry: 20991231235959Z\n" %
                   (self.base, self.account))
        for name, text in (("Configuration", digest(self.entries)),
                           ("Recipients", buckets_digest({}))):
            self.write("dn: cn=%s,cn=Push,%s\nchangetype: add\nobjectClass: hubPushMarker\n"
                       "cn: %s\nhubPushDigest: %s\n" % (name, self.base, name, text))

    def forget(self):
        """What stands there is not known any more but by name: the next push writes all anew."""
        found = records(run(
            "ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-x", "-H", self.directory.uri, "-D",
            self.account, "-y", self.password, "-b", self.base, "(!(hubRole=Edge))", "dn",
            check=True, timeout=60).stdout)
        names = [one["dn"][0].decode()[:-len(self.base)].rstrip(",") for one in found]
        self.entries = {name: None for name in names if name.partition(",cn=")[2] in ORDER
                        and (not name or ",cn=" in name)}

    # --- configuration ---

    def marker(self, name, text, **more):
        """Change record that makes the marker say that digest."""
        values = dict(hubPushDigest=text, hubPushHolder=self.hub,
                      hubPushTime=time.strftime("%Y%m%d%H%M%SZ", time.gmtime()),
                      hubPushFingerprint=hashlib.sha256(text.encode()).hexdigest())
        values.update(more)
        return "dn: cn=%s,cn=Push,%s\nchangetype: modify\n" % (name, self.base) + "".join(
            "replace: %s\n%s-\n" % (attribute, "" if value is None else _lines(
                attribute, [value if isinstance(value, bytes) else value.encode()]))
            for attribute, value in values.items())

    def operations(self, wanted):
        """Change records from what stands there to what is wanted, the marker last."""
        def container(name):
            return ORDER.index(name.partition(",cn=")[2])
        gone = sorted(set(self.entries) - set(wanted), key=container, reverse=True)
        return ["dn: %s\nchangetype: delete\n" % self.dn(name) for name in gone] + [
            self._operation(name, wanted[name]) for name in sorted(wanted, key=container)
            if wanted[name] != self.entries.get(name)] + [
            self.marker("Configuration", digest(wanted))]

    def _operation(self, name, attributes):
        before = self.entries.get(name)
        added = "dn: %s\nchangetype: add\n" % self.dn(name) + "".join(
            _lines(*item) for item in attributes.items())
        if name not in self.entries:
            return added
        if before is None and name:
            return "dn: %s\nchangetype: delete\n\n%s" % (self.dn(name), added)
        before = before or {}
        return "dn: %s\nchangetype: modify\n" % self.dn(name) + "".join(
            "replace: %s\n%s-\n" % (attribute, _lines(attribute, attributes.get(attribute, [])))
            for attribute in set(before) | set(attributes)
            if before.get(attribute) != attributes.get(attribute))

    @contextlib.contextmanager
    def change(self):
        """Pushes what it was made into in the block."""
        wanted = copy.deepcopy(self.entries)
        yield wanted
        self.push(wanted)

    def push(self, wanted):
        self.write("\n".join(self.operations(wanted)))
        self.entries = wanted

    # --- recipients ---

    def bucket(self, number, value):
        """Change record for one bucket; an empty value deletes it."""
        dn = "cn=%03x,cn=Recipients,%s" % (number, self.base)
        if number not in self.buckets:
            return ("dn: %s\nchangetype: add\nobjectClass: hubRecipientBucket\ncn: %03x\n" %
                    (dn, number) + _lines("hubBucketHash", [value]))
        if not value:
            return "dn: %s\nchangetype: delete\n" % dn
        return ("dn: %s\nchangetype: modify\nreplace: hubBucketHash\n" % dn +
                _lines("hubBucketHash", [value]))

    def recipient_operations(self, wanted):
        return [self.bucket(number, wanted.get(number, b""))
                for number in sorted(set(self.buckets) | set(wanted))
                if self.buckets.get(number) != wanted.get(number)] + [
            self.marker("Recipients", buckets_digest(wanted), hubHashKey=self.key)]

    def recipients(self, addresses):
        wanted = buckets_of(self.key, addresses)
        self.write("\n".join(self.recipient_operations(wanted)))
        self.buckets = wanted
