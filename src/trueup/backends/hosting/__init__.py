"""Services that host Git repositories, one file each."""
