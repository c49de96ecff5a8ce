package main

import (
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "nats:", err)
		os.Exit(1)
	}
}

// run serves until SIGTERM.
func run(args []string) error {
	opts, err := options(args)
	if err != nil {
		return err
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return err
	}
	s.ConfigureLogger()
	s.Start()
	s.WaitForShutdown()
	return nil
}

// options parses the command line.
func options(args []string) (*server.Options, error) {
	flags := flag.NewFlagSet("nats", flag.ContinueOnError)
	name := flags.String("name", "", "the server's `name` in its cluster")
	store := flags.String("store", "", "the `folder` for streams")
	listen := flags.String("listen", "", "loopback `address` for clients")
	cluster := flags.String("cluster", "", "loopback `address` for the other servers")
	routes := flags.String("routes", "", "the `addresses` of all servers of the cluster, separated by commas; empty for a single server")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	opts := &server.Options{ServerName: *name, JetStream: true, StoreDir: *store}
	var err error
	if opts.Host, opts.Port, err = loopback(*listen); err != nil || *routes == "" {
		return opts, err
	}
	opts.Cluster.Name = "bench"
	if opts.Cluster.Host, opts.Cluster.Port, err = loopback(*cluster); err != nil {
		return nil, err
	}
	for address := range strings.SplitSeq(*routes, ",") {
		if _, _, err := loopback(address); err != nil {
			return nil, err
		}
		opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats", Host: address})
	}
	return opts, nil
}

// loopback splits an address, and rejects an address that other machines could reach.
func loopback(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return "", 0, fmt.Errorf("invalid address %q: expected a loopback address and a port, like 127.0.0.1:4222", address)
	}
	return host, port, nil
}
