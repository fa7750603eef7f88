"""What a back end must do, one small Protocol per file. Back ends are loaded by name."""
