#!/usr/bin/env python3
"""Many calls, lost packets, crossing requests, and a crash between a commit and its answer.

    load.py [--seconds S] [--rate R] [--calls N] [--nodes one|split] [TEST...]

Short runs are the default; the long ones are `--seconds 60` (100 calls/s for a minute) and
`--calls 100000`.
"""

import argparse
import os
import re
import sys
import time

from calls import (CALLEE_PORT, CALLER_PORT, KEPT, LIVE, figures, nothing_left, records, register)
from harness import (Failed, expect, finish_sipp, in_own_network, main, run, running, sipp,
                     wait_for)
from phone import AnsweringPhone, Phone

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--seconds", type=int, default=10)
OPTIONS.add_argument("--rate", type=int, default=100)
OPTIONS.add_argument("--calls", type=int, default=1000)
OPTIONS.add_argument("--nodes", choices=("one", "split"),
                     default=os.environ.get("TANDEM_TEST_NODES", "one"))
OPTIONS.add_argument("tests", nargs="*")
GIVEN = OPTIONS.parse_args()
NODES = GIVEN.nodes


def cpu_seconds(server):
    """Processor time of all nodes so far."""
    ticks = 0
    for pid in server.node_pids():
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def many_calls(server, count, rate, hold_ms=300, extra=(), timeout=None):
    """`count` answered calls from 1001 to 1002; every one must succeed at both ends."""
    register(server, "1002", CALLEE_PORT)
    timeout = timeout or count // rate + 60
    options = {"calls": count, "timeout": timeout, "messages": False}
    called = sipp("load_callee", server, keys={"user": "1002"}, port=CALLEE_PORT, background=True,
                  extra=("-l", "50000", *extra), **options)
    time.sleep(0.3)
    began, cpu = time.monotonic(), cpu_seconds(server)
    try:
        sipp("load_caller", server, rate=rate, keys={"user": "1001", "callee": "1002"},
             port=CALLER_PORT, extra=("-d", str(hold_ms), "-l", "50000", *extra), **options)
        took, cpu = time.monotonic() - began, cpu_seconds(server) - cpu
        finish_sipp(called, timeout + 10)
    finally:
        if called.poll() is None:
            called.kill()
    print(f"        {count} calls in {took:.1f} s, {1000 * cpu / count:.2f} ms of processor a call "
          f"({NODES})", flush=True)


def answered_records(server):
    """The ids of all records, each of which must be of an answered call."""
    seen, after = [], ""
    while True:
        page = server.api("GET", f"/domains/demo.test/cdr?limit=1000{after}")
        for record in page["items"]:
            expect(record["result"] == "answered", f"a call that failed: {record}")
        seen += [record["id"] for record in page["items"]]
        if not page.get("next"):
            return seen
        after = "&after=" + page["next"]


def all_calls_answered(server, count):
    """Every call has one record, and each says that it was answered."""
    def drained():
        return figures(server, ["cdrs_stored"])["cdrs_stored"] >= count
    wait_for(drained, f"{count} CDRs are in the history", 30)
    made = figures(server, ["calls_total", "cdr_total", "calls_unprotected_total"])
    expect(made["calls_total"] == count, f"{made}, expected {count} calls")
    expect(made["cdr_total"] == count, f"{made}, expected {count} CDRs")
    # A record that an ST took twice counts twice there, and the last one may be a moment later here.
    wait_for(lambda: len(answered_records(server)) >= count, f"{count} CDRs are listed", 30)
    seen = answered_records(server)
    expect(len(seen) == count and len(set(seen)) == count, f"{len(seen)} CDRs, expected {count}")
    if made["calls_unprotected_total"]:
        print(f"        {made['calls_unprotected_total']:.0f} calls without a snapshot in time")


def steady_rate_without_a_failed_call(folder):
    with running(folder, nodes=NODES) as server:
        count = GIVEN.rate * GIVEN.seconds
        many_calls(server, count, GIVEN.rate)
        all_calls_answered(server, count)
        nothing_left(server)


