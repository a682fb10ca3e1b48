#!/usr/bin/python3
"""Events of calls over HTTP: what there is, then each change, for those who may see it; and what happens when the teller dies."""

import json
import os
import queue
import socket
import subprocess
import threading
import time
import urllib.request

from calls import CALLEE_PORT, CALLER_PORT, register
from harness import TANDEM, Failed, expect, finish_sipp, main, running, sipp, wait_for
from permissions import As, make_tree, sign_in

NODES = os.environ.get("TANDEM_TEST_NODES", "one")


class Listener:
    """A stream of events, read by a thread."""

    def __init__(self, server, domain="demo.test", token=None, seen=None):
        request = urllib.request.Request(f"{server.url}/api/v1/domains/{domain}/events")
        request.add_header("Authorization", "Bearer " + (token or server.token()))
        request.add_header("Accept", "text/event-stream")
        if seen:
            request.add_header("Last-Event-ID", seen)
        self.last_id = None
        self.response = urllib.request.urlopen(request, timeout=60)
        expect(self.response.headers["Content-Type"] == "text/event-stream", f"{self.response.headers}")
        self.events = queue.Queue()
        self.ended = False
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        name = None
        try:
            for raw in self.response:
                line = raw.decode().rstrip("\n")
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    self.events.put((name, json.loads(line[6:])))
                elif line.startswith("id: "):
                    self.last_id = line[4:]
        except (OSError, ValueError):
            pass  # the server has ended
        self.ended = True

    def end(self):
        self.response.fp.raw._sock.shutdown(socket.SHUT_RDWR)  # pylint: disable=protected-access

    def next(self, timeout=10):
        try:
            return self.events.get(timeout=timeout)
        except queue.Empty:
            raise Failed("no event came") from None

    def until(self, name, timeout=10):
        """The names up to and with `name`, and its data."""
        names = []
        while True:
            got, data = self.next(timeout)
            names.append(got)
            if got == name:
                return names, data


def begin_call(server, caller="caller_waits"):
    callee = sipp("callee", server, keys={"user": "1002"}, port=CALLEE_PORT, background=True)
    time.sleep(0.3)
    return callee, sipp(caller, server, keys={"user": "1001", "callee": "1002"}, port=CALLER_PORT, background=True)


def answered(server):
    return wait_for(lambda: [each for each in server.api("GET", "/calls")["items"] if each["phase"] == "answered"],
                    "an answered call")[0]["id"]


def a_call_from_begin_to_end(folder):
    with running(folder, nodes=NODES) as server:
        register(server, "1002", CALLEE_PORT)
        listener = Listener(server)
        name, data = listener.next()
        expect(name == "state" and data == {"begins": True, "complete": True, "calls": []}, f"{name} {data}")
        phones = begin_call(server)
        names, data = listener.until("answered")
        expect([each for each in names if each != "changed"] == ["begun", "ringing", "answered"], f"{names}")
        call = data["call"]
        expect((call["caller"], call["callee"], call["phase"]) == ("1001", "1002", "answered"), f"{data}")
        expect(call["callee_account"] and data["at"], f"{data}")
        late = Listener(server)
        name, data = late.next()
        expect(name == "state" and [each["id"] for each in data["calls"]] == [call["id"]], f"{data}")
        server.api("DELETE", "/calls/" + call["id"])
        for each in (listener, late):
            _, data = each.until("ended")
            expect(data["call"]["id"] == call["id"] and data["call"]["end_reason"], f"{data}")
        for each in phones:
            finish_sipp(each)


def a_stream_goes_on_where_it_broke(folder):
    """Last-Event-ID: what came meanwhile is told, in its order; where it is not known, a gap is."""
    with running(folder, nodes=NODES) as server:
        register(server, "1002", CALLEE_PORT)
        first = Listener(server)
        expect(first.next()[0] == "state", "at first")
        wait_for(lambda: first.last_id, "a state has an id")
        seen = first.last_id
        first.end()
        phones = begin_call(server)
        call = answered(server)
        again = Listener(server, seen=seen)
        names, data = again.until("answered")
        expect([each for each in names if each != "changed"] == ["begun", "ringing", "answered"], f"no state again: {names}")
        expect(data["call"]["id"] == call, f"{data}")
        server.api("DELETE", "/calls/" + call)
        again.until("ended")
        for each in phones:
            finish_sipp(each)
        for odd in ("what is this", seen[:16] + "-99999999", "0123456789abcdef-1"):
            stranger = Listener(server, seen=odd)
            name, data = stranger.next()
            expect((name, data) == ("gap", {"after": odd}), f"{name} {data}")
            name, data = stranger.next()
            expect(name == "state" and data["begins"], f"{name} {data}")


