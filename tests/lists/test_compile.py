"""Compiled lists: they answer as the lists they were made of, and damage is found before it is believed."""

import json
import lzma
import os
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.errors import RuleError, SfsError
from sfs.lists import compile, compiled, opening
from sfs.lists.compile import ENTRIES, LINES, META, NAMES, compile_list
from sfs.lists.compiled import CompiledIndex, compare, open_compiled
from sfs.lists.files import ListFile, read_list
from sfs.text.url import Url, parse_url

DATA = os.environ.get("SFS_TEST_DATA")
SAMPLE = """# a list
example.com
=www.example.net
192.0.2.1
example.org/kids/
example.org/a?q=1
example.org:8080
|https://secure.example
bad line
example.com
"""


@pytest.fixture
def make(tmp_path):
    """A list compiled from text, and its twin read into memory."""

    def maker(content: str | bytes, format: str = "entries", name: str = "c") -> tuple[ListFile, ListFile]:
        path = tmp_path / f"{name}.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        compile_list(path, format, tmp_path / name)
        return open_compiled(tmp_path / name), read_list(path, format)

    return maker


def hits(file: ListFile, url: Url) -> list[tuple[str, int, int]]:
    return sorted((hit.entry.text, hit.line, hit.forms) for hit in file.index.match(url))


def test_compiled_list_tells_what_the_read_one_tells(make):
    fast, twin = make(SAMPLE)
    assert (fast.count, fast.skipped_count, fast.sha256) == (twin.count, twin.skipped_count, twin.sha256)
    assert [str(fault) for fault in fast.skipped] == [str(fault) for fault in twin.skipped]
    assert fast.mtime == twin.mtime
    assert len(fast.index) == len(twin.index) == 7
    for text in ("a.example.com/", "www.example.net/", "192.0.2.1/", "example.org/kids/x", "example.org:8080/a?q=1"):
        assert hits(fast, parse_url(f"http://{text}")) == hits(twin, parse_url(f"http://{text}")) != []
    assert hits(fast, parse_url("https://secure.example/")) == [("|https://secure.example", 8, 3)]
    assert hits(fast, parse_url("http://secure.example/")) == hits(fast, parse_url("http://a.www.example.net/")) == []
    assert fast.index.has_paths("example.org")
    assert not fast.index.has_paths("example.com")


def test_what_was_compiled_is_told(tmp_path):
    (tmp_path / "list.txt").write_text(SAMPLE)
    told = compile_list(tmp_path / "list.txt", "entries", tmp_path / "c", shown="https://lists.example/x")
    assert (told.folder, told.format, told.count, told.size) == (tmp_path / "c", "entries", 8, 7)
    assert (told.skipped_count, told.passed_over) == (1, 0)
    assert str(told.skipped[0].where).startswith("https://lists.example/x:9:")
    file = open_compiled(tmp_path / "c")
    assert file.sha256 == told.sha256
    assert str(file.skipped[0].where) == str(told.skipped[0].where)


def test_every_entry_can_be_had_back_as_a_line(make):
    fast, twin = make(SAMPLE)
    wanted = {line for line in SAMPLE.splitlines() if line[0] != "#" and line != "bad line"}
    assert sorted(fast.index.lines()) == sorted(wanted)


def test_comparing_counts_what_came_and_what_went(make):
    old, _ = make("a.example\nb.example\nc.example/x\nd.example\n", name="old")
    new, _ = make("a.example\n=b.example\nc.example/x\nc.example/y\n", name="new")
    assert compare(old, new) == (2, 2)
    assert compare(new, new) == (0, 0)
    with pytest.raises(SfsError, match="only compiled lists"):
        compare(make("a.example\n")[1], new)


def test_files_are_for_their_owner_and_nothing_else_is_left(make, tmp_path):
    make(SAMPLE)
    assert {path.name for path in tmp_path.iterdir()} == {"c.txt", "c"}
    assert {path.name for path in (tmp_path / "c").iterdir()} == {NAMES, LINES, ENTRIES, META}
    assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "c").iterdir()} == {"0o400"}
    assert oct((tmp_path / "c").stat().st_mode & 0o777) == "0o700"


