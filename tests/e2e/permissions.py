#!/usr/bin/python3
"""Who may do what: users who sign in, API tokens, grants, the tree of domains, and the audit log of it all. One test
walks every path of the contract with identifiers of another domain."""

import json
import re
import time
import urllib.error
import urllib.request

from calling_phone import CallingPhone, header
from calls import CALLEE_PORT, CALLER_PORT, register
from harness import expect, finish_sipp, main, running, sipp, wait_for
from rest import METHODS, V1, Contract, silence_in_base64

PASSWORD = "correct horse battery"
UNKNOWN = "0" * 31 + "1"


class As:
    """The API with one bearer token."""

    def __init__(self, server, bearer):
        self.server = server
        self.bearer = bearer

    def call(self, method, path, body=None):
        """Status and decoded answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server.url + path, data=data, method=method.upper())
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if self.bearer:
            request.add_header("Authorization", "Bearer " + self.bearer)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        try:
            return status, json.loads(text) if text else None
        except ValueError:
            return status, text.decode()

    def must(self, status, method, path, body=None):
        got, answer = self.call(method, V1 + path, body)
        expect(got == status, f"{method} {path}: {got} {answer}, expected {status}")
        return answer


def sign_in(server, domain, login, password=PASSWORD):
    answer = As(server, None).must(201, "post", "/session",
                                   {"domain": domain, "login": login, "password": password})
    return As(server, answer["token"])


def make_tree(server, second="b.test"):
    """top.test with a.test and a second one below it; in each an account, and users: an administrator ('boss', in top.test for
    the subtree) and one without any right ('nobody')."""
    operator = As(server, server.token())
    ids = {}
    for name in ("top.test", "a.test", second):
        parent = {} if name == "top.test" else {"parent": ids["top.test"]}
        ids[name] = operator.must(201, "post", "/domains", {
            "name": name, "settings": {"digest_algorithms": ["MD5"]}, **parent})["id"]
        for login in ("1001", "1002"):
            operator.must(201, "post", f"/domains/{name}/accounts",
                          {"login": login, "number": login, "password": f"secret-{login}"})
        for login in ("boss", "nobody"):
            ids[f"{login}@{name}"] = operator.must(
                201, "post", f"/domains/{name}/users", {"login": login, "password": PASSWORD})["id"]
        operator.must(201, "post", f"/domains/{name}/grants", {
            "user": ids[f"boss@{name}"], "role": "administrator",
            "scope": "subtree" if name == "top.test" else "domain"})
    return operator, ids


def body_for(path, method):
    if method not in ("put", "post", "patch"):
        return None
    return {"caller": "1001", "dialled": "1002"} if path.endswith("route-test") else {}


def least_of(contract, path):
    """A body with what the contract requires of a new entity, and nothing else."""
    item = contract.document["paths"][path].get("post")
    if item is None:
        return None
    schema = contract.resolve(contract.resolve(item)["requestBody"]["content"]["application/json"]["schema"])
    body = {}
    for name in schema.get("required", []):
        field = contract.resolve(schema["properties"][name])
        kind = field.get("type", "string")
        value = {"integer": field.get("minimum", 1), "number": 1, "boolean": False, "array": [], "object": {}}
        body[name] = field["enum"][0] if "enum" in field else value.get(kind, "99")
    return body


NOT_MADE = ("bindings", "calls")


def one_of_each(operator, contract, domain):
    """Path of a collection in a domain -> id of an entity in it. Those that are not named here, such as are yet to come,
    are made of what the contract requires."""
    bodies = {"accounts": {"login": "1003"}, "users": {"login": "third"}, "tokens": {"name": "program"},
              "number-ranges": {"prefix": "77"}, "dial-rules": {"name": "rule", "dialled": "5*"},
              "schedules": {"name": "office"}, "representations": {"name": "shown"},
              "route-expectations": {"name": "kept", "caller": "1001", "dialled": "1002", "outcome": "account"},
              "ring-groups": {"name": "sales", "number": "300"},
              "feature-codes": {"name": "quiet", "prefix": "*26", "action": "do-not-disturb-on"},
              "queues": {"name": "help", "number": "600"}, "music": {"name": "hum", "file": silence_in_base64()},
              "trunk-groups": {"name": "lines"}, "trunks": {"name": "line", "mode": "peer", "proxies": ["192.0.2.7"]}}
    found = {}
    for path in contract.document["paths"]:
        if not path.startswith(V1 + "/domains/{domain}/") or not path.endswith("/{id}"):
            continue
        collection = path.split("/")[5]
        body = bodies.get(collection)
        if body is None and path.removesuffix("/{id}") in contract.document["paths"]:
            body = least_of(contract, path.removesuffix("/{id}"))
        if body is not None:
            status, _ = operator.call("post", f"{V1}/domains/{domain}/{collection}", body)
            expect(status == 201 or collection not in bodies, f"{collection}: {status}")
        status, page = operator.call("get", f"{V1}/domains/{domain}/{collection}")
        items = page["items"] if status == 200 else []
        found[collection] = items[0].get("id", UNKNOWN) if items else UNKNOWN
    # Grants and devices there are without our doing, or not at all; of all else there is one to be found.
    missing = [each for each, id in found.items() if id == UNKNOWN and each not in NOT_MADE]
    expect(not missing, f"nothing was made of {missing}: the walk would try nothing with them")
    return found


def other_domains_do_not_exist(folder):
    """Every path of the contract, with identifiers of b.test: by the administrator of a.test, by an API token of a.test
    that may do everything there, and, in a.test itself, by a user without rights."""
    with running(folder, accounts=()) as server:
        operator, ids = make_tree(server)
        token = operator.must(201, "post", "/domains/a.test/tokens", {"name": "all"})
        operator.must(201, "post", "/domains/a.test/grants",
                      {"token": token["id"], "rights": ["*:*"], "scope": "subtree"})
        contract = Contract()
        foreign = one_of_each(operator, contract, "b.test")
        boss, nobody = sign_in(server, "a.test", "boss"), sign_in(server, "a.test", "nobody")
        program = As(server, token["token"])
        before = json.dumps([operator.call("get", f"{V1}/domains/b.test/{each}")[1] for each in foreign])
        walked = 0
        for template, method in contract.operations():
            item = contract.document["paths"][template][method]
            path = re.sub(r"\{(?!domain\}|id\})\w+\}", "1001", template)  # what else a path may name
            if item.get("security") == [] or template in ("/metrics", V1 + "/session", V1 + "/bulk"):
                continue
            walked += 1
            body = body_for(path, method)
            where = f"{method.upper()} {path}"
            if path == V1 + "/domains":
                for one in (boss, program):
                    status, answer = one.call(method, path, {"name": "c.test", "parent": ids["b.test"]} if body
                                              is not None else None)
                    shown = [each["name"] for each in answer["items"]] if method == "get" else []
                    expect((status, shown) == (200, ["a.test"]) or status in (403, 422), f"{where}: {status} {answer}")
                expect(nobody.call(method, path, body)[0] in (200, 403), where)
                continue
            if "{domain}" not in path and "/domains/{id}" not in path:
                concrete = path.replace("{id}", UNKNOWN)
                if path.startswith((V1 + "/calls", V1 + "/cdr", V1 + "/audit", V1 + "/route-test")):
                    # Of all domains: what is seen is one's own, and b.test is not there.
                    status, answer = boss.call(method, concrete + "?domain=b.test", body and {**body, "domain": "b.test"})
                    expect(status in (404, 422), f"{where} with ?domain=b.test: {status} {answer}")
                    status, answer = nobody.call(method, concrete, body and {**body, "domain": "a.test"})
                    expect(status in (403, 404, 422), f"{where} without rights: {status} {answer}")
                    continue
                for one in (boss, nobody, program):
                    status, answer = one.call(method, concrete, body)
                    expect(status == 403, f"{where}: {status} {answer}, expected 403")
                continue
            collection = path.split("/")[5] if "{domain}" in path else ""
            entity = foreign.get(collection, UNKNOWN)
            for one in (boss, program):
                answers = []
                for domain in ("b.test", ids["b.test"], "top.test", "nowhere.test", UNKNOWN):
                    concrete = path.replace("{domain}", domain).replace(
                        "{id}", entity if "{domain}" in path else domain)
                    answers.append(one.call(method, concrete, body))
                expect(all(each == answers[0] for each in answers) and answers[0][0] == 404,
                       f"{where} of another domain: {answers}")
                if "{domain}" in path and "{id}" in path:  # one's own domain, another's entity
                    concrete = path.replace("{domain}", "a.test").replace("{id}", entity)
                    unknown = path.replace("{domain}", "a.test").replace("{id}", UNKNOWN)
                    seen, none = one.call(method, concrete, body), one.call(method, unknown, body)
                    expect(seen == none and seen[0] >= 400 or collection in ("bindings",),
                           f"{where} with an id of another domain: {seen}, unknown: {none}")
            own = path.replace("{domain}", "a.test").replace("{id}", UNKNOWN if "{domain}" in path else "a.test")
            status, answer = nobody.call(method, own, body)
            expect(status == 403, f"{where} without rights: {status} {answer}, expected 403")
        after = json.dumps([operator.call("get", f"{V1}/domains/b.test/{each}")[1] for each in foreign])
        expect(before == after, "b.test has changed")
        print(f"        {walked} operations")


def references_to_other_domains_do_not_exist(folder):
    with running(folder, accounts=()) as server:
        operator, ids = make_tree(server)
        boss = sign_in(server, "a.test", "boss")
        made = {"login": "1009", "password": "x"}
        foreign = boss.must(422, "post", "/domains/a.test/accounts", {**made, "user": ids["nobody@b.test"]})
        unknown = boss.must(422, "post", "/domains/a.test/accounts", {**made, "user": UNKNOWN})
        expect(foreign == unknown, f"{foreign} {unknown}")
        foreign = boss.must(422, "post", "/domains/a.test/grants", {"user": ids["nobody@b.test"], "role": "user"})
        unknown = boss.must(422, "post", "/domains/a.test/grants", {"user": UNKNOWN, "role": "user"})
        expect(foreign == unknown, f"{foreign} {unknown}")
        # Whatever names another entity of the domain: b.test's are no more there than those that nobody has.
        theirs = one_of_each(operator, Contract(), "b.test")
        for method, path, field, body in (
                ("post", "ring-groups", "members[0]", lambda id: {"name": "g", "number": "300", "members": [id["accounts"]]}),
                ("post", "queues", "members[0]", lambda id: {"name": "q", "number": "600", "members": [id["accounts"]]}),
                ("post", "feature-codes", "allowed[0]", lambda id: {"name": "f", "prefix": "*30", "action": "listen",
                                                                    "allowed": [id["accounts"]]}),
                ("post", "feature-codes", "schedule", lambda id: {"name": "f", "prefix": "*72", "action": "schedule-closed",
                                                                  "schedule": id["schedules"]}),
                ("post", "dial-rules", "during", lambda id: {"name": "r", "dialled": "9*", "during": id["schedules"]}),
                ("post", "dial-rules", "to_trunk", lambda id: {"name": "r", "dialled": "9*", "action": "trunk",
                                                               "to_trunk": id["trunks"]}),
                ("post", "dial-rules", "to_trunk_group", lambda id: {"name": "r", "dialled": "9*", "action": "trunk",
                                                                     "to_trunk_group": id["trunk-groups"]}),
                ("post", "trunk-groups", "members[0]", lambda id: {"name": "t", "members": [id["trunks"]]}),
                ("post", "grants", "token", lambda id: {"token": id["tokens"], "role": "user"}),
                ("patch", "accounts/1001/services", "secretaries[0]", lambda id: {"secretaries": [id["accounts"]]}),
                ("patch", "accounts/1001/services", "rules[0].schedule", lambda id: {
                    "rules": [{"to": "1002", "schedule": id["schedules"]}]}),
                ("patch", "accounts/1001/agent", "queues[0]", lambda id: {"queues": [id["queues"]]}),
                ("patch", "", "settings.music", lambda id: {"settings": {"music": id["music"]}}),
                ("patch", "", "settings.default_trunk", lambda id: {"settings": {"default_trunk": id["trunks"]}}),
                ("patch", "", "settings.default_trunk_group", lambda id: {
                    "settings": {"default_trunk_group": id["trunk-groups"]}})):
            where = f"/domains/a.test/{path}".rstrip("/")
            before = boss.must(200, "get", where)
            foreign = boss.must(422, method, where, body(theirs))
            unknown = boss.must(422, method, where, body(dict.fromkeys(theirs, UNKNOWN)))
            expect(foreign == unknown and foreign["field"] == field, f"{where} {field}: {foreign} {unknown}")
            expect(boss.must(200, "get", where) == before, f"{where} {field}: something was saved")
        top = sign_in(server, "top.test", "boss")
        outside = operator.must(201, "post", "/domains", {"name": "outside.test"})["id"]
        foreign = top.must(422, "post", "/domains", {"name": "c.test", "parent": outside})
        unknown = top.must(422, "post", "/domains", {"name": "c.test", "parent": UNKNOWN})
        expect(foreign == unknown, f"{foreign} {unknown}")
        foreign = top.must(422, "patch", "/domains/a.test", {"parent": outside})
        unknown = top.must(422, "patch", "/domains/a.test", {"parent": UNKNOWN})
        expect(foreign["field"] == unknown["field"] == "parent", f"{foreign} {unknown}")


def calls_of_other_domains_are_not_seen(folder):
    with running(folder, accounts=()) as server:
        make_tree(server, second="demo.test")
        boss, other = sign_in(server, "demo.test", "boss"), sign_in(server, "a.test", "boss")
        top = sign_in(server, "top.test", "boss")
        register(server, "1002", CALLEE_PORT)
        callee = sipp("callee", server, keys={"user": "1002"}, port=CALLEE_PORT, background=True)
        time.sleep(0.3)  # SIPp opens its socket
        caller = sipp("caller_waits", server, keys={"user": "1001", "callee": "1002"}, port=CALLER_PORT,
                      background=True)
        call = wait_for(lambda: boss.must(200, "get", "/calls")["items"], "the call is listed")[0]["id"]
        expect(not other.must(200, "get", "/calls")["items"], "another domain's list shows the call")
        for path in (f"/calls/{call}", f"/calls/{call}/trace", f"/domains/a.test/calls/{call}"):
            other.must(404, "get", path)
        other.must(404, "delete", f"/calls/{call}")
        top.must(200, "get", f"/calls/{call}")
        boss.must(204, "delete", f"/calls/{call}")
        for each in (caller, callee):
            finish_sipp(each)
        wait_for(lambda: any(each["action"] == "done" and call in each["what"]
                             for each in boss.must(200, "get", "/audit")["items"]), "the hang-up is in the log")


def calls_into_other_domains_end_at_the_border(folder):
    """By SIP, whatever a phone of a.test tries: b.test has consented to nothing. Its phones hear of none of it."""
    with running(folder, accounts=()) as server:
        operator, ids = make_tree(server)
        operator.must(201, "post", "/domains/a.test/accounts", {"login": "spy", "number": "1009", "password": "secret-spy"})
        operator.must(201, "post", "/domains/b.test/accounts", {"login": "3003", "number": "3003", "password": "secret-3003"})
        boss = sign_in(server, "a.test", "boss")
        with CallingPhone(server, "spy", 5100, domain="a.test") as spy, \
                CallingPhone(server, "1001", 5110, domain="a.test") as ann, \
                CallingPhone(server, "3003", 5120, domain="b.test") as bob, \
                CallingPhone(server, "1001", 5130, domain="b.test") as carl, \
                CallingPhone(server, "spy", 5140, domain="b.test") as intruder:
            for phone in (spy, ann, bob, carl):
                phone.register()

            def refused(response, what):
                expect(response is not None and 400 <= int(response[8:11]) < 700, f"{what}: {response}")
                return int(response[8:11])

            def invited(phone, uri, lines=""):
                response = phone.ask("INVITE", uri, lines, phone.sdp())
                response = response or phone.wait_response(phone.last_request)
                phone.acknowledge_failure(phone.last_request, response)
                return refused(response, f"{phone.user}@{phone.domain} to {uri}")
            # With the credentials of a.test there is nothing to be had of b.test, under either name.
            expect(intruder.try_register() >= 400, "a login of a.test registers at b.test")
            for phone in (spy, intruder):
                for uri in ("sip:3003@b.test", "sip:1001@b.test", "sip:3003@b.test;transport=udp"):
                    invited(phone, uri)
                    refused(phone.ask("MESSAGE", uri, "", "hello", "text/plain"), "a MESSAGE")
                    refused(phone.ask("SUBSCRIBE", uri, "Event: dialog\r\nExpires: 60\r\n"), "a SUBSCRIBE")
            expect(invited(spy, "sip:3003@a.test") == 404, "its numbers are not a.test's")
            # Whatever the administrator of a.test sets up there.
            status, _ = boss.call("post", V1 + "/domains/a.test/dial-rules", {
                "name": "away", "dialled": "7*", "action": "domain", "to_domain": ids["b.test"],
                "called_number": {"strip": 1}})
            if status == 201:
                boss.must(201, "post", "/domains/a.test/representations", {"name": "all", "scope": "inner"})
                expect(invited(spy, "sip:73003@a.test") == 403, "one consent of three")
            boss.must(201, "post", "/domains/a.test/dial-rules", {"name": "world", "dialled": "+*", "action": "router"})
            expect(invited(spy, "sip:+493003@a.test") in (403, 404), "by the router")
            for target in ("3003", "73003"):
                boss.must(200, "patch", "/domains/a.test/accounts/1002/services", {"forward_always": target})
                expect(invited(spy, "sip:1002@a.test") in (403, 404), f"forwarded to {target}")
            line = operator.must(201, "post", "/domains/b.test/trunks",
                                 {"name": "line", "mode": "peer", "proxies": ["127.0.0.9"]})
            boss.must(422, "patch", "/domains/a.test", {"settings": {"default_trunk": line["id"]}})
            # Into a call of b.test: by picking up, by taking a place, by a transfer.
            carl.begin_call("3003")
            invite = bob.wait_request("INVITE")
            bob.respond(invite, "180 Ringing")
            for number in ("*8", "*83003"):
                expect(invited(spy, f"sip:{number}@a.test") in (404, 480), f"picked up by {number}")
            ringing = carl.wait_response(carl.last_request, least=180)
            tags = [re.search(r"tag=([^;>\s]+)", header(ringing, each)).group(1) for each in ("To", "From")]
            invited(spy, "sip:3003@a.test", f"Replaces: {header(ringing, 'Call-ID')};to-tag={tags[0]};from-tag={tags[1]}\r\n")
            to = bob.respond(invite, "200 OK", "", bob.sdp())
            bob.dialog = {"call": header(invite, "Call-ID"), "cseq": 0, "from": to, "to": header(invite, "From"),
                          "target": bob.target_of(invite)}
            carl.finish_call()
            bob.wait_request("ACK")
            spy.call("1001", ann)
            for target in ("<sip:3003@b.test>", f"<sip:3003@b.test?Replaces={header(ringing, 'Call-ID')}>"):
                request = spy.in_dialog("REFER", f"Refer-To: {target}\r\n")
                refused(spy.wait_response(request), f"a REFER to {target}")
            spy.hang_up(ann)
            carl.hang_up(bob)
            for phone in (bob, carl):
                heard = [each.split("\r\n")[0] for each in phone.pending if not each.startswith("SIP/2.0")]
                expect(not heard, f"{phone.user}@b.test heard {heard}")
        calls = [each for each in operator.must(200, "get", "/domains/b.test/cdr")["items"]
                 if each["caller"]["number"] != "1001" or each["result"] != "answered"]
        expect(not [each for each in calls if each["legs"] and any(leg["side"] == "callee" for leg in each["legs"])],
               f"{calls}")


def sessions_and_tokens_end(folder):
    with running(folder, accounts=()) as server:
        operator, ids = make_tree(server)
        nobody_at_all = As(server, None)
        for wrong in ({"login": "boss", "password": "wrong"}, {"login": "ghost", "password": PASSWORD},
                      {"domain": "nowhere.test", "login": "boss", "password": PASSWORD}):
            answer = nobody_at_all.must(401, "post", "/session", {"domain": "a.test", **wrong})
            expect("do not belong together" in answer["detail"], f"{answer}")
        times = []
        for login in ("boss", "ghost"):
            began = time.monotonic()
            for _ in range(3):
                nobody_at_all.must(401, "post", "/session", {"domain": "a.test", "login": login, "password": "wrong"})
            times.append(time.monotonic() - began)
        expect(max(times) < 3 * min(times), f"known and unknown users differ in time: {times}")
        one, two = sign_in(server, "a.test", "boss"), sign_in(server, "a.test", "boss")
        who = one.must(200, "get", "/session")
        expect(who["name"] == "boss@a.test" and "accounts:write" in who["rights"] and not who["rights_below"], f"{who}")
        expect(As(server, one.bearer[:-1] + ("0" if one.bearer[-1] != "0" else "1")).call(
            "get", V1 + "/session")[0] == 401, "a forged session")
        one.must(204, "delete", "/session")
        one.must(401, "get", "/session")
        two.must(401, "get", "/domains/a.test")
        # After five wrong ones from an address its right one doesn't help either; others may go on.
        for password in ["wrong"] * 5:
            nobody_at_all.must(401, "post", "/session", {"domain": "a.test", "login": "nobody", "password": password})
        answer = nobody_at_all.must(429, "post", "/session", {"domain": "A.test", "login": "nobody", "password": PASSWORD})
        expect("too many wrong passwords" in answer["detail"], f"{answer}")
        again = sign_in(server, "a.test", "boss")
        operator.must(200, "patch", "/domains/a.test/users/boss", {"password": "another password"})
        again.must(401, "get", "/domains/a.test")
        again = sign_in(server, "a.test", "boss", "another password")
        operator.must(200, "patch", "/domains/a.test/users/boss", {"enabled": False})
        again.must(401, "get", "/domains/a.test")
        operator.must(200, "patch", "/domains/a.test/users/boss", {"enabled": True})
        again.must(401, "get", "/domains/a.test")

        made = operator.must(201, "post", "/domains/a.test/tokens", {"name": "program"})
        program = As(server, made["token"])
        expect("token" not in operator.must(200, "get", "/domains/a.test/tokens/program"), "shown once")
        program.must(403, "get", "/domains/a.test/accounts")
        operator.must(201, "post", "/domains/a.test/grants", {"token": made["id"], "rights": ["accounts:read"]})
        program.must(200, "get", "/domains/a.test/accounts")
        program.must(403, "post", "/domains/a.test/accounts", {"login": "1009"})
        operator.must(200, "patch", "/domains/a.test/tokens/program", {"enabled": False})
        program.must(401, "get", "/domains/a.test/accounts")
        operator.must(200, "patch", "/domains/a.test/tokens/program",
                      {"enabled": True, "expires_utc_ms": int(time.time() * 1000) + 1500})
        program.must(200, "get", "/domains/a.test/accounts")
        wait_for(lambda: program.call("get", V1 + "/domains/a.test/accounts")[0] == 401, "the token expires", 5)
        # Restarted, the server knows sessions and tokens of before.
        last = sign_in(server, "b.test", "boss")
        server.stop()
        server.start()
        last.must(200, "get", "/domains/b.test/accounts")
        expect(ids, "")


def nobody_gets_more_than_he_has(folder):
    with running(folder, accounts=()) as server:
        operator, ids = make_tree(server)
        clerk_id = operator.must(201, "post", "/domains/a.test/users", {"login": "clerk", "password": PASSWORD})["id"]
        mine = operator.must(201, "post", "/domains/a.test/grants",
                             {"user": clerk_id, "rights": ["grants:write", "users:write", "accounts:write"]})["id"]
        clerk = sign_in(server, "a.test", "clerk")
        own = {"user": ids["nobody@a.test"]}
        clerk.must(201, "post", "/domains/a.test/grants", {**own, "rights": ["accounts:read"]})
        refused = clerk.must(403, "post", "/domains/a.test/grants", {**own, "rights": ["tokens:write"]})
        expect(refused["field"] == "rights", f"{refused}")
        refused = clerk.must(403, "post", "/domains/a.test/grants", {**own, "role": "administrator"})
        expect(refused["field"] == "role", f"{refused}")
        refused = clerk.must(403, "post", "/domains/a.test/grants",
                             {**own, "rights": ["accounts:read"], "scope": "subtree"})
        expect(refused["field"] == "scope", f"{refused}")
        clerk.must(403, "patch", f"/domains/a.test/grants/{mine}", {"role": "administrator"})
        boss_grant = next(each["id"] for each in clerk.must(200, "get", "/domains/a.test/grants")["items"]
                          if each["role"] == "administrator")
        clerk.must(403, "delete", f"/domains/a.test/grants/{boss_grant}")
        refused = clerk.must(403, "patch", "/domains/a.test/users/boss", {"password": "mine from now on"})
        expect(refused["field"] == "password", f"{refused}")
        clerk.must(200, "patch", "/domains/a.test/users/nobody", {"password": "a new password"})
        for wrong, field in (({"rights": ["accounts"]}, "rights[0]"), ({"rights": ["cars:read"]}, "rights[0]"),
                             ({"rights": ["accounts:read", "accounts:fly"]}, "rights[1]"), ({}, "rights")):
            answer = operator.must(422, "post", "/domains/a.test/grants", {**own, **wrong})
            expect(answer["field"] == field, f"{answer}")
        operator.must(422, "post", "/domains/a.test/grants", {"role": "user"})


def parents_rule_children(folder):
    with running(folder, accounts=()) as server:
        operator, ids = make_tree(server)
        top, boss = sign_in(server, "top.test", "boss"), sign_in(server, "a.test", "boss")
        made = top.must(201, "post", "/domains", {"name": "c.test", "parent": ids["top.test"]})
        top.must(201, "post", "/domains", {"name": "d.test", "parent": made["id"]})
        top.must(200, "patch", "/domains/c.test/licence", {"accounts_max": 5})
        top.must(201, "post", "/domains/d.test/users", {"login": "admin", "password": PASSWORD})
        top.must(204, "delete", "/domains/d.test/users/admin")
        names = [each["name"] for each in top.must(200, "get", "/domains")["items"]]
        expect(names == ["a.test", "b.test", "c.test", "d.test", "top.test"], f"{names}")
        top.must(422, "post", "/domains", {"name": "e.test"})
        for change in ({"name": "z.test"}, {"settings": {"blocked": True}}, {"parent": None}):
            refused = boss.must(403, "patch", "/domains/a.test", change)
            expect(refused["field"] in ("name", "settings.blocked", "parent"), f"{refused}")
        boss.must(200, "patch", "/domains/a.test", {"settings": {"ring_timeout_s": 30}})
        boss.must(403, "patch", "/domains/a.test/licence", {"accounts_max": 1000})
        boss.must(200, "get", "/domains/a.test/licence")
        boss.must(403, "delete", "/domains/a.test")
        boss.must(403, "post", "/domains", {"name": "e.test", "parent": ids["a.test"]})
        # Blocked is blocked, all the way down.
        top.must(200, "patch", "/domains/a.test", {"settings": {"blocked": True}})
        boss.must(403, "get", "/domains/a.test")
        As(server, None).must(403, "post", "/session",
                              {"domain": "a.test", "login": "boss", "password": PASSWORD})
        top.must(200, "patch", "/domains/a.test", {"settings": {"blocked": False}})
        boss.must(200, "get", "/domains/a.test")
        operator.must(200, "patch", "/domains/top.test", {"settings": {"blocked": True}})
        boss.must(403, "get", "/domains/a.test")


def the_log_tells_all(folder):
    with running(folder, accounts=()) as server:
        operator, _ = make_tree(server)
        boss, nobody = sign_in(server, "a.test", "boss"), sign_in(server, "a.test", "nobody")
        boss.must(201, "post", "/domains/a.test/accounts", {"login": "1009", "password": "hidden-away"})
        boss.must(200, "patch", "/domains/a.test/accounts/1009", {"display_name": "Nine", "password": "hidden-too"})
        boss.must(204, "delete", "/domains/a.test/accounts/1009")
        for _ in range(3):
            nobody.must(403, "get", "/domains/a.test/accounts")
        boss.must(404, "get", "/domains/b.test/accounts")

        def log(query=""):
            return boss.must(200, "get", "/domains/a.test/audit" + query)["items"]

        wait_for(lambda: any(each["action"] == "refused" and each["actor"] == "boss@a.test" for each in log()),
                 "refusals are in the log")
        entries = log("?limit=1000")
        text = json.dumps(entries)
        for secret in ("hidden", "password_hash", "credentials", "argon2", "kept", PASSWORD):
            expect(secret not in text, f"the log shows {secret}")
        about = [each for each in entries if each.get("name") == "1009"]
        expect([each["action"] for each in about] == ["remove", "change", "create"], f"{about}")
        remove, change, create = about
        expect("before" not in create and create["after"]["login"] == "1009", f"{create}")
        expect(change["before"]["display_name"] == "" and change["after"]["display_name"] == "Nine", f"{change}")
        expect("after" not in remove and remove["before"]["display_name"] == "Nine", f"{remove}")
        expect(all(each["actor"] == "boss@a.test" and each["address"].startswith("127.0.0.1") for each in about), "")
        refused = [each for each in entries if each["action"] == "refused"]
        expect(sum(each.get("count", 1) for each in refused if each["actor"] == "nobody@a.test") == 3, f"{refused}")
        expect(any(each["actor"] == "boss@a.test" and "b.test" in each["what"] for each in refused), f"{refused}")
        expect(any(each["action"] == "sign-in" for each in entries), "sign-ins are in the log")
        # Pages, and what narrows it.
        paged, path = [], "/domains/a.test/audit?limit=3"
        while True:
            page = boss.must(200, "get", path)
            paged += page["items"]
            if not page["next"]:
                break
            path = "/domains/a.test/audit?limit=3&after=" + page["next"]
        expect([each["id"] for each in paged][-len(entries):] == [each["id"] for each in entries], "pages")
        expect(len(log("?entity=" + create["entity"])) == 3, "by entity")
        expect(all(each["kind"] == "account" for each in log("?kind=account")), "by kind")
        expect(not log("?to=1000"), "by time")
        whole = operator.must(200, "get", "/audit?limit=1000")["items"]
        expect(len(whole) > len(entries) and any(each.get("name") == "b.test" for each in whole), "the operator's view")
        # Killed at any moment, no change is without its record.
        made = set()
        for number in range(30):
            boss.must(201, "post", "/domains/a.test/accounts", {"login": f"k{number}"})
            made.add(f"k{number}")
        server.kill()
        server.start()
        wait_for(lambda: made <= {each.get("name") for each in log("?limit=1000&kind=account")},
                 "the records of all changes")


if __name__ == "__main__":
    main(other_domains_do_not_exist, references_to_other_domains_do_not_exist, calls_of_other_domains_are_not_seen,
         calls_into_other_domains_end_at_the_border, sessions_and_tokens_end, nobody_gets_more_than_he_has, parents_rule_children, the_log_tells_all)
