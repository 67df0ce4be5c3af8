"""The page of `cairnfs report`: one HTML file that needs nothing else."""
