"""Make sample_data/notes/marmalade.pdf: two pages of text with one of the sample photographs.

    python -m scripts.sample_page [FILE]

The same photograph and the same Pillow give the same bytes.
"""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image

from tests.documents import lines, pdf

SAMPLE = Path(__file__).parents[1] / "sample_data"
PHOTO = SAMPLE / "photos" / "citrus_slices.jpg"
WIDTH = 360
QUALITY = 70
FIRST = (
    "Bitter oranges are in season for a few weeks after the new year. Their thick skin",
    "holds the pectin that makes marmalade set, so nothing of them is thrown away. Wash",
    "two kilograms of fruit in hot water, halve it, and squeeze out the juice.",
    "Tie the pips and the soft white parts into a piece of muslin. Slice the peel as thinly",
    "as you like to find it on your toast. Leave juice, peel and muslin in four litres of",
    "water overnight; the next morning the peel is soft enough to be crushed between two",
    "fingers. Simmer it for two hours before any sugar goes in.",
)
SECOND = (
    "Warm three kilograms of sugar in the oven and stir it in until it is dissolved, then",
    "boil the pan hard. After a quarter of an hour put a spoonful on a cold saucer: when",
    "it wrinkles under a pushing finger, the marmalade is ready.",
    "Let it stand for ten minutes so that the peel doesn't float, and fill it into jars",
    "that were sterilised in the oven. Screw the lids on at once. Unopened jars keep for",
    "two years in a dark cupboard; an opened one lasts about six weeks in the refrigerator.",
    "Write the year on each label.",
)


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE / "notes" / "marmalade.pdf"
    target.write_bytes(made())


def made() -> bytes:
    """The bytes of the file."""
    with Image.open(PHOTO) as photo:
        small = photo.convert("RGB")
        height = round(WIDTH * photo.height / photo.width)
        small = small.resize((WIDTH, height), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY)
    entries = b"/Width %d /Height %d /BitsPerComponent 8" % small.size
    entries += b" /ColorSpace /DeviceRGB /Filter /DCTDecode"
    picture = b"q %d 0 0 %d 117 %d cm /I Do Q\n" % (WIDTH, height, 690 - height)
    first = lines("Seville marmalade", size=24, font="F2", y=740) + picture
    first += lines("Photograph: US Department of Agriculture", size=8, x=117, y=678 - height)
    first += lines(*FIRST, y=640 - height)
    second = lines("Boiling, filling and keeping", size=16, font="F2", y=740)
    second += lines(*SECOND, y=705)
    return pdf(first, second, image=buffer.getvalue(), entries=entries)


if __name__ == "__main__":
    main()
