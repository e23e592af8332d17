"""An organization as a file that hubctl reads instead of a directory."""

import os
import tempfile
import unittest


class OfflineCase(unittest.TestCase):
    """file is the LDIF that organization() of the test gives; further files stand beside it."""

    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name
        self.file = self.write("org.ldif", self.organization())

    def organization(self):
        raise NotImplementedError

    def write(self, name, text):
        path = os.path.join(self.place, name)
        with open(path, "w") as out:
            out.write(text)
        return path
