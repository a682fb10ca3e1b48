#!/usr/bin/env python3
"""Real phones behind a NAT whose mapping changes in the middle of a call: sound goes on both ways,
and so do requests of either side, at the latest when the phone has registered again."""

import contextlib
import time

import tone
import wire
from harness import expect, main, running, wait_for
from linphone import Linphone
from network import SERVER, SERVER6, Host, Router, make_world
from phones import DOMAIN, NODES, Side, all_records

TALK_S = 1.5
# Requests of phones take their time on a busy machine: sound is looked for within this.
PATIENCE_S = 4.0
# Phones register anew this often here; the least that the domain is told to allow.
EXPIRES_S = 10
SETTINGS = {"expires_min_s": EXPIRES_S}


class NatPair:
    """A phone behind a router of its own, and one that is not. `inside_calls`: who calls;
    `inside_ends`: who hangs up. `registers_again`: soon enough to wait for it; baresip gives itself
    30 s and more after a broken connection."""

    def __init__(self, inside, outside, *, inside_calls, inside_ends, registers_again=True):
        self.sides = (inside, outside)
        self.registers_again = registers_again
        self.inside_calls, self.inside_ends = inside_calls, inside_ends
        self.inside = self.outside = self.router = None
        self.heard_s = 0.0
        self.phases = []

    @property
    def caller(self):
        return self.inside if self.inside_calls else self.outside

    @property
    def callee(self):
        return self.outside if self.inside_calls else self.inside

    @property
    def ends(self):
        return self.inside if self.inside_ends else self.outside

    def make(self, folder, server, stack, index):
        self.router = Router(f"router{index}", index)
        stack.callback(self.router.close)
        home = Host(f"home{index}").join(self.router, f"10.77.{index}.2/24", f"10.77.{index}.1/24")
        away = Host(f"away{index}").join(None, f"203.0.113.{4 * index + 2}/30",
                                         f"203.0.113.{4 * index + 1}/30")
        phones = []
        for number, (side, host, hz) in enumerate(zip(self.sides, (home, away), (400, 600))):
            stack.callback(host.close)
            phone = side.on_host(host, folder, server, 1001 + 2 * index + number, hz,
                                 expires_s=EXPIRES_S)
            phones.append(stack.enter_context(phone))
        self.inside, self.outside = phones

    def sound_goes_both_ways(self, what, least_s, timeout=6.0):
        """From now on each hears `least_s` more of the other. Of a phone whose file comes late the
        sum is checked in the end."""
        ears = [(phone, hz) for phone, hz in ((self.inside, 600), (self.outside, 400))
                if phone.records_live]
        before = [phone.hears(hz).tone_s for phone, hz in ears]
        wait_for(lambda: all(phone.hears(hz).tone_s >= start + least_s
                             for (phone, hz), start in zip(ears, before)),
                 f"{what}: sound both ways between {self.inside.user} and {self.outside.user}",
                 timeout, 0.3)
        self.heard_s += least_s

    def check_sum(self):
        heard = self.inside.hears(600)
        expect(heard.tone_s >= 0.9 * self.heard_s, f"{self.inside.user} heard {heard.tone_s} s of "
               f"{self.heard_s}: {heard.text}")

    def check_phases(self, packets):
        """baresip records no more once a call was changed: from then on the wire tells what it was
        sent."""
        for what, begin, end in self.phases:
            for side, address, hz in zip(self.sides, (self.router.public,
                                                      self.outside.host.addresses[0]), (600, 400)):
                came = best_of([packet for packet in packets if packet.destination == address
                                and begin <= packet.time < end and packet.is_rtp()])
                expect(len(came) >= 40 * TALK_S, f"{what}: {len(came)} packets to {address}")
                if side.encrypted:
                    continue
                heard = tone.Heard(wire.samples_of(came), 8000, hz)
                expect(heard.tone_s >= 0.8 * TALK_S, f"{what}, to {address}: {heard.text}")


def best_of(packets):
    """The packets of the TALK_S in which most came."""
    best, first = [], 0
    for last, packet in enumerate(packets, 1):
        while packet.time - packets[first].time >= TALK_S:
            first += 1
        if last - first > len(best):
            best = packets[first:last]
    return best


def each(pairs, action):
    for pair in pairs:
        action(pair)


