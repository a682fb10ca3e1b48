#!/usr/bin/env python3
"""Bad SIP from the network: each message gets the answer that it deserves, and harms nothing: phones
register and call right afterwards, and no connection and no memory stays behind.

    bad_input.py [--connections N] [--patient] [TEST...]

`--patient` waits for every timeout of slow and silent connections to its end (minutes).
"""

import argparse
import base64
import glob
import hashlib
import os
import re
import socket
import ssl
import statistics
import struct
import sys
import time

from calls import CALLEE_PORT, CALLER_PORT, figures, nothing_left
from harness import (ROOT, Failed, Server, expect, in_own_network, main, password_of, run, running,
                     wait_for)
from sound import SoundPhone

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--connections", type=int, default=2500, help="half-open ones")
OPTIONS.add_argument("--patient", action="store_true")
OPTIONS.add_argument("tests", nargs="*")
GIVEN = OPTIONS.parse_args()
# Of a loaded machine, whose disk may take its time.
ANSWERED_S = 15
CORPUS = os.path.join(ROOT, "tests", "corpus", "sip")

# What answers each file of the corpus; None: nothing, as for responses and ACKs. A domain example.net
# is served, so that what is sound meets more than a 404. REGISTERs are challenged (401); INVITEs from
# addresses of other domains are refused (403), for nobody calls from there; what has a To tag of nobody
# meets 481, OPTIONS 200.
ANSWERS = {
    "3_1_1_10": 200, "3_1_1_11": 404, "3_1_1_12": None, "3_1_1_13": None, "3_1_1_1_": 481,
    "3_1_1_2_": 501, "3_1_1_3_": 404, "3_1_1_4_": 401, "3_1_1_5_": 501, "3_1_1_6_": 200,
    "3_1_1_7_": 403, "3_1_1_8_": 401, "3_1_1_9_": 200,
    "3_1_2_10": 400, "3_1_2_11": 400, "3_1_2_12": 403, "3_1_2_13": 400, "3_1_2_14": 400,
    "3_1_2_15": 400, "3_1_2_16": 505, "3_1_2_17": 400, "3_1_2_18": 501, "3_1_2_19": None,
    "3_1_2_1_": 400, "3_1_2_2_": 400, "3_1_2_3_": 400, "3_1_2_4_": 400, "3_1_2_5_": None,
    "3_1_2_6_": 400, "3_1_2_7_": 400, "3_1_2_8_": 400, "3_1_2_9_": 400,
    "3_2_1_": 200, "3_3_10": None, "3_3_11": 483, "3_3_12": 401, "3_3_13": 401, "3_3_14": 401,
    "3_3_15": 403, "3_3_1_": 400, "3_3_2_": 416, "3_3_3_": 416, "3_3_4_": 404, "3_3_5_": 420,
    "3_3_6_": 403, "3_3_7_": 401, "3_3_8_": 400, "3_3_9_": 400, "3_4_1_": 403,
    "5118_4_10_three": 200, "5118_4_10_two": 200, "5118_4_1_": 401, "5118_4_2_": 400,
    "5118_4_3_": 401, "5118_4_4_": 401, "5118_4_5_received_with_": 481,
    "5118_4_5_received_without": 200, "5118_4_6_": 404, "5118_4_7_": 481, "5118_4_8_": 404,
    "5118_4_9_": 403, "invite_call": 404, "prack": 481, "unavailable": None,
}


def expected_answer(name):
    key = name.replace("4475_", "")
    found = [ANSWERS[each] for each in ANSWERS if key.startswith(each)]
    expect(len(found) == 1, f"{name} has {len(found)} expected answers")
    return found[0]


def unique(message):
    """The message as one of its own: some of the corpus share Call-ID and branch, and would be merged
    requests (482) or retransmissions of each other."""
    mark = os.urandom(4).hex().encode()
    message = re.sub(rb"(?im)^((?:call-id|i)[ \t]*:[ \t]*)(?=[^\s])", rb"\g<1>" + mark, message)
    return re.sub(rb"(?i)branch=z9hG4bK(?=[\w.-])", b"branch=z9hG4bK" + mark, message, count=1)


# --- Ways in.

class Udp:
    """One datagram a message, from a port of its own."""

    def __init__(self, server):
        self.address = (server.address, 5060)

    def exchange(self, message, timeout):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.sendto(message, self.address)
            return final_status(lambda: sock.recv(65536), sock, timeout)


