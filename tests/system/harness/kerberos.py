"""A Kerberos realm of one's own: a KDC on a free port, principals, keytabs, tickets."""

import os

from .base import Process, free_port, run, wait_for


class Kdc:
    def __init__(self, place, realm, others=()):
        """others: more Kdc, whose realms clients of this one know, too."""
        self.place = place
        self.realm = realm
        self.port = free_port()
        folder = place.directory("kdc-" + realm)
        realms = [(k.realm, k.port) for k in (self, *others)]
        self.config = place.file("krb5-%s.conf" % realm, (
            "[libdefaults]\n default_realm = %s\n dns_lookup_kdc = false\n"
            " dns_lookup_realm = false\n rdns = false\n dns_canonicalize_hostname = false\n"
            "[logging]\n kdc = STDERR\n[realms]\n%s" % (realm, "".join(
                " %s = {\n  kdc = 127.0.0.1:%d\n }\n" % pair for pair in realms))))
        profile = place.file("kdc-%s.conf" % realm, (
            "[kdcdefaults]\n kdc_ports = \"\"\n kdc_listen = 127.0.0.1:%d\n"
            " kdc_tcp_listen = 127.0.0.1:%d\n[realms]\n %s = {\n  database_name = %s/principal\n"
            "  key_stash_file = %s/stash\n }\n" % (self.port, self.port, realm, folder, folder)))
        self.env = {"KRB5_CONFIG": self.config, "KRB5_KDC_PROFILE": profile}
        run("kdb5_util", "create", "-s", "-P", "master", "-r", realm, check=True, env=self.env)
        self.process = Process("kdc-" + realm, ["krb5kdc", "-n", "-r", realm, "-P",
                                                os.path.join(folder, "pid")], place.path, self.env)
        place.at_end(self.process.kill)

    def admin(self, command):
        run("kadmin.local", "-r", self.realm, "-q", command, check=True, env=self.env)

    def add(self, name, password=None):
        """A principal; of a service, without password."""
        self.admin("addprinc %s %s" % ("-pw " + password if password else "-randkey", name))

    def keytab(self, file, *names):
        path = os.path.join(self.place.path, file)
        self.admin("ktadd -k %s %s" % (path, " ".join(names)))
        return path

    def start(self):
        self.process.start()
        wait_for("the KDC answers", lambda: "commencing operation" in self.process.log())
        return self

    def ticket(self, name, password):
        """The environment in which programs have the tickets of that principal."""
        env = {"KRB5_CONFIG": self.config,
               "KRB5CCNAME": "FILE:" + os.path.join(self.place.path, "tickets-" +
                                                    name.replace("/", "-"))}
        run("kinit", name, stdin=password + "\n", check=True, env=env)
        return env
