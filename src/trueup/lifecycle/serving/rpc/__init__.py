"""The Open Inference Protocol over gRPC: the same requests, told to the same application."""
