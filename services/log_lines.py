"""How a process of ours writes its log: lines for people, or with LOG_FORMAT=json one JSON object a line.

What a line is about (persona, version, answer, run) is in the record's `about`, which those who log set.
"""

import json
import logging
from datetime import UTC, datetime

LINES_FOR_PEOPLE = "%(asctime)s %(levelname)s %(name)s %(message)s"


class JsonLines(logging.Formatter):
    """Time, level, logger, message, and each thing the line is about under its own name."""

    def format(self, record: logging.LogRecord) -> str:
        about = getattr(record, "about", {})
        line = {
            **{
                name: value if isinstance(value, int | float) else str(value) for name, value in about.items()
            },
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def write_logs(log_format: str) -> None:
    """For an edge, at its start."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if log_format == "json" else logging.Formatter(LINES_FOR_PEOPLE))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for talkative in ("httpx", "httpx2"):  # a line for every question passed on: others say it already
        logging.getLogger(talkative).setLevel(logging.WARNING)
