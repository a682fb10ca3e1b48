#!/usr/bin/env python3
"""The store of a site in an etcd that somebody else runs: named by store.toml, away for a while, killed."""

import os
import signal
import subprocess
import time
import urllib.request

from calls import CALLEE_PORT, NODES, call, records, register
from harness import Failed, Server, expect, main, run, wait_for

CLIENTS = "127.0.0.1:2379"


class Etcd:
    """One member of its own, with the times of docs/decisions/0011."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "etcd")
        self.log = os.path.join(folder, "etcd.log")
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["etcd", "--name=a", f"--data-dir={self.folder}", f"--listen-client-urls=http://{CLIENTS}",
                 f"--advertise-client-urls=http://{CLIENTS}", "--listen-peer-urls=http://127.0.0.1:2380",
                 "--heartbeat-interval=30", "--election-timeout=180", "--log-level=error"],
                stdout=log, stderr=log)
        wait_for(self.is_healthy, "etcd is healthy")

    @staticmethod
    def is_healthy():
        try:
            with urllib.request.urlopen(f"http://{CLIENTS}/health", timeout=1) as answer:
                return b"true" in answer.read()
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def keys(self, prefix):
        return run(["etcdctl", f"--endpoints={CLIENTS}", "get", "--prefix", "--keys-only", prefix],
                   env={**os.environ, "ETCDCTL_API": "3"}).stdout.split()


class running:  # pylint: disable=invalid-name
    """A server whose store.toml names an etcd, which is empty at first."""

    def __init__(self, folder):
        self.etcd = Etcd(folder)
        self.server = Server(folder, nodes=NODES)

    def __enter__(self):
        self.etcd.start()
        with open(os.path.join(self.server.data, "store.toml"), "w", encoding="utf-8") as file:
            file.write(f'kind = "etcd"\ngeneration = 1\nendpoints = ["{CLIENTS}"]\n')
        self.server.start()
        self.server.make_domain()
        return self.server, self.etcd

    def __exit__(self, *exception):
        self.server.stop()
        self.etcd.kill()


def calls_are_made_over_etcd(folder):
    with running(folder) as (server, etcd):
        call(server, "caller", "callee")
        expect(records(server)[0]["result"] == "answered", "the call has its CDR")
        expect(etcd.keys("binding/"), "the registration is in etcd")
        expect(not os.path.exists(os.path.join(server.data, "store.db")), "there is no SQLite store")


def a_restart_finds_everything_in_etcd(folder):
    with running(folder) as (server, etcd):
        register(server, "1002", CALLEE_PORT)
        server.kill_nodes()
        server.wait_healthy()
        wait_for(lambda: len(server.api("GET", "/domains/demo.test/bindings")["items"]) == 1,
                 "the binding is there again")
        expect(len(etcd.keys("/l/system")) == 1, "the first start's layers are written once")


def what_etcd_cannot_take_is_refused_and_goes_on_afterwards(folder):
    with running(folder) as (server, etcd):
        register(server, "1002", CALLEE_PORT)
        etcd.kill()
        began = time.monotonic()
        try:
            server.api("POST", "/domains/demo.test/accounts", {"login": "1003", "number": "1003", "password": "x"})
            raise AssertionError("nothing can be written now")
        except Failed as error:  # it waits for the store, and then the effect is unknown
            expect(" 504 " in str(error) or " 503 " in str(error), f"{error}")
        expect(time.monotonic() - began < 7, f"refused after {time.monotonic() - began:.1f} s")
        expect(len(server.api("GET", "/domains/demo.test/bindings")["items"]) == 1,
               "what is known is answered meanwhile")
        etcd.start()

        def is_made():
            try:
                server.api("POST", "/domains/demo.test/accounts",
                           {"login": "1004", "number": "1004", "password": "x"})
                return True
            except Failed:
                return False
        wait_for(is_made, "an account is made again", 5)
        # Each node follows by its own watch.
        register(server, "1002", CALLEE_PORT)
        call(server, "caller", "callee", register_first=False)


def a_paused_etcd_loses_no_write(folder):
    with running(folder) as (server, etcd):
        etcd.process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        etcd.process.send_signal(signal.SIGCONT)
        for login in range(2000, 2020):
            server.api("POST", "/domains/demo.test/accounts",
                       {"login": str(login), "number": str(login), "password": "x"})
        accounts = server.api("GET", "/domains/demo.test/accounts?limit=100")["items"]
        expect(len(accounts) == 22, f"{len(accounts)} accounts")


if __name__ == "__main__":
    main(calls_are_made_over_etcd, a_restart_finds_everything_in_etcd,
         what_etcd_cannot_take_is_refused_and_goes_on_afterwards, a_paused_etcd_loses_no_write)
