#!/usr/bin/env python3
"""Two groups of registrars and of call state, which share the domains.

    groups.py [TEST...]
"""

import os
import signal
import threading
import time

from calling_phone import CallingPhone
from crash import kill_node, serving_again
from harness import Failed, expect, in_own_network, main, running, wait_for
from switch import FIRST_NODE, add_copy, instances

DOMAINS = ("a.test", "b.test")


def two_groups(server):
    """A second group of SR and of CS, and a domain for each group."""
    for name in DOMAINS:
        server.make_domain(name, accounts=("1001", "1002", "1003", "1004"))
    for code, node in (("SR", FIRST_NODE), ("CS", FIRST_NODE + 1)):
        add_copy(server, code, node, group=2)
    for name, group in zip(DOMAINS, (1, 2)):
        root = server.api("GET", f"/domains/{name}")["id"]
        server.api("POST", "/domain-groups", {"root": root, "sr": group, "cs": group})
    for code in ("SR", "CS"):
        wait_for(lambda code=code: sorted(i["group"] for i in instances(server) if i["role"] == code
                                          and i["state"] == "serving") == [1, 2],
                 f"two active {code}")


def assign(server, name, **groups):
    server.api("PATCH", f"/domain-groups/{name}", groups)


def node_of(server, code, group):
    return next(i["node"] for i in instances(server) if i["role"] == code and i["group"] == group)


def figure(server, code, group, name):
    return next(i["figures"][name] for i in instances(server)
                if i["role"] == code and i["group"] == group)


def contacts(server, name):
    return {item["contact"] for item in server.api("GET", f"/domains/{name}/bindings")["items"]}


class Registering:
    """A phone that registers again and again, and looks each time whether it is listed."""

    def __init__(self, server, user, port, domain):
        self.server, self.domain = server, domain
        self.phone = CallingPhone(server, user, port, domain=domain)
        self.count, self.longest, self.failure = 0, 0.0, None
        self.stopping = False
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.phone.__enter__()
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.stopping = True
        self.thread.join()
        self.phone.__exit__()

    def register(self):
        """As a phone does: the same once more when there is no answer."""
        began = time.monotonic()
        # Each time for another time, so that it is written.
        status = self.phone.try_register(f"Expires: {600 + self.count % 600}\r\n")
        self.longest = max(self.longest, time.monotonic() - began)
        expect(status == 200, f"REGISTER of {self.phone.user}@{self.domain} answered {status}")
        wanted = f"{self.phone.user}@127.0.0.1:{self.phone.port}"
        expect(any(wanted in each for each in contacts(self.server, self.domain)),
               f"{wanted} is not listed after its 200")
        self.count += 1

    def run(self):
        while not self.stopping and not self.failure:
            try:
                self.register()
            except Failed as failed:
                self.failure = failed


def checked(phones):
    for phone in phones:
        if phone.failure:
            raise phone.failure


def call_within(server, domain, port):
    with CallingPhone(server, "1001", port, domain=domain) as caller, \
            CallingPhone(server, "1002", port + 2, domain=domain) as callee:
        callee.register()
        caller.call("1002", callee)
        caller.talks_with(callee)
        caller.hang_up(callee)


def who_waits_is_known_to_the_group_of_the_queue(server, caller, agent):
    """The caller is of a.test, the queue and its agent of b.test; each group has its own side of the call."""
    there = server.api("GET", "/domains/b.test")["id"]
    server.api("POST", "/domains/a.test/dial-rules", {"name": "out", "dialled": "7*", "action": "domain",
                                                      "to_domain": there, "called_number": {"strip": 1}})
    server.api("POST", "/domains/b.test/dial-rules", {"name": "in", "directions": ["cross"]})
    server.api("POST", "/domains/b.test/representations", {"name": "in", "scope": "cross", "number": {"prefix": "8"}})
    member = server.api("GET", "/domains/b.test/accounts/1002")["id"]
    server.api("POST", "/domains/b.test/queues", {"name": "sales", "number": "600", "members": [member],
                                                  "sound": "ringing"})
    server.api("PATCH", "/domains/b.test/accounts/1002/agent", {"logged_in": True, "paused": True})
    caller.begin_call("7600")
    caller.wait(lambda m: m.startswith("SIP/2.0 182 Queued, 0 ahead"), "a place in the queue")
    for group, waiting in ((1, 0), (2, 1)):
        wait_for(lambda group=group, waiting=waiting:
                 (figure(server, "CS", group, "calls"), figure(server, "CS", group, "queue_callers")) == (1, waiting),
                 f"{waiting} wait at CS group {group}")
    # Those of a new active copy are asked for again.
    kill_node(server, node_of(server, "CS", 2))
    wait_for(lambda: [i["figures"].get("queue_callers") for i in instances(server)
                      if i["role"] == "CS" and i["group"] == 2] == [1], "it is known again who waits", 15)
    server.api("PATCH", "/domains/b.test/accounts/1002/agent", {"paused": False})
    agent.take()
    caller.finish_call()
    agent.wait_request("ACK")
    caller.hang_up(agent)


