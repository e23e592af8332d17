"""campaign.py: random organizations, asked of libhub and of the oracle; a difference is shrunk.

By hand, from the top of the tree:
    python3 -m tests.oracle.campaign DRIVER [--organizations N] [--seed N] [--questions N]
    python3 -m tests.oracle.campaign DRIVER --ask ORG.ldif SERVER ADDRESS SIZE [--failed NAME]...
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time

from .generate import Generator
from .model import from_ldif, to_ldif
from .oracle import Oracle

SEED = 20070101
COMPARED = ("decision", "connector", "cost", "path", "next_site", "next_servers", "fallback",
            "bisect", "status", "queue", "candidates")


class Driver:
    """libhub, in one process for all organizations (driver.c)."""

    def __init__(self, program):
        descriptor, self.path = tempfile.mkstemp(suffix=".ldif")
        os.close(descriptor)
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        os.unlink(self.path)

    def load(self, objects):
        with open(self.path, "w") as out:
            out.write(to_ldif(objects))
        self.process.stdin.write(("organization\t%s\n" % self.path).encode())

    def ask(self, server, address, size, *failed):
        line = "\t".join((server, address, str(size), *failed))
        self.process.stdin.write((line + "\n").encode())
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise EOFError("the driver ended")
        return json.loads(line)


def comparable(answer):
    """What is compared, in a form in which equal means equal."""
    answer = {key: answer.get(key) for key in COMPARED}
    if isinstance(answer["candidates"], dict):
        rows = [(name, lost) for (_, name), lost in answer["candidates"].items()]
    else:
        rows = [(row["connector"], row["lost_by"]) for row in answer["candidates"] or []]
    answer["candidates"] = sorted([name, lost or ""] for name, lost in rows)
    return answer


class Difference(Exception):
    def __init__(self, objects, question, ours, theirs):
        super().__init__(question)
        self.objects, self.question, self.ours, self.theirs = objects, question, ours, theirs

    def __str__(self):
        differ = [key for key in COMPARED if self.ours[key] != self.theirs[key]]
        text = ["libhub and the oracle differ on " + " ".join(map(str, self.question)), "",
                to_ldif(self.objects, readable=True)]
        for key in COMPARED:
            mark = "!" if key in differ else " "
            text.append("%s %-12s libhub %s" % (mark, key, self.theirs[key]))
            if key in differ:
                text.append("  %-12s oracle %s" % ("", self.ours[key]))
        return "\n".join(text)


def compare(driver, oracle, question):
    """None, or both answers."""
    theirs = comparable(driver.ask(*question))
    ours = comparable(oracle.answer(*question))
    return None if ours == theirs else (ours, theirs)


def differs(driver, objects, question):
    if not any(o.kind == "hubServer" and o.name == question[0] for o in objects):
        return None
    oracle = Oracle(objects)
    if not any(o.name == question[0] for o in oracle.kind("hubServer")):
        return None
    driver.load(objects)
    return compare(driver, oracle, question)


def smaller(objects):
    """Every organization that lacks one object, then every one that lacks one value."""
    for i in range(len(objects) - 1, -1, -1):
        if objects[i].kind != "hubOrganization":
            yield objects[:i] + objects[i + 1:]
    for i, o in enumerate(objects):
        for attribute, values in o.attributes.items():
            for value in values:
                yield objects[:i] + [o.without(attribute, value)] + objects[i + 1:]


def halves(objects):
    """Large pieces first, so that shrinking does not take a step for every object."""
    size = len(objects) // 2
    while size > 1:
        for at in range(0, len(objects), size):
            yield [o for i, o in enumerate(objects)
                   if not at <= i < at + size or o.kind == "hubOrganization"]
        size //= 2


def shrink(driver, objects, question):
    """The smallest organization on which both still differ: nothing can be left out of it."""
    again = True
    while again:
        again = False
        for steps in (halves, smaller):
            for fewer in steps(objects):
                if len(fewer) < len(objects) or steps is smaller:
                    if differs(driver, fewer, question):
                        objects, again = fewer, True
                        break
            if again:
                break
    return Difference(objects, question, *differs(driver, objects, question))


def check_one(driver, seed, number, questions):
    """Raises Difference; gives the number of answers compared."""
    generator = Generator(random.Random("%s/%s" % (seed, number)))
    objects = generator.organization()
    oracle = Oracle(objects)
    driver.load(objects)
    count = 0
    for question in generator.questions(questions):
        if compare(driver, oracle, question):
            raise shrink(driver, objects, question)
        count += 1
    return count


def campaign(program, organizations, seed=SEED, questions=30, progress=None):
    driver = Driver(program)
    total = 0
    try:
        for number in range(organizations):
            try:
                total += check_one(driver, seed, number, questions)
            except Difference as difference:
                difference.number = number
                raise
            if progress is not None:
                progress(number + 1, total)
    finally:
        driver.close()
    return total


def ask_file(program, path, server, address, size, *failed):
    with open(path) as text:
        objects = from_ldif(text.read())
    driver = Driver(program)
    driver.load(objects)
    question = (server, address, int(size), *failed)
    result = compare(driver, Oracle(objects), question)
    print(Difference([], question, *result) if result else "both agree")
    driver.close()
    return 1 if result else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("--organizations", type=int, default=300)
    parser.add_argument("--seed", default=SEED)
    parser.add_argument("--questions", type=int, default=30)
    parser.add_argument("--ask", nargs=4, metavar=("ORG.ldif", "SERVER", "ADDRESS", "SIZE"))
    parser.add_argument("--failed", action="append", default=[], metavar="CONNECTOR")
    options = parser.parse_args()
    if options.ask:
        return ask_file(options.driver, *options.ask, *options.failed)
    begun = time.monotonic()

    def progress(done, total):
        if done % 500 == 0:
            print("%d organizations, %d answers, %.0f s" % (done, total, time.monotonic() - begun),
                  flush=True)

    try:
        total = campaign(options.driver, options.organizations, options.seed, options.questions,
                         progress)
    except Difference as difference:
        print("organization %d of seed %s" % (difference.number, options.seed))
        print(difference)
        return 1
    print("%d organizations, %d answers, all the same" % (options.organizations, total))
    return 0


if __name__ == "__main__":
    sys.exit(main())
