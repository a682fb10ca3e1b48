#!/usr/bin/env python3
"""Real phones call each other through the whole system: baresip and linphone, over every transport,
with and without SDES, IPv4 and IPv6. Each plays a tone of its own and must hear the other's; the
record of the call must be right; everything on the wire must decode, and hide the other party."""

import contextlib
import os
import time

import tone
import wire
from baresip import Baresip
from harness import expect, main, running, wait_for

from linphone import Linphone
from network import SERVER, SERVER6, Host, make_world
from websocket_phone import WebSocketPhone

DOMAIN = "demo.local"
NODES = os.environ.get("TANDEM_TEST_NODES", "one")
TALK_S = float(os.environ.get("TANDEM_TEST_TALK_S", "2.5"))
TONES = (400, 600)
ENCRYPTED = ("tls", "wss")  # signalling


class Side:
    """How one phone of a pair is set up, and whether its media will be encrypted."""

    def __init__(self, kind=Baresip, transport="udp", encrypt="", ipv6=False, **options):
        self.kind, self.transport, self.encrypt, self.ipv6 = kind, transport, encrypt, ipv6
        self.encrypted = encrypt == "srtp-mand"
        self.options = options

    def refuses_first_offer(self):
        """SRTP is offered first where signalling is encrypted. A phone that refuses what it is
        offered first is asked again."""
        return self.encrypted != (self.transport in ENCRYPTED)

    def make(self, folder, server, index, tone_hz):
        host = Host(f"secret{index}")
        if self.ipv6:
            host.join(None, f"2001:db8:{index + 1}::2/64", f"2001:db8:{index + 1}::1/64")
        else:
            host.join(None, f"203.0.113.{4 * index + 2}/30", f"203.0.113.{4 * index + 1}/30")
        return self.on_host(host, folder, server, 1001 + index, tone_hz)

    def on_host(self, host, folder, server, user, tone_hz, **more):
        ca_file = os.path.join(server.data, "tls", "server.crt") \
            if self.transport in ENCRYPTED else ""
        options = {"port": wire.PORTS[self.transport]} | self.options | more
        return self.kind(host, folder, str(user), transport=self.transport, tone_hz=tone_hz,
                         encrypt=self.encrypt, server=SERVER6 if self.ipv6 else SERVER,
                         ca_file=ca_file, **options)


class Pair:
    """Two phones that talk, and how their call must end: `hangs_up` is 0 for the caller."""

    def __init__(self, caller, callee, hangs_up=0, *, media=("audio",), during=None):
        self.sides = (caller, callee)
        self.hangs_up = hangs_up
        self.media = media
        self.during = during  # what they do while they talk
        self.phones = []
        self.codec = ""

    def check_heard(self):
        for phone, frequency in zip(self.phones, reversed(TONES)):
            heard = phone.hears(frequency)
            expect(heard.tone_s >= 0.8 * TALK_S and heard.gap_s <= 0.2,
                   f"{phone.user} heard {heard.tone_s:.2f} s of {frequency} Hz in {TALK_S} s, "
                   f"longest gap {heard.gap_s:.2f} s: {heard.text}")

    def check_record(self, record):
        expect(record["result"] == "answered" and record["sip_status"] == 200, f"{record}")
        expect(record["caller"]["number"] == self.phones[0].user, f"caller in {record}")
        expect(record["callee"]["number"] == self.phones[1].user, f"callee in {record}")
        expect(record["released_by"] == ("caller", "callee")[self.hangs_up], f"released: {record}")
        expect(1000 * TALK_S - 100 <= record["duration_ms"] <= 1000 * TALK_S + 3000,
               f"duration {record['duration_ms']} ms of {TALK_S} s")
        legs = [leg for leg in record["legs"] if leg["sip_status"] == 200]
        expect([leg["side"] for leg in legs] == ["caller", "callee"], f"legs in {record}")
        refused = int(self.sides[1].refuses_first_offer())
        expect([leg["sip_status"] for leg in record["legs"] if leg not in legs] == [488] * refused,
               f"other legs in {record}")
        for leg, other, side in zip(legs, reversed(legs), self.sides):
            expect(tuple(each["media"] for each in leg["streams"]) == self.media, f"{record}")
            expect(all(each["packets_received"] for each in leg["streams"]), f"{record}")
            stream = leg["streams"][0]
            self.codec = stream["codec"]
            expect(stream["srtp"] == side.encrypted, f"srtp in {record}")
            sent = other["streams"][0]["packets_received"]
            expect(stream["packets_received"] >= 40 * TALK_S, f"packets in {record}")
            expect(stream["packets_sent"] == sent, f"packets relayed in {record}")
            expect(stream["packets_lost"] == 0 and stream["jitter_ms"] < 40, f"quality in {record}")
            expect(stream["mos"] > 4, f"MOS in {record}")

    def check_encryption(self, packets):
        """A tone is heard on the wire exactly where the phone does not encrypt."""
        for phone, side, frequency in zip(self.phones, self.sides, TONES):
            sent = [packet for packet in packets
                    if packet.source in phone.host.addresses and packet.is_rtp()]
            if self.codec != "PCMU":
                continue  # nothing to be heard; the record has told whether it was encrypted
            heard = tone.Heard(wire.samples_of(sent), 8000, frequency)
            expect((heard.tone_s > 1) != side.encrypted,
                   f"{phone.user} encrypts with {side.encrypt!r}, on the wire: {heard.text}")


