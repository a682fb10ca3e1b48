"""A phone that speaks SIP over WebSocket (RFC 7118), as a browser would, with plain RTP."""

import base64
import hashlib
import os
import queue
import re
import socket
import ssl
import struct
import threading
import time

import tone
import wire
from harness import Failed, password_of

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class WebSocket:
    """One connection (RFC 6455), as client; gives and takes whole text messages."""

    def __init__(self, stream, host, path):
        self.stream = stream
        self.lock = threading.Lock()
        key = base64.b64encode(os.urandom(16)).decode()
        stream.sendall((f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
                        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                        "Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.read(1)
        if b" 101 " not in head or b"sec-websocket-protocol: sip" not in head.lower():
            raise Failed(f"no WebSocket: {head!r}")

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.stream.recv(size - len(data))
            if not more:
                raise ConnectionError("closed")
            data += more
        return data

    def send(self, data, kind=TEXT):
        size = len(data)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
        mask = os.urandom(4)
        masked = bytes(value ^ mask[index % 4] for index, value in enumerate(data))
        with self.lock:
            self.stream.sendall(bytes([0x80 | kind]) + length + mask + masked)

    def receive(self):
        """The next text; control frames are answered."""
        while True:
            first, size = self.read(2)
            if size == 126:
                size, = struct.unpack(">H", self.read(2))
            data = self.read(size)
            if first & 0x0f == TEXT:
                return data.decode()
            if first & 0x0f == PING:
                self.send(data, PONG)
            if first & 0x0f == CLOSE:
                raise ConnectionError("closed")


class WebSocketPhone:
    """Registers, calls and answers one call at a time. `path` and `port` as configured."""

    records_live = True

    def __init__(self, host, folder, user, *, domain="demo.local", server="192.0.2.10",
                 transport="wss", port=8444, tone_hz=400, encrypt="", ca_file="", path="/sip"):
        if encrypt:
            raise ValueError("this phone does not encrypt media")
        self.host, self.user, self.domain, self.tone_hz = host, user, domain, tone_hz
        self.server, self.transport, self.port, self.path = server, transport, port, path
        self.ca_file = ca_file
        self.keys_path = os.path.join(folder, "tls.keys")
        self.inbox = queue.Queue()
        self.sent_texts, self.received_texts, self.samples = [], [], []
        self.call_id = self.peer = self.target = self.invite = None
        self.hung_up = False
        self.tag = os.urandom(6).hex()
        self.branches = 0
        self.rtp_to = None
        self.stopping = False

    # --- Connection.
    def __enter__(self):
        self.rtp = self.host.socket()
        self.rtp.bind((self.host.addresses[0], 20000))
        self.rtp.settimeout(0.01)
        stream = self.host.socket(kind=socket.SOCK_STREAM)
        stream.settimeout(10)
        stream.connect((self.server, self.port))
        if self.transport == "wss":
            context = ssl.create_default_context(cafile=self.ca_file)
            context.keylog_filename = self.keys_path
            stream = context.wrap_socket(stream, server_hostname=self.server)
        self.socket = WebSocket(stream, f"{self.server}:{self.port}", self.path)
        stream.settimeout(None)
        self.threads = [threading.Thread(target=run, daemon=True)
                        for run in (self.read_messages, self.run_media)]
        for thread in self.threads:
            thread.start()
        self.register(600)
        return self

    def __exit__(self, *exception):
        self.stopping = True
        self.socket.stream.close()
        self.threads[1].join()
        self.rtp.close()

    def read_messages(self):
        try:
            while True:
                text = self.socket.receive()
                self.received_texts.append(text)
                if text.startswith(("ACK", "OPTIONS")):
                    continue
                self.inbox.put(text)
        except (OSError, ConnectionError, ValueError):
            pass

    def send(self, head, body=""):
        kind = "Content-Type: application/sdp\r\n" if body else ""
        text = f"{head}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        self.sent_texts.append(text)
        self.socket.send(text.encode())

    def next(self, wanted, timeout=10.0):
        """The next message whose first line matches; provisional responses are passed over."""
        end = time.monotonic() + timeout
        while True:
            try:
                text = self.inbox.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise Failed(f"{self.user} waits for {wanted!r}: {self.received_texts[-3:]}") from None
            if re.match(wanted, text):
                return text

    # --- Messages.
    def request(self, method, uri, call_id, cseq, to, extra=""):
        self.branches += 1
        return (f"{method} {uri} SIP/2.0\r\n"
                f"Via: SIP/2.0/{self.transport.upper()} {self.tag}.invalid;"
                f"branch=z9hG4bK{self.tag}{self.branches}\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:{self.user}@{self.domain}>;tag={self.tag}\r\n"
                f"To: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
                f"Contact: <sip:{self.tag}@{self.tag}.invalid;transport=ws>\r\n{extra}")

    def authorization(self, challenge, method, uri):
        """For the first challenge of a 401 or 407 (RFC 7616 3.4)."""
        name, value = re.search(r"(?im)^(WWW|Proxy)-Authenticate: Digest (.*)\r$",
                                challenge).groups()
        field = dict(re.findall(r'(\w+)="?([^",]*)"?', value))
        algorithm = field.get("algorithm", "MD5")

        def digest(text):
            return hashlib.new(algorithm.replace("-", ""), text.encode()).hexdigest()
        secret = digest(f"{self.user}:{field['realm']}:{password_of(self.user)}")
        answer = digest(f"{secret}:{field['nonce']}:00000001:{self.tag}:auth:"
                        f"{digest(f'{method}:{uri}')}")
        header = "Authorization" if name.upper() == "WWW" else "Proxy-Authorization"
        return (f'{header}: Digest username="{self.user}", realm="{field["realm"]}", '
                f'nonce="{field["nonce"]}", uri="{uri}", response="{answer}", '
                f'algorithm={algorithm}, cnonce="{self.tag}", qop=auth, nc=00000001\r\n')

    def register(self, expires):
        uri, own = f"sip:{self.domain}", f"<sip:{self.user}@{self.domain}>"
        extra = f"Expires: {expires}\r\n"
        call_id = "r" + self.tag
        self.send(self.request("REGISTER", uri, call_id, 1, own, extra))
        challenge = self.next("SIP/2.0 401")
        self.send(self.request("REGISTER", uri, call_id, 2, own, extra +
                               self.authorization(challenge, "REGISTER", uri)))
        self.next("SIP/2.0 200")

    def description(self):
        own = self.host.addresses[0]
        return (f"v=0\r\no=- 1 1 IN IP4 {own}\r\ns=-\r\nc=IN IP4 {own}\r\nt=0 0\r\n"
                "m=audio 20000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n")

    def take_description(self, text):
        address = re.search(r"(?m)^c=IN IP4 (\S+)", text)[1]
        self.rtp_to = (address, int(re.search(r"(?m)^m=audio (\d+)", text)[1]))

    @staticmethod
    def field(text, name):
        return re.search(rf"(?im)^{name}: *(.*?)\r$", text)[1]

    def respond(self, request, status, body=""):
        to = self.field(request, "To")
        to += "" if ";tag=" in to else f";tag={self.tag}"
        vias = "".join(f"Via: {via}\r\n" for via in re.findall(r"(?im)^Via: *(.*?)\r$", request))
        self.send(f"SIP/2.0 {status}\r\n{vias}From: {self.field(request, 'From')}\r\nTo: {to}\r\n"
                  f"Call-ID: {self.field(request, 'Call-ID')}\r\n"
                  f"CSeq: {self.field(request, 'CSeq')}\r\n"
                  f"Contact: <sip:{self.tag}@{self.tag}.invalid;transport=ws>\r\n", body)

    # --- The words that every driver of a phone has.
    def wait_registered(self):
        return self

    def dial(self, number):
        uri = f"sip:{number}@{self.domain}"
        self.call_id, to = "c" + self.tag, f"<{uri}>"
        self.send(self.request("INVITE", uri, self.call_id, 1, to), self.description())
        challenge = self.next("SIP/2.0 407")
        self.send(self.request("ACK", uri, self.call_id, 1, self.field(challenge, "To")))
        extra = self.authorization(challenge, "INVITE", uri)
        self.send(self.request("INVITE", uri, self.call_id, 2, to, extra), self.description())

    def answer(self):
        self.invite = self.next("INVITE ")
        if "RTP/SAVP" in self.invite:  # offered first on encrypted connections
            self.respond(self.invite, "488 Not Acceptable Here")
            self.invite = self.next("INVITE ")
        self.respond(self.invite, "180 Ringing")
        self.respond(self.invite, "200 OK", self.description())
        self.call_id = self.field(self.invite, "Call-ID")
        self.peer = self.field(self.invite, "From")
        self.target = re.search(r"<(.*?)>", self.field(self.invite, "Contact"))[1]
        self.take_description(self.invite)

    def wait_talking(self):
        if self.invite:
            return
        answer = self.next("SIP/2.0 200")
        self.peer = self.field(answer, "To")
        self.target = re.search(r"<(.*?)>", self.field(answer, "Contact"))[1]
        self.send(self.request("ACK", self.target, self.call_id, 2, self.peer))
        self.take_description(answer)

    def hang_up(self):
        # As callee it is the To of the INVITE that is ours; our tag is the same for all.
        self.send(self.request("BYE", self.target, self.call_id, 3, self.peer))
        self.hung_up = True

    def wait_over(self):
        if self.hung_up:
            self.next("SIP/2.0 200")
        else:
            self.respond(self.next("BYE "), "200 OK")
        self.rtp_to = None

    # --- Media.
    def run_media(self):
        """One frame of 20 ms holds whole periods of the tone, so it can be repeated."""
        linear = [int(8192 * tone.sine(self.tone_hz, n, 8000)) for n in range(160)]
        frame = bytes(min(range(256), key=lambda code, value=value: abs(wire.ULAW[code] - value))
                      for value in linear)
        sequence, due = 0, time.monotonic()
        while not self.stopping:
            if self.rtp_to and time.monotonic() >= due:
                header = struct.pack(">BBHII", 0x80, 0, sequence & 0xffff, 160 * sequence,
                                     0x5eed0000 + int(self.user))
                self.rtp.sendto(header + frame, self.rtp_to)
                sequence += 1
                due = max(due + 0.02, time.monotonic() - 0.1)
            try:
                data = self.rtp.recv(2048)
            except TimeoutError:
                continue
            if len(data) > 12 and data[1] & 0x7f == 0:
                self.samples += [wire.ULAW[code] for code in data[12:]]

    def hears(self, frequency):
        return tone.Heard(self.samples, 8000, frequency)

    def sent(self):
        return self.sent_texts

    def received(self):
        return self.received_texts
