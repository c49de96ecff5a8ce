package auth_test

import (
	"errors"
	"fmt"

	"github.com/ssed/ssed/auth"
)

// A right requires a token only if at least one token has it.
func ExampleParseTable() {
	tokens, err := auth.ParseTable([]string{
		"# the shop's own programs",
		"shop-secret publish /shop",
		"operators-secret admin",
		"prometheus-secret metrics",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, right := range []auth.Right{auth.Subscribe, auth.Publish, auth.Admin, auth.Metrics} {
		fmt.Println(right, "needs a token:", tokens.Required(right))
	}
	grant, ok := tokens.Grant([]byte("shop-secret"), auth.Publish)
	fmt.Println(ok, grant.Allows([]byte("/shop/orders")), grant.Allows([]byte("/news")))

	_, err = auth.ParseTable([]string{"short publish"})
	fmt.Println(errors.Is(err, auth.ErrToken), len("short") < auth.TokenBytesMin)
	// Output:
	// subscribe needs a token: false
	// publish needs a token: true
	// admin needs a token: true
	// metrics needs a token: true
	// true true false
	// true true
}

// Combine the tokens of the flags with those of a reloaded file, and check that a deleted line does
// not open a right to all clients.
func ExampleTable_Opens() {
	flags, _ := auth.ParseTable([]string{"operators-secret admin"})
	file, _ := auth.ParseTable([]string{"shop-secret publish"})
	inForce := flags.And(file)

	file, _ = auth.ParseTable(nil)
	next := flags.And(file)
	fmt.Println(inForce.Len(), next.Len(), next.Opens(inForce))
	// Output: 2 1 [publish]
}
