#!/usr/bin/env python3
"""Calls from one domain to another: by the Domain Router and directly, and what must be allowed for them.

    interdomain.py [TEST...]
"""

import os

from calling_phone import CallingPhone, header
from calls import figures, nothing_left
from harness import Failed, expect, main, running, wait_for
from permissions import As
from presence import subscribe, until
from provider import Provider
from restart import calls_or_none
from transfer import notified, offered_again, refer

NODES = os.environ.get("TANDEM_TEST_NODES", "one")


def rule(server, domain, name, **fields):
    return server.api("POST", f"/domains/{domain}/dial-rules", {"name": name, **fields}, expected=201)


def route(server, domain, caller, dialled):
    return server.api("POST", f"/domains/{domain}/route-test", {"caller": caller, "dialled": dialled})


def reason_of(found):
    return [each["reason"] for each in found["steps"] if each["step"] == "refuse"][0]


def add_range(server, domain, prefix):
    return server.api("POST", f"/domains/{domain}/number-ranges", {"prefix": prefix, "kind": "external"}, expected=201)


def two_domains(server):
    """top.test owns +4930; north.test and south.test are below it, each with a hundred numbers and two accounts."""
    top = server.api("POST", "/domains", {"name": "top.test"})["id"]
    add_range(server, "top.test", "+4930")
    ids = {}
    for name, prefix in (("north.test", "+49301"), ("south.test", "+49302")):
        numbering = {"country_code": "49", "area_code": "30"}
        server.make_domain(name, parent=top)
        ids[name] = server.api("PATCH", f"/domains/{name}", {"settings": {"numbering": numbering}})["id"]
        add_range(server, name, prefix)
        server.api("PATCH", f"/domains/{name}/accounts/1001", {"display_name": "Ann of " + name})
    return ids


