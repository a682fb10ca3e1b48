#!/usr/bin/env python3
"""A second server joins a running one over a link of its own: it gets roles, calls go through both, its
machine dies and comes back, the cable is cut; and everything that must not join is sent away."""

import base64
import contextlib
import hashlib
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import time

from calling_phone import CallingPhone
from harness import (TANDEM, TANDEMD, Failed, Server, expect, main, run, tail, wait_for)
from network import Host

FIRST, SECOND = "10.77.0.1", "10.77.0.2"
PORT = 7200
LINKS = f'link_address = "{FIRST}:{PORT}"'
LOST_MAX_S = 5  # a link whose cable is cut is noticed


@contextlib.contextmanager
def site(folder, settings=LINKS, accounts=("1001", "1002")):
    """The first server, in this namespace, and a machine for the second at the end of a cable."""
    machine = Host("two")
    machine.join(None, SECOND + "/24", FIRST + "/24")
    folders = [os.path.join(folder, name) for name in ("one", "two")]
    for path in folders:
        os.makedirs(path)
    first = Server(folders[0], FIRST, settings)
    second = Server(folders[1], SECOND, name="server2", host=machine)
    os.rmdir(second.data)
    try:
        first.start()
        first.make_domain(accounts=accounts)
        yield first, second
    except Exception:
        print(f"--- server2\n{tail(second.log_path, 4000)}")
        print(f"--- server1\n{tail(first.log_path, 4000)}")
        raise
    finally:
        for server in (second, first):
            server.stop()
        machine.close()


def tandem(server, *arguments, code=0):
    done = subprocess.run([TANDEM, *arguments], capture_output=True, text=True, timeout=20,
                          env={**os.environ, "TANDEM_DATA": server.data, "TANDEM_URL": server.url})
    expect(done.returncode == code, f"tandem {arguments} ended with {done.returncode}: "
           f"{done.stdout}{done.stderr}")
    return done.stdout.strip()


def new_token(first, *options):
    return tandem(first, "server", "token", *options)


def servers_of(first):
    return {each["name"]: each for each in first.api("GET", "/servers")["items"]}


def join(first, second, *options):
    second.launch(["--join", new_token(first, *options)])
    wait_for(lambda: second.process.poll() is not None or second.logged(" serving after"),
             "the second server serves", 20)
    expect(second.process.poll() is None, f"it joined\n{second.log_tail()}")
    return servers_of(first)["server2"]


def refused(second, token, reason, options=()):
    """It says why in one sentence, and leaves nothing behind."""
    before = sorted(os.listdir(second.data)) if os.path.exists(second.data) else None
    done = run(second.command([TANDEMD, "--config", second.config, "--join", token, *options]),
               check=False, timeout=30)
    expect(done.returncode == 1, f"refused with 1, not {done.returncode}: {done.stderr}")
    expect(re.search(reason, done.stderr), f"'{reason}' is said: {done.stderr}")
    expect(len(done.stderr.strip().splitlines()) == 1, f"one line: {done.stderr}")
    after = sorted(os.listdir(second.data)) if os.path.exists(second.data) else None
    expect(before == after, f"the data directory is as before: {before} and {after}")


def add_role(first, role, number, server, **fields):
    return first.api("POST", "/roles", {"role": role, "number": number, "server": server["id"], **fields})


def instances(first):
    """Node and state of each instance that runs."""
    return {each["instance"]: (node["node"], each["state"])
            for node in first.api("GET", "/status")["nodes"] for each in node["instances"]}


def wait_running(first, numbers, node):
    wait_for(lambda: all(instances(first).get(n) in ((node, "serving"), (node, "passive")) for n in numbers),
             f"{numbers} run in node {node}: {instances(first)}", 15)


# --- what works

