"""Other organizations that are found by MX records, with certificates of one authority."""

import ssl

from .certificates import authority, make
from .delivery import Peers
from .peers import Dns

# partner.example proves itself, impostor.example has a certificate of nobody
ZONE = ("good A 127.0.0.2\nbad A 127.0.0.3\npartner MX 10 good\nimpostor MX 10 bad\n"
        "outside MX 10 good")


class Partners:
    """
    partner (also of outside.example) and impostor are sinks on `port`; keys: out is that of who
    sends to them, partner_key the one that partner shows and sends with.
    """

    def __init__(self, place):
        self.dns = Dns(place, {"example": ZONE}).start()
        self.authority = authority(place.path, "authority")
        self.out = make(place.path, "out", ["out.contoso.com", "contoso.com"], self.authority)
        self.partner_key = make(place.path, "partner", ["partner.example", "good.example"],
                                self.authority)
        peers = Peers(place)
        self.port = peers.port
        self.partner = peers.sink("127.0.0.2", key=self.partner_key)
        self.partner.tls_context.verify_mode = ssl.CERT_OPTIONAL
        self.partner.tls_context.load_verify_locations(self.authority.certificate)
        self.impostor = peers.sink("127.0.0.3", key=make(place.path, "impostor",
                                                         ["impostor.example"]))

    def hub_settings(self, own):
        """Of a hub that sends to them; own: the path of its own key without an ending."""
        return dict(ca=self.authority.certificate, resolver=self.dns.server,
                    certificate="%s.crt %s" % (own, self.out.certificate),
                    key="%s.key %s" % (own, self.out.key))

    def proven(self, got):
        """Did the sender of what partner got show the key `out`?"""
        with open(self.out.certificate) as text:
            return got.tls and ssl.PEM_cert_to_DER_cert(text.read()) in self.partner.clients
