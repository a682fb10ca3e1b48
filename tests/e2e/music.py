#!/usr/bin/python3
"""Music for those who wait: what a held party hears, packet by packet."""

import base64
import bisect
import ctypes
import math
import os
import re
import struct
import subprocess
import time

import tone
from calling_phone import CallingPhone, RegisteredPhones, header
from calls import nothing_left, records
from harness import TANDEM, Failed, expect, main, running, wait_for
from sound import SoundPhone
from transfer import NODES, hold


def sample_of(code):
    """ITU-T G.711, A-law."""
    bits = code ^ 0x55
    segment, magnitude = bits >> 4 & 7, (bits & 15) * 16 + 8
    if segment:
        magnitude = magnitude + 256 << segment - 1
    return magnitude if bits & 0x80 else -magnitude


SAMPLES = [sample_of(code) for code in range(256)]


OPUS = 96


def loudness_of(samples):
    return math.sqrt(sum(value * value for value in samples) / len(samples)) if samples else 0.0


class OpusSound:
    """Packets as samples, by the library that everybody has."""

    def __init__(self):
        self.library = ctypes.CDLL("libopus.so.0")
        self.library.opus_decoder_create.restype = ctypes.c_void_p
        self.decoder = ctypes.c_void_p(self.library.opus_decoder_create(8000, 1, None))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.library.opus_decoder_destroy(self.decoder)

    def samples(self, payload):
        out = (ctypes.c_int16 * 960)()
        count = self.library.opus_decode(self.decoder, payload, len(payload), out, 960, 0)
        expect(count == 160, f"20 ms of Opus: {count}")
        return list(out[:count])


class Heard:
    """What comes to a phone's media socket in `seconds`."""

    def __init__(self, phone, seconds, payload_type=8, ticks=160):
        self.packets, self.times = [], []
        self.ticks = ticks
        end = time.monotonic() + seconds
        phone.media.settimeout(0.05)
        while time.monotonic() < end:
            try:
                packet = phone.media.recv(2048)
            except TimeoutError:
                continue
            if packet[1] & 0x7f == payload_type:
                self.packets.append(packet)
                self.times.append(time.monotonic())

    @property
    def headers(self):
        return [struct.unpack("!HII", packet[2:12]) for packet in self.packets]

    @property
    def samples(self):
        return [SAMPLES[code] for packet in self.packets for code in packet[12:]]

    @property
    def loudness(self):
        return loudness_of(self.samples)

    def check_stream(self, seconds):
        """One source, in order, 20 ms a packet."""
        rate = len(self.packets) / seconds
        expect(40 <= rate <= 55, f"{rate} packets a second instead of 50")
        expect(len({ssrc for _, _, ssrc in self.headers}) == 1, "one source")
        for (sequence, stamp, _), (after, later, _) in zip(self.headers, self.headers[1:]):
            expect(after == (sequence + 1 & 0xffff), f"{after} follows {sequence}")
            expect(later - stamp & 0xffffffff == self.ticks, f"timestamp {later} follows {stamp}")


class Phones(RegisteredPhones):
    def __init__(self, server, *users):
        super().__init__([CallingPhone(server, user, 5200 + 10 * i) for i, user in enumerate(users)])


def resume(phone, other):
    request = phone.in_dialog("INVITE", body=phone.sdp() + "a=sendrecv\r\n")
    other.respond(other.wait_request("INVITE"), "200 OK", body=other.sdp())
    expect(phone.wait_response(request).startswith("SIP/2.0 200"), "the call is taken up again")
    phone.dialog["ack"] = phone.dialog["cseq"]
    phone.send(phone.request("ACK", "", dialog=phone.dialog))
    other.wait_request("ACK")


def hear_nothing_old(phone):
    Heard(phone, 0.1)


