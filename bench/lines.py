"""Where the processor time of a call goes, in the lines of its budget.

sampler.cc is preloaded into tandemd. Each sample belongs to the innermost of its frames whose source file
is in a folder named below; what lies deeper (libc, the kernel, SQLite, src/base) is on its caller's
account. Frames that the compiler inlined are seen too.
"""

import bisect
import glob
import os
import struct
import subprocess

from harness import BUILD, ROOT, Failed

# First match decides. Budgets in us a call, at 300 calls/s or more.
BUDGETS = {"sockets": 50, "parsing": 35, "logic": 35, "media": 20, "store": 40}
FOLDERS = [
    ("store", "src/store/", "src/runtime/sqlite/", "src/roles/store/", "src/app/node/store_",
     "src/app/node/sqlite_backend", "src/app/node/etcd_backend", "src/app/node/history_service",
     "src/call/snapshot_codec", "src/call/record", "src/model/"),
    ("media", "src/roles/media_gate", "src/runtime/media_ports/", "src/rtp/", "src/app/node/media_shard"),
    ("logic", "src/sip/transaction/", "src/sip/dialog/", "src/call/", "src/roles/b2bua/",
     "src/border/", "src/roles/sip_gate/", "src/roles/call_state/", "src/roles/registrar/", "src/routing/",
     "src/roles/host/", "src/ports/", "src/app/"),
    ("parsing", "src/sip/", "src/sdp/"),
    ("links", "src/wire/", "src/runtime/link/"),
    ("sockets", "src/runtime/"),
]
LIBRARIES = {"libsqlite3": "store"}  # threads of its own, or frames cut off


def line_of_file(path):
    for name, *folders in FOLDERS:
        if any(folder in path for folder in folders):
            return name
    return None


class Symbols:
    """The lines of addresses of tandemd, asked of addr2line once each."""

    def __init__(self):
        self.program = os.path.join(BUILD, "src", "app", "tandemd")
        self.known = {}

    def learn(self, offsets):
        unknown = sorted(set(offsets) - self.known.keys())
        if not unknown:
            return
        done = subprocess.run(["addr2line", "-a", "-i", "-e", self.program], capture_output=True,
                              text=True, check=True, input="\n".join(map(hex, unknown)))
        offset = None
        for line in done.stdout.splitlines():
            if line.startswith("0x"):
                offset = int(line, 16)
                self.known[offset] = None
            elif self.known[offset] is None:  # inlined frames come innermost first
                self.known[offset] = line_of_file(os.path.normpath(line))


class Image:
    """The memory map of one process: address to (file, offset in it)."""

    def __init__(self, path):
        self.starts, self.regions = [], []
        bases = {}
        with open(path, encoding="utf-8") as file:
            for text in file:
                words = text.split()
                if len(words) < 6 or not words[5].startswith("/"):
                    continue
                begin, end = (int(word, 16) for word in words[0].split("-"))
                bases.setdefault(words[5], begin - int(words[2], 16))
                self.starts.append(begin)
                self.regions.append((end, words[5], bases[words[5]]))

    def find(self, address):
        index = bisect.bisect_right(self.starts, address) - 1
        if index < 0 or address >= self.regions[index][0]:
            return "", 0
        _, path, base = self.regions[index]
        return path, address - base


def read_samples(path, began, ended):
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at + 16 <= len(data):
        when, count = struct.unpack_from("<QQ", data, at)
        at += 16
        frames = struct.unpack_from(f"<{count}Q", data, at)
        at += 8 * count
        if began <= when / 1e9 <= ended:
            yield frames


def shares(folder, began, ended):
    """The share of each line in the samples between two times of time.monotonic()."""
    stacks = []
    for path in glob.glob(os.path.join(folder, "*.samples")):
        image = Image(path.replace(".samples", ".maps"))
        for frames in read_samples(path, began, ended):
            # A return address is behind its call; only the innermost frame is where it says.
            stacks.append([image.find(frame if i == 0 else frame - 1)
                           for i, frame in enumerate(frames)])
    if len(stacks) < 200:
        raise Failed(f"only {len(stacks)} samples in {folder}; is the sampler preloaded?")
    symbols = Symbols()
    symbols.learn(offset for stack in stacks for path, offset in stack if path == symbols.program)
    counts = {}
    for stack in stacks:
        line = line_of_stack(stack, symbols)
        counts[line] = counts.get(line, 0) + 1
    return {line: count / len(stacks) for line, count in counts.items()}


def line_of_stack(stack, symbols):
    library_line = None
    for path, offset in stack:
        if path == symbols.program:
            line = symbols.known.get(offset)
            if line:
                return line
        for name, line in LIBRARIES.items():
            if name in path:
                library_line = line
    return library_line or "other"


def preload():
    """Environment for a tandemd that is sampled, without its folder."""
    library = os.path.join(BUILD, "bench", "libsampler.so")
    if not os.path.exists(library):
        raise Failed(f"{library} is missing: build it with ./dev build release (in {ROOT})")
    return {"LD_PRELOAD": library}
