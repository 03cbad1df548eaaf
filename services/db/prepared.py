"""A statement that each connection parses and plans once: for what is said by the hundred a second."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Result, text


class Prepared:
    """`name` is its own: no two statements may share one. `parameters`: the names in it, with their types."""

    def __init__(self, name: str, statement: str, parameters: Mapping[str, str]) -> None:
        numbered = {one: f"${number}" for number, one in enumerate(parameters, 1)}
        self._name = name
        self._prepare = f"PREPARE {name} ({', '.join(parameters.values())}) AS {statement.format(**numbered)}"
        self._execute = text(f"EXECUTE {name} ({', '.join(f':{one}' for one in parameters)})")

    def execute(self, connection: Connection, values: Mapping[str, object]) -> Result[Any]:
        if self._name not in connection.info:  # which goes with the connection to the server
            connection.exec_driver_sql(self._prepare)
            connection.info[self._name] = True
        return connection.execute(self._execute, values)
