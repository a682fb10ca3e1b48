#!/usr/bin/python3
"""Licences: handed down in the API, and enforced when phones register and call. And what else concerns a whole domain:
roll-back, dry run, and many creations at once."""

import json
import os
import subprocess
import time
import urllib.request

from calling_phone import CallingPhone
from calls import CALLEE_PORT, CALLER_PORT, figures, register
from harness import TANDEM, Failed, expect, finish_sipp, main, running, sipp, wait_for
from permissions import As
from provider import Provider

NODES = os.environ.get("TANDEM_TEST_NODES", "one")


def licence(server, **fields):
    server.api("PATCH", "/domains/demo.test/licence", fields)


def handed_down_in_the_api(folder):
    with running(folder, accounts=()) as server:
        operator = As(server, server.token())
        top = operator.must(201, "post", "/domains", {"name": "top.test"})["id"]
        for name in ("a.test", "b.test"):
            operator.must(201, "post", "/domains", {"name": name, "parent": top})
        operator.must(200, "patch", "/domains/top.test/licence",
                      {"accounts_max": 10, "concurrent_calls_max": 20, "child_domains_max": 3})
        operator.must(200, "patch", "/domains/a.test/licence", {"accounts_max": 6, "concurrent_calls_max": 15})
        refused = operator.must(403, "patch", "/domains/b.test/licence", {"accounts_max": 5})
        expect(refused["field"] == "accounts_max" and "has 10, and 11 are needed" in refused["detail"],
               f"{refused}")
        refused = operator.must(403, "patch", "/domains/b.test/licence", {"concurrent_calls_max": 6})
        expect(refused["field"] == "concurrent_calls_max", f"{refused}")
        refused = operator.must(409, "patch", "/domains/top.test/licence", {"accounts_max": 5})
        expect("at least 6" in refused["detail"], f"{refused}")
        operator.must(201, "post", "/domains", {"name": "c.test", "parent": top})
        refused = operator.must(403, "post", "/domains", {"name": "d.test", "parent": top})
        expect(refused["field"] == "licence.child_domains_max", f"{refused}")
        # Twenty at once find exactly the four that are left.
        import concurrent.futures
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            codes = list(pool.map(lambda n: operator.call(
                "post", "/api/v1/domains/b.test/accounts", {"login": f"x{n}"})[0], range(20)))
        expect(codes.count(201) == 4 and codes.count(403) == 16, f"{codes}")


def devices_at_once(folder):
    with running(folder, accounts=("1001", "1002"), nodes=NODES) as server:
        licence(server, devices_max=1)
        register(server, "1001", CALLER_PORT)
        register(server, "1001", CALLER_PORT)  # the same device again
        try:
            sipp("register", server, keys={"user": "1002"}, port=CALLEE_PORT, timeout=5)
        except Failed:
            pass
        else:
            raise Failed("a device more than the licence has")
        refused = figures(server, ["register_refused_licence_devices"])
        expect(refused["register_refused_licence_devices"] == 1, f"{refused}")
        licence(server, devices_max=2)
        register(server, "1002", CALLEE_PORT)


def calls_at_once(folder):
    """Two calls of two fit; the third is told that all lines are busy, and fits once one has ended."""
    with running(folder, accounts=("1001", "1002"), nodes=NODES) as server:
        register(server, "1002", CALLEE_PORT)
        licence(server, concurrent_calls_max=2)
        callee = sipp("callee", server, calls=2, keys={"user": "1002"}, port=CALLEE_PORT, background=True)
        time.sleep(0.3)
        caller = sipp("caller_waits", server, calls=2, keys={"user": "1001", "callee": "1002"}, port=CALLER_PORT,
                      background=True)
        wait_for(lambda: len([each for each in server.api("GET", "/calls")["items"] if each.get("answered")]) == 2,
                 "two calls are up")
        sipp("caller_busy", server, keys={"user": "1001", "callee": "1002"}, port=CALLER_PORT + 2)
        counted = figures(server, ["calls_refused_licence_concurrent_total"])
        expect(counted["calls_refused_licence_concurrent_total"] == 1, f"{counted}")
        expect(not server.api("GET", "/domains/demo.test/cdr")["items"], "no record of a call that was none")
        for each in server.api("GET", "/calls")["items"]:
            server.api("DELETE", "/calls/" + each["id"])
        for each in (caller, callee):
            finish_sipp(each)
        again = sipp("callee", server, keys={"user": "1002"}, port=CALLEE_PORT, background=True)
        time.sleep(0.3)
        sipp("caller", server, keys={"user": "1001", "callee": "1002"}, port=CALLER_PORT + 4)
        finish_sipp(again)


