"""What went over the wire in a test: captured, decoded by tshark, and searched for what no phone may
learn of the other party or of the inside."""

import functools
import os
import re
import signal
import struct
import subprocess
from typing import NamedTuple

from harness import Failed, expect, run

# Node links, the API and phones' control ports are not what phones see.
FILTER = "not port 8080 and not host 127.0.0.1 and not host ::1"
MEDIA_PORTS = range(30000, 40000)
PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 8445, "wss": 8444,
         "https": 8443}

# What tshark may say. Both are about TCP itself, never about a message: a machine that is late repeats
# segments, and a phone that ends drops its connections.
TOLERATED = re.compile(r"/Sequence\)|Connection reset \(RST\)|\((?:Note|Chat|Comment)/")


# What tshark may take a packet for because of its port.
SPOKEN = {"dns", "http", "sip", "stun", "tls"}


@functools.cache
def without_strangers():
    """A router gives any port to a phone; tshark would take IAPP from 2313 for what is spoken."""
    rows = [line.split("\t") for line in run(["tshark", "-G", "decodes"], timeout=60).stdout.splitlines()]
    strangers = {row[2] for row in rows if row[0] in ("udp.port", "tcp.port")} - SPOKEN
    return [part for name in sorted(strangers) for part in ("--disable-protocol", name)]


class Capture:
    """Every packet between this namespace and the hosts, from `with` to the end of it."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "wire.pcapng")
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(
            ["dumpcap", "-q", "-i", "any", "-f", FILTER, "-w", self.path],
            stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if line.startswith("File:"):
                return self
        raise Failed("dumpcap did not start")

    def __exit__(self, *exception):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=10)


def tshark(path, wanted, fields):
    """Rows of the fields of the packets that match the filter. Keys of TLS that phones wrote beside
    the capture are used."""
    command = ["tshark", "-n", "-r", path, "-Y", wanted, "-T", "fields", "-E", "occurrence=a",
               "-E", "separator=\t",
               # Media whose description went by over TLS is known by its looks.
               "--enable-heuristic", "rtp_udp",
               # What a picture holds is the phones' affair: tshark takes every second packet of
               # baresip's for broken.
               "--disable-protocol", "vp8", *without_strangers(),
               "-d", f"tls.port=={PORTS['wss']},http", "-d", f"tls.port=={PORTS['https']},http",
               "-d", f"tcp.port=={PORTS['ws']},http"]
    keys = os.path.join(os.path.dirname(path), "tls.keys")
    if os.path.exists(keys):
        command += ["-o", f"tls.keylog_file:{keys}"]
    for field in fields:
        command += ["-e", field]
    return [line.split("\t") for line in run(command, timeout=120).stdout.splitlines()]


def check_decodes(path):
    """tshark finds no fault in any message, and knows what each datagram is."""
    faults = []
    for number, source, protocol, items, info in tshark(
            path, '_ws.malformed || _ws.expert.severity >= "Warning"',
            ["frame.number", "ip.src", "_ws.col.Protocol", "_ws.expert", "_ws.col.Info"]):
        # SRTCP that a description announced: the bodies that follow its first block are not for us.
        # They may look like RTCP by chance. A phone that has just closed its port quotes them in ICMP.
        if protocol in ("SRTCP", "ICMP", "ICMPv6") and ("Encrypted RTCP Payload" in items or "Malformed Packet" in items):
            continue
        if not all(TOLERATED.search(item) for item in items.split(",Expert ")):
            faults.append(f"packet {number} from {source}: {items} in {info}")
    expect(not faults, "tshark finds faults:\n" + "\n".join(faults[:20]))
    # SRTCP whose description went by over TLS looks like nothing (the types of RTCP are 200 to 207).
    unknown = tshark(path, "udp && data && !(udp.length <= 12) && !(data[1:1] >= c8 && "
                     "data[1:1] <= cf && udp.port >= 30000 && udp.port < 40000)",
                     ["frame.number", "ip.src", "ip.dst", "udp.dstport", "data"])
    expect(not unknown, f"tshark does not know what these are: {unknown[:10]}")


class Packet(NamedTuple):
    time: float
    source: str
    destination: str
    source_port: int
    port: int
    data: bytes

    def is_rtp(self):
        """From or to an RTP port of the server: even, with a header of RTP that is not RTCP."""
        return (self.port in MEDIA_PORTS and self.port % 2 == 0 or
                self.source_port in MEDIA_PORTS and self.source_port % 2 == 0) and \
            len(self.data) > 12 and self.data[0] >> 6 == 2 and not 192 <= self.data[1] <= 223

    def is_tls(self):
        """Its text is the phone's own trace. The server's certificate, which names the server, is
        for everybody."""
        return self.source_port in (PORTS["tls"], PORTS["wss"], PORTS["https"])

    def is_rtcp(self):
        return (self.port in MEDIA_PORTS or self.source_port in MEDIA_PORTS) and \
            len(self.data) >= 8 and self.data[0] >> 6 == 2 and 192 <= self.data[1] <= 223


def packets_of(path):
    fields = ["frame.time_epoch", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "udp.srcport",
              "udp.dstport", "udp.payload", "tcp.srcport", "tcp.dstport", "tcp.payload"]
    packets = []
    for row in tshark(path, "(udp.payload || tcp.payload) && !icmp && !icmpv6", fields):
        row += [""] * (len(fields) - len(row))
        packets.append(Packet(float(row[0]), row[1] or row[3], row[2] or row[4],
                              int(row[5] or row[8]), int(row[6] or row[9]),
                              bytes.fromhex(row[7] or row[10])))
    return packets


def write_datagrams(path, messages):
    """A capture of (source, destination, text): what came encrypted, as the phone decrypted it.
    Raw IPv4, classic pcap."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 1 << 18, 101))
        for source, destination, text in messages:
            data = text.encode()
            udp = struct.pack(">HHHH", 5060, 5060, 8 + len(data), 0) + data
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0,
                             bytes(map(int, source.split("."))),
                             bytes(map(int, destination.split("."))))
            file.write(struct.pack("<IIII", 0, 0, len(ip + udp), len(ip + udp)) + ip + udp)


