"""Hosts of a test, each in a network namespace of its own, joined to the test's namespace ("the
world", where the server is) by a link of their own, so that no host can reach another directly."""

import contextlib
import ctypes
import os
import socket
import subprocess

from harness import Failed, run

CLONE_NEWNET = 0x40000000
SERVER = "192.0.2.10"
SERVER6 = "2001:db8::10"
_LIBC = ctypes.CDLL(None, use_errno=True)


def make_world():
    """Gives this namespace the addresses of the server. Nothing is forwarded between hosts."""
    for address in (SERVER + "/32", SERVER6 + "/128"):
        run(["ip", "address", "replace", address, "dev", "lo"])


@contextlib.contextmanager
def inside(pid):
    """What is opened within is opened in the network of process `pid`, and stays there."""
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        _set_namespace(there)
        yield
    finally:
        _set_namespace(here)
        os.close(here)
        os.close(there)


def _set_namespace(file):
    if _LIBC.setns(file, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Host:
    """A machine with a name and addresses that nobody else should ever see. It lives as long as
    its process, which waits for the end of its input, so nothing is left when a test is killed."""

    def __init__(self, name):
        self.name = name
        self.addresses = []
        self.process = subprocess.Popen(
            ["unshare", "--net", "--uts", "sh", "-c",
             f"hostname {name} && ip link set lo up && echo ready && exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise Failed(f"host {name} did not start")
        self.pid = self.process.pid

    def close(self):
        self.process.stdin.close()
        self.process.wait(5)
        self.process.stdout.close()

    def command(self, words):
        """The command that runs `words` on this host."""
        return ["nsenter", "--net", "--uts", "-t", str(self.pid), *words]

    def run(self, words, **options):
        return run(self.command(words), **options)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_DGRAM):
        with inside(self.pid):
            return socket.socket(family, kind)

    def join(self, peer, own, gateway, device="up0"):
        """A link to `peer` (a Host, or None for the world). `own` and `gateway` are addresses with
        the length of their prefix; the gateway's becomes the peer's address on the link."""
        other_end = f"{device}-{self.name}"[:15]
        run(["ip", "link", "add", other_end, "type", "veth", "peer", "name", device,
             "netns", str(self.pid)])
        at_peer = run
        if peer:
            run(["ip", "link", "set", other_end, "netns", str(peer.pid)])
            at_peer = peer.run
        family = "-6" if ":" in own else "-4"
        quick = ["nodad"] if ":" in own else []
        at_peer(["ip", "address", "add", gateway, "dev", other_end, *quick])
        at_peer(["ip", "link", "set", other_end, "up"])
        self.run(["ip", "address", "add", own, "dev", device, *quick])
        self.run(["ip", "link", "set", device, "up"])
        self.run(["ip", family, "route", "add", "default", "via", gateway.split("/")[0]])
        self.addresses.append(own.split("/")[0])
        return self


class Router(Host):
    """A NAT with two public addresses. `remap` is what a reboot of a home router, or a phone's move
    from one network to another, does to whoever is behind."""

    def __init__(self, name, index):
        super().__init__(name)
        self.index = index
        self.public = None
        first, second = self.public_addresses(index)
        self.join(None, first + "/29", f"198.51.100.{8 * index + 1}/29")
        self.run(["ip", "address", "add", second + "/29", "dev", "up0"])
        # A connection that lost its mapping is answered with a reset, which has to come through.
        self.run(["sysctl", "-qw", "net.ipv4.ip_forward=1",
                  "net.netfilter.nf_conntrack_tcp_be_liberal=1"])
        self.remap(first)

    @staticmethod
    def public_addresses(index):
        return f"198.51.100.{8 * index + 2}", f"198.51.100.{8 * index + 3}"

    def remap(self, address):
        """From now on `address` is what the world sees, with a port by chance, for every packet."""
        self.public = address
        rules = (f"table ip nat\ndelete table ip nat\ntable ip nat {{\n chain out {{\n"
                 f"  type nat hook postrouting priority srcnat\n"
                 f'  oifname "up0" snat to {address} fully-random\n }}\n}}\n')
        self.run(["nft", "-f", "-"], input=rules)
        self.run(["conntrack", "--flush"])
