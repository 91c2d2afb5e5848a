"""What may be a password, what its hash costs, and that an unknown name costs the same."""

import threading
import time
from importlib.resources import files

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.web import passwords
from sfs.web.passwords import (
    MAX_LENGTH,
    MIN_LENGTH,
    MIN_LETTERS,
    AccountError,
    check_password,
    hash_password,
    is_old,
    verify,
)
from sfs.web.texts import LANGUAGES, load_catalogue


@pytest.mark.parametrize(
    ("password", "key"),
    [
        ("", "password_short"),
        ("1234567", "password_short"),
        ("ﬁﬁﬁ", "password_short"),  # a ligature is two letters, still six in all
        ("x" * 201, "password_long"),
        ("\ufdfa" * 30, "password_long"),  # one sign that NFKC makes eighteen of
        ("12345678", "password_common"),
        ("PassWord1", "password_common"),
        ("ｐａｓｓｗｏｒｄ", "password_common"),
        ("aaaaaaaa", "password_common"),
        ("aabbaabb", "password_common"),
        ("The Teacher", "password_name"),
        (" the teacher ", "password_name"),
    ],
)
def test_a_password_that_is_guessed_or_too_short_is_refused_with_a_sentence(password, key):
    with pytest.raises(AccountError) as raised:
        check_password(password, "The teacher")
    assert raised.value.key == f"admin-account.{key}"
    assert all(raised.value.key in load_catalogue(language) for language in LANGUAGES)


@pytest.mark.parametrize("password", ["きょうはよいてんき", "correct horse battery", "a b c d e", "x" * 196 + "abcd"])
def test_words_in_any_script_are_taken(password):
    assert check_password(password, "admin")


def test_every_common_password_could_be_chosen_otherwise():
    lines = files("sfs.web").joinpath("common-passwords.txt").read_text(encoding="utf-8").splitlines()
    words = [line for line in lines if not line.startswith("#")]
    assert len(words) == len(set(words)) > 100
    assert [
        word for word in words if len(word) < MIN_LENGTH or len(set(word)) < MIN_LETTERS or word != word.lower()
    ] == []


@given(st.text(max_size=300))
def test_any_text_is_a_password_or_refused(text):
    try:
        plain = check_password(text, "admin")
    except AccountError as fault:
        assert fault.key and fault.what
    else:
        assert MIN_LENGTH <= len(plain) <= MAX_LENGTH


def test_a_hash_fits_its_password_alone_in_every_width():
    stored = hash_password(check_password("ﾊﾟｽﾜｰﾄﾞをきめる12", "admin"))
    assert stored.startswith("$argon2id$v=19$m=9216,t=4,p=1$")
    assert verify(stored, "パスワードをきめる１２")
    assert not verify(stored, "パスワードをきめる13")
    assert not verify(None, "nobody has this password")
    assert not verify("broken", "x")
    assert not is_old(stored) and is_old(stored.replace("t=4", "t=1"))


def test_more_than_the_longest_never_fits():
    stored = hash_password("x" * MAX_LENGTH)
    assert verify(stored, "x" * MAX_LENGTH)
    assert not verify(stored, "x" * (MAX_LENGTH + 1))


@settings(max_examples=10, deadline=None)
@given(st.text(max_size=50))
def test_any_text_can_be_tried(text):
    assert not verify(None, text)


def test_two_hashes_at_once_and_no_more(monkeypatch):
    running, most, lock, go = [0], [0], threading.Lock(), threading.Event()

    class Slow:
        def hash(self, _):
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            go.wait(20)
            with lock:
                running[0] -= 1
            return ""

    monkeypatch.setattr(passwords, "_HASHER", Slow())
    threads = [threading.Thread(target=hash_password, args=("x",)) for _ in range(6)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 20
    while running[0] < 2 and time.monotonic() < end:
        threading.Event().wait(0.005)
    go.set()
    for thread in threads:
        thread.join()
    assert most[0] == 2


def test_an_unknown_name_is_compared_with_a_hash_of_the_same_cost(monkeypatch):
    asked = []
    plain_hasher = passwords._HASHER

    class Watched:
        hash = staticmethod(plain_hasher.hash)

        def verify(self, stored, plain):
            asked.append(stored.split("$")[1:4])
            return True

    monkeypatch.setattr(passwords, "_HASHER", Watched())
    real = hash_password("whatever it is")
    passwords.warm()
    assert verify(real, "x") and not verify(None, "x")
    assert asked[0] == asked[1]


def test_what_an_unknown_name_is_compared_with_follows_the_parameters(monkeypatch):
    seen = []

    class Watched(PasswordHasher):
        def verify(self, stored, plain):
            seen.append(stored)
            return super().verify(stored, plain)

    for cost in (1, 2):
        monkeypatch.setattr(passwords, "_HASHER", Watched(cost, 8, 1))
        assert not verify(None, "x")
    assert [stored.split("$")[3] for stored in seen] == ["m=8,t=1,p=1", "m=8,t=2,p=1"]
