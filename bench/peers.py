"""The peers that Tandem is measured beside, as Debian packages them: Kamailio and rtpengine."""

import os
import random
import shutil
import socket
import subprocess
import time

from harness import Failed, run, wait_for
from usage import children_of

BENCH = os.path.dirname(os.path.abspath(__file__))


def need(program, package):
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/bin")
    if not found:
        raise Failed(f"{program} is missing: apt-get install {package}")
    return found


class Peer:
    """A program in the foreground with its log in `folder`; `pids()` are billed."""

    def __init__(self, folder, name):
        self.folder = folder
        self.log_path = os.path.join(folder, name + ".log")
        self.process = None

    def launch(self, command):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)

    def log_tail(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def pids(self):
        return [self.process.pid] + children_of(self.process.pid)

    def __exit__(self, *exception):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Kamailio(Peer):
    """Registrar and stateful proxy of demo.test, on the address that a SIPp of the harness asks."""

    address = "127.0.0.1"

    def __init__(self, folder):
        super().__init__(folder, "kamailio")

    def __enter__(self):
        self.launch([need("kamailio", "kamailio"), "-DD", "-f", os.path.join(BENCH, "kamailio.cfg"),
                     "-m", "512", "-M", "16", "-Y", self.folder, "-w", self.folder,
                     "-P", os.path.join(self.folder, "kamailio.pid")])
        try:
            wait_for(self.answers, "Kamailio answers", 10)
        except Failed as error:
            self.__exit__()
            raise Failed(f"{error}\n{self.log_tail()}") from None
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise Failed(f"Kamailio ended:\n{self.log_tail()}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.bind(("127.0.0.1", 0))
            asker.settimeout(0.2)
            port = asker.getsockname()[1]
            asker.sendto((f"INVITE sip:a@demo.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};"
                          "branch=z9hG4bKbench\r\nMax-Forwards: 70\r\nFrom: <sip:a@demo.test>;tag=1"
                          "\r\nTo: <sip:a@demo.test>\r\nCall-ID: bench\r\nCSeq: 1 INVITE\r\n"
                          "Content-Length: 0\r\n\r\n").encode(), (self.address, 5060))
            try:
                return b" 407 " in asker.recv(4096)
            except (TimeoutError, ConnectionError):
                return False


class RtpEngine(Peer):
    """Media relay in userspace (no kernel table), asked over its ng protocol."""

    NG = ("127.0.0.1", 2223)

    def __init__(self, folder):
        super().__init__(folder, "rtpengine")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(2)

    def __enter__(self):
        self.launch([need("rtpengine", "rtpengine-daemon"), "--foreground", "--log-stderr",
                     "--log-level=3", "--config-file=none", "--table=-1", "--interface=127.0.0.1",
                     "--listen-ng=127.0.0.1:2223", "--port-min=30000", "--port-max=39999",
                     "--num-threads=2", "--pidfile=" + os.path.join(self.folder, "rtpengine.pid")])
        wait_for(self.pings, "rtpengine answers\n" + self.log_tail(), 10)
        return self

    def __exit__(self, *exception):
        self.socket.close()
        super().__exit__(*exception)

    def pings(self):
        if self.process.poll() is not None:
            raise Failed(f"rtpengine ended:\n{self.log_tail()}")
        try:
            return self.ask({"command": "ping"}).get("result") == "pong"
        except (TimeoutError, ConnectionError):
            time.sleep(0.1)
            return False

    def ask(self, question):
        cookie = f"{random.getrandbits(48):x}"
        self.socket.sendto(f"{cookie} ".encode() + bencode(question), self.NG)
        while True:
            answer = self.socket.recv(65536)
            if answer.startswith(cookie.encode() + b" "):
                return bdecode(answer[len(cookie) + 1:])

    def session(self, call, caller_sdp, callee_sdp, transport):
        """Two parties of one call; answers the descriptions that the callee and the caller get."""
        options = {"call-id": call, "from-tag": "a", "replace": ["origin"], "ICE": "remove",
                   "rtcp-mux": ["demux"], "DTLS": "off"}
        offer = self.ask({"command": "offer", "sdp": caller_sdp, "transport-protocol": transport,
                          **options})
        answer = self.ask({"command": "answer", "sdp": callee_sdp, "to-tag": "b", **options})
        for reply in (offer, answer):
            if reply.get("result") != "ok":
                raise Failed(f"rtpengine refused: {reply}")
        return offer["sdp"], answer["sdp"]


def bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        return b"%d:" % len(value.encode()) + value.encode()
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    return b"d" + b"".join(bencode(k) + bencode(value[k]) for k in sorted(value)) + b"e"


def bdecode(data):
    value, rest = _bdecode(data)
    if rest:
        raise Failed(f"bytes after a bencoded value: {rest!r}")
    return value


def _bdecode(data):
    kind = data[:1]
    if kind == b"i":
        digits, rest = data[1:].split(b"e", 1)
        return int(digits), rest
    if kind in (b"l", b"d"):
        items, rest = [], data[1:]
        while rest[:1] != b"e":
            item, rest = _bdecode(rest)
            items.append(item)
        rest = rest[1:]
        return (items if kind == b"l" else dict(zip(items[::2], items[1::2]))), rest
    length, rest = data.split(b":", 1)
    size = int(length)
    return rest[:size].decode(), rest[size:]


def peer_versions():
    """One line for the conditions of a run."""
    names = ["kamailio", "rtpengine-daemon", "sip-tester"]
    done = run(["dpkg-query", "-W", "-f", "${Package} ${Version}  "] + names, check=False)
    return done.stdout.strip()
