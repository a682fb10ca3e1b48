#!/usr/bin/env python3
"""The etcd members of three servers as their parents run them: founded, joined, lost, damaged and healed."""

import json
import os
import signal
import subprocess

from harness import TANDEMD, expect, main, run, wait_for

NAMES = ("server1", "server2", "server3")


class Site:
    """Three tandemd on one machine, each with ports and a data directory of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = {}
        self.endpoints = ",".join(f"127.0.0.1:{self.port(name)}" for name in NAMES)
        for name in NAMES:
            self.write(name)

    @staticmethod
    def port(name):
        return 7079 + 100 * int(name[-1])

    def data(self, name, *more):
        return os.path.join(self.folder, name, "data", *more)

    def write(self, name):
        number = int(name[-1])
        os.makedirs(self.data(name))
        ports = {"sip_port": 5060, "sips_port": 5061, "wss_port": 8444, "http_port": 8080, "https_port": 8443}
        lines = [f"{key} = {value + 10 * number}" for key, value in ports.items()]
        lines += [f"rtp_port_min = {30000 + 100 * number}", f"rtp_port_max = {30099 + 100 * number}"]
        with open(os.path.join(self.folder, name, "tandemd.toml"), "w", encoding="utf-8") as file:
            file.write(f'name = "{name}"\naddress = "127.0.0.1"\ndata = "{self.data(name)}"\n[first_start]\n'
                       + "\n".join(lines) + "\n")
        servers = ", ".join(f'{{name = "{each}", client = "127.0.0.1:{self.port(each)}", '
                            f'peer = "127.0.0.1:{self.port(each) + 1}"}}' for each in NAMES)
        with open(self.data(name, "etcd.toml"), "w", encoding="utf-8") as file:
            file.write(f'token = "t"\nfounder = "server1"\nservers = [{servers}]\n')

    def start(self, name):
        with open(os.path.join(self.folder, name, "log"), "ab") as log:
            self.processes[name] = subprocess.Popen(
                [TANDEMD, "--config", os.path.join(self.folder, name, "tandemd.toml")], stdout=log, stderr=log)

    def stop(self):
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            process.wait(30)

    def member_pid(self, name):
        with open(self.data(name, "run", f"etcd-{name}.pid"), encoding="utf-8") as file:
            return int(file.read().split()[0])

    def etcdctl(self, *words, endpoints=None, check=True):
        return run(["etcdctl", f"--endpoints={endpoints or self.endpoints}", "--command-timeout=3s", *words],
                   env={**os.environ, "ETCDCTL_API": "3"}, check=check)

    def voters(self):
        """Names of the members that have begun and vote; None while nobody can tell."""
        answer = self.etcdctl("member", "list", "-w", "json", check=False)
        if answer.returncode != 0:
            return None
        members = json.loads(answer.stdout)["members"]
        return sorted(each.get("name", "") for each in members if not each.get("isLearner"))

    def await_voters(self):
        wait_for(lambda: self.voters() == list(NAMES), "three members vote", 60, 0.3)


class running:  # pylint: disable=invalid-name
    def __init__(self, folder):
        self.site = Site(folder)

    def __enter__(self):
        for name in NAMES:
            self.site.start(name)
        self.site.await_voters()
        self.site.etcdctl("put", "k", "kept")
        return self.site

    def __exit__(self, *exception):
        self.site.stop()


def value_at(site, name):
    answer = site.etcdctl("get", "--print-value-only", "k", endpoints=f"127.0.0.1:{site.port(name)}", check=False)
    return answer.stdout.strip()


def any_one_may_be_lost(folder):
    with running(folder) as site:
        for name in NAMES:
            os.kill(site.member_pid(name), signal.SIGKILL)
            wait_for(lambda: value_at(site, name) == "kept", f"the member of {name} serves again", 20)  # pylint: disable=cell-var-from-loop
        site.await_voters()


def a_damaged_one_is_begun_anew(folder):
    with running(folder) as site:
        pid = site.member_pid("server2")
        os.kill(pid, signal.SIGSTOP)
        logs = site.data("server2", "etcd", "member", "wal")
        for name in os.listdir(logs):
            if name.endswith(".wal"):
                with open(os.path.join(logs, name), "r+b") as file:
                    file.seek(300)
                    file.write(b"not what was written")
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: os.path.exists(site.data("server2", "etcd.damaged-1")), "its data are laid aside", 20)
        wait_for(lambda: value_at(site, "server2") == "kept", "it has the data of the others", 30)
        site.await_voters()


def a_server_that_restarts_keeps_its_member(folder):
    with running(folder) as site:
        process = site.processes["server3"]
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        try:
            expect(value_at(site, "server1") == "kept", "two of three are enough")
        finally:
            site.start("server3")
        wait_for(lambda: value_at(site, "server3") == "kept", "its member is back", 20)
        expect(site.voters() == list(NAMES), f"members: {site.voters()}")


if __name__ == "__main__":
    main(any_one_may_be_lost, a_damaged_one_is_begun_anew, a_server_that_restarts_keeps_its_member)
