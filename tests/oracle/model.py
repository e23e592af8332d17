"""An organization as the directory holds it: objects with attributes of text values, and LDIF.

References are DNs; no name here holds a character that a DN would have to escape (hub-directory(7)
section 1).
"""

import base64

SUFFIX = "dc=contoso,dc=com"
BASE = "cn=Transport," + SUFFIX
CONTAINERS = {
    "hubSendConnector": "cn=Connectors,",
    "hubForeignConnector": "cn=Connectors,",
    "hubDeliveryAgentConnector": "cn=Connectors,",
    "hubSite": "cn=Sites,",
    "hubSiteLink": "cn=Site Links,",
    "hubServer": "cn=Servers,",
    "hubMailboxServer": "cn=Servers,",
    "hubRoutingGroupConnector": "cn=Connectors,",
    "hubRoutingGroup": "cn=Routing Groups,",
    "hubAcceptedDomain": "cn=Accepted Domains,",
    "hubEdgeSubscription": "cn=Edge Subscriptions,",
    "hubOrganization": None,
    "inetOrgPerson": "",
    "groupOfNames": "",
}
RECIPIENTS = ("inetOrgPerson", "groupOfNames")


def fold(name):
    """Names compare by full Unicode case folding, then byte by byte (hub-routing(7) section 1)."""
    return name.casefold().encode()


def dn_of(kind, name):
    if kind == "hubOrganization":
        return BASE
    if kind in RECIPIENTS:
        return "cn=%s,ou=People,%s" % (name, SUFFIX)
    return "cn=%s,%s%s" % (name, CONTAINERS[kind], BASE)


class Object:
    def __init__(self, kind, name, **attributes):
        self.kind = kind
        self.name = name
        self.attributes = {key: list(values) if isinstance(values, (list, tuple)) else [str(values)]
                           for key, values in attributes.items() if values not in (None, [])}

    @property
    def dn(self):
        return dn_of(self.kind, self.name)

    def all(self, attribute):
        return self.attributes.get(attribute, [])

    def one(self, attribute, default=None):
        return self.attributes.get(attribute, [default])[0]

    def flag(self, attribute, default):
        return self.one(attribute, "TRUE" if default else "FALSE") == "TRUE"

    def number(self, attribute, default):
        return int(self.one(attribute, default))

    def without(self, attribute, value):
        """A copy that lacks this value."""
        copy = Object(self.kind, self.name)
        copy.attributes = {key: [v for v in values if (key, v) != (attribute, value)]
                           for key, values in self.attributes.items()}
        copy.attributes = {key: values for key, values in copy.attributes.items() if values}
        return copy


def line(name, value):
    plain = value.isascii() and value[:1] not in (" ", ":", "<", "") and value[-1:] != " "
    if plain:
        return "%s: %s\n" % (name, value)
    return "%s:: %s\n" % (name, base64.b64encode(value.encode()).decode())


def to_ldif(objects, readable=False):
    """readable: with the names in clear as comments, for people."""
    out = []
    for o in objects:
        if readable and not o.dn.isascii():
            out.append("# %s\n" % o.dn)
        out.append(line("dn", o.dn) + line("objectClass", o.kind) + line("cn", o.name))
        if o.kind == "inetOrgPerson":
            out.append("objectClass: inetLocalMailRecipient\n")
        if o.kind == "groupOfNames":
            out.append("objectClass: hubMailGroup\n")
        for attribute, values in o.attributes.items():
            out.extend(line(attribute, value) for value in values)
        out.append("\n")
    return "".join(out)


def from_ldif(text):
    """The objects of an LDIF file; whatever is of no class known here is left out."""
    objects = []
    for record in text.replace("\n ", "").split("\n\n"):
        values = {}
        for one in record.splitlines():
            if not one or one.startswith(("#", "version:")):
                continue
            name, _, value = one.partition(":")
            value = (base64.b64decode(value[1:]).decode() if value.startswith(":")
                     else value.lstrip())
            values.setdefault(name, []).append(value)
        kinds = [kind for kind in values.get("objectClass", []) if kind in CONTAINERS]
        if kinds and "cn" in values:
            o = Object(kinds[0], values["cn"][0])
            o.attributes = {key: v for key, v in values.items()
                            if key not in ("dn", "objectClass", "cn")}
            objects.append(o)
    return objects
