#!/usr/bin/env python3
"""Transfers by phones in Python: blind and attended, with sound, and what is left of them in the records."""

import contextlib
import os
import re
import struct
import time
from urllib.parse import quote

from calling_phone import CallingPhone, RegisteredPhones, header
from calls import nothing_left, records
from harness import expect, main, running, wait_for
from restart import calls_or_none
from switch import FIRST_NODE, add_copy

NODES = os.environ.get("TANDEM_TEST_NODES", "one")
ACCOUNTS = ("1001", "1002", "1003")


class KeyPhone(CallingPhone):
    """It sends keys as telephone events (RFC 4733)."""

    def sdp(self):
        return super().sdp().replace("RTP/AVP 8", "RTP/AVP 8 101") + "a=rtpmap:101 telephone-event/8000\r\n"

    def press(self, keys):
        for key in keys:
            timestamp = (getattr(self, "sequence", 0) + 1) * 160
            for count, end in ((1, 0), (2, 0), (3, 0), (4, 0x80), (4, 0x80), (4, 0x80)):
                packet = bytearray(self.rtp(0))
                packet[1] = 101 | (0x80 if count == 1 else 0)
                packet[4:8] = struct.pack("!I", timestamp)
                event = struct.pack("!BBH", "0123456789*#".index(key), end | 10, 160 * count)
                self.media.sendto(bytes(packet) + event, self.media_target)
                time.sleep(0.01)

    def press_by_info(self, key):
        return self.in_dialog("INFO", body=f"Signal={key}\r\nDuration=160\r\n", kind="application/dtmf-relay")


class Phones(RegisteredPhones):
    """One registered phone for each account."""

    def __init__(self, server, kind=CallingPhone):
        super().__init__([kind(server, user, 5100 + 10 * i) for i, user in enumerate(ACCOUNTS)])


def refer(phone, target, lines=""):
    """Sends a REFER; its final status."""
    request = phone.in_dialog("REFER", f"Refer-To: {target}\r\n{lines}")
    return int(phone.wait_response(request)[8:11])


def notified(phone, status, timeout=8.0):
    """Waits for the NOTIFY with this status line, and answers it and those before it."""
    while True:
        notify = phone.wait_request("NOTIFY", timeout)
        phone.respond(notify, "200 OK")
        expect(header(notify, "Event").startswith("refer"), f"Event in {notify}")
        expect(header(notify, "Content-Type").startswith("message/sipfrag"), f"the type in {notify}")
        line = notify.split("\r\n\r\n", 1)[1]
        ended = header(notify, "Subscription-State").startswith("terminated")
        expect(ended == (int(line[8:11]) >= 200), f"the state of {line}: {notify}")
        if line.startswith(f"SIP/2.0 {status} "):
            return
        expect(not ended, f"the last report is {line}, not {status}")


def offered_again(phone):
    """Answers the re-INVITE that tells the phone of its new peer."""
    phone.invite = phone.wait_request("INVITE")
    expect(re.search(r"^m=audio \d+", phone.invite, re.MULTILINE), f"no offer in {phone.invite}")
    phone.respond(phone.invite, "200 OK", body=phone.sdp())
    phone.learn_media(phone.invite)
    phone.wait_request("ACK")


def let_go(phone):
    phone.respond(phone.wait_request("BYE"), "200 OK")


def hold(phone, other):
    request = phone.in_dialog("INVITE", body=phone.sdp() + "a=sendonly\r\n")
    held = other.wait_request("INVITE")
    expect("a=sendonly" in held, f"the hold as it arrives: {held}")
    other.respond(held, "200 OK", body=other.sdp() + "a=recvonly\r\n")
    answer = phone.wait_response(request)
    expect(answer.startswith("SIP/2.0 200"), f"the hold is answered {answer}")
    phone.dialog["ack"] = phone.dialog["cseq"]
    phone.send(phone.request("ACK", "", dialog=phone.dialog))
    other.wait_request("ACK")


