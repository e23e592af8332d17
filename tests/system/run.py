"""
run.py [--jobs N] RESULTS MODULE...: runs system tests, a line each, and notes the results in a
file. At the end the modules that took longest, set-up and all: the whole has to stay below 25
minutes. Tests wait more than they work, so N modules run at a time, each in a process of its own;
those that look at speed or memory have the machine to themselves afterwards.
"""

import argparse
import collections
import concurrent.futures
import importlib
import os
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from system.harness import evidence  # noqa: E402


# They say how long something may take, or how large a program may grow.
ALONE = {"test_concurrency", "test_dns", "test_hostile_load", "test_live_changes", "test_memory",
         "test_providers", "test_start", "test_validator"}


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


def tell_times(seconds):
    for module, taken in seconds.most_common(10):
        print("%6.1f s  %s" % (taken, module))


def run_here(results, modules):
    # one suite: a second one would tear the last class of the first down once more
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromModule(
        importlib.import_module("system." + name)) for name in modules)
    with open(results, "w") as out:
        report = Report(out)
        suite.run(report)
    return report.seconds


def run_apart(module):
    """In another process; gives its exit status, what it said, its results and its time."""
    begun = time.monotonic()
    with tempfile.NamedTemporaryFile("r") as results:
        done = subprocess.run([sys.executable, __file__, "--quiet", results.name, module],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout, results.read(), time.monotonic() - begun


def run_some_at_a_time(results, modules, jobs):
    seconds, failed = collections.Counter(), False
    alone = [module for module in modules if module in ALONE]
    rounds = [(jobs, [module for module in modules if module not in ALONE]), (1, alone)]
    with open(results, "w") as out:
        for workers, part in rounds:
            with concurrent.futures.ThreadPoolExecutor(workers) as pool:
                runs = {pool.submit(run_apart, module): module for module in part}
                for run in concurrent.futures.as_completed(runs):
                    status, said, noted, seconds[runs[run]] = run.result()
                    failed = failed or status != 0
                    print(said, end="", flush=True)
                    out.write(noted)
                    out.flush()
    return seconds, failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--quiet", action="store_true", help="not a word about times")
    parser.add_argument("results")
    parser.add_argument("modules", nargs="+")
    given = parser.parse_args()
    failed = False
    if given.jobs == 1:
        seconds = run_here(given.results, given.modules)
    else:
        seconds, failed = run_some_at_a_time(given.results, given.modules, given.jobs)
    if not given.quiet:
        tell_times(seconds)
    sys.exit(failed)


if __name__ == "__main__":
    main()
