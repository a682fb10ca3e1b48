"""Phones with sound: they register, call, answer, send numbered RTP or SRTP packets and remember when
each of the other side's came. They take new addresses and keys from a re-INVITE."""

import base64
import hashlib
import hmac
import os
import re
import socket
import struct
import threading
import time

from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from harness import Failed, password_of

SUITE = "AES_CM_128_HMAC_SHA1_80"
PACKET_S = 0.02


def keystream(key, vector, length):
    cipher = Cipher(algorithms.AES(key), modes.CTR(vector.to_bytes(16, "big")), default_backend())
    return cipher.encryptor().update(bytes(length))


class Srtp:
    """One direction under one master key: RFC 3711 with the suite that everybody has."""

    def __init__(self, key_and_salt):
        key, salt = key_and_salt[:16], int.from_bytes(key_and_salt[16:], "big")

        def derive(label, length):
            return keystream(key, (salt ^ label << 48) << 16, length)
        self.key = derive(0, 16)
        self.authentication = derive(1, 20)
        self.salt = int.from_bytes(derive(2, 14), "big")
        self.rollovers = 0
        self.last = None

    def roll_over(self, sequence):
        if self.last is not None and self.last > 0xC000 and sequence < 0x4000:
            self.rollovers += 1
        self.last = sequence
        return self.rollovers

    def transform(self, packet, rollovers):
        sequence, ssrc = struct.unpack("!H4xI", packet[2:12])
        index = rollovers << 16 | sequence
        vector = self.salt << 16 ^ ssrc << 64 ^ index << 16
        body = packet[12:]
        stream = keystream(self.key, vector, len(body))
        return packet[:12] + bytes(a ^ b for a, b in zip(body, stream))

    def tag(self, packet, rollovers):
        text = packet + struct.pack("!I", rollovers)
        return hmac.new(self.authentication, text, hashlib.sha1).digest()[:10]

    def protect(self, packet):
        rollovers = self.roll_over(struct.unpack("!H", packet[2:4])[0])
        packet = self.transform(packet, rollovers)
        return packet + self.tag(packet, rollovers)

    def unprotect(self, packet):
        """The plain packet, or None when it is not from the holder of the key."""
        packet, tag = packet[:-10], packet[-10:]
        sequence = struct.unpack("!H", packet[2:4])[0]
        wrapped = self.last is not None and self.last > 0xC000 and sequence < 0x4000
        rollovers = self.rollovers + (1 if wrapped else 0)
        if tag != self.tag(packet, rollovers):
            return None
        self.roll_over(sequence)
        return self.transform(packet, rollovers)


