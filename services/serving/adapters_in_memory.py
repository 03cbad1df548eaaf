"""Keeps many adapters on one base in memory and makes exactly one active at a time (torch).

PEFT's active adapter is a state of the whole model, so one thread owns this object but for `provenance`.
Digests are the adapter store's business; what it hands over is sound.
"""

import logging
import shutil
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from peft import PeftConfig, PeftModel, PeftType
from safetensors.torch import load_file
from transformers import PreTrainedModel

from services.adapters.digests import WEIGHTS_FILE
from services.adapters.disk import locked
from services.adapters.store import AdapterName, AdapterStore
from services.domain.fingerprint import Fingerprint
from services.errors.artifacts import AdapterCorrupt, WeightsOfOtherSize
from services.errors.outages import AnotherBaseServed
from services.language_model.adapter_values import copy_weights
from services.language_model.asking import BASE_NAME
from services.language_model.loading import quantisation_of

logger = logging.getLogger(__name__)


class AdaptersInMemory:
    """Loads adapters by immutable name on first use; the least recently used one makes room for the next."""

    def __init__(
        self, base: PreTrainedModel, store: AdapterStore, *, base_digest: str, cache: Path, capacity: int
    ) -> None:
        self._base, self._base_digest, self._store = base, base_digest, store
        self._cache, self._capacity = cache, capacity
        self._peft: PeftModel | None = None
        self._loaded: OrderedDict[str, None] = OrderedDict()

    def names(self) -> tuple[str, ...]:
        """What is in memory, the least recently used first, the base not counted."""
        return tuple(self._loaded)

    def provenance(self, name: str) -> Mapping[str, object]:
        """How an adapter came about, nothing for the base; any thread may ask.

        Raises AdapterMissing, AdapterCorrupt.
        """
        return {} if name == BASE_NAME else self._store.manifest(AdapterName(name)).provenance

    def expected(self, name: str) -> tuple[Fingerprint, ...]:
        """How an adapter was served where it was evaluated; AdapterCorrupt, AdapterStoreUnavailable."""
        return self._store.expected(AdapterName(name))

    @contextmanager
    def active(self, name: str) -> Iterator[PreTrainedModel]:
        """The base with this adapter and no other, or the plain base for BASE_NAME.

        Raises AdapterMissing, AdapterCorrupt.
        """
        if name != BASE_NAME:
            self.load(name)
        if self._peft is None:
            yield self._base
            return
        if name == BASE_NAME:
            self._peft.base_model.disable_adapter_layers()
        else:
            self._peft.set_adapter(name, inference_mode=True)
            self._peft.base_model.enable_adapter_layers()
        yield self._base  # PEFT changes its layers in place

    def load(self, name: str) -> bool:
        """Bring an adapter into memory and mark it as just used; whether it was not there before.

        Raises AdapterMissing, AdapterCorrupt, AdapterStoreUnavailable, AnotherBaseServed.
        """
        is_new = name not in self._loaded
        if is_new:
            self._check_base(name)
            folder = self._store.fetch(AdapterName(name), into=self._cache)
            while len(self._loaded) >= self._capacity:
                self.unload(next(iter(self._loaded)))
            self._put_on_base(name, folder)
            self._loaded[name] = None
            self._tidy_cache()
            logger.info("adapter %s loaded, %d in memory", name, len(self._loaded))
        self._loaded.move_to_end(name)
        return is_new

    def unload(self, name: str) -> bool:
        """Take an adapter out of memory; False when it was not there."""
        if name not in self._loaded:
            return False
        del self._loaded[name]
        self._forget(name)
        return True

    def _check_base(self, name: str) -> None:
        """An adapter fits any base of equal sizes, and says nothing sensible on one it was not trained on."""
        provenance = self._store.manifest(AdapterName(name)).provenance
        trained_on = str(provenance.get("base_digest", self._base_digest))
        if trained_on != self._base_digest:
            held = str(provenance.get("quantisation", "")).partition(",")[0]
            described = f"{provenance.get('base_model', 'a base')} ({trained_on[:12]}, quantisation {held})"
            raise self._another_base(name, described)

    def _another_base(self, name: str, trained_on: str) -> AnotherBaseServed:
        served = (
            f"{self._base.config.name_or_path} "
            f"({self._base_digest[:12]}, quantisation {quantisation_of(self._base)})"
        )
        return AnotherBaseServed(name, trained_on=trained_on, served=served)

    def _tidy_cache(self) -> None:
        """Keep the files of as many adapters as memory may hold, the newest and what is loaded."""
        with locked(self._cache):
            folders = sorted(self._cache.glob("*@*"), key=lambda folder: folder.stat().st_mtime, reverse=True)
            for folder in folders[self._capacity :]:
                if folder.name not in self._loaded:
                    shutil.rmtree(folder)

    def _put_on_base(self, name: str, folder: Path) -> None:
        config = PeftConfig.from_pretrained(str(folder))
        if config.peft_type != PeftType.LORA:
            raise AdapterCorrupt(name, "it is not a LoRA adapter")
        config.inference_mode = True
        try:
            if self._peft is None:
                self._peft = PeftModel(self._base, config, adapter_name=name)
            else:
                self._peft.add_adapter(name, config)
            weights = load_file(folder / WEIGHTS_FILE, device=str(self._base.device))
            unmatched = copy_weights(self._peft, name, weights)
        except (ValueError, RuntimeError, KeyError, WeightsOfOtherSize) as error:
            self._forget(name)
            # Its files are as they were when it was trained.
            raise self._another_base(name, "a base of other sizes") from error
        if unmatched:
            self._forget(name)
            raise AdapterCorrupt(name, "its weights do not cover the layers it names")
        self._base.eval()

    def _forget(self, name: str) -> None:
        """Take what there is of an adapter off the base.

        The library adds no adapter while none is active.
        """
        if self._peft is None or name not in self._peft.peft_config:
            return
        if self._loaded:
            self._peft.set_adapter(next(iter(self._loaded)), inference_mode=True)
            self._peft.delete_adapter(name)
        else:
            self._peft.unload()
            self._peft = None