def each_group_serves_its_domains(folder):
    with running(folder, accounts=(), nodes="split") as server:
        two_groups(server)
        with CallingPhone(server, "1001", 5100, domain="a.test") as a1, \
                CallingPhone(server, "1002", 5102, domain="a.test") as a2, \
                CallingPhone(server, "1001", 5104, domain="b.test") as b1, \
                CallingPhone(server, "1002", 5106, domain="b.test") as b2:
            for phone in (a1, a2, b1, b2):
                phone.register()
            for group in (1, 2):
                expect(figure(server, "SR", group, "bindings") == 2, f"bindings of group {group}")
            a1.call("1002", a2)
            b1.call("1002", b2)
            for group in (1, 2):
                wait_for(lambda group=group: figure(server, "CS", group, "calls") == 1,
                         f"CS group {group} knows its call")
            both = server.api("GET", "/calls")["items"]
            expect(len(both) == 2, f"all calls: {both}")
            page = server.api("GET", "/calls?limit=1")
            rest = server.api("GET", f"/calls?limit=1&after={page['next']}")["items"]
            expect([page["items"][0]["id"], rest[0]["id"]] == [c["id"] for c in both], "two pages")
            for name in DOMAINS:
                call, = server.api("GET", f"/domains/{name}/calls")["items"]
                expect(call["domain_name"] == name, f"{call}")
                expect(server.api("GET", f"/calls/{call['id']}")["id"] == call["id"], "found")
            # The calls of a domain go to the group that it is given to.
            assign(server, "a.test", cs=2)
            wait_for(lambda: figure(server, "CS", 2, "calls") == 2, "group 2 knows both calls")
            wait_for(lambda: figure(server, "CS", 1, "calls") == 0, "group 1 forgets its own")
            expect(len(server.api("GET", "/domains/a.test/calls")["items"]) == 1, "calls of a.test")
            expect(len(server.api("GET", "/calls")["items"]) == 2, "all calls")
            assign(server, "a.test", cs=1)
            a1.hang_up(a2)
            b1.hang_up(b2)
            wait_for(lambda: not server.api("GET", "/calls")["items"], "no call is left")
            who_waits_is_known_to_the_group_of_the_queue(server, a1, b2)
        wait_for(lambda: not server.api("GET", "/calls")["items"], "no call is left")


def an_assignment_moves_under_registrations(folder):
    with running(folder, accounts=(), nodes="split") as server:
        two_groups(server)
        with Registering(server, "1003", 5110, "a.test") as one, \
                Registering(server, "1004", 5112, "a.test") as two, \
                Registering(server, "1003", 5114, "b.test") as other:
            phones = (one, two, other)
            with CallingPhone(server, "1001", 5100, domain="a.test") as resting:
                resting.register()  # once only: it must be there after all moves
            for move in range(12):
                assign(server, "a.test", sr=1 + (move + 1) % 2)
                time.sleep(0.3)
                checked(phones)
                expect(len(contacts(server, "a.test")) == 3, f"{contacts(server, 'a.test')}")
            call_within(server, "a.test", 5120)
            server.api("DELETE", "/domain-groups/a.test")
            checked(phones)
            # A group goes altogether, and comes back.
            second = next(r for r in server.api("GET", "/roles?limit=1000")["items"]
                          if r["role"] == "SR" and r["group"] == 2)
            for enabled in (False, True):
                server.api("PATCH", f"/roles/{second['id']}", {"enabled": enabled})
                time.sleep(1)
                checked(phones)
            expect(len(contacts(server, "a.test")) == 4, f"{contacts(server, 'a.test')}")
            expect(len(contacts(server, "b.test")) == 1, f"{contacts(server, 'b.test')}")
            call_within(server, "a.test", 5120)
        checked(phones)
        print(f"        {sum(p.count for p in phones)} registrations, the longest took "
              f"{max(p.longest for p in phones):.2f} s")


def the_death_of_a_groups_active_copy_concerns_its_own_domains(folder):
    with running(folder, accounts=(), nodes="split") as server:
        two_groups(server)
        with Registering(server, "1003", 5110, "b.test") as other, \
                CallingPhone(server, "1001", 5100, domain="a.test") as phone:
            phone.register()
            wait_for(lambda: other.count > 5, "the other domain registers")
            other.longest = 0
            node = node_of(server, "SR", 1)
            pid = server.pid_of(node)
            os.kill(pid, signal.SIGSTOP)
            time.sleep(3)
            checked([other])
            before = other.count
            expect(before > 20, f"{before} registrations")
            print(f"        the other domain's registrations took {other.longest:.2f} s at most")
            expect(other.longest < 0.5, "the other domain notices nothing")
            os.kill(pid, signal.SIGCONT)
            kill_node(server, node)
            serving_again(server)
            phone.register()
            checked([other])
            wait_for(lambda: other.count > before, "the other domain registers")
            call_within(server, "b.test", 5120)
            call_within(server, "a.test", 5124)


def plans_know_groups(folder):
    with running(folder, accounts=(), nodes="split") as server:
        two_groups(server)
        plan = server.api("GET", "/plan")
        texts = " ".join(loss["text"] for loss in plan["losses"])
        expect("SR group 2 has no other copy" in texts, texts)
        second = next(r for r in server.api("GET", "/roles?limit=1000")["items"]
                      if r["role"] == "SR" and r["group"] == 2)
        server.api("PATCH", f"/roles/{second['id']}", {"enabled": False})
        codes = [f["code"] for f in server.api("GET", "/plan")["findings"]]
        expect("assigned-unknown-group" in codes and "idle-group" in codes, f"{codes}")
        root = server.api("GET", "/domains/b.test")["id"]
        server.api("PATCH", "/domain-groups/b.test", {"sr": 7}, expected=422)
        server.api("POST", "/domain-groups", {"root": root, "sr": 1}, expected=409)
        st = next(r for r in server.api("GET", "/roles?limit=1000")["items"] if r["role"] == "ST")
        refusal = server.api("POST", "/roles", {"role": "ST", "server": st["server"], "number": 190,
                                                "group": 2}, expected=409)
        expect("one group of ST" in str(refusal), f"{refusal}")


if __name__ == "__main__":
    in_own_network()
    main(each_group_serves_its_domains, an_assignment_moves_under_registrations,
         the_death_of_a_groups_active_copy_concerns_its_own_domains, plans_know_groups)