def everything_is_closed_until_three_agree(folder):
    with running(folder, accounts=(), nodes=NODES) as server, \
            CallingPhone(server, "1001", 5070, domain="north.test") as ann, \
            CallingPhone(server, "1002", 5080, domain="south.test") as bob:
        ids = two_domains(server)
        ann.register()
        bob.register()
        # The exit.
        expect(ann.try_call("71002") == 404, "north.test has no way out")
        rule(server, "north.test", "to-south", dialled="7*", action="domain", to_domain=ids["south.test"],
             called_number={"strip": 1})
        found = route(server, "north.test", "1001", "71002")
        expect(found["sip_status"] == 403 and "a representation is missing" in reason_of(found), f"{found}")
        expect(ann.try_call("71002") == 403, "nothing says how the caller is shown")
        # The representation.
        server.api("POST", "/domains/south.test/representations", {"name": "north", "scope": "cross",
                                                                   "other_domain": ids["north.test"],
                                                                   "number": {"prefix": "8"}})
        found = route(server, "north.test", "1001", "71002")
        expect("No rule of south.test lets this call from another domain in." == reason_of(found), f"{found}")
        expect(ann.try_call("71002") == 403, "south.test lets nobody in")
        # The entry, for calls of another domain than this one.
        entry = rule(server, "south.test", "entry", directions=["cross"], from_domain=ids["south.test"], dialled="1*")
        expect(route(server, "north.test", "1001", "71002")["sip_status"] == 403, "the entry is another's")
        server.api("PATCH", f"/domains/south.test/dial-rules/{entry['id']}", {"from_domain": ids["north.test"]})
        found = wait_for(lambda: (seen := route(server, "north.test", "1001", "71002"))["destinations"] and seen,
                         "the entry is open on all nodes")
        expect([each["domain"] for each in found["destinations"]] == ["south.test"], f"{found}")
        expect(found["steps"][-1]["step"] == "redial" and "does not reach the caller" in found["steps"][-1]["reason"],
               f"{found}")
        ann.call("71002", bob)
        expect(header(bob.invite, "From").startswith('"Ann of north.test" <sip:81001@south.test>'), bob.invite)
        expect(header(bob.invite, "To").startswith("<sip:71002@south.test>"), bob.invite)
        bob.hang_up(ann)
        wait_for(lambda: [each for each in server.api("GET", "/domains/north.test/cdr")["items"]
                          if each["result"] == "answered"], "the record of the call")
        # Who has a say in north.test alone is not told what south.test has set.
        operator = As(server, server.token())
        token = operator.must(201, "post", "/domains/north.test/tokens", {"name": "viewer"})
        operator.must(201, "post", "/domains/north.test/grants", {"token": token["id"], "rights": ["routing:read"]})
        seen = As(server, token["token"]).must(200, "post", "/domains/north.test/route-test",
                                               {"caller": "1001", "dialled": "71002"})
        expect([each["step"] for each in seen["steps"]] == ["rule", "change", "cross", "representation", "redial"],
               f"{seen}")
        expect(seen["destinations"][0]["account"] == "" and "entry" not in str(seen), f"{seen}")
        line = server.api("POST", "/domains/south.test/trunks", {"name": "line", "mode": "peer",
                                                                 "proxies": ["192.0.2.77"]})
        rule(server, "south.test", "out", directions=["cross"], dialled="9*", action="trunk", to_trunk=line["id"])
        expect(route(server, "north.test", "1001", "7955")["destinations"][0]["trunk"] == line["id"], "the operator is")
        seen = As(server, token["token"]).must(200, "post", "/domains/north.test/route-test",
                                               {"caller": "1001", "dialled": "7955"})
        expect(seen["destinations"][0]["trunk"] == "" and "line" not in str(seen), f"{seen}")
        # What was shown leads back, once the other way is open too.
        rule(server, "south.test", "to-north", dialled="8*", action="domain", to_domain=ids["north.test"],
             called_number={"strip": 1})
        rule(server, "north.test", "entry", directions=["cross"])
        server.api("POST", "/domains/north.test/representations", {"name": "south", "scope": "cross",
                                                                   "number": {"prefix": "7"}})
        found = route(server, "north.test", "1001", "71002")
        expect("dials 81001 reaches the caller" in found["steps"][-1]["reason"], f"{found}")
        bob.call("81001", ann)
        expect(header(ann.invite, "From").startswith("<sip:71002@north.test>"), ann.invite)
        bob.hang_up(ann)


def the_router_follows_the_ranges(folder):
    with running(folder, accounts=(), nodes=NODES) as server, \
            CallingPhone(server, "1001", 5070, domain="north.test") as ann, \
            CallingPhone(server, "1002", 5080, domain="south.test") as bob:
        two_domains(server)
        ann.register()
        bob.register()
        for name in ("north.test", "south.test"):
            rule(server, name, "world", order=200, dialled="+*", action="router")
        expect(route(server, "north.test", "1001", "0302011002")["sip_status"] == 403, "no main number yet")
        for name, digit in (("north.test", 1), ("south.test", 2)):
            settings = {"settings": {"numbering": {"main_number": f"+4930{digit}011001"}}}
            server.api("PATCH", f"/domains/{name}", settings)
            rule(server, name, "in", directions=["cross"], dialled="+4930*", called_number={"keep_last": 4})
        found = route(server, "north.test", "1001", "0302011002")
        expect(found["shown"]["number"] == "+49301011001" and found["destinations"][0]["domain"] == "south.test",
               f"{found}")
        expect("reaches the caller" in found["steps"][-1]["reason"], f"{found}")
        ann.call("0302011002", bob)
        expect("<sip:+49301011001@south.test>" in header(bob.invite, "From"), bob.invite)
        ann.hang_up(bob)
        # A number of one's own comes home; one that nobody owns goes nowhere; one of the top is top.test's.
        expect(route(server, "north.test", "1001", "+49301991002")["sip_status"] == 404, "its own, and nobody has it")
        found = route(server, "north.test", "1001", "+49404711")
        expect(found["sip_status"] == 404 and "No domain has a range" in reason_of(found), f"{found}")
        found = route(server, "north.test", "1001", "+49309911")
        expect(found["sip_status"] == 403 and "No rule of top.test" in reason_of(found), f"{found}")
        # The range moves: the next call goes elsewhere.
        add_range(server, "top.test", "+4931")
        server.make_domain("west.test", accounts=("1002",), parent=server.api("GET", "/domains/top.test")["id"])
        add_range(server, "west.test", "+49315")
        rule(server, "west.test", "in", directions=["cross"], called_number={"keep_last": 4})
        found = route(server, "north.test", "1001", "+49315551002")
        expect(found["destinations"][0]["domain"] == "west.test", f"{found}")
        server.api("PATCH", "/domains/west.test", {"settings": {"blocked": True}})
        expect("west.test is blocked" in reason_of(route(server, "north.test", "1001", "+49315551002")), "blocked")


