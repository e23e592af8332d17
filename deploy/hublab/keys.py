"""Keys as a hub has them before any authority is asked: the directory pins the public key."""

import os
import subprocess

from .errors import LabError


def openssl(*arguments, data=None):
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True)
    if done.returncode != 0:
        raise LabError("openssl: " + done.stderr.decode(errors="replace").strip())
    return done.stdout


def self_signed(base, name, addresses, days=30):
    """Makes base.key and base.crt for a host; gives the digest, as hubKeyDigest has it."""
    names = ",".join(["DNS:" + name] + ["IP:" + address for address in addresses])
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", str(days), "-subj", "/CN=" + name, "-addext", "subjectAltName=" + names,
            "-keyout", base + ".key", "-out", base + ".crt")
    os.chmod(base + ".key", 0o600)
    public = openssl("x509", "-in", base + ".crt", "-noout", "-pubkey")
    der = openssl("pkey", "-pubin", "-outform", "DER", data=public)
    return "sha256:" + openssl("dgst", "-sha256", "-r", data=der).split()[0].decode()


def certificate(base):
    """As hubCertificate has it."""
    return openssl("x509", "-in", base + ".crt", "-outform", "DER")
