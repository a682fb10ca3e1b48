"""Processor time of a relayed packet: our media gate, rtpengine and bare relays under one load.

300 calls of two parties who send 50 packets a second each (media_load): 600 sparse sockets, 30 000
packets a second. Only the relay is billed; each packet must come out at the right party.
"""

import os
import re
import subprocess
import time

from harness import BUILD, Failed
from peers import RtpEngine
from phone import AnsweringPhone, Phone
from report import Measure, progress
from signalling import CALLEE_PORT, CALLER_PORT, TandemServer, register_callee
from usage import Cpu

CALLS = 300
WARM_S, MEASURED_S = 4, 8  # rtpengine takes 3 s to learn where a party is
KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"


def description(port, key=None):
    """Of a party of media_load. Lines end with CR LF when they go into a message."""
    profile = "RTP/SAVP" if key else "RTP/AVP"
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
             f"m=audio {port} {profile} 8", "a=rtpmap:8 PCMA/8000"]
    if key:
        lines.append(f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}")
    return "\n".join(lines) + "\n"


def relay_of(sdp):
    """Where a party shall send to, and the key that it will be sent with."""
    port = re.search(r"^m=audio (\d+) ", sdp, re.MULTILINE)
    key = re.search(r"^a=crypto:\d+ AES_CM_128_HMAC_SHA1_80 inline:([A-Za-z0-9+/=]+)", sdp,
                    re.MULTILINE)
    if not port:
        raise Failed(f"no port in {sdp}")
    return int(port[1]), key[1] if key else None


class Load:
    """The parties. First their ports are known, then they learn where to send."""

    def __init__(self):
        self.process = subprocess.Popen([os.path.join(BUILD, "bench", "media_load"), str(2 * CALLS)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = [int(port) for port in self.process.stdout.readline().split()]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)

    def start(self, relays):
        """`relays`: for each party the port, and with SRTP the keys to send and to receive with."""
        for relay in relays:
            self.process.stdin.write(" ".join(str(word) for word in relay if word) + "\n")
        self.process.stdin.flush()

    def counts(self):
        self.process.stdin.write("count\n")
        self.process.stdin.flush()
        return [int(word) for word in self.process.stdout.readline().split()]

    def cost(self, pids):
        """us of processor that `pids` take for a packet."""
        time.sleep(WARM_S)
        sent, received, wrong = self.counts()
        cpu = Cpu(pids)
        time.sleep(MEASURED_S)
        used = cpu.used_us()
        sent, received, wrong = [after - before for after, before in
                                 zip(self.counts(), (sent, received, wrong))]
        # A busy machine may keep the senders below their rate, but not far.
        if wrong or received < 0.99 * sent or sent < 0.3 * 100 * CALLS * MEASURED_S:
            raise Failed(f"of {sent} packets {received} came out, {wrong} of them wrong")
        progress(f"    {received / MEASURED_S:,.0f} packets/s at {used / received:.2f} us")
        return used / received


def floor_cost(mode):
    """relay_floor.cc: a loop that does nothing but relay."""
    progress(f"  floor {mode}")
    with Load() as load:
        floor = subprocess.Popen([os.path.join(BUILD, "bench", "relay_floor"), mode],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            floor.stdin.write(" ".join(map(str, load.ports)) + "\n")
            floor.stdin.flush()
            load.start([(port,) for port in floor.stdout.readline().split()])
            return load.cost([floor.pid])
        finally:
            floor.stdin.close()
            floor.stdout.close()
            floor.wait(10)


def rtpengine_cost(folder, key=None):
    progress("  rtpengine" + (", SRTP on one side" if key else ""))
    with RtpEngine(folder) as engine, Load() as load:
        relays = []
        for i in range(0, 2 * CALLS, 2):
            to_callee, to_caller = engine.session(
                f"call{i}", description(load.ports[i], key).replace("\n", "\r\n"),
                description(load.ports[i + 1]).replace("\n", "\r\n"), "RTP/AVP")
            port, their_key = relay_of(to_caller)
            relays += [(port, key, their_key) if key else (port,), (relay_of(to_callee)[0],)]
        load.start(relays)
        return load.cost(engine.pids())


class MediaCallee(AnsweringPhone):
    """Answers call n with the port of the load's party 2n + 1, and keeps what it was offered."""

    def __init__(self, server, ports):
        super().__init__(server, "1002", CALLEE_PORT)
        self.ports = ports
        self.offers = {}  # by the caller's port, which our own answers take in order

    def answer_to(self, invite):
        index = self.offers.setdefault(relay_of(invite)[0], len(self.offers))
        return description(self.ports[2 * index + 1])


def tandem_cost(folder, key=None):
    progress("  Tandem" + (", SRTP on one side" if key else ""))
    with TandemServer(folder) as tandem, Load() as load:
        register_callee(tandem)
        relays = []
        with MediaCallee(tandem.server, load.ports) as callee, \
                Phone(tandem.server, "1001", CALLER_PORT) as caller:
            for i in range(CALLS):
                answer = caller.call("1002", f"media{i}", description(load.ports[2 * i], key))
                port, their_key = relay_of(answer)
                offered = next(port for port, index in callee.offers.items() if index == i)
                relays += [(port, key, their_key) if key else (port,), (offered,)]
            load.start(relays)
            return load.cost(tandem.pids())


def relay(folder):
    floors = {mode: floor_cost(mode) for mode in ("epoll", "io_uring", "media_ports")}
    rtp, srtp = tandem_cost(folder + "/rtp"), tandem_cost(folder + "/srtp", KEY)
    peer, peer_srtp = rtpengine_cost(folder), rtpengine_cost(folder, KEY)
    barest = min(("epoll", "io_uring"), key=floors.get)
    unit = "us_cpu_per_packet"
    return [
        Measure("relay_rtp", unit, rtp, f"floor_{barest}", floors[barest], ("ratio", "<=", 1.3)),
        Measure("relay_rtp_to_rtpengine", unit, rtp, "rtpengine", peer),
        Measure("relay_srtp_to_rtpengine", unit, srtp, "rtpengine", peer_srtp,
                note="SRTP on one side: half of the packets are decrypted, half encrypted"),
        Measure("relay_media_ports", unit, floors["media_ports"], f"floor_{barest}", floors[barest],
                note="our RTP sockets alone; what the media gate adds comes on top"),
        Measure("relay_floor_epoll", unit, floors["epoll"]),
        Measure("relay_floor_io_uring", unit, floors["io_uring"])]
