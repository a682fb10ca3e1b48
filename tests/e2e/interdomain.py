#!/usr/bin/env python3
"""Calls from one domain to another: by the Domain Router and directly, and what must be allowed for them.

    interdomain.py [TEST...]
"""

import os

from calling_phone import CallingPhone, header
from harness import expect, main, running, wait_for
from permissions import As

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
        found = route(server, "north.test", "1001", "71002")
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


if __name__ == "__main__":
    main(everything_is_closed_until_three_agree, the_router_follows_the_ranges, loops_are_cut, ranges_are_handed_down)
