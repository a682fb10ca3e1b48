#!/usr/bin/env python3
"""What an operator does to a running system: certificates, listeners, roles, addresses, logs, metrics, copies
of signalling, and stopping. Calls go on meanwhile."""

import json
import os
import re
import signal
import socket
import ssl
import struct
import time
import urllib.request

from calling_phone import CallingPhone
from calls import CALLEE_PORT, CALLER_PORT, NODES, records, register
from harness import expect, main, run, running, wait_for


def certificate(folder, name, days=30):
    """A self-signed certificate and its key, as paths."""
    paths = [os.path.join(folder, f"{name}.{end}") for end in ("crt", "key")]
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", f"/CN={name}", "-days", str(days), "-out", paths[0], "-keyout", paths[1]])
    return paths


def text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def shown_certificate(port, asked=None):
    """The common name that openssl sees at a TLS port, when it asks for that name (SNI)."""
    sni = ["-servername", asked] if asked else ["-noservername"]
    done = run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *sni], input="", check=False)
    found = re.search(r"subject=.*CN = (\S+)", done.stdout)
    return found.group(1) if found else None


class TlsPhone:
    """A phone on one TLS connection that lasts."""

    def __init__(self):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", 5061), 5))
        self.count = 0

    def is_answered(self):
        self.count += 1
        self.socket.sendall(("OPTIONS sip:demo.test SIP/2.0\r\n"
                             f"Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK-t{self.count}\r\n"
                             "Max-Forwards: 70\r\nFrom: <sip:a@demo.test>;tag=1\r\nTo: <sip:demo.test>\r\n"
                             f"Call-ID: tls{self.count}\r\nCSeq: 1 OPTIONS\r\n"
                             "Content-Length: 0\r\n\r\n").encode())
        return self.socket.recv(4096).startswith(b"SIP/2.0 200")


def certificates_are_replaced_without_a_restart(folder):
    ports = (5061, 8443, 8444)
    with running(folder) as server:
        expect([shown_certificate(port) for port in ports] == ["server1"] * 3, "made at the first start")
        old = TlsPhone()
        expect(old.is_answered(), "SIP over TLS")
        first, second = certificate(folder, "first.test"), certificate(folder, "second.test")
        stored = {"certificate_source": "stored", "certificate": text(first[0]),
                  "certificate_key": text(first[1])}
        answer = server.api("PATCH", "/settings", stored)
        expect("PRIVATE KEY" not in json.dumps(answer), "the key is not shown again")
        wait_for(lambda: [shown_certificate(port) for port in ports] == ["first.test"] * 3,
                 "the certificate of the API at all ports")
        expect(old.is_answered(), "an old connection goes on")

        for field, change in (("certificate_key", {"certificate_key": text(second[1])}),
                              ("certificate_key", {"certificate_key": "no key"}),
                              ("certificate", {"certificate": "no certificate"}),
                              ("certificate", {"certificate": ""}),
                              ("certificate_key", {"certificate": text(second[0])})):
            problem = server.api("PATCH", "/settings", change, expected=422)
            expect(problem["field"] == field, f"{field} expected: {problem}")
            expect("PRIVATE KEY" not in json.dumps(problem), "an error quotes no key")
        expect(shown_certificate(5061) == "first.test", "what was refused changes nothing")
        server.stop()
        server.start()
        wait_for(lambda: shown_certificate(5061) == "first.test", "the stored certificate after a restart")

        files = {"certificate_source": "file", "certificate_file": second[0],
                 "certificate_key_file": second[1]}
        server.api("PATCH", "/settings", files)
        wait_for(lambda: shown_certificate(5061) == "second.test", "the certificate of the files")
        third = certificate(folder, "third.test")
        os.replace(third[0], second[0])  # for a moment not a pair
        wait_for(lambda: "the new TLS certificate is refused" in text(server.log_path), "a line in the log", 5)
        expect(shown_certificate(5061) == "second.test", "the old one stays")
        os.replace(third[1], second[1])
        wait_for(lambda: shown_certificate(5061) == "third.test", "files that were replaced", 5)
        server.api("PATCH", "/settings", {"certificate_source": "server"})
        wait_for(lambda: shown_certificate(5061) == "server1", "back to the server's own")


