#!/usr/bin/env python3
"""The breadth of SIP through the whole system, one rule a test, with the section that asks for it."""

import re
import socket
import struct
import time

from calling_phone import CallingPhone, header
from calls import CALLEE_PORT, CALLER_PORT, NODES
from harness import Failed, expect, main, running

THIRD_PORT = 5064


class two_phones:  # pylint: disable=invalid-name
    """A caller 1001 and a registered callee 1002 of a server of their own."""

    def __init__(self, folder, settings=None, callee=None, **options):
        self.server = running(folder, accounts=("1001", "1002", "1003"), nodes=NODES, **options)
        self.settings = settings or {}
        self.callee_options = callee or {}

    def __enter__(self):
        server = self.server.__enter__()
        if self.settings:
            server.api("PATCH", "/domains/demo.test", {"settings": self.settings})
        self.caller = CallingPhone(server, "1001", CALLER_PORT).__enter__()
        self.callee = CallingPhone(server, "1002", CALLEE_PORT, **self.callee_options).__enter__()
        self.callee.register()
        return server, self.caller, self.callee

    def __exit__(self, *exception):
        self.caller.__exit__()
        self.callee.__exit__()
        self.server.__exit__(*exception)


def passes(sender, receiver, method, lines="", body="", kind="text/plain", answer="200 OK", answer_lines=""):
    """A request within the call reaches the other side with its body, and the answer comes back."""
    request = sender.in_dialog(method, lines, body, kind)
    arrived = receiver.wait_request(method)
    expect(arrived.split("\r\n\r\n", 1)[1] == body, f"the body of the {method}:\n{arrived}")
    receiver.respond(arrived, answer, answer_lines)
    response = sender.wait_response(request)
    expect(response.startswith("SIP/2.0 " + answer), f"{method} is answered {response.splitlines()[0]}")
    return arrived, response


def requests_within_a_call_reach_the_other_side(folder):
    with two_phones(folder) as (_, caller, callee):
        caller.call("1002", callee)
        for sender, receiver in ((caller, callee), (callee, caller)):
            arrived, _ = passes(sender, receiver, "INFO", "Info-Package: dtmf\r\n", "Signal=5\r\n",
                                "application/dtmf-relay")
            expect(header(arrived, "Content-Type") == "application/dtmf-relay", arrived)
            expect(header(arrived, "Info-Package") == "dtmf", arrived)
            passes(sender, receiver, "MESSAGE", "", "hello", "text/plain;charset=UTF-8")
            passes(sender, receiver, "INFO", "", "x", "text/odd", answer="415 Unsupported Media Type")
            options = sender.in_dialog("OPTIONS")
            if (request := answer_if_asked(receiver, "OPTIONS")) is not None:
                receiver.respond(request, "200 OK")
            expect(sender.wait_response(options).startswith("SIP/2.0 200"), "OPTIONS within the call")
        caller.hang_up(callee)


def answer_if_asked(phone, method):
    try:
        return phone.wait_request(method, timeout=0.5)
    except Failed:
        return None


def messages_outside_a_call(folder):
    """RFC 3428; to all devices, and the sender is authenticated."""
    with two_phones(folder) as (_, caller, callee):
        request = caller.request("MESSAGE", "sip:1002@demo.test", body="hello", kind="text/plain")
        caller.send(request)
        response = caller.wait_response(request)
        expect(response.startswith("SIP/2.0 407"), f"a stranger's MESSAGE: {response.splitlines()[0]}")
        again = re.sub(r"CSeq: 1 ", "CSeq: 2 ", re.sub(r"branch=\S+", "branch=z9hG4bK-again", request))
        again = again.replace("Content-Type", caller.credentials(response, "MESSAGE", "sip:1002@demo.test") +
                              "Content-Type", 1)
        caller.send(again)
        arrived = callee.wait_request("MESSAGE")
        expect(arrived.endswith("\r\n\r\nhello") and "1001@demo.test" in header(arrived, "From"), arrived)
        callee.respond(arrived, "200 OK")
        expect(caller.wait_response(again).startswith("SIP/2.0 20"), "the answer")


