"""The command ``ft`` as the body of a process that has imported everything already."""

import os
import resource
import sys

REQUEST: dict  # what `children.Children.start` hands over

for number, (name, flags) in enumerate(
    [
        (REQUEST["stdin"], os.O_RDONLY),
        (REQUEST["stdout"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (REQUEST["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ]
):
    opened = os.open(name, flags, 0o644)
    os.dup2(opened, number)
    os.close(opened)
sys.stdin, sys.stdout, sys.stderr = open(0, closefd=False), open(1, "w"), open(2, "w")  # noqa: SIM115
os.environ.update(REQUEST["environment"])
os.chdir(REQUEST["folder"])
if REQUEST["largest_file"]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (REQUEST["largest_file"],) * 2)

from ft.cli.main import main  # noqa: E402

sys.exit(main(REQUEST["arguments"]))
