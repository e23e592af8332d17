"""An authority, and certificates that it signs."""

import os

from .base import run


class Certificate:
    def __init__(self, base):
        self.certificate, self.key = base + ".crt", base + ".key"

    @property
    def pem(self):
        """As OpenSSL writes it, without what may stand around it."""
        return run("openssl", "x509", "-in", self.certificate, check=True).stdout


def make(folder, name, names, issuer=None, rsa=False, extensions=(), subject="/CN=test"):
    """name.crt and name.key in the folder; for these hosts; signed by itself without an issuer."""
    base = os.path.join(folder, name)
    kind = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    given = list(extensions)
    if names:
        given.append("subjectAltName=" + ",".join("DNS:" + n for n in names))
    command = ["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-days", "30", "-subj",
               subject, "-keyout", base + ".key", "-out", base + ".crt"]
    for extension in given:
        command += ["-addext", extension]
    if issuer is not None:
        command += ["-CA", issuer.certificate, "-CAkey", issuer.key]
    run(*command, check=True)
    return Certificate(base)


def authority(folder, name):
    return make(folder, name, [], subject="/CN=" + name,
                extensions=["keyUsage=critical,keyCertSign,cRLSign"])
