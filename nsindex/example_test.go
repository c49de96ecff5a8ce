package nsindex_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ssed/ssed/nsindex"
)

// Namespaces are paths, and match by whole segments.
func ExampleCanonical() {
	for _, text := range []string{"/pets/dogs/", "/", "pets", "/pets//dogs", "/pets/../secret", strings.Repeat("/x", nsindex.NamespaceSegmentsMax+1)} {
		ns, err := nsindex.Canonical(text)
		fmt.Printf("%.15s bad: %v\n", ns, errors.Is(err, nsindex.ErrNamespace))
	}
	fmt.Println(nsindex.Within([]byte("/pets/dogs"), "/pets"), nsindex.Within([]byte("/petsmart"), "/pets"))
	// Output:
	// /pets/dogs bad: false
	// / bad: false
	// pets bad: true
	// /pets//dogs bad: true
	// /pets/../secret bad: true
	// /x/x/x/x/x/x/x/ bad: true
	// true false
}

// A set contains the namespaces of one subscription. A namespace below another one is omitted.
// Equal sets have equal keys.
func ExampleSet() {
	set, err := nsindex.NewSet("/time", "/pets/dogs", "/pets")
	fmt.Println(set.Members(), err)
	same, _ := nsindex.NewSet("/pets/", "/time")
	fmt.Println(set.Key() == same.Key())

	many := make([]string, nsindex.SetMax+1)
	for i := range many {
		many[i] = fmt.Sprint("/n", i)
	}
	_, err = nsindex.NewSet(many...)
	fmt.Println(errors.Is(err, nsindex.ErrNamespace))
	long := "/" + strings.Repeat("x", nsindex.NamespaceBytesMax-3)
	_, err = nsindex.NewSet(long+"1", long+"2", long+"3", long+"4", long+"5")
	fmt.Println(err != nil, 5*len(long) > nsindex.SetBytesMax)
	// Output:
	// [/pets /time] <nil>
	// true
	// true
	// true true
}

// The index finds the sets that a message matches, with one lookup per segment and one for "/". The
// type of the values is the caller's choice. In this example it is a name of the set.
func ExampleIndex() {
	var index nsindex.Index[string]
	pets, _ := nsindex.NewSet("/pets", "/time")
	dogs, _ := nsindex.NewSet("/pets/dogs")
	index.Attach(pets, "pets and time")
	index.Attach(dogs, "dogs")
	fmt.Println("all:", len(index.AppendAll(nil)))

	fmt.Println(index.AppendMatches(nil, []byte("/pets/dogs/corgi")))
	fmt.Println(index.AppendMatches(nil, []byte("/time")))
	index.Detach(dogs)
	_, found := index.Find(dogs)
	fmt.Println(index.Len(), found)
	// Output:
	// all: 2
	// [dogs pets and time]
	// [pets and time]
	// 1 false
}
