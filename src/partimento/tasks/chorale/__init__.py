"""The chorale slice: harmonise and compose in four parts; see README.md."""
