#!/usr/bin/env python3
"""Bad requests of the API, bad bootstrap files and bad data directories: a clear answer that names the
field, nothing half-saved, and everything else goes on."""

import json
import os
import re
import socket
import time
import urllib.error
import urllib.request

from calls import CALLEE_PORT
from harness import TANDEMD, Server, expect, main, run, running, wait_for
from sound import SoundPhone


class Answer:
    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, headers, text
        kind = headers.get("Content-Type", "")
        self.body = json.loads(text) if "json" in kind and text else {}
        self.is_problem = kind.startswith("application/problem+json")


def ask(server, method, path, body=None, token=None, kind="application/json", **headers):
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data=data, method=method)
    if data is not None and kind:
        request.add_header("Content-Type", kind)
    request.add_header("Authorization", "Bearer " + (server.token() if token is None else token))
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


def refused(server, what, status, field=None, says="", **request):
    """RFC 9457: type, title, status, and for us a field and a sentence for people."""
    answer = ask(server, **request)
    told = f"{what}: {answer.status} {answer.text[:400]!r}"
    expect(answer.status == status, f"{told}, expected {status}")
    expect(answer.is_problem, f"{told} is no problem document")
    expect(answer.body.get("status") == status and answer.body.get("title"), told)
    if field is not None:
        expect(answer.body.get("field") == field, f"{told}, expected the field {field}")
    expect(re.search(says, answer.body.get("detail", "")), f"{told}, expected '{says}'")
    return answer


ACCOUNTS = "/api/v1/domains/demo.test/accounts"


def bad_json_and_bad_fields(folder):
    with running(folder) as server:
        before = server.api("GET", "/domains/demo.test/accounts?limit=1000")

        def account(what, status, field, says="", body=None):
            return refused(server, what, status, field, says, method="POST", path=ACCOUNTS, body=body)
        answer = account("broken JSON", 400, None, "", b'{"login": "9", }')
        expect(answer.body.get("position") == 15, f"the position: {answer.body}")
        account("no JSON at all", 400, None, "", b"\xff\xfe\x00")
        account("nothing", 400, None, "", b"")
        account("JSON with a second value", 400, None, "", b'{"login": "9"} {}')
        account("a list", 400, None, "", b"[]")
        account("a nesting of 10 000", 400, None, "", b"[" * 10000)
        account("an unknown field", 422, "colour", "", {"login": "9", "password": "x", "colour": 1})
        account("a number for a text", 422, "login", "must be", {"login": 9, "password": "x"})
        account("a text for a flag", 422, "enabled", "must be",
                {"login": "9", "password": "x", "enabled": "yes"})
        account("a number out of range", 422, "contacts_max", "100",
                {"login": "9", "password": "x", "contacts_max": 101})
        account("a fraction", 422, "contacts_max", "", {"login": "9", "password": "x",
                                                        "contacts_max": 1.5})
        account("a missing field", 422, "login", "", {"password": "x"})
        account("an empty login", 422, "login", "", {"login": "", "password": "x"})
        account("a login that is too long", 422, "login", "64", {"login": "9" * 65, "password": "x"})
        account("a login with a space", 422, "login", "", {"login": "a b", "password": "x"})
        account("a NUL in a text", 422, "display_name", "",
                {"login": "9", "password": "x", "display_name": "a\x00b"})
        account("a field that is read only", 403, "id", "",
                {"login": "9", "password": "x", "id": "0" * 32})
        account("a reference to nothing", 422, "user", "", {"login": "9", "password": "x",
                                                            "user": "0" * 31 + "1"})
        account("a reference that is none", 422, "user", "", {"login": "9", "password": "x",
                                                              "user": "somebody"})
        account("a name that is taken", 409, "login", "taken", {"login": "1001", "password": "x"})
        account("a number that is taken", 409, "number", "taken by the account '1001'",
                {"login": "9", "number": "1001", "password": "x"})
        refused(server, "a domain inside", 422, "settings.ring_timeout_s", "600", method="POST",
                path="/api/v1/domains", body={"name": "x.test", "settings": {"ring_timeout_s": 601}})
        refused(server, "an enum", 422, "settings.srtp", "optional", method="POST",
                path="/api/v1/domains", body={"name": "x.test", "settings": {"srtp": "perhaps"}})
        refused(server, "an unknown domain", 404, None, "", method="POST",
                path="/api/v1/domains/nowhere.test/accounts", body={"login": "9", "password": "x"})
        expect(server.api("GET", "/domains/demo.test/accounts?limit=1000") == before,
               "something was saved")


