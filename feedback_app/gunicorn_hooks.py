"""What gunicorn calls as it starts: the folder in which its workers add up their metrics begins empty.

Each worker writes files of its own there and any of them reads all (PROMETHEUS_MULTIPROC_DIR, which the
Procfile sets before Prometheus' library is imported).
"""

import os
import shutil
from pathlib import Path


def on_starting(_server: object) -> None:
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
