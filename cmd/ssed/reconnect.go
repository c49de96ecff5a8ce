package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/ssed/ssed/internal/reach"
	"github.com/ssed/ssed/publish"
)

// describeLoss returns the message for a lost connection of "ssed sub" or "ssed pub", with the time
// of the next attempt. failures is the number of attempts that have failed since the connection was
// lost.
func describeLoss(why error, failures int, wait time.Duration) string {
	said := printable(reach.Reason(why).Error())
	if _, refused := errors.AsType[*publish.ReplyError](why); failures == 0 && !refused {
		said = "connection lost: " + said
	}
	return fmt.Sprintf("%s; reconnecting in %.1f s", said, wait.Seconds())
}

// atFirst returns err with advice for the first attempt to connect to a URL. At later attempts, the
// address is known to be right.
func atFirst(err error, url string) error {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: is ssed running there?", err)
	case errors.Is(err, io.EOF) && strings.HasPrefix(url, "tls://"):
		return fmt.Errorf("%w: is ssed running behind that proxy?", err)
	}
	return reach.AdviseTLS(err, url)
}
