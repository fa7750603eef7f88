"""Passwords: by which people sign in who have no token."""
