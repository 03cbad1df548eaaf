"""What is masked, what is left alone, and that masking is stable, linear and offline."""

import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.training_sets.privacy import PrivateKind, mask

TOKEN = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@pytest.mark.parametrize(
    ("kind", "private"),
    [
        *(
            (PrivateKind.EMAIL, private)
            for private in (
                "bob@example.com",
                "o'brien+tag@mail.example.co.uk",
                "jürgen@müller.de",
                "почта@пример.рф",
                "root@build.internal",
                "git@github.com",
            )
        ),
        *(
            (PrivateKind.PHONE, private)
            for private in (
                "+49 30 901820",
                "+1 (212) 555-0123",
                "+44 20 7946 0958",
                "+81 3-3201-3331",
                "+5511987654321",
                "+91 98765 43210",
                "0041 44 668 18 00",
                "(212) 555-2368",
                "212-736-5000",
                "1-800-275-2273",
                "020 7946 0958",
                "030 901820",
                "089/21803000",
                "0151 23456789",
                "01 42 68 53 00",
                "01.42.68.53.00",
                "0612345678",
                "098765 43210",
                "(02) 9374 4000",
            )
        ),
        *(
            (PrivateKind.CARD, private)
            for private in ("4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005")
        ),
        *(
            (PrivateKind.IBAN, private)
            for private in (
                "GB82 WEST 1234 5698 7654 32",
                "DE89370400440532013000",
                "de89 3704 0044 0532 0130 00",
                "NO93 8601 1117 947",
            )
        ),
        *(
            (PrivateKind.IP_ADDRESS, private)
            for private in ("8.8.8.8", "192.168.1.10", "2001:db8:85a3::8a2e:370:7334", "fe80::1")
        ),
        *(
            (PrivateKind.KEY, private)
            for private in (
                "AKIAIOSFODNN7EXAMPLE",
                f"ghp_{TOKEN}",
                f"github_pat_{TOKEN}",
                f"glpat-{TOKEN}",
                "xoxb-123456789012-123456789012-abcdefABCDEF",
                f"sk-{TOKEN}",
                f"sk-proj-{TOKEN}",
                f"sk-ant-api03-{TOKEN}",
                f"sk_live_{TOKEN}",
                f"AIza{TOKEN}",
                f"hf_{TOKEN}",
                "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_123",
                "-----BEGIN EC PRIVATE KEY-----\nDEK-Info: AES-128-CBC\n\nMIIE\n-----END EC PRIVATE KEY-----",
                "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA",
            )
        ),
    ],
)
def test_what_is_private_is_masked_and_the_words_around_it_stay(kind: PrivateKind, private: str):
    for before, after in (("", ""), ("Write it down: ", ", please."), ("(", ")"), ("„", "“ so")):
        masked = mask(f"{before}{private}{after}")
        assert masked.text == f"{before}[{kind}]{after}"
        assert masked.counts == {kind: 1}


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://bob:s3cr3t!@host.com/x", "https://[credentials]/x"),
        ("redis://:pw@localhost:6379/0", "redis://[credentials]/0"),
        ("postgresql://u:p@db.example.com/x", "postgresql://[credentials]/x"),
        (f"Authorization: Bearer {TOKEN}", "Authorization: Bearer [key]"),
        ("Pay DE89 3704 0044 0532 0130 00 AND SMILE", "Pay [iban] AND SMILE"),
        ("http://8.8.8.8:80/", "http://[ip-address]:80/"),
        (f"https://ghp_{TOKEN}@github.com/a/b", "https://[e-mail]/a/b"),
    ],
)
def test_the_part_that_is_private_is_masked(text: str, masked: str):
    assert mask(text).text == masked


