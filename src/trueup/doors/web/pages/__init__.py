"""The pages, one file for each noun: a record of what a page says, and the routes that say it."""
