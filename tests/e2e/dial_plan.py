#!/usr/bin/env python3
"""Dial rules: which calls they take, what they make of numbers and names, and what is said about them.

    dial_plan.py [TEST...]
"""

import os

from calling_phone import CallingPhone, header
from cli import cli, run_cli
from harness import expect, main, running, wait_for
from permissions import As

NODES = os.environ.get("TANDEM_TEST_NODES", "one")
RULES = "/domains/demo.test/dial-rules"


def add_rule(server, name, order, **fields):
    return server.api("POST", RULES, {"name": name, "order": order, **fields}, expected=201)


def rules_choose_change_and_refuse(folder):
    with running(folder, accounts=("1001", "1002", "1003"), nodes=NODES) as server, \
            CallingPhone(server, "1001", 5070) as alice, CallingPhone(server, "1002", 5080) as bob:
        server.api("PATCH", "/domains/demo.test/accounts/1001", {"display_name": "Alice"})
        alice.register()
        bob.register()
        alice.call("1002", bob)  # no rules: the domain's own numbers
        alice.hang_up(bob)

        add_rule(server, "exit", 10, dialled="9*", called_number={"strip": 1},
                 caller_number={"prefix": "55"}, caller_name={"prefix": "Ext "})
        alice.call("91002", bob)
        expect(header(bob.invite, "From").startswith('"Ext Alice" <sip:551001@demo.test>'), bob.invite)
        expect(header(bob.invite, "To").startswith("<sip:91002@demo.test>"), bob.invite)
        call = server.api("GET", "/calls")["items"][0]
        steps = [each["step"] for each in server.api("GET", f"/calls/{call['id']}")["route"]]
        expect(steps == ["rule", "change", "change", "account"], f"{steps}")
        alice.hang_up(bob)
        alice.call("1002", bob)  # no rule takes it
        expect(header(bob.invite, "From").startswith('"Alice" <sip:1001@demo.test>'), bob.invite)
        alice.hang_up(bob)

        barred = add_rule(server, "barred", 5, dialled="[19]*", caller="1001", action="reject",
                          reject_status=603, reject_reason='Ask the "boss"')
        expect(alice.try_call("1002") == 603 and alice.try_call("91002") == 603, "barred")
        expect(bob.try_call("1003") == 480, "not for another caller: the phone is not registered")
        record = wait_for(lambda: [each for each in server.api("GET", "/domains/demo.test/cdr")["items"]
                                   if each["sip_status"] == 603], "the record")[0]
        expect(record["reason"] == 'Ask the "boss"' and record["caller"]["number"] == "1001", f"{record}")
        server.api("PATCH", f"{RULES}/{barred['id']}", {"enabled": False})
        alice.call("1002", bob)
        alice.hang_up(bob)
        server.api("DELETE", f"{RULES}/exit")
        expect(alice.try_call("91002") == 404, "the rule has gone")


def route_test_explains_each_rule(folder):
    with running(folder, accounts=("1001", "1002"), nodes=NODES) as server:
        add_rule(server, "night", 10, enabled=False)
        add_rule(server, "zero", 20, dialled="0*")
        add_rule(server, "short", 30, dialled="2X", called_number={"prefix": "10", "keep_last": 2, "strip": 0},
                 caller_number={"prefix": "*"})
        route = server.api("POST", "/domains/demo.test/route-test", {"caller": "1001", "dialled": "2-2"})
        expect([each["step"] for each in route["steps"]] ==
               ["normalise", "passed-over", "passed-over", "rule", "change", "change", "refuse"], f"{route}")
        expect("'night' (order 10): it is disabled" in route["steps"][1]["reason"], f"{route}")
        expect("22 does not fit its mask '0*'" in route["steps"][2]["reason"], f"{route}")
        expect("becomes 1022" in route["steps"][4]["reason"] and route["sip_status"] == 404, f"{route}")
        expect(route["shown"] == {"number": "*1001", "display_name": ""}, f"{route}")
        add_rule(server, "in", 5, directions=["outer"], dialled="4930*", called_number={"keep_last": 4})
        outside = {"caller": "4940123", "dialled": "49301002", "direction": "outer"}
        route = server.api("POST", "/domains/demo.test/route-test", outside)
        expect(route["destinations"][0]["number"] == "1002", f"{route}")
        operator = As(server, server.token())
        refused = operator.must(422, "post", "/domains/demo.test/route-test", {**outside, "direction": "up"})
        expect(refused["field"] == "direction", f"{refused}")
        shown = cli(server, "route", "test", "demo.test", "1001", "1002")
        expect("Not the rule 'zero' (order 20)" in shown and "result: rings 1002" in shown, shown)
        shown = cli(server, "route", "test", "demo.test", "4940123", "49301002", "--direction", "outer")
        expect("takes the call: 49301002 fits '4930*'" in shown, shown)


