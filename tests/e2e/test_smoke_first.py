from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from storage.sealing import opened
from tests.e2e.gateway import Gateway
from tests.e2e.service import Service, until

SAMPLE = Path(__file__).parents[2] / "registry" / "sample"


def test_a_smoke_alarm_rings_while_a_replay_runs_at_full_speed(
    services: Callable[..., Service], recording: Path
) -> None:
    service = services("--no-town", "--rules", "shanghai-12h")
    service.start()
    service.run("registry", "import", str(SAMPLE))
    replay = service.command("replay", str(recording))
    until(lambda: service.rows("SELECT count(*) > 1000 FROM reading") == [(True,)], "the replay is on its way")
    with Gateway(service, "gateway-yuzhong-1") as gateway:
        pack = [{"n": "yz-0001-smoke/alarm", "u": "/", "v": 1, "t": time.time()}]
        gateway.publish("telemetry/gateway-yuzhong-1/senml", json.dumps(pack))
        until(lambda: service.rows("SELECT 1 FROM handset_message"), "the telephone rings")
    assert replay.poll() is None, "the alarm waited for the whole replay"
    [(key, phone, medium)] = service.rows("SELECT id, phone, medium FROM handset_message ORDER BY at LIMIT 1")
    assert (opened("handset_message.phone", key, phone), medium) == ("+12025550101", "call")
    out, _ = replay.communicate(timeout=300)
    assert replay.returncode == 0, out
