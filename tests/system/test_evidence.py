"""A test that fails leaves the logs of what ran behind, before all that is gone."""

import contextlib
import io
import os
import tempfile
import unittest
from unittest import mock

from .harness import evidence
from .harness.base import Place, Process, wait_for
from .harness.peers import Sink
from .run import Report


class Fails(unittest.TestCase):
    def setUp(self):
        self.place = Place()
        self.addCleanup(self.place.close)
        Sink(self.place).note("NOOP of a sink", False)
        self.place.at_failure("broken", lambda: 1 // 0)
        process = Process("talker", ["sh", "-c", "seq 200000; exec sleep 1000"], self.place.path)
        self.place.at_end(process.start().kill)
        wait_for("all is said", lambda: process.log().endswith("200000\n"))

    def runTest(self):
        with self.subTest("a part"):
            self.fail("on purpose")


class Evidence(unittest.TestCase):
    def test_failure(self):
        with tempfile.TemporaryDirectory() as folder, \
                mock.patch.object(evidence, "build_path", lambda name: os.path.join(folder, name)):
            printed, noted = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(printed):
                unittest.TestSuite([Fails()]).run(Report(noted))
            self.assertTrue(noted.getvalue().startswith("FAILED test_evidence.Fails.runTest"))
            self.assertNotIn("\nok", noted.getvalue())
            kept = printed.getvalue().split("logs: ")[1].split("\n")[0]
            self.check(kept)

    def check(self, kept):
        with open(os.path.join(kept, "failure.txt")) as text:
            self.assertIn("on purpose", text.read())
        found = {}
        for folder, _, names in os.walk(kept):
            for name in names:
                with open(os.path.join(folder, name)) as text:
                    found[name.split("-")[0]] = text.read()
        self.assertIn("ZeroDivisionError", found["broken.txt"])
        self.assertIn("NOOP of a sink", found["sink"])
        # of a large one the end
        self.assertTrue(found["talker.log"].endswith("\n200000\n"))
        self.assertEqual(len(found["talker.log"]), evidence.LOG_MAX)


def load_tests(loader, _tests, _pattern):
    return loader.loadTestsFromTestCase(Evidence)
