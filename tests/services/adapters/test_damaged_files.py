"""A damaged file in the store: found and named, and written anew from the folder it came from."""

import pytest

from services.adapters.digests import ADAPTER_FILES
from services.errors.artifacts import AdapterCorrupt, AdapterExists
from tests.services.adapters.publishing import PIRATE, PROVENANCE, flip_byte, publish, version_file


@pytest.mark.parametrize("position", [0, 9, -1])
@pytest.mark.parametrize("name", ADAPTER_FILES)
def test_one_flipped_byte_in_a_file_is_found_and_named(store, url, make_folder, tmp_path, name, position):
    manifest = publish(store, make_folder())
    flip_byte(url, name, position)

    with pytest.raises(AdapterCorrupt, match=name):
        store.fetch(manifest.name, into=tmp_path / "cache")
    assert not (tmp_path / "cache" / manifest.name).exists()


def test_one_flipped_byte_anywhere_in_the_manifest_is_found(store, url, make_folder, tmp_path):
    manifest = publish(store, make_folder())
    files, path = version_file(url, "manifest.json")
    for position in range(files.size(path)):
        flip_byte(url, "manifest.json", position)
        with pytest.raises(AdapterCorrupt, match=r"manifest\.json"):
            store.fetch(manifest.name, into=tmp_path / "cache")
        flip_byte(url, "manifest.json", position)
    assert store.manifest(manifest.name) == manifest


def test_a_missing_file_is_found_and_named(store, url, make_folder, tmp_path):
    manifest = publish(store, make_folder())
    files, path = version_file(url, "adapter_config.json")
    files.rm(path)

    with pytest.raises(AdapterCorrupt, match=r"adapter_config\.json is missing"):
        store.fetch(manifest.name, into=tmp_path / "cache")


def test_a_damaged_version_leaves_the_others_alone(store, url, make_folder, tmp_path):
    publish(store, make_folder(1.0), number=1)
    sound = publish(store, make_folder(2.0), number=2)
    flip_byte(url, "manifest.json", 30)

    assert store.fetch(sound.name, into=tmp_path / "cache").is_dir()


@pytest.mark.parametrize("name", [*ADAPTER_FILES, "manifest.json"])
def test_damaged_files_are_written_anew_from_the_folder_they_came_from(
    store, url, make_folder, tmp_path, name
):
    kept, other = publish(store, make_folder(1.0)), publish(store, make_folder(2.0), number=2)
    flip_byte(url, name, 5)
    with pytest.raises(AdapterCorrupt):
        store.fetch(kept.name, into=tmp_path / "cache")

    restored = store.restore(make_folder(1.0), persona=PIRATE, number=1, provenance=PROVENANCE)

    assert restored == kept == store.manifest(kept.name)
    assert store.fetch(kept.name, into=tmp_path / "cache").is_dir()
    assert store.fetch(other.name, into=tmp_path / "cache").is_dir()


def test_a_version_whose_folder_is_gone_is_written_anew(store, url, make_folder, tmp_path):
    kept = publish(store, make_folder())
    files, path = version_file(url, "")
    files.rm(path, recursive=True)

    assert store.restore(make_folder(), persona=PIRATE, number=1, provenance=PROVENANCE) == kept
    assert store.fetch(kept.name, into=tmp_path / "cache").is_dir()


def test_no_version_is_restored_as_another(store, make_folder, tmp_path):
    kept = publish(store, make_folder(1.0))

    with pytest.raises(AdapterExists, match="pirate/v0001"):
        store.restore(make_folder(2.0), persona=PIRATE, number=1, provenance=PROVENANCE)
    assert store.fetch(kept.name, into=tmp_path / "cache").is_dir()


def test_a_damaged_cache_is_replaced(store, make_folder, tmp_path):
    manifest = publish(store, make_folder())
    cached = store.fetch(manifest.name, into=tmp_path / "cache") / "adapter_model.safetensors"
    whole = cached.read_bytes()
    cached.write_bytes(whole[:-1])

    store.fetch(manifest.name, into=tmp_path / "cache")

    assert cached.read_bytes() == whole
