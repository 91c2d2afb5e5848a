"""Lists as bodies hand them out: tables, URLs, zones; what is made of each line is said, what is not taken too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import RuleError, SfsError
from sfs.export.engines import ENGINES
from sfs.export.order import Order, sift
from sfs.lists.bodies import FORMATS, guess, is_expression, read_body
from sfs.lists.mandatory import Purpose, Report

MARK = "zqmarkqz"  # stands in a line, and in no word of a message


def read(text: str, format: str = "lines", **how: bool):
    return read_body(text.encode().splitlines(keepends=True), "body", format, Purpose.POLICY, **how)


def units(body) -> list[str]:
    return [f"{one.unit} {one.entry.text}" for one in body.entries]


def test_a_url_is_that_page_and_no_other():
    body = read(
        "http://a.example/\nhttp://a.example/x?y=1\nhttps://a.example/kids/\nb.example\n=c.example\nd.example/p\n"
    )
    assert units(body) == [
        "url-exact a.example/", "url-exact a.example/x?y=1", "url-exact a.example/kids/", "domain-tree b.example",
        "host =c.example", "url-any-query d.example/p",
    ]  # fmt: skip
    assert [one.unit for one in read("http://a.example/x\nhttp://a.example/?q\n", any_query=True).entries] == [
        "url-any-query",
        "url-exact",
    ]


@pytest.mark.parametrize(
    ("line", "change"),
    [
        ("HTTP://Shared.Example/b", "a host in capitals: in lower case"),
        ("http://shared.example./b", "a final dot: dropped"),
        ("http://me:word@shared.example/b", "a user in front of the host: dropped"),
        ("http://shared.example:80/b", "the port of the scheme: dropped"),
        ("http://shared.example/b#x", "a fragment: dropped"),
        ("http://shared.example/a/../b", "a path with escapes, dots or slashes: made canonical"),
        ("http://shared.example//%62", "a path with escapes, dots or slashes: made canonical"),
        ("http://例え.example/b", "an international name: as A-label"),
        ("http://3221225994/b", "an odd spelling of a host: made canonical"),
    ],
)
def test_what_changed_of_a_line_is_said(line, change):
    body = read(f"{line}\n")
    assert body.made.counts == {change: 1} and body.made.lines == {change: ["body:1"]}
    assert body.entries[0].entry.forms[-1].path == "/b"


@pytest.mark.parametrize(
    "line",
    [
        *(r"^https?://.*\.example/", "/blue|widget/", r"shared\.example/a"),
        *("shared.example/(?:a|b)", "re:a", "~a", "a.example/.*"),
    ],
)
def test_regular_expressions_are_refused(line):
    body = read(f"{line}\nb.example\n")
    assert body.refused.counts == {"a regular expression": 1} and len(body.entries) == 1
    assert is_expression(line) and not is_expression("http://a.example/b?c=d*e+f")


def test_a_table_says_more_of_each_entry():
    body = read(
        "url,domain,reason,listed,expiry,methods,approved by\n"
        'http://a.example/x,,"c1, c2",2026/01/02,20270102,,\n'
        ",b.example,c1,2026-01-02,,dns;name,one; two\n"
        "c.example,,,,,,\n"
        ",,nothing,,,,\n"
        r"a\.b.*,,,,,,"
        "\n"
        "http://d.example/x,,,,,dns,\n",
        "csv",
    )
    assert units(body) == ["url-exact a.example/x", "domain-tree b.example", "host =c.example"]
    one, two, _ = body.entries
    assert (str(one.first), str(one.expires), one.basis, one.line) == ("2026-01-02", "2027-01-02", "c1, c2", 2)
    assert (sorted(two.methods), two.approved) == (["dns", "name"], ("one", "two"))
    assert sorted(body.refused.counts) == [
        "a regular expression",
        "a row without a site",
        "a unit of pages with the method dns, which would close the whole site",
    ]


def test_a_table_of_japan():
    text = "ドメイン,理由,登録日\na.example,基準1,2026-01-02\n"
    body = read_body(text.encode("cp932").splitlines(keepends=True), "b", "csv", Purpose.POLICY)
    assert (units(body), body.entries[0].basis) == (["domain-tree a.example"], "基準1")


def test_a_zone_tells_names_from_trees():
    zone = (
        "$TTL 60\n@ SOA localhost. x. 1 1 1 1 1\na.example CNAME .\n*.a.example CNAME .\n"
        "b.example A 192.0.2.1\n*.c.example CNAME .\n32.1.2.0.192.rpz-ip CNAME .\n"
    )
    body = read(zone, "rpz")
    assert units(body) == ["domain-tree a.example", "host =b.example"]
    assert sorted(body.refused.counts) == [
        "*.name without the name itself, which no unit says",
        "rpz-ip: an address in an answer",
    ]


def test_a_zone_with_exceptions_is_refused_whole():
    body = read("a.example CNAME .\n*.a.example CNAME .\nok.a.example CNAME rpz-passthru.\n", "rpz")
    with pytest.raises(RuleError, match="exceptions"):
        body.as_list("b", Purpose.POLICY, 1)


@pytest.mark.parametrize("text", ["", "# nothing\n", "<html>\n" * 40])
def test_what_is_no_list_is_refused(text):
    with pytest.raises(RuleError):
        read(text).as_list("b", Purpose.POLICY, 1)


def test_no_report_holds_the_text_of_a_line():
    body = read(
        "http://secret .example/\nfile://secret.example/\n=secret.example/x\nsecret.*\nhttp://secret.example:99999/\n"
    )
    said = [*body.refused.text(), *body.made.text()]
    assert len(body.refused) == 5 and not [line for line in said if "secret" in line]


@pytest.mark.parametrize("format", ["lines", "plain"])
@pytest.mark.parametrize(
    "line",
    [
        f"{MARK} {'x' * 400}.example", f"{MARK}.example/{'x' * 400} y", f"={MARK}.example/{'x' * 400}",
        f"http://{MARK}.{'y' * 400}.example/", f"*.{MARK}.{'x' * 400}.example", f"{MARK}'\"{'x' * 400}.example z",
        f"{MARK}{'x' * 400}://a.example/",
    ],
)  # fmt: skip
def test_no_report_holds_the_text_of_a_long_line(line, format):
    body = read(f"a.example\n{line}\n", format)
    assert len(body.refused) == 1 and MARK not in "".join(body.refused.text())


def test_a_reason_reads_as_one():
    body = read("a b.example\n*.example\ncom\nfoo://a.example/\n")
    assert sorted(body.refused.counts) == [
        "a public suffix", "a scheme that is neither http nor https", "has a wildcard", "not an entry",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("start", "name", "format"),
    [
        (b"url,reason\n", "list", "csv"), (b"", "list.csv", "csv"), (b"http://a.example/\n", "list.txt", "lines"),
        (b"$TTL 1\n@ IN SOA a. b. 1 1 1 1 1\n", "list", "rpz"), (b"; x\na.example 60 IN CNAME .\n", "x", "rpz"),
    ],
)  # fmt: skip
def test_the_format_is_told_by_the_look(start, name, format):
    assert guess(start, name) == format


def test_a_zone_that_sfs_wrote_comes_back_without_its_canaries():
    found = read("a.example\n=b.example\n")
    order = Order(Purpose.POLICY, "policy.rpz", 1, tuple(found.entries))
    engine = ENGINES["rpz"]
    zone = "".join(f"{line}\n" for line in engine.write(order, sift(engine, order, Report(), "body")))
    assert "policy-rpz.canary.sfs.example" in zone
    assert units(read(zone, "rpz")) == ["domain-tree a.example", "host =b.example"]


@given(st.binary(max_size=200), st.sampled_from(["lines", "csv", "rpz"]))
def test_any_bytes_give_a_body_or_an_error(data, format):
    try:
        body = read_body(data.splitlines(keepends=True), "any", format, Purpose.POLICY)
    except SfsError as fault:
        assert str(fault)
    else:
        assert len(body.entries) <= len(data)


@pytest.mark.parametrize(
    "text", ["192.0.2.0/24", "2001:db8::/32", "[2001:db8::]/32", "ftp://a.example/x", "ws://a.example/"]
)
def test_what_would_become_another_site_is_refused(text):
    assert read(f"a.example\n{text}\n").refused.counts.keys() <= {
        "a network, which no unit says",
        "a scheme that is neither http nor https",
    }
    for body in (read(f"a.example\n{text}\n"), read(f"url,basis\na.example,x\n{text},x\n", "csv")):
        assert (len(body.entries), len(body.refused)) == (1, 1)


def test_a_list_in_utf_16_is_told_apart():
    with pytest.raises(RuleError, match="UTF-16"):
        read_body(["url,basis\n".encode("utf-16")], "body", "csv", Purpose.POLICY)


_ODD = st.text(alphabet="ab.-:/@?#%*^$\\[]()'\",;|=! \t~\x00é日🙂", max_size=25)


@given(st.lists(st.tuples(_ODD, _ODD), min_size=1, max_size=8), st.sampled_from(FORMATS), st.booleans())
def test_no_report_has_what_stands_in_a_line(rows, format_, head):
    lines = [f"{before}{MARK}{after}\n".encode() for before, after in rows]
    if head:
        lines.insert(0, b"url,unit,scheme,port,first,status,keys,methods,approved\n")
    said = ""
    try:
        body = read_body(lines, "body", format_, Purpose.CHILD_PROTECTION)
        for report in (body.made, body.refused, body.exceptions):
            said += "".join(report.text())
        said += repr(body) + repr(body.as_list("body", Purpose.CHILD_PROTECTION, 1))
    except SfsError as fault:
        said += f"{fault} {fault.mend}"
    assert MARK not in said