def is_bound_to_new_address(server, pair):
    items = server.api("GET", f"/domains/{DOMAIN}/bindings")["items"]
    return any(pair.router.public in str(item) for item in items
               if pair.inside.user in str(item))


def mapping_changes(folder, *pairs):
    make_world()
    with contextlib.ExitStack() as stack, running(folder, accounts=(), address=SERVER,
                                                  nodes=NODES) as server:
        server.make_domain(DOMAIN, [str(1001 + index) for index in range(2 * len(pairs))],
                           settings=SETTINGS)
        capture = stack.enter_context(wire.Capture(folder))
        for index, pair in enumerate(pairs):
            pair.make(folder, server, stack, index)
        phones = [phone for pair in pairs for phone in (pair.inside, pair.outside)]
        for phone in phones:
            phone.wait_registered()
        each(pairs, lambda pair: pair.caller.dial(pair.callee.user))
        each(pairs, lambda pair: pair.callee.answer())
        for phone in phones:
            phone.wait_talking()
        each(pairs, lambda pair: pair.sound_goes_both_ways("at first", 1.0))

        each(pairs, lambda pair: pair.router.remap(Router.public_addresses(pair.router.index)[1]))
        each(pairs, lambda pair: pair.sound_goes_both_ways("after the change", TALK_S))

        reached = [pair for pair in pairs if pair.registers_again]
        for pair in reached:
            wait_for(lambda pair=pair: is_bound_to_new_address(server, pair),
                     f"{pair.inside.user} has registered from its new address", 2 * EXPIRES_S, 0.3)
        for side in ("inside", "outside"):
            hold_and_resume(reached, side)
        each(pairs, lambda pair: pair.ends.hang_up())
        for phone in phones:
            phone.wait_over()
        check_records(server, pairs)
        stack.close()
    for pair in pairs:
        if not pair.inside.records_live:
            pair.check_sum()
    check_wire(capture, pairs, phones)


def hold_and_resume(pairs, side):
    """Both are requests of one phone that reach the other, wherever they are now."""
    for act in ("hold", "resume"):
        each(pairs, lambda pair, act=act: getattr(getattr(pair, side), act)())
        time.sleep(1)
    begin = time.time()
    time.sleep(PATIENCE_S)
    for pair in pairs:
        pair.phases.append((f"after the hold by {side}", begin, time.time()))


def check_records(server, pairs):
    records = wait_for(lambda: all_records(server, len(pairs)), "a CDR of each call")
    for pair in pairs:
        record = next(record for record in records
                      if record["caller"]["number"] == pair.caller.user)
        expect(record["result"] == "answered", f"{record}")
        ended = "caller" if pair.ends is pair.caller else "callee"
        expect(record["released_by"] == ended, f"{record}")


def check_wire(capture, pairs, phones):
    wire.check_decodes(capture.path)
    packets = wire.packets_of(capture.path)
    for pair in pairs:
        pair.check_phases(packets)
    for phone in phones:
        public = [address for pair in pairs if phone is pair.inside
                  for address in Router.public_addresses(pair.router.index)]
        raw = [packet.data.decode("latin-1") for packet in packets
               if packet.destination in (*phone.host.addresses, *public)
               and not packet.is_tls()]
        wire.check_hides(phone, raw + phone.received(),
                         [other for other in phones if other is not phone], (SERVER, SERVER6),
                         public)


def baresip_and_linphone_over_udp(folder):
    mapping_changes(
        folder,
        NatPair(Side(), Side(), inside_calls=True, inside_ends=False),
        NatPair(Side(Linphone), Side(), inside_calls=False, inside_ends=True),
        NatPair(Side(encrypt="srtp-mand"), Side(), inside_calls=False, inside_ends=False))


def baresip_and_linphone_over_connections(folder):
    mapping_changes(
        folder,
        NatPair(Side(transport="tcp"), Side(), inside_calls=True, inside_ends=True,
                registers_again=False),
        NatPair(Side(Linphone, "tcp"), Side(), inside_calls=False, inside_ends=False),
        NatPair(Side(Linphone, "tls", "srtp-mand"), Side(), inside_calls=True, inside_ends=True))


if __name__ == "__main__":
    main(baresip_and_linphone_over_udp, baresip_and_linphone_over_connections)
