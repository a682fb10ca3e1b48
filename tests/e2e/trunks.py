#!/usr/bin/env python3
"""Trunks: lines to providers that we register with, and to peers that are known by their address.

    trunks.py [TEST...]
"""

import os
import signal
import socket
import struct
import time
from types import SimpleNamespace

from calling_phone import CallingPhone, header
from calls import figures, nothing_left
from crash import kill_node, nodes_of, serving_again
from harness import TANDEM, expect, main, run, running, wait_for
from kamailio import Kamailio
from provider import Provider
from switch import FIRST_NODE, add_copy

NODES = os.environ.get("TANDEM_TEST_NODES", "one")
PROVIDER, SECOND = 5080, 5090
OUTSIDE = "+49305550199"


def add_trunk(server, name="line", default=True, **fields):
    trunk = server.api("POST", "/domains/demo.test/trunks", {"name": name, **fields})
    if default:
        server.api("PATCH", "/domains/demo.test", {"settings": {"default_trunk": trunk["id"]}})
    return trunk


def registered_trunk(server, **fields):
    return add_trunk(server, **{"proxies": [f"127.0.0.1:{PROVIDER}"], "sip_domain": "provider.test", "user": "4930100",
                                "password": "line-secret", **fields})


def cdr_of(server):
    records = wait_for(lambda: server.api("GET", "/domains/demo.test/cdr")["items"], "a CDR")
    return records[0]


def is_registered(server, provider):
    wait_for(lambda: provider.registered and figures(server, ["trunks_registered"])["trunks_registered"] == 1,
             "the trunk registers")


def a_registered_trunk_carries_calls_both_ways(folder):
    with running(folder, nodes=NODES) as server, Provider(server, PROVIDER) as provider, \
            CallingPhone(server, "1001", 5066) as phone:
        phone.register()
        registered_trunk(server)
        is_registered(server, provider)

        state = server.api("GET", "/domains/demo.test/trunk-states")["items"]
        expect(len(state) == 1 and state[0]["up"] and state[0]["registered"] and state[0]["registered_until"], f"{state}")
        expect(state[0]["proxies"] == [{"address": "127.0.0.1:5080", "transport": "UDP", "state": "up"}], f"{state}")

        phone.call(OUTSIDE, provider)
        invite = provider.invite
        expect(invite.startswith(f"INVITE sip:{OUTSIDE}@provider.test SIP/2.0"), invite.splitlines()[0])
        expect("<sip:4930100@provider.test>" in header(invite, "From"), header(invite, "From"))
        expect("<sip:1001@provider.test>" in header(invite, "P-Asserted-Identity"), invite)
        expect("Proxy-Authorization" in invite, "the INVITE is proved")
        expect("demo.test" not in invite and "5066" not in invite, f"the inside shows: {invite}")
        shown = server.api("GET", "/calls")["items"][0]
        expect(shown["trunk"] == "line", f"{shown}")
        phone.talks_with(provider)
        phone.hang_up(provider)
        record = cdr_of(server)
        expect(record["direction"] == "outgoing" and record["result"] == "answered", f"{record}")
        expect(record["legs"][1]["trunk_name"] == "line" and record["callee"]["number"] == OUTSIDE, f"{record}")

        provider.call_in("1001", phone)
        expect("<sip:493055555@demo.test>" in header(phone.invite, "From"), header(phone.invite, "From"))
        phone.talks_with(provider)
        provider.hang_up(phone)
        record = wait_for(lambda: [r for r in server.api("GET", "/domains/demo.test/cdr")["items"]
                                   if r["direction"] == "incoming"], "the CDR of the incoming call")[0]
        expect(record["legs"][0]["trunk_name"] == "line" and record["caller"]["number"] == "493055555", f"{record}")
        nothing_left(server)