def calls_in_and_out(folder):
    """Of calls with the world, each direction has a figure of its own; calls inside have none of them."""
    with running(folder, nodes=NODES) as server, CallingPhone(server, "1001", 5066) as ann, \
            CallingPhone(server, "1002", 5076) as bob, \
            Provider(server, 5080, address="127.0.0.2", challenges=False) as provider:
        for phone in (ann, bob):
            phone.register()
        trunk = server.api("POST", "/domains/demo.test/trunks",
                           {"name": "line", "mode": "peer", "proxies": ["127.0.0.2:5080"]})
        server.api("PATCH", "/domains/demo.test", {"settings": {"default_trunk": trunk["id"]}})
        wait_for(lambda: provider.times("OPTIONS"), "the peer is pinged")
        licence(server, concurrent_calls_in_max=1, concurrent_calls_out_max=0)
        ours = "sip:1001@127.0.0.1:5070"
        provider.call_in("1001", ann, uri=ours)
        dialog = provider.dialog
        expect(provider.refused_in("1002", uri="sip:1002@127.0.0.1:5070") == 486, "a second call from outside")
        expect(bob.try_call("0305550199") == 486, "no call out")
        provider.expect_no_invite()
        counted = figures(server, ["calls_refused_licence_in_total", "calls_refused_licence_out_total"])
        expect(list(counted.values()) == [1, 1], f"{counted}")
        record = [each for each in wait_for(lambda: server.api("GET", "/domains/demo.test/cdr")["items"], "its record")
                  if each["caller"]["number"] == "1002"]
        expect(record[0]["reason"] == "as many calls out as the licence has" and record[0]["result"] == "busy", f"{record}")
        provider.dialog = dialog
        provider.hang_up(ann)
        ann.call("1002", bob)
        licence(server, concurrent_calls_out_max=1)
        ann.hang_up(bob)
        bob.call("0305550199", provider)
        expect(ann.try_call("0305550199") == 486, "a second call out")
        bob.hang_up(provider)


def a_blocked_domain_answers_403(folder):
    with running(folder, accounts=("1001", "1002"), nodes=NODES) as server:
        top = server.api("POST", "/domains", {"name": "top.test"})["id"]
        server.api("PATCH", "/domains/demo.test", {"parent": top})
        register(server, "1001", CALLER_PORT)
        server.api("PATCH", "/domains/top.test", {"settings": {"blocked": True}})
        for scenario, keys in (("register", {"user": "1002"}), ("caller", {"user": "1001", "callee": "1002"})):
            try:
                sipp(scenario, server, keys=keys, port=CALLEE_PORT, timeout=5)
            except Failed as error:
                expect("403" in str(error), f"{scenario}: {error}")
            else:
                raise Failed(f"{scenario} in a blocked domain")
        server.api("PATCH", "/domains/top.test", {"settings": {"blocked": False}})
        register(server, "1002", CALLEE_PORT)


def dry_runs_write_nothing(folder):
    with running(folder) as server:
        operator = As(server, server.token())
        path = "/domains/demo.test/accounts"
        would = operator.must(200, "post", path + "?dry_run=true", {"login": "1009"})
        expect(would["dry_run"] and would["before"] is None and would["after"]["login"] == "1009", f"{would}")
        operator.must(404, "get", path + "/1009")
        would = operator.must(200, "patch", path + "/1001?dry_run=true", {"display_name": "Ann"})
        expect(would["changes"] == [{"field": "display_name", "before": "", "after": "Ann"}], f"{would}")
        would = operator.must(200, "patch", "/domains/demo.test?dry_run=true", {"settings": {"ring_timeout_s": 20}})
        expect(would["changes"] == [{"field": "settings.ring_timeout_s", "before": 60, "after": 20}], f"{would}")
        would = operator.must(200, "delete", path + "/1002?dry_run=true")
        expect(would["after"] is None, f"{would}")
        operator.must(409, "post", path + "?dry_run=true", {"login": "1001"})
        operator.must(422, "patch", path + "/1001?dry_run=true", {"contacts_max": 0})
        expect(operator.must(200, "get", path + "/1001")["display_name"] == "", "nothing is written")
        operator.must(200, "get", path + "/1002")


