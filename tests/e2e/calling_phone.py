"""A phone in Python that places and takes calls step by step, with sound, in IPv4 or IPv6: for tests that
look into messages and change things in the middle of a call."""

import contextlib
import hashlib
import re
import socket
import ssl
import struct
import time

from harness import Failed, expect, password_of

SILENCE = bytes([0xd5]) * 160  # 20 ms of PCMA


def header(text, name):
    found = re.search(rf"^{name}: *(.*?)\r?$", text, re.MULTILINE | re.IGNORECASE)
    return found.group(1) if found else None


SERVER_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 8082, "wss": 8444}


class WebSocket:
    """A client of RFC 6455, as far as SIP needs it (RFC 7118): one message a frame."""

    def __init__(self, connection):
        self.socket, self.stream = connection, b""
        connection.settimeout(5)
        connection.sendall(b"GET /sip HTTP/1.1\r\nHost: demo.test\r\nUpgrade: websocket\r\n"
                           b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n")
        head = self.need(lambda: self.stream.find(b"\r\n\r\n") + 1)
        answer, self.stream = self.stream[:head + 3], self.stream[head + 3:]
        # RFC 6455 1.3 has the answer to this key.
        expect(answer.startswith(b"HTTP/1.1 101 ") and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer,
               f"the upgrade: {answer}")

    def need(self, there):
        while not (value := there()):
            data = self.socket.recv(65536)
            if not data:
                raise Failed("the WebSocket has ended")
            self.stream += data
        return value

    def send(self, data):
        mask = b"\x01\x02\x03\x04"
        length = struct.pack("!BBH", 0x81, 0x80 | 126, len(data)) if len(data) > 125 else \
            struct.pack("!BB", 0x81, 0x80 | len(data))
        self.socket.sendall(length + mask + bytes(c ^ mask[i % 4] for i, c in enumerate(data)))

    def receive(self):
        self.need(lambda: len(self.stream) >= 4)
        length, begin = self.stream[1], 2
        if length == 126:
            length, begin = struct.unpack("!H", self.stream[2:4])[0], 4
        self.need(lambda: len(self.stream) >= begin + length)
        data, self.stream = self.stream[begin:begin + length], self.stream[begin + length:]
        return data


class CallingPhone:
    """Over `transport`: udp, tcp, tls, ws or wss; media at port + 1000."""

    def __init__(self, server, user, port, address="127.0.0.1", transport="udp", domain="demo.test"):
        self.domain = domain
        self.server, self.user, self.port, self.address = server, user, port, address
        self.server_port = SERVER_PORTS[transport]
        self.transport = transport
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.host = f"[{address}]" if ":" in address else address
        self.dialog = {}
        self.count = 0
        self.pending = []      # messages that came while another was awaited
        self.stream = b""
        self.media_target = None
        self.invite = self.answer = None  # the last that came
        self.session = None
        self.extra = ""        # header lines for each INVITE

    def __enter__(self):
        kind = socket.SOCK_DGRAM if self.transport == "udp" else socket.SOCK_STREAM
        self.socket = socket.socket(self.family, kind)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((self.address, self.port))
        if self.transport != "udp":
            self.socket.connect(self.server_address())
        if self.transport in ("tls", "wss"):
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # made by the server itself
            self.socket = context.wrap_socket(self.socket)
        self.frames = WebSocket(self.socket) if self.transport in ("ws", "wss") else None
        self.media = socket.socket(self.family, socket.SOCK_DGRAM)
        self.media.bind((self.address, self.port + 1000))
        return self

    def __exit__(self, *exception):
        self.socket.close()
        self.media.close()

    def server_address(self):
        return (self.address if self.family == socket.AF_INET6 else self.server.address, self.server_port)

    # --- messages

    def send(self, text):
        data = text.encode()
        if self.frames:
            self.frames.send(data)
        elif self.transport == "udp":
            self.socket.sendto(data, self.server_address())
        else:
            self.socket.sendall(data)

    def read(self):
        if self.frames:
            return self.frames.receive().decode()
        if self.transport == "udp":
            return self.socket.recv(65536).decode()
        while True:
            head, found, rest = self.stream.partition(b"\r\n\r\n")
            length = int(header(head.decode(), "Content-Length") or 0) if found else 0
            if found and len(rest) >= length:
                self.stream = rest[length:]
                return (head + b"\r\n\r\n" + rest[:length]).decode().lstrip("\r\n")
            data = self.socket.recv(65536)
            if not data:
                raise Failed(f"{self.user}: the connection has ended")
            self.stream += data

    def wait(self, wanted, what, timeout=5.0):
        """The next message for which `wanted` holds; what comes before it is kept for later."""
        for message in self.pending:
            if wanted(message):
                self.pending.remove(message)
                return message
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                message = self.read()
            except TimeoutError:
                break
            if wanted(message):
                return message
            self.pending.append(message)
        heard = [message.split("\r\n")[0] for message in self.pending]
        raise Failed(f"{self.user} waited {timeout} s for {what}; heard {heard}")

    def wait_request(self, method, timeout=5.0):
        return self.wait(lambda m: m.startswith(method + " "), f"a {method}", timeout)

    def wait_response(self, request, timeout=5.0, least=200):
        """The response to `request` with a status of at least `least`."""
        call, cseq = header(request, "Call-ID"), header(request, "CSeq")

        def fits(message):
            return message.startswith("SIP/2.0 ") and int(message[8:11]) >= least and \
                header(message, "Call-ID") == call and header(message, "CSeq") == cseq
        return self.wait(fits, f"the response to {request.splitlines()[0]}", timeout)

    def exchanged(self, request, timeout):
        """Sends a request and waits for its response; over UDP a REGISTER is repeated (RFC 3261 17.1.2.2)."""
        self.send(request)
        if self.transport == "udp" and request.startswith("REGISTER"):
            for wait in (0.5, 1.0):
                try:
                    return self.wait_response(request, wait)
                except Failed:
                    self.send(request)
        return self.wait_response(request, timeout)

    def contact(self):
        transport = "ws" if self.transport == "wss" else self.transport  # RFC 7118 5.2.4
        return f"<sip:{self.user}@{self.host}:{self.port};transport={transport}>"

    def request(self, method, uri, lines="", body="", kind="application/sdp", dialog=None):
        """A request outside of dialogs, or of `dialog`."""
        self.count += 1
        fields = dialog or {"call": f"{time.monotonic_ns()}@{self.user}", "cseq": 0,
                            "from": f"<sip:{self.user}@{self.domain}>;tag=t{self.count}",
                            "to": f"<{uri}>"}
        if method != "ACK":
            fields["cseq"] += 1
        number = fields.get("ack", fields["cseq"]) if method == "ACK" else fields["cseq"]
        content = f"Content-Type: {kind}\r\n" if body else ""
        return (f"{method} {fields.get('target', uri)} SIP/2.0\r\n"
                f"Via: SIP/2.0/{self.transport.upper()} {self.host}:{self.port};rport;"
                f"branch=z9hG4bK-{time.monotonic_ns()}\r\nMax-Forwards: 70\r\n"
                f"From: {fields['from']}\r\nTo: {fields['to']}\r\nCall-ID: {fields['call']}\r\n"
                f"CSeq: {number} {method}\r\nContact: {self.contact()}\r\n{lines}{content}"
                f"Content-Length: {len(body.encode())}\r\n\r\n{body}")

    def respond(self, request, status, lines="", body=""):
        to = header(request, "To")
        if ";tag=" not in to:
            to += f";tag=s{self.user}{abs(hash(header(request, 'Call-ID'))) % 10**8}"
        content = "Content-Type: application/sdp\r\n" if body else ""
        self.send(f"SIP/2.0 {status}\r\nVia: {header(request, 'Via')}\r\nFrom: {header(request, 'From')}\r\n"
                  f"To: {to}\r\nCall-ID: {header(request, 'Call-ID')}\r\nCSeq: {header(request, 'CSeq')}\r\n"
                  f"Contact: {self.contact()}\r\n{lines}{content}"
                  f"Content-Length: {len(body.encode())}\r\n\r\n{body}")
        return to

    def sdp(self):
        family = "IP6" if self.family == socket.AF_INET6 else "IP4"
        return (f"v=0\r\no=- 1 1 IN {family} {self.address}\r\ns=-\r\nc=IN {family} {self.address}\r\nt=0 0\r\n"
                f"m=audio {self.port + 1000} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n")

    def credentials(self, challenge, method, uri, algorithm=None, domain_user=None):
        """For a 401 or 407 (RFC 7616), of its first challenge that `algorithm` fits."""
        proxy = challenge.startswith("SIP/2.0 407")
        name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
        for line in re.findall(rf"^{name}: *(.*?)\r?$", challenge, re.MULTILINE):
            field = {key: quoted or plain for key, quoted, plain in
                     re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', line)}
            if algorithm in (None, field.get("algorithm", "MD5")):
                break
        else:
            raise Failed(f"no challenge for {algorithm}: {challenge}")
        used = field.get("algorithm", "MD5")

        def digest(text):
            names = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
            return hashlib.new(names[used], text.encode()).hexdigest()
        user = domain_user or self.user
        secret = digest(f"{user}:{field['realm']}:{password_of(user)}")
        response = digest(f"{secret}:{field['nonce']}:00000001:0a4f113b:auth:{digest(f'{method}:{uri}')}")
        return (f'{"Proxy-" if proxy else ""}Authorization: Digest username="{user}", '
                f'realm="{field["realm"]}", nonce="{field["nonce"]}", uri="{uri}", response="{response}", '
                f'algorithm={used}, cnonce="0a4f113b", qop=auth, nc=00000001\r\n')

    def ask(self, method, uri, lines="", body="", kind="application/sdp", algorithm=None, timeout=5.0):
        """Sends a request outside of dialogs, once more with credentials where asked; the final response."""
        fields = {"call": f"{time.monotonic_ns()}@{self.user}", "cseq": 0,
                  "from": f"<sip:{self.user}@{self.domain}>;tag=t{time.monotonic_ns()}", "to": f"<{uri}>"}
        if method == "REGISTER":
            fields["to"] = f"<sip:{self.user}@{self.domain}>"
        self.dialog = fields
        request = self.request(method, uri, lines, body, kind, fields)
        response = self.exchanged(request, timeout)
        if int(response[8:11]) in (401, 407):
            if method == "INVITE":
                self.acknowledge_failure(request, response)
            fresh = lines
            lines += self.credentials(response, method, uri, algorithm)
            request = self.request(method, uri, lines, body, kind, fields)
            self.last_request = request
            if method == "INVITE":
                self.send(request)
                return None
            response = self.exchanged(request, timeout)
            if response[8:11] == "401" and "stale=true" in response:  # RFC 7616 3.3: by another registrar
                request = self.request(method, uri, fresh + self.credentials(response, method, uri, algorithm),
                                       body, kind, fields)
                response = self.exchanged(request, timeout)
        self.last_request = request
        return response

    def acknowledge_failure(self, request, response):
        """RFC 3261 17.1.1.3: same branch, the response's To."""
        self.send(f"ACK {request.split(' ')[1]} SIP/2.0\r\nVia: {header(request, 'Via')}\r\nMax-Forwards: 70\r\n"
                  f"From: {header(request, 'From')}\r\nTo: {header(response, 'To')}\r\n"
                  f"Call-ID: {header(request, 'Call-ID')}\r\n"
                  f"CSeq: {header(request, 'CSeq').split()[0]} ACK\r\nContent-Length: 0\r\n\r\n")

    # --- what phones do

    def try_register(self, lines="Expires: 600\r\n", algorithm=None):
        return int(self.ask("REGISTER", f"sip:{self.domain}", lines, algorithm=algorithm)[8:11])

    def register(self, **options):
        status = self.try_register(**options)
        expect(status == 200, f"REGISTER of {self.user} was answered {status}")

    def try_call(self, number):
        """The status of a call that is refused."""
        response = self.ask("INVITE", f"sip:{number}@{self.domain}", self.extra, self.sdp())
        if response is None:
            response = self.wait_response(self.last_request)
        self.acknowledge_failure(self.last_request, response)
        return int(response[8:11])

    def begin_call(self, number, lines=""):
        """Sends the INVITE, with credentials."""
        response = self.ask("INVITE", f"sip:{number}@{self.domain}", self.extra + lines, self.sdp())
        expect(response is None, f"the INVITE was not challenged: {response}")

    def call(self, number, callee):
        """Calls, lets `callee` answer, and completes the call on both sides."""
        self.begin_call(number)
        callee.take()
        self.finish_call()
        callee.wait_request("ACK")

    def take(self, lines=""):
        self.invite = self.wait_request("INVITE")
        self.learn_media(self.invite)
        self.respond(self.invite, "180 Ringing")
        to = self.respond(self.invite, "200 OK", lines, self.sdp())
        self.dialog = {"call": header(self.invite, "Call-ID"), "cseq": 0, "from": to,
                       "to": header(self.invite, "From"), "target": self.target_of(self.invite)}

    def finish_call(self):
        self.answer = self.wait_response(self.last_request)
        expect(self.answer.startswith("SIP/2.0 200"), f"answered {self.answer.splitlines()[0]}")
        self.learn_media(self.answer)
        self.dialog["to"] = header(self.answer, "To")
        self.dialog["target"] = self.target_of(self.answer)
        self.dialog["ack"] = self.dialog["cseq"]
        self.send(self.request("ACK", "", dialog=self.dialog))

    def target_of(self, message):
        return re.search(r"<([^>]+)>", header(message, "Contact")).group(1)

    def learn_media(self, message):
        address = re.search(r"^c=IN IP[46] (\S+)", message, re.MULTILINE).group(1)
        port = int(re.search(r"^m=audio (\d+)", message, re.MULTILINE).group(1))
        self.media_target = (address, port)

    def in_dialog(self, method, lines="", body="", kind="application/sdp"):
        """Sends a request within the call."""
        request = self.request(method, "", lines, body, kind, self.dialog)
        self.send(request)
        return request

    def hang_up(self, other):
        bye = self.in_dialog("BYE")
        other.respond(other.wait_request("BYE"), "200 OK")
        expect(self.wait_response(bye).startswith("SIP/2.0 200"), "the BYE is answered")

    def talks_with(self, other):
        """Both hear what the other sends."""
        for speaker, listener in ((self, other), (other, self)):
            mark = struct.pack("!I", time.monotonic_ns() & 0xffffffff)
            end = time.monotonic() + 3
            number = 0
            listener.media.settimeout(0.02)
            while True:
                number += 1
                speaker.media.sendto(speaker.rtp(number) + mark + SILENCE[4:], speaker.media_target)
                try:
                    if mark in listener.media.recv(2048):
                        break
                except TimeoutError:
                    pass
                expect(time.monotonic() < end, f"{listener.user} does not hear {speaker.user}")

    def answer_offers(self):
        """Answers the re-INVITEs that have come, as a phone does; nothing is waited for."""
        while True:
            try:
                self.socket.settimeout(0.001)
                self.pending.append(self.read())
            except TimeoutError:
                break
        for message in list(self.pending):
            ours = header(message, "Call-ID") == self.dialog.get("call")
            if ours and message.startswith("INVITE "):
                self.pending.remove(message)
                self.respond(message, "200 OK", body=self.sdp())
                self.learn_media(message)
            elif ours and message.startswith("ACK "):
                self.pending.remove(message)

    def goes_on_with(self, other, timeout=15):
        """Both hear each other again, within `timeout` seconds, whatever ports they are offered meanwhile."""
        phones = (self, other)
        marks = [struct.pack("!I", (time.monotonic_ns() + i) & 0xffffffff) for i in range(2)]
        heard = [False, False]
        end = time.monotonic() + timeout
        while not all(heard):
            expect(time.monotonic() < end, f"{self.user} and {other.user} hear each other again: {heard}")
            for i, phone in enumerate(phones):
                phone.answer_offers()
                phone.media.sendto(phone.rtp(0) + marks[i] + SILENCE[4:], phone.media_target)
            for i, phone in enumerate(phones):
                phone.media.settimeout(0.01)
                with contextlib.suppress(TimeoutError):
                    heard[i] = heard[i] or marks[1 - i] in phone.media.recv(2048)

    def rtp(self, number):
        self.sequence = getattr(self, "sequence", 0) + 1
        return struct.pack("!BBHII", 0x80, 8, self.sequence & 0xffff, self.sequence * 160, self.port)


class RegisteredPhones:
    """Phones that are registered, for as long as it lasts."""

    def __init__(self, phones):
        self.phones = phones

    def __enter__(self):
        with contextlib.ExitStack() as entered:
            for phone in self.phones:
                entered.enter_context(phone)
                phone.register()
            self.entered = entered.pop_all()
        return self.phones

    def __exit__(self, *exception):
        return self.entered.__exit__(*exception)