def domains_show_their_own_certificates(folder):
    """Who asks for a domain, or a name below it, gets its certificate; all others that of the site."""
    ports = (5061, 8443, 8444)
    with running(folder) as server:
        for name in ("acme.test", "south.acme.test"):
            server.api("POST", "/domains", {"name": name}, expected=201)
        first, second = certificate(folder, "first.test"), certificate(folder, "second.test")

        def seen(name):
            return {shown_certificate(port, name) for port in ports}
        for field, change in (("certificate_key", {"certificate": text(first[0])}),
                              ("certificate", {"certificate_key": text(first[1])}),
                              ("certificate", {"certificate": "none", "certificate_key": text(first[1])}),
                              ("certificate_key", {"certificate": text(first[0]),
                                                   "certificate_key": text(second[1])})):
            problem = server.api("PATCH", "/domains/acme.test", change, expected=422)
            expect(problem["field"] == field, f"{field} expected: {problem}")
        own = {"certificate": text(first[0]), "certificate_key": text(first[1])}
        answer = server.api("PATCH", "/domains/acme.test", own)
        expect("PRIVATE KEY" not in json.dumps(answer), "the key is not shown again")
        wait_for(lambda: seen("acme.test") == {"first.test"}, "the domain's own at all ports", 5)
        expect(seen("SIP.acme.test") == {"first.test"}, "names below it")
        expect(seen("south.acme.test") == {"first.test"}, "a domain below it that has none")
        for other in (None, "other.test", "notacme.test", "test"):
            expect(seen(other) == {"server1"}, f"the site's for {other}")

        server.stop()
        server.start()
        wait_for(lambda: seen("acme.test") == {"first.test"}, "the same after a restart", 5)

        files = os.path.join(server.data, "tls", "domains")
        os.makedirs(files)
        for path, ending in zip(second, ("crt", "key")):
            os.replace(path, os.path.join(files, f"south.acme.test.{ending}"))
        wait_for(lambda: seen("south.acme.test") == {"second.test"}, "that of the files", 5)
        expect(seen("acme.test") == {"first.test"}, "the other one stays")
        third = certificate(folder, "third.test")
        os.replace(third[1], os.path.join(files, "south.acme.test.key"))
        wait_for(lambda: "certificate of the domain south.acme.test is refused" in text(server.log_path),
                 "a line in the log", 5)
        expect(seen("south.acme.test") == {"second.test"}, "what was shown before stays")
        os.replace(third[0], os.path.join(files, "south.acme.test.crt"))
        wait_for(lambda: seen("south.acme.test") == {"third.test"}, "replaced files", 5)

        os.remove(os.path.join(files, "south.acme.test.crt"))
        server.api("PATCH", "/domains/acme.test", {"certificate": ""})
        wait_for(lambda: seen("acme.test") == seen("south.acme.test") == {"server1"},
                 "back to the site's", 5)


def role_of(server, code):
    return next(r for r in server.api("GET", "/roles")["items"] if r["role"] == code)


def answers_sip(port, kind=socket.SOCK_DGRAM):
    """Whether something answers OPTIONS there."""
    ping = ("OPTIONS sip:demo.test SIP/2.0\r\n"
            f"Via: SIP/2.0/{'UDP' if kind == socket.SOCK_DGRAM else 'TCP'} 127.0.0.1:9;rport;"
            f"branch=z9hG4bK-{time.monotonic_ns()}\r\n"
            "Max-Forwards: 70\r\nFrom: <sip:a@demo.test>;tag=1\r\nTo: <sip:demo.test>\r\n"
            f"Call-ID: {time.monotonic_ns()}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n").encode()
    with socket.socket(socket.AF_INET, kind) as own:
        own.settimeout(0.5)
        try:
            own.connect(("127.0.0.1", port))
            own.sendall(ping)
            return own.recv(4096).startswith(b"SIP/2.0 200")
        except OSError:
            return False