def a_message_waits_for_a_device(folder):
    """What nobody could take is stored, outlives the server, and comes in its order when the account registers."""
    with running(folder, accounts=("1001", "1002"), nodes=NODES) as server, \
            CallingPhone(server, "1001", CALLER_PORT) as caller, \
            CallingPhone(server, "1002", CALLEE_PORT) as callee:
        for text in ("first", "second"):
            answer = caller.ask("MESSAGE", "sip:1002@demo.test", body=text, kind="text/plain")
            expect(answer.startswith("SIP/2.0 202"), f"the sender of {text}: {answer.splitlines()[0]}")
        server.stop()
        server.start()
        callee.register()
        for text in ("first", "second"):
            arrived = callee.wait_request("MESSAGE")
            expect(arrived.endswith(f"\r\n\r\n{text}"), f"{text}:\n{arrived}")
            expect("1001@demo.test" in header(arrived, "From") and header(arrived, "Date").endswith("GMT"), arrived)
            callee.respond(arrived, "200 OK")
        callee.register()
        again = answer_if_asked(callee, "MESSAGE")
        expect(again is None, f"each comes once:\n{again}")
        waiting = sum(i["figures"].get("messages_waiting", 0) for node in server.api("GET", "/status")["nodes"]
                      for i in node["instances"])
        expect(waiting == 0, f"{waiting} messages wait")
        # A domain may want none stored.
        server.api("PATCH", "/domains/demo.test", {"settings": {"offline_messages": False}})
        callee.register(lines="Expires: 0\r\n")
        answer = caller.ask("MESSAGE", "sip:1002@demo.test", body="third", kind="text/plain")
        expect(answer.startswith("SIP/2.0 480"), f"nothing is stored: {answer.splitlines()[0]}")


def options_outside_a_call(folder):
    """RFC 3261 11: to the server by the gate, to an account with what a call would get."""
    with two_phones(folder) as (_, caller, _callee):
        for uri in ("sip:demo.test", "sip:1002@demo.test"):
            request = caller.request("OPTIONS", uri)
            caller.send(request)
            answer = caller.wait_response(request)
            expect(answer.startswith("SIP/2.0 200"), f"OPTIONS {uri}: {answer.splitlines()[0]}")
            for name in ("Allow", "Supported", "Accept"):
                expect(header(answer, name), f"{name} in the answer to OPTIONS {uri}:\n{answer}")
            for method in ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "PRACK", "UPDATE", "INFO"):
                expect(method in header(answer, "Allow"), f"{method} in {header(answer, 'Allow')}")


def a_reliable_provisional_response(folder):
    """RFC 3262 on both sides: 183 with PRACK, then UPDATE (RFC 3311) before the answer."""
    with two_phones(folder) as (_, caller, callee):
        caller.begin_call("1002", "Supported: 100rel\r\nAllow: INVITE, ACK, BYE, PRACK, UPDATE\r\n")
        invite = callee.wait_request("INVITE")
        expect("100rel" in header(invite, "Supported"), f"100rel is offered:\n{invite}")
        callee.learn_media(invite)
        allow = "Allow: INVITE, ACK, BYE, PRACK, UPDATE\r\n"
        to = callee.respond(invite, "183 Session Progress", "Require: 100rel\r\nRSeq: 77\r\n" + allow,
                            callee.sdp())
        prack = callee.wait_request("PRACK")
        expect(header(prack, "RAck").startswith("77 "), header(prack, "RAck"))
        callee.respond(prack, "200 OK")
        early = caller.wait_response(caller.last_request, least=183)
        expect("100rel" in (header(early, "Require") or ""), f"reliable on the caller's side, too:\n{early}")
        rseq = header(early, "RSeq")
        caller.learn_media(early)
        caller.dialog["to"] = header(early, "To")
        caller.dialog["target"] = caller.target_of(early)
        own = caller.in_dialog("PRACK", f"RAck: {rseq} {header(caller.last_request, 'CSeq')}\r\n")
        expect(caller.wait_response(own).startswith("SIP/2.0 200"), "PRACK is answered")
        caller.talks_with(callee)
        refresh = caller.in_dialog("UPDATE")
        expect(caller.wait_response(refresh).startswith("SIP/2.0 200"), "UPDATE without an offer")
        # Another offer waits for the answer: several phones may be ringing (RFC 3311 5.2).
        update = caller.in_dialog("UPDATE", body=caller.sdp().replace("o=- 1 1", "o=- 1 2"))
        expect(caller.wait_response(update).startswith("SIP/2.0 491"), "UPDATE before the answer")
        callee.respond(invite, "200 OK", allow)
        callee.dialog = {"call": header(invite, "Call-ID"), "cseq": 0, "from": to, "to": header(invite, "From"),
                         "target": callee.target_of(invite)}
        number = header(caller.last_request, "CSeq").split()[0]
        answer = caller.wait_response(caller.last_request)
        expect(answer.startswith("SIP/2.0 200"), answer)
        caller.dialog["ack"] = number
        caller.send(caller.request("ACK", "", dialog=caller.dialog))
        callee.wait_request("ACK")
        update = caller.in_dialog("UPDATE", body=caller.sdp().replace("o=- 1 1", "o=- 1 3"))
        offered = callee.wait(lambda m: m.startswith(("UPDATE ", "INVITE ")), "the offer")
        callee.respond(offered, "200 OK", allow, callee.sdp())
        answer = caller.wait_response(update)
        expect(answer.startswith("SIP/2.0 200") and "m=audio" in answer, f"UPDATE after the answer:\n{answer}")
        caller.talks_with(callee)
        caller.hang_up(callee)


