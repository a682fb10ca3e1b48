#!/usr/bin/env python3
"""Calls between SIPp phones through the whole system, one behaviour a test."""

import os
import time

from harness import (Failed, expect, finish_sipp, main, running, sipp, wait_for)

CALLEE_PORT = 5062
CALLER_PORT = 5066
NODES = os.environ.get("TANDEM_TEST_NODES", "one")


def register(server, user, port, netns=None, local="127.0.0.1"):
    sipp("register", server, keys={"user": user}, port=port, netns=netns, local=local)


def call(server, caller, callee, *, calls=1, rate=10, timeout=30, extra=(), register_first=True):
    """Registers 1002, lets it run `callee`, calls it with `caller` and waits for both."""
    if register_first:
        register(server, "1002", CALLEE_PORT)
    called = sipp(callee, server, calls=calls, keys={"user": "1002"}, port=CALLEE_PORT,
                  background=True, timeout=timeout, extra=extra)
    time.sleep(0.3)  # SIPp opens its socket
    try:
        sipp(caller, server, calls=calls, rate=rate, keys={"user": "1001", "callee": "1002"},
             port=CALLER_PORT, timeout=timeout, extra=extra)
        finish_sipp(called, timeout)
    finally:
        if called.poll() is None:
            called.kill()


def records(server, expected=1):
    """The CDRs, once there are `expected`."""
    def enough():
        items = server.api("GET", "/domains/demo.test/cdr?limit=1000")["items"]
        return items if len(items) >= expected else None
    items = wait_for(enough, f"{expected} CDRs", 30)  # a slow disk takes its time
    expect(len(items) == expected, f"{len(items)} CDRs, expected {expected}: {items}")
    return items


LIVE = ("calls", "media_contexts", "media_ports_used")
# What a call that is over leaves for 64 * T1 = 32 s, to answer what phones repeat.
KEPT = ("calls_ended_and_kept", "sip_transactions")


def figures(server, names):
    """The sum of each figure over all instances; Failed when nobody has it."""
    sums = {}
    for node in server.api("GET", "/status")["nodes"]:
        for instance in node["instances"]:
            for name, value in instance["figures"].items():
                sums[name] = sums.get(name, 0) + value
    for name in names:
        expect(name in sums, f"nobody has the figure {name}: {sorted(sums)}")
    return {name: sums[name] for name in names}


def role_of(server, code):
    return [each for each in server.api("GET", "/roles")["items"] if each["role"] == code][0]


def add_b2b(server, number):
    """One more, in a node of its own if the others are."""
    like = [each for each in server.api("GET", "/roles")["items"] if each["role"] == "B2B"][0]
    server.api("POST", "/roles", {"role": "B2B", "server": like["server"], "number": number,
                                  "node": number if NODES == "split" else like["node"]})
    wait_for(lambda: [i for n in server.api("GET", "/status")["nodes"] for i in n["instances"]
                      if i["instance"] == number and i["state"] == "serving"], f"B2B {number} serves")


def nothing_left(server, names=LIVE, timeout=30):
    """No call, no media context and no port is left behind."""
    def clean():
        return not server.api("GET", "/calls")["items"] and \
            not any(figures(server, names).values())
    try:
        wait_for(clean, "figures are back to zero", timeout)
    except Failed as error:
        raise Failed(f"{error}: {figures(server, names)}") from None


def check_record(server, result, status, released_by=None):
    record = records(server)[0]
    expect(record["result"] == result, f"result {record['result']}, expected {result}: {record}")
    expect(record["sip_status"] == status, f"status {record['sip_status']}, expected {status}")
    expect(record["caller"]["number"] == "1001", f"caller in {record}")
    expect(record["callee"]["number"] == "1002", f"callee in {record}")
    if released_by:
        expect(record["released_by"] == released_by, f"released by {record['released_by']}")
    return record


def registration_is_made_refreshed_and_removed(folder):
    with running(folder, nodes=NODES) as server:
        sipp("register_cycle", server, keys={"user": "1001"}, port=CALLER_PORT)
        items = server.api("GET", "/domains/demo.test/bindings")["items"]
        expect(not items, f"bindings are left: {items}")


