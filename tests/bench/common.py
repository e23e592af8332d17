"""What the benches share: the machine's name plate, tables, and what processes cost."""

import argparse
import datetime
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "system"))

BUILD = os.environ.get("HUB_BUILD", os.path.join(TOP, "build"))
TICK = os.sysconf("SC_CLK_TCK")


def arguments(description, **options):
    """The parser of a bench with what all have: --quick, --runs, --disk."""
    parser = argparse.ArgumentParser(description=description, **options)
    parser.add_argument("--quick", action="store_true", help="one short run")
    parser.add_argument("--runs", type=int, default=5, help="how often each figure is taken")
    parser.add_argument("--disk", default=os.environ.get("TMPDIR", "/tmp"), metavar="FOLDER",
                        help="where queues, spools and directories stand (default %(default)s)")
    return parser


def parse(parser, argv=None):
    options = parser.parse_args(argv)
    if options.quick:
        options.runs = 1
    tempfile.tempdir = os.path.abspath(options.disk)
    return options


def program(name):
    path = os.path.join(BUILD, name)
    if not os.access(path, os.X_OK):
        sys.exit("%s is missing: run make and make benches in %s" % (path, BUILD))
    return path


def filesystem(path):
    """Type and device of the file system that holds path, and how the device writes."""
    path = os.path.realpath(path)
    best = ("", "?", "?")
    with open("/proc/mounts") as mounts:
        for line in mounts:
            device, where, kind = line.split()[:3]
            if (path + "/").startswith(where.rstrip("/") + "/") and len(where) >= len(best[0]):
                best = (where, kind, device)
    try:
        name = os.path.basename(os.path.realpath(best[2]))
        with open("/sys/class/block/%s/queue/write_cache" % name) as cache:
            cached = ", " + cache.read().strip()
    except OSError:
        cached = ""
    return "%s on %s%s" % (best[1], best[2], cached)


def cpu_model():
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def machine(disk="/tmp"):
    with open("/proc/meminfo") as info:
        memory = int(info.readline().split()[1]) // 1024
    return "%d cores %s, %d MB, Linux %s, %s" % (
        os.cpu_count(), cpu_model(), memory, platform.release(), filesystem(disk))


def today():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def commit():
    done = subprocess.run(["git", "-C", TOP, "describe", "--always", "--dirty"],
                          capture_output=True, text=True)
    return done.stdout.strip() or "?"


def command_line():
    return " ".join([os.path.relpath(sys.argv[0], TOP)] + sys.argv[1:])


def name_plate(disk):
    load = os.getloadavg()[0]
    print("machine  %s" % machine(disk))
    print("date     %s, load average before %.1f" % (today(), load))
    print("commit   %s" % commit())
    print("command  %s" % command_line())
    print(flush=True)


def number(value):
    """Three digits that matter, no exponent."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    size = abs(value)
    return "%.0f" % value if size >= 100 else "%.1f" % value if size >= 10 else "%.2f" % value


def table(rows, header=None):
    """Aligned columns; the first to the left, the others to the right."""
    rows = [[number(cell) for cell in row] for row in ([header] if header else []) + rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
    print(flush=True)


def spread(values):
    """Median, least and greatest."""
    return statistics.median(values), min(values), max(values)


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def figure(name, value, unit, goal=""):
    """One line for README's table, found by tests/bench/all."""
    print("FIGURE\t%s\t%s %s\t%s" % (name, number(value), unit, goal), flush=True)


class Cost:
    """CPU time and context switches of a process and all it started, its dead children included."""

    def __init__(self, pid):
        self.pid = pid

    @staticmethod
    def _processes():
        """Of all processes: the fields of stat after the name, by pid."""
        found = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open("/proc/%s/stat" % entry) as stat:
                        found[int(entry)] = stat.read().rsplit(")", 1)[1].split()
                except OSError:
                    continue
        return found

    def pids(self):
        return list(self._family())

    def _family(self):
        processes = self._processes()
        family = {self.pid: processes[self.pid]}
        grown = True
        while grown:
            more = {pid: fields for pid, fields in processes.items()
                    if pid not in family and int(fields[1]) in family}
            family.update(more)
            grown = bool(more)
        return family

    def read(self):
        family = self._family()
        cpu = sum(int(fields[i]) for fields in family.values() for i in (11, 12, 13, 14))
        faults = sum(int(fields[i]) for fields in family.values() for i in (7, 8))
        return {"cpu_s": cpu / TICK, "faults": faults,
                "switches": sum(context_switches(pid) for pid in family)}


def context_switches(pid):
    total = 0
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/status" % (pid, task)) as status:
                total += sum(int(n) for n in re.findall(r"ctxt_switches:\s+(\d+)", status.read()))
    except OSError:
        pass
    return total


def memory(pid):
    """Kilobytes of a process by kind: Rss, Pss, Private_Dirty, Anonymous."""
    with open("/proc/%d/smaps_rollup" % pid) as rollup:
        return {name: int(value) for name, value in
                re.findall(r"^(\w+):\s+(\d+) kB", rollup.read(), re.MULTILINE)}


def have(tool):
    return shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