def roles_and_calls_on_two_servers(folder):
    with site(folder) as (first, second):
        made = join(first, second, "--name", "server2")
        expect(made["node"] == 2 and made["link_address"] == f"{SECOND}:{PORT}", f"server2: {made}")
        expect(servers_of(first)["server1"]["node"] == 1, "the first server has node 1")
        for role, number in (("MG", 21), ("SG", 22), ("B2B", 23), ("SR", 24), ("WS", 25)):
            expect(add_role(first, role, number, made)["node"] == 2, f"{role} is in the home node")
        wait_running(first, (21, 22, 23, 24, 25), 2)
        # All media by the second server.
        gate = next(r for r in first.api("GET", "/roles")["items"] if r["role"] == "MG" and r["number"] != 21)
        first.api("PATCH", f"/roles/{gate['id']}", {"enabled": False})
        wait_for(lambda: gate["number"] not in instances(first), "the first media gate has gone")
        second.url = f"http://{SECOND}:8080"
        expect(second.api("GET", "/domains/demo.test")["name"] == "demo.test", "the API of the second")
        with CallingPhone(first, "1001", 5070, FIRST) as near, CallingPhone(second, "1002", 5072, FIRST) as far:
            near.register()
            far.register()
            for caller, callee in ((near, far), (far, near)):
                caller.call(callee.user, callee)
                for phone in (caller, callee):
                    expect(phone.media_target[0] == SECOND, f"media at the second: {phone.media_target}")
                near.talks_with(far)
                caller.hang_up(callee)
        records = wait_for(lambda: first.api("GET", "/cdr")["items"][1:] and first.api("GET", "/cdr")["items"],
                           "records of both calls")
        expect(len(records) == 2, f"a record each: {records}")
        processes_of_its_own(first, made)


def processes_of_its_own(first, second):
    """A role instance in another process of the second server, started by its parent."""
    add_role(first, "B2B", 31, second, node=7)
    wait_running(first, (31,), 7)
    problem = first.api("POST", "/roles", {"role": "B2B", "number": 32, "server": second["id"], "node": 1},
                        expected=409)
    expect("home node of the server 'server1'" in problem["detail"], f"no process of another: {problem}")
    removed = first.api("GET", "/roles/31")["id"]
    first.api("DELETE", f"/roles/{removed}")
    wait_for(lambda: 31 not in instances(first), "it has gone")


def machine_dies_and_comes_back(folder):
    with site(folder) as (first, second):
        made = join(first, second)
        add_role(first, "SG", 22, made)
        wait_running(first, (22,), 2)
        calls = (("1001", 5070, first), ("1002", 5072, first))
        mark = first.log_size()
        second.kill()
        wait_for(lambda: first.logged("node 2 is not reachable", mark), "the death is noticed", 5)
        call_once(calls)
        mark = first.log_size()
        second.launch()
        wait_for(lambda: first.logged("node 2 is reachable", mark), "it is back", 10)
        wait_running(first, (22,), 2)
        events = [each["text"] for each in first.api("GET", "/events")["items"] if each["node"] == 1]
        gone, back = events.index("node 2 is not reachable"), len(events) - events[::-1].index("node 2 is reachable")
        expect(gone < back, f"its death and its return are told: {events}")
        call_once((("1001", 5074, first), ("1002", 5076, second)))
        # Its nodes stay when only the first server's die.
        mark = second.log_size()
        first.kill_nodes()
        wait_for(lambda: second.logged("node 1 is reachable", mark), "the first is back", 15)
        first.wait_healthy()
        wait_running(first, (22,), 2)
        call_once((("1001", 5078, first), ("1002", 5080, second)))


def call_once(phones):
    (one, port, server), (two, other_port, other_server) = phones
    with CallingPhone(server, one, port, FIRST) as near, CallingPhone(other_server, two, other_port, FIRST) as far:
        near.register()
        far.register()
        near.call(two, far)
        near.talks_with(far)
        near.hang_up(far)


