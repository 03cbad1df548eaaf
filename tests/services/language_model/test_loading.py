"""What is heard of the libraries that load a base: a kernel that is missing by design is no news."""

import logging
import subprocess
import sys

import pytest

import services.language_model.loading  # noqa: F401  (it sets the filter)

LOGGER = "bitsandbytes.backends.cpu.ops"
MISSING = "Failed to load CPU gemm_4bit_forward from kernels-community: No module named 'kernels'."
# bitsandbytes speaks as it is imported, on some processors: the filter must be there by then.
WATCHED_IMPORT = f"""
import importlib, logging, sys

class Watch:
    def find_spec(self, name, path, target=None):
        if name == "bitsandbytes":
            sys.exit(0 if logging.getLogger("{LOGGER}").filters else "it is imported without the filter")

sys.meta_path.insert(0, Watch())
importlib.import_module(sys.argv[1])
sys.exit("bitsandbytes was not imported")
"""


@pytest.mark.parametrize(("said", "times"), [(MISSING, 0), ("The library is too old", 1)])
def test_of_the_quantisation_only_the_missing_kernel_is_not_heard(
    caplog: pytest.LogCaptureFixture, said: str, times: int
):
    logging.getLogger(LOGGER).warning(said)
    assert caplog.text.count(said) == times


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    ["services.training.qlora", "services.training.scoring_process", "services.serving.inference_server"],
)
def test_each_process_that_loads_a_base_starts_without_that_line(module: str):
    command = [sys.executable, "-c", WATCHED_IMPORT, module]
    started = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (started.returncode, started.stderr) == (0, "")