def listeners_and_roles_change_while_a_call_goes_on(folder):
    with running(folder, accounts=("1001", "1002", "1003", "1004"), nodes=NODES) as server:
        with CallingPhone(server, "1001", CALLER_PORT) as caller, \
                CallingPhone(server, "1002", CALLEE_PORT) as callee:
            callee.register()
            caller.call("1002", callee)
            caller.talks_with(callee)
            gate = role_of(server, "SG")
            settings = gate.get("sip_gate", {})

            server.api("PATCH", f"/roles/{gate['id']}", {"sip_gate": {**settings, "tcp_port": 5075}})
            wait_for(lambda: answers_sip(5075, socket.SOCK_STREAM), "SIP over TCP at its new port")
            wait_for(lambda: not answers_sip(5060, socket.SOCK_STREAM), "nothing at the old one")
            expect(answers_sip(5060), "UDP stays")
            caller.talks_with(callee)

            second = {"role": "SG", "server": gate["server"], "number": 70, "node": gate["node"],
                      "sip_gate": {"udp_port": 6060, "tcp_port": 0, "tls_port": 0, "wss_port": 0}}
            made = server.api("POST", "/roles", second)
            wait_for(lambda: answers_sip(6060), "a second gate")
            with CallingPhone(server, "1003", 5090) as third:
                third.server_port = 6060
                third.register()
                with CallingPhone(server, "1004", 5091) as fourth:
                    fourth.call("1003", third)
                    fourth.talks_with(third)
                    fourth.hang_up(third)
            server.api("DELETE", f"/roles/{made['id']}")
            wait_for(lambda: not answers_sip(6060), "the second gate is gone")
            caller.talks_with(callee)

            registrar = role_of(server, "SR")
            server.api("PATCH", f"/roles/{registrar['id']}", {"enabled": False})
            with CallingPhone(server, "1003", 5090) as third:
                wait_for(lambda: third.try_register() == 503, "no registrar")
                caller.talks_with(callee)
                server.api("PATCH", f"/roles/{registrar['id']}", {"enabled": True})
                wait_for(lambda: third.try_register() == 200, "the registrar is back")
            expect({b["login"] for b in server.api("GET", "/domains/demo.test/bindings")["items"]} >=
                   {"1002", "1003"}, "registrations outlive it")
            caller.talks_with(callee)
            new_media_ports(server, caller, callee)
            web_port(server)
            caller.talks_with(callee)
            caller.hang_up(callee)
        wait_for(lambda: len(server.api("GET", "/cdr")["items"]) == 3, "the records")


def new_media_ports(server, caller, callee):
    """Another range for the media gate: new calls use it, old ones keep their ports."""
    media = role_of(server, "MG")
    server.api("PATCH", f"/roles/{media['id']}",
               {"media_gate": {"rtp_port_min": 42000, "rtp_port_max": 42099}})
    time.sleep(0.5)
    caller.talks_with(callee)
    with CallingPhone(server, "1003", 5090) as third, CallingPhone(server, "1004", 5091) as fourth:
        third.register()
        fourth.call("1003", third)
        expect(42000 <= fourth.media_target[1] <= 42099, f"ports of the new range: {fourth.media_target}")
        fourth.talks_with(third)
        fourth.hang_up(third)


