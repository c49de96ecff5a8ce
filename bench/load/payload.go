package load

import "fmt"

// A payload is a marker, the sequence number, the time of publishing, and filler:
//
//	~ssssssttttttttfillerfillerfi
//
// Digits are base 64, so that the smallest payload has 15 bytes. The marker occurs nowhere else, so
// the scanner can find payloads in any framing. Each topic has its own range of sequence numbers,
// so a message that arrives in another topic's stream appears as a gap.
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

// pairs holds two digits for every value of 12 bits. value converts a digit back; 0xff marks a byte
// that is not a digit.
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

// putDigits writes v into all of b. The length of b must be even.
func putDigits(b []byte, v uint64) {
	for i := len(b) - 2; i >= 0; i -= 2 {
		p := pairs[v&4095]
		b[i], b[i+1] = p[0], p[1]
		v >>= 12
	}
}

// getDigits reads a number that putDigits wrote.
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

// newPayload returns a payload of size bytes with sequence number and time set to 0.
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

// readPayload parses a whole payload. It must end in filler.
func readPayload(b, filler []byte) (seq uint64, at int64, err error) {
	seq, ok := getDigits(b[seqAt:timeAt])
	t, ok2 := getDigits(b[timeAt:fillerAt])
	if !ok || !ok2 || b[0] != marker || string(b[fillerAt:]) != string(filler) {
		return 0, 0, fmt.Errorf("damaged payload: %.80q", b)
	}
	return seq, int64(t), nil
}
