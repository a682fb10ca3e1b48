#!/usr/bin/python3
"""Call queues: who waits, whose turn it is, which agents are free."""

import contextlib
import os
import signal
import time

from calling_phone import header
from calls import NODES, add_b2b, nothing_left, records, role_of
from harness import Failed, expect, main, running, wait_for
from music import Heard, hear_nothing_old
from services import cancelled, phones, rang, tandem

ACCOUNTS = ("1001", "1002", "1003", "1004", "1005")
DOMAIN = "/domains/demo.test"


@contextlib.contextmanager
def exchange(folder, *users, agents=("1002",), **fields):
    """A server with a queue 600, whose agents are logged in, and phones. Who waits hears his own
    phone, unless `sound` is another."""
    fields.setdefault("sound", "ringing")
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, *users) as made:
        queue(server, agents, **fields)
        for each in agents:
            agent(server, each, logged_in=True)
        yield server, made


def queue(server, members, name="sales", number="600", **fields):
    ids = {each["login"]: each["id"] for each in server.api("GET", DOMAIN + "/accounts")["items"]}
    return server.api("POST", DOMAIN + "/queues", {"name": name, "number": number,
                                                   "members": [ids[each] for each in members], **fields})


def agent(server, login, expected=None, **fields):
    return server.api("PATCH", f"{DOMAIN}/accounts/{login}/agent", fields, expected=expected)


def state(server, name="sales"):
    """Of the queue: who waits, and what the agents do."""
    states = server.api("GET", DOMAIN + "/queue-states")["items"]
    return next(each for each in states if each["name"] == name)


def agents(server):
    return {each["login"]: each["state"] for each in state(server)["agents"]}


def callers(server):
    return [each["caller"] for each in state(server)["callers"]]


def waits(server, phone, ahead):
    """The phone has been told that it waits behind so many."""
    told = phone.wait(lambda m: m.startswith(f"SIP/2.0 182 Queued, {ahead} ahead"), f"182, {ahead} ahead")
    expect(header(told, "Call-ID") == header(phone.last_request, "Call-ID"), f"{told}")


def rings(phone):
    invite = phone.wait_request("INVITE", 10)
    phone.respond(invite, "180 Ringing")
    return invite


def picks_up(phone, invite, caller):
    """The agent, whose phone rings, takes the call."""
    phone.pending.append(invite)
    phone.take()
    caller.finish_call()
    phone.wait_request("ACK")
    caller.talks_with(phone)


def gives_up(caller):
    invite = caller.last_request
    lines = [line for line in invite.split("\r\n") if line.split(":")[0] in
             ("Via", "From", "To", "Call-ID", "Max-Forwards")]
    caller.send(f"CANCEL {invite.split(' ')[1]} SIP/2.0\r\n" + "\r\n".join(lines) +
                f"\r\nCSeq: {header(invite, 'CSeq').split()[0]} CANCEL\r\nContent-Length: 0\r\n\r\n")
    caller.acknowledge_failure(invite, caller.wait(lambda m: m.startswith("SIP/2.0 487"), "487"))


def refused(caller, status):
    response = caller.wait_response(caller.last_request, 10)
    caller.acknowledge_failure(caller.last_request, response)
    expect(response.startswith(f"SIP/2.0 {status}"), f"{response.splitlines()[0]}, expected {status}")


def the_oldest_call_gets_the_free_agent(folder):
    with exchange(folder, "1001", "1002", "1003") as (server, (a, b, c)):
        a.begin_call("600")
        invite = rings(b)
        a.wait(lambda m: m.startswith("SIP/2.0 180"), "180")
        c.begin_call("600")
        waits(server, c, 1)
        shown = state(server)
        expect(shown["waiting"] == 2 and callers(server) == ["1001", "1003"], f"{shown}")
        expect(shown["callers"][0]["ringing"] == ["1002"] and agents(server) == {"1002": "ringing"}, f"{shown}")
        picks_up(b, invite, a)
        waits(server, c, 0)
        expect(agents(server) == {"1002": "talking"} and not rang(b), "one call an agent")
        code, said = tandem(server, "queues", "demo.test")
        expect(code == 0 and "sales (600): 1 waiting" in said and "talking" in said, said)
        a.hang_up(b)
        picks_up(b, rings(b), c)
        c.hang_up(b)
        made = sorted(records(server, 2), key=lambda each: each["start_utc_ms"])
        for each, caller in zip(made, ("1001", "1003")):
            waited = each["queues"][0]
            expect((each["caller"]["number"], waited["name"], waited["outcome"]) == (caller, "sales", "answered"),
                   f"{each}")
        expect(all(each["queues"][0]["wait_ms"] > 0 for each in made), f"{made}")
        nothing_left(server)


