"""From a request to its recorded answer: route, score, journal, reply."""