def loops_are_cut(folder):
    with running(folder, accounts=(), nodes=NODES) as server:
        ids = two_domains(server)
        for name, other in (("north.test", "south.test"), ("south.test", "north.test")):
            rule(server, name, "away", directions=["inner", "cross"], action="domain", to_domain=ids[other])
            server.api("POST", f"/domains/{name}/representations", {"name": "all", "scope": "inner"})
        found = route(server, "north.test", "1001", "1002")
        expect(found["sip_status"] == 482 and "has been in north.test already" in reason_of(found), f"{found}")


def ranges_are_handed_down(folder):
    with running(folder, accounts=(), nodes=NODES) as server:
        two_domains(server)
        operator = As(server, server.token())

        def refused(status, method, path, body=None):
            return operator.must(status, method, path, body)["detail"]
        south = "/domains/south.test/number-ranges"
        expect("not inside an external range of top.test, the domain above, which has: +4930*" in refused(
            422, "post", south, {"prefix": "+4940", "kind": "external"}), "outside")
        expect("+493015* overlaps +49301* of north.test" in refused(
            409, "post", south, {"prefix": "+493015", "kind": "external"}), "the neighbour's")
        operator.must(201, "post", "/domains", {"name": "other.test"})
        expect("overlaps +4930* of top.test" in refused(
            409, "post", "/domains/other.test/number-ranges", {"prefix": "+493", "kind": "external"}), "at the top")
        top = operator.must(200, "get", "/domains/top.test/number-ranges")["items"][0]
        one = f"/domains/top.test/number-ranges/{top['id']}"
        for method, body in (("delete", None), ("patch", {"prefix": "+49301"}), ("patch", {"kind": "internal"})):
            expect("has been handed down to" in refused(409, method, one, body), f"{method} {body}")
        operator.must(200, "patch", one, {"prefix": "+493"})
        expect("not inside an external range" in refused(
            422, "patch", "/domains/south.test", {"parent": operator.must(200, "get", "/domains/other.test")["id"]}),
            "with its ranges it fits nowhere else")
        # Internal numbers are everybody's own.
        for name in ("north.test", "south.test"):
            operator.must(201, "post", f"/domains/{name}/number-ranges", {"prefix": "1"})
        # Many at once: one of them has it.
        import concurrent.futures
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            codes = list(pool.map(lambda n: operator.call(
                "post", f"/api/v1/domains/{('north', 'south')[n % 2]}.test/number-ranges",
                {"prefix": "+4935", "kind": "external"})[0], range(8)))
        expect(codes.count(201) == 1, f"{codes}")


def open_both_ways(server):
    """north.test reaches south.test by 7..., south.test reaches north.test by 8..., and what is shown leads back."""
    ids = two_domains(server)
    for here, there, out, back in (("north.test", "south.test", "7", "8"), ("south.test", "north.test", "8", "7")):
        rule(server, here, "out", dialled=out + "*", action="domain", to_domain=ids[there],
             called_number={"strip": 1})
        rule(server, there, "in", directions=["cross"], from_domain=ids[here])
        represent(server, there, "cross", back, other_domain=ids[here])
    return ids


