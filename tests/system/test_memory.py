"""hubd's memory does not grow with the number of changes it has seen, only with what is there."""

import os
import unittest

from .harness.base import sanitized, wait_for
from .harness.organization import Organization

ROUNDS, CHANGES = 10, 200
GROWTH_KIB = 4096


def open_files(hub):
    """But segments of the spool, which are made ready beforehand and kept."""
    folder, names = "/proc/%d/fd" % hub.process.pid, []
    for number in os.listdir(folder):
        try:
            names.append(os.readlink(os.path.join(folder, number)))
        except FileNotFoundError:
            pass  # closed meanwhile
    return sum(os.path.join(hub.state, "spool") not in name for name in names)


@unittest.skipIf(sanitized(), "memory cannot be measured under sanitizers")
class Memory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = Organization().start()
        cls.addClassCleanup(cls.org.close)

    def change(self, number):
        """Many changes at once, one of them last and seen in what is in force."""
        org, lines = self.org, []
        for i in range(CHANGES):
            lines.append("dn: %s\nchangetype: modify\nreplace: hubCost\nhubCost: %d\n\n" % (
                org.directory.dn("London-Paris", "Site Links"), 1 + (number * CHANGES + i) % 90))
            lines.append("dn: uid=anna,ou=People,%s\nchangetype: modify\nreplace: mail\n"
                         "mail: anna@contoso.com\nmail: anna%d@contoso.com\n\n" % (
                             org.directory.suffix, number * CHANGES + i))
        org.apply(lambda: org.directory.modify("".join(lines)))

    def test_changes_leave_nothing_behind(self):
        hub, sizes = self.org.london1, []
        cache = os.path.join(hub.state, "cache", "recipients")
        wait_for("the file of recipients is open", lambda: os.path.exists(cache))
        for number in range(ROUNDS):
            self.change(number)
            sizes.append(hub.memory_kib())
            if number == 1:
                files = open_files(hub)
        print("resident KiB after each %d changes: %s" % (2 * CHANGES, sizes))
        self.assertLess(sizes[-1] - sizes[ROUNDS // 2 - 1], GROWTH_KIB, sizes)
        wait_for("no descriptors are left open", lambda: open_files(hub) <= files)


if __name__ == "__main__":
    unittest.main()
