"""What hubs write down of their sessions: the Receive and the Send protocol log."""

import csv
import glob
import os

FIELDS = ["date-time", "connector-id", "session-id", "sequence-number", "local-endpoint",
          "remote-endpoint", "event", "data", "context"]


def lines_of(rows, events="<>*+-"):
    return [row["event"] + row["data"] for row in rows if row["event"] in events]


class ProtocolLog:
    """One side of it ("smtp-receive", "smtp-send") in a folder of protocol logs."""

    def __init__(self, folder, side):
        self.folder = os.path.join(folder, side)

    @classmethod
    def sent(cls, hub):
        return cls(os.path.join(hub.state, "log", "protocol"), "smtp-send")

    def files(self):
        return sorted(glob.glob(os.path.join(self.folder, "*")))

    def text(self):
        found = ""
        for name in self.files():
            with open(name, encoding="utf-8", newline="") as log:
                found += log.read()
        return found

    def rows(self):
        """The lines of all files, as dictionaries; each has to be whole."""
        found = []
        for line in csv.reader(line for line in self.text().splitlines(keepends=True)
                               if not line.startswith("#")):
            if len(line) != len(FIELDS):
                raise AssertionError("not a line of this log: %r" % line)
            found.append(dict(zip(FIELDS, line)))
        return found

    def sessions(self, **fields):
        """Lists of lines, a list for each session in which all lines have these fields."""
        found = {}
        for row in self.rows():
            found.setdefault(row["session-id"], []).append(row)
        return [rows for rows in found.values()
                if all(row[name.replace("_", "-")] == value for row in rows
                       for name, value in fields.items())]
