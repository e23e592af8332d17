"""
run.py RESULTS MODULE...: runs system tests, a line each, and notes the results in a file. At the
end the modules that took longest, set-up and all: the whole has to stay below 25 minutes.
"""

import collections
import importlib
import os
import sys
import time
import traceback
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from system.harness import evidence  # noqa: E402


class Report(unittest.TestResult):
    def __init__(self, out):
        super().__init__()
        self.out = out
        self.begun = time.monotonic()
        self.sub_failed = False
        self.seconds = collections.Counter()
        self.counted_to = self.begun

    def startTest(self, test):
        super().startTest(test)
        self.count(test)
        self.begun = time.monotonic()
        self.sub_failed = False

    def stopTest(self, test):
        super().stopTest(test)
        self.count(test)

    def count(self, test):
        """What went by since the last test is this one's: its class was set up in it."""
        now = time.monotonic()
        self.seconds[self.name(test).split(".")[0]] += now - self.counted_to
        self.counted_to = now

    def tell_times(self):
        for module, seconds in self.seconds.most_common(10):
            print("%6.1f s  %s" % (seconds, module))

    @staticmethod
    def name(test):
        name = test.id() if hasattr(test, "id") else str(test)
        return name.replace("system.", "", 1).replace(" ", "_")

    def note(self, result, test, text=""):
        name = self.name(test)
        if text:
            print(text)
        print("%-8s %s  %.1f s" % (result, name, time.monotonic() - self.begun), flush=True)
        self.out.write("%s %s\n" % (result, name))
        self.out.flush()

    def addSuccess(self, test):
        if not self.sub_failed:
            self.note("ok", test)

    def addSkip(self, test, reason):
        self.note("skipped", test, reason)

    def addFailure(self, test, err):
        text = "".join(traceback.format_exception(*err))
        try:
            kept = evidence.keep(self.name(test), text)
        except OSError as problem:
            kept = problem
        self.note("FAILED", test, "%slogs: %s" % (text, kept))

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.sub_failed = True
            self.addFailure(subtest, err)


def main():
    # one suite: a second one would tear the last class of the first down once more
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromModule(
        importlib.import_module("system." + name)) for name in sys.argv[2:])
    with open(sys.argv[1], "w") as out:
        report = Report(out)
        suite.run(report)
    report.tell_times()


if __name__ == "__main__":
    main()
