"""Talking to Airflow's REST API as its administrator: trigger a run, watch it, keep the pool.

Starting Airflow is `stack`'s; what the tasks do is `services.jobs`'.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NewType, Self

import httpx

from services.errors.outages import AirflowUnavailable, RunTooSlow
from services.errors.refusals import AirflowRefused, RunExists
from services.operations.environment import ADMINISTRATOR
from services.settings import Settings

RunId = NewType("RunId", str)

_PAGE = 1000  # more task instances than one run of the service has


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TaskState:
    """One task of a run. `map_index` tells the mapped personas apart and is -1 for what is not mapped."""

    task_id: str
    map_index: int
    state: str  # Airflow's own word; "none" before it is scheduled
    try_number: int
    started_at: str | None
    ended_at: str | None


@dataclass(frozen=True, slots=True)
class DagRun:
    dag_id: str
    run_id: RunId
    state: RunState
    run_after: str  # the run's own instant, ISO 8601
    form: Mapping[str, Any]  # as it was filled in

    @property
    def ended(self) -> bool:
        return self.state in {RunState.SUCCESS, RunState.FAILED}


class AirflowClient:
    """Every method raises AirflowUnavailable when Airflow does not answer, AirflowRefused when it says no."""

    def __init__(self, settings: Settings, *, patience_s: float = 30.0) -> None:
        """`patience_s`: how long any answer may take; a page waits less than a script."""
        self._url = settings.airflow_endpoint
        self._password = settings.airflow_password.get_secret_value()
        self._http = httpx.Client(
            base_url=self._url,
            timeout=patience_s,
            trust_env=False,
            limits=httpx.Limits(keepalive_expiry=2.0),  # before Airflow's server gives an idle one up, at 5 s
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def health(self) -> dict[str, str]:
        """Each part of Airflow and its state; parts that do not run are left out."""
        with self._reported():
            answer = self._http.get("/api/v2/monitor/health").raise_for_status().json()
        return {part: str(state["status"]) for part, state in answer.items() if state and state["status"]}

    def dag_ids(self) -> set[str]:
        """The DAGs that the DAG processor has read."""
        answer = self._request("GET", "/api/v2/dags", params={"limit": _PAGE})
        return {str(dag["dag_id"]) for dag in answer["dags"]}

    def import_errors(self) -> dict[str, str]:
        """DAG files that cannot be read, and the last line of why."""
        answer = self._request("GET", "/api/v2/importErrors", params={"limit": _PAGE})
        return {
            str(error["filename"]): str(error["stack_trace"]).strip().splitlines()[-1]
            for error in answer["import_errors"]
        }

    def workers_ready(self) -> bool:
        """Whether an edge worker has registered and waits for, or runs, a task."""
        answer = self._request("GET", "/edge_worker/ui/worker")
        return any(worker["state"] in {"idle", "running"} for worker in answer["workers"])

    def ensure_pool(self, name: str, slots: int, description: str) -> None:
        self._request(
            "PATCH",
            "/api/v2/pools",
            json={
                "actions": [
                    {
                        "action": "create",
                        "action_on_existence": "overwrite",
                        "entities": [{"name": name, "slots": slots, "description": description}],
                    }
                ]
            },
        )

    def trigger(
        self, dag_id: str, conf: Mapping[str, object] | None = None, *, run_id: RunId | None = None
    ) -> RunId:
        """Start a run now; `conf` fills the DAG's form. RunExists for a name that a run has already."""
        named = {"dag_run_id": run_id} if run_id else {}
        body = {"logical_date": None, "conf": dict(conf or {}), **named}
        answer = self._request("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        return RunId(str(answer["dag_run_id"]))

    def run(self, dag_id: str, run_id: RunId) -> DagRun:
        answer = self._request("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")
        return _dag_run(answer)

    def under_way(self) -> list[DagRun]:
        """The runs of every DAG that wait or work."""
        states = [RunState.QUEUED.value, RunState.RUNNING.value]
        answer = self._request("GET", "/api/v2/dags/~/dagRuns", params={"state": states, "limit": _PAGE})
        return [_dag_run(one) for one in answer["dag_runs"]]

    def tasks(self, dag_id: str, run_id: RunId) -> list[TaskState]:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        answer = self._request("GET", path, params={"limit": _PAGE})
        return [
            TaskState(
                task_id=str(task["task_id"]),
                map_index=int(task["map_index"]),
                state=str(task["state"] or "none"),
                try_number=int(task["try_number"]),
                started_at=task["start_date"],
                ended_at=task["end_date"],
            )
            for task in answer["task_instances"]
        ]

    def wait(
        self,
        dag_id: str,
        run_id: RunId,
        *,
        timeout: float,
        progress: Callable[[TaskState], None],
        poll: float = 1.0,
    ) -> DagRun:
        """The run once it has ended, well or badly; `progress` hears of each task's each new state.

        `timeout` and `poll` are seconds. Raises RunTooSlow.
        """
        told: dict[tuple[str, int], TaskState] = {}
        deadline = time.monotonic() + timeout
        while True:
            run = self.run(dag_id, run_id)
            for task in self.tasks(dag_id, run_id):
                before = told.get((task.task_id, task.map_index))
                if before is None or before.state != task.state:
                    told[task.task_id, task.map_index] = task
                    progress(task)
            if run.ended:
                return run
            if time.monotonic() > deadline:
                raise RunTooSlow(dag_id, run_id, timeout)
            time.sleep(poll)

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int | Sequence[str]] | None = None,
        json: object = None,
    ) -> dict[str, Any]:
        with self._reported():
            if "Authorization" not in self._http.headers:
                self._sign_in()
            answer = self._http.request(method, path, params=params, json=json)
            if answer.status_code == httpx.codes.UNAUTHORIZED:  # tokens last a day
                self._sign_in()
                answer = self._http.request(method, path, params=params, json=json)
            answer.raise_for_status()
            return dict(answer.json())

    def _sign_in(self) -> None:
        body = {"username": ADMINISTRATOR, "password": self._password}
        answer = self._http.post("/auth/token", json=body).raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPStatusError as error:
            reason = f"{error.response.status_code}: {_first_line(error.response)}"
            if error.response.status_code == httpx.codes.CONFLICT:
                raise RunExists(reason) from error
            if error.response.is_client_error:
                raise AirflowRefused(reason) from error
            raise AirflowUnavailable(self._url, reason) from error
        except httpx.HTTPError as error:
            raise AirflowUnavailable(self._url, str(error) or type(error).__name__) from error


def _dag_run(answer: Mapping[str, Any]) -> DagRun:
    return DagRun(
        dag_id=str(answer["dag_id"]),
        run_id=RunId(str(answer["dag_run_id"])),
        state=RunState(answer["state"]),
        run_after=str(answer["run_after"]),
        form=answer["conf"] or {},
    )


def _first_line(answer: httpx.Response) -> str:
    """What went wrong; after the first line Airflow repeats the whole schema of its form."""
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = answer.text
    return detail.strip().partition("\n")[0][:300]
