#!/usr/bin/env python3
"""Trunks whose proxies are names: NAPTR, SRV and A records of a real name server (RFC 3263, RFC 2782).

    trunk_names.py [TEST...]
"""

import contextlib
import time

from calling_phone import CallingPhone
from calls import nothing_left
from harness import expect, main, running, wait_for
from name_server import NameServer, servers
from provider import Provider

DOMAIN = "/domains/demo.test"
ONE, TWO, THREE = (f"127.0.0.{number}" for number in (2, 3, 4))
PORT = 5080
BUSY = "486 Busy Here"


@contextlib.contextmanager
def site(folder, names):
    with running(folder, host=names) as server, CallingPhone(server, "1001", 5066) as phone:
        phone.register()
        yield server, phone


def provider(server, address, **options):
    return Provider(server, PORT, address=address, challenges=False, **options)


def add_trunk(server, name="line", **fields):
    trunk = server.api("POST", f"{DOMAIN}/trunks", {"name": name, "proxies": ["provider.test"], **fields})
    server.api("PATCH", DOMAIN, {"settings": {"default_trunk": trunk["id"]}})


def state_of(server, name="line"):
    return next(each for each in server.api("GET", f"{DOMAIN}/trunk-states")["items"] if each["name"] == name)


def known(server, *addresses):
    """Whether the trunk knows these places, and no others."""
    return [each["address"] for each in state_of(server)["proxies"]] == [f"{address}:{PORT}" for address in addresses]


def tried_and_busy(phone, *providers):
    """How often each was asked in `calls` calls that are all refused."""
    before = [each.times("INVITE") for each in providers]
    expect(phone.try_call("0301") == 486, "somebody is asked")
    return [each.times("INVITE") - count for each, count in zip(providers, before)]


def calls_go_by_priority_and_weight(folder):
    """Three quarters of the calls to one of two equal servers, none to the third; and what becomes of a call whose first
    server is dead, refuses, or both."""
    with NameServer(folder) as names:
        names.serve(*servers(("a", ONE, PORT, 10, 30), ("b", TWO, PORT, 10, 10), ("c", THREE, PORT, 20, 0)), ttl=60)
        with site(folder, names) as (server, phone), provider(server, TWO) as second, provider(server, THREE) as third:
            with provider(server, ONE) as first:
                add_trunk(server, mode="peer", ping_s=3600)
                wait_for(lambda: [each["state"] for each in state_of(server)["proxies"]] == ["up"] * 3, "the name leads somewhere")
                expect(names.asked("provider.test") == 1 and names.asked("_sip._udp.provider.test") == 1, "it is asked once")
                first.refuses = second.refuses = third.refuses = BUSY
                calls = 120
                for _ in range(calls):
                    phone.try_call("0301")
                counts = [each.times("INVITE") for each in (first, second, third)]
                # Of 120 calls 90 are expected at the first, with a standard deviation of 4.7; five of them either way.
                expect(sum(counts) == calls and counts[2] == 0 and 66 <= counts[0] <= 114, f"{counts}")
                first.refuses = second.refuses = "503 Service Unavailable"
                expect(tried_and_busy(phone, first, second, third) == [1, 1, 1], "the third comes last, and comes")
            # The first has no socket any more: its host says so.
            second.refuses = BUSY
            wait_for(lambda: tried_and_busy(phone, second, third) == [1, 0] and
                     "down" in [each["state"] for each in state_of(server)["proxies"]], "it is known to be away", 20)
            began = time.monotonic()
            for _ in range(8):
                expect(tried_and_busy(phone, second, third) == [1, 0], "the other one of the rank is next")
            expect(time.monotonic() - began < 2, "without waiting for the first")
            second.refuses, third.refuses = "503 Service Unavailable", None
            phone.call("0301", third)
            phone.talks_with(third)
            phone.hang_up(third)
            nothing_left(server)


