"""Faults by their names, from answers as values: what explains the most is told, and what it explains is not."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.export.selftest.asking import Answer
from sfs.export.selftest.findings import Kind, findings, stays_open
from sfs.export.selftest.plan import AskedList, Engine, Resolver, Transport, Way
from sfs.export.selftest.questions import Question, Role, questions
from sfs.export.selftest.verdicts import Expected, Outcome, judge
from sfs.lists.canary import canary_tree, serial_name

ZONE, SERIAL = "policy.rpz", 2026112802
TREE = canary_tree(ZONE)
STOP = {"A": "192.0.2.80", "AAAA": "2001:db8::80"}
WORLD = {"A": "198.51.100.1", "AAAA": "2001:db8:1::1", "HTTPS": "1 .", "MX": "10 mail.example.", "TXT": "upstream"}
LISTED = AskedList(ZONE, tuple(map(ipaddress.ip_address, STOP.values())), SERIAL, alias="alias.example")
MISSING = AskedList(ZONE, (), SERIAL, open=("www.example",))
FOUR, SIX = ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")
WAYS = tuple(Way(one, 53, how) for one in (FOUR, SIX) for how in (Transport.UDP, Transport.TCP))
TLS = Way(FOUR, 853, Transport.TLS)
EXTRA = Way(FOUR, 5353, Transport.UDP, True)
RESOLVER = Resolver("ns1", Engine.BIND, (*WAYS, TLS, EXTRA), (ZONE,), ipaddress.ip_address("127.0.0.2"))
SILENT = Answer("", trouble="no answer in time")


def of_world(question: Question) -> Answer:
    """What the world says of every name: it exists."""
    data = WORLD.get(question.type)
    return Answer("NOERROR", frozenset({data} if data else set()), 300 if data else 0)


def as_listed(question: Question, tested: AskedList = LISTED) -> Answer:
    """What a resolver with the list says."""
    if question.role in (Role.NEIGHBOUR, Role.OPEN, Role.EXEMPT):
        return of_world(question)
    if question.role is Role.SERIAL:
        return Answer("NOERROR", frozenset({f"serial {SERIAL}"}), 60)
    if not tested.answer:
        return Answer("NXDOMAIN")
    data = STOP.get(question.type)
    return Answer("NOERROR", frozenset({data} if data else set()), 60)


def found(change, tested: AskedList = LISTED, resolver: Resolver = RESOLVER, expected=None) -> dict[Kind, tuple]:
    """The kinds that are named, with where, when `change` has its word in every answer (None: the extra way is silent,
    all others answer as the list says)."""
    expected = expected or Expected(SERIAL)
    outcomes = []
    for question in questions(resolver, tested):
        answer = change(question)
        if answer is None:
            answer = SILENT if question.way.extra else as_listed(question, tested)
        outcomes.append(Outcome(question, judge(question, answer, tested, expected), answer))
    said = list(findings(resolver, tested, expected, outcomes))
    assert len({one.kind for one in said}) == len(said)
    return {one.kind: one.where for one in said}


def when(test, answer):
    """A change: where `test` holds of a question, this answer."""
    return lambda question: (answer(question) if callable(answer) else answer) if test(question) else None


def at(way: Way):
    return lambda question: question.way == way


def test_nothing_is_wrong_where_all_is_as_listed():
    assert found(lambda question: None) == {}
    assert found(lambda question: None, MISSING) == {}


@pytest.mark.parametrize("tested", [LISTED, MISSING])
def test_a_list_that_is_not_there(tested):
    assert found(lambda question: of_world(question) if not question.way.extra else None, tested) == {
        Kind.NOT_LOADED: ()
    }


def test_ways_without_the_list_are_a_bypass_each_by_its_name():
    assert found(when(at(WAYS[2]), of_world)) == {Kind.BYPASS: ("[::1]:53/udp",)}
    assert found(when(at(TLS), of_world)) == {Kind.ENCRYPTED_BYPASS: ("127.0.0.1:853/tls",)}
    assert found(when(at(EXTRA), of_world)) == {Kind.BYPASS: ("127.0.0.1:5353/udp",)}
    assert found(when(at(EXTRA), as_listed)) == {}


def test_who_does_not_answer_is_named():
    assert found(lambda question: SILENT) == {Kind.NO_ANSWER: ()}
    assert found(when(at(WAYS[1]), SILENT)) == {Kind.NO_ANSWER: ("127.0.0.1:53/tcp",)}
    servfail = when(lambda question: question.role is Role.BELOW, Answer("SERVFAIL"))
    assert found(servfail) == {Kind.NO_ANSWER: ()}


def test_names_of_others_that_nobody_answers_say_nothing_of_the_list():
    assert found(when(lambda question: question.role is Role.NEIGHBOUR, SILENT)) == {}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer("NOERROR", frozenset({f"serial {SERIAL - 1}"})), Kind.STALE),
        (Answer("NOERROR", frozenset({"another text"})), Kind.STALE),
        (Answer("NOERROR", frozenset({f"serial {SERIAL + 1}"})), Kind.NEWER),
    ],
)
def test_versions(answer, kind):
    change = when(lambda question: question.role is Role.SERIAL and not question.way.extra, answer)
    assert found(change) == {kind: ()}
    assert Kind.STALE not in found(change, expected=Expected(None))


def test_the_version_of_before_may_be_there_while_the_new_one_is_on_its_way():
    change = when(
        lambda q: q.role is Role.SERIAL and not q.way.extra, Answer("NOERROR", frozenset({f"serial {SERIAL - 1}"}))
    )
    assert found(change, expected=Expected(SERIAL, SERIAL - 1)) == {}
    assert found(change, expected=Expected(SERIAL, SERIAL - 2)) == {Kind.STALE: ()}


def of_canary(question: Question) -> bool:
    return not question.way.extra and question.role in (Role.APEX, Role.BELOW, Role.CASE, Role.SIGNED, Role.ALIAS)


def test_another_address_than_that_of_the_stop_page():
    def wrong(question: Question) -> Answer:
        data = {"A": "192.0.2.81", "AAAA": "2001:db8::81"}.get(question.type)
        return Answer("NOERROR", frozenset({data} if data else set()), 60)

    assert found(when(of_canary, wrong)) == {Kind.WRONG_ANSWER: ()}
    assert found(when(of_canary, Answer("NXDOMAIN"))) == {Kind.WRONG_ANSWER: ()}


@pytest.mark.parametrize("kind", ["AAAA", "HTTPS", "MX", "TXT"])
def test_a_type_that_is_open(kind):
    change = when(lambda one: of_canary(one) and one.type == kind, of_world)
    asked = () if kind == "AAAA" else tuple(map(str, WAYS))  # over TLS few questions are asked
    assert found(change) == {Kind.TYPE: asked}


def test_an_address_that_is_missing_is_a_type_too():
    change = when(lambda q: of_canary(q) and q.type == "AAAA", Answer("NOERROR"))
    assert found(change) == {Kind.TYPE: ()}


def test_something_before_the_list_opens_its_canary():
    assert found(when(of_canary, of_world)) == {Kind.OVERRULED: ()}


def test_each_other_fault_is_named_once():
    def role(wanted: Role, answer=of_world):
        return found(when(lambda question: question.role is wanted and not question.way.extra, answer))

    closed = Answer("NOERROR", frozenset(STOP.values()), 60)
    assert role(Role.BELOW) == {Kind.NO_WILDCARD: ()}
    assert role(Role.BELOW, Answer("NXDOMAIN")) == {Kind.NO_WILDCARD: ()}
    assert set(role(Role.CASE)) == {Kind.CASE}
    assert set(role(Role.SIGNED)) == {Kind.SIGNED}
    assert set(role(Role.NEIGHBOUR, closed)) == {Kind.OVERBLOCKING}
    assert set(role(Role.ALIAS)) == {Kind.ALIAS}
    assert set(role(Role.EXEMPT, lambda q: Answer("NOERROR", frozenset({f"serial {SERIAL}"}), 60))) == {Kind.EXEMPT}
    assert role(Role.APEX, lambda q: Answer("NOERROR", as_listed(q).data, 61)) == {Kind.TTL: ()}
    missing = found(when(lambda q: q.role is Role.OPEN, Answer("NXDOMAIN")), MISSING)
    assert set(missing) == {Kind.OVERBLOCKING}


def test_any_may_be_refused_and_must_not_be_open():
    for answer, kinds in ((Answer("NOTIMP"), {}), (Answer("NOERROR", frozenset({'"RFC8482" ""'})), {})):
        assert found(when(lambda question: question.type == "ANY", answer)) == kinds
    assert found(when(lambda q: q.type == "ANY", Answer("NOERROR", frozenset({"198.51.100.1"})))) == {
        Kind.TYPE: ("127.0.0.1:53/udp", "[::1]:53/udp")
    }


def test_answers_that_change_are_named():
    question = next(iter(questions(RESOLVER, LISTED)))
    outcomes = [Outcome(question, True, as_listed(question), unsteady=True)]
    assert [one.kind for one in findings(RESOLVER, LISTED, Expected(SERIAL), outcomes)] == [Kind.UNSTEADY]


def test_aliases_are_a_fault_where_the_resolver_looks_at_them_and_else_what_stays_open():
    other = Resolver("ns2", Engine.KNOT, WAYS, (ZONE,))
    change = when(lambda question: question.role is Role.ALIAS, of_world)
    assert found(change, resolver=other) == {}
    outcomes = [
        Outcome(one, judge(one, change(one), LISTED, Expected(SERIAL)), change(one))
        for one in questions(other, LISTED)
        if one.role is Role.ALIAS
    ]
    assert len(list(stays_open(other, outcomes))) == 1
    assert list(stays_open(RESOLVER, outcomes)) == []


ANSWERS = st.builds(
    Answer,
    st.sampled_from(["", "NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED"]),
    st.frozensets(st.sampled_from([*STOP.values(), *WORLD.values(), f"serial {SERIAL}", "serial 1", "x"]), max_size=3),
    st.integers(0, 100),
)


@given(st.data(), st.sampled_from([LISTED, MISSING]))
def test_any_answers_give_findings_and_one_that_is_open_never_none(data, tested):
    asked = list(questions(RESOLVER, tested))
    outcomes = []
    for question in asked:
        answer = as_listed(question, tested) if data.draw(st.booleans()) else data.draw(ANSWERS)
        outcomes.append(Outcome(question, judge(question, answer, tested, Expected(SERIAL)), answer))
    said = list(findings(RESOLVER, tested, Expected(SERIAL), outcomes))
    bad = [one for one in outcomes if one.good is False and one.question.role in (Role.SERIAL, Role.APEX, Role.BELOW)]
    assert not bad or said


def test_no_question_names_anything_but_canaries_and_what_the_plan_names():
    for question in questions(RESOLVER, LISTED):
        assert question.name.lower().endswith("canary.sfs.example") or question.name == "alias.example"
    assert serial_name(ZONE) in {question.name for question in questions(RESOLVER, LISTED)}
