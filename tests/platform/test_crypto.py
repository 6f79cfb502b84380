"""Encrypted fields, fingerprints and tokens."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnus.platform.crypto import DecryptionFailed, FieldCipher, Fingerprinter, equal, new_token, token_hash

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
PLACE = b"bank_account.iban:0190b6a4"


@given(st.binary(max_size=300) | st.text(max_size=100), st.binary(max_size=50))
def test_what_is_encrypted_for_a_place_is_read_back_there(value: bytes | str, place: bytes) -> None:
    cipher = FieldCipher([OLD])

    stored = cipher.encrypt(value, place)

    plain = value.encode() if isinstance(value, str) else value
    assert cipher.decrypt(stored, place) == plain
    assert len(stored) == len(plain) + 33


def test_text_comes_back_as_text_and_equal_values_do_not_look_alike() -> None:
    cipher = FieldCipher([OLD])

    first, second = (cipher.encrypt("DE89 3704 0044 0532 0130 00 · Müller", PLACE) for _ in range(2))

    assert first != second
    assert first[:5] == second[:5]
    assert b"DE89" not in first
    assert cipher.decrypt_text(first, PLACE) == "DE89 3704 0044 0532 0130 00 · Müller"


def test_a_value_moved_to_another_place_or_changed_in_any_byte_is_refused() -> None:
    cipher = FieldCipher([OLD])
    stored = cipher.encrypt("secret", PLACE)

    with pytest.raises(DecryptionFailed):
        cipher.decrypt(stored, PLACE + b"!")
    for position in range(len(stored)):
        changed = bytearray(stored)
        changed[position] ^= 1
        with pytest.raises(DecryptionFailed):
            cipher.decrypt(bytes(changed), PLACE)
    for length in (0, 1, 5, 16, 32):
        with pytest.raises(DecryptionFailed):
            cipher.decrypt(stored[:length], PLACE)


def test_a_value_cannot_be_shifted_between_header_and_place() -> None:
    cipher = FieldCipher([OLD])
    stored = cipher.encrypt("secret", b"a")

    with pytest.raises(DecryptionFailed):
        cipher.decrypt(stored, b"")


def test_rotation_reads_old_values_writes_with_the_new_key_and_then_does_without_the_old() -> None:
    before = FieldCipher([OLD]).encrypt("secret", PLACE)
    during = FieldCipher([NEW, OLD])

    assert during.decrypt(before, PLACE) == b"secret"
    assert not during.is_current(before)
    after = during.encrypt(during.decrypt(before, PLACE), PLACE)
    assert during.is_current(after)

    finished = FieldCipher([NEW])
    assert finished.decrypt(after, PLACE) == b"secret"
    with pytest.raises(DecryptionFailed, match="unknown key"):
        finished.decrypt(before, PLACE)


def test_refusals_tell_nothing_about_the_value() -> None:
    stored = FieldCipher([OLD]).encrypt("secret", PLACE)

    with pytest.raises(DecryptionFailed) as refusal:
        FieldCipher([OLD]).decrypt(stored, b"")
    assert "secret" not in str(refusal.value) and refusal.value.__cause__ is None


@pytest.mark.parametrize("keys", [[], [b"short"], [OLD, NEW[:31]], [OLD, OLD]])
def test_unfit_keys_are_refused(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="key"):
        FieldCipher(keys)


def test_fingerprint_is_hmac_sha256_over_scope_length_scope_and_value() -> None:
    # printf '\0\0\0\0DE89370400440532013000' | openssl dgst -sha256 -mac hmac -macopt hexkey:000102…1f
    assert (
        Fingerprinter(OLD).of("DE89370400440532013000").hex()
        == "931f96f428e7052e5f696db5837181c11cd5b1670e22775b3e283a23c28ded1e"
    )


def test_fingerprints_differ_by_key_scope_and_value() -> None:
    prints = Fingerprinter(OLD)

    assert prints.of("x", b"tenant") == prints.of(b"x", b"tenant")
    assert len({prints.of("x"), prints.of("x", b"a"), prints.of("ax"), prints.of("y"), Fingerprinter(NEW).of("x")}) == 5
    with pytest.raises(ValueError, match="32 bytes"):
        Fingerprinter(b"short")


def test_tokens_have_256_random_bits_and_are_stored_as_sha_256() -> None:
    tokens = {new_token() for _ in range(1000)}

    assert len(tokens) == 1000
    assert all(token.startswith("api_") and len(token) == 4 + 43 for token in tokens)
    assert new_token("whatever_").startswith("whatever_")
    assert token_hash("api_abc") == hashlib.sha256(b"api_abc").digest()


def test_equality_of_secrets() -> None:
    assert equal("straße", "straße".encode())
    assert not equal(b"a", "b")
    assert not equal("a", "ab")