def test_list_that_is_refused_leaves_no_folder(tmp_path):
    (tmp_path / "list.txt").write_text("<!doctype html>")
    with pytest.raises(RuleError, match="web page"):
        compile_list(tmp_path / "list.txt", "plain", tmp_path / "c")
    assert [path.name for path in tmp_path.iterdir()] == ["list.txt"]


def test_folder_that_is_there_is_never_touched(make, tmp_path):
    make(SAMPLE)
    before = {path.name: path.read_bytes() for path in (tmp_path / "c").iterdir()}
    with pytest.raises(SfsError, match="something already"):
        compile_list(tmp_path / "c.txt", "entries", tmp_path / "c")
    assert {path.name: path.read_bytes() for path in (tmp_path / "c").iterdir()} == before


def test_write_that_fails_leaves_no_folder(tmp_path, monkeypatch):
    (tmp_path / "list.txt").write_text(SAMPLE)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compile, "_write_meta", full)
    with pytest.raises(SfsError, match="No space left") as caught:
        compile_list(tmp_path / "list.txt", "entries", tmp_path / "c")
    assert "disk" in caught.value.mend
    assert [path.name for path in tmp_path.iterdir()] == ["list.txt"]


def test_empty_list_is_compiled_as_such(make):
    fast, _ = make("")
    assert len(fast.index) == 0
    assert hits(fast, parse_url("http://example.com/")) == []


