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


def make(folder, name, names, issuer=None, rsa=False, extensions=(), subject="/CN=test",
         time=None):
    """
    name.crt and name.key in the folder; for these hosts; signed by itself without an issuer. time:
    first and last second (YYYYMMDDHHMMSSZ) if not from now on; needs an issuer.
    """
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
    if time is not None:
        sign_again(base, issuer, *time)
    return Certificate(base)


def sign_again(base, issuer, start, end):
    """Only openssl-ca(1) signs for a time that does not begin now."""
    request, config, database = base + ".csr", base + ".cnf", base + ".index"
    run("openssl", "x509", "-x509toreq", "-copy_extensions", "copyall", "-in", base + ".crt",
        "-signkey", base + ".key", "-out", request, check=True)
    with open(database, "w"):
        pass
    with open(config, "w") as out:
        out.write("[ca]\ndefault_ca=one\n[one]\ndatabase=%s\nrand_serial=yes\npolicy=any\n"
                  "default_md=sha256\ncopy_extensions=copyall\nunique_subject=no\n"
                  "[any]\ncommonName=supplied\n" % database)
    run("openssl", "ca", "-batch", "-notext", "-config", config, "-cert", issuer.certificate,
        "-keyfile", issuer.key, "-startdate", start, "-enddate", end, "-in", request,
        "-outdir", os.path.dirname(base), "-out", base + ".crt", check=True)


def authority(folder, name):
    return make(folder, name, [], subject="/CN=" + name,
                extensions=["keyUsage=critical,keyCertSign,cRLSign"])