def odd_rules_are_told(folder):
    with running(folder, accounts=("1001", "1002"), nodes=NODES) as server:
        expect(add_rule(server, "wide", 10, dialled="1*")["findings"] == [], "nothing is odd about one rule")
        late = add_rule(server, "late", 20, dialled="1002")
        expect([each["code"] for each in late["findings"]] == ["shadowed"], f"{late}")
        changed = server.api("PATCH", f"{RULES}/late", {"order": 10, "action": "reject"})
        expect([each["code"] for each in changed["findings"]] == ["conflict"], f"{changed}")
        expect(sorted(changed["findings"][0]["rules"]) == ["late", "wide"], f"{changed}")
        expect("findings" not in server.api("GET", f"{RULES}/late"), "they are told with the change only")
        lost = add_rule(server, "lost", 1, dialled="77")
        expect([each["code"] for each in lost["findings"]] == ["no-target"], f"{lost}")
        checked = server.api("GET", f"{RULES}/check")
        expect(checked["rules"] == 3, f"{checked}")
        expect([each["code"] for each in checked["findings"]] == ["no-target", "conflict"], f"{checked}")
        told = run_cli(["rule", "check", "demo.test"], {"TANDEM_DATA": server.data, "TANDEM_URL": server.url})
        expect(told.returncode == 1 and "'late' takes them, by its name." in told.stdout, f"{told}")
        server.api("DELETE", f"{RULES}/late")
        server.api("DELETE", f"{RULES}/lost")
        expect("1 rule: nothing is odd" in cli(server, "rule", "check", "demo.test"), "clean")


