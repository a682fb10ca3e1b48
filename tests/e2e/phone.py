"""A phone that sends exactly the bytes that a test wants, over UDP, where SIPp is too clever."""

import hashlib
import re
import socket
import threading
import time

from harness import Failed, password_of


def header_of(text, name):
    found = re.search(rf"^{name}: *(.*?)\r?$", text, re.MULTILINE)
    if not found:
        raise Failed(f"no {name} in {text}")
    return found[1]


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
        """The next message's status (0 of a request) and text; Failed when none comes."""
        self.socket.settimeout(timeout)
        try:
            text = self.socket.recv(65536).decode()
        except TimeoutError:
            raise Failed(f"{self.user} heard nothing for {timeout} s") from None
        return int(text.split(" ")[1]) if text.startswith("SIP/2.0 ") else 0, text

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

    def call(self, callee, call_id, sdp, timeout=3.0):
        """Calls a number of the domain with its challenge, and acknowledges: the text of the 200."""
        uri = f"sip:{callee}@{self.domain}"
        peer = f"<{uri}>"
        self.send(self.request_text("INVITE", uri, peer, call_id, 1, sdp=sdp))
        status, text = self.final_response(call_id, 1, timeout)
        if status == 407:
            self.send(self.request_text("ACK", uri, header_of(text, "To"), call_id, 1))
            proof = self.authorization(text, "INVITE", uri)
            self.send(self.request_text("INVITE", uri, peer, call_id, 2, proof, sdp))
            status, text = self.final_response(call_id, 2, timeout)
        if status != 200:
            raise Failed(f"{self.user}'s call to {callee} was answered with {text}")
        contact = re.search(r"<([^>]*)>", header_of(text, "Contact"))[1]
        self.send(self.request_text("ACK", contact, header_of(text, "To"), call_id, 2, branch="a"))
        return text

    def final_response(self, call_id, cseq, timeout):
        """Of the INVITE of this number, past provisional responses and what repeats earlier ones."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            status, text = self.receive(timeout)
            if status >= 200 and header_of(text, "Call-ID") == call_id and \
                    header_of(text, "CSeq") == f"{cseq} INVITE":
                return status, text
        raise Failed(f"no final response to {call_id} within {timeout} s")

    def request_text(self, method, uri, to, call_id, cseq, authorization="", sdp="", branch=""):
        kind = "Content-Type: application/sdp\n" if sdp else ""
        via = f"127.0.0.1:{self.port};branch=z9hG4bK-{call_id}-{cseq}{branch};rport"
        return (f"{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP {via}\n"
                f"Max-Forwards: 70\n"
                f"From: <sip:{self.user}@{self.domain}>;tag=c{call_id}\nTo: {to}\n"
                f"Call-ID: {call_id}\nCSeq: {cseq} {method}\n"
                f"Contact: <sip:{self.user}@127.0.0.1:{self.port}>\n{authorization}{kind}"
                f"Content-Length: {len(sdp) + sdp.count(chr(10))}\n\n{sdp}")

    def authorization(self, challenge, method, uri):
        """For the MD5 challenge of a 401 or a 407 (RFC 7616 3.4)."""
        asked = re.search(r"(WWW|Proxy)-Authenticate:(.*)", challenge)
        field = dict(re.findall(r'(\w+)="([^"]*)"', asked[2]))
        header = "Authorization" if asked[1] == "WWW" else "Proxy-Authorization"

        def md5(text):
            return hashlib.md5(text.encode()).hexdigest()
        secret = md5(f"{self.user}:{field['realm']}:{password_of(self.user)}")
        count, own = "00000001", "0a4f113b"
        answer = md5(f"{secret}:{field['nonce']}:{count}:{own}:auth:{md5(f'{method}:{uri}')}")
        return (f'{header}: Digest username="{self.user}", realm="{field["realm"]}", '
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
            answer = self.response("200 OK", field, self.answer_to(text))
            self.send(answer)
            self.answers.setdefault(call, [answer, time.monotonic() + 0.5, 0.5])

    def answer_to(self, invite):  # pylint: disable=unused-argument
        """The description of its answer; others may make another one for each call."""
        return ANSWER

    def response(self, status, field, body=""):
        to = field["To"] if ";tag=" in field["To"] else field["To"] + ";tag=b" + field["Call-ID"]
        kind = "Content-Type: application/sdp\n" if body else ""
        return (f"SIP/2.0 {status}\nVia: {field['Via']}\nFrom: {field['From']}\nTo: {to}\n"
                f"Call-ID: {field['Call-ID']}\nCSeq: {field['CSeq']}\n"
                f"Contact: <sip:{self.user}@127.0.0.1:{self.port}>\n{kind}"
                f"Content-Length: {len(body) + body.count(chr(10))}\n\n{body}")