def check_transfer(record, kind, by, to):
    expect(record["result"] == "answered", f"the result of {record}")
    made = record["transfers"]
    expect(len(made) == 1, f"transfers in {record}")
    expect((made[0]["kind"], made[0]["by"]["number"], made[0]["to"]["number"]) == (kind, by, to),
           f"the transfer in {record}")
    for number in ACCOUNTS:
        heard = sum(stream["packets_received"] for leg in record["legs"] if leg["party"]["number"] == number
                    for stream in leg["streams"])
        expect(heard > 0, f"nothing was heard of {number}: {record}")


def blind_transfer_by_the_callee(folder):
    with running(folder, accounts=ACCOUNTS, nodes=NODES) as server, Phones(server) as (a, b, c):
        a.call("1002", b)
        a.talks_with(b)
        expect(refer(b, "<sip:1003@demo.test>") == 202, "the REFER is accepted")
        notified(b, 100)
        c.invite = c.wait_request("INVITE")
        expect("1001" in header(c.invite, "From"), f"who calls: {header(c.invite, 'From')}")
        expect("1002" in header(c.invite, "Referred-By"), f"who transfers: {c.invite}")
        c.pending.insert(0, c.invite)
        c.take()
        c.wait_request("ACK")
        offered_again(a)
        notified(b, 200)
        let_go(b)
        a.talks_with(c)
        a.hang_up(c)
        record = records(server)[0]
        check_transfer(record, "blind", "1002", "1003")
        expect(record["callee"]["number"] == "1002", f"who answered first: {record}")
        expect(record["released_by"] == "caller", f"who hung up: {record}")
        nothing_left(server)


def blind_transfer_by_the_caller_after_a_hold(folder):
    with running(folder, accounts=ACCOUNTS, nodes=NODES) as server, Phones(server) as (a, b, c):
        a.call("1002", b)
        a.talks_with(b)
        hold(a, b)
        expect(refer(a, "<sip:1003@demo.test>") == 202, "the REFER is accepted")
        c.take()
        c.wait_request("ACK")
        offered_again(b)
        notified(a, 200)
        let_go(a)
        b.talks_with(c)
        held = [call["phase"] for call in server.api("GET", "/calls")["items"]]
        expect(held == ["answered"], f"nobody is on hold any more: {held}")
        c.hang_up(b)
        record = records(server)[0]
        check_transfer(record, "blind", "1001", "1003")
        expect(record["released_by"] == "caller", f"who hung up is in the caller's place: {record}")
        nothing_left(server)


def hears_a_tone(phone, peer):
    """The gate's own source, which is not the peer's; what came before is passed by."""
    def is_tone():
        with contextlib.suppress(TimeoutError):
            while True:
                packet = phone.media.recv(2048)
                if len(packet) == 172 and packet[8:12] != struct.pack("!I", peer.port):
                    return True
        return False
    phone.media.settimeout(0.2)
    wait_for(is_tone, "the busy tone")


def transfer_by_keys(folder):
    with running(folder, accounts=ACCOUNTS, nodes=NODES) as server, Phones(server, KeyPhone) as (a, b, c):
        code = {"name": "transfer", "prefix": "*2", "action": "transfer-blind", "pause_s": 2}
        server.api("POST", "/domains/demo.test/feature-codes", code)
        a.call("1002", b)
        a.talks_with(b)
        b.press("5*21003#")
        c.invite = c.wait_request("INVITE")
        expect("1001" in header(c.invite, "From"), f"who calls: {header(c.invite, 'From')}")
        expect("1002" in header(c.invite, "Referred-By"), f"who transfers: {c.invite}")
        c.pending.insert(0, c.invite)
        c.take()
        c.wait_request("ACK")
        offered_again(a)
        let_go(b)
        a.talks_with(c)
        c.press("*21002")  # who has come has the code, too; a pause ends the number
        b.respond(b.wait_request("INVITE"), "486 Busy Here")
        b.wait_request("ACK")
        hears_a_tone(c, a)
        a.talks_with(c)
        a.hang_up(c)
        check_transfer(records(server)[0], "blind", "1002", "1003")
        nothing_left(server)


