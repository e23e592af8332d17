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


def _index(folder, name, certificates, revoked):
    """A database of openssl-ca(1) with these; the revoked ones are that."""
    path = os.path.join(folder, name + ".index")
    with open(path, "w") as out:
        for c in certificates:
            serial = run("openssl", "x509", "-serial", "-noout", "-in", c.certificate,
                         check=True).stdout.strip().split("=")[1]
            flag, when = ("R", "260101000000Z") if c in revoked else ("V", "")
            out.write("%s\t490101000000Z\t%s\t%s\tunknown\t/CN=test\n" % (flag, when, serial))
    return path


def revocation_list(folder, name, issuer, revoked, until=None):
    """A PEM file. until: when the next one was due (YYYYMMDDHHMMSSZ)."""
    path, config = (os.path.join(folder, name + end) for end in (".crl", ".cnf"))
    with open(config, "w") as out:
        out.write("[ca]\ndefault_ca=one\n[one]\ndatabase=%s\ndefault_md=sha256\n" % _index(
            folder, name, revoked, revoked))
    times = ["-crldays", "30"] if until is None else [
        "-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", until]
    run("openssl", "ca", "-gencrl", "-config", config, "-cert", issuer.certificate, "-keyfile",
        issuer.key, "-out", path, *times, check=True)
    return path


def ocsp_response(folder, name, issuer, certificate, revoked=False, signer=None, time=None,
                  until=True):
    """A DER file as a server staples it, of now or then, for two days or without an end."""
    signer = signer or issuer
    request, path = (os.path.join(folder, name + end) for end in (".request", ".ocsp"))
    run("openssl", "ocsp", "-issuer", issuer.certificate, "-cert", certificate.certificate,
        "-no_nonce", "-reqout", request, check=True)
    index = _index(folder, name, [certificate], [certificate] if revoked else [])
    run(*(["faketime", time] if time else []), "openssl", "ocsp", "-index", index,
        "-CA", issuer.certificate, "-rsigner", signer.certificate, "-rkey", signer.key, "-reqin",
        request, "-respout", path, *(["-ndays", "2"] if until else []), check=True)
    return path
