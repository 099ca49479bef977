//go:build tools

// Package minio pins the MinIO server that the cluster tests build and run.
package minio

import _ "github.com/minio/minio"
