"""Keys and self-signed certificates, as a hub has them before any authority is asked."""

import hashlib
import os

from .base import run


class Key:
    def __init__(self, place, name):
        self.certificate = place.file(name + ".crt")
        self.key = place.file(name + ".key")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", "/CN=" + name, "-addext",
            "subjectAltName=DNS:%s,IP:127.0.0.1" % name, "-keyout", self.key, "-out",
            self.certificate, check=True)
        public = run("openssl", "x509", "-in", self.certificate, "-noout", "-pubkey", check=True)
        path = place.file(name + ".pub", public.stdout)
        der = place.file(name + ".pub.der")
        run("openssl", "pkey", "-pubin", "-in", path, "-outform", "DER", "-out", der, check=True)
        with open(der, "rb") as data:
            self.digest = "sha256:" + hashlib.sha256(data.read()).hexdigest()
        os.unlink(path)
        os.unlink(der)
