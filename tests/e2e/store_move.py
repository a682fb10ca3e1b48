#!/usr/bin/env python3
"""The store moves to an etcd of this server's own and back, while calls and registrations go on; and what becomes
of a move whose node is killed."""

import json
import os
import random
import signal
import time
import urllib.parse

from calls import CALLEE_PORT, CALLER_PORT, NODES, call, records, register
from harness import TANDEM, Failed, expect, finish_sipp, main, run, running, sipp, wait_for

FREEZE_MS_MAX = 300


def cli(server, *args, check=True):
    return run([TANDEM, "--url", server.url, "--token", server.token(), *args], timeout=90, check=check)


def state(server):
    return server.api("GET", "/site/store")


def state_or_none(server):
    try:
        return state(server)
    except Failed:
        return None


def accounts(server):
    """How many there are; None while the node that knows is being started."""
    count, after = 0, ""
    while True:
        try:
            page = server.api("GET", f"/domains/demo.test/accounts?limit=1000&after={after}")
        except Failed:
            return None
        count += len(page["items"])
        if not page["next"]:
            return count
        after = urllib.parse.quote(page["next"], safe="")


def move(server, kind):
    """Moves and waits; the state afterwards."""
    server.api("POST", "/site/store", {"kind": kind}, expected=202)

    def is_over():
        now = state(server)
        return now if now["move"] is None else None
    after = wait_for(is_over, f"the store has moved to {kind}", 60)
    expect(after["kind"] == kind, f"the store is {after}")
    return after


def registrations(server, count, seconds):
    """Phones that register all the time."""
    return sipp("register", server, calls=count, rate=count / seconds, keys={"user": "1001"}, port=5090,
                background=True, timeout=seconds + 30, name="registering")


def moves_while_calls_and_registrations_go_on(folder):
    with running(folder, nodes=NODES) as server:
        register(server, "1002", CALLEE_PORT)
        for login in range(2000, 2300):
            server.api("POST", "/domains/demo.test/accounts", {"login": str(login), "password": "x"})
        calls, rate = 150, 10
        called = sipp("callee", server, calls=calls, keys={"user": "1002"}, port=CALLEE_PORT, background=True,
                      timeout=60)
        time.sleep(0.3)
        caller = sipp("caller", server, calls=calls, rate=rate, keys={"user": "1001", "callee": "1002"},
                      port=CALLER_PORT, background=True, timeout=60)
        registering = registrations(server, 150, 15)
        time.sleep(2)
        there = move(server, "etcd")
        print(f"        to etcd: writes waited {there['last_freeze_ms']:.0f} ms")
        time.sleep(2)
        back = move(server, "sqlite")
        print(f"        to sqlite: writes waited {back['last_freeze_ms']:.0f} ms")
        for process in (caller, called, registering):
            finish_sipp(process, 60)
        results = [record["result"] for record in records(server, calls)]
        expect(results == ["answered"] * calls, f"CDRs: {sorted(set(results))}")
        expect(len(server.api("GET", "/domains/demo.test/accounts?limit=1000")["items"]) == 302,
               "all accounts are there")
        for after in (there, back):
            expect(after["last_freeze_ms"] <= FREEZE_MS_MAX, f"writes waited {after['last_freeze_ms']} ms")
        expect((there["generation"], back["generation"]) == (2, 3), f"{there} {back}")


def the_etcd_is_supervised(folder):
    """It is started again when it dies, outlives tandemd, and ends with it when that is asked to stop."""
    with running(folder, nodes=NODES) as server:
        cli(server, "store", "move", "etcd")
        pid_file = os.path.join(server.data, "run", "etcd-server1.pid")

        def pid():
            try:
                with open(pid_file, encoding="utf-8") as file:
                    return int(file.read().split()[0])
            except OSError:
                return None  # it is about to be started
        first = pid()
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: pid() not in (None, first), "it is started again")
        register(server, "1002", CALLEE_PORT)
        second = pid()
        server.process.kill()
        server.process.wait()
        os.kill(second, 0)
        server.start()
        expect(pid() == second, "the next parent takes it over")
        call(server, "caller", "callee")
        expect("etcd" in cli(server, "store", "status").stdout, "tandem store status")
        server.stop(drain_s=10)
        wait_for(lambda: not os.path.exists(f"/proc/{second}"), "it ends with tandemd")
        server.start()
        wait_for(lambda: len(server.api("GET", "/domains/demo.test/bindings")["items"]) == 1,
                 "a cold start finds everything")


def a_move_cut_off_anywhere_loses_nothing(folder):
    rng = random.Random(int(os.environ.get("TANDEM_SEED", "1")))
    rounds = int(os.environ.get("TANDEM_ROUNDS", "6"))
    with running(folder, nodes=NODES) as server:
        made = 0
        for _ in range(rounds):
            kind = "etcd" if state(server)["kind"] == "sqlite" else "sqlite"
            server.api("POST", "/site/store", {"kind": kind}, expected=202)
            until = time.monotonic() + rng.uniform(0, 2.5)
            while time.monotonic() < until:
                try:
                    server.api("POST", "/domains/demo.test/accounts",
                               {"login": f"a{made}", "password": "x"}, expected=201)
                    made += 1
                except Failed as error:
                    if ": 503 " in str(error):  # a node that was just killed finds its place again
                        time.sleep(0.05)
                        continue
                    raise Failed(f"account a{made} in a move to {kind}: {error}") from error
            os.kill(server.pid_of(1), signal.SIGKILL)
            server.wait_healthy()
            wait_for(lambda: accounts(server) == made + 2, f"all {made + 2} accounts are there")
            wait_for(lambda: state_or_none(server), "the store tells where it is")
        print(f"        {rounds} moves cut off, {made} accounts made meanwhile, in the end {json.dumps(state(server))}")


def what_cannot_be_moved_is_refused(folder):
    with running(folder, nodes=NODES) as server:
        refused = cli(server, "store", "move", "sqlite", check=False)
        expect(refused.returncode == 1 and "already" in refused.stderr, f"{refused}")
        server.api("POST", "/site/store", {"kind": "etcd", "endpoints": "here"}, expected=422)
        server.api("POST", "/site/store", {"kind": "etcd"}, expected=202)
        server.api("POST", "/site/store", {"kind": "etcd"}, expected=409)


if __name__ == "__main__":
    main(moves_while_calls_and_registrations_go_on, the_etcd_is_supervised, a_move_cut_off_anywhere_loses_nothing,
         what_cannot_be_moved_is_refused)
