"""What every end-to-end test stands on: a tandemd of its own in a network namespace of its own.

A test is a python file that calls `main(test_a, test_b, ...)`. It runs as root, inside a fresh network
namespace, so ports never clash and no packet leaves the machine, and inside a process namespace of
its own, so nothing that it has started outlives it, however it ends.
"""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("TANDEM_BUILD", os.path.join(ROOT, "build", "release"))
TANDEMD = os.path.join(BUILD, "src", "app", "tandemd")
TANDEM = os.path.join(BUILD, "src", "app", "tandem")
SIPP_DIR = os.path.join(os.path.dirname(__file__), "sipp")


class Failed(Exception):
    """A broken expectation; its text says what was expected and what was seen."""


def expect(condition, text):
    if not condition:
        raise Failed(text)


def wait_for(probe, what, timeout=10.0, step=0.05):
    """The first true value of `probe()`; Failed when there is none within `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"timed out after {timeout} s: {what}")
        time.sleep(step)


def run(command, timeout=60, check=True, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))} ended with {done.returncode}:\n"
                     f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done


class Server:
    """One tandemd with an empty data directory, the domain demo.test and some accounts."""

    def __init__(self, folder, address="127.0.0.1", settings="", netns=None, nodes="one",
                 environment=None, name="server1", host=None):
        """`host`: the Host of network.py that it runs on; None: this namespace, or `netns`."""
        self.folder = folder
        self.name = name
        self.host = host
        self.data = os.path.join(folder, "data")
        self.address = address
        self.netns = netns
        self.environment = environment
        self.log_path = os.path.join(folder, "tandemd.log")
        self.config = os.path.join(folder, "tandemd.toml")
        os.makedirs(self.data, exist_ok=True)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f'name = "{name}"\naddress = "{address}"\n'
                       f'data = "{self.data}"\n{settings}\n[first_start]\nnodes = "{nodes}"\n')
        self.process = None
        self.url = f"http://{address}:8080"

    def command(self, args):
        if self.host:
            return self.host.command(args)
        prefix = ["ip", "netns", "exec", self.netns] if self.netns else []
        return prefix + args

    def start(self, timeout=15):
        self.launch()
        self.wait_healthy(timeout)
        return self

    def launch(self, arguments=()):
        log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            self.command([TANDEMD, "--config", self.config, *arguments]), stdout=log, stderr=log,
            start_new_session=True, env={**os.environ, **(self.environment or {})})

    def wait_healthy(self, timeout=15):
        def healthy():
            if self.process.poll() is not None:
                raise Failed(f"tandemd ended with {self.process.returncode}:\n{self.log_tail()}")
            try:
                return self.api("GET", "/health", token=False)
            except (urllib.error.URLError, ConnectionError, Failed):
                return None
        wait_for(healthy, "tandemd answers /health\n" + self.log_tail(), timeout)

    def log_tail(self, size=4000):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.read()[-size:]
        except OSError:
            return ""

    def token(self):
        with open(os.path.join(self.data, "admin.token"), encoding="utf-8") as file:
            return file.read().strip()

    def api(self, method, path, body=None, token=True, expected=None, headers=None):
        """The decoded answer. `expected`: the status that must come (any 2xx when None)."""
        data = None if body is None else (body if isinstance(body, bytes) else
                                          json.dumps(body).encode())
        request = urllib.request.Request(self.url + "/api/v1" + path, data=data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", "Bearer " + self.token())
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        if expected is None and not 200 <= status < 300 or expected and status != expected:
            raise Failed(f"{method} {path}: {status} {text[:500]!r}, expected {expected or '2xx'}")
        return json.loads(text) if text else None

    def make_domain(self, name="demo.test", accounts=("1001", "1002"), **domain_fields):
        # SIPp knows MD5 only, and takes the first challenge.
        self.api("POST", "/domains", {"name": name, "settings": {"digest_algorithms": ["MD5"]},
                                      **domain_fields})
        for login in accounts:
            self.api("POST", f"/domains/{name}/accounts",
                     {"login": login, "number": login, "password": password_of(login)})

    def node_pids(self):
        """Process ids of the nodes, children of the parent."""
        found = run(["pgrep", "-P", str(self.process.pid)], check=False).stdout.split()
        return [int(pid) for pid in found]

    def pid_of(self, node):
        with open(os.path.join(self.data, "run", f"node-{node}.pid"), encoding="utf-8") as file:
            return int(file.read().split()[0])

    def kill(self):
        """Parent and nodes at once, as when the machine dies."""
        for name in os.listdir(os.path.join(self.data, "run")):
            if name.endswith(".pid"):
                with open(os.path.join(self.data, "run", name), encoding="utf-8") as file:
                    pid = int(file.read().split()[0])
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.process.kill()
        self.process.wait(5)

    def logged(self, text, since=0):
        """Whether the log holds the text, after its first `since` bytes."""
        with open(self.log_path, "rb") as file:
            file.seek(since)
            return text.encode() in file.read()

    def log_size(self):
        return os.path.getsize(self.log_path)

    def kill_nodes(self):
        for pid in self.node_pids():
            os.kill(pid, signal.SIGKILL)

    def stop(self, drain_s=0.5):
        """Gracefully for `drain_s`, then at once, as a second SIGTERM asks for."""
        if not self.process or self.process.poll() is not None:
            return
        for patience in (drain_s, 5):
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(patience)
                return
            except subprocess.TimeoutExpired:
                pass
        os.killpg(self.process.pid, signal.SIGKILL)


def password_of(login):
    return f"secret-{login}"


def sipp(scenario, server, *, calls=1, rate=10, keys=None, csv=None, port=0, timeout=60,
         extra=(), background=False, name=None, netns=None, transport="u1", local="127.0.0.1",
         messages=True):
    """Runs a scenario of tests/e2e/sipp against the server; Failed unless every call succeeded.
    `messages`: all of them are kept for the report of a failure; too much under load."""
    path = os.path.join(SIPP_DIR, scenario + ".xml")
    log = os.path.join(server.folder, f"{name or scenario}-{port or os.urandom(2).hex()}")
    command = ["sipp", f"{server.address}:5060" if transport[0] != "l" else
               f"{server.address}:5061", "-sf", path, "-m", str(calls), "-r", str(rate),
               "-i", local, "-t", transport, "-nostdin", "-timeout", f"{timeout}s", "-timeout_error",
               "-trace_err", "-error_file", log + ".err", "-cid_str", "%u-%p@sipp"]
    if messages:
        command += ["-trace_msg", "-message_file", log + ".msg"]
    if port:
        command += ["-p", str(port)]
    if csv:
        command += ["-inf", csv]
    if keys and "user" in keys:
        command += ["-au", keys["user"], "-ap", password_of(keys["user"])]
    for key, value in (keys or {}).items():
        command += ["-key", key, str(value)]
    command += list(extra)
    if netns:
        command = ["ip", "netns", "exec", netns] + command
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               cwd=server.folder)
    process.log = log
    process.scenario = scenario
    if background:
        return process
    return finish_sipp(process, timeout + 10)


def finish_sipp(process, timeout=70):
    try:
        _, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise Failed(f"sipp {process.scenario} did not end within {timeout} s") from None
    if process.returncode != 0:
        raise Failed(f"sipp {process.scenario} ended with {process.returncode}\n{errors[-1500:]}\n"
                     f"{tail(process.log + '.err')}\n{tail(process.log + '.msg', 6000)}")
    return process


def tail(path, size=3000):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()[-size:]
    except OSError:
        return ""


CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x00020000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG = 1


def in_own_network():
    """Goes on inside a network namespace whose loopback is up, as a child of this process. Nodes
    outlive the tandemd that started them: here the first process of the process namespace takes all
    others with it, and dies with this one, even if that is killed."""
    if os.environ.get("TANDEM_TEST_NETNS") != "1":
        if os.geteuid() != 0:
            print("end-to-end tests make network namespaces and need root")
            sys.exit(1)
        os.environ["TANDEM_TEST_NETNS"] = "1"
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        first = os.fork()
        if first != 0:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which clean up
            os._exit(exit_code(os.waitpid(first, 0)[1]))
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        be_first_process()
    run(["ip", "link", "set", "lo", "up"])


def be_first_process():
    """Answers in a child, and waits for whatever ends meanwhile, as the first process has to."""
    run(["mount", "--make-rprivate", "/"])
    run(["mount", "-t", "proc", "proc", "/proc"])
    tests = os.fork()
    if tests == 0:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        ended, status = os.wait()
        if ended == tests:
            os._exit(exit_code(status))


def exit_code(status):
    """As a shell says it."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def main(*tests):
    """Runs the tests in order, each with a folder of its own; `NAME.py test...` runs only those."""
    in_own_network()
    wanted = sys.argv[1:]
    failed = 0
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        folder = tempfile.mkdtemp(prefix="tandem-e2e-")
        began = time.monotonic()
        try:
            test(folder)
            print(f"ok      {test.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
            if not os.environ.get("TANDEM_TEST_KEEP"):
                shutil.rmtree(folder, ignore_errors=True)
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print(f"FAILED  {test.__name__}: {error}\n(files are kept in {folder})", flush=True)
            if not isinstance(error, Failed):
                import traceback
                traceback.print_exc()
            print(tail(os.path.join(folder, "tandemd.log"), 6000), flush=True)
    sys.exit(1 if failed else 0)


class running:  # pylint: disable=invalid-name
    """`with running(folder) as server:` starts a server with demo.test and stops it at the end."""

    def __init__(self, folder, accounts=("1001", "1002"), **options):
        self.server = Server(folder, **options)
        self.accounts = accounts

    def __enter__(self):
        self.server.start()
        if self.accounts:
            self.server.make_domain(accounts=self.accounts)
        return self.server

    def __exit__(self, *exception):
        self.server.stop()