def represent(server, domain, scope, prefix, **fields):
    server.api("POST", f"/domains/{domain}/representations",
               {"name": f"{scope}-{prefix}", "scope": scope, "number": {"prefix": prefix}, **fields}, expected=201)


class Four:
    """Ann and Dora of north.test (1001, 1002), Carl and Bob of south.test (1001, 1002); both domains let each other in."""

    def __init__(self, folder):
        self.running = running(folder, accounts=(), nodes=NODES)

    def __enter__(self):
        self.server = self.running.__enter__()
        self.ids = open_both_ways(self.server)
        self.phones = [CallingPhone(self.server, user, 5100 + 10 * n, domain=domain) for n, (user, domain) in enumerate((
            ("1001", "north.test"), ("1002", "north.test"), ("1001", "south.test"), ("1002", "south.test")))]
        for phone in self.phones:
            phone.__enter__()
            phone.register()
        self.ann, self.dora, self.carl, self.bob = self.phones
        return self

    def __exit__(self, *exception):
        for phone in self.phones:
            phone.__exit__(*exception)
        self.running.__exit__(*exception)

    def calls(self, domain):
        return self.server.api("GET", f"/domains/{domain}/calls")["items"]

    def records(self, domain, count):
        return wait_for(lambda: (found := self.server.api("GET", f"/domains/{domain}/cdr")["items"]) and
                        len(found) >= count and found, f"{count} records of {domain}")

    def licence(self, domain, **fields):
        self.server.api("PATCH", f"/domains/{domain}/licence", fields)

    def refused(self, name):
        return figures(self.server, [f"calls_refused_licence_{name}_total"])[f"calls_refused_licence_{name}_total"]

    def services(self, domain, account, **fields):
        self.server.api("PATCH", f"/domains/{domain}/accounts/{account}/services", fields)


def each_domain_sees_its_own_side(folder):
    with Four(folder) as test:
        server, ann, bob, carl = test.server, test.ann, test.bob, test.carl
        expect(subscribe(carl, "sip:1002@south.test").startswith("SIP/2.0 200"), "Bob's lamp")
        until(carl, ["terminated"])
        ann.call("71002", bob)
        north = wait_for(lambda: test.calls("north.test"), "a call of north.test")
        south = wait_for(lambda: test.calls("south.test"), "a call of south.test")
        expect(len(north) == len(south) == 1 and north[0]["id"] != south[0]["id"], f"{north} {south}")
        north, south = north[0], south[0]
        expect((north["caller"], north["callee"]) == ("1001", "71002"), f"{north}")
        expect((south["caller"], south["callee"]) == ("81001", "1002"), f"{south}")
        expect("caller_account" in north and "callee_account" not in north, f"{north}")
        expect("callee_account" in south and "caller_account" not in south, f"{south}")
        expect(len(north["call_ids"]) == len(south["call_ids"]) == 1 and north["call_ids"] != south["call_ids"],
               f"{north} {south}")
        until(carl, ["confirmed"])
        # Whoever has a say in south.test alone sees that domain's half of the call, and can end it.
        operator = As(server, server.token())
        token = operator.must(201, "post", "/domains/south.test/tokens", {"name": "desk"})
        operator.must(201, "post", "/domains/south.test/grants", {"token": token["id"], "rights": ["calls:write"]})
        desk = As(server, token["token"])
        desk.must(404, "get", f"/calls/{north['id']}")
        seen = desk.must(200, "get", f"/calls/{south['id']}")
        expect([leg["side"] for leg in seen["legs"]] == ["callee"] and not seen["route"], f"{seen}")
        expect(seen["caller"] == "81001" and seen["dialled"] == "1002" and "north.test" not in str(seen), f"{seen}")
        ladder = str(desk.must(200, "get", f"/calls/{south['id']}/trace"))
        expect(str(bob.port) in ladder and str(ann.port) not in ladder, ladder)
        whole = operator.must(200, "get", f"/calls/{south['id']}")
        expect([leg["side"] for leg in whole["legs"]] == ["caller", "callee"], f"{whole}")
        desk.must(204, "delete", f"/calls/{south['id']}")
        for phone in (ann, bob):
            phone.respond(phone.wait_request("BYE"), "200 OK")
        until(carl, ["terminated"])
        mine, yours = test.records("north.test", 1)[0], test.records("south.test", 1)[0]
        expect(mine["direction"] == "outgoing" and yours["direction"] == "incoming", f"{mine} {yours}")
        expect(mine["callee"] == {"number": "71002", "display_name": ""}, f"{mine}")
        expect(yours["caller"]["number"] == "81001" and "account" not in yours["caller"], f"{yours}")
        expect(yours["callee"]["number"] == yours["dialled"] == "1002" and not yours["route"], f"{yours}")
        expect([leg["side"] for leg in mine["legs"]] == ["caller"], f"{mine}")
        expect([leg["side"] for leg in yours["legs"]] == ["callee"], f"{yours}")
        nothing_left(server)


