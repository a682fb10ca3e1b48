#!/usr/bin/env python3
"""The command line against a running server: every command, its JSON, its errors and its completion."""

import http.server
import json
import os
import re
import subprocess
import threading
import time

from calls import CALLEE_PORT, CALLER_PORT, register
from harness import TANDEM, expect, finish_sipp, main, running, sipp, wait_for


def run_cli(arguments, environment, stdin=None):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TANDEM_")}
    return subprocess.run([TANDEM, *arguments], capture_output=True, text=True, timeout=30,
                          input=stdin, env={**clean, **environment}, cwd="/", check=False)


def cli(server, *arguments, code=0, stdin=None):
    """What the command prints; on standard error when it is to fail."""
    done = run_cli(arguments, {"TANDEM_DATA": server.data, "TANDEM_URL": server.url}, stdin)
    expect(done.returncode == code, f"tandem {' '.join(arguments)} ended with {done.returncode}, expected "
                                    f"{code}:\n{done.stdout}{done.stderr}")
    return done.stdout if code == 0 else done.stderr


def answer(server, *arguments, **options):
    return json.loads(cli(server, "--json", *arguments, **options))


def entities_of_a_domain(folder):
    with running(folder, accounts=()) as server:
        expect("no domains yet" in cli(server, "domain", "list"), "a hint how to begin")
        cli(server, "domain", "add", "acme.test", "--settings.ring-timeout-s", "20",
            "--settings.digest-algorithms", "SHA-256,MD5")
        shown = answer(server, "domain", "show", "acme.test")
        expect(shown["settings"]["ring_timeout_s"] == 20, f"the number is set: {shown}")
        expect(shown["settings"]["digest_algorithms"] == ["SHA-256", "MD5"], f"the list is set: {shown}")
        cli(server, "domain", "add", "south.acme.test", "--parent", "acme.test")
        expect(answer(server, "domain", "show", "south.acme.test")["parent"] == shown["id"],
               "a name stands for the id of another entity")

        cli(server, "account", "add", "acme.test", "2001", "--number", "2001", "--password", "x",
            "--name", "Änne")
        table = cli(server, "account", "list", "acme.test")
        expect(re.search(r"LOGIN +NUMBER +NAME", table) and "Änne" in table, table)
        cli(server, "account", "set", "acme.test", "2001", "--enabled", "no", "--contacts-max", "3")
        account = answer(server, "account", "show", "acme.test", "2001")
        expect(account["enabled"] is False and account["contacts_max"] == 3, f"{account}")
        cli(server, "account", "set", "acme.test", "2001", "--unset", "contacts-max")
        expect("contacts_max" not in answer(server, "account", "show", "acme.test", "2001"), "unset")

        cli(server, "user", "add", "acme.test", "anna", "--email", "anna@acme.test")
        cli(server, "account", "set", "acme.test", "2001", "--user", "anna")
        expect("still has accounts" in cli(server, "user", "remove", "acme.test", "anna", code=1),
               "a user with accounts stays")
        made = answer(server, "range", "add", "acme.test", "--prefix", "20", "--kind", "internal")
        cli(server, "range", "set", "acme.test", made["id"], "--description", "all phones")
        expect("all phones" in cli(server, "range", "list", "acme.test"), "ranges")
        cli(server, "licence", "set", "acme.test", "--accounts-max", "1")
        refused = cli(server, "account", "add", "acme.test", "2002", code=1)
        expect("licence" in refused, refused)

        refused = cli(server, "domain", "remove", "acme.test", code=1)
        expect("still has 1 account, 1 user, 1 number range, 1 child domain" in refused, refused)
        for command in (("range", "remove", "acme.test", made["id"]),
                        ("account", "remove", "acme.test", "2001"),
                        ("user", "remove", "acme.test", "anna"),
                        ("domain", "remove", "south.acme.test"), ("domain", "remove", "acme.test")):
            expect("removed" in cli(server, *command), f"{command}")
        expect(answer(server, "domain", "list") == {"items": []}, "all is gone")


