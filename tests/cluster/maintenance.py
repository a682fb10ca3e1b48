#!/usr/bin/env python3
"""What an operator does to a site that serves: servers are added, drained, restarted and removed. No call may fail.

    maintenance.py [--rounds N] [--rate R] [--calls N] [--registrations N] [ACT...]

Without names, "add and remove" and "restart in turn" are done."""

import subprocess
import threading

from cluster import Site, SiteServer, join, ROLES
from drill import do_drills, parse_options
from harness import Failed, expect, in_own_network, main, wait_for
from site_drill import command, report_of


class Watched:
    """`with Watched(site, given, name) as watched:` phones call and register meanwhile; `report` afterwards."""

    def __init__(self, site, given, name, seconds):
        self.name = name
        self.process = subprocess.Popen(command(site, given, "watch", "--seconds", seconds),
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.errors = []
        self.report = None

    def __enter__(self):
        for line in self.process.stderr:
            self.errors.append(line)
            if "do now what is to be watched" in line:
                break
        # What else it says must not fill the pipe.
        self.reader = threading.Thread(target=lambda: self.errors.extend(self.process.stderr))
        self.reader.start()
        return self

    def __exit__(self, kind, *exception):
        if kind is not None:
            self.process.terminate()
        output = self.process.stdout.read()
        self.process.wait(300)
        self.reader.join()
        if kind is None:
            self.report = report_of(self.name, (output, "".join(self.errors)), self.process.returncode)
            if self.report["refused"] and not self.report["broken"]:
                self.report["broken"].append(f"new calls were refused with {self.report['refused_with']}")


def restart_in_turn(site):
    """Every server is drained, restarted and taken back."""
    for server in site.servers:
        other = next(each for each in site.servers if each is not server)
        other.tandem("server", "drain", server.name, timeout=60)
        server.stop()
        server.launch()
        other.tandem("server", "resume", server.name)
        wait_for(lambda: not missing(other), f"{server.name} serves again", 30)


def missing(server):
    """Role instances that are enabled and do not run."""
    off = {each["id"] for each in server.api("GET", "/servers")["items"] if not each["enabled"]}
    wanted = {(role["role"], role["number"]) for role in server.api("GET", "/roles?limit=1000")["items"]
              if role["enabled"] and role["server"] not in off}
    return wanted - {(each["role"], each["instance"]) for node in server.api("GET", "/status")["nodes"]
                     for each in node["instances"] if each["state"] != "unconfirmed"}


def add_and_remove(site):
    """A fourth server joins, takes every role, is drained and removed."""
    server = SiteServer(site.folder, 4, nodes="one")
    site.servers.append(server)
    join(site.first, server)
    for role in ROLES:
        site.add_role(role, server)
    wait_for(lambda: not missing(site.first), "the new server serves", 30)
    site.first.tandem("server", "drain", server.name, timeout=60)
    for role in site.first.api("GET", "/roles?limit=1000")["items"]:
        if role["server"] == home_of(site, server):
            site.first.api("DELETE", f"/roles/{role['id']}")
    for interface in site.first.api("GET", "/interfaces?limit=1000")["items"]:
        if interface["server"] == home_of(site, server):
            site.first.api("DELETE", f"/interfaces/{interface['id']}")
    site.first.tandem("server", "remove", server.name)
    site.servers.remove(server)
    server.close()


def home_of(site, server):
    return next(each["id"] for each in site.first.api("GET", "/servers")["items"]
                if each["name"] == server.name)


ACTS = {"add and remove": (add_and_remove, 40), "restart in turn": (restart_in_turn, 60)}


def maintain(folder, given):
    wanted = given.drills or list(ACTS)
    if unknown := [name for name in wanted if name not in ACTS]:
        raise Failed(f"there is no act {unknown[0]!r}; there are: {', '.join(ACTS)}")
    with Site(folder, servers=3, nodes="one") as site:
        site.spread_roles()
        do_drills(site, given, {f"{name} {n + 1}": lambda name=name: watch(site, given, name)
                                for n in range(given.rounds) for name in wanted})


def watch(site, given, name):
    """The report of one act, done once."""
    act, seconds = ACTS[name]
    with Watched(site, given, name, seconds) as watched:
        act(site)
        expect(watched.process.poll() is None, f"{name} took longer than {seconds} s")
    return watched.report


if __name__ == "__main__":
    in_own_network()
    GIVEN = parse_options()

    def no_call_fails(folder):
        maintain(folder, GIVEN)
    main(no_call_fails)
