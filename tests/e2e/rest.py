#!/usr/bin/python3
"""The API against its contract: every path and method of api/openapi.yaml is called, with success and with
the errors that it documents, and every answer is checked against its schema."""

import base64
import io
import json
import os
import time
import urllib.error
import urllib.request
import wave

import jsonschema
import yaml

from calls import CALLEE_PORT, CALLER_PORT, register
from harness import ROOT, expect, finish_sipp, main, running, sipp, wait_for

METHODS = ("get", "put", "post", "patch", "delete")


def absolute(node, base):
    """The same with references that do not depend on the file they stand in."""
    if isinstance(node, list):
        return [absolute(each, base) for each in node]
    if not isinstance(node, dict):
        return node
    return {key: base + value if key == "$ref" else absolute(value, base) for key, value in node.items()}


class Contract:
    """api/openapi.yaml, and which of its operations have succeeded."""

    def __init__(self):
        with open(os.path.join(ROOT, "api", "openapi.yaml"), encoding="utf-8") as file:
            self.document = yaml.safe_load(file)
        base = "https://tandem.test/api/"
        store = {base + "openapi.yaml": self.document}
        for name in ("schemas.json", "paths.json"):
            with open(os.path.join(ROOT, "api", name), encoding="utf-8") as file:
                store[base + name] = json.load(file)
        self.resolver = jsonschema.RefResolver(base + "openapi.yaml", self.document, store=store)
        for path, item in self.document["paths"].items():
            if "$ref" in item:
                self.document["paths"][path] = absolute(self.resolver.resolve(item["$ref"])[1], base)
        self.succeeded = set()

    def operations(self):
        return [(path, method) for path, item in self.document["paths"].items()
                for method in METHODS if method in item]

    def resolve(self, node):
        while "$ref" in node:
            node = self.resolver.resolve(node["$ref"])[1]
        return node

    def check(self, path, method, answer):
        """That the answer is one that the contract has for this operation."""
        where = f"{method.upper()} {path} answered {answer.status}"
        responses = self.document["paths"][path][method]["responses"]
        response = responses.get(str(answer.status)) or responses.get("default")
        expect(response, f"{where}, which is not documented")
        expect(str(answer.status) in responses or answer.status >= 400, f"{where}, not documented as success")
        if answer.status < 400:
            self.succeeded.add((path, method))
        response = self.resolve(response)
        for name in response.get("headers", {}):
            expect(answer.headers.get(name), f"{where} without {name}")
        content = response.get("content", {})
        if not content:
            return expect(not answer.body, f"{where} with a body")
        kind = answer.headers.get("Content-Type", "").split(";")[0]
        expect(kind in content, f"{where} as {kind}, documented are {list(content)}")
        if kind.endswith("json"):
            schema = content[kind]["schema"]
            lines = answer.body.splitlines() if kind.endswith("ndjson") else [answer.body]
            validator = jsonschema.Draft202012Validator(schema, resolver=self.resolver)
            errors = [error for line in lines for error in validator.iter_errors(json.loads(line))]
            expect(not errors, f"{where}: {[e.message for e in errors][:3]}: {answer.body[:500]}")
        return None


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Api:
    def __init__(self, server):
        self.server = server
        self.contract = Contract()

    def raw(self, method, path, body=None, headers=None, token=True):
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.server.url + path, data=data, method=method.upper())
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", "Bearer " + self.server.token())
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def call(self, method, template, status, body=None, query="", headers=None, **names):
        """Calls an operation of the contract and checks the answer against it."""
        path = template
        for name, value in names.items():
            path = path.replace("{" + name + "}", value)
        answer = self.raw(method, path + query, body, headers)
        expect(answer.status == status, f"{method.upper()} {path}{query}: {answer.status}, expected {status}: "
                                        f"{answer.body[:300]}")
        self.contract.check(template, method, answer)
        return answer

    def problem(self, method, template, status, field=None, **options):
        answer = self.call(method, template, status, **options)
        document = answer.json()
        expect(document["status"] == status, f"{document}")
        if field is not None:
            named = document.get("field", "")
            expect(field in (named, named.split("[")[0]), f"{method} {template}: field {field} expected: {document}")
        return document