def checks_of_wire(folder, capture, phones, ours=(SERVER, SERVER6)):
    """All that is checked once the phones are gone. The packets, for further checks."""
    wire.check_decodes(capture.path)
    decrypted = [(SERVER, "203.0.113.254", text) for phone in phones
                 for text in phone.received() if "\r\n\r\n" in text]
    wire.write_datagrams(os.path.join(folder, "traced.pcap"), decrypted)
    wire.check_decodes(os.path.join(folder, "traced.pcap"))
    packets = wire.packets_of(capture.path)
    for phone in phones:
        expect(phone.received(), f"no trace of what {phone.user} received")
        raw = [packet.data.decode("latin-1") for packet in packets
               if packet.destination in phone.host.addresses and not packet.is_tls()]
        wire.check_hides(phone, raw + phone.received(),
                         [other for other in phones if other is not phone], ours)
    return packets


def talk(folder, *pairs, settings=None, address=SERVER):
    """Runs the calls of all pairs at the same time, in one domain, and checks everything."""
    make_world()
    with contextlib.ExitStack() as stack, running(folder, accounts=(), address=address,
                                                  nodes=NODES) as server:
        users = [f"{1001 + index}" for index in range(2 * len(pairs))]
        server.make_domain(DOMAIN, users, **({"settings": settings} if settings else {}))
        if any(side.ipv6 for pair in pairs for side in pair.sides):
            add_ipv6(server)
        if any(side.transport == "ws" for pair in pairs for side in pair.sides):
            listen_to_plain_websockets(server)
        capture = stack.enter_context(wire.Capture(folder))
        phones = []
        for pair in pairs:
            for side, tone_hz in zip(pair.sides, TONES):
                phone = side.make(folder, server, len(phones), tone_hz)
                stack.callback(phone.host.close)
                phones.append(stack.enter_context(phone))
            pair.phones = phones[-2:]
        for phone in phones:
            phone.wait_registered()
        run_calls(pairs)
        records = wait_for(lambda: all_records(server, len(pairs)), "a CDR of each call")
        for pair in pairs:
            pair.check_record(next(record for record in records
                                   if record["caller"]["number"] == pair.phones[0].user))
        wait_for(lambda: not server.api("GET", "/calls")["items"], "no call is left")
        stack.close()  # phones and capture end
    for pair in pairs:
        pair.check_heard()
    ours = [SERVER, SERVER6]
    if address != SERVER:  # what of ours is nearest to each phone
        ours += [f"203.0.113.{4 * index + 1}" for index in range(len(phones))]
    packets = checks_of_wire(folder, capture, phones, tuple(ours))
    for pair in pairs:
        pair.check_encryption(packets)


def add_ipv6(server):
    """A second interface, while the server runs."""
    machine, = server.api("GET", "/servers")["items"]
    server.api("POST", "/interfaces", {"server": machine["id"], "name": "ipv6",
                                       "address": SERVER6, "family": "ipv6"})


def listen_to_plain_websockets(server):
    gate, = (role for role in server.api("GET", "/roles")["items"] if role["role"] == "SG")
    server.api("PATCH", f"/roles/{gate['id']}",
               {"sip_gate": {"ws_port": wire.PORTS["ws"]}})


def run_calls(pairs):
    for pair in pairs:
        pair.phones[0].dial(pair.phones[1].user)
    for pair in pairs:
        pair.phones[1].answer()
    for pair in pairs:
        for phone in pair.phones:
            phone.wait_talking()
    began = time.monotonic()
    for pair in pairs:
        if pair.during:
            pair.during(*pair.phones)
    time.sleep(max(0, began + TALK_S - time.monotonic()))
    for pair in pairs:
        pair.phones[pair.hangs_up].hang_up()
    for pair in pairs:
        for phone in pair.phones:
            phone.wait_over()


def all_records(server, count):
    items = server.api("GET", f"/domains/{DOMAIN}/cdr?limit=100")["items"]
    return items if len(items) >= count else None


def basic_call(folder):
    """The least, for split nodes."""
    talk(folder, Pair(Side(), Side(transport="tls", encrypt="srtp-mand"), 0),
         Pair(Side(transport="tcp"), Side(), 1))


def bound_to_all_addresses(folder):
    """As after the first start without an address: each phone is told the one that is nearest to it."""
    talk(folder, Pair(Side(), Side(), 0), Pair(Side(transport="tls", encrypt="srtp-mand"), Side(), 1),
         address="0.0.0.0")


