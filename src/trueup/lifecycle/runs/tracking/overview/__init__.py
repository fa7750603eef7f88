"""What people look at: experiments with their runs counted. Read `service.py`."""
