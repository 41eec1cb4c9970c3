"""Makes a picture of what somebody uploads: whatever else was in the file is not in the result."""

from __future__ import annotations

import io
import secrets
import warnings

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

LARGEST_BYTES = 5 * 1024 * 1024
LARGEST_PIXELS = 25_000_000  # what decoding takes in memory is a multiple of this
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
QUALITY = 84


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
