"""``ft new``: the beginnings of a package."""