def names_and_numbers_as_people_read_them(folder):
    """Lists and entities show names where the API has ids, rules come in their order, numbers without exponents."""
    with running(folder, accounts=("1001", "1002")) as server:
        cli(server, "domain", "add", "south.test")
        cli(server, "schedule", "add", "demo.test", "office")
        for name, order in (("last", "30"), ("first", "1"), ("second", "20")):
            cli(server, "rule", "add", "demo.test", name, "--order", order, "--dialled", "9*", "--during", "office")
        names = re.findall(r"^\d+ +(\w+)", cli(server, "rule", "list", "demo.test"), re.MULTILINE)
        expect(names == ["first", "second", "last"], f"in their order: {names}")
        expect([each["name"] for each in answer(server, "rule", "list", "demo.test")["items"]] == names, "as JSON, too")
        office = answer(server, "schedule", "show", "demo.test", "office")["id"]
        expect(re.search(r"during +office\n", cli(server, "rule", "show", "demo.test", "first")), "a name for an id")
        expect(re.search(rf"during +{office}\n", cli(server, "--ids", "rule", "show", "demo.test", "first")), "or the id")
        expect(answer(server, "rule", "show", "demo.test", "first")["during"] == office, "JSON has ids")
        made = cli(server, "ring-group", "add", "demo.test", "sales", "--number", "300", "--members", "1002,1001")
        expect(re.search(r"members +1002, 1001\n", made), made)
        cli(server, "user", "add", "demo.test", "anna")
        cli(server, "grant", "add", "demo.test", "--user", "anna", "--role", "user")
        expect(re.search(r"^anna ", cli(server, "grant", "list", "demo.test"), re.MULTILINE), "whose grant")
        cli(server, "representation", "add", "demo.test", "shown", "--scope", "cross", "--other-domain", "south.test")
        expect("south.test" in cli(server, "representation", "list", "demo.test"), "which other domain")
        cli(server, "services", "set", "demo.test", "1001", "--secretaries", "1002", "--rules",
            '[{"schedule": "office", "to": "1002"}]')
        shown = cli(server, "services", "show", "demo.test", "1001")
        expect(re.search(r"secretaries +1002\n", shown) and re.search(r"rules\[0\]\.schedule +office\n", shown), shown)
        for queue, number in (("help", "600"), ("orders", "601")):
            cli(server, "queue", "add", "demo.test", queue, "--number", number, "--members", "1001")
        set_so = cli(server, "agent", "set", "demo.test", "1001", "--queues", "orders,help", "--paused-in", "help")
        expect(re.search(r"queues +orders, help\n", set_so) and re.search(r"paused_in +help\n", set_so), set_so)
        cli(server, "queue", "remove", "demo.test", "help")  # what it named is no reference
        # Names that are not for whoever asks stay ids, and are asked for once by each command.
        logins = [f"20{number}" for number in range(20)]
        for login in logins:
            cli(server, "account", "add", "demo.test", login, "--password", "x")
        cli(server, "ring-group", "add", "demo.test", "all", "--number", "301", "--members", ",".join(logins))
        token = answer(server, "token", "add", "demo.test", "viewer")["token"]
        cli(server, "grant", "add", "demo.test", "--token", "viewer", "--rights", "services:read,settings:read")
        viewer = {"TANDEM_URL": server.url, "TANDEM_TOKEN": token}
        for words in (["list", "demo.test"], ["show", "demo.test", "all"]):
            seen = run_cli(["ring-group", *words], viewer)
            expect(seen.returncode == 0 and "301" in seen.stdout, f"{seen}")
        expect(len(re.findall(r"\b[0-9a-f]{32}\b", seen.stdout)) == 21, f"ids of its members: {seen.stdout}")

        def refused():
            return sum(each.get("count", 1) for each in answer(server, "audit", "demo.test")["items"]
                       if "viewer" in each["actor"])
        wait_for(lambda: refused() >= 2, "the audit log")
        expect(refused() == 2, f"{refused()} requests were refused, not one a command")
        figures = cli(server, "figures")
        expect(not re.search(r"=\d+(\.\d+)?E[-+]?\d", figures), f"a number with an exponent: {figures}")


