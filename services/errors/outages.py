"""Something is not there now: try again, or start it first. The tree is drawn in `tree`."""

from services.errors.tree import Unavailable


class DatabaseUnavailable(Unavailable):
    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(
            f"The database at {where} does not answer: start the service with `make up`, "
            "or check DATABASE_URL."
        )


class EmbeddedDatabaseFailed(Unavailable):
    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The embedded PostgreSQL failed ({reason}): correct that, or set DATABASE_URL to another server."
        )


class InferenceUnavailable(Unavailable):
    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(
            f"The inference server at {url} does not answer: wait until it has loaded, "
            "or start the service with `make up`."
        )


class InferenceBusy(Unavailable):
    def __init__(self) -> None:
        super().__init__("The inference server has a full queue: try again in a few seconds.")


class TooManyAsks(Unavailable):
    def __init__(self) -> None:
        super().__init__(
            "Many people are being answered right now: send your question again in a few seconds."
        )


class TooManyOwnAsks(Unavailable):
    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        super().__init__(
            f"{at_once} of your questions are being answered already: "
            "wait for one of them, then send this again."
        )


class TooOften(Unavailable):
    """Over a limit per rater, address, persona or name; `seconds` until it counts from nothing again."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(f"That was too often in a short time: try again in {seconds} seconds.")


class VisitFailed(Unavailable):
    """`retry_after_s`: when the app said to send it again, None where it did not."""

    def __init__(self, request: str, *, reason: str, retry_after_s: int | None = None) -> None:
        self.request, self.reason, self.retry_after_s = request, reason, retry_after_s
        super().__init__(
            f"A simulated person was not served ({request}: {reason}): see log/feedback.log in the service's "
            "folder (VAR_DIR)."
        )


class PortTaken(Unavailable):
    def __init__(self, name: str, port: int) -> None:
        self.name, self.port = name, port
        super().__init__(
            f"Port {port} is taken by another program: stop that program, or set {name} to a free port."
        )


class ServiceRuns(Unavailable):
    def __init__(self, var_dir: str) -> None:
        self.var_dir = var_dir
        super().__init__(
            f"The service runs already in {var_dir}: stop it first, or set VAR_DIR to another folder."
        )


class SettingsMissing(Unavailable):
    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(
            f"These settings are missing or wrong: {', '.join(names)}. "
            "`make up` generates the secrets; set the others in the environment."
        )


class AirflowUnavailable(Unavailable):
    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"Airflow at {url} does not answer ({reason}): start the service with `make up`.")


class AdapterStoreUnavailable(Unavailable):
    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"The adapter store at {url} cannot be opened ({reason}): check ADAPTER_STORE.")


class AnotherBaseServed(Unavailable):
    """Nothing is wrong with the adapter: the server was started with another base than it was trained on."""

    def __init__(self, name: str, *, trained_on: str, served: str) -> None:
        self.name, self.trained_on, self.served = name, trained_on, served
        super().__init__(
            f"Adapter {name} was trained on {trained_on} and the inference server holds {served}: "
            "set BASE_MODEL and BASE_QUANTISATION back, name that base in OTHER_BASE_MODELS, or roll the "
            "persona back to version 0 and train it anew."
        )


class BaseNotServed(Unavailable):
    """Nobody could be answered by what is trained on it."""

    def __init__(self, base: str) -> None:
        self.base = base
        super().__init__(
            f"No inference server holds {base}: name it in OTHER_BASE_MODELS, or the address of a server "
            "elsewhere that holds it in OTHER_INFERENCE_URLS, and start the service again with that."
        )


class RunTooSlow(Unavailable):
    def __init__(self, dag_id: str, run_id: str, seconds: float) -> None:
        self.dag_id, self.run_id, self.seconds = dag_id, run_id, seconds
        super().__init__(
            f"Run {run_id} of {dag_id} has not ended after {seconds:.0f} seconds: "
            "look at its tasks in Airflow's pages."
        )


class ServiceDied(Unavailable):
    def __init__(self, name: str, returncode: int, reason: str, log: str) -> None:
        self.name, self.returncode, self.reason, self.log = name, returncode, reason, log
        super().__init__(f"The process {name} ended with code {returncode} ({reason}): read {log}.")


class ServiceTooSlow(Unavailable):
    def __init__(self, parts: tuple[str, ...], logs: str) -> None:
        self.parts, self.logs = parts, logs
        super().__init__(f"Not healthy in time: {', '.join(parts)}. Read their files under {logs}.")


class BackupFailed(Unavailable):
    def __init__(self, place: str, reason: str) -> None:
        self.place, self.reason = place, reason
        super().__init__(
            f"No backup was made in {place} ({reason}), and nothing is left of the try: correct that and "
            "make it again."
        )


class RestoreFailed(Unavailable):
    def __init__(self, place: str, reason: str) -> None:
        self.place, self.reason = place, reason
        super().__init__(
            f"The backup in {place} is not restored ({reason}): correct that and restore it again, with "
            "--replace where something of it is there by now."
        )
