#!/usr/bin/env python3
"""The harness does to machines what it says."""

import time

from cluster import Machine, Site, SlowDisk
from harness import Failed, expect, in_own_network, main, wait_for


def hears(machine, other, count=1):
    """How many of so many datagrams of one machine reach the other."""
    with machine.socket() as sender, other.socket() as receiver:
        receiver.bind((other.address, 0))
        receiver.settimeout(0.3)
        heard = 0
        for _ in range(count):
            sender.sendto(b"there?", receiver.getsockname())
        try:
            while heard < count:
                receiver.recv(100)
                heard += 1
        except TimeoutError:
            pass
    return heard


def links(folder):
    with Site(folder, nodes="one") as site:
        server, phones = site.first.machine, site.phones
        expect(hears(phones, server) == 1, "machines reach each other")
        server.cut()
        expect(hears(phones, server) == 0, "a cut link carries nothing")
        server.mend()
        wait_for(lambda: hears(phones, server) == 1, "a mended one does")
        server.lose(50)
        heard = hears(phones, server, 100)
        expect(20 <= heard <= 80, f"half is lost: {heard} of 100")
        server.lose(0)
        expect(hears(phones, server, 20) == 20, "nothing is lost any more")
        server.slow_link("1mbit")
        began = time.monotonic()
        phones.run(["sh", "-c", f"curl -s {site.first.url}/metrics > /dev/null"])
        server.slow_link(None)
        expect(time.monotonic() - began < 10, "a slow link carries")


def processes(folder):
    with Site(folder) as site:
        server = site.first
        pids = server.pids()
        expect(len(pids) == 10, f"a parent and nine nodes: {pids}")
        began = time.monotonic()
        server.pause(0.5)
        expect(time.monotonic() - began >= 0.5, "paused")
        server.api("GET", "/health")
        server.kill()
        expect(not server.pids(), f"all are dead: {server.pids()}")
        server.start()
        site.wait_serving()
        expect(not set(server.pids()) & set(pids), "all are new")


def several_servers(folder):
    """A second one joins and takes roles; it dies and comes back; its cable is cut and mended."""
    with Site(folder, servers=2) as site:
        second = site.servers[1]
        for role in ("SG", "B2B", "MG"):
            site.add_role(role, second)
        site.wait_serving()
        home = next(each["node"] for each in site.first.api("GET", "/servers")["items"]
                    if each["name"] == second.name)

        def is_there():
            return all(home in site.instances().get(role, ()) for role in ("SG", "B2B", "MG"))
        expect(is_there(), f"{site.instances()}")
        second.kill()
        wait_for(lambda: not is_there(), "it is gone", 10)
        second.launch()
        wait_for(is_there, "it is back", 30)
        second.machine.cut()
        wait_for(lambda: not is_there(), "it is cut off", 20)
        second.machine.mend()
        wait_for(is_there, "it is back", 30)


def resumed_while_it_drains(folder):
    """What had ended by then begins again, and what had not ends first."""
    with Site(folder, servers=2, nodes="one") as site:
        second = site.servers[1].name
        for role in ("SG", "B2B", "MG"):
            site.add_role(role, site.servers[1])
        site.wait_serving()
        site.first.tandem("server", "drain", second, "--no-wait")
        site.first.tandem("server", "resume", second)
        time.sleep(7)  # a gate goes on for 5 s
        site.wait_serving()


def disk(folder):
    with Site(folder, nodes="one") as site:
        site.first.make_domain(accounts=())

        def accounts(first, count=20):
            began = time.monotonic()
            for i in range(count):
                site.first.api("POST", "/domains/demo.test/accounts", {"login": str(first + i)})
            return time.monotonic() - began
        fast = accounts(1000)
        try:
            with SlowDisk(site.first, 20):
                slow = accounts(2000)
        except Failed as error:
            print(f"        skipped: {error}")
            return
        print(f"        20 accounts: {fast:.2f} s, and {slow:.2f} s on a slow disk")
        expect(slow > fast, "a slow disk is slower")


if __name__ == "__main__":
    in_own_network()
    main(links, processes, several_servers, resumed_while_it_drains, disk)
