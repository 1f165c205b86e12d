"""Make a folder as a family has it: python -m scripts.family FOLDER

About 300 files, the same each time: trips and birthdays with the camera's days and places, a camera
roll with bursts, live pairs and edits, pictures of messengers, screenshots, tickets, memos and
films. The photographs are those of the sample data, each cropped, lit and scaled in its own way.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import av
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from tests.documents import lines, pdf

SAMPLE = Path(__file__).parents[1] / "sample_data"
EVERYTHING = tuple(sorted(path.stem for path in (SAMPLE / "photos").glob("*.jpg")))
ROLL, BURST, LIVE = "Camera Roll", range(10, 15), range(20, 25)
EDITS = {31: "IMG_{:04}_edited.JPG", 32: "IMG_{:04} (1).JPG", 33: "IMG_{:04} - Copy.JPG"}
HOLIDAY = "2022/2022-08 Picos de Europa"


class Album(NamedTuple):
    """Photographs of some scenes: `names` are of their times, or of their numbers."""

    folder: str
    names: str
    begin: datetime
    camera: str
    place: tuple[float, float] | None
    scenes: Sequence[str]
    each: int
    width: int = 640


ALBUMS = (
    Album(HOLIDAY, "IMG_{time:%Y%m%d_%H%M%S}.jpg", datetime(2022, 8, 3, 9), "Canon EOS R5",
          (43.2, -4.8), ("rocky_peaks", "autumn_meadow", "hilltop_sunset", "forest_stream"), 10),
    Album("2023/Cincinnati", "IMG_{time:%Y%m%d_%H%M%S}.jpg", datetime(2023, 3, 18, 20), "Pixel 7",
          (39.1, -84.5), ("suspension_bridge", "espresso"), 7),
    Album("2023/China", "PXL_{time:%Y%m%d_%H%M%S}123.jpg", datetime(2023, 10, 12, 9, 30), "Pixel 7",
          (30.2, 120.1), ("pagoda",), 12),
    Album("2023/Grandma's 80th birthday", "DSC{number:05}.JPG", datetime(2023, 6, 24, 15),
          "NIKON D750", None, ("wine_evening", "citrus_slices", "fig_bowl", "espresso"), 6),
    Album("2024/Garden", "IMG_{time:%Y%m%d_%H%M%S}.jpg", datetime(2024, 5, 12, 10), "iPhone 15",
          (48.1, 11.6), ("dahlia", "dandelions", "honey_bee"), 8),
    Album("2024/Pets", "IMG_{time:%Y%m%d_%H%M%S}.jpg", datetime(2024, 2, 3, 17), "iPhone 15",
          (48.1, 11.6), ("tabby_cat", "calico_kitten", "window_dogs"), 10),
    Album("2024/Zoo", "IMG_{time:%Y%m%d_%H%M%S}.jpg", datetime(2024, 7, 20, 11), "iPhone 15",
          (48.1, 11.5), ("raccoon",), 10),
    Album("2024/Space museum", "DSC{number:05}.JPG", datetime(2024, 9, 7, 13), "NIKON D750", None,
          ("astronaut", "launch_pad", "deep_field"), 6),
    Album(ROLL, "IMG_{number:04}.JPG", datetime(2024, 10, 1, 8), "iPhone 15", (48.1, 11.6),
          EVERYTHING, 3),
    Album("WhatsApp Images", "IMG-20230704-WA{number:04}.jpg", datetime(2023, 7, 4), "", None,
          EVERYTHING[:20], 1, 480),
    Album("Signal", "signal-{time:%Y-%m-%d-%H%M%S}.jpeg", datetime(2023, 7, 4, 10, 11), "", None,
          ("window_dogs", "wine_evening"), 4, 480),
    Album("Scans", "Scan {number}.jpg", datetime(2021, 1, 9), "", None, ("cameraman",), 5),
    Album("Downloads", "download ({number}).jpg", datetime(2024, 4, 1), "", None,
          ("paint_brushes", "retina"), 3),
)  # fmt: skip
SCREENS = {
    "2023-07-01-08-00-00": ("Boarding pass", "Flight 123 to Faro", "Gate 14   Seat 17C"),
    "2023-07-02-21-40-05": (
        "Anna",
        "Are you at the station?",
        "Ten minutes late!",
        "See you there",
    ),
    "2023-07-02-21-44-51": ("Anna", "We are at the door", "Coming down", "Bring the umbrella"),
    "2023-07-04-10-11-12": ("Hotel Sol e Mar", "2 nights, 1 room", "Booking 88213", "184.00 EUR"),
    "2023-07-09-12-00-30": ("Receipt", "Bread 3.20", "Milk 1.19", "Apples 2.75", "Total 7.14"),
    "2024-01-15-07-30-00": ("Weather", "Monday  2 degrees", "Tuesday -1 degrees", "Snow later"),
    "2024-03-02-18-05-44": ("Bank", "Rent -950.00", "Salary 2,800.00", "Balance 3,114.20"),
    "2024-08-08-09-09-09": ("Map", "Turn left in 200 m", "Arrival 14:05"),
}
TEXTS = {
    "Documents/Wi-Fi.txt": "Network Villa Kunterbunt, password of the Wi-Fi: pippi-1945.\n",
    "Documents/Marmalade.txt": "How to make marmalade: wash two kilograms of bitter oranges, slice "
    "the peel, simmer for two hours, add three kilograms of sugar and boil it hard.\n",
    "Documents/Packing list.txt": "Tent, sleeping bags, stove, torch, raincoats, first aid kit.\n",
    "Documents/Insurance.txt": "Household insurance, policy 55-2210, renewed each January.\n",
    "Documents/Letter.txt": "Dear Mr Berg, the tap in the kitchen has been dripping since May.\n",
    "Memos/Memo 1.txt": "Ask the dentist for an appointment in the second week of June.\n",
    "Memos/Memo 2.txt": "Present for Paul: a book about knights, or a kite.\n",
}
TICKET = (
    "Boarding pass", "Passenger: Maria Berg", "Flight 123 from Munich to Faro", "Gate 14, seat 17C",
    "Booking reference QX7YZ2",
)  # fmt: skip
MEDIA = {
    "garden.ogg": "Memos/Voice 1.ogg",
    "night.mp3": "Memos/Voice 2.mp3",
    "journey.mp4": f"{HOLIDAY}/VID_20220804_101500.mp4",
}


def main() -> None:
    made = make(Path(sys.argv[1]))
    files = sum(path.is_file() for path in Path(sys.argv[1]).rglob("*"))
    print(f"{files} files, {len(made)} of them photographs, in {sys.argv[1]}")


def make(
    folder: Path,
    *,
    most: int = 100,
    albums: Sequence[Album] = ALBUMS,
    media: Mapping[str, str] = MEDIA,
) -> dict[str, str]:
    """Make the folder, with at most so many of each scene in an album; by path the scene."""
    made: dict[str, str] = {}
    for album in albums:
        made |= _album(folder, album, min(album.each, most))
    made |= _edited(folder, made)
    _live(folder, made)
    for name, said in SCREENS.items():
        _screen(_place(folder, f"Screenshots/Screenshot_{name}.png"), said)
    for name, text in TEXTS.items():
        _place(folder, name).write_text(text, encoding="utf-8")
    _place(folder, "Documents/Ticket Faro.pdf").write_bytes(pdf(lines(*TICKET)))
    for source, name in media.items():
        shutil.copy(SAMPLE / "media" / source, _place(folder, name))
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).as_posix() not in made:
            moment = datetime(2024, 1, 1, 12).timestamp()
            os.utime(path, (moment, moment))
    return made


def _album(folder: Path, album: Album, each: int) -> dict[str, str]:
    made: dict[str, str] = {}
    shots = [scene for scene in album.scenes for _ in range(each)]
    if album.folder == ROLL:  # of all there is, one after the other
        shots = list(album.scenes) * each
    for number, scene in enumerate(shots, 1):
        burst = album.folder == ROLL and number in BURST and len(shots) > BURST.stop
        if burst:
            scene = shots[BURST.start - 1]
        time = album.begin + (
            timedelta(seconds=number) if burst else timedelta(minutes=7 * number, seconds=number)
        )
        name = f"{album.folder}/{album.names.format(time=time, number=number)}"
        picture = varied(scene, Random("burst" if burst else name), album.width, shifted=number)
        save(picture, _place(folder, name), time, album)
        made[name] = scene
    return made


def varied(scene: str, random: Random, width: int, *, shifted: int = 0) -> Image.Image:
    """A photograph, cropped, lit and scaled by chance; a little to the side for another shot."""
    with Image.open(SAMPLE / "photos" / f"{scene}.jpg") as photo:
        picture = photo.convert("RGB")
    share = random.uniform(0.75, 0.97)
    wide, high = int(picture.width * share), int(picture.height * share)
    left = random.randint(0, picture.width - wide - 6) + shifted % 6
    top = random.randint(0, picture.height - high - 2)
    picture = picture.crop((left, top, left + wide, top + high))
    picture = ImageEnhance.Brightness(picture).enhance(random.uniform(0.75, 1.25))
    picture = ImageEnhance.Color(picture).enhance(random.uniform(0.8, 1.2))
    return picture.resize((width, round(width * high / wide)), Image.Resampling.LANCZOS)


def save(picture: Image.Image, path: Path, time: datetime, album: Album) -> None:
    exif = Image.Exif()
    if album.camera:  # messengers and scanners leave nothing of it
        text = f"{time:%Y:%m:%d %H:%M:%S}"
        exif[272], exif[306] = album.camera, text
        exif.get_ifd(0x8769)[36867] = text
        if album.place is not None:
            exif.get_ifd(0x8825).update(_degrees(*album.place))
    picture.save(path, "JPEG", quality=85, exif=exif)
    os.utime(path, (time.timestamp(), time.timestamp()))


def _degrees(north: float, east: float) -> dict[int, Any]:
    """Degrees as EXIF has them: the hemisphere, and degrees, minutes and seconds."""
    return {
        1: "N" if north >= 0 else "S", 2: (abs(north), 0.0, 0.0),
        3: "E" if east >= 0 else "W", 4: (abs(east), 0.0, 0.0),
    }  # fmt: skip


def _edited(folder: Path, made: dict[str, str]) -> dict[str, str]:
    """Copies of pictures of the roll as programs make them."""
    found = {}
    for number, names in EDITS.items():
        source = f"{ROLL}/IMG_{number:04}.JPG"
        name = f"{ROLL}/{names.format(number)}"
        if source in made:
            with Image.open(folder / source) as picture:
                brighter = ImageEnhance.Brightness(picture).enhance(1.3)
                brighter.save(folder / name, "JPEG", quality=90, exif=picture.getexif())
            found[name] = made[source]
    return found


def _live(folder: Path, made: dict[str, str]) -> None:
    """A second of film beside some pictures of the roll."""
    for number in LIVE:
        source = f"{ROLL}/IMG_{number:04}.JPG"
        if source in made:
            with Image.open(folder / source) as picture:
                film(folder / f"{ROLL}/IMG_{number:04}.MOV", list(_moving(picture)))


def _moving(picture: Image.Image) -> Iterator[Image.Image]:
    for step in range(12):
        yield picture.crop((step, 0, step + picture.width - 12, picture.height)).resize((320, 240))


def film(path: Path, frames: Sequence[Image.Image]) -> None:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=12, options={"crf": "28"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for frame in (*map(av.VideoFrame.from_image, frames), None):
            container.mux(stream.encode(frame))


def _screen(path: Path, said: Sequence[str]) -> None:
    """A page of an app: a coloured head, and lines below it."""
    random = Random(path.name)
    picture = Image.new("RGB", (540, 960), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 540, 90), fill=tuple(random.randrange(30, 200) for _ in "rgb"))
    draw.text((24, 28), said[0], "white", ImageFont.load_default(34))
    for row, line in enumerate(said[1:]):
        draw.text((24, 140 + 80 * row), line, "black", ImageFont.load_default(28))
    picture.save(path)


def _place(folder: Path, name: str) -> Path:
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


if __name__ == "__main__":
    main()
