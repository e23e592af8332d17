"""edgesyncd.conf: every bad line gets one line "FILE:LINE: reason" and status 2."""

import os
import signal
import subprocess
import unittest

from .harness.base import Place, build_path, run, wait_for
from .harness.keys import Key

PROGRAM = build_path("edgesyncd", "edgesyncd")


class Settings(unittest.TestCase):
    def setUp(self):
        self.place = Place()
        self.addCleanup(self.place.close)
        self.key = Key(self.place, "hub.example")
        self.other = Key(self.place, "other.example")
        self.password = self.place.file("password", "secret")
        self.state = self.place.directory("state")
        self.control = os.path.join(self.place.path, "control")
        self.good = [
            "# a comment", "", "server = hub1", "directory = ldap://127.0.0.1:1",
            "base = cn=Transport,o=Contoso", "  state =  %s " % self.state,
            "bind = simple cn=hub1,cn=Servers,cn=Transport,o=Contoso %s" % self.password,
            "certificate = " + self.key.certificate, "key = " + self.key.key,
            "control = " + self.control]

    def write(self, lines):
        return self.place.file("edgesyncd.conf", "".join(line + "\n" for line in lines))

    def check(self, lines):
        path = self.write(lines)
        return path, run(PROGRAM, "-f", path, "-t")

    def refused(self, lines, number, *words):
        path, done = self.check(lines)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("edgesyncd: %s:%d: " % (path, number)), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_good(self):
        for extra in ([], ["lease_time = 3", "account_lifetime = 60", "account_renewal = 20",
                           "comparison_interval = 5", "recipient_delay = 0"],
                      ["log = json", "resolver = 127.0.0.1:5353", "core_files = off"],
                      ["admin = 127.0.0.1:1", "user = nobody", "ca = " + self.key.certificate],
                      ["recipient_base = ou=People,o=Contoso"]):
            done = self.check(self.good + extra)[1]
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

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
            with self.subTest(line):
                self.refused(self.good + [line, "# after it"], len(self.good) + 1, *words)

    def test_bad_value_of_a_common_key(self):
        rows = {
            "directory": "http://x", "base": "no dn", "state": "/does/not/exist",
            "bind": "simple cn=x /does/not/exist", "certificate": "/does/not/exist",
            "key": self.other.key, "control": "relative/path",
        }
        for key, value in rows.items():
            at = [i for i, line in enumerate(self.good) if line.strip().startswith(key)][0]
            with self.subTest(key):
                self.refused(self.good[:at] + ["%s = %s" % (key, value)] + self.good[at + 1:],
                             at + 1, key)

    def test_missing_key(self):
        for key in ("server", "directory", "base", "state", "bind"):
            with self.subTest(key):
                lines = [line for line in self.good if not line.strip().startswith(key)]
                self.refused(lines, len(lines), "missing", key)

    def test_a_key_is_needed(self):
        lines = [line for line in self.good if not line.startswith(("certificate", "key"))]
        self.refused(lines, 0, "certificate", "missing")

    def test_no_file(self):
        done = run(PROGRAM, "-f", "/does/not/exist", "-t")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1))
        self.assertIn("/does/not/exist", done.stderr)

    def test_command_line(self):
        for arguments in ([], ["-x"], ["-f"], ["-f", "x", "y"]):
            done = run(PROGRAM, *arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn("usage", done.stderr)

    # --- the process, without any directory ---

    def start(self, *extra):
        process = subprocess.Popen([PROGRAM, "-f", self.write(self.good + list(extra))],
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
        second = run(PROGRAM, "-f", path)
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
