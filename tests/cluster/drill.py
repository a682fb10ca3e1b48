#!/usr/bin/env python3
"""Drills of every kind: what is lost when nodes die, pause or are cut off, and for how long.

    drill.py [--rounds N] [--judge-time] [--calls N] [--rate R] [--registrations N] [DRILL...]

A drill is named as in the table, "kill SR" or "pause B2B"; without names all are run."""

import argparse
import json
import subprocess
import sys

from cluster import Site
from harness import Failed, in_own_network, main

ROLES = ("SG", "SR", "B2B", "MG", "MGC", "CS", "WS", "ST")
PAUSE_S = 2
DRILLS = ([("kill", role) for role in ROLES] + [("pause", "B2B"), ("pause", "SR")] +
          [("partition", "B2B"), ("partition", "SR")])
COLUMNS = ("DRILL", "ROUNDS", "REG", "CALLS", "RINGING", "TWICE", "CDR", "REFUSED",
           "REGISTER AGAIN", "CALL AGAIN", "API AGAIN", "SOUND GAP")


def parse_options():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=1, help="of each drill")
    options.add_argument("--judge-time", action="store_true", help="fail for what took too long, too")
    options.add_argument("--calls", type=int, default=10, help="calls that are held")
    options.add_argument("--rate", type=float, default=5, help="new calls a second")
    options.add_argument("--registrations", type=int, default=100)
    options.add_argument("--json", help="file for the reports")
    options.add_argument("drills", nargs="*", help="as in the table, 'kill SR'; none: all")
    given = options.parse_args()
    sys.argv = sys.argv[:1]
    return given


def run_drill(site, given, kind, role):
    """The report of one drill."""
    words = [kind, "--role", role, "--rounds", given.rounds, "--calls", given.calls,
             "--rate", given.rate, "--registrations", given.registrations, "--json"]
    if kind != "kill":
        words += ["--seconds", PAUSE_S]
    elif given.judge_time:
        words.append("--judge-time")
    done = subprocess.run(site.drill_command(*words), capture_output=True, text=True,
                          timeout=120 + 150 * given.rounds, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Failed(f"{kind} {role} ended with {done.returncode}: {done.stdout}{done.stderr}") from None


def times(of):
    return f"{of['p50_s']:.2f} / {of['max_s']:.2f}" if of["count"] else "-"


def row(name, report):
    switch = report["switch"]
    return (name, report["rounds"], report["registrations_lost"], report["answered_lost"],
            f"{report['ringing_lost']} of {report['ringing']}", report["owned_twice"],
            report["cdr_missing"] + report["cdr_doubled"],
            f"{report['refused']} of {report['placed']}", times(switch["register"]),
            times(switch["call"]), times(switch["api_write"]), times(report["sound_gap"]))


def show(rows):
    widths = [max(len(str(line[i])) for line in rows) for i in range(len(COLUMNS))]
    for line in rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(line, widths)).rstrip())
    print("lost: registrations, answered calls, ringing calls, calls with two owners, CDRs missing or double;"
          "\ntimes in seconds, p50 / max", flush=True)


def all_drills(folder, given):
    wanted = [(kind, role) for kind, role in DRILLS
              if not given.drills or f"{kind} {role}" in given.drills]
    if not wanted:
        raise Failed(f"no such drill; there are: {', '.join(' '.join(each) for each in DRILLS)}")
    with Site(folder) as site:
        do_drills(site, given, {f"{kind} {role}": lambda kind=kind, role=role: run_drill(site, given, kind, role)
                                for kind, role in wanted})


def do_drills(site, given, drills):
    """`drills`: by name, what does one and answers its report. The table, and Failed for what was broken."""
    rows, broken, reports = [COLUMNS], [], []
    for name, drill in drills.items():
        report = drill()
        reports.append(report)
        rows.append(row(name, report))
        late = f"; the phones themselves were up to {report['lateness_s']:.2f} s late"
        print(f"        {name}: {report['broken'] or 'kept'}{late if report['lateness_s'] > 0.25 else ''}",
              flush=True)
        broken += [f"{name}: {text}" for text in report["broken"] + report["lost"][:5] + report["faults"][:5]]
        site.wait_serving()
    show(rows)
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(reports, file, indent=1)
    if broken:
        raise Failed("; ".join(broken))


if __name__ == "__main__":
    in_own_network()
    GIVEN = parse_options()

    def drills(folder):
        """Every drill, one after the other, on one site."""
        all_drills(folder, GIVEN)
    main(drills)
