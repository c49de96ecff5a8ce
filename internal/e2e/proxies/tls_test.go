package proxies

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ssed/ssed/internal/testtool"
)

// A tlsFront is a daemon with HAProxy in front of it. HAProxy ends TLS for subscribers and
// publishers.
type tlsFront struct {
	front
	ca      *testtool.CA
	publish string // host:port of HAProxy for publishers
}

// behindTLS starts HAProxy with deploy/haproxy.cfg, its line for TLS, and the lines for publishers
// in docs/proxies.md. asks is added to the line with the certificate for publishers.
func behindTLS(t *testing.T, ca *testtool.CA, idle time.Duration, asks string) tlsFront {
	t.Helper()
	cert := ca.Issue(t, testtool.Leaf{Names: []string{proxyHost}}).BothFile
	daemon, publish := testtool.FreePort(t), testtool.FreePortOn(t, proxyHost)
	p := haproxy
	p.edits = func(at site, idle time.Duration) []edit {
		publishers := testtool.Replace(t, publishersConfig(t), "bind :8003 ssl crt /etc/haproxy/events.pem", "bind "+publish+asks+" ssl crt "+cert)
		publishers = testtool.Replace(t, publishers, "127.0.0.1:8002", daemon)
		return append(haproxy.edits(at, idle),
			edit{"bind :443 ssl crt FILE.pem alpn h2,http/1.1 tcp-ut 60s", "see below"},
			edit{"bind " + at.listen + " tcp-ut 60s\n", "bind " + at.listen + " ssl crt " + cert + " alpn h2,http/1.1 tcp-ut 60s\n"},
			edit{"timeout client 60s\n", "timeout client " + spelled(idle) + "\n"},
			edit{"server ssed " + at.daemon + "\n", "server ssed " + at.daemon + "\n" + publishers})
	}
	return tlsFront{behind(t, p, idle, "--publish=tcp://"+daemon), ca, publish}
}

// publishersConfig returns the lines for publishers in docs/proxies.md.
func publishersConfig(t *testing.T) string {
	t.Helper()
	doc, err := os.ReadFile("../../../docs/proxies.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```haproxy\n(.*?)```").FindSubmatch(doc)
	if found == nil {
		t.Fatal("docs/proxies.md has no configuration of HAProxy")
	}
	return string(found[1])
}

// command returns a command of ssed that trusts the CA.
func (f tlsFront) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(testtool.Build(t), args...)
	cmd.Env = append(testtool.Environ(), "SSED_CA_FILE="+f.ca.File, "SSED_TO=tls://"+f.publish)
	return cmd
}

// fails runs a command, and expects exit code 1 and these words.
func (f tlsFront) fails(t *testing.T, says string, args ...string) {
	t.Helper()
	out, err := f.command(t, args...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), says) {
		t.Errorf("ssed %s: %v, want %q:\n%s", strings.Join(args, " "), err, says, out)
	}
}

// TestTLSToHAProxy verifies that a message passes from "ssed pub" to "ssed sub", with TLS on both
// sides, and that "ssed doctor" finds no problem.
func TestTLSToHAProxy(t *testing.T) {
	testtool.Need(t, haproxy.program)
	f := behindTLS(t, testtool.NewCA(t, "our CA"), idleShipped, "")
	url := "https://" + f.listen
	if strings.Contains(f.proxy.Errors(), "[WARNING]") {
		t.Errorf("HAProxy warns about its configuration:\n%s", f.proxy.Errors())
	}
	sub := f.command(t, "sub", "--count=1", url, "/pets")
	var printed testtool.LockedBuffer
	sub.Stdout, sub.Stderr = &printed, &printed
	if err := sub.Start(); err != nil {
		t.Fatal(err)
	}
	defer sub.Process.Kill()
	testtool.WaitFor(t, "the subscriber", func() bool { return f.daemon.Logged(` msg="subscriber connected" `) == 1 })
	if out, err := f.command(t, "pub", "--event=new-dog", "/pets/dogs", "Corgi").CombinedOutput(); err != nil {
		t.Fatalf("ssed pub: %v\n%s", err, out)
	}
	if err := sub.Wait(); err != nil || !strings.Contains(printed.String(), " new-dog: Corgi\n") {
		t.Errorf("ssed sub: %v\n%s", err, printed.String())
	}

	out, err := f.command(t, "doctor", "--idle=1s", "--publish=tls://"+f.publish, url, "/pets").CombinedOutput()
	for _, words := range []string{"ok   events       the published event was received after ", `ok   tls          TLS 1.3, protocol "h2" (ALPN); the certificate expires in 89 days, on `} {
		if err != nil || !strings.Contains(string(out), words) {
			t.Errorf("ssed doctor: %v, want %q:\n%s", err, words, out)
		}
	}

	f.fails(t, "signed by an unknown authority", "pub", "--ca-file="+testtool.NewCA(t, "another CA").File, "/pets", "x")
	f.fails(t, "if it uses TLS, use tls://", "pub", "--to=tcp://"+f.publish, "/pets", "x")
	f.fails(t, "uses TLS, use https://", "sub", "http://"+f.listen, "/pets")
	f.daemon.Stop(t)
	f.fails(t, "EOF: is ssed running behind that proxy?", "pub", "/pets", "x")
}

// TestClientCertificatesToHAProxy verifies that HAProxy with "verify required" accepts only
// publishers with a certificate of its CA, and that the others learn the reason.
func TestClientCertificatesToHAProxy(t *testing.T) {
	testtool.Need(t, haproxy.program)
	ca := testtool.NewCA(t, "our CA")
	if !strings.Contains(publishersConfig(t), "ca-file /etc/haproxy/publishers-ca.pem verify required\n") {
		t.Error("docs/proxies.md does not describe client certificates")
	}
	f := behindTLS(t, ca, idleShipped, " ca-file "+ca.File+" verify required")
	flags := func(signer *testtool.CA) []string {
		c := signer.Issue(t, testtool.Leaf{Client: true})
		return []string{"pub", "--cert-file=" + c.CertFile, "--key-file=" + c.KeyFile, "/pets", "x"}
	}
	if out, err := f.command(t, flags(ca)...).CombinedOutput(); err != nil {
		t.Errorf("ssed pub: %v\n%s", err, out)
	}
	f.fails(t, "the server requires a client certificate; set it with --cert-file and --key-file", "pub", "/pets", "x")
	f.fails(t, "the server refuses the client certificate: it does not trust its CA", flags(testtool.NewCA(t, "strangers"))...)
}

// TestSilentPublisherToHAProxy verifies that HAProxy keeps the connection of a publisher that is
// silent for longer than the idle timeout of subscribers.
func TestSilentPublisherToHAProxy(t *testing.T) {
	testtool.Long(t, "it waits for a proxy's idle timeout")
	testtool.Need(t, haproxy.program)
	f := behindTLS(t, testtool.NewCA(t, "our CA"), time.Second, "")
	cmd := f.command(t, "pub", "--strict", "/pets") // it does not reconnect
	lines, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var printed testtool.LockedBuffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	for _, line := range []string{"one\n", "two\n"} {
		if _, err := lines.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second) // the silence that this test is about
	}
	lines.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("ssed pub: %v\n%s", err, printed.String())
	}
}
