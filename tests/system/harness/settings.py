"""A program's file of settings: every bad line gets one line "FILE:LINE: reason" and status 2."""

from .base import Place, build_path, run
from .keys import Key


class SettingsTests:
    """What is true of any program's, and what its own tests need; for a TestCase."""

    name = None  # of the program, and of its folder

    def setUp(self):
        self.program = build_path(self.name, self.name)
        self.place = Place()
        self.addCleanup(self.place.close)
        self.key = Key(self.place, "hub.example")
        self.other = Key(self.place, "other.example")
        self.password = self.place.file("password", "secret")
        self.state = self.place.directory("state")
        self.good = [
            "# a comment", "", "server = hub1", "directory = ldap://127.0.0.1:1",
            "base = cn=Transport,o=Contoso", "  state =  %s " % self.state,
            "bind = simple cn=hub1,cn=Servers,cn=Transport,o=Contoso %s" % self.password,
            "certificate = " + self.key.certificate, "key = " + self.key.key]

    def write(self, lines):
        return self.place.file(self.name + ".conf", "".join(line + "\n" for line in lines))

    def check(self, lines):
        path = self.write(lines)
        return path, run(self.program, "-f", path, "-t")

    def accepted(self, *extra):
        """The good lines and those."""
        done = self.check(self.good + list(extra))[1]
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def refused(self, lines, number, *words):
        path, done = self.check(lines)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("%s: %s:%d: " % (self.name, path, number)),
                        done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def refused_after_good(self, line, *words):
        with self.subTest(line[:60]):
            self.refused(self.good + [line, "# after it"], len(self.good) + 1, *words)

    def refused_instead(self, key, line):
        """In the place of the good line of that key."""
        at = [i for i, good in enumerate(self.good) if good.strip().startswith(key)][0]
        with self.subTest(line[:60]):
            self.refused(self.good[:at] + [line] + self.good[at + 1:], at + 1, key)

    def without(self, *keys):
        return [line for line in self.good if not line.strip().startswith(keys)]

    def test_missing_key(self):
        for key in ("server", "directory", "base", "state", "bind"):
            with self.subTest(key):
                lines = self.without(key)
                self.refused(lines, len(lines), "missing", key)

    def test_no_file(self):
        done = run(self.program, "-f", "/does/not/exist", "-t")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1))
        self.assertIn("/does/not/exist", done.stderr)

    def test_command_line(self):
        for arguments in ([], ["-x"], ["-f"], ["-f", "x", "y"]):
            done = run(self.program, *arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn("usage", done.stderr)
