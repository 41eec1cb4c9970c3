from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import pytest
from django.conf import settings as site
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image
from pytest_django import Settings

from accounts import pictures, purge
from accounts.models import Channel
from deploy.local.instance import CHECKOUT
from tests.accounts.images import PAYLOAD, SVG, bomb, picture, tagged_photo, upload


def opened(content: bytes, largest: int = 64, *, square: bool = False) -> Image.Image:
    return Image.open(io.BytesIO(pictures.clean(upload(content), largest, square=square).read()))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_it_makes_a_webp_that_fits(kind: str) -> None:
    image = opened(picture(kind))
    assert (image.format, image.size) == ("WEBP", (64, 48))
    assert opened(picture(kind), square=True).size == (64, 64)


def test_of_a_moving_picture_it_takes_the_first_frame() -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    image = opened(out.getvalue()).convert("RGB")
    red, _, blue = image.getpixel((10, 10))  # type: ignore[misc]
    assert red > 200 > 60 > blue and getattr(image, "n_frames", 1) == 1


def test_it_turns_a_photo_upright_and_says_nothing_of_where_it_was_taken() -> None:
    made = pictures.clean(upload(tagged_photo()), 64).read()
    image = Image.open(io.BytesIO(made))
    assert image.size == (20, 40)
    red, _, blue = image.convert("RGB").getpixel((10, 5))  # type: ignore[misc]
    assert red > blue
    assert b"SECRET" not in made and not image.getexif()


def test_what_shows_through_still_does() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(out, "PNG")
    assert opened(out.getvalue()).convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


def test_every_file_has_a_name_of_its_own() -> None:
    first, second = (pictures.clean(upload(picture("PNG"), "../../evil.php"), 64).name for _ in range(2))
    assert first != second and first and first.endswith(".webp") and "/" not in first


@pytest.mark.parametrize("place", ["after", "comment"])
def test_the_other_half_of_a_polyglot_is_gone(place: str) -> None:
    content = picture("JPEG") + PAYLOAD if place == "after" else picture("JPEG", comment=PAYLOAD)
    assert PAYLOAD in content
    assert PAYLOAD not in pictures.clean(upload(content), 64).read()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (SVG, "cannot be read as a picture"),
        (b"", "cannot be read as a picture"),
        (b"<!doctype html>" + PAYLOAD, "cannot be read as a picture"),
        (b"GIF89a" + PAYLOAD, "cannot be read as a picture"),
        (picture("PNG")[:200], "cannot be read as a picture"),
        (picture("JPEG")[:400], "cannot be read as a picture"),
        (picture("BMP"), "cannot be read as a picture"),
        (picture("TIFF"), "cannot be read as a picture"),
        (bomb(), "at most 25 megapixels"),
        (picture("PNG") + bytes(5 * 1024 * 1024), "at most 5 MB"),
    ],
    ids=["svg", "empty", "html", "gif and html", "cut png", "cut jpeg", "bmp", "tiff", "bomb", "large"],
)
def test_what_is_no_good_is_refused_with_a_sentence(content: bytes, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        pictures.clean(upload(content), 64)


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*args: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", explode)
    with pytest.raises(ValidationError, match="megapixels"):
        pictures.clean(upload(bomb()), 64)


# --- what nothing names ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_files_that_nothing_names_are_dropped_once_they_are_old(channel: Channel, settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    purge.pictures(timezone.now())  # where there is no folder yet
    channel.avatar.save("named.webp", ContentFile(b"named"))
    channel.poster.save("named.webp", ContentFile(b"named"))
    for folder in ("avatars", "posters"):
        (tmp_path / folder / "half").write_bytes(b"writ")
    (tmp_path / "of_another").mkdir()
    (tmp_path / "of_another" / "half").touch()
    purge.pictures(timezone.now() + dt.timedelta(minutes=59))
    assert len(files(tmp_path)) == 5
    purge.pictures(timezone.now() + dt.timedelta(minutes=61))
    assert files(tmp_path) == ["avatars/named.webp", "of_another/half", "posters/named.webp"]


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_an_upload_as_large_as_the_edge_lets_in_is_no_file() -> None:
    rules = (CHECKOUT / "deploy/local/edge.vcl.in").read_text()
    assert "at most 8 MB" in rules and site.FILE_UPLOAD_MAX_MEMORY_SIZE >= 8 * 1024 * 1024