def session_timers(folder):
    """RFC 4028: 422 with Min-SE below the domain's least; then both sides refresh."""
    with two_phones(folder, {"session_expires_s": 600, "session_min_s": 120}) as (_, caller, callee):
        response = caller.ask("INVITE", "sip:1002@demo.test", "Supported: timer\r\nSession-Expires: 90\r\n",
                              caller.sdp())
        if response is None:
            response = caller.wait_response(caller.last_request)
        expect(response.startswith("SIP/2.0 422"), f"90 s is too short: {response.splitlines()[0]}")
        expect(int(header(response, "Min-SE")) == 120, f"{response}")
        caller.acknowledge_failure(caller.last_request, response)

        caller.begin_call("1002", "Supported: timer\r\nSession-Expires: 300;refresher=uac\r\nMin-SE: 120\r\n")
        callee.invite = callee.wait_request("INVITE")
        expect(header(callee.invite, "Session-Expires"), f"asked of the callee:\n{callee.invite}")
        callee.pending.insert(0, callee.invite)
        callee.take("Supported: timer\r\nRequire: timer\r\nSession-Expires: 300;refresher=uas\r\n")
        caller.finish_call()
        callee.wait_request("ACK")
        expect(header(caller.answer, "Session-Expires") == "300;refresher=uac", f"{caller.answer}")
        for sender, refresher in ((caller, "uac"), (callee, "uac")):
            refresh = sender.in_dialog("UPDATE", "Supported: timer\r\n"
                                       f"Session-Expires: 300;refresher={refresher}\r\n")
            answer = sender.wait_response(refresh)
            expect(answer.startswith("SIP/2.0 200"), f"a refresh: {answer.splitlines()[0]}")
            expect(header(answer, "Session-Expires") == "300;refresher=uac", f"{answer}")
        body = caller.sdp()
        again = caller.in_dialog("INVITE", "Supported: timer\r\nSession-Expires: 300;refresher=uac\r\n", body)
        if (request := answer_if_asked(callee, "INVITE")) is not None:
            callee.respond(request, "200 OK", "Session-Expires: 300;refresher=uas\r\n", callee.sdp())
        answer = caller.wait_response(again)
        expect(answer.startswith("SIP/2.0 200"), f"a refresh by INVITE: {answer.splitlines()[0]}")
        caller.dialog["ack"] = header(again, "CSeq").split()[0]
        caller.send(caller.request("ACK", "", dialog=caller.dialog))
        caller.hang_up(callee)


