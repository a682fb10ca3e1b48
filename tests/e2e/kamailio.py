"""Kamailio as a provider: registrar, proxy with digest, Record-Route; numbers that it has no contact for are those of a
phone that stands for the world outside."""

import os
import signal
import subprocess

from harness import Failed, tail, wait_for

CONFIG = """#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
disable_tcp=yes
auto_aliases=no
dns=no
rev_dns=no
alias="provider.test"
listen=udp:{address}:{port}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("usrloc", "db_mode", 0)
modparam("registrar", "max_contacts", 1)
modparam("auth", "nonce_expire", 300)
modparam("rr", "enable_full_lr", 1)
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); }}
        else if (is_method("ACK") && t_check_trans()) {{ t_relay(); }}
        exit;
    }}
    t_check_trans();
    if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("provider.test", "line-secret", "0")) {{ www_challenge("provider.test", "1"); exit; }}
        save("location");
        exit;
    }}
    if (is_method("INVITE")) {{
        record_route();
        if ($si == "{outside}") {{
            if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
            t_relay();
            exit;
        }}
        if (!pv_proxy_authenticate("provider.test", "line-secret", "0")) {{
            proxy_challenge("provider.test", "1");
            exit;
        }}
        consume_credentials();
        $du = "sip:{outside}:{outside_port}";
        t_relay();
    }}
    exit;
}}
"""


TLS_PORT = 5081
TLS_CONFIG = """enable_tls=yes
listen=tls:{address}:{port}
tcp_connection_lifetime=600
"""
TLS_MODULE = """loadmodule "tls.so"
modparam("tls", "config", "{file}")
"""
# Whom Kamailio lets in says its own check of the certificate, not only the handshake.
TLS_CHECK = """    if ($proto == "tls" && $tls_peer_subject_cn != "{client}") {{ sl_send_reply("403", "Another Certificate"); exit; }}
"""
# What it connects to is ours, whose certificate is nobody's.
TLS_FILE = """[server:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
certificate = {server}/server.pem
private_key = {server}/server.key
ca_list = {clients}/ca.pem

[client:default]
method = TLSv1.2+
verify_certificate = no
require_certificate = no
"""


class Kamailio:
    """`tls`: the Authority whose certificate it shows at TLS_PORT, the one that its clients' must be of, and the name of the
    only client that it serves there."""

    def __init__(self, folder, address="127.0.0.2", port=5080, outside=("127.0.0.3", 5085), tls=None):
        self.folder = os.path.join(folder, "kamailio")
        os.makedirs(self.folder, exist_ok=True)
        self.address = address
        self.config = os.path.join(self.folder, "kamailio.cfg")
        self.log = os.path.join(self.folder, "log")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(self.with_tls(CONFIG, tls).format(address=address, port=port, outside=outside[0], outside_port=outside[1]))
        self.process = None

    def with_tls(self, config, tls):
        if tls is None:
            return config
        server, clients, client = tls
        path = os.path.join(self.folder, "tls.cfg")
        with open(path, "w", encoding="utf-8") as file:
            file.write(TLS_FILE.format(server=server.folder, clients=clients.folder))
        begin = "request_route {{\n"
        config = config.replace("disable_tcp=yes\n", TLS_CONFIG.format(address=self.address, port=TLS_PORT))
        config = config.replace('loadmodule "auth.so"\n', 'loadmodule "auth.so"\n' + TLS_MODULE.format(file=path))
        return config.replace(begin, begin + TLS_CHECK.format(client=client).replace("{", "{{").replace("}", "}}"))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.kill()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["kamailio", "-DD", "-f", self.config, "-m", "64", "-M", "8", "-Y", self.folder, "-w", self.folder,
                 "-P", os.path.join(self.folder, "pid")], stdout=log, stderr=log, start_new_session=True)

        def listens():
            if self.process.poll() is not None:
                raise Failed(f"Kamailio ended:\n{tail(self.log)}")
            found = subprocess.run(["ss", "-Huln", "src", f"{self.address}"], capture_output=True, text=True, check=False)
            return "5080" in found.stdout
        wait_for(listens, f"Kamailio listens\n{tail(self.log)}", 10)

    def kill(self):
        """All of its processes at once."""
        if self.process is None or self.process.poll() is not None:
            return
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(5)
