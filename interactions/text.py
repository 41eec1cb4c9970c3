"""What a message says, whatever tricks it is written with: words to compare, links, emoji, mentions."""

from __future__ import annotations

import re
import unicodedata
from itertools import islice

MENTIONS = 10  # of one message; the rest stays plain text

# Letters that look like Latin ones (after casefolding), and digits that are read as letters.
LOOK_ALIKES = str.maketrans(
    "авекмнорстухіјѕԁԛԝһӏ" + "αβεικμνορτυχηγω" + "łøđħıŀßþ",
    "abekmhopctyxijsdqwhl" + "abeikuvoptuxnyw" + "lodhilsp",
)
LEET = str.maketrans("0134578", "oieastb")
MIXED = re.compile(r"(?=\d*[^\W\d_])(?=[^\W\d_]*\d)[^\W_]+")  # letters and digits in one word
WORD = re.compile(r"[^\W_]+|[^\w\s]")
DOTS = re.compile(r"\s*[\[(]\s*(?:dot|\.)\s*[\])]\s*|[。｡]")  # example(dot)com
MENTION = re.compile(r"(?<![\w@.])@([a-z0-9_]{3,30})(?!\w)", re.IGNORECASE)

# At least what chat-text.js makes clickable, which knows words of ASCII alone; browsers take any row of slashes for two.
LINK = re.compile(r"(?:https?:[/\\]+|(?<![a-z0-9_])(?=www\.[^\s]))([^\s/?#\\]+)", re.ASCII | re.IGNORECASE)
TRAILING = ".,:;!?…)]}'\"*_~"  # of the sentence around it
BARE = re.compile(r"(?<![\w@.-])((?:[\w-]+\.)+([^\W\d_]{2,24}))(?![\w-])(:\d+)?(/\S)?")
# A dotted name counts as a link by these endings, else only with a path behind it: people forget spaces after full stops.
ENDINGS = frozenset(
    """app biz blog chat cloud club co com de dev es eu fr gg gl info io it jp link live ly me media net nl online onl org page
    pl pro ru shop site site store stream su tk to top tv uk us video vip website world wtf xn xxx xyz""".split()  # noqa: SIM905
)

EMOJI = re.compile(
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001faff]|[0-9#*]\ufe0f?\u20e3"
)
# What joins or varies them: joiner, variation, skin (within the range above), flags of regions.
EMOJI_GLUE = re.compile("[\u200d\ufe0f\U000e0020-\U000e007f]")
EMOJI_LENGTH = 16  # code points of one emoji; a family of four has eleven


def fold(text: str) -> str:
    """One form for all spellings that look alike. Not for showing."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    visible = "".join(c for c in plain if unicodedata.category(c) not in ("Cf", "Mn", "Me"))
    return MIXED.sub(lambda word: word[0].translate(LEET), visible.translate(LOOK_ALIKES))


def words(text: str) -> tuple[str, ...]:
    """Folded words and symbols (emoji); punctuation is left out, so that it hides nothing."""
    found = WORD.findall(fold(text))
    return tuple(word for word in found if word[0].isalnum() or unicodedata.category(word) == "So")


def contains(text: str, terms: frozenset[tuple[str, ...]]) -> bool:
    """Whether one of the terms (as `words` gives them) stands in the text, whole."""
    said = words(text)
    lengths = {len(term) for term in terms}
    return any(said[at : at + length] in terms for at in range(len(said)) for length in lengths)


def link_hosts(text: str) -> list[str]:
    """The hosts of what a reader could follow, as a browser understands them."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = DOTS.sub(".", "".join(c for c in plain if unicodedata.category(c) != "Cf"))
    hosts = [_host(authority) for authority in LINK.findall(text) + LINK.findall(plain)]
    for host, ending, _, path in BARE.findall(LINK.sub(" ", plain)):
        if path or fold(ending) in ENDINGS:
            hosts.append(host)
    return list(dict.fromkeys(hosts))


def _host(authority: str) -> str:
    """Without user (`youtube.com@evil.example` is evil.example), port, and the end of a sentence."""
    return re.sub(r":\d*$", "", authority.rpartition("@")[2].rstrip(TRAILING)).rstrip(".").casefold()


def belongs_to(host: str, domains: tuple[str, ...]) -> bool:
    return any(host == domain or host.endswith("." + domain) for domain in domains)


def is_emoji_only(text: str) -> bool:
    rest, count = EMOJI.subn("", text)
    return count > 0 and not EMOJI_GLUE.sub("", rest).strip()


def is_one_emoji(text: str) -> bool:
    return len(text) <= EMOJI_LENGTH and not re.search(r"\s", text) and is_emoji_only(text)


def mentions(text: str) -> list[str]:
    """Channel names, each once."""
    found = dict.fromkeys(name.lower() for name in MENTION.findall(text))
    return list(islice(found, MENTIONS))