def baresip_over_every_transport(folder):
    talk(folder, Pair(Side(), Side(), 0), Pair(Side(transport="tcp"), Side(transport="tcp"), 1),
         Pair(Side(transport="tls"), Side(transport="tls"), 0),
         Pair(Side(transport="udp"), Side(transport="tls"), 1))


def sdes_on_one_or_both_sides(folder):
    talk(folder, Pair(Side(encrypt="srtp-mand"), Side(), 0),
         Pair(Side(), Side(encrypt="srtp-mand"), 1),
         Pair(Side(encrypt="srtp-mand"), Side(encrypt="srtp-mand"), 0),
         Pair(Side(transport="tls", encrypt="srtp-mand"), Side(transport="tls"), 1))


def linphone_with_baresip_and_linphone(folder):
    talk(folder, Pair(Side(Linphone), Side(), 0), Pair(Side(), Side(Linphone, "tcp"), 1),
         Pair(Side(Linphone, "tls", "srtp-mand"), Side(Linphone), 1))


def ipv6_with_ipv4(folder):
    talk(folder, Pair(Side(ipv6=True), Side(), 0), Pair(Side(), Side(ipv6=True), 1))


def keys_multiplexed_rtcp_and_video(folder):
    """Keys (RFC 4733) are seen at the other side; RTCP shares the port of RTP where both ask for
    it (RFC 5761); pictures pass as they are."""
    def press(one, other):
        one.press("5")
        other.wait_key("5")
        other.press("7")
        if isinstance(one, Baresip):
            one.wait_key("7")
    video = {"modules": ("vp8", "fakevideo"), "more": "video_source fakevideo,nil\n"
             "video_display fakevideo,nil\nvideo_size 176x144\nvideo_fps 10"}
    multiplexing = Pair(Side(rtcp_mux=True), Side(rtcp_mux=True), 1, during=press)
    talk(folder, multiplexing, Pair(Side(Linphone), Side(), 0, during=press),
         Pair(Side(**video), Side(**video), 0, media=("audio", "video")))
    phone = multiplexing.phones[0]
    ports = {packet.port % 2 for packet in wire.packets_of(os.path.join(folder, "wire.pcapng"))
             if packet.source in phone.host.addresses and packet.is_rtcp()}
    expect(ports == {0}, f"RTCP went to ports of both kinds or to none: {ports}")


def websocket_with_baresip(folder):
    """At the gate's own ports, and at the port of the API (/sip)."""
    talk(folder, Pair(Side(WebSocketPhone, "wss", port=wire.PORTS["https"]), Side(), 1),
         Pair(Side(), Side(WebSocketPhone, "wss", port=wire.PORTS["https"]), 0),
         Pair(Side(WebSocketPhone, "wss"), Side(), 0),
         Pair(Side(), Side(WebSocketPhone, "ws"), 0),
         Pair(Side(WebSocketPhone, "ws"), Side(WebSocketPhone, "wss"), 1))
    messages = wire.tshark(os.path.join(folder, "wire.pcapng"), "websocket && sip", ["sip.Method"])
    expect(len(messages) >= 30, f"{len(messages)} SIP messages over WebSocket were decoded")


def blind_transfer(folder):
    """The second phone hands the first one over to a third; those two hear each other."""
    make_world()
    with contextlib.ExitStack() as stack, running(folder, accounts=(), address=SERVER,
                                                  nodes=NODES) as server:
        server.make_domain(DOMAIN, ("1001", "1002", "1003"))
        phones = []
        for index, tone_hz in enumerate((400, 600, 800)):
            phone = Side().make(folder, server, index, tone_hz)
            stack.callback(phone.host.close)
            phones.append(stack.enter_context(phone))
        first, second, third = phones
        for phone in phones:
            phone.wait_registered()
        first.dial("1002")
        second.answer()
        first.wait_talking()
        second.wait_talking()
        second.command("transfer", f"sip:1003@{DOMAIN}")
        third.answer()
        third.wait_talking()
        second.wait_over()
        time.sleep(TALK_S)
        first.hang_up()
        third.wait_over()
        record, = wait_for(lambda: all_records(server, 1), "the CDR")
        expect([each["to"]["number"] for each in record["transfers"]] == ["1003"],
               f"the transfer in {record}")
        wait_for(lambda: not server.api("GET", "/calls")["items"], "no call is left")
    for phone, frequency in ((first, 800), (third, 400)):
        heard = phone.hears(frequency)
        expect(heard.tone_s >= 0.8 * TALK_S, f"{phone.user} heard {heard.text}")


if __name__ == "__main__":
    main(basic_call, bound_to_all_addresses, baresip_over_every_transport, sdes_on_one_or_both_sides,
         linphone_with_baresip_and_linphone, ipv6_with_ipv4, websocket_with_baresip,
         keys_multiplexed_rtcp_and_video, blind_transfer)
