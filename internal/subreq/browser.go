package subreq

import (
	"bytes"

	"github.com/ssed/ssed/httpparse"
)

// isBrowserField reports whether a field shows that the client is a browser or another EventSource.
// Such a field is an Accept with text/event-stream (HTML section 9.2.2), or one of the Fetch
// metadata fields Sec-Fetch-*, which pages cannot set. Browsers send Sec-Fetch-* only over https
// and to localhost, so on plain http, a page's fetch() is recognized only by its Accept.
func isBrowserField(f *httpparse.Field) bool {
	const metadata = "Sec-Fetch-"
	return len(f.Name) > len(metadata) && bytes.EqualFold(f.Name[:len(metadata)], []byte(metadata)) ||
		f.Is("Accept") && acceptsStream(f.Value)
}

// acceptsStream reports whether an Accept value contains the media range text/event-stream with a
// weight above zero (RFC 9110 sections 12.5.1 and 12.4.2). "*/*" does not count, because nearly
// every client sends it.
func acceptsStream(accept []byte) bool {
	for len(accept) > 0 {
		var element []byte
		element, accept, _ = bytes.Cut(accept, []byte(","))
		media, parameters, _ := bytes.Cut(element, []byte(";"))
		if bytes.EqualFold(bytes.Trim(media, " \t"), []byte("text/event-stream")) && !hasNoWeight(parameters) {
			return true
		}
	}
	return false
}

// hasNoWeight reports whether the parameters of a media range contain the weight 0.
func hasNoWeight(parameters []byte) bool {
	for len(parameters) > 0 {
		var p []byte
		p, parameters, _ = bytes.Cut(parameters, []byte(";"))
		p = bytes.Trim(p, " \t")
		if len(p) > 2 && (p[0] == 'q' || p[0] == 'Q') && p[1] == '=' {
			return len(bytes.Trim(p[2:], "0.")) == 0
		}
	}
	return false
}