def a_held_call(folder):
    with running(folder, nodes=NODES) as server:
        register(server, "1002", CALLEE_PORT)
        listener = Listener(server)
        callee = sipp("callee_held", server, keys={"user": "1002"}, port=CALLEE_PORT, background=True)
        time.sleep(0.3)
        sipp("caller_holds", server, keys={"user": "1001", "callee": "1002"}, port=CALLER_PORT)
        finish_sipp(callee)
        names, _ = listener.until("ended")
        kept = [each for each in names if each in ("answered", "held", "resumed", "ended")]
        expect(kept == ["answered", "held", "resumed", "ended"], f"{names}")


def who_may_listen(folder):
    with running(folder, nodes=NODES) as server:
        operator, _ = make_tree(server)
        boss = sign_in(server, "a.test", "boss")
        listener = Listener(server, "a.test", boss.bearer)
        expect(listener.next()[0] == "state", "his own domain")
        for token, domain, status in ((boss.bearer, "demo.test", 404), (boss.bearer, "b.test", 404), ("wrong", "a.test", 401),
                                      (sign_in(server, "a.test", "nobody").bearer, "a.test", 403)):
            got, _ = As(server, token).call("get", f"/api/v1/domains/{domain}/events")
            expect(got == status, f"{domain}: {got}, expected {status}")
        got, _ = operator.call("post", "/api/v1/domains/a.test/events")
        expect(got == 405, f"{got}")
        boss.must(204, "delete", "/session")
        wait_for(lambda: listener.ended, "the stream ends with the session", 15)


def the_command_line_follows(folder):
    with running(folder, nodes=NODES) as server:
        register(server, "1002", CALLEE_PORT)
        following = subprocess.Popen([TANDEM, "calls", "demo.test", "--follow"], stdout=subprocess.PIPE, text=True,
                                     env={**os.environ, "TANDEM_DATA": server.data, "TANDEM_URL": server.url})
        try:
            time.sleep(1)
            phones = begin_call(server)
            server.api("DELETE", "/calls/" + answered(server))
            for each in phones:
                finish_sipp(each)
            time.sleep(1)
        finally:
            following.terminate()
        shown = following.stdout.read()
        for name in ("begun", "ringing", "answered", "ended"):
            expect(f"  {name} " in shown, f"{name} in:\n{shown}")
        expect("1001 > 1002" in shown, shown)


def the_teller_dies(folder):
    """Another node's CS: the stream goes on with a new state when it is back."""
    with running(folder, nodes="split") as server:
        register(server, "1002", CALLEE_PORT)
        listener = Listener(server)
        expect(listener.next()[0] == "state", "at first")
        phones = begin_call(server)
        listener.until("answered")
        nodes = [node["node"] for node in server.api("GET", "/status")["nodes"]
                 if any(each["role"] == "CS" for each in node["instances"])]
        expect(len(nodes) == 1, f"CS on one node: {nodes}")
        os.kill(server.pid_of(nodes[0]), 9)
        names, data = listener.until("state", 20)
        expect(data["begins"] and names[-2:] == ["gap", "state"], f"{names} {data}")
        while not data["complete"]:
            _, data = listener.until("state", 20)
        call = answered(server)
        expect([each["id"] for each in data["calls"]] == [call], f"what there is: {data}")
        server.api("DELETE", "/calls/" + call)
        listener.until("ended")
        for each in phones:
            finish_sipp(each)


if __name__ == "__main__":
    main(a_call_from_begin_to_end, a_stream_goes_on_where_it_broke, a_held_call, who_may_listen,
         the_command_line_follows, the_teller_dies)
