"""Warming: when a promotion is announced, the inference server loads its adapter before anyone asks for it.

Who serves is still read per ask; a missed announcement costs the first asker a load, nothing else.
"""

import json
import logging
import select
import threading
from collections.abc import Callable

from sqlalchemy import Engine

from services.adapters.promotions import CHANNEL
from services.errors.outages import AnotherBaseServed
from services.errors.tree import PersonaLoopError

logger = logging.getLogger(__name__)

_RETRY_AFTER = 5.0  # seconds until listening is tried again after the connection broke
_CHECK_EVERY = 60.0  # seconds between looks at a quiet connection


def start_warming(engine: Engine, load: Callable[[str], None]) -> threading.Thread:
    """Listen in a daemon thread and call `load` with the serving name of every version announced."""
    thread = threading.Thread(target=_follow, args=(engine, load), name="warming", daemon=True)
    thread.start()
    return thread


def _follow(engine: Engine, load: Callable[[str], None]) -> None:
    while True:
        try:
            _listen(engine, load)
        except Exception:  # a thread that only saves time must not take the process down
            logger.warning("listening for promotions broke off; trying again", exc_info=True)
        threading.Event().wait(_RETRY_AFTER)


def _listen(engine: Engine, load: Callable[[str], None]) -> None:
    pooled = engine.raw_connection()
    connection = pooled.driver_connection
    pooled.detach()  # this connection listens for ever and must not go back to the pool
    if connection is None:
        return
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
            while True:
                if select.select([connection], [], [], _CHECK_EVERY)[0]:
                    connection.poll()
                else:
                    cursor.execute("SELECT 1")  # a quiet connection answers, a dead one raises
                while connection.notifies:
                    _warm(json.loads(connection.notifies.pop(0).payload)["name"], load)
    finally:
        connection.close()


def _warm(name: str, load: Callable[[str], None]) -> None:
    try:
        load(name)
    except AnotherBaseServed:  # as most are where several servers hold a base each
        logger.info("warming %s is left to the server that holds its base", name)
    except PersonaLoopError as error:
        logger.warning("warming %s: %s", name, error)