def wrong_ways_to_ask(folder):
    with running(folder) as server:
        good = {"login": "9", "password": "x"}
        for token in ("", "wrong", server.token() + "x", server.token()[:-1]):
            answer = refused(server, "a wrong token", 401, None, "", method="GET", path=ACCOUNTS,
                             token=token)
            expect("Bearer" in answer.headers.get("WWW-Authenticate", ""), "RFC 6750")
        answer = refused(server, "a wrong method", 405, None, "", method="DELETE", path=ACCOUNTS)
        expect(answer.headers.get("Allow"), "Allow says what is there")
        refused(server, "a wrong content type", 415, None, "", method="POST", path=ACCOUNTS, body=good,
                kind="text/plain")
        refused(server, "no content type", 415, None, "", method="POST", path=ACCOUNTS,
                body=json.dumps(good).encode(), kind="application/x-www-form-urlencoded")
        refused(server, "what we do not speak", 406, None, "", method="GET", path=ACCOUNTS,
                Accept="application/xml")
        refused(server, "a body that is too long", 413, None, "", method="POST", path=ACCOUNTS,
                body=b" " * (1048576 + 1))
        refused(server, "no such path", 404, None, "", method="GET", path="/api/v1/nothing")
        for query in ("limit=0", "limit=1001", "limit=x", "limit=-1"):
            refused(server, query, 422, "limit", "", method="GET", path=f"{ACCOUNTS}?{query}")
        refused(server, "an unknown account", 404, None, "", method="GET", path=ACCOUNTS + "/nobody")


def versions_and_licences(folder):
    with running(folder) as server:
        path = ACCOUNTS + "/1001"
        first = ask(server, "GET", path)
        etag = first.headers["ETag"]
        changed = ask(server, "PATCH", path, {"display_name": "One"},
                      kind="application/merge-patch+json", If_Match=etag)
        expect(changed.status == 200 and changed.headers["ETag"] != etag, "a first change")
        refused(server, "a stale version", 412, None, "", method="PATCH", path=path,
                body={"display_name": "Two"}, kind="application/merge-patch+json", If_Match=etag)
        refused(server, "a version of nobody", 412, None, "", method="PATCH", path=path,
                body={"display_name": "Two"}, kind="application/merge-patch+json", If_Match='"junk"')
        refused(server, "a stale deletion", 412, None, "", method="DELETE", path=path, If_Match=etag)
        expect(ask(server, "GET", path).body["display_name"] == "One", "only the first change counts")
        refused(server, "an immutable field", 403, "realm", "", method="PATCH",
                path="/api/v1/domains/demo.test", body={"realm": "other"},
                kind="application/merge-patch+json")
        licence = ask(server, "PATCH", "/api/v1/domains/demo.test/licence", {"accounts_max": 2},
                      kind="application/merge-patch+json")
        expect(licence.status == 200, f"the licence: {licence.text}")
        refused(server, "one account too many", 403, "licence.accounts_max", "has 2.* 3 ",
                method="POST", path=ACCOUNTS, body={"login": "9", "password": "x"})


# --- Each kind of entity of a domain.

DOMAIN = "/api/v1/domains/demo.test"
NOBODY = "0" * 31 + "1"  # an id that nothing has

