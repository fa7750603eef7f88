"""Model file formats; the file name is the format."""
