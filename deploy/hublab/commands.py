"""What the words of the command line do."""

import os
import secrets
import sys

from . import ldif, network, processes, services, state as states
from .errors import LabError
from .organization import Organization

PROGRAM = os.path.join(services.TOP, "deploy", "lab")


# --- up and down ---

def up(arguments):
    why_not = network.possible()
    if why_not:
        raise LabError(why_not)
    build = os.path.abspath(os.environ.get("HUB_BUILD", os.path.join(services.TOP, "build")))
    services.check_programs(build)
    organization = Organization(ldif.read(arguments.organization))
    organization.plan(arguments.providers)
    name = "lab-" + secrets.token_hex(3)
    for host in organization.hosts:
        host["namespace"] = "%s-%s" % (name, host["name"])
    directory = os.path.abspath(arguments.state)
    if len(directory) > 60 or not directory.isascii() or " " in directory:
        raise LabError("--state %s: at most 60 plain characters" % directory)
    state = states.create(directory, {
        "id": name, "router": name, "build": build, "base": organization.base,
        "suffix": organization.suffix, "admin": "cn=admin," + organization.suffix,
        "hosts": organization.hosts, "cuts": [], "fences": {},
        "line": {"delay_ms": 0, "loss": 0, "by": None},
        "uris": ["ldap://" + host["addresses"][0] for host in organization.hosts
                 if host["kind"] == "directory"]})
    try:
        build_lab(state, organization)
        network.set_line(state, arguments.delay, arguments.loss)
        state.save()
    except BaseException:
        tear_down(state)
        raise
    show_hosts(state)
    print("\n%s runs in %s; \"%s%s down\" ends it" % (
        name, state.directory, PROGRAM, given_state(state)))


def given_state(state):
    return "" if state.directory == os.path.abspath(default_state()) else \
        " --state " + state.directory


def default_state():
    return os.environ.get("HUB_LAB", "/run/hub-lab")


def build_lab(state, organization):
    for name, mode in (("keys", 0o700), ("state", 0o700), ("control", 0o700), ("run", 0o700),
                       ("log", 0o755)):
        os.makedirs(state.path(name))
        os.chmod(state.path(name), mode)
    services.write(state.path("admin.password"), secrets.token_hex(12))
    outside = organization.outside()
    outside["names"], outside["domains"] = organization.smart_host_names(), organization.domains
    organization.complete({host["name"]: services.make_secrets(state, host)
                           for host in organization.hosts if host["kind"] in ("hub", "edge")})
    network.build(state)
    for kind in ("directory", "outside", "mailbox", "edge", "hub"):
        hosts = state.hosts_of(kind)
        for host in hosts:
            services.make(state, host)
            services.start(state, host)
            write_settings(state, host)
        state.save()
        for host in hosts:
            services.wait(state, host)
        if kind == "directory":
            services.load(state, organization)
            wait_replicated(state)
    wait_in_step(state)


def write_settings(state, host):
    """For hubctl on the host: the administrator, and the host's own hub."""
    lines = ["directory = " + " ".join(state["uris"]), "base = " + state["base"],
             "bind = simple %s %s" % (state["admin"], state.path("admin.password"))]
    if host["kind"] == "hub":
        lines.append("control = " + state.path("control", host["name"]))
    services.write(state.path("run", host["name"] + ".hubctl"), "\n".join(lines) + "\n")


def wait_replicated(state):
    """Every directory has the same entries."""
    first, *others = state.hosts_of("directory")
    wanted = sorted(services.present(state, first))
    for host in others:
        processes.wait_for("%s is in step" % host["name"], lambda: sorted(
            services.present(state, host)) == wanted, state, host["name"])


def fingerprint(state, hub):
    """Of the configuration that the hub runs, by its log."""
    found = [line for line in processes.log_of(state, hub["name"]).splitlines()
             if " event=configuration " in line]
    return found[-1].partition("fingerprint=")[2].split()[0] if found else None


