"""A phone that sends exactly the bytes that a test wants, over UDP, where SIPp is too clever."""

import hashlib
import re
import socket
import threading
import time

from harness import Failed, password_of


class Phone:
    def __init__(self, server, user, port, domain="demo.test"):
        self.server, self.user, self.port, self.domain = server, user, port, domain
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def send(self, text):
        self.socket.sendto(text.replace("\n", "\r\n").encode(), (self.server.address, 5060))

    def receive(self, timeout=3.0):
        """The next message's status and text; Failed when none comes."""
        self.socket.settimeout(timeout)
        try:
            text = self.socket.recv(65536).decode()
        except TimeoutError:
            raise Failed(f"{self.user} heard nothing for {timeout} s") from None
        return int(text.split(" ")[1]), text

    def is_silent(self, time_s):
        self.socket.settimeout(time_s)
        try:
            self.socket.recv(65536)
        except TimeoutError:
            return True
        return False

    def register_text(self, call_id, cseq, authorization=""):
        return (f"REGISTER sip:{self.domain} SIP/2.0\n"
                f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK-{call_id}-{cseq};rport\n"
                f"Max-Forwards: 70\n"
                f"From: <sip:{self.user}@{self.domain}>;tag=1\n"
                f"To: <sip:{self.user}@{self.domain}>\n"
                f"Call-ID: {call_id}\n"
                f"CSeq: {cseq} REGISTER\n"
                f"Contact: <sip:{self.user}@127.0.0.1:{self.port}>\n"
                f"Expires: 600\n{authorization}Content-Length: 0\n\n")

    def authorization(self, challenge, method, uri):
        """For the MD5 challenge of a 401 (RFC 7616 3.4)."""
        field = dict(re.findall(r'(\w+)="([^"]*)"', challenge.split("WWW-Authenticate:")[1]
                                .split("\r\n")[0]))

        def md5(text):
            return hashlib.md5(text.encode()).hexdigest()
        secret = md5(f"{self.user}:{field['realm']}:{password_of(self.user)}")
        count, own = "00000001", "0a4f113b"
        answer = md5(f"{secret}:{field['nonce']}:{count}:{own}:auth:{md5(f'{method}:{uri}')}")
        return (f'Authorization: Digest username="{self.user}", realm="{field["realm"]}", '
                f'nonce="{field["nonce"]}", uri="{uri}", response="{answer}", algorithm=MD5, '
                f'cnonce="{own}", qop=auth, nc={count}\n')


ANSWER = ("v=0\no=user2 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"
          "m=audio 6000 RTP/AVP 8 0 101\na=rtpmap:8 PCMA/8000\na=rtpmap:0 PCMU/8000\n"
          "a=rtpmap:101 telephone-event/8000\n")


class AnsweringPhone(Phone):
    """Answers every call, on a thread of its own, and repeats what the net may have lost. SIPp's
    callee gives up when a repeated request comes between two of its steps."""

    def __enter__(self):
        self.answers = {}  # by Call-ID: [text, next time, pause]
        self.hung_up = set()
        self.stopping = False
        self.socket.settimeout(0.05)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.stopping = True
        self.thread.join()
        super().__exit__()

    def run(self):
        while not self.stopping:
            try:
                self.on_request(self.socket.recv(65536).decode())
            except TimeoutError:
                pass
            now = time.monotonic()
            for call, answer in list(self.answers.items()):
                if answer[1] > now:
                    continue
                self.send(answer[0])
                answer[2] = min(2 * answer[2], 4.0)  # RFC 3261 13.3.1.4
                answer[1] = now + answer[2]

    def on_request(self, text):
        head = text.split("\r\n\r\n")[0].split("\r\n")[1:]
        field = {line.split(":", 1)[0]: line.split(":", 1)[1].strip() for line in head}
        call, method = field["Call-ID"], text.split(" ")[0]
        if method == "ACK":
            self.answers.pop(call, None)
        elif method == "BYE":
            self.answers.pop(call, None)
            self.hung_up.add(call)
            self.send(self.response("200 OK", field))
        elif method == "INVITE" and call not in self.hung_up:
            self.send(self.response("180 Ringing", field))
            answer = self.response("200 OK", field, ANSWER)
            self.send(answer)
            self.answers.setdefault(call, [answer, time.monotonic() + 0.5, 0.5])

    def response(self, status, field, body=""):
        to = field["To"] if ";tag=" in field["To"] else field["To"] + ";tag=b" + field["Call-ID"]
        kind = "Content-Type: application/sdp\n" if body else ""
        return (f"SIP/2.0 {status}\nVia: {field['Via']}\nFrom: {field['From']}\nTo: {to}\n"
                f"Call-ID: {field['Call-ID']}\nCSeq: {field['CSeq']}\n"
                f"Contact: <sip:{self.user}@127.0.0.1:{self.port}>\n{kind}"
                f"Content-Length: {len(body) + body.count(chr(10))}\n\n{body}")
