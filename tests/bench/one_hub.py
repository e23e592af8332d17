"""One hub that relays everything to one smart host, or by DNS, as the directory says."""

import common  # noqa: F401  (finds the harness)

from harness.base import free_port
from harness.directory import Directory, record
from harness.hub import Hub

UNLIMITED = dict(hubMaxInboundConnections="0", hubMaxInboundPerSource="0",
                 hubMaxInboundPercentPerSource="100", hubMessageRateLimit="0",
                 hubTarpitInterval="0")


class OneHub:
    def __init__(self, place, port, workers="2", dns=None, **server_attributes):
        """port: of the smart host; with dns, the address of a name server, of the destinations."""
        self.directory = Directory(place).start()
        self.hub = Hub(place, self.directory, "hub1", "Only", workers=workers, resolver=dns)
        way = dict(hubDNSRouting="TRUE", hubPort="%d" % port) if dns else dict(
            hubDNSRouting="FALSE", hubSmartHost="[127.0.0.1]:%d" % port)
        self.port = free_port()
        d = self.directory
        d.add("".join([
            record(d.dn("Only", "Sites"), "hubSite", cn="Only"),
            self.hub.records(**server_attributes),
            record("cn=Bench," + self.hub.dn(), "hubReceiveConnector", cn="Bench",
                   hubBinding="127.0.0.1:%d" % self.port, hubRemoteIPRange="127.0.0.0/8",
                   hubAuthMechanism=["Tls", "ExternalAuthoritative"],
                   hubPermissionGroup="HubServers", **UNLIMITED),
            record(d.dn("Everything", "Connectors"), "hubSendConnector", cn="Everything",
                   hubAddressSpace="SMTP:*", hubSourceServer=self.hub.dn(),
                   hubMaxMessagesPerConnection="0", hubMaxMessageSize="0", **way),
        ]))

    def start(self):
        self.hub.start()
        return self

    @property
    def pid(self):
        return self.hub.process.pid