@pytest.mark.parametrize("name", [NAMES, LINES, ENTRIES, META])
def test_every_byte_that_changes_is_noticed(tmp_path, name):
    (tmp_path / "list.txt").write_text("".join(f"site{n}.example/x\nsite{n}.test\n" for n in range(40)))
    compile_list(tmp_path / "list.txt", "entries", tmp_path / "c")
    path, dice = tmp_path / "c" / name, random.Random(1)
    path.chmod(0o600)
    good = path.read_bytes()
    places = range(len(good)) if len(good) < 300 else range(0, len(good), len(good) // 300)  # every region of the file
    for place in places:
        path.write_bytes(good[:place] + bytes([good[place] ^ 1 << dice.randrange(8)]) + good[place + 1 :])
        try:
            file = open_compiled(tmp_path / "c")
        except SfsError as fault:
            assert "compiled list" in fault.what
            continue
        # All is under seal: at most a blank of the meta became another one, or the seal of a letter its capital.
        assert name == META
        assert (file.count, file.skipped_count, len(file.index)) == (80, 0, 80)
        assert hits(file, parse_url("http://site7.test/")) == [("site7.test", 16, 3)]


@pytest.mark.parametrize("name", [NAMES, LINES, ENTRIES, META])
@pytest.mark.parametrize("harm", ["missing", "empty", "cut", "longer", "folder"])
def test_file_that_is_missing_or_of_another_size_is_an_error(make, tmp_path, name, harm):
    make(SAMPLE)
    path = tmp_path / "c" / name
    content = path.read_bytes()
    path.unlink()
    if harm == "folder":
        path.mkdir()
    elif harm != "missing":
        path.write_bytes({"empty": b"", "cut": content[:-1], "longer": content + b"\0"}[harm])
    with pytest.raises(SfsError, match="the compiled list") as caught:
        open_compiled(tmp_path / "c")
    assert "sfs lists update" in caught.value.mend


@pytest.mark.parametrize(
    "changed",
    [
        *({"version": 0}, {"byteorder": "middle"}, {"files": []}, {"files": {NAMES: 1}}, {"skipped": [1]}),
        *({"head": -1}, {"head": 10**9}, {"head": "x"}, {"size": -1}, {"count": None}),
        {"made": "yesterday", "changed": None},
        *({"lines": 1}, {"lines": {}}, {"lines": {"order": "x"}}, {"lines": {"order": None, "bits": True}}),
    ],
)
def test_meta_that_says_something_else_is_an_error(make, tmp_path, changed):
    make(SAMPLE)
    path = tmp_path / "c" / META
    path.chmod(0o600)
    said = json.loads(path.read_text()) | changed
    path.write_text(json.dumps(said))
    with pytest.raises(SfsError, match="the compiled list"):
        open_compiled(tmp_path / "c")
    path.write_text(json.dumps(said | {"seal": compile.seal_of(said)}))  # and where somebody sealed it anew
    with pytest.raises(SfsError, match="the compiled list"):
        open_compiled(tmp_path / "c")


@pytest.mark.parametrize("key", ["bits", "names", "runs", "steps", "pages"])
@pytest.mark.parametrize("change", [-1, 1, 10**9])
def test_table_of_lines_of_another_shape_is_an_error(make, tmp_path, key, change):
    make("".join(f"a{n:04}.example\n" for n in range(200)) + "a.test/x\n")
    path = tmp_path / "c" / META
    path.chmod(0o600)
    said = json.loads(path.read_text())
    said["lines"][key] += change
    path.write_text(json.dumps(said | {"seal": compile.seal_of(said)}))
    if key == "names" and change != 10**9:  # as many samples
        open_compiled(tmp_path / "c")
        return
    with pytest.raises(SfsError, match="the compiled list"):
        open_compiled(tmp_path / "c")


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_meta_of_any_bytes_is_an_error(tmp_path_factory, data):
    folder: Path = tmp_path_factory.mktemp("c", numbered=True)
    (folder / META).write_bytes(data)
    with pytest.raises(SfsError):
        open_compiled(folder)


def test_list_in_force_goes_on_when_its_folder_is_removed(make, tmp_path):
    fast, _ = make("".join(f"site{n}.example\n" for n in range(20_000)), "plain")
    shutil.rmtree(tmp_path / "c")
    assert hits(fast, parse_url("http://www.site19999.example/")) == [("site19999.example", 20_000, 3)]


def test_pages_of_few_hosts_are_kept_in_memory_and_answer_the_same(make):
    content = "".join(f"many.example/{n}\n" for n in range(compile.MAX_GROUP + 1)) + "few.example/1\nfew.example/2\n"
    fast, twin = make(content)
    for text in ("many.example/256", "many.example/", "few.example/2", "few.example/3"):
        assert hits(fast, parse_url(f"http://{text}")) == hits(twin, parse_url(f"http://{text}"))
    assert len(hits(fast, parse_url("http://many.example/256"))) == 1
    assert fast.index.has_paths("many.example")
    assert fast.index.has_paths("few.example")
    assert sorted(fast.index.lines()) == sorted(content.split())


def test_host_with_an_equals_sign_is_no_other_host(make):
    fast, _ = make("=example.com\nexample.net/x/\n")
    assert hits(fast, parse_url("http://a.=.example.com/")) == []
    assert hits(fast, parse_url("http://=.example.com/")) == []


HOSTS = ["a.test", "b.a.test", "c.b.a.test", "aa.test", "test-b.test", "192.0.2.1", "[2001:db8::1]", "www.a.test"]
PATHS = ["", "/", "/a", "/a/", "/a/b", "/%61/", "/a%2Fb", "/a//b", "/日/", "/a?q=1", "/a?q=%31", "/x\\y"]
ENTRY_LINES = st.builds(
    lambda pre, host, port, path: f"{pre if not (pre == '=' and path.strip('/')) else ''}{host}{port}{path}",
    st.sampled_from(["", "=", "|https://", "http://"]),
    st.sampled_from(HOSTS),
    st.sampled_from(["", ":80", ":8080"]),
    st.sampled_from(PATHS),
)
NAME_LINES = st.sampled_from([host.strip("[]") for host in HOSTS] + ["*.a.test", "co.jp", "# x", "", "b a d", "A.Test"])
FORMS = {
    "adblock": ["||{}^", "@@||{}^", "||{}^$script"],
    "dnsmasq": ["server=/{}/", "server=/{}/#", "address=/{}/::"],
    "rpz": ["{} CNAME .", "*.{} CNAME .", "{} CNAME rpz-passthru.", "*.{} CNAME rpz-passthru."],
    "squidguard": ["{}"],
    "hosts": ["0.0.0.0 {}", "127.0.0.1 {0} x.{0}"],
}
LISTS = st.one_of(
    st.tuples(st.just("entries"), st.lists(ENTRY_LINES, max_size=20)),
    st.tuples(st.just("plain"), st.lists(NAME_LINES, max_size=20)),
    *(
        st.tuples(st.just(name), st.lists(st.builds(str.format, st.sampled_from(forms), NAME_LINES), max_size=12))
        for name, forms in FORMS.items()
    ),
)
URLS = st.builds(
    lambda scheme, sub, host, port, path: f"{scheme}://{sub if host[0] not in '[1' else ''}{host}{port}{path}",
    st.sampled_from(["http", "https"]),
    st.sampled_from(["", "x.", "www."]),
    st.sampled_from([*HOSTS, "co.jp"]),
    st.sampled_from(["", ":80", ":8080"]),
    st.sampled_from(PATHS),
)


@settings(max_examples=120)
@given(LISTS, st.lists(URLS, min_size=3, max_size=8), st.booleans(), st.booleans())
def test_compiled_index_agrees_with_the_index_of_the_read_list(tmp_path_factory, written, urls, by_name, mapped):
    format, lines = written
    path: Path = tmp_path_factory.mktemp("twin", numbered=True) / "list.txt"
    path.write_text("\n".join(lines))
    try:
        twin = read_list(path, format)
    except RuleError:
        with pytest.raises(RuleError):
            compile_list(path, format, path.parent / "c")
        return
    compile_list(path, format, path.parent / "c")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "SMALL", 1 if mapped else compiled.SMALL)
        fast = open_compiled(path.parent / "c")
    assert len(fast.index) == len(twin.index)
    assert (fast.count, fast.skipped_count, fast.passed_over) == (twin.count, twin.skipped_count, twin.passed_over)
    for text in urls:
        url = parse_url(text).by_name() if by_name else parse_url(text)
        assert hits(fast, url) == hits(twin, url)
        assert fast.index.has_paths(url.host) == twin.index.has_paths(url.host)
    shutil.rmtree(path.parent)