def attended_transfer_by_keys(folder):
    with running(folder, accounts=ACCOUNTS, nodes=NODES) as server, Phones(server, KeyPhone) as (a, b, c):
        code = {"name": "ask", "prefix": "*3", "action": "transfer-attended", "pause_s": 2}
        server.api("POST", "/domains/demo.test/feature-codes", code)
        a.call("1002", b)
        a.talks_with(b)

        def ask():
            b.press("*31003#")
            c.invite = c.wait_request("INVITE")
            expect("1002" in header(c.invite, "From"), f"who calls: {header(c.invite, 'From')}")
            expect(header(c.invite, "Referred-By") is None, f"it is a call of his own: {c.invite}")
            c.respond(c.invite, "180 Ringing")
            hears_a_tone(b, c)  # the ringing
            c.pending.insert(0, c.invite)
            c.take()
            c.wait_request("ACK")
            offered_again(b)
            hears_a_tone(a, b)  # the music
            b.talks_with(c)
        ask()
        call = server.api("GET", "/calls")["items"][0]
        ids = {each["login"]: each["id"] for each in server.api("GET", "/domains/demo.test/accounts")["items"]}
        expect((call["caller_account"], call["callee_account"], call["consulted_account"]) ==
               tuple(ids[each] for each in ACCOUNTS), f"{call}")
        b.press("*3")
        let_go(c)
        offered_again(b)
        a.talks_with(b)
        ask()
        left = b.in_dialog("BYE")
        expect(b.wait_response(left).startswith("SIP/2.0 200"), "the BYE is answered")
        offered_again(a)
        a.talks_with(c)
        a.hang_up(c)
        record = records(server)[0]
        check_transfer(record, "attended", "1002", "1003")
        expect(record["callee"]["number"] == "1002", f"who answered first: {record}")
        expect([leg["party"]["number"] for leg in record["legs"]] == [*ACCOUNTS, "1003"], f"{record['legs']}")
        nothing_left(server)


def transfer_by_keys_in_info(folder):
    with running(folder, accounts=ACCOUNTS, nodes=NODES) as server, Phones(server, KeyPhone) as (a, b, c):
        ids = {each["login"]: each["id"] for each in server.api("GET", "/domains/demo.test/accounts")["items"]}
        code = {"name": "transfer", "prefix": "##", "action": "transfer-blind", "allowed": [ids["1001"]]}
        server.api("POST", "/domains/demo.test/feature-codes", code)
        a.call("1002", b)
        a.talks_with(b)
        for speaker, listener in ((b, a), (a, b)):  # for the one it is no code, for the other none yet
            request = speaker.press_by_info("#" if speaker is b else "7")
            passed = listener.wait_request("INFO")
            expect("Signal=" in passed, f"as it was sent: {passed}")
            listener.respond(passed, "200 OK")
            expect(speaker.wait_response(request).startswith("SIP/2.0 200"), "the INFO is answered")
        for key in "##1003#":
            expect(a.wait_response(a.press_by_info(key)).startswith("SIP/2.0 200"), f"{key} is taken")
        c.take()
        c.wait_request("ACK")
        offered_again(b)
        let_go(a)
        b.talks_with(c)
        b.hang_up(c)
        check_transfer(records(server)[0], "blind", "1001", "1003")
        nothing_left(server)


def failed_transfer_leaves_the_call(folder):
    with running(folder, accounts=ACCOUNTS, nodes=NODES) as server, Phones(server) as (a, b, c):
        a.call("1002", b)
        expect(refer(b, "<sip:1003@demo.test>") == 202, "the REFER is accepted")
        c.respond(c.wait_request("INVITE"), "486 Busy Here")
        notified(b, 486)
        expect(refer(b, "<sip:1009@demo.test>") == 202, "the REFER is accepted")
        notified(b, 404)
        expect(refer(b, "<sip:1003@elsewhere.test>") in (403, 404), "another domain is refused")
        expect(refer(b, "<mailto:x@demo.test>") == 416, "what is no telephone is refused")
        a.talks_with(b)
        a.hang_up(b)
        record = records(server)[0]
        expect(not record["transfers"], f"transfers in {record}")
        nothing_left(server)


