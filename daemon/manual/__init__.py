"""The manual and shell completion, made from what the commands themselves say of each other.

`python -m daemon.manual FOLDER` writes all of it below FOLDER, as packages lay it out.
"""
