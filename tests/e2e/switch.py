#!/usr/bin/env python3
"""A second copy takes over: posts of Active-Passive roles, and calls of a B2B whose node stands still.

    switch.py [TEST...]
"""

import os
import signal
import time

from calls import nothing_left, records
from crash import Talk, kill_node, nodes_of, serving_again
from harness import Failed, expect, in_own_network, main, running, wait_for
from sound import SoundPhone

FIRST_NODE = 21  # of the second copies


def add_copy(server, code, node, **fields):
    """Another instance of a role, on a node of its own; its number."""
    like = next(r for r in server.api("GET", "/roles?limit=1000")["items"] if r["role"] == code)
    made = server.api("POST", "/roles", {"role": code, "server": like["server"], "node": node,
                                         "number": 100 + node, **fields})
    wait_for(lambda: any(i["instance"] == made["number"] for i in instances(server)),
             f"the second {code} runs")
    return made["number"]


def instances(server):
    return [{**instance, "node": node["node"]} for node in server.api("GET", "/status")["nodes"]
            for instance in node["instances"]]


def active(server, code):
    """The node and the number of the active copy; None while there is none."""
    found = [i for i in instances(server) if i["role"] == code and i["state"] == "serving"]
    return (found[0]["node"], found[0]["instance"]) if len(found) == 1 else None


def stop_node(server, node):
    os.kill(server.pid_of(node), signal.SIGSTOP)


def wake_node(server, node):
    os.kill(server.pid_of(node), signal.SIGCONT)


def registers(phone):
    try:
        return bool(phone.register())
    except Failed:
        return False


def a_paused_registrar_is_replaced_and_does_no_harm(folder):
    with running(folder, nodes="split") as server:
        other = add_copy(server, "SR", FIRST_NODE)
        node, number = wait_for(lambda: active(server, "SR"), "one SR is active")
        expect(number != other, "a new copy does not take the post")
        with SoundPhone(server, "1001", 5066, silent=True) as phone:
            expect(registers(phone), "REGISTER before")
            stop_node(server, node)
            since = time.monotonic()
            wait_for(lambda: registers(phone), "another SR registers", 20, 0.05)
            print(f"        registrations again after {time.monotonic() - since:.2f} s")
            wake_node(server, node)
            serving_again(server)
            wait_for(lambda: (active(server, "SR") or (0, 0))[1] == other, "the other one is active")
            expect(registers(phone), "REGISTER after")
            bindings = server.api("GET", "/domains/demo.test/bindings")["items"]
            expect(len(bindings) == 1, f"bindings: {bindings}")
            wait_for(lambda: any(i["instance"] == number and i["state"] == "passive"
                                 for i in instances(server)), "the woken one is passive")


def calls_of_a_paused_b2b_go_on_elsewhere(folder):
    with running(folder, nodes="split") as server:
        add_copy(server, "B2B", FIRST_NODE)
        with Talk(server) as talk:
            call, = server.api("GET", "/calls")["items"]
            owner = call["owner"]
            node = next(i["node"] for i in instances(server) if i["instance"] == owner)
            since = time.monotonic()
            stop_node(server, node)
            wait_for(lambda: [c for c in server.api("GET", "/calls")["items"]
                              if c["id"] == call["id"] and c["owner"] != owner],
                     "the other B2B has the call", 20, 0.05)
            print(f"        the call was taken over after {time.monotonic() - since:.2f} s")
            wake_node(server, node)
            serving_again(server)
            expect(talk.caller.hears() and talk.callee.hears(), "both are heard")
            talk.end()
        expect(len(records(server)) == 1, "one CDR")


def a_post_moves_when_its_holder_is_removed(folder):
    with running(folder, nodes="split") as server:
        other = add_copy(server, "MGC", FIRST_NODE)
        wait_for(lambda: active(server, "MGC"), "one MGC is active")
        first = next(r for r in server.api("GET", "/roles?limit=1000")["items"]
                     if r["role"] == "MGC" and r["number"] != other)
        server.api("PATCH", f"/roles/{first['id']}", {"enabled": False})
        wait_for(lambda: (active(server, "MGC") or (0, 0))[1] == other, "the other MGC is active")
        with Talk(server) as talk:
            talk.end()
        nothing_left(server)


def talk_once(server):
    with Talk(server) as talk:
        expect(talk.caller.hang_up() == 200, "BYE")
        expect(talk.callee.hung_up.wait(5), "the callee gets a BYE")


def ids_of(server, count):
    """The records that /cdr answers with, each once."""
    ids = [record["id"] for record in records(server, count)]
    expect(len(set(ids)) == count, f"each record once: {ids}")
    return set(ids)


def history_goes_on_with_another_st(folder):
    """Node 1 keeps the store and goes on; both STs are elsewhere."""
    with running(folder, nodes="split") as server:
        others = [add_copy(server, "ST", node) for node in (FIRST_NODE, FIRST_NODE + 1)]
        first = next(r for r in server.api("GET", "/roles?limit=1000")["items"]
                     if r["role"] == "ST" and r["number"] not in others)
        server.api("PATCH", f"/roles/{first['id']}", {"enabled": False})
        node, number = wait_for(lambda: active(server, "ST"), "one ST is active")
        expect(number in others, f"ST {number} is a new one")
        for _ in range(2):
            talk_once(server)
        before = ids_of(server, 2)
        stop_node(server, node)
        wait_for(lambda: (active(server, "ST") or (0, number))[1] != number, "the other ST is active", 20)
        expect(ids_of(server, 2) == before, "the same records")
        talk_once(server)
        after = ids_of(server, 3)
        wake_node(server, node)
        serving_again(server)
        # The woken one has missed a call; nothing waits for it any more.
        wait_for(lambda: not held(server), "the outbox is empty", 20)
        now, _ = active(server, "ST")
        kill_node(server, now)
        serving_again(server)
        wait_for(lambda: active(server, "ST"), "one ST is active", 20)
        expect(ids_of(server, 3) == after, "the same records again")
        # The node of the store begins anew, and knows nobody's watch.
        kill_node(server, 1)
        serving_again(server)
        talk_once(server)
        expect(ids_of(server, 4) > after, "one more")
        wait_for(lambda: not held(server), "the outbox is empty", 20)


def held(server):
    return sum(each["figures"]["cdrs_held"] for each in instances(server) if each["role"] == "ST")


def a_killed_node_takes_its_posts_again(folder):
    with running(folder, nodes="split") as server:
        node = nodes_of(server)["SR"]
        for _ in range(3):
            kill_node(server, node)
            wait_for(lambda: (active(server, "SR") or (0, 0))[0] == node, "it serves again")
        with SoundPhone(server, "1001", 5066, silent=True) as phone:
            wait_for(lambda: registers(phone), "REGISTER", 10, 0.1)


ALL = [a_paused_registrar_is_replaced_and_does_no_harm, calls_of_a_paused_b2b_go_on_elsewhere,
       a_post_moves_when_its_holder_is_removed, history_goes_on_with_another_st, a_killed_node_takes_its_posts_again]

if __name__ == "__main__":
    in_own_network()
    main(*ALL)
