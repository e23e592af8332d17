"""The examples of the README, run as they stand against the demonstration.

In the README a command is a line behind "$ " (up to the END of a here-document, and with the lines
that are indented further); what follows up to an empty line is its output, "..." being anything.
"""

import glob
import os
import re
import subprocess
import tempfile
import unittest

from .harness.base import TOP, run, wait_for

QUICKSTART = os.path.join(TOP, "deploy", "quickstart")
PROMPT = "\t$ "


class Example:
    def __init__(self, number, command):
        self.number = number
        self.command = command
        self.output = []


def continues(lines, at, command):
    """Does the line belong to the command above it?"""
    if "<<END" in command[0] and "END" not in command:
        return True
    return at < len(lines) and lines[at].startswith("\t\t")


def read_examples(path):
    with open(path) as text:
        lines = text.read().split("\n")
    examples, at = [], 0
    while at < len(lines):
        if not lines[at].startswith(PROMPT):
            at += 1
            continue
        example = Example(at + 1, [lines[at][len(PROMPT):]])
        at += 1
        while continues(lines, at, example.command):
            example.command.append(lines[at][1:])
            at += 1
        while lines[at].startswith("\t") and not lines[at].startswith(PROMPT):
            example.output.append(lines[at][1:])
            at += 1
        examples.append(example)
    return examples


class Shell:
    """One bash for all examples, so that variables stay; all output in the order of a terminal."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", "bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, cwd=TOP)

    def run(self, lines):
        self.process.stdin.write("\n".join(lines) + "\necho; echo '=end='\n")
        self.process.stdin.flush()
        output = []
        for line in self.process.stdout:
            if line == "=end=\n":
                return [text for text in output if text]
            output.append(line.rstrip("\n"))
        raise AssertionError("the shell has ended: %s" % output)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def configurations(directory):
    """For each hub that runs: the fingerprints that its log tells of, the last one in force."""
    found = {}
    for path in glob.glob(os.path.join(directory, "log", "*[0-9].log")):
        with open(path) as log:
            text = log.read()
        if " event=spool-open " in text and not path.endswith("/edge1.log"):
            found[path] = re.findall(r" event=configuration fingerprint=(\w+)", text)
    return found


def in_step(directory, before=None):
    """What configurations() gives, once all hubs run the same, each told of since before."""
    now = configurations(directory)
    if len({tuple(told[-1:]) for told in now.values()}) != 1:
        return None
    if before and any(len(now[path]) <= len(told) for path, told in before.items()):
        return None
    return now


class Readme(unittest.TestCase):
    def test_examples(self):
        parent = tempfile.mkdtemp(prefix="hub-rm-")
        self.addCleanup(os.rmdir, parent)
        os.chmod(parent, 0o755)
        place = os.path.join(parent, "demo")
        done = run(QUICKSTART, "--keep", "--dir", place, timeout=600)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.addCleanup(run, QUICKSTART, "--stop", place, check=True)
        shell = Shell()
        self.addCleanup(shell.close)
        shell.run([". %s/use" % place])
        examples = read_examples(os.path.join(TOP, "README"))
        self.assertGreater(len(examples), 20)
        for example in examples:
            self.try_one(shell, place, example)

    def try_one(self, shell, place, example):
        before = wait_for("hubs in step", lambda: in_step(place))
        output = shell.run(example.command)
        if example.command[0].startswith("modify") and not any(
                line.startswith("ldap_modify") for line in output):
            wait_for("the change is in force", lambda: in_step(place, before))
            wait_for("the edge is in step", lambda: shell.run(
                ["hubctl edge-sync test > /dev/null 2>&1 && echo yes"]) == ["yes"])
        pattern = "\n".join(re.escape(line).replace(r"\.\.\.", ".*") for line in example.output)
        self.check(re.fullmatch(pattern, "\n".join(output), re.DOTALL), example, output)

    def check(self, good, example, output):
        self.assertTrue(good, "README:%d: %s\nshould give\n%s\nbut gives\n%s" % (
            example.number, example.command[0], "\n".join(example.output), "\n".join(output)))


if __name__ == "__main__":
    unittest.main()
