"""What runs on a host of each kind: its files, and the commands that start it.

A service is {"name", "command", "ports", "says", "pid_file"}; it is up when it listens at all of
its ports and its log has what it says. The files are made once; a host that was killed starts again
with what is there, but for a pid_file by which the program would think that it runs.
"""

import grp
import os
import pwd
import re
import secrets
import shlex
import shutil
import subprocess

from . import keys, ldif, organization, perimeter, processes
from .errors import LabError

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEMO = os.path.join(TOP, "deploy", "demo")
ACCOUNT = "nobody"
LEASE_S = 5  # nobody wants to look at a dead hub for a minute


def run(*command):
    done = subprocess.run(command, capture_output=True, env=processes.environment())
    if done.returncode != 0:
        raise LabError("%s: %s" % (command[0], done.stderr.decode(errors="replace").strip()))
    return done.stdout


def write(path, text, mode=0o600):
    with open(path, "w") as out:
        out.write(text)
    os.chmod(path, mode)
    return path


def fill(name, **values):
    """A template of the demonstration, with the values in the place of @NAME@."""
    with open(os.path.join(DEMO, name)) as template:
        return re.sub(r"@([A-Z0-9_]+)@", lambda match: str(values[match.group(1)]), template.read())


def service(name, ports, *command, pid_file=None, says=None):
    return {"name": name, "ports": ports, "command": list(command), "pid_file": pid_file,
            "says": says}


# --- hubs ---

def make_secrets(state, host):
    """Gives the digest of the key that is pinned, the certificate, and the password."""
    base = state.path("keys", host["name"])
    password = secrets.token_hex(12)
    write(base + ".password", password)
    digest = keys.self_signed(base, host["fqdn"], host["addresses"])
    return digest, keys.certificate(base), password


def hubd(state, host, uris, base, admin):
    name = host["name"]
    os.makedirs(state.path("state", name))
    settings = fill("hubd.conf.in", SERVER=name, URI=" ".join(uris), BASE=base,
                    DIR=state.directory, ADMIN=admin)
    settings += "resolver = %s\n" % state.hosts_of("outside")[0]["addresses"][0]
    path = write(state.path(name + ".conf"), settings)
    program = os.path.join(state["build"], "hubd", "hubd")
    return service(name, [host["port"]], program, "-f", path)


def hub(state, host):
    """Where the organization has edges, each hub is ready to keep those of its site in step."""
    found = [hubd(state, host, state["uris"], state["base"], host["admin"])]
    return found + ([edgesyncd(state, host)] if state.hosts_of("edge") else [])


def edgesyncd(state, host):
    name = host["name"] + "-edgesyncd"
    os.makedirs(state.path("state", name))
    path = write(state.path(name + ".conf"), fill(
        "edgesyncd.conf.in", SERVER=host["name"], URI=" ".join(state["uris"]), BASE=state["base"],
        DIR=state.directory) + "lease_time = %d\n" % LEASE_S)
    program = os.path.join(state["build"], "edgesyncd", "edgesyncd")
    return service(name, [], program, "-f", path)


# --- edges ---

def edge(state, host):
    """Its own directory, which only this host and the hubs reach, and a hub in role Edge."""
    name = host["name"]
    host["local"] = "ldapi://" + state.path("run", name + ".sock").replace("/", "%2F")
    host["directory_admin"] = "cn=admin," + host["suffix"]
    host["password_file"] = write(state.path("keys", name + ".admin"), secrets.token_hex(12))
    made = run(os.path.join(TOP, "ldap-schema", "new-directory"), state.path(name), "--edge",
               "--suffix", host["suffix"], "--uri", host["local"],
               *["ldaps://" + address for address in host["addresses"]],
               "--password-file", host["password_file"])
    return [service(name + "-directory", [perimeter.LDAPS],
                    *shlex.split(made.decode().splitlines()[-1])),
            hubd(state, host, [host["local"]], host["base"], "127.0.0.1:%d" %
                 organization.ADMIN_PORT)]


