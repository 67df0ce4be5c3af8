"""The structured part of a tree: series, their output, and the rules that hold in it."""
