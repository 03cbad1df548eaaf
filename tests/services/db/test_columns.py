"""Numbers of a result straight into arrays, whatever the lengths of what arrives."""

import numpy as np
import pytest
from sqlalchemy.orm import Session

from services.db.columns import fill_columns


@pytest.mark.parametrize("rows", [0, 1, 30_000])
def test_every_row_arrives_in_its_order_and_in_as_few_bytes_as_the_arrays_have(session: Session, rows: int):
    large, small = np.empty(rows, dtype=np.int64), np.empty(rows, dtype=np.uint8)
    statement = f"SELECT n - 5000000000, n % 200 FROM generate_series(1, {rows}::bigint) n ORDER BY n"  # noqa: S608
    fill_columns(session, statement, (large, small))
    expected = np.arange(1, rows + 1)
    assert np.array_equal(large, expected - 5_000_000_000)
    assert np.array_equal(small, expected % 200)
