"""What a change of a call costs the desk of call queues, with 10, 100 and 1000 callers in line."""

import os

from harness import BUILD, run
from report import Measure

SIZES = (10, 100, 1_000)


def queues(_folder):
    lines = run([os.path.join(BUILD, "bench", "queue_cost"), *map(str, SIZES)], timeout=300).stdout.splitlines()
    figures = {int(line.split()[0]): float(line.split()[1]) for line in lines}
    fewest = figures[SIZES[0]]
    measures = [Measure(f"queue_change_{SIZES[0]}_callers", "us_cpu_per_change", fewest)]
    for size in SIZES[1:]:
        measures.append(Measure(f"queue_change_{size}_callers", "us_cpu_per_change", figures[size],
                                f"{SIZES[0]}_callers", fewest))
    return measures