def digest_algorithms_of_a_domain(folder):
    """RFC 8760: one challenge an algorithm, in the domain's order but MD5 first; each of them works."""
    with running(folder, nodes=NODES) as server, CallingPhone(server, "1001", CALLER_PORT) as phone:
        for wanted in (["MD5"], ["SHA-256", "MD5"], ["SHA-512-256", "SHA-256", "MD5"], ["SHA-512-256"]):
            server.api("PATCH", "/domains/demo.test", {"settings": {"digest_algorithms": wanted}})
            request = phone.request("REGISTER", "sip:demo.test")
            phone.send(request)
            challenges = re.findall(r"^WWW-Authenticate: .*?algorithm=([A-Z0-9-]+)",
                                    phone.wait_response(request), re.MULTILINE)
            # INTEROP: older phones read the first challenge only and know MD5 only.
            ordered = sorted(wanted, key=lambda each: each != "MD5")
            expect(challenges == ordered, f"challenges {challenges}, expected {ordered}")
            for algorithm in wanted:
                phone.register(algorithm=algorithm)
        expect("qop=\"auth\"" in phone.wait_response(ask_again(phone)), "qop of the challenge")


def ask_again(phone):
    request = phone.request("REGISTER", "sip:demo.test")
    phone.send(request)
    return request


def loops_and_hops(folder):
    """RFC 3261 16.3: Max-Forwards 0 goes nowhere; 8.2.2.2: a request that came by two ways is merged."""
    with two_phones(folder) as (_, caller, callee):
        request = caller.request("INVITE", "sip:1002@demo.test", body=caller.sdp())
        caller.send(request.replace("Max-Forwards: 70", "Max-Forwards: 0"))
        expect(caller.wait_response(request).startswith("SIP/2.0 483"), "no hops are left")
        options = caller.request("OPTIONS", "sip:demo.test").replace("Max-Forwards: 70", "Max-Forwards: 0")
        caller.send(options)
        expect(re.match(r"SIP/2.0 (200|483)", caller.wait_response(options)), "OPTIONS with no hops left")
        caller.begin_call("1002", "Supported: timer\r\n")
        hops = int(header(callee.wait_request("INVITE"), "Max-Forwards"))
        expect(0 < hops <= 70, f"Max-Forwards of the second leg: {hops}")


def redirections(folder):
    """RFC 3261 8.1.3.4: a phone that answers 302 names another account of the domain."""
    with two_phones(folder) as (server, caller, callee), CallingPhone(server, "1003", THIRD_PORT) as third:
        third.register()
        caller.begin_call("1002")
        invite = callee.wait_request("INVITE")
        callee.respond(invite, "302 Moved Temporarily",
                       "Contact: <sip:1003@demo.test>\r\n")
        callee.wait_request("ACK")
        third.take()
        caller.finish_call()
        third.wait_request("ACK")
        caller.talks_with(third)
        caller.hang_up(third)


def registrations_of_every_kind(folder):
    """RFC 3261 10.3: bounds (423), several contacts, q-values, `*`, the most that an account may have."""
    with running(folder, nodes=NODES) as server, CallingPhone(server, "1001", CALLER_PORT) as phone:
        server.api("PATCH", "/domains/demo.test", {"settings": {
            "expires_min_s": 60, "expires_default_s": 300, "expires_max_s": 300}})
        answer = phone.ask("REGISTER", "sip:demo.test", "Expires: 10\r\n")
        expect(answer.startswith("SIP/2.0 423") and header(answer, "Min-Expires") == "60", f"{answer}")
        answer = phone.ask("REGISTER", "sip:demo.test", "Expires: 7200\r\n")
        expect(answer.startswith("SIP/2.0 200") and "expires=300" in header(answer, "Contact"), f"{answer}")

        def contacts(lines):
            phone.contact = lambda: lines
            return phone.ask("REGISTER", "sip:demo.test")
        answer = contacts("<sip:a@127.0.0.1:6001>;q=0.3;expires=100, <sip:b@127.0.0.1:6002>;q=0.9")
        listed = ",".join(re.findall(r"^Contact: *(.*?)\r?$", answer, re.MULTILINE))
        expect(answer.startswith("SIP/2.0 200") and "q=0.3" in listed and "q=0.9" in listed, f"{answer}")
        items = server.api("GET", "/domains/demo.test/bindings/1001")["items"]
        expect([b["contact"] for b in items if b["q"] < 1] == ["sip:b@127.0.0.1:6002", "sip:a@127.0.0.1:6001"],
               f"the higher q first: {items}")
        server.api("PATCH", "/domains/demo.test/accounts/1001", {"contacts_max": 3})
        answer = contacts("<sip:c@127.0.0.1:6003>")
        expect(answer.startswith("SIP/2.0 403") or len(
            server.api("GET", "/domains/demo.test/bindings/1001")["items"]) == 3, f"the most: {answer}")
        answer = contacts("<sip:a@127.0.0.1:6001>;expires=0")
        expect(answer.startswith("SIP/2.0 200") and "sip:a@" not in answer, f"one removed: {answer}")
        answer = contacts("*")
        expect(answer.startswith("SIP/2.0 400"), f"`*` without Expires: 0: {answer.splitlines()[0]}")
        answer = phone.ask("REGISTER", "sip:demo.test", "Expires: 0\r\n")
        expect(answer.startswith("SIP/2.0 200") and not header(answer, "Contact"), f"all removed: {answer}")
        expect(not server.api("GET", "/domains/demo.test/bindings")["items"], "nothing is left")