def consult_and_transfer(server, a, b, c):
    """Attended, by a: b and c talk then."""
    with CallingPhone(server, "1001", 5140) as second:  # the same phone's second line
        a.call("1002", b)
        a.talks_with(b)
        hold(a, b)
        second.call("1003", c)
        second.talks_with(c)
        former = dict(c.dialog)
        named = dict(second.dialog)
        to_tag, from_tag = (re.search("tag=([^;>]+)", named[key]).group(1) for key in ("to", "from"))
        replaces = quote(f"{named['call']};to-tag={to_tag};from-tag={from_tag}", safe="")
        expect(refer(a, f"<{named['target']}?Replaces={replaces}>") == 202, "the REFER is accepted")
        invite = c.wait_request("INVITE")
        expect(former["call"] in header(invite, "Replaces"), f"the dialog that is replaced: {invite}")
        c.pending.insert(0, invite)
        c.take()
        c.wait_request("ACK")
        offered_again(b)
        notified(a, 200)
        let_go(a)
        let_go(second)
        let_go(c)
        b.talks_with(c)
        b.hang_up(c)


def attended_transfer(folder):
    with running(folder, accounts=ACCOUNTS, nodes=NODES) as server, Phones(server) as (a, b, c):
        consult_and_transfer(server, a, b, c)
        items = records(server, 2)
        joined = next(item for item in items if item["transfers"])
        other = next(item for item in items if not item["transfers"])
        check_transfer(joined, "attended", "1001", "1003")
        expect(joined["transfers"][0]["other_call"] == other["call"], f"the other call in {joined}")
        expect(other["continued_in"] == joined["call"], f"where it went on: {other}")
        expect(other["result"] == "answered", f"the other call: {other}")
        nothing_left(server)


def transferred_call_survives_its_b2b(folder):
    with running(folder, accounts=ACCOUNTS, nodes=NODES) as server, Phones(server) as (a, b, c):
        a.call("1002", b)
        expect(refer(a, "<sip:1003@demo.test>") == 202, "the REFER is accepted")
        c.take()
        c.wait_request("ACK")
        offered_again(b)
        notified(a, 200)
        let_go(a)
        wait_for(lambda: all(call["protected"] for call in server.api("GET", "/calls")["items"]),
                 "the call is safe")
        server.kill_nodes()
        server.wait_healthy()
        wait_for(lambda: calls_or_none(server) == 1, "the call is there again")
        b.goes_on_with(c)
        c.in_dialog("BYE")
        let_go(b)
        record = records(server)[0]
        expect(record["survived"], f"it survived: {record}")
        expect([each["to"]["number"] for each in record["transfers"]] == ["1003"], f"transfers in {record}")


def rings(phone):
    phone.invite = phone.wait_request("INVITE")
    phone.respond(phone.invite, "180 Ringing")


def called_off(phone):
    """Its CANCEL, answered, and the 487 to the INVITE."""
    cancel = phone.wait_request("CANCEL")
    phone.respond(cancel, "200 OK")
    phone.respond(phone.invite, "487 Request Terminated")
    phone.wait_request("ACK")


def ringing_call_is_picked_up(folder):
    with running(folder, accounts=ACCOUNTS, nodes=NODES) as server, Phones(server) as (a, b, c):
        for number in ("*81002", "*8"):
            a.begin_call("1002")
            rings(b)
            c.begin_call(number)
            called_off(b)
            c.finish_call()
            a.finish_call()
            a.talks_with(c)
            c.hang_up(a)
        expect(c.try_call("*81002") == 480, "nothing rings")
        expect(c.try_call("*81009") == 404, "nobody has the number")
        for record in records(server, 2):
            expect(record["callee"]["number"] == "1003", f"who took it: {record}")
            expect(record["released_by"] == "callee", f"who hung up: {record}")
        server.api("PATCH", "/domains/demo.test", {"settings": {"pickup_prefix": ""}})
        wait_for(lambda: c.try_call("*81002") == 404, "the prefix is off")
        nothing_left(server)


