#!/usr/bin/python3
"""Lamps: SUBSCRIBE and NOTIFY (RFC 6665) of dialogs (RFC 4235), presence (RFC 3863), mailboxes (RFC 3842) and
registrations (RFC 3680), and PUBLISH (RFC 3903); refreshed, ended, refused, and kept over a restart of the server and the
death of CS."""

import os
import re
import signal
import time

from calling_phone import CallingPhone, header
from calls import CALLEE_PORT, CALLER_PORT
from harness import Failed, expect, main, running, wait_for

NODES = os.environ.get("TANDEM_TEST_NODES", "one")
WATCHER_PORT = 5064


class three_phones:  # pylint: disable=invalid-name
    """A caller 1001, a registered callee 1002, and 1003 that watches."""

    def __init__(self, folder, nodes=NODES):
        self.server = running(folder, accounts=("1001", "1002", "1003"), nodes=nodes)

    def __enter__(self):
        server = self.server.__enter__()
        self.phones = [CallingPhone(server, user, port).__enter__()
                       for user, port in (("1001", CALLER_PORT), ("1002", CALLEE_PORT), ("1003", WATCHER_PORT))]
        self.phones[1].register()
        return (server, *self.phones)

    def __exit__(self, *exception):
        for phone in self.phones:
            phone.__exit__()
        self.server.__exit__(*exception)


def subscribe(phone, uri="sip:1002@demo.test", event="dialog", expires=600, lines=""):
    """The answer; the dialog of a 200 is kept."""
    answer = phone.ask("SUBSCRIBE", uri, f"Event: {event}\r\nExpires: {expires}\r\n{lines}")
    if answer.startswith("SIP/2.0 200"):
        phone.dialog["to"] = header(answer, "To")
        phone.dialog["target"] = phone.target_of(answer)
    return answer


def notified(phone, status="200 OK", timeout=5.0):
    """The next NOTIFY, answered."""
    notify = phone.wait_request("NOTIFY", timeout)
    phone.respond(notify, status)
    return notify


def states(notify):
    return re.findall(r"<state>(\w+)</state>", notify)


def version(notify):
    return int(re.search(r'version="(\d+)"', notify).group(1))


def notified_after(phone, earlier, timeout=5.0):
    """The next NOTIFY that is newer than `earlier`: what was sent before its 200 was handled comes again."""
    end = time.monotonic() + timeout
    while True:
        notify = notified(phone, timeout=max(0.1, end - time.monotonic()))
        if version(notify) > version(earlier):
            return notify


def until(phone, wanted, timeout=5.0):
    """NOTIFYs up to one with the states `wanted`."""
    end = time.monotonic() + timeout
    seen = []
    while time.monotonic() < end:
        notify = notified(phone, timeout=max(0.1, end - time.monotonic()))
        seen.append(states(notify))
        if seen[-1] == wanted:
            return notify
    raise Failed(f"{wanted} was not told: {seen}")


def a_lamp_follows_a_call(folder):
    with three_phones(folder) as (_, caller, callee, watcher):
        answer = subscribe(watcher)
        expect(answer.startswith("SIP/2.0 200"), answer)
        expect(header(answer, "Expires") == "600" and header(answer, "Contact"), answer)
        first = notified(watcher)
        expect(header(first, "Event") == "dialog", first)
        expect(re.match(r"active;expires=\d+", header(first, "Subscription-State")), first)
        expect(header(first, "Content-Type") == "application/dialog-info+xml", first)
        expect('state="full"' in first and 'entity="sip:1002@demo.test"' in first, first)
        expect(states(first) == ["terminated"], f"nothing goes on: {first}")
        caller.begin_call("1002")
        invite = callee.wait_request("INVITE")
        callee.learn_media(invite)
        callee.respond(invite, "180 Ringing")
        ringing = until(watcher, ["early"])
        expect('direction="recipient"' in ringing and "sip:1001@demo.test" in ringing, ringing)
        expect(version(ringing) > version(first), "versions rise")
        to = callee.respond(invite, "200 OK", "", callee.sdp())
        callee.dialog = {"call": header(invite, "Call-ID"), "cseq": 0, "from": to, "to": header(invite, "From"),
                         "target": callee.target_of(invite)}
        caller.finish_call()
        callee.wait_request("ACK")
        talking = until(watcher, ["confirmed"])
        expect(version(talking) > version(ringing), "versions rise")
        caller.hang_up(callee)
        until(watcher, ["terminated"])


