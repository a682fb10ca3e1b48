#!/usr/bin/env python3
"""A site of three servers, every role on each: what is lost when one of them dies, stands still or is cut off.

    site_drill.py [--rounds N] [--judge-time] [--calls N] [--rate R] [--registrations N] [DRILL...]

Without names all drills are done, as the table has them."""

import json
import os
import subprocess
import sys
import threading
import time

from cluster import Site, SlowDisk, lose_member
from drill import do_drills, parse_options
from harness import Failed, in_own_network, main, wait_for

POWER_OFF_S = 3  # a server that was killed is started again after
HARM_S = 5
WATCH_S = HARM_S + 3
REPLACED_S = 20  # a lost member of etcd


class PowerSupply:
    """Starts tandemd again on servers where all was killed, as an init system would."""

    def __init__(self, servers):
        self.servers = servers
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.ends.set()
        self.thread.join()

    def run(self):
        while not self.ends.wait(0.1):
            for server in self.servers:
                if server.process.poll() is None or self.ends.wait(POWER_OFF_S):
                    continue
                server.launch()


def command(site, given, *words):
    judged = ["--judge-time"] if given.judge_time else []
    return site.drill_command(*words, "--calls", given.calls, "--rate", given.rate,
                              "--registrations", given.registrations, "--json", *judged)


def report_of(name, output, code):
    try:
        return json.loads(output[0])
    except ValueError:
        raise Failed(f"{name} ended with {code}: {output[0]}{output[1]}") from None


def ordered(site, given, name, *words):
    """The command does the harm itself."""
    done = subprocess.run(command(site, given, *words, "--rounds", given.rounds), capture_output=True,
                          text=True, timeout=180 + 120 * given.rounds, check=False)
    return report_of(name, (done.stdout, done.stderr), done.returncode)


def watched(site, given, name, harm, seconds=WATCH_S):
    """The command watches, and `harm(server)` is done to the server that has most posts, once a round."""
    process = subprocess.Popen(
        command(site, given, "watch", "--seconds", seconds, "--rounds", given.rounds),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said, rounds = "", 0
    for line in process.stderr:
        said += line
        if "do now what is to be watched" not in line:
            continue
        rounds += 1
        began = time.monotonic()
        harm(leading(site))
        took = time.monotonic() - began
        print(f"{name}: round {rounds} of {given.rounds}: mended after {took:.1f} s", file=sys.stderr)
        if took > seconds:  # the next round has begun without its harm
            process.terminate()
            raise Failed(f"{name}: the harm took {took:.1f} s, longer than is watched")
    output = process.stdout.read()
    return report_of(name, (output, said), process.wait(timeout=60))


def leading(site):
    posts = {}
    for node in site.first.api("GET", "/status")["nodes"]:
        posts[node["node"]] = sum(each["state"] == "active" or each.get("active") is True
                                  for each in node["instances"])
    return site.server_of(max(posts, key=posts.get))


def cut_cable(server):
    server.machine.cut()
    time.sleep(HARM_S)
    server.machine.mend()


def slow_disk(server):
    with SlowDisk(server, 20):
        time.sleep(HARM_S)


def lose_etcd(server):
    """The watch goes on until the member has been replaced."""
    data = os.path.join(server.data, "etcd", "member")
    mark = os.path.join(data, "of-the-lost-one")
    with open(mark, "w", encoding="utf-8"):
        pass
    lose_member(server)
    # The damaged data go, and those of the new member come; before that the others may not have noticed.
    wait_for(lambda: os.path.isdir(data) and not os.path.exists(mark), "the member has new data", 30)
    wait_for(lambda: all(each["serves"] and each["votes"] for each in members(server)), "the member is replaced", 30)


def members(server):
    try:
        found = server.api("GET", "/site/store")["members"]
    except Failed:
        found = None
    return found or [{"serves": False, "votes": False}]


DRILLS = {
    "kill server": lambda site, given, name: ordered(site, given, name, "kill", "--leaders"),
    "kill node": lambda site, given, name: ordered(site, given, name, "kill", "--role", "SR"),
    "pause server": lambda site, given, name: ordered(site, given, name, "pause", "--leaders",
                                                      "--seconds", HARM_S),
    "cut links": lambda site, given, name: ordered(site, given, name, "partition", "--leaders",
                                                   "--seconds", HARM_S),
    "cut cable": lambda site, given, name: watched(site, given, name, cut_cable),
    "lose etcd": lambda site, given, name: watched(site, given, name, lose_etcd, REPLACED_S),
    "slow disk": lambda site, given, name: watched(site, given, name, slow_disk),
}


def all_drills(folder, given):
    wanted = given.drills or list(DRILLS)
    if unknown := [name for name in wanted if name not in DRILLS]:
        raise Failed(f"there is no drill {unknown[0]!r}; there are: {', '.join(DRILLS)}")
    with Site(folder, servers=3, nodes="one") as site, PowerSupply(site.servers):
        site.spread_roles()
        do_drills(site, given, {name: lambda name=name: DRILLS[name](site, given, name) for name in wanted})


if __name__ == "__main__":
    in_own_network()
    GIVEN = parse_options()

    def drills_of_a_site(folder):
        """Every drill, one after the other, on one site of three servers."""
        all_drills(folder, GIVEN)
    main(drills_of_a_site)