def rolled_back(folder):
    """Also what was removed, with its password: a phone registers as before."""
    with running(folder) as server:
        operator = As(server, server.token())
        path = "/domains/demo.test"
        before = operator.must(200, "get", path + "/accounts")
        time.sleep(0.05)
        then = int(time.time() * 1000)
        time.sleep(0.05)
        operator.must(200, "patch", path, {"settings": {"ring_timeout_s": 20}})
        operator.must(204, "delete", path + "/accounts/1002")
        operator.must(201, "post", path + "/accounts", {"login": "1009", "number": "1002"})
        shown = operator.must(200, "get", f"{path}/configuration?at={then}")
        expect(sorted((each["action"], each["kind"], each["name"]) for each in shown["items"]) ==
               [("change", "domain", "demo.test"), ("create", "account", "1002"), ("remove", "account", "1009")],
               f"{shown}")
        would = operator.must(200, "post", path + "/configuration?dry_run=true", {"at": str(then)})
        expect(would["items"] == shown["items"] and would["dry_run"], f"{would}")
        expect(operator.must(200, "get", path)["settings"]["ring_timeout_s"] == 20, "a dry run writes nothing")
        done = subprocess.run([TANDEM, "--url", server.url, "roll-back", "demo.test", "--to", str(then)],
                              env={**os.environ, "TANDEM_TOKEN": server.token()}, capture_output=True, text=True,
                              timeout=20, check=True)
        expect("create account 1002" in done.stdout, done.stdout)
        expect(operator.must(200, "get", path + "/accounts") == before, "accounts are as they were")
        expect(operator.must(200, "get", path)["settings"]["ring_timeout_s"] == 60, "settings are as they were")
        register(server, "1002", CALLEE_PORT)
        wait_for(lambda: any(each["action"] == "roll-back" for each in
                             operator.must(200, "get", path + "/audit")["items"]), "the roll-back is in the log")
        shown = operator.must(200, "get", f"{path}/configuration?at={then}")
        expect(not shown["items"], f"{shown}")
        operator.must(422, "get", path + "/configuration?at=yesterday")


