"""What a back end must prove, as tests that any package can run over its own back ends.

Import the functions of `conformance` modules in a test file and parametrise them over
`trueup.ports.loading.names(port)`; see `tests/backends` for the use.
"""
