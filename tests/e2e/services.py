#!/usr/bin/python3
"""Do not disturb, forwarding, secretaries, ring groups, feature codes: what decides who rings."""

import os
import signal
import subprocess
import time

from calling_phone import CallingPhone, RegisteredPhones, header
from calls import NODES, add_b2b, nothing_left, records
from harness import TANDEM, Failed, expect, main, running, wait_for

ACCOUNTS = ("1001", "1002", "1003", "1004")


def phones(server, *users):
    return RegisteredPhones([CallingPhone(server, user, 5070 + 2 * int(user[-1])) for user in users])


def services(server, account, expected=None, **fields):
    return server.api("PATCH", f"/domains/demo.test/accounts/{account}/services", fields, expected=expected)


def status_of(phone, least=101, timeout=8.0):
    """The next response to the phone's INVITE that tells something."""
    return int(phone.wait_response(phone.last_request, timeout, least)[8:11])


def refuse(phone, status):
    phone.respond(phone.wait_request("INVITE"), status)
    phone.wait_request("ACK")


def rang(phone):
    try:
        return bool(phone.wait_request("INVITE", 0.3))
    except Failed:
        return False


def answered_by(caller, callee):
    """The callee answers, both hear one another, the caller hangs up; the INVITE that the callee got."""
    callee.take()
    caller.finish_call()
    callee.wait_request("ACK")
    caller.talks_with(callee)
    caller.hang_up(callee)
    return callee.invite


def check_forwards(server, *forwards, result="answered", calls=1):
    record = records(server, calls)[0]
    told = [(each["by"]["number"], each["to"], each["reason"]) for each in record["forwards"]]
    expect(told == list(forwards) and record["result"] == result, f"the CDR: {record}")
    return record


