"""Tests that stay valid however often one looks, for canaries and running monitors.

An e-value is evidence against "nothing is wrong": it exceeds 1 / alpha at any time, ever, with
chance alpha at most if nothing is wrong (Ville). Everything here takes totals, so order does not
matter, and arrays of any leading shape, so simulations run thousands at once. Nothing here knows a
clock or a deployment. Read `intervals.py` beside this folder for results that are looked at once.
"""