def path_and_outbound(folder):
    """RFC 3327 and RFC 5626: the Path leads back; instance and reg-id name a flow that a new one replaces."""
    with two_phones(folder) as (server, caller, callee):
        via = "<sip:edge@127.0.0.1:5062;lr>"
        callee.contact = lambda: ("<sip:1002@127.0.0.1:5062;transport=udp;gr=x;ob>;reg-id=1;"
                                  '+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>"')
        answer = callee.ask("REGISTER", "sip:demo.test",
                            f"Supported: path, outbound, gruu\r\nPath: {via}\r\nExpires: 600\r\n")
        expect(answer.startswith("SIP/2.0 200") and header(answer, "Path") == via, f"{answer}")
        expect("outbound" in (header(answer, "Require") or "") + (header(answer, "Supported") or ""), f"{answer}")
        items = [b for b in server.api("GET", "/domains/demo.test/bindings")["items"] if b.get("reg_id")]
        expect(items[0]["instance_id"].lower() == "urn:uuid:00000000-0000-1000-8000-aabbccddeeff" and
               items[0]["path"] == [via], f"{items}")
        caller.begin_call("1002")
        invite = callee.wait(lambda m: m.startswith("INVITE sip:1002@127.0.0.1:5062;transport=udp;gr=x"),
                             "an INVITE to the registered contact, with its parameters")
        expect(header(invite, "Route") == via, f"Route is the Path:\n{invite}")
        callee.respond(invite, "486 Busy Here")
        with CallingPhone(server, "1002", THIRD_PORT) as moved:
            moved.contact = lambda: callee.contact().replace("5062", str(THIRD_PORT))
            moved.register(lines="Supported: path, outbound\r\nExpires: 600\r\n")
            items = [b for b in server.api("GET", "/domains/demo.test/bindings")["items"] if b.get("reg_id")]
            expect(len(items) == 1 and items[0]["remote"] == f"127.0.0.1:{THIRD_PORT}",
                   f"the new flow replaces the old one: {items}")


def keep_alives(folder):
    """RFC 5626 3.5.1 (CRLF on connections) and 3.5.2 (STUN on UDP, RFC 5389)."""
    with running(folder, nodes=NODES) as server:
        with socket.create_connection((server.address, 5060), 3) as connection:
            connection.settimeout(3)
            connection.sendall(b"\r\n\r\n")
            expect(connection.recv(10) == b"\r\n", "a pong")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.settimeout(3)
            own.bind(("127.0.0.1", 0))
            own.sendto(struct.pack("!HHI", 1, 0, 0x2112A442) + b"transaction1", (server.address, 5060))
            answer = own.recv(1024)
            expect(answer[:2] == b"\x01\x01" and answer[8:20] == b"transaction1", f"a Binding response: {answer}")
            attributes = answer[20:]
            kind, length = struct.unpack("!HH", attributes[:4])
            port = struct.unpack("!H", attributes[6:8])[0] ^ 0x2112
            expect(kind == 0x20 and length == 8 and port == own.getsockname()[1], "XOR-MAPPED-ADDRESS")


