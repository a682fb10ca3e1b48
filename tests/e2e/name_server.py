"""A name server (dnsmasq) on loopback, and what makes a tandemd ask it: a resolv.conf of its own."""

import os
import signal
import socket
import subprocess
import time

from harness import Failed, tail

SERVER = "127.0.0.1"


class NameServer:
    """Serves what serve() was told last. The same object is the `host` of a Server: its programs see a resolv.conf that
    names this server, in a mount namespace."""

    def __init__(self, folder):
        self.folder = folder
        self.resolv_conf = os.path.join(folder, "resolv.conf")
        with open(self.resolv_conf, "w", encoding="utf-8") as file:
            file.write(f"nameserver {SERVER}\n")
        self.log = os.path.join(folder, "dnsmasq.log")
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()

    def command(self, args):
        return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', self.resolv_conf,
                *args]

    def serve(self, *records, ttl=1):
        """`records`: options of dnsmasq, without their dashes. Nothing else of provider.test is there."""
        self.stop()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["/usr/sbin/dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
                 "--bind-interfaces", f"--listen-address={SERVER}", "--local=/provider.test/", f"--local-ttl={ttl}",
                 "--pid-file=", "--log-queries", "--log-facility=-", *("--" + each for each in records)],
                stdout=log, stderr=log)
        self.wait_there()

    def wait_there(self):
        # A question for the root that is refused.
        question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01"
        end = time.monotonic() + 10
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((SERVER, 53))
            probe.settimeout(0.1)
            while time.monotonic() < end:
                try:
                    probe.send(question)
                    probe.recv(512)
                    return
                except OSError:
                    time.sleep(0.02)
        raise Failed("dnsmasq does not answer:\n" + tail(self.log))

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(5)
            self.process = None

    def asked(self, name):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return sum(f"] {name} from " in line for line in file)


def servers(*entries, host="provider.test"):
    """A NAPTR record for UDP, and an SRV and an A record for each (name, address, port, priority, weight)."""
    records = [f"naptr-record={host},10,10,s,SIP+D2U,,_sip._udp.{host}"]
    for name, address, port, priority, weight in entries:
        records += [f"srv-host=_sip._udp.{host},{name}.{host},{port},{priority},{weight}",
                    f"host-record={name}.{host},{address}"]
    return records