def test_exception_takes_away_what_stands_at_its_name_and_above(make):
    content = "||a.test^\n||c.b.a.test^\n@@||b.a.test^\n||d.test^\n@@||d.test^\n@@||e.d.test^\n"
    for file in make(content, "adblock"):
        assert hits(file, parse_url("http://x.a.test/")) == [("a.test", 1, 3)]
        assert hits(file, parse_url("http://b.a.test/")) == hits(file, parse_url("http://x.b.a.test/")) == []
        assert hits(file, parse_url("http://x.c.b.a.test/")) == [("c.b.a.test", 2, 3)]
        assert hits(file, parse_url("http://d.test/")) == hits(file, parse_url("http://x.d.test/")) == []


def test_exception_for_one_host_leaves_what_is_below_it(make):
    content = "*.a.test CNAME .\nok.a.test CNAME rpz-passthru.\n"
    for file in make(content, "rpz"):
        assert hits(file, parse_url("http://ok.a.test/")) == []
        assert hits(file, parse_url("http://x.ok.a.test/")) == [("a.test", 1, 3)]


def test_folder_of_squidguard_is_one_list_whose_lines_count_on(tmp_path):
    folder = tmp_path / "adult"
    folder.mkdir()
    (folder / "domains").write_text("a.test\nb.test\n")
    (folder / "urls").write_bytes(b"c.test/x\nd.test/\xe6\n")
    (folder / "expressions").write_text("(a+)+$\n# note\nb\n")
    for source in (folder, tmp_path):
        compile_list(source, "squidguard", tmp_path.parent / f"{tmp_path.name}-{source.name}")
        for file in (
            open_compiled(tmp_path.parent / f"{tmp_path.name}-{source.name}"),
            read_list(source, "squidguard"),
        ):
            assert (file.count, file.skipped_count, file.passed_over) == (6, 0, 2)
            assert hits(file, parse_url("http://www.b.test/")) == [("b.test", 2, 3)]
            assert hits(file, parse_url("http://www.c.test/x/y")) == [("www.c.test/x/", 3, 3)]
            assert hits(file, parse_url("http://d.test/%e6")) == [("d.test/%E6/", 4, 3)]


