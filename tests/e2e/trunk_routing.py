#!/usr/bin/env python3
"""Which trunk takes a call, and how it is seen there: rules, groups, channels, numbers, codecs, TLS, fax.

    trunk_routing.py [TEST...]
"""

import os
import re
import time
from types import SimpleNamespace

from calling_phone import CallingPhone, header
from calls import figures, nothing_left
from harness import TANDEM, expect, main, run, running, wait_for
from kamailio import TLS_PORT, Kamailio
from provider import Provider
from tls_provider import Authority, TlsProvider

NODES = os.environ.get("TANDEM_TEST_NODES", "one")
ONE, TWO = 5080, 5090
DOMAIN = "/domains/demo.test"


def peer(server, name, port, **fields):
    address = "127.0.0.1" if port == ONE else "127.0.0.2"
    return server.api("POST", f"{DOMAIN}/trunks", {"name": name, "mode": "peer", "proxies": [f"{address}:{port}"], "ping_s": 0,
                                                   **fields})["id"]


def group(server, *members, **fields):
    return server.api("POST", f"{DOMAIN}/trunk-groups", {"name": "lines", "members": list(members), **fields})["id"]


def rule(server, name, **fields):
    return server.api("POST", f"{DOMAIN}/dial-rules", {"name": name, "action": "trunk", **fields})


def route_test(server, dialled):
    return server.api("POST", f"{DOMAIN}/route-test", {"caller": "1001", "dialled": dialled})


