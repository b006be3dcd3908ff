"""Studies: which runs they are made of, what their results say, and how it is shown."""
