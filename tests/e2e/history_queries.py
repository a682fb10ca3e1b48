#!/usr/bin/python3
"""Records of calls: every filter, pages, CSV by HTTP and by the command line, who may see them, and how long they are kept."""

import csv
import io
import os
import time
import urllib.request

from calling_phone import CallingPhone
from calls import CALLEE_PORT, CALLER_PORT, register
from cli import answer, cli
from harness import expect, finish_sipp, main, running, sipp, wait_for
from interdomain import rule, two_domains
from permissions import As, make_tree, sign_in

NODES = os.environ.get("TANDEM_TEST_NODES", "one")


def make_calls(server):
    """One that is answered, and one whose callee has no phone; their records, the newest first."""
    register(server, "1002", CALLEE_PORT)
    callee = sipp("callee", server, keys={"user": "1002"}, port=CALLEE_PORT, background=True)
    time.sleep(0.3)
    sipp("caller", server, keys={"user": "1001", "callee": "1002"}, port=CALLER_PORT)
    finish_sipp(callee)
    sipp("caller_no_answer", server, keys={"user": "1001", "callee": "1003"}, port=CALLER_PORT + 2)
    return wait_for(lambda: (lambda items: len(items) == 2 and items)(
        server.api("GET", "/domains/demo.test/cdr")["items"]), "two records")


def found(server, query, path="/domains/demo.test/cdr"):
    return [each["dialled"] for each in server.api("GET", path + "?" + query)["items"]]


def by_every_filter(folder):
    with running(folder, accounts=("1001", "1002", "1003"), nodes=NODES) as server:
        records = make_calls(server)
        answered = [each for each in records if each["result"] == "answered"][0]
        missed = [each for each in records if each["result"] != "answered"][0]
        account = answered["callee"]["account"]
        for query, expected in (
                ("number=1002", ["1002"]), ("number=100*", ["1003", "1002"]), ("number=100", []),
                ("account=1002", ["1002"]), ("account=" + account, ["1002"]), ("account=1001", ["1003", "1002"]),
                ("result=answered", ["1002"]), ("result=busy", []), ("result=" + missed["result"], ["1003"]),
                ("status=200", ["1002"]), (f"status={missed['sip_status']}", ["1003"]), ("status=503", []),
                ("direction=internal", ["1003", "1002"]), ("direction=transit", []),
                ("duration_min_s=0", ["1003", "1002"]), ("duration_min_s=600", []),
                ("call=" + missed["call"], ["1003"]), ("call=" + "0" * 32, []),
                (f"from={missed['start_utc_ms']}", ["1003"]), (f"to={missed['start_utc_ms']}", ["1002"]),
                ("number=100*&account=1001&result=answered&status=200&direction=internal", ["1002"])):
            got = found(server, query)
            expect(got == expected, f"?{query}: {got}, expected {expected}")
        expect(found(server, "number=100*", "/cdr") == ["1003", "1002"], "of all domains")
        expect(found(server, "account=" + account, "/cdr") == ["1002"], "of all domains, by account")
        expect(found(server, "domain=demo.test&status=200", "/cdr") == ["1002"], "by name of the domain")
        page = server.api("GET", "/domains/demo.test/cdr?limit=1")
        expect([each["dialled"] for each in page["items"]] == ["1003"] and page["next"], f"{page}")
        page = server.api("GET", "/domains/demo.test/cdr?limit=1&after=" + page["next"])
        expect([each["dialled"] for each in page["items"]] == ["1002"] and page["next"] is None, f"{page}")
        operator = As(server, server.token())
        for query, field in (("result=maybe", "result"), ("direction=up", "direction"), ("status=700", "status"),
                             ("duration_min_s=x", "duration_min_s"), ("number=1*2", "number"), ("call=7", "call"),
                             ("account=nobody", "account"), ("after=x", "after"), ("format=xml", "format"),
                             ("format=csv&limit=5", "limit"), ("format=csv&result=maybe", "result")):
            refused = operator.must(422, "get", "/domains/demo.test/cdr?" + query)
            expect(refused.get("field") == field, f"?{query}: {refused}")


def a_record_tells_all(folder):
    with running(folder, accounts=("1001", "1002", "1003"), nodes=NODES) as server:
        records = make_calls(server)
        answered = [each for each in records if each["result"] == "answered"][0]
        expect(answered["route"] and all(each["step"] for each in answered["route"]), f"{answered['route']}")
        caller, callee = answered["legs"]
        expect(caller["side"] == "caller" and callee["side"] == "callee", f"{answered['legs']}")
        expect(callee["shown_number"] == "1001", f"what the callee was shown: {callee}")
        for leg in (caller, callee):
            for field in ("start_utc_ms", "end_utc_ms", "reason", "call_id"):
                expect(leg[field], f"{field} in {leg}")
            expect(leg["sip_status"] == 200 and leg["answer_utc_ms"], f"{leg}")


