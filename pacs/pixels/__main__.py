"""`python -m pacs.pixels SOCKET PROCESSES MEMORY_MB SECONDS`: a codec server that ends when its standard input does."""

import sys
from pathlib import Path

from pacs.pixels.server import serve_codecs

if __name__ == "__main__":
    serve_codecs(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), lifeline=0)
