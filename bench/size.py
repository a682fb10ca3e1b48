"""Memory and time to start: what an operator sees first, and what a large system needs."""

import json
import os
import sqlite3
import time

from harness import TANDEM, Failed, Server, run
from licences import tree_lines
from media import description
from phone import AnsweringPhone, Phone
from report import Measure, progress
from signalling import CALLEE_PORT, CALLER_PORT, TandemServer, call_cost, register_callee
from usage import Cpu, resident_bytes, server_pids, take_precedence

MIB = 1 << 20
ACCOUNTS, DOMAINS = 1_000_000, 10_000
# `bulk` takes half an hour for all of it; less of it by these.
BULK_DOMAINS = int(os.environ.get("BULK_DOMAINS", DOMAINS))
BULK_ACCOUNTS = int(os.environ.get("BULK_ACCOUNTS", ACCOUNTS))
START_MAX_S = 300
CURVE = ((2, 20), (100, 10_000), (DOMAINS, ACCOUNTS))


def idle_memory(folder):
    sizes = []
    for nodes in ("one", "split"):
        server = Server(os.path.join(folder, nodes), nodes=nodes)
        try:
            server.start()
            time.sleep(3)
            sizes.append(resident_bytes(server_pids(server)) / MIB)
        finally:
            server.stop()
    return [Measure("idle_memory", "MiB", sizes[0], target=("value", "<", 60),
                    note="resident memory of parent and node, shared pages counted for each"),
            Measure("idle_memory_split", "MiB", sizes[1])]


def seconds_to_first_call(server, caller, callee, name):
    """From the start of the program to the caller's 200, asking as impatiently as a phone cannot."""
    began = time.monotonic()
    server.launch()
    while time.monotonic() < began + START_MAX_S:
        try:
            caller.call(callee, f"{name}-{time.monotonic()}", description(6000), timeout=0.25)
            return time.monotonic() - began
        except (Failed, ConnectionError):
            time.sleep(0.005)
    raise Failed(f"no call was served within {START_MAX_S} s\n{server.log_tail()}")