def answers_http(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/health", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


def web_port(server):
    web = role_of(server, "WS")
    server.api("PATCH", f"/roles/{web['id']}", {"web_gate": {**web.get("web_gate", {}), "http_port": 8090}})
    wait_for(lambda: answers_http(8090), "HTTP at its new port")
    wait_for(lambda: not answers_http(8080), "nothing at the old one")
    server.url = "http://127.0.0.1:8090"


def ipv4_calls_ipv6(folder):
    with running(folder, nodes=NODES) as server:
        host = server.api("GET", "/servers")["items"][0]["id"]
        server.api("POST", "/interfaces", {"server": host, "name": "lo6", "address": "::1", "family": "ipv6"})
        wait_for(lambda: "[::1]:5060" in run(["ss", "-Huln"]).stdout, "SIP at ::1")
        with CallingPhone(server, "1001", CALLER_PORT) as caller, \
                CallingPhone(server, "1002", CALLEE_PORT, address="::1") as callee:
            callee.register()
            caller.call("1002", callee)
            expect("c=IN IP6 ::1" in callee.invite and "IP4" not in callee.invite, callee.invite)
            expect("127.0.0.1" not in callee.invite, "nothing of the other side's network")
            expect("c=IN IP4 127.0.0.1" in caller.answer and "IP6" not in caller.answer, caller.answer)
            caller.talks_with(callee)
            caller.hang_up(callee)
            caller.register()
            callee.call("1001", caller)
            callee.talks_with(caller)
            callee.hang_up(caller)
        expect([r["result"] for r in records(server, 2)] == ["answered"] * 2, "both ways")


def addresses_that_phones_are_told(folder):
    run(["ip", "address", "add", "10.9.9.1/24", "dev", "lo"])  # loopback itself is told to nobody else
    run(["ip", "address", "add", "10.9.9.2/24", "dev", "lo"])
    with running(folder, address="10.9.9.1", nodes=NODES) as server:
        interface = server.api("GET", "/interfaces")["items"][0]["id"]
        for change, seen in (({"advertised_address": "192.0.2.9"}, "192.0.2.9"),
                             ({"advertised_for": [{"network": "10.9.9.0/24", "address": "198.51.100.1"}]},
                              "198.51.100.1"),
                             ({"advertised_for": [], "local_networks": ["10.0.0.0/8"]}, "10.9.9.1")):
            server.api("PATCH", f"/interfaces/{interface}", change)
            time.sleep(0.3)
            with CallingPhone(server, "1001", CALLER_PORT, address="10.9.9.2") as caller, \
                    CallingPhone(server, "1002", CALLEE_PORT, address="10.9.9.2") as callee:
                callee.register()
                caller.call("1002", callee)
                for message in (callee.invite, caller.answer):
                    expect(f"c=IN IP4 {seen}" in message, f"{seen} in the SDP of:\n{message}")
                    contact = re.search(r"Contact: <sip:\S+@([^:;>]+)", message).group(1)
                    expect(contact == seen, f"{seen} in the Contact of:\n{message}")
                caller.dialog["target"] = re.sub(r"@[^:;>]+", "@10.9.9.1", caller.dialog["target"])
                caller.hang_up(callee)


SAMPLE = re.compile(r'([a-z_][a-z0-9_]*)\{([^}]*)\} (\S+)$')


def parse_metrics(exposition):
    """Name and labels to value; Failed where the text breaks Prometheus's rules."""
    samples, metric, kinds, seen = {}, None, {}, set()
    for line in exposition.splitlines():
        if line.startswith("# HELP "):
            _, _, metric, *words = line.split(" ")
            expect(metric not in seen, f"{metric} comes twice")
            expect(len(words) > 1, f"{metric} has no help")
            seen.add(metric)
        elif line.startswith("# TYPE "):
            _, _, name, kinds[name] = line.split(" ")
            expect(name == metric, f"TYPE of {name} under {metric}")
            expect(kinds[name] in ("counter", "gauge", "histogram"), line)
        else:
            match = SAMPLE.match(line)
            expect(match, f"not a sample: {line}")
            name = match.group(1)
            expect(name == metric or kinds[metric] == "histogram" and
                   name in (metric + "_bucket", metric + "_sum", metric + "_count"), f"{name} under {metric}")
            expect((kinds[metric] == "counter") == name.endswith("_total"), f"{name} is a {kinds[metric]}")
            key = (name, match.group(2))
            expect(key not in samples, f"{key} comes twice")
            expect(all(re.fullmatch(r'[a-z_]+="[^"\\]*"', each) for each in match.group(2).split(",")), line)
            samples[key] = float(match.group(3))
    return samples


def metrics(folder):
    with running(folder, nodes=NODES) as server:
        def scrape():
            with urllib.request.urlopen(server.url + "/metrics", timeout=5) as answer:
                expect(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"), "media type")
                return answer.read().decode()
        with CallingPhone(server, "1001", CALLER_PORT) as caller, \
                CallingPhone(server, "1002", CALLEE_PORT) as callee:
            callee.register()
            caller.call("1002", callee)
            caller.hang_up(callee)
            caller.send(caller.request("DANCE", "sip:demo.test"))
        records(server)
        samples = parse_metrics(scrape())

        def total(name, *labels):
            return sum(value for (found, text_), value in samples.items()
                       if found == name and all(label in text_ for label in labels))
        for name, labels, least in (("tandem_sip_requests_total", ('method="INVITE"',), 2),
                                    ("tandem_sip_requests_total", ('method="other"',), 1),
                                    ("tandem_sip_responses_total", ('method="REGISTER"', 'code="401"'), 1),
                                    ("tandem_sip_responses_total", ('method="INVITE"', 'code="200"'), 1),
                                    ("tandem_calls_ended_total", ('result="answered"',), 1),
                                    ("tandem_call_setup_seconds_count", (), 1),
                                    ("tandem_registrations_total", (), 1), ("tandem_bindings", (), 1),
                                    ("tandem_build_info", ('version="',), 1), ("tandem_up", (), 1),
                                    ("tandem_process_resident_memory_bytes", (), 1 << 20),
                                    ("tandem_sip_udp_received_total", (), 5)):
            expect(total(name, *labels) >= least, f"{name}{labels} is {total(name, *labels)}, below {least}")
        buckets = [value for (name, _), value in samples.items() if name == "tandem_call_setup_seconds_bucket"]
        expect(buckets == sorted(buckets) and buckets[-1] == total("tandem_call_setup_seconds_count"),
               f"buckets: {buckets}")
        expect(not {"DANCE", "1001", "demo"} & set(re.findall(r"\w+", str(list(samples)))),
               "labels that outsiders choose")
        expect(server.api("GET", "/health")["status"] == "ok", "health")


def hep_chunks(packet):
    """'HEP3', total length, then vendor, type, length and value of each chunk (HEP3 revision 32)."""
    expect(packet[:4] == b"HEP3" and struct.unpack("!H", packet[4:6])[0] == len(packet), "the head")
    chunks, rest = {}, packet[6:]
    while rest:
        vendor, kind, length = struct.unpack("!HHH", rest[:6])
        expect(vendor == 0 and 6 < length <= len(rest), f"chunk {vendor} {kind} {length}")
        chunks[kind] = rest[6:length]
        rest = rest[length:]
    return chunks


def copies_of_signalling(folder):
    with running(folder) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 9060))
        for target in ("127.0.0.1:9060", "localhost:9060"):
            server.api("PATCH", "/settings", {"hep_target": target})
            time.sleep(0.5)
            collector.settimeout(3)
            register(server, "1001", CALLER_PORT)
            seen = [hep_chunks(collector.recv(65536)) for _ in range(4)]
            for chunks, (sender, start) in zip(seen, ((CALLER_PORT, b"REGISTER "), (5060, b"SIP/2.0 401"),
                                                      (CALLER_PORT, b"REGISTER "), (5060, b"SIP/2.0 200"))):
                expect(chunks[15].startswith(start), f"{start}: {chunks[15][:60]}")
                expect(chunks[3] == chunks[4] == socket.inet_aton("127.0.0.1"), "both addresses")
                expect(struct.unpack("!H", chunks[7])[0] == sender, f"port of the sender: {chunks[7]}")
                expect(chunks[1] == b"\x02" and chunks[2] == b"\x11" and chunks[11] == b"\x01", "IPv4, UDP, SIP")
                expect(abs(struct.unpack("!I", chunks[9])[0] - time.time()) < 10, "the time")
            while not no_more(collector):
                pass
        server.api("PATCH", "/settings", {"hep_target": ""})
        time.sleep(0.3)
        register(server, "1001", CALLER_PORT)
        expect(no_more(collector), "nothing is copied when it is off")


