"""Drives linphonec, linphone's phone for the terminal, by the commands that a person would type."""

import glob
import os
import re
import subprocess

import tone
from harness import Failed, password_of, wait_for

CONFIG = """\
[sip]
default_proxy=0
sip_port={udp}
sip_tcp_port={tcp}
sip_tls_port={tls}
root_ca={ca_file}
verify_server_certs={verify}
verify_server_cn=0
media_encryption={encrypt}
media_encryption_mandatory={mandatory}
use_ipv6={ipv6}

[auth_info_0]
username={user}
passwd={password}

[proxy_0]
reg_proxy=<sip:{server}:{port};transport={transport}>
reg_route=<sip:{server}:{port};transport={transport}>
reg_identity=sip:{user}@{domain}
reg_expires={expires_s}
reg_sendregister=1
publish=0

[rtp]
audio_rtp_port=20000
rtcp_mux={rtcp_mux}

[net]
mtu=1300
{more}
"""


class Linphone:
    """One phone on one host. `encrypt`: '', 'srtp' (offered) or 'srtp-mand' (demanded)."""

    records_live = False  # the file is complete when the call is over

    def __init__(self, host, folder, user, *, domain="demo.local", server="192.0.2.10",
                 transport="udp", port=5060, tone_hz=400, encrypt="", ca_file="", rtcp_mux=False,
                 more="", expires_s=60):
        self.host, self.user, self.domain, self.tone_hz = host, user, domain, tone_hz
        self.folder = os.path.join(folder, f"{user}-{host.name}")
        self.process = None
        self.records = 0
        # Without its database it registers never again after a failure.
        os.makedirs(os.path.join(self.folder, ".local/share/linphone"))
        tone.write(os.path.join(self.folder, "plays.wav"), tone_hz)
        own = {kind: 5070 if kind == transport else 0 for kind in ("udp", "tcp", "tls")}
        with open(os.path.join(self.folder, "rc"), "w", encoding="utf-8") as file:
            file.write(CONFIG.format(
                udp=own["udp"], tcp=own["tcp"], tls=own["tls"], user=user, domain=domain,
                password=password_of(user), server=f"[{server}]" if ":" in server else server,
                port=port, transport=transport, expires_s=expires_s, more=more,
                ca_file=ca_file or "/etc/ssl/certs", verify=int(bool(ca_file)),
                encrypt="srtp" if encrypt else "none", mandatory=int(encrypt == "srtp-mand"),
                ipv6=int(":" in server), rtcp_mux=int(rtcp_mux)))

    def __enter__(self):
        environment = dict(os.environ, HOME=self.folder, XDG_RUNTIME_DIR=self.folder)
        with open(os.path.join(self.folder, "screen"), "wb") as screen:
            self.process = subprocess.Popen(
                self.host.command(["linphonec", "-c", os.path.join(self.folder, "rc"), "-d", "6",
                                   "-l", self.log_path]),
                stdin=subprocess.PIPE, stdout=screen, stderr=screen, text=True, cwd=self.folder,
                env=environment)
        self.command("soundcard use files")
        self.command("play " + os.path.join(self.folder, "plays.wav"))
        self.command("record " + os.path.join(self.folder, "heard.wav"))
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.command("quit")
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
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def command(self, text):
        try:
            self.process.stdin.write(text + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(f"linphonec of {self.user} ended:\n{self.log()[-3000:]}") from None

    def wait_log(self, text, timeout=10.0, count=1):
        try:
            wait_for(lambda: self.log().count(text) >= count, f"{self.user} logs {text!r}", timeout)
        except Failed as error:
            raise Failed(f"{error}\n{self.log()[-3000:]}") from None

    def wait_state(self, state, timeout=10.0):
        self.wait_log(f"to LinphoneCall{state}", timeout)

    # The words that every driver of a phone has.
    def wait_registered(self):
        self.wait_log("to [LinphoneRegistrationOk]")
        return self

    def dial(self, number):
        self.command(f"call {number}")

    def answer(self):
        self.wait_state("IncomingReceived")
        self.command("answer")

    def wait_talking(self):
        self.wait_state("StreamsRunning")

    def hang_up(self):
        self.command("terminate")

    def wait_over(self):
        self.wait_state("Released")

    def hold(self):
        self.command("pause")

    def resume(self):
        self.command("resume")

    def press(self, digit):
        self.command(digit)

    def hears(self, frequency):
        return tone.heard(glob.glob(os.path.join(self.folder, "heard*.wav")), frequency)

    def traced(self, what):
        return [match[1].replace("\r\n", "\n").replace("\n", "\r\n")
                for match in re.finditer(what + r":?\n(.*?)\n20\d\d-\d\d-\d\d ", self.log(), re.S)]

    def sent(self):
        return self.traced(r"message sent to \[[^\n]*bytes")

    def received(self):
        return self.traced(r"received \[\d+\] new bytes from \[[^\n]*")