def lost_packets_fail_no_call(folder):
    """15 % of the packets between the phones and the gate are lost, each way."""
    with running(folder, nodes=NODES) as server:
        register(server, "1002", CALLEE_PORT)
        ports = f"{{ {CALLEE_PORT}, {CALLER_PORT} }}"
        rules = "table inet loss { chain phones { type filter hook input priority 0;\n" + "".join(
            f"udp {side} {ports} numgen random mod 100 < 15 counter drop\n"
            for side in ("sport", "dport")) + "}\n}\n"
        count = 200
        # SIPp repeats as phones do, for 64 * T1.
        extra = ("-max_invite_retrans", "10", "-max_non_invite_retrans", "11")
        options = {"calls": count, "timeout": 100, "messages": False}
        run(["nft", "-f", "-"], input=rules)
        try:
            with AnsweringPhone(server, "1002", CALLEE_PORT) as callee:
                sipp("load_caller", server, rate=20, keys={"user": "1001", "callee": "1002"},
                     port=CALLER_PORT, extra=("-d", "1000", *extra), **options)

                def all_hung_up():
                    return len(callee.hung_up) == count
                wait_for(all_hung_up, "the callee has heard of the end of every call", 34)
            dropped = [int(n) for n in re.findall(r"packets (\d+)",
                                                  run(["nft", "list", "ruleset"]).stdout)]
            expect(all(n > count / 10 for n in dropped) and len(dropped) == 2,
                   f"packets lost each way: {dropped}")
        finally:
            run(["nft", "delete", "table", "inet", "loss"])
        print(f"        {dropped[0]} packets lost on the way in, {dropped[1]} on the way out, "
              f"{count} calls ({NODES})")
        all_calls_answered(server, count)
        nothing_left(server, timeout=60)


def pair(server, caller, callee, count=20):
    register(server, "1002", CALLEE_PORT)
    called = sipp(callee, server, calls=count, keys={"user": "1002"}, port=CALLEE_PORT,
                  background=True, timeout=30)
    time.sleep(0.3)
    try:
        sipp(caller, server, calls=count, rate=20, keys={"user": "1001", "callee": "1002"},
             port=CALLER_PORT, timeout=30)
        finish_sipp(called, 30)
    finally:
        if called.poll() is None:
            called.kill()


def bye_crosses_bye(folder):
    """Each side hangs up while the other's BYE is under way: both get 200, each call one CDR."""
    with running(folder, nodes=NODES) as server:
        pair(server, "caller", "callee_bye_crosses")
        for record in records(server, 20):
            expect(record["result"] == "answered" and record["released_by"] == "caller",
                   f"{record}")
        pair(server, "caller_bye_crosses", "callee_hangs_up")
        by_callee = [r for r in records(server, 40) if r["released_by"] == "callee"]
        expect(len(by_callee) == 20, f"{len(by_callee)} calls released by the callee")
        nothing_left(server)


def register_is_repeated_across_a_crash(folder):
    """The binding is committed, its 200 never arrives, all nodes die by kill -9; the same bytes,
    sent again, are answered with 200. The answer is dropped in the namespace, so that a phone sees
    exactly what it sees of a crash between commit and answer, each time the test runs."""
    with running(folder, nodes=NODES) as server, Phone(server, "1001", CALLER_PORT) as phone:
        phone.send(phone.register_text("crash@phone", 1))
        status, challenge = phone.receive()
        expect(status == 401, f"{status} to the first REGISTER")
        again = phone.register_text("crash@phone", 2, phone.authorization(
            challenge, "REGISTER", "sip:demo.test"))
        run(["nft", "-f", "-"], input="table inet mute { chain phones { type filter hook input "
            f"priority 0;\nudp dport {CALLER_PORT} drop\n}}\n}}\n")
        phone.send(again)

        def bindings():
            return server.api("GET", "/domains/demo.test/bindings")["items"]
        before = wait_for(bindings, "the binding is committed")
        server.kill_nodes()
        server.wait_healthy()
        run(["nft", "delete", "table", "inet", "mute"])
        expect(phone.is_silent(0.2), "the first answer was to be lost")

        def answered():  # a phone repeats it for 32 s (RFC 3261 17.1.2, timer E)
            phone.send(again)
            try:
                return phone.receive(0.5)
            except Failed:
                return None
        status, text = wait_for(answered, "an answer to the repeated REGISTER", 20)
        expect(status == 200, f"{text}, expected 200")
        expires = re.search(r"Contact:.*expires=(\d+)", text)
        expect(expires and int(expires[1]) >= 590, f"no contact in {text}")
        after = bindings()
        expect(len(after) == 1 and after[0]["contact"] == before[0]["contact"], f"{after}")