def test_folder_without_domains_and_urls_is_no_list(tmp_path):
    (tmp_path / "expressions").write_text("x\n")
    with pytest.raises(RuleError, match="without domains and urls"):
        read_list(tmp_path, "squidguard")


@pytest.mark.parametrize(
    ("format", "line", "likely"),
    [
        ("adblock", "site{}.example", "plain"),
        ("adblock", "0.0.0.0 site{}.example", "hosts"),
        ("adblock", "server=/site{}.example/", "dnsmasq"),
        ("plain", "||site{}.example^", "adblock"),
        ("plain", "site{}.example CNAME .", "rpz"),
        ("plain", "0.0.0.0 site{}.example", "hosts"),
        ("hosts", "site{}.example", "plain"),
        ("hosts", "||site{}.example^", "adblock"),
        ("dnsmasq", "||site{}.example^", "adblock"),
        ("rpz", "0.0.0.0 site{}.example", "hosts"),
        ("squidguard", "||site{}.example^", "adblock"),
    ],
)
@pytest.mark.parametrize("count", [3, 300])
def test_list_in_another_format_is_refused_and_that_format_named(make, format, line, likely, count):
    with pytest.raises(RuleError) as caught:
        make("".join(line.format(number) + "\n" for number in range(count)), format)
    assert caught.value.mend == f"its lines look like format: {likely}"


needs_data = pytest.mark.skipif(DATA is None, reason="SFS_TEST_DATA names no folder of test data")


@needs_data
@pytest.mark.parametrize("name", ["ransomware", "torrent"])
def test_one_list_in_four_formats_is_one_set_of_names(tmp_path, name):
    sets = []
    for file, format in (("domains", "plain"), ("hosts", "hosts"), ("adblock", "adblock"), ("dnsmasq", "dnsmasq")):
        told = compile_list(Path(DATA) / "formats" / name / f"{file}.txt", format, tmp_path / format)
        assert (told.skipped_count, told.passed_over) == (0, 0)
        index = open_compiled(tmp_path / format).index
        assert isinstance(index, CompiledIndex)
        sets.append(set(index.lines()))
    assert len(sets[0]) > 1800
    assert sets[0] == sets[1] == sets[2] == sets[3]


@needs_data
@pytest.mark.long
def test_a_million_names_answer_as_their_twin(tmp_path):
    path = tmp_path / "names.txt"
    with lzma.open(Path(DATA) / "hosts" / "hosts-1m.txt.xz") as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file)
    compile_list(path, "plain", tmp_path / "c")
    fast, twin = open_compiled(tmp_path / "c"), read_list(path, "plain")
    assert len(fast.index) == len(twin.index) == fast.count == 1_000_000
    names, dice = path.read_text().split(), random.Random(2026)
    for name in dice.sample(names, 30_000):
        for host in (name, f"www.{name}", f"{name}.example", f"x{name}", name.partition(".")[2]):
            url = parse_url(f"http://{host}/")
            assert hits(fast, url) == hits(twin, url)
    assert sum(path.stat().st_size for path in (tmp_path / "c").iterdir()) < 8_000_000
    names.sort()
    path.write_text("\n".join(names))
    compile_list(path, "plain", tmp_path / "sorted")
    index = open_compiled(tmp_path / "sorted").index
    for number in dice.sample(range(1_000_000), 3_000):
        assert [hit.line for hit in index.match(parse_url(f"http://{names[number]}/"))][-1] == number + 1
    assert sum(path.stat().st_size for path in (tmp_path / "sorted").iterdir()) < 6_500_000


def test_bounds_of_the_reader_hold_for_compiling_too(make, monkeypatch):
    monkeypatch.setattr(opening, "MAX_FILE", 100)
    with pytest.raises(RuleError, match="at most 100"):
        make("example.com\n" * 20)