def both_sides_of_a_call(folder):
    with three_phones(folder) as (_, caller, callee, watcher):
        expect(subscribe(watcher, "sip:1001@demo.test").startswith("SIP/2.0 200"), "to the caller")
        notified(watcher)
        caller.call("1002", callee)
        talking = until(watcher, ["confirmed"])
        expect('direction="initiator"' in talking and "sip:1002@demo.test" in talking, talking)
        caller.hang_up(callee)
        until(watcher, ["terminated"])


def refreshed_and_ended(folder):
    with three_phones(folder) as (server, _caller, _callee, watcher):
        expect(subscribe(watcher).startswith("SIP/2.0 200"), "begun")
        first = notified(watcher)
        again = watcher.in_dialog("SUBSCRIBE", "Event: dialog\r\nExpires: 900\r\n")
        answer = watcher.wait_response(again)
        expect(answer.startswith("SIP/2.0 200") and header(answer, "Expires") == "900", answer)
        full = notified_after(watcher, first)
        expect('state="full"' in full, "all again at a refresh")
        over = watcher.in_dialog("SUBSCRIBE", "Event: dialog\r\nExpires: 0\r\n")
        expect(watcher.wait_response(over).startswith("SIP/2.0 200"), "ended")
        last = notified(watcher)
        expect(header(last, "Subscription-State").startswith("terminated"), last)
        late = watcher.in_dialog("SUBSCRIBE", "Event: dialog\r\nExpires: 600\r\n")
        expect(watcher.wait_response(late).startswith("SIP/2.0 481"), "it is over")
        figures = [each["figures"]["subscriptions"] for node in server.api("GET", "/status")["nodes"]
                   for each in node["instances"] if "subscriptions" in each["figures"]]
        expect(figures == [0], f"nothing is left: {figures}")


def a_look_without_a_subscription(folder):
    with three_phones(folder) as (_, _caller, _callee, watcher):
        answer = subscribe(watcher, expires=0)
        expect(answer.startswith("SIP/2.0 200") and header(answer, "Expires") == "0", answer)
        expect(header(notified(watcher), "Subscription-State").startswith("terminated"), "one NOTIFY")


def what_is_refused(folder):
    with three_phones(folder) as (server, _caller, _callee, watcher):
        for status, options in ((403, {"event": "message-summary"}), (403, {"event": "reg"}), (489, {"event": "unheard-of"}),
                                (404, {"uri": "sip:4711@demo.test"}), (423, {"expires": 5}),
                                (406, {"lines": "Accept: application/odd\r\n"})):
            answer = subscribe(watcher, **options)
            expect(answer.startswith(f"SIP/2.0 {status}"), f"{options}: {answer.splitlines()[0]}")
            if status == 489:
                expect(header(answer, "Allow-Events") == "dialog, presence, message-summary, reg", answer)
            if status == 423:
                expect(header(answer, "Min-Expires") == "60", answer)
        server.api("POST", "/domains", {"name": "other.test"})
        server.api("POST", "/domains/other.test/accounts", {"login": "1002", "number": "1002", "password": "x"})
        answer = subscribe(watcher, "sip:1002@other.test")
        expect(answer[8:11] in ("403", "404"), f"of another domain: {answer.splitlines()[0]}")
        stranger = watcher.request("SUBSCRIBE", "sip:1002@demo.test", "Event: dialog\r\n")
        watcher.send(stranger)
        expect(watcher.wait_response(stranger).startswith("SIP/2.0 407"), "who asks is proved")
        forged = watcher.request("SUBSCRIBE", "sip:1002@demo.test",
                                 "Event: dialog\r\nP-Asserted-Identity: <sip:a.b@inside.invalid>\r\n")
        watcher.send(forged)
        expect(watcher.wait_response(forged).startswith("SIP/2.0 407"), "whatever it says itself")


