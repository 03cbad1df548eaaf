import pytest

from services.domain.training import Quantisation

pytestmark = pytest.mark.slow


def test_the_least_recently_used_adapter_makes_room_for_the_next(served, tmp_path):
    from services.adapters.file_store import FileAdapterStore  # noqa: PLC0415
    from services.language_model.loading import load_base  # noqa: PLC0415 - loads torch
    from services.serving.adapters_in_memory import AdaptersInMemory  # noqa: PLC0415

    base = load_base(
        str(served.base_folder), revision="main", attention="auto", quantisation=Quantisation.NF4
    )
    store = FileAdapterStore(f"file://{served.store_root}")
    digest = served.engine.base.digest
    adapters = AdaptersInMemory(base, store, base_digest=digest, cache=tmp_path, capacity=2)
    first, second, third = served.names["A"], served.names["B"], served.publish("C")
    for name in (first, second, first, third):
        with adapters.active(name):
            pass
    assert adapters.names() == (first, third)
    assert not adapters.unload(second)
    with adapters.active(second):
        pass
    assert adapters.names() == (third, second)
    assert {folder.name for folder in tmp_path.glob("*@*")} == {third, second}
