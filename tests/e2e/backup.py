#!/usr/bin/env python3
"""A site is backed up while it is used, and comes back on a bare machine: passwords, bindings, records of calls, other
servers; and every file and every directory that must not be restored is refused, with nothing left behind."""

import os
import shutil
import stat
import subprocess
import time

from calls import CALLEE_PORT, CALLER_PORT, NODES, call, records, register
from harness import (TANDEM, TANDEMD, Failed, expect, finish_sipp, main, run, running, sipp, wait_for)
from join import join, servers_of, site


def tandem(server, *args, check=True, environment=None):
    return run([TANDEM, "--url", server.url, *args], timeout=120, check=check,
               env={**os.environ, "TANDEM_DATA": server.data, **(environment or {})})


def backup(server, folder, *options, name="site.backup"):
    path = os.path.join(folder, name)
    tandem(server, "backup", path, *options)
    return path


def wipe(server):
    server.stop(drain_s=5)
    shutil.rmtree(server.data)


def restore(server, path, *options):
    """On a machine without data; the server serves."""
    server.launch(["--restore", path, *options])
    server.wait_healthy(30)
    return server


def refused(server, path, reason, *options):
    """It says why in one line, and leaves nothing behind."""
    before = sorted(os.listdir(server.data)) if os.path.exists(server.data) else None
    done = run(server.command([TANDEMD, "--config", server.config, "--restore", path, *options]), check=False,
               timeout=60, stdin=subprocess.DEVNULL, start_new_session=True)
    expect(done.returncode == 1 and reason in done.stderr, f"'{reason}' expected: {done}")
    expect(len(done.stderr.strip().splitlines()) == 1, f"one line expected: {done.stderr}")
    after = sorted(os.listdir(server.data)) if os.path.exists(server.data) else None
    expect(after == before, f"{before} became {after}")


def logins(server):
    return sorted(each["login"] for each in server.api("GET", "/domains/demo.test/accounts")["items"])


def everything_comes_back(folder):
    with running(folder, nodes=NODES) as server:
        call(server, "caller", "callee")
        before = records(server)
        token = server.token()
        server.api("PATCH", "/settings", {"log_level": "debug"})
        path = backup(server, folder)
        expect(stat.S_IMODE(os.stat(path).st_mode) == 0o600, "only its owner can read it")
        said = tandem(server, "backup", path, "--check").stdout
        expect("is whole" in said and "1 call records" in said, said)
        again = tandem(server, "backup", path, check=False)
        expect(again.returncode == 1 and "--replace" in again.stderr, again)
        tandem(server, "backup", path, "--replace")
        server.api("POST", "/domains/demo.test/accounts", {"login": "1003", "password": "later"})
        wipe(server)
        restore(server, path)
        expect(server.token() == token, "the administrator's token")
        expect(logins(server) == ["1001", "1002"], f"accounts: {logins(server)}")
        expect(server.api("GET", "/settings")["log_level"] == "debug", "settings of the system")
        expect(records(server) == before, "records of calls")
        # 1002 has not registered anew: its binding is there. 1001 has its password.
        call(server, "caller", "callee", register_first=False)
        register(server, "1001", CALLER_PORT)
        records(server, 2)
        server.stop(drain_s=5)
        refused(server, path, "has data")
        server.start()
        expect(len(records(server, 2)) == 2, "it starts like any server afterwards")


