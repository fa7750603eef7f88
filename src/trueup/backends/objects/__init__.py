"""Object stores that can serve as a remote: one file per URL scheme."""
