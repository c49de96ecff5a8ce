// Package tidy holds no code, only the tests that keep the house in order:
// which room may import which, what a pure room may not touch, that everything
// public is documented, and how long files and functions may get.
package tidy
