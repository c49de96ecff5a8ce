package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/ssed/ssed/publish"
)

// describeLoss returns the message for a lost connection of "ssed sub" or "ssed pub", with the time
// of the next attempt. failures is the number of attempts that have failed since the connection was
// lost.
func describeLoss(why error, failures int, wait time.Duration) string {
	said := printable(why.Error())
	if _, refused := errors.AsType[*publish.ReplyError](why); failures == 0 && !refused {
		said = "connection lost: " + said
	}
	return fmt.Sprintf("%s; reconnecting in %.1f s", said, wait.Seconds())
}
