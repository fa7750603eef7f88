"""Models: immutable versions with signature and origin, and the aliases that point at them."""
