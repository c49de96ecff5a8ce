package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// expiryWarning is the time before the end of a certificate from which on the doctor warns. Tools
// renew certificates about a month before their end. For certificates with a short life, it is a
// third of that life.
const expiryWarning = 14 * 24 * time.Hour

// judgeTLS reports the version of TLS, the protocol that ALPN chose, and the end of the
// certificates.
func judgeTLS(state *tls.ConnectionState, now time.Time) Finding {
	protocol := "no protocol chosen (ALPN)"
	if state.NegotiatedProtocol != "" {
		protocol = fmt.Sprintf("protocol %q (ALPN)", state.NegotiatedProtocol)
	}
	c := firstToExpire(state)
	left := c.NotAfter.Sub(now)
	f := Finding{Check: "tls", Message: fmt.Sprintf("%s, %s; the certificate expires in %s, on %s",
		tls.VersionName(state.Version), protocol, days(left), c.NotAfter.UTC().Format(time.DateOnly))}
	if left < min(expiryWarning, c.NotAfter.Sub(c.NotBefore)/3) {
		f.Warning = true
		f.Fix = []string{"renew the certificate, and make the server load it; check that the automatic renewal works"}
	}
	return f
}

// firstToExpire returns the certificate of the server's chain that expires first. If there are
// several chains, the chain that stays valid for the longest time counts.
func firstToExpire(state *tls.ConnectionState) (best *x509.Certificate) {
	chains := state.VerifiedChains
	if len(chains) == 0 { // the options disable the verification
		chains = [][]*x509.Certificate{state.PeerCertificates}
	}
	for _, chain := range chains {
		first := slices.MinFunc(chain, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
		if best == nil || first.NotAfter.After(best.NotAfter) {
			best = first
		}
	}
	return best
}

// days formats a time in whole days, or in hours if it is shorter than two days.
func days(d time.Duration) string {
	switch hours := int(d.Hours()); {
	case hours == 1:
		return "1 hour"
	case hours < 48:
		return fmt.Sprintf("%d hours", hours)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