def what_must_not_be_restored(folder):
    with running(folder, nodes=NODES) as server:
        secret = os.path.join(folder, "passphrase")
        for name, text in (("passphrase", "correct horse battery\n"), ("wrong", "another one\n"), ("short", "abc\n")):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        good = backup(server, folder)
        sealed = backup(server, folder, "--passphrase-file", secret, name="sealed.backup")
        no_terminal = run([TANDEM, "--url", server.url, "backup", os.path.join(folder, "x"), "--passphrase"],
                          check=False, stdin=subprocess.DEVNULL, start_new_session=True,
                          env={**os.environ, "TANDEM_DATA": server.data})
        expect(no_terminal.returncode == 1 and "no terminal" in no_terminal.stderr, no_terminal)
        nowhere = tandem(server, "backup", "/nowhere/x", check=False)
        expect(nowhere.returncode == 1 and "No such file" in nowhere.stderr, nowhere)
        no_keys = tandem(server, "backup", os.path.join(folder, "x"), "--data", "/nowhere", check=False)
        expect(no_keys.returncode == 1 and "site.key" in no_keys.stderr, no_keys)
        expect(not os.path.exists(os.path.join(folder, "x.new")), "what was not finished goes away")
        wipe(server)
        with open(good, "rb") as file:
            whole = file.read()

        def bad(content):
            path = os.path.join(folder, "bad.backup")
            with open(path, "wb") as file:
                file.write(content)
            return path
        refused(server, os.path.join(folder, "none"), "No such file")
        refused(server, bad(b""), "no backup of Tandem")
        refused(server, bad(b"SQLite format 3\0" * 100), "no backup of Tandem")
        refused(server, bad(whole[:-1]), "damaged or not whole")
        refused(server, bad(whole[:len(whole) // 2]), "damaged or not whole")
        refused(server, bad(whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:]), "damaged or not whole")
        refused(server, bad(whole + b"x"), "something follows")
        refused(server, sealed, "the passphrase is wrong", "--passphrase-file", os.path.join(folder, "wrong"))
        refused(server, sealed, "8 to 1024", "--passphrase-file", os.path.join(folder, "short"))
        refused(server, sealed, "no terminal")
        os.makedirs(server.data)
        refused(server, bad(whole[:-1]), "damaged or not whole")
        with open(os.path.join(server.data, "mine"), "w", encoding="utf-8"):
            pass
        refused(server, good, "has data (mine)")
        os.remove(os.path.join(server.data, "mine"))
        # One that was cut off.
        os.makedirs(os.path.join(server.data, "restoring"))
        with open(os.path.join(server.data, "store.db"), "w", encoding="utf-8") as file:
            file.write("half of it")
        done = run([TANDEMD, "--config", server.config], check=False)
        expect(done.returncode == 1 and "cut off" in done.stderr, done)
        restore(server, sealed, "--passphrase-file", secret)
        expect(logins(server) == ["1001", "1002"], "the sealed one comes back")
        expect(not os.path.exists(os.path.join(server.data, "restoring")), "nothing is left of the try before")


def while_calls_and_registrations_go_on(folder):
    with running(folder, nodes=NODES) as server:
        for login in range(2000, 2600):
            server.api("POST", "/domains/demo.test/accounts", {"login": str(login), "password": "x"})
        register(server, "1002", CALLEE_PORT)
        count, rate = 60, 5
        called = sipp("callee", server, calls=count, keys={"user": "1002"}, port=CALLEE_PORT, background=True,
                      timeout=60)
        time.sleep(0.3)
        caller = sipp("caller", server, calls=count, rate=rate, keys={"user": "1001", "callee": "1002"},
                      port=CALLER_PORT, background=True, timeout=60)
        registering = sipp("register", server, calls=50, rate=5, keys={"user": "1001"}, port=5090,
                           background=True, timeout=60, name="registering")
        time.sleep(5)

        def ids():
            return {each["id"] for each in server.api("GET", "/domains/demo.test/cdr?limit=1000")["items"]}
        before = ids()
        path = backup(server, folder)
        for process in (caller, called, registering):
            finish_sipp(process, 60)
        records(server, count)
        after = ids()
        wipe(server)
        restore(server, path)
        back = ids()
        expect(before and before <= back <= after, f"records: {len(before)}, {len(back)}, {len(after)}")
        expect(len(server.api("GET", "/domains/demo.test/accounts?limit=1000")["items"]) == 602, "all accounts")
        call(server, "caller", "callee")


def out_of_etcd(folder):
    with running(folder, nodes=NODES) as server:
        call(server, "caller", "callee")
        records(server)
        tandem(server, "store", "move", "etcd")
        server.api("POST", "/domains/demo.test/accounts", {"login": "1003", "password": "in etcd"})
        path = backup(server, folder)
        wipe(server)
        restore(server, path)
        expect(logins(server) == ["1001", "1002", "1003"], f"accounts: {logins(server)}")
        expect(server.api("GET", "/site/store")["kind"] == "sqlite", "it begins with SQLite again")
        expect(len(records(server)) == 1, "records of calls")
        call(server, "caller", "callee", register_first=False)


def a_site_of_two_servers(folder):
    """Both machines are gone. The first comes back by the backup, the second joins anew under its name, and has the
    roles that it had."""
    with site(folder) as (first, second):
        known = join(first, second)
        first.api("POST", "/roles", {"role": "SG", "server": known["id"], "node": known["node"], "number": 22})
        wait_for(lambda: runs(first, 22), "the gate of the second server runs", 20)
        running_one = tandem(first, "server", "token", "--name", "server2", check=False)
        expect(running_one.returncode == 1 and "which is running" in running_one.stderr, running_one)
        path = backup(first, folder)
        wipe(second)
        wipe(first)
        restore(first, path)
        expect(servers_of(first)["server2"] == known, f"the layers know it: {servers_of(first)}")
        expect(first.logged("server2 has to join anew"), "it is said")
        register(first, "1001", CALLER_PORT, local="10.77.0.1")
        expect(not runs(first, 22), "its role waits for it")
        token = tandem(first, "server", "token", "--name", "server2").stdout.strip()
        second.launch(["--join", token])
        wait_for(lambda: runs(first, 22), "its gate runs again", 30)


def runs(server, number):
    return any(instance["instance"] == number for node in server.api("GET", "/status")["nodes"]
               for instance in node["instances"])


if __name__ == "__main__":
    main(everything_comes_back, what_must_not_be_restored, while_calls_and_registrations_go_on, out_of_etcd,
         a_site_of_two_servers)