def no_more(collector):
    collector.settimeout(0.3)
    try:
        collector.recv(65536)
    except TimeoutError:
        return True
    return False


def logs(folder):
    with running(folder, settings='log_format = "json"', nodes=NODES) as server:
        def lines():
            return [json.loads(line) for line in text(server.log_path).splitlines() if line.startswith("{")]
        first = next(line for line in lines() if "serving after" in line["text"])
        expect(re.search(r"tandemd \S+ node 1 serving after 0\.\d{3} s", first["text"]), f"{first}")
        with CallingPhone(server, "1001", CALLER_PORT) as caller, \
                CallingPhone(server, "1002", CALLEE_PORT) as callee:
            callee.register()
            caller.call("1002", callee)
            call = server.api("GET", "/calls")["items"][0]["id"]
            caller.hang_up(callee)
        ended = wait_for(lambda: [line for line in lines() if line.get("call") == call], "a line of the call")
        expect(ended[-1]["domain"] == "demo.test" and ended[-1]["level"] == "info", f"{ended}")

        # A change is heard by all nodes at once; an error level silences what was said before.
        server.api("POST", "/log-level", {"level": "error"})
        time.sleep(0.3)
        count = len(lines())
        with CallingPhone(server, "1001", CALLER_PORT) as caller, \
                CallingPhone(server, "1002", CALLEE_PORT) as callee:
            caller.call("1002", callee)
            caller.hang_up(callee)
        records(server, 2)
        time.sleep(0.3)
        expect(len(lines()) == count, f"silent at level error: {lines()[count:]}")
        server.api("PATCH", "/settings", {"log_level": "info"})
        time.sleep(0.3)
        with CallingPhone(server, "1001", CALLER_PORT) as caller, \
                CallingPhone(server, "1002", CALLEE_PORT) as callee:
            caller.call("1002", callee)
            caller.hang_up(callee)
        wait_for(lambda: len(lines()) > count, "the setting of the whole system counts")