# What is asked, and the field that the answer names. Texts like $office stand for ids.
WRONG = (
    # Masks and numbers.
    ("dial-rules", {"name": "x", "dialled": "12[34"}, 422, "dialled"),
    ("dial-rules", {"name": "x", "caller": "+4a"}, 422, "caller"),
    ("dial-rules", {"name": "x", "dialled": "0X", "called_number": {"strip": 3}}, 422, "called_number.strip"),
    ("representations", {"name": "x", "caller": "[5-1]"}, 422, "caller"),
    ("PATCH accounts/1001/services", {"rules": [{"caller": "1["}]}, 422, "rules[0].caller"),
    ("PATCH accounts/1001/services", {"secretaries": ["$1002"], "direct_callers": ["12", "1["]}, 422, "direct_callers[1]"),
    ("trunks", {"name": "x", "mode": "peer", "proxies": ["192.0.2.9"], "called_out": [{"mask": "1["}]}, 422,
     "called_out[0].mask"),
    # Circles.
    ("PATCH accounts/1002/services", {"forward_always": "1001"}, 422, "forward_always"),
    ("PATCH accounts/1001/services", {"forward_busy": "1001"}, 422, "forward_busy"),
    ("PATCH accounts/1002/services", {"rules": [{"to": "1001"}]}, 422, "rules[0].to"),
    ("PATCH accounts/1001/services", {"secretaries": ["$1001"]}, 422, "secretaries[0]"),
    # What is used up, or taken by another.
    ("accounts", {"login": "1004", "password": "x"}, 403, "licence.accounts_max"),
    ("users", {"login": "u2"}, 403, "licence.users_max"),
    ("trunks", {"name": "x", "mode": "peer", "proxies": ["192.0.2.9"]}, 403, "licence.trunks_max"),
    ("number-ranges", {"kind": "external", "prefix": "+4930123"}, 409, "prefix"),
    ("number-ranges", {"kind": "internal", "from": "20", "to": "10"}, 422, "to"),
    ("ring-groups", {"name": "x", "number": "1001"}, 409, "number"),
    ("queues", {"name": "x", "number": "300"}, 409, "number"),
    ("queues", {"name": "x", "number": "600"}, 409, "number"),
    ("feature-codes", {"name": "x", "prefix": "*72", "action": "intercom"}, 409, "prefix"),
    # Things that are not there.
    ("dial-rules", {"name": "x", "dialled": "9*", "action": "trunk", "to_trunk": NOBODY}, 422, "to_trunk"),
    ("dial-rules", {"name": "x", "dialled": "9*", "action": "trunk", "to_trunk_group": NOBODY}, 422, "to_trunk_group"),
    ("dial-rules", {"name": "x", "dialled": "9*", "action": "trunk"}, 422, "to_trunk"),
    ("dial-rules", {"name": "x", "dialled": "9*", "action": "domain", "to_domain": NOBODY}, 422, "to_domain"),
    ("dial-rules", {"name": "x", "dialled": "9*", "during": NOBODY}, 422, "during"),
    ("trunk-groups", {"name": "x", "members": [NOBODY]}, 422, "members[0]"),
    ("PATCH", {"settings": {"default_trunk": NOBODY}}, 422, "settings.default_trunk"),
    ("PATCH", {"settings": {"music": NOBODY}}, 422, "settings.music"),
    ("ring-groups", {"name": "x", "number": "301", "members": ["$1001", NOBODY]}, 422, "members[1]"),
    ("queues", {"name": "x", "number": "601", "members": [NOBODY]}, 422, "members[0]"),
    ("PATCH accounts/1001/agent", {"queues": [NOBODY]}, 422, "queues[0]"),
    ("PATCH accounts/1001/services", {"rules": [{"to": "4711"}]}, 422, "rules[0].to"),
    ("PATCH accounts/1001/services", {"rules": [{"schedule": NOBODY, "to": "1002"}]}, 422, "rules[0].schedule"),
    ("PATCH accounts/1001/services", {"secretaries": [NOBODY]}, 422, "secretaries[0]"),
    ("feature-codes", {"name": "x", "prefix": "*73", "action": "schedule-closed", "schedule": NOBODY}, 422, "schedule"),
    ("feature-codes", {"name": "x", "prefix": "*73", "action": "listen", "allowed": [NOBODY]}, 422, "allowed[0]"),
    ("accounts", {"login": "1004", "password": "x", "user": NOBODY}, 422, "user"),
    ("grants", {"user": NOBODY, "role": "user"}, 422, "user"),
    ("representations", {"name": "x", "scope": "cross", "other_domain": NOBODY}, 422, "other_domain"),
    ("route-expectations", {"name": "x", "caller": "1001", "dialled": "1002", "outcome": "account",
                            "sip_status": 486}, 422, "sip_status"),
    # Times and files.
    ("schedules", {"name": "x", "time_zone": "Europe/Nowhere"}, 422, "time_zone"),
    ("schedules", {"name": "x", "hours": [{"days": ["mon"], "from": "25:00", "to": "17:00"}]}, 422, "hours[0].from"),
    ("schedules", {"name": "x", "hours": [{"days": ["noday"], "from": "08:00", "to": "17:00"}]}, 422, "hours[0].days[0]"),
    ("schedules", {"name": "x", "exceptions": [{"date": "13-01"}]}, 422, "exceptions[0].date"),
    ("music", {"name": "x", "file": "no base64!"}, 422, "file"),
    ("music", {"name": "x", "file": "A" * 300_000}, 422, "file"),
    ("music", {"name": "x", "file": "A" * 600_000}, 422, "file"),
    # What others still need can't go.
    ("DELETE schedules/office", None, 409, "id"), ("DELETE trunks/line", None, 409, "id"),
    ("DELETE users/anna", None, 409, "id"),
)


