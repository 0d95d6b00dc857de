"""A process that is told to end does so in time, whatever it is doing."""

import os
import signal
import subprocess
import sys

PROGRAM = """
import time
from pacs.command.serve import stop_on_sigterm
stop = stop_on_sigterm(0.3 if __import__("sys").argv[1] == "busy" else 600)
print("ready", flush=True)
time.sleep(600) if __import__("sys").argv[1] == "busy" else stop.wait()
while __import__("sys").argv[1] == "busy":
    time.sleep(600)
"""


def test_a_process_leaves_in_the_middle_of_something() -> None:
    assert _ended("busy") == 0


def test_a_process_that_ends_by_itself_is_not_held_up() -> None:
    assert _ended("idle") == 0


def _ended(how: str) -> int:
    """How it left; subprocess.TimeoutExpired when it did not."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, how], stdout=subprocess.PIPE, text=True, cwd=os.getcwd())
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    return process.wait(60)
