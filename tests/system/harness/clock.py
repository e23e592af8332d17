"""A clock of its own for one process, set while it runs (clock.c).

Only what the process takes for the date changes; timers (CLOCK_MONOTONIC) go on as ever.
"""

import os
import struct

from .base import run

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clock.c")


class Clock:
    def __init__(self, place, name):
        self.library = os.path.join(place.path, "clock.so")
        if not os.path.exists(self.library):
            run("cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-o", self.library, SOURCE,
                check=True)
        self.path = os.path.join(place.path, name + ".clock")
        with open(self.path, "wb") as out:
            out.write(bytes(8))
        self.offset_s = 0

    def env(self):
        """For the process; ASan would rather come first."""
        return {"LD_PRELOAD": self.library, "HUB_CLOCK": self.path,
                "ASAN_OPTIONS": "verify_asan_link_order=0"}

    def set(self, offset_s):
        """So many seconds ahead of the others, or behind them, from now on."""
        self.offset_s = offset_s
        with open(self.path, "r+b") as out:
            out.write(struct.pack("=q", offset_s))

    def step(self, seconds):
        self.set(self.offset_s + seconds)