def wrong_input_of_each_kind_is_named_and_saves_nothing(folder):
    with running(folder, accounts=("1001", "1002", "1003")) as server:
        ids = {}
        for key, collection, body in (
                ("$office", "schedules", {"name": "office"}), ("$anna", "users", {"login": "anna"}),
                ("$line", "trunks", {"name": "line", "mode": "peer", "proxies": ["192.0.2.7"]}),
                ("$sales", "ring-groups", {"name": "sales", "number": "300"}),
                ("$help", "queues", {"name": "help", "number": "600"}),
                ("$night", "feature-codes", {"name": "night", "prefix": "*72", "action": "schedule-closed",
                                             "schedule": "$office"}),
                ("$lines", "trunk-groups", {"name": "lines", "members": ["$line"]}),
                ("$range", "number-ranges", {"kind": "external", "prefix": "+4930"})):
            ids[key] = server.api("POST", f"/domains/demo.test/{collection}", with_ids(body, ids))["id"]
        for login in ("1001", "1002", "1003"):
            ids[f"${login}"] = server.api("GET", f"/domains/demo.test/accounts/{login}")["id"]
        server.api("PATCH", "/domains/demo.test/accounts/1001", {"user": ids["$anna"]})
        server.api("PATCH", "/domains/demo.test/accounts/1001/services", {"forward_always": "1002"})
        server.api("PATCH", "/domains/demo.test/licence", {"accounts_max": 3, "users_max": 1, "trunks_max": 1})

        def all_of_it():
            lists = ("accounts", "users", "trunks", "trunk-groups", "dial-rules", "schedules", "representations",
                     "route-expectations", "ring-groups", "queues", "feature-codes", "music", "number-ranges", "grants")
            return [server.api("GET", "/domains/demo.test"), server.api("GET", "/domains/demo.test/licence"),
                    [server.api("GET", f"/domains/demo.test/{each}") for each in lists],
                    [server.api("GET", f"/domains/demo.test/accounts/{login}/{part}")
                     for login in ("1001", "1002") for part in ("services", "agent")]]
        before = all_of_it()
        failures = []
        for where, body, status, field in WRONG:
            method, _, path = where.partition(" ") if where[0].isupper() else ("POST", "", where)
            answer = ask(server, method, f"{DOMAIN}/{path}".rstrip("/"), body and with_ids(body, ids))
            if answer.status != status or answer.body.get("field") != field or not answer.body.get("detail"):
                failures.append(f"{where} {str(body)[:120]}: {answer.status} {answer.body.get('field')} "
                                f"{answer.body.get('detail')}, expected {status} {field}")
        expect(not failures, "\n".join(failures))
        expect(all_of_it() == before, "something was saved")


def with_ids(body, ids):
    text = json.dumps(body)
    for key in sorted(ids, key=len, reverse=True):
        text = text.replace(f'"{key}"', f'"{ids[key]}"')
    return json.loads(text)


