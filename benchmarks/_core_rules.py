"""The core rules alone, as anybody would write them: each prompt's best answer, once, by split, in files.

    python -m benchmarks._core_rules sql|pandas|datasets SLUG CUTOFF FOLDER

prints one JSON object; seconds begin after the imports. Each reads the same journal from the database. The
best answer has the highest mean of its raters' newest stars, of which two are 4 or 5, and a mean of 4; equal
questions with equal answers count once; the split is the one that was drawn.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from benchmarks._assembling import peak_mib
from services.db.session import database_url, make_engine
from services.settings import read_settings

_CHUNK = 2_000
_FROM = """
FROM ratings j
JOIN answers a ON a.id = j.answer_id
JOIN questions q ON q.id = a.question_id
JOIN conversations c ON c.id = q.conversation_id
JOIN personas p ON p.id = c.persona_id AND p.slug = :slug
"""
_ONE_STATEMENT = f"""
WITH newest AS (
    SELECT DISTINCT ON (j.answer_id, j.rater_id) j.answer_id, j.stars {_FROM}
    WHERE j.created_at <= :cutoff ORDER BY j.answer_id, j.rater_id, j.id DESC
), judged AS (
    SELECT answer_id, avg(stars) AS good FROM newest GROUP BY answer_id
    HAVING avg(stars) >= 4 AND count(*) FILTER (WHERE stars >= 4) >= 2
), best AS (
    SELECT DISTINCT ON (q.prompt_key) c.persona_id, q.split_key, q.text AS question, a.text AS answer
    FROM judged k JOIN answers a ON a.id = k.answer_id JOIN questions q ON q.id = a.question_id
    JOIN conversations c ON c.id = q.conversation_id
    ORDER BY q.prompt_key, k.good DESC, a.id DESC
)
SELECT DISTINCT ON (question, answer)
       s.split, json_build_object('prompt', question, 'completion', answer)::text
FROM best b JOIN prompt_splits s ON s.persona_id = b.persona_id AND s.split_key = b.split_key
"""  # noqa: S608  (the fragment is the code's own)
_JOURNAL = f"""
SELECT j.id, a.id::text AS answer_id, j.rater_id::text AS rater_id, j.stars, q.prompt_key,
       q.text AS prompt, a.text AS completion, s.split {_FROM}
JOIN prompt_splits s ON s.persona_id = p.id AND s.split_key = q.split_key
WHERE j.created_at <= :cutoff ORDER BY j.id DESC
"""
_WRITTEN = ["prompt", "completion"]
_SPLITS = ("train", "holdout")
Known = dict[str, object]


def main() -> int:
    how, slug, cutoff, folder = sys.argv[1:]
    work = {"sql": _sql, "pandas": _pandas, "datasets": _datasets}[how]()
    with make_engine(database_url(read_settings())).connect() as connection:
        began = time.perf_counter()
        rows = work(connection, {"slug": slug, "cutoff": datetime.fromisoformat(cutoff)}, Path(folder))
        for split in _SPLITS:
            hashlib.file_digest((Path(folder) / f"{split}.jsonl").open("rb"), "sha256").hexdigest()
        seconds = time.perf_counter() - began
    print(json.dumps({"rows": rows, "seconds": seconds, "peak_mib": peak_mib()}))
    return 0


Work = Callable[[Connection, Known, Path], int]


def _sql() -> Work:
    def work(connection: Connection, known: Known, folder: Path) -> int:
        rows = 0
        for memory in ("SET LOCAL work_mem = '128MB'", "SET LOCAL cursor_tuple_fraction = 1"):
            connection.execute(text(memory))
        files = {split: (folder / f"{split}.jsonl").open("w", encoding="utf-8") for split in _SPLITS}
        for split, line in _stream(connection, _ONE_STATEMENT, known):
            files[split].write(line + "\n")
            rows += 1
        for file in files.values():
            file.close()
        return rows

    return work


def _pandas() -> Work:
    import pandas  # noqa: PLC0415  (not what the others are measured with)

    def work(connection: Connection, known: Known, folder: Path) -> int:
        journal = pandas.read_sql(text(_JOURNAL), connection, params=known)
        newest = journal.drop_duplicates(["answer_id", "rater_id"])
        newest = newest.assign(high=newest["stars"] >= 4)
        judged = newest.groupby("answer_id").agg(good=("stars", "mean"), agree=("high", "sum")).reset_index()
        judged = judged[(judged["good"] >= 4) & (judged["agree"] >= 2)]
        answers = newest.drop_duplicates("answer_id").merge(judged, on="answer_id")
        best = answers.sort_values(["good", "answer_id"], ascending=False).drop_duplicates("prompt_key")
        best = best.drop_duplicates(_WRITTEN)
        for split in _SPLITS:
            part = best[best["split"] == split][_WRITTEN]
            part.to_json(folder / f"{split}.jsonl", orient="records", lines=True, force_ascii=False)
        return len(best)

    return work


def _datasets() -> Work:
    from datasets import Dataset, disable_progress_bars  # noqa: PLC0415  (as above)

    disable_progress_bars()

    def work(connection: Connection, known: Known, folder: Path) -> int:
        def rows() -> Iterator[dict[str, Any]]:
            for row in _stream(connection, _JOURNAL, known):
                yield row._asdict()

        # A generator over a connection has no fingerprint of its own.
        journal = Dataset.from_generator(rows, cache_dir=str(folder), fingerprint="journal")
        newest = journal.filter(_first("answer_id", "rater_id"))
        sums: dict[str, tuple[int, int, int]] = {}
        for batch in newest.select_columns(["answer_id", "stars"]).iter(_CHUNK):
            for answer, stars in zip(batch["answer_id"], batch["stars"], strict=True):
                total, count, high = sums.get(answer, (0, 0, 0))
                sums[answer] = (total + stars, count + 1, high + (stars >= 4))
        good = {
            a: total / count for a, (total, count, high) in sums.items() if high >= 2 <= total / count / 2
        }
        answers = newest.filter(lambda row: row["answer_id"] in good).filter(_first("answer_id"))
        ranked = answers.map(lambda row: {"good": good[row["answer_id"]]}).sort(
            ["good", "answer_id"], reverse=True
        )
        best = ranked.filter(_first("prompt_key")).filter(_first(*_WRITTEN))
        for split in _SPLITS:
            part = best.filter(lambda row, split=split: row["split"] == split).select_columns(_WRITTEN)
            part.to_json(folder / f"{split}.jsonl", force_ascii=False)
        return len(best)

    return work


def _first(*columns: str) -> Callable[[dict[str, Any]], bool]:
    """Whether a row is the first that has these values."""
    seen: set[tuple[Any, ...]] = set()

    def first(row: dict[str, Any]) -> bool:
        values = tuple(row[column] for column in columns)
        known = values in seen
        seen.add(values)
        return not known

    return first


def _stream(connection: Connection, statement: str, known: Known) -> Iterator[Any]:
    options = {"stream_results": True, "max_row_buffer": _CHUNK}
    yield from connection.execute(text(statement), known, execution_options=options)


if __name__ == "__main__":
    sys.exit(main())