# --- directories ---

def directory(state, host):
    """The first makes the first entries; several replicate each other."""
    uris, name = state["uris"], host["name"]
    uri = uris[state.hosts_of("directory").index(host)]
    socket = state.path("run", name + ".validator")
    host["local"] = "ldapi://" + state.path("run", name + ".sock").replace("/", "%2F")
    host.update(suffix=state["suffix"], directory_admin=state["admin"],
                password_file=state.path("admin.password"))
    made = run(os.path.join(TOP, "ldap-schema", "new-directory"), state.path(name), "--suffix",
               state["suffix"], "--uri", host["local"], uri,
               *(["--provider", *uris] if len(uris) > 1 else []),
               *(["--validator", socket] if state["validator"] else []),
               "--password-file", state.path("admin.password"))
    slapd = service(name, [389], *shlex.split(made.decode().splitlines()[-1]))
    return [slapd] + ([validator(state, host, socket)] if state["validator"] else [])


def validator(state, host, socket):
    return service(host["name"] + "-validator", [], os.path.join(
        state["build"], "tools", "hub-validator"), "--socket", socket, "--directory",
        host["local"], "--base", state["base"], "-D", "cn=replicator," + state["suffix"], "-y",
        state.path(host["name"], "validator.password"), says='is="in step"')


def admin(host):
    """Options of the LDAP tools for the administrator at that directory, from any namespace."""
    return ["-x", "-H", host["local"], "-D", host["directory_admin"], "-y", host["password_file"]]


def present(host):
    """The names of all entries that the directory has."""
    text = run("ldapsearch", "-LLL", "-o", "ldif-wrap=no", *admin(host), "-b",
               host["suffix"], "1.1").decode()
    return [entry.dn for entry in ldif.parse(text, host["name"])]


def load(state, host, entries):
    """Brings them into that directory; its records are kept for people to read."""
    records = organization.records(entries, present(host))
    with open(state.path("organization.ldif" if host["kind"] == "directory" else
                         host["name"] + ".ldif"), "a") as out:
        out.write(records)
    done = subprocess.run(["ldapmodify", "-a", *admin(host)], input=records, text=True,
                          capture_output=True, env=processes.environment())
    if done.returncode != 0:
        raise LabError("slapd refuses the organization: %s%s" % (
            done.stdout.strip().rpartition("\n")[2], "\n" + done.stderr.strip()))


# --- mailbox servers and the outside world, never as root ---

def own_directory(state, host, *names):
    account = pwd.getpwnam(ACCOUNT)
    for name in (host["name"],) + tuple(os.path.join(host["name"], n) for n in names):
        os.makedirs(state.path(name))
        os.chown(state.path(name), account.pw_uid, account.pw_gid)
    return state.path(host["name"])


def as_account(*command):
    group = grp.getgrgid(pwd.getpwnam(ACCOUNT).pw_gid).gr_name
    return ["setpriv", "--reuid", ACCOUNT, "--regid", group, "--clear-groups", *command]


def sink(state, host, name, address, port, *options):
    """smtp-sink, a file a message."""
    place = state.path(host["name"], "%s-%d" % (address, port))
    own_directory(state, {"name": os.path.relpath(place, state.directory)})
    return service(name, [port], *as_account(
        "smtp-sink", *options, "-h", host["name"] + ".example", "-d", place + "/%H%M%S.",
        "%s:%d" % (address, port), "100"))


def mailbox(state, host):
    """LMTP: Dovecot with a Maildir for everybody; SMTP: files."""
    place = own_directory(state, host, "run", "mail", "home")
    if host["protocol"] == "SMTP":
        return [sink(state, host, host["name"], host["addresses"][0], host["port"])]
    group = grp.getgrgid(pwd.getpwnam(ACCOUNT).pw_gid).gr_name
    conf = write(state.path(host["name"] + ".conf"), fill(
        "dovecot.conf.in", MAILBOX=place, LMTP_ADDRESS=" ".join(host["addresses"]),
        LMTP_PORT=host["port"], ACCOUNT=ACCOUNT, GROUP=group), 0o644)
    return [service(host["name"], [host["port"]], *as_account("dovecot", "-F", "-c", conf),
                    pid_file=os.path.join(place, "run", "master.pid"))]


