"""Drives baresip: a folder with its configuration, its control port, what it plays and records."""

import glob
import json
import os
import re
import socket
import subprocess

import tone
from harness import Failed, password_of, wait_for
from network import inside

CONFIG = """\
poll_method epoll
sip_listen {listen}
{certificates}
call_max_calls 4
audio_source aufile,{wave}
audio_player none,none
audio_alert none,none
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
audio_buffer 20-160
rtp_ports 20000-20100
rtcp_mux {rtcp_mux}
jitter_buffer_delay 0-0
module_path /usr/lib/baresip/modules
module g711.so
module sndfile.so
module aufile.so
module srtp.so
{modules}
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:4444
snd_path {folder}
menu_bell no
ringback_disabled yes
statmode_default off
{more}
"""


class Baresip:
    """One phone on one host. `tone_hz` is what it plays; `encrypt` is baresip's mediaenc."""

    records_live = True  # what it hears is in the file at once

    def __init__(self, host, folder, user, *, domain="demo.local", server="192.0.2.10",
                 transport="udp", port=5060, tone_hz=400, encrypt="", ca_file="", modules=(),
                 rtcp_mux=False, account="", more="", expires_s=60):
        self.host, self.user, self.domain, self.tone_hz = host, user, domain, tone_hz
        self.folder = os.path.join(folder, f"{user}-{host.name}")
        self.events = []
        self.waiting = b""
        self.control = None
        self.process = None
        os.makedirs(self.folder)
        wave = tone.write(os.path.join(self.folder, "plays.wav"), tone_hz)
        own = next(address for address in host.addresses if (":" in address) == (":" in server))
        bracketed = f"[{server}]" if ":" in server else server
        listen = f"[{own}]" if ":" in own else own
        certificates = f"sip_cafile {ca_file}" if ca_file else ""
        self.write("config", CONFIG.format(
            listen=f"{listen}:5070", certificates=certificates, wave=wave, folder=self.folder,
            rtcp_mux="yes" if rtcp_mux else "no", more=more,
            modules="\n".join(f"module {name}.so" for name in modules)))
        mediaenc = f";mediaenc={encrypt}" if encrypt else ""
        self.write("accounts", f"<sip:{user}@{domain};transport={transport}>;auth_user={user}"
                   f";auth_pass={password_of(user)}"
                   f';outbound="sip:{bracketed}:{port};transport={transport}"'
                   f";regint={expires_s};answermode=manual{mediaenc}{account}\n")
        self.write("contacts", "")

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def __enter__(self):
        # Its own trace (-s) shows each message as it is after decryption.
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                self.host.command(["baresip", "-s", "-v", "-f", self.folder]),
                stdin=subprocess.PIPE, stdout=log, stderr=log)
        self.control = wait_for(self.connect, f"baresip of {self.user} takes commands")
        return self

    def __exit__(self, *exception):
        if self.control:
            self.control.close()
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()

    @property
    def log_path(self):
        return os.path.join(self.folder, "log")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def connect(self):
        if self.process.poll() is not None:
            raise Failed(f"baresip of {self.user} ended:\n{self.log()[-3000:]}")
        with inside(self.host.pid):
            control = socket.socket()
        try:
            control.connect(("127.0.0.1", 4444))
        except ConnectionError:
            control.close()
            return None
        control.setblocking(False)
        return control

    # Netstrings of JSON, both ways (https://cr.yp.to/proto/netstrings.txt).
    def command(self, name, params=""):
        text = json.dumps({"command": name, "params": params, "token": name}).encode()
        self.control.sendall(b"%d:%s," % (len(text), text))

    def read_events(self):
        try:
            while data := self.control.recv(65536):
                self.waiting += data
        except BlockingIOError:
            pass
        while b":" in self.waiting:
            size, rest = self.waiting.split(b":", 1)
            if len(rest) <= int(size):
                break
            self.waiting = rest[int(size) + 1:]
            self.events.append(json.loads(rest[:int(size)]))
        return self.events

    def saw(self, kind, count=1):
        return sum(event.get("type") == kind for event in self.read_events()) >= count

    def wait_event(self, kind, timeout=10.0, count=1):
        try:
            wait_for(lambda: self.saw(kind, count), f"{self.user} sees {kind}", timeout, 0.02)
        except Failed as error:
            raise Failed(f"{error}\n{self.events}\n{self.log()[-3000:]}") from None

    # The words that every driver of a phone has.
    def wait_registered(self):
        # The event may have come before the control port was connected.
        wait_for(lambda: "200 OK () [" in self.log(), f"{self.user} is registered")
        return self

    def dial(self, number):
        self.command("dial", f"sip:{number}@{self.domain}")

    def answer(self):
        self.wait_event("CALL_INCOMING")
        self.command("accept")

    def wait_talking(self):
        self.wait_event("CALL_ESTABLISHED")

    def hang_up(self):
        self.command("hangup")

    def wait_over(self):
        self.wait_event("CALL_CLOSED")

    def hold(self):
        self.command("hold")

    def resume(self):
        self.command("resume")

    def press(self, digit):
        self.command("sndcode", digit)

    def wait_key(self, digit):
        wait_for(lambda: any(event.get("type") == "CALL_DTMF_START" and event["param"] == digit
                             for event in self.read_events()), f"{self.user} sees key {digit}")

    def hears(self, frequency):
        """What it heard so far; a file is begun at each change of a stream."""
        files = sorted(glob.glob(os.path.join(self.folder, "dump-*-dec.wav")))
        return tone.heard(files, frequency)

    # "UDP 192.0.2.10:5060 -> 203.0.113.2:5070", the message, and the end of the colour.
    TRACE = re.compile(r"^(?:UDP|TCP|TLS) (\S+) -> (\S+)\n(.*?)\x1b\[;m", re.M | re.S)

    def traced(self, at):
        return [match[3].replace("\r\n", "\n").replace("\n", "\r\n")
                for match in self.TRACE.finditer(self.log())
                if any(match[at].startswith(start) for start in self.own_addresses())]

    def own_addresses(self):
        return [f"[{each}]:" if ":" in each else f"{each}:" for each in self.host.addresses]

    def sent(self):
        return self.traced(1)

    def received(self):
        return self.traced(2)
