//go:build tools

// Package versitygw pins the S3 gateway over a folder that the tests of stores build and run.
package versitygw

import _ "github.com/versity/versitygw/cmd/versitygw"
