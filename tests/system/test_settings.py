"""hubd.conf: every bad line gets one line "FILE:LINE: reason" and status 2."""

import os
import unittest

from .harness.base import Place, build_path, run
from .harness.keys import Key


class Settings(unittest.TestCase):
    def setUp(self):
        self.place = Place()
        self.addCleanup(self.place.close)
        self.key = Key(self.place, "hub.example")
        self.other = Key(self.place, "other.example")
        self.password = self.place.file("password", "secret")
        self.good = [
            "# a comment", "", "server = hub1", "directory = ldap://127.0.0.1:1",
            "base = cn=Transport,o=Contoso", "  state =  %s " % self.place.directory("state"),
            "bind = simple cn=hub1,cn=Servers,cn=Transport,o=Contoso %s" % self.password,
            "certificate = " + self.key.certificate, "key = " + self.key.key]

    def check(self, lines):
        path = self.place.file("hubd.conf", "".join(line + "\n" for line in lines))
        return path, run(build_path("hubd", "hubd"), "-f", path, "-t")

    def test_good(self):
        for extra in ([], ["workers = 4", "log = json", "resolver = 127.0.0.1:5353"],
                      ["protocol_log = off"], ["protocol_log = /tmp", "protocol_log_age = 0",
                       "protocol_log_file_size = 1024", "protocol_log_total_size = 0"],
                      ["admin = 127.0.0.1:1", "control = /tmp/x", "user = nobody"]):
            done = self.check(self.good + extra)[1]
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def refused(self, lines, number, *words):
        path, done = self.check(lines)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("hubd: %s:%d: " % (path, number)), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_bad_line(self):
        rows = [
            ("nonsense", "nonsense"),
            ("colour = blue", "colour"),
            ("server = hub2", "twice"),
            ("workers = 0", "workers", "1", "64"),
            ("workers = 65", "workers"),
            ("workers = -1", "workers"),
            ("workers = 2x", "workers"),
            ("workers = 99999999999999999999", "workers"),
            ("workers =", "workers"),
            ("log = xml", "log", "xml"),
            ("core_files = yes", "core_files", "yes"),
            ("protocol_log = here", "protocol_log", "off"),
            ("protocol_log_file_size = 10X", "protocol_log_file_size", "1K"),
            ("protocol_log_file_size = 500", "protocol_log_file_size", "1K"),
            ("protocol_log_file_size = 3G", "protocol_log_file_size"),
            ("protocol_log_file_size = 99999999999999G", "protocol_log_file_size"),
            ("protocol_log_file_size = M", "protocol_log_file_size"),
            ("protocol_log_total_size = 9M", "protocol_log_total_size", "one file"),
            ("protocol_log_age = -1", "protocol_log_age"),
            ("control = relative/path", "control"),
            ("ca = /does/not/exist", "ca", "/does/not/exist"),
            ("ca = %s" % self.password, "ca"),
            ("resolver = not:an:address", "resolver"),
            ("admin = nowhere", "admin"),
            ("user = nobody-of-that-name", "user"),
            ("= value", "no key"),
            ("x" * 5000, "too long"),
        ]
        for line, *words in rows:
            with self.subTest(line[:60]):
                self.refused(self.good + [line] + ["# after it"], len(self.good) + 1, *words)

    def test_bad_value_of_a_required_key(self):
        rows = {
            "server": ["server ="],
            "directory": ["directory = http://x", "directory = ,",
                          "directory = " + "ldap://x " * 17],
            "base": ["base = no dn", "base ="],
            "state": ["state = relative", "state = /does/not/exist",
                      "state = " + self.password],
            "bind": ["bind = magic", "bind = simple", "bind = simple cn=x",
                     "bind = simple cn=x /does/not/exist"],
            "certificate": ["certificate = /does/not/exist", "certificate = " + self.password],
            "key": ["key = /does/not/exist", "key = " + self.password,
                    "key = " + self.other.key],
        }
        for key, lines in rows.items():
            at = [i for i, line in enumerate(self.good) if line.strip().startswith(key)][0]
            for line in lines:
                with self.subTest(line[:60]):
                    self.refused(self.good[:at] + [line] + self.good[at + 1:], at + 1, key)

    def test_missing_key(self):
        for key in ("server", "directory", "base", "state", "bind"):
            with self.subTest(key):
                lines = [line for line in self.good if not line.strip().startswith(key)]
                self.refused(lines, len(lines), "missing", key)

    def test_certificate_and_key_go_together(self):
        for key in ("certificate", "key"):
            with self.subTest(key):
                lines = [line for line in self.good if not line.startswith(key)]
                at = [i for i, line in enumerate(lines) if line.startswith(
                    ("certificate", "key"))][0]
                self.refused(lines, at + 1, "together")

    def test_admin_needs_a_certificate(self):
        lines = [line for line in self.good if not line.startswith(("certificate", "key"))]
        self.refused(lines + ["admin = 127.0.0.1:1"], len(lines) + 1, "admin", "certificate")

    def test_keytab(self):
        for bad, word in (("/does/not/exist", "exist"), (self.password, "password")):
            self.refused(self.good + ["keytab = " + bad], len(self.good) + 1, "keytab", word)

    def test_agents(self):
        open_to_all = self.place.directory("open")
        os.chmod(open_to_all, 0o777)
        for bad, word in (("/does/not/exist", "exist"), (self.password, "directory"),
                          (open_to_all, "could be changed by others"), ("agents", "/")):
            self.refused(self.good + ["agents = " + bad], len(self.good) + 1, "agents", word)
        self.refused(self.good + ["agent_timeout = 0"], len(self.good) + 1, "agent_timeout", "1")

    def test_no_file(self):
        done = run(build_path("hubd", "hubd"), "-f", "/does/not/exist", "-t")
        self.assertEqual(done.returncode, 2)
        self.assertIn("/does/not/exist", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)

    def test_command_line(self):
        for arguments in ([], ["-x"], ["-f"], ["-f", "x", "y"]):
            done = run(build_path("hubd", "hubd"), *arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn("usage", done.stderr)


if __name__ == "__main__":
    unittest.main()
