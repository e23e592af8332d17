"""A hub whose state stands on a disk that is soon full."""

import os

from .base import run


class SmallDisk:
    """A tmpfs on the hub's state directory; mounting needs root, the test is skipped without."""

    def __init__(self, test, hub, size_mb):
        mounted = run("mount", "-t", "tmpfs", "-o", "size=%dm" % size_mb, "tmpfs", hub.state)
        if mounted.returncode != 0:
            test.skipTest("cannot mount a small tmpfs: " + mounted.stderr.strip())
        test.addCleanup(run, "umount", "-l", hub.state)
        test.addCleanup(hub.kill)
        self.filler = os.path.join(hub.state, "filler")

    def fill(self):
        with open(self.filler, "ab", buffering=0) as out:
            try:
                while True:
                    out.write(bytes(1 << 16))
            except OSError:
                pass

    def free(self):
        os.unlink(self.filler)
