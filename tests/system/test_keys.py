"""A hub's certificate and key are replaced while it runs; its peers go on trusting it."""

import shutil
import signal
import smtplib
import ssl
import unittest

from .harness.base import run, wait_for
from .harness.certificates import authority, make
from .harness.keys import Key
from .harness.organization import Organization, message, send


def shown(hub):
    """The certificate of a new session, DER."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", hub.port, timeout=20) as client:
        client.starttls(context=context)
        return client.sock.getpeercert(True)


def der(path):
    with open(path) as pem:
        return ssl.PEM_cert_to_DER_cert(pem.read())


def relays(org):
    """From Paris to London and back: each is client once and server once."""
    for port, sender, to, sink in (
            (org.application_port, "anna@contoso.com", "x@far.example", org.smart_host),
            (org.internet_port, "x@far.example", "anna@contoso.com", org.mailbox)):
        token, data = message(sender=sender, to=to)
        send(port, sender, [to], data)
        sink.wait(token)


class Keys(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.org = Organization().start()
        cls.addClassCleanup(cls.org.close)

    def relays(self):
        relays(self.org)

    def replace(self, hub, certificate, key):
        shutil.copy(certificate, hub.key.certificate)
        shutil.copy(key, hub.key.key)
        before = len(hub.events("reloaded"))
        hub.process.signal(signal.SIGHUP)
        wait_for("the files are read", lambda: len(hub.events("reloaded")) > before)

    def test_a_renewed_certificate_is_shown_at_once(self):
        hub = self.org.paris1
        before = shown(hub)
        renewed = self.org.place.file("renewed.crt")
        run("openssl", "req", "-x509", "-key", hub.key.key, "-days", "3", "-subj",
            "/CN=renewed", "-out", renewed, check=True)
        self.replace(hub, renewed, hub.place.file("same.key", open(hub.key.key).read()))
        wait_for("new sessions show it", lambda: shown(hub) == der(renewed))
        self.assertNotEqual(before, der(renewed))
        self.relays()

    def test_a_new_key_waits_until_the_directory_has_it(self):
        for hub in (self.org.paris1, self.org.london1):
            with self.subTest(hub.name):
                before, old = shown(hub), hub.key.digest
                new = Key(self.org.place, "next-" + hub.name)
                self.replace(hub, new.certificate, new.key)
                wait_for("it says so", lambda: hub.events("key-waits", new=new.digest))
                self.assertEqual(shown(hub), before)
                self.relays()
                self.org.apply(lambda: self.org.directory.change(
                    hub.dn(), hubKeyDigest=[old, new.digest]))
                wait_for("new sessions show it", lambda: shown(hub) == der(new.certificate))
                self.relays()
                self.org.apply(lambda: self.org.directory.change(
                    hub.dn(), hubKeyDigest=new.digest))
                hub.key.digest = new.digest
                self.relays()

    def test_files_that_cannot_be_read_change_nothing(self):
        hub = self.org.london2
        before = shown(hub)
        good = open(hub.key.key).read()
        for bad in ("", "no key\n"):
            with open(hub.key.key, "w") as out:
                out.write(bad)
            failed = len(hub.events("reload-failed"))
            hub.process.signal(signal.SIGHUP)
            wait_for("it says so", lambda: len(hub.events("reload-failed")) > failed)
            self.assertEqual(shown(hub), before)
        with open(hub.key.key, "w") as out:
            out.write(good)


    def test_other_settings_take_a_restart(self):
        """A path that has changed is not read, and nobody is left to believe that it was."""
        hub, other = self.org.london2, Key(self.org.place, "elsewhere")
        before = shown(hub)
        with open(hub.settings) as settings:
            good = settings.read()
        self.addCleanup(hub.place.file, hub.name + ".conf", good)
        self.assertFalse(hub.events("settings-changed"))
        hub.place.file(hub.name + ".conf", good.replace("workers = 2", "workers = 3").replace(
            hub.key.certificate, other.certificate).replace(hub.key.key, other.key))
        hub.process.signal(signal.SIGHUP)
        wait_for("it says so", lambda: len(hub.events("reloaded")) > 0)
        told = hub.events("settings-changed")
        self.assertEqual(sorted(e["key"] for e in told), ["certificate", "key", "workers"])
        for event in told:
            self.assertIn("restart", event["why"])
            self.assertEqual(event["file"], hub.settings)
        self.assertEqual(shown(hub), before)
        failed = len(hub.events("settings-not-read"))
        hub.place.file(hub.name + ".conf", "nonsense\n")
        hub.process.signal(signal.SIGHUP)
        wait_for("that, too", lambda: len(hub.events("settings-not-read")) > failed)


class Beside(unittest.TestCase):
    """Hubs with a certificate of an authority for their names, which strangers are shown."""

    def test_hubs_are_shown_the_key_that_they_know(self):
        org = Organization()
        self.addCleanup(org.close)
        signer = authority(org.place.path, "authority")
        public = {}
        for hub in org.hubs:
            public[hub] = make(org.place.path, "public-" + hub.name, [hub.fqdn], signer)
            with open(hub.settings) as settings:
                text = settings.read()
            for own, other in ((hub.key.certificate, public[hub].certificate),
                               (hub.key.key, public[hub].key)):
                text = text.replace(own, own + " " + other)
            org.place.file(hub.name + ".conf", text)
        org.start()
        for hub in org.hubs:
            self.assertEqual(shown(hub), der(public[hub].certificate))
        relays(org)


if __name__ == "__main__":
    unittest.main()
