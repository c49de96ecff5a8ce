package testtool

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"testing"
	"time"
)

// A CA is a certificate authority that exists during one test.
type CA struct {
	File string // its certificate, in PEM form

	folder string // of the files of this CA
	cert   *x509.Certificate
	key    crypto.Signer
	chain  [][]byte // the certificates between its leaves and the root, this CA's first; empty for a root
}

// A Leaf describes a certificate to issue. The zero value is a server certificate for localhost and
// 127.0.0.1 with an EC key, which is valid now.
type Leaf struct {
	Names     []string  // host names and IP addresses
	Client    bool      // a client certificate instead of a server certificate
	RSA       bool      // an RSA key instead of an EC key
	NotBefore time.Time // default: an hour ago
	NotAfter  time.Time // default: in 90 days
}

// A Cert is a certificate with its chain and its private key.
type Cert struct {
	CertFile string // the certificate, then its intermediate CAs, in PEM form
	KeyFile  string // the private key, in PEM form
	BothFile string // the content of both files, as HAProxy expects it

	Pair tls.Certificate
}

// NewCA returns a root CA.
func NewCA(t testing.TB, name string) *CA {
	t.Helper()
	return newCA(t, name, caEnd(), nil)
}

// Intermediate returns a CA with a certificate of ca. Its leaves contain that certificate.
func (ca *CA) Intermediate(t testing.TB, name string) *CA {
	t.Helper()
	return newCA(t, name, caEnd(), ca)
}

// ExpiredIntermediate is Intermediate with a certificate that has expired.
func (ca *CA) ExpiredIntermediate(t testing.TB, name string) *CA {
	t.Helper()
	return newCA(t, name, time.Now().Add(-time.Hour), ca)
}

// caEnd returns the time until which a CA is valid.
func caEnd() time.Time { return time.Now().Add(365 * 24 * time.Hour) }

func newCA(t testing.TB, name string, notAfter time.Time, parent *CA) *CA {
	t.Helper()
	ca := &CA{folder: t.TempDir(), key: newKey(t, false)}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-48 * time.Hour),
		NotAfter:              notAfter,
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	signer := &CA{cert: template, key: ca.key} // of itself
	if parent != nil {
		signer = parent
	}
	der := signer.sign(t, template, ca.key)
	if parent != nil {
		ca.chain = append([][]byte{der}, parent.chain...)
	}
	var err error
	if ca.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	ca.File = ca.write(t, "ca-*.pem", certPEM(der))
	return ca
}

// Pool returns a pool that contains only this CA.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}

// Issue returns a new certificate.
func (ca *CA) Issue(t testing.TB, l Leaf) *Cert {
	t.Helper()
	if l.Names == nil && !l.Client {
		l.Names = []string{"localhost", "127.0.0.1"}
	}
	if l.NotBefore.IsZero() {
		l.NotBefore = time.Now().Add(-time.Hour)
	}
	if l.NotAfter.IsZero() {
		l.NotAfter = time.Now().Add(90 * 24 * time.Hour)
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "leaf of " + ca.cert.Subject.CommonName},
		NotBefore:   l.NotBefore,
		NotAfter:    l.NotAfter,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if l.Client {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	for _, name := range l.Names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	key := newKey(t, l.RSA)
	chain := certPEM(append([][]byte{ca.sign(t, template, key)}, ca.chain...)...)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	pair, err := tls.X509KeyPair(chain, private)
	if err != nil {
		t.Fatal(err)
	}
	return &Cert{
		CertFile: ca.write(t, "cert-*.pem", chain),
		KeyFile:  ca.write(t, "key-*.pem", private),
		BothFile: ca.write(t, "both-*.pem", append(chain, private...)),
		Pair:     pair,
	}
}

// ServerConfig returns a server's TLS configuration with these certificates.
func ServerConfig(certs ...*Cert) *tls.Config {
	config := &tls.Config{}
	for _, c := range certs {
		config.Certificates = append(config.Certificates, c.Pair)
	}
	return config
}

// sign returns a certificate for a key, in DER form.
func (ca *CA) sign(t testing.TB, template *x509.Certificate, key crypto.Signer) []byte {
	t.Helper()
	var err error
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// write creates a file. The * in its name becomes a random text.
func (ca *CA) write(t testing.TB, name string, text []byte) (path string) {
	t.Helper()
	file, err := os.CreateTemp(ca.folder, name)
	if err == nil {
		_, err = file.Write(text)
	}
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

func newKey(t testing.TB, isRSA bool) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	if isRSA {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func certPEM(ders ...[]byte) (text []byte) {
	for _, der := range ders {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return text
}