def both_licences_have_to_have_room(folder):
    with Four(folder) as test:
        ann, bob, carl, dora = test.ann, test.bob, test.carl, test.dora
        test.licence("south.test", concurrent_calls_in_max=1)
        test.licence("north.test", concurrent_calls_out_max=10)
        ann.call("71002", bob)
        expect(dora.try_call("71001") == 486, "south.test takes one call at once")
        expect(test.refused("in") == 1, "counted")
        mine, yours = test.records("north.test", 1)[0], test.records("south.test", 1)[0]
        for record in (mine, yours):
            expect(record["result"] == "busy" and record["reason"] == "as many calls in as the licence has", f"{record}")
        expect(not any(leg["side"] == "callee" for leg in mine["legs"] + yours["legs"]), "Carl's phone was not asked")
        # Its own calls out, and calls inside, are others.
        carl.call("81002", dora)
        carl.hang_up(dora)
        test.licence("south.test", concurrent_calls_in_max=10)
        test.licence("north.test", concurrent_calls_out_max=1)
        expect(dora.try_call("71001") == 486 and test.refused("out") == 1, "north.test makes one call at once")
        bob.hang_up(ann)
        nothing_left(test.server)
        dora.call("71001", carl)
        carl.hang_up(dora)
        test.licence("north.test", concurrent_calls_out_max=None)
        # What counts all calls, and those of a second, counts in both domains, too.
        test.licence("south.test", concurrent_calls_max=0)
        expect(ann.try_call("71002") == 486 and test.refused("concurrent") == 1, "south.test has no calls at all")
        test.licence("south.test", concurrent_calls_max=None, calls_per_second_max=0)
        expect(ann.try_call("71002") == 503 and test.refused("rate") == 1, "none begins in a second")
        test.licence("south.test", calls_per_second_max=None)
        nothing_left(test.server)
        ann.call("71002", bob)
        ann.hang_up(bob)


def restarted_calls_still_count(folder):
    with Four(folder) as test:
        test.licence("south.test", concurrent_calls_in_max=1)
        test.ann.call("71002", test.bob)
        wait_for(lambda: all(each["protected"] for each in test.calls("south.test")), "its snapshot is in the store")
        test.server.kill_nodes()
        test.server.wait_healthy()
        wait_for(lambda: calls_or_none(test.server) == 2, "the call is back in both domains")
        expect(test.dora.try_call("71001") == 486, "the call still counts in south.test")
        test.bob.hang_up(test.ann)