def a_deleted_target_leads_nowhere(folder):
    """What others only refer to by number may go: calls and route tests say what is missing, and all else works."""
    with running(folder, accounts=("1001", "1002", "1003")) as server:
        server.api("PATCH", "/domains/demo.test/accounts/1001/services", {"forward_always": "1002"})
        server.api("POST", "/domains/demo.test/ring-groups", {
            "name": "sales", "number": "300", "overflow": "1002",
            "members": [server.api("GET", "/domains/demo.test/accounts/1003")["id"]]})
        server.api("POST", "/domains/demo.test/dial-rules", {"name": "to-two", "dialled": "72",
                                                             "called_number": {"strip": 2, "prefix": "1002"}})
        server.api("DELETE", "/domains/demo.test/accounts/1002")

        def route(dialled):
            return server.api("POST", "/route-test", {"domain": "demo.test", "caller": "1003", "dialled": dialled})
        for dialled in ("1001", "72"):
            found = route(dialled)
            expect(found["sip_status"] == 404 and not found["destinations"], f"{dialled}: {found}")
        findings = server.api("GET", "/domains/demo.test/dial-rules/check")["findings"]
        expect([each["code"] for each in findings] == ["no-target"], f"{findings}")
        # A change of something else is still taken, and so is the one that mends it.
        server.api("PATCH", "/domains/demo.test/accounts/1001/services", {"reject_anonymous": True})
        server.api("PATCH", "/domains/demo.test/accounts/1001/services", {"forward_always": "1003"})
        expect(not server.api("POST", "/route-test", {"domain": "demo.test", "caller": "300", "dialled": "1001",
                                                      "direction": "outer"})["sip_status"], "mended")


# --- The bootstrap file and the data directory.

def tandemd(config, *more, timeout=20):
    return run([TANDEMD, "--config", config, *more], timeout=timeout, check=False)


WRONG_FILES = [
    # text, line, what is said
    ("name = 5", 1, "name must be a text in quotes"),
    ("name = ''", 1, "name must have 1 to 63 characters"),
    ("\naddress = 'here'", 2, "address must be an IPv4 or IPv6 address"),
    ("address = true", 1, "address must be a text in quotes"),
    ("data = ''", 1, "data must have 1 to 4096 characters"),
    ("data = []", 1, "data must be a text in quotes"),
    ("log_level = 'loud'", 1, "log_level must be one of: trace, debug, info, warn, error"),
    ("log_level = 3", 1, "log_level must be a text in quotes"),
    ("log_format = 'xml'", 1, "log_format must be one of: logfmt, json"),
    ("log_file = 1.0", 1, "log_file must be a text in quotes"),
    ("tls_certificate = 'a.pem'", 1, "tls_certificate needs tls_key"),
    ("tls_key = 'a.pem'", 1, "tls_key needs tls_certificate"),
    ("drain_max_s = -1", 1, "drain_max_s must be a whole number from 0 to 86400"),
    ("drain_max_s = '30'", 1, "drain_max_s must be a whole number from 0 to 86400"),
    ("drain_max_s = 1.5", 1, "drain_max_s must be a whole number"),
    ("colour = 1", 1, "colour is not known here; allowed are: address, data"),
    ("first_start = 1", 1, "first_start must be a table"),
    ("[first_start]\nsip_port = 0", 2, "first_start.sip_port must be a whole number from 1 to 65535"),
    ("[first_start]\nsips_port = 65536", 2, "first_start.sips_port must be a whole number"),
    ("[first_start]\nwss_port = 'x'", 2, "first_start.wss_port must be a whole number"),
    ("[first_start]\nhttp_port = 1.0", 2, "first_start.http_port must be a whole number"),
    ("[first_start]\nhttps_port = 5060", 2, "first_start.https_port must differ from sip_port"),
    ("[first_start]\nrtp_port_min = 80", 2, "first_start.rtp_port_min must be a whole number from 1024"),
    ("[first_start]\nrtp_port_min = 39999", 2, "first_start.rtp_port_min must be at most"),
    ("[first_start]\nrtp_port_max = 30001", 2, "first_start.rtp_port_max must be at least"),
    ("[first_start]\nnodes = 'many'", 2, "first_start.nodes must be one of: one, split"),
    ("[first_start]\nsip = 1", 2, "first_start.sip is not known here"),
    ("[other]\na = 1", 1, "other is not known here"),
    ("name = ", 1, "not valid TOML"),
    ("name = 'a'\nname = 'b'", 2, "not valid TOML"),
    ("name = 'a", 1, "not valid TOML"),
    ("[first_start", 1, "not valid TOML"),
]


