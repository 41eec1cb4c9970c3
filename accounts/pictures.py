"""Makes a picture of what somebody uploads: whatever else was in the file is not in the result. Drops what nothing names."""

from __future__ import annotations

import datetime as dt
import io
import secrets
import warnings
from collections.abc import Iterator
from contextlib import suppress

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Model
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

LARGEST_BYTES = 5 * 1024 * 1024
LARGEST_PIXELS = 25_000_000  # what decoding takes in memory is a multiple of this
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
ACCEPTED = ",".join(f"image/{name.lower()}" for name in FORMATS)  # as a file field says it
QUALITY = 84
YOUNG = dt.timedelta(hours=1)  # it may be about to be named
LOOKED_UP = 1000  # at a time


def clean(upload: UploadedFile[bytes], largest_px: int, *, square: bool = False) -> ContentFile[bytes]:
    """At most LARGEST_PX wide and high, under a name that no file has had. Raises ValidationError."""
    if (upload.size or 0) > LARGEST_BYTES:
        raise ValidationError(_("This file is too large: choose one of at most 5 MB."), code="bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = _decoded(upload)
    except ValidationError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_many_pixels() from error
    except Exception as error:  # decoders of broken files raise nearly anything
        raise ValidationError(
            _("This file cannot be read as a picture: choose a whole JPEG, PNG, WebP or GIF."), code="unreadable"
        ) from error
    return ContentFile(_encoded(picture, largest_px, square), name=f"{secrets.token_hex(16)}.webp")


def _decoded(upload: UploadedFile[bytes]) -> Image.Image:
    """The first frame, upright. Its size is read before the rest is."""
    upload.seek(0)
    with Image.open(upload, formats=FORMATS) as image:
        if image.width * image.height > LARGEST_PIXELS:
            raise _too_many_pixels()
        image.seek(0)
        image.load()
        return ImageOps.exif_transpose(image).convert("RGBA")


def _too_many_pixels() -> ValidationError:
    return ValidationError(_("This picture is too large: choose one of at most 25 megapixels."), code="pixels")


def _encoded(picture: Image.Image, largest_px: int, square: bool) -> bytes:
    if square:
        picture = ImageOps.fit(picture, (largest_px, largest_px))
    else:
        picture.thumbnail((largest_px, largest_px))
    out = io.BytesIO()
    # a new image: nothing of the old one's metadata comes along
    clean_copy = Image.new("RGBA", picture.size)
    clean_copy.paste(picture)
    clean_copy.save(out, "WEBP", quality=QUALITY)
    return out.getvalue()


# --- what nothing names ---------------------------------------------------------------------------------------------------


def drop_unnamed(model: type[Model], field: str, now: dt.datetime) -> int:
    """Files are written before their rows, and removed after: whoever is killed in between leaves one. How many there were."""
    old, dropped = list(_old(model._meta.get_field(field).upload_to, now)), 0  # type: ignore[union-attr]
    for start in range(0, len(old), LOOKED_UP):
        some = old[start : start + LOOKED_UP]
        named = model._default_manager.filter(**{f"{field}__in": some}).values_list(field, flat=True)
        for path in {*some} - {*named}:
            default_storage.delete(path)
            dropped += 1
    return dropped


def _old(folder: str, now: dt.datetime) -> Iterator[str]:
    if not default_storage.exists(folder):
        return
    for name in default_storage.listdir(folder)[1]:
        path = f"{folder}/{name}"
        with suppress(FileNotFoundError):  # somebody has removed it
            if now - default_storage.get_modified_time(path) > YOUNG:
                yield path
