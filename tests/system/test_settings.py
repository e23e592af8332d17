"""hubd.conf: every bad line gets one line "FILE:LINE: reason" and status 2."""

import os
import unittest

from .harness.settings import SettingsTests


class Settings(SettingsTests, unittest.TestCase):
    name = "hubd"

    def test_good(self):
        for extra in ([], ["workers = 4", "log = json", "resolver = 127.0.0.1:5353"],
                      ["protocol_log = off"], ["protocol_log = /tmp", "protocol_log_age = 0",
                       "protocol_log_file_size = 1024", "protocol_log_total_size = 0"],
                      ["admin = 127.0.0.1:1", "control = /tmp/x", "user = nobody"]):
            self.accepted(*extra)

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
            self.refused_after_good(line, *words)

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
            for line in lines:
                self.refused_instead(key, line)

    def test_certificate_and_key_go_together(self):
        for key in ("certificate", "key"):
            with self.subTest(key):
                lines = self.without(key)
                at = [i for i, line in enumerate(lines) if line.startswith(
                    ("certificate", "key"))][0]
                self.refused(lines, at + 1, "together")

    def test_admin_needs_a_certificate(self):
        lines = self.without("certificate", "key")
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


if __name__ == "__main__":
    unittest.main()
