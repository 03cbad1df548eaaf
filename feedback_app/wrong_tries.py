"""Wrong passwords by address, in this process: what keeps guessing from being fast."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import ClassVar

from services.errors.outages import TooManyTries

MOST_WRONG = 10  # tries from one address
WITHIN = timedelta(minutes=1)


@dataclass(slots=True)
class WrongTries:
    KEY: ClassVar[str] = "wrong_tries"

    _at: defaultdict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    _lock: Lock = field(default_factory=Lock)

    def refuse_many(self, address: str, *, at: datetime) -> None:
        """Raises TooManyTries after too many within the last minute."""
        with self._lock:
            for known in list(self._at):
                self._at[known] = [one for one in self._at[known] if at - one < WITHIN]
                if not self._at[known]:
                    del self._at[known]
            if len(self._at.get(address, ())) >= MOST_WRONG:
                raise TooManyTries(int(WITHIN.total_seconds()))

    def add(self, address: str, *, at: datetime) -> None:
        with self._lock:
            self._at[address].append(at)