def who_does_not_answer_costs_the_caller_no_place(folder):
    with exchange(folder, "1001", "1002", "1003", "1004", agents=("1002", "1004"), ring_s=3,
                  strategy="one-by-one") as (server, (a, b, c, d)):
        agent(server, "1004", paused=True)
        a.begin_call("600")
        invite = rings(b)
        c.begin_call("600")
        waits(server, c, 1)
        cancelled(b, invite)
        waits(server, a, 0)
        expect(agents(server) == {"1002": "no-answer", "1004": "paused"}, f"{agents(server)}")
        agent(server, "1004", paused=False)
        picks_up(d, rings(d), a)
        waits(server, c, 0)
        picks_up(b, rings(b), c)  # who has rested by now
        a.hang_up(d)
        c.hang_up(b)
        nothing_left(server)


def agents_log_in_and_out_and_pause_by_code(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", "1002") as (a, b):
        code, said = tandem(server, "feature-code", "defaults", "demo.test")
        expect(code == 0, said)
        queue(server, ["1002"])
        queue(server, ["1002", "1003"], name="help", number="601")
        expect(a.try_call("600") == 480, "nobody is logged in")

        def dials(phone, number, status=200):
            phone.begin_call(number)
            response = phone.wait_response(phone.last_request)
            expect(response.startswith(f"SIP/2.0 {status}"), f"{number}: {response.splitlines()[0]}")
            if status != 200:
                return phone.acknowledge_failure(phone.last_request, response)
            phone.pending.append(response)
            phone.finish_call()
            return phone.respond(phone.wait_request("BYE"), "200 OK")

        def is_in(name, expected):
            def shown():
                return {each["login"]: each["state"] for each in state(server, name)["agents"]}["1002"] == expected
            wait_for(shown, f"1002 is {expected} in {name}", 5)
        dials(b, "*45")
        is_in("sales", "free")
        is_in("help", "free")
        dials(b, "#45600")
        is_in("sales", "logged-out")
        is_in("help", "free")
        dials(b, "*46*601")
        is_in("help", "paused")
        dials(b, "#46")
        is_in("help", "free")
        dials(b, "#45")
        is_in("help", "logged-out")
        dials(b, "*45600")
        is_in("sales", "free")
        is_in("help", "logged-out")
        dials(a, "*45", 403)
        dials(b, "*45699", 404)
        for verb, expected in (("logout", "logged-out"), ("login", "free"), ("pause", "paused"), ("resume", "free")):
            code, said = tandem(server, "agent", verb, "demo.test", "1002", "--queue", "help")
            expect(code == 0, said)
            is_in("help", expected)
        is_in("sales", "free")
        # It is stored.
        server.kill_nodes()
        server.wait_healthy()
        wait_for(lambda: tandem(server, "queues", "demo.test")[0] == 0, "call state answers")
        is_in("sales", "free")
        bad = agent(server, "1003", expected=422, queues=[state(server)["id"]])
        expect(bad["field"] == "queues[0]", f"{bad}")


def an_agent_rests_after_a_call(folder):
    with exchange(folder, "1001", "1002", wrap_up_s=3) as (server, (a, b)):
        a.begin_call("600")
        picks_up(b, rings(b), a)
        a.hang_up(b)
        wait_for(lambda: agents(server) == {"1002": "wrap-up"}, "he wraps up", 5)
        a.begin_call("600")
        waits(server, a, 0)
        expect(not rang(b), "a call while he wraps up")
        picks_up(b, rings(b), a)
        expect(records(server)[0]["queues"][0]["outcome"] == "answered", "the first")
        a.hang_up(b)
        nothing_left(server)


def calls_overflow(folder):
    with exchange(folder, "1001", "1002", "1003", "1004", callers_max=1, overflow="1004",
                  wait_max_s=3, ring_s=8) as (server, (a, b, c, d)):
        agent(server, "1002", paused=True)
        a.begin_call("600")
        waits(server, a, 0)
        c.begin_call("600")  # full
        picks_up(d, rings(d), c)
        c.hang_up(d)
        picks_up(d, rings(d), a)  # after 3 s
        a.hang_up(d)
        outcomes = sorted(each["queues"][0]["outcome"] for each in records(server, 2))
        expect(outcomes == ["full", "too-long"], f"{outcomes}")
        forwards = sorted(each["forwards"][0]["reason"] for each in records(server, 2))
        expect(forwards == ["busy", "no-answer"], f"{forwards}")
        # Whom a phone rings for is not sent away, though his time is over.
        agent(server, "1002", paused=False)
        a.begin_call("600")
        invite = rings(b)
        wait_for(lambda: state(server)["longest_wait_s"] >= 4, "he has waited for too long", 8)
        picks_up(b, invite, a)
        a.hang_up(b)
        # The last agent logs out while somebody waits.
        agent(server, "1002", paused=True)
        a.begin_call("600")
        waits(server, a, 0)
        agent(server, "1002", logged_in=False)
        picks_up(d, rings(d), a)
        a.hang_up(d)
        server.api("PATCH", DOMAIN + "/queues/sales", {"overflow": ""})
        agent(server, "1002", logged_in=True, paused=True)
        a.begin_call("600")
        waits(server, a, 0)
        c.begin_call("600")
        refused(c, 486)
        refused(a, 480)
        nothing_left(server)


def races(folder):
    with exchange(folder, "1001", "1002", "1003", ring_s=10) as (server, (a, b, c)):
        a.begin_call("600")
        invite = rings(b)
        c.begin_call("600")
        waits(server, c, 1)
        gives_up(a)
        cancelled(b, invite)
        picks_up(b, rings(b), c)  # at once: he did not let it ring in vain
        c.hang_up(b)
        # He logs out while it rings.
        a.begin_call("600")
        invite = rings(b)
        agent(server, "1002", paused=True)
        cancelled(b, invite)
        waits(server, a, 0)
        gives_up(a)
        found = [each["queues"][0]["outcome"] for each in records(server, 3)]
        expect(sorted(found) == ["abandoned", "abandoned", "answered"], f"{found}")
        nothing_left(server)


def the_order_holds_over_two_b2bs(folder):
    users = ("1001", "1003", "1004", "1005")
    with exchange(folder, "1002", *users) as (server, (b, *made)):
        add_b2b(server, 20)
        agent(server, "1002", paused=True)
        for ahead, caller in enumerate(made):
            caller.begin_call("600")
            waits(server, caller, ahead)
        for _ in range(20):  # until both have some: who gets a call depends on its Call-ID
            if len({each["owner"] for each in server.api("GET", "/calls")["items"]}) == 2:
                break
            last = made[-1]
            gives_up(last)
            last.begin_call("600")
            waits(server, last, 3)
        expect(callers(server) == list(users), f"{state(server)}")
        agent(server, "1002", paused=False)
        for number, caller in enumerate(made):
            picks_up(b, rings(b), caller)
            for ahead, other in enumerate(made[number + 1:]):
                waits(server, other, ahead)
            caller.hang_up(b)
        nothing_left(server)


def shown_again(server, expected):
    """The queue's callers, once call state knows them."""
    def shown():
        try:
            return callers(server) == expected
        except Failed:
            return False
    wait_for(shown, f"{expected} wait", 15)


def who_waits_outlives_his_b2b(folder):
    with exchange(folder, "1001", "1002", "1003") as (server, (a, b, c)):
        server.api("PATCH", f"/roles/{role_of(server, 'B2B')['id']}", {"b2bua": {"survival": "all"}})
        a.begin_call("600")
        invite = rings(b)
        c.begin_call("600")
        waits(server, c, 1)
        calls = wait_for(lambda: server.api("GET", "/calls")["items"], "the calls")
        expect(len(calls) == 2, f"{calls}")
        time.sleep(0.3)  # what rings is in the store
        os.kill(server.pid_of(role_of(server, "B2B")["node"]), signal.SIGKILL)
        server.wait_healthy()
        rings(b)  # the INVITE is repeated, as nothing is known of its answer; then it is called off
        cancelled(b, invite)
        b.pending = [each for each in b.pending if header(each, "Call-ID") != header(invite, "Call-ID")]
        shown_again(server, ["1001", "1003"])
        picks_up(b, rings(b), a)
        a.hang_up(b)
        picks_up(b, rings(b), c)
        c.hang_up(b)
        for each in records(server, 2):
            expect(each["survived"] and each["queues"][0]["outcome"] == "answered", f"{each}")
        nothing_left(server)


def the_queue_outlives_call_state(folder):
    """The next one knows who waits, and who wraps up."""
    with exchange(folder, "1001", "1002", "1003", wrap_up_s=6) as (server, (a, b, c)):
        a.begin_call("600")
        picks_up(b, rings(b), a)
        a.hang_up(b)
        a.begin_call("600")
        waits(server, a, 0)
        c.begin_call("600")
        waits(server, c, 1)
        os.kill(server.pid_of(role_of(server, "CS")["node"]), signal.SIGKILL)
        shown_again(server, ["1001", "1003"])
        expect(agents(server) == {"1002": "wrap-up"}, f"{agents(server)}")
        picks_up(b, rings(b), a)
        a.hang_up(b)
        picks_up(b, rings(b), c)
        c.hang_up(b)
        nothing_left(server)


def waits_with_music(phone, ahead):
    """The phone has been told its place, and where the music comes from; and hears it."""
    told = phone.wait(lambda m: m.startswith(f"SIP/2.0 183 Queued, {ahead} ahead"), f"183, {ahead} ahead")
    expect("m=audio" in told, f"no description in {told}")
    hear_nothing_old(phone)
    heard = Heard(phone, 0.5)
    heard.check_stream(0.5)
    expect(heard.loudness > 100, f"music, not {heard.loudness}")


def who_waits_hears_music_until_an_agent_answers(folder):
    with exchange(folder, "1001", "1002", "1003", sound="music") as (server, (a, b, c)):
        agent(server, "1002", paused=True)
        a.begin_call("600")
        waits_with_music(a, 0)
        c.begin_call("600")
        waits_with_music(c, 1)
        agent(server, "1002", paused=False)
        invite = rings(b)
        expect(Heard(a, 0.3).packets, "music while the agent's phone rings")
        picks_up(b, invite, a)
        hear_nothing_old(a)
        expect(not Heard(a, 0.4).packets, "the music has ended")
        waits_with_music(c, 0)
        a.hang_up(b)
        picks_up(b, rings(b), c)
        c.hang_up(b)
        for each in records(server, 2):
            waited, talked = each["queues"][0]["wait_ms"], each["answer_utc_ms"] - each["start_utc_ms"]
            expect(each["queues"][0]["outcome"] == "answered" and abs(talked - waited) < 500, f"{each}")
        server.api("PATCH", DOMAIN, {"settings": {"music_on_hold": False}})
        agent(server, "1002", paused=True)
        a.begin_call("600")
        waits(server, a, 0)
        gives_up(a)
        bad = server.api("PATCH", DOMAIN + "/queues/sales", {"sound": "loud"}, expected=422)
        expect(bad["field"] == "sound", f"{bad}")
        nothing_left(server)


def music_outlives_the_b2b_and_the_gate(folder):
    with exchange(folder, "1001", "1002", sound="music") as (server, (a, b)):
        server.api("PATCH", f"/roles/{role_of(server, 'B2B')['id']}", {"b2bua": {"survival": "all"}})
        agent(server, "1002", paused=True)
        a.begin_call("600")
        waits_with_music(a, 0)
        time.sleep(0.3)  # what rings is in the store
        for role in ("B2B", "MG"):
            os.kill(server.pid_of(role_of(server, role)["node"]), signal.SIGKILL)
            server.wait_healthy()
            shown_again(server, ["1001"])
            hear_nothing_old(a)
            wait_for(lambda: Heard(a, 0.2).packets, f"music after the death of {role}", 15)
        agent(server, "1002", paused=False)
        picks_up(b, rings(b), a)
        hear_nothing_old(a)
        expect(not Heard(a, 0.4).packets, "the music has ended")
        a.hang_up(b)
        made = records(server)[0]
        expect(made["survived"] and made["queues"][0]["outcome"] == "answered", f"{made}")
        nothing_left(server)


if __name__ == "__main__":
    main(the_oldest_call_gets_the_free_agent, who_does_not_answer_costs_the_caller_no_place,
         agents_log_in_and_out_and_pause_by_code, an_agent_rests_after_a_call, calls_overflow, races,
         the_order_holds_over_two_b2bs, who_waits_hears_music_until_an_agent_answers,
         music_outlives_the_b2b_and_the_gate, who_waits_outlives_his_b2b, *((the_queue_outlives_call_state,) if NODES == "split" else ()))
