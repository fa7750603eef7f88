"""What a back end must prove, as tests that any package can run over its own back ends.

Each module holds the proofs of one port. Parametrise a test over its `PROOFS` and over
`trueup.ports.loading.names(port)`; `tests/backends` shows how.
"""
