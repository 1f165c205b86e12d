"""XMP in plausible forms is completed, with all else as it was, or refused with the reason."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.annotate import xmp
from cmsearch.errors import MediaError
from tests.examples import examples

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC = "http://purl.org/dc/elements/1.1/"
WORDS = ["dog", "Hund & Katze", "<b>", "été", "a, b", '"x"', "lr|x", "犬"]

words = st.lists(st.sampled_from(WORDS), max_size=4, unique=True)
description = st.none() | st.sampled_from(["A dog.", "Ein <Hund> & mehr"])


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, list[str], bool]:
    """A document as programs write it, its keywords, and whether it has a description."""
    rdf, dc = draw(st.sampled_from(["rdf", "r"])), draw(st.sampled_from(["dc", "d"]))
    known, said = draw(words), draw(description)
    bag = draw(st.sampled_from(["Bag", "Seq"]))
    inner = ""
    if known or draw(st.booleans()):
        items = "".join(f"<{rdf}:li>{escape(word)}</{rdf}:li>" for word in known)
        inner += f"<{dc}:subject><{rdf}:{bag}>{items}</{rdf}:{bag}></{dc}:subject>"
    if said is not None:
        one = f'<{rdf}:li xml:lang="x-default">{escape(said)}</{rdf}:li>'
        inner += f"<{dc}:description><{rdf}:Alt>{one}</{rdf}:Alt></{dc}:description>"
    other = quoteattr(draw(st.sampled_from(["2019-05-06", "a > b", "x&y"])))
    rating = f' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Label={other}'
    about = f'<{rdf}:Description {rdf}:about=""{rating}'
    body = f"{about}>{inner}</{rdf}:Description>" if inner else f"{about}/>"
    body = draw(st.sampled_from(["", "\n  ", "<!-- -->"])) + body
    names = f'xmlns:{rdf}="{RDF}" xmlns:{dc}="{DC}"'
    whole = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><{rdf}:RDF {names}>{body}</{rdf}:RDF></x:xmpmeta>'
    head = draw(st.sampled_from(["", '<?xml version="1.0" encoding="UTF-8"?>\n', "\ufeff"]))
    packet = draw(st.booleans())
    around = ('<?xpacket begin="" id="W5M0"?>', '<?xpacket end="w"?>') if packet else ("", "\n")
    return head + around[0] + whole + around[1], known, said is not None


@examples(60)
@given(documents(), words, description, st.booleans())
def test_what_is_new_is_added_and_all_else_stays(
    document: tuple[str, list[str], bool], new: list[str], said: str | None, replace: bool
) -> None:
    text, known, has_description = document
    data = text.encode()
    found = xmp.merged(data, new, said, replace=replace)
    assert xmp.read(found) == (
        [*known, *(word for word in new if word not in known)],
        has_description or said is not None,
    )
    assert xmp.merged(found, new, said) == found
    if set(new) <= set(known) and (said is None or (has_description and not replace)):
        assert found == data


@examples(60)
@given(documents(), st.data())
def test_a_damaged_document_is_completed_or_refused(
    document: tuple[str, list[str], bool], data: st.DataObject
) -> None:
    whole = document[0].encode()
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    odd = data.draw(st.sampled_from([b"", b"\0", b"\xff", b"<", b"&lol;", b"<!DOCTYPE a>", b"</"]))
    at = data.draw(st.integers(0, len(cut)))
    try:
        found = xmp.merged(cut[:at] + odd + cut[at:], ["new"], None)
    except MediaError as error:
        assert str(error)
    else:
        assert "new" in xmp.read(found)[0]


def test_a_document_type_is_refused() -> None:
    with pytest.raises(MediaError, match="document type"):
        xmp.merged(b"<!DOCTYPE a><a/>", ["new"])
