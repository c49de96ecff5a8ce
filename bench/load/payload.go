package load

import "fmt"

// A payload is one marker, then the sequence number, then the time of publishing, then filler:
//
//	~ssssssttttttttfillerfillerfi
//
// Digits are base 64, so that the smallest payload is 15 bytes. The marker occurs nowhere else,
// which lets the scanner find payloads in any framing. Topics share the numbering: each has its own
// range, so a message that strays into another topic's stream is seen as a gap.
const (
	marker     = '~'
	seqDigits  = 6
	timeDigits = 8
	seqAt      = 1
	timeAt     = seqAt + seqDigits
	fillerAt   = timeAt + timeDigits

	// PayloadMin is the smallest payload, in bytes.
	PayloadMin = fillerAt

	seqBits = 6 * seqDigits
)

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"

// pairs holds two digits for every 12 bits, value is the way back; 0xff is no digit.
var (
	pairs [4096][2]byte
	value [256]byte
)

func init() {
	for i := range value {
		value[i] = 0xff
	}
	for i := range pairs {
		pairs[i] = [2]byte{digits[i>>6], digits[i&63]}
	}
	for i := range len(digits) {
		value[digits[i]] = byte(i)
	}
}

// putDigits writes v into all of b, whose length is even.
func putDigits(b []byte, v uint64) {
	for i := len(b) - 2; i >= 0; i -= 2 {
		p := pairs[v&4095]
		b[i], b[i+1] = p[0], p[1]
		v >>= 12
	}
}

// getDigits reads what putDigits wrote.
func getDigits(b []byte) (uint64, bool) {
	var v uint64
	for _, c := range b {
		d := value[c]
		if d == 0xff {
			return 0, false
		}
		v = v<<6 | uint64(d)
	}
	return v, true
}

// newPayload returns a payload of size bytes with sequence number and time still to be put in.
func newPayload(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = digits[10+i%52]
	}
	b[0] = marker
	putDigits(b[seqAt:timeAt], 0)
	putDigits(b[timeAt:fillerAt], 0)
	return b
}

// readPayload takes a whole payload apart; filler is what must stand at its end.
func readPayload(b, filler []byte) (seq uint64, at int64, err error) {
	seq, ok := getDigits(b[seqAt:timeAt])
	t, ok2 := getDigits(b[timeAt:fillerAt])
	if !ok || !ok2 || b[0] != marker || string(b[fillerAt:]) != string(filler) {
		return 0, 0, fmt.Errorf("a payload was damaged on the way: %.80q", b)
	}
	return seq, int64(t), nil
}
