"""The verifier of a password (RFC 5803), and an SCRAM-SHA-256 client that can misbehave."""

import base64
import hashlib
import hmac
import os


def _b64(data):
    return base64.b64encode(data).decode()


def _mac(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


def verifier(password, salt=b"pepper", iterations=4096):
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = hashlib.sha256(_mac(salted, b"Client Key")).digest()
    return "SCRAM-SHA-256$%d:%s$%s:%s" % (iterations, _b64(salt), _b64(stored),
                                         _b64(_mac(salted, b"Server Key")))


class Scram:
    """One exchange; texts go to and fro without base64."""

    def __init__(self, name, password, gs2="n,,"):
        self.password, self.gs2 = password, gs2
        self.bare = "n=%s,r=%s" % (name, _b64(os.urandom(12)))
        self.first = gs2 + self.bare

    def final(self, challenge, nonce=None):
        fields = dict(f.split("=", 1) for f in challenge.split(","))
        self.salt, self.iterations = fields["s"], int(fields["i"])
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(),
                                     base64.b64decode(self.salt), self.iterations)
        without = "c=%s,r=%s" % (_b64(self.gs2.encode()), nonce or fields["r"])
        said = ",".join((self.bare, challenge, without)).encode()
        key = _mac(salted, b"Client Key")
        mask = _mac(hashlib.sha256(key).digest(), said)
        self.signature = _b64(_mac(_mac(salted, b"Server Key"), said))
        return "%s,p=%s" % (without, _b64(bytes(a ^ b for a, b in zip(key, mask))))