def calls_go_on_to_other_domains(folder):
    with Four(folder) as test:
        server, ann, bob, carl, dora = test.server, test.ann, test.bob, test.carl, test.dora
        # Back to the caller's domain, where he is himself.
        test.services("south.test", "1002", forward_always="81002")
        ann.call("71002", dora)
        expect(header(dora.invite, "From").startswith('"Ann of north.test" <sip:1001@north.test>'), dora.invite)
        expect("south.test" not in dora.invite, dora.invite)
        south = wait_for(lambda: test.calls("south.test"), "south.test knows of it")[0]
        expect((south["caller"], south["callee"]) == ("81001", "1002"), f"{south}")
        dora.hang_up(ann)
        yours = test.records("south.test", 1)[0]
        expect(yours["direction"] == "transit" and not yours["legs"], f"{yours}")
        expect([each["to"] for each in yours["forwards"]] == ["81002"] and yours["callee"]["number"] == "1002",
               f"{yours}")
        mine = test.records("north.test", 1)[0]
        expect([leg["side"] for leg in mine["legs"]] == ["caller", "callee"] and not mine["forwards"], f"{mine}")
        # A circle over both ends: nobody's account has a call twice.
        test.services("north.test", "1002", forward_always="71002")
        found = route(server, "north.test", "1001", "71002")
        expect(found["sip_status"] == 482 and "has had this call already" in reason_of(found), f"{found}")
        expect(ann.try_call("71002") == 482, "the circle is cut")
        test.services("north.test", "1002", forward_always="")
        # When he is busy.
        test.services("south.test", "1002", forward_always="", forward_busy="81002")
        ann.begin_call("71002")
        bob.respond(bob.wait_request("INVITE"), "486 Busy Here")
        bob.wait_request("ACK")
        dora.take()
        ann.finish_call()
        dora.wait_request("ACK")
        expect("<sip:1001@north.test>" in header(dora.invite, "From"), dora.invite)
        ann.hang_up(dora)
        # A licence of the one who sends it on counts, too.
        test.licence("south.test", concurrent_calls_out_max=0)
        ann.begin_call("71002")
        bob.respond(bob.wait_request("INVITE"), "486 Busy Here")
        bob.wait_request("ACK")
        refused = ann.wait_response(ann.last_request)
        ann.acknowledge_failure(ann.last_request, refused)
        expect(refused.startswith("SIP/2.0 486"), refused)
        wait_for(lambda: test.refused("out") == 1, "counted")
        nothing_left(server)


def who_decides_how_a_caller_is_shown(folder):
    """The called domain, whoever sends the call on, the caller's, the one at the top: in this order."""
    with Four(folder) as test:
        server, ids = test.server, test.ids
        server.make_domain("west.test", accounts=("1001",))
        west = server.api("GET", "/domains/west.test")["id"]
        rule(server, "west.test", "in", directions=["cross"])
        rule(server, "south.test", "west", directions=["inner", "cross"], order=1, dialled="9*", action="domain",
             to_domain=west, called_number={"strip": 1})
        test.services("south.test", "1002", forward_always="91001")

        def shown():
            """By a rule of south.test, and by an account of it."""
            by_rule, by_account = (route(server, "north.test", "1001", dialled) for dialled in ("791001", "71002"))
            expect(by_rule.get("sip_status") == by_account.get("sip_status"), f"{by_rule} {by_account}")
            if not by_rule["destinations"]:
                return reason_of(by_account)
            expect(by_rule["shown"]["number"] == by_account["shown"]["number"], f"{by_rule} {by_account}")
            return by_account["shown"]["number"]
        expect("a representation is missing" in shown(), shown())
        for domain, scope, prefix in (("top.test", "global", "11"), ("north.test", "inner", "12"),
                                      ("south.test", "inner", "13"), ("west.test", "cross", "14")):
            represent(server, domain, scope, prefix)
            expect(shown() == prefix + "1001", f"{domain}: {shown()}")
        with CallingPhone(server, "1001", 5150, domain="west.test") as eve:
            eve.register()
            test.ann.call("71002", eve)
            expect("<sip:141001@west.test>" in header(eve.invite, "From"), eve.invite)
            expect("@north.test" not in eve.invite and "south.test" not in eve.invite, eve.invite)
            eve.hang_up(test.ann)
            three = [test.records(domain, 1)[0] for domain in ("north.test", "south.test", "west.test")]
            expect([each["direction"] for each in three] == ["outgoing", "transit", "incoming"], f"{three}")
        expect(ids, "")