def an_incoming_call_that_nobody_has_goes_to_the_trunks_number(folder):
    with running(folder, nodes=NODES) as server, Provider(server, PROVIDER) as provider, \
            CallingPhone(server, "1001", 5066) as phone:
        phone.register()
        registered_trunk(server)
        is_registered(server, provider)
        # Not out again over the domain's default trunk.
        expect(provider.refused_in("4930100") == 404, "nobody has the number")
        server.api("PATCH", "/domains/demo.test/trunks/line", {"incoming_number": "1001"})
        is_registered(server, provider)
        provider.call_in("4930100", phone)
        provider.hang_up(phone)
        expect(provider.times("INVITE") == 0, "a call from outside went out again")


def a_peer_is_known_by_its_address(folder):
    with running(folder, nodes=NODES) as server, \
            Provider(server, PROVIDER, address="127.0.0.2", challenges=False) as peer, \
            Provider(server, PROVIDER, address="127.0.0.3", challenges=False) as stranger, \
            CallingPhone(server, "1001", 5066) as phone:
        phone.register()
        add_trunk(server, mode="peer", proxies=[f"127.0.0.2:{PROVIDER}"], caller_from="caller", identity=False)
        wait_for(lambda: peer.times("OPTIONS"), "the peer is pinged")
        phone.call("0305550199", peer)
        expect("<sip:1001@127.0.0.2:5080>" in header(peer.invite, "From"), header(peer.invite, "From"))
        expect(header(peer.invite, "P-Asserted-Identity") is None, "it was not wanted")
        phone.hang_up(peer)
        ours = "sip:1001@127.0.0.1:5070"
        peer.call_in("1001", phone, uri=ours)
        peer.talks_with(phone)
        peer.hang_up(phone)

        expect(stranger.refused_in("1001", uri=ours) == 403, "a stranger is refused")
        expect(stranger.ask("REGISTER", "sip:demo.test")[8:11] == "403", "nobody registers here")
        expect(stranger.ask("OPTIONS", "sip:127.0.0.1:5070")[8:11] == "200", "but anybody may ask whether we are there")
        server.api("PATCH", "/domains/demo.test/trunks/line", {"addresses": ["127.0.0.3"]})
        stranger.call_in("1001", phone, uri=ours)
        stranger.hang_up(phone)
        server.api("PATCH", "/domains/demo.test/trunks/line", {"enabled": False})
        expect(peer.refused_in("1001", uri=ours) == 403, "a disabled trunk carries no calls")
        expect(phone.try_call("0305550199") == 404, "nor out")


def the_next_proxy_takes_over(folder):
    """One that answers 503 and one that says nothing are passed by."""
    with running(folder, nodes=NODES) as server, Provider(server, PROVIDER, challenges=False) as first, \
            Provider(server, SECOND, challenges=False) as second, CallingPhone(server, "1001", 5066) as phone:
        phone.register()
        add_trunk(server, mode="peer", proxies=[f"127.0.0.1:{PROVIDER}", f"127.0.0.1:{SECOND}"], ping_s=3600)
        wait_for(lambda: first.times("OPTIONS") and second.times("OPTIONS"), "both are pinged")
        first.refuses = "503 Service Unavailable"
        phone.call(OUTSIDE, second)
        phone.hang_up(second)
        expect(first.times("INVITE") == 1, "the first was tried")
        first.refuses, first.silent = None, True
        began = time.monotonic()
        phone.begin_call(OUTSIDE)
        second.invite = second.wait_request("INVITE", 8)
        expect(3 < time.monotonic() - began < 6, "after the time for the first word")
        second.pending.insert(0, second.invite)
        second.take()
        phone.finish_call()
        phone.hang_up(second)
        # Pinged at once, though it is not its time, it is known to be away.
        wait_for(lambda: server.api("GET", "/domains/demo.test/trunk-states")["items"][0]["proxies"][0]["state"] == "down",
                 "the silent one is known", 8)
        began = time.monotonic()
        phone.call(OUTSIDE, second)
        expect(time.monotonic() - began < 2, "the next call does not wait")
        phone.hang_up(second)
        first.silent, first.refuses = False, "486 Busy Here"
        wait_for(lambda: server.logged("reaches 127.0.0.1:5080 again"), "it is back", 10)
        expect(phone.try_call(OUTSIDE) == 486, "busy is an answer of the called party")