def expected_routes_hold_up_changes_that_break_them(folder):
    with running(folder, accounts=("1001", "1002", "1003"), nodes=NODES) as server:
        cli(server, "route", "expect", "demo.test", "colleague", "1001", "1002", "--account", "1002")
        cli(server, "route", "expect", "demo.test", "barred", "1001", "0900123", "--refused", "404")
        server.api("POST", "/domains/demo.test/route-expectations",
                   {"name": "night", "caller": "1001", "dialled": "7", "outcome": "account", "target": "1003",
                    "called_number": "1003", "at_utc_ms": 1_900_000_000_000}, expected=201)
        def tandem(*arguments):
            return run_cli(arguments, {"TANDEM_DATA": server.data, "TANDEM_URL": server.url})
        shown = tandem("route", "check", "demo.test")
        expect(shown.returncode == 1 and "FAILS  night: account 1003, called number 1003, but found refused with 404"
               in shown.stdout and "holds  colleague: account 1002" in shown.stdout, shown.stdout)
        add_rule(server, "seven", 10, dialled="7", called_number={"strip": 1, "prefix": "1003"})
        checked = server.api("GET", "/domains/demo.test/route-expectations/check")
        expect(checked["all_hold"] and len(checked["items"]) == 3, f"{checked}")
        # Told before, whatever the setting; refused only with it.
        barrier = {"name": "barrier", "order": 1, "dialled": "1*", "action": "reject"}
        would = server.api("POST", RULES + "?dry_run=true", barrier)
        expect([(each["name"], each["holds"], each["after"]) for each in would["routes"]] ==
               [("colleague", False, "refused with 403")], f"{would}")
        expect(len(server.api("GET", RULES)["items"]) == 1, "a dry run writes nothing")
        server.api("PATCH", "/domains/demo.test", {"settings": {"routes_checked": True}})
        refused = server.api("POST", RULES, barrier, expected=409)
        expect(refused["field"] == "force" and "colleague (account 1002, would be refused with 403" in refused["detail"],
               f"{refused}")
        # Whatever would send the call elsewhere, not rules alone.
        for method, path, body in (
                ("PATCH", "/domains/demo.test/accounts/1002", {"enabled": False}),
                ("PATCH", "/domains/demo.test/accounts/1002/services", {"forward_always": "1003"}),
                ("DELETE", "/domains/demo.test/accounts/1002", None), ("DELETE", RULES + "/seven", None)):
            server.api(method, path, body, expected=409)
        expect(server.api("GET", "/domains/demo.test/accounts/1002")["enabled"], "nothing was changed")
        server.api("PATCH", "/domains/demo.test/accounts/1003", {"display_name": "Carl"})  # breaks nothing
        failed = tandem("rule", "add", "demo.test", "barrier", "--order", "1", "--dialled", "1*",
                         "--action", "reject")
        expect(failed.returncode == 1 and "colleague" in failed.stderr, failed.stderr)
        cli(server, "rule", "add", "demo.test", "barrier", "--order", "1", "--dialled", "1*", "--action", "reject",
            "--force")
        expect(tandem("route", "check", "demo.test").returncode == 1, "it has broken it")
        # What is broken already holds nothing up, least of all what mends it.
        server.api("PATCH", RULES + "/seven", {"order": 11})
        server.api("DELETE", RULES + "/barrier")
        expect(server.api("GET", "/domains/demo.test/route-expectations/check")["all_hold"], "mended")
        for wrong, field in (({"outcome": "account", "sip_status": 404}, "sip_status"),
                             ({"outcome": "refused", "target": "1002"}, "target"), ({"outcome": "odd"}, "outcome")):
            answer = server.api("POST", "/domains/demo.test/route-expectations",
                                {"name": "wrong", "caller": "1001", "dialled": "1", **wrong}, expected=422)
            expect(answer["field"] == field, f"{answer}")


def wrong_rules_are_refused(folder):
    with running(folder, accounts=("1001",), nodes=NODES) as server:
        operator = As(server, server.token())
        for body, field, words in (
                ({"dialled": "12[34"}, "dialled", "at position 3"), ({"caller": "+4a"}, "caller", "at position 3"),
                ({"dialled": "[5-1]"}, "dialled", "upwards"), ({"order": -1}, "order", ""),
                ({"action": "sell"}, "action", ""), ({"directions": []}, "directions", ""),
                ({"reject_status": 200}, "reject_status", ""), ({"called_number": {"strip": 33}}, "called_number.strip", ""),
                ({"dialled": "0X", "called_number": {"strip": 2}}, "called_number.strip", "leaves nothing"),
                ({"action": "reject", "caller_name": {"replace": "x"}}, "action", "reject"),
                ({"caller_number": {"prefix": "abc"}}, "caller_number.prefix", "")):
            refused = operator.must(422, "post", RULES, {"name": "bad", **body})
            expect(refused["field"] == field and words in refused["detail"], f"{body}: {refused}")
        operator.must(422, "post", RULES, {"name": "check"})
        operator.must(403, "post", RULES, {"name": "bad", "findings": []})
        add_rule(server, "one", 1)
        operator.must(409, "post", RULES, {"name": "one"})
        wrong = cli(server, "rule", "add", "demo.test", "two", "--dialled", "1[", code=1)
        expect("dialled" in wrong and "at position 2" in wrong, wrong)
        made = cli(server, "rule", "add", "demo.test", "two", "--dialled", "9*", "--called-number.strip", "1",
                   "--directions", "inner,outer")
        expect("two" in made, made)
        expect("inner,outer" in cli(server, "rule", "list", "demo.test").replace(", ", ","), "listed")
        # Who may see routing only, changes nothing.
        token = operator.must(201, "post", "/domains/demo.test/tokens", {"name": "viewer"})
        operator.must(201, "post", "/domains/demo.test/grants", {"token": token["id"], "rights": ["routing:read"]})
        viewer = As(server, token["token"])
        viewer.must(200, "get", f"{RULES}/check")
        viewer.must(403, "post", RULES, {"name": "three"})


