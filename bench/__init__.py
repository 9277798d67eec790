"""Benchmarks: ours and peers', on one server, in one run, in one table. `script/bench ledger`.

It knows no figure beforehand and asserts no timing: it measures, compares, and says what could not be measured.
A *contender* does the same unit of work (`purchase`) in its own database and its own way; contenders take turns in
rounds, so that a slow minute of the machine slows all of them.
"""
