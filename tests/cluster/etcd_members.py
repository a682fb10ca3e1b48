#!/usr/bin/env python3
"""The etcd members of three servers as their parents run them: founded, joined, lost, damaged and healed."""

import os
import signal

from cluster import Site, lose_member, member_pid
from harness import expect, in_own_network, main, run, wait_for

CLIENT_PORT = 7379


class Members:
    """`with Members(folder) as members:` three servers whose store is etcd, with three members that vote."""

    def __init__(self, folder):
        self.site = Site(folder, servers=3, nodes="one")

    def __enter__(self):
        self.site.__enter__()
        try:
            self.await_voters()
            self.etcdctl(self.site.first, "put", "k", "kept")
        except BaseException:
            self.site.__exit__()
            raise
        return self

    def __exit__(self, *exception):
        self.site.__exit__(*exception)

    def etcdctl(self, server, *words, check=True):
        """Asks the member of one server, as one of its site."""
        tls = os.path.join(server.data, "tls")
        return run(server.machine.command(
            ["env", "ETCDCTL_API=3", "etcdctl", f"--endpoints=https://{server.machine.address}:{CLIENT_PORT}",
             f"--cacert={tls}/site_ca.crt", f"--cert={tls}/link.crt", f"--key={tls}/link.key",
             "--command-timeout=3s", *words]), check=check)

    def value_at(self, server):
        return self.etcdctl(server, "get", "--print-value-only", "k", check=False).stdout.strip()

    def await_voters(self):
        def vote():
            members = self.site.first.api("GET", "/site/store")["members"] or ()
            return sorted(each["name"] for each in members if each["votes"] and each["serves"])
        names = sorted(server.name for server in self.site.servers)
        wait_for(lambda: vote() == names, "three members vote", 60, 0.3)


def any_one_may_be_lost(folder):
    with Members(folder) as members:
        for server in members.site.servers:
            os.kill(member_pid(server), signal.SIGKILL)
            wait_for(lambda: members.value_at(server) == "kept", f"the member of {server.name} serves again", 20)  # pylint: disable=cell-var-from-loop
        members.await_voters()


def a_damaged_one_is_begun_anew(folder):
    with Members(folder) as members:
        server = members.site.servers[1]
        lose_member(server)
        wait_for(lambda: os.path.exists(os.path.join(server.data, "etcd.damaged-1")), "its data are laid aside", 20)
        wait_for(lambda: members.value_at(server) == "kept", "it has the data of the others", 30)
        members.await_voters()


def a_server_that_restarts_keeps_its_member(folder):
    with Members(folder) as members:
        server = members.site.servers[2]
        server.stop()
        expect(members.value_at(members.site.first) == "kept", "two of three are enough")
        server.launch()
        wait_for(lambda: members.value_at(server) == "kept", "its member is back", 20)
        members.await_voters()


if __name__ == "__main__":
    in_own_network()
    main(any_one_may_be_lost, a_damaged_one_is_begun_anew, a_server_that_restarts_keeps_its_member)
