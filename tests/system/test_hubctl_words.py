"""What hubctl says of itself: help, manual and completion know the same words; completion knows the
names in the directory."""

import os
import re
import shlex
import unittest

from .harness.base import TOP, build_path, run
from .harness.directory import record
from .harness.organization import Organization

TOOL = build_path("tools", "hubctl")
OBJECT_VERBS = ["new", "set", "get", "list", "remove", "enable", "disable"]
# interfaces.md, as far as it is there
NOUNS = {
    **{noun: OBJECT_VERBS for noun in (
        "send-connector", "receive-connector", "foreign-connector", "delivery-agent-connector",
        "routing-group-connector", "routing-group", "accepted-domain", "remote-domain", "site",
        "site-link", "server", "mailbox-server")},
    "organization": ["set", "get", "list"],
    "edge-subscription": ["new", "import", "set", "get", "list", "remove"],
    "route": ["explain", "what-if", "table", "map"],
    "queue": ["list", "get", "suspend", "resume", "retry"],
    "message": ["list", "get", "suspend", "resume", "remove"],
    "config": ["status", "check"],
    "metrics": [],
    "edge-sync": ["start", "test"],
}


def help_of(*words):
    return run(TOOL, *words, "--help", check=True).stdout


def manual():
    with open(os.path.join(TOP, "tools", "hubctl.1")) as page:
        return page.read()


class Words(unittest.TestCase):
    def test_nouns_and_verbs(self):
        nouns = help_of().split("nouns:\n")[1].split()
        self.assertLessEqual(set(NOUNS), set(nouns))
        page = manual()
        for noun in nouns:
            with self.subTest(noun):
                self.assertRegex(page, r"\b%s\b" % noun)
                verbs = re.findall(r"^hubctl %s ([a-z-]+)" % noun, help_of(noun), re.M)
                self.assertLessEqual(set(NOUNS.get(noun, [])), set(verbs))
                if verbs != OBJECT_VERBS and noun != "organization":
                    for verb in set(verbs) - {"get", "list"}:
                        self.assertRegex(page, r"\b%s\b[^\n]*\b%s\b" % (noun, verb))

    def test_options_of_commands_are_in_the_manual(self):
        """Those of objects are the attributes' names, which it tells once and for all."""
        page = manual()
        for noun in ("route", "queue", "message", "config", "metrics", "edge-subscription"):
            told = re.sub(r"(?ms)^options of .*?(?=^hubctl |\Z)", "", help_of(noun))
            for option in re.findall(r"^  --([a-z-]+)", told, re.M):
                self.assertIn("Fl -" + option, page, noun)
        for option in ("output", "server", "directory", "base", "recipient-base", "control",
                       "what-if", "force", "ca", "client-certificate", "client-key"):
            self.assertRegex(page, r"Fl (-%s|o)\b" % option)

    def test_help_of_each_noun_lists_each_option_once(self):
        for noun, verbs in NOUNS.items():
            options = re.findall(r"^  --([a-z-]+)", help_of(noun), re.M)
            if "set" in verbs:
                self.assertEqual(len(options), len(set(options)), noun)
                self.assertIn("comment", options)

    def test_what_programs_write_has_no_options(self):
        """Of an edge subscription; they are shown all the same."""
        options = re.findall(r"^  --([a-z-]+)", help_of("edge-subscription"), re.M)
        self.assertIn("directory-certificate", options)
        self.assertIn("server-site", options)
        for name in ("removed", "subscription-serial", "server-ref", "sync-site", "credential"):
            self.assertNotIn(name, options)
            done = run(TOOL, "edge-subscription", "set", "x", "--" + name, "x")
            self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1))
            self.assertIn("there is no option --" + name, done.stderr)

    def test_no_address_to_verify(self):
        """Told before anybody is asked."""
        for address in ("", "annax", "@contoso.com", "anna@", "anna@x y", "anna@contoso.com b"):
            with self.subTest(address):
                done = run(TOOL, "edge-sync", "test", "--verify-recipient", address)
                self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
                self.assertIn('--verify-recipient "%s": ' % address, done.stderr)


