"""What processes have used: processor time and memory, as the kernel counts them."""

import os

from harness import run

TICK = os.sysconf("SC_CLK_TCK")


def children_of(pid):
    """All processes below `pid`."""
    found = [int(child) for child in run(["pgrep", "-P", str(pid)], check=False).stdout.split()]
    return found + [below for child in found for below in children_of(child)]


def server_pids(server):
    """The parent of a tandemd and its nodes."""
    return [server.process.pid] + children_of(server.process.pid)


def take_precedence(pids):
    """So that what else the machine does disturbs little. A session is a group of the scheduler where
    the kernel makes such groups, and then a process's own nice value counts within it only."""
    for pid in pids:
        os.setpriority(os.PRIO_PROCESS, pid, -10)
        try:
            with open(f"/proc/{pid}/autogroup", "w", encoding="utf-8") as file:
                file.write("-10")
        except OSError:
            pass  # no groups, or the kernel allows one change in a while


class Cpu:
    """Processor time since its making, of processes that live meanwhile. The kernel counts it to the
    nanosecond and tells it in ticks of 10 ms, which bounds the error of each process."""

    def __init__(self, pids):
        self.pids = list(pids)
        self.user, self.system = self._read()

    def _read(self):
        user = system = 0
        for pid in self.pids:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            user += int(fields[11])
            system += int(fields[12])
        return user / TICK, system / TICK

    def used_us(self):
        user, system = self._read()
        return 1e6 * (user - self.user + system - self.system)

    def kernel_share(self):
        user, system = self._read()
        total = user - self.user + system - self.system
        return (system - self.system) / total if total else 0.0


def resident_bytes(pids):
    """Resident memory, pages that processes share counted once for each."""
    pages = 0
    for pid in pids:
        with open(f"/proc/{pid}/statm", encoding="utf-8") as file:
            pages += int(file.read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