def the_held_party_hears_music_until_the_call_goes_on(folder):
    with running(folder, nodes=NODES) as server, Phones(server, "1001", "1002") as (a, b):
        a.call("1002", b)
        a.talks_with(b)
        hear_nothing_old(b)
        expect(not Heard(b, 0.3).packets, "who talks hears nobody but the other")
        hold(a, b)
        heard = Heard(b, 2.0)
        heard.check_stream(2.0)
        expect(300 < heard.loudness < 6000, f"as loud as {heard.loudness}")
        expect(not Heard(a, 0.2).packets, "who holds hears nothing of it")
        resume(a, b)
        hear_nothing_old(b)
        expect(not Heard(b, 0.3).packets, "the music has ended")
        a.talks_with(b)
        # The other one holds, too, and once more the first: the same source goes on.
        hold(b, a)
        Heard(a, 0.5).check_stream(0.5)
        resume(b, a)
        hold(a, b)
        again = Heard(b, 0.5)
        again.check_stream(0.5)
        expect(again.headers[0][2] == heard.headers[0][2], "the same source")
        a.hang_up(b)


def who_talks_by_opus_hears_it_by_opus(folder):
    with running(folder, nodes=NODES) as server, Phones(server, "1001", "1002") as (a, b), OpusSound() as opus:
        for phone in (a, b):
            usual = phone.sdp()
            phone.sdp = lambda usual=usual: (usual.replace("RTP/AVP 8", f"RTP/AVP {OPUS}")
                                             .replace("8 PCMA/8000", f"{OPUS} opus/48000/2"))
        a.call("1002", b)
        hold(a, b)
        heard = Heard(b, 2.0, OPUS, 960)
        heard.check_stream(2.0)
        loudness = loudness_of([value for packet in heard.packets for value in opus.samples(packet[12:])])
        expect(300 < loudness < 6000, f"as loud as {loudness}")
        a.hang_up(b)


def tandem(server, *args):
    return subprocess.run([TANDEM, *args], capture_output=True, text=True, timeout=20, check=False,
                          env={**os.environ, "TANDEM_DATA": server.data, "TANDEM_URL": server.url})