def transfers_across_domains(folder):
    with Four(folder) as test:
        ann, bob, carl, dora = test.ann, test.bob, test.carl, test.dora

        def transfer(by, stays, to, number):
            expect(refer(by, f"<sip:{number}@{by.domain}>") == 202, "the REFER is accepted")
            to.take()
            notified(by, 200)
            to.wait_request("ACK")
            offered_again(stays)
            by.respond(by.wait_request("BYE"), "200 OK")
        ann.call("71002", bob)
        transfer(bob, ann, carl, "1001")
        expect('"Ann of north.test" <sip:81001@south.test>' in header(carl.invite, "From"), carl.invite)
        expect("north.test>" not in carl.invite, carl.invite)
        carl.hang_up(ann)
        ann.call("71002", bob)
        transfer(ann, bob, dora, "1002")
        expect("<sip:71002@north.test>" in header(dora.invite, "From"), dora.invite)
        dora.hang_up(bob)
        # Into the domain of the one who stays.
        ann.call("71002", bob)
        transfer(bob, ann, dora, "81002")
        expect('"Ann of north.test" <sip:1001@north.test>' in header(dora.invite, "From"), dora.invite)
        dora.hang_up(ann)
        nothing_left(test.server)


def what_no_domain_has_goes_over_the_callers_trunk(folder):
    with Four(folder) as test, Provider(test.server, 5080, address="127.0.0.2", challenges=False) as provider:
        server = test.server
        rule(server, "north.test", "world", order=1, dialled="+*", action="router")
        rule(server, "south.test", "numbers", order=1, directions=["cross"], dialled="+4930*",
             called_number={"keep_last": 4})
        found = route(server, "north.test", "1001", "004940555")
        expect(found["sip_status"] == 404 and "No domain has a range" in reason_of(found), f"{found}")
        trunk = server.api("POST", "/domains/north.test/trunks", {
            "name": "line", "mode": "peer", "proxies": ["127.0.0.2:5080"], "caller_from": "caller", "identity": False})
        server.api("PATCH", "/domains/north.test", {"settings": {"default_trunk": trunk["id"]}})
        wait_for(lambda: provider.times("OPTIONS"), "the peer is pinged")
        test.ann.call("004940555", provider)
        test.ann.hang_up(provider)
        # A number of south.test is never tried outside, nor does south.test use the trunk.
        expect(test.ann.try_call("00493029999") == 404, "nobody has it")
        # From outside over the trunk and on to south.test: the stranger is himself, unless something says otherwise.
        server.api("DELETE", "/domains/south.test/representations/cross-8")
        rule(server, "north.test", "from-outside", order=1, directions=["outer"], dialled="+*", action="router")
        provider.call_in("+49302001002", test.bob, uri="sip:+49302001002@127.0.0.1:5070")
        expect("<sip:493055555@south.test>" in header(test.bob.invite, "From"), test.bob.invite)
        provider.hang_up(test.bob)
        north = [each for each in test.records("north.test", 3) if each["direction"] == "transit"]
        expect(north and test.records("south.test", 1)[0]["direction"] == "incoming", f"{north}")


def queue_of_south(server, agents, **fields):
    ids = {each["login"]: each["id"] for each in server.api("GET", "/domains/south.test/accounts")["items"]}
    server.api("POST", "/domains/south.test/queues", {"name": "sales", "number": "600", "sound": "ringing",
                                                      "members": [ids[each] for each in agents], **fields})
    for each in agents:
        server.api("PATCH", f"/domains/south.test/accounts/{each}/agent", {"logged_in": True, "paused": True})


def waits(phone, ahead):
    phone.wait(lambda m: m.startswith(f"SIP/2.0 182 Queued, {ahead} ahead"), f"182, {ahead} ahead")


def picks_up(agent, caller):
    agent.take()
    caller.finish_call()
    agent.wait_request("ACK")