V1 = "/api/v1"


def entity_cycle(api, collection, item, body, change, wrong, **names):
    """Create, list, read, change, replace and remove one entity, with its ETag; then what goes wrong."""
    made = api.call("post", collection, 201, body, **names)
    one = {**names, "id": made.json()["id"]}
    expect(made.headers["Location"].endswith("/" + one["id"]), f"Location: {made.headers['Location']}")
    expect(one["id"] in [each["id"] for each in api.call("get", collection, 200, **names).json()["items"]],
           "the list has it")
    etag = api.call("get", item, 200, **one).headers["ETag"]
    for header in (etag, f'"x", {etag}', "*", "W/" + etag):
        same = api.call("get", item, 304, headers={"If-None-Match": header}, **one)
        expect(not same.body, "304 has no body")
    api.call("get", item, 200, headers={"If-None-Match": '"x"'}, **one)
    fresh = api.call("patch", item, 200, change, headers={"If-Match": etag}, **one)
    expect(fresh.headers["ETag"] != etag, "a change makes another version")
    for name, value in change.items():
        expect(fresh.json()[name] == value, f"{name} has changed: {fresh.body}")
    for method, sent in (("patch", change), ("put", body), ("delete", None)):
        api.problem(method, item, 412, body=sent, headers={"If-Match": etag}, **one)
    api.call("put", item, 200, body, headers={"If-Match": fresh.headers["ETag"]}, **one)
    api.call("patch", item, 200, change, headers={"If-Match": "*"}, **one)

    for method, path, extra in (("post", collection, {}), ("patch", item, {"id": one["id"]}),
                                ("put", item, {"id": one["id"]})):
        api.problem(method, path, 400, body=b'{"a":', **{**names, **extra})
        api.problem(method, path, 422, body={**body, "no_such_field": 1}, field="no_such_field", **{**names, **extra})
        answer = api.call(method, path, 415, body=b"a=1",
                          headers={"Content-Type": "application/x-www-form-urlencoded"}, **{**names, **extra})
        expect(answer.json()["status"] == 415, "a problem document")
        # Under another name, as that of the first one is taken.
        base = {**body, "name": body["name"] + "2"} if method == "post" and "name" in body else body
        for field, value in wrong.items():
            api.problem(method, path, 422, body={**base, field: value}, field=field, **{**names, **extra})
    for method, sent in (("get", None), ("patch", change), ("put", body), ("delete", None)):
        api.problem(method, item, 404, body=sent, **{**one, "id": "0" * 32})
    api.call("delete", item, 204, **one)
    api.problem("get", item, 404, **one)
    api.problem("get", collection, 422, query="?limit=0", field="limit", **names)
    api.problem("get", collection, 422, query="?limit=1001", field="limit", **names)


