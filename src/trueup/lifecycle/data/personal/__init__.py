"""Personal data in columns: how numbers of people look, and which numbers are genuine."""