def calls_of_each_b2b(server):
    """By instance number: its calls that go on, while it runs (drained ones included)."""
    return {instance["instance"]: int(instance["figures"]["calls"])
            for node in server.api("GET", "/status")["nodes"] for instance in node["instances"]
            if instance["role"] == "B2B"}


def add_role(server, role, number, **settings):
    """Starts one more instance, in a node of its own if the others are, and waits for it."""
    like = [r for r in server.api("GET", "/roles")["items"] if r["role"] == role][0]
    node = number if NODES == "split" else like["node"]
    made = server.api("POST", "/roles", {"role": role, "server": like["server"], "node": node,
                                         "number": number, **settings})

    def serves():
        return [i for n in server.api("GET", "/status")["nodes"] for i in n["instances"]
                if i["instance"] == number and i["state"] == "serving"]
    wait_for(serves, f"{role} {number} serves")
    return made


def while_calls_go_on(server, caller, callee, change, count=20):
    """Calls `change()` when `count` calls ring or are answered; each must end as it is meant to."""
    options = {"calls": count, "timeout": 30, "background": True}
    called = sipp(callee, server, keys={"user": "1002"}, port=CALLEE_PORT, **options)
    time.sleep(0.3)
    calling = sipp(caller, server, rate=100, keys={"user": "1001", "callee": "1002"},
                   port=CALLER_PORT, extra=("-d", "3000"), **options)
    try:
        wait_for(lambda: sum(calls_of_each_b2b(server).values()) == count, f"{count} calls", 5, 0.01)
        change()
        finish_sipp(calling, 30)
        finish_sipp(called, 30)
    finally:
        for process in (calling, called):
            if process.poll() is None:
                process.kill()


def members_change_during_calls(folder):
    """Between INVITE and CANCEL or BYE a B2B and a gate are added, or a B2B is removed: what
    follows still reaches its call."""
    with running(folder, nodes=NODES) as server:
        register(server, "1002", CALLEE_PORT)
        second = {}

        def add_b2b_and_gate():
            second.update(add_role(server, "B2B", 20))
            add_role(server, "SG", 21, sip_gate={"udp_port": 5075, "tcp_port": 5075, "tls_port": 0,
                                                 "wss_port": 0})

        def remove_b2b():
            shares = calls_of_each_b2b(server)
            expect(shares.get(20), f"the added B2B has none of the calls: {shares}")
            server.api("DELETE", f"/roles/{second['id']}")
        while_calls_go_on(server, "caller_cancels_late", "callee_rings", add_b2b_and_gate)
        while_calls_go_on(server, "caller_cancels_late", "callee_rings", remove_b2b)
        for record in records(server, 40):
            expect(record["result"] == "cancelled", f"{record}")
        wait_for(lambda: 20 not in calls_of_each_b2b(server), "the removed B2B is gone", 45, 0.2)
        second.update(add_role(server, "B2B", 20))
        while_calls_go_on(server, "load_caller", "load_callee", remove_b2b)
        answered = [r for r in records(server, 60) if r["result"] == "answered"]
        expect(len(answered) == 20 and all(r["duration_ms"] > 2000 for r in answered),
               f"answered calls: {answered}")
        nothing_left(server)


def everything_returns_to_zero(folder):
    """After many calls no context, port, transaction, call or store key is left."""
    with running(folder, nodes=NODES) as server:
        many_calls(server, GIVEN.calls, GIVEN.rate)
        all_calls_answered(server, GIVEN.calls)
        nothing_left(server)
        nothing_left(server, LIVE + KEPT, 60)
        server.stop()
        keys = run(["sqlite3", os.path.join(server.data, "store.db"),
                    "select cast(key as text) as k from kv where k like 'call/%' or "
                    "k like 'outbox/%'"]).stdout
        expect(not keys.strip(), f"keys are left in the store: {keys[:500]}")


if __name__ == "__main__":
    in_own_network()
    sys.argv[1:] = GIVEN.tests
    main(steady_rate_without_a_failed_call, lost_packets_fail_no_call, bye_crosses_bye,
         register_is_repeated_across_a_crash, members_change_during_calls, everything_returns_to_zero)
