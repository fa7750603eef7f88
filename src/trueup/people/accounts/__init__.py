"""Accounts: people whom an owner lets in beside the plan's team."""
