package subreq

import (
	"testing"
)

// chromiumFields are the fields that Chromium sends with an EventSource.
var chromiumFields = []string{
	"Connection: keep-alive",
	`sec-ch-ua-platform: "Linux"`,
	"Cache-Control: no-cache",
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
	"Accept: text/event-stream",
	`sec-ch-ua: "Not;A=Brand";v="99", "Chromium";v="139"`,
	"sec-ch-ua-mobile: ?0",
	"Origin: https://www.example.org",
	"Sec-Fetch-Site: same-site",
	"Sec-Fetch-Mode: cors",
	"Sec-Fetch-Dest: empty",
	"Referer: https://www.example.org/",
	"Accept-Encoding: gzip, deflate, br, zstd",
	"Accept-Language: en-GB,en;q=0.9",
}

// BenchmarkParse measures Parse for a head that httpparse has parsed.
func BenchmarkParse(b *testing.B) {
	for _, bm := range []struct {
		from, target string
		fields       []string
	}{
		{"curl", "/subscribe/pets", []string{"User-Agent: curl/8.14.1", "Accept: */*"}},
		{"chromium", "/subscribe/pets", chromiumFields},
		{"chromium-set", "/subscribe?ns=/pets&ns=%2Ftime&token=a-long-secret&last=3", chromiumFields},
	} {
		b.Run("head="+bm.from, func(b *testing.B) {
			req := get(b, bm.target, bm.fields...)
			b.ReportAllocs()
			for b.Loop() {
				if r, refusal := parse(req); refusal.Status != 0 || len(r.Set.Members()) == 0 {
					b.Fatal(refusal)
				}
			}
		})
	}
}