def wait_in_step(state):
    for hub in state.hosts_of("hub"):
        processes.wait_for("%s has its configuration" % hub["name"], lambda: fingerprint(
            state, hub) == fingerprint(state, state.hosts_of("hub")[0]) is not None, state,
            hub["name"])


def tear_down(state):
    network.tear_down(state)
    states.remove(state)


def down(arguments):
    if states.exists(arguments.state):
        tear_down(opened(arguments))
    else:
        print("no lab in %s" % arguments.state)


# --- use ---

def opened(arguments):
    return states.load(os.path.abspath(arguments.state), change=True)


def execute(arguments):
    """In the place of this process; hubctl there is the administrator's."""
    state = states.load(os.path.abspath(arguments.state))
    host = state.host(arguments.host)
    command = arguments.command or [os.environ.get("SHELL", "/bin/sh")]
    tools = os.path.join(state["build"], "tools")
    environment = dict(os.environ, LDAPNOINIT="1", HUB_LAB=state.directory, BASE=state["base"],
                       HUBD_CONF=state.path("run", host["name"] + ".hubctl"),
                       PATH="%s:%s" % (tools, processes.ENVIRONMENT_PATH))
    sys.stdout.flush()
    full = processes.inside(host["namespace"], *command)
    os.execvpe(full[0], full, environment)


def kill(arguments):
    state = opened(arguments)
    for name in arguments.hosts:
        processes.end_all([state.host(name)["namespace"]])


def start(arguments):
    state = opened(arguments)
    hosts = [state.host(name) for name in arguments.hosts]
    for host in hosts:
        services.start(state, host)
    for host in hosts:
        services.wait(state, host)


def cut(arguments):
    state = opened(arguments)
    added = [arguments.a, arguments.b]
    one, other = network.sides(state, added)
    if any(host in one for host in other):
        raise LabError("%s and %s are not apart" % (arguments.a, arguments.b))
    if added not in state["cuts"]:
        state["cuts"].append(added)
    network.apply_cuts(state)
    state.save()


def heal(arguments):
    state = opened(arguments)
    wanted = sorted(word.lower() for word in (arguments.a, arguments.b) if word)
    left = [old for old in state["cuts"]
            if wanted and sorted(word.lower() for word in old if word) != wanted]
    if wanted and left == state["cuts"]:
        raise LabError("no such cut; there are: %s" % (", ".join(map(cut_text, left)) or "none"))
    state["cuts"] = left
    network.apply_cuts(state)
    state.save()


def cut_text(pair):
    return "%s from %s" % (pair[0], pair[1] or "all others")


def fence(arguments):
    state = opened(arguments)
    name = state.host(arguments.host)["name"]
    state["fences"].pop(name, None)
    if arguments.allowed != ["off"]:
        state["fences"][name] = arguments.allowed
    network.apply_fences(state)
    state.save()


def line(arguments):
    state = opened(arguments)
    network.set_line(state, arguments.delay, arguments.loss)
    state.save()


def status(arguments):
    state = states.load(os.path.abspath(arguments.state))
    print("%s in %s, %s" % (state["id"], state.directory, state["base"]))
    show_hosts(state)
    print("\ncut: %s" % ("; ".join(map(cut_text, state["cuts"])) or "nothing"))
    for name, allowed in state["fences"].items():
        print("fenced: %s, but for %s" % (name, " ".join(allowed) or "nothing"))
    if state["line"]["by"]:
        print("between places: %(delay_ms)g ms each way, %(loss)g %% lost, by %(by)s" %
              state["line"])


def show_hosts(state):
    rows = [("host", "kind", "site", "addresses", "running")]
    for host in state["hosts"]:
        alive = [one for one in host["services"] if processes.pid_of(state, one["name"])]
        rows.append((host["name"], host["kind"], host["site"] or "-", ", ".join(host["addresses"]),
                     "%d of %d" % (len(alive), len(host["services"]))))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