def a_registration_goes_to_the_best_server_that_is_there(folder):
    """The first is dead at the start: REGISTER, OPTIONS and calls are the second's, until the first is back."""
    with NameServer(folder) as names:
        names.serve(*servers(("a", ONE, PORT, 10, 0), ("b", TWO, PORT, 20, 0)), ttl=60)
        with site(folder, names) as (server, phone), provider(server, TWO) as second:
            add_trunk(server, user="4930100", password="line-secret", ping_s=1)
            wait_for(lambda: second.registered and state_of(server)["registered"], "the second is registered with")
            expect(server.logged(f"does not reach {ONE}:{PORT}"), "the log says what is away")
            expect(second.times("OPTIONS") > 0, "it is pinged")
            expect([each["state"] for each in state_of(server)["proxies"]] == ["down", "up"], f"{state_of(server)}")
            phone.call("0301", second)
            phone.hang_up(second)
            second.call_in("1001", phone, uri=second.registered["4930100"])
            second.hang_up(phone)
            with provider(server, ONE) as first:
                wait_for(lambda: first.registered, "it returns to the first, which is better", 12)
                wait_for(lambda: [each["state"] for each in state_of(server)["proxies"]] == ["up", "up"], "both are there")
                phone.call("0301", first)
                phone.hang_up(first)
                first.call_in("1001", phone, uri=first.registered["4930100"])
                first.hang_up(phone)
                second.registered.clear()
            wait_for(lambda: second.registered, "it dies: back to the second", 15)
            phone.call("0301", second)
            phone.hang_up(second)


def where_no_server_can_be_is_left_out(folder):
    with NameServer(folder) as names:
        names.serve(*servers(("a", "0.0.0.0", PORT, 10, 0), ("b", "224.0.1.75", PORT, 20, 0), ("c", ONE, 0, 30, 0),
                             ("d", TWO, PORT, 40, 0)))
        with site(folder, names) as (server, phone), provider(server, TWO) as there:
            add_trunk(server, mode="peer", ping_s=1)
            wait_for(lambda: known(server, TWO), "the only place")
            trouble = f"leaves out 0.0.0.0:{PORT}, where provider.test leads to: no server can be there"
            expect(trouble in state_of(server)["error"], f"{state_of(server)}")
            phone.call("0301", there)
            phone.hang_up(there)
            told = [each["text"] for each in server.api("GET", "/events")["items"] if trouble in each["text"]]
            expect(len(told) == 1, f"{told}")


def records_that_change_are_followed(folder):
    """A name that stops to resolve keeps its last addresses, and says so; new servers count when the old records have expired."""
    with NameServer(folder) as names:
        names.serve(*servers(("a", ONE, PORT, 10, 0)))
        with site(folder, names) as (server, phone), provider(server, ONE) as first, provider(server, THREE) as third:
            add_trunk(server, user="4930100", password="line-secret")
            wait_for(lambda: first.registered and state_of(server)["registered"], "the first is registered with")
            names.serve()
            wait_for(lambda: "goes on with the last addresses of provider.test" in state_of(server).get("error", ""),
                     "that there is no address any more", 15)
            expect(state_of(server)["registered"] and known(server, ONE), f"{state_of(server)}")
            phone.call("0301", first)
            phone.hang_up(first)
            names.serve(*servers(("c", THREE, PORT, 10, 0)))
            # Absence is known for half a minute at most, a failure for less.
            wait_for(lambda: third.registered, "the new server is registered with, long before the refresh", 45)
            expect(known(server, THREE) and not state_of(server).get("error"), f"{state_of(server)}")
            expect(server.logged("can look up provider.test again"), "the log says so")
            phone.call("0301", third)
            phone.hang_up(third)
            nothing_left(server)


if __name__ == "__main__":
    main(calls_go_by_priority_and_weight, a_registration_goes_to_the_best_server_that_is_there,
         where_no_server_can_be_is_left_out, records_that_change_are_followed)