def made(done):
    expect(done.returncode == 0, f"{done.args} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done


def a_domains_own_file_is_heard(folder):
    with running(folder, nodes=NODES) as server, Phones(server, "1001", "1002") as (a, b):
        made(tandem(server, "music", "add", "demo.test", "hum", "--file",
                    tone.write(os.path.join(folder, "hum.wav"), 440, seconds=2)))
        made(tandem(server, "domain", "set", "demo.test", "--settings.music", "hum"))
        listed = server.api("GET", "/domains/demo.test/music")["items"]
        expect([(each["name"], each["length_ms"]) for each in listed] == [("hum", 2000)], f"{listed}")
        a.call("1002", b)
        hold(a, b)
        heard = Heard(b, 1.0)
        heard.check_stream(1.0)
        share = tone.power(heard.samples, 440, 8000)
        expect(share > 0.95, f"the tone has {share} of the power")
        a.hang_up(b)
        # Switched off, the held party hears nothing.
        server.api("PATCH", "/domains/demo.test", {"settings": {"music_on_hold": False}})
        a.call("1002", b)
        hold(a, b)
        hear_nothing_old(b)
        expect(not Heard(b, 0.5).packets, "the domain wants no music")
        a.hang_up(b)
        used = tandem(server, "music", "remove", "demo.test", "hum")
        expect(used.returncode != 0 and "settings.music" in used.stdout + used.stderr, f"{used}")


def files_that_are_no_music_are_refused(folder):
    with running(folder, nodes=NODES, accounts=()) as server:
        server.api("POST", "/domains", {"name": "demo.test"})

        def refused(name, data):
            path = os.path.join(folder, name)
            with open(path, "wb") as file:
                file.write(data)
            done = tandem(server, "music", "add", "demo.test", "bad", "--file", path)
            expect(done.returncode != 0, f"{name} was taken")
            return done.stdout + done.stderr

        def wave_of(channels, rate, samples):
            body = bytes(2 * samples * channels)
            return (b"RIFF" + struct.pack("<I", 36 + len(body)) + b"WAVEfmt " +
                    struct.pack("<IHHIIHH", 16, 1, channels, rate, 2 * rate * channels, 2 * channels, 16) +
                    b"data" + struct.pack("<I", len(body)) + body)
        for name, data, why in (("text", b"no music", "no WAV file"), ("stereo", wave_of(2, 8000, 8000), "2 channels"),
                                ("cd", wave_of(1, 44100, 44100), "44100 samples"),
                                ("short", wave_of(1, 8000, 10), "shorter than"),
                                ("long", wave_of(1, 8000, 30 * 8000), "194560")):
            text = refused(name, data)
            expect("file" in text and why in text, f"{name}: {text}")
        problem = server.api("POST", "/domains/demo.test/music",
                             {"name": "bad", "file": base64.b64encode(wave_of(2, 8000, 8000)).decode()}, expected=422)
        expect(problem["field"] == "file" and "2 channels" in problem["detail"], f"{problem}")
        for seconds in (13, 20, 30):  # what is told is the file, not its base64, however long
            long = wave_of(1, 8000, seconds * 8000)
            problem = server.api("POST", "/domains/demo.test/music",
                                 {"name": "bad", "file": base64.b64encode(long).decode()}, expected=422)
            told = re.search(r"at most 194560 bytes .* 12 s of 16 bits .* it has (some )?(\d+)", problem["detail"])
            expect(problem["field"] == "file" and told and abs(int(told.group(2)) - len(long)) < 100, f"{problem}")
        problem = server.api("POST", "/domains/demo.test/music", {"name": "bad"}, expected=422)
        expect(problem["field"] == "file", f"{problem}")
        problem = server.api("PATCH", "/domains/demo.test", {"settings": {"music": "0" * 31 + "1"}}, expected=422)
        expect(problem["field"] == "settings.music", f"{problem}")


def music_goes_on_after_a_crash(folder):
    with running(folder, nodes=NODES) as server, Phones(server, "1001", "1002") as (a, b):
        a.call("1002", b)
        hold(a, b)
        Heard(b, 0.5).check_stream(0.5)
        time.sleep(0.5)  # the hold is in the store
        server.kill_nodes()
        hear_nothing_old(b)
        began = time.monotonic()
        wait_for(lambda: Heard(b, 0.2).packets, "music after the crash", 15)
        gap = time.monotonic() - began
        expect(gap < 10, f"{gap} s without music")
        # Both phones are asked whether they are still there; who listens goes on listening.
        heard = Heard(b, 0.5)
        heard.check_stream(0.5)


CODES = {sample: code for code, sample in enumerate(SAMPLES)}
STEPS = sorted(CODES)
TONES = (450, 700, 1000)  # whole periods in a packet: one that is missing does not turn the phase


def frame_of(frequency, number):
    """20 ms of a tone, in A-law."""
    wanted = (6000 * math.sin(2 * math.pi * frequency * (160 * number + i) / 8000) for i in range(160))
    return bytes(CODES[STEPS[min(bisect.bisect_left(STEPS, value), len(STEPS) - 1)]] for value in wanted)


FRAMES = {tone_: [frame_of(tone_, number) for number in range(50)] for tone_ in TONES}


def talk(phones, seconds=1.0):
    """Each speaks with a tone of its own; the shares of all tones in what each hears, in percent."""
    heard = [[] for _ in phones]
    for phone in phones:
        phone.media.setblocking(False)
    due = time.monotonic()
    for number in range(int(50 * seconds)):
        for phone, tone_ in zip(phones, TONES):
            phone.media.sendto(phone.rtp(number) + FRAMES[tone_][number % 50], phone.media_target)
        due += 0.02
        time.sleep(max(0.0, due - time.monotonic()))
        for phone, packets in zip(phones, heard):
            while True:
                try:
                    packets.append(phone.media.recv(2048))
                except BlockingIOError:
                    break
    shares = []
    for packets in heard:
        samples = [SAMPLES[code] for packet in packets[15:] if packet[1] & 0x7f == 8 for code in packet[12:]]
        shares.append([round(100 * tone.power(samples, tone_, 8000)) for tone_ in TONES])
    return shares


def check_shares(shares, wanted):
    """`wanted`: whom each hears, as indexes."""
    for heard, voices in zip(shares, wanted):
        for index, share in enumerate(heard):
            least = 60 / len(voices) if voices else 0
            fits = share > least if index in voices else share < 8
            expect(fits, f"who hears whom is {shares}, not {wanted}")


def supervisors_listen_whisper_and_barge(folder):
    with running(folder, nodes=NODES, accounts=("1001", "1002", "1003")) as server, \
            Phones(server, "1001", "1002", "1003") as (a, b, c):
        boss = server.api("GET", "/domains/demo.test/accounts/1003")["id"]
        for prefix, action in (("*30", "listen"), ("*31", "whisper"), ("*32", "barge")):
            server.api("POST", "/domains/demo.test/feature-codes",
                       {"name": action, "prefix": prefix, "action": action, "allowed": [boss]})
        expect(c.try_call("*301002") == 480, "nobody talks")
        a.call("1002", b)
        a.talks_with(b)
        for code, wanted in (("*301002", ((1,), (0,), (0, 1))), ("*311002", ((1,), (0, 2), (0, 1))),
                             ("*321002", ((1, 2), (0, 2), (0, 1)))):
            c.begin_call(code)
            c.finish_call()
            check_shares(talk((a, b, c)), wanted)
            expect(c.wait_response(c.in_dialog("BYE")).startswith("SIP/2.0 200"), "the supervisor leaves")
            check_shares(talk((a, b)), ((1,), (0,)))
        # Others may not, and the call's end is the supervisor's as well.
        expect(b.try_call("*301001") == 403, "for others")
        a.hang_up(b)


def a_page_is_heard_by_all_and_its_caller_hears_nobody(folder):
    accounts = ("1001", "1002", "1003", "1004")
    with running(folder, nodes=NODES, accounts=accounts) as server, \
            Phones(server, "1001", "1002", "1003", "1004") as (a, b, c, d):
        domain = "/domains/demo.test"
        made(tandem(server, "ring-group", "add", "demo.test", "floor", "--number", "300", "--members",
                    "1001,1002,1003,1004"))
        made(tandem(server, "feature-code", "add", "demo.test", "page", "--prefix", "*63", "--action", "page"))
        expect(a.try_call("*63") == 484 and a.try_call("*63301") == 404, "no such group")
        server.api("PATCH", domain + "/accounts/1004/services", {"do_not_disturb": True})
        a.begin_call("*63300")
        for phone in (b, c):
            phone.take()
            expect(header(phone.invite, "Answer-Mode") == "Auto", f"it is to answer by itself: {phone.invite}")
        a.finish_call()
        for phone in (b, c):
            phone.wait_request("ACK")
        check_shares(talk((a, b, c)), ((), (0,), (0,)))
        expect(not is_called(d), "who is not to be disturbed is not")
        calls = server.api("GET", "/calls")["items"]
        expect(len(calls) == 1, f"a page is one call: {calls}")
        # All nodes die, B2B and media gate among them.
        server.kill_nodes()
        wait_for(lambda: hears_again(a, (b, c)), "the page after the crash", 15)
        for phone in (a, b, c):
            phone.answer_offers()
        check_shares(talk((a, b, c)), ((), (0,), (0,)))
        for phone in (a, b, c):
            phone.answer_offers()
        expect(b.wait_response(b.in_dialog("BYE")).startswith("SIP/2.0 200"), "one leaves alone")
        check_shares(talk((a, c, b)), ((), (0,), ()))
        for phone in (a, c):
            phone.answer_offers()
        a.hang_up(c)
        record = records(server, 3)[0]  # two calls were refused before
        expect(record["result"] == "answered" and record["dialled"] == "*63300", f"{record}")
        expect(record["survived"], f"{record}")
        nothing_left(server)
        for phone in (a, b, c):
            phone.answer_offers()
            phone.pending.clear()
        # A phone that is in a call is not disturbed, and a page of nobody is told so.
        b.call("1003", c)
        wait_for(lambda: [call for call in server.api("GET", "/calls")["items"] if call["phase"] == "answered"],
                 "the call is known")
        status = a.try_call("*63300")
        expect(status == 480, f"nobody is free: {status}")
        b.hang_up(c)


def is_called(phone):
    try:
        return bool(phone.wait_request("INVITE", 0.3))
    except Failed:
        return False


def hears_again(speaker, listeners):
    for phone in (speaker, *listeners):
        phone.answer_offers()
    speaker.media.sendto(speaker.rtp(0) + FRAMES[TONES[0]][0], speaker.media_target)
    return all(Heard(phone, 0.05).packets for phone in listeners)


def with_srtp_and_an_inactive_hold(folder):
    with running(folder, nodes=NODES) as server, SoundPhone(server, "1001", 5301, srtp=True) as a, \
            SoundPhone(server, "1002", 5302, srtp=True) as b:
        a.register()
        b.register()
        expect(a.call("1002") == 200, "the call is answered")
        wait_for(lambda: a.hears() and b.hears(), "both hear one another")
        target, a.remote = a.remote, None
        status, field, body = a.ask("INVITE", body=a.description() + "a=inactive\n")
        expect(status == 200 and "a=inactive" in body, f"who holds by inactive is answered so: {status} {body}")
        a.send(a.request("ACK", field["CSeq"].split()[0]))
        time.sleep(0.2)
        before, refused = len(b.heard), b.refused
        time.sleep(1.0)
        count = len(b.heard) - before
        expect(40 <= count <= 55, f"{count} packets in a second")
        expect(b.refused == refused, "each is encrypted for who hears it")
        a.remote = target
        a.hang_up()


def each_of_a_page_hears_it_by_his_own_keys(folder):
    """One of the phones has no SRTP; the caller and the other one have nothing else, and agree on new keys when the gate dies."""
    with running(folder, nodes=NODES, accounts=("1001", "1002", "1003")) as server, \
            SoundPhone(server, "1001", 5301, srtp=True) as a, SoundPhone(server, "1002", 5302, srtp=True) as b, \
            SoundPhone(server, "1003", 5303) as c:
        made(tandem(server, "ring-group", "add", "demo.test", "floor", "--number", "300", "--members", "1002,1003"))
        made(tandem(server, "feature-code", "add", "demo.test", "page", "--prefix", "*63", "--action", "page"))
        for phone in (a, b, c):
            phone.register()
        expect(a.call("*63300") == 200, "the page is answered")
        wait_for(lambda: b.hears() and c.hears(), "both hear the caller")
        time.sleep(0.5)  # the page is in the store
        server.kill_nodes()
        died = time.monotonic()
        wait_for(lambda: all(each.hears() and each.heard[-1][0] > died + 0.3 for each in (b, c)), "both hear him again", 15)
        expect(a.offers and b.offers, "who encrypts is offered new keys")
        expect(not a.heard, "the caller hears nobody")
        expect(b.hang_up() == 200 and a.hang_up() == 200 and c.hung_up.wait(5), "it ends")
        record = records(server)[0]
        encrypted = {leg["party"]["number"]: leg["streams"][0]["srtp"] for leg in record["legs"] if leg["streams"]}
        expect(encrypted == {"1001": True, "1002": True, "1003": False}, f"{record}")
        nothing_left(server)


if __name__ == "__main__":
    main(the_held_party_hears_music_until_the_call_goes_on, who_talks_by_opus_hears_it_by_opus,
         a_domains_own_file_is_heard, files_that_are_no_music_are_refused, music_goes_on_after_a_crash,
         with_srtp_and_an_inactive_hold, supervisors_listen_whisper_and_barge,
         a_page_is_heard_by_all_and_its_caller_hears_nobody, each_of_a_page_hears_it_by_his_own_keys)
