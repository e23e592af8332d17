"""What the words of the command line do."""

import os
import sys

from . import building, network, perimeter, processes, services, state as states
from .errors import LabError

PROGRAM = os.path.join(services.TOP, "deploy", "lab")


def default_state():
    return os.environ.get("HUB_LAB", "/run/hub-lab")


def opened(arguments):
    return states.load(os.path.abspath(arguments.state), change=True)


def up(arguments):
    directory = os.path.abspath(arguments.state)
    state = building.up(arguments, directory)
    show_hosts(state)
    given = "" if directory == os.path.abspath(default_state()) else " --state " + directory
    print("\n%s runs in %s; \"%s%s down\" ends it" % (state["id"], directory, PROGRAM, given))


def down(arguments):
    if states.exists(arguments.state):
        building.tear_down(opened(arguments))
    else:
        print("no lab in %s" % arguments.state)


def execute(arguments):
    """In the place of this process; hubctl there is the administrator's."""
    state = states.load(os.path.abspath(arguments.state))
    host = state.host(arguments.host)
    command = arguments.command or [os.environ.get("SHELL", "/bin/sh")]
    tools = os.path.join(state["build"], "tools")
    environment = dict(os.environ, LDAPNOINIT="1", HUB_LAB=state.directory,
                       BASE=host.get("base", state["base"]),
                       HUBD_CONF=state.path("run", host["name"] + ".hubctl"),
                       EDGESYNCD_CONF=state.path(host["name"] + "-edgesyncd.conf"),
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
    building.set_line(opened(arguments), arguments)


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
    if state.hosts_of("edge"):
        print("\n".join(perimeter.told(state)))


def show_hosts(state):
    rows = [("host", "kind", "site", "addresses", "running")]
    for host in state["hosts"]:
        alive = [one for one in host["services"] if processes.pid_of(state, one["name"])]
        rows.append((host["name"], host["kind"], host["site"] or "-", ", ".join(host["addresses"]),
                     "%d of %d" % (len(alive), len(host["services"]))))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
