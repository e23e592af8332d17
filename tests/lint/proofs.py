"""The tests that tables name as proofs, and whether they exist.

A proof is a system test MODULE.Class.test (tests/system/test_MODULE.py), a unit test unit:FILE:NAME
(tests/unit/test_FILE.c, START_TEST) or a lint lint:NAME.
"""

import ast
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))


def system_tests():
    names = set()
    folder = os.path.join(TOP, "tests", "system")
    for file in os.listdir(folder):
        match = re.fullmatch(r"test_(\w+)\.py", file)
        if not match:
            continue
        with open(os.path.join(folder, file)) as source:
            tree = ast.parse(source.read())
        for group in tree.body:
            if isinstance(group, ast.ClassDef):
                names |= {"%s.%s.%s" % (match[1], group.name, f.name) for f in group.body
                          if isinstance(f, ast.FunctionDef) and f.name.startswith("test_")}
    return names


def exists(proof, tests):
    kind, _, rest = proof.partition(":")
    if kind == "lint":
        return os.access(os.path.join(HERE, rest), os.X_OK)
    if kind == "unit":
        file, _, name = rest.partition(":")
        path = os.path.join(TOP, "tests", "unit", "test_%s.c" % file)
        if not os.path.exists(path):
            return False
        with open(path) as source:
            return "START_TEST(%s)" % name in source.read()
    return proof in tests
