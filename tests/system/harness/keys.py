"""Keys and self-signed certificates, as a hub has them before any authority is asked."""

import os

from .deploy import keys


class Key:
    def __init__(self, place, name):
        base = os.path.join(place.path, name)
        self.certificate, self.key = base + ".crt", base + ".key"
        self.digest = keys.self_signed(base, name, ["127.0.0.1"])