def wrong_password_is_refused(folder):
    with running(folder, nodes=NODES) as server:
        server.api("PATCH", "/domains/demo.test/accounts/1001", {"password": "another"})
        try:
            sipp("register", server, keys={"user": "1001"}, port=CALLER_PORT, timeout=5)
        except Failed:
            items = server.api("GET", "/domains/demo.test/bindings")["items"]
            expect(not items, f"a wrong password made a binding: {items}")
            return
        raise Failed("a wrong password was accepted")


def answered_call_and_caller_hangs_up(folder):
    with running(folder, nodes=NODES) as server:
        call(server, "caller", "callee")
        record = check_record(server, "answered", 200, "caller")
        expect(250 <= record["duration_ms"] <= 5000, f"duration {record['duration_ms']} ms")
        nothing_left(server)


def answered_call_and_callee_hangs_up(folder):
    with running(folder, nodes=NODES) as server:
        call(server, "caller_waits", "callee_hangs_up")
        check_record(server, "answered", 200, "callee")
        nothing_left(server)


def busy(folder):
    with running(folder, nodes=NODES) as server:
        call(server, "caller_busy", "callee_busy")
        check_record(server, "busy", 486)
        nothing_left(server)


def rejected(folder):
    with running(folder, nodes=NODES) as server:
        call(server, "caller_rejected", "callee_rejects")
        check_record(server, "rejected", 603)
        nothing_left(server)


def cancelled(folder):
    with running(folder, nodes=NODES) as server:
        call(server, "caller_cancels", "callee_rings")
        check_record(server, "cancelled", 487)
        nothing_left(server)


def nobody_registered(folder):
    with running(folder, nodes=NODES) as server:
        sipp("caller_no_answer", server, keys={"user": "1001", "callee": "1002"}, port=CALLER_PORT)
        expect(records(server)[0]["sip_status"] == 480, "status of the CDR")


def no_answer(folder):
    with running(folder, nodes=NODES) as server:
        server.api("PATCH", "/domains/demo.test", {"settings": {"ring_timeout_s": 5}})
        call(server, "caller_no_answer", "callee_rings")
        expect(records(server)[0]["result"] == "no-answer", "result of the CDR")
        nothing_left(server)


def unknown_number(folder):
    with running(folder, nodes=NODES) as server:
        sipp("caller_unknown", server, keys={"user": "1001", "callee": "7777"}, port=CALLER_PORT)


def fork_to_three_devices_and_one_answers(folder):
    with running(folder, nodes=NODES) as server:
        ports = (CALLEE_PORT, CALLEE_PORT + 1, CALLEE_PORT + 2)
        phones = []
        for index, port in enumerate(ports):
            register(server, "1002", port)
            scenario = "callee_late" if index == 1 else "callee_rings"
            phones.append(sipp(scenario, server, keys={"user": "1002"}, port=port,
                               background=True, timeout=20, name=f"device{index}"))
        time.sleep(0.3)
        sipp("caller", server, keys={"user": "1001", "callee": "1002"}, port=CALLER_PORT)
        for phone in phones:
            finish_sipp(phone, 25)
        record = check_record(server, "answered", 200)
        expect(len([leg for leg in record["legs"] if leg["side"] == "callee"]) == 3,
               f"legs in {record}")
        nothing_left(server)


def offerless_invite(folder):
    with running(folder, nodes=NODES) as server:
        call(server, "caller_offerless", "callee_offers")
        check_record(server, "answered", 200)
        nothing_left(server)


def hold_and_resume(folder):
    with running(folder, nodes=NODES) as server:
        call(server, "caller_holds", "callee_held")
        check_record(server, "answered", 200)
        nothing_left(server)


if __name__ == "__main__":
    main(registration_is_made_refreshed_and_removed, wrong_password_is_refused,
         answered_call_and_caller_hangs_up, answered_call_and_callee_hangs_up, busy, rejected,
         cancelled, nobody_registered, no_answer, unknown_number,
         fork_to_three_devices_and_one_answers, offerless_invite, hold_and_resume)
