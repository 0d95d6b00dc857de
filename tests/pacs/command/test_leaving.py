"""A process that is told to end does so in time, whatever it is doing."""

import os
import signal
import subprocess
import sys
import time

PROGRAM = """
import time
from pacs.command.serve import stop_on_sigterm
stop = stop_on_sigterm(0.3)
print("ready", flush=True)
time.sleep(60) if __import__("sys").argv[1] == "busy" else stop.wait()
while __import__("sys").argv[1] == "busy":
    time.sleep(60)
"""


def test_a_process_leaves_in_the_middle_of_something() -> None:
    assert _ended("busy") < 5


def test_a_process_that_ends_by_itself_is_not_held_up() -> None:
    assert _ended("idle") < 5


def _ended(how: str) -> float:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, how], stdout=subprocess.PIPE, text=True, cwd=os.getcwd())
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    return time.monotonic() - began
