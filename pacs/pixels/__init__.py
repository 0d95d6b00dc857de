"""Frames: decode, render, transcode. The only room that knows NumPy, Pillow and the codecs.

`pool.Codecs` is the door: it sends a frame to a child process with limits, so that no frame, however hostile, harms
the process that asks. Only `pool`, `server`, `protocol`, `options`, `previews`, `codestream`, `syntaxes` and
`transcode` are imported by other rooms, and none of these loads a codec.
"""
