#!/usr/bin/env python3
"""kill -9 of each node while two phones talk: how long is the sound away?

    crash.py [--rounds N] [--nodes one|split] [--judge-time] [TEST...]

Without --judge-time only what never ends is a failure: how long a loaded machine takes says nothing.
"""

import argparse
import os
import signal
import sys
import threading
import time

from calls import NODES, nothing_left, records
from harness import expect, in_own_network, main, running, wait_for
from sound import SoundPhone

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--rounds", type=int, default=1, help="kills of each node")
OPTIONS.add_argument("--nodes", choices=("one", "split"), default=NODES)
OPTIONS.add_argument("--judge-time", action="store_true", help="more than a second is a failure")
OPTIONS.add_argument("tests", nargs="*")
GIVEN = OPTIONS.parse_args()
GAP_MAX_S = 1.0 if GIVEN.judge_time else 4.0
# What the packets' own rhythm, and a busy machine, make of no gap at all.
NO_GAP_S = 0.25 if GIVEN.judge_time else 1.0


def nodes_of(server):
    """Number of the node of each role, from the status."""
    found = {}
    for node in server.api("GET", "/status")["nodes"]:
        for instance in node["instances"]:
            found[instance["role"]] = node["node"]
    return found


def kill_node(server, node):
    os.kill(server.pid_of(node), signal.SIGKILL)


class Talk:
    """1001 talks with 1002; both are heard."""

    def __init__(self, server, **phone):
        self.server = server
        self.caller = SoundPhone(server, "1001", 5066, **phone)
        self.callee = SoundPhone(server, "1002", 5062, **phone)

    def __enter__(self):
        for phone in (self.caller, self.callee):
            phone.__enter__()
            phone.register()
        status = self.caller.call("1002")
        expect(status == 200, f"the call was answered with {status}")
        wait_for(lambda: self.caller.hears() and self.callee.hears(), "both are heard", 5, 0.01)
        wait_for(lambda: [call for call in self.server.api("GET", "/calls")["items"]
                          if call["phase"] == "answered" and call["protected"]],
                 "the call is protected")
        return self

    def __exit__(self, *exception):
        self.caller.__exit__(*exception)
        self.callee.__exit__(*exception)

    def gap_around(self, act, gap_max):
        """The longest silence at either phone from `act()` on, watched for longer than it may be."""
        watched = gap_max + 1.0
        since = self.acted = time.monotonic()
        act()
        time.sleep(max(0.0, since + watched - time.monotonic()))
        until = time.monotonic()
        return max(self.caller.longest_gap(since, until), self.callee.longest_gap(since, until))

    def told(self):
        """When the phones were offered new media, after what was done last, and what they refused."""
        after = [[f"{at - self.acted:.2f} s" for at in phone.offers]
                 for phone in (self.caller, self.callee)]
        return (f"offers after {after[0]} and {after[1]}, "
                f"refused {self.caller.refused} and {self.callee.refused}")

    def end(self):
        """The call is still there, is ended by its caller, and leaves one CDR and nothing else."""
        expect(not self.caller.hung_up.is_set() and not self.callee.hung_up.is_set(),
               "the call was hung up")
        expect(self.caller.hang_up() == 200, "BYE")
        expect(self.callee.hung_up.wait(5), "the callee gets a BYE")
        record = records(self.server)[0]
        expect(record["result"] == "answered", f"the CDR: {record}")
        nothing_left(self.server)
        return record


def serving_again(server):
    server.wait_healthy()
    wait_for(lambda: all(node["instances"] for node in server.api("GET", "/status")["nodes"]),
             "all roles are there")


def kill_during_talk(folder, role, gap_max, **phone):
    """The gaps of `--rounds` kills of the node that has `role`."""
    gaps = []
    with running(folder, nodes=GIVEN.nodes) as server:
        node = nodes_of(server)[role]
        with Talk(server, **phone) as talk:
            if "sequence" in phone:
                wait_for(lambda: talk.caller.sending.rollovers and talk.callee.sending.rollovers,
                         "both phones number their packets from 0 again", 5, 0.01)
            for _ in range(GIVEN.rounds):
                gaps.append(talk.gap_around(lambda: kill_node(server, node), gap_max))
                serving_again(server)
                expect(gaps[-1] <= gap_max, f"no sound for {gaps[-1]:.2f} s ({talk.told()})")
            talk.end()
    gaps.sort()
    print(f"        {role}: gap p50 {gaps[len(gaps) // 2]:.3f} s, max {gaps[-1]:.3f} s", flush=True)


def sound_is_back_after_the_media_gate_died(folder):
    kill_during_talk(folder, "MG", GAP_MAX_S)


def encrypted_sound_is_back_after_the_media_gate_died(folder):
    kill_during_talk(folder, "MG", GAP_MAX_S, srtp=True)


def a_phone_that_is_busy_gets_its_sound_later(folder):
    """It answers the first re-INVITE with 491, as its own offer is under way."""
    kill_during_talk(folder, "MG", 6.0, srtp=True, pending=1)


def encrypted_sound_outlives_a_counter_that_rolled_over(folder):
    """Packets of more than 22 minutes are numbered again from 0; a new gate has to guess that. It can't
    where they are numbered again in the very moment when keys change: SDES carries no counter."""
    kill_during_talk(folder, "MG", GAP_MAX_S, srtp=True, sequence=65500)