def a_provider_whose_program_has_died_keeps_nobody_waiting(folder):
    """Its host says that the port is closed (ICMP): the next proxy is asked at once, and later calls go there first."""
    with running(folder, nodes=NODES) as server, CallingPhone(server, "1001", 5066) as phone:
        phone.register()

        def states():
            return [each["state"] for each in server.api("GET", "/domains/demo.test/trunk-states")["items"][0]["proxies"]]

        def at_once(call, *arguments):
            began = time.monotonic()
            result = call(*arguments)
            expect(time.monotonic() - began < 1.5, f"it took {time.monotonic() - began:.1f} s")
            return result
        with Provider(server, SECOND, challenges=False) as second:
            with Provider(server, PROVIDER, challenges=False) as first:
                add_trunk(server, mode="peer", proxies=[f"127.0.0.1:{PROVIDER}", f"127.0.0.1:{SECOND}"], ping_s=3600)
                wait_for(lambda: states() == ["up", "up"], "both are there")
                phone.call(OUTSIDE, first)
            # What belongs to a call is not given up for ICMP: the program may be back in a moment.
            bye = phone.in_dialog("BYE")
            phone.wait_response(bye)
            with Provider(server, PROVIDER, challenges=False) as back:
                back.respond(back.wait_request("BYE", 8), "200 OK")
            at_once(phone.call, OUTSIDE, second)
            phone.hang_up(second)
            wait_for(lambda: states() == ["down", "up"], "it is known, though it was not time for a ping", 2)
            at_once(phone.call, OUTSIDE, second)
            phone.hang_up(second)
        expect(at_once(phone.try_call, OUTSIDE) >= 480, "nobody is left")


def a_network_that_is_full_holds_up_no_other(folder):
    """Errors of the socket are asked for, and a full queue of one network is told there as well."""
    ours, there = "192.0.2.1", "192.0.2.2"
    for command in ("link add full0 type veth peer name full1", f"address add {ours}/24 dev full0", "link set full0 up",
                    "link set full1 up", f"neighbour add {there} lladdr 02:00:00:00:00:02 dev full0"):
        run(["ip", *command.split()])
    try:
        run(["tc", "qdisc", "add", "dev", "full0", "root", "bfifo", "limit", "100"])  # less than any packet of ours
        with running(folder, nodes=NODES, address=ours) as server, \
                Provider(server, PROVIDER, address=ours, challenges=False) as near, \
                CallingPhone(server, "1001", 5066, address=ours) as phone:
            phone.register()
            add_trunk(server, "full", mode="peer", proxies=[f"{there}:{port}" for port in range(5081, 5089)], ping_s=1)
            wait_for(lambda: server.logged(f"does not reach {there}"), "the network takes nothing")
            add_trunk(server, mode="peer", proxies=[f"{ours}:{PROVIDER}"])
            phone.call(OUTSIDE, near)
            phone.hang_up(near)
    finally:
        run(["ip", "link", "delete", "full0"])


def forged_errors_end_nothing(folder):
    """Anybody can send ICMP of datagrams that he has guessed. So many that the socket still tells of them when it is to send
    something else fail neither that nor any other request."""
    with running(folder, nodes=NODES) as server, Provider(server, PROVIDER, challenges=False) as provider, \
            CallingPhone(server, "1001", 5066) as phone:
        phone.register()
        add_trunk(server, mode="peer", proxies=[f"127.0.0.1:{PROVIDER}"], ping_s=1)
        wait_for(lambda: provider.times("OPTIONS"), "it is pinged")
        phone.call(OUTSIDE, provider)
        pids = server.node_pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        forge_errors("127.0.0.1", 5070, PROVIDER, 3_000)
        time.sleep(1.1)  # a ping is due
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        before = provider.times("OPTIONS")
        wait_for(lambda: provider.times("OPTIONS") > before + 1, "it is pinged again")
        expect(not server.logged("does not reach"), "it was there all the time")
        phone.hang_up(provider)
        nothing_left(server)


