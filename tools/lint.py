#!/usr/bin/env python3
"""Runs clang-tidy over the sources, within a budget of time.

    tools/lint.py [--all] [--seconds N] [--jobs N] [file...]

Without --all only what differs from the main branch (or from the commit before, on main). With it, all files,
those that changed last first, until the time is up; what was left out is counted. A file that was clean is
not looked at again while neither it, nor a header of ours, nor .clang-tidy has changed.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATABASE = ROOT / "build/debug/compile_commands.json"
CLEAN = ROOT / "build/lint"


def git(*arguments):
    result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return result.stdout.split("\n") if result.returncode == 0 else []


def built_sources():
    """The files of the debug build that are ours, relative to the root."""
    found = set()
    for entry in json.loads(DATABASE.read_text()):
        path = Path(os.path.normpath(os.path.join(entry["directory"], entry["file"])))
        if path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / "build"):
            found.add(str(path.relative_to(ROOT)))
    return found


def changed_files():
    """What differs from where this branch left main; on main itself, from the commit before."""
    base = (git("merge-base", "HEAD", "main") or [""])[0]
    if not base or base == (git("rev-parse", "HEAD") or [""])[0]:
        base = "HEAD~1"
    return set(git("diff", "--name-only", base)) | set(
        git("ls-files", "--others", "--exclude-standard")
    )


def newest_first(files):
    """By the last commit that touched them; files that git does not know come first."""
    rank = {}
    for line in git("log", "-n", "200", "--format=", "--name-only"):
        rank.setdefault(line, len(rank) + 1)
    known = set(git("ls-files"))
    return sorted(files, key=lambda f: (rank.get(f, len(rank) + 1) if f in known else 0, f))


def clean_mark(file, headers):
    digest = hashlib.sha256(headers)
    digest.update((ROOT / file).read_bytes())
    return CLEAN / digest.hexdigest()


def headers_digest():
    digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    for path in sorted((ROOT / "src").rglob("*.h")):
        digest.update(path.read_bytes())
    return digest.digest()


def lint(file, mark, deadline):
    """None when there was no time left, else the faults as text."""
    if time.monotonic() > deadline:
        return None
    # A test may copy what it likes.
    checks = ["--checks=-performance-*"] if file.endswith("_test.cc") else []
    result = subprocess.run(
        ["clang-tidy-16", "-p", str(DATABASE.parent), "--quiet", *checks, file],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )
    if result.returncode == 0:
        mark.touch()
        return ""
    text = result.stdout or result.stderr
    print(text, flush=True)
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--seconds", type=int, default=150)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()

    sources = built_sources()
    if options.files:
        chosen = [f for f in options.files if f in sources]
    else:
        chosen = newest_first(sources if options.all else sources & changed_files())
    CLEAN.mkdir(parents=True, exist_ok=True)
    headers = headers_digest()
    work = [(file, clean_mark(file, headers)) for file in chosen]
    work = [(file, mark) for file, mark in work if not mark.exists()]
    deadline = time.monotonic() + options.seconds
    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(lambda item: lint(*item, deadline), work))

    faulty = [text for text in results if text]
    left_out = results.count(None)
    print(f"lint: {len(chosen)} files, {len(chosen) - len(work)} of them known to be clean, "
          f"{len(faulty)} with faults" + (f", {left_out} left out: time was up" if left_out else ""))
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