def outside(state, host):
    """A name server that knows everybody, and takers of mail."""
    own_directory(state, host)
    sinks = [sink(state, host, "outside-%s-%d" % (address, port), address, port)
             for address, port in host["sinks"]]
    os.makedirs(state.path("dns"))
    write(state.path("dns", "root.zone"), zone(state, host))
    conf = write(state.path("dns", "knot.conf"), "\n".join([
        "server:", "  listen: %s@53" % host["addresses"][0], "  rundir: " + state.path("dns"),
        "  udp-workers: 1", "  tcp-workers: 1", "  background-workers: 1",
        "log:", "  - target: stderr", "    any: info",
        "database:", "  storage: " + state.path("dns"),
        "zone:", "  - domain: .", "    storage: " + state.path("dns"), "    file: root.zone",
        "    zonefile-sync: -1", "    journal-content: none", ""]))
    return [service("outside-dns", [53], "knotd", "-c", conf,
                    pid_file=state.path("dns", "knot.pid"))] + sinks


def zone(state, host):
    """
    The root zone: servers by name, smart hosts by name, and for whatever else is asked outside the
    organization's domains the outside host as its mail exchanger.
    """
    address = host["addresses"][0]
    names = {other["fqdn"].lower(): other["addresses"] for other in state["hosts"]
             if "fqdn" in other}
    for name in host["names"] + ["outside.example"]:
        names.setdefault(name.lower(), [address])
    lines = [". 60 SOA ns.example. root.example. 1 60 60 60 60", ". 60 NS outside.example."]
    lines += ["%s. 60 A %s" % (name, a) for name, values in sorted(names.items()) for a in values]
    # a wildcard ends at any name that exists, if only as part of another
    above = {""} | {name.split(".", n)[n] for name in names for n in range(1, name.count(".") + 1)}
    for parent in sorted(above):
        if not any(("." + parent).endswith("." + domain.lstrip("*.")) for domain in
                   host["domains"]):
            lines += ["*.%s%s 60 %s" % (parent, "." if parent else "", record)
                      for record in ("MX 10 outside.example.", "A " + address)]
    return "\n".join(lines) + "\n"


# --- all of them ---

MAKERS = {"directory": directory, "outside": outside, "mailbox": mailbox, "hub": hub, "edge": edge}


def make(state, host):
    host["services"] = MAKERS[host["kind"]](state, host)


def start(state, host, first=None):
    """Starts what does not run, of all its services or of so many."""
    for one in host["services"][:first]:
        if processes.pid_of(state, one["name"]) is None:
            if one["pid_file"] and os.path.exists(one["pid_file"]):
                os.unlink(one["pid_file"])
            processes.start(state, host["namespace"], one["name"], one["command"])


def wait(state, host, first=None):
    for one in host["services"][:first]:
        processes.wait_for("start of " + one["name"], lambda: up(state, one), state, one["name"])


def up(state, one):
    pid = processes.pid_of(state, one["name"])
    return pid is not None and all(processes.bound(pid, port) for port in one["ports"]) and (
        one["says"] is None or processes.has_said(state, one["name"], one["says"]))


def check_programs(build, names=("hubd/hubd", "tools/hubctl")):
    """Before anything is made."""
    for path in [os.path.join(build, name) for name in names]:
        if not os.access(path, os.X_OK):
            raise LabError("%s is not there: deploy/build makes it" % path)
    missing = [name for name in ("slapd", "dovecot", "knotd", "smtp-sink", "openssl", "nsenter",
                                 "ldapmodify", "setpriv")
               if shutil.which(name, path=processes.ENVIRONMENT_PATH) is None]
    if missing:
        raise LabError("%s not found: deploy/install-packages installs what is missing" % (
            ", ".join(missing)))