def pages(api, collection, expected_min, **names):
    """Page by page gives what one page gives, each once."""
    whole = api.call("get", collection, 200, query="?limit=1000", **names).json()
    expect(whole["next"] is None and len(whole["items"]) >= expected_min, f"{collection}: {whole}")
    found, after, rounds = [], "", 0
    while True:
        page = api.call("get", collection, 200, query=f"?limit=2{after}", **names).json()
        # A page of bindings holds whole accounts.
        expect(len(page["items"]) <= 2 or "bindings" in collection, "no more than asked")
        found += page["items"]
        rounds += 1
        if page["next"] is None:
            break
        after = "&after=" + urllib.request.quote(page["next"], safe="")
    key = "contact" if "bindings" in collection else "id"
    expect([each[key] for each in found] == [each[key] for each in whole["items"]],
           f"{collection}: pages differ from the whole: {found}")
    expect(rounds >= (expected_min + 1) // 2, f"{collection}: {rounds} pages")


def silence_in_base64():
    with io.BytesIO() as file:
        with wave.open(file, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(bytes(3200))
        return base64.b64encode(file.getvalue()).decode()


def entities(api):
    server = api.call("get", V1 + "/servers", 200).json()["items"][0]
    entity_cycle(api, V1 + "/domains", V1 + "/domains/{id}", {"name": "a.test"},
                 {"name": "b.test"}, {"name": "UPPER case", "settings": 5})
    entity_cycle(api, V1 + "/sites", V1 + "/sites/{id}", {"name": "north"}, {"description": "x"},
                 {"number": 1000})
    entity_cycle(api, V1 + "/servers", V1 + "/servers/{id}", {"name": "s2", "site": server["site"]},
                 {"enabled": False}, {"link_address": "x y", "site": "1" * 32})
    server_tokens(api, server)
    entity_cycle(api, V1 + "/interfaces", V1 + "/interfaces/{id}",
                 {"name": "eth9", "server": server["id"], "address": "127.0.0.9", "serves_signalling": False,
                  "serves_media": False, "serves_web": False},
                 {"advertised_address": "192.0.2.7"},
                 {"address": "::1", "advertised_address": "2001:db8::1", "server": "1" * 32})
    entity_cycle(api, V1 + "/roles", V1 + "/roles/{id}",
                 {"role": "B2B", "server": server["id"], "number": 900}, {"weight": 50},
                 {"weight": 1001, "interfaces": ["x"], "sip_gate": {}})
    tree = api.call("post", V1 + "/domains", 201, {"name": "tree.test"}).json()["id"]
    entity_cycle(api, V1 + "/domain-groups", V1 + "/domain-groups/{id}", {"root": tree, "sr": 1}, {"cs": 1},
                 {"sr": 0, "cs": "x"})
    demo = {"domain": "demo.test"}
    inside = V1 + "/domains/{domain}/"
    entity_cycle(api, inside + "accounts", inside + "accounts/{id}",
                 {"login": "2001", "number": "2001", "password": "x"}, {"display_name": "Anna"},
                 {"login": "a b", "number": "x", "user": "1" * 32, "contacts_max": 0}, **demo)
    entity_cycle(api, inside + "users", inside + "users/{id}", {"login": "anna"}, {"email": "a@a.test"},
                 {"email": "nobody", "login": ""}, **demo)
    entity_cycle(api, inside + "number-ranges", inside + "number-ranges/{id}", {"prefix": "3"},
                 {"description": "three"}, {"prefix": "x", "kind": "odd"}, **demo)
    entity_cycle(api, inside + "dial-rules", inside + "dial-rules/{id}", {"name": "zero", "dialled": "0*"},
                 {"order": 7}, {"dialled": "1[", "caller": "x", "action": "odd"}, **demo)
    api.call("get", inside + "dial-rules/check", 200, **demo)
    api.call("get", inside + "queue-states", 200, **demo)
    entity_cycle(api, inside + "representations", inside + "representations/{id}",
                 {"name": "outside", "number": {"prefix": "+4930"}}, {"order": 7},
                 {"caller": "1[", "scope": "odd", "other_domain": "1" * 32}, **demo)
    entity_cycle(api, inside + "route-expectations", inside + "route-expectations/{id}",
                 {"name": "sales", "caller": "1001", "dialled": "1002", "outcome": "account"}, {"target": "1002"},
                 {"outcome": "odd", "caller": "", "sip_status": 200}, **demo)
    api.call("get", inside + "route-expectations/check", 200, **demo)
    entity_cycle(api, inside + "schedules", inside + "schedules/{id}",
                 {"name": "office", "hours": [{"days": ["mon"], "from": "08:00", "to": "17:00"}]},
                 {"time_zone": "Europe/Berlin"}, {"time_zone": "Europe/Nowhere", "hours": 5}, **demo)
    entity_cycle(api, inside + "ring-groups", inside + "ring-groups/{id}", {"name": "sales", "number": "300"},
                 {"strategy": "random"}, {"strategy": "loud", "ring_s": 0}, **demo)
    entity_cycle(api, inside + "queues", inside + "queues/{id}", {"name": "help", "number": "600"},
                 {"strategy": "random"}, {"strategy": "loud", "ring_s": 0}, **demo)
    entity_cycle(api, inside + "feature-codes", inside + "feature-codes/{id}",
                 {"name": "quiet", "prefix": "*26", "action": "do-not-disturb-on"}, {"prefix": "*27"},
                 {"prefix": "x", "action": "sing"}, **demo)
    entity_cycle(api, inside + "music", inside + "music/{id}", {"name": "hum", "file": silence_in_base64()},
                 {"name": "tune"}, {"file": "UklGRg==", "name": "UPPER case"}, **demo)
    account = {**demo, "id": "1001"}
    entity_cycle(api, inside + "trunks", inside + "trunks/{id}",
                 {"name": "line", "mode": "peer", "proxies": ["192.0.2.7", "192.0.2.8:5080;tcp"]},
                 {"incoming_number": "1001"}, {"mode": "sell", "ping_s": -1, "proxies": "192.0.2.7"}, **demo)
    entity_cycle(api, inside + "trunk-groups", inside + "trunk-groups/{id}", {"name": "lines", "members": []},
                 {"order": "spread"}, {"order": "random"}, **demo)
    for path, change, wrong in ((inside + "licence", {"accounts_max": 50}, {"users_max": -1}),
                                (inside + "accounts/{id}/services", {"forward_busy": "1002"}, {"forward_always": "1001"}),
                                (inside + "accounts/{id}/agent", {"logged_in": True}, {"paused": "perhaps"}),
                                (V1 + "/settings", {"user_agent": "Acme"}, {"hep_target": "nowhere"})):
        names = account if "{id}" in path else demo if "{domain}" in path else {}
        old = api.call("get", path, 200, **names).headers["ETag"]
        changed = api.call("patch", path, 200, change, **names)
        api.problem("patch", path, 412, body=change, headers={"If-Match": old}, **names)
        api.call("put", path, 200, change, headers={"If-Match": changed.headers["ETag"]}, **names)
        for field in wrong:
            for method in ("put", "patch"):
                api.problem(method, path, 422, body=wrong, field=field, **names)


def server_tokens(api, server):
    path = V1 + "/servers/tokens"
    api.problem("post", path, 409, body={}, field="link_address")
    api.call("patch", V1 + "/servers/{id}", 200, {"link_address": "127.0.0.1:7200"}, id=server["id"])
    token = api.call("post", path, 201, {"server": "s3", "valid_s": 60}).json()
    expect(token["server"] == "s3" and token["valid_s"] == 60, f"a token: {token}")
    expect(api.call("post", path, 201, {}).json()["server"] is None, "for any server")
    for body, field, status in (({"valid_s": 0}, "valid_s", 422), ({"valid_s": 604801}, "valid_s", 422),
                                ({"server": 5}, "server", 422), ({"server": "UPPER"}, "server", 422),
                                ({"server": server["name"]}, "server", 409), ({"colour": 1}, "colour", 422)):
        api.problem("post", path, status, body=body, field=field)
    api.problem("post", V1 + "/servers", 409, body={"name": "s3", "site": server["site"],
                                                    "link_address": "127.0.0.1:7300"}, field="link_address")


def plans(api):
    path = V1 + "/plan"
    shown = api.call("get", path, 200)
    etag = shown.headers["ETag"]
    api.call("get", path, 304, headers={"If-None-Match": etag})
    document = {"roles": shown.json()["roles"]}
    judged = api.call("post", path, 200, document)
    expect(judged.headers["ETag"] == etag and not judged.json()["changes"], "what is there changes nothing")
    document["roles"].append({"role": "B2B", "server": document["roles"][0]["server"], "number": 910})
    changed = api.call("put", path, 200, document, headers={"If-Match": etag})
    expect([each["kind"] for each in changed.json()["changes"]] == ["start"], f"{changed.json()['changes']}")
    api.problem("put", path, 412, body=document, headers={"If-Match": etag})
    document["roles"][-1]["number"] = next(each for each in document["roles"] if each["role"] == "B2B")["number"]
    expect(api.call("post", path, 200, document).json()["findings"][0]["severity"] == "error", "judged, not refused")
    api.problem("put", path, 409, body=document, field=f"roles[{len(document['roles']) - 1}].number")
    for method in ("post", "put"):
        api.problem(method, path, 422, body={"roles": [{"colour": 1}]}, field="roles[0].role")
    document["roles"].pop()
    api.call("put", path, 200, document)


def events(api):
    path = V1 + "/events"

    def read(query=""):
        return api.call("get", path, 200, query=query).json()

    def read_in_peace():
        """What happens meanwhile may stand anywhere among the last ones, as the roles tell it one after the other."""
        seen = read()
        ids = [each["id"] for each in seen["items"]]
        parts = [read(f"?since={seen['next']}"), read(f"?since={ids[0]}&limit=2"), read("?limit=1")]
        settled = any(each["kind"] == "stopped" for each in seen["items"]) and read() == seen
        return (seen, ids, *parts) if settled else None
    seen, ids, none, later, last = wait_for(read_in_peace, "a role stopped, and nothing happens")
    expect(ids == sorted(ids) and seen["next"] == ids[-1], f"the newest last: {seen}")
    expect(none["items"] == [], "nothing since")
    expect(later["items"] == seen["items"][1:3], f"the first ones since {ids[:4]}: {later}")
    expect(last["items"] == seen["items"][-1:], f"the last one: {last}")
    for query, field in (("?since=x", "since"), ("?limit=0", "limit")):
        api.problem("get", path, 422, query=query, field=field)


def rules_between_entities(api):
    demo = {"domain": "demo.test"}
    inside = V1 + "/domains/{domain}/"
    api.problem("post", V1 + "/domains", 409, body={"name": "demo.test"}, field="name")
    api.problem("post", inside + "accounts", 409, body={"login": "1001"}, field="login", **demo)
    api.problem("post", inside + "accounts", 409, body={"login": "9", "number": "1001"}, field="number", **demo)
    api.problem("patch", V1 + "/domains/{id}", 403, body={"realm": "other"}, field="realm", id="demo.test")
    api.problem("post", inside + "accounts", 404, body={"login": "9"}, field="domain", domain="no.test")
    api.problem("post", inside + "accounts", 422, body={}, field="login", **demo)
    server = api.call("get", V1 + "/servers", 200).json()["items"][0]
    api.problem("post", V1 + "/roles", 409, field="media_gate.rtp_port_min",
                body={"role": "MG", "server": server["id"], "number": 901})
    api.problem("delete", V1 + "/servers/{id}", 409, id=server["id"])
    api.call("patch", inside + "licence", 200, {"accounts_max": 2}, **demo)
    api.problem("post", inside + "accounts", 403, body={"login": "9"}, **demo)
    api.call("patch", inside + "licence", 200, {"accounts_max": None}, **demo)


def paging(api):
    for number in range(5):
        api.call("post", V1 + "/domains", 201, {"name": f"page{number}.test"})
        for kind, body in (("accounts", {"login": f"p{number}"}), ("users", {"login": f"p{number}"}),
                           ("number-ranges", {"prefix": f"8{number}"}),
                           ("dial-rules", {"name": f"r{number}"})):
            api.call("post", V1 + "/domains/{domain}/" + kind, 201, body, domain="page0.test")
    for path in ("/domains", "/roles"):
        pages(api, V1 + path, 5)
    for path in ("accounts", "users", "number-ranges", "dial-rules"):
        pages(api, V1 + "/domains/{domain}/" + path, 5, domain="page0.test")


def live(api):
    """Bindings, a call under way, its end and its record."""
    server = api.server
    demo = {"domain": "demo.test"}
    inside = V1 + "/domains/{domain}/"
    api.call("post", inside + "trunks", 201, {"name": "peer", "mode": "peer", "proxies": ["127.0.0.1:5999"]}, **demo)
    wait_for(lambda: [each["name"] for each in
                      api.call("get", inside + "trunk-states", 200, **demo).json()["items"]] == ["peer"], "its state")
    for port in range(5270, 5273):
        register(server, "1001", port)
        register(server, "1002", port + 10)
    pages(api, inside + "bindings", 4, **demo)
    api.call("delete", inside + "bindings/{id}", 204, id="1002", **demo)
    one = api.call("get", inside + "bindings/{id}", 200, id="1001", **demo).json()["items"]
    expect(len(one) == 3, f"three contacts: {one}")
    api.call("delete", inside + "bindings/{id}", 204, id="1001", **demo,
             query="?contact=" + urllib.request.quote(one[0]["contact"], safe=""))
    api.call("delete", inside + "bindings/{id}", 204, id="1001", **demo)
    api.problem("delete", inside + "bindings/{id}", 404, id="1001", **demo)
    api.problem("get", inside + "bindings/{id}", 404, id="4711", **demo)

    register(server, "1002", CALLEE_PORT)
    for _ in range(3):
        phones = [sipp("callee", server, keys={"user": "1002"}, port=CALLEE_PORT, background=True)]
        time.sleep(0.3)
        phones.append(sipp("caller_waits", server, keys={"user": "1001", "callee": "1002"}, port=CALLER_PORT,
                           background=True))
        call = wait_for(lambda: [c for c in api.call("get", V1 + "/calls", 200).json()["items"]
                                 if c["phase"] == "answered"], "an answered call")[0]
        expect(call["domain_name"] == "demo.test", f"{call}")
        one_call(api, call["id"])
        for phone in phones:
            finish_sipp(phone, 20)
        wait_for(lambda: not api.call("get", V1 + "/calls", 200).json()["items"], "the call ends")
    events_of_calls(api)
    wait_for(lambda: len(api.call("get", V1 + "/cdr", 200).json()["items"]) == 3, "three records")
    for path, names in ((V1 + "/cdr", {}), (inside + "cdr", demo)):
        pages(api, path, 3, **names)
        expect(len(api.call("get", path, 200, query="?number=1001", **names).json()["items"]) == 3, "by number")
        expect(len(api.call("get", path, 200, query="?call=" + call["id"], **names).json()["items"]) == 1,
               "by call")
        expect(not api.call("get", path, 200, query="?to=1000", **names).json()["items"], "by time")
        api.problem("get", path, 422, query="?from=yesterday", field="from", **names)
    expect(not api.call("get", inside + "cdr", 200, domain="page0.test").json()["items"], "of another domain")


def events_of_calls(api):
    """A stream has no end: its first message is enough."""
    path = V1 + "/domains/{domain}/events"
    request = urllib.request.Request(api.server.url + path.replace("{domain}", "demo.test"))
    request.add_header("Authorization", "Bearer " + api.server.token())
    with urllib.request.urlopen(request, timeout=10) as stream:
        lines = [stream.readline() for _ in range(4)]
        expect(lines[2] == b"event: state\n" and lines[3].startswith(b"data: {"), f"{lines}")
        api.contract.check(path, "get", Answer(stream.status, stream.headers, b""))
    api.problem("get", path, 404, domain="no.test")


def one_call(api, call):
    """Seen from both sides, and not from another domain; then hung up."""
    inside = V1 + "/domains/{domain}/calls"
    for base, names in ((V1 + "/calls", {}), (inside, {"domain": "demo.test"})):
        listed = api.call("get", base, 200, **names).json()
        expect([each["id"] for each in listed["items"]] == [call], f"{listed}")
        api.call("get", base + "/{id}", 200, id=call, **names)
        trace = api.call("get", base + "/{id}/trace", 200, id=call, **names).json()["items"]
        expect(trace[0]["direction"] == "in" and trace[0]["text"].startswith("INVITE"), f"{trace[0]}")
        for suffix in ("", "/trace"):
            api.problem("get", base + "/{id}" + suffix, 404, id="0" * 32, **names)
    other = {"domain": "page0.test"}
    expect(not api.call("get", inside, 200, **other).json()["items"], "calls of another domain")
    expect(not api.call("get", V1 + "/calls", 200, query="?domain=page0.test").json()["items"], "by ?domain=")
    for method, suffix in (("get", ""), ("get", "/trace"), ("delete", "")):
        api.problem(method, inside + "/{id}" + suffix, 404, id=call, **other)
    # Both ways to hang up are called in turn, by the parity of what has succeeded so far.
    done = (inside + "/{id}", "delete") in api.contract.succeeded
    base, names = (V1 + "/calls", {}) if done else (inside, {"domain": "demo.test"})
    api.call("delete", base + "/{id}", 204, query="?reason=test", id=call, **names)


def domains_are_closed(api):
    """What belongs to one domain is not found through another, by name or by id."""
    other = {"domain": "page1.test"}
    for kind, body in (("accounts", {"login": "secret"}), ("users", {"login": "secret"}),
                       ("number-ranges", {"prefix": "99"})):
        base = V1 + "/domains/{domain}/" + kind
        made = api.call("post", base, 201, body, domain="demo.test").json()
        for method, sent in (("get", None), ("patch", {}), ("put", body), ("delete", None)):
            api.problem(method, base + "/{id}", 404, body=sent, id=made["id"], **other)
        expect(made["id"] not in [e["id"] for e in api.call("get", base, 200, **other).json()["items"]],
               f"{kind} of another domain are listed")
    user = api.call("get", V1 + "/domains/{domain}/users/{id}", 200, domain="demo.test", id="secret").json()
    api.problem("post", V1 + "/domains/{domain}/accounts", 422, body={"login": "x", "user": user["id"]},
                field="user", **other)
    secret = api.call("get", V1 + "/domains/{domain}/accounts/{id}", 200, domain="demo.test", id="1001").json()
    expect(not {"password", "credentials"} & set(secret), f"secrets are shown: {secret}")


def operation(api):
    health = api.call("get", V1 + "/health", 200).json()
    expect(health["status"] == "ok", f"{health}")
    api.call("get", V1 + "/status", 200)
    api.call("get", "/metrics", 200)
    api.call("get", V1 + "/site/store", 200)
    api.problem("post", V1 + "/site/store", 422, body={"kind": "mysql"}, field="kind")
    api.problem("post", V1 + "/site/store", 409, body={"kind": "sqlite"}, field="kind")
    backup = api.call("post", V1 + "/site/backup", 201, {}).json()["id"]
    api.problem("post", V1 + "/site/backup", 409, body={})
    api.problem("get", V1 + "/site/backup/{id}", 422, id=backup, query="?piece=0", field="piece")
    api.call("get", V1 + "/site/backup/{id}", 200, id=backup, query="?piece=1",
             headers={"Accept": "application/octet-stream"})
    api.call("delete", V1 + "/site/backup/{id}", 204, id=backup)
    api.problem("get", V1 + "/site/backup/{id}", 404, id=backup, query="?piece=2")
    api.call("post", V1 + "/log-level", 200, {"level": "debug"})
    api.problem("post", V1 + "/log-level", 422, body={"level": "loud"}, field="level")
    # Of the only node: it has no links that could be cut.
    harm = {"kind": "partition", "seconds": 1}
    api.call("post", V1 + "/nodes/{id}/harm", 202, harm, id="1")
    api.problem("post", V1 + "/nodes/{id}/harm", 404, body=harm, id="9")
    api.problem("post", V1 + "/nodes/{id}/harm", 422, body={"kind": "pause"}, field="seconds", id="1")
    test = {"caller": "1001", "dialled": "1002"}
    api.call("post", V1 + "/route-test", 200, {**test, "domain": "demo.test"})
    api.call("post", V1 + "/domains/{domain}/route-test", 200, test, domain="demo.test")
    api.problem("post", V1 + "/route-test", 422, body=test, field="domain")
    api.problem("post", V1 + "/domains/{domain}/route-test", 404, body=test, domain="no.test")
    certificate = api.problem("patch", V1 + "/settings", 422, field="certificate",
                              body={"certificate_source": "stored"})
    expect("required" in certificate["detail"], f"{certificate}")
    api.call("post", V1 + "/site/store", 202, {"kind": "etcd"})
    wait_for(lambda: api.call("get", V1 + "/site/store", 200).json()["move"] is None, "the store has moved", 60)


def permissions(api):
    """Grants, tokens, sessions, the audit log, roll-back and bulk."""
    inside, demo = V1 + "/domains/{domain}/", {"domain": "demo.test"}
    user = api.call("post", inside + "users", 201, {"login": "ann", "password": "long enough"}, **demo).json()["id"]
    api.problem("post", inside + "users", 422, field="password", body={"login": "bob", "password": "short"}, **demo)
    entity_cycle(api, inside + "grants", inside + "grants/{id}", {"user": user, "role": "user"}, {"scope": "subtree"},
                 {"role": "king", "rights": ["cars:read"]}, **demo)
    entity_cycle(api, inside + "tokens", inside + "tokens/{id}", {"name": "program"}, {"enabled": False},
                 {"name": ""}, **demo)
    sign_in = {"domain": "demo.test", "login": "ann", "password": "long enough"}
    session = api.call("post", V1 + "/session", 201, sign_in).json()["token"]
    api.problem("post", V1 + "/session", 401, body={**sign_in, "password": "wrong"})
    api.call("get", V1 + "/session", 200)
    api.problem("delete", V1 + "/session", 409)
    answer = api.raw("delete", V1 + "/session", headers={"Authorization": "Bearer " + session}, token=False)
    expect(answer.status == 204, f"signing out: {answer.status} {answer.body}")
    api.contract.check(V1 + "/session", "delete", answer)
    api.call("get", V1 + "/audit", 200)
    wait_for(lambda: api.call("get", inside + "audit", 200, **demo).json()["items"], "the log of the domain")
    api.problem("get", inside + "audit", 422, query="?from=yesterday", field="from", **demo)
    now = str(int(time.time() * 1000))
    api.call("get", inside + "configuration", 200, query="?at=" + now, **demo)
    api.problem("get", inside + "configuration", 422, field="at", **demo)
    api.call("post", inside + "configuration", 200, {"at": now}, query="?dry_run=true", **demo)
    line = json.dumps({"kind": "account", "domain": "demo.test", "value": {"login": "bulk"}}).encode()
    answer = api.call("post", V1 + "/bulk", 200, line, headers={"Content-Type": "application/x-ndjson"})
    expect(json.loads(answer.body)["status"] == 201, f"{answer.body}")


def every_operation_guards_its_door(api):
    """401 without a token, 405 with Allow for methods that are not there, 406 for other formats."""
    for path, item in api.contract.document["paths"].items():
        concrete = path.replace("{domain}", "demo.test").replace("{id}", "1001")
        for method in METHODS:
            if method not in item:
                answer = api.raw(method, concrete, b"{}" if method in ("put", "post", "patch") else None)
                expect(answer.status == 405, f"{method} {path}: {answer.status}, expected 405")
                allowed = {each.strip().lower() for each in answer.headers["Allow"].split(",")} - {"head"}
                expect(allowed == {m for m in METHODS if m in item}, f"{path}: Allow: {answer.headers['Allow']}")
                continue
            if (path, method) == (V1 + "/session", "post"):
                continue  # whoever wants to sign in has no token yet
            is_open = item[method].get("security") == [] or path == "/metrics"
            body = b"{}" if method in ("put", "post", "patch") else None
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}):
                answer = api.raw(method, concrete, body, headers, token=False)
                if is_open:
                    expect(answer.status < 400, f"{method} {path} needs no token: {answer.status}")
                    continue
                expect(answer.status == 401, f"{method} {path} without token: {answer.status}")
                expect(answer.headers["WWW-Authenticate"] == "Bearer", "RFC 6750 3")
                api.contract.check(path, method, answer)
        if path != "/metrics":
            answer = api.raw("get" if "get" in item else "post", concrete, headers={"Accept": "image/png"},
                             body=None if "get" in item else b"{}")
            expect(answer.status == 406, f"{path} as a picture: {answer.status}")
    expect(api.raw("get", V1 + "/nothing").status == 404, "an unknown path")
    expect(api.raw("get", V1 + "/" + "x" * 2000).status == 414, "a long path")
    head = api.raw("head", V1 + "/domains")
    expect(head.status == 200 and not head.body, "HEAD is GET without a body")


def contract(folder):
    with running(folder, settings="drills_allowed = true") as server:
        api = Api(server)
        entities(api)
        plans(api)
        events(api)
        rules_between_entities(api)
        paging(api)
        live(api)
        domains_are_closed(api)
        operation(api)
        permissions(api)
        every_operation_guards_its_door(api)
        missing = [each for each in api.contract.operations() if each not in api.contract.succeeded]
        expect(not missing, f"operations that never succeeded here: {missing}")
        print(f"        {len(api.contract.succeeded)} operations")


if __name__ == "__main__":
    main(contract)
