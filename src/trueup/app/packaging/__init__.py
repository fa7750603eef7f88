"""A model version as something that runs elsewhere: an OCI image layout and a plain folder."""
