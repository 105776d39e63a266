"""What runs inside the sandbox: the standard library alone, one JSON line each way. Nothing here is trusted."""
