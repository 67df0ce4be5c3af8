"""Making a store smaller, or quicker to read, than it was written: measure, predict, act."""