@pytest.mark.parametrize(
    "text",
    [
        "1 000 000",
        "1,234,567 and 1.234.567,89 and £1 234 567.89",
        "7 800 000 000 people, 384 400 000 m, 4 294 967 296",
        "In 1999 and 2004, 1984-1985, (1989) 1234, 1990 2000 2010",
        "2024-05-12 10:15:30, 12/05/2024, 05.12.2024, 20240512",
        "ISBN 978-3-16-148410-0, 9783161484100, 0-306-40615-2",
        "Python 3.11.2, version 1.2.3.4, Chrome/120.0.0.0, react@18.2.0",
        "3.14159265358979, 6.02214076e23, 0,05081373133, 0.12345678, 2147483647, 18446744073709551615",
        "1 2 3 4 5 6 7 8 9 10, 1+2+3+4+5+6+7+8, 2-3-5-7-11-13",
        "pages 123-456, https://arxiv.org/abs/2301.01234567, doi 10.1000/182",
        "127.0.0.1, 0.0.0.0, 255.255.255.0, ::1, 300.1.1.1",
        "std::vector<int>, a :: b, 12:30:45, @decorator.name, user@host",
        "4111 1111 1111 1112",
        "GB00 WEST 1234 5698 7654 32",
        "123e4567-e89b-12d3-a456-426614174000",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sk-learn-is-a-very-nice-library, bearer of responsibilities",
        "Ada Lovelace of London was born in 1815.",
        "See [e-mail], [phone] or [ip-address].",
        "",
    ],
)
def test_ordinary_numbers_and_names_are_left_alone(text: str):
    masked = mask(text)
    assert masked.text is text
    assert masked.counts == {}


def test_several_kinds_are_counted():
    masked = mask("a@b.com, c@d.org; +49 30 901820, 4111111111111111")
    assert masked.text == "[e-mail], [e-mail]; [phone], [card]"
    assert masked.counts == {PrivateKind.EMAIL: 2, PrivateKind.PHONE: 1, PrivateKind.CARD: 1}


def test_nothing_of_overlapping_findings_is_left():
    masked = mask(f"https://bob:{TOKEN}@ghp_{TOKEN}.example.com")
    assert "ghp" not in masked.text
    assert TOKEN[-8:] not in masked.text


PIECES = st.sampled_from(
    (
        *(
            "a@b.com",
            "+49 30 901820",
            "4111111111111111",
            "8.8.8.8",
            "://u:p@",
            "@",
            f"sk-{TOKEN}",
            "[e-mail]",
        ),
        *("DE89370400440532013000", "eyJ", "-----BEGIN PRIVATE KEY-----", "bearer ", "(", ")", "-", "/"),
        *"01:. x",
    )
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=12).map("".join))
def test_masking_masked_text_changes_nothing(text: str):
    once = mask(text)
    again = mask(once.text)
    assert again.text is once.text
    assert again.counts == {}


@pytest.mark.parametrize(
    "repeated",
    [
        *(
            "a@",
            "eyJ-",
            "sk-",
            "1 2 3 4 5 ",
            "1",
            ":a",
            "-----BEGIN PRIVATE KEY-----",
            "://a:",
            "AB12 ",
            "1.1.",
        ),
        *("00 ", "aws-key-'", "x", "(0", "+1 212-555-2368 "),
    ],
)
def test_a_hostile_text_takes_time_in_proportion(repeated: str):
    began = time.process_time()
    mask("7 " + repeated * (200_000 // len(repeated)))
    assert time.process_time() - began < 5  # quadratic would be minutes


def test_most_texts_cost_microseconds():
    texts = [f"On day {number} the sun rose at 6:30 over 1 000 000 people. " * 6 for number in range(2_000)]
    began = time.process_time()
    for text in texts:
        mask(text)
    assert time.process_time() - began < 0.5


def test_the_network_is_never_asked(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_arguments: object) -> None:
        raise AssertionError("a recogniser asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert mask(f"bob@example.com +1 (212) 555-0123 ghp_{TOKEN}").text == "[e-mail] [phone] [key]"
