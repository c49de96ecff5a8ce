package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/ssed/ssed/publish"
)

// lostWords says what happened to a connection of "ssed sub" or "ssed pub", and what
// happens next. failures is 0 for one that was just lost, and then counts the attempts
// that failed.
func lostWords(why error, failures int, wait time.Duration) string {
	said := printable(why.Error())
	if _, refused := errors.AsType[*publish.ReplyError](why); failures == 0 && !refused {
		said = "connection lost: " + said
	}
	return fmt.Sprintf("%s; connecting again in %.1f s", said, wait.Seconds())
}