def entities_from_json(folder):
    with running(folder, accounts=("1001",)) as server:
        shown = answer(server, "account", "show", "demo.test", "1001")
        shown["display_name"] = "Anna"
        path = os.path.join(folder, "account.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(shown, file)
        cli(server, "account", "set", "demo.test", "1001", "--from-json", path)
        expect(answer(server, "account", "show", "demo.test", "1001")["display_name"] == "Anna", "from a file")
        cli(server, "account", "set", "demo.test", "1001", "--from-json", "-", stdin='{"display_name":"Ben"}')
        cli(server, "account", "set", "demo.test", "1001", "--replace", "--from-json", "-",
            stdin='{"login":"1001","number":"77"}')
        now = answer(server, "account", "show", "demo.test", "1001")
        expect(now["display_name"] == "" and now["number"] == "77", f"replaced whole: {now}")
        refused = cli(server, "account", "set", "demo.test", "1001", "--number", "5", "--if-match", "1",
                      code=1)
        expect("version" in refused, refused)
        expect("no JSON object" in cli(server, "account", "set", "demo.test", "1001", "--from-json", "-", code=2,
                                       stdin="[]"), "what is wrong with the input")


def infrastructure_and_roles(folder):
    with running(folder) as server:
        for command in ("site", "server", "interface", "role"):
            items = answer(server, command, "list")["items"]
            expect(items, f"{command} list")
            name = items[0].get("name") if command in ("site", "server") else items[0]["id"]
            expect(answer(server, command, "show", name)["id"] == items[0]["id"], f"{command} show")
        expect(answer(server, "roles") == answer(server, "role", "list"), "roles is short for role list")
        made = answer(server, "role", "add", "--role", "B2B", "--server", "server1", "--number", "77")
        expect(answer(server, "role", "show", "77")["id"] == made["id"], "by number, too")
        wait_for(lambda: any(i["instance"] == 77 for n in answer(server, "status")["nodes"]
                             for i in n["instances"]), "the new instance runs")
        cli(server, "role", "remove", "77")
        cli(server, "settings", "set", "--user-agent", "Acme")
        expect(answer(server, "settings", "show")["user_agent"] == "Acme", "settings")
        expect("serving" in cli(server, "status"), "status")
        expect("sip_received=" in cli(server, "figures"), "figures")
        expect(answer(server, "log-level", "debug") == {"level": "debug"}, "log level")


def calls_while_they_go_on(folder):
    with running(folder) as server:
        expect("nobody is registered" in cli(server, "bindings", "demo.test"), "no bindings")
        expect("no calls" in cli(server, "calls"), "no calls")
        register(server, "1002", CALLEE_PORT)
        table = cli(server, "bindings", "demo.test")
        expect(re.search(r"1002 +sip:1002@127\.0\.0\.1:5062\S* +UDP +127\.0\.0\.1:5062", table), table)
        phones = [sipp("callee", server, keys={"user": "1002"}, port=CALLEE_PORT, background=True)]
        time.sleep(0.3)
        phones.append(sipp("caller_waits", server, keys={"user": "1001", "callee": "1002"},
                           port=CALLER_PORT, background=True))
        calls = wait_for(lambda: [c for c in answer(server, "calls", "demo.test")["items"]
                                  if c["phase"] == "answered"], "an answered call")
        call = calls[0]["id"]
        expect(re.search(rf"{call} +demo\.test +answered +1001 +1002", cli(server, "calls")), "the table")
        expect("1002" in cli(server, "call", call), "one call")
        ladder = cli(server, "trace", call)
        for sent in ("INVITE", "180 Ringing", "200 OK", "ACK"):
            expect(re.search(rf"(-+ {sent} -+>)|(<-+ {sent} -+)", ladder), f"{sent} in the ladder:\n{ladder}")
        expect(re.search(r"-+ INVITE -+>.*\n", ladder) and re.search(r"<-+ INVITE", ladder),
               f"one INVITE to us, one to the phone:\n{ladder}")
        expect(len(answer(server, "trace", call)["items"]) >= 6, "the same as JSON")
        expect("ended" in cli(server, "hangup", call, "--reason", "maintenance"), "hung up")
        for phone in phones:
            finish_sipp(phone, 20)
        record = wait_for(lambda: answer(server, "cdr", "demo.test")["items"], "the record")[0]
        expect(record["released_by"] == "system" and "maintenance" in record["reason"], f"{record}")
        table = cli(server, "cdr", "--number", "1001")
        expect(re.search(rf"Z +1001 +1002 +answered +\d+ +\d+\.\d s +system +{call}", table), table)
        expect("no calls have ended" in cli(server, "cdr", "--to", "2020-01-01T00:00:00Z"), "by time")
        route = cli(server, "route", "test", "demo.test", "1001", "1002")
        expect("1." in route and "result:" in route, route)
        expect("no such call" in cli(server, "trace", call, code=1), "the call is over")
        cli(server, "unbind", "demo.test", "1002")
        expect("nobody" in cli(server, "bindings", "demo.test"), "forgotten")


def events_as_they_come(folder):
    with running(folder) as server:
        shown = cli(server, "events")
        for line in (r"started +started SG 7", r"leader +instance 5 is the active one of sr-1",
                     r"serving +tandemd .* node 1 serving"):
            expect(re.search(rf"^20\S+Z  node 1 +{line}", shown, re.MULTILINE), f"'{line}' in: {shown}")
        following = subprocess.Popen([TANDEM, "--json", "events", "--follow"], stdout=subprocess.PIPE, text=True,
                                     env={**os.environ, "TANDEM_DATA": server.data, "TANDEM_URL": server.url})
        try:
            cli(server, "role", "add", "--role", "B2B", "--server", "server1", "--number", "77")
            wait_for(lambda: "started B2B 77" in cli(server, "events"), "it has started")
            cli(server, "role", "remove", "77")
            wait_for(lambda: "stopped B2B 77" in cli(server, "events"), "it has stopped")
            time.sleep(1.5)  # it looks again twice
        finally:
            following.terminate()
        lines = [json.loads(line) for line in following.stdout.read().splitlines()]
        expect([each["kind"] for each in lines if each["instance"] == 77] == ["started", "draining", "stopped"],
               f"each once, in order: {lines}")
        ids = [(each["id"], each["shard"]) for each in lines]
        expect(len(set(ids)) == len(ids), f"nothing twice: {lines}")
        last = answer(server, "events", "--limit", "1")["items"]
        expect([each["text"] for each in last] == ["stopped B2B 77"], f"the newest: {last}")
        expect("stopped B2B 77" in server.log_tail(10000), "the same line in the log")


def errors_say_what_to_do(folder):
    with running(folder) as server:
        url = {"TANDEM_URL": server.url}
        cli(server, "user", "add", "demo.test", "anna")
        cli(server, "schedule", "add", "demo.test", "night")
        for arguments, environment, code, text in (
                (["status"], {"TANDEM_URL": "http://127.0.0.1:9"}, 3, "is tandemd running"),
                (["status"], url, 1, "TANDEM_TOKEN"),
                (["status"], {**url, "TANDEM_TOKEN": "wrong"}, 1, "the token is refused"),
                (["account", "show", "nowhere.test", "1001"], {**url, "TANDEM_TOKEN": server.token()}, 1,
                 "there is no such domain"),
                (["account", "show", "demo.test", "9"], {**url, "TANDEM_TOKEN": server.token()}, 1,
                 "there is no such account"),
                (["account", "add", "demo.test", "1001"], {**url, "TANDEM_TOKEN": server.token()}, 1,
                 "login: is taken"),
                (["account", "set", "demo.test", "1001", "--enabled", "perhaps"],
                 {**url, "TANDEM_TOKEN": server.token()}, 2, "--enabled must be yes or no"),
                (["sign-in", "demo.test", "nobody"], {**url, "TANDEM_TOKEN": server.token()}, 1,
                 "the domain, the user or the password is wrong"),
                (["account", "set", "demo.test", "1001", "--user", "ana"], {**url, "TANDEM_TOKEN": server.token()}, 1,
                 "--user ana: there is no such user; is it anna?"),
                (["services", "set", "demo.test", "1001", "--secretaries", "1002,1oo1"],
                 {**url, "TANDEM_TOKEN": server.token()}, 1, "--secretaries 1oo1: there is no such account"),
                (["services", "set", "demo.test", "1001", "--rules", '[{"to": "1002"}, {"schedule": "nigt", "to": "1002"}]'],
                 {**url, "TANDEM_TOKEN": server.token()}, 1,
                 "--rules [1].schedule nigt: there is no such schedule; is it night?"),
                (["account", "set", "demo.test", "1001", "--unset", "colour"],
                 {**url, "TANDEM_TOKEN": server.token()}, 2, "--unset colour: account has no such field"),
                (["account", "set", "demo.test", "1001", "--unset", "contacts-maxx"],
                 {**url, "TANDEM_TOKEN": server.token()}, 2, "is it contacts_max?"),
                (["account", "set", "demo.test", "1001", "--from-json", "/dev/null"],
                 {**url, "TANDEM_TOKEN": server.token()}, 2, "holds no JSON object"),
                (["account", "set", "demo.test", "1001", "--colour", "red"], url, 2, "--colour"),
                (["drill", "kill", "--node", "1"], {**url, "TANDEM_TOKEN": server.token()}, 1,
                 "drills are not allowed on the server of node 1"),
                (["account", "set", "demo.test", "1001"], {**url, "TANDEM_TOKEN": server.token()}, 2,
                 "nothing to set"),
                (["call", "1"], {**url, "TANDEM_TOKEN": server.token()}, 1, "there is no such call"),
                (["account"], url, 2, "subcommand"), (["dance"], url, 2, "dance"),
                (["account", "show"], url, 2, "required"), ([], url, 2, "subcommand")):
            done = run_cli(arguments, environment)
            expect(done.returncode == code, f"{arguments}: {done.returncode}, expected {code}: {done.stderr}")
            expect(text in done.stderr + done.stdout, f"{arguments}: '{text}' is not in: {done.stderr}")
            expect(not done.stdout or code == 2, f"{arguments}: an error belongs on standard error")
        made = [each["name"] for each in server.api("GET", "/domains")["items"]]
        expect(made == ["demo.test"], f"a drill that is not allowed makes nothing: {made}")
        # By the API: null takes away what is there, not what never was.
        for patch, field in (({"colour": None}, "colour"), ({"settings": {"colour": None}}, "settings.colour")):
            answer = server.api("PATCH", "/domains/demo.test", patch, expected=422)
            expect(answer["field"] == field and "ring_timeout_s" in answer["detail"] + "ring_timeout_s" * (field == "colour"),
                   f"{answer}")


class Page(http.server.BaseHTTPRequestHandler):
    """What a proxy says in the place of the server."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Welcome</html>")

    def log_message(self, *arguments):
        pass


def an_answer_that_is_no_json_is_an_error(_folder):
    with http.server.HTTPServer(("127.0.0.1", 0), Page) as page:
        threading.Thread(target=page.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{page.server_port}"
        for arguments in (["account", "list", "demo.test"], ["account", "show", "demo.test", "1001"], ["events"],
                          ["rule", "check", "demo.test"],
                          ["account", "set", "demo.test", "1001", "--user", "anna"]):
            done = run_cli(arguments, {"TANDEM_URL": url, "TANDEM_TOKEN": "x"})
            expect(done.returncode == 1 and "is not JSON" in done.stderr and not done.stdout,
                   f"{arguments}: {done.returncode} {done.stdout} {done.stderr}")
        page.shutdown()


def help_and_completion(folder):
    script = os.path.join(folder, "completion")
    with open(script, "w", encoding="utf-8") as file:
        file.write(run_cli(["completion", "bash"], {}).stdout)

    def complete(*words):
        quoted = " ".join(f"'{word}'" for word in words)
        return subprocess.run(["bash", "-c", f"source {script}; COMP_WORDS=({quoted}); "
                               f"COMP_CWORD={len(words) - 1}; _tandem; echo ${{COMPREPLY[@]}}"],
                              capture_output=True, text=True, timeout=10, check=True).stdout.split()
    expect(complete("tandem", "acc") == ["account"], f"{complete('tandem', 'acc')}")
    expect({"list", "show", "add", "set", "remove"} <= set(complete("tandem", "account", "")), "subcommands")
    expect(complete("tandem", "account", "set", "demo.test", "1001", "--num") == ["--number"],
           "options behind arguments")
    expect("--settings.ring-timeout-s" in complete("tandem", "--json", "domain", "add", "--settings.r"),
           "options behind options")
    pages = 0
    pending = [[]]
    while pending:
        path = pending.pop()
        page = run_cli([*path, "--help"], {})
        expect(page.returncode == 0 and "Usage" in page.stdout, f"help of {path}: {page.stderr}")
        pages += 1
        pending += [[*path, word] for word in complete("tandem", *path, "") if not word.startswith("-")]
    expect(pages > 50, f"only {pages} pages of help")


def demo_makes_accounts_and_shows_them(folder):
    """What `./dev run` shows: where phones reach the server, and passwords, the same the next time."""
    with running(folder, accounts=()) as server:
        first = cli(server, "demo", "--data", server.data)
        expect("127.0.0.1:5060" in first and "127.0.0.1:5061 (TLS)" in first, first)
        shown = dict(re.findall(r"(100[1-4])@demo\.local +(\S{8,})", first))
        expect(len(shown) == 4, first)
        expect(cli(server, "demo", "--data", server.data) == first, "the same again")
        logins = {each["login"] for each in answer(server, "account", "list", "demo.local")["items"]}
        expect(logins == set(shown), f"{logins}")


if __name__ == "__main__":
    main(demo_makes_accounts_and_shows_them, entities_of_a_domain, names_and_numbers_as_people_read_them,
         entities_from_json,
         infrastructure_and_roles, calls_while_they_go_on, events_as_they_come, errors_say_what_to_do,
         an_answer_that_is_no_json_is_an_error, help_and_completion)