def cold_start(folder):
    """The callee's registration was made before: it has to be read from the disk."""
    starts = []
    with TandemServer(folder) as tandem:
        register_callee(tandem)
        with AnsweringPhone(tandem.server, "1002", CALLEE_PORT), \
                Phone(tandem.server, "1001", CALLER_PORT) as caller:
            for i in range(5):
                tandem.server.stop()
                starts.append(seconds_to_first_call(tandem.server, caller, "1002", f"cold{i}"))
                tandem.server.wait_healthy()
    began = time.monotonic()
    first = Server(os.path.join(folder, "first"))
    try:
        first.start()
        first_s = time.monotonic() - began
    finally:
        first.stop()
    return [Measure("cold_start", "s", sorted(starts)[len(starts) // 2], target=("value", "<", 1),
                    note="from exec to the 200 of a call's INVITE; median of "
                         + ", ".join(f"{start:.2f}" for start in sorted(starts))),
            Measure("first_start", "s", first_s, note="on an empty data directory, to /health")]


def fill(server, domains=DOMAINS, accounts=ACCOUNTS):
    """Writes the domains and accounts straight into the store of a server that is stopped, as copies of
    one of each: a million calls of the API would take the better part of an hour."""
    db = sqlite3.connect(os.path.join(server.data, "store.db"))
    db.execute("PRAGMA synchronous=OFF")
    rows = dict(db.execute("SELECT key, value FROM kv WHERE key >= ? AND key < ?", (b"/d/", b"/d0")))
    account_key = next(key for key in rows if b"/account/" in key)
    domain_id, account_id = account_key.split(b"/")[2], account_key.split(b"/")[4]
    domain, account = rows[b"/d/" + domain_id + b"/domain"], rows[account_key]
    revision = db.execute("SELECT revision FROM meta").fetchone()[0]

    def copies():
        for d in range(domains - 1):
            # Identities in the order of their making, as the server gives them (base/id.h).
            own, name = b"%012xffff%016x" % (d, d), b"tenant%d.test" % d
            yield b"/x/domain-name/" + name, own
            yield b"/d/" + own + b"/domain", domain.replace(domain_id, own).replace(b"demo.test", name)
            for a in range(accounts // domains):
                number, its = b"%d" % (1000 + a), b"%016x%016x" % (d, a)
                yield b"/d/" + own + b"/x/login/" + number, its
                yield b"/d/" + own + b"/x/number/" + number, its
                yield (b"/d/" + own + b"/account/" + its,
                       account.replace(domain_id, own).replace(account_id, its)
                       .replace(b'"1001"', b'"' + number + b'"'))
    db.executemany("INSERT INTO kv VALUES (?, ?, ?, ?, 0)",
                   ((key, value, revision, revision) for key, value in copies()))
    db.commit()
    db.close()


def scale(folder):
    with TandemServer(folder) as tandem:
        register_callee(tandem)
        time.sleep(1)
        small = resident_bytes(tandem.pids())
        tandem.server.stop()
        progress(f"  writing {ACCOUNTS} accounts in {DOMAINS} domains")
        fill(tandem.server)
        progress("  starting")
        with AnsweringPhone(tandem.server, "1002", CALLEE_PORT), \
                Phone(tandem.server, "1001", CALLER_PORT) as caller:
            seconds = seconds_to_first_call(tandem.server, caller, "1002", "scale")
        tandem.server.wait_healthy()
        total = resident_bytes(tandem.pids())
        count = sum(1 for _ in _domains(tandem.server))
    if count != DOMAINS:
        raise Failed(f"the server knows {count} domains")
    return [Measure("scale_memory", "MiB", total / MIB, target=("value", "<", 8192),
                    note=f"{ACCOUNTS} accounts in {DOMAINS} domains on one server"),
            Measure("scale_account_memory", "bytes", (total - small) / ACCOUNTS),
            Measure("scale_start", "s", seconds, note="from exec to the 200 of a call's INVITE")]


def curve(folder):
    """What a call costs in a small system and in a large one: it should be the same."""
    measures, first = [], None
    for domains, accounts in CURVE:
        with TandemServer(os.path.join(folder, str(accounts))) as tandem:
            tandem.server.stop()
            progress(f"  {accounts} more accounts in {domains} domains")
            fill(tandem.server, domains, accounts)
            tandem.server.launch()
            tandem.server.wait_healthy(START_MAX_S)
            take_precedence(tandem.pids())
            cost = call_cost(tandem)
        first = first or cost
        measures.append(Measure(f"call_at_{accounts}_accounts", "us_cpu", cost, "smallest", first,
                                ("ratio", "<=", 1.1), note=f"in {domains} domains"))
    return measures


def register(phone):
    phone.send(phone.register_text("bulk", 1))
    _, challenge = phone.receive()
    phone.send(phone.register_text("bulk", 2, phone.authorization(challenge, "REGISTER", f"sip:{phone.domain}")))
    status, text = phone.receive()
    if status != 200:
        raise Failed(f"{phone.user}'s REGISTER was answered with {text}")


def bulk(folder):
    """The same tree through the bulk API, as an operator loads it."""
    path = os.path.join(folder, "tree.ndjson")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in tree_lines(BULK_DOMAINS, BULK_ACCOUNTS))
    server = Server(os.path.join(folder, "server"))
    try:
        server.start()
        time.sleep(1)
        small = resident_bytes(server_pids(server))
        cpu, began = Cpu(server_pids(server)), time.monotonic()
        done = run([TANDEM, "--url", server.url, "bulk", path], timeout=3600, check=False,
                   env={**os.environ, "TANDEM_TOKEN": server.token()})
        took, used_us = time.monotonic() - began, cpu.used_us()
        lines = BULK_DOMAINS + BULK_ACCOUNTS
        if f"{lines} made, 0 refused as conflicts, 0 failed" not in done.stdout:
            raise Failed(done.stdout + done.stderr[-2000:])
        time.sleep(5)  # what was changed goes into history
        total = resident_bytes(server_pids(server))
        domain = next(line["domain"] for line in tree_lines(BULK_DOMAINS, BULK_ACCOUNTS) if line["kind"] == "account")
        with Phone(server, "10001", CALLEE_PORT, domain) as callee:
            register(callee)
        server.stop()
        progress("  starting")
        with AnsweringPhone(server, "10001", CALLEE_PORT, domain), \
                Phone(server, "10000", CALLER_PORT, domain) as caller:
            start = seconds_to_first_call(server, caller, "10001", "bulk")
        after = resident_bytes(server_pids(server))
    finally:
        server.stop()
    note = f"{BULK_ACCOUNTS} accounts in a tree of {BULK_DOMAINS} domains"
    return [Measure("bulk_rate", "lines/s", lines / took, note=note),
            Measure("bulk_line", "us CPU", used_us / lines, note="with its check, its record in the audit log, and history"),
            Measure("bulk_memory", "MiB", total / MIB, note=f"afterwards; {small / MIB:.0f} before, {after / MIB:.0f} when started again"),
            Measure("bulk_start", "s", start, note="from exec to the 200 of a call between two of the accounts")]


def _domains(server):
    after = ""
    while after is not None:
        page = server.api("GET", "/domains?limit=1000" + after)
        yield from page["items"]
        after = "&after=" + page["next"] if page.get("next") else None
