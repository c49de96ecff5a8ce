// Package tidy contains only tests. They check the source tree: the imports of each package, the
// packages without I/O, the comments of exported names, the sizes of files and functions, and the
// documents.
package tidy