def schedules_say_when(folder):
    """2026-11-23 is a Monday; Berlin is an hour ahead of UTC then."""
    with running(folder, accounts=("1001", "1002"), nodes=NODES) as server:
        server.api("PATCH", "/domains/demo.test", {"settings": {"time_zone": "Europe/Berlin"}})
        office = server.api("POST", "/domains/demo.test/schedules", {
            "name": "office", "hours": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:30", "to": "17:00"}],
            "exceptions": [{"date": "12-24", "last_date": "12-26"}]})
        add_rule(server, "night", 1, action="reject", reject_status=480, not_during=office["id"])

        def status(at):
            return server.api("POST", "/domains/demo.test/route-test",
                              {"caller": "1001", "dialled": "1002", "at": at})["sip_status"]
        for at, expected in (("2026-11-23T07:29:59Z", 480), ("2026-11-23T07:30:00Z", 0), ("2026-11-23T16:00:00Z", 480),
                             ("2026-11-22T12:00:00Z", 480), ("2026-12-24T12:00:00Z", 480), ("2026-12-28T12:00:00Z", 0)):
            expect(status(at) == expected, f"{at}: {expected} expected")
        server.api("PATCH", "/domains/demo.test/schedules/office", {"time_zone": "UTC"})
        expect(status("2026-11-23T07:30:00Z") == 480, "the plan follows the schedule")
        shown = cli(server, "route", "test", "demo.test", "1001", "1002", "--at", "2026-11-23T09:00:00Z")
        expect("the schedule 'office' has hours" in shown and "rings 1002" in shown, shown)
        operator = As(server, server.token())
        refused = operator.must(409, "delete", "/domains/demo.test/schedules/office")
        expect("the dial rule 'night' still uses it (not_during)" in refused["detail"], f"{refused}")
        refused = operator.must(422, "post", "/domains/demo.test/schedules",
                                {"name": "x", "hours": [{"days": ["mon"], "from": "9", "to": "17:00"}]})
        expect(refused["field"] == "hours[0].from", f"{refused}")
        refused = operator.must(422, "patch", "/domains/demo.test", {"settings": {"time_zone": "Mars/Olympus"}})
        expect(refused["field"] == "settings.time_zone", f"{refused}")


def numbers_have_several_forms(folder):
    with running(folder, accounts=("1001",), nodes=NODES) as server:
        numbering = {"country_code": "49", "area_code": "30", "short_length": 2, "short_prefix": "+49301234"}
        server.api("PATCH", "/domains/demo.test", {"settings": {"numbering": numbering}})
        server.api("POST", "/domains/demo.test/accounts", {"login": "door", "number": "+4930123412"})

        def route(dialled):
            return server.api("POST", "/domains/demo.test/route-test", {"caller": "1001", "dialled": dialled})
        for dialled in ("+49 30 123412", "0049 30 1234-12", "(030) 123412", "123412", "12"):
            found = route(dialled)
            expect([each["number"] for each in found["destinations"]] == ["+4930123412"], f"{dialled}: {found}")
        for dialled in ("13", "0031301234", "03012341", "*12"):
            expect(route(dialled)["sip_status"] == 404, dialled)
        add_rule(server, "premium", 1, dialled="+49900*", action="reject")
        for dialled, status in (("0900123456", 403), ("0049900123456", 403), ("00900123456", 404), ("1001", 0)):
            expect(route(dialled)["sip_status"] == status, f"{dialled}: {route(dialled)}")
        refused = As(server, server.token()).must(422, "patch", "/domains/demo.test",
                                                  {"settings": {"numbering": {"country_code": "0"}}})
        expect(refused["field"] == "settings.numbering.country_code", f"{refused}")


if __name__ == "__main__":
    main(schedules_say_when, numbers_have_several_forms, rules_choose_change_and_refuse, route_test_explains_each_rule,
         odd_rules_are_told, expected_routes_hold_up_changes_that_break_them, wrong_rules_are_refused)
