#!/usr/bin/env python3
"""A server that stood still for some seconds, with calls and their sound through it, sends nothing to
phones when it wakes: others act for it. Its packets are counted."""

import argparse
import datetime
import re
import signal
import socket
import struct
import threading
import time

from cluster import Site
from harness import Failed, expect, in_own_network, main, wait_for
from site_drill import watched

PAUSE_S = 5
BATCH, BATCH_S = 32, 0.02
ETH_P_ALL = 0x0003  # a bridge takes frames before other sockets see them
UDP = 17
OVER = "the other nodes act for this one"


class Capture:
    """Times of the UDP packets that come from an address, seen where the phones are."""

    def __init__(self, address):
        self.source = socket.inet_aton(address)
        self.times = []
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.settimeout(0.2)
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.ends.set()
        self.thread.join()
        self.socket.close()

    def run(self):
        while not self.ends.is_set():
            try:
                packet = self.socket.recv(64)
            except TimeoutError:
                continue
            protocol, source = struct.unpack("!9xB2x4s", packet[:16])
            if protocol == UDP and source == self.source:
                self.times.append(time.time())


def logged_at(server, text, mark):
    """When the first line with this text was written after `mark`."""
    with open(server.log_path, encoding="utf-8", errors="replace") as log:
        log.seek(mark)
        for line in log:
            found = re.match(r"time=(\S+)Z ", line)
            if found and text in line:
                return datetime.datetime.fromisoformat(found[1] + "+00:00").timestamp()
    return None


def pause_and_count(server):
    mark = server.log_size()
    with Capture(server.machine.address) as capture:
        time.sleep(1)
        began = time.time()
        expect(len(capture.times) > 20, f"packets come from it before: {len(capture.times)}")
        pids = server.pids()
        for pid in pids:
            server.signal(pid, signal.SIGSTOP)
        time.sleep(PAUSE_S)
        woke = time.time()
        for pid in pids:
            server.signal(pid, signal.SIGCONT)
        wait_for(lambda: server.logged(OVER, mark), "it learns that others act for it", 10)
        over = logged_at(server, OVER, mark)
        time.sleep(1)
    expect(not [at for at in capture.times if began + 0.1 < at < woke], "nothing comes while it stands still")
    sent = [at - woke for at in capture.times if woke <= at < over]
    # A batch that was being handed to the kernel when it was stopped leaves when it goes on.
    expect(len(sent) <= BATCH and max(sent, default=0) < BATCH_S, f"{len(sent)} packets after it woke, the last after {max(sent, default=0):.3f} s; "
           f"it learned that it is over after {over - woke:.3f} s")
    print(f"        {len(sent)} packets within the {over - woke:.3f} s from its waking to its end")


def says_nothing_after_it_woke(folder):
    given = argparse.Namespace(rounds=1, judge_time=False, calls=20, rate=5, registrations=50)
    with Site(folder, servers=3, nodes="one") as site:
        site.spread_roles()
        report = watched(site, given, "woken", pause_and_count)
        for what in ("registrations_lost", "answered_lost", "owned_twice"):
            if report[what]:
                raise Failed(f"{what}: {report[what]}; {'; '.join(report['lost'][:3])}")


if __name__ == "__main__":
    in_own_network()
    main(says_nothing_after_it_woke)
