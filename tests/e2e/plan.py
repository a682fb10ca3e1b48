#!/usr/bin/python3
"""Plans of the logic layer on a running server: what it is worth, what a file would change, applied whole or not
at all."""

import json
import os
import re
import subprocess

from cli import answer, cli, run_cli
from harness import TANDEM, expect, main, running, wait_for


def exported(server):
    return json.loads(cli(server, "plan", "export"))


def saved(folder, plan):
    path = os.path.join(folder, "plan.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(plan if isinstance(plan, str) else json.dumps(plan))
    return path


def role(plan, code):
    return next(each for each in plan["roles"] if each["role"] == code)


def numbers(server):
    return {each["number"] for each in answer(server, "role", "list")["items"]}


def serving(server):
    """{number: node} of what runs."""
    return {instance["instance"]: node["node"] for node in server.api("GET", "/status")["nodes"]
            for instance in node["instances"] if instance["state"] == "serving"}


def tells_what_the_layout_is_worth(folder):
    with running(folder, accounts=()) as server:
        shown = cli(server, "plan")
        expect("warning: Everything is on one server" in shown, shown)
        expect("If server server1 dies: SR 1 has no other copy" in shown, shown)
        plan = answer(server, "plan")
        expect(len(plan["roles"]) == 9 and len(plan["losses"]) == 10, f"{plan}")
        path = os.path.join(folder, "exported.json")
        cli(server, "plan", "export", path)
        with open(path, encoding="utf-8") as file:
            written = file.read()
        expect(written == cli(server, "plan", "export") and written.count("\n") > 50, "a member a line")
        expect(role(json.loads(written), "SG")["server"] == "server1", "servers by name")
        expect("nothing changes" in cli(server, "plan", "diff", path), "what is exported changes nothing")
        cli(server, "plan", "apply", path)
        expect("cannot be written" in cli(server, "plan", "export", "/nowhere/plan.json", code=1), "no such folder")


def adds_moves_and_removes(folder):
    with running(folder, accounts=()) as server:
        plan = exported(server)
        plan["roles"].append({"role": "B2B", "server": "server1", "number": 20})
        role(plan, "SG")["weight"] = 50
        path = saved(folder, plan)
        shown = cli(server, "plan", "diff", path)
        for line in ("Start B2B 20 on server server1, node 1.", "Change settings of SG 7.",
                     "If B2B 20 dies: 0 answered calls are lost."):
            expect(line in shown, f"'{line}' in: {shown}")
        expect(20 not in numbers(server), "a diff changes nothing")
        expect("give --yes" in cli(server, "plan", "apply", path, code=2), "nobody can be asked")
        expect(20 not in numbers(server), "nothing without a yes")
        expect("applied" in cli(server, "plan", "apply", path, "--yes"), "applied")
        wait_for(lambda: serving(server).get(20) == 1, "the second B2B serves")
        expect(answer(server, "role", "show", "7")["weight"] == 50, "the setting")

        plan = exported(server)
        next(each for each in plan["roles"] if each["number"] == 20)["node"] = 3
        done = answer(server, "plan", "apply", saved(folder, plan), "--yes")
        expect([(each["kind"], each["number"]) for each in done["changes"]] == [("move", 20)], f"{done}")
        expect(done["version"] == answer(server, "plan")["version"], "the version that it has led to")
        wait_for(lambda: serving(server).get(20) == 3, "it serves in a process of its own", 20)

        plan["roles"] = [each for each in plan["roles"] if each["number"] != 20]
        done = cli(server, "plan", "apply", "-", "--yes", stdin=json.dumps(plan))
        expect("Drain and stop B2B 20 on server server1, node 3" in done, done)
        wait_for(lambda: 20 not in serving(server), "it has gone", 20)
        expect(numbers(server) == set(range(1, 10)), "what was there at first")


def with_answer(server, path, typed):
    """`plan apply` at a terminal, with what somebody types."""
    done = subprocess.run(["script", "-qec", f"{TANDEM} plan apply {path}", "/dev/null"], input=typed, text=True,
                          capture_output=True, timeout=30, check=False,
                          env={**os.environ, "TANDEM_DATA": server.data, "TANDEM_URL": server.url})
    return done.returncode, done.stdout


def asks_before_it_applies(folder):
    with running(folder, accounts=()) as server:
        plan = exported(server)
        plan["roles"].append({"role": "B2B", "server": "server1", "number": 20})
        path = saved(folder, plan)
        code, shown = with_answer(server, path, "n\n")
        expect(code == 1 and "Start B2B 20" in shown and "nothing was changed" in shown, f"{code} {shown}")
        expect(20 not in numbers(server), "no means no")
        code, shown = with_answer(server, path, "y\n")
        expect(code == 0 and "applied" in shown, f"{code} {shown}")
        expect(20 in numbers(server), "yes means yes")


def spoilt(server):
    """Plans that are no good, and what is to be said: (plan, status, field, words)."""
    def plan_with(change):
        plan = exported(server)
        role(plan, "ST")["weight"] = 1  # would be written with the rest
        change(plan)
        return plan
    second = {"role": "B2B", "server": "server1", "number": 20}
    for change, field, words in (
            (lambda p: p.update(colour=1), "colour", "is not known"),
            (lambda p: role(p, "SG").update(colour=1), "roles[6].colour", "is not known"),
            (lambda p: role(p, "SG").update(role="XYZ"), "roles[6].role", "must be one of SG"),
            (lambda p: role(p, "SG").update(weight=-1), "roles[6].weight", "from 0 to 1000"),
            (lambda p: role(p, "SG").update(server="server9"), "roles[6].server", "there is no server 'server9'"),
            (lambda p: role(p, "SG").update(interfaces=["eth9"]), "roles[6].interfaces[0]", "no interface 'eth9'"),
            (lambda p: p["roles"].append({**second, "number": 0}), "roles[9].number", "from 1 to 65000"),
            (lambda p: p["roles"].append("B2B"), "roles[9]", "must be an object"),
            (lambda p: p.pop("roles"), "roles", "is required")):
        yield plan_with(change), 422, field, words
    for change, field, words in (
            (lambda p: p["roles"].append({**second, "number": 6}), "roles[9].number", "have the same number"),
            (lambda p: p["roles"].append({**second, "role": "SG"}), "roles[9].sip_gate.udp_port",
             "both want UDP port 5060 on server server1"),
            (lambda p: role(p, "WS")["web_gate"].update(http_port=5060), "roles[7].web_gate.http_port",
             "both want TCP port 5060"),
            (lambda p: p["roles"].remove(role(p, "SR")), "roles", "No SR runs")):
        yield plan_with(change), 409, field, words


def refuses_the_whole_of_a_bad_plan(folder):
    with running(folder, accounts=()) as server:
        before = server.api("GET", "/roles?limit=1000")
        for plan, status, field, words in spoilt(server):
            path = saved(folder, plan)
            problem = server.api("PUT", "/plan", plan, expected=status)
            expect(problem["field"] == field and words in problem["detail"], f"{field}, {words}: {problem}")
            done = run_cli(["plan", "apply", path, "--yes"], {"TANDEM_DATA": server.data, "TANDEM_URL": server.url})
            said = done.stdout + done.stderr
            expect(done.returncode == 1 and words in said, f"{words}: {said}")
            expect(field == "roles" or field in said, f"{field}: {said}")
            cli(server, "plan", "diff", path, code=1)
            expect(server.api("GET", "/roles?limit=1000") == before, f"nothing was changed by {field}")
        problem = server.api("PUT", "/plan", b'{"roles": [', expected=400)
        expect(problem["position"] == 11, f"{problem}")
        expect("cannot be read" in cli(server, "plan", "diff", "/nowhere.json", code=1), "no such file")
        server.api("DELETE", "/plan", expected=405)


def applies_what_was_judged_only(folder):
    with running(folder, accounts=()) as server:
        plan = exported(server)
        plan["roles"].append({"role": "B2B", "server": "server1", "number": 20})
        version = server.api("POST", "/plan", plan)["version"]
        cli(server, "role", "set", "7", "--weight", "10")
        problem = server.api("PUT", "/plan", plan, expected=412, headers={"If-Match": f'"{version}"'})
        expect("by now" in problem["detail"], f"{problem}")
        expect(answer(server, "role", "show", "7")["weight"] == 10 and 20 not in numbers(server), "nothing was done")


def single_edits_are_judged_too(folder):
    with running(folder, accounts=()) as server:
        refused = cli(server, "role", "add", "--role", "SG", "--server", "server1", "--number", "19", code=1)
        expect("sip_gate.udp_port" in refused and "both want UDP port 5060" in refused, refused)
        refused = cli(server, "role", "set", "8", "--web-gate.https-port", "5061", code=1)
        expect("web_gate.https_port" in refused and re.search("both want TCP port 5061", refused), refused)
        cli(server, "role", "set", "2", "--enabled", "no")
        expect("warning: No CS runs" in cli(server, "plan"), "the plan tells")
        cli(server, "role", "set", "2", "--enabled", "yes")


if __name__ == "__main__":
    main(tells_what_the_layout_is_worth, adds_moves_and_removes, asks_before_it_applies,
         refuses_the_whole_of_a_bad_plan, applies_what_was_judged_only, single_edits_are_judged_too)
