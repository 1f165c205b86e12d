"""Make a folder of drawn pictures with captions: python -m scripts.drawn FOLDER [--pictures 1000]

The same each time: pictures of ellipses that show nothing, each with a caption that says what a
photograph might show, in folders of trips and by names as cameras and people give them, with days,
cameras and places. Every twentieth is saved once more, as a near-duplicate. So exact words have one
right answer, and there is something to filter by and to fold.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

from scripts.family import Album, save
from tests.builders import scene

SIZE = (160, 120)
COPIED = 20
"""Each so many pictures one is there twice."""
WHO = (
    "an old sailor", "two sisters", "a tall waiter", "our neighbour", "a tired runner", "the baker",
    "a girl in yellow boots", "three students", "a bearded gardener", "the postman", "a drummer",
    "an elderly couple", "a boy with freckles", "the vet", "a street musician", "a woman in red",
)  # fmt: skip
DOES = (
    "paints", "carries", "repairs", "points at", "laughs about", "washes", "draws", "holds up",
    "hides behind", "photographs", "polishes", "leans on", "unpacks", "looks for", "sells",
)  # fmt: skip
WHAT = (
    "a wooden ladder", "a broken umbrella", "a striped kite", "an accordion", "a basket of pears",
    "a rusty bicycle", "a birthday cake", "a brass telescope", "a pile of books", "a green canoe",
    "a sleeping dog", "a snow globe", "a paper lantern", "an empty birdcage", "a clay pot",
    "a sewing machine", "a blue door", "a wheelbarrow", "a chess board", "a jar of honey",
)  # fmt: skip
WHERE = (
    "under a chestnut tree", "on the ferry", "in front of the town hall", "beside a frozen pond",
    "in a crowded kitchen", "at the end of the pier", "on a gravel path", "near the old windmill",
    "behind the railway station", "in the rain", "on a flat roof", "by candlelight",
    "in the attic", "next to a campfire", "at the flea market", "between two vans",
    "on the stairs", "in long grass",
)  # fmt: skip
NAMES = (
    "Quillan", "Ottoline", "Zebedee", "Marijke", "Anselm", "Ffion", "Thaddeus", "Yusra", "Ignatz",
    "Sunniva", "Bartholomew", "Oksana", "Jürgen", "Solveig", "Caspian", "Dagny", "Evander",
    "Leocadia", "Wilhelmina", "Xanthe",
)  # fmt: skip
"""Names that one caption each has."""
FOLDERS = (
    "2016 Lisbon", "2017 Norway/Lofoten", "2017 Norway/Tromsø", "2018 Wedding of Paula",
    "Sailing course", "2019 Scotland", "Choir rehearsal", "2020 Allotment",
    "Grandfather's eightieth", "Carnival Cologne", "2021 Bornholm", "2021 Kitchen renovation",
    "School enrolment", "2022 Marrakesh", "Judo tournament", "2023 Interrail/Ljubljana",
    "2023 Interrail/Trieste", "Company outing", "2024 Azores", "Moving house",
)  # fmt: skip
TITLES = (
    "harvest-moon", "first_steps", "Sunday pancakes", "lost mitten", "hedgehog_visit",
    "new-glasses", "snowed in", "blackout", "lemonade_stand", "goal keeper",
)  # fmt: skip
"""Names of files that people give; each stands once."""
CAMERAS = (("Canon EOS R5", (38.7, -9.1)), ("Pixel 7", (68.2, 13.6)), ("", None))


class Drawn(NamedTuple):
    """A picture: its path in the folder, and its caption."""

    path: str
    caption: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=1000)
    arguments = parser.parse_args()
    made = make(arguments.folder, arguments.pictures)
    print(f"{len(made)} pictures in {arguments.folder}")


def make(folder: Path, count: int) -> list[Drawn]:
    """Make the folder of so many pictures, and say what each is."""
    made = list(drawn(count))
    for number, picture in enumerate(made):
        maker, place = CAMERAS[number % len(CAMERAS)]
        time = datetime(2016, 1, 1, 9) + timedelta(days=3 * number)
        album = Album("", "", time, maker, place, (), 1)
        shown = number - 1 if _is_copy(number) else number
        path = folder / picture.path
        path.parent.mkdir(parents=True, exist_ok=True)
        save(scene(shown, SIZE), path, time, album)
    lines = [json.dumps({"image": one.path, "caption": one.caption}) for one in made]
    (folder / "captions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return made


def drawn(count: int) -> Iterator[Drawn]:
    """What there is to draw; no two captions are the same."""
    random = Random(0)
    seen: set[str] = set()
    for number in range(count):
        caption = ""
        while not caption or caption in seen:
            caption = " ".join(random.choice(words) for words in (WHO, DOES, WHAT, WHERE))
        seen.add(caption)
        if number % 50 == 7:
            name = NAMES[number // 50 % len(NAMES)]
            caption = f"{name} and {caption}" if number < 50 * len(NAMES) else caption
        folder = FOLDERS[number * len(FOLDERS) // count]
        yield Drawn(f"{folder}/{_name(number)}", f"{caption[0].upper()}{caption[1:]}.")


def _name(number: int) -> str:
    if number % 100 == 13 and number // 100 < len(TITLES):
        return f"{TITLES[number // 100]}.jpg"
    return f"IMG_{number:04}.JPG" if number % 2 else f"DSC{number:05}.jpg"


def _is_copy(number: int) -> bool:
    return number % COPIED == COPIED - 1


if __name__ == "__main__":
    main()