def forge_errors(address, port, to, count):
    """ICMP (host unreachable) to `address`, of datagrams that it is to have sent from `port` to the port `to` of its own."""
    ip = socket.inet_aton(address)
    quoted = struct.pack("!BBHHHBBH4s4sHHHH8s", 0x45, 0, 36, 0, 0, 64, 17, 0, ip, ip, port, to, 16, 0, b"whatever")
    words = struct.unpack(f"!{len(quoted) // 2}H", quoted)
    total = 0x0301 + sum(words)
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    packet = struct.pack("!BBHI", 3, 1, ~total & 0xffff, 0) + quoted
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        for _ in range(count):
            raw.sendto(packet, (address, 0))


def trunks_of_a_group_stand_in_for_one_another(folder):
    with running(folder, nodes=NODES) as server, Provider(server, PROVIDER, challenges=False) as first, \
            Provider(server, SECOND, challenges=False) as second, CallingPhone(server, "1001", 5066) as phone:
        phone.register()
        members = [add_trunk(server, name, default=False, mode="peer", proxies=[f"127.0.0.1:{port}"], ping_s=1)["id"]
                   for name, port in (("one", PROVIDER), ("two", SECOND))]
        group = server.api("POST", "/domains/demo.test/trunk-groups", {"name": "lines", "members": members})
        server.api("PATCH", "/domains/demo.test", {"settings": {"default_trunk_group": group["id"]}})
        server.api("DELETE", "/domains/demo.test/trunk-groups/lines", expected=409)
        server.api("DELETE", "/domains/demo.test/trunks/one", expected=409)
        phone.call(OUTSIDE, first)
        phone.hang_up(first)
        first.refuses = "503 Service Unavailable"
        phone.call(OUTSIDE, second)
        phone.hang_up(second)
        first.refuses = "486 Busy Here"
        expect(phone.try_call(OUTSIDE) == 486, "busy is an answer")
        first.silent = True
        wait_for(lambda: not [each for each in server.api("GET", "/domains/demo.test/trunk-states")["items"]
                              if each["name"] == "one"][0]["up"], "the first is known to be away", 15)
        began = time.monotonic()
        phone.call(OUTSIDE, second)
        expect(time.monotonic() - began < 2, "nobody waits for what is known to be away")
        phone.hang_up(second)


def it_registers_elsewhere_and_returns(folder):
    with running(folder, nodes=NODES) as server, Provider(server, PROVIDER) as first, \
            Provider(server, SECOND) as second:
        first.silent = True
        registered_trunk(server, proxies=[f"127.0.0.1:{PROVIDER}", f"127.0.0.1:{SECOND}"], ping_s=1)
        wait_for(lambda: second.registered, "the second proxy is asked", 15)
        expect(server.logged("trunk line of demo.test does not reach 127.0.0.1:5080"), "the log says what is away")
        told = [each["text"] for each in server.api("GET", "/events")["items"] if each["kind"] == "trunk"]
        expect(any("is registered at 127.0.0.1:5090" in text for text in told), f"{told}")
        first.silent, second.silent = False, True
        wait_for(lambda: first.registered, "it registers with the first again", 15)
        second.silent = False
        # Disabled, it takes its contact back.
        server.api("PATCH", "/domains/demo.test/trunks/line", {"enabled": False})
        wait_for(lambda: not first.registered, "it takes leave")


def it_registers_as_long_as_the_registrar_asks(folder):
    with running(folder, nodes=NODES) as server, Provider(server, PROVIDER) as provider:
        provider.least_expires = 900
        registered_trunk(server, expires_s=60)
        is_registered(server, provider)
        lasts = [header(text, "Expires") for text in provider.heard if text.startswith("REGISTER")]
        expect(lasts[0] == "60" and lasts[-1] == "900", f"{lasts}")
        # A short one is refreshed before it ends.
        provider.expires, provider.least_expires = 6, 0
        before = provider.times("REGISTER")
        server.api("PATCH", "/domains/demo.test/trunks/line", {"expires_s": 30})
        wait_for(lambda: provider.times("REGISTER") >= before + 3, "it is refreshed", 30)
        expect(figures(server, ["trunks_registered"])["trunks_registered"] == 1, "and stays")