def a_phone_that_has_forgotten(folder):
    """RFC 6665 4.2.2: 481 to a NOTIFY ends it."""
    with three_phones(folder) as (_, caller, callee, watcher):
        expect(subscribe(watcher).startswith("SIP/2.0 200"), "begun")
        notified(watcher, "481 Subscription Does Not Exist")
        time.sleep(0.5)
        caller.call("1002", callee)
        try:
            notify = watcher.wait_request("NOTIFY", 1.5)
        except Failed:
            notify = None
        expect(notify is None, f"it is told nothing more: {notify}")
        caller.hang_up(callee)


def presence_of_phones_and_calls(folder):
    with three_phones(folder) as (_, caller, callee, watcher):
        expect(subscribe(watcher, event="presence").startswith("SIP/2.0 200"), "begun")
        first = notified(watcher)
        expect(header(first, "Content-Type") == "application/pidf+xml" and "<basic>open</basic>" in first, first)
        caller.call("1002", callee)
        busy = notified(watcher)
        while "on-the-phone" not in busy:
            busy = notified(watcher)
        caller.hang_up(callee)
        free = notified(watcher)
        while "on-the-phone" in free:
            free = notified(watcher)
        callee.register(lines="Expires: 0\r\n")
        gone = notified(watcher, timeout=15)
        expect("<basic>closed</basic>" in gone, gone)


def told_with(phone, wanted, timeout=5.0):
    """NOTIFYs up to one that has all of `wanted`."""
    end = time.monotonic() + timeout
    while True:
        notify = notified(phone, timeout=max(0.1, end - time.monotonic()))
        if all(each in notify for each in ([wanted] if isinstance(wanted, str) else wanted)):
            return notify


def messages_that_wait(folder):
    with three_phones(folder) as (_, caller, _callee, watcher):
        expect(subscribe(watcher, "sip:1003@demo.test", "message-summary").startswith("SIP/2.0 200"), "one's own mailbox")
        first = notified(watcher)
        expect(header(first, "Content-Type") == "application/simple-message-summary", first)
        expect("Messages-Waiting: no" in first and "Voice-Message: 0/0" in first, first)
        sent = caller.ask("MESSAGE", "sip:1003@demo.test", body="hello", kind="text/plain")
        expect(sent.startswith("SIP/2.0 202"), f"nobody is registered: {sent}")
        told_with(watcher, ["Messages-Waiting: yes", "Text-Message: 1/0"], 3)
        watcher.register()
        watcher.respond(watcher.wait_request("MESSAGE"), "200 OK")
        told_with(watcher, ["Messages-Waiting: no", "Text-Message: 0/0"], 3)


def registrations_of_ones_own(folder):
    with three_phones(folder) as (server, _caller, callee, _watcher):
        expect(subscribe(callee, event="reg").startswith("SIP/2.0 200"), "one's own")
        first = notified(callee)
        expect(header(first, "Content-Type") == "application/reginfo+xml" and 'aor="sip:1002@demo.test"' in first, first)
        contact = callee.contact()[1:-1]
        expect(f"<uri>{contact}</uri>" in first and 'event="registered"' in first, first)
        callee.register(lines="Expires: 0\r\n")
        told_with(callee, ['event="unregistered"', '" state="terminated">'], 3)
        callee.register()
        told_with(callee, ['event="registered"'], 3)
        server.api("DELETE", "/domains/demo.test/bindings/1002")
        told_with(callee, ['event="deactivated"'], 3)


def pidf(basic="open", inside=""):
    return ('<?xml version="1.0" encoding="UTF-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf" '
            'xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" '
            f'entity="sip:1002@demo.test"><tuple id="a"><status><basic>{basic}</basic></status></tuple>{inside}</presence>')


def publish(phone, body="", lines="", user="1002", event="presence", kind="application/pidf+xml"):
    return phone.ask("PUBLISH", f"sip:{user}@demo.test", f"Event: {event}\r\n{lines}", body, kind)


