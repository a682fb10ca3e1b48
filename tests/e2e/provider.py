"""A telephone provider in Python: a registrar and a proxy in one, over UDP, that answers by itself what a trunk sends
all the time (REGISTER, OPTIONS, challenges), and lets a test place and take calls step by step."""

import hashlib
import queue
import re
import select
import threading
import time

from calling_phone import CallingPhone, header
from harness import expect

TRUNK_PORT = 5070


class Provider(CallingPhone):
    """`silent`: it hears and says nothing. `refuses`: the status of each answer to an INVITE. `challenges`: INVITE and
    REGISTER need proof."""

    def __init__(self, server, port, user="4930100", password="line-secret", challenges=True, address="127.0.0.1"):
        super().__init__(server, user, port, address=address, domain="provider.test")
        self.server_port = TRUNK_PORT
        self.password, self.challenges = password, challenges
        self.silent, self.refuses, self.expires = False, None, 600
        self.least_expires = 0
        self.registered = {}   # contact by user
        self.heard = []        # whatever came
        self.arrived = queue.Queue()
        self.stopping = False
        self.challenged = set()

    def __enter__(self):
        super().__enter__()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.stopping = True
        self.thread.join(2)
        super().__exit__(*exception)

    def read(self):
        try:
            return self.arrived.get(timeout=self.socket.gettimeout())
        except queue.Empty:
            raise TimeoutError from None

    def serve(self):
        while not self.stopping:
            if not select.select([self.socket], [], [], 0.1)[0]:
                continue
            data, source = self.socket.recvfrom(65536)
            if self.silent:
                continue
            text = data.decode()
            self.heard.append(text)
            if not self.answers_itself(text, source):
                self.arrived.put(text)

    def answers_itself(self, text, source):
        method = text.split(" ", 1)[0]
        if method == "OPTIONS":
            return self.reply(text, source, "200 OK")
        if method == "REGISTER":
            return self.on_register(text, source)
        if method == "ACK" and header(text, "Via") in self.challenged:
            return True
        if method == "INVITE" and "tag=" not in header(text, "To"):
            if self.refuses:
                self.challenged.add(header(text, "Via"))
                return self.reply(text, source, self.refuses)
            if self.challenges and not self.is_proved(text, "Proxy-Authorization"):
                self.challenged.add(header(text, "Via"))
                return self.reply(text, source, "407 Proxy Authentication Required",
                                  'Proxy-Authenticate: Digest realm="provider.test", nonce="n2", qop="auth"\r\n')
        return False

    def reply(self, text, source, status, lines=""):
        to = header(text, "To")
        if ";tag=" not in to:
            to += f";tag=p{self.port}"
        self.socket.sendto((f"SIP/2.0 {status}\r\nVia: {header(text, 'Via')}\r\nFrom: {header(text, 'From')}\r\n"
                            f"To: {to}\r\nCall-ID: {header(text, 'Call-ID')}\r\nCSeq: {header(text, 'CSeq')}\r\n"
                            f"{lines}Content-Length: 0\r\n\r\n").encode(), source)
        return True

    def on_register(self, text, source):
        if self.challenges and not self.is_proved(text, "Authorization"):
            return self.reply(text, source, "401 Unauthorized",
                              'WWW-Authenticate: Digest realm="provider.test", nonce="n1", qop="auth"\r\n')
        expires = int(header(text, "Expires"))
        if 0 < expires < self.least_expires:
            return self.reply(text, source, "423 Interval Too Brief", f"Min-Expires: {self.least_expires}\r\n")
        contact = re.search(r"<([^>]+)>", header(text, "Contact"))[1]
        user = re.search(r"sip:([^@]+)@", header(text, "To"))[1]
        if expires == 0:
            self.registered.pop(user, None)
            return self.reply(text, source, "200 OK")
        self.registered[user] = contact
        return self.reply(text, source, "200 OK", f"Contact: <{contact}>;expires={min(expires, self.expires)}\r\n")

    def is_proved(self, text, name):
        line = header(text, name)
        if not line:
            return False
        field = {key: quoted or plain for key, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', line)}

        def md5(value):
            return hashlib.md5(value.encode()).hexdigest()
        secret = md5(f"{field['username']}:{field['realm']}:{self.password}")
        asked = md5(f"{text.split(' ', 1)[0]}:{field['uri']}")
        return field["response"] == md5(f"{secret}:{field['nonce']}:{field['nc']}:{field['cnonce']}:auth:{asked}")

    def times(self, method):
        return sum(text.startswith(method + " ") for text in self.heard)

    # --- behind a proxy

    def request(self, method, uri, lines="", body="", kind="application/sdp", dialog=None):
        """Within a dialog by the way that it was recorded (RFC 3261 12.2.1.1, of one proxy)."""
        if dialog is not None and "target" in dialog:
            route = header(self.answer if "ack" in dialog else self.invite, "Record-Route")
            lines += f"Route: {route}\r\n" if route else ""
        return super().request(method, uri, lines, body, kind, dialog)

    def respond(self, request, status, lines="", body=""):
        """With each Via, and the recorded route."""
        vias = re.findall(r"^Via: *(.*?)\r?$", request, re.MULTILINE)
        more = "".join(f"Via: {via}\r\n" for via in vias[1:])
        route = header(request, "Record-Route")
        return super().respond(request, status, lines + more + (f"Record-Route: {route}\r\n" if route else ""), body)

    # --- calls to the exchange

    def send_invite(self, number, uri=None, lines="", caller="493055555"):
        """To what has been registered, or to `uri`."""
        target = uri or self.registered[self.user]
        self.dialog = {"call": f"{time.monotonic_ns()}@provider", "cseq": 0,
                       "from": f'"Outside" <sip:{caller}@provider.test>;tag=o{time.monotonic_ns()}',
                       "to": f"<sip:{number}@provider.test>"}
        self.last_request = self.request("INVITE", target, lines, self.sdp(), dialog=self.dialog)
        self.send(self.last_request)

    def call_in(self, number, phone, **options):
        self.send_invite(number, **options)
        phone.take()
        self.finish_call()
        phone.wait_request("ACK")

    def refused_in(self, number, **options):
        """The status of a call to the exchange that is refused."""
        self.send_invite(number, **options)
        response = self.wait_response(self.last_request)
        self.acknowledge_failure(self.last_request, response)
        return int(response[8:11])

    def expect_no_invite(self):
        expect(not any(m.startswith("INVITE ") for m in self.pending), "an INVITE came")
