"""What a call takes, as the clock of runs says it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

from evalkit.core.clock import clock, loading, machine, since

BUSY = "import time\nwhile time.process_time() < 0.15: pass"


def work(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_waiting_takes_no_processor_and_work_of_a_child_or_a_thread_does() -> None:
    start = clock()
    time.sleep(0.2)
    waited = since(start)
    assert waited.elapsed >= 0.2 and waited.processor < 0.1
    start = clock()
    subprocess.run([sys.executable, "-I", "-S", "-c", BUSY], check=True)
    child = since(start)
    assert child.processor >= 0.15
    start = clock()
    thread = threading.Thread(target=work, args=(0.1,))
    thread.start()
    thread.join()
    assert since(start).processor >= 0.1


def test_the_clock_stands_still_while_a_model_is_loaded() -> None:
    start = clock()
    with loading():
        work(0.1)
        with loading():
            work(0.1)
    work(0.05)
    spent = since(start)
    assert 0.05 <= spent.processor < 0.1
    assert spent.part(0.5).processor == spent.processor / 2


def test_the_machine_is_named_in_one_line() -> None:
    assert machine().isprintable() and "core" in machine()
