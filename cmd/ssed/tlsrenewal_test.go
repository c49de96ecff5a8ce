package main

import (
	"crypto/tls"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ssed/ssed/internal/testtool"
)

// TestFeedUsesRenewedCertificate verifies that "ssed pub" sends the certificate that is in its file
// at the time of the reconnection, and waits while the file is not valid.
func TestFeedUsesRenewedCertificate(t *testing.T) {
	t.Parallel()
	ca := testtool.NewCA(t, "our CA")
	seen := make(chan string, 100)
	config := testtool.ServerConfig(ca.Issue(t, testtool.Leaf{}))
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
	config.VerifyConnection = func(state tls.ConnectionState) error {
		seen <- state.PeerCertificates[0].SerialNumber.String()
		return nil
	}
	s := startTLS(t, config)
	network := testtool.StartProxy(t, "http://"+s.publish)
	file := filepath.Join(t.TempDir(), "client.pem")
	install := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	renew := func() (serial string) {
		t.Helper()
		c := ca.Issue(t, testtool.Leaf{Client: true})
		text, err := os.ReadFile(c.BothFile)
		if err != nil {
			t.Fatal(err)
		}
		install(text)
		return c.Pair.Leaf.SerialNumber.String()
	}

	pets := testtool.Subscribe(t, s.daemon.Subscribe[0]+"/subscribe/pets")
	serial := renew()
	cmd := exec.Command(testtool.Build(t), "pub", "-v", "--to=tls://"+strings.TrimPrefix(network.URL, "http://"),
		"--ca-file="+ca.File, "--cert-file="+file, "--key-file="+file, "/pets")
	cmd.Env = testtool.Environ()
	lines, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr testtool.LockedBuffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	publish := func(line string) {
		t.Helper()
		if _, err := lines.Write([]byte(line + "\n")); err != nil {
			t.Fatalf("%v\n%s", err, stderr.String())
		}
		for !strings.HasSuffix(pets.Frame(t), "\ndata:"+line+"\n\n") { // a line before it may be sent again
		}
	}
	publish("Poodle")
	if got := <-seen; got != serial {
		t.Errorf("the first connection has certificate %s, want %s", got, serial)
	}
	install(nil)
	network.Cut()
	testtool.WaitFor(t, "the report", func() bool { return strings.Contains(stderr.String(), file+" contains no certificate") })
	serial = renew()
	publish("Corgi")
	if got := <-seen; got != serial {
		t.Errorf("the next connection has certificate %s, want %s", got, serial)
	}
	lines.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, stderr.String())
	}
}