def tree_lines(domains, accounts):
    """Lines of a tree: a root, its regions, their clients, and the clients' accounts, by turns."""
    yield {"kind": "domain", "value": {"name": "root.test"}}
    regions = max(1, domains // 100)
    clients = domains - regions - 1
    for region in range(regions):
        yield {"kind": "domain", "parent": "root.test", "value": {"name": f"r{region}.test"}}
    for client in range(clients):
        yield {"kind": "domain", "parent": f"r{client % regions}.test", "value": {"name": f"c{client}.test"}}
    for number in range(accounts):
        login = str(10000 + number // clients)
        yield {"kind": "account", "domain": f"c{number % clients}.test",
               "value": {"login": login, "number": login, "password": "secret-" + login}}


def back_to_a_change(folder):
    """The history of a domain's configuration, what differs between two changes, and the way back to one of them."""
    with running(folder) as server:
        def tandem(*arguments, check=True):
            done = subprocess.run([TANDEM, "--url", server.url, *arguments], capture_output=True, text=True, timeout=20,
                                  env={**os.environ, "TANDEM_TOKEN": server.token()}, check=False)
            expect(not check or done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}")
            return done.stdout if check else done

        def history():
            text = tandem("--json", "domain", "history", "demo.test")
            return [(each["action"], each["kind"], each.get("name"), each["id"]) for each in json.loads(text)["items"]]
        path = "/domains/demo.test"
        rules = path + "/dial-rules"
        server.api("POST", rules, {"name": "one", "dialled": "91*"})
        server.api("PATCH", path + "/accounts/1001", {"display_name": "Ann"})
        mark = wait_for(lambda: (seen := history()) and seen[0][:3] == ("change", "account", "1001") and seen[0][3],
                        "the change is in the history")
        server.api("PATCH", path + "/accounts/1001", {"display_name": "Anna"})
        server.api("DELETE", rules + "/one")
        server.api("POST", rules, {"name": "two", "dialled": "92*"})
        last = wait_for(lambda: (seen := history()) and seen[0][:3] == ("create", "dial_rule", "two") and seen[0][3],
                        "all of it")
        expect("display_name" in tandem("domain", "history", "demo.test", "--kind", "account"), "fields are named")
        forwards = tandem("domain", "diff", "demo.test", "--from", mark)
        for line in ('change account 1001', 'display_name: "Ann" -> "Anna"', "remove dial_rule one", "create dial_rule two"):
            expect(line in forwards, forwards)
        expect(tandem("domain", "diff", "demo.test", "--from", last) == "nothing differs\n", "nothing since the last")
        between = server.api("GET", f"{path}/configuration?change={mark}&until_change={last}")
        expect(len(between["items"]) == 3 and not server.api(
            "GET", f"{path}/configuration?change={last}&until=9999999999999")["items"], f"{between}")
        before = server.api("GET", rules)
        tandem("domain", "rollback", "demo.test", "--to", mark, "--dry-run")
        expect(server.api("GET", rules) == before, "a dry run writes nothing")
        # As one change: where a part of it can't be, nothing is.
        server.api("POST", path + "/accounts", {"login": "2001"})
        server.api("DELETE", path + "/accounts/2001")
        server.api("PATCH", path + "/licence", {"accounts_max": 2})
        has_it = wait_for(lambda: [each[3] for each in history() if each[:3] == ("create", "account", "2001")], "made")[0]
        refused = tandem("domain", "rollback", "demo.test", "--to", has_it, check=False)
        expect(refused.returncode == 1 and "accounts_max" in refused.stderr, refused.stderr)
        expect(server.api("GET", rules) == before, "nothing of it was done")
        tandem("domain", "rollback", "demo.test", "--to", mark)
        expect([each["name"] for each in server.api("GET", rules)["items"]] == ["one"], "the rules of then")
        expect(server.api("GET", path + "/accounts/1001")["display_name"] == "Ann", "as it was after that change")
        wait_for(lambda: any(each[0] == "roll-back" for each in history()), "the roll-back is a change itself")
        operator = As(server, server.token())
        for wrong in ("0" * 32, "0" * 30 + "zz"):
            operator.must(404, "post", path + "/configuration", {"change": wrong})
        operator.must(422, "post", path + "/configuration", {})
        operator.must(422, "post", path + "/configuration", {"change": mark, "at": "1"})


def many_at_once(folder):
    """A tree of 100 domains with 3000 accounts; what is wrong is refused by line; the same again changes nothing."""
    with running(folder, accounts=(), nodes=NODES) as server:
        lines = list(tree_lines(100, 3000))
        lines.insert(50, {"kind": "account", "domain": "nowhere.test", "value": {"login": "1"}})
        lines.insert(60, {"kind": "car", "value": {}})
        lines.insert(70, {"kind": "account", "domain": "root.test", "value": {"login": "a b"}})
        path = os.path.join(folder, "tree.ndjson")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(each) + "\n" for each in lines)
            file.write("no JSON\n")
        command = [TANDEM, "--url", server.url, "bulk", path]
        environment = {**os.environ, "TANDEM_TOKEN": server.token()}
        began = time.monotonic()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        took = time.monotonic() - began
        expect("3100 made, 0 refused as conflicts, 4 failed" in done.stdout, done.stdout + done.stderr)
        for text in ("line 51: 404 domain", "line 61: 422 kind: must be one of ", ", number_range, ", "line 71: 422 login", "line 3104: 400"):
            expect(text in done.stderr, f"{text!r} in {done.stderr}")
        print(f"        {len(lines) / took:.0f} lines/s")
        again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        expect("0 made, 3100 refused as conflicts, 4 failed" in again.stdout, again.stdout)
        page = server.api("GET", "/domains/c7.test/accounts?limit=1000")
        expect(len(page["items"]) == 3000 // 98 + (1 if 7 < 3000 % 98 else 0), f"{len(page['items'])}")
        # As somebody who may make accounts in one domain only.
        operator = As(server, server.token())
        token = operator.must(201, "post", "/domains/c1.test/tokens", {"name": "loader"})
        operator.must(201, "post", "/domains/c1.test/grants", {"token": token["id"], "rights": ["accounts:write"]})
        body = "\n".join(json.dumps({"kind": "account", "domain": domain, "value": {"login": "new"}})
                         for domain in ("c1.test", "c2.test", "unknown.test"))
        request = urllib.request.Request(server.url + "/api/v1/bulk", data=body.encode(), method="POST", headers={
            "Authorization": "Bearer " + token["token"], "Content-Type": "application/x-ndjson"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            answers = [json.loads(line) for line in answer.read().splitlines()]
        expect([each["status"] for each in answers] == [201, 404, 404], f"{answers}")
        expect(answers[1]["detail"] == answers[2]["detail"], f"{answers}")


if __name__ == "__main__":
    main(handed_down_in_the_api, devices_at_once, calls_at_once, calls_in_and_out, a_blocked_domain_answers_403,
         dry_runs_write_nothing, rolled_back, back_to_a_change, many_at_once)
