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
OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--rounds", type=int, default=1, help="of each drill")
OPTIONS.add_argument("--judge-time", action="store_true", help="fail for what took too long, too")
OPTIONS.add_argument("--calls", type=int, default=10, help="calls that are held")
OPTIONS.add_argument("--rate", type=float, default=5, help="new calls a second")
OPTIONS.add_argument("--registrations", type=int, default=100)
OPTIONS.add_argument("--json", help="file for the reports")
OPTIONS.add_argument("drills", nargs="*", help="'kill SR', 'pause B2B', ...")
GIVEN = OPTIONS.parse_args()

DRILLS = ([("kill", role) for role in ROLES] + [("pause", "B2B"), ("pause", "SR")] +
          [("partition", "B2B"), ("partition", "SR")])
COLUMNS = ("DRILL", "ROUNDS", "REG", "CALLS", "RINGING", "TWICE", "CDR", "REFUSED",
           "REGISTER AGAIN", "CALL AGAIN", "API AGAIN", "SOUND GAP")


def run_drill(site, kind, role):
    """The report of one drill."""
    words = [kind, "--role", role, "--rounds", GIVEN.rounds, "--calls", GIVEN.calls,
             "--rate", GIVEN.rate, "--registrations", GIVEN.registrations, "--json"]
    if kind != "kill":
        words += ["--seconds", PAUSE_S]
    elif GIVEN.judge_time:
        words.append("--judge-time")
    done = subprocess.run(site.drill_command(*words), capture_output=True, text=True,
                          timeout=120 + 150 * GIVEN.rounds, check=False)
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


def all_drills(folder):
    """Every drill, one after the other, on one site."""
    rows, broken, reports = [COLUMNS], [], []
    wanted = [(kind, role) for kind, role in DRILLS
              if not GIVEN.drills or f"{kind} {role}" in GIVEN.drills]
    if not wanted:
        raise Failed(f"no such drill; there are: {', '.join(' '.join(each) for each in DRILLS)}")
    with Site(folder) as site:
        for kind, role in wanted:
            report = run_drill(site, kind, role)
            reports.append(report)
            rows.append(row(f"{kind} {role}", report))
            print(f"        {kind} {role}: {report['broken'] or 'kept'}", flush=True)
            broken += [f"{kind} {role}: {text}" for text in report["broken"] + report["faults"][:5]]
            site.wait_serving()
    show(rows)
    if GIVEN.json:
        with open(GIVEN.json, "w", encoding="utf-8") as file:
            json.dump(reports, file, indent=1)
    if broken:
        raise Failed("; ".join(broken))


if __name__ == "__main__":
    in_own_network()
    sys.argv = sys.argv[:1]
    main(all_drills)
