"""Pages of harmless Japanese for measures of filters that read the text: made here, the same ones each time."""

import random

_WHO = ["母", "父", "祖母", "先生", "隣の人", "司書", "店の人", "友だち", "駅員", "姉"]
_WHERE = ["図書館", "博物館", "公園", "台所", "駅前の広場", "植物園", "川のほとり", "学校", "港", "山のふもと"]
_WHAT = [
    "新しいパンの作り方",
    "昔の地図",
    "春の花",
    "渡り鳥",
    "蒸気機関車",
    "星座",
    "紅葉",
    "万年筆",
    "味噌汁",
    "折り紙",
    "積み木",
    "潮の満ち引き",
]
_DID = [
    "を調べました",
    "を見せてくれました",
    "について話しました",
    "を写生しました",
    "の本を借りました",
    "を集めています",
]
_WHEN = ["朝早く", "昼休みに", "雨の日に", "先週の土曜日", "夏休みの間", "夕方", "十月の半ば"]
_MORE = [
    "地図によると、その道は二百年ほど前からあるそうです。",
    "小麦粉と水をよく混ぜて、三十分ほど休ませます。",
    "開館時間は午前九時から午後五時まで、月曜日は休みです。",
    "バスは一時間に三本あり、終点まで十五分かかります。",
    "気温が下がると、葉の色がゆっくり変わっていきます。",
    "次の展示では、地元の職人が使った道具を並べる予定です。",
    "窓辺に置くときは、土が乾いてから水をやってください。",
    "カタカナで書かれたメニューを、みんなで声に出して読みました。",
]


def japanese_page(number: int, size: int) -> str:
    """HTML of about `size` bytes in UTF-8: headings, paragraphs, links, lists."""
    rng = random.Random(number)
    title = f"{rng.choice(_WHERE)}だより {number + 1}"
    head = (
        f'<!doctype html><html lang="ja"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="description" content="{_sentence(rng)}"><link rel="stylesheet" href="/style.css"></head>\n'
    )
    parts, length = [head, f"<body><h1>{title}</h1>\n"], len(head.encode())
    while length < size:
        parts.append(_part(rng))
        length += len(parts[-1].encode())
    return "".join(parts) + "</body></html>\n"


def _part(rng: random.Random) -> str:
    text = "".join(rng.choice((_sentence(rng), rng.choice(_MORE))) for _ in range(rng.randint(2, 5)))
    kind = rng.randrange(5)
    if kind == 0:
        return f"<h2>{rng.choice(_WHAT)}</h2>\n<p>{text}</p>\n"
    if kind == 1:
        items = "".join(f"<li>{_sentence(rng)}</li>" for _ in range(3))
        return f'<ul class="list">{items}</ul>\n'
    link = f'<a href="/{rng.randrange(1000)}.html">{rng.choice(_WHERE)}</a>'
    return f'<div class="entry"><p>{text}{link}で続きを読めます。</p></div>\n'


def _sentence(rng: random.Random) -> str:
    words = (rng.choice(of) for of in (_WHEN, _WHO, _WHERE, _WHAT, _DID))
    when, who, where, what, did = words
    return f"{when}、{who}が{where}で{what}{did}。"
