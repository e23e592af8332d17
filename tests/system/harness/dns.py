"""A DNS server that lies: for each name it has a row that says what goes out on the wire.

It speaks UDP and TCP on one address. Nothing in it knows more of DNS than it takes to send wrong
answers; right ones come from knotd (peers.Dns).
"""

import contextlib
import select
import socket
import struct
import threading

A, CNAME, SOA, MX, AAAA = 1, 5, 6, 15, 28
FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 1, 2, 3, 4, 5
NAMES = {A: "A", MX: "MX", AAAA: "AAAA"}


def wire_name(name):
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def a(address):
    return A, socket.inet_aton(address)


def aaaa(address):
    return AAAA, socket.inet_pton(socket.AF_INET6, address)


def mx(preference, host):
    return MX, struct.pack(">H", preference) + wire_name(host)


def cname(target):
    return CNAME, wire_name(target)


class Question:
    """What was asked, and answers to it."""

    def __init__(self, packet, tcp, peer):
        self.id, _, count = struct.unpack(">HHH", packet[:6])
        self.has_edns = packet[10:12] != b"\0\0"
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1"))
            at += 1 + packet[at]
        self.name = ".".join(labels).lower()
        self.type, self.asked = NAMES.get(packet[at + 2], "?"), packet[12:at + 5]
        self.tcp, self.peer = tcp, peer
        if count != 1:
            raise ValueError("%d questions" % count)

    def answer(self, *records, rcode=0, truncated=False, wrong_id=False, asked=None, ttl=60,
               count=None):
        """Records are (type, data) of the name asked for, or (type, data, other name)."""
        body = b""
        for kind, data, *owner in records:
            body += (wire_name(owner[0]) if owner else b"\xc0\x0c") + struct.pack(
                ">HHIH", kind, 1, ttl, len(data)) + data
        head = struct.pack(">HHHHHH", self.id ^ (0x5555 if wrong_id else 0),
                           0x8180 | (0x200 if truncated else 0) | rcode, 1,
                           len(records) if count is None else count, 0, 0)
        return head + (self.asked if asked is None else asked) + body


class Liar:
    """
    rows[name] is a function of the question that gives packets to send, in order; names without a
    row do not exist. tcp: whether it listens there. In place of a packet a row may give a function
    of the socket that was asked and the peer.
    """

    def __init__(self, place, address, port=53, tcp=True):
        self.address, self.port = address, port
        self.rows, self.asked = {}, []
        self.lock = threading.Lock()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.udp.bind((address, port))
        self.other.bind(("127.0.0.1", 0))
        if tcp:
            self.listener.bind((address, port))
            self.listener.listen(64)
        self.pipe = socket.socketpair()
        self.thread = threading.Thread(target=self.serve, args=(tcp,), daemon=True)
        self.thread.start()
        place.at_end(self.stop)

    @property
    def server(self):
        return "%s:%d" % (self.address, self.port)

    def stop(self):
        self.pipe[0].send(b"x")
        self.thread.join()
        for one in (self.udp, self.other, self.listener, *self.pipe):
            one.close()

    def count(self, name, kind=None):
        """How often that was asked."""
        with self.lock:
            return len([q for q in self.asked if q[0] == name and kind in (None, q[1])])

    def packets(self, packet, tcp, peer):
        question = Question(packet, tcp, peer)
        with self.lock:
            self.asked.append((question.name, question.type))
            row = self.rows.get(question.name)
        return [question.answer(rcode=NXDOMAIN)] if row is None else row(question) or []

    def from_elsewhere(self, packet):
        """The packet, sent by somebody else."""
        return lambda _, peer: self.other.sendto(packet, peer)

    def serve(self, tcp):
        waits = [self.udp, self.pipe[1]] + ([self.listener] if tcp else [])
        while True:
            ready = select.select(waits, [], [])[0]
            if self.pipe[1] in ready:
                return
            if self.udp in ready:
                packet, peer = self.udp.recvfrom(4096)
                for answer in self.packets(packet, False, peer):
                    if callable(answer):
                        answer(self.udp, peer)
                    else:
                        self.udp.sendto(answer, peer)
            if self.listener in ready:
                threading.Thread(target=self.session, args=(self.listener.accept()[0],),
                                 daemon=True).start()

    def session(self, connection):
        with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
            connection.settimeout(60)
            while len(head := lines.read(2)) == 2:
                for answer in self.packets(lines.read(struct.unpack(">H", head)[0]), True, None):
                    if callable(answer):
                        answer(connection, None)
                    else:
                        connection.sendall(struct.pack(">H", len(answer)) + answer)
