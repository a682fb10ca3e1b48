#!/usr/bin/env python3
"""Two servers with all roles and a third machine that only observes and votes: whichever of the two dies, the other
takes over; and the third hosts nothing."""

import contextlib
import os
import sys
import time

from cluster import ROLES, Site, SiteServer, call, join

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from harness import Failed, expect, main, wait_for  # noqa: E402

POSTS = ("SR", "MGC", "CS", "ST")
# Of a loaded machine; tandem drill measures the time of a switch.
TAKEN_OVER_S = 15


def posts(server):
    """{role: node of the active copy}, as this server sees them."""
    with contextlib.suppress(OSError, Failed):
        return {each["role"]: node["node"] for node in server.api("GET", "/status")["nodes"]
                for each in node["instances"] if each["role"] in POSTS and each["state"] == "serving"}
    return {}


def the_other_takes_over(folder):
    with Site(folder, servers=2, nodes="one") as site:
        first, second = site.servers
        third = SiteServer(folder, 3, nodes="one")
        site.servers.append(third)
        join(first, third, "--witness")
        place = next(each for each in first.api("GET", "/servers")["items"] if each["name"] == third.name)
        expect(place["witness"], f"it is a witness: {place}")
        try:
            site.add_role("SR", third)
        except Failed as error:
            expect("is a witness and has no roles" in str(error), f"the refusal: {error}")
        else:
            raise Failed("a witness was given a role")
        for role in ROLES:
            site.add_role(role, second)
        site.wait_serving()
        wait_for(lambda: first.api("GET", "/site/store")["fault_tolerant"], "three members of etcd vote", 60, 0.3)
        homes = {each["name"]: each["node"] for each in first.api("GET", "/servers")["items"]}
        wait_for(lambda: set(posts(first)) == set(POSTS), "all posts are taken", 20)
        first.make_domain()
        for dying, other in ((first, second), (second, first)):
            wait_for(lambda: len(posts(other)) == len(POSTS), "all posts are taken", 30)
            began = time.monotonic()
            dying.kill()
            wait_for(lambda: posts(other) == {role: homes[other.name] for role in POSTS},
                     f"{other.name} has all posts", TAKEN_OVER_S)
            print(f"        {other.name} has all posts after {time.monotonic() - began:.1f} s")
            call(other)
            dying.launch()
            dying.wait_healthy(60)
            wait_for(lambda: other.api("GET", "/site/store")["fault_tolerant"], "three members vote again", 60, 0.3)
            site.wait_serving()
        hosts = {node["node"] for node in first.api("GET", "/status")["nodes"] if node["instances"]}
        expect(homes[third.name] not in hosts, f"{third.name} hosts nothing: {hosts}")


if __name__ == "__main__":
    main(the_other_takes_over)
