"""A package, so that no `tests` that a dependency may install is taken for it."""
