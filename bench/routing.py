"""What finding a call's route costs with dial plans of 10, 1000 and 100 000 rules."""

import os

from harness import BUILD, run
from report import Measure

SIZES = (10, 1_000, 100_000)


def routing(_folder):
    lines = run([os.path.join(BUILD, "bench", "routing_cost"), *map(str, SIZES)], timeout=300).stdout.splitlines()
    figures = {int(line.split()[0]): [float(each) for each in line.split()[1:]] for line in lines}
    fewest = figures[SIZES[0]][0]
    measures = [Measure(f"routing_{SIZES[0]}_rules", "us_cpu_per_call", fewest)]
    for size in SIZES[1:]:
        measures.append(Measure(f"routing_{size}_rules", "us_cpu_per_call", figures[size][0],
                                f"{SIZES[0]}_rules", fewest, ("value", "<=", 5)))
    measures.append(Measure(f"routing_compile_{SIZES[-1]}_rules", "ms_cpu", figures[SIZES[-1]][1],
                            note="paid by the first call after a change of the rules"))
    measures.append(Measure(f"routing_check_{SIZES[-1]}_rules", "ms_cpu", figures[SIZES[-1]][2],
                            note="looking for what is odd about all rules, when somebody asks"))
    return measures
