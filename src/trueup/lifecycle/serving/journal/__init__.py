"""The prediction journal: segments of frames, one writer, many readers."""
