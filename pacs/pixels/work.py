"""What a codec child does with one request. The only module that brings the codecs together."""

import os
import signal
from math import isfinite
from typing import Any

import imagecodecs

from pacs.errors import UndecodablePixels, UnsupportedTransferSyntax
from pacs.pixels.brief import brief
from pacs.pixels.decode import as_rgb, decode_samples, native_again, native_bytes
from pacs.pixels.encode import encode_frame
from pacs.pixels.header import MOST_FRAME_BYTES, read_header
from pacs.pixels.options import RenderOptions
from pacs.pixels.preview import preview_frame
from pacs.pixels.render import render_frame
from pacs.pixels.syntaxes import NATIVE

_SLOWEST = 2e6  # decoded bytes per second of processor time, a fifth of what the slowest codec does
_LONGEST_SIDE = 16383  # what WebP can hold
_MOST_KEPT = 8 << 20
_room = [bytearray()]
_OPTIONS = frozenset(RenderOptions.__dataclass_fields__)


def answer(head: dict[str, Any], parts: list[bytes], file: int | None = None) -> tuple[dict[str, Any], list[bytes]]:
    """The head and parts of the answer; what cannot be done is an answer too. The frame is read from an open `file`
    when there is one."""
    try:
        if file is not None:
            parts[1] = read_range(file, *head["file"], kept=head["do"] == "render" and head["syntax"] in NATIVE)
        return {}, [_do(head, *parts)]
    except (UndecodablePixels, UnsupportedTransferSyntax) as error:
        return {"error": type(error).__name__, "detail": str(error)}, []
    except MemoryError:
        return {"error": "UndecodablePixels", "detail": "The frame needs more memory than a codec may use"}, []
    except Exception as error:
        return {"error": "UndecodablePixels", "detail": f"The frame cannot be processed ({type(error).__name__})"}, []


def read_range(file: int, offset: int, length: int, *, kept: bool) -> Any:
    """Bytes of a file. `kept` says that they are only looked at until the next request: they lie in memory that is
    used again then, and bringing new pages would cost as much as reading."""
    if not 0 <= length <= MOST_FRAME_BYTES + 2 or offset < 0:
        raise UndecodablePixels("The frame lies nowhere")
    if not kept or length > _MOST_KEPT:
        data = os.pread(file, length, offset)
        if len(data) != length:
            raise UndecodablePixels("The frame is shorter than it was")
        return data
    if len(_room[0]) < length:
        _room[0] = bytearray(length)
    view = memoryview(_room[0])[:length]
    if os.preadv(file, [view], offset) != length:
        raise UndecodablePixels("The frame is shorter than it was")
    return view


def limit_cpu(seconds: float) -> None:
    """From now on this process may use so much processor time, then it is killed; 0 lifts the limit.

    The time limit of a request is for the largest frames. A damaged JPEG-LS frame of 450 pixels kept its decoder busy
    for ten seconds; what is due to its size ends that earlier, however loaded the machine is.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)


def warm() -> None:
    """Load lazily loaded codecs before forking, so that children share them."""
    for name in ("jpeg8", "jpegls", "jpeg2k", "htj2k", "jpegxl"):
        getattr(imagecodecs, f"{name}_decode")
        getattr(imagecodecs, f"{name}_encode")


def _do(head: dict[str, Any], header: bytes, frame_data: bytes, presentation: bytes = b"") -> bytes:
    if head["do"] == "check":
        return f"codecs: imagecodecs {imagecodecs.__version__}".encode()
    syntax, number = str(head["syntax"]), int(head["frame"])
    options = _options(head["options"]) if head["do"] == "render" else None
    needs_all = bool(presentation) or (options is not None and bool(options.annotation))
    parsed = read_header(header if needs_all else brief(header), syntax)
    limit_cpu(2 + parsed.facts.frame_bytes / _SLOWEST)
    if options is not None:
        return render_frame(parsed, syntax, frame_data, number, options, presentation)
    if head["do"] == "preview":
        return preview_frame(parsed, syntax, frame_data, number).packed()
    if head["do"] == "decode" and syntax in NATIVE:
        return native_again(parsed.facts, syntax, frame_data)
    samples = decode_samples(parsed.facts, syntax, frame_data)
    if head["do"] in ("decode", "samples"):
        return native_bytes(parsed.facts, as_rgb(samples))
    return encode_frame(parsed.facts, samples, str(head["target"]))


def _options(given: dict[str, Any]) -> RenderOptions:
    if not set(given) <= _OPTIONS:
        raise UndecodablePixels("The request has unknown options")
    region = given.get("region")
    given = {**given, "annotation": tuple(given.get("annotation", ()))}
    options = RenderOptions(**{**given, "region": tuple(region) if region else None})
    if not all(side is None or 1 <= side <= _LONGEST_SIDE for side in (options.rows, options.columns)):
        raise UndecodablePixels(f"A picture has 1 to {_LONGEST_SIDE} rows and columns")
    if not all(value is None or isfinite(value) for value in (options.window_center, options.window_width)):
        raise UndecodablePixels("A window has a finite center and width")
    return options
