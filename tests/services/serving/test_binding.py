"""Where the inference server listens, told before anything is loaded."""

import socket
import subprocess
import sys

import pytest

from services.errors.outages import PortTaken, SettingsMissing

pytestmark = pytest.mark.slow


def test_a_taken_port_is_told_before_anything_is_loaded():
    from services.serving.inference_server import bind  # noqa: PLC0415 - loads torch

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortTaken, match="INFERENCE_PORT"):
            bind("127.0.0.1", other.getsockname()[1])


def test_the_server_binds_the_address_it_is_given_and_no_other():
    from services.serving.inference_server import bind  # noqa: PLC0415 - loads torch

    with bind("127.0.0.2", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.2"


def test_an_address_of_another_machine_is_named_by_its_setting():
    from services.serving.inference_server import bind  # noqa: PLC0415 - loads torch

    with pytest.raises(SettingsMissing, match="INFERENCE_HOST"):
        bind("192.0.2.1", 0)


def test_asking_loads_neither_torch_nor_transformers():
    script = (
        "import sys, services.language_model.asking as _;"
        "sys.exit(bool({'torch', 'transformers', 'peft'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
