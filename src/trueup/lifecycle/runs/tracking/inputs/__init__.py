"""What tracked runs read and made: datasets by name and digest, and models. Read `service.py`."""
