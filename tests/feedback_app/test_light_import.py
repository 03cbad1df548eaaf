"""The web app must start in a process that has no torch."""

import subprocess
import sys

PROGRAM = """
import sys
import feedback_app
print(sorted({"torch", "transformers", "peft", "airflow"} & set(sys.modules)))
"""


def test_importing_the_app_loads_no_torch_no_transformers_no_airflow():
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