def a_wrong_password_is_not_tried_again_and_again(folder):
    with running(folder, nodes=NODES) as server, Provider(server, PROVIDER) as provider:
        registered_trunk(server, password="wrong")
        wait_for(lambda: server.logged("refuses user or password"), "the log says why")
        state = server.api("GET", "/domains/demo.test/trunk-states")["items"][0]
        expect(not state["up"] and not state["registered"] and "password" in state["error"], f"{state}")
        time.sleep(2)
        expect(provider.times("REGISTER") == 2, f"{provider.times('REGISTER')} times")
        expect(not server.logged("wrong"), "the password is in the log")
        server.api("PATCH", "/domains/demo.test/trunks/line", {"password": "line-secret"})
        is_registered(server, provider)


class TwoRealms(Provider):
    """A proxy in front of a registrar, each with a realm of its own; it asks for proof of every request."""

    edge = ("4930100", "line-secret")  # user and password that the proxy wants

    def is_proved(self, text, name):
        if name != "Proxy-Authorization":
            return super().is_proved(text, name)
        password, self.password = self.password, self.edge[1]
        try:
            return f'username="{self.edge[0]}"' in (header(text, name) or "") and super().is_proved(text, name)
        finally:
            self.password = password

    def answers_itself(self, text, source):
        for name, status, lines in (("Proxy-Authorization", "407 Proxy Authentication Required",
                                     'Proxy-Authenticate: Digest realm="edge.test", nonce="e1", qop="auth"\r\n'),
                                    ("Authorization", "401 Unauthorized",
                                     'WWW-Authenticate: Digest realm="provider.test", nonce="n1", qop="auth"\r\n')):
            if text.split(" ", 1)[0] in ("REGISTER", "INVITE", "BYE") and not self.is_proved(text, name):
                self.challenged.add(header(text, "Via"))
                return self.reply(text, source, status, lines)
        return super().answers_itself(text, source)


def a_proxy_and_the_registrar_both_ask_for_proof(folder):
    with running(folder, nodes=NODES) as server, TwoRealms(server, PROVIDER) as provider, \
            CallingPhone(server, "1001", 5066) as phone:
        phone.register()
        registered_trunk(server)
        is_registered(server, provider)
        expect(provider.times("REGISTER") == 3, f"{provider.times('REGISTER')} times")
        phone.call(OUTSIDE, provider)
        expect(all(header(provider.invite, name) for name in ("Authorization", "Proxy-Authorization")), provider.invite)
        expect(provider.times("INVITE") == 3, f"{provider.times('INVITE')} times")
        phone.hang_up(provider)
        expect(provider.times("BYE") == 1, "what is known is answered unasked")
        nothing_left(server)


def each_realm_is_told_its_own_password(folder):
    with running(folder, nodes=NODES) as server, TwoRealms(server, PROVIDER) as provider, \
            CallingPhone(server, "1001", 5066) as phone:
        phone.register()
        provider.edge = ("gate", "edge-secret")
        registered_trunk(server)
        wait_for(lambda: server.logged("refuses user or password"), "one password is not enough")
        run([TANDEM, "--url", server.url, "trunk", "set", "demo.test", "line", "--credentials",
             '[{"realm": "edge.test", "user": "gate", "password": "edge-secret"}]'], env={**os.environ, "TANDEM_DATA": server.data})
        is_registered(server, provider)
        phone.call(OUTSIDE, provider)
        expect(all(header(provider.invite, name) for name in ("Authorization", "Proxy-Authorization")), provider.invite)
        phone.hang_up(provider)
        expect(provider.times("BYE") == 1, "and in requests within the call")
        # Who reads the list and writes it back needs no password.
        shown = server.api("GET", "/domains/demo.test/trunks/line")["credentials"]
        expect(shown == [{"realm": "edge.test", "user": "gate"}], f"{shown}")
        server.api("PATCH", "/domains/demo.test/trunks/line", {"credentials": shown, "expires_s": 300})
        provider.registered.clear()
        wait_for(lambda: provider.registered, "it registers with the same password")
        refused = server.api("PATCH", "/domains/demo.test/trunks/line",
                             {"credentials": shown + [{"realm": "core.test", "user": "x"}]}, expected=422)
        expect(refused["field"] == "credentials[1].password", f"{refused}")
        told = str(server.api("GET", "/audit?limit=100"))
        expect("edge-secret" not in told and not server.logged("edge-secret"), "the password is shown")
        nothing_left(server)