class SoundPhone:
    """`srtp`: it speaks nothing else. `pending`: so many re-INVITEs are answered with 491 first.
    `sequence`: of its first packet. `silent`: it signals only."""

    def __init__(self, server, user, port, srtp=False, pending=0, sequence=1000, silent=False,
                 domain="demo.test"):
        self.server, self.user, self.port, self.domain = server, user, port, domain
        self.srtp, self.pending, self.sequence = srtp, pending, sequence
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sip.bind(("127.0.0.1", port))
        self.sip.settimeout(0.05)
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind(("127.0.0.1", 0))
        self.rtp.settimeout(0.05)
        self.remote = None               # where the other side's sound is sent
        self.key = os.urandom(30)        # ours
        self.sending = Srtp(self.key)
        self.receiving = None
        self.their_key = None
        self.heard = []                  # (time, sequence)
        self.refused = 0                 # packets that did not authenticate
        self.offers = []                 # times of re-INVITEs
        self.contact = f"<sip:{user}@127.0.0.1:{port}>"
        self.dialog = {}                 # of the one call: fields of its first message, tags
        self.responses = {}              # by CSeq text: list of (status, text)
        self.hung_up = threading.Event()
        self.cancelled = threading.Event()
        self.ringing_only = False        # answer() does it
        self.repeated = {}               # 2xx until their ACK, by CSeq number: [text, at, pause]
        self.cseq = 100
        self.version = 1
        self.lock = threading.Lock()
        self.stopping = False
        runs = (self.run_sip,) if silent else (self.run_sip, self.run_sender, self.run_receiver)
        self.threads = [threading.Thread(target=each) for each in runs]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self.stopping = True
        for thread in self.threads:
            thread.join()
        self.sip.close()
        self.rtp.close()

    # --- Sound.

    def run_sender(self):
        ssrc, stamp, due = int.from_bytes(os.urandom(4), "big"), 0, time.monotonic()
        while not self.stopping:
            due += PACKET_S
            time.sleep(max(0.0, due - time.monotonic()))
            if self.remote is None:
                continue
            self.sequence = self.sequence + 1 & 0xFFFF
            stamp = stamp + 160 & 0xFFFFFFFF
            packet = struct.pack("!BBHII", 0x80, 8, self.sequence, stamp, ssrc) + bytes(160)
            with self.lock:
                if self.srtp:
                    packet = self.sending.protect(packet)
                self.rtp.sendto(packet, self.remote)

    def run_receiver(self):
        while not self.stopping:
            try:
                packet = self.rtp.recv(2048)
            except TimeoutError:
                continue
            if len(packet) < 12 or packet[1] & 0x7F != 8:
                continue
            with self.lock:
                if self.srtp:
                    packet = self.receiving.unprotect(packet) if self.receiving else None
            if packet is None:
                self.refused += 1
                continue
            self.heard.append((time.monotonic(), struct.unpack("!H", packet[2:4])[0]))

    def longest_gap(self, since, until):
        """The longest time without sound between two moments."""
        times = [since] + [at for at, _ in list(self.heard) if since < at < until] + [until]
        return max(b - a for a, b in zip(times, times[1:]))

    def hears(self):
        return bool(self.heard) and time.monotonic() - self.heard[-1][0] < 0.1

    def description(self):
        lines = ["v=0", f"o={self.user} 1 {self.version} IN IP4 127.0.0.1", "s=-",
                 "c=IN IP4 127.0.0.1", "t=0 0",
                 f"m=audio {self.rtp.getsockname()[1]} RTP/{'SAVP' if self.srtp else 'AVP'} 8",
                 "a=rtpmap:8 PCMA/8000"]
        if self.srtp:
            key = base64.b64encode(self.key).decode()
            lines.append(f"a=crypto:{self.crypto_tag()} {SUITE} inline:{key}")
        return "\n".join(lines) + "\n"

    def crypto_tag(self):
        return getattr(self, "their_tag", 1)

    def take_description(self, text):
        port = int(re.search(r"^m=audio (\d+)", text, re.M).group(1))
        address = re.search(r"^c=IN IP4 (\S+)", text, re.M).group(1)
        with self.lock:
            if self.srtp:
                crypto = re.search(rf"^a=crypto:(\d+) {SUITE} inline:([^\s|]+)", text, re.M)
                self.their_tag = int(crypto.group(1))
                key = base64.b64decode(crypto.group(2))
                if key != self.their_key:
                    self.their_key, self.receiving = key, Srtp(key)
            self.remote = (address, port)

    # --- Signalling.

    def send(self, text):
        self.sip.sendto(text.replace("\n", "\r\n").encode(), (self.server.address, 5060))

    def run_sip(self):
        while not self.stopping:
            try:
                self.on_message(self.sip.recv(65536).decode())
            except TimeoutError:
                pass
            except OSError:  # ICMP: nobody listens at the moment
                pass
            now = time.monotonic()
            for answer in list(self.repeated.values()):
                if answer[1] <= now:
                    self.send(answer[0])
                    answer[2] = min(2 * answer[2], 4.0)
                    answer[1] = now + answer[2]

    def on_message(self, text):
        head, _, body = text.replace("\r\n", "\n").partition("\n\n")
        first, *lines = head.split("\n")
        field = {}
        for line in lines:
            name, value = line.split(":", 1)
            field.setdefault(name, value.strip())
        if first.startswith("SIP/2.0"):
            status = int(first.split(" ")[1])
            if field["Call-ID"] != self.dialog.get("call"):
                return  # to a phone that had this port before
            self.responses.setdefault(field["CSeq"], []).append((status, field, body))
            if field["CSeq"].endswith("INVITE") and 200 <= status < 300:
                self.on_answer(field, body)
            return
        self.on_request(first.split(" ")[0], field, body)

    def on_answer(self, field, body):
        repeated = self.dialog.get("to") == field["To"]
        self.dialog.update({"to": field["To"], "from": field["From"], "call": field["Call-ID"],
                            "target": re.search("<(.*?)>", field["Contact"]).group(1)})
        number = field["CSeq"].split(" ")[0]
        self.send(self.request("ACK", number))
        if not repeated:
            self.take_description(body)

    def on_request(self, method, field, body):
        number = field["CSeq"].split(" ")[0]
        if method == "ACK":
            self.repeated.pop(number, None)
        elif method == "BYE":
            self.repeated.clear()
            self.respond(field, "200 OK")
            self.remote = None
            self.hung_up.set()
        elif method == "CANCEL":
            self.respond(field, "200 OK")
            self.cancelled.set()
            if self.dialog.get("invite"):
                self.respond(self.dialog["invite"], "487 Request Terminated")
        elif method == "INVITE":
            self.on_invite(number, field, body)
        else:
            self.respond(field, "200 OK")

    def on_invite(self, number, field, body):
        if number in self.repeated:
            return self.send(self.repeated[number][0])
        first = ";tag=" not in field["To"]
        if first and self.srtp and "RTP/SAVP" not in body:
            return self.respond(field, "488 Not Acceptable Here")
        if first:
            self.respond(field, "180 Ringing")
            # In-dialog requests of ours swap the parties.
            self.dialog = {"to": field["From"], "from": self.to_with_tag(field),
                           "call": field["Call-ID"], "invite": field, "offer": body,
                           "target": re.search("<(.*?)>", field["Contact"]).group(1)}
            if self.ringing_only:
                return None
        else:
            self.offers.append(time.monotonic())
            if self.pending > 0:
                self.pending -= 1
                return self.respond(field, "491 Request Pending")
        return self.accept(field, body)

    def answer(self):
        """What rings here (`ringing_only`)."""
        self.accept(self.dialog["invite"], self.dialog["offer"])

    def accept(self, field, body):
        self.version += 1
        self.take_description(body)
        answer = self.response(field, "200 OK", self.description())
        self.send(answer)
        self.repeated[field["CSeq"].split(" ")[0]] = [answer, time.monotonic() + 0.5, 0.5]

    def to_with_tag(self, field):
        return field["To"] if ";tag=" in field["To"] else f'{field["To"]};tag=t{self.user}'

    def respond(self, field, status):
        self.send(self.response(field, status))

    def response(self, field, status, body=""):
        kind = "Content-Type: application/sdp\n" if body else ""
        return (f"SIP/2.0 {status}\nVia: {field['Via']}\nFrom: {field['From']}\n"
                f"To: {self.to_with_tag(field)}\nCall-ID: {field['Call-ID']}\n"
                f"CSeq: {field['CSeq']}\nContact: {self.contact}\n{kind}"
                f"Content-Length: {len(body) + body.count(chr(10))}\n\n{body}")

    def request(self, method, number, uri=None, authorization="", body="", branch=None):
        kind = "Content-Type: application/sdp\n" if body else ""
        return (f"{method} {uri or self.dialog['target']} SIP/2.0\n"
                f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};"
                f"branch=z9hG4bK{self.user}{branch or method}{number}{self.dialog['call'][-8:]};rport\n"
                f"Max-Forwards: 70\nFrom: {self.dialog['from']}\nTo: {self.dialog['to']}\n"
                f"Call-ID: {self.dialog['call']}\nCSeq: {number} {method}\n"
                f"Contact: {self.contact}\n{authorization}{kind}"
                f"Content-Length: {len(body) + body.count(chr(10))}\n\n{body}")

    def ask(self, method, timeout=10.0, **parts):
        """Sends a request, repeating it as UDP needs it, until its final response."""
        self.cseq += 1
        text = self.request(method, self.cseq, **parts)
        key, pause = f"{self.cseq} {method}", 0.5
        end, again = time.monotonic() + timeout, 0.0
        while time.monotonic() < end:
            seen = self.responses.get(key, [])
            finals = [each for each in seen if each[0] >= 200]
            if finals:
                if method == "INVITE" and finals[0][0] >= 300:
                    self.dialog["to"], kept = finals[0][1]["To"], self.dialog["to"]
                    # RFC 3261 17.1.1.3: of the same transaction.
                    self.send(self.request("ACK", self.cseq, uri=parts.get("uri"), branch="INVITE"))
                    self.dialog["to"] = kept
                return finals[0]
            if time.monotonic() >= again and not (method == "INVITE" and seen):
                self.send(text)
                again = time.monotonic() + pause
                pause = min(2 * pause, 4.0)
            time.sleep(0.005)
        raise Failed(f"{self.user}: no final response to {method} within {timeout} s")

    def authorization(self, field, method, uri):
        name = "WWW-Authenticate" if "WWW-Authenticate" in field else "Proxy-Authenticate"
        asked = dict(re.findall(r'(\w+)="([^"]*)"', field[name]))

        def md5(text):
            return hashlib.md5(text.encode()).hexdigest()
        secret = md5(f"{self.user}:{asked['realm']}:{password_of(self.user)}")
        answer = md5(f"{secret}:{asked['nonce']}:00000001:0a4f113b:auth:{md5(f'{method}:{uri}')}")
        header = "Authorization" if name[0] == "W" else "Proxy-Authorization"
        return (f'{header}: Digest username="{self.user}", realm="{asked["realm"]}", '
                f'nonce="{asked["nonce"]}", uri="{uri}", response="{answer}", algorithm=MD5, '
                f'cnonce="0a4f113b", qop=auth, nc=00000001\n')

    def ask_with_proof(self, method, uri, body="", timeout=10.0):
        status, field, _ = self.ask(method, timeout, uri=uri, body=body)
        if status in (401, 407):
            proof = self.authorization(field, method, uri)
            status, field, _ = self.ask(method, timeout, uri=uri, body=body, authorization=proof)
        return status

    def address(self):
        return f"<sip:{self.user}@{self.domain}>"

    def register(self):
        self.dialog = {"from": self.address() + ";tag=r", "to": self.address(),
                       "call": f"register-{self.user}-{os.urandom(4).hex()}"}
        status = self.ask_with_proof("REGISTER", f"sip:{self.domain}")
        if status != 200:
            raise Failed(f"{self.user}: REGISTER was answered with {status}")
        self.dialog = {}
        return self

    def call(self, number, timeout=10.0):
        """The final status of a call to `number`."""
        uri = f"sip:{number}@{self.domain}"
        self.dialog = {"from": self.address() + f";tag=c{os.urandom(4).hex()}", "to": f"<{uri}>",
                       "call": f"call-{self.user}-{os.urandom(4).hex()}"}
        return self.ask_with_proof("INVITE", uri, self.description(), timeout)

    def hang_up(self):
        self.remote = None
        status, _, _ = self.ask("BYE")
        return status