class Site:
    """A server with a phone and two providers."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        self.running = running(self.folder, nodes=NODES)
        server = self.running.__enter__()
        self.parts = [Provider(server, ONE, challenges=False), Provider(server, TWO, challenges=False, address="127.0.0.2"),
                      CallingPhone(server, "1001", 5066)]
        for each in self.parts:
            each.__enter__()
        self.parts[2].register()
        return server, *self.parts

    def __exit__(self, *exception):
        for each in self.parts:
            each.__exit__(*exception)
        self.running.__exit__(*exception)


def a_rule_sends_calls_over_a_trunk(folder):
    with Site(folder) as (server, first, second, phone):
        one, two = peer(server, "one", ONE), peer(server, "two", TWO)
        refused = server.api("POST", f"{DOMAIN}/dial-rules", {"name": "x", "action": "trunk", "to_trunk": "0" * 32}, expected=422)
        expect(refused["field"] == "to_trunk", f"{refused}")
        refused = server.api("POST", f"{DOMAIN}/dial-rules", {"name": "x", "action": "trunk"}, expected=422)
        expect(refused["field"] == "to_trunk", f"{refused}")
        rule(server, "nine", dialled="9*", to_trunk=one, called_number={"strip": 1}, order=10)
        lines = group(server, two, one)
        rule(server, "rest", dialled="0*", to_trunk_group=lines, order=20)
        in_use = server.api("DELETE", f"{DOMAIN}/trunks/one", expected=409)
        expect("'lines'" in in_use["detail"] or "'nine'" in in_use["detail"], f"{in_use}")
        in_use = server.api("DELETE", f"{DOMAIN}/trunk-groups/lines", expected=409)
        expect("'rest'" in in_use["detail"] and "to_trunk_group" in in_use["detail"], f"{in_use}")
        told = route_test(server, "9-030 55")
        expect(any("over the trunk one" in each["reason"] for each in told["steps"]), f"{told}")
        expect(told["destinations"][0]["trunk"] == one and told["destinations"][0]["number"] == "03055", f"{told}")
        phone.call("9030123", first)
        expect(first.invite.startswith("INVITE sip:030123@127.0.0.1:5080 "), first.invite.splitlines()[0])
        phone.hang_up(first)
        phone.call("030123", second)
        phone.hang_up(second)
        expect(phone.try_call("777") == 404, "no rule, and nobody has it")
        server.api("PATCH", f"{DOMAIN}/trunks/one", {"enabled": False})
        expect(phone.try_call("9030123") == 503, "the rule's trunk is disabled")
        done = run([TANDEM, "--url", server.url, "rule", "add", "demo.test", "cli", "--dialled", "8*", "--action", "trunk",
                    "--to-trunk", "one", "--order", "5"], check=False, env={**os.environ, "TANDEM_DATA": server.data})
        expect(done.returncode == 0, f"{done.stdout}{done.stderr}")
        nothing_left(server)


def numbers_are_written_as_the_trunk_wants_them(folder):
    with Site(folder) as (server, first, second, phone):
        del second
        server.api("PATCH", DOMAIN, {"settings": {"numbering": {"country_code": "49", "area_code": "30"}}})
        one = peer(server, "one", ONE, caller_from="caller",
                   called_out=[{"mask": "+49*", "strip": 3, "prefix": "0"}, {"mask": "+*", "strip": 1, "prefix": "00"}],
                   caller_out=[{"mask": "1XXX", "strip": 1, "prefix": "030555"}],
                   called_in=[{"mask": "030555XXX", "strip": 6, "prefix": "1"}],
                   caller_in=[{"mask": "00*", "strip": 2, "prefix": "+"}, {"mask": "0*", "strip": 1, "prefix": "+49"}])
        rule(server, "out", dialled="0*", to_trunk=one)
        told = route_test(server, "0040 55")
        expect(any("where the number is 004055" in each["reason"] or "over the trunk one" in each["reason"]
                   for each in told["steps"]), f"{told}")
        phone.call("004940123456", first)
        expect(first.invite.startswith("INVITE sip:040123456@"), first.invite.splitlines()[0])
        expect("<sip:030555001@" in header(first.invite, "From"), header(first.invite, "From"))
        expect("<sip:030555001@" in header(first.invite, "P-Asserted-Identity"), first.invite)
        phone.hang_up(first)
        first.call_in("030555001", phone, uri="sip:030555001@127.0.0.1:5070", caller="0043199")
        expect("<sip:+43199@demo.test>" in header(phone.invite, "From"), header(phone.invite, "From"))
        first.hang_up(phone)
        # Who has forwarded a call is named out there, and nothing of the domain.
        server.api("PATCH", f"{DOMAIN}/accounts/1002/services", {"forward_always": "040777777"})
        phone.call("1002", first)
        expect("<sip:030555002@127.0.0.1:5080>" in header(first.invite, "Diversion"), first.invite)
        expect("index=1.1" in header(first.invite, "History-Info"), first.invite)
        expect("demo.test" not in first.invite, first.invite)
        phone.hang_up(first)
        for field, value, named in (("called_out", [{"mask": "0["}], "called_out[0].mask"),
                                    ("caller_in", [{"mask": ""}, {"mask": "12", "strip": 2}], "caller_in[1].strip"),
                                    ("rates", ["+49;x"], "rates[0]"), ("codecs", ["PCMA", "pcma"], "codecs[1]")):
            refused = server.api("PATCH", f"{DOMAIN}/trunks/one", {field: value}, expected=422)
            expect(refused["field"] == named, f"{refused}")


def a_full_trunk_is_passed_by(folder):
    with Site(folder) as (server, first, second, phone), CallingPhone(server, "1002", 5068) as other:
        other.register()
        one, two = peer(server, "one", ONE, channels_max=1), peer(server, "two", TWO, channels_max=2, channels_out_max=1)
        rule(server, "out", dialled="0*", to_trunk_group=group(server, one, two))
        phone.call("0301", first)
        other.call("0302", second)
        with CallingPhone(server, "1001", 5074) as third:
            third.begin_call("0303")
            answer = third.wait_response(third.last_request)
            expect(answer.startswith("SIP/2.0 503") and header(answer, "Retry-After"), answer)
            third.acknowledge_failure(third.last_request, answer)
        expect(figures(server, ["calls_refused_trunk_total"])["calls_refused_trunk_total"] >= 2, "it is counted")
        expect(first.refused_in("1002", uri="sip:1002@127.0.0.1:5070") == 486, "nor does a call come in over a full trunk")
        phone.hang_up(first)
        other.hang_up(second)
        phone.call("0301", first)
        phone.hang_up(first)
        # One that fails gives its channel back before the call is over.
        first.refuses = "503 Service Unavailable"
        phone.call("0301", second)
        first.refuses = None
        other.call("0302", first)
        other.hang_up(first)
        phone.hang_up(second)
        server.api("PATCH", f"{DOMAIN}/trunks/one", {"channels_max": 0, "calls_per_second": 1})
        server.api("PATCH", f"{DOMAIN}/trunk-groups/lines", {"members": [one]})
        time.sleep(1.1)
        phone.call("0301", first)
        expect(other.try_call("0302") == 503, "more than a call a second")
        phone.hang_up(first)
        nothing_left(server)


def a_group_chooses_by_cost_and_moves_on(folder):
    with Site(folder) as (server, first, second, phone):
        one = peer(server, "one", ONE, rates=["0;0.02", "030;0.03"])
        two = peer(server, "two", TWO, rates=["0;0.025"])
        lines = group(server, one, two, order="cheapest", failover_on=["486", "5xx"], answer_within_s=2)
        rule(server, "out", dialled="0*", to_trunk_group=lines)
        phone.call("0401", first)
        phone.hang_up(first)
        phone.call("0301", second)
        phone.hang_up(second)
        second.refuses = "486 Busy Here"
        phone.call("0301", first)
        phone.hang_up(first)
        first.refuses = "404 Not Found"
        expect(phone.try_call("0401") == 404, "an answer that is not in the list ends the call")
        first.refuses, second.refuses = None, None
        # One that rings and rings is given up for the next.
        phone.begin_call("0401")
        invite = first.wait_request("INVITE")
        first.respond(invite, "180 Ringing")
        began = time.monotonic()
        second.take()
        expect(1 < time.monotonic() - began < 4, "after answer_within_s")
        phone.finish_call()
        second.wait_request("ACK")
        first.respond(first.wait_request("CANCEL"), "200 OK")
        phone.hang_up(second)
        for change, field in (({"failover_on": ["3xx"]}, "failover_on[0]"), ({"failover_on": ["486", "6xxx"]}, "failover_on[1]"), ({"answer_within_s": -1}, "answer_within_s"),
                              ({"shares": [{"trunk": "0" * 32}]}, "shares[0].trunk")):
            refused = server.api("PATCH", f"{DOMAIN}/trunk-groups/lines", change, expected=422)
            expect(refused["field"] == field, f"{refused}")


def a_trunk_is_offered_its_codecs_only(folder):
    with Site(folder) as (server, first, second, phone):
        del second
        one = peer(server, "one", ONE, codecs=["PCMA", "PCMU"], dtmf="inband")
        rule(server, "out", dialled="0*", to_trunk=one)
        plain = phone.sdp

        def offer():
            return (plain().replace("RTP/AVP 8", "RTP/AVP 0 96 8 101") +
                    "a=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n")
        phone.sdp = offer
        phone.call("0301", first)
        expect("RTP/AVP 8 0\r\n" in first.invite and "opus" not in first.invite and "telephone-event" not in first.invite,
               first.invite)
        phone.talks_with(first)
        phone.hang_up(first)
        server.api("PATCH", f"{DOMAIN}/trunks/one", {"codecs": ["G729"]})
        before = first.times("INVITE")
        expect(phone.try_call("0301") == 488 and first.times("INVITE") == before, "nothing is left to offer")


def what_a_trunk_offers_is_limited_too(folder):
    with Site(folder) as (server, first, second, phone):
        del second
        peer(server, "one", ONE, codecs=["PCMA"], dtmf="inband")
        plain = first.sdp

        def offer(formats):
            return lambda: plain().replace("RTP/AVP 8", f"RTP/AVP {formats}") + \
                "a=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n"
        first.sdp = offer("96 0 8 101")
        ours = "sip:1001@127.0.0.1:5070"
        first.call_in("1001", phone, uri=ours)
        expect("RTP/AVP 8\r\n" in phone.invite and "opus" not in phone.invite and "telephone-event" not in phone.invite,
               phone.invite)
        phone.talks_with(first)
        first.hang_up(phone)
        first.sdp = offer("96 101")
        expect(first.refused_in("1001", uri=ours) == 488, "it offers nothing that the trunk takes")


def a_providers_early_media_is_heard_and_a_hidden_caller_is_not_shown(folder):
    with Site(folder) as (server, first, second, phone):
        del second
        rule(server, "out", dialled="0*", to_trunk=peer(server, "one", ONE, caller_from="caller"))
        phone.begin_call("0301", "Privacy: id\r\n")
        invite = first.wait_request("INVITE")
        expect("anonymous.invalid" in header(invite, "From") and header(invite, "Privacy") == "id", invite)
        expect("<sip:1001@" in header(invite, "P-Asserted-Identity"), "the provider is told who it is")
        first.learn_media(invite)
        first.respond(invite, "183 Session Progress", "", first.sdp())
        early = phone.wait_response(phone.last_request, least=183)
        expect(early.startswith("SIP/2.0 183"), early)
        phone.learn_media(early)
        phone.talks_with(first)
        first.pending.insert(0, invite)
        first.take()
        phone.finish_call()
        first.wait_request("ACK")
        phone.talks_with(first)
        phone.hang_up(first)
        nothing_left(server)


def shares_say_which_trunk_is_first(folder):
    with Site(folder) as (server, first, second, phone):
        one, two = peer(server, "one", ONE), peer(server, "two", TWO)
        lines = group(server, one, two, order="weighted", shares=[{"trunk": one, "priority": 20}, {"trunk": two, "priority": 10}])
        rule(server, "out", dialled="0*", to_trunk_group=lines)
        told = route_test(server, "0301")["destinations"]
        expect([each["trunk_name"] for each in told] == ["two", "one"], f"{told}")
        expect(told[0]["request_uri"] == "sip:0301@127.0.0.2:5090" and told[0]["proxies"] == ["127.0.0.2:5090"], f"{told}")
        phone.call("0301", second)
        phone.hang_up(second)
        second.refuses = "503 Service Unavailable"
        phone.call("0301", first)
        phone.hang_up(first)
        # All weight on one of equals.
        server.api("PATCH", f"{DOMAIN}/trunk-groups/lines", {"shares": [{"trunk": one, "weight": 100}, {"trunk": two, "weight": 0}]})
        second.refuses = None
        for _ in range(3):
            phone.call("0301", first)
            phone.hang_up(first)
        done = run([TANDEM, "--url", server.url, "route", "test", "demo.test", "1001", "0301"],
                   env={**os.environ, "TANDEM_DATA": server.data}).stdout
        expect("over the trunk one of demo.test" in done and "INVITE: sip:0301@127.0.0.1:5080" in done and
               "proxies: 127.0.0.1:5080" in done, done)


def calls_are_shared_among_the_trunks_of_a_group(folder):
    """By chance: counts with bounds of five standard deviations, which an even share, or none, would break."""
    with Site(folder) as (server, first, second, phone):
        one, two = peer(server, "one", ONE), peer(server, "two", TWO)
        lines = group(server, one, two, order="weighted", shares=[{"trunk": one, "weight": 9}, {"trunk": two, "weight": 1}])
        rule(server, "out", dialled="0*", to_trunk_group=lines)
        first.refuses = second.refuses = "486 Busy Here"

        def shares(calls):
            before = first.times("INVITE"), second.times("INVITE")
            for _ in range(calls):
                expect(phone.try_call("0301") == 486, "one of them answers")
            return first.times("INVITE") - before[0], second.times("INVITE") - before[1]
        counts = shares(100)  # 90, with a standard deviation of 3
        expect(sum(counts) == 100 and 75 <= counts[0] <= 99, f"{counts}")
        server.api("PATCH", f"{DOMAIN}/trunk-groups/lines", {"order": "spread", "shares": []})
        counts = shares(100)  # 50, with a standard deviation of 5
        expect(sum(counts) == 100 and 25 <= counts[0] <= 75, f"{counts}")
        nothing_left(server)


def two_trunks_at_one_address_are_told_apart_by_whom_they_call(folder):
    with Site(folder) as (server, first, second, phone):
        del second
        server.api("POST", "/domains", {"name": "other.test"})
        peer(server, "one", ONE, user="4930100", incoming_number="1001")
        server.api("POST", "/domains/other.test/trunks", {"name": "theirs", "mode": "peer", "proxies": [f"127.0.0.1:{ONE}"],
                                                           "user": "4930200", "ping_s": 0})
        first.call_in("4930100", phone, uri="sip:4930100@127.0.0.1:5070")
        first.hang_up(phone)
        expect(first.refused_in("4930200", uri="sip:4930200@127.0.0.1:5070") == 404, "it is the other domain's, where nobody is")
        first.call_in("1001", phone, uri="sip:1001@127.0.0.1:5070")  # only this domain has the number
        first.hang_up(phone)
        expect(first.refused_in("777", uri="sip:777@127.0.0.1:5070") == 403, "whose it is can't be told")


FAX = ("v=0\r\no=- 1 {version} IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
       "m=image {port} udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxRateManagement:transferredTCF\r\n")


def fax_passes(sender, receiver, target):
    """UDPTL, which is no RTP."""
    mark = b"\x00\x07\x06" + os.urandom(8)
    receiver.media.settimeout(0.1)
    for _ in range(30):
        sender.media.sendto(mark, target)
        try:
            if receiver.media.recv(2048) == mark:
                return
        except TimeoutError:
            pass
    expect(False, f"{receiver.user} gets no fax of {sender.user}")


def image_at(text):
    return (re.search(r"^c=IN IP4 (\S+)", text, re.MULTILINE).group(1),
            int(re.search(r"^m=image (\d+) udptl t38", text, re.MULTILINE).group(1)))


def a_fax_changes_to_t38_in_the_middle_of_a_call(folder):
    with Site(folder) as (server, provider, second, phone):
        del second
        peer(server, "one", ONE)
        provider.call_in("1001", phone, uri="sip:1001@127.0.0.1:5070")
        provider.talks_with(phone)
        # The phone is none for faxes: the call goes on as it was.
        offer = provider.in_dialog("INVITE", body=FAX.format(version=2, address=provider.address, port=provider.port + 1000))
        asked = phone.wait_request("INVITE")
        expect("m=image" in asked and "T38FaxVersion:0" in asked, asked)
        phone.respond(asked, "488 Not Acceptable Here")
        answer = provider.wait_response(offer)
        expect(answer.startswith("SIP/2.0 488"), answer)
        provider.acknowledge_failure(offer, answer)
        provider.talks_with(phone)
        # Now it takes it.
        offer = provider.in_dialog("INVITE", body=FAX.format(version=3, address=provider.address, port=provider.port + 1000))
        asked = phone.wait_request("INVITE")
        phone.respond(asked, "200 OK", "", FAX.format(version=2, address=phone.address, port=phone.port + 1000))
        answer = provider.wait_response(offer)
        expect(answer.startswith("SIP/2.0 200") and "m=image" in answer and "T38MaxBitRate:14400" in answer, answer)
        provider.dialog["ack"] = provider.dialog["cseq"]
        provider.send(provider.request("ACK", "", dialog=provider.dialog))
        phone.wait_request("ACK")
        fax_passes(provider, phone, image_at(answer))
        fax_passes(phone, provider, image_at(asked))
        # And back to sound.
        offer = provider.in_dialog("INVITE", body=provider.sdp().replace("o=- 1 1", "o=- 1 4"))
        asked = phone.wait_request("INVITE")
        phone.learn_media(asked)
        phone.respond(asked, "200 OK", "", phone.sdp().replace("o=- 1 1", "o=- 1 3"))
        answer = provider.wait_response(offer)
        provider.learn_media(answer)
        provider.dialog["ack"] = provider.dialog["cseq"]
        provider.send(provider.request("ACK", "", dialog=provider.dialog))
        phone.wait_request("ACK")
        provider.talks_with(phone)
        provider.hang_up(phone)
        nothing_left(server)


def a_provider_is_reached_over_tls(folder):
    """Its certificate has to be of a trusted authority and for its name; then calls go both ways, with keys in SDP."""
    name = "localhost"
    authority = Authority(folder, name)
    with running(folder, nodes=NODES) as server, TlsProvider(server, 5081, authority, challenges=True) as provider, \
            CallingPhone(server, "1001", 5066) as phone:
        phone.register()
        trunk = server.api("POST", f"{DOMAIN}/trunks", {"name": "secure", "proxies": [f"{name}:5081;tls"], "user": "4930100",
                                                        "sip_domain": "provider.test", "password": "line-secret", "ping_s": 2,
                                                        "srtp": "required"})["id"]
        rule(server, "out", dialled="0*", to_trunk=trunk)
        wait_for(lambda: server.logged("has no TLS with 127.0.0.1:5081"), "nobody trusts that authority", 20)
        expect(not provider.registered, "and nothing is said there")
        server.api("PATCH", f"{DOMAIN}/trunks/secure", {"tls_ca": authority.pem})
        wait_for(lambda: provider.registered, "it registers over TLS", 20)
        expect(provider.names and provider.names[-1] == name, f"SNI: {provider.names}")
        expect("transport=tls" in provider.registered["4930100"], f"{provider.registered}")
        phone.begin_call("0301")
        invite = provider.wait_request("INVITE")
        expect("RTP/SAVP" in invite and "a=crypto:" in invite and "SIP/2.0/TLS" in header(invite, "Via"), invite)
        provider.respond(invite, "486 Busy Here")
        answer = phone.wait_response(phone.last_request)
        expect(answer.startswith("SIP/2.0 486"), answer)
        phone.acknowledge_failure(phone.last_request, answer)
        refused = server.api("PATCH", f"{DOMAIN}/trunks/secure", {"tls_verify": False}, expected=422)
        expect(refused["field"] == "tls_ca", f"{refused}")


def tls_settings_of_a_domain_count_for_its_own_trunks(folder):
    """Three domains lead to one address: one trusts the authority, one does not, one does not ask."""
    authority = Authority(folder, "localhost")
    with running(folder, nodes=NODES) as server, TlsProvider(server, 5081, authority, challenges=True) as provider:
        for number, settings in enumerate(({"tls_ca": authority.pem}, {}, {"tls_verify": False}, {"tls_ca": authority.pem})):
            server.api("POST", "/domains", {"name": f"d{number}.test"})
            server.api("POST", f"/domains/d{number}.test/trunks",
                       {"name": "secure", "proxies": ["localhost:5081;tls"], "user": f"493010{number}", "sip_domain": "provider.test",
                        "password": "line-secret", "ping_s": 2, **settings})
        wait_for(lambda: {"4930100", "4930102", "4930103"} <= set(provider.registered), "those who may register", 20)

        def state(number):
            return server.api("GET", f"/domains/d{number}.test/trunk-states")["items"][0]
        wait_for(lambda: "has no TLS with 127.0.0.1:5081" in state(1).get("error", ""), "the other one's trouble is shown", 20)
        expect(not state(1)["up"] and "4930101" not in provider.registered, "it uses nobody else's connection")
        wait_for(lambda: all(state(number)["registered"] for number in (0, 2, 3)), "they are registered", 10)
        expect(all("TLS" not in state(number).get("error", "") for number in (0, 2, 3)), f"{[state(n) for n in (0, 2, 3)]}")
        expect(provider.accepted == 2, f"who expect the same share a connection: {provider.accepted}")


def a_trunk_shows_a_certificate_of_its_own(folder):
    """A provider that asks for one: each trunk shows its own, on a connection of its own, and a new one without a restart."""
    for name in ("servers", "clients"):
        os.mkdir(os.path.join(folder, name))
    authority = Authority(os.path.join(folder, "servers"), "localhost")
    clients = Authority(os.path.join(folder, "clients"), "nobody")
    first, second, renewed = (clients.issue(name) for name in ("first.test", "second.test", "renewed.test"))
    with running(folder, nodes=NODES) as server, TlsProvider(server, 5081, authority, clients, challenges=True) as provider:
        def add(name, user, pair=None, **more):
            own = {"tls_certificate": pair[0], "tls_certificate_key": pair[1]} if pair else {}
            return server.api("POST", f"{DOMAIN}/trunks",
                              {"name": name, "proxies": ["localhost:5081;tls"], "user": user, "sip_domain": "provider.test",
                               "password": "line-secret", "ping_s": 1, "tls_ca": authority.pem, **own, **more})

        def state(name):
            return next(each for each in server.api("GET", f"{DOMAIN}/trunk-states")["items"] if each["name"] == name)
        made = add("one", "4930101", first)
        expect("tls_certificate_key" not in made and "tls_certificate_key_sealed" not in made and
               made["tls_certificate"] == first[0], f"{sorted(made)}")
        add("two", "4930102", second)
        add("bare", "4930103")
        wait_for(lambda: {"4930101", "4930102"} <= set(provider.registered), "those who show one", 20)
        expect(provider.shown == {"4930101": "first.test", "4930102": "second.test"}, f"{provider.shown}")
        expect(provider.accepted == 2, f"a connection each: {provider.accepted}")
        wait_for(lambda: "certificate required" in state("bare").get("error", ""), "why the third does not", 20)
        expect(not state("bare")["registered"] and "4930103" not in provider.registered, "it uses nobody else's connection")
        expect(state("one")["registered"] and "tls_certificate_until" in state("one"), f"{state('one')}")
        # Another certificate, from the command line.
        run([TANDEM, "--url", server.url, "trunk", "set", "demo.test", "one", "--tls-certificate", renewed[0],
             "--tls-certificate-key", renewed[1]], env={**os.environ, "TANDEM_DATA": server.data})
        wait_for(lambda: provider.shown["4930101"] == "renewed.test", "the new one is shown", 10)
        expect(provider.shown["4930102"] == "second.test", "by nobody else")
        for change, field in (({"tls_certificate": first[0]}, "tls_certificate_key"),
                              ({"tls_certificate_key": first[1]}, "tls_certificate_key"),
                              ({"tls_certificate": "none", "tls_certificate_key": first[1]}, "tls_certificate")):
            refused = server.api("PATCH", f"{DOMAIN}/trunks/two", change, expected=422)
            expect(refused["field"] == field, f"{refused}")
        refused = server.api("PATCH", f"{DOMAIN}/trunks/bare", {"tls_certificate_key": first[1]}, expected=422)
        expect(refused["field"] == "tls_certificate", f"{refused}")
        audit = str(server.api("GET", "/audit?limit=100"))
        expect("BEGIN PRIVATE KEY" not in audit and not server.logged("PRIVATE KEY"), "the key is shown")


def kamailio_checks_the_certificate_of_a_trunk(folder):
    """It takes registrations and calls over TLS from the one client whose certificate it has verified; one without any gets no
    connection, one with another of the same authority no service."""
    for name in ("servers", "clients"):
        os.mkdir(os.path.join(folder, name))
    authority = Authority(os.path.join(folder, "servers"), "localhost")
    clients = Authority(os.path.join(folder, "clients"), "nobody")
    known, other = (clients.issue(name) for name in ("line.test", "other.test"))
    with running(folder, nodes=NODES) as server, \
            Kamailio(folder, address="127.0.0.1", tls=(authority, clients, "line.test")) as kamailio, \
            Provider(SimpleNamespace(address=kamailio.address), 5085, address="127.0.0.3", challenges=False) as outside, \
            CallingPhone(server, "1001", 5066) as phone:
        outside.server_port = 5080
        phone.register()
        for name, user, pair in (("known", "4930101", known), ("other", "4930102", other), ("bare", "4930103", None)):
            own = {"tls_certificate": pair[0], "tls_certificate_key": pair[1]} if pair else {}
            trunk = server.api("POST", f"{DOMAIN}/trunks",
                               {"name": name, "proxies": [f"localhost:{TLS_PORT};tls"], "user": user,
                                "sip_domain": "provider.test", "password": "line-secret", "tls_ca": authority.pem, **own})
            if name == "known":
                server.api("PATCH", DOMAIN, {"settings": {"default_trunk": trunk["id"]}})

        def state(name):
            return next(each for each in server.api("GET", f"{DOMAIN}/trunk-states")["items"] if each["name"] == name)
        wait_for(lambda: state("known")["registered"], "the one that it knows", 20)
        wait_for(lambda: server.logged("trunk other of demo.test could not register: the registrar answers 403 Another Certificate"),
                 "not another one", 20)
        wait_for(lambda: "has no TLS" in state("bare").get("error", ""), "none at all has no connection", 20)
        expect(not state("other")["registered"] and not state("bare")["registered"], "nor others with it")
        phone.call("0305550199", outside)
        phone.talks_with(outside)
        phone.hang_up(outside)
        nothing_left(server)


if __name__ == "__main__":
    main(a_rule_sends_calls_over_a_trunk, numbers_are_written_as_the_trunk_wants_them, a_full_trunk_is_passed_by,
         a_group_chooses_by_cost_and_moves_on, a_trunk_is_offered_its_codecs_only, what_a_trunk_offers_is_limited_too,
         a_providers_early_media_is_heard_and_a_hidden_caller_is_not_shown, shares_say_which_trunk_is_first,
         two_trunks_at_one_address_are_told_apart_by_whom_they_call,
         a_fax_changes_to_t38_in_the_middle_of_a_call, a_provider_is_reached_over_tls,
         tls_settings_of_a_domain_count_for_its_own_trunks, a_trunk_shows_a_certificate_of_its_own,
         kamailio_checks_the_certificate_of_a_trunk,
         calls_are_shared_among_the_trunks_of_a_group)
