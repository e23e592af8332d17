"""edgesyncd.conf: every bad line gets one line "FILE:LINE: reason" and status 2."""

import os
import signal
import subprocess
import unittest

from .harness.base import run, wait_for
from .harness.settings import SettingsTests


class Settings(SettingsTests, unittest.TestCase):
    name = "edgesyncd"

    def setUp(self):
        super().setUp()
        self.control = os.path.join(self.place.path, "control")
        self.good.append("control = " + self.control)

    def test_good(self):
        for extra in ([], ["lease_time = 3", "account_lifetime = 60", "account_renewal = 20",
                           "comparison_interval = 5", "recipient_delay = 0"],
                      ["log = json", "resolver = 127.0.0.1:5353", "core_files = off"],
                      ["admin = 127.0.0.1:1", "user = nobody", "ca = " + self.key.certificate],
                      ["recipient_base = ou=People,o=Contoso"]):
            self.accepted(*extra)

    def test_bad_line(self):
        rows = [
            ("nonsense", "nonsense"),
            ("colour = blue", "unknown", "colour"),
            ("workers = 4", "unknown", "workers"),
            ("protocol_log = off", "unknown", "protocol_log"),
            ("server = hub2", "twice"),
            ("lease_time = 1", "lease_time", "2", "3600"),
            ("lease_time = 3601", "lease_time"),
            ("lease_time = 1m", "lease_time"),
            ("lease_time =", "lease_time"),
            ("account_lifetime = 9", "account_lifetime", "10"),
            ("account_renewal = 0", "account_renewal", "1"),
            ("account_renewal = 7776000", "account_renewal", "less", "7776000"),
            ("comparison_interval = 0", "comparison_interval"),
            ("recipient_delay = 6", "recipient_delay", "5"),
            ("log = xml", "log", "xml"),
            ("ca = /does/not/exist", "ca", "/does/not/exist"),
            ("ca = %s" % self.password, "ca"),
            ("resolver = not:an:address", "resolver"),
            ("admin = nowhere", "admin"),
            ("user = nobody-of-that-name", "user"),
        ]
        for line, *words in rows:
            self.refused_after_good(line, *words)

    def test_bad_value_of_a_common_key(self):
        rows = {
            "directory": "http://x", "base": "no dn", "state": "/does/not/exist",
            "bind": "simple cn=x /does/not/exist", "certificate": "/does/not/exist",
            "key": self.other.key, "control": "relative/path",
        }
        for key, value in rows.items():
            self.refused_instead(key, "%s = %s" % (key, value))

    def test_a_key_is_needed(self):
        self.refused(self.without("certificate", "key"), 0, "certificate", "missing")

    # --- the process, without any directory ---

    def start(self, *extra):
        process = subprocess.Popen([self.program, "-f", self.write(self.good + list(extra))],
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_for("it listens", lambda: os.path.exists(self.control))
        return process

    def test_one_at_a_time(self):
        self.start()
        other = os.path.join(self.place.path, "other")
        path = self.place.file("second.conf", "".join(
            line + "\n" for line in self.good[:-1] + ["control = " + other]))
        second = run(self.program, "-f", path)
        self.assertEqual(second.returncode, 1, second.stderr)
        self.assertIn("another edgesyncd runs with " + self.state, second.stderr)

    def test_stops_without_a_directory(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            process = self.start()
            process.send_signal(number)
            self.assertEqual(process.wait(timeout=20), 0)
            self.assertFalse(os.path.exists(self.control))

    def test_reloads_keys(self):
        process = self.start()
        os.rename(self.other.key, self.key.key)
        process.send_signal(signal.SIGHUP)
        self.line(process, "reload-failed")
        os.rename(self.other.certificate, self.key.certificate)
        self.write(self.good + ["lease_time = 30"])
        process.send_signal(signal.SIGHUP)
        self.assertIn("key=lease_time", self.line(process, "settings-changed"))
        self.line(process, "event=reloaded")

    def line(self, process, word):
        """The next line of its log with that word."""
        for line in process.stderr:
            if word in line:
                return line
        return self.fail("no " + word)


if __name__ == "__main__":
    unittest.main()
