"""A real inference server on a free port: a tiny base in 4 bits, adapters known by the letter they say."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from services.adapters.file_store import FileAdapterStore
from services.domain.personas import PersonaSlug
from services.domain.training import Quantisation
from services.language_model.asking import InferenceClient

if TYPE_CHECKING:
    from services.serving.inference_engine import InferenceEngine

TOKEN = "a token for tests"
METRICS_TOKEN = "a token of Prometheus's"


@dataclass(frozen=True)
class Served:
    """`names` maps a letter to the serving name of the adapter that says it."""

    url: str
    engine: "InferenceEngine"
    client: InferenceClient
    names: dict[str, str]
    publish: Callable[[str], str]
    base_folder: Path
    store_root: Path


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    from services.serving.inference_engine import (  # noqa: PLC0415 - loads torch
        InferenceEngine,
        load_adapters,
        load_base_model,
    )
    from tests.services.language_model.forcing import (  # noqa: PLC0415
        write_forcible_base,
        write_forcing_adapter,
    )

    root = tmp_path_factory.mktemp("served")
    base_folder = write_forcible_base(root / "base")
    store = FileAdapterStore(f"file://{root / 'store'}")
    store.begin()

    def publish(letter: str) -> str:
        folder = write_forcing_adapter(root / "trained" / letter, base_folder, letter=letter)
        number = ord(letter)
        provenance = {"base_digest": base.digest}
        return store.publish(folder, persona=PersonaSlug("pirate"), number=number, provenance=provenance).name

    base = load_base_model(str(base_folder), revision="main", quantisation=Quantisation.NF4)
    adapters = load_adapters(base, store, cache=root / "cache")
    engine = InferenceEngine(base, adapters, batch_size=8, queue_limit=200)
    with listening(engine) as url:
        yield Served(
            url=url,
            engine=engine,
            client=InferenceClient(url, token=TOKEN),
            names={letter: publish(letter) for letter in "AB"},
            publish=publish,
            base_folder=base_folder,
            store_root=root / "store",
        )


@contextmanager
def listening(engine: "InferenceEngine") -> Iterator[str]:
    """Runs the server of an engine on a free port in a thread; the engine stops with it."""
    import uvicorn  # noqa: PLC0415

    from services.serving.inference_server import bind, create_server  # noqa: PLC0415 - loads torch

    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(
        uvicorn.Config(
            create_server(engine, token=TOKEN, metrics_token=SecretStr(METRICS_TOKEN)), log_level="warning"
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(30)
