"""Getting an official model file from the hub into its folder, on a click and never by itself.

downloads.py   the one download of this process: start, pause, cancel, what pages are told
fetching.py    one file: look it up, bring the bytes, check them, put it in place
partial.py     what has arrived so far, on the disk beside where the file will be
hub.py         huggingface_hub, which does the talking
problems.py    what can go wrong, a sentence each
"""