def sound_goes_on_while_other_nodes_die(folder):
    """One call, and all but the media gate die one after the other."""
    if GIVEN.nodes == "one":
        return
    with running(folder, nodes=GIVEN.nodes) as server, Talk(server, srtp=True) as talk:
        nodes = nodes_of(server)
        told = []
        for role in ("B2B", "SG", "SR", "MGC", "CS", "ST", "WS"):
            gap = talk.gap_around(lambda: kill_node(server, nodes[role]), NO_GAP_S)
            serving_again(server)
            expect(gap <= NO_GAP_S, f"no sound for {gap:.2f} s when {role} died")
            told.append(f"{role} {gap:.3f}")
        print("        gaps: " + ", ".join(told))
        talk.end()


def the_b2b_dies_together_with_the_media_gate(folder):
    if GIVEN.nodes == "one":
        return
    with running(folder, nodes=GIVEN.nodes) as server, Talk(server) as talk:
        nodes = nodes_of(server)

        def kill_both():
            kill_node(server, nodes["MG"])
            kill_node(server, nodes["B2B"])
        gap = talk.gap_around(kill_both, GAP_MAX_S)
        expect(gap <= GAP_MAX_S, f"no sound for {gap:.2f} s")
        print(f"        gap {gap:.3f} s")
        talk.end()


def set_role(server, code, settings):
    """Changes settings of the role instances of a kind."""
    for role in server.api("GET", "/roles?limit=1000")["items"]:
        if role["role"] == code:
            server.api("PATCH", f"/roles/{role['id']}", settings)


def ringing_calls_ring_on_with_survival_all(folder):
    """The phone answers after the B2B has died, and both hear each other."""
    with running(folder, nodes=GIVEN.nodes) as server:
        set_role(server, "B2B", {"b2bua": {"survival": "all"}})
        with SoundPhone(server, "1001", 5066) as caller, SoundPhone(server, "1002", 5062) as callee:
            callee.register()
            callee.ringing_only = True
            heard = []
            call = threading.Thread(target=lambda: heard.append(caller.call("1002", 20)))
            call.start()
            wait_for(lambda: any(each[0] == 180 for answers in caller.responses.values()
                                 for each in answers), "it rings", 5)
            time.sleep(0.2)
            kill_node(server, nodes_of(server)["B2B"])
            serving_again(server)
            expect(not heard and not callee.cancelled.is_set(), f"it rings on: {heard}")
            callee.answer()
            call.join()
            expect(heard == [200], f"the caller was answered with {heard}")
            wait_for(lambda: caller.hears() and callee.hears(), "both hear each other", 5)
            expect(caller.hang_up() == 200, "BYE")
            record = wait_for(lambda: records(server), "its record")[0]
            expect(record["result"] == "answered" and record["survived"], f"the CDR: {record}")
            nothing_left(server)


def start_again(server):
    """A new parent, as an operator or systemd would start it; the old one may be dead."""
    old = server.process
    server.start()
    return old


def nodes_outlive_their_parent(folder):
    with running(folder, nodes=GIVEN.nodes) as server, Talk(server) as talk:
        before = {node: server.pid_of(node) for node in set(nodes_of(server).values())}

        def kill_parent():
            server.process.kill()
            server.process.wait()
        gap = talk.gap_around(kill_parent, NO_GAP_S)
        expect(gap <= NO_GAP_S, f"no sound for {gap:.2f} s")
        expect(talk.caller.ask_with_proof("OPTIONS", "sip:demo.test") == 200, "still serving")
        talk.gap_around(lambda: start_again(server), NO_GAP_S)
        after = {node: server.pid_of(node) for node in before}
        expect(before == after, f"nodes were adopted: {before}, then {after}")
        # The new parent starts them again as the old one did.
        gap = talk.gap_around(lambda: kill_node(server, nodes_of(server)["MG"]), GAP_MAX_S)
        expect(gap <= GAP_MAX_S, f"no sound for {gap:.2f} s")
        serving_again(server)
        talk.end()


def parent_and_nodes_die(folder):
    with running(folder, nodes=GIVEN.nodes) as server, Talk(server) as talk:
        def kill_all():
            pids = server.node_pids()
            server.process.kill()
            server.process.wait()
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            start_again(server)
        gap = talk.gap_around(kill_all, 2 * GAP_MAX_S)
        serving_again(server)
        print(f"        gap {gap:.3f} s")
        expect(gap <= 2 * GAP_MAX_S, f"no sound for {gap:.2f} s")
        talk.end()


ALL = [sound_is_back_after_the_media_gate_died, encrypted_sound_is_back_after_the_media_gate_died,
       a_phone_that_is_busy_gets_its_sound_later,
       encrypted_sound_outlives_a_counter_that_rolled_over, sound_goes_on_while_other_nodes_die,
       the_b2b_dies_together_with_the_media_gate, ringing_calls_ring_on_with_survival_all,
       nodes_outlive_their_parent, parent_and_nodes_die]


if __name__ == "__main__":
    in_own_network()
    sys.argv = sys.argv[:1] + GIVEN.tests
    main(*ALL)