def cut_cable_is_noticed_on_both_sides(folder):
    with site(folder) as (first, second):
        join(first, second)
        for _ in range(2):
            marks = first.log_size(), second.log_size()
            run(["ip", "link", "set", "up0-two", "down"])
            began = time.monotonic()
            wait_for(lambda: first.logged("node 2 is not reachable", marks[0]) and
                     second.logged("node 1 is not reachable", marks[1]), "both sides notice",
                     LOST_MAX_S)
            print(f"        a cut cable was noticed after {time.monotonic() - began:.1f} s")
            run(["ip", "link", "set", "up0-two", "up"])
            wait_for(lambda: first.logged("node 2 is reachable", marks[0]) and
                     second.logged("node 1 is reachable", marks[1]), "the link comes back", 10)


def links_begin_without_a_restart(folder):
    """An elementary system learns its address when the first token is asked for, and goes back to one server."""
    with site(folder, settings="", accounts=()) as (first, second):
        said = subprocess.run([TANDEM, "server", "token"], capture_output=True, text=True, timeout=20,
                              env={**os.environ, "TANDEM_DATA": first.data, "TANDEM_URL": first.url})
        expect(said.returncode == 1 and "--link-address" in said.stderr, f"what to do: {said.stderr}")
        expect(not first.logged("listening for other servers"), "nothing listens before")
        made = join(first, second, "--link-address", FIRST, "--valid", "10m")
        listed = tandem(first, "server", "list")
        expect(f"{SECOND}:{PORT}" in listed and "server1" in listed, f"server list: {listed}")
        expect(tandem(first, "server", "show", "server2").count(made["id"]) == 1, "server show")
        for interface in first.api("GET", "/interfaces")["items"]:
            if interface["server"] == made["id"]:
                first.api("DELETE", f"/interfaces/{interface['id']}")
        mark = second.log_size()
        tandem(first, "server", "remove", "server2")
        wait_for(lambda: second.logged("removed from the system", mark) or
                 second.logged("node 1 is not reachable", mark), "the removed one is told or cut off")
        wait_for(lambda: first.logged("node 2 is not reachable"), "its links have ended")
        time.sleep(1.5)  # it dials again
        expect(list(servers_of(first)) == ["server1"], "one server")


def certificate_is_renewed(folder):
    """After two thirds of its time, over the link, without a restart."""
    with site(folder, accounts=()) as (first, second):
        join(first, second)
        path = os.path.join(second.data, "tls", "link.crt")
        make_old(first, second, path)
        old = open(path, encoding="utf-8").read()
        second.process.send_signal(signal.SIGTERM)
        second.process.wait(10)
        mark = second.log_size()
        second.launch()
        wait_for(lambda: open(path, encoding="utf-8").read() != old, "it is renewed", 30)
        wait_for(lambda: second.logged("took up the new certificate", mark), "and taken up", 10)
        dates = run(["openssl", "x509", "-in", path, "-noout", "-checkend", str(80 * 86400)], check=False)
        expect(dates.returncode == 0, f"valid for months: {dates.stdout}")
        names = run(["openssl", "x509", "-in", path, "-noout", "-ext", "subjectAltName"]).stdout
        for name in ("DNS:server2", f"IP Address:{SECOND}", "IP Address:127.0.0.1"):
            expect(name in names, f"{name} in {names}")


def make_old(first, second, path):
    """A certificate of the same key and names whose time is nearly over."""
    folder = second.folder
    authority = os.path.join(first.data, "tls", "site_ca")
    with open(os.path.join(folder, "ca.cnf"), "w", encoding="utf-8") as file:
        file.write("[ca]\ndefault_ca = own\n[own]\ndatabase = ./index.txt\nserial = ./serial\nnew_certs_dir = .\n"
                   "default_md = sha256\npolicy = any\nx509_extensions = leaf\n[any]\ncommonName = supplied\n"
                   f"[leaf]\nsubjectAltName = DNS:server2,IP:{SECOND},IP:127.0.0.1\n"
                   "extendedKeyUsage = serverAuth,clientAuth\n")
    for name, text in (("index.txt", ""), ("serial", "7777\n")):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    run(["openssl", "req", "-new", "-key", os.path.join(second.data, "tls", "link.key"), "-subj", "/CN=server2",
         "-out", "old.csr"], cwd=folder)
    stamp = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * 86400)) for days in (-80, 10)]
    run(["openssl", "ca", "-batch", "-config", "ca.cnf", "-cert", authority + ".crt", "-keyfile",
         authority + ".key", "-in", "old.csr", "-out", "old.crt", "-notext", "-startdate", stamp[0], "-enddate",
         stamp[1]], cwd=folder)
    os.replace(os.path.join(folder, "old.crt"), path)


