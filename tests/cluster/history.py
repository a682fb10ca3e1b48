#!/usr/bin/env python3
"""The records of ended calls outlive the server whose ST is active, and its disk."""

import contextlib
import os
import sqlite3
import sys
import time

from cluster import ALLOWED, Site, call

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from harness import Failed, expect, main, wait_for  # noqa: E402

# The store stays in SQLite at the first server, instead of moving to an etcd of three voters.
SQLITE = "[etcd]\nautomatic = false\n"


def answered(server, count):
    """The ids of the records that the API has, each once."""
    def ids():
        with contextlib.suppress(Failed):
            found = [each["id"] for each in server.api("GET", "/cdr?limit=1000")["items"]]
            return found if len(found) >= count else None
        return None
    found = wait_for(ids, f"{count} records", 20)
    expect(len(found) == count and len(set(found)) == count, f"{count} records, each once: {found}")
    return set(found)


def on_disk(server):
    """The ids that are in the history of this server itself."""
    path = os.path.join(server.data, "history.db")
    if not os.path.exists(path):
        return set()
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        try:
            return {row[0] for row in database.execute("SELECT lower(hex(id)) FROM record_body")}
        except sqlite3.OperationalError:
            return set()


def stores(site):
    """The STs that run: {number: (node, state)}."""
    return {each["instance"]: (node["node"], each["state"]) for node in site.first.api("GET", "/status")["nodes"]
            for each in node["instances"] if each["role"] == "ST"}


def active(site):
    """Number of the active ST; None while there is not exactly one."""
    with contextlib.suppress(Failed):
        found = [number for number, (_, state) in stores(site).items() if state == "serving"]
        return found[0] if len(found) == 1 else None
    return None


def a_server_dies(folder, settings=""):
    with Site(folder, servers=3, nodes="one", settings=ALLOWED + settings) as site:
        first = site.first
        first.make_domain()
        old = active(site)
        homes = {site.add_role("ST", server): server for server in site.servers[1:]}
        site.wait_serving()
        if not settings:
            wait_for(lambda: first.api("GET", "/site/store")["fault_tolerant"], "three members of etcd vote", 60, 0.3)
        role = next(each for each in first.api("GET", "/roles?limit=1000")["items"] if each["number"] == old)
        first.api("DELETE", f"/roles/{role['id']}")
        holder = wait_for(lambda: active(site) if active(site) in homes else None, "another ST is active", 20)
        for _ in range(3):
            call(first)
        records = answered(first, 3)
        for server in homes.values():
            wait_for(lambda server=server: on_disk(server) == records, f"{server.name} has all records", 10)
        expect(not on_disk(first) & records, "the first server has no ST, and no record")
        homes[holder].kill()
        other = wait_for(lambda: active(site) if active(site) not in (None, holder) else None,
                         "the other ST is active", 20)
        expect(answered(first, 3) == records, "the same records")
        call(first)
        records = answered(first, 4)
        expect(on_disk(homes[other]) == records, "the new one is there, too")
        time.sleep(1)
        expect(len(on_disk(homes[holder])) == 3, "and not on the dead server")
        # It comes back, and gets what it has missed.
        homes[holder].launch()
        wait_for(lambda: on_disk(homes[holder]) == records, "the dead one has it, when it is back", 30)
        expect(answered(first, 4) == records, "each once")


def over_etcd(folder):
    a_server_dies(folder)


def over_sqlite(folder):
    a_server_dies(folder, SQLITE)


if __name__ == "__main__":
    main(over_etcd, over_sqlite)
