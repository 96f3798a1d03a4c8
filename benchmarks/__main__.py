"""Print the tables: ``python -m benchmarks``."""

import argparse
import os
import sys
import time
from pathlib import Path

from benchmarks import (
    accuracy,
    chain_starts,
    chains,
    densities,
    evaluations,
    iterations,
    memory,
    missing,
    online,
    outside,
    small,
    starts,
    state_space,
    steps,
)
from benchmarks.machine import describe, measure
from benchmarks.race import PACKAGES, Settings, set_up
from benchmarks.report import write

TABLES = {
    "full": iterations.full,
    "covariances": iterations.covariances,
    "binomial": iterations.binomials,
    "scoring": iterations.scoring,
    "components": iterations.components,
    "accuracy": accuracy.table,
    "evaluations": evaluations.table,
    "starts": starts.table,
    "small": small.table,
    "steps": steps.table,
    "memory": memory.table,
    "missing": missing.table,
    "outside": outside.table,
    "online": online.table,
    "densities": densities.table,
    "state-space": state_space.table,
    "chains": chains.table,
    "chain-starts": chain_starts.table,
}


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=TABLES, help="this table (repeatable)")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: does it all still run?")
    parser.add_argument("--output", type=Path, help="also write the tables, to *.md or *.json")
    parser.add_argument("--setup", action="store_true", help="make environments for the peers")
    for name in (*PACKAGES, "Rscript"):
        variable = f"SKEM_BENCHMARKS_{name.upper()}"
        parser.add_argument(
            f"--{name}",
            metavar="PROGRAM",
            default=os.environ.get(variable),
            help=f"interpreter that has it (or set {variable})",
        )
    options = parser.parse_args(arguments)
    if options.setup:
        set_up()
        return
    interpreters = {name: getattr(options, name) for name in (*PACKAGES, "Rscript")}
    settings = Settings(
        options.smoke, {name: program for name, program in interpreters.items() if program}
    )
    machine = measure(settings.few(2, 0))
    heading = describe(machine)
    if settings.smoke:
        heading += " Smoke run: the sizes are tiny and the figures mean nothing."
    print(heading, flush=True)
    tables = []
    for name in options.only or TABLES:
        started = time.perf_counter()
        print(f"{name} ...", file=sys.stderr, flush=True)
        tables.append(TABLES[name](settings, machine))
        print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        print(f"\n{tables[-1].markdown()}", flush=True)
        if options.output:  # table by table, so that an interrupted run is not lost
            write(options.output, heading, tables)


if __name__ == "__main__":
    main()
