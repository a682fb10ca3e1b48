"""Processor time of a registration and of a call, beside Kamailio under the same SIPp work."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import lines
from harness import Failed, Server, finish_sipp, password_of, sipp, wait_for
from peers import BENCH, Kamailio
from report import Measure, progress
from usage import Cpu, resident_bytes, server_pids, take_precedence

REGISTERS = os.path.join(BENCH, "sipp", "registers")
CALLEE_PORT, CALLER_PORT = 5062, 5066
# Not the addresses' rates are measured: all phones share one.
SIP_GATE = {"source_rate_max": 0, "ban_failures": 0}

REGISTRATIONS = 6_000
REGISTER_RATE = 1_000
CALL_RATE = 300
# Calls are over 32 s after their end (64 * T1); what that costs is part of a call.
CALLS_WARM_S, CALLS_MEASURED_S, HOLD_MS = 37, 15, 1_000


class TandemServer:
    """A tandemd with demo.test and the bounds of its gates off, billed with all its processes."""

    def __init__(self, folder, accounts=("1001", "1002"), nodes="one", survival="established",
                 environment=None):
        self.server = Server(os.path.join(folder, "tandem"), nodes=nodes, environment=environment,
                             settings='log_level = "warn"\ndrain_max_s = 1')
        self.folder, self.address = self.server.folder, self.server.address
        self.accounts, self.survival = accounts, survival

    def __enter__(self):
        self.server.start()
        take_precedence(self.pids())
        self.set_role("SG", {"sip_gate": SIP_GATE})
        self.set_role("B2B", {"b2bua": {"survival": self.survival}})
        self.server.make_domain(accounts=self.accounts[:1])
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self.add_account, self.accounts[1:]))
        return self

    def __exit__(self, *exception):
        self.server.stop()

    def add_account(self, login):
        self.server.api("POST", "/domains/demo.test/accounts",
                        {"login": login, "number": login, "password": password_of(login)})

    def set_role(self, role, settings):
        for item in self.server.api("GET", "/roles")["items"]:
            if item["role"] == role:
                self.server.api("PATCH", f"/roles/{item['id']}", settings)

    def pids(self):
        return server_pids(self.server)


def user_names(count):
    return tuple(str(1_000_000 + i) for i in range(count))


def register_all(system, users, rate=REGISTER_RATE):
    """Each user registers once, with a challenge; answers what it cost each, in us."""
    path = os.path.join(system.folder, "users.csv")
    with open(path, "w", encoding="utf-8") as file:
        file.write("SEQUENTIAL\n")
        for user in users:
            file.write(f"{user};[authentication username={user} password={password_of(user)}]\n")
    cpu = Cpu(system.pids())
    sipp(REGISTERS, system, calls=len(users), rate=rate, csv=path, port=CALLER_PORT, name="registers",
         messages=False, timeout=len(users) // rate + 30, extra=("-l", "20000"))
    time.sleep(0.5)
    return cpu.used_us() / len(users)


def registration_costs(system, users):
    register_all(system, users[:2_000])  # warm: code, allocator, the first pages of tables
    memory = resident_bytes(system.pids())
    fresh = register_all(system, users[2_000:])
    memory = (resident_bytes(system.pids()) - memory) / len(users[2_000:])
    return fresh, register_all(system, users), memory


def registration(folder):
    users = user_names(REGISTRATIONS + 2_000)
    with Kamailio(folder) as kamailio:
        progress(f"  Kamailio: {len(users)} registrations and as many refreshes")
        peer = registration_costs(kamailio, users)
    with TandemServer(folder, accounts=users) as tandem:
        progress("  Tandem: the same")
        ours = registration_costs(tandem, users)
    return [
        Measure("registration", "us_cpu", ours[0], "kamailio", peer[0], ("ratio", "<=", 0.5)),
        Measure("registration_refresh", "us_cpu", ours[1], "kamailio", peer[1], ("ratio", "<=", 0.5)),
        Measure("binding_memory", "bytes", ours[2], "kamailio", peer[2], ("value", "<=", 1024),
                note="resident memory of all processes over 6000 new bindings of as many accounts")]


def register_callee(system):
    sipp("register", system, keys={"user": "1002"}, port=CALLEE_PORT)


class Calls:
    """Calls from 1001 to 1002 at a steady rate; the figures are taken while they go on."""

    def __init__(self, system, rate=CALL_RATE, seconds=CALLS_WARM_S + CALLS_MEASURED_S + 2,
                 hold_ms=HOLD_MS):
        self.system, self.rate, self.seconds = system, rate, seconds
        register_callee(system)
        count = rate * seconds
        options = {"calls": count, "timeout": seconds + 30 + hold_ms // 1000, "messages": False,
                   "background": True}
        self.callee = sipp("load_callee", system, keys={"user": "1002"}, port=CALLEE_PORT,
                           extra=("-l", "50000"), **options)
        time.sleep(0.3)
        self.caller = sipp("load_caller", system, rate=rate, keys={"user": "1001", "callee": "1002"},
                           port=CALLER_PORT, extra=("-d", str(hold_ms), "-l", "50000"), **options)

    def __enter__(self):
        return self

    def cost(self, warm_s=CALLS_WARM_S, measured_s=CALLS_MEASURED_S):
        """us of processor a call, after a warm-up, with calls of every age under way."""
        self._sleep(warm_s)
        cpu, began = Cpu(self.system.pids()), time.monotonic()
        self._sleep(measured_s)
        return cpu.used_us() / (self.rate * (time.monotonic() - began))

    def _sleep(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.caller.poll() not in (None, 0):
                finish_sipp(self.caller)
            time.sleep(0.1)

    def finish(self):
        """Every call must have succeeded, or the figures mean nothing."""
        finish_sipp(self.caller, self.seconds + 60)
        finish_sipp(self.callee, self.seconds + 60)

    def __exit__(self, *exception):
        for process in (self.caller, self.callee):
            if process.poll() is None:
                process.kill()
                process.wait()


def call_cost(system, warm_s=CALLS_WARM_S):
    with Calls(system, seconds=warm_s + CALLS_MEASURED_S + 2) as calls:
        cost = calls.cost(warm_s)
        calls.finish()
    return cost


def kamailio_call(folder):
    with Kamailio(folder) as kamailio:
        progress(f"  Kamailio: {CALL_RATE} calls/s")
        return call_cost(kamailio, warm_s=10)  # its transactions are over after 5 s


def tandem_call(folder, **options):
    with TandemServer(folder, **options) as tandem:
        progress(f"  Tandem: {CALL_RATE} calls/s {options or ''}")
        return call_cost(tandem)


def call(folder):
    peer = kamailio_call(os.path.join(folder))
    return [Measure("call", "us_cpu", tandem_call(folder), "kamailio", peer, ("ratio", "<=", 0.5))]


def call_lines(folder):
    """The budget of a call line by line, with survival on and off, in one node and split."""
    measures = []
    for nodes in ("one", "split"):
        for survival in ("established", "none"):
            variant = f"call_{nodes}_{survival}"
            samples = os.path.join(folder, variant)
            os.makedirs(samples)
            total, parts = sampled_call(samples, nodes=nodes, survival=survival)
            measures.append(Measure(variant, "us_cpu", total))
            for line, budget in lines.BUDGETS.items():
                measures.append(Measure(f"{variant}_{line}", "us_cpu", total * parts.pop(line, 0),
                                        target=("value", "<=", budget)))
            measures += [Measure(f"{variant}_{line}", "us_cpu", total * part)
                         for line, part in sorted(parts.items())]
    return measures


def sampled_call(folder, **options):
    """What a call costs, and the share of each line in it."""
    environment = lines.preload() | {"TANDEM_SAMPLES": folder}
    with TandemServer(folder, environment=environment, **options) as tandem:
        progress(f"  Tandem: {CALL_RATE} calls/s {options}")
        with Calls(tandem) as calls:
            cost = calls.cost()
            ended = time.monotonic()
            calls.finish()
    return cost, lines.shares(folder, ended - CALLS_MEASURED_S, ended)


def call_memory(folder):
    """Resident memory of an established call, over 3000 of them."""
    rate, seconds = 300, 10
    with TandemServer(folder) as tandem:
        with Calls(tandem, rate, 2, hold_ms=100) as warm:
            warm.finish()
        before = resident_bytes(tandem.pids())
        with Calls(tandem, rate, seconds, hold_ms=20_000) as calls:
            wait_for(lambda: calls_of(tandem.server) >= rate * seconds, "all calls are up", 30)
            used = (resident_bytes(tandem.pids()) - before) / (rate * seconds)
            progress(f"  {rate * seconds} calls are up")
            calls.finish()
    return [Measure("call_memory", "bytes", used)]


def calls_of(server):
    total = 0
    for node in server.api("GET", "/status")["nodes"]:
        for instance in node["instances"]:
            total += instance["figures"].get("calls", 0)
    if total < 0:
        raise Failed("the figure of calls is negative")
    return total
