"""Faults, as commands: what an acknowledgement is worth when processes are killed, power is cut and peers are hostile.

`make faults` runs all of them (docs/faults.md). Each module is a program of its own (`python -m tests.faults.kill9`),
prints what it counted, and fails when it counted nothing; tests/faults/test_*.py run a short sample of each.
"""
