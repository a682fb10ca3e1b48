#!/usr/bin/env python3
"""The rules of the house that no compiler knows: layers, sizes, purity, names, files beside files.

    tools/tidy.py [--root DIR]

Prints `file:line: rule: what is wrong` for each fault and fails when there is one. CONTRIBUTING.md explains
the rules; tools/layers.txt has the edges between folders; tools/tidy_exceptions.txt the exceptions.
"""

import argparse
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import cpp_source

FUNCTION_LINES_MAX = 70
SOURCE_LINES_MAX = 600
HEADER_LINES_MAX = 300
COLUMNS_MAX = 100
NESTING_MAX = 3
PARAMETERS_MAX = 5
README_LINES_MAX = 90

# May touch the outside world. Everything else below src is pure.
IMPURE = ("runtime", "app")

STANDARD_HEADERS = set(
    """algorithm any array bit bitset cassert cctype cerrno cfloat charconv chrono cinttypes climits
    cmath codecvt compare complex concepts condition_variable coroutine cstdarg cstddef cstdint
    cstdio cstdlib cstring ctime cwchar deque exception execution expected filesystem forward_list
    fstream functional future initializer_list iomanip ios iosfwd iostream istream iterator latch
    limits list locale map memory memory_resource mutex new numbers numeric optional ostream queue
    random ranges ratio regex scoped_allocator semaphore set shared_mutex source_location span
    spanstream sstream stack stdexcept stop_token streambuf string string_view syncstream
    system_error thread tuple type_traits typeindex typeinfo unordered_map unordered_set utility
    valarray variant vector version""".split()
)
POSIX_HEADERS = re.compile(
    r"(sys|net|netinet|arpa|linux)/|(unistd|fcntl|poll|netdb|pthread|signal|spawn|time|dirent|"
    r"errno|string|stdint|stdio|stdlib|ifaddrs|pwd|grp|sched|termios)\.h$"
)
IMPURE_HEADERS = re.compile(
    r"(thread|mutex|shared_mutex|atomic|condition_variable|future|semaphore|latch|barrier|"
    r"stop_token|random|regex|fstream|filesystem|iostream|ctime)$"
)
RUNTIME_LIBRARIES = re.compile(r"(boost/asio|boost/beast|grpc|spdlog)")
IMPURE_CALLS = [
    (re.compile(r"::now\s*\("), "time is an argument (Instant), never asked for"),
    (re.compile(r"(?<![\w.>:])s?rand(om)?\s*\("), "randomness is an argument (Rng&)"),
    (re.compile(r"\bstd::random_device\b"), "randomness is an argument (Rng&)"),
    (re.compile(r"\bstd::regex\b"), "no std::regex: it is slow and can be made to hang"),
    (re.compile(r"\bstd::(shared_ptr|make_shared|weak_ptr)\b"), "one owner holds it, others hold an id"),
    (re.compile(r"\b(clock_gettime|gettimeofday|getenv|localtime(_r)?|gmtime(_r)?)\s*\("),
     "clocks and the environment belong to src/runtime"),
    (re.compile(r"\bstd::(thread|jthread|mutex|atomic)\b"), "threads belong to src/runtime"),
    (re.compile(r"\bstd::(cout|cerr|clog)\b"), "output is a value in an Outbox"),
]
SLEEPS = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep)\s*\(|(?<![\w.:])sleep\s*\(")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
EMPTY_NAMES = re.compile(r"\b(?:class|struct|enum class)\s+(\w*(?:Manager|Helpers?|Utils?|Base|Impl))\b")
EMPTY_FILES = re.compile(r"(^|_)(manager|helpers?|utils?|impl|common|misc)\.(h|cc)$")
# A path of the repository in a document, as `src/sip/uri.h`; not `tests/corpus/SUBJECT` or `src/*`.
QUOTED_PATH = re.compile(r"`((?:src|tests|tools|docs|proto|bench|cmake|deploy|api)/[a-z0-9_./-]+)`")


@dataclass
class Fault:
    path: str
    line: int
    rule: str
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


@dataclass
class Layers:
    edges: dict = field(default_factory=dict)  # folder -> list of allowed prefixes

    @staticmethod
    def parse(text):
        layers, sets = Layers(), {}
        for line in text.splitlines():
            line = line.split("#")[0].strip()
            if not line:
                continue
            name, _, words = line.partition("=" if line.startswith("$") else ":")
            expanded = []
            for word in words.split():
                expanded += sets[word] if word.startswith("$") else [word]
            (sets if line.startswith("$") else layers.edges)[name.strip()] = expanded
        return layers

    def folder_of(self, relative):
        """The layer of a file below src: the longest folder named, `roles/*` for a role."""
        parts = relative.parts[:-1]
        for count in range(len(parts), 0, -1):
            name = "/".join(parts[:count])
            if name in self.edges:
                return name, name
        if len(parts) >= 2 and f"{parts[0]}/*" in self.edges:
            return "/".join(parts[:2]), f"{parts[0]}/*"
        return "/".join(parts), None

    def allows(self, folder, layer, included, is_test):
        if included.startswith(folder + "/"):
            return True
        allowed = self.edges[layer] + (self.edges.get("*_test", []) if is_test else [])
        return any(
            included.startswith(edge + "/") or ("/" in edge and included.startswith(edge))
            for edge in allowed
        )


class Tree:
    """The checkout, and the faults found in it."""

    def __init__(self, root):
        self.root = Path(root)
        self.faults = []
        rules = self.root / "tools/layers.txt"
        if not rules.exists():
            rules = Path(__file__).resolve().parent / "layers.txt"
        self.layers = Layers.parse(rules.read_text())

    def fault(self, path, line, rule, text):
        self.faults.append(Fault(str(path.relative_to(self.root)), line, rule, text))

    def sources(self):
        for folder in ("src", "tests", "bench"):
            for path in sorted((self.root / folder).rglob("*")):
                if path.suffix in (".h", ".cc") and path.is_file():
                    yield path

    def check(self):
        for path in self.sources():
            self.check_source(path, path.read_text(encoding="utf-8"))
        self.check_folders()
        self.check_links()
        self.apply_exceptions()
        return self.faults

    # -- one file -------------------------------------------------------------------------------

    def check_source(self, path, text):
        relative = path.relative_to(self.root)
        generated = "Generated by" in text[:400]
        is_test = relative.parts[0] != "src" or path.name.endswith(("_test.cc", "_fuzz.cc"))
        code = cpp_source.strip(text)
        if not generated:
            self.check_lines(path, text)
            self.check_size(path, text)
            if not is_test:
                self.check_functions(path, text)
        self.check_names(path, code)
        for line in cpp_source.enum_switches_with_default(text):
            self.fault(path, line, "default", "a switch over an enum names every enumerator")
        is_fixture = path.name.endswith("_test.h")
        self.check_includes(path, text, is_test or is_fixture)
        if relative.parts[0] == "src" and relative.parts[1] not in IMPURE and not is_test:
            for pattern, why in IMPURE_CALLS:
                self.find_all(path, code, pattern, "pure", why)
        if is_test and relative.parts[0] == "src":
            self.find_all(path, code, SLEEPS, "sleep", "tests advance the time, they do not sleep")
        if path.suffix == ".h" and "#pragma once" not in text:
            self.fault(path, 1, "header", "#pragma once is missing")

    def find_all(self, path, code, pattern, rule, why):
        for match in pattern.finditer(code):
            self.fault(path, cpp_source.line_of(code, match.start()), rule,
                       f"{match.group(0).strip()}: {why}")

    def check_lines(self, path, text):
        for number, line in enumerate(text.splitlines(), 1):
            if len(line) > COLUMNS_MAX:
                self.fault(path, number, "columns", f"{len(line)} columns, at most {COLUMNS_MAX}")
        for offset, comment in cpp_source.comments(text):
            match = UNFINISHED.search(comment)
            if match:
                self.fault(path, cpp_source.line_of(text, offset), "unfinished",
                           f"{match.group(0)}: finish it, or write down where it is decided")

    def check_size(self, path, text):
        lines = text.count("\n")
        lines_max = HEADER_LINES_MAX if path.suffix == ".h" else SOURCE_LINES_MAX
        if lines > lines_max:
            self.fault(path, 1, "file-size", f"{lines} lines, at most {lines_max}")

    def check_functions(self, path, text):
        for function in cpp_source.functions(text):
            for rule, value, limit, unit in (
                ("function-size", function.lines, FUNCTION_LINES_MAX, "lines"),
                ("nesting", function.nesting, NESTING_MAX, "levels"),
                ("parameters", function.parameters, PARAMETERS_MAX, "parameters"),
            ):
                if value > limit:
                    self.fault(path, function.line, rule,
                               f"{function.name} has {value} {unit}, at most {limit}")

    def check_names(self, path, code):
        for match in EMPTY_NAMES.finditer(code):
            self.fault(path, cpp_source.line_of(code, match.start()), "name",
                       f"{match.group(1)}: the ending says nothing")
        if EMPTY_FILES.search(path.name):
            self.fault(path, 1, "name", "the file's name says nothing")

    # -- includes -------------------------------------------------------------------------------

    def check_includes(self, path, text, is_test):
        relative = path.relative_to(self.root)
        own = path.with_suffix(".h")
        if path.suffix == ".cc" and relative.parts[0] == "src" and own.exists():
            name = str(own.relative_to(self.root / "src"))
            first = re.search(r'^\s*#\s*include\s+[<"]([^>"]+)', text, re.M)
            if not first or first.group(1) != name:
                self.fault(path, 1, "own-header", f"include {name} first: it proves that it compiles alone")
        for number, line in enumerate(text.splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
            if not match:
                continue
            quote, included = match.groups()
            if relative.parts[0] == "src":
                self.check_edge(path, number, quote, included, is_test)
                self.check_purity(path, number, included, is_test)
            is_shared = path.suffix == ".h" and not path.name.endswith("_test.h")
            if is_shared and self.is_third_party(quote, included):
                self.fault(path, number, "third-party",
                           f"<{included}> belongs in a .cc file: it slows down whoever includes this")
            if included.endswith("_test.h") and not is_test:
                self.fault(path, number, "fixture", f"{included} is for tests alone")

    def is_third_party(self, quote, included):
        if quote == '"':
            return included.endswith(".pb.h")
        return included not in STANDARD_HEADERS | {"atomic", "barrier"} and not POSIX_HEADERS.match(
            included
        )

    def check_edge(self, path, number, quote, included, is_test):
        below_src = path.relative_to(self.root / "src")
        if quote != '"' or included.endswith(".pb.h"):
            return
        folder, layer = self.layers.folder_of(below_src)
        if folder.split("/")[0] == "app":
            return
        if layer is None:
            self.fault(path, number, "layers", f"tools/layers.txt does not know the folder {folder}")
        elif "/" not in included:
            self.fault(path, number, "layers", f'"{included}": write the path from src')
        elif not self.layers.allows(folder, layer, included, is_test):
            self.fault(path, number, "layers", f"{folder} may not include {included}")

    def check_purity(self, path, number, included, is_test):
        top = path.relative_to(self.root / "src").parts[0]
        if top not in IMPURE and not is_test:
            if IMPURE_HEADERS.match(included) or POSIX_HEADERS.match(included):
                self.fault(path, number, "pure", f"<{included}> belongs to src/runtime")
        if top != "runtime" and RUNTIME_LIBRARIES.match(included):
            self.fault(path, number, "library", f"<{included}> only in src/runtime")

    # -- folders and documents ------------------------------------------------------------------

    def check_folders(self):
        listed = (self.root / "cmake/tandem.cmake").read_text()
        for folder in sorted({path.parent for path in self.sources()}):
            relative = folder.relative_to(self.root)
            if relative.parts[0] != "src":
                continue
            target = folder
            while target != self.root and not (target / "CMakeLists.txt").exists():
                target = target.parent
            if target == self.root:
                self.fault(folder, 1, "folder", "no CMakeLists.txt, here or above")
                continue
            # A folder may add its own subfolders, so one that is listed above is enough.
            above = [str(p) for p in (relative, *relative.parents)]
            if not any(re.search(rf"(?<![\w/]){re.escape(n)}(?![\w/])", listed) for n in above[:-1]):
                self.fault(target, 1, "folder", "not listed in TANDEM_FOLDERS (cmake/tandem.cmake)")
            readme = target / "README.md"
            if not readme.exists():
                self.fault(target, 1, "folder", "README.md is missing")
            elif readme.read_text().count("\n") > README_LINES_MAX:
                self.fault(readme, 1, "folder", f"a README has at most {README_LINES_MAX} lines")

    def check_links(self):
        """Links of documents to files of this repository lead somewhere."""
        documents = list(self.root.glob("*.md"))
        for folder in ("src", "docs", "tests", "bench", "tools", "deploy", "api", "proto"):
            documents += sorted((self.root / folder).rglob("*.md"))
        for path in documents:
            for number, line in enumerate(path.read_text().splitlines(), 1):
                for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", line):
                    if "://" in target or target.startswith("mailto:"):
                        continue
                    if not (path.parent / target).exists():
                        self.fault(path, number, "link", f"{target} does not exist")
                for target in QUOTED_PATH.findall(line):
                    if not (self.root / target).exists():
                        self.fault(path, number, "link", f"{target} does not exist")

    def apply_exceptions(self):
        listing = self.root / "tools/tidy_exceptions.txt"
        if not listing.exists():
            return
        for number, line in enumerate(listing.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            rule, path, reason = (line.split(None, 2) + ["", ""])[:3]
            excused = [f for f in self.faults if f.rule == rule and f.path == path]
            if not reason:
                self.fault(listing, number, "exception", "RULE PATH REASON, all three")
            elif not excused:
                self.fault(listing, number, "exception", f"{rule} {path} excuses nothing; remove it")
            self.faults = [f for f in self.faults if f not in excused]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=Path(__file__).resolve().parent.parent)
    faults = Tree(parser.parse_args().root).check()
    for fault in faults:
        print(fault)
    print(f"tidy: {len(faults)} faults" if faults else "tidy: no faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
