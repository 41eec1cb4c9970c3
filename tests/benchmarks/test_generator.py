import gzip

import pytest

from benchmarks.generator import LAST_CHUNK, plain

TEXT = "#EXTM3U\n" * 50


@pytest.mark.parametrize("sizes", [(10_000,), (1, 20, 10_000)])
def test_a_list_is_read_in_whatever_chunks_it_comes(sizes: tuple[int, ...]) -> None:
    body, sent = gzip.compress(TEXT.encode()), b""
    for size in sizes:
        chunk, body = body[:size], body[size:]
        sent += f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n"
    sent += b"0\r\n\r\n"
    assert sent.endswith(LAST_CHUNK)
    assert plain(sent, chunked=True) == TEXT


def test_a_list_of_known_length_is_read() -> None:
    assert plain(gzip.compress(TEXT.encode()), chunked=False) == TEXT