def as_csv(folder):
    with running(folder, accounts=("1001", "1002", "1003"), nodes=NODES) as server:
        records = make_calls(server)
        request = urllib.request.Request(server.url + "/api/v1/domains/demo.test/cdr")
        request.add_header("Authorization", "Bearer " + server.token())
        request.add_header("Accept", "text/csv")
        with urllib.request.urlopen(request, timeout=10) as got:
            expect(got.headers["Content-Type"].startswith("text/csv"), f"{got.headers}")
            lines = list(csv.DictReader(io.StringIO(got.read().decode(), newline="")))
        expect([each["id"] for each in lines] == [each["id"] for each in records], f"{lines}")
        expect(lines[1]["caller"] == "1001" and lines[1]["dialled"] == "1002", f"{lines[1]}")
        expect(lines[1]["result"] == "answered" and float(lines[1]["duration_s"]) > 0, f"{lines[1]}")
        request.method = "HEAD"
        with urllib.request.urlopen(request, timeout=10) as got:
            expect(got.read() == b"", "a head only")

        file = os.path.join(folder, "out.csv")
        cli(server, "cdr", "export", "demo.test", "--number", "1002", "--file", file)
        with open(file, encoding="utf-8", newline="") as exported:
            expect([each["dialled"] for each in csv.DictReader(exported)] == ["1002"], "what fits")
        expect("not written over" in cli(server, "cdr", "export", "--file", file, code=1), "a file that is there")
        text = cli(server, "cdr", "export")
        expect(text.count("\n") == 3 and text.startswith("id,call,"), text)
        expect("result: must be one of" in cli(server, "cdr", "export", "--result", "x", code=1), "wrong value")
        table = cli(server, "cdr", "list", "demo.test", "--result", "answered")
        expect("1002" in table and "1003" not in table, table)
        expect(len(answer(server, "cdr", "--account", "1001", "demo.test")["items"]) == 2, "as before, without 'list'")


def of_ones_own_domain_only(folder):
    with running(folder, accounts=("1001", "1002", "1003"), nodes=NODES) as server:
        make_calls(server)
        make_tree(server)
        boss = sign_in(server, "a.test", "boss")
        boss.must(404, "get", "/domains/demo.test/cdr?format=csv")
        expect(boss.must(200, "get", "/cdr")["items"] == [], "all that he may see")
        status, text = boss.call("get", "/api/v1/cdr?format=csv")
        expect(status == 200 and text.count("\n") == 1, f"{status} {text}: the names of the columns only")


def forgotten_when_old(folder):
    with running(folder, accounts=("1001", "1002", "1003"), nodes=NODES) as server:
        make_calls(server)
        operator = As(server, server.token())
        refused = operator.must(422, "patch", "/settings", {"cdr_kept_days": -1})
        expect(refused["field"] == "cdr_kept_days", f"{refused}")
        operator.must(200, "patch", "/settings", {"cdr_kept_days": 1, "audit_kept_days": 1})
        time.sleep(1)
        expect(len(server.api("GET", "/cdr")["items"]) == 2, "they are not a day old")
        expect(server.api("GET", "/audit")["items"], "nor is the log")


def one_record_for_each_domain(folder):
    """Of a call between two domains each has a record of its own side: the other one is a number."""
    with running(folder, accounts=(), nodes=NODES) as server, \
            CallingPhone(server, "1001", 5070, domain="north.test") as ann, \
            CallingPhone(server, "1002", 5080, domain="south.test") as bob:
        ids = two_domains(server)
        ann.register()
        bob.register()
        rule(server, "north.test", "to-south", dialled="7*", action="domain", to_domain=ids["south.test"],
             called_number={"strip": 1})
        rule(server, "south.test", "entry", directions=["cross"])
        server.api("POST", "/domains/south.test/representations",
                   {"name": "north", "scope": "cross", "number": {"prefix": "8"}})
        ann.call("71002", bob)
        bob.hang_up(ann)
        north, south = [wait_for(lambda name=name: server.api("GET", f"/domains/{name}/cdr")["items"], "a record")[0]
                        for name in ("north.test", "south.test")]
        expect(north["call"] == south["call"] and north["id"] != south["id"], f"{north} {south}")
        expect((north["result"], south["result"]) == ("answered", "answered"), f"{north} {south}")
        expect((north["direction"], south["direction"]) == ("outgoing", "incoming"), f"{north} {south}")
        expect(north["caller"]["account"] and north["caller"]["number"] == "1001", f"{north}")
        expect(north["dialled"] == "71002" and north["callee"]["number"] == "71002", f"{north}")
        expect(not north["callee"].get("account"), f"of an account of another domain: {north}")
        expect([leg["side"] for leg in north["legs"]] == ["caller"], f"{north}")
        expect(south["callee"]["account"] and south["callee"]["number"] == "1002", f"{south}")
        expect(south["caller"]["number"] == "81001" and not south["caller"].get("account"), f"{south}")
        expect([leg["side"] for leg in south["legs"]] == ["callee"] and not south["route"], f"{south}")
        expect(len(server.api("GET", "/cdr")["items"]) == 2, "and no third")


if __name__ == "__main__":
    main(by_every_filter, a_record_tells_all, as_csv, of_ones_own_domain_only, one_record_for_each_domain,
         forgotten_when_old)
