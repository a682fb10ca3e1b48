#!/usr/bin/env python3
"""Calls that were transferred, held, parked, go over a trunk or wait in a queue outlive any one server, as plain ones do.

    kinds_of_calls.py [TEST...]
"""

import contextlib
import os
import re
import sys
import time
from types import SimpleNamespace

from cluster import ALLOWED, HERE, Site
from site_drill import leading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from calling_phone import CallingPhone, header  # noqa: E402
from harness import Failed, expect, main, wait_for  # noqa: E402
from provider import Provider  # noqa: E402
from transfer import let_go, notified, offered_again, refer  # noqa: E402

ACCOUNTS = [str(1000 + i) for i in range(1, 17)]
OUTSIDE = "+49305550199"
PROVIDER = 5180


class AnswersWhereItCameFrom:
    """RFC 3261 18.2.2: a response goes where its request says, which after a death is another gate."""

    def respond(self, request, *rest, **named):
        host, port = re.search(r"SIP/2.0/UDP ([\d.]+):(\d+)", header(request, "Via")).groups()
        usual = self.server, self.server_port
        self.server, self.server_port = SimpleNamespace(address=host), int(port)
        try:
            return super().respond(request, *rest, **named)
        finally:
            self.server, self.server_port = usual


class SitePhone(AnswersWhereItCameFrom, CallingPhone):
    def turns_to(self, server):
        """As phones do when their gate does not answer. The dialog of its call stays."""
        dialog, self.server = self.dialog, server
        self.register()
        self.dialog = dialog


class SiteProvider(AnswersWhereItCameFrom, Provider):
    pass


class Phones:
    """A phone for each account; one after the other they use this server and that."""

    def __init__(self, site):
        self.homes = {name: site.servers[i % len(site.servers)] for i, name in enumerate(ACCOUNTS)}
        self.phones = {name: SitePhone(self.homes[name], name, 5200 + 2 * i, HERE) for i, name in enumerate(ACCOUNTS)}
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        for phone in self.phones.values():
            self.stack.enter_context(phone)
            phone.register()
        return self

    def __exit__(self, *exception):
        self.stack.close()

    def __getitem__(self, name):
        return self.phones[str(name)]

    def leave(self, dead, living):
        for name, server in self.homes.items():
            if server is dead:
                self[name].turns_to(living)


