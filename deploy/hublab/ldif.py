"""Entries of an LDIF file (RFC 2849), as lists of attributes; no change records."""

import base64
import re

from .errors import LabError


class Entry:
    def __init__(self, dn, attributes=()):
        self.dn = dn
        self.attributes = list(attributes)

    def values(self, name):
        return [value for key, value in self.attributes if key.lower() == name.lower()]

    def value(self, name, default=None):
        return next(iter(self.values(name)), default)

    def name(self):
        return self.value("cn") or self.dn.split(",")[0].partition("=")[2].strip()

    def number(self, name, default):
        value = self.value(name, str(default))
        if not value.isdigit():
            raise LabError("%s: %s is no number: %s" % (self.dn, name, value))
        return int(value)

    def has_class(self, name):
        return name.lower() in (value.lower() for value in self.values("objectClass"))

    def replace(self, name, *values):
        self.attributes = [pair for pair in self.attributes if pair[0].lower() != name.lower()]
        self.attributes += [(name, value) for value in values]

    def record(self):
        return "".join([line("dn", self.dn)] + [line(*pair) for pair in self.attributes]) + "\n"

    def replacement(self):
        """The change record that gives an entry which is there already the same attributes."""
        kept = ("objectclass", "userpassword", self.dn.partition("=")[0].strip().lower())
        changes = [["replace: %s\n" % name] + [line(name, value) for value in self.values(name)] +
                   ["-\n"] for name in dict.fromkeys(key for key, _ in self.attributes)
                   if name.lower() not in kept]
        if not changes:
            return ""
        return "".join([line("dn", self.dn), "changetype: modify\n", *sum(changes, []), "\n"])


def line(name, value):
    if isinstance(value, bytes) or not re.fullmatch(r"(?![ :<])[\x20-\x7e]*(?<! )", value):
        data = value if isinstance(value, bytes) else value.encode()
        return "%s:: %s\n" % (name, base64.b64encode(data).decode())
    return "%s: %s\n" % (name, value)


def same_dn(one, other):
    return plain_dn(one) == plain_dn(other)


def plain_dn(dn):
    """Good enough to compare what people write: case and blanks around commas do not count."""
    return re.sub(r"\s*([,=])\s*", r"\1", dn.strip()).lower()


def read(path):
    try:
        with open(path, encoding="utf-8") as text:
            return parse(text.read(), path)
    except (OSError, UnicodeDecodeError) as problem:
        raise LabError("cannot read %s: %s" % (path, problem)) from None


def parse(text, path):
    unfolded = re.sub(r"\r?\n ", "", text)
    entries, entry = [], None
    for number, content in enumerate(unfolded.splitlines(), 1):
        if content.startswith("#") or content.startswith("version:"):
            continue
        if not content.strip():
            entry = None
            continue
        name, value = parse_line(content, "%s, unfolded line %d" % (path, number))
        if name.lower() == "changetype":
            raise LabError("%s holds changes; a lab needs the entries themselves" % path)
        if entry is None:
            if name.lower() != "dn":
                raise LabError("%s: an entry begins with %s, not with dn" % (path, name))
            entry = Entry(value)
            entries.append(entry)
        else:
            entry.attributes.append((name, value))
    return entries


def parse_line(content, where):
    match = re.fullmatch(r"([A-Za-z][\w;.-]*):(:?)\s*(.*)", content)
    if match is None or match.group(3).startswith("<"):
        raise LabError("%s: no line of LDIF: %s" % (where, content[:60]))
    name, encoded, value = match.groups()
    if not encoded:
        return name, value
    data = base64.b64decode(value)
    try:
        return name, data.decode()
    except UnicodeDecodeError:
        return name, data