# Whatever a phone makes up for one dialog or for itself, and the other one has no need to know.
OWN_WORDS = re.compile(
    r"(?im)^(?:Call-ID|i):[ ]*(\S+)|;tag=([^;>\s]+)|;branch=([^;>\s]+)"
    r"|^(?:Contact|m):.*<sips?:([^@>]*)@|\+sip\.instance=\"<([^>]+)>"
    r"|^o=\S+ (\d+) \d+ IN|inline:([A-Za-z0-9+/=]+)|^(?:User-Agent|Server):[ ]*([^\r\n]+)")
ADDRESS = re.compile(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b|\b2001:db8:[0-9a-fA-F:]+")
NEVER = ("127.0.0.1", "localhost", "tandemd", "::1]")


def own_words(text, user):
    found = {word for match in OWN_WORDS.finditer(text) for word in match.groups() if word}
    return {word for word in found if len(word) > 3 and word != user}


def check_hides(phone, received, others, server_addresses, public=()):
    """`received` is the text of everything that reached the phone. Nothing in it is of the inside,
    and nothing was made up by, or is an address or name of, another phone."""
    text = "\n".join(received)
    allowed = {*server_addresses, *phone.host.addresses, *public}
    for address in set(ADDRESS.findall(text)):
        expect(address in allowed, f"{phone.user} was told of {address}, not of {allowed}")
    for word in NEVER:
        expect(word not in text, f"{phone.user} was told of {word}")
    for media in re.findall(r"(?m)^m=\S+ (\d+)", text):
        expect(int(media) == 0 or int(media) in MEDIA_PORTS, f"port {media} in SDP")
    sessions = set(re.findall(r"(?m)^o=\S+ (\d+) ", text))
    mine = own_words("\n".join(phone.sent()), phone.user)
    for other in others:
        expect(other.host.name not in text, f"{phone.user} was told of host {other.host.name}")
        for word in own_words("\n".join(other.sent()), other.user) - mine:
            # linphone numbers its sessions with few digits, which occur elsewhere by chance.
            told = word in (text if len(word) > 5 else sessions)
            expect(not told, f"{phone.user} was told {word!r} of {other.user}")


ULAW = []
for _code in range(256):
    _value = ~_code & 0xff
    _level = (((_value & 0x0f) << 3) + 0x84 << ((_value & 0x70) >> 4)) - 0x84
    ULAW.append(-_level if _value & 0x80 else _level)


def samples_of(packets):
    """What RTP packets say to somebody who listens on the wire and takes them for PCMU."""
    return [ULAW[value] for packet in packets if packet.data[1] & 0x7f == 0
            for value in packet.data[12:]]