def stops_when_calls_have_ended(folder):
    with running(folder, nodes=NODES) as server:
        with CallingPhone(server, "1001", CALLER_PORT) as caller, \
                CallingPhone(server, "1002", CALLEE_PORT) as callee:
            callee.register()
            caller.call("1002", callee)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            caller.talks_with(callee)
            with CallingPhone(server, "1003", 5090) as third:
                expect(third.try_call("1002") == 503, "no new calls")
            expect(server.process.poll() is None, "the call holds it up")
            caller.hang_up(callee)
            began = time.monotonic()
            expect(server.process.wait(40) == 0, "a clean end")
            expect(time.monotonic() - began < 12, f"ended {time.monotonic() - began:.2f} s after its last call")


def stops_at_once_on_the_second_signal(folder):
    with running(folder, nodes=NODES) as server:
        with CallingPhone(server, "1001", CALLER_PORT) as caller, \
                CallingPhone(server, "1002", CALLEE_PORT) as callee:
            callee.register()
            caller.call("1002", callee)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(5)
            expect(time.monotonic() - began < 2, f"{time.monotonic() - began:.2f} s")
            server.start()
            wait_for(lambda: server.api("GET", "/calls")["items"], "the call is restored", 5)
            callee.register()  # repeated until the gate serves, as a BYE here is not
            caller.hang_up(callee)


if __name__ == "__main__":
    main(certificates_are_replaced_without_a_restart, domains_show_their_own_certificates,
         listeners_and_roles_change_while_a_call_goes_on, ipv4_calls_ipv6,
         addresses_that_phones_are_told, metrics, copies_of_signalling, logs,
         stops_when_calls_have_ended, stops_at_once_on_the_second_signal)
