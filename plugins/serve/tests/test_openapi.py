"""The server against its own description: requests that schemathesis makes from the page of OpenAPI.

`python -m pytest -m long plugins/serve/tests/test_openapi.py`; FT_SERVE_EXAMPLES requests an operation.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long
EXAMPLES = os.environ.get("FT_SERVE_EXAMPLES", "20")
LEFT_OUT = (
    "positive_data_acceptance",  # an empty text fits the schema, and is refused
    "negative_data_rejection",  # an item that does not fit is told of in the answer, beside the others
)


def test_what_the_description_says_holds(real: Any, tmp_path: Path) -> None:
    """Whatever is sent, the status is one that the page names, with the body that it describes."""
    pytest.importorskip("schemathesis")
    command = Path(sys.executable).with_name("schemathesis")
    found = str(command) if command.exists() else shutil.which("schemathesis")
    if found is None:
        pytest.skip("the command schemathesis is not on the path")
    client = real("ner", "sentiment", corrections=tmp_path / "kept", max_items=6, max_bytes=20_000)
    good = client.predict("anna went to paris")["answers"]
    options = {
        "--phases": "examples,coverage,fuzzing",
        "--max-examples": EXAMPLES,
        "--seed": "1",
        "--exclude-checks": ",".join(LEFT_OUT),
        "--generation-database": "none",
        "--suppress-health-check": "all",
    }
    given = [word for option in options.items() for word in option]
    address = f"http://127.0.0.1:{client.port}/openapi.json"
    done = subprocess.run(
        [found, "run", address, *given, "--continue-on-failure", "--no-color"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    print(done.stdout[-1500:])
    assert done.returncode == 0, done.stdout
    assert client.predict("anna went to paris")["answers"] == good
    assert client.metric("ft_queue_items") == 0
