"""A network namespace of its own for a class of tests: any port and any address is free there.

Only the thread that asks is moved, and what it starts: processes, threads, sockets.
"""

import ctypes
import os
import unittest

from .base import run
from .deploy import network

CLONE_NEWNET = 0x40000000


def _move(function, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), function)


def add_address(address):
    """As if the host had been given it now."""
    bits, flags = ("128", ["nodad"]) if ":" in address else ("32", [])
    run("ip", "address", "add", "%s/%s" % (address, bits), "dev", "lo", *flags, check=True)


def remove_address(address):
    run("ip", "address", "del", "%s/%s" % (address, "128" if ":" in address else "32"), "dev",
        "lo", check=True)


def enter(cls, *addresses):
    """For the rest of the class; it has these addresses besides those of loopback."""
    why_not = network.possible()
    if why_not:
        raise unittest.SkipTest(why_not)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    cls.addClassCleanup(os.close, before)
    _move("unshare", CLONE_NEWNET)
    cls.addClassCleanup(_move, "setns", before, CLONE_NEWNET)
    run("ip", "link", "set", "lo", "up", check=True)
    for address in addresses:
        add_address(address)
