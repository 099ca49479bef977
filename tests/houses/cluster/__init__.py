"""A real Kubernetes and a real MinIO for the tests: `make cluster`, `make cluster-down`."""
