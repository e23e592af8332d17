"""First packets to many ports, faster than any connect(): whoever counts them knows what passes."""

import socket
import struct

ALL_PORTS = range(1, 65536)
SOURCE_PORT = 40000


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def tcp(source, target, ports):
    """SYN to each; an answer finds no socket here, and is reset by the kernel."""
    pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack("!HH", 6, 20)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        for port in ports:
            head = struct.pack("!HHIIHHHH", SOURCE_PORT, port, 1, 0, 0x5002, 1024, 0, 0)
            raw.sendto(head[:16] + struct.pack("!H", checksum(pseudo + head)) + head[18:],
                       (target, 0))


def udp(_, target, ports):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        for port in ports:
            plain.sendto(b"x", (target, port))


def echo(_, target, numbers):
    """ICMP: each asks for an answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        for number in numbers:
            rest = struct.pack("!HH", number, 1)
            sum_ = checksum(struct.pack("!HH", 0x0800, 0) + rest)
            raw.sendto(struct.pack("!HH", 0x0800, sum_) + rest, (target, 0))


def protocols(_, target, numbers):
    """A packet of each of these protocols over IP."""
    for number in numbers:
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, number) as raw:
            raw.sendto(bytes(24), (target, 0))
