"""A lab is made and removed: files, network, then what runs, in the order of need."""

import os
import re
import secrets

from . import ldif, network, perimeter, processes, services, state as states, subscription
from .errors import LabError
from .organization import KINDS, Organization

PATH_MAX = 60  # sockets in it have to stay within 108


def up(options, directory):
    """By the options of the command line; gives its state when all runs, or removes it again."""
    why_not = network.possible()
    if why_not:
        raise LabError(why_not)
    build = os.path.abspath(os.environ.get("HUB_BUILD", os.path.join(services.TOP, "build")))
    services.check_programs(build)
    organization = Organization(ldif.read(options.organization))
    organization.plan(options.providers)
    if any(host["kind"] == "edge" for host in organization.hosts):
        services.check_programs(build, ["edgesyncd/edgesyncd"])
        why_not = perimeter.possible()
        if why_not:
            raise LabError(why_not)
    state = create(organization, directory, build, options.validator)
    try:
        build_lab(state, organization)
        set_line(state, options)
    except BaseException:
        tear_down(state)
        raise
    return state


def create(organization, directory, build, validator):
    if len(directory) > PATH_MAX or not re.fullmatch(r"[\w./+-]+", directory, re.ASCII):
        raise LabError("--state %s: at most %d plain characters" % (directory, PATH_MAX))
    name = "lab-" + secrets.token_hex(3)
    for host in organization.hosts:
        host["namespace"] = "%s-%s" % (name, host["name"])
    return states.create(directory, {
        "id": name, "router": name, "build": build, "base": organization.base,
        "suffix": organization.suffix, "admin": "cn=admin," + organization.suffix,
        "validator": validator, "hosts": organization.hosts, "cuts": [], "fences": {},
        "line": {"delay_ms": 0, "loss": 0, "by": None},
        "uris": ["ldap://" + host["addresses"][0] for host in organization.hosts
                 if host["kind"] == "directory"]})


def build_lab(state, organization):
    for name, mode in (("keys", 0o700), ("state", 0o700), ("control", 0o700), ("run", 0o700),
                       ("log", 0o755), ("agents", 0o755)):
        os.makedirs(state.path(name))
        os.chmod(state.path(name), mode)
    services.write(state.path("admin.password"), secrets.token_hex(12))
    outside = organization.outside()
    outside["names"], outside["domains"] = organization.smart_host_names(), organization.domains
    organization.complete({host["name"]: services.make_secrets(state, host)
                           for host in organization.hosts if host["kind"] in ("hub", "edge")})
    network.build(state)
    if state.hosts_of("edge"):
        perimeter.build(state)
    for kind in KINDS:
        hosts = state.hosts_of(kind)
        for host in hosts:
            services.make(state, host)
            if kind == "edge":
                load_edge(state, host, organization)
            services.start(state, host)
            write_settings(state, host)
        state.save()
        for host in hosts:
            services.wait(state, host)
        if kind == "directory":
            services.load(state, hosts[0], organization.first())
            wait_replicated(state)
    wait_in_step(state)
    subscription.subscribe(state, organization)


def load_edge(state, host, organization):
    """Its hubd finds itself in the directory."""
    services.start(state, host, 1)
    services.wait(state, host, 1)
    services.load(state, host, organization.own_entries(host))


def set_line(state, options):
    network.set_line(state, options.delay, options.loss)
    state.save()


def write_settings(state, host):
    """For hubctl on the host: the administrator, and the host's own programs."""
    where, base, admin, password = " ".join(state["uris"]), state["base"], state["admin"], \
        state.path("admin.password")
    if host["kind"] == "edge":
        where, base, admin, password = host["local"], host["base"], host["directory_admin"], \
            host["password_file"]
    lines = ["directory = " + where, "base = " + base, "bind = simple %s %s" % (admin, password)]
    if host["kind"] in ("hub", "edge"):
        lines += ["server = " + host["name"], "control = " + state.path("control", host["name"])]
    services.write(state.path("run", host["name"] + ".hubctl"), "\n".join(lines) + "\n")


def wait_replicated(state):
    """Every directory has the same entries."""
    first, *others = state.hosts_of("directory")
    wanted = sorted(services.present(first))
    for host in others:
        processes.wait_for("%s is in step" % host["name"], lambda: sorted(
            services.present(host)) == wanted, state, host["name"])


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
