"""What goes over the wire to each host of a lab, counted at the router's ports."""

import collections
import contextlib
import socket
import struct
import threading

from .lab import inside

ETH_P_ALL, ETH_P_IP, PACKET_OUTGOING = 3, 0x0800, 4
BUFFER = 128 << 20
SO_RCVBUFFORCE = 33
TCP, SYN, ACK = 6, 0x02, 0x10


class Wire:
    """bytes and connections (tried ones) by (source, target) address, of what came through."""

    def __init__(self, lab):
        self.names = {address: host["name"] for host in lab.state()["hosts"]
                      for address in host["addresses"]}
        self.bytes = collections.Counter()
        self.tried = collections.defaultdict(set)
        self.socket = inside(lab.state()["router"], lambda: socket.socket(
            socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        self.socket.settimeout(0.05)
        self.over = False
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def listen(self):
        """To the end, and then what is there already."""
        while True:
            try:
                packet, (port, protocol, way, *_) = self.socket.recvfrom(1 << 16)
            except TimeoutError:
                continue
            except BlockingIOError:
                return
            finally:
                if self.over:
                    self.socket.setblocking(False)
            if protocol == ETH_P_IP and way == PACKET_OUTGOING and port.startswith("p"):
                self.note(packet)

    def note(self, packet):
        """The packet on its way out of a port, to the host that is there."""
        head = (packet[0] & 15) * 4
        ends = tuple(self.names.get(socket.inet_ntoa(packet[at:at + 4])) for at in (12, 16))
        if packet[9] != TCP or None in ends:
            return
        source, target = struct.unpack_from("!HH", packet, head)
        self.bytes[ends] += len(packet)
        if packet[head + 13] & (SYN | ACK) == SYN:
            self.tried[ends].add((source, target))

    def connections(self, source, target):
        return len(self.tried[(source, target)])

    def close(self):
        self.over = True
        self.thread.join()
        self.socket.close()


@contextlib.contextmanager
def wire_of(lab):
    wire = Wire(lab)
    try:
        yield wire
    finally:
        wire.close()
