"""Automation: what happens without being asked: schedules, triggers, and reactions to events.

Read `reacting.py` first; `scheduler.py` says when, `standby.py` what a server does of it.
"""
