"""Draw what a command printed as an SVG picture of a terminal.

ft run --plugins ner,augment | tee run.txt; python docs/images/make_picture.py run.txt run.svg
"""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

TITLE = "ft run --plugins ner,augment"


def main(source: Path, target: Path) -> None:
    """Write the text of ``source`` as a picture."""
    lines = source.read_text(encoding="utf-8").rstrip().split("\n")
    width = max(map(len, lines))
    console = Console(record=True, width=min(width, 110), file=StringIO(), force_terminal=True)
    console.print(Text(f"$ {TITLE}", style="bold green"))
    for line in lines:
        console.print(Text(line), overflow="fold")
    target.write_text(
        console.export_svg(title=TITLE, theme=MONOKAI, font_aspect_ratio=0.61), encoding="utf-8"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
