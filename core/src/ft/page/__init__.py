"""Pages for people, each one HTML file; they need the libraries of the extra ``ft-core[report]``."""

from importlib.util import find_spec

from ft.contract.errors import UserError


def require_libraries() -> None:
    """See that what pages are made with is installed.

    Raises:
        UserError: it is not; says what is missing.
    """
    missing = [name for name in ("jinja2", "matplotlib") if find_spec(name) is None]
    if missing:
        raise UserError(
            f"a page needs {' and '.join(missing)}, which {'are' if missing[1:] else 'is'} not here",
            hint="pip install 'ft-core[report]'",
        )