def parked_call_is_fetched(folder):
    with running(folder, accounts=ACCOUNTS, nodes=NODES) as server, Phones(server) as (a, b, c):
        a.call("1002", b)
        a.talks_with(b)
        expect(refer(b, "<sip:*71@demo.test>") == 202, "the REFER is accepted")
        notified(b, 200)
        let_go(b)
        phases = [call["phase"] for call in server.api("GET", "/calls")["items"]]
        expect(phases == ["parked"], f"it is parked: {phases}")
        expect(c.try_call("*72") == 480, "nobody waits in another slot")
        c.begin_call("*71")
        c.finish_call()
        offered_again(a)
        a.talks_with(c)
        a.hang_up(c)
        check_transfer(records(server)[0], "taken", "1002", "1003")
        nothing_left(server)


def parked_call_comes_back(folder):
    with running(folder, accounts=ACCOUNTS, nodes=NODES) as server, Phones(server) as (a, b, c):
        server.api("PATCH", "/domains/demo.test", {"settings": {"park_timeout_s": 10}})
        a.call("1002", b)
        expect(refer(b, "<sip:*71@demo.test>") == 202, "the REFER is accepted")
        notified(b, 200)
        let_go(b)
        b.invite = b.wait_request("INVITE", 15)
        b.pending.insert(0, b.invite)
        b.take()
        b.wait_request("ACK")
        offered_again(a)
        a.talks_with(b)
        a.hang_up(b)
        nothing_left(server)


def calls_of_several_instances(folder):
    """Which B2B has a call is a matter of chance: ten times means that some are another's, but once in 500."""
    with running(folder, accounts=ACCOUNTS, nodes="split") as server:
        other = add_copy(server, "B2B", FIRST_NODE)
        owners = set()
        with Phones(server) as (a, b, c):
            for _ in range(5):
                a.begin_call("1002")
                rings(b)
                owners.add(server.api("GET", "/calls")["items"][0]["owner"])
                c.begin_call("*81002")
                called_off(b)
                c.finish_call()
                a.finish_call()
                a.talks_with(c)
                c.hang_up(a)
            for _ in range(5):
                a.call("1002", b)
                owners.add(server.api("GET", "/calls")["items"][0]["owner"])
                expect(refer(b, "<sip:*71@demo.test>") == 202, "the REFER is accepted")
                notified(b, 200)
                let_go(b)
                c.begin_call("*71")
                c.finish_call()
                offered_again(a)
                a.talks_with(c)
                a.hang_up(c)
            for _ in range(5):
                consult_and_transfer(server, a, b, c)
            expect(c.try_call("*71") == 480, "nobody waits any more")
            nothing_left(server)
        expect(other in owners, f"both instances had calls: {owners}")


def phone_takes_the_place_of_another(folder):
    with running(folder, accounts=ACCOUNTS, nodes=NODES) as server, Phones(server) as (a, b, c):
        a.call("1002", b)
        a.talks_with(b)
        tags = [re.search("tag=([^;>]+)", a.dialog[key]).group(1) for key in ("to", "from")]
        name = f"Replaces: {a.dialog['call']};to-tag={tags[0]};from-tag="
        c.extra = name + "forged\r\n"
        expect(c.try_call("1002") == 481, "nobody knows such a dialog")
        c.extra = name + tags[1] + ";early-only\r\n"
        expect(c.try_call("1002") == 486, "it does not ring any more")
        c.extra = ""
        c.begin_call("1002", name + tags[1] + "\r\n")
        c.finish_call()
        let_go(a)
        offered_again(b)
        c.talks_with(b)
        c.hang_up(b)
        record = records(server)[0]
        check_transfer(record, "taken", "1001", "1003")
        nothing_left(server)


if __name__ == "__main__":
    main(blind_transfer_by_the_callee, blind_transfer_by_the_caller_after_a_hold,
         failed_transfer_leaves_the_call, transfer_by_keys, attended_transfer_by_keys, transfer_by_keys_in_info,
         attended_transfer,
         transferred_call_survives_its_b2b, ringing_call_is_picked_up,
         parked_call_is_fetched, parked_call_comes_back, calls_of_several_instances,
         phone_takes_the_place_of_another)
