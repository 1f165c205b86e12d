"""Web pages: what is text of them, in which encoding, and pages that are no good."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cmsearch.errors import MediaError
from cmsearch.media import blocks, html
from cmsearch.media.html import HtmlReader, decoded
from cmsearch.types import Part, Reading, Skipped

JAPANESE = '<meta http-equiv="Content-Type" content="text/html; charset=shift_jis">東京'


def read(data: str | bytes, folder: Path, name: str = "a.html") -> list[Part | Skipped]:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(HtmlReader().read(path, Reading(16)))


def texts(data: str | bytes, folder: Path, name: str = "a.html") -> list[str]:
    return [one.content for one in read(data, folder, name) if isinstance(one, Part)]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<p>One <b>bold</b> word.<p>Another.", ["One bold word.", "Another."]),
        ("Loose<div>in a div<p>and in it</p>after", ["Loose", "in a div", "and in it", "after"]),
        ("<p>line<br>break", ["line", "break"]),
        ("<p>Caf&eacute; &amp; caf&#xe9;&nbsp;&#128512;", ["Café & café 😀"]),
        ("<ul><li>one<li>two</ul>", ["one", "two"]),
        ("<table><tr><td>Ann<td>7<tr><th>Bob<td>8</table>", ["Ann 7", "Bob 8"]),
        ("<p>a\n  b\t c", ["a b c"]),
        ("<pre>a\nb</pre>", ["a b"]),
        ("<p>kept<script>var gone = '<p>x'</script><style>p{}</style>", ["kept"]),
        ("<p>kept<!-- gone --><template><p>gone</template>", ["kept"]),
        ("<p>kept</p><nav><ul><li>gone</ul></nav><p>too", ["kept", "too"]),
        ("<p>kept<div role=navigation><div>gone</div>gone</div>too", ["kept", "too"]),
        ("<p>kept<div hidden><div>gone</div>gone</div><p aria-hidden=true>gone", ["kept"]),
        ("<body hidden><p>kept", ["kept"]),
        ("<nav><p>all there is</p></nav>", ["all there is"]),
        ("<p>a<select><option>gone</select><button>gone</button>b", ["ab"]),
        ("no tag at all", ["no tag at all"]),
        ("<p>Sind &Auml;pfel rot? Ja.</p>", ["Sind Äpfel rot? Ja."]),
    ],
)
def test_what_is_read_of_a_page(page: str, expected: list[str]) -> None:
    assert [" ".join(block.text.split()) for block in html._blocks(page)] == expected


def test_passages_stand_under_their_headings(tmp_path: Path) -> None:
    page = "<title>Guide</title><h1>Garden</h1><h2>Roses:</h2><p>They are red.<p>Or white.<h2>End"
    found = [(one.locator, one.content) for one in read(page, tmp_path) if isinstance(one, Part)]
    assert found == [
        ("¶1", "Guide"),
        ("¶2", "Garden"),
        ("¶4-5", "Roses: They are red. Or white."),
        ("¶6", "End"),
    ]


def test_long_paragraphs_are_cut_between_sentences(tmp_path: Path) -> None:
    sentence = " ".join(["word"] * 49) + " end."
    found = texts(f"<h1>Top</h1><p>{' '.join([sentence] * 3)}", tmp_path)
    assert found == [f"Top: {sentence} {sentence}", f"Top: {sentence}"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("Köln".encode(), "Köln"),
        ("\ufeffKöln".encode(), "Köln"),
        ("\ufeffKöln".encode("utf-16-le"), "Köln"),
        ("\ufeffKöln".encode("utf-16-be"), "Köln"),
        ("Köln".encode("cp1252"), "Köln"),
        ('<meta charset="iso-8859-1">“K”'.encode("cp1252"), '<meta charset="iso-8859-1">“K”'),
        ('<meta charset="koi8-r">Москва'.encode("koi8-r"), '<meta charset="koi8-r">Москва'),
        (b"<meta charset=hex>K", "<meta charset=hex>K"),
        (b"<meta charset=utf-8>\xff", "<meta charset=utf-8>\ufffd"),
        (JAPANESE.encode("shift_jis"), JAPANESE),
    ],
)  # fmt: skip
def test_pages_are_decoded_by_what_they_say(data: bytes, expected: str) -> None:
    assert decoded(data) == expected


def test_closed_elements_of_xhtml_swallow_nothing(tmp_path: Path) -> None:
    page = '<?xml version="1.0"?><html><head><title/><script src="a.js"/></head><p>kept</p></html>'
    assert texts(page, tmp_path, "a.xhtml") == ["kept"]


def test_pages_of_ours_are_none_of_the_folder(tmp_path: Path) -> None:
    page = '<!doctype html><meta name="generator" content="cmsearch"><p>A sheet'
    assert read(page, tmp_path) == []


def test_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    page = (
        f'<!DOCTYPE x [<!ENTITY s SYSTEM "file://{tmp_path}/secret.txt">]><p>&s;'
        '<link href="http://0.0.0.0/a.css" rel=stylesheet><img src="http://0.0.0.0/a.png">'
        '<iframe src="http://0.0.0.0/"></iframe><p>kept'
    )
    found = texts(page, tmp_path)
    assert found[-1].endswith("kept") and "secret" not in "".join(found)


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", "empty"), (b" \n", "empty"), (b"<p>\0\0\0", "zero bytes")]
)
def test_what_is_no_page_is_an_error(data: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=reason):
        read(data, tmp_path)


def test_a_page_that_is_too_large_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "MAX_BYTES", 2**20)
    with pytest.raises(MediaError, match="larger than 1 MiB"):
        read(bytes(2**20 + 1), tmp_path)


def test_of_too_much_text_the_rest_is_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MAX_TEXT", 9)
    first, note = read("<p>One.<p>Two, three.", tmp_path)
    assert isinstance(first, Part) and first.content == "One."
    assert isinstance(note, Skipped) and note.locator == "¶2"
    assert note.reason == "what comes after 9 characters is left out"


@pytest.mark.parametrize(
    "page",
    [
        "<div>" * 200_000 + "end",
        "<p><b><i>" * 50_000 + "end",
        "<" * 500_000 + " end",
        "<!" * 200_000 + "><p>end",
        "<p>" + "&a" * 200_000 + " end",
        '<a b="' + "x" * 2**22 + '"><p>end',
        "<a " + " ".join(f"a{number}=1" for number in range(50_000)) + "><p>end",
        "<table>" * 20_000 + "end",
        "<svg>" * 20_000 + "</svg>" * 20_000 + "<p>end",
        "<nav>" * 20_000 + "</nav>" * 20_000 + "<p>end",
    ],
    ids=["deep", "inline", "less", "marks", "entities", "long", "many", "tables", "svg", "nav"],
)
def test_hostile_pages_are_read_in_time(page: str, tmp_path: Path) -> None:
    assert texts(page, tmp_path)[-1].endswith("end")


@pytest.mark.parametrize("ends", [b"</p></i>", b"</div>", b"</x>"])
def test_elements_within_one_another_are_bounded(tmp_path: Path, ends: bytes) -> None:
    """Each end that fits none of them is looked for in all: 100,000 times 100,000 take minutes."""
    start = time.process_time()
    with pytest.raises(MediaError, match="elements are within one another"):
        read(b"<div><b>" * 100_000 + ends * 100_000, tmp_path)
    assert time.process_time() - start < 20


def test_old_pages_leave_many_elements_open(tmp_path: Path) -> None:
    page = b"<font>" * 2000 + b"Unclosed." + b"</i>" * 20_000 + b"<p>Read."
    assert "Unclosed." in "".join(texts(page, tmp_path))
