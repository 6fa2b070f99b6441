"""Outside the wheel: calibrations write tables that the package ships, `pages` writes docs/."""