class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = Organization()
        cls.addClassCleanup(cls.org.close)
        d = cls.org.directory
        d.add(record(d.dn("B\u00fcro 1", "Sites"), "hubSite", cn="B\u00fcro 1"))

    def offers(self, *words):
        """What TAB offers for the last of the words, as it would be typed."""
        d = self.org.directory
        line = ["hubctl", "--directory", d.uri, "-D", d.admin, "-y", d.password_file, *words]
        script = """
            hubctl() { %s "$@"; }
            . %s
            COMP_WORDS=(%s)
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _hubctl
            printf '%%s\\n' "${COMPREPLY[@]}"
        """ % (shlex.quote(TOOL), shlex.quote(os.path.join(TOP, "tools", "hubctl.bash")),
               " ".join(map(shlex.quote, line)))
        done = run("bash", "-c", script, check=True)
        self.assertEqual(done.stderr, "")
        return [line for line in done.stdout.split("\n") if line]

    def test_nouns_verbs_and_options(self):
        for noun, verbs in NOUNS.items():
            self.assertIn(noun, self.offers(noun[:3]))
            for verb in verbs:
                self.assertIn(verb, self.offers(noun, verb[:2]))
        self.assertEqual(self.offers("sen"), ["send-connector"])
        options = self.offers("send-connector", "set", "x", "--")
        for option in ("--address-space", "--no-address-space", "--add-address-space",
                       "--remove-address-space", "--no-port", "--what-if"):
            self.assertIn(option, options)
        self.assertNotIn("--add-port", options)
        self.assertNotIn("--no-port", self.offers("send-connector", "new", "x", "--"))
        self.assertNotIn("--port", self.offers("send-connector", "list", "--"))
        self.assertIn("--resubmit", self.offers("queue", "retry", "x", "--"))
        self.assertEqual(self.offers("-o", "j"), ["json"])
        self.assertIn("--directory-certificate", self.offers("edge-subscription", "set", "x", "--"))
        self.assertEqual(self.offers("edge-subscription", "remove", "x", "--n"), ["--now"])
        self.assertEqual(self.offers("edge-sync", "start", "x", "--a"), ["--allow-loss", "--admin"])
        self.assertEqual(self.offers("edge-sync", "test", "x", "--v"), ["--verify-recipient"])
        self.assertEqual(self.offers("edge-subscription", "import", "f", "--site", "L"), ["London"])

    def test_names_and_values(self):
        self.assertEqual(self.offers("site", "get", ""), [r"B\u00fcro\ 1".replace(
            r"\u00fc", "\u00fc"), "London", "Paris"])
        self.assertEqual(self.offers("send-connector", "set", r"To\ I"), [r"To\ Internet"])
        self.assertEqual(self.offers("receive-connector", "get", "paris1/D"),
                         [r"paris1/Default\ paris1"])
        self.assertEqual(self.offers("--server", "lond"), ["london1", "london2"])
        self.assertEqual(self.offers("route", "explain", "a@b.c", "--from", "p"), ["paris1"])
        self.assertEqual(self.offers("send-connector", "new", "x", "--source-server", "london"),
                         ["london1", "london2"])
        self.assertEqual(self.offers("send-connector", "set", "x", "--remove-source-server", "p"),
                         ["paris1"])
        self.assertEqual(self.offers("server", "new", "x", "--site", "P"), ["Paris"])
        self.assertEqual(self.offers("send-connector", "new", "x", "--usage", "Inter"),
                         ["Internal", "Internet"])
        self.assertEqual(self.offers("site", "set", "x", "--hub-site", "T"), ["TRUE"])

    def test_without_a_directory_it_is_quiet(self):
        done = run("bash", "-c", """
            hubctl() { %s "$@"; }
            . %s
            COMP_WORDS=(hubctl --directory ldap://127.0.0.1:1 site get '')
            COMP_CWORD=5
            _hubctl
            echo "${#COMPREPLY[@]}"
        """ % (shlex.quote(TOOL), shlex.quote(os.path.join(TOP, "tools", "hubctl.bash"))))
        self.assertEqual((done.stdout, done.stderr), ("0\n", ""))


if __name__ == "__main__":
    unittest.main()
