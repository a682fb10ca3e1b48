"""Measures as they are printed: JSON lines for programs, a table for people."""

import json
import sys


class Measure:
    """One figure; with `peer`, also the figure of a peer or a floor taken in the same run, and the ratio
    of ours to it. `target`: what was promised, (subject, sign, bound), e.g. ("ratio", "<=", 0.5)."""

    def __init__(self, name, unit, value, peer=None, peer_value=None, target=None, note=None):
        self.name, self.unit, self.value = name, unit, value
        self.peer, self.peer_value = peer, peer_value
        self.target, self.note = target, note

    @property
    def ratio(self):
        return self.value / self.peer_value if self.peer_value else None

    def met(self):
        """True or False; None when nothing was promised, or its peer is missing."""
        if not self.target:
            return None
        subject, sign, bound = self.target
        seen = self.ratio if subject == "ratio" else self.value
        if seen is None:
            return None
        return seen <= bound if sign == "<=" else seen < bound

    def as_json(self):
        fields = {"name": self.name, "unit": self.unit, "value": rounded(self.value)}
        if self.peer:
            fields |= {"peer": self.peer, "peer_value": rounded(self.peer_value),
                       "ratio": rounded(self.ratio)}
        if self.target:
            fields |= {"target": target_text(self.target), "met": self.met()}
        if self.note:
            fields["note"] = self.note
        return json.dumps(fields)


def rounded(value):
    return None if value is None else float(f"{value:.4g}")


def target_text(target):
    subject, sign, bound = target
    return f"{subject} {sign} {bound:g}"


def text(value):
    return "" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def print_table(measures):
    rows = [("measure", "value", "unit", "peer or floor", "its value", "ratio", "target", "")]
    for m in measures:
        verdict = {True: "met", False: "NOT MET", None: ""}[m.met()]
        rows.append((m.name, text(m.value), m.unit, m.peer or "", text(m.peer_value), text(m.ratio),
                     target_text(m.target) if m.target else "", verdict))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [cell.rjust(width) if i in (1, 4, 5) else cell.ljust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())
    for m in measures:
        if m.note:
            print(f"{m.name}: {m.note}")


def progress(line):
    print(line, file=sys.stderr, flush=True)
