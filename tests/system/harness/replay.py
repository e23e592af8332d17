"""What stood on an edge at any time, worked out from the log of what was written there.

Replay follows the writes one by one; at each it can be asked for the digests of what stands there,
which are made by a second hand (replica.py).
"""

import re

from . import replica

# What slapd adds to every entry, and what is never pushed.
NOT_PUSHED = {"structuralobjectclass", "entryuuid", "creatorsname", "createtimestamp", "entrycsn",
              "modifiersname", "modifytimestamp", "contextcsn", "entrydn", "subschemasubentry",
              "hassubordinates", "dn", "userpassword"}
# Of the organization's own entry.
LOCAL_OF_BASE = {"objectclass", "cn", "hubepoch"}
LOCAL_CONTAINERS = ("cn=roles", "cn=sync accounts", "cn=edge state", "cn=push", "cn=recipients")


def normal(dn):
    return re.sub(r"\s*([,=])\s*", r"\1", dn).lower()


class Replay:
    """tree: DN to entry as of EdgeDirectory.dump()."""

    def __init__(self, tree, base):
        self.base = normal(base)
        self.tree = {normal(dn): {name: list(values) for name, values in entry.items()}
                     for dn, entry in tree.items()}

    def rdn(self, dn):
        """Relative to the base; None if it is not in its tree."""
        dn = normal(dn)
        if dn == self.base:
            return ""
        return dn[:-len(self.base) - 1] if dn.endswith("," + self.base) else None

    def apply(self, write):
        dn = normal(write.dn)
        if write.what == "delete":
            self.tree.pop(dn, None)
            return
        entry, replacing = self.tree.setdefault(dn, {}), None
        for name, _, value in write.changes:
            name, _, how = name.decode().lower().partition(":")
            values = entry.setdefault(name, [])
            # the values of one replacement come one after the other
            if how == "=" and name != replacing or how == "-" and not value:
                values.clear()
            if how == "-" and value:
                values.remove(value)
            elif how in ("+", "=") and value:
                values.append(value)
            replacing = name if how == "=" else None

    # --- what stands there ---

    def is_pushed(self, dn):
        """Is the entry of the configuration that the organization pushes?"""
        rdn = self.rdn(dn)
        if rdn is None or any(rdn == c or rdn.endswith("," + c) for c in LOCAL_CONTAINERS):
            return False
        if b"hubContainer" in self.tree[dn].get("objectclass", []):
            return False
        server = rdn if rdn.count(",") == 1 else rdn.partition(",")[2]
        if server.endswith(",cn=servers"):
            above = self.tree.get("%s,%s" % (server, self.base), {})
            return above.get("hubrole") != [b"Edge"]
        return True

    def pushed_of(self, dn):
        local = LOCAL_OF_BASE if dn == self.base else ()
        return {name: values for name, values in self.tree[dn].items()
                if values and name not in NOT_PUSHED and name not in local}

    def configuration_digest(self):
        return replica.digest({self.rdn(dn): self.pushed_of(dn)
                               for dn in self.tree if self.is_pushed(dn)})

    def recipients_digest(self):
        buckets = {}
        for dn, entry in self.tree.items():
            if entry.get("hubbuckethash"):
                buckets[int(self.rdn(dn)[3:6], 16)] = entry["hubbuckethash"][0]
        return replica.buckets_digest(buckets)
