"""A site of several servers on one machine: each server a network namespace with its own tandemd and
data directory, phones in one more, all on one bridge. What can go wrong with them is a method here.

What a test starts is stopped by pid, as recorded; nothing is ever found by its name."""

import contextlib
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from calling_phone import CallingPhone  # noqa: E402
from harness import TANDEM, TANDEMD, Failed, Server, expect, run, wait_for  # noqa: E402
from network import Host  # noqa: E402

BRIDGE = "site0"
PREFIX = "192.0.2."
HERE = PREFIX + "1"  # this namespace, at the bridge
# A drill's server may be harmed over the API.
ALLOWED = "drills_allowed = true\n"
LINK_PORT = 7200
ROLES = ("SG", "SR", "B2B", "MG", "MGC", "CS", "WS", "ST", "ESG")


class Machine(Host):
    """A namespace with one link to the bridge."""

    def __init__(self, name, number):
        super().__init__(name)
        self.address = f"{PREFIX}{10 + number}"
        self.port = f"p-{name}"[:15]  # at the bridge
        run(["ip", "link", "add", self.port, "type", "veth", "peer", "name", "up0",
             "netns", str(self.pid)])
        run(["ip", "link", "set", self.port, "master", BRIDGE, "up"])
        self.run(["ip", "address", "add", self.address + "/24", "dev", "up0"])
        self.run(["ip", "link", "set", "up0", "up"])

    def close(self):
        # With its namespace it would go a little later than the next machine of that name comes.
        run(["ip", "link", "del", self.port], check=False)
        super().close()

    # --- Its link.

    def cut(self):
        """Nothing comes or goes any more, and nobody is told: as when a switch fails."""
        run(["ip", "link", "set", self.port, "nomaster"])

    def mend(self):
        run(["ip", "link", "set", self.port, "master", BRIDGE])

    def lose(self, percent):
        """So much of what comes is lost, by chance; 0 ends it."""
        rules = "table inet loss\ndelete table inet loss\n"
        if percent:
            rules += ("table inet loss {\n chain in {\n  type filter hook input priority -300\n"
                      f'  iifname "up0" numgen random mod 1000 < {int(percent * 10)} drop\n }}\n}}\n')
        self.run(["nft", "-f", "-"], input=rules)

    def slow_link(self, rate):
        """What leaves it goes no faster ("10mbit") and queues for up to 400 ms; None ends it."""
        self.run(["tc", "qdisc", "del", "dev", "up0", "root"], check=False)
        if rate:
            self.run(["tc", "qdisc", "add", "dev", "up0", "root", "tbf", "rate", rate,
                      "burst", "32kbit", "latency", "400ms"])


