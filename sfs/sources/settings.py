"""The settings: one table from which the check of the YAML, `sfs settings`, the README and the command line are made.

design, section 4. What a kind of value looks like is read by values.py and items.py; layers.py joins both.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Final, Literal

from sfs.core.levels import Bypass, Strictness, Unrated


class Kind(StrEnum):
    """What kind of value a key takes."""

    LEVEL = "level"
    PROFILE = "profile"
    LISTEN = "listen"
    LOOPBACK = "loopback"
    FOLDER = "folder"
    FILE = "file"
    DURATION = "duration"
    CHOICE = "choice"
    NUMBER = "number"
    FLAG = "flag"
    ALLOW = "allow"
    BLOCK = "block"
    KEYWORDS = "keywords"
    RATINGS = "ratings"
    LISTS = "lists"
    GROUPS = "groups"
    REACH = "reach"
    NETWORKS = "networks"
    HOSTS = "hosts"
    BUREAUS = "bureaus"
    PAUSES = "pauses"
    STOP_PAGE = "stop_page"


class HttpsMode(StrEnum):
    """How HTTPS is judged: opened, by name, or opened for who has proved to have the certificate."""

    AUTO = "auto"
    INSPECT = "inspect"
    SNI = "sni"


class Keep(StrEnum):
    """What is recorded of pages."""

    BLOCKED = "blocked"
    VISITS = "visits"
    NOTHING = "nothing"


class Checks(StrEnum):
    """Which rows of the order of checks are walked."""

    ALL = "all"
    MANDATORY = "mandatory"  # own pages, help lines and mandatory lists: what an ISP does for everybody


class PageLanguage(StrEnum):
    """The language of the pages that a reader sees."""

    AUTO = "auto"
    JA = "ja"
    EN = "en"


@dataclass(frozen=True, slots=True)
class Setting:
    """One key. `default`: as it is written, None where nothing is meant until it is set. `by_level`: the level says
    what holds by default. `per_group`: a group and a profile of a group may say something else. `adds`: what the
    layers say adds up, instead of the nearest layer replacing the others. `file_only`: no profile may say it. `shown`:
    the default in words, English and Japanese, where it is not a value."""

    name: str
    kind: Kind
    default: str | None
    help_en: str
    help_ja: str
    choices: type[StrEnum] | None = None
    by_level: bool = False
    per_group: bool = False
    adds: bool = False
    file_only: bool = False
    shown: tuple[str, str] | None = None


S, K = Setting, Kind
SETTINGS: Final = (
    S("level", K.LEVEL, None, "the highest rating that is shown", "見せるレーティングの上限", per_group=True),
    S(
        "profile",
        K.PROFILE,
        "household",
        "settings taken together under one name: a file in profiles/, or a path",
        "設定をまとめたもの。profiles/ の名前かファイルのパス",
        per_group=True,
        file_only=True,
    ),
    S("listen", K.LISTEN, "127.0.0.1:8080", "where the proxy takes connections", "プロキシーが待つアドレスとポート"),
    S(
        "admin",
        K.LISTEN,
        "127.0.0.1:8081",
        "where the page that sets the filter takes connections; beyond loopback with TLS only",
        "設定ページが待つアドレスとポート。この機械の外へは TLS だけ",
    ),
    S(
        "metrics",
        K.LOOPBACK,
        None,
        "where figures are told in the text format of Prometheus, at /metrics; of this machine alone",
        "Prometheus 形式の数字を出すアドレスとポート(/metrics)。この機械の中だけ",
        file_only=True,
    ),
    S(
        "state",
        K.FOLDER,
        None,
        "folder for what SFS keeps: certificate, log, changes",
        "証明書、記録、変更を置くフォルダー",
        file_only=True,
        shown=("the user's data folder /sfs", "利用者のデータフォルダーの sfs"),
    ),
    S("allow", K.ALLOW, "[]", "entries that are shown", "見せるサイトやページ", per_group=True, adds=True),
    S("block", K.BLOCK, "[]", "entries that are not shown", "見せないサイトやページ", per_group=True, adds=True),
    S(
        "keywords",
        K.KEYWORDS,
        "{}",
        "words that suggest a rating, beside those of rules/keywords",
        "レーティングを思わせる語。rules/keywords に足される",
        per_group=True,
        adds=True,
    ),
    S("ratings", K.RATINGS, "{}", "own ratings of entries", "自分でつけるレーティング", per_group=True, adds=True),
    S("lists", K.LISTS, "[]", "lists of many names, each with one meaning", "購読するリスト", adds=True),
    S(
        "default_lists",
        K.FLAG,
        "true",
        "whether the lists that the level brings are used too, once `sfs lists update` has fetched them",
        "レベルに合わせたリストも使うか。`sfs lists update` で取りに行ってから働く",
    ),
    S(
        "groups",
        K.GROUPS,
        "[]",
        "readers for whom something else holds, by address; login and port do not act yet",
        "ほかの設定にする人たち。アドレスで分ける(ログインとポートはまだ働きません)",
        file_only=True,
    ),
    S(
        "pauses",
        K.PAUSES,
        "[]",
        "times until which only dangerous and forbidden sites are closed; the page of the administrator writes them",
        "いつまでフィルターを休むか。管理ページが書く",
        adds=True,
        file_only=True,
    ),
    S(
        "reach",
        K.REACH,
        "[]",
        "addresses inside (loopback, link-local, own ports) that clients may reach all the same",
        "内側のアドレスで、クライアントに開くもの",
        adds=True,
    ),
    S(
        "front",
        K.NETWORKS,
        "[]",
        "load balancers in front of the proxy, whose connections begin as the PROXY protocol says (`send-proxy`)",
        "プロキシーの前のロードバランサー。接続はかならず PROXY プロトコルで始まる(`send-proxy`)",
        adds=True,
        file_only=True,
    ),
    S(
        "companions",
        K.HOSTS,
        "[]",
        "hosts that pages load from, open where HTTPS is judged by name",
        "名前だけで判定するとき、ページの部品として開くホスト",
        per_group=True,
        adds=True,
    ),
    S(
        "unrated",
        K.CHOICE,
        None,
        "what happens to documents nobody has rated",
        "だれもレーティングしていないページの扱い",
        Unrated,
        by_level=True,
        per_group=True,
    ),
    S(
        "safesearch",
        K.CHOICE,
        None,
        "SafeSearch of search engines; those that cannot be made to filter are rated, and the level decides",
        "検索サイトのセーフサーチ。強制できない検索サイトにはレーティングがつき、レベルで決まる",
        Strictness,
        by_level=True,
        per_group=True,
    ),
    S(
        "youtube",
        K.CHOICE,
        None,
        "restricted mode of YouTube",
        "YouTube の制限付きモード",
        Strictness,
        by_level=True,
        per_group=True,
    ),
    S(
        "bypass",
        K.CHOICE,
        None,
        "pages that carry other pages (translators, archives): blocked, opened and judged, or judged by lists alone",
        "翻訳や保存など、ほかのページを運ぶページの扱い",
        Bypass,
        by_level=True,
        per_group=True,
    ),
    S(
        "addresses",
        K.CHOICE,
        "show",
        "what happens to documents at an IP address instead of a name; those inside a house or school are always shown",
        "名前のない(IP アドレスだけの)ページの扱い。家や学校の中のものは見せる",
        Unrated,
        per_group=True,
    ),
    S("self_labels", K.FLAG, "true", "whether labels in pages count", "ページ自身のラベルを見るか", per_group=True),
    S(
        "scan_body",
        K.FLAG,
        "false",
        "whether the whole text of pages is searched for words too; such a page is held until it is there",
        "ページの本文ぜんぶの言葉も調べるか。調べるページは、全部とどいてから表示される",
        per_group=True,
    ),
    S(
        "body_limit",
        K.NUMBER,
        None,
        "points of words in a text from which it is not shown: 60 at level 0, 100, 120, 150 at level 3",
        "本文の言葉の点数がここまで来たら見せない。レベル0は60、1は100、2は120、3は150",
        by_level=True,
        per_group=True,
    ),
    S(
        "https",
        K.CHOICE,
        "auto",
        "how HTTPS is judged; auto: whole pages on devices that have the certificate, else by name",
        "HTTPS をどう判定するか。auto は、証明書を入れた機器ではページごと、ほかはサイト名で判定する",
        HttpsMode,
    ),
    S(
        "never_decrypt",
        K.HOSTS,
        "[]",
        "hosts whose HTTPS is never opened, beside those of rules/never-decrypt.txt",
        "HTTPS の中身を見ないホスト。rules/never-decrypt.txt に足される",
        per_group=True,
        adds=True,
        shown=("rules/never-decrypt.txt", "rules/never-decrypt.txt"),
    ),
    S(
        "bureaus",
        K.BUREAUS,
        "[]",
        "label bureaus to ask for ratings; without one the labels kept in the state folder count",
        "レーティングをたずねるラベルビューロー。なければ state のフォルダーにあるラベルを使う",
    ),
    S(
        "bureau_away",
        K.CHOICE,
        None,
        "what happens to documents while a bureau does not answer",
        "ビューローが答えないときのページの扱い",
        Unrated,
        by_level=True,
        per_group=True,
    ),
    S(
        "record",
        K.CHOICE,
        "blocked",
        "what is recorded: blocked requests, visits too, or nothing",
        "何を記録するか",
        Keep,
        per_group=True,
    ),
    S("retention", K.DURATION, "7 days", "when records are deleted", "記録を消すまでの時間"),
    S(
        "upstream_ca",
        K.FILE,
        None,
        "certificates trusted besides those that come with SFS (PEM)",
        "追加で信頼する証明書(PEM)",
    ),
    S("language", K.CHOICE, "auto", "language of the pages a reader sees", "利用者に見せるページの言語", PageLanguage),
    S(
        "only_allowed",
        K.FLAG,
        "false",
        "whether only documents of allowed entries and opening lists are shown",
        "許可したものだけを見せるか",
        per_group=True,
    ),
    S(
        "checks",
        K.CHOICE,
        "all",
        "which checks are made: all, or mandatory lists alone",
        "すべて調べるか、義務のリストだけか",
        Checks,
        per_group=True,
    ),
    S(
        "stop_page",
        K.STOP_PAGE,
        None,
        "of a provider: who blocks by mandatory lists, whom to ask, where to appeal",
        "プロバイダが義務のリストで止めるとき、だれが止めたか、どこに聞くか、異議の申し立て先",
    ),
)
BY_NAME: Final = {setting.name: setting for setting in SETTINGS}
OLD_NAMES: Final = {  # what people write who know another filter, and what it is here
    "allowlist": "allow",
    "whitelist": "allow",
    "allowed": "allow",
    "blocklist": "block",
    "blacklist": "block",
    "deny": "block",
    "blocked": "block",
    "words": "keywords",
    "phrases": "keywords",
    "rating": "ratings",
    "subscriptions": "lists",
    "users": "groups",
    "host": "listen",
    "port": "listen",
    "proxy": "listen",
    "safe_search": "safesearch",
    "bureau": "bureaus",
    "log": "record",
    "logging": "record",
    "lang": "language",
    "ca": "upstream_ca",
    "mode": "https",
    "no_decrypt": "never_decrypt",
    "data": "state",
    "naughtynesslimit": "body_limit",
    "scan": "scan_body",
}

_VALUES: Final[dict[Kind, tuple[str, str]]] = {
    Kind.LEVEL: ("0 to 4", "0から4"),
    Kind.PROFILE: ("name or path", "名前かパス"),
    Kind.LISTEN: ("address:port", "アドレス:ポート"),
    Kind.LOOPBACK: ("127.0.0.1:port", "127.0.0.1:ポート"),
    Kind.FOLDER: ("path", "パス"),
    Kind.FILE: ("path", "パス"),
    Kind.DURATION: ("as 7 days, 12 hours", "7 days、12 hours など"),
    Kind.FLAG: ("true, false", "true, false"),
    Kind.NUMBER: ("1 to 10000", "1から10000"),
    Kind.ALLOW: ("entries", "エントリー"),
    Kind.BLOCK: ("entries", "エントリー"),
    Kind.KEYWORDS: ("rating: words", "レーティング: 語"),
    Kind.RATINGS: ("entry: rating", "エントリー: レーティング"),
    Kind.LISTS: ("lists", "リスト"),
    Kind.GROUPS: ("groups", "グループ"),
    Kind.REACH: ("addresses", "アドレス"),
    Kind.NETWORKS: ("addresses, networks", "アドレス、ネットワーク"),
    Kind.HOSTS: ("hosts", "ホスト"),
    Kind.BUREAUS: ("bureaus", "ビューロー"),
    Kind.PAUSES: ("times", "時刻"),
    Kind.STOP_PAGE: ("name, contact...", "名前、連絡先など"),
}
_HEADS: Final = {"en": ("key", "values", "default", "what it is"), "ja": ("キー", "値", "既定値", "説明")}
_BY_LEVEL: Final = {"en": "by level", "ja": "レベルによる"}
_NONE: Final = {"en": "none", "ja": "なし"}


def setting(name: str) -> Setting:
    """The setting with this name; KeyError for none."""
    return BY_NAME[name]


def values_text(one: Setting, language: Literal["en", "ja"] = "en") -> str:
    """What may stand behind a key, in a few words."""
    if one.choices is not None:
        return ", ".join(one.choices)
    return _VALUES[one.kind][language == "ja"]


def default_text(one: Setting, language: Literal["en", "ja"] = "en") -> str:
    """What holds where no layer says anything."""
    if one.by_level:
        return _BY_LEVEL[language]
    if one.shown is not None:
        return one.shown[language == "ja"]
    return one.default if one.default is not None else _NONE[language]


def settings_table(language: Literal["en", "ja"] = "en") -> str:
    """All settings as a Markdown table, one line a key, ending in a line break."""
    rows = [_HEADS[language], ("---",) * 4]
    for one in SETTINGS:
        help_text = one.help_ja if language == "ja" else one.help_en
        rows.append((f"`{one.name}`", values_text(one, language), default_text(one, language), help_text))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def mend_of_unknown(name: str, known: Iterable[str], old: bool = True) -> str:
    """What to do about a name that is not known: the new name of an old one, the nearest names, or all there are."""
    names = list(known)
    plain = name.strip().lower().replace("-", "_")
    if old and OLD_NAMES.get(plain) in names:
        return f"it is called {OLD_NAMES[plain]} here"
    near = get_close_matches(plain[:80], names, n=2, cutoff=0.65)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"known are {', '.join(names[:40])}"
