"""How alerts reach people: by e-mail over STARTTLS, by a webhook; each where its settings name one."""

import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Protocol

import httpx

from services.settings import Settings

_PATIENCE_S = 15.0


class NotDelivered(Exception):
    """Tried again the next time somebody looks."""


class AlertChannel(Protocol):
    @property
    def name(self) -> str:
        """By which is kept what went out through it."""
        ...

    def send(self, title: str, sentence: str, facts: Mapping[str, str]) -> None:
        """Raises NotDelivered."""
        ...


@dataclass(frozen=True, slots=True)
class Webhook:
    """A JSON object by POST: `text` for chats, and the facts by their names."""

    url: str
    name: str = "webhook"

    def send(self, title: str, sentence: str, facts: Mapping[str, str]) -> None:
        try:
            message = {**facts, "text": f"{title}: {sentence}"}
            httpx.post(self.url, json=message, timeout=_PATIENCE_S).raise_for_status()
        except (
            httpx.HTTPError,
            httpx.InvalidURL,
        ) as error:  # its text may hold the address, which is a secret
            raise NotDelivered(f"the webhook: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class Mail:
    """One message to all recipients; nothing is sent to a server that does not encrypt."""

    host: str
    port: int
    sender: str
    recipients: str  # separated by commas
    user: str
    password: str
    name: str = "mail"

    def send(self, title: str, sentence: str, facts: Mapping[str, str]) -> None:
        message = EmailMessage()
        message["Subject"], message["From"], message["To"] = title, self.sender, self.recipients
        lines = "\n".join(f"{name}: {value}" for name, value in facts.items())
        message.set_content(f"{sentence}\n\n{lines}\n")
        try:
            with smtplib.SMTP(self.host, self.port, timeout=_PATIENCE_S) as server:
                server.starttls(context=ssl.create_default_context())
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise NotDelivered(f"the mail server {self.host}: {error}") from error


def channels(settings: Settings) -> tuple[AlertChannel, ...]:
    """Those that the settings name; none is no error, alerts are kept all the same."""
    found: list[AlertChannel] = []
    webhook, password = settings.alert_webhook_url, settings.smtp_password
    if webhook is not None and webhook.get_secret_value():
        found.append(Webhook(webhook.get_secret_value()))
    if settings.alert_mail_to and settings.smtp_host:
        found.append(
            Mail(
                settings.smtp_host,
                settings.smtp_port,
                settings.alert_mail_from or settings.alert_mail_to.partition(",")[0],
                settings.alert_mail_to,
                settings.smtp_user,
                password.get_secret_value() if password else "",
            )
        )
    return tuple(found)
