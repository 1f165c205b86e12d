"""XMP gets keywords and a description, keeps all else to the byte, and hostile XML is refused."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.annotate.xmp import merged, read
from cmsearch.errors import MediaError

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
DC = "http://purl.org/dc/elements/1.1/"
DARKTABLE = f"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="{RDF}">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:darktable="http://darktable.sf.net/"
    xmlns:dc="{DC}"
   xmp:Rating="4"
   darktable:history_end='3'
   darktable:note="two&#xA;lines &gt; one">
   <!-- mine -->
   <darktable:history><rdf:Seq><rdf:li darktable:params="gz02eJ/>"/></rdf:Seq></darktable:history>
   <dc:subject>
    <rdf:Bag>
     <rdf:li>holiday</rdf:li>
     <rdf:li>R&amp;B</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">Ours</rdf:li></rdf:Alt></dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""
ADOBE = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">
<rdf:Description rdf:about="" xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
 crs:Exposure2012="+0.35"/>
</rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def parsed(data: bytes) -> tuple[list[str], list[str]]:
    """Keywords and descriptions as another parser finds them."""
    tree = ElementTree.fromstring(data)
    places = (f".//{{{DC}}}subject/{{{RDF}}}Bag", f".//{{{DC}}}description/{{{RDF}}}Alt")
    subjects, descriptions = (tree.findall(f"{place}/{{{RDF}}}li") for place in places)
    return [one.text or "" for one in subjects], [one.text or "" for one in descriptions]


def test_a_new_document_has_what_was_given() -> None:
    data = merged(None, ["dog", "R&B <x>"], 'a "dog" & a cat')
    assert parsed(data) == (["dog", "R&B <x>"], ['a "dog" & a cat'])
    assert read(data) == (["dog", "R&B <x>"], True)


def test_without_anything_to_say_nothing_changes() -> None:
    data = DARKTABLE.encode()
    assert merged(data) is data
    assert merged(data, ["holiday", "R&B"], "Theirs") is data


def test_keywords_are_added_and_everything_else_stays_to_the_byte() -> None:
    data = merged(DARKTABLE.encode(), ["dog", "holiday", "dog"], "Theirs")
    added = "     <rdf:li>dog</rdf:li>\n"
    assert data.decode().replace(added, "", 1) == DARKTABLE
    assert parsed(data) == (["holiday", "R&B", "dog"], ["Ours"])


def test_a_description_is_replaced_only_if_told_to() -> None:
    data = merged(DARKTABLE.encode(), [], "Theirs", replace=True)
    assert parsed(data) == (["holiday", "R&B"], ["Theirs"])
    kept = DARKTABLE.partition("   <dc:description>")[0]
    assert data.decode().startswith(kept)


def test_an_element_without_content_is_opened() -> None:
    data = merged(ADOBE.encode(), ["dog"], "A dog")
    assert parsed(data) == (["dog"], ["A dog"])
    assert data.decode().startswith(ADOBE.partition("/>")[0])
    assert merged(data, ["dog"], "A cat") is data


@pytest.mark.parametrize(
    "inner",
    [
        "",
        "<rdf:Description/>",
        '<rdf:Description rdf:about=""></rdf:Description>',
        f'<rdf:Description xmlns:dc="{DC}"><dc:subject/></rdf:Description>',
        f'<rdf:Description xmlns:dc="{DC}"><dc:subject></dc:subject></rdf:Description>',
        f'<rdf:Description xmlns:dc="{DC}"><dc:subject><rdf:Bag/></dc:subject></rdf:Description>',
        '<rdf:Description xmlns:dc="urn:other"><dc:subject>x</dc:subject></rdf:Description>',
        f'<q:Description xmlns:q="{RDF}"><e:subject xmlns:e="{DC}"><q:Bag/></e:subject>'
        "</q:Description>",
    ],
)
def test_every_form_takes_keywords(inner: str) -> None:
    data = merged(f'<rdf:RDF xmlns:rdf="{RDF}">{inner}</rdf:RDF>'.encode(), ["a", "b"])
    assert parsed(data) == (["a", "b"], [])
    assert merged(data, ["b"]) is data


def test_lists_in_other_properties_are_left_alone() -> None:
    inner = f'<h:s xmlns:h="urn:h"><rdf:Bag><rdf:li>x</rdf:li></rdf:Bag></h:s><d xmlns="{DC}"/>'
    data = f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description>{inner}</rdf:Description></rdf:RDF>'
    assert parsed(merged(data.encode(), ["a"]))[0] == ["a"]
    assert inner in merged(data.encode(), ["a"]).decode()


def test_a_byte_order_mark_moves_nothing() -> None:
    data = b"\xef\xbb\xbf" + DARKTABLE.encode()
    added = "     <rdf:li>dog</rdf:li>\n"
    assert merged(data, ["dog"]).decode().replace(added, "", 1) == "\ufeff" + DARKTABLE


BOMB = (
    '<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    f']><rdf:RDF xmlns:rdf="{RDF}"><rdf:Description>&b;</rdf:Description></rdf:RDF>'
)
OUTSIDE = f'<!DOCTYPE r SYSTEM "file:///etc/passwd"><rdf:RDF xmlns:rdf="{RDF}"/>'
NAMED = f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description {{}}</rdf:Description></rdf:RDF>'


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (BOMB.encode(), "document type"),
        (OUTSIDE.encode(), "document type"),
        (b"", "no XML"),
        (b"\0\1\2", "no XML"),
        (DARKTABLE[:400].encode(), "no XML"),
        (b"<html/>", "no rdf:RDF"),
        (DARKTABLE.replace("UTF-8", "ISO-8859-1").encode(), "UTF-8"),
        (DARKTABLE.replace("UTF-8", "UTF-16").encode("utf-16"), "UTF-8"),
        (NAMED.format(f'xmlns:dc="{DC}"><dc:subject>dog</dc:subject>').encode(), "no list"),
        (NAMED.format(f'xmlns:dc="{DC}" dc:subject="dog">').encode(), "no list"),
        (NAMED.format(f'xmlns:dc="{DC}" dc:description="dog">').encode(), "attribute"),
        (NAMED.format(">" + "<a>" * 1000 + "</a>" * 1000).encode(), "deep"),
    ],
)
def test_what_is_no_plain_xmp_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(MediaError, match=said):
        merged(data, ["a"], "b", replace=True)


def test_a_description_that_is_an_attribute_stays() -> None:
    data = NAMED.format(f'xmlns:dc="{DC}" dc:description="dog">').encode()
    assert merged(data, [], "cat") is data


@given(st.lists(st.text(), max_size=4), st.text())
def test_any_text_gives_a_document_that_can_be_read_and_is_then_complete(
    keywords: list[str], description: str
) -> None:
    data = merged(None, keywords, description)
    for other in (data, merged(DARKTABLE.encode(), keywords, description)):
        ElementTree.fromstring(other)
        assert merged(other, keywords, description) is other
    found, _ = parsed(data)
    assert len(found) == len(set(found))
