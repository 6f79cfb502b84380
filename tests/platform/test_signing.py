"""Webhook signatures against values computed by other programs."""

import base64
import hashlib
import hmac

import pytest

from turnus.platform.signing import (
    body_signature,
    new_webhook_secret,
    standard_signature,
    timed_signature,
    webhook_headers,
)

BODY = b'{"event":{"type":"invoice.paid","id":"webhk_1234567890"},"tenantId":"ad8d"}'
STAMP = 1614265330


def test_the_published_example_of_standard_webhooks() -> None:
    # Test vector of the scheme's own libraries (standard-webhooks, MIT).
    assert (
        standard_signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", STAMP, b'{"test": 2432232314}'
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_rfc_4231_case_2_is_the_signature_of_a_body() -> None:
    assert body_signature("Jefe", b"what do ya want for nothing?") == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_the_timed_signature_covers_time_dot_body() -> None:
    # printf '1614265330.{"a":1}' | openssl dgst -sha256 -hmac whsec_dGVzdA==
    assert (
        timed_signature("whsec_dGVzdA==", b'{"a":1}', STAMP)
        == "fca4dd0bf4eee38e582319383365867cc8bc60c47ce40be621b70ec58154e5aa"
    )


def test_all_headers_of_one_attempt() -> None:
    headers = webhook_headers(["whsec_dGVzdA=="], "webhk_1", "invoice.paid", "dlv_1", 3, BODY, STAMP)

    def signed(key: bytes, content: bytes) -> hmac.HMAC:
        return hmac.new(key, content, hashlib.sha256)

    timed = signed(b"whsec_dGVzdA==", b"1614265330." + BODY).hexdigest()
    standard = base64.b64encode(signed(b"test", b"webhk_1.1614265330." + BODY).digest()).decode()
    assert headers == {
        "Content-Type": "application/json",
        "X-Webhook-Id": "webhk_1",
        "X-Webhook-Event": "invoice.paid",
        "X-Webhook-Delivery": "dlv_1",
        "X-Webhook-Attempt": "3",
        "X-Webhook-Timestamp": "1614265330",
        "X-Webhook-Signature": signed(b"whsec_dGVzdA==", BODY).hexdigest(),
        "X-Webhook-Signature-V2": f"t=1614265330,v1={timed}",
        "webhook-id": "webhk_1",
        "webhook-timestamp": "1614265330",
        "webhook-signature": f"v1,{standard}",
    }


def test_while_a_rotation_runs_the_holder_of_either_secret_can_check() -> None:
    new, old = new_webhook_secret(), new_webhook_secret()

    headers = webhook_headers([new, old], "webhk_1", "invoice.paid", "dlv_1", 1, BODY, STAMP)

    assert headers["X-Webhook-Signature"] == body_signature(new, BODY)
    assert headers["X-Webhook-Signature-Previous"] == body_signature(old, BODY)
    assert headers["X-Webhook-Signature-V2"].split(",") == [
        "t=1614265330",
        f"v1={timed_signature(new, BODY, STAMP)}",
        f"v1={timed_signature(old, BODY, STAMP)}",
    ]
    assert headers["webhook-signature"].split(" ") == [
        standard_signature(new, "webhk_1", STAMP, BODY),
        standard_signature(old, "webhk_1", STAMP, BODY),
    ]


def test_a_later_attempt_keeps_the_id_and_gets_a_new_time_and_signature() -> None:
    first = webhook_headers(["s"], "webhk_1", "invoice.paid", "dlv_1", 1, BODY, STAMP)
    second = webhook_headers(["s"], "webhk_1", "invoice.paid", "dlv_1", 2, BODY, STAMP + 60)

    changed = {name for name in first if first[name] != second[name]}
    assert changed == {
        "X-Webhook-Attempt",
        "X-Webhook-Timestamp",
        "X-Webhook-Signature-V2",
        "webhook-timestamp",
        "webhook-signature",
    }


def test_new_secrets_are_random_and_decode_to_32_bytes() -> None:
    secrets = {new_webhook_secret() for _ in range(100)}

    assert len(secrets) == 100
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32 for secret in secrets)


def test_a_secret_that_is_no_base64_is_used_as_it_stands() -> None:
    expected = base64.b64encode(hmac.digest("whsec_größe!".encode(), b"m.1.x", "sha256")).decode()
    assert standard_signature("whsec_größe!", "m", 1, b"x") == f"v1,{expected}"
    assert standard_signature("whsec_", "m", 1, b"x") == standard_signature("whsec_d2hzZWNf", "m", 1, b"x")
    assert standard_signature("plain", "m", 1, b"x") == standard_signature("whsec_cGxhaW4=", "m", 1, b"x")


def test_nothing_is_sent_unsigned() -> None:
    with pytest.raises(ValueError, match="without a secret"):
        webhook_headers([], "webhk_1", "invoice.paid", "dlv_1", 1, BODY, STAMP)