class SiteServer(Server):
    """A tandemd on a machine of its own."""

    def __init__(self, folder, number, settings=ALLOWED, nodes="split"):
        name = f"server{number}"
        self.machine = Machine(name, number)
        path = os.path.join(folder, name)
        os.makedirs(path, exist_ok=True)
        address = self.machine.address
        super().__init__(path, address, f'link_address = "{address}:{LINK_PORT}"\n{settings}',
                         nodes=nodes, name=name, host=self.machine)

    def tandem(self, *words, timeout=60, check=True):
        """`tandem` on this machine."""
        return run(self.command([TANDEM, "--url", self.url, "--token", self.token(), *words]),
                   timeout=timeout, check=check)

    def pids(self):
        """All that runs of it now: the parent, its nodes, etcd."""
        found = []
        if self.process and self.process.poll() is None:
            found.append(self.process.pid)
        folder = os.path.join(self.data, "run")
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            if not name.endswith(".pid"):
                continue
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                pid, start = (int(word) for word in file.read().split())
            if start_of(pid) == start:
                found.append(pid)
        return found

    # --- Its processes.

    def signal_all(self, number):
        for pid in self.pids():
            self.signal(pid, number)

    @staticmethod
    def signal(pid, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    def kill(self):
        """As when the power fails. The parent first, which would start the others again."""
        self.signal_all(signal.SIGKILL)
        self.process.wait(10)
        wait_for(lambda: not self.pids(), "all of it is dead", 10, 0.01)

    def pause(self, seconds):
        pids = self.pids()
        for number, wait in ((signal.SIGSTOP, seconds), (signal.SIGCONT, 0)):
            for pid in pids:
                self.signal(pid, number)
            time.sleep(wait)

    def close(self):
        if self.process and self.process.poll() is None:
            self.stop()
        self.signal_all(signal.SIGKILL)
        self.machine.close()


def start_of(pid):
    """When a process was started, in ticks since boot; None: there is none, or only what init has
    not yet taken away of it."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])
    except (OSError, IndexError, ValueError):
        return None


def call(server):
    """1001 calls 1002, both hear each other, and it hangs up: all through one server."""
    with CallingPhone(server, "1001", 5070, HERE) as near, CallingPhone(server, "1002", 5072, HERE) as far:
        near.register()
        far.register()
        near.call("1002", far)
        near.talks_with(far)
        near.hang_up(far)


def member_pid(server):
    """Of its etcd."""
    with open(os.path.join(server.data, "run", f"etcd-{server.name}.pid"), encoding="utf-8") as file:
        return int(file.read().split()[0])


def lose_member(server):
    """Its etcd dies and leaves data that are good for nothing: tandemd replaces the member."""
    pid = member_pid(server)
    os.kill(pid, signal.SIGSTOP)
    logs = os.path.join(server.data, "etcd", "member", "wal")
    for name in os.listdir(logs):
        if name.endswith(".wal"):
            with open(os.path.join(logs, name), "r+b") as file:
                # Its first record: what is wrong only further behind, etcd may cut off and go on.
                file.write(b"not what was written" * 20)
    os.kill(pid, signal.SIGKILL)


class SlowDisk:
    """Lets the processes of a server write no faster than so many operations a second: the blkio
    controller of cgroups, version 1 or 2. Failed where this machine has neither."""

    def __init__(self, server, writes_per_s):
        self.server = server
        self.writes_per_s = writes_per_s
        self.folder = None

    def __enter__(self):
        status = os.stat(self.server.data)
        device = whole_disk(os.major(status.st_dev), os.minor(status.st_dev))
        name = f"tandem-slow-{os.getpid()}-{self.server.name}"
        for root, file, line in (
                ("/sys/fs/cgroup/blkio", "blkio.throttle.write_iops_device",
                 f"{device} {self.writes_per_s}"),
                ("/sys/fs/cgroup", "io.max", f"{device} wiops={self.writes_per_s}")):
            folder = os.path.join(root, name)
            try:
                os.mkdir(folder)
                self.folder = folder
                with open(os.path.join(folder, file), "w", encoding="utf-8") as out:
                    out.write(line)
            except OSError:
                self.__exit__()
                continue
            for pid in self.server.pids():
                with open(os.path.join(folder, "cgroup.procs"), "w", encoding="utf-8") as out:
                    out.write(str(pid))
            return self
        raise Failed("this machine cannot slow a disk: it has no blkio or io controller for "
                     f"device {device}")

    def __exit__(self, *exception):
        if not self.folder:
            return
        with open(os.path.join(self.folder, "cgroup.procs"), encoding="utf-8") as file:
            pids = file.read().split()
        for pid in pids:
            with contextlib.suppress(OSError), open(os.path.join(os.path.dirname(self.folder),
                                                                 "cgroup.procs"), "w",
                                                    encoding="utf-8") as out:
                out.write(pid)
        os.rmdir(self.folder)
        self.folder = None


def whole_disk(major, minor):
    """Limits are set for disks, not for their partitions."""
    path = os.path.realpath(f"/sys/dev/block/{major}:{minor}")
    if os.path.exists(os.path.join(path, "partition")):
        with open(os.path.join(os.path.dirname(path), "dev"), encoding="utf-8") as file:
            return file.read().strip()
    return f"{major}:{minor}"


def join(first, server, *more):
    """`server`, which has no data yet, becomes a part of the site of `first`. No role runs there yet."""
    token = first.tandem("server", "token", "--name", server.name).stdout.strip()
    os.rmdir(server.data)
    server.launch(["--join", token, *more])
    wait_for(lambda: server.process.poll() is not None or server.logged(" serving after"),
             f"{server.name} serves", 30)
    expect(server.process.poll() is None, f"{server.name} joined:\n{server.log_tail()}")


class Site:
    """`with Site(folder, servers=2) as site:` servers that serve, and `site.phones` to call from."""

    def __init__(self, folder, servers=1, **options):
        self.folder = folder
        self.count = servers
        self.options = options
        self.servers = []
        self.phones = None

    def __enter__(self):
        # Also whoever ends this program by a signal leaves no server behind.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        run(["ip", "link", "add", BRIDGE, "type", "bridge"])
        run(["ip", "address", "add", PREFIX + "1/24", "dev", BRIDGE])
        run(["ip", "link", "set", BRIDGE, "up"])
        try:
            self.phones = Machine("phones", 100)
            for number in range(1, self.count + 1):
                server = SiteServer(self.folder, number, **self.options)
                self.servers.append(server)
                if number == 1:
                    server.start()
                else:
                    join(self.servers[0], server)
            self.wait_serving()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception):
        for server in reversed(self.servers):
            server.close()
        if self.phones:
            self.phones.close()
        run(["ip", "link", "del", BRIDGE], check=False)

    @property
    def first(self):
        return self.servers[0]

    def add_role(self, role, server, **fields):
        """One more copy of a role, in the home node of `server`; its number."""
        roles = self.first.api("GET", "/roles?limit=1000")["items"]
        number = 1 + max(each["number"] for each in roles)
        place = next(each for each in self.first.api("GET", "/servers")["items"]
                     if each["name"] == server.name)
        self.first.api("POST", "/roles", {"role": role, "number": number, "server": place["id"],
                                          "node": place["node"], **fields})
        return number

    def instances(self):
        """{role: [nodes that run it]} as the status has it."""
        found = {}
        for node in self.first.api("GET", "/status")["nodes"]:
            for each in node["instances"]:
                found.setdefault(each["role"], []).append(node["node"])
        return found

    def wait_serving(self):
        self.first.wait_healthy()
        wanted = {(role["role"], role["number"]) for role in
                  self.first.api("GET", "/roles?limit=1000")["items"] if role["enabled"]}
        expect(wanted, "the site has roles")

        def serving():
            return wanted <= {(each["role"], each["instance"])
                              for node in self.first.api("GET", "/status")["nodes"]
                              for each in node["instances"]}
        wait_for(serving, "all roles serve", 30)

    def spread_roles(self):
        """A copy of every role on every server; the store's etcd has three voters, where there are three servers."""
        for server in self.servers[1:]:
            for role in ROLES:
                self.add_role(role, server)
        self.wait_serving()
        if self.count >= 3:
            wait_for(lambda: self.first.api("GET", "/site/store")["fault_tolerant"],
                     "three members of etcd vote", 60, 0.3)

    def server_of(self, node):
        homes = {each["node"]: each["name"] for each in self.first.api("GET", "/servers")["items"]}
        return next(server for server in self.servers if server.name == homes[node])

    def drill_command(self, *words):
        """`tandem drill` from the phones' machine."""
        urls = ",".join(server.url for server in self.servers)
        return self.phones.command([TANDEM, "--url", urls, "--token", self.first.token(),
                                    "drill", *map(str, words)])