def settled(*phones, seconds=0.5):
    """Answers what they are offered, until nothing comes any more."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for phone in phones:
            before = phone.media_target
            phone.answer_offers()
            if phone.media_target != before:
                end = time.monotonic() + seconds


def changes(phone, other, direction, answer):
    """A re-INVITE with `direction`, which the other answers with `answer`; 491 is tried again (RFC 3261 14.1)."""
    for _ in range(10):
        settled(phone, other)
        request = phone.in_dialog("INVITE", body=phone.sdp() + f"a={direction}\r\n")
        try:
            offer = other.wait_request("INVITE", 1)
        except Failed:
            offer = None
        if offer:
            other.respond(offer, "200 OK", body=other.sdp() + f"a={answer}\r\n")
            other.learn_media(offer)
        response = phone.wait_response(request)
        if response.startswith("SIP/2.0 200"):
            phone.learn_media(response)
            phone.dialog["ack"] = phone.dialog["cseq"]
            phone.send(phone.request("ACK", "", dialog=phone.dialog))
            return
        phone.acknowledge_failure(request, response)
        expect(response[8:11] in ("491", "500", "503"), f"{phone.user} changes its call: {response}")
        time.sleep(0.5)
    raise Failed(f"{phone.user} could not change its call to {direction}")


# Each makes a call and gives what has to be true of it after the death of a server.

def transferred(phones):
    a, b, c = phones[1001], phones[1002], phones[1003]
    a.call("1002", b)
    a.talks_with(b)
    expect(refer(b, "<sip:1003@demo.test>") == 202, "the REFER is accepted")
    c.take()
    c.wait_request("ACK")
    offered_again(a)
    notified(b, 200)
    let_go(b)
    a.talks_with(c)

    def still():
        a.goes_on_with(c)
        ends(c, a)
    return still


def held(phones):
    a, b = phones[1004], phones[1005]
    a.call("1005", b)
    changes(a, b, "sendonly", "recvonly")

    def still():
        changes(a, b, "sendrecv", "sendrecv")
        a.goes_on_with(b)
        ends(a, b)
    return still


def parked(phones):
    a, b = phones[1006], phones[1007]
    a.call("1007", b)
    expect(refer(b, "<sip:*71@demo.test>") == 202, "the REFER is accepted")
    notified(b, 200)
    let_go(b)

    def still():
        settled(a)
        b.begin_call("*71")
        b.finish_call()
        b.goes_on_with(a)
        ends(b, a)
    return still


def agent(server, account, **state):
    return server.api("PATCH", f"/domains/demo.test/accounts/{account}/agent", state)


def waiting(phones):
    """In a queue that has answered, whose agent comes after the death."""
    a, b = phones[1009], phones[1010]
    a.begin_call("600")
    a.finish_call()

    def still():
        settled(a)
        agent(b.server, b.user, paused=False)
        b.take()
        b.wait_request("ACK")
        b.goes_on_with(a)
        ends(b, a)
        agent(b.server, b.user, paused=True)
    return still


def over_a_trunk(phones, provider):
    a = phones[1008]
    a.call(OUTSIDE, provider)
    a.talks_with(provider)

    def still():
        a.goes_on_with(provider)
        ends(a, provider)
    return still


def ends(phone, other):
    settled(phone, other)
    bye = phone.in_dialog("BYE")
    other.respond(other.wait_request("BYE", 8), "200 OK")
    expect(phone.wait_response(bye).startswith("SIP/2.0 200"), f"the BYE of {phone.user} is answered")


def protected(server, count):
    items = server.api("GET", "/calls?limit=1000")["items"]
    return items if len(items) == count and all(each["protected"] for each in items) else None


def records_of(server, count):
    def enough():
        with contextlib.suppress(Failed):
            items = server.api("GET", "/domains/demo.test/cdr?limit=1000")["items"]
            return items if len(items) >= count else None
        return None
    items = wait_for(enough, f"{count} records", 30)
    expect(len(items) == count and all(each["result"] == "answered" for each in items), f"{count} records: {items}")
    return items


def every_kind_of_call_outlives_its_server(folder):
    with Site(folder, servers=3, nodes="one", settings=ALLOWED) as site:
        site.spread_roles()
        first = site.first
        first.make_domain(accounts=ACCOUNTS)
        trunk = first.api("POST", "/domains/demo.test/trunks",
                          {"name": "line", "mode": "peer", "proxies": [f"{HERE}:{PROVIDER}"]})
        first.api("PATCH", "/domains/demo.test", {"settings": {"default_trunk": trunk["id"]}})
        members = [each["id"] for each in first.api("GET", "/domains/demo.test/accounts")["items"] if each["login"] == "1010"]
        first.api("POST", "/domains/demo.test/queues",
                  {"name": "sales", "number": "600", "members": members, "answers": True})
        agent(first, "1010", logged_in=True, paused=True)
        for dead in range(2):  # who has most posts, and another one
            with SiteProvider(first, PROVIDER, address=HERE, challenges=False) as provider, Phones(site) as phones:
                wait_for(lambda heard=provider: heard.times("OPTIONS"), "the provider is pinged", 40)
                checks = {"transferred": transferred(phones), "held": held(phones), "parked": parked(phones),
                          "over a trunk": over_a_trunk(phones, provider), "waiting": waiting(phones)}
                wait_for(lambda: protected(site.first, len(checks)), "all calls are safe", 10)
                leads = leading(site)
                others = [server for server in site.servers if server is not leads]
                victim, living = (leads, others[0]) if dead == 0 else (others[0], others[1])
                victim.kill()
                phones.leave(victim, living)
                for name, check in checks.items():
                    try:
                        check()
                    except Failed as failure:
                        raise Failed(f"{victim.name} died; {name}: {failure}") from failure
                records_of(living, len(checks) * (dead + 1))
                victim.launch()
                site.wait_serving()


def owners(site):
    """The server of each role instance, by its number."""
    return {each["instance"]: site.server_of(node["node"])
            for node in site.first.api("GET", "/status")["nodes"] for each in node["instances"]}


def ring(phones, site):
    """Calls that ring, each between two phones of one server; and the server of the B2B of each."""
    pairs = [(phones[a], phones[a + 3]) for a in (1001, 1002, 1003, 1007, 1008, 1009, 1013)]
    for caller, callee in pairs:
        caller.begin_call(callee.user)
        callee.invite = callee.wait_request("INVITE")
        callee.learn_media(callee.invite)
        callee.respond(callee.invite, "180 Ringing")
        caller.wait_response(caller.last_request, least=180)
    server_of = owners(site)
    servers = {each["caller"]: server_of[each["owner"]]
               for each in site.first.api("GET", "/calls?limit=1000")["items"]}
    return [(caller, callee, servers[caller.user]) for caller, callee in pairs]


def callers_of_others(living, server_of, victim):
    """Who calls by way of a B2B that is not the victim's; nobody while call state changes hands."""
    with contextlib.suppress(Failed):
        items = living.api("GET", "/calls?limit=1000")["items"]
        return {each["caller"] for each in items if server_of[each["owner"]] is not victim}
    return set()


def ringing_calls_ring_on_with_another_b2b(folder):
    """With survival = all: who answers after the death of his call's server has the call. (Who has the gate of one of his
    phones there has lost it.)"""
    with Site(folder, servers=3, nodes="one", settings=ALLOWED) as site:
        site.spread_roles()
        first = site.first
        first.make_domain(accounts=ACCOUNTS)
        for role in first.api("GET", "/roles?limit=1000")["items"]:
            if role["role"] == "B2B":
                first.api("PATCH", f"/roles/{role['id']}", {"b2bua": {"survival": "all"}})
        with Phones(site) as phones:
            calls = ring(phones, site)
            foreign = [each for each in calls if phones.homes[each[0].user] is not each[2]]
            victim = foreign[0][2]
            lost = [each for each in foreign if each[2] is victim]
            server_of = owners(site)
            victim.kill()
            living = next(server for server in site.servers if server is not victim)
            # A phone would repeat its 200, these do not: the heirs are to be known first.
            wait_for(lambda: {caller.user for caller, _, _ in lost} <= callers_of_others(living, server_of, victim),
                     "the calls have been taken over", 10)
            time.sleep(0.2)  # gates hear of it on their own
            for caller, callee, _ in lost:
                to = callee.respond(callee.invite, "200 OK", body=callee.sdp())
                callee.dialog = {"call": header(callee.invite, "Call-ID"), "cseq": 0, "from": to,
                                 "to": header(callee.invite, "From"), "target": callee.target_of(callee.invite)}
                caller.finish_call()
                callee.wait_request("ACK")
                caller.goes_on_with(callee)
                ends(caller, callee)


if __name__ == "__main__":
    main(every_kind_of_call_outlives_its_server, ringing_calls_ring_on_with_another_b2b)
