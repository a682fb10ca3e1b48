#!/usr/bin/env python3
"""`tandem drill` itself: who may, what it leaves behind, and that it does find what is lost."""

import json
import signal
import subprocess
import time

from cluster import Site
from harness import expect, in_own_network, main, wait_for

SMALL = ("--calls", "2", "--rate", "2", "--registrations", "10")


def drill(site, *words, timeout=180):
    return subprocess.run(site.drill_command(*words), capture_output=True, text=True,
                          timeout=timeout, check=False)


def domains(site):
    return [each["name"] for each in site.first.api("GET", "/domains")["items"]]


def refused_unless_allowed(folder):
    with Site(folder, settings="", nodes="one") as site:
        done = drill(site, "kill", "--role", "SR", *SMALL)
        expect(done.returncode == 1 and "drills_allowed" in done.stderr, f"{done}")
        wait_for(lambda: not domains(site), "the drill's domain is removed")
        node = site.first.pid_of(1)
        site.first.api("POST", "/nodes/1/harm", {"kind": "kill"}, expected=403)
        time.sleep(0.3)
        expect(site.first.pid_of(1) == node, "the node lives")


def wrong_usage(folder):
    with Site(folder, nodes="one") as site:
        for words, text in ((("hug", "--node", "1"), "hug"), (("kill",), "--role"),
                            (("watch", "--node", "1"), "--node"),
                            (("kill", "--node", "1", "--role", "SR"), "at most 1"),
                            (("kill", "--node", "1", "--rounds", "0"), "rounds"),
                            (("kill", "--role", "SR", "--sip", "here"), "here is no")):
            done = drill(site, *words)
            expect(done.returncode == 2 and text in done.stderr, f"{words}: {done}")
        for words, text in ((("kill", "--node", "7"), "nothing runs there"),
                            (("kill", "--server", "nowhere"), "no server nowhere")):
            done = drill(site, *words)
            expect(done.returncode == 1 and text in done.stderr, f"{words}: {done}")
        expect(not domains(site), "nothing was made")


def nothing_is_left_after_ctrl_c(folder):
    with Site(folder, nodes="one") as site:
        process = subprocess.Popen(site.drill_command("kill", "--role", "SR", "--rounds", 100, *SMALL),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: site.first.api("GET", "/calls")["total"] >= 2, "calls are held", 30)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
        expect(process.returncode == 1 and "interrupted" in out, f"{process.returncode}: {out}{errors}")
        expect(not domains(site), f"left: {domains(site)}")
        wait_for(lambda: site.first.api("GET", "/calls")["total"] == 0, "calls are over")


def what_is_lost_is_found(folder):
    """With survival = none a killed B2B loses its calls, and their records."""
    with Site(folder) as site:
        for role in site.first.api("GET", "/roles?limit=1000")["items"]:
            if role["role"] == "B2B":
                site.first.api("PATCH", f"/roles/{role['id']}", {"b2bua": {"survival": "none"}})
        done = drill(site, "kill", "--role", "B2B", "--json", *SMALL, timeout=400)
        report = json.loads(done.stdout)
        expect(done.returncode == 1, f"{done}")
        expect(report["answered_lost"] >= 2, f"two held calls are lost: {report}")
        expect(report["broken"], f"{report}")


def watched(folder):
    """Somebody else does the harm: here a kill of the whole server, and its start."""
    with Site(folder) as site:
        process = subprocess.Popen(site.drill_command("watch", "--seconds", 4, "--json", *SMALL),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in process.stderr:
            if "do now" in line:
                break
        site.first.kill()
        time.sleep(0.5)
        site.first.start()
        out, errors = process.communicate(timeout=180)
        report = json.loads(out)
        expect(process.returncode == 0, f"{report} {errors}")
        switch = report["switch"]["register"]
        expect(switch["count"] == 1 and switch["max_s"] > 0.5, f"seen: {report}")
        expect(report["registrations_lost"] == 0 and report["answered_lost"] == 0, f"{report}")


def a_whole_server_is_killed(folder):
    """Parent and all nodes die; whoever looks after the machine starts it again."""
    with Site(folder) as site:
        process = subprocess.Popen(site.drill_command("kill", "--server", "server1", "--json", *SMALL),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        site.first.process.wait(90)
        wait_for(lambda: not site.first.pids(), "all of it is dead", 5, 0.01)
        site.first.start()
        out, errors = process.communicate(timeout=180)
        expect(process.returncode == 0, f"{out} {errors}")
        report = json.loads(out)
        expect(len(report["roles"]) == 9 and report["answered"] >= 2, f"{report}")


def a_whole_server_is_paused(folder):
    def states():
        found = set()
        for pid in pids:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                found.add(file.read().rpartition(")")[2].split()[0])
        return found
    with Site(folder) as site:
        pids = site.first.pids()
        site.first.api("POST", "/nodes/1/harm", {"kind": "pause", "seconds": 1, "scope": "server"},
                       expected=202)
        wait_for(lambda: states() == {"T"}, f"all of it is stopped: {states()}", 5, 0.01)
        wait_for(lambda: "T" not in states(), "all of it goes on", 5, 0.01)
        site.wait_serving()
        expect(site.first.pids() == pids, "nothing had to be started again")


if __name__ == "__main__":
    in_own_network()
    main(refused_unless_allowed, wrong_usage, nothing_is_left_after_ctrl_c, what_is_lost_is_found,
         watched, a_whole_server_is_killed, a_whole_server_is_paused)