def published_and_shown(folder):
    """RFC 3903: shown with what the site knows itself, changed, kept over a restart, taken back."""
    with three_phones(folder, "one") as (server, _caller, callee, watcher):
        expect(subscribe(watcher, event="presence").startswith("SIP/2.0 200"), "begun")
        notified(watcher)
        away = '<dm:person id="p"><rpid:activities><rpid:away/></rpid:activities><dm:note>at lunch</dm:note></dm:person>'
        answer = publish(callee, pidf(inside=away), "Expires: 900\r\n")
        expect(answer.startswith("SIP/2.0 200") and header(answer, "Expires") == "900", answer)
        told_with(watcher, ["<rpid:away/>", "<note>at lunch</note>", "<basic>open</basic>"])
        first = header(answer, "SIP-ETag")
        answer = publish(callee, lines=f"SIP-If-Match: {first}\r\n")
        expect(answer.startswith("SIP/2.0 200") and header(answer, "SIP-ETag") != first, answer)
        expect(publish(callee, lines=f"SIP-If-Match: {first}\r\n").startswith("SIP/2.0 412"), "a tag of before")
        server.stop()
        server.start()
        told_with(watcher, "<rpid:away/>", 15)
        answer = publish(callee, pidf("closed"), f"SIP-If-Match: {header(answer, 'SIP-ETag')}\r\n")
        expect(answer.startswith("SIP/2.0 200"), f"it goes on after the restart: {answer}")
        changed = told_with(watcher, "<basic>closed</basic>")
        expect("away" not in changed and "<basic>open</basic>" not in changed, changed)
        answer = publish(callee, lines=f"SIP-If-Match: {header(answer, 'SIP-ETag')}\r\nExpires: 0\r\n")
        expect(answer.startswith("SIP/2.0 200"), answer)
        told_with(watcher, "<basic>open</basic>")


def publications_that_are_refused(folder):
    with three_phones(folder) as (_, caller, callee, _watcher):
        for status, options in ((403, {"user": "1001"}), (489, {"event": "dialog"}), (423, {"lines": "Expires: 5\r\n"}),
                                (412, {"lines": "SIP-If-Match: unheard-of\r\n"}), (415, {"kind": "text/plain"}),
                                (413, {"body": pidf(inside="<!--" + "x" * 20000 + "-->")}), (400, {"body": ""}),
                                (400, {"body": "<presence>"}), (400, {"body": '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'})):
            answer = publish(callee, **{"body": pidf(), **options})
            expect(answer.startswith(f"SIP/2.0 {status}"), f"{options}: {answer.splitlines()[0]}")
            if options.get("body") == "<presence>":
                expect("399 demo.test" in header(answer, "Warning"), answer)
            if status == 489:
                expect(header(answer, "Allow-Events") == "presence", answer)
        stranger = caller.request("PUBLISH", "sip:1001@demo.test", "Event: presence\r\n", pidf(), "application/pidf+xml")
        caller.send(stranger)
        expect(caller.wait_response(stranger).startswith("SIP/2.0 407"), "who publishes is proved")


def a_burst_of_publications_is_bounded(folder):
    """What is on its way into the store counts, too."""
    with three_phones(folder) as (_, _caller, callee, _watcher):
        uri, lines, asked = "sip:1002@demo.test", "Event: presence\r\nExpires: 600\r\n", []
        for i in range(15):
            dialog = {"call": f"burst-{i}@1002", "cseq": 0, "from": f"<{uri}>;tag=b{i}", "to": f"<{uri}>"}
            first = callee.request("PUBLISH", uri, lines, pidf(), "application/pidf+xml", dialog)
            callee.send(first)
            proof = callee.credentials(callee.wait_response(first), "PUBLISH", uri)
            asked.append(callee.request("PUBLISH", uri, lines + proof, pidf(), "application/pidf+xml", dialog))
        for request in asked:
            callee.send(request)
        answers = sorted(callee.wait_response(request)[8:11] for request in asked)
        expect(answers == ["200"] * 10 + ["503"] * 5, f"{answers}")