def each_wrong_field_of_the_bootstrap_file_is_named(folder):
    config = os.path.join(folder, "tandemd.toml")
    for text, line, says in WRONG_FILES:
        with open(config, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        for arguments in (["--check"], []):
            done = tandemd(config, *arguments)
            told = done.stderr.strip()
            expect(done.returncode == 1, f"{text!r} ended with {done.returncode}: {told}")
            expect(told.count("\n") == 0, f"{text!r} takes one line: {told}")
            expect(told.startswith(f"tandemd: {config}:{line}: ") and says in told,
                   f"{text!r}: {told}, expected line {line}, '{says}'")
    for path, says in ((os.path.join(folder, "missing.toml"), "No such file"),
                       (folder, "cannot be read")):
        done = tandemd(path, "--check")
        expect(done.returncode == 1 and says in done.stderr, f"{path}: {done.stderr}")


def a_second_tandemd_on_the_same_data_is_refused(folder):
    with running(folder) as server:
        done = tandemd(server.config)
        expect(done.returncode == 1 and "another tandemd runs with the data directory" in done.stderr,
               f"{done.returncode}: {done.stderr}")
        server.api("GET", "/domains/demo.test")


def a_port_in_use_is_named_and_others_serve(folder):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 5061))
        taken.listen()
        with running(folder) as server:
            said = [line for line in server.log_tail(100000).splitlines() if "5061" in line]
            expect(len(said) >= 1 and "in use" in said[0], f"the journal names the port: {said}")
            with SoundPhone(server, "1002", CALLEE_PORT, silent=True) as phone:
                phone.register()
                time.sleep(2.5)  # it is tried again each second
                phone.register()
            said = [line for line in server.log_tail(100000).splitlines() if "5061" in line]
            expect(len(said) == 1, f"said once, not again and again: {said}")
            taken.close()

            def open_now():
                try:
                    socket.create_connection(("127.0.0.1", 5061), 1).close()
                    return True
                except OSError:
                    return False
            wait_for(open_now, "the port is taken once it is free", 5)


def broken(folder, spoil):
    """What tandemd says when it is started on data that `spoil(data)` has been at."""
    server = Server(folder)
    server.start()
    server.stop()
    spoil(server.data)
    done = tandemd(server.config)
    lines = done.stderr.strip().splitlines()
    expect(done.returncode == 1, f"ended with {done.returncode}: {done.stderr}")
    said = [line for line in lines if line.startswith("tandemd: ") and "ended" not in line]
    expect(len(said) == 1, f"one line says why: {lines}")
    return said[0]


def overwrite(path, data, at=0):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


def damaged_data_is_named(folder):
    cases = [
        ("store.db is no database", lambda data: overwrite(data + "/store.db", b"x" * 4096),
         "store.db"),
        ("history.db is no database", lambda data: overwrite(data + "/history.db", b"x" * 4096),
         "history.db"),
        ("store.db is a directory", lambda data: (os.remove(data + "/store.db"),
                                                  os.mkdir(data + "/store.db")), "store.db"),
        ("site.key is cut", lambda data: overwrite(data + "/site.key", b"zz"), "site.key"),
        ("admin.token is too short", lambda data: open(data + "/admin.token", "w").write("x"),
         "admin.token"),
        ("the certificate is none", lambda data: overwrite(data + "/tls/server.crt", b"x" * 64),
         "server.crt"),
    ]
    for index, (what, spoil, name) in enumerate(cases):
        part = os.path.join(folder, str(index))
        os.makedirs(part)
        said = broken(part, spoil)
        expect(name in said, f"{what}: {said}")


def a_data_directory_that_cannot_be_written_is_named(folder):
    place = os.path.join(folder, "place")
    os.makedirs(place)
    run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", place])
    try:
        config = os.path.join(folder, "t.toml")
        for data in (place, place + "/below", os.path.join(folder, "file")):
            open(os.path.join(folder, "file"), "w", encoding="utf-8").close()
            with open(config, "w", encoding="utf-8") as file:
                file.write(f"data = '{data}'\n")
            done = tandemd(config)
            expect(done.returncode == 1 and data in done.stderr and
                   len(done.stderr.strip().splitlines()) == 1, f"{data}: {done.stderr}")
    finally:
        run(["umount", place])


if __name__ == "__main__":
    main(bad_json_and_bad_fields, wrong_ways_to_ask, versions_and_licences,
         wrong_input_of_each_kind_is_named_and_saves_nothing, a_deleted_target_leads_nowhere,
         each_wrong_field_of_the_bootstrap_file_is_named, a_second_tandemd_on_the_same_data_is_refused,
         a_port_in_use_is_named_and_others_serve, damaged_data_is_named,
         a_data_directory_that_cannot_be_written_is_named)
