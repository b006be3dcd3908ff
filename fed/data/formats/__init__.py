"""The file formats that images of eyes are read from, one a file; none knows of the others."""
