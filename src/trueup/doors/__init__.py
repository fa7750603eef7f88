"""The ways in: command line, HTTP API, web pages. Doors are thin: stages hold the verbs."""