def a_request_too_large_for_udp_takes_tcp(folder):
    """RFC 3261 18.1.1: above 1300 bytes over TCP, back to UDP when the phone does not listen there."""
    with two_phones(folder) as (_, caller, callee):
        with socket.create_server(("127.0.0.1", CALLEE_PORT)) as listener:
            listener.settimeout(5)
            begun = long_message(caller)
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(5)
                text = ""
                while "x" * 1400 not in text:
                    text += connection.recv(65536).decode()
                expect(text.startswith("MESSAGE ") and "Via: SIP/2.0/TCP" in text, f"by TCP:\n{text[:300]}")
                connection.sendall((f"SIP/2.0 200 OK\r\nVia: {header(text, 'Via')}\r\n"
                                    f"From: {header(text, 'From')}\r\nTo: {header(text, 'To')};tag=b\r\n"
                                    f"Call-ID: {header(text, 'Call-ID')}\r\nCSeq: {header(text, 'CSeq')}\r\n"
                                    "Content-Length: 0\r\n\r\n").encode())
                expect(caller.wait_response(begun).startswith("SIP/2.0 200"), "answered")
                expect(answer_if_asked(callee, "MESSAGE") is None, "not by UDP as well")
        begun = long_message(caller)
        arrived = callee.wait_request("MESSAGE")
        expect(len(arrived) > 1300 and "Via: SIP/2.0/UDP" in arrived, "by UDP after all")
        callee.respond(arrived, "200 OK")
        expect(caller.wait_response(begun).startswith("SIP/2.0 200"), "answered")


def long_message(caller):
    """Sends 1400 bytes of text to 1002, with credentials; the request."""
    body, uri = "x" * 1400, "sip:1002@demo.test"
    request = caller.request("MESSAGE", uri, body=body, kind="text/plain")
    caller.send(request)
    challenge = caller.wait_response(request)
    again = re.sub(r"branch=\S+", f"branch=z9hG4bK-{time.monotonic_ns()}", request).replace("CSeq: 1", "CSeq: 2")
    again = again.replace("Content-Type", caller.credentials(challenge, "MESSAGE", uri) + "Content-Type", 1)
    caller.send(again)
    return again


def every_transport_in_both_families(folder):
    """Calls between all of them, with sound; a phone on WebSocket may call one on UDP."""
    with running(folder, accounts=("1001", "1002"), nodes=NODES) as server:
        host = server.api("GET", "/servers")["items"][0]["id"]
        server.api("POST", "/interfaces", {"server": host, "name": "lo6", "address": "::1", "family": "ipv6"})
        gate = next(r for r in server.api("GET", "/roles")["items"] if r["role"] == "SG")
        server.api("PATCH", f"/roles/{gate['id']}", {"sip_gate": {"ws_port": 8082}})
        time.sleep(0.5)
        port = 5100
        before = {"address": "::1", "transport": "wss"}
        for address in ("127.0.0.1", "::1"):
            for transport in ("udp", "tcp", "tls", "ws", "wss"):
                now = {"address": address, "transport": transport}
                with CallingPhone(server, "1001", port, **before) as caller, \
                        CallingPhone(server, "1002", port + 1, **now) as callee:
                    callee.register()
                    caller.call("1002", callee)
                    via = header(callee.invite, "Via")
                    expect(via.startswith(f"SIP/2.0/{transport.upper()} "), f"{now}: {via}")
                    caller.talks_with(callee)
                    callee.hang_up(caller)
                    callee.register(lines="Expires: 0\r\n")
                before = now
                port += 2


if __name__ == "__main__":
    main(requests_within_a_call_reach_the_other_side, messages_outside_a_call, a_message_waits_for_a_device, options_outside_a_call,
         a_reliable_provisional_response, session_timers, digest_algorithms_of_a_domain, loops_and_hops,
         redirections, registrations_of_every_kind, path_and_outbound, keep_alives,
         a_request_too_large_for_udp_takes_tcp, every_transport_in_both_families)
