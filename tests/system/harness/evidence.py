"""What a test that failed leaves behind: the logs of all that ran, as they were at that moment.

A failure that comes once in fifty runs is found out by nothing else. For each a directory in
failed-tests/ of the build: failure.txt, the logs (of large ones the end), and what hubs and sinks
tell of themselves.
"""

import glob
import os
import re
import shutil
import time

from .base import Place, build_path

LOG_MAX = 1024 * 1024
FAILURES_MAX = 100


def _folder(name):
    top = build_path("failed-tests")
    os.makedirs(top, exist_ok=True)
    for old in sorted(glob.glob(os.path.join(top, "*")))[:-FAILURES_MAX]:
        shutil.rmtree(old, ignore_errors=True)
    name = re.sub(r"[^\w.=-]+", "_", name)[:150]
    folder = os.path.join(top, time.strftime("%Y-%m-%dT%H-%M-%S-") + name)
    os.makedirs(folder, exist_ok=True)
    return folder


def _copy_end(source, target):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(source, "rb") as log, open(target, "wb") as out:
        log.seek(max(0, os.path.getsize(source) - LOG_MAX))
        shutil.copyfileobj(log, out)


def _keep_logs(place, folder):
    for path in glob.glob(os.path.join(place.path, "**", "*.log"), recursive=True):
        if os.path.isfile(path):
            _copy_end(path, os.path.join(folder, os.path.relpath(path, place.path)))


def _keep_told(place, folder):
    for name, tell in place.tellers:
        try:
            told = tell()
        except Exception as problem:  # what one cannot tell must not hide the others
            told = repr(problem)
        with open(os.path.join(folder, name + ".txt"), "w", errors="replace") as out:
            out.write(told + "\n")


def keep(test, failure):
    """Gives the directory."""
    folder = _folder(test)
    with open(os.path.join(folder, "failure.txt"), "w", errors="replace") as out:
        out.write(failure)
    for place in Place.open:
        part = os.path.join(folder, os.path.basename(place.path))
        os.makedirs(part, exist_ok=True)
        _keep_logs(place, part)
        _keep_told(place, part)
    return folder
