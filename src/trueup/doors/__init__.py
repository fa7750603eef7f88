"""The doors: command line, HTTP, web pages. Thin: each calls one verb and shows the result."""
