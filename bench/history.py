"""Questions to a history of many records of calls: how long each kind takes, and what a record costs."""

import json
import os
import subprocess

from harness import BUILD, Failed
from report import Measure, progress

ROWS = int(os.environ.get("HISTORY_ROWS", "1000000"))
QUESTION_MS_MAX = 500  # "well under a second"


def history(folder):
    """HISTORY_KEEP: a file that is filled when it has too few records, and kept."""
    path = os.environ.get("HISTORY_KEEP", os.path.join(folder, "history.db"))
    program = os.path.join(BUILD, "bench", "history_fill")
    with subprocess.Popen([program, path, str(ROWS)], stdout=subprocess.PIPE, text=True) as process:
        measures = [measure_of(json.loads(line)) for line in process.stdout]
    if process.returncode != 0:
        raise Failed(f"{program} ended with {process.returncode}")
    progress(f"bench: history: {os.path.getsize(path) / 1e9:.2f} GB for {ROWS} records")
    return measures


def measure_of(line):
    """{"name", "unit", "value"}, and "found" and "pages" of a question."""
    is_question = "found" in line
    note = f"{line['found']} records, {line['pages']} pages" if is_question else None
    target = ("value", "<=", QUESTION_MS_MAX) if is_question else None
    return Measure("history: " + line["name"], line["unit"], line["value"], target=target, note=note)