# --- what must not join

def changed_token(token, change):
    """A token with other words inside, and the right checksum."""
    head, text = token.split("-", 1)
    inside = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()[8:]
    words = change(inside.split(" "))
    inside = " ".join(words)
    inside = hashlib.sha256(inside.encode()).hexdigest()[:8] + inside
    return head + "-" + base64.urlsafe_b64encode(inside.encode()).decode().rstrip("=")


def tokens_that_are_not_good(folder):
    with site(folder, accounts=()) as (first, second):
        token = new_token(first)
        refused(second, "hello", "this is no token")
        refused(second, token[:-5], "not whole")
        refused(second, changed_token(token, lambda w: ["0" * 32] + w[1:]), "the token is wrong")
        refused(second, changed_token(token, lambda w: [w[0], "ab" * 32] + w[2:]), "is of another site")
        refused(second, changed_token(token, lambda w: w[:2] + [f"{FIRST}:9"]), "refuses the connection")
        short = new_token(first, "--valid", "1s")
        time.sleep(1.5)
        refused(second, short, r"the token expired .* ago")
        refused(second, new_token(first, "--name", "server3"), "for a server named 'server3'")
        refused(second, token, "belongs to another server", ["--name", "server1"])
        taken = tandem(first, "server", "token", "--name", "server1", code=1)
        expect(taken == "", f"no token for a name that is taken: {taken}")
        second.launch(["--join", token])
        wait_for(lambda: second.logged(" serving after"), "the token is still good", 20)
        third = Server(os.path.join(folder, "three"), SECOND, f'link_address = "{SECOND}:7600"', name="server3",
                       host=second.host)
        os.rmdir(third.data)
        refused(third, token, "used already, by the server 'server2'")
        refused(second, new_token(first), "belongs to a server already, 'server2'")
        expect(sorted(servers_of(first)) == ["server1", "server2"], "nobody else")


def addresses_and_ports_that_are_taken(folder):
    with site(folder, accounts=()) as (first, second):
        token = new_token(first)
        with open(second.config, encoding="utf-8") as file:
            config = file.read()

        def with_link_address(address):
            with open(second.config, "w", encoding="utf-8") as file:
                file.write(config.replace("[first_start]", f'link_address = "{address}"\n[first_start]'))
        with_link_address(f"{FIRST}:{PORT + 50}")
        refused(second, token, r"belongs to the server 'server1'")
        with_link_address(f"{SECOND}:65500")
        refused(second, token, "port of at most 65335")
        with_link_address("10.99.0.9:7200")
        refused(second, token, "Cannot assign requested address")
        with open(second.config, "w", encoding="utf-8") as file:
            file.write(config)
        holder = second.host.socket(kind=socket.SOCK_STREAM)
        holder.bind((SECOND, PORT + 2))
        holder.listen()
        refused(second, token, rf"{SECOND}:{PORT + 2}.*Address already in use")
        holder.close()
        second.launch(["--join", token])
        wait_for(lambda: second.logged(" serving after"), "the token was not used up", 20)


def clocks_and_versions_that_do_not_fit(folder):
    with site(folder, accounts=()) as (first, second):
        token = new_token(first)
        now = int(time.time() * 1000)
        for shift in (-180_000, 180_000):
            said = ask_to_join(token, clock=now + shift)
            expect("clocks" in said and "3 min" in said and "5.0 s" in said, f"both clocks: {said}")
        said = ask_to_join(token, protocol=0, version="0.0.1")
        expect("0.0.1 is too old" in said, f"the version: {said}")
        said = ask_to_join(token, request="no request")
        expect("request for a certificate" in said, f"the request: {said}")
        said = ask_to_join(token, name="Server Two")
        expect("a server's name has" in said, f"the name: {said}")
        strangers_learn_nothing(token)
        join(first, second)
        expect(sorted(servers_of(first)) == ["server1", "server2"], "nobody else")