def kept_over_a_restart(folder):
    with three_phones(folder, "one") as (server, caller, callee, watcher):
        expect(subscribe(watcher).startswith("SIP/2.0 200"), "begun")
        first = notified(watcher)
        server.stop()
        server.start()
        again = notified_after(watcher, first, 15)
        expect(states(again) == ["terminated"], f"all again: {again}")
        callee.register()
        caller.call("1002", callee)
        until(watcher, ["confirmed"])
        caller.hang_up(callee)
        until(watcher, ["terminated"])
        watcher.dialog["target"] = watcher.target_of(again)
        refresh = watcher.in_dialog("SUBSCRIBE", "Event: dialog\r\nExpires: 600\r\n")
        expect(watcher.wait_response(refresh).startswith("SIP/2.0 200"), "the dialog goes on")


def node_of(server, role):
    return [node["node"] for node in server.api("GET", "/status")["nodes"]
            if any(each["role"] == role for each in node["instances"])][0]


def kept_when_cs_dies(folder):
    """During a call: after the switch the lamp still tells the truth."""
    with three_phones(folder, "split") as (server, caller, callee, watcher):
        expect(subscribe(watcher).startswith("SIP/2.0 200"), "begun")
        notified(watcher)
        caller.call("1002", callee)
        talking = until(watcher, ["confirmed"])
        os.kill(server.pid_of(node_of(server, "CS")), signal.SIGKILL)
        again = notified_after(watcher, talking, 20)
        expect(states(again) == ["confirmed"], f"all again: {again}")
        caller.hang_up(callee)
        until(watcher, ["terminated"])


def forget(phone):
    """What came for calls that are over."""
    phone.pending.clear()
    phone.socket.setblocking(False)
    try:
        while True:
            phone.socket.recv(65536)
    except BlockingIOError:
        pass
    phone.socket.setblocking(True)


def all_calls_end(server, phones):
    """By command, as phones whose B2B has died may not know what became of theirs."""
    def none_is_left():
        try:
            calls = server.api("GET", "/calls")["items"]
            for each in calls:
                server.api("DELETE", "/calls/" + each["id"])
        except Failed:  # who knows of them is away, or it has ended by itself
            return False
        for phone in phones:
            for bye in [message for message in phone.pending if message.startswith("BYE ")]:
                phone.pending.remove(bye)
                phone.respond(bye, "200 OK")
        return not calls
    wait_for(none_is_left, "all calls end", 45, 0.3)


def serving_again(server):
    server.wait_healthy()
    wait_for(lambda: all(node["instances"] for node in server.api("GET", "/status")["nodes"]), "all roles are there", 30)


def lamps_never_stick(folder):
    """Calls at any stage while CS and B2B are killed: when no call is left, no lamp is lit."""
    with three_phones(folder, "split") as (server, caller, callee, watcher):
        expect(subscribe(watcher).startswith("SIP/2.0 200"), "begun")
        last = notified(watcher)
        for victims, is_answered in ((("B2B",), False), (("CS", "B2B"), True), (("B2B", "CS"), True)):
            caller.begin_call("1002")
            if is_answered:
                callee.take()
                caller.finish_call()
            else:
                callee.respond(callee.wait_request("INVITE"), "180 Ringing")
            last = until(watcher, ["confirmed" if is_answered else "early"], 20)
            for role in victims:
                os.kill(server.pid_of(node_of(server, role)), signal.SIGKILL)
                serving_again(server)
            all_calls_end(server, (caller, callee))
            last = until(watcher, ["terminated"], 45)
            for phone in (caller, callee):
                forget(phone)
        time.sleep(0.5)
        late = [each for each in watcher.pending if each.startswith("NOTIFY") and version(each) > version(last)]
        expect(all(states(each) == ["terminated"] for each in late), f"nor later: {late}")


if __name__ == "__main__":
    main(a_lamp_follows_a_call, both_sides_of_a_call, refreshed_and_ended, a_look_without_a_subscription, what_is_refused,
         a_phone_that_has_forgotten, presence_of_phones_and_calls, messages_that_wait, registrations_of_ones_own,
         published_and_shown, publications_that_are_refused,
         a_burst_of_publications_is_bounded, kept_over_a_restart, kept_when_cs_dies, lamps_never_stick)
