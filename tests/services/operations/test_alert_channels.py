"""Alerts on their way: mail to a server that encrypts and to no other, webhooks as JSON."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.operations.alert_channels import NotDelivered, channels
from services.settings import Settings
from tests.mail_server import MailServer, mail_server

FACTS: Mapping[str, str] = {"alert": "gate fails", "of": "pirate"}


def mailing(settings: Settings, server: MailServer) -> Settings:
    return settings.model_copy(
        update={
            "alert_mail_to": "ann@example.org,bob@example.org",
            "smtp_host": "localhost",
            "smtp_port": server.port,
            "smtp_user": "loop",
            "smtp_password": SecretStr("a password"),
        }
    )


def test_mail_goes_out_encrypted_and_signed_in(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with mail_server(tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        (mail,) = channels(mailing(settings, server))
        mail.send("persona-loop: gate fails", "The gate said FAIL.", FACTS)
    (message,) = server.messages
    assert "Subject: persona-loop: gate fails" in message
    assert "To: ann@example.org,bob@example.org" in message.replace(", ", ",")
    assert "The gate said FAIL." in message
    assert server.signed_in == ["\0loop\0a password"]


def test_a_server_that_nobody_vouches_for_gets_neither_mail_nor_password(settings: Settings, tmp_path: Path):
    with mail_server(tmp_path) as server:
        (mail,) = channels(mailing(settings, server))
        with pytest.raises(NotDelivered, match="certificate"):
            mail.send("title", "sentence", FACTS)
    assert (server.messages, server.signed_in) == ([], [])


def test_a_server_that_does_not_encrypt_gets_neither(settings: Settings, tmp_path: Path):
    with mail_server(tmp_path, encrypts=False) as server:
        (mail,) = channels(mailing(settings, server))
        with pytest.raises(NotDelivered, match="STARTTLS"):
            mail.send("title", "sentence", FACTS)
    assert (server.messages, server.signed_in) == ([], [])


def test_without_settings_there_is_no_channel_and_a_webhook_that_is_away_is_not_named(settings: Settings):
    assert channels(settings) == ()
    secret = SecretStr("http://127.0.0.1:1/secret")
    (webhook,) = channels(settings.model_copy(update={"alert_webhook_url": secret}))
    with pytest.raises(NotDelivered) as told:
        webhook.send("title", "sentence", FACTS)
    assert "secret" not in str(told.value)