def in_the_queue(server):
    """Who waits in south.test, as it sees them; nobody while call state is away."""
    try:
        states = server.api("GET", "/domains/south.test/queue-states")["items"]
    except Failed:
        return None
    return [each["caller"] for each in states[0]["callers"]]


def callers_of_other_domains_wait_in_line(folder):
    """Of north.test directly, and from outside over the trunk of top.test and by the Domain Router."""
    with Four(folder) as test, Provider(test.server, 5080, address="127.0.0.2", challenges=False) as provider:
        server, ann, bob, carl, dora = test.server, test.ann, test.bob, test.carl, test.dora
        b2b = [each for each in server.api("GET", "/roles")["items"] if each["role"] == "B2B"][0]
        server.api("PATCH", f"/roles/{b2b['id']}", {"b2bua": {"survival": "all"}})
        rule(server, "top.test", "in", directions=["outer"], dialled="+*", action="router")
        rule(server, "south.test", "numbers", order=1, directions=["cross"], dialled="+4930*",
             called_number={"keep_last": 3})
        server.api("POST", "/domains/top.test/trunks", {"name": "line", "mode": "peer", "proxies": ["127.0.0.2:5080"]})
        wait_for(lambda: provider.times("OPTIONS"), "the peer is pinged")
        queue_of_south(server, ["1002"])
        test.licence("south.test", concurrent_calls_in_max=2)
        ann.begin_call("7600")
        waits(ann, 0)
        carl.begin_call("600")
        waits(carl, 1)
        provider.send_invite("+49302001600", uri="sip:+49302001600@127.0.0.1:5070")
        waits(provider, 2)
        expect(in_the_queue(server) == ["81001", "1001", "493055555"], f"{in_the_queue(server)}")
        mine, yours = test.calls("north.test")[0], test.calls("south.test")
        expect("queue" not in mine and mine["phase"] == "ringing" and mine["callee"] == "7600", f"{mine}")
        expect(len(yours) == 3 and all(each["queue"] for each in yours), f"{yours}")
        expect({each["callee"] for each in yours} == {"600"} and mine["id"] not in str(yours), f"{yours}")
        # It counts while it waits, and does not wait without a licence.
        expect(dora.try_call("7600") == 486 and test.refused("in") == 1, "south.test lets two in")
        test.records("south.test", 1)  # a refusal's is not in the store before the refusal
        # B2B and call state die.
        server.kill_nodes()
        server.wait_healthy()
        wait_for(lambda: in_the_queue(server) == ["81001", "1001", "493055555"], "they wait in their places", 15)
        expect(dora.try_call("7600") == 486, "they still count")
        server.api("PATCH", "/domains/south.test/accounts/1002/agent", {"paused": False})
        picks_up(bob, ann)
        expect("<sip:81001@south.test>" in header(bob.invite, "From"), bob.invite)
        ann.hang_up(bob)
        picks_up(bob, carl)
        carl.hang_up(bob)
        picks_up(bob, provider)
        provider.hang_up(bob)
        made = [each for each in test.records("south.test", 5) if each["queues"]]
        expect(sorted((each["caller"]["number"], each["dialled"], each["queues"][0]["outcome"]) for each in made) ==
               [("1001", "600", "answered"), ("493055555", "600", "answered"), ("81001", "600", "answered")], f"{made}")
        own = [each for domain in ("north.test", "top.test") for each in test.records(domain, 1)]
        expect(not any(each["queues"] for each in own), f"{own}")
        nothing_left(server)


if __name__ == "__main__":
    main(everything_is_closed_until_three_agree, the_router_follows_the_ranges, loops_are_cut, ranges_are_handed_down,
         each_domain_sees_its_own_side, both_licences_have_to_have_room, restarted_calls_still_count,
         calls_go_on_to_other_domains, who_decides_how_a_caller_is_shown, transfers_across_domains,
         what_no_domain_has_goes_over_the_callers_trunk, callers_of_other_domains_wait_in_line)
