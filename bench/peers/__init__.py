"""How much room a corpus takes in cairnfs and in its peers, measured in one run."""
