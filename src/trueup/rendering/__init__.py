"""Words, charts and templates that pages, reports and messages share."""
