"""What is in the files of a model, found out by looking at bytes; nothing is loaded.

`containers.py` looks into files, `pickles.py` knows a pickle when it sees one, `reading.py` says
what a folder of files is: quarantined, or of which format and signature.
"""