class Tcp:
    port = 5060

    def __init__(self, server):
        self.address = (server.address, self.port)

    def connect(self):
        sock = socket.create_connection(self.address, 5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def exchange(self, message, timeout):
        with self.connect() as sock:
            sock.sendall(message)
            return final_status(lambda: sock.recv(65536), sock, timeout)


def unverified():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Tls(Tcp):
    port = 5061

    def connect(self):
        return unverified().wrap_socket(super().connect())


class Wss(Tls):
    """RFC 7118: one message a frame."""
    port = 8444

    def connect(self):
        sock = super().connect()
        key = base64.b64encode(os.urandom(16)).decode()
        sock.sendall((f"GET /sip HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                      f"Sec-WebSocket-Protocol: sip\r\n\r\n").encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = sock.recv(4096)
            expect(more, f"the upgrade was refused: {answer!r}")
            answer += more
        expect(answer.startswith(b"HTTP/1.1 101"), f"the upgrade was answered with {answer!r}")
        return sock

    @staticmethod
    def frame(message):
        mask = os.urandom(4)
        size = len(message)
        length = struct.pack("!B", 0x80 | size) if size < 126 else \
            struct.pack("!BH", 0x80 | 126, size) if size < 65536 else \
            struct.pack("!BQ", 0x80 | 127, size)
        return b"\x82" + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(message))

    def exchange(self, message, timeout):
        with self.connect() as sock:
            sock.sendall(self.frame(message))
            return final_status(lambda: sock.recv(65536), sock, timeout)


WAYS = {"udp": Udp, "tcp": Tcp, "tls": Tls, "wss": Wss}


def final_status(receive, sock, timeout):
    """The final status that comes within `timeout`; None when there is silence or the end."""
    end, text = time.monotonic() + timeout, b""
    while True:
        left = end - time.monotonic()
        if left <= 0:
            return None
        sock.settimeout(left)
        try:
            got = receive()
        except (TimeoutError, ConnectionError, ssl.SSLError):
            return None
        if not got:
            return None
        text += got
        for status in re.findall(rb"SIP/2\.0 (\d{3}) ", text):
            if int(status) >= 200:
                return int(status)


# --- What must hold after each.

def open_files(server):
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in server.node_pids())


def memory_kib(server):
    total = 0
    for pid in server.node_pids():
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
            total += int(re.search(r"Private_Dirty:\s+(\d+)", file.read()).group(1))
    return total


def phones_work(server):
    """A registration and a call from end to end."""
    with SoundPhone(server, "1002", CALLEE_PORT, silent=True) as callee, \
            SoundPhone(server, "1001", CALLER_PORT, silent=True) as caller:
        callee.register()
        status = caller.call("1002")
        expect(status == 200, f"a call was answered with {status}")
        expect(caller.hang_up() == 200, "BYE")
        expect(callee.hung_up.wait(3), "the callee gets a BYE")


class Unharmed:
    """Inside, anything may be sent; afterwards phones work, the same processes run, and connections
    and memory are back to what they were."""

    def __init__(self, server, memory_more_kib=16384):
        self.server, self.memory_more_kib = server, memory_more_kib

    def __enter__(self):
        phones_work(self.server)
        self.pids, self.files = self.server.node_pids(), open_files(self.server)
        self.memory = memory_kib(self.server)
        return self

    def __exit__(self, kind, *exception):
        if kind is not None:
            return
        phones_work(self.server)
        expect(self.server.node_pids() == self.pids, "a node was restarted")
        wait_for(lambda: open_files(self.server) <= self.files + 2, "connections are closed: "
                 f"{open_files(self.server)} open files, {self.files} before", 40, 0.2)
        nothing_left(self.server)
        more = memory_kib(self.server) - self.memory
        expect(more <= self.memory_more_kib, f"{more} KiB more memory than before")


# --- The tests.

def each_malformed_message_gets_its_answer(folder):
    names = sorted(os.path.basename(path) for path in glob.glob(CORPUS + "/*"))
    expect(len(names) >= 64, "the corpus is there")
    wrong = []
    for way_name, way in WAYS.items():
        part = os.path.join(folder, way_name)
        os.makedirs(part)
        with running(part) as server:
            server.make_domain("example.net", ())
            server.api("POST", "/domains/example.net/accounts",
                       {"login": "guest", "number": "100", "password": "x"})
            with Unharmed(server):
                for name in names:
                    expected = expected_answer(name)
                    if way_name in ("tcp", "tls"):
                        # Streams need a length (RFC 3261 18.3); what is missing may still come.
                        expected = {"4475_3_1_2_2_length_too_large.sip": None, "prack.sip": 400,
                                    "4475_3_4_1_rfc2543_invite.sip": 400}.get(name, expected)
                    with open(os.path.join(CORPUS, name), "rb") as file:
                        message = unique(file.read())
                    seen = way(server).exchange(message, 0.25 if expected is None else ANSWERED_S)
                    if seen != expected:
                        wrong.append(f"{way_name}, {name}: {seen}, expected {expected}")
    expect(not wrong, "\n".join(wrong))


def request(method="OPTIONS", more="", body="", length=None, call_id=None, uri="sip:demo.test"):
    call_id = call_id or os.urandom(6).hex()
    size = len(body) if length is None else length
    return (f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK{call_id};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:x@demo.test>;tag=1\r\nTo: <sip:demo.test>\r\n"
            f"Call-ID: {call_id}\r\nCSeq: 1 {method}\r\n{more}Content-Length: {size}\r\n\r\n{body}"
            ).encode()


def closes(sock, timeout):
    """Whether the server ends the connection within `timeout`."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        sock.settimeout(end - time.monotonic())
        try:
            if not sock.recv(65536):
                return True
        except (TimeoutError, ssl.SSLError):
            return False
        except OSError:
            return True
    return False


def too_much_of_everything(folder):
    huge = {
        "a header of 64 KiB": request(more="X-Long: " + "a" * 65536 + "\r\n"),
        "10 000 headers": request(more="".join(f"X-{i}: 1\r\n" for i in range(10000))),
        "a URI of 16 KiB": request(uri="sip:" + "u" * 16384 + "@demo.test"),
        "a method of 1 KiB": request(method="M" * 1024),
        "2000 Vias": request(more="Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n" * 2000),
        "2000 parameters": request(more="Contact: <sip:a@b>" + ";p=1" * 2000 + "\r\n"),
        "a length of 2^64": request(length=2**64),
        "a length of -1": request(length=-1),
        "a length of 1 GiB": request(length=2**30),
        "a length that is a word": request(length="many"),
        "a body of 1 MiB": request(body="b" * 2**20),
    }
    with running(folder) as server, Unharmed(server):
        for what, message in huge.items():
            for way_name, way in WAYS.items():
                if way_name == "udp" and len(message) > 60000:
                    continue  # no datagram is so long
                # An unreadable start line says nothing that an answer could be made of.
                short = len(message) < 60000 and "GiB" not in what and "method" not in what
                try:
                    seen = way(server).exchange(message, ANSWERED_S if short else 2.0)
                except OSError:  # closed while we still write: refused as well
                    continue
                expect(seen is None or 400 <= seen < 600, f"{what} over {way_name}: {seen}")
                expect(seen is not None or not short, f"{what} over {way_name}: no answer")


def bodies_and_heads_without_an_end(folder):
    with running(folder) as server, Unharmed(server):
        for way in (Tcp, Tls):
            for start in (request(length=200000), b"OPTIONS sip:demo.test SIP/2.0\r\nX: ", b"\x00" * 10,
                          b"a" * 10):
                with way(server).connect() as sock:
                    sock.settimeout(5)
                    sock.sendall(start)
                    sent = 0
                    try:
                        while sent < 64 * 2**20:
                            sent += sock.send(b"x" * 65536)
                    except (OSError, ssl.SSLError):
                        pass
                    expect(sent < 8 * 2**20, f"{sent} bytes were taken of what has no end")
        # What follows a body is the next message, or the end of the connection.
        with Tcp(server).connect() as sock:
            sock.sendall(request(body="x" * 1000) + b"no SIP at all\r\n\r\n")
            expect(closes(sock, 5), "a stream that is no SIP any more is closed")


def connect_from(source, address, first=b""):
    """A connection from an address of its own, or None when it is refused."""
    sock = socket.socket()
    sock.settimeout(2)
    try:
        sock.bind((source, 0))
        sock.connect(address)
        if first:
            sock.sendall(first)
    except OSError:
        sock.close()
        return None
    return sock


def half_open_connections(folder):
    """Thousands that never say anything, or stop in the middle of a handshake, from many addresses."""
    # A ClientHello that announces more than it brings.
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100)
    half = b"GET /api/v1/health HTTP/1.1\r\nX-"
    with running(folder) as server:
        # Memory that was used once is kept by the allocator, in pieces: the third round must not need more.
        for memory_more_kib in (262144, 65536, 16384):
            with Unharmed(server, memory_more_kib):
                open_half(server, hello, half)


def open_half(server, hello, half):
    began, silent = time.monotonic(), []
    for port, count, first in ((5060, GIVEN.connections, b""), (5061, GIVEN.connections, hello),
                               (8444, 200, hello), (8443, 200, hello), (8080, 200, half)):
        silent += [connect_from(f"127.0.1.{1 + index % 5}", (server.address, port), first)
                   for index in range(count)]
    took, files = time.monotonic() - began, open_files(server)
    phones_work(server)
    with Tls(server).connect() as sock:  # there is room for honest ones
        sock.sendall(request())
        expect(final_status(lambda: sock.recv(65536), sock, 5) == 200, "a ping over TLS")
    server.api("GET", "/health")
    print(f"        {len(silent)} opened in {took:.1f} s, {files} files open")
    # One address alone has a bound of its own.
    crowd = [connect_from("127.0.1.9", (server.address, 5060)) for _ in range(1200)]
    with Tcp(server).connect() as sock:
        sock.sendall(request())
        expect(final_status(lambda: sock.recv(65536), sock, 5) == 200, "a ping over TCP")
    if GIVEN.patient:
        wait_for(lambda: open_files(server) < 200, "silent ones are closed by the server", 90, 1)
    for sock in silent + crowd:
        if sock:
            sock.close()


def slow_senders_and_readers(folder):
    with running(folder) as server, Unharmed(server, 65536):
        slow = Tcp(server).connect()
        message = request()
        began, sent = time.monotonic(), 0
        # A reader that does not read: its answers pile up to a bound, then it is cut off.
        with Tcp(server).connect() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.settimeout(2)
            count = 0
            try:
                while count < 60000:
                    deaf.sendall(b"".join(request() for _ in range(20)))
                    count += 20
                    if count % 400 == 0 and sent < len(message):
                        sent += slow.send(message[sent:sent + 1])
            except OSError:
                pass
            expect(count < 60000, "a reader that never reads is cut off")
        if GIVEN.patient:
            try:
                while sent < len(message):
                    time.sleep(1)
                    sent += slow.send(message[sent:sent + 1])
            except OSError:
                pass
            took = time.monotonic() - began
            expect(sent < len(message), "a byte a second is too slow")
            print(f"        a byte a second was cut off after {took:.0f} s")
        slow.close()


# --- Digests.

def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


class Login:
    """REGISTERs of one account with credentials that a test spoils."""

    def __init__(self, server, user="1001"):
        self.server, self.user, self.count = server, user, 0
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.settimeout(ANSWERED_S)
        self.port = self.sock.getsockname()[1]

    def send(self, authorization="", domain="demo.test"):
        self.count += 1
        call_id = os.urandom(6).hex()
        self.sock.sendto((
            f"REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{self.port};"
            f"branch=z9hG4bK{call_id};rport\r\nMax-Forwards: 70\r\n"
            f"From: <sip:{self.user}@{domain}>;tag=1\r\nTo: <sip:{self.user}@{domain}>\r\n"
            f"Call-ID: {call_id}\r\nCSeq: 1 REGISTER\r\nExpires: 60\r\n"
            f"Contact: <sip:{self.user}@127.0.0.1:{self.port}>\r\n{authorization}"
            f"Content-Length: 0\r\n\r\n").encode(), (self.server.address, 5060))
        text = self.sock.recv(65536).decode()
        return int(text.split(" ")[1]), text

    def challenge(self):
        status, text = self.send()
        expect(status == 401, f"a REGISTER without proof: {status}")
        return dict(re.findall(r'(\w+)="([^"]*)"', text.split("WWW-Authenticate:")[1].split("\r\n")[0]))

    def proof(self, asked, **changed):
        part = {"username": self.user, "realm": asked["realm"], "nonce": asked["nonce"],
                "uri": "sip:demo.test", "cnonce": "0a4f", "nc": "00000001", "qop": "auth",
                "algorithm": "MD5", "password": password_of(self.user), **changed}
        secret = md5(f"{part['username']}:{part['realm']}:{part['password']}")
        response = md5(f"{secret}:{part['nonce']}:{part['nc']}:{part['cnonce']}:auth:"
                       f"{md5('REGISTER:' + part['uri'])}")
        part.setdefault("response", response)
        bare = ("nc", "qop", "algorithm")
        fields = [f'{name}={part[name]}' if name in bare else f'{name}="{part[name]}"'
                  for name in ("username", "realm", "nonce", "uri", "response", "cnonce", *bare)
                  if part[name] is not None]
        return "Authorization: Digest " + ", ".join(fields) + "\r\n"


def wrong_digests(folder):
    with running(folder) as server, Unharmed(server):
        login = Login(server)

        def answered(what, status, stale=None, authorization=None, **changed):
            asked = login.challenge()
            line = authorization(asked) if authorization else login.proof(asked, **changed)
            seen, text = login.send(line)
            expect(seen == status, f"{what}: {seen}, expected {status}\n{line}{text}")
            if stale is not None:
                is_stale = re.search(r"stale=true", text, re.I) is not None
                expect(is_stale == stale, f"{what}: stale is {is_stale}\n{text}")
        answered("a right one", 200)
        answered("a wrong password", 403, password="wrong")
        answered("a wrong response", 403, response="0" * 32)
        answered("a response that is too short", 403, response="0" * 8)
        answered("another account's name", 403, username="1002", password=password_of("1002"))
        answered("an unknown name", 403, username="nobody")
        answered("a wrong realm", 401, stale=False, realm="elsewhere.test")
        answered("a nonce of nobody", 401, stale=True, nonce="0123456789abcdef")
        answered("an empty nonce", 400, nonce="")
        answered("an unknown algorithm", 401, stale=False, algorithm="MD17")
        answered("an algorithm that is not offered", 403, algorithm="SHA-512-256")
        # RFC 7616 3.4.6: a proof for one resource is none for another.
        answered("another uri, proven", 400, uri="sip:elsewhere.test")
        answered("the server's address for its name", 200, uri="sip:127.0.0.1:5060")
        answered("no uri", 400, authorization=lambda asked: login.proof(asked).replace(
            'uri="sip:demo.test", ', ""))
        for name in ("username", "nonce", "response"):
            answered(f"no {name}", 400, authorization=lambda asked, name=name: re.sub(
                rf'{name}="[^"]*", ', "", login.proof(asked)))
        answered("no cnonce though there is a qop", 400, cnonce=None)
        answered("no nc though there is a qop", 400, nc=None)
        answered("a count that is no number", 400, nc="xyz")
        answered("an unknown qop", 400, qop="auth-psychic")
        answered("another scheme", 401, authorization=lambda _: "Authorization: Basic eDp5\r\n")
        answered("nothing but the scheme", 400, authorization=lambda _: "Authorization: Digest\r\n")
        answered("garbage", 400, authorization=lambda _: 'Authorization: Digest "=,,=="\r\n')
        # The same count again is a replay; a later one is not.
        asked = login.challenge()
        line = login.proof(asked)
        expect(login.send(line)[0] == 200, "the first use of a nonce")
        seen, text = login.send(line)
        expect(seen == 401 and "stale=true" in text.lower(), f"a replayed count: {seen}\n{text}")
        expect(login.send(login.proof(asked, nc="00000002"))[0] == 200, "the next count")


def time_tells(server):
    """Whether a refusal of a known user takes another time than one of an unknown user."""
    times = {"1001": [], "nobody": []}
    logins = {user: Login(server, user) for user in times}
    asked = {user: logins[user].challenge() for user in times}
    for count in range(400):
        for user, login in logins.items():
            line = login.proof(asked[user], password="wrong", nc=f"{count + 1:08x}")
            began = time.perf_counter()
            status, _ = login.send(line)
            times[user].append(time.perf_counter() - began)
            expect(status == 403, f"{user}: {status}")
    known, unknown = (statistics.median(each) for each in times.values())
    print(f"        a refusal takes {1e6 * known:.0f} us for a known user, "
          f"{1e6 * unknown:.0f} us for an unknown one")
    return abs(known - unknown) >= 0.15 * known + 20e-6


def unknown_users_look_like_known_ones(folder):
    """The same answers, in the same time, whether the account exists or not."""
    with running(folder) as server, Unharmed(server):
        for user in ("1001", "nobody"):
            login = Login(server, user)
            asked = login.challenge()
            expect(set(asked) >= {"realm", "nonce"}, f"the challenge: {asked}")
            status, text = login.send(login.proof(asked, password="wrong"))
            expect(status == 403, f"{user} with a wrong password: {status}")
        # A difference that does not come again is the machine's.
        expect(not all(time_tells(server) for _ in range(3)), "the time tells who exists")
        # Callers: 407 whoever they say they are, and 407 whoever they call.
        for caller, callee in (("1001", "1002"), ("1001", "nobody"), ("nobody", "1002")):
            phone = SoundPhone(server, caller, 0, silent=True)
            with phone:
                phone.port = phone.sip.getsockname()[1]
                phone.contact = f"<sip:{caller}@127.0.0.1:{phone.port}>"
                uri = f"sip:{callee}@demo.test"
                phone.dialog = {"from": phone.address() + ";tag=u", "to": f"<{uri}>",
                                "call": os.urandom(6).hex()}
                status, _, _ = phone.ask("INVITE", uri=uri, body=phone.description())
                expect(status == 407, f"{caller} calls {callee}: {status}")
        expect(Login(server, "1001").send(domain="elsewhere.test")[0] == 404, "an unknown domain")


class Elsewhere:
    """A network namespace with an address that the server does not trust."""

    def __init__(self):
        self.name = f"tandem-bad-{os.getpid()}"

    def __enter__(self):
        run(["ip", "netns", "add", self.name])
        inside = ["ip", "netns", "exec", self.name]
        run(["ip", "link", "add", "bad0", "type", "veth", "peer", "name", "bad1", "netns", self.name])
        run(["ip", "address", "add", "198.51.100.1/24", "dev", "bad0"])
        run(["ip", "link", "set", "bad0", "up"])
        run(inside + ["ip", "address", "add", "198.51.100.2/24", "dev", "bad1"])
        run(inside + ["ip", "link", "set", "bad1", "up"])
        run(inside + ["ip", "link", "set", "lo", "up"])
        return self

    def run(self, command, timeout=60):
        return run(["ip", "netns", "exec", self.name] + command, timeout=timeout, check=False)

    def __exit__(self, *exception):
        run(["ip", "netns", "delete", self.name], check=False)


def scanners_find_nothing_and_are_banned(folder):
    with Elsewhere() as elsewhere, running(folder, address="198.51.100.1") as server:
        started = time.monotonic()
        found = elsewhere.run(["svwar", "-e1000-1100", "-m", "REGISTER", "198.51.100.1",
                               "--domain", "demo.test", "-v"])
        text = found.stdout + found.stderr
        expect(not re.search(r"\|\s*100[12]\s*\|\s*(noauth|reqauth)", text) or
               re.search(r"\|\s*1050\s*\|", text), f"svwar tells who exists:\n{text}")
        words = os.path.join(folder, "words")
        with open(words, "w", encoding="utf-8") as file:
            file.write("\n".join([f"guess-{i}" for i in range(400)] + [password_of("1001")]) + "\n")
        cracked = elsewhere.run(["svcrack", "-u", "1001", "-d", words, "198.51.100.1",
                                 "--domain", "demo.test"], 90)
        text = cracked.stdout + cracked.stderr
        expect(password_of("1001") not in text, f"svcrack found the password:\n{text}")
        seen = figures(server, ["sip_bans", "sip_banned", "register_refused"])
        expect(seen["sip_bans"] >= 1 and seen["sip_banned"] >= 1, f"nobody was banned: {seen}")
        print(f"        {seen}, after {time.monotonic() - started:.1f} s")


ALL = [each_malformed_message_gets_its_answer, too_much_of_everything,
       bodies_and_heads_without_an_end, half_open_connections, slow_senders_and_readers,
       wrong_digests, unknown_users_look_like_known_ones, scanners_find_nothing_and_are_banned]


if __name__ == "__main__":
    in_own_network()
    sys.argv = sys.argv[:1] + GIVEN.tests
    main(*ALL)
