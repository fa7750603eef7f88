"""Wiring from configuration, and what runs by itself: automation, scheduler, worker."""
