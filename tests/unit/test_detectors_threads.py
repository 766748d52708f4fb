"""Several engines begin at the same moment, each in a thread of its own, in a worker that takes partitions over."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

from detectors.rules import load
from registry.readings import SensorTable

# A fresh process, because what crashed it happened once, at the first use; switching often, because it was rare.
_EIGHT_AT_ONCE = """
import pickle, sys, threading
from pathlib import Path
from detectors.rules import load
from registry.readings import SensorTable

saved = pickle.loads(Path(sys.argv[1]).read_bytes())
begin = threading.Barrier(8)

def take_over():
    begin.wait()
    load("default", SensorTable()).restore(saved)

threads = [threading.Thread(target=take_over) for _ in range(8)]
sys.setswitchinterval(1e-6)
for one in threads:
    one.start()
for one in threads:
    one.join()
"""


def test_rule_sets_can_be_made_and_restored_in_several_threads_at_once(tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    saved.write_bytes(pickle.dumps(load("default", SensorTable()).snapshot()))
    for _ in range(5):
        command = [sys.executable, "-X", "faulthandler", "-c", _EIGHT_AT_ONCE, str(saved)]
        made = subprocess.run(command, check=False, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