def all_calls_go_elsewhere(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", "1002", "1003") as (a, b, c):
        services(server, "1002", forward_always="1003")
        a.begin_call("1002")
        expect(status_of(a) == 181, "the caller hears that the call is forwarded")
        invite = answered_by(a, c)
        expect("1002@demo.test" in header(invite, "Diversion") and "unconditional" in header(invite, "Diversion"),
               f"Diversion: {invite}")
        expect("cause=302>;index=1.1;mp=1" in header(invite, "History-Info"), f"History-Info: {invite}")
        expect("1001@demo.test" in header(invite, "From"), f"the caller stays the caller: {invite}")
        record = check_forwards(server, ("1002", "1003", "always"))
        expect((record["dialled"], record["callee"]["number"]) == ("1002", "1003"), f"{record}")
        expect(not rang(b), "the one who forwards rang")
        nothing_left(server)


def busy_goes_on_and_ends_as_busy(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", "1002", "1003") as (a, b, c):
        services(server, "1002", forward_busy="1003")
        services(server, "1003", forward_busy="1002")
        a.begin_call("1002")
        refuse(b, "486 Busy Here")
        expect(status_of(a) == 181, "forwarded")
        refuse(c, "486 Busy Here")
        response = a.wait_response(a.last_request)
        a.acknowledge_failure(a.last_request, response)
        expect(response.startswith("SIP/2.0 486"), f"{response.splitlines()[0]}, and nobody rings twice")
        check_forwards(server, ("1002", "1003", "busy"), result="busy")
        nothing_left(server)


def nobody_answers_and_the_next_rings(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", "1002", "1003") as (a, b, c):
        services(server, "1002", forward_no_answer="1003", forward_no_answer_after_s=3)
        a.begin_call("1002")
        b.respond(b.wait_request("INVITE"), "180 Ringing")
        expect(status_of(a) == 180, "it rings")
        cancel = b.wait_request("CANCEL", 8)
        b.respond(cancel, "200 OK")
        answered_by(a, c)
        check_forwards(server, ("1002", "1003", "no-answer"))
        nothing_left(server)


def the_caller_gives_up_while_the_second_rings(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", "1002", "1003") as (a, b, c):
        services(server, "1002", forward_busy="1003")
        a.begin_call("1002")
        refuse(b, "486 Busy Here")
        ringing = c.wait_request("INVITE")
        c.respond(ringing, "180 Ringing")
        invite = a.last_request
        lines = [line for line in invite.split("\r\n") if line.split(":")[0] in
                 ("Via", "From", "To", "Call-ID", "Max-Forwards")]
        a.send(f"CANCEL {invite.split(' ')[1]} SIP/2.0\r\n" + "\r\n".join(lines) +
               f"\r\nCSeq: {header(invite, 'CSeq').split()[0]} CANCEL\r\nContent-Length: 0\r\n\r\n")
        c.respond(c.wait_request("CANCEL"), "200 OK")
        c.respond(ringing, "487 Request Terminated")
        response = a.wait(lambda m: m.startswith("SIP/2.0 487"), "487")
        a.acknowledge_failure(invite, response)
        check_forwards(server, ("1002", "1003", "busy"), result="cancelled")
        nothing_left(server)


def no_phone_is_registered(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", "1003") as (a, c):
        services(server, "1004", forward_unregistered="1002")  # who has no phone, either
        services(server, "1002", forward_unregistered="1003")
        a.begin_call("1004")
        invite = answered_by(a, c)
        expect("1002@demo.test" in header(invite, "Diversion"), f"the latest comes first: {invite}")
        check_forwards(server, ("1004", "1002", "unregistered"), ("1002", "1003", "unregistered"))
        nothing_left(server)


def a_phone_that_is_gone_keeps_nobody_waiting(folder):
    """Registered, but its program has ended: its host says that the port is closed (ICMP), and the call goes on at once."""
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", "1003") as (a, c):
        with phones(server, "1002"):
            pass
        began = time.monotonic()
        expect(a.try_call("1002") == 480, "nobody can be reached")
        services(server, "1002", forward_unregistered="1003")
        a.begin_call("1002")
        answered_by(a, c)
        expect(time.monotonic() - began < 3, f"after {time.monotonic() - began:.1f} s")
        check_forwards(server, ("1002", "1003", "unregistered"), calls=2)
        nothing_left(server)


def do_not_disturb(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", "1002", "1003") as (a, b, c):
        services(server, "1002", do_not_disturb=True)
        expect(a.try_call("1002") == 486, "busy at once")
        services(server, "1002", forward_busy="1003")
        a.begin_call("1002")
        answered_by(a, c)
        expect(not rang(b), "who is not to be disturbed rang")
        services(server, "1002", do_not_disturb=False, forward_busy="")
        a.begin_call("1002")
        answered_by(a, b)


def anonymous_callers_are_refused(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", "1002") as (a, b):
        services(server, "1002", reject_anonymous=True)
        a.extra = "Privacy: id\r\n"
        expect(a.try_call("1002") == 433, "433 for who hides")
        a.extra = ""
        a.begin_call("1002")
        answered_by(a, b)


def a_forwarded_call_survives_a_kill(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", "1002", "1003") as (a, b, c):
        services(server, "1002", forward_busy="1003")
        a.begin_call("1002")
        refuse(b, "486 Busy Here")
        c.take()
        a.finish_call()
        c.wait_request("ACK")
        wait_for(lambda: [call for call in server.api("GET", "/calls")["items"] if call["protected"]],
                 "a protected call")
        server.kill_nodes()
        server.wait_healthy()
        wait_for(lambda: calls_there(server) == 1, "the call is back")
        a.talks_with(c)
        a.hang_up(c)
        record = check_forwards(server, ("1002", "1003", "busy"))
        expect(record["survived"] and record["callee"]["number"] == "1003", f"{record}")


def calls_there(server):
    try:
        return len(server.api("GET", "/calls")["items"])
    except Failed:
        return None


def what_leads_nowhere_good_is_refused_when_it_is_set(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server:
        services(server, "1002", forward_always="1003")
        for account, fields, field in (("1003", {"forward_always": "1002"}, "forward_always"),
                                       ("1004", {"forward_busy": "1004"}, "forward_busy"),
                                       ("1004", {"forward_no_answer": "no number"}, "forward_no_answer"),
                                       ("1004", {"forward_no_answer_after_s": 1}, "forward_no_answer_after_s"),
                                       ("1004", {"forward_sometimes": "1"}, "forward_sometimes")):
            problem = services(server, account, expected=422, **fields)
            expect(problem["field"] == field, f"{fields}: {problem}")
        services(server, "1999", expected=404, do_not_disturb=True)


def users_set_their_own(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server:
        domain = "/domains/demo.test"
        password = "long enough"
        ann = server.api("POST", domain + "/users", {"login": "ann", "password": password})["id"]
        server.api("POST", domain + "/grants", {"user": ann, "role": "user"})
        server.api("PATCH", domain + "/accounts/1001", {"user": ann})
        session = server.api("POST", "/session", {"domain": "demo.test", "login": "ann", "password": password})

        def as_ann(account, expected=None):
            return server.api("PATCH", f"{domain}/accounts/{account}/services", {"do_not_disturb": True}, token=False,
                              expected=expected, headers={"Authorization": "Bearer " + session["token"]})
        expect(as_ann("1001")["do_not_disturb"] is True, "her own")
        as_ann("1002", expected=403)
        log = wait_for(lambda: [each for each in server.api("GET", domain + "/audit")["items"]
                                if each.get("kind") == "account_service"], "the audit log")
        expect(log[0]["actor"] == "ann@demo.test", f"{log}")


def tandem(server, *arguments):
    done = subprocess.run([TANDEM, *arguments], capture_output=True, text=True, timeout=20, check=False,
                          env={**os.environ, "TANDEM_URL": server.url, "TANDEM_TOKEN": server.token()})
    return done.returncode, done.stdout + done.stderr


def the_command_line_sets_them(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server:
        code, said = tandem(server, "services", "set", "demo.test", "1002", "--forward-busy", "1003",
                            "--do-not-disturb", "yes")
        expect(code == 0, said)
        code, said = tandem(server, "services", "show", "demo.test", "1002")
        expect(code == 0 and "1003" in said, said)
        code, said = tandem(server, "services", "set", "demo.test", "1002", "--forward-always", "1002")
        expect(code == 1 and "forward_always" in said, said)
        code, said = tandem(server, "route", "test", "demo.test", "1001", "1002")
        expect(code == 0 and "1003" in said, said)
        code, said = tandem(server, "ring-group", "add", "demo.test", "sales", "--number", "300",
                            "--members", "1002,1003", "--strategy", "one-by-one")
        expect(code == 0, said)
        code, said = tandem(server, "ring-group", "list", "demo.test")
        expect(code == 0 and "one-by-one" in said, said)


def they_go_back_with_their_domain(folder):
    """What an account had set, and the group that there was, are there again after a roll-back."""
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server:
        domain = "/domains/demo.test"
        services(server, "1002", forward_busy="1003")
        group(server, members=["1002"], overflow="1004")
        time.sleep(1.1)  # the log is there within a second
        then = int(time.time() * 1000)
        time.sleep(0.1)
        services(server, "1002", forward_busy="1004", do_not_disturb=True)
        services(server, "1003", forward_always="1004")
        server.api("POST", domain + "/accounts", {"login": "1007", "number": "1007"})
        services(server, "1007", do_not_disturb=True)
        server.api("DELETE", domain + "/ring-groups/sales")
        wait_for(lambda: len([each for each in server.api("GET", domain + "/audit")["items"]
                              if each["at_utc_ms"] > then]) >= 5, "the audit log")
        server.api("POST", domain + "/configuration", {"at": str(then)})
        now = server.api("GET", domain + "/accounts/1002/services")
        expect((now["forward_busy"], now["do_not_disturb"]) == ("1003", False), f"{now}")
        now = server.api("GET", domain + "/accounts/1003/services")
        expect(now["forward_always"] == "", f"{now}")
        expect(server.api("GET", domain + "/ring-groups/sales")["overflow"] == "1004", "the group")
        expect("1007" not in str(server.api("GET", domain + "/accounts")), "an account of later is gone, with what it had set")


def group(server, **fields):
    ids = {each["login"]: each["id"] for each in server.api("GET", "/domains/demo.test/accounts")["items"]}
    fields["members"] = [ids[each] for each in fields["members"]]
    return server.api("POST", "/domains/demo.test/ring-groups", {"name": "sales", "number": "300", **fields})


def cancelled(phone, ringing):
    phone.respond(phone.wait_request("CANCEL", 8), "200 OK")
    phone.respond(ringing, "487 Request Terminated")
    phone.wait_request("ACK")


def a_group_rings_all_at_once(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, \
            phones(server, "1001", "1002", "1003", "1004") as (a, b, c, d):
        group(server, members=["1001", "1002", "1003", "1004"])
        services(server, "1004", do_not_disturb=True)
        a.begin_call("300")
        ringing = b.wait_request("INVITE")
        b.respond(ringing, "180 Ringing")
        c.take()
        a.finish_call()
        c.wait_request("ACK")
        cancelled(b, ringing)
        a.talks_with(c)
        a.hang_up(c)
        expect(not rang(a) and not rang(d), "the caller himself, and who is not to be disturbed, do not ring")
        record = check_forwards(server)
        expect((record["dialled"], record["callee"]["number"]) == ("300", "1003"), f"{record}")
        nothing_left(server)


def a_group_rings_one_by_one_and_overflows(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, \
            phones(server, "1001", "1002", "1003", "1004") as (a, b, c, d):
        group(server, members=["1002", "1003"], strategy="one-by-one", ring_s=3, overflow="1004")
        a.begin_call("300")
        ringing = b.wait_request("INVITE")
        b.respond(ringing, "180 Ringing")
        expect(not rang(c), "the second waits for his turn")
        cancelled(b, ringing)
        refuse(c, "603 Decline")
        invite = answered_by(a, d)
        expect("300@demo.test" in header(invite, "Diversion"), f"Diversion: {invite}")
        check_forwards(server, ("300", "1004", "no-answer"))
        nothing_left(server)


def members_of_a_group_take_turns(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", "1002", "1003") as (a, b, c):
        group(server, members=["1002", "1003"], strategy="round-robin")
        for first in (b, c, b):
            a.begin_call("300")
            answered_by(a, first)


def wrong_groups_and_codes_are_refused(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server:
        made = group(server, members=["1002"])
        for path, body, status, field in (
                ("ring-groups", {"name": "x", "number": "1001"}, 409, "number"),
                ("ring-groups", {"name": "x", "overflow": "no number"}, 422, "overflow"),
                ("ring-groups", {"name": "x", "number": "301", "overflow": "301"}, 422, "overflow"),
                ("ring-groups", {"name": "x", "members": made["members"] * 2}, 422, "members[1]"),
                ("ring-groups", {"name": "x", "strategy": "loudest"}, 422, "strategy"),
                ("feature-codes", {"name": "x", "prefix": "*9"}, 422, "action"),
                ("feature-codes", {"name": "x", "prefix": "300", "action": "do-not-disturb-on"}, 409, "prefix"),
                ("feature-codes", {"name": "x", "prefix": "a", "action": "do-not-disturb-on"}, 422, "prefix"),
                ("feature-codes", {"name": "x", "prefix": "2", "action": "transfer-blind"}, 422, "prefix"),
                ("feature-codes", {"name": "x", "prefix": "*2", "action": "transfer-blind", "pause_s": 99}, 422,
                 "pause_s")):
            problem = server.api("POST", f"/domains/demo.test/{path}", body, expected=status)
            expect(problem["field"] == field, f"{body}: {problem}")
        server.api("POST", "/domains/demo.test/ring-groups", {"name": "y", "number": "302", "overflow": "300"})
        problem = server.api("PATCH", "/domains/demo.test/ring-groups/sales", {"overflow": "302"}, expected=422)
        expect(problem["field"] == "overflow", f"{problem}")
        server.api("DELETE", "/domains/demo.test/accounts/1002", expected=409)


def dial_code(phone, code):
    """Dials it, is answered without sound, and is hung up on."""
    phone.begin_call(code.replace("#", "%23"))
    answer = phone.wait_response(phone.last_request)
    expect(answer.startswith("SIP/2.0 200") and "a=inactive" in answer, f"{code}: {answer}")
    phone.dialog["to"], phone.dialog["target"] = header(answer, "To"), phone.target_of(answer)
    phone.dialog["ack"] = phone.dialog["cseq"]
    phone.send(phone.request("ACK", "", dialog=phone.dialog))
    phone.respond(phone.wait_request("BYE"), "200 OK")


def so_many_calls_and_no_more(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, \
            phones(server, "1001", "1002", "1003", "1004") as (a, b, c, d):
        services(server, "1002", calls_max=1)
        a.call("1002", b)
        wait_for(lambda: [call for call in server.api("GET", "/calls")["items"] if call["phase"] == "answered"],
                 "the call is known")
        expect(c.try_call("1002") == 486, "busy with one call")
        services(server, "1002", forward_busy="1004")
        c.begin_call("1002")
        answered_by(c, d)
        a.hang_up(b)
        wait_for(lambda: not server.api("GET", "/calls")["items"], "both calls are over")
        c.begin_call("1002")
        answered_by(c, b)


def an_intercom_call_is_to_answer_itself(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", "1002") as (a, b):
        server.api("POST", "/domains/demo.test/feature-codes",
                   {"name": "intercom", "prefix": "*60", "action": "intercom"})
        services(server, "1002", forward_always="1003")
        a.begin_call("*601002")
        invite = answered_by(a, b)
        expect(header(invite, "Answer-Mode") == "Auto", f"Answer-Mode: {invite}")
        expect(header(invite, "Call-Info") == "<sip:demo.test>;answer-after=0", f"Call-Info: {invite}")
        expect(header(invite, "Alert-Info") == "<http://demo.test>;info=alert-autoanswer;delay=0", f"Alert-Info: {invite}")
        services(server, "1002", forward_always="", do_not_disturb=True)
        status = a.try_call("*601002")
        expect(status == 486, f"not to be disturbed: {status}")
        services(server, "1002", do_not_disturb=False)
        expect((a.try_call("*60"), a.try_call("*60999"), a.try_call("*601001")) == (484, 404, 482), "wrong numbers")
        a.begin_call("1002")
        expect(header(answered_by(a, b), "Answer-Mode") is None, "a usual call rings")
        nothing_left(server)


def feature_codes(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", "1002", "1003") as (a, b, c):
        expect(b.try_call("*26") == 404, "there are none at first")
        done = tandem(server, "feature-code", "defaults", "demo.test")
        expect(done[0] == 0, done[1])
        expect(tandem(server, "feature-code", "defaults", "demo.test")[0] == 0, "once more changes nothing")

        def shown():
            return server.api("GET", "/domains/demo.test/accounts/1002/services")
        dial_code(b, "*26")
        expect(shown()["do_not_disturb"], f"{shown()}")
        expect(a.try_call("1002") == 486, "not to be disturbed")
        dial_code(b, "#26#")
        dial_code(b, "*21*1003#")
        expect((shown()["do_not_disturb"], shown()["forward_always"]) == (False, "1003"), f"{shown()}")
        a.begin_call("1002")
        answered_by(a, c)
        dial_code(b, "#21#")
        expect(shown()["forward_always"] == "", f"{shown()}")
        expect(b.try_call("*21*1002") == 403, "to oneself")
        expect(b.try_call("*21*") == 484, "the number is missing")
        log = wait_for(lambda: [each for each in server.api("GET", "/domains/demo.test/audit")["items"]
                                if each.get("kind") == "account_service"], "the audit log")
        expect({each["actor"] for each in log} == {"account 1002@demo.test"}, f"{log}")
        nothing_left(server)


def rules_by_caller_and_schedule(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, \
            phones(server, "1001", "1002", "1003", "1004") as (a, b, c, d):
        domain = "/domains/demo.test"
        night = server.api("POST", domain + "/schedules", {"name": "night"})["id"]
        for rule, field in (({"caller": "10[", "to": "1003"}, "caller"), ({"to": "1999"}, "to"), ({"to": "1002"}, "to"),
                            ({"schedule": "f" * 32, "to": "1003"}, "schedule"), ({}, "to"),
                            ({"reason": "often", "to": "1003"}, "reason")):
            problem = services(server, "1002", expected=422, rules=[{"to": "1003"}, rule])
            expect(problem["field"] == f"rules[1].{field}", f"{rule}: {problem}")
        code, said = tandem(server, "services", "set", "demo.test", "1002", "--forward-always", "1004", "--rules",
                            '[{"caller": "1001", "action": "ring"},'
                            ' {"schedule": "night", "caller": "100X", "to": "1003"},'
                            ' {"caller": "inner", "action": "reject"}]')
        expect(code == 0, said)
        expect(services(server, "1002", rules=shown(server, "1002")["rules"])["rules"][1]["schedule"] == night,
               "the name became an id")
        a.begin_call("1002")
        answered_by(a, b)
        expect(c.try_call("1002") == 603, "refused")
        server.api("PATCH", domain + "/schedules/night", {"switched": "open"})
        d.begin_call("1002")
        invite = answered_by(d, c)
        expect("1002@demo.test" in header(invite, "Diversion"), f"Diversion: {invite}")
        check_forwards(server, ("1002", "1003", "always"), calls=3)
        code, said = tandem(server, "route", "test", "demo.test", "1004", "1002")
        expect(code == 0 and "Not its rule 1" in said and "Its rule 2 (always) says 'forward'" in said, said)
        server.api("DELETE", domain + "/schedules/night", expected=409)
        nothing_left(server)


def shown(server, account):
    return server.api("GET", f"/domains/demo.test/accounts/{account}/services")


def rules_for_who_does_not_answer(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", "1002", "1003") as (a, b, c):
        services(server, "1002", forward_busy="1004", rules=[{"reason": "busy", "caller": "1001", "to": "1003"}])
        a.begin_call("1002")
        refuse(b, "486 Busy Here")
        answered_by(a, c)
        check_forwards(server, ("1002", "1003", "busy"))
        services(server, "1002", rules=[{"reason": "busy", "caller": "inner", "action": "ring"}])
        a.begin_call("1002")
        refuse(b, "486 Busy Here")
        response = a.wait_response(a.last_request)
        a.acknowledge_failure(a.last_request, response)
        expect(response.startswith("SIP/2.0 486"), f"{response.splitlines()[0]}")
        nothing_left(server)


def secretaries_take_the_calls_of_their_chief(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, \
            phones(server, "1001", "1002", "1003", "1004") as (a, chief, c, d):
        tandem(server, "feature-code", "defaults", "demo.test")
        code, said = tandem(server, "services", "set", "demo.test", "1002", "--secretaries", "1003",
                            "--direct-callers", "1004")
        expect(code == 0, said)
        problem = services(server, "1002", expected=422, secretaries=[shown(server, "1002")["id"]])
        expect(problem["field"] == "secretaries[0]", f"{problem}")
        server.api("DELETE", "/domains/demo.test/accounts/1003", expected=409)
        a.begin_call("1002")
        invite = answered_by(a, c)
        expect("1002@demo.test" in header(invite, "Diversion"), f"whose call it is: {invite}")
        check_forwards(server, ("1002", "1003", "always"))
        expect(not rang(chief), "the chief's phone is quiet")
        for direct in (c, d):
            direct.begin_call("1002")
            answered_by(direct, chief)
        dial_code(c, "*51")
        a.begin_call("1002")
        answered_by(a, chief)
        dial_code(c, "#51")
        services(server, "1002", secretaries_mode="together")
        a.begin_call("1002")
        ringing = c.wait_request("INVITE")
        c.respond(ringing, "180 Ringing")
        chief.take()
        a.finish_call()
        chief.wait_request("ACK")
        cancelled(c, ringing)
        expect("Diversion" not in chief.invite, f"his own call: {chief.invite}")
        a.hang_up(chief)
        nothing_left(server)


def no_second_call(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", "1002", "1003") as (a, b, c):
        tandem(server, "feature-code", "defaults", "demo.test")
        dial_code(b, "#43")
        expect(shown(server, "1002")["calls_waiting"] is False, f"{shown(server, '1002')}")
        wait_for(lambda: not server.api("GET", "/calls")["items"], "the code's call is over")
        a.begin_call("1002")
        ringing = b.wait_request("INVITE")
        b.respond(ringing, "180 Ringing")
        expect(status_of(a) == 180, "it rings")
        wait_for(lambda: [call for call in server.api("GET", "/calls")["items"] if call.get("ringing")], "it is known")
        expect(c.try_call("1002") == 486, "busy while one rings")
        b.respond(ringing, "486 Busy Here")
        b.wait_request("ACK")
        response = a.wait_response(a.last_request)
        a.acknowledge_failure(a.last_request, response)
        dial_code(b, "*43")
        a.call("1002", b)
        wait_for(lambda: [call for call in server.api("GET", "/calls")["items"] if call["phase"] == "answered"],
                 "the call is known")
        c.begin_call("1002")
        refuse(b, "486 Busy Here")
        response = c.wait_response(c.last_request)
        c.acknowledge_failure(c.last_request, response)
        a.hang_up(b)
        nothing_left(server)


def a_group_rings_who_has_not_talked_for_longest(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", "1002", "1003") as (a, b, c):
        group(server, members=["1002", "1003"], strategy="least-recent")
        for first in (b, c):
            a.begin_call("300")
            answered_by(a, first)
        a.begin_call("1002")  # no call of the group
        answered_by(a, b)
        a.begin_call("300")
        answered_by(a, c)


def the_order_of_a_group_is_the_same_at_all_b2bs(folder):
    """Which B2B a call begins at is chance (its Call-ID); and one that dies takes nothing with it."""
    members = ["1002", "1003", "1004"]
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", *members) as (a, *others):
        add_b2b(server, 20)
        group(server, members=members, strategy="round-robin")
        group(server, members=members, strategy="least-recent", name="help", number="301")
        rested = list(others)  # who has not talked for longest comes first
        turns, owners = 0, []

        def two_calls():
            nonlocal turns
            for number, first in (("300", others[turns % 3]), ("301", None)):
                first = first or rested[0]
                a.begin_call(number)
                first.take()
                a.finish_call()
                first.wait_request("ACK")
                owners.append(wait_for(lambda: server.api("GET", "/calls")["items"], "the call")[0]["owner"])
                a.hang_up(first)
                rested.remove(first)
                rested.append(first)
                time.sleep(0.05)  # others hear of talks within 20 ms
            turns += 1
        while turns < 4 or (len(set(owners)) < 2 and turns < 15):
            two_calls()
        expect(len(set(owners)) == 2, f"both B2Bs have had calls: {owners}")
        if NODES == "split":
            for role in [each for each in server.api("GET", "/roles")["items"] if each["role"] == "B2B"]:
                killed = server.pid_of(role["node"])
                os.kill(killed, signal.SIGKILL)
                # What is sent to it in the milliseconds before others know is lost, and this phone repeats nothing.
                wait_for(lambda node=role["node"], killed=killed: server.pid_of(node) != killed, "it is started again")
                wait_for(lambda: all(node["instances"] for node in server.api("GET", "/status")["nodes"]), "all are there")
                two_calls()
        nothing_left(server)


def night_at_the_touch_of_a_key(folder):
    with running(folder, nodes=NODES, accounts=ACCOUNTS) as server, phones(server, "1001", "1002", "1003") as (a, b, c):
        domain = "/domains/demo.test"
        office = server.api("POST", domain + "/schedules", {"name": "office", "switched": "open"})["id"]
        problem = server.api("POST", domain + "/feature-codes",
                             {"name": "night", "prefix": "*72", "action": "schedule-closed"}, expected=422)
        expect(problem["field"] == "schedule", f"{problem}")
        for name, prefix, action in (("night", "*72", "schedule-closed"), ("day", "#72", "schedule-open")):
            done = tandem(server, "feature-code", "add", "demo.test", name, "--prefix", prefix, "--action", action,
                          "--schedule", "office")
            expect(done[0] == 0, done[1])
        services(server, "1002", rules=[{"schedule": office, "action": "ring"}, {"to": "1003"}])
        a.begin_call("1002")
        answered_by(a, b)
        dial_code(b, "*72")
        expect(server.api("GET", domain + "/schedules/office")["switched"] == "closed", "switched")
        a.begin_call("1002")
        answered_by(a, c)
        dial_code(b, "#72#")
        a.begin_call("1002")
        answered_by(a, b)
        log = wait_for(lambda: [each for each in server.api("GET", domain + "/audit")["items"]
                                if each.get("kind") == "schedule" and "account" in each["actor"]], "the audit log")
        expect({each["actor"] for each in log} == {"account 1002@demo.test"}, f"{log}")


if __name__ == "__main__":
    main(all_calls_go_elsewhere, busy_goes_on_and_ends_as_busy, nobody_answers_and_the_next_rings,
         the_caller_gives_up_while_the_second_rings, no_phone_is_registered,
         a_phone_that_is_gone_keeps_nobody_waiting, do_not_disturb,
         anonymous_callers_are_refused, a_forwarded_call_survives_a_kill,
         what_leads_nowhere_good_is_refused_when_it_is_set, users_set_their_own, the_command_line_sets_them,
         a_group_rings_all_at_once, a_group_rings_one_by_one_and_overflows, members_of_a_group_take_turns,
         wrong_groups_and_codes_are_refused, so_many_calls_and_no_more, feature_codes,
         an_intercom_call_is_to_answer_itself,
         they_go_back_with_their_domain, rules_by_caller_and_schedule, rules_for_who_does_not_answer,
         secretaries_take_the_calls_of_their_chief, no_second_call, a_group_rings_who_has_not_talked_for_longest,
         the_order_of_a_group_is_the_same_at_all_b2bs, night_at_the_touch_of_a_key)
