"""XMP, IPTC's records and EXIF as programs write them, and pictures that carry them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image

SPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "darktable": "http://darktable.sf.net/",
    "MicrosoftPhoto": "http://ns.microsoft.com/photo/1.0/",
    "MP": "http://ns.microsoft.com/photo/1.2/",
    "MPRI": "http://ns.microsoft.com/photo/1.2/t/RegionInfo#",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "mwg-kw": "http://www.metadataworkinggroup.com/schemas/keywords/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "acdsee": "http://ns.acdsee.com/iptc/1.0/",
}


def packet(elements: str = "", attributes: str = "") -> bytes:
    """XMP with these properties."""
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in SPACES.items())
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" {spaces} {attributes}>{elements}</rdf:Description>
 </rdf:RDF>
</x:xmpmeta><?xpacket end="w"?>""".encode()


def bag(name: str, *values: str, kind: str = "Bag") -> str:
    """A property that is a list."""
    items = "".join(f"<rdf:li>{value}</rdf:li>" for value in values)
    return f"<{name}><rdf:{kind}>{items}</rdf:{kind}></{name}>"


def alt(name: str, *values: str) -> str:
    """A property in several languages, the first of which is the default."""
    tags = ("x-default", "de", "fr")
    items = "".join(
        f'<rdf:li xml:lang="{tag}">{value}</rdf:li>'
        for tag, value in zip(tags, values, strict=False)
    )
    return f"<{name}><rdf:Alt>{items}</rdf:Alt></{name}>"


def records(*datasets: tuple[int, str | bytes], utf8: bool = True) -> bytes:
    """Records of IPTC."""
    found = b"\x1c\x01\x5a\0\x03\x1b%G" if utf8 else b""
    for number, value in datasets:
        data = value.encode() if isinstance(value, str) else value
        found += b"\x1c\x02" + bytes([number]) + len(data).to_bytes(2, "big") + data
    return found


def resources(**found: bytes) -> bytes:
    """Photoshop's resources by names such as `x0404`, as JPEG's APP13 has them."""
    data = b"Photoshop 3.0\0"
    for name, value in found.items():
        data += b"8BIM" + bytes.fromhex(name[1:]) + b"\0\0" + len(value).to_bytes(4, "big")
        data += value + b"\0" * (len(value) % 2)
    return data


def jpeg(**options: Any) -> bytes:
    """A picture with `exif`, `xmp`, or `app13`."""
    app13 = options.pop("app13", b"")
    buffer = BytesIO()
    Image.new("RGB", (16, 16), "red").save(buffer, "JPEG", **options)
    data = buffer.getvalue()
    if not app13:
        return data
    return data[:2] + b"\xff\xed" + (len(app13) + 2).to_bytes(2, "big") + app13 + data[2:]
