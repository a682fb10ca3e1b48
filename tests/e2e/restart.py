#!/usr/bin/env python3
"""kill -9 of the node: what was acknowledged is there afterwards, and established calls go on."""

import os
import signal
import subprocess
import sys
import time

from calls import CALLEE_PORT, CALLER_PORT, NODES, records, register
from harness import TANDEMD, Failed, expect, finish_sipp, main, running, sipp, wait_for


def kill_loses_no_registration_and_no_account(folder):
    with running(folder, nodes=NODES) as server:
        for index, user in enumerate(("1001", "1002")):
            register(server, user, CALLER_PORT + index)
        server.api("POST", "/domains/demo.test/accounts", {"login": "1003", "password": "x"})
        began = time.monotonic()
        server.kill_nodes()
        server.wait_healthy()
        away = time.monotonic() - began
        wait_for(lambda: len(server.api("GET", "/domains/demo.test/bindings")["items"]) == 2,
                 "both bindings are there again")
        server.api("GET", "/domains/demo.test/accounts/1003")
        print(f"        serving again {away:.2f} s after kill -9")


def calls_or_none(server):
    """How many calls go on; None while nobody counts them: that is no part of the health."""
    try:
        return len(server.api("GET", "/calls")["items"])
    except Failed:
        return None


def established_call_survives_a_kill(folder):
    with running(folder, nodes=NODES) as server:
        register(server, "1002", CALLEE_PORT)
        called = sipp("callee_restored", server, keys={"user": "1002"}, port=CALLEE_PORT, background=True,
                      timeout=60)
        time.sleep(0.3)
        caller = sipp("caller_restored", server, keys={"user": "1001", "callee": "1002"},
                      port=CALLER_PORT, background=True, timeout=60)
        wait_for(lambda: [c for c in server.api("GET", "/calls")["items"]
                          if c["phase"] == "answered" and c["protected"]],
                 "an answered, protected call")
        server.kill_nodes()
        server.wait_healthy()
        wait_for(lambda: calls_or_none(server) == 1, "the call is back")
        finish_sipp(caller, 60)
        finish_sipp(called, 60)
        record = records(server)[0]
        expect(record["result"] == "answered", f"the CDR: {record}")
        expect(record["duration_ms"] >= 3000, f"duration {record['duration_ms']} ms")


def other_nodes_stay_when_the_first_is_killed(folder):
    """Node 1 has the store and tells the parent which nodes there are; it must not do so before it knows."""
    if NODES == "one":
        return
    with running(folder, nodes=NODES) as server:
        for _ in range(6):
            before = set(server.node_pids())
            first = server.pid_of(1)
            os.kill(first, signal.SIGKILL)
            # One that dies again and again is started after growing pauses.
            wait_for(lambda: set(server.node_pids()) - before, "node 1 is started again")
            time.sleep(0.5)  # the parent looks at the list of nodes every 0.1 s
            after = set(server.node_pids())
            expect(before - {first} <= after, f"nodes {sorted(before - after)} ended with node 1 ({first})")


SERVES_FOR_A_MINUTE = """
import sys, time
sys.path.insert(0, sys.argv.pop())
from harness import main, running
def serves(folder):
    with running(folder, nodes="split"):
        print("serving", flush=True)
        time.sleep(60)
main(serves)
"""


def nothing_outlives_a_killed_test(folder):
    """Nodes go on without the tandemd that started them, which is killed with its test."""
    here = os.path.dirname(os.path.abspath(__file__))
    environment = {**os.environ, "TMPDIR": folder}
    del environment["TANDEM_TEST_NETNS"]
    test = subprocess.Popen([sys.executable, "-B", "-c", SERVES_FOR_A_MINUTE, here], text=True,
                            stdout=subprocess.PIPE, env=environment)
    expect(test.stdout.readline() == "serving\n", "the other test serves")
    expect(len(processes_of(folder)) > 3, f"its processes: {processes_of(folder)}")
    test.kill()
    test.wait(5)
    wait_for(lambda: not processes_of(folder), "all that it had started is gone", 5)


def processes_of(folder):
    """Those of tandemd that have `folder` in their arguments."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                words = file.read().split("\0")
        except OSError:
            continue
        if words[0] == TANDEMD and any(folder in word for word in words):
            found.append(int(pid))
    return found


if __name__ == "__main__":
    main(kill_loses_no_registration_and_no_account, established_call_survives_a_kill,
         other_nodes_stay_when_the_first_is_killed, nothing_outlives_a_killed_test)