def connect(token):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    stream = context.wrap_socket(socket.create_connection((FIRST, PORT + 1), timeout=10))
    expect(stream.version() == "TLSv1.3", f"{stream.version()}")
    return stream, changed_words(token)


def changed_words(token):
    text = token.split("-", 1)[1]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()[8:].split(" ")


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """Of a protobuf message: an int or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def framed(number, message):
    frame = field(number, message)
    return struct.pack("!I", len(frame)) + frame


def receive(stream, size):
    data = b""
    while len(data) < size:
        more = stream.recv(size - len(data))
        if not more:
            raise Failed("the connection has ended")
        data += more
    return data


def ask_to_join(token, clock=None, protocol=1, version="0.1.0", request=None, name="server2"):
    """What a program that asks like this is told."""
    stream, words = connect(token)
    if request is None:
        request = run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                       "-keyout", "/dev/null", "-subj", "/CN=x"]).stdout
    clock = int(time.time() * 1000) if clock is None else clock
    message = b"".join(field(number, value) for number, value in (
        (1, words[0].encode()), (2, name.encode()), (3, f"{SECOND}:{PORT}".encode()), (4, version.encode()),
        (5, protocol), (6, clock << 1), (7, request.encode()), (8, 2)))
    stream.sendall(framed(4, message))
    reply = receive(stream, struct.unpack("!I", receive(stream, 4))[0])
    stream.close()
    return reply.decode(errors="replace")


def strangers_learn_nothing(token):
    """Whoever has no certificate of the site hears no hello, and may say nothing but that it wants to join."""
    stream, _ = connect(token)
    stream.settimeout(1)
    try:
        expect(not stream.recv(1), "silence")
    except TimeoutError:
        pass
    stream.sendall(framed(2, field(1, 9)))
    stream.settimeout(5)
    expect(stream.recv(1) == b"", "a hello without a certificate ends the connection")
    stream, _ = connect(token)
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        stream.sendall(struct.pack("!I", 1 << 20) + b"x" * (64 << 10))
        expect(stream.recv(1) == b"", "too much ends the connection")


def certificate_of_another_site(folder):
    with site(folder, accounts=()) as (first, second):
        join(first, second)
        second.process.send_signal(signal.SIGTERM)
        second.process.wait(10)
        tls = os.path.join(second.data, "tls")
        kept = {}
        for name in ("site_ca.crt", "link.crt", "link.key"):
            with open(os.path.join(tls, name), "rb") as file:
                kept[name] = file.read()
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
             "30", "-subj", "/CN=server2", "-addext", "subjectAltName=DNS:server2", "-keyout",
             os.path.join(tls, "link.key"), "-out", os.path.join(tls, "link.crt")])
        mark = first.log_size()
        second.launch()
        wait_for(lambda: second.logged("refuses this server's certificate") or
                 second.logged("is refused: "), "the second says that it is refused", 10)
        wait_for(lambda: first.logged("a connection from elsewhere is refused", mark), "so does the first", 10)
        expect(not first.logged("node 2 is reachable", mark), "no link")
        for name, text in kept.items():
            with open(os.path.join(tls, name), "wb") as file:
                file.write(text)
        wait_for(lambda: first.logged("node 2 is reachable", mark), "with its own again, without a restart", 15)


if __name__ == "__main__":
    main(roles_and_calls_on_two_servers, machine_dies_and_comes_back, cut_cable_is_noticed_on_both_sides,
         links_begin_without_a_restart, certificate_is_renewed, tokens_that_are_not_good,
         addresses_and_ports_that_are_taken, clocks_and_versions_that_do_not_fit, certificate_of_another_site)
