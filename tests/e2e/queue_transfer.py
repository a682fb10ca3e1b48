#!/usr/bin/python3
"""Transfers into call queues: who has been answered waits for an agent."""

import contextlib
import os
import signal
import time
from urllib.parse import quote

from calling_phone import header
from calls import nothing_left, records
from harness import Failed, expect, main, wait_for
from music import Heard, hear_nothing_old
from queues import agent, callers, exchange, gives_up, rings, role_of, shown_again, state
from services import tandem
from transfer import let_go, notified, offered_again, refer

QUEUE = "<sip:600@demo.test>"


def transferred(phone, target=QUEUE):
    """By the phone, which is told that the queue has taken the other one in."""
    expect(refer(phone, target) == 202, "the REFER is accepted")
    notified(phone, 200)
    let_go(phone)


def hears_music(phone, what):
    hear_nothing_old(phone)
    wait_for(lambda: Heard(phone, 0.3).loudness > 100, what, 15)


def is_asked(phone, seconds):
    """The phone answers the re-INVITEs that ask whether it is still there, or tell it of other ports."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(Failed):
            invite = phone.wait_request("INVITE", 0.2)
            phone.respond(invite, "200 OK", body=phone.sdp())
            phone.learn_media(invite)
            phone.wait_request("ACK")


def puts_through(agent_phone, invite, waiting):
    agent_phone.pending.append(invite)
    agent_phone.take()
    agent_phone.wait_request("ACK")
    offered_again(waiting)
    waiting.talks_with(agent_phone)


def who_is_transferred_waits_with_music_until_an_agent_answers(folder):
    with exchange(folder, "1001", "1002", "1003", "1004", agents=("1002", "1003"), callers_max=1,
                  sound="music") as (server, (a, b, c, d)):
        agent(server, "1003", paused=True)
        a.call("1002", b)
        a.talks_with(b)
        transferred(b)
        # He is free, and gets the call back as the only agent there is.
        invite = rings(b)
        expect("1001" in header(invite, "From") and "1002" in header(invite, "Referred-By"), f"{invite}")
        hears_music(a, "music while his phone rings")
        expect(callers(server) == ["1001"], f"{state(server)}")
        agent(server, "1002", paused=True)
        b.respond(b.wait_request("CANCEL"), "200 OK")
        b.respond(invite, "487 Request Terminated")
        b.wait_request("ACK")
        hears_music(a, "music in the place")
        # The queue is full by now.
        d.call("1002", b)
        expect(refer(b, QUEUE) == 202, "the REFER is accepted")
        notified(b, 486)
        d.talks_with(b)
        d.hang_up(b)
        agent(server, "1003", paused=False)
        puts_through(c, rings(c), a)
        hear_nothing_old(a)
        expect(not Heard(a, 0.4).packets, "the music has ended")
        a.hang_up(c)
        made = next(each for each in records(server, 2) if each["transfers"])
        waited, transfer = made["queues"][0], made["transfers"][0]
        expect((waited["outcome"], transfer["by"]["number"], transfer["to"]["number"]) ==
               ("answered", "1002", "1003") and waited["wait_ms"] > 500, f"{made}")
        nothing_left(server)


def a_waiting_call_hands_its_place_over(folder):
    with exchange(folder, "1001", "1002", "1003", agents=("1003",), sound="ringing") as (server, (a, b, c)):
        agent(server, "1003", paused=True)
        a.call("1002", b)
        a.talks_with(b)
        talk, b.dialog = b.dialog, {}
        b.begin_call("600")
        told = b.wait(lambda m: m.startswith("SIP/2.0 182 Queued, 0 ahead"), "182, 0 ahead")
        dialog = f"{header(told, 'Call-ID')};to-tag={header(told, 'To').split(';tag=')[1]}" \
                 f";from-tag={header(told, 'From').split(';tag=')[1]}"
        invite, b.dialog = b.last_request, talk
        transferred(b, f"<sip:600@demo.test?Replaces={quote(dialog, safe='')}>")
        b.acknowledge_failure(invite, b.wait_response(invite))
        wait_for(lambda: callers(server) == ["1001"], "1001 waits in the place of 1002", 5)
        hears_music(a, "a ringing tone")
        agent(server, "1003", paused=False)
        puts_through(c, rings(c), a)
        a.hang_up(c)
        nothing_left(server)


def a_queue_may_answer_itself(folder):
    with exchange(folder, "1001", "1002", "1003", "1004", agents=("1003",), sound="music", answers=True,
                  callers_max=1) as (server, (a, b, c, d)):
        agent(server, "1003", paused=True)
        a.begin_call("600")
        a.finish_call()
        hears_music(a, "music after the answer")
        expect(callers(server) == ["1001"], f"{state(server)}")
        expect(d.try_call("600") == 486, "who has no place is not answered")
        os.kill(server.pid_of(role_of(server, "B2B")["node"]), signal.SIGKILL)
        server.wait_healthy()
        shown_again(server, ["1001"])
        is_asked(a, 2)
        hears_music(a, "music after the death of B2B")
        agent(server, "1003", paused=False)
        puts_through(c, rings(c), a)
        # An agent is free at once.
        d.begin_call("600")
        d.finish_call()
        a.hang_up(c)
        puts_through(c, rings(c), d)
        d.hang_up(c)
        made = records(server, 3)
        waits_of = {each["caller"]["number"]: each["queues"][0]["outcome"] for each in made if each["result"] == "answered"}
        expect(waits_of == {"1001": "answered", "1004": "answered"}, f"{made}")
        code, said = tandem(server, "queue", "set", "demo.test", "sales", "--answers", "no")
        expect(code == 0 and "sales" in said, said)
        b.begin_call("600")
        b.wait(lambda m: m.startswith("SIP/2.0 183"), "183")
        gives_up(b)
        nothing_left(server)


def who_was_transferred_outlives_b2b_and_gate(folder):
    """With the default `survival`, as the call has been answered."""
    with exchange(folder, "1001", "1002", "1003", "1004", agents=("1003",), sound="music") as (server, (a, b, c, d)):
        agent(server, "1003", paused=True)
        a.call("1002", b)
        a.talks_with(b)
        transferred(b)
        d.call("1002", b)
        transferred(b)
        expect(callers(server) == ["1001", "1004"], f"{state(server)}")
        # Whoever transferred them is let go some milliseconds before it is in the store.
        wait_for(lambda: all(each["protected"] for each in server.api("GET", "/calls")["items"]), "both are safe")
        for role in ("B2B", "MG"):
            os.kill(server.pid_of(role_of(server, role)["node"]), signal.SIGKILL)
            server.wait_healthy()
            shown_again(server, ["1001", "1004"])
            is_asked(a, 2)
            is_asked(d, 0.4)
            hears_music(a, f"music after the death of {role}")
        agent(server, "1003", paused=False)
        for caller in (a, d):
            puts_through(c, rings(c), caller)
            caller.hang_up(c)
        for each in records(server, 2):
            expect(each["survived"] and each["queues"][0]["outcome"] == "answered", f"{each}")
        nothing_left(server)


if __name__ == "__main__":
    main(who_is_transferred_waits_with_music_until_an_agent_answers, a_waiting_call_hands_its_place_over,
         a_queue_may_answer_itself,
         who_was_transferred_outlives_b2b_and_gate)
