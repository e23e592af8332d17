"""wire.py DEVICE DELAY_MS LOSS LIMIT: a slow and lossy line, for kernels without netem.

Whatever the network namespace routes into the tun device DEVICE comes out of it again DELAY_MS
later, in the same order; LOSS percent of it do not, nor what comes while LIMIT packets are on
their way.
"""

import collections
import fcntl
import os
import random
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
PACKET_MAX = 65536


def open_tun(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def take(device, packets, delay, loss, limit):
    """Everything that waits at the near end."""
    while True:
        try:
            packet = os.read(device, PACKET_MAX)
        except BlockingIOError:
            return
        if len(packets) < limit and random.random() >= loss:
            packets.append((time.monotonic() + delay, packet))


def give(device, packets):
    """Everything that has been on its way long enough."""
    while packets and packets[0][0] <= time.monotonic():
        try:
            os.write(device, packets[0][1])
        except OSError:
            pass  # the device is down, or the packet no good: lost
        packets.popleft()


def carry(device, delay, loss, limit):
    packets = collections.deque()
    poll = select.epoll()
    poll.register(device, select.EPOLLIN)
    while True:
        wait = max(0.0, packets[0][0] - time.monotonic()) if packets else -1
        if poll.poll(wait):
            take(device, packets, delay, loss, limit)
        give(device, packets)


def main():
    name, delay_ms, loss, limit = sys.argv[1:]
    device = open_tun(name)
    print("ready", flush=True)
    carry(device, float(delay_ms) / 1000, float(loss) / 100, int(limit))


main()
