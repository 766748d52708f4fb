"""`python -m dashboards.assets`: fetch what the pages need, for an installation from a working tree."""

from __future__ import annotations

import sys

from dashboards.assets import VENDOR, AssetError, install

try:
    fetched = install()
except AssetError as error:
    sys.exit(f"dashboards.assets: {error}")
sys.stdout.write(f"page scripts {'fetched into' if fetched else 'already in'} {VENDOR}\n")
