"""What leads from one schema of the tables to the next one, and back."""
