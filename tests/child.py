"""The command ``ft`` as the body of a process that has imported everything already."""

import os
import resource
import signal
import sys

from ft.cli.main import main

request = globals()["REQUEST"]  # put there by `children.Children.start`
WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
for number, stream in enumerate(("stdin", "stdout", "stderr")):
    opened = os.open(request[stream], WRITE if number else os.O_RDONLY, 0o644)
    os.dup2(opened, number)
    os.close(opened)
sys.stdin = os.fdopen(0, closefd=False)
sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
# A shell that runs the tests in the background has everything below it ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.update(request["environment"])
os.chdir(request["folder"])
if request["largest_file"]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest_file"],) * 2)
sys.exit(main(request["arguments"]))