def kamailio_dies_and_comes_back_during_a_call(folder):
    """The sound goes on, new calls fail soon, and when the provider is back, without its registrations, the call can be
    ended and new ones come in."""
    with running(folder, nodes=NODES) as server, Kamailio(folder) as kamailio, \
            Provider(SimpleNamespace(address=kamailio.address), 5085, address="127.0.0.3", challenges=False) as outside, \
            CallingPhone(server, "1001", 5066) as phone:
        outside.server_port = 5080
        phone.register()
        add_trunk(server, proxies=["127.0.0.2:5080"], sip_domain="provider.test", user="4930100",
                  password="line-secret", ping_s=1)

        def state():
            return server.api("GET", "/domains/demo.test/trunk-states")["items"][0]
        wait_for(lambda: state()["registered"], "the trunk registers")
        phone.call(OUTSIDE, outside)
        phone.talks_with(outside)
        kamailio.kill()
        wait_for(lambda: not state()["up"], "its death is seen", 15)
        phone.talks_with(outside)
        with CallingPhone(server, "1002", 5068) as other:
            other.register()
            other.begin_call("055")
            answer = other.wait_response(other.last_request, 15)
            other.acknowledge_failure(other.last_request, answer)
            expect(int(answer[8:11]) >= 480, answer)
        kamailio.start()
        wait_for(lambda: state()["up"], "it is registered again", 15)
        wait_for(lambda: server.logged("reaches 127.0.0.2:5080 again"), "the log says so")
        time.sleep(1)
        phone.hang_up(outside)
        outside.call_in("1001", phone, uri="sip:4930100@provider.test")
        outside.talks_with(phone)
        outside.hang_up(phone)


def another_gate_takes_over_the_registration(folder):
    """One gate at a time registers; when it dies for good, or is taken away, another one does, unasked."""
    with running(folder, nodes="split") as server, Provider(server, PROVIDER) as provider:
        copy = add_copy(server, "ESG", FIRST_NODE, external_sip_gate={"udp_port": 5072, "tcp_port": 0, "tls_port": 0})
        registered_trunk(server)
        is_registered(server, provider)

        def keeper():
            items = server.api("GET", "/domains/demo.test/trunk-states")["items"]
            expect(len(items) < 2, f"several gates look after it: {items}")
            return items[0]["gate"] if items and items[0]["registered"] else None
        first = wait_for(keeper, "a gate looks after it")
        before = provider.times("REGISTER")
        role = next(r for r in server.api("GET", "/roles?limit=1000")["items"] if r["number"] == first)
        server.api("PATCH", f"/roles/{role['id']}", {"enabled": False})
        second = wait_for(lambda: keeper() not in (None, first) and keeper(), "another one registers", 20)
        expect(copy in (first, second) and provider.times("REGISTER") > before and provider.registered, "at the provider")


def what_is_wrong_with_a_trunk_is_shown_and_told_once(folder):
    with running(folder, nodes=NODES) as server:
        add_trunk(server, "nowhere", default=False, mode="peer", proxies=["nowhere.invalid:5060"])
        # Nobody listens for TLS there, but something else does.
        add_trunk(server, "deaf", default=False, mode="peer", proxies=["127.0.0.1:5071;udp"], ping_s=1)

        def state(name):
            return [each for each in server.api("GET", "/domains/demo.test/trunk-states")["items"] if each["name"] == name][0]
        wait_for(lambda: state("nowhere").get("error"), "the error is shown", 20)
        expect("has no address for nowhere.invalid" in state("nowhere")["error"] and not state("nowhere")["up"],
               f"{state('nowhere')}")
        wait_for(lambda: "does not reach 127.0.0.1:5071" in state("deaf").get("error", ""), "silence is shown", 15)
        table = run([TANDEM, "--url", server.url, "trunks", "demo.test"], env={**os.environ, "TANDEM_DATA": server.data}).stdout
        expect("has no address for nowhere.invalid" in table and "127.0.0.1:5071 UDP down" in table and "{" not in table, table)
        time.sleep(11)  # it has been looked up again
        told = [each["text"] for each in server.api("GET", "/events")["items"] if "nowhere.invalid" in each["text"]]
        expect(len(told) == 1, f"{told}")


