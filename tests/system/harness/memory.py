"""What is left of a secret: in a process's memory, and in files."""

import base64
import collections
import os
import re

PIECE, OVERLAP = 1 << 24, 4096

Left = collections.namedtuple("Left", "encoded mapping around")


def _encoded(secret):
    """What base64 makes of the secret, whatever stands before and behind it."""
    for before in range(3):
        text = base64.b64encode(b"\0" * before + secret)
        # but for the letters that are of its neighbours, too
        yield text[4 * before // 3 + (before > 0):len(text) - 4]


def _forms(secret):
    return [(False, secret.encode())] + [(True, form) for form in _encoded(secret.encode())]


def _pieces(pid):
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for line in maps:
            addresses, rights, rest = line.split(" ", 2)
            if not rights.startswith("rw"):
                continue
            start, end = (int(a, 16) for a in addresses.split("-"))
            for at in range(start, end, PIECE):
                try:
                    memory.seek(at)
                    yield rest.split()[-1], memory.read(min(end - at, PIECE + OVERLAP))
                except OSError:
                    pass


def in_memory(pid, secrets):
    """secrets: name to text. Gives name to the places where it is left, of those that are."""
    found = {}
    beginnings = _forms(os.path.commonprefix(list(secrets.values())))
    for mapping, data in _pieces(pid):
        # what is not there at all is soon known
        if not any(form in data for _, form in beginnings):
            continue
        for name, secret in secrets.items():
            for encoded, form in _forms(secret):
                for hit in re.finditer(re.escape(form), data):
                    around = data[max(hit.start() - 60, 0):hit.end() + 40]
                    found.setdefault(name, []).append(Left(encoded, mapping, around))
    return found


def in_text(data, secrets):
    """The names of those that stand in the data."""
    return [name for name, secret in secrets.items()
            if any(form in data for _, form in _forms(secret))]


def in_files(folder, secrets):
    """Files below the folder, by their path in it, with the names of secrets that are in them."""
    found = {}
    for path, _, names in os.walk(folder):
        for file in (os.path.join(path, name) for name in names):
            if os.path.isfile(file):
                with open(file, "rb") as content:
                    found[os.path.relpath(file, folder)] = in_text(content.read(), secrets)
    return {file: names for file, names in found.items() if names}