def calls_survive_a_crash(folder):
    """The node of the B2BUA, or of everything, dies: the call can be ended from either side, and a request of ours
    is still proved."""
    with running(folder, nodes=NODES) as server, Provider(server, PROVIDER) as provider, \
            CallingPhone(server, "1001", 5066) as phone:
        phone.register()
        registered_trunk(server)
        is_registered(server, provider)
        phone.call(OUTSIDE, provider)
        wait_for(lambda: server.api("GET", "/calls")["items"][0]["protected"], "the call is saved")
        provider.registered.clear()
        nodes = nodes_of(server)
        for node in {nodes["ESG"], nodes["B2B"]}:
            kill_node(server, node)
        serving_again(server)
        wait_for(lambda: provider.registered, "it registers again", 15)
        phone.hang_up(provider)
        record = cdr_of(server)
        expect(record["survived"] and record["legs"][1]["trunk_name"] == "line", f"{record}")


def bad_trunks_are_refused(folder):
    good = {"name": "x", "proxies": ["sip.example.net"], "user": "u", "password": "p"}
    with running(folder) as server:
        for change, field in (({"proxies": []}, "proxies"), ({"proxies": ["host:0"]}, "proxies[0]"),
                              ({"proxies": ["a.test", "b.test;sctp"]}, "proxies[1]"), ({"user": ""}, "user"),
                              ({"password": None}, "password"), ({"addresses": ["10.0.0.0/8", "ten"]}, "addresses[1]"),
                              ({"proxies": ["a.test", "0.0.0.0"]}, "proxies[1]"),
                              ({"proxies": ["224.0.1.75"]}, "proxies[0]"), ({"mode": "sell"}, "mode"), ({"name": "Ü"}, "name"), ({"ping_s": -1}, "ping_s"),
                              ({"incoming_number": "abc"}, "incoming_number"), ({"tls_ca": "no certificate"}, "tls_ca"),
                              ({"codecs": ["PCMA", "PCMB"]}, "codecs[1]")):
            body = {k: v for k, v in {**good, **change}.items() if v is not None}
            refused = server.api("POST", "/domains/demo.test/trunks", body, expected=422)
            expect(refused["field"] == field, f"{change}: {refused}")
        made = add_trunk(server, **good)
        expect("p" not in [made.get("password"), made.get("password_sealed")], f"{made}")
        expect("password_sealed" not in made, f"{made}")
        in_use = server.api("DELETE", "/domains/demo.test/trunks/x", expected=409)
        expect("default_trunk" in in_use["detail"], f"{in_use}")
        refused = server.api("PATCH", "/domains/demo.test", {"settings": {"default_trunk": "0" * 32}}, expected=422)
        expect(refused["field"] == "settings.default_trunk", f"{refused}")
        server.api("PATCH", "/domains/demo.test", {"settings": {"default_trunk": None}})
        server.api("DELETE", "/domains/demo.test/trunks/x")


if __name__ == "__main__":
    main(a_registered_trunk_carries_calls_both_ways, an_incoming_call_that_nobody_has_goes_to_the_trunks_number,
         a_peer_is_known_by_its_address, the_next_proxy_takes_over,
         a_provider_whose_program_has_died_keeps_nobody_waiting, a_network_that_is_full_holds_up_no_other,
         forged_errors_end_nothing, trunks_of_a_group_stand_in_for_one_another, it_registers_elsewhere_and_returns,
         it_registers_as_long_as_the_registrar_asks, a_proxy_and_the_registrar_both_ask_for_proof, each_realm_is_told_its_own_password,
         a_wrong_password_is_not_tried_again_and_again,
         kamailio_dies_and_comes_back_during_a_call, calls_survive_a_crash,
         another_gate_takes_over_the_registration, what_is_wrong_with_a_trunk_is_shown_and_told_once, bad_trunks_are_refused)
